//! Strings as arrays of integers of any width: BITFIELD, BITFIELD_RO.

use crate::args::Args;
use crate::command::keys::KeyPosition;
use crate::command::shapes::BITMAP;
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};
use crate::ctx::Ctx;
use crate::encoding::bitops::{FieldType, Overflow};
use crate::error::CommandError;
use crate::event;
use crate::num;
use crate::reply::Reply;

const ENCODING: Arg = Arg::string("encoding");
const OFFSET: Arg = Arg::integer("offset");

const OVERFLOW: Arg = Arg::one_of(
    "wrap_sat_fail",
    &[Arg::word("wrap", "WRAP"), Arg::word("sat", "SAT"), Arg::word("fail", "FAIL")],
)
.after("OVERFLOW")
.optional();

const WRITE_OPERATION: Arg = Arg::one_of(
    "write_operation",
    &[
        Arg::block("encoding_offset_value", &[ENCODING, OFFSET, Arg::integer("value")]).after("SET"),
        Arg::block("encoding_offset_increment", &[ENCODING, OFFSET, Arg::integer("increment")])
            .after("INCRBY"),
    ],
);

/// The rows of this family.
pub(super) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        bitfield,
        CommandSpec {
            name: "bitfield",
            summary: "Perform arbitrary bitfield integer operations on strings",
            since: "3.2.0",
            complexity: "O(1) for each subcommand specified",
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::DENYOOM,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE | keys::VARIABLE_FLAGS)
                .notes("This command allows both access and modification of the key")],
            find_keys: Some(bitfield_keys),
            args: &[
                Arg::key(),
                Arg::one_of(
                    "operation",
                    &[
                        Arg::block("encoding_offset", &[ENCODING, OFFSET]).after("GET"),
                        Arg::block("write", &[OVERFLOW, WRITE_OPERATION]),
                    ],
                )
                .optional()
                .multiple(),
            ],
            ..BITMAP
        },
    ),
    DataCommand::new(
        bitfield_ro,
        CommandSpec {
            name: "bitfield_ro",
            summary: "Perform arbitrary bitfield integer operations on strings. Read-only variant of \
                BITFIELD",
            since: "6.0.0",
            complexity: "O(1) for each subcommand specified",
            arity: Arity::AtLeast(2),
            flags: flags::READONLY | flags::FAST,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[
                Arg::key(),
                Arg::block("encoding_offset", &[ENCODING, OFFSET])
                    .after("GET")
                    .optional()
                    .multiple_with_token(),
            ],
            ..BITMAP
        },
    ),
];

/// One subcommand.
struct Operation {
    action: Action,
    field: FieldType,
    /// The field's first bit.
    offset: u64,
    overflow: Overflow,
}

enum Action {
    Get,
    Set(i64),
    IncrBy(i64),
}

fn bitfield(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let operations = parse(args, ctx.keys.string_len_max())?;
    let Some(len_min) = operations.iter().filter_map(Operation::len_min).max() else {
        return read_all(ctx, args, &operations);
    };
    let key = ctx.key(args, 1);
    let len = ctx.keys.peek(&key).and_then(|entry| entry.as_string()).map(|text| text.len());
    // As in Redis the string is made and padded even when OVERFLOW FAIL then stores nothing.
    let mut entry = ctx.keys.write_padded(&key, len_min)?;
    let reply = &mut *ctx.reply;
    reply.array(operations.len());
    let mut is_changed = len.is_none_or(|len| len < len_min);
    entry.with_raw(|bytes| {
        for operation in &operations {
            is_changed |= operation.run(bytes, reply);
        }
    });
    if is_changed {
        ctx.keys.changed(&key, event::SETBIT);
    }
    Ok(())
}

fn bitfield_ro(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let operations = parse(args, ctx.keys.string_len_max())?;
    if operations.iter().any(|operation| operation.len_min().is_some()) {
        return Err(CommandError::other("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read_all(ctx, args, &operations)
}

fn read_all(ctx: &mut Ctx<'_>, args: Args<'_>, operations: &[Operation]) -> Result<(), CommandError> {
    let key = ctx.key(args, 1);
    let mut text = itoa::Buffer::new();
    let value = ctx.keys.read_string(&key)?;
    let bytes = value.map_or(&[][..], |value| value.bytes(&mut text));
    ctx.reply.array(operations.len());
    for operation in operations {
        ctx.reply.int(operation.field.read(bytes, operation.offset));
    }
    Ok(())
}

/// The subcommands in their order. OVERFLOW is none by itself: it holds for those behind it.
fn parse(args: Args<'_>, string_len_max: usize) -> Result<Vec<Operation>, CommandError> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut index = 2;
    while index < args.len() {
        let word = args.get(index);
        let behind = args.len() - index - 1;
        if word.eq_ignore_ascii_case(b"overflow") && behind >= 1 {
            overflow = parse_overflow(args.get(index + 1))?;
            index += 2;
            continue;
        }
        let written: Option<fn(i64) -> Action> = if word.eq_ignore_ascii_case(b"get") && behind >= 2 {
            None
        } else if word.eq_ignore_ascii_case(b"set") && behind >= 3 {
            Some(Action::Set)
        } else if word.eq_ignore_ascii_case(b"incrby") && behind >= 3 {
            Some(Action::IncrBy)
        } else {
            return Err(CommandError::Syntax);
        };
        let field = parse_type(args.get(index + 1))?;
        let offset = parse_offset(args.get(index + 2), field, string_len_max)?;
        index += 3;
        let action = match written {
            None => Action::Get,
            Some(action) => {
                let value = num::parse_i64(args.get(index)).ok_or(CommandError::NotAnInteger)?;
                index += 1;
                action(value)
            }
        };
        operations.push(Operation { action, field, offset, overflow });
    }
    Ok(operations)
}

fn parse_overflow(word: &[u8]) -> Result<Overflow, CommandError> {
    if word.eq_ignore_ascii_case(b"wrap") {
        Ok(Overflow::Wrap)
    } else if word.eq_ignore_ascii_case(b"sat") {
        Ok(Overflow::Saturate)
    } else if word.eq_ignore_ascii_case(b"fail") {
        Ok(Overflow::Fail)
    } else {
        Err(CommandError::other("ERR Invalid OVERFLOW type specified"))
    }
}

/// A type such as `i16` or `u8`.
fn parse_type(text: &[u8]) -> Result<FieldType, CommandError> {
    let (signed, bits) = match text {
        [b'i', bits @ ..] => (true, num::parse_i64(bits)),
        [b'u', bits @ ..] => (false, num::parse_i64(bits)),
        _ => (false, None),
    };
    bits.and_then(|bits| FieldType::new(signed, bits)).ok_or_else(|| {
        CommandError::other(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 \
                is.",
        )
    })
}

/// An offset in bits, or behind a `#` in fields of this type.
fn parse_offset(text: &[u8], field: FieldType, string_len_max: usize) -> Result<u64, CommandError> {
    let offset = match text {
        // Redis multiplies without a check, so that a product over 2^64 comes back into the range.
        [b'#', index @ ..] => num::parse_i64(index).map(|index| index.wrapping_mul(i64::from(field.bits()))),
        offset => num::parse_i64(offset),
    };
    offset
        .and_then(|offset| u64::try_from(offset).ok())
        .filter(|offset| offset / 8 < string_len_max as u64)
        .ok_or(CommandError::BitOffset)
}

impl Operation {
    /// The string's length in bytes that it needs when it writes.
    fn len_min(&self) -> Option<usize> {
        match self.action {
            Action::Get => None,
            Action::Set(_) | Action::IncrBy(_) => {
                Some((self.offset + u64::from(self.field.bits())).div_ceil(8) as usize)
            }
        }
    }

    /// Runs on a string that is long enough. Returns whether that has changed.
    fn run(&self, bytes: &mut [u8], reply: &mut Reply) -> bool {
        let old = self.field.read(bytes, self.offset);
        let (new, shown) = match self.action {
            Action::Get => {
                reply.int(old);
                return false;
            }
            Action::Set(value) => (self.field.fit(value, self.overflow), Some(old)),
            Action::IncrBy(increment) => {
                let sum = self.field.add(old, increment, self.overflow);
                (sum, sum)
            }
        };
        match (new, shown) {
            (Some(new), Some(shown)) => {
                self.field.write(bytes, self.offset, new);
                reply.int(shown);
                new != old
            }
            _ => {
                reply.null();
                false
            }
        }
    }
}

/// BITFIELD only reads when all its operations are GETs. What it cannot parse counts as a write.
fn bitfield_keys(args: Args<'_>, found: &mut Vec<KeyPosition>) {
    let mut at = 2;
    let mut reads_only = true;
    while at < args.len() && reads_only {
        let operation = args.get(at);
        let operands = args.len() - at - 1;
        if operation.eq_ignore_ascii_case(b"get") && operands >= 2 {
            at += 3;
        } else if operation.eq_ignore_ascii_case(b"overflow") && operands >= 1 {
            at += 2;
        } else {
            reads_only = false;
        }
    }
    let flags = if reads_only { keys::RO | keys::ACCESS } else { keys::RW | keys::ACCESS | keys::UPDATE };
    found.push(KeyPosition { index: 1, flags, db: None });
}

#[cfg(test)]
mod tests {
    use crate::testing::{Sandbox, check, check_in};

    #[test]
    fn fields_of_any_width_are_read_where_their_bits_lie() {
        let string = r#"SET a "\x12\x34\x56\x78\x9a\xbc\xde\xf0\x11""#;
        for (get, reply) in [
            ("u4 0", ":1"),
            ("u8 0", ":18"),
            ("u8 4", ":35"),
            ("u1 3", ":1"),
            ("i1 3", ":-1"),
            ("i8 32", ":-102"),
            ("u8 32", ":154"),
            ("u63 1", ":1311768467463790320"),
            ("i64 0", ":1311768467463790320"),
            ("i64 4", ":2541551405711093505"),
            ("u8 #1", ":52"),
            ("u4 #3", ":4"),
            ("u16 64", ":4352"),
            ("u8 72", ":0"),
            ("u8 4294967295", ":0"),
        ] {
            check(&format!("{string} | BITFIELD a GET {get}"), &format!("OK | [{reply}]"));
            check(&format!("{string} | BITFIELD_RO a get {get}"), &format!("OK | [{reply}]"));
        }
    }

    #[test]
    fn reading_makes_no_key() {
        check("BITFIELD a GET u8 0 GET i5 99 | BITFIELD_RO a GET u8 0 | EXISTS a", "[:0 :0] | [:0] | :0");
        check("BITFIELD a | BITFIELD_RO a | BITFIELD a OVERFLOW SAT | EXISTS a", "[] | [] | [] | :0");
    }

    #[test]
    fn set_replies_with_the_old_number_and_incrby_with_the_new_one() {
        check("BITFIELD a SET u8 0 200 SET u8 0 7 INCRBY u8 0 3 GET u8 0", "[:0 :200 :10 :10]");
        check("BITFIELD a SET i8 #2 -3 INCRBY i8 #2 -5 | GET a", r#"[:0 :-8] | "\x00\x00\xf8""#);
        check("SET a 12 | BITFIELD a SET u4 4 9 | GET a", "OK | [:1] | 92");
    }

    #[test]
    fn a_field_leaves_its_neighbours_alone() {
        check(
            r#"SET a "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" | BITFIELD a SET i64 3 0 | GET a"#,
            r#"OK | [:-1] | "\xe0\x00\x00\x00\x00\x00\x00\x00\x1f\xff""#,
        );
        check(r#"BITFIELD a SET u5 6 31 | GET a"#, r#"[:0] | "\x03\xe0""#);
    }

    #[test]
    fn numbers_that_do_not_fit_wrap_saturate_or_fail() {
        for (action, wrap, saturate) in [
            ("SET u8 0 256", 0, 255),
            ("SET u8 0 -1", 255, 255),
            ("SET i8 0 128", -128, 127),
            ("SET i8 0 -129", 127, -128),
            ("INCRBY u8 0 300", 44, 255),
            ("INCRBY u8 0 -1", 255, 0),
            ("INCRBY i8 0 200", -56, 127),
            ("INCRBY i8 0 -200", 56, -128),
            ("INCRBY i8 0 9223372036854775807", -1, 127),
            ("INCRBY u63 0 -1", i64::MAX, 0),
        ] {
            let field = action.split(' ').nth(1).unwrap();
            for (overflow, stored) in [("", wrap), ("OVERFLOW WRAP", wrap), ("overflow Sat", saturate)] {
                let mut sandbox = Sandbox::new();
                sandbox.run(&format!("BITFIELD a {overflow} {action}"));
                check_in(&mut sandbox, &format!("BITFIELD a GET {field} 0"), &format!("[:{stored}]"));
            }
            check(
                &format!("BITFIELD a OVERFLOW FAIL {action} GET {field} 0 | GETBIT a 0"),
                "[(nil) :0] | :0",
            );
        }
        let at_the_end = "BITFIELD a SET i64 0 9223372036854775807";
        check(&format!("{at_the_end} INCRBY i64 0 1"), "[:0 :-9223372036854775808]");
        check(&format!("{at_the_end} OVERFLOW SAT INCRBY i64 0 1"), "[:0 :9223372036854775807]");
    }

    #[test]
    fn overflow_holds_for_what_comes_after_it() {
        check(
            "BITFIELD a INCRBY u2 0 5 OVERFLOW SAT INCRBY u2 2 5 OVERFLOW FAIL INCRBY u2 4 5 INCRBY u2 6 2",
            "[:1 :3 (nil) :2]",
        );
        check("RESP 3 | BITFIELD a OVERFLOW FAIL INCRBY u2 0 5", "[(nil)]");
    }

    #[test]
    fn a_writing_command_pads_the_string_even_when_it_fails() {
        check("BITFIELD a OVERFLOW FAIL INCRBY u2 20 5 | STRLEN a", "[(nil)] | :3");
        check("BITFIELD a SET u8 4 0 GET u8 900 | STRLEN a | PROBE.KIND a", "[:0 :0] | :2 | raw");
    }

    #[test]
    fn bitfield_keeps_the_expire() {
        check("SET a x | PEXPIRE a 10 | BITFIELD a SET u8 80 1 | PTTL a", "OK | :1 | [:0] | :10");
    }

    #[test]
    fn a_wrong_subcommand_keeps_the_others_from_running() {
        let invalid_type = "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not \
            supported but i64 is.";
        let bit_offset = "-ERR bit offset is not an integer or out of range";
        let not_an_integer = "-ERR value is not an integer or out of range";
        let syntax = "-ERR syntax error";
        for (args, reply) in [
            ("GET u64 0", invalid_type),
            ("GET i65 0", invalid_type),
            ("GET u0 0", invalid_type),
            ("GET i-1 0", invalid_type),
            ("GET U8 0", invalid_type),
            ("GET u08 0", invalid_type),
            ("GET \"\" 0", invalid_type),
            ("SET x8 x x", invalid_type),
            ("GET u8 -1", bit_offset),
            ("GET u8 #-1", bit_offset),
            ("GET u8 #", bit_offset),
            ("GET u8 x", bit_offset),
            ("GET u8 4294967296", bit_offset),
            ("GET u8 #536870912", bit_offset),
            ("SET u8 x x", bit_offset),
            ("SET u8 0 x", not_an_integer),
            ("INCRBY u8 0 9223372036854775808", not_an_integer),
            ("GET u8", syntax),
            ("SET u8 0", syntax),
            ("INCRBY u8 0", syntax),
            ("OVERFLOW", syntax),
            ("FOO u8 0", syntax),
            ("OVERFLOW FOO", "-ERR Invalid OVERFLOW type specified"),
        ] {
            check(&format!("BITFIELD a SET u8 0 1 {args} | EXISTS a"), &format!("{reply} | :0"));
        }
    }

    #[test]
    fn an_offset_in_fields_wraps_around_as_in_redis() {
        check("SET a b | BITFIELD a GET u8 #2305843009213693952", "OK | [:98]");
    }

    #[test]
    fn fields_begin_within_the_longest_string_allowed() {
        let mut sandbox = Sandbox::with_string_len_max(4);
        check_in(&mut sandbox, "BITFIELD a SET u8 31 255 | STRLEN a", "[:0] | :5");
        check_in(&mut sandbox, "BITFIELD a GET u8 32", "-ERR bit offset is not an integer or out of range");
    }

    #[test]
    fn the_read_only_variant_refuses_to_write_after_all_other_checks() {
        let refused = "-ERR BITFIELD_RO only supports the GET subcommand";
        check("BITFIELD_RO a GET u8 0 SET u8 0 1", refused);
        check("BITFIELD_RO a INCRBY u8 0 1", refused);
        check("BITFIELD_RO a SET u8 0 x", "-ERR value is not an integer or out of range");
        check("BITFIELD_RO a SET u8 0 1 FOO", "-ERR syntax error");
        check("SET a b | BITFIELD_RO a OVERFLOW SAT GET u8 0", "OK | [:98]");
    }

    #[test]
    fn only_reading_fields_counts_as_hit_or_miss() {
        for (command, hits, misses) in [
            ("BITFIELD a GET u8 0", 1, 0),
            ("BITFIELD_RO b GET u8 0", 0, 1),
            ("BITFIELD a GET u8 0 SET u8 0 1", 0, 0),
        ] {
            let mut sandbox = Sandbox::new();
            sandbox.run("SET a 1");
            sandbox.run(command);
            let env = sandbox.shard().env();
            assert_eq!((env.keyspace_hits, env.keyspace_misses), (hits, misses), "{command}");
        }
    }
}
