//! What threads and processors have to do, as the kernel counts it.
//!
//! A thread's figures tell how long it has run and how long it has waited for a processor: the sum is the
//! time in which it had something to do, whoever else was on its processor.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// The kernel's line of a thread is shorter, in bytes.
const SCHEDSTAT_BYTES_MAX: usize = 128;
/// The kernel counts the time of processors in ticks, so many a second (`USER_HZ`, the same on all Linux).
const TICKS_PER_SECOND: u64 = 100;

/// The time that a thread has run, and that it has waited for a processor, since its start.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuUse {
    /// It has run.
    pub ran: Duration,
    /// It could have run, and others did.
    pub waited: Duration,
}

impl CpuUse {
    /// Reads a line of `/proc/.../schedstat`; zeros for what is not there.
    fn parse(text: &str) -> CpuUse {
        let mut words = text.split_whitespace().map(|word| Duration::from_nanos(word.parse().unwrap_or(0)));
        CpuUse { ran: words.next().unwrap_or_default(), waited: words.next().unwrap_or_default() }
    }

    /// The time in which it had something to do.
    pub fn wanted(self) -> Duration {
        self.ran + self.waited
    }
}

/// What a thread of this process, by its number, has used; zeros where the kernel does not tell.
pub fn of_thread(thread: i32) -> CpuUse {
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"));
    CpuUse::parse(&text.unwrap_or_default())
}

/// The calling thread's own figures, to be read again and again: one system call each time.
#[derive(Debug)]
pub struct OwnCpuUse {
    file: File,
}

impl OwnCpuUse {
    /// Those of the calling thread. Whoever reads them later may be any thread.
    ///
    /// # Errors
    /// When there is no `/proc`, or a kernel that does not count this.
    pub fn open() -> io::Result<OwnCpuUse> {
        let file = File::open("/proc/thread-self/schedstat")?;
        Ok(OwnCpuUse { file })
    }

    /// What the thread has used; zeros where the kernel does not tell.
    pub fn read(&self) -> CpuUse {
        let mut bytes = [0; SCHEDSTAT_BYTES_MAX];
        let len = self.file.read_at(&mut bytes, 0).unwrap_or(0);
        CpuUse::parse(std::str::from_utf8(&bytes[..len]).unwrap_or_default())
    }
}

/// For how long a processor has had nothing to do since the machine's start; of all, when none is named, for
/// how long all together. None where the kernel does not tell.
pub fn idle_time(cpu: Option<usize>) -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    idle_ticks(&text, cpu).map(|ticks| Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

fn idle_ticks(text: &str, cpu: Option<usize>) -> Option<u64> {
    let name = cpu.map_or_else(|| "cpu".to_owned(), |cpu| format!("cpu{cpu}"));
    let mut words = text.lines().map(str::split_whitespace).find_map(|mut words| {
        let is_it = words.next() == Some(&name);
        is_it.then_some(words)
    })?;
    // user nice system idle iowait
    let (idle, iowait) = (words.nth(3)?, words.next()?);
    Some(idle.parse::<u64>().ok()? + iowait.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{clock, sys};

    #[test]
    fn the_kernel_tells_what_this_thread_has_used() {
        // Not every kernel counts, and one that does adds up when its timer ticks.
        let Ok(own) = OwnCpuUse::open() else { return };
        let begin = clock::moment();
        while own.read().ran == Duration::ZERO || of_thread(sys::thread_id()).ran == Duration::ZERO {
            assert!(begin.elapsed() < Duration::from_secs(60), "this thread never seems to run");
        }
        assert!(own.read().wanted() >= own.read().waited);
    }

    #[test]
    fn a_processor_is_found_by_its_number_and_all_by_none() {
        let text = "cpu  10 0 10 700 50 0 1 2 0 0\ncpu1 5 0 5 300 20 0 0 0 0 0\ncpu10 5 0 5 400 30 0 1 2 0 \
            0\nintr 1\n";
        assert_eq!(idle_ticks(text, None), Some(750));
        assert_eq!(idle_ticks(text, Some(1)), Some(320));
        assert_eq!(idle_ticks(text, Some(10)), Some(430));
        assert_eq!(idle_ticks(text, Some(0)), None);
        assert_eq!(idle_ticks("cpu  1 2", None), None);
        assert_eq!(CpuUse::parse("12 34 5\n").wanted(), Duration::from_nanos(46));
        assert_eq!(CpuUse::parse("").wanted(), Duration::ZERO);
    }
}
