//! Parts of lists, by index: LRANGE, LINDEX, LTRIM; and where an element is: LPOS.

use std::ops::{ControlFlow, Range};

use super::{Done, bulk};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::listpack::Wanted;
use crate::error::CommandError;
use crate::event;
use crate::num;
use crate::values::list::{self, End, ListRef};

pub(crate) fn lrange(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let (start, stop) = parse_range(args)?;
    let key = ctx.key(args, 1);
    let Some(list) = list::read(&mut ctx.keys, &key)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let indices = span(start, stop, list.len());
    ctx.reply.array(indices.len());
    list.range(indices, |value| bulk(ctx.reply, value));
    Ok(())
}

pub(crate) fn lindex(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let Some(list) = list::read(&mut ctx.keys, &key)? else {
        ctx.reply.null();
        return Ok(());
    };
    let index = num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    if list.get(index, |value| bulk(ctx.reply, value)).is_none() {
        ctx.reply.null();
    }
    Ok(())
}

pub(crate) fn ltrim(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let (start, stop) = parse_range(args)?;
    let key = ctx.key(args, 1);
    if let Some(mut list) = list::write(&mut ctx.keys, &key)? {
        let len = list.view().len();
        let kept = span(start, stop, len);
        // A list of which nothing is left goes as a whole, which the garbage can do in steps.
        if !kept.is_empty() {
            list.remove_range(kept.end..len);
            list.remove_range(0..kept.start);
            list.settle();
        }
        super::after_removal(&mut ctx.keys, &key, kept.len(), event::LTRIM);
    }
    ctx.reply.ok();
    Ok(())
}

pub(crate) fn lpos(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let search = Search::parse(args)?;
    let key = ctx.key(args, 1);
    let Some(list) = list::read(&mut ctx.keys, &key)? else {
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

/// The indices of a range in a list of so many elements. Negative ones count from the tail, both ends belong
/// to the range (Redis: addListRangeReply).
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
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                negative to start from the end of the list",
        )),
        i64::MIN => Err(CommandError::other(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        )),
        rank => Ok(rank),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn a_range_has_both_ends_and_is_cut_to_the_list() {
        for (range, expected) in [
            ("0 -1", "[a b c d]"),
            ("1 2", "[b c]"),
            ("-2 -1", "[c d]"),
            ("-100 0", "[a]"),
            ("3 100", "[d]"),
            ("2 1", "[]"),
            ("4 9", "[]"),
            ("0 -5", "[]"),
            ("-9223372036854775808 9223372036854775807", "[a b c d]"),
            ("9223372036854775807 -9223372036854775808", "[]"),
        ] {
            check(&format!("RPUSH l a b c d | LRANGE l {range}"), &format!(":4 | {expected}"));
            let left = if expected == "[]" { ":0" } else { ":1" };
            let script = format!("RPUSH l a b c d | LTRIM l {range} | LRANGE l 0 -1 | EXISTS l");
            check(&script, &format!(":4 | OK | {expected} | {left}"));
        }
        check(
            "LRANGE l 0 -1 | LTRIM l 0 1 | LTRIM l x 1 | LRANGE l 0 1.5",
            "[] | OK | -ERR value is not an integer or out of range \
                | -ERR value is not an integer or out of range",
        );
    }

    #[test]
    fn an_index_counts_from_either_end() {
        check(
            "RPUSH l a b c | LINDEX l 0 | LINDEX l 2 | LINDEX l -1 | LINDEX l -3 | LINDEX l 3 | LINDEX l -4",
            ":3 | a | c | c | a | (nil) | (nil)",
        );
        check(
            "LINDEX l x | RPUSH l a | LINDEX l x",
            "(nil) | :1 | -ERR value is not an integer or out of range",
        );
        check(
            "RPUSH l a | LINDEX l -9223372036854775808 | LINDEX l 9223372036854775807",
            ":1 | (nil) | (nil)",
        );
    }

    #[test]
    fn lpos_finds_by_rank_count_and_length() {
        for (options, expected) in [
            ("", ":1"),
            ("RANK 2", ":3"),
            ("RANK -1", ":5"),
            ("RANK -2", ":3"),
            ("RANK 4", "(nil)"),
            ("COUNT 0", "[:1 :3 :5]"),
            ("COUNT 2", "[:1 :3]"),
            ("COUNT 2 RANK -1", "[:5 :3]"),
            ("COUNT 0 RANK 3", "[:5]"),
            ("COUNT 0 RANK 4", "[]"),
            ("MAXLEN 1", "(nil)"),
            ("MAXLEN 2", ":1"),
            ("COUNT 0 MAXLEN 4", "[:1 :3]"),
            ("COUNT 0 MAXLEN 3 RANK -1", "[:5 :3]"),
            ("RANK 2 MAXLEN 3", "(nil)"),
        ] {
            check(&format!("RPUSH l a 7 b 7 c 7 | LPOS l 7 {options}"), &format!(":6 | {expected}"));
        }
        check(
            "LPOS l a | LPOS l a COUNT 1 | RPUSH l a | LPOS l b | LPOS l b COUNT 1",
            "(nil) | [] | :1 | (nil) | []",
        );
    }

    #[test]
    fn lpos_says_what_is_wrong_with_its_options() {
        let range =
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
        for (options, error) in [
            ("RANK x", "-ERR value is not an integer or out of range"),
            ("RANK -9223372036854775808", range),
            ("RANK", "-ERR syntax error"),
            ("FIRST 1", "-ERR syntax error"),
            ("COUNT -1", "-ERR COUNT can't be negative"),
            ("COUNT x", "-ERR COUNT can't be negative"),
            ("MAXLEN -1", "-ERR MAXLEN can't be negative"),
            (
                "RANK 0",
                "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
                negative to start from the end of the list",
            ),
        ] {
            check(&format!("LPOS l a {options}"), error);
        }
    }
}
