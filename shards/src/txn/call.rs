//! What a transaction is made of, whoever coordinates it: numbers, tickets, calls that can wait, and keys.
//!
//! This file must not know messages or locks.

use crate::args::OwnedArgs;
use crate::caller::Caller;
use crate::command::DataCommand;
use crate::key::{DbIndex, OnlyKey};
use crate::slot::ShardId;
use crate::watch::ClientId;

/// The number of a transaction: a Lamport clock, and the coordinator's shard in the low 16 bits. Unique in a
/// node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct TxId(pub u64);

impl TxId {
    /// The Lamport clock in the number.
    #[inline]
    pub fn clock(self) -> u64 {
        self.0 >> 16
    }
}

/// Whose reply it is: a place in the reply queue of a connection of a worker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket {
    /// The worker that has the connection.
    pub worker: ShardId,
    /// The connection's number on that worker.
    pub connection: u32,
    /// The place in its reply queue.
    pub seq: u32,
}

/// A command with its own copy of the arguments.
#[derive(Clone, Debug)]
pub struct OwnedCall {
    /// The command's row.
    pub command: &'static DataCommand,
    /// Its only key, when it has one and has been routed.
    pub key: Option<OnlyKey>,
    /// The client that sent it.
    pub caller: Caller,
    /// The arguments.
    pub args: OwnedArgs,
}

/// Keys, each in its database.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    dbs: Vec<DbIndex>,
    keys: OwnedArgs,
}

impl Keys {
    /// Adds a key.
    pub fn push(&mut self, db: DbIndex, key: &[u8]) {
        self.dbs.push(db);
        self.keys.push(key);
    }

    /// No key at all.
    pub fn is_empty(&self) -> bool {
        self.dbs.is_empty()
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.dbs.len()
    }

    /// Bytes of memory that they take.
    pub fn bytes_held(&self) -> usize {
        self.keys.bytes_held() + self.dbs.capacity() * size_of::<DbIndex>()
    }

    /// Whether the key is one of them.
    pub fn contains(&self, db: DbIndex, key: &[u8]) -> bool {
        self.iter().any(|of| of == (db, key))
    }

    /// All keys, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (DbIndex, &[u8])> {
        self.dbs.iter().copied().zip(self.keys.as_args().iter_from(0))
    }
}

/// The keys that a client watches, all or those of one shard.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// The client.
    pub client: ClientId,
    /// Its keys.
    pub keys: Keys,
}

/// MULTI ... EXEC: commands that run as one.
#[derive(Clone, Debug, Default)]
pub struct Exec {
    /// True when the client speaks RESP3.
    pub resp3: bool,
    /// In the order in which they were queued.
    pub calls: Vec<OwnedCall>,
    /// It runs only if none of these has changed. They are watched no more afterwards, run or not.
    pub watched: Watched,
}
