//! The clients of one worker in blocking commands, as their coordinator remembers them. What becomes of them
//! is decided in [`crate::router::blocking`].

use std::collections::{BTreeSet, HashMap};

use crate::blocking::Block;
use crate::command::{flags, keys};
use crate::slot::SlotId;
use crate::spare::Trim;
use crate::txn::{OwnedCall, Ticket};
use crate::watch::ClientId;

/// Why a blocking command ends without having run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Its time is over, or CLIENT UNBLOCK says so.
    Timeout,
    /// CLIENT UNBLOCK with ERROR.
    Error,
    /// The client has gone.
    Closed,
}

/// A client in a blocking command.
pub(super) struct BlockedCall {
    pub(super) ticket: Ticket,
    pub(super) call: OwnedCall,
    /// The shards of its keys know that it waits.
    pub(super) waits: bool,
    /// A transaction is under way that runs the command.
    pub(super) is_tried: bool,
    /// In milliseconds since 1970; `u64::MAX` for never.
    pub(super) deadline_ms: u64,
}

/// The clients of one worker that wait. One per worker.
#[derive(Default)]
pub(super) struct BlockedCalls {
    pub(super) of_client: HashMap<ClientId, BlockedCall>,
    pub(super) deadlines: BTreeSet<(u64, ClientId)>,
    /// Shards of slots on their way that are still to be told that a client waits no more.
    pub(super) unwait_later: Vec<(SlotId, ClientId, Ticket)>,
}

impl Trim for BlockedCalls {
    fn trim(&mut self) {
        self.of_client.trim();
        self.unwait_later.trim();
    }
}

impl BlockedCalls {
    /// True while a transaction for this command of the client should still run.
    pub(crate) fn is_wanted(&self, client: ClientId, ticket: Ticket) -> bool {
        self.of_client.get(&client).is_some_and(|blocked| blocked.ticket == ticket)
    }

    /// The transaction that was to run the command does not.
    pub(super) fn is_tried_no_more(&mut self, client: ClientId) {
        if let Some(blocked) = self.of_client.get_mut(&client) {
            blocked.is_tried = false;
        }
    }

    /// The command has run and found nothing: the client waits. True when it has not waited before.
    pub(crate) fn waits(&mut self, client: ClientId, block: Block, now_ms: u64) -> bool {
        let Some(blocked) = self.of_client.get_mut(&client) else { return false };
        blocked.is_tried = false;
        if let Some(args) = block.args {
            blocked.call.args = args;
        }
        if std::mem::replace(&mut blocked.waits, true) {
            return false;
        }
        if block.timeout_ms > 0 {
            // The millisecond that has begun does not count: a wait may be late, but never early (Redis:
            // handleBlockedClientsTimeout, which waits until the time is past).
            blocked.deadline_ms = now_ms.saturating_add(block.timeout_ms).saturating_add(1);
            self.deadlines.insert((blocked.deadline_ms, client));
        }
        true
    }

    /// The command of a client that waits, if it takes nothing from its keys, so that it can be run without
    /// asking whether the client is still there.
    pub(super) fn reading_call(&self, client: ClientId) -> Option<Box<OwnedCall>> {
        let call = &self.of_client.get(&client)?.call;
        (!call.command.spec.has(flags::WRITE)).then(|| Box::new(call.clone()))
    }

    pub(super) fn remove(&mut self, client: ClientId) -> Option<BlockedCall> {
        let blocked = self.of_client.remove(&client)?;
        self.deadlines.remove(&(blocked.deadline_ms, client));
        Some(blocked)
    }

    /// The command has run and has its reply. True when the client had waited.
    pub(crate) fn has_run(&mut self, client: ClientId) -> bool {
        self.remove(client).is_some_and(|blocked| blocked.waits)
    }
}

/// True for the keys that a client waits for, by the flags of their specs: not for the destination of BLMOVE.
pub(crate) fn is_awaited(flags: u32) -> bool {
    flags & keys::ACCESS != 0
}
