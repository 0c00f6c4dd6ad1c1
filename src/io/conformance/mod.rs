//! What files, links and timers promise, held against the ring and the kernel as well as against the
//! simulation.

mod edits;
mod files;
mod links;
mod timers;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::IntoRawFd;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::Owner;
use super::disk::{Disk, FileDone, FileId, FileOutcome, FileRequest, OpId, OpenMode, REQUESTED_BYTES_MAX};
use super::errands::Errands;
use super::links::{LINK_OUTPUT_BYTES_MAX, LinkEvent, LinkId, Links, What};
use super::ring::{ClientRing, Wait};
use super::simulated::World;
use super::simulated::files::FileChances;
use super::timers::{DueTimer, TimerId, Timers};
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
        assert!(is_idle || !completions.is_empty(), "nothing has woken the ring");
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
            FileChances { short_in: (seed % 4) as usize, interrupted_in: 5, delay_max };
        world.network.chances =
            super::simulated::network::NetworkChances { short_in: (seed % 3) as usize, delay_max };
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
    done: Vec<FileDone>,
    events: Vec<LinkEvent>,
    due: Vec<DueTimer>,
}

impl Seat<'_> {
    fn start(&mut self, request: FileRequest) -> OpId {
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

    fn end_of(&mut self, op: OpId) -> FileDone {
        self.until("ended", |seat| {
            let at = seat.done.iter().position(|done| done.op == op)?;
            Some(seat.done.remove(at))
        })
    }

    fn ended(&mut self, request: FileRequest) -> FileDone {
        let op = self.start(request);
        self.end_of(op)
    }

    fn outcome(&mut self, request: FileRequest) -> FileOutcome {
        self.ended(request).result.unwrap()
    }

    fn errno(&mut self, request: FileRequest) -> i32 {
        self.ended(request).result.unwrap_err().raw_os_error().unwrap()
    }

    fn open(&mut self, name: &str, mode: OpenMode) -> FileId {
        let path = self.stand.root().join(name);
        match self.outcome(FileRequest::Open { path, mode }) {
            FileOutcome::Opened(file) => file,
            other => panic!("{other:?}"),
        }
    }

    fn content(&mut self, name: &str) -> Vec<u8> {
        let file = self.open(name, OpenMode::Read);
        let read = self.ended(FileRequest::Read { file, offset: 0, buffer: Vec::new(), len: 8 << 20 });
        read.result.unwrap();
        assert_eq!(self.outcome(FileRequest::Close { file }), FileOutcome::Complete);
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

fn write(file: FileId, offset: u64, buffer: Vec<u8>) -> FileRequest {
    FileRequest::Write { file, offset, buffer }
}
