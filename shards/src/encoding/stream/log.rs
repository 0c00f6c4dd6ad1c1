//! The entries of a stream in the order of their ids, and the counters that tell what has been added and
//! deleted.
//!
//! Entries lie in blocks, each filed under the id of its first entry. Only the last block grows; a block goes
//! when its last live entry goes. When a new block begins and what trimming leaves is exactly as in Redis
//! (streamAppendItem, streamTrim), because clients see it. This file must not know groups, nor who asks.

use super::block::{Block, Found, StreamEntry, Walk};
use super::id::{NewId, StreamId};
use super::runs::{self, Runs};

/// Entries of more bytes of fields and values than this are refused, and blocks never grow beyond it for
/// another entry (Redis: STREAM_LISTPACK_MAX_SIZE). With it the 32-bit length of a block cannot overflow.
pub const BLOCK_BYTES_MAX: u64 = 1 << 30;

/// When a block is full. Zero is no limit.
#[derive(Clone, Copy, Debug)]
pub struct BlockLimits {
    /// Bytes of a block (stream-node-max-bytes).
    pub bytes_max: u64,
    /// Entries of a block, deleted ones included (stream-node-max-entries).
    pub entries_max: u64,
}

/// Why an entry cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// The last id that there is has been used.
    Exhausted,
    /// The id is not greater than the last one.
    NotGreater,
    /// Fields and values have more than [`BLOCK_BYTES_MAX`] bytes.
    TooLarge,
}

/// What trimming leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The last so many entries (MAXLEN).
    Len(u64),
    /// Entries from this id on (MINID).
    From(StreamId),
}

/// How to trim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamTrim {
    /// What shall stay.
    pub keep: Keep,
    /// Remove whole blocks only, and leave more entries than asked for (`~`).
    pub approximate: bool,
    /// Remove no more entries than this (LIMIT); 0 is no limit. Only counted block by block, so it needs
    /// `approximate`.
    pub limit: u64,
}

/// Why the last id and counters cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetIdError {
    /// The last id would be less than the greatest deleted one that was given with it.
    BelowGivenDeleted,
    /// The last id would be less than the greatest deleted one.
    BelowDeleted,
    /// The last id would be less than that of an entry.
    BelowLastEntry,
    /// Fewer entries would have been added than there are.
    AddedBelowLen,
}

/// The counters of a stream as they are saved (RDB).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Entries that are there.
    pub len: u64,
    /// The last id that was given to an entry or set.
    pub last_id: StreamId,
    /// The id of the first entry, `0-0` without entries.
    pub first_id: StreamId,
    /// The greatest id that was deleted, `0-0` if none. Trimming does not count.
    pub max_deleted_id: StreamId,
    /// Entries that were ever added.
    pub entries_added: u64,
}

/// The entries of a stream.
#[derive(Clone, Debug, Default)]
pub struct Log {
    blocks: Runs<StreamId, Block>,
    /// Bytes that blocks hold.
    block_bytes: usize,
    len: u64,
    last_id: StreamId,
    first_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
}

impl Log {
    /// The number of entries.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// There are no entries. The stream may exist all the same.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The length, the remarkable ids and what was ever added.
    pub fn counters(&self) -> Counters {
        Counters {
            len: self.len,
            last_id: self.last_id,
            first_id: self.first_id,
            max_deleted_id: self.max_deleted_id,
            entries_added: self.entries_added,
        }
    }

    /// The last id that was given to an entry or set: the next one is greater.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The id of the first entry, `0-0` without entries.
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// Bytes of memory held. Constant time.
    pub fn memory_bytes(&self) -> usize {
        self.block_bytes + self.blocks.memory_bytes()
    }

    /// Blocks in their order: the id that each is filed under, and its listpack. For saving.
    pub fn blocks(&self) -> impl Iterator<Item = (StreamId, &[u8])> {
        self.blocks.iter().map(|(master, block)| (*master, block.bytes()))
    }

    /// The same, from this id on.
    pub fn blocks_from(&self, id: StreamId) -> impl Iterator<Item = (StreamId, &[u8])> {
        self.blocks.range(id..).map(|(master, block)| (*master, block.bytes()))
    }

    /// The number of blocks (XINFO: radix-tree-keys).
    pub fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// How many nodes the radix tree has in which Redis would file these blocks (XINFO: radix-tree-nodes).
    /// Takes time linear in the number of blocks, some milliseconds for a hundred million entries.
    pub fn radix_tree_nodes(&self) -> usize {
        let key = |id: &StreamId| u128::from(id.ms) << 64 | u128::from(id.seq);
        let keys: Vec<u128> = self.blocks.iter().map(|(master, _)| key(master)).collect();
        radix_tree_nodes(&keys, 0)
    }

    /// Adds an entry and returns its id. `now_ms` is the Unix time in milliseconds. The last block may grow
    /// to twice its size.
    pub fn append<'a, F>(
        &mut self,
        id: NewId,
        now_ms: u64,
        fields: F,
        limits: BlockLimits,
    ) -> Result<StreamId, AppendError>
    where
        F: ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone,
    {
        if self.last_id == StreamId::MAX {
            return Err(AppendError::Exhausted);
        }
        let id = id.resolve(self.last_id, now_ms).ok_or(AppendError::NotGreater)?;
        let bytes: u64 = fields.clone().map(|(name, value)| (name.len() + value.len()) as u64).sum();
        if bytes > BLOCK_BYTES_MAX {
            return Err(AppendError::TooLarge);
        }
        match self.blocks.last_mut() {
            Some((master, block)) if has_room(block, bytes, limits) => {
                let before = block.memory_bytes();
                block.append(master, id, fields);
                self.block_bytes += block.memory_bytes() - before;
            }
            last => {
                if let Some((_, full)) = last {
                    let before = full.memory_bytes();
                    full.shrink();
                    self.block_bytes -= before - full.memory_bytes();
                }
                let mut block = Block::new(fields.clone());
                block.append(id, id, fields);
                self.block_bytes += block.memory_bytes();
                self.blocks.insert(id, block);
            }
        }
        if self.len == 0 {
            self.first_id = id;
        }
        self.len += 1;
        self.entries_added += 1;
        self.last_id = id;
        Ok(id)
    }

    /// The entry with this id.
    pub fn get(&self, id: StreamId) -> Option<StreamEntry<'_>> {
        let master = self.blocks.floor_key(id)?;
        self.blocks.get(master)?.get(master, id).map(|found| found.entry)
    }

    /// There is an entry with this id.
    pub fn contains(&self, id: StreamId) -> bool {
        self.get(id).is_some()
    }

    /// The first entry.
    pub fn first(&self) -> Option<StreamEntry<'_>> {
        self.range(StreamId::MIN, StreamId::MAX).next()
    }

    /// The last entry.
    pub fn last(&self) -> Option<StreamEntry<'_>> {
        self.range_back(StreamId::MIN, StreamId::MAX).next()
    }

    /// Entries with ids from `from` to `to`, both included, in their order. Finding the first one reads at
    /// most a block.
    pub fn range(&self, from: StreamId, to: StreamId) -> Range<'_> {
        let first_block = self.blocks.floor_key(from).unwrap_or(StreamId::MIN);
        let blocks = match from <= to {
            true => self.blocks.range(first_block..=to),
            false => self.blocks.range(to..to),
        };
        Range { blocks, walk: None, from, to }
    }

    /// The same entries in the opposite order.
    pub fn range_back(&self, from: StreamId, to: StreamId) -> RangeBack<'_> {
        let Range { blocks, walk, from, to } = self.range(from, to);
        RangeBack { blocks, walk, from, to }
    }

    /// Deletes the entries with these ids and returns how many there were.
    pub fn delete(&mut self, ids: impl IntoIterator<Item = StreamId>) -> u64 {
        let (mut deleted, mut first_gone) = (0, false);
        for id in ids {
            if self.delete_one(id) {
                deleted += 1;
                first_gone |= id == self.first_id;
                self.max_deleted_id = self.max_deleted_id.max(id);
            }
        }
        if first_gone {
            self.find_first_id();
        }
        deleted
    }

    fn delete_one(&mut self, id: StreamId) -> bool {
        let Some((master, block)) = self.blocks.floor_mut(id) else { return false };
        let Some(at) = block.get(master, id).map(|found| found.at) else { return false };
        self.len -= 1;
        if block.master().live == 1 {
            self.remove_block(master);
        } else {
            let before = block.memory_bytes();
            block.mark_deleted(at);
            block.count_deleted(1);
            self.block_bytes = self.block_bytes + block.memory_bytes() - before;
        }
        true
    }

    fn remove_block(&mut self, master: StreamId) {
        let block = self.blocks.remove(master).expect("only blocks that were found are removed");
        self.block_bytes -= block.memory_bytes();
    }

    fn find_first_id(&mut self) {
        self.first_id = self.first().map_or(StreamId::MIN, |entry| entry.id);
    }

    /// Removes entries from the front and returns how many. Whole blocks go without being read.
    pub fn trim(&mut self, trim: StreamTrim) -> u64 {
        let mut removed = 0;
        while let Some((master, block)) = self.blocks.first() {
            let (master, live) = (*master, block.master().live);
            let enough = matches!(trim.keep, Keep::Len(len) if self.len <= len);
            if enough || trim.limit != 0 && removed + live > trim.limit {
                break;
            }
            let whole = match trim.keep {
                Keep::Len(len) => self.len - live >= len,
                Keep::From(id) => block.last_id(master).is_some_and(|last| last < id),
            };
            if whole {
                self.remove_block(master);
                self.len -= live;
                removed += live;
                continue;
            }
            if !trim.approximate {
                removed += self.trim_first_block(trim.keep);
            }
            break;
        }
        if removed > 0 {
            self.find_first_id();
        }
        removed
    }

    /// Marks entries of the first block as deleted. It keeps at least one entry, live or deleted, by `keep`.
    fn trim_first_block(&mut self, keep: Keep) -> u64 {
        let Some((master, block)) = self.blocks.first_mut() else { return 0 };
        let mut places = Vec::new();
        let mut walk = block.entries(master);
        while let Some(Found { entry, deleted, at, .. }) = walk.next() {
            let stays = match keep {
                Keep::Len(len) => self.len - places.len() as u64 <= len,
                Keep::From(id) => entry.id >= id,
            };
            if stays {
                break;
            }
            if !deleted {
                places.push(at);
            }
        }
        let count = places.len() as u64;
        self.len -= count;
        if count == block.master().live {
            // What stays by its id is deleted already. Redis keeps such a block and then refuses to load it.
            self.remove_block(master);
        } else {
            let before = block.memory_bytes();
            // From the last to the first: a mark may move what lies behind it.
            places.into_iter().rev().for_each(|at| block.mark_deleted(at));
            block.count_deleted(count);
            self.block_bytes = self.block_bytes + block.memory_bytes() - before;
        }
        count
    }

    /// Sets the last id, and the other two counters if they are given (XSETID). A greatest deleted id of
    /// `0-0` counts as none.
    pub fn set_last_id(
        &mut self,
        last_id: StreamId,
        entries_added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) -> Result<(), SetIdError> {
        let max_deleted_id = max_deleted_id.unwrap_or_default();
        if last_id < max_deleted_id {
            return Err(SetIdError::BelowGivenDeleted);
        }
        if last_id < self.max_deleted_id {
            return Err(SetIdError::BelowDeleted);
        }
        if self.last().is_some_and(|last| last_id < last.id) {
            return Err(SetIdError::BelowLastEntry);
        }
        if entries_added.is_some_and(|added| added < self.len) {
            return Err(SetIdError::AddedBelowLen);
        }
        self.last_id = last_id;
        self.entries_added = entries_added.unwrap_or(self.entries_added);
        if max_deleted_id != StreamId::MIN {
            self.max_deleted_id = max_deleted_id;
        }
        Ok(())
    }

    /// Appends a block of foreign bytes (RDB, RESTORE). False, and nothing has changed, if it is no block in
    /// all its details or does not come behind what is there.
    pub fn load_block(&mut self, master: StreamId, bytes: Vec<u8>) -> bool {
        let in_order = match self.blocks.last() {
            Some((before, block)) => block.last_id(*before).is_none_or(|last| last < master),
            None => true,
        };
        let Some(block) = Block::from_bytes(master, bytes).filter(|_| in_order) else { return false };
        self.len += block.master().live;
        self.block_bytes += block.memory_bytes();
        self.blocks.insert(master, block);
        true
    }

    /// Sets what was saved beside the blocks, when all are loaded. False if it contradicts them. `first_id`
    /// is not believed but looked up. A last id below that of a deleted entry, which XSETID of Redis 6 could
    /// leave behind, becomes that one: a block's ids must ascend whatever is appended.
    pub fn load_counters(&mut self, saved: Counters) -> bool {
        let last = self.last().map_or(StreamId::MIN, |last| last.id);
        if saved.len != self.len || saved.last_id < last || saved.entries_added < self.len {
            return false;
        }
        let last_filed = self.blocks.last().and_then(|(master, block)| block.last_id(*master));
        self.last_id = last_filed.map_or(saved.last_id, |filed| filed.max(saved.last_id));
        self.max_deleted_id = saved.max_deleted_id;
        self.entries_added = saved.entries_added;
        self.find_first_id();
        true
    }

    /// How many entries had been added when the one with this id was, itself included. None where that cannot
    /// be known: inside the stream, behind its end, or with deleted entries behind it (Redis:
    /// streamEstimateDistanceFromFirstEverEntry).
    pub fn added_up_to(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.len == 0 && id <= self.last_id {
            return Some(self.entries_added);
        }
        if id != StreamId::MIN && id < self.max_deleted_id {
            return None;
        }
        if id >= self.last_id {
            return (id == self.last_id).then_some(self.entries_added);
        }
        let whole = self.max_deleted_id == StreamId::MIN || self.max_deleted_id < self.first_id;
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less if whole => Some(self.entries_added - self.len),
            std::cmp::Ordering::Equal if whole => Some(self.entries_added - self.len + 1),
            _ => None,
        }
    }

    /// Whether entries from `id` on may be missing between others (Redis: streamRangeHasTombstones).
    pub fn has_deleted_from(&self, id: StreamId) -> bool {
        self.len > 0 && self.max_deleted_id != StreamId::MIN && id <= self.max_deleted_id
    }

    /// Drops `budget` blocks and up to a run of them more, and returns how many. Counters are wrong from then
    /// on: the log is only good for being freed.
    pub(super) fn free_some(&mut self, budget: usize) -> usize {
        let mut freed = 0;
        while freed < budget {
            let Some(run) = self.blocks.pop_run() else { break };
            freed += run.len();
            self.block_bytes -= run.iter().map(|(_, block)| block.memory_bytes()).sum::<usize>();
        }
        freed
    }

    /// Panics if an invariant is broken.
    #[cfg(test)]
    pub(super) fn check(&self) {
        self.blocks.check();
        let mut last = None;
        for (master, block) in self.blocks.iter() {
            assert!(last < Some(*master), "blocks are in order");
            assert!(Block::from_bytes(*master, block.bytes().to_vec()).is_some(), "every block is sound");
            last = block.last_id(*master);
        }
        assert!(last <= Some(self.last_id));
        let blocks = || self.blocks.iter().map(|(_, block)| block);
        assert_eq!(blocks().map(|block| block.master().live).sum::<u64>(), self.len);
        assert_eq!(blocks().map(Block::memory_bytes).sum::<usize>(), self.block_bytes);
        assert_eq!(self.first().map_or(StreamId::MIN, |entry| entry.id), self.first_id);
        assert!(self.entries_added >= self.len);
    }
}

/// Whether an entry of so many bytes of fields and values still goes into this block.
fn has_room(block: &Block, bytes: u64, limits: BlockLimits) -> bool {
    let bytes_max = match limits.bytes_max {
        0 => BLOCK_BYTES_MAX,
        max => max.min(BLOCK_BYTES_MAX),
    };
    let head = block.master();
    block.bytes().len() as u64 + bytes < bytes_max
        && (limits.entries_max == 0 || head.live + head.deleted < limits.entries_max)
}

/// The nodes of a radix tree below a node of this depth, for ascending keys of 16 bytes that agree up to it:
/// one for the end of each key, one for each branch, and one for each stretch without branches (Redis:
/// rax.c).
fn radix_tree_nodes(keys: &[u128], depth: u32) -> usize {
    match keys {
        [] => 1,
        [_] => 1 + usize::from(depth < 16),
        [first, .., last] => {
            let branch = (first ^ last).leading_zeros() / 8;
            let prefix = |key: &u128| key >> (8 * (15 - branch));
            let children = keys.chunk_by(|a, b| prefix(a) == prefix(b));
            let below: usize = children.map(|child| radix_tree_nodes(child, branch + 1)).sum();
            1 + usize::from(branch > depth) + below
        }
    }
}

/// Entries of a range in their order.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    blocks: runs::Iter<'a, StreamId, Block>,
    walk: Option<Walk<'a>>,
    from: StreamId,
    to: StreamId,
}

impl<'a> Iterator for Range<'a> {
    type Item = StreamEntry<'a>;

    fn next(&mut self) -> Option<StreamEntry<'a>> {
        loop {
            let Some(found) = self.walk.as_mut().and_then(Walk::next) else {
                let (master, block) = self.blocks.next()?;
                self.walk = Some(block.entries(*master));
                continue;
            };
            let id = found.entry.id;
            if id > self.to {
                // What follows is behind the range too, in this block and in all others.
                self.blocks.end();
                self.walk = None;
                return None;
            }
            if id >= self.from && !found.deleted {
                return Some(found.entry);
            }
        }
    }
}

/// Entries of a range from the last to the first.
#[derive(Clone, Debug)]
pub struct RangeBack<'a> {
    blocks: runs::Iter<'a, StreamId, Block>,
    walk: Option<Walk<'a>>,
    from: StreamId,
    to: StreamId,
}

impl<'a> Iterator for RangeBack<'a> {
    type Item = StreamEntry<'a>;

    fn next(&mut self) -> Option<StreamEntry<'a>> {
        loop {
            let Some(found) = self.walk.as_mut().and_then(Walk::prev) else {
                let (master, block) = self.blocks.next_back()?;
                self.walk = Some(block.entries_from_end(*master));
                continue;
            };
            let id = found.entry.id;
            if id < self.from {
                self.blocks.end();
                self.walk = None;
                return None;
            }
            if id <= self.to && !found.deleted {
                return Some(found.entry);
            }
        }
    }
}
