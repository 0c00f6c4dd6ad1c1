//! Values as bytes, at once or in pieces.
//!
//! A value is written in the form that the version has for what it is; where several would do, in the one
//! that the oldest reader of the version understands. What a version cannot hold at all are expires of a
//! hash's fields.

mod hash;
mod list;
mod options;
mod pieces;
mod set;
mod sorted_set;
mod stream;

use super::sink::Sink;
use super::value_type::ValueType;
use super::version::WriteVersion;
use crate::entry::{Packing, StrValue, Value};
use crate::object::Object;
use hash::HashCursor;
use list::ListCursor;
pub use options::{CannotHold, SaveOptions};
use pieces::TextCursor;
use set::SetCursor;
use sorted_set::SortedSetCursor;
use stream::StreamCursor;

/// The first version that holds all of a value.
pub fn needs(value: Value<'_>) -> WriteVersion {
    match value {
        Value::Object(Object::Hash(fields)) if fields.next_expire_ms().is_some() => WriteVersion::Redis12,
        _ => WriteVersion::Redis10,
    }
}

/// The form in which a value is written.
///
/// # Errors
/// `CannotHold` if the version has none, and nothing may be left out.
pub fn form_of(value: Value<'_>, options: SaveOptions) -> Result<ValueType, CannotHold> {
    let has_types_of_7_2 = options.version.has_types_of_7_2();
    Ok(match value {
        Value::Str(_) => ValueType::String,
        Value::Packed(Packing::List, _) | Value::Object(Object::List(_)) => ValueType::ListQuicklist2,
        Value::Packed(Packing::Ints, _) => ValueType::SetIntset,
        Value::Packed(Packing::Set, _) if has_types_of_7_2 => ValueType::SetListpack,
        Value::Packed(Packing::Set, _) | Value::Object(Object::Set(_)) => ValueType::Set,
        Value::Packed(Packing::Hash, _) => ValueType::HashListpack,
        Value::Packed(Packing::SortedSet, _) => ValueType::SortedSetListpack,
        Value::Object(Object::SortedSet(_)) => ValueType::SortedSet,
        Value::Object(Object::Hash(fields)) => hash::form_of(fields, options)?,
        Value::Object(Object::Stream(_)) if has_types_of_7_2 => ValueType::Stream3,
        Value::Object(Object::Stream(_)) => ValueType::Stream2,
    })
}

/// Writes a whole value, which stands behind the form's byte and, in a file, the key.
///
/// # Errors
/// As for [`form_of`]; then nothing has been written.
pub fn save_value(value: Value<'_>, options: SaveOptions, out: &mut Vec<u8>) -> Result<(), CannotHold> {
    let mut saver = ValueSaver::new(value, options)?;
    let is_done = saver.write_some(value, usize::MAX, out);
    debug_assert!(is_done, "no budget is left over");
    Ok(())
}

/// A value that is being written in pieces. It must not change meanwhile.
#[derive(Debug)]
pub struct ValueSaver {
    form: ValueType,
    options: SaveOptions,
    cursor: Cursor,
}

#[derive(Debug)]
enum Cursor {
    Text(TextCursor),
    List(ListCursor),
    Set(SetCursor),
    Hash(HashCursor),
    SortedSet(SortedSetCursor),
    Stream(StreamCursor),
}

impl ValueSaver {
    /// Nothing of the value has been written.
    ///
    /// # Errors
    /// As for [`form_of`].
    pub fn new(value: Value<'_>, options: SaveOptions) -> Result<ValueSaver, CannotHold> {
        let form = form_of(value, options)?;
        let cursor = match value {
            Value::Object(Object::List(_)) => Cursor::List(ListCursor::default()),
            Value::Object(Object::Set(_)) => Cursor::Set(SetCursor::default()),
            Value::Object(Object::Hash(_)) => Cursor::Hash(HashCursor::default()),
            Value::Object(Object::SortedSet(_)) => Cursor::SortedSet(SortedSetCursor::default()),
            Value::Object(Object::Stream(_)) => Cursor::Stream(StreamCursor::default()),
            Value::Str(_) | Value::Packed(..) => Cursor::Text(TextCursor::default()),
        };
        Ok(ValueSaver { form, options, cursor })
    }

    /// The form that is being written.
    pub fn form(&self) -> ValueType {
        self.form
    }

    /// Writes about `budget_bytes` more of the same value, and says whether that was the last of it. A
    /// node of a list or a stream may exceed the budget by its own size, and so may the dozen or two of
    /// elements that lie together in the table of a large set or hash. With `usize::MAX` everything is
    /// written.
    ///
    /// A string that takes several calls is compressed before any of it is written, in as many calls, unless
    /// it is very long.
    pub fn write_some(&mut self, value: Value<'_>, budget_bytes: usize, out: &mut Vec<u8>) -> bool {
        let mut sink = Sink::new(out, self.options.compress);
        let sink = &mut sink;
        match (&mut self.cursor, value) {
            (Cursor::Text(_), Value::Str(StrValue::Int(int))) => {
                sink.int_text(int);
                true
            }
            (Cursor::Text(cursor), Value::Str(StrValue::Inline(text))) => {
                cursor.write_some(text, budget_bytes, sink)
            }
            (Cursor::Text(cursor), Value::Str(StrValue::Raw(text))) => {
                cursor.write_some(text, budget_bytes, sink)
            }
            (Cursor::Text(_), Value::Packed(Packing::Set, bytes)) if self.form == ValueType::Set => {
                set::write_packed(bytes, sink);
                true
            }
            (Cursor::Text(cursor), Value::Packed(packing, bytes)) => {
                if packing == Packing::List && cursor.is_at_start() {
                    list::write_head_of_one_node(sink);
                }
                cursor.write_some(bytes, budget_bytes, sink)
            }
            (Cursor::List(cursor), Value::Object(Object::List(list))) => {
                cursor.write_some(list, budget_bytes, sink)
            }
            (Cursor::Set(cursor), Value::Object(Object::Set(members))) => {
                cursor.write_some(members, budget_bytes, sink)
            }
            (Cursor::Hash(cursor), Value::Object(Object::Hash(fields))) => {
                cursor.write_some(fields, self.form, self.options, budget_bytes, sink)
            }
            (Cursor::SortedSet(cursor), Value::Object(Object::SortedSet(set))) => {
                cursor.write_some(set, budget_bytes, sink)
            }
            (Cursor::Stream(cursor), Value::Object(Object::Stream(stream))) => {
                cursor.write_some(stream, self.form, budget_bytes, sink)
            }
            _ => unreachable!("the value is the one that the saver was made for"),
        }
    }
}
