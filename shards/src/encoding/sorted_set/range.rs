//! Ranges of a sorted set: bounds by score and by member, their ranks, and walks from rank to rank.
//!
//! Every range is one of ranks in the end, so that counting, skipping (LIMIT) and removing need no walk. How
//! bounds are written is not known here.

use std::ops::Range;

use super::tree::Target;
use super::{Item, SortedSet};

/// An end of a range of scores. Open ends are the infinities, which are scores too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScoreBound {
    /// The score belongs to the range.
    Included(f64),
    /// The score does not belong to the range.
    Excluded(f64),
}

/// An end of a range of members that have the same score. With different scores the range is any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LexBound<'a> {
    /// Before all members (`-`).
    Lowest,
    /// Behind all members (`+`).
    Highest,
    /// The member belongs to the range (`[`).
    Included(&'a [u8]),
    /// The member does not belong to the range (`(`).
    Excluded(&'a [u8]),
}

impl SortedSet {
    /// The ranks of the members with scores from `min` to `max`. Empty when `min` is over `max`.
    pub fn score_ranks(&self, min: ScoreBound, max: ScoreBound) -> Range<usize> {
        let start = match min {
            ScoreBound::Included(min) => self.tree.partition(|key| key.score < min),
            ScoreBound::Excluded(min) => self.tree.partition(|key| key.score <= min),
        };
        let end = match max {
            ScoreBound::Included(max) => self.tree.partition(|key| key.score <= max),
            ScoreBound::Excluded(max) => self.tree.partition(|key| key.score < max),
        };
        start..end.max(start)
    }

    /// The ranks of the members from `min` to `max`, when all have the same score. Empty when `min` is over
    /// `max`.
    pub fn lex_ranks(&self, min: LexBound<'_>, max: LexBound<'_>) -> Range<usize> {
        let start = match min {
            LexBound::Lowest => 0,
            LexBound::Highest => self.len,
            LexBound::Included(min) => self.tree.partition(|key| key.member < min),
            LexBound::Excluded(min) => self.tree.partition(|key| key.member <= min),
        };
        let end = match max {
            LexBound::Lowest => 0,
            LexBound::Highest => self.len,
            LexBound::Included(max) => self.tree.partition(|key| key.member <= max),
            LexBound::Excluded(max) => self.tree.partition(|key| key.member < max),
        };
        start..end.max(start)
    }

    /// The members of these ranks in order, from both ends. Ranks that no member has are left out.
    pub fn items(&self, ranks: Range<usize>) -> Items<'_> {
        let end = ranks.end.min(self.len);
        let start = ranks.start.min(end);
        Items { set: self, ranks: start..end, front: None, back: None }
    }

    /// Removes the members of these ranks. Returns how many there were. Takes a fraction of a microsecond for
    /// each; who wants bounded steps removes part after part.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) -> usize {
        let wanted = ranks.end.min(self.len).saturating_sub(ranks.start);
        let mut left = wanted;
        while left > 0 {
            left -= self.tree.remove(Target::Rank(ranks.start), left, &mut self.index);
        }
        self.len -= wanted;
        wanted
    }
}

/// Members in order; see [`SortedSet::items`].
#[derive(Clone, Debug)]
pub struct Items<'a> {
    set: &'a SortedSet,
    ranks: Range<usize>,
    /// The leaf and place of the first rank, once it has been looked for.
    front: Option<(u32, usize)>,
    /// The leaf and place behind the last rank.
    back: Option<(u32, usize)>,
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        if self.ranks.is_empty() {
            return None;
        }
        let tree = &self.set.tree;
        let (mut leaf, mut at) = self.front.unwrap_or_else(|| tree.at_rank(self.ranks.start));
        if at == tree.run(leaf).len() {
            (leaf, at) = (tree.leaf(leaf).next, 0);
        }
        self.ranks.start += 1;
        self.front = Some((leaf, at + 1));
        Some(self.set.item(leaf, at))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.ranks.len(), Some(self.ranks.len()))
    }
}

impl DoubleEndedIterator for Items<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.ranks.is_empty() {
            return None;
        }
        let tree = &self.set.tree;
        let (mut leaf, mut end) = self.back.unwrap_or_else(|| {
            let (leaf, at) = tree.at_rank(self.ranks.end - 1);
            (leaf, at + 1)
        });
        if end == 0 {
            leaf = tree.leaf(leaf).previous;
            end = tree.run(leaf).len();
        }
        self.ranks.end -= 1;
        self.back = Some((leaf, end - 1));
        Some(self.set.item(leaf, end - 1))
    }
}

impl ExactSizeIterator for Items<'_> {}
