//! Members: GEOADD, GEODIST, GEOHASH, GEOPOS.

use super::notation;
use crate::args::Args;
use crate::commands::sorted_set::add::{Options, add_members};
use crate::ctx::Ctx;
use crate::encoding::geohash::Position;
use crate::error::CommandError;
use crate::object::DataType;
use crate::reply::Reply;
use crate::values::sorted_set::View;

type Done = Result<(), CommandError>;

/// Arguments of a member: longitude, latitude and name.
const TRIPLE: usize = 3;

pub(super) fn geoadd(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let mut options = Options::default();
    let mut first = 2;
    while first < args.len() {
        let word = &args[first];
        if word.eq_ignore_ascii_case(b"nx") {
            options.only_new = true;
        } else if word.eq_ignore_ascii_case(b"xx") {
            options.only_existing = true;
        } else if word.eq_ignore_ascii_case(b"ch") {
            options.replies_changes = true;
        } else {
            break;
        }
        first += 1;
    }
    let left = args.len() - first;
    if left == 0 || !left.is_multiple_of(TRIPLE) || (options.only_new && options.only_existing) {
        return Err(CommandError::Syntax);
    }
    let members = left / TRIPLE;
    let at = |member: usize| first + TRIPLE * member;
    let position = |member| notation::position(args.get(at(member)), args.get(at(member) + 1));
    for member in 0..members {
        position(member)?;
    }
    let score = |member| position(member).expect("all positions were looked at").score();
    add_members(ctx, &ctx.key(args, 1), options, members, score, |member| args.get(at(member) + 2))
}

pub(super) fn geodist(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let unit_m = match args.len() {
        4 => 1.0,
        5 => notation::unit(args.get(4))?.length_m(),
        _ => return Err(CommandError::Syntax),
    };
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let set = ctx.keys.read_typed(&key, DataType::SortedSet)?.map(View::of);
    let position = |member| Some(Position::of_score(set?.score(&hash_of, args.get(member))?));
    match position(2).zip(position(3)) {
        Some((one, other)) => notation::write_distance(ctx.reply, one.distance_m(other) / unit_m),
        None => ctx.reply.null(),
    }
    Ok(())
}

pub(super) fn geohash(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    each_position(ctx, args, |reply, position| match position {
        Some(position) => reply.bulk(&position.text()),
        None => reply.null(),
    })
}

pub(super) fn geopos(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    each_position(ctx, args, |reply, position| match position {
        Some(position) => notation::write_position(reply, position),
        None => reply.null_array(),
    })
}

/// Replies with an array of what `write` writes for the members from argument 2 on.
fn each_position(ctx: &mut Ctx<'_>, args: Args<'_>, write: impl Fn(&mut Reply, Option<Position>)) -> Done {
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let set = ctx.keys.read_typed(&key, DataType::SortedSet)?.map(View::of);
    ctx.reply.array(args.len() - 2);
    for member in args.iter_from(2) {
        let score = set.and_then(|set| set.score(&hash_of, member));
        write(ctx.reply, score.map(Position::of_score));
    }
    Ok(())
}
