//! Deep pipelines: several connections at once, each on few keys of its own, send hundreds of commands in a
//! write, cut into packets at random places. Meanwhile clients go from worker to worker, and slots from shard
//! to shard. What each connection is replied depends on nothing but its own commands, so redis-server is
//! asked beforehand. A script leaves nothing behind that its next run could see, so it is repeated for as
//! long as things move. This file must not know which differences are allowed: there are none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use shards::slot::SlotId;
use testkit::client::{command_line, encode_into};
use testkit::{Client, Kind, Server, Value};

/// Connections that send at once.
const CONNECTIONS: u64 = 8;
/// Commands of one run of a script, but for those that empty its keys.
const SCRIPT_LEN: usize = 1_500;
/// Commands of one write at most.
const WRITE_LEN_MAX: usize = 800;
/// Every script is run at least so often, each time cut at other places.
const RUNS_MIN: usize = 2;
/// Databases that a script selects. It begins and ends in the last of them.
const DATABASES: [&str; 2] = ["1", "0"];
/// The length of a long value: longer than what is copied into replies, and than a buffer that is received.
const LONG_VALUE_LEN: usize = 40_000;
/// How long it may take until clients are where they should be, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);
/// Commands before the one with a wrong reply that are told with it.
const TOLD_BEFORE: usize = 12;

type Words = Vec<Vec<u8>>;

/// What moves while the scripts run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moving {
    Nothing,
    Clients,
    ClientsAndSlots,
    /// Clients, and all slots are gathered on one shard and spread over all.
    ClientsAndAllSlots,
}

/// What one connection sends, and the replies.
struct Script {
    seed: u64,
    keys: Vec<String>,
    commands: Vec<Words>,
    expected: Vec<Value>,
}

/// Runs the scripts of a seed against a server with so many shards. A difference is returned as text.
pub(crate) fn difference(seed: u64, shards: usize, moving: Moving) -> Option<String> {
    let oracle = Server::builder(Kind::Redis).start();
    let mut scripts: Vec<Script> =
        (0..CONNECTIONS).map(|number| Script::generate(seed * CONNECTIONS + number)).collect();
    for script in &mut scripts {
        script.expected = oracle.client().pipeline(&script.commands);
    }
    let args = ["--enable-debug-command", "yes"];
    let server = testkit::shoal!().shards(shards).args(args).start();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (server, stop) = (&server, &stop);
        let talks: Vec<_> =
            scripts.iter().map(|script| scope.spawn(move || script.talk(server, stop))).collect();
        let keys: Vec<&String> = scripts.iter().flat_map(|script| &script.keys).collect();
        let movers = match moving {
            Moving::Nothing | Moving::Clients => None,
            Moving::ClientsAndSlots => Some(scope.spawn(move || move_slots(server, &keys, shards, stop))),
            Moving::ClientsAndAllSlots => Some(scope.spawn(move || deal_slots(server, shards, stop))),
        };
        let moved = match moving {
            Moving::Nothing => Ok(()),
            _ => move_clients(server, shards, stop),
        };
        stop.store(true, Ordering::Relaxed);
        let talks = talks.into_iter().map(|talk| talk.join().expect("a script runs to its end"));
        let found = talks.fold(None, |found, talk| found.or(talk.err()));
        if let Some(movers) = movers {
            movers.join().expect("slots can be moved");
        }
        found.or(moved.err())
    })
}

/// Moves all clients to the first workers and back, and waits each time until they are there.
fn move_clients(server: &Server, shards: usize, stop: &AtomicBool) -> Result<(), String> {
    let mut client = server.client();
    for count in [1, shards] {
        let reply = client.ask(&format!("CONFIG SET client-workers {count}"));
        assert_eq!(reply, Value::ok());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let clients = clients_of_workers(&mut client);
            let (serving, others) = clients.split_at(count);
            // Two or three more than a share are left where they are, so not every worker gets some.
            let with_clients = serving.iter().filter(|&&clients| clients > 0).count();
            if with_clients >= count.min(2) && others.iter().all(|&clients| clients == 0) {
                break;
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("{count} workers should take clients, and have {clients:?}"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

/// How many clients each worker with a shard has.
fn clients_of_workers(client: &mut Client) -> Vec<usize> {
    let text = client.ask("INFO workers").text();
    let clients = |line: &str| line.split_once(",clients=")?.1.split(',').next()?.trim().parse().ok();
    text.lines().filter(|line| line.starts_with("worker")).filter_map(clients).collect()
}

/// Lets the slots of the keys go round the shards.
fn move_slots(server: &Server, keys: &[&String], shards: usize, stop: &AtomicBool) {
    let mut client = server.client();
    for round in 0.. {
        for (index, key) in keys.iter().enumerate() {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let (slot, shard) = (SlotId::of(key.as_bytes()).number(), (round + index) % shards);
            assert_eq!(client.ask(&format!("DEBUG SLOT-MOVE {slot} {shard}")), Value::ok());
        }
    }
}

/// Has all slots dealt to one shard, to all, and to numbers between, without waiting until they are there,
/// but at the end: then no slot is left behind.
fn deal_slots(server: &Server, shards: usize, stop: &AtomicBool) {
    let mut client = server.client();
    let mut deal = |count| assert_eq!(client.ask(&format!("DEBUG SLOTS-DEAL {count}")), Value::ok());
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        deal(1 + round % shards);
        thread::sleep(Duration::from_millis([3, 40, 150][round / shards % 3]));
    }
    deal(shards);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let owners = client.ask("DEBUG SLOTS");
        if owners.as_slice().is_some_and(|runs| runs.len() == shards) {
            break;
        }
        assert!(Instant::now() < deadline, "slots are left behind: {owners}");
        thread::sleep(Duration::from_millis(5));
    }
}

impl Script {
    /// Sends the commands again and again until it is told to stop, or tells others to.
    fn talk(&self, server: &Server, stop: &AtomicBool) -> Result<(), String> {
        let mut client = server.client();
        client.set_timeout(PATIENCE);
        let mut rng = Rng::with_seed(self.seed);
        let mut run = 0;
        while run < RUNS_MIN || !stop.load(Ordering::Relaxed) {
            if let Err(difference) = self.run(&mut client, &mut rng) {
                stop.store(true, Ordering::Relaxed);
                return Err(difference);
            }
            run += 1;
        }
        Ok(())
    }

    fn run(&self, client: &mut Client, rng: &mut Rng) -> Result<(), String> {
        let (mut sent, mut read) = (0, 0);
        while read < self.commands.len() {
            let len_max = rng.usize(1..=WRITE_LEN_MAX).min(self.commands.len() - sent);
            let len = rng.usize(1..=len_max);
            let written = write_cut(client, &self.commands[sent..sent + len], rng);
            sent += len;
            // Now and then the next write comes before all replies have been read.
            let left = if sent < self.commands.len() && rng.bool() { rng.usize(..=len) } else { 0 };
            let replies = written.and_then(|()| {
                (read..sent - left).map(|_| client.try_recv()).collect::<Result<Vec<Value>, _>>()
            });
            let replies = replies.map_err(|error| format!("{}\n{error}", self.told(read..sent)))?;
            for reply in replies {
                if reply != self.expected[read] {
                    let (told, expected) = (self.told(read..read + 1), &self.expected[read]);
                    return Err(format!("{told}\nshould be replied\n{expected}\nbut is\n{reply}"));
                }
                read += 1;
            }
        }
        Ok(())
    }

    /// Some commands, with those before them.
    fn told(&self, range: std::ops::Range<usize>) -> String {
        let first = range.start.saturating_sub(TOLD_BEFORE);
        let lines: Vec<String> =
            self.commands[first..range.end].iter().map(|words| shortened(&command_line(words))).collect();
        format!("commands {first} to {} of the script {}:\n{}", range.end - 1, self.seed, lines.join("\n"))
    }
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}

/// Writes commands in as many packets as it comes.
fn write_cut(client: &mut Client, commands: &[Words], rng: &mut Rng) -> std::io::Result<()> {
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for command in commands {
        encode_into(&mut bytes, command);
        ends.push(bytes.len());
    }
    let pieces = rng.usize(1..=12);
    let mut cuts: Vec<usize> = match rng.u8(..4) {
        0 => Vec::new(),
        1 => (1..pieces).map(|_| ends[rng.usize(..ends.len())]).collect(),
        _ => (1..pieces).map(|_| rng.usize(..=bytes.len())).collect(),
    };
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let mut start = 0;
    for cut in cuts {
        // The client has TCP_NODELAY, so each write may leave as a packet of its own.
        client.try_send_raw(&bytes[start..cut])?;
        start = cut;
        if rng.u8(..8) == 0 {
            thread::yield_now();
        }
    }
    Ok(())
}

/// A script that is being made.
struct Maker {
    rng: Rng,
    /// Each in a slot of its own, for all that one knows.
    plain: Vec<String>,
    /// Those of one row share a slot.
    tagged: Vec<Vec<String>>,
}

fn words(line: &str) -> Words {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

impl Script {
    fn generate(seed: u64) -> Script {
        let plain: Vec<String> = (0..4).map(|index| format!("k:{seed}:{index}")).collect();
        let of_tag = |tag| (0..3).map(|index| format!("{{{seed}:{tag}}}{index}")).collect::<Vec<String>>();
        let tagged: Vec<Vec<String>> = (0..2).map(of_tag).collect();
        let mut maker = Maker { rng: Rng::with_seed(seed), plain, tagged };
        let keys = maker.all();
        let mut commands: Vec<Words> = Vec::new();
        for db in DATABASES {
            // Whatever there is, all keys are there when they are deleted, so that the reply is the same in
            // each run.
            let all = [format!("MSET {} v", keys.join(" v ")), format!("DEL {}", keys.join(" "))];
            commands.push(words(&format!("SELECT {db}")));
            commands.extend(all.iter().map(|line| words(line)));
        }
        while commands.len() < SCRIPT_LEN {
            if maker.one_in(30) {
                maker.transaction(&mut commands);
            } else {
                commands.push(maker.command());
            }
        }
        commands.push(words("SELECT 0"));
        Script { seed, keys, commands, expected: Vec::new() }
    }
}

impl Maker {
    fn one_in(&mut self, count: u32) -> bool {
        self.rng.u32(..count) == 0
    }

    fn all(&self) -> Vec<String> {
        self.plain.iter().chain(self.tagged.iter().flatten()).cloned().collect()
    }

    fn choose<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.rng.usize(..texts.len())]
    }

    fn key(&mut self) -> String {
        let keys = self.all();
        keys[self.rng.usize(..keys.len())].clone()
    }

    /// So many keys: of one slot, or of any slots.
    fn some_of(&mut self, count: usize) -> Vec<String> {
        let row = self.rng.usize(..self.tagged.len());
        let keys = if self.rng.bool() { self.tagged[row].clone() } else { self.all() };
        (0..count).map(|_| keys[self.rng.usize(..keys.len())].clone()).collect()
    }

    /// One key in every second case, or several.
    fn keys(&mut self) -> String {
        let count = if self.rng.bool() { 1 } else { self.rng.usize(2..=4) };
        self.some_of(count).join(" ")
    }

    fn value(&mut self) -> String {
        match self.rng.u8(..3) {
            0 => self.rng.u32(..1000).to_string(),
            1 => self.choose(&["", "a", "a\r\nb", "$3\r\nabc\r\n", "*1\r\n"]).to_owned(),
            _ => "v".repeat(self.rng.usize(1..200)),
        }
    }

    fn pairs(&mut self) -> Words {
        let keys = self.keys();
        let keys: Vec<&str> = keys.split(' ').collect();
        keys.into_iter().flat_map(|key| [key.into(), self.value().into_bytes()]).collect()
    }

    /// Any command but those of transactions.
    fn command(&mut self) -> Words {
        let key = self.key();
        let line = match self.rng.u8(..40) {
            0..=6 => format!("GET {key}"),
            7..=10 => return self.set(key),
            11..=13 => format!("INCR {key}"),
            14..=16 => format!("{} {}", self.choose(&["DEL", "UNLINK"]), self.keys()),
            17..=19 => format!("{} {}", self.choose(&["EXISTS", "TOUCH"]), self.keys()),
            20..=23 => format!("MGET {}", self.keys()),
            24..=26 => {
                let name = self.choose(&["MSET", "MSET", "MSET", "MSETNX"]);
                return [words(name), self.pairs()].concat();
            }
            27 | 28 => format!("{} {}", self.choose(&["RENAME", "RENAMENX", "COPY", "LCS"]), self.two()),
            29 | 30 => return [words(&format!("APPEND {key}")), vec![self.value().into_bytes()]].concat(),
            31 | 32 => return [words(&self.push(&key)), vec![self.value().into_bytes()]].concat(),
            33 => format!("{} {key}", self.choose(&["LPOP", "RPOP", "LLEN", "TYPE", "STRLEN"])),
            34 => format!("LRANGE {key} 0 9"),
            35 => format!("LMOVE {} {}", self.two(), self.choose(&["LEFT RIGHT", "RIGHT LEFT"])),
            36 => format!("SELECT {}", self.choose(&DATABASES)),
            37 => format!("{} {}", self.choose(&["PING", "ECHO"]), self.rng.u32(..100)),
            38 => self.choose(&["PING", "UNWATCH", "DISCARD", "EXEC", "TYPE nokey"]).to_owned(),
            _ => {
                let wrong =
                    ["GET", "SET a", "MSET a 1 b", "DEL", "NOSUCH a b", "LPUSH a", "SELECT x", "MGET"];
                self.choose(&wrong).to_owned()
            }
        };
        words(&line)
    }

    fn push(&mut self, key: &str) -> String {
        format!("{} {key}", self.choose(&["LPUSH", "RPUSH", "LPUSHX"]))
    }

    fn two(&mut self) -> String {
        self.some_of(2).join(" ")
    }

    fn set(&mut self, key: String) -> Words {
        let value = if self.one_in(40) { "l".repeat(LONG_VALUE_LEN) } else { self.value() };
        let mut set = vec![b"SET".to_vec(), key.into(), value.into()];
        if self.one_in(6) {
            set.push(self.choose(&["NX", "XX", "GET"]).into());
        }
        set
    }

    /// Perhaps WATCH and some commands, of which some break it, MULTI, some commands, and EXEC or DISCARD.
    fn transaction(&mut self, commands: &mut Vec<Words>) {
        if self.rng.bool() {
            commands.push(words(&format!("WATCH {}", self.keys())));
            (0..self.rng.usize(..3)).for_each(|_| commands.push(self.command()));
        }
        commands.push(words("MULTI"));
        // Half of the transactions have no errors, by which all is refused.
        let is_plain = self.rng.bool();
        for _ in 0..self.rng.usize(..6) {
            commands.push(if is_plain { words(&format!("INCR {}", self.key())) } else { self.command() });
        }
        if self.one_in(10) {
            commands.push(words(self.choose(&["MULTI", "WATCH a"])));
        }
        let is_discarded = self.one_in(8);
        commands.push(words(if is_discarded { "DISCARD" } else { "EXEC" }));
    }
}
