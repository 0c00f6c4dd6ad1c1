//! Strings as arrays of bits: BITCOUNT, BITPOS, GETBIT, SETBIT, BITOP. Bit 0 is the highest bit of byte 0.

use crate::args::{Args, Blob};
use crate::command::flags::{self, acl};
use crate::command::{Arg, ArgKind, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};
use crate::ctx::Ctx;
use crate::db::Keyspace;
use crate::encoding::bitops::{self, BitOp, Unit};
use crate::entry::{Expire, NewValue};
use crate::error::CommandError;
use crate::num;

const KEY: Arg = Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE };

const INDEX_UNIT: Arg = Arg {
    name: "index_unit",
    kind: ArgKind::OneOf,
    since: "7.0.0",
    optional: true,
    args: &[
        Arg { name: "byte", kind: ArgKind::PureToken, token: "BYTE", ..Arg::BASE },
        Arg { name: "bit", kind: ArgKind::PureToken, token: "BIT", ..Arg::BASE },
    ],
    ..Arg::BASE
};

/// The rows of this family.
pub static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: bitcount,
        spec: CommandSpec {
            name: "bitcount",
            summary: "Count set bits in a string",
            since: "2.6.0",
            complexity: "O(N)",
            group: Group::Bitmap,
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            acl: acl::BITMAP,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            history: &[("7.0.0", "Added the `BYTE|BIT` option.")],
            args: &[
                KEY,
                Arg {
                    name: "index",
                    kind: ArgKind::Block,
                    optional: true,
                    args: &[
                        Arg { name: "start", kind: ArgKind::Integer, ..Arg::BASE },
                        Arg { name: "end", kind: ArgKind::Integer, ..Arg::BASE },
                        INDEX_UNIT,
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: bitpos,
        spec: CommandSpec {
            name: "bitpos",
            summary: "Find first bit set or clear in a string",
            since: "2.8.7",
            complexity: "O(N)",
            group: Group::Bitmap,
            arity: Arity::AtLeast(3),
            flags: flags::READONLY,
            acl: acl::BITMAP,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            history: &[("7.0.0", "Added the `BYTE|BIT` option.")],
            args: &[
                KEY,
                Arg { name: "bit", kind: ArgKind::Integer, ..Arg::BASE },
                Arg {
                    name: "index",
                    kind: ArgKind::Block,
                    optional: true,
                    args: &[
                        Arg { name: "start", kind: ArgKind::Integer, ..Arg::BASE },
                        Arg {
                            name: "end_index",
                            kind: ArgKind::Block,
                            optional: true,
                            args: &[Arg { name: "end", kind: ArgKind::Integer, ..Arg::BASE }, INDEX_UNIT],
                            ..Arg::BASE
                        },
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: getbit,
        spec: CommandSpec {
            name: "getbit",
            summary: "Returns the bit value at offset in the string value stored at key",
            since: "2.2.0",
            complexity: "O(1)",
            group: Group::Bitmap,
            arity: Arity::Exactly(3),
            flags: flags::READONLY | flags::FAST,
            acl: acl::BITMAP,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[KEY, Arg { name: "offset", kind: ArgKind::Integer, ..Arg::BASE }],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: setbit,
        spec: CommandSpec {
            name: "setbit",
            summary: "Sets or clears the bit at offset in the string value stored at key",
            since: "2.2.0",
            complexity: "O(1)",
            group: Group::Bitmap,
            arity: Arity::Exactly(4),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::BITMAP,
            keys: &[KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE)],
            args: &[
                KEY,
                Arg { name: "offset", kind: ArgKind::Integer, ..Arg::BASE },
                Arg { name: "value", kind: ArgKind::Integer, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
    },
    DataCommand {
        run: bitop,
        spec: CommandSpec {
            name: "bitop",
            summary: "Perform bitwise operations between strings",
            since: "2.6.0",
            complexity: "O(N)",
            group: Group::Bitmap,
            arity: Arity::AtLeast(4),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::BITMAP,
            keys: &[
                KeySpec::at(2, keys::OW | keys::UPDATE),
                KeySpec::range(3, -1, 1, keys::RO | keys::ACCESS),
            ],
            args: &[
                Arg { name: "operation", ..Arg::BASE },
                Arg { name: "destkey", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(1), multiple: true, ..Arg::BASE },
            ],
            ..CommandSpec::BASE
        },
    },
];

fn bitcount(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let key = ctx.only_key(args, 1);
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
            let unit = if args.len() == 5 && !is_surely_empty { unit(args.get(4))? } else { Unit::Byte };
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
    let key = ctx.only_key(args, 1);
    let Some(value) = ctx.keys.read_string(&key)? else {
        // Zeros without end: the first 0 is at 0, and no 1 comes. Hides errors in the range, in Redis up to 7.0.
        ctx.reply.int(if bit { -1 } else { 0 });
        return Ok(());
    };
    let mut text = itoa::Buffer::new();
    let bytes = value.bytes(&mut text);
    let (start, end, unit) = match args.len() {
        3 => (0, None, Unit::Byte),
        4..=6 => {
            let start = integer(args, 3)?;
            let unit = if args.len() == 6 { unit(args.get(5))? } else { Unit::Byte };
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
    let key = ctx.only_key(args, 1);
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
    let key = ctx.only_key(args, 1);
    let mut entry = ctx.keys.write_padded(&key, (offset / 8) as usize + 1)?;
    let old = entry.with_raw(|bytes| bitops::set_bit(bytes, offset, bit));
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
        ctx.keys.remove(&destination);
    } else {
        ctx.keys.set(&destination, NewValue::Blob(Blob::new(combined)), Expire::Clear);
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

fn unit(word: &[u8]) -> Result<Unit, CommandError> {
    if word.eq_ignore_ascii_case(b"bit") {
        Ok(Unit::Bit)
    } else if word.eq_ignore_ascii_case(b"byte") {
        Ok(Unit::Byte)
    } else {
        Err(CommandError::Syntax)
    }
}

fn integer(args: Args<'_>, index: usize) -> Result<i64, CommandError> {
    num::parse_i64(args.get(index)).ok_or(CommandError::NotAnInteger)
}
