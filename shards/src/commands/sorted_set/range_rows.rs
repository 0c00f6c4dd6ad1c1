//! The rows of the commands on ranges: [`super::range`], [`super::remove_range`].

use super::{range, remove_range};
use crate::command::flags::{self, acl};
use crate::command::{Arg, ArgKind, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

/// The rows.
pub(in crate::commands) static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: range::zrange,
        spec: CommandSpec {
            name: "zrange",
            summary: "Return a range of members in a sorted set",
            since: "1.2.0",
            complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements returned.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(4),
            flags: flags::READONLY,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            history: &[("6.2.0", "Added the `REV`, `BYSCORE`, `BYLEX` and `LIMIT` options.")],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "start", ..Arg::BASE },
                Arg { name: "stop", ..Arg::BASE },
                Arg {
                    name: "sortby",
                    kind: ArgKind::OneOf,
                    since: "6.2.0",
                    optional: true,
                    args: &[
                        Arg { name: "byscore", kind: ArgKind::PureToken, token: "BYSCORE", ..Arg::BASE },
                        Arg { name: "bylex", kind: ArgKind::PureToken, token: "BYLEX", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
                Arg {
                    name: "rev",
                    kind: ArgKind::PureToken,
                    token: "REV",
                    since: "6.2.0",
                    optional: true,
                    ..Arg::BASE
                },
                Arg {
                    name: "offset_count",
                    kind: ArgKind::Block,
                    token: "LIMIT",
                    since: "6.2.0",
                    optional: true,
                    args: &[
                        Arg { name: "offset", kind: ArgKind::Integer, ..Arg::BASE },
                        Arg { name: "count", kind: ArgKind::Integer, ..Arg::BASE },
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
        run: range::zrangebyscore,
        spec: CommandSpec {
            name: "zrangebyscore",
            summary: "Return a range of members in a sorted set, by score",
            since: "1.0.5",
            complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements being returned. If M is constant (e.g. always asking for the first 10 elements \
                with LIMIT), you can consider it O(log(N)).",
            group: Group::SortedSet,
            arity: Arity::AtLeast(4),
            flags: flags::READONLY,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            doc_flags: &["deprecated"],
            deprecated_since: Some("6.2.0"),
            replaced_by: Some("`ZRANGE` with the `BYSCORE` argument"),
            history: &[("2.0.0", "Added the `WITHSCORES` modifier.")],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "min", kind: ArgKind::Double, ..Arg::BASE },
                Arg { name: "max", kind: ArgKind::Double, ..Arg::BASE },
                Arg {
                    name: "withscores",
                    kind: ArgKind::PureToken,
                    token: "WITHSCORES",
                    since: "2.0.0",
                    optional: true,
                    ..Arg::BASE
                },
                Arg {
                    name: "offset_count",
                    kind: ArgKind::Block,
                    token: "LIMIT",
                    optional: true,
                    args: &[
                        Arg { name: "offset", kind: ArgKind::Integer, ..Arg::BASE },
                        Arg { name: "count", kind: ArgKind::Integer, ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: range::zrevrangebyscore,
        spec: CommandSpec {
            name: "zrevrangebyscore",
            summary: "Return a range of members in a sorted set, by score, with scores ordered from high to \
                low",
            since: "2.2.0",
            complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements being returned. If M is constant (e.g. always asking for the first 10 elements \
                with LIMIT), you can consider it O(log(N)).",
            group: Group::SortedSet,
            arity: Arity::AtLeast(4),
            flags: flags::READONLY,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            doc_flags: &["deprecated"],
            deprecated_since: Some("6.2.0"),
            replaced_by: Some("`ZRANGE` with the `REV` and `BYSCORE` arguments"),
            history: &[("2.1.6", "`min` and `max` can be exclusive.")],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "max", kind: ArgKind::Double, ..Arg::BASE },
                Arg { name: "min", kind: ArgKind::Double, ..Arg::BASE },
                Arg {
                    name: "withscores",
                    kind: ArgKind::PureToken,
                    token: "WITHSCORES",
                    optional: true,
                    ..Arg::BASE
                },
                Arg {
                    name: "offset_count",
                    kind: ArgKind::Block,
                    token: "LIMIT",
                    optional: true,
                    args: &[
                        Arg { name: "offset", kind: ArgKind::Integer, ..Arg::BASE },
                        Arg { name: "count", kind: ArgKind::Integer, ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: range::zrangebylex,
        spec: CommandSpec {
            name: "zrangebylex",
            summary: "Return a range of members in a sorted set, by lexicographical range",
            since: "2.8.9",
            complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements being returned. If M is constant (e.g. always asking for the first 10 elements \
                with LIMIT), you can consider it O(log(N)).",
            group: Group::SortedSet,
            arity: Arity::AtLeast(4),
            flags: flags::READONLY,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            doc_flags: &["deprecated"],
            deprecated_since: Some("6.2.0"),
            replaced_by: Some("`ZRANGE` with the `BYLEX` argument"),
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "min", ..Arg::BASE },
                Arg { name: "max", ..Arg::BASE },
                Arg {
                    name: "offset_count",
                    kind: ArgKind::Block,
                    token: "LIMIT",
                    optional: true,
                    args: &[
                        Arg { name: "offset", kind: ArgKind::Integer, ..Arg::BASE },
                        Arg { name: "count", kind: ArgKind::Integer, ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: range::zrevrangebylex,
        spec: CommandSpec {
            name: "zrevrangebylex",
            summary: "Return a range of members in a sorted set, by lexicographical range, ordered from \
                higher to lower strings.",
            since: "2.8.9",
            complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements being returned. If M is constant (e.g. always asking for the first 10 elements \
                with LIMIT), you can consider it O(log(N)).",
            group: Group::SortedSet,
            arity: Arity::AtLeast(4),
            flags: flags::READONLY,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            doc_flags: &["deprecated"],
            deprecated_since: Some("6.2.0"),
            replaced_by: Some("`ZRANGE` with the `REV` and `BYLEX` arguments"),
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "max", ..Arg::BASE },
                Arg { name: "min", ..Arg::BASE },
                Arg {
                    name: "offset_count",
                    kind: ArgKind::Block,
                    token: "LIMIT",
                    optional: true,
                    args: &[
                        Arg { name: "offset", kind: ArgKind::Integer, ..Arg::BASE },
                        Arg { name: "count", kind: ArgKind::Integer, ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: range::zrevrange,
        spec: CommandSpec {
            name: "zrevrange",
            summary: "Return a range of members in a sorted set, by index, with scores ordered from high to \
                low",
            since: "1.2.0",
            complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements returned.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(4),
            flags: flags::READONLY,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            doc_flags: &["deprecated"],
            deprecated_since: Some("6.2.0"),
            replaced_by: Some("`ZRANGE` with the `REV` argument"),
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "start", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "stop", kind: ArgKind::Integer, ..Arg::BASE },
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
        run: range::zcount,
        spec: CommandSpec {
            name: "zcount",
            summary: "Count the members in a sorted set with scores within the given values",
            since: "2.0.0",
            complexity: "O(log(N)) with N being the number of elements in the sorted set.",
            group: Group::SortedSet,
            arity: Arity::Exactly(4),
            flags: flags::READONLY | flags::FAST,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "min", kind: ArgKind::Double, ..Arg::BASE },
                Arg { name: "max", kind: ArgKind::Double, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: range::zlexcount,
        spec: CommandSpec {
            name: "zlexcount",
            summary: "Count the number of members in a sorted set between a given lexicographical range",
            since: "2.8.9",
            complexity: "O(log(N)) with N being the number of elements in the sorted set.",
            group: Group::SortedSet,
            arity: Arity::Exactly(4),
            flags: flags::READONLY | flags::FAST,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "min", ..Arg::BASE },
                Arg { name: "max", ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: remove_range::zremrangebyrank,
        spec: CommandSpec {
            name: "zremrangebyrank",
            summary: "Remove all members in a sorted set within the given indexes",
            since: "2.0.0",
            complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements removed by the operation.",
            group: Group::SortedSet,
            arity: Arity::Exactly(4),
            flags: flags::WRITE,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "start", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "stop", kind: ArgKind::Integer, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: remove_range::zremrangebyscore,
        spec: CommandSpec {
            name: "zremrangebyscore",
            summary: "Remove all members in a sorted set within the given scores",
            since: "1.2.0",
            complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements removed by the operation.",
            group: Group::SortedSet,
            arity: Arity::Exactly(4),
            flags: flags::WRITE,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "min", kind: ArgKind::Double, ..Arg::BASE },
                Arg { name: "max", kind: ArgKind::Double, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: remove_range::zremrangebylex,
        spec: CommandSpec {
            name: "zremrangebylex",
            summary: "Remove all members in a sorted set between the given lexicographical range",
            since: "2.8.9",
            complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements removed by the operation.",
            group: Group::SortedSet,
            arity: Arity::Exactly(4),
            flags: flags::WRITE,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "min", ..Arg::BASE },
                Arg { name: "max", ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: range::zrangestore,
        spec: CommandSpec {
            name: "zrangestore",
            summary: "Store a range of members from sorted set into another key",
            since: "6.2.0",
            complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements stored into the destination key.",
            group: Group::SortedSet,
            arity: Arity::AtLeast(5),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::SORTEDSET,
            keys: &[KeySpec::at(1, keys::OW | keys::UPDATE), KeySpec::at(2, keys::RO | keys::ACCESS)],
            args: &[
                Arg { name: "dst", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "src", kind: ArgKind::Key, key_spec_index: Some(1), ..Arg::BASE },
                Arg { name: "min", ..Arg::BASE },
                Arg { name: "max", ..Arg::BASE },
                Arg {
                    name: "sortby",
                    kind: ArgKind::OneOf,
                    optional: true,
                    args: &[
                        Arg { name: "byscore", kind: ArgKind::PureToken, token: "BYSCORE", ..Arg::BASE },
                        Arg { name: "bylex", kind: ArgKind::PureToken, token: "BYLEX", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
                Arg { name: "rev", kind: ArgKind::PureToken, token: "REV", optional: true, ..Arg::BASE },
                Arg {
                    name: "offset_count",
                    kind: ArgKind::Block,
                    token: "LIMIT",
                    optional: true,
                    args: &[
                        Arg { name: "offset", kind: ArgKind::Integer, ..Arg::BASE },
                        Arg { name: "count", kind: ArgKind::Integer, ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
