//! Which workers are active, how many clients each has, and how busy they are.
//!
//! A command for a key of another shard is cheap while both workers are awake, and costs two wake-ups while
//! both sleep. So slots and clients lie with as few workers as have time for them, the *active* ones: the
//! others sleep through, and what one active worker does costs what it costs on a node with one shard.
//! [`Policy`] decides how many are needed. The slots are dealt by `shards::router::dealing`, and the workers
//! themselves hand clients over.

#[cfg(test)]
mod tests;

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
/// An active worker that has not told its load for so many periods is in a long turn: fewer than a high load
/// is seen for before it counts, so that an old one does not. Nothing is decided before the worker is back.
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
