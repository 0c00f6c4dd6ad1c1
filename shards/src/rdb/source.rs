//! Foreign bytes to be read one item after the other: lengths, strings, numbers.
//!
//! An item is read whole or not at all, and nothing is allocated on the word of a length: the bytes of which
//! it speaks are there before anybody looks at them. This file must not know types and opcodes of a file.

use std::borrow::Cow;

use super::error::RdbError;
use super::opcode;
use crate::encoding::lzf;
use crate::num;

/// The longest string that can come out of a compressed one, in bytes: the lengths of the format have 32 bits
/// there.
const EXPANDED_LEN_MAX: u64 = u32::MAX as u64;

/// Bytes that are being read.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the bytes begin in the file or the payload.
    offset: u64,
}

impl<'a> Source<'a> {
    /// Bytes that begin at this place of a file or a payload: errors name places in it.
    #[inline]
    pub fn new(bytes: &'a [u8], offset: u64) -> Source<'a> {
        Source { bytes, at: 0, offset }
    }

    /// How many bytes have been read.
    #[inline]
    pub fn position(&self) -> usize {
        self.at
    }

    /// The place in the file of what is read next.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.offset + self.at as u64
    }

    /// Bytes that have not been read.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Bytes that have been read.
    #[inline]
    pub fn passed(&self) -> &'a [u8] {
        &self.bytes[..self.at]
    }

    /// The bytes from here to where another source of the same bytes is, which is no further back.
    #[inline]
    pub(super) fn up_to(&self, behind: &Source<'a>) -> &'a [u8] {
        &self.bytes[self.at..behind.at]
    }

    /// All bytes have been read.
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// What is read next is wrong.
    #[cold]
    pub fn corrupt(&self, reason: &'static str) -> RdbError {
        RdbError::Corrupt { offset: self.offset(), reason }
    }

    /// The next bytes, so many of them.
    #[inline]
    pub fn take(&mut self, len: u64) -> Result<&'a [u8], RdbError> {
        let rest = self.rest();
        if len > rest.len() as u64 {
            return Err(RdbError::Incomplete { needed: len.saturating_add(self.at as u64) });
        }
        self.at += len as usize;
        Ok(&rest[..len as usize])
    }

    /// The next bytes, as many as the array has.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], RdbError> {
        let bytes = self.take(N as u64)?;
        Ok(*bytes.first_chunk().expect("take gives as many as it is asked for"))
    }

    /// A byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, RdbError> {
        Ok(self.array::<1>()?[0])
    }

    /// A double as its bits.
    #[inline]
    pub fn double(&mut self) -> Result<f64, RdbError> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A time in milliseconds.
    #[inline]
    pub fn time_ms(&mut self) -> Result<i64, RdbError> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A length, or any other number that the format writes as one.
    #[inline]
    pub fn length(&mut self) -> Result<u64, RdbError> {
        let start = *self;
        let first = self.byte()?;
        self.length_from(first, start)
    }

    #[inline]
    fn length_from(&mut self, first: u8, start: Source<'a>) -> Result<u64, RdbError> {
        let low = u64::from(first & 0x3f);
        let length = match (first >> 6, first) {
            (opcode::LENGTH_6, _) => Ok(low),
            (opcode::LENGTH_14, _) => self.byte().map(|next| low << 8 | u64::from(next)),
            (_, opcode::LENGTH_32) => self.array().map(|bytes| u64::from(u32::from_be_bytes(bytes))),
            (_, opcode::LENGTH_64) => self.array().map(u64::from_be_bytes),
            _ => Err(start.corrupt("a length of an unknown form")),
        };
        length.inspect_err(|_| *self = start)
    }

    /// A string, as it is written.
    #[inline]
    pub fn text(&mut self) -> Result<Text<'a>, RdbError> {
        let start = *self;
        self.text_from(start).inspect_err(|_| *self = start)
    }

    #[inline]
    fn text_from(&mut self, start: Source<'a>) -> Result<Text<'a>, RdbError> {
        let first = self.byte()?;
        Ok(match first {
            opcode::STRING_INT_8 => Text::Int(i64::from(i8::from_le_bytes(self.array()?))),
            opcode::STRING_INT_16 => Text::Int(i64::from(i16::from_le_bytes(self.array()?))),
            opcode::STRING_INT_32 => Text::Int(i64::from(i32::from_le_bytes(self.array()?))),
            opcode::STRING_LZF => {
                let (packed_len, len) = (self.length()?, self.length()?);
                if len > EXPANDED_LEN_MAX {
                    return Err(start.corrupt("a compressed string of 4 GB or more"));
                }
                Text::Compressed { bytes: self.take(packed_len)?, len: len as usize, offset: start.offset() }
            }
            _ => {
                let len = self.length_from(first, start)?;
                Text::Raw(self.take(len)?)
            }
        })
    }

    /// A score as text: what Redis wrote before 4.0.
    pub fn score_text(&mut self) -> Result<f64, RdbError> {
        let start = *self;
        let score = match self.byte()? {
            opcode::SCORE_NAN => return Err(start.corrupt("a score that is not a number")),
            opcode::SCORE_INFINITY => Ok(f64::INFINITY),
            opcode::SCORE_MINUS_INFINITY => Ok(f64::NEG_INFINITY),
            len => self.take(u64::from(len)).and_then(|text| {
                let score = num::parse_f64_of_any_range(text).filter(|score| !score.is_nan());
                score.ok_or_else(|| start.corrupt("a score that is not a number"))
            }),
        };
        score.inspect_err(|_| *self = start)
    }
}

/// A string as it is written.
#[derive(Clone, Copy, Debug)]
pub enum Text<'a> {
    /// Byte by byte.
    Raw(&'a [u8]),
    /// As the integer that it spells.
    Int(i64),
    /// Compressed by LZF.
    Compressed {
        /// What is compressed.
        bytes: &'a [u8],
        /// How long it is said to become, in bytes.
        len: usize,
        /// Where it stands.
        offset: u64,
    },
}

impl<'a> Text<'a> {
    /// The string's bytes. `scratch` holds those that do not lie in the source; what was in it is gone.
    ///
    /// # Errors
    /// `Corrupt` for a compressed string that does not become what it is said to become.
    #[inline]
    pub fn read<'s>(self, scratch: &'s mut Vec<u8>) -> Result<&'s [u8], RdbError>
    where
        'a: 's,
    {
        if let Text::Raw(bytes) = self {
            return Ok(bytes);
        }
        self.write_to(scratch)?;
        Ok(scratch)
    }

    /// The string's bytes, borrowed if they lie in the source.
    ///
    /// # Errors
    /// As for [`Text::read`].
    pub fn into_bytes(self) -> Result<Cow<'a, [u8]>, RdbError> {
        if let Text::Raw(bytes) = self {
            return Ok(Cow::Borrowed(bytes));
        }
        let mut bytes = Vec::new();
        self.write_to(&mut bytes)?;
        Ok(Cow::Owned(bytes))
    }

    /// Puts the string's bytes into the place of what is in `out`.
    ///
    /// # Errors
    /// As for [`Text::read`].
    pub fn write_to(self, out: &mut Vec<u8>) -> Result<(), RdbError> {
        match self {
            Text::Raw(bytes) => {
                out.clear();
                out.extend_from_slice(bytes);
            }
            Text::Int(int) => {
                out.clear();
                out.extend_from_slice(itoa::Buffer::new().format(int).as_bytes());
            }
            Text::Compressed { bytes, len, offset } => {
                let corrupt =
                    |lzf::Corrupt| RdbError::Corrupt { offset, reason: "Invalid LZF compressed string" };
                lzf::decompress_into(bytes, len, out).map_err(corrupt)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(bytes: &[u8]) -> Result<u64, RdbError> {
        Source::new(bytes, 0).length()
    }

    #[test]
    fn lengths_have_four_forms() {
        for (bytes, length) in [
            (&b"\x00"[..], 0),
            (b"\x3f", 63),
            (b"\x40\x40", 64),
            (b"\x7f\xff", 16383),
            (b"\x80\x00\x00\x40\x00", 16384),
            (b"\x80\xff\xff\xff\xff", u64::from(u32::MAX)),
            (b"\x81\x00\x00\x00\x01\x00\x00\x00\x00", 1 << 32),
        ] {
            assert_eq!(lengths(bytes), Ok(length));
            for len in 0..bytes.len() {
                assert!(
                    matches!(lengths(&bytes[..len]), Err(RdbError::Incomplete { .. })),
                    "{bytes:?} {len}"
                );
            }
        }
        for first in [0x82, 0xbf, 0xc0, 0xff] {
            assert!(matches!(lengths(&[first; 9]), Err(RdbError::Corrupt { offset: 0, .. })), "{first:#x}");
        }
    }

    #[test]
    fn strings_are_read_in_every_form_or_not_at_all() {
        // SET s aaa... (32 times a), 12, -300, 70000: DUMP, redis-server 7.0.15.
        for (bytes, text) in [
            (&b"\x03abc"[..], &b"abc"[..]),
            (b"\x00", b""),
            (b"\xc0\x0c", b"12"),
            (b"\xc1\xd4\xfe", b"-300"),
            (b"\xc2\x70\x11\x01\x00", b"70000"),
            (b"\xc3\x09\x20\x01aa\xe0\x13\x00\x01aa", &[b'a'; 32]),
        ] {
            let mut source = Source::new(bytes, 0);
            assert_eq!(source.text().unwrap().read(&mut Vec::new()), Ok(text));
            assert!(source.is_at_end());
            for len in 0..bytes.len() {
                let mut source = Source::new(&bytes[..len], 0);
                let needed = match source.text() {
                    Err(RdbError::Incomplete { needed }) => needed as usize,
                    other => panic!("{len} of {bytes:?}: {other:?}"),
                };
                assert!((len + 1..=bytes.len()).contains(&needed), "{len} of {bytes:?}: {needed}");
                assert_eq!(source.position(), 0);
            }
        }
    }

    #[test]
    fn an_announced_length_takes_no_memory() {
        let huge = [&[opcode::LENGTH_64][..], &u64::MAX.to_be_bytes()].concat();
        let needed = u64::MAX;
        assert_eq!(Source::new(&huge, 0).text().unwrap_err(), RdbError::Incomplete { needed });
        let bomb = b"\xc3\x02\x80\xff\xff\xff\xff\x00a";
        let text = Source::new(bomb, 100).text().unwrap();
        let reason = "Invalid LZF compressed string";
        assert_eq!(text.into_bytes(), Err(RdbError::Corrupt { offset: 100, reason }));
    }

    #[test]
    fn scores_as_text() {
        let mut source = Source::new(b"\x042.50\xfe\xff\x03inf\xfd", 0);
        assert_eq!(source.score_text(), Ok(2.5));
        assert_eq!(source.score_text(), Ok(f64::INFINITY));
        assert_eq!(source.score_text(), Ok(f64::NEG_INFINITY));
        assert_eq!(source.score_text(), Ok(f64::INFINITY));
        assert!(source.score_text().is_err());
        for text in [&b"\x03nan"[..], b"\x001", b"\x031 2", b"\x01x"] {
            assert!(matches!(Source::new(text, 0).score_text(), Err(RdbError::Corrupt { .. })), "{text:?}");
        }
    }
}
