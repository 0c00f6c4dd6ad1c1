//! Keys of commands that are about to run: what a look-up reads is fetched for all of them together.
//!
//! A look-up reads the head of a slot's table, then a word in its array, then the entry, and each of them
//! tells where the next one is. Where there are many keys, none of the three is in the processor's cache, and
//! a look-up waits three times for memory. Several look-ups can wait together, if each step is taken for all
//! of them before the next one.
//!
//! Nothing here changes what is found: if a key moves before its command runs, something was fetched in vain.

use std::num::NonZeroU64;

use crate::key::{DbIndex, OnlyKey};
use crate::shard::Shard;
use crate::slot::SlotId;
use crate::table::Table;

/// A database of fewer keys lies in the processor's cache, with about a hundred bytes for each.
const KEYS_MIN: usize = 4096;

/// A key that will be looked up soon, in a database that is larger than the processor's cache.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedKey {
    db: DbIndex,
    slot: SlotId,
    hash: u64,
}

impl Shard {
    /// Hashes a key that will be looked up, and begins to fetch what the look-up reads, if that may be far
    /// away: then `expected` has it. Returns the key with its hash.
    #[inline]
    pub fn expect_key(
        &self,
        db: DbIndex,
        key: OnlyKey,
        bytes: &[u8],
        expected: &mut Vec<ExpectedKey>,
    ) -> OnlyKey {
        let hash = self.env.hash_of(bytes);
        let of_db = &self.dbs[db.index()];
        if of_db.len() >= KEYS_MIN {
            of_db.prefetch_table(key.slot);
            expected.push(ExpectedKey { db, slot: key.slot, hash });
        }
        OnlyKey { hash: NonZeroU64::new(hash), ..key }
    }

    /// Fetches what the look-ups of several keys read, in the order in which they read it.
    #[inline]
    pub fn fetch(&self, expected: &[ExpectedKey]) {
        if expected.len() > 1 {
            self.each_table(expected, Table::prefetch_words);
            self.each_table(expected, Table::prefetch_entry);
        }
    }

    #[inline(always)]
    fn each_table(&self, expected: &[ExpectedKey], step: impl Fn(&Table, u64)) {
        for &ExpectedKey { db, slot, hash } in expected {
            if let Some(table) = self.dbs[db.index()].table(slot) {
                step(table, hash);
            }
        }
    }
}
