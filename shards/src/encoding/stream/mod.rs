//! Streams: entries with ascending ids, and consumer groups that read them.
//!
//! In reading order: `id` (ids and their spellings), `pack` (Redis's listpack), `block` (some entries in
//! one), `runs` (a sorted map of blocks, of pending entries), `log` (the entries), `consumers`, `groups` and
//! `claim`. Everything here is a pure data structure in Redis's terms: it must not know keys, commands,
//! replies, clocks or configuration.

mod block;
mod claim;
mod consumers;
mod groups;
pub mod id;
mod log;
mod pack;
mod runs;

pub use block::{EntryFields, StreamEntry};
pub use claim::{AutoClaim, AutoClaimed, Claim, Claimed};
pub use consumers::{Consumer, ConsumerId};
pub use groups::{Group, Groups, Pending};
pub use id::{BoundError, NewId, StreamId};
pub use log::{
    AppendError, BLOCK_BYTES_MAX, BlockLimits, Counters, Keep, Log, Range, RangeBack, SetIdError, StreamTrim,
};
pub use pack::Item;

/// A stream. Its two halves are apart, so that groups can be changed while entries are read.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The entries.
    pub log: Log,
    /// The consumer groups.
    pub groups: Groups,
}

impl Stream {
    /// Bytes of memory held, the structure itself included. Linear in the number of groups and consumers, not
    /// in that of entries.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Stream>() + self.log.memory_bytes() + self.groups.memory_bytes()
    }

    /// Frees a part and says whether anything is left. A unit of the budget is a block, a pending entry, a
    /// consumer or a group; a step may exceed it by a run of them. The stream is only good for being freed
    /// from then on.
    pub fn free_some(&mut self, budget: usize) -> bool {
        let freed = self.log.free_some(budget);
        self.groups.free_some(budget.saturating_sub(freed));
        self.log.block_count() > 0 || !self.groups.is_empty()
    }
}

#[cfg(test)]
mod group_tests;
#[cfg(test)]
mod tests;
