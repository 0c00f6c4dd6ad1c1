//! Slots that change hands: what happens in which order is decided in [`crate::router::slot_move`]; here its
//! messages travel, requests wait, and what waited goes on. And what of the keys of such a slot may be told,
//! and when.

use crate::error::CommandError;
use crate::notify::Notice;
use crate::reply::Reply;
use crate::router::Router;
use crate::router::dealing::Dealing;
use crate::router::slot_move::{Asker, MoveEvent, MoveMessage};
use crate::router::step::Step;
use crate::router::wire::{Sight, Wire};
use crate::slot::{ShardId, SlotId, SlotSet};
use crate::txn::Ticket;

/// The worker that deals slots to shards.
pub const DEALER: ShardId = ShardId(0);

impl Router {
    /// True while slots of this shard are about to leave, or this worker is to deal some:
    /// [`Router::advance_moves`] is to be called in each turn.
    #[inline]
    pub fn is_moving(&self) -> bool {
        let may_ask = self.dealing.as_ref().is_some_and(|dealing| dealing.can_ask());
        self.slots.is_busy() || (may_ask && !self.is_dealing_paused)
    }

    /// No more slots are dealt from now on, or they are dealt again. Moves that were asked for go on.
    pub fn pause_dealing(&mut self, is_paused: bool) {
        self.is_dealing_paused = is_paused;
    }

    /// True while slots leave this worker, or moves have not ended that it has asked others for.
    pub fn has_moves_under_way(&self) -> bool {
        self.slots.is_busy() || self.dealing.as_ref().is_some_and(|dealing| dealing.under_way() > 0)
    }

    /// True while this worker deals slots.
    pub fn is_dealing(&self) -> bool {
        self.dealing.is_some()
    }

    /// How many slots have left this worker's shard since the start.
    pub fn slots_left(&self) -> u64 {
        self.slots.left()
    }

    /// Has all slots dealt to the first so many shards, evenly, by the worker that deals ([`DEALER`]). A
    /// later word takes the place of this one.
    pub fn deal_slots<W: Wire>(&mut self, shards: usize, wire: &mut W) {
        let shards = shards.clamp(1, self.shard_count);
        self.send_moves(vec![(DEALER, MoveMessage::Deal(shards as u16))], wire);
    }

    /// Looks for moves that do not get on. To be called by every worker, about ten times a second.
    pub fn look_after_moves<W: Wire>(&mut self, wire: &mut W) {
        if let Some(dealing) = &mut self.dealing {
            dealing.look();
        }
        if self.slots.is_busy() {
            let mut out = Vec::new();
            self.slots.give_up_late(&mut out);
            self.send_moves(out, wire);
        }
    }

    /// Deals these slots, as the worker that does so.
    pub(crate) fn begin_to_deal(&mut self, shards: usize, slots: SlotSet) {
        let under_way = self.dealing.take().map_or(0, |dealing| dealing.under_way());
        self.dealing = Some(Box::new(Dealing::new(shards, slots, under_way)));
    }

    /// Lets a connection wait: its request concerns a slot that is on its way.
    #[cold]
    pub(super) fn await_slot(&mut self, connection: u32) -> Step {
        self.awaiting_slot.add(connection);
        Step::Slot
    }

    /// Moves a slot to a shard that is there, on behalf of a connection, which waits for the end.
    pub fn move_slot<W: Wire>(
        &mut self,
        slot: SlotId,
        to: ShardId,
        connection: u32,
        wanted: bool,
        wire: &mut W,
    ) -> Step {
        let seq = wire.replies(connection).reserve(wanted);
        let ticket = Ticket { worker: self.id, connection, seq };
        self.take_move(self.id, MoveMessage::Move(slot, to, Asker::Client(ticket)), wire);
        Step::Reply
    }

    /// Takes a message about a slot that moves.
    pub fn take_move<W: Wire>(&mut self, from: ShardId, message: MoveMessage, wire: &mut W) {
        let mut out = Vec::new();
        match self.slots.handle(from, message, &mut out) {
            Some(MoveEvent::Thawed) => self.thaw(wire),
            Some(MoveEvent::Finished(slot, asker, is_done)) => {
                wire.saw(Sight::Moved(is_done));
                match asker {
                    Asker::Client(ticket) => self.deliver(ticket, &move_reply(slot, is_done), wire),
                    Asker::Dealer(dealer) => out.push((dealer, MoveMessage::Ended(is_done))),
                }
            }
            Some(MoveEvent::Deal(shards)) => self.begin_to_deal(shards, SlotSet::all()),
            Some(MoveEvent::Ended(is_done)) => {
                if let Some(dealing) = &mut self.dealing {
                    dealing.ended(is_done);
                }
            }
            None => {}
        }
        self.send_moves(out, wire);
    }

    /// Goes on with all that waited for a slot to arrive.
    fn thaw<W: Wire>(&mut self, wire: &mut W) {
        for connection in self.awaiting_slot.take() {
            wire.look_at(connection);
        }
        // Before transactions go on: a WATCH among them may be of the same client and key, and later.
        for watched in std::mem::take(&mut self.unwatch_later) {
            self.unwatch_keys(&watched);
        }
        self.deliver_served(wire);
        self.with_coordinator(|coordinator, owners, shard, out| coordinator.resume(owners, shard, out));
        for (ticket, walk) in std::mem::take(&mut self.walks_later) {
            self.walk_on(ticket, walk, wire);
        }
        self.send_outbox(wire);
    }

    /// Starts the moves of slots that can leave now, tells of those that have arrived, and goes on dealing.
    /// Once a turn.
    pub fn advance_moves<W: Wire>(&mut self, wire: &mut W) {
        while let Some((slots, to)) = self.slots.next_ready(&self.shard) {
            self.with_coordinator(|coordinator, owners, shard, out| {
                coordinator.start_move(&slots, to, owners, shard, out);
            });
            self.send_outbox(wire);
        }
        let mut out = Vec::new();
        for slot in self.coordinator.take_arrived() {
            // Whoever hears that it has moved has heard all that there was to tell of it here.
            self.tell_notices(wire);
            self.slots.arrived(slot, &mut out);
        }
        if let Some(dealing) = self.dealing.as_mut().filter(|_| !self.is_dealing_paused) {
            dealing.ask(self.id, self.slots.map(), &mut out);
            if dealing.is_done() {
                self.dealing = None;
            }
        }
        self.send_moves(out, wire);
    }

    fn send_moves<W: Wire>(&mut self, messages: Vec<(ShardId, MoveMessage)>, wire: &mut W) {
        for (to, message) in messages {
            if to == self.id {
                self.take_move(to, message, wire);
            } else {
                wire.moving(to, message);
            }
        }
    }

    /// Tells what has happened to keys of this worker's shard since the last call. What happens to a key on
    /// its way from another shard waits until all workers have heard what that one has told.
    #[inline]
    pub fn tell_notices<W: Wire>(&mut self, wire: &mut W) {
        if self.shard.has_notices() {
            self.tell_what_happened(wire);
        }
    }

    #[cold]
    fn tell_what_happened<W: Wire>(&mut self, wire: &mut W) {
        let may_tell = |notice: &Notice| self.slots.may_tell(SlotId::of(&notice.key));
        let (notices, early): (Vec<Notice>, _) = self.shard.take_notices().into_iter().partition(may_tell);
        self.shard.put_notices_back(early);
        if !notices.is_empty() {
            wire.tell(&mut self.shard, notices);
        }
    }
}

fn move_reply(slot: SlotId, is_done: bool) -> Reply {
    let mut reply = Reply::default();
    if is_done {
        reply.ok();
    } else {
        let text = format!("TRYAGAIN slot {} is being moved already", slot.number());
        reply.error(&CommandError::other(text));
    }
    reply
}
