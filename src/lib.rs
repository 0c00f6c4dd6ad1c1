//! Everything of shoal that talks to the world. What runs inside one shard is the crate `shards`.

mod name_table;
pub mod commands;
pub mod protocol;
pub mod registry;
