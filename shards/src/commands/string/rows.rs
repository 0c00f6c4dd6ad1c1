//! The rows of the commands in [`crate::commands::string`]. Apart from their handlers for length only: with its options
//! documented for COMMAND DOCS, SET alone takes a page.

use crate::args::Args;
use crate::command::flags::{self, acl};
use crate::command::keys::KeyPosition;
use crate::command::{
    Arg, Arity, CommandSpec, DataCommand, Group, KeySpec, RequestPolicy, ResponsePolicy, keys,
};

pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: super::get,
        spec: CommandSpec {
            name: "get",
            summary: "Get the value of a key",
            since: "1.0.0",
            complexity: "O(1)",
            group: Group::String,
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::STRING,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::set,
        spec: CommandSpec {
            name: "set",
            summary: "Set the string value of a key",
            since: "1.0.0",
            complexity: "O(1)",
            group: Group::String,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::STRING,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE | keys::VARIABLE_FLAGS)
                .notes("RW and ACCESS due to the optional `GET` argument")],
            find_keys: Some(set_keys),
            history: &[
                ("2.6.12", "Added the `EX`, `PX`, `NX` and `XX` options."),
                ("6.0.0", "Added the `KEEPTTL` option."),
                ("6.2.0", "Added the `GET`, `EXAT` and `PXAT` option."),
                ("7.0.0", "Allowed the `NX` and `GET` options to be used together."),
            ],
            args: &[
                Arg::key(),
                Arg::string("value"),
                Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
                    .since("2.6.12")
                    .optional(),
                Arg::word("get", "GET").since("6.2.0").optional(),
                Arg::one_of(
                    "expiration",
                    &[
                        Arg::integer("seconds").after("EX").since("2.6.12"),
                        Arg::integer("milliseconds").after("PX").since("2.6.12"),
                        Arg::unix_time("unix-time-seconds").after("EXAT").since("6.2.0"),
                        Arg::unix_time("unix-time-milliseconds").after("PXAT").since("6.2.0"),
                        Arg::word("keepttl", "KEEPTTL").since("6.0.0"),
                    ],
                )
                .optional(),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::setex,
        spec: CommandSpec {
            name: "setex",
            summary: "Set the value and expiration of a key",
            since: "2.0.0",
            complexity: "O(1)",
            group: Group::String,
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::STRING,
            keys: &[KeySpec::at(1, keys::OW | keys::UPDATE)],
            args: &[Arg::key(), Arg::integer("seconds"), Arg::string("value")],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::psetex,
        spec: CommandSpec {
            name: "psetex",
            summary: "Set the value and expiration in milliseconds of a key",
            since: "2.6.0",
            complexity: "O(1)",
            group: Group::String,
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::STRING,
            keys: &[KeySpec::at(1, keys::OW | keys::UPDATE)],
            args: &[Arg::key(), Arg::integer("milliseconds"), Arg::string("value")],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::setnx,
        spec: CommandSpec {
            name: "setnx",
            summary: "Set the value of a key, only if the key does not exist",
            since: "1.0.0",
            complexity: "O(1)",
            group: Group::String,
            arity: Arity::Exactly(3),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::STRING,
            keys: &[KeySpec::at(1, keys::OW | keys::INSERT)],
            args: &[Arg::key(), Arg::string("value")],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::getset,
        spec: CommandSpec {
            name: "getset",
            summary: "Set the string value of a key and return its old value",
            since: "1.0.0",
            complexity: "O(1)",
            group: Group::String,
            arity: Arity::Exactly(3),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::STRING,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)],
            doc_flags: &["deprecated"],
            deprecated_since: Some("6.2.0"),
            replaced_by: Some("`SET` with the `!GET` argument"),
            args: &[Arg::key(), Arg::string("value")],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::getdel,
        spec: CommandSpec {
            name: "getdel",
            summary: "Get the value of a key and delete the key",
            since: "6.2.0",
            complexity: "O(1)",
            group: Group::String,
            arity: Arity::Exactly(2),
            flags: flags::WRITE | flags::FAST,
            acl: acl::STRING,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE)],
            args: &[Arg::key()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::getex,
        spec: CommandSpec {
            name: "getex",
            summary: "Get the value of a key and optionally set its expiration",
            since: "6.2.0",
            complexity: "O(1)",
            group: Group::String,
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::FAST,
            acl: acl::STRING,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)
                .notes("RW and UPDATE because it changes the TTL")],
            args: &[
                Arg::key(),
                Arg::one_of(
                    "expiration",
                    &[
                        Arg::integer("seconds").after("EX"),
                        Arg::integer("milliseconds").after("PX"),
                        Arg::unix_time("unix-time-seconds").after("EXAT"),
                        Arg::unix_time("unix-time-milliseconds").after("PXAT"),
                        Arg::word("persist", "PERSIST"),
                    ],
                )
                .optional(),
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::mget,
        spec: CommandSpec {
            name: "mget",
            summary: "Get the values of all the given keys",
            since: "1.0.0",
            complexity: "O(N) where N is the number of keys to retrieve.",
            group: Group::String,
            arity: Arity::AtLeast(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::STRING,
            keys: &[KeySpec::range(1, -1, 1, keys::RO | keys::ACCESS)],
            request_policy: Some(RequestPolicy::MultiShard),
            args: &[Arg::key().multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::mset,
        spec: CommandSpec {
            name: "mset",
            summary: "Set multiple keys to multiple values",
            since: "1.0.1",
            complexity: "O(N) where N is the number of keys to set.",
            group: Group::String,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::STRING,
            keys: &[KeySpec::range(1, -1, 2, keys::OW | keys::UPDATE)],
            request_policy: Some(RequestPolicy::MultiShard),
            response_policy: Some(ResponsePolicy::AllSucceeded),
            args: &[Arg::block("key_value", &[Arg::key(), Arg::string("value")]).multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::msetnx,
        spec: CommandSpec {
            name: "msetnx",
            summary: "Set multiple keys to multiple values, only if none of the keys exist",
            since: "1.0.1",
            complexity: "O(N) where N is the number of keys to set.",
            group: Group::String,
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::STRING,
            keys: &[KeySpec::range(1, -1, 2, keys::OW | keys::INSERT)],
            request_policy: Some(RequestPolicy::MultiShard),
            keys_depend: true,
            response_policy: Some(ResponsePolicy::AggMin),
            args: &[Arg::block("key_value", &[Arg::key(), Arg::string("value")]).multiple()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: super::strlen,
        spec: CommandSpec {
            name: "strlen",
            summary: "Get the length of the value stored in a key",
            since: "2.2.0",
            complexity: "O(1)",
            group: Group::String,
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::STRING,
            keys: &[KeySpec::at(1, keys::RO)],
            args: &[Arg::key()],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];

/// SET reads the old value only with GET.
fn set_keys(args: Args<'_>, found: &mut Vec<KeyPosition>) {
    let reads = args.iter_from(3).any(|arg| arg.eq_ignore_ascii_case(b"get"));
    let flags = if reads { keys::RW | keys::ACCESS | keys::UPDATE } else { keys::OW | keys::UPDATE };
    found.push(KeyPosition { index: 1, flags, db: None });
}
