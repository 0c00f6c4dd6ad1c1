//! What runs inside one shard of shoal.
//!
//! A shard is a deterministic, synchronous state machine that owns a set of the 16384 hash slots. It knows no
//! socket, no clock, no configuration file and no other shard: time and randomness are handed in, so it can
//! be simulated, fuzzed and replayed. Everything that talks to the world is in the package `shoal`.
//!
//! Imports go one way: `encoding`, `num` <- `entry`, `table` <- `db`, `env` <- `keyspace` <- `command` <-
//! `values` <- `rdb` <- `commands`; `txn` <- `shard` <- `router`. No file imports one that imports it.

pub mod access;
pub mod args;
pub mod blocking;
pub mod blocking_keys;
pub mod caller;
pub mod command;
pub mod commands;
pub mod copies;
pub mod ctx;
pub mod db;
mod digest;
pub mod effects;
pub mod encoding;
pub mod entry;
pub mod env;
pub mod error;
pub mod error_counts;
pub mod event;
pub mod eviction;
mod expire_options;
mod expires;
mod field_expiry;
pub mod garbage;
pub mod glob;
pub mod key;
pub mod keyspace;
pub mod notify;
pub mod num;
pub mod object;
mod prefetch;
pub mod pubsub;
pub mod random;
pub mod rdb;
pub mod reply;
pub mod router;
pub mod shard;
pub mod slot;
mod slot_counts;
mod slot_tables;
pub mod spare;
pub mod table;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod txn;
mod values;
pub mod walk;
pub mod watch;
pub mod words;
