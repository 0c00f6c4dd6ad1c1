//! What names a key in a shard: its database, and the key with its hashes.
//!
//! This file must not know values or tables.

use crate::slot::SlotId;

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
