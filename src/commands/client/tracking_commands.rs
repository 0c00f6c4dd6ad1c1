//! The subcommands of CLIENT for client-side caching: TRACKING CACHING GETREDIR TRACKINGINFO.
//!
//! They say what a client wants; what follows from it is the business of `worker/invalidations.rs`.

use shards::args::Args;
use shards::error::CommandError;
use shards::watch::ClientId;

use crate::session::Session;
use crate::session::command::{Flow, Foreseen, SessionCtx};
use crate::session::filter::{ClientAnswer, ClientQuestion};
use crate::session::inquiry::{Answer, Question};
use crate::tracking::mode::{ClientTracking, TrackingChange, TrackingMode};

/// The options of CLIENT TRACKING.
#[derive(Default)]
struct TrackingOptions {
    redirect: Option<ClientId>,
    is_broadcast: bool,
    is_optin: bool,
    is_optout: bool,
    is_noloop: bool,
    prefixes: Vec<Vec<u8>>,
}

impl TrackingOptions {
    /// Reads the options into `self`. After an error those before it are there.
    fn parse(&mut self, args: Args<'_>) -> Result<(), CommandError> {
        let mut at = 3;
        while at < args.len() {
            let (option, has_value) = (args.get(at), at + 1 < args.len());
            let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
            at += 1;
            if is("redirect") && has_value {
                if self.redirect.is_some() {
                    let text = "ERR A client can only redirect to a single other client";
                    return Err(CommandError::other(text));
                }
                let id = shards::num::parse_i64(args.get(at)).ok_or(CommandError::NotAnInteger)?;
                self.redirect = Some(ClientId(id as u64));
                at += 1;
            } else if is("bcast") {
                self.is_broadcast = true;
            } else if is("optin") {
                self.is_optin = true;
            } else if is("optout") {
                self.is_optout = true;
            } else if is("noloop") {
                self.is_noloop = true;
            } else if is("prefix") && has_value {
                self.prefixes.push(args.get(at).to_vec());
                at += 1;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(())
    }

    /// What they ask for, for a client that tracks already or not.
    fn change(self, status: &[u8], before: Option<&ClientTracking>) -> Result<TrackingChange, CommandError> {
        if status.eq_ignore_ascii_case(b"off") {
            return Ok(TrackingChange::Off);
        }
        if !status.eq_ignore_ascii_case(b"on") {
            return Err(CommandError::Syntax);
        }
        let mode = before.map(|before| before.mode);
        let text = if !self.is_broadcast && !self.prefixes.is_empty() {
            "ERR PREFIX option requires BCAST mode to be enabled"
        } else if mode.is_some_and(|mode| (mode == TrackingMode::Prefixes) != self.is_broadcast) {
            "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then \
                re-enabling it with a different mode."
        } else if self.is_broadcast && (self.is_optin || self.is_optout) {
            "ERR OPTIN and OPTOUT are not compatible with BCAST"
        } else if self.is_optin && self.is_optout {
            "ERR You can't specify both OPTIN mode and OPTOUT mode"
        } else if (self.is_optin && mode == Some(TrackingMode::OptOut))
            || (self.is_optout && mode == Some(TrackingMode::OptIn))
        {
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then \
                re-enabling it with a different mode."
        } else {
            return self.accepted(before);
        };
        Err(CommandError::other(text))
    }

    fn accepted(self, before: Option<&ClientTracking>) -> Result<TrackingChange, CommandError> {
        let TrackingOptions { is_broadcast, is_optin, is_optout, is_noloop, mut prefixes, .. } = self;
        let mode = match (is_broadcast, is_optin, is_optout) {
            (true, ..) => TrackingMode::Prefixes,
            (_, true, _) => TrackingMode::OptIn,
            (.., true) => TrackingMode::OptOut,
            _ => TrackingMode::Reads,
        };
        check_overlaps(&prefixes, before)?;
        if is_broadcast && prefixes.is_empty() {
            prefixes.push(Vec::new());
        }
        Ok(TrackingChange::On { mode, is_noloop, prefixes })
    }
}

/// No key may match two prefixes of one client.
fn check_overlaps(prefixes: &[Vec<u8>], before: Option<&ClientTracking>) -> Result<(), CommandError> {
    let overlap = |one: &[u8], other: &[u8]| one.starts_with(other) || other.starts_with(one);
    let error = |prefix: &[u8], with: &str, other: &[u8]| {
        let text: [&[u8]; 7] = [
            b"ERR Prefix '",
            prefix,
            b"' overlaps with ",
            with.as_bytes(),
            b" '",
            other,
            b"'. Prefixes for a single client must not overlap.",
        ];
        Err(CommandError::Quoting(text.concat()))
    };
    for (index, prefix) in prefixes.iter().enumerate() {
        let mut existing = before.iter().flat_map(|before| &before.prefixes);
        if let Some(other) = existing.find(|other| overlap(prefix, other)) {
            return error(prefix, "an existing prefix", other);
        }
        if let Some(other) = prefixes[index + 1..].iter().find(|other| overlap(prefix, other)) {
            return error(prefix, "another provided prefix", other);
        }
    }
    Ok(())
}

/// CLIENT TRACKING.
pub(super) fn client_tracking(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    let session = &mut ctx.client.session;
    session.tracking_later = None;
    let mut options = TrackingOptions::default();
    let parsed = options.parse(args);
    let redirect = options.redirect;
    let change = parsed.and_then(|()| options.change(args.get(2), session.tracking.as_deref()));
    let Some(client) = redirect else {
        let change = change?;
        ctx.reply.ok();
        return Ok(Flow::Track(change));
    };
    // Whether the other client is there is found out first; what is wrong besides is told afterwards.
    let result = change.map(|change| session.tracking_later = Some(Box::new((client, change))));
    Ok(Flow::Ask(
        Question::Clients(ClientQuestion::Find(client)),
        Box::new(move |answers, reply| {
            let is_there =
                answers.iter().any(|answer| matches!(answer, Answer::Clients(ClientAnswer::Found(Some(_)))));
            match result {
                _ if !is_there => {
                    let text = "ERR The client ID you want redirect to does not exist";
                    reply.error(&CommandError::other(text));
                }
                Ok(()) => reply.ok(),
                Err(error) => reply.error(&error),
            }
        }),
    ))
}

/// CLIENT CACHING.
pub(super) fn client_caching(ctx: &mut SessionCtx<'_>, args: Args<'_>) -> Result<Flow, CommandError> {
    say_caching(ctx.client.session.tracking.as_deref_mut(), args)?;
    ctx.reply.ok();
    Ok(Flow::Done)
}

fn say_caching(tracking: Option<&mut ClientTracking>, args: Args<'_>) -> Result<(), CommandError> {
    let Some(tracking) = tracking else {
        return Err(CommandError::other(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT \
                mode enabled",
        ));
    };
    let word = args.get(2);
    let (mode, text) = if word.eq_ignore_ascii_case(b"yes") {
        (TrackingMode::OptIn, "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
    } else if word.eq_ignore_ascii_case(b"no") {
        (TrackingMode::OptOut, "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
    } else {
        return Err(CommandError::Syntax);
    };
    if tracking.mode != mode {
        return Err(CommandError::other(text));
    }
    tracking.is_caching_said = true;
    Ok(())
}

/// Whether the client to redirect to is there is found out when the command runs.
pub(super) fn foresee_tracking(foreseen: &mut Foreseen<'_>, args: Args<'_>) {
    let mut options = TrackingOptions::default();
    let parsed = options.parse(args);
    foreseen.track(|tracking| {
        if let Ok(change) = parsed.and_then(|()| options.change(args.get(2), tracking.as_deref())) {
            *tracking = change.apply(tracking.take(), None);
        }
    });
}

pub(super) fn foresee_caching(foreseen: &mut Foreseen<'_>, args: Args<'_>) {
    // An error changes nothing.
    foreseen.track(|tracking| _ = say_caching(tracking.as_deref_mut(), args));
}

/// CLIENT CACHING holds for the next command that is not of this container, be it refused or unknown, or for
/// the next transaction (Redis: resetClient).
pub(crate) fn command_is_over(session: &mut Session) {
    let is_kept = session.last_command.is_some_and(|entry| entry.spec().keeps_caching);
    if session.queue.is_none() && session.running.is_none() && !is_kept {
        session.forget_caching();
    }
}

/// What CLIENT GETREDIR replies: the client that is told in the place of this one; 0 for none, -1 for a
/// client that does not track.
pub(super) fn redirect_number(session: &Session) -> i64 {
    let redirect = |tracking: &ClientTracking| tracking.redirect.map_or(0, |to| to.client.0 as i64);
    session.tracking.as_deref().map_or(-1, redirect)
}

/// CLIENT GETREDIR.
pub(super) fn client_getredir(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    ctx.reply.int(redirect_number(&ctx.client.session));
    Ok(Flow::Done)
}

/// CLIENT TRACKINGINFO.
pub(super) fn client_trackinginfo(ctx: &mut SessionCtx<'_>, _args: Args<'_>) -> Result<Flow, CommandError> {
    let session = &ctx.client.session;
    let mut words = vec![if session.tracking.is_some() { "on" } else { "off" }];
    let tracking = session.tracking.as_deref();
    if let Some(tracking) = tracking {
        let of_mode: &[&str] = match (tracking.mode, tracking.is_caching_said) {
            (TrackingMode::Reads, _) => &[],
            (TrackingMode::Prefixes, _) => &["bcast"],
            (TrackingMode::OptIn, false) => &["optin"],
            (TrackingMode::OptIn, true) => &["optin", "caching-yes"],
            (TrackingMode::OptOut, false) => &["optout"],
            (TrackingMode::OptOut, true) => &["optout", "caching-no"],
        };
        words.extend(of_mode);
        words.extend(tracking.is_noloop.then_some("noloop"));
        words.extend(tracking.is_redirect_broken.then_some("broken_redirect"));
    }
    let reply = &mut *ctx.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(words.len());
    words.iter().for_each(|word| reply.bulk(word.as_bytes()));
    reply.bulk(b"redirect");
    reply.int(redirect_number(session));
    reply.bulk(b"prefixes");
    let prefixes = tracking.iter().flat_map(|tracking| &tracking.prefixes);
    reply.array(prefixes.clone().count());
    prefixes.for_each(|prefix| reply.bulk(prefix));
    Ok(Flow::Done)
}
