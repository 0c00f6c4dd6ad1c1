//! What becomes of a connection beside its commands: what of it is under way elsewhere, and why it is being closed. What its
//! commands wait for is [`shards::router::step::Waiting`].
//!
//! This file must not know sockets, buffers or workers.

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

/// The messages of one connection that are on their way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Publishing {
    /// Where they have gone.
    pub sequencer: Option<ShardId>,
    /// How many replies to PUBLISH are awaited.
    pub awaited: u32,
}
