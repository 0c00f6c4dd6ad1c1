//! What shards and coordinators tell each other of clients that wait in blocking commands.
//!
//! Who waits where, and who is served when, is in `shard/waiters.rs`. This file must not know the messages
//! that carry it.

use crate::object::DataType;
use crate::txn::call::{Keys, OwnedCall, Ticket, TxId};
use crate::waiter_queues::WaitersOfSlots;
use crate::watch::ClientId;

/// A client that waits for keys of a shard.
#[derive(Clone, Debug)]
pub struct Waiter {
    /// The client.
    pub client: ClientId,
    /// Its worker, and which of its commands waits.
    pub ticket: Ticket,
    /// A key is worth a look when it holds this type.
    pub wanted: DataType,
    /// Or when it has gone, or has another type.
    pub wakes_on_removal: bool,
    /// All keys of the command on this shard.
    pub keys: Keys,
    /// Those of them that the client waits for.
    pub awaited: Keys,
}

/// What a participant is told, with the return of what it has lent, of the client whose command it was.
#[derive(Debug)]
pub enum Wait {
    /// It waits from now on. With the command, if that takes nothing and all its keys lie here.
    Begin(Box<Waiter>, Option<Box<OwnedCall>>),
    /// It waits no more: the command of this ticket has run.
    End(ClientId, Ticket),
}

/// To the coordinator of a client: run its command under this number.
#[derive(Debug)]
pub struct Wake {
    /// The number under which the shard has locked the client's keys, or will have.
    pub txid: TxId,
    /// The client.
    pub client: ClientId,
    /// Which of its commands.
    pub ticket: Ticket,
    /// How many keys were locked.
    pub keys: usize,
}

/// The waiters of slots that leave for another shard.
#[derive(Default)]
pub struct LentWaiters {
    pub(crate) queues: WaitersOfSlots,
    pub(crate) waiters: Vec<Waiter>,
}
