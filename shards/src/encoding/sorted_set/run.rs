//! A short run of records (score, hash, member) in order, packed in two arrays: the leaves of the tree, and the
//! separators of its inner nodes.
//!
//! Why packed: a record costs its member, 16 bytes and nothing for an allocation of its own, and who walks through a
//! run reads memory from front to back. A run must not know its neighbours, nor where it is in the tree.

use std::cmp::Ordering;
use std::ops::Range;

/// Where a record stands in the order: by score, then by the member's bytes, then by its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) score: f64,
    pub(super) member: &'a [u8],
}

impl Key<'_> {
    /// The order of sorted sets. Scores are never NaN, and the two zeros are equal.
    pub(super) fn compare(&self, other: &Key<'_>) -> Ordering {
        match self.score.partial_cmp(&other.score) {
            None | Some(Ordering::Equal) => self.member.cmp(other.member),
            Some(order) => order,
        }
    }

    pub(super) fn is_less(&self, other: &Key<'_>) -> bool {
        self.compare(other) == Ordering::Less
    }
}

#[derive(Clone, Copy, Debug)]
struct Head {
    score: f64,
    hash: u32,
    /// Where the member ends in the run's bytes. It begins where the one before it ends.
    end: u32,
}

/// Records in order. The first few hundred bytes of memory that a lookup touches.
#[derive(Debug, Default)]
pub(super) struct Run {
    heads: Vec<Head>,
    bytes: Vec<u8>,
}

impl Clone for Run {
    /// A copy has the same capacities, which the tree has accounted for.
    fn clone(&self) -> Run {
        let mut copy = Run {
            heads: Vec::with_capacity(self.heads.capacity()),
            bytes: Vec::with_capacity(self.bytes.capacity()),
        };
        copy.heads.extend_from_slice(&self.heads);
        copy.bytes.extend_from_slice(&self.bytes);
        copy
    }
}

/// Rounds a number of bytes up to what an allocator would give anyway: four sizes in a doubling.
fn allocated(bytes: usize) -> usize {
    if bytes <= 64 {
        return bytes.next_multiple_of(16);
    }
    bytes.next_multiple_of(1 << ((bytes - 1).ilog2() - 2))
}

/// Makes room for `more` elements in steps of the allocator's sizes, because doubling would leave a quarter unused.
fn make_room<T>(array: &mut Vec<T>, more: usize) {
    let needed = array.len() + more;
    if needed > array.capacity() {
        let capacity = allocated(needed * size_of::<T>()) / size_of::<T>();
        array.reserve_exact(capacity - array.len());
    }
}

/// Gives memory back when less than half of it is in use.
fn fit<T>(array: &mut Vec<T>) {
    let capacity = allocated(array.len() * size_of::<T>()) / size_of::<T>();
    if capacity <= array.capacity() / 2 {
        array.shrink_to(capacity);
    }
}

impl Run {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Bytes of all members.
    #[inline]
    pub(super) fn member_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of memory that the two arrays take.
    #[inline]
    pub(super) fn memory_bytes(&self) -> usize {
        self.heads.capacity() * size_of::<Head>() + self.bytes.capacity()
    }

    #[inline]
    fn start(&self, at: usize) -> usize {
        if at == 0 { 0 } else { self.heads[at - 1].end as usize }
    }

    #[inline]
    pub(super) fn member(&self, at: usize) -> &[u8] {
        &self.bytes[self.start(at)..self.heads[at].end as usize]
    }

    #[inline]
    pub(super) fn score(&self, at: usize) -> f64 {
        self.heads[at].score
    }

    #[inline]
    pub(super) fn hash(&self, at: usize) -> u32 {
        self.heads[at].hash
    }

    #[inline]
    pub(super) fn key(&self, at: usize) -> Key<'_> {
        Key { score: self.score(at), member: self.member(at) }
    }

    pub(super) fn hashes(&self) -> impl Iterator<Item = u32> {
        self.heads.iter().map(|head| head.hash)
    }

    /// The record with this member.
    #[inline]
    pub(super) fn find(&self, hash: u32, member: &[u8]) -> Option<usize> {
        (0..self.heads.len()).find(|&at| self.heads[at].hash == hash && self.member(at) == member)
    }

    /// How many records from `from` on come before `key`, plus `from`; with `or_equal`, those equal to it count too.
    pub(super) fn position(&self, from: usize, key: &Key<'_>, or_equal: bool) -> usize {
        let low = from + self.heads[from..].partition_point(|head| head.score < key.score);
        if self.heads.get(low).is_none_or(|head| head.score != key.score) {
            return low;
        }
        let high = low + self.heads[low..].partition_point(|head| head.score == key.score);
        self.partition(low..high, |other| match other.member.cmp(key.member) {
            Ordering::Less => true,
            Ordering::Equal => or_equal,
            Ordering::Greater => false,
        })
    }

    /// The first record of `range` for which `before` does not hold, when it holds for a beginning of the range only.
    pub(super) fn partition(&self, range: Range<usize>, before: impl Fn(Key<'_>) -> bool) -> usize {
        let (mut low, mut high) = (range.start, range.end);
        while low < high {
            let middle = low.midpoint(high);
            if before(self.key(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    pub(super) fn insert(&mut self, at: usize, key: &Key<'_>, hash: u32) {
        let (start, len) = (self.start(at), key.member.len());
        make_room(&mut self.bytes, len);
        let old_len = self.bytes.len();
        if start == old_len {
            self.bytes.extend_from_slice(key.member);
        } else {
            self.bytes.resize(old_len + len, 0);
            self.bytes.copy_within(start..old_len, start + len);
            self.bytes[start..start + len].copy_from_slice(key.member);
        }
        make_room(&mut self.heads, 1);
        self.heads.insert(at, Head { score: key.score, hash, end: start as u32 });
        for head in &mut self.heads[at..] {
            head.end += len as u32;
        }
    }

    /// Removes some records.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        let (start, end) = (self.start(range.start), self.start(range.end));
        self.bytes.copy_within(end.., start);
        self.bytes.truncate(self.bytes.len() - (end - start));
        self.heads.copy_within(range.end.., range.start);
        self.heads.truncate(self.heads.len() - range.len());
        for head in &mut self.heads[range.start..] {
            head.end -= (end - start) as u32;
        }
        fit(&mut self.heads);
        fit(&mut self.bytes);
    }

    /// Gives a record another score. With it, the record belongs before the one that is at `to` now.
    pub(super) fn set_score(&mut self, at: usize, to: usize, score: f64) {
        self.heads[at].score = score;
        if to > at + 1 {
            self.rotate(at, at + 1, to);
        } else if to < at {
            self.rotate(to, at, at + 1);
        }
    }

    /// Exchanges two neighbouring ranges of records, `start..middle` and `middle..end`.
    fn rotate(&mut self, start: usize, middle: usize, end: usize) {
        let (first, second, last) = (self.start(start), self.start(middle), self.start(end));
        self.bytes[first..last].rotate_left(second - first);
        self.heads[start..end].rotate_left(middle - start);
        let moved = end - middle;
        for head in &mut self.heads[start..start + moved] {
            head.end -= (second - first) as u32;
        }
        for head in &mut self.heads[start + moved..end] {
            head.end += (last - second) as u32;
        }
    }

    /// Takes off the records from `at` on.
    pub(super) fn split_off(&mut self, at: usize) -> Run {
        if at == 0 {
            return std::mem::take(self);
        }
        let mut tail = Run::default();
        tail.append_range(self, at..self.len());
        self.bytes.truncate(self.start(at));
        self.heads.truncate(at);
        self.bytes.shrink_to(allocated(self.bytes.len()));
        self.heads.shrink_to(allocated(at * size_of::<Head>()) / size_of::<Head>());
        tail
    }

    /// Appends records of another run, which all come after these.
    pub(super) fn append_range(&mut self, other: &Run, range: Range<usize>) {
        let (from, to) = (other.start(range.start), other.start(range.end));
        let base = self.bytes.len();
        make_room(&mut self.bytes, to - from);
        self.bytes.extend_from_slice(&other.bytes[from..to]);
        make_room(&mut self.heads, range.len());
        self.heads.extend(
            other.heads[range]
                .iter()
                .map(|head| Head { end: (head.end as usize - from + base) as u32, ..*head }),
        );
    }

    /// Where to cut so that both halves have about the same size, counting a record's head as well.
    pub(super) fn middle(&self) -> usize {
        let half = (self.bytes.len() + self.heads.len() * size_of::<Head>()) / 2;
        let cut = self.partition_by_size(half);
        cut.clamp(1, self.heads.len().max(2) - 1)
    }

    fn partition_by_size(&self, size: usize) -> usize {
        let (mut low, mut high) = (0, self.heads.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.heads[middle].end as usize + (middle + 1) * size_of::<Head>() <= size {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}
