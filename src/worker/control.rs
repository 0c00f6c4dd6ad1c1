//! The control worker: a worker whose shard owns no slot and whose thread is bound to no core, for what no
//! long command may hold up.
//!
//! It is numbered behind the workers of the shards and has an end of the mesh as they have, but no listener:
//! a client comes to it by being handed over, and all its commands on keys go to other workers. It waits for
//! the signals that end the node.
//!
//! While it has nothing to look after it rests: it sleeps without a tick until it is called. Nothing is
//! missed by that. What other workers want of it rings ([`crate::mesh`]), also when the kernel has been short
//! of memory for it (`ClientRing::wake_failed`); signals make a descriptor readable that the ring watches;
//! files, links and timers complete in the ring; and all that a worker looks after at ticks belongs to
//! connections or to what a turn has left behind, and while there are any of these it ticks.

use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;

use super::Worker;
use crate::host::clock;
use crate::host::log::{LogHop, tell_left_out};
use crate::io::Owner;
use crate::mesh::Hop;

/// So many ticks that nothing else comes with come before a rest: the rates of INFO, averages over 16 of
/// them, have gone back to nothing by then, and what is kept for a while has been trimmed.
const QUIET_TICKS_MIN: u32 = 20;

/// The timer of lines of the log that were left out.
pub(super) const LEFT_OUT_LINES: Owner = Owner(2);

impl Worker {
    /// True for the control worker.
    #[inline]
    pub(super) fn is_control(&self) -> bool {
        self.control.is_some()
    }

    /// Has the ring watch for signals, on the worker that they concern.
    pub(super) fn watch_signals(&mut self) {
        if let Some(control) = &self.control {
            self.ring.await_readable(control.duty.signals.as_raw_fd());
        }
    }

    /// The ring has seen a signal, or says that it cannot watch; then the main thread sees it, at its next
    /// look at the workers.
    pub(super) fn see_signals(&mut self, result: i32) {
        let Some(control) = &mut self.control else { return };
        if control.duty.signals.take().is_some() {
            (control.duty.tell_of_end)();
            self.node.stopping.store(true, Ordering::Relaxed);
        } else if result >= 0 {
            self.watch_signals();
        } else {
            log::warn!("io_uring does not watch for signals: {}", std::io::Error::from_raw_os_error(-result));
        }
    }

    /// Has the control worker tell of lines of the log that were left out.
    #[cold]
    pub(super) fn pass_on_left_out(&mut self) {
        let control = self.node.control();
        if self.is_control() {
            self.tell_left_out();
        } else if control.index() < self.mesh.workers() {
            self.mesh.send(control, Hop::Log(LogHop::LeftOut));
        }
    }

    /// Takes up what another worker says of the log.
    pub(super) fn take_log(&mut self, hop: LogHop) {
        match hop {
            LogHop::LeftOut => self.tell_left_out(),
        }
    }

    /// Tells of lines of the log that were left out if it is quiet, and looks again when it may be. While
    /// none was left out no timer is set.
    pub(super) fn tell_left_out(&mut self) {
        let Some(control) = &mut self.control else { return };
        if let Some(timer) = control.log_timer.take() {
            self.errands.timers.cancel(timer);
        }
        let set = |wait| self.errands.timers.set(LEFT_OUT_LINES, clock::monotonic() + wait);
        control.log_timer = tell_left_out().map(set);
    }

    /// Whether the worker, about to sleep, may do so until it is called. If not, the control worker sees to
    /// its next tick here; the others tick always.
    pub(super) fn may_rest(&mut self) -> bool {
        let Some(control) = &mut self.control else { return false };
        let is_quiet = std::mem::take(&mut control.has_ticked);
        control.quiet_ticks = if is_quiet { control.quiet_ticks.saturating_add(1) } else { 0 };
        if self.clients.is_empty() && control.quiet_ticks >= QUIET_TICKS_MIN {
            return !self.ring.is_ticking();
        }
        if !std::mem::take(&mut control.has_tick_failed) && !self.ring.is_ticking() {
            self.ring.tick();
        }
        false
    }
}
