//! What several rounds say together: the median and the two ends. Knows no server and no row.

/// Median, smallest and largest of some samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle sample, or the mean of the two middle ones.
    pub median: f64,
    /// The smallest sample.
    pub min: f64,
    /// The largest sample.
    pub max: f64,
}

impl Spread {
    /// The spread of `samples`; none when there are no samples or one of them is not a number.
    pub fn of(samples: &[f64]) -> Option<Spread> {
        if samples.is_empty() || samples.iter().any(|sample| !sample.is_finite()) {
            return None;
        }
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Some(Spread { median, min: sorted[0], max: sorted[sorted.len() - 1] })
    }

    /// The spread of `ours / theirs`, round by round: both were measured in the same round, so what disturbed
    /// the machine in that round disturbed both. None when the rounds do not pair up or a divisor is zero.
    pub fn of_ratios(ours: &[f64], theirs: &[f64]) -> Option<Spread> {
        if ours.len() != theirs.len() {
            return None;
        }
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
        Spread::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_of_samples_lies_between_the_middle_two() {
        let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(Spread::of(&[7.0, 9.0, 1.0]).unwrap().median, 7.0);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let spread = Spread::of_ratios(&[1.0, 20.0, 3.0], &[2.0, 40.0, 3.0]).unwrap();
        assert_eq!(spread, Spread { median: 0.5, min: 0.5, max: 1.0 });
    }

    #[test]
    fn nothing_is_said_without_samples_or_with_a_zero_divisor() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of_ratios(&[1.0], &[0.0]), None);
        assert_eq!(Spread::of_ratios(&[1.0, 2.0], &[1.0]), None);
    }
}
