//! What each form of a value consists of, as far as one must know it to find the value's end.
//!
//! A form is a row of fields; a loop is a number and so many times a row. A [`Walk`] passes over the fields
//! of a value one after the other and can stop behind each. No field is decoded here.

use super::error::RdbError;
use super::source::Source;
use super::value_type::ValueType;

/// A part of a value.
#[derive(Clone, Copy, Debug)]
enum Field {
    Text,
    Length,
    Bytes(u64),
    ScoreText,
    Loop(&'static [Field]),
}

use Field::{Bytes, Length, Loop, ScoreText, Text};

const TEXT: &[Field] = &[Text];
const TEXTS: &[Field] = &[Loop(&[Text])];
const TEXT_PAIRS: &[Field] = &[Loop(&[Text, Text])];

const ID: Field = Bytes(16);
const NODES: Field = Loop(&[Text, Text]);
/// Id, time of delivery, number of deliveries.
const PENDING: Field = Loop(&[ID, Bytes(8), Length]);
const CONSUMERS_1: Field = Loop(&[Text, Bytes(8), Loop(&[ID])]);
const CONSUMERS_3: Field = Loop(&[Text, Bytes(8), Bytes(8), Loop(&[ID])]);
const NACKED: Field = Loop(&[ID]);
/// Ids that producers have given entries, and for how long and how many they are kept.
const PRODUCERS: Field = Loop(&[Text, Loop(&[Text, Length, Length])]);

const STREAM_1: &[Field] =
    &[NODES, Length, Length, Length, Loop(&[Text, Length, Length, PENDING, CONSUMERS_1])];
const STREAM_2: &[Field] = &[
    NODES,
    Length,
    Length,
    Length,
    Length,
    Length,
    Length,
    Length,
    Length,
    Loop(&[Text, Length, Length, Length, PENDING, CONSUMERS_1]),
];
const STREAM_3: &[Field] = &[
    NODES,
    Length,
    Length,
    Length,
    Length,
    Length,
    Length,
    Length,
    Length,
    Loop(&[Text, Length, Length, Length, PENDING, CONSUMERS_3]),
];
const STREAM_4: &[Field] = &[
    NODES,
    Length,
    Length,
    Length,
    Length,
    Length,
    Length,
    Length,
    Length,
    Loop(&[Text, Length, Length, Length, PENDING, CONSUMERS_3]),
    Length,
    Length,
    PRODUCERS,
    Length,
    Length,
];
const STREAM_5: &[Field] = &[
    NODES,
    Length,
    Length,
    Length,
    Length,
    Length,
    Length,
    Length,
    Length,
    Loop(&[Text, Length, Length, Length, PENDING, CONSUMERS_3, NACKED]),
    Length,
    Length,
    PRODUCERS,
    Length,
    Length,
];

const fn fields_of(form: ValueType) -> &'static [Field] {
    match form {
        ValueType::String
        | ValueType::HashZipmap
        | ValueType::ListZiplist
        | ValueType::SetIntset
        | ValueType::SortedSetZiplist
        | ValueType::HashZiplist
        | ValueType::HashListpack
        | ValueType::SortedSetListpack
        | ValueType::SetListpack => TEXT,
        ValueType::List | ValueType::Set | ValueType::ListQuicklist => TEXTS,
        ValueType::SortedSetText => &[Loop(&[Text, ScoreText])],
        ValueType::SortedSet => &[Loop(&[Text, Bytes(8)])],
        ValueType::Hash => TEXT_PAIRS,
        ValueType::ListQuicklist2 => &[Loop(&[Length, Text])],
        ValueType::HashExpiresValkey => &[Loop(&[Text, Text, Bytes(8)])],
        ValueType::HashExpires => &[Bytes(8), Loop(&[Length, Text, Text])],
        ValueType::HashExpiresListpack => &[Bytes(8), Text],
        ValueType::Stream1 => STREAM_1,
        ValueType::Stream2 => STREAM_2,
        ValueType::Stream3 => STREAM_3,
        ValueType::Stream4 => STREAM_4,
        ValueType::Stream5 => STREAM_5,
        // Who goes through a file makes ordinary hashes of them.
        ValueType::HashTemplateListpack | ValueType::HashTemplate => &[],
    }
}

/// Loops that lie in each other, at most, the value itself included: a stream's groups, their consumers, and
/// what these have pending.
const DEPTH_MAX: usize = 4;

/// A row of fields that is being passed over.
#[derive(Clone, Copy, Debug)]
struct Frame {
    fields: &'static [Field],
    /// The number of the next field.
    next: usize,
    /// How many times the row still comes, this one included.
    times: u64,
}

/// A place in a value of a known form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    frames: [Frame; DEPTH_MAX],
    depth: usize,
}

impl Walk {
    /// The start of a value.
    pub(super) fn new(form: ValueType) -> Walk {
        let frame = Frame { fields: fields_of(form), next: 0, times: 1 };
        Walk { frames: [frame; DEPTH_MAX], depth: 1 }
    }

    /// Nothing is left.
    #[inline]
    pub(super) fn is_at_end(&self) -> bool {
        self.depth == 0
    }

    /// Passes over fields up to the next border: the end of a row of a loop, or of the value. An error leaves
    /// both at some place before it.
    #[inline]
    pub(super) fn pass_item(&mut self, source: &mut Source<'_>) -> Result<(), RdbError> {
        while let Some(frame) = self.frames[..self.depth].last_mut() {
            let Some(&field) = frame.fields.get(frame.next) else {
                frame.next = 0;
                frame.times -= 1;
                if frame.times == 0 {
                    self.depth -= 1;
                    self.end_rows();
                }
                return Ok(());
            };
            frame.next += 1;
            match field {
                Text => _ = source.text()?,
                Length => _ = source.length()?,
                Bytes(len) => _ = source.take(len)?,
                ScoreText => _ = source.score_text()?,
                Loop(fields) => {
                    let times = source.length()?;
                    if times > 0 {
                        self.frames[self.depth] = Frame { fields, next: 0, times };
                        self.depth += 1;
                    }
                }
            }
        }
        Ok(())
    }

    /// Ends the value if nothing of it is left but the ends of rows: a part without bytes is none.
    fn end_rows(&mut self) {
        let rows = &self.frames[..self.depth];
        if rows.iter().all(|row| row.times == 1 && row.next == row.fields.len()) {
            self.depth = 0;
        }
    }
}
