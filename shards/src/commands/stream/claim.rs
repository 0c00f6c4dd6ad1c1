//! Pending entries that get another owner: XCLAIM, XAUTOCLAIM.

use super::group_effects::GroupEffects;
use super::value::{Done, exact_id, no_key_or_group, range_start, write_entry, write_id};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::stream::{AutoClaim, Claim, Claimed, Group, Log, Pending, Stream, StreamId};
use crate::error::CommandError;
use crate::event;
use crate::key::Key;
use crate::num;
use crate::object::DataType;
use crate::reply::Reply;
use crate::values::stream::{change, stream_of};

/// An integer argument, and what is said when it is none.
fn integer_or(text: &[u8], error: &'static str) -> Result<i64, CommandError> {
    num::parse_i64(text).ok_or(CommandError::other(error))
}

/// The key of argument 1, if it holds a stream with the group of argument 2.
fn key_with_group<'a>(ctx: &mut Ctx<'_>, args: Args<'a>) -> Result<Key<'a>, CommandError> {
    let key = ctx.key(args, 1);
    let stream = ctx.keys.read_typed(&key, DataType::Stream)?.map(stream_of);
    match stream.and_then(|stream| stream.groups.get(args.get(2))) {
        Some(_) => Ok(key),
        None => Err(no_key_or_group(key.bytes, args.get(2), "")),
    }
}

/// What XCLAIM wants.
struct Request {
    idle_ms_min: u64,
    ids: Vec<StreamId>,
    force: bool,
    just_id: bool,
    delivered_ms: u64,
    deliveries: Option<u64>,
    last_id: StreamId,
}

impl Request {
    /// Reads what stands behind the name of the consumer. Ids end where something is none.
    fn parse(args: Args<'_>, now_ms: u64) -> Result<Request, CommandError> {
        let idle = integer_or(args.get(4), "ERR Invalid min-idle-time argument for XCLAIM")?;
        let ids: Vec<StreamId> = args.iter_from(5).map_while(|text| exact_id(text).ok()).collect();
        let mut at = 5 + ids.len();
        let mut request = Request {
            idle_ms_min: u64::try_from(idle).unwrap_or(0),
            ids,
            force: false,
            just_id: false,
            delivered_ms: now_ms,
            deliveries: None,
            last_id: StreamId::MIN,
        };
        // A time that cannot be is now: clients compute it by clocks of their own (Redis: xclaimCommand).
        let possible = |ms: i64| u64::try_from(ms).ok().filter(|&ms| ms <= now_ms).unwrap_or(now_ms);
        while at < args.len() {
            let has_value = at + 1 < args.len();
            let is = |name: &[u8]| args[at].eq_ignore_ascii_case(name);
            let mut width = 2;
            if is(b"force") {
                (request.force, width) = (true, 1);
            } else if is(b"justid") {
                (request.just_id, width) = (true, 1);
            } else if has_value && is(b"idle") {
                let idle = integer_or(args.get(at + 1), "ERR Invalid IDLE option argument for XCLAIM")?;
                request.delivered_ms = possible((now_ms as i64).wrapping_sub(idle));
            } else if has_value && is(b"time") {
                let time = integer_or(args.get(at + 1), "ERR Invalid TIME option argument for XCLAIM")?;
                request.delivered_ms = possible(time);
            } else if has_value && is(b"retrycount") {
                let error = "ERR Invalid RETRYCOUNT option argument for XCLAIM";
                request.deliveries = u64::try_from(integer_or(args.get(at + 1), error)?).ok();
            } else if has_value && is(b"lastid") {
                request.last_id = exact_id(args.get(at + 1))?;
            } else {
                return Err(CommandError::quoting("ERR Unrecognized XCLAIM option '", args.get(at), "'"));
            }
            at += width;
        }
        Ok(request)
    }
}

pub(super) fn xclaim(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = key_with_group(ctx, args)?;
    let now_ms = ctx.keys.now_ms();
    let request = Request::parse(args, now_ms)?;
    let (name, consumer) = (args.get(2), args.get(3));
    let mut effects = GroupEffects::new(&ctx.keys, key, name);
    let reply = &mut *ctx.reply;
    let is_new = change(&mut ctx.keys, &key, |Stream { log, groups }| {
        let group = groups.get_mut(name).expect("the group was looked up");
        let is_moved = request.last_id > group.last_id();
        group.raise_last_id(request.last_id);
        let (to, is_new) = group.see_consumer(consumer, now_ms);
        let claim = Claim {
            to,
            idle_ms_min: request.idle_ms_min,
            delivered_ms: request.delivered_ms,
            deliveries: request.deliveries,
            keep_deliveries: request.just_id,
            force: request.force,
        };
        let mut claimed = Vec::new();
        for &id in &request.ids {
            let before = group.pending(id).copied();
            match group.claim(log, id, claim, now_ms) {
                Claimed::No => {}
                Claimed::Yes => {
                    claimed.push(id);
                    let pending = *group.pending(id).expect("it was claimed");
                    effects.pending(group, id, pending);
                }
                Claimed::Dropped => {
                    effects.pending(group, id, before.expect("what is dropped was pending"));
                }
            }
        }
        // What was claimed tells the last id and the consumer.
        if is_new && claimed.is_empty() {
            effects.created(consumer);
        }
        if is_moved && claimed.is_empty() {
            effects.moved(group);
        }
        write_claimed(reply, log, &claimed, request.just_id);
        is_new
    });
    if is_new {
        ctx.keys.changed(&key, event::XGROUP_CREATECONSUMER);
    }
    effects.say(&mut ctx.keys);
    Ok(())
}

fn write_claimed(reply: &mut Reply, log: &Log, claimed: &[StreamId], just_id: bool) {
    reply.array(claimed.len());
    for &id in claimed {
        match log.get(id).filter(|_| !just_id) {
            Some(entry) => write_entry(reply, entry),
            None => write_id(reply, id),
        }
    }
}

/// Entries that XAUTOCLAIM claims without COUNT.
const AUTO_CLAIM_COUNT: i64 = 100;
/// The largest COUNT: with the looks that each entry is worth it is still an integer (Redis:
/// xautoclaimCommand).
const AUTO_CLAIM_COUNT_MAX: i64 = i64::MAX / 16;

pub(super) fn xautoclaim(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let idle = integer_or(args.get(4), "ERR Invalid min-idle-time argument for XAUTOCLAIM")?;
    let from = range_start(args.get(5))?;
    let (mut count, mut just_id) = (AUTO_CLAIM_COUNT, false);
    let mut at = 6;
    while at < args.len() {
        if at + 1 < args.len() && args[at].eq_ignore_ascii_case(b"count") {
            let error = "ERR COUNT must be > 0";
            count = integer_or(args.get(at + 1), error)?;
            if !(1..=AUTO_CLAIM_COUNT_MAX).contains(&count) {
                return Err(CommandError::other(error));
            }
            at += 2;
        } else if args[at].eq_ignore_ascii_case(b"justid") {
            just_id = true;
            at += 1;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let key = key_with_group(ctx, args)?;
    let (name, consumer, now_ms) = (args.get(2), args.get(3), ctx.keys.now_ms());
    let mut effects = GroupEffects::new(&ctx.keys, key, name);
    let reply = &mut *ctx.reply;
    let is_new = change(&mut ctx.keys, &key, |Stream { log, groups }| {
        let group = groups.get_mut(name).expect("the group was looked up");
        let (to, is_new) = group.see_consumer(consumer, now_ms);
        let idle_ms_min = u64::try_from(idle).unwrap_or(0);
        let claim = AutoClaim { to, idle_ms_min, from, count: count as u64, keep_deliveries: just_id };
        let done = group.auto_claim(log, claim, now_ms);
        done.claimed.iter().for_each(|&id| tell_owner(&mut effects, group, id));
        // Whoever is told that an entry is pending that is not there drops it, whoever owned it.
        let gone = Pending { delivered_ms: now_ms, deliveries: 1, consumer: to };
        done.dropped.iter().for_each(|&id| effects.pending(group, id, gone));
        if is_new && done.claimed.is_empty() {
            effects.created(consumer);
        }
        reply.array(3);
        write_id(reply, done.cursor);
        write_claimed(reply, log, &done.claimed, just_id);
        reply.array(done.dropped.len());
        done.dropped.iter().for_each(|&id| write_id(reply, id));
        is_new
    });
    if is_new {
        ctx.keys.changed(&key, event::XGROUP_CREATECONSUMER);
    }
    effects.say(&mut ctx.keys);
    Ok(())
}

fn tell_owner(effects: &mut GroupEffects<'_>, group: &Group, id: StreamId) {
    let pending = *group.pending(id).expect("it was claimed");
    effects.pending(group, id, pending);
}
