//! Ranges by rank, score or member that are read: ZRANGE and its older forms, ZRANGESTORE, ZCOUNT, ZLEXCOUNT.
//!
//! Every range becomes one of ranks, whatever it was asked by.

use std::ops::Range;

use super::reply::{store, write_header, write_item};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::score_bound::parse_score_bound;
use crate::encoding::sorted_set::{Builder, LexBound, ScoreBound, SortedSet};
use crate::error::CommandError;
use crate::event;
use crate::num;
use crate::object::DataType;
use crate::values::sorted_set::View;

type Done = Result<(), CommandError>;

/// The two ends of a range, the lower one first.
#[derive(Clone, Copy)]
pub(super) enum Ends<'a> {
    /// Ranks from the first one shown; negative ones count from the last.
    Ranks(i64, i64),
    /// By score.
    Scores(ScoreBound, ScoreBound),
    /// By member.
    Members(LexBound<'a>, LexBound<'a>),
}

/// What the ends of a range are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Rank,
    Score,
    Lex,
}

impl<'a> Ends<'a> {
    /// Reads the ends from two arguments, the lower one first.
    pub(super) fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Ends<'a>, CommandError> {
        match by {
            By::Rank => {
                let rank = |text| num::parse_i64(text).ok_or(CommandError::NotAnInteger);
                Ok(Ends::Ranks(rank(min)?, rank(max)?))
            }
            By::Score => {
                let bound = |text| {
                    parse_score_bound(text).ok_or(CommandError::other("ERR min or max is not a float"))
                };
                Ok(Ends::Scores(bound(min)?, bound(max)?))
            }
            By::Lex => {
                let bound = |text| {
                    lex_bound(text).ok_or(CommandError::other("ERR min or max not valid string range item"))
                };
                Ok(Ends::Members(bound(min)?, bound(max)?))
            }
        }
    }

    /// The ranks of a set that lie in the range. `reversed` ranks are counted from the end.
    pub(super) fn ranks(self, set: View<'_>, reversed: bool) -> Range<usize> {
        match self {
            Ends::Ranks(start, end) => {
                let len = set.len();
                let ranks = existing_ranks(start, end, len);
                if reversed { len - ranks.end..len - ranks.start } else { ranks }
            }
            Ends::Scores(min, max) => set.score_ranks(min, max),
            Ends::Members(min, max) => set.lex_ranks(min, max, reversed),
        }
    }
}

/// The end of a range of members (Redis: zslParseLexRangeItem).
fn lex_bound(text: &[u8]) -> Option<LexBound<'_>> {
    match text {
        b"-" => Some(LexBound::Lowest),
        b"+" => Some(LexBound::Highest),
        [b'[', member @ ..] => Some(LexBound::Included(member)),
        [b'(', member @ ..] => Some(LexBound::Excluded(member)),
        _ => None,
    }
}

/// Both ends included and negative ones counted from the end, as the ranks that exist.
fn existing_ranks(start: i64, end: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_start = |rank: i64| if rank < 0 { rank + len } else { rank };
    let start = from_start(start).clamp(0, len);
    let end = from_start(end).clamp(-1, len - 1) + 1;
    start as usize..end.max(start) as usize
}

/// What a command asks for.
struct Request<'a> {
    ends: Ends<'a>,
    reversed: bool,
    with_scores: bool,
    /// LIMIT: members passed over; a negative number passes over all.
    offset: i64,
    /// LIMIT: the greatest number of members; a negative one does not limit.
    limit: i64,
}

impl<'a> Request<'a> {
    /// Reads the ends at argument `at` and the options behind them. `by` and `reversed` are what the
    /// command's name says; where it leaves them open (`None`) the options do.
    fn parse(
        args: Args<'a>,
        at: usize,
        by: Option<By>,
        reversed: Option<bool>,
        is_stored: bool,
    ) -> Result<Request<'a>, CommandError> {
        let (mut chosen_by, mut chosen_reversed) = (by, reversed);
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut option = at + 2;
        while option < args.len() {
            let word = &args[option];
            if !is_stored && word.eq_ignore_ascii_case(b"withscores") {
                with_scores = true;
            } else if word.eq_ignore_ascii_case(b"limit") && option + 2 < args.len() {
                let number = |at| num::parse_i64(args.get(at)).ok_or(CommandError::NotAnInteger);
                (offset, limit) = (number(option + 1)?, number(option + 2)?);
                option += 2;
            } else if chosen_reversed.is_none() && word.eq_ignore_ascii_case(b"rev") {
                chosen_reversed = Some(true);
            } else if chosen_by.is_none() && word.eq_ignore_ascii_case(b"bylex") {
                chosen_by = Some(By::Lex);
            } else if chosen_by.is_none() && word.eq_ignore_ascii_case(b"byscore") {
                chosen_by = Some(By::Score);
            } else {
                return Err(CommandError::Syntax);
            }
            option += 1;
        }
        let (by, reversed) = (chosen_by.unwrap_or(By::Rank), chosen_reversed.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(CommandError::other(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if with_scores && by == By::Lex {
            return Err(CommandError::other(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let (min, max) = (args.get(at), args.get(at + 1));
        // By score and by member a reversed range begins with its upper end.
        let (min, max) = if reversed && by != By::Rank { (max, min) } else { (min, max) };
        let ends = Ends::parse(by, min, max)?;
        Ok(Request { ends, reversed, with_scores, offset, limit })
    }

    /// The ranks that are asked for.
    fn ranks(&self, set: View<'_>) -> Range<usize> {
        let ranks = self.ends.ranks(set, self.reversed);
        if let Ends::Ranks(..) = self.ends {
            return ranks;
        }
        let skipped = usize::try_from(self.offset).unwrap_or(usize::MAX).min(ranks.len());
        let taken = usize::try_from(self.limit).unwrap_or(usize::MAX).min(ranks.len() - skipped);
        if self.reversed {
            ranks.end - skipped - taken..ranks.end - skipped
        } else {
            ranks.start + skipped..ranks.start + skipped + taken
        }
    }
}

fn reply_range(ctx: &mut Ctx<'_>, args: Args<'_>, by: Option<By>, reversed: Option<bool>) -> Done {
    let request = Request::parse(args, 2, by, reversed, false)?;
    let key = ctx.key(args, 1);
    let Some(entry) = ctx.keys.read_typed(&key, DataType::SortedSet)? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let set = View::of(entry);
    let ranks = request.ranks(set);
    write_header(ctx.reply, ranks.len(), request.with_scores);
    set.visit(ranks, request.reversed, |member, score| {
        write_item(ctx.reply, member, score, request.with_scores);
    });
    Ok(())
}

pub(super) fn zrange(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_range(ctx, args, None, None)
}

pub(super) fn zrevrange(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_range(ctx, args, Some(By::Rank), Some(true))
}

pub(super) fn zrangebyscore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_range(ctx, args, Some(By::Score), Some(false))
}

pub(super) fn zrevrangebyscore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_range(ctx, args, Some(By::Score), Some(true))
}

pub(super) fn zrangebylex(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_range(ctx, args, Some(By::Lex), Some(false))
}

pub(super) fn zrevrangebylex(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    reply_range(ctx, args, Some(By::Lex), Some(true))
}

/// Both keys lie on this shard: a transaction has brought them here when they live on several.
pub(super) fn zrangestore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let request = Request::parse(args, 3, None, None, true)?;
    let (destination, source) = (ctx.key(args, 1), ctx.key(args, 2));
    let hash_of = ctx.keys.hash_of();
    let found = match ctx.keys.read_typed(&source, DataType::SortedSet)?.map(View::of) {
        None => SortedSet::default(),
        Some(set) => {
            let mut builder = Builder::default();
            let mut text = itoa::Buffer::new();
            set.visit(request.ranks(set), false, |member, score| {
                let member = member.bytes(&mut text);
                let in_order = builder.push(hash_of(member), member, score);
                assert!(in_order, "a set is visited in its order");
            });
            builder.finish()
        }
    };
    ctx.reply.len_int(found.len());
    store(ctx, &destination, found, event::ZRANGESTORE);
    Ok(())
}

fn count(ctx: &mut Ctx<'_>, args: Args<'_>, by: By) -> Done {
    let ends = Ends::parse(by, args.get(2), args.get(3))?;
    let key = ctx.key(args, 1);
    let entry = ctx.keys.read_typed(&key, DataType::SortedSet)?;
    ctx.reply.len_int(entry.map_or(0, |entry| ends.ranks(View::of(entry), false).len()));
    Ok(())
}

pub(super) fn zcount(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    count(ctx, args, By::Score)
}

pub(super) fn zlexcount(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    count(ctx, args, By::Lex)
}
