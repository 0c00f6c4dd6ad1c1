//! Commands on whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.
//!
//! They run on every shard; merging adds up the sizes, and makes one OK of all.

use crate::args::Args;
use crate::command::flags::{self, acl};
use crate::command::{Arg, Arity, CommandGroup, CommandSpec, DataCommand, RequestPolicy, ResponsePolicy};
use crate::ctx::Ctx;
use crate::db::Freeing;
use crate::error::CommandError;
use crate::num;

const FREEING: Arg = Arg::one_of(
    "async",
    &[Arg::word("async", "ASYNC").since("4.0.0"), Arg::word("sync", "SYNC").since("6.2.0")],
)
.optional();

/// Frees databases.
const FLUSH: CommandSpec = CommandSpec {
    since: "1.0.0",
    group: CommandGroup::Server,
    arity: Arity::AtLeast(1),
    flags: flags::WRITE,
    acl: acl::KEYSPACE | acl::DANGEROUS,
    request_policy: Some(RequestPolicy::AllShards),
    response_policy: Some(ResponsePolicy::AllSucceeded),
    history: &[
        ("4.0.0", "Added the `ASYNC` flushing mode modifier."),
        ("6.2.0", "Added the `SYNC` flushing mode modifier."),
    ],
    args: &[FREEING],
    ..CommandSpec::BASE
};

/// The rows of this family.
pub(super) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        dbsize,
        CommandSpec {
            name: "dbsize",
            summary: "Return the number of keys in the selected database",
            since: "1.0.0",
            complexity: "O(1)",
            group: CommandGroup::Server,
            flags: flags::READONLY | flags::FAST,
            acl: acl::KEYSPACE,
            request_policy: Some(RequestPolicy::AllShards),
            response_policy: Some(ResponsePolicy::AggSum),
            ..CommandSpec::BASE
        },
    ),
    DataCommand::new(
        flushdb,
        CommandSpec {
            name: "flushdb",
            summary: "Remove all keys from the current database",
            complexity: "O(N) where N is the number of keys in the selected database",
            ..FLUSH
        },
    ),
    DataCommand::new(
        flushall,
        CommandSpec {
            name: "flushall",
            summary: "Remove all keys from all databases",
            complexity: "O(N) where N is the total number of keys in all databases",
            ..FLUSH
        },
    ),
    DataCommand::new(
        swapdb,
        CommandSpec {
            name: "swapdb",
            summary: "Swaps two Redis databases",
            since: "4.0.0",
            complexity: "O(N) where N is the count of clients watching or blocking on keys from both \
                databases.",
            group: CommandGroup::Server,
            arity: Arity::Exactly(3),
            flags: flags::WRITE | flags::FAST,
            acl: acl::KEYSPACE | acl::DANGEROUS,
            on_all_shards: true,
            args: &[Arg::integer("index1"), Arg::integer("index2")],
            ..CommandSpec::BASE
        },
    ),
];

fn dbsize(ctx: &mut Ctx<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let len = ctx.keys.db().len();
    ctx.reply.len_int(len);
    Ok(())
}

fn flushdb(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let freeing = freeing(ctx, args)?;
    ctx.keys.flush_selected(freeing);
    ctx.reply.ok();
    Ok(())
}

fn flushall(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let freeing = freeing(ctx, args)?;
    ctx.keys.flush_all(freeing);
    ctx.reply.ok();
    Ok(())
}

fn freeing(ctx: &Ctx<'_>, args: Args<'_>) -> Result<Freeing, CommandError> {
    match args.len() {
        1 => Ok(ctx.keys.freeing_by_flush()),
        2 if args[1].eq_ignore_ascii_case(b"sync") => Ok(Freeing::Now),
        2 if args[1].eq_ignore_ascii_case(b"async") => Ok(Freeing::InSteps),
        _ => Err(CommandError::Syntax),
    }
}

fn swapdb(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let index = |at, error| {
        let number = num::parse_i64(args.get(at)).and_then(|number| i32::try_from(number).ok());
        number.ok_or(CommandError::other(error))
    };
    let first = index(1, "ERR invalid first DB index")?;
    let second = index(2, "ERR invalid second DB index")?;
    let first = ctx.keys.db_index(first.into()).ok_or(CommandError::DbIndex)?;
    let second = ctx.keys.db_index(second.into()).ok_or(CommandError::DbIndex)?;
    ctx.keys.swap_dbs(first, second);
    ctx.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::env::LazyFree;
    use crate::testing::{Sandbox, check, check_in};

    #[test]
    fn dbsize_counts_keys_and_those_that_have_expired_unnoticed() {
        check("DBSIZE | SET a 1 | SET b 1 | SET a 2 | DBSIZE", ":0 | OK | OK | OK | :2");
        check("SET a 1 | PEXPIRE a 5 | SLEEP 6 | DBSIZE | GET a | DBSIZE", "OK | :1 | :1 | (nil) | :0");
        check("DBSIZE a", "-ERR wrong number of arguments for 'dbsize' command");
    }

    #[test]
    fn flushing_removes_every_key_however_it_frees_them() {
        for command in ["FLUSHDB", "FLUSHALL"] {
            for option in ["", "SYNC", "sync", "ASYNC", "aSync"] {
                check(
                    &format!(
                        "SET a 1 | SET b 2 | PEXPIRE b 9 | {command} {option} | DBSIZE | GET a | SET a 3 \
                            | GET a"
                    ),
                    "OK | OK | :1 | OK | :0 | (nil) | OK | 3",
                );
            }
        }
    }

    #[test]
    fn only_flushing_asynchronously_leaves_garbage() {
        for (command, garbage) in [
            ("FLUSHDB", 0),
            ("FLUSHDB SYNC", 0),
            ("FLUSHDB ASYNC", 2),
            ("FLUSHALL", 0),
            ("FLUSHALL SYNC", 0),
            ("FLUSHALL ASYNC", 2),
        ] {
            let mut sandbox = Sandbox::new();
            sandbox.run("SET a 1 | SET b 2");
            sandbox.run(command);
            assert_eq!(sandbox.shard().env().garbage.len(), garbage, "{command}");
        }
    }

    #[test]
    fn flushing_without_a_word_frees_as_the_directive_says() {
        for (command, garbage) in [("FLUSHDB", 2), ("FLUSHALL", 2), ("FLUSHDB SYNC", 0), ("FLUSHALL SYNC", 0)]
        {
            let mut sandbox = Sandbox::new();
            sandbox.shard_mut().set_lazy_free(LazyFree { user_flush: true, ..LazyFree::default() });
            sandbox.run("SET a 1 | SET b 2");
            sandbox.run(command);
            assert_eq!(sandbox.shard().env().garbage.len(), garbage, "{command}");
        }
    }

    #[test]
    fn swapped_databases_hold_each_others_keys() {
        check(
            "SET a 1 | SET b 2 PX 50 | DB 1 | SET a 3 | SWAPDB 0 1 | GET a | PTTL b | DB 0 | GET a \
                | EXISTS b | SWAPDB 1 0 | GET a | SWAPDB 0 0 | DBSIZE | SWAPDB 0 15 | DBSIZE",
            "OK | OK | OK | OK | 1 | :50 | 3 | :0 | OK | 1 | OK | :2 | OK | :0",
        );
    }

    #[test]
    fn swapdb_takes_two_databases_that_are_there() {
        let out_of_range = "-ERR DB index is out of range";
        for (arguments, error) in [
            ("0 16", out_of_range),
            ("-1 0", out_of_range),
            ("99 99", out_of_range),
            ("x y", "-ERR invalid first DB index"),
            ("99999999999 0", "-ERR invalid first DB index"),
            ("99 y", "-ERR invalid second DB index"),
            ("0 1.0", "-ERR invalid second DB index"),
        ] {
            check(&format!("SET a 1 | SWAPDB {arguments} | GET a"), &format!("OK | {error} | 1"));
        }
    }

    #[test]
    fn a_database_that_was_flushed_has_no_keys_with_expire() {
        let mut sandbox = Sandbox::new();
        sandbox.run("SET a 1 | PEXPIRE a 9 | FLUSHDB ASYNC");
        assert_eq!(sandbox.shard().dbs()[0].keys_with_expire(), 0);
    }

    #[test]
    fn a_wrong_option_flushes_nothing() {
        let mut sandbox = Sandbox::new();
        sandbox.run("SET a 1");
        for command in
            ["FLUSHDB now", "FLUSHDB ASYNC SYNC", "FLUSHALL now", "FLUSHALL SYNC 1", "FLUSHALL \"\""]
        {
            check_in(&mut sandbox, command, "-ERR syntax error");
        }
        check_in(&mut sandbox, "DBSIZE", ":1");
    }
}
