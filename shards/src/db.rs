//! The databases of one shard, each a table for every hash slot, and what they share.
//!
//! What a command may do with them is in [`crate::keyspace`]. This file must not know arguments, replies or commands.

use ahash::RandomState;

use crate::effects::Effects;
use crate::entry::Entry;
use crate::event::{self, Event};
use crate::garbage::Garbage;
use crate::random::Random;
use crate::slot::{SLOT_COUNT, SlotId, SlotSet};
use crate::table::{Place, Table};
use crate::watch::Watches;

/// The number of a database, 0 to `databases` - 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct DbIndex(pub u16);

impl DbIndex {
    /// As an index into the list of databases.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A key with the two hashes that lookups need, computed once for each command.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// The key itself.
    pub bytes: &'a [u8],
    /// Its hash slot.
    pub slot: SlotId,
    /// Its keyed hash, for the slot's table.
    pub hash: u64,
}

/// What all databases of a shard share. One per shard.
#[derive(Debug)]
pub struct Env {
    /// The time of this turn, in milliseconds since 1970. It does not move while a command runs.
    pub now_ms: u64,
    /// The keyed hash of this process: the same in all shards, so that a slot's tables can change hands.
    pub hasher: RandomState,
    /// proto-max-bulk-len: the longest string that a command may make, in bytes.
    pub string_len_max: usize,
    /// Lookups by reading commands that found their key.
    pub keyspace_hits: u64,
    /// Lookups by reading commands that did not.
    pub keyspace_misses: u64,
    /// Keys that were removed because their time had come.
    pub expired_keys: u64,
    /// Changes of keys so far: each key counts as often as it was changed (Redis: server.dirty).
    pub dirty: u64,
    /// Who watches which keys.
    pub watches: Watches,
    /// The slots whose keys live here.
    pub owned: SlotSet,
    /// What others learn of the changes.
    pub effects: Effects,
    /// Set while this shard runs a transaction on entries that other shards have lent: the keys that were changed, so
    /// that their owners can tell those who watch them.
    pub away: Option<Vec<(DbIndex, Box<[u8]>)>>,
    /// All random choices of the shard.
    pub random: Random,
    /// Tables that FLUSHDB ASYNC and FLUSHALL ASYNC have taken away and that are still to be freed.
    pub garbage: Garbage,
}

impl Env {
    /// What the databases of a shard share at its start.
    pub fn new(hash_seeds: [u64; 4], random_seed: u64, string_len_max: usize) -> Env {
        let [a, b, c, d] = hash_seeds;
        Env {
            now_ms: 0,
            hasher: RandomState::with_seeds(a, b, c, d),
            string_len_max,
            keyspace_hits: 0,
            keyspace_misses: 0,
            expired_keys: 0,
            dirty: 0,
            watches: Watches::default(),
            owned: SlotSet::all(),
            effects: Effects::default(),
            away: None,
            random: Random::new(random_seed),
            garbage: Garbage::default(),
        }
    }

    /// Tells everybody who wants to know that a key has changed, but for the listener of effects.
    #[inline]
    pub fn signal(&mut self, db: DbIndex, key: &[u8], event: Event) {
        if !self.watches.is_empty() {
            self.watches.touch(db, key, event == event::EXPIRED);
        }
        if let Some(away) = &mut self.away {
            away.push((db, key.into()));
        }
    }

    /// A key has been removed because its time was over or for want of memory.
    #[cold]
    pub fn removed(&mut self, db: DbIndex, key: &[u8], event: Event) {
        self.signal(db, key, event);
        if self.effects.is_listening() {
            self.effects.push(db, [&b"DEL"[..], key].into_iter().collect());
        }
    }

    /// Hashes a key for lookups.
    #[inline]
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        self.key_in_slot(bytes, SlotId::of(bytes))
    }

    /// The same when the slot is known already.
    #[inline]
    pub fn key_in_slot<'k>(&self, bytes: &'k [u8], slot: SlotId) -> Key<'k> {
        Key { bytes, slot, hash: self.hasher.hash_one(bytes) }
    }

    /// The access statistics of an entry that is used now: seconds, modulo 2^24 (Redis: LRU_CLOCK).
    #[inline]
    pub(crate) fn access_now(&self) -> u32 {
        (self.now_ms / 1000) as u32 & 0xff_ffff
    }
}

/// One database of one shard: a table for each hash slot. Empty until its first key.
#[derive(Default)]
pub struct Db {
    /// Either empty or `SLOT_COUNT` tables.
    pub(crate) tables: Vec<Table>,
    keys: usize,
    pub(crate) keys_with_expire: usize,
}

impl Db {
    /// The number of keys, expired ones that nobody has looked at included (as DBSIZE counts).
    pub fn len(&self) -> usize {
        self.keys
    }

    /// No key at all.
    pub fn is_empty(&self) -> bool {
        self.keys == 0
    }

    /// The number of keys that have an expire.
    pub fn keys_with_expire(&self) -> usize {
        self.keys_with_expire
    }

    /// Removes every key and gives the memory back.
    pub fn clear(&mut self) {
        *self = Db::default();
    }

    pub(crate) fn flush(&mut self, freeing: Freeing, garbage: &mut Garbage) {
        match freeing {
            Freeing::Now => self.clear(),
            Freeing::InSteps => {
                let old = std::mem::take(self);
                garbage.push(old.tables, old.keys);
            }
        }
    }

    /// Removes expired entries of one part of one slot's table, and says where to go on; `None` at the end of the
    /// database. Returns as well how many entries were looked at and removed.
    fn remove_expired(&mut self, sweep: Sweep, now_ms: u64) -> (Option<Sweep>, usize, usize) {
        let rest = self.tables.iter().enumerate().skip(sweep.slot);
        let Some((slot, _)) = rest.into_iter().find(|(_, table)| !table.is_empty()) else {
            return (None, 0, 0);
        };
        let part = if slot == sweep.slot { sweep.part } else { 0 };
        let (looked_at, removed) = self.tables[slot].remove_expired(part, now_ms);
        self.keys -= removed;
        self.keys_with_expire -= removed;
        let next = if part + 1 < self.tables[slot].parts() {
            Sweep { slot, part: part + 1, ..sweep }
        } else {
            Sweep { slot: slot + 1, part: 0, ..sweep }
        };
        (Some(next), looked_at, removed)
    }

    /// Takes the table of a slot out, with all its keys.
    pub(crate) fn take_slot(&mut self, slot: SlotId) -> Table {
        let Some(table) = self.tables.get_mut(slot.index()) else { return Table::default() };
        let table = std::mem::take(table);
        self.count(&table, |count, by| *count -= by);
        table
    }

    /// Puts in the table of a slot that has no keys here.
    pub(crate) fn put_slot(&mut self, slot: SlotId, table: Table) {
        if table.is_empty() {
            return;
        }
        self.count(&table, |count, by| *count += by);
        if self.tables.is_empty() {
            self.tables.resize_with(SLOT_COUNT, Table::default);
        }
        debug_assert!(self.tables[slot.index()].is_empty());
        self.tables[slot.index()] = table;
    }

    fn count(&mut self, table: &Table, change: impl Fn(&mut usize, usize)) {
        change(&mut self.keys, table.len());
        change(&mut self.keys_with_expire, table.iter().filter(|entry| entry.expire_ms().is_some()).count());
    }

    /// Bytes of the tables and the entries.
    pub fn memory_bytes(&self) -> usize {
        let entries = |table: &Table| table.iter().map(|entry| entry.memory_bytes()).sum::<usize>();
        let tables = self.tables.iter().map(|table| table.memory_bytes() + entries(table));
        tables.sum::<usize>() + self.tables.capacity() * size_of::<Table>()
    }

    #[inline]
    pub(crate) fn find(&self, key: &Key<'_>) -> Option<Place> {
        self.tables.get(key.slot.index())?.find(key.hash, key.bytes)
    }

    pub(crate) fn insert(&mut self, slot: SlotId, hash: u64, entry: Entry, hasher: &RandomState) -> Place {
        if self.tables.is_empty() {
            self.tables.resize_with(SLOT_COUNT, Table::default);
        }
        self.keys += 1;
        self.keys_with_expire += usize::from(entry.view().expire_ms().is_some());
        self.tables[slot.index()].insert(hash, entry, |bytes| hasher.hash_one(bytes))
    }

    pub(crate) fn remove(&mut self, slot: SlotId, place: Place) -> Entry {
        let entry = self.tables[slot.index()].remove(place);
        self.keys -= 1;
        self.keys_with_expire -= usize::from(entry.view().expire_ms().is_some());
        entry
    }
}

/// When the memory of removed keys is given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Freeing {
    /// Before the command returns.
    Now,
    /// In later turns, a bounded step in each: [`crate::shard::Shard::free_some`].
    InSteps,
}

/// How far the active expiry has come: it goes round through all databases and slots.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sweep {
    db: usize,
    slot: usize,
    part: usize,
}

/// Looks at about `budget` entries from `sweep` on and removes those that have expired. Returns how many it looked at
/// and removed. Databases without expires are skipped.
pub(crate) fn expire_some(dbs: &mut [Db], sweep: &mut Sweep, env: &mut Env, budget: usize) -> (usize, usize) {
    let (mut looked_at, mut removed, mut wrapped) = (0, 0, 0);
    while looked_at < budget && wrapped <= dbs.len() {
        let db = &mut dbs[sweep.db];
        let (next, looked, gone) =
            if db.keys_with_expire == 0 { (None, 0, 0) } else { db.remove_expired(*sweep, env.now_ms) };
        looked_at += looked;
        removed += gone;
        *sweep = next.unwrap_or_else(|| {
            wrapped += 1;
            Sweep { db: (sweep.db + 1) % dbs.len(), slot: 0, part: 0 }
        });
    }
    env.expired_keys += removed as u64;
    (looked_at, removed)
}
