//! What lies between the workers of a simulated node, and its connections: the world of each router.

use std::collections::VecDeque;
use std::sync::Arc;

use super::connection::{Connection, Life, Untold};
use super::events::Events;
use crate::args::Blob;
use crate::notify::Notice;
use crate::pubsub::{OwnedMessage, Subscribers};
use crate::random::Random;
use crate::reply::Reply;
use crate::router::reply_queue::ReplyQueue;
use crate::router::slot_move::MoveMessage;
use crate::router::wire::{Sight, TakenReplies, Wire};
use crate::shard::{Call, Shard};
use crate::slot::ShardId;
use crate::txn::{OwnedCall, Ticket, TxnMessage};

/// What one worker sends another.
pub(super) enum Hop {
    Command(OwnedCall, Ticket),
    Reply(Ticket, Reply),
    Txn(Box<TxnMessage>),
    Move(MoveMessage),
    Credit(TakenReplies),
    Notices(Vec<Notice>),
    /// A client of the sender asks all workers.
    Ask(Ticket),
    Answer(Ticket),
    /// About a published message.
    Message(MessageHop),
}

/// What one worker sends another of a published message.
pub(super) enum MessageHop {
    Publish(Ticket, Arc<OwnedMessage>),
    Deliver(u64, Arc<OwnedMessage>),
    Delivered(u64, usize),
    Published(Ticket, usize),
}

impl MessageHop {
    /// Whose reply it brings nearer, if it says so.
    pub(super) fn publisher(&self) -> Option<Ticket> {
        match self {
            MessageHop::Publish(publisher, _) | MessageHop::Published(publisher, _) => Some(*publisher),
            MessageHop::Deliver(..) | MessageHop::Delivered(..) => None,
        }
    }
}

/// The subscriptions to one worker's connections, and how many of them all workers see.
#[derive(Default)]
pub(super) struct Subscribed {
    pub(super) by_name: Subscribers,
    pub(super) total: usize,
}

/// Gates that hold replies back, as numbers that grow.
#[derive(Default)]
pub(super) struct Gates {
    /// Once in so many steps what is replied is held; never with 0.
    pub(super) once_in: usize,
    /// The last one that holds anything.
    last: u64,
    /// Those up to this one are open.
    pub(super) opened: u64,
    /// What is replied in this step is held by this one.
    pub(super) at_hand: Option<u64>,
}

impl Gates {
    /// Decides about the replies of the next step.
    pub(super) fn choose(&mut self, random: &mut Random) {
        self.at_hand = None;
        if self.once_in > 0 && random.one_in(self.once_in) {
            let gate = self.opened + 1 + random.below((self.last - self.opened) as usize + 1) as u64;
            self.last = self.last.max(gate);
            self.at_hand = Some(gate);
        }
    }

    /// True while any is closed that something waits for.
    pub(super) fn are_closed(&self) -> bool {
        self.opened < self.last
    }

    /// Opens some of them.
    pub(super) fn open(&mut self, random: &mut Random) -> u64 {
        self.opened += 1 + random.below((self.last - self.opened) as usize) as u64;
        self.opened
    }
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
    pub(super) gates: Gates,
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
            gates: Gates::default(),
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
    fn replies(&mut self, connection: u32) -> &mut ReplyQueue {
        &mut self.net.connections[connection as usize].replies
    }

    fn fill(&mut self, ticket: Ticket, bytes: &[u8], blobs: &[(usize, Blob)]) {
        assert_eq!(ticket.worker, self.at, "a reply is filled in where its connection is");
        let Net { connections, steps, gates, events, .. } = &mut *self.net;
        let connection = &mut connections[ticket.connection as usize];
        let is_nothing = bytes.is_empty() && blobs.is_empty();
        let is_wanted = connection.answer(ticket.seq, *steps, gates.at_hand, is_nothing);
        assert!(!is_nothing || !is_wanted || connection.life != Life::Open, "nothing is no reply");
        events.held_replies += usize::from(gates.at_hand.is_some());
        let is_filled = match gates.at_hand {
            Some(gate) => connection.replies.fill_held(ticket.seq, gate, bytes, blobs),
            None => connection.replies.fill(ticket.seq, bytes, blobs),
        };
        assert!(is_filled, "there is no place for the reply to {ticket:?}");
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
        self.net.send(self.at, to, Hop::Credit(taken));
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
