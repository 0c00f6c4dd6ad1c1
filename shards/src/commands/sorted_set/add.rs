//! Members that come or get other scores: ZADD and ZINCRBY, and what GEOADD needs of them.

use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::sorted_pack;
use crate::encoding::sorted_set::SortedSet;
use crate::entry::{Expire, NewValue, Packing};
use crate::error::CommandError;
use crate::event;
use crate::key::Key;
use crate::keyspace::EntryMut;
use crate::num;
use crate::object::{DataType, Object};
use crate::values::sorted_set::{PackLimits, View, convert, tree_of};

type Done = Result<(), CommandError>;

/// What ZADD may do, and what it replies.
#[derive(Clone, Copy, Default)]
pub(in crate::commands) struct Options {
    /// NX.
    pub(in crate::commands) only_new: bool,
    /// XX.
    pub(in crate::commands) only_existing: bool,
    only_greater: bool,
    only_less: bool,
    /// CH.
    pub(in crate::commands) replies_changes: bool,
    increments: bool,
}

/// What became of one member.
#[derive(Clone, Copy)]
enum Outcome {
    /// The options forbid it.
    Nothing,
    /// It had this score.
    Same(f64),
    Added(f64),
    Updated(f64),
}

impl Options {
    /// The options, and the index of the first score.
    fn parse(args: Args<'_>, increments: bool) -> Result<(Options, usize), CommandError> {
        let mut options = Options { increments, ..Options::default() };
        let mut at = 2;
        while at < args.len() {
            let word = &args[at];
            if word.eq_ignore_ascii_case(b"nx") {
                options.only_new = true;
            } else if word.eq_ignore_ascii_case(b"xx") {
                options.only_existing = true;
            } else if word.eq_ignore_ascii_case(b"ch") {
                options.replies_changes = true;
            } else if word.eq_ignore_ascii_case(b"incr") {
                options.increments = true;
            } else if word.eq_ignore_ascii_case(b"gt") {
                options.only_greater = true;
            } else if word.eq_ignore_ascii_case(b"lt") {
                options.only_less = true;
            } else {
                break;
            }
            at += 1;
        }
        let left = args.len() - at;
        if left == 0 || !left.is_multiple_of(2) {
            return Err(CommandError::Syntax);
        }
        options.check(left / 2)?;
        Ok((options, at))
    }

    fn check(self, pairs: usize) -> Done {
        let Options { only_new, only_existing, only_greater, only_less, .. } = self;
        if only_new && only_existing {
            return Err(CommandError::other("ERR XX and NX options at the same time are not compatible"));
        }
        if usize::from(only_new) + usize::from(only_greater) + usize::from(only_less) > 1 {
            return Err(CommandError::other(
                "ERR GT, LT, and/or NX options at the same time are not compatible",
            ));
        }
        if self.increments && pairs > 1 {
            return Err(CommandError::other("ERR INCR option supports a single increment-element pair"));
        }
        Ok(())
    }

    /// What is to become of a member with the score `old`, or of a new one.
    #[inline]
    fn decide(self, old: Option<f64>, given: f64) -> Result<Outcome, CommandError> {
        let Some(old) = old else {
            return Ok(if self.only_existing { Outcome::Nothing } else { Outcome::Added(given) });
        };
        if self.only_new {
            return Ok(Outcome::Nothing);
        }
        let new = if self.increments { old + given } else { given };
        if new.is_nan() {
            return Err(CommandError::other("ERR resulting score is not a number (NaN)"));
        }
        Ok(if (self.only_less && new >= old) || (self.only_greater && new <= old) {
            Outcome::Nothing
        } else if new == old {
            Outcome::Same(new)
        } else {
            Outcome::Updated(new)
        })
    }
}

pub(super) fn zadd(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let (options, first) = Options::parse(args, false)?;
    add(ctx, args, options, first)
}

/// As in Redis it is ZADD with INCR, whose options it therefore refuses as scores.
pub(super) fn zincrby(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let (options, first) = Options::parse(args, true)?;
    add(ctx, args, options, first)
}

fn add(ctx: &mut Ctx<'_>, args: Args<'_>, options: Options, first: usize) -> Done {
    let pairs = (args.len() - first) / 2;
    let score = |pair: usize| num::parse_f64(args.get(first + 2 * pair));
    let first_score = score(0).ok_or(CommandError::NotAFloat)?;
    for pair in 1..pairs {
        score(pair).ok_or(CommandError::NotAFloat)?;
    }
    let score = |pair| if pair == 0 { first_score } else { score(pair).expect("all scores were parsed") };
    let member = |pair: usize| args.get(first + 2 * pair + 1);
    add_members(ctx, &ctx.key(args, 1), options, pairs, score, member)
}

/// Adds members, at least one, or gives them their scores, and replies as ZADD does.
///
/// # Errors
/// `WrongType` when the key holds another type; with INCR, whose member is the only one, a sum that is no
/// number.
#[inline]
pub(in crate::commands) fn add_members<'m>(
    ctx: &mut Ctx<'_>,
    key: &Key<'_>,
    options: Options,
    pairs: usize,
    score: impl Fn(usize) -> f64,
    member: impl Fn(usize) -> &'m [u8],
) -> Done {
    let first_score = score(0);
    let (limits, hash_of) = (PackLimits::of(&ctx.keys), ctx.keys.hash_of());
    let mut tally = Tally::default();
    let mut done = 0;
    let mut entry = match ctx.keys.write_typed(key, DataType::SortedSet)? {
        Some(mut entry) => {
            if !limits.allow(pairs, 0) {
                convert(&mut entry, &hash_of);
            }
            Some(entry)
        }
        None if options.only_existing => None,
        None => {
            if limits.allow(pairs, member(0).len()) {
                let pack = sorted_pack::new([(member(0), first_score)]);
                ctx.keys.add(key, NewValue::Packed(Packing::SortedSet, &pack), Expire::Clear);
            } else {
                let mut set = SortedSet::default();
                set.insert(hash_of(member(0)), member(0), first_score);
                ctx.keys.add(key, NewValue::Object(Box::new(Object::SortedSet(set))), Expire::Clear);
            }
            tally.count(Outcome::Added(first_score));
            done = 1;
            if pairs > 1 { ctx.keys.write(key) } else { None }
        }
    };
    if let Some(entry) = &mut entry {
        for pair in done..pairs {
            tally.count(change(entry, options, limits, &hash_of, member(pair), score(pair))?);
        }
    }
    if tally.added + tally.updated > 0 {
        ctx.keys.changed(key, if options.increments { event::ZINCR } else { event::ZADD });
    }
    tally.reply(ctx, options);
    Ok(())
}

/// Adds one member or changes its score. The only error is that of an increment, which is alone.
#[inline]
fn change(
    entry: &mut EntryMut<'_>,
    options: Options,
    limits: PackLimits,
    hash_of: &impl Fn(&[u8]) -> u64,
    member: &[u8],
    given: f64,
) -> Result<Outcome, CommandError> {
    let View::Packed(pack) = View::of(entry.view()) else {
        let hash = hash_of(member);
        return entry.with_object(|object| {
            let set = tree_of(object);
            let found = set.find(hash, member);
            let outcome = options.decide(found.map(|place| place.score()), given)?;
            match (outcome, found) {
                (Outcome::Added(score), _) => set.insert(hash, member, score),
                (Outcome::Updated(score), Some(place)) => set.set_score(place, member, score),
                _ => {}
            }
            Ok(outcome)
        });
    };
    let found = pack.find(member);
    let outcome = options.decide(found.map(|place| place.score), given)?;
    match (outcome, found) {
        (Outcome::Added(score), _)
            if limits.allow(pack.len() + 1, member.len()) && pack.has_room(member.len()) =>
        {
            entry.with_packed(|pack| sorted_pack::insert(pack, member, score));
        }
        (Outcome::Added(score), _) => {
            convert(entry, hash_of);
            entry.with_object(|object| tree_of(object).insert(hash_of(member), member, score));
        }
        (Outcome::Updated(score), Some(place)) => {
            entry.with_packed(|pack| sorted_pack::set_score(pack, place, member, score));
        }
        _ => {}
    }
    Ok(outcome)
}

/// What became of all members.
#[derive(Default)]
struct Tally {
    added: usize,
    updated: usize,
    /// The last score, if there is one: that of INCR, which has one member only.
    score: Option<f64>,
}

impl Tally {
    #[inline]
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Nothing => {}
            Outcome::Same(score) => self.score = Some(score),
            Outcome::Added(score) => (self.added, self.score) = (self.added + 1, Some(score)),
            Outcome::Updated(score) => (self.updated, self.score) = (self.updated + 1, Some(score)),
        }
    }

    fn reply(&self, ctx: &mut Ctx<'_>, options: Options) {
        if !options.increments {
            ctx.reply.len_int(self.added + if options.replies_changes { self.updated } else { 0 });
        } else if let Some(score) = self.score {
            ctx.reply.double(score);
        } else {
            ctx.reply.null();
        }
    }
}
