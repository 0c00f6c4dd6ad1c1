//! Entries behind those that were seen already, of several streams: XREAD, XREADGROUP.
//!
//! All keys lie on this shard: a transaction has brought them here when they live on several.

use super::group_effects::GroupEffects;
use super::value::{
    Done, exact_id, integer, limit_of, no_key_or_group, write_entries, write_entry, write_id,
};
use crate::args::{Args, OwnedArgs};
use crate::blocking::{Block, parse_timeout_ms};
use crate::command::KeySpec;
use crate::command::keys::{self, KeyPosition};
use crate::ctx::Ctx;
use crate::encoding::stream::{ConsumerId, Group, Log, Stream, StreamEntry, StreamId};
use crate::error::CommandError;
use crate::event;
use crate::object::DataType;
use crate::reply::Reply;
use crate::values::stream::{change, stream_of};

/// Which of the two commands is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Read,
    ReadGroup,
}

/// A command that is understood.
struct Request<'a> {
    /// The argument with the first key. Behind the keys come as many ids.
    first_key: usize,
    key_count: usize,
    limit: usize,
    /// How long to wait, if the command would.
    block_ms: Option<u64>,
    /// The names of group and consumer; empty for XREAD.
    group: &'a [u8],
    consumer: &'a [u8],
    no_ack: bool,
}

impl<'a> Request<'a> {
    fn parse(args: Args<'a>, form: Form, now_ms: u64) -> Result<Request<'a>, CommandError> {
        let (mut count, mut block_ms, mut no_ack) = (None, None, false);
        let mut group = None;
        let mut at = 1;
        let first_key = loop {
            if at >= args.len() {
                return Err(CommandError::Syntax);
            }
            let left = args.len() - 1 - at;
            let is = |name: &[u8]| args[at].eq_ignore_ascii_case(name);
            if left > 0 && is(b"block") {
                block_ms = Some(parse_timeout_ms(args.get(at + 1), now_ms)?);
                at += 2;
            } else if left > 0 && is(b"count") {
                count = Some(integer(args.get(at + 1))?);
                at += 2;
            } else if left > 0 && is(b"streams") {
                break at + 1;
            } else if left >= 2 && is(b"group") {
                if form == Form::Read {
                    return Err(only_of_groups("GROUP"));
                }
                group = Some((args.get(at + 1), args.get(at + 2)));
                at += 3;
            } else if is(b"noack") {
                if form == Form::Read {
                    return Err(only_of_groups("NOACK"));
                }
                no_ack = true;
                at += 1;
            } else {
                return Err(CommandError::Syntax);
            }
        };
        let key_count = (args.len() - first_key) / 2;
        if !(args.len() - first_key).is_multiple_of(2) {
            return Err(unbalanced(form));
        }
        if form == Form::ReadGroup && group.is_none() {
            return Err(CommandError::other("ERR Missing GROUP option for XREADGROUP"));
        }
        let (group, consumer) = group.unwrap_or_default();
        Ok(Request { first_key, key_count, limit: limit_of(count), block_ms, group, consumer, no_ack })
    }

    /// The argument with the id for the key of this number.
    fn id_at(&self, number: usize) -> usize {
        self.first_key + self.key_count + number
    }
}

fn only_of_groups(option: &str) -> CommandError {
    let text = format!("ERR The {option} option is only supported by XREADGROUP. You called XREAD instead.");
    CommandError::other(text)
}

fn unbalanced(form: Form) -> CommandError {
    let (name, mark) = if form == Form::Read { ("xread", '$') } else { ("xreadgroup", '>') };
    let text = format!(
        "ERR Unbalanced '{name}' list of streams: for each stream key an ID or '{mark}' must be specified."
    );
    CommandError::other(text)
}

/// Where the keys are by rule: behind the first word STREAMS that cannot be a name in its usual place.
pub(super) const GROUP_KEYS: KeySpec = KeySpec::behind("STREAMS", 4, keys::RO | keys::ACCESS).first_half();

/// Finds the keys of XREADGROUP. The rule takes a group of the name `streams` for the option when other
/// options stand before GROUP.
pub(super) fn find_keys(args: Args<'_>, found: &mut Vec<KeyPosition>) {
    // Neither the form of a timeout nor the time matters for where the keys are.
    match Request::parse(args, Form::ReadGroup, 0) {
        Ok(Request { first_key, key_count, .. }) => {
            let indexes = first_key..first_key + key_count;
            found.extend(indexes.map(|index| KeyPosition { index, flags: GROUP_KEYS.flags, db: None }));
        }
        Err(_) => {
            let before = found.len();
            if !GROUP_KEYS.positions(args, found) {
                found.truncate(before);
            }
        }
    }
}

pub(super) fn xread(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let request = Request::parse(args, Form::Read, ctx.keys.now_ms())?;
    let mut seen = Vec::with_capacity(request.key_count);
    for number in 0..request.key_count {
        let key = ctx.key(args, request.first_key + number);
        let stream = ctx.keys.read_typed(&key, DataType::Stream)?.map(stream_of);
        seen.push(match args.get(request.id_at(number)) {
            b"$" => stream.map_or(StreamId::MIN, |stream| stream.log.last_id()),
            b">" => {
                let text = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP \
                    <group> <consumer> option.";
                return Err(CommandError::other(text));
            }
            text => exact_id(text)?,
        });
    }
    let mut served = Vec::new();
    for (number, seen) in seen.iter().enumerate() {
        let key = ctx.key(args, request.first_key + number);
        let last = ctx.keys.read(&key).and_then(|entry| stream_of(entry).log.last());
        if last.is_some_and(|last| last.id > *seen) {
            served.push((key, seen.next().expect("an entry has a greater id")));
        }
    }
    if served.is_empty() {
        wait(ctx, args, &request, Form::Read, &seen);
        return Ok(());
    }
    write_streams_header(ctx.reply, served.len());
    for (key, start) in served {
        let entry = ctx.keys.view(&key).expect("it was read just now");
        write_stream_name(ctx.reply, key.bytes);
        write_entries(ctx.reply, stream_of(entry).log.range(start, StreamId::MAX), request.limit);
    }
    Ok(())
}

/// The header of a list of streams with their entries: a map, in RESP2 pairs.
fn write_streams_header(reply: &mut Reply, len: usize) {
    if reply.is_resp3() {
        reply.map(len);
    } else {
        reply.array(len);
    }
}

fn write_stream_name(reply: &mut Reply, name: &[u8]) {
    if !reply.is_resp3() {
        reply.array(2);
    }
    reply.bulk(name);
}

/// There is nothing for the client: the reply of the timeout, and what the command would wait for.
fn wait(ctx: &mut Ctx<'_>, args: Args<'_>, request: &Request<'_>, form: Form, seen: &[StreamId]) {
    ctx.reply.null_array();
    let Some(timeout_ms) = request.block_ms else { return };
    let wakes_on_removal = form == Form::ReadGroup;
    let is_from_now = |number| form == Form::Read && &args[request.id_at(number)] == b"$";
    // Run again it must find what has come since now, not what comes since then.
    let resolved = (0..request.key_count).any(is_from_now).then(|| {
        let mut resolved = OwnedArgs::default();
        for at in 0..args.len() {
            match at.checked_sub(request.id_at(0)).filter(|&number| is_from_now(number)) {
                Some(number) => resolved.push(seen[number].to_string().as_bytes()),
                None => resolved.push_value(args.value(at)),
            }
        }
        resolved
    });
    ctx.keys.block(Block { timeout_ms, wanted: DataType::Stream, wakes_on_removal, args: resolved });
}

/// What a consumer asks for.
#[derive(Clone, Copy)]
enum Wanted {
    /// What nobody of the group has got yet: `>`.
    New,
    /// Its own pending entries behind this id.
    History(StreamId),
}

pub(super) fn xreadgroup(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let request = Request::parse(args, Form::ReadGroup, ctx.keys.now_ms())?;
    let mut wanted = Vec::with_capacity(request.key_count);
    for number in 0..request.key_count {
        let key = ctx.key(args, request.first_key + number);
        let stream = ctx.keys.read_typed(&key, DataType::Stream)?.map(stream_of);
        if stream.and_then(|stream| stream.groups.get(request.group)).is_none() {
            return Err(no_key_or_group(key.bytes, request.group, " in XREADGROUP with GROUP option"));
        }
        wanted.push(match args.get(request.id_at(number)) {
            b">" => Wanted::New,
            b"$" => return Err(meaningless()),
            text => match exact_id(text)? {
                StreamId::MAX => Wanted::New,
                id => Wanted::History(id),
            },
        });
    }
    // How many streams have something is known when the last one has been read: a key may come twice.
    let mut parts = Reply::new(ctx.reply.is_resp3());
    let mut served = 0;
    for (number, wanted) in wanted.into_iter().enumerate() {
        served += usize::from(read_group(ctx, args, &request, number, wanted, &mut parts));
    }
    if served == 0 {
        wait(ctx, args, &request, Form::ReadGroup, &[]);
    } else {
        write_streams_header(ctx.reply, served);
        ctx.reply.append(parts.bytes(), parts.blobs());
    }
    Ok(())
}

fn meaningless() -> CommandError {
    CommandError::other(
        "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
            consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just \
            return an empty result set.",
    )
}

/// Serves one stream of XREADGROUP, if there is something for the consumer, and says whether.
fn read_group(
    ctx: &mut Ctx<'_>,
    args: Args<'_>,
    request: &Request<'_>,
    number: usize,
    wanted: Wanted,
    reply: &mut Reply,
) -> bool {
    let key = ctx.key(args, request.first_key + number);
    let now_ms = ctx.keys.now_ms();
    // Counts a hit once more, as Redis does.
    ctx.keys.read(&key);
    let mut effects = GroupEffects::new(&ctx.keys, key, request.group);
    let (is_new, is_served) = change(&mut ctx.keys, &key, |Stream { log, groups }| {
        let group = groups.get_mut(request.group).expect("the group was looked up");
        let (consumer, is_new) = group.see_consumer(request.consumer, now_ms);
        let is_served = match wanted {
            Wanted::History(seen) => {
                write_stream_name(reply, key.bytes);
                let from = seen.next().expect("the last id asks for what is new");
                write_history(reply, &mut effects, log, group, consumer, from, request.limit, now_ms);
                true
            }
            Wanted::New if log.last().is_some_and(|last| last.id > group.last_id()) => {
                write_stream_name(reply, key.bytes);
                let from = group.last_id().next().expect("an entry has a greater id");
                let entries: Vec<StreamEntry<'_>> =
                    log.range(from, StreamId::MAX).take(request.limit).collect();
                if is_new && request.no_ack {
                    effects.created(request.consumer);
                }
                reply.array(entries.len());
                for entry in entries {
                    group.deliver(log, entry.id, consumer, request.no_ack, now_ms);
                    write_entry(reply, entry);
                    if let Some(pending) = group.pending(entry.id).filter(|_| !request.no_ack) {
                        effects.pending(group, entry.id, *pending);
                    }
                }
                effects.moved(group);
                true
            }
            Wanted::New => false,
        };
        let is_told = matches!(wanted, Wanted::New) && is_served;
        if is_new && !is_told {
            effects.created(request.consumer);
        }
        (is_new, is_served)
    });
    if is_new {
        ctx.keys.changed(&key, event::XGROUP_CREATECONSUMER);
    }
    effects.say(&mut ctx.keys);
    is_served
}

/// The pending entries of a consumer, which count as delivered once more. Those that were deleted have no
/// fields.
#[expect(clippy::too_many_arguments, reason = "what the one caller knows, at one place of a closure")]
fn write_history(
    reply: &mut Reply,
    effects: &mut GroupEffects<'_>,
    log: &Log,
    group: &mut Group,
    consumer: ConsumerId,
    from: StreamId,
    limit: usize,
    now_ms: u64,
) {
    let pending = group.pending_range_of(consumer, from, StreamId::MAX, 0, now_ms);
    let ids: Vec<StreamId> = pending.map(|(id, _)| id).take(limit).collect();
    reply.array(ids.len());
    for id in ids {
        let Some(entry) = log.get(id) else {
            reply.array(2);
            write_id(reply, id);
            reply.null_array();
            continue;
        };
        group.redeliver(id, now_ms);
        write_entry(reply, entry);
        if let Some(pending) = group.pending(id) {
            effects.pending(group, id, *pending);
        }
    }
}
