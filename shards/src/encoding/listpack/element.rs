//! One element of a listpack: its value, its bytes, and the way from it to its neighbours.
//!
//! ```text
//!  0xxxxxxx                      integer 0..=127        11110001 + 2 bytes    integer of 16 bits
//!  10xxxxxx + text               string of 0..=63       11110010 + 3 bytes    integer of 24 bits
//!  110xxxxx + 1 byte             integer of 13 bits     11110011 + 4 bytes    integer of 32 bits
//!  1110xxxx + 1 byte + text      string of 0..=4095     11110100 + 8 bytes    integer of 64 bits
//!  11110000 + 4 bytes + text     longer string          11111111              the end of the listpack
//! ```
//!
//! Integers are signed, little-endian after the first byte, but for those of 13 bits, whose high bits come
//! first, as do those of the length of a middle string. Behind these bytes, the *body*, stands the body's
//! length, 7 bits a byte, high bits first, all but the first byte marked, so that it is read backwards.
//!
//! What is read here has been written here or has been validated. This file must not know headers, nor who
//! holds the bytes.

use crate::num;

/// The longest first part of a body, in bytes: an integer of 64 bits.
const HEAD_LEN_MAX: usize = 9;

const STR_6: u8 = 0x80;
const INT_13: u8 = 0xc0;
const INT_13_LAST: u8 = 0xdf;
const STR_12: u8 = 0xe0;
const STR_12_LAST: u8 = 0xef;
const STR_32: u8 = 0xf0;
const INT_16: u8 = 0xf1;
const INT_24: u8 = 0xf2;
const INT_32: u8 = 0xf3;
const INT_64: u8 = 0xf4;

/// The value of an element.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A string that is a signed 64-bit integer in its only spelling.
    Int(i64),
    /// Any other string.
    Str(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The value of this text: an integer if [`num::parse_i64`] takes it for one (Redis: lpStringToInt64).
    #[inline]
    pub fn of(text: &'a [u8]) -> Value<'a> {
        match num::parse_i64(text) {
            Some(int) => Value::Int(int),
            None => Value::Str(text),
        }
    }

    /// The string's bytes; an integer's text is written to `text`.
    #[inline]
    pub fn bytes<'b>(self, text: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Value::Int(int) => text.format(int).as_bytes(),
            Value::Str(bytes) => bytes,
        }
    }

    /// Length of the string in bytes.
    #[inline]
    pub fn len(self) -> usize {
        match self {
            Value::Int(int) => num::digits10_i64(int),
            Value::Str(bytes) => bytes.len(),
        }
    }

    /// True for the empty string.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A text that elements are compared with. It is read as an integer once, not once for each element.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    text: &'a [u8],
    int: Option<i64>,
}

impl<'a> Wanted<'a> {
    /// Elements are to be compared with this text.
    #[inline]
    pub fn new(text: &'a [u8]) -> Wanted<'a> {
        Wanted { text, int: num::parse_i64(text) }
    }

    /// Whether the element is this text. A string is compared as such even if it spells an integer: a
    /// listpack from elsewhere may hold one.
    #[inline]
    pub fn is(&self, value: Value<'_>) -> bool {
        match value {
            Value::Int(int) => self.int == Some(int),
            // Strings of one collection tend to have one length and to differ at their ends.
            Value::Str(text) => {
                text.len() == self.text.len() && text.last() == self.text.last() && text == self.text
            }
        }
    }
}

/// The bytes of an element to be written.
#[derive(Clone, Copy)]
pub(crate) struct Encoded<'a> {
    head: [u8; HEAD_LEN_MAX],
    head_len: usize,
    text: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// The shortest encoding of the value.
    ///
    /// # Panics
    /// If a string is 4 GB or longer, which the caller's limits on a listpack's size forbid.
    #[inline]
    pub(crate) fn new(value: Value<'a>) -> Encoded<'a> {
        let mut head = [0; HEAD_LEN_MAX];
        let (head_len, text): (usize, &[u8]) = match value {
            Value::Str(text) if text.len() < 1 << 6 => {
                head[0] = STR_6 | text.len() as u8;
                (1, text)
            }
            Value::Int(int @ 0..=127) => {
                head[0] = int as u8;
                (1, &[])
            }
            Value::Int(int) => (write_int(&mut head, int), &[]),
            Value::Str(text) => (write_str_len(&mut head, text.len()), text),
        };
        Encoded { head, head_len, text }
    }

    fn body_len(&self) -> usize {
        self.head_len + self.text.len()
    }

    /// Length of the whole element in bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        let body_len = self.body_len();
        body_len + back_len_len(body_len)
    }

    /// Writes the element to `out`, which has exactly its length.
    #[inline]
    pub(crate) fn write(&self, out: &mut [u8]) {
        let body_len = self.body_len();
        let (body, back_len) = out.split_at_mut(body_len);
        let (head, text) = body.split_at_mut(self.head_len);
        if let [first] = head {
            *first = self.head[0];
        } else {
            head.copy_from_slice(&self.head[..self.head_len]);
        }
        text.copy_from_slice(self.text);
        if let [only] = back_len {
            *only = body_len as u8;
        } else {
            write_back_len(back_len, body_len);
        }
    }
}

fn write_int(head: &mut [u8; HEAD_LEN_MAX], int: i64) -> usize {
    let (first, width) = match int {
        -0x1000..=0xfff => {
            head[0] = INT_13 | (int >> 8 & 0x1f) as u8;
            head[1] = int as u8;
            return 2;
        }
        -0x8000..=0x7fff => (INT_16, 2),
        -0x80_0000..=0x7f_ffff => (INT_24, 3),
        -0x8000_0000..=0x7fff_ffff => (INT_32, 4),
        _ => (INT_64, 8),
    };
    head[0] = first;
    head[1..].copy_from_slice(&int.to_le_bytes());
    1 + width
}

fn write_str_len(head: &mut [u8; HEAD_LEN_MAX], len: usize) -> usize {
    if len < 1 << 12 {
        head[0] = STR_12 | (len >> 8) as u8;
        head[1] = len as u8;
        return 2;
    }
    let len = u32::try_from(len).expect("a listpack is far below 4 GB");
    head[0] = STR_32;
    head[1..5].copy_from_slice(&len.to_le_bytes());
    5
}

/// Bytes that the length behind a body takes. Each limit but the first one is one less than 7 bits a byte
/// would allow, as in Redis (lpEncodeBacklen): the formats must agree byte for byte.
#[inline]
fn back_len_len(body_len: usize) -> usize {
    match body_len {
        0..=0x7f => 1,
        0x80..0x3fff => 2,
        0x3fff..0x1f_ffff => 3,
        0x1f_ffff..0xfff_ffff => 4,
        _ => 5,
    }
}

fn write_back_len(out: &mut [u8], body_len: usize) {
    let mut rest = body_len;
    for byte in out.iter_mut().rev() {
        *byte = 0x80 | (rest & 0x7f) as u8;
        rest >>= 7;
    }
    out[0] &= 0x7f;
}

/// The first element, and the elements behind it; `None` if there are none.
#[inline]
pub(crate) fn first(elements: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (&head, tail) = elements.split_first()?;
    if head < STR_6 {
        return Some((Value::Int(i64::from(head)), &tail[1..]));
    }
    if head < INT_13 {
        let (text, rest) = tail.split_at(usize::from(head & 0x3f));
        return Some((Value::Str(text), &rest[1..]));
    }
    Some(long_first(elements))
}

/// Elements with a first byte from 0xc0 on. The number behind the body is passed over.
fn long_first(elements: &[u8]) -> (Value<'_>, &[u8]) {
    match *elements {
        [head @ INT_13..=INT_13_LAST, low, _, ref rest @ ..] => {
            let bits = i16::from(head & 0x1f) << 8 | i16::from(low);
            (Value::Int(i64::from(bits << 3 >> 3)), rest)
        }
        [head @ STR_12..=STR_12_LAST, low, ref tail @ ..] => str_first(2, str_12_len(head, low), tail),
        [INT_16, a, b, _, ref rest @ ..] => (Value::Int(i16::from_le_bytes([a, b]).into()), rest),
        [INT_24, a, b, c, _, ref rest @ ..] => {
            (Value::Int(i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)), rest)
        }
        [INT_32, a, b, c, d, _, ref rest @ ..] => (Value::Int(i32::from_le_bytes([a, b, c, d]).into()), rest),
        [INT_64, a, b, c, d, e, f, g, h, _, ref rest @ ..] => {
            (Value::Int(i64::from_le_bytes([a, b, c, d, e, f, g, h])), rest)
        }
        [STR_32, a, b, c, d, ref tail @ ..] => str_first(5, u32::from_le_bytes([a, b, c, d]) as usize, tail),
        _ => unreachable!("the elements are valid"),
    }
}

/// The text at the start of `tail`, and what is behind its element.
#[inline]
fn str_first(head_len: usize, len: usize, tail: &[u8]) -> (Value<'_>, &[u8]) {
    let (text, behind) = tail.split_at(len);
    (Value::Str(text), &behind[back_len_len(head_len + len)..])
}

#[inline]
fn str_12_len(head: u8, low: u8) -> usize {
    usize::from(head & 0xf) << 8 | usize::from(low)
}

/// The elements behind the first one, which must exist.
#[inline]
pub(crate) fn skip_first(elements: &[u8]) -> &[u8] {
    let head = elements[0];
    if head < STR_6 {
        return &elements[2..];
    }
    if head < INT_13 {
        return &elements[usize::from(head & 0x3f) + 2..];
    }
    let body_len = body_len(elements).expect("the elements are valid");
    &elements[body_len + back_len_len(body_len)..]
}

/// The last element, and the elements before it; `None` if there are none.
#[inline]
pub(crate) fn last(elements: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let before = skip_last(elements)?;
    let (value, _) = first(&elements[before.len()..])?;
    Some((value, before))
}

/// The elements before the last one; `None` if there are none.
#[inline]
pub(crate) fn skip_last(elements: &[u8]) -> Option<&[u8]> {
    let &last = elements.last()?;
    let (body_len, back_len_len) = match last {
        0..=0x7f => (usize::from(last), 1),
        _ => read_back_len(elements).expect("the elements are valid"),
    };
    Some(&elements[..elements.len() - back_len_len - body_len])
}

/// The length of the last body, and how many bytes it is written in. `None` if the bytes are too few or have
/// too many marks (Redis: lpDecodeBacklen).
fn read_back_len(elements: &[u8]) -> Option<(usize, usize)> {
    let mut body_len = 0;
    for (index, &byte) in elements.iter().rev().take(5).enumerate() {
        body_len |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((body_len, index + 1));
        }
    }
    None
}

/// The length of the first body by its first bytes. `None` if these are too few or mean nothing. The body
/// itself may be cut short.
fn body_len(elements: &[u8]) -> Option<usize> {
    Some(match *elements.first()? {
        0..STR_6 => 1,
        head @ STR_6..INT_13 => 1 + usize::from(head & 0x3f),
        INT_13..=INT_13_LAST => 2,
        head @ STR_12..=STR_12_LAST => 2 + str_12_len(head, *elements.get(1)?),
        STR_32 => 5 + u32::from_le_bytes(*elements.get(1..)?.first_chunk()?) as usize,
        INT_16 => 3,
        INT_24 => 4,
        INT_32 => 5,
        INT_64 => 9,
        _ => return None,
    })
}

/// Checks the first element of foreign bytes and gives those behind it; `None` if it is not whole or its two
/// lengths contradict each other (Redis: lpValidateNext).
pub(crate) fn validate_first(elements: &[u8]) -> Option<&[u8]> {
    let body_len = body_len(elements)?;
    let (body_and_back_len, rest) = elements.split_at_checked(body_len + back_len_len(body_len))?;
    (read_back_len(body_and_back_len)? == (body_len, back_len_len(body_len))).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(text: &[u8]) -> Vec<u8> {
        let encoded = Encoded::new(Value::of(text));
        let mut out = vec![0; encoded.len()];
        encoded.write(&mut out);
        out
    }

    #[test]
    fn integers_take_the_shortest_of_redis_encodings() {
        // The bodies are what redis-server 7.0.15 writes into a DUMP of a small hash.
        for (text, bytes) in [
            ("0", &b"\x00\x01"[..]),
            ("127", b"\x7f\x01"),
            ("128", b"\xc0\x80\x02"),
            ("-1", b"\xdf\xff\x02"),
            ("4095", b"\xcf\xff\x02"),
            ("-4096", b"\xd0\x00\x02"),
            ("4096", b"\xf1\x00\x10\x03"),
            ("-32768", b"\xf1\x00\x80\x03"),
            ("32768", b"\xf2\x00\x80\x00\x04"),
            ("-8388608", b"\xf2\x00\x00\x80\x04"),
            ("8388608", b"\xf3\x00\x00\x80\x00\x05"),
            ("-2147483648", b"\xf3\x00\x00\x00\x80\x05"),
            ("2147483648", b"\xf4\x00\x00\x00\x80\x00\x00\x00\x00\x09"),
            ("-9223372036854775808", b"\xf4\x00\x00\x00\x00\x00\x00\x00\x80\x09"),
        ] {
            assert_eq!(encode(text.as_bytes()), bytes, "{text}");
        }
    }

    #[test]
    fn strings_carry_their_length_on_both_sides() {
        assert_eq!(encode(b""), b"\x80\x01");
        assert_eq!(encode(b"ab"), b"\x82ab\x03");
        let long = |len: usize| encode(&vec![b'x'; len]);
        assert_eq!((&long(63)[..1], &long(63)[64..]), (&b"\xbf"[..], &b"\x40"[..]));
        assert_eq!((&long(64)[..2], &long(64)[66..]), (&b"\xe0\x40"[..], &b"\x42"[..]));
        assert_eq!((&long(4095)[..2], &long(4095)[4097..]), (&b"\xef\xff"[..], &b"\x20\x81"[..]));
        assert_eq!((&long(4096)[..5], &long(4096)[4101..]), (&b"\xf0\x00\x10\x00\x00"[..], &b"\x20\x85"[..]));
        assert_eq!(long(16377)[16382..], *b"\x7f\xfe", "16382 is the last in two bytes");
        assert_eq!(long(16378)[16383..], *b"\x00\xff\xff", "16383 would fit in two bytes, but takes three");
    }

    #[test]
    fn every_value_reads_back_from_both_sides() {
        let mut texts: Vec<Vec<u8>> =
            [0, 1, 62, 63, 64, 122, 125, 126, 127, 128, 4095, 4096, 16377, 16378, 70000]
                .map(|len| vec![b'x'; len])
                .to_vec();
        for shift in 0..63 {
            for int in [1i64 << shift, (1 << shift) - 1, -(1 << shift), -(1 << shift) - 1] {
                texts.push(num::format_i64(int).into_bytes());
            }
        }
        texts.extend([i64::MAX, i64::MIN].map(|int| num::format_i64(int).into_bytes()));
        texts.extend(["-0", "01", "+1", "9223372036854775808", " 1"].map(|text| text.into()));
        let mut elements = Vec::new();
        for text in &texts {
            elements.extend(encode(text));
        }

        let mut forward = &elements[..];
        for text in &texts {
            assert_eq!(validate_first(forward), Some(skip_first(forward)));
            let (value, rest) = first(forward).unwrap();
            assert_eq!(value.bytes(&mut itoa::Buffer::new()), text);
            assert_eq!(value.len(), text.len());
            assert!(Wanted::new(text).is(value));
            assert_eq!(rest, skip_first(forward));
            forward = rest;
        }
        assert!(first(forward).is_none() && validate_first(forward).is_none());

        let mut backward = &elements[..];
        for text in texts.iter().rev() {
            let (value, rest) = last(backward).unwrap();
            assert_eq!(value.bytes(&mut itoa::Buffer::new()), text);
            backward = rest;
        }
        assert!(last(backward).is_none());
    }

    #[test]
    fn an_element_is_only_the_very_same_text() {
        for (wanted, text) in [("a", "b"), ("ab", "b"), ("1", "01"), ("", "0"), ("12", "1"), ("ab", "bb")] {
            assert!(!Wanted::new(wanted.as_bytes()).is(Value::of(text.as_bytes())), "{wanted} {text}");
        }
        assert!(
            Wanted::new(b"12").is(Value::Str(b"12")),
            "a foreign listpack may spell an integer as a string"
        );
    }

    #[test]
    fn a_cut_or_contradicting_element_is_refused() {
        for text in [&b"7"[..], b"300", b"-70000", b"abc", &[b'x'; 100], &[b'x'; 5000]] {
            let whole = encode(text);
            for len in 0..whole.len() {
                assert!(validate_first(&whole[..len]).is_none(), "{len} of {whole:?}");
            }
            let mut wrong = whole.clone();
            *wrong.last_mut().unwrap() ^= 1;
            assert!(validate_first(&wrong).is_none(), "{wrong:?}");
        }
        for head in 0xf5..=0xff {
            assert!(validate_first(&[head; 16]).is_none(), "{head:#x}");
        }
        assert!(validate_first(b"\xf0\xff\xff\xff\xff").is_none());
    }
}
