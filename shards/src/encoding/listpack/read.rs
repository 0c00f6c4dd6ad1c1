//! A listpack to be read, its header, and the check of foreign bytes.
//!
//! This file must not know how a listpack is changed, nor the bytes of an element.

use std::fmt;

use super::element::{self, Value, Wanted};

/// Bytes before the first element: the position of the first element.
pub const HEADER_LEN: usize = 6;

/// The listpack without elements.
pub const EMPTY: [u8; HEADER_LEN + 1] = [7, 0, 0, 0, 0, 0, END];

/// A listpack must not grow beyond this many bytes (Redis: LISTPACK_MAX_SAFETY_LIMIT); see [`has_room`].
pub const BYTES_MAX: usize = 1 << 30;

pub(super) const END: u8 = 0xff;
pub(super) const COUNT_UNKNOWN: u16 = u16::MAX;

/// Whether a listpack of `len` bytes may take `more` bytes of text (Redis: lpSafeToAdd). Who adds elements
/// asks before, and changes to another encoding if not.
pub fn has_room(len: usize, more: usize) -> bool {
    len.checked_add(more).is_some_and(|sum| sum <= BYTES_MAX)
}

/// A listpack to be read.
#[derive(Clone, Copy)]
pub struct Listpack<'a> {
    pub(super) bytes: &'a [u8],
}

impl<'a> Listpack<'a> {
    /// The listpack in these bytes, which are valid.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Listpack<'a> {
        debug_assert!(bytes.len() > HEADER_LEN && bytes[bytes.len() - 1] == END);
        Listpack { bytes }
    }

    /// Number of elements. Constant time up to 65534 of them.
    #[inline]
    pub fn len(self) -> usize {
        match stored_count(self.bytes) {
            COUNT_UNKNOWN => self.iter().count(),
            count => usize::from(count),
        }
    }

    /// True without elements.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.bytes.len() == EMPTY.len()
    }

    /// All elements, from both ends.
    #[inline]
    pub fn iter(self) -> Iter<'a> {
        self.iter_from(HEADER_LEN)
    }

    /// The elements from this position on.
    #[inline]
    pub fn iter_from(self, position: usize) -> Iter<'a> {
        Iter { elements: &self.bytes[position..self.end()], end: self.end() }
    }

    /// The elements before this position; reversed, they walk backwards from it.
    #[inline]
    pub fn iter_until(self, position: usize) -> Iter<'a> {
        Iter { elements: &self.bytes[HEADER_LEN..position], end: position }
    }

    /// The position behind the last element, where [`super::insert`] appends.
    #[inline]
    pub fn end(self) -> usize {
        self.bytes.len() - 1
    }

    /// The position of the element with this index; -1 is the last one. It walks from the nearer end.
    pub fn position(self, index: i64) -> Option<usize> {
        match stored_count(self.bytes) {
            COUNT_UNKNOWN if index < 0 => self.position_from_end(index.unsigned_abs()),
            COUNT_UNKNOWN => self.position_from_start(index as u64),
            count => {
                let len = i64::from(count);
                let index = if index < 0 { index + len } else { index };
                match index {
                    _ if !(0..len).contains(&index) => None,
                    _ if index <= len / 2 => self.position_from_start(index as u64),
                    _ => self.position_from_end((len - index) as u64),
                }
            }
        }
    }

    fn position_from_start(self, index: u64) -> Option<usize> {
        let mut iter = self.iter();
        iter.skip_some(usize::try_from(index).ok()?);
        (!iter.elements.is_empty()).then(|| iter.position())
    }

    fn position_from_end(self, steps: u64) -> Option<usize> {
        let mut before = self.elements();
        for _ in 0..steps {
            before = element::skip_last(before)?;
        }
        Some(HEADER_LEN + before.len())
    }

    /// The element with this index; -1 is the last one.
    #[inline]
    pub fn get(self, index: i64) -> Option<Value<'a>> {
        self.iter_from(self.position(index)?).next()
    }

    /// The position of the first element from `from` on that is `wanted`; `skip` elements are passed over
    /// between two that are looked at, so 1 looks at every other element: at the fields of a hash, not at
    /// their values.
    #[inline]
    pub fn find(self, wanted: &Wanted<'_>, from: usize, skip: usize) -> Option<usize> {
        let mut iter = self.iter_from(from);
        loop {
            let position = iter.position();
            if wanted.is(iter.next()?) {
                return Some(position);
            }
            iter.skip_some(skip);
        }
    }

    /// The elements without header and end.
    #[inline]
    pub(crate) fn elements(self) -> &'a [u8] {
        &self.bytes[HEADER_LEN..self.end()]
    }
}

impl fmt::Debug for Listpack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Elements of a listpack one after the other.
#[derive(Clone, Copy)]
pub struct Iter<'a> {
    elements: &'a [u8],
    /// The position behind `elements`.
    end: usize,
}

impl Iter<'_> {
    /// The position of the element that [`Iter::next`] gives next, or the end.
    #[inline]
    pub fn position(&self) -> usize {
        self.end - self.elements.len()
    }

    /// Passes over that many elements, or all if there are fewer.
    #[inline]
    pub fn skip_some(&mut self, count: usize) {
        for _ in 0..count {
            if self.elements.is_empty() {
                return;
            }
            self.elements = element::skip_first(self.elements);
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        let (value, rest) = element::first(self.elements)?;
        self.elements = rest;
        Some(value)
    }

    #[inline]
    fn nth(&mut self, n: usize) -> Option<Value<'a>> {
        self.skip_some(n);
        self.next()
    }

    fn count(mut self) -> usize {
        let mut count = 0;
        while !self.elements.is_empty() {
            self.elements = element::skip_first(self.elements);
            count += 1;
        }
        count
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let (value, before) = element::last(self.elements)?;
        self.end -= self.elements.len() - before.len();
        self.elements = before;
        Some(value)
    }
}

/// Bytes that are not a listpack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Checks foreign bytes, every element of them, and gives the number of elements. What passes can be read and
/// edited by everything in this module. One pass, no memory (Redis: lpValidateIntegrity, deep).
///
/// A string that spells an integer passes. So does the listpack without elements, which is no valid
/// collection: the caller refuses it.
pub fn validate(bytes: &[u8]) -> Result<usize, Corrupt> {
    let (head, rest) = bytes.split_first_chunk::<4>().ok_or(Corrupt)?;
    if u32::from_le_bytes(*head) as usize != bytes.len() {
        return Err(Corrupt);
    }
    let (count, rest) = rest.split_first_chunk::<2>().ok_or(Corrupt)?;
    let (&end, mut elements) = rest.split_last().ok_or(Corrupt)?;
    if end != END {
        return Err(Corrupt);
    }
    let mut found = 0;
    while !elements.is_empty() {
        elements = element::validate_first(elements).ok_or(Corrupt)?;
        found += 1;
    }
    match u16::from_le_bytes(*count) {
        COUNT_UNKNOWN => Ok(found),
        count if usize::from(count) == found => Ok(found),
        _ => Err(Corrupt),
    }
}

#[inline]
pub(super) fn stored_count(bytes: &[u8]) -> u16 {
    u16::from_le_bytes([bytes[4], bytes[5]])
}

/// The header of a listpack; `count` is ignored when it cannot be stored.
#[inline]
pub(super) fn header(total_bytes: usize, count: usize) -> [u8; HEADER_LEN] {
    let total = u32::try_from(total_bytes).expect("whoever adds elements has asked has_room").to_le_bytes();
    let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN).to_le_bytes();
    [total[0], total[1], total[2], total[3], count[0], count[1]]
}
