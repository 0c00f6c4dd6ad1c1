//! The times of hash fields: HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HTTL HPTTL HEXPIRETIME HPEXPIRETIME
//! HPERSIST.
//!
//! Redis has them since 7.4, Valkey since 9. Where the two differ, in texts of errors and in how seconds are
//! rounded, this is Valkey's way, which is that of EXPIRE and TTL. Unlike in both, no command ever sees or
//! counts a field whose time is over.

use super::ex::{WRONG_COUNT, check_count};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Freeing;
use crate::error::CommandError;
use crate::event;
use crate::expire_options::{ExpireCondition, TimeUnit};
use crate::num;
use crate::values::hash;

type Done = Result<(), CommandError>;

// What is replied for each field.
const NO_SUCH_FIELD: i64 = -2;
const NO_EXPIRE: i64 = -1;
const CONDITION_NOT_MET: i64 = 0;
const DONE: i64 = 1;
/// The time was over: the field is removed.
const REMOVED: i64 = 2;

/// `HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]`
pub(super) fn hexpire(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    set_expires(ctx, args, "hexpire", TimeUnit::Seconds)
}

/// `HPEXPIRE key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]`
pub(super) fn hpexpire(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    set_expires(ctx, args, "hpexpire", TimeUnit::Milliseconds)
}

/// `HEXPIREAT key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]`
pub(super) fn hexpireat(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    set_expires(ctx, args, "hexpireat", TimeUnit::UnixSeconds)
}

/// `HPEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]`
pub(super) fn hpexpireat(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    set_expires(ctx, args, "hpexpireat", TimeUnit::UnixMilliseconds)
}

/// The place of the first field of a command that sets times, and the condition before FIELDS.
fn fields_and_condition(args: Args<'_>) -> Result<(usize, ExpireCondition), CommandError> {
    let is_fields = |at: &usize| args[*at].eq_ignore_ascii_case(b"fields");
    let at = (3..args.len() - 1).find(is_fields).ok_or(WRONG_COUNT)?;
    let condition = ExpireCondition::parse((3..at).map(|option| args.get(option)))?;
    check_count(args, at, 1)?;
    Ok((at + 2, condition))
}

fn set_expires(ctx: &mut Ctx<'_>, args: Args<'_>, name: &'static str, unit: TimeUnit) -> Done {
    let (first, condition) = fields_and_condition(args)?;
    let now_ms = ctx.keys.now_ms() as i64;
    let at_ms = unit.at_ms(args.get(2), 0, ctx.keys.now_ms(), name)?;

    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let (mut results, mut changed) = (Vec::with_capacity(args.len() - first), Vec::new());
    let is_empty = hash::write(&mut ctx.keys, &key, |hash| {
        for field in args.iter_from(first) {
            let result = match hash.view().expire_ms(field, &hash_of) {
                None => NO_SUCH_FIELD,
                Some(present_ms) if !condition.is_met(present_ms, at_ms) => CONDITION_NOT_MET,
                Some(_) if at_ms > now_ms => {
                    hash.set_expire(field, Some(at_ms as u64), &hash_of);
                    DONE
                }
                Some(_) => {
                    hash.remove(field, &hash_of);
                    REMOVED
                }
            };
            if result == DONE || result == REMOVED {
                changed.push(field);
            }
            results.push(result);
        }
        hash.view().is_empty()
    })?;
    results.resize(args.len() - first, NO_SUCH_FIELD);
    ctx.reply.array(results.len());
    results.iter().for_each(|result| ctx.reply.int(*result));
    if changed.is_empty() {
        return Ok(());
    }
    if at_ms > now_ms {
        ctx.keys.changed(&key, event::HEXPIRE);
        let (mut at, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (at, count) = (at.format(at_ms).as_bytes(), count.format(changed.len()).as_bytes());
        let words = [b"HPEXPIREAT", key.bytes, at, b"FIELDS", count];
        ctx.keys.effect(words.into_iter().chain(changed));
        return Ok(());
    }
    ctx.keys.changed(&key, event::HEXPIRED);
    ctx.keys.count_expired_fields(changed.len());
    ctx.keys.effect([&b"HDEL"[..], key.bytes].into_iter().chain(changed));
    if is_empty == Some(true) {
        ctx.keys.delete(&key, Freeing::Now);
        ctx.keys.notify(&key, event::DEL);
    }
    Ok(())
}

/// `HTTL key FIELDS numfields field [field ...]`
pub(super) fn httl(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_expires(ctx, args, TimeUnit::Seconds)
}

/// `HPTTL key FIELDS numfields field [field ...]`
pub(super) fn hpttl(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_expires(ctx, args, TimeUnit::Milliseconds)
}

/// `HEXPIRETIME key FIELDS numfields field [field ...]`
pub(super) fn hexpiretime(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_expires(ctx, args, TimeUnit::UnixSeconds)
}

/// `HPEXPIRETIME key FIELDS numfields field [field ...]`
pub(super) fn hpexpiretime(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_expires(ctx, args, TimeUnit::UnixMilliseconds)
}

/// Checks `FIELDS numfields` of a command that has nothing else before its fields, which begin at argument 4.
fn check_fields(args: Args<'_>, wrong_count: CommandError) -> Done {
    if !args[2].eq_ignore_ascii_case(b"fields") {
        return Err(CommandError::Syntax);
    }
    let count = num::parse_i64(args.get(3)).ok_or(CommandError::NotAnInteger)?;
    if count < 1 || usize::try_from(count).ok() != Some(args.len() - 4) {
        return Err(wrong_count);
    }
    Ok(())
}

fn reply_expires(ctx: &mut Ctx<'_>, args: Args<'_>, unit: TimeUnit) -> Done {
    check_fields(args, CommandError::Syntax)?;
    let key = ctx.key(args, 1);
    let (now_ms, hash_of) = (ctx.keys.now_ms(), ctx.keys.hash_of());
    let reply = &mut *ctx.reply;
    let found = hash::read(&mut ctx.keys, &key, |hash| {
        reply.array(args.len() - 4);
        for field in args.iter_from(4) {
            reply.int(match hash.expire_ms(field, &hash_of) {
                None => NO_SUCH_FIELD,
                Some(None) => NO_EXPIRE,
                Some(Some(at_ms)) => unit.told(at_ms, now_ms),
            });
        }
    })?;
    if found.is_none() {
        no_such_fields(ctx, args.len() - 4);
    }
    Ok(())
}

fn no_such_fields(ctx: &mut Ctx<'_>, count: usize) {
    ctx.reply.array(count);
    (0..count).for_each(|_| ctx.reply.int(NO_SUCH_FIELD));
}

/// `HPERSIST key FIELDS numfields field [field ...]`
pub(super) fn hpersist(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    check_fields(args, WRONG_COUNT)?;
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let reply = &mut *ctx.reply;
    let found = hash::write(&mut ctx.keys, &key, |hash| {
        reply.array(args.len() - 4);
        let mut is_changed = false;
        for field in args.iter_from(4) {
            reply.int(match hash.view().expire_ms(field, &hash_of) {
                None => NO_SUCH_FIELD,
                Some(None) => NO_EXPIRE,
                Some(Some(_)) => {
                    hash.set_expire(field, None, &hash_of);
                    is_changed = true;
                    DONE
                }
            });
        }
        is_changed
    })?;
    match found {
        None => no_such_fields(ctx, args.len() - 4),
        Some(true) => ctx.keys.changed(&key, event::HPERSIST),
        Some(false) => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::{Sandbox, check, check_in};

    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
    const WRONG_COUNT: &str =
        "-ERR numfields should be greater than 0 and match the provided number of fields";
    const SYNTAX: &str = "-ERR syntax error";
    const INTEGER: &str = "-ERR value is not an integer or out of range";

    #[test]
    fn fields_have_times_of_their_own() {
        check(
            "HSET h a 1 b 2 | HEXPIRE h 10 FIELDS 2 a x | HTTL h FIELDS 3 a b x | HPTTL h FIELDS 1 a \
             | HEXPIRETIME h FIELDS 1 a | HPEXPIRETIME h FIELDS 2 a b | OBJECT ENCODING h | PROBE.EXPIRE h",
            ":2 | [:1 :-2] | [:10 :-1 :-2] | [:10000] | [:1010] | [:1010000 :-1] | hashtable | -1",
        );
        check(
            "HSET h a 1 | HPEXPIRE h 2400 FIELDS 1 a | HTTL h FIELDS 1 a | HPEXPIRE h 2600 FIELDS 1 a \
                | HTTL h FIELDS 1 a | HEXPIREAT h 2000 FIELDS 1 a | HPTTL h FIELDS 1 a \
                | HPEXPIREAT h 1000001 FIELDS 1 a | HPTTL h FIELDS 1 a",
            ":1 | [:1] | [:2] | [:1] | [:3] | [:1] | [:1000000] | [:1] | [:1]",
        );
        check(
            "HEXPIRE h 10 FIELDS 2 a b | HTTL h FIELDS 2 a b | HPERSIST h FIELDS 1 a | EXISTS h",
            "[:-2 :-2] | [:-2 :-2] | [:-2] | :0",
        );
    }

    #[test]
    fn conditions_are_those_of_expire() {
        for (condition, without, with_earlier, with_later) in [
            ("NX", 1, 0, 0),
            ("XX", 0, 1, 1),
            ("GT", 0, 1, 0),
            ("LT", 1, 0, 1),
            ("XX GT", 0, 1, 0),
            ("lt XX", 0, 0, 1),
        ] {
            check(
                &format!(
                    "HSET h a 1 b 2 c 3 | HEXPIRE h 10 FIELDS 1 b | HEXPIRE h 30 FIELDS 1 c \
                     | HEXPIRE h 20 {condition} FIELDS 4 a b c x"
                ),
                &format!(":3 | [:1] | [:1] | [:{without} :{with_earlier} :{with_later} :-2]"),
            );
        }
        check(
            "HSET h a 1 | HEXPIRE h 10 NX XX FIELDS 1 a | HEXPIRE h 10 GT LT FIELDS 1 a \
                | HEXPIRE h 10 FOO FIELDS 1 a",
            ":1 | -ERR NX and XX, GT or LT options at the same time are not compatible \
                | -ERR GT and LT options at the same time are not compatible | -ERR Unsupported option FOO",
        );
    }

    #[test]
    fn a_field_whose_time_is_over_is_gone_for_every_command() {
        let prepared = "HSET h a 1 b 2 | HPEXPIRE h 5 FIELDS 1 a | SLEEP 6";
        for (command, reply) in [
            ("HGET h a", "(nil)"),
            ("HMGET h a b", "[(nil) 2]"),
            ("HGETALL h", "[b 2]"),
            ("HKEYS h", "[b]"),
            ("HVALS h", "[2]"),
            ("HLEN h", ":1"),
            ("HSTRLEN h a", ":0"),
            ("HEXISTS h a", ":0"),
            ("HRANDFIELD h 5", "[b]"),
            ("HRANDFIELD h", "b"),
            ("HSCAN h 0", "[0 [b 2]]"),
            ("HTTL h FIELDS 2 a b", "[:-2 :-1]"),
            ("HSET h a 3", ":1"),
            ("HSETNX h a 3", ":1"),
            ("HINCRBY h a 3", ":3"),
            ("HINCRBYFLOAT h a 3", "3"),
            ("HDEL h a b", ":1"),
            ("HEXPIRE h 10 FIELDS 1 a", "[:-2]"),
            ("HPERSIST h FIELDS 1 a", "[:-2]"),
        ] {
            check(&format!("{prepared} | {command}"), &format!(":2 | [:1] | {reply}"));
        }
        check(
            "HSET h a 1 | HPEXPIRE h 5 FIELDS 1 a | SLEEP 5 | HGET h a | SLEEP 1 | HGET h a",
            ":1 | [:1] | 1 | (nil)",
        );
    }

    #[test]
    fn a_hash_goes_with_its_last_field() {
        let prepared =
            "HSET h a 1 b 2 | EXPIRE h 100 | HPEXPIRE h 5 FIELDS 1 a | HPEXPIRE h 7 FIELDS 1 b | SLEEP 8";
        for (command, reply) in [
            ("HLEN h", ":0 | :0 | -1"),
            ("HGETALL h", "[] | :0 | -1"),
            ("HRANDFIELD h", "(nil) | :0 | -1"),
            ("HSCAN h 0", "[0 []] | :0 | -1"),
            ("HDEL h a", ":0 | :0 | -1"),
            ("HSETNX h a 1", ":1 | :1 | -1"),
            ("HINCRBY h a 1", ":1 | :1 | -1"),
            ("HSET h a 1", ":1 | :1 | -1"),
        ] {
            let script =
                format!("{prepared} | {command} | EXISTS h | SET h 1 | DEL h | HSET h a 1 | PROBE.EXPIRE h");
            let reply = reply.replace(" | -1", " | OK | :1 | :1 | -1");
            check(&script, &format!(":2 | :1 | [:1] | [:1] | {reply}"));
        }
        check(
            "HSET h a 1 b 2 | HEXPIREAT h 1 FIELDS 3 a x a | HLEN h | HPEXPIRE h 0 FIELDS 1 b | EXISTS h",
            ":2 | [:2 :-2 :-2] | :1 | [:2] | :0",
        );
        check("HSET h a 1 | HEXPIREAT h 1 GT FIELDS 1 a | HEXISTS h a", ":1 | [:0] | :1");
    }

    #[test]
    fn setting_a_field_takes_its_time_away_and_counting_does_not() {
        check(
            "HSET h a 1 | HEXPIRE h 10 FIELDS 1 a | HINCRBY h a 1 | HINCRBYFLOAT h a 1 | HSETNX h a 1 \
                | HTTL h FIELDS 1 a | HSET h a 1 | HTTL h FIELDS 1 a",
            ":1 | [:1] | :2 | 3 | :0 | [:10] | :0 | [:-1]",
        );
        check(
            "HSET h a 1 b 2 | HEXPIRE h 10 FIELDS 1 a | HPERSIST h FIELDS 3 a b x | HTTL h FIELDS 1 a \
                | HPERSIST h FIELDS 1 a",
            ":2 | [:1] | [:1 :-1 :-2] | [:-1] | [:-1]",
        );
        check("HSET h a 1 | HPERSIST h FIELDS 1 a | OBJECT ENCODING h", ":1 | [:-1] | listpack");
        check(
            "HSET h a 1 | HEXPIRE h 10 FIELDS 1 a | COPY h i | HTTL i FIELDS 1 a | RENAME h j \
                | HTTL j FIELDS 1 a",
            ":1 | [:1] | :1 | [:10] | OK | [:10]",
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (command, error) in [
            ("HEXPIRE h x FIELDS 1 a", INTEGER),
            ("HEXPIRE h x FIELDS 2 a", WRONG_COUNT),
            ("HEXPIRE h x FOO FIELDS 1 a", "-ERR Unsupported option FOO"),
            ("HEXPIRE h 10 FIELDS x a", INTEGER),
            ("HEXPIRE h 10 FIELDS 0 a", WRONG_COUNT),
            ("HEXPIRE h 10 FIELDS -1 a", WRONG_COUNT),
            ("HEXPIRE h 10 FIELDS 1 a b", WRONG_COUNT),
            ("HEXPIRE h 10 FIELDS 9223372036854775807 a", WRONG_COUNT),
            ("HEXPIRE h 10 FIELD 1 a", WRONG_COUNT),
            ("HEXPIRE h 10 1 a FIELDS", WRONG_COUNT),
            ("HEXPIRE h -1 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command"),
            ("HEXPIRE nosuch -1 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command"),
            ("HEXPIREAT h -1 FIELDS 1 a", "-ERR invalid expire time in 'hexpireat' command"),
            ("HEXPIRE h 9223372036854775 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command"),
            ("HPEXPIRE h 9223372036854775807 FIELDS 1 a", "-ERR invalid expire time in 'hpexpire' command"),
            ("HTTL h FIELDS 2 a", SYNTAX),
            ("HTTL h FIELDS 0 a", SYNTAX),
            ("HTTL h FIELDS x a", INTEGER),
            ("HTTL h FIELD 1 a", SYNTAX),
            ("HPERSIST h FIELDS 2 a", WRONG_COUNT),
            ("HPERSIST h FIELDS x a", INTEGER),
            ("HPERSIST h FIELD 1 a", SYNTAX),
            ("HTTL s FIELDS 2 a", SYNTAX),
            ("HTTL s FIELDS 1 a", WRONG_TYPE),
            ("HEXPIRE s 10 FIELDS 1 a", WRONG_TYPE),
            ("HPERSIST s FIELDS 1 a", WRONG_TYPE),
        ] {
            check(
                &format!("HSET h a 1 | SET s 1 | {command} | HTTL h FIELDS 1 a"),
                &format!(":1 | OK | {error} | [:-1]"),
            );
        }
    }

    #[test]
    fn thousands_of_fields_end_each_at_its_time() {
        let mut sandbox = Sandbox::new();
        for field in 0..1000 {
            sandbox.run(&format!("HSET h f{field} 1 | HPEXPIRE h {} FIELDS 1 f{field}", 1 + field % 10));
        }
        sandbox.sleep(1);
        for ended in 1..10 {
            sandbox.sleep(1);
            check_in(&mut sandbox, "HLEN h", &format!(":{}", 1000 - 100 * ended));
        }
        check_in(&mut sandbox, "SLEEP 1 | EXISTS h | HGET h f0 | EXISTS h", ":1 | (nil) | :0");
    }

    /// A hash "h" of `ended` fields f0, f1, ... whose time is over and that are all still there, and of the
    /// fields `a` and `b` that live on, of which `b` has a time.
    fn with_ended_fields(ended: usize) -> Sandbox {
        let mut sandbox = Sandbox::new();
        sandbox.run("HSET h a 1 b 2 | HEXPIRE h 10 FIELDS 1 b");
        for field in 0..ended {
            sandbox.run(&format!("HSET h f{field} {field} | HPEXPIRE h 5 FIELDS 1 f{field}"));
        }
        sandbox.sleep(6);
        sandbox
    }

    #[test]
    fn more_fields_than_one_command_removes_are_hidden_all_the_same() {
        for (command, reply) in [
            ("HGET h f999", "(nil)"),
            ("HMGET h f999 a f0", "[(nil) 1 (nil)]"),
            ("HSTRLEN h f999", ":0"),
            ("HEXISTS h f999", ":0"),
            ("HLEN h", ":2"),
            ("HRANDFIELD h 1000", "[a b]"),
            ("HTTL h FIELDS 3 f999 a b", "[:-2 :-1 :10]"),
            ("HEXPIRE h 10 FIELDS 2 f998 f999", "[:-2 :-2]"),
            ("HPERSIST h FIELDS 1 f999", "[:-2]"),
            ("HGETEX h EX 100 FIELDS 2 f999 f998", "[(nil) (nil)]"),
            ("HGETDEL h FIELDS 2 f999 f998", "[(nil) (nil)]"),
            ("HDEL h f999 a b | EXISTS h", ":2 | :0"),
            ("HSET h f999 x | HLEN h | HTTL h FIELDS 1 f999 | HGET h f999", ":1 | :3 | [:-1] | x"),
            ("HSETNX h f999 x | HLEN h | HTTL h FIELDS 1 f999 | HGET h f999", ":1 | :3 | [:-1] | x"),
            ("HINCRBY h f999 7 | HLEN h | HTTL h FIELDS 1 f999 | HGET h f999", ":7 | :3 | [:-1] | 7"),
            ("HINCRBYFLOAT h f999 7 | HLEN h | HTTL h FIELDS 1 f999", "7 | :3 | [:-1]"),
            (
                "HSETEX h FXX FIELDS 1 f999 7 | HSETEX h FNX KEEPTTL FIELDS 1 f999 7 | HTTL h FIELDS 1 f999",
                ":0 | :1 | [:-1]",
            ),
            ("COPY h i | HLEN i | HGET i f999 | RENAME i j | HLEN j", ":1 | :2 | (nil) | OK | :2"),
        ] {
            let mut sandbox = with_ended_fields(1000);
            check_in(&mut sandbox, command, reply);
        }
        let mut sandbox = with_ended_fields(1000);
        for command in ["HGETALL h", "HKEYS h", "HVALS h", "HRANDFIELD h 5 WITHVALUES", "HRANDFIELD h -9"] {
            let reply = sandbox.run(command);
            assert!(!reply.contains('f'), "{command}: {reply}");
        }
        let (mut cursor, mut seen) = ("0".to_owned(), Vec::new());
        loop {
            let reply = sandbox.run(&format!("HSCAN h {cursor} COUNT 50")).replace(['[', ']'], " ");
            let mut words = reply.split_whitespace().map(str::to_owned);
            cursor = words.next().unwrap();
            seen.extend(words);
            if cursor == "0" {
                break;
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, ["1", "2", "a", "b"]);
    }

    #[test]
    fn a_command_removes_a_bounded_number_of_fields_and_those_that_it_sets_again() {
        let mut sandbox = with_ended_fields(1000);
        sandbox.shard_mut().listen_to_effects(true);
        sandbox.run("HINCRBY h f999 1 | HLEN h");
        let expired = sandbox.shard().env().expired_fields;
        assert!((65..=200).contains(&expired), "{expired}");
        let effects = sandbox.shard_mut().take_effects().into_iter().flat_map(|group| group.effects);
        let texts: Vec<_> = effects
            .map(|effect| {
                String::from_utf8_lossy(&effect.args.as_args().iter_from(0).collect::<Vec<_>>().join(&b' '))
                    .into_owned()
            })
            .collect();
        assert_eq!(texts[1..3], ["HDEL h f999", "HINCRBY h f999 1"]);
        assert_eq!(texts[0].split(' ').count(), 2 + 64, "{}", texts[0]);
    }

    #[test]
    fn effects_have_absolute_times_and_fields_that_ended_come_before_the_command() {
        let mut sandbox = Sandbox::new();
        sandbox.shard_mut().listen_to_effects(true);
        sandbox.run(
            "HSET h a 1 b 2 c 3 | HPEXPIRE h 5 FIELDS 3 a x b | HPEXPIRE h 0 FIELDS 1 c | HINCRBYFLOAT h b 1",
        );
        sandbox.run("HSET h z 1 | SLEEP 6 | HINCRBY h a 1 | HPERSIST h FIELDS 1 a | HGET h b");
        sandbox.run("HPEXPIRE h 1 FIELDS 2 a z | SLEEP 2 | HGET h a");
        let effects = sandbox.shard_mut().take_effects().into_iter().flat_map(|group| group.effects);
        let texts: Vec<_> = effects
            .map(|effect| {
                let args = effect.args.as_args();
                let words = args.iter_from(0).map(|word| String::from_utf8_lossy(word).into_owned());
                words.collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(
            texts,
            [
                "HSET h a 1 b 2 c 3",
                "HPEXPIREAT h 1000005 FIELDS 2 a b",
                "HDEL h c",
                "HSET h b 3",
                "HPEXPIREAT h 1000005 FIELDS 1 b",
                "HSET h z 1",
                "HDEL h a b",
                "HINCRBY h a 1",
                "HPEXPIREAT h 1000007 FIELDS 2 a z",
                "DEL h",
            ]
        );
    }
}
