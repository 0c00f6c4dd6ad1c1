//! Quicklists: large lists, as a deque of nodes that hold some KB of elements each.
//!
//! A node is a listpack without its frame and with room on both sides ([`node`]), so that a push or pop
//! touches nothing but the element. Nodes are as full as Redis's (`list-max-listpack-size`), and those more
//! than some nodes away from both ends are compressed (`list-compress-depth`). An element too large for a
//! node has one for itself.
//!
//! Beside its memory a node takes 32 bytes. Nodes in the middle of the deque are inserted and removed by
//! moving the handles of the nearer half: 100 000 nodes, a list of 800 MB, are 1.6 MB to be moved, about 100
//! µs. Finding an index walks the handles from the nearer end.
//!
//! This module must not know keys, commands or configuration: limits are handed in.

mod edit;
mod node;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;

use node::{CAPACITY_MIN, Elements, Node, Packed};
pub use node::{Export, Limits};

use crate::encoding::listpack::{self, Listpack, Value, element};

/// A value of this many bytes costs one unit more of the budget of [`Quicklist::free_some`].
const BYTES_PER_UNIT: usize = 4096;

/// The first capacity in bytes of a node that is one of several: a small part of what the others hold.
const CAPACITY_OF_SEVERAL: usize = 2048;

/// Which way a list is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the head to the tail: from index 0 on.
    Forward,
    /// From the tail to the head.
    Backward,
}

/// A list of texts.
#[derive(Clone)]
pub struct Quicklist {
    nodes: VecDeque<Node>,
    len: usize,
    limits: Limits,
    /// Nodes at each end that are never compressed; 0 compresses none at all.
    raw_ends: usize,
}

impl Quicklist {
    /// An empty list. A `compress_depth` of 0 compresses nothing, n leaves n nodes at each end uncompressed.
    pub fn new(limits: Limits, compress_depth: usize) -> Quicklist {
        Quicklist { nodes: VecDeque::new(), len: 0, limits, raw_ends: compress_depth }
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without elements.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of nodes. (Redis: ql_nodes in DEBUG OBJECT)
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a text at the tail.
    #[inline]
    pub fn push_back(&mut self, text: &[u8]) {
        self.len += 1;
        match self.nodes.back_mut() {
            Some(Node::Packed(last)) if last.allows(text.len(), self.limits) => {
                last.push_back(Value::of(text), self.limits);
            }
            _ => {
                if let Some(Node::Packed(last)) = self.nodes.back_mut() {
                    last.trim();
                }
                let node = self.new_node(text);
                self.nodes.push_back(node);
                self.settle(self.nodes.len() - 1..self.nodes.len());
            }
        }
    }

    /// Adds a text at the head.
    #[inline]
    pub fn push_front(&mut self, text: &[u8]) {
        self.len += 1;
        match self.nodes.front_mut() {
            Some(Node::Packed(first)) if first.allows(text.len(), self.limits) => {
                first.push_front(Value::of(text), self.limits);
            }
            _ => {
                if let Some(Node::Packed(first)) = self.nodes.front_mut() {
                    first.trim();
                }
                let node = self.new_node(text);
                self.nodes.push_front(node);
                self.settle(0..1);
            }
        }
    }

    /// Takes the element at the head and gives what `take` makes of it; `None` if the list is empty.
    #[inline]
    pub fn pop_front<R>(&mut self, take: impl FnOnce(Value<'_>) -> R) -> Option<R> {
        let (taken, is_last) = match self.nodes.front_mut()? {
            Node::Packed(packed) => (packed.pop_front(take), packed.is_empty()),
            Node::Plain(text) => (take(Value::Str(text)), true),
            Node::Compressed { .. } => unreachable!("ends are open"),
        };
        self.len -= 1;
        if is_last {
            self.nodes.pop_front();
            self.settle(0..0);
        }
        Some(taken)
    }

    /// Takes the element at the tail and gives what `take` makes of it; `None` if the list is empty.
    #[inline]
    pub fn pop_back<R>(&mut self, take: impl FnOnce(Value<'_>) -> R) -> Option<R> {
        let (taken, is_last) = match self.nodes.back_mut()? {
            Node::Packed(packed) => (packed.pop_back(take), packed.is_empty()),
            Node::Plain(text) => (take(Value::Str(text)), true),
            Node::Compressed { .. } => unreachable!("ends are open"),
        };
        self.len -= 1;
        if is_last {
            self.nodes.pop_back();
            self.settle(0..0);
        }
        Some(taken)
    }

    /// What `read` makes of the element with this index; `None` if there is none.
    pub fn get<R>(&self, index: usize, read: impl FnOnce(Value<'_>) -> R) -> Option<R> {
        let mut read = Some(read);
        let mut result = None;
        self.scan(index, Direction::Forward, |value| {
            result = read.take().map(|read| read(value));
            ControlFlow::Break(())
        });
        result
    }

    /// Shows up to `count` elements from the one with index `start` on, in order. (LRANGE)
    #[inline]
    pub fn range(&self, start: usize, count: usize, mut visit: impl FnMut(Value<'_>)) {
        let mut left = count;
        if left == 0 {
            return;
        }
        self.scan(start, Direction::Forward, |value| {
            visit(value);
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
    }

    /// Shows the elements from the one with this index on, to the end that lies in the direction or until
    /// `visit` has seen enough. An index that does not exist shows nothing.
    #[inline]
    pub fn scan(
        &self,
        index: usize,
        direction: Direction,
        mut visit: impl FnMut(Value<'_>) -> ControlFlow<()>,
    ) {
        let Some((first, within)) = self.seek(index) else { return };
        let mut scratch = Vec::new();
        match direction {
            Direction::Forward => {
                let mut skipped = within;
                for node in self.nodes.range(first..) {
                    if node.visit_forward(skipped, &mut scratch, &mut visit).is_break() {
                        return;
                    }
                    skipped = 0;
                }
            }
            Direction::Backward => {
                let mut skipped = self.nodes[first].count() - 1 - within;
                for node in self.nodes.range(..=first).rev() {
                    if node.visit_backward(skipped, &mut scratch, &mut visit).is_break() {
                        return;
                    }
                    skipped = 0;
                }
            }
        }
    }

    /// Adds the elements of a valid listpack at the tail: as one node if it is no larger than one may be. So
    /// a list is read from an RDB file, or stops being a listpack.
    pub fn push_listpack(&mut self, bytes: &[u8]) {
        let list = Listpack::new(bytes);
        let count = list.len();
        if count == 0 {
            return;
        }
        match Packed::from_elements(list.elements(), count, self.limits) {
            Some(packed) => {
                self.len += count;
                self.nodes.push_back(Node::Packed(packed));
                self.settle(self.nodes.len() - 1..self.nodes.len());
            }
            None => list.iter().for_each(|value| self.push_back(value.bytes(&mut itoa::Buffer::new()))),
        }
    }

    /// The nodes as RDB files have them, in order.
    pub fn export(&self) -> impl ExactSizeIterator<Item = Export<'_>> {
        self.nodes.iter().map(Node::export)
    }

    /// The same, from the node with this number on; none if there is no such node.
    pub fn export_from(&self, node: usize) -> impl ExactSizeIterator<Item = Export<'_>> {
        self.nodes.range(node.min(self.nodes.len())..).map(Node::export)
    }

    /// The whole list as a listpack, if it is one node of at most these limits and not of one large element.
    pub fn to_listpack(&self, limits: Limits) -> Option<Vec<u8>> {
        let [Node::Packed(packed)] = self.nodes.as_slices().0 else { return None };
        let listpack_bytes = listpack::EMPTY.len() + packed.elements().len();
        let fits = !limits.are_exceeded(listpack_bytes, self.len) && self.nodes.len() == 1;
        fits.then(|| listpack::from_elements(packed.elements(), self.len))
    }

    /// Frees from the tail until `budget` units are used up, and says whether anything is left. A unit is a
    /// node or [`BYTES_PER_UNIT`]; the last node may exceed the budget by its own size.
    ///
    /// A list that this was called on is good for nothing but this and being dropped: what becomes its tail
    /// may be compressed.
    pub fn free_some(&mut self, budget: usize) -> bool {
        let mut used = 0;
        while used < budget
            && let Some(node) = self.nodes.pop_back()
        {
            self.len -= node.count();
            used += 1 + node.memory_bytes() / BYTES_PER_UNIT;
        }
        !self.nodes.is_empty()
    }

    /// Bytes of memory. Looks at every node.
    pub fn memory_bytes(&self) -> usize {
        let handles = self.nodes.capacity() * size_of::<Node>();
        size_of::<Self>() + handles + self.nodes.iter().map(Node::memory_bytes).sum::<usize>()
    }

    /// Panics unless everything is as it should be.
    #[cfg(any(test, feature = "testing"))]
    pub fn check(&self) {
        assert_eq!(self.nodes.iter().map(Node::count).sum::<usize>(), self.len);
        for (index, node) in self.nodes.iter().enumerate() {
            assert!(node.count() > 0, "node {index} is empty");
            match node {
                Node::Packed(packed) => packed.check(),
                Node::Plain(text) => assert!(self.limits.is_large(text.len()), "node {index} is plain"),
                Node::Compressed { .. } => assert!(self.is_inner(index), "node {index} is compressed"),
            }
        }
    }

    /// The node of the element with this index, and its index therein.
    fn seek(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index <= self.len / 2 {
            let mut within = index;
            for (at, node) in self.nodes.iter().enumerate() {
                let count = node.count();
                if within < count {
                    return Some((at, within));
                }
                within -= count;
            }
        } else {
            let mut behind = self.len - index;
            for (at, node) in self.nodes.iter().enumerate().rev() {
                let count = node.count();
                if behind <= count {
                    return Some((at, count - behind));
                }
                behind -= count;
            }
        }
        unreachable!("the nodes have `len` elements")
    }

    #[cold]
    fn new_node(&self, text: &[u8]) -> Node {
        if self.limits.is_large(text.len()) {
            return Node::Plain(text.into());
        }
        let capacity = if self.nodes.is_empty() { CAPACITY_MIN } else { CAPACITY_OF_SEVERAL };
        let mut packed = Packed::with_capacity(capacity, self.limits);
        packed.push_back(Value::of(text), self.limits);
        Node::Packed(packed)
    }

    /// Whether the node is far enough from the ends to be compressed.
    fn is_inner(&self, at: usize) -> bool {
        self.raw_ends > 0 && at >= self.raw_ends && at + self.raw_ends < self.nodes.len()
    }
}

impl Node {
    #[inline]
    fn visit_forward(
        &self,
        skipped: usize,
        scratch: &mut Vec<u8>,
        visit: &mut impl FnMut(Value<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut rest = match self.elements(scratch) {
            Elements::Packed(elements) => elements,
            Elements::Plain(text) => return visit(Value::Str(text)),
        };
        for _ in 0..skipped {
            rest = element::skip_first(rest);
        }
        while let Some((value, behind)) = element::first(rest) {
            visit(value)?;
            rest = behind;
        }
        ControlFlow::Continue(())
    }

    #[inline]
    fn visit_backward(
        &self,
        skipped: usize,
        scratch: &mut Vec<u8>,
        visit: &mut impl FnMut(Value<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut rest = match self.elements(scratch) {
            Elements::Packed(elements) => elements,
            Elements::Plain(text) => return visit(Value::Str(text)),
        };
        for _ in 0..skipped {
            rest = element::skip_last(rest).expect("the node has more elements than are skipped");
        }
        while let Some((value, before)) = element::last(rest) {
            visit(value)?;
            rest = before;
        }
        ControlFlow::Continue(())
    }
}

impl fmt::Debug for Quicklist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.nodes.len();
        f.debug_struct("Quicklist").field("len", &self.len).field("nodes", &nodes).finish_non_exhaustive()
    }
}
