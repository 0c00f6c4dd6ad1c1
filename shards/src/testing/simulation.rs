//! Transactions under a seeded scheduler: many clients on a simulated node, their histories judged.
//!
//! `SIM_SEEDS=n` runs so many seeds instead of the usual number, `SIM_SEED=s` runs the one seed that a
//! failure names, and both together so many from that one on (`make simulation SEED=s SEEDS=n`). What clients
//! do is in [`serial`], whose histories are searched for a serial order; in [`crowds`], too many for that,
//! whose sums and counts must be right; in [`blocking`], [`notices`] and [`credit`], about waiting, about
//! what is told of keys and about clients that do not read; and in [`effects`], from whose effects a second
//! key space is made. [`walks`] go over keys whose slots move, and [`messages`] are published to subscribers
//! who come and go. [`snapshots`] are taken meanwhile.

mod blocking;
mod credit;
mod crowds;
mod effects;
mod messages;
mod notices;
mod serial;
mod snapshots;
mod walks;

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use super::history::Operation;
use super::model::{Call, Words};
use super::node::{Events, Node, Request, SessionCommand};
use super::{elements, lookup, on_the_wire};
use crate::args::OwnedArgs;
use crate::effects::EffectGroup;
use crate::eviction::{EvictionConfig, EvictionOrder, EvictionPolicy, Meter};
use crate::random::Random;
use crate::reply::Reply;
use crate::router::slot_move::SlotMap;
use crate::slot::{ShardId, SlotId};

/// Steps for each request after which a simulation is taken to go in circles. A slow queue takes about 60 for
/// one hop.
const STEPS_MAX: usize = 2000;

/// What else happens while clients send requests: each once in so many rounds, or never with 0.
#[derive(Clone, Copy, Default)]
struct Churn {
    /// A slot with a key of the scene moves to another shard.
    moves: usize,
    /// The slots of the scene's keys are dealt to the first so many shards.
    deals: usize,
    /// The clocks go on by some milliseconds.
    ticks: usize,
    /// How often they do so at most.
    ticks_max: usize,
    /// A shard looks after keys whose time is over.
    expiry: usize,
    /// A shard evicts a key.
    eviction: usize,
    /// A client goes away, whatever it is about to do, and another one comes.
    closing: usize,
}

/// What kind of node and clients a seed makes.
struct Scene {
    node: Node,
    random: Random,
    keys: Vec<String>,
    clients: Vec<Client>,
    history: Vec<Operation<Call>>,
    churn: Churn,
    now_ms: u64,
    /// Connections that ask for slots to be moved.
    movers: Vec<usize>,
    /// The slots of the keys have been dealt to the first so many shards.
    dealt_to: Option<usize>,
    /// The effects of each shard, when they are recorded.
    effects: Vec<Vec<EffectGroup>>,
}

/// Which replies a client gets from now on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hears {
    All,
    AllButTheNext,
    None,
}

/// One for each connection.
struct Client {
    connection: usize,
    /// How many scripts it still sends.
    left: usize,
    /// The rest of the script that it is about.
    script: VecDeque<String>,
    /// It sends before all replies have come, up to so many requests.
    depth: usize,
    db: usize,
    /// Behind MULTI.
    queue: Option<Vec<(usize, Words)>>,
    /// There was a SELECT behind MULTI, and nobody knows whether it will have run.
    is_db_unsure: bool,
    /// Requests whose replies are missing: their places in the history, unless they are none of its
    /// operations, and whether there will be a reply.
    sent: Vec<(Option<usize>, bool)>,
    /// What it has said last about replies (CLIENT REPLY).
    hears: Hears,
    /// Indices into the history of all of its commands.
    all: Vec<usize>,
}

impl Scene {
    /// A node with so many shards and clients that send `scripts` scripts together.
    fn new(
        seed: u64,
        shards: RangeInclusive<usize>,
        key_count: usize,
        client_count: usize,
        scripts: usize,
    ) -> Scene {
        let mut random = Random::new(seed);
        let shard_count = shards.start() + random.below(shards.end() - shards.start() + 1);
        let mut node = Node::with_control_worker(shard_count, 512 << 20);
        node.set_now(super::START_MS);
        let slowness_max = [1, 4, 30][random.below(3)];
        node.slow_down(&mut random, slowness_max);
        let key_base = random.below(1000);
        let keys = (0..key_count).map(|index| format!("k{}", key_base + index)).collect();
        node.hold_replies([0, 3, 20][random.below(3)]);
        let depth_max = [1, 2, 4][random.below(3)];
        let worker_count = node.worker_count();
        let movers = (0..3).map(|_| node.connect(ShardId(random.below(worker_count) as u16))).collect();
        let clients = (0..client_count)
            .map(|_| {
                let connection = node.connect(ShardId(random.below(worker_count) as u16));
                Client::new(connection, scripts / client_count, 1 + random.below(depth_max))
            })
            .collect();
        let effects = vec![Vec::new(); worker_count];
        let (history, churn, now_ms) = (Vec::new(), Churn::default(), super::START_MS);
        Scene { node, random, keys, clients, history, churn, now_ms, movers, dealt_to: None, effects }
    }

    fn key(&mut self) -> String {
        self.keys[self.random.below(self.keys.len())].clone()
    }

    /// Gives the keys hash tags, by which they all lie in so many slots.
    fn put_into_slots(&mut self, slots: usize) {
        let tags = self.keys.clone();
        for (index, key) in self.keys.iter_mut().enumerate() {
            *key = format!("{{{}}}{index}", tags[index % slots]);
        }
    }

    fn shard(&mut self) -> ShardId {
        ShardId(self.random.below(self.node.shard_count()) as u16)
    }

    /// Lets clients send the scripts that `next` makes up and everything happen, in random order, until
    /// nothing more can.
    fn play(&mut self, mut next: impl FnMut(&mut Scene, usize) -> Vec<String>) {
        let scripts: usize = self.clients.iter().map(|client| client.left).sum();
        for step in 0.. {
            assert!(step < STEPS_MAX * scripts, "there is no end to it");
            let senders: Vec<usize> =
                (0..self.clients.len()).filter(|&at| self.clients[at].is_ready()).collect();
            if !senders.is_empty() {
                self.happen();
            }
            let sends = !senders.is_empty() && self.random.one_in(4);
            if sends || !self.node.step_at_random(&mut self.random) {
                if senders.is_empty() {
                    break;
                }
                let sender = senders[self.random.below(senders.len())];
                if self.clients[sender].is_ready() {
                    self.send_next(sender, &mut next);
                }
            }
            self.receive();
        }
        let starved = self.clients.iter().filter(|client| !client.sent.is_empty()).count();
        assert_eq!(starved, 0, "clients wait for ever");
        assert!(self.node.is_quiet(), "locks or transactions are left behind");
        if let Some(shards) = self.dealt_to.filter(|_| self.churn.moves == 0) {
            for key in &self.keys {
                let slot = SlotId::of(key.as_bytes());
                assert_eq!(self.node.owner(key.as_bytes()), SlotMap::dealt(slot, shards), "{key}");
            }
        }
    }

    fn send_next(&mut self, sender: usize, next: &mut impl FnMut(&mut Scene, usize) -> Vec<String>) {
        if self.clients[sender].script.is_empty() {
            let script = next(self, sender);
            self.clients[sender].left -= 1;
            self.clients[sender].script = script.into();
        }
        if let Some(line) = self.clients[sender].script.pop_front() {
            self.send(sender, &line);
        }
    }

    /// What happens besides requests.
    fn happen(&mut self) {
        let Churn { moves, deals, ticks, ticks_max, expiry, eviction, closing } = self.churn;
        let mut is_due = |once_in: usize| once_in > 0 && self.random.one_in(once_in);
        let (moves, deals, ticks, expiry) = (is_due(moves), is_due(deals), is_due(ticks), is_due(expiry));
        let (evicts, closes) = (is_due(eviction), is_due(closing));
        if moves {
            let (slot, to) = (SlotId::of(self.key().as_bytes()), self.shard());
            let mover = self.movers[self.random.below(self.movers.len())];
            self.node.ask(mover, Request::MoveSlot(slot, to));
        }
        if deals {
            let shards = 1 + self.random.below(self.node.shard_count());
            self.dealt_to = Some(shards);
            self.node.deal(shards, &self.keys);
        }
        if ticks && ticks_max > 0 {
            self.churn.ticks_max -= 1;
            self.tick();
        }
        if expiry {
            let shard = self.shard();
            self.node.shard_mut(shard).expire_some(1);
        }
        if evicts {
            self.evict();
        }
        if closes {
            let client = self.random.below(self.clients.len());
            self.replace(client);
        }
    }

    /// The clocks go on.
    fn tick(&mut self) {
        self.now_ms += 1 + self.random.below(6) as u64;
        let at = self.node.set_now(self.now_ms);
        for key in self.keys.clone() {
            self.note(Call::Clock(key, self.now_ms), at);
        }
    }

    /// One shard evicts one key, if it has any that may go. What goes is told by its effect.
    fn evict(&mut self) {
        self.collect_effects();
        let shard = self.shard();
        let before = self.effects[shard.index()].len();
        let policy = EvictionPolicy::AllKeys(EvictionOrder::Random);
        let at = self.node.set_now(self.now_ms);
        let evicting = self.node.shard_mut(shard);
        evicting.set_meter(Meter::PerKey(1));
        evicting.set_eviction(EvictionConfig { limit_bytes: 1, told_bytes_max: 0, policy, samples: 5 });
        evicting.set_elsewhere_bytes(1);
        evicting.evict_some(1);
        self.collect_effects();
        let groups = &self.effects[shard.index()][before..];
        let gone = groups.iter().flat_map(|group| &group.effects);
        let gone: Vec<_> = gone.map(|gone| (gone.db.index(), text(gone.args.as_args().get(1)))).collect();
        gone.into_iter().for_each(|(db, key)| self.note(Call::Evicted(db, key), at));
    }

    /// Something that happens in one step.
    fn note(&mut self, call: Call, at: u64) {
        self.history.push(Operation {
            call,
            reply: Vec::new(),
            invoked: at,
            returned: at,
            after: Vec::new(),
        });
    }

    /// A client goes away, and another one takes over what it had still to send.
    fn replace(&mut self, client: usize) {
        let old = &mut self.clients[client];
        if old.left == 0 {
            return;
        }
        let never = self.node.close(old.connection);
        old.sent.truncate(old.sent.len() - never);
        old.script.clear();
        let (left, depth) = (std::mem::take(&mut old.left), old.depth);
        let worker = self.shard();
        let connection = self.node.connect(worker);
        self.clients.push(Client::new(connection, left, depth));
    }

    /// Sends one line: a command, or what a session knows.
    fn send(&mut self, client: usize, line: &str) {
        let words: Words = line.split(' ').map(str::to_owned).collect();
        let args: OwnedArgs = words.iter().map(String::as_bytes).collect();
        let sender = &mut self.clients[client];
        let (connection, db) = (sender.connection, sender.db);
        let (request, call) = match words[0].as_str() {
            "MULTI" => {
                sender.queue = Some(Vec::new());
                (Request::Multi, None)
            }
            "EXEC" => {
                let queue = sender.queue.take().expect("EXEC comes behind MULTI");
                sender.is_db_unsure = queue.iter().any(|(_, words)| words[0] == "SELECT");
                (Request::Exec, Some(Call::Exec(connection, queue)))
            }
            "DISCARD" => {
                let queue = sender.queue.take().expect("DISCARD comes behind MULTI");
                sender.is_db_unsure = queue.iter().any(|(_, words)| words[0] == "SELECT");
                (Request::Discard, Some(Call::Unwatch(connection)))
            }
            "UNWATCH" => (Request::Unwatch, Some(Call::Unwatch(connection))),
            "WATCH" => {
                let keys = words[1..].iter().map(|key| (db, key.clone())).collect();
                (Request::Watch(args), Some(Call::Watch(connection, keys)))
            }
            "SELECT" => {
                sender.db = words[1].parse().expect("a database's number");
                if let Some(queue) = &mut sender.queue {
                    queue.push((db, words));
                }
                (Request::Session(SessionCommand::Select, args), None)
            }
            "PING" | "SURVEY" => {
                let is_ping = words[0] == "PING";
                let command = if is_ping { SessionCommand::Ping } else { SessionCommand::Survey };
                (Request::Session(command, args), sender.queued(db, words))
            }
            "REPLY" => {
                sender.hears = match words[1].as_str() {
                    "ON" => Hears::All,
                    "OFF" => Hears::None,
                    _ => Hears::AllButTheNext,
                };
                self.node.ask(connection, Request::Session(SessionCommand::Reply, args));
                return sender.sent.push((None, sender.hears == Hears::All));
            }
            _ => (Request::Data(lookup(args.as_args()), args), sender.queued(db, words)),
        };
        self.node.ask(connection, request);
        let place = call.map(|call| self.add(client, call));
        let sender = &mut self.clients[client];
        sender.sent.push((place, sender.hears == Hears::All));
        if sender.hears == Hears::AllButTheNext {
            sender.hears = Hears::All;
        }
        if std::mem::take(&mut self.clients[client].is_db_unsure) {
            self.send(client, &format!("SELECT {db}"));
        }
    }

    /// Adds an operation of a client to the history.
    fn add(&mut self, client: usize, call: Call) -> usize {
        let client = &mut self.clients[client];
        let earlier = client.all.iter().copied();
        let after = earlier.filter(|&at| comes_behind(&self.history[at].call, &call)).collect();
        client.all.push(self.history.len());
        self.history.push(Operation { call, reply: Vec::new(), invoked: 0, returned: 0, after });
        self.history.len() - 1
    }

    fn receive(&mut self) {
        for client in &mut self.clients {
            while let Some(finished) = self.node.take_reply(client.connection) {
                let reply = on_the_wire(&finished.reply);
                let (at, is_heard) = client.sent.remove(0);
                assert_eq!(!reply.is_empty(), is_heard, "a reply that was not wanted, or none that was");
                let Some(at) = at else {
                    assert!([&b""[..], b"+OK\r\n", b"+QUEUED\r\n"].contains(&&reply[..]), "{}", text(&reply));
                    continue;
                };
                let operation = &mut self.history[at];
                let is_keys = matches!(&operation.call, Call::Command(_, words) if words[0] == "KEYS");
                operation.reply =
                    if is_keys && !reply.is_empty() { in_order(&finished.reply) } else { reply };
                (operation.invoked, operation.returned) = (finished.invoked, finished.returned);
            }
        }
        for &mover in &self.movers {
            while self.node.take_reply(mover).is_some() {}
        }
    }

    /// Fetches what the shards have recorded.
    fn collect_effects(&mut self) {
        for (all, new) in self.effects.iter_mut().zip(self.node.take_effects()) {
            all.extend(new);
        }
    }

    /// Reads the whole node at the end, so that what was lost or left on the wrong shard comes into the
    /// history.
    fn read_all(&mut self, dbs: usize, counts: bool) {
        let reader = Client::new(self.node.connect(ShardId(0)), 0, 1);
        self.clients.push(reader);
        for db in 0..dbs {
            let mut lines = vec![format!("SELECT {db}")];
            lines.extend(self.keys.iter().map(|key| format!("GET {key}")));
            lines.extend(counts.then(|| "DBSIZE".to_owned()));
            for line in lines {
                self.send(self.clients.len() - 1, &line);
                while self.node.step_at_random(&mut self.random) {}
                self.receive();
            }
        }
    }

    /// The operations that were done: what closed connections had not begun is none.
    fn judged(&self) -> Vec<Operation<Call>> {
        let is_done = |at: usize| self.history[at].returned > 0;
        let mut places = vec![None; self.history.len()];
        let done = (0..self.history.len()).filter(|&at| is_done(at));
        done.enumerate().for_each(|(place, at)| places[at] = Some(place));
        let judged = self.history.iter().filter(|operation| operation.returned > 0).cloned();
        let moved = |operation: Operation<Call>| {
            let after = operation.after.iter().filter_map(|&at| places[at]).collect();
            Operation { after, ..operation }
        };
        judged.map(moved).collect()
    }

    /// What the commands of this name have replied outside of EXEC.
    fn replies(&self, name: &str) -> impl Iterator<Item = String> {
        let named = move |call: &Call| matches!(call, Call::Command(_, words) if words[0] == name);
        let done = self.history.iter().filter(move |done| done.returned > 0 && named(&done.call));
        done.map(|operation| text(&operation.reply))
    }

    /// What has happened.
    fn events(&self) -> Events {
        let is_exec = |call: &Call| matches!(call, Call::Exec(..));
        let broken = self.history.iter().filter(|done| is_exec(&done.call) && done.reply == b"*-1\r\n");
        Events { broken_watches: broken.count(), ..self.node.events() }
    }

    /// The history in the order in which its operations began.
    fn told(&self) -> String {
        let mut operations = self.judged();
        operations.sort_by_key(|operation| operation.invoked);
        let line = |operation: &Operation<Call>| {
            let Operation { call, reply, invoked, returned, .. } = operation;
            format!("{invoked:>5} {returned:>5}  {call:?} -> {}\n", reply.escape_ascii())
        };
        operations.iter().map(line).collect()
    }
}

impl Client {
    fn new(connection: usize, left: usize, depth: usize) -> Client {
        Client {
            connection,
            left,
            script: VecDeque::new(),
            depth,
            db: 0,
            queue: None,
            is_db_unsure: false,
            sent: Vec::new(),
            hears: Hears::All,
            all: Vec::new(),
        }
    }

    /// Keeps a command that is queued behind MULTI. If there was none it is an operation of its own.
    fn queued(&mut self, db: usize, words: Words) -> Option<Call> {
        match &mut self.queue {
            Some(queue) => queue.push((db, words)),
            None => return Some(Call::Command(db, words)),
        }
        None
    }

    fn is_ready(&self) -> bool {
        (self.left > 0 || !self.script.is_empty()) && self.sent.len() < self.depth
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An array of bulk strings with its elements in order.
fn in_order(reply: &Reply) -> Vec<u8> {
    let mut keys = elements(reply);
    keys.sort();
    let mut ordered = Reply::default();
    ordered.array(keys.len());
    keys.iter().for_each(|key| ordered.bulk(key.as_bytes()));
    on_the_wire(&ordered)
}

/// The keys of the commands that are simulated.
fn keys_of(call: &[String]) -> impl Iterator<Item = &String> {
    let (start, end, step) = match call[0].as_str() {
        "MSET" | "MSETNX" => (1, call.len(), 2),
        "MGET" | "DEL" | "EXISTS" => (1, call.len(), 1),
        "BITOP" => (2, call.len(), 1),
        "LCS" | "RENAME" | "COPY" => (1, 3, 1),
        "DBSIZE" | "FLUSHALL" | "FLUSHDB" | "SWAPDB" | "KEYS" | "PING" | "SURVEY" => (1, 1, 1),
        _ => (1, 2, 1),
    };
    call[start..end].iter().step_by(step)
}

/// What a request concerns, as far as the order of a pipeline depends on it.
enum Concern {
    /// Nothing: it has no place among the others.
    Nothing,
    /// These slots.
    Slots(Vec<SlotId>),
    /// All that its connection does: EXEC, WATCH, and commands on all keys.
    Everything,
}

impl Concern {
    fn of(call: &Call) -> Concern {
        match call {
            Call::Command(_, words) => match words[0].as_str() {
                "PING" | "SURVEY" => Concern::Nothing,
                "DBSIZE" | "FLUSHALL" | "FLUSHDB" | "SWAPDB" | "KEYS" => Concern::Everything,
                _ => {
                    let mut slots: Vec<SlotId> =
                        keys_of(words).map(|key| SlotId::of(key.as_bytes())).collect();
                    slots.sort();
                    slots.dedup();
                    Concern::Slots(slots)
                }
            },
            Call::Exec(..) | Call::Watch(..) => Concern::Everything,
            Call::Unwatch(_) | Call::Clock(..) | Call::Evicted(..) => Concern::Nothing,
        }
    }
}

/// True for a request that must not overtake an earlier one of the same connection: whatever shares a slot
/// keeps its order, and what concerns several slots comes behind all that was sent before, wherever the keys
/// lie. What was sent behind such a command may overtake it elsewhere, as it may be a command for one shard;
/// a transaction lets nothing pass.
fn comes_behind(earlier: &Call, later: &Call) -> bool {
    match (Concern::of(earlier), Concern::of(later)) {
        (Concern::Nothing, _) | (_, Concern::Nothing) => false,
        (Concern::Everything, _) | (_, Concern::Everything) => true,
        (Concern::Slots(earlier), Concern::Slots(later)) => {
            later.len() > 1 || later.iter().any(|slot| earlier.contains(slot))
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how much a test does may come from outside; a shard is not asked"
)]
fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text}")))
}

/// Runs a scenario with many seeds, names the first one that fails, and returns what happened in all of them.
fn for_each_seed(test: &str, seeds: u64, scenario: fn(u64) -> Events) -> Option<Events> {
    let first = from_environment("SIM_SEED");
    let count = from_environment("SIM_SEEDS").unwrap_or(if first.is_some() { 1 } else { seeds });
    let mut sum = Events::default();
    let start = first.unwrap_or(0);
    for seed in start..start.saturating_add(count) {
        let outcome = std::panic::catch_unwind(|| scenario(seed));
        let Ok(events) = outcome else {
            panic!("seed {seed} fails: SIM_SEED={seed} cargo test -p shards testing::simulation::{test}");
        };
        sum.add(&events);
    }
    (first.is_none() && count >= seeds).then_some(sum)
}
