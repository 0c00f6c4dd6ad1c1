//! A short run of records (score, hash, member) in order, packed in one block of memory: the leaves of the
//! tree, and the separators of its inner nodes.
//!
//! Why packed: a record costs its member, 16 bytes and nothing for an allocation of its own, and who walks
//! through a run stays in one or two pages. Why one block: a large set is in no cache, and each block that a
//! lookup visits costs it one more miss of the cache and of the address translation.
//!
//! ```text
//! | head 0 | head 1 | ... | head n |  unused  | member n | ... | member 1 | member 0 |
//! ```
//!
//! A head is the score, the hash and the member's end, counted from the end of the block. So both parts grow
//! into the unused middle. A run must not know its neighbours, nor where it is in the tree.

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

/// Bytes of a head.
const HEAD: usize = 16;

type Head = [u8; HEAD];

#[inline]
fn head_score(head: &Head) -> f64 {
    f64::from_le_bytes(*head.first_chunk().expect("a head begins with 8 bytes of score"))
}

#[inline]
fn head_hash(head: &Head) -> u32 {
    u32::from_le_bytes([head[8], head[9], head[10], head[11]])
}

/// Where the member ends, counted from the end of the block. It begins where the one before it ends.
#[inline]
fn head_end(head: &Head) -> u32 {
    u32::from_le_bytes([head[12], head[13], head[14], head[15]])
}

#[inline]
fn set_end(head: &mut Head, end: u32) {
    head[12..].copy_from_slice(&end.to_le_bytes());
}

/// Records in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    block: Box<[u8]>,
    len: u32,
    /// Bytes of all members.
    member_bytes: u32,
}

/// Rounds a number of bytes up to what an allocator would give anyway: four sizes in a doubling.
fn allocated(bytes: usize) -> usize {
    if bytes <= 64 {
        return bytes.next_multiple_of(16);
    }
    bytes.next_multiple_of(1 << ((bytes - 1).ilog2() - 2))
}

impl Run {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// Bytes of all members.
    #[inline]
    pub(super) fn member_bytes(&self) -> usize {
        self.member_bytes as usize
    }

    /// Bytes of memory that the block takes.
    #[inline]
    pub(super) fn memory_bytes(&self) -> usize {
        self.block.len()
    }

    #[inline]
    fn heads(&self) -> &[Head] {
        self.block[..self.len() * HEAD].as_chunks().0
    }

    #[inline]
    fn heads_mut(&mut self) -> &mut [Head] {
        self.block[..self.len as usize * HEAD].as_chunks_mut().0
    }

    #[inline]
    fn start(&self, at: usize) -> usize {
        if at == 0 { 0 } else { head_end(&self.heads()[at - 1]) as usize }
    }

    #[inline]
    pub(super) fn member(&self, at: usize) -> &[u8] {
        let (start, end) = (self.start(at), head_end(&self.heads()[at]) as usize);
        &self.block[self.block.len() - end..self.block.len() - start]
    }

    #[inline]
    pub(super) fn score(&self, at: usize) -> f64 {
        head_score(&self.heads()[at])
    }

    #[inline]
    pub(super) fn hash(&self, at: usize) -> u32 {
        head_hash(&self.heads()[at])
    }

    #[inline]
    pub(super) fn key(&self, at: usize) -> Key<'_> {
        Key { score: self.score(at), member: self.member(at) }
    }

    pub(super) fn hashes(&self) -> impl Iterator<Item = u32> {
        self.heads().iter().map(head_hash)
    }

    /// The record with this member.
    #[inline]
    pub(super) fn find(&self, hash: u32, member: &[u8]) -> Option<usize> {
        let mut hashes = self.heads().iter().enumerate();
        hashes.find(|&(at, head)| head_hash(head) == hash && self.member(at) == member).map(|(at, _)| at)
    }

    /// How many records from `from` on come before `key`, plus `from`; with `or_equal`, those equal to it
    /// count too.
    pub(super) fn position(&self, from: usize, key: &Key<'_>, or_equal: bool) -> usize {
        let low = from + self.heads()[from..].partition_point(|head| head_score(head) < key.score);
        if self.heads().get(low).is_none_or(|head| head_score(head) != key.score) {
            return low;
        }
        let high = low + self.heads()[low..].partition_point(|head| head_score(head) == key.score);
        self.partition(low..high, |other| match other.member.cmp(key.member) {
            Ordering::Less => true,
            Ordering::Equal => or_equal,
            Ordering::Greater => false,
        })
    }

    /// The first record of `range` for which `before` does not hold, when it holds for a beginning of the
    /// range only.
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

    /// Moves the records to a block of another size, which must be enough for them.
    fn resize(&mut self, size: usize) {
        let mut block = vec![0; size].into_boxed_slice();
        let (heads, members) = (self.len() * HEAD, self.member_bytes());
        block[..heads].copy_from_slice(&self.block[..heads]);
        block[size - members..].copy_from_slice(&self.block[self.block.len() - members..]);
        self.block = block;
    }

    /// Makes room in steps of the allocator's sizes, because doubling would leave a quarter unused.
    fn make_room(&mut self, records: usize, member_bytes: usize) {
        let needed = (self.len() + records) * HEAD + self.member_bytes() + member_bytes;
        if needed > self.block.len() {
            self.resize(allocated(needed));
        }
    }

    /// Gives memory back when there is more than `slack` times what is needed.
    fn fit(&mut self, slack: usize) {
        let needed = allocated(self.len() * HEAD + self.member_bytes());
        if needed < self.block.len() && needed * slack <= self.block.len() {
            self.resize(needed);
        }
    }

    pub(super) fn insert(&mut self, at: usize, key: &Key<'_>, hash: u32) {
        let (start, len, added) = (self.start(at), self.len(), key.member.len());
        self.make_room(1, added);
        let (size, members) = (self.block.len(), self.member_bytes());
        self.block.copy_within(size - members..size - start, size - members - added);
        self.block[size - start - added..size - start].copy_from_slice(key.member);
        self.block.copy_within(at * HEAD..len * HEAD, (at + 1) * HEAD);
        let head = &mut self.block[at * HEAD..(at + 1) * HEAD];
        head[..8].copy_from_slice(&key.score.to_le_bytes());
        head[8..12].copy_from_slice(&hash.to_le_bytes());
        head[12..].copy_from_slice(&(start as u32).to_le_bytes());
        self.len += 1;
        self.member_bytes += added as u32;
        for head in &mut self.heads_mut()[at..] {
            set_end(head, head_end(head) + added as u32);
        }
    }

    /// Removes some records.
    pub(super) fn remove(&mut self, range: Range<usize>) {
        let (start, end) = (self.start(range.start), self.start(range.end));
        let (size, members, removed) = (self.block.len(), self.member_bytes(), end - start);
        self.block.copy_within(size - members..size - end, size - members + removed);
        self.block.copy_within(range.end * HEAD..self.len() * HEAD, range.start * HEAD);
        self.len -= range.len() as u32;
        self.member_bytes -= removed as u32;
        for head in &mut self.heads_mut()[range.start..] {
            set_end(head, head_end(head) - removed as u32);
        }
        self.fit(2);
    }

    /// Gives a record another score. With it, the record belongs before the one that is at `to` now.
    pub(super) fn set_score(&mut self, at: usize, to: usize, score: f64) {
        self.heads_mut()[at][..8].copy_from_slice(&score.to_le_bytes());
        if to > at + 1 {
            self.rotate(at, at + 1, to);
        } else if to < at {
            self.rotate(to, at, at + 1);
        }
    }

    /// Exchanges two neighbouring ranges of records, `start..middle` and `middle..end`.
    fn rotate(&mut self, start: usize, middle: usize, end: usize) {
        let (first, second, last) = (self.start(start), self.start(middle), self.start(end));
        let size = self.block.len();
        self.block[size - last..size - first].rotate_left(last - second);
        let heads = &mut self.heads_mut()[start..end];
        heads.rotate_left(middle - start);
        let (now_first, now_second) = heads.split_at_mut(end - middle);
        for head in now_first {
            set_end(head, head_end(head) - (second - first) as u32);
        }
        for head in now_second {
            set_end(head, head_end(head) + (last - second) as u32);
        }
    }

    /// Takes off the records from `at` on.
    pub(super) fn split_off(&mut self, at: usize) -> Run {
        if at == 0 {
            return std::mem::take(self);
        }
        let mut tail = Run::default();
        tail.append_range(self, at..self.len());
        self.member_bytes = self.start(at) as u32;
        self.len = at as u32;
        self.fit(1);
        tail
    }

    /// Appends records of another run, which all come after these.
    pub(super) fn append_range(&mut self, other: &Run, range: Range<usize>) {
        let (from, to) = (other.start(range.start), other.start(range.end));
        self.make_room(range.len(), to - from);
        let (size, members, other_size) = (self.block.len(), self.member_bytes(), other.block.len());
        self.block[size - members - (to - from)..size - members]
            .copy_from_slice(&other.block[other_size - to..other_size - from]);
        let old_len = self.len();
        self.len += range.len() as u32;
        self.member_bytes += (to - from) as u32;
        for (head, moved) in self.heads_mut()[old_len..].iter_mut().zip(&other.heads()[range]) {
            *head = *moved;
            set_end(head, (head_end(moved) as usize - from + members) as u32);
        }
    }

    /// Where to cut so that both halves have about the same size, counting a record's head as well.
    pub(super) fn middle(&self) -> usize {
        let half = (self.member_bytes() + self.len() * HEAD) / 2;
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.start(middle + 1) + (middle + 1) * HEAD <= half {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.clamp(1, self.len().max(2) - 1)
    }
}
