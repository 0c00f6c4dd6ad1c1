//! A reply in RESP2 or RESP3: its types, how it is read from bytes, and how redis-cli would print it.
//! This file must not know any command.
//!
//! Source of the wire forms: the Redis protocol specification (RESP2, RESP3).

use std::fmt;
use std::io::{self, BufRead};

/// Deeper nesting than any reply of Redis has; a guard against a server that sends nonsense.
const DEPTH_MAX: usize = 32;

/// A reply exactly as it came over the wire: two replies are equal when their bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `+`
    Simple(Vec<u8>),
    /// `-`, without the minus sign.
    Error(Vec<u8>),
    /// `:`
    Int(i64),
    /// `$`
    Bulk(Vec<u8>),
    /// `$-1`
    NullBulk,
    /// `*-1`
    NullArray,
    /// `_`
    Null,
    /// `*`
    Array(Vec<Value>),
    /// `%`
    Map(Vec<(Value, Value)>),
    /// `~`
    Set(Vec<Value>),
    /// `>`
    Push(Vec<Value>),
    /// `,`, as text: what is compared is what was printed.
    Double(String),
    /// `#`
    Bool(bool),
    /// `(`
    BigNumber(String),
    /// `=`: the three letters of the format, and the text.
    Verbatim(String, Vec<u8>),
    /// `!`
    BulkError(Vec<u8>),
    /// `|`: the attributes and the value that they describe.
    Attributed(Vec<(Value, Value)>, Box<Value>),
}

impl Value {
    /// `+OK`.
    pub fn ok() -> Value {
        Value::simple("OK")
    }

    /// A simple string.
    pub fn simple(text: &str) -> Value {
        Value::Simple(text.as_bytes().to_vec())
    }

    /// A bulk string.
    pub fn bulk(bytes: impl AsRef<[u8]>) -> Value {
        Value::Bulk(bytes.as_ref().to_vec())
    }

    /// An error; the text starts with its code.
    pub fn error(text: &str) -> Value {
        Value::Error(text.as_bytes().to_vec())
    }

    /// An array.
    pub fn array(values: impl IntoIterator<Item = Value>) -> Value {
        Value::Array(values.into_iter().collect())
    }

    /// An error of either form.
    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_) | Value::BulkError(_))
    }

    /// One of the three forms of nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null | Value::NullBulk | Value::NullArray)
    }

    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The bytes of a string of any form, errors included.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(bytes)
            | Value::Error(bytes)
            | Value::Bulk(bytes)
            | Value::BulkError(bytes)
            | Value::Verbatim(_, bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text of a string of any form, errors included; broken UTF-8 is replaced.
    pub fn text(&self) -> String {
        self.as_bytes().map_or_else(|| self.to_string(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The elements of an array, a set or a push message.
    pub fn as_slice(&self) -> Option<&[Value]> {
        match self {
            Value::Array(values) | Value::Set(values) | Value::Push(values) => Some(values),
            _ => None,
        }
    }

    /// Reads one value.
    ///
    /// # Errors
    /// `InvalidData` for bytes that are no RESP, `UnexpectedEof` when the stream ends, and the stream's own
    /// errors.
    pub fn read(from: &mut impl BufRead) -> io::Result<Value> {
        read_value(from, 0)
    }
}

fn read_value(from: &mut impl BufRead, depth: usize) -> io::Result<Value> {
    if depth > DEPTH_MAX {
        return Err(invalid("a reply nested too deeply"));
    }
    let line = read_line(from)?;
    let (&kind, rest) = line.split_first().ok_or_else(|| invalid("an empty line for a reply"))?;
    let text = || String::from_utf8(rest.to_vec()).map_err(|_| invalid("a number that is not text"));
    Ok(match kind {
        b'+' => Value::Simple(rest.to_vec()),
        b'-' => Value::Error(rest.to_vec()),
        b':' => Value::Int(parse_int(rest)?),
        b'_' if rest.is_empty() => Value::Null,
        b',' => Value::Double(text()?),
        b'(' => Value::BigNumber(text()?),
        b'#' if rest == b"t" => Value::Bool(true),
        b'#' if rest == b"f" => Value::Bool(false),
        b'$' => match parse_int(rest)? {
            -1 => Value::NullBulk,
            len => Value::Bulk(read_blob(from, len)?),
        },
        b'!' => Value::BulkError(read_blob(from, parse_int(rest)?)?),
        b'=' => verbatim(read_blob(from, parse_int(rest)?)?)?,
        b'*' => match parse_int(rest)? {
            -1 => Value::NullArray,
            len => Value::Array(read_values(from, len, depth)?),
        },
        b'~' => Value::Set(read_values(from, parse_int(rest)?, depth)?),
        b'>' => Value::Push(read_values(from, parse_int(rest)?, depth)?),
        b'%' => Value::Map(read_pairs(from, parse_int(rest)?, depth)?),
        b'|' => {
            let attributes = read_pairs(from, parse_int(rest)?, depth)?;
            Value::Attributed(attributes, Box::new(read_value(from, depth + 1)?))
        }
        _ => return Err(invalid(format!("a reply that starts with {:?}", line.escape_ascii().to_string()))),
    })
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server sent {}", what.into()))
}

/// One line without its CRLF.
fn read_line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n") {
        Some(content) => Ok(content.to_vec()),
        None if line.last() == Some(&b'\n') => Err(invalid("a line that ends without CR")),
        None if line.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
        None => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("the stream ended inside {:?}", line.escape_ascii().to_string()),
        )),
    }
}

fn parse_int(digits: &[u8]) -> io::Result<i64> {
    let text = str::from_utf8(digits).ok();
    // `+5` and `05` are no forms that a server sends.
    text.and_then(|text| text.parse().ok().filter(|int: &i64| int.to_string() == text))
        .ok_or_else(|| invalid(format!("the number {:?}", digits.escape_ascii().to_string())))
}

fn read_blob(from: &mut impl BufRead, len: i64) -> io::Result<Vec<u8>> {
    let len = usize::try_from(len).map_err(|_| invalid("a negative length"))?;
    let mut blob = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(&mut *from, len as u64 + 2), &mut blob)?;
    if blob.len() < len + 2 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended inside a bulk string"));
    }
    if !blob.ends_with(b"\r\n") {
        return Err(invalid("a bulk string without CRLF at its end"));
    }
    blob.truncate(len);
    Ok(blob)
}

fn verbatim(blob: Vec<u8>) -> io::Result<Value> {
    match blob.split_at_checked(4) {
        Some((format, text)) if format.ends_with(b":") => {
            Ok(Value::Verbatim(String::from_utf8_lossy(&format[..3]).into_owned(), text.to_vec()))
        }
        _ => Err(invalid("a verbatim string without a format")),
    }
}

fn read_values(from: &mut impl BufRead, len: i64, depth: usize) -> io::Result<Vec<Value>> {
    let len = usize::try_from(len).map_err(|_| invalid("a negative length"))?;
    (0..len).map(|_| read_value(from, depth + 1)).collect()
}

fn read_pairs(from: &mut impl BufRead, len: i64, depth: usize) -> io::Result<Vec<(Value, Value)>> {
    let len = usize::try_from(len).map_err(|_| invalid("a negative length"))?;
    (0..len).map(|_| Ok((read_value(from, depth + 1)?, read_value(from, depth + 1)?))).collect()
}

/// As redis-cli prints it on a terminal, except that doubles and verbatim strings say what they are.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_value(f, self, 0)
    }
}

fn write_value(f: &mut fmt::Formatter<'_>, value: &Value, indent: usize) -> fmt::Result {
    match value {
        Value::Simple(bytes) => write!(f, "{}", String::from_utf8_lossy(bytes)),
        Value::Error(bytes) | Value::BulkError(bytes) => {
            write!(f, "(error) {}", String::from_utf8_lossy(bytes))
        }
        Value::Int(int) => write!(f, "(integer) {int}"),
        Value::Bulk(bytes) => write!(f, "{}", quoted(bytes)),
        Value::Null => write!(f, "(nil)"),
        Value::NullBulk => write!(f, "(nil) as a bulk string"),
        Value::NullArray => write!(f, "(nil) as an array"),
        Value::Double(text) => write!(f, "(double) {text}"),
        Value::Bool(true) => write!(f, "(true)"),
        Value::Bool(false) => write!(f, "(false)"),
        Value::BigNumber(text) => write!(f, "(big number) {text}"),
        Value::Verbatim(format, text) => write!(f, "(verbatim {format}) {}", quoted(text)),
        Value::Array(values) => write_elements(f, ("array", ')'), values, indent),
        Value::Set(values) => write_elements(f, ("set", '~'), values, indent),
        Value::Push(values) => write_elements(f, ("push", '>'), values, indent),
        Value::Map(pairs) => write_pairs(f, pairs, indent),
        Value::Attributed(attributes, value) => {
            write!(f, "(attributes) ")?;
            write_pairs(f, attributes, indent)?;
            write!(f, "\n{:indent$}", "")?;
            write_value(f, value, indent)
        }
    }
}

fn write_elements(
    f: &mut fmt::Formatter<'_>,
    (name, mark): (&str, char),
    values: &[Value],
    indent: usize,
) -> fmt::Result {
    if values.is_empty() {
        return write!(f, "(empty {name})");
    }
    let width = values.len().to_string().len();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            write!(f, "\n{:indent$}", "")?;
        }
        write!(f, "{:>width$}{mark} ", index + 1)?;
        write_value(f, value, indent + width + 2)?;
    }
    Ok(())
}

fn write_pairs(f: &mut fmt::Formatter<'_>, pairs: &[(Value, Value)], indent: usize) -> fmt::Result {
    if pairs.is_empty() {
        return write!(f, "(empty map)");
    }
    let width = pairs.len().to_string().len();
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            write!(f, "\n{:indent$}", "")?;
        }
        write!(f, "{:>width$}# ", index + 1)?;
        write_value(f, key, indent + width + 2)?;
        write!(f, " => ")?;
        write_value(f, value, indent + width + 2)?;
    }
    Ok(())
}

/// Bytes in double quotes with redis-cli's escapes, which redis-cli also reads as an argument.
pub fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            7 => text.push_str("\\a"),
            8 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &str) -> io::Result<Value> {
        Value::read(&mut bytes.as_bytes())
    }

    #[test]
    fn every_type_of_resp3_is_read() {
        let map = read("%1\r\n+a\r\n*2\r\n:1\r\n_\r\n").unwrap();
        assert_eq!(map, Value::Map(vec![(Value::simple("a"), Value::array([Value::Int(1), Value::Null]))]));
        assert_eq!(read("~1\r\n#t\r\n").unwrap(), Value::Set(vec![Value::Bool(true)]));
        assert_eq!(read(">1\r\n,inf\r\n").unwrap(), Value::Push(vec![Value::Double("inf".into())]));
        assert_eq!(read("(123\r\n").unwrap(), Value::BigNumber("123".into()));
        assert_eq!(read("=5\r\ntxt:x\r\n").unwrap(), Value::Verbatim("txt".into(), b"x".into()));
        assert_eq!(read("!3\r\nERR\r\n").unwrap(), Value::BulkError(b"ERR".into()));
        let attributed = read("|1\r\n+ttl\r\n:1\r\n$1\r\nv\r\n").unwrap();
        let attributes = vec![(Value::simple("ttl"), Value::Int(1))];
        assert_eq!(attributed, Value::Attributed(attributes, Box::new(Value::bulk("v"))));
    }

    #[test]
    fn the_three_nulls_are_told_apart() {
        let nulls = ["$-1\r\n", "*-1\r\n", "_\r\n"].map(|bytes| read(bytes).unwrap());
        assert_eq!(nulls, [Value::NullBulk, Value::NullArray, Value::Null]);
    }

    #[test]
    fn broken_replies_are_errors() {
        for bytes in ["$3\r\nabcd\r\n", "$-2\r\n", ":1x\r\n", ":+1\r\n", "?\r\n", "+OK\n", "\r\n", "#x\r\n"] {
            assert_eq!(read(bytes).unwrap_err().kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        }
        for bytes in ["", "+OK", "$3\r\nab", "*2\r\n:1\r\n"] {
            assert_eq!(read(bytes).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{bytes:?}");
        }
    }

    #[test]
    fn values_are_printed_as_redis_cli_does() {
        let value = Value::array([
            Value::bulk("a\"\x01"),
            Value::array([Value::Int(1), Value::error("ERR no")]),
            Value::Array(vec![]),
        ]);
        let expected = "1) \"a\\\"\\x01\"\n2) 1) (integer) 1\n   2) (error) ERR no\n3) (empty array)";
        assert_eq!(value.to_string(), expected);
    }
}
