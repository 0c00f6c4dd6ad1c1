//! What a handler may touch while it runs.

use crate::reply::Reply;

/// The world of one running command: its shard, its database, its reply.
pub struct Ctx<'a> {
    /// Where the reply goes.
    pub reply: &'a mut Reply,
}
