//! The rows of the commands on hashes, but for those of the times of fields.

use super::sample;
use crate::command::shapes::{HASH, len_of, scan_of};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};

const FIELD: Arg = Arg::string("field");
const VALUE: Arg = Arg::string("value");

/// Sets fields, as many as are named.
const SET_FIELDS: CommandSpec = CommandSpec {
    since: "2.0.0",
    arity: Arity::AtLeast(4),
    flags: flags::WRITE | flags::DENYOOM | flags::FAST,
    keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
    args: &[Arg::key(), Arg::block("field_value", &[FIELD, VALUE]).multiple()],
    ..HASH
};

/// Reads all of a hash.
const READ_WHOLE: CommandSpec = CommandSpec {
    since: "2.0.0",
    complexity: "O(N) where N is the size of the hash.",
    arity: Arity::Exactly(2),
    flags: flags::READONLY,
    keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
    tips: &["nondeterministic_output_order"],
    args: &[Arg::key()],
    ..HASH
};

/// Tells of a field what is not its value.
const ASK_ABOUT_FIELD: CommandSpec = CommandSpec {
    complexity: "O(1)",
    arity: Arity::Exactly(3),
    flags: flags::READONLY | flags::FAST,
    keys: &[KeySpec::at(1, keys::RO)],
    args: &[Arg::key(), FIELD],
    ..HASH
};

/// Adds to the number in a field.
const INCREMENT: CommandSpec = CommandSpec {
    complexity: "O(1)",
    arity: Arity::Exactly(4),
    flags: flags::WRITE | flags::DENYOOM | flags::FAST,
    keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)],
    ..HASH
};

/// The rows of this family.
pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        super::hset,
        CommandSpec {
            name: "hset",
            summary: "Set the string value of a hash field",
            complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the \
                command is called with multiple field/value pairs.",
            history: &[("4.0.0", "Accepts multiple `field` and `value` arguments.")],
            ..SET_FIELDS
        },
    ),
    DataCommand::new(
        super::hsetnx,
        CommandSpec {
            name: "hsetnx",
            summary: "Set the value of a hash field, only if the field does not exist",
            since: "2.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            args: &[Arg::key(), FIELD, VALUE],
            ..HASH
        },
    ),
    DataCommand::new(
        super::hmset,
        CommandSpec {
            name: "hmset",
            summary: "Set multiple hash fields to multiple values",
            complexity: "O(N) where N is the number of fields being set.",
            deprecated: Some(("4.0.0", "`HSET` with multiple field-value pairs")),
            ..SET_FIELDS
        },
    ),
    DataCommand::new(
        super::hget,
        CommandSpec {
            name: "hget",
            summary: "Get the value of a hash field",
            since: "2.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(3),
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), FIELD],
            ..HASH
        },
    ),
    DataCommand::new(
        super::hmget,
        CommandSpec {
            name: "hmget",
            summary: "Get the values of all the given hash fields",
            since: "2.0.0",
            complexity: "O(N) where N is the number of fields being requested.",
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), FIELD.multiple()],
            ..HASH
        },
    ),
    DataCommand::new(
        super::hgetall,
        CommandSpec { name: "hgetall", summary: "Get all the fields and values in a hash", ..READ_WHOLE },
    ),
    DataCommand::new(
        super::hkeys,
        CommandSpec { name: "hkeys", summary: "Get all the fields in a hash", ..READ_WHOLE },
    ),
    DataCommand::new(
        super::hvals,
        CommandSpec { name: "hvals", summary: "Get all the values in a hash", ..READ_WHOLE },
    ),
    DataCommand::new(
        super::hlen,
        CommandSpec {
            name: "hlen",
            summary: "Get the number of fields in a hash",
            since: "2.0.0",
            ..len_of(HASH)
        },
    ),
    DataCommand::new(
        super::hstrlen,
        CommandSpec {
            name: "hstrlen",
            summary: "Get the length of the value of a hash field",
            since: "3.2.0",
            ..ASK_ABOUT_FIELD
        },
    ),
    DataCommand::new(
        super::hexists,
        CommandSpec {
            name: "hexists",
            summary: "Determine if a hash field exists",
            since: "2.0.0",
            ..ASK_ABOUT_FIELD
        },
    ),
    DataCommand::new(
        super::hdel,
        CommandSpec {
            name: "hdel",
            summary: "Delete one or more hash fields",
            since: "2.0.0",
            complexity: "O(N) where N is the number of fields to be removed.",
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            history: &[("2.4.0", "Accepts multiple `field` arguments.")],
            args: &[Arg::key(), FIELD.multiple()],
            ..HASH
        },
    ),
    DataCommand::new(
        super::hincrby,
        CommandSpec {
            name: "hincrby",
            summary: "Increment the integer value of a hash field by the given number",
            since: "2.0.0",
            args: &[Arg::key(), FIELD, Arg::integer("increment")],
            ..INCREMENT
        },
    ),
    DataCommand::new(
        super::hincrbyfloat,
        CommandSpec {
            name: "hincrbyfloat",
            summary: "Increment the float value of a hash field by the given amount",
            since: "2.6.0",
            args: &[Arg::key(), FIELD, Arg::double("increment")],
            ..INCREMENT
        },
    ),
    DataCommand::new(
        sample::hrandfield,
        CommandSpec {
            name: "hrandfield",
            summary: "Get one or multiple random fields from a hash",
            since: "6.2.0",
            complexity: "O(N) where N is the number of fields returned",
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output"],
            args: &[
                Arg::key(),
                Arg::block(
                    "options",
                    &[Arg::integer("count"), Arg::word("withvalues", "WITHVALUES").optional()],
                )
                .optional(),
            ],
            ..HASH
        },
    ),
    DataCommand::new(
        sample::hscan,
        CommandSpec {
            name: "hscan",
            summary: "Incrementally iterate hash fields and associated values",
            ..scan_of(HASH)
        },
    ),
];
