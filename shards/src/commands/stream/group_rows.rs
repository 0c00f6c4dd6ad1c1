//! The rows of the commands on groups: [`super::claim`], [`super::group`], [`super::info`], [`super::pending`], and of
//! XREADGROUP in [`super::read`].

use super::{claim, group, info, pending, read};
use crate::command::flags::{self, acl};
use crate::command::{Arg, ArgKind, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

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
            args: &[
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "group", ..Arg::BASE },
                Arg { name: "id", multiple: true, ..Arg::BASE },
            ],
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
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "group", ..Arg::BASE },
                Arg { name: "consumer", ..Arg::BASE },
                Arg { name: "min-idle-time", ..Arg::BASE },
                Arg { name: "start", ..Arg::BASE },
                Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..Arg::BASE },
                Arg {
                    name: "justid",
                    kind: ArgKind::PureToken,
                    token: "JUSTID",
                    optional: true,
                    ..Arg::BASE
                },
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
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "group", ..Arg::BASE },
                Arg { name: "consumer", ..Arg::BASE },
                Arg { name: "min-idle-time", ..Arg::BASE },
                Arg { name: "id", multiple: true, ..Arg::BASE },
                Arg { name: "ms", kind: ArgKind::Integer, token: "IDLE", optional: true, ..Arg::BASE },
                Arg {
                    name: "unix-time-milliseconds",
                    kind: ArgKind::UnixTime,
                    token: "TIME",
                    optional: true,
                    ..Arg::BASE
                },
                Arg {
                    name: "count",
                    kind: ArgKind::Integer,
                    token: "RETRYCOUNT",
                    optional: true,
                    ..Arg::BASE
                },
                Arg { name: "force", kind: ArgKind::PureToken, token: "FORCE", optional: true, ..Arg::BASE },
                Arg {
                    name: "justid",
                    kind: ArgKind::PureToken,
                    token: "JUSTID",
                    optional: true,
                    ..Arg::BASE
                },
                Arg { name: "id", token: "LASTID", optional: true, ..Arg::BASE },
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
                        Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                        Arg { name: "groupname", ..Arg::BASE },
                        Arg {
                            name: "id",
                            kind: ArgKind::OneOf,
                            args: &[
                                Arg { name: "id", ..Arg::BASE },
                                Arg { name: "new_id", kind: ArgKind::PureToken, token: "$", ..Arg::BASE },
                            ],
                            ..Arg::BASE
                        },
                        Arg {
                            name: "mkstream",
                            kind: ArgKind::PureToken,
                            token: "MKSTREAM",
                            optional: true,
                            ..Arg::BASE
                        },
                        Arg {
                            name: "entries_read",
                            kind: ArgKind::Integer,
                            token: "ENTRIESREAD",
                            optional: true,
                            ..Arg::BASE
                        },
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
                    args: &[
                        Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                        Arg { name: "groupname", ..Arg::BASE },
                        Arg { name: "consumername", ..Arg::BASE },
                    ],
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
                    args: &[
                        Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                        Arg { name: "groupname", ..Arg::BASE },
                        Arg { name: "consumername", ..Arg::BASE },
                    ],
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
                    args: &[
                        Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                        Arg { name: "groupname", ..Arg::BASE },
                    ],
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
                        Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                        Arg { name: "groupname", ..Arg::BASE },
                        Arg {
                            name: "id",
                            kind: ArgKind::OneOf,
                            args: &[
                                Arg { name: "id", ..Arg::BASE },
                                Arg { name: "new_id", kind: ArgKind::PureToken, token: "$", ..Arg::BASE },
                            ],
                            ..Arg::BASE
                        },
                        Arg {
                            name: "entries_read",
                            kind: ArgKind::Integer,
                            token: "ENTRIESREAD",
                            optional: true,
                            ..Arg::BASE
                        },
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
                    args: &[
                        Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                        Arg { name: "groupname", ..Arg::BASE },
                    ],
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
                    args: &[Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE }],
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
                        Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                        Arg {
                            name: "full",
                            kind: ArgKind::Block,
                            token: "FULL",
                            optional: true,
                            args: &[Arg {
                                name: "count",
                                kind: ArgKind::Integer,
                                token: "COUNT",
                                optional: true,
                                ..Arg::BASE
                            }],
                            ..Arg::BASE
                        },
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
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "group", ..Arg::BASE },
                Arg {
                    name: "filters",
                    kind: ArgKind::Block,
                    optional: true,
                    args: &[
                        Arg {
                            name: "min-idle-time",
                            kind: ArgKind::Integer,
                            token: "IDLE",
                            since: "6.2.0",
                            optional: true,
                            ..Arg::BASE
                        },
                        Arg { name: "start", ..Arg::BASE },
                        Arg { name: "end", ..Arg::BASE },
                        Arg { name: "count", kind: ArgKind::Integer, ..Arg::BASE },
                        Arg { name: "consumer", optional: true, ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
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
                Arg {
                    name: "group_consumer",
                    kind: ArgKind::Block,
                    token: "GROUP",
                    args: &[Arg { name: "group", ..Arg::BASE }, Arg { name: "consumer", ..Arg::BASE }],
                    ..Arg::BASE
                },
                Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", optional: true, ..Arg::BASE },
                Arg {
                    name: "milliseconds",
                    kind: ArgKind::Integer,
                    token: "BLOCK",
                    optional: true,
                    ..Arg::BASE
                },
                Arg { name: "noack", kind: ArgKind::PureToken, token: "NOACK", optional: true, ..Arg::BASE },
                Arg {
                    name: "streams",
                    kind: ArgKind::Block,
                    token: "STREAMS",
                    args: &[
                        Arg {
                            name: "key",
                            kind: ArgKind::Key,
                            key_spec_index: Some(0),
                            multiple: true,
                            ..Arg::BASE
                        },
                        Arg { name: "id", multiple: true, ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
