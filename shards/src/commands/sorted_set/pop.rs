//! Members taken from an end: ZPOPMIN, ZPOPMAX, ZMPOP.

use super::view::{View, remove_ranks, removed, write_header, write_item};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Key;
use crate::error::CommandError;
use crate::event;
use crate::num;
use crate::object::DataType;

type Done = Result<(), CommandError>;

/// The end of a set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

pub(super) fn zpopmin(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    pop_one_key(ctx, args, End::Min)
}

pub(super) fn zpopmax(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    pop_one_key(ctx, args, End::Max)
}

fn pop_one_key(ctx: &mut Ctx<'_>, args: Args<'_>, end: End) -> Done {
    let count = match args.len() {
        2 => None,
        3 => {
            let count = num::parse_i64(args.get(2)).and_then(|count| usize::try_from(count).ok());
            Some(count.ok_or(CommandError::other("ERR value is out of range, must be positive"))?)
        }
        _ => return Err(CommandError::Syntax),
    };
    let key = ctx.only_key(args, 1);
    if ctx.keys.write_typed(&key, DataType::SortedSet)?.is_none() || count == Some(0) {
        ctx.reply.array(0);
        return Ok(());
    }
    // Without a count RESP3 has no pair inside the array either.
    pop(ctx, &key, end, count.unwrap_or(1), if count.is_some() { Shape::ByProtocol } else { Shape::Flat });
    Ok(())
}

/// How members and scores are put into the reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Flat,
    Pairs,
    /// Pairs in RESP3 only.
    ByProtocol,
}

/// Pops up to `count` members of a set that is there.
fn pop(ctx: &mut Ctx<'_>, key: &Key<'_>, end: End, count: usize, shape: Shape) {
    let mut entry = ctx.keys.write(key).expect("the caller has found it");
    let set = View::of(entry.view());
    let len = set.len();
    let count = count.min(len);
    let ranks = if end == End::Min { 0..count } else { len - count..len };
    let reply = &mut *ctx.reply;
    match shape {
        Shape::Flat => reply.array(count * 2),
        Shape::Pairs => reply.array(count),
        Shape::ByProtocol => write_header(reply, count, true),
    }
    set.visit(ranks.clone(), end == End::Max, |member, score| match shape {
        Shape::ByProtocol => write_item(reply, member, score, true),
        Shape::Flat | Shape::Pairs => {
            if shape == Shape::Pairs {
                reply.array(2);
            }
            write_item(reply, member, score, false);
            reply.double(score);
        }
    });
    let is_anything_left = remove_ranks(&mut entry, ranks);
    let event = if end == End::Min { event::ZPOPMIN } else { event::ZPOPMAX };
    removed(&mut ctx.keys, key, event, is_anything_left);
}

/// All keys lie on this shard: a transaction has brought them here when they live on several.
pub(super) fn zmpop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let positive = |at: usize, text: &'static str| {
        let number = num::parse_i64(args.get(at)).filter(|&number| number > 0);
        number.and_then(|number| usize::try_from(number).ok()).ok_or(CommandError::other(text))
    };
    let key_count = positive(1, "ERR numkeys should be greater than 0")?;
    let end_at = key_count.checked_add(2).filter(|&at| at < args.len()).ok_or(CommandError::Syntax)?;
    let end = if args[end_at].eq_ignore_ascii_case(b"min") {
        End::Min
    } else if args[end_at].eq_ignore_ascii_case(b"max") {
        End::Max
    } else {
        return Err(CommandError::Syntax);
    };
    let mut count = None;
    let mut at = end_at + 1;
    while at < args.len() {
        if count.is_some() || !args[at].eq_ignore_ascii_case(b"count") || at + 1 == args.len() {
            return Err(CommandError::Syntax);
        }
        count = Some(positive(at + 1, "ERR count should be greater than 0")?);
        at += 2;
    }
    for index in 2..end_at {
        let key = ctx.key(args, index);
        if ctx.keys.write_typed(&key, DataType::SortedSet)?.is_some() {
            ctx.reply.array(2);
            ctx.reply.bulk(key.bytes);
            pop(ctx, &key, end, count.unwrap_or(1), Shape::Pairs);
            return Ok(());
        }
    }
    ctx.reply.null_array();
    Ok(())
}
