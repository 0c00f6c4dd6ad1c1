//! Strings as arrays of bits: BITCOUNT, BITPOS, GETBIT, SETBIT, BITOP. Bit 0 is the highest bit of byte 0.

use crate::args::{Args, Blob};
use crate::command::shapes::{BITMAP, KEYS};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};
use crate::ctx::Ctx;
use crate::encoding::bitops::{self, BitOp, IndexUnit};
use crate::entry::{Expire, NewValue};
use crate::error::CommandError;
use crate::event;
use crate::keyspace::Keyspace;
use crate::num;

const INDEX_UNIT: Arg = Arg::one_of("index_unit", &[Arg::word("byte", "BYTE"), Arg::word("bit", "BIT")])
    .since("7.0.0")
    .optional();

/// The rows of this family.
pub(super) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        bitcount,
        CommandSpec {
            name: "bitcount",
            summary: "Count set bits in a string",
            since: "2.6.0",
            complexity: "O(N)",
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            history: &[("7.0.0", "Added the `BYTE|BIT` option.")],
            args: &[
                Arg::key(),
                Arg::block("index", &[Arg::integer("start"), Arg::integer("end"), INDEX_UNIT]).optional(),
            ],
            ..BITMAP
        },
    ),
    DataCommand::new(
        bitpos,
        CommandSpec {
            name: "bitpos",
            summary: "Find first bit set or clear in a string",
            since: "2.8.7",
            complexity: "O(N)",
            arity: Arity::AtLeast(3),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            history: &[("7.0.0", "Added the `BYTE|BIT` option.")],
            args: &[
                Arg::key(),
                Arg::integer("bit"),
                Arg::block(
                    "index",
                    &[
                        Arg::integer("start"),
                        Arg::block("end_index", &[Arg::integer("end"), INDEX_UNIT]).optional(),
                    ],
                )
                .optional(),
            ],
            ..BITMAP
        },
    ),
    DataCommand::new(
        getbit,
        CommandSpec {
            name: "getbit",
            summary: "Returns the bit value at offset in the string value stored at key",
            since: "2.2.0",
            complexity: "O(1)",
            arity: Arity::Exactly(3),
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), Arg::integer("offset")],
            ..BITMAP
        },
    ),
    DataCommand::new(
        setbit,
        CommandSpec {
            name: "setbit",
            summary: "Sets or clears the bit at offset in the string value stored at key",
            since: "2.2.0",
            complexity: "O(1)",
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)],
            args: &[Arg::key(), Arg::integer("offset"), Arg::integer("value")],
            ..BITMAP
        },
    ),
    DataCommand::new(
        bitop,
        CommandSpec {
            name: "bitop",
            summary: "Perform bitwise operations between strings",
            since: "2.6.0",
            complexity: "O(N)",
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::DENYOOM,
            keys: &[
                KeySpec::at(2, keys::OW | keys::UPDATE),
                KeySpec::range(3, -1, 1, keys::RO | keys::ACCESS),
            ],
            args: &[Arg::string("operation"), Arg::key_named("destkey"), KEYS.of_key_spec(1)],
            ..BITMAP
        },
    ),
];

fn bitcount(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.key(args, 1);
    let Some(value) = ctx.keys.read_string(&key)? else {
        // A key that is not there hides errors in the range, in Redis up to 7.0.
        ctx.reply.int(0);
        return Ok(());
    };
    let mut text = itoa::Buffer::new();
    let bytes = value.bytes(&mut text);
    let count = match args.len() {
        2 => bitops::count_ones(bytes),
        4 | 5 => {
            let start = integer(args, 2)?;
            let end = integer(args, 3)?;
            // Such a range is empty whatever it counts, so Redis does not look at the unit any more.
            let is_surely_empty = start < 0 && end < 0 && start > end;
            let unit = if args.len() == 5 && !is_surely_empty { unit(args.get(4))? } else { IndexUnit::Byte };
            bitops::count_ones_in(bytes, start, end, unit)
        }
        _ => return Err(CommandError::Syntax),
    };
    ctx.reply.int(count as i64);
    Ok(())
}

fn bitpos(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let bit = match integer(args, 2)? {
        0 => false,
        1 => true,
        _ => return Err(CommandError::other("ERR The bit argument must be 1 or 0.")),
    };
    let key = ctx.key(args, 1);
    let Some(value) = ctx.keys.read_string(&key)? else {
        // Zeros without end: the first 0 is at 0, and no 1 comes. Hides errors in the range, in Redis up to
        // 7.0.
        ctx.reply.int(if bit { -1 } else { 0 });
        return Ok(());
    };
    let mut text = itoa::Buffer::new();
    let bytes = value.bytes(&mut text);
    let (start, end, unit) = match args.len() {
        3 => (0, None, IndexUnit::Byte),
        4..=6 => {
            let start = integer(args, 3)?;
            let unit = if args.len() == 6 { unit(args.get(5))? } else { IndexUnit::Byte };
            let end = if args.len() > 4 { Some(integer(args, 4)?) } else { None };
            (start, end, unit)
        }
        _ => return Err(CommandError::Syntax),
    };
    let position = bitops::find_bit(bytes, bit, start, end, unit);
    ctx.reply.int(position.map_or(-1, |position| position as i64));
    Ok(())
}

fn getbit(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let offset = bit_offset(&ctx.keys, args.get(2))?;
    let key = ctx.key(args, 1);
    let mut text = itoa::Buffer::new();
    let value = ctx.keys.read_string(&key)?;
    let bit = value.is_some_and(|value| bitops::get_bit(value.bytes(&mut text), offset));
    ctx.reply.int(i64::from(bit));
    Ok(())
}

fn setbit(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let offset = bit_offset(&ctx.keys, args.get(2))?;
    let bit = match num::parse_i64(args.get(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(CommandError::other("ERR bit is not an integer or out of range")),
    };
    let key = ctx.key(args, 1);
    let len_min = (offset / 8) as usize + 1;
    let len = ctx.keys.peek(&key).and_then(|entry| entry.as_string()).map(|text| text.len());
    let mut entry = ctx.keys.write_padded(&key, len_min)?;
    let old = entry.with_raw(|bytes| bitops::set_bit(bytes, offset, bit));
    if old != bit || len.is_none_or(|len| len < len_min) {
        ctx.keys.changed(&key, event::SETBIT);
    }
    ctx.reply.int(i64::from(old));
    Ok(())
}

/// The offset of a bit that exists or could: its byte is within the longest string that is allowed.
fn bit_offset(keys: &Keyspace<'_>, text: &[u8]) -> Result<u64, CommandError> {
    num::parse_i64(text)
        .and_then(|offset| u64::try_from(offset).ok())
        .filter(|offset| offset / 8 < keys.string_len_max() as u64)
        .ok_or(CommandError::BitOffset)
}

/// All keys lie on this shard: a transaction has brought them here when they live on several.
fn bitop(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let operation = operation(args.get(1))?;
    if operation == BitOp::Not && args.len() != 4 {
        return Err(CommandError::other("ERR BITOP NOT must be called with a single source key."));
    }
    for index in 3..args.len() {
        let key = ctx.key(args, index);
        ctx.keys.read_string(&key)?;
    }
    let mut texts = vec![itoa::Buffer::new(); args.len() - 3];
    let sources = texts.iter_mut().enumerate().map(|(index, text)| {
        let entry = ctx.keys.view(&ctx.key(args, index + 3));
        entry.map_or(&[][..], |entry| entry.string().bytes(text))
    });
    let combined = bitops::combine(operation, &sources.collect::<Vec<_>>());
    let len = combined.len();
    let destination = ctx.key(args, 2);
    if combined.is_empty() {
        if ctx.keys.delete(&destination, ctx.keys.freeing_by_server()) {
            ctx.keys.changed(&destination, event::DEL);
        }
    } else {
        ctx.keys.set(&destination, NewValue::Blob(Blob::new(combined)), Expire::Clear);
        ctx.keys.changed(&destination, event::SET);
    }
    ctx.reply.len_int(len);
    Ok(())
}

fn operation(word: &[u8]) -> Result<BitOp, CommandError> {
    if word.eq_ignore_ascii_case(b"and") {
        Ok(BitOp::And)
    } else if word.eq_ignore_ascii_case(b"or") {
        Ok(BitOp::Or)
    } else if word.eq_ignore_ascii_case(b"xor") {
        Ok(BitOp::Xor)
    } else if word.eq_ignore_ascii_case(b"not") {
        Ok(BitOp::Not)
    } else {
        Err(CommandError::Syntax)
    }
}

fn unit(word: &[u8]) -> Result<IndexUnit, CommandError> {
    if word.eq_ignore_ascii_case(b"bit") {
        Ok(IndexUnit::Bit)
    } else if word.eq_ignore_ascii_case(b"byte") {
        Ok(IndexUnit::Byte)
    } else {
        Err(CommandError::Syntax)
    }
}

fn integer(args: Args<'_>, index: usize) -> Result<i64, CommandError> {
    num::parse_i64(args.get(index)).ok_or(CommandError::NotAnInteger)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Sandbox, check, check_in};

    const BIT_OFFSET: &str = "-ERR bit offset is not an integer or out of range";
    const NOT_AN_INTEGER: &str = "-ERR value is not an integer or out of range";
    const SYNTAX: &str = "-ERR syntax error";

    /// Runs commands one by one on the string "foobar" at key a, each against its own reply.
    fn on_foobar(name: &str, replies: &[(&str, &str)]) {
        for (args, reply) in replies {
            let mut sandbox = Sandbox::new();
            sandbox.run("SET a foobar");
            check_in(&mut sandbox, &format!("{name} a {args}"), reply);
            check_in(&mut sandbox, "GET a", "foobar");
        }
    }

    #[test]
    fn bitcount_counts_ones_in_a_range_of_bytes_or_bits() {
        on_foobar(
            "BITCOUNT",
            &[
                ("", ":26"),
                ("0 0", ":4"),
                ("1 1", ":6"),
                ("1 -1", ":22"),
                ("-2 -1", ":7"),
                ("-100 100", ":26"),
                ("4 2", ":0"),
                ("6 9", ":0"),
                ("1 1 BYTE", ":6"),
                ("5 30 BIT", ":17"),
                ("5 30 bit", ":17"),
                ("0 0 BIT", ":0"),
                ("1 1 BIT", ":1"),
                ("-3 -1 BIT", ":1"),
                ("48 60 BIT", ":0"),
            ],
        );
    }

    #[test]
    fn bitcount_checks_its_range_only_on_a_key_that_is_there() {
        on_foobar(
            "BITCOUNT",
            &[
                ("1", SYNTAX),
                ("0 1 FOO", SYNTAX),
                ("0 1 BIT 2", SYNTAX),
                ("x 1", NOT_AN_INTEGER),
                ("1 x FOO", NOT_AN_INTEGER),
                ("-1 -2 FOO", ":0"),
            ],
        );
        check("BITCOUNT none | BITCOUNT none 1 | BITCOUNT none x y FOO", ":0 | :0 | :0");
    }

    #[test]
    fn bitpos_finds_the_first_bit_in_a_range() {
        on_foobar(
            "BITPOS",
            &[
                ("1", ":1"),
                ("0", ":0"),
                ("1 1", ":9"),
                ("1 -1", ":41"),
                ("1 2 1", ":-1"),
                ("1 9", ":-1"),
                ("1 2 -1 BYTE", ":17"),
                ("0 1 3 BIT", ":3"),
                ("0 1 2 BIT", ":-1"),
                ("1 3 4 bit", ":-1"),
                ("0 9 10 BIT", ":-1"),
                ("1 -3 -1 BIT", ":46"),
            ],
        );
    }

    #[test]
    fn bitpos_finds_a_zero_behind_the_end_only_when_no_end_is_given() {
        let ones = r#"SET a "\xff\xff\xff""#;
        for (args, reply) in [
            ("0", ":24"),
            ("0 1", ":24"),
            ("0 3", ":-1"),
            ("0 0 -1", ":-1"),
            ("0 0 9", ":-1"),
            ("0 0 -1 BIT", ":-1"),
            ("0 5 7 BIT", ":-1"),
        ] {
            check(&format!("{ones} | BITPOS a {args}"), &format!("OK | {reply}"));
        }
        check(r#"SET a "\x00\x00" | BITPOS a 1 | BITPOS a 0"#, "OK | :-1 | :0");
    }

    #[test]
    fn bitpos_tells_a_missing_key_from_an_empty_string() {
        check("BITPOS a 0 | BITPOS a 1 | BITPOS a 0 x y FOO BAR", ":0 | :-1 | :0");
        check("SET a \"\" | BITPOS a 0 | BITPOS a 1 | BITPOS a 0 0", "OK | :-1 | :-1 | :-1");
    }

    #[test]
    fn bitpos_checks_the_bit_then_the_range() {
        on_foobar(
            "BITPOS",
            &[
                ("2", "-ERR The bit argument must be 1 or 0."),
                ("-1 x", "-ERR The bit argument must be 1 or 0."),
                ("x", NOT_AN_INTEGER),
                ("1 x", NOT_AN_INTEGER),
                ("1 0 x", NOT_AN_INTEGER),
                ("1 0 x FOO", SYNTAX),
                ("1 x 0 FOO", NOT_AN_INTEGER),
                ("1 0 1 BIT x", SYNTAX),
            ],
        );
        check("BITPOS none 2", "-ERR The bit argument must be 1 or 0.");
    }

    #[test]
    fn getbit_reads_every_kind_of_value_and_zeros_behind_it() {
        // "7" is 0x37.
        check("SET a 7 | GETBIT a 1 | GETBIT a 2 | GETBIT a 7 | GETBIT a 8", "OK | :0 | :1 | :1 | :0");
        check("SET a \"x\"*5000 | GETBIT a 39999 | GETBIT a 39996 | GETBIT a 40001", "OK | :0 | :1 | :0");
        check("GETBIT a 4294967295 | EXISTS a", ":0 | :0");
    }

    #[test]
    fn setbit_returns_the_old_bit_and_grows_with_zeros() {
        check(
            "SETBIT a 9 1 | SETBIT a 9 1 | SETBIT a 9 0 | SETBIT a 0 1 | GET a",
            r#":0 | :1 | :1 | :0 | "\x80\x00""#,
        );
        check("SETBIT a 23 0 | GET a", r#":0 | "\x00\x00\x00""#);
        check("SET a 7 | SETBIT a 15 1 | GET a | PROBE.KIND a", r#"OK | :0 | "7\x01" | raw"#);
        check("SET a \"x\"*5000 | SETBIT a 3 0 | SETBIT a 40007 1 | STRLEN a", "OK | :1 | :0 | :5001");
    }

    #[test]
    fn setbit_keeps_the_expire() {
        check("SET a x | PEXPIRE a 10 | SETBIT a 100 1 | PTTL a", "OK | :1 | :0 | :10");
    }

    #[test]
    fn bits_end_with_the_longest_string_allowed() {
        let mut sandbox = Sandbox::with_string_len_max(4);
        check_in(&mut sandbox, "SETBIT a 31 1 | GETBIT a 31 | STRLEN a", ":0 | :1 | :4");
        check_in(&mut sandbox, "SETBIT a 32 1 | GETBIT a 32", &format!("{BIT_OFFSET} | {BIT_OFFSET}"));
        check("GETBIT a 4294967296", BIT_OFFSET);
    }

    #[test]
    fn wrong_bits_and_offsets_change_nothing() {
        let bit = "-ERR bit is not an integer or out of range";
        for (args, reply) in [
            ("-1 1", BIT_OFFSET),
            ("x 5", BIT_OFFSET),
            ("#1 1", BIT_OFFSET),
            ("9223372036854775808 1", BIT_OFFSET),
            ("1 2", bit),
            ("1 -1", bit),
            ("1 x", bit),
            ("1 4294967297", bit),
        ] {
            check(&format!("SETBIT a {args} | EXISTS a"), &format!("{reply} | :0"));
        }
        check("SET a x | GETBIT a -1 | GETBIT none x", &format!("OK | {BIT_OFFSET} | {BIT_OFFSET}"));
    }

    #[test]
    fn bitop_combines_strings_and_pads_the_shorter_ones() {
        let sources = r#"SET a "\x0f\xf0\xff" | SET b "\x3c" | SET c 1"#;
        for (operation, reply) in [
            ("AND d a b", r#":3 | "\x0c\x00\x00""#),
            ("and d b a", r#":3 | "\x0c\x00\x00""#),
            ("OR d a b", r#":3 | "?\xf0\xff""#),
            ("XOR d b a", r#":3 | "3\xf0\xff""#),
            ("XOR d a b c", r#":3 | "\x02\xf0\xff""#),
            ("NOT d a", r#":3 | "\xf0\x0f\x00""#),
            ("AND d c", ":1 | 1"),
            ("AND d a none", r#":3 | "\x00\x00\x00""#),
            ("OR d none a", r#":3 | "\x0f\xf0\xff""#),
            ("OR d c c", ":1 | 1"),
        ] {
            check(&format!("{sources} | BITOP {operation} | GET d"), &format!("OK | OK | OK | {reply}"));
        }
    }

    #[test]
    fn bitop_may_overwrite_one_of_its_sources() {
        check(r#"SET a "\x0f" | SET b "\x3c\x01" | BITOP OR a a b | GET a"#, r#"OK | OK | :2 | "?\x01""#);
    }

    #[test]
    fn bitop_replaces_its_destination_with_its_expire() {
        check("SET a x | SET d y | EXPIRE d 10 | BITOP OR d a | TTL d", "OK | OK | :1 | :1 | :-1");
    }

    #[test]
    fn bitop_of_nothing_deletes_its_destination() {
        for operation in ["AND d none", "NOT d none", "XOR d none empty"] {
            check(&format!("SET d x | SET empty \"\" | BITOP {operation} | EXISTS d"), "OK | OK | :0 | :0");
        }
    }

    #[test]
    fn bitop_takes_no_expired_source() {
        check("SET a x | PEXPIRE a 5 | SLEEP 6 | BITOP OR d a | EXISTS d", "OK | :1 | :0 | :0");
    }

    #[test]
    fn bitop_refuses_unknown_operations_and_a_second_source_of_not() {
        check("BITOP FOO d a", SYNTAX);
        let not = "-ERR BITOP NOT must be called with a single source key.";
        check("SET d x | BITOP NOT d a b | GET d", &format!("OK | {not} | x"));
        check("BITOP AND d", "-ERR wrong number of arguments for 'bitop' command");
    }

    #[test]
    fn only_reading_bits_counts_as_hit_or_miss() {
        for (command, hits, misses) in [
            ("BITCOUNT a", 1, 0),
            ("BITPOS b 1", 0, 1),
            ("GETBIT a 1", 1, 0),
            ("SETBIT a 1 1", 0, 0),
            ("SETBIT b 1 1", 0, 0),
            ("BITOP AND d a b a", 2, 1),
        ] {
            let mut sandbox = Sandbox::new();
            sandbox.run("SET a 1");
            sandbox.run(command);
            let env = sandbox.shard().env();
            assert_eq!((env.keyspace_hits, env.keyspace_misses), (hits, misses), "{command}");
        }
    }
}
