//! How a router talks to the world: to the other workers, and to the reply queues of its own. Whoever calls a
//! method of the router hands it in: the server's worker its mesh and its table of reply queues, the
//! simulation its seeded queues.
//!
//! Static dispatch: a method that does nothing costs nothing.

use std::sync::Arc;

use crate::args::Blob;
use crate::notify::Notice;
use crate::pubsub::{Message, OwnedMessage};
use crate::reply::Reply;
use crate::router::reply_queue::ReplyQueue;
use crate::router::slot_move::MoveMessage;
use crate::shard::{Call, Shard};
use crate::slot::ShardId;
use crate::txn::{Ticket, TxnMessage};

/// That large replies to a connection of the sender's are on their way to the client
/// ([`crate::txn::credit`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TakenReplies {
    /// Its connection.
    pub connection: u32,
    /// How many bytes they have.
    pub bytes: usize,
    /// The client has gone: what it still has waiting is in vain.
    pub is_gone: bool,
}

/// Something that a router does and that is worth counting.
#[derive(Clone, Copy)]
pub enum Sight<'a> {
    /// A transaction begins: over several shards, or for want of a lock.
    Transaction,
    /// EXEC runs at once: all its keys lie here.
    DirectExec,
    /// A command waits on this worker's shard, for a lock or for credit.
    Parked,
    /// A command that has waited for credit goes on.
    Ready,
    /// A slot has left this shard and arrived, or it could not: it was being moved already.
    Moved(bool),
    /// A message of a transaction is handled.
    Message(&'a TxnMessage),
}

/// The world of one worker, as its router sees it.
pub trait Wire {
    /// The reply queue of a connection of this worker, which is there.
    fn replies(&mut self, connection: u32) -> &mut ReplyQueue;

    /// Puts a reply into its place in the queue of a connection of this worker.
    fn fill(&mut self, ticket: Ticket, bytes: &[u8], blobs: &[(usize, Blob)]);

    /// A large reply of this shard was put into its place: the shard waits to hear that it is on its way to
    /// the client ([`crate::router::Router::say_taken`]). False when the connection is not there, so that
    /// nobody else will say so.
    fn owes(&mut self, shard: ShardId, ticket: Ticket, bytes: usize) -> bool;

    /// Has a connection of this worker looked at: what it waits for may have come.
    fn look_at(&mut self, connection: u32);

    /// Has another worker run a command on its shard and send the reply for this ticket. Returns how many
    /// bytes are on their way.
    fn command(&mut self, to: ShardId, ticket: Ticket, call: Call<'_>) -> usize;

    /// Sends another worker a message of a transaction.
    fn txn(&mut self, to: ShardId, message: TxnMessage);

    /// Sends another worker a message about a slot that moves.
    fn moving(&mut self, to: ShardId, message: MoveMessage);

    /// Tells another worker that large replies which its shard has made are on their way.
    fn taken(&mut self, to: ShardId, taken: TakenReplies);

    /// False while so many replies wait to be sent to a worker that no more may be made for it.
    fn has_room_for_replies(&self, to: ShardId) -> bool;

    /// Where a reply for another worker is written; [`Wire::end_reply`] sends it.
    fn reply_buffer(&mut self, to: ShardId, resp3: bool) -> &mut Reply;

    /// What was written to [`Wire::reply_buffer`] since the last reply is the reply for this ticket.
    fn end_reply(&mut self, ticket: Ticket);

    /// Tells those who want to know what has happened to keys of this worker's shard.
    fn tell(&mut self, shard: &mut Shard, notices: Vec<Notice>);

    /// Makes room in memory before a command runs on this worker's shard.
    fn make_room(&mut self, shard: &mut Shard);

    /// Reads the clock, in milliseconds since 1970.
    fn clock_ms(&mut self) -> u64;

    /// Something has happened that is worth counting.
    #[inline]
    fn saw(&mut self, _sight: Sight<'_>) {}
}

/// The messages of one connection that are on their way to their subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Publishing {
    /// Who puts them in order.
    pub sequencer: Option<ShardId>,
    /// How many replies to PUBLISH are awaited.
    pub awaited: u32,
}

/// The world of one worker, as those see it who publish and subscribe there ([`crate::router::publish`]). It
/// has no shard.
pub trait MessageWire {
    /// How many replies a connection of this worker awaits, those to PUBLISH included.
    fn awaited(&mut self, connection: u32) -> usize;

    /// What a connection of this worker has on its way. None when there is no such connection.
    fn publishing(&mut self, connection: u32) -> Option<&mut Publishing>;

    /// True when a connection may be told of what it publishes itself.
    fn is_subscribed(&mut self, connection: u32) -> bool;

    /// Reserves a place for the reply to PUBLISH.
    fn reserve(&mut self, connection: u32) -> Ticket;

    /// The workers whose connections subscribe to anything. Who asks after a subscription was acknowledged
    /// finds its worker here.
    fn subscribed_workers(&self) -> impl Iterator<Item = ShardId>;

    /// Hands a message to the subscribers of this worker ([`crate::pubsub::Subscribers::deliver`]). Returns
    /// how many have got it.
    fn deliver_here(&mut self, message: Message<'_>) -> usize;

    /// Has another worker put a message in order.
    fn publish(&mut self, to: ShardId, publisher: Ticket, message: Arc<OwnedMessage>);

    /// Has another worker hand a message to its subscribers and say under this number how many have got it.
    fn deliver(&mut self, to: ShardId, number: u64, message: Arc<OwnedMessage>);

    /// Tells a sequencer how many of this worker's subscribers have got the message of this number.
    fn delivered(&mut self, to: ShardId, number: u64, receivers: usize);

    /// Tells another worker how many have got the message of its connection.
    fn published(&mut self, publisher: Ticket, receivers: usize);
}
