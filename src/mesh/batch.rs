//! All that a worker has for another one in one turn: hops, with the arguments of commands and the bytes of replies in arrays
//! of the batch. Nothing is allocated for a command or a reply of the usual size.

use shards::args::{Args, Blob, Span};
use shards::reply::Reply;
use shards::txn::Ticket;

use super::hop::{Hop, RemoteCommand};

/// Hops that may wait at a sender before it stops reading from clients. With the batches in the queue this bounds
/// what two workers can owe each other.
pub(super) const WAITING_HOPS_MAX: usize = 8192;
/// Bytes of commands and messages that may wait at a sender before it stops reading from clients.
pub(super) const WAITING_BYTES_MAX: usize = 16 << 20;

/// What a worker has for another in one turn.
#[derive(Default)]
pub struct Batch {
    pub(super) hops: Vec<Hop>,
    pub(super) spans: Vec<Span>,
    pub(super) bytes: Vec<u8>,
    pub(super) blobs: Vec<Blob>,
    pub(super) replies: Reply,
    /// Bytes that hops and big arguments hold beside the batch.
    pub(super) held_bytes: usize,
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
    pub(super) fn is_empty(&self) -> bool {
        self.hops.is_empty()
    }

    /// So much waits that clients should not be read from.
    pub(super) fn is_too_much(&self) -> bool {
        self.hops.len() > WAITING_HOPS_MAX || self.bytes.len() + self.held_bytes > WAITING_BYTES_MAX
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.hops.capacity() * size_of::<Hop>()
            + self.spans.capacity() * size_of::<Span>()
            + self.bytes.capacity()
            + self.blobs.capacity() * size_of::<Blob>()
            + self.replies.memory_bytes()
    }

    /// Bytes that it carries: of commands, messages and replies, those of big values included.
    pub(super) fn carried_bytes(&self) -> usize {
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

    pub(super) fn bytes_end(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn blobs_end(&self) -> usize {
        self.blobs.len()
    }
}
