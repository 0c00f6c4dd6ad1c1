//! Which workers take clients, and how many each has.
//!
//! A command for a key of another shard is cheap while both workers are awake, and costs two wake-ups while
//! both sleep. So clients are served by as few workers as have time for them: these are awake, their hops
//! travel together, and the workers behind them sleep until there is something for their shards. All shards
//! hold keys in any case. [`Policy`] decides how many are needed; the workers themselves hand clients over.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use shards::slot::ShardId;

/// What is known of a worker, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct OfWorker {
    /// Its clients, and those that are on their way to it.
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

/// One per node.
#[derive(Debug)]
pub struct ClientWorkers {
    workers: Vec<OfWorker>,
    /// The first so many workers take clients.
    count: AtomicUsize,
}

/// A clear difference: a worker has so many clients more than its share before it gives any up, and this part
/// of its share.
const SLACK: usize = 2;
const SLACK_PART: usize = 8;

impl ClientWorkers {
    /// For the workers of so many shards, the first `count` of which take clients.
    pub fn new(shards: usize, count: usize) -> ClientWorkers {
        let workers = (0..shards).map(|_| OfWorker::default()).collect();
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

    /// Told by a worker of itself: how many clients it has.
    pub fn set_clients(&self, worker: ShardId, clients: usize) {
        if let Some(of_worker) = self.workers.get(worker.index()) {
            of_worker.clients.store(clients, Ordering::Relaxed);
        }
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

    /// The worker for a client that `worker` has accepted: itself, unless it takes none, or has clearly more
    /// than the one that has the fewest. Another worker is counted as having one more.
    pub fn place(&self, worker: ShardId) -> ShardId {
        let count = self.count();
        let serving = self.clients().take(count).enumerate();
        let Some((least, fewest)) = serving.min_by_key(|&(_, clients)| clients) else { return worker };
        let own = self.clients().nth(worker.index()).unwrap_or(0);
        if worker.index() < count && own < fewest + SLACK + fewest / SLACK_PART {
            return worker;
        }
        self.workers[least].clients.fetch_add(1, Ordering::Relaxed);
        ShardId(least as u16)
    }

    /// How many clients a worker has too many, and to whom they may go: each of those with how many it may
    /// get.
    pub fn surplus(&self, worker: ShardId) -> (usize, Vec<(ShardId, usize)>) {
        let count = self.count();
        let clients: Vec<usize> = self.clients().collect();
        let Some(&own) = clients.get(worker.index()) else { return (0, Vec::new()) };
        let share = clients.iter().sum::<usize>().div_ceil(count);
        let surplus = match worker.index() < count {
            false => own,
            true if own > share + SLACK + share / SLACK_PART => own - share,
            true => 0,
        };
        if surplus == 0 {
            return (0, Vec::new());
        }
        let serving = clients.iter().take(count).enumerate();
        let others = serving.filter(|&(other, &clients)| other != worker.index() && clients < share);
        (surplus, others.map(|(other, &clients)| (ShardId(other as u16), share - clients)).collect())
    }
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

    fn of(clients: &[usize], count: usize) -> ClientWorkers {
        let workers = ClientWorkers::new(clients.len(), count);
        for (worker, &clients) in clients.iter().enumerate() {
            workers.set_clients(ShardId(worker as u16), clients);
        }
        workers
    }

    #[test]
    fn a_client_goes_to_a_worker_that_takes_clients_and_has_few() {
        assert_eq!(of(&[5, 0, 0], 1).place(ShardId(2)), ShardId(0));
        assert_eq!(of(&[5, 0, 0], 1).place(ShardId(0)), ShardId(0));
        assert_eq!(of(&[5, 4, 0], 2).place(ShardId(0)), ShardId(0), "no clear difference");
        assert_eq!(of(&[6, 4, 0], 2).place(ShardId(0)), ShardId(1));
        let burst = of(&[0, 0], 2);
        let places: Vec<ShardId> = (0..4).map(|_| burst.place(ShardId(9))).collect();
        assert_eq!(places, [0, 1, 0, 1].map(ShardId), "those on their way count");
    }

    #[test]
    fn who_takes_no_clients_gives_all_up_and_who_has_many_gives_up_what_is_over_its_share() {
        assert_eq!(of(&[3, 7], 1).surplus(ShardId(1)), (7, vec![(ShardId(0), 7)]));
        assert_eq!(of(&[10, 0], 2).surplus(ShardId(0)), (5, vec![(ShardId(1), 5)]));
        assert_eq!(of(&[7, 4], 2).surplus(ShardId(0)), (0, vec![]), "no clear difference");
        assert_eq!(of(&[0, 10], 2).surplus(ShardId(0)), (0, vec![]));
        assert_eq!(of(&[10, 0], 2).surplus(ShardId(2)), (0, vec![]), "the control worker keeps its own");
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
