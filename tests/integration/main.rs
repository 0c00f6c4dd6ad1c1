//! Black-box tests of the server's edges: the real binary, real sockets, exact texts. `SHOAL_BIN=redis-server` runs
//! them against Redis 7.0, where everything that Redis defines must hold as well.
#![expect(clippy::unwrap_used, reason = "a test ends where something does not hold")]

mod bare;
mod scene;
mod sys;

mod announced;
mod atomicity;
mod auth;
mod bank;
mod big_values;
mod blocking;
mod client_command;
mod client_kill;
mod command_line;
mod connection_commands;
mod crowd;
mod disconnects;
mod eviction;
mod expiry;
mod limits;
mod listening;
mod memory_kept;
mod notification_order;
mod notifications;
mod pipelines;
mod privileges;
mod protocol;
mod pubsub;
mod shutdown;
mod slot_moves;
mod tracking;
mod tracking_copies;
mod transaction_sessions;
mod transactions;
mod watch;
