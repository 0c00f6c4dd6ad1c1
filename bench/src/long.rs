//! Commands that take long: what one costs, and what a client on the other core sees of it. Plain blocking
//! sockets. It does not ask which server it talks to.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use testkit::Client;

use crate::random::SplitMix;
use crate::resp::{ReplyScanner, Template};
use crate::rows::CommandWords;

/// Fewer commands than this are not measured, however long they take.
const COMMANDS_MIN: u64 = 3;
/// Connections that are tried for probing. The kernel spreads them over the workers, about half on each of
/// two.
const CANDIDATES: usize = 8;
/// Commands by which a connection is tried: so many more of them must have crossed to another core.
const TRIALS: u64 = 16;
/// The field of INFO that counts commands which another core has executed; only shoal has it.
const CROSSED_FIELD: &str = "shoal_remote_commands";
/// Probes a second, over all connections.
const PROBES_PER_S: u64 = 1_000;
/// A reply takes no longer.
const REPLY_TIME_MAX: Duration = Duration::from_secs(30);

/// One connection that sends a request and waits for its reply.
struct Line {
    stream: TcpStream,
    scanner: ReplyScanner,
    buffer: Vec<u8>,
    request: Vec<u8>,
}

impl Line {
    fn connect(address: SocketAddr) -> io::Result<Line> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIME_MAX))?;
        Ok(Line { stream, scanner: ReplyScanner::default(), buffer: vec![0; 1 << 18], request: Vec::new() })
    }

    fn send(&mut self, template: &Template, number: u64) -> io::Result<()> {
        self.request.clear();
        template.write(&mut self.request, || number);
        self.stream.write_all(&self.request)
    }

    /// Reads one reply; an error reply is an error.
    fn receive(&mut self) -> io::Result<()> {
        loop {
            let len = self.stream.read(&mut self.buffer)?;
            if len == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection"));
            }
            let complete = self.scanner.feed(&self.buffer[..len])?;
            if let Some(text) = self.scanner.first_error() {
                return Err(io::Error::new(ErrorKind::InvalidData, format!("the server replied: {text}")));
            }
            if complete > 0 {
                return Ok(());
            }
        }
    }
}

/// Sends a command again and again, one at a time, for `time` and [`COMMANDS_MIN`] times at least; how often
/// it was answered.
///
/// # Errors
/// What the socket says; `InvalidData` for an error reply.
pub fn repeat(address: SocketAddr, command: CommandWords, time: Duration) -> io::Result<u64> {
    repeat_until(address, command, |begin, count| count >= COMMANDS_MIN && begin.elapsed() >= time)
}

fn repeat_until(
    address: SocketAddr,
    command: CommandWords,
    is_over: impl Fn(Instant, u64) -> bool,
) -> io::Result<u64> {
    let (mut line, template) = (Line::connect(address)?, Template::new(command));
    let (begin, mut count) = (Instant::now(), 0);
    while !is_over(begin, count) {
        line.send(&template, 0)?;
        line.receive()?;
        count += 1;
    }
    Ok(count)
}

/// What clients saw beside a long command.
#[derive(Debug)]
pub struct Seen {
    /// From the scheduled time of a probe to its reply, in nanoseconds.
    pub latency_ns: Histogram<u64>,
    /// Long commands a second that were answered meanwhile.
    pub long_per_s: f64,
    /// Connections that were on another core than the long command.
    pub connections_apart: usize,
}

/// Probes for `time` while `long` runs without a pause. Probes go over those connections that the server has
/// put on another core than that of the shard with `busy_key`, where the long command runs; over all where
/// there is none.
///
/// # Errors
/// What the sockets say; `InvalidData` for an error reply.
pub fn beside(
    address: SocketAddr,
    probe: CommandWords,
    number_max: u64,
    long: Option<CommandWords>,
    busy_key: &str,
    time: Duration,
) -> io::Result<Seen> {
    let (mut lines, connections_apart) = lines_apart(address, busy_key)?;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let looping =
            long.map(|long| scope.spawn(|| repeat_until(address, long, |_, _| stop.load(Ordering::Relaxed))));
        let begin = Instant::now();
        let latency_ns = probe_for(&mut lines, &Template::new(probe), number_max, time);
        stop.store(true, Ordering::Relaxed);
        let count = looping.map_or(Ok(0), |thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread of the long command panicked")))
        })?;
        let long_per_s = count as f64 / begin.elapsed().as_secs_f64();
        Ok(Seen { latency_ns: latency_ns?, long_per_s, connections_apart })
    })
}

/// Connections on another core than the shard that has `key`, and how many they are; all connections when
/// there are none, as on a server that does not tell. Nothing else may send commands meanwhile.
fn lines_apart(address: SocketAddr, key: &str) -> io::Result<(Vec<Line>, usize)> {
    let trial = Template::new(&["TYPE", key]);
    let mut counting = Client::connect(address)?;
    let mut lines = Vec::new();
    for _ in 0..CANDIDATES {
        let mut line = Line::connect(address)?;
        let before = commands_crossed(&mut counting)?;
        for _ in 0..TRIALS {
            line.send(&trial, 0)?;
            line.receive()?;
        }
        let crossed = commands_crossed(&mut counting)?.zip(before).map(|(after, before)| after - before);
        lines.push((crossed.is_some_and(|crossed| crossed >= TRIALS), line));
    }
    let apart = lines.iter().filter(|(is_apart, _)| *is_apart).count();
    let chosen = lines.into_iter().filter(|(is_apart, _)| *is_apart || apart == 0);
    Ok((chosen.map(|(_, line)| line).collect(), apart))
}

/// How many commands were executed by another core than that of their connection, if the server counts them.
fn commands_crossed(client: &mut Client) -> io::Result<Option<u64>> {
    let text = client.try_cmd(&["INFO", "stats"])?.text();
    let value = text.lines().find_map(|line| line.strip_prefix(CROSSED_FIELD)?.strip_prefix(':'));
    Ok(value.and_then(|value| value.trim_end().parse().ok()))
}

/// One probe at a time at the times of a schedule; a late reply makes those behind it late, and they count
/// from the time at which they were due.
fn probe_for(
    lines: &mut [Line],
    probe: &Template,
    number_max: u64,
    time: Duration,
) -> io::Result<Histogram<u64>> {
    // A sleep must not end late by more than the latency that is measured.
    rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1))?;
    let mut latency_ns =
        Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are constants that fit");
    let mut random = SplitMix(0xAB_5EED);
    let interval = Duration::from_secs(1).div_f64(PROBES_PER_S as f64);
    let begin = Instant::now();
    let mut due = begin;
    for turn in 0.. {
        if due >= begin + time {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let index = turn % lines.len();
        lines[index].send(probe, random.next_u64() % number_max)?;
        lines[index].receive()?;
        latency_ns.saturating_record(due.elapsed().as_nanos() as u64);
        due += interval;
    }
    Ok(latency_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn answering(reply: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            while let Ok(1..) = stream.read(&mut buffer) {
                if stream.write_all(reply).is_err() {
                    return;
                }
            }
        });
        address
    }

    #[test]
    fn a_command_is_repeated_until_its_time_is_over_and_a_few_times_at_least() {
        assert_eq!(repeat(answering(b"*1\r\n:1\r\n"), &["X"], Duration::ZERO).unwrap(), COMMANDS_MIN);
    }

    #[test]
    fn a_server_that_refuses_the_command_is_not_measured() {
        let error = repeat(answering(b"-ERR unknown command\r\n"), &["X"], Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("unknown command"));
    }
}
