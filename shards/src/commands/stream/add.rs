//! Entries added at the end and trimmed at the front: XADD, XTRIM.

use super::value::{Done, exact_id, id_or_error, integer};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::stream::{AppendError, BlockLimits, Keep, Log, NewId, Stream, StreamId, StreamTrim};
use crate::entry::{Expire, NewValue};
use crate::error::CommandError;
use crate::event;
use crate::keyspace::Keyspace;
use crate::object::{DataType, Object};
use crate::values::stream::stream_mut;

/// Which of the two commands is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Add,
    Trim,
}

/// The options of XADD and XTRIM.
struct Options {
    no_mkstream: bool,
    trim: Option<StreamTrim>,
    /// XADD: the argument with the id. The number of arguments when there is none.
    id_at: usize,
    id: NewId,
}

/// Entries that approximate trimming without LIMIT may remove, in blocks (Redis:
/// streamParseAddOrTrimArgsOrReply).
const BLOCKS_TRIMMED_MAX: u64 = 100;
/// The same in entries, when blocks have no limit of entries.
const TRIMMED_WITHOUT_LIMIT: u64 = 10_000;
/// Entries that approximate trimming without LIMIT removes at most.
const TRIMMED_MAX: u64 = 1_000_000;

impl Options {
    fn parse(args: Args<'_>, form: Form, node_entries_max: u64) -> Result<Options, CommandError> {
        let mut no_mkstream = false;
        let (mut keep, mut approximate, mut limit) = (None, false, None);
        let mut id = NewId::Auto;
        let mut at = 2;
        while at < args.len() {
            let (word, left) = (&args[at], args.len() - 1 - at);
            let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
            let takes_value = left > 0;
            if takes_value && (is(b"maxlen") || is(b"minid")) {
                if keep.is_some() {
                    let text =
                        "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
                    return Err(CommandError::other(text));
                }
                let is_marked = left >= 2 && matches!(&args[at + 1], b"~" | b"=");
                approximate = is_marked && &args[at + 1] == b"~";
                at += 1 + usize::from(is_marked);
                keep = Some(if is(b"maxlen") {
                    let len = u64::try_from(integer(args.get(at))?);
                    Keep::Len(len.map_err(|_| CommandError::other("ERR The MAXLEN argument must be >= 0."))?)
                } else {
                    Keep::From(exact_id(args.get(at))?)
                });
            } else if takes_value && is(b"limit") {
                at += 1;
                let given = u64::try_from(integer(args.get(at))?);
                let negative = |_| CommandError::other("ERR The LIMIT argument must be >= 0.");
                limit = Some(given.map_err(negative)?);
            } else if form == Form::Trim {
                return Err(CommandError::Syntax);
            } else if is(b"nomkstream") {
                no_mkstream = true;
            } else {
                id = id_or_error(NewId::parse(word))?;
                break;
            }
            at += 1;
        }
        let trim = trim(keep, approximate, limit, form, node_entries_max)?;
        Ok(Options { no_mkstream, trim, id_at: at, id })
    }
}

/// What the options about trimming mean together.
fn trim(
    keep: Option<Keep>,
    approximate: bool,
    limit: Option<u64>,
    form: Form,
    node_entries_max: u64,
) -> Result<Option<StreamTrim>, CommandError> {
    let syntax = |text: &'static str| Err(CommandError::other(text));
    if limit.is_some_and(|limit| limit > 0) && keep.is_none() {
        return syntax("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
    }
    if form == Form::Trim && keep.is_none() {
        return syntax("ERR syntax error, XTRIM must be called with a trimming strategy");
    }
    if limit.is_some() && !approximate {
        return syntax("ERR syntax error, LIMIT cannot be used without the special ~ option");
    }
    let default_limit = match node_entries_max.saturating_mul(BLOCKS_TRIMMED_MAX) {
        0 => TRIMMED_WITHOUT_LIMIT,
        entries => entries.min(TRIMMED_MAX),
    };
    let limit = limit.unwrap_or(if approximate { default_limit } else { 0 });
    Ok(keep.map(|keep| StreamTrim { keep, approximate, limit }))
}

/// What has been trimmed already, as an exact option that trims the same.
struct Trimmed {
    name: &'static [u8],
    value: Vec<u8>,
}

impl Trimmed {
    fn of(trim: StreamTrim, log: &Log) -> Trimmed {
        match trim.keep {
            Keep::Len(_) => Trimmed { name: b"MAXLEN", value: log.len().to_string().into_bytes() },
            Keep::From(_) => {
                let first = if log.is_empty() { StreamId::MAX } else { log.first_id() };
                Trimmed { name: b"MINID", value: first.to_string().into_bytes() }
            }
        }
    }

    fn args(&self) -> [&[u8]; 3] {
        [self.name, b"=", &self.value]
    }
}

/// When blocks are full.
fn block_limits(keys: &Keyspace<'_>) -> BlockLimits {
    let limits = keys.limits();
    BlockLimits { bytes_max: limits.stream_node_bytes_max, entries_max: limits.stream_node_entries_max }
}

/// What XADD did.
struct Added {
    id: StreamId,
    removed: u64,
    /// How the trimming is told to others, when it was not exact.
    trimmed: Option<Trimmed>,
}

pub(super) fn xadd(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let options = Options::parse(args, Form::Add, ctx.keys.limits().stream_node_entries_max)?;
    let fields_at = options.id_at + 1;
    if args.len() < fields_at + 2 || !(args.len() - fields_at).is_multiple_of(2) {
        return Err(CommandError::WrongArity("xadd".into()));
    }
    if options.id == NewId::Exact(StreamId::MIN) {
        return Err(CommandError::other("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let (now_ms, limits) = (ctx.keys.now_ms(), block_limits(&ctx.keys));
    let add = |stream: &mut Stream| -> Result<Added, CommandError> {
        let fields = (fields_at..args.len()).step_by(2).map(|at| (args.get(at), args.get(at + 1)));
        let id = stream.log.append(options.id, now_ms, fields, limits).map_err(append_error)?;
        let removed = options.trim.map_or(0, |trim| stream.log.trim(trim));
        let inexact = options.trim.filter(|trim| trim.approximate);
        Ok(Added { id, removed, trimmed: inexact.map(|trim| Trimmed::of(trim, &stream.log)) })
    };
    let key = ctx.key(args, 1);
    let added = match ctx.keys.write_typed(&key, DataType::Stream)? {
        Some(mut entry) => entry.with_object(|object| add(stream_mut(object)))?,
        None if options.no_mkstream => {
            ctx.reply.null();
            return Ok(());
        }
        None => {
            let mut stream = Stream::default();
            let added = add(&mut stream)?;
            ctx.keys.add(&key, NewValue::Object(Box::new(Object::Stream(stream))), Expire::Clear);
            added
        }
    };
    let mut buffer = [0; StreamId::TEXT_BYTES_MAX];
    let id = added.id.text(&mut buffer);
    ctx.reply.bulk(id);
    ctx.keys.changed(&key, event::XADD);
    if added.removed > 0 {
        ctx.keys.notify(&key, event::XTRIM);
    }
    if let Some(trimmed) = &added.trimmed {
        let head = [&b"XADD"[..], key.bytes].into_iter().chain(trimmed.args()).chain([id]);
        ctx.keys.effect(head.chain(args.iter_from(fields_at)));
    } else if !matches!(options.id, NewId::Exact(_)) {
        let as_sent = args.iter_from(0).enumerate();
        ctx.keys.effect(as_sent.map(|(at, arg)| if at == options.id_at { id } else { arg }));
    }
    Ok(())
}

fn append_error(error: AppendError) -> CommandError {
    CommandError::other(match error {
        AppendError::Exhausted => {
            "ERR The stream has exhausted the last possible ID, unable to add more items"
        }
        AppendError::NotGreater => {
            "ERR The ID specified in XADD is equal or smaller than the target stream top item"
        }
        AppendError::TooLarge => "ERR Elements are too large to be stored",
    })
}

pub(super) fn xtrim(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let options = Options::parse(args, Form::Trim, ctx.keys.limits().stream_node_entries_max)?;
    let trim = options.trim.expect("XTRIM without a strategy was refused");
    let key = ctx.key(args, 1);
    let Some(mut entry) = ctx.keys.write_typed(&key, DataType::Stream)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let (removed, trimmed) = entry.with_object(|object| {
        let log = &mut stream_mut(object).log;
        (log.trim(trim), Trimmed::of(trim, log))
    });
    ctx.reply.int(removed as i64);
    if removed > 0 {
        ctx.keys.changed(&key, event::XTRIM);
        if trim.approximate {
            ctx.keys.effect([&b"XTRIM"[..], key.bytes].into_iter().chain(trimmed.args()));
        }
    }
    Ok(())
}
