//! Whole strings: SET and GET with their many older forms, MSET and MGET, STRLEN.
//!
//! Parts of strings are in `string_range`, counters in `counter`. This file must not know where a key's shard
//! is: a command with several keys sees those that routing has given to this shard.

pub(super) mod range;
pub(super) mod rows;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::entry::{Expire, NewValue, StrValue};
use crate::error::CommandError;
use crate::event;
use crate::expire_options::{TimeUnit, Ttl};
use crate::key::Key;
use crate::reply::Reply;

type Done = Result<(), CommandError>;

/// Replies with a string: an integer as its text, a long one from its own memory.
#[inline]
pub(crate) fn reply_string(reply: &mut Reply, value: StrValue<'_>) {
    match value {
        StrValue::Int(int) => reply.bulk_int(int),
        StrValue::Inline(bytes) => reply.bulk(bytes),
        StrValue::Raw(blob) => reply.bulk_blob(blob),
    }
}

/// `GET key`
pub(crate) fn get(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_current(ctx, args)
}

/// Replies with the value of the key at argument 1, or with null.
#[inline]
fn reply_current(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    match ctx.keys.read_string(&key)? {
        Some(value) => reply_string(ctx.reply, value),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// `SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds |
/// KEEPTTL]`
pub(crate) fn set(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    if args.len() > 3 {
        return set_with_options(ctx, args);
    }
    let key = ctx.key(args, 1);
    ctx.keys.set(&key, NewValue::encoded(args.value(2)), Expire::Clear);
    ctx.keys.changed(&key, event::SET);
    ctx.reply.ok();
    Ok(())
}

/// When SET changes a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    IfMissing,
    IfPresent,
}

fn set_with_options(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let mut condition = Condition::Always;
    let mut reply_old = false;
    let mut ttl = Ttl::Unsaid;
    let mut at = 3;
    while at < args.len() {
        let word = args.get(at);
        let asked = match word {
            _ if word.eq_ignore_ascii_case(b"NX") => Condition::IfMissing,
            _ if word.eq_ignore_ascii_case(b"XX") => Condition::IfPresent,
            _ => Condition::Always,
        };
        if asked != Condition::Always {
            if condition != Condition::Always && condition != asked {
                return Err(CommandError::Syntax);
            }
            condition = asked;
        } else if word.eq_ignore_ascii_case(b"GET") {
            reply_old = true;
        } else if word.eq_ignore_ascii_case(b"KEEPTTL") {
            ttl = ttl.merged(Ttl::Keep)?;
        } else {
            ttl = ttl.merged(time_option(args, at)?)?;
            at += 1;
        }
        at += 1;
    }
    let expire = match ttl.at_ms(1, ctx.keys.now_ms(), "set")? {
        Some(at_ms) => Expire::At(at_ms),
        None if ttl == Ttl::Keep => Expire::Keep,
        None => Expire::Clear,
    };
    if reply_old {
        reply_current(ctx, args)?;
    }
    let done = set_if(ctx, args, condition, NewValue::encoded(args.value(2)), expire);
    match (reply_old, done) {
        (true, _) => {}
        (false, true) => ctx.reply.ok(),
        (false, false) => ctx.reply.null(),
    }
    Ok(())
}

/// The option at argument `at`, which must be a time with its number.
fn time_option(args: Args<'_>, at: usize) -> Result<Ttl<'_>, CommandError> {
    match TimeUnit::parse(args.get(at)) {
        Some(unit) if at + 1 < args.len() => Ok(Ttl::Time(unit, args.get(at + 1))),
        _ => Err(CommandError::Syntax),
    }
}

/// Sets the key at argument 1 when the condition holds; returns whether it did.
fn set_if(
    ctx: &mut Ctx<'_>,
    args: Args<'_>,
    condition: Condition,
    value: NewValue<'_>,
    expire: Expire,
) -> bool {
    let key = ctx.key(args, 1);
    match (condition, ctx.keys.write(&key)) {
        (Condition::IfMissing, Some(_)) | (Condition::IfPresent, None) => return false,
        (_, Some(mut entry)) => entry.replace(value, expire),
        (_, None) => ctx.keys.add(&key, value, expire),
    }
    ctx.keys.changed(&key, event::SET);
    if let Expire::At(at_ms) = expire {
        ctx.keys.notify(&key, event::EXPIRE);
        effect_set_until(ctx, &key, args.get(2), at_ms);
    }
    true
}

/// The effect of a SET with an expire, however its time was worded.
fn effect_set_until(ctx: &mut Ctx<'_>, key: &Key<'_>, value: &[u8], at_ms: u64) {
    let mut text = itoa::Buffer::new();
    ctx.keys.effect([b"SET", key.bytes, value, b"PXAT", text.format(at_ms).as_bytes()]);
}

/// `SETEX key seconds value`
pub(crate) fn setex(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    set_with_ttl(ctx, args, TimeUnit::Seconds, "setex")
}

/// `PSETEX key milliseconds value`
pub(crate) fn psetex(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    set_with_ttl(ctx, args, TimeUnit::Milliseconds, "psetex")
}

fn set_with_ttl(ctx: &mut Ctx<'_>, args: Args<'_>, unit: TimeUnit, command: &'static str) -> Done {
    let at_ms = unit.at_ms(args.get(2), 1, ctx.keys.now_ms(), command)?.unsigned_abs();
    let key = ctx.key(args, 1);
    ctx.keys.set(&key, NewValue::encoded(args.value(3)), Expire::At(at_ms));
    ctx.keys.changed(&key, event::SET);
    ctx.keys.notify(&key, event::EXPIRE);
    effect_set_until(ctx, &key, args.get(3), at_ms);
    ctx.reply.ok();
    Ok(())
}

/// `SETNX key value`
pub(crate) fn setnx(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let value = NewValue::encoded(args.value(2));
    let done = set_if(ctx, args, Condition::IfMissing, value, Expire::Clear);
    ctx.reply.int(i64::from(done));
    Ok(())
}

/// `GETSET key value`
pub(crate) fn getset(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_current(ctx, args)?;
    let key = ctx.key(args, 1);
    ctx.keys.set(&key, NewValue::encoded(args.value(2)), Expire::Clear);
    ctx.keys.changed(&key, event::SET);
    Ok(())
}

/// `GETDEL key`
pub(crate) fn getdel(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_current(ctx, args)?;
    let key = ctx.key(args, 1);
    if ctx.keys.delete(&key, ctx.keys.freeing_by_server()) {
        ctx.keys.changed(&key, event::DEL);
        ctx.keys.effect([&b"DEL"[..], key.bytes]);
    }
    Ok(())
}

/// `GETEX key [EX seconds | PX milliseconds | EXAT seconds | PXAT milliseconds | PERSIST]`
pub(crate) fn getex(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let mut ttl = Ttl::Unsaid;
    let mut at = 2;
    while at < args.len() {
        if args.get(at).eq_ignore_ascii_case(b"PERSIST") {
            ttl = ttl.merged(Ttl::Persist)?;
            at += 1;
        } else {
            ttl = ttl.merged(time_option(args, at)?)?;
            at += 2;
        }
    }
    let now_ms = ctx.keys.now_ms();
    let key = ctx.key(args, 1);
    let Some(value) = ctx.keys.read_string(&key)? else {
        ctx.reply.null();
        return Ok(());
    };
    let expire_ms = ttl.at_ms(1, now_ms, "getex")?;
    reply_string(ctx.reply, value);
    match expire_ms {
        Some(at_ms) if at_ms <= now_ms => {
            ctx.keys.delete(&key, ctx.keys.freeing_by_expiry());
            ctx.keys.changed(&key, event::DEL);
            ctx.keys.effect([&b"DEL"[..], key.bytes]);
        }
        None if ttl != Ttl::Persist => {}
        expire_ms => set_expire(ctx, &key, expire_ms),
    }
    Ok(())
}

/// What GETEX does to a key's expire. PERSIST of a key that has none changes nothing.
fn set_expire(ctx: &mut Ctx<'_>, key: &Key<'_>, expire_ms: Option<u64>) {
    let Some(mut entry) = ctx.keys.write(key) else { return };
    if expire_ms.is_none() && entry.view().expire_ms().is_none() {
        return;
    }
    entry.set_expire(expire_ms);
    if let Some(at_ms) = expire_ms {
        ctx.keys.changed(key, event::EXPIRE);
        let mut text = itoa::Buffer::new();
        ctx.keys.effect([b"PEXPIREAT", key.bytes, text.format(at_ms).as_bytes()]);
    } else {
        ctx.keys.changed(key, event::PERSIST);
        ctx.keys.effect([&b"PERSIST"[..], key.bytes]);
    }
}

/// `MGET key [key ...]`: null for what is missing or no string.
pub(crate) fn mget(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    ctx.reply.array(args.len() - 1);
    for bytes in args.iter_from(1) {
        let key = ctx.keys.key(bytes);
        match ctx.keys.read_string(&key) {
            Ok(Some(value)) => reply_string(ctx.reply, value),
            Ok(None) | Err(_) => ctx.reply.null(),
        }
    }
    Ok(())
}

/// `MSET key value [key value ...]`
pub(crate) fn mset(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    check_pairs(args, "mset")?;
    set_pairs(ctx, args);
    ctx.reply.ok();
    Ok(())
}

/// `MSETNX key value [key value ...]`: all or, when one of the keys is there, none.
pub(crate) fn msetnx(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    check_pairs(args, "msetnx")?;
    for index in (1..args.len()).step_by(2) {
        let key = ctx.key(args, index);
        if ctx.keys.write(&key).is_some() {
            ctx.reply.int(0);
            return Ok(());
        }
    }
    set_pairs(ctx, args);
    ctx.reply.int(1);
    Ok(())
}

fn check_pairs(args: Args<'_>, command: &'static str) -> Done {
    if args.len().is_multiple_of(2) { Err(CommandError::WrongArity(command.into())) } else { Ok(()) }
}

fn set_pairs(ctx: &mut Ctx<'_>, args: Args<'_>) {
    for index in (1..args.len()).step_by(2) {
        let key = ctx.key(args, index);
        ctx.keys.set(&key, NewValue::encoded(args.value(index + 1)), Expire::Clear);
        ctx.keys.changed(&key, event::SET);
    }
}

/// `STRLEN key`
pub(crate) fn strlen(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let len = ctx.keys.read_string(&key)?.map_or(0, |value| value.len());
    ctx.reply.len_int(len);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::args::BLOB_LEN_MIN;
    use crate::entry::INLINE_LEN_MAX;
    use crate::testing::{Sandbox, check, check_in};

    #[test]
    fn get_replies_what_set_has_stored() {
        check("GET a | SET a 1 | GET a | SET a two | GET a", "(nil) | OK | 1 | OK | two");
        check("SET a \"\" | GET a | STRLEN a", "OK | \"\" | :0");
        check("SET \"\" x | GET \"\"", "OK | x");
        check("set a x | Get a | GET A", "OK | x | (nil)");
    }

    #[test]
    fn any_bytes_are_a_value() {
        check(r#"SET a "\x00\xff\r\n" | GET a"#, r#"OK | "\x00\xff\r\n""#);
    }

    #[test]
    fn a_value_is_stored_as_an_integer_only_when_its_text_comes_back() {
        for int in ["0", "-1", "9223372036854775807", "-9223372036854775808"] {
            let replies = Sandbox::new().run(&format!("SET a {int} | PROBE.KIND a | STRLEN a"));
            assert_eq!(replies, format!("OK | int | :{}", int.len()));
        }
        for text in ["01", "-0", "+1", "1.0", "9223372036854775808", "-9223372036854775809"] {
            let replies = Sandbox::new().run(&format!("SET a {text} | PROBE.KIND a"));
            assert_eq!(replies, "OK | inline", "{text}");
        }
        check("SET a \" 1\" | PROBE.KIND a | SET a \"\" | PROBE.KIND a", "OK | inline | OK | inline");
    }

    #[test]
    fn values_of_every_length_replace_each_other() {
        let mut lens =
            vec![0, 1, 100, INLINE_LEN_MAX, INLINE_LEN_MAX + 1, BLOB_LEN_MIN - 1, BLOB_LEN_MIN, 200_000];
        lens.extend(lens.clone().into_iter().rev());
        let mut sandbox = Sandbox::new();
        for len in lens {
            check_in(&mut sandbox, &format!("SET a \"x\"*{len} | STRLEN a"), &format!("OK | :{len}"));
            if len > 100 {
                check_in(&mut sandbox, "GET a", &format!("\"x\"*{len}"));
            }
            check_in(&mut sandbox, "SET a 7 | GET a | STRLEN a", "OK | 7 | :1");
        }
    }

    #[test]
    fn set_nx_sets_only_a_missing_key_and_xx_only_a_present_one() {
        check("SET a 1 NX | SET a 2 nx | GET a", "OK | (nil) | 1");
        check("SET a 1 XX | GET a | SET a 1 | SET a 2 xx | GET a", "(nil) | (nil) | OK | OK | 2");
        check("SET a 1 NX NX | SET a 2 XX XX", "OK | OK");
        check("SET a 1 NX XX | SET a 1 XX NX | GET a", "-ERR syntax error | -ERR syntax error | (nil)");
    }

    #[test]
    fn set_with_a_condition_that_fails_leaves_the_expire() {
        check("SET a 1 PX 50 | SET a 2 NX PX 9000 | PROBE.EXPIRE a", "OK | (nil) | 1000050");
    }

    #[test]
    fn set_get_replies_the_old_value_whether_or_not_it_sets() {
        check("SET a 1 GET | SET a 2 GET | GET a", "(nil) | 1 | 2");
        check("SET a 1 NX GET | SET a 2 NX GET | GET a", "(nil) | 1 | 1");
        check("SET a 1 XX GET | GET a | SET a 1 | SET a 2 GET XX | GET a", "(nil) | (nil) | OK | 1 | 2");
        check("SET a 1 GET GET EX 1 | PROBE.EXPIRE a", "(nil) | 1001000");
    }

    #[test]
    fn set_counts_expires_from_now_or_from_1970() {
        check("SET a 1 EX 2 | PROBE.EXPIRE a", "OK | 1002000");
        check("SET a 1 PX 2 | PROBE.EXPIRE a", "OK | 1000002");
        check("SET a 1 EXAT 2000 | PROBE.EXPIRE a", "OK | 2000000");
        check("SET a 1 PXAT 1000007 | PROBE.EXPIRE a", "OK | 1000007");
        check("SET a 1 ex 2 EX 3 | PROBE.EXPIRE a", "OK | 1003000");
    }

    #[test]
    fn a_key_is_gone_behind_the_millisecond_of_its_expire() {
        check("SET a 1 PX 10 | SLEEP 10 | GET a | SLEEP 1 | GET a | STRLEN a", "OK | 1 | (nil) | :0");
        check("SET a 1 PX 10 | SLEEP 11 | SET a 2 XX | SET a 3 NX | GET a", "OK | (nil) | OK | 3");
        check("SET a 1 PXAT 1 | GET a | SET b 1 EXAT 999 | GET b", "OK | (nil) | OK | (nil)");
    }

    #[test]
    fn plain_set_removes_the_expire_and_keepttl_keeps_it() {
        check("SET a 1 EX 1 | SET a 2 | PROBE.EXPIRE a", "OK | OK | -1");
        check("SET a 1 EX 1 | SET a 2 XX | PROBE.EXPIRE a", "OK | OK | -1");
        check("SET a 1 EX 1 | SET a two KEEPTTL | PROBE.EXPIRE a | GET a", "OK | OK | 1001000 | two");
        check("SET a 1 KEEPTTL keepttl | PROBE.EXPIRE a", "OK | -1");
    }

    #[test]
    fn the_count_of_keys_with_an_expire_follows_every_change_of_shape() {
        let mut sandbox = Sandbox::new();
        for (script, count) in [
            ("SET a 1 EX 9", 1),
            ("SET a 1", 0),
            ("SET a longer-than-before EX 9", 1),
            ("SET a 1 KEEPTTL", 1),
            ("SETEX b 9 1", 2),
            ("GETEX b PERSIST", 1),
            ("GETEX b PX 1", 2),
            ("SLEEP 2 | GET b", 1),
            ("GETDEL a", 0),
            ("MSET a 1 b 2 | GETEX a EX 1 | MSET a 2", 0),
            ("SET a 1 PX 1 | SLEEP 2 | SET a 1", 0),
        ] {
            sandbox.run(script);
            assert_eq!(sandbox.shard().dbs()[0].keys_with_expire(), count, "after {script}");
        }
        assert_eq!(sandbox.shard().dbs()[0].len(), 2);
    }

    #[test]
    fn options_that_exclude_each_other_are_a_syntax_error_before_anything_else() {
        for options in [
            "EX 1 PX 1",
            "PX 1 EXAT 1",
            "EX 1 KEEPTTL",
            "KEEPTTL PXAT 1",
            "EX",
            "PX 1 EX",
            "PERSIST",
            "1",
            "EX 0 BAD",
            "EX abc EXAT 1",
            "GET BAD",
            "NX XX EX 0",
        ] {
            let replies = Sandbox::new().run(&format!("SET a 1 {options} | GET a"));
            assert_eq!(replies, "-ERR syntax error | (nil)", "{options}");
        }
    }

    #[test]
    fn an_expire_must_be_positive_and_in_range() {
        for (script, command) in [
            ("SET a 1 EX 0", "set"),
            ("SET a 1 PX -1 NX GET", "set"),
            ("SET a 1 EX 9223372036854775807", "set"),
            ("SET a 1 EX 9223372036854775", "set"),
            ("SET a 1 PX 9223372036854775807", "set"),
            ("SET a 1 EXAT 9223372036854776", "set"),
            ("SET a 1 PXAT 0", "set"),
            ("SETEX a 0 1", "setex"),
            ("SETEX a -5 1", "setex"),
            ("PSETEX a 9223372036854775807 1", "psetex"),
        ] {
            let replies = Sandbox::new().run(&format!("{script} | GET a"));
            assert_eq!(
                replies,
                format!("-ERR invalid expire time in '{command}' command | (nil)"),
                "{script}"
            );
        }
        let not_an_integer = "-ERR value is not an integer or out of range";
        check("SET a 1 EX abc", not_an_integer);
        check("SET a 1 EX 1.5", not_an_integer);
        check("SET a 1 PXAT 9223372036854775808", not_an_integer);
        check("SETEX a \"\" 1", not_an_integer);
        check("SET a 1 PXAT 9223372036854775807 | PROBE.EXPIRE a", "OK | 9223372036854775807");
        check("SET a 1 PX 9223372036853775807 | PROBE.EXPIRE a", "OK | 9223372036854775807");
    }

    #[test]
    fn setex_and_psetex_set_value_and_expire() {
        check("SETEX a 2 x | GET a | PROBE.EXPIRE a", "OK | x | 1002000");
        check("PSETEX a 2 5 | GET a | PROBE.EXPIRE a | PROBE.KIND a", "OK | 5 | 1000002 | int");
    }

    #[test]
    fn setnx_says_whether_it_has_set() {
        check("SETNX a 1 | SETNX a 2 | GET a", ":1 | :0 | 1");
        check("SET a 1 PX 5 | SLEEP 6 | SETNX a 2 | PROBE.EXPIRE a", "OK | :1 | -1");
    }

    #[test]
    fn getset_replaces_the_value_and_drops_the_expire() {
        check("GETSET a 1 | GETSET a 2 | GET a", "(nil) | 1 | 2");
        check("SET a 1 EX 1 | GETSET a 2 | PROBE.EXPIRE a", "OK | 1 | -1");
    }

    #[test]
    fn getdel_takes_the_key_away() {
        check("GETDEL a | SET a 1 | GETDEL a | GET a", "(nil) | OK | 1 | (nil)");
        check("SET a \"x\"*50000 | GETDEL a | GET a", "OK | \"x\"*50000 | (nil)");
    }

    #[test]
    fn getex_changes_nothing_but_the_expire() {
        check("SET a 1 | GETEX a EX 2 | PROBE.EXPIRE a", "OK | 1 | 1002000");
        check("SET a 1 | GETEX a PX 2 px 3 | PROBE.EXPIRE a", "OK | 1 | 1000003");
        check("SET a 1 | GETEX a EXAT 2000 | PROBE.EXPIRE a", "OK | 1 | 2000000");
        check("SET a 1 | GETEX a PXAT 2000000 | PROBE.EXPIRE a", "OK | 1 | 2000000");
        check("SET a 1 EX 1 | GETEX a | PROBE.EXPIRE a", "OK | 1 | 1001000");
        check("SET a 1 EX 1 | GETEX a persist PERSIST | PROBE.EXPIRE a", "OK | 1 | -1");
        check("SET a 1 | GETEX a PERSIST | PROBE.EXPIRE a", "OK | 1 | -1");
        check("SET a \"x\"*50000 | GETEX a EX 1 | GET a", "OK | \"x\"*50000 | \"x\"*50000");
    }

    #[test]
    fn getex_with_a_time_in_the_past_deletes_the_key() {
        let mut sandbox = Sandbox::new();
        check_in(&mut sandbox, "SET a 1 | GETEX a PXAT 1000000 | GET a", "OK | 1 | (nil)");
        check_in(&mut sandbox, "SET a 1 | GETEX a EXAT 1 | GET a", "OK | 1 | (nil)");
        assert_eq!(sandbox.shard().dbs()[0].len(), 0);
        assert_eq!(sandbox.shard().env().expired_keys, 0);
    }

    #[test]
    fn getex_looks_at_its_number_only_when_the_key_is_there() {
        check("GETEX a EX abc | GETEX a EX 0 | GETEX a EX", "(nil) | (nil) | -ERR syntax error");
        check(
            "SET a 1 | GETEX a EX abc | GETEX a EX 0",
            "OK | -ERR value is not an integer or out of range | -ERR invalid expire time in 'getex' command",
        );
        for options in ["EX 1 PERSIST", "PERSIST EX 1", "EX 1 PX 1", "KEEPTTL", "NX", "GET", "PERSIST BAD"] {
            let replies = Sandbox::new().run(&format!("SET a 1 | GETEX a {options} | PROBE.EXPIRE a"));
            assert_eq!(replies, "OK | -ERR syntax error | -1", "{options}");
        }
    }

    #[test]
    fn mset_sets_pairs_in_order_and_mget_reads_them() {
        check("MSET a 1 b 2 | MGET a none b", "OK | [1 (nil) 2]");
        check("MSET a 1 a 2 | GET a", "OK | 2");
        check("SET a 1 EX 9 | MSET a 2 | PROBE.EXPIRE a", "OK | OK | -1");
        check("RESP 3 | MGET a", "[(nil)]");
        check("MSET a \"x\"*40000 b 1 | MGET a b a", "OK | [\"x\"*40000 1 \"x\"*40000]");
    }

    #[test]
    fn a_key_without_a_value_is_a_wrong_number_of_arguments() {
        check(
            "MSET a 1 b | MSETNX a 1 b | MGET a b",
            "-ERR wrong number of arguments for 'mset' command \
             | -ERR wrong number of arguments for 'msetnx' command | [(nil) (nil)]",
        );
    }

    #[test]
    fn msetnx_sets_all_or_nothing() {
        check("MSETNX a 1 b 2 | MSETNX b 3 c 4 | MGET a b c", ":1 | :0 | [1 2 (nil)]");
        check("MSETNX a 1 a 2 | GET a", ":1 | 2");
        check("SET a 1 PX 5 | SLEEP 6 | MSETNX b 2 a 2 | MGET a b", "OK | :1 | [2 2]");
    }

    #[test]
    fn hits_and_misses_are_counted_for_reading_commands_only() {
        let mut sandbox = Sandbox::new();
        sandbox.run("SET a 1 | SETNX a 1 | MSETNX a 1 | SET b 1 XX");
        assert_eq!((sandbox.shard().env().keyspace_hits, sandbox.shard().env().keyspace_misses), (0, 0));
        sandbox.run("GET a | MGET a b | STRLEN a | SET a 2 GET | GETSET c 1 | GETDEL d | GETEX a EX 1");
        assert_eq!((sandbox.shard().env().keyspace_hits, sandbox.shard().env().keyspace_misses), (5, 3));
    }

    #[test]
    fn arity_is_that_of_the_rows() {
        for command in [
            "GET",
            "GET a b",
            "SET a",
            "SETNX a",
            "SETEX a 1",
            "PSETEX a 1 1 1",
            "GETSET a",
            "GETDEL a b",
            "GETEX",
            "MGET",
            "MSET a",
            "MSETNX a",
            "STRLEN a b",
        ] {
            let name = command.split(' ').next().unwrap().to_lowercase();
            let expected = format!("-ERR wrong number of arguments for '{name}' command");
            assert_eq!(Sandbox::new().run(command), expected);
        }
    }
}
