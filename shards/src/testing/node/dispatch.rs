//! What a simulated connection does with its requests: it hands them to its worker's router, waits as it is told, and runs
//! what is no command on keys.

use super::net::Hop;
use super::{Node, Request, SessionCommand};
use crate::args::{Args, OwnedArgs};
use crate::caller::Caller;
use crate::command::DataCommand;
use crate::command::registry::SessionNumber;
use crate::copies::ConnectionId;
use crate::error::CommandError;
use crate::key::DbIndex;
use crate::num;
use crate::reply::Reply;
use crate::router::progress::{Audience, ExecPlan, Next, Progress, Queued};
use crate::router::step::{Step, Waiting};
use crate::router::wire::{Places as _, Wire};
use crate::shard::Call;
use crate::slot::ShardId;
use crate::testing::full_name;
use crate::txn::Ticket;
use crate::watch::ClientId;

impl Node {
    /// Takes up the next request of a connection, or the one that had to wait, or goes on with its transaction.
    pub(super) fn go_on(&mut self, index: usize) {
        let connection = &mut self.net.connections[index];
        connection.is_looked_at = false;
        if let Waiting::Exec(seq) = connection.waiting {
            return self.go_on_with_exec(index, seq);
        }
        let again = connection.waiting.take_up(connection.places.awaited);
        if let Some(request) = again.or_else(|| connection.requests.pop_front()) {
            self.dispatch(index, request);
        }
    }

    fn dispatch(&mut self, index: usize, request: Request) {
        let step = match &request {
            Request::Data(command, args) if self.is_queueing(index) => {
                self.queue(index, Queued::Data(command), args)
            }
            Request::Session(command, args) if self.is_queueing(index) => {
                self.queue(index, Queued::Session(command.number()), args)
            }
            Request::Data(command, args) => self.run(index, command, args.as_args()),
            Request::Session(command, args) => self.run_session(index, *command, args.as_args()),
            Request::Multi => {
                self.net.connections[index].queue = Some(Vec::new());
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
            Request::MoveSlot(slot, to) => {
                let (slot, to) = (*slot, *to);
                self.with(self.worker_of(index), |router, desk| {
                    router.move_slot(slot, to, index as u32, true, desk)
                })
            }
        };
        self.net.events.awaited_slot += usize::from(step == Step::Slot);
        self.net.connections[index].waiting = Waiting::after(step, || request);
    }

    fn is_queueing(&self, index: usize) -> bool {
        self.net.connections[index].queue.is_some()
    }

    fn queue(&mut self, index: usize, command: Queued, args: &OwnedArgs) -> Step {
        if let Some(queue) = &mut self.net.connections[index].queue {
            queue.push((command, args.clone()));
        }
        self.reply(index, |reply| reply.simple("QUEUED"))
    }

    /// Replies at once.
    pub(super) fn reply(&mut self, index: usize, write: impl FnOnce(&mut Reply)) -> Step {
        self.with(self.worker_of(index), |_, desk| {
            write(desk.places(index as u32).writer());
        });
        Step::Done
    }

    fn run(&mut self, index: usize, command: &'static DataCommand, args: Args<'_>) -> Step {
        if !command.spec.arity.accepts(args.len()) {
            let error = CommandError::WrongArity(full_name(command).into());
            return self.reply(index, |reply| reply.error(&error));
        }
        let call = Call { command, key: None, caller: self.caller(index), args };
        self.with(call.caller.at.worker, |router, desk| router.run(call, command.spec.plan(), true, desk))
    }

    fn caller(&self, index: usize) -> Caller {
        let connection = &self.net.connections[index];
        let at = ConnectionId { worker: connection.worker, index: index as u32 };
        Caller { at, db: connection.db, resp3: connection.places.resp3, ..Caller::new(client_of(index)) }
    }

    fn exec(&mut self, index: usize) -> Step {
        let worker = self.worker_of(index);
        if self.with(worker, |router, desk| router.is_behind(index as u32, desk)) {
            return Step::AfterReplies;
        }
        let caller = self.caller(index);
        let connection = &mut self.net.connections[index];
        let Some(queue) = connection.queue.take() else {
            return self.reply(index, |reply| reply.error(&CommandError::other("ERR EXEC without MULTI")));
        };
        let foresee = |number, args: Args<'_>, caller: &mut Caller| {
            if number == SessionCommand::Select.number() {
                caller.db = selected(args);
            }
        };
        let plan = ExecPlan::new(queue, caller, foresee);
        let mut watched = std::mem::take(&mut connection.watched);
        self.with(worker, |router, desk| router.exec(plan, caller, &mut watched, true, desk))
    }

    fn go_on_with_exec(&mut self, index: usize, seq: u32) {
        let (worker, connection) = (self.worker_of(index), index as u32);
        let taken = self.with(worker, |router, _| router.take_exec(connection, seq));
        let Some(mut progress) = taken else { return };
        let audience = Audience { is_on: true, is_leaving: false };
        let mut next = progress.go_on(audience);
        loop {
            match next {
                Next::Later => break,
                Next::Run(number, args) => {
                    let ticket = Ticket { worker, connection, seq };
                    if !self.run_in_exec(index, ticket, number, args.as_args(), &mut progress) {
                        self.net.events.awaited_items += 1;
                        break;
                    }
                    self.net.events.session_items += 1;
                    progress.has_run(audience, false);
                    next = progress.next(audience);
                }
                Next::End => {
                    self.with(worker, |router, desk| router.end_exec(connection, seq, &progress, desk));
                    self.net.connections[index].waiting = Waiting::Reply;
                    return;
                }
            }
        }
        self.with(worker, |router, _| router.put_exec_back(connection, seq, progress));
    }

    /// Runs a command of the session inside a transaction. False when its reply is to come.
    fn run_in_exec(
        &mut self,
        index: usize,
        ticket: Ticket,
        number: SessionNumber,
        args: Args<'_>,
        progress: &mut Progress,
    ) -> bool {
        let command = SessionCommand::ALL[usize::from(number.0)];
        if command == SessionCommand::Survey && self.survey(ticket, args) {
            return false;
        }
        if let SessionCommand::Publish(kind) = command {
            let receivers = self.publish_in_exec(ticket, kind, args);
            receivers.into_iter().for_each(|receivers| progress.output().len_int(receivers));
            return receivers.is_some();
        }
        self.apply(index, command, args, progress.output());
        true
    }

    /// A command of the session outside of a transaction.
    fn run_session(&mut self, index: usize, command: SessionCommand, args: Args<'_>) -> Step {
        match command {
            SessionCommand::Publish(kind) => return self.publish(index, kind, args),
            SessionCommand::Subscribe(_) | SessionCommand::Unsubscribe(_) => {
                let worker = self.worker_of(index);
                if self.with(worker, |router, desk| router.is_behind(index as u32, desk)) {
                    return Step::AfterReplies;
                }
            }
            SessionCommand::Select | SessionCommand::Ping | SessionCommand::Survey => {}
        }
        let mut reply = Reply::default();
        self.apply(index, command, args, &mut reply);
        self.reply(index, |out| out.append(reply.bytes(), reply.blobs()))
    }

    fn apply(&mut self, index: usize, command: SessionCommand, args: Args<'_>, reply: &mut Reply) {
        match command {
            SessionCommand::Select => {
                self.net.connections[index].db = selected(args);
                reply.ok();
            }
            SessionCommand::Ping => reply.simple("PONG"),
            SessionCommand::Survey => reply.bulk(args.get(1)),
            SessionCommand::Subscribe(kind) => self.subscribe_to(index, kind, args, reply),
            SessionCommand::Unsubscribe(kind) => self.unsubscribe_from(index, kind, args, reply),
            SessionCommand::Publish(_) => unreachable!("it has a way of its own"),
        }
    }

    /// Asks all other workers on behalf of a client. False when there are none.
    fn survey(&mut self, ticket: Ticket, args: Args<'_>) -> bool {
        let others = (0..self.net.workers).map(|worker| ShardId(worker as u16));
        let others: Vec<ShardId> = others.filter(|&worker| worker != ticket.worker).collect();
        others.iter().for_each(|&worker| self.net.send(ticket.worker, worker, Hop::Ask(ticket)));
        if !others.is_empty() {
            self.inquiries.push((ticket, others.len(), args.get(1).into()));
        }
        !others.is_empty()
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
        let caller = self.caller(index);
        let mut watched = std::mem::take(&mut self.net.connections[index].watched);
        let step =
            self.with(caller.at.worker, |router, desk| router.watch(args, caller, &mut watched, true, desk));
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

/// The database that SELECT names.
fn selected(args: Args<'_>) -> DbIndex {
    DbIndex(num::parse_i64(args.get(1)).expect("a database's number") as u16)
}

/// Connections are numbered once and for all, as clients are.
pub(super) fn client_of(index: usize) -> ClientId {
    ClientId(index as u64)
}
