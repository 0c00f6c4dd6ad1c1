//! Changes in the middle of a quicklist: what they do to nodes, and how nodes are split, merged and compressed again.

use std::mem;
use std::ops::Range;

use super::node::{Node, Packed};
use super::{Direction, Quicklist};
use crate::encoding::listpack::{Value, Wanted};

impl Quicklist {
    /// Puts a text before the element with this index; the index of the first one that does not exist appends.
    ///
    /// # Panics
    /// If the index is greater than that.
    pub fn insert(&mut self, index: usize, text: &[u8]) {
        assert!(index <= self.len, "index {index} of {} elements", self.len);
        if index == 0 {
            return self.push_front(text);
        }
        let Some((at, within)) = self.seek(index) else { return self.push_back(text) };
        self.nodes[at].open();
        self.len += 1;
        match &mut self.nodes[at] {
            Node::Packed(packed) if packed.allows(text.len(), self.limits) => {
                packed.insert(within, Value::of(text), self.limits);
                self.settle(at..at + 1);
            }
            _ if within == 0 => self.insert_between(at, text),
            _ => self.insert_by_splitting(at, within, text),
        }
    }

    /// Puts a text in the place of the element with this index; false if there is none.
    pub fn replace(&mut self, index: usize, text: &[u8]) -> bool {
        let Some((at, within)) = self.seek(index) else { return false };
        let (limits, is_large) = (self.limits, self.limits.is_large(text.len()));
        self.nodes[at].open();
        if let Node::Packed(packed) = &mut self.nodes[at]
            && !packed.is_single()
        {
            if is_large || !packed.set(within, Value::of(text), limits) {
                packed.remove(within..within + 1, limits);
                self.len -= 1;
                self.insert(index, text);
                return true;
            }
        } else {
            self.nodes[at] = self.new_node(text);
        }
        self.settle(at..at + 1);
        true
    }

    /// Removes up to `count` elements from the one with index `start` on, and gives the number of those removed.
    pub fn remove_range(&mut self, start: usize, count: usize) -> usize {
        let removed = count.min(self.len.saturating_sub(start));
        let Some((mut first, within)) = self.seek(start).filter(|_| removed > 0) else { return 0 };
        let mut left = removed;
        if within > 0 {
            let here = left.min(self.nodes[first].count() - within);
            self.remove_in(first, within..within + here);
            left -= here;
            first += 1;
        }
        let mut end = first;
        while left > 0 && self.nodes[end].count() <= left {
            left -= self.nodes[end].count();
            end += 1;
        }
        if left > 0 {
            self.remove_in(end, 0..left);
        }
        self.nodes.drain(first..end);
        self.len -= removed;
        self.merge(first.saturating_sub(1)..first + 1);
        removed
    }

    /// Removes the first or, backwards, the last `count_max` elements that are this text, and gives the number of those
    /// removed. (LREM)
    pub fn remove_matching(&mut self, text: &[u8], count_max: usize, direction: Direction) -> usize {
        let (wanted, limits) = (Wanted::new(text), self.limits);
        let (mut scratch, mut removed) = (Vec::new(), 0);
        let (mut first, mut last) = (self.nodes.len(), 0);
        for step in 0..self.nodes.len() {
            if removed == count_max {
                break;
            }
            let at = match direction {
                Direction::Forward => step,
                Direction::Backward => self.nodes.len() - 1 - step,
            };
            let node = &mut self.nodes[at];
            let found = node.count_matching(&wanted, &mut scratch);
            if found == 0 {
                continue;
            }
            let taken = found.min(count_max - removed);
            let spared = match direction {
                Direction::Forward => 0,
                Direction::Backward => found - taken,
            };
            node.open();
            match node {
                Node::Packed(packed) => packed.remove_matching(&wanted, spared, taken),
                _ => *node = Node::Packed(Packed::with_capacity(0, limits)),
            }
            removed += taken;
            (first, last) = (first.min(at), last.max(at));
        }
        self.len -= removed;
        if removed > 0 {
            self.merge(first.saturating_sub(1)..last + 2);
        }
        removed
    }

    /// Adds a text between this node and the one before it, of which the former is full.
    fn insert_between(&mut self, at: usize, text: &[u8]) {
        let limits = self.limits;
        self.nodes[at - 1].open();
        match &mut self.nodes[at - 1] {
            Node::Packed(before) if before.allows(text.len(), limits) => {
                before.push_back(Value::of(text), limits)
            }
            _ => {
                let node = self.new_node(text);
                self.nodes.insert(at, node);
            }
        }
        self.settle(at - 1..at + 2);
    }

    fn insert_by_splitting(&mut self, at: usize, within: usize, text: &[u8]) {
        let limits = self.limits;
        let Node::Packed(before) = &mut self.nodes[at] else {
            unreachable!("only a packed node has several elements")
        };
        let mut behind = before.split_off(within, limits);
        if before.allows(text.len(), limits) {
            before.push_back(Value::of(text), limits);
            self.nodes.insert(at + 1, Node::Packed(behind));
        } else if behind.allows(text.len(), limits) {
            behind.push_front(Value::of(text), limits);
            self.nodes.insert(at + 1, Node::Packed(behind));
        } else {
            let node = self.new_node(text);
            self.nodes.insert(at + 1, Node::Packed(behind));
            self.nodes.insert(at + 1, node);
        }
        self.merge(at.saturating_sub(1)..at + 4);
    }

    /// Removes some but not all elements of a node.
    fn remove_in(&mut self, at: usize, indices: Range<usize>) {
        let limits = self.limits;
        self.nodes[at].open();
        if let Node::Packed(packed) = &mut self.nodes[at] {
            packed.remove(indices, limits);
        }
    }

    /// Removes empty nodes of these and joins open neighbours that are small; the rest of them settle. Nodes that do not
    /// exist are left out.
    fn merge(&mut self, range: Range<usize>) {
        let (from, to) = (range.start, range.end.min(self.nodes.len()));
        if from >= to {
            return; // The list is empty.
        }
        let mut kept = from;
        for next in from + 1..to {
            let mut node = mem::replace(&mut self.nodes[next], Node::Plain(Box::default()));
            if node.count() == 0 || self.nodes[kept].absorb(&mut node, self.limits) {
                continue;
            }
            if self.nodes[kept].count() > 0 {
                kept += 1;
            }
            self.nodes[kept] = node;
        }
        if self.nodes[kept].count() > 0 {
            kept += 1;
        }
        self.nodes.drain(kept..to);
        self.settle(from..kept);
    }

    /// Restores which nodes are compressed, after these have changed or their number has.
    pub(super) fn settle(&mut self, changed: Range<usize>) {
        let count = self.nodes.len();
        if self.raw_ends == 0 || count == 0 {
            return;
        }
        for at in 0..self.raw_ends.min(count) {
            self.nodes[at].open();
            self.nodes[count - 1 - at].open();
        }
        let first_inner = self.raw_ends.min(count);
        let last_inner = count.saturating_sub(self.raw_ends + 1);
        for at in changed.chain([first_inner, last_inner]) {
            if self.is_inner(at) {
                self.nodes[at].close();
            }
        }
    }
}
