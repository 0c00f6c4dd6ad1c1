//! Redis's listpack as far as a block of a stream needs it: elements are appended, read in both directions,
//! and small integers in it are replaced.
//!
//! Format (Redis: listpack.c): total bytes as 32 bits and the number of elements as 16 bits, little endian;
//! then the elements; then `0xFF`. An element is its encoding and data, followed by the length of both in 1
//! to 5 bytes that are read from their end. Reading trusts the bytes: what is foreign goes through [`check`]
//! first, otherwise a read may panic or tell nonsense. This file must not know what a stream is.

use crate::num::{parse_i64, write_i64};

/// Bytes before the first element.
pub(super) const HEADER_BYTES: usize = 6;
/// Closes a listpack.
const END: u8 = 0xFF;
/// The number of elements that stands for "count them".
const LEN_UNKNOWN: u16 = u16::MAX;

/// A field or a value of an entry. What looks like an integer is stored as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A string that is the decimal text of this integer.
    Int(i64),
    /// Any other string.
    Bytes(&'a [u8]),
}

impl<'a> Item<'a> {
    /// The string that it stands for; `digits` is the memory for the text of an integer.
    pub fn bytes<'b>(self, digits: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Item::Int(value) => digits.format(value).as_bytes(),
            Item::Bytes(bytes) => bytes,
        }
    }

    /// Appends the string that it stands for.
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Item::Int(value) => write_i64(out, value),
            Item::Bytes(bytes) => out.extend_from_slice(bytes),
        }
    }

    /// How a string is stored.
    pub(super) fn of(bytes: &'a [u8]) -> Item<'a> {
        match parse_i64(bytes) {
            Some(value) => Item::Int(value),
            None => Item::Bytes(bytes),
        }
    }
}

/// Appends elements to a listpack; what it appended becomes part of it by [`Appender::finish`].
pub(super) struct Appender<'a> {
    bytes: &'a mut Vec<u8>,
    elements: u32,
}

impl<'a> Appender<'a> {
    /// Goes on behind the last element. An empty vector becomes a listpack.
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Appender<'a> {
        match bytes.len() {
            0 => bytes.extend_from_slice(&[0; HEADER_BYTES]),
            len => bytes.truncate(len - 1),
        }
        Appender { bytes, elements: 0 }
    }

    pub(super) fn int(&mut self, value: i64) {
        let start = self.bytes.len();
        encode_int(self.bytes, value);
        self.close(start);
    }

    /// A string, which is stored as an integer if it is the text of one.
    pub(super) fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Int(value) => self.int(value),
            Item::Bytes(bytes) => {
                let start = self.bytes.len();
                match bytes.len() {
                    len @ 0..=0x3F => self.bytes.push(0x80 | len as u8),
                    len @ 0x40..=0xFFF => {
                        self.bytes.extend_from_slice(&[0xE0 | (len >> 8) as u8, len as u8]);
                    }
                    len => {
                        self.bytes.push(0xF0);
                        self.bytes.extend_from_slice(&(len as u32).to_le_bytes());
                    }
                }
                self.bytes.extend_from_slice(bytes);
                self.close(start);
            }
        }
    }

    /// Writes the end and the header.
    pub(super) fn finish(self) {
        self.bytes.push(END);
        let total = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&total.to_le_bytes());
        let len = u32::from(u16::from_le_bytes([self.bytes[4], self.bytes[5]])) + self.elements;
        let len = u16::try_from(len).unwrap_or(LEN_UNKNOWN);
        self.bytes[4..6].copy_from_slice(&len.to_le_bytes());
    }

    /// Writes the length of the element that began at `start`: groups of seven bits, the highest first, and
    /// all but the first byte say that there is more before them.
    fn close(&mut self, start: usize) {
        let len = self.bytes.len() - start;
        let groups = back_len_bytes(len);
        for group in (0..groups).rev() {
            let more = if group + 1 == groups { 0 } else { 0x80 };
            self.bytes.push((len >> (7 * group)) as u8 & 0x7F | more);
        }
        self.elements += 1;
    }
}

fn encode_int(out: &mut Vec<u8>, value: i64) {
    let le = value.to_le_bytes();
    match value {
        0..=127 => out.push(value as u8),
        -4096..=4095 => out.extend_from_slice(&[0xC0 | (value >> 8) as u8 & 0x1F, value as u8]),
        -0x8000..=0x7FFF => out.extend_from_slice(&[0xF1, le[0], le[1]]),
        -0x80_0000..=0x7F_FFFF => out.extend_from_slice(&[0xF2, le[0], le[1], le[2]]),
        -0x8000_0000..=0x7FFF_FFFF => out.extend_from_slice(&[0xF3, le[0], le[1], le[2], le[3]]),
        _ => {
            out.push(0xF4);
            out.extend_from_slice(&le);
        }
    }
}

/// The element at `at` and where the next one begins.
#[inline]
pub(super) fn read(bytes: &[u8], at: usize) -> (Item<'_>, usize) {
    let string = |start: usize, len: usize| (Item::Bytes(&bytes[start..start + len]), start + len - at);
    let (item, len) = match bytes[at] {
        small @ 0..=0x7F => (Item::Int(i64::from(small)), 1),
        short @ 0x80..=0xBF => string(at + 1, usize::from(short & 0x3F)),
        high @ 0xC0..=0xDF => {
            let value = i64::from(high & 0x1F) << 8 | i64::from(bytes[at + 1]);
            (Item::Int(value << 51 >> 51), 2)
        }
        high @ 0xE0..=0xEF => string(at + 2, usize::from(high & 0x0F) << 8 | usize::from(bytes[at + 1])),
        0xF0 => {
            let len = &bytes[at + 1..at + 5];
            string(at + 5, u32::from_le_bytes(len.try_into().expect("four bytes were cut out")) as usize)
        }
        wide => {
            let len = INT_BYTES[usize::from(wide - 0xF1)];
            let mut le = [0; 8];
            le[..len].copy_from_slice(&bytes[at + 1..at + 1 + len]);
            let unused = 64 - 8 * len as u32;
            (Item::Int(i64::from_le_bytes(le) << unused >> unused), 1 + len)
        }
    };
    (item, at + len + back_len_bytes(len))
}

/// Bytes of data of the encodings 0xF1 to 0xF4.
const INT_BYTES: [usize; 4] = [2, 3, 4, 8];

/// The integer at `at` and where the next element begins. What is no integer counts as 0.
#[inline]
pub(super) fn read_int(bytes: &[u8], at: usize) -> (i64, usize) {
    match read(bytes, at) {
        (Item::Int(value), next) => (value, next),
        (Item::Bytes(_), next) => (0, next),
    }
}

/// Where the element behind the one at `at` begins.
#[inline]
pub(super) fn next(bytes: &[u8], at: usize) -> usize {
    let len = match bytes[at] {
        0..=0x7F => 1,
        short @ 0x80..=0xBF => 1 + usize::from(short & 0x3F),
        0xC0..=0xDF => 2,
        _ => return read(bytes, at).1,
    };
    at + len + back_len_bytes(len)
}

/// Where the element before the one at `at` begins; `at` is not the first.
#[inline]
pub(super) fn prev(bytes: &[u8], at: usize) -> usize {
    let (mut len, mut shift, mut from) = (0, 0, at);
    loop {
        from -= 1;
        let byte = bytes[from];
        len |= usize::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return from - len;
        }
        shift += 7;
    }
}

/// Where the closing byte is.
#[inline]
pub(super) fn end(bytes: &[u8]) -> usize {
    bytes.len() - 1
}

/// Replaces the integer at `at`.
pub(super) fn set_int(bytes: &mut Vec<u8>, at: usize, value: i64) {
    if let (0..=127, 0..=127) = (bytes[at], value) {
        bytes[at] = value as u8;
        return;
    }
    let old_end = next(bytes, at);
    let mut element = Vec::with_capacity(10);
    encode_int(&mut element, value);
    element.push(element.len() as u8);
    if element.len() == old_end - at {
        bytes[at..old_end].copy_from_slice(&element);
        return;
    }
    bytes.splice(at..old_end, element);
    let total = bytes.len() as u32;
    bytes[..4].copy_from_slice(&total.to_le_bytes());
}

/// How many bytes the back length of an element of `len` bytes has. From two bytes on, Redis 7 gives the last
/// length that would still fit one byte more than it needs (lpEncodeBacklen).
#[inline]
fn back_len_bytes(len: usize) -> usize {
    match len {
        0..=0x7F => 1,
        0x80..=0x3FFE => 2,
        0x3FFF..=0x1F_FFFE => 3,
        0x1F_FFFF..=0xFFF_FFFE => 4,
        _ => 5,
    }
}

/// Whether foreign bytes are a listpack that all functions here can read. Linear, reads nothing outside.
pub(super) fn check(bytes: &[u8]) -> bool {
    if bytes.len() <= HEADER_BYTES || bytes[bytes.len() - 1] != END {
        return false;
    }
    let total = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    if total as usize != bytes.len() {
        return false;
    }
    let (mut at, mut elements) = (HEADER_BYTES, 0);
    while at < end(bytes) {
        let Some(next) = checked_next(&bytes[..end(bytes)], at) else { return false };
        at = next;
        elements += 1;
    }
    let len = u16::from_le_bytes([bytes[4], bytes[5]]);
    len == LEN_UNKNOWN || usize::from(len) == elements
}

/// [`next`] for bytes that may be anything: None if the element does not lie inside, or its back length is
/// wrong.
fn checked_next(bytes: &[u8], at: usize) -> Option<usize> {
    let byte = |index: usize| bytes.get(at + index).map(|&byte| usize::from(byte));
    let len = match bytes[at] {
        0..=0x7F => 1,
        short @ 0x80..=0xBF => 1 + usize::from(short & 0x3F),
        0xC0..=0xDF => 2,
        high @ 0xE0..=0xEF => 2 + (usize::from(high & 0x0F) << 8 | byte(1)?),
        0xF0 => 5 + (byte(1)? | byte(2)? << 8 | byte(3)? << 16 | byte(4)? << 24),
        wide @ 0xF1..=0xF4 => 1 + INT_BYTES[usize::from(wide - 0xF1)],
        _ => return None,
    };
    let data_end = at.checked_add(len)?;
    let next = data_end.checked_add(back_len_bytes(len))?;
    let groups = bytes.get(data_end..next)?;
    let goes_on = |(index, &byte): (usize, &u8)| (byte & 0x80 != 0) == (index > 0);
    let back_len = groups.iter().fold(0, |len, byte| len << 7 | usize::from(byte & 0x7F));
    (groups.iter().enumerate().all(goes_on) && back_len == len).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listpack(items: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut appender = Appender::new(&mut bytes);
        items.iter().for_each(|item| appender.item(Item::of(item)));
        appender.finish();
        bytes
    }

    fn samples() -> Vec<Vec<u8>> {
        let ints = [0, 1, 127, 128, 4095, 4096, 32767, 32768, 8_388_607, 8_388_608, 2_147_483_647, i64::MAX];
        let texts = ints.iter().flat_map(|&int| [int, int.wrapping_neg(), int.wrapping_neg() - 1]);
        let mut samples: Vec<Vec<u8>> = texts.map(|int| int.to_string().into_bytes()).collect();
        samples.extend(
            [0, 1, 63, 64, 125, 126, 127, 4095, 4096, 16_377, 16_378, 16_379, 70_000]
                .map(|len| vec![b'x'; len]),
        );
        samples.extend([b"007".to_vec(), b"-0".to_vec(), b"9223372036854775808".to_vec()]);
        samples
    }

    #[test]
    fn elements_are_read_back_in_both_directions() {
        let samples = samples();
        let slices: Vec<&[u8]> = samples.iter().map(Vec::as_slice).collect();
        let bytes = listpack(&slices);
        assert!(check(&bytes));
        let (mut at, mut places) = (HEADER_BYTES, Vec::new());
        for sample in &samples {
            places.push(at);
            let (item, following) = read(&bytes, at);
            assert_eq!(item.bytes(&mut itoa::Buffer::new()), sample);
            assert_eq!(next(&bytes, at), following);
            at = following;
        }
        assert_eq!(at, end(&bytes));
        for &place in places.iter().rev() {
            at = prev(&bytes, at);
            assert_eq!(at, place);
        }
    }

    #[test]
    fn the_bytes_are_those_of_redis() {
        let bytes = listpack(&[b"1", b"-1", b"5000", b"a"]);
        let expected = [20, 0, 0, 0, 4, 0, 1, 1, 0xDF, 0xFF, 2, 0xF1, 0x88, 0x13, 3, 0x81, b'a', 2, 0xFF];
        assert_eq!(bytes[..4], [19, 0, 0, 0]);
        assert_eq!(bytes[4..], expected[4..]);
        let long = listpack(&[&[b'x'; 200]]);
        assert_eq!(long[HEADER_BYTES..][..2], [0xE0, 200]);
        assert_eq!(long[long.len() - 3..], [0x01, 0x80 | 74, 0xFF], "202 is 1 * 128 + 74");
    }

    #[test]
    fn an_integer_is_replaced_by_a_wider_one() {
        let mut bytes = listpack(&[b"127", b"tail"]);
        set_int(&mut bytes, HEADER_BYTES, 126);
        assert_eq!(bytes, listpack(&[b"126", b"tail"]));
        set_int(&mut bytes, HEADER_BYTES, 128);
        assert_eq!(bytes, listpack(&[b"128", b"tail"]));
        set_int(&mut bytes, HEADER_BYTES, i64::MIN);
        assert_eq!(bytes, listpack(&[b"-9223372036854775808", b"tail"]));
    }

    #[test]
    #[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
    fn more_elements_than_the_header_can_say_are_unknown() {
        let mut bytes = listpack(&vec![b"1".as_slice(); 65_534]);
        assert_eq!(bytes[4..6], [0xFE, 0xFF]);
        for _ in 0..2 {
            let mut appender = Appender::new(&mut bytes);
            appender.int(1);
            appender.finish();
            assert_eq!(bytes[4..6], [0xFF, 0xFF]);
            assert!(check(&bytes));
        }
    }

    #[test]
    fn foreign_bytes_are_refused_when_anything_is_wrong() {
        let good = listpack(&[b"1", b"-1", b"5000", &[b'x'; 200], b"abc"]);
        assert!(check(&good));
        for cut in 0..good.len() {
            assert!(!check(&good[..cut]), "cut at {cut}");
        }
        let wrong = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            !check(&bytes)
        };
        assert!(wrong(0, 0) && wrong(4, 9) && wrong(good.len() - 1, 0));
        assert!(wrong(7, 2), "a wrong back length");
        assert!(wrong(6, 0xF5) && wrong(6, 0xFF), "encodings that do not exist");
        assert!(wrong(good.len() - 2, 0x80 | 4), "a back length without its beginning");
    }
}
