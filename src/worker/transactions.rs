//! MULTI ... EXEC and WATCH of a client: queueing, and the commands of the session in a transaction (PING, CONFIG GET,
//! INFO), which run here when it is their turn. The way of the data commands to the shards, and whose turn it is, are decided
//! in [`shards::router`]. This file compares no command names.

use shards::args::Args;
use shards::caller::Caller;
use shards::command::registry::{Command, Entry, SessionNumber};
use shards::error::CommandError;
use shards::router::progress::{Audience, ExecPlan, Next, Progress, Queued};
use shards::router::step::{Step, Waiting};
use shards::txn::Ticket;
use shards::watch::ClientId;

use crate::session::client::Client;
use crate::session::command::{Flow, Foreseen, SessionCtx};
use crate::session::order::Closing;
use crate::session::{QueuedCommands, ReplyMode};
use crate::worker::Worker;

impl Worker {
    /// Queues a command behind MULTI.
    pub(crate) fn queue(&mut self, index: u32, entry: &'static Entry, args: Args<'_>) {
        let Client { session, replies, .. } = self.clients.at(index);
        let Some(queue) = &mut session.queue else { return };
        let args = args.to_owned();
        queue.bytes += args.bytes_held();
        queue.commands.push((entry, args));
        if queue.bytes as u64 > self.config.client_query_buffer_limit_bytes {
            self.close_for_query_limit(index);
        } else if session.reply_mode == ReplyMode::On {
            replies.writer().simple("QUEUED");
        }
    }

    /// EXEC. It waits for all commands before it, and the client for it.
    pub(crate) fn exec(&mut self, index: u32) -> Step {
        let (router, mut desk) = self.at_desk();
        if router.is_behind(index, &mut desk) {
            return Step::AfterReplies;
        }
        let Some(queue) = self.clients.at(index).session.queue.take() else { return Step::Done };
        if queue.is_refused {
            self.unwatch(index);
            let text = "EXECABORT Transaction discarded because of previous errors.";
            self.reply_error(index, &CommandError::other(text));
            return Step::Done;
        }
        let caller = self.caller(index);
        let plan = self.plan_exec(index, caller, *queue);
        let commands = plan.len();
        let session = &mut self.clients.at(index).session;
        let wanted = session.reply_mode == ReplyMode::On;
        let mut watched = std::mem::take(&mut session.watched);
        let (router, mut desk) = self.at_desk();
        let step = router.exec(plan, caller, &mut watched, wanted, &mut desk);
        if let Step::Exec(_) = step {
            self.clients.at(index).session.running = Some(commands);
        }
        step
    }

    /// The queued commands, each with the client that it will find.
    fn plan_exec(&mut self, index: u32, caller: Caller, queue: QueuedCommands) -> ExecPlan {
        let tracking = self.clients.at(index).session.tracking.clone();
        let mut foreseen = Foreseen::new(&self.config, caller, tracking);
        let queue = queue.commands.into_iter().map(|(entry, args)| match entry.command {
            Command::Data(command) => (Queued::Data(command), args),
            Command::Session(number) => (Queued::Session(number), args),
        });
        ExecPlan::new(queue, caller, |number, args, caller| {
            if let Some(foresees) = self.session_commands.get(number).foresees {
                foresees(&mut foreseen, args);
                *caller = foreseen.caller();
            }
        })
    }

    /// Takes a transaction up again if something has come for the place of its reply, which has this number.
    pub(crate) fn go_on_with_exec(&mut self, index: u32, seq: u32) {
        let Some(mut progress) = self.router.take_exec(index, seq) else { return };
        let ticket = Ticket { worker: self.id, connection: index, seq };
        let mut next = progress.go_on(self.audience(index));
        loop {
            match next {
                Next::Later => break,
                Next::Run(number, args) => {
                    if !self.run_in_exec(ticket, number, args.as_args(), &mut progress) {
                        break;
                    }
                    next = progress.next(self.audience(index));
                }
                Next::End => return self.end_exec(index, seq, &progress),
            }
        }
        self.router.put_exec_back(index, seq, progress);
    }

    /// The client of a transaction as it is now.
    fn audience(&mut self, index: u32) -> Audience {
        let Client { session, closing, .. } = self.clients.at(index);
        Audience { is_on: session.reply_mode != ReplyMode::Off, is_leaving: closing.is_some() }
    }

    fn end_exec(&mut self, index: u32, seq: u32, progress: &Progress) {
        let Client { session, waiting, .. } = self.clients.at(index);
        *waiting = Waiting::Reply;
        session.running = None;
        session.forget_caching();
        let (router, mut desk) = self.at_desk();
        router.end_exec(index, seq, progress, &mut desk);
        let Client { session, replies, .. } = self.clients.at(index);
        replies.set_resp3(session.resp3);
    }

    /// Runs a command of the connection or the server inside a transaction. False when its reply is to come.
    fn run_in_exec(
        &mut self,
        ticket: Ticket,
        number: SessionNumber,
        args: Args<'_>,
        progress: &mut Progress,
    ) -> bool {
        let index = ticket.connection;
        let mut ctx = SessionCtx {
            reply: progress.output(),
            client: self.clients.at(index),
            node: self.node,
            config: &self.config,
            now_ms: self.now_ms,
        };
        let flow = (self.session_commands.get(number).run)(&mut ctx, args);
        // Acknowledgements are pushes, which CLIENT REPLY OFF does not hold back.
        let is_push = matches!(flow, Ok(Flow::Subscribe(_) | Flow::Unsubscribe(_)));
        let is_there = self.follow_in_exec(ticket, flow, args, progress);
        progress.has_run(self.audience(index), is_push);
        is_there
    }

    /// What comes after a session command inside a transaction. False when its reply is to come.
    fn follow_in_exec(
        &mut self,
        ticket: Ticket,
        flow: Result<Flow, CommandError>,
        args: Args<'_>,
        progress: &mut Progress,
    ) -> bool {
        let index = ticket.connection;
        match flow {
            Ok(Flow::ShowSlots) => {
                self.show_slots(progress.output());
                true
            }
            Ok(Flow::MoveSlot(..)) => {
                let text = "ERR DEBUG SLOT-MOVE is not possible inside a transaction";
                progress.output().error(&CommandError::other(text));
                true
            }
            // It goes when the transaction is over.
            Ok(Flow::HandOver(to)) => {
                self.hand_over(index, to);
                true
            }
            Ok(Flow::Track(change)) => {
                self.set_tracking(index, change, None);
                true
            }
            Ok(Flow::Done | Flow::Later | Flow::Unwatch | Flow::Watch | Flow::Exec | Flow::Reset) => true,
            Ok(Flow::Subscribe(kind)) => {
                self.subscribe(index, kind, args, progress.output());
                true
            }
            Ok(Flow::Unsubscribe(kind)) => {
                self.unsubscribe(index, kind, args, progress.output());
                true
            }
            Ok(Flow::Publish(kind)) => {
                let receivers = self.publish_with_ticket(ticket, kind, args);
                if let Some(receivers) = receivers {
                    progress.output().len_int(receivers);
                }
                receivers.is_some()
            }
            Ok(Flow::Close) => {
                self.clients.at(index).closing = Some(Closing::AfterReplies);
                true
            }
            Ok(Flow::Ask(question, finish)) => {
                let answer = self.ask_with_ticket(ticket, &question, finish);
                let is_there = answer.is_some();
                if let Some(reply) = answer {
                    progress.output().append(reply.bytes(), reply.blobs());
                }
                is_there
            }
            Err(error) => {
                progress.truncate();
                progress.output().error(&error);
                true
            }
        }
    }

    /// WATCH. It waits for all commands before it, and the client for it.
    pub(crate) fn watch(&mut self, index: u32, args: Args<'_>) -> Step {
        let caller = self.caller(index);
        let session = &mut self.clients.at(index).session;
        let wanted = session.reply_mode == ReplyMode::On;
        let mut watched = std::mem::take(&mut session.watched);
        let (router, mut desk) = self.at_desk();
        let step = router.watch(args, caller, &mut watched, wanted, &mut desk);
        self.clients.at(index).session.watched = watched;
        step
    }

    /// Forgets what the client watches.
    pub(crate) fn unwatch(&mut self, index: u32) {
        let session = &mut self.clients.at(index).session;
        let (client, mut watched) = (ClientId(session.id), std::mem::take(&mut session.watched));
        let (router, mut desk) = self.at_desk();
        router.unwatch(client, &mut watched, &mut desk);
    }
}
