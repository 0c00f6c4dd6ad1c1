//! Commands of publishing and subscribing: SUBSCRIBE and its kin, PUBLISH SPUBLISH PUBSUB.
//!
//! What they do to connections is the business of `worker/publish.rs`; PUBSUB adds up what all workers say.

use std::collections::HashSet;
use std::sync::Arc;

use shards::args::Args;
use shards::command::flags;
use shards::command::shapes::{container_of, help_of};
use shards::command::{Arg, Arity, CommandGroup, CommandSpec, KeySpec, keys};
use shards::error::CommandError;
use shards::reply::Reply;

use crate::pubsub::hop::{PubSubAnswer, PubSubQuestion};
use crate::pubsub::{Name, PubSubFlow, SubscriptionKind};
use crate::session::command::{Flow, SessionCommand, SessionCtx};
use crate::session::inquiry::{Answer, Question};

/// What all that takes part in the exchange of messages has in common.
const PUBSUB: CommandSpec = CommandSpec { since: "2.0.0", group: CommandGroup::Pubsub, ..CommandSpec::BASE };

/// Begins to listen.
const SUBSCRIBE: CommandSpec = CommandSpec {
    arity: Arity::AtLeast(2),
    flags: flags::FOR_SUBSCRIBERS | flags::PUBSUB | flags::NOSCRIPT | flags::LOADING | flags::STALE,
    ..PUBSUB
};

/// Listens no more, to some or to all.
const UNSUBSCRIBE: CommandSpec = CommandSpec { arity: Arity::AtLeast(1), ..SUBSCRIBE };

/// Sends a message.
const PUBLISH: CommandSpec = CommandSpec {
    arity: Arity::Exactly(3),
    flags: flags::PUBSUB | flags::LOADING | flags::STALE | flags::FAST,
    ..PUBSUB
};

/// What the subcommands of PUBSUB have in common.
const OF_PUBSUB: CommandSpec = CommandSpec {
    since: "2.8.0",
    arity: Arity::AtLeast(2),
    flags: flags::PUBSUB | flags::LOADING | flags::STALE,
    ..PUBSUB
};

/// The rows.
pub static COMMANDS: &[SessionCommand] = &[
    SessionCommand::new(
        subscribe,
        CommandSpec {
            name: "subscribe",
            summary: "Listen for messages published to the given channels",
            complexity: "O(N) where N is the number of channels to subscribe to.",
            args: &[Arg::string("channel").multiple()],
            ..SUBSCRIBE
        },
    )
    .after_replies(),
    SessionCommand::new(
        psubscribe,
        CommandSpec {
            name: "psubscribe",
            summary: "Listen for messages published to channels matching the given patterns",
            complexity: "O(N) where N is the number of patterns the client is already subscribed to.",
            args: &[Arg::block("pattern", &[Arg::pattern("pattern")]).multiple()],
            ..SUBSCRIBE
        },
    )
    .after_replies(),
    SessionCommand::new(
        unsubscribe,
        CommandSpec {
            name: "unsubscribe",
            summary: "Stop listening for messages posted to the given channels",
            complexity: "O(N) where N is the number of clients already subscribed to a channel.",
            args: &[Arg::string("channel").optional().multiple()],
            ..UNSUBSCRIBE
        },
    )
    .after_replies(),
    SessionCommand::new(
        punsubscribe,
        CommandSpec {
            name: "punsubscribe",
            summary: "Stop listening for messages posted to channels matching the given patterns",
            complexity: "O(N+M) where N is the number of patterns the client is already subscribed and M is \
                the number of total patterns subscribed in the system (by any client).",
            args: &[Arg::pattern("pattern").optional().multiple()],
            ..UNSUBSCRIBE
        },
    )
    .after_replies(),
    SessionCommand::new(
        ssubscribe,
        CommandSpec {
            name: "ssubscribe",
            summary: "Listen for messages published to the given shard channels",
            since: "7.0.0",
            complexity: "O(N) where N is the number of shard channels to subscribe to.",
            keys: &[KeySpec::range(1, -1, 1, keys::NOT_KEY)],
            args: &[Arg::string("shardchannel").multiple()],
            ..SUBSCRIBE
        },
    )
    .after_replies(),
    SessionCommand::new(
        sunsubscribe,
        CommandSpec {
            name: "sunsubscribe",
            summary: "Stop listening for messages posted to the given shard channels",
            since: "7.0.0",
            complexity: "O(N) where N is the number of clients already subscribed to a shard channel.",
            keys: &[KeySpec::range(1, -1, 1, keys::NOT_KEY)],
            args: &[Arg::string("shardchannel").optional().multiple()],
            ..UNSUBSCRIBE
        },
    )
    .after_replies(),
    SessionCommand::new(
        publish,
        CommandSpec {
            name: "publish",
            summary: "Post a message to a channel",
            complexity: "O(N+M) where N is the number of clients subscribed to the receiving channel and M \
                is the total number of subscribed patterns (by any client).",
            args: &[Arg::string("channel"), Arg::string("message")],
            ..PUBLISH
        },
    )
    .in_order_of_messages(),
    SessionCommand::new(
        spublish,
        CommandSpec {
            name: "spublish",
            summary: "Post a message to a shard channel",
            since: "7.0.0",
            complexity: "O(N) where N is the number of clients subscribed to the receiving shard channel.",
            keys: &[KeySpec::at(1, keys::NOT_KEY)],
            args: &[Arg::string("shardchannel"), Arg::string("message")],
            ..PUBLISH
        },
    )
    .in_order_of_messages(),
    SessionCommand::new(
        pubsub,
        CommandSpec {
            name: "pubsub",
            summary: "A container for Pub/Sub commands",
            since: "2.8.0",
            ..container_of(CommandGroup::Pubsub)
        },
    )
    .with_subcommands(&[
        SessionCommand::new(
            pubsub_channels,
            CommandSpec {
                name: "channels",
                summary: "List active channels",
                complexity: "O(N) where N is the number of active channels, and assuming constant time \
                        pattern matching (relatively short channels and patterns)",
                args: &[Arg::pattern("pattern").optional()],
                ..OF_PUBSUB
            },
        ),
        SessionCommand::new(pubsub_help, CommandSpec { since: "6.2.0", ..help_of(OF_PUBSUB) }),
        SessionCommand::new(
            pubsub_numpat,
            CommandSpec {
                name: "numpat",
                summary: "Get the count of unique patterns pattern subscriptions",
                complexity: "O(1)",
                arity: Arity::Exactly(2),
                ..OF_PUBSUB
            },
        ),
        SessionCommand::new(
            pubsub_numsub,
            CommandSpec {
                name: "numsub",
                summary: "Get the count of subscribers for channels",
                complexity: "O(N) for the NUMSUB subcommand, where N is the number of requested channels",
                args: &[Arg::string("channel").optional().multiple()],
                ..OF_PUBSUB
            },
        ),
        SessionCommand::new(
            pubsub_shardchannels,
            CommandSpec {
                name: "shardchannels",
                summary: "List active shard channels",
                since: "7.0.0",
                complexity: "O(N) where N is the number of active shard channels, and assuming constant \
                        time pattern matching (relatively short shard channels).",
                args: &[Arg::pattern("pattern").optional()],
                ..OF_PUBSUB
            },
        ),
        SessionCommand::new(
            pubsub_shardnumsub,
            CommandSpec {
                name: "shardnumsub",
                summary: "Get the count of subscribers for shard channels",
                since: "7.0.0",
                complexity: "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested \
                        shard channels",
                args: &[Arg::string("shardchannel").optional().multiple()],
                ..OF_PUBSUB
            },
        ),
    ]),
];

fn subscribe(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Ok(Flow::PubSub(PubSubFlow::Subscribe(SubscriptionKind::Channel)))
}

fn psubscribe(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Ok(Flow::PubSub(PubSubFlow::Subscribe(SubscriptionKind::Pattern)))
}

/// Not in a transaction, where SUBSCRIBE and PSUBSCRIBE have been allowed for long (Redis:
/// CLIENT_DENY_BLOCKING).
fn ssubscribe(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    if ctx.client.session.running.is_some() {
        return Err(CommandError::other("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
    }
    Ok(Flow::PubSub(PubSubFlow::Subscribe(SubscriptionKind::ShardChannel)))
}

fn unsubscribe(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Ok(Flow::PubSub(PubSubFlow::Unsubscribe(SubscriptionKind::Channel)))
}

fn punsubscribe(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Ok(Flow::PubSub(PubSubFlow::Unsubscribe(SubscriptionKind::Pattern)))
}

fn sunsubscribe(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Ok(Flow::PubSub(PubSubFlow::Unsubscribe(SubscriptionKind::ShardChannel)))
}

fn publish(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Ok(Flow::PubSub(PubSubFlow::Publish(SubscriptionKind::Channel)))
}

fn spublish(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Ok(Flow::PubSub(PubSubFlow::Publish(SubscriptionKind::ShardChannel)))
}

/// Never reached: the arity asks for a subcommand.
fn pubsub(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Err(CommandError::WrongArity("pubsub".into()))
}

fn pubsub_channels(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    ask_for_names(SubscriptionKind::Channel, args)
}

fn pubsub_shardchannels(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    ask_for_names(SubscriptionKind::ShardChannel, args)
}

fn ask_for_names(kind: SubscriptionKind, args: Args<'_>) -> Result<Flow, CommandError> {
    if args.len() > 3 {
        let before = "ERR unknown subcommand or wrong number of arguments for '";
        return Err(CommandError::quoting(before, args.get(1), "'. Try PUBSUB HELP."));
    }
    let pattern = args.iter_from(2).next().map(<[u8]>::to_vec);
    Ok(Flow::Ask(
        Question::PubSub(PubSubQuestion::Names(kind, pattern)),
        Box::new(|answers, reply| {
            let names = all_names(answers);
            reply.array(names.len());
            names.iter().for_each(|name| reply.bulk(name));
        }),
    ))
}

fn pubsub_numpat(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.reply.len_int(ctx.node.subscriptions.distinct(SubscriptionKind::Pattern).len());
    Ok(Flow::Done)
}

/// The names of all workers, each once.
fn all_names(answers: Vec<Answer>) -> Vec<Name> {
    let names = answers.into_iter().filter_map(|answer| match answer {
        Answer::PubSub(PubSubAnswer::Names(names)) if !names.is_empty() => Some(names),
        _ => None,
    });
    let mut names: Vec<Vec<Name>> = names.collect();
    if names.len() <= 1 {
        return names.pop().unwrap_or_default();
    }
    let distinct: HashSet<Name> = names.into_iter().flatten().collect();
    distinct.into_iter().collect()
}

fn pubsub_numsub(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    ask_for_counts(SubscriptionKind::Channel, args)
}

fn pubsub_shardnumsub(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    ask_for_counts(SubscriptionKind::ShardChannel, args)
}

fn ask_for_counts(kind: SubscriptionKind, args: Args<'_>) -> Result<Flow, CommandError> {
    let names: Arc<Vec<Vec<u8>>> = Arc::new(args.iter_from(2).map(<[u8]>::to_vec).collect());
    Ok(Flow::Ask(
        Question::PubSub(PubSubQuestion::Subscribers(kind, Arc::clone(&names))),
        Box::new(move |answers, reply: &mut Reply| {
            let mut sums = vec![0; names.len()];
            for answer in answers {
                if let Answer::PubSub(PubSubAnswer::Counts(counts)) = answer {
                    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
                }
            }
            reply.array(names.len() * 2);
            for (name, sum) in names.iter().zip(sums) {
                reply.bulk(name);
                reply.len_int(sum);
            }
        }),
    ))
}

fn pubsub_help(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.reply.array(HELP.len());
    HELP.iter().for_each(|line| ctx.reply.simple(line));
    Ok(Flow::Done)
}

const HELP: &[&str] = &[
    "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CHANNELS [<pattern>]",
    "    Return the currently active channels matching a <pattern> (default: '*').",
    "NUMPAT",
    "    Return number of subscriptions to patterns.",
    "NUMSUB [<channel> ...]",
    "    Return the number of subscribers for the specified channels, excluding",
    "    pattern subscriptions(default: no channels).",
    "SHARDCHANNELS [<pattern>]",
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Return the number of subscribers for the specified shard level channel(s)",
    "HELP",
    "    Prints this help.",
];
