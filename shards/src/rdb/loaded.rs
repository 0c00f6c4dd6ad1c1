//! What loading needs to know of a shard, and what it gives: a value that a key can be given.

use std::borrow::Cow;

use ahash::RandomState;

use crate::args::Blob;
use crate::encoding::limits::Limits;
use crate::entry::{INLINE_LEN_MAX, NewValue, Packing};
use crate::num;
use crate::object::Object;

/// What values are made by: a shard has both.
#[derive(Clone, Copy, Debug)]
pub struct Making<'s> {
    /// When packed collections are converted.
    pub limits: &'s Limits,
    /// The keyed hash of this process.
    pub hasher: &'s RandomState,
}

impl<'s> Making<'s> {
    /// The keyed hash of members and fields, as the tables of large collections want it.
    #[inline]
    pub(crate) fn hash_of(self) -> impl Fn(&[u8]) -> u64 + use<'s> {
        move |bytes| self.hasher.hash_one(bytes)
    }
}

/// A value that has been read. Small ones may still lie in the bytes that they were read from.
#[derive(Debug)]
pub enum Loaded<'a> {
    /// A string that is an integer.
    Int(i64),
    /// Any other string.
    Bytes(Cow<'a, [u8]>),
    /// A small collection.
    Packed(Packing, Cow<'a, [u8]>),
    /// A large value.
    Object(Box<Object>),
}

impl<'a> Loaded<'a> {
    /// A string, as commands would keep it.
    pub(super) fn string(bytes: Cow<'a, [u8]>) -> Loaded<'a> {
        match num::parse_i64(&bytes) {
            Some(int) => Loaded::Int(int),
            None => Loaded::Bytes(bytes),
        }
    }

    /// Gives the value away, for a key.
    pub fn give<R>(self, give: impl FnOnce(NewValue<'_>) -> R) -> R {
        match self {
            Loaded::Int(int) => give(NewValue::Int(int)),
            Loaded::Bytes(Cow::Owned(bytes)) if bytes.len() > INLINE_LEN_MAX => {
                give(NewValue::Blob(Blob::new(bytes)))
            }
            Loaded::Bytes(bytes) => give(NewValue::Bytes(&bytes)),
            Loaded::Packed(packing, bytes) => give(NewValue::Packed(packing, &bytes)),
            Loaded::Object(object) => give(NewValue::Object(object)),
        }
    }

    /// The value in memory of its own.
    pub fn into_owned(self) -> Loaded<'static> {
        match self {
            Loaded::Int(int) => Loaded::Int(int),
            Loaded::Bytes(bytes) => Loaded::Bytes(Cow::Owned(bytes.into_owned())),
            Loaded::Packed(packing, bytes) => Loaded::Packed(packing, Cow::Owned(bytes.into_owned())),
            Loaded::Object(object) => Loaded::Object(object),
        }
    }
}
