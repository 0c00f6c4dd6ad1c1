//! The rows of the commands of sets, whose handlers are in [`crate::commands::set`], [`crate::commands::set::algebra`] and
//! [`crate::commands::set::random`]. Apart from them for length only.

use super::{algebra, random};
use crate::command::flags::{self, acl};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: super::sadd,
        spec: CommandSpec {
            name: "sadd",
            summary: "Add one or more members to a set",
            since: "1.0.0",
            complexity: "O(1) for each element added, so O(N) to add N elements when the command is called \
                with multiple arguments.",
            group: Group::Set,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::SET,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            history: &[("2.4.0", "Accepts multiple `member` arguments.")],
            args: &[Arg::key(), Arg::string("member").multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::srem,
        spec: CommandSpec {
            name: "srem",
            summary: "Remove one or more members from a set",
            since: "1.0.0",
            complexity: "O(N) where N is the number of members to be removed.",
            group: Group::Set,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::FAST,
            acl: acl::SET,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            history: &[("2.4.0", "Accepts multiple `member` arguments.")],
            args: &[Arg::key(), Arg::string("member").multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::sismember,
        spec: CommandSpec {
            name: "sismember",
            summary: "Determine if a given value is a member of a set",
            since: "1.0.0",
            complexity: "O(1)",
            group: Group::Set,
            arity: Arity::Exactly(3),
            flags: flags::READONLY | flags::FAST,
            acl: acl::SET,
            keys: &[KeySpec::at(1, keys::RO)],
            args: &[Arg::key(), Arg::string("member")],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::smismember,
        spec: CommandSpec {
            name: "smismember",
            summary: "Returns the membership associated with the given elements for a set",
            since: "6.2.0",
            complexity: "O(N) where N is the number of elements being checked for membership",
            group: Group::Set,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::FAST,
            acl: acl::SET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), Arg::string("member").multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::scard,
        spec: CommandSpec {
            name: "scard",
            summary: "Get the number of members in a set",
            since: "1.0.0",
            complexity: "O(1)",
            group: Group::Set,
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::SET,
            keys: &[KeySpec::at(1, keys::RO)],
            args: &[Arg::key()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: algebra::smembers,
        spec: CommandSpec {
            name: "smembers",
            summary: "Get all the members in a set",
            since: "1.0.0",
            complexity: "O(N) where N is the set cardinality.",
            group: Group::Set,
            arity: Arity::Exactly(2),
            flags: flags::READONLY,
            acl: acl::SET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output_order"],
            args: &[Arg::key()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::smove,
        spec: CommandSpec {
            name: "smove",
            summary: "Move a member from one set to another",
            since: "1.0.0",
            complexity: "O(1)",
            group: Group::Set,
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::FAST,
            acl: acl::SET,
            keys: &[
                KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE),
                KeySpec::at(2, keys::RW | keys::INSERT),
            ],
            args: &[
                Arg::key_named("source"),
                Arg::key_named("destination").of_key_spec(1),
                Arg::string("member"),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: random::spop,
        spec: CommandSpec {
            name: "spop",
            summary: "Remove and return one or multiple random members from a set",
            since: "1.0.0",
            complexity: "Without the count argument O(1), otherwise O(N) where N is the value of the passed \
                count.",
            group: Group::Set,
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::FAST,
            acl: acl::SET,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE)],
            tips: &["nondeterministic_output"],
            history: &[("3.2.0", "Added the `count` argument.")],
            args: &[Arg::key(), Arg::integer("count").since("3.2.0").optional()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: random::srandmember,
        spec: CommandSpec {
            name: "srandmember",
            summary: "Get one or multiple random members from a set",
            since: "1.0.0",
            complexity: "Without the count argument O(1), otherwise O(N) where N is the absolute value of \
                the passed count.",
            group: Group::Set,
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            acl: acl::SET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output"],
            history: &[("2.6.0", "Added the optional `count` argument.")],
            args: &[Arg::key(), Arg::integer("count").since("2.6.0").optional()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: algebra::sinter,
        spec: CommandSpec {
            name: "sinter",
            summary: "Intersect multiple sets",
            since: "1.0.0",
            complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the \
                number of sets.",
            group: Group::Set,
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            acl: acl::SET,
            keys: &[KeySpec::range(1, -1, 1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output_order"],
            args: &[Arg::key().multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: algebra::sinterstore,
        spec: CommandSpec {
            name: "sinterstore",
            summary: "Intersect multiple sets and store the resulting set in a key",
            since: "1.0.0",
            complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the \
                number of sets.",
            group: Group::Set,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::SET,
            keys: &[
                KeySpec::at(1, keys::RW | keys::UPDATE),
                KeySpec::range(2, -1, 1, keys::RO | keys::ACCESS),
            ],
            args: &[Arg::key_named("destination"), Arg::key().of_key_spec(1).multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: algebra::sintercard,
        spec: CommandSpec {
            name: "sintercard",
            summary: "Intersect multiple sets and return the cardinality of the result",
            since: "7.0.0",
            complexity: "O(N*M) worst case where N is the cardinality of the smallest set and M is the \
                number of sets.",
            group: Group::Set,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::MOVABLE_KEYS,
            acl: acl::SET,
            keys: &[KeySpec::counted(1, keys::RO | keys::ACCESS)],
            args: &[
                Arg::integer("numkeys"),
                Arg::key().multiple(),
                Arg::integer("limit").after("LIMIT").optional(),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: algebra::sunion,
        spec: CommandSpec {
            name: "sunion",
            summary: "Add multiple sets",
            since: "1.0.0",
            complexity: "O(N) where N is the total number of elements in all given sets.",
            group: Group::Set,
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            acl: acl::SET,
            keys: &[KeySpec::range(1, -1, 1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output_order"],
            args: &[Arg::key().multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: algebra::sunionstore,
        spec: CommandSpec {
            name: "sunionstore",
            summary: "Add multiple sets and store the resulting set in a key",
            since: "1.0.0",
            complexity: "O(N) where N is the total number of elements in all given sets.",
            group: Group::Set,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::SET,
            keys: &[
                KeySpec::at(1, keys::OW | keys::UPDATE),
                KeySpec::range(2, -1, 1, keys::RO | keys::ACCESS),
            ],
            args: &[Arg::key_named("destination"), Arg::key().of_key_spec(1).multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: algebra::sdiff,
        spec: CommandSpec {
            name: "sdiff",
            summary: "Subtract multiple sets",
            since: "1.0.0",
            complexity: "O(N) where N is the total number of elements in all given sets.",
            group: Group::Set,
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            acl: acl::SET,
            keys: &[KeySpec::range(1, -1, 1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output_order"],
            args: &[Arg::key().multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: algebra::sdiffstore,
        spec: CommandSpec {
            name: "sdiffstore",
            summary: "Subtract multiple sets and store the resulting set in a key",
            since: "1.0.0",
            complexity: "O(N) where N is the total number of elements in all given sets.",
            group: Group::Set,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::SET,
            keys: &[
                KeySpec::at(1, keys::OW | keys::UPDATE),
                KeySpec::range(2, -1, 1, keys::RO | keys::ACCESS),
            ],
            args: &[Arg::key_named("destination"), Arg::key().of_key_spec(1).multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::sscan,
        spec: CommandSpec {
            name: "sscan",
            summary: "Incrementally iterate Set elements",
            since: "2.8.0",
            complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls \
                for the cursor to return back to 0. N is the number of elements inside the collection..",
            group: Group::Set,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY,
            acl: acl::SET,
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
