//! Session commands: what works on the connection, the server and the table of commands, by topic.

pub mod client;
pub mod command;
pub mod config;
pub mod connection;
pub mod debug;
pub mod pubsub;
pub mod server;
pub mod tracking;
pub mod transactions;

use crate::registry::SessionCommand;

/// All session commands, topic by topic.
pub const TOPICS: &[&[SessionCommand]] = &[
    client::COMMANDS,
    command::COMMANDS,
    config::COMMANDS,
    connection::COMMANDS,
    debug::COMMANDS,
    pubsub::COMMANDS,
    server::COMMANDS,
    transactions::COMMANDS,
];
