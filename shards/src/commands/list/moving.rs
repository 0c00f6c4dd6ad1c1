//! Commands that take elements of one list among several, or put them into another: LMOVE, RPOPLPUSH, LMPOP.
//!
//! The keys may come from several shards; they are at hand when a handler runs.

use std::ops::Range;

use super::Done;
use crate::args::Args;
use crate::ctx::Ctx;
use crate::error::CommandError;
use crate::key::Key;
use crate::num;
use crate::object::DataType;
use crate::values::list::{self, End};

/// Whether a command has found a list to take from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moving {
    /// It has, and has done its work.
    Done,
    /// None is there: the reply says so.
    NoSource,
}

pub(crate) fn lmove(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let from = parse_end(args.get(3))?;
    let to = parse_end(args.get(4))?;
    move_element(ctx, args, from, to).map(|_| ())
}

pub(crate) fn rpoplpush(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    move_element(ctx, args, End::Tail, End::Head).map(|_| ())
}

pub(crate) fn lmpop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let wanted = parse_lmpop(args, 1)?;
    pop_first(ctx, args, &wanted).map(|_| ())
}

/// What LMPOP is asked for.
pub(crate) struct Lmpop {
    keys: Range<usize>,
    end: End,
    count: usize,
}

/// The arguments of LMPOP and BLMPOP from the number of keys on, which is argument `at`.
pub(crate) fn parse_lmpop(args: Args<'_>, at: usize) -> Result<Lmpop, CommandError> {
    let keys = parse_positive(args.get(at), "ERR numkeys should be greater than 0")?;
    let end_at = keys.saturating_add(at + 1);
    if end_at >= args.len() {
        return Err(CommandError::Syntax);
    }
    let end = parse_end(args.get(end_at))?;
    let options = args.skip(end_at + 1);
    let count = match options.len() {
        0 => 1,
        2 if options[0].eq_ignore_ascii_case(b"COUNT") => {
            parse_positive(&options[1], "ERR count should be greater than 0")?
        }
        _ => return Err(misplaced_option(options)),
    };
    Ok(Lmpop { keys: at + 1..end_at, end, count })
}

/// Takes elements from the first list that is there.
pub(crate) fn pop_first(ctx: &mut Ctx<'_>, args: Args<'_>, wanted: &Lmpop) -> Result<Moving, CommandError> {
    let &Lmpop { ref keys, end, count } = wanted;
    for index in keys.clone() {
        let key = ctx.key(args, index);
        let Some(list) = list::write(&mut ctx.keys, &key)? else { continue };
        let len = list.view().len();
        ctx.reply.array(2);
        ctx.reply.bulk(key.bytes);
        let left = super::pop_several(list, end, count, ctx.reply);
        super::after_removal(&mut ctx.keys, &key, left, super::pop_event(end));
        let mut digits = itoa::Buffer::new();
        ctx.keys.effect([pop_name(end), key.bytes, digits.format(len - left).as_bytes()]);
        return Ok(Moving::Done);
    }
    ctx.reply.null_array();
    Ok(Moving::NoSource)
}

/// The command that pops from this end.
pub(crate) const fn pop_name(end: End) -> &'static [u8] {
    match end {
        End::Head => b"LPOP",
        End::Tail => b"RPOP",
    }
}

/// What is wrong with options that are not one COUNT: the first of them that cannot be.
fn misplaced_option(options: Args<'_>) -> CommandError {
    let begins_with_count = options.len() > 2 && options[0].eq_ignore_ascii_case(b"COUNT");
    let count = begins_with_count.then(|| parse_positive(&options[1], "ERR count should be greater than 0"));
    match count {
        Some(Err(error)) => error,
        _ => CommandError::Syntax,
    }
}

fn parse_positive(text: &[u8], problem: &'static str) -> Result<usize, CommandError> {
    let number = num::parse_i64(text).and_then(|number| usize::try_from(number).ok());
    number.filter(|&number| number > 0).ok_or(CommandError::other(problem))
}

pub(crate) fn parse_end(text: &[u8]) -> Result<End, CommandError> {
    if text.eq_ignore_ascii_case(b"LEFT") {
        Ok(End::Head)
    } else if text.eq_ignore_ascii_case(b"RIGHT") {
        Ok(End::Tail)
    } else {
        Err(CommandError::Syntax)
    }
}

/// The reply, which is the element, holds it on its way from one list to the other.
pub(crate) fn move_element(
    ctx: &mut Ctx<'_>,
    args: Args<'_>,
    from: End,
    to: End,
) -> Result<Moving, CommandError> {
    let (source, target) = (ctx.key(args, 1), ctx.key(args, 2));
    let target_type = ctx.keys.view(&target).map(|entry| entry.data_type());
    let Some(mut list) = list::write(&mut ctx.keys, &source)? else {
        ctx.reply.null();
        return Ok(Moving::NoSource);
    };
    if target_type.is_some_and(|found| found != DataType::List) {
        return Err(CommandError::WrongType);
    }
    let mut len = 0;
    let left = list.pop(from, |value| {
        len = value.len();
        super::bulk(ctx.reply, value);
    });
    let text_end = ctx.reply.bytes().len() - b"\r\n".len();
    let text = &ctx.reply.bytes()[text_end - len..text_end];
    if source.bytes == target.bytes {
        list.expect_growth(len, 1);
        list.push(to, text);
        list.settle();
        ctx.keys.changed(&source, super::push_event(to));
        ctx.keys.notify(&source, super::pop_event(from));
        return Ok(Moving::Done);
    }
    list.settle();
    put(ctx, &target, to, text_end - len..text_end);
    super::after_removal(&mut ctx.keys, &source, left, super::pop_event(from));
    Ok(Moving::Done)
}

/// Pushes these bytes of the reply to a list, which is made if it is not there.
fn put(ctx: &mut Ctx<'_>, target: &Key<'_>, end: End, text_at: Range<usize>) {
    let text = &ctx.reply.bytes()[text_at];
    match list::write(&mut ctx.keys, target).expect("its type was looked at before the pop") {
        Some(mut list) => {
            list.expect_growth(text.len(), 1);
            list.push(end, text);
        }
        None => list::add_one(&mut ctx.keys, target, text),
    }
    ctx.keys.changed(target, super::push_event(end));
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn an_element_moves_from_any_end_to_any_end() {
        for (ends, reply, source, target) in [
            ("LEFT LEFT", "a", "[b c]", "[a x y]"),
            ("left right", "a", "[b c]", "[x y a]"),
            ("RIGHT LEFT", "c", "[a b]", "[c x y]"),
            ("RIGHT RIGHT", "c", "[a b]", "[x y c]"),
        ] {
            let script =
                format!("RPUSH s a b c | RPUSH t x y | LMOVE s t {ends} | LRANGE s 0 -1 | LRANGE t 0 -1");
            check(&script, &format!(":3 | :2 | {reply} | {source} | {target}"));
        }
        check(
            "RPUSH s a 12 | RPOPLPUSH s t | RPOPLPUSH s t | EXISTS s | LRANGE t 0 -1",
            ":2 | 12 | a | :0 | [a 12]",
        );
    }

    #[test]
    fn a_list_can_be_rotated_and_keeps_its_time() {
        check(
            "RPUSH l a b c | EXPIRE l 9 | RPOPLPUSH l l | LRANGE l 0 -1 | TTL l",
            ":3 | :1 | c | [c a b] | :9",
        );
        check("RPUSH l a | LMOVE l l LEFT RIGHT | LRANGE l 0 -1", ":1 | a | [a]");
    }

    #[test]
    fn a_move_that_cannot_be_changes_nothing() {
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        check("SET s 1 | RPUSH l a | RPOPLPUSH l s | LRANGE l 0 -1", &format!("OK | :1 | {wrong} | [a]"));
        check("SET s 1 | RPOPLPUSH none s | LMOVE none t LEFT LEFT", "OK | (nil) | (nil)");
        check(
            "RPUSH l a | LMOVE l t LEFT UP | LMOVE l t x RIGHT | EXISTS t",
            ":1 | -ERR syntax error | -ERR syntax error | :0",
        );
    }

    #[test]
    fn a_move_to_an_expired_key_makes_a_new_list() {
        check(
            "SET t 1 PX 5 | RPUSH s a | SLEEP 6 | RPOPLPUSH s t | LRANGE t 0 -1 | TTL t",
            "OK | :1 | a | [a] | :-1",
        );
    }

    #[test]
    fn lmpop_pops_from_the_first_list_that_is_there() {
        check("RPUSH b 1 2 3 | RPUSH c x | LMPOP 3 a b c LEFT", ":3 | :1 | [b [1]]");
        check(
            "RPUSH b 1 2 3 | LMPOP 2 a b RIGHT COUNT 2 | LMPOP 2 a b right count 9 | EXISTS b",
            ":3 | [b [3 2]] | [b [1]] | :0",
        );
        check("LMPOP 2 a b LEFT | RESP 3 | LMPOP 1 a LEFT", "(nil array) | (nil)");
    }

    #[test]
    fn lmpop_says_what_is_wrong_with_its_arguments() {
        let (keys, count) = ("-ERR numkeys should be greater than 0", "-ERR count should be greater than 0");
        let syntax = "-ERR syntax error";
        for (arguments, error) in [
            ("0 l LEFT", keys),
            ("x l LEFT", keys),
            ("-1 l LEFT", keys),
            ("2 l LEFT", syntax),
            ("9223372036854775807 l LEFT", syntax),
            ("1 l BOTH", syntax),
            ("1 l LEFT COUNT", syntax),
            ("1 l LEFT COUNT 0", count),
            ("1 l LEFT COUNT 0 COUNT 1", count),
            ("1 l LEFT COUNT 1 COUNT 1", syntax),
            ("1 l LEFT TIMES 1", syntax),
        ] {
            check(&format!("RPUSH l a | LMPOP {arguments} | LLEN l"), &format!(":1 | {error} | :1"));
        }
    }
}
