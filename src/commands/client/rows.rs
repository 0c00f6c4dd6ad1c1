//! The rows of CLIENT and its subcommands.

use shards::command::flags::{self, acl};
use shards::command::shapes::{container_of, help_of};
use shards::command::{Arg, Arity, CommandGroup, CommandSpec, RequestPolicy, ResponsePolicy};

use super::tracking_commands::{
    client_caching, client_getredir, client_tracking, client_trackinginfo, foresee_caching, foresee_tracking,
};
use super::{
    client, client_getname, client_help, client_id, client_info, client_kill, client_list, client_no_evict,
    client_no_touch, client_reply, client_setinfo, client_setname, client_unblock, foresee_no_touch,
};
use crate::session::command::SessionCommand;

/// The words that CLIENT NO-EVICT and its kin understand.
const ON_OR_OFF: &[Arg] = &[Arg::word("on", "ON"), Arg::word("off", "OFF")];

/// What most of the subcommands have in common.
const OF_CLIENT: CommandSpec = CommandSpec {
    complexity: "O(1)",
    group: CommandGroup::Connection,
    arity: Arity::Exactly(2),
    flags: flags::NOSCRIPT | flags::LOADING | flags::STALE,
    acl: acl::CONNECTION,
    keeps_caching: true,
    ..CommandSpec::BASE
};

/// What sets something of the client by one word.
const SETTING: CommandSpec = CommandSpec { arity: Arity::Exactly(3), ..OF_CLIENT };

/// What only administrators may.
const FOR_ADMINS: CommandSpec =
    CommandSpec { flags: flags::ADMIN | flags::NOSCRIPT | flags::LOADING | flags::STALE, ..OF_CLIENT };

/// The rows.
pub static COMMANDS: &[SessionCommand] = &[SessionCommand::new(
    client,
    CommandSpec {
        name: "client",
        summary: "A container for client connection commands",
        since: "2.4.0",
        ..container_of(CommandGroup::Connection)
    },
)
.with_subcommands(&[
    SessionCommand::new(
        client_id,
        CommandSpec {
            name: "id",
            summary: "Returns the client ID for the current connection",
            since: "5.0.0",
            ..OF_CLIENT
        },
    ),
    SessionCommand::new(
        client_info,
        CommandSpec {
            name: "info",
            summary: "Returns information about the current client connection.",
            since: "6.2.0",
            tips: &["nondeterministic_output"],
            ..OF_CLIENT
        },
    ),
    SessionCommand::new(
        client_list,
        CommandSpec {
            name: "list",
            summary: "Get the list of client connections",
            since: "2.4.0",
            complexity: "O(N) where N is the number of client connections",
            arity: Arity::AtLeast(2),
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
                Arg::one_of(
                    "normal_master_replica_pubsub",
                    &[
                        Arg::word("normal", "NORMAL"),
                        Arg::word("master", "MASTER"),
                        Arg::word("replica", "REPLICA"),
                        Arg::word("pubsub", "PUBSUB"),
                    ],
                )
                .after("TYPE")
                .since("5.0.0")
                .optional(),
                Arg::block("id", &[Arg::integer("client-id").multiple()])
                    .after("ID")
                    .since("6.2.0")
                    .optional(),
            ],
            ..FOR_ADMINS
        },
    ),
    SessionCommand::new(
        client_setname,
        CommandSpec {
            name: "setname",
            summary: "Set the current connection name",
            since: "2.6.9",
            args: &[Arg::string("connection-name")],
            ..SETTING
        },
    ),
    SessionCommand::new(
        client_getname,
        CommandSpec {
            name: "getname",
            summary: "Get the current connection name",
            since: "2.6.9",
            ..OF_CLIENT
        },
    ),
    SessionCommand::new(
        client_kill,
        CommandSpec {
            name: "kill",
            summary: "Kill the connection of a client",
            since: "2.4.0",
            complexity: "O(N) where N is the number of client connections",
            arity: Arity::AtLeast(3),
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
            args: &[Arg::one_of(
                "filter",
                &[
                    Arg::string("ip:port").deprecated_since("2.8.12"),
                    Arg::one_of(
                        "new-format",
                        &[
                            Arg::integer("client-id").after("ID").since("2.8.12").optional(),
                            Arg::one_of(
                                "normal_master_slave_pubsub",
                                &[
                                    Arg::word("normal", "NORMAL"),
                                    Arg::word("master", "MASTER").since("3.2.0"),
                                    Arg::word("slave", "SLAVE"),
                                    Arg::word("replica", "REPLICA").since("5.0.0"),
                                    Arg::word("pubsub", "PUBSUB"),
                                ],
                            )
                            .after("TYPE")
                            .since("2.8.12")
                            .optional(),
                            Arg::string("username").after("USER").optional(),
                            Arg::string("ip:port").after("ADDR").optional(),
                            Arg::string("ip:port").after("LADDR").since("6.2.0").optional(),
                            Arg::string("yes/no").after("SKIPME").optional(),
                        ],
                    )
                    .multiple(),
                ],
            )],
            ..FOR_ADMINS
        },
    )
    .after_replies(),
    SessionCommand::new(
        client_reply,
        CommandSpec {
            name: "reply",
            summary: "Instruct the server whether to reply to commands",
            since: "3.2.0",
            args: &[Arg::one_of(
                "on_off_skip",
                &[Arg::word("on", "ON"), Arg::word("off", "OFF"), Arg::word("skip", "SKIP")],
            )],
            ..SETTING
        },
    ),
    SessionCommand::new(
        client_no_evict,
        CommandSpec {
            name: "no-evict",
            summary: "Set client eviction mode for the current connection",
            since: "7.0.0",
            arity: Arity::Exactly(3),
            args: &[Arg::one_of("enabled", ON_OR_OFF)],
            ..FOR_ADMINS
        },
    ),
    SessionCommand::new(client_help, CommandSpec { since: "5.0.0", ..help_of(OF_CLIENT) }),
    SessionCommand::new(
        client_setinfo,
        CommandSpec {
            name: "setinfo",
            summary: "Sets information specific to the client or connection.",
            since: "7.2.0",
            arity: Arity::Exactly(4),
            request_policy: Some(RequestPolicy::AllNodes),
            response_policy: Some(ResponsePolicy::AllSucceeded),
            args: &[Arg::one_of(
                "attr",
                &[Arg::string("libname").after("LIB-NAME"), Arg::string("libver").after("LIB-VER")],
            )],
            ..OF_CLIENT
        },
    ),
    SessionCommand::new(
        client_unblock,
        CommandSpec {
            name: "unblock",
            summary: "Unblock a client blocked in a blocking command from a different connection",
            since: "5.0.0",
            complexity: "O(log N) where N is the number of client connections",
            arity: Arity::AtLeast(3),
            args: &[
                Arg::integer("client-id"),
                Arg::one_of("timeout_error", &[Arg::word("timeout", "TIMEOUT"), Arg::word("error", "ERROR")])
                    .optional(),
            ],
            ..FOR_ADMINS
        },
    )
    .after_replies(),
    SessionCommand::new(
        client_no_touch,
        CommandSpec {
            name: "no-touch",
            summary: "Controls whether commands sent by the client affect the LRU/LFU of accessed keys.",
            since: "7.2.0",
            args: &[Arg::one_of("enabled", ON_OR_OFF)],
            ..SETTING
        },
    )
    .foresees(foresee_no_touch),
    SessionCommand::new(
        client_tracking,
        CommandSpec {
            name: "tracking",
            summary: "Enable or disable server assisted client side caching support",
            since: "6.0.0",
            complexity: "O(1). Some options may introduce additional complexity.",
            arity: Arity::AtLeast(3),
            args: &[
                Arg::one_of("status", ON_OR_OFF),
                Arg::integer("client-id").after("REDIRECT").optional(),
                Arg::string("prefix").after("PREFIX").optional().multiple_with_token(),
                Arg::word("bcast", "BCAST").optional(),
                Arg::word("optin", "OPTIN").optional(),
                Arg::word("optout", "OPTOUT").optional(),
                Arg::word("noloop", "NOLOOP").optional(),
            ],
            ..OF_CLIENT
        },
    )
    .foresees(foresee_tracking),
    SessionCommand::new(
        client_caching,
        CommandSpec {
            name: "caching",
            summary: "Instruct the server about tracking or not keys in the next request",
            since: "6.0.0",
            args: &[Arg::one_of("mode", &[Arg::word("yes", "YES"), Arg::word("no", "NO")])],
            ..SETTING
        },
    )
    .foresees(foresee_caching),
    SessionCommand::new(
        client_getredir,
        CommandSpec {
            name: "getredir",
            summary: "Get tracking notifications redirection client ID if any",
            since: "6.0.0",
            ..OF_CLIENT
        },
    ),
    SessionCommand::new(
        client_trackinginfo,
        CommandSpec {
            name: "trackinginfo",
            summary: "Return information about server assisted client side caching for the \
                current connection",
            since: "6.2.0",
            ..OF_CLIENT
        },
    ),
])];
