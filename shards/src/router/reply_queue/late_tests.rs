//! Replies behind awaited ones: which of them lie in the common buffer, and what becomes of its memory.

use super::*;
use crate::args::BLOB_LEN_MIN;
use crate::random::Random;
use crate::router::reply_queue::late::LATE_BYTES_MAX;

/// What the client would receive, blobs in their places.
fn sent(queue: &mut ReplyQueue) -> Vec<u8> {
    let (bytes, blobs) = queue.ready().take();
    let mut whole = Vec::new();
    let mut at = 0;
    for (offset, blob) in &blobs {
        whole.extend_from_slice(&bytes[at..*offset]);
        whole.extend_from_slice(blob);
        at = *offset;
    }
    whole.extend_from_slice(&bytes[at..]);
    whole
}

fn boxed(queue: &ReplyQueue) -> usize {
    queue.places.iter().filter(|place| matches!(place, Place::Filled(_))).count()
}

fn message(text: &[u8]) -> Reply {
    let mut message = Reply::default();
    message.raw(text);
    message
}

#[test]
fn a_place_is_two_words() {
    assert_eq!(size_of::<Place>(), 16);
}

#[test]
fn a_pipeline_over_two_cores_allocates_nothing_once_it_has_run() {
    let mut queue = ReplyQueue::default();
    let mut memory_bytes = 0;
    for round in 0..3 {
        let places: Vec<u32> = (0..8)
            .map(|_| {
                let place = queue.reserve(true);
                queue.writer().raw(b"+local\r\n");
                place
            })
            .collect();
        assert_eq!((queue.late.pieces(), boxed(&queue)), (8, 0));
        places.iter().for_each(|&place| assert!(queue.fill(place, b"+remote\r\n", &[])));
        assert_eq!(sent(&mut queue), b"+remote\r\n+local\r\n".repeat(8));
        assert_eq!((queue.late.pieces(), queue.bytes(), queue.filled_bytes), (0, 0, 0));
        assert!(round == 0 || queue.late.memory_bytes() == memory_bytes, "the memory is used again");
        memory_bytes = queue.late.memory_bytes();
    }
}

#[test]
fn replies_of_many_cores_in_the_opposite_order_are_put_right() {
    let mut queue = ReplyQueue::default();
    let places: Vec<u32> = (0..8).map(|_| queue.reserve(true)).collect();
    for (number, &place) in places.iter().enumerate().rev() {
        assert!(queue.fill(place, format!(":{number}\r\n").as_bytes(), &[]));
        assert!(!queue.fill(place, b"again", &[]) || number == 0);
        assert_eq!(boxed(&queue), 0);
    }
    assert_eq!(sent(&mut queue), b":0\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n");
}

#[test]
fn a_writer_goes_on_in_the_last_place_only_while_nothing_has_come_behind_it() {
    let mut queue = ReplyQueue::default();
    let first = queue.reserve(true);
    let second = queue.reserve(true);
    queue.writer().raw(b"c");
    queue.writer().raw(b"d");
    assert_eq!(queue.late.pieces(), 1, "they leave together");
    assert!(queue.fill(second, b"b", &[]));
    queue.writer().raw(b"e");
    assert_eq!(queue.late.pieces(), 3, "the reply of the other core lies between");
    queue.writer().raw(b"f");
    assert!(queue.fill(first, b"a", &[]));
    assert_eq!((sent(&mut queue), queue.filled_bytes), (b"abcdef".to_vec(), 0));
}

#[test]
fn a_writer_goes_on_in_a_last_place_that_was_filled_from_elsewhere() {
    let mut queue = ReplyQueue::default();
    let first = queue.reserve(true);
    let second = queue.reserve(true);
    assert!(queue.fill(second, b"b", &[]));
    queue.writer().raw(b"c");
    assert_eq!(queue.late.pieces(), 1);
    assert!(queue.fill(first, b"a", &[]));
    assert_eq!((sent(&mut queue), queue.filled_bytes), (b"abc".to_vec(), 0));
}

#[test]
fn what_is_written_ends_where_the_next_place_begins() {
    let mut queue = ReplyQueue::default();
    let first = queue.reserve(true);
    queue.writer().raw(b"b");
    let third = queue.reserve(true);
    queue.writer().raw(b"d");
    assert!(queue.hold(1));
    queue.writer().raw(b"e");
    let sixth = queue.reserve(true);
    queue.writer().raw(b"g");
    assert_eq!((queue.late.pieces(), boxed(&queue)), (3, 1), "what is held has memory of its own");
    assert!(queue.fill(sixth, b"f", &[]) && queue.fill(third, b"c", &[]) && queue.fill(first, b"a", &[]));
    assert_eq!(sent(&mut queue), b"abcd");
    queue.open(1);
    assert_eq!((sent(&mut queue), queue.filled_bytes), (b"efg".to_vec(), 0));
}

#[test]
fn a_long_reply_has_memory_of_its_own_which_goes_when_it_leaves() {
    let long = vec![b'x'; LATE_REPLY_BYTES_MAX + 1];
    let mut queue = ReplyQueue::default();
    let first = queue.reserve(true);
    let second = queue.reserve(true);
    queue.writer().raw(b"c");
    let fourth = queue.reserve(true);
    queue.writer().raw(&long);
    assert!(queue.fill(fourth, b"d", &[]) && queue.fill(second, &long, &[]));
    assert_eq!((queue.late.pieces(), boxed(&queue)), (2, 2));
    assert!(queue.late.memory_bytes() < 1000, "{}", queue.late.memory_bytes());
    assert_eq!(queue.filled_bytes, 2 * long.len() + 2);
    queue.writer().raw(b"f");
    assert_eq!(queue.late.pieces(), 2, "it is written behind the long one");
    assert!(queue.fill(first, b"a", &[]));
    assert_eq!(sent(&mut queue), [b"a", &long[..], b"cd", &long, b"f"].concat());
    assert_eq!((queue.filled_bytes, queue.late.pieces()), (0, 0));
}

#[test]
fn many_replies_of_one_place_become_long_together() {
    let mut queue = ReplyQueue::default();
    let first = queue.reserve(true);
    for _ in 0..100_000 {
        queue.writer().raw(b"0123456789");
        assert!(queue.late.memory_bytes() <= 2 * LATE_BYTES_MAX);
    }
    assert_eq!((queue.late.pieces(), boxed(&queue), queue.bytes()), (0, 1, 999_990));
    assert!(queue.fill(first, b"", &[]));
    assert_eq!((sent(&mut queue), queue.filled_bytes), (b"0123456789".repeat(100_000), 0));
}

#[test]
fn a_blob_goes_when_its_reply_has_left_although_others_are_awaited() {
    let blob = Blob::new(vec![b'b'; 16 << 20]);
    let mut queue = ReplyQueue::default();
    for way in 0..3 {
        let first = queue.reserve(true);
        queue.writer().raw(b"2");
        let third = queue.reserve(true);
        match way {
            0 => assert!(queue.fill(third, b"34", &[(1, Blob::clone(&blob))])),
            1 => {
                assert!(queue.fill(third, b"3", &[]));
                queue.writer().append(b"4", &[(0, Blob::clone(&blob))]);
            }
            _ => {
                assert!(queue.fill(third, b"3", &[]));
                let mut push = message(b"");
                push.append(b"4", &[(0, Blob::clone(&blob))]);
                queue.push(false, &push);
            }
        }
        let last = queue.reserve(true);
        queue.writer().raw(b"6");
        assert_eq!(queue.bytes(), 3 + blob.len(), "{way}");
        assert!(queue.fill(first, b"1", &[]));
        let leaving = queue.ready().take();
        let [(at, _)] = leaving.1[..] else { panic!("one blob") };
        assert_eq!((&leaving.0[..], at), (&b"1234"[..], 3), "{way}");
        drop(leaving);
        assert_eq!(Blob::strong_count(&blob), 1, "{way}: nobody needs it any more");
        assert!(queue.fill(last, b"5", &[]));
        assert_eq!((sent(&mut queue), queue.filled_bytes), (b"56".to_vec(), 0), "{way}");
    }
}

#[test]
fn a_blob_that_is_all_of_a_reply_is_in_its_place() {
    let mut queue = ReplyQueue::default();
    let blob = |byte| [(0, Blob::new(vec![byte; BLOB_LEN_MIN]))];
    let places = [(); 4].map(|()| queue.reserve(true));
    assert!(queue.fill(places[2], b"", &blob(b'c')) && queue.fill(places[1], b"b", &[]));
    assert!(queue.fill(places[3], b"d", &[]));
    queue.writer().append(b"", &blob(b'e'));
    let last = queue.reserve(true);
    assert!(queue.fill(places[0], b"a", &[]) && queue.fill(last, b"f", &[]));
    let long = |byte| vec![byte; BLOB_LEN_MIN];
    assert_eq!(sent(&mut queue), [b"ab", &long(b'c')[..], b"d", &long(b'e'), b"f"].concat());
    assert_eq!(queue.filled_bytes, 0);
}

#[test]
fn a_pipeline_that_never_ends_keeps_bounded_memory() {
    let mut queue = ReplyQueue::default();
    let mut awaited: VecDeque<u32> = (0..8).map(|_| queue.reserve(true)).collect();
    let (mut boxes, mut memory_bytes) = (0, 0);
    for number in 0..1_000_000u32 {
        let is_boxed = boxed(&queue) > 0;
        boxes += usize::from(is_boxed);
        queue.writer().raw(&number.to_be_bytes());
        awaited.push_back(queue.reserve(true));
        memory_bytes = memory_bytes.max(queue.late.memory_bytes());
        let place = awaited.pop_front().unwrap();
        assert!(queue.fill(place, b"", &[]));
        assert!(queue.awaited() == 8 && queue.late.pieces() <= 8);
        if number >= 8 {
            assert_eq!(queue.ready().take().0, (number - 7).to_be_bytes());
        } else {
            queue.ready().clear();
        }
    }
    assert!((1..=2 * LATE_BYTES_MAX).contains(&memory_bytes), "{memory_bytes}");
    assert!(boxes < 10_000, "{boxes} of a million: they are for the time until the buffer is empty");
}

#[test]
fn a_full_buffer_takes_nothing_more_until_it_is_empty() {
    let mut queue = ReplyQueue::default();
    let part = vec![b'x'; LATE_REPLY_BYTES_MAX];
    let first = queue.reserve(true);
    let places: Vec<u32> = (0..6).map(|_| queue.reserve(true)).collect();
    for &place in places.iter().rev() {
        assert!(queue.fill(place, &part, &[]));
    }
    let parts = LATE_BYTES_MAX / LATE_REPLY_BYTES_MAX;
    assert_eq!((queue.late.pieces(), boxed(&queue)), (parts, 6 - parts));
    let last = queue.reserve(true);
    queue.writer().raw(b"z");
    assert_eq!((queue.late.pieces(), boxed(&queue)), (parts, 7 - parts));
    assert!(queue.fill(first, b"a", &[]));
    assert_eq!(sent(&mut queue), [b"a", &part.repeat(6)[..]].concat());
    let behind = queue.reserve(true);
    queue.writer().raw(b"!");
    assert_eq!((queue.late.pieces(), boxed(&queue)), (1, 1), "there is room again");
    assert!(queue.fill(last, b"y", &[]) && queue.fill(behind, b"?", &[]));
    assert_eq!((sent(&mut queue), queue.filled_bytes), (b"yz?!".to_vec(), 0));
}

#[test]
fn replies_behind_an_awaited_one_follow_the_version_of_the_protocol() {
    let mut queue = ReplyQueue::default();
    queue.set_resp3(true);
    let first = queue.reserve(true);
    queue.writer().null();
    queue.set_resp3(false);
    queue.writer().null();
    let second = queue.reserve(true);
    queue.set_resp3(true);
    queue.writer().null();
    assert!(queue.fill(first, b"", &[]) && queue.fill(second, b"", &[]));
    assert_eq!(sent(&mut queue), b"_\r\n$-1\r\n_\r\n");
}

#[test]
fn an_unwanted_reply_takes_no_memory_behind_an_awaited_one() {
    let mut queue = ReplyQueue::default();
    let first = queue.reserve(true);
    let places = [(); 100].map(|()| queue.reserve(false));
    for place in places {
        assert!(queue.fill(place, &[b'x'; 1000], &[(3, Blob::new(vec![b'b'; BLOB_LEN_MIN]))]));
    }
    assert_eq!((queue.late.memory_bytes(), boxed(&queue), queue.bytes()), (0, 0, 0));
    assert!(queue.fill(first, b"1", &[]));
    assert_eq!((sent(&mut queue), queue.is_empty(), queue.late.pieces()), (b"1".to_vec(), true, 0));
}

#[test]
fn an_unwanted_reply_leaves_after_what_lay_before_it_was_taken_out() {
    let long = vec![b'x'; LATE_REPLY_BYTES_MAX];
    let mut queue = ReplyQueue::default();
    let first = queue.reserve(true);
    let unwanted = queue.reserve(false);
    queue.writer().raw(b"3");
    assert!(queue.fill(unwanted, b"2", &[]));
    queue.writer().raw(&long);
    let last = queue.reserve(true);
    assert!(queue.fill(first, b"1", &[]) && queue.fill(last, b"4", &[]));
    assert_eq!(sent(&mut queue), [b"13", &long[..], b"4"].concat());
}

#[test]
fn an_idle_client_keeps_no_memory_of_its_pipeline_and_a_busy_one_its_replies() {
    let mut queue = ReplyQueue::default();
    let first = queue.reserve(true);
    queue.writer().raw(b"2");
    queue.trim();
    assert!(queue.fill(first, b"1", &[]));
    assert_eq!(sent(&mut queue), b"12");
    assert!(queue.late.memory_bytes() > 0);
    queue.trim();
    assert_eq!(queue.late.memory_bytes(), 0);
}

#[test]
fn pushes_pass_only_the_last_awaited_reply_among_late_ones() {
    let mut queue = ReplyQueue::default();
    let first = queue.reserve(true);
    let second = queue.reserve(true);
    queue.writer().raw(b"d");
    queue.push(true, &message(b"b"));
    queue.push(false, &message(b"e"));
    assert_eq!(queue.awaited_places().collect::<Vec<_>>(), [first, second]);
    assert!(queue.fill(second, b"c", &[]));
    queue.push(true, &message(b"-"));
    queue.push(false, &message(b"f"));
    assert_eq!(queue.awaited_places().collect::<Vec<_>>(), [first]);
    assert_eq!(sent(&mut queue), b"-");
    assert!(queue.fill(first, b"a", &[]));
    assert_eq!((sent(&mut queue), queue.filled_bytes), (b"abcdef".to_vec(), 0));
}

/// A queue in the plainest way: a list of what has come.
#[derive(Default)]
struct Plain {
    leaving: Vec<u8>,
    places: VecDeque<PlainPlace>,
    opened: u64,
}

struct PlainPlace {
    pushes: Vec<u8>,
    /// The number of the awaited reply, and whether it is wanted.
    awaits: Option<(u32, bool)>,
    gate: u64,
    reply: Vec<u8>,
}

impl Plain {
    fn last(&mut self) -> &mut Vec<u8> {
        match self.places.back() {
            None => return &mut self.leaving,
            Some(place) if place.awaits.is_some() => self.add(None, 0),
            Some(_) => {}
        }
        &mut self.places.back_mut().unwrap().reply
    }

    fn add(&mut self, awaits: Option<(u32, bool)>, gate: u64) {
        self.places.push_back(PlainPlace { pushes: Vec::new(), awaits, gate, reply: Vec::new() });
    }

    fn push_before(&mut self, text: &[u8]) {
        match self.places.iter().rposition(|place| place.awaits.is_some()) {
            Some(at) => self.places[at].pushes.extend_from_slice(text),
            None => self.last().extend_from_slice(text),
        }
        self.release();
    }

    fn fill(&mut self, seq: u32, gate: u64, reply: &[u8]) {
        let is_asked = |place: &&mut PlainPlace| place.awaits.is_some_and(|awaits| awaits.0 == seq);
        let place = self.places.iter_mut().find(is_asked).unwrap();
        if place.awaits.take() == Some((seq, true)) {
            place.reply.extend_from_slice(reply);
        }
        // What was pushed before a reply that is held waits with it.
        place.gate = gate;
        self.release();
    }

    fn release(&mut self) {
        while let Some(place) = self.places.front_mut() {
            if place.awaits.is_some() || place.gate <= self.opened {
                self.leaving.append(&mut place.pushes);
            }
            if place.awaits.is_some() || place.gate > self.opened {
                return;
            }
            self.leaving.append(&mut place.reply);
            self.places.pop_front();
        }
    }

    fn waiting_bytes(&self) -> usize {
        self.places.iter().map(|place| place.pushes.len() + place.reply.len()).sum()
    }
}

/// Some bytes and, now and then, a blob between them; and how the client sees them.
fn random_reply(random: &mut Random, number: u32) -> (Vec<u8>, Vec<(usize, Blob)>, Vec<u8>) {
    let mut bytes = format!("<{number}>").into_bytes();
    match random.below(40) {
        0 => bytes.resize(LATE_REPLY_BYTES_MAX + random.below(2), b'l'),
        1..=4 => bytes.resize(random.below(5000), b'm'),
        _ => {}
    }
    if !random.one_in(20) {
        return (bytes.clone(), Vec::new(), bytes);
    }
    let at = random.below(bytes.len() + 1);
    let blob = vec![b'b'; 100];
    let whole = [&bytes[..at], &blob, &bytes[at..]].concat();
    (bytes, vec![(at, Blob::new(blob))], whole)
}

#[test]
fn whatever_comes_in_whatever_order_leaves_as_from_a_plain_list() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let (mut queue, mut plain) = (ReplyQueue::default(), Plain::default());
        let mut awaited: Vec<u32> = Vec::new();
        let (mut gate, awaited_max) = (0, 1 + random.below(40));
        for number in 0..500 {
            let (bytes, blobs, whole) = random_reply(&mut random, number);
            match random.below(20) {
                0..=6 => {
                    queue.writer().append(&bytes, &blobs);
                    plain.last().extend_from_slice(&whole);
                }
                7..=11 if awaited.len() < awaited_max => {
                    let wanted = !random.one_in(8);
                    let seq = queue.reserve(wanted);
                    awaited.push(seq);
                    plain.add(Some((seq, wanted)), 0);
                }
                7..=15 if !awaited.is_empty() => {
                    let seq = awaited.remove(random.below(awaited.len()));
                    let held = if random.one_in(8) { gate + 1 } else { 0 };
                    gate = gate.max(held);
                    assert!(queue.fill_held(seq, held, &bytes, &blobs), "seed {seed}");
                    plain.fill(seq, held, &whole);
                }
                16 => {
                    gate += 1;
                    assert!(queue.hold(gate));
                    plain.add(None, gate);
                }
                17 => {
                    let opened = gate.saturating_sub(random.below(2) as u64);
                    queue.open(opened);
                    plain.opened = plain.opened.max(opened);
                    plain.release();
                }
                18 => {
                    let mut push = message(b"");
                    push.append(&bytes, &blobs);
                    if random.one_in(2) {
                        queue.push(true, &push);
                        plain.push_before(&whole);
                    } else {
                        queue.push(false, &push);
                        plain.last().extend_from_slice(&whole);
                    }
                }
                _ => queue.trim(),
            }
            if random.one_in(2) {
                queue.count_last();
                assert_eq!(queue.filled_bytes, plain.waiting_bytes(), "seed {seed}, step {number}");
            }
            assert_eq!(queue.ready_bytes(), plain.leaving.len(), "seed {seed}, step {number}");
            assert_eq!(queue.awaited(), awaited.len());
            assert!(queue.late.memory_bytes() <= 4 * LATE_BYTES_MAX, "{}", queue.late.memory_bytes());
            if random.one_in(5) {
                assert!(sent(&mut queue) == std::mem::take(&mut plain.leaving), "seed {seed}, step {number}");
            }
        }
        let_all_go(&mut queue, &mut plain, &awaited, gate, &format!("seed {seed}"));
    }
}

fn let_all_go(queue: &mut ReplyQueue, plain: &mut Plain, awaited: &[u32], gate: u64, context: &str) {
    for &seq in awaited {
        assert!(queue.fill(seq, b"end", &[]), "{context}");
        plain.fill(seq, 0, b"end");
    }
    queue.open(gate);
    plain.opened = gate;
    plain.release();
    assert!(sent(queue) == plain.leaving && queue.is_empty(), "{context}");
    assert_eq!((queue.filled_bytes, queue.late.pieces(), queue.places_taken()), (0, 0, 0), "{context}");
}
