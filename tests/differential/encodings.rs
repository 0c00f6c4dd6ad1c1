//! OBJECT ENCODING after random edits near every threshold, of shoal beside a server that decides as Redis
//! 7.2 does: redis-server for strings, hashes and sorted sets, Valkey for lists and sets, which Redis 7.0
//! encodes differently. This file must not know how streams of the other tests are made.

use fastrand::Rng;
use testkit::{Client, Kind, Server, ServerBuilder, Value};

use crate::stream::Step;

/// Commands of one stream, all with the same thresholds.
const STREAM_LEN: usize = 120;
const KEYS: usize = 3;

/// What one stream edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    String,
    List,
    Hash,
    Set,
    SortedSet,
}

impl Family {
    pub(crate) const ALL: [Family; 5] =
        [Family::String, Family::List, Family::Hash, Family::Set, Family::SortedSet];

    /// Who knows how Redis 7.2 encodes this type.
    pub(crate) fn oracle(self) -> Kind {
        match self {
            // Valkey 9 makes strings of up to 64 bytes embstr.
            Family::String | Family::Hash | Family::SortedSet => Kind::Redis,
            Family::List | Family::Set => Kind::Valkey,
        }
    }

    /// Directives and values around which the edits of a stream play.
    fn thresholds(self) -> &'static [(&'static str, &'static [&'static str])] {
        match self {
            Family::String => &[],
            Family::List => &[
                ("list-max-listpack-size", &["-2", "-1", "-5", "4", "10", "1", "0", "128"]),
                ("list-compress-depth", &["0", "1", "2"]),
            ],
            Family::Hash => &[
                ("hash-max-listpack-entries", &["512", "8", "0"]),
                ("hash-max-listpack-value", &["64", "10", "0"]),
            ],
            // With fewer integers than members the result of a command that reads a hash table depends on its
            // order.
            Family::Set => &[
                ("set-max-intset-entries", &["512", "12", "8"]),
                ("set-max-listpack-entries", &["8", "6", "0"]),
                ("set-max-listpack-value", &["64", "10", "0"]),
            ],
            Family::SortedSet => &[
                ("zset-max-listpack-entries", &["128", "8", "0"]),
                ("zset-max-listpack-value", &["64", "10", "0"]),
            ],
        }
    }
}

/// The stream of a seed: thresholds first, then edits.
pub(crate) fn generate(family: Family, seed: u64) -> Vec<Step> {
    let mut generator = Generator { rng: Rng::with_seed(seed), family };
    let thresholds = family.thresholds().iter().map(|(name, values)| {
        let value = generator.rng.choice(*values).expect("there are values");
        format!("CONFIG SET {name} {value}")
    });
    let thresholds: Vec<String> = thresholds.collect();
    let edits = (0..STREAM_LEN).map(|_| generator.edit());
    let step = |args: Vec<Vec<u8>>| Step { connection: 0, pipelined: false, args, row: 0 };
    thresholds.iter().map(|line| words(line)).chain(edits).map(step).collect()
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

struct Generator {
    rng: Rng,
    family: Family,
}

impl Generator {
    fn key(&mut self) -> String {
        format!("k{}", self.rng.usize(..KEYS))
    }

    fn index(&mut self) -> i32 {
        self.rng.i32(-12..12)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.rng.usize(..limit)
    }

    fn one_of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        self.rng.choice(texts).expect("there are texts")
    }

    /// An integer, a word around the lengths that matter, or a number that is no integer.
    fn value(&mut self) -> String {
        let letter = self.one_of(&["x", "y"]);
        match self.below(12) {
            0..4 => self.below(14).to_string(),
            4..7 => format!("m{}", self.below(12)),
            7 | 8 => letter.repeat([1, 9, 10, 11][self.below(4)]),
            9 => letter.repeat([43, 44, 45, 63, 64, 65][self.below(6)]),
            10 => self.one_of(&["-1", "007", "9223372036854775807", "9223372036854775808", "1.5"]).to_owned(),
            _ if self.family == Family::List => letter.repeat(
                [2000, 4000, 4080, 4089, 4090, 4097, 8170, 8180, 8190, 8192, 8193, 9000][self.below(12)],
            ),
            _ => self.below(1 << 40).to_string(),
        }
    }

    fn values(&mut self, count_max: usize) -> String {
        let count = 1 + self.below(count_max);
        (0..count).map(|_| self.value()).collect::<Vec<_>>().join(" ")
    }

    /// What an element of a list is replaced by. Redis lets a node grow without a bound in this way, and
    /// shoal does not, so there are no large ones but those that have a node for themselves.
    fn replacement(&mut self) -> String {
        match self.below(4) {
            0 => "z".repeat(66_000),
            _ => format!("r{}", self.below(9)),
        }
    }

    fn edit(&mut self) -> Vec<Vec<u8>> {
        let line = match self.family {
            Family::String => self.string(),
            Family::List => self.list(),
            Family::Hash => self.hash(),
            Family::Set => self.set(),
            Family::SortedSet => self.sorted_set(),
        };
        words(&line)
    }

    fn string(&mut self) -> String {
        let (key, other) = (self.key(), self.key());
        match self.below(13) {
            0..3 => format!("SET {key} {}", self.value()),
            3 => format!("APPEND {key} {}", self.value()),
            4 => format!("INCR {key}"),
            5 => format!("DECRBY {key} 5"),
            6 => format!("INCRBYFLOAT {key} {}", self.one_of(&["1", "1.5"])),
            7 => format!("SETRANGE {key} {} {}", self.below(50), self.value()),
            8 => format!("SETBIT {key} 7 1"),
            9 => format!("GETSET {key} {}", self.value()),
            10 => format!("BITOP AND {key} {other} {key}"),
            11 => format!("COPY {key} {other} REPLACE"),
            _ => format!("MSET {key} {} {other} {}", self.value(), self.value()),
        }
    }

    fn list(&mut self) -> String {
        let (key, other, end) = (self.key(), self.key(), self.one_of(&["LEFT", "RIGHT"]));
        match self.below(22) {
            0..3 => format!("RPUSH {key} {}", self.values(4)),
            3..5 => format!("LPUSH {key} {}", self.values(4)),
            5 => format!("LPOP {key}"),
            6 => format!("RPOP {key}"),
            7 => format!("LPOP {key} {}", 1 + self.below(5)),
            8 => format!("RPOP {key} {}", 1 + self.below(5)),
            9 => format!("LREM {key} {} {}", self.index() / 4, self.value()),
            10 => format!("LTRIM {key} {} {}", self.index(), self.index()),
            11 => format!("LTRIM {key} {} -1", self.below(3)),
            12 => format!("LTRIM {key} 0 {}", 1 + self.below(6)),
            13 | 14 => format!("LSET {key} {} {}", self.index(), self.replacement()),
            15 | 16 => {
                let place = self.one_of(&["BEFORE", "AFTER"]);
                format!("LINSERT {key} {place} {} {}", self.value(), self.value())
            }
            17 => format!("LMOVE {key} {other} {end} {}", self.one_of(&["LEFT", "RIGHT"])),
            18 => format!("LMPOP 2 {key} {other} {end} COUNT {}", 1 + self.below(4)),
            19 => format!("SORT {key} ALPHA STORE {other}"),
            20 => format!("COPY {key} {other} REPLACE"),
            _ => format!("RPUSHX {key} {}", self.values(2)),
        }
    }

    fn hash(&mut self) -> String {
        let (key, other) = (self.key(), self.key());
        match self.below(9) {
            0..3 => format!("HSET {key} {} {}", self.value(), self.value()),
            3 => {
                let pairs = (0..6).map(|_| format!("{} {}", self.value(), self.value())).collect::<Vec<_>>();
                format!("HSET {key} {}", pairs.join(" "))
            }
            4 => format!("HDEL {key} {}", self.values(6)),
            5 => format!("HINCRBY {key} {} 1", self.value()),
            6 => format!("HINCRBYFLOAT {key} {} 1.5", self.value()),
            7 => format!("HSETNX {key} {} {}", self.value(), self.value()),
            _ => format!("COPY {key} {other} REPLACE"),
        }
    }

    fn set(&mut self) -> String {
        let (key, other, third) = (self.key(), self.key(), self.key());
        match self.below(12) {
            0..3 => format!("SADD {key} {}", self.values(6)),
            3 => {
                let numbers = (0..6).map(|_| self.below(30).to_string()).collect::<Vec<_>>();
                format!("SADD {key} {}", numbers.join(" "))
            }
            4 => format!("SREM {key} {}", self.values(8)),
            5 => format!("SREM {key} m0 m1 m2 m3 m4 m5 m6 m7 m8 m9 m10 m11 x y"),
            6 => format!("SMOVE {key} {other} {}", self.value()),
            7 => format!("SUNIONSTORE {key} {other} {third}"),
            8 => format!("SINTERSTORE {key} {other} {third}"),
            9 => format!("SDIFFSTORE {key} {other} {third}"),
            10 => format!("COPY {key} {other} REPLACE"),
            _ => format!("SADD {key} {}", self.below(100)),
        }
    }

    fn sorted_set(&mut self) -> String {
        let (key, other, third) = (self.key(), self.key(), self.key());
        match self.below(14) {
            0..3 => format!("ZADD {key} {} {}", self.below(9), self.value()),
            3 => {
                let pairs = (0..6).map(|_| format!("{} {}", self.below(9), self.value())).collect::<Vec<_>>();
                format!("ZADD {key} {}", pairs.join(" "))
            }
            4 => format!("ZREM {key} {}", self.values(6)),
            5 => format!("ZINCRBY {key} 1 {}", self.value()),
            6 => format!("ZPOPMIN {key} {}", 1 + self.below(5)),
            7 => format!("ZREMRANGEBYRANK {key} {} {}", self.index(), self.index()),
            8 => format!("ZREMRANGEBYSCORE {key} 2 5"),
            9 => format!("ZUNIONSTORE {key} 2 {other} {third}"),
            10 => format!("ZINTERSTORE {key} 2 {other} {third}"),
            11 => format!("ZDIFFSTORE {key} 2 {other} {third}"),
            12 => format!("ZRANGESTORE {key} {other} {} {}", self.index(), self.index()),
            _ => format!("COPY {key} {other} REPLACE"),
        }
    }
}

/// Shoal beside one oracle.
pub(crate) struct Pair {
    subject: (Server, Client),
    oracle: (Server, Client),
}

impl Pair {
    /// `None` without the oracle's program.
    pub(crate) fn start(subject: ServerBuilder, oracle: Kind) -> Option<Pair> {
        let start = |server: Server| {
            let client = server.client();
            (server, client)
        };
        let oracle = Server::builder(oracle).try_start().ok()?;
        Some(Pair { subject: start(subject.start()), oracle: start(oracle) })
    }

    /// Sends a stream to both, which start empty: the first step after which a key is encoded differently,
    /// and how.
    pub(crate) fn difference(&mut self, steps: &[Step]) -> Option<(usize, String)> {
        let (expected, got) = (encodings(&mut self.oracle.1, steps), encodings(&mut self.subject.1, steps));
        let step = expected.iter().zip(&got).position(|(expected, got)| expected != got)?;
        Some((
            step,
            format!("keys k0, k1 and k2 should be\n  {:?}\nbut are\n  {:?}", expected[step], got[step]),
        ))
    }
}

/// How all keys are encoded after each step.
fn encodings(client: &mut Client, steps: &[Step]) -> Vec<Vec<String>> {
    let ask = (0..KEYS).map(|key| words(&format!("OBJECT ENCODING k{key}")));
    let ask: Vec<Vec<Vec<u8>>> = ask.collect();
    let mut commands = vec![words("FLUSHALL")];
    for step in steps {
        commands.push(step.args.clone());
        commands.extend_from_slice(&ask);
    }
    let replies = client.pipeline(&commands);
    assert_eq!(replies[0], Value::ok());
    replies[1..].chunks(1 + KEYS).map(|replies| replies[1..].iter().map(Value::text).collect()).collect()
}
