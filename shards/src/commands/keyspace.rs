//! Commands on whole databases: DBSIZE, FLUSHDB, FLUSHALL.
//!
//! They run on every shard; the dispatcher adds up the sizes, and makes one OK of all.

use crate::args::Args;
use crate::command::flags::{self, acl};
use crate::command::{Arg, ArgKind, Arity, CommandSpec, DataCommand, Group, RequestPolicy, ResponsePolicy};
use crate::ctx::Ctx;
use crate::db::Freeing;
use crate::error::CommandError;

const FREEING: Arg = Arg {
    name: "async",
    kind: ArgKind::OneOf,
    optional: true,
    args: &[
        Arg { name: "async", kind: ArgKind::PureToken, token: "ASYNC", since: "4.0.0", ..Arg::BASE },
        Arg { name: "sync", kind: ArgKind::PureToken, token: "SYNC", since: "6.2.0", ..Arg::BASE },
    ],
    ..Arg::BASE
};

/// The rows of this family.
pub static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: dbsize,
        spec: CommandSpec {
            name: "dbsize",
            summary: "Return the number of keys in the selected database",
            since: "1.0.0",
            complexity: "O(1)",
            group: Group::Server,
            flags: flags::READONLY | flags::FAST,
            acl: acl::KEYSPACE,
            request_policy: Some(RequestPolicy::AllShards),
            response_policy: Some(ResponsePolicy::AggSum),
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: flushdb,
        spec: CommandSpec {
            name: "flushdb",
            summary: "Remove all keys from the current database",
            since: "1.0.0",
            complexity: "O(N) where N is the number of keys in the selected database",
            group: Group::Server,
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
        },
    },
    DataCommand {
        run: flushall,
        spec: CommandSpec {
            name: "flushall",
            summary: "Remove all keys from all databases",
            since: "1.0.0",
            complexity: "O(N) where N is the total number of keys in all databases",
            group: Group::Server,
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
        },
    },
];

fn dbsize(ctx: &mut Ctx<'_>, _args: Args<'_>) -> Result<(), CommandError> {
    let len = ctx.keys.db().len();
    ctx.reply.len_int(len);
    Ok(())
}

fn flushdb(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let freeing = freeing(args)?;
    ctx.keys.flush_selected(freeing);
    ctx.reply.ok();
    Ok(())
}

fn flushall(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let freeing = freeing(args)?;
    ctx.keys.flush_all(freeing);
    ctx.reply.ok();
    Ok(())
}

/// Without a word the memory is freed at once, as with `lazyfree-lazy-user-flush no`, the default of Redis.
fn freeing(args: Args<'_>) -> Result<Freeing, CommandError> {
    match args.len() {
        1 => Ok(Freeing::Now),
        2 if args[1].eq_ignore_ascii_case(b"sync") => Ok(Freeing::Now),
        2 if args[1].eq_ignore_ascii_case(b"async") => Ok(Freeing::InSteps),
        _ => Err(CommandError::Syntax),
    }
}
