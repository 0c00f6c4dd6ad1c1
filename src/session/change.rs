//! Changes of what all workers hold alike, and how they get their order.
//!
//! The worker of the asking connection sends a [`NodeChange`] to the *sequencer of changes*, and this one
//! checks it against what holds there, makes what shall hold from now on, and passes it on to all. Hops of
//! two workers keep their order, so every worker takes the changes in the order of the sequencer, and none is
//! made from what another one has replaced. Each worker answers the asking one.

use std::sync::Arc;

use shards::args::OwnedArgs;
use shards::slot::ShardId;

use crate::config::Config;

/// The worker that puts changes of what all workers hold in order.
pub const CHANGE_SEQUENCER: ShardId = ShardId(0);

/// A change of what all workers hold alike, or a look at it that must not come between two changes.
#[derive(Clone)]
pub enum NodeChange {
    /// CONFIG SET, whole.
    Config {
        /// Its arguments.
        args: OwnedArgs,
        /// The client is on this machine.
        is_local: bool,
    },
    /// CONFIG REWRITE: two of them write one file.
    RewriteConfig,
    /// Remove expired keys that nobody asks for, or leave them (DEBUG SET-ACTIVE-EXPIRE).
    ActiveExpire(bool),
}

/// What a worker can be asked about changes.
#[derive(Clone)]
pub enum ChangeQuestion {
    /// To the sequencer of changes alone: put this one in order.
    Order(NodeChange),
    /// From the sequencer: make this one.
    Make(OrderedChange),
}

/// A change that the sequencer has put in order.
#[derive(Clone)]
pub enum OrderedChange {
    /// Use this configuration from now on, and the next one likewise.
    Config(Arc<Config>),
    /// Remove expired keys that nobody asks for, or leave them.
    ActiveExpire(bool),
}
