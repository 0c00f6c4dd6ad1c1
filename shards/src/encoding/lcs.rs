//! The longest common subsequence of two strings, with the very choice that Redis makes among equally long
//! ones.
//!
//! Redis fills a table of lengths and walks it back from the end: over a pair of equal bytes it goes
//! diagonally, else it drops the last byte of `a` when that keeps the greater length, otherwise that of `b`.
//! Lengths in a row grow by 0 or 1 from each column to the next, so one bit a cell says it all, and 64 cells
//! of a row are computed by one addition (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004). And
//! those bits decide the walk: where the last bytes differ, the length grows at the column exactly when
//! dropping the byte of `a` keeps the greater length.
//!
//! This file must not know any command.

use std::ops::RangeInclusive;

/// Bytes of a cell in the table that Redis would allocate.
const REDIS_CELL_BYTES: u64 = 4;

/// Strings from this length on, in bytes, are refused (Redis: UINT32_MAX - 1).
const LEN_LIMIT: usize = u32::MAX as usize - 1;

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LcsError {
    /// A string has 2^32 - 2 bytes or more.
    StringTooLong,
    /// Redis's table would be larger than the limit.
    TableOverLimit,
    /// The system has no memory for the tables.
    OutOfMemory,
}

/// A run of bytes that both strings have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Where it lies in `a`, first and last byte.
    pub a: RangeInclusive<usize>,
    /// Where it lies in `b`, first and last byte.
    pub b: RangeInclusive<usize>,
}

impl Match {
    /// Length in bytes, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a match is never empty")]
    pub fn len(&self) -> usize {
        self.a.end() - self.a.start() + 1
    }
}

/// A longest common subsequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lcs {
    /// Its runs from the last one to the first one, which is the order of LCS IDX.
    pub matches: Vec<Match>,
}

impl Lcs {
    /// Its length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "the length is what LCS LEN asks for")]
    pub fn len(&self) -> usize {
        self.matches.iter().map(Match::len).sum()
    }

    /// Its bytes; `a` must be the string it was computed from.
    pub fn bytes(&self, a: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        for run in self.matches.iter().rev() {
            bytes.extend_from_slice(&a[run.a.clone()]);
        }
        bytes
    }

    /// The runs of at least `len_min` bytes, in order; all of them for 0 and below (Redis: MINMATCHLEN).
    pub fn matches_from(&self, len_min: i64) -> impl Iterator<Item = &Match> + Clone {
        let len_min = usize::try_from(len_min).unwrap_or(0);
        self.matches.iter().filter(move |run| run.len() >= len_min)
    }
}

/// The longest common subsequence that Redis finds (LCS with or without IDX). `table_bytes_max` bounds the
/// table that Redis would need, `(a + 1) * (b + 1) * 4` bytes (Redis: proto-max-bulk-len); this needs a
/// fraction of that.
pub fn longest(a: &[u8], b: &[u8], table_bytes_max: u64) -> Result<Lcs, LcsError> {
    check_size(a, b, table_bytes_max)?;
    let masks = Masks::new(a, b)?;
    let mut rows = Vec::new();
    rows.try_reserve_exact(a.len() * masks.row_words).map_err(|_| LcsError::OutOfMemory)?;
    let mut row = Row::new(&masks)?;
    for &byte in a {
        row.advance(masks.of(byte));
        rows.extend_from_slice(&row.flat);
    }
    Ok(walk_back(a, b, &rows, masks.row_words))
}

/// The length of the longest common subsequence (LCS with LEN), with the limits of [`longest`] and far less
/// memory.
pub fn longest_len(a: &[u8], b: &[u8], table_bytes_max: u64) -> Result<usize, LcsError> {
    check_size(a, b, table_bytes_max)?;
    let masks = Masks::new(a, b)?;
    let mut row = Row::new(&masks)?;
    for &byte in a {
        row.advance(masks.of(byte));
    }
    Ok(row.flat.iter().map(|word| word.count_zeros() as usize).sum())
}

fn check_size(a: &[u8], b: &[u8], table_bytes_max: u64) -> Result<(), LcsError> {
    if a.len() >= LEN_LIMIT || b.len() >= LEN_LIMIT {
        return Err(LcsError::StringTooLong);
    }
    let cells = (a.len() as u64 + 1) * (b.len() as u64 + 1);
    match cells.checked_mul(REDIS_CELL_BYTES) {
        Some(bytes) if bytes <= table_bytes_max => Ok(()),
        Some(_) => Err(LcsError::TableOverLimit),
        None => Err(LcsError::OutOfMemory),
    }
}

/// For each byte that occurs in `a`: where it occurs in `b`, bit `j % 64` of word `j / 64` for byte `j`.
struct Masks {
    row_words: usize,
    /// For each byte value the index of its mask, by which it is found in `words`.
    index: [u16; 256],
    words: Vec<u64>,
}

impl Masks {
    const NONE: u16 = u16::MAX;

    fn new(a: &[u8], b: &[u8]) -> Result<Masks, LcsError> {
        let mut index = [Masks::NONE; 256];
        let mut count: u16 = 0;
        for &byte in a {
            let slot = &mut index[usize::from(byte)];
            if *slot == Masks::NONE {
                *slot = count;
                count += 1;
            }
        }
        let row_words = b.len().div_ceil(64);
        let mut words = zeroed_words(usize::from(count) * row_words)?;
        for (position, &byte) in b.iter().enumerate() {
            let slot = index[usize::from(byte)];
            if slot != Masks::NONE {
                words[usize::from(slot) * row_words + position / 64] |= 1 << (position % 64);
            }
        }
        Ok(Masks { row_words, index, words })
    }

    /// The mask of a byte that occurs in `a`.
    fn of(&self, byte: u8) -> &[u64] {
        let start = usize::from(self.index[usize::from(byte)]) * self.row_words;
        &self.words[start..start + self.row_words]
    }
}

/// One row of the table: the lengths for a prefix of `a` and all prefixes of `b`.
struct Row {
    /// Bit `j` is set where the length for `j + 1` bytes of `b` is the same as for `j`. Bits behind the last
    /// byte of `b` stay set.
    flat: Vec<u64>,
}

impl Row {
    /// The row of the empty prefix: all lengths are 0.
    fn new(masks: &Masks) -> Result<Row, LcsError> {
        let mut flat = zeroed_words(masks.row_words)?;
        flat.fill(u64::MAX);
        Ok(Row { flat })
    }

    /// The next row: `a` gets one byte more, which occurs in `b` where `mask` is set.
    fn advance(&mut self, mask: &[u64]) {
        let mut carry = false;
        for (flat, mask) in self.flat.iter_mut().zip(mask) {
            let (sum, overflowed) = flat.overflowing_add(*flat & mask);
            let (sum, overflowed_again) = sum.overflowing_add(u64::from(carry));
            *flat = sum | *flat & !mask;
            carry = overflowed | overflowed_again;
        }
    }
}

fn zeroed_words(len: usize) -> Result<Vec<u64>, LcsError> {
    let mut words = Vec::new();
    words.try_reserve_exact(len).map_err(|_| LcsError::OutOfMemory)?;
    words.resize(len, 0);
    Ok(words)
}

/// `rows` holds the [`Row::flat`] of each prefix of `a` from the first byte on.
fn walk_back(a: &[u8], b: &[u8], rows: &[u64], row_words: usize) -> Lcs {
    let mut lcs = Lcs::default();
    let (mut a_len, mut b_len) = (a.len(), b.len());
    while a_len > 0 && b_len > 0 {
        let (a_end, b_end) = (a_len, b_len);
        while a_len > 0 && b_len > 0 && a[a_len - 1] == b[b_len - 1] {
            a_len -= 1;
            b_len -= 1;
        }
        if a_len < a_end {
            lcs.matches.push(Match { a: a_len..=a_end - 1, b: b_len..=b_end - 1 });
            continue;
        }
        let column = b_len - 1;
        let is_flat = rows[(a_len - 1) * row_words + column / 64] >> (column % 64) & 1 == 1;
        if is_flat {
            b_len -= 1;
        } else {
            a_len -= 1;
        }
    }
    lcs
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 512 << 20;

    /// The table and the walk as Redis's documentation describes them: one length a cell.
    fn by_table(a: &[u8], b: &[u8]) -> (usize, Vec<u8>, Vec<Match>) {
        let mut lengths = vec![vec![0usize; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                lengths[i][j] = if a[i - 1] == b[j - 1] {
                    lengths[i - 1][j - 1] + 1
                } else {
                    lengths[i - 1][j].max(lengths[i][j - 1])
                };
            }
        }
        let (mut i, mut j) = (a.len(), b.len());
        let mut pairs = Vec::new();
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                (i, j) = (i - 1, j - 1);
                pairs.push((i, j));
            } else if lengths[i - 1][j] > lengths[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        let runs = pairs.chunk_by(|&(i, j), &next| i > 0 && j > 0 && (i - 1, j - 1) == next);
        let matches = runs
            .map(|run| {
                let ((a_last, b_last), (a_first, b_first)) = (run[0], run[run.len() - 1]);
                Match { a: a_first..=a_last, b: b_first..=b_last }
            })
            .collect();
        (lengths[a.len()][b.len()], pairs.iter().rev().map(|&(i, _)| a[i]).collect(), matches)
    }

    #[test]
    fn the_documented_example() {
        let lcs = longest(b"ohmytext", b"mynewtext", LIMIT).unwrap();
        assert_eq!(lcs.bytes(b"ohmytext"), b"mytext");
        assert_eq!(lcs.len(), 6);
        assert_eq!(lcs.matches, [Match { a: 4..=7, b: 5..=8 }, Match { a: 2..=3, b: 0..=1 }]);
        assert_eq!(lcs.matches_from(4).map(Match::len).collect::<Vec<_>>(), [4]);
        assert_eq!(lcs.matches_from(5).count(), 0);
        assert_eq!(lcs.matches_from(-1).count(), 2);
    }

    #[test]
    fn the_choice_among_equals_is_that_of_the_table() {
        let mut seed: u64 = 7;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        for _ in 0..2000 {
            let alphabet = 1 + random(4);
            let len_max = if random(10) == 0 { 300 } else { 12 };
            let [a, b] = [(); 2].map(|()| -> Vec<u8> {
                (0..random(len_max)).map(|_| b'a' + random(alphabet) as u8).collect()
            });
            let (len, bytes, matches) = by_table(&a, &b);
            let lcs = longest(&a, &b, LIMIT).unwrap();
            assert_eq!(lcs.matches, matches, "{a:?} {b:?}");
            assert_eq!((lcs.len(), lcs.bytes(&a)), (len, bytes), "{a:?} {b:?}");
            assert_eq!(longest_len(&a, &b, LIMIT), Ok(len), "{a:?} {b:?}");
        }
    }

    #[test]
    fn nothing_in_common_is_an_empty_result() {
        for (a, b) in [("", ""), ("a", ""), ("", "a"), ("abc", "xyz")] {
            let lcs = longest(a.as_bytes(), b.as_bytes(), LIMIT).unwrap();
            assert_eq!(
                (lcs.len(), lcs.matches.len(), longest_len(a.as_bytes(), b.as_bytes(), LIMIT)),
                (0, 0, Ok(0))
            );
        }
    }

    #[test]
    fn the_limit_is_that_of_the_table_redis_would_need() {
        let (a, b) = (b"abc", b"defgh");
        assert!(longest(a, b, 4 * 6 * 4).is_ok());
        assert_eq!(longest(a, b, 4 * 6 * 4 - 1), Err(LcsError::TableOverLimit));
        assert_eq!(longest_len(a, b, 4 * 6 * 4 - 1), Err(LcsError::TableOverLimit));
    }
}
