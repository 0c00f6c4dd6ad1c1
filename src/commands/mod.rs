//! Session commands: what works on the connection, the server and the table of commands, by topic.

pub mod client;
pub mod cluster;
pub mod command;
pub mod config;
pub mod connection;
pub mod debug;
pub mod pubsub;
pub mod server;
pub mod transactions;

use shards::command::registry::Registry;

use crate::config::{ConfigError, Rename};
use crate::session::command::{SessionCommand, SessionCommands};

/// All session commands, topic by topic.
pub const TOPICS: &[&[SessionCommand]] = &[
    client::rows::COMMANDS,
    cluster::COMMANDS,
    command::COMMANDS,
    config::COMMANDS,
    connection::COMMANDS,
    debug::COMMANDS,
    pubsub::COMMANDS,
    server::COMMANDS,
    transactions::COMMANDS,
];

/// Commands of Redis 7.2 that are not here. Whoever renames one or takes it away gets what he asks for.
const ABSENT: &[&str] = &[
    "acl",
    "bgrewriteaof",
    "bgsave",
    "dump",
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "failover",
    "fcall",
    "fcall_ro",
    "function",
    "lastsave",
    "latency",
    "lolwut",
    "migrate",
    "module",
    "monitor",
    "psync",
    "replconf",
    "replicaof",
    "restore",
    "restore-asking",
    "role",
    "save",
    "script",
    "shutdown",
    "slaveof",
    "slowlog",
    "sync",
    "wait",
    "waitaof",
];

/// The table of all commands, with the names that `rename-command` has given them, and what its session commands do.
///
/// # Errors
/// For a line that names no command of Redis, or a name that another command has.
pub fn registry(renames: Vec<Rename>) -> Result<(Registry, SessionCommands), ConfigError> {
    let (session_commands, rows) = SessionCommands::numbered(TOPICS);
    let mut registry = Registry::new(shards::commands::FAMILIES, &rows);
    for rename in renames {
        if ABSENT.iter().any(|name| rename.from.eq_ignore_ascii_case(name.as_bytes())) {
            continue;
        }
        if let Err(reason) = registry.rename(&rename.from, &rename.to) {
            return Err(rename.refused(reason));
        }
    }
    Ok((registry, session_commands))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_absent_is_absent() {
        let (registry, _) = registry(Vec::new()).unwrap();
        for name in ABSENT {
            assert!(registry.lookup(name.as_bytes()).is_none(), "{name} is here");
        }
    }
}
