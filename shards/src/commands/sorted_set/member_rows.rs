//! The rows of the commands on members: [`super::add`], [`super::member`], [`super::pop`], [`super::sample`].

use super::{add, member, pop, sample};
use crate::command::flags::{self, acl};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

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
                Arg::key(),
                Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                    .since("3.0.2")
                    .optional(),
                Arg::one_of("comparison", &[Arg::word("gt", "GT"), Arg::word("lt", "LT")])
                    .since("6.2.0")
                    .optional(),
                Arg::word("change", "CH").since("3.0.2").optional(),
                Arg::word("increment", "INCR").since("3.0.2").optional(),
                Arg::block("score_member", &[Arg::double("score"), Arg::string("member")]).multiple(),
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
            args: &[Arg::key(), Arg::integer("increment"), Arg::string("member")],
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
            args: &[Arg::key(), Arg::string("member").multiple()],
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
            args: &[Arg::key()],
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
            args: &[Arg::key(), Arg::string("member")],
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
            args: &[Arg::key(), Arg::string("member").multiple()],
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
                Arg::key(),
                Arg::string("member"),
                Arg::word("withscore", "WITHSCORE").since("7.2.0").optional(),
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
                Arg::key(),
                Arg::string("member"),
                Arg::word("withscore", "WITHSCORE").since("7.2.0").optional(),
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
            args: &[Arg::key(), Arg::integer("count").optional()],
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
            args: &[Arg::key(), Arg::integer("count").optional()],
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
                Arg::key(),
                Arg::block(
                    "options",
                    &[Arg::integer("count"), Arg::word("withscores", "WITHSCORES").optional()],
                )
                .optional(),
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
                Arg::key(),
                Arg::integer("cursor"),
                Arg::pattern("pattern").after("MATCH").optional(),
                Arg::integer("count").after("COUNT").optional(),
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
            keys: &[KeySpec::counted(1, keys::RW | keys::ACCESS | keys::DELETE)],
            args: &[
                Arg::integer("numkeys"),
                Arg::key().multiple(),
                Arg::one_of("where", &[Arg::word("min", "MIN"), Arg::word("max", "MAX")]),
                Arg::integer("count").after("COUNT").optional(),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
