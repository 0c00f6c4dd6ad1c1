//! What a simulated connection does with its requests: it hands them to its worker's router, waits as it is
//! told, and runs what is no command on keys.

use super::Node;
use super::connection::{Request, SessionCommand, client_of};
use super::net::Hop;
use crate::args::Args;
use crate::caller::Caller;
use crate::command::registry::SessionNumber;
use crate::command::{DataCommand, Plan};
use crate::copies::ConnectionId;
use crate::error::CommandError;
use crate::key::DbIndex;
use crate::num;
use crate::reply::Reply;
use crate::router::Router;
use crate::router::exec::{ExecSession, go_on_with_exec};
use crate::router::progress::Audience;
use crate::router::session::{QueuedCommands, Replied, ReplyMode, ReplyPlace};
use crate::router::step::{Step, Waiting};
use crate::shard::Call;
use crate::slot::ShardId;
use crate::testing::commands::full_name;
use crate::txn::Ticket;

impl Node {
    /// Takes up the next request of a connection, or the one that had to wait, or goes on with its
    /// transaction.
    pub(super) fn go_on(&mut self, index: usize) {
        let connection = &mut self.net.connections[index];
        connection.is_looked_at = false;
        if let Waiting::Exec(seq) = connection.waiting {
            return self.go_on_with_exec(index, seq);
        }
        let again = connection.waiting.take_up(connection.replies.awaited());
        if !connection.waiting.is_waiting()
            && let Some(request) = again.or_else(|| connection.requests.pop_front())
        {
            self.dispatch(index, request);
        }
    }

    fn dispatch(&mut self, index: usize, request: Request) {
        let (step, gate) = (self.net.steps, self.net.gates.at_hand);
        self.net.connections[index].begin_request(step, gate);
        let next = self.execute(index, &request);
        self.net.events.awaited_slot += usize::from(next == Step::Slot);
        self.net.events.put_off += usize::from(next == Step::AfterReplies);
        let connection = &mut self.net.connections[index];
        if next != Step::Done {
            connection.waiting = Waiting::after(next, || request);
        }
        let is_unwanted = !connection.mode.is_wanted() && !connection.waiting.begins_later();
        self.net.events.unwanted += usize::from(is_unwanted);
        connection.end_request(step);
    }

    fn execute(&mut self, index: usize, request: &Request) -> Step {
        let worker = self.worker_of(index);
        if let Request::Data(command, args) = request
            && !command.spec.arity.accepts(args.as_args().len())
        {
            return self.refuse(index, command);
        }
        let connection = &mut self.net.connections[index];
        if let Some(queue) = &mut connection.queue
            && let Some((command, args)) = request.queueable()
        {
            queue.push(command, 0, args.clone());
            return self.reply(index, |reply| reply.simple("QUEUED"));
        }
        let is_held_back = self.with_messages(worker, |messages, desk| {
            request.barrier().holds_back(index as u32, request.args(), messages, desk)
        });
        if is_held_back {
            let is_message = matches!(request, Request::Session(SessionCommand::Publish(_), _));
            self.net.events.held_messages += usize::from(is_message);
            return Step::AfterReplies;
        }
        match request {
            Request::Data(command, args) => self.run(index, command, args.as_args()),
            Request::Session(command, args) => self.run_session(index, *command, args.as_args()),
            Request::Multi => {
                self.net.connections[index].queue = Some(QueuedCommands::default());
                self.reply(index, Reply::ok)
            }
            Request::Exec => self.exec(index),
            Request::Discard => {
                self.net.connections[index].queue = None;
                self.unwatch(index);
                self.reply(index, Reply::ok)
            }
            Request::Watch(args) => self.watch(index, args.as_args()),
            Request::Unwatch => {
                self.unwatch(index);
                self.reply(index, Reply::ok)
            }
            &Request::MoveSlot(slot, to) => {
                let wanted = self.wants(index);
                self.with(worker, |router, desk| router.move_slot(slot, to, index as u32, wanted, desk))
            }
        }
    }

    fn wants(&self, index: usize) -> bool {
        self.net.connections[index].mode.is_wanted()
    }

    /// Replies at once.
    fn reply(&mut self, index: usize, write: impl FnOnce(&mut Reply)) -> Step {
        if self.wants(index) {
            write(self.net.connections[index].replies.writer());
        }
        Step::Done
    }

    /// Refuses a command with a wrong number of arguments, and with it the transaction that it should have
    /// been a part of.
    fn refuse(&mut self, index: usize, command: &'static DataCommand) -> Step {
        if let Some(queue) = &mut self.net.connections[index].queue {
            queue.refuse();
        }
        let error = CommandError::WrongArity(full_name(command).into());
        self.reply(index, |reply| reply.error(&error))
    }

    fn run(&mut self, index: usize, command: &'static DataCommand, args: Args<'_>) -> Step {
        let call = Call { command, key: None, caller: self.caller(index), args };
        let (plan, wanted) = (command.spec.plan(), self.wants(index));
        let is_in_pipeline = self.net.connections[index].replies.awaited() > 0;
        let step = self.with(call.caller.at.worker, |router, desk| router.run(call, plan, wanted, desk));
        if is_in_pipeline && step == Step::Done && matches!(plan, Plan::Split | Plan::Gather) {
            let has_one_key = plan.only_key(args.len()).is_some();
            self.net.events.one_key_at_once += usize::from(has_one_key);
            self.net.events.one_slot_at_once += usize::from(!has_one_key);
        }
        step
    }

    fn caller(&self, index: usize) -> Caller {
        let connection = &self.net.connections[index];
        let at = ConnectionId { worker: connection.worker, index: index as u32 };
        Caller { at, db: connection.db, resp3: connection.resp3, ..Caller::new(client_of(index)) }
    }

    fn exec(&mut self, index: usize) -> Step {
        let (caller, wanted) = (self.caller(index), self.wants(index));
        let connection = &mut self.net.connections[index];
        let Some(queue) = connection.queue.take() else {
            return self.reply(index, |reply| reply.error(&CommandError::other("ERR EXEC without MULTI")));
        };
        let foresee = |number, args: Args<'_>, caller: &mut Caller| {
            if number == SessionCommand::Select.number() {
                caller.db = selected(args);
            }
        };
        match queue.plan(caller, foresee) {
            Ok(plan) => {
                let mut watched = std::mem::take(&mut connection.watched);
                self.with(caller.at.worker, |router, desk| {
                    router.exec(plan, caller, &mut watched, wanted, desk)
                })
            }
            Err(error) => {
                self.unwatch(index);
                self.reply(index, |reply| reply.error(&error))
            }
        }
    }

    fn go_on_with_exec(&mut self, index: usize, seq: u32) {
        let (worker, connection) = (self.worker_of(index), index as u32);
        let session = &mut InExec { node: self, index, seq };
        if let Some(reply) = go_on_with_exec(session, connection, seq) {
            self.with(worker, |router, desk| router.end_exec(connection, seq, &reply, desk));
            self.net.connections[index].waiting = Waiting::Reply;
        }
    }

    /// A command of the session outside of a transaction.
    fn run_session(&mut self, index: usize, command: SessionCommand, args: Args<'_>) -> Step {
        let mut reply = Reply::new(self.net.connections[index].resp3);
        let replied = self.follow(index, command, args, ReplyPlace::Queue, &mut reply);
        if !reply.is_empty() && (replied == Replied::Pushed || self.wants(index)) {
            self.net.connections[index].replies.writer().append(reply.bytes(), reply.blobs());
        }
        Step::Done
    }

    /// Does what a command of the session asks for.
    fn follow(
        &mut self,
        index: usize,
        command: SessionCommand,
        args: Args<'_>,
        place: ReplyPlace,
        reply: &mut Reply,
    ) -> Replied {
        match command {
            SessionCommand::Select => {
                self.net.connections[index].db = selected(args);
                reply.ok();
            }
            SessionCommand::Ping => reply.simple("PONG"),
            SessionCommand::Reply => {
                let mode = &mut self.net.connections[index].mode;
                match args.get(1) {
                    b"SKIP" => mode.skip(),
                    b"OFF" => mode.switch_off(),
                    _ => {
                        mode.switch_on();
                        reply.ok();
                    }
                }
            }
            SessionCommand::Survey => return self.survey(index, args, place, reply),
            SessionCommand::Subscribe(kind) => self.subscribe_to(index, kind, args, reply),
            SessionCommand::Unsubscribe(kind) => self.unsubscribe_from(index, kind, args, reply),
            SessionCommand::Publish(kind) => return self.publish(index, kind, args, place, reply),
        }
        Replied::Written
    }

    /// Asks all other workers on behalf of a client, which waits for the answer.
    fn survey(&mut self, index: usize, args: Args<'_>, place: ReplyPlace, reply: &mut Reply) -> Replied {
        let worker = self.worker_of(index);
        let others = (0..self.net.workers).map(|worker| ShardId(worker as u16));
        let others: Vec<ShardId> = others.filter(|&other| other != worker).collect();
        if others.is_empty() {
            reply.bulk(args.get(1));
            return Replied::Written;
        }
        let seq = match place {
            ReplyPlace::Exec(seq) => seq,
            ReplyPlace::Queue => {
                let wanted = self.wants(index);
                let connection = &mut self.net.connections[index];
                connection.waiting = Waiting::Reply;
                connection.replies.reserve(wanted)
            }
        };
        let ticket = Ticket { worker, connection: index as u32, seq };
        others.iter().for_each(|&other| self.net.send(worker, other, Hop::Ask(ticket)));
        self.inquiries.push((ticket, others.len(), args.get(1).into()));
        if place == ReplyPlace::Queue { Replied::Written } else { Replied::Later }
    }

    /// Another worker has answered.
    pub(super) fn answered(&mut self, ticket: Ticket) {
        let at = self.inquiries.iter().position(|(of, ..)| *of == ticket).expect("somebody has asked");
        self.inquiries[at].1 -= 1;
        if self.inquiries[at].1 == 0 {
            let (_, _, text) = self.inquiries.swap_remove(at);
            let mut reply = Reply::default();
            reply.bulk(&text);
            self.with(ticket.worker, |router, desk| router.deliver(ticket, &reply, desk));
        }
    }

    fn watch(&mut self, index: usize, args: Args<'_>) -> Step {
        let (caller, wanted) = (self.caller(index), self.wants(index));
        let mut watched = std::mem::take(&mut self.net.connections[index].watched);
        let step = self
            .with(caller.at.worker, |router, desk| router.watch(args, caller, &mut watched, wanted, desk));
        self.net.events.direct_watches += usize::from(step == Step::Done);
        self.net.connections[index].watched = watched;
        step
    }

    /// Forgets what a connection watches.
    pub(super) fn unwatch(&mut self, index: usize) {
        let mut watched = std::mem::take(&mut self.net.connections[index].watched);
        self.with(self.worker_of(index), |router, desk| {
            router.unwatch(client_of(index), &mut watched, desk);
        });
    }
}

/// The session of a client whose transaction is carried out, and the place of its reply.
struct InExec<'a> {
    node: &'a mut Node,
    index: usize,
    seq: u32,
}

impl ExecSession for InExec<'_> {
    fn router(&mut self) -> &mut Router {
        let worker = self.node.worker_of(self.index);
        &mut self.node.routers[worker.index()]
    }

    fn audience(&mut self) -> Audience {
        // What a client that has gone has begun is judged by its reply, so that is whole.
        Audience { is_on: self.node.net.connections[self.index].mode != ReplyMode::Off, is_leaving: false }
    }

    fn run(&mut self, number: SessionNumber, args: Args<'_>, reply: &mut Reply) -> Replied {
        let (command, place) = (SessionCommand::of_number(number), ReplyPlace::Exec(self.seq));
        let replied = self.node.follow(self.index, command, args, place, reply);
        let events = &mut self.node.net.events;
        events.awaited_items += usize::from(replied == Replied::Later);
        events.session_items += usize::from(replied != Replied::Later);
        replied
    }
}

/// The database that SELECT names.
fn selected(args: Args<'_>) -> DbIndex {
    DbIndex(num::parse_i64(args.get(1)).expect("a database's number") as u16)
}
