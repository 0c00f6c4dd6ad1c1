//! What clients are told of keys, under a seeded scheduler: single commands, transactions over several
//! shards, clients that are served where they are, keys that expire and slots that move, all on a few keys.
//!
//! What must hold: somebody who is told of everything hears of each key in the order in which it changed. Of
//! the logs the order is known exactly: they are lists whose elements say what was done to the list with
//! them. This file must not know who sends notices where.

use std::collections::BTreeMap;

use super::super::node::{Events, Node, Request};
use super::super::{START_MS, elements, lookup};
use super::for_each_seed;
use crate::args::OwnedArgs;
use crate::random::Random;
use crate::slot::{ShardId, SlotId};

/// Steps after which a simulation is taken to go in circles.
const STEPS_MAX: usize = 400_000;
const SCRIPTS: usize = 60;

/// An element of a log, the command that follows its push in the same transaction, and the event of that.
const ENTRIES: [(&str, &str, &str); 3] = [
    ("s", "LSET {log} 0 head", "lset"),
    ("e", "EXPIRE {log} 1000", "expire"),
    ("t", "LTRIM {log} 0 -1", "ltrim"),
];

struct Scene {
    node: Node,
    random: Random,
    now_ms: u64,
    logs: Vec<String>,
    /// Lists whose elements consumers move to logs.
    queues: Vec<String>,
    /// Does not live long.
    short: String,
    clients: Vec<usize>,
    consumers: Vec<usize>,
    /// Each moves slots, also while another one moves the same.
    movers: Vec<usize>,
    admin: usize,
    /// Events of each key, in the order in which they were told.
    told: BTreeMap<String, Vec<&'static str>>,
}

impl Scene {
    fn new(seed: u64) -> Scene {
        let mut random = Random::new(seed);
        let shards = 2 + random.below(2);
        let mut node = Node::new(shards, 512 << 20);
        node.set_now(START_MS);
        node.slow_down(&mut random, [1, 4, 30][seed as usize % 3]);
        node.subscribe(ShardId(random.below(shards) as u16), b"KEAn");
        let base = random.below(1000);
        let names = |name, count| (0..count).map(|index| format!("{name}{}", base + index)).collect();
        let mut connect = || node.connect(ShardId(random.below(shards) as u16));
        let clients = (0..5).map(|_| connect()).collect();
        let consumers = (0..3).map(|_| connect()).collect();
        let movers = (0..4).map(|_| connect()).collect();
        let admin = connect();
        Scene {
            node,
            random,
            now_ms: START_MS,
            logs: names("log", 3),
            queues: names("queue", 2),
            short: format!("short{base}"),
            clients,
            consumers,
            movers,
            admin,
            told: BTreeMap::new(),
        }
    }

    fn any(random: &mut Random, names: &[String]) -> String {
        names[random.below(names.len())].clone()
    }

    fn send(&mut self, connection: usize, line: &str) {
        let request = match line {
            "MULTI" => Request::Multi,
            "EXEC" => Request::Exec,
            _ => {
                let args: OwnedArgs = line.split(' ').collect();
                Request::Data(lookup(args.as_args()), args)
            }
        };
        self.node.ask(connection, request);
    }

    /// One command, or a transaction.
    fn script(&mut self) -> Vec<String> {
        let Scene { random, logs, queues, short, .. } = self;
        let single = |random: &mut Random| match random.below(4) {
            0 => format!("RPUSH {} b", Scene::any(random, queues)),
            1 => format!("SET {short} v PX {}", 1 + random.below(5)),
            _ => format!("RPUSH {} p", Scene::any(random, logs)),
        };
        if random.one_in(2) {
            return vec![single(random)];
        }
        let mut script = vec!["MULTI".to_owned()];
        for _ in 0..1 + random.below(3) {
            let log = Scene::any(random, logs);
            let (element, command, _) = ENTRIES[random.below(ENTRIES.len())];
            script.extend([format!("RPUSH {log} {element}"), command.replace("{log}", &log)]);
            if random.one_in(3) {
                script.push(single(random));
            }
        }
        if random.one_in(4) {
            // Everything is gathered.
            script.insert(1 + random.below(script.len()), "DBSIZE".to_owned());
        }
        script.push("EXEC".to_owned());
        script
    }

    /// What happens besides commands.
    fn happen(&mut self) {
        let shard = ShardId(self.random.below(self.node.shard_count()) as u16);
        match self.random.below(12) {
            0 => {
                // One of them more often than the others, so that its slot goes on as soon as it has come.
                let keys: Vec<&String> = self.logs.iter().chain(&self.queues).chain([&self.short]).collect();
                let key = keys[self.random.below(2 * keys.len()).saturating_sub(keys.len())];
                let mover = self.movers[self.random.below(self.movers.len())];
                self.node.ask(mover, Request::MoveSlot(SlotId::of(key.as_bytes()), shard));
            }
            1 | 2 => {
                self.now_ms += 1;
                self.node.set_now(self.now_ms);
            }
            3 if self.random.one_in(4) => {
                let keys = [&self.logs[..], &self.queues].concat();
                self.node.deal(1 + shard.index(), &keys);
            }
            3..6 => _ = self.node.shard_mut(shard).expire_some(10),
            _ => {}
        }
    }

    fn receive(&mut self) {
        for &connection in self.clients.iter().chain(&self.consumers).chain(&self.movers).chain([&self.admin])
        {
            while self.node.take_reply(connection).is_some() {}
        }
        for notice in self.node.take_witnessed() {
            let key = String::from_utf8_lossy(&notice.key).into_owned();
            self.told.entry(key).or_default().push(notice.event.name);
        }
    }

    fn play(&mut self) {
        let logs = self.logs.clone();
        logs.iter().for_each(|log| self.send(self.admin, &format!("RPUSH {log} head")));
        while self.node.step_at_random(&mut self.random) {}
        for _ in 0..SCRIPTS / 2 {
            let consumer = self.consumers[self.random.below(self.consumers.len())];
            let (queue, log) =
                (Scene::any(&mut self.random, &self.queues), Scene::any(&mut self.random, &self.logs));
            self.send(consumer, &format!("BLMOVE {queue} {log} LEFT RIGHT 0"));
        }
        let mut left = SCRIPTS;
        for step in 0.. {
            assert!(step < STEPS_MAX, "there is no end to it");
            if left > 0 && self.random.one_in(6) {
                left -= 1;
                let client = self.clients[self.random.below(self.clients.len())];
                for line in self.script() {
                    self.send(client, &line);
                }
            }
            if left > 0 {
                self.happen();
            }
            if !self.node.step_at_random(&mut self.random) && left == 0 {
                break;
            }
            self.receive();
        }
        self.receive();
        assert!(self.node.is_quiet(), "locks or transactions are left behind");
    }

    fn ask(&mut self, line: &str) -> Vec<String> {
        self.send(self.admin, line);
        loop {
            if let Some(finished) = self.node.take_reply(self.admin) {
                return elements(&finished.reply);
            }
            assert!(self.node.step_at_random(&mut self.random), "no reply to {line}");
        }
    }

    fn check(mut self) -> Events {
        let mut entries = 0;
        for log in self.logs.clone() {
            let mut expected = vec!["new", "rpush"];
            for element in self.ask(&format!("LRANGE {log} 0 -1")).iter().skip(1) {
                expected.push("rpush");
                expected.extend(ENTRIES.iter().find(|entry| entry.0 == *element).map(|entry| entry.2));
                entries += 1;
            }
            assert_eq!(self.told.remove(&log), Some(expected), "{log}");
        }
        assert!(entries >= SCRIPTS / 2, "only {entries} entries");
        for queue in self.queues.clone() {
            assert_legal_queue(&self.told.remove(&queue).unwrap_or_default());
        }
        assert_legal_short(&self.told.remove(&self.short).unwrap_or_default());
        assert_eq!(self.told, BTreeMap::new());
        self.node.events()
    }
}

/// A list is new before its first push, and gone behind the pop of its last element.
#[track_caller]
fn assert_legal_queue(told: &[&str]) {
    let (mut len, mut last) = (0_usize, "");
    for (place, &event) in told.iter().enumerate() {
        let is_legal = match event {
            "new" => len == 0 && (last.is_empty() || last == "del"),
            "rpush" => (len > 0) == (last != "new"),
            "lpop" => len > 0,
            "del" => len == 0 && last == "lpop",
            _ => false,
        };
        assert!(is_legal, "{event} at {place} of {told:?}");
        len = if event == "rpush" { len + 1 } else { len - usize::from(event == "lpop") };
        last = event;
    }
}

/// A key with a time is new unless it is there, is set and gets its time, and expires once.
#[track_caller]
fn assert_legal_short(told: &[&str]) {
    let mut last = "expired";
    for (place, &event) in told.iter().enumerate() {
        let is_legal = match event {
            "new" => last == "expired",
            "set" => last == "new" || last == "expire",
            "expire" => last == "set",
            "expired" => last == "expire",
            _ => false,
        };
        assert!(is_legal, "{event} at {place} of {told:?}");
        last = event;
    }
}

fn notices_come_in_order(seed: u64) -> Events {
    let mut scene = Scene::new(seed);
    scene.play();
    scene.check()
}

#[test]
fn what_happens_to_a_key_is_told_in_the_order_in_which_it_happened() {
    let test = "notices::what_happens_to_a_key_is_told_in_the_order_in_which_it_happened";
    if let Some(events) = for_each_seed(test, 1500, notices_come_in_order) {
        assert!(events.transactions > 1000 && events.refused > 100 && events.parked > 100, "{events:?}");
        assert!(events.moves > 300 && events.deferred > 10 && events.expired > 300, "{events:?}");
    }
}
