//! Who waits for a slot that is on its way.

use std::collections::HashSet;

use crate::spare::Trim;

/// Connections to be looked at when a slot has arrived: each once, however often it has begun to wait, and in
/// the order in which they have.
#[derive(Default)]
pub(super) struct AwaitingSlot {
    order: Vec<u32>,
    known: HashSet<u32>,
}

impl AwaitingSlot {
    pub(super) fn add(&mut self, connection: u32) {
        if self.known.insert(connection) {
            self.order.push(connection);
        }
    }

    pub(super) fn take(&mut self) -> Vec<u32> {
        self.known.clear();
        std::mem::take(&mut self.order)
    }
}

impl Trim for AwaitingSlot {
    fn trim(&mut self) {
        self.order.trim();
        self.known.trim();
    }
}
