//! CONFIG: GET SET RESETSTAT REWRITE.
//!
//! What a directive is called and how its value is written is known to `config`.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use shards::args::Args;
use shards::command::flags;
use shards::command::shapes::{container_of, help_of};
use shards::command::{Arg, Arity, CommandGroup, CommandSpec, RequestPolicy, ResponsePolicy};
use shards::error::CommandError;

use crate::config::{self, Config};
use crate::host::log::LineLimit;
use crate::host::open_files;
use crate::metrics::report::StatsQuestion;
use crate::node::Node;
use crate::session::change::{ChangeQuestion, NodeChange};
use crate::session::command::{Flow, SessionCommand, SessionCtx};
use crate::session::inquiry::{Question, finish_change};

static MAXMEMORY_LINES: LineLimit = LineLimit::new(
    module_path!(),
    log::Level::Warn,
    "WARNING: the new maxmemory value set via CONFIG SET is smaller than the current memory usage",
);
/// Directives without effect that CONFIG SET has named in the log: each is named once, so that no client can
/// fill the log.
static NAMED_IDLE: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// What most of the subcommands have in common.
const OF_CONFIG: CommandSpec = CommandSpec {
    since: "2.0.0",
    complexity: "O(1)",
    group: CommandGroup::Server,
    arity: Arity::Exactly(2),
    flags: flags::ADMIN | flags::NOSCRIPT | flags::LOADING | flags::STALE,
    ..CommandSpec::BASE
};

/// What reads or sets parameters.
const PARAMETERS: CommandSpec =
    CommandSpec { complexity: "O(N) when N is the number of configuration parameters provided", ..OF_CONFIG };

/// The rows.
pub static COMMANDS: &[SessionCommand] = &[SessionCommand::new(
    config,
    CommandSpec {
        name: "config",
        summary: "A container for server configuration commands",
        since: "2.0.0",
        ..container_of(CommandGroup::Server)
    },
)
.with_subcommands(&[
    SessionCommand::new(
        config_get,
        CommandSpec {
            name: "get",
            summary: "Get the values of configuration parameters",
            arity: Arity::AtLeast(3),
            history: &[("7.0.0", "Added the ability to pass multiple pattern parameters in one call")],
            args: &[Arg::block("parameter", &[Arg::string("parameter")]).multiple()],
            ..PARAMETERS
        },
    ),
    SessionCommand::new(
        config_set,
        CommandSpec {
            name: "set",
            summary: "Set configuration parameters to the given values",
            arity: Arity::AtLeast(4),
            request_policy: Some(RequestPolicy::AllNodes),
            response_policy: Some(ResponsePolicy::AllSucceeded),
            history: &[("7.0.0", "Added the ability to set multiple parameters in one call.")],
            args: &[
                Arg::block("parameter_value", &[Arg::string("parameter"), Arg::string("value")]).multiple()
            ],
            ..PARAMETERS
        },
    )
    .after_replies(),
    SessionCommand::new(
        config_resetstat,
        CommandSpec { name: "resetstat", summary: "Reset the stats returned by INFO", ..OF_CONFIG },
    ),
    SessionCommand::new(
        config_rewrite,
        CommandSpec {
            name: "rewrite",
            summary: "Rewrite the configuration file with the in memory configuration",
            since: "2.8.0",
            ..OF_CONFIG
        },
    )
    .after_replies(),
    SessionCommand::new(config_help, CommandSpec { since: "5.0.0", ..help_of(OF_CONFIG) }),
])];

/// Never reached: the arity asks for a subcommand.
fn config(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Err(CommandError::WrongArity("config".into()))
}

fn config_get(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let found = config::get(ctx.config, args.skip(2));
    ctx.reply.map(found.len());
    for (name, value) in found {
        ctx.reply.bulk(name.as_bytes());
        ctx.reply.bulk(&value);
    }
    Ok(Flow::Done)
}

/// Which configuration is right, and which changes of it are, is known to the sequencer of changes.
fn config_set(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let change = NodeChange::Config { args: args.to_owned(), is_local: ctx.client.is_local() };
    Ok(Flow::Ask(Question::Change(ChangeQuestion::Order(change)), Box::new(finish_change)))
}

/// What CONFIG SET meets where all changes of the configuration are put in order.
pub(crate) struct Current<'a> {
    /// The configuration that holds.
    pub(crate) config: &'a Config,
    /// What the process shares.
    pub(crate) node: &'static Node,
    /// The client is on this machine.
    pub(crate) is_local: bool,
}

/// The configuration that CONFIG SET with these arguments makes.
///
/// # Errors
/// As CONFIG SET replies.
pub(crate) fn changed(ctx: &Current<'_>, args: Args<'_>) -> Result<Config, CommandError> {
    let new = config::set(ctx.config, args.skip(2), ctx.is_local)?;
    if new.port != ctx.config.port || new.bind != ctx.config.bind {
        return Err(CommandError::other(
            "ERR CONFIG SET failed - port and bind cannot be changed while the server runs",
        ));
    }
    check_open_files(ctx, &new)?;
    let (limit_bytes, used_bytes) = (new.maxmemory_bytes, ctx.node.memory.used_bytes());
    if limit_bytes != ctx.config.maxmemory_bytes
        && (1..used_bytes).contains(&limit_bytes)
        && let Some(left_out) = MAXMEMORY_LINES.admit()
    {
        log::warn!(
            "WARNING: the new maxmemory value set via CONFIG SET ({limit_bytes}) is smaller than the current \
                memory usage ({used_bytes}). This will result in key eviction and/or the inability to accept \
                new write commands depending on the maxmemory-policy.{left_out}"
        );
    }
    let is_new = |name| NAMED_IDLE.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    for line in config::newly_idle(ctx.config, &new, is_new) {
        log::warn!("{line}");
    }
    crate::host::log::set_level(new.loglevel);
    Ok(new)
}

/// More clients are only promised when there can be descriptors for them (Redis: updateMaxclients).
fn check_open_files(ctx: &Current<'_>, new: &Config) -> Result<(), CommandError> {
    if new.maxclients == ctx.config.maxclients {
        return Ok(());
    }
    // A system that does not tell its limit will tell it with the client that is too many.
    let room = open_files::make_room(new.maxclients, ctx.node.workers());
    let possible = room.map_or(new.maxclients, |room| room.clients);
    if possible == new.maxclients {
        return Ok(());
    }
    Err(CommandError::other(format!(
        "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not \
            able to handle the specified number of clients, try with {possible}"
    )))
}

fn config_resetstat(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Ok(Flow::Ask(Question::Stats(StatsQuestion::Reset), Box::new(|_, reply| reply.ok())))
}

fn config_rewrite(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Ok(Flow::Ask(Question::Change(ChangeQuestion::Order(NodeChange::RewriteConfig)), Box::new(finish_change)))
}

fn config_help(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.reply.array(HELP.len());
    HELP.iter().for_each(|line| ctx.reply.simple(line));
    Ok(Flow::Done)
}

const HELP: &[&str] = &[
    "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
    "HELP",
    "    Prints this help.",
];
