//! The ends of lists: LPUSH, RPUSH, LPUSHX, RPUSHX, LPOP, RPOP, and LLEN.
//!
//! How a list is stored is in `list_value`.

use super::list_value::{self, End, ListMut, ListRef};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Key;
use crate::encoding::listpack::Value;
use crate::error::CommandError;
use crate::event::{self, Event};
use crate::keyspace::Keyspace;
use crate::num;
use crate::reply::Reply;

pub(super) type Done = Result<(), CommandError>;

pub(super) fn lpush(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    push(ctx, args, End::Head, false)
}

pub(super) fn rpush(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    push(ctx, args, End::Tail, false)
}

pub(super) fn lpushx(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    push(ctx, args, End::Head, true)
}

pub(super) fn rpushx(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    push(ctx, args, End::Tail, true)
}

pub(super) fn lpop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    pop(ctx, args, End::Head, "lpop")
}

pub(super) fn rpop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    pop(ctx, args, End::Tail, "rpop")
}

pub(super) fn llen(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.only_key(args, 1);
    let len = list_value::read(&mut ctx.keys, &key)?.map_or(0, ListRef::len);
    ctx.reply.len_int(len);
    Ok(())
}

/// The event of a push to this end.
pub(super) const fn push_event(end: End) -> Event {
    match end {
        End::Head => event::LPUSH,
        End::Tail => event::RPUSH,
    }
}

/// The event of a pop from this end.
pub(super) const fn pop_event(end: End) -> Event {
    match end {
        End::Head => event::LPOP,
        End::Tail => event::RPOP,
    }
}

/// An element as a bulk string.
#[inline]
pub(super) fn bulk(reply: &mut Reply, value: Value<'_>) {
    match value {
        Value::Str(text) => reply.bulk(text),
        Value::Int(int) => reply.bulk_int(int),
    }
}

/// Settles a list of which elements have gone and some are left, or removes its key when none is; and tells it.
#[inline]
pub(super) fn after_removal(keys: &mut Keyspace<'_>, key: &Key<'_>, left: usize, event: Event) {
    if left > 0 {
        keys.changed(key, event);
    } else {
        remove(keys, key);
    }
}

/// Removes a list of which nothing is left, or nothing is to be left.
#[cold]
pub(super) fn remove(keys: &mut Keyspace<'_>, key: &Key<'_>) {
    let freeing = keys.freeing_by_server();
    keys.delete(key, freeing);
    keys.changed(key, event::DEL);
}

/// Takes up to `count` elements from an end, writes them as an array, in the order in which they were taken, and gives
/// the number of those that are left. When none is, they are still there: the caller removes the key.
pub(super) fn pop_several(mut list: ListMut<'_>, end: End, count: usize, reply: &mut Reply) -> usize {
    let len = list.view().len();
    let count = count.min(len);
    reply.array(count);
    list.view().show_some(end, count, |value| bulk(reply, value));
    if count < len {
        list.remove_range(match end {
            End::Head => 0..count,
            End::Tail => len - count..len,
        });
        list.settle();
    }
    len - count
}

fn push(ctx: &mut Ctx<'_>, args: Args<'_>, end: End, must_exist: bool) -> Done {
    let key = ctx.only_key(args, 1);
    let len = match list_value::write(&mut ctx.keys, &key)? {
        Some(mut list) => list.push_args(end, args, 2),
        None if must_exist => {
            ctx.reply.int(0);
            return Ok(());
        }
        None => {
            list_value::add(&mut ctx.keys, &key, end, args, 2);
            args.len() - 2
        }
    };
    ctx.keys.changed(&key, push_event(end));
    ctx.reply.len_int(len);
    Ok(())
}

fn pop(ctx: &mut Ctx<'_>, args: Args<'_>, end: End, name: &'static str) -> Done {
    match args.len() {
        2 => {}
        3 => return pop_counted(ctx, args, end),
        _ => return Err(CommandError::WrongArity(name.into())),
    }
    let key = ctx.only_key(args, 1);
    let Some(mut list) = list_value::write(&mut ctx.keys, &key)? else {
        ctx.reply.null();
        return Ok(());
    };
    let left = list.pop(end, |value| bulk(ctx.reply, value));
    list.settle();
    after_removal(&mut ctx.keys, &key, left, pop_event(end));
    Ok(())
}

fn pop_counted(ctx: &mut Ctx<'_>, args: Args<'_>, end: End) -> Done {
    let count = num::parse_i64(args.get(2)).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or(CommandError::other("ERR value is out of range, must be positive"))?;
    let key = ctx.only_key(args, 1);
    let Some(list) = list_value::write(&mut ctx.keys, &key)? else {
        ctx.reply.null_array();
        return Ok(());
    };
    if count == 0 {
        ctx.reply.array(0);
        return Ok(());
    }
    let left = pop_several(list, end, count, ctx.reply);
    after_removal(&mut ctx.keys, &key, left, pop_event(end));
    Ok(())
}
