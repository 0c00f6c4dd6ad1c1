//! The rows of the commands on several sets: [`super::combine`].

use super::combine;
use crate::command::flags::{self, acl};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

const WEIGHTS: Arg = Arg::integer("weight").after("WEIGHTS").optional().multiple();
const AGGREGATE: Arg =
    Arg::one_of("aggregate", &[Arg::word("sum", "SUM"), Arg::word("min", "MIN"), Arg::word("max", "MAX")])
        .after("AGGREGATE")
        .optional();
const WITHSCORES: Arg = Arg::word("withscores", "WITHSCORES").optional();

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
            keys: &[KeySpec::counted(1, keys::RO | keys::ACCESS)],
            args: &[Arg::integer("numkeys"), Arg::key().multiple(), WEIGHTS, AGGREGATE, WITHSCORES],
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
            keys: &[KeySpec::at(1, keys::OW | keys::UPDATE), KeySpec::counted(2, keys::RO | keys::ACCESS)],
            args: &[
                Arg::key_named("destination"),
                Arg::integer("numkeys"),
                Arg::key().of_key_spec(1).multiple(),
                WEIGHTS,
                AGGREGATE,
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
            keys: &[KeySpec::counted(1, keys::RO | keys::ACCESS)],
            args: &[Arg::integer("numkeys"), Arg::key().multiple(), WEIGHTS, AGGREGATE, WITHSCORES],
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
            keys: &[KeySpec::at(1, keys::OW | keys::UPDATE), KeySpec::counted(2, keys::RO | keys::ACCESS)],
            args: &[
                Arg::key_named("destination"),
                Arg::integer("numkeys"),
                Arg::key().of_key_spec(1).multiple(),
                WEIGHTS,
                AGGREGATE,
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
            keys: &[KeySpec::counted(1, keys::RO | keys::ACCESS)],
            args: &[Arg::integer("numkeys"), Arg::key().multiple(), WITHSCORES],
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
            keys: &[KeySpec::at(1, keys::OW | keys::UPDATE), KeySpec::counted(2, keys::RO | keys::ACCESS)],
            args: &[
                Arg::key_named("destination"),
                Arg::integer("numkeys"),
                Arg::key().of_key_spec(1).multiple(),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
