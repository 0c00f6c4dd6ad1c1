//! Eviction: which key goes when the node has more memory in use than `maxmemory`.
//!
//! As in Redis the victim is found by sampling: some random keys are looked at, the best candidates for
//! eviction among them are remembered in a small pool from one eviction to the next, and the best of the pool
//! goes. Here random keys are uniform over all keys of the shard's databases, and a candidate that was used
//! since it was looked at is let off. This file must not know commands, the other shards, or how memory is
//! measured.

use crate::db::Db;
use crate::entry::EntryRef;
use crate::event;
use crate::eviction::{
    Candidate, Eviction, EvictionConfig, EvictionOrder, EvictionPolicy, Evictor, Meter, offer, score,
};
use crate::key::DbIndex;
use crate::shard::Shard;
use crate::slot::SlotId;
use crate::table::Place;

/// Samples without a key that may go before the shard says that it has none now.
const FRUITLESS_TRIES_MAX: usize = 16;

impl Shard {
    /// Has the shard measure its memory by `meter`. Without one it uses none.
    pub fn set_meter(&mut self, meter: Meter) {
        self.evictor.meter = meter;
    }

    /// Sets up eviction. Access statistics of keys stay as they are, also when their meaning changes, as in
    /// Redis.
    pub fn set_eviction(&mut self, config: EvictionConfig) {
        if self.evictor.config.policy != config.policy {
            self.evictor.pool.clear();
        }
        self.evictor.config = config;
        self.env.access.is_lfu = config.policy.is_lfu();
    }

    /// `lfu-log-factor` and `lfu-decay-time`, the latter in minutes.
    pub fn set_lfu(&mut self, log_factor: u32, decay_min: u32) {
        self.env.access.lfu_log_factor = log_factor;
        self.env.access.lfu_decay_min = decay_min;
    }

    /// Tells the shard how much memory the rest of the node uses, in bytes; once a turn. The parts of the
    /// rest count what they have allocated less what they have freed, so it may be negative.
    pub fn set_elsewhere_bytes(&mut self, bytes: isize) {
        self.evictor.elsewhere_bytes = bytes;
    }

    /// Leaves so many bytes, and no more than `told_bytes_max` in all, out of what counts against the limit,
    /// until the second call of [`Shard::age_told_bytes`] from now on: messages which tell clients of
    /// changes. Most changes over the limit are evictions, and what tells of those must not lead to more of
    /// them (Redis: performEvictions leaves it out of what a key has freed).
    pub fn add_told_bytes(&mut self, bytes: isize) {
        let bytes_max = self.evictor.config.told_bytes_max;
        let [now, before] = &mut self.evictor.told_bytes;
        let now_max = isize::try_from(bytes_max).unwrap_or(isize::MAX) - *before;
        *now = (*now + bytes).clamp(0, now_max.max(0));
    }

    /// What [`Shard::add_told_bytes`] has left out.
    pub fn told_bytes(&self) -> isize {
        self.evictor.told_bytes.iter().sum()
    }

    /// A period is over. The messages of the one before have been sent, or their clients do not read them,
    /// and they count.
    pub fn age_told_bytes(&mut self) {
        let [now, before] = &mut self.evictor.told_bytes;
        (*now, *before) = (0, *now);
    }

    fn own_bytes(&self) -> isize {
        match self.evictor.meter {
            Meter::Thread(bytes) => bytes(),
            Meter::PerKey(bytes) => (self.dbs.iter().map(Db::len).sum::<usize>() * bytes) as isize,
        }
    }

    /// By how much the node exceeds its limit, in bytes.
    #[inline]
    pub fn over_bytes(&self) -> u64 {
        let Evictor { config, elsewhere_bytes, told_bytes: [now, before], .. } = &self.evictor;
        if config.limit_bytes == 0 {
            return 0;
        }
        let used_bytes = elsewhere_bytes + self.own_bytes() - now - before;
        (used_bytes.max(0) as u64).saturating_sub(config.limit_bytes)
    }

    /// How many keys of this shard the policy lets go.
    pub fn evictable_keys(&self) -> usize {
        let policy = self.evictor.config.policy;
        self.dbs.iter().map(|db| policy.candidates(db)).sum()
    }

    /// True when the policy lets some key of this shard go.
    fn has_evictable(&self) -> bool {
        self.evictable_keys() > 0
    }

    /// Evicts keys until the node is within its limit or `budget` is used up; a key is one, a big value
    /// counts as several (Redis: performEvictions). Keys that a transaction holds stay.
    pub fn evict_some(&mut self, budget: usize) -> Eviction {
        self.evict_down_to(0, budget)
    }

    /// The same until the node exceeds its limit by at most `over_bytes_max`: [`Eviction::Enough`] then means
    /// that.
    pub fn evict_down_to(&mut self, over_bytes_max: u64, budget: usize) -> Eviction {
        let mut used = 0;
        let outcome = loop {
            if self.over_bytes() <= over_bytes_max {
                break Eviction::Enough;
            }
            if used >= budget {
                break Eviction::More;
            }
            let Some((db, slot, place)) = self.victim() else {
                break if self.has_evictable() { Eviction::More } else { Eviction::Nothing };
            };
            let entry = self.dbs[db.index()].remove(slot, place);
            used += entry.view().freeing_cost();
            self.env.evicted_keys += 1;
            let before = self.own_bytes();
            self.env.removed(db, entry.view().key(), event::EVICTED);
            let told_bytes = self.own_bytes() - before;
            if told_bytes > 0 {
                self.add_told_bytes(told_bytes);
            }
        };
        if used > 0 {
            self.close_effects();
        }
        outcome
    }

    /// The key that goes next; `None` when none was found that may go now.
    fn victim(&mut self) -> Option<(DbIndex, SlotId, Place)> {
        let order = match self.evictor.config.policy {
            EvictionPolicy::None => return None,
            EvictionPolicy::AllKeys(order) | EvictionPolicy::Volatile(order) => order,
        };
        for _ in 0..FRUITLESS_TRIES_MAX {
            if order == EvictionOrder::Random {
                let (db, slot, place) = self.random_candidate()?;
                if !self.is_held(db, self.entry(db, slot, place).key()) {
                    return Some((db, slot, place));
                }
                continue;
            }
            for _ in 0..self.evictor.config.samples {
                let (db, slot, place) = self.random_candidate()?;
                let entry = self.dbs[db.index()].entry(slot, place);
                let score = score(order, &entry, &self.env);
                let hash = || self.env.hasher.hash_one(entry.key());
                offer(&mut self.evictor.pool, score, || Candidate { score, db, slot, hash: hash() });
            }
            while let Some(candidate) = self.evictor.pool.pop() {
                if let Some(found) = self.still_evictable(order, &candidate) {
                    return Some(found);
                }
            }
        }
        None
    }

    /// Where a candidate lies, unless it is gone, was used meanwhile, has lost its expire, or is held by a
    /// transaction.
    fn still_evictable(
        &self,
        order: EvictionOrder,
        candidate: &Candidate,
    ) -> Option<(DbIndex, SlotId, Place)> {
        let &Candidate { db, slot, hash, .. } = candidate;
        let table = self.dbs.get(db.index())?.table(slot)?;
        let place = table.find_hash(hash, |key| self.env.hasher.hash_one(key))?;
        let entry = table.word(place).entry();
        let may_go =
            entry.expire_ms().is_some() || matches!(self.evictor.config.policy, EvictionPolicy::AllKeys(_));
        let is_as_good = score(order, &entry, &self.env) >= candidate.score;
        let free = may_go && is_as_good && !self.is_held(db, entry.key());
        free.then_some((db, slot, place))
    }

    fn entry(&self, db: DbIndex, slot: SlotId, place: Place) -> EntryRef<'_> {
        self.dbs[db.index()].entry(slot, place)
    }

    /// A random key of those that may go, each with the same chance.
    fn random_candidate(&mut self) -> Option<(DbIndex, SlotId, Place)> {
        let policy = self.evictor.config.policy;
        let total: usize = self.dbs.iter().map(|db| policy.candidates(db)).sum();
        let mut rest = self.env.random.below(total.max(1));
        let db = self.dbs.iter().position(|db| {
            let len = policy.candidates(db);
            let is_here = rest < len;
            rest -= if is_here { 0 } else { len };
            is_here
        })?;
        let (slot, place) = match policy {
            EvictionPolicy::Volatile(_) => self.dbs[db].random_expiring_place(&mut self.env.random)?,
            _ => self.dbs[db].random_place(&mut self.env.random)?,
        };
        Some((DbIndex(db as u16), slot, place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;
    use crate::caller::Caller;
    use crate::entry::{Expire, NewValue};
    use crate::shard::ShardConfig;
    use crate::slot::ShardId;
    use crate::txn::{OwnedCall, Part, TxId, TxnMessage};
    use crate::watch::ClientId;

    const KEY_BYTES: usize = 100;

    /// A shard whose keys take 100 bytes each, with room for `keys` of them.
    fn shard_with_room_for(keys: usize, policy: EvictionPolicy) -> Shard {
        let mut shard = Shard::new(&ShardConfig {
            id: ShardId(0),
            databases: 4,
            hash_seeds: [1, 2, 3, 4],
            random_seed: 5,
            string_len_max: 512 << 20,
            registry: crate::testing::registry(),
        });
        shard.set_meter(Meter::PerKey(KEY_BYTES));
        let limit_bytes = (keys * KEY_BYTES) as u64;
        shard.set_eviction(EvictionConfig {
            limit_bytes,
            told_bytes_max: limit_bytes / 4,
            policy,
            samples: 10,
        });
        shard.set_now(1_000_000);
        shard
    }

    fn set(shard: &mut Shard, db: u16, name: &str, expire: Expire) {
        let mut space = shard.keyspace(DbIndex(db));
        let key = space.key(name.as_bytes());
        space.set(&key, NewValue::Int(1), expire);
    }

    fn read(shard: &mut Shard, name: &str) {
        let mut space = shard.reading_keyspace(DbIndex(0));
        let key = space.key(name.as_bytes());
        assert!(space.read(&key).is_some());
    }

    fn has(shard: &mut Shard, db: u16, name: &str) -> bool {
        let space = shard.keyspace(DbIndex(db));
        space.view(&space.key(name.as_bytes())).is_some()
    }

    #[test]
    fn eviction_ends_at_the_limit_or_with_the_budget_or_with_the_last_key_that_may_go() {
        let mut shard = shard_with_room_for(50, EvictionPolicy::AllKeys(EvictionOrder::Random));
        (0..100).for_each(|index| set(&mut shard, index % 4, &index.to_string(), Expire::Clear));
        assert_eq!(shard.over_bytes(), 50 * KEY_BYTES as u64);
        assert_eq!(shard.evict_some(30), Eviction::More);
        assert_eq!(shard.env().evicted_keys, 30);
        assert_eq!(shard.evict_some(30), Eviction::Enough);
        assert_eq!(shard.env().evicted_keys, 50);
        // What the rest of the node uses counts too.
        shard.set_elsewhere_bytes(40 * KEY_BYTES as isize);
        assert_eq!(shard.evict_some(usize::MAX), Eviction::Enough);
        assert_eq!(shard.env().evicted_keys, 90);
        shard.set_elsewhere_bytes(1 << 40);
        assert_eq!(shard.evict_some(usize::MAX), Eviction::Nothing);
        assert_eq!((shard.env().evicted_keys, shard.has_evictable()), (100, false));
        (0..4).for_each(|db| shard.dbs()[db].assert_exact());
    }

    #[test]
    fn eviction_down_to_an_excess_leaves_that_excess() {
        let mut shard = shard_with_room_for(50, EvictionPolicy::AllKeys(EvictionOrder::Random));
        (0..100).for_each(|index| set(&mut shard, index % 4, &index.to_string(), Expire::Clear));
        let left = 20 * KEY_BYTES as u64;
        assert_eq!(shard.evict_down_to(left, 10), Eviction::More);
        assert_eq!(shard.evict_down_to(left, 1_000), Eviction::Enough);
        assert_eq!((shard.over_bytes(), shard.evictable_keys()), (left, 70));
    }

    #[test]
    fn what_tells_of_changes_counts_two_periods_later_and_never_hides_more_than_it_may() {
        let mut shard = shard_with_room_for(40, EvictionPolicy::AllKeys(EvictionOrder::Random));
        (0..50).for_each(|index| set(&mut shard, 0, &index.to_string(), Expire::Clear));
        let over = |shard: &Shard| shard.over_bytes() as usize / KEY_BYTES;
        shard.add_told_bytes(7 * KEY_BYTES as isize);
        assert_eq!(over(&shard), 3);
        shard.age_told_bytes();
        shard.add_told_bytes(2 * KEY_BYTES as isize);
        assert_eq!(over(&shard), 1);
        shard.add_told_bytes(1 << 40);
        assert_eq!(over(&shard), 0);
        shard.set_elsewhere_bytes(5 * KEY_BYTES as isize);
        assert_eq!(over(&shard), 5, "a quarter of the limit is hidden");
        shard.age_told_bytes();
        assert_eq!(over(&shard), 12);
        shard.age_told_bytes();
        assert_eq!(over(&shard), 15);
        shard.add_told_bytes(-5);
        assert_eq!((over(&shard), shard.told_bytes()), (15, 0));
    }

    #[test]
    fn without_a_limit_or_a_policy_nothing_goes() {
        let mut shard = shard_with_room_for(0, EvictionPolicy::AllKeys(EvictionOrder::Lru));
        set(&mut shard, 0, "a", Expire::Clear);
        assert_eq!(shard.evict_some(9), Eviction::Enough);
        let mut shard = shard_with_room_for(1, EvictionPolicy::None);
        set(&mut shard, 0, "a", Expire::Clear);
        set(&mut shard, 0, "b", Expire::Clear);
        assert_eq!(shard.evict_some(9), Eviction::Nothing);
        assert_eq!(shard.dbs()[0].len(), 2);
    }

    #[test]
    fn volatile_policies_leave_keys_without_an_expire() {
        for order in [EvictionOrder::Lru, EvictionOrder::Lfu, EvictionOrder::Random, EvictionOrder::Ttl] {
            let mut shard = shard_with_room_for(10, EvictionPolicy::Volatile(order));
            for index in 0..40u64 {
                let expire = if index < 20 { Expire::At(2_000_000 + index) } else { Expire::Clear };
                set(&mut shard, 0, &index.to_string(), expire);
            }
            assert_eq!(shard.evict_some(1_000), Eviction::Nothing, "{order:?}");
            assert!((20..40).all(|index| has(&mut shard, 0, &index.to_string())), "{order:?}");
            assert_eq!(shard.dbs()[0].len(), 20);
        }
    }

    /// Of 1000 keys the better half for eviction is `worse`, and 300 go: how many of the other half did.
    fn wrongly_evicted(order: EvictionOrder, prepare: impl Fn(&mut Shard, u64)) -> usize {
        let mut shard = shard_with_room_for(700, EvictionPolicy::Volatile(order));
        for index in 0..1000 {
            set(&mut shard, 0, &index.to_string(), Expire::At(9_000_000 + index * 1000));
        }
        shard.set_now(2_000_000);
        (500..1000).for_each(|index| prepare(&mut shard, index));
        assert_eq!(shard.evict_some(usize::MAX), Eviction::Enough);
        (500..1000).filter(|index| !has(&mut shard, 0, &index.to_string())).count()
    }

    #[test]
    fn each_order_lets_the_right_keys_go() {
        let lru = wrongly_evicted(EvictionOrder::Lru, |shard, index| read(shard, &index.to_string()));
        let lfu = wrongly_evicted(EvictionOrder::Lfu, |shard, index| {
            (0..60).for_each(|_| read(shard, &index.to_string()));
        });
        let ttl = wrongly_evicted(EvictionOrder::Ttl, |_, _| {});
        let random = wrongly_evicted(EvictionOrder::Random, |_, _| {});
        assert!(lru < 3 && lfu < 3 && ttl < 3, "LRU {lru}, LFU {lfu}, TTL {ttl} of 300");
        assert!((100..200).contains(&random), "{random} of 300");
    }

    #[test]
    fn a_candidate_that_was_used_since_is_let_off() {
        let mut shard = shard_with_room_for(19, EvictionPolicy::AllKeys(EvictionOrder::Lru));
        (0..20).for_each(|index| set(&mut shard, 0, &index.to_string(), Expire::Clear));
        // All keys are equally old, so the pool is full of those that go next: some of any six are among
        // them.
        assert_eq!(shard.evict_some(1), Eviction::Enough);
        shard.set_now(1_100_000);
        let left: Vec<String> =
            (0..20).map(|index| index.to_string()).filter(|name| has(&mut shard, 0, name)).collect();
        left[6..].iter().for_each(|name| read(&mut shard, name));
        shard.set_elsewhere_bytes(KEY_BYTES as isize);
        assert_eq!(shard.evict_some(1), Eviction::Enough);
        let still =
            |shard: &mut Shard, names: &[String]| names.iter().filter(|name| has(shard, 0, name)).count();
        assert_eq!((still(&mut shard, &left[..6]), still(&mut shard, &left[6..])), (5, left.len() - 6));
    }

    #[test]
    fn keys_that_a_transaction_holds_stay_and_the_shard_says_that_it_can_go_on_later() {
        for order in [EvictionOrder::Lru, EvictionOrder::Random] {
            let mut shard = shard_with_room_for(1, EvictionPolicy::AllKeys(order));
            shard.set_elsewhere_bytes(1 << 20);
            set(&mut shard, 0, "a", Expire::Clear);
            set(&mut shard, 0, "b", Expire::Clear);
            let command = crate::commands::FAMILIES
                .iter()
                .copied()
                .flatten()
                .find(|row| row.spec.name == "get")
                .unwrap();
            let args: OwnedArgs = ["get", "a"].map(str::as_bytes).into_iter().collect();
            let call = OwnedCall { command, key: None, caller: Caller::new(ClientId(1)), args };
            let (txid, mut out) = (TxId(1 << 16), Vec::new());
            shard.handle_txn(ShardId(1), TxnMessage::Lock(txid, Part::Run(call)), &mut out);
            assert_eq!(shard.evict_some(10), Eviction::More, "{order:?}");
            assert!(has(&mut shard, 0, "a") && !has(&mut shard, 0, "b"));
            shard.handle_txn(ShardId(1), TxnMessage::Cancel(txid, None), &mut out);
            assert_eq!(shard.evict_some(10), Eviction::Nothing);
            assert!(shard.dbs()[0].is_empty());
        }
    }

    #[test]
    fn each_evicted_key_is_an_effect_and_breaks_watches() {
        let mut shard = shard_with_room_for(1, EvictionPolicy::AllKeys(EvictionOrder::Lru));
        shard.listen_to_effects(true);
        set(&mut shard, 2, "a", Expire::Clear);
        let mut space = shard.keyspace(DbIndex(2));
        let key = space.key(b"a");
        space.watch(&key, ClientId(7));
        shard.set_elsewhere_bytes(1);
        shard.evict_some(10);
        let space = shard.keyspace(DbIndex(2));
        assert!(space.is_watch_broken(&space.key(b"a"), ClientId(7)));
        let effects: Vec<_> = shard.take_effects().into_iter().flat_map(|group| group.effects).collect();
        assert_eq!(effects.len(), 1);
        assert_eq!(effects[0].args, ["DEL", "a"].map(str::as_bytes).into_iter().collect());
    }
}
