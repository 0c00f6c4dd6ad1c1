//! Large sorted sets as bytes: member by member, the highest score first, as Redis does, whose structure is
//! the fastest to be filled that way.

use super::pieces::{Budget, write_element};
use crate::encoding::sorted_set::SortedSet;
use crate::rdb::sink::Sink;

/// How much of a sorted set has been written.
#[derive(Debug, Default)]
pub(super) struct SortedSetCursor {
    has_begun: bool,
    /// Members, from the highest on.
    written: usize,
}

impl SortedSetCursor {
    /// Writes about `budget_bytes` more, and says whether that was the last of it.
    pub(super) fn write_some(&mut self, set: &SortedSet, budget_bytes: usize, sink: &mut Sink<'_>) -> bool {
        let budget = Budget::new(budget_bytes, sink);
        if !self.has_begun {
            sink.length(set.len() as u64);
            self.has_begun = true;
        }
        for item in set.items(0..set.len() - self.written).rev() {
            if budget.is_used(sink) {
                return false;
            }
            write_element(item.member, sink);
            sink.double(item.score);
            self.written += 1;
        }
        true
    }
}
