//! Links to others.

use super::*;

#[test]
fn what_goes_over_a_link_comes_back_whole_and_in_order() {
    on_both(|seat| {
        let (ours, theirs) = seat.pair();
        let all = bytes(3_000_000, 3);
        let (mut sent, mut back) = (0, Vec::new());
        let mut waiting: Vec<u8> = Vec::new();
        seat.stand.links().receive(ours, 1000);
        seat.stand.links().receive(theirs, 60_000);
        while back.len() < all.len() {
            let piece = &all[sent..all.len().min(sent + 100_000)];
            if !piece.is_empty() && seat.stand.links().send(ours, piece) {
                sent += piece.len();
            }
            let took = waiting.len().min(seat.stand.links().room(theirs));
            assert!(seat.stand.links().send(theirs, &waiting[..took]));
            waiting.drain(..took);
            seat.turn();
            for LinkEvent { link, what, owner } in std::mem::take(&mut seat.events) {
                assert_eq!(owner, if link == ours { ME } else { OTHER });
                match what {
                    What::Received(bytes) if link == ours => {
                        assert!((1..=100_000).contains(&bytes.len()));
                        back.extend_from_slice(&bytes);
                        seat.stand.links().receive(ours, 100_000);
                    }
                    What::Received(bytes) => {
                        waiting.extend_from_slice(&bytes);
                        seat.stand.links().receive(theirs, 60_000);
                    }
                    What::Sent => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(back == all);
        seat.stand.links().close(ours);
        // What the end is told by depends on what was on its way.
        let ended = |what| matches!(what, What::Ended | What::Failed(_));
        let last = seat.until("ended", |seat| {
            seat.events.retain(|event| !matches!(event.what, What::Sent));
            seat.events.pop().map(|event| event.what)
        });
        assert!(ended(last));
        seat.stand.links().close(theirs);
        seat.closed();
    });
}

#[test]
fn a_link_takes_no_more_than_its_bound() {
    on_both(|seat| {
        let (ours, theirs) = seat.pair();
        let too_much = vec![0; LINK_OUTPUT_BYTES_MAX + 1];
        assert!(!seat.stand.links().send(ours, &too_much));
        assert!(seat.stand.links().send(ours, &too_much[1..]));
        assert!(!seat.stand.links().send(ours, b"x"));
        assert_eq!(seat.stand.links().room(ours), 0);
        // The other does not read; what its machine and the network take makes room, but not for ever.
        for link in [ours, theirs] {
            seat.stand.links().close(link);
        }
        assert!(!seat.stand.links().send(ours, b"x"));
        seat.closed();
        assert!(seat.events.is_empty(), "{:?}", seat.events);
    });
}

#[test]
fn a_link_that_nobody_accepts_says_so() {
    on_both(|seat| {
        // Bytes that it takes meanwhile are lost with it.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let link = seat.connect(free, LONG);
        assert!(seat.stand.links().send(link, b"PING\r\n"));
        match seat.event_of(link) {
            What::Failed(error) => assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED)),
            other => panic!("{other:?}"),
        }
        assert!(!seat.stand.links().send(link, b"x"));
        seat.stand.links().close(link);
        seat.closed();
    });
}

#[test]
fn connecting_ends_when_its_time_is_over() {
    on_both(|seat| {
        let address = seat.stand.silent_address();
        let before = seat.stand.now();
        let timeout = Duration::from_millis(30);
        let link = seat.connect(address, timeout);
        match seat.event_of(link) {
            What::Failed(error) => assert_eq!(error.raw_os_error(), Some(libc::ETIMEDOUT)),
            other => panic!("{other:?}"),
        }
        assert!(seat.stand.now() >= before + timeout);
        seat.stand.links().close(link);
        seat.closed();
    });
}

#[test]
fn a_link_can_be_closed_at_any_moment_and_is_silent_from_then_on() {
    on_both(|seat| {
        // Before it has begun to connect, while it does, and while it waits for bytes.
        let address = seat.stand.silent_address();
        let link = seat.connect(address, LONG);
        seat.stand.links().close(link);
        seat.closed();
        let link = seat.connect(address, LONG);
        let now = seat.stand.now();
        seat.stand.timers().set(ME, now + Duration::from_millis(5));
        seat.until("under way", |seat| seat.due.pop());
        seat.stand.links().close(link);
        seat.closed();
        let (ours, theirs) = seat.pair();
        seat.stand.links().receive(ours, 100);
        seat.stand.links().receive(theirs, 100);
        let now = seat.stand.now();
        seat.stand.timers().set(ME, now + Duration::from_millis(5));
        seat.until("under way", |seat| seat.due.pop());
        assert!(seat.events.is_empty());
        seat.stand.links().close(ours);
        assert!(matches!(seat.event_of(theirs), What::Ended));
        seat.stand.links().close(theirs);
        seat.closed();
        assert!(seat.events.is_empty(), "{:?}", seat.events);
    });
}

#[test]
fn all_links_can_be_closed_at_once_whatever_they_are_about() {
    on_both(|seat| {
        let (ours, theirs) = seat.pair();
        seat.stand.links().receive(theirs, 100);
        assert!(seat.stand.links().send(ours, &[1; 1000]));
        let address = seat.stand.silent_address();
        for _ in 0..3 {
            seat.connect(address, LONG);
        }
        seat.turn();
        seat.connect(address, LONG);
        seat.stand.links().close(ours);
        seat.stand.links().close_all();
        seat.events.clear();
        seat.closed();
        assert!(seat.events.is_empty(), "{:?}", seat.events);
    });
}
