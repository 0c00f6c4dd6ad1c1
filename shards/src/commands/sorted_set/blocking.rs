//! Commands that wait for a member: BZPOPMIN, BZPOPMAX, BZMPOP.
//!
//! Each does what its sibling without B does, or says that it would wait ([`crate::blocking`]). Its effect is
//! that of its sibling, so that nobody who repeats it waits.

use super::member_rows::{POP_OF_SEVERAL_COMPLEXITY, WHERE};
use super::pop::{self, End};
use crate::args::Args;
use crate::blocking::{Block, parse_timeout_s};
use crate::command::shapes::{
    COUNT, KEYS, NUMKEYS, SORTED_SET, TIMEOUT, blocking_pop_of, blocking_pop_of_several,
};
use crate::command::{CommandSpec, DataCommand, flags};
use crate::ctx::Ctx;
use crate::error::CommandError;
use crate::object::DataType;

/// Takes a member from one end of the first sorted set that has any.
const BLOCKING_POP: CommandSpec = CommandSpec {
    since: "5.0.0",
    complexity: "O(log(N)) with N being the number of elements in the sorted set.",
    flags: flags::WRITE | flags::NOSCRIPT | flags::BLOCKING | flags::FAST,
    ..blocking_pop_of(SORTED_SET)
};

/// The rows of this file.
pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        bzpopmin,
        CommandSpec {
            name: "bzpopmin",
            summary: "Remove and return the member with the lowest score from one or more sorted sets, or \
                block until one is available",
            ..BLOCKING_POP
        },
    ),
    DataCommand::new(
        bzpopmax,
        CommandSpec {
            name: "bzpopmax",
            summary: "Remove and return the member with the highest score from one or more sorted sets, or \
                block until one is available",
            ..BLOCKING_POP
        },
    ),
    DataCommand::new(
        bzmpop,
        CommandSpec {
            name: "bzmpop",
            summary: "Remove and return members with scores in a sorted set or block until one is available",
            complexity: POP_OF_SEVERAL_COMPLEXITY,
            args: &[TIMEOUT, NUMKEYS, KEYS, WHERE, COUNT],
            ..blocking_pop_of_several(SORTED_SET)
        },
    ),
];

type Done = Result<(), CommandError>;

fn bzpopmin(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    pop_one(ctx, args, End::Min)
}

fn bzpopmax(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    pop_one(ctx, args, End::Max)
}

fn pop_one(ctx: &mut Ctx<'_>, args: Args<'_>, end: End) -> Done {
    let timeout_at = args.len() - 1;
    let timeout_ms = parse_timeout_s(args.get(timeout_at), ctx.keys.now_ms())?;
    for index in 1..timeout_at {
        let key = ctx.key(args, index);
        if ctx.keys.write_typed(&key, DataType::SortedSet)?.is_some() {
            pop::pop_with_name(ctx, &key, end);
            let name: &[u8] = if end == End::Min { b"ZPOPMIN" } else { b"ZPOPMAX" };
            ctx.keys.effect([name, key.bytes]);
            return Ok(());
        }
    }
    ctx.reply.null_array();
    ctx.keys.block(Block::until(DataType::SortedSet, timeout_ms));
    Ok(())
}

fn bzmpop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let wanted = pop::parse_zmpop(args, 2)?;
    let timeout_ms = parse_timeout_s(args.get(1), ctx.keys.now_ms())?;
    if !pop::pop_first(ctx, args, &wanted)? {
        ctx.keys.block(Block::until(DataType::SortedSet, timeout_ms));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn with_members_at_hand_nobody_waits() {
        check(
            "ZADD b 1.5 x 2 y 3 z 4 w | BZPOPMIN a b 0 | BZPOPMAX a b 0 | BZMPOP 0 2 a b MIN COUNT 9 \
                | EXISTS b",
            ":4 | [b x 1.5] | [b w 4] | [b [[y 2] [z 3]]] | :0",
        );
    }

    #[test]
    fn what_is_wrong_is_said_before_anybody_waits() {
        let float = "-ERR timeout is not a float or out of range";
        check(
            "BZMPOP x 0 a MIN | BZMPOP x 1 a UP | BZMPOP x 1 a MIN | BZPOPMIN a x",
            &format!("-ERR numkeys should be greater than 0 | -ERR syntax error | {float} | {float}"),
        );
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        check("SET s 1 | BZPOPMIN s z 0", &format!("OK | {wrong}"));
    }
}
