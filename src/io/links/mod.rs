//! Links to other nodes: connections that this node has opened, or has accepted from another node.
//!
//! Connecting in a limited time, sending in order, receiving as much as is asked for, closing when the kernel
//! has let go of everything. The calls themselves are `SocketCalls`, the ring's or those of a simulation with
//! delays and cuts. What is said on a link, and how long it may be silent (`Timers`), is the matter of who
//! owns it.

mod call;
mod on_ring;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use shards::spare::{SPARE_BYTES_MAX, Trim};

pub use call::{SocketCall, SocketCalls};
pub(super) use on_ring::{RingSockets, SocketsOnRing};

use super::numbered::{Number, Numbered};
use super::{Owner, io_result};

/// Bytes that a link takes to be sent and has not sent: what a fast network carries in some milliseconds. Who
/// has more to send, as a snapshot for a replica, goes on when it is told that bytes are sent.
pub const LINK_OUTPUT_BYTES_MAX: usize = 4 << 20;
/// Bytes of one receive at most, whatever is asked for.
pub const RECEIVE_BYTES_MAX: usize = 256 << 10;

/// A link that was opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(Number);

/// What has happened to a link.
#[derive(Debug)]
pub struct LinkEvent {
    /// Which.
    pub link: LinkId,
    /// Whose.
    pub owner: Owner,
    /// What.
    pub what: What,
}

/// What can happen to a link. Nothing comes behind an end or a failure; the link is to be closed.
#[derive(Debug)]
pub enum What {
    /// It stands.
    Connected,
    /// Bytes that were asked for. There are some.
    Received(Vec<u8>),
    /// All bytes that were there when it began have been handed to the kernel.
    Sent,
    /// The other sends no more.
    Ended,
    /// It could not be connected, `ETIMEDOUT` among others, or has broken.
    Failed(io::Error),
}

/// One per worker. Its links are those to replicas, primaries and the nodes of a cluster, whose count is the
/// operator's.
#[derive(Debug, Default)]
pub struct Links {
    links: Numbered<Link>,
    /// Links to be looked at when calls can be begun.
    ready: VecDeque<Number>,
    events: VecDeque<LinkEvent>,
}

#[derive(Debug)]
struct Link {
    owner: Owner,
    state: State,
    /// What a short send has left, from where on.
    rest: Option<(Vec<u8>, usize)>,
    /// Bytes to be sent when that is.
    output: Vec<u8>,
    /// Bytes of the present send that are not sent.
    sending_bytes: usize,
    /// How many bytes are asked for.
    wanted_bytes: usize,
    /// By kind of call.
    under_way: [bool; CALLS],
    is_ready: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Wanted {
        address: SocketAddr,
        source: Option<IpAddr>,
        timeout: Duration,
    },
    Connecting {
        socket: i32,
    },
    Open {
        socket: i32,
    },
    /// Told of, and still to be closed by its owner.
    Broken {
        socket: Option<i32>,
    },
    /// Closed by its owner.
    Closing {
        socket: Option<i32>,
        is_shut_down: bool,
    },
}

/// Kinds of calls of which a link can have one each under way.
const CALLS: usize = 3;
/// Connect, and close.
const ENDS: u32 = 0;
const SEND: u32 = 1;
const RECEIVE: u32 = 2;

impl Links {
    /// Opens a link to another node, from one of our own addresses if one is named.
    pub fn connect(
        &mut self,
        owner: Owner,
        address: SocketAddr,
        source: Option<IpAddr>,
        timeout: Duration,
    ) -> LinkId {
        self.insert(owner, State::Wanted { address, source, timeout })
    }

    /// Makes a link of a connected socket, which belongs to it from then on.
    pub fn adopt(&mut self, owner: Owner, socket: i32) -> LinkId {
        self.insert(owner, State::Open { socket })
    }

    /// Takes bytes to be sent, all or none: those for which there is no room (`LINK_OUTPUT_BYTES_MAX`) are
    /// refused. A link that is connecting takes them too; one that has ended loses them.
    #[must_use = "what is not taken is not sent"]
    pub fn send(&mut self, link: LinkId, bytes: &[u8]) -> bool {
        let Some(found) = self.links.get_mut(link.0) else { return false };
        if bytes.len() > found.room() {
            return false;
        }
        found.output.extend_from_slice(bytes);
        self.make_ready(link.0);
        true
    }

    /// How many bytes a link would take.
    pub fn room(&self, link: LinkId) -> usize {
        self.links.get(link.0).map_or(0, Link::room)
    }

    /// Asks for bytes, once: up to so many, when some come.
    pub fn receive(&mut self, link: LinkId, bytes_max: usize) {
        if let Some(found) = self.links.get_mut(link.0) {
            found.wanted_bytes = bytes_max.clamp(1, RECEIVE_BYTES_MAX);
            self.make_ready(link.0);
        }
    }

    /// Closes a link. Nothing more is told of it; what is not sent is lost.
    pub fn close(&mut self, link: LinkId) {
        let Some(found) = self.links.get_mut(link.0) else { return };
        let socket = match found.state {
            State::Wanted { .. } => None,
            State::Connecting { socket } | State::Open { socket } => Some(socket),
            State::Broken { socket } => socket,
            State::Closing { .. } => return,
        };
        found.state = State::Closing { socket, is_shut_down: false };
        self.events.retain(|event| event.link != link);
        self.make_ready(link.0);
    }

    /// Closes all links.
    pub fn close_all(&mut self) {
        let numbers: Vec<Number> = self.links.numbers().collect();
        numbers.into_iter().for_each(|number| self.close(LinkId(number)));
    }

    /// True when calls are to be begun.
    #[inline]
    pub fn has_queued(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Links that are not closed for good.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins what may begin.
    pub fn submit(&mut self, calls: &mut impl SocketCalls) {
        while let Some(number) = self.ready.pop_front() {
            let Some(link) = self.links.get_mut(number) else { continue };
            link.is_ready = false;
            match link.drive(number, calls) {
                Driven::On => {}
                Driven::Gone => {
                    self.links.remove(number);
                }
                Driven::Failed(error) => self.fail(number, error),
            }
        }
    }

    /// A call has come back.
    pub fn completed(&mut self, index: u32, call: SocketCall, result: i32) {
        let number = self.links.number_at(index >> 2).expect("a link stays while its calls are under way");
        let link = self.links.get_mut(number).expect("this is its number");
        link.under_way[(index & 3) as usize] = false;
        match (link.state, &call) {
            // Linux has closed the socket also when it tells of an error.
            (State::Closing { .. }, SocketCall::Close { .. }) => {
                self.links.remove(number);
                return;
            }
            (State::Closing { .. }, _) => return self.make_ready(number),
            (State::Broken { .. }, _) => return,
            _ => {}
        }
        let is_interrupted = [-libc::EINTR, -libc::EAGAIN].contains(&result);
        match (call, io_result(result)) {
            (SocketCall::Connect { socket, .. }, Ok(_)) => {
                link.state = State::Open { socket };
                self.tell(number, What::Connected);
            }
            (SocketCall::Connect { .. }, Err(error)) => {
                // Nobody but its time-out takes a connect back, or interrupts it.
                let is_late = is_interrupted || error.raw_os_error() == Some(libc::ECANCELED);
                self.fail(
                    number,
                    if is_late { io::Error::from_raw_os_error(libc::ETIMEDOUT) } else { error },
                );
            }
            (SocketCall::Send { buffer, from, .. }, result) if result.is_ok() || is_interrupted => {
                self.sent(number, buffer, from + result.unwrap_or(0));
            }
            (SocketCall::Receive { .. }, Err(_)) if is_interrupted => {}
            (SocketCall::Receive { .. }, Ok(0)) => {
                link.break_off();
                self.tell(number, What::Ended);
            }
            (SocketCall::Receive { mut buffer, .. }, Ok(bytes)) => {
                link.wanted_bytes = 0;
                buffer.truncate(bytes);
                self.tell(number, What::Received(buffer));
            }
            (_, Err(error)) => self.fail(number, error),
            (_, Ok(_)) => {}
        }
        self.make_ready(number);
    }

    /// True when something has happened that has not been taken, or calls are to be begun.
    #[inline]
    pub fn has_news(&self) -> bool {
        !self.events.is_empty() || self.has_queued()
    }

    /// Takes what has happened, in order.
    pub fn next_event(&mut self) -> Option<LinkEvent> {
        self.events.pop_front()
    }

    /// Gives back memory that an unusual turn has needed.
    pub fn trim(&mut self) {
        self.links.trim();
        self.ready.trim();
        self.events.trim();
    }

    fn insert(&mut self, owner: Owner, state: State) -> LinkId {
        let link = Link {
            owner,
            state,
            rest: None,
            output: Vec::new(),
            sending_bytes: 0,
            wanted_bytes: 0,
            under_way: [false; CALLS],
            is_ready: false,
        };
        let number = self.links.insert(link);
        self.make_ready(number);
        LinkId(number)
    }

    fn make_ready(&mut self, number: Number) {
        if let Some(link) = self.links.get_mut(number)
            && !std::mem::replace(&mut link.is_ready, true)
        {
            self.ready.push_back(number);
        }
    }

    /// A send is over.
    fn sent(&mut self, number: Number, mut buffer: Vec<u8>, sent: usize) {
        let link = self.links.get_mut(number).expect("its call has just completed");
        link.sending_bytes = buffer.len() - sent;
        if sent < buffer.len() {
            link.rest = Some((buffer, sent));
            return;
        }
        if link.output.is_empty() && buffer.capacity() <= SPARE_BYTES_MAX {
            buffer.clear();
            link.output = buffer;
        }
        self.tell(number, What::Sent);
    }

    fn fail(&mut self, number: Number, error: io::Error) {
        if let Some(link) = self.links.get_mut(number)
            && !matches!(link.state, State::Broken { .. })
        {
            link.break_off();
            self.tell(number, What::Failed(error));
        }
    }

    fn tell(&mut self, number: Number, what: What) {
        if let Some(link) = self.links.get(number) {
            self.events.push_back(LinkEvent { link: LinkId(number), owner: link.owner, what });
        }
    }
}

/// What becomes of a link that was looked at.
enum Driven {
    On,
    Gone,
    Failed(io::Error),
}

impl Link {
    fn room(&self) -> usize {
        match self.state {
            State::Broken { .. } | State::Closing { .. } => 0,
            _ => LINK_OUTPUT_BYTES_MAX.saturating_sub(self.output.len() + self.sending_bytes),
        }
    }

    fn break_off(&mut self) {
        let socket = match self.state {
            State::Connecting { socket } | State::Open { socket } => Some(socket),
            _ => None,
        };
        self.state = State::Broken { socket };
        (self.output, self.rest) = (Vec::new(), None);
    }

    fn next_to_send(&mut self) -> Option<(Vec<u8>, usize)> {
        let gathered = |output: &mut Vec<u8>| (!output.is_empty()).then(|| (std::mem::take(output), 0));
        self.rest.take().or_else(|| gathered(&mut self.output))
    }

    fn drive(&mut self, number: Number, calls: &mut impl SocketCalls) -> Driven {
        let index = |call: u32| number.index() << 2 | call;
        match self.state {
            State::Wanted { address, source, timeout } => match calls.open(address, source) {
                Ok(socket) => {
                    self.state = State::Connecting { socket };
                    self.under_way[ENDS as usize] = true;
                    calls.begin(index(ENDS), Box::new(SocketCall::Connect { socket, address, timeout }));
                }
                Err(error) => return Driven::Failed(error),
            },
            State::Open { socket } => {
                if !self.under_way[SEND as usize]
                    && let Some((buffer, from)) = self.next_to_send()
                {
                    self.sending_bytes = buffer.len() - from;
                    self.under_way[SEND as usize] = true;
                    calls.begin(index(SEND), Box::new(SocketCall::Send { socket, buffer, from }));
                }
                if !self.under_way[RECEIVE as usize] && self.wanted_bytes > 0 {
                    let buffer = vec![0; self.wanted_bytes];
                    self.under_way[RECEIVE as usize] = true;
                    calls.begin(index(RECEIVE), Box::new(SocketCall::Receive { socket, buffer }));
                }
            }
            State::Closing { socket: None, .. } => return Driven::Gone,
            State::Closing { socket: Some(socket), .. } if self.under_way == [false; CALLS] => {
                // From here on the descriptor is the kernel's: nothing more is done to its number.
                self.state = State::Closing { socket: Some(socket), is_shut_down: true };
                self.under_way[ENDS as usize] = true;
                calls.begin(index(ENDS), Box::new(SocketCall::Close { socket }));
            }
            State::Closing { socket: Some(socket), is_shut_down: false } => {
                self.state = State::Closing { socket: Some(socket), is_shut_down: true };
                calls.shut_down(socket);
                for call in [ENDS, SEND, RECEIVE] {
                    if self.under_way[call as usize] {
                        calls.cancel(index(call));
                    }
                }
            }
            State::Connecting { .. } | State::Broken { .. } | State::Closing { .. } => {}
        }
        Driven::On
    }
}
