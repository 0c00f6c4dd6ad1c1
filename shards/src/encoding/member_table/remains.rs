//! What is left of a set or a map that is no more, and is freed in bounded steps.

use std::fmt;

use super::expire_index::ExpireIndex;
use super::records::{FieldRecord, MemberRecord};
use super::table::Table;

/// A record outside of the pages costs one unit of the budget more for each so many bytes: giving a page of
/// memory back to the system takes about as long as freeing a small block, something under a microsecond.
const BYTES_PER_UNIT: usize = 4096;

/// Memory to be freed. When dropped it frees all that is left.
pub struct Remains {
    members: Table<MemberRecord>,
    fields: Table<FieldRecord>,
    expires: ExpireIndex,
}

impl Remains {
    pub(super) fn of_members(members: Table<MemberRecord>) -> Remains {
        Remains { members, fields: Table::default(), expires: ExpireIndex::default() }
    }

    pub(super) fn of_fields(fields: Table<FieldRecord>, expires: ExpireIndex) -> Remains {
        Remains { members: Table::default(), fields, expires }
    }

    /// Frees until about `budget` units are used, and returns how many are: less than `budget` means that
    /// nothing is left. A unit is a page of some members, a long member or a part of it, or a run of the
    /// index of expires.
    pub fn free_some(&mut self, budget: usize) -> usize {
        let mut used = self.members.free_some(budget, BYTES_PER_UNIT);
        used += self.fields.free_some(budget.saturating_sub(used), BYTES_PER_UNIT);
        while used < budget && self.expires.free_run() {
            used += 1;
        }
        used
    }
}

impl fmt::Debug for Remains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remains").finish_non_exhaustive()
    }
}
