//! A page: some dozen records of any size, packed into one allocation.
//!
//! ```text
//! | count u16 | outside u16 | data u32 | tags: a byte each | sizes: a byte each
//! | unused ... | record 1 | record 0 |
//! ```
//!
//! Numbers are little-endian. Tags and sizes have room for a multiple of eight records, so both are read as
//! whole 64-bit words: eight tags are compared at once, and eight sizes summed at once to find where a record
//! begins. Records lie from the end backwards, in the order of their tags. A record of more than
//! [`INLINE_LEN_MAX`] bytes lies outside: its size is [`OUTSIDE`], and four bytes in its place are a number
//! that the table knows.
//!
//! This file must not know what a record means, nor how pages are found.

/// Longer records lie outside of the page. The size of a record must fit in a byte beside [`OUTSIDE`], and a
/// page of a few records that are longer would vary in size too much.
pub(super) const INLINE_LEN_MAX: usize = 250;

/// In the place of a size: the record lies outside.
const OUTSIDE: u8 = 255;
/// The bytes that a record outside takes inside.
const OUTSIDE_LEN: usize = 4;

const HEAD_LEN: usize = 8;

/// What a page has of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored<'a> {
    /// All of it.
    Inline(&'a [u8]),
    /// The number of a record outside.
    Outside(u32),
}

impl Stored<'_> {
    /// The bytes of data that it takes in a page.
    pub(super) fn data_len(self) -> usize {
        match self {
            Stored::Inline(record) => record.len(),
            Stored::Outside(_) => OUTSIDE_LEN,
        }
    }
}

/// Records in one allocation; none when empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    bytes: Box<[u8]>,
}

#[derive(Clone, Copy, Default)]
struct Head {
    count: u16,
    outside: u16,
    data_len: u32,
}

/// The room for tags, and for sizes, of `count` records.
#[inline]
fn room(count: usize) -> usize {
    count.next_multiple_of(8)
}

/// The bytes that a page needs at least.
fn needed(count: usize, data_len: usize) -> usize {
    HEAD_LEN + 2 * room(count) + data_len
}

/// The next size class of the allocator: 16 bytes apart, then four in a doubling.
fn size_class(len: usize) -> usize {
    match len {
        0..=128 => len.next_multiple_of(16),
        _ => len.next_multiple_of(1 << ((len - 1).ilog2() - 2)),
    }
}

#[inline]
fn data_len_of(size: u8) -> usize {
    if size == OUTSIDE { OUTSIDE_LEN } else { usize::from(size) }
}

/// The sum of the eight bytes of a word.
#[inline]
fn sum_of_bytes(word: u64) -> usize {
    const EVEN: u64 = 0x00FF_00FF_00FF_00FF;
    let pairs = (word & EVEN) + (word >> 8 & EVEN);
    (pairs.wrapping_mul(0x0001_0001_0001_0001) >> 48) as usize
}

/// The high bit of every byte that is zero. A byte above a zero byte may be reported wrongly when it is 1.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(0x0101_0101_0101_0101) & !word & 0x8080_8080_8080_8080
}

#[inline]
fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks().0.iter().map(|&chunk| u64::from_le_bytes(chunk))
}

impl Page {
    /// An empty page that has room for records with that many bytes of data without being moved.
    pub(super) fn with_capacity(count: usize, data_len: usize) -> Page {
        Page { bytes: vec![0; size_class(needed(count, data_len))].into_boxed_slice() }
    }

    #[inline]
    fn head(&self) -> Head {
        match self.bytes.first_chunk::<HEAD_LEN>() {
            None => Head::default(),
            Some(&head) => {
                let head = u64::from_le_bytes(head);
                Head { count: head as u16, outside: (head >> 16) as u16, data_len: (head >> 32) as u32 }
            }
        }
    }

    fn set_head(&mut self, head: Head) {
        let head = u64::from(head.count) | u64::from(head.outside) << 16 | u64::from(head.data_len) << 32;
        self.bytes[..HEAD_LEN].copy_from_slice(&head.to_le_bytes());
    }

    /// The number of records.
    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.head().count)
    }

    /// Bytes of data of all records.
    pub(super) fn data_len(&self) -> usize {
        self.head().data_len as usize
    }

    /// Bytes of memory of the page's allocation.
    #[inline]
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    fn tags(&self, head: Head) -> &[u8] {
        &self.bytes[HEAD_LEN..][..room(usize::from(head.count))]
    }

    #[inline]
    fn sizes(&self, head: Head) -> &[u8] {
        let room = room(usize::from(head.count));
        &self.bytes[HEAD_LEN + room..][..room]
    }

    /// The bytes of data of the first `index` records.
    #[inline]
    fn data_before(&self, head: Head, index: usize) -> usize {
        let sizes = self.sizes(head);
        if head.outside != 0 {
            return sizes[..index].iter().map(|&size| data_len_of(size)).sum();
        }
        let full: usize = words(&sizes[..index & !7]).map(sum_of_bytes).sum();
        let rest = match index % 8 {
            0 => 0,
            rest => {
                let word = words(&sizes[index & !7..]).next().expect("sizes have whole words");
                sum_of_bytes(word & ((1 << (rest * 8)) - 1))
            }
        };
        full + rest
    }

    #[inline]
    fn stored(&self, head: Head, index: usize) -> Stored<'_> {
        let size = self.sizes(head)[index];
        let end = self.bytes.len() - self.data_before(head, index);
        self.stored_before(end, size)
    }

    /// The record whose data ends at byte `end`.
    #[inline]
    fn stored_before(&self, end: usize, size: u8) -> Stored<'_> {
        let data = &self.bytes[end - data_len_of(size)..end];
        match size {
            OUTSIDE => Stored::Outside(u32::from_le_bytes(data.try_into().expect("four bytes stand for it"))),
            _ => Stored::Inline(data),
        }
    }

    /// The record `index`, which must be less than [`Page::len`].
    #[inline]
    pub(super) fn get(&self, index: usize) -> Stored<'_> {
        self.stored(self.head(), index)
    }

    /// The data of an inline record, to be overwritten; four bytes for a record outside.
    pub(super) fn get_mut(&mut self, index: usize) -> &mut [u8] {
        let head = self.head();
        let end = self.bytes.len() - self.data_before(head, index);
        let start = end - data_len_of(self.sizes(head)[index]);
        &mut self.bytes[start..end]
    }

    /// The tag of record `index`.
    pub(super) fn tag(&self, index: usize) -> u8 {
        self.tags(self.head())[..self.len()][index]
    }

    /// The index of the first record with this tag that `is_it` accepts.
    #[inline]
    pub(super) fn find(&self, tag: u8, mut is_it: impl FnMut(Stored<'_>) -> bool) -> Option<usize> {
        let head = self.head();
        if head.count == 0 {
            return None;
        }
        let wanted = u64::from(tag) * 0x0101_0101_0101_0101;
        for (word_index, word) in words(self.tags(head)).enumerate() {
            let mut found = zero_bytes(word ^ wanted);
            while found != 0 {
                let index = word_index * 8 + (found.trailing_zeros() / 8) as usize;
                if index < usize::from(head.count) && is_it(self.stored(head, index)) {
                    return Some(index);
                }
                found &= found - 1;
            }
        }
        None
    }

    /// All records with their tags, in the order in which they were added.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, Stored<'_>)> {
        let head = self.head();
        let (tags, sizes) = match head.count {
            0 => (&[][..], &[][..]),
            count => (&self.tags(head)[..usize::from(count)], self.sizes(head)),
        };
        let mut end = self.bytes.len();
        tags.iter().zip(sizes).map(move |(&tag, &size)| {
            let stored = self.stored_before(end, size);
            end -= stored.data_len();
            (tag, stored)
        })
    }

    /// Adds an inline record, which consists of `parts` and has at most [`INLINE_LEN_MAX`] bytes.
    pub(super) fn push_inline(&mut self, tag: u8, parts: [&[u8]; 3]) {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        debug_assert!(len <= INLINE_LEN_MAX);
        let mut to = self.push_space(tag, len as u8);
        for part in parts {
            let (here, behind) = to.split_at_mut(part.len());
            here.copy_from_slice(part);
            to = behind;
        }
    }

    /// Adds a record of another page.
    pub(super) fn push(&mut self, tag: u8, stored: Stored<'_>) {
        match stored {
            Stored::Inline(record) => self.push_space(tag, record.len() as u8).copy_from_slice(record),
            Stored::Outside(number) => self.push_space(tag, OUTSIDE).copy_from_slice(&number.to_le_bytes()),
        }
    }

    fn push_space(&mut self, tag: u8, size: u8) -> &mut [u8] {
        let mut head = self.head();
        let (count, len) = (usize::from(head.count), data_len_of(size));
        let data_len = head.data_len as usize + len;
        self.reserve(count + 1, data_len);
        let old_room = room(count);
        if count == old_room {
            self.bytes.copy_within(HEAD_LEN + old_room..HEAD_LEN + 2 * old_room, HEAD_LEN + old_room + 8);
        }
        self.bytes[HEAD_LEN + count] = tag;
        self.bytes[HEAD_LEN + room(count + 1) + count] = size;
        head.count = head.count.checked_add(1).expect("a keyed hash leads no 65536 records to one page");
        head.outside += u16::from(size == OUTSIDE);
        head.data_len = data_len as u32;
        self.set_head(head);
        let start = self.bytes.len() - data_len;
        &mut self.bytes[start..start + len]
    }

    /// Makes room for records that with those present are so many and have so many bytes of data.
    pub(super) fn reserve(&mut self, count: usize, data_len: usize) {
        let needed = needed(count, data_len);
        if needed > self.bytes.len() {
            self.resize(size_class(needed));
        }
    }

    /// Moves the records to an allocation of `capacity` bytes, which must be enough.
    fn resize(&mut self, capacity: usize) {
        let head = self.head();
        let front_len = match head.count {
            0 => 0,
            count => HEAD_LEN + 2 * room(usize::from(count)),
        };
        let data_len = head.data_len as usize;
        let mut bytes = Vec::with_capacity(capacity);
        bytes.extend_from_slice(&self.bytes[..front_len]);
        bytes.resize(capacity - data_len, 0);
        bytes.extend_from_slice(&self.bytes[self.bytes.len() - data_len..]);
        self.bytes = bytes.into_boxed_slice();
    }

    /// Removes record `index`. Gives memory back when a third of it is unused.
    pub(super) fn remove(&mut self, index: usize) {
        let mut head = self.head();
        let count = usize::from(head.count);
        assert!(index < count, "a record of this page");
        if count == 1 {
            self.bytes = Box::default();
            return;
        }
        let size = self.sizes(head)[index];
        let (len, capacity) = (data_len_of(size), self.bytes.len());
        let start = capacity - self.data_before(head, index) - len;
        let first = capacity - head.data_len as usize;
        self.bytes.copy_within(first..start, first + len);
        let (old_sizes, sizes) = (HEAD_LEN + room(count), HEAD_LEN + room(count - 1));
        self.bytes.copy_within(HEAD_LEN + index + 1..HEAD_LEN + count, HEAD_LEN + index);
        self.bytes.copy_within(old_sizes..old_sizes + index, sizes);
        self.bytes.copy_within(old_sizes + index + 1..old_sizes + count, sizes + index);
        head.count -= 1;
        head.outside -= u16::from(size == OUTSIDE);
        head.data_len -= len as u32;
        self.set_head(head);
        let needed = needed(count - 1, head.data_len as usize);
        if needed + needed / 2 < capacity {
            self.resize(size_class(needed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of the model: what was pushed.
    #[derive(Clone, Debug)]
    enum Pushed {
        Inline(Vec<u8>),
        Outside(u32),
    }

    impl Pushed {
        fn stored(&self) -> Stored<'_> {
            match self {
                Pushed::Inline(record) => Stored::Inline(record),
                Pushed::Outside(number) => Stored::Outside(*number),
            }
        }
    }

    #[test]
    fn a_page_agrees_with_a_model() {
        let mut state = 1u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % below
        };
        let mut page = Page::default();
        let mut model: Vec<(u8, Pushed)> = Vec::new();
        for step in 0..if cfg!(miri) { 400u64 } else { 8_000 } {
            // Grows to some sixty records and shrinks to none, several times; with records outside every
            // other time.
            let grow = random(10) < if step / 100 % 2 == 0 { 8 } else { 2 };
            if grow {
                let (tag, len) = (random(4) as u8, random(if step % 7 == 0 { 251 } else { 20 }) as usize);
                if step / 1000 % 2 == 1 && random(5) == 0 {
                    page.push(tag, Stored::Outside(step as u32));
                    model.push((tag, Pushed::Outside(step as u32)));
                } else {
                    let record: Vec<u8> = (0..len).map(|at| (at as u64 + step) as u8).collect();
                    let (a, b) = record.split_at(len / 3);
                    page.push_inline(tag, [a, b"", b]);
                    model.push((tag, Pushed::Inline(record)));
                }
            } else if !model.is_empty() {
                let index = random(model.len() as u64) as usize;
                page.remove(index);
                model.remove(index);
            }
            assert!(page.iter().eq(model.iter().map(|(tag, pushed)| (*tag, pushed.stored()))), "step {step}");
            assert_eq!(page.len(), model.len());
            assert_eq!(page.data_len(), model.iter().map(|(_, pushed)| pushed.stored().data_len()).sum());
            if let Some(index) = model.len().checked_sub(1).map(|last| random(last as u64 + 1) as usize) {
                assert_eq!(page.get(index), model[index].1.stored());
                assert_eq!(page.tag(index), model[index].0);
            }
            for tag in 0..5 {
                let mut candidates = Vec::new();
                page.find(tag, |stored| {
                    candidates.push(stored.data_len());
                    false
                });
                let with_tag = model.iter().filter(|(with, _)| *with == tag);
                // The comparison of eight tags at once may name a tag that differs by its lowest bit.
                assert!(candidates.len() >= with_tag.clone().count(), "step {step}");
                if let Some((_, pushed)) = with_tag.clone().next_back() {
                    let found = page.find(tag, |stored| stored == pushed.stored());
                    assert_eq!(page.get(found.unwrap()), pushed.stored());
                }
            }
        }
    }

    #[test]
    fn a_page_takes_little_more_than_its_records_and_nothing_when_empty() {
        let mut page = Page::default();
        assert_eq!(page.memory_bytes(), 0);
        for _ in 0..40 {
            page.push_inline(1, [&[7; 20], b"", b""]);
            let needed = needed(page.len(), page.data_len());
            assert!(page.memory_bytes() < needed * 5 / 4 + 16, "{} for {needed}", page.memory_bytes());
        }
        while page.len() > 0 {
            page.remove(page.len() / 2);
            let needed = if page.len() == 0 { 0 } else { needed(page.len(), page.data_len()) };
            assert!(page.memory_bytes() <= needed * 3 / 2, "{} for {needed}", page.memory_bytes());
        }
    }

    #[test]
    fn size_classes_are_four_in_a_doubling() {
        let classes: Vec<usize> =
            (1..=1100).map(size_class).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        assert_eq!(
            classes,
            [
                16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896,
                1024, 1280
            ]
        );
        assert!(
            (1..10_000).all(|len| size_class(len) >= len && size_class(size_class(len)) == size_class(len))
        );
    }
}
