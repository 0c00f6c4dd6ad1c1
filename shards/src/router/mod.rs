//! From a command to the shards that run it, and what comes back.

pub mod blocking;
pub mod coordinator;
mod merge;
pub mod route;
pub mod slot_move;
