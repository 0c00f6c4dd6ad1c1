//! Values on their way into entries and out of them, and the forms that they have there.
//!
//! This file must not know how an entry is laid out.

use crate::args::{ArgValue, Blob};
use crate::num;
use crate::object::{DataType, Object};

const KIND_SHIFT: u32 = 24;
pub(super) const KIND_MASK: u32 = 0xf << KIND_SHIFT;

/// String values up to this length, in bytes, lie inside their entry. Longer ones have their own allocation.
pub const INLINE_LEN_MAX: usize = 4096;

/// How a value is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A string that is a signed 64-bit integer.
    Int,
    /// A string inside the entry.
    Inline,
    /// A string in its own allocation: long, or changed in place before.
    Raw,
    /// A small collection inside the entry.
    Packed(Packing),
    /// A large value in its own allocations.
    Object,
}

/// What a packed string of bytes inside an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Packing {
    /// A list, as a listpack of its elements.
    List = 3,
    /// A set, as an intset.
    Ints = 4,
    /// A set, as a listpack of its members.
    Set = 5,
    /// A hash, as a listpack of fields, each followed by its value.
    Hash = 6,
    /// A sorted set, as a listpack of members in their order, each followed by its score.
    SortedSet = 7,
}

impl Packing {
    const ALL: [Packing; 5] = [Packing::List, Packing::Ints, Packing::Set, Packing::Hash, Packing::SortedSet];

    /// The type of the collection.
    pub const fn data_type(self) -> DataType {
        match self {
            Packing::List => DataType::List,
            Packing::Ints | Packing::Set => DataType::Set,
            Packing::Hash => DataType::Hash,
            Packing::SortedSet => DataType::SortedSet,
        }
    }
}

impl Kind {
    /// The number in `meta`.
    pub(super) const fn bits(self) -> u32 {
        let number = match self {
            Kind::Int => 0,
            Kind::Inline => 1,
            Kind::Raw => 2,
            Kind::Packed(packing) => packing as u32,
            Kind::Object => 8,
        };
        number << KIND_SHIFT
    }

    #[inline]
    pub(super) fn of(meta: u32) -> Kind {
        match (meta & KIND_MASK) >> KIND_SHIFT {
            0 => Kind::Int,
            1 => Kind::Inline,
            2 => Kind::Raw,
            number @ 3..8 => Kind::Packed(Packing::ALL[number as usize - 3]),
            _ => Kind::Object,
        }
    }
}

/// A value on its way into an entry.
#[derive(Debug)]
pub enum NewValue<'a> {
    /// An integer.
    Int(i64),
    /// A string to be copied.
    Bytes(&'a [u8]),
    /// A string that is kept as it is.
    Blob(Blob),
    /// A small collection, to be copied.
    Packed(Packing, &'a [u8]),
    /// A large value.
    Object(Box<Object>),
}

/// A value as readers see it.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A string.
    Str(StrValue<'a>),
    /// A small collection.
    Packed(Packing, &'a [u8]),
    /// A large value.
    Object(&'a Object),
}

/// A string value as readers see it.
#[derive(Clone, Copy, Debug)]
pub enum StrValue<'a> {
    /// An integer: its text is the value.
    Int(i64),
    /// Bytes inside the entry.
    Inline(&'a [u8]),
    /// Bytes in their own allocation.
    Raw(&'a Blob),
}

impl<'a> StrValue<'a> {
    /// The string's bytes; an integer's text is written to `text`.
    pub fn bytes<'b>(self, text: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            StrValue::Int(value) => text.format(value).as_bytes(),
            StrValue::Inline(bytes) => bytes,
            StrValue::Raw(blob) => blob,
        }
    }

    /// Length of the string in bytes.
    pub fn len(&self) -> usize {
        match self {
            StrValue::Int(value) => itoa::Buffer::new().format(*value).len(),
            StrValue::Inline(bytes) => bytes.len(),
            StrValue::Raw(blob) => blob.len(),
        }
    }

    /// True for the empty string.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What becomes of a key's expire when its value is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expire {
    /// It stays.
    Keep,
    /// It goes.
    Clear,
    /// It becomes this time, in milliseconds since 1970.
    At(u64),
}

/// The same value once more; a blob is shared, an object copied.
impl<'a> From<Value<'a>> for NewValue<'a> {
    fn from(value: Value<'a>) -> NewValue<'a> {
        match value {
            Value::Str(value) => value.into(),
            Value::Packed(packing, bytes) => NewValue::Packed(packing, bytes),
            Value::Object(object) => NewValue::Object(Box::new(object.clone())),
        }
    }
}

/// The same value once more; a blob is shared.
impl<'a> From<StrValue<'a>> for NewValue<'a> {
    fn from(value: StrValue<'a>) -> NewValue<'a> {
        match value {
            StrValue::Int(int) => NewValue::Int(int),
            StrValue::Inline(bytes) => NewValue::Bytes(bytes),
            StrValue::Raw(blob) => NewValue::Blob(Blob::clone(blob)),
        }
    }
}

impl<'a> NewValue<'a> {
    /// An argument as the string commands store it: an integer when its text is one, a blob without copying
    /// it (Redis: tryObjectEncoding).
    #[inline]
    pub fn encoded(arg: ArgValue<'a>) -> NewValue<'a> {
        match arg {
            ArgValue::Bytes(bytes) => match num::parse_i64(bytes) {
                Some(int) => NewValue::Int(int),
                None => NewValue::Bytes(bytes),
            },
            ArgValue::Blob(blob) => NewValue::Blob(Blob::clone(blob)),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            NewValue::Int(_) => Kind::Int,
            NewValue::Bytes(_) => Kind::Inline,
            NewValue::Blob(_) => Kind::Raw,
            NewValue::Packed(packing, _) => Kind::Packed(*packing),
            NewValue::Object(_) => Kind::Object,
        }
    }

    pub(super) fn inline(&self) -> &'a [u8] {
        match self {
            NewValue::Bytes(bytes) | NewValue::Packed(_, bytes) => bytes,
            NewValue::Int(_) | NewValue::Blob(_) | NewValue::Object(_) => &[],
        }
    }

    /// The value in the form in which entries keep it: a long string becomes a blob. A blob stays one however
    /// short, since it is what changes in place.
    pub(super) fn settled(self) -> NewValue<'a> {
        match self {
            NewValue::Bytes(bytes) if bytes.len() > INLINE_LEN_MAX => {
                NewValue::Blob(Blob::new(bytes.to_vec()))
            }
            other => other,
        }
    }
}
