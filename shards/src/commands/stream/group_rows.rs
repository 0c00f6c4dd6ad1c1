//! The rows of the commands on groups: [`super::claim`], [`super::group`], [`super::info`], [`super::pending`], and of
//! XREADGROUP in [`super::read`].

use super::{claim, group, info, pending, read};
use crate::command::flags::{self, acl};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

/// The rows.
pub(in crate::commands) static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: pending::xack,
        spec: CommandSpec {
            name: "xack",
            summary: "Marks a pending message as correctly processed, effectively removing it from the \
                pending entries list of the consumer group. Return value of the command is the number of \
                messages successfully acknowledged, that is, the IDs we were actually able to resolve in \
                the PEL.",
            since: "5.0.0",
            complexity: "O(1) for each message ID processed.",
            group: Group::Stream,
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::FAST,
            acl: acl::STREAM,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            args: &[Arg::key(), Arg::string("group"), Arg::string("id").multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: claim::xautoclaim,
        spec: CommandSpec {
            name: "xautoclaim",
            summary: "Changes (or acquires) ownership of messages in a consumer group, as if the messages \
                were delivered to the specified consumer.",
            since: "6.2.0",
            complexity: "O(1) if COUNT is small.",
            group: Group::Stream,
            arity: Arity::AtLeast(6),
            flags: flags::WRITE | flags::FAST,
            acl: acl::STREAM,
            keys: &[KeySpec::at(1, keys::RW | keys::DELETE)],
            tips: &["nondeterministic_output"],
            history: &[(
                "7.0.0",
                "Added an element to the reply array, containing deleted entries the command cleared from \
                    the PEL",
            )],
            args: &[
                Arg::key(),
                Arg::string("group"),
                Arg::string("consumer"),
                Arg::string("min-idle-time"),
                Arg::string("start"),
                Arg::integer("count").after("COUNT").optional(),
                Arg::word("justid", "JUSTID").optional(),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: claim::xclaim,
        spec: CommandSpec {
            name: "xclaim",
            summary: "Changes (or acquires) ownership of a message in a consumer group, as if the message \
                was delivered to the specified consumer.",
            since: "5.0.0",
            complexity: "O(log N) with N being the number of messages in the PEL of the consumer group.",
            group: Group::Stream,
            arity: Arity::AtLeast(6),
            flags: flags::WRITE | flags::FAST,
            acl: acl::STREAM,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            tips: &["nondeterministic_output"],
            args: &[
                Arg::key(),
                Arg::string("group"),
                Arg::string("consumer"),
                Arg::string("min-idle-time"),
                Arg::string("id").multiple(),
                Arg::integer("ms").after("IDLE").optional(),
                Arg::unix_time("unix-time-milliseconds").after("TIME").optional(),
                Arg::integer("count").after("RETRYCOUNT").optional(),
                Arg::word("force", "FORCE").optional(),
                Arg::word("justid", "JUSTID").optional(),
                Arg::string("id").after("LASTID").optional(),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: group::help,
        spec: CommandSpec {
            name: "xgroup",
            summary: "A container for consumer groups commands",
            since: "5.0.0",
            complexity: "Depends on subcommand.",
            group: Group::Stream,
            arity: Arity::AtLeast(2),
            ..CommandSpec::BASE
        },
        subcommands: &[
            DataCommand {
                run: group::create,
                spec: CommandSpec {
                    name: "create",
                    summary: "Create a consumer group.",
                    since: "5.0.0",
                    complexity: "O(1)",
                    group: Group::Stream,
                    arity: Arity::AtLeast(5),
                    flags: flags::WRITE | flags::DENYOOM,
                    acl: acl::STREAM,
                    keys: &[KeySpec::at(2, keys::RW | keys::INSERT)],
                    history: &[("7.0.0", "Added the `entries_read` named argument.")],
                    args: &[
                        Arg::key(),
                        Arg::string("groupname"),
                        Arg::one_of("id", &[Arg::string("id"), Arg::word("new_id", "$")]),
                        Arg::word("mkstream", "MKSTREAM").optional(),
                        Arg::integer("entries_read").after("ENTRIESREAD").optional(),
                    ],
                    ..CommandSpec::BASE
                },
                subcommands: &[],
            },
            DataCommand {
                run: group::createconsumer,
                spec: CommandSpec {
                    name: "createconsumer",
                    summary: "Create a consumer in a consumer group.",
                    since: "6.2.0",
                    complexity: "O(1)",
                    group: Group::Stream,
                    arity: Arity::Exactly(5),
                    flags: flags::WRITE | flags::DENYOOM,
                    acl: acl::STREAM,
                    keys: &[KeySpec::at(2, keys::RW | keys::INSERT)],
                    args: &[Arg::key(), Arg::string("groupname"), Arg::string("consumername")],
                    ..CommandSpec::BASE
                },
                subcommands: &[],
            },
            DataCommand {
                run: group::delconsumer,
                spec: CommandSpec {
                    name: "delconsumer",
                    summary: "Delete a consumer from a consumer group.",
                    since: "5.0.0",
                    complexity: "O(1)",
                    group: Group::Stream,
                    arity: Arity::Exactly(5),
                    flags: flags::WRITE,
                    acl: acl::STREAM,
                    keys: &[KeySpec::at(2, keys::RW | keys::DELETE)],
                    args: &[Arg::key(), Arg::string("groupname"), Arg::string("consumername")],
                    ..CommandSpec::BASE
                },
                subcommands: &[],
            },
            DataCommand {
                run: group::destroy,
                spec: CommandSpec {
                    name: "destroy",
                    summary: "Destroy a consumer group.",
                    since: "5.0.0",
                    complexity: "O(N) where N is the number of entries in the group's pending entries list \
                        (PEL).",
                    group: Group::Stream,
                    arity: Arity::Exactly(4),
                    flags: flags::WRITE,
                    acl: acl::STREAM,
                    keys: &[KeySpec::at(2, keys::RW | keys::DELETE)],
                    args: &[Arg::key(), Arg::string("groupname")],
                    ..CommandSpec::BASE
                },
                subcommands: &[],
            },
            DataCommand {
                run: group::help,
                spec: CommandSpec {
                    name: "help",
                    summary: "Show helpful text about the different subcommands",
                    since: "5.0.0",
                    complexity: "O(1)",
                    group: Group::Stream,
                    arity: Arity::Exactly(2),
                    flags: flags::LOADING | flags::STALE,
                    acl: acl::STREAM,
                    ..CommandSpec::BASE
                },
                subcommands: &[],
            },
            DataCommand {
                run: group::setid,
                spec: CommandSpec {
                    name: "setid",
                    summary: "Set a consumer group to an arbitrary last delivered ID value.",
                    since: "5.0.0",
                    complexity: "O(1)",
                    group: Group::Stream,
                    arity: Arity::AtLeast(5),
                    flags: flags::WRITE,
                    acl: acl::STREAM,
                    keys: &[KeySpec::at(2, keys::RW | keys::UPDATE)],
                    history: &[("7.0.0", "Added the optional `entries_read` argument.")],
                    args: &[
                        Arg::key(),
                        Arg::string("groupname"),
                        Arg::one_of("id", &[Arg::string("id"), Arg::word("new_id", "$")]),
                        Arg::integer("entries_read").after("ENTRIESREAD").optional(),
                    ],
                    ..CommandSpec::BASE
                },
                subcommands: &[],
            },
        ],
    },
    DataCommand {
        run: info::help,
        spec: CommandSpec {
            name: "xinfo",
            summary: "A container for stream introspection commands",
            since: "5.0.0",
            complexity: "Depends on subcommand.",
            group: Group::Stream,
            arity: Arity::AtLeast(2),
            ..CommandSpec::BASE
        },
        subcommands: &[
            DataCommand {
                run: info::consumers,
                spec: CommandSpec {
                    name: "consumers",
                    summary: "List the consumers in a consumer group",
                    since: "5.0.0",
                    complexity: "O(1)",
                    group: Group::Stream,
                    arity: Arity::Exactly(4),
                    flags: flags::READONLY,
                    acl: acl::STREAM,
                    keys: &[KeySpec::at(2, keys::RO | keys::ACCESS)],
                    tips: &["nondeterministic_output"],
                    args: &[Arg::key(), Arg::string("groupname")],
                    ..CommandSpec::BASE
                },
                subcommands: &[],
            },
            DataCommand {
                run: info::groups,
                spec: CommandSpec {
                    name: "groups",
                    summary: "List the consumer groups of a stream",
                    since: "5.0.0",
                    complexity: "O(1)",
                    group: Group::Stream,
                    arity: Arity::Exactly(3),
                    flags: flags::READONLY,
                    acl: acl::STREAM,
                    keys: &[KeySpec::at(2, keys::RO | keys::ACCESS)],
                    history: &[("7.0.0", "Added the `entries-read` and `lag` fields")],
                    args: &[Arg::key()],
                    ..CommandSpec::BASE
                },
                subcommands: &[],
            },
            DataCommand {
                run: info::help,
                spec: CommandSpec {
                    name: "help",
                    summary: "Show helpful text about the different subcommands",
                    since: "5.0.0",
                    complexity: "O(1)",
                    group: Group::Stream,
                    arity: Arity::Exactly(2),
                    flags: flags::LOADING | flags::STALE,
                    acl: acl::STREAM,
                    ..CommandSpec::BASE
                },
                subcommands: &[],
            },
            DataCommand {
                run: info::stream,
                spec: CommandSpec {
                    name: "stream",
                    summary: "Get information about a stream",
                    since: "5.0.0",
                    complexity: "O(1)",
                    group: Group::Stream,
                    arity: Arity::AtLeast(3),
                    flags: flags::READONLY,
                    acl: acl::STREAM,
                    keys: &[KeySpec::at(2, keys::RO | keys::ACCESS)],
                    history: &[
                        ("6.0.0", "Added the `FULL` modifier."),
                        (
                            "7.0.0",
                            "Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, \
                                `entries-read` and `lag` fields",
                        ),
                    ],
                    args: &[
                        Arg::key(),
                        Arg::block("full", &[Arg::integer("count").after("COUNT").optional()])
                            .after("FULL")
                            .optional(),
                    ],
                    ..CommandSpec::BASE
                },
                subcommands: &[],
            },
        ],
    },
    DataCommand {
        run: pending::xpending,
        spec: CommandSpec {
            name: "xpending",
            summary: "Return information and entries from a stream consumer group pending entries list, \
                that are messages fetched but never acknowledged.",
            since: "5.0.0",
            complexity: "O(N) with N being the number of elements returned, so asking for a small fixed \
                number of entries per call is O(1). O(M), where M is the total number of entries scanned \
                when used with the IDLE filter. When the command returns just the summary and the list of \
                consumers is small, it runs in O(1) time; otherwise, an additional O(N) time for iterating \
                every consumer.",
            group: Group::Stream,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY,
            acl: acl::STREAM,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output"],
            history: &[("6.2.0", "Added the `IDLE` option and exclusive range intervals.")],
            args: &[
                Arg::key(),
                Arg::string("group"),
                Arg::block(
                    "filters",
                    &[
                        Arg::integer("min-idle-time").after("IDLE").since("6.2.0").optional(),
                        Arg::string("start"),
                        Arg::string("end"),
                        Arg::integer("count"),
                        Arg::string("consumer").optional(),
                    ],
                )
                .optional(),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: read::xreadgroup,
        spec: CommandSpec {
            name: "xreadgroup",
            block_option: Some("block"),
            summary: "Return new entries from a stream using a consumer group, or access the history of the \
                pending entries for a given consumer. Can block.",
            since: "5.0.0",
            complexity: "For each stream mentioned: O(M) with M being the number of elements returned. If M \
                is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it \
                O(1). On the other side when XREADGROUP blocks, XADD will pay the O(N) time in order to \
                serve the N clients blocked on the stream getting new data.",
            group: Group::Stream,
            arity: Arity::AtLeast(7),
            flags: flags::WRITE | flags::BLOCKING | flags::MOVABLE_KEYS,
            acl: acl::STREAM,
            keys: &[read::GROUP_KEYS],
            find_keys: Some(read::find_keys),
            args: &[
                Arg::block("group_consumer", &[Arg::string("group"), Arg::string("consumer")]).after("GROUP"),
                Arg::integer("count").after("COUNT").optional(),
                Arg::integer("milliseconds").after("BLOCK").optional(),
                Arg::word("noack", "NOACK").optional(),
                Arg::block("streams", &[Arg::key().multiple(), Arg::string("id").multiple()])
                    .after("STREAMS"),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
