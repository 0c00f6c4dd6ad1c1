//! The replies of one client, in the order of its requests, although some come from other cores and later.
//!
//! `ready` holds what can be sent. Behind it lies, in order, one place for each reply that is still awaited,
//! and the replies of requests that came after it. A reply can also be there and be held back, with all
//! behind it, until a *gate* opens: something else has to happen first, such as an fsync or the
//! acknowledgement of a replica. Gates are numbers that grow, positions in a journal for example, and when
//! one opens all below it have. The client's further commands go on meanwhile. The queue knows no socket and
//! no command.
//!
//! Short replies behind an awaited one lie in one buffer ([`late`]), so that a pipeline over several cores
//! allocates nothing for them. What is long or held, or has pushes before it, has memory of its own.

mod late;
#[cfg(test)]
mod late_tests;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::args::Blob;
use crate::reply::Reply;
use crate::router::reply_queue::late::{LATE_REPLY_BYTES_MAX, Late, Piece};
use crate::spare::Trim;

/// One per client, for as long as it is a client of its worker.
#[derive(Default)]
pub struct ReplyQueue {
    ready: Reply,
    places: VecDeque<Place>,
    /// What the places that are late are pieces of.
    late: Late,
    /// Bytes in filled places, late ones included, as of the last look at the last one.
    filled_bytes: usize,
    /// Those of them that are in the last place, when it is filled and not late: more may be written to it.
    last_bytes: usize,
    /// Bytes of the commands whose replies are awaited, as many as they have become since none was.
    asked_bytes: usize,
    /// The highest gate that anything here has been held by. All that is written from now on is behind it.
    gate: u64,
    /// The gates up to this one are open, as far as this queue has been told.
    opened: u64,
    /// The number of the first place in `places`.
    first: u32,
    /// How many places are awaited.
    awaited: u32,
    /// How many filled places have a gate that is closed.
    held: u32,
    /// Something may have been written to the last place, which is filled, since it was counted.
    is_written: bool,
    resp3: bool,
}

enum Place {
    Awaited,
    /// The reply is thrown away when it comes (CLIENT REPLY OFF).
    Unwanted,
    /// What can leave when all before it has left.
    Late(Piece),
    Filled(Box<Filled>),
    /// As `Awaited` or, when not wanted, `Unwanted`; pushes have come that go before it.
    AwaitedBehind {
        pushes: Box<Reply>,
        wanted: bool,
    },
}

/// What can leave when all before it has left and its gate is open.
struct Filled {
    reply: Reply,
    /// 0, which is below all gates, for none.
    gate: u64,
}

impl Place {
    fn filled(reply: Reply, gate: u64) -> Place {
        Place::Filled(Box::new(Filled { reply, gate }))
    }

    fn is_awaited(&self) -> bool {
        !matches!(self, Place::Late(_) | Place::Filled(_))
    }
}

impl ReplyQueue {
    /// A queue whose first place has this number: behind all that another client of the same number has had.
    pub fn starting_at(first: u32) -> ReplyQueue {
        ReplyQueue { first, ..ReplyQueue::default() }
    }

    /// Where the reply to the request that is executed now goes.
    #[inline]
    pub fn writer(&mut self) -> &mut Reply {
        if self.places.is_empty() { &mut self.ready } else { self.writer_behind_places() }
    }

    #[cold]
    fn writer_behind_places(&mut self) -> &mut Reply {
        self.count_last();
        let goes_on = match self.places.back() {
            Some(&Place::Late(piece)) => self.late.ends_with(piece),
            last => matches!(last, Some(Place::Filled(_))),
        };
        if !goes_on && self.late.has_room() {
            self.places.push_back(Place::Late(self.late.add(&[], self.resp3)));
        } else if !goes_on {
            self.push_filled(0);
        }
        self.is_written = true;
        match self.places.back_mut() {
            Some(Place::Filled(filled)) => &mut filled.reply,
            _ => self.late.writer(self.resp3),
        }
    }

    fn push_filled(&mut self, gate: u64) {
        self.places.push_back(Place::filled(Reply::new(self.resp3), gate));
        self.last_bytes = 0;
    }

    /// Counts what was written to the last place. Comes before all else that is added or leaves.
    #[inline]
    fn count_last(&mut self) {
        if self.is_written {
            self.count_written();
        }
    }

    fn count_written(&mut self) {
        self.is_written = false;
        let Some(last) = self.places.back_mut() else { return };
        let reply_bytes = match last {
            Place::Late(piece) => {
                let before = piece.bytes();
                match self.late.count(*piece) {
                    Ok(counted) => {
                        *piece = counted;
                        self.filled_bytes += counted.bytes() - before;
                        return;
                    }
                    Err(long) => {
                        self.last_bytes = before;
                        let bytes = long.total_len();
                        *last = Place::filled(long, 0);
                        bytes
                    }
                }
            }
            Place::Filled(filled) => filled.reply.total_len(),
            _ => return,
        };
        self.filled_bytes += reply_bytes - self.last_bytes;
        self.last_bytes = reply_bytes;
    }

    /// Appends a push message. It goes behind all replies, awaited and held ones included; with
    /// `before_awaited` it goes before the last one that is awaited, for which nobody knows how long it will
    /// take.
    pub fn push(&mut self, before_awaited: bool, message: &Reply) {
        if self.places.is_empty() {
            return self.ready.append(message.bytes(), message.blobs());
        }
        self.push_among_places(before_awaited, message);
    }

    #[cold]
    fn push_among_places(&mut self, before_awaited: bool, message: &Reply) {
        let last = if before_awaited { self.places.iter().rposition(Place::is_awaited) } else { None };
        let reply = match last {
            Some(0) => &mut self.ready,
            Some(last) => {
                let place = &mut self.places[last];
                if let Place::Awaited | Place::Unwanted = place {
                    let wanted = matches!(place, Place::Awaited);
                    *place = Place::AwaitedBehind { pushes: Box::new(Reply::new(self.resp3)), wanted };
                }
                let Place::AwaitedBehind { pushes, .. } = place else { unreachable!("made so above") };
                self.filled_bytes += message.total_len();
                pushes
            }
            None => self.writer_behind_places(),
        };
        reply.append(message.bytes(), message.blobs());
    }

    /// The number of the place that [`ReplyQueue::reserve`] will give.
    #[inline]
    pub fn next_seq(&self) -> u32 {
        self.first.wrapping_add(self.places.len() as u32)
    }

    /// Reserves a place for a reply that comes later. With `wanted` false the reply will be thrown away.
    #[inline]
    pub fn reserve(&mut self, wanted: bool) -> u32 {
        let seq = self.next_seq();
        self.count_last();
        self.places.push_back(if wanted { Place::Awaited } else { Place::Unwanted });
        self.awaited += 1;
        seq
    }

    /// The command whose reply is awaited last has so many bytes.
    #[inline]
    pub fn asked(&mut self, bytes: usize) {
        self.asked_bytes += bytes;
    }

    /// Bytes of the commands whose replies are awaited. Counted until none is.
    #[inline]
    pub fn asked_bytes(&self) -> usize {
        self.asked_bytes
    }

    /// Fills a reserved place. False when there is none of this number that awaits anything.
    #[must_use = "a reply must have a place"]
    #[inline]
    pub fn fill(&mut self, seq: u32, bytes: &[u8], blobs: &[(usize, Blob)]) -> bool {
        self.put(seq, 0, bytes, blobs)
    }

    /// Fills a reserved place with a reply that is held back, with all behind it, until the gate opens.
    /// Whoever calls it sees to it that the queue is told ([`ReplyQueue::open`]).
    #[must_use = "a reply must have a place"]
    pub fn fill_held(&mut self, seq: u32, gate: u64, bytes: &[u8], blobs: &[(usize, Blob)]) -> bool {
        self.gate = self.gate.max(gate);
        self.put(seq, gate, bytes, blobs)
    }

    #[inline]
    fn put(&mut self, seq: u32, gate: u64, bytes: &[u8], blobs: &[(usize, Blob)]) -> bool {
        let index = seq.wrapping_sub(self.first) as usize;
        self.count_last();
        let Some(place) = self.places.get_mut(index) else { return false };
        let (wanted, pushes) = match place {
            Place::Awaited => (true, None),
            Place::Unwanted => (false, None),
            Place::AwaitedBehind { pushes, wanted } => (*wanted, Some(std::mem::take(pushes))),
            Place::Late(_) | Place::Filled(_) => return false,
        };
        let (bytes, blobs) = if wanted { (bytes, blobs) } else { (&[][..], &[][..]) };
        self.awaited -= 1;
        if self.awaited == 0 {
            self.asked_bytes = 0;
        }
        let is_held = gate > self.opened;
        if index == 0 && !is_held {
            self.ready.append(bytes, blobs);
            self.pop_front();
            self.release();
            return true;
        }
        let is_short = bytes.len() <= LATE_REPLY_BYTES_MAX && blobs.is_empty();
        if is_short && self.late.has_room() && !is_held && pushes.is_none() {
            *place = Place::Late(self.late.add(bytes, self.resp3));
            self.filled_bytes += bytes.len();
            return true;
        }
        let mut reply = pushes.map_or_else(|| Reply::new(self.resp3), |pushes| *pushes);
        self.filled_bytes = self.filled_bytes.saturating_sub(reply.total_len());
        reply.append(bytes, blobs);
        self.filled_bytes += reply.total_len();
        if index + 1 == self.places.len() {
            self.last_bytes = reply.total_len();
        }
        self.places[index] = Place::filled(reply, if is_held { gate } else { 0 });
        self.held += u32::from(is_held);
        true
    }

    /// Holds back what is written from here on until the gate opens. True when the queue has to be told of
    /// its opening, for which nothing before has asked ([`ReplyQueue::open`]).
    pub fn hold(&mut self, gate: u64) -> bool {
        if gate <= self.gate.max(self.opened) {
            return false;
        }
        self.count_last();
        self.gate = gate;
        self.push_filled(gate);
        self.held += 1;
        true
    }

    /// All gates up to this one are open: what was held by them can be sent, unless a reply before it is
    /// awaited. Takes time in proportion to what is let go.
    pub fn open(&mut self, gate: u64) {
        self.opened = self.opened.max(gate);
        self.count_last();
        self.release();
    }

    /// Lets go what is in front and whose time has come.
    fn release(&mut self) {
        loop {
            match self.places.front() {
                Some(&Place::Late(piece)) => {
                    self.late.leave(piece, &mut self.ready);
                    self.filled_bytes = self.filled_bytes.saturating_sub(piece.bytes());
                }
                Some(Place::Filled(filled)) if filled.gate <= self.opened => {
                    self.held -= u32::from(filled.gate > 0);
                    self.filled_bytes = self.filled_bytes.saturating_sub(filled.reply.total_len());
                    self.ready.append(filled.reply.bytes(), filled.reply.blobs());
                }
                _ => break,
            }
            self.pop_front();
        }
        // What was pushed before the first place can be sent.
        if let Some(Place::AwaitedBehind { pushes, wanted }) = self.places.front_mut() {
            self.filled_bytes = self.filled_bytes.saturating_sub(pushes.total_len());
            self.ready.append(pushes.bytes(), pushes.blobs());
            let wanted = *wanted;
            self.places[0] = if wanted { Place::Awaited } else { Place::Unwanted };
        }
    }

    fn pop_front(&mut self) -> Option<Place> {
        self.first = self.first.wrapping_add(1);
        self.places.pop_front()
    }

    /// True when the reply in this place can be sent, or was.
    pub fn has_left(&self, seq: u32) -> bool {
        // Numbers may wrap around; there are far fewer places than half of them.
        self.first.wrapping_sub(seq) as i32 > 0
    }

    /// How many replies are still awaited.
    #[inline]
    pub fn awaited(&self) -> usize {
        self.awaited as usize
    }

    /// How many replies are still awaited, and how many gates hold others back: each takes a place.
    #[inline]
    pub fn places_taken(&self) -> usize {
        (self.awaited + self.held) as usize
    }

    /// A gate that something here has asked for is closed.
    pub fn waits_for_gate(&self) -> bool {
        self.gate > self.opened
    }

    /// How many gates hold replies back.
    pub fn held(&self) -> usize {
        self.held as usize
    }

    /// What can be sent.
    #[inline]
    pub fn ready(&mut self) -> &mut Reply {
        &mut self.ready
    }

    /// Bytes that can be sent.
    #[inline]
    pub fn ready_bytes(&self) -> usize {
        self.ready.total_len()
    }

    /// So many replies are awaited and nothing is held, nor would be what is written next.
    pub fn is_settled_but_for(&self, awaited: usize) -> bool {
        self.places_taken() == awaited && self.awaited() == awaited && self.gate <= self.opened
    }

    /// Nothing can be sent, nothing is awaited and nothing held.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.ready.is_empty()
    }

    /// Bytes that wait to be sent, but for those of the last command that wrote behind an awaited or held
    /// reply.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.ready.total_len() + self.filled_bytes
    }

    /// Chooses the protocol version of replies that are written from now on.
    pub fn set_resp3(&mut self, resp3: bool) {
        self.resp3 = resp3;
        self.ready.set_resp3(resp3);
        self.late.set_resp3(resp3);
        if let Some(Place::Filled(filled)) = self.places.back_mut() {
            filled.reply.set_resp3(resp3);
        }
    }
}

/// What a simulation looks at between two steps.
#[cfg(any(test, feature = "testing"))]
impl ReplyQueue {
    /// The numbers of the places that await a reply, in their order.
    pub(crate) fn awaited_places(&self) -> impl Iterator<Item = u32> {
        let places = self.places.iter().zip(0u32..);
        let awaited = places.filter(|(place, _)| place.is_awaited());
        awaited.map(|(_, at)| self.first.wrapping_add(at))
    }
}

impl Trim for ReplyQueue {
    fn trim(&mut self) {
        self.ready.trim();
        self.places.trim();
        self.late.trim();
    }
}
