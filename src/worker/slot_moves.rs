//! The worker's part in moving slots between shards: DEBUG SLOT-MOVE and DEBUG SLOTS.
//!
//! What happens in which order is decided in [`shards::router::slot_move`]; here its messages travel, and connections
//! wait.

use shards::args::Args;
use shards::error::CommandError;
use shards::reply::Reply;
use shards::router::coordinator::Owners;
use shards::router::slot_move::{MoveEvent, MoveMessage};
use shards::slot::{ShardId, SlotId};

use crate::mesh::Hop;
use crate::session::order::Waiting;
use crate::worker::Worker;

impl Worker {
    /// Lets a client wait: its command concerns a slot that is on its way.
    #[cold]
    pub(crate) fn await_slot(&mut self, index: u32, args: Args<'_>) {
        self.clients.at(index).waiting = Waiting::Slot(args.to_owned());
        if !self.awaiting_slot.contains(&index) {
            self.awaiting_slot.push(index);
        }
    }

    /// Moves a slot on behalf of a client, which waits for the end.
    pub(crate) fn move_slot(&mut self, index: u32, slot: SlotId, to: ShardId) {
        if to.index() >= self.node.shards {
            let text = format!("ERR there is no shard {}: they are 0 to {}", to.0, self.node.shards - 1);
            return self.reply_error(index, &CommandError::other(text));
        }
        let ticket = self.reserve(index);
        let mut out = Vec::new();
        let event = self.slots.handle(self.id, MoveMessage::Move(slot, to, ticket), &mut out);
        if let Some(MoveEvent::Finished(_, is_done)) = event {
            self.deliver(ticket, &move_reply(slot, is_done));
        }
        self.send_moves(out);
    }

    /// The slot map as DEBUG SLOTS shows it: first slot, last slot, shard of each run.
    pub(crate) fn show_slots(&self, reply: &mut Reply) {
        let ranges: Vec<_> = self.slots.map().ranges().collect();
        reply.array(ranges.len());
        for (first, last, owner) in ranges {
            reply.array(3);
            reply.int(i64::from(first));
            reply.int(i64::from(last));
            reply.int(i64::from(owner.0));
        }
    }

    /// Takes a message about a slot that moves.
    pub(crate) fn take_move(&mut self, from: ShardId, message: MoveMessage) {
        let mut out = Vec::new();
        match self.slots.handle(from, message, &mut out) {
            Some(MoveEvent::Thawed) => self.thaw(),
            Some(MoveEvent::Finished(ticket, is_done)) => {
                let (MoveMessage::Move(slot, ..)
                | MoveMessage::Seen(slot)
                | MoveMessage::Freeze(slot)
                | MoveMessage::Fence(slot)
                | MoveMessage::Moved(slot, _)
                | MoveMessage::Settled(slot)) = message;
                self.deliver(ticket, &move_reply(slot, is_done));
            }
            None => {}
        }
        self.send_moves(out);
    }

    /// Goes on with all that waited for a slot to arrive.
    fn thaw(&mut self) {
        for index in std::mem::take(&mut self.awaiting_slot) {
            self.clients.look_at(index);
        }
        // Before transactions go on: a WATCH among them may be of the same client and key, and later.
        for watched in std::mem::take(&mut self.unwatch_later) {
            self.unwatch_keys(&watched);
        }
        let owners = Owners { owner: &|slot| self.slots.owner(slot), shard_count: self.node.shards };
        self.coordinator.resume(owners, &self.shard, &mut self.outbox);
        for (ticket, command, walk) in std::mem::take(&mut self.walks_later) {
            if let Some(reply) = self.walk_on(ticket, command, walk) {
                self.fill_reserved(ticket, reply.bytes(), reply.blobs());
            }
        }
        self.send_outbox();
    }

    /// Starts the moves of slots that can leave now, and tells of those that have arrived. Called once a turn.
    pub(crate) fn advance_moves(&mut self) {
        while let Some((slot, to)) = self.slots.next_ready(&self.shard) {
            let owners = Owners { owner: &|slot| self.slots.owner(slot), shard_count: self.node.shards };
            self.coordinator.start_move(slot, to, owners, &self.shard, &mut self.outbox);
            self.send_outbox();
        }
        let mut out = Vec::new();
        for slot in self.coordinator.take_arrived() {
            // Whoever hears that it has moved has heard all that there was to tell of it here.
            self.publish_notices();
            self.slots.arrived(slot, &mut out);
        }
        self.send_moves(out);
    }

    fn send_moves(&mut self, messages: Vec<(ShardId, MoveMessage)>) {
        for (to, message) in messages {
            if to == self.id {
                self.take_move(to, message);
            } else {
                self.mesh.send(to, Hop::Move(message));
            }
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
