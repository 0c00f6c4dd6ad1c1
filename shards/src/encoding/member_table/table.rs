//! Linear hashing of records over pages (Litwin, VLDB 1980).
//!
//! With `2^n + p` pages, the hashes whose low `n` bits are less than `p` use `n + 1` bits, the others `n`;
//! their value is the number of the page. When there are too many records for the pages, page `p` is split in
//! two by the next bit of the hashes, and when there are too few, the last page is joined to the one that it
//! was split from. So a step touches one or two pages, whatever the size of the table, and at any time the
//! pages' sizes are spread evenly over a doubling: unlike tables whose parts all grow and split at about the
//! same time, the table wastes as much at any size, and blocks that a page has outgrown are of use to the
//! next one.
//!
//! A scan goes through the pages in the order of their reversed numbers, as Redis does (`dictScan`): then the
//! hashes of a page that is split stay neighbours, and a cursor means the same hashes before and after.
//!
//! This file must not know what a record means, except where its key is.

use std::marker::PhantomData;

use super::page::{INLINE_LEN_MAX, Page, Stored};
use super::segments::Segments;

/// Pages have this many records on average, if these are small, and from half to twice as many by their turn.
/// Fewer make the directory larger than what is saved elsewhere, more make searches longer.
const PAGE_RECORDS: usize = 16;
/// Pages have this many bytes of data on average, if records are large. Bounds what an insert or a removal
/// moves.
const PAGE_DATA_BYTES: usize = 768;

/// [`Table::reserve`] makes no more pages than this: what is announced may be wrong.
const RESERVED_PAGES_MAX: usize = 1 << 17;

/// After so many draws of four records each, a draw is not fair any more. One in two or three is good.
const FAIR_DRAWS_MAX: usize = 16;

/// How a record is laid out.
pub(super) trait Record {
    /// The bytes by which a record is found.
    fn key(record: &[u8]) -> &[u8];
}

/// Where a record is. Valid until the table changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordPlace {
    page: usize,
    index: usize,
}

/// Records with different keys.
#[derive(Clone, Debug)]
pub(super) struct Table<R> {
    pages: Segments<Page>,
    /// Records that are too long for a page; the pages have their indexes.
    outside: Segments<Box<[u8]>>,
    len: usize,
    /// Sum of [`Page::data_len`].
    data_bytes: usize,
    /// Sum of [`Page::memory_bytes`], and of the records outside.
    memory_bytes: usize,
    record: PhantomData<R>,
}

impl<R> Default for Table<R> {
    fn default() -> Table<R> {
        Table {
            pages: Segments::default(),
            outside: Segments::default(),
            len: 0,
            data_bytes: 0,
            memory_bytes: 0,
            record: PhantomData,
        }
    }
}

#[inline]
fn tag_of(hash: u64) -> u8 {
    (hash >> 56) as u8
}

/// The page that a hash leads to.
#[inline]
fn page_of(hash: u64, pages: usize) -> usize {
    let doubled = pages.ilog2() + 1;
    let page = hash as usize & ((1 << doubled) - 1);
    if page < pages { page } else { page & !(1 << (doubled - 1)) }
}

/// How many low bits of the hashes lead to a page.
fn bits_of(page: usize, pages: usize) -> u32 {
    let bits = pages.ilog2();
    if page < pages - (1 << bits) || page >= 1 << bits { bits + 1 } else { bits }
}

impl<R: Record> Table<R> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<RecordPlace> {
        self.find_by(hash, |record| R::key(record) == key)
    }

    /// Finds a record among those that may have this hash.
    #[inline]
    pub(super) fn find_by(&self, hash: u64, mut is_it: impl FnMut(&[u8]) -> bool) -> Option<RecordPlace> {
        if self.len == 0 {
            return None;
        }
        let page = page_of(hash, self.pages.len());
        let index = self.pages[page].find(tag_of(hash), |stored| is_it(self.resolve(stored)))?;
        Some(RecordPlace { page, index })
    }

    #[inline]
    fn resolve<'a>(&'a self, stored: Stored<'a>) -> &'a [u8] {
        match stored {
            Stored::Inline(record) => record,
            Stored::Outside(number) => &self.outside[number as usize],
        }
    }

    #[inline]
    pub(super) fn get(&self, place: RecordPlace) -> &[u8] {
        self.resolve(self.pages[place.page].get(place.index))
    }

    /// The record, of which all may be changed but its length and its key.
    pub(super) fn get_mut(&mut self, place: RecordPlace) -> &mut [u8] {
        let page = &mut self.pages[place.page];
        match page.get(place.index) {
            Stored::Inline(_) => page.get_mut(place.index),
            Stored::Outside(number) => &mut self.outside[number as usize],
        }
    }

    /// Adds a record whose key is not in the table. It consists of `parts`.
    pub(super) fn insert(&mut self, hash: u64, parts: [&[u8]; 3], hash_of: impl Fn(&[u8]) -> u64) {
        if self.pages.len() == 0 {
            self.pages.push(Page::default());
        }
        self.push(page_of(hash, self.pages.len()), tag_of(hash), parts);
        self.len += 1;
        let pages = self.pages.len();
        if self.len > pages * PAGE_RECORDS || self.data_bytes > pages * PAGE_DATA_BYTES {
            self.split(hash_of);
        }
    }

    /// Puts another record of the same key into the place of one.
    pub(super) fn replace(&mut self, place: RecordPlace, parts: [&[u8]; 3], hash_of: impl Fn(&[u8]) -> u64) {
        let tag = self.pages[place.page].tag(place.index);
        self.take(place, hash_of);
        self.push(place.page, tag, parts);
    }

    fn push(&mut self, page: usize, tag: u8, parts: [&[u8]; 3]) {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        let page = &mut self.pages[page];
        let (memory_bytes, data_bytes) = (page.memory_bytes(), page.data_len());
        if len <= INLINE_LEN_MAX {
            page.push_inline(tag, parts);
        } else {
            let number =
                u32::try_from(self.outside.len()).expect("2^32 records of 250 bytes fit in no memory");
            page.push(tag, Stored::Outside(number));
            self.outside.push(parts.concat().into_boxed_slice());
            self.memory_bytes += len;
        }
        self.memory_bytes += page.memory_bytes() - memory_bytes;
        self.data_bytes += page.data_len() - data_bytes;
    }

    /// Takes a record out.
    pub(super) fn remove(&mut self, place: RecordPlace, hash_of: impl Fn(&[u8]) -> u64) {
        self.take(place, hash_of);
        self.len -= 1;
        let pages = self.pages.len();
        if self.len == 0 {
            *self = Table::default();
        } else if self.len * 2 < pages * PAGE_RECORDS && self.data_bytes * 2 < pages * PAGE_DATA_BYTES {
            self.join();
        }
    }

    /// Takes a record out of its page, and if it is not there, from outside.
    fn take(&mut self, place: RecordPlace, hash_of: impl Fn(&[u8]) -> u64) {
        let page = &mut self.pages[place.page];
        let stored = page.get(place.index);
        self.data_bytes -= stored.data_len();
        let number = match stored {
            Stored::Inline(_) => None,
            Stored::Outside(number) => Some(number),
        };
        self.memory_bytes -= page.memory_bytes();
        page.remove(place.index);
        self.memory_bytes += page.memory_bytes();
        if let Some(number) = number {
            self.take_outside(number, hash_of);
        }
    }

    /// Removes a record outside, and moves the last one to where it was.
    fn take_outside(&mut self, number: u32, hash_of: impl Fn(&[u8]) -> u64) {
        let last = self.outside.pop().expect("a record refers to it");
        let last_number = self.outside.len() as u32;
        if last_number == number {
            self.memory_bytes -= last.len();
            return;
        }
        let hash = hash_of(R::key(&last));
        let page = page_of(hash, self.pages.len());
        let page = &mut self.pages[page];
        let index = page.find(tag_of(hash), |stored| stored == Stored::Outside(last_number));
        let index = index.expect("every record outside is referred to by the page of its hash");
        page.get_mut(index).copy_from_slice(&number.to_le_bytes());
        let removed = std::mem::replace(&mut self.outside[number as usize], last);
        self.memory_bytes -= removed.len();
    }

    /// Adds a page: half of the records of the page whose turn it is.
    fn split(&mut self, hash_of: impl Fn(&[u8]) -> u64) {
        let pages = self.pages.len();
        let bit = pages.ilog2();
        let from = pages - (1 << bit);
        let page = std::mem::take(&mut self.pages[from]);
        self.memory_bytes -= page.memory_bytes();
        // Some room more than half, so that most halves fit and those that take more records next have room
        // for some.
        let (count, data_len) = (page.len() * 9 / 16, page.data_len() * 9 / 16);
        let mut halves = [Page::with_capacity(count, data_len), Page::with_capacity(count, data_len)];
        for (tag, stored) in page.iter() {
            let hash = hash_of(R::key(self.resolve(stored)));
            halves[(hash >> bit & 1) as usize].push(tag, stored);
        }
        self.memory_bytes += halves[0].memory_bytes() + halves[1].memory_bytes();
        let [low, high] = halves;
        self.pages[from] = low;
        self.pages.push(high);
    }

    /// Removes the last page: its records go to the page that it was split from.
    fn join(&mut self) {
        let Some(last) = self.pages.pop() else { return };
        let pages = self.pages.len();
        if pages == 0 {
            self.pages.push(last);
            return;
        }
        let page = &mut self.pages[pages - (1 << pages.ilog2())];
        self.memory_bytes -= last.memory_bytes() + page.memory_bytes();
        page.reserve(page.len() + last.len(), page.data_len() + last.data_len());
        for (tag, stored) in last.iter() {
            page.push(tag, stored);
        }
        self.memory_bytes += page.memory_bytes();
    }

    /// Prepares an empty table for so many records with so many bytes, so that no page is split on the way.
    pub(super) fn reserve(&mut self, records: usize, bytes: usize) {
        let pages = (records / PAGE_RECORDS).max(bytes / PAGE_DATA_BYTES).min(RESERVED_PAGES_MAX);
        while self.len == 0 && self.pages.len() < pages {
            self.pages.push(Page::default());
        }
    }

    /// All records, in no order that a caller may rely on.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.pages.iter().flat_map(|page| page.iter().map(|(_, stored)| self.resolve(stored)))
    }

    /// Visits whole pages from `cursor` on until `budget` records have been visited, and returns the next
    /// cursor; 0 is the beginning, and the end.
    pub(super) fn scan(&self, cursor: u64, budget: usize, mut visit: impl FnMut(&[u8])) -> u64 {
        let (mut cursor, mut visited, pages) = (cursor, 0, self.pages.len());
        if self.len == 0 {
            return 0;
        }
        loop {
            let number = page_of(cursor, pages);
            let page = &self.pages[number];
            page.iter().for_each(|(_, stored)| visit(self.resolve(stored)));
            visited += page.len().max(1);
            // All hashes of the page are behind the cursor now: the next one after them in the reversed
            // order.
            let behind = cursor | u64::MAX << bits_of(number, pages);
            cursor = behind.reverse_bits().wrapping_add(1).reverse_bits();
            if cursor == 0 || visited >= budget {
                return cursor;
            }
        }
    }

    /// A record drawn by chance. Every page is equally likely, and of its places, used or not, every one;
    /// what hits an unused place is drawn again. There are as many places as hardly any page has records (the
    /// mean of the pages that are to be split next and four standard deviations), so that at worst the
    /// records of one page in ten thousand are drawn too rarely, and those by some percent.
    pub(super) fn random(&self, random: &mut impl FnMut() -> u64) -> Option<RecordPlace> {
        let pages = self.pages.len();
        if self.len == 0 {
            return None;
        }
        let places = match pages {
            1 => self.len,
            _ => {
                let mean = self.len >> pages.ilog2();
                mean + 4 * mean.isqrt() + 4
            }
        };
        let below = |bound: usize, random: u32| ((bound as u64 * u64::from(random)) >> 32) as usize;
        for _ in 0..FAIR_DRAWS_MAX {
            // Four at once, so that the cache misses of the pages overlap.
            let draws: [_; 4] = std::array::from_fn(|_| {
                let random = random();
                (below(pages, (random >> 32) as u32), random as u32)
            });
            let counts = draws.map(|(page, _)| self.pages[page].len());
            for ((page, random), count) in draws.into_iter().zip(counts) {
                let index = below(places.max(count), random);
                if index < count {
                    return Some(RecordPlace { page, index });
                }
            }
        }
        // Most pages are empty: a table that has been reserved for more than came.
        let start = below(pages, random() as u32);
        let page = (start..pages).chain(0..start).find(|&page| self.pages[page].len() > 0)?;
        Some(RecordPlace { page, index: below(self.pages[page].len(), random() as u32) })
    }

    /// Bytes of memory, this structure left out.
    pub(super) fn memory_bytes(&self) -> usize {
        self.pages.memory_bytes() + self.outside.memory_bytes() + self.memory_bytes
    }

    /// Frees pages and records outside from their ends until `budget` units are used, and returns how many
    /// are. What is left is good for nothing but this. A unit is a page, a record outside, or
    /// `bytes_per_unit` of one.
    pub(super) fn free_some(&mut self, budget: usize, bytes_per_unit: usize) -> usize {
        let mut used = 0;
        while used < budget {
            match self.outside.pop() {
                Some(record) => used += 1 + record.len() / bytes_per_unit,
                None if self.pages.pop().is_some() => used += 1,
                None => break,
            }
        }
        used
    }

    /// Panics unless every record is where its hash leads, and all sums are right.
    #[cfg(test)]
    pub(super) fn check(&self, hash_of: impl Fn(&[u8]) -> u64) {
        let (mut len, mut data_bytes, mut memory_bytes) = (0, 0, 0);
        let mut referred = vec![false; self.outside.len()];
        for (number, page) in self.pages.iter().enumerate() {
            assert_eq!(page.iter().count(), page.len());
            for (index, (tag, stored)) in page.iter().enumerate() {
                assert_eq!((page.tag(index), page.get(index)), (tag, stored));
                let record = self.resolve(stored);
                let hash = hash_of(R::key(record));
                assert_eq!((page_of(hash, self.pages.len()), tag_of(hash)), (number, tag));
                assert_eq!(matches!(stored, Stored::Inline(_)), record.len() <= INLINE_LEN_MAX);
                if let Stored::Outside(outside) = stored {
                    assert!(
                        !std::mem::replace(&mut referred[outside as usize], true),
                        "two refer to {outside}"
                    );
                }
                data_bytes += stored.data_len();
            }
            len += page.len();
            memory_bytes += page.memory_bytes();
        }
        assert!(referred.iter().all(|&is_referred| is_referred));
        memory_bytes += self.outside.iter().map(|record| record.len()).sum::<usize>();
        assert_eq!((len, data_bytes, memory_bytes), (self.len, self.data_bytes, self.memory_bytes));
    }
}
