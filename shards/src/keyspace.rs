//! The keyspace of one shard as commands see it: the lookups and changes that every handler goes through.
//!
//! Expiry is lazy here: a lookup that meets an expired key removes it and finds nothing, exact to the
//! millisecond.
//!
//! A handler that has changed a key says so by [`Keyspace::changed`], once for each key and with the event's
//! name: from that follow WATCH, the effects, and the count of changes. This file must not know arguments,
//! replies or commands.

mod databases;
mod entry_mut;
#[cfg(test)]
mod tests;

use crate::access::LastUse;
use crate::args::Blob;
use crate::blocking::Block;
use crate::db::{Db, Freeing};
use crate::encoding::limits::Limits;
use crate::entry::{Entry, EntryRef, Expire, NewValue, StrValue, Value};
use crate::env::Env;
use crate::error::CommandError;
use crate::event::{self, Event};
use crate::expires::is_over;
use crate::key::{DbIndex, Key};
use crate::object::{DataType, Object};
use crate::slot::SlotId;
use crate::table::{Place, Word};
use crate::watch::ClientId;
pub use entry_mut::EntryMut;

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

    /// When packed collections are converted.
    pub fn limits(&self) -> &Limits {
        &self.env.limits
    }

    /// 64 random bits.
    pub fn random_bits(&mut self) -> u64 {
        self.env.random.bits()
    }

    /// The keyed hash of members and fields, as the tables of large collections want it. A copy, so that it
    /// can be used while an entry is borrowed.
    #[inline]
    pub fn hash_of(&self) -> impl Fn(&[u8]) -> u64 + use<> {
        let hasher = self.env.hasher.clone();
        move |bytes| hasher.hash_one(bytes)
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

    /// Tells that the value or the expire of a key has changed, or that it has gone: once for each key.
    #[inline]
    pub fn changed(&mut self, key: &Key<'_>, event: Event) {
        self.env.dirty += 1;
        self.env.signal(self.selected, key.bytes, event);
    }

    /// Tells that something has changed that has no event and breaks no watch: what is pending in a group of
    /// a stream.
    #[inline]
    pub fn changed_without_event(&mut self) {
        self.env.dirty += 1;
    }

    /// Tells of a further event of a key, beside the change that [`Keyspace::changed`] tells of: SET with a
    /// time to live sets and expires, and the last LPOP pops and deletes. In the order of Redis.
    #[inline]
    pub fn notify(&mut self, key: &Key<'_>, event: Event) {
        self.env.notices.tell(self.selected, key.bytes, event);
    }

    /// How often keys have been changed since the shard was made.
    pub fn changes(&self) -> u64 {
        self.env.dirty
    }

    /// Says what the running command has done where that is not what the client sent: with absolute times,
    /// results instead of increments of floats, chosen members. Called after `changed`; several calls are
    /// several commands.
    #[inline]
    pub fn effect<'e>(&mut self, args: impl IntoIterator<Item = &'e [u8]>) {
        self.env.effects.say(self.selected, args);
    }

    /// Says that the running command has found nothing and would wait. Its reply, which it has written or
    /// will write, is that of a transaction, where nothing waits.
    pub fn block(&mut self, block: Block) {
        self.env.block = Some(Box::new(block));
    }

    /// The selected database's number.
    #[inline]
    pub fn selected(&self) -> DbIndex {
        self.selected
    }

    /// The database of this number, if it is there.
    pub fn db_index(&self, number: i64) -> Option<DbIndex> {
        let index = u16::try_from(number).ok().map(DbIndex)?;
        (index.index() < self.dbs.len()).then_some(index)
    }

    /// Watches a key for a client (WATCH).
    pub fn watch(&mut self, key: &Key<'_>, client: ClientId) {
        let is_expired = self.is_expired(key);
        self.env.watches.add(self.selected, key.bytes, client, is_expired);
    }

    /// Whether EXEC of a client must not run because this key has changed since it was watched.
    pub fn is_watch_broken(&self, key: &Key<'_>, client: ClientId) -> bool {
        let is_expired = self.is_expired(key);
        self.env.watches.is_changed(self.selected, key.bytes, client, is_expired)
    }

    /// True for a key that is there although its time is over.
    fn is_expired(&self, key: &Key<'_>) -> bool {
        let found = self.dbs[self.selected.index()].find_entry(key);
        let expire_ms = found.and_then(|(_, entry)| entry.expire_ms());
        expire_ms.is_some_and(|at_ms| is_over(at_ms, self.env.now_ms))
    }

    /// The selected database.
    #[inline]
    pub fn db(&mut self) -> &mut Db {
        &mut self.dbs[self.selected.index()]
    }

    /// What the databases share.
    pub(crate) fn env(&self) -> &Env {
        self.env
    }

    /// The same to be changed.
    pub(crate) fn env_mut(&mut self) -> &mut Env {
        self.env
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
            self.missed(key);
            return None;
        };
        self.env.keyspace_hits += 1;
        Some(self.touched(key, place).entry())
    }

    /// Looks a key up to tell something about it: counts a hit or a miss and leaves the access statistics
    /// alone (Redis: lookupKeyRead with LOOKUP_NOTOUCH): EXISTS, TYPE, TTL.
    pub fn read_untouched(&mut self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        self.find_untouched(key, Self::missed)
    }

    /// The same, but a miss is no event (Redis: LOOKUP_NOTOUCH with NONOTIFY): OBJECT.
    pub fn read_unnoticed(&mut self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        self.find_untouched(key, |keys, _| keys.env.keyspace_misses += 1)
    }

    #[inline]
    fn find_untouched(
        &mut self,
        key: &Key<'_>,
        missed: impl FnOnce(&mut Self, &Key<'_>),
    ) -> Option<EntryRef<'_>> {
        let place = self.find_alive(key);
        let Some(place) = place else {
            missed(self, key);
            return None;
        };
        self.env.keyspace_hits += 1;
        Some(self.db().entry(key.slot, place))
    }

    #[inline]
    fn missed(&mut self, key: &Key<'_>) {
        self.env.keyspace_misses += 1;
        self.notify(key, event::KEY_MISS);
    }

    /// Looks a key up without counting or touching it (Redis: LOOKUP_NOTOUCH with NOSTATS): conditions of
    /// writing commands.
    #[inline]
    pub fn peek(&mut self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        let place = self.find_alive(key)?;
        Some(self.db().entry(key.slot, place))
    }

    /// Looks a key up and leaves no trace, so that several values can be looked at together. An expired key
    /// is not found and not removed. A command that reads the key calls [`Keyspace::read`] before, for what
    /// follows from it.
    pub fn view(&self, key: &Key<'_>) -> Option<EntryRef<'_>> {
        let (_, entry) = self.dbs[self.selected.index()].find_entry(key)?;
        entry.expire_ms().is_none_or(|at_ms| !is_over(at_ms, self.env.now_ms)).then_some(entry)
    }

    /// A random key's entry, each with the same chance. Expired keys that are met on the way are removed;
    /// `None` when there is none but those (Redis: dbRandomKey).
    pub fn random_entry(&mut self) -> Option<EntryRef<'_>> {
        loop {
            let (slot, place) = self.dbs[self.selected.index()].random_place(&mut self.env.random)?;
            let expire_ms = self.db().entry(slot, place).expire_ms();
            if expire_ms.is_none_or(|at_ms| !is_over(at_ms, self.env.now_ms)) {
                return Some(self.db().entry(slot, place));
            }
            self.remove_expired(slot, place);
        }
    }

    /// How long an entry with these access statistics has not been used, in milliseconds (OBJECT IDLETIME).
    /// Means nothing while the policy is LFU.
    pub fn idle_ms(&self, access: u32) -> u64 {
        self.env.access.idle_ms(access, self.env.now_ms)
    }

    /// How often an entry with these access statistics was used, on LFU's logarithmic scale (OBJECT FREQ).
    /// Means nothing unless the policy is LFU.
    pub fn frequency(&self, access: u32) -> u8 {
        self.env.access.frequency(access, self.env.now_ms)
    }

    /// True when `maxmemory-policy` is one of LFU: entries remember how often they were used, not when.
    pub fn is_lfu(&self) -> bool {
        self.env.access.is_lfu
    }

    /// Looks up a string to read it.
    ///
    /// # Errors
    /// `WrongType` when the key holds another type.
    #[inline]
    pub fn read_string(&mut self, key: &Key<'_>) -> Result<Option<StrValue<'_>>, CommandError> {
        self.read(key).map(|entry| entry.as_string().ok_or(CommandError::WrongType)).transpose()
    }

    /// Looks a key up to change its value (Redis: lookupKeyWrite). It counts neither a hit nor a miss.
    #[inline]
    pub fn write(&mut self, key: &Key<'_>) -> Option<EntryMut<'_>> {
        let place = self.find_alive(key)?;
        let touch = self.touch;
        let Keyspace { dbs, selected, env, .. } = self;
        let (word, expire_change) = dbs[selected.index()].entry_mut(key.slot, place);
        if env.snapshots.is_active() {
            env.save_before_change(*selected, word);
        }
        if touch {
            note_use(word, env);
        }
        Some(EntryMut { word, expire_change })
    }

    /// Looks up a string to change it.
    ///
    /// # Errors
    /// `WrongType` when the key holds another type.
    #[inline]
    pub fn write_string(&mut self, key: &Key<'_>) -> Result<Option<EntryMut<'_>>, CommandError> {
        self.write_typed(key, DataType::String)
    }

    /// Looks up a value of this type to read it.
    ///
    /// # Errors
    /// `WrongType` when the key holds another type.
    #[inline]
    pub fn read_typed(
        &mut self,
        key: &Key<'_>,
        wanted: DataType,
    ) -> Result<Option<EntryRef<'_>>, CommandError> {
        match self.read(key) {
            Some(entry) if entry.data_type() != wanted => Err(CommandError::WrongType),
            found => Ok(found),
        }
    }

    /// Looks up a value of this type to change it.
    ///
    /// # Errors
    /// `WrongType` when the key holds another type.
    #[inline]
    pub fn write_typed(
        &mut self,
        key: &Key<'_>,
        wanted: DataType,
    ) -> Result<Option<EntryMut<'_>>, CommandError> {
        match self.write(key) {
            Some(entry) if entry.view().data_type() != wanted => Err(CommandError::WrongType),
            found => Ok(found),
        }
    }

    /// Looks up a string to change bytes of it in place. It is made when it is not there, and padded with
    /// zero bytes up to a length of `len_min` when it is shorter. Its value then has its own allocation.
    ///
    /// # Errors
    /// `WrongType` when the key holds another type.
    pub fn write_padded(&mut self, key: &Key<'_>, len_min: usize) -> Result<EntryMut<'_>, CommandError> {
        let place = match self.find_alive(key) {
            Some(place) => {
                if self.touched(key, place).entry().as_string().is_none() {
                    return Err(CommandError::WrongType);
                }
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
        if self.env.lazy_free.server_del {
            self.put_off_old_value(key);
        }
        match self.write(key) {
            Some(mut entry) => entry.replace(value, expire),
            None => self.add(key, value, expire),
        }
    }

    /// Leaves the value that is about to be overwritten to the garbage; the key keeps its expire and its
    /// access statistics.
    #[cold]
    fn put_off_old_value(&mut self, key: &Key<'_>) {
        let Some(mut entry) = self.write(key) else { return };
        let old = match entry.view().value() {
            Value::Str(StrValue::Raw(blob)) => NewValue::Blob(Blob::clone(blob)),
            Value::Object(_) => match entry.take_object() {
                Some(object) => NewValue::Object(Box::new(object)),
                None => return,
            },
            _ => return,
        };
        entry.replace(NewValue::Int(0), Expire::Keep);
        self.env.garbage.push_entry(Entry::new(b"", old, None));
    }

    /// Leaves what was taken out of a value to the garbage. What is small goes at once.
    pub fn free_in_steps(&mut self, object: Object) {
        self.env.garbage.push_entry(Entry::new(b"", NewValue::Object(Box::new(object)), None));
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

    /// The same, used as it is said.
    pub fn insert_used(&mut self, key: &Key<'_>, entry: Entry, last_use: LastUse) {
        let access = self.env.access.after(last_use, self.env.now_ms);
        let place = self.insert_at(key, entry);
        self.entry_mut(key, place).set_access(access);
    }

    fn insert_at(&mut self, key: &Key<'_>, mut entry: Entry) -> Place {
        entry.set_access(self.env.access.at_start(self.env.now_ms));
        entry.set_marks(self.env.snapshots.marks());
        self.notify(key, event::NEW);
        self.dbs[self.selected.index()].insert(key.slot, key.hash, entry, &self.env.hasher)
    }

    #[inline]
    pub(crate) fn entry_mut(&mut self, key: &Key<'_>, place: Place) -> EntryMut<'_> {
        let Keyspace { dbs, selected, env, .. } = self;
        let (word, expire_change) = dbs[selected.index()].entry_mut(key.slot, place);
        if env.snapshots.is_active() {
            env.save_before_change(*selected, word);
        }
        EntryMut { word, expire_change }
    }

    /// Adds an entry that was taken out of another shard, its access statistics as they were.
    pub fn insert_as_is(&mut self, mut entry: Entry) {
        // Whatever it has been, it is in no snapshot that has not written it: who took it out has seen to it.
        entry.set_marks(self.env.snapshots.marks());
        let Key { slot, hash, .. } = self.env.key(entry.view().key());
        self.dbs[self.selected.index()].insert(slot, hash, entry, &self.env.hasher);
    }

    /// Adds an entry that was made for a key that is not there, its access statistics as they are. Nobody is
    /// told.
    pub(crate) fn insert_known(&mut self, key: &Key<'_>, mut entry: Entry) {
        entry.set_marks(self.env.snapshots.marks());
        self.dbs[self.selected.index()].insert(key.slot, key.hash, entry, &self.env.hasher);
    }

    /// Takes an entry out to put it in elsewhere, whether its time is over or not.
    pub fn take_as_is(&mut self, key: &Key<'_>) -> Option<Entry> {
        let place = self.db().find(key)?;
        Some(self.take_out(key.slot, place))
    }

    /// Takes the entry at a place out of its table.
    #[inline]
    pub(crate) fn take_out(&mut self, slot: SlotId, place: Place) -> Entry {
        let mut entry = self.dbs[self.selected.index()].remove(slot, place);
        if self.env.snapshots.is_active() {
            self.env.save_taken(self.selected, &mut entry);
        }
        entry
    }

    /// Takes a key out; `None` when it is not there or has expired.
    pub fn remove(&mut self, key: &Key<'_>) -> Option<Entry> {
        let place = self.find_alive(key)?;
        Some(self.take_out(key.slot, place))
    }

    /// Takes a key out and gives its memory back. True when it was there.
    pub fn delete(&mut self, key: &Key<'_>, freeing: Freeing) -> bool {
        let entry = self.remove(key);
        let was_there = entry.is_some();
        if let Some(entry) = entry {
            self.env.free(entry, freeing == Freeing::InSteps);
        }
        was_there
    }

    /// When DEL gives memory back (lazyfree-lazy-user-del).
    pub fn freeing_by_user(&self) -> Freeing {
        Freeing::in_steps_if(self.env.lazy_free.user_del)
    }

    /// When a value that is overwritten is given back (lazyfree-lazy-server-del).
    pub fn freeing_by_server(&self) -> Freeing {
        Freeing::in_steps_if(self.env.lazy_free.server_del)
    }

    /// When the memory of a key whose time is over is given back (lazyfree-lazy-expire).
    pub fn freeing_by_expiry(&self) -> Freeing {
        Freeing::in_steps_if(self.env.lazy_free.expire)
    }

    /// When FLUSHALL gives memory back that was not told (lazyfree-lazy-user-flush).
    pub fn freeing_by_flush(&self) -> Freeing {
        Freeing::in_steps_if(self.env.lazy_free.user_flush)
    }

    /// A place of a key that has not expired. An expired one is removed.
    #[inline]
    fn find_alive(&mut self, key: &Key<'_>) -> Option<Place> {
        let (place, entry) = self.dbs[self.selected.index()].find_entry(key)?;
        match entry.expire_ms() {
            Some(at_ms) if is_over(at_ms, self.env.now_ms) => {
                self.remove_expired(key.slot, place);
                None
            }
            _ => Some(place),
        }
    }

    /// Removes an entry whose time is over, and tells it.
    #[cold]
    fn remove_expired(&mut self, slot: SlotId, place: Place) {
        let entry = self.take_out(slot, place);
        self.env.expired_keys += 1;
        self.env.removed(self.selected, entry.view().key(), event::EXPIRED);
        self.env.free(entry, self.env.lazy_free.expire);
    }

    #[inline]
    fn touched(&mut self, key: &Key<'_>, place: Place) -> &Word {
        let word = self.dbs[self.selected.index()].word_mut(key.slot, place);
        if self.touch {
            note_use(word, self.env);
        }
        word
    }
}

/// An entry is used now.
#[inline]
fn note_use(word: &mut Word, env: &mut Env) {
    let before = word.entry().access();
    let access = env.access_now(before);
    if before != access {
        word.with_entry(|entry| entry.set_access(access));
    }
}

/// Appends zero bytes up to a length of `len_min`. A string that grows a little has room to grow again; one
/// that grows much moves to zeroed memory, whose pages cost nothing until they are used.
fn pad(bytes: &mut Vec<u8>, len_min: usize) {
    if len_min > bytes.capacity() && len_min / 2 > bytes.len() {
        let mut grown = vec![0; len_min];
        grown[..bytes.len()].copy_from_slice(bytes);
        *bytes = grown;
    } else if len_min > bytes.len() {
        bytes.resize(len_min, 0);
    }
}
