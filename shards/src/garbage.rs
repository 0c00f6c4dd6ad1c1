//! Removed tables and big values whose memory is given back in bounded steps, so that FLUSHALL ASYNC of a
//! huge keyspace or UNLINK of a huge value does not stall its worker.
//!
//! Redis frees in a background thread. A shard shares no memory with another thread, so it frees between
//! commands instead. This file must not know databases, commands or time.

use std::collections::VecDeque;
use std::fmt;

use crate::entry::Entry;
use crate::object::Remains;
use crate::slot_tables::IntoTables;
use crate::spare::Trim;
use crate::table::{IntoEntries, Table};

/// Freeing an entry of fewer units is not worth being put off (as Redis frees what has up to 64 allocations
/// at once).
const UNITS_PUT_OFF_MIN: usize = 64;

/// Room for entries and tables that is kept while there is nothing to be freed, in bytes: what a few commands
/// need.
const KEPT_BYTES_MAX: usize = 4096;

/// What is to be freed. One per shard.
#[derive(Default)]
pub struct Garbage {
    /// Entries that came one by one.
    big: VecDeque<Entry>,
    tables: VecDeque<IntoTables>,
    /// What is left of the large value that is being freed.
    remains: Option<Remains>,
    /// What is left of the table that is being freed.
    entries: Option<IntoEntries>,
    len: usize,
}

impl Trim for Garbage {
    fn trim(&mut self) {
        self.big.trim();
        self.tables.trim();
    }
}

impl Garbage {
    /// Takes the tables of a database with `len` entries in all. Constant time.
    pub(crate) fn push(&mut self, tables: IntoTables, len: usize) {
        if len > 0 {
            self.tables.push_back(tables);
            self.len += len;
        }
    }

    /// Takes one entry. A small one is freed right away.
    pub fn push_entry(&mut self, entry: Entry) {
        if entry.view().freeing_cost() >= UNITS_PUT_OFF_MIN {
            self.big.push_back(entry);
            self.len += 1;
        }
    }

    /// Entries that are still to be freed (INFO: lazyfree_pending_objects).
    pub fn len(&self) -> usize {
        self.len
    }

    /// Nothing is left to be freed.
    pub fn is_empty(&self) -> bool {
        self.big.is_empty() && self.remains.is_none() && self.entries.is_none() && self.tables.is_empty()
    }

    /// Frees until `budget` units are used up, and says whether anything is left. A unit is an entry, a
    /// table, or a page of a value; the last entry may exceed the budget by its own size.
    pub fn free_some(&mut self, budget: usize) -> bool {
        let mut used = 0;
        while used < budget {
            if let Some(remains) = &mut self.remains {
                if remains.free_some(budget - used) {
                    return true;
                }
                self.remains = None;
                used += 1;
                continue;
            }
            let big = self.big.pop_front();
            let entry = big.or_else(|| self.entries.as_mut().and_then(Iterator::next));
            match entry {
                Some(mut entry) => {
                    self.len -= 1;
                    match entry.take_object() {
                        Some(object) => self.remains = Some(object.into_remains()),
                        None => used += entry.view().freeing_cost(),
                    }
                }
                None => {
                    self.entries = self.next_table().map(Table::into_entries);
                    if self.entries.is_none() {
                        break;
                    }
                    used += 1;
                }
            }
        }
        if self.is_empty() {
            self.forget_room();
        }
        !self.is_empty()
    }

    /// A million keys to be freed one by one leave no room for a million.
    fn forget_room(&mut self) {
        if self.big.capacity() * size_of::<Entry>() > KEPT_BYTES_MAX {
            self.big = VecDeque::new();
        }
        if self.tables.capacity() * size_of::<IntoTables>() > KEPT_BYTES_MAX {
            self.tables = VecDeque::new();
        }
    }

    /// The next table that is not empty. Empty ones are skipped at no cost worth counting.
    fn next_table(&mut self) -> Option<Table> {
        while let Some(tables) = self.tables.front_mut() {
            if let Some(table) = tables.next() {
                return Some(table);
            }
            self.tables.pop_front();
        }
        None
    }
}

impl fmt::Debug for Garbage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Garbage").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Blob;
    use crate::entry::NewValue;
    use crate::slot::SlotId;
    use crate::slot_tables::SlotTables;

    fn hash_of(key: &[u8]) -> u64 {
        key.iter().fold(5, |hash: u64, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn table(len: usize, value: NewValue<'_>) -> Table {
        let mut table = Table::default();
        for index in 0..len {
            let key = index.to_le_bytes();
            let value = match &value {
                NewValue::Blob(blob) => NewValue::Blob(Blob::clone(blob)),
                NewValue::Int(int) => NewValue::Int(*int),
                NewValue::Bytes(bytes) => NewValue::Bytes(bytes),
                _ => panic!("tests put strings here"),
            };
            table.insert(hash_of(&key), Entry::new(&key, value, None), hash_of);
        }
        table
    }

    /// A database of these tables, taken apart.
    fn database<const N: usize>(tables: [Table; N]) -> IntoTables {
        let mut slots = SlotTables::default();
        for (number, table) in tables.into_iter().enumerate() {
            let len = table.len();
            *slots.grow(SlotId::new(number as u16), len, 0) = table;
        }
        slots.into_tables()
    }

    #[test]
    fn a_million_entries_leave_no_room_for_a_million() {
        let mut garbage = Garbage::default();
        let blob = Blob::new(vec![1; UNITS_PUT_OFF_MIN * 4096]);
        for _ in 0..10_000 {
            garbage.push_entry(Entry::new(b"key", NewValue::Blob(Blob::clone(&blob)), None));
        }
        for _ in 0..1_000 {
            garbage.push(database([table(1, NewValue::Int(1))]), 1);
        }
        while garbage.free_some(1_000_000) {}
        assert!(garbage.big.capacity() * size_of::<Entry>() <= KEPT_BYTES_MAX);
        assert!(garbage.tables.capacity() * size_of::<IntoTables>() <= KEPT_BYTES_MAX);
    }

    #[test]
    fn a_step_frees_no_more_than_its_budget() {
        let mut garbage = Garbage::default();
        assert!(!garbage.free_some(10));
        garbage.push(database([table(5000, NewValue::Int(1)), table(3, NewValue::Bytes(b"v"))]), 5003);
        assert!(garbage.free_some(1001));
        assert_eq!(garbage.len(), 4003, "one unit is for the table");
        while garbage.free_some(1000) {}
        assert!(garbage.is_empty());
        assert_eq!(garbage.len(), 0);
    }

    #[test]
    fn a_big_value_uses_up_the_budget_by_its_size_and_is_freed() {
        let blob = Blob::new(vec![1; 50 * 4096]);
        let mut garbage = Garbage::default();
        garbage.push(database([table(4, NewValue::Blob(Blob::clone(&blob)))]), 4);
        assert!(garbage.free_some(60));
        assert_eq!(Blob::strong_count(&blob), 1 + 2, "the second value exceeds the budget");
        garbage.free_some(usize::MAX);
        assert_eq!(Blob::strong_count(&blob), 1);
    }

    #[test]
    fn only_a_big_entry_is_put_off() {
        let mut garbage = Garbage::default();
        for (units, put_off) in [(1, 0), (UNITS_PUT_OFF_MIN - 2, 0), (UNITS_PUT_OFF_MIN, 1)] {
            let blob = Blob::new(vec![1; units * 4096]);
            garbage.push_entry(Entry::new(b"key", NewValue::Blob(Blob::clone(&blob)), None));
            assert_eq!((garbage.len(), Blob::strong_count(&blob)), (put_off, 1 + put_off), "{units}");
            assert_eq!(garbage.is_empty(), put_off == 0);
            assert!(!garbage.free_some(1));
            assert_eq!((garbage.len(), Blob::strong_count(&blob)), (0, 1));
        }
    }

    #[test]
    fn garbage_that_is_dropped_gives_its_entries_back() {
        let blob = Blob::new(vec![1; 9000]);
        let mut garbage = Garbage::default();
        garbage.push(database([table(4, NewValue::Blob(Blob::clone(&blob)))]), 4);
        garbage.free_some(2);
        drop(garbage);
        assert_eq!(Blob::strong_count(&blob), 1);
    }
}
