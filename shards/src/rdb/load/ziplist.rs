//! Ziplists, in which Redis packed small collections before 7.0, made listpacks of.
//!
//! ```text
//!  | bytes u32 | offset of the last entry u32 | entries u16 | entries ... | 0xff |
//!  an entry:  | length of the entry before it, 1 or 5 bytes | encoding | data |
//! ```
//!
//! Integers are little-endian, lengths of strings big-endian; 65535 entries mean that they must be counted.
//! Everything is checked (Redis: ziplistValidateIntegrity, deep). This file must not know what the elements
//! mean.

use crate::encoding::listpack::{self, Encoded, Value};

/// Bytes that are not a ziplist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corrupt;

const HEADER_LEN: usize = 10;
const END: u8 = 0xff;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// The length of the entry before stands in the four bytes behind this one.
const PREVIOUS_IS_LONG: u8 = 0xfe;

/// The elements of a ziplist as a listpack, and how many they are.
pub(super) fn to_listpack(bytes: &[u8]) -> Result<(Vec<u8>, usize), Corrupt> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_LEN>().ok_or(Corrupt)?;
    let [a, b, c, d, e, f, g, h, i, j] = *header;
    let (total, last_at) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    let stored_count = u16::from_le_bytes([i, j]);
    let (&end, mut rest) = rest.split_last().ok_or(Corrupt)?;
    if total as usize != bytes.len() || end != END || !listpack::has_room(bytes.len(), bytes.len()) {
        return Err(Corrupt);
    }
    let mut elements = Vec::with_capacity(bytes.len());
    let (mut count, mut previous_len, mut found_last_at) = (0, 0, HEADER_LEN);
    while !rest.is_empty() {
        let (value, behind) = entry(rest, previous_len)?;
        found_last_at = bytes.len() - 1 - rest.len();
        previous_len = rest.len() - behind.len();
        let encoded = Encoded::new(value);
        let at = elements.len();
        elements.resize(at + encoded.len(), 0);
        encoded.write(&mut elements[at..]);
        rest = behind;
        count += 1;
    }
    let is_counted = stored_count == COUNT_UNKNOWN || usize::from(stored_count) == count;
    if !is_counted || last_at as usize != found_last_at {
        return Err(Corrupt);
    }
    Ok((listpack::from_elements(&elements, count), count))
}

/// The value of the first entry, and the entries behind it.
fn entry(bytes: &[u8], previous_len: usize) -> Result<(Value<'_>, &[u8]), Corrupt> {
    let (&first, rest) = bytes.split_first().ok_or(Corrupt)?;
    let (stored_len, rest) = match first {
        PREVIOUS_IS_LONG => {
            let (len, rest) = rest.split_first_chunk().ok_or(Corrupt)?;
            (u32::from_le_bytes(*len) as usize, rest)
        }
        END => return Err(Corrupt),
        len => (usize::from(len), rest),
    };
    if stored_len != previous_len {
        return Err(Corrupt);
    }
    let (&encoding, rest) = rest.split_first().ok_or(Corrupt)?;
    let low = usize::from(encoding & 0x3f);
    match encoding {
        0..0x40 => string(low, rest),
        0x40..0x80 => {
            let (&next, rest) = rest.split_first().ok_or(Corrupt)?;
            string(low << 8 | usize::from(next), rest)
        }
        0x80 => {
            let (len, rest) = rest.split_first_chunk().ok_or(Corrupt)?;
            string(u32::from_be_bytes(*len) as usize, rest)
        }
        0xc0 => int(rest, |bytes| i16::from_le_bytes(bytes).into()),
        0xd0 => int(rest, |bytes| i32::from_le_bytes(bytes).into()),
        0xe0 => int(rest, i64::from_le_bytes),
        0xf0 => int(rest, |[a, b, c]: [u8; 3]| i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)),
        0xfe => int(rest, |bytes| i8::from_le_bytes(bytes).into()),
        0xf1..=0xfd => Ok((Value::Int(i64::from(encoding & 0xf) - 1), rest)),
        _ => Err(Corrupt),
    }
}

fn string(len: usize, rest: &[u8]) -> Result<(Value<'_>, &[u8]), Corrupt> {
    let (text, behind) = rest.split_at_checked(len).ok_or(Corrupt)?;
    Ok((Value::of(text), behind))
}

fn int<const N: usize>(
    rest: &[u8],
    read: impl FnOnce([u8; N]) -> i64,
) -> Result<(Value<'_>, &[u8]), Corrupt> {
    let (bytes, behind) = rest.split_first_chunk::<N>().ok_or(Corrupt)?;
    Ok((Value::Int(read(*bytes)), behind))
}
