//! The rows of the commands on the times of fields, whose handlers are in [`super::expire`].

use super::expire;
use crate::command::shapes::{EXPIRE_CONDITION, HASH, UNIX_MILLISECONDS, UNIX_SECONDS};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};

const FIELDS: Arg =
    Arg::block("fields", &[Arg::integer("numfields"), Arg::string("field").multiple()]).after("FIELDS");

/// What the commands that set times have in common.
const SETTER: CommandSpec = CommandSpec {
    since: "7.4.0",
    complexity: "O(N) where N is the number of specified fields.",
    arity: Arity::AtLeast(6),
    flags: flags::WRITE | flags::FAST,
    keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
    ..HASH
};

/// What the commands that tell times have in common.
const GETTER: CommandSpec = CommandSpec {
    arity: Arity::AtLeast(5),
    flags: flags::READONLY | flags::FAST,
    keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
    args: &[Arg::key(), FIELDS],
    ..SETTER
};

/// The rows of this family.
pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        expire::hexpire,
        CommandSpec {
            name: "hexpire",
            summary: "Set expiry time on hash fields in seconds",
            args: &[Arg::key(), Arg::integer("seconds"), EXPIRE_CONDITION, FIELDS],
            ..SETTER
        },
    ),
    DataCommand::new(
        expire::hpexpire,
        CommandSpec {
            name: "hpexpire",
            summary: "Set expiry time on hash fields in milliseconds",
            args: &[Arg::key(), Arg::integer("milliseconds"), EXPIRE_CONDITION, FIELDS],
            ..SETTER
        },
    ),
    DataCommand::new(
        expire::hexpireat,
        CommandSpec {
            name: "hexpireat",
            summary: "Set expiry time on hash fields as a Unix timestamp in seconds",
            args: &[Arg::key(), UNIX_SECONDS, EXPIRE_CONDITION, FIELDS],
            ..SETTER
        },
    ),
    DataCommand::new(
        expire::hpexpireat,
        CommandSpec {
            name: "hpexpireat",
            summary: "Set expiry time on hash fields as a Unix timestamp in milliseconds",
            args: &[Arg::key(), UNIX_MILLISECONDS, EXPIRE_CONDITION, FIELDS],
            ..SETTER
        },
    ),
    DataCommand::new(
        expire::httl,
        CommandSpec {
            name: "httl",
            summary: "Get the remaining time to live of hash fields in seconds",
            ..GETTER
        },
    ),
    DataCommand::new(
        expire::hpttl,
        CommandSpec {
            name: "hpttl",
            summary: "Get the remaining time to live of hash fields in milliseconds",
            ..GETTER
        },
    ),
    DataCommand::new(
        expire::hexpiretime,
        CommandSpec {
            name: "hexpiretime",
            summary: "Get the expiration Unix timestamp of hash fields in seconds",
            ..GETTER
        },
    ),
    DataCommand::new(
        expire::hpexpiretime,
        CommandSpec {
            name: "hpexpiretime",
            summary: "Get the expiration Unix timestamp of hash fields in milliseconds",
            ..GETTER
        },
    ),
    DataCommand::new(
        expire::hpersist,
        CommandSpec {
            name: "hpersist",
            summary: "Remove the expiration of hash fields",
            arity: Arity::AtLeast(5),
            flags: flags::WRITE | flags::FAST,
            args: &[Arg::key(), FIELDS],
            ..SETTER
        },
    ),
];
