//! Timers of a worker: what is due when, and who is told.
//!
//! Times are those of the machine's clock that nothing can set (`clock::monotonic`). This is a plain
//! collection, the same in tests under a virtual clock. In the ring the nearest of them has one time-out of
//! the kernel (`ClientRing::set_alarm`), so a timer is not late by a tick, and idle ones cost nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use shards::spare::SPARE_BYTES_MAX;

use super::Owner;
use super::numbered::{Number, Numbered};

/// Entries of timers that were taken back stay in the heap until they are as many as the others and so many
/// more.
const STALE_MIN: usize = 64;

/// A timer that was set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TimerId(Number);

/// A timer whose time has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DueTimer {
    /// Which.
    pub timer: TimerId,
    /// Who has set it.
    pub owner: Owner,
}

/// One per worker. Those that set timers are parts of the server, each a few at most, so their count bounds
/// this one.
#[derive(Debug, Default)]
pub struct Timers {
    set: Numbered<Owner>,
    /// By time, and among equals in the order in which they were set. Some have been taken back.
    heap: BinaryHeap<Reverse<(Duration, u64, TimerId)>>,
    next_seq: u64,
}

impl Timers {
    /// Asks to be told at a time. It is never told before.
    pub fn set(&mut self, owner: Owner, due: Duration) -> TimerId {
        let timer = TimerId(self.set.insert(owner));
        self.heap.push(Reverse((due, self.next_seq, timer)));
        self.next_seq += 1;
        timer
    }

    /// Takes a timer back. One that is over is none any more.
    pub fn cancel(&mut self, timer: TimerId) {
        self.set.remove(timer.0);
        self.forget_stale();
        if self.heap.len() > 2 * self.set.len() + STALE_MIN {
            self.heap.retain(|&Reverse((_, _, timer))| self.set.get(timer.0).is_some());
        }
    }

    /// When the first is due.
    pub fn nearest(&self) -> Option<Duration> {
        self.heap.peek().map(|&Reverse((due, _, _))| due)
    }

    /// Takes a timer whose time has come, the earliest first.
    pub fn next_due(&mut self, now: Duration) -> Option<DueTimer> {
        let &Reverse((_, _, timer)) = self.heap.peek().filter(|&&Reverse((due, ..))| due <= now)?;
        self.heap.pop();
        let owner = self.set.remove(timer.0);
        self.forget_stale();
        owner.map(|owner| DueTimer { timer, owner })
    }

    /// Gives back memory that an unusual number of timers has needed.
    pub fn trim(&mut self) {
        self.set.trim();
        let spare_bytes = self.heap.capacity() * size_of::<(Duration, u64, TimerId)>();
        if self.heap.is_empty() && spare_bytes > SPARE_BYTES_MAX {
            self.heap = BinaryHeap::new();
        }
    }

    /// The first entry has to be of a timer that is set: it is what the ring waits for.
    fn forget_stale(&mut self) {
        while let Some(&Reverse((_, _, first))) = self.heap.peek()
            && self.set.get(first.0).is_none()
        {
            self.heap.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Owner = Owner(1);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn due(timers: &mut Timers, now_ms: u64) -> Vec<TimerId> {
        std::iter::from_fn(|| timers.next_due(ms(now_ms))).map(|due| due.timer).collect()
    }

    #[test]
    fn timers_are_told_in_the_order_of_their_times_and_never_early() {
        let mut timers = Timers::default();
        let late = timers.set(A, ms(9));
        let first = timers.set(A, ms(5));
        let second = timers.set(A, ms(5));
        assert_eq!(timers.nearest(), Some(ms(5)));
        assert_eq!(due(&mut timers, 4), []);
        assert_eq!(due(&mut timers, 5), [first, second]);
        assert_eq!(due(&mut timers, 100), [late]);
        assert_eq!(timers.nearest(), None);
    }

    #[test]
    fn a_timer_that_was_taken_back_is_neither_told_nor_waited_for() {
        let mut timers = Timers::default();
        let gone = timers.set(A, ms(5));
        let kept = timers.set(A, ms(7));
        timers.cancel(gone);
        assert_eq!(timers.nearest(), Some(ms(7)));
        // Its number has been given to another by now.
        let next = timers.set(A, ms(8));
        timers.cancel(gone);
        assert_eq!(due(&mut timers, 10), [kept, next]);
    }

    #[test]
    fn timers_that_are_set_anew_again_and_again_do_not_pile_up() {
        let mut timers = Timers::default();
        timers.set(A, ms(1));
        for step in 0..10_000 {
            let timer = timers.set(A, ms(1000 + step));
            timers.cancel(timer);
        }
        assert!(timers.heap.len() <= 2 + STALE_MIN, "{}", timers.heap.len());
    }
}
