//! What PFSELFTEST checks: that registers are kept apart, and that estimates are as good as they should be.

use std::fmt;

use super::{DENSE_BYTES, REGISTERS, Union, add, count, dense, empty, make_dense};

/// Rounds of the test of registers. Redis does 1000; a round takes a few dozen microseconds, and a shard must
/// not stand still for long.
const REGISTER_ROUNDS: usize = 10;
/// Elements of the test of estimates. Redis adds 10 million.
const ELEMENTS: u64 = 100_000;
/// The limit of the sparse value: Redis's own default.
const SPARSE_BYTES_MAX: usize = 3000;
/// An estimate may be wrong by this many standard errors: good for all but one seed in a billion for each of
/// the few estimates.
const STANDARD_ERRORS_MAX: f64 = 6.0;

/// What did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTestFailure {
    /// A register is not what was written.
    Register {
        /// Its number.
        register: usize,
        /// What was written.
        expected: u8,
        /// What was read.
        found: u8,
    },
    /// The sparse and the dense form of the same elements have different estimates.
    Disagreement {
        /// How many elements were added.
        elements: u64,
    },
    /// An estimate is too far from the truth.
    Estimate {
        /// How many elements were added.
        elements: u64,
        /// Their estimated number.
        estimate: i64,
    },
}

impl fmt::Display for SelfTestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register { register, expected, found } => {
                write!(f, "TESTFAILED Register {register} should be {expected} but is {found}")
            }
            Self::Disagreement { elements } => {
                write!(f, "TESTFAILED dense/sparse disagree. card:{elements}")
            }
            Self::Estimate { elements, estimate } => {
                write!(f, "TESTFAILED Too big error. card:{elements} estimate:{estimate}")
            }
        }
    }
}

/// Tests everything with random registers and elements, which `seed` decides. Takes some milliseconds.
pub fn self_test(seed: u64) -> Result<(), SelfTestFailure> {
    test_registers(seed)?;
    test_estimates(seed)
}

/// SplitMix64 (Steele, Lea, Flood 2014): the `index`-th of a sequence of numbers that differ.
fn random(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn test_registers(seed: u64) -> Result<(), SelfTestFailure> {
    let mut value = [0; dense::LEAD_BYTES + dense::REGISTERS_BYTES];
    let mut expected = [0; REGISTERS];
    for index in 0..(REGISTER_ROUNDS * REGISTERS) as u64 {
        let number = random(seed, index);
        let (register, rank) = (number as usize % REGISTERS, (number >> 32) as u8 % 64);
        let packed = value.last_chunk_mut().expect("registers are behind the lead");
        dense::raise(packed, register, rank);
        expected[register] = rank.max(expected[register]);
        if index % REGISTERS as u64 == 0 {
            let mut found = [0; REGISTERS];
            dense::merge(&value, &mut found);
            if let Some(register) = (0..REGISTERS).find(|&register| found[register] != expected[register]) {
                let (expected, found) = (expected[register], found[register]);
                return Err(SelfTestFailure::Register { register, expected, found });
            }
        }
    }
    Ok(())
}

fn test_estimates(seed: u64) -> Result<(), SelfTestFailure> {
    let standard_error = 1.04 / (REGISTERS as f64).sqrt();
    let mut sparse = empty();
    let mut dense = empty();
    make_dense(&mut dense).expect("an empty HyperLogLog is whole");
    let mut checkpoint = 1;
    for elements in 1..=ELEMENTS {
        let element = random(seed, elements).to_le_bytes();
        for value in [&mut sparse, &mut dense] {
            add(value, [&element[..]], SPARSE_BYTES_MAX).expect("own values are whole");
        }
        if elements == checkpoint {
            checkpoint *= 10;
            let estimate = count(&dense).expect("own values are whole");
            let mut union = Union::default();
            union.merge(&sparse).expect("own values are whole");
            if count(&sparse) != Ok(estimate) || union.count() != estimate {
                return Err(SelfTestFailure::Disagreement { elements });
            }
            // Small numbers can be off by one, when two elements have the same register.
            let error_max = (STANDARD_ERRORS_MAX * standard_error * elements as f64).max(2.0);
            if (estimate - elements as i64).abs() as f64 > error_max {
                return Err(SelfTestFailure::Estimate { elements, estimate });
            }
        }
    }
    debug_assert_eq!(sparse.len(), DENSE_BYTES);
    Ok(())
}
