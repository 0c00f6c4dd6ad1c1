//! What names a key in a shard: its database, and the key with its hashes.
//!
//! This file must not know values or tables.

use std::num::{NonZeroU16, NonZeroU64};

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

/// The only key of a command, as far as it has been looked at before the command runs: nothing is computed
/// twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OnlyKey {
    /// Which argument it is; the first one is the command's name.
    pub argument: NonZeroU16,
    /// Its hash slot.
    pub slot: SlotId,
    /// Its keyed hash; none if that has been left to the shard.
    pub hash: Option<NonZeroU64>,
}

impl OnlyKey {
    /// The key at an argument, which must not be the first one.
    #[inline]
    pub fn at(argument: usize, slot: SlotId) -> OnlyKey {
        let argument = NonZeroU16::new(argument as u16).expect("the first argument is the command's name");
        OnlyKey { argument, slot, hash: None }
    }
}
