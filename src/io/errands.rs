//! What a worker waits for in its ring besides clients: its files, its links and its timers, with their ends in the ring.
//!
//! A part of the server makes its requests to `disk`, `links` and `timers`; what becomes of them is taken there after the
//! completions of the turn. This file must not know those parts.

use super::disk::{Disk, RingCalls, RingFiles};
use super::links::{Links, RingSockets, SocketsOnRing};
use super::ring::{ClientRing, Completion, Op};
use super::timers::{Alarm, Timers};

/// One per worker; dropped only after its ring has nothing of it under way, or else with its memory left to the kernel.
#[derive(Debug, Default)]
pub struct Errands {
    /// Its files.
    pub disk: Disk,
    /// Its links to other nodes.
    pub links: Links,
    /// Its timers.
    pub timers: Timers,
    pub(super) files: RingFiles,
    sockets: RingSockets,
    alarm: Alarm,
}

impl Errands {
    /// A completion of the ring for one of these.
    pub fn complete(&mut self, completion: Completion) {
        let Completion { op, index, result, .. } = completion;
        match op {
            Op::File => {
                if let Some((call, result)) = self.files.completed(index, result) {
                    self.disk.completed(index, call, result);
                }
            }
            Op::Socket => {
                if let Some(call) = self.sockets.completed(index) {
                    self.links.completed(index, call, result);
                }
            }
            Op::Alarm => self.alarm.completed(),
            _ => {}
        }
    }

    /// Queues in the ring what is to be begun. A turn in which nothing is pays three comparisons.
    #[inline]
    pub fn submit(&mut self, ring: &mut ClientRing) {
        let nearest = self.timers.nearest();
        if self.disk.has_queued() || self.links.has_queued() || self.alarm.is_late_for(nearest) {
            self.begin(ring);
        }
    }

    #[cold]
    fn begin(&mut self, ring: &mut ClientRing) {
        self.disk.submit(&mut RingCalls { files: &mut self.files, ring });
        self.links.submit(&mut SocketsOnRing { sockets: &mut self.sockets, ring });
        self.alarm.set(self.timers.nearest(), ring);
    }

    /// Gives back memory that an unusual turn has needed.
    pub fn trim(&mut self) {
        self.disk.trim();
        self.links.trim();
        self.timers.trim();
    }
}
