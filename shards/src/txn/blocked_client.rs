//! What shards and coordinators tell each other of clients that wait in blocking commands.
//!
//! Who waits where, and who is served when, is in `shard/blocked_on_keys.rs`. This file must not know the
//! messages that carry it.

use crate::blocking_keys::KeysOfSlots;
use crate::object::DataType;
use crate::txn::call::{Keys, OwnedCall, Ticket, TxId};
use crate::watch::ClientId;

/// A client that waits for keys of a shard.
#[derive(Clone, Debug)]
pub struct BlockedClient {
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
pub enum Blocking {
    /// It waits from now on. With the command, if that takes nothing and all its keys lie here.
    Begin(Box<BlockedClient>, Option<Box<OwnedCall>>),
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

/// The blocked clients of slots that leave for another shard.
#[derive(Default)]
pub struct LentBlocked {
    pub(crate) queues: KeysOfSlots,
    pub(crate) clients: Vec<BlockedClient>,
}
