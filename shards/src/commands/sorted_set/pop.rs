//! Members taken from an end: ZPOPMIN, ZPOPMAX, ZMPOP.

use std::ops::Range;

use super::reply::{write_header, write_item};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::error::CommandError;
use crate::event;
use crate::key::Key;
use crate::num;
use crate::object::DataType;
use crate::values::sorted_set::{View, remove_ranks, removed};

type Done = Result<(), CommandError>;

/// The end of a set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
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
    let key = ctx.key(args, 1);
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
    /// Flat, inside an array that has been begun.
    Bare,
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
        Shape::Bare => {}
        Shape::Flat => reply.array(count * 2),
        Shape::Pairs => reply.array(count),
        Shape::ByProtocol => write_header(reply, count, true),
    }
    set.visit(ranks.clone(), end == End::Max, |member, score| match shape {
        Shape::ByProtocol => write_item(reply, member, score, true),
        Shape::Flat | Shape::Bare | Shape::Pairs => {
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

/// Pops one member of a set that is there, named with its key, as BZPOPMIN does.
pub(super) fn pop_with_name(ctx: &mut Ctx<'_>, key: &Key<'_>, end: End) {
    ctx.reply.array(3);
    ctx.reply.bulk(key.bytes);
    pop(ctx, key, end, 1, Shape::Bare);
}

/// All keys lie on this shard: a transaction has brought them here when they live on several.
pub(super) fn zmpop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let wanted = parse_zmpop(args, 1)?;
    pop_first(ctx, args, &wanted).map(|_| ())
}

/// What ZMPOP is asked for.
pub(super) struct Zmpop {
    keys: Range<usize>,
    end: End,
    count: usize,
}

/// The arguments of ZMPOP and BZMPOP from the number of keys on, which is argument `at`.
pub(super) fn parse_zmpop(args: Args<'_>, at: usize) -> Result<Zmpop, CommandError> {
    let positive = |at: usize, text: &'static str| {
        let number = num::parse_i64(args.get(at)).filter(|&number| number > 0);
        number.and_then(|number| usize::try_from(number).ok()).ok_or(CommandError::other(text))
    };
    let key_count = positive(at, "ERR numkeys should be greater than 0")?;
    let end_at = key_count.checked_add(at + 1).filter(|&end| end < args.len()).ok_or(CommandError::Syntax)?;
    let end = if args[end_at].eq_ignore_ascii_case(b"min") {
        End::Min
    } else if args[end_at].eq_ignore_ascii_case(b"max") {
        End::Max
    } else {
        return Err(CommandError::Syntax);
    };
    let mut count = None;
    let mut option_at = end_at + 1;
    while option_at < args.len() {
        let is_count = args[option_at].eq_ignore_ascii_case(b"count");
        if count.is_some() || !is_count || option_at + 1 == args.len() {
            return Err(CommandError::Syntax);
        }
        count = Some(positive(option_at + 1, "ERR count should be greater than 0")?);
        option_at += 2;
    }
    Ok(Zmpop { keys: at + 1..end_at, end, count: count.unwrap_or(1) })
}

/// Takes members from the first set that is there. False when none is, which the reply says.
pub(super) fn pop_first(ctx: &mut Ctx<'_>, args: Args<'_>, wanted: &Zmpop) -> Result<bool, CommandError> {
    let &Zmpop { ref keys, end, count } = wanted;
    for index in keys.clone() {
        let key = ctx.key(args, index);
        if let Some(entry) = ctx.keys.write_typed(&key, DataType::SortedSet)? {
            let taken = View::of(entry.view()).len().min(count);
            ctx.reply.array(2);
            ctx.reply.bulk(key.bytes);
            pop(ctx, &key, end, count, Shape::Pairs);
            let name: &[u8] = if end == End::Min { b"ZPOPMIN" } else { b"ZPOPMAX" };
            let mut digits = itoa::Buffer::new();
            ctx.keys.effect([name, key.bytes, digits.format(taken).as_bytes()]);
            return Ok(true);
        }
    }
    ctx.reply.null_array();
    Ok(false)
}
