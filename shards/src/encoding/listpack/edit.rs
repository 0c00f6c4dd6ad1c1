//! Changes to a listpack, wherever it lies: each is one [`Splice::splice`] and one overwrite of the header.
//!
//! Positions come from [`Listpack`] and are good until the next change. This file must not know the bytes of
//! an element.

use std::ops::Range;

use super::element::{self, Encoded, Value};
use super::read::{COUNT_UNKNOWN, EMPTY, END, HEADER_LEN, Listpack, header, stored_count};
use crate::encoding::splice::Splice;

/// Elements of up to this many bytes in all are encoded on the stack: a new field and its value, or a member
/// and its score, up to the 64 bytes each that `hash-max-listpack-value` allows by default.
const STACK_BYTES: usize = 144;

/// A new listpack with these elements.
pub fn new(values: &[Value<'_>]) -> Vec<u8> {
    let total = EMPTY.len() + encoded_len(values);
    let mut bytes = Vec::with_capacity(total);
    bytes.extend_from_slice(&header(total, values.len()));
    bytes.resize(total, 0);
    encode(values, &mut bytes[HEADER_LEN..total - 1]);
    bytes[total - 1] = END;
    bytes
}

/// A listpack of elements that are encoded already; there are `count` of them.
pub(crate) fn from_elements(elements: &[u8], count: usize) -> Vec<u8> {
    let total = EMPTY.len() + elements.len();
    let mut bytes = Vec::with_capacity(total);
    bytes.extend_from_slice(&header(total, count));
    bytes.extend_from_slice(elements);
    bytes.push(END);
    bytes
}

/// Adds elements at the end.
#[inline]
pub fn append(pack: &mut impl Splice, values: &[Value<'_>]) {
    let end = Listpack::new(pack.bytes()).end();
    replace_run(pack, end..end, 0, values);
}

/// Adds elements before all others, in the order given.
#[inline]
pub fn prepend(pack: &mut impl Splice, values: &[Value<'_>]) {
    replace_run(pack, HEADER_LEN..HEADER_LEN, 0, values);
}

/// Adds elements before the one at this position, in the order given; the first of them has the position
/// afterwards.
#[inline]
pub fn insert(pack: &mut impl Splice, position: usize, values: &[Value<'_>]) {
    replace_run(pack, position..position, 0, values);
}

/// Puts elements in the place of the `count` ones from this position on. All of them exist.
#[inline]
pub fn replace(pack: &mut impl Splice, position: usize, count: usize, values: &[Value<'_>]) {
    let at = run(pack.bytes(), position, count);
    replace_run(pack, at, count, values);
}

/// Removes `count` elements from this position on. All of them exist. The position is that of the element
/// behind them afterwards.
#[inline]
pub fn remove(pack: &mut impl Splice, position: usize, count: usize) {
    replace(pack, position, count, &[]);
}

/// Removes up to `count` elements from the one with this index on; -1 is the last one. Gives the number of
/// elements removed (Redis: lpDeleteRange).
pub fn remove_range(pack: &mut impl Splice, index: i64, count: usize) -> usize {
    let list = Listpack::new(pack.bytes());
    let Some(start) = list.position(index) else { return 0 };
    let mut iter = list.iter_from(start);
    let mut removed = 0;
    while removed < count && iter.position() < list.end() {
        iter.skip_some(1);
        removed += 1;
    }
    let at = start..iter.position();
    replace_run(pack, at, removed, &[]);
    removed
}

/// Adds all elements of another listpack at the end (Redis: lpMerge).
pub fn merge(pack: &mut impl Splice, other: Listpack<'_>) {
    let end = Listpack::new(pack.bytes()).end();
    let more = match stored_count(other.bytes) {
        COUNT_UNKNOWN => usize::from(COUNT_UNKNOWN),
        count => usize::from(count),
    };
    change(pack, end..end, 0, other.elements(), more);
}

/// Where `count` elements from this position on lie.
#[inline]
fn run(bytes: &[u8], position: usize, count: usize) -> Range<usize> {
    let mut rest = &bytes[position..bytes.len() - 1];
    for _ in 0..count {
        rest = element::skip_first(rest);
    }
    position..bytes.len() - 1 - rest.len()
}

/// Puts elements in the place of those `at`, of which there are `removed`.
fn replace_run(pack: &mut impl Splice, at: Range<usize>, removed: usize, values: &[Value<'_>]) {
    let len = encoded_len(values);
    let mut stack = [0; STACK_BYTES];
    if len <= STACK_BYTES {
        encode(values, &mut stack[..len]);
        change(pack, at, removed, &stack[..len], values.len());
    } else {
        let mut heap = vec![0; len];
        encode(values, &mut heap);
        change(pack, at, removed, &heap, values.len());
    }
}

fn change(pack: &mut impl Splice, at: Range<usize>, removed: usize, elements: &[u8], added: usize) {
    let bytes = pack.bytes();
    let (old_total, old_count) = (bytes.len(), stored_count(bytes));
    let total = old_total - at.len() + elements.len();
    let count = match old_count {
        COUNT_UNKNOWN => usize::from(COUNT_UNKNOWN),
        count => usize::from(count) - removed + added,
    };
    let header = header(total, count);
    if at.len() == elements.len() {
        pack.overwrite(at.start, elements);
    } else {
        pack.splice(at, elements);
    }
    if total != old_total || removed != added {
        pack.overwrite(0, &header);
    }
}

#[inline]
fn encoded_len(values: &[Value<'_>]) -> usize {
    values.iter().map(|&value| Encoded::new(value).len()).sum()
}

#[inline]
fn encode(values: &[Value<'_>], mut out: &mut [u8]) {
    for &value in values {
        let encoded = Encoded::new(value);
        let (element, rest) = out.split_at_mut(encoded.len());
        encoded.write(element);
        out = rest;
    }
}
