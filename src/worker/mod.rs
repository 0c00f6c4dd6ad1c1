//! A worker: one thread on one core, with its ring, its clients, its end of the mesh and its shard; and one
//! thread more without either (`control`).
//!
//! It runs in turns. A turn takes the completions of the ring and the batches of the other workers, executes
//! what they ask for, and hands everything that results to the kernel and to the other workers at once. Only
//! this folder, `io` and `server` know the runtime; what a command means is decided in `dispatch`.

mod ahead;
mod balance;
mod blocking;
mod budget;
mod client_balance;
mod connections;
mod control;
mod desk;
mod dispatch;
pub mod duty;
mod errands;
mod hand_over;
mod hops;
mod inquiries;
mod invalidations;
mod loading;
mod loads;
mod look_ahead;
mod memory;
mod notifications;
mod publish;
mod redirection;
mod rewrites;
mod rewriting;
mod saves;
mod saving;
mod session_commands;
mod shutdown;
mod slot_moves;
mod snapshot_parts;
mod snapshots;
#[cfg(test)]
mod tests;
mod transactions;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shards::reply::Reply;
use shards::router::Router;
use shards::router::publish::Messages;
use shards::router::slot_move::SlotMap;
use shards::shard::Shard;
use shards::slot::ShardId;
use shards::spare::Trim;
use shards::txn::Ticket;

use crate::config::Config;
use crate::host::clock;
use crate::host::log::{LineLimit, has_left_out};
use crate::io::errands::Errands;
use crate::io::listener::Listener;
use crate::io::ring::{ClientRing, Completion, TICK_PERIOD_MS, Wait};
use crate::io::timers::TimerId;
use crate::mesh::Mesh;
use crate::metrics::report::Stats;
use crate::metrics::turns::Begin;
use crate::node::Node;
use crate::node::give_back::Freed;
use crate::node::pulses::Heart;
use crate::protocol::Argv;
use crate::pubsub::keyspace::KeyspaceChannels;
use crate::session::client::Client;
use crate::session::clients::Clients;
use crate::session::command::SessionCommands;
use crate::session::hand_over::Coming;
use crate::session::inquiry::Inquiry;
use crate::session::order::Closing;
use crate::tracking::clients::{TrackingClients, keys_max_of_shard};
use crate::worker::ahead::{Ahead, HopsAhead};
use crate::worker::client_balance::ClientBalance;
use crate::worker::desk::Office;
use crate::worker::duty::{Control, ControlDuty};
use crate::worker::loads::Loading;
use crate::worker::rewrites::Rewrites;
use crate::worker::saves::Saving;
use crate::worker::snapshot_parts::SnapshotParts;

/// How often a worker looks after timeouts and leftovers, in milliseconds.
const CRON_PERIOD_MS: u64 = TICK_PERIOD_MS;
/// A turn of a stopping worker waits at most so long.
const STOPPING_TURN_MAX: Duration = Duration::from_millis(1);
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
/// How long it waits for its files and links: a disk that has much to write may need seconds to force it, and
/// whoever stops the server kills it if it takes much longer (systemd: after 90 seconds).
const STOPPING_ERRANDS_MAX: Duration = Duration::from_secs(20);

static IDLE_LINES: LineLimit = LineLimit::new(module_path!(), log::Level::Debug, "Closing idle client");

/// One per core.
pub struct Worker {
    id: ShardId,
    node: &'static Node,
    /// What session commands do, by their numbers in the registry.
    session_commands: &'static SessionCommands,
    config: Arc<Config>,
    /// The shard, and where commands go.
    router: Router,
    mesh: Mesh,
    /// What the router's words go through, beside the mesh and the clients.
    office: Office,
    inquiries: HashMap<Ticket, Inquiry>,
    /// The reply of a session command; kept for its memory.
    scratch: Reply,
    now_ms: u64,
    messages: Messages,
    tracking: TrackingClients,
    ring: ClientRing,
    /// What is waited for in the ring besides clients.
    errands: Errands,
    /// The configuration's file, while CONFIG REWRITE writes it.
    rewrites: Rewrites,
    /// This worker's part of snapshots.
    snapshots: SnapshotParts,
    /// What the control worker has of a save.
    saving: Saving,
    /// The timer for the next client that has waited long enough, with its deadline, while that is before the
    /// next tick.
    blocked_timer: Option<(u64, TimerId)>,
    listeners: Vec<Listener>,
    /// Listeners whose accept has ended with an error and is to be tried again.
    deaf: Vec<usize>,
    /// Not before this time.
    accept_after_ms: u64,
    /// The last accept has failed.
    has_accept_failed: bool,
    clients: Clients,
    /// Clients that other workers are about to hand over, as many as those have.
    expected: Vec<Coming>,
    /// Those of `clients` that are counted: they have not left.
    client_count: usize,
    argv: Argv,
    /// Requests that have been taken apart and have not run.
    ahead: Ahead,
    hops_ahead: HopsAhead,
    last_cron_ms: u64,
    /// What it does while the node loads a file; none when it does not.
    loading: Option<Box<Loading>>,
    /// What only the control worker has.
    control: Option<Control>,
    /// Shows the watchdog that turns come.
    pulse: Heart,
    /// More keys have expired than one turn removes: go on.
    expiring: bool,
    cron_part: usize,
    client_balance: ClientBalance,
    /// How long the next turn is put off (DEBUG SLEEP).
    sleep: Duration,
    /// Completions of the turn; kept for its memory.
    completions: Vec<Completion>,
    freed: Freed,
}

/// What a worker is made of. It is made on its own thread.
pub struct WorkerParts {
    /// What the process shares.
    pub node: &'static Node,
    /// What session commands do.
    pub session_commands: &'static SessionCommands,
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
    /// Its ring, made on the same thread.
    pub ring: ClientRing,
    /// What makes it the control worker, which has no slots and no listeners.
    pub control: Option<ControlDuty>,
}

impl Worker {
    /// Makes a worker on the calling thread, which must be the one that runs it.
    pub fn new(parts: WorkerParts) -> Worker {
        let WorkerParts { node, session_commands, config, slots, mesh, shard, listeners, ring, control } =
            parts;
        mesh.set_ring(ring.fd());
        let mut worker = Worker {
            id: shard.id(),
            pulse: node.pulses.heart(shard.id()),
            // One with a shard puts messages in order, so that the control worker stays free.
            messages: Messages::new(shard.id(), node.shards),
            office: Office::new(shard.id(), node),
            node,
            session_commands,
            config,
            router: Router::new(shard, node.shards, mesh.workers(), slots),
            mesh,
            inquiries: HashMap::new(),
            scratch: Reply::default(),
            now_ms: 0,
            tracking: TrackingClients::default(),
            ring,
            errands: Errands::default(),
            rewrites: Rewrites::default(),
            snapshots: SnapshotParts::default(),
            saving: Saving::default(),
            blocked_timer: None,
            deaf: (0..listeners.len()).collect(),
            accept_after_ms: 0,
            has_accept_failed: false,
            listeners,
            clients: Clients::default(),
            expected: Vec::new(),
            client_count: 0,
            argv: Argv::default(),
            ahead: Ahead::default(),
            hops_ahead: HopsAhead::default(),
            last_cron_ms: 0,
            loading: node.load.is_under_way().then(Box::default),
            control: control.map(Control::new),
            expiring: false,
            cron_part: 0,
            client_balance: ClientBalance::of_this_thread(),
            sleep: Duration::ZERO,
            completions: Vec::new(),
            freed: Freed::default(),
        };
        worker.tell_time();
        worker.configure_shard();
        let config = Arc::clone(&worker.config);
        worker.configure_memory(&config);
        worker
    }

    /// Runs until the node stops. It is no future and yields to nobody: the thread sleeps only in the
    /// worker's own ring, which whatever concerns the worker wakes, and its tick if nothing does and it does
    /// not rest.
    pub fn run(mut self) {
        self.listen();
        self.watch_signals();
        self.load_at_start();
        self.ring.tick();
        while !self.node.stopping.load(Ordering::Relaxed) {
            self.turn();
            if self.has_work() || !self.mesh.park() {
                self.submit(Wait::No);
            } else if self.may_rest() {
                self.pulse.rest();
                self.submit(Wait::HoweverLong);
                self.mesh.unpark();
            } else {
                self.pulse.sleep();
                self.set_blocked_timer();
                self.submit(Wait::ForCompletion);
                self.mesh.unpark();
            }
        }
        self.stop();
    }

    /// One turn: everything that has come is executed, and what results is queued for the kernel and the
    /// others.
    fn turn(&mut self) {
        self.pulse.wake();
        // Not before the other workers have been told to do the same.
        std::thread::sleep(std::mem::take(&mut self.sleep));
        let begin = Begin::now(self.config.turn_clock_cpu);
        let mut completions = std::mem::take(&mut self.completions);
        self.ring.take_completions(&mut completions);
        // What has come was sent before this moment, so no time that counts from now on is over early.
        self.tell_time();
        self.begin_turn_memory();
        self.see_broadcasting();
        for completion in completions.drain(..) {
            self.complete(completion);
        }
        self.catch_up();
        self.completions = completions;
        self.take_errands();
        self.take_inboxes();
        if self.router.has_ready() {
            self.run_ready();
        }
        if self.loading.is_some() {
            self.go_on_loading();
        }
        if self.now_ms.wrapping_sub(self.last_cron_ms) >= CRON_PERIOD_MS {
            self.last_cron_ms = self.now_ms;
            self.cron();
        } else if self.expiring {
            self.expire();
        }
        if self.router.shard().has_garbage() {
            self.router.shard_mut().free_some(GARBAGE_ENTRIES_PER_TURN);
        }
        if self.router.shard().has_snapshots() {
            self.write_snapshots();
        }
        self.tell_of_flush();
        self.see_cut();
        if self.router.is_moving() {
            self.advance_moves();
        }
        if self.router.has_served() {
            let (router, mut desk) = self.at_desk();
            router.serve_blocked(&mut desk);
        }
        self.limit_tracking();
        self.tell_of_changes();
        self.settle();
        self.end_turn_memory();
        self.tell_of_changes();
        self.errands.submit(&mut self.ring);
        self.mesh.flush(|ring| self.ring.wake(ring));
        self.office.stats.turns.record(begin.elapsed());
    }

    /// Tells whoever wants to know what has happened to keys.
    fn tell_of_changes(&mut self) {
        self.publish_notices();
        self.tell_trackers();
        self.tell_of_prefixes();
    }

    /// Tells the shard what it has to know of the configuration.
    fn configure_shard(&mut self) {
        let shards_alike = self.shards_alike();
        let (config, shard) = (&self.config, self.router.shard_mut());
        shard.set_string_len_max(config.proto_max_bulk_len_bytes as usize);
        shard.set_lazy_free(config.lazy_free);
        shard.set_rdb(config.rdb_version.only(), config.rdb_compression);
        shard.set_limits(config.limits.clone());
        shard.set_tracked_keys_max(keys_max_of_shard(config, shards_alike));
        self.office.keyspace_channels = KeyspaceChannels::of(config);
        shard.ask_for_notices(self.office.keyspace_channels.classes(config));
    }

    fn tell_time(&mut self) {
        self.now_ms = clock::now_ms();
        self.router.shard_mut().set_now(self.now_ms);
    }

    /// True when the next turn should begin at once.
    fn has_work(&mut self) -> bool {
        self.mesh.has_waiting()
            || self.mesh.has_inbox()
            || (self.clients.dirty_len() > 0 && !self.is_snapshot_behind())
            || self.router.shard().has_garbage()
            || self.router.has_served()
            || self.expiring
            || self.router.has_ready()
            || self.office.memory.is_evicting()
            || self.errands.has_news()
            || self.loading.as_ref().is_some_and(|loading| loading.has_work())
            || (self.router.shard().has_snapshots() && self.has_snapshot_work())
            || self.router.shard().env().tracking.is_over_limit()
            || !self.sleep.is_zero()
    }

    fn submit(&mut self, wait: Wait) {
        if let Err(error) = self.ring.submit(wait) {
            log::error!("io_uring_enter failed: {error}");
            self.node.stopping.store(true, Ordering::Relaxed);
            // The control worker waits for a signal; this one can always be raised.
            let _ = signal_hook::low_level::raise(signal_hook::consts::SIGTERM);
        }
    }

    /// The tick has completed.
    fn ticked(&mut self, result: i32) {
        self.office.stats.lateness.record(self.ring.ticked());
        if let Some(control) = &mut self.control {
            control.ticked(result);
        // Whatever else the kernel says could come at once again: the cron asks anew.
        } else if result == -libc::ETIME {
            self.ring.tick();
        }
    }

    fn listen(&mut self) {
        for index in std::mem::take(&mut self.deaf) {
            self.ring.accept(self.listeners[index].fd(), index as u32);
        }
    }

    fn cron(&mut self) {
        let Stats { commands, input_bytes, output_bytes, ref mut rates, .. } = self.office.stats;
        rates.sample(self.now_ms, [commands, input_bytes, output_bytes]);
        if !self.ring.is_ticking() && !self.is_control() {
            self.ring.tick();
        }
        if self.now_ms >= self.accept_after_ms {
            self.listen();
        }
        if has_left_out() {
            self.pass_on_left_out();
        }
        // What happens to keys by itself, and what moves, waits for the end of a load.
        if self.loading.is_none() {
            self.expire();
            self.save_if_due();
            self.balance();
        } else {
            // The load begins when those that were asked for before have ended.
            let (router, mut desk) = self.at_desk();
            router.look_after_moves(&mut desk);
        }
        self.trim();
        self.give_back();
        self.cron_part = (self.cron_part + 1) % CRON_CONNECTIONS_PART;
        let timeout_ms = u64::from(self.config.timeout_s) * 1000;
        for index in (self.cron_part as u32..self.clients.end()).step_by(CRON_CONNECTIONS_PART) {
            let Some(client) = self.clients.get_mut(index) else { continue };
            let idle_ms = self.now_ms.saturating_sub(client.session.active_ms);
            // Subscribers may be silent for ever, and who waits for replies is.
            let may_be_idle = client.replies.places_taken() > 0 || client.session.is_subscribed();
            let is_idle = timeout_ms > 0 && idle_ms > timeout_ms && !may_be_idle && client.is_normal();
            if is_idle {
                if let Some(left_out) = IDLE_LINES.admit() {
                    log::debug!("Closing idle client{left_out}");
                }
                client.closing = Some(Closing::Now);
            }
            client.trim();
            if client.is_hand_over_overdue(self.now_ms) {
                self.refuse_hand_over(index);
                continue;
            }
            // A limit that has become smaller is for output that nothing is added to as well.
            if is_idle || client.is_over_soft_limit() || client.output_bytes() > 0 {
                self.clients.look_at(index);
            }
        }
    }

    /// Gives back memory that an unusual turn has needed, beyond what a usual one keeps.
    fn trim(&mut self) {
        self.router.trim();
        self.mesh.trim();
        self.inquiries.trim();
        self.ahead.trim();
        self.hops_ahead.trim();
        self.expected.trim();
        self.scratch.trim();
        self.office.encoded.trim();
        self.office.pubsub.trim();
        self.messages.trim();
        self.argv.trim();
        self.completions.trim();
        self.errands.trim();
        self.rewrites.trim();
        self.clients.trim();
    }

    /// Removes keys that have expired, bounded in number and time.
    fn expire(&mut self) {
        let begin = clock::moment();
        for _ in 0..EXPIRE_ENTRIES_PER_TURN / EXPIRE_ENTRIES_PER_STEP {
            self.expiring = self.router.shard_mut().expire_some(EXPIRE_ENTRIES_PER_STEP);
            if !self.expiring || begin.elapsed() >= EXPIRE_TIME_PER_TURN {
                break;
            }
        }
    }

    /// Brings to its end what is under way on disk, sends what is ready, both bounded in time, and lets
    /// everything go.
    fn stop(mut self) {
        self.listeners.iter().for_each(Listener::close);
        self.give_up_loading();
        self.errands.links.close_all();
        let begin = clock::moment();
        for turn in 1.. {
            self.turn();
            self.submit(Wait::AtMost(STOPPING_TURN_MAX));
            let is_late = begin.elapsed() >= STOPPING_ERRANDS_MAX;
            if self.errands.is_busy() && !is_late {
                continue;
            }
            // What the server's own have to read somebody reads who stops as well.
            let is_drained = self.clients.iter().all(|client| client.is_drained() || !client.is_normal());
            if turn >= STOPPING_TURNS_MAX || (is_drained && !self.has_work()) {
                break;
            }
        }
        if self.errands.is_busy() {
            log::warn!("{} did not end in time and are given up", self.errands.pending_text());
        }
        self.clients.iter_mut().for_each(Client::shut_down);
        // Until every request has completed, the kernel may still write to what the sockets own.
        for _ in 0..STOPPING_TURNS_MAX {
            if self.clients.iter().all(Client::may_be_dropped) {
                // The system takes the memory of the keys back at once; to free it key by key takes seconds.
                return std::mem::forget(self.router);
            }
            self.turn();
            self.submit(Wait::AtMost(STOPPING_TURN_MAX));
        }
        std::mem::forget((self.clients, self.router));
    }
}
