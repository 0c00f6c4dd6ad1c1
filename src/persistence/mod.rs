//! Data on disk: how a file becomes the keys of the node. State machines over the worker's disk
//! ([`crate::io::disk`]), without threads and without calls of their own.
//!
//! [`load`] goes through a file and hands its keys to the shards; [`hop`] has what the workers tell each other
//! meanwhile. What the bytes mean is in [`shards::rdb`], and what a shard does with them in
//! [`shards::loading`]. This folder must not know workers or clients.

pub mod failure;
pub mod hop;
pub mod load;
