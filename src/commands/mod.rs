//! Session commands: what works on the connection, the server and the table of commands, by topic.

pub mod client;
pub mod cluster;
pub mod command;
pub mod config;
pub mod connection;
pub mod debug;
mod persistence;
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
    persistence::COMMANDS,
    pubsub::COMMANDS,
    server::COMMANDS,
    transactions::COMMANDS,
];

/// Commands of Redis 7.2 that are not here. Whoever renames one or takes it away gets what he asks for.
const ABSENT: &[&str] = &[
    "acl",
    "bgrewriteaof",
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "failover",
    "fcall",
    "fcall_ro",
    "function",
    "latency",
    "lolwut",
    "migrate",
    "module",
    "monitor",
    "psync",
    "replconf",
    "replicaof",
    "role",
    "script",
    "slaveof",
    "slowlog",
    "sync",
    "wait",
    "waitaof",
];

/// The table of all commands, with the names that `rename-command` has given them, and what its session
/// commands do.
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
    use shards::router::barrier::Barrier;

    #[test]
    fn what_concerns_more_than_its_own_client_comes_behind_all_that_the_client_awaits() {
        fn collect(commands: &[SessionCommand], before: &str, found: &mut Vec<String>) {
            for command in commands {
                let name = format!("{before}{}", command.spec.name);
                collect(command.subcommands, &format!("{name}|"), found);
                match command.barrier {
                    Barrier::Nothing => {}
                    Barrier::Everything => found.push(name),
                    Barrier::EverythingFor(_) => found.push(name + " for some arguments"),
                    Barrier::OtherThanMessages => found.push(name + " but for messages"),
                }
            }
        }
        let mut found = Vec::new();
        TOPICS.iter().for_each(|commands| collect(commands, "", &mut found));
        let expected = [
            "client|kill",
            "client|unblock",
            "config|set",
            "config|rewrite",
            "quit",
            "reset",
            "debug for some arguments",
            "save",
            "bgsave",
            "shutdown",
            "subscribe",
            "psubscribe",
            "unsubscribe",
            "punsubscribe",
            "ssubscribe",
            "sunsubscribe",
            "publish but for messages",
            "spublish but for messages",
            "exec",
            "watch",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_called_absent_is_absent() {
        let (registry, _) = registry(Vec::new()).unwrap();
        for name in ABSENT {
            assert!(registry.lookup(name.as_bytes()).is_none(), "{name} is here");
        }
    }
}
