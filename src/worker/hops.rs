//! What other workers send to this one, and what it sends to them: commands and their replies, messages of
//! transactions, questions to all workers and the answers.

use std::sync::Arc;

use shards::args::Blob;
use shards::error_counts;
use shards::reply::Reply;
use shards::router::blocking::Ending;
use shards::router::coordinator::Owners;
use shards::slot::ShardId;
use shards::txn::credit::LARGE_REPLY_BYTES;
use shards::txn::{Ticket, TxnMessage};
use shards::watch::ClientId;

use super::{BATCHES_PER_TURN, Worker};
use crate::commands::config::{Current, changed, rewrite};
use crate::mesh::{Batch, Delivery, Hop, TakenReplies};
use crate::metrics::report::{Report, Stats};
use crate::session::client::{Client, LargeReply};
use crate::session::filter::ClientFilter;
use crate::session::inquiry::{Answer, CHANGE_SEQUENCER, Inquiry, NodeChange, Question};
use crate::session::order::Closing;

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
            Delivery::Other(Hop::Ask(ticket, question)) => {
                let answer = match *question {
                    Question::Change(ref change) => self.put_change_in_order(ticket, change),
                    ref question => self.answer(question, None),
                };
                // What the sequencer of changes passes on may be of a client of this worker.
                if ticket.worker == self.id {
                    self.take_answer(self.id, ticket, answer);
                } else {
                    self.mesh.send(ticket.worker, Hop::Answer(ticket, Box::new(answer)));
                }
            }
            Delivery::Other(Hop::Answer(ticket, answer)) => self.take_answer(from, ticket, *answer),
            Delivery::Other(Hop::Publish(ticket, message)) => self.take_publish(ticket, &message),
            Delivery::Other(Hop::Deliver(number, message)) => self.take_message(from, number, &message),
            Delivery::Other(Hop::Delivered(number, receivers)) => self.take_delivered(number, receivers),
            Delivery::Other(Hop::Published(ticket, receivers)) => self.take_published(ticket, receivers),
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

    /// Asks all workers, this one included.
    /// Returns the reply if no other worker has to be waited for.
    pub(crate) fn ask(
        &mut self,
        ticket: Ticket,
        question: &Question,
        mut inquiry: Inquiry,
        own: Answer,
    ) -> Option<Reply> {
        if inquiry.answered(self.id, own) {
            return Some(inquiry.finish());
        }
        self.inquiries.insert(ticket, inquiry);
        for peer in 0..self.mesh.workers() {
            let peer = ShardId(peer as u16);
            if peer != self.id {
                self.mesh.send(peer, Hop::Ask(ticket, Box::new(question.clone())));
            }
        }
        None
    }

    /// Has the sequencer of changes make one. Returns the reply if it is there at once.
    pub(crate) fn ask_for_change(
        &mut self,
        ticket: Ticket,
        change: &NodeChange,
        mut inquiry: Inquiry,
    ) -> Option<Reply> {
        if self.id != CHANGE_SEQUENCER {
            self.inquiries.insert(ticket, inquiry);
            let question = Box::new(Question::Change(change.clone()));
            self.mesh.send(CHANGE_SEQUENCER, Hop::Ask(ticket, question));
            return None;
        }
        let answer = self.put_change_in_order(ticket, change);
        if inquiry.answered(self.id, answer) {
            return Some(inquiry.finish());
        }
        self.inquiries.insert(ticket, inquiry);
        None
    }

    /// Puts a change of what all workers hold behind all others. Returns this worker's answer.
    fn put_change_in_order(&mut self, ticket: Ticket, change: &NodeChange) -> Answer {
        let question = match change {
            NodeChange::Config { args, is_local } => {
                let current = Current { config: &self.config, node: self.node, is_local: *is_local };
                match changed(&current, args.as_args()) {
                    Ok(config) => Question::SetConfig(Arc::new(config)),
                    Err(error) => return Answer::Ended(Err(error)),
                }
            }
            NodeChange::RewriteConfig => return Answer::Ended(rewrite(&self.config, self.node)),
            NodeChange::ActiveExpire(is_expiring) => Question::SetActiveExpire(*is_expiring),
        };
        for peer in (0..self.mesh.workers()).map(|peer| ShardId(peer as u16)) {
            if peer != self.id {
                self.mesh.send(peer, Hop::Ask(ticket, Box::new(question.clone())));
            }
        }
        self.answer(&question, None)
    }

    fn take_answer(&mut self, from: ShardId, ticket: Ticket, answer: Answer) {
        if let Answer::Found(Some(at)) = answer {
            self.redirect_found(ticket.connection, at);
        }
        let Some(inquiry) = self.inquiries.get_mut(&ticket) else { return };
        if inquiry.answered(from, answer)
            && let Some(inquiry) = self.inquiries.remove(&ticket)
        {
            let reply = inquiry.finish();
            self.deliver(ticket, &reply);
        }
    }

    /// Answers a question. `asking` is the client of this worker that asks.
    pub(crate) fn answer(&mut self, question: &Question, asking: Option<u32>) -> Answer {
        match question {
            Question::ClientList(filter) => {
                let now_ms = self.now_ms;
                let matching = self.clients.present().filter(|client| filter.matches(client));
                let lines = matching.map(|client| (client.session.id, client.line(now_ms)));
                let expected = self.expected.iter().filter(|expected| expected.is_meant(filter));
                Answer::Clients(
                    expected.map(|expected| (expected.id, expected.line.clone())).chain(lines).collect(),
                )
            }
            Question::ClientKill(filter) => Answer::Killed(self.kill_matching(filter, asking)),
            &Question::FindClient(client) => {
                let found = self.find_client(client);
                if let (Some(at), Some(asking)) = (found, asking) {
                    self.redirect_found(asking, at);
                }
                Answer::Found(found)
            }
            &Question::ClientUnblock(client, ending) => {
                Answer::Unblocked(self.end_blocking(client, ending, true))
            }
            Question::SetConfig(config) => {
                // What has happened until now is told as it was asked for.
                self.publish_notices();
                self.config = Arc::clone(config);
                self.configure_shard();
                self.configure_memory(config);
                Answer::Done
            }
            Question::Change(_) => unreachable!("the sequencer puts it in order"),
            Question::Names(kind, pattern) => Answer::Names(self.pubsub.names(*kind, pattern.as_deref())),
            Question::Subscribers(kind, names) => {
                let count = |name: &Vec<u8>| self.pubsub.subscribers(*kind, name).len();
                Answer::Counts(names.iter().map(count).collect())
            }
            Question::Report => Answer::Report(Box::new(self.report())),
            Question::ResetStats => {
                self.stats = Stats::default();
                self.shard.reset_stats();
                error_counts::reset();
                Answer::Done
            }
            Question::SetActiveExpire(is_expiring) => {
                self.shard.set_active_expire(*is_expiring);
                Answer::Done
            }
            Question::Expect(expected) => {
                self.expect(expected);
                Answer::Done
            }
            Question::Fence => Answer::Done,
            // No command holds the control worker up.
            Question::Sleep(_) if self.is_control() => Answer::Done,
            // With no other shard to be told, at once: the reply comes when the time is over.
            Question::Sleep(time) if self.node.shards == 1 => {
                std::thread::sleep(*time);
                self.tell_time();
                Answer::Done
            }
            Question::Sleep(time) => {
                self.sleep = self.sleep.saturating_add(*time);
                Answer::Done
            }
        }
    }

    /// CLIENT KILL of this worker's clients: which were meant. The one that asks gets its reply.
    fn kill_matching(&mut self, filter: &ClientFilter, asking: Option<u32>) -> Vec<u64> {
        let mut killed = self.kill_expected(filter);
        let is_meant =
            |client: &&Client| filter.matches(client) && !(filter.skip_me && Some(client.index) == asking);
        let meant: Vec<u32> = self.clients.present().filter(is_meant).map(|client| client.index).collect();
        for index in meant {
            killed.push(self.clients.at(index).session.id);
            if Some(index) == asking {
                self.clients.at(index).closing = Some(Closing::AfterReplies);
            } else {
                self.kill(index);
            }
        }
        killed
    }

    /// Closes a client that another one has killed. Who comes behind does not meet it any more: it is in no list, nothing
    /// is published to it, and it takes nothing that it has waited for.
    fn kill(&mut self, index: u32) {
        let client = self.clients.at(index);
        client.closing = Some(Closing::Now);
        let blocked = client.waiting.is_blocked().then_some(ClientId(client.session.id));
        self.leave(index);
        self.clients.look_at(index);
        if let Some(client) = blocked {
            self.end_blocking(client, Ending::Closed, false);
        }
    }

    fn report(&self) -> Report {
        let env = self.shard.env();
        Report {
            stats: self.stats.clone(),
            clients: self.client_count,
            output_bytes_max: self.clients.present().map(Client::output_bytes).max().unwrap_or(0),
            input_bytes_max: self
                .clients
                .present()
                .map(|client| client.query.buffered_bytes())
                .max()
                .unwrap_or(0),
            keyspace: self.shard.dbs().iter().map(|db| (db.len(), db.keys_with_expire())).collect(),
            keyspace_hits: env.keyspace_hits,
            keyspace_misses: env.keyspace_misses,
            expired_keys: env.expired_keys,
            expired_fields: env.expired_fields,
            evicted_keys: env.evicted_keys,
            lazyfree_pending: env.garbage.len(),
            errors: error_counts::of_this_thread(),
            changes: env.dirty,
            clients_bytes: self
                .clients
                .present()
                .map(|client| size_of::<Client>() + client.memory_bytes())
                .sum(),
            blocked_clients: self.coordinator.waiting_clients(),
            tracking_clients: self.tracking.len(),
            tracked_keys: env.tracking.keys(),
            tracked_items: env.tracking.items(),
            subscribers: self.pubsub.clients(),
        }
    }
}
