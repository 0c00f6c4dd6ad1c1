//! The hash table of one (database, slot): entries in the order of their hashes, with gaps.
//!
//! Why not an ordinary table: a node has 16384 of these for each database, most of them small. A table must
//! cost almost nothing when empty, grow by small steps without touching the entries, and offer a SCAN cursor
//! that survives any resize.
//!
//! How it works. An entry's hash gives a 16-bit *tag*. A table is an array of 8-byte words, each a tag and a
//! 48-bit pointer, sorted by tag, with gaps between them: an entry's *home* is `tag * homes / 65536`, and it
//! lies there or a few words behind (linear probing that keeps the order, as in Robin Hood hashing; Celis
//! 1986). A lookup starts at home and stops at a gap or at a larger tag, so a miss is as cheap as a hit.
//! Because the order does not depend on the array's size, a resize is one sequential pass over the words and
//! a scan cursor is simply a tag.
//!
//! A table that would exceed [`PART_ENTRIES_MAX`] is split in two by the next low bit of the hashes, and
//! again (extendible hashing; Fagin et al., TODS 1979), so the longest step of growth is one part's rehash,
//! some hundred microseconds, however large the slot.
//!
//! This file must not know what a value is, nor any command.
#![expect(unsafe_code, reason = "words pack a tag and an owned pointer, which only this file takes apart")]

mod scan;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::entry::{Entry, EntryRef};
use crate::expires::{PartExpires, is_over, kept_ms};
use crate::prefetch::{prefetch, prefetch_two_lines};
use crate::random::Random;
use crate::words::{UsedWords, Words};
pub use scan::ScanPosition;

/// A part with more entries than this is split. Bounds the longest pause of growth. Under Miri a few are many
/// already, so that it sees splits.
pub const PART_ENTRIES_MAX: usize = if cfg!(miri) { 24 } else { 4096 };

/// Up to this capacity a part is a plain sorted list: little more than a cache line.
const LIST_CAPACITY_MAX: usize = 9;

const POINTER_MASK: u64 = (1 << 48) - 1;

/// A word of a table that is in use. Only [`Table`] makes them.
#[repr(transparent)]
pub struct Word(u64);

impl Word {
    /// The entry in this word.
    #[inline]
    pub fn entry(&self) -> EntryRef<'_> {
        // SAFETY: a word in use holds a pointer of Entry::into_raw, owned by the table that `self` borrows
        // from.
        unsafe { EntryRef::from_raw(self.0 & POINTER_MASK) }
    }

    /// Changes the entry, which may move in memory. Its key must stay the same; a change of its expire must
    /// be told to the part's [`PartExpires`].
    #[inline]
    pub fn with_entry<R>(&mut self, change: impl FnOnce(&mut Entry) -> R) -> R {
        // SAFETY: the pointer is taken back here and given up again below; `&mut self` excludes other users.
        // Should `change` panic, the process ends (panic = abort) or the test fails with the entry leaked.
        let mut entry = std::mem::ManuallyDrop::new(unsafe { Entry::from_raw(self.0 & POINTER_MASK) });
        let result = change(&mut entry);
        self.0 = (self.0 & !POINTER_MASK) | std::mem::ManuallyDrop::into_inner(entry).into_raw();
        result
    }

    /// The tag under which the entry's time is kept.
    #[inline]
    pub(crate) fn tag(&self) -> u16 {
        word_tag(self.0)
    }
}

/// Entries of one slot of one database. Owned by one shard at a time; 32 bytes when empty.
pub struct Table {
    root: Root,
}

enum Root {
    Part(Part),
    Split(Box<Directory>),
}

/// Parts of a split table. Part `p` of depth `d` holds the hashes whose `d` low bits are those that lead to
/// it.
struct Directory {
    /// The longest depth: the directory has `1 << bits` elements.
    bits: u32,
    /// From the `bits` low bits of a hash to the index of its part.
    part_of: Vec<u32>,
    parts: Vec<(u32, Part)>,
    len: usize,
}

struct Part {
    words: Words,
    len: u32,
    /// The times of the entries that have an expire.
    expires: PartExpires,
}

#[inline]
fn tag_of(hash: u64) -> u16 {
    (hash >> 48) as u16
}

#[inline]
fn word_tag(word: u64) -> u16 {
    (word >> 48) as u16
}

/// The number of homes among `capacity` words: the rest takes what overflows behind the last home.
#[inline]
fn homes(capacity: usize) -> usize {
    if capacity <= LIST_CAPACITY_MAX { 1 } else { capacity - capacity / 32 - 2 }
}

/// Where the search for a tag begins.
#[inline]
fn home(tag: u16, capacity: usize) -> usize {
    (tag as usize * homes(capacity)) >> 16
}

/// The next larger capacity, eight steps in a doubling. Of a million keys that have come by and by each took
/// 11.8 bytes of the arrays with four steps, and takes 10.4; an insertion moves ten words instead of five for
/// it. All are odd: a block of the C library is a multiple of 16 bytes, of which it takes 8 for itself.
fn larger(capacity: usize) -> usize {
    match capacity {
        ..LIST_CAPACITY_MAX => (capacity + 2) | 1,
        _ => (capacity + (1 << capacity.ilog2()) / 8) | 1,
    }
}

impl Part {
    fn with_capacity(capacity: usize) -> Part {
        Part { words: Words::zeroed(capacity), len: 0, expires: PartExpires::default() }
    }

    #[inline]
    fn home(&self, tag: u16) -> usize {
        home(tag, self.words.len())
    }

    #[inline]
    fn find(&self, tag: u16, key: &[u8]) -> Option<usize> {
        let mut at = self.home(tag);
        while let Some(&word) = self.words.get(at) {
            if word == 0 || word_tag(word) > tag {
                return None;
            }
            // SAFETY: a non-zero word holds a pointer of Entry::into_raw that this part owns.
            if word_tag(word) == tag && unsafe { EntryRef::from_raw(word & POINTER_MASK) }.key() == key {
                return Some(at);
            }
            at += 1;
        }
        None
    }

    /// True when one more entry fits without making clusters too long.
    fn has_room(&self) -> bool {
        let (len, capacity) = (self.len as usize, self.words.len());
        if capacity <= LIST_CAPACITY_MAX { len < capacity } else { len < capacity - capacity / 12 }
    }

    /// Puts a word in its place; gives it back when the array's end is in the way.
    fn place(&mut self, word: u64) -> Result<usize, u64> {
        let tag = word_tag(word);
        let mut at = self.home(tag);
        loop {
            match self.words.get(at) {
                None => return Err(word),
                Some(&present) if present == 0 || word_tag(present) > tag => break,
                Some(_) => at += 1,
            }
        }
        let Some(gap) = self.words[at..].iter().position(|&word| word == 0) else { return Err(word) };
        self.words.copy_within(at..at + gap, at + 1);
        self.words[at] = word;
        self.len += 1;
        Ok(at)
    }

    fn insert(&mut self, word: u64) -> usize {
        let mut word = word;
        if self.has_room() {
            match self.place(word) {
                Ok(at) => return at,
                Err(back) => word = back,
            }
        }
        self.resize(larger(self.words.len()));
        self.insert(word)
    }

    /// Moves all words to an array of at least `capacity` words. The words are in order, so each goes to its
    /// new home or right behind the one before it.
    fn resize(&mut self, capacity: usize) {
        let mut capacity = capacity;
        'retry: loop {
            let mut words = Words::zeroed(capacity);
            let mut next = 0;
            for &word in self.words.iter().filter(|&&word| word != 0) {
                let at = home(word_tag(word), capacity).max(next);
                if at >= capacity {
                    capacity = larger(capacity);
                    continue 'retry;
                }
                words[at] = word;
                next = at + 1;
            }
            self.words = words;
            return;
        }
    }

    fn remove(&mut self, at: usize) -> u64 {
        let word = self.words[at];
        let mut hole = at;
        while let Some(&next) = self.words.get(hole + 1) {
            if next == 0 || self.home(word_tag(next)) == hole + 1 {
                break;
            }
            self.words[hole] = next;
            hole += 1;
        }
        self.words[hole] = 0;
        self.len -= 1;
        let capacity = self.words.len();
        if self.len == 0 {
            self.words = Words::default();
        } else if capacity > LIST_CAPACITY_MAX && (self.len as usize) < capacity / 4 {
            self.resize(larger(capacity / 2 - capacity / 8));
        }
        word
    }

    /// The place of an entry with this tag of which `time_of` is this time.
    fn find_expiring(
        &self,
        tag: u16,
        at_ms: u64,
        time_of: impl Fn(EntryRef<'_>) -> Option<u64>,
    ) -> Option<usize> {
        self.find_where(tag, |entry| time_of(entry).map(kept_ms) == Some(at_ms))
    }

    /// The place of an entry with this tag of which `is_it` is true.
    fn find_where(&self, tag: u16, is_it: impl Fn(EntryRef<'_>) -> bool) -> Option<usize> {
        let mut at = self.home(tag);
        while let Some(&word) = self.words.get(at) {
            if word == 0 || word_tag(word) > tag {
                return None;
            }
            // SAFETY: a non-zero word holds a pointer of Entry::into_raw that this part owns.
            let entry = unsafe { EntryRef::from_raw(word & POINTER_MASK) };
            if word_tag(word) == tag && is_it(entry) {
                return Some(at);
            }
            at += 1;
        }
        None
    }

    fn memory_bytes(&self) -> usize {
        self.words.len() * size_of::<u64>() + self.expires.memory_bytes()
    }

    /// The place of a random word in use; the part must not be empty. At least every eighth word is in use
    /// but for some time after a split, so it takes few tries.
    fn random_at(&self, random: &mut Random) -> usize {
        loop {
            let at = random.below(self.words.len());
            if self.words[at] != 0 {
                return at;
            }
        }
    }

    /// The words with the entries from `tag` on, in the order of their tags, until there are `limit` and a
    /// tag ends; between them lie gaps and, at the beginning, some of smaller tags. Returns how many there
    /// are, and the tag to go on with, if there is one.
    fn span(&self, tag: u16, limit: usize) -> (Range<usize>, usize, Option<u16>) {
        // All that is behind `tag` in the order lies behind its home, though not only that.
        let start = self.home(tag).min(self.words.len());
        let (mut seen, mut last) = (0, None);
        for (at, &word) in self.words.iter().enumerate().skip(start) {
            if word == 0 || word_tag(word) < tag {
                continue;
            }
            if seen >= limit && last != Some(word_tag(word)) {
                return (start..at, seen, Some(word_tag(word)));
            }
            last = Some(word_tag(word));
            seen += 1;
        }
        (start..self.words.len(), seen, None)
    }

    /// Visits the entries of [`Part::span`].
    fn scan(&self, tag: u16, limit: usize, mut visit: impl FnMut(EntryRef<'_>)) -> (usize, Option<u16>) {
        let (span, seen, next) = self.span(tag, limit);
        for &word in self.words[span].iter().filter(|&&word| word != 0 && word_tag(word) >= tag) {
            // SAFETY: a non-zero word holds a pointer of Entry::into_raw that this part owns.
            visit(unsafe { EntryRef::from_raw(word & POINTER_MASK) });
        }
        (seen, next)
    }

    /// The same with the entries to be changed, but for their times.
    fn scan_mut(&mut self, tag: u16, limit: usize, mut visit: impl FnMut(&mut Word)) -> (usize, Option<u16>) {
        let (span, seen, next) = self.span(tag, limit);
        for word in self.words[span].iter_mut().filter(|word| **word != 0 && word_tag(**word) >= tag) {
            // SAFETY: `Word` is a transparent wrapper of the word, which is in use.
            visit(unsafe { &mut *std::ptr::from_mut(word).cast::<Word>() });
        }
        (seen, next)
    }

    fn drain(&mut self) -> impl Iterator<Item = u64> + use<> {
        let words = std::mem::take(&mut self.words);
        self.len = 0;
        words.into_used()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        for word in self.drain() {
            // SAFETY: every non-zero word owns its entry, and the array has just been emptied.
            drop(unsafe { Entry::from_raw(word & POINTER_MASK) });
        }
    }
}

impl Directory {
    #[inline]
    fn part_index(&self, hash: u64) -> usize {
        self.part_of[(hash as usize) & (self.part_of.len() - 1)] as usize
    }

    /// Splits part `index` by its next hash bit.
    fn split(&mut self, index: usize, hash_of: impl Fn(&[u8]) -> u64) {
        let depth = self.parts[index].0;
        if depth == self.bits {
            self.part_of.extend_from_within(..);
            self.bits += 1;
        }
        let capacity = (self.parts[index].1.words.len() / 2) | 1;
        let mut old = std::mem::replace(&mut self.parts[index].1, Part::with_capacity(capacity));
        let mut sibling = Part::with_capacity(capacity);
        let (mut times, mut sibling_times) = <([Vec<_>; 2], [Vec<_>; 2])>::default();
        for word in old.drain() {
            // SAFETY: the word came out of a part that owned it.
            let entry = unsafe { EntryRef::from_raw(word & POINTER_MASK) };
            let (target, times) = match hash_of(entry.key()) >> depth & 1 {
                0 => (&mut self.parts[index].1, &mut times),
                _ => (&mut sibling, &mut sibling_times),
            };
            times[0].extend(entry.expire_ms().map(|at_ms| (at_ms, word_tag(word))));
            times[1].extend(entry.fields_expire_ms().map(|at_ms| (at_ms, word_tag(word))));
            target.insert(word);
        }
        // The agenda knows the part by its index, which the first half keeps.
        self.parts[index].1.expires = halved_expires(times, &old.expires);
        sibling.expires = halved_expires(sibling_times, &PartExpires::default());
        self.parts[index].0 = depth + 1;
        let sibling_index = self.parts.len() as u32;
        self.parts.push((depth + 1, sibling));
        for (low_bits, part) in self.part_of.iter_mut().enumerate() {
            if *part == index as u32 && low_bits >> depth & 1 == 1 {
                *part = sibling_index;
            }
        }
    }
}

/// The times of keys and those of fields of half of a part, listed as `old` was.
fn halved_expires([keys, fields]: [Vec<(u64, u16)>; 2], old: &PartExpires) -> PartExpires {
    let mut expires = PartExpires::of(keys, old);
    let fields = PartExpires::of(fields, old.fields());
    if !fields.is_unused() {
        *expires.fields_to_fill() = fields;
    }
    expires
}

/// Where an entry lies. Valid until the table changes.
#[derive(Clone, Copy)]
pub struct Place {
    part: u32,
    at: u32,
}

impl Place {
    /// The number of the part.
    #[inline]
    pub(crate) fn part(self) -> u32 {
        self.part
    }
}

impl Default for Table {
    fn default() -> Table {
        Table { root: Root::Part(Part::with_capacity(0)) }
    }
}

impl Table {
    /// The number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.root {
            Root::Part(part) => part.len as usize,
            Root::Split(directory) => directory.len,
        }
    }

    /// No entry at all.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds a key. `hash` is the keyed hash that all tables of a process share.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Place> {
        let (part_index, part) = match &self.root {
            Root::Part(part) => (0, part),
            Root::Split(directory) => {
                let index = directory.part_index(hash);
                (index, &directory.parts[index].1)
            }
        };
        part.find(tag_of(hash), key).map(|at| Place { part: part_index as u32, at: at as u32 })
    }

    /// The part in which a hash belongs.
    #[inline]
    fn part_of(&self, hash: u64) -> &Part {
        match &self.root {
            Root::Part(part) => part,
            Root::Split(directory) => &directory.parts[directory.part_index(hash)].1,
        }
    }

    /// Has the words fetched among which the one of this hash is.
    #[inline]
    pub(crate) fn prefetch_words(&self, hash: u64) {
        let part = self.part_of(hash);
        if let Some(word) = part.words.get(part.home(tag_of(hash))) {
            prefetch(word);
        }
    }

    /// Has the entry of this hash fetched, or one of the same tag. Reads the words.
    #[inline]
    pub(crate) fn prefetch_entry(&self, hash: u64) {
        let (part, tag) = (self.part_of(hash), tag_of(hash));
        let words = part.words.get(part.home(tag)..).unwrap_or_default();
        let found = words.iter().find(|&&word| word == 0 || word_tag(word) >= tag);
        if let Some(&word) = found.filter(|&&word| word_tag(word) == tag && word != 0) {
            prefetch_two_lines(std::ptr::without_provenance::<u8>((word & POINTER_MASK) as usize));
        }
    }

    /// Finds a key by its hash alone; of two keys with the same one, either.
    pub(crate) fn find_hash(&self, hash: u64, hash_of: impl Fn(&[u8]) -> u64) -> Option<Place> {
        let part_index = match &self.root {
            Root::Part(_) => 0,
            Root::Split(directory) => directory.part_index(hash) as u32,
        };
        let at = self.part_at(part_index)?.find_where(tag_of(hash), |entry| hash_of(entry.key()) == hash)?;
        Some(Place { part: part_index, at: at as u32 })
    }

    /// The word at a place.
    #[inline]
    pub fn word(&self, place: Place) -> &Word {
        let word = &self.part(place).words[place.at as usize];
        // SAFETY: `Word` is a transparent wrapper of the word, and a place names a word in use.
        unsafe { &*std::ptr::from_ref(word).cast::<Word>() }
    }

    /// The word at a place, to be changed.
    #[inline]
    pub fn word_mut(&mut self, place: Place) -> &mut Word {
        self.word_and_expires(place).0
    }

    /// The word at a place and the times of its part, both to be changed.
    #[inline]
    pub(crate) fn word_and_expires(&mut self, place: Place) -> (&mut Word, &mut PartExpires) {
        let part = match &mut self.root {
            Root::Part(part) => part,
            Root::Split(directory) => &mut directory.parts[place.part as usize].1,
        };
        let word = &mut part.words[place.at as usize];
        // SAFETY: `Word` is a transparent wrapper of the word, and a place names a word in use.
        (unsafe { &mut *std::ptr::from_mut(word).cast::<Word>() }, &mut part.expires)
    }

    /// Adds an entry whose key is not in the table.
    pub fn insert(&mut self, hash: u64, entry: Entry, hash_of: impl Fn(&[u8]) -> u64) -> Place {
        let (expire_ms, fields_ms) = (entry.view().expire_ms(), entry.view().fields_expire_ms());
        let place = self.insert_word(hash, entry, hash_of);
        if (expire_ms.is_some() || fields_ms.is_some())
            && let Some(expires) = self.expires_mut(place.part)
        {
            if let Some(at_ms) = expire_ms {
                expires.add(at_ms, tag_of(hash));
            }
            if let Some(at_ms) = fields_ms {
                expires.fields_to_fill().add(at_ms, tag_of(hash));
            }
        }
        place
    }

    fn insert_word(&mut self, hash: u64, entry: Entry, hash_of: impl Fn(&[u8]) -> u64) -> Place {
        let word = (hash & !POINTER_MASK) | entry.into_raw();
        if let Root::Part(part) = &mut self.root {
            if (part.len as usize) < PART_ENTRIES_MAX {
                return Place { part: 0, at: part.insert(word) as u32 };
            }
            let part = std::mem::replace(part, Part::with_capacity(0));
            let len = part.len as usize;
            let directory = Directory { bits: 0, part_of: vec![0], parts: vec![(0, part)], len };
            self.root = Root::Split(Box::new(directory));
        }
        let Root::Split(directory) = &mut self.root else { unreachable!("made above") };
        directory.len += 1;
        let mut index = directory.part_index(hash);
        // Chosen keys cannot make one part hold all of them: the hash is keyed. Depth 32 is only a last
        // bound.
        while directory.parts[index].1.len as usize >= PART_ENTRIES_MAX && directory.parts[index].0 < 32 {
            directory.split(index, &hash_of);
            index = directory.part_index(hash);
        }
        Place { part: index as u32, at: directory.parts[index].1.insert(word) as u32 }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, place: Place) -> Entry {
        let part = match &mut self.root {
            Root::Part(part) => part,
            Root::Split(directory) => {
                directory.len -= 1;
                &mut directory.parts[place.part as usize].1
            }
        };
        let word = part.remove(place.at as usize);
        // SAFETY: the word was in use, and it is in the table no more.
        let entry = unsafe { Entry::from_raw(word & POINTER_MASK) };
        if let Some(at_ms) = entry.view().expire_ms() {
            part.expires.remove(at_ms, word_tag(word));
        }
        if let Some(at_ms) = entry.view().fields_expire_ms() {
            part.expires.fields_to_fill().remove(at_ms, word_tag(word));
        }
        if matches!(&self.root, Root::Split(directory) if directory.len == 0) {
            self.root = Root::Part(Part::with_capacity(0));
        }
        entry
    }

    /// The times of a part; `None` when there is no such part (any more).
    #[inline]
    pub(crate) fn expires_mut(&mut self, part: u32) -> Option<&mut PartExpires> {
        match &mut self.root {
            Root::Part(only) => (part == 0).then_some(&mut only.expires),
            Root::Split(directory) => {
                directory.parts.get_mut(part as usize).map(|(_, part)| &mut part.expires)
            }
        }
    }

    fn part_at(&self, part: u32) -> Option<&Part> {
        match &self.root {
            Root::Part(only) => (part == 0).then_some(only),
            Root::Split(directory) => directory.parts.get(part as usize).map(|(_, part)| part),
        }
    }

    /// The place of the entry that expires as number `index` of its part, if its time has come at `now_ms`.
    pub(crate) fn due_place(&self, part: u32, index: usize, now_ms: u64) -> Option<Place> {
        let found = self.part_at(part)?;
        let due = found.expires.get(index).filter(|due| is_over(due.at_ms, now_ms))?;
        let at = found.find_expiring(due.tag, due.at_ms, |entry| entry.expire_ms());
        Some(Place { part, at: at.expect("every time belongs to an entry") as u32 })
    }

    /// The place of the hash whose fields begin to end as number `index` of its part, if that time has come.
    pub(crate) fn due_fields_place(&self, part: u32, index: usize, now_ms: u64) -> Option<Place> {
        let found = self.part_at(part)?;
        let due = found.expires.fields().get(index).filter(|due| is_over(due.at_ms, now_ms))?;
        let at = found.find_expiring(due.tag, due.at_ms, |entry| entry.fields_expire_ms());
        Some(Place { part, at: at.expect("every time belongs to a hash") as u32 })
    }

    /// The number of entries that have an expire.
    pub(crate) fn expiring_len(&self) -> usize {
        match &self.root {
            Root::Part(part) => part.expires.len(),
            Root::Split(directory) => directory.parts.iter().map(|(_, part)| part.expires.len()).sum(),
        }
    }

    /// The place of a random entry of those that have an expire.
    pub(crate) fn random_expiring_place(&self, random: &mut Random) -> Option<Place> {
        let mut rest = random.below(self.expiring_len().max(1));
        let part = (0..self.parts() as u32).find(|&part| {
            let len = self.part_at(part).map_or(0, |part| part.expires.len());
            let is_here = rest < len;
            rest -= if is_here { 0 } else { len };
            is_here
        })?;
        self.due_place(part, rest, u64::MAX)
    }

    /// The place of a random entry, each with the same chance.
    pub fn random_place(&self, random: &mut Random) -> Option<Place> {
        let (index, part) = match &self.root {
            Root::Part(part) => (0, part),
            Root::Split(directory) => {
                let mut rest = random.below(directory.len.max(1));
                let found = directory.parts.iter().position(|(_, part)| {
                    let is_here = rest < part.len as usize;
                    rest = rest.wrapping_sub(if is_here { 0 } else { part.len as usize });
                    is_here
                })?;
                (found, &directory.parts[found].1)
            }
        };
        (part.len > 0).then(|| Place { part: index as u32, at: part.random_at(random) as u32 })
    }

    /// All entries, in no order that a caller may rely on.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        let (one, many) = match &self.root {
            Root::Part(part) => (Some(part), None),
            Root::Split(directory) => (None, Some(directory.parts.iter().map(|(_, part)| part))),
        };
        one.into_iter().chain(many.into_iter().flatten()).flat_map(|part| {
            part.words.iter().filter(|&&word| word != 0).map(|&word| {
                // SAFETY: a non-zero word holds an entry that the table owns for the lifetime of the borrow.
                unsafe { EntryRef::from_raw(word & POINTER_MASK) }
            })
        })
    }

    /// Takes the table apart, so that a large one can be freed in steps.
    pub fn into_entries(self) -> IntoEntries {
        let parts = match self.root {
            Root::Part(part) => vec![(0, part)],
            Root::Split(directory) => directory.parts,
        };
        IntoEntries { words: UsedWords::default(), parts: parts.into_iter() }
    }

    /// The number of parts.
    pub fn parts(&self) -> usize {
        match &self.root {
            Root::Part(_) => 1,
            Root::Split(directory) => directory.parts.len(),
        }
    }

    /// Bytes of memory of the table itself, entries left out.
    pub fn memory_bytes(&self) -> usize {
        match &self.root {
            Root::Part(part) => part.memory_bytes(),
            Root::Split(directory) => {
                let parts =
                    directory.parts.iter().map(|(_, part)| size_of::<(u32, Part)>() + part.memory_bytes());
                parts.sum::<usize>() + directory.part_of.len() * 4 + size_of::<Directory>()
            }
        }
    }

    fn part(&self, place: Place) -> &Part {
        match &self.root {
            Root::Part(part) => part,
            Root::Split(directory) => &directory.parts[place.part as usize].1,
        }
    }
}

/// The entries of a table that is no more; see [`Table::into_entries`]. Owns those that it has not given out.
pub struct IntoEntries {
    /// What is left of the part that has been emptied into this array.
    words: UsedWords,
    parts: std::vec::IntoIter<(u32, Part)>,
}

impl Iterator for IntoEntries {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            if let Some(word) = self.words.next() {
                // SAFETY: the word came out of a part that owned its entry, and is given out once.
                return Some(unsafe { Entry::from_raw(word & POINTER_MASK) });
            }
            let (_, mut part) = self.parts.next()?;
            self.words = std::mem::take(&mut part.words).into_used();
        }
    }
}

impl Drop for IntoEntries {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

#[cfg(test)]
impl Table {
    /// The times of each part are those of its entries; returns the parts' times.
    pub(crate) fn exact_expires(&self) -> Vec<&PartExpires> {
        let check = |part: u32| {
            let part = self.part_at(part).unwrap();
            let entry = |word: &u64| {
                // SAFETY: a non-zero word holds an entry that the table owns for the lifetime of the borrow.
                unsafe { EntryRef::from_raw(word & POINTER_MASK) }
            };
            let exact = |expires: &PartExpires, time_of: fn(&EntryRef<'_>) -> Option<u64>| {
                let used = part.words.iter().filter(|&&word| word != 0);
                let mut expected: Vec<_> = used
                    .filter_map(|word| Some((kept_ms(time_of(&entry(word))?), word_tag(*word))))
                    .collect();
                expected.sort_unstable();
                let times = (0..expires.len()).map(|index| expires.get(index).unwrap());
                assert_eq!(times.map(|due| (due.at_ms, due.tag)).collect::<Vec<_>>(), expected);
            };
            exact(&part.expires, |entry| entry.expire_ms());
            exact(part.expires.fields(), |entry| entry.fields_expire_ms());
            &part.expires
        };
        (0..self.parts() as u32).map(check).collect()
    }
}
