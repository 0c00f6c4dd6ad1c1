//! Zipmaps, in which Redis packed small hashes before 2.6, made listpacks of.
//!
//! ```text
//!  | fields u8 | len | field | len | free u8 | value | free bytes | ... | 0xff |
//! ```
//!
//! A length is a byte below 254, or 254 and four little-endian bytes; 254 fields or more must be counted.
//! Everything is checked (Redis: zipmapValidateIntegrity, deep). This file must not know whether a field
//! comes twice.

use crate::encoding::listpack::{self, Value};

/// Bytes that are not a zipmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corrupt;

const END: u8 = 0xff;
const LENGTH_IS_LONG: u8 = 0xfe;
/// From this number of fields on they must be counted.
const COUNT_UNKNOWN: u8 = 0xfe;

/// The fields of a zipmap, each followed by its value, as a listpack.
pub(super) fn to_listpack(bytes: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let (&stored_count, rest) = bytes.split_first().ok_or(Corrupt)?;
    let (&end, mut rest) = rest.split_last().ok_or(Corrupt)?;
    if end != END || !listpack::has_room(bytes.len(), bytes.len()) {
        return Err(Corrupt);
    }
    let mut packed = listpack::EMPTY.to_vec();
    let mut count = 0usize;
    while !rest.is_empty() {
        let (field_len, behind) = length(rest)?;
        let (field, behind) = behind.split_at_checked(field_len).ok_or(Corrupt)?;
        let (value_len, behind) = length(behind)?;
        let (&free, behind) = behind.split_first().ok_or(Corrupt)?;
        let (value, behind) = behind.split_at_checked(value_len).ok_or(Corrupt)?;
        let (_, behind) = behind.split_at_checked(usize::from(free)).ok_or(Corrupt)?;
        listpack::append(&mut packed, &[Value::of(field), Value::of(value)]);
        rest = behind;
        count += 1;
    }
    let is_counted = stored_count >= COUNT_UNKNOWN || usize::from(stored_count) == count;
    if is_counted { Ok(packed) } else { Err(Corrupt) }
}

fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Corrupt> {
    let (&first, rest) = bytes.split_first().ok_or(Corrupt)?;
    match first {
        END => Err(Corrupt),
        LENGTH_IS_LONG => {
            let (len, rest) = rest.split_first_chunk().ok_or(Corrupt)?;
            Ok((u32::from_le_bytes(*len) as usize, rest))
        }
        len => Ok((usize::from(len), rest)),
    }
}
