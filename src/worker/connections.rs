//! The clients of a worker: accepted, served, sent to, closed.
//!
//! What completes in the ring for a client comes here; what the client asks for is executed by `dispatch`. At
//! the end of a turn every client that something has happened to is looked at once (`Worker::settle`).

use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::Ordering;

use shards::router::step::Waiting;
use shards::router::wire::TakenReplies;

use super::Worker;
use crate::host::log::LineLimit;
use crate::io::listener;
use crate::io::ring::{Completion, Op};
use crate::io::socket::Socket;
use crate::protocol::{NextRequest, RequestLimits};
use crate::session::Session;
use crate::session::client::{Client, LargeReply};
use crate::session::order::Closing;

/// How long a worker does not accept after that has failed, in milliseconds: without descriptors it would
/// fail at once again, for as long as they are missing.
const ACCEPT_PAUSE_MS: u64 = 1000;

static ACCEPT_LINES: LineLimit =
    LineLimit::new(module_path!(), log::Level::Warn, "Accepting client connection");
static QUERY_LIMIT_LINES: LineLimit =
    LineLimit::new(module_path!(), log::Level::Warn, "Closing client that reached max query buffer length");
static OUTPUT_LIMIT_LINES: LineLimit = LineLimit::new(
    module_path!(),
    log::Level::Warn,
    "Client scheduled to be closed ASAP for overcoming of output buffer limits",
);

impl Worker {
    pub(super) fn complete(&mut self, completion: Completion) {
        match completion.op {
            Op::Receive => return self.received(completion),
            // Nothing but an error has to do with the order of requests.
            Op::Send if completion.result >= 0 => return self.sent(completion),
            _ => self.catch_up(),
        }
        match completion.op {
            Op::Accept => self.accepted(completion),
            Op::ReceiveInto => self.received_into(completion),
            Op::Send => self.sent(completion),
            Op::Tick => self.ticked(completion.result),
            Op::Unheard => self.ring.wake_failed(completion),
            Op::Readable => self.see_signals(completion.result),
            Op::File | Op::Socket | Op::Alarm => self.errands.complete(completion, &mut self.ring),
            Op::Receive | Op::Wake | Op::Ignored => {}
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
        // Whoever sets `loglevel verbose` wants a line for each connection.
        match is_unix {
            true => log::debug!("Accepted connection to {}", addresses.peer.trim_end_matches(":0")),
            false => log::debug!("Accepted {}", addresses.peer.replace(['[', ']'], "")),
        }
        if self.node.clients.fetch_add(1, Ordering::Relaxed) >= self.config.maxclients {
            self.refuse(&socket, b"-ERR max number of clients reached\r\n");
            return;
        }
        if !addresses.is_local && self.config.protected_mode && self.config.requirepass.is_empty() {
            self.refuse(&socket, PROTECTED_MODE_TEXT.as_bytes());
            return;
        }
        self.office.stats.connections += 1;
        let session = Session {
            id: self.node.next_client_id.fetch_add(1, Ordering::Relaxed),
            authenticated: self.config.requirepass.is_empty(),
            created_ms: self.now_ms,
            active_ms: self.now_ms,
            ..Session::default()
        };
        self.place(Client::on_socket(Socket::new(socket), session, addresses));
    }

    /// Takes a client in, with or without a socket. Returns its number, by which its commands are dispatched.
    pub(super) fn take_in(&mut self, client: Client) -> u32 {
        self.client_count += usize::from(client.is_normal());
        self.clients.add(client)
    }

    /// The kernel keeps the limit of descriptors with a request, which may have been raised since; so the
    /// first failure is tried again at once. What fails twice fails for a while.
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
        self.office.stats.rejected += 1;
        listener::refuse(socket, text);
    }

    fn received(&mut self, completion: Completion) {
        let Completion { index, result, more, .. } = completion;
        if result <= 0 {
            // What has come before that comes first.
            self.catch_up();
        }
        let len = result.max(0) as usize;
        let mut received = completion.buffer.map(|buffer| self.ring.received(buffer, len));
        if let Some(client) = self.clients.get_mut(index) {
            if let Some(socket) = &mut client.socket {
                socket.received_shared(more);
            }
            match result {
                // No provided buffer was free, an interrupted call, or our own cancellation.
                error if [-libc::ENOBUFS, -libc::ECANCELED, -libc::EINTR, -libc::EAGAIN].contains(&error) => {
                }
                1.. => {
                    let Some(buffer) = received.take() else { return };
                    self.office.stats.reads += 1;
                    self.office.stats.input_bytes += buffer.len() as u64;
                    match self.look_ahead(index, buffer) {
                        Ok(()) => return,
                        Err(buffer) => {
                            self.catch_up();
                            self.execute_received(index, &buffer);
                            received = Some(buffer);
                        }
                    }
                }
                _ => self.input_has_ended(index, result),
            }
            self.clients.look_at(index);
        }
        if let Some(received) = received {
            self.ring.give_back(received);
        }
    }

    fn received_into(&mut self, completion: Completion) {
        let Completion { index, result, .. } = completion;
        let Some(client) = self.clients.get_mut(index) else { return };
        let len = result.max(0) as usize;
        client.received_direct(len);
        self.office.stats.reads += 1;
        self.office.stats.input_bytes += len as u64;
        match result {
            // Our own cancellation is among them.
            result if result > 0 || [-libc::EINTR, -libc::EAGAIN, -libc::ECANCELED].contains(&result) => {
                self.execute_received(index, &[]);
            }
            _ => self.input_has_ended(index, result),
        }
        self.clients.look_at(index);
    }

    /// Nothing more comes from a client: it has closed its end, or receiving has failed for good. Whoever
    /// sets `loglevel verbose` wants a line for each.
    fn input_has_ended(&mut self, index: u32, result: i32) {
        let client = self.clients.at(index);
        client.end_input();
        if result < 0 {
            log::debug!("Reading from client: {}", std::io::Error::from_raw_os_error(-result));
            client.closing = Some(Closing::Now);
        } else if client.closing.is_none() {
            log::debug!("Client closed connection {}", client.line(self.now_ms).trim_end());
        }
    }

    fn sent(&mut self, completion: Completion) {
        let Completion { index, result, .. } = completion;
        let Some(client) = self.clients.get_mut(index) else { return };
        self.office.stats.writes += 1;
        self.office.stats.output_bytes += result.max(0) as u64;
        if !client.sent(result, &mut self.ring) {
            client.closing = Some(Closing::Now);
        }
        client.session.active_ms = self.now_ms;
        if client.needs_care() {
            self.clients.look_at(index);
        }
    }

    /// Executes the requests in what was received, and in what waits, until one has to wait.
    pub(super) fn execute_received(&mut self, index: u32, received: &[u8]) {
        let client = self.clients.at(index);
        client.session.active_ms = self.now_ms;
        if client.query.completes_over(received.len(), self.config.client_query_buffer_limit_bytes)
            && client.is_normal()
        {
            return self.close_for_query_limit(index);
        }
        let mut query = std::mem::take(&mut client.query);
        client.stopped = false;
        let output_bytes_max = client.output_bytes_of_turn();
        let mut argv = std::mem::take(&mut self.argv);
        let mut requests = query.receive(received, &mut argv);
        loop {
            if !self.goes_on(index, output_bytes_max) {
                break;
            }
            let client = self.clients.at(index);
            let limits = RequestLimits {
                bulk_bytes_max: self.config.proto_max_bulk_len_bytes,
                authenticated: client.session.authenticated,
            };
            match requests.next(&limits) {
                NextRequest::Request(args) => self.dispatch(index, args),
                NextRequest::Empty => client.session.pass_empty_request(),
                NextRequest::Incomplete => break,
                NextRequest::Error(error) => {
                    let reply = error.reply();
                    shards::error_counts::count(&reply[1..]);
                    if client.session.reply_mode.is_wanted() {
                        client.replies.writer().raw(&reply);
                    }
                    client.closing = Some(Closing::AfterReplies);
                    break;
                }
            }
        }
        drop(requests);
        self.argv = argv;
        let client = self.clients.at(index);
        client.query = query;
        // What waits for other workers is not the client's doing, and is read no further than
        // `QUERY_PAUSE_BYTES`.
        let buffered_bytes = client.query.buffered_bytes() as u64;
        if buffered_bytes > self.config.client_query_buffer_limit_bytes
            && !client.waits_for_workers()
            && client.is_normal()
        {
            self.close_for_query_limit(index);
        }
    }

    /// Whether the next request of a client can be executed at once. If not, the client is stopped.
    #[inline]
    pub(super) fn goes_on(&mut self, index: u32, output_bytes_max: usize) -> bool {
        let client = self.clients.at(index);
        if client.must_wait() {
            client.stopped = true;
            return false;
        }
        // Nothing else may happen to the client by which it would be looked at again.
        if self.mesh.is_congested() || client.output_bytes() >= output_bytes_max {
            client.stopped = true;
            self.clients.look_at(index);
            return false;
        }
        true
    }

    /// Closes a client that has sent more than may wait here.
    pub(super) fn close_for_query_limit(&mut self, index: u32) {
        let client = self.clients.at(index);
        if client.closing == Some(Closing::Now) {
            return;
        }
        if let Some(left_out) = QUERY_LIMIT_LINES.admit() {
            log::warn!("Closing client that reached max query buffer length: {}{left_out}", client.peer());
        }
        self.office.stats.query_limit_closed += 1;
        client.closing = Some(Closing::Now);
    }

    /// Looks at every client that something has happened to: goes on with what could not be executed before,
    /// sends, receives, closes.
    pub(super) fn settle(&mut self) {
        for _ in 0..self.clients.dirty_len() {
            let Some((index, client)) = self.clients.next_dirty() else { break };
            let Some(client) = client else { continue };
            let has_waited = client.stopped || client.waiting.is_waiting();
            if has_waited {
                self.end_wait(index);
            }
            if self.client_balance.surplus > 0 {
                self.offer(index);
            }
            if has_waited {
                self.go_on(index);
            }
            let mut client = self.clients.at(index);
            client.end_step();
            let limits = &self.config.client_output_buffer_limit;
            if client.is_over_limit(limits, self.now_ms) && client.closing != Some(Closing::Now) {
                close_for_output_limit(client);
                self.office.stats.output_limit_closed += 1;
            }
            if client.is_to_be_shut_down() {
                client.shut_down();
                self.leave(index);
                client = self.clients.at(index);
            }
            if client.departure.is_some() {
                if self.depart(index) {
                    continue;
                }
                client = self.clients.at(index);
            }
            client.drive_send(&mut self.ring);
            client.drive_receive(&mut self.ring);
            let is_over = client.is_over();
            if client.has_untold() {
                self.tell_taken(index);
            }
            if is_over {
                self.drop_client(index);
            }
        }
    }

    /// Tells other shards of the large replies that they have made for a client and that are on their way.
    fn tell_taken(&mut self, index: u32) {
        let client = self.clients.at(index);
        let is_gone = client.closing == Some(Closing::Now);
        for LargeReply { shard, bytes, .. } in client.take_told() {
            self.say_taken(shard, TakenReplies { connection: index, bytes, is_gone });
        }
    }

    /// Executes what the client has been waiting to execute, if the wait is over.
    fn end_wait(&mut self, index: u32) {
        let client = self.clients.at(index);
        // What a transaction has begun it ends, also when nobody will read the reply.
        if let Waiting::Exec(seq) = client.waiting {
            self.go_on_with_exec(index, seq);
        }
        let client = self.clients.at(index);
        let is_leaving = client.closing.is_some() || client.has_ended_input();
        if is_leaving && client.waiting.is_blocked() {
            self.stop_waiting(index);
        }
        let client = self.clients.at(index);
        if client.closing == Some(Closing::Now) {
            return;
        }
        if let Some(args) = client.waiting.take_up(client.replies.awaited()) {
            self.dispatch(index, args.as_args());
        }
    }

    /// Executes what has come for the client and had to wait, unless it still has to.
    fn go_on(&mut self, index: u32) {
        let client = self.clients.at(index);
        if client.stopped && !client.must_wait() {
            if self.mesh.is_congested() {
                self.clients.look_at(index);
            } else {
                self.execute_received(index, &[]);
            }
        }
    }

    /// A client has gone: it is not counted, subscribes to nothing and tracks nothing. It may stay in the
    /// table for a while, until what is under way for it has ended.
    pub(super) fn leave(&mut self, index: u32) {
        let client = self.clients.at(index);
        if let Some(departure) = &client.departure {
            departure.journey.end();
        }
        if !std::mem::replace(&mut client.has_left, true) {
            client.seat = None;
            self.forget_subscriptions(index);
            self.end_tracking(index);
            self.client_count -= usize::from(self.clients.at(index).is_normal());
        }
    }

    fn drop_client(&mut self, index: u32) {
        let client = self.clients.at(index);
        client.closing = Some(Closing::Now);
        let has_socket = client.socket.is_some();
        self.tell_taken(index);
        self.unwatch(index);
        self.leave(index);
        self.clients.remove(index);
        if has_socket {
            // maxclients is about descriptors: here this one's is closed.
            self.node.clients.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Closes a client that does not read what it has asked for.
#[cold]
fn close_for_output_limit(client: &mut Client) {
    if let Some(left_out) = OUTPUT_LIMIT_LINES.admit() {
        let peer = client.peer();
        log::warn!(
            "Client {peer} scheduled to be closed ASAP for overcoming of output buffer limits.{left_out}"
        );
    }
    client.closing = Some(Closing::Now);
}

/// What a client from elsewhere reads in protected mode (Redis's own words).
const PROTECTED_MODE_TEXT: &str = "-DENIED Redis is running in protected mode because protected mode is \
    enabled and no password is set for the default user. In this mode connections are only accepted from the \
    loopback interface. If you want to connect from external computers to Redis you may adopt one of the \
    following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' \
    from the loopback interface by connecting to Redis from the same host the server is running, however \
    MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this \
    change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis \
    configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If \
    you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) \
    Setup a an authentication password for the default user. NOTE: You only need to do one of the above \
    things in order for the server to start accepting connections from the outside.\r\n";
