//! What keeps the commands of one connection in order: what it waits for, what of it is under way elsewhere, and why it is
//! being closed or goes to another worker.
//!
//! This file must not know sockets, buffers or workers.

use shards::args::OwnedArgs;
use shards::command::registry::SessionNumber;
use shards::reply::{Reply, ReplyMark};
use shards::slot::ShardId;

/// Why a connection is being closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closing {
    /// When everything has been sent (QUIT, protocol errors, end of input). Until then the client can be listed and
    /// killed; nothing more is written for it.
    AfterReplies,
    /// Now; nothing more is sent.
    Now,
}

/// What the connection waits for before it executes anything more.
#[derive(Debug, Default)]
pub enum Waiting {
    /// For nothing.
    #[default]
    No,
    /// This command must run after all before it; their replies are awaited.
    Barrier(OwnedArgs),
    /// For the reply of a command that nothing may overtake.
    Reply,
    /// For a key: it is in a blocking command.
    Blocked,
    /// For a slot to arrive at its new shard: this command concerns it.
    Slot(OwnedArgs),
    /// For the next part of a transaction that has commands of the connection or the server among its commands.
    Exec(Box<Progress>),
    /// For its next worker, which it is about to be handed to: it executes nothing more here.
    HandOver,
}

impl Waiting {
    /// True while the connection waits for what may take for ever: pushes do not wait with it.
    pub fn is_blocked(&self) -> bool {
        matches!(self, Waiting::Blocked)
    }
}

/// That a client shall go to another worker, and how far that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Departure {
    /// Its next worker.
    pub to: ShardId,
    /// What has been done for it.
    pub stage: DepartureStage,
}

/// The steps of a departure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DepartureStage {
    /// Nothing yet: the client goes on until it can be spared.
    Wanted,
    /// Its next worker has been told to list it.
    Announced,
    /// Nothing that was sent for it is on its way any more.
    Fenced,
}

/// What comes after a command about MULTI and WATCH. Those that ask for anything but [`TransactionFlow::Unwatch`] are never
/// queued, so no transaction has them among its commands.
#[derive(Clone, Copy, Debug)]
pub enum TransactionFlow {
    /// The queued transaction runs, which makes the reply.
    Exec,
    /// The keys that are the command's arguments are watched, which makes the reply.
    Watch,
    /// Nothing is watched any more: the reply is written.
    Unwatch,
}

/// A command of a transaction that is under way.
#[derive(Debug)]
pub enum ExecItem {
    /// Its reply is the next element of what the shards have replied.
    Data,
    /// It runs here.
    Session(SessionNumber, OwnedArgs),
}

/// A transaction with commands of the connection or the server among its commands.
#[derive(Debug)]
pub struct Progress {
    /// The place of its reply. What comes for it is a part: first the reply of the data commands, then the answers to
    /// inquiries.
    pub seq: u32,
    /// The commands that have not run.
    pub items: std::vec::IntoIter<ExecItem>,
    /// The reply of the data commands, and how far it has been used.
    pub data: Option<(Reply, ReplyMark)>,
    /// The reply as far as it is made.
    pub output: Reply,
    /// The client was already being closed when the command began that runs now: it has killed itself, and gets no more.
    pub is_over: bool,
}
