//! The only way from one worker to another: batches of hops through bounded queues.
//!
//! For each ordered pair of workers there is one single-producer single-consumer queue. All that a worker has for
//! another in one turn travels as one batch; a batch is woken for at most once, and only if the receiver has
//! declared itself parked (store parked, full fence, look at the inboxes once more, then sleep). A full queue does
//! not block: the batch stays with the sender, grows, and makes the sender stop reading from its clients
//! ([`Mesh::is_congested`]) and making replies for the receiver's ([`Mesh::has_room_for_replies`]). Whoever is full still
//! takes what the others send, so two full queues cannot wait for each other.
//!
//! Order: the hops of one worker to another arrive in the order in which they were sent. This file must not know
//! what commands do.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering, fence};

use rtrb::{Consumer, Producer, RingBuffer};
use shards::args::{ArgValue, Args, Blob, Span};
use shards::db::DbIndex;
use shards::reply::Reply;
use shards::shard::Call;
use shards::slot::{ShardId, SlotId};
use shards::txn::slot_move::MoveMessage;
use shards::txn::{Ticket, TxnMessage};
use shards::watch::ClientId;

use crate::inquiry::{Answer, Question};
use crate::net::ring::ClientRing;
use crate::pubsub::OwnedMessage;
use crate::registry::CommandId;
use crate::tracking::TrackingHop;

/// Batches that may wait between two workers.
const QUEUE_BATCHES: usize = 64;
/// Hops that may wait at a sender before it stops reading from clients. With the batches in the queue this bounds
/// what two workers can owe each other.
const WAITING_HOPS_MAX: usize = 8192;
/// Bytes of commands and messages that may wait at a sender before it stops reading from clients.
const WAITING_BYTES_MAX: usize = 16 << 20;
/// Empty batches that a worker keeps for use.
const SPARE_BATCHES_MAX: usize = 16;
/// Memory of the empty batches that a worker keeps for use, in bytes: enough for the batches of a dozen usual turns.
const SPARE_BATCHES_BYTES_MAX: usize = 1 << 20;
/// What an empty batch for another worker may keep from one cron to the next, in bytes. There are as many as pairs of
/// workers.
const EMPTY_BATCH_BYTES_MAX: usize = 16 << 10;
/// A batch with so many bytes of replies is full: the commands of its receiver wait for the next turn
/// ([`Mesh::has_room_for_replies`]). So a turn copies a megabyte of replies for another worker and one reply more, which
/// takes some hundred microseconds, and the receiver's turn is not held up by a batch for longer.
const REPLY_BATCH_BYTES_MAX: usize = 1 << 20;
/// Batches wait with the sender while those in the queue have so many bytes, of commands and of replies: with what waits
/// at the sender this bounds what two workers can owe each other, and what a receiver takes in one turn.
const QUEUE_BYTES_MAX: usize = 4 << 20;

/// A hop: what one worker asks of another, or answers.
pub enum Hop {
    /// Run a command on your shard and send its reply for this ticket.
    Command(RemoteCommand),
    /// The reply for a ticket: so many bytes and blobs of the batch's replies.
    Reply {
        /// Whose reply it is.
        ticket: Ticket,
        /// End of its bytes in the batch's replies.
        end: usize,
        /// End of its blobs in the batch's replies.
        blobs_end: usize,
    },
    /// A transaction's message.
    Txn(Box<TxnMessage>),
    /// About a slot that changes hands.
    Move(MoveMessage),
    /// A question to the worker; the answer is for this ticket.
    Ask(Ticket, Box<Question>),
    /// An answer.
    Answer(Ticket, Box<Answer>),
    /// Put this published message in order, and send the number of its receivers for this ticket.
    Publish(Ticket, Arc<OwnedMessage>),
    /// A published message for your subscribers. Under a number its sequencer wants to know how many they are.
    Deliver(Option<u64>, Arc<OwnedMessage>),
    /// The message that you have sent under this number has so many receivers here.
    Delivered(u64, usize),
    /// The message of this ticket has so many receivers in all.
    Published(Ticket, usize),
    /// About clients that keep copies.
    Tracking(Box<TrackingHop>),
    /// Large replies of your shard for this connection of mine are on their way to its client.
    Taken(TakenReplies),
    /// Evict keys of your shard: mine has none left. A worker that takes it up has a turn, at whose end it does.
    MakeRoom,
}

/// What a worker says of the large replies that another shard has made for one of its connections
/// ([`shards::txn::credit`]).
#[derive(Clone, Copy, Debug)]
pub struct TakenReplies {
    /// The connection.
    pub connection: u32,
    /// Bytes of these replies.
    pub bytes: usize,
    /// The client has gone: what waits for it need not run.
    pub is_gone: bool,
}

/// A command in a batch. Its arguments lie in the batch's arrays, from the end of the command before it.
#[derive(Clone, Copy)]
pub struct RemoteCommand {
    /// Where the reply goes.
    pub ticket: Ticket,
    /// Which command.
    pub command: CommandId,
    /// The client's database.
    pub db: DbIndex,
    /// The slot of its only key, when it has one.
    pub slot: Option<SlotId>,
    /// The client speaks RESP3.
    pub resp3: bool,
    /// The client that sent it.
    pub client: ClientId,
    /// False under CLIENT NO-TOUCH.
    pub touch: bool,
    /// The client keeps copies of what the command reads.
    pub is_cached: bool,
    spans_end: u32,
    bytes_end: u32,
    blobs_end: u32,
}

/// What a worker has for another in one turn.
#[derive(Default)]
pub struct Batch {
    hops: Vec<Hop>,
    spans: Vec<Span>,
    bytes: Vec<u8>,
    blobs: Vec<Blob>,
    replies: Reply,
    /// Bytes that hops and big arguments hold beside the batch.
    held_bytes: usize,
}

/// What [`Batch::take`] hands out, one after the other.
pub enum Delivery<'a> {
    /// Run this command.
    Command(RemoteCommand, Args<'a>),
    /// Deliver this reply.
    Reply(Ticket, &'a [u8], &'a [(usize, Blob)]),
    /// Anything else.
    Other(Hop),
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.hops.is_empty()
    }

    fn memory_bytes(&self) -> usize {
        self.hops.capacity() * size_of::<Hop>()
            + self.spans.capacity() * size_of::<Span>()
            + self.bytes.capacity()
            + self.blobs.capacity() * size_of::<Blob>()
            + self.replies.memory_bytes()
    }

    /// Bytes that it carries: of commands, messages and replies, those of big values included.
    fn carried_bytes(&self) -> usize {
        self.bytes.len() + self.held_bytes + self.replies.total_len()
    }

    /// Hands out the content in order and leaves the batch empty.
    pub fn take(&mut self, mut deliver: impl FnMut(Delivery<'_>)) {
        let (mut span, mut byte, mut blob) = (0, 0, 0);
        let (mut reply_byte, mut reply_blob) = (0, 0);
        for hop in self.hops.drain(..) {
            match hop {
                Hop::Command(remote) => {
                    let spans = &self.spans[span..remote.spans_end as usize];
                    let bytes = &self.bytes[byte..remote.bytes_end as usize];
                    let blobs = &self.blobs[blob..remote.blobs_end as usize];
                    span = remote.spans_end as usize;
                    byte = remote.bytes_end as usize;
                    blob = remote.blobs_end as usize;
                    deliver(Delivery::Command(remote, Args::new(bytes, spans, blobs)));
                }
                Hop::Reply { ticket, end, blobs_end } => {
                    let bytes = &self.replies.bytes()[reply_byte..end];
                    let blobs = &self.replies.blobs()[reply_blob..blobs_end];
                    let relative: Vec<(usize, Blob)>;
                    let blobs = if blobs.is_empty() {
                        blobs
                    } else {
                        let moved = |(at, blob): &(usize, Blob)| (at - reply_byte, Blob::clone(blob));
                        relative = blobs.iter().map(moved).collect();
                        &relative
                    };
                    deliver(Delivery::Reply(ticket, bytes, blobs));
                    reply_byte = end;
                    reply_blob = blobs_end;
                }
                other => deliver(Delivery::Other(other)),
            }
        }
        self.spans.clear();
        self.bytes.clear();
        self.blobs.clear();
        self.replies.clear();
        self.held_bytes = 0;
    }
}

/// What all workers share to wake each other. The only shared state of the mesh besides the queues.
struct Bells {
    /// True while the worker sleeps or is about to.
    parked: Vec<AtomicBool>,
    /// The workers' rings; -1 until they exist.
    rings: Vec<AtomicI32>,
}

/// One worker's end of the mesh. One per worker.
pub struct Mesh {
    me: ShardId,
    peers: Vec<Peer>,
    bells: Arc<Bells>,
    #[expect(clippy::vec_box, reason = "batches travel boxed: a queue's slot is a pointer")]
    spare: Vec<Box<Batch>>,
    /// Their memory, in bytes.
    spare_bytes: usize,
}

/// What leads to and from one other worker. The element for the worker itself stays unused.
struct Peer {
    to: Producer<Box<Batch>>,
    from: Consumer<Box<Batch>>,
    /// What the current turn, or a full queue, holds back.
    waiting: Box<Batch>,
    /// What the batches carry that were put into the queue, in bytes; the last ones of them are in it still.
    queued: VecDeque<usize>,
    queued_bytes: usize,
}

impl Peer {
    /// True when the queue takes no batch now.
    fn is_full(&mut self) -> bool {
        let in_queue = QUEUE_BATCHES - self.to.slots();
        while self.queued.len() > in_queue {
            self.queued_bytes -= self.queued.pop_front().unwrap_or(0);
        }
        in_queue == QUEUE_BATCHES || self.queued_bytes >= QUEUE_BYTES_MAX
    }
}

impl Mesh {
    /// The ends of a mesh of `count` workers, in the order of their numbers.
    pub fn new(count: usize) -> Vec<Mesh> {
        let bells = Arc::new(Bells {
            parked: (0..count).map(|_| AtomicBool::new(false)).collect(),
            rings: (0..count).map(|_| AtomicI32::new(-1)).collect(),
        });
        let mut producers: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        let mut consumers: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        for from in &mut producers {
            for to in &mut consumers {
                let (producer, consumer) = RingBuffer::new(QUEUE_BATCHES);
                from.push(producer);
                to.push(consumer);
            }
        }
        let ends = producers.into_iter().zip(consumers).enumerate();
        ends.map(|(me, (to, from))| Mesh {
            me: ShardId(me as u16),
            peers: to
                .into_iter()
                .zip(from)
                .map(|(to, from)| Peer {
                    to,
                    from,
                    waiting: Box::default(),
                    queued: VecDeque::new(),
                    queued_bytes: 0,
                })
                .collect(),
            bells: Arc::clone(&bells),
            spare: Vec::new(),
            spare_bytes: 0,
        })
        .collect()
    }

    /// The number of workers.
    pub fn workers(&self) -> usize {
        self.peers.len()
    }

    /// This worker.
    pub fn me(&self) -> ShardId {
        self.me
    }

    /// Tells the others where to ring.
    pub fn set_ring(&self, ring: RawFd) {
        self.bells.rings[self.me.index()].store(ring, Ordering::Release);
    }

    /// Sends a command to the shard that owns its keys. The arguments are copied once. Returns their bytes, those of big
    /// ones included.
    #[inline]
    pub fn command(&mut self, to: ShardId, mut remote: RemoteCommand, args: Args<'_>) -> usize {
        let batch = &mut self.peers[to.index()].waiting;
        let mut blob_bytes = 0;
        let (byte_base, blob_base) = (batch.bytes_end(), batch.blobs_end());
        for index in 0..args.len() {
            match args.value(index) {
                ArgValue::Bytes(bytes) => {
                    batch.spans.push(Span::new(batch.bytes.len() - byte_base, bytes.len()));
                    batch.bytes.extend_from_slice(bytes);
                }
                ArgValue::Blob(blob) => {
                    batch.spans.push(Span::blob(batch.blobs.len() - blob_base, blob.len()));
                    batch.blobs.push(Blob::clone(blob));
                    blob_bytes += blob.len();
                }
            }
        }
        batch.held_bytes += blob_bytes;
        remote.spans_end = batch.spans.len() as u32;
        remote.bytes_end = batch.bytes.len() as u32;
        remote.blobs_end = batch.blobs.len() as u32;
        batch.hops.push(Hop::Command(remote));
        batch.bytes.len() - byte_base + blob_bytes
    }

    /// True while this turn may make replies for another worker.
    #[inline]
    pub fn has_room_for_replies(&self, to: ShardId) -> bool {
        self.peers[to.index()].waiting.replies.total_len() < REPLY_BATCH_BYTES_MAX
    }

    /// Writes the reply for a ticket of another worker.
    #[inline]
    pub fn reply<R>(&mut self, ticket: Ticket, resp3: bool, write: impl FnOnce(&mut Reply) -> R) -> R {
        let batch = &mut self.peers[ticket.worker.index()].waiting;
        batch.replies.set_resp3(resp3);
        let result = write(&mut batch.replies);
        let (end, blobs_end) = (batch.replies.bytes().len(), batch.replies.blobs().len());
        batch.hops.push(Hop::Reply { ticket, end, blobs_end });
        result
    }

    /// The buffer in which [`Mesh::end_reply`] closes a reply for a ticket of worker `to`.
    #[inline]
    pub fn reply_buffer(&mut self, to: ShardId, resp3: bool) -> &mut Reply {
        let replies = &mut self.peers[to.index()].waiting.replies;
        replies.set_resp3(resp3);
        replies
    }

    /// What was written to [`Mesh::reply_buffer`] since the last reply is the reply for this ticket.
    #[inline]
    pub fn end_reply(&mut self, ticket: Ticket) {
        self.reply(ticket, false, |_| ());
    }

    /// Sends anything else.
    pub fn send(&mut self, to: ShardId, hop: Hop) {
        self.peers[to.index()].waiting.hops.push(hop);
    }

    /// The same for a hop that holds so many bytes.
    pub fn send_sized(&mut self, to: ShardId, hop: Hop, held_bytes: usize) {
        self.peers[to.index()].waiting.held_bytes += held_bytes;
        self.send(to, hop);
    }

    /// True when so much waits for another worker that clients should not be read from.
    #[inline]
    pub fn is_congested(&self) -> bool {
        self.peers.iter().any(|peer| {
            let bytes = peer.waiting.bytes.len() + peer.waiting.held_bytes;
            peer.waiting.hops.len() > WAITING_HOPS_MAX || bytes > WAITING_BYTES_MAX
        })
    }

    /// Puts this turn's batches into the queues and wakes those who sleep.
    pub fn flush(&mut self, ring: &mut ClientRing) {
        for peer in 0..self.peers.len() {
            if self.peers[peer].waiting.is_empty() || self.peers[peer].is_full() {
                continue;
            }
            let empty = self.take_spare();
            let full = std::mem::replace(&mut self.peers[peer].waiting, empty);
            let carried_bytes = full.carried_bytes();
            self.peers[peer].queued.push_back(carried_bytes);
            self.peers[peer].queued_bytes += carried_bytes;
            // Not full, as asked above: this worker is the only producer.
            let pushed = self.peers[peer].to.push(full);
            debug_assert!(pushed.is_ok());
            fence(Ordering::SeqCst);
            let parked = &self.bells.parked[peer];
            if parked.load(Ordering::Relaxed) && parked.swap(false, Ordering::AcqRel) {
                ring.wake(self.bells.rings[peer].load(Ordering::Acquire));
            }
        }
    }

    fn take_spare(&mut self) -> Box<Batch> {
        let Some(batch) = self.spare.pop() else { return Box::default() };
        self.spare_bytes -= batch.memory_bytes();
        batch
    }

    /// True while a batch could not be delivered because its queue is full.
    pub fn has_waiting(&self) -> bool {
        self.peers.iter().any(|peer| !peer.waiting.is_empty())
    }

    /// The next batch of worker `from`.
    pub fn next_batch(&mut self, from: ShardId) -> Option<Box<Batch>> {
        self.peers[from.index()].from.pop().ok()
    }

    /// True when another worker has sent something.
    pub fn has_inbox(&self) -> bool {
        self.peers.iter().any(|peer| !peer.from.is_empty())
    }

    /// Gives back memory that a large turn has needed.
    pub fn trim(&mut self) {
        for peer in &mut self.peers {
            if peer.waiting.is_empty() && peer.waiting.memory_bytes() > EMPTY_BATCH_BYTES_MAX {
                *peer.waiting = Batch::default();
            }
        }
    }

    /// Keeps an emptied batch for use.
    pub fn recycle(&mut self, batch: Box<Batch>) {
        let bytes = batch.memory_bytes();
        if self.spare.len() < SPARE_BATCHES_MAX && self.spare_bytes + bytes <= SPARE_BATCHES_BYTES_MAX {
            self.spare_bytes += bytes;
            self.spare.push(batch);
        }
    }

    /// Declares that this worker is going to sleep. Returns false when something has come meanwhile: then it must
    /// not sleep.
    pub fn park(&mut self) -> bool {
        self.bells.parked[self.me.index()].store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.peers.iter().any(|peer| !peer.from.is_empty()) {
            self.unpark();
            return false;
        }
        true
    }

    /// The worker is awake.
    pub fn unpark(&mut self) {
        self.bells.parked[self.me.index()].store(false, Ordering::Relaxed);
    }
}

impl Batch {
    fn bytes_end(&self) -> usize {
        self.bytes.len()
    }

    fn blobs_end(&self) -> usize {
        self.blobs.len()
    }
}

impl RemoteCommand {
    /// A hop that runs `call`, whose arguments go with it ([`Mesh::command`]).
    pub fn new(ticket: Ticket, command: CommandId, call: &Call<'_>, resp3: bool) -> RemoteCommand {
        let &Call { db, slot, client, touch, cached_at, .. } = call;
        RemoteCommand {
            ticket,
            command,
            db,
            slot,
            resp3,
            client,
            touch,
            is_cached: cached_at.is_some(),
            spans_end: 0,
            bytes_end: 0,
            blobs_end: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKET: Ticket = Ticket { worker: ShardId(0), connection: 0, seq: 0 };

    #[test]
    fn empty_batches_are_kept_by_their_memory_and_not_by_what_was_in_them() {
        let mut mesh = Mesh::new(1).remove(0);
        let with_memory = |bytes: usize| {
            let mut batch = Box::<Batch>::default();
            batch.replies.raw(&vec![b'x'; bytes]);
            batch.take(|_| ());
            batch
        };
        mesh.recycle(with_memory(SPARE_BATCHES_BYTES_MAX + 1));
        assert!(mesh.spare.is_empty());
        for _ in 0..2 * SPARE_BATCHES_MAX {
            mesh.recycle(with_memory(SPARE_BATCHES_BYTES_MAX / 4));
        }
        let bytes: usize = mesh.spare.iter().map(|batch| batch.memory_bytes()).sum();
        assert_eq!((mesh.spare.len(), mesh.spare_bytes), (4, bytes));
        while !mesh.spare.is_empty() {
            mesh.take_spare();
        }
        assert_eq!(mesh.spare_bytes, 0);
    }

    #[test]
    fn a_receiver_that_takes_nothing_is_sent_a_bounded_number_of_bytes_and_then_the_rest_in_order() {
        let mut ends = Mesh::new(2);
        let (mut to, mut from) = (ends.remove(1), ends.remove(0));
        let Ok(mut ring) = ClientRing::new() else { return println!("skipped: no io_uring here") };
        let reply = vec![b'x'; QUEUE_BYTES_MAX / 4];
        let mut made = 0;
        for _ in 0..20 {
            while to.has_room_for_replies(ShardId(0)) {
                to.reply(Ticket { seq: made, ..TICKET }, false, |out| out.raw(&reply));
                made += 1;
            }
            to.flush(&mut ring);
        }
        assert!(to.has_waiting() && !to.has_room_for_replies(ShardId(0)));
        assert!(made as usize * reply.len() <= QUEUE_BYTES_MAX + 2 * REPLY_BATCH_BYTES_MAX, "{made} replies");
        let mut taken = 0;
        while let Some(mut batch) = from.next_batch(ShardId(1)) {
            batch.take(|delivery| {
                let Delivery::Reply(ticket, bytes, _) = delivery else { panic!("a reply was sent") };
                assert_eq!((ticket.seq, bytes.len()), (taken, reply.len()));
                taken += 1;
            });
            to.flush(&mut ring);
        }
        assert_eq!(taken, made);
    }
}
