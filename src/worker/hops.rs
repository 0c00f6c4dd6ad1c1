//! What other workers send to this one, and what it sends to them: commands and their replies, messages of
//! transactions, questions to all workers and the answers.

use std::sync::Arc;

use shards::error_counts;
use shards::reply::Reply;
use shards::router::blocked::Ending;
use shards::router::wire::TakenReplies;
use shards::slot::ShardId;
use shards::txn::Ticket;
use shards::watch::ClientId;

use super::{BATCHES_PER_TURN, Worker};
use crate::commands::config::{Current, changed, rewrite};
use crate::mesh::{Batch, Delivery, Hop};
use crate::metrics::report::{Report, Stats};
use crate::session::client::Client;
use crate::session::filter::ClientFilter;
use crate::session::inquiry::{Answer, CHANGE_SEQUENCER, Inquiry, NodeChange, Question};
use crate::session::order::Closing;

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
            Delivery::Command(remote, args) => {
                let (router, mut desk) = self.at_desk();
                router.execute_remote(remote.call(args), remote.ticket(), &mut desk);
            }
            Delivery::Reply(ticket, bytes, blobs) => {
                let (router, mut desk) = self.at_desk();
                router.take_reply(from, ticket, bytes, blobs, &mut desk);
            }
            Delivery::Other(Hop::Txn(message)) => {
                let (router, mut desk) = self.at_desk();
                router.take_txn(from, *message, &mut desk);
            }
            Delivery::Other(Hop::Move(message)) => {
                let (router, mut desk) = self.at_desk();
                router.take_move(from, message, &mut desk);
            }
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
            Delivery::Other(Hop::Taken(taken)) => {
                let (router, mut desk) = self.at_desk();
                router.take_taken(from, taken, &mut desk);
            }
            // What it asks for is done at the end of every turn.
            Delivery::Other(Hop::MakeRoom) => {}
            Delivery::Other(Hop::Command(_) | Hop::Reply { .. }) => {
                unreachable!("handed out with what belongs to them")
            }
        });
        self.publish_notices();
        self.tell_trackers();
    }

    /// Tells a shard, which may be this worker's own, that large replies that it has made are on their way.
    pub(super) fn say_taken(&mut self, shard: ShardId, taken: TakenReplies) {
        let (router, mut desk) = self.at_desk();
        router.say_taken(shard, taken, &mut desk);
    }

    /// Goes on with commands that had to wait for credit, or for room in a batch. Once a turn.
    pub(super) fn run_ready(&mut self) {
        let (router, mut desk) = self.at_desk();
        router.run_ready(&mut desk);
        self.publish_notices();
        self.tell_trackers();
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
            Question::Names(kind, pattern) => {
                Answer::Names(self.office.pubsub.names(*kind, pattern.as_deref()))
            }
            Question::Subscribers(kind, names) => {
                let count = |name: &Vec<u8>| self.office.pubsub.subscribers(*kind, name).len();
                Answer::Counts(names.iter().map(count).collect())
            }
            Question::Report => Answer::Report(Box::new(self.report())),
            Question::ResetStats => {
                self.office.stats = Stats::default();
                self.router.shard_mut().reset_stats();
                error_counts::reset();
                Answer::Done
            }
            Question::SetActiveExpire(is_expiring) => {
                self.router.shard_mut().set_active_expire(*is_expiring);
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
        let env = self.router.shard().env();
        Report {
            stats: self.office.stats.clone(),
            clients: self.client_count,
            output_bytes_max: self.clients.present().map(Client::output_bytes).max().unwrap_or(0),
            input_bytes_max: self
                .clients
                .present()
                .map(|client| client.query.buffered_bytes())
                .max()
                .unwrap_or(0),
            keyspace: self.router.shard().dbs().iter().map(|db| (db.len(), db.keys_with_expire())).collect(),
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
            blocked_clients: self.router.waiting_clients(),
            tracking_clients: self.tracking.len(),
            tracked_keys: env.tracking.keys(),
            tracked_items: env.tracking.items(),
            subscribers: self.office.pubsub.clients(),
        }
    }
}
