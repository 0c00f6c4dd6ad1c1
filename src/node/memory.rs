//! How much memory the process uses: what each thread has allocated and not freed, published once a turn, and
//! the sum.
//!
//! Beside it stands what each shard could evict and has evicted. Who evicts when is the workers' business.

use std::sync::atomic::{AtomicIsize, AtomicU64, AtomicUsize, Ordering};

use shards::slot::ShardId;

use crate::host::allocator;

/// What one worker tells another of memory.
#[derive(Clone, Copy)]
pub enum MemoryHop {
    /// Evict keys of your shard: mine has none left.
    MakeRoom,
}

/// What one thread publishes, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Published {
    /// Allocated less freed, in bytes.
    bytes: AtomicIsize,
    /// Of these, what does not count against the limit: messages on their way.
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

    /// What a worker's thread has allocated and not freed, in bytes, and how much of that does not count
    /// against the limit.
    #[inline]
    pub(crate) fn publish(&self, worker: ShardId, bytes: isize, told_bytes: isize) {
        let published = &self.published[worker.index()];
        published.bytes.store(bytes, Ordering::Relaxed);
        published.told_bytes.store(told_bytes, Ordering::Relaxed);
    }

    /// How many keys of a worker's shard may be evicted, and how many it has evicted, modulo 2^64.
    pub(crate) fn publish_evictions(&self, worker: ShardId, evictable_keys: usize, evicted_keys: u64) {
        let published = &self.published[worker.index()];
        published.evictable_keys.store(evictable_keys, Ordering::Relaxed);
        published.evicted_keys.store(evicted_keys, Ordering::Relaxed);
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
    pub(crate) fn elsewhere_bytes(&self, own: ShardId) -> isize {
        let others = self.published.iter().enumerate().filter(|&(worker, _)| worker != own.index());
        let counted = |thread: &Published| {
            thread.bytes.load(Ordering::Relaxed) - thread.told_bytes.load(Ordering::Relaxed)
        };
        others.map(|(_, thread)| counted(thread)).sum()
    }

    pub(crate) fn may_evict(&self, worker: usize) -> bool {
        self.published[worker].evictable_keys.load(Ordering::Relaxed) > 0
    }

    /// What all workers have evicted, modulo 2^64, and this worker's share of the keys that may go, from 0
    /// to 1.
    pub(crate) fn evictions(&self, own: ShardId) -> (u64, f64) {
        let evicted = self.published.iter().map(|thread| thread.evicted_keys.load(Ordering::Relaxed));
        let evictable = |thread: &Published| thread.evictable_keys.load(Ordering::Relaxed);
        let all: usize = self.published.iter().map(evictable).sum();
        // Who evicts although nothing is known to be left is not ahead of anybody.
        let share = if all == 0 { 1.0 } else { evictable(&self.published[own.index()]) as f64 / all as f64 };
        (evicted.fold(0, u64::wrapping_add), share)
    }
}

/// Bytes that the calling thread has allocated and not freed.
pub(crate) fn thread_bytes() -> isize {
    allocator::allocated_bytes() + shards::words::allocated_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

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
