//! The time to live of keys: EXPIRE and its variants, TTL and its variants, PERSIST.

use crate::args::Args;
use crate::command::flags::{self, acl};
use crate::command::{Arg, ArgKind, Arity, CommandSpec, DataCommand, KeySpec, keys};
use crate::ctx::Ctx;
use crate::error::CommandError;
use crate::num;

const KEY: Arg = Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE };

const CONDITION: Arg = Arg {
    name: "condition",
    kind: ArgKind::OneOf,
    since: "7.0.0",
    optional: true,
    args: &[
        Arg { name: "nx", kind: ArgKind::PureToken, token: "NX", ..Arg::BASE },
        Arg { name: "xx", kind: ArgKind::PureToken, token: "XX", ..Arg::BASE },
        Arg { name: "gt", kind: ArgKind::PureToken, token: "GT", ..Arg::BASE },
        Arg { name: "lt", kind: ArgKind::PureToken, token: "LT", ..Arg::BASE },
    ],
    ..Arg::BASE
};

/// The rows of this family.
pub static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: expire,
        spec: CommandSpec {
            name: "expire",
            summary: "Set a key's time to live in seconds",
            since: "1.0.0",
            complexity: "O(1)",
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            history: &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
            args: &[KEY, Arg { name: "seconds", kind: ArgKind::Integer, ..Arg::BASE }, CONDITION],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: pexpire,
        spec: CommandSpec {
            name: "pexpire",
            summary: "Set a key's time to live in milliseconds",
            since: "2.6.0",
            complexity: "O(1)",
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            history: &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
            args: &[KEY, Arg { name: "milliseconds", kind: ArgKind::Integer, ..Arg::BASE }, CONDITION],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: expireat,
        spec: CommandSpec {
            name: "expireat",
            summary: "Set the expiration for a key as a UNIX timestamp",
            since: "1.2.0",
            complexity: "O(1)",
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            history: &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
            args: &[KEY, Arg { name: "unix-time-seconds", kind: ArgKind::UnixTime, ..Arg::BASE }, CONDITION],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: pexpireat,
        spec: CommandSpec {
            name: "pexpireat",
            summary: "Set the expiration for a key as a UNIX timestamp specified in milliseconds",
            since: "2.6.0",
            complexity: "O(1)",
            arity: Arity::AtLeast(3),
            flags: flags::WRITE | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            history: &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
            args: &[
                KEY,
                Arg { name: "unix-time-milliseconds", kind: ArgKind::UnixTime, ..Arg::BASE },
                CONDITION,
            ],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: ttl,
        spec: CommandSpec {
            name: "ttl",
            summary: "Get the time to live for a key in seconds",
            since: "1.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output"],
            history: &[("2.8.0", "Added the -2 reply.")],
            args: &[KEY],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: pttl,
        spec: CommandSpec {
            name: "pttl",
            summary: "Get the time to live for a key in milliseconds",
            since: "2.6.0",
            complexity: "O(1)",
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            tips: &["nondeterministic_output"],
            history: &[("2.8.0", "Added the -2 reply.")],
            args: &[KEY],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: expiretime,
        spec: CommandSpec {
            name: "expiretime",
            summary: "Get the expiration Unix timestamp for a key",
            since: "7.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[KEY],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: pexpiretime,
        spec: CommandSpec {
            name: "pexpiretime",
            summary: "Get the expiration Unix timestamp for a key in milliseconds",
            since: "7.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[KEY],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: persist,
        spec: CommandSpec {
            name: "persist",
            summary: "Remove the expiration from a key",
            since: "2.2.0",
            complexity: "O(1)",
            arity: Arity::Exactly(2),
            flags: flags::WRITE | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            args: &[KEY],
            ..CommandSpec::BASE
        },
    },
];

/// Milliseconds in a unit of the argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds = 1000,
    Milliseconds = 1,
}

/// What the argument counts from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Since {
    Now,
    Epoch,
}

fn expire(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set_expire(ctx, args, "expire", Unit::Seconds, Since::Now)
}

fn pexpire(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set_expire(ctx, args, "pexpire", Unit::Milliseconds, Since::Now)
}

fn expireat(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set_expire(ctx, args, "expireat", Unit::Seconds, Since::Epoch)
}

fn pexpireat(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set_expire(ctx, args, "pexpireat", Unit::Milliseconds, Since::Epoch)
}

fn set_expire(
    ctx: &mut Ctx<'_>,
    args: Args<'_>,
    name: &'static str,
    unit: Unit,
    since: Since,
) -> Result<(), CommandError> {
    let condition = Condition::parse(args.iter_from(3))?;
    let now_ms = ctx.keys.now_ms() as i64;
    let base_ms = if since == Since::Now { now_ms } else { 0 };
    let amount = num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    let at_ms = amount
        .checked_mul(unit as i64)
        .and_then(|amount_ms| amount_ms.checked_add(base_ms))
        .ok_or(CommandError::InvalidExpire(name))?;

    let key = ctx.only_key(args, 1);
    let Some(mut entry) = ctx.keys.write(&key) else {
        ctx.reply.int(0);
        return Ok(());
    };
    let is_met = condition.is_met(entry.view().expire_ms(), at_ms);
    if is_met && at_ms > now_ms {
        entry.set_expire(Some(at_ms as u64));
    } else if is_met {
        ctx.keys.remove(&key);
    }
    ctx.reply.int(i64::from(is_met));
    Ok(())
}

/// The options of EXPIRE. All that are given must be met.
#[derive(Default)]
struct Condition {
    /// Only when the key has no expire.
    nx: bool,
    /// Only when it has one.
    xx: bool,
    /// Only to a later time. A key without an expire lives forever, so nothing is later.
    gt: bool,
    /// Only to an earlier time. A key without an expire lives forever, so everything is earlier.
    lt: bool,
}

impl Condition {
    fn parse<'a>(options: impl Iterator<Item = &'a [u8]>) -> Result<Condition, CommandError> {
        let mut condition = Condition::default();
        for option in options {
            let given = if option.eq_ignore_ascii_case(b"nx") {
                &mut condition.nx
            } else if option.eq_ignore_ascii_case(b"xx") {
                &mut condition.xx
            } else if option.eq_ignore_ascii_case(b"gt") {
                &mut condition.gt
            } else if option.eq_ignore_ascii_case(b"lt") {
                &mut condition.lt
            } else {
                let option = String::from_utf8_lossy(option);
                return Err(CommandError::other(format!("ERR Unsupported option {option}")));
            };
            *given = true;
        }
        if condition.nx && (condition.xx || condition.gt || condition.lt) {
            return Err(CommandError::other(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if condition.gt && condition.lt {
            return Err(CommandError::other("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(condition)
    }

    fn is_met(&self, present_ms: Option<u64>, at_ms: i64) -> bool {
        match present_ms {
            None => !self.xx && !self.gt,
            Some(present_ms) => {
                let present_ms = present_ms as i64;
                !self.nx && (!self.gt || at_ms > present_ms) && (!self.lt || at_ms < present_ms)
            }
        }
    }
}

fn ttl(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_expire(ctx, args, Unit::Seconds, Since::Now)
}

fn pttl(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_expire(ctx, args, Unit::Milliseconds, Since::Now)
}

fn expiretime(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_expire(ctx, args, Unit::Seconds, Since::Epoch)
}

fn pexpiretime(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_expire(ctx, args, Unit::Milliseconds, Since::Epoch)
}

/// Seconds are rounded to the nearest. -2: no such key, -1: no expire.
fn reply_expire(ctx: &mut Ctx<'_>, args: Args<'_>, unit: Unit, since: Since) -> Result<(), CommandError> {
    let key = ctx.only_key(args, 1);
    let now_ms = ctx.keys.now_ms();
    let reply = match ctx.keys.read_untouched(&key).map(|entry| entry.expire_ms()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at_ms)) => {
            let ms = if since == Since::Now { at_ms.saturating_sub(now_ms) } else { at_ms };
            let rounded = if unit == Unit::Seconds { (ms + 500) / 1000 } else { ms };
            rounded as i64
        }
    };
    ctx.reply.int(reply);
    Ok(())
}

fn persist(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.only_key(args, 1);
    let removed = match ctx.keys.write(&key) {
        Some(mut entry) if entry.view().expire_ms().is_some() => {
            entry.set_expire(None);
            true
        }
        _ => false,
    };
    ctx.reply.int(i64::from(removed));
    Ok(())
}
