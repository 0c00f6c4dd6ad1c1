//! The only way from one worker to another: batches of hops through bounded queues.
//!
//! For each ordered pair of workers there is one single-producer single-consumer queue. All that a worker has
//! for another in one turn travels as one batch; a batch is woken for at most once, and only if the receiver
//! has declared itself parked. A full queue does not block: the batch stays with the sender, grows, and makes
//! the sender stop reading from its clients ([`Mesh::is_congested`]) and making replies for the receiver's
//! ([`Mesh::has_room_for_replies`]). Whoever is full still takes what the others send, so two full queues
//! cannot wait for each other.
//!
//! Nothing here walks all workers: a sender has a list of those that it holds something for, and a receiver a
//! bit for each one that has sent something ([`Bell`]). So a turn costs what has come and gone, whatever the
//! number of workers.
//!
//! No wake-up is lost. A sender puts its batch into the queue, sets its bit, and only then reads `parked`; a
//! receiver stores `parked`, and only then reads the bits. These four are sequentially consistent, so they
//! have one order for all. If the receiver has not seen the bit, its reading came before the setting, hence
//! its storing of `parked` before the sender's reading of it: the sender sees it and rings. A ring comes too
//! late only while the sender that has taken `parked` down is not given its core, and not at all only if the
//! kernel lacks memory for it; then the receiver's tick makes it look. A bit that is seen brings the batch
//! with it (release and acquire), and a receiver keeps it until it has found the queue empty, so a batch that
//! is left for the next turn is not forgotten.
//!
//! Order: the hops of one worker to another arrive in the order in which they were sent. This file must not
//! know what commands do.

mod batch;
mod hop;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};
use shards::args::{ArgValue, Args, Blob, Span};
use shards::reply::Reply;
use shards::slot::ShardId;
use shards::txn::Ticket;

pub use batch::{Batch, Delivery};
pub use hop::{Hop, RemoteCommand};

/// Batches that may wait between two workers.
const QUEUE_BATCHES: usize = 64;
/// Empty batches that a worker keeps for use.
const SPARE_BATCHES_MAX: usize = 16;
/// Memory of the empty batches that a worker keeps for use, in bytes: enough for the batches of a dozen usual
/// turns.
const SPARE_BATCHES_BYTES_MAX: usize = 1 << 20;
/// What an empty batch for another worker may keep from one cron to the next, in bytes. There are as many as
/// pairs of workers.
const EMPTY_BATCH_BYTES_MAX: usize = 16 << 10;
/// A batch with so many bytes of replies is full: the commands of its receiver wait for the next turn
/// ([`Mesh::has_room_for_replies`]). So a turn copies a megabyte of replies for another worker and one reply
/// more, which takes some hundred microseconds, and the receiver's turn is not held up by a batch for longer.
const REPLY_BATCH_BYTES_MAX: usize = 1 << 20;
/// Batches wait with the sender while those in the queue have so many bytes, of commands and of replies: with
/// what waits at the sender this bounds what two workers can owe each other, and what a receiver takes in one
/// turn.
const QUEUE_BYTES_MAX: usize = 4 << 20;
/// Workers at most: as many as `shards` allows, and the control worker.
const WORKERS_MAX: usize = 1024 + 1;
/// Words with a bit for each of them.
const WORKER_WORDS: usize = WORKERS_MAX.div_ceil(u64::BITS as usize);

/// Where one worker is told that something has come. The only shared state of the mesh besides the queues;
/// each has cache lines of its own, and with up to 448 workers a sender touches one of them.
#[repr(align(128))]
struct Bell {
    /// True while the worker sleeps or is about to.
    parked: AtomicBool,
    /// The worker's ring; -1 until it exists.
    ring: AtomicI32,
    /// A bit for each worker that has sent a batch since this one looked.
    arrivals: [AtomicU64; WORKER_WORDS],
}

/// One worker's end of the mesh. One per worker.
pub struct Mesh {
    me: ShardId,
    peers: Vec<Peer>,
    bells: Arc<[Bell]>,
    #[expect(clippy::vec_box, reason = "batches travel boxed: a queue's slot is a pointer")]
    spare: Vec<Box<Batch>>,
    /// Their memory, in bytes.
    spare_bytes: usize,
    /// The peers that something waits for, each once; with room for all of them.
    sending: Vec<ShardId>,
    /// How many of those have too much waiting.
    congested: usize,
    /// A bit for each peer whose queue has not been found empty since its arrival was seen.
    inboxes: [u64; WORKER_WORDS],
}

/// What leads to and from one other worker. The element for the worker itself stays unused.
struct Peer {
    to: Producer<Box<Batch>>,
    from: Consumer<Box<Batch>>,
    /// What the current turn, or a full queue, holds back.
    waiting: Box<Batch>,
    /// It is too much: clients should not be read from.
    is_congested: bool,
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

/// The word and the bit of a worker.
fn bit_of(worker: ShardId) -> (usize, u64) {
    (worker.index() / u64::BITS as usize, 1 << (worker.index() % u64::BITS as usize))
}

impl Mesh {
    /// The ends of a mesh of `count` workers, in the order of their numbers.
    pub fn new(count: usize) -> Vec<Mesh> {
        assert!(count <= WORKERS_MAX, "the configuration allows no more");
        let bell = |_| Bell {
            parked: AtomicBool::new(false),
            ring: AtomicI32::new(-1),
            arrivals: std::array::from_fn(|_| AtomicU64::new(0)),
        };
        let bells: Arc<[Bell]> = (0..count).map(bell).collect();
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
                    is_congested: false,
                    queued: VecDeque::new(),
                    queued_bytes: 0,
                })
                .collect(),
            bells: Arc::clone(&bells),
            spare: Vec::new(),
            spare_bytes: 0,
            sending: Vec::with_capacity(count),
            congested: 0,
            inboxes: [0; WORKER_WORDS],
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
        self.bells[self.me.index()].ring.store(ring, Ordering::Release);
    }

    /// Sends a command to the shard that owns its keys. The arguments are copied once. Returns their bytes,
    /// those of big ones included.
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
        let bytes = batch.bytes.len() - byte_base + blob_bytes;
        self.push(to, Hop::Command(remote));
        bytes
    }

    /// True while this turn may make replies for another worker.
    #[inline]
    pub fn has_room_for_replies(&self, to: ShardId) -> bool {
        self.peers[to.index()].waiting.replies.total_len() < REPLY_BATCH_BYTES_MAX
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
        let replies = &self.peers[ticket.worker.index()].waiting.replies;
        let (end, blobs_end) = (replies.bytes().len(), replies.blobs().len());
        self.push(ticket.worker, Hop::Reply { ticket, end, blobs_end });
    }

    /// Sends anything else.
    pub fn send(&mut self, to: ShardId, hop: Hop) {
        self.push(to, hop);
    }

    /// The same for a hop that holds so many bytes.
    pub fn send_sized(&mut self, to: ShardId, hop: Hop, held_bytes: usize) {
        self.peers[to.index()].waiting.held_bytes += held_bytes;
        self.send(to, hop);
    }

    /// Every hop goes this way, when all that belongs to it is in the batch.
    #[inline]
    fn push(&mut self, to: ShardId, hop: Hop) {
        let peer = &mut self.peers[to.index()];
        if peer.waiting.is_empty() {
            self.sending.push(to);
        }
        peer.waiting.hops.push(hop);
        if peer.waiting.is_too_much() && !peer.is_congested {
            peer.is_congested = true;
            self.congested += 1;
        }
    }

    /// True when so much waits for another worker that clients should not be read from.
    #[inline]
    pub fn is_congested(&self) -> bool {
        self.congested > 0
    }

    /// Puts this turn's batches into the queues and wakes those who sleep, by their rings.
    pub fn flush(&mut self, mut wake: impl FnMut(RawFd)) {
        let mut sending = std::mem::take(&mut self.sending);
        sending.retain(|&to| !self.put(to, &mut wake));
        self.sending = sending;
    }

    /// Puts what waits for a worker into its queue; false when that is full.
    fn put(&mut self, to: ShardId, wake: &mut impl FnMut(RawFd)) -> bool {
        let peer = &mut self.peers[to.index()];
        if peer.is_full() {
            return false;
        }
        let empty = self.take_spare();
        let peer = &mut self.peers[to.index()];
        let full = std::mem::replace(&mut peer.waiting, empty);
        let carried_bytes = full.carried_bytes();
        peer.queued.push_back(carried_bytes);
        peer.queued_bytes += carried_bytes;
        // Not full, as asked above: this worker is the only producer.
        let pushed = peer.to.push(full);
        // Never so, and to go on without the batch's replies and locks would leave clients and keys waiting
        // for good.
        assert!(pushed.is_ok(), "a queue with room refuses a batch");
        self.congested -= usize::from(std::mem::take(&mut peer.is_congested));
        let bell = &self.bells[to.index()];
        let (word, bit) = bit_of(self.me);
        bell.arrivals[word].fetch_or(bit, Ordering::SeqCst);
        if bell.parked.load(Ordering::SeqCst) && bell.parked.swap(false, Ordering::AcqRel) {
            wake(bell.ring.load(Ordering::Acquire));
        }
        true
    }

    fn take_spare(&mut self) -> Box<Batch> {
        let Some(batch) = self.spare.pop() else { return Box::default() };
        self.spare_bytes -= batch.memory_bytes();
        batch
    }

    /// True while a batch could not be delivered because its queue is full.
    pub fn has_waiting(&self) -> bool {
        !self.sending.is_empty()
    }

    /// Looks who has sent something since the last time.
    pub fn see_arrivals(&mut self) {
        let arrivals = &self.bells[self.me.index()].arrivals;
        for (inboxes, arrivals) in self.inboxes[..self.peers.len().div_ceil(64)].iter_mut().zip(arrivals) {
            // Nearly always nobody has, and then the cache line stays shared.
            if arrivals.load(Ordering::Relaxed) != 0 {
                *inboxes |= arrivals.swap(0, Ordering::Acquire);
            }
        }
    }

    /// The first worker from number `from` on whose queue may have something, as of [`Mesh::see_arrivals`].
    pub fn next_inbox(&self, from: usize) -> Option<ShardId> {
        let mut unseen = u64::MAX << (from % 64);
        for word in from / 64..self.peers.len().div_ceil(64) {
            let found = self.inboxes[word] & unseen;
            if found != 0 {
                return Some(ShardId((word * 64) as u16 + found.trailing_zeros() as u16));
            }
            unseen = u64::MAX;
        }
        None
    }

    /// The next batch of worker `from`.
    pub fn next_batch(&mut self, from: ShardId) -> Option<Box<Batch>> {
        let batch = self.peers[from.index()].from.pop().ok();
        if batch.is_none() {
            let (word, bit) = bit_of(from);
            self.inboxes[word] &= !bit;
        }
        batch
    }

    /// True when another worker has sent something.
    pub fn has_inbox(&self) -> bool {
        let arrivals = &self.bells[self.me.index()].arrivals;
        let words = self.inboxes[..self.peers.len().div_ceil(64)].iter().zip(arrivals);
        words.fold(0, |any, (inboxes, arrivals)| any | inboxes | arrivals.load(Ordering::SeqCst)) != 0
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

    /// Declares that this worker is going to sleep. Returns false when something has come meanwhile: then it
    /// must not sleep.
    pub fn park(&mut self) -> bool {
        self.bells[self.me.index()].parked.store(true, Ordering::SeqCst);
        if self.has_inbox() {
            self.unpark();
            return false;
        }
        true
    }

    /// The worker is awake.
    pub fn unpark(&mut self) {
        self.bells[self.me.index()].parked.store(false, Ordering::Relaxed);
    }
}
