//! The rows of the commands on members: [`super::add`], [`super::member`], [`super::pop`], [`super::sample`].

use super::{add, member, pop, sample};
use crate::command::flags::{self, acl};
use crate::command::keys::{BeginSearch, FindKeys};
use crate::command::{Arg, ArgKind, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

/// The rows.
pub(in crate::commands) static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: add::zadd,
        spec: CommandSpec {
            name: "zadd",
            summary: "Add one or more members to a sorted set, or update its score if it already exists",
            since: "1.2.0",
            complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            history: &[
                ("2.4.0", "Accepts multiple elements."),
                ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
                ("6.2.0", "Added the `GT` and `LT` options."),
            ],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg {
                    name: "condition",
                    kind: ArgKind::OneOf,
                    since: "3.0.2",
                    optional: true,
                    args: &[
                        Arg { name: "nx", kind: ArgKind::PureToken, token: "NX", ..Arg::BASE },
                        Arg { name: "xx", kind: ArgKind::PureToken, token: "XX", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
                Arg {
                    name: "comparison",
                    kind: ArgKind::OneOf,
                    since: "6.2.0",
                    optional: true,
                    args: &[
                        Arg { name: "gt", kind: ArgKind::PureToken, token: "GT", ..Arg::BASE },
                        Arg { name: "lt", kind: ArgKind::PureToken, token: "LT", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
                Arg {
                    name: "change",
                    kind: ArgKind::PureToken,
                    token: "CH",
                    since: "3.0.2",
                    optional: true,
                    ..Arg::BASE
                },
                Arg {
                    name: "increment",
                    kind: ArgKind::PureToken,
                    token: "INCR",
                    since: "3.0.2",
                    optional: true,
                    ..Arg::BASE
                },
                Arg {
                    name: "score_member",
                    kind: ArgKind::Block,
                    multiple: true,
                    args: &[
                        Arg { name: "score", kind: ArgKind::Double, ..Arg::BASE },
                        Arg { name: "member", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: add::zincrby,
        spec: CommandSpec {
            name: "zincrby",
            summary: "Increment the score of a member in a sorted set",
            since: "1.2.0",
            complexity: "O(log(N)) where N is the number of elements in the sorted set.",
            group: Group::SortedSet,
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "increment", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "member", ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: member::zrem,
        spec: CommandSpec {
            name: "zrem",
            summary: "Remove one or more members from a sorted set",
            since: "1.2.0",
            complexity: "O(M*log(N)) with N being the number of elements in the sorted set and M the number \
                of elements to be removed.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::FAST,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            history: &[("2.4.0", "Accepts multiple elements.")],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "member", multiple: true, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: member::zcard,
        spec: CommandSpec {
            name: "zcard",
            summary: "Get the number of members in a sorted set",
            since: "1.2.0",
            complexity: "O(1)",
            group: Group::SortedSet,
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO)],
            args: &[Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE }],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: member::zscore,
        spec: CommandSpec {
            name: "zscore",
            summary: "Get the score associated with the given member in a sorted set",
            since: "1.2.0",
            complexity: "O(1)",
            group: Group::SortedSet,
            arity: Arity::Exactly(3),
            flags: flags::READONLY | flags::FAST,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "member", ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: member::zmscore,
        spec: CommandSpec {
            name: "zmscore",
            summary: "Get the score associated with the given members in a sorted set",
            since: "6.2.0",
            complexity: "O(N) where N is the number of members being requested.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::FAST,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "member", multiple: true, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: member::zrank,
        spec: CommandSpec {
            name: "zrank",
            summary: "Determine the index of a member in a sorted set",
            since: "2.0.0",
            complexity: "O(log(N))",
            group: Group::SortedSet,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::FAST,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            history: &[("7.2.0", "Added the optional `WITHSCORE` argument.")],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "member", ..Arg::BASE },
                Arg {
                    name: "withscore",
                    kind: ArgKind::PureToken,
                    token: "WITHSCORE",
                    since: "7.2.0",
                    optional: true,
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: member::zrevrank,
        spec: CommandSpec {
            name: "zrevrank",
            summary: "Determine the index of a member in a sorted set, with scores ordered from high to low",
            since: "2.0.0",
            complexity: "O(log(N))",
            group: Group::SortedSet,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::FAST,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            history: &[("7.2.0", "Added the optional `WITHSCORE` argument.")],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "member", ..Arg::BASE },
                Arg {
                    name: "withscore",
                    kind: ArgKind::PureToken,
                    token: "WITHSCORE",
                    since: "7.2.0",
                    optional: true,
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: pop::zpopmin,
        spec: CommandSpec {
            name: "zpopmin",
            summary: "Remove and return members with the lowest scores in a sorted set",
            since: "5.0.0",
            complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the \
                number of elements popped.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::FAST,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE)],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "count", kind: ArgKind::Integer, optional: true, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: pop::zpopmax,
        spec: CommandSpec {
            name: "zpopmax",
            summary: "Remove and return members with the highest scores in a sorted set",
            since: "5.0.0",
            complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the \
                number of elements popped.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::FAST,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE)],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "count", kind: ArgKind::Integer, optional: true, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: sample::zrandmember,
        spec: CommandSpec {
            name: "zrandmember",
            summary: "Get one or multiple random elements from a sorted set",
            since: "6.2.0",
            complexity: "O(N) where N is the number of elements returned",
            group: Group::SortedSet,
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output"],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg {
                    name: "options",
                    kind: ArgKind::Block,
                    optional: true,
                    args: &[
                        Arg { name: "count", kind: ArgKind::Integer, ..Arg::BASE },
                        Arg {
                            name: "withscores",
                            kind: ArgKind::PureToken,
                            token: "WITHSCORES",
                            optional: true,
                            ..Arg::BASE
                        },
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: sample::zscan,
        spec: CommandSpec {
            name: "zscan",
            summary: "Incrementally iterate sorted sets elements and associated scores",
            since: "2.8.0",
            complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls \
                for the cursor to return back to 0. N is the number of elements inside the collection..",
            group: Group::SortedSet,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output"],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "cursor", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "pattern", kind: ArgKind::Pattern, token: "MATCH", optional: true, ..Arg::BASE },
                Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: pop::zmpop,
        spec: CommandSpec {
            name: "zmpop",
            summary: "Remove and return members with scores in a sorted set",
            since: "7.0.0",
            complexity: "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of \
                elements in the sorted set, and M being the number of elements popped.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::MOVABLE_KEYS,
            acl: acl::SORTEDSET,
            keys: &[KeySpec {
                flags: keys::RW | keys::ACCESS | keys::DELETE,
                begin: BeginSearch::Index(1),
                find: FindKeys::KeyNum { keynum: 0, first: 1, step: 1 },
                notes: "",
            }],
            args: &[
                Arg { name: "numkeys", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), multiple: true, ..Arg::BASE },
                Arg {
                    name: "where",
                    kind: ArgKind::OneOf,
                    args: &[
                        Arg { name: "min", kind: ArgKind::PureToken, token: "MIN", ..Arg::BASE },
                        Arg { name: "max", kind: ArgKind::PureToken, token: "MAX", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
                Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
