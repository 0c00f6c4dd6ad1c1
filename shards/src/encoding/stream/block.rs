//! A block: some entries of a stream, packed in exactly the bytes of a node of Redis's streams, so that they
//! can be saved and sent as they are.
//!
//! A listpack (Redis: t_stream.c). First the master entry: the number of live entries, the number of deleted
//! ones, and the fields of the first entry, with their number before and a zero behind. Then the entries.
//! Each has flags, its id as a difference to the id that the block is filed under, the number of fields and
//! fields with their values, or only values if the fields are the master's; last, how many elements to go
//! back to the flags. A deleted entry keeps its bytes and has a flag, until the whole block goes.
//!
//! The file must not know in what order blocks are filed, nor how large they may become.

use super::id::StreamId;
use super::pack::{self, Appender, HEADER_BYTES, Item};

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// The packed entries of one node. All functions take `master`, the id that the block is filed under: that of
/// its first entry.
#[derive(Clone, Debug)]
pub(super) struct Block {
    bytes: Vec<u8>,
}

/// An entry of a stream.
#[derive(Clone, Copy, Debug)]
pub struct StreamEntry<'a> {
    /// Its id.
    pub id: StreamId,
    bytes: &'a [u8],
    /// The first name and the first value. With the master's fields, names lie apart from values; else after
    /// each name comes its value.
    names_at: usize,
    values_at: usize,
    fields: usize,
    same_fields: bool,
}

impl<'a> StreamEntry<'a> {
    /// The number of fields, each with a value.
    #[expect(clippy::len_without_is_empty, reason = "XADD makes no entry without a field")]
    pub fn len(&self) -> usize {
        self.fields
    }

    /// Fields and their values as they were added.
    pub fn fields(&self) -> EntryFields<'a> {
        EntryFields {
            bytes: self.bytes,
            names_at: self.names_at,
            values_at: self.values_at,
            left: self.fields,
            same_fields: self.same_fields,
        }
    }
}

/// Fields and values of an entry.
#[derive(Clone, Debug)]
pub struct EntryFields<'a> {
    bytes: &'a [u8],
    names_at: usize,
    values_at: usize,
    left: usize,
    same_fields: bool,
}

impl<'a> Iterator for EntryFields<'a> {
    type Item = (Item<'a>, Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        if self.same_fields {
            let (name, names_at) = pack::read(self.bytes, self.names_at);
            let (value, values_at) = pack::read(self.bytes, self.values_at);
            (self.names_at, self.values_at) = (names_at, values_at);
            Some((name, value))
        } else {
            let (name, value_at) = pack::read(self.bytes, self.values_at);
            let (value, values_at) = pack::read(self.bytes, value_at);
            self.values_at = values_at;
            Some((name, value))
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for EntryFields<'_> {}

/// An entry as a walk through a block finds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) entry: StreamEntry<'a>,
    pub(super) deleted: bool,
    /// Where the entry begins: its flags.
    pub(super) at: usize,
    /// Where the next one begins.
    pub(super) next: usize,
}

/// What the master entry says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Master {
    pub(super) live: u64,
    pub(super) deleted: u64,
    fields: usize,
    fields_at: usize,
    deleted_at: usize,
}

impl Block {
    /// A block without entries whose master entry has these fields.
    pub(super) fn new<'a>(fields: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])>) -> Block {
        let mut bytes = Vec::new();
        let mut appender = Appender::new(&mut bytes);
        appender.int(0);
        appender.int(0);
        appender.int(fields.len() as i64);
        fields.for_each(|(name, _)| appender.item(Item::of(name)));
        appender.int(0);
        appender.finish();
        Block { bytes }
    }

    /// A block of foreign bytes. None if they are not what a block must be: see [`Block::is_sound`].
    pub(super) fn from_bytes(master: StreamId, bytes: Vec<u8>) -> Option<Block> {
        let block = Block { bytes };
        (pack::check(&block.bytes) && block.is_sound(master)).then_some(block)
    }

    /// The listpack.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of memory held beside the block itself.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives back what is left over: nothing will be appended.
    pub(super) fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    #[inline]
    pub(super) fn master(&self) -> Master {
        let (live, deleted_at) = pack::read_int(&self.bytes, HEADER_BYTES);
        let (deleted, at) = pack::read_int(&self.bytes, deleted_at);
        let (fields, fields_at) = pack::read_int(&self.bytes, at);
        Master { live: live as u64, deleted: deleted as u64, fields: fields as usize, fields_at, deleted_at }
    }

    /// Where the first entry begins.
    fn first_at(&self, master: &Master) -> usize {
        // Behind the fields is the zero that closes the master entry.
        self.skip(master.fields_at, master.fields + 1)
    }

    fn skip(&self, at: usize, elements: usize) -> usize {
        (0..elements).fold(at, |at, _| pack::next(&self.bytes, at))
    }

    /// Appends an entry whose id is greater than all before.
    pub(super) fn append<'a, F>(&mut self, master: StreamId, id: StreamId, fields: F)
    where
        F: ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone,
    {
        let head = self.master();
        let same_fields = self.has_master_fields(&head, fields.clone());
        let count = fields.len() as i64;
        let mut appender = Appender::new(&mut self.bytes);
        appender.int(if same_fields { SAME_FIELDS } else { 0 });
        appender.int(id.ms.wrapping_sub(master.ms) as i64);
        appender.int(id.seq.wrapping_sub(master.seq) as i64);
        if same_fields {
            fields.for_each(|(_, value)| appender.item(Item::of(value)));
            appender.int(count + 3);
        } else {
            appender.int(count);
            fields.for_each(|(name, value)| {
                appender.item(Item::of(name));
                appender.item(Item::of(value));
            });
            appender.int(2 * count + 4);
        }
        appender.finish();
        pack::set_int(&mut self.bytes, HEADER_BYTES, head.live as i64 + 1);
    }

    fn has_master_fields<'a>(
        &self,
        head: &Master,
        fields: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> bool {
        let mut at = head.fields_at;
        head.fields == fields.len()
            && fields.into_iter().all(|(name, _)| {
                let (item, next) = pack::read(&self.bytes, at);
                at = next;
                item == Item::of(name)
            })
    }

    /// Marks the live entry at `at` as deleted without counting it: see [`Block::count_deleted`]. Entries
    /// behind it move if their block is a foreign one that stores flags in more bytes than they need.
    pub(super) fn mark_deleted(&mut self, at: usize) {
        let (flags, _) = pack::read_int(&self.bytes, at);
        pack::set_int(&mut self.bytes, at, flags | DELETED);
    }

    /// Moves `count` entries from the live to the deleted ones in the master entry. Places of entries may
    /// change.
    pub(super) fn count_deleted(&mut self, count: u64) {
        let head = self.master();
        // The second counter first: the first one may grow shorter and move it.
        pack::set_int(&mut self.bytes, head.deleted_at, (head.deleted + count) as i64);
        pack::set_int(&mut self.bytes, HEADER_BYTES, (head.live - count) as i64);
    }

    /// A walk from the first entry, deleted ones included.
    pub(super) fn entries(&self, master: StreamId) -> Walk<'_> {
        let head = self.master();
        let first_at = self.first_at(&head);
        Walk { block: self, master, head, first_at, at: first_at }
    }

    /// A walk that begins at the end.
    pub(super) fn entries_from_end(&self, master: StreamId) -> Walk<'_> {
        Walk { at: pack::end(&self.bytes), ..self.entries(master) }
    }

    /// The live entry with this id.
    pub(super) fn get(&self, master: StreamId, id: StreamId) -> Option<Found<'_>> {
        let mut walk = self.entries(master);
        let found = std::iter::from_fn(|| walk.next()).find(|found| found.entry.id >= id)?;
        (found.entry.id == id && !found.deleted).then_some(found)
    }

    /// The id of the last entry, deleted or not.
    pub(super) fn last_id(&self, master: StreamId) -> Option<StreamId> {
        self.entries_from_end(master).prev().map(|found| found.entry.id)
    }

    /// The entry at `at`, which is the beginning of one.
    #[inline]
    fn read(&self, master: StreamId, head: &Master, at: usize) -> Found<'_> {
        let bytes = &self.bytes;
        let (flags, ms_at) = pack::read_int(bytes, at);
        let (ms, seq_at) = pack::read_int(bytes, ms_at);
        let (seq, values_at) = pack::read_int(bytes, seq_at);
        let id = StreamId::new(master.ms.wrapping_add(ms as u64), master.seq.wrapping_add(seq as u64));
        let same_fields = flags & SAME_FIELDS != 0;
        let (fields, values_at, elements) = match same_fields {
            true => (head.fields, values_at, head.fields),
            false => {
                let (fields, values_at) = pack::read_int(bytes, values_at);
                (fields as usize, values_at, 2 * fields as usize)
            }
        };
        // Behind the values is the count of elements to go back.
        let next = self.skip(values_at, elements + 1);
        let entry = StreamEntry { id, bytes, names_at: head.fields_at, values_at, fields, same_fields };
        Found { entry, deleted: flags & DELETED != 0, at, next }
    }

    /// Whether a listpack is a block in every detail: the numbers of entries are right and at least one is
    /// live, every entry is complete, known flags, ids ascend from `master` on. Redis checks the same but for
    /// the order of ids.
    fn is_sound(&self, master: StreamId) -> bool {
        Sound { bytes: &self.bytes, at: HEADER_BYTES }.block(master).is_some()
    }
}

/// A position between the entries of a block.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    block: &'a Block,
    master: StreamId,
    head: Master,
    first_at: usize,
    at: usize,
}

impl<'a> Walk<'a> {
    /// The entry behind the position, which moves behind it.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Found<'a>> {
        if self.at >= pack::end(&self.block.bytes) {
            return None;
        }
        let found = self.block.read(self.master, &self.head, self.at);
        self.at = found.next;
        Some(found)
    }

    /// The entry before the position, which moves before it.
    pub(super) fn prev(&mut self) -> Option<Found<'a>> {
        if self.at <= self.first_at {
            return None;
        }
        let bytes = &self.block.bytes;
        let count_at = pack::prev(bytes, self.at);
        let (count, _) = pack::read_int(bytes, count_at);
        self.at = (0..count).fold(count_at, |at, _| pack::prev(bytes, at));
        Some(self.block.read(self.master, &self.head, self.at))
    }
}

/// Reads a listpack that is sound as such, and ends with None where it is no block.
struct Sound<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Sound<'_> {
    fn skip(&mut self) -> Option<()> {
        (self.at < pack::end(self.bytes)).then(|| self.at = pack::next(self.bytes, self.at))
    }

    fn int(&mut self) -> Option<i64> {
        if self.at >= pack::end(self.bytes) {
            return None;
        }
        let (Item::Int(value), next) = pack::read(self.bytes, self.at) else { return None };
        self.at = next;
        Some(value)
    }

    /// A count of elements: no more than there are bytes.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.int()?).ok().filter(|&count| count <= self.bytes.len())
    }

    fn block(mut self, master: StreamId) -> Option<()> {
        let (live, deleted, fields) = (self.count()?, self.count()?, self.count()?);
        (0..fields).try_for_each(|_| self.skip())?;
        (self.int()? == 0 && live > 0).then_some(())?;
        let (mut live_seen, mut deleted_seen, mut last) = (0, 0, None);
        while self.at < pack::end(self.bytes) {
            let (is_deleted, id) = self.entry(master, fields)?;
            match is_deleted {
                true => deleted_seen += 1,
                false => live_seen += 1,
            }
            if id < master || last.is_some_and(|last| last >= id) {
                return None;
            }
            last = Some(id);
        }
        (live_seen == live && deleted_seen == deleted).then_some(())
    }

    fn entry(&mut self, master: StreamId, master_fields: usize) -> Option<(bool, StreamId)> {
        let flags = self.int().filter(|flags| flags & !(DELETED | SAME_FIELDS) == 0)?;
        let (ms, seq) = (self.int()?, self.int()?);
        let elements = match flags & SAME_FIELDS {
            0 => {
                let fields = self.count()?;
                (0..2 * fields).try_for_each(|_| self.skip())?;
                2 * fields + 4
            }
            _ => {
                (0..master_fields).try_for_each(|_| self.skip())?;
                master_fields + 3
            }
        };
        (self.int()? == elements as i64).then_some(())?;
        let id = StreamId::new(master.ms.wrapping_add(ms as u64), master.seq.wrapping_add(seq as u64));
        Some((flags & DELETED != 0, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const MASTER: StreamId = StreamId::new(1000, 1);

    type Pair = (&'static [u8], &'static [u8]);

    fn block(entries: &[(StreamId, &[Pair])]) -> Block {
        let mut block = Block::new(entries[0].1.iter().copied());
        entries.iter().for_each(|(id, fields)| block.append(entries[0].0, *id, fields.iter().copied()));
        block
    }

    fn sample() -> Block {
        block(&[
            (MASTER, &[(b"a", b"1"), (b"b", b"two")]),
            (StreamId::new(1000, 2), &[(b"a", b"300"), (b"b", b"x")]),
            (StreamId::new(2000, 0), &[(b"c", b"d")]),
        ])
    }

    fn delete(block: &mut Block, id: StreamId) {
        let at = block.get(MASTER, id).unwrap().at;
        block.mark_deleted(at);
        block.count_deleted(1);
    }

    /// Every entry as `id field value ...`, a deleted one with `x` before.
    fn walked(block: &Block, master: StreamId, backward: bool) -> Vec<String> {
        let text = |found: Found<'_>| {
            let mut text = format!("{}{}", if found.deleted { "x" } else { "" }, found.entry.id);
            for (name, value) in found.entry.fields() {
                let digits = (&mut itoa::Buffer::new(), &mut itoa::Buffer::new());
                let pair = [name.bytes(digits.0), value.bytes(digits.1)];
                text.extend(pair.map(|part| format!(" {}", String::from_utf8_lossy(part))));
            }
            text
        };
        let mut walk = if backward { block.entries_from_end(master) } else { block.entries(master) };
        let step = || if backward { walk.prev() } else { walk.next() };
        std::iter::from_fn(step).map(text).collect()
    }

    #[test]
    fn the_bytes_are_those_of_a_node_of_redis() {
        let mut block = sample();
        delete(&mut block, StreamId::new(1000, 2));
        // From DUMP of redis-server 7.0.15.
        let expected = "44 00 00 00 19 00 02 01 01 01 02 01 81 61 02 81 62 02 00 01 02 01 00 01 00 01 01 01 \
            83 74 77 6f 04 05 01 03 01 00 01 01 01 c1 2c 02 81 78 02 05 01 00 01 c3 e8 02 df ff 02 01 01 81 \
            63 02 81 64 02 06 01 ff";
        let bytes: Vec<String> = block.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(bytes.join(" "), expected);
        assert!(Block::from_bytes(MASTER, block.bytes().to_vec()).is_some());
    }

    #[test]
    fn entries_are_walked_in_both_directions() {
        let mut block = sample();
        delete(&mut block, StreamId::new(1000, 2));
        let mut expected = vec!["1000-1 a 1 b two", "x1000-2 a 300 b x", "2000-0 c d"];
        assert_eq!(walked(&block, MASTER, false), expected);
        expected.reverse();
        assert_eq!(walked(&block, MASTER, true), expected);
        assert!(block.get(MASTER, StreamId::new(1000, 2)).is_none(), "it is deleted");
        assert_eq!(block.last_id(MASTER), Some(StreamId::new(2000, 0)));
    }

    #[test]
    fn counters_that_grow_wider_leave_entries_intact() {
        let last = if cfg!(miri) { 130 } else { 300 };
        let fields: &[Pair] = &[(b"a", b"b")];
        let entries: Vec<(StreamId, &[Pair])> =
            (1..=last).map(|seq| (StreamId::new(1000, seq), fields)).collect();
        let mut block = block(&entries);
        for seq in 1..last {
            delete(&mut block, StreamId::new(1000, seq));
            assert_eq!((block.master().live, block.master().deleted), (last - seq, seq));
        }
        assert!(block.is_sound(MASTER));
        assert_eq!(walked(&block, MASTER, true)[0], format!("1000-{last} a b"));
    }

    #[test]
    fn foreign_bytes_that_contradict_themselves_are_no_block() {
        let good = sample().bytes;
        let sound = |bytes: &[u8], master| Block::from_bytes(master, bytes.to_vec()).is_some();
        assert!(sound(&good, MASTER));
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            sound(&bytes, MASTER)
        };
        assert!(changed(29, b'0'), "values are free");
        assert!(!changed(6, 2) && !changed(6, 4) && !changed(8, 1), "the numbers of entries");
        assert!(!changed(10, 1) && !changed(10, 3), "the number of master fields");
        assert!(!changed(18, 1), "the end of the master entry");
        assert!(!changed(20, 6) && !changed(20, 0), "flags of the first entry");
        assert!(!changed(33, 6), "the number of elements to go back");
        assert!(!changed(39, 0), "an id that is no greater than the one before");
        assert!(!sound(&good, StreamId::new(u64::MAX, 0)), "ids that pass the end");
        assert!(!sound(&[7, 0, 0, 0, 0, 0, 0xFF], MASTER), "nothing in it");
        let mut empty = sample();
        (0..3).for_each(|index| {
            delete(
                &mut empty,
                [(1000, 1), (1000, 2), (2000, 0)].map(|(ms, seq)| StreamId::new(ms, seq))[index],
            )
        });
        assert!(!sound(&empty.bytes, MASTER), "no live entry");
    }

    #[test]
    fn random_changes_of_a_block_are_refused_or_can_be_read() {
        let (mut random, mut accepted) = (Random::new(11), 0);
        let changes = if cfg!(miri) { 100 } else { 50_000 };
        let good = sample().bytes;
        for _ in 0..changes {
            let mut bytes = good.clone();
            for _ in 0..1 + random.below(3) {
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes[at] = random.below(256) as u8,
                    1 => bytes[at] ^= 1 << random.below(8),
                    2 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, [0, 0x7F, 0x80, 0xC0, 0xE0, 0xF0, 0xF4, 0xFF][random.below(8)]),
                }
            }
            if !random.one_in(4) && bytes.len() > 4 {
                let total = bytes.len() as u32;
                bytes[..4].copy_from_slice(&total.to_le_bytes());
            }
            let Some(block) = Block::from_bytes(MASTER, bytes) else { continue };
            accepted += 1;
            let mut backward = walked(&block, MASTER, true);
            backward.reverse();
            assert_eq!(walked(&block, MASTER, false), backward);
        }
        assert!(accepted >= changes / 100, "{accepted} accepted: the changes are too wild to test anything");
    }
}
