//! A client on its way to another worker: what it is while it travels, and what is said of it before.
//!
//! This file must not know workers or rings.

use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use shards::reply::Reply;
use shards::slot::ShardId;

use crate::io::socket::Socket;
use crate::node::client_workers::Seat;
use crate::node::journey::Journey;
use crate::protocol::QueryBuffer;
use crate::session::Session;
use crate::session::client::{CallerKind, Client};
use crate::session::filter::ClientFilter;
use crate::session::order::Departure;
use crate::tracking::kept::KeptCopies;

/// What another worker has to know of a client that will come, so that it is in CLIENT LIST and can be killed
/// while no worker has it.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The worker that it comes to.
    pub to: ShardId,
    /// Its number in the process.
    pub id: u64,
    /// Its line of CLIENT LIST.
    pub line: String,
    peer: Box<str>,
    local: Box<str>,
    authenticated: bool,
    /// Over when it has been killed or closed, on either worker: nobody meets it any more.
    pub journey: Arc<Journey>,
}

impl Expected {
    /// What there is to say of a client.
    pub fn of(client: &Client, departure: &Departure, now_ms: u64) -> Arc<Expected> {
        Arc::new(Expected {
            to: departure.to,
            id: client.session.id,
            line: client.line(now_ms),
            peer: client.peer.clone(),
            local: client.local.clone(),
            authenticated: client.session.authenticated,
            journey: Arc::clone(&departure.journey),
        })
    }

    /// True when the client is meant. It subscribes to nothing.
    pub fn is_meant(&self, filter: &ClientFilter) -> bool {
        !self.journey.is_over()
            && filter.matches_one(self.id, false, &self.peer, &self.local, self.authenticated)
    }
}

/// A client that will come, and what its next worker has for it. One for each.
pub struct Coming {
    /// What is known of it.
    pub expected: Arc<Expected>,
    /// What it has to be told in the place of another client (CLIENT TRACKING REDIRECT).
    pub copies: KeptCopies,
}

impl Coming {
    /// It is the client of this number, and goes.
    pub fn is_awaited(&self, id: u64) -> bool {
        self.expected.id == id && !self.expected.journey.is_over()
    }
}

/// What a worker can be asked about a client that will be handed over.
#[derive(Clone)]
pub enum HandOverQuestion {
    /// To the one that it comes to: list it.
    Expect(Arc<Expected>),
    /// Say that you have taken all that was sent to you before this.
    Fence,
}

/// What one worker tells another of a client that was announced.
pub enum HandOver {
    /// Here it is.
    Comes(Box<Travelling>),
    /// It does not come.
    Stays(u64),
}

/// A client without its worker: nothing of it is under way, in the kernel or elsewhere.
pub struct Travelling {
    socket: Option<OwnedFd>,
    session: Session,
    seat: Option<Seat>,
    query: QueryBuffer,
    /// Replies that have not been sent.
    ready: Reply,
    stopped: bool,
    end_of_input: bool,
    soft_limit_since_ms: Option<NonZero<u64>>,
    peer: Box<str>,
    local: Box<str>,
    is_local: bool,
}

impl Travelling {
    /// Takes the client apart. `Client::is_at_rest` holds.
    pub fn of(client: Client) -> Travelling {
        let Client {
            socket,
            session,
            seat,
            query,
            mut replies,
            stopped,
            end_of_input,
            soft_limit_since_ms,
            peer,
            local,
            is_local,
            ..
        } = client;
        let ready = std::mem::take(replies.ready());
        let socket = socket.map(Socket::into_fd);
        Travelling {
            socket,
            session,
            seat,
            query,
            ready,
            stopped,
            end_of_input,
            soft_limit_since_ms,
            peer,
            local,
            is_local,
        }
    }

    /// Its number in the process.
    pub fn id(&self) -> u64 {
        self.session.id
    }

    /// Bytes that travel with it.
    pub fn bytes_held(&self) -> usize {
        self.query.memory_bytes() + self.ready.total_len() + self.session.bytes_held()
    }

    /// The client, for its new worker, and its replies, which go into its new queue.
    pub fn arrive(self) -> (Client, Reply) {
        let Travelling {
            socket,
            session,
            seat,
            query,
            ready,
            stopped,
            end_of_input,
            soft_limit_since_ms,
            peer,
            local,
            is_local,
        } = self;
        let mut client = Client::without_socket(session);
        client.kind = CallerKind::Normal;
        client.socket = socket.map(Socket::new);
        client.seat = seat;
        client.query = query;
        client.stopped = stopped;
        client.end_of_input = end_of_input;
        client.soft_limit_since_ms = soft_limit_since_ms;
        (client.peer, client.local, client.is_local) = (peer, local, is_local);
        (client, ready)
    }
}
