//! The rows of HGETDEL, HGETEX and HSETEX.

use super::ex;
use crate::command::shapes::{EX, EXAT, HASH, NX, PX, PXAT, XX};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};

const NUMFIELDS: Arg = Arg::integer("numfields").of_key_spec(0);
const FIELDS: Arg = Arg::block("fields", &[NUMFIELDS, Arg::string("field").multiple()]).after("FIELDS");
const FIELDS_AND_VALUES: Arg = Arg::block(
    "fields",
    &[NUMFIELDS, Arg::block("data", &[Arg::string("field"), Arg::string("value")]).multiple()],
)
.after("FIELDS");

/// Reads fields, and does something to them.
const READ_AND_CHANGE: CommandSpec = CommandSpec {
    since: "8.0.0",
    complexity: "O(N) where N is the number of specified fields.",
    arity: Arity::AtLeast(5),
    flags: flags::WRITE | flags::FAST,
    ..HASH
};

/// The rows of this family.
pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        ex::hgetdel,
        CommandSpec {
            name: "hgetdel",
            summary: "Returns the values of one or more fields and deletes them from a hash.",
            complexity: "O(N) where N is the number of fields to be retrieved and deleted.",
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE)],
            args: &[Arg::key(), FIELDS],
            ..READ_AND_CHANGE
        },
    ),
    DataCommand::new(
        ex::hgetex,
        CommandSpec {
            name: "hgetex",
            summary: "Gets the value of one or more fields of a given hash key, and optionally sets their \
                expiration time or time-to-live (TTL).",
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)],
            args: &[
                Arg::key(),
                Arg::one_of("expiration", &[EX, PX, EXAT, PXAT, Arg::word("persist", "PERSIST")]).optional(),
                FIELDS,
            ],
            ..READ_AND_CHANGE
        },
    ),
    DataCommand::new(
        ex::hsetex,
        CommandSpec {
            name: "hsetex",
            summary: "Sets the value of one or more fields of a given hash key, and optionally sets their \
                expiration time.",
            since: "8.0.0",
            complexity: "O(N) where N is the number of specified fields.",
            arity: Arity::AtLeast(6),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            args: &[
                Arg::key(),
                Arg::one_of("key-condition", &[NX, XX]).optional(),
                Arg::one_of("fields-condition", &[Arg::word("fnx", "FNX"), Arg::word("fxx", "FXX")])
                    .optional(),
                Arg::one_of("expiration", &[EX, PX, EXAT, PXAT, Arg::word("keepttl", "KEEPTTL")]).optional(),
                FIELDS_AND_VALUES,
            ],
            ..HASH
        },
    ),
];
