//! Commands that look for keys in a whole database: SCAN, KEYS, RANDOMKEY.
//!
//! KEYS and RANDOMKEY run on all shards at once. SCAN goes from shard to shard by its cursor: see
//! [`crate::walk`].

use crate::args::Args;
use crate::command::flags::{self, acl};
use crate::command::shapes::{COUNT, KEYSPACE, MATCH};
use crate::command::{Arg, Arity, Combined, CommandSpec, DataCommand, RequestPolicy};
use crate::ctx::Ctx;
use crate::error::CommandError;
use crate::expires::is_over;
use crate::glob;
use crate::num;
use crate::reply::Reply;
use crate::walk::{Cursor, count_of, write_reply};

/// The rows of this family.
pub(super) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        keys,
        CommandSpec {
            name: "keys",
            summary: "Find all keys matching the given pattern",
            since: "1.0.0",
            complexity: "O(N) with N being the number of keys in the database, under the assumption that \
                the key names in the database and the given pattern have limited length.",
            arity: Arity::Exactly(2),
            flags: flags::READONLY,
            acl: acl::KEYSPACE | acl::DANGEROUS,
            request_policy: Some(RequestPolicy::AllShards),
            tips: &["nondeterministic_output_order"],
            args: &[Arg::pattern("pattern")],
            ..KEYSPACE
        },
    ),
    DataCommand::new(
        randomkey,
        CommandSpec {
            name: "randomkey",
            summary: "Return a random key from the keyspace",
            since: "1.0.0",
            complexity: "O(1)",
            flags: flags::READONLY,
            request_policy: Some(RequestPolicy::AllShards),
            combined: Some(Combined { part: randomkey_with_weight, merge: choose_by_weight }),
            tips: &["nondeterministic_output"],
            ..KEYSPACE
        },
    ),
    DataCommand::new(
        scan,
        CommandSpec {
            name: "scan",
            summary: "Incrementally iterate the keys space",
            since: "2.8.0",
            complexity: "O(1) for every call. O(N) for a complete iteration, including enough command calls \
                for the cursor to return back to 0. N is the number of elements inside the collection.",
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            request_policy: Some(RequestPolicy::Special),
            walks: true,
            tips: &["nondeterministic_output"],
            history: &[("6.0.0", "Added the `TYPE` subcommand.")],
            args: &[
                Arg::integer("cursor"),
                MATCH,
                COUNT,
                Arg::string("type").after("TYPE").since("6.0.0").optional(),
            ],
            ..KEYSPACE
        },
    ),
];

type Done = Result<(), CommandError>;

/// A pattern as a filter: `*` alone asks for nothing.
fn matches(pattern: Option<&[u8]>, key: &[u8]) -> bool {
    pattern.is_none_or(|pattern| pattern == b"*" || glob::matches(pattern, key))
}

fn keys(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let now_ms = ctx.keys.now_ms();
    let is_alive = |expire_ms: Option<u64>| expire_ms.is_none_or(|at_ms| !is_over(at_ms, now_ms));
    let mut found = Reply::default();
    let mut count = 0;
    for entry in ctx.keys.db().entries() {
        if matches(Some(args.get(1)), entry.key()) && is_alive(entry.expire_ms()) {
            found.bulk(entry.key());
            count += 1;
        }
    }
    ctx.reply.array(count);
    ctx.reply.append(found.bytes(), found.blobs());
    Ok(())
}

fn randomkey(ctx: &mut Ctx<'_>, _args: Args<'_>) -> Done {
    let key = random_key(ctx);
    reply_key(ctx, key.as_deref());
    Ok(())
}

/// What a shard says when others have keys too: how many keys it has, and one of them or a null.
fn randomkey_with_weight(ctx: &mut Ctx<'_>, _args: Args<'_>) -> Done {
    // Keys that are found expired on the way do not count any more.
    let key = random_key(ctx);
    let weight = ctx.keys.db().len();
    ctx.reply.len_int(weight);
    reply_key(ctx, key.as_deref());
    Ok(())
}

fn random_key(ctx: &mut Ctx<'_>) -> Option<Box<[u8]>> {
    ctx.keys.random_entry().map(|entry| entry.key().into())
}

fn reply_key(ctx: &mut Ctx<'_>, key: Option<&[u8]>) {
    match key {
        Some(key) => ctx.reply.bulk(key),
        None => ctx.reply.null(),
    }
}

/// Takes the key of one of the shards, each with a probability in proportion to its number of keys.
fn choose_by_weight(parts: &[Reply], random: u64, reply: &mut Reply) {
    // The number of keys, and where the key begins.
    let taken_apart = |part: &Reply| -> (u64, usize) {
        let end = memchr::memchr(b'\n', part.bytes()).map_or(0, |end| end + 1);
        let digits = part.bytes().get(1..end.saturating_sub(2)).unwrap_or_default();
        (num::parse_i64(digits).map_or(0, i64::unsigned_abs), end)
    };
    let sum: u64 = parts.iter().map(|part| taken_apart(part).0).sum();
    let mut choice = random % sum.max(1);
    for part in parts {
        let (weight, start) = taken_apart(part);
        if choice < weight {
            return reply.raw(&part.bytes()[start..]);
        }
        choice -= weight;
    }
    reply.null();
}

/// What SCAN may be asked besides its cursor.
struct Options<'a> {
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(args: Args<'a>) -> Result<Options<'a>, CommandError> {
        let mut options = Options { pattern: None, type_name: None };
        for at in (2..args.len()).step_by(2) {
            let (word, value) = (&args[at], (at + 1 < args.len()).then(|| args.get(at + 1)));
            let value = value.ok_or(CommandError::Syntax)?;
            if word.eq_ignore_ascii_case(b"count") {
                if num::parse_i64(value).ok_or(CommandError::NotAnInteger)? < 1 {
                    return Err(CommandError::Syntax);
                }
            } else if word.eq_ignore_ascii_case(b"match") {
                options.pattern = Some(value);
            } else if word.eq_ignore_ascii_case(b"type") {
                options.type_name = Some(value);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

fn scan(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let cursor = Cursor::parse(args.get(1)).ok_or(CommandError::other("ERR invalid cursor"))?;
    let Options { pattern, type_name } = Options::parse(args)?;
    let mut found = Reply::default();
    let mut count = 0;
    let next = ctx.keys.walk(cursor, count_of(args), |entry| {
        let is_of_type =
            type_name.is_none_or(|name| name.eq_ignore_ascii_case(entry.data_type().name().as_bytes()));
        if is_of_type && matches(pattern, entry.key()) {
            found.bulk(entry.key());
            count += 1;
        }
    });
    write_reply(ctx.reply, next.map_or(0, Cursor::number), count, &found);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::args::OwnedArgs;
    use crate::random::Random;
    use crate::slot::ShardId;
    use crate::testing::node::Node;
    use crate::testing::{Sandbox, check, check_in, elements, lookup};

    fn sorted(reply: &str) -> Vec<String> {
        let mut words: Vec<_> =
            reply.trim_matches(['[', ']']).split_whitespace().map(str::to_owned).collect();
        words.sort();
        words
    }

    /// The replies of a whole walk: how many calls it took, and how often each key came.
    fn walk(sandbox: &mut Sandbox, options: &str) -> (usize, BTreeMap<String, usize>) {
        let (mut cursor, mut calls, mut keys) = ("0".to_owned(), 0, BTreeMap::new());
        loop {
            let reply = sandbox.run(&format!("SCAN {cursor} {options}"));
            let (next, found) = reply.trim_start_matches('[').split_once(' ').unwrap();
            sorted(found).into_iter().for_each(|key| *keys.entry(key).or_default() += 1);
            calls += 1;
            cursor = next.to_owned();
            if cursor == "0" {
                return (calls, keys);
            }
        }
    }

    #[test]
    fn a_small_database_is_seen_by_one_call_in_the_order_of_its_slots() {
        check("SCAN 0", "[0 []]");
        check(
            "SET a 1 | SET b 1 | SET c 1 | DB 1 | SET d 1 | DB 0 | SCAN 0",
            "OK | OK | OK | OK | [0 [b c a]]",
        );
        check("MSET 1 1 2 1 3 1 4 1 5 1 6 1 7 1 8 1 9 1 0 1 | SCAN 0", "OK | [0 [3 7 2 6 1 5 9 0 4 8]]");
    }

    #[test]
    fn a_walk_sees_every_key_once_in_calls_of_about_count_keys() {
        for shards in [1, 3] {
            for (options, per_call) in [("", 10), ("COUNT 1", 1), ("count 7", 7), ("COUNT 1000000", 1000000)]
            {
                let mut sandbox = Sandbox::of_shards(shards);
                (0..100).for_each(|key| _ = sandbox.run(&format!("SET key:{key} 1")));
                // All in one slot.
                (0..50).for_each(|key| _ = sandbox.run(&format!("SET {{same}}{key} 1")));
                let (calls, keys) = walk(&mut sandbox, options);
                assert_eq!((keys.len(), keys.values().max()), (150, Some(&1)));
                let expected = 150usize.div_ceil(per_call);
                assert!(calls <= expected && calls * 2 > expected, "{calls} calls with {options}");
            }
        }
    }

    #[test]
    fn filters_leave_keys_out_of_the_replies() {
        let keys = "MSET aa 1 ab 1 ba 1 a* 1";
        for (options, found) in [
            ("MATCH a*", "a* aa ab"),
            ("MATCH a\\\\*", "a*"),
            ("MATCH *", "a* aa ab ba"),
            ("match ?a", "aa ba"),
            ("MATCH x", ""),
            ("MATCH b* MATCH *b", "ab"),
            ("TYPE string", "a* aa ab ba"),
            ("TYPE STRING MATCH b?", "ba"),
            ("TYPE list", ""),
            ("TYPE nonsense", ""),
        ] {
            let mut sandbox = Sandbox::of_shards(3);
            sandbox.run(keys);
            let (_, keys) = walk(&mut sandbox, &options.replace("\\\\", "\\"));
            assert_eq!(keys.into_keys().collect::<Vec<_>>().join(" "), found, "{options}");
        }
        // The pattern is that of KEYS.
        for (pattern, found) in [("a*", "a* aa ab"), ("*", "a* aa ab ba"), ("[ab]a", "aa ba"), ("x", "")] {
            for shards in [1, 3] {
                let mut sandbox = Sandbox::of_shards(shards);
                sandbox.run(keys);
                assert_eq!(sorted(&sandbox.run(&format!("KEYS {pattern}"))).join(" "), found, "{pattern}");
            }
        }
    }

    #[test]
    fn keys_whose_time_is_over_never_come_out() {
        let some_expired = "SET a 1 | SET b 1 PX 5 | SET c 1 PX 6 | SLEEP 6 | ";
        check(&format!("{some_expired}SCAN 0 | DBSIZE"), "OK | OK | OK | [0 [c a]] | :2");
        check(&format!("{some_expired}SCAN 0 MATCH b | DBSIZE"), "OK | OK | OK | [0 []] | :2");
        check(&format!("{some_expired}KEYS b | DBSIZE"), "OK | OK | OK | [] | :3");
        check("SET a 1 PX 5 | SET b 1 PX 5 | SLEEP 6 | RANDOMKEY | DBSIZE", "OK | OK | (nil) | :0");
        for shards in [1, 3] {
            let mut sandbox = Sandbox::of_shards(shards);
            sandbox.run(some_expired.trim_end_matches(" | "));
            sandbox.sleep(1);
            (0..20).for_each(|_| check_in(&mut sandbox, "RANDOMKEY", "a"));
        }
    }

    #[test]
    fn a_wrong_cursor_or_option_is_refused() {
        let syntax = "-ERR syntax error";
        let integer = "-ERR value is not an integer or out of range";
        for (arguments, error) in [
            ("x", "-ERR invalid cursor"),
            ("-", "-ERR invalid cursor"),
            ("18446744073709551616 COUNT 0", "-ERR invalid cursor"),
            ("0 COUNT", syntax),
            ("0 COUNT 0", syntax),
            ("0 COUNT -1", syntax),
            ("0 COUNT x", integer),
            ("0 COUNT 9223372036854775808 foo", integer),
            ("0 MATCH", syntax),
            ("0 TYPE", syntax),
            ("0 foo 1", syntax),
        ] {
            check(&format!("SCAN {arguments}"), error);
        }
        // Whatever number a client sends, it is a place somewhere.
        for cursor in ["\"\"", "+0", "16384", "18446744073709551615", "-1", "123456789123456789"] {
            let mut sandbox = Sandbox::of_shards(3);
            (0..100).for_each(|key| _ = sandbox.run(&format!("SET key:{key} 1")));
            assert!(sandbox.run(&format!("SCAN {cursor}")).starts_with('['), "{cursor}");
        }
    }

    #[test]
    fn every_key_is_as_likely_to_be_chosen_as_every_other() {
        for shards in [1, 3] {
            let mut sandbox = Sandbox::of_shards(shards);
            check_in(&mut sandbox, "RANDOMKEY | RESP 3 | RANDOMKEY | RESP 2", "(nil) | (nil)");
            // Two shards of the three have one key each, and the third has eight.
            sandbox.run("SET b 1 | SET c 1");
            (0..8).for_each(|key| _ = sandbox.run(&format!("SET {{a}}{key} 1")));
            let mut times: BTreeMap<String, usize> = BTreeMap::new();
            (0..2000).for_each(|_| *times.entry(sandbox.run("RANDOMKEY")).or_default() += 1);
            assert_eq!(times.len(), 10);
            // 200 each, with a standard deviation of 13.
            assert!(times.values().all(|times| (120..280).contains(times)), "{times:?}");
        }
    }

    /// Clients walk while others run transactions that borrow the same keys, and rename some; what stays is
    /// seen.
    #[test]
    fn a_walk_misses_no_key_that_a_transaction_has_borrowed() {
        let mut parked = 0;
        for seed in 0..60 {
            let mut random = Random::new(seed);
            let mut node = Node::new(3, 512 << 20);
            node.slow_down(&mut random, 4);
            let [walker, first, second] = [0, 1, 2].map(|shard| node.connect(ShardId(shard)));
            let send = |node: &mut Node, connection, line: &str| {
                let args: OwnedArgs = line.split(' ').collect();
                node.request(connection, lookup(args.as_args()), args);
            };
            let stay: BTreeSet<String> = (0..40).map(|key| format!("stay:{key}")).collect();
            for key in &stay {
                send(&mut node, walker, &format!("SET {key} 1"));
            }
            while node.step_at_random(&mut random) {}
            stay.iter().for_each(|_| assert!(node.take_reply(walker).is_some()));
            for connection in [first, second] {
                for _ in 0..200 {
                    let [one, other] = [(); 2].map(|()| random.below(40));
                    let comes = random.below(5);
                    let line = match random.below(3) {
                        0 => format!("BITOP AND comes:{comes} stay:{one} stay:{other}"),
                        1 => format!("RENAMENX stay:{one} stay:{other}"),
                        _ => format!("COPY stay:{one} comes:{comes} REPLACE"),
                    };
                    send(&mut node, connection, &line);
                }
            }
            let mut cursor = "0".to_owned();
            let mut seen: BTreeSet<String> = BTreeSet::new();
            loop {
                send(&mut node, walker, &format!("SCAN {cursor} COUNT 4"));
                let finished = loop {
                    assert!(node.step_at_random(&mut random), "seed {seed}: a walk waits for ever");
                    if let Some(finished) = node.take_reply(walker) {
                        break finished;
                    }
                };
                let mut words = elements(&finished.reply);
                cursor = words.remove(0);
                seen.extend(words.into_iter().filter(|key| key.starts_with("stay:")));
                if cursor == "0" {
                    break;
                }
            }
            assert_eq!(seen, stay, "seed {seed}");
            while node.step_at_random(&mut random) {}
            assert!(node.is_quiet(), "seed {seed}");
            parked += node.events().parked;
        }
        assert!(parked > 0, "no walk met a borrowed key");
    }
}
