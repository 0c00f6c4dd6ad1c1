//! From a parsed request to its execution: the admission checks in one written order, then to the router, or
//! to `session_commands`.
//!
//! The only place where commands of clients begin. It compares no command names: what a command is and where
//! its keys are comes from its row.

use shards::args::Args;
use shards::caller::Caller;
use shards::command::registry::{Command, CommandEntry, Registry};
use shards::command::{DataCommand, flags};
use shards::copies::ConnectionId;
use shards::error::CommandError;
use shards::key::OnlyKey;
use shards::router::step::{Step, Waiting};
use shards::shard::Call;
use shards::txn::Ticket;

use crate::commands::client::tracking_commands::command_is_over;
use crate::host::log::LineLimit;
use crate::session::Session;
use crate::session::client::Client;
use crate::session::order::Closing;
use crate::worker::Worker;

static ATTACK_LINES: LineLimit =
    LineLimit::new(module_path!(), log::Level::Warn, "Possible SECURITY ATTACK detected");

impl Worker {
    /// Executes one request of a stream of this process, or starts it: the door for callers that have their
    /// requests as arguments. False when the client has to wait ([`Client::must_wait`]) and nothing has been
    /// done: the caller keeps the request and comes again when its client has gone on, so that no request
    /// overtakes one that waits.
    #[must_use = "what is not taken has to be handed in again"]
    pub fn call(&mut self, index: u32, args: Args<'_>) -> bool {
        if self.clients.at(index).must_wait() {
            return false;
        }
        self.dispatch(index, args);
        true
    }

    /// Executes one request of a client that need not wait ([`Client::must_wait`]), or starts it: the reply
    /// may come later. When it returns, the reply or its place is in the client's queue, so what the client
    /// is told of its own command comes behind it.
    #[inline]
    pub(super) fn dispatch(&mut self, index: u32, args: Args<'_>) {
        let registry: &'static Registry = &self.node.registry;
        self.dispatch_found(index, registry.called(args), None, args);
    }

    /// The same when the command that is called has been looked up, and perhaps its only key.
    #[inline]
    pub(super) fn dispatch_found(
        &mut self,
        index: u32,
        found: Option<&'static CommandEntry>,
        key: Option<OnlyKey>,
        args: Args<'_>,
    ) {
        self.office.stats.commands += 1;
        match self.admit(index, found, args) {
            Ok((entry, true)) => self.queue(index, entry, args),
            Ok((entry, false)) => match entry.command {
                Command::Data(command) => self.run_on_keys(index, entry, command, key, args),
                Command::Session(number) => self.run_session(index, number, args),
            },
            Err(error) => self.reject(index, args, error),
        }
        let Client { session, waiting, .. } = self.clients.at(index);
        let is_put_off = waiting.begins_later();
        if is_put_off {
            // It will be dispatched again, and counts then.
            self.office.stats.commands -= 1;
            session.commands -= 1;
        } else if session.tracking.is_some() {
            command_is_over(session);
        }
        session.reply_mode.end_command(is_put_off);
        self.publish_notices();
        self.tell_trackers();
    }
}

impl Worker {
    /// The admission checks, in Redis's order. Also whether the command is queued behind MULTI.
    #[inline]
    fn admit(
        &mut self,
        index: u32,
        found: Option<&'static CommandEntry>,
        args: Args<'_>,
    ) -> Result<(&'static CommandEntry, bool), CommandError> {
        let client = self.clients.at(index);
        client.session.commands += 1;
        client.session.reply_mode.begin_command();
        let Some(entry) = found else {
            client.session.last_command = None;
            if is_http(args.get(0)) {
                if let Some(left_out) = ATTACK_LINES.admit() {
                    log::warn!(
                        "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: \
                            commands to Redis. This is likely due to an attacker attempting to use Cross \
                            Protocol Scripting to compromise your Redis instance. Connection from {} \
                            aborted.{left_out}",
                        client.peer()
                    );
                }
                client.closing = Some(Closing::Now);
            }
            return Err(self.node.registry.unknown(args));
        };
        let spec = entry.spec();
        client.session.last_command = Some(entry);
        if !spec.arity.accepts(args.len()) {
            return Err(CommandError::WrongArity(entry.full_name.clone().into()));
        }
        if spec.has(flags::PROTECTED) && !self.config.enable_debug_command.includes(client.is_local()) {
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
        if self.node.saves.has_failed() {
            self.admit_unsaved(index, entry)?;
        }
        if is_refused {
            return Err(refused_to_subscriber(entry));
        }
        if self.loading.is_some() {
            self.admit_while_loading(index, entry)?;
        }
        Ok((entry, is_in_multi && !spec.has(flags::RUNS_IN_MULTI)))
    }

    /// Refuses what writes while the last save has failed, and what tells how the node is (Redis:
    /// writeCommandsDeniedByDiskError).
    #[cold]
    fn admit_unsaved(&mut self, index: u32, entry: &CommandEntry) -> Result<(), CommandError> {
        if !self.config.stop_writes_on_bgsave_error || self.config.save_points.is_empty() {
            return Ok(());
        }
        let spec = entry.spec();
        let queue = self.clients.at(index).session.queue.as_ref();
        let runs_writes = spec.has(flags::RUNS_QUEUE) && queue.is_some_and(|queue| queue.has(flags::WRITE));
        if spec.has(flags::WRITE) || spec.has(flags::TELLS_OF_DISK) || runs_writes {
            return Err(CommandError::other(UNSAVED_TEXT));
        }
        Ok(())
    }

    /// Replies that a command does not run. A transaction that it should have been a part of will not run
    /// either; one that it should have run is over (Redis: rejectCommand).
    #[cold]
    fn reject(&mut self, index: u32, args: Args<'_>, error: CommandError) {
        let session = &mut self.clients.at(index).session;
        if let Some(queue) = &mut session.queue {
            queue.refuse();
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

    pub(super) fn reply_error(&mut self, index: u32, error: &CommandError) {
        let client = self.clients.at(index);
        if client.session.reply_mode.is_wanted() {
            client.replies.writer().error(error);
        } else {
            shards::error_counts::count(&error.bytes());
        }
    }

    /// Runs a command on keys, or starts it.
    #[inline]
    fn run_on_keys(
        &mut self,
        index: u32,
        entry: &'static CommandEntry,
        command: &'static DataCommand,
        key: Option<OnlyKey>,
        args: Args<'_>,
    ) {
        let at = self.at(index);
        let session = &self.clients.at(index).session;
        let wanted = session.reply_mode.is_wanted();
        let call = Call { command, key, caller: session.caller(at), args };
        let (router, mut desk) = self.at_desk();
        let step = router.run(call, entry.plan, wanted, &mut desk);
        if step != Step::Done {
            return self.wait(index, step, args);
        }
        self.keep_strict_order(index);
    }

    /// With `pipeline-order-strict` a client waits for each reply that comes from another worker.
    #[inline]
    pub(super) fn keep_strict_order(&mut self, index: u32) {
        if self.config.pipeline_order_strict {
            let Client { replies, waiting, .. } = self.clients.at(index);
            if replies.awaited() > 0 {
                *waiting = Waiting::Reply;
            }
        }
    }

    /// Lets a client wait for what its request has come to.
    pub(crate) fn wait(&mut self, index: u32, step: Step, args: Args<'_>) {
        let waiting = &mut self.clients.at(index).waiting;
        assert!(!waiting.is_waiting(), "a client that waits executes nothing");
        *waiting = Waiting::after(step, || args.to_owned());
    }

    /// The place of a reply for which the client waits from now on.
    pub(crate) fn reserve(&mut self, index: u32) -> Ticket {
        let Client { session, replies, waiting, .. } = self.clients.at(index);
        assert!(!waiting.is_waiting(), "a client that waits executes nothing");
        *waiting = Waiting::Reply;
        let seq = replies.reserve(session.reply_mode.is_wanted());
        Ticket { worker: self.id, connection: index, seq }
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
}

/// Redis's words.
const UNSAVED_TEXT: &str = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable \
    to persist to disk. Commands that may modify the data set are disabled, because this instance is \
    configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error \
    option). Please check the Redis logs for details about the RDB error.";

/// DEBUG is the only protected command here (Redis: allowProtectedAction).
const DEBUG_REFUSED_TEXT: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set \
    to \"local\", you can run it from a local connection, otherwise you need to set this option in the \
    configuration file, and then restart the server.";

/// Whether a command is refused while the node is over maxmemory and cannot evict: inside MULTI all but those
/// that end it, and EXEC for what it has queued (Redis: processCommand).
fn may_need_memory(session: &Session, entry: &CommandEntry) -> bool {
    let spec = entry.spec();
    let Some(queue) = &session.queue else { return spec.has(flags::DENYOOM) };
    // A queue takes memory whatever is put into it.
    !spec.has(flags::RUNS_IN_MULTI) || (spec.has(flags::RUNS_QUEUE) && queue.has(flags::DENYOOM))
}

/// A subscriber that speaks RESP2 takes every reply for a message but those to a few commands (Redis:
/// processCommand).
#[inline]
fn is_refused_to_subscriber(session: &Session, entry: &CommandEntry) -> bool {
    session.is_subscribed() && !session.resp3 && !entry.spec().has(flags::FOR_SUBSCRIBERS)
}

#[cold]
fn refused_to_subscriber(entry: &CommandEntry) -> CommandError {
    let text = "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
    CommandError::quoting("ERR Can't execute '", entry.full_name.as_bytes(), text)
}

/// What a browser sends that a web page has made talk to this port (Redis: securityWarningCommand).
fn is_http(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"post") || word.eq_ignore_ascii_case(b"host:")
}
