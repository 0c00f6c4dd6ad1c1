//! Which workers are active, how many clients each has, and how busy they are.
//!
//! A command for a key of another shard is cheap while both workers are awake, and costs two wake-ups while
//! both sleep. So slots and clients lie with as few workers as have time for them, the *active* ones: the
//! others sleep through, and what one active worker does costs what it costs on a node with one shard.
//! [`Policy`] decides how many are needed. The slots are dealt by `shards::router::dealing`, and the workers
//! themselves hand clients over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

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
    told: AtomicU32,
}

/// How busy a worker's thread was in the last period, in thousandths of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Load {
    /// It had something to do: it ran, or waited for a processor.
    pub wanted: u32,
    /// It ran.
    pub ran: u32,
    /// How often it has told its load. One that does not is in a long turn, and this is the load before it.
    pub told: u32,
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
    /// The first so many workers are active: they have slots.
    active: AtomicUsize,
    /// The first so many workers take clients.
    count: AtomicUsize,
    /// How often the number of active workers has become larger, and smaller.
    spreads: AtomicU64,
    gathers: AtomicU64,
}

/// A clear difference from a worker's share: so many clients, and this part of the share. A new client goes
/// to another worker when that has so many fewer; others move when the first and the last differ by twice
/// that.
const SLACK: usize = 2;
const SLACK_PART: usize = 8;

impl ClientWorkers {
    /// For the workers of so many shards, the first `active` of which have slots, and the first `count` of
    /// which take clients.
    pub fn new(shards: usize, active: usize, count: usize) -> ClientWorkers {
        ClientWorkers {
            workers: (0..shards).map(|_| Arc::default()).collect(),
            active: AtomicUsize::new(active.clamp(1, shards)),
            count: AtomicUsize::new(count.clamp(1, shards)),
            spreads: AtomicU64::new(0),
            gathers: AtomicU64::new(0),
        }
    }

    /// How many workers are active.
    pub fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// From now on the first `active` workers are.
    pub fn set_active(&self, active: usize) {
        let before = self.active.swap(active, Ordering::Relaxed);
        let changes = if active > before { &self.spreads } else { &self.gathers };
        changes.fetch_add(u64::from(active != before), Ordering::Relaxed);
    }

    /// How often the active workers have become more, and fewer.
    pub fn changes(&self) -> (u64, u64) {
        (self.spreads.load(Ordering::Relaxed), self.gathers.load(Ordering::Relaxed))
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
            of_worker.told.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The loads of all workers with shards.
    pub fn loads(&self) -> impl Iterator<Item = Load> {
        self.workers.iter().map(|of_worker| Load {
            wanted: of_worker.load.load(Ordering::Relaxed),
            ran: of_worker.ran.load(Ordering::Relaxed),
            told: of_worker.told.load(Ordering::Relaxed),
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

/// More workers become active when one of those that are is busy for this much of a period, in thousandths,
const HIGH_LOAD: u32 = 800;
/// all of them together for this much on average: where one key or one client makes all the work, more
/// workers do not help,
const HIGH_MEAN: u32 = 600;
/// that many periods in a row,
const HIGH_PERIODS: u32 = 3;
/// and the processor of the next one has had nothing to do for this much of a period, in thousandths.
const SPARE_MIN: u32 = 300;
/// Fewer workers are active when they would then run for no more than this much, in thousandths.
const LOW_RUN: u32 = 600;
/// What one worker runs for what two have run for together, in hundredths: the hops between the two cost the
/// rest (measured: 60 at one command a packet, 55 at sixteen).
const RUN_OF_ONE_FOR_TWO: u32 = 65;
/// That many periods in a row: twenty seconds.
const LOW_PERIODS: u32 = 200;
/// If help that went was needed again within so many periods, a minute, it stays twice as long the next time.
const REGRET_PERIODS: u32 = 600;
/// But no longer than so many periods: ten minutes.
const LOW_PERIODS_MAX: u32 = 6000;
/// When there was no processor for a further worker, that is looked at again after so many periods.
const REFUSED_PERIODS: u32 = 10;
/// An active worker that has not told its load for so many periods is in a long turn: fewer than a high load is
/// seen for before it counts, so that an old one does not. Nothing is decided before the worker is back.
const SILENT_PERIODS: u32 = 2;

/// How many workers should be active. The first worker has one, and asks it once in a period of 100 ms.
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
    /// Of each worker: how often it had told its load, and for how many periods it has not told it again.
    heard: Vec<(u32, u32)>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            high: 0,
            low: 0,
            refused: 0,
            low_periods: LOW_PERIODS,
            since_fewer: REGRET_PERIODS,
            heard: Vec::new(),
        }
    }
}

impl Policy {
    /// The number of active workers from now on. `spare` tells how much of the last period the processor of a
    /// worker has had nothing to do, in thousandths, if that is known; it is asked only when it matters, at
    /// least two periods in a row.
    pub fn decide(
        &mut self,
        active: usize,
        loads: &[Load],
        mut spare: impl FnMut(ShardId) -> Option<u32>,
    ) -> usize {
        let busy = &loads[..active.min(loads.len())];
        self.refused = self.refused.saturating_sub(1);
        self.since_fewer = self.since_fewer.saturating_add(1);
        if self.is_any_silent(active, loads) {
            (self.high, self.low) = (0, 0);
            return active;
        }
        let is_high = is_high(busy) && active < loads.len() && self.refused == 0;
        self.high = if is_high { self.high + 1 } else { 0 };
        let fewer = enough_for(busy);
        self.low = if fewer < active { self.low + 1 } else { 0 };
        if self.low >= self.low_periods {
            (self.low, self.since_fewer) = (0, 0);
            return fewer;
        }
        if self.high == 0 {
            return active;
        }
        let is_free = spare(ShardId(active as u16)).is_none_or(|spare| spare >= SPARE_MIN);
        if self.high < HIGH_PERIODS {
            return active;
        }
        self.high = 0;
        if !is_free {
            self.refused = REFUSED_PERIODS;
            return active;
        }
        self.low_periods = match self.since_fewer < REGRET_PERIODS {
            true => (self.low_periods * 2).min(LOW_PERIODS_MAX),
            false => LOW_PERIODS,
        };
        // Where there are many, more than one step is needed, and soon.
        (active * 2).min(loads.len())
    }

    fn is_any_silent(&mut self, active: usize, loads: &[Load]) -> bool {
        self.heard.resize(loads.len(), (0, 0));
        for ((told, silent), load) in self.heard.iter_mut().zip(loads) {
            *silent = if *told == load.told { silent.saturating_add(1) } else { 0 };
            *told = load.told;
        }
        self.heard.iter().take(active).any(|&(_, silent)| silent >= SILENT_PERIODS)
    }
}

/// More workers would help these.
fn is_high(busy: &[Load]) -> bool {
    let wanted: u32 = busy.iter().map(|load| load.wanted).sum();
    busy.iter().any(|load| load.wanted >= HIGH_LOAD) && wanted >= HIGH_MEAN * busy.len() as u32
}

/// How many workers would do what these do, at least half of them.
fn enough_for(busy: &[Load]) -> usize {
    let ran: u32 = busy.iter().map(|load| load.ran).sum();
    // The busiest of them would be no less busy.
    if busy.iter().any(|load| load.ran > LOW_RUN) {
        return busy.len();
    }
    let expected = if busy.len() == 2 { ran * RUN_OF_ONE_FOR_TWO / 100 } else { ran };
    (expected.div_ceil(LOW_RUN) as usize).max(busy.len().div_ceil(2)).min(busy.len())
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
        let workers = ClientWorkers::new(clients.len(), count, count);
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

    /// What a policy decides, period by period, of what the loads are when so many workers are active.
    struct Watched {
        policy: Policy,
        active: usize,
        period: u32,
        spare: Option<u32>,
        /// The periods in which the number has changed, and the new number.
        changes: Vec<(u32, usize)>,
    }

    impl Watched {
        fn new(active: usize, spare: Option<u32>) -> Watched {
            Watched { policy: Policy::default(), active, period: 0, spare, changes: Vec::new() }
        }

        /// All run as long as they want to.
        fn see(&mut self, loads: &[u32]) {
            self.period += 1;
            let load = |&wanted| Load { wanted, ran: wanted, told: self.period };
            self.see_loads(&loads.iter().map(load).collect::<Vec<Load>>());
        }

        fn see_loads(&mut self, loads: &[Load]) {
            let next = self.policy.decide(self.active, loads, |_| self.spare);
            if next != self.active {
                self.active = next;
                self.changes.push((self.period, next));
            }
        }

        fn see_often(&mut self, loads: &[u32], periods: u32) {
            (0..periods).for_each(|_| self.see(loads));
        }
    }

    /// The changes that follow from these loads of two workers.
    fn changes(loads: impl IntoIterator<Item = [u32; 2]>, spare: Option<u32>) -> Vec<(u32, usize)> {
        let mut watched = Watched::new(1, spare);
        loads.into_iter().for_each(|loads| watched.see(&loads));
        watched.changes
    }

    #[test]
    fn a_busy_worker_gets_help_if_a_processor_has_time() {
        assert_eq!(changes([[900, 0]; 4], Some(900)), [(3, 2)]);
        assert_eq!(changes([[900, 0]; 4], None), [(3, 2)], "where the kernel does not tell");
        assert_eq!(changes([[900, 300]; 20], Some(50)), [], "its processor is taken");
        assert_eq!(
            changes([[900, 0], [900, 0], [100, 0], [900, 0], [900, 0]], Some(900)),
            [],
            "for a moment"
        );
        assert_eq!(changes([[780, 0]; 20], Some(900)), []);
    }

    #[test]
    fn no_help_comes_for_what_one_worker_alone_has_to_do() {
        let mut watched = Watched::new(2, None);
        watched.see_often(&[1000, 0, 0, 0], 1000);
        assert_eq!(watched.changes, []);
    }

    #[test]
    fn help_goes_when_it_has_not_been_needed_for_long() {
        let loads = [[900, 0]; 3].into_iter().chain([[400, 400]; 300]);
        assert_eq!(changes(loads, Some(900)), [(3, 2), (3 + LOW_PERIODS, 1)]);
        let mut many = Watched::new(8, None);
        many.see_often(&[10; 8], 3 * LOW_PERIODS);
        let halves: Vec<usize> = many.changes.iter().map(|&(_, active)| active).collect();
        assert_eq!(halves, [4, 2, 1]);
    }

    #[test]
    fn help_stays_where_one_worker_could_not_do_it() {
        let loads = [[900, 0]; 3].into_iter().chain([[500, 500]; 1000]);
        assert_eq!(changes(loads, Some(900)), [(3, 2)]);
    }

    #[test]
    fn help_that_was_needed_again_at_once_stays_longer_each_time() {
        let mut watched = Watched::new(1, None);
        for _ in 0..7000 {
            // One worker is too few, and two look as if they were too many.
            watched.see(if watched.active == 1 { &[900, 0] } else { &[400, 400] });
        }
        let gone: Vec<u32> =
            watched.changes.iter().filter(|change| change.1 == 1).map(|change| change.0).collect();
        let pauses: Vec<u32> = gone.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses, [403, 803, 1603, 3203]);
    }

    #[test]
    fn nothing_is_decided_while_a_worker_is_in_a_long_turn() {
        let mut watched = Watched::new(2, None);
        let of = |wanted, told| Load { wanted, ran: wanted, told };
        for period in 1..1000 {
            watched.period = period;
            // The second one was busy, and idle, when it was last heard of.
            watched.see_loads(&[of(900, period), of(900, 1), of(0, period), of(0, period)]);
        }
        assert_eq!(watched.changes, []);
        for period in 1000..2000 {
            watched.see_loads(&[of(10, period), of(10, 1), of(0, period), of(0, period)]);
        }
        assert_eq!(watched.changes, []);
        for period in 2000..2004 {
            watched.see_loads(&[of(900, period), of(900, period), of(0, period), of(0, period)]);
        }
        assert_eq!(watched.active, 4);
    }

    /// A node under a load that is told in what one worker alone could do, in thousandths.
    struct Simulated {
        watched: Watched,
        random: fastrand::Rng,
        shards: usize,
    }

    impl Simulated {
        fn new(seed: u64) -> Simulated {
            let mut random = fastrand::Rng::with_seed(seed);
            let shards = [2, 2, 3, 4, 8, 64][random.usize(..6)];
            Simulated { watched: Watched::new(1, None), random, shards }
        }

        /// One period, with this load. Slots and clients are not dealt quite evenly, and hops cost the more
        /// the less busy the workers are.
        fn live(&mut self, load: f64) {
            let active = self.watched.active;
            let each = load / active as f64;
            let remote = (active - 1) as f64 / active as f64;
            let hops = 1.0 + remote * (0.1 + 1.2 * (1.0 - (each / 1000.0).min(1.0)));
            let mut wanted = vec![0; self.shards];
            for wanted in &mut wanted[..active] {
                let noise = 0.93 + 0.14 * self.random.f64();
                *wanted = ((each * hops * noise) as u32).min(1000);
            }
            self.watched.see(&wanted);
        }

        fn capacity(&self) -> f64 {
            1000.0 * self.shards as f64
        }
    }

    #[test]
    fn no_steady_load_makes_the_workers_come_and_go() {
        for seed in 0..100 {
            let mut node = Simulated::new(seed);
            let load = node.random.f64() * node.capacity();
            (0..12_000).for_each(|_| node.live(load));
            let changes = &node.watched.changes;
            // Up as far as is needed, down once, and what was regretted is regretted half as often each time.
            let most = 2 * node.shards.ilog2() as usize + 14;
            assert!(changes.len() <= most, "seed {seed}, load {load}, {} shards: {changes:?}", node.shards);
        }
    }

    #[test]
    fn a_rise_is_met_within_a_second_and_a_fall_in_the_end() {
        for seed in 0..60 {
            let mut node = Simulated::new(seed);
            for _ in 0..5 {
                let low = node.random.f64() * 50.0;
                (0..7 * LOW_PERIODS + REGRET_PERIODS).for_each(|_| node.live(low));
                assert_eq!(node.watched.active, 1, "seed {seed}");
                let high = node.capacity() * (0.9 + 0.5 * node.random.f64());
                let mut periods = 0;
                while node.watched.active < node.shards {
                    node.live(high);
                    periods += 1;
                    assert!(periods <= HIGH_PERIODS * node.shards.ilog2().max(1) + 3, "seed {seed}");
                }
            }
        }
    }
}
