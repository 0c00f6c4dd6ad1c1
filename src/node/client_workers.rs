//! Which workers take clients, and how many each has.
//!
//! A command for a key of another shard is cheap while both workers are awake, and costs two wake-ups while
//! both sleep. So clients are served by as few workers as have time for them: these are awake, their hops
//! travel together, and the workers behind them sleep until there is something for their shards. All shards
//! hold keys in any case. [`Policy`] decides how many are needed; the workers themselves hand clients over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use shards::slot::ShardId;

/// What is known of a worker, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct OfWorker {
    /// The clients that have their seat there.
    clients: AtomicUsize,
    /// See [`ClientWorkers::set_load`].
    load: AtomicU32,
    ran: AtomicU32,
}

/// How busy a worker's thread was in the last period, in thousandths of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// It had something to do: it ran, or waited for a processor.
    pub wanted: u32,
    /// It ran.
    pub ran: u32,
}

/// Where a client is counted: at the worker that serves it, or shall serve it, from the moment when that is
/// decided. So two looks at the counts never decide the same move twice, however long it takes. One for each
/// client.
#[derive(Debug)]
pub struct Seat(Arc<OfWorker>);

impl Seat {
    fn at(of_worker: &Arc<OfWorker>) -> Seat {
        of_worker.clients.fetch_add(1, Ordering::Relaxed);
        Seat(Arc::clone(of_worker))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One per node.
#[derive(Debug)]
pub struct ClientWorkers {
    workers: Vec<Arc<OfWorker>>,
    /// The first so many workers take clients.
    count: AtomicUsize,
}

/// A clear difference from a worker's share: so many clients, and this part of the share. A new client goes
/// to another worker when that has so many fewer; others move when the first and the last differ by twice
/// that.
const SLACK: usize = 2;
const SLACK_PART: usize = 8;

impl ClientWorkers {
    /// For the workers of so many shards, the first `count` of which take clients.
    pub fn new(shards: usize, count: usize) -> ClientWorkers {
        let workers = (0..shards).map(|_| Arc::default()).collect();
        ClientWorkers { workers, count: AtomicUsize::new(count.clamp(1, shards)) }
    }

    /// How many workers take clients.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// From now on the first `count` workers take clients.
    pub fn set_count(&self, count: usize) {
        self.count.store(count.clamp(1, self.workers.len()), Ordering::Relaxed);
    }

    /// A seat at a worker; none at the control worker, whose clients are no concern of the others.
    pub fn seat(&self, worker: ShardId) -> Option<Seat> {
        self.workers.get(worker.index()).map(Seat::at)
    }

    /// Told by a worker of itself: how busy its thread was.
    pub fn set_load(&self, worker: ShardId, load: Load) {
        if let Some(of_worker) = self.workers.get(worker.index()) {
            of_worker.load.store(load.wanted, Ordering::Relaxed);
            of_worker.ran.store(load.ran, Ordering::Relaxed);
        }
    }

    /// The loads of all workers with shards.
    pub fn loads(&self) -> impl Iterator<Item = Load> {
        self.workers.iter().map(|of_worker| Load {
            wanted: of_worker.load.load(Ordering::Relaxed),
            ran: of_worker.ran.load(Ordering::Relaxed),
        })
    }

    fn clients(&self) -> impl Iterator<Item = usize> {
        self.workers.iter().map(|of_worker| of_worker.clients.load(Ordering::Relaxed))
    }

    /// The worker that takes clients and has the fewest, and how many these are.
    fn fewest(&self) -> (ShardId, usize) {
        let serving = self.clients().take(self.count()).enumerate();
        let fewest = serving.min_by_key(|&(_, clients)| clients).expect("at least one takes clients");
        (ShardId(fewest.0 as u16), fewest.1)
    }

    /// What each worker that takes clients should have at least.
    fn share(&self) -> usize {
        self.clients().sum::<usize>() / self.count()
    }

    /// The worker for a client that `worker` has accepted: itself, unless it takes none, or has clearly more
    /// than the one that has the fewest.
    pub fn place(&self, worker: ShardId) -> ShardId {
        let (least, fewest) = self.fewest();
        let own = self.clients().nth(worker.index()).unwrap_or(0);
        if worker.index() < self.count() && own < fewest + slack(fewest) { worker } else { least }
    }

    /// How many clients a worker has too many: all, if it takes none, or what it has over its share while
    /// another one has clearly fewer.
    pub fn surplus(&self, worker: ShardId) -> usize {
        let Some(own) = self.clients().nth(worker.index()) else { return 0 };
        let share = self.share();
        match worker.index() < self.count() {
            false => own,
            true if own > self.fewest().1 + 2 * slack(share) => own.saturating_sub(share),
            true => 0,
        }
    }

    /// The worker that should have the next client of one that has a surplus; none when the surplus is
    /// gone, by what other workers have decided meanwhile.
    pub fn taker(&self, worker: ShardId) -> Option<ShardId> {
        let own = self.clients().nth(worker.index())?;
        let (to, fewest) = self.fewest();
        let shall_give = worker.index() >= self.count() || (own > self.share() && own > fewest + 1);
        shall_give.then_some(to)
    }
}

/// See [`SLACK`].
fn slack(share: usize) -> usize {
    SLACK + share / SLACK_PART
}

/// One more worker takes clients when those that do are busy for this much of a period, in thousandths.
const HIGH_LOAD: u32 = 750;
/// That many periods in a row.
const HIGH_PERIODS: u32 = 2;
/// A further worker is of use only if its processor has had nothing to do for this much of a period, in
/// thousandths.
const SPARE_MIN: u32 = 300;
/// One worker fewer takes clients when the others would then run for no more than this much, in thousandths.
const LOW_RUN: u32 = 600;
/// What one worker runs for the clients of two, in hundredths of what these run together: the hops between
/// two cost the rest, as they seldom find the other one awake (measured: 55 at one command a packet, nearly
/// 100 at sixteen).
const RUN_OF_ONE_FOR_TWO: u32 = 65;
/// That many periods in a row: a second.
const LOW_PERIODS: u32 = 10;
/// If help that went was needed again within so many periods, it stays twice as long the next time.
const REGRET_PERIODS: u32 = 100;
/// But no longer than so many periods: ten minutes.
const LOW_PERIODS_MAX: u32 = 6000;
/// When there was no processor for a further worker, that is looked at again after so many periods.
const REFUSED_PERIODS: u32 = 10;

/// How many workers should take clients. The first worker has one, and asks it once in a period of 100 ms.
#[derive(Debug)]
pub struct Policy {
    high: u32,
    low: u32,
    /// Periods until it is asked for a processor again.
    refused: u32,
    /// How many low periods make help go.
    low_periods: u32,
    /// Periods since help went.
    since_fewer: u32,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { high: 0, low: 0, refused: 0, low_periods: LOW_PERIODS, since_fewer: REGRET_PERIODS }
    }
}

impl Policy {
    /// The number of workers from now on. `spare` tells how much of the last period the processor of a worker
    /// has had nothing to do, in thousandths, if that is known; it is asked only when it matters, at least
    /// two periods in a row.
    pub fn decide(
        &mut self,
        count: usize,
        loads: &[Load],
        mut spare: impl FnMut(ShardId) -> Option<u32>,
    ) -> usize {
        let serving = &loads[..count.min(loads.len())];
        let wanted: u32 = serving.iter().map(|load| load.wanted).sum();
        self.refused = self.refused.saturating_sub(1);
        self.since_fewer = self.since_fewer.saturating_add(1);
        let is_high = wanted >= HIGH_LOAD * count as u32 && count < loads.len();
        self.high = if is_high && self.refused == 0 { self.high + 1 } else { 0 };
        self.low = if count > 1 && is_low(serving) { self.low + 1 } else { 0 };
        if self.low >= self.low_periods {
            (self.low, self.since_fewer) = (0, 0);
            return count - 1;
        }
        if self.high == 0 {
            return count;
        }
        let is_free = spare(ShardId(count as u16)).is_none_or(|spare| spare >= SPARE_MIN);
        if self.high < HIGH_PERIODS {
            return count;
        }
        self.high = 0;
        if !is_free {
            self.refused = REFUSED_PERIODS;
            return count;
        }
        self.low_periods = match self.since_fewer < REGRET_PERIODS {
            true => (self.low_periods * 2).min(LOW_PERIODS_MAX),
            false => LOW_PERIODS,
        };
        // Where there are many, more than one step is needed, and soon.
        (count * 2).min(loads.len())
    }
}

/// One worker fewer would do.
fn is_low(serving: &[Load]) -> bool {
    let ran: u32 = serving.iter().map(|load| load.ran).sum();
    let expected = if serving.len() == 2 { ran * RUN_OF_ONE_FOR_TWO / 100 } else { ran };
    expected <= LOW_RUN * (serving.len() as u32 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Workers with so many clients each.
    struct Seated {
        workers: ClientWorkers,
        seats: Vec<Vec<Seat>>,
    }

    fn of(clients: &[usize], count: usize) -> Seated {
        let workers = ClientWorkers::new(clients.len(), count);
        let seats = |(worker, &clients): (usize, &usize)| {
            (0..clients).filter_map(|_| workers.seat(ShardId(worker as u16))).collect()
        };
        let seats = clients.iter().enumerate().map(seats).collect();
        Seated { workers, seats }
    }

    fn place(clients: &[usize], count: usize, worker: u16) -> ShardId {
        of(clients, count).workers.place(ShardId(worker))
    }

    #[test]
    fn a_client_goes_to_a_worker_that_takes_clients_and_has_few() {
        assert_eq!(place(&[5, 0, 0], 1, 2), ShardId(0));
        assert_eq!(place(&[5, 0, 0], 1, 0), ShardId(0));
        assert_eq!(place(&[5, 4, 0], 2, 0), ShardId(0), "no clear difference");
        assert_eq!(place(&[6, 4, 0], 2, 0), ShardId(1));
        let mut burst = of(&[0, 0], 2);
        let mut accept = |_| {
            let to = burst.workers.place(ShardId(9));
            burst.seats[to.index()].extend(burst.workers.seat(to));
            to
        };
        assert_eq!([0; 4].map(&mut accept), [0, 1, 0, 1].map(ShardId), "those on their way count");
    }

    /// How many clients a worker gives up, and to whom, one after the other.
    fn given_up(clients: &[usize], count: usize, worker: u16) -> Vec<u16> {
        let mut seated = of(clients, count);
        let surplus = seated.workers.surplus(ShardId(worker));
        let give = |_| {
            let to = seated.workers.taker(ShardId(worker))?;
            seated.seats[usize::from(worker)].pop();
            seated.seats[to.index()].extend(seated.workers.seat(to));
            Some(to.0)
        };
        (0..surplus).map_while(give).collect()
    }

    #[test]
    fn who_takes_no_clients_gives_all_up_and_who_has_many_gives_up_what_is_over_its_share() {
        assert_eq!(given_up(&[3, 7], 1, 1), [0; 7]);
        assert_eq!(given_up(&[10, 0], 2, 0), [1; 5]);
        assert_eq!(given_up(&[25, 0, 0], 3, 0), [1, 2].repeat(8));
        assert_eq!(given_up(&[12, 12, 1], 3, 1), [2; 4], "nobody has far more than its share, one has less");
        assert!(given_up(&[7, 4], 2, 0).is_empty(), "no clear difference");
        assert!(given_up(&[0, 10], 2, 0).is_empty());
        assert!(given_up(&[10, 0], 2, 2).is_empty(), "the control worker keeps its own");
        assert_eq!(of(&[10, 0], 2).workers.taker(ShardId(2)), None);
    }

    /// Workers that look at the counts in turn, in any order, and clients that need many looks to move.
    struct SlowMoves {
        seated: Seated,
        random: fastrand::Rng,
        /// Clients on their way: until when, where to, and their seats.
        moving: Vec<(u32, usize, Seat)>,
        now: u32,
        moves: usize,
    }

    impl SlowMoves {
        /// Every worker looks once.
        fn look(&mut self) {
            self.now += 1;
            let arrived: Vec<_> = self.moving.extract_if(.., |(due, ..)| *due <= self.now).collect();
            for (_, to, seat) in arrived {
                self.seated.seats[to].push(seat);
            }
            let mut workers: Vec<usize> = (0..self.seated.seats.len()).collect();
            self.random.shuffle(&mut workers);
            for worker in workers {
                let id = ShardId(worker as u16);
                for _ in 0..self.seated.workers.surplus(id) {
                    let Some(to) = self.seated.workers.taker(id) else { break };
                    let Some(seat) = self.seated.seats[worker].pop() else { break };
                    drop(seat);
                    let seat = self.seated.workers.seat(to).expect("it takes clients");
                    let due = self.now + self.random.u32(1..50);
                    self.moving.push((due, to.index(), seat));
                    self.moves += 1;
                }
            }
        }
    }

    #[test]
    fn clients_that_take_long_to_move_go_where_they_should_and_not_to_and_fro() {
        for seed in 0..200 {
            let mut random = fastrand::Rng::with_seed(seed);
            let (shards, clients) = (random.usize(2..9), random.usize(1..200));
            let mut seated = of(&vec![0; shards], 1);
            seated.seats[0].extend((0..clients).filter_map(|_| seated.workers.seat(ShardId(0))));
            let mut slow = SlowMoves { seated, random, moving: Vec::new(), now: 0, moves: 0 };
            for _ in 0..10 {
                let count = slow.random.usize(1..=shards);
                slow.seated.workers.set_count(count);
                slow.moves = 0;
                // Some changes come before the one before is carried out.
                let looks = if slow.random.bool() { 200 } else { slow.random.usize(1..60) };
                (0..looks).for_each(|_| slow.look());
                assert!(slow.moves <= clients, "seed {seed}: {} moves of {clients} clients", slow.moves);
                if looks < 200 {
                    continue;
                }
                let here: Vec<usize> = slow.seated.seats.iter().map(Vec::len).collect();
                let (serving, others) = here.split_at(count);
                let (least, most) = (serving.iter().min().unwrap(), serving.iter().max().unwrap());
                assert!(others.iter().all(|&clients| clients == 0), "seed {seed}: {here:?}");
                assert!(most - least <= 2 * slack(clients / count), "seed {seed}: {here:?} at {count}");
                assert!(slow.moving.is_empty(), "seed {seed}");
            }
        }
    }

    /// The counts that follow from these loads of two workers, period by period: each wanted a processor and
    /// got it.
    fn counts(loads: impl IntoIterator<Item = [u32; 2]>, spare: Option<u32>) -> Vec<usize> {
        let mut policy = Policy::default();
        let mut count = 1;
        let mut decide = |loads: [u32; 2]| {
            count = policy.decide(count, &loads.map(|wanted| Load { wanted, ran: wanted }), |_| spare);
            count
        };
        loads.into_iter().map(&mut decide).collect()
    }

    #[test]
    fn a_busy_worker_gets_help_if_a_processor_has_time() {
        assert_eq!(counts([[900, 0]; 3], Some(900)), [1, 2, 2]);
        assert_eq!(counts([[900, 0]; 3], None), [1, 2, 2], "where the kernel does not tell");
        assert_eq!(counts([[900, 300]; 20], Some(50)), [1; 20], "its processor is taken");
        assert_eq!(counts([[900, 0], [100, 0], [900, 0], [100, 0]], Some(900)), [1; 4], "for a moment");
        assert_eq!(counts([[700, 0]; 20], Some(900)), [1; 20]);
    }

    #[test]
    fn help_goes_when_it_has_not_been_needed_for_long() {
        let loads = [[900, 0]; 2].into_iter().chain([[400, 400]; 40]);
        let counts = counts(loads, Some(900));
        assert_eq!(counts[1], 2);
        assert_eq!(counts.iter().rposition(|&count| count == 2), Some(1 + 9));
        assert_eq!(counts.last(), Some(&1));
    }

    #[test]
    fn help_stays_where_one_worker_could_not_do_it() {
        let loads = [[900, 0]; 2].into_iter().chain([[500, 500]; 100]);
        assert_eq!(counts(loads, Some(900)).last(), Some(&2));
    }

    #[test]
    fn help_that_was_needed_again_at_once_stays_longer_each_time() {
        let mut policy = Policy::default();
        let (mut count, mut changes) = (1, Vec::new());
        for period in 0..700 {
            // One worker is too few, and two look as if they were too many.
            let loads = if count == 1 { [900, 0] } else { [400, 400] };
            let next = policy.decide(count, &loads.map(|wanted| Load { wanted, ran: wanted }), |_| None);
            if next == 1 && count == 2 {
                changes.push(period);
            }
            count = next;
        }
        let pauses: Vec<i32> = changes.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses, [22, 42, 82, 162, 322]);
    }
}
