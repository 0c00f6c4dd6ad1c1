//! Timers, and what is left under way.

use super::*;

#[test]
fn timers_come_at_their_times_in_order_and_never_early() {
    on_both(|seat| {
        let begin = seat.stand.now();
        let ms = |ms| begin + Duration::from_millis(ms);
        let mut expected: Vec<(TimerId, Duration)> = Vec::new();
        let far = seat.stand.timers().set(ME, begin + 100 * LONG);
        // Each is nearer than what the ring waits for by then.
        for after in [40, 20, 5] {
            expected.insert(0, (seat.stand.timers().set(ME, ms(after)), ms(after)));
            if after == 20 {
                seat.stand.timers().set(OTHER, Duration::ZERO);
                seat.turn();
            }
        }
        let gone = seat.stand.timers().set(ME, ms(10));
        seat.stand.timers().cancel(gone);
        for (timer, time) in expected {
            let due = seat.until("due", |seat| {
                let at = seat.due.iter().position(|due| due.owner == ME)?;
                Some(seat.due.remove(at))
            });
            assert_eq!(due.timer, timer);
            assert!(seat.stand.now() >= time);
        }
        seat.stand.timers().cancel(far);
        assert_eq!(seat.stand.timers().nearest(), None);
    });
}

#[test]
fn memory_of_calls_under_way_outlives_whoever_has_asked_for_them() {
    let test = |seat: &mut Seat<'_>| {
        let (ours, _) = seat.pair();
        seat.stand.links().receive(ours, 1000);
        let file = seat.open("a", OpenMode::Create);
        for step in 0..10 {
            seat.start(write(file, step, bytes(200_000, 0)));
        }
        seat.stand.timers().set(ME, Duration::ZERO);
        seat.turn();
        // Dropped here, with what is under way.
    };
    on_ring(test, |_| {});
}
