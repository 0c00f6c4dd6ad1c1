//! Several sets made one: ZUNION, ZINTER, ZDIFF, their storing forms, and ZINTERCARD.
//!
//! All keys lie on this shard: a transaction has brought them here when they live on several.

use std::ops::ControlFlow;

use super::reply::{store, write_header, write_item};
use super::source::Source;
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::listpack::Value as Member;
use crate::encoding::sorted_set::{SortedSet, Union};
use crate::error::CommandError;
use crate::event;
use crate::num;

type Done = Result<(), CommandError>;

/// What is done with the sets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// How the scores of a member in several sets become one.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, left: f64, right: f64) -> f64 {
        match self {
            // The infinities of both signs make 0 (Redis: zunionInterAggregate).
            Aggregate::Sum => Some(left + right).filter(|sum| !sum.is_nan()).unwrap_or(0.0),
            Aggregate::Min => {
                if right < left {
                    right
                } else {
                    left
                }
            }
            Aggregate::Max => {
                if right > left {
                    right
                } else {
                    left
                }
            }
        }
    }
}

/// What the command's form allows behind its keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The members are the reply: WITHSCORES.
    Read,
    /// The members are stored.
    Store,
    /// The number of members is the reply: LIMIT.
    Count,
}

/// The options of a command.
struct Options {
    aggregate: Aggregate,
    /// The argument with the first of the weights.
    weights_at: Option<usize>,
    with_scores: bool,
    /// LIMIT; 0 does not limit.
    limit: usize,
}

impl Options {
    /// Reads the options from argument `at` on.
    fn parse(
        args: Args<'_>,
        at: usize,
        key_count: usize,
        operation: Operation,
        form: Form,
    ) -> Result<Options, CommandError> {
        let mut options =
            Options { aggregate: Aggregate::Sum, weights_at: None, with_scores: false, limit: 0 };
        let has_weights = operation != Operation::Difference && form != Form::Count;
        let mut at = at;
        while at < args.len() {
            let (word, left) = (&args[at], args.len() - at);
            if has_weights && left > key_count && word.eq_ignore_ascii_case(b"weights") {
                for weight in at + 1..=at + key_count {
                    let not_a_float = CommandError::other("ERR weight value is not a float");
                    num::parse_f64(args.get(weight)).ok_or(not_a_float)?;
                }
                options.weights_at = Some(at + 1);
                at += 1 + key_count;
            } else if has_weights && left >= 2 && word.eq_ignore_ascii_case(b"aggregate") {
                options.aggregate = aggregate(args.get(at + 1))?;
                at += 2;
            } else if form == Form::Read && word.eq_ignore_ascii_case(b"withscores") {
                options.with_scores = true;
                at += 1;
            } else if form == Form::Count && left >= 2 && word.eq_ignore_ascii_case(b"limit") {
                let limit = num::parse_i64(args.get(at + 1)).and_then(|limit| usize::try_from(limit).ok());
                options.limit = limit.ok_or(CommandError::other("ERR LIMIT can't be negative"))?;
                at += 2;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }

    /// The weight of the set with this number. It was parsed before.
    fn weight(&self, args: Args<'_>, number: usize) -> f64 {
        self.weights_at.and_then(|at| num::parse_f64(args.get(at + number))).unwrap_or(1.0)
    }
}

fn aggregate(word: &[u8]) -> Result<Aggregate, CommandError> {
    if word.eq_ignore_ascii_case(b"sum") {
        Ok(Aggregate::Sum)
    } else if word.eq_ignore_ascii_case(b"min") {
        Ok(Aggregate::Min)
    } else if word.eq_ignore_ascii_case(b"max") {
        Ok(Aggregate::Max)
    } else {
        Err(CommandError::Syntax)
    }
}

/// A set and what its scores are multiplied by.
#[derive(Clone, Copy)]
struct Weighted<'a> {
    source: Source<'a>,
    weight: f64,
}

impl Weighted<'_> {
    /// Its score of a member, on its own: 0 times infinity is 0.
    fn score(self, score: f64) -> f64 {
        Some(self.weight * score).filter(|score| !score.is_nan()).unwrap_or(0.0)
    }
}

/// A command that is understood: the keys are there, and of the right types.
struct Request {
    operation: Operation,
    /// The argument with the first key.
    first_key: usize,
    key_count: usize,
    options: Options,
}

impl Request {
    /// Reads the command whose number of keys is argument `count_at`. As in Redis the keys are looked at
    /// before the options.
    fn parse(
        ctx: &mut Ctx<'_>,
        args: Args<'_>,
        count_at: usize,
        operation: Operation,
        form: Form,
        name: &'static str,
    ) -> Result<Request, CommandError> {
        let key_count = num::parse_i64(args.get(count_at)).ok_or(CommandError::NotAnInteger)?;
        if key_count < 1 {
            let text = format!("ERR at least 1 input key is needed for '{name}' command");
            return Err(CommandError::other(text));
        }
        let first_key = count_at + 1;
        let key_count = usize::try_from(key_count)
            .ok()
            .filter(|&count| count <= args.len() - first_key)
            .ok_or(CommandError::Syntax)?;
        for index in first_key..first_key + key_count {
            let key = ctx.key(args, index);
            Source::of(ctx.keys.read(&key)).ok_or(CommandError::WrongType)?;
        }
        let options = Options::parse(args, first_key + key_count, key_count, operation, form)?;
        Ok(Request { operation, first_key, key_count, options })
    }

    /// The sets in the order in which they are worked on: the small ones first, but for differences.
    fn sources<'a>(&self, ctx: &'a Ctx<'_>, args: Args<'_>) -> Vec<Weighted<'a>> {
        let source = |number| {
            let entry = ctx.keys.view(&ctx.key(args, self.first_key + number));
            let source = Source::of(entry).expect("the types were looked at");
            Weighted { source, weight: self.options.weight(args, number) }
        };
        let mut sources: Vec<_> = (0..self.key_count).map(source).collect();
        if self.operation != Operation::Difference {
            sources.sort_by_key(|weighted| weighted.source.len());
        }
        sources
    }

    fn combined(&self, ctx: &Ctx<'_>, args: Args<'_>) -> SortedSet {
        let hash_of = ctx.keys.hash_of();
        let sources = self.sources(ctx, args);
        let aggregate = self.options.aggregate;
        let mut found = Union::default();
        match self.operation {
            Operation::Union => {
                for weighted in sources {
                    weighted.source.each(|member, score| {
                        let score = weighted.score(score);
                        if let Some(sum) = found.add(hash_of(member), member, score) {
                            *sum = aggregate.of(*sum, score);
                        }
                        ControlFlow::Continue(())
                    });
                }
            }
            Operation::Intersection => intersect(&sources, aggregate, &hash_of, |hash, member, score| {
                found.add(hash, member, score);
                ControlFlow::Continue(())
            }),
            Operation::Difference => subtract(&sources, &hash_of, |hash, member, score| {
                found.add(hash, member, score);
            }),
        }
        found.finish()
    }
}

/// Hands the members that all sets have to `visit`, with the hash and the score, until that breaks off.
fn intersect(
    sources: &[Weighted<'_>],
    aggregate: Aggregate,
    hash_of: &impl Fn(&[u8]) -> u64,
    mut visit: impl FnMut(u64, &[u8], f64) -> ControlFlow<()>,
) {
    let [smallest, others @ ..] = sources else { return };
    smallest.source.each(|member, score| {
        let hash = hash_of(member);
        let score = others.iter().try_fold(smallest.score(score), |sum, other| {
            // Not a number (0 times infinity) goes into the sum here, and makes that 0 (Redis: ZINTER, unlike
            // ZUNION).
            Some(aggregate.of(sum, other.weight * other.source.score(hash, member)?))
        });
        score.map_or(ControlFlow::Continue(()), |score| visit(hash, member, score))
    });
}

/// Hands the members of the first set that no other one has to `visit`, with the hash and the score.
fn subtract(
    sources: &[Weighted<'_>],
    hash_of: &impl Fn(&[u8]) -> u64,
    mut visit: impl FnMut(u64, &[u8], f64),
) {
    let [first, others @ ..] = sources else { return };
    first.source.each(|member, score| {
        let hash = hash_of(member);
        if others.iter().all(|other| other.source.score(hash, member).is_none()) {
            visit(hash, member, score);
        }
        ControlFlow::Continue(())
    });
}

fn read(ctx: &mut Ctx<'_>, args: Args<'_>, operation: Operation, name: &'static str) -> Done {
    let request = Request::parse(ctx, args, 1, operation, Form::Read, name)?;
    let found = request.combined(ctx, args);
    let with_scores = request.options.with_scores;
    write_header(ctx.reply, found.len(), with_scores);
    for item in found.items(0..found.len()) {
        write_item(ctx.reply, Member::Str(item.member), item.score, with_scores);
    }
    Ok(())
}

pub(super) fn zunion(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    read(ctx, args, Operation::Union, "zunion")
}

pub(super) fn zinter(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    read(ctx, args, Operation::Intersection, "zinter")
}

pub(super) fn zdiff(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    read(ctx, args, Operation::Difference, "zdiff")
}

fn combine_and_store(
    ctx: &mut Ctx<'_>,
    args: Args<'_>,
    operation: Operation,
    name: &'static str,
    event: event::Event,
) -> Done {
    let request = Request::parse(ctx, args, 2, operation, Form::Store, name)?;
    let found = request.combined(ctx, args);
    ctx.reply.len_int(found.len());
    store(ctx, &ctx.key(args, 1), found, event);
    Ok(())
}

pub(super) fn zunionstore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    combine_and_store(ctx, args, Operation::Union, "zunionstore", event::ZUNIONSTORE)
}

pub(super) fn zinterstore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    combine_and_store(ctx, args, Operation::Intersection, "zinterstore", event::ZINTERSTORE)
}

pub(super) fn zdiffstore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    combine_and_store(ctx, args, Operation::Difference, "zdiffstore", event::ZDIFFSTORE)
}

pub(super) fn zintercard(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let request = Request::parse(ctx, args, 1, Operation::Intersection, Form::Count, "zintercard")?;
    let mut count = 0;
    let sources = request.sources(ctx, args);
    intersect(&sources, Aggregate::Sum, &ctx.keys.hash_of(), |_, _, _| {
        count += 1;
        if count == request.options.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    ctx.reply.len_int(count);
    Ok(())
}
