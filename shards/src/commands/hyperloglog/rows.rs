//! The rows of the HyperLogLog commands: [`crate::commands::hyperloglog`].

use crate::command::shapes::{HYPERLOGLOG, KEYS};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};

/// The rows.
pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        super::pfadd,
        CommandSpec {
            name: "pfadd",
            summary: "Adds the specified elements to the specified HyperLogLog.",
            since: "2.8.9",
            complexity: "O(1) to add every element.",
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            args: &[Arg::key(), Arg::string("element").optional().multiple()],
            ..HYPERLOGLOG
        },
    ),
    DataCommand::new(
        super::pfcount,
        CommandSpec {
            name: "pfcount",
            summary: "Return the approximated cardinality of the set(s) observed by the HyperLogLog at \
                key(s).",
            since: "2.8.9",
            complexity: "O(1) with a very small average constant time when called with a single key. O(N) \
                with N being the number of keys, and much bigger constant times, when called with multiple \
                keys.",
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            keys: &[KeySpec::range(1, -1, 1, keys::RW | keys::ACCESS).notes(
                "RW because it may change the internal representation of the key, and propagate to \
                    replicas",
            )],
            args: &[KEYS],
            ..HYPERLOGLOG
        },
    ),
    DataCommand::new(
        super::pfmerge,
        CommandSpec {
            name: "pfmerge",
            summary: "Merge N different HyperLogLogs into a single one.",
            since: "2.8.9",
            complexity: "O(N) to merge N HyperLogLogs, but with high constant times.",
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::DENYOOM,
            keys: &[
                KeySpec::at(1, keys::RW | keys::ACCESS | keys::INSERT),
                KeySpec::range(2, -1, 1, keys::RO | keys::ACCESS),
            ],
            args: &[Arg::key_named("destkey"), Arg::key_named("sourcekey").of_key_spec(1).multiple()],
            ..HYPERLOGLOG
        },
    ),
    DataCommand::new(
        super::pfdebug,
        CommandSpec {
            name: "pfdebug",
            summary: "Internal commands for debugging HyperLogLog values",
            since: "2.8.9",
            complexity: "N/A",
            arity: Arity::Exactly(3),
            flags: flags::WRITE | flags::DENYOOM | flags::ADMIN,
            keys: &[KeySpec::at(2, keys::RW | keys::ACCESS)],
            doc_flags: &["syscmd"],
            args: &[Arg::string("subcommand"), Arg::key()],
            ..HYPERLOGLOG
        },
    ),
    DataCommand::new(
        super::pfselftest,
        CommandSpec {
            name: "pfselftest",
            summary: "An internal command for testing HyperLogLog values",
            since: "2.8.9",
            complexity: "N/A",
            flags: flags::ADMIN,
            doc_flags: &["syscmd"],
            ..HYPERLOGLOG
        },
    ),
];
