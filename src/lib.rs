//! Everything of shoal that talks to the world. What runs inside one shard is the crate `shards`.
//!
//! In reading order: `main` reads the configuration and starts `server`, which starts one `worker` for each core. A
//! worker takes bytes from its clients (`net`), requests out of them (`protocol`), and executes them (`dispatch`): on
//! its own shard, or by a hop (`mesh`) on another.

pub mod allocator;
mod blocking;
pub mod cgroup;
pub mod clock;
pub mod commands;
pub mod config;
mod dispatch;
mod distinct_names;
mod give_back;
pub mod inquiry;
pub mod log;
pub mod memory;
pub mod mesh;
mod name_table;
pub mod net;
pub mod node;
pub mod notifications;
pub mod open_files;
pub mod process;
pub mod protocol;
pub mod publish;
pub mod pubsub;
pub mod push;
pub mod rates;
pub mod registry;
pub mod server;
pub mod session;
pub mod session_ctx;
pub mod signals;
mod slot_moves;
pub mod sys;
pub mod tracking;
pub mod transactions;
pub mod turns;
pub mod watchdog;
pub mod worker;
pub mod worker_threads;
