//! The rows of the commands on several sets: [`super::combine`].

use super::combine;
use super::member_rows::WITHSCORES;
use crate::command::shapes::{COUNTED_LIMIT, DESTINATION, KEYS, NUMKEYS, SORTED_SET};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};

const WEIGHTS: Arg = Arg::integer("weight").after("WEIGHTS").optional().multiple();
const AGGREGATE: Arg =
    Arg::one_of("aggregate", &[Arg::word("sum", "SUM"), Arg::word("min", "MIN"), Arg::word("max", "MAX")])
        .after("AGGREGATE")
        .optional();

/// Makes one sorted set of several.
const COMBINE: CommandSpec = CommandSpec {
    since: "6.2.0",
    arity: Arity::AtLeast(3),
    flags: flags::READONLY | flags::MOVABLE_KEYS,
    keys: &[KeySpec::counted(1, keys::RO | keys::ACCESS)],
    args: &[NUMKEYS, KEYS, WEIGHTS, AGGREGATE, WITHSCORES],
    ..SORTED_SET
};

/// The same, and keeps it.
const COMBINE_AND_STORE: CommandSpec = CommandSpec {
    since: "2.0.0",
    arity: Arity::AtLeast(4),
    flags: flags::WRITE | flags::DENYOOM | flags::MOVABLE_KEYS,
    keys: &[KeySpec::at(1, keys::OW | keys::UPDATE), KeySpec::counted(2, keys::RO | keys::ACCESS)],
    args: &[DESTINATION, NUMKEYS, KEYS.of_key_spec(1), WEIGHTS, AGGREGATE],
    ..SORTED_SET
};

const INTERSECTION_COMPLEXITY: &str = "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted \
    set, K being the number of input sorted sets and M being the number of elements in the resulting sorted \
    set.";

const DIFFERENCE_COMPLEXITY: &str = "O(L + (N-K)log(N)) worst case where L is the total number of elements \
    in all the sets, N is the size of the first set, and K is the size of the result set.";

/// The rows.
pub(in crate::commands) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        combine::zunion,
        CommandSpec {
            name: "zunion",
            summary: "Add multiple sorted sets",
            complexity: "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M \
                being the number of elements in the resulting sorted set.",
            ..COMBINE
        },
    ),
    DataCommand::new(
        combine::zunionstore,
        CommandSpec {
            name: "zunionstore",
            summary: "Add multiple sorted sets and store the resulting sorted set in a new key",
            complexity: "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M \
                being the number of elements in the resulting sorted set.",
            ..COMBINE_AND_STORE
        },
    ),
    DataCommand::new(
        combine::zinter,
        CommandSpec {
            name: "zinter",
            summary: "Intersect multiple sorted sets",
            complexity: INTERSECTION_COMPLEXITY,
            ..COMBINE
        },
    ),
    DataCommand::new(
        combine::zinterstore,
        CommandSpec {
            name: "zinterstore",
            summary: "Intersect multiple sorted sets and store the resulting sorted set in a new key",
            complexity: INTERSECTION_COMPLEXITY,
            ..COMBINE_AND_STORE
        },
    ),
    DataCommand::new(
        combine::zintercard,
        CommandSpec {
            name: "zintercard",
            summary: "Intersect multiple sorted sets and return the cardinality of the result",
            since: "7.0.0",
            complexity: "O(N*K) worst case with N being the smallest input sorted set, K being the number \
                of input sorted sets.",
            args: &[NUMKEYS, KEYS, COUNTED_LIMIT],
            ..COMBINE
        },
    ),
    DataCommand::new(
        combine::zdiff,
        CommandSpec {
            name: "zdiff",
            summary: "Subtract multiple sorted sets",
            complexity: DIFFERENCE_COMPLEXITY,
            args: &[NUMKEYS, KEYS, WITHSCORES],
            ..COMBINE
        },
    ),
    DataCommand::new(
        combine::zdiffstore,
        CommandSpec {
            name: "zdiffstore",
            summary: "Subtract multiple sorted sets and store the resulting sorted set in a new key",
            since: "6.2.0",
            complexity: DIFFERENCE_COMPLEXITY,
            args: &[DESTINATION, NUMKEYS, KEYS.of_key_spec(1)],
            ..COMBINE_AND_STORE
        },
    ),
];
