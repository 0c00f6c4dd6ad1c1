//! Commands that wait for an element: BLPOP, BRPOP, BLMOVE, BRPOPLPUSH, BLMPOP.
//!
//! Each does what its sibling without B does, or says that it would wait ([`crate::blocking`]). Its effect is
//! that of its sibling, so that nobody who repeats it waits.

use super::Done;
use super::moving::{self, Moving};
use super::rows::{MOVE, POP_OF_SEVERAL_COMPLEXITY, end};
use crate::args::Args;
use crate::blocking::{Block, parse_timeout_s};
use crate::command::shapes::{
    COUNT, DESTINATION, KEYS, LIST, NUMKEYS, SOURCE, TIMEOUT, TIMEOUT_IS_A_DOUBLE, blocking_pop_of,
    blocking_pop_of_several,
};
use crate::command::{Arity, CommandSpec, DataCommand, flags};
use crate::ctx::Ctx;
use crate::object::DataType;
use crate::values::list::{self, End};

/// Takes an element from one end of the first list that has any.
const BLOCKING_POP: CommandSpec = CommandSpec {
    since: "2.0.0",
    complexity: "O(N) where N is the number of provided keys.",
    ..blocking_pop_of(LIST)
};

/// Takes an element from one list and puts it into another, when there is one.
const BLOCKING_MOVE: CommandSpec =
    CommandSpec { flags: flags::WRITE | flags::DENYOOM | flags::NOSCRIPT | flags::BLOCKING, ..MOVE };

/// The rows of this file.
pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        blpop,
        CommandSpec {
            name: "blpop",
            summary: "Remove and get the first element in a list, or block until one is available",
            ..BLOCKING_POP
        },
    ),
    DataCommand::new(
        brpop,
        CommandSpec {
            name: "brpop",
            summary: "Remove and get the last element in a list, or block until one is available",
            ..BLOCKING_POP
        },
    ),
    DataCommand::new(
        blmove,
        CommandSpec {
            name: "blmove",
            summary: "Pop an element from a list, push it to another list and return it; or block until one \
                is available",
            since: "6.2.0",
            arity: Arity::Exactly(6),
            args: &[SOURCE, DESTINATION.of_key_spec(1), end("wherefrom"), end("whereto"), TIMEOUT],
            ..BLOCKING_MOVE
        },
    ),
    DataCommand::new(
        brpoplpush,
        CommandSpec {
            name: "brpoplpush",
            summary: "Pop an element from a list, push it to another list and return it; or block until one \
                is available",
            since: "2.2.0",
            arity: Arity::Exactly(4),
            deprecated: Some(("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")),
            history: TIMEOUT_IS_A_DOUBLE,
            args: &[SOURCE, DESTINATION.of_key_spec(1), TIMEOUT],
            ..BLOCKING_MOVE
        },
    ),
    DataCommand::new(
        blmpop,
        CommandSpec {
            name: "blmpop",
            summary: "Pop elements from a list, or block until one is available",
            complexity: POP_OF_SEVERAL_COMPLEXITY,
            args: &[TIMEOUT, NUMKEYS, KEYS, end("where"), COUNT],
            ..blocking_pop_of_several(LIST)
        },
    ),
];

fn blpop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    pop(ctx, args, End::Head)
}

fn brpop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    pop(ctx, args, End::Tail)
}

fn pop(ctx: &mut Ctx<'_>, args: Args<'_>, end: End) -> Done {
    let timeout_at = args.len() - 1;
    let timeout_ms = parse_timeout_s(args.get(timeout_at), ctx.keys.now_ms())?;
    for index in 1..timeout_at {
        let key = ctx.key(args, index);
        let Some(mut list) = list::write(&mut ctx.keys, &key)? else { continue };
        ctx.reply.array(2);
        ctx.reply.bulk(key.bytes);
        let left = list.pop(end, |value| super::bulk(ctx.reply, value));
        list.settle();
        super::after_removal(&mut ctx.keys, &key, left, super::pop_event(end));
        ctx.keys.effect([moving::pop_name(end), key.bytes]);
        return Ok(());
    }
    ctx.reply.null_array();
    ctx.keys.block(Block::until(DataType::List, timeout_ms));
    Ok(())
}

fn blmove(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let from = moving::parse_end(args.get(3))?;
    let to = moving::parse_end(args.get(4))?;
    let timeout_ms = parse_timeout_s(args.get(5), ctx.keys.now_ms())?;
    match moving::move_element(ctx, args, from, to)? {
        Moving::NoSource => ctx.keys.block(Block::until(DataType::List, timeout_ms)),
        Moving::Done => {
            let sibling: [&[u8]; 5] = [b"LMOVE", args.get(1), args.get(2), args.get(3), args.get(4)];
            ctx.keys.effect(sibling);
        }
    }
    Ok(())
}

fn brpoplpush(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let timeout_ms = parse_timeout_s(args.get(3), ctx.keys.now_ms())?;
    match moving::move_element(ctx, args, End::Tail, End::Head)? {
        Moving::NoSource => ctx.keys.block(Block::until(DataType::List, timeout_ms)),
        Moving::Done => ctx.keys.effect([b"RPOPLPUSH", args.get(1), args.get(2)]),
    }
    Ok(())
}

fn blmpop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let wanted = moving::parse_lmpop(args, 2)?;
    let timeout_ms = parse_timeout_s(args.get(1), ctx.keys.now_ms())?;
    if moving::pop_first(ctx, args, &wanted)? == Moving::NoSource {
        ctx.keys.block(Block::until(DataType::List, timeout_ms));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn with_elements_at_hand_nobody_waits() {
        check(
            "RPUSH b 1 2 3 4 5 6 | BLPOP a b 0 | BRPOP a b 0 | BLMPOP 0 2 a b LEFT COUNT 2 | LRANGE b 0 -1",
            ":6 | [b 1] | [b 6] | [b [2 3]] | [4 5]",
        );
        check(
            "RPUSH s 1 2 | BLMOVE s t LEFT RIGHT 0 | BRPOPLPUSH s t 0.5 | LRANGE t 0 -1 | EXISTS s",
            ":2 | 1 | 2 | [2 1] | :0",
        );
    }

    #[test]
    fn what_is_wrong_is_said_before_anybody_waits() {
        let float = "-ERR timeout is not a float or out of range";
        check(
            "BLPOP a x | BLPOP a -1 | BLPOP a 1e300",
            &format!("{float} | -ERR timeout is negative | -ERR timeout is out of range"),
        );
        check("BLMOVE a b UP LEFT x | BLMOVE a b LEFT LEFT x", &format!("-ERR syntax error | {float}"));
        check(
            "BLMPOP x 0 a LEFT | BLMPOP x 1 a UP | BLMPOP x 1 a LEFT",
            &format!("-ERR numkeys should be greater than 0 | -ERR syntax error | {float}"),
        );
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        check(
            "SET s 1 | BLPOP s l 0 | RPUSH l a | BLMOVE l s LEFT LEFT 0 | LLEN l",
            &format!("OK | {wrong} | :1 | {wrong} | :1"),
        );
    }
}
