//! The socket of one client: its reading side, which fills the query buffer that it is given, and its sending
//! side, which takes what a reply holds.
//!
//! It drives the ring for its own descriptor and knows neither sessions nor commands nor workers. The number
//! by which its completions come back is told to it each time, so a socket with nothing under way can go on
//! under another number, on another ring.
#![expect(unsafe_code, reason = "the kernel reads replies from, and big arguments into, memory owned here")]

use std::net::Shutdown;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use shards::args::Blob;
use shards::reply::Reply;
use socket2::{Domain, SockRef};

use crate::io::ring::{ClientRing, Op};
use crate::protocol::{BlobLoan, QueryBuffer};

/// A big argument is read straight into its own memory when at least this many bytes of it are missing.
pub const DIRECT_READ_BYTES_MIN: usize = 128 << 10;
/// Bytes of one send: the kernel copies them while the worker waits.
const SEND_BYTES_MAX: usize = 1 << 20;
/// Pieces of one scatter-gather send. Linux allows 1024 (UIO_MAXIOV).
const SEND_PIECES_MAX: usize = 128;
/// The largest buffer that is kept for the next replies, in bytes.
const SPARE_BYTES_MAX: usize = 64 << 10;

/// How the socket shall be read from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// Not at all.
    Pause,
    /// Into provided buffers.
    Shared,
    /// Into the memory of a big argument.
    Direct,
}

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
    /// The same, and its end has been asked for.
    DirectStopping,
}

/// One per client with a socket.
pub struct Socket {
    fd: OwnedFd,
    receiving: Receiving,
    loan: Option<BlobLoan>,
    sending: Option<Box<Sending>>,
    shut_down: bool,
    /// A sent buffer, kept for the next replies.
    spare: Vec<u8>,
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

impl Socket {
    /// One that has been accepted.
    pub fn new(fd: OwnedFd) -> Socket {
        Socket {
            fd,
            receiving: Receiving::Stopped,
            loan: None,
            sending: None,
            shut_down: false,
            spare: Vec::new(),
        }
    }

    /// The descriptor alone, of a socket at rest.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// True when nothing is under way.
    pub fn is_at_rest(&self) -> bool {
        self.receiving == Receiving::Stopped && self.sending.is_none()
    }

    /// Ends reading in whatever way it goes on. What has come until then completes, the rest stays in the
    /// kernel.
    pub fn let_go(&mut self, index: u32, ring: &mut ClientRing) {
        match self.receiving {
            Receiving::Shared => {
                self.receiving = Receiving::Stopping;
                ring.cancel_receive(index);
            }
            Receiving::Direct => {
                self.receiving = Receiving::DirectStopping;
                ring.cancel(Op::ReceiveInto, index);
            }
            Receiving::Stopped | Receiving::Stopping | Receiving::DirectStopping => {}
        }
    }

    /// The descriptor, as CLIENT LIST shows it.
    pub fn fd_number(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// True for a Unix socket.
    pub fn is_unix(&self) -> bool {
        SockRef::from(&self.fd).domain().is_ok_and(|domain| domain == Domain::UNIX)
    }

    /// Bytes that have been given to the kernel and not been accepted by it.
    #[inline]
    pub fn sending_bytes(&self) -> usize {
        self.sending.as_ref().map_or(0, |sending| sending.total - sending.sent)
    }

    /// A send is under way.
    pub fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    /// Starts, stops or changes the way of reading. `index` is the number for the completions.
    pub fn drive_receive(
        &mut self,
        index: u32,
        reading: Reading,
        query: &mut QueryBuffer,
        ring: &mut ClientRing,
    ) {
        if self.shut_down {
            return;
        }
        match (self.receiving, reading) {
            (Receiving::Shared, Reading::Pause | Reading::Direct) => {
                self.receiving = Receiving::Stopping;
                ring.cancel_receive(index);
            }
            (Receiving::Stopped, Reading::Direct) => self.receive_direct(index, query, ring),
            (Receiving::Stopped, Reading::Shared) => {
                self.receiving = Receiving::Shared;
                ring.receive(self.fd.as_raw_fd(), index);
            }
            _ => {}
        }
    }

    fn receive_direct(&mut self, index: u32, query: &mut QueryBuffer, ring: &mut ClientRing) {
        let Some(mut loan) = query.lend_blob() else { return };
        let spare = loan.bytes.spare_capacity_mut();
        let len = loan.room.min(spare.len());
        let memory = NonNull::from(spare).cast::<u8>();
        self.receiving = Receiving::Direct;
        // SAFETY: the loan stays in `self` until the completion, and nobody touches it; its memory does not
        // move when the struct does. A socket is only dropped when nothing is under way.
        unsafe { ring.receive_into(self.fd.as_raw_fd(), index, memory, len) };
        self.loan = Some(loan);
    }

    /// A receive into provided buffers has completed.
    pub fn received_shared(&mut self, more: bool) {
        if !more {
            self.receiving = Receiving::Stopped;
        }
    }

    /// A receive into a big argument has completed with so many bytes.
    pub fn received_direct(&mut self, len: usize, query: &mut QueryBuffer) {
        self.receiving = Receiving::Stopped;
        if let Some(mut loan) = self.loan.take() {
            // SAFETY: the kernel has written `len` bytes behind the vector's end, within the room that it was
            // given.
            unsafe { loan.bytes.set_len(loan.bytes.len() + len) };
            query.return_blob(loan);
        }
    }

    /// Gives the kernel what is ready to be sent, unless a send is under way.
    pub fn drive_send(&mut self, index: u32, ready: &mut Reply, ring: &mut ClientRing) {
        if self.shut_down || self.sending.is_some() || ready.is_empty() {
            return;
        }
        let total = ready.total_len();
        let (bytes, blobs) = ready.take();
        ready.reuse(std::mem::take(&mut self.spare));
        // SAFETY: all-zero is a valid msghdr.
        let header = unsafe { std::mem::zeroed() };
        self.sending = Some(Box::new(Sending { bytes, blobs, sent: 0, total, pieces: Vec::new(), header }));
        self.send_rest(index, ring);
    }

    fn send_rest(&mut self, index: u32, ring: &mut ClientRing) {
        let Some(sending) = &mut self.sending else { return };
        let fd = self.fd.as_raw_fd();
        // SAFETY: `sending` is boxed and stays unchanged until the completion; a socket is only dropped when
        // nothing is under way.
        unsafe {
            if sending.blobs.is_empty() {
                let rest = &sending.bytes[sending.sent..];
                ring.send(fd, index, rest.as_ptr(), rest.len().min(SEND_BYTES_MAX));
            } else {
                ring.send_pieces(fd, index, sending.rest_in_pieces());
            }
        }
    }

    /// A send has completed with this result; with `more`, something waits to be sent after it. Returns false
    /// when the connection is broken.
    pub fn sent(&mut self, index: u32, result: i32, more: bool, ring: &mut ClientRing) -> bool {
        let Some(sending) = &mut self.sending else { return true };
        if result <= 0 && result != -libc::EINTR && result != -libc::EAGAIN {
            self.sending = None;
            return false;
        }
        sending.sent += result.max(0) as usize;
        if sending.sent < sending.total && !self.shut_down {
            self.send_rest(index, ring);
            return true;
        }
        if let Some(sending) = self.sending.take()
            && sending.bytes.capacity() <= SPARE_BYTES_MAX
            && more
        {
            self.spare = sending.bytes;
            self.spare.clear();
        }
        true
    }

    /// Ends both directions, so that everything under way completes.
    pub fn shut_down(&mut self) {
        if !self.shut_down {
            self.shut_down = true;
            // A socket that the other side has reset is not connected any more; what is under way completes
            // anyway.
            let _ = SockRef::from(&self.fd).shutdown(Shutdown::Both);
        }
    }

    /// True when it was shut down and the kernel uses none of its memory any more.
    pub fn may_be_dropped(&self) -> bool {
        self.shut_down && self.sending.is_none() && self.receiving == Receiving::Stopped
    }

    /// Bytes of memory that the socket holds besides its struct.
    pub fn memory_bytes(&self) -> usize {
        self.sending_bytes() + self.spare.capacity()
    }
}

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
