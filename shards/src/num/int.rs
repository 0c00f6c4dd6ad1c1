//! Integers to and from text. It must not know what the integer is for.

/// The longest text of a signed 64-bit integer, in bytes: `-9223372036854775808`.
pub const I64_TEXT_LEN_MAX: usize = 20;

/// Digits that a `u64` always has room for.
const SAFE_DIGITS: usize = 19;

/// A signed 64-bit integer in the only spelling that Redis takes for one: no sign `+`, no leading zero, no
/// blank, no `-0` (Redis: string2ll). What this accepts, [`format_i64`] prints back byte for byte.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    if text.len() > I64_TEXT_LEN_MAX {
        return None;
    }
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let &first = digits.first()?;
    if !matches!(first, b'1'..=b'9') {
        return (first == b'0' && text.len() == 1).then_some(0);
    }
    if digits.len() > SAFE_DIGITS {
        return None;
    }
    let mut magnitude = 0;
    let (eights, rest) = digits.as_chunks::<8>();
    for &eight in eights {
        magnitude = magnitude * 100_000_000 + parse_eight_digits(eight)?;
    }
    for &byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative {
        (magnitude <= i64::MIN.unsigned_abs()).then_some((magnitude as i64).wrapping_neg())
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Eight decimal digits at once: neighbours are joined to pairs, pairs to fours, fours to the number.
#[inline]
fn parse_eight_digits(text: [u8; 8]) -> Option<u64> {
    // The first digit is in the lowest byte. A byte that is no digit has its high bit set after this, or gets
    // it by the addition; a carry into the next byte comes only from a byte that is refused anyway.
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes([b'0'; 8]);
    let to_high_bit = u64::from_le_bytes([0x80 - 10; 8]);
    if (digits | digits.wrapping_add(to_high_bit)) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = (digits & 0x00ff_00ff_00ff_00ff) * 10 + (digits >> 8 & 0x00ff_00ff_00ff_00ff);
    let fours = (pairs & 0x0000_ffff_0000_ffff) * 100 + (pairs >> 16 & 0x0000_ffff_0000_ffff);
    Some((fours & 0xffff_ffff) * 10_000 + (fours >> 32))
}

/// An unsigned 64-bit integer as the parts of a stream id are read (Redis: string2ull).
///
/// What [`parse_i64`] accepts is taken as it is, and a negative one refused. Everything else goes through the
/// rules of C's `strtoull`, which Redis falls back to: leading blanks, one sign and leading zeros are fine, a
/// minus sign wraps (`-05` is 2^64 - 5), and the text ends at the first NUL byte.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let text = match text.iter().position(|&byte| byte == 0) {
        Some(end) => &text[..end],
        None => text,
    };
    if let Some(value) = parse_i64(text) {
        return u64::try_from(value).ok();
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let unblanked = &text[text.iter().take_while(|byte| is_blank(byte)).count()..];
    let (negative, digits) = match unblanked {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(if negative { value.wrapping_neg() } else { value })
}

/// The decimal text of `value`.
pub fn format_i64(value: i64) -> String {
    itoa::Buffer::new().format(value).to_owned()
}

/// Appends the decimal text of `value`.
#[inline]
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// The number of decimal digits of `value`, 1 for 0 (Redis: digits10).
#[inline]
pub fn digits10(value: u64) -> usize {
    match value.checked_ilog10() {
        Some(log) => log as usize + 1,
        None => 1,
    }
}

/// The length of the decimal text of `value` in bytes, its sign included (Redis: sdigits10).
#[inline]
pub fn digits10_i64(value: i64) -> usize {
    usize::from(value < 0) + digits10(value.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_range_of_i64_survives_text() {
        let mut values = vec![0, 1, -1, 9, 10, -10, i64::MAX, i64::MIN, i64::MAX - 1, i64::MIN + 1];
        for shift in 0..63 {
            values.extend([1 << shift, -(1 << shift), (1 << shift) - 1]);
        }
        for power in 0..19 {
            values.extend([10i64.pow(power), 10i64.pow(power) - 1, -10i64.pow(power)]);
        }
        for value in values {
            let text = format_i64(value);
            assert_eq!(text, value.to_string());
            assert_eq!(parse_i64(text.as_bytes()), Some(value), "{text}");
            assert_eq!(digits10_i64(value), text.len(), "{text}");
        }
    }

    #[test]
    fn only_the_canonical_spelling_is_an_i64() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            "-01",
            "-0",
            "00",
            " 1",
            "1 ",
            "1x",
            "x",
            "1.0",
            "--1",
            "0x1",
            "1e3",
            "/",
            ":",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999",
            "-99999999999999999999",
            "10000000000000000000",
            "123456789012345678901",
            "1\0",
        ] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_byte_that_is_no_digit_is_seen_at_every_place() {
        for len in 1..=19 {
            for place in 0..len {
                for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                    let mut text = vec![b'1'; len];
                    text[place] = byte;
                    let is_sign = byte == b'-' && place == 0 && len > 1;
                    assert_eq!(parse_i64(&text).is_some(), is_sign, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn u64_takes_what_strtoull_takes() {
        for (text, value) in [
            ("0", 0),
            ("18446744073709551615", u64::MAX),
            ("9223372036854775808", 1 << 63),
            ("007", 7),
            ("+7", 7),
            (" \t\n7", 7),
            ("-05", u64::MAX - 4),
            ("-0", 0),
            (" -1", u64::MAX),
            ("5\0junk", 5),
        ] {
            assert_eq!(parse_u64(text.as_bytes()), Some(value), "{text:?}");
        }
        for text in ["", " ", "+", "-", "-5", "5 ", "18446744073709551616", "1x", "0x1", "+-1", "\0"] {
            assert_eq!(parse_u64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn digits_are_counted_at_the_edges() {
        assert_eq!(digits10(0), 1);
        assert_eq!(digits10(9), 1);
        assert_eq!(digits10(10), 2);
        assert_eq!(digits10(u64::MAX), 20);
        assert_eq!(digits10_i64(-9), 2);
        assert_eq!(digits10_i64(i64::MIN), I64_TEXT_LEN_MAX);
    }

    #[test]
    fn writing_appends() {
        let mut out = b"x".to_vec();
        write_i64(&mut out, -12);
        assert_eq!(out, b"x-12");
    }
}
