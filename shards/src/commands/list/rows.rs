//! The rows of the list commands but for those that wait. Their handlers are in [`super`], [`super::edit`],
//! [`super::moving`] and [`super::range`].

use super::edit::{linsert, lrem, lset};
use super::moving::{lmove, lmpop, rpoplpush};
use super::range::{lindex, lpos, lrange, ltrim};
use super::{llen, lpop, lpush, lpushx, rpop, rpush, rpushx};
use crate::command::shapes::{
    COUNT, DESTINATION, KEYS, LIST, NUMKEYS, SOURCE, TAKEN_FROM_AND_PUT_INTO, len_of, pop_of_several,
};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};

/// Which end of a list.
pub(super) const fn end(name: &'static str) -> Arg {
    Arg::one_of(name, const { &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")] })
}

/// Puts elements at one end of a list.
const PUSH: CommandSpec = CommandSpec {
    since: "1.0.0",
    complexity: "O(1) for each element added, so O(N) to add N elements when the command is called \
        with multiple arguments.",
    arity: Arity::AtLeast(3),
    flags: flags::WRITE | flags::DENYOOM | flags::FAST,
    keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
    history: &[("2.4.0", "Accepts multiple `element` arguments.")],
    args: &[Arg::key(), Arg::string("element").multiple()],
    ..LIST
};

/// The same with a list that is there.
const PUSH_TO_EXISTING: CommandSpec =
    CommandSpec { since: "2.2.0", history: &[("4.0.0", "Accepts multiple `element` arguments.")], ..PUSH };

/// Takes elements from one end of a list.
const POP: CommandSpec = CommandSpec {
    since: "1.0.0",
    complexity: "O(N) where N is the number of elements returned",
    arity: Arity::AtLeast(2),
    flags: flags::WRITE | flags::FAST,
    keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE)],
    history: &[("6.2.0", "Added the `count` argument.")],
    args: &[Arg::key(), Arg::integer("count").since("6.2.0").optional()],
    ..LIST
};

/// Takes an element from one list and puts it into another.
pub(super) const MOVE: CommandSpec = CommandSpec {
    complexity: "O(1)",
    flags: flags::WRITE | flags::DENYOOM,
    keys: TAKEN_FROM_AND_PUT_INTO,
    ..LIST
};

/// What it costs to take elements from the first of several lists.
pub(super) const POP_OF_SEVERAL_COMPLEXITY: &str =
    "O(N+M) where N is the number of provided keys and M is the number of elements returned.";

/// The rows of this family.
pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        lpush,
        CommandSpec { name: "lpush", summary: "Prepend one or multiple elements to a list", ..PUSH },
    ),
    DataCommand::new(
        rpush,
        CommandSpec { name: "rpush", summary: "Append one or multiple elements to a list", ..PUSH },
    ),
    DataCommand::new(
        lpushx,
        CommandSpec {
            name: "lpushx",
            summary: "Prepend an element to a list, only if the list exists",
            ..PUSH_TO_EXISTING
        },
    ),
    DataCommand::new(
        rpushx,
        CommandSpec {
            name: "rpushx",
            summary: "Append an element to a list, only if the list exists",
            ..PUSH_TO_EXISTING
        },
    ),
    DataCommand::new(
        lpop,
        CommandSpec { name: "lpop", summary: "Remove and get the first elements in a list", ..POP },
    ),
    DataCommand::new(
        rpop,
        CommandSpec { name: "rpop", summary: "Remove and get the last elements in a list", ..POP },
    ),
    DataCommand::new(
        llen,
        CommandSpec { name: "llen", summary: "Get the length of a list", since: "1.0.0", ..len_of(LIST) },
    ),
    DataCommand::new(
        lrange,
        CommandSpec {
            name: "lrange",
            summary: "Get a range of elements from a list",
            since: "1.0.0",
            complexity: "O(S+N) where S is the distance of start offset from HEAD for small lists, from \
                nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the \
                specified range.",
            arity: Arity::Exactly(4),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), Arg::integer("start"), Arg::integer("stop")],
            ..LIST
        },
    ),
    DataCommand::new(
        lindex,
        CommandSpec {
            name: "lindex",
            summary: "Get an element from a list by its index",
            since: "1.0.0",
            complexity: "O(N) where N is the number of elements to traverse to get to the element at index. \
                This makes asking for the first or the last element of the list O(1).",
            arity: Arity::Exactly(3),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), Arg::integer("index")],
            ..LIST
        },
    ),
    DataCommand::new(
        lset,
        CommandSpec {
            name: "lset",
            summary: "Set the value of an element in a list by its index",
            since: "1.0.0",
            complexity: "O(N) where N is the length of the list. Setting either the first or the last \
                element of the list is O(1).",
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            args: &[Arg::key(), Arg::integer("index"), Arg::string("element")],
            ..LIST
        },
    ),
    DataCommand::new(
        linsert,
        CommandSpec {
            name: "linsert",
            summary: "Insert an element before or after another element in a list",
            since: "2.2.0",
            complexity: "O(N) where N is the number of elements to traverse before seeing the value pivot. \
                This means that inserting somewhere on the left end on the list (head) can be considered \
                O(1) and inserting somewhere on the right end (tail) is O(N).",
            arity: Arity::Exactly(5),
            flags: flags::WRITE | flags::DENYOOM,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            args: &[
                Arg::key(),
                Arg::one_of("where", &[Arg::word("before", "BEFORE"), Arg::word("after", "AFTER")]),
                Arg::string("pivot"),
                Arg::string("element"),
            ],
            ..LIST
        },
    ),
    DataCommand::new(
        lrem,
        CommandSpec {
            name: "lrem",
            summary: "Remove elements from a list",
            since: "1.0.0",
            complexity: "O(N+M) where N is the length of the list and M is the number of elements removed.",
            arity: Arity::Exactly(4),
            flags: flags::WRITE,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            args: &[Arg::key(), Arg::integer("count"), Arg::string("element")],
            ..LIST
        },
    ),
    DataCommand::new(
        ltrim,
        CommandSpec {
            name: "ltrim",
            summary: "Trim a list to the specified range",
            since: "1.0.0",
            complexity: "O(N) where N is the number of elements to be removed by the operation.",
            arity: Arity::Exactly(4),
            flags: flags::WRITE,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            args: &[Arg::key(), Arg::integer("start"), Arg::integer("stop")],
            ..LIST
        },
    ),
    DataCommand::new(
        lpos,
        CommandSpec {
            name: "lpos",
            summary: "Return the index of matching elements on a list",
            since: "6.0.6",
            complexity: "O(N) where N is the number of elements in the list, for the average case. When \
                searching for elements near the head or the tail of the list, or when the MAXLEN option is \
                provided, the command may run in constant time.",
            arity: Arity::AtLeast(3),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[
                Arg::key(),
                Arg::string("element"),
                Arg::integer("rank").after("RANK").optional(),
                Arg::integer("num-matches").after("COUNT").optional(),
                Arg::integer("len").after("MAXLEN").optional(),
            ],
            ..LIST
        },
    ),
    DataCommand::new(
        lmove,
        CommandSpec {
            name: "lmove",
            summary: "Pop an element from a list, push it to another list and return it",
            since: "6.2.0",
            arity: Arity::Exactly(5),
            args: &[SOURCE, DESTINATION.of_key_spec(1), end("wherefrom"), end("whereto")],
            ..MOVE
        },
    ),
    DataCommand::new(
        rpoplpush,
        CommandSpec {
            name: "rpoplpush",
            summary: "Remove the last element in a list, prepend it to another list and return it",
            since: "1.2.0",
            arity: Arity::Exactly(3),
            deprecated: Some(("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")),
            args: &[SOURCE, DESTINATION.of_key_spec(1)],
            ..MOVE
        },
    ),
    DataCommand::new(
        lmpop,
        CommandSpec {
            name: "lmpop",
            summary: "Pop elements from a list",
            complexity: POP_OF_SEVERAL_COMPLEXITY,
            args: &[NUMKEYS, KEYS, end("where"), COUNT],
            ..pop_of_several(LIST)
        },
    ),
];
