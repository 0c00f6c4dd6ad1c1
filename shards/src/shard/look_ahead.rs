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
use crate::table::Table;

/// A shard of fewer keys lies in the processor's cache, with about a hundred bytes for each.
const KEYS_MIN: usize = 4096;

/// A key that will be looked up soon.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedKey {
    db: DbIndex,
    /// With its hash.
    key: OnlyKey,
}

impl ExpectedKey {
    /// The key, with its hash.
    #[inline]
    pub fn key(&self) -> OnlyKey {
        self.key
    }
}

impl Shard {
    /// Hashes a key that will be looked up, and begins to fetch what the look-up reads.
    #[inline]
    pub fn expect_key(&self, db: DbIndex, key: OnlyKey, bytes: &[u8]) -> ExpectedKey {
        self.dbs[db.index()].prefetch_table(key.slot);
        ExpectedKey { db, key: OnlyKey { hash: NonZeroU64::new(self.env.hash_of(bytes)), ..key } }
    }

    /// Fetches what the look-ups of several keys read, in the order in which they read it.
    #[inline]
    pub fn fetch(&self, expected: &[ExpectedKey]) {
        let [first, _, ..] = expected else { return };
        if self.dbs[first.db.index()].len() < KEYS_MIN {
            return;
        }
        self.each_table(expected, Table::prefetch_words);
        self.each_table(expected, Table::prefetch_entry);
    }

    #[inline(always)]
    fn each_table(&self, expected: &[ExpectedKey], step: impl Fn(&Table, u64)) {
        for &ExpectedKey { db, key } in expected {
            if let (Some(table), Some(hash)) = (self.dbs[db.index()].table(key.slot), key.hash) {
                step(table, hash.get());
            }
        }
    }
}
