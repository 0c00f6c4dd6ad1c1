//! The short replies of one client that wait for others before them, one behind the other in one buffer.
//!
//! They lie in the order in which they came, which need not be that in which they leave: where each one lies,
//! its place in the queue knows. The buffer becomes empty when the last of them has left, so that a pipeline
//! allocates nothing for them. In one that never comes to an end it becomes full instead: then replies have
//! memory of their own until all that are in it have left. Knows no order and no gate.

use crate::reply::Reply;
use crate::spare::Trim;

/// What the buffer holds, those that have left included: some hundred short replies, as many as a deep
/// pipeline has.
pub(super) const LATE_BYTES_MAX: usize = 64 << 10;

/// A longer reply has memory of its own, as one with a blob has: it costs little beside the copying, and is
/// given back when the reply leaves.
pub(super) const LATE_REPLY_BYTES_MAX: usize = 16 << 10;

/// All pieces of the buffer have begun by here, so that none ends behind [`LATE_BYTES_MAX`].
const LATE_BEGIN_MAX: u32 = (LATE_BYTES_MAX - LATE_REPLY_BYTES_MAX) as u32;

/// One for each queue.
#[derive(Default)]
pub(super) struct Late {
    /// Made when it is needed first. Between its pieces are no blobs.
    reply: Option<Box<Reply>>,
    /// The end of all that is counted.
    end: u32,
    /// How many pieces are still to leave.
    pieces: u32,
}

/// Where one reply, or several that leave together, lies in [`Late`].
#[derive(Clone, Copy)]
pub(super) struct Piece {
    start: u32,
    end: u32,
}

impl Piece {
    #[inline]
    pub(super) fn bytes(self) -> usize {
        (self.end - self.start) as usize
    }
}

impl Late {
    /// A piece that is short enough may be added.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.end <= LATE_BEGIN_MAX
    }

    /// Adds a piece of at most [`LATE_REPLY_BYTES_MAX`], for which there is room. It may be empty.
    #[inline]
    pub(super) fn add(&mut self, bytes: &[u8], resp3: bool) -> Piece {
        let start = self.end;
        if !bytes.is_empty() {
            self.writer(resp3).raw(bytes);
            self.end += bytes.len() as u32;
        }
        self.pieces += 1;
        Piece { start, end: self.end }
    }

    /// Nothing has come behind this piece, so more may be written to it.
    #[inline]
    pub(super) fn ends_with(&self, piece: Piece) -> bool {
        piece.end == self.end
    }

    /// Where more is written to the piece at the end. It has to be counted before anything else is done.
    #[inline]
    pub(super) fn writer(&mut self, resp3: bool) -> &mut Reply {
        self.reply.get_or_insert_with(|| Box::new(Reply::new(resp3)))
    }

    /// Counts what was written to the piece at the end. If it has become too long, or has blobs, it is taken
    /// out.
    #[inline]
    pub(super) fn count(&mut self, piece: Piece) -> Result<Piece, Reply> {
        let Some(reply) = &mut self.reply else { return Ok(piece) };
        let (start, end) = (piece.start as usize, reply.bytes().len());
        if end - start > LATE_REPLY_BYTES_MAX || !reply.blobs().is_empty() {
            let long = reply.split_off(start);
            self.end = piece.start;
            self.forget_one();
            return Err(long);
        }
        self.end = end as u32;
        Ok(Piece { end: self.end, ..piece })
    }

    /// Appends a piece to what leaves.
    #[inline]
    pub(super) fn leave(&mut self, piece: Piece, leaving: &mut Reply) {
        // What lay before an empty piece may have been taken out.
        if piece.bytes() > 0
            && let Some(reply) = &self.reply
        {
            leaving.raw(&reply.bytes()[piece.start as usize..piece.end as usize]);
        }
        self.forget_one();
    }

    #[inline]
    fn forget_one(&mut self) {
        self.pieces -= 1;
        if self.pieces == 0 {
            self.end = 0;
            if let Some(reply) = &mut self.reply {
                reply.clear();
            }
        }
    }

    /// Chooses the protocol version of what is written from now on.
    pub(super) fn set_resp3(&mut self, resp3: bool) {
        if let Some(reply) = &mut self.reply {
            reply.set_resp3(resp3);
        }
    }

    /// Bytes of memory that it holds.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.reply.as_ref().map_or(0, |reply| size_of::<Reply>() + reply.memory_bytes())
    }

    /// How many pieces are still to leave.
    #[cfg(test)]
    pub(super) fn pieces(&self) -> usize {
        self.pieces as usize
    }
}

impl Trim for Late {
    /// Gives back all of an empty one: a worker may have far more clients that are silent than such with a
    /// pipeline.
    fn trim(&mut self) {
        if self.pieces == 0 {
            self.reply = None;
        } else if let Some(reply) = &mut self.reply {
            reply.trim();
        }
    }
}
