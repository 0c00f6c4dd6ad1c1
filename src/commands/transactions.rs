//! The commands of transactions: MULTI EXEC DISCARD WATCH UNWATCH.
//!
//! They change the session's state; how a transaction is queued and carried out is the business of
//! `worker/transactions.rs`.

use shards::args::Args;
use shards::command::flags::{self, acl};
use shards::command::{Arg, Arity, CommandGroup, CommandSpec, KeySpec, keys};
use shards::error::CommandError;

use crate::session::command::{Flow, SessionCommand, SessionCtx};
use crate::session::order::TransactionFlow;

/// What all of them have in common.
const OF_TRANSACTION: CommandSpec = CommandSpec {
    since: "1.2.0",
    complexity: "O(1)",
    group: CommandGroup::Transactions,
    acl: acl::TRANSACTION,
    ..CommandSpec::BASE
};

/// What runs at once behind MULTI, too.
const STEERING: CommandSpec = CommandSpec {
    flags: flags::RUNS_IN_MULTI
        | flags::NOSCRIPT
        | flags::LOADING
        | flags::STALE
        | flags::FAST
        | flags::ALLOW_BUSY,
    ..OF_TRANSACTION
};

/// The rows of this topic.
pub static COMMANDS: &[SessionCommand] = &[
    SessionCommand::new(
        multi,
        CommandSpec { name: "multi", summary: "Mark the start of a transaction block", ..STEERING },
    ),
    SessionCommand::new(
        exec,
        CommandSpec {
            name: "exec",
            summary: "Execute all commands issued after MULTI",
            complexity: "Depends on commands in the transaction",
            flags: flags::RUNS_QUEUE
                | flags::RUNS_IN_MULTI
                | flags::NOSCRIPT
                | flags::LOADING
                | flags::STALE
                | flags::SKIP_SLOWLOG,
            ..OF_TRANSACTION
        },
    )
    .after_replies(),
    SessionCommand::new(
        discard,
        CommandSpec {
            name: "discard",
            summary: "Discard all commands issued after MULTI",
            since: "2.0.0",
            complexity: "O(N), when N is the number of queued commands",
            ..STEERING
        },
    ),
    SessionCommand::new(
        watch,
        CommandSpec {
            name: "watch",
            summary: "Watch the given keys to determine execution of the MULTI/EXEC block",
            since: "2.2.0",
            complexity: "O(1) for every key.",
            arity: Arity::AtLeast(2),
            keys: &[KeySpec::range(1, -1, 1, keys::RO)],
            args: &[Arg::key().multiple()],
            ..STEERING
        },
    )
    .after_replies(),
    SessionCommand::new(
        unwatch,
        CommandSpec {
            name: "unwatch",
            summary: "Forget about all watched keys",
            since: "2.2.0",
            flags: flags::NOSCRIPT | flags::LOADING | flags::STALE | flags::FAST | flags::ALLOW_BUSY,
            ..OF_TRANSACTION
        },
    ),
];

fn multi(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    let queue = &mut ctx.client.session.queue;
    if queue.is_some() {
        return Err(CommandError::other("ERR MULTI calls can not be nested"));
    }
    *queue = Some(Box::default());
    ctx.reply.ok();
    Ok(Flow::Done)
}

fn exec(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    if ctx.client.session.queue.is_none() {
        return Err(CommandError::other("ERR EXEC without MULTI"));
    }
    Ok(Flow::Transaction(TransactionFlow::Exec))
}

fn discard(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    if ctx.client.session.queue.take().is_none() {
        return Err(CommandError::other("ERR DISCARD without MULTI"));
    }
    ctx.reply.ok();
    Ok(Flow::Transaction(TransactionFlow::Unwatch))
}

fn watch(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    if ctx.client.session.queue.is_some() {
        return Err(CommandError::other("ERR WATCH inside MULTI is not allowed"));
    }
    Ok(Flow::Transaction(TransactionFlow::Watch))
}

fn unwatch(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.reply.ok();
    Ok(Flow::Transaction(TransactionFlow::Unwatch))
}
