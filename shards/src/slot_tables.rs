//! The tables of one database by slot. A database pays for the slots in which it has keys, and for nothing
//! when it has none.
//!
//! How it works. Up to [`FEW_SLOTS_MAX`] tables are a plain list in the order of their slots. A database of
//! more slots has a directory of pages, each with the tables of [`PAGE_SLOTS`] neighbouring slots; a page is
//! there while one of its slots has a key. So finding a table is two loads, the first of them in a directory
//! of 4 KB that stays in the cache, and the header of a table lies where it would lie in one array of all
//! tables.
//!
//! This file must not know keys, times or commands.

use crate::prefetch::prefetch;
use crate::random::Random;
use crate::slot::{SLOT_COUNT, SlotId};
use crate::slot_counts::SlotCounts;
use crate::table::{Place, Table};

/// A database of more slots with keys than this has a directory. The search among so many takes seven steps,
/// and the longest move of tables is 4 KB. Under Miri few are many already.
const FEW_SLOTS_MAX: usize = if cfg!(miri) { 8 } else { 128 };
/// One of fewer gives its directory up: half, so that no database goes to and fro.
const FEW_SLOTS_AGAIN: usize = FEW_SLOTS_MAX / 2;
/// So many have room in the list as it is first made.
const FEW_SLOTS_MIN: usize = 4;
/// Slots of a page, which takes 1 KB: with fewer the directory outgrows the cache, with more a small database
/// pays for many empty tables.
const PAGE_SLOTS: usize = 32;
const PAGES: usize = SLOT_COUNT / PAGE_SLOTS;

/// The tables of one database. Whoever changes the number of keys in a table, or of those with an expire,
/// tells it.
#[derive(Default)]
pub(crate) struct SlotTables {
    /// There are many slots with keys.
    directory: Option<Box<Directory>>,
    /// Those of a database without a directory: sorted, no table twice, none of them empty between two
    /// changes.
    few: Few,
    keys: usize,
    keys_with_expire: usize,
}

#[derive(Default)]
struct Few {
    slots: Vec<SlotId>,
    tables: Vec<Table>,
}

type Page = [Table; PAGE_SLOTS];

struct Directory {
    /// Those in which a slot has a key.
    pages: [Option<Box<Page>>; PAGES],
    keys: SlotCounts,
    keys_with_expire: SlotCounts,
    /// Slots that have keys.
    used_slots: usize,
}

/// The number of keys with an expire in one slot, to be changed.
pub(crate) struct ExpiringCount<'a> {
    slot: SlotId,
    total: &'a mut usize,
    counts: Option<&'a mut SlotCounts>,
}

impl ExpiringCount<'_> {
    #[inline]
    pub(crate) fn increment(&mut self) {
        *self.total += 1;
        if let Some(counts) = &mut self.counts {
            counts.add(self.slot, 1);
        }
    }

    #[inline]
    pub(crate) fn decrement(&mut self) {
        *self.total -= 1;
        if let Some(counts) = &mut self.counts {
            counts.subtract(self.slot, 1);
        }
    }
}

/// Where a slot's table lies in the directory: its page and its place there.
#[inline]
fn page_of(slot: SlotId) -> (usize, usize) {
    // The remainder is for the compiler, which then knows that the page is there.
    (slot.index() / PAGE_SLOTS % PAGES, slot.index() % PAGE_SLOTS)
}

/// The table with key `number` of those that `len_of` counts.
fn pick<'a>(
    mut tables: impl Iterator<Item = (SlotId, &'a Table)>,
    number: usize,
    len_of: impl Fn(&Table) -> usize,
) -> Option<(SlotId, &'a Table)> {
    let mut rest = number;
    tables.find(|(_, table)| {
        let len = len_of(table);
        let is_here = rest < len;
        rest -= if is_here { 0 } else { len };
        is_here
    })
}

fn empty_page() -> Box<Page> {
    Box::new(std::array::from_fn(|_| Table::default()))
}

impl Few {
    #[inline(never)]
    fn at(&self, slot: SlotId) -> Result<usize, usize> {
        self.slots.binary_search(&slot)
    }

    fn insert(&mut self, at: usize, slot: SlotId, table: Table) {
        if self.slots.len() == self.slots.capacity() {
            let more = self.slots.len().max(FEW_SLOTS_MIN);
            self.slots.reserve_exact(more);
            self.tables.reserve_exact(more);
        }
        self.slots.insert(at, slot);
        self.tables.insert(at, table);
    }

    fn remove(&mut self, at: usize) -> Table {
        self.slots.remove(at);
        let table = self.tables.remove(at);
        let len = self.slots.len();
        if len == 0 || (len >= FEW_SLOTS_MIN && len <= self.slots.capacity() / 4) {
            self.slots.shrink_to(len * 2);
            self.tables.shrink_to(len * 2);
        }
        table
    }
}

impl SlotTables {
    /// The number of keys.
    #[inline]
    pub(crate) fn keys(&self) -> usize {
        self.keys
    }

    /// The number of keys that have an expire.
    #[inline]
    pub(crate) fn keys_with_expire(&self) -> usize {
        self.keys_with_expire
    }

    /// A slot's table, if it has keys.
    #[inline]
    pub(crate) fn get(&self, slot: SlotId) -> Option<&Table> {
        match &self.directory {
            Some(directory) => {
                let (page, at) = page_of(slot);
                directory.pages[page].as_ref().map(|page| &page[at])
            }
            None => self.few.at(slot).ok().map(|at| &self.few.tables[at]),
        }
    }

    /// Has the head of a slot's table fetched. Those of a database without a directory are few.
    #[inline]
    pub(crate) fn prefetch(&self, slot: SlotId) {
        if let Some(directory) = &self.directory {
            let (page, at) = page_of(slot);
            if let Some(page) = &directory.pages[page] {
                prefetch(&raw const page[at]);
            }
        }
    }

    /// The same to be changed.
    #[inline]
    pub(crate) fn get_mut(&mut self, slot: SlotId) -> Option<&mut Table> {
        match &mut self.directory {
            Some(directory) => {
                let (page, at) = page_of(slot);
                directory.pages[page].as_mut().map(|page| &mut page[at])
            }
            None => self.few.at(slot).ok().map(|at| &mut self.few.tables[at]),
        }
    }

    /// The same with the count of its keys that have an expire.
    #[inline]
    pub(crate) fn get_with_count(&mut self, slot: SlotId) -> Option<(&mut Table, ExpiringCount<'_>)> {
        let SlotTables { directory, few, keys_with_expire: total, .. } = self;
        match directory {
            Some(directory) => {
                let Directory { pages, keys_with_expire, .. } = &mut **directory;
                let (page, at) = page_of(slot);
                let table = &mut pages[page].as_mut()?[at];
                Some((table, ExpiringCount { slot, total, counts: Some(keys_with_expire) }))
            }
            None => {
                let at = few.at(slot).ok()?;
                Some((&mut few.tables[at], ExpiringCount { slot, total, counts: None }))
            }
        }
    }

    /// A slot's table, which is made if there is none, and `keys` and `expiring` keys more are counted in it:
    /// the caller puts them in.
    pub(crate) fn grow(&mut self, slot: SlotId, keys: usize, expiring: usize) -> &mut Table {
        self.keys += keys;
        self.keys_with_expire += expiring;
        if self.directory.is_none() && self.few.slots.len() == FEW_SLOTS_MAX && self.few.at(slot).is_err() {
            self.make_directory();
        }
        match &mut self.directory {
            Some(directory) => {
                directory.keys.add(slot, keys);
                directory.keys_with_expire.add(slot, expiring);
                let (page, at) = page_of(slot);
                let table = &mut directory.pages[page].get_or_insert_with(empty_page)[at];
                directory.used_slots += usize::from(table.is_empty());
                table
            }
            None => {
                let at = self.few.at(slot).unwrap_or_else(|at| {
                    self.few.insert(at, slot, Table::default());
                    at
                });
                &mut self.few.tables[at]
            }
        }
    }

    /// A slot's table has `keys` and `expiring` keys fewer: the caller has taken them out. An empty table
    /// goes.
    pub(crate) fn shrink(&mut self, slot: SlotId, keys: usize, expiring: usize) {
        self.keys -= keys;
        self.keys_with_expire -= expiring;
        let Some(directory) = &mut self.directory else {
            if let Ok(at) = self.few.at(slot)
                && self.few.tables[at].is_empty()
            {
                self.few.remove(at);
            }
            return;
        };
        directory.keys.subtract(slot, keys);
        if expiring > 0 {
            directory.keys_with_expire.subtract(slot, expiring);
        }
        let (page, at) = page_of(slot);
        if directory.pages[page].as_ref().is_none_or(|page| !page[at].is_empty()) {
            return;
        }
        directory.used_slots -= 1;
        if directory.keys.are_empty(page * PAGE_SLOTS, PAGE_SLOTS) {
            directory.pages[page] = None;
        }
        if directory.used_slots < FEW_SLOTS_AGAIN {
            self.give_up_directory();
        }
    }

    #[cold]
    fn make_directory(&mut self) {
        let mut directory = Box::new(Directory {
            pages: [const { None }; PAGES],
            keys: SlotCounts::default(),
            keys_with_expire: SlotCounts::default(),
            used_slots: self.few.slots.len(),
        });
        let few = std::mem::take(&mut self.few);
        for (slot, table) in few.slots.into_iter().zip(few.tables) {
            directory.keys.add(slot, table.len());
            directory.keys_with_expire.add(slot, table.expiring_len());
            let (page, at) = page_of(slot);
            directory.pages[page].get_or_insert_with(empty_page)[at] = table;
        }
        self.directory = Some(directory);
    }

    #[cold]
    fn give_up_directory(&mut self) {
        let Some(mut directory) = self.directory.take() else { return };
        let used = |(number, page): (usize, &mut Option<Box<Page>>)| {
            let tables = page.take().into_iter().flat_map(|page| page.into_iter().enumerate());
            let tables = tables.filter(|(_, table)| !table.is_empty());
            tables.map(move |(at, table)| (SlotId::new((number * PAGE_SLOTS + at) as u16), table))
        };
        (self.few.slots, self.few.tables) = directory.pages.iter_mut().enumerate().flat_map(used).unzip();
    }

    /// The slots that have keys, in order, and their tables.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SlotId, &Table)> {
        let few = self.few.slots.iter().copied().zip(&self.few.tables);
        let pages = self.directory.iter().flat_map(|directory| directory.pages.iter().enumerate());
        let paged = pages.flat_map(|(number, page)| {
            let tables = page.iter().flat_map(|page| page.iter().enumerate());
            tables.map(move |(at, table)| (SlotId::new((number * PAGE_SLOTS + at) as u16), table))
        });
        few.chain(paged.filter(|(_, table)| !table.is_empty()))
    }

    /// The first slot from number `from` on that has keys; `SLOT_COUNT` when there is none.
    pub(crate) fn first_from(&self, from: usize) -> usize {
        let Some(directory) = &self.directory else {
            let at = self.few.slots.partition_point(|slot| slot.index() < from);
            return self.few.slots.get(at).map_or(SLOT_COUNT, |slot| slot.index());
        };
        let (first_page, mut at) = (from / PAGE_SLOTS, from % PAGE_SLOTS);
        for page in first_page..PAGES {
            let tables = directory.pages[page].iter().flat_map(|page| &page[at..]);
            if let Some(ahead) = tables.into_iter().position(|table| !table.is_empty()) {
                return page * PAGE_SLOTS + at + ahead;
            }
            at = 0;
        }
        SLOT_COUNT
    }

    /// The place of a random key of those that have an expire, each with the same chance.
    pub(crate) fn random_expiring_place(&self, random: &mut Random) -> Option<(SlotId, Place)> {
        let number = random.below(self.keys_with_expire.max(1));
        let counts = self.directory.as_ref().map(|directory| &directory.keys_with_expire);
        let (slot, table) = self.table_of(number, counts, Table::expiring_len)?;
        Some((slot, table.random_expiring_place(random)?))
    }

    /// The place of a random key, each with the same chance however they are spread over slots.
    pub(crate) fn random_place(&self, random: &mut Random) -> Option<(SlotId, Place)> {
        let number = random.below(self.keys.max(1));
        let counts = self.directory.as_ref().map(|directory| &directory.keys);
        let (slot, table) = self.table_of(number, counts, Table::len)?;
        Some((slot, table.random_place(random)?))
    }

    /// The table with key `number` of those that `len_of` counts, in the order of slots.
    fn table_of(
        &self,
        number: usize,
        counts: Option<&SlotCounts>,
        len_of: impl Fn(&Table) -> usize,
    ) -> Option<(SlotId, &Table)> {
        let Some(counts) = counts else {
            return pick(self.few.slots.iter().copied().zip(&self.few.tables), number, len_of);
        };
        let (slots, number) = counts.locate(number)?;
        let slots = slots.map(|slot| SlotId::new(slot as u16));
        pick(slots.filter_map(|slot| Some((slot, self.get(slot)?))), number, len_of)
    }

    /// Bytes of memory of the tables themselves, entries left out.
    pub(crate) fn memory_bytes(&self) -> usize {
        let tables: usize = self.iter().map(|(_, table)| table.memory_bytes()).sum();
        let few =
            self.few.slots.capacity() * size_of::<SlotId>() + self.few.tables.capacity() * size_of::<Table>();
        let directory = self.directory.as_ref().map_or(0, |directory| {
            let pages = directory.pages.iter().flatten().count();
            size_of::<Directory>() + pages * size_of::<Page>()
        });
        tables + few + directory
    }

    /// Takes everything apart, so that much can be freed in steps. Constant time.
    pub(crate) fn into_tables(self) -> IntoTables {
        IntoTables { tables: self.few.tables.into_iter(), directory: self.directory, next_page: 0 }
    }

    /// Holds the counts and the form against the tables.
    #[cfg(test)]
    pub(crate) fn assert_exact(&self) {
        let tables = || self.iter().map(|(_, table)| table);
        let used = tables().count();
        let keys: usize = tables().map(Table::len).sum();
        let expiring: usize = tables().map(Table::expiring_len).sum();
        assert_eq!((self.keys, self.keys_with_expire), (keys, expiring));
        assert!(self.few.tables.iter().all(|table| !table.is_empty()), "a table without keys is kept");
        assert!(self.few.slots.is_sorted());
        let Some(directory) = &self.directory else {
            assert!(
                used == self.few.slots.len()
                    && self.few.tables.capacity() <= (used * 4).max(2 * FEW_SLOTS_MIN)
            );
            return assert!(used > 0 || self.memory_bytes() == 0, "memory without a key");
        };
        assert!(used >= FEW_SLOTS_AGAIN && self.few.slots.capacity() == 0);
        assert_eq!(directory.used_slots, used);
        for page in directory.pages.iter().flatten() {
            assert!(page.iter().any(|table| !table.is_empty()), "a page without keys is kept");
        }
        for (counts, total) in [(&directory.keys, keys), (&directory.keys_with_expire, expiring)] {
            assert!(total == 0 || counts.locate(total - 1).is_some());
            assert!(counts.locate(total).is_none());
        }
    }
}

/// The tables with keys of a database that is no more; see [`SlotTables::into_tables`]. What it has not given
/// out it frees.
pub(crate) struct IntoTables {
    /// What is left of the list, or of the page that is being taken apart.
    tables: std::vec::IntoIter<Table>,
    directory: Option<Box<Directory>>,
    next_page: usize,
}

impl Iterator for IntoTables {
    type Item = Table;

    fn next(&mut self) -> Option<Table> {
        loop {
            if let Some(table) = self.tables.find(|table| !table.is_empty()) {
                return Some(table);
            }
            let directory = self.directory.as_mut()?;
            let ahead = directory.pages[self.next_page..].iter_mut().find_map(|page| {
                self.next_page += 1;
                page.take()
            });
            match ahead {
                Some(page) => self.tables = (page as Box<[Table]>).into_vec().into_iter(),
                None => self.directory = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Entry, NewValue};

    fn hash_of(key: &[u8]) -> u64 {
        key.iter().fold(5, |hash: u64, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn add(slots: &mut SlotTables, slot: SlotId, number: u64, expire_ms: Option<u64>) {
        let key = number.to_le_bytes();
        let table = slots.grow(slot, 1, usize::from(expire_ms.is_some()));
        table.insert(hash_of(&key), Entry::new(&key, NewValue::Int(1), expire_ms), hash_of);
    }

    fn remove_random(slots: &mut SlotTables, random: &mut Random) {
        let Some((slot, place)) = slots.random_place(random) else { return };
        let entry = slots.get_mut(slot).unwrap().remove(place);
        slots.shrink(slot, 1, usize::from(entry.view().expire_ms().is_some()));
    }

    #[test]
    fn a_key_costs_its_table_and_a_key_in_every_slot_no_more_than_one_array_of_tables() {
        let mut slots = SlotTables::default();
        assert_eq!(slots.memory_bytes(), 0);
        add(&mut slots, SlotId::new(9), 0, None);
        assert!(slots.memory_bytes() < 200, "{}", slots.memory_bytes());
        for slot in 1..=SLOT_COUNT as u64 {
            add(&mut slots, SlotId::new((slot * 5 % SLOT_COUNT as u64) as u16), slot, None);
            if !cfg!(miri) && [FEW_SLOTS_MAX as u64 - 2, 1_000].contains(&slot) {
                slots.assert_exact();
                assert!(slots.memory_bytes() < 13_000 + slot as usize * 1_100, "{}", slots.memory_bytes());
            }
        }
        // The words of one key are as many as the least block of the C library has.
        let array = SLOT_COUNT * (size_of::<Table>() + 24);
        assert!(slots.memory_bytes() < array + 14_000, "{}", slots.memory_bytes());
    }

    #[test]
    fn tables_are_found_in_both_forms_and_all_goes_with_the_last_key() {
        let (mut slots, mut random) = (SlotTables::default(), Random::new(7));
        let (keys, rounds) = if cfg!(miri) { (30, 2) } else { (3_000, 4) };
        for round in 0..rounds {
            for number in 0..keys {
                let slot = SlotId::new(random.below(SLOT_COUNT) as u16);
                let was = slots.get(slot).map_or(0, Table::len);
                add(&mut slots, slot, number, random.one_in(2).then_some(number));
                assert_eq!(slots.get(slot).map_or(0, Table::len), was + 1);
                assert!(slots.get_with_count(slot).is_some());
                if number.is_power_of_two() {
                    slots.assert_exact();
                }
            }
            assert_eq!(slots.directory.is_some(), keys > FEW_SLOTS_MAX as u64);
            let steps =
                std::iter::successors(Some(slots.first_from(0)), |slot| Some(slots.first_from(slot + 1)));
            let by_steps = steps.take_while(|&slot| slot < SLOT_COUNT);
            assert!(by_steps.eq(slots.iter().map(|(slot, _)| slot.index())));
            let left = if round % 2 == 0 { 0 } else { FEW_SLOTS_AGAIN - 1 };
            while slots.keys() > left {
                remove_random(&mut slots, &mut random);
                if slots.keys() % 97 == 0 {
                    slots.assert_exact();
                }
            }
            slots.assert_exact();
            assert!(slots.directory.is_none());
        }
    }

    #[test]
    fn a_database_that_is_taken_apart_gives_out_every_table_with_keys() {
        for keys in [0, 1, FEW_SLOTS_MAX as u64, FEW_SLOTS_MAX as u64 + 1, 4 * FEW_SLOTS_MAX as u64] {
            let mut slots = SlotTables::default();
            for number in 0..keys {
                add(&mut slots, SlotId::new((number * 31) as u16), number, None);
            }
            assert_eq!(slots.iter().count() as u64, keys);
            let mut tables = slots.into_tables();
            let some = tables.by_ref().take(3).count() as u64;
            assert_eq!(some + tables.map(|table| table.len() as u64).sum::<u64>(), keys);
        }
    }
}
