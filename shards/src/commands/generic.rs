//! Commands on keys of any type: DEL, UNLINK, EXISTS, TYPE, TOUCH.
//!
//! Routing splits their keys by shard and adds up the replies, so a handler sees the keys of its own shard only.

use crate::args::Args;
use crate::command::flags::{self, acl};
use crate::command::{
    Arg, ArgKind, Arity, CommandSpec, DataCommand, KeySpec, RequestPolicy, ResponsePolicy, keys,
};
use crate::ctx::Ctx;
use crate::error::CommandError;
use crate::event;

const KEY: Arg = Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE };
const KEYS: Arg = Arg { multiple: true, ..KEY };

/// The rows of this family.
pub(super) static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: del,
        spec: CommandSpec {
            name: "del",
            summary: "Delete a key",
            since: "1.0.0",
            complexity: "O(N) where N is the number of keys that will be removed. When a key to remove \
                holds a value other than a string, the individual complexity for this key is O(M) where M \
                is the number of elements in the list, set, sorted set or hash. Removing a single key that \
                holds a string value is O(1).",
            arity: Arity::AtLeast(2),
            flags: flags::WRITE,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::range(1, -1, 1, keys::RM | keys::DELETE)],
            request_policy: Some(RequestPolicy::MultiShard),
            response_policy: Some(ResponsePolicy::AggSum),
            args: &[KEYS],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: del,
        spec: CommandSpec {
            name: "unlink",
            summary: "Delete a key asynchronously in another thread. Otherwise it is just as DEL, but non \
                blocking.",
            since: "4.0.0",
            complexity: "O(1) for each key removed regardless of its size. Then the command does O(N) work \
                in a different thread in order to reclaim memory, where N is the number of allocations the \
                deleted objects where composed of.",
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::range(1, -1, 1, keys::RM | keys::DELETE)],
            request_policy: Some(RequestPolicy::MultiShard),
            response_policy: Some(ResponsePolicy::AggSum),
            args: &[KEYS],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: exists,
        spec: CommandSpec {
            name: "exists",
            summary: "Determine if a key exists",
            since: "1.0.0",
            complexity: "O(N) where N is the number of keys to check.",
            arity: Arity::AtLeast(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::range(1, -1, 1, keys::RO)],
            request_policy: Some(RequestPolicy::MultiShard),
            response_policy: Some(ResponsePolicy::AggSum),
            history: &[("3.0.3", "Accepts multiple `key` arguments.")],
            args: &[KEYS],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: type_of,
        spec: CommandSpec {
            name: "type",
            summary: "Determine the type stored at key",
            since: "1.0.0",
            complexity: "O(1)",
            arity: Arity::Exactly(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::at(1, keys::RO)],
            args: &[KEY],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: touch,
        spec: CommandSpec {
            name: "touch",
            summary: "Alters the last access time of a key(s). Returns the number of existing keys \
                specified.",
            since: "3.2.1",
            complexity: "O(N) where N is the number of keys that will be touched.",
            arity: Arity::AtLeast(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::KEYSPACE,
            keys: &[KeySpec::range(1, -1, 1, keys::RO)],
            request_policy: Some(RequestPolicy::MultiShard),
            response_policy: Some(ResponsePolicy::AggSum),
            args: &[KEYS],
            ..CommandSpec::BASE
        },
    },
];

/// DEL and UNLINK. A string's memory is one or two allocations, so freeing it never takes long enough to be put
/// off, and the two commands do the same.
fn del(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    reply_count(ctx, args, |ctx, index| {
        let key = ctx.key(args, index);
        let is_there = ctx.keys.remove(&key).is_some();
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
    let key = ctx.only_key(args, 1);
    let name = if ctx.keys.read_untouched(&key).is_some() { "string" } else { "none" };
    ctx.reply.simple(name);
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
    use crate::testing::{Sandbox, check, check_in};

    #[test]
    fn del_and_unlink_count_the_keys_that_were_there() {
        check("SET a 1 | SET b xyz | DEL a b c a | EXISTS a b", "OK | OK | :2 | :0");
        check("SET a 1 | SET b \"v\"*100000 | UNLINK b a b | DBSIZE", "OK | OK | :2 | :0");
    }

    #[test]
    fn exists_counts_a_key_as_often_as_it_is_named() {
        check("SET a 1 | EXISTS a b a | EXISTS b", "OK | :2 | :0");
    }

    #[test]
    fn an_expired_key_is_there_for_nobody() {
        let past = "SET a 1 | SET b 1 | PEXPIRE a 5 | SLEEP 5";
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
