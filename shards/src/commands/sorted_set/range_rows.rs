//! The rows of the commands on ranges: [`super::range`], [`super::remove_range`].

use super::member_rows::WITHSCORES;
use super::{range, remove_range};
use crate::command::shapes::{LIMIT, SORTED_SET};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};

const SORT_BY: Arg =
    Arg::one_of("sortby", &[Arg::word("byscore", "BYSCORE"), Arg::word("bylex", "BYLEX")]).optional();

/// Reads the members of a range.
const RANGE: CommandSpec = CommandSpec {
    since: "1.2.0",
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements returned.",
    arity: Arity::AtLeast(4),
    flags: flags::READONLY,
    keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
    ..SORTED_SET
};

/// Reads them as the deprecated siblings of ZRANGE do, which name what the range is of.
const RANGE_BY: CommandSpec = CommandSpec {
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements being returned. If M is constant (e.g. always asking for the first 10 elements \
                with LIMIT), you can consider it O(log(N)).",
    ..RANGE
};

/// Counts the members of a range.
const COUNT_RANGE: CommandSpec = CommandSpec {
    complexity: "O(log(N)) with N being the number of elements in the sorted set.",
    arity: Arity::Exactly(4),
    flags: flags::READONLY | flags::FAST,
    keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
    ..SORTED_SET
};

/// Removes the members of a range.
const REMOVE_RANGE: CommandSpec = CommandSpec {
    complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements removed by the operation.",
    arity: Arity::Exactly(4),
    flags: flags::WRITE,
    keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
    ..SORTED_SET
};

/// The rows.
pub(in crate::commands) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        range::zrange,
        CommandSpec {
            name: "zrange",
            summary: "Return a range of members in a sorted set",
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
            ..RANGE
        },
    ),
    DataCommand::new(
        range::zrangebyscore,
        CommandSpec {
            name: "zrangebyscore",
            summary: "Return a range of members in a sorted set, by score",
            since: "1.0.5",
            deprecated: Some(("6.2.0", "`ZRANGE` with the `BYSCORE` argument")),
            history: &[("2.0.0", "Added the `WITHSCORES` modifier.")],
            args: &[Arg::key(), Arg::double("min"), Arg::double("max"), WITHSCORES.since("2.0.0"), LIMIT],
            ..RANGE_BY
        },
    ),
    DataCommand::new(
        range::zrevrangebyscore,
        CommandSpec {
            name: "zrevrangebyscore",
            summary: "Return a range of members in a sorted set, by score, with scores ordered from high to \
                low",
            since: "2.2.0",
            deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")),
            history: &[("2.1.6", "`min` and `max` can be exclusive.")],
            args: &[Arg::key(), Arg::double("max"), Arg::double("min"), WITHSCORES, LIMIT],
            ..RANGE_BY
        },
    ),
    DataCommand::new(
        range::zrangebylex,
        CommandSpec {
            name: "zrangebylex",
            summary: "Return a range of members in a sorted set, by lexicographical range",
            since: "2.8.9",
            deprecated: Some(("6.2.0", "`ZRANGE` with the `BYLEX` argument")),
            args: &[Arg::key(), Arg::string("min"), Arg::string("max"), LIMIT],
            ..RANGE_BY
        },
    ),
    DataCommand::new(
        range::zrevrangebylex,
        CommandSpec {
            name: "zrevrangebylex",
            summary: "Return a range of members in a sorted set, by lexicographical range, ordered from \
                higher to lower strings.",
            since: "2.8.9",
            deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")),
            args: &[Arg::key(), Arg::string("max"), Arg::string("min"), LIMIT],
            ..RANGE_BY
        },
    ),
    DataCommand::new(
        range::zrevrange,
        CommandSpec {
            name: "zrevrange",
            summary: "Return a range of members in a sorted set, by index, with scores ordered from high to \
                low",
            deprecated: Some(("6.2.0", "`ZRANGE` with the `REV` argument")),
            args: &[Arg::key(), Arg::integer("start"), Arg::integer("stop"), WITHSCORES],
            ..RANGE
        },
    ),
    DataCommand::new(
        range::zcount,
        CommandSpec {
            name: "zcount",
            summary: "Count the members in a sorted set with scores within the given values",
            since: "2.0.0",
            args: &[Arg::key(), Arg::double("min"), Arg::double("max")],
            ..COUNT_RANGE
        },
    ),
    DataCommand::new(
        range::zlexcount,
        CommandSpec {
            name: "zlexcount",
            summary: "Count the number of members in a sorted set between a given lexicographical range",
            since: "2.8.9",
            args: &[Arg::key(), Arg::string("min"), Arg::string("max")],
            ..COUNT_RANGE
        },
    ),
    DataCommand::new(
        remove_range::zremrangebyrank,
        CommandSpec {
            name: "zremrangebyrank",
            summary: "Remove all members in a sorted set within the given indexes",
            since: "2.0.0",
            args: &[Arg::key(), Arg::integer("start"), Arg::integer("stop")],
            ..REMOVE_RANGE
        },
    ),
    DataCommand::new(
        remove_range::zremrangebyscore,
        CommandSpec {
            name: "zremrangebyscore",
            summary: "Remove all members in a sorted set within the given scores",
            since: "1.2.0",
            args: &[Arg::key(), Arg::double("min"), Arg::double("max")],
            ..REMOVE_RANGE
        },
    ),
    DataCommand::new(
        remove_range::zremrangebylex,
        CommandSpec {
            name: "zremrangebylex",
            summary: "Remove all members in a sorted set between the given lexicographical range",
            since: "2.8.9",
            args: &[Arg::key(), Arg::string("min"), Arg::string("max")],
            ..REMOVE_RANGE
        },
    ),
    DataCommand::new(
        range::zrangestore,
        CommandSpec {
            name: "zrangestore",
            summary: "Store a range of members from sorted set into another key",
            since: "6.2.0",
            complexity: "O(log(N)+M) with N being the number of elements in the sorted set and M the number \
                of elements stored into the destination key.",
            arity: Arity::AtLeast(5),
            flags: flags::WRITE | flags::DENYOOM,
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
            ..SORTED_SET
        },
    ),
];
