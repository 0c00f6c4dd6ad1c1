//! Strings as arrays of integers of any width: BITFIELD, BITFIELD_RO.

use crate::args::Args;
use crate::command::flags::{self, acl};
use crate::command::{Arg, ArgKind, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};
use crate::ctx::Ctx;
use crate::encoding::bitops::{FieldType, Overflow};
use crate::error::CommandError;
use crate::num;
use crate::reply::Reply;

const KEY: Arg = Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE };
const ENCODING: Arg = Arg { name: "encoding", ..Arg::BASE };
const OFFSET: Arg = Arg { name: "offset", kind: ArgKind::Integer, ..Arg::BASE };

const OVERFLOW: Arg = Arg {
    name: "wrap_sat_fail",
    kind: ArgKind::OneOf,
    token: "OVERFLOW",
    optional: true,
    args: &[
        Arg { name: "wrap", kind: ArgKind::PureToken, token: "WRAP", ..Arg::BASE },
        Arg { name: "sat", kind: ArgKind::PureToken, token: "SAT", ..Arg::BASE },
        Arg { name: "fail", kind: ArgKind::PureToken, token: "FAIL", ..Arg::BASE },
    ],
    ..Arg::BASE
};

const WRITE_OPERATION: Arg = Arg {
    name: "write_operation",
    kind: ArgKind::OneOf,
    args: &[
        Arg {
            name: "encoding_offset_value",
            kind: ArgKind::Block,
            token: "SET",
            args: &[ENCODING, OFFSET, Arg { name: "value", kind: ArgKind::Integer, ..Arg::BASE }],
            ..Arg::BASE
        },
        Arg {
            name: "encoding_offset_increment",
            kind: ArgKind::Block,
            token: "INCRBY",
            args: &[ENCODING, OFFSET, Arg { name: "increment", kind: ArgKind::Integer, ..Arg::BASE }],
            ..Arg::BASE
        },
    ],
    ..Arg::BASE
};

/// The rows of this family.
pub static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: bitfield,
        spec: CommandSpec {
            name: "bitfield",
            summary: "Perform arbitrary bitfield integer operations on strings",
            since: "3.2.0",
            complexity: "O(1) for each subcommand specified",
            group: Group::Bitmap,
            arity: Arity::AtLeast(2),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::BITMAP,
            keys: &[KeySpec {
                notes: "This command allows both access and modification of the key",
                ..KeySpec::at(1, keys::RW | keys::ACCESS | keys::UPDATE | keys::VARIABLE_FLAGS)
            }],
            args: &[
                KEY,
                Arg {
                    name: "operation",
                    kind: ArgKind::OneOf,
                    optional: true,
                    multiple: true,
                    args: &[
                        Arg {
                            name: "encoding_offset",
                            kind: ArgKind::Block,
                            token: "GET",
                            args: &[ENCODING, OFFSET],
                            ..Arg::BASE
                        },
                        Arg {
                            name: "write",
                            kind: ArgKind::Block,
                            args: &[OVERFLOW, WRITE_OPERATION],
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
        run: bitfield_ro,
        spec: CommandSpec {
            name: "bitfield_ro",
            summary: "Perform arbitrary bitfield integer operations on strings. Read-only variant of \
                BITFIELD",
            since: "6.0.0",
            complexity: "O(1) for each subcommand specified",
            group: Group::Bitmap,
            arity: Arity::AtLeast(2),
            flags: flags::READONLY | flags::FAST,
            acl: acl::BITMAP,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[
                KEY,
                Arg {
                    name: "encoding_offset",
                    kind: ArgKind::Block,
                    token: "GET",
                    optional: true,
                    multiple: true,
                    multiple_token: true,
                    args: &[ENCODING, OFFSET],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
    },
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
    let key = ctx.only_key(args, 1);
    // As in Redis the string is made and padded even when OVERFLOW FAIL then stores nothing.
    let mut entry = ctx.keys.write_padded(&key, len_min)?;
    let reply = &mut *ctx.reply;
    reply.array(operations.len());
    entry.with_raw(|bytes| {
        for operation in &operations {
            operation.run(bytes, reply);
        }
    });
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
    let key = ctx.only_key(args, 1);
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
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
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

    /// Runs on a string that is long enough.
    fn run(&self, bytes: &mut [u8], reply: &mut Reply) {
        let old = self.field.read(bytes, self.offset);
        let (new, shown) = match self.action {
            Action::Get => return reply.int(old),
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
            }
            _ => reply.null(),
        }
    }
}
