//! What lies between the workers of a simulated node, and the reply queues of its connections: the world of each router.

use std::collections::VecDeque;

use super::messages::{MessageHop, Subscribed};
use super::{Connection, Events, Life};
use crate::args::Blob;
use crate::notify::Notice;
use crate::reply::Reply;
use crate::router::slot_move::MoveMessage;
use crate::router::wire::{self, Sight, TakenReplies, Wire};
use crate::shard::{Call, Shard};
use crate::slot::ShardId;
use crate::txn::{OwnedCall, Ticket, TxnMessage};

/// What one worker sends another.
pub(super) enum Hop {
    Command(OwnedCall, Ticket),
    Reply(Ticket, Reply),
    Txn(Box<TxnMessage>),
    Move(MoveMessage),
    Taken(TakenReplies),
    Notices(Vec<Notice>),
    /// A client of the sender asks all workers.
    Ask(Ticket),
    Answer(Ticket),
    /// About a published message.
    Message(MessageHop),
}

/// A request of a connection, in the order of its requests.
pub(super) struct Place {
    /// When it went to its shards, in steps of the node.
    pub(super) invoked: u64,
    /// Its reply and the step in which it came.
    pub(super) reply: Option<(u64, Reply)>,
}

/// The reply queue of one connection.
#[derive(Default)]
pub(super) struct Places {
    /// Requests that have been taken up, from the oldest one whose reply has not been taken. One whose reply was begun and is
    /// empty is none: its command was given another place.
    pub(super) list: VecDeque<Place>,
    /// The number of the first place.
    pub(super) first: u32,
    /// How many replies are missing.
    pub(super) awaited: usize,
    pub(super) resp3: bool,
    /// The step at hand.
    step: u64,
}

impl wire::Places for Places {
    fn awaited(&self) -> usize {
        self.awaited
    }

    fn writer(&mut self) -> &mut Reply {
        let is_begun = |place: &Place| place.reply.as_ref().is_some_and(|(_, reply)| reply.is_empty());
        if !self.list.back().is_some_and(is_begun) {
            let reply = Some((self.step, Reply::new(self.resp3)));
            self.list.push_back(Place { invoked: self.step, reply });
        }
        let place = self.list.back_mut().expect("there is one");
        (place.invoked, place.reply.as_mut().expect("it is begun").0) = (self.step, self.step);
        &mut place.reply.as_mut().expect("it is begun").1
    }

    fn next_seq(&self) -> u32 {
        self.first + self.list.len() as u32
    }

    fn reserve(&mut self, _wanted: bool) -> u32 {
        let seq = self.next_seq();
        self.list.push_back(Place { invoked: self.step, reply: None });
        self.awaited += 1;
        seq
    }

    fn asked(&mut self, _bytes: usize) {}
}

impl Places {
    /// The oldest reply, if it has come.
    pub(super) fn take(&mut self) -> Option<(u64, u64, Reply)> {
        loop {
            self.list.front()?.reply.as_ref()?;
            let Place { invoked, reply } = self.list.pop_front()?;
            self.first += 1;
            let (returned, reply) = reply?;
            if !reply.is_empty() {
                return Some((invoked, returned, reply));
            }
        }
    }

    /// The place of a reply that is awaited.
    fn awaited_place(&mut self, seq: u32) -> &mut Place {
        let at = seq.checked_sub(self.first).expect("no reply comes after one was taken");
        let place = self.list.get_mut(at as usize).expect("a ticket has a place");
        assert!(place.reply.is_none(), "two replies for one request");
        place
    }
}

/// A large reply that a shard has made for a connection and that its client has not read.
#[derive(Clone, Copy)]
pub(super) struct Untold {
    pub(super) shard: ShardId,
    pub(super) seq: u32,
    pub(super) bytes: usize,
}

/// All but the routers.
pub(super) struct Net {
    pub(super) workers: usize,
    /// Hops from worker `i` to worker `k` at `i * workers + k`.
    pub(super) queues: Vec<VecDeque<Hop>>,
    /// No more replies are made for a worker while so many hops are on their way to it.
    pub(super) room: usize,
    pub(super) connections: Vec<Connection>,
    /// Of each worker.
    pub(super) subscribed: Vec<Subscribed>,
    /// The worker that is told of all that happens to keys, if there is one, and what it has been told.
    pub(super) witness: Option<ShardId>,
    pub(super) witnessed: Vec<Notice>,
    /// Large replies to clients that have gone, each with the worker of the client.
    pub(super) in_vain: Vec<(ShardId, ShardId, TakenReplies)>,
    pub(super) steps: u64,
    pub(super) now_ms: u64,
    pub(super) events: Events,
    /// The reply for another worker that is being written.
    written: Reply,
}

impl Net {
    pub(super) fn new(workers: usize) -> Net {
        Net {
            workers,
            queues: (0..workers * workers).map(|_| VecDeque::new()).collect(),
            room: usize::MAX,
            connections: Vec::new(),
            subscribed: (0..workers).map(|_| Subscribed::default()).collect(),
            witness: None,
            witnessed: Vec::new(),
            in_vain: Vec::new(),
            steps: 0,
            now_ms: 0,
            events: Events::default(),
            written: Reply::default(),
        }
    }

    pub(super) fn queue(&self, from: ShardId, to: ShardId) -> usize {
        from.index() * self.workers + to.index()
    }

    pub(super) fn send(&mut self, from: ShardId, to: ShardId, hop: Hop) {
        let queue = self.queue(from, to);
        self.queues[queue].push_back(hop);
    }
}

/// The world as one worker's router sees it.
pub(super) struct Desk<'a> {
    pub(super) net: &'a mut Net,
    pub(super) at: ShardId,
}

impl Wire for Desk<'_> {
    type Places = Places;

    fn places(&mut self, connection: u32) -> &mut Places {
        let places = &mut self.net.connections[connection as usize].places;
        places.step = self.net.steps;
        places
    }

    fn fill(&mut self, ticket: Ticket, bytes: &[u8], blobs: &[(usize, Blob)]) {
        assert_eq!(ticket.worker, self.at, "a reply is filled in where its connection is");
        let is_open = self.net.connections[ticket.connection as usize].life == Life::Open;
        assert!(!is_open || !bytes.is_empty() || !blobs.is_empty(), "nothing is no reply");
        let places = self.places(ticket.connection);
        let mut reply = Reply::new(places.resp3);
        reply.append(bytes, blobs);
        let step = places.step;
        places.awaited_place(ticket.seq).reply = Some((step, reply));
        places.awaited -= 1;
    }

    fn owes(&mut self, shard: ShardId, ticket: Ticket, bytes: usize) -> bool {
        let connection = &mut self.net.connections[ticket.connection as usize];
        if connection.life == Life::Open {
            connection.untold.push(Untold { shard, seq: ticket.seq, bytes });
        } else {
            let taken = TakenReplies { connection: ticket.connection, bytes, is_gone: true };
            self.net.in_vain.push((ticket.worker, shard, taken));
        }
        true
    }

    fn look_at(&mut self, connection: u32) {
        self.net.connections[connection as usize].is_looked_at = true;
    }

    fn command(&mut self, to: ShardId, ticket: Ticket, call: Call<'_>) -> usize {
        self.net.send(self.at, to, Hop::Command(call.to_owned(), ticket));
        0
    }

    fn txn(&mut self, to: ShardId, message: TxnMessage) {
        self.net.send(self.at, to, Hop::Txn(Box::new(message)));
    }

    fn moving(&mut self, to: ShardId, message: MoveMessage) {
        self.net.send(self.at, to, Hop::Move(message));
    }

    fn taken(&mut self, to: ShardId, taken: TakenReplies) {
        self.net.send(self.at, to, Hop::Taken(taken));
    }

    fn has_room_for_replies(&self, to: ShardId) -> bool {
        self.net.queues[self.net.queue(self.at, to)].len() < self.net.room
    }

    fn reply_buffer(&mut self, _to: ShardId, resp3: bool) -> &mut Reply {
        assert!(self.net.written.is_empty(), "a reply was written and not sent");
        self.net.written.set_resp3(resp3);
        &mut self.net.written
    }

    fn end_reply(&mut self, ticket: Ticket) {
        let reply = std::mem::take(&mut self.net.written);
        self.net.send(self.at, ticket.worker, Hop::Reply(ticket, reply));
    }

    fn tell(&mut self, _shard: &mut Shard, notices: Vec<Notice>) {
        match self.net.witness {
            None => {}
            Some(witness) if witness == self.at => self.net.witnessed.extend(notices),
            Some(witness) => self.net.send(self.at, witness, Hop::Notices(notices)),
        }
    }

    fn make_room(&mut self, _shard: &mut Shard) {}

    fn clock_ms(&mut self) -> u64 {
        self.net.now_ms
    }

    fn saw(&mut self, sight: Sight<'_>) {
        let events = &mut self.net.events;
        match sight {
            Sight::Transaction => events.transactions += 1,
            Sight::DirectExec => events.direct_execs += 1,
            Sight::Parked => events.parked += 1,
            Sight::Ready => events.ready += 1,
            Sight::Moved(true) => events.moves += 1,
            Sight::Moved(false) => events.refused_moves += 1,
            Sight::Message(TxnMessage::Refused(..)) => events.refused += 1,
            Sight::Message(TxnMessage::Granted(..)) => events.grants += 1,
            Sight::Message(TxnMessage::Cancel(_, Some(lent))) if !lent.entries.is_empty() => {
                events.lent_in_vain += 1;
            }
            Sight::Message(_) => {}
        }
    }
}
