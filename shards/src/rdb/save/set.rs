//! Sets as bytes: member by member.

use super::pieces::{Budget, write_element};
use crate::encoding::listpack::{Listpack, Value};
use crate::encoding::member_table::Members;
use crate::rdb::sink::Sink;

/// Writes a small set of strings for readers that know no packed ones.
pub(super) fn write_packed(bytes: &[u8], sink: &mut Sink<'_>) {
    let members = Listpack::new(bytes);
    sink.length(members.len() as u64);
    for member in members.iter() {
        match member {
            Value::Int(int) => sink.int_text(int),
            Value::Str(text) => sink.text(text),
        }
    }
}

/// How much of a set has been written.
#[derive(Debug, Default)]
pub(super) struct SetCursor {
    has_begun: bool,
    cursor: u64,
}

impl SetCursor {
    /// Writes about `budget_bytes` more, and says whether that was the last of it.
    pub(super) fn write_some(&mut self, members: &Members, budget_bytes: usize, sink: &mut Sink<'_>) -> bool {
        let budget = Budget::new(budget_bytes, sink);
        if !self.has_begun {
            sink.length(members.len() as u64);
            self.has_begun = true;
        }
        loop {
            self.cursor = members.scan(self.cursor, 1, |member| write_element(member, sink));
            if self.cursor == 0 || budget.is_used(sink) {
                return self.cursor == 0;
            }
        }
    }
}
