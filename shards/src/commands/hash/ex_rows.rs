//! The rows of HGETDEL, HGETEX and HSETEX.

use super::ex;
use crate::command::flags::{self, acl};
use crate::command::{Arg, ArgKind, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

const KEY: Arg = Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE };
const NUMFIELDS: Arg =
    Arg { name: "numfields", kind: ArgKind::Integer, key_spec_index: Some(0), ..Arg::BASE };
const FIELDS: Arg = Arg {
    name: "fields",
    kind: ArgKind::Block,
    token: "FIELDS",
    args: &[NUMFIELDS, Arg { name: "field", multiple: true, ..Arg::BASE }],
    ..Arg::BASE
};
const FIELDS_AND_VALUES: Arg = Arg {
    name: "fields",
    kind: ArgKind::Block,
    token: "FIELDS",
    args: &[
        NUMFIELDS,
        Arg {
            name: "data",
            kind: ArgKind::Block,
            multiple: true,
            args: &[Arg { name: "field", ..Arg::BASE }, Arg { name: "value", ..Arg::BASE }],
            ..Arg::BASE
        },
    ],
    ..Arg::BASE
};
const EX: Arg = Arg { name: "seconds", kind: ArgKind::Integer, token: "EX", ..Arg::BASE };
const PX: Arg = Arg { name: "milliseconds", kind: ArgKind::Integer, token: "PX", ..Arg::BASE };
const EXAT: Arg = Arg { name: "unix-time-seconds", kind: ArgKind::UnixTime, token: "EXAT", ..Arg::BASE };
const PXAT: Arg = Arg { name: "unix-time-milliseconds", kind: ArgKind::UnixTime, token: "PXAT", ..Arg::BASE };

/// An argument that is nothing but a word.
const fn word(name: &'static str, token: &'static str) -> Arg {
    Arg { name, kind: ArgKind::PureToken, token, ..Arg::BASE }
}

/// At most one of these.
const fn one_of(name: &'static str, args: &'static [Arg]) -> Arg {
    Arg { name, kind: ArgKind::OneOf, optional: true, args, ..Arg::BASE }
}

/// The rows of this family.
pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: ex::hgetdel,
        spec: CommandSpec {
            name: "hgetdel",
            summary: "Returns the values of one or more fields and deletes them from a hash.",
            since: "8.0.0",
            complexity: "O(N) where N is the number of fields to be retrieved and deleted.",
            group: Group::Hash,
            arity: Arity::AtLeast(5),
            flags: flags::WRITE | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE)],
            args: &[KEY, FIELDS],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: ex::hgetex,
        spec: CommandSpec {
            name: "hgetex",
            summary: "Gets the value of one or more fields of a given hash key, and optionally sets their expiration \
                time or time-to-live (TTL).",
            since: "8.0.0",
            complexity: "O(N) where N is the number of specified fields.",
            group: Group::Hash,
            arity: Arity::AtLeast(5),
            flags: flags::WRITE | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)],
            args: &[KEY, one_of("expiration", &[EX, PX, EXAT, PXAT, word("persist", "PERSIST")]), FIELDS],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: ex::hsetex,
        spec: CommandSpec {
            name: "hsetex",
            summary: "Sets the value of one or more fields of a given hash key, and optionally sets their expiration time.",
            since: "8.0.0",
            complexity: "O(N) where N is the number of specified fields.",
            group: Group::Hash,
            arity: Arity::AtLeast(6),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            acl: acl::HASH,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            args: &[
                KEY,
                one_of("key-condition", &[word("nx", "NX"), word("xx", "XX")]),
                one_of("fields-condition", &[word("fnx", "FNX"), word("fxx", "FXX")]),
                one_of("expiration", &[EX, PX, EXAT, PXAT, word("keepttl", "KEEPTTL")]),
                FIELDS_AND_VALUES,
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
