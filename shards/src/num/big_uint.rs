//! Unsigned integers of any size: only what exact conversion between decimal text and binary floating point
//! needs. It must not know any float format.

use std::cmp::Ordering;

/// The largest power of ten that fits a `u64`, and its exponent.
const TEN_POWER: u64 = 10u64.pow(TEN_POWER_DIGITS as u32);
const TEN_POWER_DIGITS: usize = 19;

/// The largest power of five that fits a `u64` is 5 to this.
pub(super) const FIVE_POWER_MAX: u32 = 27;

/// An unsigned integer: limbs from the least to the most significant one, which is never zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BigUint {
    limbs: Vec<u64>,
}

impl BigUint {
    /// The number that these decimal digits (values 0 to 9, not characters) spell. Time grows with the square
    /// of their number.
    pub(super) fn from_digits(digits: &[u8]) -> BigUint {
        let mut number = BigUint { limbs: Vec::with_capacity(digits.len() / TEN_POWER_DIGITS + 1) };
        for chunk in digits.chunks(TEN_POWER_DIGITS) {
            let value = chunk.iter().fold(0, |value, &digit| value * 10 + u64::from(digit));
            number.mul_add(10u64.pow(chunk.len() as u32), value);
        }
        number
    }

    /// 5 to the power of `exponent`.
    pub(super) fn five_to(exponent: u32) -> BigUint {
        let mut number = BigUint { limbs: vec![1] };
        number.mul_five_to(exponent);
        number
    }

    /// `significand` times 2 to the power of `shift`.
    pub(super) fn shifted(significand: u64, shift: usize) -> BigUint {
        let mut number = BigUint { limbs: Vec::with_capacity(shift / 64 + 2) };
        number.mul_add(0, significand);
        number.shl(shift);
        number
    }

    /// `self * 5^exponent`.
    pub(super) fn mul_five_to(&mut self, exponent: u32) {
        let mut left = exponent;
        while left > 0 {
            let power = left.min(FIVE_POWER_MAX);
            self.mul_add(5u64.pow(power), 0);
            left -= power;
        }
    }

    /// `self * factor + term`.
    fn mul_add(&mut self, factor: u64, term: u64) {
        let mut carry = u128::from(term);
        for limb in &mut self.limbs {
            carry += u128::from(*limb) * u128::from(factor);
            *limb = carry as u64;
            carry >>= 64;
        }
        if carry > 0 {
            self.limbs.push(carry as u64);
        }
        self.trim();
    }

    /// `self * 2^shift`.
    pub(super) fn shl(&mut self, shift: usize) {
        if self.limbs.is_empty() {
            return;
        }
        let bits = shift % 64;
        if bits > 0 {
            let mut carry = 0;
            for limb in &mut self.limbs {
                let moved_out = *limb >> (64 - bits);
                *limb = *limb << bits | carry;
                carry = moved_out;
            }
            if carry > 0 {
                self.limbs.push(carry);
            }
        }
        self.limbs.splice(0..0, std::iter::repeat_n(0, shift / 64));
    }

    /// `self - other`, which must not be larger.
    pub(super) fn sub(&mut self, other: &BigUint) {
        let mut borrow = false;
        for (index, limb) in self.limbs.iter_mut().enumerate() {
            let subtrahend = other.limbs.get(index).copied().unwrap_or(0);
            let (partial, borrowed) = limb.overflowing_sub(subtrahend);
            let (difference, borrowed_again) = partial.overflowing_sub(u64::from(borrow));
            *limb = difference;
            borrow = borrowed | borrowed_again;
        }
        debug_assert!(!borrow, "the subtrahend is larger");
        self.trim();
    }

    /// The number of bits up to the highest one set; 0 for zero.
    pub(super) fn bit_len(&self) -> usize {
        match self.limbs.last() {
            Some(top) => self.limbs.len() * 64 - top.leading_zeros() as usize,
            None => 0,
        }
    }

    /// True for zero.
    pub(super) fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    /// The 128 highest limb bits as `(top, shift, inexact)`: the number is `top * 2^shift`, plus something
    /// below `2^shift` when inexact. `top` has at least 65 bits unless the number itself has fewer.
    pub(super) fn top(&self) -> (u128, usize, bool) {
        let skipped = self.limbs.len().saturating_sub(2);
        let (low, high) = self.limbs.split_at(skipped);
        let top = high.iter().rev().fold(0, |top, &limb| top << 64 | u128::from(limb));
        (top, skipped * 64, low.iter().any(|&limb| limb != 0))
    }

    /// The decimal text. Time grows with the square of its length.
    pub(super) fn into_decimal(mut self) -> String {
        let mut chunks = Vec::with_capacity(self.limbs.len() + self.limbs.len() / 64 + 1);
        while !self.limbs.is_empty() {
            let mut remainder: u64 = 0;
            for limb in self.limbs.iter_mut().rev() {
                let dividend = u128::from(remainder) << 64 | u128::from(*limb);
                *limb = (dividend / u128::from(TEN_POWER)) as u64;
                remainder = (dividend % u128::from(TEN_POWER)) as u64;
            }
            self.trim();
            chunks.push(remainder);
        }
        let mut text = chunks.pop().unwrap_or(0).to_string();
        for chunk in chunks.iter().rev() {
            text.push_str(&format!("{chunk:0TEN_POWER_DIGITS$}"));
        }
        text
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }
}

impl PartialOrd for BigUint {
    fn partial_cmp(&self, other: &BigUint) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BigUint {
    fn cmp(&self, other: &BigUint) -> Ordering {
        let by_len = self.limbs.len().cmp(&other.limbs.len());
        by_len.then_with(|| self.limbs.iter().rev().cmp(other.limbs.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_back_as_text() {
        for text in ["1", "18446744073709551616", "10000000000000000000000000000000000000000000000001"] {
            let digits: Vec<u8> = text.bytes().map(|byte| byte - b'0').collect();
            assert_eq!(BigUint::from_digits(&digits).into_decimal(), text);
        }
        assert_eq!(BigUint::from_digits(&[0]).into_decimal(), "0");
    }

    #[test]
    fn powers_of_two_and_five_make_powers_of_ten() {
        let mut number = BigUint::five_to(100);
        number.shl(100);
        assert_eq!(number.into_decimal(), format!("1{}", "0".repeat(100)));
    }

    #[test]
    fn subtraction_borrows_across_limbs() {
        let mut number = BigUint::shifted(1, 192);
        number.sub(&BigUint::shifted(1, 0));
        assert_eq!(number.bit_len(), 192);
        assert!(number < BigUint::shifted(1, 192));
        assert!(number > BigUint::shifted(u64::MAX, 127));
        number.sub(&number.clone());
        assert!(number.is_zero());
    }

    #[test]
    fn the_top_tells_whether_bits_are_missing() {
        assert_eq!(BigUint::shifted(5, 128).top(), (5 << 64, 64, false));
        let mut number = BigUint::shifted(1, 192);
        number.sub(&BigUint::shifted(1, 0));
        assert_eq!(number.top(), (u128::MAX, 64, true));
    }
}
