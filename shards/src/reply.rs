//! Replies in RESP2 and RESP3, written straight into the bytes that leave for the client.
//!
//! Source of the wire forms: the Redis protocol specification (RESP2, RESP3). A big bulk string is not
//! copied: the reply remembers the [`Blob`] and the place where it belongs. This file must not know any
//! command.

use crate::args::{BLOB_LEN_MIN, Blob};

use crate::error::CommandError;
use crate::error_counts;
use crate::num::{self, format_score};
use crate::spare::Trim;

/// A reply to a client of another core that has so many bytes is not copied there: the copy, into memory that
/// has to be made first, would hold that core up for longer than it takes to send it.
const SHARED_LEN_MIN: usize = 256 << 10;

/// A reply of which the client alone names the length, not the data, may have about so many bytes:
/// SRANDMEMBER, HRANDFIELD and ZRANDMEMBER with a negative count. Redis goes on until its memory is full.
pub const REPEATED_BYTES_MAX: usize = 256 << 20;
/// It has at most so many elements: the least that one takes is `$0`, and two line ends.
pub const REPEATED_ELEMENTS_MAX: usize = REPEATED_BYTES_MAX / 6;

/// An output buffer: encoded bytes, and blobs that belong at given offsets between them. One per connection,
/// one per batch of replies that crosses to another core.
#[derive(Default, Debug)]
pub struct Reply {
    bytes: Vec<u8>,
    /// `(offset, blob)`: the blob's bytes come before `bytes[offset]`. Offsets never decrease.
    blobs: Vec<(usize, Blob)>,
    blob_bytes: usize,
    resp3: bool,
}

impl Reply {
    /// An empty buffer for the given protocol version.
    pub fn new(resp3: bool) -> Reply {
        Reply { resp3, ..Reply::default() }
    }

    /// True while the receiver has asked for RESP3 by HELLO 3.
    #[inline]
    pub fn is_resp3(&self) -> bool {
        self.resp3
    }

    /// Chooses the protocol version of what is written from now on.
    #[inline]
    pub fn set_resp3(&mut self, resp3: bool) {
        self.resp3 = resp3;
    }

    /// Encoded bytes, blobs left out.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Blobs and the offsets in [`Reply::bytes`] that they come before.
    pub fn blobs(&self) -> &[(usize, Blob)] {
        &self.blobs
    }

    /// Bytes that the client will receive, blobs included.
    #[inline]
    pub fn total_len(&self) -> usize {
        self.bytes.len() + self.blob_bytes
    }

    /// Nothing has been written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.blobs.is_empty()
    }

    /// Bytes of memory that the buffer holds for itself; blobs are shared.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.blobs.capacity() * size_of::<(usize, Blob)>()
    }

    /// Forgets the content and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.blobs.clear();
        self.blob_bytes = 0;
    }

    /// Takes the content out, leaving an empty buffer of the same protocol version.
    pub fn take(&mut self) -> (Vec<u8>, Vec<(usize, Blob)>) {
        self.blob_bytes = 0;
        (std::mem::take(&mut self.bytes), std::mem::take(&mut self.blobs))
    }

    /// Makes a long reply that was written since `mark` a blob, so that another core sends it without copying
    /// it first.
    pub fn share_since(&mut self, mark: ReplyMark) {
        if self.bytes.len() - mark.bytes < SHARED_LEN_MIN || self.blobs.len() > mark.blobs {
            return;
        }
        let long = match mark.bytes {
            0 => std::mem::take(&mut self.bytes),
            at => self.bytes.split_off(at),
        };
        self.blob_bytes += long.len();
        self.blobs.push((mark.bytes, Blob::new(long)));
    }

    /// Takes out what comes from this byte on, and the blobs from there on. Of the bytes the fewer are
    /// copied, so that what stays has no memory out of proportion.
    pub fn split_off(&mut self, at: usize) -> Reply {
        let bytes = if at < self.bytes.len() / 2 {
            let mut bytes = std::mem::take(&mut self.bytes);
            self.bytes.extend(bytes.drain(..at));
            bytes
        } else {
            self.bytes.split_off(at)
        };
        let first = self.blobs.partition_point(|&(offset, _)| offset < at);
        let mut blobs = self.blobs.split_off(first);
        blobs.iter_mut().for_each(|(offset, _)| *offset -= at);
        let blob_bytes = blobs.iter().map(|(_, blob)| blob.len()).sum();
        self.blob_bytes -= blob_bytes;
        Reply { bytes, blobs, blob_bytes, resp3: self.resp3 }
    }

    /// Gives back memory that [`Reply::take`] took away, so that it is used again. Only when empty.
    pub fn reuse(&mut self, mut bytes: Vec<u8>) {
        debug_assert!(self.is_empty());
        bytes.clear();
        if bytes.capacity() > self.bytes.capacity() {
            self.bytes = bytes;
        }
    }

    /// A place to which [`Reply::truncate`] can return.
    pub fn mark(&self) -> ReplyMark {
        ReplyMark { bytes: self.bytes.len(), blobs: self.blobs.len() }
    }

    /// Drops everything written since `mark`.
    pub fn truncate(&mut self, mark: ReplyMark) {
        self.bytes.truncate(mark.bytes);
        for (_, blob) in self.blobs.drain(mark.blobs..) {
            self.blob_bytes -= blob.len();
        }
    }

    /// Appends bytes that are RESP already.
    #[inline]
    pub fn raw(&mut self, encoded: &[u8]) {
        self.bytes.extend_from_slice(encoded);
    }

    /// Appends another buffer, its blobs shared.
    pub fn append(&mut self, bytes: &[u8], blobs: &[(usize, Blob)]) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        for (offset, blob) in blobs {
            self.blob_bytes += blob.len();
            self.blobs.push((base + offset, Blob::clone(blob)));
        }
    }

    /// Appends the part of another buffer between two of its places ([`Reply::element_end`]), blobs shared.
    pub fn append_part(&mut self, from: &Reply, start: ReplyMark, end: ReplyMark) {
        let base = self.bytes.len();
        self.bytes.extend_from_slice(&from.bytes[start.bytes..end.bytes]);
        for (offset, blob) in &from.blobs[start.blobs..end.blobs] {
            self.blob_bytes += blob.len();
            self.blobs.push((base + offset - start.bytes, Blob::clone(blob)));
        }
    }

    /// The place behind the header of the array that starts this buffer.
    pub fn behind_header(&self) -> ReplyMark {
        ReplyMark { bytes: line_end(&self.bytes, 0), blobs: 0 }
    }

    /// The end of the element of RESP that starts at `start`. What is written here is well-formed.
    pub fn element_end(&self, start: ReplyMark) -> ReplyMark {
        let ReplyMark { bytes: mut at, mut blobs } = start;
        let mut missing = 1;
        while missing > 0 && at < self.bytes.len() {
            missing -= 1;
            let end = line_end(&self.bytes, at);
            let count = num::parse_i64(&self.bytes[at + 1..end - 2]).unwrap_or(0).max(0) as usize;
            let is_null = self.bytes[at + 1] == b'-';
            let kind = self.bytes[at];
            at = end;
            match kind {
                b'$' | b'=' if is_null => {}
                b'$' | b'=' => {
                    if self.blobs.get(blobs).is_some_and(|&(offset, _)| offset == end) {
                        blobs += 1;
                    } else {
                        at += count;
                    }
                    at += 2;
                }
                b'*' | b'~' | b'>' => missing += count,
                b'%' => missing += 2 * count,
                _ => {}
            }
        }
        ReplyMark { bytes: at, blobs }
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// A simple string; it must not contain CR or LF.
    pub fn simple(&mut self, text: &str) {
        self.bytes.push(b'+');
        self.raw(text.as_bytes());
        self.raw(b"\r\n");
    }

    /// An error, which is counted. As in Redis, CR and LF at its end go, and those inside become spaces.
    pub fn error(&mut self, error: &CommandError) {
        self.bytes.push(b'-');
        let bytes = error.bytes();
        let end = bytes.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |last| last + 1);
        let text = &bytes[..end];
        error_counts::count(text);
        self.bytes.extend(text.iter().map(|&b| if b == b'\r' || b == b'\n' { b' ' } else { b }));
        self.raw(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn int(&mut self, value: i64) {
        match value {
            0 => self.raw(b":0\r\n"),
            1 => self.raw(b":1\r\n"),
            _ => self.prefixed(b':', value),
        }
    }

    /// A length or count as an integer.
    #[inline]
    pub fn len_int(&mut self, value: usize) {
        self.int(value as i64);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, value: &[u8]) {
        self.bytes.reserve(value.len() + 16);
        self.prefixed(b'$', value.len() as i64);
        self.bytes.extend_from_slice(value);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// A bulk string that holds an integer's decimal text.
    pub fn bulk_int(&mut self, value: i64) {
        let mut buffer = itoa::Buffer::new();
        self.bulk(buffer.format(value).as_bytes());
    }

    /// A bulk string that is sent from the blob's own memory when it is long enough.
    pub fn bulk_blob(&mut self, blob: &Blob) {
        if blob.len() < BLOB_LEN_MIN {
            return self.bulk(blob);
        }
        self.prefixed(b'$', blob.len() as i64);
        self.blobs.push((self.bytes.len(), Blob::clone(blob)));
        self.blob_bytes += blob.len();
        self.raw(b"\r\n");
    }

    /// No value: `$-1` in RESP2, `_` in RESP3.
    #[inline]
    pub fn null(&mut self) {
        self.raw(if self.resp3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// No array: `*-1` in RESP2, `_` in RESP3.
    pub fn null_array(&mut self) {
        self.raw(if self.resp3 { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The header of an array of `len` elements.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.prefixed(b'*', len as i64);
    }

    /// The header of a map of `pairs` pairs; in RESP2 an array of twice as many elements.
    pub fn map(&mut self, pairs: usize) {
        if self.resp3 {
            self.prefixed(b'%', pairs as i64);
        } else {
            self.prefixed(b'*', pairs as i64 * 2);
        }
    }

    /// The header of a set of `len` elements; in RESP2 an array.
    pub fn set(&mut self, len: usize) {
        self.prefixed(if self.resp3 { b'~' } else { b'*' }, len as i64);
    }

    /// The header of a push message of `len` elements; in RESP2 an array.
    pub fn push(&mut self, len: usize) {
        self.prefixed(if self.resp3 { b'>' } else { b'*' }, len as i64);
    }

    /// A double; in RESP2 a bulk string with the same digits (Redis: addReplyDouble).
    pub fn double(&mut self, value: f64) {
        let text = format_score(value);
        if self.resp3 {
            self.bytes.push(b',');
            self.raw(&text);
            self.raw(b"\r\n");
        } else {
            self.bulk(&text);
        }
    }

    /// A boolean; in RESP2 the integers 1 and 0.
    pub fn bool(&mut self, value: bool) {
        match (self.resp3, value) {
            (true, true) => self.raw(b"#t\r\n"),
            (true, false) => self.raw(b"#f\r\n"),
            (false, _) => self.int(value as i64),
        }
    }

    /// A verbatim string with its three-letter format; in RESP2 a bulk string.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        debug_assert_eq!(format.len(), 3);
        if self.resp3 {
            self.prefixed(b'=', text.len() as i64 + 4);
            self.raw(format.as_bytes());
            self.bytes.push(b':');
            self.raw(text);
            self.raw(b"\r\n");
        } else {
            self.bulk(text);
        }
    }

    #[inline]
    fn prefixed(&mut self, kind: u8, value: i64) {
        // Nearly all lengths and counts: arrays of a known size are written without a call.
        match value {
            0..=9 => return self.bytes.extend_from_slice(&[kind, b'0' + value as u8, b'\r', b'\n']),
            10..=99 => {
                let (tens, ones) = (b'0' + (value / 10) as u8, b'0' + (value % 10) as u8);
                return self.bytes.extend_from_slice(&[kind, tens, ones, b'\r', b'\n']);
            }
            _ => {}
        }
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(value).as_bytes();
        self.bytes.reserve(digits.len() + 3);
        self.bytes.push(kind);
        self.bytes.extend_from_slice(digits);
        self.bytes.extend_from_slice(b"\r\n");
    }
}

impl Trim for Reply {
    fn trim(&mut self) {
        self.bytes.trim();
        self.blobs.trim();
    }
}

/// A place in a [`Reply`].
#[derive(Clone, Copy, Debug)]
pub struct ReplyMark {
    bytes: usize,
    blobs: usize,
}

/// The end of the line at `start`, behind its LF.
fn line_end(bytes: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(resp3: bool, write: impl Fn(&mut Reply)) -> String {
        let mut reply = Reply::new(resp3);
        write(&mut reply);
        String::from_utf8(reply.bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_long_reply_is_shared_and_reads_the_same() {
        for before in [0, 3] {
            let mut reply = Reply::default();
            (0..before).for_each(|_| reply.ok());
            let mark = reply.mark();
            reply.bulk(&vec![b'x'; SHARED_LEN_MIN]);
            let (whole, total) = (reply.bytes().to_vec(), reply.total_len());
            reply.share_since(mark);
            assert_eq!((reply.bytes().len(), reply.total_len()), (mark.bytes, total));
            let [(at, blob)] = reply.blobs() else { panic!("one blob") };
            assert_eq!([&reply.bytes()[..*at], blob].concat(), whole);
        }
        let mut short = Reply::default();
        let mark = short.mark();
        short.ok();
        short.share_since(mark);
        assert!(short.blobs().is_empty());
    }

    #[test]
    fn what_is_split_off_and_what_stays_read_as_the_whole_did() {
        let blob = Blob::new(vec![b'b'; BLOB_LEN_MIN]);
        for (before, behind) in [(0, 0), (0, 3), (1, 100), (100, 1), (1, 1)] {
            let mut reply = Reply::new(true);
            reply.raw(&vec![b'x'; before]);
            let at = reply.bytes().len();
            reply.append(b"y", &[(0, Blob::clone(&blob)), (1, Blob::clone(&blob))]);
            reply.raw(&vec![b'z'; behind]);
            let total = reply.total_len();
            let rest = reply.split_off(at);
            assert_eq!(reply.bytes(), vec![b'x'; before]);
            assert_eq!(rest.bytes(), [b"y", &vec![b'z'; behind][..]].concat());
            assert!(reply.blobs().is_empty() && reply.total_len() == before);
            assert_eq!(rest.blobs().iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 1]);
            assert!(rest.total_len() == total - before && rest.is_resp3());
        }
    }

    #[test]
    fn resp3_types_fall_back_in_resp2() {
        assert_eq!(written(false, |r| r.null()), "$-1\r\n");
        assert_eq!(written(true, |r| r.null()), "_\r\n");
        assert_eq!(written(false, |r| r.map(2)), "*4\r\n");
        assert_eq!(written(true, |r| r.map(2)), "%2\r\n");
        assert_eq!(written(false, |r| r.verbatim("txt", b"hi")), "$2\r\nhi\r\n");
        assert_eq!(written(true, |r| r.verbatim("txt", b"hi")), "=6\r\ntxt:hi\r\n");
        assert_eq!(written(false, |r| r.bool(true)), ":1\r\n");
        assert_eq!(written(true, |r| r.bool(true)), "#t\r\n");
    }

    #[test]
    fn an_error_is_always_one_line() {
        let error = CommandError::other("ERR bad\r\nthing");
        assert_eq!(written(false, |r| r.error(&error)), "-ERR bad  thing\r\n");
    }

    #[test]
    fn a_blob_is_counted_but_not_copied() {
        let blob = Blob::new(vec![b'x'; BLOB_LEN_MIN]);
        let mut reply = Reply::new(false);
        reply.ok();
        reply.bulk_blob(&blob);
        assert_eq!(reply.total_len(), 5 + 8 + BLOB_LEN_MIN + 2);
        assert_eq!(reply.blobs()[0].0, 5 + 8);
        let mark = reply.mark();
        reply.bulk_blob(&blob);
        reply.truncate(mark);
        assert_eq!(reply.total_len(), 5 + 8 + BLOB_LEN_MIN + 2);
    }
}
