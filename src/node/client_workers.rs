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

    /// Told by a worker of itself: in how many thousandths of the last period its thread had something to do.
    pub fn set_load(&self, worker: ShardId, load: u32) {
        if let Some(of_worker) = self.workers.get(worker.index()) {
            of_worker.load.store(load, Ordering::Relaxed);
        }
    }

    /// The loads of all workers with shards.
    pub fn loads(&self) -> impl Iterator<Item = u32> {
        self.workers.iter().map(|of_worker| of_worker.load.load(Ordering::Relaxed))
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
/// A further worker is of use only if its processor has had time to spare for this much of a period, in
/// thousandths.
const SPARE_MIN: u32 = 400;
/// One worker fewer takes clients when the others would then be busy for no more than this much, in
/// thousandths.
const LOW_LOAD: u32 = 450;
/// That many periods in a row: three seconds.
const LOW_PERIODS: u32 = 30;
/// When there was no processor for a further worker, that is looked at again after so many periods.
const REFUSED_PERIODS: u32 = 10;

/// How many workers should take clients. The first worker has one, and asks it once in a period of 100 ms.
#[derive(Debug, Default)]
pub struct Policy {
    high: u32,
    low: u32,
    /// Periods until it is asked for a processor again.
    refused: u32,
}

impl Policy {
    /// The number of workers from now on. `spare` tells how much of the last period the processor of a worker
    /// has had nothing to do, in thousandths, if that is known; it is asked only when it matters, at least
    /// two periods in a row.
    pub fn decide(
        &mut self,
        count: usize,
        loads: &[u32],
        mut spare: impl FnMut(ShardId) -> Option<u32>,
    ) -> usize {
        let load: u32 = loads.iter().take(count).sum();
        let is_high = load >= HIGH_LOAD * count as u32 && count < loads.len();
        self.refused = self.refused.saturating_sub(1);
        self.high = if is_high && self.refused == 0 { self.high + 1 } else { 0 };
        let is_low = count > 1 && load <= LOW_LOAD * (count as u32 - 1);
        self.low = if is_low { self.low + 1 } else { 0 };
        if self.low >= LOW_PERIODS {
            self.low = 0;
            return count - 1;
        }
        if self.high == 0 {
            return count;
        }
        let own_use = loads[count].min(1000);
        let is_free = spare(ShardId(count as u16)).is_none_or(|spare| spare + own_use >= SPARE_MIN);
        if self.high < HIGH_PERIODS {
            return count;
        }
        self.high = 0;
        if !is_free {
            self.refused = REFUSED_PERIODS;
            return count;
        }
        // As many as it takes for those to be at half of what is high, which are more than one step where
        // there are many.
        (count * 2).min(loads.len())
    }
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

    /// The counts that follow from these loads of two workers, period by period.
    fn counts(loads: impl IntoIterator<Item = [u32; 2]>, spare: Option<u32>) -> Vec<usize> {
        let mut policy = Policy::default();
        let mut count = 1;
        let mut decide = |loads: [u32; 2]| {
            count = policy.decide(count, &loads, |_| spare);
            count
        };
        loads.into_iter().map(&mut decide).collect()
    }

    #[test]
    fn a_busy_worker_gets_help_if_a_processor_has_time() {
        assert_eq!(counts([[900, 0]; 3], Some(900)), [1, 2, 2]);
        assert_eq!(counts([[900, 0]; 3], None), [1, 2, 2], "where the kernel does not tell");
        assert_eq!(counts([[900, 300]; 20], Some(50)), [1; 20], "its processor is taken");
        assert_eq!(counts([[900, 300]; 3], Some(150)), [1, 2, 2], "what it uses itself is spare");
        assert_eq!(counts([[900, 0], [100, 0], [900, 0], [100, 0]], Some(900)), [1; 4], "for a moment");
        assert_eq!(counts([[700, 0]; 20], Some(900)), [1; 20]);
    }

    #[test]
    fn help_goes_when_it_has_not_been_needed_for_long() {
        let loads = [[900, 0]; 2].into_iter().chain([[200, 200]; 40]);
        let counts = counts(loads, Some(900));
        assert_eq!(counts[1], 2);
        assert_eq!(counts.iter().rposition(|&count| count == 2), Some(1 + 29));
        assert_eq!(counts.last(), Some(&1));
    }
}
