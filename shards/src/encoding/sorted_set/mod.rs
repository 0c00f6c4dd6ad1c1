//! The structure of a large sorted set (OBJECT ENCODING skiplist): members with scores, in order, with ranks.
//!
//! Redis has a skip list and a hash table that share one small allocation for each member. Here records lie
//! packed in the leaves of a B+ tree ([`tree`]), up to 64 in a leaf, and a hash index ([`index`]) knows the
//! leaf of each member. A million members of 20 bytes take 53 resident bytes each, 59 after many changes of
//! score: 0.61 and 0.66 of what Valkey 9.1.2 takes (88 resident), and 0.41 and 0.46 of redis-server 7.0.15.
//! Adding, finding, ranking and moving a member take 0.35 to 0.45 of the CPU time that redis-server spends on
//! it beyond that of an EXISTS, removing the first 0.2, uniting two sets of 100 000 0.3.
//!
//! The other layout measured was a record of its own for each member, with the index and the leaves naming
//! it. It finds a member in 0.6 of the time and inserts one in 0.8, because fewer pages are visited; but it
//! takes 1.25 of the memory, 1.7 of the time to remove the first and 2.1 to raise a score by a little, and 4
//! of that to walk.
//!
//! This folder must not know keys, commands, replies or limits. Hashes and random numbers are handed in; NaN
//! never comes in. Of a 64-bit hash only the leading 32 bits are used.

mod build;
mod index;
mod range;
mod run;
mod slab;
#[cfg(test)]
mod tests;
mod tree;

pub use build::{Builder, Union};
pub use range::{Items, LexBound, ScoreBound};

use index::{Index, leading};
use run::Key;
use tree::{Target, Tree};

/// A sorted set. Cloning copies it, in time proportional to its size.
#[derive(Clone, Debug, Default)]
pub struct SortedSet {
    tree: Tree,
    index: Index,
    len: usize,
}

/// Where a member is. Valid until the set changes.
#[derive(Clone, Copy, Debug)]
pub struct MemberPlace {
    leaf: u32,
    at: u32,
    score: f64,
}

impl MemberPlace {
    /// The member's score.
    pub fn score(&self) -> f64 {
        self.score
    }
}

/// A member with its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Item<'a> {
    /// The bytes of the member.
    pub member: &'a [u8],
    /// Never NaN.
    pub score: f64,
    hash: u32,
}

impl Item<'_> {
    /// As much of the member's hash as another sorted set needs for it.
    pub fn hash(&self) -> u64 {
        u64::from(self.hash) << 32
    }
}

impl SortedSet {
    /// The number of members.
    pub fn len(&self) -> usize {
        self.len
    }

    /// No member at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Finds a member. `hash` is the keyed hash of the member, the same one at each call.
    #[inline]
    pub fn find(&self, hash: u64, member: &[u8]) -> Option<MemberPlace> {
        let hash = leading(hash);
        self.index.find(hash, |leaf| {
            let run = self.tree.run(leaf);
            run.find(hash, member).map(|at| MemberPlace { leaf, at: at as u32, score: run.score(at) })
        })
    }

    /// The score of a member.
    pub fn score(&self, hash: u64, member: &[u8]) -> Option<f64> {
        self.find(hash, member).map(|place| place.score)
    }

    /// Adds a member that is not in the set.
    pub fn insert(&mut self, hash: u64, member: &[u8], score: f64) {
        debug_assert!(!score.is_nan(), "a score is a place in an order");
        debug_assert!(self.find(hash, member).is_none(), "a member is in a set once");
        self.tree.insert(&Key { score, member }, leading(hash), &mut self.index);
        self.len += 1;
    }

    /// Gives `member`, which is at `place`, another score. Cheap when it stays near its neighbours. An equal
    /// score changes nothing, so 0 is not replaced by -0 (Redis: zsetAdd).
    pub fn set_score(&mut self, place: MemberPlace, member: &[u8], score: f64) {
        debug_assert!(!score.is_nan(), "a score is a place in an order");
        debug_assert!(
            self.tree.run(place.leaf).member(place.at as usize) == member,
            "the place is the member's"
        );
        if score == place.score {
            return;
        }
        let (leaf, at) = (self.tree.leaf(place.leaf), place.at as usize);
        let run = &leaf.run;
        let (old, new) = (Key { score: place.score, member }, Key { score, member });
        // Between the leaf's first and last record, and outwards from neither, nothing but the leaf can be
        // concerned.
        let is_above = score > old.score || place.leaf == self.tree.first || run.key(0).is_less(&new);
        let is_below =
            score < old.score || place.leaf == self.tree.last || new.is_less(&run.key(run.len() - 1));
        if is_above && is_below {
            let to = run.position(0, &new, false);
            self.tree.change(place.leaf, |run| run.set_score(at, to, score));
            return;
        }
        let hash = run.hash(at);
        self.tree.remove(Target::Key(old), 1, &mut self.index);
        self.tree.insert(&new, hash, &mut self.index);
    }

    /// Removes a member. Returns its score if it was in the set.
    pub fn remove(&mut self, hash: u64, member: &[u8]) -> Option<f64> {
        let score = self.score(hash, member)?;
        self.tree.remove(Target::Key(Key { score, member }), 1, &mut self.index);
        self.len -= 1;
        Some(score)
    }

    /// How many members come before the one at `place`.
    pub fn rank(&self, place: MemberPlace) -> usize {
        self.tree.rank(&self.tree.run(place.leaf).key(place.at as usize))
    }

    /// The member of this rank, the lowest being 0. Uniformly random members have uniformly random ranks.
    pub fn at_rank(&self, rank: usize) -> Option<Item<'_>> {
        (rank < self.len).then(|| {
            let (leaf, at) = self.tree.at_rank(rank);
            self.item(leaf, at)
        })
    }

    /// The first member in the order.
    pub fn first(&self) -> Option<Item<'_>> {
        (self.len > 0).then(|| self.item(self.tree.first, 0))
    }

    /// The last member in the order.
    pub fn last(&self) -> Option<Item<'_>> {
        (self.len > 0).then(|| self.item(self.tree.last, self.tree.run(self.tree.last).len() - 1))
    }

    /// Removes the first member, if there is one.
    pub fn remove_first(&mut self) {
        self.remove_ranks(0..1);
    }

    /// Removes the last member, if there is one.
    pub fn remove_last(&mut self) {
        self.remove_ranks(self.len.saturating_sub(1)..self.len);
    }

    /// Hands the members of at least `count` hashes to `visit`, from `cursor` on, and returns the cursor to
    /// go on with, 0 at the end. A scan starts with 0. What is in the set from the first call to the last is
    /// visited, some of it perhaps more than once (Redis: SCAN's guarantee). A cursor is at most 2^32 - 1; of
    /// others the low bits count.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'_>)) -> u64 {
        let mut before = None;
        let next = self.index.scan(cursor as u32, count, |hash, leaf| {
            // Two members of one leaf with the same hash have two equal words, and both are visited for the
            // first.
            if before.replace((hash, leaf)) == Some((hash, leaf)) {
                return;
            }
            let run = self.tree.run(leaf);
            for (at, _) in run.hashes().enumerate().filter(|&(_, other)| other == hash) {
                visit(self.item(leaf, at));
            }
        });
        next.map_or(0, u64::from)
    }

    /// About as many bytes of memory as the set takes. Constant time.
    pub fn memory_bytes(&self) -> usize {
        size_of::<SortedSet>() + self.tree.memory_bytes() + self.index.memory_bytes()
    }

    /// Makes the set something to be freed in steps.
    pub fn into_remains(self) -> Remains {
        Remains { tree: self.tree, index: self.index }
    }

    /// Panics unless everything that must hold does.
    #[cfg(test)]
    fn check(&self) {
        assert_eq!(self.tree.check(), self.len);
        let mut words = Vec::new();
        for (leaf, run) in self.tree.runs() {
            words.extend(run.hashes().map(|hash| (hash, leaf)));
        }
        words.sort_unstable();
        let mut indexed = self.index.check();
        indexed.sort_unstable();
        assert!(words == indexed, "the index names other leaves than those of the members");
    }

    fn item(&self, leaf: u32, at: usize) -> Item<'_> {
        let run = self.tree.run(leaf);
        Item { member: run.member(at), score: run.score(at), hash: run.hash(at) }
    }
}

/// A set that is no more, whose memory is given back in steps.
#[derive(Debug)]
pub struct Remains {
    tree: Tree,
    index: Index,
}

impl Remains {
    /// Frees about `leaves` leaves, of up to 64 members each, or one part of the index in the place of 16
    /// leaves. False when nothing is left.
    pub fn free_some(&mut self, leaves: usize) -> bool {
        if self.tree.drop_some(leaves) {
            return true;
        }
        (0..leaves.div_ceil(16)).all(|_| self.index.drop_part())
    }
}
