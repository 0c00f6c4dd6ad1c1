//! A worker: one thread on one core, with its ring, its connections, its end of the mesh and its shard.
//!
//! It runs in turns. A turn takes the completions of the ring and the batches of the other workers, executes what they
//! ask for, and hands everything that results to the kernel and to the other workers at once. Only this file, `net`
//! and `server` know the runtime; what a command means is decided in `dispatch`.

use std::collections::{HashMap, VecDeque};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shards::args::Blob;
use shards::command::keys::KeyPosition;
use shards::reply::Reply;
use shards::shard::Shard;
use shards::slot::ShardId;
use shards::tracking::ConnectionId;
use shards::txn::coordinator::{Coordinator, Owners};
use shards::txn::slot_move::{SlotMap, SlotMoves};
use shards::txn::{Outbox, Ticket, TxnMessage, Watched};
use shards::walk::Walk;

use crate::clock;
use crate::config::Config;
use crate::inquiry::{Answer, Inquiry, Question, Report};
use crate::memory::WorkerMemory;
use crate::mesh::{Batch, Delivery, Hop, Mesh};
use crate::net::connection::{Closing, Connection, Waiting};
use crate::net::listener::{self, Listener};
use crate::net::ring::{ClientRing, Completion, Op, TICK_PERIOD_MS, Wait};
use crate::node::Node;
use crate::notifications::Channels;
use crate::protocol::{Argv, Limits, Next};
use crate::pubsub::{Deliveries, Kind, Registry};
use crate::push::{Encoded, Held};
use crate::registry::CommandId;
use crate::session::Session;
use crate::tracking::{TrackingClients, keys_max_of_shard};
use crate::turns::{Begin, TurnTimes};

/// How often a worker looks after timeouts and leftovers, in milliseconds.
const CRON_PERIOD_MS: u64 = TICK_PERIOD_MS;
/// A turn of a stopping worker waits at most so long.
const STOPPING_TURN_MAX: Duration = Duration::from_millis(1);
/// A busy worker lets glommio's other tasks run once in so many turns.
const TURNS_BEFORE_YIELD: u32 = 64;
/// Batches taken from one other worker in a turn.
const BATCHES_PER_TURN: usize = 8;
/// The cron looks at one in so many connections each time.
const CRON_CONNECTIONS_PART: usize = 10;
/// Work on garbage in a turn: entries freed.
const GARBAGE_ENTRIES_PER_TURN: usize = 256;
/// Work on expired keys: entries removed by the cron, and in each turn after that while more have expired.
const EXPIRE_ENTRIES_PER_TURN: usize = 500;
/// That takes no longer: an entry is some cache misses, and how long that takes depends on the machine.
const EXPIRE_TIME_PER_TURN: Duration = Duration::from_micros(300);
/// Entries removed between two looks at the clock.
const EXPIRE_ENTRIES_PER_STEP: usize = 50;
/// How long a stopping worker goes on sending replies that are ready, in turns of at most a millisecond.
const STOPPING_TURNS_MAX: usize = 100;

/// Counters of one worker, for INFO.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused because of maxclients or protected mode.
    pub rejected: u64,
    /// Commands processed.
    pub commands: u64,
    /// Bytes received from clients.
    pub input_bytes: u64,
    /// Bytes sent to clients.
    pub output_bytes: u64,
    /// Commands that another shard executed.
    pub remote_commands: u64,
    /// Transactions over several shards.
    pub transactions: u64,
    /// Connections closed because of client-output-buffer-limit.
    pub output_limit_closed: u64,
    /// Connections closed because of client-query-buffer-limit.
    pub query_limit_closed: u64,
    /// How long the turns took.
    pub turns: TurnTimes,
}

/// One per core.
pub struct Worker {
    pub(crate) id: ShardId,
    pub(crate) node: &'static Node,
    pub(crate) config: Arc<Config>,
    pub(crate) slots: SlotMoves,
    /// Connections whose command concerns a slot that is on its way.
    pub(crate) awaiting_slot: Vec<u32>,
    /// Watches to be forgotten when the slots of their keys have arrived.
    pub(crate) unwatch_later: Vec<Watched>,
    pub(crate) mesh: Mesh,
    pub(crate) shard: Shard,
    pub(crate) coordinator: Coordinator,
    pub(crate) outbox: Outbox,
    pub(crate) inquiries: HashMap<Ticket, Inquiry>,
    /// Walks from shard to shard that wait for an answer, by the places of their replies, with their command.
    pub(crate) walks: HashMap<Ticket, (CommandId, Walk)>,
    /// Walks that have come to a slot that is on its way.
    pub(crate) walks_later: Vec<(Ticket, CommandId, Walk)>,
    pub(crate) stats: Stats,
    pub(crate) positions: Vec<KeyPosition>,
    pub(crate) scratch: Reply,
    pub(crate) now_ms: u64,
    pub(crate) memory: WorkerMemory,
    pub(crate) pubsub: Registry,
    /// Published messages that this worker has put in order and that others are delivering.
    pub(crate) deliveries: Deliveries,
    pub(crate) tracking: TrackingClients,
    pub(crate) held: Held,
    /// The push that is being made; kept for its memory.
    pub(crate) encoded: Encoded,
    ring: ClientRing,
    listeners: Vec<Listener>,
    /// Listeners whose accept has ended with an error and is to be tried again.
    deaf: Vec<usize>,
    pub(crate) connections: Vec<Option<Box<Connection>>>,
    free: Vec<u32>,
    clients: usize,
    /// Connections to be looked at before the turn ends.
    pub(crate) dirty: VecDeque<u32>,
    argv: Argv,
    last_cron_ms: u64,
    /// More keys have expired than one turn removes: go on.
    expiring: bool,
    cron_part: usize,
    /// How long the next turn is put off (DEBUG SLEEP).
    sleep: Duration,
    /// Completions of the turn; kept for its memory.
    completions: Vec<Completion>,
}

/// What a worker is made of. It is made on its own thread.
pub struct WorkerParts {
    /// What the process shares.
    pub node: &'static Node,
    /// The configuration at the start.
    pub config: Arc<Config>,
    /// The slot map at the start.
    pub slots: SlotMap,
    /// This worker's end of the mesh.
    pub mesh: Mesh,
    /// Its shard.
    pub shard: Shard,
    /// Its listening sockets.
    pub listeners: Vec<Listener>,
}

impl Worker {
    /// Makes a worker on the calling thread, which must be the one that runs it.
    ///
    /// # Errors
    /// When the kernel grants no ring.
    pub fn new(parts: WorkerParts) -> std::io::Result<Worker> {
        let WorkerParts { node, config, slots, mesh, shard, listeners } = parts;
        let ring = ClientRing::new()?;
        mesh.set_ring(ring.fd());
        let mut worker = Worker {
            id: shard.id,
            coordinator: Coordinator::new(shard.id),
            node,
            config,
            slots: SlotMoves::new(shard.id, mesh.workers(), slots),
            awaiting_slot: Vec::new(),
            unwatch_later: Vec::new(),
            mesh,
            shard,
            outbox: Outbox::new(),
            inquiries: HashMap::new(),
            walks: HashMap::new(),
            walks_later: Vec::new(),
            stats: Stats::default(),
            positions: Vec::new(),
            scratch: Reply::default(),
            now_ms: 0,
            memory: WorkerMemory::default(),
            pubsub: Registry::default(),
            deliveries: Deliveries::default(),
            tracking: TrackingClients::default(),
            held: Held::default(),
            encoded: Encoded::default(),
            ring,
            deaf: (0..listeners.len()).collect(),
            listeners,
            connections: Vec::new(),
            free: Vec::new(),
            clients: 0,
            dirty: VecDeque::new(),
            argv: Argv::default(),
            last_cron_ms: 0,
            expiring: false,
            cron_part: 0,
            sleep: Duration::ZERO,
            completions: Vec::new(),
        };
        worker.tell_time();
        worker.shard.set_owned(worker.slots.map().owned_by(worker.id));
        worker.configure_shard();
        let config = Arc::clone(&worker.config);
        worker.configure_memory(&config);
        Ok(worker)
    }

    /// Runs until the node stops. To be called inside a glommio executor.
    pub async fn run(mut self) {
        self.listen();
        self.ring.tick();
        let mut turns = 0u32;
        while !self.node.stopping.load(Ordering::Relaxed) {
            self.turn();
            if self.has_work() {
                self.submit(Wait::No);
            } else if self.mesh.park() {
                self.submit(self.wait());
                self.mesh.unpark();
            }
            turns = turns.wrapping_add(1);
            if turns.is_multiple_of(TURNS_BEFORE_YIELD) {
                glommio::executor().yield_now().await;
            }
        }
        self.stop();
    }

    /// One turn: everything that has come is executed, and what results is queued for the kernel and the others.
    fn turn(&mut self) {
        // Not before the other workers have been told to do the same.
        std::thread::sleep(std::mem::take(&mut self.sleep));
        let begin = Begin::now(self.config.turn_clock_cpu);
        self.tell_time();
        self.begin_turn_memory();
        let mut completions = std::mem::take(&mut self.completions);
        self.ring.take_completions(&mut completions);
        self.see_broadcasting();
        for completion in completions.drain(..) {
            self.complete(completion);
        }
        self.completions = completions;
        self.take_inboxes();
        if self.now_ms.wrapping_sub(self.last_cron_ms) >= CRON_PERIOD_MS {
            self.last_cron_ms = self.now_ms;
            self.cron();
        } else if self.expiring {
            self.expire();
        }
        if self.shard.has_garbage() {
            self.shard.free_some(GARBAGE_ENTRIES_PER_TURN);
        }
        if self.slots.is_busy() {
            self.advance_moves();
        }
        if self.shard.has_served() || self.shard.env().awaited.has_news() || self.is_any_timeout_due() {
            self.serve_blocked();
        }
        self.limit_tracking();
        self.tell_of_changes();
        self.settle();
        self.end_turn_memory();
        self.tell_of_changes();
        self.mesh.flush(&mut self.ring);
        self.stats.turns.record(begin.elapsed());
    }

    /// Tells whoever wants to know what has happened to keys.
    fn tell_of_changes(&mut self) {
        self.publish_notices();
        self.tell_trackers(None);
        self.tell_of_prefixes();
    }

    /// Tells the shard what it has to know of the configuration.
    fn configure_shard(&mut self) {
        self.shard.set_string_len_max(self.config.proto_max_bulk_len_bytes as usize);
        self.shard.set_lazy_free(self.config.lazy_free);
        self.shard.set_limits(self.config.limits.clone());
        self.shard.set_tracked_keys_max(keys_max_of_shard(&self.config, self.mesh.workers()));
        self.shard.ask_for_notices(Channels::of(&self.config).classes(&self.config));
    }

    fn tell_time(&mut self) {
        self.now_ms = clock::now_ms();
        self.shard.set_now(self.now_ms);
    }

    /// True when the next turn should begin at once.
    fn has_work(&mut self) -> bool {
        self.mesh.has_waiting()
            || self.mesh.has_inbox()
            || !self.dirty.is_empty()
            || self.shard.has_garbage()
            || self.expiring
            || self.slots.is_busy()
            || self.memory.is_evicting()
            || self.shard.env().tracking.is_over_limit()
            || !self.sleep.is_zero()
    }

    fn is_any_timeout_due(&self) -> bool {
        self.coordinator.next_deadline_ms().is_some_and(|deadline_ms| deadline_ms <= self.now_ms)
    }

    /// How long a worker without work may wait: for whatever comes, a tick at the latest, but not past the moment when
    /// a client has waited long enough.
    fn wait(&self) -> Wait {
        match self.coordinator.next_deadline_ms() {
            Some(deadline_ms) if deadline_ms.saturating_sub(self.now_ms) < CRON_PERIOD_MS => {
                Wait::AtMost(Duration::from_millis(deadline_ms.saturating_sub(self.now_ms).max(1)))
            }
            _ => Wait::ForCompletion,
        }
    }

    fn submit(&mut self, wait: Wait) {
        if let Err(error) = self.ring.submit(wait) {
            log::error!("io_uring_enter failed: {error}");
            self.node.stopping.store(true, Ordering::Relaxed);
            // The main thread waits for a signal; this one can always be raised.
            let _ = signal_hook::low_level::raise(signal_hook::consts::SIGTERM);
        }
    }

    // --- Completions -----------------------------------------------------------------------------------------

    fn complete(&mut self, completion: Completion) {
        match completion.op {
            Op::Accept => self.accepted(completion),
            Op::Receive => self.received(completion),
            Op::ReceiveInto => self.received_into(completion),
            Op::Send => self.sent(completion),
            Op::Tick => self.ring.tick(),
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
            let error = std::io::Error::from_raw_os_error(-completion.result);
            log::warn!("Accepting client connection: {error}");
            return;
        }
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
        let index = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() as u32 - 1
        });
        let mut connection = Box::new(Connection::new(socket, index, session, addresses));
        connection.drive_receive(&mut self.ring);
        self.connections[index as usize] = Some(connection);
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

    // --- Connections -----------------------------------------------------------------------------------------

    /// Takes a connection out while it is worked on, so that the worker stays free to be borrowed.
    pub(crate) fn take_out(&mut self, index: u32) -> Option<Box<Connection>> {
        self.connections.get_mut(index as usize)?.take()
    }

    pub(crate) fn put_back(&mut self, connection: Box<Connection>) {
        let index = connection.index as usize;
        self.connections[index] = Some(connection);
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
        let mut query = std::mem::take(&mut connection.query);
        let mut argv = std::mem::take(&mut self.argv);
        let mut requests = query.receive(received, &mut argv);
        connection.stopped = false;
        loop {
            if connection.must_wait() || self.mesh.is_congested() {
                connection.stopped = true;
                break;
            }
            let limits = Limits {
                bulk_bytes_max: self.config.proto_max_bulk_len_bytes,
                authenticated: connection.session.authenticated,
            };
            match requests.next(&limits) {
                Next::Request(args) => self.dispatch(connection, args),
                Next::Incomplete => break,
                Next::Error(error) => {
                    connection.replies.writer().raw(&error.reply());
                    connection.closing = Some(Closing::AfterReplies);
                    break;
                }
            }
        }
        drop(requests);
        self.argv = argv;
        connection.query = query;
        if connection.query.buffered_bytes() as u64 > self.config.client_query_buffer_limit_bytes {
            log::warn!("Closing client that reached max query buffer length: {}", connection.peer);
            self.stats.query_limit_closed += 1;
            connection.closing = Some(Closing::Now);
        }
    }

    /// Looks at every connection that something has happened to: goes on with what could not be executed before,
    /// sends, receives, closes.
    fn settle(&mut self) {
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
            if connection.closing.is_some()
                && connection.may_be_dropped()
                && connection.replies.awaited() == 0
            {
                self.drop_connection(connection);
            } else {
                self.put_back(connection);
            }
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
        if (limit.hard_bytes > 0 && bytes > limit.hard_bytes) || soft {
            let client = &connection.peer;
            log::warn!("Client {client} scheduled to be closed ASAP for overcoming of output buffer limits.");
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
            connection.shut_down();
        }
    }

    fn drop_connection(&mut self, mut connection: Box<Connection>) {
        self.unwatch(&mut connection);
        self.forget_subscriptions(&mut connection);
        self.end_tracking(&mut connection);
        self.free.push(connection.index);
        self.clients -= 1;
        self.node.clients.fetch_sub(1, Ordering::Relaxed);
    }

    // --- Other workers ---------------------------------------------------------------------------------------

    fn take_inboxes(&mut self) {
        for peer in 0..self.mesh.workers() {
            let from = ShardId(peer as u16);
            for _ in 0..BATCHES_PER_TURN {
                let Some(mut batch) = self.mesh.next_batch(from) else { break };
                // What came by another worker was sent after this turn had begun: an expire must not be seen late.
                self.tell_time();
                self.take_batch(from, &mut batch);
                self.mesh.recycle(batch);
            }
        }
    }

    fn take_batch(&mut self, from: ShardId, batch: &mut Batch) {
        self.see_broadcasting();
        batch.take(|delivery| match delivery {
            Delivery::Command(remote, args) => self.execute_remote(&remote, args),
            Delivery::Reply(ticket, bytes, blobs) => self.fill_place(ticket, bytes, blobs),
            Delivery::Other(Hop::Txn(message)) => self.take_txn(from, *message),
            Delivery::Other(Hop::Move(message)) => self.take_move(from, message),
            Delivery::Other(Hop::Ask(ticket, question)) => {
                let answer = self.answer(&question);
                self.mesh.send(ticket.worker, Hop::Answer(ticket, Box::new(answer)));
            }
            Delivery::Other(Hop::Answer(ticket, answer)) => self.take_answer(from, ticket, *answer),
            Delivery::Other(Hop::Publish(ticket, message)) => self.take_publish(ticket, &message),
            Delivery::Other(Hop::Deliver(number, message)) => self.take_message(from, number, &message),
            Delivery::Other(Hop::Delivered(number, receivers)) => self.take_delivered(number, receivers),
            Delivery::Other(Hop::Published(ticket, receivers)) => self.take_published(ticket, receivers),
            Delivery::Other(Hop::Tracking(hop)) => self.take_tracking(from, *hop),
            // What it asks for is done at the end of every turn.
            Delivery::Other(Hop::MakeRoom) => {}
            Delivery::Other(Hop::Command(_) | Hop::Reply { .. }) => {
                unreachable!("handed out with what belongs to them")
            }
        });
        self.publish_notices();
        self.tell_trackers(None);
    }

    /// Delivers a reply that was made outside of the usual path.
    pub(crate) fn deliver(&mut self, ticket: Ticket, reply: &Reply) {
        if ticket.worker != self.id {
            self.mesh.reply(ticket, reply.is_resp3(), |out| out.append(reply.bytes(), reply.blobs()));
            return;
        }
        self.fill_place(ticket, reply.bytes(), reply.blobs());
    }

    /// Puts a reply into its place in the queue of a connection of this worker. What is only one shard's answer to a walk
    /// takes the walk on.
    fn fill_place(&mut self, ticket: Ticket, bytes: &[u8], blobs: &[(usize, Blob)]) {
        if self.walks.is_empty() {
            return self.fill_reserved(ticket, bytes, blobs);
        }
        let Some((command, mut walk)) = self.walks.remove(&ticket) else {
            return self.fill_reserved(ticket, bytes, blobs);
        };
        let reply = walk.answered(bytes, |slot| self.slots.owner(slot));
        if let Some(reply) = reply.or_else(|| self.walk_on(ticket, command, walk)) {
            self.fill_reserved(ticket, reply.bytes(), reply.blobs());
        }
    }

    pub(crate) fn fill_reserved(&mut self, ticket: Ticket, bytes: &[u8], blobs: &[(usize, Blob)]) {
        if let Some(Some(connection)) = self.connections.get_mut(ticket.connection as usize) {
            connection.fill_place(ticket.seq, bytes, blobs);
            self.look_at(ticket.connection);
        }
    }

    /// Has a connection looked at before the turn ends.
    pub(crate) fn look_at(&mut self, index: u32) {
        if let Some(Some(connection)) = self.connections.get_mut(index as usize)
            && !connection.is_dirty
        {
            connection.is_dirty = true;
            self.dirty.push_back(index);
        }
    }

    fn take_txn(&mut self, from: ShardId, message: TxnMessage) {
        let mut replies = Vec::new();
        self.handle_txn(from, message, &mut replies);
        replies.append(&mut self.drain_outbox());
        for (ticket, reply) in replies {
            self.deliver(ticket, &reply);
        }
    }

    /// Sends the messages of transactions while a connection is taken out: returns the reply for its ticket, if it is there
    /// already.
    pub(crate) fn send_outbox_for(&mut self, own: Ticket) -> Option<Reply> {
        let mut found = None;
        for (ticket, reply) in self.drain_outbox() {
            if ticket == own {
                found = Some(reply);
            } else {
                self.deliver(ticket, &reply);
            }
        }
        found
    }

    /// Sends the messages of transactions.
    pub(crate) fn send_outbox(&mut self) {
        for (ticket, reply) in self.drain_outbox() {
            self.deliver(ticket, &reply);
        }
    }

    /// Sends the messages of transactions, handling those to this worker at once. Returns replies that came of it.
    fn drain_outbox(&mut self) -> Vec<(Ticket, Reply)> {
        let mut replies = Vec::new();
        while !self.outbox.is_empty() {
            for (to, message) in std::mem::take(&mut self.outbox) {
                if to == self.id {
                    self.handle_txn(to, message, &mut replies);
                } else {
                    self.mesh.send(to, Hop::Txn(Box::new(message)));
                }
            }
        }
        replies
    }

    fn handle_txn(&mut self, from: ShardId, message: TxnMessage, replies: &mut Vec<(Ticket, Reply)>) {
        if message.is_for_coordinator() {
            let owners = Owners { owner: &|slot| self.slots.owner(slot), shard_count: self.mesh.workers() };
            let Worker { coordinator, shard, outbox, .. } = self;
            replies.extend(coordinator.handle(from, message, owners, shard, outbox));
        } else {
            self.shard.handle_txn(from, message, &mut self.outbox);
            replies.append(&mut self.shard.take_completed());
        }
    }

    /// Asks all workers, this one included.
    /// Returns the reply if no other worker has to be waited for.
    pub(crate) fn ask(
        &mut self,
        ticket: Ticket,
        question: &Question,
        mut inquiry: Inquiry,
        own: Answer,
    ) -> Option<Reply> {
        if inquiry.answered(self.id, own) {
            return Some(inquiry.finish());
        }
        self.inquiries.insert(ticket, inquiry);
        for peer in 0..self.mesh.workers() {
            let peer = ShardId(peer as u16);
            if peer != self.id {
                self.mesh.send(peer, Hop::Ask(ticket, Box::new(question.clone())));
            }
        }
        None
    }

    fn take_answer(&mut self, from: ShardId, ticket: Ticket, answer: Answer) {
        if let Answer::Found(Some(at)) = answer
            && let Some(mut connection) = self.take_out(ticket.connection)
        {
            self.redirect_found(&mut connection, at);
            self.put_back(connection);
        }
        let Some(inquiry) = self.inquiries.get_mut(&ticket) else { return };
        if inquiry.answered(from, answer)
            && let Some(inquiry) = self.inquiries.remove(&ticket)
        {
            let reply = inquiry.finish();
            self.deliver(ticket, &reply);
        }
    }

    /// Answers a question of a connection of this worker, which is taken out while it is worked on and so is none
    /// of those that `answer` sees.
    pub(crate) fn answer_with(&mut self, question: &Question, asking: &mut Connection) -> Answer {
        let mut answer = self.answer(question);
        match (question, &mut answer) {
            (Question::ClientList(filter), Answer::Clients(clients)) if filter.matches(asking) => {
                clients.push((asking.session.id, asking.line(self.now_ms)));
            }
            (Question::ClientKill(filter), Answer::Killed(killed))
                if !filter.skip_me && filter.matches(asking) =>
            {
                *killed += 1;
                asking.closing = Some(Closing::AfterReplies);
            }
            (&Question::FindClient(client), Answer::Found(found)) => {
                if asking.session.id == client.0 {
                    *found = Some(ConnectionId { worker: self.id, index: asking.index });
                }
                if let &mut Some(at) = found {
                    self.redirect_found(asking, at);
                }
            }
            _ => {}
        }
        answer
    }

    /// Answers a question.
    fn answer(&mut self, question: &Question) -> Answer {
        match question {
            Question::ClientList(filter) => {
                let now_ms = self.now_ms;
                let matching = self.clients().filter(|client| filter.matches(client));
                Answer::Clients(matching.map(|client| (client.session.id, client.line(now_ms))).collect())
            }
            Question::ClientKill(filter) => {
                let mut killed = Vec::new();
                for connection in self.connections.iter_mut().flatten() {
                    if connection.closing.is_none() && filter.matches(connection) {
                        connection.closing = Some(Closing::Now);
                        killed.push(connection.index);
                    }
                }
                for &index in &killed {
                    if let Some(mut connection) = self.take_out(index) {
                        self.mark_dirty(&mut connection);
                        self.put_back(connection);
                    }
                }
                Answer::Killed(killed.len() as i64)
            }
            &Question::FindClient(client) => Answer::Found(self.find_client(client)),
            &Question::ClientUnblock(client, ending) => {
                Answer::Unblocked(self.end_blocking(client, ending, true))
            }
            Question::SetConfig(config) => {
                // What has happened until now is told as it was asked for.
                self.publish_notices();
                self.config = Arc::clone(config);
                self.configure_shard();
                self.configure_memory(config);
                Answer::Done
            }
            Question::Names(kind, pattern) => Answer::Names(self.pubsub.names(*kind, pattern.as_deref())),
            Question::Subscribers(kind, names) => {
                let count = |name: &Vec<u8>| self.pubsub.subscribers(*kind, name).len();
                Answer::Counts(names.iter().map(count).collect())
            }
            Question::Report => Answer::Report(Box::new(self.report())),
            Question::ResetStats => {
                self.stats = Stats::default();
                self.shard.reset_stats();
                Answer::Done
            }
            Question::SetActiveExpire(is_expiring) => {
                self.shard.set_active_expire(*is_expiring);
                Answer::Done
            }
            Question::Sleep(time) => {
                self.sleep = *time;
                Answer::Done
            }
        }
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().flatten().map(|boxed| &**boxed).filter(|client| client.closing.is_none())
    }

    fn report(&self) -> Report {
        let env = self.shard.env();
        Report {
            stats: self.stats.clone(),
            clients: self.clients,
            output_bytes_max: self.clients().map(Connection::output_bytes).max().unwrap_or(0),
            input_bytes_max: self.clients().map(|client| client.query.buffered_bytes()).max().unwrap_or(0),
            keyspace: self.shard.dbs().iter().map(|db| (db.len(), db.keys_with_expire())).collect(),
            keyspace_hits: env.keyspace_hits,
            keyspace_misses: env.keyspace_misses,
            expired_keys: env.expired_keys,
            expired_fields: env.expired_fields,
            evicted_keys: env.evicted_keys,
            lazyfree_pending: env.garbage.len(),
            blocked_clients: self.coordinator.waiting_clients(),
            tracking_clients: self.tracking.len(),
            tracked_keys: env.tracking.keys(),
            tracked_items: env.tracking.items(),
            tracked_prefixes: self.tracking.prefixes(),
            subscribers: self.clients().filter(|client| client.session.is_subscribed()).count(),
            subscribed: Kind::ALL.map(|kind| self.pubsub.names(kind, None)),
        }
    }

    // --- Now and then ----------------------------------------------------------------------------------------

    fn listen(&mut self) {
        for index in std::mem::take(&mut self.deaf) {
            self.ring.accept(self.listeners[index].fd(), index as u32);
        }
    }

    fn cron(&mut self) {
        self.listen();
        self.expire();
        self.cron_part = (self.cron_part + 1) % CRON_CONNECTIONS_PART;
        let timeout_ms = u64::from(self.config.timeout_s) * 1000;
        for index in (self.cron_part..self.connections.len()).step_by(CRON_CONNECTIONS_PART) {
            let Some(mut connection) = self.take_out(index as u32) else { continue };
            let idle_ms = self.now_ms.saturating_sub(connection.session.active_ms);
            // Subscribers may be silent for ever.
            let may_be_idle = connection.replies.awaited() > 0 || connection.session.is_subscribed();
            if timeout_ms > 0 && idle_ms > timeout_ms && !may_be_idle {
                log::debug!("Closing idle client");
                connection.closing = Some(Closing::Now);
                self.mark_dirty(&mut connection);
            }
            if connection.soft_limit_since_ms.is_some() {
                self.mark_dirty(&mut connection);
            }
            self.put_back(connection);
        }
    }

    /// Removes keys that have expired, bounded in number and time.
    fn expire(&mut self) {
        let begin = clock::moment();
        for _ in 0..EXPIRE_ENTRIES_PER_TURN / EXPIRE_ENTRIES_PER_STEP {
            self.expiring = self.shard.expire_some(EXPIRE_ENTRIES_PER_STEP);
            if !self.expiring || begin.elapsed() >= EXPIRE_TIME_PER_TURN {
                break;
            }
        }
    }

    /// Sends what is ready, bounded in time, and lets everything go.
    fn stop(mut self) {
        self.listeners.iter().for_each(Listener::close);
        for _ in 0..STOPPING_TURNS_MAX {
            self.turn();
            self.submit(Wait::AtMost(STOPPING_TURN_MAX));
            let undrained = self.connections.iter_mut().flatten().any(|connection| !connection.is_drained());
            if !undrained && !self.has_work() {
                break;
            }
        }
        for connection in self.connections.iter_mut().flatten() {
            connection.shut_down();
        }
        // Until every request has completed, the kernel may still write to what the connections own.
        for _ in 0..STOPPING_TURNS_MAX {
            if self.connections.iter().flatten().all(|connection| connection.may_be_dropped()) {
                return;
            }
            self.turn();
            self.submit(Wait::AtMost(STOPPING_TURN_MAX));
        }
        std::mem::forget(self.connections);
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
    }
}

/// What a client from elsewhere reads in protected mode (Redis's own words).
const PROTECTED_MODE_TEXT: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n";
