//! Everything of shoal that talks to the world. What runs inside one shard is the crate `shards`.

pub mod protocol;
