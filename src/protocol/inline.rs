//! Inline requests: one line of words, for people who type into telnet. Quoting as in Redis (sdssplitargs).
//!
//! This file must not know where lines come from.

use shards::args::Span;

/// A quote that is not closed, or is closed in the middle of a word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnbalancedQuotes;

/// Splits a line, without its line end, into words. They are appended to `text` with quotes and escapes
/// resolved, one span for each to `spans`.
///
/// In double quotes there are the escapes `\n \r \t \b \a \xHH`, and a backslash before any other byte stands
/// for that byte; in single quotes only `\'`; outside quotes none. A quote may start inside a word, but a
/// word ends with its closing quote. The line must not contain NUL, which ends a line in Redis.
pub(super) fn split(line: &[u8], text: &mut Vec<u8>, spans: &mut Vec<Span>) -> Result<(), UnbalancedQuotes> {
    let mut rest = line;
    loop {
        let blanks = rest.iter().take_while(|&&byte| is_space(byte)).count();
        rest = &rest[blanks..];
        if rest.is_empty() {
            return Ok(());
        }
        let start = text.len();
        rest = word(rest, text)?;
        spans.push(Span::new(start, text.len() - start));
    }
}

/// `isspace` of the C locale: what may stand before a word or after a closing quote.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Appends the word at the start of `rest` to `text`; returns what follows it.
fn word<'a>(rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    for (at, &byte) in rest.iter().enumerate() {
        let quoted = &rest[at + 1..];
        let after = match byte {
            // Vertical tab and form feed do not end a word, though they are skipped before one.
            b' ' | b'\t' | b'\n' | b'\r' => return Ok(&rest[at..]),
            b'"' => double_quoted(quoted, text)?,
            b'\'' => single_quoted(quoted, text)?,
            _ => {
                text.push(byte);
                continue;
            }
        };
        return match after.first() {
            Some(&byte) if !is_space(byte) => Err(UnbalancedQuotes),
            _ => Ok(after),
        };
    }
    Ok(&[])
}

/// Appends the text up to the closing quote; returns what follows the quote.
fn double_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        let (byte, after) = match rest {
            [] => return Err(UnbalancedQuotes),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (hex_value(*high) << 4 | hex_value(*low), after)
            }
            [b'\\', escaped, after @ ..] => {
                let byte = match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                };
                (byte, after)
            }
            [byte, after @ ..] => (*byte, after),
        };
        text.push(byte);
        rest = after;
    }
}

/// The value of a digit that `is_ascii_hexdigit` has accepted.
fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Appends the text up to the closing quote; returns what follows the quote.
fn single_quoted<'a>(mut rest: &'a [u8], text: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        let (byte, after) = match rest {
            [] => return Err(UnbalancedQuotes),
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [byte, after @ ..] => (*byte, after),
        };
        text.push(byte);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use shards::args::Args;

    use super::*;

    fn check(line: &[u8], expected: Option<&[&[u8]]>) {
        let (mut text, mut spans) = (Vec::new(), Vec::new());
        let split = split(line, &mut text, &mut spans);
        let words: Vec<&[u8]> = Args::new(&text, &spans, &[]).iter_from(0).collect();
        let got = split.is_ok().then_some(&words[..]);
        assert_eq!(got, expected, "line {:?}", line.escape_ascii().to_string());
    }

    #[test]
    fn words_are_separated_by_blanks() {
        check(b"", Some(&[]));
        check(b" \t\r\x0b\x0c ", Some(&[]));
        check(b"  SET  key\tvalue ", Some(&[b"SET", b"key", b"value"]));
        check(b"a\rb", Some(&[b"a", b"b"]));
        check(b"\x0ba\x0bb\x0c", Some(&[b"a\x0bb\x0c"]));
    }

    #[test]
    fn double_quotes_know_escapes() {
        check(br#""\x41\n\r\t\b\a\q\"\\""#, Some(&[b"A\n\r\t\x08\x07q\"\\"]));
        check(br#""\xAf\xfA\x00""#, Some(&[b"\xaf\xfa\0"]));
        check(br#""\x4" "\xzz" "\x4g""#, Some(&[b"x4", b"xzz", b"x4g"]));
        check(br#""" "" "#, Some(&[b"", b""]));
        check(b"\"it's\"", Some(&[b"it's"]));
        check(br"\x41 \n", Some(&[br"\x41", br"\n"]));
    }

    #[test]
    fn single_quotes_know_only_the_quote_itself() {
        check(br"'a\'b' '\n' ''", Some(&[b"a'b", br"\n", b""]));
        check(br#"'say "a"'"#, Some(&[br#"say "a""#]));
    }

    #[test]
    fn a_quote_may_start_inside_a_word_and_ends_it() {
        check(br#"a"b c""#, Some(&[b"ab c"]));
        check(b"a'b' c", Some(&[b"ab", b"c"]));
        check(b"\"a\"\x0bb", Some(&[b"a", b"b"]));
        check(br#"a"b"c"#, None);
        check(br#"""a"#, None);
        check(b"'a''b'", None);
    }

    #[test]
    fn open_quotes_are_an_error() {
        for line in [&b"\""[..], b"'", b"a \"b", b"a 'b", b"\"\\", b"\"\\\"", b"'\\'", b"\"\\x", b"\"\\x4"] {
            check(line, None);
        }
    }
}
