//! The one reader of time in this crate.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::sys;

/// The time since 1970. A clock before 1970 counts as 1970.
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The time in milliseconds since 1970.
pub fn now_ms() -> u64 {
    now().as_millis() as u64
}

/// A moment to measure from; nothing can set this clock back.
pub fn moment() -> Instant {
    Instant::now()
}

/// The time of the clock that nothing can set, the same for all threads and for the kernel's timers; it
/// begins when the machine starts.
pub fn monotonic() -> Duration {
    sys::monotonic()
}
