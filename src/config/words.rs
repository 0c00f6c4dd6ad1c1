//! The words of a line of redis.conf: splitting it, and quoting a word so that splitting gives it back.
//!
//! The rules are those of inline requests (Redis: sdssplitargs, sdscatrepr). This file must not know
//! directives.

use std::io;

/// A quote that is not closed, or is closed in the middle of a word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MisplacedQuote;

/// Splits a line into words, with quotes and escapes resolved.
///
/// In double quotes there are the escapes `\n \r \t \b \a \xHH`, and a backslash before any other byte stands
/// for that byte; in single quotes only `\'`. A quote may start inside a word, but the word ends with it.
pub(super) fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, MisplacedQuote> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = trim_start(rest);
        if rest.is_empty() {
            return Ok(words);
        }
        let mut word = Vec::new();
        rest = take_word(rest, &mut word)?;
        words.push(word);
    }
}

/// `isspace` of the C locale; vertical tab and form feed may stand before a word but do not end one.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn trim_start(line: &[u8]) -> &[u8] {
    &line[line.iter().take_while(|&&byte| is_space(byte)).count()..]
}

/// Appends the word at the start of `rest` to `word`; returns what follows it.
fn take_word<'a>(rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], MisplacedQuote> {
    for (at, &byte) in rest.iter().enumerate() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => return Ok(&rest[at..]),
            b'"' | b'\'' => {
                let after = take_quoted(byte, &rest[at + 1..], word)?;
                return if after.first().is_none_or(|&next| is_space(next)) {
                    Ok(after)
                } else {
                    Err(MisplacedQuote)
                };
            }
            _ => word.push(byte),
        }
    }
    Ok(&[])
}

/// Appends the text up to the closing `quote`; returns what follows the quote.
fn take_quoted<'a>(quote: u8, mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], MisplacedQuote> {
    let escapes = quote == b'"';
    loop {
        let (byte, after) = match rest {
            [] => return Err(MisplacedQuote),
            [byte, after @ ..] if *byte == quote => return Ok(after),
            [b'\\', b'x', high, low, after @ ..]
                if escapes && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex_value(*high) << 4 | hex_value(*low), after)
            }
            [b'\\', escaped, after @ ..] if escapes => (unescape(*escaped), after),
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
        rest = after;
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The value of a digit that `is_ascii_hexdigit` has accepted.
fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// The word in double quotes, so that [`split`] gives it back whatever bytes it holds.
pub(super) fn quote(word: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    for &byte in word {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', byte]),
            b'\n' => quoted.extend(b"\\n"),
            b'\r' => quoted.extend(b"\\r"),
            b'\t' => quoted.extend(b"\\t"),
            0x07 => quoted.extend(b"\\a"),
            0x08 => quoted.extend(b"\\b"),
            b' '..=b'~' => quoted.push(byte),
            _ => quoted.extend(format!("\\x{byte:02x}").into_bytes()),
        }
    }
    quoted.push(b'"');
    quoted
}

/// The system's words for an error, without the number that Rust adds.
pub(super) fn error_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        let split = split(line.as_bytes()).ok()?;
        Some(split.into_iter().map(|word| String::from_utf8(word).unwrap()).collect())
    }

    #[test]
    fn words_are_split_as_redis_splits_them() {
        assert_eq!(words("  save 60\t1 ").unwrap(), ["save", "60", "1"]);
        assert_eq!(words(r#"a "b \"c\x41\n" 'it\'s \n'"#).unwrap(), ["a", "b \"cA\n", "it's \\n"]);
        assert_eq!(words(r#"save """#).unwrap(), ["save", ""]);
        assert_eq!(words(r#"x"y z""#).unwrap(), ["xy z"]);
    }

    #[test]
    fn open_and_misplaced_quotes_are_refused() {
        for line in [r#"port "1"#, "a 'b", r#"a "b"c"#, r#""\"#] {
            assert_eq!(words(line), None, "{line}");
        }
    }

    #[test]
    fn a_quoted_word_splits_into_itself() {
        let every_byte: Vec<u8> = (0..=255).collect();
        assert_eq!(split(&quote(&every_byte)).unwrap(), [every_byte]);
        assert_eq!(quote(b"dump \"1\".rdb\n"), br#""dump \"1\".rdb\n""#);
    }
}
