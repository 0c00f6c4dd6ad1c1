//! The rows of HGETDEL, HGETEX and HSETEX.

use super::ex;
use crate::command::flags::{self, acl};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

const NUMFIELDS: Arg = Arg::integer("numfields").of_key_spec(0);
const FIELDS: Arg = Arg::block("fields", &[NUMFIELDS, Arg::string("field").multiple()]).after("FIELDS");
const FIELDS_AND_VALUES: Arg = Arg::block(
    "fields",
    &[NUMFIELDS, Arg::block("data", &[Arg::string("field"), Arg::string("value")]).multiple()],
)
.after("FIELDS");
const EX: Arg = Arg::integer("seconds").after("EX");
const PX: Arg = Arg::integer("milliseconds").after("PX");
const EXAT: Arg = Arg::unix_time("unix-time-seconds").after("EXAT");
const PXAT: Arg = Arg::unix_time("unix-time-milliseconds").after("PXAT");

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
            args: &[Arg::key(), FIELDS],
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
            args: &[
                Arg::key(),
                Arg::one_of("expiration", &[EX, PX, EXAT, PXAT, Arg::word("persist", "PERSIST")]).optional(),
                FIELDS,
            ],
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
                Arg::key(),
                Arg::one_of("key-condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")]).optional(),
                Arg::one_of("fields-condition", &[Arg::word("fnx", "FNX"), Arg::word("fxx", "FXX")])
                    .optional(),
                Arg::one_of("expiration", &[EX, PX, EXAT, PXAT, Arg::word("keepttl", "KEEPTTL")]).optional(),
                FIELDS_AND_VALUES,
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
