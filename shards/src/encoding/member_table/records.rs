//! What a record of a set and one of a map look like in a page.
//!
//! That of a set is the member. That of a map is `| head u8 | field's length u64, if long | expire u64, if
//! any | field | value |`. The head's low bits are the field's length or [`LONG_FIELD`], its high bit says
//! that there is an expire: fields without one pay nothing.
//!
//! This file must not know pages, nor what time it is.

use super::table::Record;

pub(super) const HAS_EXPIRE: u8 = 0x80;

/// A field of so many bytes or more has its length in eight bytes behind the head.
pub(super) const LONG_FIELD: u8 = 0x7F;

/// A field with what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub field: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// When it ends, in milliseconds since 1970, if ever.
    pub expire_ms: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct FieldRecord;

impl Record for FieldRecord {
    #[inline]
    fn key(record: &[u8]) -> &[u8] {
        let (_, field_at, field_len) = layout(record);
        &record[field_at..field_at + field_len]
    }
}

#[inline]
pub(super) fn u64_at(record: &[u8], at: usize) -> u64 {
    let bytes = record[at..at + 8].try_into().expect("eight bytes");
    u64::from_le_bytes(bytes)
}

/// Where the expire is, if there is one, where the field is, and how long the field is.
#[inline]
pub(super) fn layout(record: &[u8]) -> (Option<usize>, usize, usize) {
    let head = record[0];
    let (behind_len, field_len) = match head & !HAS_EXPIRE {
        LONG_FIELD => (9, u64_at(record, 1) as usize),
        len => (1, usize::from(len)),
    };
    match head & HAS_EXPIRE {
        0 => (None, behind_len, field_len),
        _ => (Some(behind_len), behind_len + 8, field_len),
    }
}

#[inline]
pub(super) fn parse(record: &[u8]) -> Field<'_> {
    let (expire_at, field_at, field_len) = layout(record);
    let (field, value) = record[field_at..].split_at(field_len);
    Field { field, value, expire_ms: expire_at.map(|at| u64_at(record, at)) }
}

/// A record is the member itself.
#[derive(Clone, Debug)]
pub(super) struct MemberRecord;

impl Record for MemberRecord {
    #[inline]
    fn key(record: &[u8]) -> &[u8] {
        record
    }
}
