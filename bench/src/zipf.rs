//! Which key a cache is asked for: rank r with a probability proportional to 1 / r^exponent (Zipf's law). It
//! must not know what a key is.

use crate::random::SplitMix;

/// The cumulated probabilities of all ranks.
#[derive(Clone, Debug)]
pub struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    /// Ranks from 0 to `count` - 1.
    pub fn new(count: usize, exponent: f64) -> Zipf {
        let mut sum = 0.0;
        let weights = (1..=count).map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        });
        let mut cumulated: Vec<f64> = weights.collect();
        cumulated.iter_mut().for_each(|weight| *weight /= sum);
        Zipf { cumulated }
    }

    /// A rank.
    pub fn draw(&self, random: &mut SplitMix) -> u64 {
        let unit = random.next_unit();
        self.cumulated.partition_point(|cumulated| *cumulated <= unit).min(self.cumulated.len() - 1) as u64
    }

    /// The hit rate of a cache that holds the `held` most wanted keys and no others: no cache does better in
    /// the long run.
    pub fn best_hit_rate(&self, held: usize) -> f64 {
        match held {
            0 => 0.0,
            _ => self.cumulated[held.min(self.cumulated.len()) - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_come_as_often_as_the_law_says() {
        let (zipf, mut random) = (Zipf::new(4, 1.0), SplitMix(1));
        let mut counts = [0_u32; 4];
        (0..25_000).for_each(|_| counts[zipf.draw(&mut random) as usize] += 1);
        // 12 : 6 : 4 : 3.
        for (count, expected) in counts.iter().zip([12_000, 6_000, 4_000, 3_000]) {
            assert!(count.abs_diff(expected) < 400, "{counts:?}");
        }
        assert!((zipf.best_hit_rate(2) - 18.0 / 25.0).abs() < 1e-9);
        assert_eq!((zipf.best_hit_rate(0), zipf.best_hit_rate(9)), (0.0, 1.0));
    }
}
