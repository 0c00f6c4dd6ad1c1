//! Client-side caching with many readers and writers at once: whatever they do, no copy stays that is not
//! right.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::{Client, Server, Value};

use crate::scene::{alone, eventually, is_oracle, start, with_shards};
use crate::slot_moves::{answers_slots, slot_of};
use crate::tracking::{keys_of, reader, words};

/// A generator of numbers that look random (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }
}

const CACHED_KEYS: usize = 40;
const WRITERS: usize = 3;
const CACHERS: usize = 4;
const WRITES: usize = 1_500;

/// Reads keys now and then and keeps copies as long as nothing is said against it.
struct Cacher {
    client: Client,
    copies: BTreeMap<String, Value>,
}

impl Cacher {
    fn drop_copies(&mut self, told: &Value) {
        let Value::Push(parts) = told else { panic!("no push: {told}") };
        match parts.last() {
            Some(Value::Null) => self.copies.clear(),
            _ => keys_of(told).iter().for_each(|key| _ = self.copies.remove(key)),
        }
    }

    /// A reply; pushes before it are heeded.
    fn reply(&mut self) -> Value {
        loop {
            match self.client.recv() {
                told @ Value::Push(_) => self.drop_copies(&told),
                reply => return reply,
            }
        }
    }

    fn send(&mut self, words: &[&str]) {
        self.client.send_raw(testkit::client::encode(words));
    }

    fn read(&mut self, dice: &mut Dice) {
        let keys: Vec<String> = (0..3).map(|_| format!("c{}", dice.below(CACHED_KEYS))).collect();
        match dice.below(3) {
            0 => {
                self.send(&["GET", &keys[0]]);
                let value = self.reply();
                self.copies.insert(keys[0].clone(), value);
            }
            1 => {
                self.send(&words("MGET", &keys));
                let Value::Array(values) = self.reply() else { panic!("MGET replies an array") };
                self.copies.extend(keys.into_iter().zip(values));
            }
            _ => {
                self.send(&["MULTI"]);
                self.send(&["GET", &keys[0]]);
                self.send(&["GET", &keys[1]]);
                self.send(&["EXEC"]);
                (0..3).for_each(|_| _ = self.reply());
                let Value::Array(values) = self.reply() else { panic!("EXEC replies an array") };
                self.copies.extend(keys.into_iter().zip(values));
            }
        }
    }
}

fn write(client: &mut Client, dice: &mut Dice, number: usize) {
    let key = |dice: &mut Dice| format!("c{}", dice.below(CACHED_KEYS));
    let (one, other) = (key(dice), key(dice));
    let value = number.to_string();
    match dice.below(12) {
        0..5 => _ = client.cmd(&["SET", &one, &value]),
        5 | 6 => _ = client.cmd(&["MSET", &one, &value, &other, &value]),
        7 => _ = client.cmd(&["DEL", &one, &other]),
        8 => _ = client.cmd(&["RENAME", &one, &other]),
        9 => _ = client.cmd(&["SET", &one, &value, "PX", "2"]),
        10 => {
            client.ask("MULTI");
            client.cmd(&["APPEND", &one, "x"]);
            client.cmd(&["COPY", &one, &other, "REPLACE"]);
            client.ask("EXEC");
        }
        _ if number.is_multiple_of(100) => _ = client.ask("FLUSHALL"),
        _ => _ = client.cmd(&["MSETNX", &one, &value, &other, &value]),
    }
}

/// Readers on all workers cache, writers change, and slots move if they can; then every copy is as the server
/// has it.
fn cache_and_compare(server: &Server, tracking: &str, seed: u64, can_move: bool, shards: usize) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let cachers: Vec<_> = (0..CACHERS as u64)
            .map(|number| {
                let stop = &stop;
                scope.spawn(move || {
                    let client = reader(server, &[tracking]);
                    let mut cacher = Cacher { client, copies: BTreeMap::new() };
                    let mut dice = Dice(seed * 100 + number);
                    while !stop.load(Ordering::Relaxed) {
                        cacher.read(&mut dice);
                    }
                    cacher
                })
            })
            .collect();
        let writers: Vec<_> = (0..WRITERS as u64)
            .map(|number| {
                scope.spawn(move || {
                    let mut client = server.client();
                    let mut dice = Dice(seed * 100 + 50 + number);
                    for number in 0..WRITES {
                        write(&mut client, &mut dice, number);
                        if can_move && number.is_multiple_of(20) {
                            let slot = slot_of(&format!("c{}", dice.below(CACHED_KEYS)));
                            client.ask(&format!("DEBUG SLOT-MOVE {slot} {}", dice.below(shards)));
                        }
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().expect("it writes"));
        stop.store(true, Ordering::Relaxed);
        let mut plain = server.client_resp3();
        for cacher in cachers {
            let mut cacher = cacher.join().expect("it reads");
            // The last changes may still be on their way, and the last keys expire: in the end all copies are
            // right.
            eventually("each copy that is left is as the server has it", || {
                cacher.send(&["PING"]);
                while cacher.reply() != Value::simple("PONG") {}
                cacher.copies.iter().all(|(key, copy)| plain.cmd(&["GET", key]) == *copy)
            });
        }
    });
}

/// How a client that keeps copies is told: by itself, by another client that speaks RESP3, or by a RESP2
/// subscriber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    Itself,
    InResp3,
    BySubscription,
}

/// Who has read a key by a transaction that has turned tracking on, whom invalidations come to, and the copy.
struct Reading {
    /// Stays connected.
    _reader: Option<Client>,
    told: Client,
    key: String,
    copy: Value,
    /// An invalidation has come.
    is_invalid: bool,
}

impl Reading {
    fn new(server: &Server, told_how: Told, on: &str, key: String) -> Reading {
        let mut told = if told_how == Told::BySubscription { server.client() } else { server.client_resp3() };
        let mut on = on.to_owned();
        let mut reader = None;
        if told_how != Told::Itself {
            on = format!("{on} REDIRECT {}", told.ask("CLIENT ID").as_int().expect("a number"));
            reader = Some(server.client());
        }
        if told_how == Told::BySubscription {
            told.ask("SUBSCRIBE __redis__:invalidate");
        }
        let reading = reader.as_mut().unwrap_or(&mut told);
        // INFO asks all workers, so that much can happen between the reading and the end.
        let lines = ["MULTI", "INFO clients", &on, "CLIENT GETNAME", &format!("GET {key}"), "EXEC"];
        reading.send_raw(lines.map(|line| format!("{line}\r\n")).concat());
        let mut is_invalid = false;
        let mut replies = 0;
        let copy = loop {
            let reply = reading.recv();
            if is_told(&reply, &key) {
                is_invalid = true;
            } else {
                replies += 1;
            }
            if replies == lines.len() {
                break reply.as_slice().and_then(<[Value]>::last).expect("the reply of EXEC").clone();
            }
        };
        Reading { _reader: reader, told, key, copy, is_invalid }
    }

    /// True when the copy is right, or an invalidation has come.
    fn is_settled(&mut self, plain: &mut Client) -> bool {
        self.told.send_raw("PING\r\n");
        loop {
            let value = self.told.recv();
            if is_told(&value, &self.key) {
                self.is_invalid = true;
            } else if !is_told_anything(&value) {
                break;
            }
        }
        self.is_invalid || plain.cmd(&["GET", &self.key]) == self.copy
    }
}

fn is_told_anything(value: &Value) -> bool {
    let is_message = |parts: &[Value]| parts.first() == Some(&Value::bulk("message"));
    matches!(value, Value::Push(_)) || value.as_slice().is_some_and(is_message)
}

fn is_told(value: &Value, key: &str) -> bool {
    is_told_anything(value) && keys_of(value).iter().any(|told| told == key)
}

#[test]
fn what_the_transaction_reads_that_turns_tracking_on_is_right_in_the_end_or_invalidated() {
    let _alone = alone();
    let ways = [
        (Told::Itself, "CLIENT TRACKING ON"),
        (Told::Itself, "CLIENT TRACKING ON BCAST PREFIX c"),
        (Told::InResp3, "CLIENT TRACKING ON NOLOOP"),
        (Told::BySubscription, "CLIENT TRACKING ON OPTOUT"),
    ];
    with_shards(&[1, 2, 3], |shards| {
        let server = start(shards, "");
        for (told_how, on) in ways {
            let stop = AtomicBool::new(false);
            thread::scope(|scope| {
                for number in 0..2 {
                    let (server, stop) = (&server, &stop);
                    scope.spawn(move || {
                        let (mut client, mut dice) = (server.client(), Dice(number));
                        let mut value = 0;
                        while !stop.load(Ordering::Relaxed) {
                            value += 1;
                            client.cmd(&["SET", &format!("c{}", dice.below(3)), &value.to_string()]);
                        }
                    });
                }
                let mut readings: Vec<Reading> = (0..40)
                    .map(|number| Reading::new(&server, told_how, on, format!("c{}", number % 3)))
                    .collect();
                stop.store(true, Ordering::Relaxed);
                let mut plain = server.client_resp3();
                for reading in &mut readings {
                    eventually("the copy is right or was invalidated", || reading.is_settled(&mut plain));
                }
            });
        }
    });
}

#[test]
fn in_the_end_every_copy_that_was_not_invalidated_is_right() {
    let _alone = alone();
    with_shards(&[3, 1], |shards| {
        let server = start(shards, "--enable-debug-command yes");
        let can_move = shards > 1 && !is_oracle() && answers_slots(&mut server.client());
        for (seed, tracking) in [(1, "CLIENT TRACKING ON"), (2, "CLIENT TRACKING ON BCAST")] {
            cache_and_compare(&server, tracking, seed, can_move, shards);
        }
    });
}
