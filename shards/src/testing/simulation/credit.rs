//! Clients that ask for large replies and hardly read them, under a seeded scheduler: shards make no more
//! replies for such a client than its credit allows, and what waits for credit waits in order. Slots move
//! meanwhile, clients go away in the middle, and the way between two workers is narrow.

use std::ops::Range;

use super::super::node::{Events, Node, Request};
use super::super::{START_MS, lookup, on_the_wire};
use super::for_each_seed;
use crate::args::OwnedArgs;
use crate::random::Random;
use crate::slot::{ShardId, SlotId};
use crate::txn::credit::CREDIT_BYTES;

/// Steps after which a simulation is taken to go in circles.
const STEPS_MAX: usize = 100_000;
/// Bytes of a large value: the third is more than the credit.
const LARGE_BYTES: usize = CREDIT_BYTES * 2 / 5;
/// Keys whose slots move. There is one more, whose slot stays.
const KEYS: usize = 3;
const REQUESTS: usize = 40;
/// Requests that a client sends before it reads their replies.
const DEPTH: usize = 12;

/// What a client is to get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expected {
    Large,
    /// What its own counter beside one of the keys shows.
    Count(usize),
    /// How many of the large keys are there.
    All,
}

struct Client {
    connection: usize,
    /// The keys that it asks for: one of them, or any that may move.
    keys: Range<usize>,
    left: usize,
    expected: Vec<Expected>,
    counts: [usize; KEYS + 1],
    is_gone: bool,
}

struct Scene {
    node: Node,
    random: Random,
    base: usize,
    clients: Vec<Client>,
    mover: usize,
    moves: bool,
}

impl Scene {
    fn new(seed: u64) -> Scene {
        let mut random = Random::new(seed);
        let shards = 1 + random.below(3);
        let mut node = Node::with_control_worker(shards, 512 << 20);
        node.set_now(START_MS);
        node.slow_down(&mut random, [1, 4, 30][seed as usize % 3]);
        let base = random.below(1000);
        let mover = node.connect(ShardId(0));
        for key in 0..=KEYS {
            let args: OwnedArgs =
                [b"SET", format!("{{k{}}}", base + key).as_bytes(), &vec![b'x'; LARGE_BYTES][..]]
                    .into_iter()
                    .collect();
            node.request(mover, lookup(args.as_args()), args);
        }
        while node.step_at_random(&mut random) {}
        node.limit_room([usize::MAX, 3][seed as usize / 2 % 2]);
        node.hold_replies([0, 10][seed as usize / 4 % 2]);
        let mut scene = Scene { node, random, base, clients: Vec::new(), mover, moves: seed % 2 == 1 };
        (0..3).for_each(|_| scene.connect(0..KEYS, REQUESTS));
        scene.connect(KEYS..KEYS + 1, REQUESTS);
        scene
    }

    fn slot(&self, key: usize) -> SlotId {
        SlotId::of(format!("{{k{}}}", self.base + key).as_bytes())
    }

    fn connect(&mut self, keys: Range<usize>, left: usize) {
        let worker = ShardId(self.random.below(self.node.worker_count()) as u16);
        let connection = self.node.connect(worker);
        self.clients.push(Client {
            connection,
            keys,
            left,
            expected: Vec::new(),
            counts: [0; KEYS + 1],
            is_gone: false,
        });
    }

    fn send(&mut self, which: usize) {
        let client = &mut self.clients[which];
        let key = client.keys.start + self.random.below(client.keys.len());
        let name = format!("{{k{}}}", self.base + key);
        let (line, expected) = match self.random.below(20) {
            0 if client.keys.len() > 1 => {
                let keys: Vec<String> = (0..KEYS).map(|key| format!("{{k{}}}", self.base + key)).collect();
                (format!("EXISTS {}", keys.join(" ")), Expected::All)
            }
            0..=11 => (format!("GET {name}"), Expected::Large),
            _ => {
                client.counts[key] += 1;
                (format!("INCR {name}:{which}"), Expected::Count(client.counts[key]))
            }
        };
        client.left -= 1;
        client.expected.push(expected);
        let args: OwnedArgs = line.split(' ').collect();
        self.node.request(client.connection, lookup(args.as_args()), args);
    }

    /// The client reads one reply. False when none is there.
    fn read(&mut self, which: usize) -> bool {
        let client = &mut self.clients[which];
        if client.is_gone {
            return false;
        }
        let Some(finished) = self.node.take_reply(client.connection) else { return false };
        let reply = on_the_wire(&finished.reply);
        match client.expected.remove(0) {
            Expected::Large => {
                let header = format!("${LARGE_BYTES}\r\n");
                assert!(reply.starts_with(header.as_bytes()), "{}", reply[..20].escape_ascii());
            }
            Expected::Count(count) => assert_eq!(reply, format!(":{count}\r\n").as_bytes()),
            Expected::All => assert_eq!(reply, format!(":{KEYS}\r\n").as_bytes()),
        }
        true
    }

    fn happen(&mut self) {
        let which = self.random.below(self.clients.len());
        match self.random.below(60) {
            0 | 1 if self.moves => {
                let key = self.random.below(KEYS);
                let slot = self.slot(key);
                let to = ShardId(self.random.below(self.node.shard_count()) as u16);
                self.node.ask(self.mover, Request::MoveSlot(slot, to));
            }
            3 if self.moves => {
                let keys: Vec<String> = (0..KEYS).map(|key| format!("{{k{}}}", self.base + key)).collect();
                self.node.deal(1 + self.random.below(self.node.shard_count()), &keys);
            }
            2 if self.clients[which].left > 0 => {
                self.node.close(self.clients[which].connection);
                let left = std::mem::take(&mut self.clients[which].left);
                self.clients[which].expected.clear();
                self.clients[which].is_gone = true;
                self.connect(self.clients[which].keys.clone(), left);
            }
            _ => {}
        }
    }

    /// A slot that leaves does not wait for clients that do not read; but clients of other slots still have
    /// to.
    fn assert_that_nobody_owes_too_much(&self) {
        let moves = |key: usize| self.moves && (0..KEYS).any(|other| self.slot(other) == self.slot(key));
        let is_bound = |client: &&Client| !client.expected.is_empty() && !client.keys.clone().any(moves);
        for client in self.clients.iter().filter(is_bound) {
            for shard in 0..self.node.shard_count() {
                let unread_bytes = self.node.unread_bytes(client.connection, ShardId(shard as u16));
                assert!(unread_bytes < CREDIT_BYTES + LARGE_BYTES + 100, "{unread_bytes} bytes are unread");
            }
        }
    }

    fn play(mut self) -> Events {
        for step in 0.. {
            assert!(step < STEPS_MAX, "there is no end to it");
            while self.node.take_reply(self.mover).is_some() {}
            let is_sending = |client: &Client| client.left > 0 && client.expected.len() < DEPTH;
            let senders: Vec<usize> =
                (0..self.clients.len()).filter(|&at| is_sending(&self.clients[at])).collect();
            if !senders.is_empty() && self.random.one_in(3) {
                let sender = senders[self.random.below(senders.len())];
                self.send(sender);
                self.happen();
            } else if self.random.one_in(30) {
                let reader = self.random.below(self.clients.len());
                self.read(reader);
            } else if !self.node.step_at_random(&mut self.random) {
                // Nobody can go on before somebody reads.
                let has_read = (0..self.clients.len()).filter(|&at| self.read(at)).count() > 0;
                if !has_read && senders.is_empty() {
                    break;
                }
            }
            self.assert_that_nobody_owes_too_much();
        }
        assert!(self.clients.iter().all(|client| client.expected.is_empty()), "clients wait for ever");
        assert!(self.node.is_quiet(), "commands or transactions are left behind");
        self.node.events()
    }
}

fn clients_that_do_not_read_get_no_more(seed: u64) -> Events {
    Scene::new(seed).play()
}

#[test]
fn who_does_not_read_is_made_no_more_replies_and_gets_them_all_in_order() {
    let test = "credit::who_does_not_read_is_made_no_more_replies_and_gets_them_all_in_order";
    if let Some(events) = for_each_seed(test, 200, clients_that_do_not_read_get_no_more) {
        assert!(events.parked > 2000 && events.ready > 2000, "{events:?}");
        assert!(events.moves > 100 && events.awaited_slot > 20, "{events:?}");
        assert!(events.closed_busy > 50 && events.transactions > 100, "{events:?}");
    }
}
