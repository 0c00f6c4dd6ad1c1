//! Questions to the operating system: limits, identity, resources used.
#![expect(unsafe_code, reason = "calls of the C library that the standard library does not offer")]

use std::io;
use std::time::Duration;

/// The limit of open files of this process, in descriptors: soft and hard.
///
/// # Errors
/// Those of getrlimit.
pub fn open_files_limit() -> io::Result<(u64, u64)> {
    limit(libc::RLIMIT_NOFILE)
}

/// Raises the soft limit of open files to `wanted`, or as far as the hard limit goes. Returns what was reached.
///
/// # Errors
/// Those of getrlimit; a refused setrlimit leaves the limit as it was.
pub fn raise_open_files_limit(wanted: u64) -> io::Result<u64> {
    let (soft, hard) = open_files_limit()?;
    raise(libc::RLIMIT_NOFILE, soft, hard, wanted)
}

/// Raises the soft limit of locked memory to at least `wanted` bytes if that is allowed. Returns what was reached.
///
/// # Errors
/// Those of getrlimit.
pub fn raise_locked_memory_limit(wanted: u64) -> io::Result<u64> {
    let (soft, hard) = limit(libc::RLIMIT_MEMLOCK)?;
    raise(libc::RLIMIT_MEMLOCK, soft, hard, wanted)
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

/// CPU time of the calling thread.
pub fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the struct that it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Resident memory of this process in bytes; 0 when the system does not tell.
pub fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()));
    // SAFETY: asks for a constant.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.unwrap_or(0) * page_bytes.max(0) as u64
}

/// The processors' worth of time that the cgroup allows, if it limits it (cgroup v2 `cpu.max`, v1 quota).
pub fn cgroup_cpus() -> Option<f64> {
    let v2 = std::fs::read_to_string("/sys/fs/cgroup/cpu.max").ok().and_then(|text| {
        let mut words = text.split_whitespace();
        let quota: f64 = words.next()?.parse().ok()?;
        let period: f64 = words.next()?.parse().ok()?;
        Some(quota / period)
    });
    v2.or_else(|| {
        let read = |name: &str| -> Option<f64> {
            std::fs::read_to_string(format!("/sys/fs/cgroup/cpu/{name}")).ok()?.trim().parse().ok()
        };
        let quota = read("cpu.cfs_quota_us").filter(|&quota| quota > 0.0)?;
        Some(quota / read("cpu.cfs_period_us")?)
    })
}
