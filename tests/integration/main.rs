//! Black-box tests of the server's edges: the real binary, real sockets, exact texts.
//! `SHOAL_BIN=redis-server` runs them against Redis 7.0, where everything that Redis defines must hold as
//! well.
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
mod client_workers;
mod command_line;
mod config_order;
mod config_rewrite;
mod connection_commands;
mod control_worker;
mod crowd;
mod digest;
mod disconnects;
mod dump;
mod empty_requests;
mod everybody_is_answered;
mod eviction;
mod expiry;
mod fairness;
mod hand_over;
mod killed_clients;
mod late_turns;
mod limits;
mod listening;
mod log_lines;
mod memory_kept;
mod monitors;
mod notification_order;
mod notifications;
mod numbers;
mod pipelines;
mod privileges;
mod protocol;
mod pubsub;
mod pubsub_order;
mod refusals;
mod reply_modes;
mod shutdown;
mod signals;
mod slot_moves;
mod tracking;
mod tracking_copies;
mod transaction_sessions;
mod transactions;
mod watch;
