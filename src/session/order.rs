//! What becomes of a connection beside its commands: what of it is under way elsewhere, and why it is being
//! closed or goes to another worker. What its commands wait for is [`shards::router::step::Waiting`].
//!
//! This file must not know sockets, buffers or workers.

use std::sync::Arc;

use shards::slot::ShardId;

use crate::node::journey::Journey;

/// Why a connection is being closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closing {
    /// When everything has been sent (QUIT, protocol errors, end of input). Until then the client can be
    /// listed and killed; nothing more is written for it.
    AfterReplies,
    /// Now; nothing more is sent.
    Now,
}

/// That a client shall go to another worker, and how far that is.
#[derive(Clone, Debug)]
pub struct Departure {
    /// Its next worker.
    pub to: ShardId,
    /// What has been done for it.
    pub stage: DepartureStage,
    /// The place of the reply to the command that has asked for it, which comes when it is done.
    pub place: Option<u32>,
    /// Since when the client executes nothing because of it, in milliseconds since 1970.
    pub waits_since_ms: Option<u64>,
    /// What its next worker has been told to look at, from [`DepartureStage::Announced`] on.
    pub journey: Arc<Journey>,
}

impl Departure {
    /// Nothing has been done for it.
    pub fn wanted(to: ShardId, place: Option<u32>) -> Departure {
        let (stage, journey) = (DepartureStage::Wanted, Arc::default());
        Departure { to, stage, place, waits_since_ms: None, journey }
    }

    /// Other workers have been told of it.
    pub fn is_announced(&self) -> bool {
        self.stage != DepartureStage::Wanted
    }
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

/// What comes after a command about MULTI and WATCH. Those that ask for anything but
/// [`TransactionFlow::Unwatch`] are never queued, so no transaction has them among its commands.
#[derive(Clone, Copy, Debug)]
pub enum TransactionFlow {
    /// The queued transaction runs, which makes the reply.
    Exec,
    /// The keys that are the command's arguments are watched, which makes the reply.
    Watch,
    /// Nothing is watched any more: the reply is written.
    Unwatch,
}
