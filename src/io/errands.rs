//! What a worker waits for in its ring besides clients: its files, its links and its timers, with their ends
//! in the ring.
//!
//! A part of the server makes its requests to `disk`, `links` and `timers`; what becomes of them is taken
//! there after the completions of the turn. This file must not know those parts.

use super::Owner;
use super::disk::{Disk, FileDone, RingCalls, RingFiles};
use super::links::{LinkEvent, Links, RingSockets, SocketsOnRing};
use super::ring::{ClientRing, Completion, Op};
use super::timers::{DueTimer, Timers};
use crate::host::clock;

/// What has become of a request.
#[derive(Debug)]
pub enum News {
    /// To a file.
    Disk(FileDone),
    /// To a link, or without one.
    Link(LinkEvent),
    /// A time has come.
    Timer(DueTimer),
}

/// One per worker; dropped only after its ring has nothing of it under way, or else with its memory left to
/// the kernel.
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
}

impl Errands {
    /// A completion of the ring for one of these.
    pub fn complete(&mut self, completion: Completion, ring: &mut ClientRing) {
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
            Op::Alarm => ring.alarm_completed(),
            _ => {}
        }
    }

    /// Queues in the ring what is to be begun. A turn in which nothing is pays a few comparisons.
    #[inline]
    pub fn submit(&mut self, ring: &mut ClientRing) {
        let nearest = self.timers.nearest();
        if self.disk.has_queued() || self.links.has_queued() || ring.is_alarm_late_for(nearest) {
            self.begin(ring);
        }
    }

    #[cold]
    fn begin(&mut self, ring: &mut ClientRing) {
        self.disk.submit(&mut RingCalls { files: &mut self.files, ring });
        self.links.submit(&mut SocketsOnRing { sockets: &mut self.sockets, ring });
        if let Some(nearest) = self.timers.nearest() {
            ring.set_alarm(nearest);
        }
    }

    /// Something is there to be taken, or to be begun.
    #[inline]
    pub fn has_news(&self) -> bool {
        self.disk.has_news() || self.links.has_news()
    }

    /// Files or links have requests that have not ended. Timers are no work.
    pub fn is_busy(&self) -> bool {
        self.disk.pending() > 0 || !self.links.is_empty()
    }

    /// What [`Errands::is_busy`] counts, for the log.
    pub fn pending_text(&self) -> String {
        format!("{} requests to files and {} links", self.disk.pending(), self.links.len())
    }

    /// Takes what has happened, with whose it is. To be called until nothing is left.
    #[inline]
    pub fn take(&mut self) -> Option<(Owner, News)> {
        if self.timers.nearest().is_none() && !self.has_news() {
            return None;
        }
        self.take_some()
    }

    #[cold]
    fn take_some(&mut self) -> Option<(Owner, News)> {
        if let Some(done) = self.disk.next_done() {
            return Some((done.owner, News::Disk(done)));
        }
        if let Some(event) = self.links.next_event() {
            return Some((event.owner, News::Link(event)));
        }
        let due = self.timers.next_due(clock::monotonic())?;
        Some((due.owner, News::Timer(due)))
    }

    /// Gives back memory that an unusual turn has needed.
    pub fn trim(&mut self) {
        self.disk.trim();
        self.links.trim();
        self.timers.trim();
    }
}
