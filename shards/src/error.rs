//! Every error that a client can see from a data command, with its wire text in one place.
//!
//! The texts are Redis's, byte for byte, because clients compare them.

use std::borrow::Cow;

/// An error reply. The text starts with its code (`ERR`, `WRONGTYPE`, ...) and has no leading `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// Options that do not fit together or are unknown.
    Syntax,
    /// The key holds a value of another type.
    WrongType,
    /// Not a signed 64-bit integer.
    NotAnInteger,
    /// Not a floating point number.
    NotAFloat,
    /// INCR and friends would leave the range of signed 64-bit integers.
    Overflow,
    /// INCRBYFLOAT would make NaN or an infinity.
    NanOrInfinity,
    /// A string would grow over proto-max-bulk-len.
    StringTooLong,
    /// An index or count that is out of its range.
    OutOfRange,
    /// The offset of a bit that is no integer, negative, or behind the longest string that is allowed.
    BitOffset,
    /// The number of a database that is not there.
    DbIndex,
    /// COPY or MOVE of a key to itself.
    SameObject,
    /// RENAME of a key that is not there.
    NoSuchKey,
    /// A TTL that cannot be: zero, negative where it must not be, or over the range of milliseconds. Holds
    /// the command's name in lower case.
    InvalidExpire(&'static str),
    /// Too few or too many arguments. Holds the command's name in lower case.
    WrongArity(Cow<'static, str>),
    /// Any other text, its code included.
    Other(Cow<'static, str>),
    /// A text that quotes bytes of the client, which need not be UTF-8. Its code included.
    Quoting(Vec<u8>),
}

impl CommandError {
    /// An error with a text of its own; the text starts with its code.
    pub fn other(text: impl Into<Cow<'static, str>>) -> CommandError {
        CommandError::Other(text.into())
    }

    /// An error that quotes what the client sent: `before`, then `quoted` as C prints it, up to its first
    /// NUL, then `after`.
    pub fn quoting(before: &str, quoted: &[u8], after: &str) -> CommandError {
        let end = memchr::memchr(0, quoted).unwrap_or(quoted.len());
        CommandError::Quoting([before.as_bytes(), &quoted[..end], after.as_bytes()].concat())
    }

    /// The wire text as bytes.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            CommandError::Quoting(bytes) => Cow::Borrowed(bytes),
            other => match other.text() {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
        }
    }

    /// The wire text for people: what is not UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            CommandError::Syntax => "ERR syntax error".into(),
            CommandError::WrongType => {
                "WRONGTYPE Operation against a key holding the wrong kind of value".into()
            }
            CommandError::NotAnInteger => "ERR value is not an integer or out of range".into(),
            CommandError::NotAFloat => "ERR value is not a valid float".into(),
            CommandError::Overflow => "ERR increment or decrement would overflow".into(),
            CommandError::NanOrInfinity => "ERR increment would produce NaN or Infinity".into(),
            CommandError::StringTooLong => {
                "ERR string exceeds maximum allowed size (proto-max-bulk-len)".into()
            }
            CommandError::OutOfRange => "ERR index out of range".into(),
            CommandError::BitOffset => "ERR bit offset is not an integer or out of range".into(),
            CommandError::DbIndex => "ERR DB index is out of range".into(),
            CommandError::SameObject => "ERR source and destination objects are the same".into(),
            CommandError::NoSuchKey => "ERR no such key".into(),
            CommandError::InvalidExpire(name) => {
                format!("ERR invalid expire time in '{name}' command").into()
            }
            CommandError::WrongArity(name) => {
                format!("ERR wrong number of arguments for '{name}' command").into()
            }
            CommandError::Other(text) => Cow::Borrowed(text),
            CommandError::Quoting(bytes) => String::from_utf8_lossy(bytes),
        }
    }
}
