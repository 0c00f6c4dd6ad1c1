//! The rows of the commands in [`crate::commands::string`]. Apart from their handlers for length only: with
//! its options documented for COMMAND DOCS, SET alone takes a page.

use crate::args::Args;
use crate::command::keys::KeyPosition;
use crate::command::shapes::{EX, EXAT, KEYS, NX_OR_XX, PX, PXAT, STRING, len_of};
use crate::command::{
    Arg, Arity, CommandSpec, DataCommand, KeySpec, RequestPolicy, ResponsePolicy, flags, keys,
};

/// Sets a string and its time.
const SET_WITH_TIME: CommandSpec = CommandSpec {
    complexity: "O(1)",
    arity: Arity::Exactly(4),
    flags: flags::WRITE | flags::DENYOOM,
    keys: &[KeySpec::at(1, keys::OW | keys::UPDATE)],
    ..STRING
};

/// Sets several strings.
const SET_SEVERAL: CommandSpec = CommandSpec {
    since: "1.0.1",
    complexity: "O(N) where N is the number of keys to set.",
    arity: Arity::AtLeast(3),
    flags: flags::WRITE | flags::DENYOOM,
    request_policy: Some(RequestPolicy::MultiShard),
    args: &[Arg::block("key_value", &[Arg::key(), Arg::string("value")]).multiple()],
    ..STRING
};

pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        super::get,
        CommandSpec {
            name: "get",
            summary: "Get the value of a key",
            since: "1.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key()],
            ..STRING
        },
    ),
    DataCommand::new(
        super::set,
        CommandSpec {
            name: "set",
            summary: "Set the string value of a key",
            since: "1.0.0",
            complexity: "O(1)",
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::DENYOOM,
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
                NX_OR_XX.since("2.6.12"),
                Arg::word("get", "GET").since("6.2.0").optional(),
                Arg::one_of(
                    "expiration",
                    &[
                        EX.since("2.6.12"),
                        PX.since("2.6.12"),
                        EXAT.since("6.2.0"),
                        PXAT.since("6.2.0"),
                        Arg::word("keepttl", "KEEPTTL").since("6.0.0"),
                    ],
                )
                .optional(),
            ],
            ..STRING
        },
    ),
    DataCommand::new(
        super::setex,
        CommandSpec {
            name: "setex",
            summary: "Set the value and expiration of a key",
            since: "2.0.0",
            args: &[Arg::key(), Arg::integer("seconds"), Arg::string("value")],
            ..SET_WITH_TIME
        },
    ),
    DataCommand::new(
        super::psetex,
        CommandSpec {
            name: "psetex",
            summary: "Set the value and expiration in milliseconds of a key",
            since: "2.6.0",
            args: &[Arg::key(), Arg::integer("milliseconds"), Arg::string("value")],
            ..SET_WITH_TIME
        },
    ),
    DataCommand::new(
        super::setnx,
        CommandSpec {
            name: "setnx",
            summary: "Set the value of a key, only if the key does not exist",
            since: "1.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(3),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            keys: &[KeySpec::at(1, keys::OW | keys::INSERT)],
            args: &[Arg::key(), Arg::string("value")],
            ..STRING
        },
    ),
    DataCommand::new(
        super::getset,
        CommandSpec {
            name: "getset",
            summary: "Set the string value of a key and return its old value",
            since: "1.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(3),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)],
            deprecated: Some(("6.2.0", "`SET` with the `!GET` argument")),
            args: &[Arg::key(), Arg::string("value")],
            ..STRING
        },
    ),
    DataCommand::new(
        super::getdel,
        CommandSpec {
            name: "getdel",
            summary: "Get the value of a key and delete the key",
            since: "6.2.0",
            complexity: "O(1)",
            arity: Arity::Exactly(2),
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE)],
            args: &[Arg::key()],
            ..STRING
        },
    ),
    DataCommand::new(
        super::getex,
        CommandSpec {
            name: "getex",
            summary: "Get the value of a key and optionally set its expiration",
            since: "6.2.0",
            complexity: "O(1)",
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)
                .notes("RW and UPDATE because it changes the TTL")],
            args: &[
                Arg::key(),
                Arg::one_of("expiration", &[EX, PX, EXAT, PXAT, Arg::word("persist", "PERSIST")]).optional(),
            ],
            ..STRING
        },
    ),
    DataCommand::new(
        super::mget,
        CommandSpec {
            name: "mget",
            summary: "Get the values of all the given keys",
            since: "1.0.0",
            complexity: "O(N) where N is the number of keys to retrieve.",
            arity: Arity::AtLeast(2),
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::range(1, -1, 1, keys::RO | keys::ACCESS)],
            request_policy: Some(RequestPolicy::MultiShard),
            args: &[KEYS],
            ..STRING
        },
    ),
    DataCommand::new(
        super::mset,
        CommandSpec {
            name: "mset",
            summary: "Set multiple keys to multiple values",
            keys: &[KeySpec::range(1, -1, 2, keys::OW | keys::UPDATE)],
            response_policy: Some(ResponsePolicy::AllSucceeded),
            ..SET_SEVERAL
        },
    ),
    DataCommand::new(
        super::msetnx,
        CommandSpec {
            name: "msetnx",
            summary: "Set multiple keys to multiple values, only if none of the keys exist",
            keys: &[KeySpec::range(1, -1, 2, keys::OW | keys::INSERT)],
            keys_depend: true,
            response_policy: Some(ResponsePolicy::AggMin),
            ..SET_SEVERAL
        },
    ),
    DataCommand::new(
        super::strlen,
        CommandSpec {
            name: "strlen",
            summary: "Get the length of the value stored in a key",
            since: "2.2.0",
            ..len_of(STRING)
        },
    ),
];

/// SET reads the old value only with GET.
fn set_keys(args: Args<'_>, found: &mut Vec<KeyPosition>) {
    let reads = args.iter_from(3).any(|arg| arg.eq_ignore_ascii_case(b"get"));
    let flags = if reads { keys::RW | keys::ACCESS | keys::UPDATE } else { keys::OW | keys::UPDATE };
    found.push(KeyPosition { index: 1, flags, db: None });
}
