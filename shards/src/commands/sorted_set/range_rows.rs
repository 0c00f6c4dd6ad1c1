//! The rows of the commands on ranges: [`super::range`], [`super::remove_range`].

use super::{range, remove_range};
use crate::command::flags::{self, acl};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

const SORT_BY: Arg =
    Arg::one_of("sortby", &[Arg::word("byscore", "BYSCORE"), Arg::word("bylex", "BYLEX")]).optional();
const LIMIT: Arg =
    Arg::block("offset_count", &[Arg::integer("offset"), Arg::integer("count")]).after("LIMIT").optional();
const WITHSCORES: Arg = Arg::word("withscores", "WITHSCORES").optional();

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
                Arg::key(),
                Arg::string("start"),
                Arg::string("stop"),
                SORT_BY.since("6.2.0"),
                Arg::word("rev", "REV").since("6.2.0").optional(),
                LIMIT.since("6.2.0"),
                WITHSCORES,
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
            args: &[Arg::key(), Arg::double("min"), Arg::double("max"), WITHSCORES.since("2.0.0"), LIMIT],
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
            args: &[Arg::key(), Arg::double("max"), Arg::double("min"), WITHSCORES, LIMIT],
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
            args: &[Arg::key(), Arg::string("min"), Arg::string("max"), LIMIT],
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
            args: &[Arg::key(), Arg::string("max"), Arg::string("min"), LIMIT],
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
            args: &[Arg::key(), Arg::integer("start"), Arg::integer("stop"), WITHSCORES],
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
            args: &[Arg::key(), Arg::double("min"), Arg::double("max")],
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
            args: &[Arg::key(), Arg::string("min"), Arg::string("max")],
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
            args: &[Arg::key(), Arg::integer("start"), Arg::integer("stop")],
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
            args: &[Arg::key(), Arg::double("min"), Arg::double("max")],
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
            args: &[Arg::key(), Arg::string("min"), Arg::string("max")],
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
                Arg::key_named("dst"),
                Arg::key_named("src").of_key_spec(1),
                Arg::string("min"),
                Arg::string("max"),
                SORT_BY,
                Arg::word("rev", "REV").optional(),
                LIMIT,
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
