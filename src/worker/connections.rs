//! The connections of a worker: accepted, served, sent to, closed.
//!
//! What completes in the ring for a connection comes here; what the connection asks for is executed by `dispatch`. At the
//! end of a turn every connection that something has happened to is looked at once (`Worker::settle`).

use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::Ordering;

use shards::spare::{SPARE_BYTES_MAX, Trim};

use super::Worker;
use crate::host::log::LineLimit;
use crate::io::listener;
use crate::io::ring::{Completion, Op};
use crate::mesh::TakenReplies;
use crate::protocol::{Next, RequestLimits};
use crate::session::connection::{Connection, LargeReply};
use crate::session::order::{Closing, Waiting};
use crate::session::reply_queue::ReplyQueue;
use crate::session::{ReplyMode, Session};

/// How long a worker does not accept after that has failed, in milliseconds: without descriptors it would fail at once
/// again, for as long as they are missing.
const ACCEPT_PAUSE_MS: u64 = 1000;

/// By how much the numbers of places go on when it has been forgotten where those of some connections were: nothing can
/// still be on its way from so far behind.
const FORGOTTEN_PLACES_STEP: u32 = 1 << 24;

static ACCEPT_LINES: LineLimit = LineLimit::new();
static QUERY_LIMIT_LINES: LineLimit = LineLimit::new();
static OUTPUT_LIMIT_LINES: LineLimit = LineLimit::new();

/// One connection goes on in the next turn when its commands have made so many bytes of replies: the kernel takes no more
/// in one send, and others are not held up for longer than that takes.
const STEP_OUTPUT_BYTES: usize = 1 << 20;

impl Worker {
    pub(super) fn complete(&mut self, completion: Completion) {
        match completion.op {
            Op::Accept => self.accepted(completion),
            Op::Receive => self.received(completion),
            Op::ReceiveInto => self.received_into(completion),
            Op::Send => self.sent(completion),
            Op::Tick => self.ticked(completion.result),
            Op::Unheard => self.ring.wake_failed(completion),
            Op::Readable => self.see_signals(completion.result),
            Op::Wake | Op::Ignored => {}
        }
    }

    fn accepted(&mut self, completion: Completion) {
        let index = completion.index as usize;
        if !completion.more {
            self.deaf.push(index);
        }
        if completion.result < 0 && self.node.stopping.load(Ordering::Relaxed) {
            return;
        }
        if completion.result < 0 {
            return self.accept_failed(completion.result);
        }
        self.has_accept_failed = false;
        // SAFETY: the kernel has just made this descriptor for us.
        #[expect(unsafe_code, reason = "a descriptor that arrives as a number in a completion")]
        let socket = unsafe { OwnedFd::from_raw_fd(completion.result) };
        let is_unix = self.listeners[index].is_unix;
        let addresses = listener::accepted(&socket, &self.config, is_unix);
        if self.node.clients.fetch_add(1, Ordering::Relaxed) >= self.config.maxclients {
            self.refuse(&socket, b"-ERR max number of clients reached\r\n");
            return;
        }
        if !addresses.is_local && self.config.protected_mode && self.config.requirepass.is_empty() {
            self.refuse(&socket, PROTECTED_MODE_TEXT.as_bytes());
            return;
        }
        self.stats.connections += 1;
        self.clients += 1;
        let session = Session {
            id: self.node.next_client_id.fetch_add(1, Ordering::Relaxed),
            authenticated: self.config.requirepass.is_empty(),
            created_ms: self.now_ms,
            active_ms: self.now_ms,
            ..Session::default()
        };
        let (index, first_place) = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            (self.connections.len() as u32 - 1, self.new_place_seq)
        });
        let mut connection = Box::new(Connection::new(socket, index, session, addresses));
        connection.replies = ReplyQueue::starting_at(first_place);
        connection.drive_receive(&mut self.ring);
        self.connections[index as usize] = Some(connection);
    }

    /// The kernel keeps the limit of descriptors with a request, which may have been raised since; so the first failure is
    /// tried again at once. What fails twice fails for a while.
    fn accept_failed(&mut self, result: i32) {
        if !std::mem::replace(&mut self.has_accept_failed, true) {
            return self.listen();
        }
        self.accept_after_ms = self.now_ms + ACCEPT_PAUSE_MS;
        if let Some(left_out) = ACCEPT_LINES.admit() {
            let error = std::io::Error::from_raw_os_error(-result);
            log::warn!("Accepting client connection: {error}{left_out}");
        }
    }

    fn refuse(&mut self, socket: &OwnedFd, text: &[u8]) {
        self.node.clients.fetch_sub(1, Ordering::Relaxed);
        self.stats.rejected += 1;
        listener::refuse(socket, text);
    }

    fn received(&mut self, completion: Completion) {
        let len = completion.result.max(0) as usize;
        let received = completion.buffer.map(|buffer| self.ring.received(buffer, len));
        if let Some(mut connection) = self.take_out(completion.index) {
            connection.received_shared(completion.more);
            match completion.result {
                // No provided buffer was free, an interrupted call, or our own cancellation.
                error if [-libc::ENOBUFS, -libc::ECANCELED, -libc::EINTR, -libc::EAGAIN].contains(&error) => {
                }
                len if len > 0 => {
                    if let Some(received) = &received {
                        self.stats.reads += 1;
                        self.stats.input_bytes += received.len() as u64;
                        self.execute_received(&mut connection, received);
                    }
                }
                0 => connection.end_of_input = true,
                _ => {
                    connection.end_of_input = true;
                    connection.closing = Some(Closing::Now);
                }
            }
            self.mark_dirty(&mut connection);
            self.put_back(connection);
        }
        if let Some(received) = received {
            self.ring.give_back(received);
        }
    }

    fn received_into(&mut self, completion: Completion) {
        let Some(mut connection) = self.take_out(completion.index) else { return };
        let len = completion.result.max(0) as usize;
        connection.received_direct(len);
        self.stats.reads += 1;
        self.stats.input_bytes += len as u64;
        match completion.result {
            0 => connection.end_of_input = true,
            result if result > 0 || [-libc::EINTR, -libc::EAGAIN].contains(&result) => {
                self.execute_received(&mut connection, &[]);
            }
            _ => {
                connection.end_of_input = true;
                connection.closing = Some(Closing::Now);
            }
        }
        self.mark_dirty(&mut connection);
        self.put_back(connection);
    }

    fn sent(&mut self, completion: Completion) {
        let Some(mut connection) = self.take_out(completion.index) else { return };
        self.stats.writes += 1;
        self.stats.output_bytes += completion.result.max(0) as u64;
        if !connection.sent(completion.result, &mut self.ring) {
            connection.closing = Some(Closing::Now);
        }
        connection.session.active_ms = self.now_ms;
        if connection.needs_care() {
            self.mark_dirty(&mut connection);
        }
        self.put_back(connection);
    }

    /// Takes a connection out while it is worked on, so that the worker stays free to be borrowed.
    pub(crate) fn take_out(&mut self, index: u32) -> Option<Box<Connection>> {
        self.connections.get_mut(index as usize)?.take()
    }

    #[inline]
    pub(crate) fn put_back(&mut self, connection: Box<Connection>) {
        let index = connection.index as usize;
        self.connections[index] = Some(connection);
        if !self.late.is_empty() {
            self.fill_late();
        }
    }

    pub(crate) fn mark_dirty(&mut self, connection: &mut Connection) {
        if !connection.is_dirty {
            connection.is_dirty = true;
            self.dirty.push_back(connection.index);
        }
    }

    /// Executes the requests in what was received, and in what waits, until one has to wait.
    fn execute_received(&mut self, connection: &mut Connection, received: &[u8]) {
        connection.session.active_ms = self.now_ms;
        if connection.query.completes_over(received.len(), self.config.client_query_buffer_limit_bytes) {
            return self.close_for_query_limit(connection);
        }
        let mut query = std::mem::take(&mut connection.query);
        let mut argv = std::mem::take(&mut self.argv);
        let mut requests = query.receive(received, &mut argv);
        connection.stopped = false;
        let output_bytes_max = connection.output_bytes() + STEP_OUTPUT_BYTES;
        loop {
            if connection.must_wait() {
                connection.stopped = true;
                break;
            }
            // Nothing else may happen to the connection by which it would be looked at again.
            if self.mesh.is_congested() || connection.output_bytes() >= output_bytes_max {
                connection.stopped = true;
                self.mark_dirty(connection);
                break;
            }
            let limits = RequestLimits {
                bulk_bytes_max: self.config.proto_max_bulk_len_bytes,
                authenticated: connection.session.authenticated,
            };
            match requests.next(&limits) {
                Next::Request(args) => self.dispatch(connection, args),
                Next::Incomplete => break,
                Next::Error(error) => {
                    let reply = error.reply();
                    shards::error_counts::count(&reply[1..]);
                    if connection.session.reply_mode == ReplyMode::On {
                        connection.replies.writer().raw(&reply);
                    }
                    connection.closing = Some(Closing::AfterReplies);
                    break;
                }
            }
        }
        drop(requests);
        self.argv = argv;
        connection.query = query;
        // What waits for other workers is not the client's doing, and is read no further than `QUERY_PAUSE_BYTES`.
        let buffered_bytes = connection.query.buffered_bytes() as u64;
        if buffered_bytes > self.config.client_query_buffer_limit_bytes && !connection.waits_for_workers() {
            self.close_for_query_limit(connection);
        }
    }

    /// Closes a client that has sent more than may wait here.
    pub(crate) fn close_for_query_limit(&mut self, connection: &mut Connection) {
        if connection.closing == Some(Closing::Now) {
            return;
        }
        if let Some(left_out) = QUERY_LIMIT_LINES.admit() {
            log::warn!("Closing client that reached max query buffer length: {}{left_out}", connection.peer);
        }
        self.stats.query_limit_closed += 1;
        connection.closing = Some(Closing::Now);
    }

    /// Looks at every connection that something has happened to: goes on with what could not be executed before,
    /// sends, receives, closes.
    pub(super) fn settle(&mut self) {
        let mut left = self.dirty.len();
        while left > 0 {
            left -= 1;
            let Some(index) = self.dirty.pop_front() else { break };
            let Some(mut connection) = self.take_out(index) else { continue };
            connection.is_dirty = false;
            self.go_on(&mut connection);
            self.check_output_limit(&mut connection);
            self.close_if_due(&mut connection);
            connection.drive_send(&mut self.ring);
            connection.drive_receive(&mut self.ring);
            if connection.has_untold() {
                self.tell_taken(&mut connection);
            }
            if connection.closing.is_some()
                && connection.may_be_dropped()
                && connection.replies.awaited() == 0
            {
                self.drop_connection(connection);
            } else {
                self.put_back(connection);
            }
        }
        if !self.late.is_empty() {
            self.lose_late();
        }
    }

    /// Tells other shards of the large replies that they have made for a connection and that are on their way.
    fn tell_taken(&mut self, connection: &mut Connection) {
        let is_gone = connection.closing == Some(Closing::Now);
        for LargeReply { shard, bytes, .. } in connection.take_told() {
            self.say_taken(shard, TakenReplies { connection: connection.index, bytes, is_gone });
        }
    }

    /// Executes what the connection has been waiting to execute.
    fn go_on(&mut self, connection: &mut Connection) {
        // What a transaction has begun it ends, also when nobody will read the reply.
        if matches!(&connection.waiting, Waiting::Exec(progress) if progress.can_go_on())
            && let Waiting::Exec(progress) = std::mem::take(&mut connection.waiting)
        {
            self.go_on_with_exec(connection, progress);
            self.push_held(connection);
        }
        let is_leaving = connection.closing.is_some() || connection.end_of_input;
        if is_leaving && connection.waiting.is_blocked() {
            self.stop_waiting(connection);
        }
        if connection.closing == Some(Closing::Now) {
            return;
        }
        if let Waiting::Slot(args) = &mut connection.waiting {
            let args = std::mem::take(args);
            connection.waiting = Waiting::No;
            self.dispatch(connection, args.as_args());
        }
        if connection.replies.awaited() == 0 && !matches!(connection.waiting, Waiting::Slot(_)) {
            match std::mem::take(&mut connection.waiting) {
                Waiting::Barrier(args) => self.dispatch(connection, args.as_args()),
                Waiting::Reply | Waiting::Blocked | Waiting::No | Waiting::Exec(_) | Waiting::Slot(_) => {}
            }
        }
        if connection.stopped && !connection.must_wait() {
            if self.mesh.is_congested() {
                self.mark_dirty(connection);
            } else {
                self.execute_received(connection, &[]);
            }
        }
    }

    fn check_output_limit(&mut self, connection: &mut Connection) {
        let bytes = connection.output_bytes() as u64;
        let [normal, _, pubsub] = self.config.client_output_buffer_limit;
        let limit = if connection.session.is_subscribed() { pubsub } else { normal };
        let over_soft = limit.soft_bytes > 0 && bytes > limit.soft_bytes;
        let since = over_soft.then(|| connection.soft_limit_since_ms.unwrap_or(self.now_ms));
        connection.soft_limit_since_ms = since;
        let soft = since.is_some_and(|since| self.now_ms.saturating_sub(since) > limit.soft_s * 1000);
        let is_over = (limit.hard_bytes > 0 && bytes > limit.hard_bytes) || soft;
        if is_over && connection.closing != Some(Closing::Now) {
            if let Some(left_out) = OUTPUT_LIMIT_LINES.admit() {
                let client = &connection.peer;
                log::warn!(
                    "Client {client} scheduled to be closed ASAP for overcoming of output buffer limits.{left_out}"
                );
            }
            self.stats.output_limit_closed += 1;
            connection.closing = Some(Closing::Now);
        }
    }

    fn close_if_due(&mut self, connection: &mut Connection) {
        if connection.end_of_input
            && connection.closing.is_none()
            && !connection.stopped
            && matches!(connection.waiting, Waiting::No)
        {
            connection.closing = Some(Closing::AfterReplies);
        }
        let due = match connection.closing {
            Some(Closing::Now) => true,
            Some(Closing::AfterReplies) => connection.is_drained(),
            None => false,
        };
        if due {
            connection.closing = Some(Closing::Now);
            self.leave(connection);
            connection.shut_down();
        }
    }

    /// The client of a connection has gone: it is not counted, subscribes to nothing and tracks nothing. The connection may
    /// stay for a while, until what is under way for it has ended.
    pub(super) fn leave(&mut self, connection: &mut Connection) {
        if !std::mem::replace(&mut connection.has_left, true) {
            self.forget_subscriptions(connection);
            self.end_tracking(connection);
            self.clients -= 1;
        }
    }

    /// Forgets places for connections that a crowd has left behind, which are at the end.
    pub(super) fn trim_connections(&mut self) {
        let used = self.connections.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        if (self.connections.len() - used) * size_of::<Option<Box<Connection>>>() > SPARE_BYTES_MAX {
            self.connections.truncate(used);
            self.free.retain(|&(index, _)| (index as usize) < used);
            self.new_place_seq = self.new_place_seq.wrapping_add(FORGOTTEN_PLACES_STEP);
        }
        self.connections.trim();
        self.free.trim();
    }

    fn drop_connection(&mut self, mut connection: Box<Connection>) {
        connection.closing = Some(Closing::Now);
        self.tell_taken(&mut connection);
        self.unwatch(&mut connection);
        self.leave(&mut connection);
        // The numbers of its places are not given again, so that nothing can be taken for a reply to the next one.
        self.free.push((connection.index, connection.replies.next_seq()));
        // maxclients is about descriptors: here this one's is closed.
        self.node.clients.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connection {
    /// True when more than an ordinary completed send has happened to the connection.
    fn needs_care(&mut self) -> bool {
        self.closing.is_some()
            || self.stopped
            || self.end_of_input
            || !self.replies.ready().is_empty()
            || self.soft_limit_since_ms.is_some()
            || self.has_untold()
    }
}

/// What a client from elsewhere reads in protected mode (Redis's own words).
const PROTECTED_MODE_TEXT: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n";
