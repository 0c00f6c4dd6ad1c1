//! From a parsed request to its execution: the admission checks in one written order, then the way to the shard.
//!
//! The only caller of handlers on behalf of clients. It compares no command names: what a command is and where
//! its keys are comes from its row.

use shards::args::Args;
use shards::caller::Caller;
use shards::command::registry::{Command, CommandId, Entry, Registry, SessionNumber};
use shards::command::{DataCommand, Plan, flags};
use shards::copies::ConnectionId;
use shards::error::CommandError;
use shards::reply::Reply;
use shards::router::coordinator::{Method, Owners};
use shards::router::route::{Route, route};
use shards::router::slot_move::MOVING;
use shards::shard::Call;
use shards::slot::{ShardId, SlotId};
use shards::txn::{OwnedCall, Ticket};
use shards::walk::Walk;

use crate::commands::client::tracking::command_is_over;
use crate::host::log::LineLimit;
use crate::mesh::RemoteCommand;
use crate::session::client::Client;
use crate::session::command::{Flow, SessionCtx};
use crate::session::inquiry::{Finish, Inquiry, Question};
use crate::session::order::{Closing, Waiting};
use crate::session::{ReplyMode, Session};
use crate::worker::Worker;

static ATTACK_LINES: LineLimit = LineLimit::new();

impl Worker {
    /// Executes one request of a client that need not wait ([`Client::must_wait`]), or starts it: the reply may come later. When it returns, the reply or its place is
    /// in the client's queue, so what the client is told of its own command comes behind it.
    #[inline]
    pub(crate) fn dispatch(&mut self, index: u32, args: Args<'_>) {
        self.stats.commands += 1;
        match self.admit(index, args) {
            Ok((entry, true)) => self.queue(index, entry, args),
            Ok((entry, false)) => match entry.command {
                Command::Data(command) => self.route(index, entry, command, args),
                Command::Session(number) => self.run_session(index, number, args),
            },
            Err(error) => self.reject(index, args, error),
        }
        let Client { session, waiting, .. } = self.clients.at(index);
        let is_put_off = matches!(waiting, Waiting::Barrier(_) | Waiting::Slot(_));
        if is_put_off {
            // It will be dispatched again, and counts then.
            self.stats.commands -= 1;
            session.commands -= 1;
        } else if session.tracking.is_some() {
            command_is_over(session);
        }
        if session.reply_mode == ReplyMode::SkipThis {
            session.reply_mode = if is_put_off { ReplyMode::SkipNext } else { ReplyMode::On };
        }
        if self.shard.has_notices() {
            self.publish_notices();
        }
        self.tell_trackers();
    }
}

impl Worker {
    /// The admission checks, in Redis's order. Also whether the command is queued behind MULTI.
    #[inline]
    fn admit(&mut self, index: u32, args: Args<'_>) -> Result<(&'static Entry, bool), CommandError> {
        let registry: &'static Registry = &self.node.registry;
        let client = self.clients.at(index);
        client.session.commands += 1;
        if client.session.reply_mode == ReplyMode::SkipNext {
            client.session.reply_mode = ReplyMode::SkipThis;
        }
        let Some(entry) = registry.called(args) else {
            client.session.last_command = None;
            if is_http(args.get(0)) {
                if let Some(left_out) = ATTACK_LINES.admit() {
                    log::warn!(
                        "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis instance. Connection from {} aborted.{left_out}",
                        client.peer
                    );
                }
                client.closing = Some(Closing::Now);
            }
            return Err(registry.unknown(args));
        };
        let spec = entry.spec();
        client.session.last_command = Some(entry);
        if !spec.arity.accepts(args.len()) {
            return Err(CommandError::WrongArity(entry.full_name.clone().into()));
        }
        if spec.has(flags::PROTECTED) && !self.config.enable_debug_command.includes(client.is_local) {
            return Err(CommandError::other(DEBUG_REFUSED_TEXT));
        }
        let session = &client.session;
        if !session.authenticated && !spec.has(flags::NO_AUTH) {
            return Err(CommandError::other("NOAUTH Authentication required."));
        }
        let is_in_multi = session.queue.is_some();
        if is_in_multi && spec.has(flags::NO_MULTI) {
            return Err(CommandError::other("ERR Command not allowed inside a transaction"));
        }
        let is_refused = is_refused_to_subscriber(session, entry);
        let may_need_memory = may_need_memory(session, entry);
        self.admit_memory(may_need_memory)?;
        if is_refused {
            return Err(refused_to_subscriber(entry));
        }
        Ok((entry, is_in_multi && !spec.has(flags::RUNS_IN_MULTI)))
    }

    /// Replies that a command does not run. A transaction that it should have been a part of will not run either; one
    /// that it should have run is over (Redis: rejectCommand).
    #[cold]
    fn reject(&mut self, index: u32, args: Args<'_>, error: CommandError) {
        let session = &mut self.clients.at(index).session;
        if let Some(queue) = &mut session.queue {
            queue.is_refused = true;
        }
        let entry = self.node.registry.called(args);
        if !entry.is_some_and(|entry| entry.spec().has(flags::RUNS_QUEUE)) {
            return self.reply_error(index, &error);
        }
        session.queue = None;
        self.unwatch(index);
        let text = error.bytes();
        let text = text.strip_prefix(b"ERR ").unwrap_or(&text);
        let before = "EXECABORT Transaction discarded because of: ";
        self.reply_error(index, &CommandError::quoting(before, text, ""));
    }

    pub(crate) fn reply_error(&mut self, index: u32, error: &CommandError) {
        let client = self.clients.at(index);
        if client.session.reply_mode == ReplyMode::On {
            client.replies.writer().error(error);
        } else {
            shards::error_counts::count(&error.bytes());
        }
    }

    /// Sends a data command to where its keys are.
    #[inline]
    fn route(&mut self, index: u32, entry: &'static Entry, command: &'static DataCommand, args: Args<'_>) {
        if let Plan::SingleKey(at) = entry.plan {
            let slot = SlotId::of(args.get(at));
            return self.run_on_shard(index, self.slots.owner(slot), entry, command, Some(slot), args);
        }
        if command.spec.may_block(args) {
            return self.run_blocking(index, command, args);
        }
        let owner = |slot| self.slots.owner(slot);
        let shard_count = self.node.shards;
        match route(entry.spec(), entry.plan, args, owner, shard_count, &mut self.positions) {
            Route::Txn(method) => self.start_txn(index, method, command, args),
            Route::Walk => self.start_walk(index, entry, command, args),
            Route::Shard(_, None) if entry.plan != Plan::NoKeys && self.waits_for_replies(index, args) => {}
            Route::Shard(shard, slot) => {
                self.run_on_shard(index, shard.unwrap_or(self.id), entry, command, slot, args);
            }
        }
    }

    /// Runs a command on the one shard that has its keys: at once here, or by a hop.
    #[inline]
    fn run_on_shard(
        &mut self,
        index: u32,
        shard: ShardId,
        entry: &'static Entry,
        command: &'static DataCommand,
        slot: Option<SlotId>,
        args: Args<'_>,
    ) {
        if shard == self.id {
            self.make_room();
        }
        let at = self.at(index);
        let Client { session, replies, waiting, .. } = self.clients.at(index);
        let wanted = session.reply_mode == ReplyMode::On;
        let call = Call { command, slot, caller: session.caller(at), args };
        // Only commands whose replies are awaited can wait for credit, and for them those that come later.
        let runs_now = self.shard.has_no_locks() && (self.shard.nobody_waits() || replies.awaited() == 0);
        if shard == self.id && wanted && runs_now {
            self.shard.execute(call, replies.writer());
        } else if shard == self.id && runs_now {
            self.shard.execute(call, &mut self.scratch);
            self.scratch.clear();
        } else if shard == self.id {
            // A place behind the replies that are there; it is given up when the command runs at once.
            replies.writer();
            let ticket = Ticket { worker: self.id, connection: index, seq: replies.next_seq() };
            self.scratch.set_resp3(session.resp3);
            if self.shard.submit(call, || ticket, &mut self.scratch) {
                if wanted {
                    replies.writer().append(self.scratch.bytes(), self.scratch.blobs());
                }
                self.scratch.clear();
            } else {
                replies.reserve(wanted);
            }
        } else if shard == MOVING {
            return self.await_slot(index, args);
        } else {
            self.stats.remote_commands += 1;
            let seq = replies.reserve(wanted);
            let remote = RemoteCommand::new(seq, entry.id, &call);
            replies.asked(self.mesh.command(shard, remote, args));
        }
        if self.config.pipeline_order_strict && replies.awaited() > 0 {
            *waiting = Waiting::Reply;
        }
    }

    /// Starts a transaction over several shards. It waits for all commands before it, and the client for it.
    pub(crate) fn start_txn(
        &mut self,
        index: u32,
        method: Method,
        command: &'static DataCommand,
        args: Args<'_>,
    ) {
        let Some((call, ticket)) = self.hold_for_reply(index, command, args) else { return };
        self.stats.transactions += 1;
        let owners = Owners { owner: &|slot| self.slots.owner(slot), shard_count: self.node.shards };
        self.coordinator.start(method, call, ticket, owners, &self.shard, &mut self.outbox);
        self.send_outbox();
    }

    /// True when replies to commands before this one are awaited: the client waits for them, and it runs behind them.
    pub(crate) fn waits_for_replies(&mut self, index: u32, args: Args<'_>) -> bool {
        let Client { replies, waiting, .. } = self.clients.at(index);
        let waits = replies.awaited() > 0;
        if waits {
            *waiting = Waiting::Barrier(args.to_owned());
        }
        waits
    }

    /// The place of a reply for which the client waits from now on.
    pub(crate) fn reserve(&mut self, index: u32) -> Ticket {
        let Client { session, replies, waiting, .. } = self.clients.at(index);
        *waiting = Waiting::Reply;
        let seq = replies.reserve(session.reply_mode == ReplyMode::On);
        Ticket { worker: self.id, connection: index, seq }
    }

    /// The command with its own copy of the arguments and the place of its reply, for which the client waits from now
    /// on. None when it has to wait first for the commands before it.
    pub(crate) fn hold_for_reply(
        &mut self,
        index: u32,
        command: &'static DataCommand,
        args: Args<'_>,
    ) -> Option<(OwnedCall, Ticket)> {
        if self.waits_for_replies(index, args) {
            return None;
        }
        let caller = self.caller(index);
        let call = OwnedCall { command, slot: None, caller, args: args.to_owned() };
        Some((call, self.reserve(index)))
    }

    /// Starts a walk from shard to shard. As a transaction it waits for all commands before it, and the client for it.
    fn start_walk(
        &mut self,
        index: u32,
        entry: &'static Entry,
        command: &'static DataCommand,
        args: Args<'_>,
    ) {
        let Some((call, ticket)) = self.hold_for_reply(index, command, args) else { return };
        if let Some(reply) = self.walk_on(ticket, entry.id, Walk::new(call)) {
            self.fill_reserved(ticket, reply.bytes(), reply.blobs());
        }
    }

    /// Asks one shard after the other, as long as they are here. Returns the client's reply if none had to be waited for.
    pub(crate) fn walk_on(&mut self, ticket: Ticket, command: CommandId, mut walk: Walk) -> Option<Reply> {
        loop {
            let (shard, call) = walk.ask(|slot| self.slots.owner(slot));
            if shard == MOVING {
                self.walks_later.push((ticket, command, walk));
                return None;
            }
            if shard != self.id {
                self.stats.remote_commands += 1;
                let remote = RemoteCommand::new(ticket.seq, command, &call.as_call());
                self.mesh.command(shard, remote, call.args.as_args());
                self.walks.insert(ticket, (command, walk));
                return None;
            }
            let mut answer = Reply::new(call.caller.resp3);
            if !self.shard.submit(call.as_call(), || ticket, &mut answer) {
                self.walks.insert(ticket, (command, walk));
                return None;
            }
            let reply = walk.answered(answer.bytes(), |slot| self.slots.owner(slot));
            if reply.is_some() {
                return reply;
            }
        }
    }

    /// Runs a command of the connection or the server.
    fn run_session(&mut self, index: u32, number: SessionNumber, args: Args<'_>) {
        let mut reply = std::mem::take(&mut self.scratch);
        let client = self.clients.at(index);
        reply.set_resp3(client.session.resp3);
        let mut ctx = SessionCtx {
            reply: &mut reply,
            client,
            node: self.node,
            config: &self.config,
            now_ms: self.now_ms,
        };
        let flow = (self.session_commands.get(number).run)(&mut ctx, args);
        let mut wanted = self.clients.at(index).session.reply_mode == ReplyMode::On;
        match flow {
            Ok(Flow::Done) => {}
            Ok(Flow::Later) => self.clients.at(index).waiting = Waiting::Barrier(args.to_owned()),
            Ok(Flow::Subscribe(_) | Flow::Unsubscribe(_)) if self.waits_for_replies(index, args) => {}
            Ok(Flow::Ask(question, _)) if question.waits() && self.waits_for_replies(index, args) => {}
            // Acknowledgements are pushes, which CLIENT REPLY OFF does not hold back.
            Ok(Flow::Subscribe(kind)) => {
                self.subscribe(index, kind, args, &mut reply);
                wanted = true;
            }
            Ok(Flow::Unsubscribe(kind)) => {
                self.unsubscribe(index, kind, args, &mut reply);
                wanted = true;
            }
            Ok(Flow::Publish(kind)) => self.publish(index, kind, args, &mut reply),
            Ok(Flow::Reset) => {
                self.unwatch(index);
                self.forget_subscriptions(index);
                self.end_tracking(index);
            }
            Ok(Flow::Track(change)) => self.set_tracking(index, change, None),
            Ok(Flow::Close) => self.clients.at(index).closing = Some(Closing::AfterReplies),
            Ok(Flow::Ask(question, finish)) => self.ask_for(index, &question, finish),
            Ok(Flow::Watch) => self.watch(index, args),
            Ok(Flow::Unwatch) => self.unwatch(index),
            Ok(Flow::Exec) => self.exec(index, args),
            Ok(Flow::MoveSlot(slot, to)) => self.move_slot(index, slot, to),
            Ok(Flow::HandOver(to)) => self.hand_over(index, to),
            Ok(Flow::ShowSlots) => self.show_slots(&mut reply),
            Err(error) => {
                reply.clear();
                reply.error(&error);
            }
        }
        let Client { session, replies, .. } = self.clients.at(index);
        if wanted && !reply.is_empty() {
            replies.writer().append(reply.bytes(), reply.blobs());
        }
        replies.set_resp3(session.resp3);
        reply.clear();
        self.scratch = reply;
    }

    /// Asks all workers on behalf of a client, which waits for the answer.
    fn ask_for(&mut self, index: u32, question: &Question, finish: Finish) {
        let ticket = self.reserve(index);
        if let Some(reply) = self.ask_with_ticket(ticket, question, finish) {
            self.fill_reserved(ticket, reply.bytes(), reply.blobs());
        }
    }

    /// The same with the answer for a place that is reserved. Returns it if no other worker has to be waited for.
    pub(crate) fn ask_with_ticket(
        &mut self,
        ticket: Ticket,
        question: &Question,
        finish: Finish,
    ) -> Option<Reply> {
        let resp3 = self.clients.at(ticket.connection).session.resp3;
        let inquiry = Inquiry::new(self.mesh.workers(), resp3, finish);
        if let Question::Change(change) = question {
            return self.ask_for_change(ticket, change, inquiry);
        }
        let own = self.answer(question, Some(ticket.connection));
        self.ask(ticket, question, inquiry, own)
    }

    /// Where a client of this worker is.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> ConnectionId {
        ConnectionId { worker: self.id, index }
    }

    /// What a command has to know of a client.
    pub(crate) fn caller(&mut self, index: u32) -> Caller {
        let at = self.at(index);
        self.clients.at(index).session.caller(at)
    }

    /// Executes a command of another worker's connection; its reply goes into the batch for that worker.
    pub(crate) fn execute_remote(&mut self, remote: &RemoteCommand, args: Args<'_>) {
        let Command::Data(command) = self.node.registry.get(remote.command).command else { return };
        let RemoteCommand { slot, caller, .. } = *remote;
        let (ticket, worker, resp3) = (remote.ticket(), caller.at.worker, caller.resp3);
        let call = Call { command, slot, caller, args };
        if !self.mesh.has_room_for_replies(worker) {
            return self.shard.put_aside(call, ticket);
        }
        self.make_room();
        let reply = self.mesh.reply_buffer(worker, resp3);
        let (mark, bytes) = (reply.mark(), reply.total_len());
        if self.shard.submit(call, || ticket, reply) {
            // The replies of a walk are read on the way.
            if !command.spec.walks {
                reply.share_since(mark);
                self.shard.owe(ticket, reply.total_len() - bytes);
            }
            self.mesh.end_reply(ticket);
        }
    }
}

/// DEBUG is the only protected command here (Redis: allowProtectedAction).
const DEBUG_REFUSED_TEXT: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.";

/// Whether a command is refused while the node is over maxmemory and cannot evict: inside MULTI all but those that end it,
/// and EXEC for what it has queued (Redis: processCommand).
fn may_need_memory(session: &Session, entry: &Entry) -> bool {
    let spec = entry.spec();
    let Some(queue) = &session.queue else { return spec.has(flags::DENYOOM) };
    let mut queued = queue.commands.iter();
    // A queue takes memory whatever is put into it.
    !spec.has(flags::RUNS_IN_MULTI)
        || (spec.has(flags::RUNS_QUEUE) && queued.any(|(entry, _)| entry.spec().has(flags::DENYOOM)))
}

/// A subscriber that speaks RESP2 takes every reply for a message but those to a few commands (Redis: processCommand).
#[inline]
fn is_refused_to_subscriber(session: &Session, entry: &Entry) -> bool {
    session.is_subscribed() && !session.resp3 && !entry.spec().has(flags::FOR_SUBSCRIBERS)
}

#[cold]
fn refused_to_subscriber(entry: &Entry) -> CommandError {
    let text = "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
    CommandError::quoting("ERR Can't execute '", entry.full_name.as_bytes(), text)
}

/// What a browser sends that a web page has made talk to this port (Redis: securityWarningCommand).
fn is_http(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"post") || word.eq_ignore_ascii_case(b"host:")
}
