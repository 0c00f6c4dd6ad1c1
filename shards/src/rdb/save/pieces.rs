//! Strings in pieces, and how much of a budget is used up.

use crate::encoding::lzf;
use crate::rdb::sink::{COMPRESS_SAVED_BYTES_MIN, Sink};

/// Longer strings than this are not compressed when they are written in pieces, in bytes: the compressed
/// bytes have to be kept until it is known how many they are.
const COMPRESSED_IN_STEPS_MAX: usize = 16 << 20;

/// A step compresses so many bytes at least: of fewer there is too little to be found.
const STEP_BYTES_MIN: usize = 8 << 10;

/// Longer elements of collections than this are not compressed, in bytes: to compress this many takes about a
/// millisecond, and to copy more takes less.
const COMPRESSED_ELEMENT_MAX: usize = 256 << 10;

/// How much of a string has been written.
#[derive(Debug, Default)]
pub(super) struct TextCursor {
    progress: Progress,
}

#[derive(Debug, Default)]
enum Progress {
    #[default]
    Start,
    /// So many bytes of the string have been compressed, to these. None has been written.
    Compressing { packed: Vec<u8>, read: usize },
    /// So many of the compressed bytes have been written, and what stands before them.
    Compressed { packed: Vec<u8>, written: usize },
    /// So many bytes of the string have been written, and its length.
    Raw { written: usize },
}

impl TextCursor {
    /// Nothing has been done.
    pub(super) fn is_at_start(&self) -> bool {
        matches!(self.progress, Progress::Start)
    }

    /// Writes about `budget_bytes` more, or compresses as many, and says whether that was the last of it.
    pub(super) fn write_some(&mut self, text: &[u8], budget_bytes: usize, sink: &mut Sink<'_>) -> bool {
        match &mut self.progress {
            Progress::Start if text.len() <= budget_bytes => {
                sink.text(text);
                true
            }
            Progress::Start if sink.compresses() && text.len() <= COMPRESSED_IN_STEPS_MAX => {
                self.progress = Progress::Compressing { packed: Vec::new(), read: 0 };
                self.compress_some(text, budget_bytes, sink);
                false
            }
            Progress::Start => {
                self.begin_raw(text, sink);
                self.write_some(text, budget_bytes, sink)
            }
            Progress::Compressing { .. } => {
                self.compress_some(text, budget_bytes, sink);
                false
            }
            Progress::Compressed { packed, written } => write_piece(packed, written, budget_bytes, sink),
            Progress::Raw { written } => write_piece(text, written, budget_bytes, sink),
        }
    }

    fn begin_raw(&mut self, text: &[u8], sink: &mut Sink<'_>) {
        sink.length(text.len() as u64);
        self.progress = Progress::Raw { written: 0 };
    }

    /// Compresses a step. What is compressed in steps is one string all the same: no step refers to what is
    /// before it.
    fn compress_some(&mut self, text: &[u8], budget_bytes: usize, sink: &mut Sink<'_>) {
        let Progress::Compressing { packed, read } = &mut self.progress else { return };
        let rest = &text[*read..];
        let step = &rest[..rest.len().min(budget_bytes.max(STEP_BYTES_MIN))];
        lzf::compress_onto(step, usize::MAX, packed);
        *read += step.len();
        let saves = packed.len() + COMPRESS_SAVED_BYTES_MIN <= *read;
        if !saves {
            self.begin_raw(text, sink);
        } else if *read == text.len() {
            sink.compressed_head(packed.len(), text.len());
            self.progress = Progress::Compressed { packed: std::mem::take(packed), written: 0 };
        }
    }
}

/// Writes a piece of these bytes, and says whether it was the last.
fn write_piece(bytes: &[u8], written: &mut usize, budget_bytes: usize, sink: &mut Sink<'_>) -> bool {
    let rest = &bytes[*written..];
    let piece = &rest[..rest.len().min(budget_bytes.max(1))];
    sink.bytes(piece);
    *written += piece.len();
    piece.len() == rest.len()
}

/// Up to which length of the output more is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    len_max: usize,
}

impl Budget {
    /// So many bytes from here on.
    pub(super) fn new(budget_bytes: usize, sink: &Sink<'_>) -> Budget {
        Budget { len_max: sink.len().saturating_add(budget_bytes) }
    }

    /// How many bytes are left.
    #[inline]
    pub(super) fn left(self, sink: &Sink<'_>) -> usize {
        self.len_max.saturating_sub(sink.len())
    }

    /// Nothing is left.
    #[inline]
    pub(super) fn is_used(self, sink: &Sink<'_>) -> bool {
        self.left(sink) == 0
    }
}

/// An element of a collection. A very long one is not compressed.
#[inline]
pub(super) fn write_element(text: &[u8], sink: &mut Sink<'_>) {
    if text.len() <= COMPRESSED_ELEMENT_MAX { sink.text(text) } else { sink.raw_text(text) }
}
