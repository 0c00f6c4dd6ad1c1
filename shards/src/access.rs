//! The 24 bits in which an entry remembers how it was used: when last (LRU), or how often (LFU).
//!
//! LRU: seconds, modulo 2^24 (Redis: LRU_CLOCK). LFU: above, the minute in which the counter was last brought
//! up to date, modulo 2^16; below, a counter that grows the slower the larger it is, and that loses one for
//! each `lfu-decay-time` minutes (Redis: LFULogIncr, LFUDecrAndReturn; Morris, CACM 1978). The policy says
//! which of the two the bits are; when it changes they stay as they are, as in Redis. This file must not know
//! entries or databases.

use crate::random::Random;

/// The counter of a new entry: it gets time to be used before it is the rarest (Redis: LFU_INIT_VAL).
pub const LFU_COUNTER_AT_START: u8 = 5;

const LRU_BITS_MASK: u64 = (1 << 24) - 1;
const MINUTE_MASK: u64 = (1 << 16) - 1;

/// How entries remember their use. One per shard; it follows the directives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccessPolicy {
    /// The policy of `maxmemory-policy` is one of LFU.
    pub is_lfu: bool,
    /// `lfu-log-factor`: how hard it is for a counter to grow.
    pub lfu_log_factor: u32,
    /// `lfu-decay-time`, in minutes; 0 for never.
    pub lfu_decay_min: u32,
}

impl Default for AccessPolicy {
    /// Redis's defaults.
    fn default() -> AccessPolicy {
        AccessPolicy { is_lfu: false, lfu_log_factor: 10, lfu_decay_min: 1 }
    }
}

/// When or how often an entry that comes from elsewhere was used there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LastUse {
    /// Nobody knows: it counts as new.
    #[default]
    Now,
    /// So long ago. Means something while the policy is not LFU.
    Ago {
        /// In seconds.
        seconds: u64,
    },
    /// So often, on LFU's logarithmic scale. Means something while the policy is LFU.
    Frequency(u8),
}

impl AccessPolicy {
    /// The bits of an entry that comes from elsewhere (Redis: objectSetLRUOrLFU).
    pub fn after(&self, last_use: LastUse, now_ms: u64) -> u32 {
        match last_use {
            LastUse::Ago { seconds } if !self.is_lfu => {
                (u64::from(lru_clock(now_ms)).wrapping_sub(seconds) & LRU_BITS_MASK) as u32
            }
            LastUse::Frequency(counter) if self.is_lfu => lfu_bits(now_ms, counter),
            _ => self.at_start(now_ms),
        }
    }

    /// The bits of a new entry.
    #[inline]
    pub fn at_start(&self, now_ms: u64) -> u32 {
        if self.is_lfu { lfu_bits(now_ms, LFU_COUNTER_AT_START) } else { lru_clock(now_ms) }
    }

    /// The bits of an entry that had `bits` and is used now.
    #[inline]
    pub fn used(&self, bits: u32, now_ms: u64, random: &mut Random) -> u32 {
        if self.is_lfu {
            lfu_bits(now_ms, self.grown(self.frequency(bits, now_ms), random))
        } else {
            lru_clock(now_ms)
        }
    }

    /// How long an entry with these bits has not been used, in milliseconds. As exact as a second.
    pub fn idle_ms(&self, bits: u32, now_ms: u64) -> u64 {
        (u64::from(lru_clock(now_ms)).wrapping_sub(u64::from(bits)) & LRU_BITS_MASK) * 1000
    }

    /// The counter of an entry with these bits, as it has decayed by now.
    pub fn frequency(&self, bits: u32, now_ms: u64) -> u8 {
        let elapsed_min = minute(now_ms).wrapping_sub(u64::from(bits >> 8)) & MINUTE_MASK;
        let decay = elapsed_min.checked_div(u64::from(self.lfu_decay_min)).unwrap_or(0);
        (bits as u8).saturating_sub(decay.min(255) as u8)
    }

    /// The counter one use later.
    fn grown(&self, counter: u8, random: &mut Random) -> u8 {
        let above = u64::from(counter.saturating_sub(LFU_COUNTER_AT_START));
        let once_in = above * u64::from(self.lfu_log_factor) + 1;
        if counter < u8::MAX && random.one_in(once_in as usize) { counter + 1 } else { counter }
    }
}

fn lru_clock(now_ms: u64) -> u32 {
    ((now_ms / 1000) & LRU_BITS_MASK) as u32
}

fn minute(now_ms: u64) -> u64 {
    (now_ms / 60_000) & MINUTE_MASK
}

fn lfu_bits(now_ms: u64, counter: u8) -> u32 {
    (minute(now_ms) as u32) << 8 | u32::from(counter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: u64 = 60_000;

    fn lfu() -> AccessPolicy {
        AccessPolicy { is_lfu: true, ..AccessPolicy::default() }
    }

    #[test]
    fn idle_time_counts_seconds_and_survives_the_clocks_turn() {
        let policy = AccessPolicy::default();
        for start_ms in [5_000, (LRU_BITS_MASK - 2) * 1000, u64::MAX / 2] {
            let bits = policy.at_start(start_ms);
            assert_eq!(policy.idle_ms(bits, start_ms), 0);
            assert_eq!(policy.idle_ms(bits, start_ms + 7_000), 7_000);
            let used = policy.used(bits, start_ms + 7_000, &mut Random::new(1));
            assert_eq!(policy.idle_ms(used, start_ms + 9_000), 2_000);
        }
    }

    #[test]
    fn what_comes_from_elsewhere_was_used_as_it_is_said() {
        let (lru, now_ms) = (AccessPolicy::default(), 90 * MINUTE_MS);
        let after = |policy: AccessPolicy, last_use| policy.after(last_use, now_ms);
        assert_eq!(lru.idle_ms(after(lru, LastUse::Ago { seconds: 100 }), now_ms), 100_000);
        // Longer ago than the clock runs.
        assert_eq!(lru.idle_ms(after(lru, LastUse::Ago { seconds: 10_000 }), now_ms), 10_000_000);
        assert_eq!(lfu().frequency(after(lfu(), LastUse::Frequency(200)), now_ms), 200);
        for (policy, last_use) in
            [(lru, LastUse::Frequency(9)), (lru, LastUse::Now), (lfu(), LastUse::Ago { seconds: 9 })]
        {
            assert_eq!(after(policy, last_use), policy.at_start(now_ms));
        }
    }

    #[test]
    fn a_counter_grows_logarithmically_with_use() {
        // Redis's redis.conf gives about these numbers for the factor 10.
        let mut random = Random::new(7);
        for (factor, uses, expected) in
            [(10, 100, 8..=13), (10, 1000, 15..=22), (10, 100_000, 125..=160), (0, 300, 255..=255)]
        {
            let policy = AccessPolicy { lfu_log_factor: factor, ..lfu() };
            let mut bits = policy.at_start(MINUTE_MS);
            for _ in 0..uses {
                bits = policy.used(bits, MINUTE_MS, &mut random);
            }
            let counter = policy.frequency(bits, MINUTE_MS);
            assert!(expected.contains(&counter), "{counter} after {uses} uses with factor {factor}");
        }
    }

    #[test]
    fn a_counter_decays_by_one_for_each_period_and_not_below_zero() {
        let start_ms = MINUTE_MASK * MINUTE_MS;
        let bits = lfu().at_start(start_ms);
        for (minutes, expected) in [(0, 5), (1, 4), (3, 2), (5, 0), (900, 0)] {
            assert_eq!(lfu().frequency(bits, start_ms + minutes * MINUTE_MS), expected, "{minutes} minutes");
        }
        let slow = AccessPolicy { lfu_decay_min: 3, ..lfu() };
        assert_eq!(slow.frequency(bits, start_ms + 8 * MINUTE_MS), 3);
        let never = AccessPolicy { lfu_decay_min: 0, ..lfu() };
        assert_eq!(never.frequency(bits, start_ms + 800 * MINUTE_MS), 5);
    }
}
