//! The rows of CLIENT and its subcommands.

use shards::command::flags::{self, acl};
use shards::command::{Arg, ArgKind, Arity, CommandSpec, Group, RequestPolicy, ResponsePolicy};

use super::tracking::{client_caching, client_getredir, client_tracking, client_trackinginfo};
use super::{
    client, client_getname, client_help, client_id, client_info, client_kill, client_list, client_no_evict,
    client_no_touch, client_reply, client_setinfo, client_setname, client_unblock,
};
use crate::session::command::SessionCommand;

/// The words that CLIENT NO-EVICT and its kin understand.
const ON_OR_OFF: &[Arg] = &[
    Arg { name: "on", kind: ArgKind::PureToken, token: "ON", ..Arg::BASE },
    Arg { name: "off", kind: ArgKind::PureToken, token: "OFF", ..Arg::BASE },
];

/// The rows.
pub static COMMANDS: &[SessionCommand] = &[SessionCommand {
    run: client,
    spec: CommandSpec {
        name: "client",
        summary: "A container for client connection commands",
        since: "2.4.0",
        complexity: "Depends on subcommand.",
        group: Group::Connection,
        arity: Arity::AtLeast(2),
        ..CommandSpec::BASE
    },
    subcommands: &[
        SessionCommand {
            run: client_id,
            spec: CommandSpec {
                name: "id",
                summary: "Returns the client ID for the current connection",
                since: "5.0.0",
                complexity: "O(1)",
                group: Group::Connection,
                arity: Arity::Exactly(2),
                flags: flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_info,
            spec: CommandSpec {
                name: "info",
                summary: "Returns information about the current client connection.",
                since: "6.2.0",
                complexity: "O(1)",
                group: Group::Connection,
                arity: Arity::Exactly(2),
                flags: flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                tips: &["nondeterministic_output"],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_list,
            spec: CommandSpec {
                name: "list",
                summary: "Get the list of client connections",
                since: "2.4.0",
                complexity: "O(N) where N is the number of client connections",
                group: Group::Connection,
                arity: Arity::AtLeast(2),
                flags: flags::ADMIN | flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                tips: &["nondeterministic_output"],
                history: &[
                    ("2.8.12", "Added unique client `id` field."),
                    ("5.0.0", "Added optional `TYPE` filter."),
                    ("6.0.0", "Added `user` field."),
                    (
                        "6.2.0",
                        "Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` \
                            filter.",
                    ),
                    ("7.0.0", "Added `resp`, `multi-mem`, `rbs` and `rbp` fields."),
                    ("7.0.3", "Added `ssub` field."),
                ],
                args: &[
                    Arg {
                        name: "normal_master_replica_pubsub",
                        kind: ArgKind::OneOf,
                        token: "TYPE",
                        since: "5.0.0",
                        optional: true,
                        args: &[
                            Arg { name: "normal", kind: ArgKind::PureToken, token: "NORMAL", ..Arg::BASE },
                            Arg { name: "master", kind: ArgKind::PureToken, token: "MASTER", ..Arg::BASE },
                            Arg { name: "replica", kind: ArgKind::PureToken, token: "REPLICA", ..Arg::BASE },
                            Arg { name: "pubsub", kind: ArgKind::PureToken, token: "PUBSUB", ..Arg::BASE },
                        ],
                        ..Arg::BASE
                    },
                    Arg {
                        name: "id",
                        kind: ArgKind::Block,
                        token: "ID",
                        since: "6.2.0",
                        optional: true,
                        args: &[Arg {
                            name: "client-id",
                            kind: ArgKind::Integer,
                            multiple: true,
                            ..Arg::BASE
                        }],
                        ..Arg::BASE
                    },
                ],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_setname,
            spec: CommandSpec {
                name: "setname",
                summary: "Set the current connection name",
                since: "2.6.9",
                complexity: "O(1)",
                group: Group::Connection,
                arity: Arity::Exactly(3),
                flags: flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                args: &[Arg { name: "connection-name", ..Arg::BASE }],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_getname,
            spec: CommandSpec {
                name: "getname",
                summary: "Get the current connection name",
                since: "2.6.9",
                complexity: "O(1)",
                group: Group::Connection,
                arity: Arity::Exactly(2),
                flags: flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_kill,
            spec: CommandSpec {
                name: "kill",
                summary: "Kill the connection of a client",
                since: "2.4.0",
                complexity: "O(N) where N is the number of client connections",
                group: Group::Connection,
                arity: Arity::AtLeast(3),
                flags: flags::ADMIN | flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                history: &[
                    ("2.8.12", "Added new filter format."),
                    ("2.8.12", "`ID` option."),
                    ("3.2.0", "Added `master` type in for `TYPE` option."),
                    (
                        "5.0.0",
                        "Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward \
                            compatibility.",
                    ),
                    ("6.2.0", "`LADDR` option."),
                ],
                args: &[Arg {
                    name: "filter",
                    kind: ArgKind::OneOf,
                    args: &[
                        Arg { name: "ip:port", deprecated_since: "2.8.12", ..Arg::BASE },
                        Arg {
                            name: "new-format",
                            kind: ArgKind::OneOf,
                            multiple: true,
                            args: &[
                                Arg {
                                    name: "client-id",
                                    kind: ArgKind::Integer,
                                    token: "ID",
                                    since: "2.8.12",
                                    optional: true,
                                    ..Arg::BASE
                                },
                                Arg {
                                    name: "normal_master_slave_pubsub",
                                    kind: ArgKind::OneOf,
                                    token: "TYPE",
                                    since: "2.8.12",
                                    optional: true,
                                    args: &[
                                        Arg {
                                            name: "normal",
                                            kind: ArgKind::PureToken,
                                            token: "NORMAL",
                                            ..Arg::BASE
                                        },
                                        Arg {
                                            name: "master",
                                            kind: ArgKind::PureToken,
                                            token: "MASTER",
                                            since: "3.2.0",
                                            ..Arg::BASE
                                        },
                                        Arg {
                                            name: "slave",
                                            kind: ArgKind::PureToken,
                                            token: "SLAVE",
                                            ..Arg::BASE
                                        },
                                        Arg {
                                            name: "replica",
                                            kind: ArgKind::PureToken,
                                            token: "REPLICA",
                                            since: "5.0.0",
                                            ..Arg::BASE
                                        },
                                        Arg {
                                            name: "pubsub",
                                            kind: ArgKind::PureToken,
                                            token: "PUBSUB",
                                            ..Arg::BASE
                                        },
                                    ],
                                    ..Arg::BASE
                                },
                                Arg { name: "username", token: "USER", optional: true, ..Arg::BASE },
                                Arg { name: "ip:port", token: "ADDR", optional: true, ..Arg::BASE },
                                Arg {
                                    name: "ip:port",
                                    token: "LADDR",
                                    since: "6.2.0",
                                    optional: true,
                                    ..Arg::BASE
                                },
                                Arg { name: "yes/no", token: "SKIPME", optional: true, ..Arg::BASE },
                            ],
                            ..Arg::BASE
                        },
                    ],
                    ..Arg::BASE
                }],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_reply,
            spec: CommandSpec {
                name: "reply",
                summary: "Instruct the server whether to reply to commands",
                since: "3.2.0",
                complexity: "O(1)",
                group: Group::Connection,
                arity: Arity::Exactly(3),
                flags: flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                args: &[Arg {
                    name: "on_off_skip",
                    kind: ArgKind::OneOf,
                    args: &[
                        Arg { name: "on", kind: ArgKind::PureToken, token: "ON", ..Arg::BASE },
                        Arg { name: "off", kind: ArgKind::PureToken, token: "OFF", ..Arg::BASE },
                        Arg { name: "skip", kind: ArgKind::PureToken, token: "SKIP", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                }],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_no_evict,
            spec: CommandSpec {
                name: "no-evict",
                summary: "Set client eviction mode for the current connection",
                since: "7.0.0",
                complexity: "O(1)",
                group: Group::Connection,
                arity: Arity::Exactly(3),
                flags: flags::ADMIN | flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                args: &[Arg { name: "enabled", kind: ArgKind::OneOf, args: ON_OR_OFF, ..Arg::BASE }],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_help,
            spec: CommandSpec {
                name: "help",
                summary: "Show helpful text about the different subcommands",
                since: "5.0.0",
                complexity: "O(1)",
                group: Group::Connection,
                arity: Arity::Exactly(2),
                flags: flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_setinfo,
            spec: CommandSpec {
                name: "setinfo",
                summary: "Sets information specific to the client or connection.",
                since: "7.2.0",
                complexity: "O(1)",
                group: Group::Connection,
                arity: Arity::Exactly(4),
                flags: flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                request_policy: Some(RequestPolicy::AllNodes),
                response_policy: Some(ResponsePolicy::AllSucceeded),
                args: &[Arg {
                    name: "attr",
                    kind: ArgKind::OneOf,
                    args: &[
                        Arg { name: "libname", token: "LIB-NAME", ..Arg::BASE },
                        Arg { name: "libver", token: "LIB-VER", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                }],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_unblock,
            spec: CommandSpec {
                name: "unblock",
                summary: "Unblock a client blocked in a blocking command from a different connection",
                since: "5.0.0",
                complexity: "O(log N) where N is the number of client connections",
                group: Group::Connection,
                arity: Arity::AtLeast(3),
                flags: flags::ADMIN | flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                args: &[
                    Arg { name: "client-id", kind: ArgKind::Integer, ..Arg::BASE },
                    Arg {
                        name: "timeout_error",
                        kind: ArgKind::OneOf,
                        optional: true,
                        args: &[
                            Arg { name: "timeout", kind: ArgKind::PureToken, token: "TIMEOUT", ..Arg::BASE },
                            Arg { name: "error", kind: ArgKind::PureToken, token: "ERROR", ..Arg::BASE },
                        ],
                        ..Arg::BASE
                    },
                ],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_no_touch,
            spec: CommandSpec {
                name: "no-touch",
                summary: "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
                since: "7.2.0",
                complexity: "O(1)",
                group: Group::Connection,
                arity: Arity::Exactly(3),
                flags: flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                args: &[Arg { name: "enabled", kind: ArgKind::OneOf, args: ON_OR_OFF, ..Arg::BASE }],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_tracking,
            spec: CommandSpec {
                name: "tracking",
                summary: "Enable or disable server assisted client side caching support",
                since: "6.0.0",
                complexity: "O(1). Some options may introduce additional complexity.",
                group: Group::Connection,
                arity: Arity::AtLeast(3),
                flags: flags::CHANGES_TRACKING | flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                args: &[
                    Arg { name: "status", kind: ArgKind::OneOf, args: ON_OR_OFF, ..Arg::BASE },
                    Arg {
                        name: "client-id",
                        kind: ArgKind::Integer,
                        token: "REDIRECT",
                        optional: true,
                        ..Arg::BASE
                    },
                    Arg {
                        name: "prefix",
                        token: "PREFIX",
                        optional: true,
                        multiple: true,
                        multiple_token: true,
                        ..Arg::BASE
                    },
                    Arg {
                        name: "bcast",
                        kind: ArgKind::PureToken,
                        token: "BCAST",
                        optional: true,
                        ..Arg::BASE
                    },
                    Arg {
                        name: "optin",
                        kind: ArgKind::PureToken,
                        token: "OPTIN",
                        optional: true,
                        ..Arg::BASE
                    },
                    Arg {
                        name: "optout",
                        kind: ArgKind::PureToken,
                        token: "OPTOUT",
                        optional: true,
                        ..Arg::BASE
                    },
                    Arg {
                        name: "noloop",
                        kind: ArgKind::PureToken,
                        token: "NOLOOP",
                        optional: true,
                        ..Arg::BASE
                    },
                ],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_caching,
            spec: CommandSpec {
                name: "caching",
                summary: "Instruct the server about tracking or not keys in the next request",
                since: "6.0.0",
                complexity: "O(1)",
                group: Group::Connection,
                arity: Arity::Exactly(3),
                flags: flags::CHANGES_TRACKING | flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                args: &[Arg {
                    name: "mode",
                    kind: ArgKind::OneOf,
                    args: &[
                        Arg { name: "yes", kind: ArgKind::PureToken, token: "YES", ..Arg::BASE },
                        Arg { name: "no", kind: ArgKind::PureToken, token: "NO", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                }],
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_getredir,
            spec: CommandSpec {
                name: "getredir",
                summary: "Get tracking notifications redirection client ID if any",
                since: "6.0.0",
                complexity: "O(1)",
                group: Group::Connection,
                arity: Arity::Exactly(2),
                flags: flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
        SessionCommand {
            run: client_trackinginfo,
            spec: CommandSpec {
                name: "trackinginfo",
                summary: "Return information about server assisted client side caching for the current connection",
                since: "6.2.0",
                complexity: "O(1)",
                group: Group::Connection,
                arity: Arity::Exactly(2),
                flags: flags::NOSCRIPT | flags::LOADING | flags::STALE,
                acl: acl::CONNECTION,
                ..CommandSpec::BASE
            },
            subcommands: &[],
        },
    ],
}];
