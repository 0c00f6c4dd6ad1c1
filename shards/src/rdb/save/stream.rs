//! Streams as bytes: the seam only, which writes a stream without anything in it.

use crate::encoding::stream::Stream;
use crate::rdb::sink::Sink;
use crate::rdb::value_type::ValueType;

/// How much of a stream has been written.
#[derive(Debug, Default)]
pub(super) struct StreamCursor {}

impl StreamCursor {
    /// Writes about `budget_bytes` more, and says whether that was the last of it.
    pub(super) fn write_some(
        &mut self,
        _stream: &Stream,
        _form: ValueType,
        _budget_bytes: usize,
        sink: &mut Sink<'_>,
    ) -> bool {
        (0..10).for_each(|_| sink.length(0));
        true
    }
}
