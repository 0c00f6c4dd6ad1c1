//! What the kernel tells about a process, and signals to it. This file must not know what the process is.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// User and system time of all threads, those that have ended included. Resolution: one clock tick, 10 ms.
pub(crate) fn cpu_time(pid: u32) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    cpu_ticks(&stat)
        .map(|ticks| Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unexpected /proc/pid/stat"))
}

/// Fields 14 and 15 of proc_pid_stat(5). The name in field 2 may hold spaces and parentheses.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Resident memory in bytes (VmRSS of proc_pid_status(5)).
pub(crate) fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    resident_kib(&status)
        .map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no VmRSS in /proc/pid/status"))
}

fn resident_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Sends a signal to one process.
pub(crate) fn send_signal(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not a process id"))?;
    Ok(kill_process(pid, signal)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_ticks_survive_a_name_with_spaces_and_parentheses() {
        let stat = "7 (a) (b c) S 1 7 7 0 -1 4194560 1 2 3 4 50 60 0 0 20 0 1 0 9";
        assert_eq!(cpu_ticks(stat), Some(110));
    }

    #[test]
    fn resident_memory_is_read_from_its_line() {
        assert_eq!(resident_kib("VmHWM:\t  9 kB\nVmRSS:\t  1234 kB\n"), Some(1234));
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000);
    }
}
