//! What a connection has received and not executed yet, and how requests are taken out of it.
//!
//! The protocol between this file and the net layer is told in the module's documentation. This file must not
//! know sockets or what requests mean.

#[cfg(test)]
mod tests;

use std::mem;

use shards::args::Args;
use shards::spare::Trim;

use super::request::{Argv, Parsed, ProtocolError, RequestLimits, RequestParser};

/// While a request is unfinished, received bytes are copied behind it in steps of this size, in bytes: enough
/// for most requests, and little copied in vain when a long pipeline follows.
const COPY_STEP_BYTES: usize = 4096;

/// The bytes of a connection that wait: an unfinished request, or requests that were not taken yet. One per
/// connection; without memory on the heap while nothing waits.
#[derive(Default, Debug)]
pub struct QueryBuffer {
    /// Received bytes in order, without those of big arguments whose parse has begun.
    bytes: Vec<u8>,
    /// Where the first request that was not taken starts in `bytes`.
    start: usize,
    /// The parse of that request, once begun.
    partial: Option<Box<Partial>>,
}

/// An unfinished request. One per connection at most.
#[derive(Debug)]
struct Partial {
    parser: RequestParser,
    /// The arguments so far.
    argv: Argv,
    /// The big argument has been lent to the caller, who reads into it.
    lent: bool,
}

/// A big argument that the caller fills itself, see [`QueryBuffer::lend_blob`].
#[derive(Debug)]
pub struct BlobLoan {
    /// What has come; the caller appends to it and changes nothing else.
    pub bytes: Vec<u8>,
    /// How many bytes may be appended at most; not zero. `bytes` has the capacity for them.
    pub room: usize,
}

/// What [`Requests::next`] has found.
#[derive(Clone, Copy)]
pub enum NextRequest<'a> {
    /// A request with at least one argument.
    Request(Args<'a>),
    /// A request without any: an empty line, `*0`, `*-1`. It has no reply, but is one.
    Empty,
    /// No further request is complete.
    Incomplete,
    /// The client broke the protocol: nothing more can be taken from this connection.
    Error(ProtocolError),
}

impl QueryBuffer {
    /// Takes in what the socket has delivered, or nothing to go on with what waits. The requests are then
    /// taken from the result; dropping it copies what is left of `received` into this buffer.
    ///
    /// # Panics
    /// When a [`BlobLoan`] has not been given back.
    #[inline]
    pub fn receive<'a>(&'a mut self, received: &'a [u8], argv: &'a mut Argv) -> Requests<'a> {
        if let Some(partial) = &self.partial {
            assert!(!partial.lent, "the lent blob comes back before anything else is received");
        }
        Requests { query: self, argv, received, at: 0, copied: 0, error: None }
    }

    /// Lends the big argument that is being received, so that the caller can read from the socket straight
    /// into it; `None` when no bytes of a big argument are missing. It may be called after
    /// `NextRequest::Incomplete`.
    ///
    /// The memory grows with what has come, by [`super::BLOB_GROWTH_BYTES_MIN`] at least, up to its length.
    pub fn lend_blob(&mut self) -> Option<BlobLoan> {
        let partial = self.partial.as_mut().filter(|partial| !partial.lent)?;
        let blob = partial.parser.blob.as_mut().filter(|blob| blob.missing() > 0)?;
        let room = blob.grow();
        partial.lent = true;
        Some(BlobLoan { bytes: mem::take(&mut blob.bytes), room })
    }

    /// Takes the big argument back, with whatever number of bytes the caller has appended.
    ///
    /// # Panics
    /// When nothing was lent, or more was appended than there was room for.
    pub fn return_blob(&mut self, loan: BlobLoan) {
        let partial = self.partial.as_mut().filter(|partial| partial.lent).expect("a blob was lent");
        let blob = partial.parser.blob.as_mut().expect("a blob stays where it was lent from");
        assert!(loan.bytes.len() <= blob.len, "no more is appended than there is room");
        blob.bytes = loan.bytes;
        partial.lent = false;
    }

    /// Bytes of the big argument being received that have not come yet; 0 when there is none, or it is lent.
    pub fn blob_missing_bytes(&self) -> usize {
        match self.partial.as_deref() {
            Some(Partial { parser: RequestParser { blob: Some(blob), .. }, lent: false, .. }) => {
                blob.missing()
            }
            _ => 0,
        }
    }

    /// True when nothing waits: no unfinished request, and none that was not taken.
    pub fn is_idle(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that count against client-query-buffer-limit: those that wait, without the arguments of the
    /// unfinished request that are complete, but with what has come of a big one. So a request may have any
    /// number of arguments.
    pub fn buffered_bytes(&self) -> usize {
        let Some(partial) = self.partial.as_deref() else { return self.unread_bytes() };
        let blob_bytes = partial.parser.blob.as_ref().map_or(0, |blob| blob.bytes.len());
        self.unread_bytes().saturating_sub(partial.parser.taken_bytes()) + blob_bytes
    }

    /// Whether so many more bytes complete a big argument that is over `limit_bytes` with the CR LF behind
    /// it: then it must not be executed. Such an argument counts only when all of it has come, and is then no
    /// longer buffered.
    #[inline]
    pub fn completes_over(&self, received_bytes: usize, limit_bytes: u64) -> bool {
        let blob = self.partial.as_deref().and_then(|partial| partial.parser.blob.as_ref());
        blob.is_some_and(|blob| blob.missing() <= received_bytes && blob.len as u64 + 2 > limit_bytes)
    }

    /// Bytes of memory held on the heap.
    pub fn memory_bytes(&self) -> usize {
        let partial_bytes = self.partial.as_deref().map_or(0, |partial| {
            let blob = partial.parser.blob.as_ref().map_or(0, |blob| blob.bytes.capacity());
            size_of::<Partial>() + partial.argv.memory_bytes() + blob
        });
        self.bytes.capacity() + partial_bytes
    }

    /// Bytes in `bytes` that were not taken.
    fn unread_bytes(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Appends received bytes, after having closed a large gap at the front.
    fn append(&mut self, received: &[u8]) {
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(received);
    }

    /// Gives the memory back, since nothing waits.
    fn reset(&mut self) {
        *self = QueryBuffer::default();
    }
}

impl Trim for QueryBuffer {
    /// Only between two calls of [`QueryBuffer::receive`].
    fn trim(&mut self) {
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.trim();
    }
}

/// The requests in what was received, see [`QueryBuffer::receive`]. One per turn of a connection.
#[derive(Debug)]
pub struct Requests<'a> {
    query: &'a mut QueryBuffer,
    argv: &'a mut Argv,
    received: &'a [u8],
    /// Bytes of `received` that were taken, or copied into the query buffer or a blob.
    at: usize,
    /// So many bytes before `at` are also the last ones of the query buffer, in the same order.
    copied: usize,
    error: Option<ProtocolError>,
}

impl Requests<'_> {
    /// The next request. After an error the result is the same error for ever.
    #[inline]
    pub fn next(&mut self, limits: &RequestLimits) -> NextRequest<'_> {
        if let Some(error) = self.error {
            return NextRequest::Error(error);
        }
        if !self.query.bytes.is_empty() && !self.leave_query_buffer() {
            return self.next_buffered(limits);
        }
        let buffer = &self.received[self.at..];
        self.argv.clear();
        let mut parser = RequestParser::default();
        match parser.parse(buffer, self.argv, limits) {
            Parsed::Complete { consumed, inline } => {
                self.at += consumed;
                match self.argv.spans.is_empty() {
                    true => NextRequest::Empty,
                    false => NextRequest::Request(self.argv.args(buffer, inline)),
                }
            }
            Parsed::Incomplete { keep } => self.park(parser, keep),
            Parsed::Error(error) => self.fail(error),
        }
    }

    /// Goes over from the query buffer to `received` if what is unread lies there too; says whether it did.
    fn leave_query_buffer(&mut self) -> bool {
        let unread = self.query.unread_bytes();
        if self.query.partial.is_some() || unread > self.copied {
            return false;
        }
        self.at -= unread;
        self.copied = 0;
        self.query.reset();
        true
    }

    /// Keeps the unfinished request at the end of `received`.
    #[cold]
    fn park(&mut self, parser: RequestParser, keep: usize) -> NextRequest<'_> {
        if self.at < self.received.len() {
            self.query.bytes = self.received[self.at..][..keep].to_vec();
            self.at = self.received.len();
            let argv = mem::take(self.argv);
            self.query.partial = Some(Box::new(Partial { parser, argv, lent: false }));
        }
        NextRequest::Incomplete
    }

    /// The next request while there is something in the query buffer.
    #[cold]
    fn next_buffered(&mut self, limits: &RequestLimits) -> NextRequest<'_> {
        loop {
            if self.fill_blob() {
                return NextRequest::Incomplete;
            }
            let mut partial = self.query.partial.take();
            let mut fresh = RequestParser::default();
            let parser = match &mut partial {
                Some(partial) => {
                    mem::swap(&mut partial.argv, self.argv);
                    &mut partial.parser
                }
                None => {
                    self.argv.clear();
                    &mut fresh
                }
            };
            let start = self.query.start;
            match parser.parse(&self.query.bytes[start..], self.argv, limits) {
                Parsed::Complete { consumed, inline } => {
                    self.query.start += consumed;
                    if self.argv.spans.is_empty() {
                        return NextRequest::Empty;
                    }
                    return NextRequest::Request(self.argv.args(&self.query.bytes[start..], inline));
                }
                Parsed::Incomplete { keep } => {
                    let mut partial = partial.unwrap_or_else(|| {
                        Box::new(Partial { parser: fresh, argv: Argv::default(), lent: false })
                    });
                    mem::swap(&mut partial.argv, self.argv);
                    self.query.partial = Some(partial);
                    self.query.bytes.truncate(start + keep);
                    if self.at == self.received.len() {
                        return NextRequest::Incomplete;
                    }
                    self.copy_step();
                }
                Parsed::Error(error) => return self.fail(error),
            }
        }
    }

    /// Moves received bytes to the big argument that misses some; says whether it still misses some.
    fn fill_blob(&mut self) -> bool {
        let Some(blob) = self.query.partial.as_mut().and_then(|partial| partial.parser.blob.as_mut()) else {
            return false;
        };
        let taken = blob.fill(&self.received[self.at..]);
        if taken > 0 {
            self.at += taken;
            self.copied = 0;
        }
        blob.missing() > 0
    }

    /// Copies some more of `received` behind the unfinished request, unless its big argument comes first.
    fn copy_step(&mut self) {
        if self.query.blob_missing_bytes() == 0 {
            let rest = &self.received[self.at..];
            let step = &rest[..rest.len().min(COPY_STEP_BYTES)];
            self.query.append(step);
            self.at += step.len();
            self.copied += step.len();
        }
    }

    #[cold]
    fn fail(&mut self, error: ProtocolError) -> NextRequest<'_> {
        self.error = Some(error);
        NextRequest::Error(error)
    }
}

impl Drop for Requests<'_> {
    /// Keeps what was not taken, and gives the memory of big arguments back.
    fn drop(&mut self) {
        if !self.argv.blobs.is_empty() {
            self.argv.clear();
        }
        if self.error.is_some() {
            self.query.reset();
            return;
        }
        if !self.query.bytes.is_empty() {
            self.leave_query_buffer();
        }
        if !self.fill_blob() && self.at < self.received.len() {
            self.query.append(&self.received[self.at..]);
        }
    }
}
