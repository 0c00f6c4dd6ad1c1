//! Questions to all workers on behalf of a client, and this worker's answers: one arm for each subject, whose
//! own questions a function of the subject's file answers where there is one. Changes of what all workers
//! hold go by their sequencer ([`crate::session::change`]).

use std::sync::Arc;
use std::time::Duration;

use shards::error_counts;
use shards::reply::Reply;
use shards::router::blocked_calls::Ending;
use shards::slot::ShardId;
use shards::txn::Ticket;
use shards::watch::ClientId;

use super::Worker;
use crate::commands::config::{Current, changed};
use crate::mesh::Hop;
use crate::metrics::report::{Report, Stats, StatsQuestion};
use crate::session::change::{CHANGE_SEQUENCER, ChangeQuestion, NodeChange, OrderedChange};
use crate::session::client::Client;
use crate::session::filter::{ClientAnswer, ClientFilter, ClientQuestion};
use crate::session::inquiry::{Answer, Finish, Inquiry, InquiryHop, Question};
use crate::session::order::Closing;

impl Worker {
    /// Asks all workers, on behalf of a client that waits, for what comes into a place. Returns the reply if
    /// no other worker has to be waited for.
    pub(super) fn ask_with_ticket(
        &mut self,
        ticket: Ticket,
        question: &Question,
        finish: Finish,
    ) -> Option<Reply> {
        let resp3 = self.clients.at(ticket.connection).session.resp3;
        let inquiry = Inquiry::new(self.mesh.workers(), resp3, finish);
        if let Question::Change(ChangeQuestion::Order(change)) = question {
            return self.ask_for_change(ticket, change, inquiry);
        }
        if let Question::Save(_) = question {
            return self.ask_one(self.node.control(), ticket, question, inquiry);
        }
        let own = self.answer(ticket, question, Some(ticket.connection));
        self.ask(ticket, question, inquiry, own.expect("nobody but the sequencer of changes answers later"))
    }

    /// Asks one worker alone. Returns the reply if it is there at once.
    fn ask_one(
        &mut self,
        to: ShardId,
        ticket: Ticket,
        question: &Question,
        mut inquiry: Inquiry,
    ) -> Option<Reply> {
        if to != self.id {
            self.inquiries.insert(ticket, inquiry);
            self.send_question(to, ticket, question.clone());
            return None;
        }
        let answer = self.answer(ticket, question, Some(ticket.connection));
        if answer.is_some_and(|answer| inquiry.answered(self.id, answer)) {
            return Some(inquiry.finish());
        }
        self.inquiries.insert(ticket, inquiry);
        None
    }

    /// Asks the other workers, where there are any. Returns the reply if there are none.
    fn ask(
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
                self.send_question(peer, ticket, question.clone());
            }
        }
        None
    }

    /// Has the sequencer of changes make one. Returns the reply if it is there at once.
    fn ask_for_change(&mut self, ticket: Ticket, change: &NodeChange, mut inquiry: Inquiry) -> Option<Reply> {
        if self.id != CHANGE_SEQUENCER {
            self.inquiries.insert(ticket, inquiry);
            let question = Question::Change(ChangeQuestion::Order(change.clone()));
            self.send_question(CHANGE_SEQUENCER, ticket, question);
            return None;
        }
        let answer = self.put_change_in_order(ticket, change);
        if answer.is_some_and(|answer| inquiry.answered(self.id, answer)) {
            return Some(inquiry.finish());
        }
        self.inquiries.insert(ticket, inquiry);
        None
    }

    /// Puts a change of what all workers hold behind all others. Returns this worker's answer, unless it
    /// comes later.
    fn put_change_in_order(&mut self, ticket: Ticket, change: &NodeChange) -> Option<Answer> {
        let made = match change {
            NodeChange::Config { args, is_local } => {
                let current = Current { config: &self.config, node: self.node, is_local: *is_local };
                match changed(&current, args.as_args()) {
                    Ok(config) => OrderedChange::Config(Arc::new(config)),
                    Err(error) => return Some(Answer::Ended(Err(error))),
                }
            }
            NodeChange::RewriteConfig => return self.rewrite_config(ticket),
            NodeChange::ActiveExpire(is_expiring) => OrderedChange::ActiveExpire(*is_expiring),
        };
        for peer in (0..self.mesh.workers()).map(|peer| ShardId(peer as u16)) {
            if peer != self.id {
                self.send_question(peer, ticket, Question::Change(ChangeQuestion::Make(made.clone())));
            }
        }
        Some(self.make_change(&made))
    }

    fn send_question(&mut self, to: ShardId, ticket: Ticket, question: Question) {
        self.mesh.send(to, Hop::Inquiry(InquiryHop::Ask(ticket, Box::new(question))));
    }

    /// Takes what another worker asks or answers.
    pub(super) fn take_inquiry(&mut self, from: ShardId, hop: InquiryHop) {
        match hop {
            InquiryHop::Ask(ticket, question) => {
                if let Some(answer) = self.answer(ticket, &question, None) {
                    self.send_answer(ticket, answer);
                }
            }
            InquiryHop::Answer(ticket, answer) => self.take_answer(from, ticket, *answer),
        }
    }

    /// Sends this worker's answer to where it was asked for. What the sequencer of changes has done or passed
    /// on may be of a client of this worker.
    pub(super) fn send_answer(&mut self, ticket: Ticket, answer: Answer) {
        if ticket.worker == self.id {
            self.take_answer(self.id, ticket, answer);
        } else {
            let answer = InquiryHop::Answer(ticket, Box::new(answer));
            self.mesh.send(ticket.worker, Hop::Inquiry(answer));
        }
    }

    fn take_answer(&mut self, from: ShardId, ticket: Ticket, answer: Answer) {
        if let Answer::Clients(ClientAnswer::Found(Some(at))) = answer {
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

    /// Answers a question, the answer to which is for this ticket, unless it is answered later. `asking` is
    /// the client of this worker that asks.
    fn answer(&mut self, ticket: Ticket, question: &Question, asking: Option<u32>) -> Option<Answer> {
        Some(match question {
            Question::Change(question) => return self.answer_change(ticket, question),
            Question::Clients(question) => Answer::Clients(self.answer_clients(question, asking)),
            Question::PubSub(question) => Answer::PubSub(self.answer_pubsub(question)),
            Question::Stats(question) => self.answer_stats(*question),
            Question::Save(question) => return self.answer_save(ticket, *question),
            Question::HandOver(question) => self.answer_hand_over(question),
            Question::Sleep(time) => self.answer_sleep(*time),
        })
    }

    fn answer_sleep(&mut self, time: Duration) -> Answer {
        if self.is_control() {
            // No command holds the control worker up.
        } else if self.node.shards == 1 {
            // With no other shard to be told, at once: the reply comes when the time is over.
            std::thread::sleep(time);
            self.tell_time();
        } else {
            self.sleep = self.sleep.saturating_add(time);
        }
        Answer::Done
    }

    fn answer_stats(&mut self, question: StatsQuestion) -> Answer {
        match question {
            StatsQuestion::Report => Answer::Report(Box::new(self.report())),
            StatsQuestion::Reset => {
                self.office.stats = Stats::default();
                self.router.shard_mut().reset_stats();
                error_counts::reset();
                Answer::Done
            }
        }
    }

    fn answer_change(&mut self, ticket: Ticket, question: &ChangeQuestion) -> Option<Answer> {
        match question {
            ChangeQuestion::Order(change) => self.put_change_in_order(ticket, change),
            ChangeQuestion::Make(change) => Some(self.make_change(change)),
        }
    }

    /// Makes a change that the sequencer of changes has put in order.
    fn make_change(&mut self, change: &OrderedChange) -> Answer {
        match change {
            OrderedChange::Config(config) => {
                // What has happened until now is told as it was asked for.
                self.publish_notices();
                self.config = Arc::clone(config);
                self.configure_shard();
                self.configure_memory(config);
            }
            OrderedChange::ActiveExpire(is_expiring) => {
                self.router.shard_mut().set_active_expire(*is_expiring)
            }
        }
        Answer::Done
    }

    fn answer_clients(&mut self, question: &ClientQuestion, asking: Option<u32>) -> ClientAnswer {
        match question {
            ClientQuestion::List(filter) => {
                let now_ms = self.now_ms;
                let matching = self.clients.present().filter(|client| filter.matches(client));
                let lines = matching.map(|client| (client.session.id, client.line(now_ms)));
                let expected = self.expected.iter().map(|coming| &coming.expected);
                let expected = expected.filter(|expected| expected.is_meant(filter));
                ClientAnswer::Lines(
                    expected.map(|expected| (expected.id, expected.line.clone())).chain(lines).collect(),
                )
            }
            ClientQuestion::Kill(filter) => ClientAnswer::Killed(self.kill_matching(filter, asking)),
            &ClientQuestion::Find(client) => {
                let found = self.find_client(client);
                if let (Some(at), Some(asking)) = (found, asking) {
                    self.redirect_found(asking, at);
                }
                ClientAnswer::Found(found)
            }
            &ClientQuestion::Unblock(client, ending) => {
                ClientAnswer::Unblocked(self.end_blocking(client, ending, true))
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

    /// Closes a client that another one has killed. Who comes behind does not meet it any more: it is in no
    /// list, nothing is published to it, and it takes nothing that it has waited for.
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
            slots: self.router.shard().slot_count(),
            slots_left: self.router.slots_left(),
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
