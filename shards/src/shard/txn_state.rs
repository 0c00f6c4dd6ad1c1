//! What a shard remembers of transactions, of commands that wait for a lock or for credit, and of clients
//! that wait for keys.
//!
//! What is done with it is in `participant.rs`, `put_aside.rs` and `blocked_on_keys.rs`.

use std::collections::HashMap;

use crate::command::keys::KeyPosition;
use crate::reply::Reply;
use crate::slot::{ShardId, SlotSet};
use crate::spare::Trim;
use crate::txn::blocked_client::BlockedClient;
use crate::txn::credit::{Credits, Source};
use crate::txn::locks::LockTable;
use crate::txn::{Outbox, OwnedCall, Part, Ticket, TxId, Watched};
use crate::watch::ClientId;

/// A single-shard command that waits for a lock, or for credit.
pub(super) struct Parked {
    pub(super) call: OwnedCall,
    pub(super) ticket: Ticket,
}

/// A transaction as its participant knows it.
pub(super) struct ActivePart {
    pub(super) coordinator: ShardId,
    pub(super) part: Part,
    pub(super) granted: bool,
}

impl ActivePart {
    pub(super) fn has_lent(&self) -> bool {
        self.granted && matches!(self.part, Part::Lend(..) | Part::LendAll(_))
    }

    pub(super) fn has_lent_slots(&self) -> bool {
        self.granted && matches!(self.part, Part::LendAll(_))
    }
}

/// What a shard remembers of transactions. One per shard.
#[derive(Default)]
pub(super) struct TxnState {
    pub(super) locks: LockTable<Parked, Source>,
    pub(super) parts: HashMap<TxId, ActivePart>,
    /// The largest number seen here.
    pub(super) latest: TxId,
    /// Who owes this shard too much, and what waits for that.
    pub(super) credits: Credits<Parked>,
    /// Replies of commands that had been parked.
    pub(super) completed: Vec<(Ticket, Reply)>,
    /// Bytes in them.
    pub(super) completed_bytes: usize,
    pub(super) positions: Vec<KeyPosition>,
    /// The slots of this shard while it runs a transaction on all slots of the node.
    pub(super) owned: Option<SlotSet>,
    /// What clients have ceased to watch while all slots are lent, and the watches with them.
    pub(super) unwatched: Vec<Watched>,
    pub(super) blocked: BlockedOnKeys,
}

/// A blocked client and what this shard has done for it.
#[derive(Debug)]
pub(super) struct BlockedState {
    pub(super) blocked: BlockedClient,
    /// The command, when it can be run here without further ado: all its keys lie here, and the client is one
    /// of this worker or the command takes nothing.
    pub(super) call: Option<Box<OwnedCall>>,
    /// The change at which it was tried last.
    pub(super) tried: u64,
    /// The transaction that it was woken for, until that is over.
    pub(super) wake: Option<TxId>,
}

/// The clients that wait for keys of one shard. One per shard.
#[derive(Default)]
pub(super) struct BlockedOnKeys {
    pub(super) of_client: HashMap<ClientId, BlockedState>,
    /// Who was woken by which transaction.
    pub(super) woken: HashMap<TxId, ClientId>,
    /// Messages that are still to be sent.
    pub(super) wakes: Outbox,
    /// Replies to clients that were served here.
    pub(super) served: Vec<(ClientId, Ticket, Reply)>,
}

impl Trim for BlockedOnKeys {
    fn trim(&mut self) {
        self.of_client.trim();
        self.woken.trim();
        self.wakes.trim();
        self.served.trim();
    }
}
