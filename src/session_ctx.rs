//! What a session command may touch while it runs, and what it can ask the worker to do afterwards.

use std::sync::Arc;

use shards::reply::Reply;

use crate::config::Config;
use crate::inquiry::{Finish, Question};
use crate::net::connection::Connection;
use crate::node::Node;

/// The world of one running session command.
pub struct SessionCtx<'a> {
    /// Where the reply goes.
    pub reply: &'a mut Reply,
    /// The client.
    pub connection: &'a mut Connection,
    /// What the process shares.
    pub node: &'static Node,
    /// The configuration.
    pub config: &'a Arc<Config>,
    /// The time of this turn, in milliseconds since 1970.
    pub now_ms: u64,
}

/// What comes after a session command.
pub enum Flow {
    /// Nothing: the reply is written.
    Done,
    /// The connection is closed when its replies have been sent.
    Close,
    /// All workers are asked; `Finish` writes the reply.
    Ask(Question, Finish),
}
