//! What a worker has done a second lately: the average of some samples, as Redis makes its instantaneous
//! metrics. It must not know what is counted.

/// Samples that make an average. With one for each cron they cover the last 1.6 seconds.
const SAMPLES: usize = 16;
/// What is counted: commands, bytes received, bytes sent.
const COUNTERS: usize = 3;

/// The last samples of a worker.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    per_s: [[u64; COUNTERS]; SAMPLES],
    next: usize,
    last: [u64; COUNTERS],
    last_ms: u64,
}

impl Rates {
    /// Takes a sample: what was counted since the start, at this time.
    pub fn sample(&mut self, now_ms: u64, totals: [u64; COUNTERS]) {
        let elapsed_ms = now_ms.saturating_sub(self.last_ms);
        // The first one, and one behind a step of the clock, say nothing of a time.
        if self.last_ms > 0 && elapsed_ms > 0 {
            self.per_s[self.next] =
                std::array::from_fn(|at| totals[at].saturating_sub(self.last[at]) * 1000 / elapsed_ms);
            self.next = (self.next + 1) % SAMPLES;
        }
        (self.last, self.last_ms) = (totals, now_ms);
    }

    /// Commands, bytes received and bytes sent a second, on average.
    pub fn per_s(&self) -> [u64; COUNTERS] {
        std::array::from_fn(|at| self.per_s.iter().map(|sample| sample[at]).sum::<u64>() / SAMPLES as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_of_the_last_samples_is_told() {
        let mut rates = Rates::default();
        for tick in 0..=SAMPLES as u64 {
            rates.sample(1_000 + tick * 100, [tick * 10, tick * 1_000, 0]);
        }
        assert_eq!(rates.per_s(), [100, 10_000, 0]);
        for tick in 0..SAMPLES as u64 / 2 {
            rates.sample(3_000 + tick * 100, [160, 16_000, 0]);
        }
        assert_eq!(rates.per_s(), [50, 5_000, 0]);
    }

    #[test]
    fn the_first_sample_and_a_clock_that_stands_say_nothing() {
        let mut rates = Rates::default();
        rates.sample(5_000, [1_000_000; COUNTERS]);
        rates.sample(5_000, [2_000_000; COUNTERS]);
        rates.sample(4_000, [3_000_000; COUNTERS]);
        assert_eq!(rates.per_s(), [0; COUNTERS]);
    }
}
