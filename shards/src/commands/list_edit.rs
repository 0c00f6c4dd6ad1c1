//! Changes in the middle of lists: LSET, LINSERT, LREM.

use std::ops::ControlFlow;

use super::list::{self, Done};
use super::list_value::{self, End, ListRef};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::listpack::Wanted;
use crate::error::CommandError;
use crate::event;
use crate::num;

pub(super) fn lset(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.only_key(args, 1);
    let mut list = list_value::write(&mut ctx.keys, &key)?.ok_or(CommandError::NoSuchKey)?;
    let index = num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    let text = args.get(3);
    // As in Redis the list may become a quicklist even though there is no such element.
    list.expect_growth(text.len(), 1);
    if !list.replace(index, text) {
        return Err(CommandError::OutOfRange);
    }
    list.settle();
    ctx.keys.changed(&key, event::LSET);
    ctx.reply.ok();
    Ok(())
}

pub(super) fn linsert(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let place = args.get(2);
    let is_behind = place.eq_ignore_ascii_case(b"AFTER");
    if !is_behind && !place.eq_ignore_ascii_case(b"BEFORE") {
        return Err(CommandError::Syntax);
    }
    let key = ctx.only_key(args, 1);
    let Some(mut list) = list_value::write(&mut ctx.keys, &key)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let text = args.get(4);
    // As in Redis the list may become a quicklist even though the pivot is not in it.
    list.expect_growth(text.len(), 1);
    let Some(index) = first_index(list.view(), args.get(3)) else {
        ctx.reply.int(-1);
        return Ok(());
    };
    list.insert(index, is_behind, text);
    let len = list.view().len();
    ctx.keys.changed(&key, event::LINSERT);
    ctx.reply.len_int(len);
    Ok(())
}

pub(super) fn lrem(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let count = num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    let key = ctx.only_key(args, 1);
    let Some(mut list) = list_value::write(&mut ctx.keys, &key)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let end = if count < 0 { End::Tail } else { End::Head };
    let count_max = match count {
        0 => usize::MAX,
        count => count.unsigned_abs() as usize,
    };
    let removed = list.remove_matching(args.get(3), count_max, end);
    if removed > 0 {
        let left = list.view().len();
        list.settle();
        list::after_removal(&mut ctx.keys, &key, left, event::LREM);
    }
    ctx.reply.len_int(removed);
    Ok(())
}

/// The index of the first element that is this text.
fn first_index(list: ListRef<'_>, text: &[u8]) -> Option<usize> {
    let wanted = Wanted::new(text);
    let (mut index, mut is_found) = (0, false);
    list.scan(End::Head, |value| {
        is_found = wanted.is(value);
        if is_found {
            return ControlFlow::Break(());
        }
        index += 1;
        ControlFlow::Continue(())
    });
    is_found.then_some(index)
}
