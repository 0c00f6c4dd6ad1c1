//! A stream in its entry: how it is read, and how it is changed.
//!
//! This file must not know arguments or replies.

use crate::encoding::stream::Stream;
use crate::entry::{EntryRef, Value};
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::object::Object;

/// The value of an entry that is known to hold a stream.
#[inline]
pub(crate) fn stream_of(entry: EntryRef<'_>) -> &Stream {
    match entry.value() {
        Value::Object(Object::Stream(stream)) => stream,
        _ => unreachable!("the type was looked at: read_typed, write_typed"),
    }
}

/// The stream of an object that is known to be one.
#[inline]
pub(crate) fn stream_mut(object: &mut Object) -> &mut Stream {
    match object {
        Object::Stream(stream) => stream,
        _ => unreachable!("the type was looked at: read_typed, write_typed"),
    }
}

/// Changes the stream of a key that is known to hold one.
pub(crate) fn change<R>(keys: &mut Keyspace<'_>, key: &Key<'_>, change: impl FnOnce(&mut Stream) -> R) -> R {
    let mut entry = keys.write(key).expect("the caller has found it");
    entry.with_object(|object| change(stream_mut(object)))
}
