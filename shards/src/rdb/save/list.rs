//! Lists as bytes: node by node.

use super::pieces::{Budget, TextCursor};
use crate::encoding::quicklist::{Export, Quicklist};
use crate::rdb::opcode;
use crate::rdb::sink::Sink;

/// What stands before the only listpack of a list.
pub(super) fn write_head_of_one_node(sink: &mut Sink<'_>) {
    sink.length(1);
    sink.length(opcode::NODE_PACKED);
}

/// How much of a list has been written.
#[derive(Debug, Default)]
pub(super) struct ListCursor {
    has_begun: bool,
    /// The node to be written next.
    node: usize,
    /// How much of it has been written, if it is one large element.
    text: TextCursor,
}

impl ListCursor {
    /// Writes about `budget_bytes` more, and says whether that was the last of it.
    pub(super) fn write_some(&mut self, list: &Quicklist, budget_bytes: usize, sink: &mut Sink<'_>) -> bool {
        let budget = Budget::new(budget_bytes, sink);
        if !self.has_begun {
            sink.length(list.node_count() as u64);
            self.has_begun = true;
        }
        for node in list.export_from(self.node) {
            if budget.is_used(sink) {
                return false;
            }
            match node {
                Export::Listpack(bytes) => {
                    sink.length(opcode::NODE_PACKED);
                    sink.text(&bytes);
                }
                Export::Plain(text) => {
                    if self.text.is_at_start() {
                        sink.length(opcode::NODE_PLAIN);
                    }
                    if !self.text.write_some(text, budget.left(sink), sink) {
                        return false;
                    }
                    self.text = TextCursor::default();
                }
            }
            self.node += 1;
        }
        true
    }
}
