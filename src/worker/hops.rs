//! What other workers send to this one, and what it sends to them: commands and their replies, messages of
//! transactions. What they send of another subject is taken up by one function of the subject's file.

use shards::args::Blob;
use shards::reply::Reply;
use shards::router::coordinator::Owners;
use shards::slot::ShardId;
use shards::txn::credit::LARGE_REPLY_BYTES;
use shards::txn::{Ticket, TxnMessage};

use super::{BATCHES_PER_TURN, Worker};
use crate::mesh::{Batch, Delivery, Hop, TakenReplies};
use crate::session::client::LargeReply;

/// Bytes of replies that the commands of one connection make in a turn when they had to wait for credit or room.
const READY_BYTES_MAX: usize = 1 << 20;

/// The bytes of a reply, big values included.
fn reply_len(bytes: &[u8], blobs: &[(usize, Blob)]) -> usize {
    bytes.len() + blobs.iter().map(|(_, blob)| blob.len()).sum::<usize>()
}

impl Worker {
    pub(super) fn take_inboxes(&mut self) {
        self.mesh.see_arrivals();
        let mut next = 0;
        while let Some(from) = self.mesh.next_inbox(next) {
            next = from.index() + 1;
            for _ in 0..BATCHES_PER_TURN {
                let Some(mut batch) = self.mesh.next_batch(from) else { break };
                // What came by another worker was sent after this turn had begun: an expire must not be seen late.
                self.tell_time();
                self.take_batch(from, &mut batch);
                self.mesh.recycle(batch);
            }
        }
    }

    fn take_batch(&mut self, from: ShardId, batch: &mut Batch) {
        self.see_broadcasting();
        batch.take(|delivery| match delivery {
            Delivery::Command(remote, args) => self.execute_remote(&remote, args),
            Delivery::Reply(ticket, bytes, blobs) => {
                self.fill_place(ticket, bytes, blobs);
                self.note_reply(from, ticket, reply_len(bytes, blobs));
            }
            Delivery::Other(Hop::Txn(message)) => self.take_txn(from, *message),
            Delivery::Other(Hop::Move(message)) => self.take_move(from, message),
            Delivery::Other(Hop::Inquiry(hop)) => self.take_inquiry(from, hop),
            Delivery::Other(Hop::PubSub(hop)) => self.take_pubsub(from, hop),
            Delivery::Other(Hop::Tracking(hop)) => self.take_tracking(from, *hop),
            Delivery::Other(Hop::HandOver(hand_over)) => self.take_hand_over(hand_over),
            Delivery::Other(Hop::Taken(taken)) => self.take_taken(from, taken),
            // What it asks for is done at the end of every turn.
            Delivery::Other(Hop::MakeRoom) => {}
            Delivery::Other(Hop::Command(_) | Hop::Reply { .. }) => {
                unreachable!("handed out with what belongs to them")
            }
        });
        self.publish_notices();
        self.tell_trackers();
    }

    /// Takes note of a reply that was put into its place, if it is a large one: the shard that has made it waits to hear
    /// that it is on its way.
    fn note_reply(&mut self, shard: ShardId, ticket: Ticket, bytes: usize) {
        if bytes <= LARGE_REPLY_BYTES {
            return;
        }
        if let Some(client) = self.clients.get_mut(ticket.connection) {
            client.got_large_reply(LargeReply { shard, seq: ticket.seq, bytes });
            self.clients.look_at(ticket.connection);
        } else {
            self.say_taken(shard, TakenReplies { connection: ticket.connection, bytes, is_gone: false });
        }
    }

    /// Tells a shard, which may be this worker's own, that large replies that it has made are on their way.
    pub(super) fn say_taken(&mut self, shard: ShardId, taken: TakenReplies) {
        if shard == self.id {
            self.take_taken(shard, taken);
        } else {
            self.mesh.send(shard, Hop::Taken(taken));
        }
    }

    /// Takes the word of a worker that large replies for its client are on their way.
    fn take_taken(&mut self, from: ShardId, taken: TakenReplies) {
        let TakenReplies { connection, bytes, is_gone } = taken;
        self.shard.taken(from, connection, bytes, is_gone);
        if is_gone {
            self.deliver_completed();
        }
    }

    /// Delivers the replies of commands that had been parked.
    fn deliver_completed(&mut self) {
        for (ticket, reply) in self.shard.take_completed() {
            self.deliver(ticket, &reply);
        }
    }

    /// Goes on with commands that had to wait for credit, or for room in a batch. Once a turn.
    pub(super) fn run_ready(&mut self) {
        if self.slots.is_busy() {
            // A slot that leaves waits for the commands that concern it, but not for clients that do not read.
            for (worker, connection) in self.shard.waiting_connections() {
                self.run_ready_of(worker, connection, true);
            }
        }
        for _ in 0..self.shard.ready_connections() {
            let Some((worker, connection)) = self.shard.next_ready_connection() else { break };
            self.run_ready_of(worker, connection, false);
        }
        self.publish_notices();
        self.tell_trackers();
    }

    fn run_ready_of(&mut self, worker: ShardId, connection: u32, by_force: bool) {
        let mut left_bytes = READY_BYTES_MAX;
        loop {
            let has_room = left_bytes > 0 && self.mesh.has_room_for_replies(worker);
            if !has_room && !self.shard.is_behind_lock(worker, connection) {
                return self.shard.go_on_later(worker, connection);
            }
            let Some((ticket, call)) = self.shard.take_ready(worker, connection, by_force) else { return };
            self.make_room();
            let mut reply = Reply::new(call.caller.resp3);
            let start = reply.mark();
            if self.shard.submit_ready(call.as_call(), ticket, &mut reply) {
                // The replies of a walk are read on the way.
                if !call.command.spec.walks {
                    reply.share_since(start);
                    self.shard.owe(ticket, reply.total_len());
                }
                left_bytes = left_bytes.saturating_sub(reply.total_len());
                self.deliver(ticket, &reply);
            }
        }
    }

    /// Delivers a reply that was made outside of the usual path.
    pub(crate) fn deliver(&mut self, ticket: Ticket, reply: &Reply) {
        if ticket.worker != self.id {
            self.mesh.reply(ticket, reply.is_resp3(), |out| out.append(reply.bytes(), reply.blobs()));
            return;
        }
        self.fill_place(ticket, reply.bytes(), reply.blobs());
        self.note_reply(self.id, ticket, reply.total_len());
    }

    /// Puts a reply into its place in the queue of a client of this worker. What is only one shard's answer to a walk
    /// takes the walk on.
    pub(super) fn fill_place(&mut self, ticket: Ticket, bytes: &[u8], blobs: &[(usize, Blob)]) {
        if self.walks.is_empty() {
            return self.fill_reserved(ticket, bytes, blobs);
        }
        let Some((command, mut walk)) = self.walks.remove(&ticket) else {
            return self.fill_reserved(ticket, bytes, blobs);
        };
        let reply = walk.answered(bytes, |slot| self.slots.owner(slot));
        if let Some(reply) = reply.or_else(|| self.walk_on(ticket, command, walk)) {
            self.fill_reserved(ticket, reply.bytes(), reply.blobs());
        }
    }

    pub(crate) fn fill_reserved(&mut self, ticket: Ticket, bytes: &[u8], blobs: &[(usize, Blob)]) {
        if !self.clients.fill(ticket.connection, ticket.seq, bytes, blobs) {
            self.reply_is_lost(ticket);
        }
    }

    /// There is no place for a reply, in other words a defect in the server: every reply has one, and a connection is kept
    /// while it awaits any. Builds with assertions stop. Others write it into the log and go on: nobody waits in a place that
    /// is not there, so to stop would cost all clients their data for nothing.
    #[cold]
    pub(crate) fn reply_is_lost(&mut self, ticket: Ticket) {
        debug_assert!(false, "a reply without a place: {ticket:?}");
        self.lost_replies += 1;
        // At most 64 lines, however often it happens.
        if self.lost_replies.is_power_of_two() {
            log::error!("A reply had no place ({ticket:?}); this worker has lost {}", self.lost_replies);
        }
    }

    fn take_txn(&mut self, from: ShardId, message: TxnMessage) {
        let mut replies = Vec::new();
        self.handle_txn(from, message, &mut replies);
        replies.append(&mut self.drain_outbox());
        self.deliver_all(replies);
    }

    /// Delivers replies that were made outside of the usual path.
    pub(crate) fn deliver_all(&mut self, replies: impl IntoIterator<Item = (Ticket, Reply)>) {
        for (ticket, reply) in replies {
            self.deliver(ticket, &reply);
        }
    }

    /// Sends the messages of transactions.
    pub(crate) fn send_outbox(&mut self) {
        let replies = self.drain_outbox();
        self.deliver_all(replies);
    }

    /// Sends the messages of transactions, handling those to this worker at once. Returns replies that came of it.
    fn drain_outbox(&mut self) -> Vec<(Ticket, Reply)> {
        let mut replies = Vec::new();
        while !self.outbox.is_empty() {
            for (to, message) in std::mem::take(&mut self.outbox) {
                if to == self.id {
                    self.handle_txn(to, message, &mut replies);
                } else {
                    self.mesh.send(to, Hop::Txn(Box::new(message)));
                }
            }
        }
        replies
    }

    fn handle_txn(&mut self, from: ShardId, message: TxnMessage, replies: &mut Vec<(Ticket, Reply)>) {
        if message.is_for_coordinator() {
            let owners = Owners { owner: &|slot| self.slots.owner(slot), shard_count: self.node.shards };
            let Worker { coordinator, shard, outbox, .. } = self;
            replies.extend(coordinator.handle(from, message, owners, shard, outbox));
        } else {
            self.shard.handle_txn(from, message, &mut self.outbox);
            replies.append(&mut self.shard.take_completed());
        }
    }
}
