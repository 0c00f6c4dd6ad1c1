//! Glob patterns as Redis matches them: KEYS, SCAN, PSUBSCRIBE, ACL, COMMAND LIST, CONFIG GET.
//!
//! `*` any bytes, `?` one byte, `[a-z]` `[^a]` one byte of a class, `\x` the byte `x`. Source: the behaviour
//! of `stringmatchlen` in Redis 7.0, its oddities included, each named where it is. Time is at most
//! `pattern.len() * text.len()`, whatever the number of stars, so that a client cannot stall a core with a
//! pattern. This file must not know any command.

/// A text that fits only with more groups of stars than this, each with something behind it, does not fit
/// (Redis: the nesting of stringmatchlen_impl).
const STARS_MAX: usize = 1000;

/// True when the whole `text` fits `pattern`.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    fits(pattern, text, |byte| byte)
}

/// As [`matches`], ASCII letters equal in both cases (but not those after a `\` inside a class, as in Redis).
pub fn matches_nocase(pattern: &[u8], text: &[u8]) -> bool {
    fits(pattern, text, |byte| byte.to_ascii_lowercase())
}

/// `fold` maps the bytes that count as equal to one of them.
///
/// Only the last star is ever tried again: what stands between two stars has a fixed length, so the leftmost
/// place where it fits leaves the most text to the rest.
fn fits(pattern: &[u8], text: &[u8], fold: impl Fn(u8) -> u8 + Copy) -> bool {
    // Redis: no pattern of stars fits the empty text; KEYS * gets there without asking.
    if text.is_empty() {
        return pattern.is_empty();
    }
    let mut at = 0;
    let mut done = 0;
    // The pattern after the last star, and how much of the text that star and all before it have taken.
    let mut retry: Option<(usize, usize)> = None;
    let mut stars = 0;
    while done < text.len() {
        if pattern.get(at) == Some(&b'*') {
            while pattern.get(at) == Some(&b'*') {
                at += 1;
            }
            if at == pattern.len() {
                return true;
            }
            stars += 1;
            if stars > STARS_MAX {
                return false;
            }
            retry = Some((at, done));
        } else if let Some(next) = fits_byte(pattern, at, text[done], fold) {
            at = next;
            done += 1;
        } else if let Some((after_star, taken)) = retry {
            retry = Some((after_star, taken + 1));
            at = after_star;
            done = taken + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

/// Where the pattern goes on when its element at `at`, which is not a star, fits `byte`.
fn fits_byte(pattern: &[u8], at: usize, byte: u8, fold: impl Fn(u8) -> u8) -> Option<usize> {
    let (fits, next) = match *pattern.get(at)? {
        b'?' => (true, at + 1),
        b'[' => fits_class(pattern, at + 1, byte, fold),
        // A backslash at the very end stands for itself.
        b'\\' if at + 1 < pattern.len() => (fold(pattern[at + 1]) == fold(byte), at + 2),
        literal => (fold(literal) == fold(byte), at + 1),
    };
    fits.then_some(next)
}

/// Whether `byte` is in the class whose `[` is before `at`, and where the pattern goes on. A class that is
/// not closed ends with the pattern.
fn fits_class(pattern: &[u8], mut at: usize, byte: u8, fold: impl Fn(u8) -> u8) -> (bool, usize) {
    // Redis compares the bounds of a range as signed characters.
    let signed = |byte: u8| fold(byte).cast_signed();
    let negated = pattern.get(at) == Some(&b'^');
    if negated {
        at += 1;
    }
    let mut found = false;
    loop {
        match pattern[at.min(pattern.len())..] {
            [] => return (found != negated, pattern.len()),
            [b'\\', escaped, ..] => {
                found |= escaped == byte;
                at += 2;
            }
            [b']', ..] => return (found != negated, at + 1),
            [first, b'-', last, ..] => {
                // Redis orders the bounds before it folds them.
                let (low, high) =
                    if first.cast_signed() > last.cast_signed() { (last, first) } else { (first, last) };
                found |= (signed(low)..=signed(high)).contains(&signed(byte));
                at += 3;
            }
            [member, ..] => {
                found |= fold(member) == fold(byte);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes())
    }

    #[test]
    fn stars_take_any_number_of_bytes() {
        assert!(
            fit("*", "a")
                && fit("a*", "a")
                && fit("*a", "a")
                && fit("a*b*c", "a12b3c")
                && fit("**a**", "bab")
        );
        assert!(!fit("a*b", "a1c") && !fit("*a", "ab") && !fit("a*bc", "abcb"));
    }

    #[test]
    fn a_question_mark_takes_exactly_one_byte() {
        assert!(fit("h?llo", "hello") && fit("*?", "x"));
        assert!(!fit("h?llo", "hllo") && !fit("?", "") && !fit("a?", "a"));
    }

    #[test]
    fn classes_hold_bytes_ranges_and_escapes() {
        assert!(
            fit("[abc]", "b")
                && fit("[a-c]x", "bx")
                && fit("[c-a]", "b")
                && fit("[^a]", "b")
                && fit(r"[\]]", "]")
        );
        assert!(!fit("[abc]", "d") && !fit("[^a-c]", "b") && !fit("[]", "a") && !fit(r"[a\-c]", "b"));
        assert!(fit(r"[a\-c]", "-") && fit("[-a]", "-"));
    }

    #[test]
    fn a_hyphen_before_the_bracket_makes_a_range_up_to_the_bracket() {
        assert!(fit("[a-]", "^") && fit("[a-]]", "^"));
        assert!(!fit("[a-]", "-"));
    }

    #[test]
    fn an_open_class_ends_with_the_pattern() {
        assert!(fit("[ab", "b") && fit("[^", "x") && fit("[a-", "-") && fit(r"[\", r"\"));
        assert!(!fit("[", "[") && !fit("[ab", "bc") && !fit("[^a", "a"));
    }

    #[test]
    fn a_backslash_takes_the_next_byte_literally() {
        assert!(fit(r"\*", "*") && fit(r"a\?", "a?") && fit(r"\[a]", "[a]") && fit(r"a\", r"a\"));
        assert!(!fit(r"\*", "a") && !fit(r"a\?", "ab"));
    }

    #[test]
    fn only_the_empty_pattern_fits_the_empty_text() {
        assert!(fit("", ""));
        assert!(!fit("*", "") && !fit("**", "") && !fit("", "a"));
    }

    #[test]
    fn bytes_over_127_are_below_all_others_in_a_range() {
        assert!(matches(b"[\x80-a]", b"\xff") && matches(b"[\xc3-\xc5]", b"\xc4"));
        assert!(!matches(b"[a-\xff]", b"z") && matches(b"[a-\xff]", b"B"));
    }

    #[test]
    fn case_is_ignored_only_where_redis_ignores_it() {
        let fit = |pattern: &str, text: &str| matches_nocase(pattern.as_bytes(), text.as_bytes());
        assert!(fit("HELLO*", "helloX") && fit("[A-C]", "b") && fit(r"\A", "a") && fit("[xA]", "a"));
        assert!(!fit(r"[\A]", "a") && !fit("[^A]", "a"));
    }

    #[test]
    fn the_thousand_and_first_star_fits_nothing_unless_it_is_the_last() {
        let (long, short) = ("a".repeat(3000), "a".repeat(1000));
        assert!(fit(&"*a".repeat(1000), &long) && fit(&"a*".repeat(1001), &long));
        assert!(fit(&("**a".repeat(1000) + "*"), &long) && fit(&"?*".repeat(1001), &long));
        assert!(!fit(&"*a".repeat(1001), &long) && !fit(&"a*".repeat(1002), &long));
        // Stars behind the end of the text need not be looked at.
        assert!(fit(&("a".repeat(1000) + &"*".repeat(2000)), &short) && fit(&"*".repeat(2000), &long));
    }

    #[test]
    fn many_stars_cost_no_more_than_the_product_of_the_lengths() {
        // Trying every star again would take 2^64 steps: the test would never end.
        let pattern = "a*".repeat(64) + "b";
        assert!(!fit(&pattern, &"a".repeat(10_000)));
    }
}
