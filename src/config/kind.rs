//! What the value of a directive may be, and the one spelling in which it is kept and shown.
//!
//! A value is parsed into its canonical text, the text that CONFIG GET shows: memory sizes as bytes, words in
//! lower case, and so on. The reasons of refusal are Redis's. This file must not know any directive.

use std::borrow::Cow;

use shards::num;

/// Why a value is refused, as Redis words it.
pub(super) type Reason = Cow<'static, str>;

/// Checks and normalizes a value that no common kind describes. Gets the present value and the new words.
pub(super) type SpecialParser = fn(present: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason>;

/// The kinds of values.
#[derive(Clone, Copy)]
pub(super) enum ValueKind {
    /// `yes` or `no`.
    Bool,
    /// A decimal integer, bounds included.
    Int { min: i64, max: i64 },
    /// A decimal integer that is not negative and is silently moved into the bounds.
    Clamped { min: i64, max: i64 },
    /// A number of bytes with an optional unit, bounds included.
    Memory { min: u64, max: u64 },
    /// A number of bytes, or a percentage up to 100.
    MemoryOrPercent,
    /// File permissions.
    Octal { max: u32 },
    /// One of some words.
    OneOf(&'static [&'static str]),
    /// Any text.
    Text,
    /// One value with rules of its own.
    Special(SpecialParser),
    /// Any number of words with rules of their own; CONFIG SET gives them in one argument, split at each
    /// space.
    SpecialWords(SpecialParser),
}

impl ValueKind {
    /// A directive of this kind takes any number of words.
    pub(super) fn takes_words(&self) -> bool {
        matches!(self, ValueKind::SpecialWords(_))
    }

    /// All values, when they are some words.
    pub(super) fn choices(&self) -> Option<&'static [&'static str]> {
        match *self {
            Self::Bool => Some(&["yes", "no"]),
            Self::OneOf(words) => Some(words),
            _ => None,
        }
    }

    /// What stands for the value in a line of help.
    pub(super) fn placeholder(&self) -> &'static str {
        match self {
            Self::Bool => "yes|no",
            Self::Int { .. } | Self::Clamped { .. } => "NUMBER",
            Self::Memory { .. } | Self::MemoryOrPercent => "BYTES",
            Self::Octal { .. } => "OCTAL",
            Self::OneOf(_) | Self::Special(_) => "WORD",
            Self::Text => "TEXT",
            Self::SpecialWords(_) => "WORDS",
        }
    }

    /// The canonical text of a value. Unless the kind takes words there must be exactly one.
    pub(super) fn parse(&self, present: &[u8], words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
        if let ValueKind::SpecialWords(parse) = self {
            return parse(present, words);
        }
        let [value] = *words else {
            return Err("wrong number of arguments".into());
        };
        match *self {
            ValueKind::Bool => match () {
                () if value.eq_ignore_ascii_case(b"yes") => Ok(b"yes".to_vec()),
                () if value.eq_ignore_ascii_case(b"no") => Ok(b"no".to_vec()),
                () => Err("argument must be 'yes' or 'no'".into()),
            },
            ValueKind::Int { min, max } => Ok(parse_int(value, min, max)?.to_string().into()),
            ValueKind::Clamped { min, max } => {
                Ok(parse_int(value, 0, i64::from(i32::MAX))?.clamp(min, max).to_string().into())
            }
            ValueKind::Memory { min, max } => {
                let bytes = parse_memory(value).ok_or("argument must be a memory value")?;
                if !(min..=max).contains(&bytes) {
                    return Err(format!("argument must be between {min} and {max} inclusive").into());
                }
                Ok(bytes.to_string().into())
            }
            ValueKind::MemoryOrPercent => parse_memory_or_percent(value),
            ValueKind::Octal { max } => parse_octal(value, max),
            ValueKind::OneOf(names) => {
                match names.iter().find(|name| value.eq_ignore_ascii_case(name.as_bytes())) {
                    Some(name) => Ok(name.as_bytes().to_vec()),
                    None => Err(not_one_of(names)),
                }
            }
            ValueKind::Text => Ok(value.to_vec()),
            ValueKind::Special(parse) | ValueKind::SpecialWords(parse) => parse(present, words),
        }
    }
}

/// Redis 7's text for a word that is not in the list.
pub(super) fn not_one_of(names: &[&str]) -> Reason {
    format!("argument(s) must be one of the following: {}", names.join(", ")).into()
}

fn parse_int(value: &[u8], min: i64, max: i64) -> Result<i64, Reason> {
    let number = num::parse_i64(value).ok_or("argument couldn't be parsed into an integer")?;
    if !(min..=max).contains(&number) {
        return Err(format!("argument must be between {min} and {max} inclusive").into());
    }
    Ok(number)
}

/// A number of bytes: digits and a unit, in either case. `k m g` are powers of 1000, `kb mb gb` of 1024. As
/// in Redis (memtoull), no digits at all mean zero. A size that does not fit is the largest.
pub(super) fn parse_memory(value: &[u8]) -> Option<u64> {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = value.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let number = digits
        .iter()
        .fold(0u64, |number, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(number.saturating_mul(factor))
}

fn parse_memory_or_percent(value: &[u8]) -> Result<Vec<u8>, Reason> {
    if let Some(bytes) = parse_memory(value) {
        let max = i64::MAX.unsigned_abs();
        if bytes > max {
            return Err(format!("argument must be between -100 and {max} inclusive").into());
        }
        return Ok(bytes.to_string().into());
    }
    let percent = value.strip_suffix(b"%").and_then(num::parse_i64).filter(|&percent| percent >= 0);
    match percent {
        None => Err("argument must be a memory or percent value".into()),
        Some(0) => Ok(b"0".to_vec()),
        Some(percent @ 1..=100) => Ok(format!("{percent}%").into()),
        Some(_) => Err("percentage argument must be less or equal to 100".into()),
    }
}

fn parse_octal(value: &[u8], max: u32) -> Result<Vec<u8>, Reason> {
    let number = std::str::from_utf8(value).ok().and_then(|text| i64::from_str_radix(text, 8).ok());
    match number {
        None => Err("argument couldn't be parsed as an octal number".into()),
        Some(number) if (0..=i64::from(max)).contains(&number) => Ok(format!("{number:o}").into()),
        Some(_) => Err(format!("argument must be between 0 and {max:o} inclusive").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: ValueKind, value: &str) -> Result<String, String> {
        kind.parse(b"", &[value.as_bytes()])
            .map(|text| String::from_utf8(text).unwrap())
            .map_err(Cow::into_owned)
    }

    #[test]
    fn booleans_are_yes_and_no_in_any_case() {
        assert_eq!(parse(ValueKind::Bool, "YES").unwrap(), "yes");
        assert_eq!(parse(ValueKind::Bool, "No").unwrap(), "no");
        assert_eq!(parse(ValueKind::Bool, "1").unwrap_err(), "argument must be 'yes' or 'no'");
    }

    #[test]
    fn integers_have_one_spelling_and_bounds() {
        let kind = ValueKind::Int { min: 0, max: 65535 };
        assert_eq!(parse(kind, "65535").unwrap(), "65535");
        for value in ["007", "+1", "", "1k", " 1", "99999999999999999999"] {
            assert_eq!(parse(kind, value).unwrap_err(), "argument couldn't be parsed into an integer");
        }
        assert_eq!(parse(kind, "65536").unwrap_err(), "argument must be between 0 and 65535 inclusive");
        assert_eq!(parse(kind, "-1").unwrap_err(), "argument must be between 0 and 65535 inclusive");
        assert_eq!(parse(ValueKind::Clamped { min: 1, max: 500 }, "1000").unwrap(), "500");
        assert_eq!(parse(ValueKind::Clamped { min: 1, max: 500 }, "0").unwrap(), "1");
    }

    #[test]
    fn memory_units_are_powers_of_1000_without_b_and_of_1024_with_it() {
        for (value, bytes) in [
            ("1", 1),
            ("1b", 1),
            ("1k", 1000),
            ("1KB", 1024),
            ("2m", 2_000_000),
            ("2mb", 2 << 20),
            ("1G", 1_000_000_000),
            ("1gB", 1 << 30),
            ("", 0),
            ("kb", 0),
            ("99999999999999999999gb", u64::MAX),
        ] {
            assert_eq!(parse_memory(value.as_bytes()), Some(bytes), "{value}");
        }
        for value in ["-1", "1x", "1.5gb", "1 mb", "1tb"] {
            assert_eq!(parse_memory(value.as_bytes()), None, "{value}");
        }
        let kind = ValueKind::Memory { min: 1 << 20, max: i64::MAX as u64 };
        assert_eq!(parse(kind, "1mb").unwrap(), "1048576");
        assert_eq!(
            parse(kind, "1kb").unwrap_err(),
            "argument must be between 1048576 and 9223372036854775807 inclusive"
        );
        assert_eq!(parse(kind, "-1").unwrap_err(), "argument must be a memory value");
    }

    #[test]
    fn percentages_go_up_to_100() {
        assert_eq!(parse(ValueKind::MemoryOrPercent, "50%").unwrap(), "50%");
        assert_eq!(parse(ValueKind::MemoryOrPercent, "1kb").unwrap(), "1024");
        assert_eq!(
            parse(ValueKind::MemoryOrPercent, "101%").unwrap_err(),
            "percentage argument must be less or equal to 100"
        );
        assert_eq!(
            parse(ValueKind::MemoryOrPercent, "x").unwrap_err(),
            "argument must be a memory or percent value"
        );
    }

    #[test]
    fn permissions_are_octal() {
        let kind = ValueKind::Octal { max: 0o777 };
        assert_eq!(parse(kind, "0700").unwrap(), "700");
        assert_eq!(parse(kind, "999").unwrap_err(), "argument couldn't be parsed as an octal number");
        assert_eq!(parse(kind, "1000").unwrap_err(), "argument must be between 0 and 777 inclusive");
    }

    #[test]
    fn words_are_matched_in_any_case_and_kept_in_lower_case() {
        let kind = ValueKind::OneOf(&["everysec", "always", "no"]);
        assert_eq!(parse(kind, "Always").unwrap(), "always");
        assert_eq!(
            parse(kind, "never").unwrap_err(),
            "argument(s) must be one of the following: everysec, always, no"
        );
    }

    #[test]
    fn a_kind_for_one_value_refuses_more_words() {
        assert_eq!(ValueKind::Text.parse(b"", &[b"a", b"b"]).unwrap_err(), "wrong number of arguments");
        assert_eq!(ValueKind::Bool.parse(b"", &[]).unwrap_err(), "wrong number of arguments");
    }
}
