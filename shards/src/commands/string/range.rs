//! Parts of strings: APPEND, GETRANGE, SUBSTR, SETRANGE, and LCS, which compares two strings.
//!
//! Whole strings are in `string`, counters in `counter`. This file must not know how an entry stores its
//! value.

use super::reply_string;
use crate::args::{Args, Blob};
use crate::command::shapes::STRING;
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};
use crate::ctx::Ctx;
use crate::encoding::lcs::{self, LcsError, Match};
use crate::entry::{Expire, NewValue};
use crate::error::CommandError;
use crate::event;
use crate::num;
use crate::reply::Reply;

/// Reads a part of a string.
const GETRANGE: CommandSpec = CommandSpec {
    complexity: "O(N) where N is the length of the returned string. The complexity is ultimately \
                determined by the returned length, but because creating a substring from an existing string \
                is very cheap, it can be considered O(1) for small strings.",
    arity: Arity::Exactly(4),
    flags: flags::READONLY,
    keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
    args: &[Arg::key(), Arg::integer("start"), Arg::integer("end")],
    ..STRING
};

pub(crate) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        append,
        CommandSpec {
            name: "append",
            summary: "Append a value to a key",
            since: "2.0.0",
            complexity: "O(1). The amortized time complexity is O(1) assuming the appended value is small \
                and the already present value is of any size, since the dynamic string library used by \
                Redis will double the free space available on every reallocation.",
            arity: Arity::Exactly(3),
            flags: flags::WRITE | flags::DENYOOM | flags::FAST,
            keys: &[KeySpec::at(1, keys::RW | keys::INSERT)],
            args: &[Arg::key(), Arg::string("value")],
            ..STRING
        },
    ),
    DataCommand::new(
        getrange,
        CommandSpec {
            name: "getrange",
            summary: "Get a substring of the string stored at a key",
            since: "2.4.0",
            ..GETRANGE
        },
    ),
    DataCommand::new(
        getrange,
        CommandSpec {
            name: "substr",
            summary: "Get a substring of the string stored at a key",
            since: "1.0.0",
            deprecated: Some(("2.0.0", "`GETRANGE`")),
            ..GETRANGE
        },
    ),
    DataCommand::new(
        setrange,
        CommandSpec {
            name: "setrange",
            summary: "Overwrite part of a string at key starting at the specified offset",
            since: "2.2.0",
            complexity: "O(1), not counting the time taken to copy the new string in place. Usually, this \
                string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) \
                with M being the length of the value argument.",
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            args: &[Arg::key(), Arg::integer("offset"), Arg::string("value")],
            ..STRING
        },
    ),
    DataCommand::new(
        lcs,
        CommandSpec {
            name: "lcs",
            summary: "Find longest common substring",
            since: "7.0.0",
            complexity: "O(N*M) where N and M are the lengths of s1 and s2, respectively",
            arity: Arity::AtLeast(3),
            flags: flags::READONLY,
            keys: &[KeySpec::range(1, 1, 1, keys::RO | keys::ACCESS)],
            args: &[
                Arg::key_named("key1"),
                Arg::key_named("key2"),
                Arg::word("len", "LEN").optional(),
                Arg::word("idx", "IDX").optional(),
                Arg::integer("len").after("MINMATCHLEN").optional(),
                Arg::word("withmatchlen", "WITHMATCHLEN").optional(),
            ],
            ..STRING
        },
    ),
];

type Done = Result<(), CommandError>;

/// A string that grows in place gets as much again for later growth, but at most this many bytes
/// (Redis: SDS_MAX_PREALLOC).
const SPARE_BYTES_MAX: usize = 1024 * 1024;

/// Makes room for a string of `len` bytes, with some to spare when the memory has to move anyway.
fn reserve(bytes: &mut Vec<u8>, len: usize) {
    if len > bytes.capacity() {
        bytes.reserve_exact(len - bytes.len() + len.min(SPARE_BYTES_MAX));
    }
}

/// The length of a string of `len` bytes and `more` behind them.
///
/// # Errors
/// `StringTooLong` over `len_max`.
fn grown_len(len: usize, more: usize, len_max: usize) -> Result<usize, CommandError> {
    match len.checked_add(more) {
        Some(total) if total <= len_max => Ok(total),
        _ => Err(CommandError::StringTooLong),
    }
}

/// `APPEND key value`
fn append(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let key = ctx.key(args, 1);
    let len_max = ctx.keys.string_len_max();
    let tail = args.get(2);
    if let Some(mut entry) = ctx.keys.write_string(&key)? {
        let len = grown_len(entry.string().len(), tail.len(), len_max)?;
        entry.with_raw(|bytes| {
            reserve(bytes, len);
            bytes.extend_from_slice(tail);
        });
        ctx.reply.len_int(len);
    } else {
        ctx.keys.add(&key, NewValue::encoded(args.value(2)), Expire::Clear);
        ctx.reply.len_int(tail.len());
    }
    ctx.keys.changed(&key, event::APPEND);
    Ok(())
}

/// `GETRANGE key start end`
fn getrange(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let first = num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    let last = num::parse_i64(args.get(3)).ok_or(CommandError::NotAnInteger)?;
    let key = ctx.key(args, 1);
    let Some(value) = ctx.keys.read_string(&key)? else {
        ctx.reply.bulk(b"");
        return Ok(());
    };
    let mut text = itoa::Buffer::new();
    let bytes = value.bytes(&mut text);
    match clamped_range(first, last, bytes.len()) {
        Some((0, end)) if end == bytes.len() => reply_string(ctx.reply, value),
        Some((start, end)) => ctx.reply.bulk(&bytes[start..end]),
        None => ctx.reply.bulk(b""),
    }
    Ok(())
}

/// The bytes `start..end` that a range of Redis means in a string of `len` bytes: both ends belong to it,
/// negative ones count from the string's end, and what lies outside is cut off. `None` when nothing is left.
fn clamped_range(first: i64, last: i64, len: usize) -> Option<(usize, usize)> {
    if first < 0 && last < 0 && first > last {
        return None;
    }
    let from_start = |index: i64| if index < 0 { (len as i64 + index).max(0) } else { index } as usize;
    let start = from_start(first);
    let end = from_start(last).min(len.checked_sub(1)?) + 1;
    (start < end).then_some((start, end))
}

/// `SETRANGE key offset value`: zeros fill what lies between the string's end and the offset.
fn setrange(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let offset = num::parse_i64(args.get(2)).ok_or(CommandError::NotAnInteger)?;
    let offset = usize::try_from(offset).map_err(|_| CommandError::other("ERR offset is out of range"))?;
    let key = ctx.key(args, 1);
    let len_max = ctx.keys.string_len_max();
    let patch = args.get(3);
    if let Some(mut entry) = ctx.keys.write_string(&key)? {
        let mut len = entry.string().len();
        if !patch.is_empty() {
            let end = grown_len(offset, patch.len(), len_max)?;
            len = len.max(end);
            entry.with_raw(|bytes| {
                reserve(bytes, len);
                bytes.resize(len, 0);
                bytes[offset..end].copy_from_slice(patch);
            });
            ctx.keys.changed(&key, event::SETRANGE);
        }
        ctx.reply.len_int(len);
        return Ok(());
    }
    if patch.is_empty() {
        ctx.reply.int(0);
        return Ok(());
    }
    let len = grown_len(offset, patch.len(), len_max)?;
    let mut bytes = vec![0; len];
    bytes[offset..].copy_from_slice(patch);
    ctx.keys.add(&key, NewValue::Blob(Blob::new(bytes)), Expire::Clear);
    ctx.keys.changed(&key, event::SETRANGE);
    ctx.reply.len_int(len);
    Ok(())
}

/// The options of LCS.
#[derive(Default)]
struct LcsOptions {
    only_len: bool,
    ranges: bool,
    match_len_min: i64,
    with_match_len: bool,
}

impl LcsOptions {
    fn parse(args: Args<'_>) -> Result<LcsOptions, CommandError> {
        let mut options = LcsOptions::default();
        let mut words = args.iter_from(3);
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case(b"IDX") {
                options.ranges = true;
            } else if word.eq_ignore_ascii_case(b"LEN") {
                options.only_len = true;
            } else if word.eq_ignore_ascii_case(b"WITHMATCHLEN") {
                options.with_match_len = true;
            } else if word.eq_ignore_ascii_case(b"MINMATCHLEN") {
                let number = words.next().ok_or(CommandError::Syntax)?;
                options.match_len_min = num::parse_i64(number).ok_or(CommandError::NotAnInteger)?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if options.ranges && options.only_len {
            let text = "ERR If you want both the length and indexes, please just use IDX.";
            return Err(CommandError::other(text));
        }
        Ok(options)
    }
}

impl From<LcsError> for CommandError {
    fn from(error: LcsError) -> CommandError {
        CommandError::other(match error {
            LcsError::StringTooLong => "ERR String too long for LCS",
            LcsError::TableOverLimit => {
                "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len"
            }
            LcsError::OutOfMemory => "ERR Insufficient memory, failed allocating transient memory for LCS",
        })
    }
}

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]`
fn lcs(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    let table_bytes_max = ctx.keys.string_len_max() as u64;
    let (first, second) = (ctx.key(args, 1), ctx.key(args, 2));
    // Two values cannot be borrowed at once; one copy is small beside the N * M steps that follow.
    let a = ctx
        .keys
        .read_string(&first)
        .map(|value| value.map_or_else(Vec::new, |value| value.bytes(&mut itoa::Buffer::new()).to_vec()));
    let b = ctx.keys.read_string(&second);
    let (Ok(a), Ok(b)) = (a, b) else {
        return Err(CommandError::other("ERR The specified keys must contain string values"));
    };
    let options = LcsOptions::parse(args)?;
    let mut text = itoa::Buffer::new();
    let b = b.map_or(&b""[..], |value| value.bytes(&mut text));
    if options.only_len {
        let len = lcs::longest_len(&a, b, table_bytes_max)?;
        ctx.reply.len_int(len);
        return Ok(());
    }
    let longest = lcs::longest(&a, b, table_bytes_max)?;
    if !options.ranges {
        ctx.reply.bulk(&longest.bytes(&a));
        return Ok(());
    }
    let matches = longest.matches_from(options.match_len_min);
    ctx.reply.map(2);
    ctx.reply.bulk(b"matches");
    ctx.reply.array(matches.clone().count());
    for run in matches {
        reply_match(ctx.reply, run, options.with_match_len);
    }
    ctx.reply.bulk(b"len");
    ctx.reply.len_int(longest.len());
    Ok(())
}

fn reply_match(reply: &mut Reply, run: &Match, with_len: bool) {
    reply.array(if with_len { 3 } else { 2 });
    for range in [&run.a, &run.b] {
        reply.array(2);
        reply.len_int(*range.start());
        reply.len_int(*range.end());
    }
    if with_len {
        reply.len_int(run.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Sandbox, check, check_in};

    const TOO_LONG: &str = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range";

    #[test]
    fn append_makes_a_key_or_makes_it_longer() {
        check("APPEND a foo | APPEND a bar | GET a", ":3 | :6 | foobar");
        check("SET a 12 | APPEND a 34 | GET a | INCR a", "OK | :4 | 1234 | :1235");
        check("SET a x EX 1 | APPEND a y | PROBE.EXPIRE a", "OK | :2 | 1001000");
        check("APPEND a \"\" | GET a | APPEND a \"\"", ":0 | \"\" | :0");
        check("SET a \"x\"*40000 | APPEND a \"x\"*40000 | GET a", "OK | :80000 | \"x\"*80000");
    }

    #[test]
    fn append_stores_what_redis_shows_as_int_and_raw() {
        check("APPEND a 12 | PROBE.KIND a | APPEND a \"\" | PROBE.KIND a", ":2 | int | :2 | raw");
    }

    #[test]
    fn memory_to_spare_is_as_much_again_up_to_a_megabyte() {
        let mut bytes = Vec::new();
        for (len, capacity) in [
            (3, 6),
            (6, 6),
            (7, 14),
            (1 << 20, 2 << 20),
            (2 << 20, 2 << 20),
            ((2 << 20) + 1, (3 << 20) + 1),
            (10 << 20, 11 << 20),
        ] {
            reserve(&mut bytes, len);
            bytes.resize(len, 0);
            assert_eq!(bytes.capacity(), capacity);
        }
    }

    #[test]
    fn no_string_grows_over_the_limit() {
        let mut sandbox = Sandbox::with_string_len_max(10);
        check_in(
            &mut sandbox,
            "APPEND a 123456 | APPEND a 7890 | APPEND a x | GET a",
            &format!(":6 | :10 | {TOO_LONG} | 1234567890"),
        );
        check_in(
            &mut sandbox,
            "SETRANGE a 9 x | SETRANGE a 9 xx | SETRANGE b 8 xxx | STRLEN a | GET b",
            &format!(":10 | {TOO_LONG} | {TOO_LONG} | :10 | (nil)"),
        );
        check("SETRANGE a 536870912 x", TOO_LONG);
        check("SETRANGE a 9223372036854775807 x", TOO_LONG);
        check("SET a 1 | SETRANGE a 9223372036854775807 x | GET a", &format!("OK | {TOO_LONG} | 1"));
        check("SETRANGE a 536870912 \"\" | SET a 1 | SETRANGE a 536870912 \"\"", ":0 | OK | :1");
    }

    #[test]
    fn getrange_takes_both_ends_and_counts_negative_ones_from_the_end() {
        let mut sandbox = Sandbox::new();
        sandbox.run("SET a \"Hello World\"");
        for (range, expected) in [
            ("0 4", "Hello"),
            ("0 -1", "\"Hello World\""),
            ("-5 -1", "World"),
            ("-5 -7", "\"\""),
            ("4 3", "\"\""),
            ("5 5", "\" \""),
            ("0 100", "\"Hello World\""),
            ("-100 4", "Hello"),
            ("-100 -100", "H"),
            ("-100 -101", "\"\""),
            ("0 -100", "H"),
            ("11 11", "\"\""),
            ("10 -1", "d"),
            ("-1 -100", "\"\""),
            ("-9223372036854775808 9223372036854775807", "\"Hello World\""),
            ("9223372036854775807 -9223372036854775808", "\"\""),
        ] {
            check_in(&mut sandbox, &format!("GETRANGE a {range}"), expected);
            check_in(&mut sandbox, &format!("SUBSTR a {range}"), expected);
        }
    }

    #[test]
    fn getrange_reads_every_kind_of_value() {
        check("SET a 12345 | GETRANGE a 1 3 | PROBE.KIND a", "OK | 234 | int");
        check("SET a \"x\"*70000 | GETRANGE a 10 69998 | GETRANGE a 0 -1", "OK | \"x\"*69989 | \"x\"*70000");
        check("GETRANGE a 0 1 | SET a \"\" | GETRANGE a 0 -1", "\"\" | OK | \"\"");
    }

    #[test]
    fn getrange_checks_its_numbers_before_the_key() {
        check("GETRANGE a x 1", NOT_AN_INTEGER);
        check("GETRANGE a 1 9223372036854775808", NOT_AN_INTEGER);
    }

    #[test]
    fn setrange_overwrites_and_extends() {
        check("SET a \"Hello World\" | SETRANGE a 6 Redis | GET a", "OK | :11 | \"Hello Redis\"");
        check("SETRANGE a 2 x | GET a | PROBE.KIND a", r#":3 | "\x00\x00x" | raw"#);
        check("SET a 1 | SETRANGE a 3 x | GET a", r#"OK | :4 | "1\x00\x00x""#);
        check("SET a 1234 EX 1 | SETRANGE a 1 x | GET a | PROBE.EXPIRE a", "OK | :4 | 1x34 | 1001000");
        check(
            "SET a \"x\"*70000 | SETRANGE a 0 x | SETRANGE a 69999 xx | GET a",
            "OK | :70000 | :70001 | \"x\"*70001",
        );
    }

    #[test]
    fn setrange_with_an_empty_value_changes_nothing() {
        check(
            "SETRANGE a 5 \"\" | GET a | SET a 12 | SETRANGE a 5 \"\" | PROBE.KIND a",
            ":0 | (nil) | OK | :2 | int",
        );
    }

    #[test]
    fn setrange_takes_an_offset_from_0_on() {
        check("SETRANGE a -1 x | GET a", "-ERR offset is out of range | (nil)");
        check("SETRANGE a -1 \"\"", "-ERR offset is out of range");
        check("SETRANGE a x y", NOT_AN_INTEGER);
    }

    #[test]
    fn a_value_on_its_way_to_a_client_does_not_change() {
        let mut sandbox = Sandbox::new();
        sandbox.run("SET a \"x\"*40000");
        let mut reply = Reply::new(false);
        let get: crate::args::OwnedArgs = ["GET", "a"].into_iter().collect();
        sandbox.execute_into(get.as_args(), &mut reply);
        sandbox.run("SETRANGE a 0 y | APPEND a y");
        assert_eq!(reply.blobs()[0].1.as_slice(), vec![b'x'; 40000]);
        check_in(&mut sandbox, "GETRANGE a 0 1 | GETRANGE a 39999 -1", "yx | xy");
    }

    #[test]
    fn lcs_replies_the_string_its_length_or_its_ranges() {
        let mut sandbox = Sandbox::new();
        sandbox.run("MSET a ohmytext b mynewtext");
        for (options, expected) in [
            ("", "mytext"),
            ("LEN", ":6"),
            ("IDX", "[matches [[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] len :6]"),
            ("IDX MINMATCHLEN 4", "[matches [[[:4 :7] [:5 :8]]] len :6]"),
            ("idx minmatchlen 4 withmatchlen", "[matches [[[:4 :7] [:5 :8] :4]] len :6]"),
            (
                "IDX MINMATCHLEN -1 WITHMATCHLEN",
                "[matches [[[:4 :7] [:5 :8] :4] [[:2 :3] [:0 :1] :2]] len :6]",
            ),
            ("IDX MINMATCHLEN 9", "[matches [] len :6]"),
            ("MINMATCHLEN 5 WITHMATCHLEN", "mytext"),
            ("LEN MINMATCHLEN 5", ":6"),
        ] {
            check_in(&mut sandbox, &format!("LCS a b {options}"), expected);
        }
        check_in(
            &mut sandbox,
            "RESP 3 | LCS a b IDX",
            "{matches [[[:4 :7] [:5 :8]] [[:2 :3] [:0 :1]]] len :6}",
        );
    }

    #[test]
    fn lcs_takes_a_missing_key_for_an_empty_string_and_an_integer_for_its_text() {
        check("LCS a b | LCS a b LEN | LCS a b IDX", "\"\" | :0 | [matches [] len :0]");
        check("MSET a 12345 b 1x3x5 | LCS a b | LCS a a", "OK | 135 | 12345");
    }

    #[test]
    fn lcs_refuses_options_that_do_not_fit() {
        let both = "-ERR If you want both the length and indexes, please just use IDX.";
        check("LCS a b IDX LEN", both);
        check("LCS a b LEN BAD IDX", "-ERR syntax error");
        check("LCS a b MINMATCHLEN", "-ERR syntax error");
        check("LCS a b IDX LEN MINMATCHLEN x", NOT_AN_INTEGER);
    }

    #[test]
    fn lcs_refuses_strings_whose_table_exceeds_the_limit() {
        let over = "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
        let mut sandbox = Sandbox::with_string_len_max(4 * 3 * 4);
        check_in(&mut sandbox, "MSET a xy b xyz c xyzz | LCS a b", "OK | xy");
        check_in(&mut sandbox, "LCS a c | LCS a c LEN | LCS a c IDX", &[over; 3].join(" | "));
    }
}
