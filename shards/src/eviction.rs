//! What eviction is set up with, and how good it is to evict a key.
//!
//! The evicting itself is in `shard/evict.rs`. This file must not know how memory is measured.

use crate::db::Db;
use crate::entry::EntryRef;
use crate::env::Env;
use crate::key::DbIndex;
use crate::slot::SlotId;

/// Candidates that are remembered (Redis: EVPOOL_SIZE).
const POOL_LEN: usize = 16;

/// The policies of `maxmemory-policy`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EvictionPolicy {
    /// `noeviction`.
    #[default]
    None,
    /// `allkeys-*`: any key may go.
    AllKeys(EvictionOrder),
    /// `volatile-*`: only keys with an expire may.
    Volatile(EvictionOrder),
}

/// Which of the keys that may go goes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EvictionOrder {
    /// The one that has not been used for the longest time.
    Lru,
    /// The one that is used least often.
    Lfu,
    /// Any.
    Random,
    /// The one that expires first; only for keys with an expire.
    Ttl,
}

impl EvictionPolicy {
    /// Keys are to remember how often they are used.
    pub fn is_lfu(self) -> bool {
        matches!(
            self,
            EvictionPolicy::AllKeys(EvictionOrder::Lfu) | EvictionPolicy::Volatile(EvictionOrder::Lfu)
        )
    }

    /// How many keys of a database may go.
    pub(crate) fn candidates(self, db: &Db) -> usize {
        match self {
            EvictionPolicy::None => 0,
            EvictionPolicy::AllKeys(_) => db.len(),
            EvictionPolicy::Volatile(_) => db.keys_with_expire(),
        }
    }
}

/// How a shard learns how much memory it uses.
#[derive(Clone, Copy, Debug)]
pub enum Meter {
    /// Bytes that the shard's thread has allocated and not freed; negative when it frees what others have
    /// allocated.
    Thread(fn() -> isize),
    /// So many bytes for each key: for simulations, where all shards share a thread.
    PerKey(usize),
}

/// How eviction is set up; from the directives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EvictionConfig {
    /// `maxmemory` of the node, in bytes; 0 for no limit.
    pub limit_bytes: u64,
    /// What tells of changes is left out of account up to so many bytes on this shard, whatever clients there
    /// are.
    pub told_bytes_max: u64,
    /// `maxmemory-policy`.
    pub policy: EvictionPolicy,
    /// `maxmemory-samples`: keys looked at for one eviction.
    pub samples: usize,
}

impl Default for EvictionConfig {
    fn default() -> EvictionConfig {
        EvictionConfig { limit_bytes: 0, told_bytes_max: 0, policy: EvictionPolicy::None, samples: 5 }
    }
}

/// What came of [`crate::shard::Shard::evict_some`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Eviction {
    /// The node is within its limit.
    Enough,
    /// It is not yet; this shard can go on.
    More,
    /// It is not, and no key of this shard may go.
    Nothing,
}

/// A key that was looked at. It is known by its hash: names may be long, and a pool of them would outlive
/// their keys.
pub(crate) struct Candidate {
    /// The larger, the better it is to evict it.
    pub(crate) score: u64,
    pub(crate) db: DbIndex,
    pub(crate) slot: SlotId,
    pub(crate) hash: u64,
}

/// What a shard knows of memory. One per shard.
pub(crate) struct Evictor {
    pub(crate) config: EvictionConfig,
    pub(crate) meter: Meter,
    /// What the rest of the node uses, in bytes.
    pub(crate) elsewhere_bytes: isize,
    /// What messages about changes take that are on their way to clients, in bytes: those of this period of
    /// the cron, and those of the one before; see [`crate::shard::Shard::add_told_bytes`].
    pub(crate) told_bytes: [isize; 2],
    /// In the order of their scores, the best one last.
    pub(crate) pool: Vec<Candidate>,
}

impl Default for Evictor {
    fn default() -> Evictor {
        let meter = Meter::PerKey(0);
        Evictor {
            config: EvictionConfig::default(),
            meter,
            elsewhere_bytes: 0,
            told_bytes: [0; 2],
            pool: Vec::new(),
        }
    }
}

/// How good it is to evict an entry. For LRU it tells the second of the last use, so that it does not change
/// while the candidate waits in the pool.
pub(crate) fn score(order: EvictionOrder, entry: &EntryRef<'_>, env: &Env) -> u64 {
    match order {
        EvictionOrder::Lru => {
            u64::MAX
                - (env.now_ms / 1000).saturating_sub(env.access.idle_ms(entry.access(), env.now_ms) / 1000)
        }
        EvictionOrder::Lfu => u64::from(u8::MAX - env.access.frequency(entry.access(), env.now_ms)),
        EvictionOrder::Ttl => u64::MAX - entry.expire_ms().unwrap_or(u64::MAX),
        EvictionOrder::Random => 0,
    }
}

/// Puts a candidate into the pool when there is room or it is better than the worst one there.
pub(crate) fn offer(pool: &mut Vec<Candidate>, score: u64, candidate: impl FnOnce() -> Candidate) {
    if pool.len() >= POOL_LEN {
        if score <= pool[0].score {
            return;
        }
        pool.remove(0);
    }
    let at = pool.partition_point(|other| other.score <= score);
    pool.insert(at, candidate());
}
