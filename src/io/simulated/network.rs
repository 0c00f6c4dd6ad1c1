//! A network that delays, cuts and splits.
//!
//! A connection is two sockets. What one sends is on its way for a while, in order, and then lies with the
//! other until it is received; a sender that is so much ahead has to wait. Between machines that cannot see
//! each other nothing arrives until they do again, as packets are sent again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use shards::random::Random;

use crate::io::links::{SocketCall, SocketCalls};

/// Bytes that may be on their way to a socket, or lie there unreceived.
const WINDOW_BYTES: usize = 64 << 10;

/// What may happen by chance. Nothing does by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NetworkChances {
    /// One in so many sends and receives moves fewer bytes than it could; 0 is none.
    pub(crate) short_in: usize,
    /// What is sent is on its way for up to so long.
    pub(crate) delay_max: Duration,
}

#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) chances: NetworkChances,
    pub(crate) now: Duration,
    random: Random,
    sockets: BTreeMap<i32, Socket>,
    next_socket: i32,
    /// Addresses at which somebody listens, with the sockets that were connected there and not accepted.
    listening: BTreeMap<SocketAddr, VecDeque<i32>>,
    /// Pairs of machines, the smaller first, that cannot see each other.
    split: BTreeSet<(IpAddr, IpAddr)>,
    under_way: Vec<Flight>,
    completed: Vec<(IpAddr, u32, Box<SocketCall>, i32)>,
}

#[derive(Debug)]
struct Socket {
    ip: IpAddr,
    peer: Option<i32>,
    /// On its way to this one; nothing is the end.
    arriving: VecDeque<(Duration, Vec<u8>)>,
    inbox: VecDeque<u8>,
    /// The other sends no more.
    has_ended: bool,
    is_reset: bool,
    is_shut_down: bool,
}

#[derive(Debug)]
struct Flight {
    ip: IpAddr,
    index: u32,
    call: Box<SocketCall>,
    /// When a connect arrives, and when its time is over.
    arrives: Duration,
    deadline: Option<Duration>,
    cancelled: bool,
}

/// The network as one machine uses it.
pub(crate) struct CallsOfHost<'a> {
    pub(crate) network: &'a mut Network,
    pub(crate) ip: IpAddr,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Network {
        Network {
            chances: NetworkChances::default(),
            now: Duration::ZERO,
            random: Random::new(seed),
            sockets: BTreeMap::new(),
            next_socket: 3,
            listening: BTreeMap::new(),
            split: BTreeSet::new(),
            under_way: Vec::new(),
            completed: Vec::new(),
        }
    }

    pub(crate) fn listen(&mut self, address: SocketAddr) {
        self.listening.entry(address).or_default();
    }

    /// A socket that was connected to an address, if there is one.
    pub(crate) fn accept(&mut self, address: SocketAddr) -> Option<i32> {
        self.listening.get_mut(&address)?.pop_front()
    }

    /// Two machines cannot see each other from now on, or can again.
    pub(crate) fn set_split(&mut self, a: IpAddr, b: IpAddr, is_split: bool) {
        let pair = (a.min(b), a.max(b));
        if is_split {
            self.split.insert(pair);
        } else {
            self.split.remove(&pair);
        }
    }

    /// Cuts all connections between two machines: both sides learn of it at once, and what was on its way is
    /// lost.
    pub(crate) fn cut(&mut self, a: IpAddr, b: IpAddr) {
        let sockets: Vec<i32> = self.sockets.keys().copied().collect();
        for socket in sockets {
            let peer_ip = self.peer_ip(socket);
            let own_ip = self.sockets[&socket].ip;
            if peer_ip.is_some_and(|peer_ip| (own_ip, peer_ip) == (a, b) || (own_ip, peer_ip) == (b, a)) {
                self.reset(socket);
            }
        }
        self.settle();
    }

    /// A machine has gone: its sockets are no more, and who is connected with them learns of it.
    pub(crate) fn power_loss(&mut self, ip: IpAddr) {
        self.under_way.retain(|flight| flight.ip != ip);
        self.completed.retain(|completed| completed.0 != ip);
        self.listening.retain(|address, _| address.ip() != ip);
        let gone: Vec<i32> =
            self.sockets.iter().filter(|(_, socket)| socket.ip == ip).map(|(&number, _)| number).collect();
        for socket in gone {
            if let Some(peer) = self.sockets.remove(&socket).and_then(|socket| socket.peer) {
                self.reset(peer);
            }
        }
        self.settle();
    }

    /// When something arrives, or a time is over.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let arriving = self.sockets.iter().filter(|&(&number, _)| !self.is_split_from_peer(number));
        let arriving = arriving.filter_map(|(_, socket)| socket.arriving.front().map(|&(due, _)| due));
        let connects = self.under_way.iter().filter_map(|flight| {
            let arrives = (!self.is_blocked(flight)).then_some(flight.arrives);
            let deadline = flight.deadline?;
            Some(arrives.map_or(deadline, |arrives| arrives.min(deadline)))
        });
        arriving.chain(connects).min()
    }

    pub(crate) fn advance(&mut self, now: Duration) {
        self.now = now;
        let numbers: Vec<i32> = self.sockets.keys().copied().collect();
        for number in numbers {
            if self.is_split_from_peer(number) {
                continue;
            }
            let socket = self.sockets.get_mut(&number).expect("its number was read just now");
            while socket.arriving.front().is_some_and(|&(due, _)| due <= now) {
                let (_, bytes) = socket.arriving.pop_front().expect("there is a first");
                socket.has_ended |= bytes.is_empty();
                socket.inbox.extend(bytes);
            }
        }
        self.settle();
    }

    pub(crate) fn take_completed(&mut self) -> Vec<(IpAddr, u32, Box<SocketCall>, i32)> {
        std::mem::take(&mut self.completed)
    }

    /// Ends all calls that can end.
    fn settle(&mut self) {
        let mut at = 0;
        while at < self.under_way.len() {
            let mut flight = self.under_way.remove(at);
            match self.outcome(&mut flight) {
                None => {
                    self.under_way.insert(at, flight);
                    at += 1;
                }
                Some(result) => {
                    let result = result.unwrap_or_else(|errno| -errno);
                    self.completed.push((flight.ip, flight.index, flight.call, result));
                    // It may be what another has waited for.
                    at = 0;
                }
            }
        }
    }

    fn outcome(&mut self, flight: &mut Flight) -> Option<Result<i32, i32>> {
        if flight.cancelled {
            return Some(Err(libc::ECANCELED));
        }
        let is_blocked = self.is_blocked(flight);
        match &mut *flight.call {
            SocketCall::Connect { socket, address, .. } => {
                if self.now >= flight.arrives && !is_blocked {
                    return Some(self.connect(*socket, *address));
                }
                flight.deadline.is_some_and(|deadline| self.now >= deadline).then_some(Err(libc::ECANCELED))
            }
            SocketCall::Send { socket, buffer, from } => self.send(*socket, &buffer[*from..]),
            SocketCall::Receive { socket, buffer } => self.receive(*socket, buffer),
            SocketCall::Close { socket } => {
                self.shut_down(*socket);
                Some(self.sockets.remove(socket).map(|_| 0).ok_or(libc::EBADF))
            }
        }
    }

    fn connect(&mut self, number: i32, address: SocketAddr) -> Result<i32, i32> {
        if !self.listening.contains_key(&address) {
            return Err(libc::ECONNREFUSED);
        }
        let peer = self.add(address.ip(), Some(number));
        self.sockets.get_mut(&number).ok_or(libc::EBADF)?.peer = Some(peer);
        self.listening.get_mut(&address).expect("somebody listens").push_back(peer);
        Ok(0)
    }

    fn send(&mut self, number: i32, bytes: &[u8]) -> Option<Result<i32, i32>> {
        let Some(socket) = self.sockets.get(&number) else { return Some(Err(libc::EBADF)) };
        if socket.is_reset || socket.is_shut_down {
            return Some(Err(libc::EPIPE));
        }
        let Some(peer) = socket.peer.filter(|peer| self.sockets.contains_key(peer)) else {
            return Some(Err(libc::EPIPE));
        };
        let before = &self.sockets[&peer];
        let waiting =
            before.inbox.len() + before.arriving.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        let len = bytes.len().min(WINDOW_BYTES.saturating_sub(waiting));
        if len == 0 && !bytes.is_empty() {
            return None;
        }
        let len = self.maybe_short(len);
        self.put(peer, bytes[..len].to_vec());
        Some(Ok(len as i32))
    }

    fn receive(&mut self, number: i32, buffer: &mut [u8]) -> Option<Result<i32, i32>> {
        let Some(socket) = self.sockets.get_mut(&number) else { return Some(Err(libc::EBADF)) };
        if socket.is_reset {
            return Some(Err(libc::ECONNRESET));
        }
        let len = buffer.len().min(socket.inbox.len());
        if len == 0 {
            return (socket.has_ended || socket.is_shut_down).then_some(Ok(0));
        }
        let len = self.maybe_short(len);
        let socket = self.sockets.get_mut(&number)?;
        for (to, byte) in buffer.iter_mut().zip(socket.inbox.drain(..len)) {
            *to = byte;
        }
        Some(Ok(len as i32))
    }

    fn shut_down(&mut self, number: i32) {
        let Some(socket) = self.sockets.get_mut(&number) else { return };
        if !std::mem::replace(&mut socket.is_shut_down, true)
            && let Some(peer) = socket.peer
        {
            self.put(peer, Vec::new());
        }
    }

    /// Puts bytes on their way to a socket, behind those that are.
    fn put(&mut self, number: i32, bytes: Vec<u8>) {
        let due = self.now + self.delay();
        if let Some(socket) = self.sockets.get_mut(&number) {
            let due = socket.arriving.back().map_or(due, |&(last, _)| last.max(due));
            socket.arriving.push_back((due, bytes));
        }
    }

    fn reset(&mut self, number: i32) {
        if let Some(socket) = self.sockets.get_mut(&number) {
            socket.is_reset = true;
            socket.arriving.clear();
            socket.inbox.clear();
        }
    }

    fn add(&mut self, ip: IpAddr, peer: Option<i32>) -> i32 {
        let number = self.next_socket;
        self.next_socket += 1;
        let socket = Socket {
            ip,
            peer,
            arriving: VecDeque::new(),
            inbox: VecDeque::new(),
            has_ended: false,
            is_reset: false,
            is_shut_down: false,
        };
        self.sockets.insert(number, socket);
        number
    }

    fn peer_ip(&self, number: i32) -> Option<IpAddr> {
        let peer = self.sockets.get(&number)?.peer?;
        self.sockets.get(&peer).map(|socket| socket.ip)
    }

    fn is_split(&self, a: IpAddr, b: IpAddr) -> bool {
        self.split.contains(&(a.min(b), a.max(b)))
    }

    fn is_split_from_peer(&self, number: i32) -> bool {
        self.peer_ip(number).is_some_and(|peer_ip| self.is_split(self.sockets[&number].ip, peer_ip))
    }

    /// A connect cannot arrive.
    fn is_blocked(&self, flight: &Flight) -> bool {
        match &*flight.call {
            SocketCall::Connect { address, .. } => self.is_split(flight.ip, address.ip()),
            _ => false,
        }
    }

    fn delay(&mut self) -> Duration {
        let delay_max = self.chances.delay_max.as_micros() as usize;
        Duration::from_micros(self.random.below(delay_max + 1) as u64)
    }

    fn maybe_short(&mut self, len: usize) -> usize {
        let is_short = len > 1 && self.chances.short_in > 0 && self.random.one_in(self.chances.short_in);
        if is_short { 1 + self.random.below(len - 1) } else { len }
    }
}

impl SocketCalls for CallsOfHost<'_> {
    fn open(&mut self, _: SocketAddr, _: Option<IpAddr>) -> io::Result<i32> {
        Ok(self.network.add(self.ip, None))
    }

    fn begin(&mut self, index: u32, call: Box<SocketCall>) {
        let arrives = self.network.now + self.network.delay();
        let deadline = match &*call {
            SocketCall::Connect { timeout, .. } => Some(self.network.now + *timeout),
            _ => None,
        };
        let flight = Flight { ip: self.ip, index, call, arrives, deadline, cancelled: false };
        self.network.under_way.push(flight);
        self.network.settle();
    }

    fn cancel(&mut self, index: u32) {
        let ip = self.ip;
        let mut flights = self.network.under_way.iter_mut();
        if let Some(flight) = flights.find(|flight| (flight.ip, flight.index) == (ip, index)) {
            flight.cancelled = true;
        }
        self.network.settle();
    }

    fn shut_down(&mut self, socket: i32) {
        self.network.shut_down(socket);
        self.network.settle();
    }
}
