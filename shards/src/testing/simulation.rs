//! Transactions under a seeded scheduler: many clients on a simulated node, their histories judged.
//!
//! `SIM_SEEDS=n` runs so many seeds instead of the usual number, `SIM_SEED=s` runs the one seed that a failure names.

use super::history::{Operation, serial_order};
use super::lookup;
use super::model::Model;
use super::node::{Events, Node};
use super::on_the_wire;
use crate::args::OwnedArgs;
use crate::random::Random;
use crate::slot::{ShardId, SlotId};

type Words = Vec<String>;

/// Steps for each request after which a simulation is taken to go in circles. A slow queue takes about 60 for one hop.
const STEPS_MAX: usize = 2000;

/// What kind of node and clients a seed makes.
struct Scene {
    node: Node,
    random: Random,
    keys: Vec<String>,
    clients: Vec<Client>,
    history: Vec<Operation<Words>>,
}

/// One for each connection.
struct Client {
    connection: usize,
    /// How many requests it still sends.
    left: usize,
    /// It sends before all replies have come, up to so many requests.
    depth: usize,
    /// Indices into the history of requests whose replies are missing.
    sent: Vec<usize>,
    /// Indices into the history of all of them.
    all: Vec<usize>,
}

impl Scene {
    /// A node with up to `shards_max` shards and clients that send `requests` requests together.
    fn new(seed: u64, shards_max: usize, key_count: usize, client_count: usize, requests: usize) -> Scene {
        let mut random = Random::new(seed);
        let shard_count = 2 + random.below(shards_max - 1);
        let mut node = Node::new(shard_count, 512 << 20);
        node.set_now(super::START_MS);
        let slowness_max = [1, 4, 30][random.below(3)];
        node.slow_down(&mut random, slowness_max);
        let key_base = random.below(1000);
        let keys = (0..key_count).map(|index| format!("k{}", key_base + index)).collect();
        let depth_max = [1, 2, 4][random.below(3)];
        let clients = (0..client_count)
            .map(|_| Client {
                connection: node.connect(ShardId(random.below(shard_count) as u16)),
                left: requests / client_count,
                depth: 1 + random.below(depth_max),
                sent: Vec::new(),
                all: Vec::new(),
            })
            .collect();
        Scene { node, random, keys, clients, history: Vec::new() }
    }

    fn key(&mut self) -> String {
        self.keys[self.random.below(self.keys.len())].clone()
    }

    /// Lets clients send what `next` makes up and everything happen, in random order, until nothing more can.
    fn play(&mut self, mut next: impl FnMut(&mut Scene, usize) -> String) {
        let requests: usize = self.clients.iter().map(|client| client.left).sum();
        for step in 0.. {
            assert!(step < STEPS_MAX * requests, "there is no end to it");
            let ready = |client: &Client| client.left > 0 && client.sent.len() < client.depth;
            let senders: Vec<usize> =
                (0..self.clients.len()).filter(|&at| ready(&self.clients[at])).collect();
            let sends = !senders.is_empty() && self.random.one_in(4);
            if sends || !self.node.step_at_random(&mut self.random) {
                if senders.is_empty() {
                    break;
                }
                let sender = senders[self.random.below(senders.len())];
                let line = next(self, sender);
                self.send(sender, &line);
            }
            self.receive();
        }
        let starved = self.clients.iter().filter(|client| !client.sent.is_empty()).count();
        assert_eq!(starved, 0, "clients wait for ever");
        assert!(self.node.is_quiet(), "locks or transactions are left behind");
    }

    fn send(&mut self, client: usize, line: &str) {
        let call: Words = line.split(' ').map(str::to_owned).collect();
        let args: OwnedArgs = call.iter().map(String::as_bytes).collect();
        let client = &mut self.clients[client];
        self.node.request(client.connection, lookup(args.as_args()), args);
        client.left -= 1;
        // What shares a slot with an earlier request must not overtake it.
        let after =
            client.all.iter().copied().filter(|&at| share_a_slot(&self.history[at].call, &call)).collect();
        client.sent.push(self.history.len());
        client.all.push(self.history.len());
        self.history.push(Operation { call, reply: Vec::new(), invoked: 0, returned: 0, after });
    }

    fn receive(&mut self) {
        for client in &mut self.clients {
            while let Some(finished) = self.node.take_reply(client.connection) {
                let operation = &mut self.history[client.sent.remove(0)];
                operation.reply = on_the_wire(&finished.reply);
                (operation.invoked, operation.returned) = (finished.invoked, finished.returned);
            }
        }
    }

    /// Reads the whole node at the end, so that what was lost or left on the wrong shard comes into the history.
    fn read_all(&mut self) {
        let mut lines: Vec<String> = self.keys.iter().map(|key| format!("GET {key}")).collect();
        lines.push("DBSIZE".into());
        for line in lines {
            self.clients[0].left += 1;
            self.send(0, &line);
            while self.node.step_at_random(&mut self.random) {}
            self.receive();
        }
    }

    /// What the commands of this name have replied.
    fn replies(&self, name: &str) -> impl Iterator<Item = String> {
        let named = self.history.iter().filter(move |operation| operation.call[0] == name);
        named.map(|operation| String::from_utf8_lossy(&operation.reply).into_owned())
    }

    /// The history in the order in which its operations began.
    fn told(&self) -> String {
        let mut operations: Vec<_> = self.history.iter().collect();
        operations.sort_by_key(|operation| operation.invoked);
        let line = |operation: &&Operation<Words>| {
            let Operation { call, reply, invoked, returned, .. } = operation;
            format!("{invoked:>5} {returned:>5}  {} -> {}\n", call.join(" "), reply.escape_ascii())
        };
        operations.iter().map(line).collect()
    }
}

/// The keys of the commands that are simulated.
fn keys_of(call: &[String]) -> impl Iterator<Item = &String> {
    let (start, end, step) = match call[0].as_str() {
        "MSET" | "MSETNX" => (1, call.len(), 2),
        "MGET" | "DEL" | "EXISTS" => (1, call.len(), 1),
        "BITOP" => (2, call.len(), 1),
        "LCS" => (1, 3, 1),
        "DBSIZE" | "FLUSHALL" => (1, 1, 1),
        _ => (1, 2, 1),
    };
    call[start..end].iter().step_by(step)
}

fn share_a_slot(earlier: &[String], later: &[String]) -> bool {
    let slots: Vec<SlotId> = keys_of(earlier).map(|key| SlotId::of(key.as_bytes())).collect();
    keys_of(later).any(|key| slots.contains(&SlotId::of(key.as_bytes())))
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
    let only = from_environment("SIM_SEED");
    let count = from_environment("SIM_SEEDS").unwrap_or(seeds);
    let mut sum = Events::default();
    for seed in only.map_or(0..count, |seed| seed..seed + 1) {
        let outcome = std::panic::catch_unwind(|| scenario(seed));
        let Ok(events) = outcome else {
            panic!(
                "seed {seed} fails: SIM_SEED={seed} cargo test -p shards testing::simulation::tests::{test}"
            );
        };
        sum.transactions += events.transactions;
        sum.refused += events.refused;
        sum.lent_in_vain += events.lent_in_vain;
        sum.parked += events.parked;
    }
    (only.is_none() && count >= seeds).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(scene: &mut Scene) -> String {
        let count = 1 + scene.random.below(3);
        (0..count).map(|_| format!(" {} {}", scene.key(), scene.random.below(100))).collect()
    }

    fn some_keys(scene: &mut Scene) -> String {
        let count = 1 + scene.random.below(3);
        (0..count).map(|_| format!(" {}", scene.key())).collect()
    }

    /// A command of any kind on few keys.
    fn any_command(scene: &mut Scene) -> String {
        let (key, value) = (scene.key(), scene.random.below(100));
        match scene.random.below(20) {
            0 | 1 => format!("GET {key}"),
            2 | 3 => format!("SET {key} {value}"),
            4 => format!("INCR {key}"),
            5 => format!("APPEND {key} {value}"),
            6 => format!("GETSET {key} {value}"),
            7 => format!("DEL{}", some_keys(scene)),
            8 => format!("EXISTS{}", some_keys(scene)),
            9..=11 => format!("MGET{}", some_keys(scene)),
            12..=14 => format!("MSET{}", pairs(scene)),
            15 | 16 => format!("MSETNX{}", pairs(scene)),
            17 => {
                let operation = ["AND", "OR", "XOR"][scene.random.below(3)];
                format!("BITOP {operation} {key} {} {}", scene.key(), scene.key())
            }
            18 => format!("LCS {key} {} LEN", scene.key()),
            _ => ["DBSIZE", "DBSIZE", "FLUSHALL"][scene.random.below(3)].into(),
        }
    }

    fn any_commands_have_a_serial_order(seed: u64) -> Events {
        let (key_count, client_count) = (3 + (seed % 4) as usize, 4 + (seed / 4 % 5) as usize);
        let mut scene = Scene::new(seed, 4, key_count, client_count, 30 + (seed / 20 % 31) as usize);
        scene.play(|scene, _| any_command(scene));
        scene.read_all();
        assert!(serial_order::<Model>(&scene.history).is_some(), "no order explains:\n{}", scene.told());
        scene.node.events()
    }

    #[test]
    fn histories_are_strictly_serialisable() {
        let test = "histories_are_strictly_serialisable";
        let events = for_each_seed(test, 1000, any_commands_have_a_serial_order);
        if let Some(events) = events {
            // A simulation in which nobody is in anybody's way shows nothing.
            let Events { transactions, refused, lent_in_vain, parked } = events;
            assert!(transactions > 8000, "{events:?}");
            assert!(refused > 500 && lent_in_vain > 100 && parked > 2000, "{events:?}");
        }
    }

    /// The sum of the two accounts of a pair, always.
    const SUM: usize = 1000;

    /// Transfers between the accounts of pairs, readers of several pairs, pairs of flags that come and go together,
    /// and a counter. Accounts are the first keys, flags the ones behind them, the counter is the last.
    fn transfer_or_look(scene: &mut Scene) -> String {
        let pair_count = (scene.keys.len() - 1) / 4;
        let one = 2 * scene.random.below(pair_count);
        let other = 2 * scene.random.below(pair_count);
        let account = |index: usize| scene.keys[index].clone();
        let flag = |index: usize| scene.keys[2 * pair_count + index].clone();
        let amount = scene.random.below(SUM + 1);
        match scene.random.below(10) {
            0..=2 => {
                let transfer =
                    |at: usize| format!(" {} {amount} {} {}", account(at), account(at + 1), SUM - amount);
                format!("MSET{}{}", transfer(one), transfer(other))
            }
            3..=5 => {
                let [a, b, c, d] = [one, one + 1, other, other + 1].map(account);
                format!("MGET {d} {a} {b} {c}")
            }
            6 => format!("MSETNX {} 1 {} 1", flag(one), flag(one + 1)),
            7 => format!("DEL {} {}", flag(one + 1), flag(one)),
            8 => format!("EXISTS {} {}", flag(one), flag(one + 1)),
            _ => format!("INCR {}", scene.keys[4 * pair_count]),
        }
    }

    fn sums_never_change(seed: u64) -> Events {
        let pair_count = 2 + (seed % 5) as usize;
        let mut scene = Scene::new(seed, 8, 4 * pair_count + 1, 40, 2000);
        scene.play(|scene, _| transfer_or_look(scene));
        scene.read_all();
        for reply in scene.replies("MGET") {
            let [d, a, b, c] = values(&reply)[..] else { panic!("four values, not {reply}") };
            for (one, other) in [(a, b), (c, d)] {
                let sum = one.zip(other).map(|(one, other)| one + other);
                assert!(sum == Some(SUM) || (one, other) == (None, None), "half a transfer: {reply}");
            }
        }
        for reply in scene.replies("EXISTS").chain(scene.replies("DEL")) {
            assert!([":0\r\n", ":2\r\n"].contains(&reply.as_str()), "half a pair: {reply}");
        }
        let mut counts: Vec<_> = scene.replies("INCR").collect();
        counts.sort_by_key(|reply| reply[1..].trim_end().parse::<usize>().ok());
        let expected: Vec<_> = (1..=counts.len()).map(|count| format!(":{count}\r\n")).collect();
        assert_eq!(counts, expected, "updates are lost");
        let found = scene.replies("GET").filter(|reply| reply != "$-1\r\n").count();
        assert_eq!(
            scene.replies("DBSIZE").last(),
            Some(format!(":{found}\r\n")),
            "entries on the wrong shard"
        );
        scene.node.events()
    }

    /// The bulk strings of an array reply, as numbers.
    fn values(reply: &str) -> Vec<Option<usize>> {
        let mut lines = reply.split("\r\n").skip(1);
        let mut values = Vec::new();
        while let Some(header) = lines.next().filter(|line| !line.is_empty()) {
            values.push((header != "$-1").then(|| lines.next()?.parse().ok()).flatten());
        }
        values
    }

    #[test]
    fn crowds_never_see_half_a_transaction() {
        let events = for_each_seed("crowds_never_see_half_a_transaction", 30, sums_never_change);
        if let Some(events) = events {
            let Events { transactions, refused, lent_in_vain, parked } = events;
            assert!(transactions > 40_000, "{events:?}");
            assert!(refused > 1000 && lent_in_vain > 50 && parked > 1000, "{events:?}");
        }
    }

    /// A crowd that does nothing but read two keys together, and one client that sets one of them.
    fn a_writer_among_readers_gets_its_turn(seed: u64) -> Events {
        const READERS: usize = 12;
        let mut scene = Scene::new(seed, 2, 20, READERS + 1, (READERS + 1) * 50);
        let on = |shard| scene.keys.iter().find(|&key| scene.node.owner(key.as_bytes()) == ShardId(shard));
        let (Some(set), Some(other)) = (on(0).cloned(), on(1).cloned()) else {
            panic!("keys on both shards")
        };
        scene.play(|scene, client| match client {
            0 => format!("SET {set} {}", scene.history.len()),
            _ => format!("MGET {set} {other}"),
        });
        let (sets, reads): (Vec<_>, Vec<_>) = scene.history.iter().partition(|done| done.call[0] == "SET");
        for set in sets {
            let overtaking =
                |read: &&&Operation<Words>| set.invoked < read.invoked && read.returned < set.returned;
            let count = reads.iter().filter(overtaking).count();
            assert!(count <= 4 * READERS, "{count} readers overtook a writer:\n{}", scene.told());
        }
        scene.node.events()
    }

    #[test]
    fn readers_do_not_keep_a_writer_out() {
        for_each_seed("readers_do_not_keep_a_writer_out", 100, a_writer_among_readers_gets_its_turn);
    }
}
