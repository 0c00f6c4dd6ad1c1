//! How many keys lie in which slots, kept so that the key of a random number is found without going through
//! all slots: however the keys are spread, also when most of them share one slot.
//!
//! Slots are counted in groups and the groups in blocks. Adding a key costs two increments, finding the group
//! of a key some dozens of comparisons. This file must not know tables or keys.

use crate::slot::{SLOT_COUNT, SlotId};

/// Slots in a group: finding a key goes through the tables of one group.
pub(crate) const GROUP_SLOTS: usize = 16;
const GROUPS: usize = SLOT_COUNT / GROUP_SLOTS;
/// Groups in a block: with it the search takes as many steps among blocks as within one.
const BLOCK_GROUPS: usize = 32;
const BLOCKS: usize = GROUPS / BLOCK_GROUPS;

/// The numbers of keys of one database by groups of slots: 4 KB.
pub(crate) struct SlotCounts {
    groups: [u32; GROUPS],
    blocks: [u32; BLOCKS],
}

impl Default for SlotCounts {
    fn default() -> SlotCounts {
        SlotCounts { groups: [0; GROUPS], blocks: [0; BLOCKS] }
    }
}

impl SlotCounts {
    /// `count` keys more in a slot.
    #[inline]
    pub(crate) fn add(&mut self, slot: SlotId, count: usize) {
        let group = slot.index() / GROUP_SLOTS;
        self.groups[group] += count as u32;
        self.blocks[group / BLOCK_GROUPS] += count as u32;
    }

    /// `count` keys fewer in a slot.
    #[inline]
    pub(crate) fn subtract(&mut self, slot: SlotId, count: usize) {
        let group = slot.index() / GROUP_SLOTS;
        self.groups[group] -= count as u32;
        self.blocks[group / BLOCK_GROUPS] -= count as u32;
    }

    /// True when none of the slots in the groups that begin with `slot` has a key.
    #[inline]
    pub(crate) fn are_empty(&self, slot: usize, slots: usize) -> bool {
        let groups = &self.groups[slot / GROUP_SLOTS..(slot + slots) / GROUP_SLOTS];
        groups.iter().all(|&count| count == 0)
    }

    /// The slots of the group that holds key `number` of all keys, counted from 0 in the order of the slots,
    /// and the key's number within the group.
    pub(crate) fn locate(&self, number: usize) -> Option<(std::ops::Range<usize>, usize)> {
        let mut rest = number;
        let mut skip = |counts: &[u32]| {
            counts.iter().position(|&count| {
                let is_here = rest < count as usize;
                rest -= if is_here { 0 } else { count as usize };
                is_here
            })
        };
        let block = skip(&self.blocks)? * BLOCK_GROUPS;
        let group = block + skip(&self.groups[block..block + BLOCK_GROUPS])?;
        Some((group * GROUP_SLOTS..(group + 1) * GROUP_SLOTS, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_located_in_the_group_of_its_slot() {
        let mut counts = SlotCounts::default();
        assert_eq!(counts.locate(0), None);
        let keys = [(0, 2), (15, 1), (16, 3), (700, 5), (16383, 4)];
        for (slot, count) in keys {
            counts.add(SlotId::new(slot), count + 7);
            counts.subtract(SlotId::new(slot), 7);
        }
        let mut number = 0;
        let mut in_group = (0..0, 0);
        for (slot, count) in keys {
            for _ in 0..count {
                let (group, rest) = counts.locate(number).unwrap();
                assert!(group.contains(&(slot as usize)), "{number}");
                in_group = if in_group.0 == group { (group, in_group.1 + 1) } else { (group, 0) };
                assert_eq!(rest, in_group.1, "{number}");
                number += 1;
            }
        }
        assert_eq!(counts.locate(number), None);
        assert!(!counts.are_empty(0, 32) && counts.are_empty(32, 32) && !counts.are_empty(16352, 32));
    }
}
