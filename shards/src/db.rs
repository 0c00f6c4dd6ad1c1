//! The databases of one shard, each a table for every hash slot that has keys, and what they share.
//!
//! What a command may do with them is in [`crate::keyspace`]. This file must not know arguments, replies or
//! commands.

use ahash::RandomState;

use crate::entry::{Entry, EntryRef};
use crate::expires::{Agenda, PartExpires, is_over};
use crate::garbage::Garbage;
use crate::key::Key;
use crate::random::Random;
use crate::slot::SlotId;
use crate::slot_tables::{ExpiringCount, IntoTables, SlotTables};
use crate::table::{Place, Table, Word};

/// One database of one shard: a table for each hash slot in which it has keys.
#[derive(Default)]
pub struct Db {
    slots: SlotTables,
    agenda: Agenda,
    /// The same for the fields of hashes.
    fields_agenda: Agenda,
}

impl Db {
    /// The number of keys, expired ones that nobody has looked at included (as DBSIZE counts).
    pub fn len(&self) -> usize {
        self.slots.keys()
    }

    /// No key at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of keys that have an expire.
    pub fn keys_with_expire(&self) -> usize {
        self.slots.keys_with_expire()
    }

    /// True while a hash has fields that expire.
    pub fn fields_expire(&self) -> bool {
        self.fields_agenda.first().is_some()
    }

    /// All entries, expired ones that nobody has looked at included.
    pub fn entries(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.slots.iter().flat_map(|(_, table)| table.iter())
    }

    /// Removes every key and gives the memory back.
    pub fn clear(&mut self) {
        *self = Db::default();
    }

    pub(crate) fn flush(&mut self, freeing: Freeing, garbage: &mut Garbage) {
        match freeing {
            Freeing::Now => self.clear(),
            Freeing::InSteps => {
                let len = self.len();
                garbage.push(self.take_tables(), len);
            }
        }
    }

    /// Bytes of the tables and the entries.
    pub fn memory_bytes(&self) -> usize {
        self.slots.memory_bytes() + self.entries().map(|entry| entry.memory_bytes()).sum::<usize>()
    }

    #[inline]
    pub(crate) fn find(&self, key: &Key<'_>) -> Option<Place> {
        self.slots.get(key.slot)?.find(key.hash, key.bytes)
    }

    /// The same with the entry that lies there. Always inlined: every command begins with it.
    #[inline(always)]
    pub(crate) fn find_entry(&self, key: &Key<'_>) -> Option<(Place, EntryRef<'_>)> {
        let table = self.slots.get(key.slot)?;
        let place = table.find(key.hash, key.bytes)?;
        Some((place, table.word(place).entry()))
    }

    /// The table of a slot that has keys.
    #[inline]
    pub(crate) fn table(&self, slot: SlotId) -> Option<&Table> {
        self.slots.get(slot)
    }

    /// The same, to change anything of its entries but their times.
    pub(crate) fn table_mut(&mut self, slot: SlotId) -> Option<&mut Table> {
        self.slots.get_mut(slot)
    }

    /// All tables, which the database gives up.
    pub(crate) fn take_tables(&mut self) -> IntoTables {
        std::mem::take(self).slots.into_tables()
    }

    /// Has the head of a slot's table fetched.
    #[inline]
    pub(crate) fn prefetch_table(&self, slot: SlotId) {
        self.slots.prefetch(slot);
    }

    /// The first slot from number `from` on that has keys; `SLOT_COUNT` when there is none.
    pub(crate) fn first_slot_from(&self, from: usize) -> usize {
        self.slots.first_from(from)
    }

    /// The slots that have keys, in order.
    pub(crate) fn slots_with_keys(&self) -> impl Iterator<Item = SlotId> {
        self.slots.iter().map(|(slot, _)| slot)
    }

    /// The entry at a place.
    #[inline]
    pub(crate) fn entry(&self, slot: SlotId, place: Place) -> EntryRef<'_> {
        self.slots.get(slot).expect(PLACE_HAS_TABLE).word(place).entry()
    }

    pub(crate) fn insert(&mut self, slot: SlotId, hash: u64, entry: Entry, hasher: &RandomState) -> Place {
        let expires = entry.view().expire_ms().is_some();
        let fields_expire = entry.view().fields_expire_ms().is_some();
        let table = self.slots.grow(slot, 1, usize::from(expires));
        let parts = table.parts();
        let place = table.insert(hash, entry, |bytes| hasher.hash_one(bytes));
        if (expires || fields_expire)
            && let Some(times) = table.expires_mut(place.part())
        {
            if expires {
                self.agenda.list(slot, place.part(), times);
            }
            if fields_expire {
                self.fields_agenda.list(slot, place.part(), times.fields_to_fill());
            }
        }
        if table.parts() != parts {
            self.list(slot);
        }
        place
    }

    /// Puts all parts of a slot's table on the agenda that have times, and no others.
    #[cold]
    fn list(&mut self, slot: SlotId) {
        let Some(table) = self.slots.get_mut(slot) else { return };
        for part in 0..table.parts() as u32 {
            if let Some(expires) = table.expires_mut(part) {
                if let Some(fields) = expires.fields_mut() {
                    self.fields_agenda.list(slot, part, fields);
                    self.fields_agenda.settle(slot, part, fields);
                }
                self.agenda.list(slot, part, expires);
                self.agenda.settle(slot, part, expires);
            }
        }
    }

    /// Takes all parts of a slot's table off the agenda.
    #[cold]
    fn unlist(&mut self, slot: SlotId) {
        let Some(table) = self.slots.get_mut(slot) else { return };
        for part in 0..table.parts() as u32 {
            if let Some(expires) = table.expires_mut(part) {
                self.agenda.unlist(slot, part, expires);
                if let Some(fields) = expires.fields_mut() {
                    self.fields_agenda.unlist(slot, part, fields);
                }
            }
        }
    }

    pub(crate) fn remove(&mut self, slot: SlotId, place: Place) -> Entry {
        let table = self.slots.get_mut(slot).expect(PLACE_HAS_TABLE);
        // A table gives up its parts with the last entry.
        if table.len() == 1 && table.parts() > 1 {
            self.unlist(slot);
        }
        let table = self.slots.get_mut(slot).expect(PLACE_HAS_TABLE);
        let entry = table.remove(place);
        let expires = entry.view().expire_ms().is_some();
        let fields_expire = entry.view().fields_expire_ms().is_some();
        if (expires || fields_expire)
            && let Some(times) = table.expires_mut(place.part())
        {
            if let Some(fields) = times.fields_mut().filter(|_| fields_expire) {
                self.fields_agenda.settle(slot, place.part(), fields);
            }
            self.agenda.settle(slot, place.part(), times);
        }
        self.slots.shrink(slot, 1, usize::from(expires));
        entry
    }

    /// An entry to be changed, and what must learn of a change of its expire.
    #[inline]
    pub(crate) fn entry_mut(&mut self, slot: SlotId, place: Place) -> (&mut Word, ExpireChange<'_>) {
        let Db { slots, agenda, fields_agenda } = self;
        let (table, expiring) = slots.get_with_count(slot).expect(PLACE_HAS_TABLE);
        let (word, expires) = table.word_and_expires(place);
        let part = place.part();
        (word, ExpireChange { slot, part, expires, agenda, fields_agenda, expiring })
    }

    /// The word at a place, to change anything but the entry's times.
    #[inline]
    pub(crate) fn word_mut(&mut self, slot: SlotId, place: Place) -> &mut Word {
        self.slots.get_mut(slot).expect(PLACE_HAS_TABLE).word_mut(place)
    }

    /// Takes a slot's table out with all its keys, for another shard. Constant time but for very large slots.
    pub fn take_slot(&mut self, slot: SlotId) -> Table {
        self.unlist(slot);
        let Some(table) = self.slots.get_mut(slot) else { return Table::default() };
        let table = std::mem::take(table);
        if !table.is_empty() {
            self.slots.shrink(slot, table.len(), table.expiring_len());
        }
        table
    }

    /// Puts in a slot's table that another shard has taken out. This one must not have keys in the slot.
    pub fn put_slot(&mut self, slot: SlotId, table: Table) {
        let before = self.take_slot(slot);
        assert!(before.is_empty(), "two shards had keys in one slot");
        if table.is_empty() {
            return;
        }
        let (keys, expiring) = (table.len(), table.expiring_len());
        *self.slots.grow(slot, keys, expiring) = table;
        self.list(slot);
    }

    /// The part of a slot's table that may have entries whose time has come.
    #[inline]
    pub(crate) fn due_part(&self, now_ms: u64) -> Option<(SlotId, u32)> {
        let (at_ms, slot, part) = self.agenda.first()?;
        is_over(at_ms, now_ms).then_some((slot, part))
    }

    /// Has a part that was looked at come up again when its first time has come, but not before
    /// `not_before_ms`.
    pub(crate) fn put_off(&mut self, slot: SlotId, part: u32, not_before_ms: u64) {
        if let Some(expires) = self.slots.get_mut(slot).and_then(|table| table.expires_mut(part)) {
            self.agenda.correct(slot, part, expires, not_before_ms);
        }
    }

    /// The part of a slot's table that may have hashes with fields whose time has come.
    #[inline]
    pub(crate) fn due_fields_part(&self, now_ms: u64) -> Option<(SlotId, u32)> {
        let (at_ms, slot, part) = self.fields_agenda.first()?;
        is_over(at_ms, now_ms).then_some((slot, part))
    }

    /// The same as [`Db::put_off`] for the fields of hashes.
    pub(crate) fn put_off_fields(&mut self, slot: SlotId, part: u32, not_before_ms: u64) {
        if let Some(expires) = self.slots.get_mut(slot).and_then(|table| table.expires_mut(part)) {
            if let Some(fields) = expires.fields_mut() {
                self.fields_agenda.correct(slot, part, fields, not_before_ms);
            }
            self.agenda.settle(slot, part, expires);
        }
    }

    /// The place of a random key of those that have an expire, each with the same chance.
    pub(crate) fn random_expiring_place(&self, random: &mut Random) -> Option<(SlotId, Place)> {
        self.slots.random_expiring_place(random)
    }

    /// The place of a random key, each with the same chance however they are spread over slots; one whose
    /// time is over included.
    pub(crate) fn random_place(&self, random: &mut Random) -> Option<(SlotId, Place)> {
        self.slots.random_place(random)
    }

    /// A random key's entry, as [`Db::random_place`] picks it.
    pub fn random_key(&self, random: &mut Random) -> Option<EntryRef<'_>> {
        let (slot, place) = self.random_place(random)?;
        Some(self.entry(slot, place))
    }
}

/// Why the table of a place is there.
const PLACE_HAS_TABLE: &str = "a place is of an entry, and an entry has a table";

/// What must learn of it when an entry's expire changes.
pub(crate) struct ExpireChange<'a> {
    slot: SlotId,
    part: u32,
    expires: &'a mut PartExpires,
    agenda: &'a mut Agenda,
    fields_agenda: &'a mut Agenda,
    expiring: ExpiringCount<'a>,
}

impl ExpireChange<'_> {
    /// The expire of the entry with this tag was `before` and is `after`.
    pub(crate) fn happened(&mut self, tag: u16, before: Option<u64>, after: Option<u64>) {
        if let Some(at_ms) = after {
            self.expiring.increment();
            self.expires.add(at_ms, tag);
            self.agenda.list(self.slot, self.part, self.expires);
        }
        if let Some(at_ms) = before {
            self.expiring.decrement();
            self.expires.remove(at_ms, tag);
            self.agenda.settle(self.slot, self.part, self.expires);
        }
    }

    /// The first time of the fields of the hash with this tag was `before` and is `after`.
    pub(crate) fn happened_to_fields(&mut self, tag: u16, before: Option<u64>, after: Option<u64>) {
        let fields = self.expires.fields_to_fill();
        if let Some(at_ms) = after {
            fields.add(at_ms, tag);
            self.fields_agenda.list(self.slot, self.part, fields);
        }
        if let Some(at_ms) = before {
            fields.remove(at_ms, tag);
            self.fields_agenda.settle(self.slot, self.part, fields);
            self.agenda.settle(self.slot, self.part, self.expires);
        }
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

impl Freeing {
    /// Whether it may wait, by a directive.
    pub(crate) fn in_steps_if(is_lazy: bool) -> Freeing {
        if is_lazy { Freeing::InSteps } else { Freeing::Now }
    }
}

#[cfg(test)]
impl Db {
    /// Holds all that is kept beside the tables against the tables.
    pub(crate) fn assert_exact(&self) {
        self.slots.assert_exact();
        let (mut listed, mut fields_listed) = (0, 0);
        for (slot, table) in self.slots.iter() {
            for (part, expires) in table.exact_expires().into_iter().enumerate() {
                let first_ms = expires.get(0).map_or(u64::MAX, |due| due.at_ms);
                assert!(expires.listed_ms() <= first_ms, "a first time that the agenda does not know");
                if expires.listed_ms() != u64::MAX {
                    assert!(self.agenda.has(slot, part as u32, expires));
                    listed += 1;
                }
                let fields = expires.fields();
                assert!(fields.is_unused() || fields.len() > 0, "something is kept for no field");
                let is_needed = expires.len() > 0 || fields.len() > 0;
                assert!(expires.is_unused() || is_needed, "something is kept for no time");
                let first_ms = fields.get(0).map_or(u64::MAX, |due| due.at_ms);
                assert!(
                    fields.listed_ms() <= first_ms,
                    "a first time of fields that the agenda does not know"
                );
                if fields.listed_ms() != u64::MAX {
                    assert!(self.fields_agenda.has(slot, part as u32, fields));
                    fields_listed += 1;
                }
            }
        }
        assert_eq!((self.agenda.len(), self.fields_agenda.len()), (listed, fields_listed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Expire, NewValue};
    use crate::env::Env;
    use crate::key::DbIndex;
    use crate::keyspace::Keyspace;

    fn add(db: &mut Db, env: &Env, name: &str, expire_ms: Option<u64>) {
        let key = env.key(name.as_bytes());
        let entry = Entry::new(key.bytes, NewValue::Int(1), expire_ms);
        db.insert(key.slot, key.hash, entry, &env.hasher);
    }

    #[test]
    fn random_keys_are_uniform_over_slots_of_any_size() {
        // Half of the keys share a slot whose table is split; the others are spread over all slots.
        let env = Env::new([1, 2, 3, 4], 5, 512 << 20);
        let mut db = Db::default();
        let mut random = Random::new(9);
        assert!(db.random_key(&mut random).is_none());
        let (keys, picks) = if cfg!(miri) { (20, 10) } else { (10_000, 200_000) };
        for index in 0..keys / 2 {
            add(&mut db, &env, &format!("{{tag}}{index}"), None);
            add(&mut db, &env, &format!("key:{index}"), None);
        }
        let mut counts = std::collections::HashMap::<Vec<u8>, u32>::new();
        for _ in 0..picks {
            let key = db.random_key(&mut random).unwrap().key().to_vec();
            *counts.entry(key).or_default() += 1;
        }
        if cfg!(miri) {
            return;
        }
        // Chi squared: about one for each key, give or take some hundredths.
        let mean = f64::from(picks) / f64::from(keys);
        let absent = f64::from(keys) - counts.len() as f64;
        let squares: f64 = counts.values().map(|&count| (f64::from(count) - mean).powi(2)).sum();
        let chi = (squares + absent * mean.powi(2)) / mean / f64::from(keys);
        assert!((0.9..1.1).contains(&chi), "{chi}");
        let tagged: u32 =
            counts.iter().filter(|(key, _)| key.starts_with(b"{")).map(|(_, count)| count).sum();
        assert!((picks * 49 / 100..=picks * 51 / 100).contains(&(tagged as i32)), "{tagged}");
    }

    /// One random change of one of `keys` keys; half of them share a slot.
    fn change(dbs: &mut [Db], env: &mut Env, random: &mut Random, keys: usize) {
        let number = random.below(keys);
        let name =
            if number.is_multiple_of(2) { format!("{{tag}}{number}") } else { format!("key:{number}") };
        let key = env.key(name.as_bytes());
        let at_ms = if random.one_in(50) { u64::MAX - 5 } else { 6_000 + random.bits() % 1000 };
        let mut space = Keyspace::new(dbs, DbIndex(0), env, true);
        match random.below(9) {
            0..=2 => space.set(&key, NewValue::Int(1), Expire::At(at_ms)),
            3 => space.set(&key, NewValue::Bytes(b"text"), Expire::Keep),
            4 => space.set(&key, NewValue::Int(2), Expire::Clear),
            5 | 6 => _ = space.write(&key).map(|mut entry| entry.set_expire(Some(at_ms))),
            7 => _ = space.write(&key).map(|mut entry| entry.set_expire(None)),
            _ => {
                if let Some(entry) = space.remove(&key).filter(|_| random.one_in(2)) {
                    space.insert_as_is(entry);
                }
            }
        }
    }

    #[test]
    fn a_database_without_keys_keeps_nothing() {
        let (mut env, mut random) = (Env::new([1, 2, 3, 4], 5, 512 << 20), Random::new(4));
        env.now_ms = 5_000;
        for keys in if cfg!(miri) { vec![1, 20] } else { vec![1, 40, 300, 30_000] } {
            let mut dbs = [Db::default()];
            let before = crate::words::allocated_bytes();
            (0..keys * 3).for_each(|_| change(&mut dbs, &mut env, &mut random, keys));
            // A slot goes and comes back, and another one comes for the first time.
            let slot = SlotId::of(b"{tag}");
            let table = dbs[0].take_slot(slot);
            dbs[0].put_slot(slot, table);
            while let Some((slot, place)) = dbs[0].random_place(&mut random) {
                if random.one_in(3) {
                    let key = dbs[0].entry(slot, place).key().to_vec();
                    let mut space = Keyspace::new(&mut dbs, DbIndex(0), &mut env, true);
                    let key = space.key_in_slot(&key, slot);
                    let expire_ms = random.one_in(2).then_some(7_777);
                    if let Some(mut entry) = space.write(&key) {
                        entry.set_expire(expire_ms);
                    }
                }
                dbs[0].remove(slot, place);
                if random.one_in(keys.div_ceil(4)) {
                    dbs[0].assert_exact();
                }
            }
            dbs[0].assert_exact();
            assert!(dbs[0].memory_bytes() == 0 && dbs[0].due_part(u64::MAX).is_none());
            assert_eq!(crate::words::allocated_bytes(), before, "{keys} keys");
        }
    }

    #[test]
    fn times_and_agenda_follow_every_change() {
        let (mut env, mut random) = (Env::new([1, 2, 3, 4], 5, 512 << 20), Random::new(4));
        env.now_ms = 5_000;
        for keys in if cfg!(miri) { vec![3, 40] } else { vec![3, 100, 20_000] } {
            let mut dbs = [Db::default()];
            for _ in 0..10 {
                (0..keys * 2).for_each(|_| change(&mut dbs, &mut env, &mut random, keys));
                dbs[0].assert_exact();
            }
            let slot = SlotId::of(b"{tag}");
            let table = dbs[0].take_slot(slot);
            dbs[0].assert_exact();
            assert!(dbs[0].len() <= keys / 2);
            let mut other = Db::default();
            other.put_slot(slot, table);
            other.assert_exact();
            dbs[0].put_slot(slot, other.take_slot(slot));
            other.assert_exact();
            dbs[0].assert_exact();
            assert!(other.is_empty() && other.due_part(u64::MAX).is_none());
            // All go: what a table gives up at its end is off the agenda too.
            while let Some((slot, place)) = dbs[0].random_expiring_place(&mut random) {
                assert!(dbs[0].remove(slot, place).view().expire_ms().is_some());
            }
            assert_eq!(dbs[0].keys_with_expire(), 0);
            while let Some((slot, place)) = dbs[0].random_place(&mut random) {
                dbs[0].remove(slot, place);
            }
            dbs[0].assert_exact();
        }
    }
}
