//! The number type of INCRBYFLOAT and HINCRBYFLOAT: the 80-bit extended double of x87, which is C's `long
//! double` where Redis runs. Software arithmetic, so that results are the same digits on every machine.
//!
//! Each operation is exact and then rounded once, to the nearest value, ties to the even one (IEEE 754). This
//! file must not know any command.

use super::big_uint::{BigUint, FIVE_POWER_MAX};
use super::float::{parse_exponent, parse_hex, spells_infinity, split_sign};
use super::rounding::shift_right_rounding;

/// Longest text that Redis looks at, in bytes (Redis: MAX_LONG_DOUBLE_CHARS without the closing NUL).
const TEXT_LEN_MAX: usize = 5 * 1024 - 1;

/// Bits of a significand.
const SIGNIFICAND_BITS: i64 = 64;

/// The smallest positive value is 2 to this.
const EXPONENT_MIN: i64 = -16445;

/// The exponent of the values with the largest magnitude, counted from the lowest bit of the significand.
const EXPONENT_MAX: i64 = 16320;

/// Numbers of more decimal digits than this before the point overflow.
const WHOLE_DIGITS_MAX: i64 = 4933;

/// Numbers below 0.1 with more zeros than this after the point are rounded to zero.
const LEADING_ZEROS_MAX: i64 = 4950;

/// Digits after the point that Redis prints before it trims zeros (`%.17Lf`).
const FRACTION_DIGITS: usize = 17;
const FRACTION_SCALE: u128 = 10u128.pow(FRACTION_DIGITS as u32);

/// A number of x87's extended precision. Finite numbers are kept in one form only: the significand's highest
/// bit is set unless the exponent is the smallest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    magnitude: Magnitude,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magnitude {
    /// `significand * 2^exponent`.
    Finite {
        significand: u64,
        exponent: i32,
    },
    Infinite,
    NotANumber,
}

impl LongDouble {
    /// Reads a number as Redis does (string2ld, C's `strtold`): decimal or hexadecimal, `inf` and `infinity`
    /// in any case. The whole text must be the number, without blanks, and shorter than 5120 bytes. NaN is
    /// refused, and so is what overflows or, without being zero, underflows to zero.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let (negative, body) = split_sign(text);
        if spells_infinity(text) {
            return Some(LongDouble { negative, magnitude: Magnitude::Infinite });
        }
        let (rounded, is_zero) = match body {
            [b'0', b'x' | b'X', ..] => {
                let hex = parse_hex(body)?;
                let rounded = LongDouble::rounded(negative, hex.significand, hex.exponent, hex.inexact);
                (rounded, hex.significand == 0)
            }
            _ => {
                let decimal = Decimal::parse(body)?;
                (decimal.rounded(negative), decimal.digits.is_empty())
            }
        };
        (rounded.is_finite() && rounded.is_zero() == is_zero).then_some(rounded)
    }

    /// The sum. NaN when infinities of opposite sign meet.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "an operator sign would hide that this is software arithmetic"
    )]
    pub fn add(self, other: LongDouble) -> LongDouble {
        match (self.magnitude, other.magnitude) {
            (Magnitude::Finite { .. }, Magnitude::Finite { .. }) => self.add_finite(other),
            (Magnitude::Finite { .. }, _) => other,
            (_, Magnitude::Finite { .. }) => self,
            (Magnitude::Infinite, Magnitude::Infinite) if self.negative == other.negative => self,
            _ => LongDouble { negative: false, magnitude: Magnitude::NotANumber },
        }
    }

    /// The least integer that is not below the product with `factor`, of which the product is rounded as
    /// every operation. What lies outside of 64 bits, infinities included, is the nearest integer inside; NaN
    /// is 0.
    #[must_use]
    pub fn times_ceil(self, factor: u32) -> i64 {
        let (significand, exponent) = match self.magnitude {
            Magnitude::Finite { significand, exponent } => (significand, exponent),
            Magnitude::Infinite => return if self.negative { i64::MIN } else { i64::MAX },
            Magnitude::NotANumber => return 0,
        };
        let product = u128::from(significand) * u128::from(factor);
        let product = LongDouble::rounded(self.negative, product, i64::from(exponent), false);
        let Some((significand, exponent)) = product.parts() else {
            return if self.negative { i64::MIN } else { i64::MAX };
        };
        let whole = match u32::try_from(exponent) {
            // A significand of a positive exponent has all 64 bits.
            Ok(1..) => u128::MAX,
            Ok(0) => u128::from(significand),
            Err(_) => {
                let cut = exponent.unsigned_abs();
                let whole = u128::from(significand).checked_shr(cut).unwrap_or(0);
                let is_whole = significand == 0 || significand.trailing_zeros() >= cut;
                whole + u128::from(!is_whole && !self.negative)
            }
        };
        let whole = i64::try_from(whole).unwrap_or(i64::MAX);
        match (self.negative, whole) {
            (true, i64::MAX) => i64::MIN,
            (true, whole) => -whole,
            (false, whole) => whole,
        }
    }

    /// Neither infinite nor NaN.
    pub fn is_finite(self) -> bool {
        matches!(self.magnitude, Magnitude::Finite { .. })
    }

    /// The text that Redis stores and replies: `%.17Lf` without trailing zeros, and `0` for what would be
    /// `-0` (Redis: ld2string with LD_STR_HUMAN). At most 4951 bytes.
    pub fn to_human(self) -> String {
        let (significand, exponent) = match self.magnitude {
            Magnitude::Finite { significand, exponent } => (significand, exponent),
            Magnitude::Infinite => return if self.negative { "-inf" } else { "inf" }.to_owned(),
            Magnitude::NotANumber => return "nan".to_owned(),
        };
        let sign = if self.negative { "-" } else { "" };
        if exponent > 0 {
            return format!("{sign}{}", BigUint::shifted(significand, exponent as usize).into_decimal());
        }
        let fraction_bits = exponent.unsigned_abs();
        let whole = significand.checked_shr(fraction_bits).unwrap_or(0);
        let below_one = match 1u64.checked_shl(fraction_bits) {
            Some(one) => significand & (one - 1),
            None => significand,
        };
        // At most 64 + 57 bits.
        let scaled = shift_right_rounding(u128::from(below_one) * FRACTION_SCALE, fraction_bits, false);
        let (whole, fraction) =
            if scaled == FRACTION_SCALE { (whole + 1, 0) } else { (whole, scaled as u64) };
        match (whole, fraction) {
            (0, 0) => "0".to_owned(),
            (_, 0) => format!("{sign}{whole}"),
            _ => {
                let digits = format!("{fraction:0FRACTION_DIGITS$}");
                format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
            }
        }
    }

    fn is_zero(self) -> bool {
        matches!(self.magnitude, Magnitude::Finite { significand: 0, .. })
    }

    /// Both must be finite.
    fn add_finite(self, other: LongDouble) -> LongDouble {
        let (Some((a, a_exponent)), Some((b, b_exponent))) = (self.parts(), other.parts()) else {
            unreachable!("the caller has looked: both are finite");
        };
        if a_exponent < b_exponent {
            return other.add_finite(self);
        }
        // A gap below 64 leaves room for all bits of both, and one more for the carry. With a larger one, `a`
        // has its highest bit set, so what is left of `b` is far below the last bit that is kept and only
        // tells which way to round: a lowest bit of 1 stands for all that was cut off.
        let gap = (a_exponent - b_exponent) as u32;
        let room = gap.min(SIGNIFICAND_BITS as u32 - 1);
        let a = u128::from(a) << room;
        let cut = gap - room;
        let b_kept = u128::from(b).checked_shr(cut).unwrap_or(0);
        let b_cut = cut > 0 && b != 0 && u128::from(b).trailing_zeros() < cut;
        let b = b_kept | u128::from(b_cut);
        let exponent = i64::from(a_exponent) - i64::from(room);
        if self.negative == other.negative {
            return LongDouble::rounded(self.negative, a + b, exponent, false);
        }
        let negative = if a >= b { self.negative } else { other.negative };
        LongDouble::rounded(negative && a != b, a.abs_diff(b), exponent, false)
    }

    fn parts(self) -> Option<(u64, i32)> {
        match self.magnitude {
            Magnitude::Finite { significand, exponent } => Some((significand, exponent)),
            _ => None,
        }
    }

    /// The value nearest to `significand * 2^exponent`, to which something below `2^exponent` is missing when
    /// inexact. An inexact significand must have more than 64 bits.
    fn rounded(negative: bool, significand: u128, exponent: i64, inexact: bool) -> LongDouble {
        let zero = Magnitude::Finite { significand: 0, exponent: EXPONENT_MIN as i32 };
        if significand == 0 {
            return LongDouble { negative, magnitude: zero };
        }
        let width = 128 - i64::from(significand.leading_zeros());
        debug_assert!(!inexact || width > SIGNIFICAND_BITS);
        let dropped = (width - SIGNIFICAND_BITS).max(EXPONENT_MIN.saturating_sub(exponent));
        let mut exponent = exponent.saturating_add(dropped);
        let kept = match u32::try_from(dropped) {
            Ok(dropped) => shift_right_rounding(significand, dropped, inexact),
            Err(_) if dropped < 0 => significand << -dropped,
            Err(_) => 0,
        };
        let kept = match u64::try_from(kept) {
            Ok(kept) => kept,
            Err(_) => {
                exponent += 1;
                1 << (SIGNIFICAND_BITS - 1)
            }
        };
        let magnitude = match kept {
            0 => zero,
            _ if exponent > EXPONENT_MAX => Magnitude::Infinite,
            _ => Magnitude::Finite { significand: kept, exponent: exponent as i32 },
        };
        LongDouble { negative, magnitude }
    }
}

impl From<i64> for LongDouble {
    /// Exact: every 64-bit integer is a long double.
    fn from(value: i64) -> LongDouble {
        LongDouble::rounded(value < 0, u128::from(value.unsigned_abs()), 0, false)
    }
}

/// The magnitude of a decimal number: `digits * 10^exponent`.
struct Decimal {
    /// Values 0 to 9 without zeros at either end; empty for zero.
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Reads digits with at most one point, and optionally `e` and an exponent.
    fn parse(text: &[u8]) -> Option<Decimal> {
        let mantissa_len = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
        let (mantissa, rest) = text.split_at(mantissa_len);
        let mut exponent = match rest {
            [_, exponent @ ..] => parse_exponent(exponent)?,
            [] => 0,
        };
        let mut digits = Vec::with_capacity(mantissa.len());
        let mut point_seen = false;
        let mut any_digit = false;
        for &byte in mantissa {
            match byte {
                b'0'..=b'9' => {
                    any_digit = true;
                    exponent -= i64::from(point_seen);
                    if byte != b'0' || !digits.is_empty() {
                        digits.push(byte - b'0');
                    }
                }
                b'.' if !point_seen => point_seen = true,
                _ => return None,
            }
        }
        if !any_digit {
            return None;
        }
        while digits.last() == Some(&0) {
            digits.pop();
            exponent += 1;
        }
        Some(Decimal { digits, exponent })
    }

    fn rounded(&self, negative: bool) -> LongDouble {
        let zero = LongDouble::rounded(negative, 0, 0, false);
        // The value lies in 10^(whole_digits - 1) .. 10^whole_digits.
        let whole_digits = self.digits.len() as i64 + self.exponent;
        if self.digits.is_empty() || whole_digits < -LEADING_ZEROS_MAX {
            return zero;
        }
        if whole_digits > WHOLE_DIGITS_MAX {
            return LongDouble { negative, magnitude: Magnitude::Infinite };
        }
        let power = self.exponent.unsigned_abs() as u32;
        if self.digits.len() <= 19 && power <= FIVE_POWER_MAX {
            let digits = self.digits.iter().fold(0, |value, &digit| value * 10 + u128::from(digit));
            let five = 5u128.pow(power);
            if self.exponent >= 0 {
                return LongDouble::rounded(negative, digits * five, self.exponent, false);
            }
            // The dividend has its highest bit set and the divisor less than 64 bits: a quotient of at
            // least 65.
            let shift = digits.leading_zeros();
            let dividend = digits << shift;
            let exponent = self.exponent - i64::from(shift);
            let quotient = dividend / five;
            return LongDouble::rounded(negative, quotient, exponent, quotient * five != dividend);
        }
        let mut digits = BigUint::from_digits(&self.digits);
        if self.exponent >= 0 {
            digits.mul_five_to(power);
            let (top, shift, inexact) = digits.top();
            return LongDouble::rounded(negative, top, self.exponent + shift as i64, inexact);
        }
        let (quotient, exponent, inexact) = divide(digits, BigUint::five_to(power));
        LongDouble::rounded(negative, quotient, self.exponent + exponent, inexact)
    }
}

/// The quotient of two positive numbers as `(quotient, exponent, inexact)`: it is `quotient * 2^exponent`,
/// plus something below `2^exponent` when inexact. The quotient has at least 66 bits.
fn divide(mut dividend: BigUint, mut divisor: BigUint) -> (u128, i64, bool) {
    const QUOTIENT_BITS: i64 = 67;
    let shift = divisor.bit_len() as i64 - dividend.bit_len() as i64;
    if shift >= 0 {
        dividend.shl(shift as usize);
    } else {
        divisor.shl(shift.unsigned_abs() as usize);
    }
    let mut quotient = 0;
    for _ in 0..QUOTIENT_BITS {
        quotient <<= 1;
        if dividend >= divisor {
            dividend.sub(&divisor);
            quotient |= 1;
        }
        dividend.shl(1);
    }
    (quotient, -shift - (QUOTIENT_BITS - 1), !dividend.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn human(text: &str) -> String {
        LongDouble::parse(text.as_bytes()).map_or_else(|| "refused".to_owned(), LongDouble::to_human)
    }

    fn sum(a: &str, b: &str) -> String {
        let parse = |text: &str| LongDouble::parse(text.as_bytes()).unwrap();
        let sum = parse(a).add(parse(b));
        assert_eq!(sum, parse(b).add(parse(a)), "{a} + {b}");
        sum.to_human()
    }

    #[test]
    fn sums_of_everyday_numbers_look_as_typed() {
        assert_eq!(sum("10.50", "0.1"), "10.6");
        assert_eq!(sum("5.0e3", "200"), "5200");
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("100.01", "0.02"), "100.03");
        assert_eq!(sum("1.1", "-1.1"), "0");
        assert_eq!(sum("3", "1.000000000000000005"), "4.00000000000000001");
        assert_eq!(sum("17179869184", "1.5"), "17179869185.5");
    }

    // The expected digits of the tests below come from glibc on x86-64: strtold, +, "%.17Lf".

    #[test]
    fn sums_are_rounded_once_to_64_bits() {
        for (a, b, expected) in [
            ("9223372036854775807", "0.1", "9223372036854775807"),
            ("18446744073709551615", "1", "18446744073709551616"),
            ("18446744073709551616", "1", "18446744073709551616"),
            ("0x1p64", "0x1.8p0", "18446744073709551618"),
            ("0x1.0000000000000002p64", "0x1p0", "18446744073709551620"),
            ("0x1p64", "-0x1p-1", "18446744073709551616"),
            ("0x1p64", "-0x1.8p-1", "18446744073709551615"),
            ("0x1p127", "-0x1.0000000000000002p63", "170141183460469231722463931679029329920"),
            ("1e20", "0.3", "100000000000000000000"),
            ("123456789.123456789", "0.000000001", "123456789.12345678999554366"),
            ("3.14159265358979323846", "2.71828182845904523536", "5.85987448204883847"),
            ("1e30", "-1e30", "0"),
            ("1", "1e-4950", "1"),
        ] {
            assert_eq!(sum(a, b), expected, "{a} + {b}");
        }
    }

    #[test]
    fn what_is_far_below_the_last_bit_only_breaks_ties() {
        let tie = LongDouble::parse(b"0x1p64").unwrap();
        for (tiny, expected) in [("0x1p0", "0x1p64"), ("0x1.0000000000000002p0", "0x1.0000000000000002p64")] {
            assert_eq!(
                tie.add(LongDouble::parse(tiny.as_bytes()).unwrap()),
                LongDouble::parse(expected.as_bytes()).unwrap()
            );
        }
        let one = LongDouble::from(1);
        let tiny = LongDouble::parse(b"1e-4950").unwrap();
        let minus_tiny = LongDouble::parse(b"-1e-4950").unwrap();
        assert_eq!(one.add(tiny), one);
        assert_eq!(one.add(minus_tiny), one);
        assert_ne!(tiny.add(tiny), tiny);
        assert_eq!(tiny.add(minus_tiny), LongDouble::from(0));
    }

    #[test]
    fn products_are_rounded_up_to_integers_and_stay_within_64_bits() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("1", 1000),
            ("-1", -1000),
            ("0.05", 50),
            ("0.001", 1),
            ("0.1", 100),
            ("1.5", 1500),
            ("0.0005", 1),
            ("0.0011", 2),
            ("-0.0005", 0),
            ("-0.0011", -1),
            ("1e-400", 1),
            ("-1e-400", 0),
            ("3.6e-4951", 1),
            ("0x1p-1075", 1),
            ("9223372036854775.807", i64::MAX),
            ("9223372036854775.806", 9223372036854775806),
            ("9223372036854775.808", i64::MAX),
            ("1e4932", i64::MAX),
            ("-1e4932", i64::MIN),
            ("inf", i64::MAX),
            ("-inf", i64::MIN),
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()).unwrap().times_ceil(1000), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_to_the_nearest_value() {
        for (text, expected) in [
            ("36893488147419103233", "36893488147419103232"),
            ("36893488147419103235", "36893488147419103236"),
            ("36893488147419103234", "36893488147419103232"),
            ("36893488147419103238", "36893488147419103240"),
            ("36893488147419103234.0000000000000000000000000000001", "36893488147419103236"),
            ("36893488147419103233.9999999999999999999999999999999", "36893488147419103232"),
            ("1e30", "1000000000000000000024696061952"),
            ("123456789.123456789", "123456789.12345678899873747"),
            ("1.999999999999999999", "2"),
            ("0x.8", "0.5"),
            ("-0X1P+4", "-16"),
            ("0x1.00000000000000010p64", "18446744073709551616"),
            ("0x1.00000000000000011p64", "18446744073709551618"),
            ("0x1.000000000000000100000000000000000000000001p64", "18446744073709551618"),
            ("+.5", "0.5"),
            ("5.", "5"),
            ("0003", "3"),
            ("0e99999999999999999999", "0"),
            ("inf", "inf"),
            ("-InFiNiTy", "-inf"),
        ] {
            assert_eq!(human(text), expected, "{text}");
        }
        assert_eq!(human(&format!("1{}e-4000", "0".repeat(4000))), "1");
        assert_eq!(human(&format!("0.{}1e4001", "0".repeat(4000))), "1");
    }

    #[test]
    fn a_quotient_just_above_a_tie_is_rounded_up() {
        // Short and long digits take different ways to the same rule.
        let above_tie = LongDouble::parse(b"0xedaf3a935ad0bd6dp-152").unwrap();
        assert_eq!(LongDouble::parse(b"3e-27"), Some(above_tie));
        let long = format!("3.{}1e-27", "0".repeat(100));
        assert_eq!(LongDouble::parse(long.as_bytes()), Some(above_tie));
    }

    #[test]
    fn printing_rounds_half_to_even_and_trims_zeros() {
        for (text, expected) in [
            ("0x1p-18", "0.00000381469726562"),
            ("0x3p-18", "0.00001144409179688"),
            ("0.00000000000000001", "0.00000000000000001"),
            ("0.000000000000000004", "0"),
            ("-0.000000000000000004", "0"),
            ("-0", "0"),
            ("0.999999999999999999", "1"),
            ("-0.999999999999999999", "-1"),
            ("1e-4950", "0"),
            ("-100", "-100"),
        ] {
            assert_eq!(human(text), expected, "{text}");
        }
        assert_eq!(human("1e4932").len(), 4933);
        assert!(human("-1e4932").starts_with("-10000000000000000000060189493879638913238377"));
    }

    #[test]
    fn what_is_not_wholly_a_number_is_refused() {
        for text in [
            "",
            " ",
            " 1",
            "1 ",
            "\n1",
            "+",
            "-",
            "--1",
            "+-1",
            ".",
            "1e",
            "1e+",
            "1e5.0",
            "1e5e5",
            "e5",
            ".e1",
            "1.2.3",
            "1_0",
            "1,5",
            "1\0",
            "0x",
            "0x.",
            "0x.p1",
            "0x1p",
            "0x1p-",
            "0x1g",
            "1p3",
            "nan",
            "NaN",
            "-nan",
            "nan(1)",
            "infi",
            "infinityy",
        ] {
            assert_eq!(human(text), "refused", "{text:?}");
        }
        assert_eq!(human(&"1".repeat(TEXT_LEN_MAX + 1)), "refused");
        assert_eq!(human(&format!("{}1", "0".repeat(TEXT_LEN_MAX - 1))), "1");
        assert_eq!(human(&format!("{}1", "0".repeat(TEXT_LEN_MAX))), "refused");
    }

    #[test]
    fn overflow_and_underflow_to_zero_are_refused() {
        for text in [
            "1e4933",
            "-1e4933",
            "1.2e4932",
            "1e99999999999999999999",
            "1e-4951",
            "1.8e-4951",
            "1e-99999999999999999999",
            "0x1p16384",
            "0x1.ffffffffffffffffp16383",
            "0x1p-16446",
            "0x1p99999999999999999999",
            "0x1p-99999999999999999999",
        ] {
            assert_eq!(human(text), "refused", "{text}");
        }
        for text in ["1.1e4932", "0x1.fffffffffffffffep16383", "1.9e-4951", "0x1p-16445", "0x1.8p-16446"] {
            assert!(LongDouble::parse(text.as_bytes()).is_some_and(|value| !value.is_zero()), "{text}");
        }
    }

    #[test]
    fn a_sum_beyond_the_range_is_not_finite() {
        let parse = |text: &str| LongDouble::parse(text.as_bytes()).unwrap();
        assert!(!parse("1.1e4932").add(parse("1.1e4932")).is_finite());
        assert!(!parse("inf").add(parse("5")).is_finite());
        assert!(!parse("5").add(parse("-inf")).is_finite());
        assert!(!parse("inf").add(parse("inf")).is_finite());
        assert_eq!(parse("inf").add(parse("-inf")).to_human(), "nan");
        assert!(parse("1.1e4932").add(parse("-1.1e4932")).is_finite());
    }

    #[test]
    fn every_integer_is_exact() {
        for value in [0, 1, -1, i64::MAX, i64::MIN, 1 << 53, (1 << 53) + 1] {
            assert_eq!(LongDouble::from(value).to_human(), value.to_string());
            assert_eq!(LongDouble::parse(value.to_string().as_bytes()), Some(LongDouble::from(value)));
        }
    }
}
