//! Shapes of rows, and of their documented arguments, that several families share: a row that takes one over
//! says only what is its own. What the rows of one family share stands beside them.
//!
//! This file must not know any handler, nor what a command replies.

use super::flags::{self, acl};
use super::keys;
use super::{Arg, Arity, CommandGroup, CommandSpec, KeySpec};

/// What all commands on keys of any type have.
pub(crate) const KEYSPACE: CommandSpec = family(CommandGroup::Generic, acl::KEYSPACE);
/// What all commands on strings have.
pub(crate) const STRING: CommandSpec = family(CommandGroup::String, acl::STRING);
/// What all commands on bits have.
pub(crate) const BITMAP: CommandSpec = family(CommandGroup::Bitmap, acl::BITMAP);
/// What all commands on lists have.
pub(crate) const LIST: CommandSpec = family(CommandGroup::List, acl::LIST);
/// What all commands on sets have.
pub(crate) const SET: CommandSpec = family(CommandGroup::Set, acl::SET);
/// What all commands on sorted sets have.
pub(crate) const SORTED_SET: CommandSpec = family(CommandGroup::SortedSet, acl::SORTEDSET);
/// What all commands on places have.
pub(crate) const GEO: CommandSpec = family(CommandGroup::Geo, acl::GEO);
/// What all commands on hashes have.
pub(crate) const HASH: CommandSpec = family(CommandGroup::Hash, acl::HASH);
/// What all commands on HyperLogLogs have.
pub(crate) const HYPERLOGLOG: CommandSpec = family(CommandGroup::Hyperloglog, acl::HYPERLOGLOG);
/// What all commands on streams have.
pub(crate) const STREAM: CommandSpec = family(CommandGroup::Stream, acl::STREAM);

const fn family(group: CommandGroup, acl: u64) -> CommandSpec {
    CommandSpec { group, acl, ..CommandSpec::BASE }
}

/// Tells how large the value of a key is: LLEN, HLEN, SCARD.
pub(crate) const fn len_of(family: CommandSpec) -> CommandSpec {
    CommandSpec {
        complexity: "O(1)",
        arity: Arity::Exactly(2),
        flags: flags::READONLY | flags::FAST,
        keys: const { &[KeySpec::at(1, keys::RO)] },
        args: const { &[Arg::key()] },
        ..family
    }
}

/// Goes through a collection, a part with each call: HSCAN, SSCAN, ZSCAN.
pub(crate) const fn scan_of(family: CommandSpec) -> CommandSpec {
    CommandSpec {
        since: "2.8.0",
        complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls \
                for the cursor to return back to 0. N is the number of elements inside the collection..",
        arity: Arity::AtLeast(3),
        flags: flags::READONLY,
        keys: const { &[KeySpec::at(1, keys::RO | keys::ACCESS)] },
        tips: &["nondeterministic_output"],
        args: const { &[Arg::key(), Arg::integer("cursor"), MATCH, COUNT] },
        ..family
    }
}

/// Takes elements out of the first of several keys that has any: LMPOP, ZMPOP.
pub(crate) const fn pop_of_several(family: CommandSpec) -> CommandSpec {
    CommandSpec {
        since: "7.0.0",
        arity: Arity::AtLeast(4),
        flags: flags::WRITE | flags::MOVABLE_KEYS,
        keys: const { &[KeySpec::counted(1, keys::RW | keys::ACCESS | keys::DELETE)] },
        ..family
    }
}

/// The same, but waits for one: BLMPOP, BZMPOP.
pub(crate) const fn blocking_pop_of_several(family: CommandSpec) -> CommandSpec {
    CommandSpec {
        arity: Arity::AtLeast(5),
        flags: flags::WRITE | flags::BLOCKING | flags::MOVABLE_KEYS,
        keys: const { &[KeySpec::counted(2, keys::RW | keys::ACCESS | keys::DELETE)] },
        ..pop_of_several(family)
    }
}

/// Takes one element out of the first of several keys that has any, or waits for one: BLPOP, BZPOPMIN.
pub(crate) const fn blocking_pop_of(family: CommandSpec) -> CommandSpec {
    CommandSpec {
        arity: Arity::AtLeast(3),
        flags: flags::WRITE | flags::NOSCRIPT | flags::BLOCKING,
        keys: const { &[KeySpec::range(1, -2, 1, keys::RW | keys::ACCESS | keys::DELETE)] },
        history: TIMEOUT_IS_A_DOUBLE,
        args: const { &[KEYS, TIMEOUT] },
        ..family
    }
}

/// Helps with a container, which says what `family` it is of: OBJECT HELP, XINFO HELP.
pub const fn help_of(family: CommandSpec) -> CommandSpec {
    CommandSpec {
        name: "help",
        summary: "Show helpful text about the different subcommands",
        complexity: "O(1)",
        arity: Arity::Exactly(2),
        flags: flags::LOADING | flags::STALE,
        ..family
    }
}

/// Has subcommands, which are what it does: CLIENT, CONFIG.
pub const fn container_of(group: CommandGroup) -> CommandSpec {
    CommandSpec { complexity: "Depends on subcommand.", group, arity: Arity::AtLeast(2), ..CommandSpec::BASE }
}

/// What happened to the timeouts of commands that are older than 6.0.
pub(crate) const TIMEOUT_IS_A_DOUBLE: &[(&str, &str)] =
    &[("6.0.0", "`timeout` is interpreted as a double instead of an integer.")];
/// The keys of a command that takes from one and puts into another: LMOVE, SMOVE.
pub(crate) const TAKEN_FROM_AND_PUT_INTO: &[KeySpec] =
    &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::DELETE), KeySpec::at(2, keys::RW | keys::INSERT)];

/// Any number of keys. Behind a destination they belong to the second key spec.
pub(crate) const KEYS: Arg = Arg::key().multiple();
/// How many keys follow.
pub(crate) const NUMKEYS: Arg = Arg::integer("numkeys");
/// Where it comes from.
pub(crate) const SOURCE: Arg = Arg::key_named("source");
/// Where it goes to. Behind the source it belongs to the second key spec.
pub(crate) const DESTINATION: Arg = Arg::key_named("destination");
/// How long to wait.
pub(crate) const TIMEOUT: Arg = Arg::double("timeout");
/// How many, at most or about.
pub(crate) const COUNT: Arg = Arg::integer("count").after("COUNT").optional();
/// Only what matches.
pub(crate) const MATCH: Arg = Arg::pattern("pattern").after("MATCH").optional();
/// How far to count: SINTERCARD, ZINTERCARD.
pub(crate) const COUNTED_LIMIT: Arg = Arg::integer("limit").after("LIMIT").optional();
/// Which part of the result: SORT, ZRANGE.
pub(crate) const LIMIT: Arg =
    Arg::block("offset_count", &[Arg::integer("offset"), Arg::integer("count")]).after("LIMIT").optional();
/// Only what is not there.
pub(crate) const NX: Arg = Arg::word("nx", "NX");
/// Only what is there.
pub(crate) const XX: Arg = Arg::word("xx", "XX");
/// Only to a greater one.
pub(crate) const GT: Arg = Arg::word("gt", "GT");
/// Only to a smaller one.
pub(crate) const LT: Arg = Arg::word("lt", "LT");
/// Only if something is there, or only if not.
pub(crate) const NX_OR_XX: Arg = Arg::one_of("condition", &[NX, XX]).optional();
/// Which time may be there for another to be set: EXPIRE, HEXPIRE.
pub(crate) const EXPIRE_CONDITION: Arg = Arg::one_of("condition", &[NX, XX, GT, LT]).optional();
/// Lives so many seconds.
pub(crate) const EX: Arg = Arg::integer("seconds").after("EX");
/// Lives so many milliseconds.
pub(crate) const PX: Arg = Arg::integer("milliseconds").after("PX");
/// Lives up to this second.
pub(crate) const EXAT: Arg = UNIX_SECONDS.after("EXAT");
/// Lives up to this millisecond.
pub(crate) const PXAT: Arg = UNIX_MILLISECONDS.after("PXAT");
/// Seconds since 1970.
pub(crate) const UNIX_SECONDS: Arg = Arg::unix_time("unix-time-seconds");
/// Milliseconds since 1970.
pub(crate) const UNIX_MILLISECONDS: Arg = Arg::unix_time("unix-time-milliseconds");
