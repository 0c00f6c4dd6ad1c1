//! How long the turns of a worker take: what a client of that worker may have to wait because of others. It
//! must not know what happens in a turn.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::host::clock;
use crate::host::sys;

/// Shorter turns are not told apart.
const RESOLUTION_NS: u64 = 128;
/// Longer turns count as this long.
const TURN_NS_MAX: u64 = 60_000_000_000;
/// The histogram's shares are wrong by at most one percent.
const SIGNIFICANT_DIGITS: u8 = 2;

/// A turn that comes later than this is counted as late, and the watchdog speaks of it.
pub const LATE: Duration = Duration::from_secs(1);

/// When a turn has begun.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// By the clock on the wall.
    Wall(Instant),
    /// By the CPU time of the thread.
    Cpu(Duration),
}

impl Begin {
    /// Now, as `turn-clock` says.
    pub fn now(by_cpu: bool) -> Begin {
        if by_cpu { Begin::Cpu(sys::thread_cpu_time()) } else { Begin::Wall(clock::moment()) }
    }

    /// How long the turn has taken.
    pub fn elapsed(self) -> Duration {
        match self {
            Begin::Wall(begin) => begin.elapsed(),
            Begin::Cpu(begin) => sys::thread_cpu_time().saturating_sub(begin),
        }
    }
}

/// Durations of turns since the start or CONFIG RESETSTAT. One per worker, some 25 kilobytes.
#[derive(Clone, Debug)]
pub struct TurnTimes {
    ns: Histogram<u64>,
    busy_ns: u64,
}

impl Default for TurnTimes {
    fn default() -> TurnTimes {
        let ns = Histogram::new_with_bounds(RESOLUTION_NS, TURN_NS_MAX, SIGNIFICANT_DIGITS)
            .expect("the bounds are in order and the digits few");
        TurnTimes { ns, busy_ns: 0 }
    }
}

impl TurnTimes {
    /// Counts one turn.
    pub fn record(&mut self, time: Duration) {
        let ns = time.as_nanos() as u64;
        self.ns.saturating_record(ns);
        self.busy_ns += ns;
    }

    /// Adds the turns of another worker.
    pub fn add(&mut self, other: &TurnTimes) {
        self.ns.add(&other.ns).expect("all have the same bounds");
        self.busy_ns += other.busy_ns;
    }

    /// Number, sum and quantiles, as a field of INFO shows them.
    pub fn summary(&self) -> String {
        let us = |quantile: f64| self.ns.value_at_quantile(quantile) as f64 / 1e3;
        format!(
            "turns={},busy_ms={},p50_us={:.1},p99_us={:.1},p999_us={:.1},max_us={:.1}",
            self.ns.len(),
            self.busy_ns / 1_000_000,
            us(0.5),
            us(0.99),
            us(0.999),
            self.ns.max() as f64 / 1e3
        )
    }

    /// How many turns took up to 1 us, over that up to 2 us, and so on in powers of two; the last one holds
    /// the longest.
    pub fn buckets(&self) -> String {
        let mut buckets = Vec::new();
        let (mut bound_us, mut below) = (1_u64, 0);
        while below < self.ns.len() {
            let up_to = self.ns.count_between(0, bound_us * 1_000);
            buckets.push(format!("le_{bound_us}={}", up_to - below));
            (below, bound_us) = (up_to, bound_us * 2);
        }
        buckets.join(",")
    }
}

/// How late turns came, against the ticks that should have brought them. One per worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lateness {
    late: u64,
    worst: Duration,
}

impl Lateness {
    /// Takes a tick that was looked at so long after it was due.
    pub fn record(&mut self, by: Duration) {
        self.late += u64::from(by > LATE);
        self.worst = self.worst.max(by);
    }

    /// How many were late, and the worst, as a field of INFO shows them.
    pub fn summary(&self) -> String {
        format!("late_turns={},late_max_ms={:.1}", self.late, self.worst.as_secs_f64() * 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_us(durations: &[u64]) -> TurnTimes {
        let mut times = TurnTimes::default();
        durations.iter().for_each(|&us| times.record(Duration::from_micros(us)));
        times
    }

    #[test]
    fn quantiles_and_the_longest_turn_are_within_one_percent() {
        let mut times = of_us(&[10; 990]);
        times.add(&of_us(&[2_000; 10]));
        let summary = times.summary();
        assert!(summary.starts_with("turns=1000,busy_ms=29,p50_us=10."), "{summary}");
        let max: f64 = summary.rsplit('=').next().unwrap().parse().unwrap();
        assert!((2_000.0..2_020.0).contains(&max), "{summary}");
    }

    #[test]
    fn every_turn_is_in_one_bucket() {
        assert_eq!(
            of_us(&[0, 3, 3, 7, 900]).buckets(),
            "le_1=1,le_2=0,le_4=2,le_8=1,le_16=0,le_32=0,le_64=0,le_128=0,le_256=0,le_512=0,le_1024=1"
        );
        assert_eq!(TurnTimes::default().buckets(), "");
    }

    #[test]
    fn a_turn_is_late_when_more_than_a_second_has_passed() {
        let mut lateness = Lateness::default();
        for ms in [0, 1_000, 1_001, 2_500] {
            lateness.record(Duration::from_millis(ms));
        }
        assert_eq!(lateness.summary(), "late_turns=2,late_max_ms=2500.0");
    }

    #[test]
    fn a_turn_beyond_all_bounds_is_counted() {
        assert!(of_us(&[200_000_000]).summary().starts_with("turns=1,busy_ms=200000,"));
    }
}
