//! All that a worker has for another one in one turn: hops, with the arguments of commands and the bytes of
//! replies in arrays of the batch. Nothing is allocated for a command or a reply of the usual size.

use shards::args::{Args, Blob, Span};
use shards::reply::Reply;
use shards::txn::Ticket;

use super::hop::{Hop, RemoteCommand};
use crate::node::memory::MemoryHop;

/// Hops that may wait at a sender before it stops reading from clients. With the batches in the queue this
/// bounds what two workers can owe each other.
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

    /// Begins to hand out the content. What is left of it when the reader goes is forgotten.
    pub fn read(&mut self) -> BatchReader<'_> {
        BatchReader { batch: self, at: Position::default(), relative: Vec::new() }
    }

    /// Hands out the content in order and leaves the batch empty.
    #[cfg(test)]
    pub fn take(&mut self, mut deliver: impl FnMut(Delivery<'_>)) {
        let mut reader = self.read();
        while let Some(delivery) = reader.next() {
            deliver(delivery);
        }
    }

    pub(super) fn bytes_end(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn blobs_end(&self) -> usize {
        self.blobs.len()
    }
}

/// How far a batch has been read.
#[derive(Clone, Copy, Default)]
struct Position {
    hop: usize,
    span: usize,
    byte: usize,
    blob: usize,
    reply_byte: usize,
    reply_blob: usize,
}

impl Position {
    /// The arguments of the command that is next, which is stepped over.
    #[inline]
    fn take_args<'a>(&mut self, remote: &RemoteCommand, batch: &'a Batch) -> Args<'a> {
        let (spans_end, bytes_end) = (remote.spans_end as usize, remote.bytes_end as usize);
        let blobs_end = remote.blobs_end as usize;
        let spans = &batch.spans[self.span..spans_end];
        let bytes = &batch.bytes[self.byte..bytes_end];
        let blobs = &batch.blobs[self.blob..blobs_end];
        (self.span, self.byte, self.blob) = (spans_end, bytes_end, blobs_end);
        Args::new(bytes, spans, blobs)
    }
}

/// Hands out what is in a batch, in order. It leaves the batch empty.
pub struct BatchReader<'a> {
    batch: &'a mut Batch,
    at: Position,
    /// The blobs of the reply that was handed out last, each with its place in that reply.
    relative: Vec<(usize, Blob)>,
}

impl BatchReader<'_> {
    /// The commands among the next hops, so many of these, which are not taken yet.
    pub fn upcoming(&self, hops: usize) -> impl Iterator<Item = (&RemoteCommand, Args<'_>)> {
        let batch = &*self.batch;
        let mut at = self.at;
        let upcoming = batch.hops[at.hop..].iter().take(hops);
        upcoming.filter_map(move |hop| match hop {
            Hop::Command(remote) => Some((remote, at.take_args(remote, batch))),
            _ => None,
        })
    }

    /// The next one.
    #[inline]
    pub fn next(&mut self) -> Option<Delivery<'_>> {
        let BatchReader { batch, at, relative } = self;
        let hop = batch.hops.get_mut(at.hop)?;
        at.hop += 1;
        match hop {
            Hop::Command(remote) => {
                let remote = *remote;
                Some(Delivery::Command(remote, at.take_args(&remote, batch)))
            }
            &mut Hop::Reply { ticket, end, blobs_end } => {
                let begin = std::mem::replace(&mut at.reply_byte, end);
                let blobs = &batch.replies.blobs()[at.reply_blob..blobs_end];
                at.reply_blob = blobs_end;
                relative.clear();
                relative.extend(blobs.iter().map(|(at, blob)| (at - begin, Blob::clone(blob))));
                Some(Delivery::Reply(ticket, &batch.replies.bytes()[begin..end], relative))
            }
            // What is taken is replaced by the smallest there is.
            other => Some(Delivery::Other(std::mem::replace(other, Hop::Memory(MemoryHop::MakeRoom)))),
        }
    }
}

impl Drop for BatchReader<'_> {
    fn drop(&mut self) {
        let Batch { hops, spans, bytes, blobs, replies, held_bytes } = &mut *self.batch;
        hops.clear();
        spans.clear();
        bytes.clear();
        blobs.clear();
        replies.clear();
        *held_bytes = 0;
    }
}
