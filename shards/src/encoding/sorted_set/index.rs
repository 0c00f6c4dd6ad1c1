//! From a member's hash to the leaf that holds it.
//!
//! Words of a 32-bit hash and a leaf's number lie in the order of their hashes, with gaps (as in the table of
//! keys): a scan's cursor is a hash and survives any growth, and a part that has become too large is cut in
//! two by one pass over its words (extendible hashing by the leading bits; Fagin et al., TODS 1979). So no
//! step of growth takes longer than a part. Neither members nor scores are known here: whoever asks compares
//! the members of the leaves found.

/// A part with more words than this is split. Bounds the longest step of growth: some 10 microseconds.
const PART_WORDS_MAX: usize = 2048;

/// Leading bits of the hash that choose a part, at most. Beyond, parts grow without bound, but that is 2^24
/// parts.
const DEPTH_MAX: u32 = 24;

/// Up to this capacity a part is a plain sorted list: one cache line.
const LIST_CAPACITY_MAX: usize = 8;

/// What a hash counts for here.
#[inline]
pub(super) fn leading(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[derive(Clone, Debug)]
pub(super) struct Index {
    /// The parts are chosen by this many leading bits.
    bits: u32,
    /// From the leading bits to the number of the part.
    part_of: Vec<u32>,
    parts: Vec<Part>,
    words_capacity: usize,
}

#[derive(Clone, Debug, Default)]
struct Part {
    words: Box<[u64]>,
    len: u32,
    /// The leading bits that all hashes of this part share.
    depth: u32,
}

#[inline]
fn word(hash: u32, leaf: u32) -> u64 {
    u64::from(hash) << 32 | (u64::from(leaf) + 1)
}

#[inline]
fn word_hash(word: u64) -> u32 {
    (word >> 32) as u32
}

#[inline]
fn word_leaf(word: u64) -> u32 {
    (word as u32).wrapping_sub(1)
}

/// The next larger capacity, in allocators' size classes: four in a doubling.
fn larger(capacity: usize) -> usize {
    match capacity {
        0..8 => capacity + 2 - capacity % 2,
        _ => capacity + (1 << capacity.ilog2()) / 4,
    }
}

impl Part {
    fn with_capacity(capacity: usize, depth: u32) -> Part {
        Part { words: vec![0; capacity].into_boxed_slice(), len: 0, depth }
    }

    /// Where the search for a hash begins.
    #[inline]
    fn home(&self, hash: u32) -> usize {
        let capacity = self.words.len();
        // What overflows behind the last home finds room in the rest.
        let homes = if capacity <= LIST_CAPACITY_MAX { 1 } else { capacity - capacity / 32 - 2 };
        ((u64::from(hash << self.depth) * homes as u64) >> 32) as usize
    }

    fn has_room(&self) -> bool {
        let (len, capacity) = (self.len as usize, self.words.len());
        if capacity <= LIST_CAPACITY_MAX { len < capacity } else { len < capacity - capacity / 8 }
    }

    /// The words of a hash, with their places.
    #[inline]
    fn of_hash(&self, hash: u32) -> impl Iterator<Item = (usize, u64)> {
        let mut at = self.home(hash);
        std::iter::from_fn(move || {
            loop {
                let &word = self.words.get(at)?;
                if word == 0 || word_hash(word) > hash {
                    return None;
                }
                at += 1;
                if word_hash(word) == hash {
                    return Some((at - 1, word));
                }
            }
        })
    }

    fn find_word(&self, hash: u32, leaf: u32) -> Option<usize> {
        let wanted = word(hash, leaf);
        self.of_hash(hash).find(|&(_, word)| word == wanted).map(|(at, _)| at)
    }

    /// False when the array's end is in the way.
    fn place(&mut self, word: u64) -> bool {
        let mut at = self.home(word_hash(word));
        while self.words.get(at).is_some_and(|&present| present != 0 && word_hash(present) <= word_hash(word))
        {
            at += 1;
        }
        let Some(gap) = self.words[at..].iter().position(|&word| word == 0) else { return false };
        self.words.copy_within(at..at + gap, at + 1);
        self.words[at] = word;
        self.len += 1;
        true
    }

    fn insert(&mut self, word: u64) {
        while !self.has_room() || !self.place(word) {
            self.resize(larger(self.words.len()));
        }
    }

    fn resize(&mut self, capacity: usize) {
        let old = std::mem::take(&mut self.words);
        *self = Part::with_capacity(capacity, self.depth);
        self.append(old.iter().copied());
    }

    /// Adds words in the order of their hashes, which come after all that are here.
    fn append(&mut self, words: impl Iterator<Item = u64> + Clone) {
        'retry: loop {
            self.words.fill(0);
            self.len = 0;
            let mut next = 0;
            for word in words.clone().filter(|&word| word != 0) {
                let at = self.home(word_hash(word)).max(next);
                let Some(place) = self.words.get_mut(at) else {
                    self.words = vec![0; larger(self.words.len())].into_boxed_slice();
                    continue 'retry;
                };
                *place = word;
                self.len += 1;
                next = at + 1;
            }
            return;
        }
    }

    fn remove(&mut self, at: usize) {
        let mut hole = at;
        while let Some(&next) = self.words.get(hole + 1) {
            if next == 0 || self.home(word_hash(next)) == hole + 1 {
                break;
            }
            self.words[hole] = next;
            hole += 1;
        }
        self.words[hole] = 0;
        self.len -= 1;
        let (len, capacity) = (self.len as usize, self.words.len());
        if capacity > LIST_CAPACITY_MAX && len < capacity / 4 {
            self.resize(larger(capacity / 2 - capacity / 8));
        }
    }
}

impl Default for Index {
    fn default() -> Index {
        Index { bits: 0, part_of: vec![0], parts: vec![Part::default()], words_capacity: 0 }
    }
}

impl Index {
    #[inline]
    fn part_index(&self, hash: u32) -> usize {
        self.part_of[(u64::from(hash) << self.bits >> 32) as usize] as usize
    }

    /// What `accept` makes of the first leaf that it likes among those with this hash.
    #[inline]
    pub(super) fn find<R>(&self, hash: u32, mut accept: impl FnMut(u32) -> Option<R>) -> Option<R> {
        self.parts[self.part_index(hash)].of_hash(hash).find_map(|(_, word)| accept(word_leaf(word)))
    }

    pub(super) fn insert(&mut self, hash: u32, leaf: u32) {
        let mut index = self.part_index(hash);
        while self.parts[index].len as usize >= PART_WORDS_MAX && self.parts[index].depth < DEPTH_MAX {
            self.split(index);
            index = self.part_index(hash);
        }
        self.change(index, |part| part.insert(word(hash, leaf)));
    }

    /// Removes one word, which must be there.
    pub(super) fn remove(&mut self, hash: u32, leaf: u32) {
        let index = self.part_index(hash);
        let at = self.parts[index].find_word(hash, leaf).expect("every record has its word");
        self.change(index, |part| part.remove(at));
    }

    /// A record has moved to another leaf. If two records of a leaf have the same hash, their words are the
    /// same, so it does not matter which one is changed.
    #[inline]
    pub(super) fn relocate(&mut self, hash: u32, from: u32, to: u32) {
        let index = self.part_index(hash);
        let at = self.parts[index].find_word(hash, from).expect("every record has its word");
        self.parts[index].words[at] = word(hash, to);
    }

    fn change(&mut self, index: usize, change: impl FnOnce(&mut Part)) {
        let part = &mut self.parts[index];
        self.words_capacity -= part.words.len();
        change(part);
        self.words_capacity += part.words.len();
    }

    /// Splits a part by the next bit of the hashes. The words are in order, so the halves lie one behind the
    /// other.
    fn split(&mut self, index: usize) {
        let old = std::mem::take(&mut self.parts[index]);
        self.words_capacity -= old.words.len();
        if old.depth == self.bits {
            self.part_of = self.part_of.iter().flat_map(|&part| [part, part]).collect();
            self.bits += 1;
        }
        let depth = old.depth + 1;
        let is_upper = |hash: u32| hash << old.depth >> 31 == 1;
        let used = old.words.iter().copied().filter(|&word| word != 0);
        let upper_len = used.clone().filter(|&word| is_upper(word_hash(word))).count();
        let sibling = self.parts.len() as u32;
        for (number, upper, len) in
            [(index as u32, false, old.len as usize - upper_len), (sibling, true, upper_len)]
        {
            let mut capacity = LIST_CAPACITY_MAX;
            while capacity - capacity / 8 < len {
                capacity = larger(capacity);
            }
            let mut part = Part::with_capacity(capacity, depth);
            part.append(used.clone().filter(|&word| is_upper(word_hash(word)) == upper));
            self.words_capacity += part.words.len();
            if number == sibling {
                self.parts.push(part);
            } else {
                self.parts[index] = part;
            }
        }
        let first = self.part_of.iter().position(|&part| part == index as u32).expect("every part is named");
        let named = 1 << (self.bits - old.depth);
        self.part_of[first + named / 2..first + named].fill(sibling);
    }

    /// Hands the words from a hash on to `visit`, in the order of hashes, for all words of at least `count`
    /// hashes. The hash to go on with is returned, `None` at the end.
    pub(super) fn scan(&self, from: u32, count: usize, mut visit: impl FnMut(u32, u32)) -> Option<u32> {
        let (mut visited, mut last) = (0, None);
        let mut prefix = (u64::from(from) << self.bits >> 32) as usize;
        // A hash below `from` may lie at or behind the home of `from`, but none above lies before it.
        let mut home = self.parts[self.part_of[prefix] as usize].home(from);
        while let Some(&index) = self.part_of.get(prefix) {
            let part = &self.parts[index as usize];
            for &word in part.words.iter().skip(home).filter(|&&word| word != 0 && word_hash(word) >= from) {
                let hash = word_hash(word);
                if visited >= count && last != Some(hash) {
                    return Some(hash);
                }
                visit(hash, word_leaf(word));
                visited += 1;
                last = Some(hash);
            }
            // On to the first prefix of the next part.
            prefix = (prefix | ((1 << (self.bits - part.depth)) - 1)) + 1;
            home = 0;
        }
        None
    }

    /// Drops the last part. False when none is left; the index must not be used any more.
    pub(super) fn drop_part(&mut self) -> bool {
        self.parts.pop();
        !self.parts.is_empty()
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.words_capacity * 8 + self.parts.capacity() * size_of::<Part>() + self.part_of.capacity() * 4
    }

    /// Panics unless all words can be found. Returns the hashes and leaves.
    #[cfg(test)]
    pub(super) fn check(&self) -> Vec<(u32, u32)> {
        let mut all = Vec::new();
        assert_eq!(self.parts.iter().map(|part| part.words.len()).sum::<usize>(), self.words_capacity);
        for (number, part) in self.parts.iter().enumerate() {
            let used: Vec<u64> = part.words.iter().copied().filter(|&word| word != 0).collect();
            assert_eq!(used.len(), part.len as usize);
            assert!(used.is_sorted_by_key(|&word| word_hash(word)));
            for word in used {
                assert_eq!(self.part_index(word_hash(word)), number);
                assert!(part.find_word(word_hash(word), word_leaf(word)).is_some());
                all.push((word_hash(word), word_leaf(word)));
            }
        }
        all
    }
}
