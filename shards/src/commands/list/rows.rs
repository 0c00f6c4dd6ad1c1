//! The rows of the list commands. Their handlers are in `list`, `list_range`, `list_edit` and `list_move`.

use super::edit::{linsert, lrem, lset};
use super::moving::{lmove, lmpop, rpoplpush};
use super::range::{lindex, lpos, lrange, ltrim};
use super::{llen, lpop, lpush, lpushx, rpop, rpush, rpushx};
use crate::command::flags::{self, acl};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

/// The rows of this family.
pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: lpush,
        spec: CommandSpec {
            name: "lpush",
            summary: "Prepend one or multiple elements to a list",
            since: "1.0.0",
            complexity: "O(1) for each element added, so O(N) to add N elements when the command is called \
                with multiple arguments.",
            group: Group::List,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            history: &[("2.4.0", "Accepts multiple `element` arguments.")],
            args: &[Arg::key(), Arg::string("element").multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: rpush,
        spec: CommandSpec {
            name: "rpush",
            summary: "Append one or multiple elements to a list",
            since: "1.0.0",
            complexity: "O(1) for each element added, so O(N) to add N elements when the command is called \
                with multiple arguments.",
            group: Group::List,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            history: &[("2.4.0", "Accepts multiple `element` arguments.")],
            args: &[Arg::key(), Arg::string("element").multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: lpushx,
        spec: CommandSpec {
            name: "lpushx",
            summary: "Prepend an element to a list, only if the list exists",
            since: "2.2.0",
            complexity: "O(1) for each element added, so O(N) to add N elements when the command is called \
                with multiple arguments.",
            group: Group::List,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            history: &[("4.0.0", "Accepts multiple `element` arguments.")],
            args: &[Arg::key(), Arg::string("element").multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: rpushx,
        spec: CommandSpec {
            name: "rpushx",
            summary: "Append an element to a list, only if the list exists",
            since: "2.2.0",
            complexity: "O(1) for each element added, so O(N) to add N elements when the command is called \
                with multiple arguments.",
            group: Group::List,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            history: &[("4.0.0", "Accepts multiple `element` arguments.")],
            args: &[Arg::key(), Arg::string("element").multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: lpop,
        spec: CommandSpec {
            name: "lpop",
            summary: "Remove and get the first elements in a list",
            since: "1.0.0",
            complexity: "O(N) where N is the number of elements returned",
            group: Group::List,
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::FAST,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE)],
            history: &[("6.2.0", "Added the `count` argument.")],
            args: &[Arg::key(), Arg::integer("count").since("6.2.0").optional()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: rpop,
        spec: CommandSpec {
            name: "rpop",
            summary: "Remove and get the last elements in a list",
            since: "1.0.0",
            complexity: "O(N) where N is the number of elements returned",
            group: Group::List,
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::FAST,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE)],
            history: &[("6.2.0", "Added the `count` argument.")],
            args: &[Arg::key(), Arg::integer("count").since("6.2.0").optional()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: llen,
        spec: CommandSpec {
            name: "llen",
            summary: "Get the length of a list",
            since: "1.0.0",
            complexity: "O(1)",
            group: Group::List,
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RO)],
            args: &[Arg::key()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: lrange,
        spec: CommandSpec {
            name: "lrange",
            summary: "Get a range of elements from a list",
            since: "1.0.0",
            complexity: "O(S+N) where S is the distance of start offset from HEAD for small lists, from \
                nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the \
                specified range.",
            group: Group::List,
            arity: Arity::Exactly(4),
            flags: flags::READONLY,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), Arg::integer("start"), Arg::integer("stop")],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: lindex,
        spec: CommandSpec {
            name: "lindex",
            summary: "Get an element from a list by its index",
            since: "1.0.0",
            complexity: "O(N) where N is the number of elements to traverse to get to the element at index. \
                This makes asking for the first or the last element of the list O(1).",
            group: Group::List,
            arity: Arity::Exactly(3),
            flags: flags::READONLY,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), Arg::integer("index")],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: lset,
        spec: CommandSpec {
            name: "lset",
            summary: "Set the value of an element in a list by its index",
            since: "1.0.0",
            complexity: "O(N) where N is the length of the list. Setting either the first or the last \
                element of the list is O(1).",
            group: Group::List,
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            args: &[Arg::key(), Arg::integer("index"), Arg::string("element")],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: linsert,
        spec: CommandSpec {
            name: "linsert",
            summary: "Insert an element before or after another element in a list",
            since: "2.2.0",
            complexity: "O(N) where N is the number of elements to traverse before seeing the value pivot. \
                This means that inserting somewhere on the left end on the list (head) can be considered \
                O(1) and inserting somewhere on the right end (tail) is O(N).",
            group: Group::List,
            arity: Arity::Exactly(5),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            args: &[
                Arg::key(),
                Arg::one_of("where", &[Arg::word("before", "BEFORE"), Arg::word("after", "AFTER")]),
                Arg::string("pivot"),
                Arg::string("element"),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: lrem,
        spec: CommandSpec {
            name: "lrem",
            summary: "Remove elements from a list",
            since: "1.0.0",
            complexity: "O(N+M) where N is the length of the list and M is the number of elements removed.",
            group: Group::List,
            arity: Arity::Exactly(4),
            flags: flags::WRITE,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            args: &[Arg::key(), Arg::integer("count"), Arg::string("element")],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: ltrim,
        spec: CommandSpec {
            name: "ltrim",
            summary: "Trim a list to the specified range",
            since: "1.0.0",
            complexity: "O(N) where N is the number of elements to be removed by the operation.",
            group: Group::List,
            arity: Arity::Exactly(4),
            flags: flags::WRITE,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            args: &[Arg::key(), Arg::integer("start"), Arg::integer("stop")],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: lpos,
        spec: CommandSpec {
            name: "lpos",
            summary: "Return the index of matching elements on a list",
            since: "6.0.6",
            complexity: "O(N) where N is the number of elements in the list, for the average case. When \
                searching for elements near the head or the tail of the list, or when the MAXLEN option is \
                provided, the command may run in constant time.",
            group: Group::List,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY,
            acl: acl::LIST,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[
                Arg::key(),
                Arg::string("element"),
                Arg::integer("rank").after("RANK").optional(),
                Arg::integer("num-matches").after("COUNT").optional(),
                Arg::integer("len").after("MAXLEN").optional(),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: lmove,
        spec: CommandSpec {
            name: "lmove",
            summary: "Pop an element from a list, push it to another list and return it",
            since: "6.2.0",
            complexity: "O(1)",
            group: Group::List,
            arity: Arity::Exactly(5),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::LIST,
            keys: &[
                KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE),
                KeySpec::at(2, keys::RW | keys::INSERT),
            ],
            args: &[
                Arg::key_named("source"),
                Arg::key_named("destination").of_key_spec(1),
                Arg::one_of("wherefrom", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
                Arg::one_of("whereto", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: rpoplpush,
        spec: CommandSpec {
            name: "rpoplpush",
            summary: "Remove the last element in a list, prepend it to another list and return it",
            since: "1.2.0",
            complexity: "O(1)",
            group: Group::List,
            arity: Arity::Exactly(3),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::LIST,
            keys: &[
                KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE),
                KeySpec::at(2, keys::RW | keys::INSERT),
            ],
            doc_flags: &["deprecated"],
            deprecated_since: Some("6.2.0"),
            replaced_by: Some("`LMOVE` with the `RIGHT` and `LEFT` arguments"),
            args: &[Arg::key_named("source"), Arg::key_named("destination").of_key_spec(1)],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: lmpop,
        spec: CommandSpec {
            name: "lmpop",
            summary: "Pop elements from a list",
            since: "7.0.0",
            complexity: "O(N+M) where N is the number of provided keys and M is the number of elements \
                returned.",
            group: Group::List,
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::MOVABLE_KEYS,
            acl: acl::LIST,
            keys: &[KeySpec::counted(1, keys::RW | keys::ACCESS | keys::DELETE)],
            args: &[
                Arg::integer("numkeys"),
                Arg::key().multiple(),
                Arg::one_of("where", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
                Arg::integer("count").after("COUNT").optional(),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
