//! From a parsed request to its execution: the admission checks in one written order, then the way to the shard.
//!
//! The only caller of handlers on behalf of connections. It compares no command names: what a command is and where
//! its keys are comes from its row.

use shards::args::Args;
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
use crate::session::command::{Flow, SessionCtx};
use crate::session::connection::Connection;
use crate::session::inquiry::{Finish, Inquiry, Question};
use crate::session::order::{Closing, Waiting};
use crate::session::{ReplyMode, Session};
use crate::worker::Worker;

static ATTACK_LINES: LineLimit = LineLimit::new();

impl Worker {
    /// Executes one request of a connection, or starts it: the reply may come later.
    #[inline]
    pub(crate) fn dispatch(&mut self, connection: &mut Connection, args: Args<'_>) {
        self.stats.commands += 1;
        connection.session.commands += 1;
        if connection.session.reply_mode == ReplyMode::SkipNext {
            connection.session.reply_mode = ReplyMode::SkipThis;
        }
        let admitted = self.admit(&self.node.registry, connection, args).and_then(|entry| {
            self.admit_memory(may_need_memory(&connection.session, entry))?;
            admit_subscriber(&connection.session, entry)?;
            Ok(entry)
        });
        match admitted {
            Ok(entry) if connection.session.queue.is_some() && !entry.spec().has(flags::RUNS_IN_MULTI) => {
                self.queue(connection, entry, args);
            }
            Ok(entry) => match entry.command {
                Command::Data(command) => self.route(connection, entry, command, args),
                Command::Session(number) => self.run_session(connection, number, args),
            },
            Err(error) => self.reject(connection, args, error),
        }
        let is_put_off = matches!(connection.waiting, Waiting::Barrier(_) | Waiting::Slot(_));
        if is_put_off {
            // It will be dispatched again, and counts then.
            self.stats.commands -= 1;
            connection.session.commands -= 1;
        }
        if connection.session.reply_mode == ReplyMode::SkipThis {
            connection.session.reply_mode = if is_put_off { ReplyMode::SkipNext } else { ReplyMode::On };
        }
        if self.shard.has_notices() {
            self.publish_notices();
            self.push_held(connection);
        }
        if connection.session.tracking.is_some() && !is_put_off {
            command_is_over(&mut connection.session);
        }
        self.tell_trackers(Some(connection));
    }
}

impl Worker {
    /// The admission checks, in Redis's order.
    fn admit(
        &self,
        registry: &'static Registry,
        connection: &mut Connection,
        args: Args<'_>,
    ) -> Result<&'static Entry, CommandError> {
        let Some(entry) = registry.called(args) else {
            connection.session.last_command = None;
            if is_http(args.get(0)) {
                if let Some(left_out) = ATTACK_LINES.admit() {
                    log::warn!(
                        "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands to Redis. This is likely due to an attacker attempting to use Cross Protocol Scripting to compromise your Redis instance. Connection from {} aborted.{left_out}",
                        connection.peer
                    );
                }
                connection.closing = Some(Closing::Now);
            }
            return Err(registry.unknown(args));
        };
        let spec = entry.spec();
        connection.session.last_command = Some(entry);
        if !spec.arity.accepts(args.len()) {
            return Err(CommandError::WrongArity(entry.full_name.clone().into()));
        }
        if spec.has(flags::PROTECTED) && !self.config.enable_debug_command.includes(connection.is_local) {
            return Err(CommandError::other(DEBUG_REFUSED_TEXT));
        }
        if !connection.session.authenticated && !spec.has(flags::NO_AUTH) {
            return Err(CommandError::other("NOAUTH Authentication required."));
        }
        if spec.has(flags::NO_MULTI) && connection.session.queue.is_some() {
            return Err(CommandError::other("ERR Command not allowed inside a transaction"));
        }
        Ok(entry)
    }

    /// Replies that a command does not run. A transaction that it should have been a part of will not run either; one
    /// that it should have run is over (Redis: rejectCommand).
    #[cold]
    fn reject(&mut self, connection: &mut Connection, args: Args<'_>, error: CommandError) {
        if let Some(queue) = &mut connection.session.queue {
            queue.is_refused = true;
        }
        let entry = self.node.registry.called(args);
        if !entry.is_some_and(|entry| entry.spec().has(flags::RUNS_QUEUE)) {
            return self.reply_error(connection, &error);
        }
        connection.session.queue = None;
        self.unwatch(connection);
        let text = error.bytes();
        let text = text.strip_prefix(b"ERR ").unwrap_or(&text);
        let before = "EXECABORT Transaction discarded because of: ";
        self.reply_error(connection, &CommandError::quoting(before, text, ""));
    }

    pub(crate) fn reply_error(&mut self, connection: &mut Connection, error: &CommandError) {
        if connection.session.reply_mode == ReplyMode::On {
            connection.replies.writer().error(error);
        } else {
            shards::error_counts::count(&error.bytes());
        }
    }

    /// Sends a data command to where its keys are.
    #[inline]
    fn route(
        &mut self,
        connection: &mut Connection,
        entry: &'static Entry,
        command: &'static DataCommand,
        args: Args<'_>,
    ) {
        if let Plan::SingleKey(index) = entry.plan {
            let slot = SlotId::of(args.get(index));
            return self.run_on_shard(connection, self.slots.owner(slot), entry, command, Some(slot), args);
        }
        if command.spec.may_block(args) {
            return self.run_blocking(connection, command, args);
        }
        let owner = |slot| self.slots.owner(slot);
        let shard_count = self.node.shards;
        match route(entry.spec(), entry.plan, args, owner, shard_count, &mut self.positions) {
            Route::Txn(method) => self.start_txn(connection, method, command, args),
            Route::Walk => self.start_walk(connection, entry, command, args),
            Route::Shard(_, None) if entry.plan != Plan::NoKeys && connection.replies.awaited() > 0 => {
                connection.waiting = Waiting::Barrier(args.to_owned());
            }
            Route::Shard(shard, slot) => {
                self.run_on_shard(connection, shard.unwrap_or(self.id), entry, command, slot, args);
            }
        }
    }

    /// Runs a command on the one shard that has its keys: at once here, or by a hop.
    #[inline]
    fn run_on_shard(
        &mut self,
        connection: &mut Connection,
        shard: ShardId,
        entry: &'static Entry,
        command: &'static DataCommand,
        slot: Option<SlotId>,
        args: Args<'_>,
    ) {
        let at = self.at(connection);
        let Connection { ref session, ref mut replies, index, .. } = *connection;
        let wanted = session.reply_mode == ReplyMode::On;
        let call = Call { command, slot, caller: session.caller(at), args };
        if shard == self.id {
            self.make_room();
        }
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
            return self.await_slot(connection, args);
        } else {
            self.stats.remote_commands += 1;
            let seq = replies.reserve(wanted);
            let remote = RemoteCommand::new(seq, entry.id, &call);
            replies.asked(self.mesh.command(shard, remote, args));
        }
        if self.config.pipeline_order_strict && connection.replies.awaited() > 0 {
            connection.waiting = Waiting::Reply;
        }
    }

    /// Starts a transaction over several shards. It waits for all commands before it, and the connection for it.
    pub(crate) fn start_txn(
        &mut self,
        connection: &mut Connection,
        method: Method,
        command: &'static DataCommand,
        args: Args<'_>,
    ) {
        let Some((call, ticket)) = self.hold_for_reply(connection, command, args) else { return };
        self.stats.transactions += 1;
        let owners = Owners { owner: &|slot| self.slots.owner(slot), shard_count: self.node.shards };
        self.coordinator.start(method, call, ticket, owners, &self.shard, &mut self.outbox);
        if let Some(reply) = self.send_outbox_for(ticket) {
            self.fill_own_place(connection, ticket.seq, &reply);
        }
    }

    /// The command with its own copy of the arguments and the place of its reply, for which the connection waits from now
    /// on. None when it has to wait first for the commands before it.
    pub(crate) fn hold_for_reply(
        &self,
        connection: &mut Connection,
        command: &'static DataCommand,
        args: Args<'_>,
    ) -> Option<(OwnedCall, Ticket)> {
        if connection.replies.awaited() > 0 {
            connection.waiting = Waiting::Barrier(args.to_owned());
            return None;
        }
        let session = &connection.session;
        let caller = session.caller(self.at(connection));
        let call = OwnedCall { command, slot: None, caller, args: args.to_owned() };
        let seq = connection.replies.reserve(session.reply_mode == ReplyMode::On);
        connection.waiting = Waiting::Reply;
        Some((call, Ticket { worker: self.id, connection: connection.index, seq }))
    }

    /// Fills a place of a connection that is in our hands: its reply is there at once.
    pub(crate) fn fill_own_place(&mut self, connection: &mut Connection, seq: u32, reply: &Reply) {
        if !connection.fill_place(seq, reply.bytes(), reply.blobs()) {
            self.reply_is_lost(Ticket { worker: self.id, connection: connection.index, seq });
        }
        self.mark_dirty(connection);
    }

    /// Starts a walk from shard to shard. As a transaction it waits for all commands before it, and the connection for
    /// it.
    fn start_walk(
        &mut self,
        connection: &mut Connection,
        entry: &'static Entry,
        command: &'static DataCommand,
        args: Args<'_>,
    ) {
        let Some((call, ticket)) = self.hold_for_reply(connection, command, args) else { return };
        // The connection is in our hands: a reply that is there at once goes to it directly.
        if let Some(reply) = self.walk_on(ticket, entry.id, Walk::new(call)) {
            self.fill_own_place(connection, ticket.seq, &reply);
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
    fn run_session(&mut self, connection: &mut Connection, number: SessionNumber, args: Args<'_>) {
        let mut reply = std::mem::take(&mut self.scratch);
        reply.set_resp3(connection.session.resp3);
        let mut ctx = SessionCtx {
            reply: &mut reply,
            connection,
            node: self.node,
            config: &self.config,
            now_ms: self.now_ms,
        };
        let flow = (self.session_commands.get(number).run)(&mut ctx, args);
        let mut wanted = connection.session.reply_mode == ReplyMode::On;
        match flow {
            Ok(Flow::Done) => {}
            Ok(Flow::Later) => connection.waiting = Waiting::Barrier(args.to_owned()),
            Ok(Flow::Subscribe(_) | Flow::Unsubscribe(_)) if connection.replies.awaited() > 0 => {
                connection.waiting = Waiting::Barrier(args.to_owned());
            }
            Ok(Flow::Ask(question, _)) if question.waits() && connection.replies.awaited() > 0 => {
                connection.waiting = Waiting::Barrier(args.to_owned());
            }
            // Acknowledgements are pushes, which CLIENT REPLY OFF does not hold back.
            Ok(Flow::Subscribe(kind)) => {
                self.subscribe(connection, kind, args, &mut reply);
                wanted = true;
            }
            Ok(Flow::Unsubscribe(kind)) => {
                self.unsubscribe(connection, kind, args, &mut reply);
                wanted = true;
            }
            Ok(Flow::Publish(kind)) => self.publish(connection, kind, args, &mut reply),
            Ok(Flow::Reset) => {
                self.unwatch(connection);
                self.forget_subscriptions(connection);
                self.end_tracking(connection);
            }
            Ok(Flow::Track(change)) => self.set_tracking(connection, change, None),
            Ok(Flow::Close) => connection.closing = Some(Closing::AfterReplies),
            Ok(Flow::Ask(question, finish)) => self.ask_for(connection, &question, finish),
            Ok(Flow::Watch) => self.watch(connection, args),
            Ok(Flow::Unwatch) => self.unwatch(connection),
            Ok(Flow::Exec) => self.exec(connection, args),
            Ok(Flow::MoveSlot(slot, to)) => self.move_slot(connection, slot, to),
            Ok(Flow::ShowSlots) => self.show_slots(&mut reply),
            Err(error) => {
                reply.clear();
                reply.error(&error);
            }
        }
        if wanted && !reply.is_empty() {
            connection.replies.writer().append(reply.bytes(), reply.blobs());
        }
        connection.replies.set_resp3(connection.session.resp3);
        reply.clear();
        self.scratch = reply;
        self.push_held(connection);
    }

    /// Asks all workers on behalf of a connection, which waits for the answer.
    fn ask_for(&mut self, connection: &mut Connection, question: &Question, finish: Finish) {
        let wanted = connection.session.reply_mode == ReplyMode::On;
        let seq = connection.replies.reserve(wanted);
        let ticket = Ticket { worker: self.id, connection: connection.index, seq };
        connection.waiting = Waiting::Reply;
        if let Some(reply) = self.ask_with_ticket(connection, ticket, question, finish) {
            self.fill_own_place(connection, seq, &reply);
        }
    }

    /// The same with the answer for a place that is reserved. Returns it if no other worker has to be waited for.
    pub(crate) fn ask_with_ticket(
        &mut self,
        connection: &mut Connection,
        ticket: Ticket,
        question: &Question,
        finish: Finish,
    ) -> Option<Reply> {
        let inquiry = Inquiry::new(self.mesh.workers(), connection.session.resp3, finish);
        if let Question::Change(change) = question {
            return self.ask_for_change(ticket, change, inquiry);
        }
        let own = self.answer_with(question, connection);
        self.ask(ticket, question, inquiry, own)
    }

    /// Where a connection of this worker is.
    #[inline]
    pub(crate) fn at(&self, connection: &Connection) -> ConnectionId {
        ConnectionId { worker: self.id, index: connection.index }
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
fn admit_subscriber(session: &Session, entry: &Entry) -> Result<(), CommandError> {
    if !session.is_subscribed() || session.resp3 || entry.spec().has(flags::FOR_SUBSCRIBERS) {
        return Ok(());
    }
    let text = "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
    Err(CommandError::quoting("ERR Can't execute '", entry.full_name.as_bytes(), text))
}

/// What a browser sends that a web page has made talk to this port (Redis: securityWarningCommand).
fn is_http(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"post") || word.eq_ignore_ascii_case(b"host:")
}
