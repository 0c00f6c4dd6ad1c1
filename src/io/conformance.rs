//! What files, links and timers promise, held against the ring and the kernel as well as against the simulation.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::IntoRawFd;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::Owner;
use super::disk::{Disk, Done, FileId, OpId, OpenMode, Outcome, REQUESTED_BYTES_MAX, Request};
use super::errands::Errands;
use super::links::{LINK_OUTPUT_BYTES_MAX, LinkEvent, LinkId, Links, What};
use super::ring::{ClientRing, Wait};
use super::simulated::World;
use super::simulated::files::Chances;
use super::timers::{Due, TimerId, Timers};
use crate::host::clock;

const ME: Owner = Owner(7);
const OTHER: Owner = Owner(8);
const LONG: Duration = Duration::from_secs(30);

/// Something that carries requests out.
trait Stand {
    fn disk(&mut self) -> &mut Disk;
    fn links(&mut self) -> &mut Links;
    fn timers(&mut self) -> &mut Timers;
    fn now(&self) -> Duration;
    /// Begins what was asked for, and goes on until something has happened.
    fn turn(&mut self);
    /// A directory that is there.
    fn root(&self) -> PathBuf;
    /// An address at which somebody listens.
    fn listen(&mut self) -> SocketAddr;
    /// The socket of a connection that was made to that address.
    fn accept(&mut self) -> Option<i32>;
    /// An address that does not answer.
    fn silent_address(&mut self) -> SocketAddr;
}

struct OnRing {
    ring: ClientRing,
    errands: Errands,
    root: tempfile::TempDir,
    listener: Option<TcpListener>,
    /// A listener whose queue is full, with what fills it.
    full: Option<(Socket, TcpStream)>,
}

impl OnRing {
    fn new() -> OnRing {
        let (ring, root) = (ClientRing::new().unwrap(), tempfile::tempdir().unwrap());
        OnRing { ring, errands: Errands::default(), root, listener: None, full: None }
    }
}

impl Stand for OnRing {
    fn disk(&mut self) -> &mut Disk {
        &mut self.errands.disk
    }

    fn links(&mut self) -> &mut Links {
        &mut self.errands.links
    }

    fn timers(&mut self) -> &mut Timers {
        &mut self.errands.timers
    }

    fn now(&self) -> Duration {
        clock::monotonic()
    }

    /// Without a tick of the ring: what is waited for has to wake it by itself.
    fn turn(&mut self) {
        self.errands.submit(&mut self.ring);
        // What was taken back before it had begun is gone by now.
        let Errands { disk, links, timers, .. } = &self.errands;
        let is_idle = disk.pending() == 0 && links.is_empty() && timers.nearest().is_none();
        self.ring.submit(if is_idle { Wait::No } else { Wait::AtMost(LONG) }).unwrap();
        let mut completions = Vec::new();
        self.ring.take_completions(&mut completions);
        for completion in completions {
            self.errands.complete(completion, &mut self.ring);
        }
    }

    fn root(&self) -> PathBuf {
        self.root.path().to_owned()
    }

    fn listen(&mut self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        self.listener = Some(listener);
        address
    }

    fn accept(&mut self) -> Option<i32> {
        let listener = self.listener.as_ref().expect("a test listens first");
        listener.set_nonblocking(true).unwrap();
        match listener.accept() {
            Ok((stream, _)) => Some(stream.into_raw_fd()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn silent_address(&mut self) -> SocketAddr {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        // Nobody accepts it, so the queue of one is full, and what comes next is not answered.
        let first = TcpStream::connect(address).unwrap();
        self.full = Some((socket, first));
        address
    }
}

struct Simulated {
    world: World,
    listening: Option<SocketAddr>,
}

impl Simulated {
    fn new(seed: u64) -> Simulated {
        let mut world = World::new(seed, 1);
        let delay_max = Duration::from_millis(seed % 3);
        world.machines[0].files.chances =
            Chances { short_in: (seed % 4) as usize, interrupted_in: 5, delay_max };
        world.network.chances =
            super::simulated::network::Chances { short_in: (seed % 3) as usize, delay_max };
        Simulated { world, listening: None }
    }
}

impl Stand for Simulated {
    fn disk(&mut self) -> &mut Disk {
        &mut self.world.machines[0].disk
    }

    fn links(&mut self) -> &mut Links {
        &mut self.world.machines[0].links
    }

    fn timers(&mut self) -> &mut Timers {
        &mut self.world.machines[0].timers
    }

    fn now(&self) -> Duration {
        self.world.now
    }

    fn turn(&mut self) {
        self.world.step();
    }

    fn root(&self) -> PathBuf {
        PathBuf::from("/")
    }

    fn listen(&mut self) -> SocketAddr {
        let address = SocketAddr::new(self.world.machines[0].ip, 6379);
        self.world.network.listen(address);
        self.listening = Some(address);
        address
    }

    fn accept(&mut self) -> Option<i32> {
        self.world.network.accept(self.listening.expect("a test listens first"))
    }

    fn silent_address(&mut self) -> SocketAddr {
        let address = SocketAddr::from(([10, 0, 0, 99], 1));
        self.world.network.listen(address);
        let own = self.world.machines[0].ip;
        self.world.network.set_split(own, address.ip(), true);
        address
    }
}

/// A stand with what it has told and nobody has asked for yet.
struct Seat<'a> {
    stand: &'a mut dyn Stand,
    done: Vec<Done>,
    events: Vec<LinkEvent>,
    due: Vec<Due>,
}

impl Seat<'_> {
    fn start(&mut self, request: Request) -> OpId {
        self.stand.disk().start(ME, request)
    }

    fn turn(&mut self) {
        self.stand.turn();
        self.take();
    }

    fn take(&mut self) {
        let now = self.stand.now();
        self.done.extend(std::iter::from_fn(|| self.stand.disk().next_done()));
        self.events.extend(std::iter::from_fn(|| self.stand.links().next_event()));
        self.due.extend(std::iter::from_fn(|| self.stand.timers().next_due(now)));
    }

    /// Goes on until something is so. More turns than that would be turns in which nothing can come of it.
    fn until<T>(&mut self, what: &str, mut found: impl FnMut(&mut Seat<'_>) -> Option<T>) -> T {
        for _ in 0..100_000 {
            self.take();
            if let Some(found) = found(self) {
                return found;
            }
            self.turn();
        }
        panic!("not {what}");
    }

    fn end_of(&mut self, op: OpId) -> Done {
        self.until("ended", |seat| {
            let at = seat.done.iter().position(|done| done.op == op)?;
            Some(seat.done.remove(at))
        })
    }

    fn ended(&mut self, request: Request) -> Done {
        let op = self.start(request);
        self.end_of(op)
    }

    fn outcome(&mut self, request: Request) -> Outcome {
        self.ended(request).result.unwrap()
    }

    fn errno(&mut self, request: Request) -> i32 {
        self.ended(request).result.unwrap_err().raw_os_error().unwrap()
    }

    fn open(&mut self, name: &str, mode: OpenMode) -> FileId {
        let path = self.stand.root().join(name);
        match self.outcome(Request::Open { path, mode }) {
            Outcome::Opened(file) => file,
            other => panic!("{other:?}"),
        }
    }

    fn content(&mut self, name: &str) -> Vec<u8> {
        let file = self.open(name, OpenMode::Read);
        let read = self.ended(Request::Read { file, offset: 0, buffer: Vec::new(), len: 8 << 20 });
        read.result.unwrap();
        assert_eq!(self.outcome(Request::Close { file }), Outcome::Complete);
        read.buffer
    }

    fn connect(&mut self, address: SocketAddr, timeout: Duration) -> LinkId {
        self.stand.links().connect(ME, address, None, timeout)
    }

    fn event_of(&mut self, link: LinkId) -> What {
        self.until("told of a link", |seat| {
            let at = seat.events.iter().position(|event| event.link == link)?;
            Some(seat.events.remove(at).what)
        })
    }

    /// Two ends of one connection.
    fn pair(&mut self) -> (LinkId, LinkId) {
        let address = self.stand.listen();
        let ours = self.connect(address, LONG);
        assert!(matches!(self.event_of(ours), What::Connected));
        let socket = self.until("accepted", |seat| seat.stand.accept());
        let theirs = self.stand.links().adopt(OTHER, socket);
        (ours, theirs)
    }

    fn closed(&mut self) {
        self.until("closed", |seat| seat.stand.links().is_empty().then_some(()));
    }
}

/// Runs a test on the ring, on a thread of its own, and in some simulations.
fn on_both(test: impl Fn(&mut Seat<'_>) + Send + Clone + 'static) {
    let seat = |stand: &mut dyn Stand| {
        test(&mut Seat { stand, done: Vec::new(), events: Vec::new(), due: Vec::new() });
    };
    for seed in 0..24 {
        seat(&mut Simulated::new(seed));
    }
    on_ring(test, |_| {});
}

fn on_ring(test: impl Fn(&mut Seat<'_>) + Send + 'static, prepare: fn(&mut OnRing)) {
    let (tell, told) = channel();
    let thread = std::thread::spawn(move || {
        let mut stand = OnRing::new();
        prepare(&mut stand);
        test(&mut Seat { stand: &mut stand, done: Vec::new(), events: Vec::new(), due: Vec::new() });
        drop(stand);
        tell.send(()).unwrap();
    });
    if told.recv_timeout(4 * LONG).is_err() {
        assert!(thread.is_finished(), "the ring sleeps, and nothing wakes it");
        thread.join().unwrap();
    }
}

fn bytes(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|at| (at as u8).wrapping_mul(31).wrapping_add((at >> 8) as u8) ^ seed).collect()
}

fn write(file: FileId, offset: u64, buffer: Vec<u8>) -> Request {
    Request::Write { file, offset, buffer }
}

#[test]
fn a_file_that_was_written_synced_and_renamed_is_read_back() {
    on_both(|seat| {
        let directory = seat.stand.root().join("aof");
        assert_eq!(seat.outcome(Request::MakeDirectory { path: directory.clone() }), Outcome::Complete);
        let file = seat.open("aof/temp", OpenMode::CreateNew);
        let content = bytes(1_500_000, 0);
        let written = seat.ended(write(file, 0, content.clone()));
        assert_eq!((written.moved_bytes, written.buffer == content), (content.len(), true));
        assert_eq!(written.owner, ME);
        assert_eq!(seat.outcome(Request::Sync { file }), Outcome::Complete);
        assert_eq!(seat.outcome(Request::Size { file }), Outcome::Size(content.len() as u64));
        let (from, to) = (directory.join("temp"), directory.join("base"));
        assert_eq!(seat.outcome(Request::Rename { from: from.clone(), to }), Outcome::Complete);
        assert_eq!(seat.outcome(Request::SyncDirectory { path: directory }), Outcome::Complete);
        assert_eq!(seat.outcome(Request::Close { file }), Outcome::Complete);
        assert!(seat.content("aof/base") == content);
        assert_eq!(seat.errno(Request::Remove { path: from }), libc::ENOENT);
    });
}

#[test]
fn a_read_ends_where_the_file_ends() {
    on_both(|seat| {
        let file = seat.open("a", OpenMode::Create);
        seat.outcome(write(file, 0, b"0123456789".to_vec()));
        let read = |offset, len| Request::Read { file, offset, buffer: vec![9; 40], len };
        for (offset, len, expected) in
            [(0, 10, "0123456789"), (8, 10, "89"), (2, 3, "234"), (20, 5, ""), (0, 0, "")]
        {
            let done = seat.ended(read(offset, len));
            assert_eq!((done.result.unwrap(), &*done.buffer), (Outcome::Complete, expected.as_bytes()));
            assert_eq!(done.moved_bytes, expected.len());
        }
    });
}

#[test]
fn requests_of_one_file_are_done_in_their_order() {
    on_both(|seat| {
        let file = seat.open("a", OpenMode::Create);
        let len = 600_000;
        let ops = [
            seat.start(write(file, 0, bytes(len, 1))),
            seat.start(write(file, 10, bytes(len, 2))),
            seat.start(Request::Truncate { file, len_bytes: 20 }),
            seat.start(write(file, 20, b"end".to_vec())),
            seat.start(Request::Size { file }),
            seat.start(Request::Close { file }),
        ];
        let last = ops[ops.len() - 1];
        seat.until("closed", |seat| seat.done.iter().any(|done| done.op == last).then_some(()));
        assert_eq!(seat.done.iter().map(|done| done.op).collect::<Vec<_>>(), ops);
        assert_eq!(seat.done[4].result.as_ref().unwrap(), &Outcome::Size(23));
        seat.done.clear();
        let expected = [&bytes(10, 1)[..], &bytes(10, 2), b"end"].concat();
        assert_eq!(seat.content("a"), expected);
    });
}

#[test]
fn a_sync_lets_later_writes_go_on_and_ends_before_the_file_is_closed() {
    on_both(|seat| {
        let file = seat.open("a", OpenMode::Create);
        let first = seat.start(write(file, 0, bytes(300_000, 1)));
        let sync = seat.start(Request::Sync { file });
        let second = seat.start(write(file, 300_000, bytes(10, 2)));
        let close = seat.start(Request::Close { file });
        seat.until("closed", |seat| seat.done.iter().any(|done| done.op == close).then_some(()));
        let at = |op| seat.done.iter().position(|done| done.op == op).unwrap();
        assert!(at(first) < at(sync) && at(first) < at(second) && at(close) == 3);
        assert!(seat.done.iter().all(|done| done.result.is_ok()));
    });
}

#[test]
fn what_cannot_be_done_says_why() {
    on_both(|seat| {
        let root = seat.stand.root();
        let open = |name: &str, mode| Request::Open { path: root.join(name), mode };
        assert_eq!(seat.errno(open("none", OpenMode::Read)), libc::ENOENT);
        assert_eq!(seat.errno(open("none/a", OpenMode::Create)), libc::ENOENT);
        let file = seat.open("a", OpenMode::CreateNew);
        assert_eq!(seat.errno(open("a", OpenMode::CreateNew)), libc::EEXIST);
        let (from, to) = (root.join("none"), root.join("b"));
        assert_eq!(seat.errno(Request::Rename { from, to }), libc::ENOENT);
        assert_eq!(seat.errno(Request::SyncDirectory { path: root.join("none") }), libc::ENOENT);
        assert_eq!(seat.errno(Request::SyncDirectory { path: root.join("a") }), libc::ENOTDIR);
        let nul = seat.ended(open("a\0b", OpenMode::Read)).result.unwrap_err();
        assert_eq!(nul.kind(), ErrorKind::InvalidInput);
        let close = seat.start(Request::Close { file });
        // It is closed from the moment when that was asked for.
        let refused = seat.ended(write(file, 0, b"late".to_vec()));
        assert_eq!(refused.result.unwrap_err().raw_os_error(), Some(libc::EBADF));
        assert_eq!((&*refused.buffer, refused.moved_bytes), (&b"late"[..], 0));
        seat.end_of(close).result.unwrap();
        assert_eq!(seat.errno(Request::Size { file }), libc::EBADF);
        assert_eq!(seat.errno(Request::Close { file }), libc::EBADF);
        assert_eq!(seat.content("a"), b"");
    });
}

#[test]
fn every_request_ends_once_also_when_it_is_taken_back() {
    on_both(|seat| {
        let file = seat.open("a", OpenMode::Create);
        let mut ops = Vec::new();
        for step in 0..40 {
            ops.push(seat.start(write(file, step * 1000, bytes(1_000_000, step as u8))));
            ops.push(seat.start(Request::Sync { file }));
            if step % 16 == 0 {
                seat.turn();
            }
        }
        ops.push(seat.start(Request::Close { file }));
        for op in ops.iter().rev().step_by(2) {
            seat.stand.disk().cancel(*op);
        }
        seat.until("ended", |seat| (seat.stand.disk().pending() == 0).then_some(()));
        seat.take();
        let mut ended: Vec<_> = seat.done.iter().map(|done| done.op).collect();
        ended.sort();
        ops.sort();
        assert_eq!(ended, ops);
        let is_cancelled = |done: &&Done| {
            done.result.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::ECANCELED))
        };
        assert!(seat.done.iter().filter(is_cancelled).count() > 10);
        assert!(seat.done.iter().all(|done| done.result.is_ok() || is_cancelled(&done)));
        let is_whole = |done: &Done| done.buffer.is_empty() || done.buffer.len() == 1_000_000;
        assert!(seat.done.iter().all(is_whole));
        assert_eq!(seat.stand.disk().under_way(), 0);
    });
}

#[test]
fn more_than_the_bound_is_refused_and_taken_when_there_is_room() {
    on_both(|seat| {
        let file = seat.open("a", OpenMode::Create);
        let large = REQUESTED_BYTES_MAX - 10;
        let read = |len| Request::Read { file, offset: 0, buffer: Vec::new(), len };
        let first = seat.start(read(large));
        assert!(seat.stand.disk().has_room(10) && !seat.stand.disk().has_room(11));
        assert_eq!(seat.errno(read(11)), libc::EAGAIN);
        seat.end_of(first).result.unwrap();
        // A single one may be of any size.
        seat.outcome(read(2 * REQUESTED_BYTES_MAX));
        let many: Vec<_> = (0..1030).map(|_| seat.start(Request::Size { file })).collect();
        let close = seat.start(Request::Close { file });
        let refused = many.iter().filter(|&&op| seat.end_of(op).result.is_err()).count();
        assert_eq!(refused, 6);
        seat.end_of(close).result.unwrap();
    });
}

#[test]
fn what_goes_over_a_link_comes_back_whole_and_in_order() {
    on_both(|seat| {
        let (ours, theirs) = seat.pair();
        let all = bytes(3_000_000, 3);
        let (mut sent, mut back) = (0, Vec::new());
        let mut waiting: Vec<u8> = Vec::new();
        seat.stand.links().receive(ours, 1000);
        seat.stand.links().receive(theirs, 60_000);
        while back.len() < all.len() {
            let piece = &all[sent..all.len().min(sent + 100_000)];
            if !piece.is_empty() && seat.stand.links().send(ours, piece) {
                sent += piece.len();
            }
            let took = waiting.len().min(seat.stand.links().room(theirs));
            assert!(seat.stand.links().send(theirs, &waiting[..took]));
            waiting.drain(..took);
            seat.turn();
            for LinkEvent { link, what, owner } in std::mem::take(&mut seat.events) {
                assert_eq!(owner, if link == ours { ME } else { OTHER });
                match what {
                    What::Received(bytes) if link == ours => {
                        assert!((1..=100_000).contains(&bytes.len()));
                        back.extend_from_slice(&bytes);
                        seat.stand.links().receive(ours, 100_000);
                    }
                    What::Received(bytes) => {
                        waiting.extend_from_slice(&bytes);
                        seat.stand.links().receive(theirs, 60_000);
                    }
                    What::Sent => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(back == all);
        seat.stand.links().close(ours);
        // What the end is told by depends on what was on its way.
        let ended = |what| matches!(what, What::Ended | What::Failed(_));
        let last = seat.until("ended", |seat| {
            seat.events.retain(|event| !matches!(event.what, What::Sent));
            seat.events.pop().map(|event| event.what)
        });
        assert!(ended(last));
        seat.stand.links().close(theirs);
        seat.closed();
    });
}

#[test]
fn a_link_takes_no_more_than_its_bound() {
    on_both(|seat| {
        let (ours, theirs) = seat.pair();
        let too_much = vec![0; LINK_OUTPUT_BYTES_MAX + 1];
        assert!(!seat.stand.links().send(ours, &too_much));
        assert!(seat.stand.links().send(ours, &too_much[1..]));
        assert!(!seat.stand.links().send(ours, b"x"));
        assert_eq!(seat.stand.links().room(ours), 0);
        // The other does not read; what its machine and the network take makes room, but not for ever.
        for link in [ours, theirs] {
            seat.stand.links().close(link);
        }
        assert!(!seat.stand.links().send(ours, b"x"));
        seat.closed();
        assert!(seat.events.is_empty(), "{:?}", seat.events);
    });
}

#[test]
fn a_link_that_nobody_accepts_says_so() {
    on_both(|seat| {
        // Bytes that it takes meanwhile are lost with it.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let link = seat.connect(free, LONG);
        assert!(seat.stand.links().send(link, b"PING\r\n"));
        match seat.event_of(link) {
            What::Failed(error) => assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED)),
            other => panic!("{other:?}"),
        }
        assert!(!seat.stand.links().send(link, b"x"));
        seat.stand.links().close(link);
        seat.closed();
    });
}

#[test]
fn connecting_ends_when_its_time_is_over() {
    on_both(|seat| {
        let address = seat.stand.silent_address();
        let before = seat.stand.now();
        let timeout = Duration::from_millis(30);
        let link = seat.connect(address, timeout);
        match seat.event_of(link) {
            What::Failed(error) => assert_eq!(error.raw_os_error(), Some(libc::ETIMEDOUT)),
            other => panic!("{other:?}"),
        }
        assert!(seat.stand.now() >= before + timeout);
        seat.stand.links().close(link);
        seat.closed();
    });
}

#[test]
fn a_link_can_be_closed_at_any_moment_and_is_silent_from_then_on() {
    on_both(|seat| {
        // Before it has begun to connect, while it does, and while it waits for bytes.
        let address = seat.stand.silent_address();
        let link = seat.connect(address, LONG);
        seat.stand.links().close(link);
        seat.closed();
        let link = seat.connect(address, LONG);
        let now = seat.stand.now();
        seat.stand.timers().set(ME, now + Duration::from_millis(5));
        seat.until("under way", |seat| seat.due.pop());
        seat.stand.links().close(link);
        seat.closed();
        let (ours, theirs) = seat.pair();
        seat.stand.links().receive(ours, 100);
        seat.stand.links().receive(theirs, 100);
        let now = seat.stand.now();
        seat.stand.timers().set(ME, now + Duration::from_millis(5));
        seat.until("under way", |seat| seat.due.pop());
        assert!(seat.events.is_empty());
        seat.stand.links().close(ours);
        assert!(matches!(seat.event_of(theirs), What::Ended));
        seat.stand.links().close(theirs);
        seat.closed();
        assert!(seat.events.is_empty(), "{:?}", seat.events);
    });
}

#[test]
fn timers_come_at_their_times_in_order_and_never_early() {
    on_both(|seat| {
        let begin = seat.stand.now();
        let ms = |ms| begin + Duration::from_millis(ms);
        let mut expected: Vec<(TimerId, Duration)> = Vec::new();
        let far = seat.stand.timers().set(ME, begin + 100 * LONG);
        // Each is nearer than what the ring waits for by then.
        for after in [40, 20, 5] {
            expected.insert(0, (seat.stand.timers().set(ME, ms(after)), ms(after)));
            if after == 20 {
                seat.stand.timers().set(OTHER, Duration::ZERO);
                seat.turn();
            }
        }
        let gone = seat.stand.timers().set(ME, ms(10));
        seat.stand.timers().cancel(gone);
        for (timer, time) in expected {
            let due = seat.until("due", |seat| {
                let at = seat.due.iter().position(|due| due.owner == ME)?;
                Some(seat.due.remove(at))
            });
            assert_eq!(due.timer, timer);
            assert!(seat.stand.now() >= time);
        }
        seat.stand.timers().cancel(far);
        assert_eq!(seat.stand.timers().nearest(), None);
    });
}

#[test]
fn files_are_truncated_also_by_kernels_whose_rings_cannot() {
    let test = |seat: &mut Seat<'_>| {
        let file = seat.open("a", OpenMode::Create);
        seat.start(write(file, 0, b"0123456789".to_vec()));
        assert_eq!(seat.outcome(Request::Truncate { file, len_bytes: 4 }), Outcome::Complete);
        assert_eq!(seat.outcome(Request::Truncate { file, len_bytes: 6 }), Outcome::Complete);
        let read_only = seat.open("a", OpenMode::Read);
        assert_eq!(seat.errno(Request::Truncate { file: read_only, len_bytes: 0 }), libc::EINVAL);
        assert_eq!(seat.content("a"), b"0123\0\0");
    };
    on_ring(test, |stand| stand.errands.files.truncates_aside = true);
    on_ring(test, |_| {});
}

#[test]
fn memory_of_calls_under_way_outlives_whoever_has_asked_for_them() {
    let test = |seat: &mut Seat<'_>| {
        let (ours, _) = seat.pair();
        seat.stand.links().receive(ours, 1000);
        let file = seat.open("a", OpenMode::Create);
        for step in 0..10 {
            seat.start(write(file, step, bytes(200_000, 0)));
        }
        seat.stand.timers().set(ME, Duration::ZERO);
        seat.turn();
        // Dropped here, with what is under way.
    };
    on_ring(test, |_| {});
}
