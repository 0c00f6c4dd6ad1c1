//! How much memory the node uses, and keeping it within `maxmemory`: who evicts when, and when a write is refused.
//!
//! Each worker counts what its thread allocates and frees, and publishes the count once a turn; the sum of all is what
//! the node uses. Over the limit, the shard that is about to run a command makes room first, as Redis does; every worker
//! goes on with that at the end of its turns, in bounded steps. A shard that has nothing left to evict calls for the others,
//! and the write goes on. It is refused, where it was received and before anything of it runs on any shard, only when no
//! shard has a key that may go. Which key goes is decided in `shards::shard::evict`.

use std::sync::atomic::{AtomicIsize, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use shards::error::CommandError;
use shards::eviction::{Eviction, EvictionConfig, Meter};
use shards::slot::ShardId;

use crate::config::Config;
use crate::host::allocator;
use crate::host::clock;
use crate::mesh::Hop;
use crate::worker::Worker;

/// Evictions of a turn, those before its commands and those at its end together, while the node stays over its limit.
const KEYS_PER_TURN: usize = 250;
/// What tells of changes is left out of account up to this part of the limit, all workers together: the node may be over
/// its limit by no more than that.
const TOLD_PART_MAX: u64 = 4;
/// What tells of changes counts after one or two periods of so many milliseconds: long enough for a message to reach the
/// worker of its client and to be sent, and no longer, since at a high rate of messages the room of those that have been
/// sent would be filled by keys.
const TOLD_PERIOD_MS: u64 = 10;
/// They take no longer: an eviction is a dozen cache misses, and how long that takes depends on the machine.
const TIME_PER_TURN: Duration = Duration::from_micros(250);
/// Evictions between two looks at the clock.
const KEYS_PER_STEP: usize = 16;
/// An eviction takes about so long, with the sampling for it, in microseconds: what a time limit is in keys.
const MICROSECONDS_PER_KEY: f64 = 2.0;
/// What a command may evict at least, when its turn has used up its share; it stops when it has made up for what was added.
const KEYS_PER_COMMAND_MIN: usize = 8;
/// A worker that is ahead of its share of evictions leaves to the others what is over the limit by less than this part of
/// it. More than the workers' buffers vary by within a turn, and less than the 2 % within which the limit is kept.
const LEFT_TO_OTHERS_PART: u64 = 128;
/// So many evictions more than its share make a worker ahead.
const LEAD_KEYS_MIN: f64 = 16.0;
/// A lead or arrears that have grown to this grow no further, so that they are soon made up for.
const LEAD_KEYS_MAX: f64 = 1024.0;
/// Of a lead this part is forgotten in each turn: workers count at different times, and none may be ahead for ever.
const LEAD_DECAY: f64 = 1.0 / 64.0;
/// The number that `maxmemory-eviction-tenacity` has for no limit at all.
const TENACITY_UNLIMITED: u32 = 100;

const OOM_TEXT: &str = "OOM command not allowed when used memory > 'maxmemory'.";

/// What one thread publishes, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Published {
    /// Allocated less freed, in bytes.
    bytes: AtomicIsize,
    /// Of these, what does not count against the limit: messages on their way ([`Worker::telling`]).
    told_bytes: AtomicIsize,
    /// Keys of its shard that may be evicted; 0 when none was found that may go now.
    evictable_keys: AtomicUsize,
    /// Keys that it has evicted, modulo 2^64.
    evicted_keys: AtomicU64,
}

/// The memory of the process. One per process.
pub struct NodeMemory {
    /// For each worker, and behind them for the main thread.
    published: Vec<Published>,
    peak_bytes: AtomicU64,
}

impl NodeMemory {
    /// For this many workers.
    pub fn new(workers: usize) -> NodeMemory {
        NodeMemory {
            published: (0..=workers).map(|_| Published::default()).collect(),
            peak_bytes: AtomicU64::new(0),
        }
    }

    /// What the main thread has allocated and not freed, in bytes.
    pub fn publish_main(&self, bytes: isize) {
        if let Some(main) = self.published.last() {
            main.bytes.store(bytes, Ordering::Relaxed);
        }
    }

    /// What the process uses, in bytes, as of the last turn of each worker.
    pub fn used_bytes(&self) -> u64 {
        let used: isize = self.published.iter().map(|thread| thread.bytes.load(Ordering::Relaxed)).sum();
        let used = used.max(0) as u64;
        self.peak_bytes.fetch_max(used, Ordering::Relaxed);
        used
    }

    /// The most that [`NodeMemory::used_bytes`] has ever been.
    pub fn peak_bytes(&self) -> u64 {
        self.peak_bytes.load(Ordering::Relaxed)
    }

    /// What all threads but one worker's use, in bytes, as far as it counts against the limit.
    fn elsewhere_bytes(&self, own: ShardId) -> isize {
        let others = self.published.iter().enumerate().filter(|&(worker, _)| worker != own.index());
        let counted = |thread: &Published| {
            thread.bytes.load(Ordering::Relaxed) - thread.told_bytes.load(Ordering::Relaxed)
        };
        others.map(|(_, thread)| counted(thread)).sum()
    }

    fn may_evict(&self, worker: usize) -> bool {
        self.published[worker].evictable_keys.load(Ordering::Relaxed) > 0
    }

    /// What all workers have evicted, modulo 2^64, and this worker's share of the keys that may go, from 0 to 1.
    fn evictions(&self, own: ShardId) -> (u64, f64) {
        let evicted = self.published.iter().map(|thread| thread.evicted_keys.load(Ordering::Relaxed));
        let evictable = |thread: &Published| thread.evictable_keys.load(Ordering::Relaxed);
        let all: usize = self.published.iter().map(evictable).sum();
        // Who evicts although nothing is known to be left is not ahead of anybody.
        let share = if all == 0 { 1.0 } else { evictable(&self.published[own.index()]) as f64 / all as f64 };
        (evicted.fold(0, u64::wrapping_add), share)
    }
}

/// A worker's own part in it.
#[derive(Debug, Default)]
pub(crate) struct WorkerMemory {
    /// There is a limit.
    is_limited: bool,
    /// When the present period of what tells of changes has begun, in milliseconds since 1970.
    told_since_ms: u64,
    /// Keys that this turn may still evict.
    turn_keys: usize,
    /// The time that it may still take for that.
    turn_time: Duration,
    /// How far the node was over its limit when `turn_keys` had come to 0.
    kept_over_bytes: u64,
    /// By how much the node may be over its limit before this worker evicts: 0 but when it is ahead of its share.
    left_to_others_bytes: u64,
    balance: Balance,
    /// Keys that one command may evict (`maxmemory-eviction-tenacity`).
    command_keys: usize,
    /// The node is over its limit and this shard can go on evicting.
    is_evicting: bool,
    /// Other shards are to evict, as this one has nothing left.
    calls_for_others: bool,
    /// All that may go went, and the node was over its limit still.
    is_exhausted: bool,
}

/// A worker's evictions beside those of all.
#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    /// Keys that this worker has evicted, and those that all have, as of its last look.
    own_keys: u64,
    all_keys: u64,
    /// Keys that it has evicted since.
    new_keys: u64,
    /// Keys that it has evicted beyond its share of all evictions; negative when it is in arrears.
    lead_keys: f64,
}

impl Balance {
    /// All workers have evicted `all_keys`, and this one's share should have been `share`.
    fn look(&mut self, all_keys: u64, share: f64) {
        let others_and_own = all_keys.wrapping_sub(self.all_keys);
        let lead = self.lead_keys * (1.0 - LEAD_DECAY) + self.new_keys as f64 - share * others_and_own as f64;
        self.lead_keys = lead.clamp(-LEAD_KEYS_MAX, LEAD_KEYS_MAX);
        self.own_keys = self.own_keys.wrapping_add(self.new_keys);
        (self.all_keys, self.new_keys) = (all_keys, 0);
    }

    fn is_ahead(&self) -> bool {
        self.lead_keys >= LEAD_KEYS_MIN
    }
}

impl WorkerMemory {
    pub(crate) fn is_evicting(&self) -> bool {
        self.is_evicting
    }
}

/// Bytes that the calling thread has allocated and not freed.
pub(crate) fn thread_bytes() -> isize {
    allocator::allocated_bytes() + shards::words::allocated_bytes()
}

/// How long one command may evict, in keys (Redis: evictionTimeLimitUs).
fn command_keys(tenacity: u32) -> usize {
    let limit_us = match tenacity {
        TENACITY_UNLIMITED.. => return usize::MAX,
        0..=10 => 50.0 * f64::from(tenacity),
        _ => 500.0 * 1.15f64.powi(tenacity as i32 - 10),
    };
    ((limit_us / MICROSECONDS_PER_KEY) as usize).max(KEYS_PER_COMMAND_MIN)
}

impl Worker {
    /// Takes over what the configuration says about memory.
    pub(crate) fn configure_memory(&mut self, config: &Config) {
        self.memory = WorkerMemory {
            is_limited: config.maxmemory_bytes > 0,
            command_keys: command_keys(config.maxmemory_eviction_tenacity),
            balance: self.memory.balance,
            ..WorkerMemory::default()
        };
        self.shard.set_meter(Meter::Thread(thread_bytes));
        self.shard.set_eviction(EvictionConfig {
            limit_bytes: config.maxmemory_bytes,
            told_bytes_max: config.maxmemory_bytes / TOLD_PART_MAX / self.mesh.workers() as u64,
            policy: config.maxmemory_policy,
            samples: config.maxmemory_samples as usize,
        });
        self.shard.set_lfu(config.lfu_log_factor, config.lfu_decay_time_min);
        self.begin_turn_memory();
    }

    /// Learns what the others use; at the beginning of a turn.
    #[inline]
    pub(crate) fn begin_turn_memory(&mut self) {
        if self.memory.is_limited {
            if self.now_ms.wrapping_sub(self.memory.told_since_ms) >= TOLD_PERIOD_MS {
                self.memory.told_since_ms = self.now_ms;
                self.shard.age_told_bytes();
            }
            self.shard.set_elsewhere_bytes(self.node.memory.elsewhere_bytes(self.id));
            self.memory.turn_keys = KEYS_PER_TURN;
            self.memory.turn_time = TIME_PER_TURN;
            let (all_keys, share) = self.node.memory.evictions(self.id);
            self.memory.balance.look(all_keys, share);
            let is_ahead = self.memory.balance.is_ahead();
            self.memory.left_to_others_bytes =
                if is_ahead { self.config.maxmemory_bytes / LEFT_TO_OTHERS_PART } else { 0 };
        }
    }

    /// Publishes what this worker uses, and goes on evicting if the node is over its limit; at the end of a turn.
    #[inline]
    pub(crate) fn end_turn_memory(&mut self) {
        if self.memory.is_limited {
            self.go_on_evicting();
        }
        self.publish_memory();
    }

    fn publish_memory(&self) {
        let published = &self.node.memory.published[self.id.index()];
        published.bytes.store(thread_bytes(), Ordering::Relaxed);
        published.told_bytes.store(self.shard.told_bytes(), Ordering::Relaxed);
    }

    /// Runs what tells clients of changes of keys. What this takes does not count against the limit for one or two periods of
    /// `TOLD_PERIOD_MS`, by which it has been sent if its clients read: otherwise the messages about evicted keys would evict further keys,
    /// where names are long and clients many.
    #[inline]
    pub(crate) fn telling<R>(&mut self, tell: impl FnOnce(&mut Worker) -> R) -> R {
        if !self.memory.is_limited {
            return tell(self);
        }
        let before = thread_bytes();
        let result = tell(self);
        self.shard.add_told_bytes(thread_bytes() - before);
        result
    }

    fn go_on_evicting(&mut self) {
        let was_evicting = std::mem::take(&mut self.memory.is_evicting);
        let over_bytes = self.shard.over_bytes();
        if over_bytes == 0 {
            self.memory.is_exhausted = false;
        } else if over_bytes <= self.memory.left_to_others_bytes {
            // One that sleeps must wake up for that. In some turns this worker is no longer ahead.
            self.memory.is_evicting = true;
            self.memory.calls_for_others |= !was_evicting;
        } else {
            // So that a turn whose commands have used up everything gets on, too.
            let budget = self.memory.turn_keys.max(KEYS_PER_STEP);
            self.evict(self.memory.left_to_others_bytes, budget);
        }
        let published = &self.node.memory.published[self.id.index()];
        let evictable = if self.memory.is_exhausted { 0 } else { self.shard.evictable_keys() };
        published.evictable_keys.store(evictable, Ordering::Relaxed);
        let Balance { own_keys, new_keys, .. } = self.memory.balance;
        published.evicted_keys.store(own_keys.wrapping_add(new_keys), Ordering::Relaxed);
        if std::mem::take(&mut self.memory.calls_for_others) {
            for worker in self.others_that_may_evict().collect::<Vec<_>>() {
                self.mesh.send(ShardId(worker as u16), Hop::MakeRoom);
            }
        }
    }

    fn others_that_may_evict(&self) -> impl Iterator<Item = usize> {
        let own = self.id.index();
        (0..self.mesh.workers()).filter(move |&worker| worker != own && self.node.memory.may_evict(worker))
    }

    /// Evicts keys of this shard if the node is over its limit; before a command runs here.
    #[inline]
    pub(crate) fn make_room(&mut self) {
        if self.memory.is_limited && self.shard.over_bytes() > self.memory.left_to_others_bytes {
            self.evict_for_command();
        }
    }

    fn evict_for_command(&mut self) -> Eviction {
        let WorkerMemory { turn_keys, command_keys, kept_over_bytes, left_to_others_bytes, .. } = self.memory;
        if command_keys == usize::MAX {
            return self.evict(left_to_others_bytes, usize::MAX);
        }
        if turn_keys > 0 {
            return self.evict(left_to_others_bytes, command_keys.min(turn_keys));
        }
        // The turn has evicted its share. Its other commands only make up for what they add, so that a turn of many
        // commands does not become long.
        if self.shard.over_bytes() <= kept_over_bytes {
            return Eviction::More;
        }
        self.evict(kept_over_bytes.max(left_to_others_bytes), command_keys.min(KEYS_PER_COMMAND_MIN))
    }

    /// Evicts until the node is over its limit by at most `over_bytes_max`, in steps while the turn has time for it.
    fn evict(&mut self, over_bytes_max: u64, budget: usize) -> Eviction {
        let before = self.shard.env().evicted_keys;
        let (begin, mut left) = (clock::moment(), budget);
        let outcome = loop {
            let step = if self.memory.command_keys == usize::MAX { left } else { left.min(KEYS_PER_STEP) };
            let outcome = self.shard.evict_down_to(over_bytes_max, step);
            left -= step;
            if outcome != Eviction::More || left == 0 || begin.elapsed() >= self.memory.turn_time {
                break outcome;
            }
        };
        let evicted = self.shard.env().evicted_keys.saturating_sub(before);
        let memory = &mut self.memory;
        memory.balance.new_keys += evicted;
        let had_turn_keys = memory.turn_keys > 0;
        memory.turn_time = memory.turn_time.saturating_sub(begin.elapsed());
        memory.turn_keys =
            if memory.turn_time.is_zero() { 0 } else { memory.turn_keys.saturating_sub(evicted as usize) };
        if had_turn_keys && memory.turn_keys == 0 {
            memory.kept_over_bytes = self.shard.over_bytes();
        }
        match outcome {
            Eviction::Enough => memory.is_exhausted = false,
            Eviction::More => memory.is_evicting = true,
            Eviction::Nothing => {
                memory.is_exhausted = true;
                memory.calls_for_others = true;
            }
        }
        outcome
    }

    /// Whether a command may be started while the node may be over its limit; `denies_oom` says that one of those to
    /// be run has [`shards::command::flags::DENYOOM`]. To be asked once, where the request was received, before any shard
    /// does anything.
    ///
    /// # Errors
    /// OOM, when the node is over its limit and no shard has a key that may be evicted.
    #[inline]
    pub(crate) fn admit_memory(&mut self, denies_oom: bool) -> Result<(), CommandError> {
        if self.memory.is_limited && self.shard.over_bytes() > 0 {
            return self.admit_over_limit(denies_oom);
        }
        Ok(())
    }

    #[cold]
    fn admit_over_limit(&mut self, denies_oom: bool) -> Result<(), CommandError> {
        // While others have keys that may go, which of them goes is left to the shards that run commands.
        let others = self.others_that_may_evict().next().is_some();
        if !others && self.evict_for_command() == Eviction::Nothing && denies_oom {
            return Err(CommandError::other(OOM_TEXT));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenacity_is_a_time_that_grows_to_no_limit() {
        let keys: Vec<usize> = [0, 1, 10, 11, 50, 99, 100].map(command_keys).to_vec();
        assert_eq!(keys[0], KEYS_PER_COMMAND_MIN);
        assert_eq!(keys[2], (500.0 / MICROSECONDS_PER_KEY) as usize);
        assert!(keys.is_sorted_by(|a, b| a < b) && keys[6] == usize::MAX, "{keys:?}");
    }

    #[test]
    fn a_worker_is_ahead_that_has_evicted_beyond_its_share_until_the_others_follow() {
        let mut balance = Balance { new_keys: 100, ..Balance::default() };
        balance.look(100, 0.5);
        assert!(balance.is_ahead() && balance.own_keys == 100, "{balance:?}");
        balance.look(190, 0.5);
        assert!(!balance.is_ahead(), "{balance:?}");
        // Alone it is never ahead, and no lead lasts.
        let mut alone = Balance { new_keys: 1_000, ..Balance::default() };
        alone.look(1_000, 1.0);
        assert!(!alone.is_ahead());
        let mut forgotten = Balance { new_keys: 1_000_000, ..Balance::default() };
        forgotten.look(1_000_000, 0.1);
        let turns = (0..1_000).take_while(|_| {
            forgotten.look(1_000_000, 0.1);
            forgotten.is_ahead()
        });
        assert!((10..500).contains(&turns.count()));
    }

    #[test]
    fn a_workers_share_is_that_of_the_keys_that_may_go() {
        let memory = NodeMemory::new(2);
        assert_eq!(memory.evictions(ShardId(0)), (0, 1.0));
        memory.published[0].evictable_keys.store(30, Ordering::Relaxed);
        memory.published[1].evictable_keys.store(10, Ordering::Relaxed);
        memory.published[1].evicted_keys.store(7, Ordering::Relaxed);
        assert_eq!(memory.evictions(ShardId(1)), (7, 0.25));
    }

    #[test]
    fn the_node_uses_what_all_threads_do_together() {
        let memory = NodeMemory::new(2);
        memory.publish_main(70);
        memory.published[0].bytes.store(-20, Ordering::Relaxed);
        memory.published[1].bytes.store(500, Ordering::Relaxed);
        assert_eq!((memory.used_bytes(), memory.elsewhere_bytes(ShardId(1))), (550, 50));
        // Messages on their way are used memory that leads to no eviction.
        memory.published[0].told_bytes.store(30, Ordering::Relaxed);
        assert_eq!((memory.used_bytes(), memory.elsewhere_bytes(ShardId(1))), (550, 20));
        memory.published[0].told_bytes.store(0, Ordering::Relaxed);
        memory.published[1].bytes.store(100, Ordering::Relaxed);
        assert_eq!((memory.used_bytes(), memory.peak_bytes()), (150, 550));
    }
}
