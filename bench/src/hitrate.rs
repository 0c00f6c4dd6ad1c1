//! `bench-hitrate`: how many requests of a Zipf-distributed load find their key in a cache that holds only
//! part of all keys. The same maxmemory and the same sequence of requests for every server; see README.md for
//! the method.

use std::io;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use shoal_bench::environment;
use shoal_bench::random::SplitMix;
use shoal_bench::rows::server_name;
use shoal_bench::table::Table;
use shoal_bench::zipf::Zipf;
use testkit::client::encode_into;
use testkit::{Client, Kind, Server, Value};

/// What is measured: a server with a number of shards. The second is what the others are held against.
const SUBJECTS: [(Kind, usize); 4] =
    [(Kind::Shoal, 1), (Kind::Shoal, 2), (Kind::Redis, 1), (Kind::Valkey, 1)];
const POLICIES: [&str; 2] = ["allkeys-lru", "allkeys-lfu"];
/// GETs that are sent at once; their misses are SET at once after them, before any other GET.
const BATCH: usize = 64;

/// Hit rates of shoal, redis-server and Valkey under a Zipf-distributed load with the same maxmemory.
///
/// The environment variables SHOAL_BIN, REDIS_SERVER and VALKEY_SERVER name other binaries by absolute path.
#[derive(Parser, Debug)]
struct Options {
    /// Keys that are asked for
    #[arg(long, default_value_t = 1_000_000)]
    keys: usize,
    /// Requests before those that are counted: enough to fill the cache
    #[arg(long, default_value_t = 700_000)]
    warm_up: u64,
    /// Requests that are counted
    #[arg(long, default_value_t = 1_000_000)]
    requests: u64,
    /// The exponent of Zipf's law
    #[arg(long, default_value_t = 0.99)]
    exponent: f64,
    /// Bytes of a value
    #[arg(long, default_value_t = 100)]
    value: usize,
    /// maxmemory in megabytes (2^20 bytes)
    #[arg(long, default_value_t = 24)]
    megabytes: u64,
}

/// What one server made of the load.
struct Figures {
    hit_rate: f64,
    keys_held: i64,
    used_memory: f64,
    resident: f64,
    evicted: f64,
    requests_per_s: f64,
    best_hit_rate: f64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match compare(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-hitrate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> io::Result<()> {
    let cores = shoal_bench::cores::available()?;
    println!("{}\n", environment::describe(&[Kind::Shoal, Kind::Redis, Kind::Valkey], &cores, 1).join("\n"));
    let zipf = Zipf::new(options.keys, options.exponent);
    let title = format!(
        "Hit rates: {} keys, Zipf exponent {}, values of {} bytes, maxmemory {} MB, {} requests",
        options.keys, options.exponent, options.value, options.megabytes, options.requests
    );
    let heading = [
        "policy",
        "server",
        "hit rate, %",
        "of the best, %",
        "keys held",
        "used_memory MB",
        "resident MB",
        "evicted keys",
        "requests/s",
        "hit rate - redis-server's, %",
    ];
    let mut table = Table { title, heading: heading.map(str::to_owned).to_vec(), rows: Vec::new() };
    for policy in POLICIES {
        let mut measured = Vec::new();
        for (kind, shards) in SUBJECTS {
            if environment::binary_of(kind)
                .is_none_or(|binary| environment::first_line(&binary, &["--version"]).is_none())
            {
                println!("Note: {} is not here.", server_name(kind));
                continue;
            }
            let name = if kind == Kind::Shoal {
                format!("shoal, {shards} shards")
            } else {
                server_name(kind).to_owned()
            };
            eprintln!("{policy}: {name}");
            measured.push((kind, name, measure(options, &zipf, kind, shards, policy)?));
        }
        let oracle =
            measured.iter().find(|(kind, ..)| *kind == Kind::Redis).map(|(.., figures)| figures.hit_rate);
        table.rows.extend(measured.iter().map(|(_, name, figures)| line(policy, name, figures, oracle)));
    }
    println!("{}", table.to_text());
    println!("{}", table.to_markdown());
    Ok(())
}

fn line(policy: &str, name: &str, figures: &Figures, oracle: Option<f64>) -> Vec<String> {
    vec![
        policy.to_owned(),
        name.to_owned(),
        format!("{:.2}", 100.0 * figures.hit_rate),
        format!("{:.1}", 100.0 * figures.hit_rate / figures.best_hit_rate),
        figures.keys_held.to_string(),
        format!("{:.1}", figures.used_memory / 1e6),
        format!("{:.1}", figures.resident / 1e6),
        format!("{:.0}", figures.evicted),
        format!("{:.0}", figures.requests_per_s),
        oracle
            .map_or_else(|| "-".to_owned(), |oracle| format!("{:+.2}", 100.0 * (figures.hit_rate - oracle))),
    ]
}

fn measure(options: &Options, zipf: &Zipf, kind: Kind, shards: usize, policy: &str) -> io::Result<Figures> {
    let maxmemory = (options.megabytes << 20).to_string();
    let server = Server::builder(kind)
        .shards(shards)
        .args(["--maxmemory", &maxmemory, "--maxmemory-policy", policy])
        .try_start()?;
    let mut load = Load {
        client: server.client(),
        // Each server gets the same requests.
        random: SplitMix(0x21F),
        value: vec![b'v'; options.value],
        hits: 0,
    };
    load.send(zipf, options.warm_up)?;
    load.hits = 0;
    let begin = Instant::now();
    load.send(zipf, options.requests)?;
    let seconds = begin.elapsed().as_secs_f64();
    let keys_held = load.client.try_cmd(&["DBSIZE"])?.as_int().unwrap_or(0);
    let info = load.client.try_cmd(&["INFO"])?.text();
    Ok(Figures {
        hit_rate: load.hits as f64 / options.requests as f64,
        keys_held,
        used_memory: field(&info, "used_memory"),
        resident: server.resident_bytes() as f64,
        evicted: field(&info, "evicted_keys"),
        requests_per_s: options.requests as f64 / seconds,
        best_hit_rate: zipf.best_hit_rate(keys_held as usize),
    })
}

/// A number in INFO; not a number when it is not there.
fn field(info: &str, name: &str) -> f64 {
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(f64::NAN)
}

/// A client of a cache: asks, and puts in what was not there.
struct Load {
    client: Client,
    random: SplitMix,
    value: Vec<u8>,
    hits: u64,
}

impl Load {
    fn send(&mut self, zipf: &Zipf, requests: u64) -> io::Result<()> {
        let mut left = requests;
        while left > 0 {
            let count = left.min(BATCH as u64);
            let keys: Vec<String> =
                (0..count).map(|_| format!("key:{:012}", zipf.draw(&mut self.random))).collect();
            let mut bytes = Vec::new();
            keys.iter().for_each(|key| encode_into(&mut bytes, &["GET", key]));
            let replies = self.client.try_exchange(&bytes, keys.len())?;
            bytes.clear();
            let mut sets = 0;
            for (key, reply) in keys.iter().zip(&replies) {
                match reply {
                    Value::Bulk(_) => self.hits += 1,
                    Value::NullBulk => {
                        sets += 1;
                        encode_into(&mut bytes, &[b"SET", key.as_bytes(), &self.value]);
                    }
                    other => return Err(io::Error::other(format!("GET: {other}"))),
                }
            }
            if let Some(error) = self.client.try_exchange(&bytes, sets)?.iter().find(|reply| reply.is_error())
            {
                return Err(io::Error::other(format!("SET: {error}")));
            }
            left -= count;
        }
        Ok(())
    }
}
