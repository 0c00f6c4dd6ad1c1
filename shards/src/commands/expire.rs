//! The time to live of keys: EXPIRE and its variants, TTL and its variants, PERSIST.

use crate::args::Args;
use crate::command::shapes::{EXPIRE_CONDITION, KEYSPACE, UNIX_MILLISECONDS, UNIX_SECONDS};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};
use crate::ctx::Ctx;
use crate::error::CommandError;
use crate::event;
use crate::expire_options::{ExpireCondition, TimeUnit};

const CONDITION: Arg = EXPIRE_CONDITION.since("7.0.0");

/// Sets the time of a key.
const SETTER: CommandSpec = CommandSpec {
    complexity: "O(1)",
    arity: Arity::AtLeast(3),
    flags: flags::WRITE | flags::FAST,
    keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
    history: &[("7.0.0", "Added options: `NX`, `XX`, `GT` and `LT`.")],
    ..KEYSPACE
};

/// Tells the time of a key.
const GETTER: CommandSpec = CommandSpec {
    complexity: "O(1)",
    arity: Arity::Exactly(2),
    flags: flags::READONLY | flags::FAST,
    keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
    args: &[Arg::key()],
    ..KEYSPACE
};

/// Tells how much of it is left.
const REST: CommandSpec = CommandSpec {
    tips: &["nondeterministic_output"],
    history: &[("2.8.0", "Added the -2 reply.")],
    ..GETTER
};

/// The rows of this family.
pub(super) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        expire,
        CommandSpec {
            name: "expire",
            summary: "Set a key's time to live in seconds",
            since: "1.0.0",
            args: &[Arg::key(), Arg::integer("seconds"), CONDITION],
            ..SETTER
        },
    ),
    DataCommand::new(
        pexpire,
        CommandSpec {
            name: "pexpire",
            summary: "Set a key's time to live in milliseconds",
            since: "2.6.0",
            args: &[Arg::key(), Arg::integer("milliseconds"), CONDITION],
            ..SETTER
        },
    ),
    DataCommand::new(
        expireat,
        CommandSpec {
            name: "expireat",
            summary: "Set the expiration for a key as a UNIX timestamp",
            since: "1.2.0",
            args: &[Arg::key(), UNIX_SECONDS, CONDITION],
            ..SETTER
        },
    ),
    DataCommand::new(
        pexpireat,
        CommandSpec {
            name: "pexpireat",
            summary: "Set the expiration for a key as a UNIX timestamp specified in milliseconds",
            since: "2.6.0",
            args: &[Arg::key(), UNIX_MILLISECONDS, CONDITION],
            ..SETTER
        },
    ),
    DataCommand::new(
        ttl,
        CommandSpec {
            name: "ttl",
            summary: "Get the time to live for a key in seconds",
            since: "1.0.0",
            ..REST
        },
    ),
    DataCommand::new(
        pttl,
        CommandSpec {
            name: "pttl",
            summary: "Get the time to live for a key in milliseconds",
            since: "2.6.0",
            ..REST
        },
    ),
    DataCommand::new(
        expiretime,
        CommandSpec {
            name: "expiretime",
            summary: "Get the expiration Unix timestamp for a key",
            since: "7.0.0",
            ..GETTER
        },
    ),
    DataCommand::new(
        pexpiretime,
        CommandSpec {
            name: "pexpiretime",
            summary: "Get the expiration Unix timestamp for a key in milliseconds",
            since: "7.0.0",
            ..GETTER
        },
    ),
    DataCommand::new(
        persist,
        CommandSpec {
            name: "persist",
            summary: "Remove the expiration from a key",
            since: "2.2.0",
            complexity: "O(1)",
            arity: Arity::Exactly(2),
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            args: &[Arg::key()],
            ..KEYSPACE
        },
    ),
];

fn expire(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set_expire(ctx, args, "expire", TimeUnit::Seconds)
}

fn pexpire(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set_expire(ctx, args, "pexpire", TimeUnit::Milliseconds)
}

fn expireat(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set_expire(ctx, args, "expireat", TimeUnit::UnixSeconds)
}

fn pexpireat(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    set_expire(ctx, args, "pexpireat", TimeUnit::UnixMilliseconds)
}

fn set_expire(
    ctx: &mut Ctx<'_>,
    args: Args<'_>,
    name: &'static str,
    unit: TimeUnit,
) -> Result<(), CommandError> {
    let condition = ExpireCondition::parse(args.iter_from(3))?;
    let now_ms = ctx.keys.now_ms() as i64;
    let at_ms = unit.at_ms(args.get(2), i64::MIN, ctx.keys.now_ms(), name)?;

    let key = ctx.key(args, 1);
    let Some(mut entry) = ctx.keys.write(&key) else {
        ctx.reply.int(0);
        return Ok(());
    };
    let is_met = condition.is_met(entry.view().expire_ms(), at_ms);
    if is_met && at_ms > now_ms {
        entry.set_expire(Some(at_ms as u64));
        ctx.keys.changed(&key, event::EXPIRE);
        let mut text = itoa::Buffer::new();
        ctx.keys.effect([b"PEXPIREAT", key.bytes, text.format(at_ms).as_bytes()]);
    } else if is_met {
        ctx.keys.delete(&key, ctx.keys.freeing_by_expiry());
        ctx.keys.changed(&key, event::DEL);
        ctx.keys.effect([&b"DEL"[..], key.bytes]);
    }
    ctx.reply.int(i64::from(is_met));
    Ok(())
}

fn ttl(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_expire(ctx, args, TimeUnit::Seconds)
}

fn pttl(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_expire(ctx, args, TimeUnit::Milliseconds)
}

fn expiretime(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_expire(ctx, args, TimeUnit::UnixSeconds)
}

fn pexpiretime(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_expire(ctx, args, TimeUnit::UnixMilliseconds)
}

/// -2: no such key, -1: no expire.
fn reply_expire(ctx: &mut Ctx<'_>, args: Args<'_>, unit: TimeUnit) -> Result<(), CommandError> {
    let key = ctx.key(args, 1);
    let now_ms = ctx.keys.now_ms();
    let reply = match ctx.keys.read_untouched(&key).map(|entry| entry.expire_ms()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at_ms)) => unit.told(at_ms, now_ms),
    };
    ctx.reply.int(reply);
    Ok(())
}

fn persist(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args, 1);
    let removed = match ctx.keys.write(&key) {
        Some(mut entry) if entry.view().expire_ms().is_some() => {
            entry.set_expire(None);
            ctx.keys.changed(&key, event::PERSIST);
            true
        }
        _ => false,
    };
    ctx.reply.int(i64::from(removed));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::{START_MS, Sandbox, check, check_in};

    #[test]
    fn every_variant_sets_the_time_in_its_unit() {
        assert_eq!(START_MS, 1_000_000);
        for (command, expire_ms) in [
            ("EXPIRE a 10", 1_010_000),
            ("PEXPIRE a 10", 1_000_010),
            ("EXPIREAT a 1010", 1_010_000),
            ("PEXPIREAT a 1000010", 1_000_010),
        ] {
            check(
                &format!("SET a 1 | {command} | PROBE.EXPIRE a | GET a"),
                &format!("OK | :1 | {expire_ms} | 1"),
            );
        }
    }

    #[test]
    fn a_key_lives_until_the_millisecond_of_its_expire_has_passed() {
        check(
            "SET a 1 | PEXPIRE a 10 | SLEEP 10 | GET a | PTTL a | SLEEP 1 | GET a | PTTL a",
            "OK | :1 | 1 | :0 | (nil) | :-2",
        );
    }

    #[test]
    fn a_time_that_is_not_in_the_future_deletes_the_key() {
        for command in [
            "EXPIRE a 0",
            "EXPIRE a -1",
            "PEXPIRE a 0",
            "PEXPIRE a -9223372036854775808",
            "EXPIREAT a 1000",
            "EXPIREAT a -9223372036854775",
            "PEXPIREAT a 1000000",
            "PEXPIREAT a -1",
        ] {
            check(&format!("SET a 1 | {command} | DBSIZE | EXISTS a"), "OK | :1 | :0 | :0");
        }
        check("SET a 1 | PEXPIREAT a 1000001 | EXISTS a", "OK | :1 | :1");
    }

    #[test]
    fn a_condition_that_is_not_met_saves_the_key_from_a_past_time() {
        check("SET a 1 | EXPIRE a -1 XX | EXPIRE a -1 GT | EXISTS a", "OK | :0 | :0 | :1");
        check("SET a 1 | EXPIRE a 9 | EXPIRE a -1 NX | EXPIRE a -1 LT | EXISTS a", "OK | :1 | :0 | :1 | :0");
    }

    #[test]
    fn conditions_compare_with_the_present_expire() {
        for (condition, without, at_10, at_20, at_30) in [
            ("NX", 1, 0, 0, 0),
            ("nx NX", 1, 0, 0, 0),
            ("XX", 0, 1, 1, 1),
            ("GT", 0, 1, 0, 0),
            ("gt Xx", 0, 1, 0, 0),
            ("LT", 1, 0, 0, 1),
            ("LT XX", 0, 0, 0, 1),
            ("XX xx", 0, 1, 1, 1),
        ] {
            check(&format!("SET a 1 | EXPIRE a 20 {condition}"), &format!("OK | :{without}"));
            for (present, is_met) in [(10, at_10), (20, at_20), (30, at_30)] {
                let script = format!("SET a 1 | EXPIRE a {present} | EXPIRE a 20 {condition} | TTL a");
                let ttl = if is_met == 1 { 20 } else { present };
                check(&script, &format!("OK | :1 | :{is_met} | :{ttl}"));
            }
        }
    }

    #[test]
    fn options_are_checked_before_the_time_and_the_key() {
        let incompatible = "-ERR NX and XX, GT or LT options at the same time are not compatible";
        for (options, error) in [
            ("x NX XX", incompatible),
            ("1 XX NX", incompatible),
            ("1 NX GT", incompatible),
            ("1 LT NX", incompatible),
            ("1 GT LT NX", incompatible),
            ("x GT LT", "-ERR GT and LT options at the same time are not compatible"),
            ("x Foo NX XX", "-ERR Unsupported option Foo"),
            ("1 NX XX Foo", "-ERR Unsupported option Foo"),
            ("x NX", "-ERR value is not an integer or out of range"),
        ] {
            check(&format!("EXPIRE a {options}"), error);
        }
    }

    #[test]
    fn a_missing_key_gets_no_expire() {
        check(
            "EXPIRE a 10 | PEXPIRE a 10 NX | EXPIREAT a 0 | PEXPIREAT a 5 | EXISTS a",
            ":0 | :0 | :0 | :0 | :0",
        );
    }

    #[test]
    fn times_that_cannot_be_are_refused_by_the_name_of_the_command() {
        let mut sandbox = Sandbox::new();
        sandbox.run("SET a 1");
        for (name, amount) in [
            ("expire", "9223372036854776"),
            ("expire", "-9223372036854776"),
            ("expire", "9223372036854775"),
            ("pexpire", "9223372036854775807"),
            ("pexpire", "9223372036853775808"),
            ("expireat", "9223372036854776"),
            ("expireat", "-9223372036854776"),
        ] {
            let error = format!("-ERR invalid expire time in '{name}' command");
            check_in(&mut sandbox, &format!("{name} a {amount}"), &error);
        }
        check_in(&mut sandbox, "EXPIRE a 1.5", "-ERR value is not an integer or out of range");
        check_in(&mut sandbox, "TTL a", ":-1");
        check_in(&mut sandbox, "PEXPIRE a 9223372036853775807 | PEXPIRETIME a", ":1 | :9223372036854775807");
        check_in(&mut sandbox, "EXPIREAT a 9223372036854775 | EXPIRETIME a", ":1 | :9223372036854775");
    }

    #[test]
    fn the_time_to_live_is_told_in_the_unit_asked_for() {
        check("SET a 1 | PEXPIRE a 1500 | PTTL a | TTL a | SLEEP 1 | TTL a", "OK | :1 | :1500 | :2 | :1");
        check("SET a 1 | PEXPIRE a 499 | TTL a", "OK | :1 | :0");
        check("SET a 1 | PEXPIRE a 1500 | PEXPIRETIME a | EXPIRETIME a", "OK | :1 | :1001500 | :1002");
    }

    #[test]
    fn the_largest_expire_is_rounded_without_overflow() {
        check("SET a 1 | PEXPIREAT a 9223372036854775807 | EXPIRETIME a", "OK | :1 | :9223372036854776");
    }

    #[test]
    fn keys_without_expire_and_missing_keys_are_told_apart() {
        for command in ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"] {
            check(&format!("SET a 1 | {command} a | {command} b"), "OK | :-1 | :-2");
        }
    }

    #[test]
    fn persist_removes_an_expire_once() {
        check(
            "SET a 1 | PERSIST a | PEXPIRE a 10 | PERSIST a | PERSIST a | SLEEP 10 | GET a | PERSIST b",
            "OK | :0 | :1 | :1 | :0 | 1 | :0",
        );
    }

    #[test]
    fn every_kind_of_value_keeps_its_content_under_an_expire() {
        for value in ["12", "text", "\"x\"*5000"] {
            let mut sandbox = Sandbox::new();
            let before = sandbox.run(&format!("SET a {value} | GET a"));
            let after = sandbox.run("EXPIRE a 10 | GET a | PERSIST a | GET a");
            let value = before.trim_start_matches("OK | ");
            assert_eq!(after, format!(":1 | {value} | :1 | {value}"));
        }
    }

    #[test]
    fn asking_for_the_time_counts_as_reading_but_setting_it_does_not() {
        for (command, hits, misses) in [
            ("TTL a", 1, 0),
            ("PTTL b", 0, 1),
            ("EXPIRETIME a", 1, 0),
            ("EXPIRE a 10", 0, 0),
            ("EXPIRE b 10", 0, 0),
            ("PERSIST b", 0, 0),
        ] {
            let mut sandbox = Sandbox::new();
            sandbox.run("SET a 1");
            sandbox.run(command);
            let env = sandbox.shard().env();
            assert_eq!((env.keyspace_hits, env.keyspace_misses), (hits, misses), "{command}");
        }
    }

    #[test]
    fn keys_with_expire_are_counted() {
        let mut sandbox = Sandbox::new();
        for (script, count) in [
            ("SET a 1 | SET b 1 | EXPIRE a 10", 1),
            ("EXPIRE a 20 | EXPIRE b 10", 2),
            ("PERSIST a | PERSIST a", 1),
            ("EXPIRE b -1", 0),
        ] {
            sandbox.run(script);
            assert_eq!(sandbox.shard().dbs()[0].keys_with_expire(), count, "{script}");
        }
    }

    #[test]
    fn wrong_numbers_of_arguments_are_refused() {
        check("EXPIRE a", "-ERR wrong number of arguments for 'expire' command");
        check("PEXPIREAT a", "-ERR wrong number of arguments for 'pexpireat' command");
        check("TTL a b", "-ERR wrong number of arguments for 'ttl' command");
    }
}
