//! How much memory the node uses, and keeping it within `maxmemory`: who evicts when, and when a write is refused.
//!
//! Each worker counts what its thread allocates and frees, and publishes the count once a turn; the sum of all is what
//! the node uses. Over the limit, the shard that is about to run a command makes room first, as Redis does; every worker
//! goes on with that at the end of its turns, in bounded steps. A shard that has nothing left to evict calls for the others,
//! and the write goes on. It is refused, where it was received and before anything of it runs on any shard, only when no
//! shard has a key that may go. Which key goes is decided in `shards::evict`.

use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicU64, Ordering};

use shards::error::CommandError;
use shards::evict::{Eviction, EvictionConfig, Meter};
use shards::slot::ShardId;

use crate::allocator;
use crate::config::Config;
use crate::mesh::Hop;
use crate::worker::Worker;

/// Work on eviction at the end of a turn that is over the limit, and at the most before all its commands together, in
/// keys: about half a millisecond, so that the two together stay far under two.
const KEYS_PER_TURN: usize = 250;
/// What a command may evict all the same when its turn has used up that: more than it adds, unless it adds much.
const KEYS_PER_COMMAND_MIN: usize = 8;
/// An eviction takes about so long, with the sampling for it, in microseconds: what a time limit is in keys.
const MICROSECONDS_PER_KEY: f64 = 2.0;
/// The number that `maxmemory-eviction-tenacity` has for no limit at all.
const TENACITY_UNLIMITED: u32 = 100;

const OOM_TEXT: &str = "OOM command not allowed when used memory > 'maxmemory'.";

/// What one thread publishes, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Published {
    /// Allocated less freed, in bytes.
    bytes: AtomicIsize,
    /// Its shard has keys that may be evicted.
    has_evictable: AtomicBool,
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

    /// What all threads but one worker's use, in bytes.
    fn elsewhere_bytes(&self, own: ShardId) -> isize {
        let others = self.published.iter().enumerate().filter(|&(worker, _)| worker != own.index());
        others.map(|(_, thread)| thread.bytes.load(Ordering::Relaxed)).sum()
    }

    fn may_evict(&self, worker: usize) -> bool {
        self.published[worker].has_evictable.load(Ordering::Relaxed)
    }
}

/// A worker's own part in it.
#[derive(Debug, Default)]
pub(crate) struct WorkerMemory {
    /// There is a limit.
    is_limited: bool,
    /// Keys that this turn's commands may still evict.
    turn_keys: usize,
    /// How far the node was over its limit when `turn_keys` had come to 0.
    kept_over_bytes: u64,
    /// Keys that one command may evict (`maxmemory-eviction-tenacity`).
    command_keys: usize,
    /// The node is over its limit and this shard can go on evicting.
    is_evicting: bool,
    /// Other shards are to evict, as this one has nothing left.
    calls_for_others: bool,
    /// All that may go went, and the node was over its limit still.
    is_exhausted: bool,
}

impl WorkerMemory {
    pub(crate) fn is_evicting(&self) -> bool {
        self.is_evicting
    }
}

/// Bytes that the calling thread has allocated and not freed.
fn thread_bytes() -> isize {
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
            ..WorkerMemory::default()
        };
        self.shard.set_meter(Meter::Thread(thread_bytes));
        self.shard.set_eviction(EvictionConfig {
            limit_bytes: config.maxmemory_bytes,
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
            self.shard.set_elsewhere_bytes(self.node.memory.elsewhere_bytes(self.id));
            self.memory.turn_keys = KEYS_PER_TURN;
        }
    }

    /// Publishes what this worker uses, and goes on evicting if the node is over its limit; at the end of a turn.
    #[inline]
    pub(crate) fn end_turn_memory(&mut self) {
        if self.memory.is_limited {
            self.go_on_evicting();
        }
        self.node.memory.published[self.id.index()].bytes.store(thread_bytes(), Ordering::Relaxed);
    }

    fn go_on_evicting(&mut self) {
        self.memory.is_evicting = false;
        if self.shard.over_bytes() > 0 {
            self.evict(KEYS_PER_TURN);
        } else {
            self.memory.is_exhausted = false;
        }
        let may_evict = self.shard.has_evictable() && !self.memory.is_exhausted;
        self.node.memory.published[self.id.index()].has_evictable.store(may_evict, Ordering::Relaxed);
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
        if self.memory.is_limited && self.shard.over_bytes() > 0 {
            self.evict_for_command();
        }
    }

    fn evict_for_command(&mut self) -> Eviction {
        let WorkerMemory { turn_keys, command_keys, kept_over_bytes, .. } = self.memory;
        // The turn has evicted its share. Its other commands only make up for what they add, so that a turn of many
        // commands does not become long.
        if turn_keys == 0 && command_keys != usize::MAX && self.shard.over_bytes() <= kept_over_bytes {
            return Eviction::More;
        }
        let budget = match command_keys {
            usize::MAX => usize::MAX,
            _ => command_keys.min(turn_keys.max(KEYS_PER_COMMAND_MIN)),
        };
        let before = self.shard.env().evicted_keys;
        let outcome = self.evict(budget);
        let evicted = self.shard.env().evicted_keys.saturating_sub(before) as usize;
        self.memory.turn_keys = turn_keys.saturating_sub(evicted);
        if turn_keys > 0 && self.memory.turn_keys == 0 {
            self.memory.kept_over_bytes = self.shard.over_bytes();
        }
        outcome
    }

    fn evict(&mut self, budget: usize) -> Eviction {
        let outcome = self.shard.evict_some(budget);
        match outcome {
            Eviction::Enough => self.memory.is_exhausted = false,
            Eviction::More => self.memory.is_evicting = true,
            Eviction::Nothing => {
                self.memory.is_exhausted = true;
                self.memory.calls_for_others = true;
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
    fn the_node_uses_what_all_threads_do_together() {
        let memory = NodeMemory::new(2);
        memory.publish_main(70);
        memory.published[0].bytes.store(-20, Ordering::Relaxed);
        memory.published[1].bytes.store(500, Ordering::Relaxed);
        assert_eq!((memory.used_bytes(), memory.elsewhere_bytes(ShardId(1))), (550, 50));
        memory.published[1].bytes.store(100, Ordering::Relaxed);
        assert_eq!((memory.used_bytes(), memory.peak_bytes()), (150, 550));
    }
}
