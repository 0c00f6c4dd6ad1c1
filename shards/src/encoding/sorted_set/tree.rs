//! The order of a sorted set: a B+ tree with the number of records under each branch.
//!
//! Leaves and separators are packed runs. A separator between two neighbours is the shortest key that parts
//! them, so inner nodes are small and stay in the cache, and most comparisons are of two numbers. When
//! records move to another leaf, the index of members is told. No rank, bound or member is checked here: the
//! set does that.

use super::index::Index;
use super::run::{Key, Run};
use super::slab::{NONE, Slab};

/// Records of a leaf, at most. Fewer make lookups and insertions faster, more cost less memory.
pub(super) const LEAF_RECORDS_MAX: usize = 64;
/// Members' bytes of a leaf that has more than one record, but for one long member.
pub(super) const LEAF_BYTES_MAX: usize = 4096;
/// A leaf below both is merged with a neighbour if both together are below the second limits.
const LEAF_RECORDS_MIN: usize = LEAF_RECORDS_MAX / 4;
const LEAF_BYTES_MIN: usize = LEAF_BYTES_MAX / 4;
const MERGED_RECORDS_MAX: usize = LEAF_RECORDS_MAX * 3 / 4;
const MERGED_BYTES_MAX: usize = LEAF_BYTES_MAX * 3 / 4;

/// Branches of an inner node.
const BRANCHES_MAX: usize = 64;
const BRANCHES_MIN: usize = BRANCHES_MAX / 4;
const MERGED_BRANCHES_MAX: usize = BRANCHES_MAX * 3 / 4;
/// An inner node whose separators are longer is split early, unless it has only a few branches.
const SEPARATOR_BYTES_MAX: usize = 8192;
const LONG_BRANCHES_MIN: usize = 4;

#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) run: Run,
    pub(super) previous: u32,
    pub(super) next: u32,
}

/// Branch `n` holds the keys from `separators[n]` on and below `separators[n + 1]`. The first separator has
/// no meaning.
#[derive(Clone, Debug, Default)]
struct Inner {
    separators: Run,
    children: Vec<u32>,
    counts: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Tree {
    leaves: Slab<Leaf>,
    inners: Slab<Inner>,
    root: u32,
    /// Levels of inner nodes.
    height: u32,
    pub(super) first: u32,
    pub(super) last: u32,
    /// Bytes of memory of all runs of leaves.
    run_bytes: usize,
}

/// Which record to go to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    Key(Key<'a>),
    Rank(usize),
}

/// A new right neighbour of a node that was split.
struct Sibling {
    separator: (f64, Vec<u8>),
    id: u32,
    count: usize,
}

/// The shortest key over `left` and not over `right`. `left` is less than `right`.
fn separator<'a>(left: &Key<'_>, right: &Key<'a>) -> Key<'a> {
    if left.score < right.score {
        return Key { score: right.score, member: b"" };
    }
    let same = left.member.iter().zip(right.member).take_while(|(left, right)| left == right).count();
    Key { score: right.score, member: &right.member[..same + 1] }
}

impl Inner {
    /// The branch that `target` is in, and a target below it. A key that no branch has leads to where it
    /// belongs.
    fn branch<'a>(&self, target: Target<'a>) -> (usize, Target<'a>) {
        match target {
            Target::Key(key) => (self.separators.position(1, &key, true) - 1, target),
            Target::Rank(rank) => {
                let mut left = rank;
                let last = self.counts.len() - 1;
                for (branch, &count) in self.counts[..last].iter().enumerate() {
                    if left < count {
                        return (branch, Target::Rank(left));
                    }
                    left -= count;
                }
                (last, Target::Rank(left))
            }
        }
    }

    fn insert(&mut self, at: usize, separator: &Key<'_>, id: u32, count: usize) {
        self.separators.insert(at, separator, 0);
        self.children.insert(at, id);
        self.counts.insert(at, count);
    }

    fn remove(&mut self, at: usize) {
        self.separators.remove(at..at + 1);
        self.children.remove(at);
        self.counts.remove(at);
    }

    fn is_full(&self) -> bool {
        let branches = self.children.len();
        branches > BRANCHES_MAX
            || (self.separators.member_bytes() > SEPARATOR_BYTES_MAX && branches >= LONG_BRANCHES_MIN)
    }

    fn count(&self) -> usize {
        self.counts.iter().sum()
    }

    fn memory_bytes(&self) -> usize {
        self.separators.memory_bytes() + self.children.capacity() * 4 + self.counts.capacity() * 8
    }
}

impl Default for Tree {
    fn default() -> Tree {
        let mut leaves = Slab::default();
        let root = leaves.insert(Leaf { run: Run::default(), previous: NONE, next: NONE });
        Tree { leaves, inners: Slab::default(), root, height: 0, first: root, last: root, run_bytes: 0 }
    }
}

impl Tree {
    #[inline]
    pub(super) fn leaf(&self, id: u32) -> &Leaf {
        self.leaves.get(id)
    }

    #[inline]
    pub(super) fn run(&self, id: u32) -> &Run {
        &self.leaves.get(id).run
    }

    /// Changes a run and accounts for its memory.
    pub(super) fn change<R>(&mut self, leaf: u32, change: impl FnOnce(&mut Run) -> R) -> R {
        let run = &mut self.leaves.get_mut(leaf).run;
        let before = run.memory_bytes();
        let result = change(run);
        self.run_bytes = self.run_bytes - before + run.memory_bytes();
        result
    }

    /// The leaf with this rank, and the place in it. At the rank behind the last record, the end of the last
    /// leaf.
    pub(super) fn at_rank(&self, rank: usize) -> (u32, usize) {
        let (mut node, mut target) = (self.root, Target::Rank(rank));
        for _ in 0..self.height {
            let inner = self.inners.get(node);
            let (branch, below) = inner.branch(target);
            (node, target) = (inner.children[branch], below);
        }
        let Target::Rank(at) = target else { unreachable!("a rank stays a rank") };
        (node, at)
    }

    /// How many records come before the first for which `before` does not hold. It must hold for a beginning
    /// of all keys, be they of records or not.
    pub(super) fn partition(&self, before: impl Fn(Key<'_>) -> bool) -> usize {
        let (mut node, mut rank) = (self.root, 0);
        for _ in 0..self.height {
            let inner = self.inners.get(node);
            let branch = inner.separators.partition(1..inner.children.len(), &before) - 1;
            rank += inner.counts[..branch].iter().sum::<usize>();
            node = inner.children[branch];
        }
        let run = self.run(node);
        rank + run.partition(0..run.len(), before)
    }

    /// How many records come before `key`.
    pub(super) fn rank(&self, key: &Key<'_>) -> usize {
        let (mut node, mut rank) = (self.root, 0);
        for _ in 0..self.height {
            let inner = self.inners.get(node);
            let (branch, _) = inner.branch(Target::Key(*key));
            rank += inner.counts[..branch].iter().sum::<usize>();
            node = inner.children[branch];
        }
        rank + self.run(node).position(0, key, false)
    }

    /// Adds a record and its word in the index.
    pub(super) fn insert(&mut self, key: &Key<'_>, hash: u32, index: &mut Index) {
        let Some(sibling) = self.insert_below(self.root, self.height, key, hash, index) else { return };
        let mut root = Inner::default();
        let count = match self.height {
            0 => self.run(self.root).len(),
            _ => self.inners.get(self.root).count(),
        };
        root.insert(0, &Key { score: f64::NEG_INFINITY, member: b"" }, self.root, count);
        let (score, member) = &sibling.separator;
        root.insert(1, &Key { score: *score, member }, sibling.id, sibling.count);
        self.root = self.inners.insert(root);
        self.height += 1;
    }

    fn insert_below(
        &mut self,
        node: u32,
        height: u32,
        key: &Key<'_>,
        hash: u32,
        index: &mut Index,
    ) -> Option<Sibling> {
        if height == 0 {
            return self.insert_into_leaf(node, key, hash, index);
        }
        let inner = self.inners.get_mut(node);
        let (branch, _) = inner.branch(Target::Key(*key));
        inner.counts[branch] += 1;
        let child = inner.children[branch];
        let sibling = self.insert_below(child, height - 1, key, hash, index)?;
        let inner = self.inners.get_mut(node);
        inner.counts[branch] -= sibling.count;
        let (score, member) = &sibling.separator;
        inner.insert(branch + 1, &Key { score: *score, member }, sibling.id, sibling.count);
        if !inner.is_full() {
            return None;
        }
        // Who inserts in ascending order leaves full nodes behind.
        let branches = inner.children.len();
        let at = if branch + 2 == branches { branches - 2 } else { branches / 2 };
        let mut right = Inner {
            separators: inner.separators.split_off(at),
            children: inner.children.split_off(at),
            counts: inner.counts.split_off(at),
        };
        let first = right.separators.key(0);
        let separator = (first.score, first.member.to_vec());
        right.separators.remove(0..1);
        right.separators.insert(0, &Key { score: f64::NEG_INFINITY, member: b"" }, 0);
        let count = right.count();
        Some(Sibling { separator, id: self.inners.insert(right), count })
    }

    fn insert_into_leaf(&mut self, id: u32, key: &Key<'_>, hash: u32, index: &mut Index) -> Option<Sibling> {
        let leaf = self.leaves.get(id);
        let at = leaf.run.position(0, key, false);
        let (len, bytes) = (leaf.run.len(), leaf.run.member_bytes());
        if len == 0 || (len < LEAF_RECORDS_MAX && bytes + key.member.len() <= LEAF_BYTES_MAX) {
            self.change(id, |run| run.insert(at, key, hash));
            index.insert(hash, id);
            return None;
        }
        // Who inserts in ascending or descending order leaves full leaves behind. A long member is not moved.
        let is_outermost = (at == len && leaf.next == NONE) || (at == 0 && leaf.previous == NONE);
        let cut = if is_outermost || len == 1 { at } else { leaf.run.middle() };
        let right = self.split_leaf(id, cut, index);
        let goes_right = at > cut || cut == len;
        let (target, place) = if goes_right { (right, at - cut) } else { (id, at) };
        self.change(target, |run| run.insert(place, key, hash));
        index.insert(hash, target);
        let (left_run, right_run) = (self.run(id), self.run(right));
        let key = separator(&left_run.key(left_run.len() - 1), &right_run.key(0));
        let (separator, count) = ((key.score, key.member.to_vec()), right_run.len());
        Some(Sibling { separator, id: right, count })
    }

    /// Moves the records from `cut` on to a new leaf behind this one.
    fn split_leaf(&mut self, id: u32, cut: usize, index: &mut Index) -> u32 {
        let run = self.change(id, |run| run.split_off(cut));
        self.run_bytes += run.memory_bytes();
        let next = self.leaves.get(id).next;
        let right = self.leaves.insert(Leaf { run, previous: id, next });
        self.leaves.get_mut(id).next = right;
        match next {
            NONE => self.last = right,
            _ => self.leaves.get_mut(next).previous = right,
        }
        for hash in self.leaves.get(right).run.hashes() {
            index.relocate(hash, id, right);
        }
        right
    }

    /// Removes the record at `target`, which must exist, and those behind it in the same leaf, `max` in all
    /// at most, and their words in the index. Returns how many.
    pub(super) fn remove(&mut self, target: Target<'_>, max: usize, index: &mut Index) -> usize {
        let removed = self.remove_below(self.root, self.height, target, max, index);
        while self.height > 0 {
            let root = self.inners.get(self.root);
            match root.children[..] {
                [] => {
                    self.inners.remove(self.root);
                    *self = Tree::default();
                    return removed;
                }
                [only] => {
                    self.inners.remove(self.root);
                    self.root = only;
                    self.height -= 1;
                }
                _ => break,
            }
        }
        removed
    }

    fn remove_below(
        &mut self,
        node: u32,
        height: u32,
        target: Target<'_>,
        max: usize,
        index: &mut Index,
    ) -> usize {
        if height == 0 {
            let run = self.run(node);
            let at = match target {
                Target::Key(key) => run.position(0, &key, false),
                Target::Rank(rank) => rank,
            };
            let end = run.len().min(at.saturating_add(max));
            for hash in self.leaves.get(node).run.hashes().take(end).skip(at) {
                index.remove(hash, node);
            }
            self.change(node, |run| run.remove(at..end));
            return end - at;
        }
        let inner = self.inners.get(node);
        let (branch, below) = inner.branch(target);
        let removed = self.remove_below(inner.children[branch], height - 1, below, max, index);
        self.inners.get_mut(node).counts[branch] -= removed;
        if height == 1 {
            self.tend_leaf(node, branch, index);
        } else {
            self.tend_inner(node, branch);
        }
        removed
    }

    /// Drops a leaf that has become empty, and merges one that has become small with a neighbour.
    fn tend_leaf(&mut self, node: u32, branch: usize, index: &mut Index) {
        let inner = self.inners.get(node);
        let run = self.run(inner.children[branch]);
        if run.len() >= LEAF_RECORDS_MIN || run.member_bytes() >= LEAF_BYTES_MIN {
            return;
        }
        if run.len() == 0 {
            self.unlink(inner.children[branch]);
            self.inners.get_mut(node).remove(branch);
            return;
        }
        let fits = |left: usize| {
            let (left, right) = (self.run(inner.children[left]), self.run(inner.children[left + 1]));
            left.len() + right.len() <= MERGED_RECORDS_MAX
                && left.member_bytes() + right.member_bytes() <= MERGED_BYTES_MAX
        };
        let left = if branch + 1 < inner.children.len() && fits(branch) {
            branch
        } else if branch > 0 && fits(branch - 1) {
            branch - 1
        } else {
            return;
        };
        let (to, from) = (inner.children[left], inner.children[left + 1]);
        let moved = self.unlink(from);
        self.change(to, |run| run.append_range(&moved, 0..moved.len()));
        for hash in moved.hashes() {
            index.relocate(hash, from, to);
        }
        let inner = self.inners.get_mut(node);
        inner.counts[left] += moved.len();
        inner.remove(left + 1);
    }

    /// Takes a leaf out of the row of leaves.
    fn unlink(&mut self, id: u32) -> Run {
        let leaf = self.leaves.remove(id);
        self.run_bytes -= leaf.run.memory_bytes();
        match leaf.previous {
            NONE => self.first = leaf.next,
            previous => self.leaves.get_mut(previous).next = leaf.next,
        }
        match leaf.next {
            NONE => self.last = leaf.previous,
            next => self.leaves.get_mut(next).previous = leaf.previous,
        }
        leaf.run
    }

    /// The same for an inner node.
    fn tend_inner(&mut self, node: u32, branch: usize) {
        let inner = self.inners.get(node);
        let child = self.inners.get(inner.children[branch]);
        if child.children.is_empty() {
            self.inners.remove(inner.children[branch]);
            self.inners.get_mut(node).remove(branch);
            return;
        }
        if child.children.len() >= BRANCHES_MIN {
            return;
        }
        let fits = |left: usize| {
            let (left, right) =
                (self.inners.get(inner.children[left]), self.inners.get(inner.children[left + 1]));
            left.children.len() + right.children.len() <= MERGED_BRANCHES_MAX
                && left.separators.member_bytes() + right.separators.member_bytes() <= SEPARATOR_BYTES_MAX / 2
        };
        let left = if branch + 1 < inner.children.len() && fits(branch) {
            branch
        } else if branch > 0 && fits(branch - 1) {
            branch - 1
        } else {
            return;
        };
        let (to, from) = (inner.children[left], inner.children[left + 1]);
        let mut merged = self.inners.get(to).clone();
        let separator = inner.separators.key(left + 1);
        let (moved, at) = (self.inners.get(from), merged.children.len());
        merged.insert(at, &separator, moved.children[0], moved.counts[0]);
        merged.separators.append_range(&moved.separators, 1..moved.separators.len());
        merged.children.extend_from_slice(&moved.children[1..]);
        merged.counts.extend_from_slice(&moved.counts[1..]);
        let count = merged.count();
        *self.inners.get_mut(to) = merged;
        self.inners.remove(from);
        let inner = self.inners.get_mut(node);
        inner.counts[left] = count;
        inner.remove(left + 1);
    }

    /// Appends a leaf with records that come after all others, while the tree is being built: the inner nodes
    /// are still to be made by [`Tree::finish`].
    pub(super) fn append_leaf(&mut self, run: Run) -> u32 {
        self.run_bytes += run.memory_bytes();
        if self.run(self.last).len() == 0 {
            self.run_bytes -= self.run(self.last).memory_bytes();
            self.leaves.get_mut(self.last).run = run;
            return self.last;
        }
        let id = self.leaves.insert(Leaf { run, previous: self.last, next: NONE });
        self.leaves.get_mut(self.last).next = id;
        self.last = id;
        id
    }

    /// Makes the inner nodes over all leaves. There must be none yet.
    pub(super) fn finish(&mut self) {
        // One level of nodes: each one's number and count, and the separator before it.
        let mut level = Vec::with_capacity(self.leaves.len());
        let mut id = self.first;
        let mut separator_before = (f64::NEG_INFINITY, Vec::new());
        while id != NONE {
            let leaf = self.leaves.get(id);
            let key_before = std::mem::take(&mut separator_before);
            if leaf.next != NONE {
                let key = separator(&leaf.run.key(leaf.run.len() - 1), &self.run(leaf.next).key(0));
                separator_before = (key.score, key.member.to_vec());
            }
            level.push(Sibling { separator: key_before, id, count: leaf.run.len() });
            id = leaf.next;
        }
        while level.len() > 1 {
            // As many nodes as needed, of about the same size.
            let nodes = level.len().div_ceil(MERGED_BRANCHES_MAX);
            let mut above = Vec::with_capacity(nodes);
            let branches = level.len();
            let mut rest = level.into_iter();
            for node in 0..nodes {
                let mut inner = Inner::default();
                let taken = branches * (node + 1) / nodes - branches * node / nodes;
                let mut separator_before = (f64::NEG_INFINITY, Vec::new());
                for (at, child) in rest.by_ref().take(taken).enumerate() {
                    let (score, member) = &child.separator;
                    if at == 0 {
                        inner.insert(
                            0,
                            &Key { score: f64::NEG_INFINITY, member: b"" },
                            child.id,
                            child.count,
                        );
                        separator_before = child.separator;
                    } else {
                        inner.insert(at, &Key { score: *score, member }, child.id, child.count);
                    }
                }
                let count = inner.count();
                above.push(Sibling { separator: separator_before, id: self.inners.insert(inner), count });
            }
            level = above;
            self.height += 1;
        }
        self.root = level[0].id;
    }

    /// Drops about `leaves` leaves. False when none is left; the tree must not be used any more.
    pub(super) fn drop_some(&mut self, leaves: usize) -> bool {
        self.leaves.drop_some(leaves) || self.inners.drop_some(leaves)
    }

    /// Bytes of memory. Inner nodes are a hundredth of the whole and are taken to be of the size of the
    /// root's leftmost child.
    pub(super) fn memory_bytes(&self) -> usize {
        let inner_bytes = match self.height {
            0 => 0,
            _ => self.inners.get(self.root).memory_bytes(),
        };
        self.run_bytes
            + self.leaves.memory_bytes()
            + self.inners.memory_bytes()
            + self.inners.len() * inner_bytes
    }

    /// All leaves in order.
    #[cfg(test)]
    pub(super) fn runs(&self) -> impl Iterator<Item = (u32, &Run)> {
        std::iter::successors(Some(self.first), |&id| Some(self.leaf(id).next).filter(|&next| next != NONE))
            .map(|id| (id, self.run(id)))
    }

    /// Panics unless the records are in order, every count and separator is right, and memory is accounted
    /// for. Returns the number of records.
    #[cfg(test)]
    pub(super) fn check(&self) -> usize {
        let runs: Vec<(u32, &Run)> = self.runs().collect();
        assert_eq!(runs.len(), self.leaves.len());
        assert_eq!(runs.last().map(|&(id, _)| id), Some(self.last));
        assert_eq!(runs.iter().map(|(_, run)| run.memory_bytes()).sum::<usize>(), self.run_bytes);
        let mut previous = NONE;
        for &(id, run) in &runs {
            assert_eq!(self.leaf(id).previous, previous);
            assert!(run.len() <= LEAF_RECORDS_MAX && (run.len() > 0 || self.height == 0));
            previous = id;
        }
        let keys: Vec<Key<'_>> =
            runs.iter().flat_map(|(_, run)| (0..run.len()).map(|at| run.key(at))).collect();
        assert!(keys.is_sorted_by(|left, right| left.is_less(right)));
        let mut leaves = Vec::new();
        let count = self.check_below(self.root, self.height, None, None, &mut leaves);
        assert_eq!(leaves, runs.iter().map(|&(id, _)| id).collect::<Vec<_>>());
        assert_eq!(count, keys.len());
        count
    }

    #[cfg(test)]
    fn check_below(
        &self,
        node: u32,
        height: u32,
        low: Option<Key<'_>>,
        high: Option<Key<'_>>,
        leaves: &mut Vec<u32>,
    ) -> usize {
        if height == 0 {
            leaves.push(node);
            let run = self.run(node);
            if run.len() > 0 {
                assert!(low.is_none_or(|low| !run.key(0).is_less(&low)));
                assert!(high.is_none_or(|high| run.key(run.len() - 1).is_less(&high)));
            }
            return run.len();
        }
        let inner = self.inners.get(node);
        let branches = inner.children.len();
        assert!(branches > 0 && branches <= BRANCHES_MAX);
        assert_eq!((inner.separators.len(), inner.counts.len()), (branches, branches));
        for branch in 0..branches {
            let low = if branch == 0 { low } else { Some(inner.separators.key(branch)) };
            let high = if branch + 1 == branches { high } else { Some(inner.separators.key(branch + 1)) };
            let count = self.check_below(inner.children[branch], height - 1, low, high, leaves);
            assert_eq!(count, inner.counts[branch]);
        }
        inner.count()
    }
}
