//! From the distribution of the registers to the number of elements: the improved estimator of Otmar Ertl,
//! "New cardinality estimation algorithms for HyperLogLog sketches" (2017), section 2. The order of the
//! floating-point operations is Redis's (hllCount), so that the estimates are the very same.

use super::hash::{RANK_MAX, REGISTERS};

/// How many registers have each value. Foreign dense registers may have values above [`RANK_MAX`], which are
/// not counted, as in Redis.
pub(super) type Histogram = [u32; 64];

/// 1 / (2 ln 2).
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The first number that is no `i64`.
const I64_END: f64 = 9_223_372_036_854_775_808.0;

/// The estimated number of elements. [`i64::MIN`] when it is no `i64`, which is what the conversion of the
/// x86-64 gives Redis (llroundl).
pub(super) fn count(histogram: &Histogram) -> i64 {
    let m = REGISTERS as f64;
    let rank_max = usize::from(RANK_MAX);

    let mut z = m * tau((m - f64::from(histogram[rank_max])) / m);
    for &registers in histogram[1..rank_max].iter().rev() {
        z += f64::from(registers);
        z *= 0.5;
    }
    z += m * sigma(f64::from(histogram[0]) / m);
    let estimate = (ALPHA * m * m / z).round();
    if estimate < I64_END { estimate as i64 } else { i64::MIN }
}

/// The share of registers that are still zero, in the sum. At most some 20 rounds: `x` is squared each time
/// and is below 1 by at least one register's share.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let mut y = 1.0;
    let mut z = x;
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// The share of registers that have the highest rank, in the sum. At most some 60 rounds: the summand shrinks
/// eightfold as `x` nears 1.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let mut y = 1.0;
    let mut z = 1.0 - x;
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
