//! What all databases of a shard share: time, the hash, counters, settings, and who has to learn of a change.
//!
//! This file must not know the tables of keys, arguments or commands.

use ahash::RandomState;

use crate::access::AccessPolicy;
use crate::blocking::Block;
use crate::blocking_keys::BlockingKeys;
use crate::copies::TrackedKeys;
use crate::db::Db;
use crate::effects::Effects;
use crate::encoding::limits::Limits;
use crate::entry::Entry;
use crate::event::{self, Change, ChangedKey, Event};
use crate::garbage::Garbage;
use crate::key::{DbIndex, Key};
use crate::notify::Notices;
use crate::random::Random;
use crate::slot::{SlotId, SlotSet};
use crate::snapshot::{Snapshots, Tables, Usage};
use crate::table::Word;
use crate::watch::Watches;

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
    /// Fields of hashes that were removed because their time had come.
    pub expired_fields: u64,
    /// Keys that were removed for want of memory.
    pub evicted_keys: u64,
    /// Changes of keys so far: each key counts as often as it was changed (Redis: server.dirty).
    pub dirty: u64,
    /// How often FLUSHALL has removed all keys of the node. One shard of them counts it.
    pub flushes: u64,
    /// Who watches which keys.
    pub watches: Watches,
    /// Who waits for which keys.
    pub awaited: BlockingKeys,
    /// Who has copies of which keys.
    pub tracking: TrackedKeys,
    /// What others learn of the changes.
    pub effects: Effects,
    /// What has happened to keys, as far as somebody has asked.
    pub notices: Notices,
    /// Set while this shard runs a transaction on entries that other shards have lent: the keys that were
    /// changed, so that their owners can tell those who watch them.
    pub away: Option<Vec<ChangedKey>>,
    /// How entries remember their use.
    pub access: AccessPolicy,
    /// All random choices of the shard.
    pub random: Random,
    /// Tables that FLUSHDB ASYNC and FLUSHALL ASYNC have taken away, and big values, that are still to be
    /// freed.
    pub garbage: Garbage,
    /// Which removals leave the freeing of big values to later turns.
    pub lazy_free: LazyFree,
    /// When packed collections are converted.
    pub limits: Limits,
    /// The version in which values are written, by its number; `None` for the first that holds them
    /// (rdb-version).
    pub rdb_version: Option<u16>,
    /// Whether long strings are compressed where values are written (rdbcompression).
    pub rdb_compression: bool,
    /// The slots that this shard owns.
    pub owned: SlotSet,
    /// Set while a command runs that walks over slots: those of which some keys are lent to a transaction.
    pub lent: Vec<(DbIndex, SlotId)>,
    /// What is being written of all keys as they were at one moment.
    pub snapshots: Snapshots,
    /// What the running command would wait for: see [`crate::blocking`].
    pub block: Option<Box<Block>>,
}

/// When the memory of big values is given back: the directives `lazyfree-lazy-...` of the same names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LazyFree {
    /// DEL works as UNLINK.
    pub user_del: bool,
    /// Values that commands overwrite: SET, RENAME.
    pub server_del: bool,
    /// Keys whose time is over.
    pub expire: bool,
    /// FLUSHALL and FLUSHDB without SYNC work as with ASYNC.
    pub user_flush: bool,
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
            expired_fields: 0,
            evicted_keys: 0,
            dirty: 0,
            flushes: 0,
            watches: Watches::default(),
            awaited: BlockingKeys::default(),
            tracking: TrackedKeys::default(),
            effects: Effects::default(),
            notices: Notices::default(),
            away: None,
            access: AccessPolicy::default(),
            random: Random::new(random_seed),
            garbage: Garbage::default(),
            lazy_free: LazyFree::default(),
            limits: Limits::default(),
            rdb_version: None,
            rdb_compression: true,
            owned: SlotSet::all(),
            lent: Vec::new(),
            snapshots: Snapshots::default(),
            block: None,
        }
    }

    /// Tells everybody who wants to know that a key has changed, but for the listener of effects.
    #[inline]
    pub fn signal(&mut self, db: DbIndex, key: &[u8], event: Event) {
        // An expired key may be evicted before anybody meets it.
        let is_removal = event == event::EXPIRED || event == event::EVICTED;
        if event.breaks_watches && !self.watches.is_empty() {
            self.watches.touch(db, key, is_removal);
        }
        if !self.awaited.is_empty() {
            self.awaited.signal(db, key);
        }
        // Of what happens away from home the owners tell.
        if self.tracking.is_on() && event.breaks_watches && self.away.is_none() {
            let by = self.tracking.running;
            self.tracking.changed(key, is_removal, by);
        }
        if let Some(away) = &mut self.away {
            let change = match is_removal {
                _ if !event.breaks_watches => Change::Aside,
                true => Change::Removal,
                false => Change::Value,
            };
            away.push((db, key.into(), change));
        }
        self.notices.tell(db, key, event);
    }

    /// A key has been removed because its time was over or for want of memory.
    #[cold]
    pub fn removed(&mut self, db: DbIndex, key: &[u8], event: Event) {
        self.signal(db, key, event);
        if self.effects.is_listening() {
            self.effects.push(db, [&b"DEL"[..], key].into_iter().collect());
        }
    }

    /// The snapshots, and what their walk needs of these databases.
    pub(crate) fn snapshots_and_tables<'a>(
        &'a mut self,
        dbs: &'a mut [Db],
    ) -> (&'a mut Snapshots, Tables<'a>) {
        let Env { snapshots, hasher, access, now_ms, garbage, .. } = self;
        (snapshots, Tables { dbs, hasher, access: *access, now_ms: *now_ms, garbage })
    }

    /// A snapshot is under way, and this entry is about to be changed.
    #[cold]
    pub(crate) fn save_before_change(&mut self, db: DbIndex, word: &mut Word) {
        let usage = Usage::of(word.entry(), &self.access, self.now_ms);
        let marks = self.snapshots.save(db, word.entry(), usage);
        word.with_entry(|entry| entry.set_marks(marks));
    }

    /// A snapshot is under way, and this entry has been taken out of its table, unchanged.
    #[cold]
    pub(crate) fn save_taken(&mut self, db: DbIndex, entry: &mut Entry) {
        let usage = Usage::of(entry.view(), &self.access, self.now_ms);
        let marks = self.snapshots.save(db, entry.view(), usage);
        entry.set_marks(marks);
    }

    /// Gives the memory of a removed entry back, that of a big value in later turns if `is_lazy`.
    #[inline]
    pub(crate) fn free(&mut self, entry: Entry, is_lazy: bool) {
        if is_lazy {
            self.garbage.push_entry(entry);
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
        Key { bytes, slot, hash: self.hash_of(bytes) }
    }

    /// The keyed hash of a key.
    #[inline]
    pub fn hash_of(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The access statistics of an entry that had `bits` and is used now.
    #[inline]
    pub(crate) fn access_now(&mut self, bits: u32) -> u32 {
        self.access.used(bits, self.now_ms, &mut self.random)
    }
}
