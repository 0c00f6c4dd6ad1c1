//! Numbered places for nodes: small numbers instead of pointers, so that a tree needs no `unsafe`.
//!
//! The places are in chunks, so no growth moves what is there. This file must not know what lies in a place.

/// Places of a chunk. A chunk of leaves is about 7 KB.
const CHUNK: usize = 128;

/// The number of no place.
pub(super) const NONE: u32 = u32::MAX;

/// Nodes by number. Numbers of removed nodes are given out again.
#[derive(Clone, Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Cell<T>>>,
    /// The first of the free places, each of which names the next.
    free: u32,
    len: u32,
}

#[derive(Clone, Debug)]
enum Cell<T> {
    Used(T),
    Free(u32),
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { chunks: Vec::new(), free: NONE, len: 0 }
    }
}

impl<T> Slab<T> {
    /// Nodes in places.
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// Puts a node into a free place.
    pub(super) fn insert(&mut self, node: T) -> u32 {
        self.len += 1;
        if self.free != NONE {
            let id = self.free;
            let place = &mut self.chunks[id as usize / CHUNK][id as usize % CHUNK];
            let Cell::Free(next) = *place else { unreachable!("the free list names free places only") };
            self.free = next;
            *place = Cell::Used(node);
            return id;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            // The first chunk grows with a small set, the others are full soon.
            let capacity = if self.chunks.is_empty() { 1 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        let whole_chunks = self.chunks.len() - 1;
        let chunk = self.chunks.last_mut().expect("pushed above if there was none");
        chunk.push(Cell::Used(node));
        u32::try_from(whole_chunks * CHUNK + chunk.len() - 1).expect("memory ends before 2^32 nodes")
    }

    /// Takes a node out of its place.
    pub(super) fn remove(&mut self, id: u32) -> T {
        let place = &mut self.chunks[id as usize / CHUNK][id as usize % CHUNK];
        let Cell::Used(node) = std::mem::replace(place, Cell::Free(self.free)) else {
            unreachable!("only places in use are named")
        };
        self.free = id;
        self.len -= 1;
        node
    }

    #[inline]
    pub(super) fn get(&self, id: u32) -> &T {
        match &self.chunks[id as usize / CHUNK][id as usize % CHUNK] {
            Cell::Used(node) => node,
            Cell::Free(_) => unreachable!("only places in use are named"),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: u32) -> &mut T {
        match &mut self.chunks[id as usize / CHUNK][id as usize % CHUNK] {
            Cell::Used(node) => node,
            Cell::Free(_) => unreachable!("only places in use are named"),
        }
    }

    /// Drops about `nodes` nodes, the last ones first. The numbers of those that are left stay as they are,
    /// but no node may be put in any more. False when none is left.
    pub(super) fn drop_some(&mut self, nodes: usize) -> bool {
        for _ in 0..nodes {
            let Some(chunk) = self.chunks.last_mut() else { return false };
            chunk.pop();
            if chunk.is_empty() {
                self.chunks.pop();
            }
        }
        !self.chunks.is_empty()
    }

    /// Bytes of the places themselves.
    pub(super) fn memory_bytes(&self) -> usize {
        let of_chunk = |chunk: &Vec<Cell<T>>| chunk.capacity() * size_of::<Cell<T>>();
        // All chunks but the first have the same size.
        let first = self.chunks.first().map_or(0, of_chunk);
        let others = self.chunks.len().saturating_sub(1) * CHUNK * size_of::<Cell<T>>();
        first + others + self.chunks.capacity() * size_of::<Vec<Cell<T>>>()
    }
}
