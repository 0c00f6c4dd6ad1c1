//! Commands about saving and the end of the server: SAVE BGSAVE LASTSAVE SHUTDOWN.

use shards::args::Args;
use shards::command::flags;
use shards::command::{Arg, Arity, CommandGroup, CommandSpec};
use shards::error::CommandError;
use shards::reply::Reply;

use crate::config::ShutdownOptions;
use crate::session::command::{Flow, SessionCommand, SessionCtx};
use crate::session::inquiry::{Answer, Question};
use crate::session::saving::{SaveAnswer, SaveQuestion};

/// The rows.
pub(super) static COMMANDS: &[SessionCommand] = &[
    SessionCommand::new(
        save,
        CommandSpec {
            name: "save",
            summary: "Synchronously save the dataset to disk",
            since: "1.0.0",
            complexity: "O(N) where N is the total number of keys in all databases",
            group: CommandGroup::Server,
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
            group: CommandGroup::Server,
            arity: Arity::AtLeast(1),
            flags: flags::ADMIN | flags::NOSCRIPT | flags::NO_ASYNC_LOADING,
            history: &[("3.2.2", "Added the `SCHEDULE` option.")],
            args: &[Arg::word("schedule", "SCHEDULE").since("3.2.2").optional()],
            ..CommandSpec::BASE
        },
    )
    .after_replies(),
    SessionCommand::new(
        shutdown,
        CommandSpec {
            name: "shutdown",
            summary: "Synchronously save the dataset to disk and then shut down the server",
            since: "1.0.0",
            complexity: "O(N) when saving, where N is the total number of keys in all databases when saving \
                data, otherwise O(1)",
            group: CommandGroup::Server,
            arity: Arity::AtLeast(1),
            flags: flags::ADMIN
                | flags::NOSCRIPT
                | flags::LOADING
                | flags::STALE
                | flags::NO_MULTI
                | flags::ALLOW_BUSY,
            history: &[("7.0.0", "Added the `NOW`, `FORCE` and `ABORT` modifiers.")],
            args: &[
                Arg::one_of("nosave_save", &[Arg::word("nosave", "NOSAVE"), Arg::word("save", "SAVE")])
                    .optional(),
                Arg::word("now", "NOW").since("7.0.0").optional(),
                Arg::word("force", "FORCE").since("7.0.0").optional(),
                Arg::word("abort", "ABORT").since("7.0.0").optional(),
            ],
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
            group: CommandGroup::Server,
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

fn shutdown(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let mut options = ShutdownOptions::default();
    let mut aborts = false;
    for word in args.iter_from(1) {
        match word.to_ascii_lowercase().as_slice() {
            b"nosave" if options.saves != Some(true) => options.saves = Some(false),
            b"save" if options.saves != Some(false) => options.saves = Some(true),
            b"now" => options.now = true,
            b"force" => options.force = true,
            b"abort" => aborts = true,
            _ => return Err(CommandError::Syntax),
        }
    }
    match aborts {
        true if options != ShutdownOptions::default() => Err(CommandError::Syntax),
        true => ask(SaveQuestion::AbortShutdown),
        false => ask(SaveQuestion::Shutdown(options)),
    }
}

fn lastsave(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.reply.int(ctx.node.saves.report().last_save_s as i64);
    Ok(Flow::Done)
}

/// Writes the reply.
pub(super) fn finish_save(answers: Vec<Answer>, reply: &mut Reply) {
    let answer = answers.into_iter().find_map(|answer| match answer {
        Answer::Save(answer) => Some(answer),
        _ => None,
    });
    match answer {
        Some(SaveAnswer::Done) => reply.ok(),
        Some(SaveAnswer::Said(text)) => reply.simple(text),
        Some(SaveAnswer::Refused(error)) => reply.error(&error),
        None => reply.error(&CommandError::other("ERR the save was not answered")),
    }
}
