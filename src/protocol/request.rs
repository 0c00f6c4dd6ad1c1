//! The state machine that parses one request: bytes since the request's start -> spans.
//!
//! It is called again with more bytes until the request is complete, and never looks twice at an argument. It
//! must not know where the bytes are kept: that is `query_buffer`'s.

use std::borrow::Cow;

use shards::args::{Args, BLOB_LEN_MIN, Blob, Span};
use shards::num::parse_i64;
use shards::spare::Trim;

use super::inline;

/// The longest line, in bytes and without its end: an inline request, or a count (Redis:
/// PROTO_INLINE_MAX_SIZE).
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// A big argument's memory grows by what has come already, but by no less than this, in bytes.
pub const BLOB_GROWTH_BYTES_MIN: usize = 64 * 1024;

/// The most arguments in a request of a client that has yet to authenticate.
const UNAUTHENTICATED_ARGS_MAX: i64 = 10;

/// The longest argument in a request of a client that has yet to authenticate, in bytes.
const UNAUTHENTICATED_BULK_BYTES_MAX: u64 = 16384;

/// What a client may send.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Longest argument in bytes (directive proto-max-bulk-len; no limit for a primary's link). Arguments
    /// over 4 GB are refused in any case.
    pub bulk_bytes_max: u64,
    /// False while the client must authenticate and has not: then much less is allowed.
    pub authenticated: bool,
}

/// A request that breaks the protocol. The connection is closed after the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// An inline request over [`LINE_BYTES_MAX`].
    TooBigInlineRequest,
    /// An inline request with an open quote.
    UnbalancedQuotes,
    /// The line with the number of arguments is over [`LINE_BYTES_MAX`].
    TooBigMultibulkCount,
    /// The number of arguments is no number, or over `i32::MAX`.
    InvalidMultibulkLength,
    /// Too many arguments for a client that has yet to authenticate.
    UnauthenticatedMultibulkLength,
    /// The line with the length of an argument is over [`LINE_BYTES_MAX`].
    TooBigBulkCount,
    /// An argument does not start with `$`, but with this byte.
    ExpectedDollar(u8),
    /// The length of an argument is no number, negative or over the limit.
    InvalidBulkLength,
    /// Too long an argument for a client that has yet to authenticate.
    UnauthenticatedBulkLength,
    /// The arguments that are no blobs fill more than 2 GB. Redis would close the connection because of
    /// client-query-buffer-limit, unless that is higher still.
    TooBigRequest,
}

impl ProtocolError {
    /// The whole reply, from `-` to CR LF. Not UTF-8 when the client's own byte is quoted.
    pub fn reply(&self) -> Vec<u8> {
        [b"-ERR Protocol error: ", &*self.text(), b"\r\n"].concat()
    }

    /// What is wrong, in Redis's words.
    fn text(&self) -> Cow<'static, [u8]> {
        let text = match self {
            ProtocolError::TooBigInlineRequest => "too big inline request",
            ProtocolError::UnbalancedQuotes => "unbalanced quotes in request",
            ProtocolError::TooBigMultibulkCount => "too big mbulk count string",
            ProtocolError::InvalidMultibulkLength => "invalid multibulk length",
            ProtocolError::UnauthenticatedMultibulkLength => "unauthenticated multibulk length",
            ProtocolError::TooBigBulkCount => "too big bulk count string",
            ProtocolError::ExpectedDollar(got) => {
                // Redis lets no line end into an error reply.
                let got = if matches!(got, b'\r' | b'\n') { b' ' } else { *got };
                return [b"expected '$', got '", &[got][..], b"'"].concat().into();
            }
            ProtocolError::InvalidBulkLength => "invalid bulk length",
            ProtocolError::UnauthenticatedBulkLength => "unauthenticated bulk length",
            ProtocolError::TooBigRequest => "too big request",
        };
        text.as_bytes().into()
    }
}

/// Memory for the arguments of the request that is parsed. One per worker; empty between turns.
#[derive(Default, Debug)]
pub struct Argv {
    pub(super) spans: Vec<Span>,
    pub(super) blobs: Vec<Blob>,
    /// The words of an inline request, quotes and escapes resolved.
    words: Vec<u8>,
}

impl Argv {
    /// Forgets the arguments, so that the memory of big ones can be given back.
    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.blobs.clear();
        self.words.clear();
    }

    /// Forgets all but so many arguments, none of which is a blob or a word.
    #[cold]
    pub(super) fn forget_behind(&mut self, spans: usize) {
        self.spans.truncate(spans);
        self.blobs.clear();
        self.words.clear();
    }

    /// Bytes of memory held on the heap.
    pub(super) fn memory_bytes(&self) -> usize {
        self.spans.capacity() * size_of::<Span>()
            + self.blobs.capacity() * size_of::<Blob>()
            + self.blobs.iter().map(|blob| blob.capacity()).sum::<usize>()
            + self.words.capacity()
    }

    /// The arguments of a request that was parsed from `buffer`.
    #[inline]
    pub(super) fn args<'a>(&'a self, buffer: &'a [u8], inline: bool) -> Args<'a> {
        Args::new(if inline { &self.words } else { buffer }, &self.spans, &self.blobs)
    }
}

impl Trim for Argv {
    /// Only between two turns: the arguments are forgotten.
    fn trim(&mut self) {
        self.clear();
        self.spans.trim();
        self.blobs.trim();
        self.words.trim();
    }
}

/// What became of the bytes that there are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// One request, which may have no arguments. It ends before byte `consumed` of the buffer. The words of
    /// an inline request are not in the buffer, but in the [`Argv`].
    Complete { consumed: usize, inline: bool },
    /// More bytes are needed. Only the first `keep` bytes of the buffer must be there next time: the others
    /// have been moved to the blob that is now being filled.
    Incomplete { keep: usize },
    /// The request cannot be parsed, whatever follows.
    Error(ProtocolError),
}

/// A big argument whose bytes are still coming.
#[derive(Debug)]
pub(super) struct PartialBlob {
    /// What has come; its capacity is never above `len` by much.
    pub(super) bytes: Vec<u8>,
    /// The length that was announced.
    pub(super) len: usize,
}

impl PartialBlob {
    /// Bytes still to come.
    pub(super) fn missing(&self) -> usize {
        self.len - self.bytes.len()
    }

    /// Makes room for some of the bytes that are missing; returns for how many.
    pub(super) fn grow(&mut self) -> usize {
        if self.bytes.capacity() == self.bytes.len() {
            let growth = self.bytes.len().max(BLOB_GROWTH_BYTES_MIN);
            self.bytes.reserve_exact(self.missing().min(growth));
        }
        self.missing().min(self.bytes.capacity() - self.bytes.len())
    }

    /// Takes what it needs from the start of `received`; returns how many bytes that were.
    pub(super) fn fill(&mut self, received: &[u8]) -> usize {
        let mut taken = 0;
        while taken < received.len() && self.missing() > 0 {
            let step = self.grow().min(received.len() - taken);
            self.bytes.extend_from_slice(&received[taken..taken + step]);
            taken += step;
        }
        taken
    }
}

/// How far the parse of one request has come. One per unfinished request.
#[derive(Default, Debug)]
pub(super) struct RequestParser {
    /// Where the next argument starts, relative to the request's start; 0 until the number of arguments is
    /// known. It may lie after the end of the buffer: the CR LF after an argument is skipped without a look,
    /// as in Redis.
    at: usize,
    /// Bytes of the unfinished line at `at` that were searched for its end already.
    searched: usize,
    /// Arguments still to come, the one in `blob` included.
    args_left: u32,
    /// The big argument whose bytes are still coming; its CR LF will be at `at` of the buffer.
    pub(super) blob: Option<PartialBlob>,
}

impl RequestParser {
    /// Bytes of the unfinished request that were understood already: its complete arguments and what is
    /// around them.
    pub(super) fn taken_bytes(&self) -> usize {
        self.at
    }

    /// Parses `buffer`, which starts with the request's first byte, and appends the arguments to `argv`.
    /// While the result is [`Parsed::Incomplete`], the next call must have the same `argv` and the same bytes
    /// with more after them. While `blob` misses bytes, more bytes go there first.
    #[inline]
    pub(super) fn parse(&mut self, buffer: &[u8], argv: &mut Argv, limits: &RequestLimits) -> Parsed {
        let reachable = &buffer[..buffer.len().min(Span::BUFFER_BYTES_MAX)];
        let parsed = self.parse_reachable(reachable, argv, limits);
        if let Parsed::Incomplete { keep: Span::BUFFER_BYTES_MAX } = parsed {
            return Parsed::Error(ProtocolError::TooBigRequest);
        }
        parsed
    }

    #[inline]
    fn parse_reachable(&mut self, buffer: &[u8], argv: &mut Argv, limits: &RequestLimits) -> Parsed {
        if self.at == 0 {
            match buffer.first() {
                None => return Parsed::Incomplete { keep: 0 },
                Some(b'*') => {}
                Some(_) => return self.parse_inline(buffer, argv),
            }
            let (count, next) = match short_length(buffer, 0) {
                Some((count, next)) => (count as i64, next),
                None => match self.long_count(buffer) {
                    Ok(found) => found,
                    Err(parsed) => return parsed,
                },
            };
            if count > i64::from(i32::MAX) {
                return Parsed::Error(ProtocolError::InvalidMultibulkLength);
            }
            if count > UNAUTHENTICATED_ARGS_MAX && !limits.authenticated {
                return Parsed::Error(ProtocolError::UnauthenticatedMultibulkLength);
            }
            self.args_left = count.max(0) as u32;
            self.at = next;
            self.searched = 0;
        } else if self.blob.is_some() && !self.finish_blob(argv) {
            return Parsed::Incomplete { keep: buffer.len() };
        }
        self.parse_bulks(buffer, argv, limits)
    }

    /// The arguments from `at` on.
    #[inline]
    fn parse_bulks(&mut self, buffer: &[u8], argv: &mut Argv, limits: &RequestLimits) -> Parsed {
        let bulk_bytes_max = limits.bulk_bytes_max.min(match limits.authenticated {
            true => u64::from(u32::MAX), // what a span can say
            false => UNAUTHENTICATED_BULK_BYTES_MAX,
        });
        while self.args_left > 0 {
            let short = match buffer.get(self.at) {
                Some(b'$') => short_length(buffer, self.at),
                _ => None,
            };
            let (len, body) = match short {
                Some(found) => found,
                None => match self.long_bulk_len(buffer) {
                    Ok(found) => found,
                    Err(parsed) => return parsed,
                },
            };
            if len > bulk_bytes_max {
                return Parsed::Error(match len > limits.bulk_bytes_max || limits.authenticated {
                    true => ProtocolError::InvalidBulkLength,
                    false => ProtocolError::UnauthenticatedBulkLength,
                });
            }
            let len = len as usize;
            if len >= BLOB_LEN_MIN {
                if let Some(keep) = self.start_blob(buffer, body, len, argv) {
                    return Parsed::Incomplete { keep };
                }
                continue;
            }
            let next = body + len + 2;
            if next > buffer.len() {
                return Parsed::Incomplete { keep: buffer.len() };
            }
            argv.spans.push(Span::new(body, len));
            self.at = next;
            self.searched = 0;
            self.args_left -= 1;
        }
        if self.at > buffer.len() {
            return Parsed::Incomplete { keep: buffer.len() };
        }
        Parsed::Complete { consumed: self.at, inline: false }
    }

    /// The big argument of `len` bytes at `body`. When some of them are missing, says how many bytes of the
    /// buffer must be kept; the CR LF after the argument will come there.
    #[cold]
    fn start_blob(&mut self, buffer: &[u8], body: usize, len: usize, argv: &mut Argv) -> Option<usize> {
        let arrived = &buffer[body..];
        let mut blob = PartialBlob { bytes: Vec::new(), len };
        if arrived.len() >= len {
            blob.bytes = arrived[..len].to_vec();
            self.at = body + len;
        } else {
            blob.bytes.reserve_exact(len.min(arrived.len().max(BLOB_GROWTH_BYTES_MIN)));
            blob.bytes.extend_from_slice(arrived);
            self.at = body;
        }
        self.blob = Some(blob);
        (!self.finish_blob(argv)).then_some(body)
    }

    /// Makes the blob an argument if all of it has come; says whether it did.
    #[cold]
    fn finish_blob(&mut self, argv: &mut Argv) -> bool {
        let Some(blob) = self.blob.take_if(|blob| blob.missing() == 0) else { return false };
        argv.spans.push(Span::blob(argv.blobs.len(), blob.len));
        argv.blobs.push(Blob::new(blob.bytes));
        self.at += 2;
        self.searched = 0;
        self.args_left -= 1;
        true
    }

    /// The number of arguments in any spelling, or why there is none.
    #[cold]
    fn long_count(&mut self, buffer: &[u8]) -> Result<(i64, usize), Parsed> {
        let end = self.length_line_end(buffer, ProtocolError::TooBigMultibulkCount)?;
        match parse_i64(&buffer[1..end]) {
            Some(count) => Ok((count, end + 2)),
            None => Err(Parsed::Error(ProtocolError::InvalidMultibulkLength)),
        }
    }

    /// The length of the argument at `at` in any spelling, or why there is none. As in Redis the line must be
    /// complete before its first byte is looked at.
    #[cold]
    fn long_bulk_len(&mut self, buffer: &[u8]) -> Result<(u64, usize), Parsed> {
        let end = self.length_line_end(buffer, ProtocolError::TooBigBulkCount)?;
        let line = &buffer[self.at..end];
        match (buffer[self.at], line.get(1..).and_then(parse_i64)) {
            (b'$', Some(len @ 0..)) => Ok((len as u64, end + 2)),
            (b'$', _) => Err(Parsed::Error(ProtocolError::InvalidBulkLength)),
            (got, _) => Err(Parsed::Error(ProtocolError::ExpectedDollar(got))),
        }
    }

    /// Where the CR of the line at `at` is. One byte must follow it, whatever it is, as in Redis.
    fn length_line_end(&mut self, buffer: &[u8], too_big: ProtocolError) -> Result<usize, Parsed> {
        match self.line_end(buffer, b'\r', too_big)? {
            end if end + 1 < buffer.len() => Ok(end),
            _ => Err(Parsed::Incomplete { keep: buffer.len() }),
        }
    }

    /// Where the byte `terminator` of the line at `at` is.
    ///
    /// Redis searches with strchr and so never finds the end of a line with a NUL in it: the client waits
    /// until it has sent too much. Redis looks at the limit only when it finds no end in what has come so
    /// far; here a line over the limit is refused however it is split into packets.
    fn line_end(&mut self, buffer: &[u8], terminator: u8, too_big: ProtocolError) -> Result<usize, Parsed> {
        let line = buffer.get(self.at..).unwrap_or_default();
        let allowed = &line[..line.len().min(LINE_BYTES_MAX + 1)];
        let found = allowed[self.searched..].iter().position(|&byte| byte == terminator || byte == 0);
        self.searched = found.map_or(allowed.len(), |offset| self.searched + offset);
        if found.is_some() && line[self.searched] == terminator {
            return Ok(self.at + self.searched);
        }
        Err(match line.len() > LINE_BYTES_MAX {
            true => Parsed::Error(too_big),
            false => Parsed::Incomplete { keep: buffer.len() },
        })
    }

    /// A line that does not start with `*`.
    #[cold]
    fn parse_inline(&mut self, buffer: &[u8], argv: &mut Argv) -> Parsed {
        let end = match self.line_end(buffer, b'\n', ProtocolError::TooBigInlineRequest) {
            Ok(end) => end,
            Err(parsed) => return parsed,
        };
        let line = buffer[..end].strip_suffix(b"\r").unwrap_or(&buffer[..end]);
        match inline::split(line, &mut argv.words, &mut argv.spans) {
            Ok(()) => Parsed::Complete { consumed: end + 1, inline: true },
            Err(inline::UnbalancedQuotes) => Parsed::Error(ProtocolError::UnbalancedQuotes),
        }
    }
}

/// The number in the line at `at`, after the line's first byte, and where the next line starts; `None` unless
/// the line is complete and the number has one to nine digits without a leading zero.
#[inline]
fn short_length(buffer: &[u8], at: usize) -> Option<(u64, usize)> {
    let line = buffer.get(at + 1..)?;
    let mut value = 0;
    for (count, &byte) in line.iter().take(10).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let spelt_well = byte == b'\r' && (count == 1 || count > 1 && line[0] != b'0');
            return (spelt_well && line.len() > count + 1).then_some((value, at + 1 + count + 2));
        }
        value = value * 10 + u64::from(digit);
    }
    None
}
