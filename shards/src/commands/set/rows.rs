//! The rows of the commands of sets, whose handlers are in [`crate::commands::set`],
//! [`crate::commands::set::algebra`] and [`crate::commands::set::random`]. Apart from them for length only.

use super::{algebra, random};
use crate::command::shapes::{
    COUNTED_LIMIT, DESTINATION, KEYS, NUMKEYS, SET, SOURCE, TAKEN_FROM_AND_PUT_INTO, len_of, scan_of,
};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};

/// Adds or removes members.
const CHANGE: CommandSpec = CommandSpec {
    since: "1.0.0",
    arity: Arity::AtLeast(3),
    history: &[("2.4.0", "Accepts multiple `member` arguments.")],
    args: &[Arg::key(), Arg::string("member").multiple()],
    ..SET
};

/// Makes one set of several.
const COMBINE: CommandSpec = CommandSpec {
    since: "1.0.0",
    complexity: "O(N) where N is the total number of elements in all given sets.",
    arity: Arity::AtLeast(2),
    flags: flags::READONLY,
    keys: &[KeySpec::range(1, -1, 1, keys::RO | keys::ACCESS)],
    tips: &["nondeterministic_output_order"],
    args: &[KEYS],
    ..SET
};

/// The same, and keeps it.
const COMBINE_AND_STORE: CommandSpec = CommandSpec {
    since: "1.0.0",
    complexity: "O(N) where N is the total number of elements in all given sets.",
    arity: Arity::AtLeast(3),
    flags: flags::WRITE | flags::DENYOOM,
    keys: &[KeySpec::at(1, keys::OW | keys::UPDATE), KeySpec::range(2, -1, 1, keys::RO | keys::ACCESS)],
    args: &[DESTINATION, KEYS.of_key_spec(1)],
    ..SET
};

const INTERSECTION_COMPLEXITY: &str =
    "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.";

pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        super::sadd,
        CommandSpec {
            name: "sadd",
            summary: "Add one or more members to a set",
            complexity: "O(1) for each element added, so O(N) to add N elements when the command is called \
                with multiple arguments.",
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            ..CHANGE
        },
    ),
    DataCommand::new(
        super::srem,
        CommandSpec {
            name: "srem",
            summary: "Remove one or more members from a set",
            complexity: "O(N) where N is the number of members to be removed.",
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            ..CHANGE
        },
    ),
    DataCommand::new(
        super::sismember,
        CommandSpec {
            name: "sismember",
            summary: "Determine if a given value is a member of a set",
            since: "1.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(3),
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::at(1, keys::RO)],
            args: &[Arg::key(), Arg::string("member")],
            ..SET
        },
    ),
    DataCommand::new(
        super::smismember,
        CommandSpec {
            name: "smismember",
            summary: "Returns the membership associated with the given elements for a set",
            since: "6.2.0",
            complexity: "O(N) where N is the number of elements being checked for membership",
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), Arg::string("member").multiple()],
            ..SET
        },
    ),
    DataCommand::new(
        super::scard,
        CommandSpec {
            name: "scard",
            summary: "Get the number of members in a set",
            since: "1.0.0",
            ..len_of(SET)
        },
    ),
    DataCommand::new(
        algebra::smembers,
        CommandSpec {
            name: "smembers",
            summary: "Get all the members in a set",
            since: "1.0.0",
            complexity: "O(N) where N is the set cardinality.",
            arity: Arity::Exactly(2),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output_order"],
            args: &[Arg::key()],
            ..SET
        },
    ),
    DataCommand::new(
        super::smove,
        CommandSpec {
            name: "smove",
            summary: "Move a member from one set to another",
            since: "1.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::FAST,
            keys: TAKEN_FROM_AND_PUT_INTO,
            args: &[SOURCE, DESTINATION.of_key_spec(1), Arg::string("member")],
            ..SET
        },
    ),
    DataCommand::new(
        random::spop,
        CommandSpec {
            name: "spop",
            summary: "Remove and return one or multiple random members from a set",
            since: "1.0.0",
            complexity: "Without the count argument O(1), otherwise O(N) where N is the value of the passed \
                count.",
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE)],
            tips: &["nondeterministic_output"],
            history: &[("3.2.0", "Added the `count` argument.")],
            args: &[Arg::key(), Arg::integer("count").since("3.2.0").optional()],
            ..SET
        },
    ),
    DataCommand::new(
        random::srandmember,
        CommandSpec {
            name: "srandmember",
            summary: "Get one or multiple random members from a set",
            since: "1.0.0",
            complexity: "Without the count argument O(1), otherwise O(N) where N is the absolute value of \
                the passed count.",
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output"],
            history: &[("2.6.0", "Added the optional `count` argument.")],
            args: &[Arg::key(), Arg::integer("count").since("2.6.0").optional()],
            ..SET
        },
    ),
    DataCommand::new(
        algebra::sinter,
        CommandSpec {
            name: "sinter",
            summary: "Intersect multiple sets",
            complexity: INTERSECTION_COMPLEXITY,
            ..COMBINE
        },
    ),
    DataCommand::new(
        algebra::sinterstore,
        CommandSpec {
            name: "sinterstore",
            summary: "Intersect multiple sets and store the resulting set in a key",
            complexity: INTERSECTION_COMPLEXITY,
            keys: &[
                KeySpec::at(1, keys::RW | keys::UPDATE),
                KeySpec::range(2, -1, 1, keys::RO | keys::ACCESS),
            ],
            ..COMBINE_AND_STORE
        },
    ),
    DataCommand::new(
        algebra::sintercard,
        CommandSpec {
            name: "sintercard",
            summary: "Intersect multiple sets and return the cardinality of the result",
            since: "7.0.0",
            complexity: INTERSECTION_COMPLEXITY,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::MOVABLE_KEYS,
            keys: &[KeySpec::counted(1, keys::RO | keys::ACCESS)],
            args: &[NUMKEYS, KEYS, COUNTED_LIMIT],
            ..SET
        },
    ),
    DataCommand::new(
        algebra::sunion,
        CommandSpec { name: "sunion", summary: "Add multiple sets", ..COMBINE },
    ),
    DataCommand::new(
        algebra::sunionstore,
        CommandSpec {
            name: "sunionstore",
            summary: "Add multiple sets and store the resulting set in a key",
            ..COMBINE_AND_STORE
        },
    ),
    DataCommand::new(
        algebra::sdiff,
        CommandSpec { name: "sdiff", summary: "Subtract multiple sets", ..COMBINE },
    ),
    DataCommand::new(
        algebra::sdiffstore,
        CommandSpec {
            name: "sdiffstore",
            summary: "Subtract multiple sets and store the resulting set in a key",
            ..COMBINE_AND_STORE
        },
    ),
    DataCommand::new(
        super::sscan,
        CommandSpec { name: "sscan", summary: "Incrementally iterate Set elements", ..scan_of(SET) },
    ),
];
