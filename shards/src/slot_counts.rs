//! How many keys lie in which slots, kept so that the key of a random number is found without going through all
//! slots: however the keys are spread, also when most of them share one slot.
//!
//! Slots are counted in groups and the groups in blocks. Adding a key costs two increments, finding the group of a key
//! some dozens of comparisons. This file must not know tables or keys.

use crate::slot::{SLOT_COUNT, SlotId};

/// Slots in a group: finding a key goes through the tables of one group.
const GROUP_SLOTS: usize = 16;
const GROUPS: usize = SLOT_COUNT / GROUP_SLOTS;
/// Groups in a block: with it the search takes as many steps among blocks as within one.
const BLOCK_GROUPS: usize = 32;
const BLOCKS: usize = GROUPS / BLOCK_GROUPS;

/// The numbers of keys of one database, in all and by groups of slots. Holds no memory until the first key.
#[derive(Default)]
pub(crate) struct SlotCounts {
    total: usize,
    /// Empty, or the counts of all groups and behind them those of all blocks.
    counts: Vec<u32>,
}

impl SlotCounts {
    /// All keys.
    #[inline]
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// `count` keys more in a slot.
    #[inline]
    pub(crate) fn add(&mut self, slot: SlotId, count: usize) {
        if self.counts.is_empty() {
            self.counts = vec![0; GROUPS + BLOCKS];
        }
        let group = slot.index() / GROUP_SLOTS;
        self.total += count;
        self.counts[group] += count as u32;
        self.counts[GROUPS + group / BLOCK_GROUPS] += count as u32;
    }

    /// `count` keys fewer in a slot.
    #[inline]
    pub(crate) fn subtract(&mut self, slot: SlotId, count: usize) {
        if count == 0 {
            return;
        }
        let group = slot.index() / GROUP_SLOTS;
        self.total -= count;
        self.counts[group] -= count as u32;
        self.counts[GROUPS + group / BLOCK_GROUPS] -= count as u32;
    }

    /// The slots of the group that holds key `number` of all keys, counted from 0 in the order of the slots, and the
    /// key's number within the group.
    pub(crate) fn locate(&self, number: usize) -> Option<(std::ops::Range<usize>, usize)> {
        let mut rest = number;
        let mut skip = |counts: &[u32]| {
            counts.iter().position(|&count| {
                let is_here = rest < count as usize;
                rest -= if is_here { 0 } else { count as usize };
                is_here
            })
        };
        let block = skip(self.counts.get(GROUPS..)?)? * BLOCK_GROUPS;
        let group = block + skip(&self.counts[block..block + BLOCK_GROUPS])?;
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
        assert_eq!((counts.total(), counts.locate(number)), (number, None));
    }
}
