//! Every request is answered, and whoever leaves is gone: random pipelines of commands that wait, of those
//! that end waits, and of those that move keys, slots and locks about meanwhile, by clients some of which
//! leave in the middle.
//!
//! `ANSWERED_SEEDS=n` plays so many seeds instead of the usual number, `ANSWERED_SEED=s` the one that a
//! failure names. Threads are not in step, so a seed says what clients do, not what happens.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use shards::slot::SlotId;
use testkit::client::encode_into;
use testkit::{Client, Server};

use crate::scene::{client_count, descriptors, eventually, is_oracle, shoal, skip_if};

const SHARDS: [usize; 3] = [2, 3, 7];
const SEEDS: u64 = 1;
const CLIENTS: usize = 8;
/// Pipelines of each client.
const PIPELINES: usize = 50;
/// Clients that keep locks on several shards meanwhile.
const HOLDERS: usize = 2;

/// Few keys, so that everybody is in everybody's way.
const KEYS: [&str; 4] = ["a", "b", "c", "d"];

/// One client of a play.
struct Player<'a> {
    server: &'a Server,
    shards: usize,
    random: Rng,
    /// The numbers of all clients of the play, this one's among them.
    ids: &'a [AtomicU64],
    own: usize,
    /// Elements are numbered.
    next: u64,
}

impl Player<'_> {
    fn connect(&mut self) -> Client {
        let mut client = self.server.client();
        let id = client.ask("CLIENT ID").as_int().expect("a client has a number");
        self.ids[self.own].store(id as u64, Ordering::Relaxed);
        client
    }

    fn key(&mut self, kind: char) -> String {
        format!("{kind}{}", KEYS[self.random.usize(..KEYS.len())])
    }

    fn any_id(&mut self) -> u64 {
        self.ids[self.random.usize(..self.ids.len())].load(Ordering::Relaxed)
    }

    /// A command that may wait, so many seconds at the most.
    fn waiting_command(&mut self, timeout_s: f64) -> String {
        let (l, m, z) = (self.key('l'), self.key('l'), self.key('z'));
        let (x, y, timeout_ms) = (self.key('x'), self.key('x'), (timeout_s * 1e3) as u64);
        match self.random.u32(..11) {
            0..3 => format!("BLPOP {l} {m} {timeout_s}"),
            3 => format!("BRPOP {l} {timeout_s}"),
            4 => format!("BLMOVE {l} {m} LEFT RIGHT {timeout_s}"),
            5 => format!("BLMPOP {timeout_s} 2 {l} {m} LEFT COUNT 2"),
            6 => format!("BZPOPMIN {z} zd {timeout_s}"),
            7 => format!("XREAD BLOCK {timeout_ms} STREAMS {x} $"),
            8 => format!("XREAD BLOCK {timeout_ms} STREAMS {x} {y} $ $"),
            // Wrong arguments hide all keys.
            9 => "BLMPOP 0 0 LEFT".to_owned(),
            _ => format!("XREAD BLOCK 0 STREAMS {x}"),
        }
    }

    /// A command that does not wait for keys.
    fn command(&mut self) -> String {
        self.next += 1;
        let (l, m, z, x) = (self.key('l'), self.key('l'), self.key('z'), self.key('x'));
        let (s, t, number, id) = (self.key('s'), self.key('s'), self.next, self.any_id());
        match self.random.u32(..40) {
            0..6 => format!("RPUSH {l} {number}"),
            6..9 => format!("LLEN {l}"),
            9..11 => format!("GET {s}"),
            11..15 => format!("MSET {s} 1 {t} 2 sa 3 sb 4 sc 5"),
            15..17 => format!("MGET {s} {t}"),
            17 => format!("DEL {l} {m}"),
            18..20 => format!("ZADD {z} {number} {number}"),
            20..22 => format!("XADD {x} * f v"),
            22..25 => format!("WATCH {l} {s}"),
            25..29 => "UNWATCH".to_owned(),
            29..31 => "RESET".to_owned(),
            31..34 => format!("CLIENT UNBLOCK {id} {}", ["TIMEOUT", "ERROR"][self.random.usize(..2)]),
            34 if self.random.u32(..3) == 0 => format!("CLIENT KILL ID {id} SKIPME yes"),
            35 => {
                let slot = SlotId::of([l, m, s, x][self.random.usize(..4)].as_bytes()).number();
                format!("DEBUG SLOT-MOVE {slot} {}", self.random.usize(..self.shards))
            }
            36 => "DBSIZE".to_owned(),
            37 => "CLIENT LIST".to_owned(),
            38 => format!("PUBLISH channel {number}"),
            39 if self.random.u32(..4) == 0 => "FLUSHALL".to_owned(),
            _ => format!("LRANGE {l} 0 3"),
        }
    }

    fn pipeline(&mut self, timeouts_s: &[f64]) -> Vec<String> {
        let mut lines = Vec::new();
        for _ in 0..1 + self.random.usize(..6) {
            match self.random.u32(..6) {
                0..2 => {
                    let timeout_s = timeouts_s[self.random.usize(..timeouts_s.len())];
                    lines.push(self.waiting_command(timeout_s));
                }
                2 => {
                    lines.push("MULTI".to_owned());
                    // RESET may end it: then they wait.
                    for _ in 0..self.random.usize(..4) {
                        let line =
                            if self.random.bool() { self.waiting_command(0.02) } else { self.command() };
                        lines.push(line);
                    }
                    lines.push(["EXEC", "EXEC", "DISCARD"][self.random.usize(..3)].to_owned());
                }
                _ => lines.push(self.command()),
            }
        }
        lines
    }

    fn play(&mut self) {
        let mut client = self.connect();
        for _ in 0..PIPELINES {
            let leaves = self.random.u32(..4) == 0;
            // Who leaves may wait for ever.
            let timeouts_s: &[f64] = if leaves { &[0.0, 0.0, 0.02] } else { &[0.005, 0.02, 0.06] };
            let lines = self.pipeline(timeouts_s);
            let mut bytes = Vec::new();
            for line in &lines {
                encode_into(&mut bytes, &line.split(' ').collect::<Vec<_>>());
            }
            let read = if leaves { self.random.usize(..=1) } else { lines.len() };
            if leaves {
                client.set_timeout(Duration::from_millis(2));
            }
            if !exchange(&mut client, &bytes, &lines, read, leaves) || leaves {
                if self.random.bool() {
                    thread::sleep(Duration::from_micros(self.random.u64(..3_000)));
                }
                client = self.connect();
            }
        }
    }
}

/// Sends the lines and reads so many replies, or fewer if the client leaves. False when the connection is
/// over.
fn exchange(client: &mut Client, bytes: &[u8], lines: &[String], read: usize, leaves: bool) -> bool {
    if client.try_send_raw(bytes).is_err() {
        return false;
    }
    for at in 0..read {
        match client.try_recv() {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                assert!(leaves, "no reply to number {at} of {lines:#?}");
                return false;
            }
            // CLIENT KILL of another client.
            Err(_) => return false,
        }
    }
    true
}

/// Keeps locks on several shards while others play.
fn hold_locks(server: &Server, is_over: &AtomicBool) {
    let mut client = server.client();
    let line = KEYS.iter().fold("MSET".to_owned(), |mut line, key| {
        write!(line, " s{key} 1").expect("a string takes all");
        line
    });
    let command: Vec<&str> = line.split(' ').collect();
    let commands = vec![command; 10];
    while !is_over.load(Ordering::Relaxed) {
        client.pipeline(&commands);
    }
}

/// Subscribes and leaves, so that a message sometimes loses its last subscriber on its way.
fn come_and_go(server: &Server, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        assert!(!server.client().ask("SUBSCRIBE channel").is_error());
        thread::sleep(Duration::from_millis(1));
    }
}

fn everybody_plays(shards: usize, seed: u64) {
    let server = shoal(shards).args(["--enable-debug-command", "yes"]).start();
    let mut witness = server.client();
    eventually("only the witness is connected", || client_count(&mut witness) == 1);
    let before = descriptors(&server);
    let ids: Vec<AtomicU64> = (0..CLIENTS).map(|_| AtomicU64::new(0)).collect();
    let (server, ids, is_over) = (&server, &ids, &AtomicBool::new(false));
    thread::scope(|scope| {
        let mut others: Vec<_> = (0..HOLDERS).map(|_| scope.spawn(|| hold_locks(server, is_over))).collect();
        others.push(scope.spawn(|| come_and_go(server, is_over)));
        let players: Vec<_> = (0..CLIENTS)
            .map(|own| {
                let random = Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(own as u64));
                let next = own as u64 * 1_000_000;
                scope.spawn(move || Player { server, shards, random, ids, own, next }.play())
            })
            .collect();
        let results: Vec<_> = players.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        let others: Vec<_> = others.into_iter().map(thread::ScopedJoinHandle::join).collect();
        let failed = results.iter().chain(&others).filter(|result| result.is_err()).count();
        assert_eq!(failed, 0, "with {shards} shards: ANSWERED_SEED={seed} cargo test everybody_is_answered");
    });
    eventually("all players have left the list", || client_count(&mut witness) == 1);
    eventually("nobody is counted or waits any more", || {
        let info = witness.ask("INFO clients").text();
        info.contains("connected_clients:1\r\n") && info.contains("blocked_clients:0\r\n")
    });
    eventually("all descriptors are closed", || descriptors(server) <= before);
}

#[test]
fn everybody_is_answered_and_nobody_stays_behind() {
    if skip_if(is_oracle(), "shards and their slots are shoal's own") {
        return;
    }
    let from_environment = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let only = from_environment("ANSWERED_SEED");
    let count = from_environment("ANSWERED_SEEDS").unwrap_or(SEEDS);
    for seed in only.map_or(0..count, |seed| seed..seed + 1) {
        for shards in SHARDS {
            println!("seed {seed} with {shards} shards");
            everybody_plays(shards, seed);
        }
    }
}
