//! A client: its session, what has come in and not been executed, its replies in order, and its socket if it
//! has one. What an accepted connection is, a stream that calls commands (a replica's link, a file that is
//! loaded, a script) can be too: its replies are read from its reply queue.
//!
//! A client is in the table of clients of one worker, and can be handed to another one (`hand_over`). This
//! file knows neither commands nor other clients.

use std::num::NonZeroU64;

use shards::args::OwnedArgs;
use shards::reply::Reply;
use shards::router::reply_queue::ReplyQueue;
use shards::router::step::Waiting;
use shards::router::wire::Publishing;
use shards::slot::ShardId;
use shards::spare::Trim;

use crate::config::OutputLimit;
use crate::io::listener::Addresses;
use crate::io::ring::ClientRing;
use crate::io::socket::{DIRECT_READ_BYTES_MIN, Reading, Socket};
use crate::node::client_workers::Seat;
use crate::protocol::QueryBuffer;
use crate::session::Session;
use crate::session::order::{Closing, Departure};

/// Replies of one client that may be awaited from other cores at a time, those included that wait for their
/// gate.
pub const AWAITED_REPLIES_MAX: usize = 1024;
/// Nothing is executed for a client while so many bytes wait to be sent to it. Redis has no such bound and
/// would go on until client-output-buffer-limit, or for ever. What the client sends is still taken in, up to
/// client-query-buffer-limit: many clients write a whole pipeline before they read the first reply.
pub const OUTPUT_PAUSE_BYTES: usize = 16 << 20;
/// Nothing is executed for a client while the commands whose replies it awaits from other cores have so many
/// bytes. They may have to wait there: for a lock, or for the client to read.
const ASKED_PAUSE_BYTES: usize = 16 << 20;
/// A client that waits for other workers is not read from while so many bytes of its requests wait. One that
/// holds itself up, or that is in a blocking command, is read from, up to client-query-buffer-limit: it may
/// write a whole pipeline before it reads the first reply, and only who reads learns that it has gone.
const QUERY_PAUSE_BYTES: usize = 1 << 20;

/// A client that shall be handed over stays when it has not taken its replies within this time, in
/// milliseconds. It executes nothing meanwhile.
const HAND_OVER_PATIENCE_MS: u64 = 10_000;
/// The same for one that has not asked for it: others may rely on what it has sent, and nobody knows why it
/// is not done.
const MOVE_PATIENCE_MS: u64 = 500;

/// Whose a client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallerKind {
    /// Somebody's who has come to the server: it is counted, listed and killed, closed when it is idle for
    /// too long, and kept within the limits of what it sends and reads.
    Normal,
    /// The server's own, a stream of this process (Redis: a client without a connection, as the one that
    /// loads a file). Nobody meets it, and no limit but those of `Client::must_wait` is for it: whoever has
    /// made it looks after it.
    Stream,
}

/// One client goes on in the next turn when its commands have made so many bytes of replies: the kernel takes
/// no more in one send, and others are not held up for longer than that takes.
const STEP_OUTPUT_BYTES: usize = 1 << 20;

/// What a client that has yet to authenticate may have unsent, in bytes: it gets errors only, and could fill
/// memory with them by not reading. Redis counts 1024 beside a fixed buffer of 16 KB
/// (checkClientOutputBufferLimits, CVE-2025-21605).
const UNAUTHENTICATED_OUTPUT_BYTES_MAX: u64 = (16 << 10) + 1024;

/// One per client.
pub struct Client {
    /// Its number on this worker.
    pub index: u32,
    /// Whose it is.
    pub kind: CallerKind,
    /// The logical client.
    pub session: Session,
    /// Replies in order.
    pub replies: ReplyQueue,
    /// Its socket; none for one that is a stream of this process.
    pub socket: Option<Socket>,
    /// Received and not yet executed.
    pub query: QueryBuffer,
    /// What holds up execution.
    pub waiting: Waiting<OwnedArgs>,
    /// Its messages that are on their way to subscribers.
    pub publishing: Publishing,
    /// Set when the client is to be closed.
    pub closing: Option<Closing>,
    /// It is counted and listed no more. See `Worker::leave`.
    pub has_left: bool,
    /// Requests wait in the query buffer that could not be executed at once.
    pub stopped: bool,
    /// With so many bytes of output it has had its share of the turn; 0 while it has executed nothing in it.
    step_output_bytes_max: usize,
    /// Some of its requests have been taken apart ahead, and were not executed yet.
    pub is_ahead: bool,
    /// The client sends no more.
    pub(super) end_of_input: bool,
    /// Where it is counted, if it has come to the server.
    pub seat: Option<Seat>,
    /// It shall go to another worker.
    pub departure: Option<Box<Departure>>,
    /// On the worker's list of clients to be looked at before the turn ends.
    pub(super) is_dirty: bool,
    /// Since when the output is over the soft limit, in milliseconds since 1970.
    pub(super) soft_limit_since_ms: Option<NonZeroU64>,
    /// Peer address as CLIENT LIST shows it.
    pub(super) peer: Box<str>,
    /// Own address as CLIENT LIST shows it.
    pub(super) local: Box<str>,
    /// A client on this machine.
    pub(super) is_local: bool,
    /// Large replies of which the shards that have made them have not been told that they are on their way. A
    /// shard makes no more of them than its credit allows, so they are few.
    untold: Vec<LargeReply>,
}

/// A large reply that a shard has made for a client, see [`shards::txn::credit`].
#[derive(Clone, Copy, Debug)]
pub struct LargeReply {
    /// The shard.
    pub shard: ShardId,
    /// Its place among the replies.
    pub seq: u32,
    /// Its bytes.
    pub bytes: usize,
}

impl Client {
    /// A client on an accepted socket.
    pub fn on_socket(socket: Socket, session: Session, addresses: Addresses) -> Client {
        let Addresses { peer, local, is_local } = addresses;
        let (socket, peer, local) = (Some(socket), peer.into_boxed_str(), local.into_boxed_str());
        let kind = CallerKind::Normal;
        Client { kind, socket, peer, local, is_local, ..Client::without_socket(session) }
    }

    /// A client of the server's own, whose replies are read from its queue.
    pub fn without_socket(session: Session) -> Client {
        Client {
            index: 0,
            kind: CallerKind::Stream,
            session,
            replies: ReplyQueue::default(),
            socket: None,
            query: QueryBuffer::default(),
            waiting: Waiting::No,
            publishing: Publishing::default(),
            closing: None,
            has_left: false,
            stopped: false,
            step_output_bytes_max: 0,
            is_ahead: false,
            end_of_input: false,
            seat: None,
            departure: None,
            is_dirty: false,
            soft_limit_since_ms: None,
            peer: Box::default(),
            local: Box::default(),
            is_local: true,
            untold: Vec::new(),
        }
    }

    /// Peer address as CLIENT LIST shows it.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Own address as CLIENT LIST shows it.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// True for a client on this machine.
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// The client sends no more.
    pub fn end_input(&mut self) {
        self.end_of_input = true;
    }

    /// True when the client sends no more.
    pub fn has_ended_input(&self) -> bool {
        self.end_of_input
    }

    /// True while its output is over the soft limit.
    pub fn is_over_soft_limit(&self) -> bool {
        self.soft_limit_since_ms.is_some()
    }

    /// True for one that has come to the server, which others meet and limits are for.
    #[inline]
    pub fn is_normal(&self) -> bool {
        self.kind == CallerKind::Normal
    }

    /// True when the next request must not be executed yet.
    #[inline]
    pub fn must_wait(&self) -> bool {
        self.waiting.is_waiting()
            || self.closing.is_some()
            || self.replies.places_taken() >= AWAITED_REPLIES_MAX
            || self.replies.asked_bytes() >= ASKED_PAUSE_BYTES
            || self.output_bytes() >= OUTPUT_PAUSE_BYTES
    }

    /// True when the requests that come next can be taken apart before it is their turn: nothing is before
    /// them, and no limit of theirs can change.
    #[inline]
    pub fn can_look_ahead(&self) -> bool {
        self.session.authenticated
            && !self.stopped
            && !self.is_ahead
            && self.query.is_idle()
            && !self.must_wait()
    }

    #[inline]
    fn sending_bytes(&self) -> usize {
        self.socket.as_ref().map_or(0, Socket::sending_bytes)
    }

    /// Bytes that wait to be sent, those given to the kernel included.
    #[inline]
    pub fn output_bytes(&self) -> usize {
        self.replies.bytes() + self.sending_bytes()
    }

    /// With so many bytes of output the client has had its share of the turn, in however many portions its
    /// requests come.
    #[inline]
    pub fn output_bytes_of_turn(&mut self) -> usize {
        if self.step_output_bytes_max == 0 {
            self.step_output_bytes_max = self.output_bytes() + STEP_OUTPUT_BYTES;
        }
        self.step_output_bytes_max
    }

    /// What it executes from here on belongs to its next turn.
    #[inline]
    pub fn end_step(&mut self) {
        self.step_output_bytes_max = 0;
    }

    /// A large reply of another shard was put into its place.
    pub fn got_large_reply(&mut self, reply: LargeReply) {
        self.untold.push(reply);
    }

    /// True when [`Client::take_told`] may have something.
    #[inline]
    pub fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    /// The large replies whose shards may go on now: they are sent, or all that can be sent is within the
    /// bound of the output. Those that wait for an earlier reply are not, so that no shard is far ahead of
    /// another one. When the client has gone it is all of them.
    pub fn take_told(&mut self) -> Vec<LargeReply> {
        if self.closing == Some(Closing::Now) {
            return std::mem::take(&mut self.untold);
        }
        if self.replies.ready_bytes() + self.sending_bytes() >= OUTPUT_PAUSE_BYTES {
            return Vec::new();
        }
        self.untold.extract_if(.., |reply| self.replies.has_left(reply.seq)).collect()
    }

    /// All large replies of which no shard has been told.
    pub fn take_all_told(&mut self) -> Vec<LargeReply> {
        std::mem::take(&mut self.untold)
    }

    /// True when the client executes nothing and is known to nobody by its number here, but to those whose
    /// replies it awaits: it can be made ready to go to another worker.
    pub fn can_be_spared(&self) -> bool {
        let Session { subscriptions, tracking, tracking_later, .. } = &self.session;
        let is_known = subscriptions.is_some() || tracking.is_some() || tracking_later.is_some();
        !self.waiting.is_waiting() && !is_known && self.closing.is_none()
    }

    /// True for a client that can be handed over when its replies have come, without waiting for anything
    /// that it has to do: it takes them as they are sent. A send that is still under way, when those of the
    /// turn before have ended, is to one that does not read.
    pub fn may_be_moved(&self) -> bool {
        let is_sending = self.socket.as_ref().is_some_and(Socket::is_sending);
        self.departure.is_none() && self.can_be_spared() && self.is_normal() && !is_sending
    }

    /// The client executes nothing more until it has gone to its next worker, if it can be spared.
    pub fn wait_for_hand_over(&mut self, now_ms: u64) {
        if self.can_be_spared()
            && let Some(departure) = &mut self.departure
        {
            departure.waits_since_ms = Some(now_ms);
            self.waiting = Waiting::HandOver;
        }
    }

    /// True when it waits for its next worker, and of its replies none is awaited or held but that which
    /// comes when it is there.
    pub fn is_settled(&self) -> bool {
        let Some(departure) = &self.departure else { return false };
        let own = usize::from(departure.place.is_some());
        matches!(self.waiting, Waiting::HandOver) && self.replies.is_settled_but_for(own)
    }

    /// True when all that can be sent has been taken by the kernel. What is read from the queue goes along as
    /// it is.
    pub fn is_sent(&self) -> bool {
        self.socket.as_ref().is_none_or(|socket| self.replies.ready_bytes() == 0 && !socket.is_sending())
    }

    /// True when it has not become ready to go in time.
    pub fn is_hand_over_overdue(&self, now_ms: u64) -> bool {
        let Some(departure) = self.departure.as_ref().filter(|departure| !departure.is_announced()) else {
            return false;
        };
        let is_unasked = departure.place.is_none() && !self.is_sent();
        let patience_ms = if is_unasked { MOVE_PATIENCE_MS } else { HAND_OVER_PATIENCE_MS };
        departure.waits_since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms) > patience_ms)
    }

    /// True when nothing of it is under way in the kernel.
    pub fn is_at_rest(&self) -> bool {
        self.socket.as_ref().is_none_or(Socket::is_at_rest)
    }

    /// Has what is under way in the kernel come to an end, with nothing lost.
    pub fn let_go(&mut self, ring: &mut ClientRing) {
        if let Some(socket) = &mut self.socket {
            socket.let_go(self.index, ring);
        }
    }

    /// Appends a push, encoded for the protocol that the client speaks, unless the client is being closed. It
    /// has to be looked at afterwards.
    pub fn push(&mut self, encoded: &Reply) {
        if self.closing.is_some() {
            return;
        }
        let is_before_awaited = self.waiting.is_blocked();
        self.replies.push(is_before_awaited, encoded);
    }

    /// Starts or stops the reading side as the state demands.
    pub fn drive_receive(&mut self, ring: &mut ClientRing) {
        let pause = self.closing.is_some()
            || self.departure.as_ref().is_some_and(|departure| departure.is_announced())
            || (self.query.buffered_bytes() > QUERY_PAUSE_BYTES && self.waits_for_workers());
        let Some(socket) = &mut self.socket else { return };
        if self.end_of_input {
            return;
        }
        let reading = if pause {
            Reading::Pause
        } else if !self.stopped && self.query.blob_missing_bytes() >= DIRECT_READ_BYTES_MIN {
            Reading::Direct
        } else {
            Reading::Shared
        };
        socket.drive_receive(self.index, reading, &mut self.query, ring);
    }

    /// True when requests wait, and what they wait for comes without the client's doing and before long.
    pub fn waits_for_workers(&self) -> bool {
        // One that shall be handed over has to take first what can be sent to it.
        let must_read = matches!(self.waiting, Waiting::HandOver) && !self.is_sent();
        self.stopped && !self.waiting.is_blocked() && !must_read && self.output_bytes() < OUTPUT_PAUSE_BYTES
    }

    /// A receive into a big argument has completed with so many bytes.
    pub fn received_direct(&mut self, len: usize) {
        if let Some(socket) = &mut self.socket {
            socket.received_direct(len, &mut self.query);
        }
    }

    /// Gives the kernel what is ready to be sent, unless a send is under way.
    pub fn drive_send(&mut self, ring: &mut ClientRing) {
        // What has not been sent when it is to go is sent by its next worker.
        let goes = self.departure.as_ref().is_some_and(|departure| departure.is_announced());
        if let Some(socket) = &mut self.socket
            && !goes
        {
            socket.drive_send(self.index, self.replies.ready(), ring);
        }
    }

    /// A send has completed with this result. Returns false when the connection is broken.
    pub fn sent(&mut self, result: i32, ring: &mut ClientRing) -> bool {
        let more = self.replies.ready_bytes() > 0;
        self.socket.as_mut().is_none_or(|socket| socket.sent(self.index, result, more, ring))
    }

    /// True when more than an ordinary completed send has happened to the client.
    pub fn needs_care(&self) -> bool {
        self.closing.is_some()
            || self.stopped
            || self.end_of_input
            || self.replies.ready_bytes() > 0
            || self.soft_limit_since_ms.is_some()
            || self.departure.is_some()
            || self.has_untold()
    }

    /// True when more waits to be sent than the limits allow (Redis: checkClientOutputBufferLimits).
    pub fn is_over_limit(&mut self, limits: &[OutputLimit; 3], now_ms: u64) -> bool {
        let bytes = self.output_bytes() as u64;
        let [normal, _, pubsub] = limits;
        let limit = if self.session.is_subscribed() { pubsub } else { normal };
        let is_over_soft = limit.soft_bytes > 0 && bytes > limit.soft_bytes;
        let since_ms = self.soft_limit_since_ms.or(NonZeroU64::new(now_ms)).filter(|_| is_over_soft);
        self.soft_limit_since_ms = since_ms;
        let is_over = (limit.hard_bytes > 0 && bytes > limit.hard_bytes)
            || (bytes > UNAUTHENTICATED_OUTPUT_BYTES_MAX && !self.session.authenticated)
            || since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms.get()) > limit.soft_s * 1000);
        is_over && self.is_normal()
    }

    /// Whether the time has come to end the connection: at once, or as all has been sent. It is being closed
    /// then.
    pub fn is_to_be_shut_down(&mut self) -> bool {
        let has_ended = self.end_of_input && !self.stopped && !self.waiting.is_waiting();
        if has_ended && self.closing.is_none() {
            self.closing = Some(Closing::AfterReplies);
        }
        if self.closing == Some(Closing::AfterReplies) && self.is_drained() {
            self.closing = Some(Closing::Now);
        }
        self.closing == Some(Closing::Now)
    }

    /// True when nothing is under way for a client that is closed.
    pub fn is_over(&self) -> bool {
        self.closing == Some(Closing::Now) && self.may_be_dropped() && self.replies.awaited() == 0
    }

    /// True when all replies have been taken by the kernel, or by whoever reads them, and none is awaited or
    /// held.
    pub fn is_drained(&self) -> bool {
        self.replies.is_empty() && !self.socket.as_ref().is_some_and(Socket::is_sending)
    }

    /// Ends both directions of the socket, so that everything under way completes.
    pub fn shut_down(&mut self) {
        if let Some(socket) = &mut self.socket {
            socket.shut_down();
        }
    }

    /// True when the kernel uses none of its memory any more, for good.
    pub fn may_be_dropped(&self) -> bool {
        self.socket.as_ref().is_none_or(Socket::may_be_dropped)
    }

    /// Bytes of memory that the client holds besides its struct.
    pub fn memory_bytes(&self) -> usize {
        let socket_bytes = self.socket.as_ref().map_or(0, Socket::memory_bytes);
        self.query.memory_bytes() + self.replies.bytes() + socket_bytes
    }

    /// Gives back memory that was needed for a while.
    pub fn trim(&mut self) {
        self.query.trim();
        self.replies.trim();
        self.untold.trim();
    }
}
