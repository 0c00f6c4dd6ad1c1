//! Items of the format written one after the other: lengths, strings, numbers.
//!
//! Everything goes into bytes that the caller owns and empties. This file must not know types and opcodes of
//! a file.

use super::opcode;
use crate::encoding::lzf;
use crate::num;

/// Longer strings than this are compressed, in bytes (Redis: rdbSaveRawString).
const COMPRESS_LEN_MIN: usize = 21;
/// A string is compressed if that saves at least so many bytes (Redis: rdbSaveLzfStringObject).
pub(super) const COMPRESS_SAVED_BYTES_MIN: usize = 4;
/// Texts of up to this length may be integers of 32 bits.
const INT_TEXT_LEN_MAX: usize = 11;

/// Where items are written to.
#[derive(Debug)]
pub struct Sink<'o> {
    out: &'o mut Vec<u8>,
    compress: bool,
}

impl<'o> Sink<'o> {
    /// Items are appended to `out`, and long strings compressed if `compress` says so (rdbcompression).
    #[inline]
    pub fn new(out: &'o mut Vec<u8>, compress: bool) -> Sink<'o> {
        Sink { out, compress }
    }

    /// Whether long strings are compressed.
    #[inline]
    pub fn compresses(&self) -> bool {
        self.compress
    }

    /// How many bytes are in the caller's vector, those that it had before included.
    #[inline]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// No byte at all.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Bytes as they are.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// A double as its bits.
    #[inline]
    pub fn double(&mut self, value: f64) {
        self.bytes(&value.to_le_bytes());
    }

    /// A time in milliseconds.
    #[inline]
    pub fn time_ms(&mut self, at_ms: i64) {
        self.bytes(&at_ms.to_le_bytes());
    }

    /// A length, or any other number that the format writes as one.
    #[inline]
    pub fn length(&mut self, length: u64) {
        match length {
            0..0x40 => self.byte(opcode::LENGTH_6 << 6 | length as u8),
            0x40..0x4000 => self.bytes(&[opcode::LENGTH_14 << 6 | (length >> 8) as u8, length as u8]),
            _ => match u32::try_from(length) {
                Ok(length) => {
                    self.byte(opcode::LENGTH_32);
                    self.bytes(&length.to_be_bytes());
                }
                Err(_) => {
                    self.byte(opcode::LENGTH_64);
                    self.bytes(&length.to_be_bytes());
                }
            },
        }
    }

    /// A string: as an integer if it spells one of 32 bits, compressed if that is wanted and saves something.
    #[inline]
    pub fn text(&mut self, text: &[u8]) {
        if text.len() <= INT_TEXT_LEN_MAX
            && let Some(int) = num::parse_i64(text)
            && self.int_32(int)
        {
            return;
        }
        if self.compress && text.len() >= COMPRESS_LEN_MIN && self.compressed(text) {
            return;
        }
        self.raw_text(text);
    }

    /// A string that is known to spell this integer.
    #[inline]
    pub fn int_text(&mut self, int: i64) {
        if !self.int_32(int) {
            self.raw_text(itoa::Buffer::new().format(int).as_bytes());
        }
    }

    /// What stands before a string that was compressed.
    pub(super) fn compressed_head(&mut self, packed_len: usize, len: usize) {
        self.byte(opcode::STRING_LZF);
        self.length(packed_len as u64);
        self.length(len as u64);
    }

    /// A string byte by byte, whatever it spells and however long it is.
    #[inline]
    pub fn raw_text(&mut self, text: &[u8]) {
        self.length(text.len() as u64);
        self.bytes(text);
    }

    /// An integer in the place of the string that spells it; false if it takes more than 32 bits.
    #[inline]
    fn int_32(&mut self, int: i64) -> bool {
        if let Ok(int) = i8::try_from(int) {
            self.bytes(&[opcode::STRING_INT_8, int as u8]);
        } else if let Ok(int) = i16::try_from(int) {
            let [low, high] = int.to_le_bytes();
            self.bytes(&[opcode::STRING_INT_16, low, high]);
        } else if let Ok(int) = i32::try_from(int) {
            self.byte(opcode::STRING_INT_32);
            self.bytes(&int.to_le_bytes());
        } else {
            return false;
        }
        true
    }

    /// Writes a string compressed; false if that saves too little, and then nothing is written.
    fn compressed(&mut self, text: &[u8]) -> bool {
        // How long it becomes stands before it: room is left for the most that it may be.
        let (start, len_max) = (self.len(), text.len() - COMPRESS_SAVED_BYTES_MIN);
        self.compressed_head(len_max, text.len());
        let body_at = self.len();
        if !lzf::compress_onto(text, len_max, self.out) {
            self.out.truncate(start);
            return false;
        }
        let (end, body_len) = (self.len(), self.len() - body_at);
        self.compressed_head(body_len, text.len());
        let head_len = self.len() - end;
        self.out.copy_within(end.., start);
        self.out.copy_within(body_at..end, start + head_len);
        self.out.truncate(start + head_len + body_len);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    fn written(compress: bool, write: impl FnOnce(&mut Sink<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut Sink::new(&mut out, compress));
        out
    }

    #[test]
    fn what_is_written_is_what_redis_writes() {
        // DUMP of such strings, redis-server 7.0.15.
        for (text, bytes) in [
            (&b"abc"[..], &b"\x03abc"[..]),
            (b"", b"\x00"),
            (b"12", b"\xc0\x0c"),
            (b"-128", b"\xc0\x80"),
            (b"128", b"\xc1\x80\x00"),
            (b"-300", b"\xc1\xd4\xfe"),
            (b"70000", b"\xc2\x70\x11\x01\x00"),
            (b"-2147483648", b"\xc2\x00\x00\x00\x80"),
            (b"2147483648", b"\x0a2147483648"),
            (b"012", b"\x03012"),
            (b"+1", b"\x02+1"),
        ] {
            assert_eq!(written(true, |sink| sink.text(text)), bytes, "{text:?}");
        }
        let long = [b'a'; 32];
        assert_eq!(written(false, |sink| sink.text(&long)), [&b"\x20"[..], &long].concat());
        assert!(written(true, |sink| sink.text(&long)).len() < 16);
        assert_eq!(written(true, |sink| sink.text(&[b'a'; 20])), [&b"\x14"[..], &[b'a'; 20]].concat());
    }

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 63, 64, 16383, 16384, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            let bytes = written(false, |sink| sink.length(length));
            assert_eq!(Source::new(&bytes, 0).length(), Ok(length));
        }
        let texts =
            [i64::from(i32::MIN), 1 << 31, i64::MIN, i64::MAX, -1].map(|int| int.to_string().into_bytes());
        for text in texts.iter().chain([&b"ab".repeat(5000), &vec![b'x'; 21], &b"0".to_vec()]) {
            for compress in [false, true] {
                let bytes = written(compress, |sink| sink.text(text));
                let mut source = Source::new(&bytes, 0);
                assert_eq!(source.text().unwrap().read(&mut Vec::new()).unwrap(), &text[..]);
                assert!(source.is_at_end());
            }
        }
    }
}
