//! Commands about the server as a whole: INFO TIME.
//!
//! INFO adds up what all workers report.

use shards::args::Args;
use shards::command::flags::{self, acl};
use shards::command::{Arg, Arity, CommandGroup, CommandSpec, RequestPolicy, ResponsePolicy};
use shards::error::CommandError;

use crate::metrics::info::{self, Whole};
use crate::metrics::report::{Report, StatsQuestion};
use crate::session::command::{Flow, SessionCommand, SessionCtx};
use crate::session::inquiry::{Answer, Question};

/// The rows.
pub static COMMANDS: &[SessionCommand] = &[
    SessionCommand::new(
        info,
        CommandSpec {
            name: "info",
            summary: "Get information and statistics about the server",
            since: "1.0.0",
            complexity: "O(1)",
            group: CommandGroup::Server,
            arity: Arity::AtLeast(1),
            flags: flags::LOADING | flags::STALE,
            acl: acl::DANGEROUS,
            request_policy: Some(RequestPolicy::AllShards),
            response_policy: Some(ResponsePolicy::Special),
            tips: &["nondeterministic_output"],
            history: &[("7.0.0", "Added support for taking multiple section arguments.")],
            args: &[Arg::string("section").optional().multiple()],
            ..CommandSpec::BASE
        },
    ),
    SessionCommand::new(
        time,
        CommandSpec {
            name: "time",
            summary: "Return the current server time",
            since: "2.6.0",
            complexity: "O(1)",
            group: CommandGroup::Server,
            flags: flags::LOADING | flags::STALE | flags::FAST,
            tips: &["nondeterministic_output"],
            ..CommandSpec::BASE
        },
    ),
];

fn time(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    let now = crate::host::clock::now();
    ctx.reply.array(2);
    ctx.reply.bulk_int(now.as_secs() as i64);
    ctx.reply.bulk_int(i64::from(now.subsec_micros()));
    Ok(Flow::Done)
}

fn info(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let wanted: Vec<String> =
        args.iter_from(1).map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).collect();
    let all =
        wanted.is_empty() || wanted.iter().any(|name| ["all", "default", "everything"].contains(&&**name));
    let (node, config, now_ms) = (ctx.node, std::sync::Arc::clone(ctx.config), ctx.now_ms);
    // Before the workers' reports take memory too.
    let used_bytes = node.memory.used_bytes();
    Ok(Flow::Ask(
        Question::Stats(StatsQuestion::Report),
        Box::new(move |answers, reply| {
            let reports: Vec<Report> = answers
                .into_iter()
                .filter_map(|answer| match answer {
                    Answer::Report(report) => Some(*report),
                    _ => None,
                })
                .collect();
            let whole = Whole { node, now_ms, used_bytes, config: &config, reports: &reports };
            let text = info::text(&whole, |name| all || wanted.iter().any(|wanted| wanted == name));
            reply.verbatim("txt", text.as_bytes());
        }),
    ))
}
