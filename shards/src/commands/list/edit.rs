//! Changes in the middle of lists: LSET, LINSERT, LREM.

use std::ops::ControlFlow;

use super::Done;
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::listpack::Wanted;
use crate::error::CommandError;
use crate::event;
use crate::num;
use crate::values::list::{self, End, ListRef};

pub(crate) fn lset(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let mut list = list::write(&mut ctx.keys, &key)?.ok_or(CommandError::NoSuchKey)?;
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

pub(crate) fn linsert(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let place = args.get(2);
    let is_behind = place.eq_ignore_ascii_case(b"AFTER");
    if !is_behind && !place.eq_ignore_ascii_case(b"BEFORE") {
        return Err(CommandError::Syntax);
    }
    let key = ctx.key(args, 1);
    let Some(mut list) = list::write(&mut ctx.keys, &key)? else {
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

pub(crate) fn lrem(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let count = num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    let key = ctx.key(args, 1);
    let Some(mut list) = list::write(&mut ctx.keys, &key)? else {
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
        super::after_removal(&mut ctx.keys, &key, left, event::LREM);
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

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn lset_overwrites_an_element_that_is_there() {
        check("RPUSH l a b c | LSET l 1 x | LSET l -1 7 | LRANGE l 0 -1", ":3 | OK | OK | [a x 7]");
        check(
            "RPUSH l a | LSET l 1 x | LSET l -2 x | LRANGE l 0 -1",
            ":1 | -ERR index out of range | -ERR index out of range | [a]",
        );
        check(
            "LSET l x a | RPUSH l a | LSET l x a",
            "-ERR no such key | :1 | -ERR value is not an integer or out of range",
        );
    }

    #[test]
    fn linsert_goes_beside_the_first_pivot() {
        check(
            "RPUSH l a 1 a | LINSERT l BEFORE a x | LINSERT l after a y | LINSERT l AFTER 1 z \
                | LRANGE l 0 -1",
            ":3 | :4 | :5 | :6 | [x a y 1 z a]",
        );
        check("RPUSH l a b | LINSERT l AFTER b c | LRANGE l 0 -1", ":2 | :3 | [a b c]");
        check(
            "LINSERT l BEFORE a x | RPUSH l a | LINSERT l BEFORE b x | LINSERT l IN a x",
            ":0 | :1 | :-1 | -ERR syntax error",
        );
    }

    #[test]
    fn lrem_removes_from_the_side_that_the_count_says() {
        for (count, removed, left) in [
            ("0", 3, "[1 2]"),
            ("2", 2, "[1 2 a]"),
            ("-2", 2, "[a 1 2]"),
            ("-9", 3, "[1 2]"),
            ("-9223372036854775808", 3, "[1 2]"),
        ] {
            let script = format!("RPUSH l a 1 a 2 a | LREM l {count} a | LRANGE l 0 -1");
            check(&script, &format!(":5 | :{removed} | {left}"));
        }
        check(
            "RPUSH l 1 1 | LREM l 0 1 | EXISTS l | LREM l 0 1 | LREM l x 1",
            ":2 | :2 | :0 | :0 | -ERR value is not an integer or out of range",
        );
    }
}
