//! Entries between two ids: XRANGE, XREVRANGE.

use super::value::{Done, integer, range_end, range_start, write_entries};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::error::CommandError;
use crate::object::DataType;
use crate::values::stream::stream_of;

/// From which end a range is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Back,
}

fn range(ctx: &mut Ctx<'_>, args: Args<'_>, direction: Direction) -> Done {
    let (start_at, end_at) = if direction == Direction::Forward { (2, 3) } else { (3, 2) };
    let (start, end) = (range_start(args.get(start_at))?, range_end(args.get(end_at))?);
    let mut limit = usize::MAX;
    let mut at = 4;
    while at < args.len() {
        if !args[at].eq_ignore_ascii_case(b"count") || at + 1 == args.len() {
            return Err(CommandError::Syntax);
        }
        // A count of 64 bits is more than there can be.
        limit = usize::try_from(integer(args.get(at + 1))?).unwrap_or(0);
        at += 2;
    }
    let key = ctx.key(args, 1);
    let Some(entry) = ctx.keys.read_typed(&key, DataType::Stream)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let log = &stream_of(entry).log;
    match direction {
        _ if limit == 0 => ctx.reply.null_array(),
        Direction::Forward => write_entries(ctx.reply, log.range(start, end), limit),
        Direction::Back => write_entries(ctx.reply, log.range_back(start, end), limit),
    }
    Ok(())
}

pub(super) fn xrange(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    range(ctx, args, Direction::Forward)
}

pub(super) fn xrevrange(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    range(ctx, args, Direction::Back)
}
