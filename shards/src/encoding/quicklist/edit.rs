//! Changes in the middle of a quicklist: what they do to nodes, and how nodes are split, joined and
//! compressed again.
//!
//! Elements come to lie in the same nodes as in Redis 7.2 (_quicklistInsert, quicklistReplaceEntry,
//! quicklistDelRange), because a list is shown as a listpack again when it is a single node. So nodes are
//! joined only around a node that was split, and never for what was removed.

use std::ops::Range;

use super::node::{Limits, Node, Packed};
use super::{Direction, Quicklist};
use crate::encoding::listpack::{Value, Wanted};

impl Quicklist {
    /// Puts a text before the element with this index, which exists, or behind it.
    ///
    /// # Panics
    /// If there is no such element.
    pub fn insert(&mut self, index: usize, is_behind: bool, text: &[u8]) {
        let (at, within) = self.seek(index).expect("the element beside the new one exists");
        let is_large = self.limits.is_large(text.len());
        self.len += 1;
        if self.has_room(at, text) {
            self.change_packed(at, |packed, limits| {
                packed.insert(within + usize::from(is_behind), Value::of(text), limits);
            });
            return;
        }
        let is_at_edge = within == if is_behind { self.nodes[at].count() - 1 } else { 0 };
        match (is_at_edge, is_behind) {
            (true, true) if self.has_room(at + 1, text) => {
                self.change_packed(at + 1, |next, limits| next.push_front(Value::of(text), limits));
            }
            (true, false) if at > 0 && self.has_room(at - 1, text) => {
                self.change_packed(at - 1, |before, limits| before.push_back(Value::of(text), limits));
            }
            (true, _) => self.add_node(at + usize::from(is_behind), text),
            (false, _) => {
                self.split(at, within + usize::from(is_behind));
                match (is_large, is_behind) {
                    (true, _) => self.add_node(at + 1, text),
                    (false, true) => {
                        self.change_packed(at + 1, |behind, limits| {
                            behind.push_front(Value::of(text), limits)
                        });
                        self.join_around(at);
                    }
                    (false, false) => {
                        self.change_packed(at, |before, limits| before.push_back(Value::of(text), limits));
                        self.join_around(at + 1);
                    }
                }
            }
        }
    }

    /// Puts a text in the place of the element with this index; false if there is none.
    pub fn replace(&mut self, index: usize, text: &[u8]) -> bool {
        let Some((at, within)) = self.seek(index) else { return false };
        let is_large = self.limits.is_large(text.len());
        if matches!(self.nodes[at], Node::Plain(_)) {
            if is_large {
                self.nodes[at] = self.new_node(text);
            } else {
                // Redis puts it behind, and then removes what it replaces.
                self.insert(index, true, text);
                self.len -= 1;
                self.nodes.remove(at);
                self.settle(at.saturating_sub(1)..at + 1);
            }
            return true;
        }
        let mut is_set = false;
        if !is_large {
            self.change_packed(at, |packed, limits| is_set = packed.set(within, Value::of(text), limits));
        }
        if !is_set {
            self.replace_by_splitting(at, within, text);
        }
        true
    }

    /// Removes up to `count` elements from the one with index `start` on, and gives the number of those
    /// removed.
    pub fn remove_range(&mut self, start: usize, count: usize) -> usize {
        let removed = count.min(self.len.saturating_sub(start));
        let Some((mut first, within)) = self.seek(start).filter(|_| removed > 0) else { return 0 };
        let mut left = removed;
        if within > 0 {
            let here = left.min(self.nodes[first].count() - within);
            self.change_packed(first, |packed, limits| packed.remove(within..within + here, limits));
            left -= here;
            first += 1;
        }
        let mut end = first;
        while left > 0 && self.nodes[end].count() <= left {
            left -= self.nodes[end].count();
            end += 1;
        }
        if left > 0 {
            self.change_packed(end, |packed, limits| packed.remove(0..left, limits));
        }
        self.nodes.drain(first..end);
        self.len -= removed;
        self.settle(first.saturating_sub(1)..first + 1);
        removed
    }

    /// Removes the first or, backwards, the last `count_max` elements that are this text, and gives the
    /// number of those removed. (LREM)
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
            self.drop_empty(first..last + 1);
        }
        removed
    }

    /// Replaces an element of a packed node whose new text does not fit, or needs a node for itself.
    fn replace_by_splitting(&mut self, at: usize, within: usize, text: &[u8]) {
        if within + 1 < self.nodes[at].count() {
            self.split(at, within + 1);
        }
        self.add_node(at + 1, text);
        if within == 0 {
            self.nodes.remove(at);
            self.settle(at.saturating_sub(1)..at + 2);
        } else {
            self.change_packed(at, |packed, limits| packed.remove(within..within + 1, limits));
            self.join_around(at + 1);
        }
    }

    /// Whether the node is there and takes this text beside what it has (Redis: _quicklistNodeAllowInsert).
    fn has_room(&self, at: usize, text: &[u8]) -> bool {
        let limits = self.limits;
        self.nodes.get(at).is_some_and(|node| {
            let bytes = node.packed_bytes();
            bytes.is_some_and(|bytes| limits.allow(bytes, node.count(), text.len()))
        })
    }

    /// Changes a node that is not plain.
    fn change_packed(&mut self, at: usize, change: impl FnOnce(&mut Packed, Limits)) {
        let limits = self.limits;
        self.nodes[at].open();
        let Node::Packed(packed) = &mut self.nodes[at] else {
            unreachable!("the caller has looked: the node is not plain")
        };
        change(packed, limits);
        self.settle(at..at + 1);
    }

    /// Makes a node of this text, so that it is the one with this number.
    fn add_node(&mut self, at: usize, text: &[u8]) {
        let node = self.new_node(text);
        self.nodes.insert(at, node);
        self.settle(at.saturating_sub(1)..at + 2);
    }

    /// Makes two nodes of one, the second of which begins with the element that has this index in the node.
    /// Both are left open.
    fn split(&mut self, at: usize, within: usize) {
        self.nodes[at].open();
        let Node::Packed(packed) = &mut self.nodes[at] else {
            unreachable!("only a packed node has several elements")
        };
        let behind = packed.split_off(within);
        self.nodes.insert(at + 1, Node::Packed(behind));
    }

    /// Joins the two nodes before this one, the two behind it, and it with its neighbours, each if one node
    /// may have the elements of both (Redis: _quicklistMergeNodes).
    fn join_around(&mut self, mut center: usize) {
        if center >= 2 && self.join(center - 2) {
            center -= 1;
        }
        self.join(center + 1);
        if center >= 1 && self.join(center - 1) {
            center -= 1;
        }
        self.join(center);
        self.settle(center.saturating_sub(2)..center + 3);
    }

    /// Moves the elements of the next node behind those of this one if both are there and one node may have
    /// them all.
    fn join(&mut self, at: usize) -> bool {
        let (Some(node), Some(next)) = (self.nodes.get(at), self.nodes.get(at + 1)) else { return false };
        let (Some(bytes), Some(more)) = (node.packed_bytes(), next.packed_bytes()) else { return false };
        if !self.limits.allow_joined(bytes + more, node.count() + next.count()) {
            return false;
        }
        let mut next = self.nodes.remove(at + 1).expect("it was looked at");
        next.open();
        self.nodes[at].open();
        let limits = self.limits;
        if let (Node::Packed(packed), Node::Packed(more)) = (&mut self.nodes[at], &next) {
            packed.append(more, limits);
        }
        true
    }

    /// Removes empty nodes of these.
    fn drop_empty(&mut self, range: Range<usize>) {
        let mut kept = range.start;
        for next in range.clone() {
            if self.nodes[next].count() > 0 {
                self.nodes.swap(kept, next);
                kept += 1;
            }
        }
        self.nodes.drain(kept..range.end);
        self.settle(range.start.saturating_sub(1)..kept + 1);
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
