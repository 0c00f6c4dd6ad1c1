//! Files that keep the data: how they are written and read, as state machines that are told what has happened
//! and make requests to the disk. Nothing here knows the worker, which drives them.
//!
//! [`save`] makes a file of what the shards write of a snapshot; [`load`] goes through one and hands its keys
//! to the shards, and [`failure`] says why that could not be. What the bytes mean is in [`shards::rdb`], and
//! what a shard does with them in [`shards::loading`].

pub mod failure;
pub mod hop;
pub mod load;
pub mod load_hop;
pub mod rdb_file;
pub mod save;
pub mod save_points;
