//! A client's connection: the socket, what came in, what goes out. Lives and dies on the worker that accepted it.
//!
//! It drives the ring for its own socket and knows neither commands nor other connections.
#![expect(unsafe_code, reason = "the kernel reads replies from, and big arguments into, memory owned here")]

use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use shards::args::Blob;
use shards::slot::ShardId;
use shards::spare::Trim;
use socket2::{Domain, SockRef};

use crate::io::listener::Addresses;
use crate::io::ring::ClientRing;
use crate::protocol::{BlobLoan, QueryBuffer};
use crate::session::Session;
use crate::session::order::{Closing, Publishing, Waiting};
use crate::session::reply_queue::ReplyQueue;

/// Replies of one connection that may be awaited from other cores at a time.
pub const AWAITED_REPLIES_MAX: usize = 1024;
/// Nothing is executed for a connection while so many bytes wait to be sent to it. Redis has no such bound and would go
/// on until client-output-buffer-limit, or for ever. What the client sends is still taken in, up to
/// client-query-buffer-limit: many clients write a whole pipeline before they read the first reply.
pub const OUTPUT_PAUSE_BYTES: usize = 16 << 20;
/// Nothing is executed for a connection while the commands whose replies it awaits from other cores have so many bytes.
/// They may have to wait there: for a lock, or for the client to read.
const ASKED_PAUSE_BYTES: usize = 16 << 20;
/// A connection that waits for other workers is not read from while so many bytes of its requests wait. One that its own
/// client holds up, or that is in a blocking command, is read from, up to client-query-buffer-limit: the client may write
/// a whole pipeline before it reads the first reply, and only who reads learns that it has gone.
const QUERY_PAUSE_BYTES: usize = 1 << 20;
/// A big argument is read straight into its own memory when at least this many bytes of it are missing.
const DIRECT_READ_BYTES_MIN: usize = 128 << 10;
/// Bytes of one send: the kernel copies them while the worker waits.
const SEND_BYTES_MAX: usize = 1 << 20;
/// Pieces of one scatter-gather send. Linux allows 1024 (UIO_MAXIOV).
const SEND_PIECES_MAX: usize = 128;

/// What the socket's reading side is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Receiving {
    /// Nothing is under way.
    Stopped,
    /// Into provided buffers.
    Shared,
    /// The same, and its end has been asked for.
    Stopping,
    /// Into the memory of a big argument.
    Direct,
}

/// One per client.
pub struct Connection {
    fd: OwnedFd,
    /// Its number on this worker.
    pub index: u32,
    /// The logical client.
    pub session: Session,
    /// Received and not yet executed.
    pub query: QueryBuffer,
    /// Replies in order.
    pub replies: ReplyQueue,
    /// What holds up execution.
    pub waiting: Waiting,
    /// Its messages that are on their way to subscribers.
    pub publishing: Publishing,
    /// Set when the connection is to be closed.
    pub closing: Option<Closing>,
    /// Its client is counted and listed no more. See `Worker::leave`.
    pub has_left: bool,
    /// Requests wait in the query buffer that could not be executed at once.
    pub stopped: bool,
    /// The client sends no more.
    pub end_of_input: bool,
    /// On the worker's list of connections to be looked at before the turn ends.
    pub is_dirty: bool,
    /// Since when the output is over the soft limit, in milliseconds since 1970.
    pub soft_limit_since_ms: Option<u64>,
    /// Peer address as CLIENT LIST shows it.
    pub peer: String,
    /// Own address as CLIENT LIST shows it.
    pub local: String,
    /// A client on this machine.
    pub is_local: bool,
    receiving: Receiving,
    loan: Option<BlobLoan>,
    sending: Option<Box<Sending>>,
    shut_down: bool,
    /// A sent buffer, kept for the next replies.
    spare: Vec<u8>,
    /// Large replies of which the shards that have made them have not been told that they are on their way. A shard makes
    /// no more of them than its credit allows, so they are few.
    untold: Vec<LargeReply>,
}

/// A large reply that a shard has made for a connection, see [`shards::txn::credit`].
#[derive(Clone, Copy, Debug)]
pub struct LargeReply {
    /// The shard.
    pub shard: ShardId,
    /// Its place among the replies.
    pub seq: u32,
    /// Its bytes.
    pub bytes: usize,
}

/// Bytes on their way to the kernel.
struct Sending {
    bytes: Vec<u8>,
    blobs: Vec<(usize, Blob)>,
    sent: usize,
    total: usize,
    pieces: Vec<libc::iovec>,
    header: libc::msghdr,
}

impl Connection {
    /// A connection on an accepted socket.
    pub fn new(fd: OwnedFd, index: u32, session: Session, addresses: Addresses) -> Connection {
        let Addresses { peer, local, is_local } = addresses;
        Connection {
            fd,
            index,
            session,
            query: QueryBuffer::default(),
            replies: ReplyQueue::default(),
            waiting: Waiting::No,
            publishing: Publishing::default(),
            closing: None,
            has_left: false,
            stopped: false,
            end_of_input: false,
            is_dirty: false,
            soft_limit_since_ms: None,
            peer,
            local,
            is_local,
            receiving: Receiving::Stopped,
            loan: None,
            sending: None,
            shut_down: false,
            spare: Vec::new(),
            untold: Vec::new(),
        }
    }

    /// The socket's number, as CLIENT LIST shows it.
    pub fn fd_number(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// True for a client of the Unix socket.
    pub fn is_unix(&self) -> bool {
        SockRef::from(&self.fd).domain().is_ok_and(|domain| domain == Domain::UNIX)
    }

    /// True when the next request must not be executed yet.
    #[inline]
    pub fn must_wait(&self) -> bool {
        !matches!(self.waiting, Waiting::No)
            || self.closing.is_some()
            || self.replies.awaited() >= AWAITED_REPLIES_MAX
            || self.replies.asked_bytes() >= ASKED_PAUSE_BYTES
            || self.output_bytes() >= OUTPUT_PAUSE_BYTES
    }

    /// Bytes that wait to be sent, those given to the kernel included.
    #[inline]
    pub fn output_bytes(&self) -> usize {
        self.replies.bytes() + self.sending.as_ref().map_or(0, |sending| sending.total - sending.sent)
    }

    /// A large reply of another shard was put into its place.
    pub fn got_large_reply(&mut self, reply: LargeReply) {
        self.untold.push(reply);
    }

    /// True when [`Connection::take_told`] may have something.
    #[inline]
    pub fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    /// The large replies whose shards may go on now: they are sent, or all that can be sent is within the bound of the
    /// output. Those that wait for an earlier reply are not, so that no shard is far ahead of another one. When the client
    /// has gone it is all of them.
    pub fn take_told(&mut self) -> Vec<LargeReply> {
        if self.closing == Some(Closing::Now) {
            return std::mem::take(&mut self.untold);
        }
        let sending_bytes = self.sending.as_ref().map_or(0, |sending| sending.total - sending.sent);
        if self.replies.ready().total_len() + sending_bytes >= OUTPUT_PAUSE_BYTES {
            return Vec::new();
        }
        self.untold.extract_if(.., |reply| self.replies.has_left(reply.seq)).collect()
    }

    /// Starts or stops the reading side as the state demands.
    pub fn drive_receive(&mut self, ring: &mut ClientRing) {
        if self.shut_down || self.end_of_input {
            return;
        }
        let pause = self.closing.is_some()
            || (self.query.buffered_bytes() > QUERY_PAUSE_BYTES && self.waits_for_workers());
        let direct = !self.stopped && self.query.blob_missing_bytes() >= DIRECT_READ_BYTES_MIN;
        match self.receiving {
            Receiving::Shared if pause || direct => {
                self.receiving = Receiving::Stopping;
                ring.cancel_receive(self.index);
            }
            Receiving::Stopped if pause => {}
            Receiving::Stopped if direct => self.receive_direct(ring),
            Receiving::Stopped => {
                self.receiving = Receiving::Shared;
                ring.receive(self.fd.as_raw_fd(), self.index);
            }
            _ => {}
        }
    }

    /// True when requests wait, and what they wait for comes without the client's doing and before long.
    pub fn waits_for_workers(&self) -> bool {
        self.stopped && !self.waiting.is_blocked() && self.output_bytes() < OUTPUT_PAUSE_BYTES
    }

    fn receive_direct(&mut self, ring: &mut ClientRing) {
        let Some(mut loan) = self.query.lend_blob() else { return };
        let spare = loan.bytes.spare_capacity_mut();
        let len = loan.room.min(spare.len());
        let memory = NonNull::from(spare).cast::<u8>();
        self.receiving = Receiving::Direct;
        // SAFETY: the loan stays in `self` until the completion, and nobody touches it; its memory does not move when
        // the struct does. A connection is only dropped when nothing is under way.
        unsafe { ring.receive_into(self.fd.as_raw_fd(), self.index, memory, len) };
        self.loan = Some(loan);
    }

    /// A receive into provided buffers has completed.
    pub fn received_shared(&mut self, more: bool) {
        if !more {
            self.receiving = Receiving::Stopped;
        }
    }

    /// A receive into a big argument has completed with so many bytes.
    pub fn received_direct(&mut self, len: usize) {
        self.receiving = Receiving::Stopped;
        if let Some(mut loan) = self.loan.take() {
            // SAFETY: the kernel has written `len` bytes behind the vector's end, within the room that it was given.
            unsafe { loan.bytes.set_len(loan.bytes.len() + len) };
            self.query.return_blob(loan);
        }
    }

    /// Gives the kernel what is ready to be sent, unless a send is under way.
    pub fn drive_send(&mut self, ring: &mut ClientRing) {
        if self.shut_down || self.sending.is_some() || self.replies.ready().is_empty() {
            return;
        }
        let total = self.replies.ready().total_len();
        let (bytes, blobs) = self.replies.ready().take();
        let spare = std::mem::take(&mut self.spare);
        self.replies.ready().reuse(spare);
        // SAFETY: all-zero is a valid msghdr.
        let header = unsafe { std::mem::zeroed() };
        self.sending = Some(Box::new(Sending { bytes, blobs, sent: 0, total, pieces: Vec::new(), header }));
        self.send_rest(ring);
    }

    fn send_rest(&mut self, ring: &mut ClientRing) {
        let Some(sending) = &mut self.sending else { return };
        let fd = self.fd.as_raw_fd();
        // SAFETY: `sending` is boxed and stays unchanged until the completion; a connection is only dropped when
        // nothing is under way.
        unsafe {
            if sending.blobs.is_empty() {
                let rest = &sending.bytes[sending.sent..];
                ring.send(fd, self.index, rest.as_ptr(), rest.len().min(SEND_BYTES_MAX));
            } else {
                ring.send_pieces(fd, self.index, sending.rest_in_pieces());
            }
        }
    }

    /// A send has completed with this result. Returns false when the connection is broken.
    pub fn sent(&mut self, result: i32, ring: &mut ClientRing) -> bool {
        let Some(sending) = &mut self.sending else { return true };
        if result <= 0 && result != -libc::EINTR && result != -libc::EAGAIN {
            self.sending = None;
            return false;
        }
        sending.sent += result.max(0) as usize;
        if sending.sent < sending.total && !self.shut_down {
            self.send_rest(ring);
            return true;
        }
        if let Some(sending) = self.sending.take()
            && sending.bytes.capacity() <= SPARE_BYTES_MAX
            && !self.replies.ready().is_empty()
        {
            self.spare = sending.bytes;
            self.spare.clear();
        }
        true
    }

    /// True when all replies have been given to the kernel and accepted by it, and none is awaited.
    pub fn is_drained(&mut self) -> bool {
        self.sending.is_none() && self.replies.awaited() == 0 && self.replies.ready().is_empty()
    }

    /// Ends both directions, so that everything under way completes.
    pub fn shut_down(&mut self) {
        if !self.shut_down {
            self.shut_down = true;
            // A socket that the other side has reset is not connected any more; what is under way completes anyway.
            let _ = SockRef::from(&self.fd).shutdown(Shutdown::Both);
        }
    }

    /// True when it was shut down and the kernel uses none of its memory any more.
    pub fn may_be_dropped(&self) -> bool {
        self.shut_down && self.sending.is_none() && self.receiving == Receiving::Stopped
    }

    /// Bytes of memory that the connection holds besides its struct.
    pub fn memory_bytes(&self) -> usize {
        self.query.memory_bytes() + self.output_bytes() + self.spare.capacity()
    }

    /// Gives back memory that was needed for a while.
    pub fn trim(&mut self) {
        self.query.trim();
        self.replies.trim();
        self.untold.trim();
    }
}

/// The largest buffer that is kept for the next replies, in bytes.
const SPARE_BYTES_MAX: usize = 64 << 10;

impl Sending {
    /// The message header for what has not been sent, at most `SEND_PIECES_MAX` pieces.
    fn rest_in_pieces(&mut self) -> *const libc::msghdr {
        self.pieces.clear();
        let mut skip = self.sent;
        let mut start = 0;
        for (at, blob) in &self.blobs {
            push_piece(&mut self.pieces, &self.bytes[start..*at], &mut skip);
            push_piece(&mut self.pieces, blob, &mut skip);
            start = *at;
        }
        push_piece(&mut self.pieces, &self.bytes[start..], &mut skip);
        self.pieces.truncate(SEND_PIECES_MAX);
        let mut room = SEND_BYTES_MAX;
        for piece in &mut self.pieces {
            piece.iov_len = piece.iov_len.min(room);
            room -= piece.iov_len;
        }
        self.pieces.retain(|piece| piece.iov_len > 0);
        self.header.msg_iov = self.pieces.as_mut_ptr();
        self.header.msg_iovlen = self.pieces.len();
        &raw const self.header
    }
}

/// Appends a piece without its first `skip` bytes, and counts them down.
fn push_piece(pieces: &mut Vec<libc::iovec>, bytes: &[u8], skip: &mut usize) {
    if *skip >= bytes.len() {
        *skip -= bytes.len();
        return;
    }
    let rest = &bytes[*skip..];
    *skip = 0;
    pieces.push(libc::iovec { iov_base: rest.as_ptr().cast_mut().cast(), iov_len: rest.len() });
}
