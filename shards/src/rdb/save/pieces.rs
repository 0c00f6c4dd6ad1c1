//! Strings in pieces, and how much of a budget is used up.

use crate::rdb::sink::Sink;

/// How much of a string has been written.
#[derive(Debug, Default)]
pub(super) struct TextCursor {
    /// Bytes of the string, once its length has been written.
    written: Option<usize>,
}

impl TextCursor {
    /// Nothing has been written.
    pub(super) fn is_at_start(&self) -> bool {
        self.written.is_none()
    }

    /// Writes about `budget_bytes` more, and says whether that was the last of it. What fits into the budget
    /// is written as an integer or compressed if it can be.
    pub(super) fn write_some(&mut self, text: &[u8], budget_bytes: usize, sink: &mut Sink<'_>) -> bool {
        let written = match self.written {
            Some(written) => written,
            None if text.len() <= budget_bytes => {
                sink.text(text);
                return true;
            }
            None => {
                sink.length(text.len() as u64);
                0
            }
        };
        let rest = &text[written..];
        let piece = &rest[..rest.len().min(budget_bytes.max(1))];
        sink.bytes(piece);
        self.written = Some(written + piece.len());
        piece.len() == rest.len()
    }
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

/// An element of a collection. One that is longer than the budget is not compressed, so that it takes no
/// longer than to copy it.
#[inline]
pub(super) fn write_element(text: &[u8], budget_bytes: usize, sink: &mut Sink<'_>) {
    if text.len() <= budget_bytes { sink.text(text) } else { sink.raw_text(text) }
}
