//! Members in no order: ZRANDMEMBER and ZSCAN.

use std::collections::BTreeSet;

use super::reply::{write_header, write_item, write_member};
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::listpack::Value as Member;
use crate::error::CommandError;
use crate::glob;
use crate::num;
use crate::object::DataType;
use crate::random::Random;
use crate::reply::{REPEATED_BYTES_MAX, REPEATED_ELEMENTS_MAX, Reply};
use crate::values::sorted_set::View;
use crate::walk::{Cursor, count_of, write_reply};

type Done = Result<(), CommandError>;

const OUT_OF_RANGE: CommandError =
    CommandError::Other(std::borrow::Cow::Borrowed("ERR value is out of range"));

pub(super) fn zrandmember(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    if args.len() == 2 {
        return random_one(ctx, args);
    }
    let count = num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    if count == i64::MIN {
        return Err(CommandError::other(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    let with_scores = match args.len() {
        3 => false,
        4 if args[3].eq_ignore_ascii_case(b"withscores") => true,
        _ => return Err(CommandError::Syntax),
    };
    let is_too_large = with_scores && count.unsigned_abs() > i64::MAX as u64 / 2;
    if is_too_large || (count < 0 && count.unsigned_abs() > REPEATED_ELEMENTS_MAX as u64) {
        return Err(OUT_OF_RANGE);
    }
    let key = ctx.key(args, 1);
    let mut random = Random::new(ctx.keys.random_bits());
    let set = ctx.keys.read_typed(&key, DataType::SortedSet)?.map(View::of);
    let reply = &mut *ctx.reply;
    let Some(set) = set.filter(|_| count != 0) else {
        reply.array(0);
        return Ok(());
    };
    let len = set.len();
    let wanted = count.unsigned_abs() as usize;
    if count < 0 {
        write_header(reply, wanted, with_scores);
        let start = reply.total_len();
        let is_all = repeat(set, wanted, &mut random, |member, score| {
            write_item(reply, member, score, with_scores);
            reply.total_len() - start <= REPEATED_BYTES_MAX
        });
        return if is_all { Ok(()) } else { Err(OUT_OF_RANGE) };
    } else if wanted >= len {
        write_header(reply, len, with_scores);
        set.visit(0..len, false, |member, score| write_item(reply, member, score, with_scores));
    } else {
        write_header(reply, wanted, with_scores);
        for rank in distinct(len, wanted, &mut random) {
            set.visit(rank..rank + 1, false, |member, score| write_item(reply, member, score, with_scores));
        }
    }
    Ok(())
}

fn random_one(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let mut random = Random::new(ctx.keys.random_bits());
    let Some(entry) = ctx.keys.read_typed(&key, DataType::SortedSet)? else {
        ctx.reply.null();
        return Ok(());
    };
    let set = View::of(entry);
    let rank = random.below(set.len());
    set.visit(rank..rank + 1, false, |member, _| write_member(ctx.reply, member));
    Ok(())
}

/// Members drawn one by one, each from all, as long as `visit` wants more. True when all were drawn.
fn repeat<'a>(
    set: View<'a>,
    count: usize,
    random: &mut Random,
    mut visit: impl FnMut(Member<'a>, f64) -> bool,
) -> bool {
    match set {
        // A rank of a listpack is a walk; one for all is enough.
        View::Packed(pack) => {
            let items: Vec<_> = pack.items().collect();
            (0..count).all(|_| {
                let (member, score) = items[random.below(items.len())];
                visit(member, score)
            })
        }
        View::Tree(set) => (0..count).all(|_| {
            let item = set.at_rank(random.below(set.len())).expect("a rank below the length");
            visit(Member::Str(item.member), item.score)
        }),
    }
}

/// `wanted` different numbers below `len`, every choice with the same probability (Floyd's algorithm).
fn distinct(len: usize, wanted: usize, random: &mut Random) -> BTreeSet<usize> {
    let mut chosen = BTreeSet::new();
    for highest in len - wanted..len {
        if !chosen.insert(random.below(highest + 1)) {
            chosen.insert(highest);
        }
    }
    chosen
}

pub(super) fn zscan(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let cursor = Cursor::parse(args.get(2)).ok_or(CommandError::other("ERR invalid cursor"))?;
    let key = ctx.key(args, 1);
    let Some(entry) = ctx.keys.read_typed(&key, DataType::SortedSet)? else {
        // As in Redis, options are not looked at then.
        write_reply(ctx.reply, 0, 0, &Reply::default());
        return Ok(());
    };
    let pattern = pattern(args)?;
    let is_wanted = |member: &[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, member));
    let mut found = Reply::default();
    let mut found_count = 0;
    let next = match View::of(entry) {
        View::Packed(pack) => {
            let mut text = itoa::Buffer::new();
            for (member, score) in pack.items().filter(|(member, _)| is_wanted(member.bytes(&mut text))) {
                write_item(&mut found, member, score, true);
                found_count += 2;
            }
            0
        }
        View::Tree(set) => set.scan(cursor.number(), count_of(args.skip(1)), |item| {
            if is_wanted(item.member) {
                found.bulk(item.member);
                // Here Redis prints 17 digits (scanCallback: ld2string).
                found.bulk(num::format_double(item.score).as_bytes());
                found_count += 2;
            }
        }),
    };
    write_reply(ctx.reply, next, found_count, &found);
    Ok(())
}

/// The pattern of ZSCAN. Looks at COUNT as well.
fn pattern(args: Args<'_>) -> Result<Option<&[u8]>, CommandError> {
    let mut pattern = None;
    for at in (3..args.len()).step_by(2) {
        let value = (at + 1 < args.len()).then(|| args.get(at + 1)).ok_or(CommandError::Syntax)?;
        if args[at].eq_ignore_ascii_case(b"count") {
            if num::parse_i64(value).ok_or(CommandError::NotAnInteger)? < 1 {
                return Err(CommandError::Syntax);
            }
        } else if args[at].eq_ignore_ascii_case(b"match") {
            pattern = Some(value).filter(|pattern| pattern != b"*");
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(pattern)
}
