//! Keyspace notifications of one key come in the order of its changes, whoever makes them: single commands,
//! transactions over several shards, clients of any worker that are served while they wait, also while slots
//! move. Bounded by operations.
//!
//! Of the logs the order is known exactly: they are lists whose elements say what was done to the list with
//! them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::{Client, Server, Value};

use crate::scene::{alone, is_oracle, skip_if, start, with_shards};
use crate::slot_moves::{answers_slots, mover_round};

const SHARDS: [usize; 2] = [2, 3];
const LOGS: [&str; 3] = ["log:0", "log:1", "log:2"];
/// Lists whose elements are taken by clients that wait.
const QUEUES: [&str; 2] = ["queue:0", "queue:1"];
const WRITERS: usize = 4;
const SCRIPTS: usize = 240;
/// Scripts that are sent before their replies are read.
const SCRIPTS_AT_ONCE: usize = 6;
/// One in so many scripts has an element for a queue.
const SCRIPTS_PER_ELEMENT: usize = 3;
const CONSUMERS_PER_QUEUE: usize = 2;
const ELEMENTS_PER_CONSUMER: usize =
    WRITERS * SCRIPTS / SCRIPTS_PER_ELEMENT / QUEUES.len() / CONSUMERS_PER_QUEUE;

/// An element of a log, the command that follows its push in the same transaction, and the event of that.
const ENTRIES: [(&str, &str, &str); 3] = [
    ("s", "LSET {log} 0 head", "lset"),
    ("e", "EXPIRE {log} 1000", "expire"),
    ("t", "LTRIM {log} 0 -1", "ltrim"),
];

/// A client's own source of choices: the same in each run, different for each client.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn log(&mut self) -> &'static str {
        LOGS[self.below(LOGS.len())]
    }
}

/// One command, or a transaction.
fn script(number: usize, choices: &mut Choices) -> Vec<String> {
    let single = match number % SCRIPTS_PER_ELEMENT {
        0 => format!("RPUSH {} b", QUEUES[number / SCRIPTS_PER_ELEMENT % QUEUES.len()]),
        _ => format!("RPUSH {} p", choices.log()),
    };
    if choices.below(3) == 0 {
        return vec![single];
    }
    let mut script = vec!["MULTI".to_owned(), single];
    for _ in 0..1 + choices.below(3) {
        let log = choices.log();
        let (element, command, _) = ENTRIES[choices.below(ENTRIES.len())];
        script.extend([format!("RPUSH {log} {element}"), command.replace("{log}", log)]);
    }
    if choices.below(8) == 0 {
        // All slots are brought together for it.
        script.push("DBSIZE".to_owned());
    }
    script.push("EXEC".to_owned());
    script
}

fn write(client: &mut Client, seed: u64) {
    let mut choices = Choices(seed);
    for first in (0..SCRIPTS).step_by(SCRIPTS_AT_ONCE) {
        let lines = (first..first + SCRIPTS_AT_ONCE).flat_map(|number| script(number, &mut choices));
        let commands: Vec<Vec<String>> =
            lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect();
        for reply in client.pipeline(&commands) {
            assert!(!reply.is_error(), "{reply}");
        }
    }
}

/// Takes elements from a queue, into logs and for itself.
fn consume(client: &mut Client, queue: &str, seed: u64) {
    let mut choices = Choices(seed);
    for _ in 0..ELEMENTS_PER_CONSUMER {
        let reply = match choices.below(3) {
            0 => client.ask(&format!("BLPOP {queue} 0")),
            _ => client.ask(&format!("BLMOVE {queue} {} LEFT RIGHT 0", choices.log())),
        };
        assert!(!reply.is_error() && !reply.is_null(), "{reply}");
    }
}

/// Lets writers and consumers work, and `disturb` until they are done.
fn work(server: &Server, disturb: impl Fn(usize) + Sync) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers = (0..WRITERS).map(|number| {
            let mut client = server.client();
            scope.spawn(move || write(&mut client, number as u64))
        });
        let mut workers: Vec<_> = writers.collect();
        for (number, queue) in QUEUES.iter().cycle().take(QUEUES.len() * CONSUMERS_PER_QUEUE).enumerate() {
            let mut client = server.client();
            workers.push(scope.spawn(move || consume(&mut client, queue, 100 + number as u64)));
        }
        let disturbing = scope.spawn(|| {
            (0..).take_while(|_| !is_over.load(Ordering::Relaxed)).for_each(&disturb);
        });
        let outcomes: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        disturbing.join().expect("the disturbance has an end");
        assert!(outcomes.iter().all(Result::is_ok), "a client has failed");
    });
}

/// The events of each key, until the `set` that ends it.
fn told_until_set(witness: &mut Client, keys: usize) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut ended = 0;
    while ended < keys {
        let message = witness.recv();
        let parts = message.as_slice().expect("a message of a pattern");
        let key = parts[2].text().replace("__keyspace@0__:", "");
        let event = parts[3].text();
        ended += usize::from(event == "set");
        told.entry(key).or_default().push(event);
    }
    told
}

fn changes_are_told_in_order(server: &Server, disturb: impl Fn(usize) + Sync) {
    let mut client = server.client();
    client.ask("FLUSHALL");
    assert_eq!(client.ask("CONFIG SET notify-keyspace-events KAn"), Value::ok());
    let mut witness = server.client();
    witness.ask("PSUBSCRIBE __keyspace@0__:*");
    LOGS.iter().for_each(|log| assert_eq!(client.ask(&format!("RPUSH {log} head")), Value::Int(1)));
    work(server, disturb);
    let logs = LOGS.map(|log| client.ask(&format!("LRANGE {log} 0 -1")));
    for key in LOGS.iter().chain(&QUEUES) {
        assert_eq!(client.ask(&format!("SET {key} end")), Value::ok());
    }
    let told = told_until_set(&mut witness, LOGS.len() + QUEUES.len());
    for (log, elements) in LOGS.iter().zip(logs) {
        let mut expected = vec!["new", "rpush"];
        for element in elements.as_slice().expect("a list").iter().skip(1) {
            expected.push("rpush");
            expected.extend(ENTRIES.iter().find(|entry| entry.0 == element.text()).map(|entry| entry.2));
        }
        assert!(expected.len() > SCRIPTS, "{log} has hardly been used");
        expected.push("set");
        assert_same(log, &told[*log], &expected);
    }
    QUEUES.iter().for_each(|queue| assert_legal_queue(&told[*queue]));
}

#[track_caller]
fn assert_same(log: &str, told: &[String], expected: &[&str]) {
    let differs = told.iter().zip(expected).position(|(told, expected)| told != expected);
    let Some(at) = differs else {
        return assert_eq!(told.len(), expected.len(), "{log}");
    };
    let near = at.saturating_sub(4)..(at + 4).min(told.len()).min(expected.len());
    panic!("{log} at {at}: told {:?}, expected {:?}", &told[near.clone()], &expected[near]);
}

/// A list is new before its first push, and gone behind the pop of its last element.
#[track_caller]
fn assert_legal_queue(told: &[String]) {
    let (mut len, mut last) = (0_usize, "");
    for (place, event) in told.iter().enumerate() {
        let is_legal = match event.as_str() {
            "new" => len == 0 && (last.is_empty() || last == "del"),
            "rpush" => (len > 0) == (last != "new"),
            "lpop" => len > 0,
            "del" => len == 0 && last == "lpop",
            "set" => last == "new" && place + 1 == told.len(),
            _ => false,
        };
        assert!(is_legal, "{event} at {place}, behind {:?}", &told[place.saturating_sub(6)..place]);
        len = if event == "rpush" { len + 1 } else { len - usize::from(event == "lpop") };
        last = event;
    }
}

#[test]
fn changes_of_a_key_are_told_in_their_order_wherever_they_are_made() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| changes_are_told_in_order(&start(shards, ""), |_| ()));
}

#[test]
fn changes_of_a_key_are_told_in_their_order_while_its_slot_moves() {
    let _alone = alone();
    if skip_if(is_oracle(), "only shoal has shards") {
        return;
    }
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "--enable-debug-command yes");
        if !answers_slots(&mut server.client()) {
            return;
        }
        let keys: Vec<String> = LOGS.iter().chain(&QUEUES).map(|&key| key.to_owned()).collect();
        changes_are_told_in_order(&server, |round| mover_round(&mut server.client(), &keys, shards, round));
    });
}
