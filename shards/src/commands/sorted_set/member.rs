//! Single members: ZREM, ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK.

use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::sorted_pack;
use crate::error::CommandError;
use crate::event;
use crate::keyspace::EntryMut;
use crate::object::DataType;
use crate::values::sorted_set::{View, removed, tree_of};

type Done = Result<(), CommandError>;

pub(super) fn zrem(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let Some(mut entry) = ctx.keys.write_typed(&key, DataType::SortedSet)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let len = View::of(entry.view()).len();
    let mut removed_count = 0;
    for member in args.iter_from(2) {
        removed_count += usize::from(remove(&mut entry, &hash_of, member));
        if removed_count == len {
            break;
        }
    }
    if removed_count > 0 {
        removed(&mut ctx.keys, &key, event::ZREM, removed_count < len);
    }
    ctx.reply.len_int(removed_count);
    Ok(())
}

fn remove(entry: &mut EntryMut<'_>, hash_of: &impl Fn(&[u8]) -> u64, member: &[u8]) -> bool {
    let View::Packed(pack) = View::of(entry.view()) else {
        return entry.with_object(|object| tree_of(object).remove(hash_of(member), member)).is_some();
    };
    let found = pack.find(member);
    if let Some(place) = found {
        entry.with_packed(|pack| sorted_pack::remove(pack, place));
    }
    found.is_some()
}

pub(super) fn zcard(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let entry = ctx.keys.read_typed(&key, DataType::SortedSet)?;
    ctx.reply.len_int(entry.map_or(0, |entry| View::of(entry).len()));
    Ok(())
}

pub(super) fn zscore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let entry = ctx.keys.read_typed(&key, DataType::SortedSet)?;
    match entry.and_then(|entry| View::of(entry).score(&hash_of, args.get(2))) {
        Some(score) => ctx.reply.double(score),
        None => ctx.reply.null(),
    }
    Ok(())
}

pub(super) fn zmscore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let set = ctx.keys.read_typed(&key, DataType::SortedSet)?.map(View::of);
    ctx.reply.array(args.len() - 2);
    for member in args.iter_from(2) {
        match set.and_then(|set| set.score(&hash_of, member)) {
            Some(score) => ctx.reply.double(score),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}

pub(super) fn zrank(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    rank(ctx, args, "zrank", false)
}

pub(super) fn zrevrank(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    rank(ctx, args, "zrevrank", true)
}

fn rank(ctx: &mut Ctx<'_>, args: Args<'_>, name: &'static str, is_from_end: bool) -> Done {
    let with_score = match args.len() {
        3 => false,
        4 if args[3].eq_ignore_ascii_case(b"withscore") => true,
        4 => return Err(CommandError::Syntax),
        _ => return Err(CommandError::WrongArity(name.into())),
    };
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let set = ctx.keys.read_typed(&key, DataType::SortedSet)?.map(View::of);
    let found = set.and_then(|set| Some((set.len(), set.rank(&hash_of, args.get(2))?)));
    let Some((len, (rank, score))) = found else {
        if with_score {
            ctx.reply.null_array();
        } else {
            ctx.reply.null();
        }
        return Ok(());
    };
    if with_score {
        ctx.reply.array(2);
    }
    ctx.reply.len_int(if is_from_end { len - 1 - rank } else { rank });
    if with_score {
        ctx.reply.double(score);
    }
    Ok(())
}
