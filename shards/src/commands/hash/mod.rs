//! Hashes field by field: HSET HSETNX HMSET HGET HMGET HGETALL HKEYS HVALS HLEN HSTRLEN HEXISTS HDEL HINCRBY
//! HINCRBYFLOAT.
//!
//! The rows are in `rows.rs`. This file must not know how hashes are stored.

mod ex;
pub(super) mod ex_rows;
mod expire;
pub(super) mod expire_rows;
pub(super) mod rows;
mod sample;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Freeing;
use crate::encoding::listpack::Value;
use crate::error::CommandError;
use crate::event;
use crate::num::{self, LongDouble};
use crate::reply::Reply;
use crate::values::hash::{self, Pairs};

type Done = Result<(), CommandError>;

/// Replies a field or a value as a bulk string.
#[inline]
pub(crate) fn bulk(reply: &mut Reply, value: Value<'_>) {
    match value {
        Value::Int(int) => reply.bulk_int(int),
        Value::Str(bytes) => reply.bulk(bytes),
    }
}

#[inline]
fn bulk_or_null(reply: &mut Reply, value: Option<Value<'_>>) {
    match value {
        Some(value) => bulk(reply, value),
        None => reply.null(),
    }
}

/// `HSET key field value [field value ...]`
pub(crate) fn hset(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let new = set_all(ctx, args, "hset")?;
    ctx.reply.len_int(new);
    Ok(())
}

/// `HMSET key field value [field value ...]`
pub(crate) fn hmset(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    set_all(ctx, args, "hmset")?;
    ctx.reply.ok();
    Ok(())
}

/// The fields and values from argument 2 on.
#[inline]
fn pairs_of(args: Args<'_>) -> impl Pairs<'_> {
    (1..args.len() / 2).map(move |pair| (args.get(2 * pair), args.get(2 * pair + 1)))
}

/// Sets all fields of HSET or HMSET, and tells how many are new.
#[inline]
fn set_all(ctx: &mut Ctx<'_>, args: Args<'_>, name: &'static str) -> Result<usize, CommandError> {
    if args.len() % 2 == 1 {
        return Err(CommandError::WrongArity(name.into()));
    }
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let set = hash::write(&mut ctx.keys, &key, |hash| hash.set_all(pairs_of(args), hash_of))?;
    let new = match set {
        Some(new) => new,
        None => hash::add(&mut ctx.keys, &key, pairs_of(args)),
    };
    ctx.keys.changed(&key, event::HSET);
    Ok(new)
}

/// `HSETNX key field value`
pub(crate) fn hsetnx(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let set = hash::write(&mut ctx.keys, &key, |hash| {
        let is_new = hash.view().get(args.get(2), &hash_of).is_none();
        if is_new {
            hash.set_all(pairs_of(args), hash_of);
        }
        is_new
    })?;
    if set.is_none() {
        hash::add(&mut ctx.keys, &key, pairs_of(args));
    }
    let is_new = set.unwrap_or(true);
    if is_new {
        ctx.keys.changed(&key, event::HSET);
    }
    ctx.reply.int(i64::from(is_new));
    Ok(())
}

/// `HDEL key field [field ...]`
pub(crate) fn hdel(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let outcome = hash::write(&mut ctx.keys, &key, |hash| {
        let mut removed = 0;
        for field in args.iter_from(2) {
            removed += usize::from(hash.remove(field, &hash_of));
            if hash.view().is_empty() {
                return (removed, true);
            }
        }
        (removed, false)
    })?;
    let (removed, is_empty) = outcome.unwrap_or((0, false));
    if is_empty {
        ctx.keys.notify(&key, event::HDEL);
        ctx.keys.delete(&key, Freeing::Now);
        ctx.keys.changed(&key, event::DEL);
    } else if removed > 0 {
        ctx.keys.changed(&key, event::HDEL);
    }
    ctx.reply.len_int(removed);
    Ok(())
}

/// `HINCRBY key field increment`. A field that is not there counts as 0.
pub(crate) fn hincrby(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let increment = num::parse_i64(args.get(3)).ok_or(CommandError::NotAnInteger)?;
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let summed: Option<Result<_, CommandError>> = hash::write(&mut ctx.keys, &key, |hash| {
        let value = match hash.view().get(args.get(2), &hash_of) {
            None => 0,
            Some(Value::Int(value)) => value,
            Some(Value::Str(text)) => {
                num::parse_i64(text).ok_or(CommandError::other("ERR hash value is not an integer"))?
            }
        };
        let sum = value.checked_add(increment).ok_or(CommandError::Overflow)?;
        hash.set(args.get(2), itoa::Buffer::new().format(sum).as_bytes(), hash_of);
        Ok(sum)
    })?;
    let sum = match summed {
        Some(sum) => sum?,
        None => {
            let text = num::format_i64(increment);
            hash::add(&mut ctx.keys, &key, std::iter::once((args.get(2), text.as_bytes())));
            increment
        }
    };
    ctx.keys.changed(&key, event::HINCRBY);
    ctx.reply.int(sum);
    Ok(())
}

/// `HINCRBYFLOAT key field increment`
pub(crate) fn hincrbyfloat(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let increment = LongDouble::parse(args.get(3)).ok_or(CommandError::NotAFloat)?;
    if !increment.is_finite() {
        return Err(CommandError::other("ERR value is NaN or Infinity"));
    }
    let (key, field) = (ctx.key(args, 1), args.get(2));
    let hash_of = ctx.keys.hash_of();
    let summed: Option<Result<_, CommandError>> = hash::write(&mut ctx.keys, &key, |hash| {
        let sum = match hash.view().get(field, &hash_of) {
            None => increment,
            Some(value) => LongDouble::parse(value.bytes(&mut itoa::Buffer::new()))
                .ok_or(CommandError::other("ERR hash value is not a float"))?
                .add(increment),
        };
        if !sum.is_finite() {
            return Err(CommandError::NanOrInfinity);
        }
        let text = sum.to_human();
        let expire_ms = hash.view().expire_ms(field, &hash_of).flatten();
        hash.set(field, text.as_bytes(), hash_of);
        Ok((text, expire_ms))
    })?;
    let (text, expire_ms) = match summed {
        Some(summed) => summed?,
        None => {
            let text = increment.to_human();
            hash::add(&mut ctx.keys, &key, std::iter::once((field, text.as_bytes())));
            (text, None)
        }
    };
    ctx.keys.changed(&key, event::HINCRBYFLOAT);
    ctx.keys.effect([b"HSET", key.bytes, field, text.as_bytes()]);
    if let Some(at_ms) = expire_ms {
        // HSET has taken it away.
        let mut at = itoa::Buffer::new();
        ctx.keys.effect([b"HPEXPIREAT", key.bytes, at.format(at_ms).as_bytes(), b"FIELDS", b"1", field]);
    }
    ctx.reply.bulk(text.as_bytes());
    Ok(())
}

/// `HGET key field`
pub(crate) fn hget(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let reply = &mut *ctx.reply;
    let found = hash::read(&mut ctx.keys, &key, |hash| {
        bulk_or_null(reply, hash.get(args.get(2), hash_of));
    })?;
    if found.is_none() {
        ctx.reply.null();
    }
    Ok(())
}

/// `HMGET key field [field ...]`
pub(crate) fn hmget(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let reply = &mut *ctx.reply;
    let found = hash::read(&mut ctx.keys, &key, |hash| {
        reply.array(args.len() - 2);
        for field in args.iter_from(2) {
            bulk_or_null(reply, hash.get(field, &hash_of));
        }
    })?;
    if found.is_none() {
        ctx.reply.array(args.len() - 2);
        (2..args.len()).for_each(|_| ctx.reply.null());
    }
    Ok(())
}

/// `HGETALL key`
pub(crate) fn hgetall(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let reply = &mut *ctx.reply;
    let found = hash::read(&mut ctx.keys, &key, |hash| {
        reply.map(hash.len());
        hash.each(|field, value| {
            bulk(reply, field);
            bulk(reply, value);
        });
    })?;
    if found.is_none() {
        ctx.reply.map(0);
    }
    Ok(())
}

/// `HKEYS key`
pub(crate) fn hkeys(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_each(ctx, args, |field, _| field)
}

/// `HVALS key`
pub(crate) fn hvals(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_each(ctx, args, |_, value| value)
}

fn reply_each(
    ctx: &mut Ctx<'_>,
    args: Args<'_>,
    choose: for<'v> fn(Value<'v>, Value<'v>) -> Value<'v>,
) -> Done {
    let key = ctx.key(args, 1);
    let reply = &mut *ctx.reply;
    let found = hash::read(&mut ctx.keys, &key, |hash| {
        reply.array(hash.len());
        hash.each(|field, value| bulk(reply, choose(field, value)));
    })?;
    if found.is_none() {
        ctx.reply.array(0);
    }
    Ok(())
}

/// `HLEN key`
pub(crate) fn hlen(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let len = hash::read(&mut ctx.keys, &key, |hash| hash.len())?;
    ctx.reply.len_int(len.unwrap_or(0));
    Ok(())
}

/// `HSTRLEN key field`
pub(crate) fn hstrlen(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let len = of_field(ctx, args, |value| value.len())?;
    ctx.reply.len_int(len.unwrap_or(0));
    Ok(())
}

/// `HEXISTS key field`
pub(crate) fn hexists(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let found = of_field(ctx, args, |_| ())?;
    ctx.reply.int(i64::from(found.is_some()));
    Ok(())
}

/// What `look` says of the value of the field at argument 2, if there is one.
fn of_field<R>(
    ctx: &mut Ctx<'_>,
    args: Args<'_>,
    look: impl FnOnce(Value<'_>) -> R,
) -> Result<Option<R>, CommandError> {
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let found = hash::read(&mut ctx.keys, &key, |hash| hash.get(args.get(2), hash_of).map(look))?;
    Ok(found.flatten())
}

#[cfg(test)]
mod tests {
    use crate::effects::Effect;
    use crate::encoding::limits::Limits;
    use crate::testing::{Sandbox, check, check_in};

    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

    fn sandbox_with(limits: Limits) -> Sandbox {
        let mut sandbox = Sandbox::new();
        sandbox.shard_mut().set_limits(limits);
        sandbox
    }

    /// Runs a script on packed hashes, and once more on such that are never packed.
    #[track_caller]
    fn check_both(script: &str, expected: &str) {
        check(script, expected);
        let mut never_packed = sandbox_with(Limits { hash_entries_max: 0, ..Limits::default() });
        check_in(&mut never_packed, script, expected);
    }

    #[test]
    fn hset_tells_how_many_fields_are_new() {
        check_both(
            "HSET h a 1 | HSET h a 2 b 3 c 4 | HSET h a 5 | HGET h a | HGET h b | HGET h x | HLEN h | TYPE h",
            ":1 | :2 | :0 | 5 | 3 | (nil) | :3 | hash",
        );
        check_both("HSET h a 1 a 2 a 3 | HGET h a | HLEN h", ":1 | 3 | :1");
        check_both("HMSET h a 1 b 2 | HMSET h a 3 | HMGET h a x b a", "OK | OK | [3 (nil) 2 3]");
        check_both("HSET h \"\" \"\" | HGET h \"\" | HSTRLEN h \"\" | HEXISTS h \"\"", ":1 | \"\" | :0 | :1");
    }

    #[test]
    fn integers_come_back_as_they_were_written() {
        for number in ["0", "-1", "01", "+1", "\"1 \"", "9223372036854775807", "9223372036854775808", "-0"] {
            let expected = Sandbox::new().run(&format!("SET s {number} | GET s")).replace("OK | ", "");
            check_both(
                &format!("HSET h {number} {number} | HGET h {number} | HKEYS h | HVALS h"),
                &format!(":1 | {expected} | [{expected}] | [{expected}]"),
            );
        }
    }

    #[test]
    fn a_missing_hash_has_no_fields() {
        check_both(
            "HGET h a | HMGET h a b | HGETALL h | HKEYS h | HVALS h | HLEN h | HSTRLEN h a | HEXISTS h a \
                | HDEL h a",
            "(nil) | [(nil) (nil)] | [] | [] | [] | :0 | :0 | :0 | :0",
        );
        check("RESP 3 | HGETALL h | HKEYS h | HGET h a | EXISTS h", "{} | [] | (nil) | :0");
    }

    #[test]
    fn all_fields_come_in_the_order_in_which_they_were_put() {
        check("HSET h b 1 a 2 c 3 | HSET h a 4 | HGETALL h", ":3 | :0 | [b 1 a 4 c 3]");
        check("HSET h b 1 a xy | HKEYS h | HVALS h | RESP 3 | HGETALL h", ":2 | [b a] | [1 xy] | {b 1 a xy}");
    }

    #[test]
    fn hsetnx_sets_a_new_field_only() {
        check_both("HSETNX h a 1 | HSETNX h a 2 | HSETNX h b 3 | HMGET h a b", ":1 | :0 | :1 | [1 3]");
        check(
            "HSETNX h a 1 | HSETNX h a \"x\"*65 | OBJECT ENCODING h | HSETNX h b \"x\"*65 \
                | OBJECT ENCODING h",
            ":1 | :0 | listpack | :1 | hashtable",
        );
    }

    #[test]
    fn hdel_removes_fields_and_with_the_last_one_the_key() {
        check_both(
            "HSET h a 1 b 2 c 3 | HDEL h a x a | HLEN h | HDEL h b c x | EXISTS h | HDEL h a",
            ":3 | :1 | :2 | :2 | :0 | :0",
        );
        check_both("HSET h a 1 | EXPIRE h 10 | HDEL h x | PROBE.EXPIRE h", ":1 | :1 | :0 | 1010000");
        check_both("HSET h a 1 | EXPIRE h 10 | HDEL h a | HSET h a 1 | TTL h", ":1 | :1 | :1 | :1 | :-1");
    }

    #[test]
    fn changing_a_hash_keeps_its_expire() {
        check_both(
            "HSET h a 1 | EXPIRE h 10 | HSET h a 2 b 3 | HSETNX h c 1 | HINCRBY h a 1 | HINCRBYFLOAT h b 1 \
                | HDEL h c | PROBE.EXPIRE h | SLEEP 10001 | HLEN h",
            ":1 | :1 | :1 | :1 | :3 | 4 | :1 | 1010000 | :0",
        );
        check("HSET h a 1 | EXPIRE h 10 | HSET h b \"x\"*65 | PROBE.EXPIRE h", ":1 | :1 | :1 | 1010000");
    }

    #[test]
    fn hincrby_counts_from_zero_to_the_ends_of_64_bits() {
        let overflow = "-ERR increment or decrement would overflow";
        check_both(
            "HINCRBY h a 5 | HINCRBY h a -7 | HINCRBY h b 0 | HGET h a | HGET h b",
            ":5 | :-2 | :0 | \"-2\" | 0",
        );
        check_both(
            "HSET h a 9223372036854775807 | HINCRBY h a 1 | HINCRBY h a -1 | HINCRBY h a 2",
            &format!(":1 | {overflow} | :9223372036854775806 | {overflow}"),
        );
        check_both(
            "HINCRBY h a -9223372036854775808 | HINCRBY h a -1 | HGET h a",
            &format!(":-9223372036854775808 | {overflow} | \"-9223372036854775808\""),
        );
        let integer = "-ERR value is not an integer or out of range";
        let of_field = "-ERR hash value is not an integer";
        check_both(
            "HSET h a 1.5 b \" 1\" c \"\" | HINCRBY h a 1 | HINCRBY h b 1 | HINCRBY h c 1 | HINCRBY h a x",
            &format!(":3 | {of_field} | {of_field} | {of_field} | {integer}"),
        );
        check("HINCRBY h a 1.5 | EXISTS h", &format!("{integer} | :0"));
    }

    #[test]
    fn hincrbyfloat_prints_17_digits_behind_the_point_without_trailing_zeros() {
        check_both(
            "HSET h a 10.50 | HINCRBYFLOAT h a 0.1 | HINCRBYFLOAT h a 5.0e3 | HGET h a \
                | HINCRBYFLOAT h b -1 | HGET h b",
            ":1 | 10.6 | 5010.60000000000000009 | 5010.60000000000000009 | \"-1\" | \"-1\"",
        );
        let not_a_float = "-ERR value is not a valid float";
        let not_finite = "-ERR value is NaN or Infinity";
        check(
            "HINCRBYFLOAT h a inf | HINCRBYFLOAT h a -inf | HINCRBYFLOAT h a nan | HINCRBYFLOAT h a x \
                | EXISTS h",
            &format!("{not_finite} | {not_finite} | {not_a_float} | {not_a_float} | :0"),
        );
        check_both(
            "HSET h a x b inf c 1 | HINCRBYFLOAT h a 1 | HINCRBYFLOAT h b 1 | HINCRBYFLOAT h c 1.5",
            ":3 | -ERR hash value is not a float | -ERR increment would produce NaN or Infinity | 2.5",
        );
        // A sum of hundreds of digits is too long for a packed hash.
        check("HINCRBYFLOAT h a 1e100 | OBJECT ENCODING h | HSTRLEN h a", &{
            let digits = Sandbox::new().run("INCRBYFLOAT s 1e100");
            format!("{digits} | hashtable | :100")
        });
    }

    #[test]
    fn lengths_are_those_of_the_text() {
        check_both("HSET h a -123 b xy | HSTRLEN h a | HSTRLEN h b | HSTRLEN h x", ":2 | :4 | :2 | :0");
        check_both("HSET h a 1 | HEXISTS h a | HEXISTS h b", ":1 | :1 | :0");
    }

    #[test]
    fn a_hash_is_packed_until_it_has_too_many_fields_or_too_long_ones() {
        check(
            "HSET h a \"x\"*64 | OBJECT ENCODING h | HSET h a \"x\"*65 | OBJECT ENCODING h | HDEL h a \
                | HSET h a 1 | OBJECT ENCODING h",
            ":1 | listpack | :0 | hashtable | :1 | :1 | listpack",
        );
        check("HSET h \"x\"*65 1 | OBJECT ENCODING h | HGETALL h", ":1 | hashtable | [\"x\"*65 1]");
        check("HSET h a 1 | HINCRBY h \"x\"*65 1 | OBJECT ENCODING h | HLEN h", ":1 | :1 | hashtable | :2");
        let mut sandbox = sandbox_with(Limits { hash_entries_max: 2, ..Limits::default() });
        check_in(
            &mut sandbox,
            "HSET h a 1 b 2 | OBJECT ENCODING h | HSET h b 3 | OBJECT ENCODING h | HSET h c 4 \
                | OBJECT ENCODING h | HMGET h a b c",
            ":2 | listpack | :0 | listpack | :1 | hashtable | [1 3 4]",
        );
        // Fields that are named twice count twice, as since Redis 7.2.
        check_in(&mut sandbox, "HSET i a 1 a 2 a 3 | OBJECT ENCODING i | HLEN i", ":1 | hashtable | :1");
        // A lowered limit holds from the next change on.
        check_in(&mut sandbox, "HSET j a 1 b 2 | OBJECT ENCODING j", ":2 | listpack");
        sandbox.shard_mut().set_limits(Limits { hash_entries_max: 1, ..Limits::default() });
        check_in(&mut sandbox, "HDEL j x | OBJECT ENCODING j", ":0 | listpack");
        check_in(&mut sandbox, "HINCRBY j a 1 | OBJECT ENCODING j | HMGET j a b", ":2 | hashtable | [2 2]");
    }

    #[test]
    fn thousands_of_fields_are_kept_and_removed() {
        let mut sandbox = Sandbox::new();
        for field in 0..3000 {
            check_in(&mut sandbox, &format!("HSET h field:{field} {field}"), ":1");
        }
        for field in (0..3000).step_by(7) {
            check_in(
                &mut sandbox,
                &format!("HGET h field:{field} | HDEL h field:{field}"),
                &format!("{field} | :1"),
            );
        }
        check_in(&mut sandbox, "HLEN h | HGET h field:7 | HGET h field:8", ":2571 | (nil) | 8");
        for field in 0..3000 {
            sandbox.run(&format!("HDEL h field:{field}"));
        }
        check_in(&mut sandbox, "EXISTS h | DBSIZE", ":0 | :0");
    }

    #[test]
    fn other_types_are_refused_and_nothing_is_changed() {
        for command in [
            "HSET s a 1",
            "HMSET s a 1",
            "HSETNX s a 1",
            "HGET s a",
            "HMGET s a",
            "HGETALL s",
            "HKEYS s",
            "HVALS s",
            "HLEN s",
            "HSTRLEN s a",
            "HEXISTS s a",
            "HDEL s a",
            "HINCRBY s a 1",
            "HINCRBYFLOAT s a 1",
        ] {
            check(&format!("SET s 1 | {command} | GET s"), &format!("OK | {WRONG_TYPE} | 1"));
        }
        check("HSET h a 1 | GET h | INCR h", &format!(":1 | {WRONG_TYPE} | {WRONG_TYPE}"));
        // A field without a value is noticed first, a wrong increment too.
        check(
            "SET s 1 | HSET s a | HSET s a 1 b | HMSET s a 1 b | HINCRBY s a x",
            "OK | -ERR wrong number of arguments for 'hset' command \
                | -ERR wrong number of arguments for 'hset' command \
                | -ERR wrong number of arguments for 'hmset' command \
                | -ERR value is not an integer or out of range",
        );
    }

    #[test]
    fn what_has_changed_is_told_once_and_floats_as_results() {
        let mut sandbox = Sandbox::new();
        sandbox.shard_mut().listen_to_effects(true);
        sandbox
            .run("HSET h a 1 | HSETNX h a 2 | HDEL h x | HINCRBYFLOAT h a 0.5 | HGETALL h | HINCRBY h a x");
        sandbox.run("HINCRBY h a 1 | HDEL h a");
        let effects = sandbox.shard_mut().take_effects().into_iter().flat_map(|group| group.effects);
        let texts: Vec<_> = effects
            .map(|Effect { args, .. }| {
                let words =
                    args.as_args().iter_from(0).map(|word| String::from_utf8_lossy(word).into_owned());
                words.collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(texts, ["HSET h a 1", "HSET h a 1.5", "HDEL h a"]);
    }
}
