//! What was delivered and is not acknowledged yet: XACK, XPENDING.

use super::value::{Done, exact_id, integer, limit_of, no_key_or_group, range_end, range_start, write_id};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::stream::{Group, Pending, StreamId};
use crate::error::CommandError;
use crate::object::DataType;
use crate::reply::Reply;
use crate::values::stream::{change, stream_of};

pub(super) fn xack(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let (key, name) = (ctx.key(args, 1), args.get(2));
    let stream = ctx.keys.read_typed(&key, DataType::Stream)?.map(stream_of);
    if stream.and_then(|stream| stream.groups.get(name)).is_none() {
        ctx.reply.int(0);
        return Ok(());
    }
    let ids = args.iter_from(3).map(exact_id).collect::<Result<Vec<_>, _>>()?;
    let acknowledged = change(&mut ctx.keys, &key, |stream| {
        let group = stream.groups.get_mut(name).expect("the group was looked up");
        ids.into_iter().filter(|&id| group.acknowledge(id)).count()
    });
    if acknowledged > 0 {
        ctx.keys.changed_without_event();
    }
    ctx.reply.len_int(acknowledged);
    Ok(())
}

/// Which pending entries XPENDING shows.
struct Shown<'a> {
    idle_ms_min: u64,
    start: StreamId,
    end: StreamId,
    limit: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Shown<'a> {
    /// Reads `[IDLE min-idle-time] start end count [consumer]` from argument 3 on.
    fn parse(args: Args<'a>) -> Result<Shown<'a>, CommandError> {
        if !(6..=9).contains(&args.len()) {
            return Err(CommandError::Syntax);
        }
        let (mut at, mut idle_ms_min) = (3, 0);
        if args[3].eq_ignore_ascii_case(b"idle") {
            idle_ms_min = u64::try_from(integer(args.get(4))?).unwrap_or(0);
            if args.len() < 8 {
                return Err(CommandError::Syntax);
            }
            at = 5;
        }
        let count = integer(args.get(at + 2))?;
        let (start, end) = (range_start(args.get(at))?, range_end(args.get(at + 1))?);
        let limit = if count > 0 { limit_of(Some(count)) } else { 0 };
        let consumer = (at + 3 < args.len()).then(|| args.get(at + 3));
        Ok(Shown { idle_ms_min, start, end, limit, consumer })
    }
}

pub(super) fn xpending(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let shown = if args.len() == 3 { None } else { Some(Shown::parse(args)?) };
    let (key, name, now_ms) = (ctx.key(args, 1), args.get(2), ctx.keys.now_ms());
    let stream = ctx.keys.read_typed(&key, DataType::Stream)?.map(stream_of);
    let group = stream.and_then(|stream| stream.groups.get(name));
    let group = group.ok_or_else(|| no_key_or_group(key.bytes, name, ""))?;
    match shown {
        None => write_summary(ctx.reply, group),
        Some(shown) => write_pending(ctx.reply, group, &shown, now_ms),
    }
    Ok(())
}

fn write_summary(reply: &mut Reply, group: &Group) {
    reply.array(4);
    reply.len_int(group.pending_len());
    let Some((first, last)) = group.pending_bounds() else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    write_id(reply, first);
    write_id(reply, last);
    let owners = || group.consumers().filter(|consumer| consumer.pending_len() > 0);
    reply.array(owners().count());
    for owner in owners() {
        reply.array(2);
        reply.bulk(owner.name());
        reply.bulk_int(owner.pending_len() as i64);
    }
}

fn write_pending(reply: &mut Reply, group: &Group, shown: &Shown<'_>, now_ms: u64) {
    let &Shown { idle_ms_min, start, end, limit, consumer } = shown;
    let consumer = consumer.map(|name| group.find_consumer(name));
    let found: Vec<(StreamId, &Pending)> = match consumer {
        _ if start > end => Vec::new(),
        // There is no consumer of this name.
        Some(None) => Vec::new(),
        Some(Some(consumer)) => {
            group.pending_range_of(consumer, start, end, idle_ms_min, now_ms).take(limit).collect()
        }
        None => group.pending_range(start, end, idle_ms_min, now_ms).take(limit).collect(),
    };
    reply.array(found.len());
    for (id, pending) in found {
        reply.array(4);
        write_id(reply, id);
        reply.bulk(group.consumer(pending.consumer).name());
        reply.int(pending.idle_ms(now_ms) as i64);
        reply.int(pending.deliveries as i64);
    }
}
