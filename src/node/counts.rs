//! How many subscriptions and how many clients that track each worker has, so that messages go only where
//! they are wanted.
//!
//! A worker tells its own numbers; whoever sends asks for all. This file must not know clients or
//! connections.

use std::sync::atomic::{AtomicUsize, Ordering};

use shards::slot::ShardId;

use crate::node::distinct_names::DistinctNames;
use crate::pubsub::SubscriptionKind;

/// What the process shares: how many subscriptions each worker has, so that messages go only where
/// subscribers are, and how many names have subscribers, for those who ask.
#[derive(Debug)]
pub struct SubscriptionCounts {
    of_worker: Vec<AtomicUsize>,
    distinct: [DistinctNames; SubscriptionKind::ALL.len()],
}

impl SubscriptionCounts {
    /// None, for so many workers.
    pub fn new(workers: usize) -> SubscriptionCounts {
        let of_worker = (0..workers).map(|_| AtomicUsize::new(0)).collect();
        SubscriptionCounts { of_worker, distinct: Default::default() }
    }

    /// The names of a kind that have subscribers, wherever those are.
    pub fn distinct(&self, kind: SubscriptionKind) -> &DistinctNames {
        &self.distinct[kind as usize]
    }

    /// Told by the worker itself, before it acknowledges a subscription. Whoever publishes after an
    /// acknowledgement was seen sees it here: hence sequential consistency.
    pub fn set(&self, worker: ShardId, count: usize) {
        self.of_worker[worker.index()].store(count, Ordering::SeqCst);
    }

    /// True when a worker has any.
    pub fn has_any(&self, worker: ShardId) -> bool {
        self.of_worker[worker.index()].load(Ordering::SeqCst) > 0
    }

    /// The workers that have any.
    pub fn workers(&self) -> impl Iterator<Item = ShardId> {
        (0..self.of_worker.len()).map(|worker| ShardId(worker as u16)).filter(|&worker| self.has_any(worker))
    }

    /// No worker has any.
    pub fn is_empty(&self) -> bool {
        self.workers().next().is_none()
    }
}

/// What the process shares: how many clients of each worker track, so that messages go only where they are.
#[derive(Debug)]
pub struct TrackingCounts {
    clients: Vec<AtomicUsize>,
    prefixes: Vec<AtomicUsize>,
    /// Workers with any prefixes.
    broadcasting: AtomicUsize,
    /// The prefixes of all workers.
    distinct_prefixes: DistinctNames,
}

impl TrackingCounts {
    /// None, for so many workers.
    pub fn new(workers: usize) -> TrackingCounts {
        let none = || (0..workers).map(|_| AtomicUsize::new(0)).collect();
        TrackingCounts {
            clients: none(),
            prefixes: none(),
            broadcasting: AtomicUsize::new(0),
            distinct_prefixes: DistinctNames::default(),
        }
    }

    /// The prefixes that any client tracks by.
    pub fn prefixes(&self) -> &DistinctNames {
        &self.distinct_prefixes
    }

    /// Told by the worker itself, before CLIENT TRACKING is answered. Who changes a key after that answer was
    /// seen sees it here: hence sequential consistency.
    pub fn set(&self, worker: ShardId, clients: usize, prefixes: usize) {
        self.clients[worker.index()].store(clients, Ordering::SeqCst);
        let before = self.prefixes[worker.index()].swap(prefixes, Ordering::SeqCst);
        match (before, prefixes) {
            (0, 1..) => _ = self.broadcasting.fetch_add(1, Ordering::SeqCst),
            (1.., 0) => _ = self.broadcasting.fetch_sub(1, Ordering::SeqCst),
            _ => {}
        }
    }

    /// True when changed keys have to be noted.
    #[inline]
    pub fn is_broadcasting(&self) -> bool {
        self.broadcasting.load(Ordering::SeqCst) > 0
    }

    /// The workers with clients that track.
    pub fn with_clients(&self) -> impl Iterator<Item = ShardId> {
        TrackingCounts::workers(&self.clients)
    }

    /// The workers with clients that track by prefixes.
    pub fn with_prefixes(&self) -> impl Iterator<Item = ShardId> {
        TrackingCounts::workers(&self.prefixes)
    }

    fn workers(counts: &[AtomicUsize]) -> impl Iterator<Item = ShardId> {
        let with_any = counts.iter().enumerate().filter(|(_, count)| count.load(Ordering::SeqCst) > 0);
        with_any.map(|(worker, _)| ShardId(worker as u16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_with_prefixes_are_counted_once() {
        let counts = TrackingCounts::new(2);
        counts.set(ShardId(1), 0, 0);
        assert!(!counts.is_broadcasting());
        counts.set(ShardId(1), 1, 2);
        counts.set(ShardId(1), 1, 2);
        assert!(counts.is_broadcasting());
        assert_eq!(counts.with_clients().collect::<Vec<_>>(), [ShardId(1)]);
        assert_eq!(counts.with_prefixes().collect::<Vec<_>>(), [ShardId(1)]);
        counts.set(ShardId(1), 0, 0);
        assert!(!counts.is_broadcasting());
    }
}
