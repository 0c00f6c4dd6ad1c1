//! The order of replies, pushes and gates in one queue.

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
    assert_eq!((queue.asked_bytes(), queue.has_left(places[0]), queue.has_left(places[1])), (0, true, true));
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

#[test]
fn what_is_written_behind_a_gate_leaves_when_it_opens_and_in_order() {
    let mut queue = ReplyQueue::default();
    queue.writer().raw(b"1");
    assert!(queue.hold(5), "somebody has to tell it of the opening");
    queue.writer().raw(b"2");
    assert!(!queue.hold(5) && !queue.hold(4), "what comes from here on is behind gate 5 already");
    queue.writer().raw(b"3");
    queue.push(false, &message(b"push"));
    assert!(queue.hold(9));
    queue.writer().raw(b"4");
    let awaited = queue.reserve(true);
    queue.writer().raw(b"6");
    assert_eq!((sent(&mut queue).as_str(), queue.awaited(), queue.places_taken()), ("1", 1, 3));
    queue.open(4);
    assert_eq!(sent(&mut queue), "");
    queue.open(8);
    assert_eq!((sent(&mut queue).as_str(), queue.places_taken()), ("23push", 2));
    assert!(queue.fill(awaited, b"5", &[]));
    assert_eq!((sent(&mut queue).as_str(), queue.awaited(), queue.is_empty()), ("", 0, false));
    queue.open(9);
    assert_eq!((sent(&mut queue).as_str(), queue.places_taken(), queue.is_empty()), ("456", 0, true));
    assert!(!queue.hold(9), "it is open");
    queue.writer().raw(b"7");
    assert_eq!(sent(&mut queue), "7");
}

#[test]
fn a_gate_that_opens_behind_an_awaited_reply_holds_nothing_any_more() {
    let mut queue = ReplyQueue::default();
    let awaited = queue.reserve(true);
    assert!(queue.hold(1));
    queue.writer().raw(b"2");
    queue.open(1);
    assert_eq!(sent(&mut queue), "");
    assert!(queue.fill(awaited, b"1", &[]));
    assert_eq!((sent(&mut queue).as_str(), queue.is_empty()), ("12", true));
}

#[test]
fn a_reply_of_another_core_can_be_held_in_its_place() {
    let mut queue = ReplyQueue::default();
    let places = [(); 3].map(|()| queue.reserve(true));
    queue.writer().raw(b"4");
    assert!(queue.fill_held(places[1], 7, b"2", &[]));
    assert!(queue.fill_held(places[0], 6, b"1", &[]));
    assert!(queue.fill(places[2], b"3", &[]));
    assert_eq!((sent(&mut queue).as_str(), queue.awaited(), queue.places_taken()), ("", 0, 2));
    assert!(!queue.hold(6), "what is written now is behind gate 7");
    queue.open(6);
    assert_eq!(sent(&mut queue), "1");
    queue.open(7);
    assert_eq!((sent(&mut queue).as_str(), queue.is_empty(), queue.bytes()), ("234", true, 0));
    let late = queue.reserve(true);
    assert!(queue.fill_held(late, 7, b"5", &[]));
    assert_eq!((sent(&mut queue).as_str(), queue.places_taken()), ("5", 0));
}

#[test]
fn held_bytes_are_counted_until_they_can_be_sent() {
    let mut queue = ReplyQueue::default();
    assert!(queue.hold(1));
    for _ in 0..3 {
        queue.writer().raw(b"0123456789");
    }
    assert_eq!((queue.bytes(), queue.ready_bytes()), (20, 0), "all but what the last command has written");
    assert!(queue.hold(2));
    let awaited = queue.reserve(true);
    assert!(queue.fill_held(awaited, 3, b"01234", &[]));
    assert_eq!((queue.bytes(), queue.ready_bytes()), (35, 0));
    queue.open(3);
    assert_eq!((queue.bytes(), queue.filled_bytes), (35, 0));
}

#[test]
fn pushes_before_a_command_that_blocks_wait_for_the_gates_before_it() {
    let mut queue = ReplyQueue::default();
    assert!(queue.hold(1));
    queue.writer().raw(b"1");
    let blocked = queue.reserve(true);
    queue.push(true, &message(b"a"));
    assert_eq!(sent(&mut queue), "");
    queue.open(1);
    assert_eq!(sent(&mut queue), "1a");
    assert!(queue.fill(blocked, b"2", &[]));
    assert_eq!(sent(&mut queue), "2");
}
