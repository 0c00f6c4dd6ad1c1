//! Some of a hash's fields: HRANDFIELD and HSCAN.

use std::collections::BTreeSet;

use super::bulk;
use crate::args::Args;
use crate::ctx::Ctx;
use crate::encoding::listpack::{Listpack, Value};
use crate::encoding::member_table::Field;
use crate::error::CommandError;
use crate::glob;
use crate::num;
use crate::random::Random;
use crate::reply::{REPEATED_BYTES_MAX, REPEATED_ELEMENTS_MAX, Reply};
use crate::values::hash::{self, HashRef, LiveFields};
use crate::walk;

type Done = Result<(), CommandError>;

const OUT_OF_RANGE: CommandError =
    CommandError::Other(std::borrow::Cow::Borrowed("ERR value is out of range"));

/// `HRANDFIELD key [count [WITHVALUES]]`
pub(crate) fn hrandfield(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let wanted = if args.len() > 2 { Some(Sample::parse(args)?) } else { None };
    let mut random = Random::new(ctx.keys.random_bits());
    let reply = &mut *ctx.reply;
    let found = hash::read(&mut ctx.keys, &key, |hash| match wanted {
        None => {
            Pool::of(hash).draw(&mut random, |field, _| bulk(reply, field));
            Ok(())
        }
        Some(sample) if sample.count < 0 => sample.repeated(hash, &mut random, reply),
        Some(sample) => {
            sample.distinct(hash, &mut random, reply);
            Ok(())
        }
    })?;
    match (found, wanted) {
        (Some(done), _) => return done,
        (None, None) => ctx.reply.null(),
        (None, Some(_)) => ctx.reply.array(0),
    }
    Ok(())
}

/// What fields are drawn from: a hash that is not empty.
enum Pool<'a> {
    Packed(Listpack<'a>),
    Fields(LiveFields<'a>),
    /// Of a hash most of whose fields are hidden: the others.
    Few(Vec<Field<'a>>),
}

impl<'a> Pool<'a> {
    fn of(hash: HashRef<'a>) -> Pool<'a> {
        match hash {
            HashRef::Packed(list) => Pool::Packed(list),
            HashRef::Fields(fields) if fields.is_sparse() => Pool::Few(fields.iter().collect()),
            HashRef::Fields(fields) => Pool::Fields(fields),
        }
    }

    /// Takes a field, each with the same chance.
    fn draw(&self, random: &mut Random, take: impl FnOnce(Value<'_>, Value<'_>)) {
        let drawn = match self {
            Pool::Packed(list) => {
                let at = list.position(2 * random.below(list.len() / 2) as i64);
                let mut elements = list.iter_from(at.expect("an index under the number of fields"));
                if let (Some(field), Some(value)) = (elements.next(), elements.next()) {
                    take(field, value);
                }
                return;
            }
            Pool::Fields(fields) => loop {
                // At least every other one is to be seen.
                if let Some(field) = fields.random(&mut || random.bits()) {
                    break Some(field);
                }
            },
            Pool::Few(fields) => fields.get(random.below(fields.len().max(1))).copied(),
        };
        if let Some(field) = drawn {
            take(Value::Str(field.field), Value::Str(field.value));
        }
    }
}

/// How many fields HRANDFIELD is to choose, and how it shows them.
#[derive(Clone, Copy)]
struct Sample {
    /// Negative: so many, the same field as often as it is drawn. Never `i64::MIN`.
    count: i64,
    with_values: bool,
}

impl Sample {
    fn parse(args: Args<'_>) -> Result<Sample, CommandError> {
        let count = num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
        if count == i64::MIN {
            return Err(CommandError::other(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ));
        }
        let with_values = args.len() == 4 && args[3].eq_ignore_ascii_case(b"withvalues");
        if args.len() > 3 && !with_values {
            return Err(CommandError::Syntax);
        }
        if with_values && !(-i64::MAX / 2..=i64::MAX / 2).contains(&count) {
            return Err(OUT_OF_RANGE);
        }
        Ok(Sample { count, with_values })
    }

    /// The header for so many fields.
    fn header(self, reply: &mut Reply, count: usize) {
        let is_flat = self.with_values && !reply.is_resp3();
        reply.array(if is_flat { 2 * count } else { count });
    }

    fn field(self, reply: &mut Reply, field: Value<'_>, value: Value<'_>) {
        if self.with_values && reply.is_resp3() {
            reply.array(2);
        }
        bulk(reply, field);
        if self.with_values {
            bulk(reply, value);
        }
    }

    /// As many draws as wanted.
    fn repeated(self, hash: HashRef<'_>, random: &mut Random, reply: &mut Reply) -> Done {
        let count = usize::try_from(self.count.unsigned_abs()).map_err(|_| OUT_OF_RANGE)?;
        if count > REPEATED_ELEMENTS_MAX {
            return Err(OUT_OF_RANGE);
        }
        self.header(reply, count);
        let (pool, start) = (Pool::of(hash), reply.total_len());
        for _ in 0..count {
            pool.draw(random, |field, value| self.field(reply, field, value));
            if reply.total_len() - start > REPEATED_BYTES_MAX {
                return Err(OUT_OF_RANGE);
            }
        }
        Ok(())
    }

    /// As many fields as wanted, or all, each once.
    fn distinct(self, hash: HashRef<'_>, random: &mut Random, reply: &mut Reply) {
        let len = hash.len();
        let count = usize::try_from(self.count).map_or(len, |count| count.min(len));
        self.header(reply, count);
        match hash {
            // Drawing again what was drawn before takes less than looking at all fields.
            HashRef::Fields(fields) if count < len / 3 && !fields.is_sparse() => {
                self.few(fields, count, random, reply)
            }
            _ => {
                // Selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S): each field is taken with the
                // chance that the rest of the sample has among the rest of the fields.
                let (mut wanted, mut left) = (count, len);
                hash.each_until(|field, value| {
                    if wanted > 0 && random.below(left) < wanted {
                        self.field(reply, field, value);
                        wanted -= 1;
                    }
                    left -= 1;
                    wanted == 0
                });
            }
        }
    }

    /// A sample of less than a third of the fields.
    fn few(self, fields: LiveFields<'_>, count: usize, random: &mut Random, reply: &mut Reply) {
        let mut seen: BTreeSet<&[u8]> = BTreeSet::new();
        while seen.len() < count {
            let Some(field) = fields.random(&mut || random.bits()) else { continue };
            if seen.insert(field.field) {
                self.field(reply, Value::Str(field.field), Value::Str(field.value));
            }
        }
    }
}

/// The fields that one call of HSCAN is to visit when it does not say so (Redis).
const SCAN_COUNT_DEFAULT: usize = 10;

/// `HSCAN key cursor [MATCH pattern] [COUNT count]`. The options are looked at only when there is a hash, as
/// in Redis.
pub(crate) fn hscan(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let cursor = walk::parse_number(args.get(2)).ok_or(CommandError::other("ERR invalid cursor"))?;
    let key = ctx.key(args, 1);
    let reply = &mut *ctx.reply;
    let found = hash::read(&mut ctx.keys, &key, |hash| {
        let ScanOptions { pattern, count } = ScanOptions::parse(args.skip(3))?;
        let mut found = Reply::new(reply.is_resp3());
        let mut elements = 0;
        let mut visit = |field: Value<'_>, value: Value<'_>| {
            let mut text = itoa::Buffer::new();
            if pattern.is_none_or(|pattern| pattern == b"*" || glob::matches(pattern, field.bytes(&mut text)))
            {
                bulk(&mut found, field);
                bulk(&mut found, value);
                elements += 2;
            }
        };
        let next = match hash {
            HashRef::Packed(_) => {
                hash.each(visit);
                0
            }
            HashRef::Fields(fields) => {
                fields.scan(cursor, count, |field| visit(Value::Str(field.field), Value::Str(field.value)))
            }
        };
        reply.array(2);
        reply.bulk(itoa::Buffer::new().format(next).as_bytes());
        reply.array(elements);
        reply.append(found.bytes(), found.blobs());
        Ok(())
    })?;
    match found {
        Some(done) => done,
        None => {
            ctx.reply.array(2);
            ctx.reply.bulk(b"0");
            ctx.reply.array(0);
            Ok(())
        }
    }
}

struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    /// At least 1.
    count: usize,
}

impl<'a> ScanOptions<'a> {
    fn parse(options: Args<'a>) -> Result<ScanOptions<'a>, CommandError> {
        let mut parsed = ScanOptions { pattern: None, count: SCAN_COUNT_DEFAULT };
        for at in (0..options.len()).step_by(2) {
            let value = (at + 1 < options.len()).then(|| options.get(at + 1)).ok_or(CommandError::Syntax)?;
            if options[at].eq_ignore_ascii_case(b"count") {
                let count = num::parse_i64(value).ok_or(CommandError::NotAnInteger)?;
                let count = usize::try_from(count).map_err(|_| CommandError::Syntax)?;
                parsed.count = if count > 0 { count } else { return Err(CommandError::Syntax) };
            } else if options[at].eq_ignore_ascii_case(b"match") {
                parsed.pattern = Some(value);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::encoding::limits::Limits;
    use crate::testing::{Sandbox, check, check_in};

    /// A hash "h" of so many fields with the number of each as its value, packed or not.
    fn hash_of(fields: usize, is_packed: bool) -> Sandbox {
        let mut sandbox = Sandbox::new();
        let entries_max = if is_packed { u64::MAX } else { 0 };
        sandbox.shard_mut().set_limits(Limits { hash_entries_max: entries_max, ..Limits::default() });
        (0..fields).for_each(|field| _ = sandbox.run(&format!("HSET h f{field} {field}")));
        let encoding = if is_packed { "listpack" } else { "hashtable" };
        check_in(&mut sandbox, "OBJECT ENCODING h", encoding);
        sandbox
    }

    fn words(reply: &str) -> Vec<String> {
        reply.replace(['[', ']'], " ").split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn every_field_is_as_likely_to_be_drawn_as_every_other() {
        for is_packed in [true, false] {
            let mut sandbox = hash_of(10, is_packed);
            for command in
                ["HRANDFIELD h", "HRANDFIELD h 1", "HRANDFIELD h 3", "HRANDFIELD h 5", "HRANDFIELD h -5"]
            {
                let mut times: BTreeMap<String, usize> = BTreeMap::new();
                let mut drawn = 0;
                while drawn < 5000 {
                    for field in words(&sandbox.run(command)) {
                        *times.entry(field).or_default() += 1;
                        drawn += 1;
                    }
                }
                // 500 each, with a standard deviation of 21.
                assert_eq!(times.len(), 10, "{command}");
                assert!(times.values().all(|times| (390..610).contains(times)), "{command}: {times:?}");
            }
        }
    }

    #[test]
    fn a_positive_count_takes_each_field_once_and_a_negative_one_as_often_as_it_is_drawn() {
        for is_packed in [true, false] {
            let mut sandbox = hash_of(50, is_packed);
            for count in [1, 3, 15, 16, 17, 30, 49, 50, 51, 1000, i64::MAX / 2] {
                let expected = count.min(50) as usize;
                let fields = words(&sandbox.run(&format!("HRANDFIELD h {count}")));
                assert_eq!(fields.len(), expected);
                assert_eq!(fields.iter().collect::<BTreeSet<_>>().len(), expected);
                let pairs = words(&sandbox.run(&format!("HRANDFIELD h {count} withvalues")));
                assert_eq!(pairs.len(), 2 * expected);
                assert!(pairs.chunks(2).all(|pair| pair[0] == format!("f{}", pair[1])), "{pairs:?}");
            }
            for count in [1usize, 49, 200] {
                assert_eq!(words(&sandbox.run(&format!("HRANDFIELD h -{count}"))).len(), count);
                let pairs = words(&sandbox.run(&format!("HRANDFIELD h -{count} WITHVALUES")));
                assert_eq!(pairs.len(), 2 * count);
                assert!(pairs.chunks(2).all(|pair| pair[0] == format!("f{}", pair[1])), "{pairs:?}");
            }
        }
    }

    #[test]
    fn hrandfield_shows_pairs_as_arrays_in_resp3() {
        for script in ["HSET h a 1", "HSET h a 1 b \"x\"*65 | HDEL h b"] {
            let mut sandbox = Sandbox::new();
            sandbox.run(script);
            check_in(
                &mut sandbox,
                "HRANDFIELD h 5 WITHVALUES | HRANDFIELD h -2 WITHVALUES",
                "[a 1] | [a 1 a 1]",
            );
            check_in(
                &mut sandbox,
                "RESP 3 | HRANDFIELD h 5 WITHVALUES | HRANDFIELD h -2 WITHVALUES | HRANDFIELD h -1 \
                    | HRANDFIELD h",
                "[[a 1]] | [[a 1] [a 1]] | [a] | a",
            );
        }
    }

    #[test]
    fn hrandfield_of_nothing_is_nothing() {
        check("HRANDFIELD h | HRANDFIELD h 3 | HRANDFIELD h -3 WITHVALUES", "(nil) | [] | []");
        check("HSET h a 1 | HRANDFIELD h 0 | HRANDFIELD h 0 WITHVALUES", ":1 | [] | []");
    }

    #[test]
    fn hrandfield_refuses_counts_that_cannot_be() {
        let out_of_range = "-ERR value is out of range";
        let range =
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        for (arguments, error) in [
            ("h x", "-ERR value is not an integer or out of range"),
            ("h -9223372036854775808", range),
            ("h 1 x", "-ERR syntax error"),
            ("h 1 WITHVALUES x", "-ERR syntax error"),
            ("nosuch 1 x", "-ERR syntax error"),
            ("h 4611686018427387904 WITHVALUES", out_of_range),
            ("h -4611686018427387904 WITHVALUES", out_of_range),
            // Redis tries, and fills its memory.
            ("h -9223372036854775807", out_of_range),
            ("h -4611686018427387903 WITHVALUES", out_of_range),
            ("s", wrong_type),
            ("s 1", wrong_type),
        ] {
            check(&format!("HSET h a 1 | SET s 1 | HRANDFIELD {arguments}"), &format!(":1 | OK | {error}"));
        }
        // The reply is bounded, not the count alone.
        check("HSET h \"x\"*1000000 1 | HRANDFIELD h -1000 | HLEN h", &format!(":1 | {out_of_range} | :1"));
    }

    /// The fields of a whole scan with the number of times that each came, and the number of calls.
    fn scan(sandbox: &mut Sandbox, options: &str) -> (BTreeMap<String, usize>, usize) {
        let (mut fields, mut calls, mut cursor) = (BTreeMap::new(), 0, "0".to_owned());
        loop {
            let mut reply = words(&sandbox.run(&format!("HSCAN h {cursor} {options}")));
            cursor = reply.remove(0);
            calls += 1;
            for pair in reply.chunks(2) {
                assert_eq!(pair[0], format!("f{}", pair[1]));
                *fields.entry(pair[0].clone()).or_default() += 1;
            }
            if cursor == "0" {
                return (fields, calls);
            }
        }
    }

    #[test]
    fn hscan_sees_every_field() {
        for (is_packed, options, calls) in [
            (true, "COUNT 3", 1..2),
            (false, "", 10..101),
            (false, "COUNT 100000", 1..2),
            (false, "COUNT 1", 10..1001),
        ] {
            let (fields, taken) = scan(&mut hash_of(1000, is_packed), options);
            assert_eq!((fields.len(), fields.values().max()), (1000, Some(&1)));
            assert!(calls.contains(&taken), "{taken} calls with {options}");
        }
    }

    #[test]
    fn hscan_misses_no_field_that_stays_while_others_come_and_go() {
        let mut sandbox = hash_of(200, false);
        let (mut seen, mut cursor, mut calls) = (BTreeSet::new(), "0".to_owned(), 0);
        loop {
            let mut reply = words(&sandbox.run(&format!("HSCAN h {cursor} COUNT 5")));
            cursor = reply.remove(0);
            seen.extend(reply.chunks(2).map(|pair| pair[0].clone()));
            calls += 1;
            for other in 0..50 {
                let command = if calls % 4 < 2 {
                    format!("HSET h g{calls}-{other} 1")
                } else {
                    format!("HDEL h g{}-{other}", calls - 2)
                };
                sandbox.run(&command);
            }
            if cursor == "0" {
                break;
            }
        }
        assert!((0..200).all(|field| seen.contains(&format!("f{field}"))));
    }

    #[test]
    fn hscan_filters_by_field() {
        for is_packed in [true, false] {
            let (fields, _) = scan(&mut hash_of(20, is_packed), "MATCH f1* COUNT 100");
            assert_eq!(fields.len(), 11);
            let (fields, _) = scan(&mut hash_of(20, is_packed), "MATCH x MATCH *");
            assert_eq!(fields.len(), 20);
        }
        check("HSET h 12 a | HSCAN h 0 MATCH 1? | HSCAN h 0 MATCH a", ":1 | [0 [12 a]] | [0 []]");
        check("RESP 3 | HSET h a 1 | HSCAN h 0", ":1 | [0 [a 1]]");
    }

    #[test]
    fn hscan_refuses_a_wrong_cursor_first_and_wrong_options_of_a_hash_only() {
        let (cursor, syntax) = ("-ERR invalid cursor", "-ERR syntax error");
        let integer = "-ERR value is not an integer or out of range";
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        for (arguments, reply) in [
            ("s x", cursor),
            ("h \" 0\"", cursor),
            ("h 18446744073709551616", cursor),
            ("s 0 FOO", wrong_type),
            ("nosuch 0 FOO", "[0 []]"),
            ("nosuch 7", "[0 []]"),
            ("h 0 FOO", syntax),
            ("h 0 FOO 1", syntax),
            ("h 0 TYPE hash", syntax),
            ("h 0 MATCH", syntax),
            ("h 0 COUNT 0", syntax),
            ("h 0 COUNT -1", syntax),
            ("h 0 COUNT x", integer),
            ("h -1", "[0 [a 1]]"),
            ("h \"\"", "[0 [a 1]]"),
        ] {
            check(&format!("HSET h a 1 | SET s 1 | HSCAN {arguments}"), &format!(":1 | OK | {reply}"));
        }
        // Any number is a cursor of a large hash.
        for cursor in ["1", "-1", "18446744073709551615", "123456789123456789"] {
            let reply = hash_of(1000, false).run(&format!("HSCAN h {cursor}"));
            assert!(reply.starts_with('['), "{reply}");
        }
    }
}
