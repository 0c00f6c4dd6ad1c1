//! A node of a quicklist: elements in one allocation, with room before and behind them.
//!
//! ```text
//!  | room | elements as in a listpack ... | room |
//!         start                           end
//! ```
//!
//! Redis's header and end are left out and put around when the node leaves (`export`): so an element is taken
//! from either end, or added there, without moving the others. This file must not know other nodes.

use std::ops::Range;

use crate::encoding::listpack::{self, EMPTY, Encoded, Value, Wanted, element};
use crate::encoding::lzf;

/// Bytes that a listpack has beside its elements.
const FRAME_LEN: usize = EMPTY.len();

/// What Redis reserves for the encoding of an element to be added, in bytes (SIZE_ESTIMATE_OVERHEAD). No
/// element up to [`Limits::bytes_max`] takes more.
const ELEMENT_OVERHEAD_BYTES: usize = 8;

/// Whatever the number of elements, a node takes no more than this (Redis: SIZE_SAFETY_LIMIT).
const COUNTED_BYTES_MAX: usize = 8192;

/// A node grows to at most so many times its limit when an element is replaced by a larger one. Redis lets it
/// grow without a bound, so that each later change of the node may move megabytes.
const OVERGROWTH: usize = 4;

/// A node that is not compressed has at least this many bytes (Redis: MIN_COMPRESS_BYTES) ...
const COMPRESS_BYTES_MIN: usize = 48;

/// ... or would have saved fewer than this many (Redis: MIN_COMPRESS_IMPROVE).
const COMPRESS_SAVED_BYTES_MIN: usize = 8;

/// The first capacity in bytes of a node that is not one of many.
pub(super) const CAPACITY_MIN: usize = 64;

/// How many bytes, as a listpack, and how many elements fit into a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    bytes_max: usize,
    count_max: usize,
}

impl Limits {
    /// The meaning of `list-max-listpack-size`: a number of elements, or from -1 to -5 4, 8, 16, 32 or 64 KB.
    /// Numbers below -5 are taken for -5, and 0 for 1 (Redis: quicklistNodeLimit).
    pub fn of_fill(fill: i32) -> Limits {
        match fill {
            0.. => Limits { bytes_max: COUNTED_BYTES_MAX, count_max: fill.max(1) as usize },
            _ => Limits { bytes_max: 4096 << (-1 - fill.max(-5)), count_max: usize::MAX },
        }
    }

    /// Whether a listpack of so many bytes and elements is more than a node may be. Above this a list is
    /// shown as a quicklist; Redis makes it a listpack again at half of it (quicklistNodeExceedsLimit,
    /// listTypeTryConvertQuicklist).
    pub fn are_exceeded(self, listpack_bytes: usize, count: usize) -> bool {
        listpack_bytes > self.bytes_max || count > self.count_max
    }

    /// The limits that a list of one node must keep to be shown as a listpack: a number of elements or of
    /// bytes, but not both (Redis: listTypeTryConvertQuicklist).
    pub fn of_one_node(self) -> Limits {
        match self.count_max {
            usize::MAX => self,
            _ => Limits { bytes_max: usize::MAX, ..self },
        }
    }

    /// Half of these limits, which a list must keep to be shown as a listpack again.
    pub fn halves(self) -> Limits {
        let count_max = if self.count_max == usize::MAX { usize::MAX } else { self.count_max / 2 };
        let bytes_max = if self.bytes_max == usize::MAX { usize::MAX } else { self.bytes_max / 2 };
        Limits { bytes_max, count_max }
    }

    /// Whether so many texts, of so many bytes together, are one node whatever they are.
    pub fn allow_all(self, text_bytes: usize, count: usize) -> bool {
        !self.are_exceeded(FRAME_LEN + text_bytes + count * ELEMENT_OVERHEAD_BYTES, count)
    }

    /// Whether a text has a node for itself (Redis: isLargeElement).
    #[inline]
    pub(super) fn is_large(self, text_len: usize) -> bool {
        text_len > self.bytes_max
    }

    /// Whether Redis would add a text of this length to a node of so many bytes and elements
    /// (_quicklistNodeAllowInsert).
    #[inline]
    pub(super) fn allow(self, elements_bytes: usize, count: usize, text_len: usize) -> bool {
        FRAME_LEN + elements_bytes + text_len + ELEMENT_OVERHEAD_BYTES <= self.bytes_max
            && count < self.count_max
    }

    /// Whether two nodes of so many bytes and elements together are made one (Redis:
    /// _quicklistNodeAllowMerge).
    pub(super) fn allow_joined(self, elements_bytes: usize, count: usize) -> bool {
        !self.are_exceeded(FRAME_LEN + elements_bytes, count)
    }

    /// The most bytes of elements for which a node takes room before they have come.
    #[inline]
    fn capacity_max(self) -> usize {
        self.bytes_max - ELEMENT_OVERHEAD_BYTES
    }
}

/// A node as RDB files have it.
#[derive(Debug)]
pub enum Export<'a> {
    /// A valid listpack in Redis's format.
    Listpack(Vec<u8>),
    /// One large element.
    Plain(&'a [u8]),
}

/// A node is never empty but within a change.
#[derive(Clone)]
pub(super) enum Node {
    /// Several elements.
    Packed(Packed),
    /// One large element, which is no integer.
    Plain(Box<[u8]>),
    /// The elements of a node far from both ends, compressed by LZF.
    Compressed {
        lzf: Box<[u8]>,
        /// Bytes of the elements before they were compressed.
        len: u32,
        count: u16,
    },
}

const _: () = assert!(size_of::<Node>() == 32);

impl Node {
    #[inline]
    pub(super) fn count(&self) -> usize {
        match self {
            Node::Packed(packed) => usize::from(packed.count),
            Node::Plain(_) => 1,
            Node::Compressed { count, .. } => usize::from(*count),
        }
    }

    /// Bytes of the elements; `None` for a plain node, which never takes a second one.
    #[inline]
    pub(super) fn packed_bytes(&self) -> Option<usize> {
        match self {
            Node::Packed(packed) => Some(packed.elements().len()),
            Node::Plain(_) => None,
            Node::Compressed { len, .. } => Some(*len as usize),
        }
    }

    /// Bytes of memory, without the node itself.
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Node::Packed(packed) => packed.memory.len(),
            Node::Plain(text) => text.len(),
            Node::Compressed { lzf, .. } => lzf.len(),
        }
    }

    pub(super) fn export(&self) -> Export<'_> {
        match self {
            Node::Packed(packed) => {
                Export::Listpack(listpack::from_elements(packed.elements(), usize::from(packed.count)))
            }
            Node::Plain(text) => Export::Plain(text),
            Node::Compressed { lzf, len, count } => {
                let mut elements = Vec::new();
                expand(lzf, *len, &mut elements);
                Export::Listpack(listpack::from_elements(&elements, usize::from(*count)))
            }
        }
    }

    /// The elements to be read; those of a compressed node are expanded into `scratch`.
    #[inline]
    pub(super) fn elements<'a>(&'a self, scratch: &'a mut Vec<u8>) -> Elements<'a> {
        match self {
            Node::Packed(packed) => Elements::Packed(packed.elements()),
            Node::Plain(text) => Elements::Plain(text),
            Node::Compressed { lzf, len, .. } => {
                expand(lzf, *len, scratch);
                Elements::Packed(scratch)
            }
        }
    }

    /// Undoes the compression. What is open may be changed.
    pub(super) fn open(&mut self) {
        match self {
            Node::Compressed { lzf, len, count } => {
                let mut memory = Vec::new();
                expand(lzf, *len, &mut memory);
                let memory = memory.into_boxed_slice();
                *self = Node::Packed(Packed { memory, start: 0, end: *len, count: *count, is_dense: false });
            }
            Node::Packed(packed) => packed.is_dense = false,
            Node::Plain(_) => {}
        }
    }

    /// Compresses the node if that saves anything. A plain node is left as it is.
    pub(super) fn close(&mut self) {
        let Node::Packed(packed) = self else { return };
        let elements = packed.elements();
        let listpack_len = FRAME_LEN + elements.len();
        if packed.is_dense || listpack_len < COMPRESS_BYTES_MIN {
            return;
        }
        let len_max = listpack_len - COMPRESS_SAVED_BYTES_MIN - 1;
        match lzf::compress(elements, len_max) {
            Some(lzf) => {
                let len = elements.len() as u32;
                *self = Node::Compressed { lzf: lzf.into_boxed_slice(), len, count: packed.count };
            }
            None => packed.is_dense = true,
        }
    }

    /// How many elements are `wanted`.
    pub(super) fn count_matching(&self, wanted: &Wanted<'_>, scratch: &mut Vec<u8>) -> usize {
        let mut rest = match self.elements(scratch) {
            Elements::Packed(elements) => elements,
            Elements::Plain(text) => return usize::from(wanted.is(Value::Str(text))),
        };
        let mut found = 0;
        while let Some((value, behind)) = element::first(rest) {
            found += usize::from(wanted.is(value));
            rest = behind;
        }
        found
    }
}

fn expand(compressed: &[u8], len: u32, out: &mut Vec<u8>) {
    lzf::decompress_into(compressed, len as usize, out).expect("compressed here");
}

/// What a node has, to be read.
pub(super) enum Elements<'a> {
    Packed(&'a [u8]),
    Plain(&'a [u8]),
}

/// Elements with room around them.
#[derive(Clone)]
pub(super) struct Packed {
    memory: Box<[u8]>,
    start: u32,
    end: u32,
    count: u16,
    /// Compression was tried in vain since the node was opened.
    is_dense: bool,
}

impl Packed {
    /// No elements yet, and room for so many bytes.
    pub(super) fn with_capacity(bytes: usize, limits: Limits) -> Packed {
        let memory = vec![0; bytes.min(limits.capacity_max())].into_boxed_slice();
        Packed { memory, start: 0, end: 0, count: 0, is_dense: false }
    }

    /// A node of elements that exist already; `None` if they are more than a node of these limits takes.
    pub(super) fn from_elements(elements: &[u8], count: usize, limits: Limits) -> Option<Packed> {
        let bytes_max = limits.bytes_max * OVERGROWTH;
        (elements.len() <= bytes_max && count <= usize::from(u16::MAX)).then(|| Packed::new(elements, count))
    }

    fn new(elements: &[u8], count: usize) -> Packed {
        let (end, count) = (elements.len() as u32, count as u16);
        Packed { memory: elements.into(), start: 0, end, count, is_dense: false }
    }

    #[inline]
    pub(super) fn elements(&self) -> &[u8] {
        &self.memory[self.start as usize..self.end as usize]
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a text of this length may be added.
    #[inline]
    pub(super) fn allows(&self, text_len: usize, limits: Limits) -> bool {
        limits.allow((self.end - self.start) as usize, usize::from(self.count), text_len)
    }

    #[inline]
    pub(super) fn push_back(&mut self, value: Value<'_>, limits: Limits) {
        let encoded = Encoded::new(value);
        let len = encoded.len();
        if self.memory.len() - (self.end as usize) < len {
            self.make_room(len, Side::Back, limits);
        }
        encoded.write(&mut self.memory[self.end as usize..][..len]);
        self.end += len as u32;
        self.count += 1;
    }

    #[inline]
    pub(super) fn push_front(&mut self, value: Value<'_>, limits: Limits) {
        let encoded = Encoded::new(value);
        let len = encoded.len();
        if (self.start as usize) < len {
            self.make_room(len, Side::Front, limits);
        }
        self.start -= len as u32;
        encoded.write(&mut self.memory[self.start as usize..][..len]);
        self.count += 1;
    }

    #[inline]
    pub(super) fn pop_front<R>(&mut self, take: impl FnOnce(Value<'_>) -> R) -> R {
        let (value, rest) = element::first(self.elements()).expect("a node is not empty");
        let len = rest.len() as u32;
        let taken = take(value);
        self.start = self.end - len;
        self.count -= 1;
        taken
    }

    #[inline]
    pub(super) fn pop_back<R>(&mut self, take: impl FnOnce(Value<'_>) -> R) -> R {
        let (value, before) = element::last(self.elements()).expect("a node is not empty");
        let len = before.len() as u32;
        let taken = take(value);
        self.end = self.start + len;
        self.count -= 1;
        taken
    }

    /// Puts an element before the one with this index, which may be one behind the last.
    pub(super) fn insert(&mut self, index: usize, value: Value<'_>, limits: Limits) {
        let encoded = Encoded::new(value);
        let at = self.offset(index);
        self.replace(at..at, encoded.len(), limits, |room| encoded.write(room));
        self.count += 1;
    }

    /// Puts an element in the place of the one with this index; false if the node would be too large.
    pub(super) fn set(&mut self, index: usize, value: Value<'_>, limits: Limits) -> bool {
        let encoded = Encoded::new(value);
        let start = self.offset(index);
        let elements = self.elements();
        let end = elements.len() - element::skip_first(&elements[start..]).len();
        let new_len = elements.len() - (end - start) + encoded.len();
        if encoded.len() > end - start && FRAME_LEN + new_len > limits.bytes_max * OVERGROWTH {
            return false;
        }
        self.replace(start..end, encoded.len(), limits, |room| encoded.write(room));
        true
    }

    /// Removes the elements with these indices.
    pub(super) fn remove(&mut self, indices: Range<usize>, limits: Limits) {
        let removed = indices.len();
        let start = self.offset(indices.start);
        let end = if indices.end == usize::from(self.count) {
            self.elements().len()
        } else {
            start + skipped_len(&self.elements()[start..], removed)
        };
        self.replace(start..end, 0, limits, |_| {});
        self.count -= removed as u16;
        self.trim_if_sparse();
    }

    /// Removes the elements that are `wanted` but the first `spared` and those after `count` more. One pass.
    pub(super) fn remove_matching(&mut self, wanted: &Wanted<'_>, spared: usize, count: usize) {
        let end = self.end as usize;
        let (mut from, mut to) = (self.start as usize, self.start as usize);
        let mut seen = 0;
        while from < end {
            let (value, rest) = element::first(&self.memory[from..end]).expect("there are elements left");
            let (next, is_match) = (end - rest.len(), wanted.is(value));
            seen += usize::from(is_match);
            if is_match && (spared + 1..=spared + count).contains(&seen) {
                self.count -= 1;
            } else {
                if from != to {
                    self.memory.copy_within(from..next, to);
                }
                to += next - from;
            }
            from = next;
        }
        self.end = to as u32;
        self.trim_if_sparse();
    }

    /// Cuts the node before the element with this index, and gives what is behind the cut.
    pub(super) fn split_off(&mut self, index: usize) -> Packed {
        let at = self.offset(index);
        let count = usize::from(self.count) - index;
        let rest = Packed::new(&self.elements()[at..], count);
        self.end = self.start + at as u32;
        self.count = index as u16;
        rest
    }

    /// Puts the elements of another node behind those of this one.
    pub(super) fn append(&mut self, more: &Packed, limits: Limits) {
        let (at, more_elements) = (self.elements().len(), more.elements());
        self.replace(at..at, more_elements.len(), limits, |room| room.copy_from_slice(more_elements));
        self.count += more.count;
    }

    /// Gives back room that is more than an eighth of the memory, when the node has stopped growing.
    pub(super) fn trim(&mut self) {
        let elements = self.elements();
        if self.memory.len() - elements.len() > self.memory.len() / 8 {
            let len = elements.len();
            self.memory = elements.into();
            (self.start, self.end) = (0, len as u32);
        }
    }

    /// Gives back the room after a removal that has left less than a quarter of the memory in use. Less
    /// often, a list that is pushed to and trimmed in turn would move its elements each time.
    fn trim_if_sparse(&mut self) {
        if self.elements().len() < self.memory.len() / 4 && self.memory.len() > CAPACITY_MIN {
            self.trim();
        }
    }

    /// Where the element with this index begins, in bytes from the first element. It walks from the nearer
    /// end.
    fn offset(&self, index: usize) -> usize {
        let (elements, count) = (self.elements(), usize::from(self.count));
        if index <= count / 2 {
            return skipped_len(elements, index);
        }
        let mut before = elements;
        for _ in index..count {
            before = element::skip_last(before).expect("the index is in the node");
        }
        before.len()
    }

    /// Puts `len` bytes, which `write` writes, in the place of the elements' bytes `at`. Moves those on the
    /// shorter side.
    fn replace(&mut self, at: Range<usize>, len: usize, limits: Limits, write: impl FnOnce(&mut [u8])) {
        let used = self.elements().len();
        let side = if at.start < used - at.end { Side::Front } else { Side::Back };
        if len > at.len() {
            let more = len - at.len();
            let room = match side {
                Side::Front => self.start as usize,
                Side::Back => self.memory.len() - self.end as usize,
            };
            if room < more {
                self.make_room(more, side, limits);
            }
        }
        let (start, end) = (self.start as usize, self.end as usize);
        match side {
            Side::Front => {
                let new_start = start + at.len() - len;
                self.memory.copy_within(start..start + at.start, new_start);
                self.start = new_start as u32;
            }
            Side::Back => {
                self.memory.copy_within(start + at.end..end, start + at.start + len);
                self.end = (end - at.len() + len) as u32;
            }
        }
        let written = self.start as usize + at.start;
        write(&mut self.memory[written..][..len]);
    }

    /// Moves the elements so that there are `more` bytes of room on one side, in memory that is twice as
    /// large unless a quarter of it is free or a node cannot be larger: so a byte is moved a few times in
    /// all.
    ///
    /// Most of the room goes to this side, as lists tend to grow on one; some is left on the other for a list
    /// that grows on both.
    #[cold]
    fn make_room(&mut self, more: usize, side: Side, limits: Limits) {
        let (capacity, used) = (self.memory.len(), self.elements().len());
        let needed = used + more;
        let capacity_max = limits.capacity_max().max(needed);
        let is_roomy = needed <= capacity && (capacity - used >= capacity / 4 || capacity >= capacity_max);
        let new_capacity = match is_roomy {
            true => capacity,
            false => (capacity * 2).max(needed.next_power_of_two()).clamp(CAPACITY_MIN, capacity_max),
        };
        let room = new_capacity - used;
        let room_here = more.max(room / 4 * 3);
        let start = match side {
            Side::Front => room_here,
            Side::Back => room - room_here,
        };
        let old = self.start as usize..self.end as usize;
        if is_roomy {
            self.memory.copy_within(old, start);
        } else {
            let mut memory = vec![0; new_capacity].into_boxed_slice();
            memory[start..start + used].copy_from_slice(&self.memory[old]);
            self.memory = memory;
        }
        (self.start, self.end) = (start as u32, (start + used) as u32);
    }

    #[cfg(any(test, feature = "testing"))]
    pub(super) fn check(&self) {
        let mut rest = self.elements();
        for _ in 0..self.count {
            rest = element::validate_first(rest).expect("an element is not whole");
        }
        assert!(rest.is_empty(), "{} elements and {} bytes more", self.count, rest.len());
    }
}

#[derive(Clone, Copy)]
enum Side {
    Front,
    Back,
}

fn skipped_len(elements: &[u8], count: usize) -> usize {
    let mut rest = elements;
    for _ in 0..count {
        rest = element::skip_first(rest);
    }
    elements.len() - rest.len()
}
