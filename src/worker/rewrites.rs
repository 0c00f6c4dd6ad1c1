//! Which CONFIG REWRITE is under way, and for whom (`rewriting`). This file must not know the worker.

use shards::spare::Trim;
use shards::txn::Ticket;

use crate::io::edit::FileEdit;

/// One per worker; only the sequencer of changes has work for it.
#[derive(Default)]
pub(super) struct Rewrites {
    pub(super) edit: Option<FileEdit>,
    /// Whose reply the change under way makes.
    pub(super) served: Vec<Ticket>,
    /// Who waits for the next one. Clients wait for their reply, so there is at most one of each.
    pub(super) waiting: Vec<Ticket>,
}

impl Trim for Rewrites {
    fn trim(&mut self) {
        self.served.trim();
        self.waiting.trim();
    }
}
