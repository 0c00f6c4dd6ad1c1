//! `bench-pauses`: how long a worker's turns take, and how long a probing client waits, while a server is
//! filled, its keys expire in one second, and it evicts. See README.md for the method.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use shoal_bench::cores;
use shoal_bench::environment;
use shoal_bench::load::{self, Outcome, Schedule};
use shoal_bench::resp::Template;
use shoal_bench::rows::server_name;
use shoal_bench::table::Table;
use testkit::client::encode_into;
use testkit::{Client, Kind, Server};

/// Commands in one pipeline of the filling client: so few that executing them is no pause by itself.
const BATCH: u64 = 100;
/// Keys that tell how fast the server is filled, before the time at which all keys expire is set.
const KEYS_TIMED: u64 = 100_000;
/// Expiring lasts at most so long.
const EXPIRE_TIME_MAX: Duration = Duration::from_secs(120);
/// The probing client: requests a second, over so many connections.
const PROBES_PER_S: u64 = 1_000;
const PROBE_CONNECTIONS: usize = 8;
/// A phase takes no longer; the probing client stops then.
const PHASE_TIME_MAX: Duration = Duration::from_secs(600);
/// The goal for a worker's turn at the 99.9th percentile, in microseconds.
const TURN_US_MAX: f64 = 2_000.0;

/// The pauses of a server while it is filled, while its keys expire, and while it evicts.
///
/// The environment variables SHOAL_BIN, REDIS_SERVER and VALKEY_SERVER name other binaries by absolute path.
#[derive(Parser, Debug)]
struct Options {
    /// Keys
    #[arg(long, default_value_t = 10_000_000)]
    keys: u64,
    /// A million keys: to see that it runs
    #[arg(long)]
    quick: bool,
    /// Workers of shoal; with one, the server has a core of its own
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// Measure shoal's turns by the CPU time of their thread: what neighbours take from the core does not
    /// count
    #[arg(long)]
    cpu: bool,
    /// Measure redis-server and Valkey, too: their waits are seen from outside only
    #[arg(long)]
    others: bool,
}

impl Options {
    fn keys(&self) -> u64 {
        if self.quick { 1_000_000 } else { self.keys }
    }
}

/// One phase on one server.
struct Phase {
    server: &'static str,
    name: String,
    seconds: f64,
    probes: Outcome,
    /// INFO's section about workers, where the server has one.
    workers: Vec<(String, String)>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match measure_all(&options) {
        Ok(phases) => {
            print(&phases);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench-pauses: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(options: &Options) -> io::Result<Vec<Phase>> {
    let cores = cores::available()?;
    let placement = cores::place(&cores, options.shards);
    let kinds = if options.others { &[Kind::Shoal, Kind::Redis, Kind::Valkey][..] } else { &[Kind::Shoal] };
    println!("{}", environment::describe(kinds, &cores, 1).join("\n"));
    let Options { shards, cpu, .. } = options;
    let clock = if *cpu { "the CPU time of their thread" } else { "the clock on the wall" };
    println!(
        "{} keys, {shards} shards, server on cores {}, turns by {clock}\n",
        options.keys(),
        placement.server
    );
    cores::pin_this_thread(&placement.generator)?;
    let mut phases = Vec::new();
    for &kind in kinds {
        let clock: &[&str] = if kind == Kind::Shoal && options.cpu { &["--turn-clock", "cpu"] } else { &[] };
        let builder = Server::builder(kind).shards(options.shards).cpus(&placement.server);
        let server = builder.args(clock).try_start()?;
        phases.extend(measure(&server, kind, options.keys())?);
    }
    Ok(phases)
}

/// The four phases on a server that has just been started.
fn measure(server: &Server, kind: Kind, keys: u64) -> io::Result<Vec<Phase>> {
    let name = server_name(kind);
    let mut client = server.client();
    let rate = keys_per_s(server.addr(), keys)?;
    let fill_time = Duration::from_secs_f64(1.3 * keys as f64 / rate) + Duration::from_secs(5);
    let expire_at_ms = unix_ms() + fill_time.as_millis() as u64;
    let mut phases = Vec::new();

    phases.push(phase(server, name, format!("fill {keys} keys that have a time"), || {
        fill(server.addr(), 0..keys, Some(expire_at_ms))
    })?);
    let filled = dbsize(&mut client)?;
    thread::sleep(Duration::from_millis(expire_at_ms.saturating_sub(unix_ms() + 200)));
    phases.push(phase(server, name, format!("{filled} keys expire within a second"), || {
        let deadline = Instant::now() + EXPIRE_TIME_MAX;
        while dbsize(&mut client)? > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    })?);
    let left = dbsize(&mut client)?;
    if left > 0 {
        println!("Note: {name}: {left} keys are still there {EXPIRE_TIME_MAX:?} after their time.");
    }

    phases.push(phase(server, name, format!("fill {keys} keys"), || fill(server.addr(), 0..keys, None))?);
    let used = info(&mut client)?
        .iter()
        .find_map(|(field, value)| (field == "used_memory").then(|| value.parse::<u64>().ok()).flatten())
        .ok_or_else(|| io::Error::other("INFO has no used_memory"))?;
    command(&mut client, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])?;
    phases.push(phase(
        server,
        name,
        format!("limit at {} MB: evict half, write half", used / 2_000_000),
        || {
            command(&mut client, &["CONFIG", "SET", "maxmemory", &(used / 2).to_string()])?;
            fill(server.addr(), keys..keys + keys / 2, None)
        },
    )?);
    println!("{name}: {} keys at the end", dbsize(&mut client)?);
    Ok(phases)
}

/// Runs `work` with a probing client beside it.
fn phase(
    server: &Server,
    name: &'static str,
    phase: String,
    work: impl FnOnce() -> io::Result<()>,
) -> io::Result<Phase> {
    eprintln!("{name}: {phase}");
    let mut client = server.client();
    command(&mut client, &["CONFIG", "RESETSTAT"])?;
    let schedule = Schedule {
        rate_per_s: PROBES_PER_S,
        connections: PROBE_CONNECTIONS,
        time: PHASE_TIME_MAX,
        spin: false,
        number_max: 1_000_000,
    };
    let (address, stop, begin) = (server.addr(), AtomicBool::new(false), Instant::now());
    let (worked, probes) = thread::scope(|scope| {
        let template = Template::new(&["GET", "key:__rand_int__"]);
        let stop = &stop;
        let probing = scope.spawn(move || load::run_until(address, schedule, &template, stop));
        let worked = work();
        stop.store(true, Ordering::Relaxed);
        (worked, probing.join().unwrap_or_else(|_| Err(io::Error::other("the probing client panicked"))))
    });
    worked?;
    let workers = info(&mut client)?.into_iter();
    let workers =
        workers.filter(|(field, _)| field.starts_with("worker") || field == "turns_by_us").collect();
    Ok(Phase { server: name, name: phase, seconds: begin.elapsed().as_secs_f64(), probes: probes?, workers })
}

/// The speed of filling, taken from some keys that are removed again.
fn keys_per_s(address: SocketAddr, keys: u64) -> io::Result<f64> {
    let (count, begin) = (KEYS_TIMED.min(keys), Instant::now());
    fill(address, 0..count, None)?;
    let rate = count as f64 / begin.elapsed().as_secs_f64();
    command(&mut Client::connect(address)?, &["FLUSHALL", "SYNC"])?;
    Ok(rate)
}

/// Sets keys of 16 bytes to values of 32, in pipelines of [`BATCH`]; they expire in the second from
/// `expire_at_ms` on.
fn fill(address: SocketAddr, numbers: std::ops::Range<u64>, expire_at_ms: Option<u64>) -> io::Result<()> {
    let mut client = Client::connect(address)?;
    let (mut next, mut bytes) = (numbers.start, Vec::new());
    while next < numbers.end {
        let batch = next..numbers.end.min(next + BATCH);
        bytes.clear();
        for number in batch.clone() {
            let (key, value) = (format!("key:{number:012}"), "abcdefghijklmnopqrstuvwxyz012345");
            match expire_at_ms {
                Some(at_ms) => encode_into(
                    &mut bytes,
                    &["SET", &key, value, "PXAT", &(at_ms + number % 1_000).to_string()],
                ),
                None => encode_into(&mut bytes, &["SET", &key, value]),
            }
        }
        let replies = client.try_exchange(&bytes, batch.clone().count())?;
        if let Some(error) = replies.iter().find(|reply| reply.is_error()) {
            return Err(io::Error::other(format!("SET: {error}")));
        }
        next = batch.end;
    }
    Ok(())
}

fn command(client: &mut Client, words: &[&str]) -> io::Result<()> {
    let reply = client.try_cmd(words)?;
    if reply.is_error() { Err(io::Error::other(format!("{}: {reply}", words.join(" ")))) } else { Ok(()) }
}

fn dbsize(client: &mut Client) -> io::Result<i64> {
    client.try_cmd(&["DBSIZE"])?.as_int().ok_or_else(|| io::Error::other("DBSIZE is not a number"))
}

/// All fields of INFO.
fn info(client: &mut Client) -> io::Result<Vec<(String, String)>> {
    let text = client.try_cmd(&["INFO"])?.text();
    let fields = text.lines().filter_map(|line| line.trim_end().split_once(':'));
    Ok(fields.map(|(field, value)| (field.to_owned(), value.to_owned())).collect())
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64)
}

// ---
// Output --------------------------------------------------------------------------------------------------

fn print(phases: &[Phase]) {
    for table in [turns_table(phases), waits_table(phases)] {
        println!("\n{}\n{}", table.to_text(), table.to_markdown());
    }
    println!("Turns by microseconds (up to that many), all workers:");
    for phase in phases {
        if let Some((_, buckets)) = phase.workers.iter().find(|(field, _)| field == "turns_by_us") {
            println!("  {}: {}\n    {buckets}", phase.server, phase.name);
        }
    }
    println!("Waits of the probing client by microseconds (up to that many):");
    for phase in phases {
        println!("  {}: {}\n    {}", phase.server, phase.name, buckets(&phase.probes));
    }
    let turns = phases.iter().flat_map(|phase| &phase.workers);
    let worst = turns.filter_map(|(_, fields)| part(fields, "p999_us")).fold(f64::NAN, f64::max);
    let verdict = if worst < TURN_US_MAX { "met" } else { "missed" };
    println!(
        "The longest p99.9 of a turn is {worst:.0} us; the goal is under {TURN_US_MAX:.0} us: {verdict}."
    );
}

/// One of the numbers in a field of INFO that has several.
fn part(fields: &str, name: &str) -> Option<f64> {
    fields.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

fn turns_table(phases: &[Phase]) -> Table {
    let heading =
        ["phase", "worker", "seconds", "turns", "busy ms", "p50 us", "p99 us", "p99.9 us", "longest us"];
    let mut rows = Vec::new();
    for phase in phases {
        for (worker, fields) in phase.workers.iter().filter(|(field, _)| field.starts_with("worker")) {
            let number =
                |name: &str| part(fields, name).map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"));
            let mut row = vec![phase.name.clone(), worker.clone(), format!("{:.1}", phase.seconds)];
            row.extend(["turns", "busy_ms", "p50_us", "p99_us", "p999_us", "max_us"].map(number));
            rows.push(row);
        }
    }
    Table { title: "Turns of shoal's workers".to_owned(), heading: heading.map(str::to_owned).to_vec(), rows }
}

fn waits_table(phases: &[Phase]) -> Table {
    let heading = [
        "phase",
        "server",
        "seconds",
        "probes",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "longest us",
        "sent late, p99.9 us",
    ];
    let rows = phases.iter().map(|phase| {
        let waits = &phase.probes.latency_ns;
        let us = |ns: u64| format!("{:.0}", ns as f64 / 1e3);
        let mut row = vec![phase.name.clone(), phase.server.to_owned(), format!("{:.1}", phase.seconds)];
        row.push(waits.len().to_string());
        row.extend([0.5, 0.99, 0.999].map(|quantile| us(waits.value_at_quantile(quantile))));
        row.extend([us(waits.max()), us(phase.probes.send_lag_ns.value_at_quantile(0.999))]);
        row
    });
    let title = format!("Waits of a client that sends {PROBES_PER_S} GETs a second, from the scheduled time");
    Table { title, heading: heading.map(str::to_owned).to_vec(), rows: rows.collect() }
}

fn buckets(probes: &Outcome) -> String {
    let (waits, mut bound_us, mut below, mut buckets) = (&probes.latency_ns, 1_u64, 0, Vec::new());
    while below < waits.len() {
        let up_to = waits.count_between(0, bound_us * 1_000);
        buckets.push(format!("le_{bound_us}={}", up_to - below));
        (below, bound_us) = (up_to, bound_us * 2);
    }
    buckets.join(",")
}
