//! The id of a stream entry: two numbers, their order, their text, and the spellings that clients may use for
//! them.
//!
//! Spellings are those of Redis (streamGenericParseIDOrReply, streamParseIntervalIDOrReply). This file must
//! not know which command reads an id, nor the texts of errors.

use std::fmt;

use crate::num::parse_u64;

/// Texts of ids that are longer than this, in bytes, are refused before they are read (Redis: a buffer of 128
/// bytes).
const SPELLING_BYTES_MAX: usize = 127;

/// The id of an entry. Ids are ordered by time, then by sequence number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct StreamId {
    /// Unix time in milliseconds, as far as nobody has chosen another number.
    pub ms: u64,
    /// Tells entries of one millisecond apart.
    pub seq: u64,
}

impl StreamId {
    /// `0-0`, which no entry has.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The last id that an entry can have.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };
    /// The length of the longest text of an id, in bytes.
    pub const TEXT_BYTES_MAX: usize = 2 * 20 + 1;

    /// The id `ms-seq`.
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The id behind this one; none behind the last.
    pub fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => self.ms.checked_add(1).map(|ms| StreamId { ms, seq: 0 }),
        }
    }

    /// The id before this one; none before `0-0`.
    pub fn prev(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => self.ms.checked_sub(1).map(|ms| StreamId { ms, seq: u64::MAX }),
        }
    }

    /// Reads `ms-seq`, or `ms` alone, which then has the sequence number `missing_seq`, or `-` for the lowest
    /// and `+` for the highest id.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<StreamId> {
        match special(text)? {
            Special::Lowest => Some(StreamId::MIN),
            Special::Highest => Some(StreamId::MAX),
            Special::None(text) => parse_parts(text, missing_seq),
        }
    }

    /// Like [`StreamId::parse`] without `-` and `+`: wherever one certain id is meant.
    pub fn parse_exact(text: &[u8], missing_seq: u64) -> Option<StreamId> {
        match special(text)? {
            Special::Lowest | Special::Highest => None,
            Special::None(text) => parse_parts(text, missing_seq),
        }
    }

    /// The first id of a range that begins with `text`: any spelling of [`StreamId::parse`], or `(` and an
    /// exact id for everything behind that one.
    pub fn parse_start(text: &[u8]) -> Result<StreamId, BoundError> {
        match text {
            [b'(', exclusive @ ..] if !exclusive.is_empty() => {
                let id = StreamId::parse_exact(exclusive, 0).ok_or(BoundError::Invalid)?;
                id.next().ok_or(BoundError::Nothing)
            }
            _ => StreamId::parse(text, 0).ok_or(BoundError::Invalid),
        }
    }

    /// The last id of a range that ends with `text`; an id without a sequence number includes its whole
    /// millisecond.
    pub fn parse_end(text: &[u8]) -> Result<StreamId, BoundError> {
        match text {
            [b'(', exclusive @ ..] if !exclusive.is_empty() => {
                let id = StreamId::parse_exact(exclusive, u64::MAX).ok_or(BoundError::Invalid)?;
                id.prev().ok_or(BoundError::Nothing)
            }
            _ => StreamId::parse(text, u64::MAX).ok_or(BoundError::Invalid),
        }
    }

    /// Writes `ms-seq` into `buffer` and returns the text.
    pub fn text(self, buffer: &mut [u8; StreamId::TEXT_BYTES_MAX]) -> &[u8] {
        let mut digits = itoa::Buffer::new();
        let ms = digits.format(self.ms).as_bytes();
        buffer[..ms.len()].copy_from_slice(ms);
        buffer[ms.len()] = b'-';
        let at = ms.len() + 1;
        let seq = digits.format(self.seq).as_bytes();
        buffer[at..at + seq.len()].copy_from_slice(seq);
        &buffer[..at + seq.len()]
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// Why a text is no bound of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundError {
    /// It is no id.
    Invalid,
    /// It excludes the first or the last id that there is, so nothing is left on its side.
    Nothing,
}

/// The id that a new entry shall have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// `*`: the time, or the next id if the clock has not gone on.
    Auto,
    /// `ms-*`: the next sequence number of that millisecond.
    At(u64),
    /// `ms-seq`, or `ms` for `ms-0`.
    Exact(StreamId),
}

impl NewId {
    /// Reads `*`, `ms-*`, `ms-seq` or `ms`.
    pub fn parse(text: &[u8]) -> Option<NewId> {
        // A NUL ends the text for Redis, here as in ids.
        if let [b'*'] | [b'*', 0, ..] = text {
            return Some(NewId::Auto);
        }
        let Special::None(text) = special(text)? else { return None };
        match text.strip_suffix(b"-*") {
            Some(ms) if !ms.contains(&b'-') => parse_u64(ms).map(NewId::At),
            _ => parse_parts(text, 0).map(NewId::Exact),
        }
    }

    /// The id for a stream whose last id is `last`, when it is `now_ms`. None if it would not be greater.
    pub fn resolve(self, last: StreamId, now_ms: u64) -> Option<StreamId> {
        let id = match self {
            NewId::Auto if now_ms > last.ms => StreamId::new(now_ms, 0),
            NewId::Auto => last.next()?,
            NewId::At(ms) if ms == last.ms => StreamId::new(ms, last.seq.checked_add(1)?),
            NewId::At(ms) => StreamId::new(ms, 0),
            NewId::Exact(id) => id,
        };
        (id > last).then_some(id)
    }
}

enum Special<'a> {
    Lowest,
    Highest,
    /// An ordinary text, up to its first NUL.
    None(&'a [u8]),
}

/// None if the text is too long.
fn special(text: &[u8]) -> Option<Special<'_>> {
    if text.len() > SPELLING_BYTES_MAX {
        return None;
    }
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    Some(match &text[..end] {
        b"-" => Special::Lowest,
        b"+" => Special::Highest,
        text => Special::None(text),
    })
}

fn parse_parts(text: &[u8], missing_seq: u64) -> Option<StreamId> {
    let (ms, seq) = match memchr::memchr(b'-', text) {
        Some(dash) => (&text[..dash], parse_u64(&text[dash + 1..])?),
        None => (text, missing_seq),
    };
    Some(StreamId { ms: parse_u64(ms)?, seq })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(u64, u64)> {
        StreamId::parse(text.as_bytes(), 7).map(|id| (id.ms, id.seq))
    }

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        assert_eq!(parsed("1-2"), Some((1, 2)));
        assert_eq!(parsed("1"), Some((1, 7)));
        assert_eq!(parsed("-"), Some((0, 0)));
        assert_eq!(parsed("+"), Some((u64::MAX, u64::MAX)));
        assert_eq!(parsed("18446744073709551615-18446744073709551615"), Some((u64::MAX, u64::MAX)));
        // Redis falls back to strtoull: blanks before, signs, leading zeros.
        assert_eq!(parsed("+5-1"), Some((5, 1)));
        assert_eq!(parsed(" 6-1"), Some((6, 1)));
        assert_eq!(parsed("\x0b\t13-1"), Some((13, 1)));
        assert_eq!(parsed("007-1"), Some((7, 1)));
        assert_eq!(parsed("8- -5"), Some((8, u64::MAX - 4)));
        assert_eq!(parsed("9--05"), Some((9, u64::MAX - 4)));
        assert_eq!(parsed("9--18446744073709551615"), Some((9, 1)));
        assert_eq!(parsed("10-1\0abc"), Some((10, 1)));
        assert_eq!(parsed("-\0abc"), Some((0, 0)));
        for wrong in
            ["", "10--5", "11-", "-11", "--1", "12- 5 ", "5 ", "0x10-1", "18446744073709551616", "12-*"]
        {
            assert_eq!(parsed(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_id_of_more_than_127_bytes_is_refused() {
        assert_eq!(parsed(&format!("{:0127}", 5)), Some((5, 7)));
        assert_eq!(parsed(&format!("{:0128}", 5)), None);
    }

    #[test]
    fn exact_ids_are_not_the_lowest_and_the_highest() {
        for text in ["-", "+", "-\0"] {
            assert_eq!(StreamId::parse_exact(text.as_bytes(), 0), None);
        }
        assert_eq!(StreamId::parse_exact(b"3", 0), Some(StreamId::new(3, 0)));
    }

    #[test]
    fn bounds_of_ranges_may_exclude_their_id() {
        let start = |text: &str| StreamId::parse_start(text.as_bytes()).map(|id| id.to_string());
        let end = |text: &str| StreamId::parse_end(text.as_bytes()).map(|id| id.to_string());
        assert_eq!(start("5"), Ok("5-0".into()));
        assert_eq!(end("5"), Ok("5-18446744073709551615".into()));
        assert_eq!(start("(5-1"), Ok("5-2".into()));
        assert_eq!(start("(5-18446744073709551615"), Ok("6-0".into()));
        assert_eq!(end("(5"), Ok("5-18446744073709551614".into()));
        assert_eq!(end("(5-0"), Ok("4-18446744073709551615".into()));
        assert_eq!(start("(18446744073709551615-18446744073709551615"), Err(BoundError::Nothing));
        assert_eq!(end("(0-0"), Err(BoundError::Nothing));
        for wrong in ["(", "(-", "(+", "((5", "x"] {
            assert_eq!(start(wrong), Err(BoundError::Invalid));
            assert_eq!(end(wrong), Err(BoundError::Invalid));
        }
        assert_eq!(start("-"), Ok("0-0".into()));
        assert_eq!(end("+"), Ok("18446744073709551615-18446744073709551615".into()));
    }

    #[test]
    fn new_ids_are_greater_than_the_last_one() {
        let last = StreamId::new(100, 5);
        let new = |text: &str, now_ms| {
            NewId::parse(text.as_bytes()).unwrap().resolve(last, now_ms).map(|id| id.to_string())
        };
        assert_eq!(new("*", 101).unwrap(), "101-0");
        assert_eq!(new("*", 100).unwrap(), "100-6");
        assert_eq!(new("*", 3).unwrap(), "100-6");
        assert_eq!(new("100-*", 0).unwrap(), "100-6");
        assert_eq!(new("101-*", 0).unwrap(), "101-0");
        assert_eq!(new("99-*", 0), None);
        assert_eq!(new("100-6", 0).unwrap(), "100-6");
        assert_eq!(new("100-5", 0), None);
        assert_eq!(new("100", 0), None);
        assert_eq!(NewId::parse(b"0-*").unwrap().resolve(StreamId::MIN, 0), Some(StreamId::new(0, 1)));
        assert_eq!(NewId::parse(b"9-*").unwrap().resolve(StreamId::new(9, u64::MAX), 0), None);
        assert_eq!(NewId::Auto.resolve(StreamId::new(9, u64::MAX), 0), Some(StreamId::new(10, 0)));
        assert_eq!(NewId::Auto.resolve(StreamId::MAX, 0), None);
        for wrong in ["-", "+", "", "1-**", "1--*", "**", "-*", "x-*"] {
            assert_eq!(NewId::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn neighbours_of_ids_carry_and_end() {
        assert_eq!(StreamId::new(1, u64::MAX).next(), Some(StreamId::new(2, 0)));
        assert_eq!(StreamId::new(2, 0).prev(), Some(StreamId::new(1, u64::MAX)));
        assert_eq!(StreamId::MAX.next(), None);
        assert_eq!(StreamId::MIN.prev(), None);
    }

    #[test]
    fn the_text_of_the_longest_id_fits() {
        let mut buffer = [0; StreamId::TEXT_BYTES_MAX];
        assert_eq!(StreamId::MAX.text(&mut buffer), StreamId::MAX.to_string().as_bytes());
        assert_eq!(StreamId::new(10, 0).text(&mut buffer), b"10-0");
    }
}
