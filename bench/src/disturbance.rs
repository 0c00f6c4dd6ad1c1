//! How much of the machine others used while something was measured: on a shared machine a figure means
//! little when that was much. It must not know what was measured.

use std::fs;
use std::io;
use std::time::Instant;

use testkit::Server;

/// Clock ticks a second in /proc (USER_HZ, a constant of the kernel's interface).
const TICKS_PER_S: f64 = 100.0;

/// Processor time used so far by everything, and by the server, this process and those it has waited for.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    begin: Instant,
    all_ticks: u64,
    ours_ticks: u64,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    /// When /proc does not tell.
    pub fn begin(server: &Server) -> io::Result<Watch> {
        Ok(Watch {
            begin: Instant::now(),
            all_ticks: read("/proc/stat", all_ticks)?,
            ours_ticks: ours(server)?,
        })
    }

    /// The share of one core that all other processes took since the beginning; 1.0 is a whole core.
    ///
    /// # Errors
    /// When /proc does not tell.
    pub fn others(&self, server: &Server) -> io::Result<f64> {
        let all = read("/proc/stat", all_ticks)?.saturating_sub(self.all_ticks);
        let ours = ours(server)?.saturating_sub(self.ours_ticks);
        Ok(all.saturating_sub(ours) as f64 / TICKS_PER_S / self.begin.elapsed().as_secs_f64())
    }
}

fn ours(server: &Server) -> io::Result<u64> {
    let server_ticks = (server.cpu_time().as_secs_f64() * TICKS_PER_S).round() as u64;
    Ok(server_ticks + read("/proc/self/stat", own_ticks)?)
}

fn read(path: &str, ticks: fn(&str) -> Option<u64>) -> io::Result<u64> {
    let text = fs::read_to_string(path)?;
    ticks(&text)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{path} is not understood")))
}

/// Fields 14 to 17 of proc_pid_stat(5): user and system time of the process and of its children that have
/// ended.
fn own_ticks(stat: &str) -> Option<u64> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    sum(after_name.split_ascii_whitespace().skip(11).take(4), 4)
}

/// User, nice, system, interrupt and stolen time of proc_stat(5). Interrupts belong to it, since the run time
/// of a process contains those that it ran into, unless the kernel has IRQ_TIME_ACCOUNTING; there, the
/// loopback interface's own work shows up as that of others.
fn all_ticks(stat: &str) -> Option<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    sum([0, 1, 2, 5, 6, 7].iter().filter_map(|&index| fields.get(index).copied()), 6)
}

fn sum<'a>(fields: impl Iterator<Item = &'a str>, expected: usize) -> Option<u64> {
    let values: Vec<u64> = fields.map(|field| field.parse().ok()).collect::<Option<_>>()?;
    (values.len() == expected).then(|| values.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupts_and_stolen_time_count_and_idleness_does_not() {
        let stat = "cpu  100000 20000 3000 999999 999999 400 50 6 0 0\ncpu0 1 1 1 1\n";
        assert_eq!(all_ticks(stat), Some(123_456));
        assert_eq!(all_ticks("cpu  1 2\n"), None);
    }

    #[test]
    fn ended_children_count_as_our_own() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 5 60 700 8000 20 0 1 0 9";
        assert_eq!(own_ticks(stat), Some(8765));
    }
}
