//! One row on one server: start, fill, warm up, measure, stop. Returns plain figures; it must not know how
//! they are compared or printed.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Kind, Server, TempDir};

use crate::background::Beside;
use crate::closed_loop::ClosedLoop;
use crate::cores::{self, Placement};
use crate::disturbance::Watch;
use crate::fill;
use crate::load::{self, Schedule};
use crate::long;
use crate::resp::Template;
use crate::rows::{
    CONNECTIONS, CONNECTIONS_BESIDE, Clients, CommandWords, DEFAULT_SET_NUMBERS, Fill, Row, Work,
};

/// Requests of the run that warms a server up and tells how many requests fill the measured time; for each
/// connection and each command of its pipeline.
const WARM_UP_REQUESTS: u64 = 800;

/// The same for an open loop, whose rate is known.
const WARM_UP: Duration = Duration::from_secs(1);

/// Descriptors that a process needs besides its connections: listeners, logs, rings, the standard three.
const SPARE_FILES: u64 = 200;

/// After data or connections came, until their memory is read: lets rehashing end and buffers go back.
const SETTLE: Duration = Duration::from_secs(4);

/// The same for idle connections: Redis looks at a client once a second, takes its query buffer away after
/// two idle seconds, and halves its reply buffer every five.
const SETTLE_CONNECTIONS: Duration = Duration::from_secs(25);

/// How long each part takes.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The measured part of a closed or open loop.
    pub load: Duration,
    /// The watch over an idle node.
    pub idle: Duration,
}

/// The machine's limits, found once.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Cores that may be used.
    pub cores: Vec<usize>,
    /// Files that a process may open.
    pub open_files: u64,
}

impl Machine {
    /// The connections that can be held open of `wanted`, on both sides.
    pub fn connections(&self, wanted: u64) -> u64 {
        wanted.min(self.open_files.saturating_sub(SPARE_FILES))
    }
}

/// Measures a row on a server: one figure for each of the row's columns, in their order.
///
/// # Errors
/// When the server does not start, refuses a command, or the generator fails.
pub fn measure(row: &Row, kind: Kind, machine: &Machine, timing: Timing) -> io::Result<Vec<f64>> {
    let placement = cores::place(&machine.cores, row.shards);
    cores::pin_this_thread(generator_cores(row, &placement))?;
    let server = start(row, kind, machine, &placement)?;
    let watch = Watch::begin(&server)?;
    let mut figures = figures(row, &server, machine, timing, placement.is_apart())?;
    figures.push(100.0 * watch.others(&server)?);
    Ok(figures)
}

/// A generator that probes the second shard's core keeps off the first one, where the long command runs.
fn generator_cores<'a>(row: &Row, placement: &'a Placement) -> &'a [usize] {
    match row.work {
        Work::BesideLong { .. } => &placement.generator[placement.generator.len() - 1..],
        _ => &placement.generator,
    }
}

fn figures(
    row: &Row,
    server: &Server,
    machine: &Machine,
    timing: Timing,
    spin: bool,
) -> io::Result<Vec<f64>> {
    match row.work {
        Work::ClosedLoop { command, pipeline, clients: Clients { generators, connections }, fill } => {
            fill::fill(server.addr(), fill)?;
            let number_max = fill.count;
            let run = ClosedLoop { port: server.port(), connections, pipeline, command, number_max };
            closed_loop(server, run, generators, timing.load, u64::MAX)
        }
        Work::DefaultSet { command, pipeline, fills, requests_max } => {
            fill_all(server, fills)?;
            let number_max = DEFAULT_SET_NUMBERS;
            let run =
                ClosedLoop { port: server.port(), connections: CONNECTIONS, pipeline, command, number_max };
            closed_loop(server, run, 1, timing.load, requests_max)
        }
        Work::LongCommand { command, fills } => {
            fill_all(server, fills)?;
            long_command(server, command, timing.load)
        }
        Work::BesideLong { probe, long, fills } => {
            fill_all(server, fills)?;
            beside_long(server, probe, long, fills, timing.load)
        }
        Work::Beside { command, others, fill } => {
            fill::fill(server.addr(), fill)?;
            let beside = others.map(|load| Beside::begin(server.addr(), load, fill.count)).transpose()?;
            let run = ClosedLoop {
                port: server.port(),
                connections: CONNECTIONS_BESIDE,
                pipeline: 1,
                command,
                number_max: fill.count,
            };
            let figures = closed_loop(server, run, 1, timing.load, u64::MAX)?;
            let groups_per_s = beside.map_or(Ok(0.0), Beside::end)?;
            Ok(vec![1e6 / figures[0], figures[1], figures[2], figures[3], groups_per_s])
        }
        Work::OpenLoop { command, rate_per_s, fill } => {
            fill::fill(server.addr(), fill)?;
            let schedule = Schedule {
                rate_per_s,
                connections: CONNECTIONS,
                time: timing.load,
                spin,
                number_max: fill.count,
            };
            open_loop(server, schedule, command)
        }
        Work::BytesPerKey { fill } => bytes_per_item(server, fill, fill.count, fill.count),
        Work::BytesPerItem { fill, keys, items } => bytes_per_item(server, fill, keys, items),
        Work::IdleNode => Ok(idle_node(server, timing.idle)),
        Work::IdleConnections { count } => bytes_per_connection(server, machine.connections(count)),
    }
}

fn start(row: &Row, kind: Kind, machine: &Machine, placement: &Placement) -> io::Result<Server> {
    let mut builder = Server::builder(kind).shards(row.shards).cpus(&placement.server);
    // Only the probing client needs connections of every worker.
    if !matches!(row.work, Work::BesideLong { .. }) {
        builder = builder.default_client_workers();
    }
    let settings = TempDir::new()?;
    match (kind, row.work) {
        // Its limit is a part of 10 000 for each thread, which the kernel need not fill alike, and no option.
        (Kind::Kevy, Work::IdleConnections { .. }) => {
            let file = settings.path().join("unlimited.toml");
            std::fs::write(&file, "[server]\nmax_clients = 0\n")?;
            builder = builder.args(["--config".into(), file.into_os_string()]);
        }
        (_, Work::IdleConnections { count }) => {
            let clients_max = machine.connections(count) + 50;
            builder = builder.args(["--maxclients".to_owned(), clients_max.to_string()]);
        }
        _ => {}
    }
    if kind == Kind::Valkey {
        builder = builder.args(["--io-threads".to_owned(), row.shards.to_string()]);
    }
    // It has read its settings when it answers.
    builder.try_start()
}

fn fill_all(server: &Server, fills: &[Fill]) -> io::Result<()> {
    fills.iter().try_for_each(|&fill| fill::fill(server.addr(), fill))
}

/// A run that warms up and one that is measured, both together of at most `requests_max` requests of each
/// generator.
fn closed_loop(
    server: &Server,
    run: ClosedLoop,
    generators: usize,
    time: Duration,
    requests_max: u64,
) -> io::Result<Vec<f64>> {
    let whole_run = WARM_UP_REQUESTS * run.connections as u64 * u64::from(run.pipeline);
    let warm_up_requests = run.whole_pipelines(whole_run.min(requests_max / 10));
    let warm_up = run.run_together(generators, warm_up_requests)?;
    // A whole pipeline of every connection is left over for rounding up.
    let left = requests_max - warm_up_requests - run.whole_pipelines(1);
    let wanted = (warm_up.requests_per_s * time.as_secs_f64()) as u64 / generators as u64;
    let requests = run.whole_pipelines(wanted.min(left));
    let cpu_before = server.cpu_time();
    let report = run.run_together(generators, requests)?;
    let cpu_us = micros(server.cpu_time() - cpu_before) / (requests * generators as u64) as f64;
    Ok(vec![report.requests_per_s, report.p50_ms * 1e3, report.p99_ms * 1e3, cpu_us])
}

fn long_command(server: &Server, command: CommandWords, time: Duration) -> io::Result<Vec<f64>> {
    long::repeat(server.addr(), command, Duration::ZERO)?;
    let (cpu_before, begin) = (server.cpu_time(), Instant::now());
    let count = long::repeat(server.addr(), command, time)? as f64;
    let (cpu, wall) = (server.cpu_time() - cpu_before, begin.elapsed());
    Ok(vec![micros(cpu) / count / 1e3, micros(wall) / count / 1e3, count])
}

/// A key of the shard on which the long commands of the rows run.
const BUSY_KEY: &str = "{b}zset";

fn beside_long(
    server: &Server,
    probe: CommandWords,
    long: Option<CommandWords>,
    fills: &[Fill],
    time: Duration,
) -> io::Result<Vec<f64>> {
    let seen = long::beside(server.addr(), probe, fills[0].count, long, BUSY_KEY, time)?;
    let latency_us = |quantile| seen.latency_ns.value_at_quantile(quantile) as f64 / 1e3;
    let apart = seen.connections_apart as f64;
    Ok(vec![latency_us(0.5), latency_us(0.99), latency_us(0.999), latency_us(1.0), seen.long_per_s, apart])
}

fn open_loop(server: &Server, schedule: Schedule, command: CommandWords) -> io::Result<Vec<f64>> {
    let template = Template::new(command);
    let warm_up = Schedule { time: WARM_UP, ..schedule };
    load::run(server.addr(), warm_up, &template)?;
    let cpu_before = server.cpu_time();
    let outcome = load::run(server.addr(), schedule, &template)?;
    let cpu = server.cpu_time() - cpu_before;
    if outcome.lost > 0 {
        return Err(io::Error::other(format!("{} requests had no reply at the end", outcome.lost)));
    }
    let latency_us = |quantile| outcome.latency_ns.value_at_quantile(quantile) as f64 / 1e3;
    Ok(vec![
        outcome.replies_per_s,
        latency_us(0.5),
        latency_us(0.99),
        latency_us(0.999),
        micros(cpu) / outcome.latency_ns.len() as f64,
        outcome.send_lag_ns.value_at_quantile(0.99) as f64 / 1e3,
    ])
}

fn bytes_per_item(server: &Server, fill: Fill, keys: u64, items: u64) -> io::Result<Vec<f64>> {
    // So that what the first commands of a process cost once is not charged to the keys.
    fill::fill(server.addr(), Fill { count: 1, ..fill })?;
    let before = server.resident_bytes();
    fill::fill(server.addr(), fill)?;
    thread::sleep(SETTLE);
    let growth = server.resident_bytes() as f64 - before as f64;
    let found = server.client().try_cmd(&["DBSIZE"])?.as_int();
    if found != Some(keys as i64) {
        return Err(io::Error::other(format!("DBSIZE is {found:?} after {keys} keys")));
    }
    Ok(vec![growth / items as f64])
}

fn idle_node(server: &Server, time: Duration) -> Vec<f64> {
    thread::sleep(SETTLE);
    let (cpu_before, begin) = (server.cpu_time(), Instant::now());
    thread::sleep(time);
    let busy = server.cpu_time() - cpu_before;
    vec![100.0 * busy.as_secs_f64() / begin.elapsed().as_secs_f64(), server.resident_bytes() as f64 / 1e6]
}

fn bytes_per_connection(server: &Server, count: u64) -> io::Result<Vec<f64>> {
    drop(fill::open_idle_connections(server.addr(), 1)?);
    let before = server.resident_bytes();
    let connections = fill::open_idle_connections(server.addr(), count)?;
    thread::sleep(SETTLE_CONNECTIONS);
    let growth = server.resident_bytes() as f64 - before as f64;
    Ok(vec![growth / connections.len() as f64])
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
