//! CLIENT: what the server knows of connections, and what can be done to them.
//!
//! LIST and KILL concern all workers: they go out as inquiries.

mod filter;
pub mod rows;
pub mod tracking_commands;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shards::args::Args;
use shards::error::CommandError;
use shards::router::blocked_calls::Ending;
use shards::watch::ClientId;

use crate::commands::client::filter::{kind_of_name, meant_by_kill};
use crate::commands::client::tracking_commands::redirect_number;
use crate::commands::connection::valid_name;
use crate::io::socket::Socket;
use crate::pubsub::SubscriptionKind;
use crate::session::client::Client;
use crate::session::command::{Flow, Foreseen, SessionCtx};
use crate::session::filter::{ClientAnswer, ClientFilter, ClientQuestion};
use crate::session::inquiry::{Answer, Question};
use crate::tracking::mode::TrackingMode;

/// Never reached: the arity asks for a subcommand.
fn client(_ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    Err(CommandError::WrongArity("client".into()))
}

fn client_id(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.reply.int(ctx.client.session.id as i64);
    Ok(Flow::Done)
}

fn client_info(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    let line = ctx.client.line(ctx.now_ms);
    ctx.reply.verbatim("txt", line.as_bytes());
    Ok(Flow::Done)
}

fn client_setname(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.client.session.name = valid_name(args.get(2))?;
    ctx.reply.ok();
    Ok(Flow::Done)
}

fn client_getname(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    match ctx.client.session.name.as_slice() {
        [] => ctx.reply.null(),
        name => ctx.reply.bulk(name),
    }
    Ok(Flow::Done)
}

fn client_setinfo(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let (option, value) = (args.get(2), args.get(3));
    let session = &mut ctx.client.session;
    let field = match option {
        option if option.eq_ignore_ascii_case(b"lib-name") => &mut session.lib_name,
        option if option.eq_ignore_ascii_case(b"lib-ver") => &mut session.lib_ver,
        option => {
            return Err(CommandError::quoting("ERR Unrecognized option '", option, "'"));
        }
    };
    if !value.iter().all(|byte| (b'!'..=b'~').contains(byte)) {
        let text = " cannot contain spaces, newlines or special characters.";
        return Err(CommandError::quoting("ERR ", option, text));
    }
    *field = value.to_vec();
    ctx.reply.ok();
    Ok(Flow::Done)
}

fn client_reply(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let mode = &mut ctx.client.session.reply_mode;
    match args.get(2) {
        word if word.eq_ignore_ascii_case(b"on") => {
            mode.switch_on();
            ctx.reply.ok();
        }
        word if word.eq_ignore_ascii_case(b"off") => mode.switch_off(),
        word if word.eq_ignore_ascii_case(b"skip") => mode.skip(),
        _ => return Err(CommandError::Syntax),
    }
    Ok(Flow::Done)
}

fn client_no_evict(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.client.session.no_evict = on_or_off(args.get(2))?;
    ctx.reply.ok();
    Ok(Flow::Done)
}

fn client_no_touch(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.client.session.no_touch = on_or_off(args.get(2))?;
    ctx.reply.ok();
    Ok(Flow::Done)
}

fn foresee_no_touch(foreseen: &mut Foreseen<'_>, args: Args<'_>) {
    if let Ok(no_touch) = on_or_off(args.get(2)) {
        foreseen.set_touch(!no_touch);
    }
}

fn on_or_off(word: &[u8]) -> Result<bool, CommandError> {
    match word {
        word if word.eq_ignore_ascii_case(b"on") => Ok(true),
        word if word.eq_ignore_ascii_case(b"off") => Ok(false),
        _ => Err(CommandError::Syntax),
    }
}

fn client_list(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let mut filter = ClientFilter::default();
    let mut in_order = None;
    match args.len() {
        2 => {}
        4 if args.get(2).eq_ignore_ascii_case(b"type") => filter.kind = Some(kind_of_name(args.get(3))?),
        len if len > 3 && args.get(2).eq_ignore_ascii_case(b"id") => {
            let ids = args.iter_from(3).map(|id| {
                let id = shards::num::parse_i64(id);
                // Numbers that no client can have are found nowhere.
                id.map(|id| id as u64).ok_or_else(|| CommandError::other("ERR Invalid client ID"))
            });
            in_order = Some(ids.collect::<Result<Vec<_>, _>>()?);
            filter.ids = in_order.as_deref().map(sorted);
        }
        _ => return Err(CommandError::Syntax),
    }
    Ok(Flow::Ask(
        Question::Clients(ClientQuestion::List(filter)),
        Box::new(move |answers, reply| {
            let clients = answers.into_iter().map(|answer| match answer {
                Answer::Clients(ClientAnswer::Lines(lines)) => lines,
                _ => Vec::new(),
            });
            let clients: BTreeMap<u64, String> = clients.flatten().collect();
            let text: String = match in_order {
                None => clients.into_values().collect(),
                // As they were asked for, and as often.
                Some(ids) => ids.iter().filter_map(|id| clients.get(id)).map(String::as_str).collect(),
            };
            reply.verbatim("txt", text.as_bytes());
        }),
    ))
}

fn sorted(ids: &[u64]) -> Arc<[u64]> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.into()
}

fn client_kill(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    // The old form names one address, kills its own connection too, and complains when nobody has it.
    let old_form = args.len() == 3;
    let filter = if old_form { ClientFilter::of_peer(args.get(2)) } else { meant_by_kill(args)? };
    Ok(Flow::Ask(
        Question::Clients(ClientQuestion::Kill(filter)),
        Box::new(move |answers, reply| {
            let killed = answers.into_iter().map(|answer| match answer {
                Answer::Clients(ClientAnswer::Killed(ids)) => ids,
                _ => Vec::new(),
            });
            // One that is just handed over is known to two workers.
            let killed: BTreeSet<u64> = killed.flatten().collect();
            match killed.len() {
                count if !old_form => reply.len_int(count),
                0 => reply.error(&CommandError::other("ERR No such client")),
                _ => reply.ok(),
            }
        }),
    ))
}

fn client_unblock(_ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let ending = match args.len() {
        3 => Ending::Timeout,
        4 if args.get(3).eq_ignore_ascii_case(b"timeout") => Ending::Timeout,
        4 if args.get(3).eq_ignore_ascii_case(b"error") => Ending::Error,
        4 => {
            let text = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
            return Err(CommandError::other(text));
        }
        _ => {
            let before = "ERR unknown subcommand or wrong number of arguments for '";
            return Err(CommandError::quoting(before, args.get(1), "'. Try CLIENT HELP."));
        }
    };
    let id = shards::num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    Ok(Flow::Ask(
        Question::Clients(ClientQuestion::Unblock(ClientId(id as u64), ending)),
        Box::new(|answers, reply| {
            let is_found =
                answers.iter().any(|answer| matches!(answer, Answer::Clients(ClientAnswer::Unblocked(true))));
            reply.int(i64::from(is_found));
        }),
    ))
}

fn client_help(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.reply.array(HELP.len());
    HELP.iter().for_each(|line| ctx.reply.simple(line));
    Ok(Flow::Done)
}

const HELP: &[&str] = &[
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CACHING (YES|NO)",
    "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "SETINFO <option> <value>",
    "    Set client meta attr. Options are:",
    "    * LIB-NAME: the client lib name.",
    "    * LIB-VER: the client lib version.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Control server assisted client side caching.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Will not touch LRU/LFU stats when this mode is on.",
    "HELP",
    "    Prints this help.",
];

impl Client {
    /// The client as a line of CLIENT LIST (Redis: catClientInfoString).
    pub fn line(&self, now_ms: u64) -> String {
        let session = &self.session;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let age_s = now_ms.saturating_sub(session.created_ms) / 1000;
        let idle_s = now_ms.saturating_sub(session.active_ms) / 1000;
        let subscriptions = |kind| session.subscription_count(kind);
        let tracking = session.tracking.as_deref();
        // In Redis's order.
        let mut flags: String = [
            (session.is_subscribed(), 'P'),
            (session.queue.is_some() || session.running.is_some(), 'x'),
            (self.waiting.is_blocked(), 'b'),
            (tracking.is_some(), 't'),
            (tracking.is_some_and(|tracking| tracking.is_redirect_broken), 'R'),
            (tracking.is_some_and(|tracking| tracking.mode == TrackingMode::Prefixes), 'B'),
            (self.closing.is_some(), 'c'),
            (self.socket.as_ref().is_some_and(Socket::is_unix), 'U'),
            (session.no_evict, 'e'),
            (session.no_touch, 'T'),
        ]
        .into_iter()
        .filter_map(|(is_set, letter)| is_set.then_some(letter))
        .collect();
        if flags.is_empty() {
            flags.push('N');
        }
        format!(
            "id={} addr={} laddr={} fd={} name={} age={age_s} idle={idle_s} flags={flags} db={} sub={} \
                psub={} ssub={} multi={} qbuf={} qbuf-free={} argv-mem=0 multi-mem={} rbs=0 rbp=0 obl={} \
                oll=0 omem={} tot-mem={} events=r cmd={} user={} redir={} resp={} lib-name={} lib-ver={}\n",
            session.id,
            self.peer(),
            self.local(),
            self.socket.as_ref().map_or(-1, Socket::fd_number),
            text(&session.name),
            session.db.0,
            subscriptions(SubscriptionKind::Channel),
            subscriptions(SubscriptionKind::Pattern),
            subscriptions(SubscriptionKind::ShardChannel),
            session
                .queue
                .as_ref()
                .map(|queue| queue.len())
                .or(session.running)
                .map_or(-1, |count| count as i64),
            self.query.buffered_bytes(),
            self.query.memory_bytes().saturating_sub(self.query.buffered_bytes()),
            session.queue.as_ref().map_or(0, |queue| queue.bytes()),
            self.output_bytes(),
            self.output_bytes(),
            size_of::<Client>() + self.memory_bytes(),
            session.last_command.map_or("NULL", |entry| &entry.full_name),
            if session.authenticated { "default" } else { "(superuser)" },
            redirect_number(session),
            if session.resp3 { 3 } else { 2 },
            text(&session.lib_name),
            text(&session.lib_ver),
        )
    }
}
