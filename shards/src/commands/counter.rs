//! Strings as counters: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.
//!
//! They change the value and leave the expire as it is.

use crate::args::Args;
use crate::command::shapes::STRING;
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};
use crate::ctx::Ctx;
use crate::entry::{Expire, NewValue, StrValue};
use crate::error::CommandError;
use crate::event;
use crate::num::{self, LongDouble};

/// Adds to the number that a key holds.
const INCREMENT: CommandSpec = CommandSpec {
    since: "1.0.0",
    complexity: "O(1)",
    arity: Arity::Exactly(3),
    flags: flags::WRITE | flags::DENYOOM | flags::FAST,
    keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)],
    ..STRING
};

/// Adds one to it, or takes one away.
const STEP: CommandSpec = CommandSpec { arity: Arity::Exactly(2), args: &[Arg::key()], ..INCREMENT };

pub(super) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        incr,
        CommandSpec { name: "incr", summary: "Increment the integer value of a key by one", ..STEP },
    ),
    DataCommand::new(
        decr,
        CommandSpec { name: "decr", summary: "Decrement the integer value of a key by one", ..STEP },
    ),
    DataCommand::new(
        incrby,
        CommandSpec {
            name: "incrby",
            summary: "Increment the integer value of a key by the given amount",
            args: &[Arg::key(), Arg::integer("increment")],
            ..INCREMENT
        },
    ),
    DataCommand::new(
        decrby,
        CommandSpec {
            name: "decrby",
            summary: "Decrement the integer value of a key by the given number",
            args: &[Arg::key(), Arg::integer("decrement")],
            ..INCREMENT
        },
    ),
    DataCommand::new(
        incrbyfloat,
        CommandSpec {
            name: "incrbyfloat",
            summary: "Increment the float value of a key by the given amount",
            since: "2.6.0",
            args: &[Arg::key(), Arg::double("increment")],
            ..INCREMENT
        },
    ),
];

type Done = Result<(), CommandError>;

/// `INCR key`
fn incr(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    add(ctx, args, 1)
}

/// `DECR key`
fn decr(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    add(ctx, args, -1)
}

/// `INCRBY key increment`
fn incrby(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let increment = num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    add(ctx, args, increment)
}

/// `DECRBY key decrement`
fn decrby(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let decrement = num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    let increment = decrement.checked_neg().ok_or(CommandError::other("ERR decrement would overflow"))?;
    add(ctx, args, increment)
}

/// Adds to the integer at argument 1; a missing key counts as 0.
fn add(ctx: &mut Ctx<'_>, args: Args<'_>, increment: i64) -> Done {
    let key = ctx.key(args, 1);
    let Some(mut entry) = ctx.keys.write_string(&key)? else {
        ctx.keys.add(&key, NewValue::Int(increment), Expire::Clear);
        ctx.keys.changed(&key, event::INCRBY);
        ctx.reply.int(increment);
        return Ok(());
    };
    let sum = |value: i64| value.checked_add(increment).ok_or(CommandError::Overflow);
    let value = if let StrValue::Int(value) = entry.string() {
        let value = sum(value)?;
        entry.set_int(value);
        value
    } else {
        let text = num::parse_i64(entry.string().bytes(&mut itoa::Buffer::new()));
        let value = sum(text.ok_or(CommandError::NotAnInteger)?)?;
        entry.replace(NewValue::Int(value), Expire::Keep);
        value
    };
    ctx.keys.changed(&key, event::INCRBY);
    ctx.reply.int(value);
    Ok(())
}

/// `INCRBYFLOAT key increment`. The result is stored as its text even when that is an integer's, as in Redis.
fn incrbyfloat(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let parse = |text: &[u8]| LongDouble::parse(text).ok_or(CommandError::NotAFloat);
    let key = ctx.key(args, 1);
    let entry = ctx.keys.write_string(&key)?;
    let sum = match &entry {
        Some(entry) => {
            let value = parse(entry.string().bytes(&mut itoa::Buffer::new()))?;
            value.add(parse(args.get(2))?)
        }
        None => parse(args.get(2))?,
    };
    if !sum.is_finite() {
        return Err(CommandError::NanOrInfinity);
    }
    let text = sum.to_human();
    let value = NewValue::Bytes(text.as_bytes());
    match entry {
        Some(mut entry) => entry.replace(value, Expire::Keep),
        None => ctx.keys.add(&key, value, Expire::Clear),
    }
    ctx.keys.changed(&key, event::INCRBYFLOAT);
    ctx.keys.effect([b"SET", key.bytes, text.as_bytes(), b"KEEPTTL"]);
    ctx.reply.bulk(text.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::{Sandbox, check};

    const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range";
    const NOT_A_FLOAT: &str = "-ERR value is not a valid float";

    #[test]
    fn a_missing_key_counts_from_zero() {
        check(
            "INCR a | DECR b | INCRBY c 5 | DECRBY d 5 | MGET a b c d",
            ":1 | :-1 | :5 | :-5 | [1 \"-1\" 5 \"-5\"]",
        );
        check("INCRBY a 0 | PROBE.KIND a", ":0 | int");
    }

    #[test]
    fn counting_starts_from_what_is_stored() {
        check(
            "SET a 10 | INCR a | INCRBY a 5 | DECR a | DECRBY a -5 | GET a",
            "OK | :11 | :16 | :15 | :20 | 20",
        );
        check("APPEND a 1 | APPEND a 2 | PROBE.KIND a | INCR a | PROBE.KIND a", ":1 | :2 | raw | :13 | int");
    }

    #[test]
    fn incr_over_32bit_value() {
        check("SET a 17179869184 | INCR a | INCRBY a 17179869184", "OK | :17179869185 | :34359738369");
    }

    #[test]
    fn counting_keeps_the_expire() {
        check("SET a 1 EX 1 | INCR a | PROBE.EXPIRE a", "OK | :2 | 1001000");
        check("SET a 1 EX 1 | INCRBYFLOAT a 1.5 | PROBE.EXPIRE a", "OK | 2.5 | 1001000");
        check("SET a 1 EX 1 | APPEND a 1 | INCR a | PROBE.EXPIRE a", "OK | :2 | :12 | 1001000");
        check("SET a 5 PX 1 | SLEEP 2 | INCR a | PROBE.EXPIRE a", "OK | :1 | -1");
    }

    #[test]
    fn what_is_no_integer_cannot_be_counted() {
        for value in ["abc", "1.0", "\" 1\"", "\"1 \"", "\"\"", "01", "9223372036854775808"] {
            let replies = Sandbox::new().run(&format!("SET a {value} | INCR a | DECRBY a 1 | GET a"));
            assert_eq!(replies, format!("OK | {NOT_AN_INTEGER} | {NOT_AN_INTEGER} | {value}"));
        }
    }

    #[test]
    fn the_step_must_be_an_integer() {
        check(
            "INCRBY a x | DECRBY a 1.5 | INCRBY a 9223372036854775808 | GET a",
            &[NOT_AN_INTEGER, NOT_AN_INTEGER, NOT_AN_INTEGER, "(nil)"].join(" | "),
        );
    }

    #[test]
    fn counting_stops_at_the_ends_of_64_bits() {
        let overflow = "-ERR increment or decrement would overflow";
        let (max, min) = ("9223372036854775807", "-9223372036854775808");
        check(&format!("SET a {max} | INCR a | DECR a"), &format!("OK | {overflow} | :9223372036854775806"));
        check(&format!("SET a {min} | DECR a | INCR a"), &format!("OK | {overflow} | :-9223372036854775807"));
        check(&format!("INCRBY a {max} | INCRBY a 1 | GET a"), &format!(":{max} | {overflow} | {max}"));
        check(&format!("INCRBY a {min} | INCRBY a {min}"), &format!(":{min} | {overflow}"));
        check(&format!("SET a 1 | DECRBY a {min} | GET a"), "OK | -ERR decrement would overflow | 1");
        check(&format!("SET a -2 | DECRBY a {max}"), &format!("OK | {overflow}"));
    }

    #[test]
    fn incrbyfloat_prints_17_digits_behind_the_point_without_trailing_zeros() {
        check("INCRBYFLOAT a 1 | INCRBYFLOAT a 1.5 | INCRBYFLOAT a -5e-1", "1 | 2.5 | 2");
        check("SET a 10.50 | INCRBYFLOAT a 0.1 | GET a", "OK | 10.6 | 10.6");
        check("SET a 3.0e3 | INCRBYFLOAT a 200", "OK | 3200");
        check("SET a 17179869184 | INCRBYFLOAT a 1.5", "OK | 17179869185.5");
        check("SET a 1 | INCRBYFLOAT a -1.1", "OK | \"-0.1\"");
    }

    #[test]
    fn incrbyfloat_stores_text_even_for_an_integer() {
        check("INCRBYFLOAT a 3 | PROBE.KIND a | INCR a | PROBE.KIND a", "3 | inline | :4 | int");
    }

    #[test]
    fn incrbyfloat_refuses_what_is_no_finite_number() {
        check("SET a abc | INCRBYFLOAT a 1 | GET a", &format!("OK | {NOT_A_FLOAT} | abc"));
        check("SET a \" 11\" | INCRBYFLOAT a 1", &format!("OK | {NOT_A_FLOAT}"));
        check("INCRBYFLOAT a x | INCRBYFLOAT a nan | INCRBYFLOAT a \"\"", &[NOT_A_FLOAT; 3].join(" | "));
        let infinite = "-ERR increment would produce NaN or Infinity";
        check("INCRBYFLOAT a inf | GET a", &format!("{infinite} | (nil)"));
        check("SET a 1 | INCRBYFLOAT a -inf | GET a", &format!("OK | {infinite} | 1"));
        check("SET a inf | INCRBYFLOAT a -inf", &format!("OK | {infinite}"));
    }
}
