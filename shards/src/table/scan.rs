//! How a table is walked through in several steps, however it changes between them.
//!
//! This file must not know what an entry is, nor any command.

use super::{Root, Table, Word};
use crate::entry::EntryRef;

/// How far a walk through a table has come ([`Table::scan`]). It stays right while the table grows, splits,
/// shrinks and changes hands, because it speaks of hashes: entries go by the low bits of their hashes,
/// reversed, which is the order of the parts however far they have been split, and within a part by tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScanPosition {
    /// The first low bits, reversed, of the part to go on with.
    start: u32,
    /// How many bits the part had been told apart by: the tag is about all hashes that share them.
    depth: u32,
    /// What is before this tag has been visited.
    tag: u16,
}

impl ScanPosition {
    /// The beginning of a table.
    pub const START: ScanPosition = ScanPosition { start: 0, depth: 0, tag: 0 };
    /// [`ScanPosition::to_bits`] gives so many bits at most.
    pub const BITS: u32 = 49;

    /// As a number: the tag, above it the bits of `start` that count with a one behind them. In a table that
    /// was never split it is the tag alone.
    pub fn to_bits(self) -> u64 {
        if self.depth == 0 {
            return self.tag.into();
        }
        let marked = u64::from(self.start) << 1 | 1 << (32 - self.depth);
        marked << 16 | u64::from(self.tag)
    }

    /// The position of a number; every number is one.
    pub fn from_bits(bits: u64) -> ScanPosition {
        let (marked, tag) = (bits >> 16 & 0x1_ffff_ffff, bits as u16);
        if marked == 0 {
            return ScanPosition { tag, ..ScanPosition::default() };
        }
        let depth = 32 - marked.trailing_zeros();
        ScanPosition { start: (marked >> 1) as u32 & first_bits(depth), depth, tag }
    }

    /// The tag to go on with in a part of this depth. Parts are split and never joined: one that is larger
    /// than it was is of a table that has been empty since, so nothing in it has been there all the time.
    fn tag_at(self, depth: u32) -> u16 {
        if depth < self.depth { 0 } else { self.tag }
    }
}

/// A mask of the first `count` bits.
fn first_bits(count: u32) -> u32 {
    u32::MAX.checked_shl(32 - count).unwrap_or(0)
}

impl Table {
    /// Visits entries from `from` on until there were `limit` (at least 1), or the part ends: entries with
    /// equal tags are never cut apart. Returns how many there were, and where to go on; `None` at the end of
    /// the table. Who goes on until then visits every entry that was there all the time, and may visit one
    /// twice when parts were split.
    pub fn scan(
        &self,
        from: ScanPosition,
        limit: usize,
        visit: impl FnMut(EntryRef<'_>),
    ) -> (usize, Option<ScanPosition>) {
        let (depth, index) = self.part_from(from.start);
        let Some(part) = self.part_at(index) else { return (0, None) };
        let (seen, next_tag) = part.scan(from.tag_at(depth), limit, visit);
        (seen, self.position_behind(from, depth, next_tag))
    }

    /// The same with the entries to be changed, but for their times.
    pub(crate) fn scan_mut(
        &mut self,
        from: ScanPosition,
        limit: usize,
        visit: impl FnMut(&mut Word),
    ) -> (usize, Option<ScanPosition>) {
        let (depth, index) = self.part_from(from.start);
        let part = match &mut self.root {
            Root::Part(part) => part,
            Root::Split(directory) => &mut directory.parts[index as usize].1,
        };
        let (seen, next_tag) = part.scan_mut(from.tag_at(depth), limit, visit);
        (seen, self.position_behind(from, depth, next_tag))
    }

    /// Where a scan goes on that began at `from`, in a part of this depth, and has come to `next_tag` or to
    /// the end of the part.
    fn position_behind(&self, from: ScanPosition, depth: u32, next_tag: Option<u16>) -> Option<ScanPosition> {
        let start = from.start & first_bits(depth);
        if let Some(tag) = next_tag {
            return Some(ScanPosition { start, depth, tag });
        }
        let span = |depth| 1u64 << (32 - depth);
        let next_start = u64::from(start) + span(depth);
        u32::try_from(next_start).ok().map(|start| {
            // The rest of a part that has been split since is known up to the same tag.
            let is_of_same = next_start < u64::from(from.start) + span(from.depth);
            let tag = if is_of_same { from.tag } else { 0 };
            ScanPosition { start, depth: self.part_from(start).0, tag }
        })
    }

    /// The part with the hashes whose low bits, reversed, are `start`: its depth and its number.
    fn part_from(&self, start: u32) -> (u32, u32) {
        match &self.root {
            Root::Part(_) => (0, 0),
            Root::Split(directory) => {
                let index = directory.part_index(start.reverse_bits().into());
                (directory.parts[index].0, index as u32)
            }
        }
    }
}
