//! The rows of the commands on members: [`super::add`], [`super::member`], [`super::pop`], [`super::sample`].

use super::{add, member, pop, sample};
use crate::command::shapes::{
    COUNT, GT, KEYS, LT, NUMKEYS, NX_OR_XX, SORTED_SET, len_of, pop_of_several, scan_of,
};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};

pub(super) const WITHSCORES: Arg = Arg::word("withscores", "WITHSCORES").optional();

/// Tells the place of a member.
const RANK: CommandSpec = CommandSpec {
    since: "2.0.0",
    complexity: "O(log(N))",
    arity: Arity::AtLeast(3),
    flags: flags::READONLY | flags::FAST,
    keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
    history: &[("7.2.0", "Added the optional `WITHSCORE` argument.")],
    args: &[Arg::key(), Arg::string("member"), Arg::word("withscore", "WITHSCORE").since("7.2.0").optional()],
    ..SORTED_SET
};

/// Takes members from one end.
const POP: CommandSpec = CommandSpec {
    since: "5.0.0",
    complexity: "O(log(N)*M) with N being the number of elements in the sorted set, and M being the \
                number of elements popped.",
    arity: Arity::AtLeast(2),
    flags: flags::WRITE | flags::FAST,
    keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE)],
    args: &[Arg::key(), Arg::integer("count").optional()],
    ..SORTED_SET
};

/// What it costs to take members from the first of several sorted sets.
pub(super) const POP_OF_SEVERAL_COMPLEXITY: &str = "O(K) + O(M*log(N)) where K is the number of provided \
    keys, N being the number of elements in the sorted set, and M being the number of elements popped.";

/// Which end of a sorted set.
pub(super) const WHERE: Arg = Arg::one_of("where", &[Arg::word("min", "MIN"), Arg::word("max", "MAX")]);

/// The rows.
pub(in crate::commands) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        add::zadd,
        CommandSpec {
            name: "zadd",
            summary: "Add one or more members to a sorted set, or update its score if it already exists",
            since: "1.2.0",
            complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            history: &[
                ("2.4.0", "Accepts multiple elements."),
                ("3.0.2", "Added the `XX`, `NX`, `CH` and `INCR` options."),
                ("6.2.0", "Added the `GT` and `LT` options."),
            ],
            args: &[
                Arg::key(),
                NX_OR_XX.since("3.0.2"),
                Arg::one_of("comparison", &[GT, LT]).since("6.2.0").optional(),
                Arg::word("change", "CH").since("3.0.2").optional(),
                Arg::word("increment", "INCR").since("3.0.2").optional(),
                Arg::block("score_member", &[Arg::double("score"), Arg::string("member")]).multiple(),
            ],
            ..SORTED_SET
        },
    ),
    DataCommand::new(
        add::zincrby,
        CommandSpec {
            name: "zincrby",
            summary: "Increment the score of a member in a sorted set",
            since: "1.2.0",
            complexity: "O(log(N)) where N is the number of elements in the sorted set.",
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)],
            args: &[Arg::key(), Arg::integer("increment"), Arg::string("member")],
            ..SORTED_SET
        },
    ),
    DataCommand::new(
        member::zrem,
        CommandSpec {
            name: "zrem",
            summary: "Remove one or more members from a sorted set",
            since: "1.2.0",
            complexity: "O(M*log(N)) with N being the number of elements in the sorted set and M the number \
                of elements to be removed.",
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            history: &[("2.4.0", "Accepts multiple elements.")],
            args: &[Arg::key(), Arg::string("member").multiple()],
            ..SORTED_SET
        },
    ),
    DataCommand::new(
        member::zcard,
        CommandSpec {
            name: "zcard",
            summary: "Get the number of members in a sorted set",
            since: "1.2.0",
            ..len_of(SORTED_SET)
        },
    ),
    DataCommand::new(
        member::zscore,
        CommandSpec {
            name: "zscore",
            summary: "Get the score associated with the given member in a sorted set",
            since: "1.2.0",
            complexity: "O(1)",
            arity: Arity::Exactly(3),
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), Arg::string("member")],
            ..SORTED_SET
        },
    ),
    DataCommand::new(
        member::zmscore,
        CommandSpec {
            name: "zmscore",
            summary: "Get the score associated with the given members in a sorted set",
            since: "6.2.0",
            complexity: "O(N) where N is the number of members being requested.",
            arity: Arity::AtLeast(3),
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), Arg::string("member").multiple()],
            ..SORTED_SET
        },
    ),
    DataCommand::new(
        member::zrank,
        CommandSpec { name: "zrank", summary: "Determine the index of a member in a sorted set", ..RANK },
    ),
    DataCommand::new(
        member::zrevrank,
        CommandSpec {
            name: "zrevrank",
            summary: "Determine the index of a member in a sorted set, with scores ordered from high to low",
            ..RANK
        },
    ),
    DataCommand::new(
        pop::zpopmin,
        CommandSpec {
            name: "zpopmin",
            summary: "Remove and return members with the lowest scores in a sorted set",
            ..POP
        },
    ),
    DataCommand::new(
        pop::zpopmax,
        CommandSpec {
            name: "zpopmax",
            summary: "Remove and return members with the highest scores in a sorted set",
            ..POP
        },
    ),
    DataCommand::new(
        sample::zrandmember,
        CommandSpec {
            name: "zrandmember",
            summary: "Get one or multiple random elements from a sorted set",
            since: "6.2.0",
            complexity: "O(N) where N is the number of elements returned",
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output"],
            args: &[Arg::key(), Arg::block("options", &[Arg::integer("count"), WITHSCORES]).optional()],
            ..SORTED_SET
        },
    ),
    DataCommand::new(
        sample::zscan,
        CommandSpec {
            name: "zscan",
            summary: "Incrementally iterate sorted sets elements and associated scores",
            ..scan_of(SORTED_SET)
        },
    ),
    DataCommand::new(
        pop::zmpop,
        CommandSpec {
            name: "zmpop",
            summary: "Remove and return members with scores in a sorted set",
            complexity: POP_OF_SEVERAL_COMPLEXITY,
            args: &[NUMKEYS, KEYS, WHERE, COUNT],
            ..pop_of_several(SORTED_SET)
        },
    ),
];
