//! What a stream, its groups and consumers are: XINFO.

use super::value::{
    Done, integer, limit_of, no_group, subcommand_syntax, write_entries, write_entry, write_id,
};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::stream::{Consumer, Group, Log, Stream, StreamId};
use crate::error::CommandError;
use crate::key::Key;
use crate::object::DataType;
use crate::reply::Reply;
use crate::values::stream::stream_of;

/// Entries and pending entries that XINFO STREAM FULL shows without COUNT.
const FULL_COUNT: i64 = 10;

/// The stream at argument 2.
fn stream_at<'a>(ctx: &'a mut Ctx<'_>, args: Args<'_>) -> Result<(&'a Stream, &'a mut Reply), CommandError> {
    let key: Key<'_> = ctx.key(args, 2);
    let entry = ctx.keys.read_typed(&key, DataType::Stream)?.ok_or(CommandError::NoSuchKey)?;
    Ok((stream_of(entry), ctx.reply))
}

/// How many entries FULL shows; none without FULL.
fn full_limit(args: Args<'_>) -> Result<Option<usize>, CommandError> {
    let wrong = || subcommand_syntax(args.get(1), "XINFO");
    match args.len() {
        3 => return Ok(None),
        4 | 6 if args[3].eq_ignore_ascii_case(b"full") => {}
        _ => return Err(wrong()),
    }
    if args.len() == 4 {
        return Ok(Some(limit_of(Some(FULL_COUNT))));
    }
    if !args[4].eq_ignore_ascii_case(b"count") {
        return Err(wrong());
    }
    let count = integer(args.get(5))?;
    Ok(Some(limit_of(Some(if count < 0 { FULL_COUNT } else { count }))))
}

pub(super) fn stream(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let now_ms = ctx.keys.now_ms();
    let (stream, reply) = stream_at(ctx, args)?;
    let full = full_limit(args)?;
    let (log, groups) = (&stream.log, &stream.groups);
    reply.map(if full.is_some() { 9 } else { 10 });
    write_counters(reply, log);
    let Some(limit) = full else {
        reply.bulk(b"groups");
        reply.len_int(groups.len());
        for (name, entry) in [(&b"first-entry"[..], log.first()), (b"last-entry", log.last())] {
            reply.bulk(name);
            match entry {
                Some(entry) => write_entry(reply, entry),
                None => reply.null(),
            }
        }
        return Ok(());
    };
    reply.bulk(b"entries");
    write_entries(reply, log.range(StreamId::MIN, StreamId::MAX), limit);
    reply.bulk(b"groups");
    reply.array(groups.len());
    for group in groups.iter() {
        write_full_group(reply, log, group, limit, now_ms);
    }
    Ok(())
}

/// The seven pairs that XINFO STREAM has with and without FULL.
fn write_counters(reply: &mut Reply, log: &Log) {
    let counters = log.counters();
    let numbers = [
        (&b"length"[..], counters.len),
        (b"radix-tree-keys", log.block_count() as u64),
        (b"radix-tree-nodes", log.radix_tree_nodes() as u64),
    ];
    for (name, number) in numbers {
        reply.bulk(name);
        reply.int(number as i64);
    }
    reply.bulk(b"last-generated-id");
    write_id(reply, counters.last_id);
    reply.bulk(b"max-deleted-entry-id");
    write_id(reply, counters.max_deleted_id);
    reply.bulk(b"entries-added");
    reply.int(counters.entries_added as i64);
    reply.bulk(b"recorded-first-entry-id");
    write_id(reply, counters.first_id);
}

/// How far a group has come: the pairs about that.
fn write_progress(reply: &mut Reply, log: &Log, group: &Group) {
    reply.bulk(b"last-delivered-id");
    write_id(reply, group.last_id());
    for (name, number) in [(&b"entries-read"[..], group.entries_read()), (b"lag", group.lag(log))] {
        reply.bulk(name);
        match number {
            Some(number) => reply.int(number),
            None => reply.null(),
        }
    }
}

fn write_full_group(reply: &mut Reply, log: &Log, group: &Group, limit: usize, now_ms: u64) {
    reply.map(7);
    reply.bulk(b"name");
    reply.bulk(group.name());
    write_progress(reply, log, group);
    reply.bulk(b"pel-count");
    reply.len_int(group.pending_len());
    reply.bulk(b"pending");
    reply.array(group.pending_len().min(limit));
    for (id, pending) in group.pending_range(StreamId::MIN, StreamId::MAX, 0, now_ms).take(limit) {
        reply.array(4);
        write_id(reply, id);
        reply.bulk(group.consumer(pending.consumer).name());
        reply.int(pending.delivered_ms as i64);
        reply.int(pending.deliveries as i64);
    }
    reply.bulk(b"consumers");
    reply.array(group.consumers().len());
    for consumer in group.consumers() {
        write_full_consumer(reply, group, consumer, limit);
    }
}

fn write_full_consumer(reply: &mut Reply, group: &Group, consumer: &Consumer, limit: usize) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    reply.bulk(b"seen-time");
    reply.int(consumer.seen_ms() as i64);
    reply.bulk(b"active-time");
    reply.int(consumer.active_ms().map_or(-1, |active_ms| active_ms as i64));
    reply.bulk(b"pel-count");
    reply.len_int(consumer.pending_len());
    reply.bulk(b"pending");
    reply.array(consumer.pending_len().min(limit));
    for id in consumer.pending_ids().take(limit) {
        let pending = group.pending(id).expect("a consumer's ids are pending in its group");
        reply.array(3);
        write_id(reply, id);
        reply.int(pending.delivered_ms as i64);
        reply.int(pending.deliveries as i64);
    }
}

pub(super) fn groups(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let (stream, reply) = stream_at(ctx, args)?;
    reply.array(stream.groups.len());
    for group in stream.groups.iter() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(group.name());
        reply.bulk(b"consumers");
        reply.len_int(group.consumers().len());
        reply.bulk(b"pending");
        reply.len_int(group.pending_len());
        write_progress(reply, &stream.log, group);
    }
    Ok(())
}

pub(super) fn consumers(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let now_ms = ctx.keys.now_ms();
    let (stream, reply) = stream_at(ctx, args)?;
    let group = stream.groups.get(args.get(3)).ok_or_else(|| no_group(args.get(2), args.get(3)))?;
    reply.array(group.consumers().len());
    for consumer in group.consumers() {
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        reply.bulk(b"pending");
        reply.len_int(consumer.pending_len());
        reply.bulk(b"idle");
        reply.int(consumer.idle_ms(now_ms) as i64);
        reply.bulk(b"inactive");
        reply.int(consumer.inactive_ms(now_ms).map_or(-1, |inactive_ms| inactive_ms as i64));
    }
    Ok(())
}

pub(super) fn help(ctx: &mut Ctx<'_>, _args: Args<'_>) -> Done {
    ctx.reply.array(HELP.len());
    HELP.iter().for_each(|line| ctx.reply.simple(line));
    Ok(())
}

const HELP: &[&str] = &[
    "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CONSUMERS <key> <groupname>",
    "    Show consumers of <groupname>.",
    "GROUPS <key>",
    "    Show the stream consumer groups.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    Show information about the stream.",
    "HELP",
    "    Prints this help.",
];
