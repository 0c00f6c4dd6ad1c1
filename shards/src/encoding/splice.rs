//! A byte string that packed encodings are edited in, wherever it lies: in a vector, or inline in the entry
//! of its key.
//!
//! An edit is one call, so whoever holds the bytes moves or reallocates them once. This file must not know
//! what the bytes mean.

use std::ops::Range;

/// A byte string that can be edited in the middle.
///
/// All positions are bytes from the start; one that is out of range is a defect of the caller and panics.
pub trait Splice {
    /// The bytes as they are now.
    fn bytes(&self) -> &[u8];

    /// Puts `with` in the place of the bytes `at`, whatever their lengths. An empty range inserts, an empty
    /// `with` removes.
    fn splice(&mut self, at: Range<usize>, with: &[u8]);

    /// Puts `with` over as many bytes from `at` on. The length stays.
    fn overwrite(&mut self, at: usize, with: &[u8]);
}

impl Splice for Vec<u8> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self
    }

    fn splice(&mut self, at: Range<usize>, with: &[u8]) {
        let (old_len, removed) = (self.len(), at.len());
        assert!(at.start <= at.end && at.end <= old_len, "{at:?} of {old_len} bytes");
        if with.len() > removed {
            self.resize(old_len + with.len() - removed, 0);
        }
        self.copy_within(at.end..old_len, at.start + with.len());
        self[at.start..][..with.len()].copy_from_slice(with);
        self.truncate(old_len - removed + with.len());
    }

    #[inline]
    fn overwrite(&mut self, at: usize, with: &[u8]) {
        self[at..at + with.len()].copy_from_slice(with);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spliced(at: Range<usize>, with: &[u8]) -> Vec<u8> {
        let mut bytes = b"012345".to_vec();
        Splice::splice(&mut bytes, at, with);
        bytes
    }

    #[test]
    fn a_splice_inserts_removes_and_replaces_at_every_place() {
        for start in 0..=6 {
            for end in start..=6 {
                for with in [&b""[..], b"a", b"ab", b"abcdefghij"] {
                    let expected = [&b"012345"[..start], with, &b"012345"[end..]].concat();
                    assert_eq!(spliced(start..end, with), expected, "{start}..{end} {with:?}");
                }
            }
        }
    }

    #[test]
    fn an_overwrite_keeps_the_length() {
        let mut bytes = b"012345".to_vec();
        bytes.overwrite(4, b"ab");
        assert_eq!(bytes.bytes(), b"0123ab");
    }

    #[test]
    #[should_panic(expected = "5..7 of 6 bytes")]
    fn a_range_beyond_the_end_is_refused() {
        spliced(5..7, b"");
    }
}
