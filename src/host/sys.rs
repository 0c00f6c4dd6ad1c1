//! Questions to the operating system: limits, identity, resources used.
#![expect(unsafe_code, reason = "calls of the C library that the standard library does not offer")]

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// The limit of open files of this process, in descriptors: soft and hard.
///
/// # Errors
/// Those of getrlimit.
pub fn open_files_limit() -> io::Result<(u64, u64)> {
    limit(libc::RLIMIT_NOFILE)
}

/// Raises the soft limit of open files to `wanted`, or as far as the hard limit goes. Returns what was
/// reached.
///
/// # Errors
/// Those of getrlimit; a refused setrlimit leaves the limit as it was.
pub fn raise_open_files_limit(wanted: u64) -> io::Result<u64> {
    let (soft, hard) = open_files_limit()?;
    raise(libc::RLIMIT_NOFILE, soft, hard, wanted)
}

/// The limit of locked memory of this process, in bytes: soft and hard.
///
/// # Errors
/// Those of getrlimit.
pub fn locked_memory_limit() -> io::Result<(u64, u64)> {
    limit(libc::RLIMIT_MEMLOCK)
}

/// Raises the soft limit of locked memory to `wanted` bytes, or lowers it to that, as far as that is allowed.
/// Returns what was reached.
///
/// # Errors
/// Those of getrlimit.
pub fn set_locked_memory_limit(wanted: u64) -> io::Result<u64> {
    let (soft, hard) = locked_memory_limit()?;
    if soft <= wanted {
        return raise(libc::RLIMIT_MEMLOCK, soft, hard, wanted);
    }
    let limit = libc::rlimit { rlim_cur: wanted, rlim_max: hard };
    // SAFETY: reads one struct.
    let is_set = unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) } == 0;
    Ok(if is_set { wanted } else { soft })
}

/// True when this process may lock as much memory as it likes (CAP_IPC_LOCK; proc_pid_status(5)).
pub fn may_lock_without_limit() -> bool {
    const CAP_IPC_LOCK: u64 = 14;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    effective.is_some_and(|set| set >> CAP_IPC_LOCK & 1 == 1)
}

fn limit(resource: libc::__rlimit_resource_t) -> io::Result<(u64, u64)> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: writes one struct.
    if unsafe { libc::getrlimit(resource, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((limit.rlim_cur, limit.rlim_max))
}

fn raise(resource: libc::__rlimit_resource_t, soft: u64, hard: u64, wanted: u64) -> io::Result<u64> {
    if soft >= wanted {
        return Ok(soft);
    }
    // A privileged process may raise the hard limit too.
    for (soft, hard) in [(wanted, hard.max(wanted)), (wanted.min(hard), hard)] {
        let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
        // SAFETY: reads one struct.
        if unsafe { libc::setrlimit(resource, &raw const limit) } == 0 {
            return Ok(soft);
        }
    }
    Ok(soft)
}

/// Gives the calling thread as little of a processor as possible while others want it.
pub fn lower_thread_priority() {
    // SAFETY: takes numbers only; 0 is the calling thread. It is not needed that it succeeds.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) };
}

/// The processors that this process may use.
pub fn allowed_cpus() -> Vec<usize> {
    // SAFETY: an all-zero set is valid, and the call writes at most its size.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) != 0 {
            return vec![0];
        }
        set
    };
    // SAFETY: every index is under CPU_SETSIZE.
    (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
}

/// Leaves the terminal and whoever has started the process: goes on in a child, in a session of its own, with
/// the standard streams at `/dev/null`, while the calling process ends with success (Redis: daemonize). Only
/// while the process has a single thread.
///
/// # Errors
/// Those of fork and of opening `/dev/null`.
pub fn run_in_background() -> io::Result<()> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    // SAFETY: there is no other thread whose locks or memory the child could miss, by this function's
    // contract.
    match unsafe { libc::fork() } {
        -1 => return Err(io::Error::last_os_error()),
        0 => {}
        // SAFETY: ends the process without running what the child still needs.
        _ => unsafe { libc::_exit(0) },
    }
    // SAFETY: changes the session of this process; a child of a fork leads no group, so it cannot fail.
    unsafe { libc::setsid() };
    for stream in [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        // SAFETY: both are open descriptors of this process, or the call fails and the stream stays.
        unsafe { libc::dup2(null.as_raw_fd(), stream) };
    }
    Ok(())
}

/// Opens the connection to the system's log. `facility` is 0 for `user` and one more than the number of a
/// local one. Called once.
pub fn open_syslog(ident: &[u8], facility: u8) {
    let end = ident.iter().position(|&byte| byte == 0).unwrap_or(ident.len());
    // The C library keeps the pointer, so the name is never freed.
    let ident = CString::new(&ident[..end]).expect("it ends before its first NUL").into_raw();
    let facility = match facility {
        0 => libc::LOG_USER,
        local => libc::LOG_LOCAL0 + ((i32::from(local) - 1) << 3),
    };
    // SAFETY: the name lives until the process ends.
    unsafe { libc::openlog(ident, libc::LOG_PID | libc::LOG_NDELAY | libc::LOG_NOWAIT, facility) };
}

/// Writes a line to the system's log.
pub fn write_syslog(priority: i32, text: &str) {
    let text = CString::new(text.replace('\0', " ")).expect("it has no NUL");
    // SAFETY: the format takes one string, which ends in NUL and outlives the call.
    unsafe { libc::syslog(priority, c"%s".as_ptr(), text.as_ptr()) };
}

/// Puts a title in the place of the command line that others see (`ps`, /proc), cut to its length: a password
/// may stand there. Nothing happens where the system does not tell where it lies. Whoever needs the arguments
/// has to take them before.
pub fn set_process_title(title: &str) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may have blanks, the third field comes first; the 48th and 49th are the bounds
    // (proc(5)).
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut bounds = fields.split_whitespace().skip(45).map(|field| field.parse::<usize>().unwrap_or(0));
    let (Some(start @ 1..), Some(end)) = (bounds.next(), bounds.next()) else { return };
    let Some(len) = end.checked_sub(start) else { return };
    let title = &title.as_bytes()[..title.len().min(len.saturating_sub(1))];
    let memory = std::ptr::with_exposed_provenance_mut::<u8>(start);
    // SAFETY: the kernel has laid the arguments there, in memory of this process that it may write to and
    // that nobody frees. The arguments were taken before, as this function asks for. The title ends before
    // the end.
    unsafe {
        memory.write_bytes(0, len);
        memory.copy_from_nonoverlapping(title.as_ptr(), title.len());
    }
}

/// The memory of the machine in bytes; 0 when the system does not tell.
pub fn machine_memory_bytes() -> u64 {
    // SAFETY: asks for two numbers.
    let (pages, page_bytes) =
        unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    pages.max(0) as u64 * page_bytes.max(0) as u64
}

/// Binds the calling thread to a processor.
///
/// # Errors
/// Those of sched_setaffinity.
pub fn pin_to_cpu(cpu: usize) -> io::Result<()> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: an all-zero set is valid, the index is under CPU_SETSIZE, and the call reads the set's size.
    let outcome = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Name, release and machine, as `uname -srm` prints them.
pub fn os_name() -> String {
    // SAFETY: an all-zero struct is valid; the call fills it with strings that end in NUL.
    let name = unsafe {
        let mut name: libc::utsname = std::mem::zeroed();
        libc::uname(&raw mut name);
        name
    };
    let text = |field: &[libc::c_char]| -> String {
        field.iter().take_while(|&&byte| byte != 0).map(|&byte| byte as u8 as char).collect()
    };
    format!("{} {} {}", text(&name.sysname), text(&name.release), text(&name.machine))
}

/// User and system CPU time of this process.
pub fn cpu_time() -> (Duration, Duration) {
    // SAFETY: an all-zero struct is valid, and the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    (time(usage.ru_utime), time(usage.ru_stime))
}

/// The calling thread's number, as in `/proc/self/task`.
pub fn thread_id() -> i32 {
    // SAFETY: asks for a number and cannot fail.
    unsafe { libc::gettid() }
}

/// CPU time of the calling thread.
pub fn thread_cpu_time() -> Duration {
    time_of(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Time since the machine has started. [`super::clock`] is who asks.
pub(super) fn monotonic() -> Duration {
    time_of(libc::CLOCK_MONOTONIC)
}

fn time_of(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the struct that it is given.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Resident memory of this process in bytes; 0 when the system does not tell. Asking takes no memory of the
/// allocator.
pub fn resident_bytes() -> u64 {
    let mut text = [0; 128];
    let len = File::open("/proc/self/statm").and_then(|mut file| file.read(&mut text)).unwrap_or(0);
    let pages = str::from_utf8(&text[..len])
        .ok()
        .and_then(|text| text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()));
    // SAFETY: asks for a constant.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.unwrap_or(0) * page_bytes.max(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_told() {
        assert!(resident_bytes() > 100_000);
    }

    #[test]
    fn a_thread_can_be_bound_to_each_processor_that_it_may_use() {
        std::thread::spawn(|| {
            for cpu in allowed_cpus() {
                pin_to_cpu(cpu).unwrap();
                assert_eq!(allowed_cpus(), [cpu]);
            }
            assert!(pin_to_cpu(1_000_000).is_err());
        })
        .join()
        .unwrap();
    }
}
