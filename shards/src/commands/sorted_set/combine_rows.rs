//! The rows of the commands on several sets: [`super::combine`].

use super::combine;
use crate::command::flags::{self, acl};
use crate::command::keys::{BeginSearch, FindKeys};
use crate::command::{Arg, ArgKind, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

/// The rows.
pub(in crate::commands) static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: combine::zunion,
        spec: CommandSpec {
            name: "zunion",
            summary: "Add multiple sorted sets",
            since: "6.2.0",
            complexity: "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M \
                being the number of elements in the resulting sorted set.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::MOVABLE_KEYS,
            acl: acl::SORTEDSET,
            keys: &[KeySpec {
                flags: keys::RO | keys::ACCESS,
                begin: BeginSearch::Index(1),
                find: FindKeys::KeyNum { keynum: 0, first: 1, step: 1 },
                notes: "",
            }],
            args: &[
                Arg { name: "numkeys", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), multiple: true, ..Arg::BASE },
                Arg {
                    name: "weight",
                    kind: ArgKind::Integer,
                    token: "WEIGHTS",
                    optional: true,
                    multiple: true,
                    ..Arg::BASE
                },
                Arg {
                    name: "aggregate",
                    kind: ArgKind::OneOf,
                    token: "AGGREGATE",
                    optional: true,
                    args: &[
                        Arg { name: "sum", kind: ArgKind::PureToken, token: "SUM", ..Arg::BASE },
                        Arg { name: "min", kind: ArgKind::PureToken, token: "MIN", ..Arg::BASE },
                        Arg { name: "max", kind: ArgKind::PureToken, token: "MAX", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
                Arg {
                    name: "withscores",
                    kind: ArgKind::PureToken,
                    token: "WITHSCORES",
                    optional: true,
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: combine::zunionstore,
        spec: CommandSpec {
            name: "zunionstore",
            summary: "Add multiple sorted sets and store the resulting sorted set in a new key",
            since: "2.0.0",
            complexity: "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M \
                being the number of elements in the resulting sorted set.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::DENYOOM | flags::MOVABLE_KEYS,
            acl: acl::SORTEDSET,
            keys: &[
                KeySpec::at(1, keys::OW | keys::UPDATE),
                KeySpec {
                    flags: keys::RO | keys::ACCESS,
                    begin: BeginSearch::Index(2),
                    find: FindKeys::KeyNum { keynum: 0, first: 1, step: 1 },
                    notes: "",
                },
            ],
            args: &[
                Arg { name: "destination", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "numkeys", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(1), multiple: true, ..Arg::BASE },
                Arg {
                    name: "weight",
                    kind: ArgKind::Integer,
                    token: "WEIGHTS",
                    optional: true,
                    multiple: true,
                    ..Arg::BASE
                },
                Arg {
                    name: "aggregate",
                    kind: ArgKind::OneOf,
                    token: "AGGREGATE",
                    optional: true,
                    args: &[
                        Arg { name: "sum", kind: ArgKind::PureToken, token: "SUM", ..Arg::BASE },
                        Arg { name: "min", kind: ArgKind::PureToken, token: "MIN", ..Arg::BASE },
                        Arg { name: "max", kind: ArgKind::PureToken, token: "MAX", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: combine::zinter,
        spec: CommandSpec {
            name: "zinter",
            summary: "Intersect multiple sorted sets",
            since: "6.2.0",
            complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being \
                the number of input sorted sets and M being the number of elements in the resulting sorted \
                set.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::MOVABLE_KEYS,
            acl: acl::SORTEDSET,
            keys: &[KeySpec {
                flags: keys::RO | keys::ACCESS,
                begin: BeginSearch::Index(1),
                find: FindKeys::KeyNum { keynum: 0, first: 1, step: 1 },
                notes: "",
            }],
            args: &[
                Arg { name: "numkeys", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), multiple: true, ..Arg::BASE },
                Arg {
                    name: "weight",
                    kind: ArgKind::Integer,
                    token: "WEIGHTS",
                    optional: true,
                    multiple: true,
                    ..Arg::BASE
                },
                Arg {
                    name: "aggregate",
                    kind: ArgKind::OneOf,
                    token: "AGGREGATE",
                    optional: true,
                    args: &[
                        Arg { name: "sum", kind: ArgKind::PureToken, token: "SUM", ..Arg::BASE },
                        Arg { name: "min", kind: ArgKind::PureToken, token: "MIN", ..Arg::BASE },
                        Arg { name: "max", kind: ArgKind::PureToken, token: "MAX", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
                Arg {
                    name: "withscores",
                    kind: ArgKind::PureToken,
                    token: "WITHSCORES",
                    optional: true,
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: combine::zinterstore,
        spec: CommandSpec {
            name: "zinterstore",
            summary: "Intersect multiple sorted sets and store the resulting sorted set in a new key",
            since: "2.0.0",
            complexity: "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being \
                the number of input sorted sets and M being the number of elements in the resulting sorted \
                set.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::DENYOOM | flags::MOVABLE_KEYS,
            acl: acl::SORTEDSET,
            keys: &[
                KeySpec::at(1, keys::OW | keys::UPDATE),
                KeySpec {
                    flags: keys::RO | keys::ACCESS,
                    begin: BeginSearch::Index(2),
                    find: FindKeys::KeyNum { keynum: 0, first: 1, step: 1 },
                    notes: "",
                },
            ],
            args: &[
                Arg { name: "destination", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "numkeys", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(1), multiple: true, ..Arg::BASE },
                Arg {
                    name: "weight",
                    kind: ArgKind::Integer,
                    token: "WEIGHTS",
                    optional: true,
                    multiple: true,
                    ..Arg::BASE
                },
                Arg {
                    name: "aggregate",
                    kind: ArgKind::OneOf,
                    token: "AGGREGATE",
                    optional: true,
                    args: &[
                        Arg { name: "sum", kind: ArgKind::PureToken, token: "SUM", ..Arg::BASE },
                        Arg { name: "min", kind: ArgKind::PureToken, token: "MIN", ..Arg::BASE },
                        Arg { name: "max", kind: ArgKind::PureToken, token: "MAX", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: combine::zintercard,
        spec: CommandSpec {
            name: "zintercard",
            summary: "Intersect multiple sorted sets and return the cardinality of the result",
            since: "7.0.0",
            complexity: "O(N*K) worst case with N being the smallest input sorted set, K being the number \
                of input sorted sets.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::MOVABLE_KEYS,
            acl: acl::SORTEDSET,
            keys: &[KeySpec {
                flags: keys::RO | keys::ACCESS,
                begin: BeginSearch::Index(1),
                find: FindKeys::KeyNum { keynum: 0, first: 1, step: 1 },
                notes: "",
            }],
            args: &[
                Arg { name: "numkeys", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), multiple: true, ..Arg::BASE },
                Arg { name: "limit", kind: ArgKind::Integer, token: "LIMIT", optional: true, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: combine::zdiff,
        spec: CommandSpec {
            name: "zdiff",
            summary: "Subtract multiple sorted sets",
            since: "6.2.0",
            complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the \
                sets, N is the size of the first set, and K is the size of the result set.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::MOVABLE_KEYS,
            acl: acl::SORTEDSET,
            keys: &[KeySpec {
                flags: keys::RO | keys::ACCESS,
                begin: BeginSearch::Index(1),
                find: FindKeys::KeyNum { keynum: 0, first: 1, step: 1 },
                notes: "",
            }],
            args: &[
                Arg { name: "numkeys", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), multiple: true, ..Arg::BASE },
                Arg {
                    name: "withscores",
                    kind: ArgKind::PureToken,
                    token: "WITHSCORES",
                    optional: true,
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: combine::zdiffstore,
        spec: CommandSpec {
            name: "zdiffstore",
            summary: "Subtract multiple sorted sets and store the resulting sorted set in a new key",
            since: "6.2.0",
            complexity: "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the \
                sets, N is the size of the first set, and K is the size of the result set.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::DENYOOM | flags::MOVABLE_KEYS,
            acl: acl::SORTEDSET,
            keys: &[
                KeySpec::at(1, keys::OW | keys::UPDATE),
                KeySpec {
                    flags: keys::RO | keys::ACCESS,
                    begin: BeginSearch::Index(2),
                    find: FindKeys::KeyNum { keynum: 0, first: 1, step: 1 },
                    notes: "",
                },
            ],
            args: &[
                Arg { name: "destination", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "numkeys", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(1), multiple: true, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
