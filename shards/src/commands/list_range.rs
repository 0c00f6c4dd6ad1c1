//! Parts of lists, by index: LRANGE, LINDEX, LTRIM; and where an element is: LPOS.

use std::ops::{ControlFlow, Range};

use super::list::{self, Done, bulk};
use super::list_value::{self, End, ListRef};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::listpack::Wanted;
use crate::error::CommandError;
use crate::event;
use crate::num;

pub(super) fn lrange(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let (start, stop) = parse_range(args)?;
    let key = ctx.only_key(args, 1);
    let Some(list) = list_value::read(&mut ctx.keys, &key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let indices = span(start, stop, list.len());
    ctx.reply.array(indices.len());
    list.range(indices, |value| bulk(ctx.reply, value));
    Ok(())
}

pub(super) fn lindex(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.only_key(args, 1);
    let Some(list) = list_value::read(&mut ctx.keys, &key)? else {
        ctx.reply.null();
        return Ok(());
    };
    let index = num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    if list.get(index, |value| bulk(ctx.reply, value)).is_none() {
        ctx.reply.null();
    }
    Ok(())
}

pub(super) fn ltrim(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let (start, stop) = parse_range(args)?;
    let key = ctx.only_key(args, 1);
    if let Some(mut list) = list_value::write(&mut ctx.keys, &key)? {
        let len = list.view().len();
        let kept = span(start, stop, len);
        // A list of which nothing is left goes as a whole, which the garbage can do in steps.
        if !kept.is_empty() {
            list.remove_range(kept.end..len);
            list.remove_range(0..kept.start);
            list.settle();
        }
        list::after_removal(&mut ctx.keys, &key, kept.len(), event::LTRIM);
    }
    ctx.reply.ok();
    Ok(())
}

pub(super) fn lpos(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let search = Search::parse(args)?;
    let key = ctx.only_key(args, 1);
    let Some(list) = list_value::read(&mut ctx.keys, &key)? else {
        match search.count {
            Some(_) => ctx.reply.array(0),
            None => ctx.reply.null(),
        }
        return Ok(());
    };
    let found = search.run(list);
    match (search.count, found.first()) {
        (Some(_), _) => {
            ctx.reply.array(found.len());
            found.iter().for_each(|&index| ctx.reply.len_int(index));
        }
        (None, Some(&index)) => ctx.reply.len_int(index),
        (None, None) => ctx.reply.null(),
    }
    Ok(())
}

fn parse_range(args: Args<'_>) -> Result<(i64, i64), CommandError> {
    let index = |at| num::parse_i64(args.get(at)).ok_or(CommandError::NotAnInteger);
    Ok((index(2)?, index(3)?))
}

/// The indices of a range in a list of so many elements. Negative ones count from the tail, both ends belong to the
/// range (Redis: addListRangeReply).
fn span(start: i64, stop: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_head = |index: i64| if index < 0 { (index + len).max(-1) } else { index };
    let (start, stop) = (from_head(start).max(0), from_head(stop).min(len - 1));
    if start > stop { 0..0 } else { start as usize..stop as usize + 1 }
}

/// What LPOS looks for.
struct Search<'a> {
    text: &'a [u8],
    end: End,
    /// The first match to be shown; 1 is the first one that is met.
    rank: u64,
    /// How many matches are shown, 0 being all; `None` without COUNT.
    count: Option<u64>,
    /// How many elements are looked at; 0 is all.
    len_max: u64,
}

impl<'a> Search<'a> {
    fn parse(args: Args<'a>) -> Result<Search<'a>, CommandError> {
        let (mut rank, mut count, mut len_max) = (1, None, 0);
        let mut options = args.iter_from(3);
        while let Some(option) = options.next() {
            let value = options.next().ok_or(CommandError::Syntax)?;
            let positive = |problem| {
                let number = num::parse_i64(value).and_then(|number| u64::try_from(number).ok());
                number.ok_or(CommandError::other(problem))
            };
            if option.eq_ignore_ascii_case(b"RANK") {
                rank = parse_rank(value)?;
            } else if option.eq_ignore_ascii_case(b"COUNT") {
                count = Some(positive("ERR COUNT can't be negative")?);
            } else if option.eq_ignore_ascii_case(b"MAXLEN") {
                len_max = positive("ERR MAXLEN can't be negative")?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let end = if rank < 0 { End::Tail } else { End::Head };
        Ok(Search { text: args.get(2), end, rank: rank.unsigned_abs(), count, len_max })
    }

    /// The indices of the matches that are to be shown, in the order in which they are met.
    fn run(&self, list: ListRef<'_>) -> Vec<usize> {
        let (wanted, len) = (Wanted::new(self.text), list.len());
        let shown_max = match self.count {
            None => 1,
            Some(0) => u64::MAX,
            Some(count) => count,
        };
        let looked_at_max = if self.len_max == 0 { u64::MAX } else { self.len_max };
        let (mut found, mut looked_at, mut matches) = (Vec::new(), 0, 0);
        list.scan(self.end, |value| {
            if looked_at as u64 >= looked_at_max {
                return ControlFlow::Break(());
            }
            if wanted.is(value) {
                matches += 1;
                if matches >= self.rank {
                    found.push(match self.end {
                        End::Head => looked_at,
                        End::Tail => len - 1 - looked_at,
                    });
                }
            }
            looked_at += 1;
            if found.len() as u64 >= shown_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found
    }
}

fn parse_rank(text: &[u8]) -> Result<i64, CommandError> {
    match num::parse_i64(text).ok_or(CommandError::NotAnInteger)? {
        0 => Err(CommandError::other(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to \
             start from the end of the list",
        )),
        i64::MIN => Err(CommandError::other(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        )),
        rank => Ok(rank),
    }
}
