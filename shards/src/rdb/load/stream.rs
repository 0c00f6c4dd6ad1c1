//! Streams out of their bytes: the seam only, which refuses all of them.

use crate::encoding::stream::Stream;
use crate::rdb::error::{RdbError, Refused};
use crate::rdb::loaded::Making;
use crate::rdb::source::Source;
use crate::rdb::value_type::ValueType;

/// A stream that is being read. A part ends behind a whole item of any loop: a node, a pending entry, an id
/// of a consumer, a consumer, a group, and so on.
#[derive(Debug)]
pub(super) struct StreamLoader {
    form: ValueType,
}

impl StreamLoader {
    /// Nothing of the stream has come.
    pub(super) fn new(form: ValueType) -> StreamLoader {
        StreamLoader { form }
    }

    /// Reads a part to its end.
    pub(super) fn feed(&mut self, source: &mut Source<'_>, _making: Making<'_>) -> Result<(), RdbError> {
        let what = Refused::ForeignType { number: self.form.number(), name: "stream" };
        Err(RdbError::Refused { offset: source.offset(), what })
    }

    /// The stream, of which all parts have come.
    pub(super) fn finish(self) -> Result<Stream, RdbError> {
        Err(RdbError::Incomplete { needed: 1 })
    }
}
