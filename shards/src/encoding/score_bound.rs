//! How the ends of a range by score are written. It must not know which command has them.

use super::sorted_set::ScoreBound;
use crate::num::parse_f64_of_any_range;

/// The end of a range by score (Redis: zslParseRange): a score, or `(` and a score that does not belong to
/// the range. More is accepted than of a score: blanks before the number, nothing at all for 0, what
/// overflows or underflows, and anything behind a zero byte. `None` is Redis's error "min or max is not a
/// float".
pub fn parse_score_bound(text: &[u8]) -> Option<ScoreBound> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    match text {
        [b'(', number @ ..] => Some(ScoreBound::Excluded(parse_leniently(number)?)),
        number => Some(ScoreBound::Included(parse_leniently(number)?)),
    }
}

/// As C's `strtod` without a look at its errors.
fn parse_leniently(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let blanks = text.iter().take_while(|byte| is_blank(byte)).count();
    parse_f64_of_any_range(&text[blanks..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_closed_unless_a_parenthesis_opens_them() {
        for (text, bound) in [
            ("1", ScoreBound::Included(1.0)),
            ("(1", ScoreBound::Excluded(1.0)),
            ("-0", ScoreBound::Included(0.0)),
            ("+5", ScoreBound::Included(5.0)),
            ("5.", ScoreBound::Included(5.0)),
            ("inf", ScoreBound::Included(f64::INFINITY)),
            ("-inf", ScoreBound::Included(f64::NEG_INFINITY)),
            ("(+Infinity", ScoreBound::Excluded(f64::INFINITY)),
            ("0x10", ScoreBound::Included(16.0)),
            ("(0x10", ScoreBound::Excluded(16.0)),
        ] {
            assert_eq!(parse_score_bound(text.as_bytes()), Some(bound), "{text}");
        }
    }

    #[test]
    fn bounds_are_read_as_strtod_reads_them() {
        for (text, bound) in [
            ("", ScoreBound::Included(0.0)),
            ("(", ScoreBound::Excluded(0.0)),
            (" 1", ScoreBound::Included(1.0)),
            ("( \t\n\x0b\x0c\r1", ScoreBound::Excluded(1.0)),
            ("1\0(", ScoreBound::Included(1.0)),
            ("1e400", ScoreBound::Included(f64::INFINITY)),
            ("(-1e400", ScoreBound::Excluded(f64::NEG_INFINITY)),
            ("1e-400", ScoreBound::Included(0.0)),
            ("0x1p1024", ScoreBound::Included(f64::INFINITY)),
            ("(-0x1p-1075", ScoreBound::Excluded(0.0)),
        ] {
            assert_eq!(parse_score_bound(text.as_bytes()), Some(bound), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_no_bound() {
        for text in [
            " ", "1 ", "((1", "[1", " (1", "nan", "(nan", "-", "+", "1e", "0x", ".", "1_", "inf ", "infi",
            "a",
        ] {
            assert_eq!(parse_score_bound(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_score_bound(b"\xff"), None);
    }
}
