//! An open loop: requests leave at the times of a fixed schedule, whether or not earlier ones have been
//! answered, and a latency counts from the *scheduled* time. So a server that stalls pays for every request
//! that waited, which a closed loop hides (it stops asking while the server stalls; "coordinated omission").
//!
//! One thread, non-blocking sockets, epoll. It must not know which server it talks to.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;

use crate::random::SplitMix;
use crate::resp::{ReplyScanner, Template};

/// Requests sent in one go before replies are looked at, when the generator itself is behind its schedule.
const SENDS_PER_TURN_MAX: u32 = 64;

/// How long replies are waited for after the last request; what is missing then counts with this long a wait.
const DRAIN: Duration = Duration::from_secs(2);

/// What to send, and when.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Requests per second over all connections.
    pub rate_per_s: u64,
    /// Connections; requests take them in turn.
    pub connections: usize,
    /// How long requests are sent.
    pub time: Duration,
    /// Never sleep: right when the generator has a core of its own, wrong when it shares one with the server.
    pub spin: bool,
    /// Numbers in keys are below this.
    pub number_max: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// From the scheduled time of a request to the end of its reply, in nanoseconds.
    pub latency_ns: Histogram<u64>,
    /// From the scheduled time to the write: how late the generator itself was, in nanoseconds.
    pub send_lag_ns: Histogram<u64>,
    /// Replies per second.
    pub replies_per_s: f64,
    /// Requests without a reply at the end.
    pub lost: u64,
}

struct Connection {
    stream: TcpStream,
    scanner: ReplyScanner,
    /// Bytes that the socket would not take yet.
    unsent: Vec<u8>,
    /// The scheduled times of requests without a reply, oldest first.
    due: VecDeque<Instant>,
}

/// Runs the schedule against the server at `address`.
///
/// # Errors
/// What the sockets say, and `InvalidData` for an error reply: a server that refuses commands is not
/// measured.
pub fn run(address: SocketAddr, schedule: Schedule, template: &Template) -> io::Result<Outcome> {
    Generator::connect(address, schedule)?.run(template, &AtomicBool::new(false))
}

/// As [`run`], and ends sooner when `stop` becomes true.
///
/// # Errors
/// As for [`run`].
pub fn run_until(
    address: SocketAddr,
    schedule: Schedule,
    template: &Template,
    stop: &AtomicBool,
) -> io::Result<Outcome> {
    Generator::connect(address, schedule)?.run(template, stop)
}

struct Generator {
    schedule: Schedule,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    random: SplitMix,
    latency_ns: Histogram<u64>,
    send_lag_ns: Histogram<u64>,
    replies: u64,
}

impl Generator {
    fn connect(address: SocketAddr, schedule: Schedule) -> io::Result<Generator> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(schedule.connections);
        for index in 0..schedule.connections {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll::add(&epoll, &stream, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)?;
            connections.push(Connection {
                stream,
                scanner: ReplyScanner::default(),
                unsent: Vec::new(),
                due: VecDeque::new(),
            });
        }
        Ok(Generator {
            schedule,
            epoll,
            connections,
            random: SplitMix(0x5EED),
            latency_ns: histogram_ns(),
            send_lag_ns: histogram_ns(),
            replies: 0,
        })
    }

    fn run(mut self, template: &Template, stop: &AtomicBool) -> io::Result<Outcome> {
        // The kernel may otherwise end a sleep 50 microseconds late, which would be counted as latency.
        rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
        let interval = Duration::from_secs(1).div_f64(self.schedule.rate_per_s as f64);
        let begin = Instant::now();
        let mut next_due = begin;
        let mut end = next_due + self.schedule.time;
        let mut turn = 0;
        let mut events = Vec::with_capacity(self.connections.len());
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let now = Instant::now();
            if stop.load(Ordering::Relaxed) {
                end = end.min(now);
            }
            let mut sends = 0;
            while next_due <= now && next_due < end && sends < SENDS_PER_TURN_MAX {
                self.send(turn, next_due, template)?;
                turn = (turn + 1) % self.connections.len();
                next_due += interval;
                sends += 1;
            }
            let finished = next_due >= end;
            let waiting = self.connections.iter().any(|connection| !connection.due.is_empty());
            if finished && (!waiting || now > end + DRAIN) {
                return Ok(self.finish(end, end - begin));
            }
            let wake = if finished { end + DRAIN } else { next_due };
            let sleep = if self.schedule.spin { Duration::ZERO } else { wake.saturating_duration_since(now) };
            let timeout = Timespec { tv_sec: sleep.as_secs() as i64, tv_nsec: sleep.subsec_nanos().into() };
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout))?;
            for event in events.drain(..) {
                let flags = event.flags;
                self.serve(event.data.u64() as usize, flags, &mut buffer)?;
            }
        }
    }

    fn send(&mut self, index: usize, due: Instant, template: &Template) -> io::Result<()> {
        let (random, number_max) = (&mut self.random, self.schedule.number_max);
        let connection = &mut self.connections[index];
        let blocked = !connection.unsent.is_empty();
        template.write(&mut connection.unsent, || random.next_u64() % number_max);
        connection.due.push_back(due);
        record(&mut self.send_lag_ns, due.elapsed());
        if !blocked && !connection.flush()? {
            self.watch(index, epoll::EventFlags::IN | epoll::EventFlags::OUT)?;
        }
        Ok(())
    }

    fn serve(&mut self, index: usize, flags: epoll::EventFlags, buffer: &mut [u8]) -> io::Result<()> {
        if flags.contains(epoll::EventFlags::OUT) && self.connections[index].flush()? {
            self.watch(index, epoll::EventFlags::IN)?;
        }
        let connection = &mut self.connections[index];
        let len = match connection.stream.read(buffer) {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed a connection")),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let now = Instant::now();
        for _ in 0..connection.scanner.feed(&buffer[..len])? {
            let Some(due) = connection.due.pop_front() else {
                return Err(io::Error::new(ErrorKind::InvalidData, "a reply that nobody asked for"));
            };
            record(&mut self.latency_ns, now - due);
            self.replies += 1;
        }
        match connection.scanner.first_error() {
            Some(text) => Err(io::Error::new(ErrorKind::InvalidData, format!("the server replied: {text}"))),
            None => Ok(()),
        }
    }

    fn watch(&self, index: usize, flags: epoll::EventFlags) -> io::Result<()> {
        let stream = &self.connections[index].stream;
        Ok(epoll::modify(&self.epoll, stream, epoll::EventData::new_u64(index as u64), flags)?)
    }

    fn finish(mut self, end: Instant, sent_for: Duration) -> Outcome {
        let mut lost = 0;
        for due in self.connections.iter().flat_map(|connection| &connection.due) {
            record(&mut self.latency_ns, (end + DRAIN) - *due);
            lost += 1;
        }
        let replies_per_s = self.replies as f64 / sent_for.as_secs_f64();
        Outcome { latency_ns: self.latency_ns, send_lag_ns: self.send_lag_ns, replies_per_s, lost }
    }
}

impl Connection {
    /// Writes what it can; true when nothing is left.
    fn flush(&mut self) -> io::Result<bool> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(len) => drop(self.unsent.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// Three significant digits, up to a minute.
fn histogram_ns() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are constants that fit")
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(time.as_nanos() as u64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// Answers each read with one reply a request, after a stall of `stall` before the first.
    fn server(stall: Duration, reply: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            thread::sleep(stall);
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = stream.read(&mut buffer) {
                let requests = buffer[..len].iter().filter(|&&byte| byte == b'*').count();
                if stream.write_all(&reply.repeat(requests)).is_err() {
                    return;
                }
            }
        });
        address
    }

    const SCHEDULE: Schedule = Schedule {
        rate_per_s: 500,
        connections: 1,
        time: Duration::from_millis(400),
        spin: false,
        number_max: 10,
    };

    #[test]
    fn a_stall_is_charged_to_every_request_that_was_due_in_it() {
        let stalled = server(Duration::from_millis(200), b"+PONG\r\n");
        let outcome = run(stalled, SCHEDULE, &Template::new(&["PING"])).unwrap();
        assert_eq!(outcome.latency_ns.len(), 200, "one latency a scheduled request");
        assert_eq!(outcome.lost, 0);
        // Requests come every 2 ms: 50 of them were due in the first half of the stall. A closed loop would
        // have seen a single slow request.
        assert!(outcome.latency_ns.count_between(100_000_000, 60_000_000_000) >= 50);
    }

    #[test]
    fn an_error_reply_ends_the_run() {
        let refusing = server(Duration::ZERO, b"-ERR no\r\n");
        let error = run(refusing, SCHEDULE, &Template::new(&["PING"])).unwrap_err();
        assert!(error.to_string().contains("ERR no"));
    }
}
