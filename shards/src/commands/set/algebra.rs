//! Whole sets and what several of them have in common: SMEMBERS, SINTER, SUNION, SDIFF, their STORE forms,
//! SINTERCARD.
//!
//! All keys are at hand, whoever owns them. A destination may be one of the sources: the result is made
//! first.

use std::cmp::Reverse;
use std::ops::Range;

use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::member_table::Members;
use crate::entry::Expire;
use crate::error::CommandError;
use crate::event::{self, Event};
use crate::keyspace::Keyspace;
use crate::num;
use crate::object::DataType;
use crate::reply::Reply;
use crate::values::set::{Member, NewSet, Rules, SetRef};

type Done = Result<(), CommandError>;

/// `SMEMBERS key`
pub(crate) fn smembers(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let set = ctx.keys.read_typed(&key, DataType::Set)?.map(SetRef::of);
    ctx.reply.set(set.map_or(0, SetRef::len));
    reply_members(ctx.reply, set.into_iter().flat_map(SetRef::iter));
    Ok(())
}

/// `SINTER key [key ...]`
pub(crate) fn sinter(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let sources = 1..args.len();
    read_all(ctx, args, sources.clone())?;
    let hash_of = ctx.keys.hash_of();
    let sets = sets(&ctx.keys, args, sources);
    let mut found = Found::new(ctx.reply);
    intersect(sets, hash_of, |member| {
        found.push(member);
        true
    });
    found.reply_to(ctx.reply);
    Ok(())
}

/// `SINTERSTORE destination key [key ...]`
pub(crate) fn sinterstore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let sources = 2..args.len();
    read_all(ctx, args, sources.clone())?;
    let (hash_of, rules) = (ctx.keys.hash_of(), Rules::of(ctx.keys.limits()));
    let sets = sets(&ctx.keys, args, sources);
    let smallest = sets.iter().flatten().min_by_key(|set| set.len());
    let mut result = match smallest {
        Some(SetRef::Ints(_)) => NewSet::ints(),
        _ => NewSet::listpack(),
    };
    intersect(sets, &hash_of, |member| {
        result.add(member, &rules, &hash_of);
        true
    });
    store(ctx, args, result.settled(&rules), event::SINTERSTORE);
    Ok(())
}

/// `SINTERCARD numkeys key [key ...] [LIMIT limit]`
pub(crate) fn sintercard(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key_count = num::parse_i64(args.get(1)).and_then(|count| usize::try_from(count).ok());
    let key_count = key_count
        .filter(|&count| count > 0)
        .ok_or(CommandError::other("ERR numkeys should be greater than 0"))?;
    if key_count > args.len() - 2 {
        return Err(CommandError::other("ERR Number of keys can't be greater than number of args"));
    }
    let sources = 2..2 + key_count;
    let limit = limit(args.skip(sources.end))?;
    read_all(ctx, args, sources.clone())?;
    let mut count = 0;
    intersect(sets(&ctx.keys, args, sources), ctx.keys.hash_of(), |_| {
        count += 1;
        count != limit
    });
    ctx.reply.len_int(count);
    Ok(())
}

/// The options of SINTERCARD; 0 is no limit.
fn limit(options: Args<'_>) -> Result<usize, CommandError> {
    let mut limit = 0;
    for at in (0..options.len()).step_by(2) {
        if at + 1 == options.len() || !options[at].eq_ignore_ascii_case(b"limit") {
            return Err(CommandError::Syntax);
        }
        let number = num::parse_i64(options.get(at + 1)).and_then(|limit| usize::try_from(limit).ok());
        limit = number.ok_or(CommandError::other("ERR LIMIT can't be negative"))?;
    }
    Ok(limit)
}

/// `SUNION key [key ...]`
pub(crate) fn sunion(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let sources = 1..args.len();
    read_all(ctx, args, sources.clone())?;
    let (hash_of, rules) = (ctx.keys.hash_of(), Rules::of(ctx.keys.limits()));
    let sets: Vec<SetRef<'_>> = sets(&ctx.keys, args, sources).into_iter().flatten().collect();
    if let [only] = sets[..] {
        ctx.reply.set(only.len());
        reply_members(ctx.reply, only.iter());
        return Ok(());
    }
    // A listpack would be searched from its start for each member.
    let is_of_ints = sets.iter().all(|set| matches!(set, SetRef::Ints(_)));
    let result = if is_of_ints { NewSet::ints() } else { NewSet::table() };
    let result = unite(sets.into_iter(), result, &rules, hash_of);
    ctx.reply.set(result.view().len());
    reply_members(ctx.reply, result.view().iter());
    Ok(())
}

/// `SUNIONSTORE destination key [key ...]`
pub(crate) fn sunionstore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let sources = 2..args.len();
    read_all(ctx, args, sources.clone())?;
    let (hash_of, rules) = (ctx.keys.hash_of(), Rules::of(ctx.keys.limits()));
    let sets = sets(&ctx.keys, args, sources).into_iter().flatten();
    let result = unite(sets, NewSet::ints(), &rules, hash_of);
    store(ctx, args, result, event::SUNIONSTORE);
    Ok(())
}

/// `SDIFF key [key ...]`
pub(crate) fn sdiff(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let sources = 1..args.len();
    read_all(ctx, args, sources.clone())?;
    let hash_of = ctx.keys.hash_of();
    let mut found = Found::new(ctx.reply);
    subtract(sets(&ctx.keys, args, sources), hash_of, |member| found.push(member));
    found.reply_to(ctx.reply);
    Ok(())
}

/// `SDIFFSTORE destination key [key ...]`
pub(crate) fn sdiffstore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let sources = 2..args.len();
    read_all(ctx, args, sources.clone())?;
    let (hash_of, rules) = (ctx.keys.hash_of(), Rules::of(ctx.keys.limits()));
    let mut result = NewSet::ints();
    subtract(sets(&ctx.keys, args, sources), &hash_of, |member| {
        result.add(member, &rules, &hash_of);
    });
    store(ctx, args, result, event::SDIFFSTORE);
    Ok(())
}

/// Looks all sources up, for what follows from reading them, and refuses those that are no sets.
fn read_all(ctx: &mut Ctx<'_>, args: Args<'_>, sources: Range<usize>) -> Done {
    for index in sources {
        let key = ctx.key(args, index);
        ctx.keys.read_typed(&key, DataType::Set)?;
    }
    Ok(())
}

/// All sources at once, after [`read_all`]; none for a key that is not there.
fn sets<'a>(keys: &'a Keyspace<'_>, args: Args<'_>, sources: Range<usize>) -> Vec<Option<SetRef<'a>>> {
    sources.map(|index| keys.view(&keys.key(args.get(index))).map(SetRef::of)).collect()
}

/// Visits the members that all sets have, until `visit` says no. Takes the time of the smallest set times the
/// number of sets.
fn intersect(
    sets: Vec<Option<SetRef<'_>>>,
    hash_of: impl Fn(&[u8]) -> u64,
    mut visit: impl FnMut(Member<'_>) -> bool,
) {
    let Some(mut sets) = sets.into_iter().collect::<Option<Vec<SetRef<'_>>>>() else { return };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    for member in smallest.iter() {
        if others.iter().all(|set| set.contains_member(member, &hash_of)) && !visit(member) {
            return;
        }
    }
}

/// Adds the members of all sets to `result`.
fn unite<'a>(
    sets: impl Iterator<Item = SetRef<'a>>,
    mut result: NewSet,
    rules: &Rules,
    hash_of: impl Fn(&[u8]) -> u64,
) -> NewSet {
    sets.flat_map(SetRef::iter).for_each(|member| _ = result.add(member, rules, &hash_of));
    result
}

/// Visits the members of the first set that no other has.
fn subtract(
    sets: Vec<Option<SetRef<'_>>>,
    hash_of: impl Fn(&[u8]) -> u64,
    mut visit: impl FnMut(Member<'_>),
) {
    let mut sets = sets.into_iter();
    let Some(first) = sets.next().flatten() else { return };
    let mut others: Vec<SetRef<'_>> = sets.flatten().collect();
    // Each member is looked for in half of the sets on average, or in one that is first made of them all
    // (Redis: sunionDiffGenericCommand, which weighs the same).
    let work_apart = first.len().saturating_mul(others.len() + 1) / 2;
    let work_together = first.len() + others.iter().map(|set| set.len()).sum::<usize>();
    if work_apart <= work_together {
        others.sort_by_key(|set| Reverse(set.len()));
        let is_left = |member| !others.iter().any(|set| set.contains_member(member, &hash_of));
        return first.iter().filter(|&member| is_left(member)).for_each(visit);
    }
    let mut together = Members::default();
    for member in others.into_iter().flat_map(SetRef::iter) {
        together.insert(member.bytes(&mut itoa::Buffer::new()), &hash_of);
    }
    let together = SetRef::Table(&together);
    for member in first.iter() {
        if !together.contains_member(member, &hash_of) {
            visit(member);
        }
    }
}

/// Makes the result the value of the destination, or removes that if there is none, and replies how many
/// members it has.
fn store(ctx: &mut Ctx<'_>, args: Args<'_>, result: NewSet, event: Event) {
    let destination = ctx.key(args, 1);
    let len = result.view().len();
    ctx.reply.len_int(len);
    if len > 0 {
        result.into_value(|value| ctx.keys.set(&destination, value, Expire::Clear));
        ctx.keys.changed(&destination, event);
    } else if ctx.keys.delete(&destination, ctx.keys.freeing_by_server()) {
        ctx.keys.changed(&destination, event::DEL);
    }
}

/// Members of a reply whose number is not known before the last of them.
struct Found {
    members: Reply,
    count: usize,
}

impl Found {
    fn new(reply: &Reply) -> Found {
        Found { members: Reply::new(reply.is_resp3()), count: 0 }
    }

    fn push(&mut self, member: Member<'_>) {
        self.members.bulk(member.bytes(&mut itoa::Buffer::new()));
        self.count += 1;
    }

    fn reply_to(&self, reply: &mut Reply) {
        reply.set(self.count);
        reply.append(self.members.bytes(), self.members.blobs());
    }
}

/// Replies with these members, whose number the reply has told.
pub(crate) fn reply_members<'a>(reply: &mut Reply, members: impl Iterator<Item = Member<'a>>) {
    members.for_each(|member| reply.bulk(member.bytes(&mut itoa::Buffer::new())));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::encoding::limits::Limits;
    use crate::random::Random;
    use crate::testing::{Sandbox, check, check_in};

    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

    #[test]
    fn sets_are_intersected_united_and_subtracted() {
        let sources = "SADD a 1 2 3 | SADD b 2 3 4 | SADD c 3 x | ";
        for (command, reply) in [
            ("SINTER a b", "[2 3]"),
            ("SINTER a b c", "[3]"),
            ("SINTER a none", "[]"),
            ("SINTER a a", "[1 2 3]"),
            ("SUNION a b", "[1 2 3 4]"),
            ("SUNION a none", "[1 2 3]"),
            ("SUNION none", "[]"),
            ("SDIFF a b", "[1]"),
            ("SDIFF a b c none", "[1]"),
            ("SDIFF a a", "[]"),
            ("SDIFF none a", "[]"),
            ("SDIFF a", "[1 2 3]"),
            ("SMEMBERS a", "[1 2 3]"),
            ("SMEMBERS none", "[]"),
            ("SINTERCARD 2 a b", ":2"),
            ("SINTERCARD 2 a b LIMIT 1", ":1"),
            ("SINTERCARD 2 a b LIMIT 0", ":2"),
            ("SINTERCARD 2 a b limit 1 LIMIT 5", ":2"),
            ("SINTERCARD 2 a none", ":0"),
        ] {
            check(&format!("{sources}{command}"), &format!(":3 | :3 | :2 | {reply}"));
        }
        let reply = ":3 | :3 | :2 | <1 2 3> | <2 3> | <1 2 3 4> | <1> | <>";
        check(
            &format!("{sources}RESP 3 | SMEMBERS a | SINTER a b | SUNION a b | SDIFF a b | SMEMBERS x"),
            reply,
        );
    }

    #[test]
    fn results_are_stored_over_what_was_there() {
        let sources = "SADD a 1 2 3 | SADD b 2 3 4 | SET d x PX 50 | ";
        for (command, count, members) in [
            ("SINTERSTORE d a b", 2, "[2 3]"),
            ("SUNIONSTORE d a b", 4, "[1 2 3 4]"),
            ("SDIFFSTORE d a b", 1, "[1]"),
            ("SUNIONSTORE d a", 3, "[1 2 3]"),
        ] {
            let script = format!("{sources}{command} | SMEMBERS d | PTTL d");
            check(&script, &format!(":3 | :3 | OK | :{count} | {members} | :-1"));
        }
        for command in
            ["SINTERSTORE d a none", "SUNIONSTORE d none", "SDIFFSTORE d a a", "SINTERSTORE d none"]
        {
            check(&format!("{sources}{command} | EXISTS d"), ":3 | :3 | OK | :0 | :0");
        }
        check("SADD a 1 2 | SADD b 2 | SDIFFSTORE a a b | SMEMBERS a", ":2 | :1 | :1 | [1]");
        check("SADD a 1 2 | SADD b 2 | SINTERSTORE b b a b | SMEMBERS b", ":2 | :1 | :1 | [2]");
    }

    #[test]
    fn a_wrong_source_is_refused_even_behind_an_empty_one() {
        for command in [
            "SINTER none a",
            "SUNION none a",
            "SDIFF none a",
            "SINTERSTORE d none a",
            "SINTERCARD 2 none a",
            "SMEMBERS a",
        ] {
            check(
                &format!("SET a x | SADD d 1 | {command} | SCARD d"),
                &format!("OK | :1 | {WRONG_TYPE} | :1"),
            );
        }
    }

    #[test]
    fn wrong_numbers_of_keys_and_limits_are_refused() {
        let keys = "-ERR numkeys should be greater than 0";
        for (arguments, error) in [
            ("0 a", keys),
            ("x a", keys),
            ("-1 a", keys),
            ("2 a", "-ERR Number of keys can't be greater than number of args"),
            ("9223372036854775807 a", "-ERR Number of keys can't be greater than number of args"),
            ("1 a LIMIT", "-ERR syntax error"),
            ("1 a foo 1", "-ERR syntax error"),
            ("1 a LIMIT -1", "-ERR LIMIT can't be negative"),
            ("1 a LIMIT x", "-ERR LIMIT can't be negative"),
        ] {
            check(&format!("SINTERCARD {arguments}"), error);
        }
    }

    #[test]
    fn the_encoding_of_a_result_follows_from_its_members() {
        let long = "x".repeat(65);
        for (sources, command, encoding) in [
            ("SADD a 1 x | SADD b 1 y", "SINTERSTORE d a b", "intset"),
            ("SADD a 1 x | SADD b 1 x", "SINTERSTORE d a b", "listpack"),
            (&*format!("SADD a 1 {long} | SADD b 1 {long} x"), "SINTERSTORE d a b", "hashtable"),
            (&*format!("SADD a 1 x {long} | SADD b 1 x"), "SINTERSTORE d a b", "listpack"),
            (&*format!("SADD a 1 {long} | SADD b 1 {long}2"), "SINTERSTORE d a b", "intset"),
            ("SADD a 1 2 | SADD b 3", "SUNIONSTORE d a b", "intset"),
            ("SADD a 1 2 | SADD b x", "SUNIONSTORE d a b", "listpack"),
            (&*format!("SADD a 1 | SADD b {long}"), "SUNIONSTORE d a b", "hashtable"),
            (&*format!("SADD a 1 {long} | SADD b {long}"), "SDIFFSTORE d a b", "intset"),
            ("SADD a 1 x y | SADD b y", "SDIFFSTORE d a b", "listpack"),
        ] {
            let mut sandbox = Sandbox::of_shards(3);
            sandbox.run(sources);
            sandbox.run(command);
            check_in(&mut sandbox, "OBJECT ENCODING d", encoding);
        }
    }

    /// Sets of random members in random encodings against sets of the standard library.
    #[test]
    fn results_agree_with_a_model() {
        let seed = 0x5e75;
        let mut random = Random::new(seed);
        for round in 0..150 {
            let mut sandbox = Sandbox::of_shards(1 + round % 3);
            let (set_intset_entries_max, set_entries_max) =
                (random.below(12) as u64, random.below(12) as u64);
            let limits = Limits { set_intset_entries_max, set_entries_max, ..Limits::default() };
            sandbox.shard_mut().set_limits(limits);
            let mut models: Vec<BTreeSet<String>> = Vec::new();
            for key in 0..5 {
                let (len, kinds) = (random.below(25), 1 + random.below(2));
                let member = |random: &mut Random| {
                    let prefix = ["", "m"][random.below(kinds)];
                    format!("{prefix}{}", random.below(20))
                };
                let model: BTreeSet<String> = (0..len).map(|_| member(&mut random)).collect();
                model.iter().for_each(|member| check_in(&mut sandbox, &format!("SADD {key} {member}"), ":1"));
                models.push(model);
            }
            let chosen: Vec<usize> = (0..1 + random.below(5)).map(|_| random.below(5)).collect();
            let keys = chosen.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
            let (first, others) = (models[chosen[0]].clone(), &chosen[1..]);
            for (name, expected) in [
                ("SINTER", others.iter().fold(first.clone(), |all, &key| &all & &models[key])),
                ("SUNION", others.iter().fold(first.clone(), |all, &key| &all | &models[key])),
                ("SDIFF", others.iter().fold(first.clone(), |all, &key| &all - &models[key])),
            ] {
                let context = format!("seed {seed:#x}, round {round}, {name} {keys}");
                let members = |reply: &str| -> Vec<String> {
                    let mut members: Vec<_> =
                        reply.trim_matches(['[', ']']).split_whitespace().map(str::to_owned).collect();
                    members.sort();
                    members
                };
                let expected: Vec<String> = expected.into_iter().collect();
                assert_eq!(members(&sandbox.run(&format!("{name} {keys}"))), expected, "{context}");
                let stored = sandbox.run(&format!("{name}STORE d {keys}"));
                assert_eq!(stored, format!(":{}", expected.len()), "{context}");
                assert_eq!(members(&sandbox.run("SMEMBERS d")), expected, "{context}");
                for member in &expected {
                    check_in(&mut sandbox, &format!("SISMEMBER d {member}"), ":1");
                }
            }
        }
    }
}
