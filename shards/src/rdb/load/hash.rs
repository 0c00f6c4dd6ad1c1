//! Hashes out of their bytes: field by field, with or without expires, or packed in one of several ways.
//!
//! A field whose time is over is read like any other: who reads the hash does not see it.

use std::borrow::Cow;

use super::distinct::are_distinct;
use super::{ziplist, zipmap};
use crate::encoding::limits::Limits;
use crate::encoding::listpack::{self, Listpack, Value};
use crate::encoding::member_table::{FieldExpire, Fields};
use crate::entry::Packing;
use crate::object::Object;
use crate::rdb::error::RdbError;
use crate::rdb::loaded::{Loaded, Making};
use crate::rdb::source::Source;
use crate::rdb::value_type::ValueType;

const DUPLICATE: &str = "Duplicate hash fields detected";

/// A hash that is being read field by field.
#[derive(Debug)]
pub(super) struct HashLoader {
    form: ValueType,
    /// The time that others are relative to, in milliseconds since 1970, in the form that has it.
    first_expire_ms: u64,
    /// Fields to come; `None` until it is said how many.
    left: Option<u64>,
    hash: Growing,
    scratch: [Vec<u8>; 2],
}

/// What has come.
#[derive(Debug)]
enum Growing {
    /// A listpack, in which fields may yet come twice.
    Packed(Vec<u8>),
    Fields(Fields),
}

impl HashLoader {
    /// Nothing of the hash has come.
    pub(super) fn new(form: ValueType) -> HashLoader {
        let hash = Growing::Packed(Vec::new());
        HashLoader { form, first_expire_ms: 0, left: None, hash, scratch: Default::default() }
    }

    /// Reads a part to its end.
    pub(super) fn feed(&mut self, source: &mut Source<'_>, making: Making<'_>) -> Result<(), RdbError> {
        let mut left = match self.left {
            Some(left) => left,
            None => self.begin(source, making)?,
        };
        while left > 0 && !source.is_at_end() {
            self.field(source, making)?;
            left -= 1;
        }
        self.left = Some(left);
        Ok(())
    }

    fn begin(&mut self, source: &mut Source<'_>, making: Making<'_>) -> Result<u64, RdbError> {
        if self.form == ValueType::HashExpires {
            let start = *source;
            let first = u64::try_from(source.time_ms()?);
            self.first_expire_ms = first.map_err(|_| start.corrupt("a time before 1970"))?;
        }
        let count = source.length()?;
        // Each field and each value takes a byte at least: no more of them are there than bytes.
        let rest = source.rest().len();
        self.hash = if count <= making.limits.hash_entries_max {
            Growing::Packed(listpack::EMPTY.to_vec())
        } else {
            Growing::Fields(Fields::with_capacity(count.min(rest as u64 / 2) as usize, rest))
        };
        Ok(count)
    }

    fn field(&mut self, source: &mut Source<'_>, making: Making<'_>) -> Result<(), RdbError> {
        let start = *source;
        let relative = if self.form == ValueType::HashExpires { source.length()? } else { 0 };
        let [field_scratch, value_scratch] = &mut self.scratch;
        let field = source.text()?.read(field_scratch)?;
        let value = source.text()?.read(value_scratch)?;
        let expire_ms = match (self.form, relative) {
            (ValueType::HashExpiresValkey, _) => match source.time_ms()? {
                -1 => None,
                at_ms => Some(u64::try_from(at_ms).map_err(|_| start.corrupt("a time before 1970"))?),
            },
            (_, 0) => None,
            (_, relative) => {
                let at_ms = self.first_expire_ms.checked_add(relative - 1).filter(|&at_ms| is_time(at_ms));
                Some(at_ms.ok_or_else(|| start.corrupt("a time of more than 63 bits"))?)
            }
        };
        let is_new = self.hash.add(field, value, expire_ms, making);
        is_new.then_some(()).ok_or_else(|| start.corrupt(DUPLICATE))
    }

    /// The hash, of which all parts have come. `offset` is its end.
    pub(super) fn finish(self, offset: u64) -> Result<Option<Loaded<'static>>, RdbError> {
        if self.left != Some(0) {
            return Err(RdbError::Incomplete { needed: 1 });
        }
        match self.hash {
            Growing::Packed(bytes) if !are_distinct(Listpack::new(&bytes), 2) => {
                Err(RdbError::Corrupt { offset, reason: DUPLICATE })
            }
            Growing::Packed(bytes) if Listpack::new(&bytes).is_empty() => Ok(None),
            Growing::Packed(bytes) => Ok(Some(Loaded::Packed(Packing::Hash, Cow::Owned(bytes)))),
            Growing::Fields(fields) if fields.is_empty() => Ok(None),
            Growing::Fields(fields) => Ok(Some(Loaded::Object(Box::new(Object::Hash(fields))))),
        }
    }
}

impl Growing {
    /// Adds a field; false if it is known to be in already.
    fn add(&mut self, field: &[u8], value: &[u8], expire_ms: Option<u64>, making: Making<'_>) -> bool {
        if let Growing::Packed(bytes) = self {
            let fits = expire_ms.is_none()
                && are_short(field.len(), value.len(), making.limits)
                && listpack::has_room(bytes.len(), field.len() + value.len());
            if fits {
                listpack::append(bytes, &[Value::of(field), Value::of(value)]);
                return true;
            }
            match unpacked(Listpack::new(bytes), making) {
                Some(fields) => *self = Growing::Fields(fields),
                None => return false,
            }
        }
        let Growing::Fields(fields) = self else { unreachable!("it was just unpacked") };
        fields.set(field, value, expire_ms.map_or(FieldExpire::Clear, FieldExpire::At), making.hash_of())
    }
}

/// Whether a field and its value may be packed.
fn are_short(field_len: usize, value_len: usize, limits: &Limits) -> bool {
    field_len.max(value_len) as u64 <= limits.hash_value_bytes_max
}

fn is_time(at_ms: u64) -> bool {
    i64::try_from(at_ms).is_ok()
}

/// The fields of a listpack; `None` if one comes twice.
fn unpacked(list: Listpack<'_>, making: Making<'_>) -> Option<Fields> {
    let hash_of = making.hash_of();
    let mut fields = Fields::with_capacity(list.len() / 2, list.end());
    let mut elements = list.iter();
    while let (Some(field), Some(value)) = (elements.next(), elements.next()) {
        let (field_text, value_text) = (&mut itoa::Buffer::new(), &mut itoa::Buffer::new());
        let (field, value) = (field.bytes(field_text), value.bytes(value_text));
        if !fields.set(field, value, FieldExpire::Clear, &hash_of) {
            return None;
        }
    }
    Some(fields)
}

/// A hash that is all of a listpack.
pub(super) fn of_listpack<'a>(
    bytes: Cow<'a, [u8]>,
    making: Making<'_>,
) -> Result<Option<Loaded<'a>>, &'static str> {
    const REASON: &str = "Hash listpack integrity check failed.";
    let count = listpack::validate(&bytes).map_err(|listpack::Corrupt| REASON)?;
    let list = Listpack::new(&bytes);
    if !count.is_multiple_of(2) || !are_distinct(list, 2) {
        return Err(REASON);
    }
    if count == 0 {
        return Ok(None);
    }
    let stays = count as u64 / 2 <= making.limits.hash_entries_max
        && list.iter().all(|text| are_short(text.len(), 0, making.limits));
    if stays {
        return Ok(Some(Loaded::Packed(Packing::Hash, bytes)));
    }
    let fields = unpacked(list, making).ok_or(REASON)?;
    Ok(Some(Loaded::Object(Box::new(Object::Hash(fields)))))
}

/// A hash that is all of a ziplist.
pub(super) fn of_ziplist(bytes: &[u8], making: Making<'_>) -> Result<Option<Loaded<'static>>, &'static str> {
    let corrupt = |ziplist::Corrupt| "Hash ziplist integrity check failed.";
    let (pack, _) = ziplist::to_listpack(bytes).map_err(corrupt)?;
    of_listpack(Cow::Owned(pack), making)
}

/// A hash that is all of a zipmap.
pub(super) fn of_zipmap(bytes: &[u8], making: Making<'_>) -> Result<Option<Loaded<'static>>, &'static str> {
    let pack = zipmap::to_listpack(bytes).map_err(|zipmap::Corrupt| "Zipmap integrity check failed.")?;
    of_listpack(Cow::Owned(pack), making)
}

/// A hash that is all of a listpack of fields, each with its value and its expire in milliseconds since 1970,
/// 0 for none.
pub(super) fn of_expires_listpack(
    bytes: &[u8],
    making: Making<'_>,
) -> Result<Option<Loaded<'static>>, &'static str> {
    const REASON: &str = "Listpack-ex integrity check failed.";
    let count = listpack::validate(bytes).map_err(|listpack::Corrupt| REASON)?;
    if !count.is_multiple_of(3) {
        return Err(REASON);
    }
    let mut hash = Growing::Packed(listpack::EMPTY.to_vec());
    if (count / 3) as u64 > making.limits.hash_entries_max {
        hash = Growing::Fields(Fields::with_capacity(count / 3, bytes.len()));
    }
    let mut elements = Listpack::new(bytes).iter();
    while let (Some(field), Some(value), Some(expire)) = (elements.next(), elements.next(), elements.next()) {
        let Value::Int(at_ms @ 0..) = expire else { return Err(REASON) };
        let expire_ms = (at_ms > 0).then_some(at_ms as u64);
        let (field_text, value_text) = (&mut itoa::Buffer::new(), &mut itoa::Buffer::new());
        if !hash.add(field.bytes(field_text), value.bytes(value_text), expire_ms, making) {
            return Err(REASON);
        }
    }
    let left = Some(0);
    let loader = HashLoader { hash, left, ..HashLoader::new(ValueType::HashExpiresListpack) };
    loader.finish(0).map_err(|_| REASON)
}
