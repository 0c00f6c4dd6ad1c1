//! A node in one thread: several shards with their coordinators, clients' connections, and between each pair of
//! workers a queue that delivers when it is told to.
//!
//! It sends commands where `dispatch` of the server sends them, and keeps connections waiting where it does. What is
//! random is the choice of what happens next ([`Node::step_at_random`]): the next hop of some pair arrives, or some
//! connection goes on. It knows how commands are routed, but not what any command does.

use std::collections::VecDeque;

use crate::args::{Args, OwnedArgs};
use crate::command::DataCommand;
use crate::db::DbIndex;
use crate::error::CommandError;
use crate::random::Random;
use crate::reply::Reply;
use crate::shard::{Shard, ShardConfig};
use crate::slot::{SLOT_COUNT, ShardId, SlotId};
use crate::txn::coordinator::{Coordinator, Method, Owners};
use crate::txn::route::{Route, route};
use crate::txn::{Outbox, OwnedCall, Ticket, TxnMessage};
use crate::walk::Walk;
use crate::watch::ClientId;

/// What one worker sends another.
enum Hop {
    Command(OwnedCall, Ticket),
    Reply(Ticket, Reply),
    Txn(TxnMessage),
}

/// One per shard.
struct Worker {
    shard: Shard,
    coordinator: Coordinator,
    outbox: Outbox,
}

/// A request of a connection, in the order of its requests.
struct Place {
    /// When it went to its shards, in steps of the node.
    invoked: u64,
    /// Its reply and the step in which it came.
    reply: Option<(u64, Reply)>,
}

/// What a connection waits for before it goes on.
enum Waiting {
    No,
    /// For all replies; then this request is taken up again.
    Barrier(&'static DataCommand, OwnedArgs),
    /// For the reply of a transaction.
    Reply,
}

/// A client's connection, bound to a worker.
struct Connection {
    worker: ShardId,
    resp3: bool,
    db: DbIndex,
    requests: VecDeque<(&'static DataCommand, OwnedArgs)>,
    /// Requests that have been taken up, from the oldest one whose reply has not been taken.
    places: VecDeque<Place>,
    /// The number of the first place.
    first: u32,
    /// How many replies are missing.
    awaited: usize,
    waiting: Waiting,
}

/// A request that is done: when it went to its shards and when its reply came, in steps, and the reply.
pub struct Finished {
    /// When it went to its shards.
    pub invoked: u64,
    /// When its reply came.
    pub returned: u64,
    /// The reply.
    pub reply: Reply,
}

/// How often things happened that a simulation must not miss.
#[derive(Clone, Copy, Default, Debug)]
pub struct Events {
    /// Transactions started.
    pub transactions: usize,
    /// Locks refused.
    pub refused: usize,
    /// Lent entries that came home unused.
    pub lent_in_vain: usize,
    /// Commands that had to wait for a lock.
    pub parked: usize,
}

/// Shards, coordinators, connections and what is on its way between them.
pub struct Node {
    workers: Vec<Worker>,
    /// Hops from worker `i` to worker `k` at `i * workers + k`.
    queues: Vec<VecDeque<Hop>>,
    /// How slow each queue is: it delivers once in so many times that it is chosen.
    slowness: Vec<usize>,
    connections: Vec<Connection>,
    /// The owner of each slot.
    owners: Vec<ShardId>,
    /// Walks from shard to shard, by the tickets of their clients.
    walks: Vec<(Ticket, Walk)>,
    steps: u64,
    events: Events,
}

impl Node {
    /// A node of this many empty shards, with 16 databases and the given proto-max-bulk-len in bytes.
    pub fn new(shard_count: usize, string_len_max: usize) -> Node {
        let worker = |index: usize| {
            let id = ShardId(index as u16);
            let config = ShardConfig {
                id,
                databases: 16,
                hash_seeds: [1, 2, 3, 4],
                random_seed: index as u64,
                string_len_max,
            };
            let shard = Shard::new(&config);
            Worker { shard, coordinator: Coordinator::new(id), outbox: Outbox::new() }
        };
        let owners: Vec<_> =
            (0..SLOT_COUNT).map(|slot| ShardId((slot * shard_count / SLOT_COUNT) as u16)).collect();
        let mut workers: Vec<Worker> = (0..shard_count).map(worker).collect();
        for worker in &mut workers {
            let slots = (0..SLOT_COUNT as u16).map(SlotId::new);
            let id = worker.shard.id;
            worker.shard.set_owned(slots.filter(|slot| owners[slot.index()] == id).collect());
        }
        Node {
            workers,
            queues: (0..shard_count * shard_count).map(|_| VecDeque::new()).collect(),
            slowness: vec![1; shard_count * shard_count],
            connections: Vec::new(),
            owners,
            walks: Vec::new(),
            steps: 0,
            events: Events::default(),
        }
    }

    /// Makes some pairs of workers slow, each by a factor of its own.
    pub fn slow_down(&mut self, random: &mut Random, factor_max: usize) {
        self.slowness.fill_with(|| 1 + random.below(factor_max));
    }

    /// Tells all shards the time, in milliseconds since 1970.
    pub fn set_now(&mut self, now_ms: u64) {
        self.workers.iter_mut().for_each(|worker| worker.shard.set_now(now_ms));
    }

    /// A shard of the node.
    pub fn shard(&self, id: ShardId) -> &Shard {
        &self.workers[id.index()].shard
    }

    /// The same, to be changed.
    pub fn shard_mut(&mut self, id: ShardId) -> &mut Shard {
        &mut self.workers[id.index()].shard
    }

    /// The shard that owns a key.
    pub fn owner(&self, key: &[u8]) -> ShardId {
        self.owners[SlotId::of(key).index()]
    }

    /// What has happened so far.
    pub fn events(&self) -> Events {
        self.events
    }

    /// A new connection to a worker; the number that names it.
    pub fn connect(&mut self, worker: ShardId) -> usize {
        self.connections.push(Connection {
            worker,
            resp3: false,
            db: DbIndex::default(),
            requests: VecDeque::new(),
            places: VecDeque::new(),
            first: 0,
            awaited: 0,
            waiting: Waiting::No,
        });
        self.connections.len() - 1
    }

    /// Chooses the protocol version of replies to requests that are taken up from now on.
    pub fn set_resp3(&mut self, connection: usize, resp3: bool) {
        self.connections[connection].resp3 = resp3;
    }

    /// Chooses the database of requests that are taken up from now on.
    pub fn set_db(&mut self, connection: usize, db: DbIndex) {
        self.connections[connection].db = db;
    }

    /// The client sends a request.
    pub fn request(&mut self, connection: usize, command: &'static DataCommand, args: OwnedArgs) {
        self.connections[connection].requests.push_back((command, args));
    }

    /// The client reads its next reply, if it has come and all before it have.
    pub fn take_reply(&mut self, connection: usize) -> Option<Finished> {
        let connection = &mut self.connections[connection];
        connection.places.front()?.reply.as_ref()?;
        let Place { invoked, reply } = connection.places.pop_front()?;
        connection.first += 1;
        reply.map(|(returned, reply)| Finished { invoked, returned, reply })
    }

    /// True when no lock is held, no transaction is under way and no hop is either.
    pub fn is_quiet(&self) -> bool {
        self.queues.iter().all(VecDeque::is_empty)
            && self
                .workers
                .iter()
                .all(|worker| worker.shard.has_no_locks() && worker.coordinator.transactions() == 0)
    }

    /// Does one of the things that can happen next. False when nothing can.
    pub fn step_at_random(&mut self, random: &mut Random) -> bool {
        let queues = (0..self.queues.len()).filter(|&queue| !self.queues[queue].is_empty());
        let connections = (0..self.connections.len()).filter(|&at| self.connections[at].can_go_on());
        let connection_base = self.queues.len();
        let choices: Vec<usize> =
            queues.chain(connections.map(|connection| connection_base + connection)).collect();
        if choices.is_empty() {
            return false;
        }
        self.steps += 1;
        let choice = choices[random.below(choices.len())];
        if choice >= connection_base {
            self.go_on(choice - connection_base);
        } else if random.one_in(self.slowness[choice]) {
            self.arrive(choice / self.workers.len(), choice % self.workers.len());
        }
        true
    }

    /// Takes up the next request of a connection, or the one that had to wait.
    fn go_on(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let (command, args) = match std::mem::replace(&mut connection.waiting, Waiting::No) {
            Waiting::Barrier(command, args) => (command, args),
            Waiting::No | Waiting::Reply => match connection.requests.pop_front() {
                Some(request) => request,
                None => return,
            },
        };
        self.dispatch(index, command, args);
    }

    fn dispatch(&mut self, index: usize, command: &'static DataCommand, args: OwnedArgs) {
        let borrowed = args.as_args();
        if !command.spec.arity.accepts(borrowed.len()) {
            let mut reply = Reply::new(self.connections[index].resp3);
            reply.error(&CommandError::WrongArity(super::full_name(command).into()));
            let ticket = self.reserve(index);
            return self.fill(ticket, reply);
        }
        let mut positions = Vec::new();
        let owner = |slot: SlotId| self.owners[slot.index()];
        match route(&command.spec, command.spec.plan(), borrowed, owner, &mut positions) {
            Route::Txn(method) => self.start_txn(index, method, command, args),
            Route::Walk => self.start_walk(index, command, args),
            Route::Shard(_, None) if command.spec.has_keys() && self.connections[index].awaited > 0 => {
                self.connections[index].waiting = Waiting::Barrier(command, args);
            }
            Route::Shard(shard, slot) => {
                let shard = shard.unwrap_or(self.connections[index].worker);
                self.run_on_shard(index, shard, command, slot, borrowed);
            }
        }
    }

    fn run_on_shard(
        &mut self,
        index: usize,
        shard: ShardId,
        command: &'static DataCommand,
        slot: Option<SlotId>,
        args: Args<'_>,
    ) {
        let ticket = self.reserve(index);
        let resp3 = self.connections[index].resp3;
        let call = OwnedCall {
            command,
            db: self.connections[index].db,
            slot,
            client: ClientId(index as u64),
            touch: true,
            resp3,
            args: args.to_owned(),
        };
        if shard == ticket.worker {
            self.submit(shard, &call, ticket);
        } else {
            self.send(ticket.worker, shard, Hop::Command(call, ticket));
        }
    }

    fn start_txn(&mut self, index: usize, method: Method, command: &'static DataCommand, args: OwnedArgs) {
        if self.connections[index].awaited > 0 {
            self.connections[index].waiting = Waiting::Barrier(command, args);
            return;
        }
        self.events.transactions += 1;
        let ticket = self.reserve(index);
        let connection = &mut self.connections[index];
        connection.waiting = Waiting::Reply;
        let resp3 = connection.resp3;
        let call = OwnedCall {
            command,
            db: connection.db,
            slot: None,
            client: ClientId(index as u64),
            touch: true,
            resp3,
            args,
        };
        let shard_count = self.workers.len();
        let Worker { shard, coordinator, outbox } = &mut self.workers[ticket.worker.index()];
        let owner = |slot: SlotId| self.owners[slot.index()];
        let owners = Owners { owner: &owner, shard_count };
        coordinator.start(method, call, ticket, owners, shard, outbox);
        self.send_outbox(ticket.worker);
    }

    fn start_walk(&mut self, index: usize, command: &'static DataCommand, args: OwnedArgs) {
        if self.connections[index].awaited > 0 {
            self.connections[index].waiting = Waiting::Barrier(command, args);
            return;
        }
        let ticket = self.reserve(index);
        let connection = &mut self.connections[index];
        connection.waiting = Waiting::Reply;
        let (db, resp3) = (connection.db, connection.resp3);
        let client = ClientId(index as u64);
        let walk = Walk::new(OwnedCall { command, db, slot: None, client, touch: true, resp3, args });
        self.walk_on(ticket, walk);
    }

    /// Asks the next shard of a walk.
    fn walk_on(&mut self, ticket: Ticket, mut walk: Walk) {
        let (shard, call) = walk.ask(|slot| self.owners[slot.index()]);
        let call = call.clone();
        self.walks.push((ticket, walk));
        if shard == ticket.worker {
            self.submit(shard, &call, ticket);
        } else {
            self.send(ticket.worker, shard, Hop::Command(call, ticket));
        }
    }

    /// Runs a command on a shard's own worker, or lets it wait there.
    fn submit(&mut self, at: ShardId, call: &OwnedCall, ticket: Ticket) {
        let mut reply = Reply::new(call.resp3);
        if self.workers[at.index()].shard.submit(call.as_call(), || ticket, &mut reply) {
            self.deliver(at, ticket, reply);
        } else {
            self.events.parked += 1;
        }
    }

    fn arrive(&mut self, from: usize, to: usize) {
        let Some(hop) = self.queues[from * self.workers.len() + to].pop_front() else { return };
        let (from, to) = (ShardId(from as u16), ShardId(to as u16));
        match hop {
            Hop::Command(call, ticket) => self.submit(to, &call, ticket),
            Hop::Reply(ticket, reply) => self.fill(ticket, reply),
            Hop::Txn(message) => {
                self.handle_txn(from, to, message);
                self.send_outbox(to);
            }
        }
    }

    fn handle_txn(&mut self, from: ShardId, to: ShardId, message: TxnMessage) {
        match &message {
            TxnMessage::Refused(..) => self.events.refused += 1,
            TxnMessage::Cancel(_, Some(lent)) if !lent.entries.is_empty() => self.events.lent_in_vain += 1,
            _ => {}
        }
        let owner = |slot: SlotId| self.owners[slot.index()];
        let owners = Owners { owner: &owner, shard_count: self.workers.len() };
        let Worker { shard, coordinator, outbox } = &mut self.workers[to.index()];
        let replies = if message.is_for_coordinator() {
            coordinator.handle(from, message, owners, shard, outbox).into_iter().collect()
        } else {
            shard.handle_txn(from, message, outbox);
            shard.take_completed()
        };
        for (ticket, reply) in replies {
            self.deliver(to, ticket, reply);
        }
    }

    /// Sends a worker's messages; those to itself are handled at once, as the server does.
    fn send_outbox(&mut self, from: ShardId) {
        while !self.workers[from.index()].outbox.is_empty() {
            for (to, message) in std::mem::take(&mut self.workers[from.index()].outbox) {
                if to == from {
                    self.handle_txn(from, to, message);
                } else {
                    self.send(from, to, Hop::Txn(message));
                }
            }
        }
    }

    fn send(&mut self, from: ShardId, to: ShardId, hop: Hop) {
        let queue = from.index() * self.workers.len() + to.index();
        self.queues[queue].push_back(hop);
    }

    /// A reply that was made on worker `at`.
    fn deliver(&mut self, at: ShardId, ticket: Ticket, reply: Reply) {
        if ticket.worker == at {
            self.fill(ticket, reply);
        } else {
            self.send(at, ticket.worker, Hop::Reply(ticket, reply));
        }
    }

    /// A place for the reply to the request that goes to its shards now.
    fn reserve(&mut self, index: usize) -> Ticket {
        let connection = &mut self.connections[index];
        let seq = connection.first + connection.places.len() as u32;
        connection.places.push_back(Place { invoked: self.steps, reply: None });
        connection.awaited += 1;
        Ticket { worker: connection.worker, connection: index as u32, seq }
    }

    fn fill(&mut self, ticket: Ticket, mut reply: Reply) {
        if let Some(at) = self.walks.iter().position(|(of, _)| *of == ticket) {
            let (_, mut walk) = self.walks.swap_remove(at);
            match walk.answered(reply.bytes(), |slot| self.owners[slot.index()]) {
                Some(whole) => reply = whole,
                None => return self.walk_on(ticket, walk),
            }
        }
        let connection = &mut self.connections[ticket.connection as usize];
        let at = ticket.seq.checked_sub(connection.first).expect("no reply comes after one was taken");
        let place = connection.places.get_mut(at as usize).expect("a ticket has a place");
        assert!(place.reply.is_none(), "two replies for one request");
        place.reply = Some((self.steps, reply));
        connection.awaited -= 1;
    }
}

impl Connection {
    fn can_go_on(&self) -> bool {
        match self.waiting {
            Waiting::No => !self.requests.is_empty(),
            Waiting::Reply => self.awaited == 0 && !self.requests.is_empty(),
            Waiting::Barrier(..) => self.awaited == 0,
        }
    }
}
