//! All slots to the first so many shards, as evenly as it goes: who moves which slot, and when.
//!
//! One worker deals ([`crate::router::moving::DEALER`]). By its own map it asks the owners of slots that lie
//! wrong to move them, a batch at a time, and looks again until it finds none. So it does not matter what
//! else moves slots meanwhile, nor where they were when it began.
//!
//! The next batch is asked for when the last one has ended, which all workers must have answered. So there is
//! at most one batch that waits for a worker that runs a long command, and the first batch, of one slot,
//! shows whether there is such a worker. What could not be moved ([`SlotMoves::give_up_late`]) is tried again
//! after a rest, again beginning with one slot.
//!
//! A state machine without I/O and without a clock. This file must not know why slots are dealt.
//!
//! [`SlotMoves::give_up_late`]: crate::router::slot_move

use crate::router::slot_move::{Asker, MOVING, MoveMessage, SlotMap};
use crate::slot::{SLOT_COUNT, ShardId, SlotId, SlotSet};

/// Slots that are moved at once, so that no turn takes long: a slot is some messages and a few pointers, a
/// microsecond or two, and few of the 16384 wait at any moment.
const BATCH_MAX: usize = 64;
/// A rest has so many looks at first, and at most so many: a tenth of a second, and about three.
const REST_MIN: u32 = 1;
const REST_MAX: u32 = 32;

/// Slots that are being dealt.
pub(crate) struct Dealing {
    /// To the first so many shards.
    shards: usize,
    /// The slots that are dealt.
    slots: SlotSet,
    /// Where the search goes on: at the slot of this number.
    next: u16,
    /// Nothing has been found to lie wrong, or to be on its way, since the search began anew.
    is_clean: bool,
    /// Moves that have been asked for and have not ended.
    under_way: usize,
    /// One of the batch has ended without its slot having moved.
    has_failed: bool,
    /// So many are asked for at once.
    batch: usize,
    /// Looks until the next batch.
    rest: u32,
    /// Those of the next rest.
    next_rest: u32,
    is_done: bool,
}

impl Dealing {
    /// So many moves that somebody has asked for earlier are still to end.
    pub(super) fn new(shards: usize, slots: SlotSet, under_way: usize) -> Dealing {
        Dealing {
            shards,
            slots,
            next: 0,
            is_clean: true,
            under_way,
            has_failed: false,
            batch: 1,
            rest: 0,
            next_rest: REST_MIN,
            is_done: false,
        }
    }

    /// Moves that have been asked for and have not ended.
    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    /// All slots lie where they should.
    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// The next batch can be asked for: the last one has ended, and there is no rest.
    pub(super) fn can_ask(&self) -> bool {
        self.under_way == 0 && self.rest == 0
    }

    /// To be called about ten times a second.
    pub(super) fn look(&mut self) {
        self.rest = self.rest.saturating_sub(1);
    }

    /// A move that was asked for has ended.
    pub(super) fn ended(&mut self, is_done: bool) {
        self.under_way = self.under_way.checked_sub(1).expect("each move that is asked for ends once");
        self.has_failed |= !is_done;
        if self.under_way > 0 {
            return;
        }
        if std::mem::take(&mut self.has_failed) {
            self.batch = 1;
            self.take_a_rest();
        } else {
            self.batch = (self.batch * 2).min(BATCH_MAX);
            self.next_rest = REST_MIN;
        }
    }

    fn take_a_rest(&mut self) {
        self.rest = self.next_rest;
        self.next_rest = (self.next_rest * 2).min(REST_MAX);
    }

    /// Asks the owners of the next slots that lie wrong, as the worker `dealer`, whose map this is.
    pub(super) fn ask(&mut self, dealer: ShardId, map: &SlotMap, out: &mut Vec<(ShardId, MoveMessage)>) {
        if !self.can_ask() {
            return;
        }
        // What was moved behind the search while it went on is found by a second one.
        for _ in 0..2 {
            while let Some(slot) = self.next_slot() {
                let (owner, to) = (map.owner(slot), SlotMap::dealt(slot, self.shards));
                if !self.slots.contains(slot) || owner == to {
                    continue;
                }
                self.is_clean = false;
                if owner != MOVING {
                    out.push((owner, MoveMessage::Move(slot, to, Asker::Dealer(dealer))));
                    self.under_way += 1;
                }
                if self.under_way == self.batch {
                    return;
                }
            }
            self.next = 0;
            let was_clean = std::mem::replace(&mut self.is_clean, true);
            if self.under_way > 0 {
                return;
            }
            if was_clean {
                self.is_done = true;
                return;
            }
        }
        // The only ones that lie wrong are on their way by somebody else's word.
        self.take_a_rest();
    }

    fn next_slot(&mut self) -> Option<SlotId> {
        let slot = (usize::from(self.next) < SLOT_COUNT).then(|| SlotId::new(self.next))?;
        self.next += 1;
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEALER: ShardId = ShardId(0);

    /// The slots that are asked for, of a map that is brought up to date.
    fn ask(dealing: &mut Dealing, map: &SlotMap) -> Vec<(u16, u16)> {
        let mut out = Vec::new();
        dealing.ask(DEALER, map, &mut out);
        let asked = out.into_iter().map(|(owner, message)| match message {
            MoveMessage::Move(slot, to, Asker::Dealer(DEALER)) => {
                assert_eq!(owner, map.owner(slot));
                (slot.number(), to.0)
            }
            other => panic!("{other:?} is no request for a move"),
        });
        asked.collect()
    }

    #[test]
    fn slots_are_dealt_in_batches_that_grow_until_none_lies_wrong() {
        let (mut map, mut batches) = (SlotMap::dealt_to(4), Vec::new());
        let mut dealing = Dealing::new(1, SlotSet::all(), 0);
        while !dealing.is_done() {
            let asked = ask(&mut dealing, &map);
            assert!(ask(&mut dealing, &map).is_empty(), "the batch has not ended");
            batches.push(asked.len());
            for (slot, to) in asked {
                map.put(SlotId::new(slot), ShardId(to));
                dealing.ended(true);
            }
        }
        assert_eq!(batches[..8], [1, 2, 4, 8, 16, 32, 64, 64]);
        assert_eq!(batches.iter().sum::<usize>(), SLOT_COUNT * 3 / 4);
        assert_eq!(map.ranges().count(), 1);
    }

    #[test]
    fn what_cannot_be_moved_is_tried_again_after_a_rest_and_alone() {
        let map = SlotMap::dealt_to(2);
        let mut dealing = Dealing::new(1, SlotSet::all(), 0);
        let (mut rests, mut looks) = (Vec::new(), 0);
        while rests.len() < 8 {
            if dealing.rest > 0 {
                dealing.look();
                looks += 1;
                continue;
            }
            rests.push(std::mem::take(&mut looks));
            assert_eq!(ask(&mut dealing, &map).len(), 1);
            dealing.ended(false);
        }
        assert_eq!(rests, [0, 1, 2, 4, 8, 16, 32, 32]);
    }

    #[test]
    fn slots_that_somebody_else_moves_are_waited_for_and_others_are_dealt_meanwhile() {
        let mut map = SlotMap::dealt_to(2);
        map.put(SlotId::new(9000), MOVING);
        let slots: SlotSet = [5, 9000, 9001].map(SlotId::new).into_iter().collect();
        let mut dealing = Dealing::new(1, slots, 0);
        assert_eq!(ask(&mut dealing, &map), [(9001, 0)]);
        map.put(SlotId::new(9001), ShardId(0));
        dealing.ended(true);
        assert!(ask(&mut dealing, &map).is_empty() && dealing.rest > 0 && !dealing.is_done());
        dealing.look();
        map.put(SlotId::new(9000), ShardId(0));
        assert!(ask(&mut dealing, &map).is_empty() && dealing.is_done());
    }

    #[test]
    fn moves_of_an_earlier_deal_end_before_the_next_one_begins() {
        let (mut map, slots) = (SlotMap::dealt_to(2), [8192, 8193].map(SlotId::new).into_iter().collect());
        let mut dealing = Dealing::new(2, slots, 1);
        assert!(ask(&mut dealing, &map).is_empty() && !dealing.is_done());
        // It has come to where it should be no more.
        map.put(SlotId::new(8192), ShardId(0));
        dealing.ended(true);
        assert_eq!(ask(&mut dealing, &map), [(8192, 1)]);
    }
}
