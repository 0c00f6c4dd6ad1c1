//! What only the control worker has: the signals, and how quiet it is. This file must not know the worker.

use std::path::PathBuf;

use crate::host::signals::Signals;
use crate::io::timers::TimerId;

/// What the control worker does that others do not.
pub struct ControlDuty {
    /// The signals that end the node.
    pub signals: Signals,
    /// Says that one has come, to whom it may concern, and whether the node was loading; called before the
    /// node stops.
    pub tell_of_end: fn(bool),
    /// The file that is loaded before the node is ready, if there is one.
    pub load: Option<PathBuf>,
    /// Says that the node is ready, once, when that has been loaded.
    pub tell_ready: Option<Box<dyn FnOnce() + Send>>,
}

/// The control worker's state beside that of any worker.
pub(super) struct Control {
    pub(super) duty: ControlDuty,
    /// A tick has completed since the last look.
    pub(super) has_ticked: bool,
    /// The kernel has refused one: the next one is not asked for at once.
    pub(super) has_tick_failed: bool,
    /// When it is to look whether there are lines of the log to tell of, while some were left out.
    pub(super) log_timer: Option<TimerId>,
    /// Ticks one after the other in whose turns nothing else has come.
    pub(super) quiet_ticks: u32,
}

impl Control {
    pub(super) fn new(duty: ControlDuty) -> Control {
        Control { duty, has_ticked: false, has_tick_failed: false, log_timer: None, quiet_ticks: 0 }
    }

    /// A tick has completed with this result.
    pub(super) fn ticked(&mut self, result: i32) {
        self.has_ticked = true;
        self.has_tick_failed = result != -libc::ETIME;
    }
}
