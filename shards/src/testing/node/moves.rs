//! Slots that change hands, as the server's `slot_moves` drives them.

use super::{Hop, Node, Waiting};
use crate::error::CommandError;
use crate::reply::Reply;
use crate::router::slot_move::{MoveEvent, MoveMessage};
use crate::slot::ShardId;

impl Node {
    /// A worker takes a message about a slot that moves.
    pub(super) fn take_move(&mut self, from: ShardId, to: ShardId, message: MoveMessage) {
        let mut out = Vec::new();
        match self.workers[to.index()].slots.handle(from, message, &mut out) {
            Some(MoveEvent::Thawed) => self.thaw(to),
            Some(MoveEvent::Finished(ticket, is_done)) => {
                let mut reply = Reply::default();
                if is_done {
                    self.events.moves += 1;
                    reply.ok();
                } else {
                    self.events.refused_moves += 1;
                    reply.error(&CommandError::other("TRYAGAIN the slot is being moved already"));
                }
                self.deliver(to, ticket, reply);
            }
            None => {}
        }
        self.send_moves(to, out);
    }

    /// Goes on with all that waited on a worker for a slot to arrive.
    fn thaw(&mut self, worker: ShardId) {
        for connection in self.connections.iter_mut().filter(|connection| connection.worker == worker) {
            if let Waiting::Slot(_, has_arrived) = &mut connection.waiting {
                *has_arrived = true;
            }
        }
        for watched in std::mem::take(&mut self.workers[worker.index()].unwatch_later) {
            self.unwatch_keys(worker, &watched);
        }
        self.with_coordinator(worker, |coordinator, owners, shard, out| {
            coordinator.resume(owners, shard, out);
        });
        for (ticket, walk) in std::mem::take(&mut self.workers[worker.index()].walks_later) {
            self.walk_on(ticket, walk);
        }
        self.send_outbox(worker);
    }

    /// Starts the moves of slots that can leave a worker now, and tells of those that have arrived.
    pub(super) fn advance_moves(&mut self, worker: usize) {
        let id = ShardId(worker as u16);
        loop {
            let worker = &mut self.workers[worker];
            let Some((slot, to)) = worker.slots.next_ready(&worker.shard) else { break };
            self.with_coordinator(id, |coordinator, owners, shard, out| {
                coordinator.start_move(slot, to, owners, shard, out);
            });
            self.send_outbox(id);
        }
        self.publish_notices(worker);
        let mut out = Vec::new();
        let worker = &mut self.workers[worker];
        for slot in worker.coordinator.take_arrived() {
            worker.slots.arrived(slot, &mut out);
        }
        self.send_moves(id, out);
    }

    fn send_moves(&mut self, from: ShardId, messages: Vec<(ShardId, MoveMessage)>) {
        for (to, message) in messages {
            if to == from {
                self.take_move(from, to, message);
            } else {
                self.send(from, to, Hop::Move(message));
            }
        }
    }
}
