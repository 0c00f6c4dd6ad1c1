//! What a worker may evict: in a turn, for a command, and beside what the others evict.
//!
//! How it does so is in `memory`. This file must not know the worker.

use std::time::Duration;

/// An eviction takes about so long, with the sampling for it, in microseconds: what a time limit is in keys.
const MICROSECONDS_PER_KEY: f64 = 2.0;
/// What a command may evict at least, when its turn has used up its share; it stops when it has made up for
/// what was added.
pub(super) const KEYS_PER_COMMAND_MIN: usize = 8;
/// So many evictions more than its share make a worker ahead.
const LEAD_KEYS_MIN: f64 = 16.0;
/// A lead or arrears that have grown to this grow no further, so that they are soon made up for.
const LEAD_KEYS_MAX: f64 = 1024.0;
/// Of a lead this part is forgotten in each turn: workers count at different times, and none may be ahead for
/// ever.
const LEAD_DECAY: f64 = 1.0 / 64.0;
/// The number that `maxmemory-eviction-tenacity` has for no limit at all.
const TENACITY_UNLIMITED: u32 = 100;

/// What a worker remembers between its steps of keeping the node within its limit. One per worker.
#[derive(Debug, Default)]
pub(super) struct WorkerMemory {
    /// There is a limit.
    pub(super) is_limited: bool,
    /// When the present period of what tells of changes has begun, in milliseconds since 1970.
    pub(super) told_since_ms: u64,
    /// Keys that this turn may still evict.
    pub(super) turn_keys: usize,
    /// The time that it may still take for that.
    pub(super) turn_time: Duration,
    /// How far the node was over its limit when `turn_keys` had come to 0.
    pub(super) kept_over_bytes: u64,
    /// By how much the node may be over its limit before this worker evicts: 0 but when it is ahead of its
    /// share.
    pub(super) left_to_others_bytes: u64,
    pub(super) balance: Balance,
    /// Keys that one command may evict (`maxmemory-eviction-tenacity`).
    pub(super) command_keys: usize,
    /// The node is over its limit and this shard can go on evicting.
    pub(super) is_evicting: bool,
    /// Other shards are to evict, as this one has nothing left.
    pub(super) calls_for_others: bool,
    /// All that may go went, and the node was over its limit still.
    pub(super) is_exhausted: bool,
}

/// A worker's evictions beside those of all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Balance {
    /// Keys that this worker has evicted, and those that all have, as of its last look.
    pub(super) own_keys: u64,
    all_keys: u64,
    /// Keys that it has evicted since.
    pub(super) new_keys: u64,
    /// Keys that it has evicted beyond its share of all evictions; negative when it is in arrears.
    lead_keys: f64,
}

impl Balance {
    /// All workers have evicted `all_keys`, and this one's share should have been `share`.
    pub(super) fn look(&mut self, all_keys: u64, share: f64) {
        let others_and_own = all_keys.wrapping_sub(self.all_keys);
        let lead = self.lead_keys * (1.0 - LEAD_DECAY) + self.new_keys as f64 - share * others_and_own as f64;
        self.lead_keys = lead.clamp(-LEAD_KEYS_MAX, LEAD_KEYS_MAX);
        self.own_keys = self.own_keys.wrapping_add(self.new_keys);
        (self.all_keys, self.new_keys) = (all_keys, 0);
    }

    pub(super) fn is_ahead(&self) -> bool {
        self.lead_keys >= LEAD_KEYS_MIN
    }
}

impl WorkerMemory {
    pub(super) fn is_evicting(&self) -> bool {
        self.is_evicting
    }
}

/// How long one command may evict, in keys (Redis: evictionTimeLimitUs).
pub(super) fn command_keys(tenacity: u32) -> usize {
    let limit_us = match tenacity {
        TENACITY_UNLIMITED.. => return usize::MAX,
        0..=10 => 50.0 * f64::from(tenacity),
        _ => 500.0 * 1.15f64.powi(tenacity as i32 - 10),
    };
    ((limit_us / MICROSECONDS_PER_KEY) as usize).max(KEYS_PER_COMMAND_MIN)
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
}
