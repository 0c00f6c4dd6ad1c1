//! The ends of lists: LPUSH, RPUSH, LPUSHX, RPUSHX, LPOP, RPOP, and LLEN.
//!
//! How a list is stored is in `list_value`.

pub(super) mod blocking;
mod edit;
mod moving;
mod range;
pub(super) mod rows;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::listpack::Value;
use crate::error::CommandError;
use crate::event::{self, Event};
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::num;
use crate::reply::Reply;
use crate::values::list::{self, End, ListMut, ListRef};

pub(crate) type Done = Result<(), CommandError>;

pub(crate) fn lpush(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    push(ctx, args, End::Head, false)
}

pub(crate) fn rpush(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    push(ctx, args, End::Tail, false)
}

pub(crate) fn lpushx(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    push(ctx, args, End::Head, true)
}

pub(crate) fn rpushx(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    push(ctx, args, End::Tail, true)
}

pub(crate) fn lpop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    pop(ctx, args, End::Head, "lpop")
}

pub(crate) fn rpop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    pop(ctx, args, End::Tail, "rpop")
}

pub(crate) fn llen(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let len = list::read(&mut ctx.keys, &key)?.map_or(0, ListRef::len);
    ctx.reply.len_int(len);
    Ok(())
}

/// The event of a push to this end.
pub(crate) const fn push_event(end: End) -> Event {
    match end {
        End::Head => event::LPUSH,
        End::Tail => event::RPUSH,
    }
}

/// The event of a pop from this end.
pub(crate) const fn pop_event(end: End) -> Event {
    match end {
        End::Head => event::LPOP,
        End::Tail => event::RPOP,
    }
}

/// An element as a bulk string.
#[inline]
pub(crate) fn bulk(reply: &mut Reply, value: Value<'_>) {
    match value {
        Value::Str(text) => reply.bulk(text),
        Value::Int(int) => reply.bulk_int(int),
    }
}

/// Tells that elements of a list have gone. Its key goes with the last one: then that is the event.
#[inline]
pub(crate) fn after_removal(keys: &mut Keyspace<'_>, key: &Key<'_>, left: usize, event: Event) {
    if left > 0 {
        keys.changed(key, event);
    } else {
        keys.notify(key, event);
        remove(keys, key);
    }
}

/// Removes a list of which nothing is left, or nothing is to be left.
#[cold]
pub(crate) fn remove(keys: &mut Keyspace<'_>, key: &Key<'_>) {
    let freeing = keys.freeing_by_server();
    keys.delete(key, freeing);
    keys.changed(key, event::DEL);
}

/// Takes up to `count` elements from an end, writes them as an array, in the order in which they were taken,
/// and gives the number of those that are left. When none is, they are still there: the caller removes the
/// key.
pub(crate) fn pop_several(mut list: ListMut<'_>, end: End, count: usize, reply: &mut Reply) -> usize {
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
    let key = ctx.key(args, 1);
    let len = match list::write(&mut ctx.keys, &key)? {
        Some(mut list) => list.push_args(end, args, 2),
        None if must_exist => {
            ctx.reply.int(0);
            return Ok(());
        }
        None => {
            list::add(&mut ctx.keys, &key, end, args, 2);
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
    let key = ctx.key(args, 1);
    let Some(mut list) = list::write(&mut ctx.keys, &key)? else {
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
    let key = ctx.key(args, 1);
    let Some(list) = list::write(&mut ctx.keys, &key)? else {
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

#[cfg(test)]
mod tests {
    use crate::testing::{Sandbox, check};

    #[test]
    fn pushes_go_to_their_end_one_after_the_other() {
        check("RPUSH l a b c | LPUSH l 1 2 | LRANGE l 0 -1", ":3 | :5 | [2 1 a b c]");
        check("LPUSH l a b c | RPUSH l 007 -7 | LRANGE l 0 -1 | LLEN l", ":3 | :5 | [c b a 007 \"-7\"] | :5");
    }

    #[test]
    fn more_elements_than_are_put_in_one_move_keep_their_order() {
        let all: Vec<_> = (0..40).map(|number| number.to_string()).collect();
        let back: Vec<_> = all.iter().rev().cloned().collect();
        for (command, expected) in [("RPUSH", &all), ("LPUSH", &back)] {
            let script =
                format!("{command} l x | {command} l {} | LREM l 0 x | LRANGE l 0 -1", all.join(" "));
            check(&script, &format!(":1 | :41 | :1 | [{}]", expected.join(" ")));
            let script = format!("{command} l {} | LRANGE l 0 -1", all.join(" "));
            check(&script, &format!(":40 | [{}]", expected.join(" ")));
        }
    }

    #[test]
    fn the_x_variants_want_a_list() {
        check("LPUSHX l a | RPUSHX l a | EXISTS l", ":0 | :0 | :0");
        check("RPUSH l a | LPUSHX l b c | RPUSHX l d | LRANGE l 0 -1", ":1 | :3 | :4 | [c b a d]");
    }

    #[test]
    fn a_pop_takes_from_its_end_and_the_last_one_removes_the_key() {
        check("RPUSH l a 2 c | LPOP l | RPOP l | LPOP l | EXISTS l", ":3 | a | c | 2 | :0");
        check("LPOP l | RPOP l | RESP 3 | LPOP l", "(nil) | (nil) | (nil)");
        check(
            "RPUSH l a b | EXPIRE l 9 | LPOP l | TTL l | LPOP l | RPUSH l a | TTL l",
            ":2 | :1 | a | :9 | b | :1 | :-1",
        );
    }

    #[test]
    fn a_count_makes_an_array_of_what_is_popped() {
        check(
            "RPUSH l a b c d e | LPOP l 2 | RPOP l 2 | RPOP l 9 | EXISTS l",
            ":5 | [a b] | [e d] | [c] | :0",
        );
        check("LPOP l 2 | RPUSH l a | LPOP l 0 | LLEN l", "(nil array) | :1 | [] | :1");
        check("RPUSH l a b | RPOP l 9223372036854775807 | EXISTS l", ":2 | [b a] | :0");
        let error = "-ERR value is out of range, must be positive";
        check(
            "SET s 1 | LPOP s -1 | RPOP l x | LPOP s 0",
            &format!(
                "OK | {error} | {error} | -WRONGTYPE Operation against a key holding the wrong kind of value"
            ),
        );
        check("RPOP l 1 2", "-ERR wrong number of arguments for 'rpop' command");
    }

    #[test]
    fn another_type_is_refused_and_left_alone() {
        let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        for command in [
            "LPUSH s 1",
            "RPUSH s 1",
            "LPUSHX s 1",
            "RPUSHX s 1",
            "LPOP s",
            "RPOP s",
            "LPOP s 1",
            "LLEN s",
            "LRANGE s 0 1",
            "LINDEX s 0",
            "LSET s 0 a",
            "LINSERT s BEFORE a b",
            "LREM s 0 a",
            "LTRIM s 0 1",
            "LPOS s a",
            "LMOVE s l LEFT LEFT",
            "RPOPLPUSH s l",
            "LMPOP 1 s LEFT",
            "LMPOP 2 l s LEFT",
        ] {
            check(&format!("SET s 1 | {command} | GET s"), &format!("OK | {wrong} | 1"));
        }
    }

    #[test]
    fn what_changed_a_list_is_an_effect_and_what_found_nothing_to_do_is_none() {
        for (command, effect) in [
            ("LPOP l", "LPOP l"),
            ("RPUSH l x", "RPUSH l x"),
            ("LPOP l 2", "LPOP l 2"),
            ("LTRIM l 5 6", "LTRIM l 5 6"),
            ("LMPOP 2 m l RIGHT COUNT 9", "RPOP l 2"),
            ("LRANGE l 0 1", ""),
            ("LPUSHX m x", ""),
            ("LPOP m", ""),
            ("LPOP l 0", ""),
            ("LREM l 0 x", ""),
            ("LINSERT l BEFORE x y", ""),
        ] {
            let mut sandbox = Sandbox::new();
            sandbox.run("RPUSH l a b");
            sandbox.shard_mut().listen_to_effects(true);
            sandbox.run(command);
            let effects = sandbox.shard_mut().take_effects().into_iter().flat_map(|group| group.effects);
            let said: Vec<_> = effects
                .map(|effect| effect.args.as_args().iter_from(0).collect::<Vec<_>>().join(&b' '))
                .map(|line| String::from_utf8(line).unwrap())
                .collect();
            assert_eq!(said.join(" | "), effect, "effects of {command}");
        }
    }
}
