//! Commands of the connection or the server: what they come behind, their run, and what follows from it.
//!
//! There are two ways to here, from `dispatch` and from a transaction, and what a [`Flow`] means stands here
//! once, or in one function of its subject's file. What differs is where the reply goes.

use shards::args::Args;
use shards::command::registry::SessionNumber;
use shards::reply::Reply;
use shards::router::session::{Replied, ReplyPlace};
use shards::router::step::Step;
use shards::txn::Ticket;

use crate::session::client::Client;
use crate::session::command::{Flow, SessionCommand, SessionCtx};
use crate::session::inquiry::{Finish, Question};
use crate::session::order::Closing;
use crate::worker::Worker;

impl Worker {
    /// Runs a session command of a client, or lets it wait for what it comes behind.
    pub(super) fn run_session(&mut self, index: u32, number: SessionNumber, args: Args<'_>) {
        let command = self.session_commands.get(number);
        let (messages, mut desk) = self.messages();
        if command.barrier.holds_back(index, args, messages, &mut desk) {
            return self.wait(index, Step::AfterReplies, args);
        }
        let mut reply = std::mem::take(&mut self.scratch);
        reply.set_resp3(self.clients.at(index).session.resp3);
        let replied = self.run_and_follow(index, command, args, ReplyPlace::Queue, &mut reply);
        let Client { session, replies, .. } = self.clients.at(index);
        let is_wanted = replied == Replied::Pushed || session.reply_mode.is_wanted();
        if is_wanted && !reply.is_empty() {
            replies.writer().append(reply.bytes(), reply.blobs());
        }
        replies.set_resp3(session.resp3);
        reply.clear();
        self.scratch = reply;
    }

    /// Runs a session command, and does what it asks for.
    pub(super) fn run_and_follow(
        &mut self,
        index: u32,
        command: &SessionCommand,
        args: Args<'_>,
        place: ReplyPlace,
        reply: &mut Reply,
    ) -> Replied {
        let mark = reply.mark();
        let client = self.clients.at(index);
        let mut ctx =
            SessionCtx { reply, client, node: self.node, config: &self.config, now_ms: self.now_ms };
        match (command.run)(&mut ctx, args) {
            Ok(flow) => self.follow(index, flow, args, place, reply),
            Err(error) => {
                reply.truncate(mark);
                reply.error(&error);
                Replied::Written
            }
        }
    }

    /// Does what a session command asks for.
    fn follow(
        &mut self,
        index: u32,
        flow: Flow,
        args: Args<'_>,
        place: ReplyPlace,
        reply: &mut Reply,
    ) -> Replied {
        match flow {
            Flow::Done => {}
            Flow::Close => self.clients.at(index).closing = Some(Closing::AfterReplies),
            Flow::Reset => {
                self.unwatch(index);
                self.forget_subscriptions(index);
                self.end_tracking(index);
            }
            Flow::Ask(question, finish) => return self.ask_all(index, &question, finish, place, reply),
            Flow::Transaction(flow) => self.follow_transaction(index, flow, args),
            Flow::PubSub(flow) => return self.follow_pubsub(index, flow, args, place, reply),
            Flow::Track(change) => self.set_tracking(index, change, None),
            Flow::Slots(flow) => self.follow_slots(index, flow, args, place, reply),
            Flow::HandOver(to) => self.hand_over(index, to, place, reply),
        }
        Replied::Written
    }

    /// Asks all workers on behalf of a client, which waits for the answer.
    fn ask_all(
        &mut self,
        index: u32,
        question: &Question,
        finish: Finish,
        place: ReplyPlace,
        reply: &mut Reply,
    ) -> Replied {
        let ticket = match place {
            ReplyPlace::Queue => self.reserve(index),
            ReplyPlace::Exec(seq) => Ticket { worker: self.id, connection: index, seq },
        };
        match (self.ask_with_ticket(ticket, question, finish), place) {
            (Some(answer), ReplyPlace::Queue) => self.deliver(ticket, &answer),
            (Some(answer), ReplyPlace::Exec(_)) => reply.append(answer.bytes(), answer.blobs()),
            (None, ReplyPlace::Queue) => {}
            (None, ReplyPlace::Exec(_)) => return Replied::Later,
        }
        Replied::Written
    }
}
