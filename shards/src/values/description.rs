//! What a value of any type shows of how it is stored: OBJECT and DEBUG OBJECT.
//!
//! This file must not know arguments or replies.

use crate::entry::{EntryRef, Packing, StrValue, Value};

/// The longest string that Redis keeps in one allocation with its object, in bytes.
const EMBEDDED_LEN_MAX: usize = 44;

/// Redis shares its objects for these integers, and shows that by a number of references that never changes.
const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;

/// The name of its encoding in Redis.
pub(crate) fn encoding_name(entry: EntryRef<'_>) -> &'static str {
    match entry.value() {
        Value::Str(StrValue::Int(_)) => "int",
        Value::Str(StrValue::Inline(bytes)) if bytes.len() <= EMBEDDED_LEN_MAX => "embstr",
        Value::Str(_) => "raw",
        Value::Packed(Packing::Ints, _) => "intset",
        Value::Packed(..) => "listpack",
        Value::Object(object) => object.encoding_name(),
    }
}

/// How many references there would be to it in Redis.
pub(crate) fn reference_count(entry: EntryRef<'_>) -> i32 {
    match entry.value() {
        Value::Str(StrValue::Int(int)) if SHARED_INTEGERS.contains(&int) => i32::MAX,
        _ => 1,
    }
}
