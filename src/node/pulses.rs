//! The workers' turns, counted where other threads can read it: a store or two a turn, no clock.
//!
//! Each worker has a [`Heart`]; whoever looks after the workers reads the pulses of all. This file must not
//! know what happens in a turn, nor who looks.

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use shards::slot::ShardId;

use crate::host::sys;

/// What the threads of all workers do.
pub struct Pulses(Vec<Pulse>);

/// Added to the count of a worker that has no timer to wake it: that the count stands still is no sign.
pub(crate) const RESTS: u64 = 1 << 63;

/// What one worker's thread does, on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Pulse {
    /// Grows with each turn; odd in a turn, even while the worker sleeps in its ring. With [`RESTS`] while it
    /// sleeps for as long as nobody calls it.
    pub(crate) count: AtomicU64,
    /// The thread's number, 0 before it runs.
    pub(crate) thread: AtomicI32,
}

impl Pulses {
    /// For so many workers.
    pub fn new(workers: usize) -> Pulses {
        Pulses((0..workers).map(|_| Pulse::default()).collect())
    }

    /// What each worker's thread does, in the order of the workers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pulse> {
        self.0.iter()
    }

    /// A worker's own end, made on its thread.
    pub(crate) fn heart(&'static self, worker: ShardId) -> Heart {
        let pulse = &self.0[worker.index()];
        pulse.thread.store(sys::thread_id(), Ordering::Relaxed);
        Heart { pulse, count: 0 }
    }
}

/// With it a worker shows that it gets its turns.
pub(crate) struct Heart {
    pulse: &'static Pulse,
    count: u64,
}

impl Heart {
    /// A turn begins.
    #[inline]
    pub(crate) fn wake(&mut self) {
        self.count = (self.count + 1) | 1;
        self.pulse.count.store(self.count, Ordering::Relaxed);
    }

    /// The worker goes to sleep.
    #[inline]
    pub(crate) fn sleep(&mut self) {
        self.count += 1;
        self.pulse.count.store(self.count, Ordering::Relaxed);
    }

    /// The worker goes to sleep until it is called.
    pub(crate) fn rest(&mut self) {
        self.count += 1;
        self.pulse.count.store(self.count | RESTS, Ordering::Relaxed);
    }
}
