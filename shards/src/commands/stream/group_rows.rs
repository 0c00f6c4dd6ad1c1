//! The rows of the commands on groups: [`super::claim`], [`super::group`], [`super::info`],
//! [`super::pending`], and of XREADGROUP in [`super::read`].

use super::entry_rows::{BLOCK, STREAMS};
use super::{claim, group, info, pending, read};
use crate::command::shapes::{COUNT, STREAM, UNIX_MILLISECONDS, help_of};
use crate::command::{Arg, Arity, CommandGroup, CommandSpec, DataCommand, KeySpec, flags, keys};

const GROUP_NAME: Arg = Arg::string("groupname");
/// The entry behind which a group begins.
const START: Arg = Arg::one_of("id", &[Arg::string("id"), Arg::word("new_id", "$")]);
/// How many entries a group has read, as it is to believe.
const ENTRIES_READ: Arg = Arg::integer("entries_read").after("ENTRIESREAD").optional();
const GROUP: Arg = Arg::string("group");
const CONSUMER: Arg = Arg::string("consumer");

/// Makes or removes a consumer.
const CHANGE_CONSUMER: CommandSpec = CommandSpec {
    complexity: "O(1)",
    arity: Arity::Exactly(5),
    args: &[Arg::key(), GROUP_NAME, Arg::string("consumername")],
    ..STREAM
};

/// Tells about a stream.
const INFO: CommandSpec = CommandSpec {
    since: "5.0.0",
    complexity: "O(1)",
    flags: flags::READONLY,
    keys: &[KeySpec::at(2, keys::RO | keys::ACCESS)],
    ..STREAM
};

/// The rows.
pub(in crate::commands) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        pending::xack,
        CommandSpec {
            name: "xack",
            summary: "Marks a pending message as correctly processed, effectively removing it from the \
                pending entries list of the consumer group. Return value of the command is the number of \
                messages successfully acknowledged, that is, the IDs we were actually able to resolve in \
                the PEL.",
            since: "5.0.0",
            complexity: "O(1) for each message ID processed.",
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            args: &[Arg::key(), GROUP, Arg::string("id").multiple()],
            ..STREAM
        },
    ),
    DataCommand::new(
        claim::xautoclaim,
        CommandSpec {
            name: "xautoclaim",
            summary: "Changes (or acquires) ownership of messages in a consumer group, as if the messages \
                were delivered to the specified consumer.",
            since: "6.2.0",
            complexity: "O(1) if COUNT is small.",
            arity: Arity::AtLeast(6),
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            tips: &["nondeterministic_output"],
            history: &[(
                "7.0.0",
                "Added an element to the reply array, containing deleted entries the command cleared from \
                    the PEL",
            )],
            args: &[
                Arg::key(),
                GROUP,
                CONSUMER,
                Arg::string("min-idle-time"),
                Arg::string("start"),
                COUNT,
                Arg::word("justid", "JUSTID").optional(),
            ],
            ..STREAM
        },
    ),
    DataCommand::new(
        claim::xclaim,
        CommandSpec {
            name: "xclaim",
            summary: "Changes (or acquires) ownership of a message in a consumer group, as if the message \
                was delivered to the specified consumer.",
            since: "5.0.0",
            complexity: "O(log N) with N being the number of messages in the PEL of the consumer group.",
            arity: Arity::AtLeast(6),
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            tips: &["nondeterministic_output"],
            args: &[
                Arg::key(),
                GROUP,
                CONSUMER,
                Arg::string("min-idle-time"),
                Arg::string("id").multiple(),
                Arg::integer("ms").after("IDLE").optional(),
                UNIX_MILLISECONDS.after("TIME").optional(),
                Arg::integer("count").after("RETRYCOUNT").optional(),
                Arg::word("force", "FORCE").optional(),
                Arg::word("justid", "JUSTID").optional(),
                Arg::string("id").after("LASTID").optional(),
            ],
            ..STREAM
        },
    ),
    DataCommand::new(
        group::help,
        CommandSpec {
            name: "xgroup",
            summary: "A container for consumer groups commands",
            since: "5.0.0",
            complexity: "Depends on subcommand.",
            group: CommandGroup::Stream,
            arity: Arity::AtLeast(2),
            ..CommandSpec::BASE
        },
    )
    .with_subcommands(&[
        DataCommand::new(
            group::create,
            CommandSpec {
                name: "create",
                summary: "Create a consumer group.",
                since: "5.0.0",
                complexity: "O(1)",
                arity: Arity::AtLeast(5),
                flags: flags::WRITE | flags::DENYOOM,
                keys: &[KeySpec::at(2, keys::RW | keys::INSERT)],
                history: &[("7.0.0", "Added the `entries_read` named argument.")],
                args: &[
                    Arg::key(),
                    GROUP_NAME,
                    START,
                    Arg::word("mkstream", "MKSTREAM").optional(),
                    ENTRIES_READ,
                ],
                ..STREAM
            },
        ),
        DataCommand::new(
            group::createconsumer,
            CommandSpec {
                name: "createconsumer",
                summary: "Create a consumer in a consumer group.",
                since: "6.2.0",
                flags: flags::WRITE | flags::DENYOOM,
                keys: &[KeySpec::at(2, keys::RW | keys::INSERT)],
                ..CHANGE_CONSUMER
            },
        ),
        DataCommand::new(
            group::delconsumer,
            CommandSpec {
                name: "delconsumer",
                summary: "Delete a consumer from a consumer group.",
                since: "5.0.0",
                flags: flags::WRITE,
                keys: &[KeySpec::at(2, keys::RW | keys::DELETE)],
                ..CHANGE_CONSUMER
            },
        ),
        DataCommand::new(
            group::destroy,
            CommandSpec {
                name: "destroy",
                summary: "Destroy a consumer group.",
                since: "5.0.0",
                complexity: "O(N) where N is the number of entries in the group's pending entries list \
                        (PEL).",
                arity: Arity::Exactly(4),
                flags: flags::WRITE,
                keys: &[KeySpec::at(2, keys::RW | keys::DELETE)],
                args: &[Arg::key(), GROUP_NAME],
                ..STREAM
            },
        ),
        DataCommand::new(group::help, CommandSpec { since: "5.0.0", ..help_of(STREAM) }),
        DataCommand::new(
            group::setid,
            CommandSpec {
                name: "setid",
                summary: "Set a consumer group to an arbitrary last delivered ID value.",
                since: "5.0.0",
                complexity: "O(1)",
                arity: Arity::AtLeast(5),
                flags: flags::WRITE,
                keys: &[KeySpec::at(2, keys::RW | keys::UPDATE)],
                history: &[("7.0.0", "Added the optional `entries_read` argument.")],
                args: &[Arg::key(), GROUP_NAME, START, ENTRIES_READ],
                ..STREAM
            },
        ),
    ]),
    DataCommand::new(
        info::help,
        CommandSpec {
            name: "xinfo",
            summary: "A container for stream introspection commands",
            since: "5.0.0",
            complexity: "Depends on subcommand.",
            group: CommandGroup::Stream,
            arity: Arity::AtLeast(2),
            ..CommandSpec::BASE
        },
    )
    .with_subcommands(&[
        DataCommand::new(
            info::consumers,
            CommandSpec {
                name: "consumers",
                summary: "List the consumers in a consumer group",
                arity: Arity::Exactly(4),
                tips: &["nondeterministic_output"],
                args: &[Arg::key(), GROUP_NAME],
                ..INFO
            },
        ),
        DataCommand::new(
            info::groups,
            CommandSpec {
                name: "groups",
                summary: "List the consumer groups of a stream",
                arity: Arity::Exactly(3),
                history: &[("7.0.0", "Added the `entries-read` and `lag` fields")],
                args: &[Arg::key()],
                ..INFO
            },
        ),
        DataCommand::new(info::help, CommandSpec { since: "5.0.0", ..help_of(STREAM) }),
        DataCommand::new(
            info::stream,
            CommandSpec {
                name: "stream",
                summary: "Get information about a stream",
                arity: Arity::AtLeast(3),
                history: &[
                    ("6.0.0", "Added the `FULL` modifier."),
                    (
                        "7.0.0",
                        "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, \
                                `entries-read` and `lag` fields",
                    ),
                ],
                args: &[Arg::key(), Arg::block("full", &[COUNT]).after("FULL").optional()],
                ..INFO
            },
        ),
    ]),
    DataCommand::new(
        pending::xpending,
        CommandSpec {
            name: "xpending",
            summary: "Return information and entries from a stream consumer group pending entries list, \
                that are messages fetched but never acknowledged.",
            since: "5.0.0",
            complexity: "O(N) with N being the number of elements returned, so asking for a small fixed \
                number of entries per call is O(1). O(M), where M is the total number of entries scanned \
                when used with the IDLE filter. When the command returns just the summary and the list of \
                consumers is small, it runs in O(1) time; otherwise, an additional O(N) time for iterating \
                every consumer.",
            arity: Arity::AtLeast(3),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output"],
            history: &[("6.2.0", "Added the `IDLE` option and exclusive range intervals.")],
            args: &[
                Arg::key(),
                GROUP,
                Arg::block(
                    "filters",
                    &[
                        Arg::integer("min-idle-time").after("IDLE").since("6.2.0").optional(),
                        Arg::string("start"),
                        Arg::string("end"),
                        Arg::integer("count"),
                        CONSUMER.optional(),
                    ],
                )
                .optional(),
            ],
            ..STREAM
        },
    ),
    DataCommand::new(
        read::xreadgroup,
        CommandSpec {
            name: "xreadgroup",
            block_option: Some("block"),
            summary: "Return new entries from a stream using a consumer group, or access the history of the \
                pending entries for a given consumer. Can block.",
            since: "5.0.0",
            complexity: "For each stream mentioned: O(M) with M being the number of elements returned. If M \
                is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it \
                O(1). On the other side when XREADGROUP blocks, XADD will pay the O(N) time in order to \
                serve the N clients blocked on the stream getting new data.",
            arity: Arity::AtLeast(7),
            flags: flags::WRITE | flags::BLOCKING | flags::MOVABLE_KEYS,
            keys: &[read::GROUP_KEYS],
            find_keys: Some(read::find_keys),
            args: &[
                Arg::block("group_consumer", &[GROUP, CONSUMER]).after("GROUP"),
                COUNT,
                BLOCK,
                Arg::word("noack", "NOACK").optional(),
                STREAMS,
            ],
            ..STREAM
        },
    ),
];
