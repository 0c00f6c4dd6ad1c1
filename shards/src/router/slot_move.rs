//! Which shard owns which slot, and how a slot changes hands while clients write to it.
//!
//! Every worker has a [`SlotMap`] of its own, so routing reads no shared memory. A slot is handed over by its
//! owner:
//!
//! 1. The owner tells all workers to *freeze* the slot. From then on a worker sends no command for it: what
//!    its clients ask of the slot waits, other slots are not concerned. It answers with a *fence*. Hops
//!    between two workers keep their order, so behind the last fence no command for the slot is on its way to
//!    the owner.
//! 2. When all fences have come, and no transaction holds a key of the slot and no command for it is parked,
//!    the slot is handed over by pointer, in a transaction between the two shards (`Part::Depart`,
//!    `Part::Arrive`): it conflicts with those that lock whole shards, so that DBSIZE counts the slot once
//!    and FLUSHALL empties it. From its first lock on until the slot has left, the owner wakes no client for
//!    a key of it (`Shard::is_leaving`): also when the new owner refuses, the next lock is asked for before
//!    the first one is given up.
//! 3. When the slot has arrived all workers are told, what waited goes on, and the move is done when all have
//!    seen it.
//! 4. Then the new owner is told that it is settled. What the old owner has told of keys of the slot
//!    (keyspace notifications) came to each worker before the news of step 3; what the new one has to tell of
//!    them it keeps until now ([`SlotMoves::may_tell`]), so that no worker hears of a key's changes in
//!    another order.
//!
//! So no command meets a slot that is not there, none is lost, and two of one connection keep their order.
//! What waits does so for two or three hops, some ten microseconds. Watches of the slot's keys go with it,
//! expires are part of its tables, and SCAN asks slot by slot.
//!
//! A state machine without I/O, as all of the transactions: the server and the simulation drive it.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::shard::Shard;
use crate::slot::{SLOT_COUNT, ShardId, SlotId, SlotSet};
use crate::txn::Ticket;

/// In the place of an owner: the slot is on its way. No shard has this number.
pub(super) const MOVING: ShardId = ShardId(u16::MAX);

/// Which shard owns which slot. One per worker.
#[derive(Clone)]
pub struct SlotMap {
    owner: Box<[ShardId]>,
}

impl SlotMap {
    /// All slots dealt to `shards` shards in ranges of about the same size.
    pub fn dealt_to(shards: usize) -> SlotMap {
        let owner = (0..SLOT_COUNT).map(|slot| ShardId((slot * shards / SLOT_COUNT) as u16));
        SlotMap { owner: owner.collect() }
    }

    /// The slots that a shard owns.
    pub(super) fn owned_by(&self, shard: ShardId) -> SlotSet {
        (0..SLOT_COUNT as u16).map(SlotId::new).filter(|&slot| self.owner(slot) == shard).collect()
    }

    /// The shard that owns a slot; [`MOVING`] while it is on its way.
    #[inline]
    pub fn owner(&self, slot: SlotId) -> ShardId {
        self.owner[slot.index()]
    }

    /// Runs of neighbouring slots that have the same owner: first slot, last slot, owner.
    pub fn ranges(&self) -> impl Iterator<Item = (u16, u16, ShardId)> {
        let mut start = 0;
        self.owner.chunk_by(|one, other| one == other).map(move |run| {
            let first = start;
            start += run.len();
            (first as u16, (start - 1) as u16, run[0])
        })
    }
}

/// What workers tell each other of moving slots. Delivered in order, with all other hops between two workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MoveMessage {
    /// To the owner: hand the slot to this shard, and say to the ticket when it is done.
    Move(SlotId, ShardId, Ticket),
    /// From the owner to all: send me no more commands for this slot.
    Freeze(SlotId),
    /// To the owner: nothing for this slot comes behind this.
    Fence(SlotId),
    /// From the old owner to all: the slot is there now.
    Moved(SlotId, ShardId),
    /// To the old owner: I have seen it.
    Seen(SlotId),
    /// From the old owner to the new one: all have seen it.
    Settled(SlotId),
}

impl MoveMessage {
    /// The slot that it is about.
    pub fn slot(self) -> SlotId {
        match self {
            MoveMessage::Move(slot, ..)
            | MoveMessage::Freeze(slot)
            | MoveMessage::Fence(slot)
            | MoveMessage::Moved(slot, _)
            | MoveMessage::Seen(slot)
            | MoveMessage::Settled(slot) => slot,
        }
    }
}

/// What the driver has to do after a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MoveEvent {
    /// What waited for a slot can go on.
    Thawed,
    /// Reply to the ticket: done, or refused because the slot is being moved already.
    Finished(Ticket, bool),
}

/// A slot that leaves this shard.
struct Departure {
    to: ShardId,
    ticket: Ticket,
    /// Fences that are missing; then, when the slot has left, workers that have not seen it.
    missing: usize,
    stage: Stage,
}

impl Departure {
    /// One of the workers has answered what all have been asked.
    fn answered(&mut self) {
        self.missing = self.missing.checked_sub(1).expect("each worker answers once");
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Freezing,
    Leaving,
    Telling,
}

/// The slot map of one worker and the moves of its slots. One per worker.
pub(super) struct SlotMoves {
    shard: ShardId,
    /// All of them route by maps of their own: those of the shards, and such as have none.
    worker_count: usize,
    map: SlotMap,
    departures: BTreeMap<SlotId, Departure>,
    /// Who has frozen the slots that are on their way: only its word counts for where they are. What a slower
    /// one says of the move before comes too late.
    frozen_by: HashMap<SlotId, ShardId>,
    /// Slots that have arrived at this shard, which not everybody has seen.
    unsettled: HashSet<SlotId>,
}

impl SlotMoves {
    /// How many workers there are, those without slots included.
    pub(super) fn worker_count(&self) -> usize {
        self.worker_count
    }

    /// The worker of `shard`, among so many, with the map that all begin with.
    pub(super) fn new(shard: ShardId, worker_count: usize, map: SlotMap) -> SlotMoves {
        let (departures, frozen_by) = (BTreeMap::new(), HashMap::new());
        SlotMoves { shard, worker_count, map, departures, frozen_by, unsettled: HashSet::new() }
    }

    /// The shard that owns a slot; [`MOVING`] while it is on its way.
    #[inline]
    pub(super) fn owner(&self, slot: SlotId) -> ShardId {
        self.map.owner(slot)
    }

    /// The map.
    pub(super) fn map(&self) -> &SlotMap {
        &self.map
    }

    /// True while slots of this shard are about to leave: the driver asks [`SlotMoves::next_ready`] in each
    /// turn.
    #[inline]
    pub(super) fn is_busy(&self) -> bool {
        !self.departures.is_empty()
    }

    /// True for a slot of this shard that leaves as soon as nothing here waits for its keys.
    pub(super) fn is_to_leave(&self, slot: SlotId) -> bool {
        self.departures.get(&slot).is_some_and(|departure| departure.stage == Stage::Freezing)
    }

    /// True when this shard may tell now what happens to keys of the slot, which lies here: all have heard,
    /// or will hear before, what another owner has told of them.
    pub(super) fn may_tell(&self, slot: SlotId) -> bool {
        let has_come = || self.frozen_by.get(&slot).is_none_or(|&owner| owner == self.shard);
        !self.unsettled.contains(&slot) && has_come()
    }

    /// Handles a message of a worker, this one included. Answers go to `out`.
    pub(super) fn handle(
        &mut self,
        from: ShardId,
        message: MoveMessage,
        out: &mut Vec<(ShardId, MoveMessage)>,
    ) -> Option<MoveEvent> {
        match message {
            MoveMessage::Move(slot, to, ticket) => return self.start(slot, to, ticket, out),
            MoveMessage::Freeze(slot) => {
                self.map.owner[slot.index()] = MOVING;
                self.frozen_by.insert(slot, from);
                out.push((from, MoveMessage::Fence(slot)));
            }
            MoveMessage::Fence(slot) => {
                if let Some(departure) = self.departures.get_mut(&slot) {
                    departure.answered();
                }
            }
            MoveMessage::Moved(slot, to) => {
                out.push((from, MoveMessage::Seen(slot)));
                if self.frozen_by.get(&slot) == Some(&from) {
                    self.frozen_by.remove(&slot);
                    self.map.owner[slot.index()] = to;
                    if to == self.shard {
                        self.unsettled.insert(slot);
                    }
                    return Some(MoveEvent::Thawed);
                }
            }
            MoveMessage::Seen(slot) => {
                let departure = self.departures.get_mut(&slot)?;
                departure.answered();
                if departure.missing == 0 {
                    let Departure { to, ticket, .. } = *departure;
                    self.departures.remove(&slot);
                    out.push((to, MoveMessage::Settled(slot)));
                    return Some(MoveEvent::Finished(ticket, true));
                }
            }
            MoveMessage::Settled(slot) => {
                self.unsettled.remove(&slot);
            }
        }
        None
    }

    fn start(
        &mut self,
        slot: SlotId,
        to: ShardId,
        ticket: Ticket,
        out: &mut Vec<(ShardId, MoveMessage)>,
    ) -> Option<MoveEvent> {
        let owner = self.owner(slot);
        if self.departures.contains_key(&slot) || owner == MOVING {
            return Some(MoveEvent::Finished(ticket, false));
        }
        if owner != self.shard {
            // It has moved since it was asked for.
            out.push((owner, MoveMessage::Move(slot, to, ticket)));
            return None;
        }
        if to == self.shard {
            return Some(MoveEvent::Finished(ticket, true));
        }
        let departure = Departure { to, ticket, missing: self.worker_count, stage: Stage::Freezing };
        self.departures.insert(slot, departure);
        out.extend(self.everybody().map(|worker| (worker, MoveMessage::Freeze(slot))));
        None
    }

    fn everybody(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.worker_count as u16).map(ShardId)
    }

    /// A slot that can leave now, and where to: the driver starts its transaction.
    pub(crate) fn next_ready(&mut self, shard: &Shard) -> Option<(SlotId, ShardId)> {
        let is_ready = |slot: &SlotId, departure: &Departure| {
            let is_frozen = departure.stage == Stage::Freezing && departure.missing == 0;
            is_frozen && !self.unsettled.contains(slot) && shard.is_slot_quiet(*slot)
        };
        let ready = self.departures.iter_mut().find(|(slot, departure)| is_ready(slot, departure));
        let (&slot, departure) = ready?;
        departure.stage = Stage::Leaving;
        Some((slot, departure.to))
    }

    /// The slot has arrived: everybody is told.
    pub(super) fn arrived(&mut self, slot: SlotId, out: &mut Vec<(ShardId, MoveMessage)>) {
        let Some(departure) = self.departures.get_mut(&slot) else { return };
        departure.stage = Stage::Telling;
        departure.missing = self.worker_count;
        let to = departure.to;
        out.extend(self.everybody().map(|worker| (worker, MoveMessage::Moved(slot, to))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKET: Ticket = Ticket { worker: ShardId(0), connection: 0, seq: 0 };

    #[test]
    fn a_map_is_told_in_ranges() {
        let mut map = SlotMap::dealt_to(2);
        map.owner[5] = ShardId(1);
        let ranges: Vec<_> = map.ranges().map(|(first, last, owner)| (first, last, owner.0)).collect();
        assert_eq!(ranges, [(0, 4, 0), (5, 5, 1), (6, 8191, 0), (8192, 16383, 1)]);
        assert!(map.owned_by(ShardId(1)).contains(SlotId::new(5)));
        assert!(!map.owned_by(ShardId(0)).contains(SlotId::new(5)));
    }

    #[test]
    fn news_of_an_earlier_move_does_not_thaw_a_slot_that_moves_on() {
        let slot = SlotId::new(5);
        let mut moves = SlotMoves::new(ShardId(2), 3, SlotMap::dealt_to(3));
        let mut out = Vec::new();
        moves.handle(ShardId(0), MoveMessage::Freeze(slot), &mut out);
        moves.handle(ShardId(1), MoveMessage::Freeze(slot), &mut out);
        out.clear();
        // That it has come to shard 1, which has let it go already.
        let late = moves.handle(ShardId(0), MoveMessage::Moved(slot, ShardId(1)), &mut out);
        assert_eq!((late, moves.owner(slot)), (None, MOVING));
        assert_eq!(out, [(ShardId(0), MoveMessage::Seen(slot))]);
        let news = moves.handle(ShardId(1), MoveMessage::Moved(slot, ShardId(2)), &mut out);
        assert_eq!((news, moves.owner(slot)), (Some(MoveEvent::Thawed), ShardId(2)));
        moves.handle(ShardId(0), MoveMessage::Moved(slot, ShardId(1)), &mut out);
        assert_eq!(moves.owner(slot), ShardId(2));
    }

    #[test]
    fn a_new_owner_tells_nothing_before_all_have_seen_the_slot_arrive_and_the_old_one_until_it_leaves() {
        let (old, new, third) = (ShardId(0), ShardId(1), ShardId(2));
        let slot = SlotId::new(5);
        let moves_of = |shard| SlotMoves::new(shard, 3, SlotMap::dealt_to(3));
        let (mut at_old, mut at_new, mut out) = (moves_of(old), moves_of(new), Vec::new());
        at_old.handle(old, MoveMessage::Move(slot, new, TICKET), &mut out);
        at_old.handle(old, MoveMessage::Freeze(slot), &mut out);
        assert!(at_old.may_tell(slot));
        at_new.handle(old, MoveMessage::Freeze(slot), &mut out);
        assert!(!at_new.may_tell(slot));
        assert_eq!(at_new.handle(old, MoveMessage::Moved(slot, new), &mut out), Some(MoveEvent::Thawed));
        assert!(!at_new.may_tell(slot));
        for worker in [old, new, third] {
            at_old.handle(worker, MoveMessage::Fence(slot), &mut out);
        }
        at_old.arrived(slot, &mut out);
        at_old.handle(old, MoveMessage::Seen(slot), &mut out);
        at_old.handle(new, MoveMessage::Seen(slot), &mut out);
        out.clear();
        let end = at_old.handle(third, MoveMessage::Seen(slot), &mut out);
        assert_eq!(
            (end, &out[..]),
            (Some(MoveEvent::Finished(TICKET, true)), &[(new, MoveMessage::Settled(slot))][..])
        );
        at_new.handle(old, MoveMessage::Settled(slot), &mut out);
        assert!(at_new.may_tell(slot));
    }

    #[test]
    fn a_slot_that_is_not_here_is_asked_for_where_it_is_and_one_on_its_way_is_not_moved_again() {
        let slot = SlotId::new(9000);
        let mut moves = SlotMoves::new(ShardId(0), 2, SlotMap::dealt_to(2));
        let mut out = Vec::new();
        let message = MoveMessage::Move(slot, ShardId(0), TICKET);
        assert_eq!(moves.handle(ShardId(0), message, &mut out), None);
        assert_eq!(out, [(ShardId(1), message)]);
        moves.handle(ShardId(1), MoveMessage::Freeze(slot), &mut out);
        assert_eq!(moves.owner(slot), MOVING);
        let again = moves.handle(ShardId(0), message, &mut out);
        assert_eq!(again, Some(MoveEvent::Finished(TICKET, false)));
    }
}
