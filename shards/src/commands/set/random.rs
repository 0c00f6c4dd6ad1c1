//! Members chosen by chance: SPOP, SRANDMEMBER.
//!
//! Every member, and with a count every choice of members, has the same chance, but for what
//! [`Members::random`] says of itself.

use super::algebra::reply_members;
use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::Freeing;
use crate::encoding::intset;
use crate::encoding::listpack;
use crate::encoding::member_table::Members;
use crate::entry::{Expire, Packing};
use crate::error::CommandError;
use crate::event;
use crate::key::Key;
use crate::num;
use crate::object::DataType;
use crate::random::Random;
use crate::reply::{REPEATED_BYTES_MAX, REPEATED_ELEMENTS_MAX, Reply};
use crate::values::set::{self, Member, NewSet, Rules, SetRef};

type Done = Result<(), CommandError>;

const OUT_OF_RANGE: CommandError =
    CommandError::Other(std::borrow::Cow::Borrowed("ERR value is out of range"));
/// When more than this many times the members that stay are taken, the ones that stay are chosen (Redis:
/// SPOP_MOVE_STRATEGY_MUL).
const TAKEN_PER_STAYING: usize = 5;
/// Members are drawn until there are enough different ones if that is fewer than one in so many (Redis:
/// SRANDMEMBER_SUB_STRATEGY_MUL).
const MEMBERS_PER_DRAW: usize = 3;
/// One effect names at most so many members (Redis: the batches of spopWithCountCommand).
const EFFECT_MEMBERS_MAX: usize = 1024;

/// `SPOP key [count]`
pub(crate) fn spop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    match args.len() {
        2 => pop_one(ctx, &key),
        3 => pop_some(ctx, &key, args.get(2)),
        _ => Err(CommandError::Syntax),
    }
}

fn pop_one(ctx: &mut Ctx<'_>, key: &Key<'_>) -> Done {
    let hash_of = ctx.keys.hash_of();
    let mut random = Random::new(ctx.keys.random_bits());
    let Some(mut entry) = ctx.keys.write_typed(key, DataType::Set)? else {
        ctx.reply.null();
        return Ok(());
    };
    let start = ctx.reply.bytes().len();
    match SetRef::of(entry.view()) {
        SetRef::Ints(ints) => {
            let index = random.below(ints.len());
            ctx.reply.bulk_int(ints.get(index).expect("the index is below the length"));
            entry.with_packed(|pack| intset::remove_at(pack, index));
        }
        SetRef::Packed(list) => {
            let index = random.below(list.len());
            let position = list.position(index as i64).expect("the index is below the length");
            reply_members(ctx.reply, list.iter_from(position).take(1));
            entry.with_packed(|pack| listpack::remove(pack, position, 1));
        }
        SetRef::Table(_) => entry.with_object(|object| {
            let take = |member: &[u8]| ctx.reply.bulk(member);
            set::members_of(object).pop_random(&mut || random.bits(), hash_of, take);
        }),
    }
    if SetRef::of(entry.view()).is_empty() {
        ctx.keys.notify(key, event::SPOP);
        ctx.keys.delete(key, Freeing::Now);
        ctx.keys.changed(key, event::DEL);
    } else {
        ctx.keys.changed(key, event::SPOP);
    }
    say_removed(ctx, key, start);
    Ok(())
}

/// Says that the members in the reply from `start` on were removed.
fn say_removed(ctx: &mut Ctx<'_>, key: &Key<'_>, start: usize) {
    if !ctx.keys.env().effects.is_listening() {
        return;
    }
    let members: Vec<&[u8]> = Bulks(&ctx.reply.bytes()[start..]).collect();
    for some in members.chunks(EFFECT_MEMBERS_MAX) {
        ctx.keys.effect([b"SREM", key.bytes].into_iter().chain(some.iter().copied()));
    }
}

/// The texts of bulk strings that were just written one behind the other.
struct Bulks<'a>(&'a [u8]);

impl<'a> Iterator for Bulks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line_end = memchr::memchr(b'\n', self.0)?;
        let len = num::parse_u64(&self.0[1..line_end - 1])? as usize;
        let (text, rest) = self.0[line_end + 1..].split_at(len);
        self.0 = &rest[2..];
        Some(text)
    }
}

fn pop_some(ctx: &mut Ctx<'_>, key: &Key<'_>, count: &[u8]) -> Done {
    let count = num::parse_i64(count).and_then(|count| usize::try_from(count).ok());
    let count = count.ok_or(CommandError::other("ERR value is out of range, must be positive"))?;
    let hash_of = ctx.keys.hash_of();
    let rules = Rules::of(ctx.keys.limits());
    let mut random = Random::new(ctx.keys.random_bits());
    let Some(mut entry) = ctx.keys.write_typed(key, DataType::Set)?.filter(|_| count > 0) else {
        ctx.reply.set(0);
        return Ok(());
    };
    let set = SetRef::of(entry.view());
    let len = set.len();
    ctx.reply.set(count.min(len));
    if count >= len {
        reply_members(ctx.reply, set.iter());
        ctx.keys.notify(key, event::SPOP);
        ctx.keys.delete(key, ctx.keys.freeing_by_server());
        ctx.keys.changed(key, event::DEL);
        ctx.keys.effect([b"DEL", key.bytes]);
        return Ok(());
    }
    let start = ctx.reply.bytes().len();
    let staying = len - count;
    let mut bits = || random.bits();
    match set {
        SetRef::Ints(_) | SetRef::Packed(_) => {
            let stay = split_packed(set, count, &mut random, ctx.reply);
            stay.into_value(|value| entry.replace(value, Expire::Keep));
        }
        SetRef::Table(_) if staying.saturating_mul(TAKEN_PER_STAYING) > count => {
            entry.with_object(|object| {
                let members = set::members_of(object);
                for _ in 0..count {
                    members.pop_random(&mut bits, &hash_of, |member| ctx.reply.bulk(member));
                }
            });
        }
        SetRef::Table(_) => {
            let mut stay = NewSet::listpack();
            entry.with_object(|object| {
                let members = set::members_of(object);
                for _ in 0..staying {
                    let keep = |member: &[u8]| _ = stay.add(Member::Str(member), &rules, &hash_of);
                    members.pop_random(&mut bits, &hash_of, keep);
                }
                reply_members(ctx.reply, members.iter().map(Member::Str));
            });
            // What is overwritten is large: it is freed as the directives want it.
            stay.into_value(|value| ctx.keys.set(key, value, Expire::Keep));
        }
    }
    ctx.keys.changed(key, event::SPOP);
    say_removed(ctx, key, start);
    Ok(())
}

/// Replies so many members of a packed set, and gives the others.
fn split_packed(set: SetRef<'_>, count: usize, random: &mut Random, reply: &mut Reply) -> NewSet {
    let mut choice = Choice { wanted: count, left: set.len() };
    let (taken, stay): (Vec<Member<'_>>, Vec<Member<'_>>) =
        set.iter().partition(|_| choice.takes_next(random));
    reply_members(reply, taken.into_iter());
    if !matches!(set, SetRef::Ints(_)) {
        return NewSet::Packed(Packing::Set, listpack::new(&stay));
    }
    let mut ints = intset::EMPTY.to_vec();
    for member in stay {
        if let Member::Int(int) = member {
            intset::insert(&mut ints, int);
        }
    }
    NewSet::Packed(Packing::Ints, ints)
}

/// Chooses some of a known number of things that come one by one, each choice with the same chance (Knuth,
/// The Art of Computer Programming 3.4.2, algorithm S).
struct Choice {
    /// How many are still to be taken.
    wanted: usize,
    /// How many are still to come.
    left: usize,
}

impl Choice {
    fn takes_next(&mut self, random: &mut Random) -> bool {
        let takes = random.below(self.left) < self.wanted;
        self.left -= 1;
        self.wanted -= usize::from(takes);
        takes
    }
}

/// `SRANDMEMBER key [count]`
pub(crate) fn srandmember(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    match args.len() {
        2 => show_one(ctx, &key),
        3 => show_some(ctx, &key, args.get(2)),
        _ => Err(CommandError::Syntax),
    }
}

fn show_one(ctx: &mut Ctx<'_>, key: &Key<'_>) -> Done {
    let mut random = Random::new(ctx.keys.random_bits());
    match ctx.keys.read_typed(key, DataType::Set)?.map(SetRef::of) {
        None => ctx.reply.null(),
        Some(SetRef::Packed(list)) => {
            let member = list.get(random.below(list.len()) as i64);
            reply_members(ctx.reply, member.into_iter());
        }
        Some(set) => draw(ctx.reply, set, 1, &mut random)?,
    }
    Ok(())
}

fn show_some(ctx: &mut Ctx<'_>, key: &Key<'_>, count: &[u8]) -> Done {
    let count = num::parse_i64(count).ok_or(CommandError::NotAnInteger)?;
    if count == i64::MIN {
        let range = format!("{} and {}", -i64::MAX, i64::MAX);
        return Err(CommandError::other(format!("ERR value is out of range, value must between {range}")));
    }
    let hash_of = ctx.keys.hash_of();
    let mut random = Random::new(ctx.keys.random_bits());
    let set = ctx.keys.read_typed(key, DataType::Set)?.map(SetRef::of);
    let Some(set) = set.filter(|_| count != 0) else {
        ctx.reply.array(0);
        return Ok(());
    };
    if count < 0 {
        let draws = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        if draws > REPEATED_ELEMENTS_MAX {
            return Err(OUT_OF_RANGE);
        }
        ctx.reply.array(draws);
        return draw(ctx.reply, set, draws, &mut random);
    }
    let len = set.len();
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(len);
    ctx.reply.array(count);
    match set {
        SetRef::Table(members) if count * MEMBERS_PER_DRAW <= len => {
            draw_distinct(ctx.reply, members, count, &mut random, hash_of);
        }
        _ => {
            let mut choice = Choice { wanted: count, left: len };
            reply_members(ctx.reply, set.iter().filter(|_| choice.takes_next(&mut random)));
        }
    }
    Ok(())
}

/// Replies with members that may be the same, unless they are too many bytes.
fn draw(reply: &mut Reply, set: SetRef<'_>, draws: usize, random: &mut Random) -> Done {
    // A place in a listpack is a walk; one for all is enough.
    let packed: Vec<Member<'_>> = match set {
        SetRef::Packed(list) => list.iter().collect(),
        SetRef::Ints(_) | SetRef::Table(_) => Vec::new(),
    };
    let start = reply.total_len();
    for _ in 0..draws {
        let drawn = match set {
            SetRef::Ints(ints) => ints.get(random.below(ints.len())).map(Member::Int),
            SetRef::Packed(_) => packed.get(random.below(packed.len())).copied(),
            SetRef::Table(members) => members.random(&mut || random.bits()).map(Member::Str),
        };
        reply_members(reply, drawn.into_iter());
        if reply.total_len() - start > REPEATED_BYTES_MAX {
            return Err(OUT_OF_RANGE);
        }
    }
    Ok(())
}

/// Replies with so many different members, which are a small part of all.
fn draw_distinct(
    reply: &mut Reply,
    members: &Members,
    count: usize,
    random: &mut Random,
    hash_of: impl Fn(&[u8]) -> u64,
) {
    let mut drawn = Members::default();
    while drawn.len() < count {
        let member = members.random(&mut || random.bits()).expect("there are more members than are drawn");
        if drawn.insert(member, &hash_of) {
            reply.bulk(member);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::testing::{Sandbox, check, check_in};

    /// Makes the set `s` of so many members in each of the three encodings.
    fn each_encoding(count: usize, test: impl Fn(&mut Sandbox, &str)) {
        for encoding in ["intset", "listpack", "hashtable"] {
            let mut sandbox = Sandbox::new();
            for number in 0..count {
                match encoding {
                    "intset" => sandbox.run(&format!("SADD s {number}")),
                    "listpack" => sandbox.run(&format!("SADD s m{number}")),
                    _ => sandbox.run(
                        &format!("SADD s m{number} long | SREM s long").replace("long", &"x".repeat(65)),
                    ),
                };
            }
            check_in(&mut sandbox, "OBJECT ENCODING s", encoding);
            test(&mut sandbox, encoding);
        }
    }

    fn words(reply: &str) -> Vec<String> {
        reply.trim_matches(['[', ']']).split_whitespace().map(str::to_owned).collect()
    }

    fn is_fair(times: &BTreeMap<String, usize>, members: usize, expected: usize) -> bool {
        let range = expected * 6 / 10..expected * 14 / 10;
        times.len() == members && times.values().all(|times| range.contains(times))
    }

    #[test]
    fn spop_takes_each_member_once_and_then_the_key() {
        each_encoding(20, |sandbox, encoding| {
            let popped: BTreeSet<String> = (0..20).map(|_| sandbox.run("SPOP s")).collect();
            assert_eq!(popped.len(), 20, "{encoding}");
            check_in(sandbox, "EXISTS s | SPOP s | RESP 3 | SPOP s", ":0 | (nil) | (nil)");
        });
    }

    #[test]
    fn spop_with_a_count_takes_so_many_and_leaves_the_others() {
        for count in [1, 3, 10, 17, 19] {
            each_encoding(20, |sandbox, encoding| {
                let popped = words(&sandbox.run(&format!("SPOP s {count}")));
                let left = words(&sandbox.run("SMEMBERS s"));
                assert_eq!((popped.len(), left.len()), (count, 20 - count), "{encoding}");
                let all: BTreeSet<_> = popped.iter().chain(&left).collect();
                assert_eq!(all.len(), 20, "{encoding}");
                // Members that few are left of are put together anew (Redis: case 3 of spopWithCountCommand).
                let after = if encoding == "hashtable" && count >= 17 { "listpack" } else { encoding };
                check_in(sandbox, "OBJECT ENCODING s", after);
            });
        }
    }

    #[test]
    fn spop_of_all_or_none() {
        each_encoding(3, |sandbox, encoding| {
            check_in(sandbox, "PEXPIRE s 50 | SPOP s 0 | SPOP none 5 | SCARD s", ":1 | [] | [] | :3");
            assert_eq!(words(&sandbox.run("SPOP s 1")).len(), 1, "{encoding}");
            check_in(sandbox, "SCARD s | PTTL s", ":2 | :50");
            assert_eq!(words(&sandbox.run("SPOP s 9223372036854775807")).len(), 2, "{encoding}");
            check_in(sandbox, "EXISTS s", ":0");
        });
        check("RESP 3 | SADD s a | SPOP s 5 | SPOP s 5 | SADD s a | SPOP s 0", ":1 | <a> | <> | :1 | <>");
    }

    #[test]
    fn srandmember_shows_members_and_keeps_them() {
        each_encoding(20, |sandbox, encoding| {
            for (count, replies) in [(1, 1), (5, 5), (7, 7), (19, 19), (20, 20), (21, 20), (i64::MAX, 20)] {
                let shown = words(&sandbox.run(&format!("SRANDMEMBER s {count}")));
                let distinct: BTreeSet<_> = shown.iter().collect();
                assert_eq!((shown.len(), distinct.len()), (replies, replies), "{encoding} {count}");
            }
            assert_eq!(words(&sandbox.run("SRANDMEMBER s -100")).len(), 100, "{encoding}");
            check_in(sandbox, "SRANDMEMBER s 0 | SCARD s", "[] | :20");
        });
        check("SRANDMEMBER none | SRANDMEMBER none 5 | SRANDMEMBER none -5", "(nil) | [] | []");
        check("RESP 3 | SADD s a | SRANDMEMBER s 1 | SRANDMEMBER s -2", ":1 | [a] | [a a]");
    }

    #[test]
    fn every_member_is_as_likely_as_every_other() {
        for command in ["SRANDMEMBER s", "SRANDMEMBER s -4", "SRANDMEMBER s 4", "SRANDMEMBER s 10"] {
            each_encoding(15, |sandbox, encoding| {
                let mut times: BTreeMap<String, usize> = BTreeMap::new();
                let mut draws = 0;
                for _ in 0..1500 {
                    for word in words(&sandbox.run(command)) {
                        *times.entry(word).or_default() += 1;
                        draws += 1;
                    }
                }
                assert!(is_fair(&times, 15, draws / 15), "{command}, {encoding}: {times:?}");
            });
        }
        for command in ["SPOP s", "SPOP s 4", "SPOP s 14"] {
            each_encoding(15, |sandbox, encoding| {
                let mut times: BTreeMap<String, usize> = BTreeMap::new();
                let mut draws = 0;
                for _ in 0..1000 {
                    sandbox.run("COPY s t REPLACE");
                    for word in words(&sandbox.run(&command.replace('s', "t"))) {
                        *times.entry(word).or_default() += 1;
                        draws += 1;
                    }
                }
                assert!(is_fair(&times, 15, draws / 15), "{command}, {encoding}: {times:?}");
            });
        }
    }

    #[test]
    fn wrong_counts_are_refused_before_the_key_is_looked_at() {
        let positive = "-ERR value is out of range, must be positive";
        let integer = "-ERR value is not an integer or out of range";
        let range =
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        for (command, error) in [
            ("SPOP none x", positive),
            ("SPOP a -1", positive),
            ("SPOP a 9223372036854775808", positive),
            ("SPOP a 1 2", "-ERR syntax error"),
            ("SPOP a 0", wrong_type),
            ("SPOP a", wrong_type),
            ("SRANDMEMBER a x", integer),
            ("SRANDMEMBER a -9223372036854775808", range),
            ("SRANDMEMBER a 1 2", "-ERR syntax error"),
            ("SRANDMEMBER a 0", wrong_type),
            ("SRANDMEMBER a", wrong_type),
            ("SRANDMEMBER s -9223372036854775807", "-ERR value is out of range"),
        ] {
            check(&format!("SET a x | SADD s 1 | {command}"), &format!("OK | :1 | {error}"));
        }
    }

    #[test]
    fn a_reply_of_members_drawn_again_and_again_has_a_bound_in_bytes() {
        each_encoding(20, |sandbox, encoding| {
            let member = "x".repeat(if encoding == "hashtable" { 1000 } else { 60 });
            if encoding != "intset" {
                sandbox.run(&format!("DEL s | SADD s {member}a {member}b"));
                let draws = 300_000_000 / member.len();
                check_in(sandbox, &format!("SRANDMEMBER s -{draws}"), "-ERR value is out of range");
            }
            check_in(sandbox, "SRANDMEMBER s -50000000", "-ERR value is out of range");
            assert_eq!(words(&sandbox.run("SRANDMEMBER s -1000")).len(), 1000, "{encoding}");
        });
    }

    #[test]
    fn the_effect_of_spop_names_its_members() {
        let large = format!("SADD l {}y a", "x".repeat(65));
        for (command, effect, names_members) in [
            ("SPOP s", "SREM s", true),
            ("SPOP s 2", "DEL s", false),
            ("SPOP t 3", "DEL t", false),
            ("SPOP t 2", "SREM t", true),
            ("SPOP l 1", "SREM l", true),
            ("SPOP none 1", "", false),
            ("SPOP s 0", "", false),
        ] {
            let mut sandbox = Sandbox::new();
            sandbox.run(&format!("SADD s a | SADD t 1 2 3 | {large}"));
            sandbox.shard_mut().listen_to_effects(true);
            let reply = sandbox.run(command);
            let groups = sandbox.shard_mut().take_effects();
            let effects: Vec<String> = groups
                .iter()
                .flat_map(|group| &group.effects)
                .map(|effect| {
                    let args = effect.args.as_args();
                    args.iter_from(0).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
                })
                .collect();
            let members = if names_members { words(&reply).join(" ") } else { String::new() };
            let expected = format!("{effect} {members}");
            assert_eq!(effects.join(" | "), expected.trim_end(), "{command}");
        }
    }
}
