//! Memory that the process has freed goes back to the system, also while the server is idle.
//!
//! The allocator keeps freed pages for their next use, and would give them back in the turn of whichever
//! worker happens to allocate next: tens of milliseconds for some hundred megabytes, or never on an idle
//! server. So a thread of its own does it, with little weight beside the workers, a few megabytes in each
//! call of the kernel. A worker that has freed much since the last time asks for it; nothing runs, and
//! nothing wakes up, while nobody does.

use std::sync::OnceLock;
use std::thread::{self, Thread};
use std::time::Duration;

use crate::host::allocator;
use crate::host::sys;

/// A worker asks when it has freed its share of so many bytes since it asked last, or had no more than it has
/// now: less is soon used again.
const FREED_BYTES_MIN: isize = 8 << 20;
/// The least that such a share is, in bytes.
const FREED_SHARE_MIN: isize = 256 << 10;
/// And when that is its share of one part in so many of what the process uses.
const FREED_PART_MIN: u64 = 8;
/// It asks again so many crons later, for what was freed meanwhile.
const CRONS_UNTIL_AGAIN: u32 = 5;
/// The thread gives back at most so often: what is freed by and by goes in one.
const PERIOD: Duration = Duration::from_millis(200);

/// The thread. One per process.
#[derive(Debug, Default)]
pub struct GiveBack {
    thread: OnceLock<Thread>,
}

impl GiveBack {
    /// Starts the thread, which ends with the process. Without it the allocator does the work as it comes to
    /// it.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(&self) -> std::io::Result<()> {
        let thread = thread::Builder::new().name("shoal-memory".to_owned()).spawn(|| {
            sys::lower_thread_priority();
            loop {
                thread::park();
                allocator::give_back_pages();
                thread::sleep(PERIOD);
            }
        })?;
        allocator::leave_pages_to_one_thread();
        // Nobody else sets it.
        let _ = self.thread.set(thread.thread().clone());
        Ok(())
    }

    /// Has the thread run.
    pub(crate) fn ask(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// What a worker has freed. One per worker.
#[derive(Debug, Default)]
pub(crate) struct Freed {
    /// The most that its thread had allocated since it asked last, in bytes.
    most_bytes: isize,
    /// When it asks once more, in crons; 0 for not.
    again_in: u32,
}

impl Freed {
    /// Looks at what the thread, one of so many workers', has allocated, in bytes, once in each cron. True
    /// when it is time to ask.
    pub(crate) fn look(&mut self, bytes: isize, workers: usize, used_bytes: impl FnOnce() -> u64) -> bool {
        self.most_bytes = self.most_bytes.max(bytes);
        let freed_bytes = self.most_bytes - bytes;
        let is_much = freed_bytes >= (FREED_BYTES_MIN / workers as isize).max(FREED_SHARE_MIN)
            && freed_bytes as u64 >= used_bytes() / FREED_PART_MIN / workers as u64;
        let is_again = self.again_in == 1;
        self.again_in = if is_much { CRONS_UNTIL_AGAIN } else { self.again_in.saturating_sub(1) };
        if is_much {
            self.most_bytes = bytes;
        }
        is_much || is_again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: isize = 1 << 20;

    #[test]
    fn a_worker_asks_when_it_has_freed_much_and_once_more_for_the_rest() {
        let mut freed = Freed::default();
        let used = |bytes: isize| move || bytes.max(0) as u64;
        // What others have allocated is freed here, so a thread's own count may be below zero.
        assert!(!freed.look(-5 * MB, 1, used(100 * MB)));
        assert!(!freed.look(-12 * MB, 1, used(100 * MB)), "an eighth of what is used is more");
        assert!(freed.look(-30 * MB, 1, used(75 * MB)));
        let asked: Vec<bool> = (0..20).map(|_| freed.look(-31 * MB, 1, used(74 * MB))).collect();
        assert_eq!(asked.iter().filter(|&&asks| asks).count(), 1, "{asked:?}");
        assert!(!freed.look(-37 * MB, 1, used(10 * MB)), "7 MB are soon used again");
        assert!(freed.look(-38 * MB - 1, 1, used(10 * MB)));
        assert!(!freed.look(-38 * MB - 2, 64, used(10 * MB)));
        assert!(freed.look(-39 * MB, 64, used(100 * MB)), "one of 64 has freed its share");
    }
}
