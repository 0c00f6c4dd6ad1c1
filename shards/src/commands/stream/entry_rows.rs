//! The rows of the commands on entries: [`super::add`], [`super::edit`], [`super::range`], [`super::read`].

use super::{add, edit, range, read};
use crate::command::shapes::{COUNT, KEYS, STREAM, len_of};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};

const TRIM: Arg = Arg::block(
    "trim",
    &[
        Arg::one_of("strategy", &[Arg::word("maxlen", "MAXLEN"), Arg::word("minid", "MINID").since("6.2.0")]),
        Arg::one_of("operator", &[Arg::word("equal", "="), Arg::word("approximately", "~")]).optional(),
        Arg::string("threshold"),
        Arg::integer("count").after("LIMIT").since("6.2.0").optional(),
    ],
);

/// The longest time to wait.
pub(super) const BLOCK: Arg = Arg::integer("milliseconds").after("BLOCK").optional();
/// The streams to read, and from where each of them.
pub(super) const STREAMS: Arg = Arg::block("streams", &[KEYS, Arg::string("id").multiple()]).after("STREAMS");

/// Reads the entries between two.
const RANGE: CommandSpec = CommandSpec {
    since: "5.0.0",
    arity: Arity::AtLeast(4),
    flags: flags::READONLY,
    keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
    history: &[("6.2.0", "Added exclusive ranges.")],
    ..STREAM
};

/// The rows.
pub(in crate::commands) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        add::xadd,
        CommandSpec {
            name: "xadd",
            summary: "Appends a new entry to a stream",
            since: "5.0.0",
            complexity: "O(1) when adding a new entry, O(N) when trimming where N being the number of \
                entries evicted.",
            arity: Arity::AtLeast(5),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)
                .notes("UPDATE instead of INSERT because of the optional trimming feature")],
            tips: &["nondeterministic_output"],
            history: &[
                ("6.2.0", "Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option."),
                ("7.0.0", "Added support for the `<ms>-*` explicit ID form."),
            ],
            args: &[
                Arg::key(),
                Arg::word("nomkstream", "NOMKSTREAM").since("6.2.0").optional(),
                TRIM.optional(),
                Arg::one_of("id_or_auto", &[Arg::word("auto_id", "*"), Arg::string("id")]),
                Arg::block("field_value", &[Arg::string("field"), Arg::string("value")]).multiple(),
            ],
            ..STREAM
        },
    ),
    DataCommand::new(
        edit::xdel,
        CommandSpec {
            name: "xdel",
            summary: "Removes the specified entries from the stream. Returns the number of items actually \
                deleted, that may be different from the number of IDs passed in case certain IDs do not \
                exist.",
            since: "5.0.0",
            complexity: "O(1) for each single item to delete in the stream, regardless of the stream size.",
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            args: &[Arg::key(), Arg::string("id").multiple()],
            ..STREAM
        },
    ),
    DataCommand::new(
        edit::xlen,
        CommandSpec {
            name: "xlen",
            summary: "Return the number of entries in a stream",
            since: "5.0.0",
            ..len_of(STREAM)
        },
    ),
    DataCommand::new(
        range::xrange,
        CommandSpec {
            name: "xrange",
            summary: "Return a range of elements in a stream, with IDs matching the specified IDs interval",
            complexity: "O(N) with N being the number of elements being returned. If N is constant (e.g. \
                always asking for the first 10 elements with COUNT), you can consider it O(1).",
            args: &[Arg::key(), Arg::string("start"), Arg::string("end"), COUNT],
            ..RANGE
        },
    ),
    DataCommand::new(
        range::xrevrange,
        CommandSpec {
            name: "xrevrange",
            summary: "Return a range of elements in a stream, with IDs matching the specified IDs interval, \
                in reverse order (from greater to smaller IDs) compared to XRANGE",
            complexity: "O(N) with N being the number of elements returned. If N is constant (e.g. always \
                asking for the first 10 elements with COUNT), you can consider it O(1).",
            args: &[Arg::key(), Arg::string("end"), Arg::string("start"), COUNT],
            ..RANGE
        },
    ),
    DataCommand::new(
        edit::xsetid,
        CommandSpec {
            name: "xsetid",
            summary: "An internal command for replicating stream values",
            since: "5.0.0",
            complexity: "O(1)",
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            history: &[("7.0.0", "Added the `entries_added` and `max_deleted_entry_id` arguments.")],
            args: &[
                Arg::key(),
                Arg::string("last-id"),
                Arg::integer("entries_added").after("ENTRIESADDED").since("7.0.0").optional(),
                Arg::string("max_deleted_entry_id").after("MAXDELETEDID").since("7.0.0").optional(),
            ],
            ..STREAM
        },
    ),
    DataCommand::new(
        add::xtrim,
        CommandSpec {
            name: "xtrim",
            summary: "Trims the stream to (approximately if '~' is passed) a certain size",
            since: "5.0.0",
            complexity: "O(N), with N being the number of evicted entries. Constant times are very small \
                however, since entries are organized in macro nodes containing multiple entries that can be \
                released with a single deallocation.",
            arity: Arity::AtLeast(4),
            flags: flags::WRITE,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            tips: &["nondeterministic_output"],
            history: &[("6.2.0", "Added the `MINID` trimming strategy and the `LIMIT` option.")],
            args: &[Arg::key(), TRIM],
            ..STREAM
        },
    ),
    DataCommand::new(
        read::xread,
        CommandSpec {
            name: "xread",
            block_option: Some("block"),
            summary: "Return never seen elements in multiple streams, with IDs greater than the ones \
                reported by the caller for each stream. Can block.",
            since: "5.0.0",
            complexity: "For each stream mentioned: O(N) with N being the number of elements being \
                returned, it means that XREAD-ing with a fixed COUNT is O(1). Note that when the BLOCK \
                option is used, XADD will pay O(M) time in order to serve the M clients blocked on the \
                stream getting new data.",
            arity: Arity::AtLeast(4),
            flags: flags::READONLY | flags::BLOCKING | flags::MOVABLE_KEYS,
            keys: &[KeySpec::behind("STREAMS", 1, keys::RO | keys::ACCESS).first_half()],
            args: &[COUNT, BLOCK, STREAMS],
            ..STREAM
        },
    ),
];
