//! Commands about saving: SAVE BGSAVE LASTSAVE.

use shards::args::Args;
use shards::command::flags;
use shards::command::{Arg, Arity, CommandSpec, Group};
use shards::error::CommandError;

use crate::session::command::{Flow, SessionCommand, SessionCtx};
use crate::session::inquiry::Question;
use crate::session::saving::{SaveQuestion, finish_save};

/// The rows.
pub static COMMANDS: &[SessionCommand] = &[
    SessionCommand::new(
        save,
        CommandSpec {
            name: "save",
            summary: "Synchronously save the dataset to disk",
            since: "1.0.0",
            complexity: "O(N) where N is the total number of keys in all databases",
            group: Group::Server,
            flags: flags::ADMIN | flags::NOSCRIPT | flags::NO_ASYNC_LOADING | flags::NO_MULTI,
            ..CommandSpec::BASE
        },
    )
    .after_replies(),
    SessionCommand::new(
        bgsave,
        CommandSpec {
            name: "bgsave",
            summary: "Asynchronously save the dataset to disk",
            since: "1.0.0",
            complexity: "O(1)",
            group: Group::Server,
            arity: Arity::AtLeast(1),
            flags: flags::ADMIN | flags::NOSCRIPT | flags::NO_ASYNC_LOADING,
            history: &[("3.2.2", "Added the `SCHEDULE` option.")],
            args: &[Arg::word("schedule", "SCHEDULE").since("3.2.2").optional()],
            ..CommandSpec::BASE
        },
    )
    .after_replies(),
    SessionCommand::new(
        lastsave,
        CommandSpec {
            name: "lastsave",
            summary: "Get the UNIX time stamp of the last successful save to disk",
            since: "1.0.0",
            complexity: "O(1)",
            group: Group::Server,
            flags: flags::LOADING | flags::STALE | flags::FAST,
            acl: flags::acl::ADMIN | flags::acl::DANGEROUS,
            tips: &["nondeterministic_output"],
            ..CommandSpec::BASE
        },
    ),
];

fn ask(question: SaveQuestion) -> Result<Flow, CommandError> {
    Ok(Flow::Ask(Question::Save(question), Box::new(finish_save)))
}

fn save(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    ask(SaveQuestion::Now)
}

fn bgsave(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    match args.len() {
        1 => ask(SaveQuestion::Begin),
        // It says what shall happen beside a rewrite of the append-only file, and there is none.
        2 if args.get(1).eq_ignore_ascii_case(b"schedule") => ask(SaveQuestion::Begin),
        2 if args.get(1).eq_ignore_ascii_case(b"cancel") => ask(SaveQuestion::Cancel),
        _ => Err(CommandError::Syntax),
    }
}

fn lastsave(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.reply.int(ctx.node.saves.report().last_save_s as i64);
    Ok(Flow::Done)
}
