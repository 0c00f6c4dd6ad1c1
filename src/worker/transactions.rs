//! MULTI ... EXEC and WATCH of a client: queueing, and the commands of the session in a transaction (PING,
//! CONFIG GET, INFO), which run here when [`shards::router::exec`] says that it is their turn. The way of the
//! data commands to the shards is decided in the router, too. This file compares no command names.

use shards::args::Args;
use shards::caller::Caller;
use shards::command::flags;
use shards::command::registry::{CommandEntry, SessionNumber};
use shards::error::CommandError;
use shards::reply::Reply;
use shards::router::Router;
use shards::router::exec::{ExecSession, go_on_with_exec};
use shards::router::progress::{Audience, ExecPlan};
use shards::router::session::{QueuedCommands, Replied, ReplyMode, ReplyPlace};
use shards::router::step::{Step, Waiting};
use shards::watch::ClientId;

use crate::session::client::Client;
use crate::session::command::Foreseen;
use crate::session::order::TransactionFlow;
use crate::worker::Worker;

impl Worker {
    /// Queues a command behind MULTI.
    pub(crate) fn queue(&mut self, index: u32, entry: &'static CommandEntry, args: Args<'_>) {
        let client = self.clients.at(index);
        let is_normal = client.is_normal();
        let Client { session, replies, .. } = client;
        let Some(queue) = &mut session.queue else { return };
        queue.push(entry.command, entry.spec().has(flags::DENYOOM), args.to_owned());
        if queue.bytes() as u64 > self.config.client_query_buffer_limit_bytes && is_normal {
            self.close_for_query_limit(index);
        } else if session.reply_mode.is_wanted() {
            replies.writer().simple("QUEUED");
        }
    }

    /// Does what a command about MULTI and WATCH asks for. EXEC and WATCH come behind all commands before
    /// them.
    pub(super) fn follow_transaction(&mut self, index: u32, flow: TransactionFlow, args: Args<'_>) {
        let step = match flow {
            TransactionFlow::Exec => self.exec(index),
            TransactionFlow::Watch => self.watch(index, args),
            TransactionFlow::Unwatch => return self.unwatch(index),
        };
        self.wait(index, step, args);
    }

    /// EXEC. The client waits for it.
    fn exec(&mut self, index: u32) -> Step {
        let Some(queue) = self.clients.at(index).session.queue.take() else { return Step::Done };
        let caller = self.caller(index);
        let plan = match self.plan_exec(index, caller, *queue) {
            Ok(plan) => plan,
            Err(error) => {
                self.unwatch(index);
                self.reply_error(index, &error);
                return Step::Done;
            }
        };
        let commands = plan.len();
        let session = &mut self.clients.at(index).session;
        let wanted = session.reply_mode.is_wanted();
        let mut watched = std::mem::take(&mut session.watched);
        let (router, mut desk) = self.at_desk();
        let step = router.exec(plan, caller, &mut watched, wanted, &mut desk);
        if let Step::Exec(_) = step {
            self.clients.at(index).session.running = Some(commands);
        }
        step
    }

    /// The queued commands, each with the client that it will find.
    fn plan_exec(
        &mut self,
        index: u32,
        caller: Caller,
        queue: QueuedCommands,
    ) -> Result<ExecPlan, CommandError> {
        let tracking = self.clients.at(index).session.tracking.clone();
        let mut foreseen = Foreseen::new(&self.config, caller, tracking);
        let has_session_commands = queue.has_session_commands();
        let plan = queue.plan(caller, |number, args, caller| {
            if let Some(foresees) = self.session_commands.get(number).foresees {
                foresees(&mut foreseen, args);
                *caller = foreseen.caller();
            }
        });
        let (tracks, may_have_prefixes) = foreseen.tracks();
        if tracks && has_session_commands {
            self.keep_what_comes(index, may_have_prefixes);
        }
        plan
    }

    /// Takes a transaction up again if something has come for the place of its reply, which has this number.
    pub(crate) fn go_on_with_exec(&mut self, index: u32, seq: u32) {
        let session = &mut InExec { worker: self, index, seq };
        if let Some(reply) = go_on_with_exec(session, index, seq) {
            self.end_exec(index, seq, &reply);
        }
    }

    fn end_exec(&mut self, index: u32, seq: u32, reply: &Reply) {
        let Client { session, waiting, .. } = self.clients.at(index);
        *waiting = Waiting::Reply;
        session.running = None;
        session.forget_caching();
        let (router, mut desk) = self.at_desk();
        router.end_exec(index, seq, reply, &mut desk);
        let Client { session, replies, .. } = self.clients.at(index);
        replies.set_resp3(session.resp3);
        self.tell_what_was_kept(index);
    }

    /// WATCH. The client waits for it.
    fn watch(&mut self, index: u32, args: Args<'_>) -> Step {
        let caller = self.caller(index);
        let session = &mut self.clients.at(index).session;
        let wanted = session.reply_mode.is_wanted();
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

/// The session of a client whose transaction is carried out, and the place of its reply.
struct InExec<'a> {
    worker: &'a mut Worker,
    index: u32,
    seq: u32,
}

impl ExecSession for InExec<'_> {
    fn router(&mut self) -> &mut Router {
        &mut self.worker.router
    }

    fn audience(&mut self) -> Audience {
        let Client { session, closing, .. } = self.worker.clients.at(self.index);
        Audience { is_on: session.reply_mode != ReplyMode::Off, is_leaving: closing.is_some() }
    }

    fn run(&mut self, number: SessionNumber, args: Args<'_>, reply: &mut Reply) -> Replied {
        let command = self.worker.session_commands.get(number);
        self.worker.run_and_follow(self.index, command, args, ReplyPlace::Exec(self.seq), reply)
    }
}
