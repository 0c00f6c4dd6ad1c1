//! The arguments of one command, as a handler sees them: `args[0]` is the command's name.
//!
//! Arguments are spans over one byte buffer (the connection's query buffer, or a frame of a hop), so a
//! command is parsed once and can be copied to another core without parsing it again. An argument of at least
//! [`BLOB_LEN_MIN`] bytes has its own allocation, a [`Blob`], which the keyspace can keep without copying it.
//! This file must not know any command.

use std::ops::Index;
use std::sync::Arc;

/// A big byte string with its own allocation: a large argument, the string value made of it, and the reply
/// that sends it. It is immutable while shared; whoever wants to change it uses `Arc::get_mut` or copies.
///
/// This is the one kind of data that may be shared between cores: one atomic operation for at least
/// [`BLOB_LEN_MIN`] bytes is cheaper than the copy that it saves.
pub type Blob = Arc<Vec<u8>>;

/// Arguments and replies from this length on, in bytes, travel as a [`Blob`] (Redis: PROTO_MBULK_BIG_ARG).
pub const BLOB_LEN_MIN: usize = 32 * 1024;

/// Where one argument lies: in the byte buffer, or in the list of blobs. Two words of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset into the buffer, or `BLOB` plus the index into the list of blobs.
    start: u32,
    /// Length in bytes.
    len: u32,
}

impl Span {
    const BLOB: u32 = 1 << 31;
    /// The largest buffer that spans can point into, in bytes.
    pub const BUFFER_BYTES_MAX: usize = Span::BLOB as usize - 1;

    /// An argument at `start..start + len` of the byte buffer.
    pub fn new(start: usize, len: usize) -> Span {
        debug_assert!(start + len <= Span::BUFFER_BYTES_MAX);
        Span { start: start as u32, len: len as u32 }
    }

    /// An argument that is the blob number `index` of the request.
    pub fn blob(index: usize, len: usize) -> Span {
        Span { start: Span::BLOB | index as u32, len: len as u32 }
    }

    /// Length of the argument in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a span is a place, not a collection")]
    pub fn len(self) -> usize {
        self.len as usize
    }

    fn blob_index(self) -> Option<usize> {
        (self.start & Span::BLOB != 0).then_some((self.start & !Span::BLOB) as usize)
    }

    /// The same argument in a buffer whose first byte is byte `delta` of this one. Blobs stay where they are.
    pub fn moved_back(self, delta: usize) -> Span {
        match self.blob_index() {
            Some(_) => self,
            None => Span { start: self.start - delta as u32, len: self.len },
        }
    }
}

/// A borrowed view of a command's arguments. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
    blobs: &'a [Blob],
}

impl<'a> Args<'a> {
    /// A view over a buffer, the spans in it and the blobs that spans may name.
    #[inline]
    pub fn new(bytes: &'a [u8], spans: &'a [Span], blobs: &'a [Blob]) -> Args<'a> {
        Args { bytes, spans, blobs }
    }

    /// The number of arguments, the command's name included (argc).
    #[expect(clippy::len_without_is_empty, reason = "there is always a command name")]
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Argument `index`; panics when there is none: arity is checked before a handler runs.
    #[inline]
    pub fn get(&self, index: usize) -> &'a [u8] {
        let span = self.spans[index];
        match span.blob_index() {
            None => &self.bytes[span.start as usize..][..span.len as usize],
            Some(blob) => &self.blobs[blob],
        }
    }

    /// Argument `index` as something that the keyspace may keep: a blob is shared, not copied.
    #[inline]
    pub fn value(&self, index: usize) -> ArgValue<'a> {
        match self.spans[index].blob_index() {
            None => ArgValue::Bytes(self.get(index)),
            Some(blob) => ArgValue::Blob(&self.blobs[blob]),
        }
    }

    /// All arguments from `first` on.
    pub fn iter_from(&self, first: usize) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let args = *self;
        (first..args.len()).map(move |index| args.get(index))
    }

    /// The command without its first `count` arguments: the view that a subcommand's options parser wants.
    pub fn skip(&self, count: usize) -> Args<'a> {
        Args { spans: &self.spans[count..], ..*self }
    }

    /// The spans of all arguments.
    pub fn spans(&self) -> &'a [Span] {
        self.spans
    }

    /// An owned copy; blobs are shared.
    pub fn to_owned(&self) -> OwnedArgs {
        let copied_bytes = (0..self.len()).map(|index| self.value(index).copied_bytes()).sum();
        let mut owned = OwnedArgs::with_capacity(self.len(), copied_bytes);
        for index in 0..self.len() {
            owned.push_value(self.value(index));
        }
        owned
    }
}

impl Index<usize> for Args<'_> {
    type Output = [u8];

    #[inline]
    fn index(&self, index: usize) -> &[u8] {
        self.get(index)
    }
}

/// One argument, either bytes to be copied or a blob to be shared.
#[derive(Clone, Copy)]
pub enum ArgValue<'a> {
    /// Lies in the request's buffer.
    Bytes(&'a [u8]),
    /// Has its own allocation.
    Blob(&'a Blob),
}

impl<'a> ArgValue<'a> {
    /// The argument's bytes.
    pub fn bytes(&self) -> &'a [u8] {
        match self {
            ArgValue::Bytes(bytes) => bytes,
            ArgValue::Blob(blob) => blob,
        }
    }

    /// How many bytes a copy of it takes: a blob is shared.
    pub fn copied_bytes(&self) -> usize {
        match self {
            ArgValue::Bytes(bytes) => bytes.len(),
            ArgValue::Blob(_) => 0,
        }
    }
}

/// Arguments with their own memory: a command queued by MULTI, one that waits for a lock, a part of a
/// transaction, or a test's.
#[derive(Clone, Default, Debug)]
pub struct OwnedArgs {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    blobs: Vec<Blob>,
}

impl OwnedArgs {
    /// None yet, with room for so many arguments and so many bytes of those that are copied.
    pub fn with_capacity(args: usize, copied_bytes: usize) -> OwnedArgs {
        let (bytes, spans) = (Vec::with_capacity(copied_bytes), Vec::with_capacity(args));
        OwnedArgs { bytes, spans, blobs: Vec::new() }
    }

    /// Appends one argument by copying it.
    pub fn push(&mut self, arg: &[u8]) {
        self.spans.push(Span::new(self.bytes.len(), arg.len()));
        self.bytes.extend_from_slice(arg);
    }

    /// Appends one argument; a blob is shared.
    pub fn push_value(&mut self, arg: ArgValue<'_>) {
        match arg {
            ArgValue::Bytes(bytes) => self.push(bytes),
            ArgValue::Blob(blob) => {
                self.spans.push(Span::blob(self.blobs.len(), blob.len()));
                self.blobs.push(Blob::clone(blob));
            }
        }
    }

    /// The borrowed view that handlers take.
    pub fn as_args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans, &self.blobs)
    }

    /// Bytes of memory held, blobs included.
    pub fn bytes_held(&self) -> usize {
        self.bytes.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.blobs.iter().map(|blob| blob.len()).sum::<usize>()
    }
}

/// Equal when the arguments are, however they are held.
impl PartialEq for OwnedArgs {
    fn eq(&self, other: &OwnedArgs) -> bool {
        self.as_args().iter_from(0).eq(other.as_args().iter_from(0))
    }
}

impl Eq for OwnedArgs {}

impl<A: AsRef<[u8]>> FromIterator<A> for OwnedArgs {
    fn from_iter<I: IntoIterator<Item = A>>(args: I) -> OwnedArgs {
        let mut owned = OwnedArgs::default();
        for arg in args {
            owned.push(arg.as_ref());
        }
        owned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owned_args_keep_blobs_shared() {
        let blob = Blob::new(vec![7; BLOB_LEN_MIN]);
        let mut owned: OwnedArgs = ["SET", "key"].into_iter().collect();
        owned.push_value(ArgValue::Blob(&blob));
        let copy = owned.as_args().to_owned();
        assert_eq!(&copy.as_args()[1], b"key");
        assert_eq!(copy.as_args()[2].as_ptr(), blob.as_ptr());
    }
}
