//! Commands on keys of any type: DEL, UNLINK, EXISTS, TYPE, TOUCH.
//!
//! Routing splits their keys by shard and adds up the replies, so a handler sees the keys of its own shard
//! only.

use crate::args::Args;
use crate::command::shapes::{KEYS, KEYSPACE};
use crate::command::{
    Arg, Arity, CommandSpec, DataCommand, KeySpec, RequestPolicy, ResponsePolicy, flags, keys,
};
use crate::ctx::Ctx;
use crate::db::Freeing;
use crate::error::CommandError;
use crate::event;

/// Does the same to each of the keys, and tells how many it concerned.
const EACH_KEY: CommandSpec = CommandSpec {
    arity: Arity::AtLeast(2),
    request_policy: Some(RequestPolicy::MultiShard),
    response_policy: Some(ResponsePolicy::AggSum),
    args: &[KEYS],
    ..KEYSPACE
};

/// The rows of this family.
pub(super) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        del,
        CommandSpec {
            name: "del",
            summary: "Delete a key",
            since: "1.0.0",
            complexity: "O(N) where N is the number of keys that will be removed. When a key to remove \
                holds a value other than a string, the individual complexity for this key is O(M) where M \
                is the number of elements in the list, set, sorted set or hash. Removing a single key that \
                holds a string value is O(1).",
            flags: flags::WRITE,
            keys: &[KeySpec::range(1, -1, 1, keys::RM | keys::DELETE)],
            ..EACH_KEY
        },
    ),
    DataCommand::new(
        unlink,
        CommandSpec {
            name: "unlink",
            summary: "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non \
                blocking.",
            since: "4.0.0",
            complexity: "O(1) for each key removed regardless of its size. Then the command does O(N) work \
                in a different thread in order to reclaim memory, where N is the number of allocations the \
                deleted objects where composed of.",
            flags: flags::WRITE | flags::FAST,
            keys: &[KeySpec::range(1, -1, 1, keys::RM | keys::DELETE)],
            ..EACH_KEY
        },
    ),
    DataCommand::new(
        exists,
        CommandSpec {
            name: "exists",
            summary: "Determine if a key exists",
            since: "1.0.0",
            complexity: "O(N) where N is the number of keys to check.",
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::range(1, -1, 1, keys::RO)],
            history: &[("3.0.3", "Accepts multiple `key` arguments.")],
            ..EACH_KEY
        },
    ),
    DataCommand::new(
        type_of,
        CommandSpec {
            name: "type",
            summary: "Determine the type stored at key",
            since: "1.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::at(1, keys::RO)],
            args: &[Arg::key()],
            ..KEYSPACE
        },
    ),
    DataCommand::new(
        touch,
        CommandSpec {
            name: "touch",
            summary: "Alters the last access time of a key(s). Returns the number of existing keys \
                specified.",
            since: "3.2.1",
            complexity: "O(N) where N is the number of keys that will be touched.",
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::range(1, -1, 1, keys::RO)],
            ..EACH_KEY
        },
    ),
];

fn del(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let freeing = ctx.keys.freeing_by_user();
    delete(ctx, args, freeing)
}

fn unlink(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    delete(ctx, args, Freeing::InSteps)
}

fn delete(ctx: &mut Ctx<'_>, args: Args<'_>, freeing: Freeing) -> Result<(), CommandError> {
    reply_count(ctx, args, |ctx, index| {
        let key = ctx.key(args, index);
        let is_there = ctx.keys.delete(&key, freeing);
        if is_there {
            ctx.keys.changed(&key, event::DEL);
        }
        is_there
    })
}

/// EXISTS counts a key as often as it is named.
fn exists(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_count(ctx, args, |ctx, index| {
        let key = ctx.key(args, index);
        ctx.keys.read_untouched(&key).is_some()
    })
}

fn touch(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_count(ctx, args, |ctx, index| {
        let key = ctx.key(args, index);
        ctx.keys.read(&key).is_some()
    })
}

fn type_of(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args, 1);
    let name = ctx.keys.read_untouched(&key).map(|entry| entry.data_type().name());
    ctx.reply.simple(name.unwrap_or("none"));
    Ok(())
}

/// Replies with the number of arguments after the command's name for which `is_counted` is true.
fn reply_count(
    ctx: &mut Ctx<'_>,
    args: Args<'_>,
    mut is_counted: impl FnMut(&mut Ctx<'_>, usize) -> bool,
) -> Result<(), CommandError> {
    let mut count = 0;
    for index in 1..args.len() {
        count += usize::from(is_counted(ctx, index));
    }
    ctx.reply.len_int(count);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::env::LazyFree;
    use crate::testing::{Sandbox, check, check_in};

    #[test]
    fn del_and_unlink_count_the_keys_that_were_there() {
        check("SET a 1 | SET b xyz | DEL a b c a | EXISTS a b", "OK | OK | :2 | :0");
        check("SET a 1 | SET b \"v\"*100000 | UNLINK b a b | DBSIZE", "OK | OK | :2 | :0");
    }

    #[test]
    fn a_big_value_is_freed_later_when_it_is_removed_lazily() {
        let big = LazyFree::default();
        let user_del = LazyFree { user_del: true, ..big };
        let server_del = LazyFree { server_del: true, ..big };
        let expire = LazyFree { expire: true, ..big };
        for (lazy_free, command, garbage) in [
            (big, "DEL a", 0),
            (user_del, "DEL a", 1),
            (user_del, "DEL b", 0),
            (big, "UNLINK a", 1),
            (big, "UNLINK b", 0),
            (big, "SET a 1", 0),
            (server_del, "SET a 1", 1),
            (server_del, "SET b 1", 0),
            (big, "RENAME b a", 0),
            (server_del, "RENAME b a", 1),
            (server_del, "RENAME a b", 0),
            (server_del, "COPY b a REPLACE", 1),
            (server_del, "GETDEL a", 1),
            (big, "PEXPIRE a -1", 0),
            (expire, "PEXPIRE a -1", 1),
        ] {
            let mut sandbox = Sandbox::new();
            sandbox.shard_mut().set_lazy_free(lazy_free);
            sandbox.run("SET a \"v\"*1000000 | SET b small | PEXPIRE a 1000000");
            sandbox.run(command);
            assert_eq!(sandbox.shard().env().garbage.len(), garbage, "{command} with {lazy_free:?}");
        }
        let mut sandbox = Sandbox::new();
        sandbox.shard_mut().set_lazy_free(expire);
        check_in(&mut sandbox, "SET a \"v\"*1000000 PX 5 | SLEEP 6 | GET a", "OK | (nil)");
        assert_eq!(sandbox.shard().env().garbage.len(), 1);
        assert!(!sandbox.shard_mut().free_some(1));
    }

    #[test]
    fn a_value_that_is_overwritten_lazily_leaves_expire_and_reply_as_they_are() {
        let mut sandbox = Sandbox::new();
        sandbox.shard_mut().set_lazy_free(LazyFree { server_del: true, ..LazyFree::default() });
        check_in(
            &mut sandbox,
            "SET a \"v\"*1000000 PX 1000 | SET a 1 KEEPTTL GET | PTTL a | SET a \"w\"*1000000 | PTTL a \
                | STRLEN a",
            "OK | \"v\"*1000000 | :1000 | OK | :-1 | :1000000",
        );
    }

    #[test]
    fn exists_counts_a_key_as_often_as_it_is_named() {
        check("SET a 1 | EXISTS a b a | EXISTS b", "OK | :2 | :0");
    }

    #[test]
    fn an_expired_key_is_there_for_nobody() {
        let past = "SET a 1 | SET b 1 | PEXPIRE a 5 | SLEEP 6";
        for (command, reply) in [
            ("DEL a b", ":1"),
            ("UNLINK a b", ":1"),
            ("EXISTS a b", ":1"),
            ("TOUCH a b", ":1"),
            ("TYPE a", "none"),
        ] {
            check(&format!("{past} | {command}"), &format!("OK | OK | :1 | {reply}"));
        }
    }

    #[test]
    fn type_names_what_a_key_holds() {
        check("SET a 1 | SET b x | TYPE a | TYPE b | TYPE c", "OK | OK | string | string | none");
    }

    #[test]
    fn looking_at_keys_counts_as_hit_or_miss() {
        for (command, hits, misses) in [
            ("EXISTS a a b", 2, 1),
            ("TYPE a", 1, 0),
            ("TYPE b", 0, 1),
            ("TOUCH a b", 1, 1),
            ("DEL a b", 0, 0),
            ("UNLINK a b", 0, 0),
        ] {
            let mut sandbox = Sandbox::new();
            sandbox.run("SET a 1");
            sandbox.run(command);
            let env = sandbox.shard().env();
            assert_eq!((env.keyspace_hits, env.keyspace_misses), (hits, misses), "{command}");
        }
    }

    #[test]
    fn wrong_numbers_of_arguments_are_refused() {
        let mut sandbox = Sandbox::new();
        for name in ["del", "unlink", "exists", "type", "touch"] {
            let error = format!("-ERR wrong number of arguments for '{name}' command");
            check_in(&mut sandbox, name, &error);
        }
        check_in(&mut sandbox, "TYPE a b", "-ERR wrong number of arguments for 'type' command");
    }
}
