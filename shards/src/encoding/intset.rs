//! Intsets: sets of integers in one sorted array, in Redis's format.
//!
//! ```text
//!  0             4             8
//!  | width 2,4,8 | count       | integers, ascending ... |
//! ```
//!
//! Everything is little-endian. The width is that of the widest integer that was ever in, in bytes; it never
//! shrinks. [`validate`] checks foreign bytes; everything else takes an intset to be valid, and may panic,
//! but nothing worse, if it is not.
//!
//! This file must not know when a set stops being an intset.

use crate::encoding::splice::Splice;

/// Bytes before the first integer.
const HEADER_LEN: usize = 8;

/// The intset without members.
pub const EMPTY: [u8; HEADER_LEN] = [2, 0, 0, 0, 0, 0, 0, 0];

/// An intset to be read.
#[derive(Clone, Copy)]
pub struct Intset<'a> {
    integers: &'a [u8],
    width: Width,
}

/// Bytes of each integer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    Two = 2,
    Four = 4,
    Eight = 8,
}

impl Width {
    #[inline]
    fn of(int: i64) -> Width {
        if i16::try_from(int).is_ok() {
            Width::Two
        } else if i32::try_from(int).is_ok() {
            Width::Four
        } else {
            Width::Eight
        }
    }

    #[inline]
    fn shift(self) -> u32 {
        (self as u32).trailing_zeros()
    }
}

impl<'a> Intset<'a> {
    /// The intset in these bytes, which are valid.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Intset<'a> {
        let width = match bytes[0] {
            2 => Width::Two,
            4 => Width::Four,
            _ => Width::Eight,
        };
        Intset { integers: &bytes[HEADER_LEN..], width }
    }

    /// Number of members.
    #[inline]
    pub fn len(self) -> usize {
        self.integers.len() >> self.width.shift()
    }

    /// True without members.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.integers.is_empty()
    }

    /// The member with this index in ascending order. A uniform index gives a uniform member.
    #[inline]
    pub fn get(self, index: usize) -> Option<i64> {
        (index < self.len()).then(|| self.at(index))
    }

    /// All members, ascending.
    #[inline]
    pub fn iter(self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator {
        (0..self.len()).map(move |index| self.at(index))
    }

    /// Whether the integer is a member.
    #[inline]
    pub fn contains(self, int: i64) -> bool {
        self.search(int).is_ok()
    }

    /// The index of a member, or the index that it would have.
    #[inline]
    pub fn search(self, int: i64) -> Result<usize, usize> {
        match self.width {
            Width::Two => {
                search(self.integers.as_chunks::<2>().0, int, |&bytes| i16::from_le_bytes(bytes).into())
            }
            Width::Four => {
                search(self.integers.as_chunks::<4>().0, int, |&bytes| i32::from_le_bytes(bytes).into())
            }
            Width::Eight => search(self.integers.as_chunks::<8>().0, int, |&bytes| i64::from_le_bytes(bytes)),
        }
    }

    #[inline]
    fn at(self, index: usize) -> i64 {
        match self.width {
            Width::Two => i16::from_le_bytes(self.integers.as_chunks::<2>().0[index]).into(),
            Width::Four => i32::from_le_bytes(self.integers.as_chunks::<4>().0[index]).into(),
            Width::Eight => i64::from_le_bytes(self.integers.as_chunks::<8>().0[index]),
        }
    }
}

/// Most sets of integers grow at their ends, so these are looked at first (Redis: intsetSearch).
#[inline]
fn search<T>(integers: &[T], int: i64, read: impl Fn(&T) -> i64) -> Result<usize, usize> {
    match integers {
        [.., last] if read(last) < int => Err(integers.len()),
        [first, ..] if int < read(first) => Err(0),
        _ => integers.binary_search_by_key(&int, read),
    }
}

/// Adds a member; false if it is one already. A member that is wider than all others has them all rewritten
/// once.
pub fn insert(set: &mut impl Splice, int: i64) -> bool {
    let old = Intset::new(set.bytes());
    let width = Width::of(int);
    if width > old.width {
        let widened = widened(old, width, int);
        let old_len = set.bytes().len();
        set.splice(0..old_len, &widened);
        return true;
    }
    let Err(index) = old.search(int) else { return false };
    let (len, width) = (old.len(), old.width as usize);
    let at = HEADER_LEN + index * width;
    set.splice(at..at, &int.to_le_bytes()[..width]);
    set.overwrite(4, &count_bytes(len + 1));
    true
}

/// Removes a member; false if it is none.
pub fn remove(set: &mut impl Splice, int: i64) -> bool {
    let old = Intset::new(set.bytes());
    let Ok(index) = old.search(int) else { return false };
    remove_at(set, index);
    true
}

/// Removes the member with this index, which exists.
pub fn remove_at(set: &mut impl Splice, index: usize) {
    let old = Intset::new(set.bytes());
    let (len, width) = (old.len(), old.width as usize);
    let at = HEADER_LEN + index * width;
    set.splice(at..at + width, &[]);
    set.overwrite(4, &count_bytes(len - 1));
}

/// All members and one that is wider than they are: it comes first or last.
fn widened(old: Intset<'_>, width: Width, int: i64) -> Vec<u8> {
    let len = old.len() + 1;
    let mut bytes = Vec::with_capacity(HEADER_LEN + len * width as usize);
    bytes.extend_from_slice(&(width as u32).to_le_bytes());
    bytes.extend_from_slice(&count_bytes(len));
    let mut push = |int: i64| bytes.extend_from_slice(&int.to_le_bytes()[..width as usize]);
    if int < 0 {
        push(int);
    }
    old.iter().for_each(&mut push);
    if int > 0 {
        push(int);
    }
    bytes
}

fn count_bytes(count: usize) -> [u8; 4] {
    u32::try_from(count).expect("set-max-intset-entries is far below 2^32").to_le_bytes()
}

/// Bytes that are not an intset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Checks foreign bytes, every member of them, and gives the number of members. An intset without members is
/// refused, as no set is empty (Redis: intsetValidateIntegrity, deep).
pub fn validate(bytes: &[u8]) -> Result<usize, Corrupt> {
    let (width, rest) = bytes.split_first_chunk::<4>().ok_or(Corrupt)?;
    let (count, integers) = rest.split_first_chunk::<4>().ok_or(Corrupt)?;
    let width = u32::from_le_bytes(*width);
    if !matches!(width, 2 | 4 | 8) {
        return Err(Corrupt);
    }
    let count = u32::from_le_bytes(*count);
    if count == 0 || u64::from(count) * u64::from(width) != integers.len() as u64 {
        return Err(Corrupt);
    }
    if !Intset::new(bytes).iter().is_sorted_by(|before, after| before < after) {
        return Err(Corrupt);
    }
    Ok(count as usize)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::random::Random;

    fn set(members: &[i64]) -> Vec<u8> {
        let mut bytes = EMPTY.to_vec();
        for &member in members {
            assert!(insert(&mut bytes, member));
        }
        bytes
    }

    #[test]
    fn the_bytes_are_those_of_redis() {
        // SADD s 1 -2 30000, then 70000, then -7000000000: DUMP s, redis-server 7.0.15.
        let mut bytes = set(&[1, -2, 30000]);
        assert_eq!(bytes, b"\x02\0\0\0\x03\0\0\0\xfe\xff\x01\x00\x30\x75");
        insert(&mut bytes, 70000);
        assert_eq!(bytes, b"\x04\0\0\0\x04\0\0\0\xfe\xff\xff\xff\x01\0\0\0\x30\x75\0\0\x70\x11\x01\0");
        insert(&mut bytes, -7000000000);
        let head = b"\x08\0\0\0\x05\0\0\0\x00\x7a\xc4\x5e\xfe\xff\xff\xff\xfe\xff\xff\xff\xff\xff\xff\xff";
        let tail = b"\x01\0\0\0\0\0\0\0\x30\x75\0\0\0\0\0\0\x70\x11\x01\0\0\0\0\0";
        assert_eq!(bytes, [&head[..], tail].concat());
        assert_eq!(validate(&bytes), Ok(5));
    }

    #[test]
    fn a_member_is_in_once() {
        let mut bytes = set(&[5, -5]);
        assert!(!insert(&mut bytes, 5));
        assert!(remove(&mut bytes, 5));
        assert!(!remove(&mut bytes, 5));
        assert!(!remove(&mut bytes, i64::MAX));
        assert_eq!(Intset::new(&bytes).iter().collect::<Vec<_>>(), [-5]);
        assert!(remove(&mut bytes, -5));
        assert_eq!(bytes, EMPTY);
    }

    #[test]
    fn foreign_bytes_are_refused_unless_sorted_and_whole() {
        let good = set(&[1, 2, 3]);
        for len in 0..good.len() {
            assert_eq!(validate(&good[..len]), Err(Corrupt), "{len} bytes");
        }
        for (at, byte) in [(0, 4), (0, 3), (0, 0), (1, 1), (4, 2), (4, 4), (7, 1), (8, 2), (8, 3), (10, 3)] {
            let mut bytes = good.clone();
            bytes[at] = byte;
            assert_eq!(validate(&bytes), Err(Corrupt), "{byte} at {at}");
        }
        assert_eq!(validate(&EMPTY), Err(Corrupt));
        assert_eq!(
            validate(b"\x08\0\0\0\0\0\0\x20"),
            Err(Corrupt),
            "2^29 integers of 8 bytes are 2^32 bytes"
        );
    }

    #[test]
    fn edits_agree_with_a_tree() {
        let seed = 0x1275e7;
        let mut random = Random::new(seed);
        for round in 0..if cfg!(miri) { 5 } else { 200 } {
            let mut bytes = EMPTY.to_vec();
            let mut model = BTreeSet::new();
            let bits = [4, 10, 18, 40, 62][round % 5];
            for step in 0..if cfg!(miri) { 20 } else { 150 } {
                let shift = 1 + random.below(bits);
                let magnitude = random.below(1 << shift) as i64;
                let int = if random.one_in(2) { magnitude } else { !magnitude };
                let context = format!("seed {seed:#x}, round {round}, step {step}, {int}");
                if random.one_in(3) {
                    assert_eq!(remove(&mut bytes, int), model.remove(&int), "{context}");
                } else {
                    assert_eq!(insert(&mut bytes, int), model.insert(int), "{context}");
                }
                let set = Intset::new(&bytes);
                assert!(set.iter().eq(model.iter().copied()), "{context}");
                assert!(set.contains(int) == model.contains(&int) && set.len() == model.len(), "{context}");
                assert_eq!(set.get(set.len() / 2), model.iter().nth(model.len() / 2).copied(), "{context}");
                assert_eq!(validate(&bytes).ok(), Some(model.len()).filter(|&len| len > 0), "{context}");
            }
        }
        assert!(Intset::new(&EMPTY).get(0).is_none());
    }
}
