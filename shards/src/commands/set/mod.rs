//! Members of one set, one by one: SADD, SREM, SISMEMBER, SMISMEMBER, SCARD, SMOVE, SSCAN.
//!
//! What a set is made of is the business of [`crate::values::set`].

mod algebra;
mod random;
pub(super) mod rows;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::entry::Expire;
use crate::error::CommandError;
use crate::event;
use crate::glob;
use crate::key::Key;
use crate::num;
use crate::object::DataType;
use crate::reply::Reply;
use crate::values::set::{self, NewSet, Rules, SetRef};
use crate::walk;

type Done = Result<(), CommandError>;

/// `SADD key member [member ...]`
pub(crate) fn sadd(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let added = add_all(ctx, &key, args, 2)?;
    if added > 0 {
        ctx.keys.changed(&key, event::SADD);
    }
    ctx.reply.len_int(added);
    Ok(())
}

/// Adds the arguments from `first` on to the set at the key, which is made if it is not there. Gives the
/// number of new members.
fn add_all(ctx: &mut Ctx<'_>, key: &Key<'_>, args: Args<'_>, first: usize) -> Result<usize, CommandError> {
    let rules = Rules::of(ctx.keys.limits());
    let hash_of = ctx.keys.hash_of();
    let count = args.len() - first;
    let members = args.iter_from(first);
    if let Some(mut entry) = ctx.keys.write_typed(key, DataType::Set)? {
        set::prepare(&mut entry, count, &rules, &hash_of);
        return Ok(members.filter(|member| set::add(&mut entry, member, &rules, &hash_of)).count());
    }
    let mut set = NewSet::for_members(args.get(first), count, &rules);
    let added = members.filter(|member| set.add(set::Member::Str(member), &rules, &hash_of)).count();
    set.into_value(|value| ctx.keys.add(key, value, Expire::Clear));
    Ok(added)
}

/// `SREM key member [member ...]`
pub(crate) fn srem(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let Some(mut entry) = ctx.keys.write_typed(&key, DataType::Set)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let mut removed = 0;
    let mut is_empty = false;
    for member in args.iter_from(2) {
        if set::remove(&mut entry, member, &hash_of) {
            removed += 1;
            is_empty = SetRef::of(entry.view()).is_empty();
            if is_empty {
                break;
            }
        }
    }
    if removed > 0 {
        tell_removed(ctx, &key, is_empty);
    }
    ctx.reply.len_int(removed);
    Ok(())
}

/// Tells that members of a set were removed, and removes the key if none are left.
fn tell_removed(ctx: &mut Ctx<'_>, key: &Key<'_>, is_empty: bool) {
    if is_empty {
        ctx.keys.notify(key, event::SREM);
        ctx.keys.delete(key, ctx.keys.freeing_by_server());
        ctx.keys.changed(key, event::DEL);
    } else {
        ctx.keys.changed(key, event::SREM);
    }
}

/// `SISMEMBER key member`
pub(crate) fn sismember(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let entry = ctx.keys.read_typed(&key, DataType::Set)?;
    let is_member = entry.is_some_and(|entry| SetRef::of(entry).contains(args.get(2), hash_of));
    ctx.reply.int(is_member.into());
    Ok(())
}

/// `SMISMEMBER key member [member ...]`
pub(crate) fn smismember(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let hash_of = ctx.keys.hash_of();
    let set = ctx.keys.read_typed(&key, DataType::Set)?.map(SetRef::of);
    ctx.reply.array(args.len() - 2);
    for member in args.iter_from(2) {
        ctx.reply.int(set.is_some_and(|set| set.contains(member, &hash_of)).into());
    }
    Ok(())
}

/// `SCARD key`
pub(crate) fn scard(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let len = ctx.keys.read_typed(&key, DataType::Set)?.map_or(0, |entry| SetRef::of(entry).len());
    ctx.reply.len_int(len);
    Ok(())
}

/// `SMOVE source destination member`
pub(crate) fn smove(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let (source, destination) = (ctx.key(args, 1), ctx.key(args, 2));
    let hash_of = ctx.keys.hash_of();
    // Whatever the destination is: without a source there is nothing to do.
    if ctx.keys.write_typed(&source, DataType::Set)?.is_none() {
        ctx.reply.int(0);
        return Ok(());
    }
    ctx.keys.write_typed(&destination, DataType::Set)?;
    let mut entry = ctx.keys.write(&source).expect("it was there just now, and no time has passed");
    let member = args.get(3);
    if source.bytes == destination.bytes {
        ctx.reply.int(SetRef::of(entry.view()).contains(member, hash_of).into());
        return Ok(());
    }
    if !set::remove(&mut entry, member, hash_of) {
        ctx.reply.int(0);
        return Ok(());
    }
    let is_empty = SetRef::of(entry.view()).is_empty();
    tell_removed(ctx, &source, is_empty);
    if add_all(ctx, &destination, args, 3)? > 0 {
        ctx.keys.changed(&destination, event::SADD);
    }
    ctx.reply.int(1);
    Ok(())
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`
pub(crate) fn sscan(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let cursor = walk::parse_number(args.get(2)).ok_or(CommandError::other("ERR invalid cursor"))?;
    let key = ctx.key(args, 1);
    let Some(entry) = ctx.keys.read_typed(&key, DataType::Set)? else {
        walk::write_reply(ctx.reply, 0, 0, &Reply::default());
        return Ok(());
    };
    let (pattern, count) = scan_options(args)?;
    let mut found = Reply::default();
    let mut found_count = 0;
    let mut visit = |member: &[u8]| {
        if pattern.is_none_or(|pattern| glob::matches(pattern, member)) {
            found.bulk(member);
            found_count += 1;
        }
    };
    let next = match SetRef::of(entry) {
        SetRef::Table(members) => members.scan(cursor, count, visit),
        // A packed set has no places that a cursor could stand for; it comes all at once.
        packed => {
            packed.iter().for_each(|member| visit(member.bytes(&mut itoa::Buffer::new())));
            0
        }
    };
    walk::write_reply(ctx.reply, next, found_count, &found);
    Ok(())
}

/// How many members a call of SSCAN looks at unless it is told.
const SCAN_COUNT_DEFAULT: usize = 10;

/// The pattern, unless it asks for nothing, and the number of members to look at.
fn scan_options(args: Args<'_>) -> Result<(Option<&[u8]>, usize), CommandError> {
    let (mut pattern, mut count) = (None, SCAN_COUNT_DEFAULT);
    for at in (3..args.len()).step_by(2) {
        if at + 1 == args.len() {
            return Err(CommandError::Syntax);
        }
        let value = args.get(at + 1);
        if args[at].eq_ignore_ascii_case(b"count") {
            let number = num::parse_i64(value).ok_or(CommandError::NotAnInteger)?;
            count = usize::try_from(number).ok().filter(|&count| count > 0).ok_or(CommandError::Syntax)?;
        } else if args[at].eq_ignore_ascii_case(b"match") {
            pattern = Some(value).filter(|&pattern| pattern != b"*");
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok((pattern, count))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fmt::Write;

    use crate::encoding::limits::Limits;
    use crate::testing::{Sandbox, check, check_in};

    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

    /// `SADD key` with so many members, made of a prefix and a number.
    fn sadd(key: &str, prefix: &str, count: usize) -> String {
        (0..count).fold(format!("SADD {key}"), |mut line, number| {
            write!(line, " {prefix}{number}").unwrap();
            line
        })
    }

    #[test]
    fn members_are_in_once_and_counted() {
        check("SADD s a b a | SADD s b c | SCARD s | TYPE s", ":2 | :1 | :3 | set");
        check("SADD s 1 2 1 | SADD s 2 | SCARD s | SMEMBERS s", ":2 | :0 | :2 | [1 2]");
        check("SCARD none | SISMEMBER none a | SMISMEMBER none a b", ":0 | :0 | [:0 :0]");
        check("SADD s a 1 \"\" | SMISMEMBER s a 1 01 \"\" b", ":3 | [:1 :1 :0 :1 :0]");
        check("SADD s 1 2 | SISMEMBER s 1 | SISMEMBER s 3 | SISMEMBER s x", ":2 | :1 | :0 | :0");
    }

    #[test]
    fn a_set_without_members_is_gone() {
        for members in ["1 2", "a b", "1 b", &format!("a {}", "x".repeat(65))] {
            let script =
                format!("SADD s {members} | SREM s none | SREM s {members} more | EXISTS s | TYPE s");
            check(&script, ":2 | :0 | :2 | :0 | none");
        }
        check("SREM none a", ":0");
        check("SADD s a b c | SREM s b x | SMEMBERS s", ":3 | :1 | [a c]");
    }

    #[test]
    fn encodings_change_as_in_redis_7_2() {
        let encoding = "OBJECT ENCODING s";
        check(&format!("SADD s 1 | {encoding} | SADD s a | {encoding}"), ":1 | intset | :1 | listpack");
        // Nothing goes back by itself.
        check(&format!("SADD s 1 a | SREM s a | {encoding}"), ":2 | :1 | listpack");
        check(&format!("SADD s 1 | SADD s \"x\"*64 | {encoding}"), ":1 | :1 | listpack");
        check(&format!("SADD s 1 | SADD s \"x\"*65 | {encoding}"), ":1 | :1 | hashtable");
        check(&format!("SADD s a \"x\"*65 | SREM s \"x\"*65 | {encoding}"), ":2 | :1 | hashtable");
        for (prefix, count, one_more, before, after) in [
            ("", 512, "9999", "intset", "hashtable"),
            ("", 128, "x", "intset", "hashtable"),
            ("", 127, "x", "intset", "listpack"),
            ("m", 128, "x", "listpack", "hashtable"),
            ("m", 128, "m0", "listpack", "listpack"),
        ] {
            let mut sandbox = Sandbox::new();
            for number in 0..count {
                check_in(&mut sandbox, &format!("SADD s {prefix}{number}"), ":1");
            }
            check_in(&mut sandbox, encoding, before);
            sandbox.run(&format!("SADD s {one_more}"));
            check_in(&mut sandbox, encoding, after);
        }
    }

    #[test]
    fn the_number_of_members_sent_chooses_the_encoding_even_if_they_are_the_same() {
        let many = |member: &str, count: usize| format!("SADD s{}", format!(" {member}").repeat(count));
        for (line, encoding) in [
            (many("1", 512), "intset"),
            (many("1", 513), "hashtable"),
            (many("a", 128), "listpack"),
            (many("a", 129), "hashtable"),
        ] {
            check(&format!("{line} | OBJECT ENCODING s | SCARD s"), &format!(":1 | {encoding} | :1"));
        }
        let again = many("1", 513);
        check(&format!("SADD s 1 | {again} | OBJECT ENCODING s | SCARD s"), ":1 | :0 | hashtable | :1");
        check(&format!("{} | OBJECT ENCODING s", sadd("s", "", 513)), ":513 | hashtable");
    }

    #[test]
    fn limits_that_are_set_hold() {
        let limits = |ints, members| Limits {
            set_intset_entries_max: ints,
            set_entries_max: members,
            set_value_bytes_max: 3,
            ..Limits::default()
        };
        for (limits, members, encoding) in [
            (limits(0, 2), "1", "listpack"),
            (limits(0, 0), "1", "hashtable"),
            (limits(2, 2), "1 2 3", "hashtable"),
            (limits(3, 2), "1 2 3", "intset"),
            // The members come one by one.
            (limits(9, 3), "1 2 a", "listpack"),
            (limits(9, 3), "1000 2 a", "hashtable"),
            (limits(9, 3), "-100 2 a", "hashtable"),
            (limits(9, 3), "a 1000", "hashtable"),
            (limits(9, 3), "a 100", "listpack"),
        ] {
            let mut sandbox = Sandbox::new();
            sandbox.shard_mut().set_limits(limits);
            for member in members.split(' ') {
                check_in(&mut sandbox, &format!("SADD s {member}"), ":1");
            }
            check_in(&mut sandbox, "OBJECT ENCODING s", encoding);
        }
    }

    #[test]
    fn changes_keep_the_expire_of_a_set() {
        let script =
            format!("SADD s 1 | PEXPIRE s 100 | SADD s a | {} | SREM s a | PTTL s", sadd("s", "m", 200));
        check(&script, ":1 | :1 | :1 | :200 | :1 | :100");
    }

    #[test]
    fn smove_takes_a_member_from_one_set_to_the_other() {
        check("SADD a 1 2 | SMOVE a b 1 | SMEMBERS a | SMEMBERS b", ":2 | :1 | [2] | [1]");
        check("SADD a x | SMOVE a b x | EXISTS a | SMEMBERS b", ":1 | :1 | :0 | [x]");
        check("SADD a 1 2 | SADD b 1 | SMOVE a b 1 | SMEMBERS a | SMEMBERS b", ":2 | :1 | :1 | [2] | [1]");
        check("SADD a 1 | SADD b 2 | SMOVE a b x | SCARD a | SCARD b", ":1 | :1 | :0 | :1 | :1");
        check("SADD a 1 | SMOVE a a 1 | SMOVE a a 2 | SCARD a", ":1 | :1 | :0 | :1");
        check("SADD b 1 | SMOVE a b 1", ":1 | :0");
        check("SADD a 1 | SADD b 5 | SMOVE a b 1 | OBJECT ENCODING b", ":1 | :1 | :1 | intset");
    }

    #[test]
    fn smove_minds_a_wrong_destination_only_if_there_is_a_source() {
        check("SET b x | SMOVE a b 1", "OK | :0");
        check("SET b x | SADD a 1 | SMOVE a b 2 | SCARD a", &format!("OK | :1 | {WRONG_TYPE} | :1"));
        check("SET a x | SMOVE a b 1 | SMOVE a a 1", &format!("OK | {WRONG_TYPE} | {WRONG_TYPE}"));
    }

    #[test]
    fn other_types_are_refused() {
        for command in ["SADD a x", "SREM a x", "SISMEMBER a x", "SMISMEMBER a x", "SCARD a", "SSCAN a 0 foo"]
        {
            check(&format!("SET a x | {command}"), &format!("OK | {WRONG_TYPE}"));
        }
    }

    #[test]
    fn a_small_set_is_scanned_at_once_whatever_the_cursor() {
        check("SADD s 2 1 | SSCAN s 0 | SSCAN s 77 COUNT 1", ":2 | [0 [1 2]] | [0 [1 2]]");
        check("SADD s a 1 ab | SSCAN s 0 MATCH a* | SSCAN s 0 match 1", ":3 | [0 [a ab]] | [0 [1]]");
        check("SSCAN none 0 foo | SSCAN none x", "[0 []] | -ERR invalid cursor");
        for (options, error) in [
            ("COUNT 0", "-ERR syntax error"),
            ("COUNT -1", "-ERR syntax error"),
            ("COUNT x", "-ERR value is not an integer or out of range"),
            ("MATCH", "-ERR syntax error"),
            ("TYPE set", "-ERR syntax error"),
        ] {
            check(&format!("SADD s 1 | SSCAN s 0 {options}"), &format!(":1 | {error}"));
        }
    }

    #[test]
    fn a_large_set_is_scanned_in_parts_that_miss_nothing_that_stays() {
        let mut sandbox = Sandbox::new();
        sandbox.run(&sadd("s", "stay:", 300));
        let (mut cursor, mut calls, mut seen) = ("0".to_owned(), 0, BTreeSet::new());
        loop {
            let reply = sandbox.run(&format!("SSCAN s {cursor} COUNT 20"));
            let (next, found) = reply.trim_matches(['[', ']']).split_once(' ').unwrap();
            seen.extend(found.trim_start_matches('[').split(' ').map(str::to_owned));
            // The table grows while the scan is under way.
            sandbox.run(&sadd("s", &format!("later:{calls}:"), 100));
            calls += 1;
            cursor = next.to_owned();
            if cursor == "0" {
                break;
            }
        }
        assert!(
            calls > 3 && (0..300).all(|number| seen.contains(&format!("stay:{number}"))),
            "{calls} calls"
        );
    }

    #[test]
    fn only_what_changes_a_set_counts_as_a_change() {
        for (command, is_change) in
            [("SADD s a", false), ("SREM s b", false), ("SADD s b", true), ("SREM s a", true)]
        {
            let mut sandbox = Sandbox::new();
            sandbox.run("SADD s a");
            let dirty = sandbox.shard().env().dirty;
            sandbox.run(command);
            assert_eq!(sandbox.shard().env().dirty > dirty, is_change, "{command}");
        }
    }
}
