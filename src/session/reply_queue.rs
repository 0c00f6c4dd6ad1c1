//! The replies of one connection, in the order of its requests, although some come from other cores and later.
//!
//! `ready` holds what can be sent. Behind it lies, in order, one place for each reply that is still awaited, and the
//! replies of requests that came after it. The queue knows no socket and no command.

use std::collections::VecDeque;

use shards::args::Blob;
use shards::reply::Reply;
use shards::spare::Trim;

/// One per connection.
#[derive(Default)]
pub struct ReplyQueue {
    ready: Reply,
    places: VecDeque<Place>,
    /// The number of the first place in `places`.
    first: u32,
    /// How many places are awaited.
    awaited: usize,
    /// Bytes in filled places, as of the last look at the last one.
    filled_bytes: usize,
    /// Those of them that are in the last place, when it is filled: more may be written to it.
    last_bytes: usize,
    /// Bytes of the commands whose replies are awaited, as many as they have become since none was.
    asked_bytes: usize,
    resp3: bool,
}

enum Place {
    Awaited,
    /// The reply is thrown away when it comes (CLIENT REPLY OFF).
    Unwanted,
    Filled(Box<Reply>),
    /// As `Awaited` or, when not wanted, `Unwanted`; pushes have come that go before it.
    AwaitedBehind {
        pushes: Box<Reply>,
        wanted: bool,
    },
}

impl ReplyQueue {
    /// A queue whose first place has this number: behind all that another connection of the same number has had.
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
        if !matches!(self.places.back(), Some(Place::Filled(_))) {
            self.places.push_back(Place::Filled(Box::new(Reply::new(self.resp3))));
            self.last_bytes = 0;
        }
        self.count_last();
        match self.places.back_mut() {
            Some(Place::Filled(reply)) => reply,
            _ => unreachable!("pushed above"),
        }
    }

    /// Counts what was written to the last place.
    #[inline]
    fn count_last(&mut self) {
        if let Some(Place::Filled(reply)) = self.places.back() {
            let bytes = reply.total_len();
            self.filled_bytes += bytes - self.last_bytes;
            self.last_bytes = bytes;
        }
    }

    /// Appends a push message. It goes behind all replies, awaited ones included; with `before_awaited` it goes before
    /// the last one that is awaited, for which nobody knows how long it will take.
    pub fn push(&mut self, before_awaited: bool, message: &Reply) {
        if self.places.is_empty() {
            return self.ready.append(message.bytes(), message.blobs());
        }
        self.push_among_places(before_awaited, message);
    }

    #[cold]
    fn push_among_places(&mut self, before_awaited: bool, message: &Reply) {
        let last = if before_awaited {
            self.places.iter().rposition(|place| !matches!(place, Place::Filled(_)))
        } else {
            None
        };
        let reply = match last {
            Some(0) => &mut self.ready,
            Some(last) => {
                let place = &mut self.places[last];
                if let Place::Awaited | Place::Unwanted = place {
                    let wanted = matches!(place, Place::Awaited);
                    *place = Place::AwaitedBehind { pushes: Box::new(Reply::new(self.resp3)), wanted };
                }
                self.filled_bytes += message.total_len();
                match place {
                    Place::AwaitedBehind { pushes, .. } => pushes,
                    _ => unreachable!("made above"),
                }
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
    pub fn fill(&mut self, seq: u32, bytes: &[u8], blobs: &[(usize, Blob)]) -> bool {
        let index = seq.wrapping_sub(self.first) as usize;
        self.count_last();
        let is_last = index + 1 == self.places.len();
        let Some(place) = self.places.get_mut(index) else { return false };
        let (wanted, pushes) = match place {
            Place::Awaited => (true, None),
            Place::Unwanted => (false, None),
            Place::AwaitedBehind { pushes, wanted } => (*wanted, Some(std::mem::take(pushes))),
            Place::Filled(_) => return false,
        };
        self.awaited -= 1;
        if self.awaited == 0 {
            self.asked_bytes = 0;
        }
        if index > 0 {
            let mut reply = pushes.map_or_else(|| Reply::new(self.resp3), |pushes| *pushes);
            self.filled_bytes = self.filled_bytes.saturating_sub(reply.total_len());
            if wanted {
                reply.append(bytes, blobs);
            }
            self.filled_bytes += reply.total_len();
            if is_last {
                self.last_bytes = reply.total_len();
            }
            *place = Place::Filled(Box::new(reply));
            return true;
        }
        if wanted {
            self.ready.append(bytes, blobs);
        }
        self.pop_front();
        while let Some(Place::Filled(_)) = self.places.front() {
            if let Some(Place::Filled(reply)) = self.pop_front() {
                self.filled_bytes = self.filled_bytes.saturating_sub(reply.total_len());
                self.ready.append(reply.bytes(), reply.blobs());
            }
        }
        self.release_pushes();
        true
    }

    /// What was pushed before the first place can be sent.
    fn release_pushes(&mut self) {
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
        self.awaited
    }

    /// What can be sent.
    #[inline]
    pub fn ready(&mut self) -> &mut Reply {
        &mut self.ready
    }

    /// Bytes that wait to be sent, but for those of the last command that wrote behind an awaited reply.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.ready.total_len() + self.filled_bytes
    }

    /// Chooses the protocol version of replies that are written from now on.
    pub fn set_resp3(&mut self, resp3: bool) {
        self.resp3 = resp3;
        self.ready.set_resp3(resp3);
        if let Some(Place::Filled(reply)) = self.places.back_mut() {
            reply.set_resp3(resp3);
        }
    }
}

impl Trim for ReplyQueue {
    fn trim(&mut self) {
        self.ready.trim();
        self.places.trim();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(queue: &mut ReplyQueue) -> String {
        String::from_utf8(queue.ready().take().0).unwrap()
    }

    #[test]
    fn replies_leave_in_request_order_whenever_they_come() {
        let mut queue = ReplyQueue::default();
        queue.writer().raw(b"1");
        let second = queue.reserve(true);
        queue.writer().raw(b"3");
        queue.writer().raw(b"4");
        let fifth = queue.reserve(true);
        let sixth = queue.reserve(true);
        queue.writer().raw(b"7");
        assert_eq!(sent(&mut queue), "1");
        assert!(queue.fill(sixth, b"6", &[]));
        assert_eq!((sent(&mut queue).as_str(), queue.awaited()), ("", 2));
        assert!(queue.fill(second, b"2", &[]));
        assert_eq!(sent(&mut queue), "234");
        assert!(queue.fill(fifth, b"5", &[]));
        assert_eq!((sent(&mut queue).as_str(), queue.awaited()), ("567", 0));
        queue.writer().raw(b"8");
        assert_eq!(sent(&mut queue), "8");
    }

    fn message(text: &[u8]) -> Reply {
        let mut message = Reply::default();
        message.raw(text);
        message
    }

    #[test]
    fn a_push_goes_behind_what_is_awaited() {
        let mut queue = ReplyQueue::default();
        queue.push(false, &message(b"a"));
        let first = queue.reserve(true);
        queue.push(false, &message(b"b"));
        queue.writer().raw(b"2");
        queue.push(false, &message(b"c"));
        assert_eq!((sent(&mut queue).as_str(), queue.bytes()), ("a", 2));
        assert!(queue.fill(first, b"1", &[]));
        assert_eq!(sent(&mut queue), "1b2c");
    }

    #[test]
    fn a_push_can_pass_the_last_awaited_reply_and_no_other() {
        for wanted in [true, false] {
            let mut queue = ReplyQueue::default();
            let first = queue.reserve(true);
            queue.push(false, &message(b"a"));
            let blocked = queue.reserve(wanted);
            queue.push(true, &message(b"b"));
            queue.push(true, &message(b"c"));
            assert_eq!((sent(&mut queue).as_str(), queue.bytes()), ("", 3));
            assert!(queue.fill(first, b"1", &[]));
            assert_eq!((sent(&mut queue).as_str(), queue.awaited()), ("1abc", 1));
            queue.push(true, &message(b"d"));
            assert_eq!((sent(&mut queue).as_str(), queue.bytes()), ("d", 0));
            assert!(queue.fill(blocked, b"2", &[]));
            queue.push(true, &message(b"e"));
            assert_eq!(sent(&mut queue), if wanted { "2e" } else { "e" });
        }
    }

    #[test]
    fn a_push_before_an_awaited_reply_leaves_with_it_at_the_latest() {
        let mut queue = ReplyQueue::default();
        let first = queue.reserve(true);
        let blocked = queue.reserve(true);
        queue.push(true, &message(b"a"));
        assert!(queue.fill(blocked, b"2", &[]));
        assert!(queue.fill(first, b"1", &[]));
        assert_eq!((sent(&mut queue).as_str(), queue.bytes()), ("1a2", 0));
    }

    #[test]
    fn an_unwanted_reply_leaves_no_trace() {
        let mut queue = ReplyQueue::default();
        let seq = queue.reserve(false);
        queue.writer().raw(b"2");
        assert!(queue.fill(seq, b"1", &[]));
        assert_eq!(sent(&mut queue), "2");
    }

    #[test]
    fn only_a_place_that_awaits_something_is_filled() {
        let mut queue = ReplyQueue::starting_at(5);
        let place = queue.reserve(true);
        assert_eq!(place, 5);
        assert!(!queue.fill(4, b"of the connection before", &[]) && !queue.fill(6, b"of nobody yet", &[]));
        let second = queue.reserve(true);
        assert!(queue.fill(second, b"2", &[]) && !queue.fill(second, b"again", &[]));
        assert!(queue.fill(place, b"1", &[]) && !queue.fill(place, b"again", &[]));
        assert_eq!((sent(&mut queue).as_str(), queue.awaited(), queue.next_seq()), ("12", 0, 7));
    }

    #[test]
    fn what_is_written_behind_an_awaited_reply_is_counted_until_it_can_be_sent() {
        let mut queue = ReplyQueue::default();
        let first = queue.reserve(true);
        for _ in 0..3 {
            queue.writer().raw(b"0123456789");
        }
        assert_eq!(queue.bytes(), 20, "all but what the last command has written");
        let second = queue.reserve(true);
        assert!(queue.fill(second, b"01234", &[]));
        queue.writer().raw(b"56789");
        queue.push(false, &message(b"push"));
        assert_eq!(queue.bytes(), 30 + 5 + 5);
        assert!(queue.fill(first, b"", &[]));
        assert_eq!((queue.bytes(), queue.filled_bytes), (44, 0));
        let third = queue.reserve(true);
        queue.writer().raw(b"x");
        assert!(queue.fill(third, b"y", &[]));
        assert_eq!((sent(&mut queue).len(), queue.bytes(), queue.filled_bytes), (46, 0, 0));
    }

    #[test]
    fn asked_bytes_are_counted_until_nothing_is_awaited() {
        let mut queue = ReplyQueue::default();
        let places = [100, 50].map(|bytes| {
            queue.asked(bytes);
            queue.reserve(true)
        });
        assert!(queue.fill(places[1], b"", &[]));
        assert_eq!(
            (queue.asked_bytes(), queue.has_left(places[0]), queue.has_left(places[1])),
            (150, false, false)
        );
        assert!(queue.fill(places[0], b"", &[]));
        assert_eq!(
            (queue.asked_bytes(), queue.has_left(places[0]), queue.has_left(places[1])),
            (0, true, true)
        );
    }

    #[test]
    fn numbers_may_wrap_around() {
        let mut queue = ReplyQueue { first: u32::MAX, ..ReplyQueue::default() };
        let last = queue.reserve(true);
        let first = queue.reserve(true);
        assert_eq!((last, first), (u32::MAX, 0));
        assert!(queue.fill(first, b"b", &[]));
        assert!(queue.fill(last, b"a", &[]));
        assert_eq!(sent(&mut queue), "ab");
    }
}
