//! The keyspace of one shard: its databases, and the lookups that every handler goes through.
//!
//! Expiry is lazy here: a lookup that meets an expired key removes it and finds nothing, exact to the
//! millisecond. This file must not know arguments, replies or commands.

use ahash::RandomState;

use crate::args::Blob;
use crate::entry::{Entry, EntryRef, Expire, NewValue, StrValue};
use crate::error::CommandError;
use crate::garbage::Garbage;
use crate::slot::{SLOT_COUNT, SlotId};
use crate::table::{Place, Table, Word};

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
    /// Tables that FLUSHDB ASYNC and FLUSHALL ASYNC have taken away and that are still to be freed.
    pub garbage: Garbage,
}

impl Env {
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
    fn access_now(&self) -> u32 {
        (self.now_ms / 1000) as u32 & 0xff_ffff
    }
}

/// One database of one shard: a table for each hash slot. Empty until its first key.
#[derive(Default)]
pub struct Db {
    /// Either empty or `SLOT_COUNT` tables.
    tables: Vec<Table>,
    keys: usize,
    keys_with_expire: usize,
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

    fn flush(&mut self, freeing: Freeing, garbage: &mut Garbage) {
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

    /// Bytes of the tables and the entries.
    pub fn memory_bytes(&self) -> usize {
        let entries = |table: &Table| table.iter().map(|entry| entry.memory_bytes()).sum::<usize>();
        let tables = self.tables.iter().map(|table| table.memory_bytes() + entries(table));
        tables.sum::<usize>() + self.tables.capacity() * size_of::<Table>()
    }

    #[inline]
    fn find(&self, key: &Key<'_>) -> Option<Place> {
        self.tables.get(key.slot.index())?.find(key.hash, key.bytes)
    }

    fn insert(&mut self, slot: SlotId, hash: u64, entry: Entry, hasher: &RandomState) -> Place {
        if self.tables.is_empty() {
            self.tables.resize_with(SLOT_COUNT, Table::default);
        }
        self.keys += 1;
        self.keys_with_expire += usize::from(entry.view().expire_ms().is_some());
        self.tables[slot.index()].insert(hash, entry, |bytes| hasher.hash_one(bytes))
    }

    fn remove(&mut self, slot: SlotId, place: Place) -> Entry {
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

/// The databases of the shard as one command sees them. Handlers reach it as `ctx.keys`.
pub struct Keyspace<'a> {
    dbs: &'a mut [Db],
    selected: DbIndex,
    env: &'a mut Env,
    /// False for a client that asked for CLIENT NO-TOUCH: its lookups leave no trace in LRU and LFU.
    touch: bool,
}

impl<'a> Keyspace<'a> {
    /// A view with `selected` as the current database.
    #[inline]
    pub fn new(dbs: &'a mut [Db], selected: DbIndex, env: &'a mut Env, touch: bool) -> Keyspace<'a> {
        Keyspace { dbs, selected, env, touch }
    }

    /// The time of this turn, in milliseconds since 1970.
    #[inline]
    pub fn now_ms(&self) -> u64 {
        self.env.now_ms
    }

    /// The longest string that a command may make, in bytes (proto-max-bulk-len).
    #[inline]
    pub fn string_len_max(&self) -> usize {
        self.env.string_len_max
    }

    /// Hashes a key.
    #[inline]
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        self.env.key(bytes)
    }

    /// Hashes a key whose slot is known.
    #[inline]
    pub fn key_in_slot<'k>(&self, bytes: &'k [u8], slot: SlotId) -> Key<'k> {
        self.env.key_in_slot(bytes, slot)
    }

    /// The selected database.
    #[inline]
    pub fn db(&mut self) -> &mut Db {
        &mut self.dbs[self.selected.index()]
    }

    /// All databases.
    pub fn dbs(&mut self) -> &mut [Db] {
        self.dbs
    }

    /// Looks a key up to read its value: counts a hit or a miss and touches the access statistics
    /// (Redis: lookupKeyRead).
    #[inline]
    pub fn read(&mut self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        let place = self.find_alive(key);
        let Some(place) = place else {
            self.env.keyspace_misses += 1;
            return None;
        };
        self.env.keyspace_hits += 1;
        Some(self.touched(key, place).entry())
    }

    /// Looks a key up to tell something about it: counts a hit or a miss and leaves the access statistics alone
    /// (Redis: lookupKeyRead with LOOKUP_NOTOUCH): EXISTS, TYPE, TTL.
    pub fn read_untouched(&mut self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        let place = self.find_alive(key);
        let Some(place) = place else {
            self.env.keyspace_misses += 1;
            return None;
        };
        self.env.keyspace_hits += 1;
        Some(self.db().tables[key.slot.index()].word(place).entry())
    }

    /// Looks a key up without counting or touching it (Redis: LOOKUP_NOTOUCH with NOSTATS): conditions of writing
    /// commands.
    #[inline]
    pub fn peek(&mut self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        let place = self.find_alive(key)?;
        Some(self.db().tables[key.slot.index()].word(place).entry())
    }

    /// Looks a key up and leaves no trace, so that several values can be looked at together. An expired key is not
    /// found and not removed. A command that reads the key calls [`Keyspace::read`] before, for what follows from it.
    pub fn view(&self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        let db = &self.dbs[self.selected.index()];
        let place = db.find(key)?;
        let entry = db.tables[key.slot.index()].word(place).entry();
        entry.expire_ms().is_none_or(|at_ms| at_ms > self.env.now_ms).then_some(entry)
    }

    /// Looks up a string to read it.
    ///
    /// # Errors
    /// `WrongType` when the key holds another type.
    #[inline]
    pub fn read_string(&mut self, key: &Key<'_>) -> Result<Option<StrValue<'_>>, CommandError> {
        Ok(self.read(key).map(|entry| entry.string()))
    }

    /// Looks a key up to change its value (Redis: lookupKeyWrite). It counts neither a hit nor a miss.
    #[inline]
    pub fn write(&mut self, key: &Key<'_>) -> Option<EntryMut<'_>> {
        let place = self.find_alive(key)?;
        self.touched(key, place);
        Some(self.entry_mut(key, place))
    }

    /// Looks up a string to change it.
    ///
    /// # Errors
    /// `WrongType` when the key holds another type.
    #[inline]
    pub fn write_string(&mut self, key: &Key<'_>) -> Result<Option<EntryMut<'_>>, CommandError> {
        Ok(self.write(key))
    }

    /// Looks up a string to change bytes of it in place. It is made when it is not there, and padded with zero bytes
    /// up to a length of `len_min` when it is shorter. Its value then has its own allocation.
    ///
    /// # Errors
    /// `WrongType` when the key holds another type.
    pub fn write_padded(&mut self, key: &Key<'_>, len_min: usize) -> Result<EntryMut<'_>, CommandError> {
        let place = match self.find_alive(key) {
            Some(place) => {
                self.touched(key, place);
                place
            }
            None => {
                let blob = Blob::new(vec![0; len_min]);
                self.insert_at(key, Entry::new(key.bytes, NewValue::Blob(blob), None))
            }
        };
        let mut entry = self.entry_mut(key, place);
        entry.with_raw(|bytes| pad(bytes, len_min));
        Ok(entry)
    }

    /// Sets a key to a string, whatever it held before. `Expire::Keep` on a new key means no expire.
    #[inline]
    pub fn set(&mut self, key: &Key<'_>, value: NewValue<'_>, expire: Expire) {
        match self.write(key) {
            Some(mut entry) => entry.replace(value, expire),
            None => self.add(key, value, expire),
        }
    }

    /// Adds a string for a key that is not there: what [`Keyspace::set`] does, without looking again.
    pub fn add(&mut self, key: &Key<'_>, value: NewValue<'_>, expire: Expire) {
        let expire_ms = match expire {
            Expire::At(at_ms) => Some(at_ms),
            Expire::Keep | Expire::Clear => None,
        };
        self.insert(key, Entry::new(key.bytes, value, expire_ms));
    }

    /// Adds an entry for a key that is not there.
    pub fn insert(&mut self, key: &Key<'_>, entry: Entry) {
        self.insert_at(key, entry);
    }

    fn insert_at(&mut self, key: &Key<'_>, mut entry: Entry) -> Place {
        entry.set_access(self.env.access_now());
        self.dbs[self.selected.index()].insert(key.slot, key.hash, entry, &self.env.hasher)
    }

    #[inline]
    fn entry_mut(&mut self, key: &Key<'_>, place: Place) -> EntryMut<'_> {
        let db = &mut self.dbs[self.selected.index()];
        EntryMut {
            word: db.tables[key.slot.index()].word_mut(place),
            keys_with_expire: &mut db.keys_with_expire,
        }
    }

    /// Adds an entry that was taken out of another shard, its access statistics as they were.
    pub fn insert_as_is(&mut self, entry: Entry) {
        let Key { slot, hash, .. } = self.env.key(entry.view().key());
        self.dbs[self.selected.index()].insert(slot, hash, entry, &self.env.hasher);
    }

    /// Takes a key out; `None` when it is not there or has expired.
    pub fn remove(&mut self, key: &Key<'_>) -> Option<Entry> {
        let place = self.find_alive(key)?;
        Some(self.db().remove(key.slot, place))
    }

    /// Removes every key of the selected database.
    pub fn flush_selected(&mut self, freeing: Freeing) {
        self.dbs[self.selected.index()].flush(freeing, &mut self.env.garbage);
    }

    /// Removes every key of every database.
    pub fn flush_all(&mut self, freeing: Freeing) {
        for db in self.dbs.iter_mut() {
            db.flush(freeing, &mut self.env.garbage);
        }
    }

    /// A place of a key that has not expired. An expired one is removed.
    #[inline]
    fn find_alive(&mut self, key: &Key<'_>) -> Option<Place> {
        let db = &mut self.dbs[self.selected.index()];
        let place = db.find(key)?;
        let entry = db.tables[key.slot.index()].word(place).entry();
        match entry.expire_ms() {
            Some(at_ms) if at_ms <= self.env.now_ms => {
                db.remove(key.slot, place);
                self.env.expired_keys += 1;
                None
            }
            _ => Some(place),
        }
    }

    #[inline]
    fn touched(&mut self, key: &Key<'_>, place: Place) -> &Word {
        let access = self.env.access_now();
        let table = &mut self.dbs[self.selected.index()].tables[key.slot.index()];
        let word = table.word_mut(place);
        if self.touch && word.entry().access() != access {
            word.with_entry(|entry| entry.set_access(access));
        }
        word
    }
}

/// Appends zero bytes up to a length of `len_min`. A string that grows a little has room to grow again; one that grows
/// much moves to zeroed memory, whose pages cost nothing until they are used.
fn pad(bytes: &mut Vec<u8>, len_min: usize) {
    if len_min > bytes.capacity() && len_min / 2 > bytes.len() {
        let mut grown = vec![0; len_min];
        grown[..bytes.len()].copy_from_slice(bytes);
        *bytes = grown;
    } else if len_min > bytes.len() {
        bytes.resize(len_min, 0);
    }
}

/// An entry that may be changed.
pub struct EntryMut<'a> {
    word: &'a mut Word,
    keys_with_expire: &'a mut usize,
}

impl EntryMut<'_> {
    /// The entry as readers see it.
    #[inline]
    pub fn view(&self) -> EntryRef<'_> {
        self.word.entry()
    }

    /// The string value.
    #[inline]
    pub fn string(&self) -> StrValue<'_> {
        self.view().string()
    }

    /// Changes the value and the expire.
    #[inline]
    pub fn replace(&mut self, value: NewValue<'_>, expire: Expire) {
        self.counting_expires(|word| word.with_entry(|entry| entry.replace(value, expire)));
    }

    /// Sets or removes the expire, in milliseconds since 1970.
    pub fn set_expire(&mut self, expire_ms: Option<u64>) {
        self.counting_expires(|word| word.with_entry(|entry| entry.set_expire(expire_ms)));
    }

    /// Overwrites an integer value in place. The kind must be `Kind::Int`.
    #[inline]
    pub fn set_int(&mut self, value: i64) {
        self.word.with_entry(|entry| entry.set_int(value));
    }

    /// Changes the string's bytes in place; see [`Entry::raw_mut`].
    pub fn with_raw<R>(&mut self, change: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.word.with_entry(|entry| change(entry.raw_mut()))
    }

    #[inline]
    fn counting_expires(&mut self, change: impl FnOnce(&mut Word)) {
        let had = self.view().expire_ms().is_some();
        change(self.word);
        let has = self.view().expire_ms().is_some();
        *self.keys_with_expire = *self.keys_with_expire + usize::from(has) - usize::from(had);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Kind;

    fn env() -> Env {
        Env {
            now_ms: 5_000,
            hasher: RandomState::with_seeds(1, 2, 3, 4),
            string_len_max: 512 << 20,
            keyspace_hits: 0,
            keyspace_misses: 0,
            expired_keys: 0,
            garbage: Garbage::default(),
        }
    }

    /// What is left of the key "k", expired at 5000 ms or not, after `look` at 5000 ms: the seconds of its last
    /// access, and the number of hits and misses.
    fn traces(expire_ms: u64, look: impl Fn(&mut Keyspace<'_>, &Key<'_>)) -> (Option<u32>, u64, u64) {
        let (mut dbs, mut env) = ([Db::default()], env());
        env.now_ms = 1_000;
        let key = env.key(b"k");
        let mut keys = Keyspace::new(&mut dbs, DbIndex(0), &mut env, true);
        keys.set(&key, NewValue::Int(7), Expire::At(expire_ms));
        keys.env.now_ms = 5_000;
        look(&mut keys, &key);
        let access =
            keys.db().find(&key).map(|place| keys.db().tables[key.slot.index()].word(place).entry().access());
        (access, env.keyspace_hits, env.keyspace_misses)
    }

    #[test]
    fn lookups_differ_in_the_traces_they_leave() {
        type Look = fn(&mut Keyspace<'_>, &Key<'_>);
        let lookups: [(Look, _, _); 4] = [
            (|keys, key| _ = keys.read(key), (Some(5), 1, 0), (None, 0, 1)),
            (|keys, key| _ = keys.read_untouched(key), (Some(1), 1, 0), (None, 0, 1)),
            (|keys, key| _ = keys.peek(key), (Some(1), 0, 0), (None, 0, 0)),
            (|keys, key| _ = keys.write(key), (Some(5), 0, 0), (None, 0, 0)),
        ];
        for (look, alive, expired) in lookups {
            assert_eq!((traces(5_001, look), traces(5_000, look)), (alive, expired));
        }
    }

    #[test]
    fn a_view_finds_no_expired_key_and_leaves_it_where_it_is() {
        for (expire_ms, is_found) in [(5_001, true), (5_000, false)] {
            let view =
                |keys: &mut Keyspace<'_>, key: &Key<'_>| assert_eq!(keys.view(key).is_some(), is_found);
            assert_eq!(traces(expire_ms, view), (Some(1), 0, 0));
        }
    }

    #[test]
    fn a_padded_string_keeps_its_bytes_and_its_expire_and_grows_by_zeros() {
        for (value, text) in [
            (NewValue::Int(-12), &b"-12"[..]),
            (NewValue::Bytes(b"text"), b"text"),
            (NewValue::Blob(Blob::new(b"blob".to_vec())), b"blob"),
        ] {
            let (mut dbs, mut env) = ([Db::default()], env());
            let key = env.key(b"k");
            let mut keys = Keyspace::new(&mut dbs, DbIndex(0), &mut env, true);
            keys.set(&key, value, Expire::At(9_000));
            // Shorter, a little longer, and so much longer that it moves.
            let mut expected = text.to_vec();
            for len_min in [2, 6, 100_000] {
                let mut entry = keys.write_padded(&key, len_min).unwrap();
                expected.resize(expected.len().max(len_min), 0);
                entry.with_raw(|bytes| assert_eq!(*bytes, expected));
                assert_eq!((entry.view().kind(), entry.view().expire_ms()), (Kind::Raw, Some(9_000)));
            }
            assert_eq!((dbs[0].len(), dbs[0].keys_with_expire()), (1, 1));
        }
    }

    #[test]
    fn a_string_that_is_not_there_is_made_of_zeros() {
        let (mut dbs, mut env) = ([Db::default()], env());
        let key = env.key(b"k");
        let mut keys = Keyspace::new(&mut dbs, DbIndex(0), &mut env, true);
        keys.set(&key, NewValue::Bytes(b"expired"), Expire::At(5_000));
        keys.write_padded(&key, 3).unwrap().with_raw(|bytes| assert_eq!(*bytes, [0; 3]));
        let entry = keys.view(&key).unwrap();
        assert_eq!((entry.access(), entry.expire_ms()), (5, None));
        assert_eq!((dbs[0].len(), dbs[0].keys_with_expire()), (1, 0));
    }

    #[test]
    fn flushing_reaches_the_selected_database_or_all() {
        for (freeing, garbage) in [(Freeing::Now, 0), (Freeing::InSteps, 3)] {
            let (mut dbs, mut env) = ([Db::default(), Db::default()], env());
            let (a, b) = (env.key(b"a"), env.key(b"b"));
            for (db, key) in [(0, a), (1, a), (1, b)] {
                Keyspace::new(&mut dbs, DbIndex(db), &mut env, true).set(
                    &key,
                    NewValue::Int(1),
                    Expire::Clear,
                );
            }
            Keyspace::new(&mut dbs, DbIndex(1), &mut env, true).flush_selected(freeing);
            assert_eq!((dbs[0].len(), dbs[1].len()), (1, 0));
            Keyspace::new(&mut dbs, DbIndex(1), &mut env, true).flush_all(freeing);
            assert_eq!((dbs[0].len(), env.garbage.len()), (0, garbage));
        }
    }
}
