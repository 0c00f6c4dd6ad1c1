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
//! A worker that runs a long command answers no freeze until it has done so. What nobody waits for, because
//! the node itself has asked for it ([`Asker::Dealer`]), is given up when it takes so long: the owner tells
//! all that the slot is where it was ([`SlotMoves::give_up_late`]), and clients go on.
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
        let owner = (0..SLOT_COUNT as u16).map(|slot| SlotMap::dealt(SlotId::new(slot), shards));
        SlotMap { owner: owner.collect() }
    }

    /// The shard that gets a slot when all slots are dealt to the first so many shards.
    pub(crate) fn dealt(slot: SlotId, shards: usize) -> ShardId {
        ShardId((slot.index() * shards / SLOT_COUNT) as u16)
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

    /// The owner of a slot is this one.
    #[cfg(test)]
    pub(super) fn put(&mut self, slot: SlotId, owner: ShardId) {
        self.owner[slot.index()] = owner;
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

/// Who has asked for a slot to be moved, and is told how it has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asker {
    /// A client.
    Client(Ticket),
    /// The worker that deals the slots, by its number (`dealing`).
    Dealer(ShardId),
}

/// What workers tell each other of moving slots. Delivered in order, with all other hops between two workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MoveMessage {
    /// To the owner: hand the slot to this shard, and say to the asker when it is done.
    Move(SlotId, ShardId, Asker),
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
    /// To the worker that deals: all slots to the first so many shards.
    Deal(u16),
    /// To the worker that deals: a move that it has asked for has ended, by the slot's arrival or without.
    Ended(bool),
}

/// What the driver has to do after a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MoveEvent {
    /// What waited for a slot can go on.
    Thawed,
    /// Say to the asker: the slot has moved; or it has not, because it is being moved already or could not
    /// leave.
    Finished(SlotId, Asker, bool),
    /// Deal the slots to so many shards.
    Deal(usize),
    /// A move that the dealer has asked for has ended.
    Ended(bool),
}

/// A slot that leaves this shard.
struct Departure {
    /// This shard itself if it was given up.
    to: ShardId,
    asker: Asker,
    /// Fences that are missing, and, when the slot has left, workers that have not seen it.
    missing: usize,
    stage: Stage,
    /// How often somebody has looked whether it is late.
    looks: u32,
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

/// A departure that the dealer has asked for is given up at the second look that finds it not begun: a tenth
/// of a second later at least, and a hop takes microseconds.
const LOOKS_MAX: u32 = 1;

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
    /// How many slots have left this shard.
    left: u64,
}

impl SlotMoves {
    /// How many workers there are, those without slots included.
    pub(super) fn worker_count(&self) -> usize {
        self.worker_count
    }

    /// The worker of `shard`, among so many, with the map that all begin with.
    pub(super) fn new(shard: ShardId, worker_count: usize, map: SlotMap) -> SlotMoves {
        let (departures, frozen_by) = (BTreeMap::new(), HashMap::new());
        SlotMoves { shard, worker_count, map, departures, frozen_by, unsettled: HashSet::new(), left: 0 }
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

    /// How many slots have left this shard since the start.
    pub(super) fn left(&self) -> u64 {
        self.left
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
            MoveMessage::Move(slot, to, asker) => return self.start(slot, to, asker, out),
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
                    // One that was given up has been told of by nobody else.
                    if to == self.shard && from != self.shard {
                        self.unsettled.insert(slot);
                    }
                    return Some(MoveEvent::Thawed);
                }
            }
            MoveMessage::Seen(slot) => {
                let departure = self.departures.get_mut(&slot)?;
                departure.answered();
                if departure.missing == 0 {
                    let Departure { to, asker, .. } = *departure;
                    self.departures.remove(&slot);
                    let has_left = to != self.shard;
                    if has_left {
                        self.left += 1;
                        out.push((to, MoveMessage::Settled(slot)));
                    }
                    return Some(MoveEvent::Finished(slot, asker, has_left));
                }
            }
            MoveMessage::Settled(slot) => {
                self.unsettled.remove(&slot);
            }
            MoveMessage::Deal(shards) => return Some(MoveEvent::Deal(usize::from(shards))),
            MoveMessage::Ended(is_done) => return Some(MoveEvent::Ended(is_done)),
        }
        None
    }

    fn start(
        &mut self,
        slot: SlotId,
        to: ShardId,
        asker: Asker,
        out: &mut Vec<(ShardId, MoveMessage)>,
    ) -> Option<MoveEvent> {
        let owner = self.owner(slot);
        if self.departures.contains_key(&slot) || owner == MOVING {
            return Some(MoveEvent::Finished(slot, asker, false));
        }
        if owner != self.shard {
            // It has moved since it was asked for.
            out.push((owner, MoveMessage::Move(slot, to, asker)));
            return None;
        }
        if to == self.shard {
            return Some(MoveEvent::Finished(slot, asker, true));
        }
        let (missing, stage) = (self.worker_count, Stage::Freezing);
        self.departures.insert(slot, Departure { to, asker, missing, stage, looks: 0 });
        out.extend(self.everybody().map(|worker| (worker, MoveMessage::Freeze(slot))));
        None
    }

    fn everybody(&self) -> impl Iterator<Item = ShardId> + use<> {
        (0..self.worker_count as u16).map(ShardId)
    }

    /// Slots that can leave now, and where to: the driver starts a transaction for them. All that go to one
    /// shard go together, since what is looked through for a slot (watches, waiting clients) is then looked
    /// through once.
    pub(crate) fn next_ready(&mut self, shard: &Shard) -> Option<(Vec<SlotId>, ShardId)> {
        let mut ready: Option<(Vec<SlotId>, ShardId)> = None;
        for (&slot, departure) in &mut self.departures {
            let is_frozen = departure.stage == Stage::Freezing && departure.missing == 0;
            let goes_along = ready.as_ref().is_none_or(|&(_, to)| to == departure.to);
            let can_leave = is_frozen && goes_along && !self.unsettled.contains(&slot);
            if can_leave && shard.is_slot_quiet(slot) {
                departure.stage = Stage::Leaving;
                ready.get_or_insert_with(|| (Vec::new(), departure.to)).0.push(slot);
            }
        }
        ready
    }

    /// Gives up what the dealer has asked for and has not begun since the call before the last one: a worker
    /// does not answer, or a transaction holds a key. The slots stay, and all are told.
    pub(super) fn give_up_late(&mut self, out: &mut Vec<(ShardId, MoveMessage)>) {
        let (here, workers) = (self.shard, self.worker_count as u16);
        for (&slot, departure) in &mut self.departures {
            let is_dealt = matches!(departure.asker, Asker::Dealer(_));
            if !is_dealt || departure.stage != Stage::Freezing {
                continue;
            }
            departure.looks += 1;
            if departure.looks > LOOKS_MAX {
                // Fences that are missing come before their workers see this.
                departure.missing += self.worker_count;
                (departure.stage, departure.to) = (Stage::Telling, here);
                out.extend((0..workers).map(|worker| (ShardId(worker), MoveMessage::Moved(slot, here))));
            }
        }
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
    use std::collections::VecDeque;

    use super::*;

    const CLIENT: Asker = Asker::Client(Ticket { worker: ShardId(0), connection: 0, seq: 0 });

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
        at_old.handle(old, MoveMessage::Move(slot, new, CLIENT), &mut out);
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
            (Some(MoveEvent::Finished(slot, CLIENT, true)), &[(new, MoveMessage::Settled(slot))][..])
        );
        at_new.handle(old, MoveMessage::Settled(slot), &mut out);
        assert!(at_new.may_tell(slot));
    }

    #[test]
    fn a_slot_that_is_not_here_is_asked_for_where_it_is_and_one_on_its_way_is_not_moved_again() {
        let slot = SlotId::new(9000);
        let mut moves = SlotMoves::new(ShardId(0), 2, SlotMap::dealt_to(2));
        let mut out = Vec::new();
        let message = MoveMessage::Move(slot, ShardId(0), CLIENT);
        assert_eq!(moves.handle(ShardId(0), message, &mut out), None);
        assert_eq!(out, [(ShardId(1), message)]);
        moves.handle(ShardId(1), MoveMessage::Freeze(slot), &mut out);
        assert_eq!(moves.owner(slot), MOVING);
        let again = moves.handle(ShardId(0), message, &mut out);
        assert_eq!(again, Some(MoveEvent::Finished(slot, CLIENT, false)));
    }

    /// Delivers what is in `out` to workers 0 and 1 until nothing is left; what is for the third is returned.
    fn settle(
        moves: &mut [SlotMoves; 2],
        from: usize,
        out: Vec<(ShardId, MoveMessage)>,
    ) -> (Vec<MoveMessage>, Vec<MoveEvent>) {
        let mut queue: VecDeque<_> = out.into_iter().map(|(to, message)| (from, to, message)).collect();
        let (mut stuck, mut events) = (Vec::new(), Vec::new());
        while let Some((from, to, message)) = queue.pop_front() {
            let Some(worker) = moves.get_mut(to.index()) else {
                stuck.push(message);
                continue;
            };
            let mut out = Vec::new();
            events.extend(worker.handle(ShardId(from as u16), message, &mut out));
            queue.extend(out.into_iter().map(|(next, message)| (to.index(), next, message)));
        }
        (stuck, events)
    }

    #[test]
    fn a_dealt_slot_that_cannot_leave_goes_on_where_it_is_and_one_that_a_client_moves_waits() {
        let dealer = Asker::Dealer(ShardId(1));
        for asker in [dealer, CLIENT] {
            let slot = SlotId::new(5);
            let of = |shard| SlotMoves::new(ShardId(shard), 3, SlotMap::dealt_to(3));
            let (mut moves, mut out) = ([of(0), of(1)], Vec::new());
            moves[0].handle(ShardId(1), MoveMessage::Move(slot, ShardId(1), asker), &mut out);
            let (mut stuck, _) = settle(&mut moves, 0, std::mem::take(&mut out));
            assert_eq!((moves[1].owner(slot), stuck.len()), (MOVING, 1));
            moves[0].give_up_late(&mut out);
            assert_eq!(out, [], "it may be under way");
            moves[0].give_up_late(&mut out);
            if asker == CLIENT {
                assert_eq!(out, []);
                continue;
            }
            let (more, events) = settle(&mut moves, 0, std::mem::take(&mut out));
            assert_eq!((moves[0].owner(slot), moves[1].owner(slot)), (ShardId(0), ShardId(0)));
            assert_eq!(events, [MoveEvent::Thawed; 2]);
            assert!(moves[0].may_tell(slot), "nobody else has told of it");
            let again = moves[0].handle(ShardId(1), MoveMessage::Move(slot, ShardId(1), CLIENT), &mut out);
            assert_eq!(again, Some(MoveEvent::Finished(slot, CLIENT, false)), "not all have seen it");
            // The third worker has its turn.
            stuck.extend(more);
            let mut third = of(2);
            stuck.into_iter().for_each(|message| {
                third.handle(ShardId(0), message, &mut out);
            });
            assert_eq!(third.owner(slot), ShardId(0));
            let answers = std::mem::take(&mut out).into_iter();
            let last = answers.filter_map(|(_, answer)| moves[0].handle(ShardId(2), answer, &mut out)).last();
            assert_eq!(last, Some(MoveEvent::Finished(slot, dealer, false)));
            assert_eq!((moves[0].is_busy(), moves[0].left(), out.len()), (false, 0, 0));
        }
    }
}
