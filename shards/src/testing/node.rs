//! A node in one thread: several shards with their coordinators, clients' connections, and between each pair of
//! workers a queue that delivers when it is told to.
//!
//! It sends commands where `dispatch` of the server sends them, keeps connections waiting where it does
//! ([`dispatch`](self::dispatch)), and hands slots over as it does ([`moves`]). What is random is the choice of what happens
//! next ([`Node::step_at_random`]): the next hop of some pair arrives, some connection goes on, or some worker looks
//! after the slots that leave it. It knows how commands are routed, but not what any command does.

mod blocking;
mod dispatch;
mod moves;
mod owners;

use std::collections::VecDeque;

use crate::args::OwnedArgs;
use crate::command::DataCommand;
use crate::effects::Group;
use crate::key::DbIndex;
use crate::notify::{Classes, Notice};
use crate::random::Random;
use crate::reply::Reply;
use crate::router::coordinator::{Coordinator, Owners};
use crate::router::slot_move::{MoveMessage, SlotMap, SlotMoves};
use crate::shard::{Shard, ShardConfig};
use crate::slot::{ShardId, SlotId};
use crate::testing::registry;
use crate::txn::{Keys, Outbox, OwnedCall, Ticket, TxnMessage, Watched};
use crate::walk::Walk;

/// Steps between two looks at what waits. To look costs as much as some steps.
const STEPS_PER_LOOK: u64 = 7;

/// What one worker sends another.
enum Hop {
    Command(OwnedCall, Ticket),
    Reply(Ticket, Reply),
    Txn(Box<TxnMessage>),
    Move(MoveMessage),
    Notices(Vec<Notice>),
}

/// One per shard.
struct Worker {
    shard: Shard,
    coordinator: Coordinator,
    outbox: Outbox,
    slots: SlotMoves,
    /// Keys in slots on their way that clients watch no more.
    unwatch_later: Vec<Watched>,
    /// Walks from shard to shard, by the tickets of their clients.
    walks: Vec<(Ticket, Walk)>,
    /// Walks that have come to a slot that is on its way.
    walks_later: Vec<(Ticket, Walk)>,
}

/// What a client asks for.
pub enum Request {
    /// A command on keys.
    Data(&'static DataCommand, OwnedArgs),
    /// MULTI
    Multi,
    /// EXEC
    Exec,
    /// DISCARD
    Discard,
    /// WATCH, with its name and keys.
    Watch(OwnedArgs),
    /// UNWATCH
    Unwatch,
    /// SELECT. Behind MULTI it concerns what is queued after it, and is no element of the reply of EXEC.
    Select(DbIndex),
    /// DEBUG SLOT-MOVE
    MoveSlot(SlotId, ShardId),
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
    Barrier(Request),
    /// For the reply of a transaction.
    Reply,
    /// For a slot to arrive; then this request is taken up again. True when one has.
    Slot(Request, bool),
}

/// A client's connection, bound to a worker.
struct Connection {
    worker: ShardId,
    resp3: bool,
    db: DbIndex,
    /// Behind MULTI.
    queue: Option<Vec<(&'static DataCommand, DbIndex, OwnedArgs)>>,
    watched: Keys,
    requests: VecDeque<Request>,
    /// Requests that have been taken up, from the oldest one whose reply has not been taken.
    places: VecDeque<Place>,
    /// The number of the first place.
    first: u32,
    /// How many replies are missing.
    awaited: usize,
    waiting: Waiting,
    life: Life,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Open,
    /// The client has gone; what is under way goes on.
    Closed,
    /// Nothing is left of it on any shard.
    Dropped,
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
    /// EXEC on one shard at once, without a transaction.
    pub direct_execs: usize,
    /// EXEC that did not run because of WATCH.
    pub broken_watches: usize,
    /// Locks granted.
    pub grants: usize,
    /// Locks refused.
    pub refused: usize,
    /// Lent entries that came home unused.
    pub lent_in_vain: usize,
    /// Commands that had to wait for a lock.
    pub parked: usize,
    /// Slots that have left and arrived, and requests to move one that were refused.
    pub moves: usize,
    /// Requests to move a slot that was being moved already.
    pub refused_moves: usize,
    /// Requests that had to wait for a slot.
    pub awaited_slot: usize,
    /// Transactions that had to wait for a slot.
    pub deferred: usize,
    /// Connections that were closed with requests under way.
    pub closed_busy: usize,
    /// Keys that were removed because their time was over.
    pub expired: usize,
}

impl Events {
    /// Adds what has happened elsewhere.
    pub fn add(&mut self, other: &Events) {
        self.transactions += other.transactions;
        self.direct_execs += other.direct_execs;
        self.broken_watches += other.broken_watches;
        self.grants += other.grants;
        self.refused += other.refused;
        self.lent_in_vain += other.lent_in_vain;
        self.parked += other.parked;
        self.moves += other.moves;
        self.refused_moves += other.refused_moves;
        self.awaited_slot += other.awaited_slot;
        self.deferred += other.deferred;
        self.closed_busy += other.closed_busy;
        self.expired += other.expired;
    }
}

/// Shards, coordinators, connections and what is on its way between them.
pub struct Node {
    workers: Vec<Worker>,
    /// Hops from worker `i` to worker `k` at `i * workers + k`.
    queues: Vec<VecDeque<Hop>>,
    /// How slow each queue is: it delivers once in so many times that it is chosen.
    slowness: Vec<usize>,
    connections: Vec<Connection>,
    /// The worker that is told of all that happens to keys, if there is one, and what it has been told.
    witness: Option<ShardId>,
    witnessed: Vec<Notice>,
    steps: u64,
    events: Events,
}

/// One of the things that can happen next.
enum Choice {
    Arrive(usize),
    GoOn(usize),
    Drop(usize),
    AdvanceMoves(usize),
    Serve(usize),
}

impl Node {
    /// A node of this many empty shards, with 16 databases and the given proto-max-bulk-len in bytes.
    pub fn new(shard_count: usize, string_len_max: usize) -> Node {
        let map = SlotMap::dealt_to(shard_count);
        let worker = |index: usize| {
            let id = ShardId(index as u16);
            let config = ShardConfig {
                id,
                databases: 16,
                hash_seeds: [1, 2, 3, 4],
                random_seed: index as u64,
                string_len_max,
                registry: registry(),
            };
            let mut shard = Shard::new(&config);
            shard.set_owned(map.owned_by(id));
            Worker {
                shard,
                coordinator: Coordinator::new(id),
                outbox: Outbox::new(),
                slots: SlotMoves::new(id, shard_count, map.clone()),
                unwatch_later: Vec::new(),
                walks: Vec::new(),
                walks_later: Vec::new(),
            }
        };
        Node {
            workers: (0..shard_count).map(worker).collect(),
            queues: (0..shard_count * shard_count).map(|_| VecDeque::new()).collect(),
            slowness: vec![1; shard_count * shard_count],
            connections: Vec::new(),
            witness: None,
            witnessed: Vec::new(),
            steps: 0,
            events: Events::default(),
        }
    }

    /// Makes some pairs of workers slow, each by a factor of its own.
    pub fn slow_down(&mut self, random: &mut Random, factor_max: usize) {
        self.slowness.fill_with(|| 1 + random.below(factor_max));
    }

    /// Tells all shards the time, in milliseconds since 1970: the server's workers read the same clock before all that
    /// they do. Returns the step in which it happens.
    pub fn set_now(&mut self, now_ms: u64) -> u64 {
        self.steps += 1;
        self.workers.iter_mut().for_each(|worker| worker.shard.set_now(now_ms));
        self.steps
    }

    /// The number of shards.
    pub fn shard_count(&self) -> usize {
        self.workers.len()
    }

    /// A shard of the node.
    pub fn shard(&self, id: ShardId) -> &Shard {
        &self.workers[id.index()].shard
    }

    /// The same, to be changed.
    pub fn shard_mut(&mut self, id: ShardId) -> &mut Shard {
        &mut self.workers[id.index()].shard
    }

    /// The shard that owns a key, as the first worker knows it.
    pub fn owner(&self, key: &[u8]) -> ShardId {
        self.workers[0].slots.owner(SlotId::of(key))
    }

    /// What has happened so far.
    pub fn events(&self) -> Events {
        let expired = self.workers.iter().map(|worker| worker.shard.env().expired_keys as usize).sum();
        Events { expired, ..self.events }
    }

    /// Starts the recording of effects on all shards.
    pub fn listen_to_effects(&mut self) {
        self.workers.iter_mut().for_each(|worker| worker.shard.listen_to_effects(true));
    }

    /// The effects since the last call, each shard's in its order.
    pub fn take_effects(&mut self) -> Vec<Vec<Group>> {
        self.workers.iter_mut().map(|worker| worker.shard.take_effects()).collect()
    }

    /// From now on this worker has a client that is told of what happens to keys, for these letters of
    /// `notify-keyspace-events`.
    pub fn subscribe(&mut self, worker: ShardId, letters: &[u8]) {
        self.witness = Some(worker);
        let classes = Classes::of_letters(letters);
        self.workers.iter_mut().for_each(|worker| worker.shard.ask_for_notices(classes));
    }

    /// What that client has been told since the last call, in the order in which it came there.
    pub fn take_witnessed(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.witnessed)
    }

    /// Sends what has happened on a shard and may be told, as the server's `publish_notices` does.
    fn publish_notices(&mut self, worker: usize) {
        let Some(witness) = self.witness else { return };
        let Worker { shard, slots, .. } = &mut self.workers[worker];
        let noted = shard.take_notices().into_iter();
        let (now, early) = noted.partition(|notice| slots.may_tell(SlotId::of(&notice.key)));
        shard.put_notices_back(early);
        match ShardId(worker as u16) {
            _ if now.is_empty() => {}
            own if own == witness => self.witnessed.extend(now),
            from => self.send(from, witness, Hop::Notices(now)),
        }
    }

    /// A new connection to a worker; the number that names it.
    pub fn connect(&mut self, worker: ShardId) -> usize {
        self.connections.push(Connection {
            worker,
            resp3: false,
            db: DbIndex::default(),
            queue: None,
            watched: Keys::default(),
            requests: VecDeque::new(),
            places: VecDeque::new(),
            first: 0,
            awaited: 0,
            waiting: Waiting::No,
            life: Life::Open,
        });
        self.connections.len() - 1
    }

    /// The client goes away. What has been taken up goes on, as on the server. Returns how many requests, the last ones,
    /// never will be.
    pub fn close(&mut self, connection: usize) -> usize {
        let connection = &mut self.connections[connection];
        let mut left = std::mem::take(&mut connection.requests).len();
        if matches!(connection.waiting, Waiting::Barrier(_) | Waiting::Slot(..)) {
            connection.waiting = Waiting::No;
            left += 1;
        }
        self.events.closed_busy += usize::from(connection.awaited > 0);
        connection.queue = None;
        connection.life = Life::Closed;
        left
    }

    /// Chooses the protocol version of replies to requests that are taken up from now on.
    pub fn set_resp3(&mut self, connection: usize, resp3: bool) {
        self.connections[connection].resp3 = resp3;
    }

    /// Chooses the database of requests that are taken up from now on.
    pub fn set_db(&mut self, connection: usize, db: DbIndex) {
        self.connections[connection].db = db;
    }

    /// The client sends a command on keys.
    pub fn request(&mut self, connection: usize, command: &'static DataCommand, args: OwnedArgs) {
        self.ask(connection, Request::Data(command, args));
    }

    /// The client sends a request of any kind.
    pub fn ask(&mut self, connection: usize, request: Request) {
        self.connections[connection].requests.push_back(request);
    }

    /// The client reads its next reply, if it has come and all before it have.
    pub fn take_reply(&mut self, connection: usize) -> Option<Finished> {
        let connection = &mut self.connections[connection];
        connection.places.front()?.reply.as_ref()?;
        let Place { invoked, reply } = connection.places.pop_front()?;
        connection.first += 1;
        reply.map(|(returned, reply)| Finished { invoked, returned, reply })
    }

    /// True when no lock is held, nothing is under way and nothing waits.
    pub fn is_quiet(&self) -> bool {
        let is_quiet = |worker: &Worker| {
            worker.shard.has_no_locks()
                && worker.coordinator.transactions() == 0
                && !worker.slots.is_busy()
                && worker.walks.is_empty()
                && worker.walks_later.is_empty()
                && worker.unwatch_later.is_empty()
        };
        self.assert_that_all_have_owners();
        self.queues.iter().all(VecDeque::is_empty) && self.workers.iter().all(is_quiet)
    }

    /// Does one of the things that can happen next. False when nothing can.
    pub fn step_at_random(&mut self, random: &mut Random) -> bool {
        let mut choices: Vec<Choice> = Vec::new();
        let queues = (0..self.queues.len()).filter(|&queue| !self.queues[queue].is_empty());
        choices.extend(queues.map(Choice::Arrive));
        for (index, connection) in self.connections.iter().enumerate() {
            if connection.can_go_on() {
                choices.push(Choice::GoOn(index));
            } else if connection.life == Life::Closed && connection.awaited == 0 {
                choices.push(Choice::Drop(index));
            }
        }
        let busy = (0..self.workers.len()).filter(|&worker| self.workers[worker].slots.is_busy());
        choices.extend(busy.map(Choice::AdvanceMoves));
        choices.extend((0..self.workers.len()).filter(|&worker| self.has_served(worker)).map(Choice::Serve));
        if choices.is_empty() {
            return false;
        }
        self.steps += 1;
        match choices[random.below(choices.len())] {
            Choice::GoOn(index) => self.go_on(index),
            Choice::Drop(index) => {
                self.connections[index].life = Life::Dropped;
                self.unwatch(index);
            }
            Choice::AdvanceMoves(worker) => self.advance_moves(worker),
            Choice::Serve(worker) => self.serve_blocked(worker),
            Choice::Arrive(queue) if random.one_in(self.slowness[queue]) => {
                self.arrive(queue / self.workers.len(), queue % self.workers.len());
            }
            Choice::Arrive(_) => {}
        }
        (0..self.workers.len()).for_each(|worker| self.publish_notices(worker));
        if self.steps.is_multiple_of(STEPS_PER_LOOK) {
            self.assert_that_all_have_owners();
        }
        true
    }

    fn arrive(&mut self, from: usize, to: usize) {
        let Some(hop) = self.queues[from * self.workers.len() + to].pop_front() else { return };
        let (from, to) = (ShardId(from as u16), ShardId(to as u16));
        match hop {
            Hop::Command(call, ticket) => self.submit(to, &call, ticket),
            Hop::Reply(ticket, reply) => self.fill(ticket, reply),
            Hop::Txn(message) => {
                self.handle_txn(from, to, *message);
                self.send_outbox(to);
            }
            Hop::Move(message) => self.take_move(from, to, message),
            Hop::Notices(notices) => self.witnessed.extend(notices),
        }
    }

    /// Runs a command on a shard's own worker, or lets it wait there.
    fn submit(&mut self, at: ShardId, call: &OwnedCall, ticket: Ticket) {
        let mut reply = Reply::new(call.caller.resp3);
        if self.workers[at.index()].shard.submit(call.as_call(), || ticket, &mut reply) {
            self.deliver(at, ticket, reply);
        } else {
            self.events.parked += 1;
        }
    }

    /// Lets a worker's coordinator act, and sends what it has to say.
    fn with_coordinator<R>(
        &mut self,
        worker: ShardId,
        act: impl FnOnce(&mut Coordinator, Owners<'_>, &mut Shard, &mut Outbox) -> R,
    ) -> R {
        let shard_count = self.workers.len();
        let Worker { shard, coordinator, outbox, slots, .. } = &mut self.workers[worker.index()];
        let deferred = coordinator.deferred();
        let result =
            act(coordinator, Owners { owner: &|slot| slots.owner(slot), shard_count }, shard, outbox);
        self.events.deferred += coordinator.deferred().saturating_sub(deferred);
        result
    }

    fn handle_txn(&mut self, from: ShardId, to: ShardId, message: TxnMessage) {
        match &message {
            TxnMessage::Refused(..) => self.events.refused += 1,
            TxnMessage::Granted(..) => self.events.grants += 1,
            TxnMessage::Cancel(_, Some(lent)) if !lent.entries.is_empty() => self.events.lent_in_vain += 1,
            _ => {}
        }
        let replies = if message.is_for_coordinator() {
            let handle =
                |coordinator: &mut Coordinator, owners: Owners<'_>, shard: &mut Shard, out: &mut _| {
                    coordinator.handle(from, message, owners, shard, out)
                };
            self.with_coordinator(to, handle).into_iter().collect()
        } else {
            let Worker { shard, outbox, .. } = &mut self.workers[to.index()];
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
                    self.send(from, to, Hop::Txn(Box::new(message)));
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

    /// A reply has come to the worker that has the connection. What is only one shard's answer to a walk takes the walk
    /// on.
    fn fill(&mut self, ticket: Ticket, mut reply: Reply) {
        let Worker { walks, slots, .. } = &mut self.workers[ticket.worker.index()];
        if let Some(at) = walks.iter().position(|(of, _)| *of == ticket) {
            let (_, mut walk) = walks.swap_remove(at);
            match walk.answered(reply.bytes(), |slot| slots.owner(slot)) {
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
            Waiting::Barrier(_) => self.awaited == 0,
            Waiting::Slot(_, has_arrived) => has_arrived,
        }
    }
}
