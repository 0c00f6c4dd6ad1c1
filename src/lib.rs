//! Everything of shoal that talks to the world. What runs inside one shard is the crate `shards`.
//!
//! In reading order: `main` reads the configuration and starts `server`, which starts one `worker` for each
//! core. A worker takes bytes from its clients (`io`), requests out of them (`protocol`), and executes them
//! (`worker::dispatch`): on its own shard, or by a hop (`mesh`) on another.

pub mod commands;
pub mod config;
pub mod host;
pub mod io;
pub mod mesh;
pub mod metrics;
pub mod node;
pub mod persistence;
pub mod protocol;
pub mod pubsub;
pub mod server;
pub mod session;
pub mod tracking;
pub mod worker;
