//! 64-bit doubles to and from text. It must not know what the number is for.

use super::int::format_i64;
use super::rounding::shift_right_rounding;

/// Decimal digits that Redis 7.0 prints of a double (`%.17g`): enough to read the same double back.
const PRINTED_DIGITS: usize = 17;

/// Integers of at most this magnitude have at most [`PRINTED_DIGITS`] digits and are exact in a double.
const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Bits of a double's significand, and the exponent of its smallest positive value, which is 2 to this.
const SIGNIFICAND_BITS: i64 = 53;
const EXPONENT_MIN: i64 = -1074;

/// A double as Redis reads a score (Redis: getDoubleFromObject, C's `strtod`): decimal or hexadecimal
/// (`0x1.8p3`), `inf` and `infinity` in any case. The whole text must be the number: no blanks. NaN is
/// refused, and so is what overflows or, without being zero, underflows to zero.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let Ok(value) = text.parse::<f64>() else { return parse_hex_f64(text.as_bytes()) };
    if value.is_nan() {
        None
    } else if value.is_infinite() {
        spells_infinity(text.as_bytes()).then_some(value)
    } else if value == 0.0 {
        is_decimal_zero(text.as_bytes()).then_some(value)
    } else {
        Some(value)
    }
}

/// As [`parse_f64`], but what overflows is an infinity and what underflows is zero (C's `strtod` without a
/// look at its errors).
pub fn parse_f64_of_any_range(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    match text.parse::<f64>() {
        Ok(value) => (!value.is_nan()).then_some(value),
        Err(_) => {
            let (negative, hex) = parse_signed_hex(text.as_bytes())?;
            let magnitude = round_to_f64(&hex);
            Some(if negative { -magnitude } else { magnitude })
        }
    }
}

/// As [`parse_f64`], but what lies so near to zero that it loses digits is refused (C's `strtod` with a look
/// at `errno`, whatever its result). Only hexadecimal numbers that people write can be exact there.
pub fn parse_f64_unless_inexact(text: &[u8]) -> Option<f64> {
    let is_exact = || {
        let (_, hex) = parse_signed_hex(text)?;
        let last_bit = hex.exponent.saturating_add(i64::from(hex.significand.trailing_zeros()));
        (!hex.inexact && last_bit >= EXPONENT_MIN).then_some(())
    };
    parse_f64(text).filter(|value| !value.is_subnormal() || is_exact().is_some())
}

/// A double as Redis 7.0 replies with it: `%.17g`, with `inf`, `-inf` and `nan` (Redis: addReplyDouble).
pub fn format_double(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value.abs() <= EXACT_INTEGER_MAX
        && value == value.trunc()
        && !(value == 0.0 && value.is_sign_negative())
    {
        return format_i64(value as i64);
    }
    // The digits are exact and rounded half to even, as in C.
    let scientific = format!("{:.*e}", PRINTED_DIGITS - 1, value.abs());
    let (mantissa, exponent) = scientific.split_once('e').expect("`{:e}` of a finite number has an exponent");
    let exponent: i32 = exponent.parse().expect("`{:e}` prints an integer as exponent");
    let digits: String = mantissa.chars().filter(|&c| c != '.').collect();
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if (-4..PRINTED_DIGITS as i32).contains(&exponent) {
        return format!("{sign}{}", positional(digits, exponent));
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.abs())
}

/// `d.ddd * 10^exponent` without an exponent. `digits` has no trailing zeros.
fn positional(digits: &str, exponent: i32) -> String {
    if exponent < 0 {
        return format!("0.{}{digits}", "0".repeat(exponent.unsigned_abs() as usize - 1));
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        format!("{digits}{}", "0".repeat(whole - digits.len()))
    } else {
        format!("{}.{}", &digits[..whole], &digits[whole..])
    }
}

/// Splits off one sign; true for minus.
pub(super) fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    }
}

/// True for `inf` and `infinity` in any case, with or without a sign.
pub(super) fn spells_infinity(text: &[u8]) -> bool {
    let (_, name) = split_sign(text);
    name.eq_ignore_ascii_case(b"inf") || name.eq_ignore_ascii_case(b"infinity")
}

/// True when a decimal number has no digit but 0 before its exponent.
fn is_decimal_zero(text: &[u8]) -> bool {
    text.iter().take_while(|byte| !matches!(byte, b'e' | b'E')).all(|byte| !matches!(byte, b'1'..=b'9'))
}

/// The magnitude of a hexadecimal number: `significand * 2^exponent`, plus something below `2^exponent` when
/// inexact. An inexact significand has more than 120 bits.
pub(super) struct Hex {
    pub(super) significand: u128,
    pub(super) exponent: i64,
    pub(super) inexact: bool,
}

/// Reads a hexadecimal number after its sign: `0x`, digits with at most one point, and optionally `p` and a
/// decimal exponent of two.
pub(super) fn parse_hex(text: &[u8]) -> Option<Hex> {
    let [b'0', b'x' | b'X', body @ ..] = text else { return None };
    let mut hex = Hex { significand: 0, exponent: 0, inexact: false };
    let mut digits = 0;
    let mut point_seen = false;
    let mut rest = body;
    while let [byte, after @ ..] = rest {
        match (*byte as char).to_digit(16) {
            Some(digit) => {
                digits += 1;
                if hex.significand >> 124 == 0 {
                    hex.significand = hex.significand << 4 | u128::from(digit);
                    hex.exponent -= if point_seen { 4 } else { 0 };
                } else {
                    hex.inexact |= digit != 0;
                    hex.exponent += if point_seen { 0 } else { 4 };
                }
            }
            None if *byte == b'.' && !point_seen => point_seen = true,
            None => break,
        }
        rest = after;
    }
    if digits == 0 {
        return None;
    }
    match rest {
        [] => {}
        [b'p' | b'P', exponent @ ..] => hex.exponent = hex.exponent.saturating_add(parse_exponent(exponent)?),
        _ => return None,
    }
    Some(hex)
}

/// The decimal digits of an exponent after its letter, with an optional sign; saturates far outside of what
/// any float format and any text length can bring back into range.
pub(super) fn parse_exponent(text: &[u8]) -> Option<i64> {
    const SATURATED: i64 = 1 << 60;
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = digits.iter().fold(0i64, |value, &byte| {
        value.saturating_mul(10).saturating_add(i64::from(byte - b'0')).min(SATURATED)
    });
    Some(if negative { -magnitude } else { magnitude })
}

fn parse_hex_f64(text: &[u8]) -> Option<f64> {
    let (negative, hex) = parse_signed_hex(text)?;
    let magnitude = round_to_f64(&hex);
    let is_in_range = magnitude.is_finite() && (magnitude == 0.0) == (hex.significand == 0);
    is_in_range.then_some(if negative { -magnitude } else { magnitude })
}

/// A hexadecimal number behind its sign; true for minus.
fn parse_signed_hex(text: &[u8]) -> Option<(bool, Hex)> {
    let (negative, text) = split_sign(text);
    Some((negative, parse_hex(text)?))
}

/// Rounds half to even; what is too large is infinite, what is too small zero.
fn round_to_f64(hex: &Hex) -> f64 {
    if hex.significand == 0 {
        return 0.0;
    }
    let width = 128 - i64::from(hex.significand.leading_zeros());
    let dropped = (width - SIGNIFICAND_BITS).max(EXPONENT_MIN.saturating_sub(hex.exponent));
    let exponent = hex.exponent.saturating_add(dropped);
    let significand = match u32::try_from(dropped) {
        Ok(dropped) => shift_right_rounding(hex.significand, dropped, hex.inexact),
        Err(_) if dropped < 0 => hex.significand << -dropped,
        Err(_) => 0,
    };
    if significand == 0 {
        return 0.0;
    }
    if exponent > f64::MAX_EXP as i64 - SIGNIFICAND_BITS {
        return f64::INFINITY;
    }
    // Two exact factors, both normal: 2^-1074 itself is only reached by multiplying with a significand.
    let half = exponent / 2;
    significand as f64 * 2f64.powi(half as i32) * 2f64.powi((exponent - half) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_printed_with_17_digits() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-17.0, "-17"),
            (0.1, "0.10000000000000001"),
            (-0.1, "-0.10000000000000001"),
            (1e-5, "1.0000000000000001e-05"),
            (0.0001, "0.0001"),
            (0.00015, "0.00014999999999999999"),
            (123456.789, "123456.789"),
            (1e16, "10000000000000000"),
            (12345678901234567.0, "12345678901234568"),
            (1e17, "1e+17"),
            (-1e17, "-1e+17"),
            (123456789012345678.0, "1.2345678901234568e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (-f64::NAN, "nan"),
        ] {
            assert_eq!(format_double(value), text);
        }
    }

    #[test]
    fn the_last_printed_digit_is_rounded_half_to_even() {
        // These have exactly 18 significant digits, the last one a 5.
        assert_eq!(format_double(2f64.powi(-25)), "2.9802322387695312e-08");
        assert_eq!(format_double(3.0 * 2f64.powi(-25)), "8.9406967163085938e-08");
        assert_eq!(format_double(1e14 + 0.125), "100000000000000.12");
        assert_eq!(format_double(1e14 + 0.375), "100000000000000.38");
    }

    #[test]
    fn scores_are_read_as_strtod_reads_them() {
        for (text, value) in [
            ("1", 1.0),
            ("-1.5", -1.5),
            ("+5", 5.0),
            ("5.", 5.0),
            (".5", 0.5),
            ("007", 7.0),
            ("1e3", 1000.0),
            ("1E-3", 0.001),
            ("0e99999999999999999999", 0.0),
            ("4.9e-324", 5e-324),
            ("9007199254740993", 9007199254740992.0),
            ("inf", f64::INFINITY),
            ("+INF", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0x10", 16.0),
            ("-0X1P+4", -16.0),
            ("0x.8p1", 1.0),
            ("0x1.p-3", 0.125),
            ("0x0p99999", 0.0),
            ("0x1.fffffffffffff8p0", 2.0),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.000000000000080000000000000000000000000001p0", 1.0000000000000002),
            ("0x1p-1074", 5e-324),
            ("0x0.8000000000000001p-1074", 5e-324),
            ("0x1.fffffffffffffp1023", f64::MAX),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text}");
        }
        assert!(parse_f64(b"-0").is_some_and(|zero| zero.is_sign_negative()));
        assert!(parse_f64(b"-0x0").is_some_and(|zero| zero.is_sign_negative()));
    }

    #[test]
    fn what_is_not_wholly_a_number_is_refused() {
        for text in [
            "", " ", " 1", "1 ", "\t1", ".", "+", "-", "+-1", "1e", "1e+", "e5", "1_0", "1e5\0", "1,5",
            "infi", "in", "0x", "0x.", "0x1p", "0x1p+", "x1", "0x1g", "0x1.2.3", "1.2.3", "nan", "NaN",
            "-nan", "nan(1)", "1f",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_f64(b"\xff"), None);
    }

    #[test]
    fn overflow_and_underflow_to_zero_are_refused() {
        for text in [
            "1e400",
            "-1e400",
            "1e-400",
            "2e-324",
            "0x1p1024",
            "-0x1p1024",
            "0x1.fffffffffffff8p1023",
            "0x1p-1075",
            "0x1p99999999999999999999",
            "0x1p-99999999999999999999",
            "1e99999999999999999999",
        ] {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_loses_digits_near_zero_is_refused_where_that_matters() {
        for text in
            ["0x1p-1074", "-0x3p-1070", "0x1p-1022", "2.2250738585072014e-308", "0", "-0x0p-9999", "1"]
        {
            assert_eq!(parse_f64_unless_inexact(text.as_bytes()), parse_f64(text.as_bytes()), "{text}");
        }
        for text in
            ["0x1.8p-1074", "-0x3p-1075", "2.2250738585072011e-308", "5e-324", "1e-400", "1e400", "nan"]
        {
            assert_eq!(parse_f64_unless_inexact(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn of_any_range_what_overflows_is_infinite_and_what_underflows_is_zero() {
        for (text, value) in [
            ("1e400", f64::INFINITY),
            ("-1e400", f64::NEG_INFINITY),
            ("1e-400", 0.0),
            ("0x1p1024", f64::INFINITY),
            ("-0x1.fffffffffffff8p1023", f64::NEG_INFINITY),
            ("0x1p-1075", 0.0),
            ("0x1p99999999999999999999", f64::INFINITY),
            ("0x1p-99999999999999999999", 0.0),
            ("0x10", 16.0),
            ("-inf", f64::NEG_INFINITY),
            ("5.", 5.0),
        ] {
            assert_eq!(parse_f64_of_any_range(text.as_bytes()), Some(value), "{text}");
        }
        for text in ["", "nan", "-nan", "0x", "1 ", " 1", "1e", "0x1g"] {
            assert_eq!(parse_f64_of_any_range(text.as_bytes()), None, "{text:?}");
        }
    }
}
