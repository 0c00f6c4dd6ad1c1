//! The rows of the commands on hashes, but for those of the times of fields.

use super::sample;
use crate::command::flags::{self, acl};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

const FIELD: Arg = Arg::string("field");
const VALUE: Arg = Arg::string("value");

/// The rows of this family.
pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: super::hset,
        spec: CommandSpec {
            name: "hset",
            summary: "Set the string value of a hash field",
            since: "2.0.0",
            complexity: "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the \
                command is called with multiple field/value pairs.",
            group: Group::Hash,
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            history: &[("4.0.0", "Accepts multiple `field` and `value` arguments.")],
            args: &[Arg::key(), Arg::block("field_value", &[FIELD, VALUE]).multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hsetnx,
        spec: CommandSpec {
            name: "hsetnx",
            summary: "Set the value of a hash field, only if the field does not exist",
            since: "2.0.0",
            complexity: "O(1)",
            group: Group::Hash,
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            args: &[Arg::key(), FIELD, VALUE],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hmset,
        spec: CommandSpec {
            name: "hmset",
            summary: "Set multiple hash fields to multiple values",
            since: "2.0.0",
            complexity: "O(N) where N is the number of fields being set.",
            group: Group::Hash,
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            doc_flags: &["deprecated"],
            deprecated_since: Some("4.0.0"),
            replaced_by: Some("`HSET` with multiple field-value pairs"),
            args: &[Arg::key(), Arg::block("field_value", &[FIELD, VALUE]).multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hget,
        spec: CommandSpec {
            name: "hget",
            summary: "Get the value of a hash field",
            since: "2.0.0",
            complexity: "O(1)",
            group: Group::Hash,
            arity: Arity::Exactly(3),
            flags: flags::READONLY | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), FIELD],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hmget,
        spec: CommandSpec {
            name: "hmget",
            summary: "Get the values of all the given hash fields",
            since: "2.0.0",
            complexity: "O(N) where N is the number of fields being requested.",
            group: Group::Hash,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), Arg::string("field").multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hgetall,
        spec: CommandSpec {
            name: "hgetall",
            summary: "Get all the fields and values in a hash",
            since: "2.0.0",
            complexity: "O(N) where N is the size of the hash.",
            group: Group::Hash,
            arity: Arity::Exactly(2),
            flags: flags::READONLY,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output_order"],
            args: &[Arg::key()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hkeys,
        spec: CommandSpec {
            name: "hkeys",
            summary: "Get all the fields in a hash",
            since: "2.0.0",
            complexity: "O(N) where N is the size of the hash.",
            group: Group::Hash,
            arity: Arity::Exactly(2),
            flags: flags::READONLY,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output_order"],
            args: &[Arg::key()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hvals,
        spec: CommandSpec {
            name: "hvals",
            summary: "Get all the values in a hash",
            since: "2.0.0",
            complexity: "O(N) where N is the size of the hash.",
            group: Group::Hash,
            arity: Arity::Exactly(2),
            flags: flags::READONLY,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output_order"],
            args: &[Arg::key()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hlen,
        spec: CommandSpec {
            name: "hlen",
            summary: "Get the number of fields in a hash",
            since: "2.0.0",
            complexity: "O(1)",
            group: Group::Hash,
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RO)],
            args: &[Arg::key()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hstrlen,
        spec: CommandSpec {
            name: "hstrlen",
            summary: "Get the length of the value of a hash field",
            since: "3.2.0",
            complexity: "O(1)",
            group: Group::Hash,
            arity: Arity::Exactly(3),
            flags: flags::READONLY | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RO)],
            args: &[Arg::key(), FIELD],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hexists,
        spec: CommandSpec {
            name: "hexists",
            summary: "Determine if a hash field exists",
            since: "2.0.0",
            complexity: "O(1)",
            group: Group::Hash,
            arity: Arity::Exactly(3),
            flags: flags::READONLY | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RO)],
            args: &[Arg::key(), FIELD],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hdel,
        spec: CommandSpec {
            name: "hdel",
            summary: "Delete one or more hash fields",
            since: "2.0.0",
            complexity: "O(N) where N is the number of fields to be removed.",
            group: Group::Hash,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            history: &[("2.4.0", "Accepts multiple `field` arguments.")],
            args: &[Arg::key(), Arg::string("field").multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hincrby,
        spec: CommandSpec {
            name: "hincrby",
            summary: "Increment the integer value of a hash field by the given number",
            since: "2.0.0",
            complexity: "O(1)",
            group: Group::Hash,
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)],
            args: &[Arg::key(), FIELD, Arg::integer("increment")],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::hincrbyfloat,
        spec: CommandSpec {
            name: "hincrbyfloat",
            summary: "Increment the float value of a hash field by the given amount",
            since: "2.6.0",
            complexity: "O(1)",
            group: Group::Hash,
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)],
            args: &[Arg::key(), FIELD, Arg::double("increment")],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: sample::hrandfield,
        spec: CommandSpec {
            name: "hrandfield",
            summary: "Get one or multiple random fields from a hash",
            since: "6.2.0",
            complexity: "O(N) where N is the number of fields returned",
            group: Group::Hash,
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            acl: acl::HASH,
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
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: sample::hscan,
        spec: CommandSpec {
            name: "hscan",
            summary: "Incrementally iterate hash fields and associated values",
            since: "2.8.0",
            complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls \
                for the cursor to return back to 0. N is the number of elements inside the collection..",
            group: Group::Hash,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output"],
            args: &[
                Arg::key(),
                Arg::integer("cursor"),
                Arg::pattern("pattern").after("MATCH").optional(),
                Arg::integer("count").after("COUNT").optional(),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
