//! MULTI ... EXEC and WATCH of a client: queueing, and the commands of the session in a transaction (PING, CONFIG GET,
//! INFO), which run here when it is their turn. The way of the data commands to the shards, and whose turn it is, are decided
//! in [`shards::router`]. This file compares no command names.

use shards::args::Args;
use shards::caller::Caller;
use shards::command::registry::{Command, Entry};
use shards::error::CommandError;
use shards::router::progress::{Audience, ExecPlan, Next, Progress, Queued};
use shards::router::step::{Step, Waiting};
use shards::watch::ClientId;

use crate::session::client::Client;
use crate::session::command::Foreseen;
use crate::session::order::TransactionFlow;
use crate::session::{QueuedCommands, ReplyMode};
use crate::worker::Worker;

impl Worker {
    /// Queues a command behind MULTI.
    pub(crate) fn queue(&mut self, index: u32, entry: &'static Entry, args: Args<'_>) {
        let client = self.clients.at(index);
        let is_normal = client.is_normal();
        let Client { session, replies, .. } = client;
        let Some(queue) = &mut session.queue else { return };
        let args = args.to_owned();
        queue.bytes += args.bytes_held();
        queue.commands.push((entry, args));
        if queue.bytes as u64 > self.config.client_query_buffer_limit_bytes && is_normal {
            self.close_for_query_limit(index);
        } else if session.reply_mode == ReplyMode::On {
            replies.writer().simple("QUEUED");
        }
    }

    /// Does what a command about MULTI and WATCH asks for. EXEC and WATCH come behind all commands before them.
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
        let is_data = |(entry, _): &(&Entry, _)| matches!(entry.command, Command::Data(_));
        let is_data_only = queue.commands.iter().all(is_data);
        let queue = queue.commands.into_iter().map(|(entry, args)| match entry.command {
            Command::Data(command) => (Queued::Data(command), args),
            Command::Session(number) => (Queued::Session(number), args),
        });
        let plan = ExecPlan::new(queue, caller, |number, args, caller| {
            if let Some(foresees) = self.session_commands.get(number).foresees {
                foresees(&mut foreseen, args);
                *caller = foreseen.caller();
            }
        });
        let (tracks, may_have_prefixes) = foreseen.tracks();
        if tracks && !is_data_only {
            self.keep_what_comes(index, may_have_prefixes);
        }
        plan
    }

    /// Takes a transaction up again if something has come for the place of its reply, which has this number.
    pub(crate) fn go_on_with_exec(&mut self, index: u32, seq: u32) {
        let Some(mut progress) = self.router.take_exec(index, seq) else { return };
        let mut next = progress.go_on(self.audience(index));
        loop {
            match next {
                Next::Later => break,
                Next::Run(number, args) => {
                    if !self.run_in_exec(index, seq, number, args.as_args(), &mut progress) {
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
    pub(super) fn audience(&mut self, index: u32) -> Audience {
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
        self.tell_what_was_kept(index);
    }

    /// WATCH. The client waits for it.
    fn watch(&mut self, index: u32, args: Args<'_>) -> Step {
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
