//! Ranges that are removed: ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.

use super::range::{By, Ends};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::error::CommandError;
use crate::event::{self, Event};
use crate::object::DataType;
use crate::values::sorted_set::{View, remove_ranks, removed};

type Done = Result<(), CommandError>;

fn remove(ctx: &mut Ctx<'_>, args: Args<'_>, by: By, event: Event) -> Done {
    let ends = Ends::parse(by, args.get(2), args.get(3))?;
    let key = ctx.key(args, 1);
    let Some(mut entry) = ctx.keys.write_typed(&key, DataType::SortedSet)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let ranks = ends.ranks(View::of(entry.view()), false);
    ctx.reply.len_int(ranks.len());
    if !ranks.is_empty() {
        let is_anything_left = remove_ranks(&mut entry, ranks);
        removed(&mut ctx.keys, &key, event, is_anything_left);
    }
    Ok(())
}

pub(super) fn zremrangebyrank(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    remove(ctx, args, By::Rank, event::ZREMRANGEBYRANK)
}

pub(super) fn zremrangebyscore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    remove(ctx, args, By::Score, event::ZREMRANGEBYSCORE)
}

pub(super) fn zremrangebylex(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    remove(ctx, args, By::Lex, event::ZREMRANGEBYLEX)
}
