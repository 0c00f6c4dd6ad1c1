//! Values out of their bytes, whole or part by part.
//!
//! Each form has its own check of what may stand in it; what passes is a value as commands would have made
//! it, in the encoding of today's limits. A collection without elements is told as such: it is no fault of
//! the bytes, but no key may hold one. The reasons of errors are Redis's words where it has some.

mod distinct;
mod hash;
mod list;
mod set;
mod sorted_set;
mod stream;
mod ziplist;
mod zipmap;

use super::error::RdbError;
use super::loaded::{Loaded, Making};
use super::source::Source;
use super::template::Templates;
use super::value_type::ValueType;
use crate::object::{DataType, Object};
use hash::HashLoader;
use list::ListLoader;
use set::SetLoader;
use sorted_set::SortedSetLoader;
use stream::StreamLoader;

/// The value in these bytes, which are all of it and begin at this place of the file or the payload; `None`
/// for a collection without elements.
///
/// # Errors
/// `Incomplete` if the value does not end with the bytes, `Corrupt` if it is none or ends before them.
pub fn load_value<'a>(
    form: ValueType,
    bytes: &'a [u8],
    offset: u64,
    making: Making<'_>,
) -> Result<Option<Loaded<'a>>, RdbError> {
    if is_whole(form) {
        return of_whole(form, bytes, offset, making);
    }
    if form == ValueType::ListQuicklist2 {
        let mut source = Source::new(bytes, offset);
        if let Some(list) = list::of_one_node(&mut source, making)?.filter(|_| source.is_at_end()) {
            return Ok(Some(list));
        }
    }
    let mut loader = ValueLoader::new(form, making);
    loader.feed(bytes, offset, making)?;
    loader.finish(making)
}

/// Whether the form has no elements between which it could be cut: most of these are a single string.
fn is_whole(form: ValueType) -> bool {
    matches!(
        form,
        ValueType::String
            | ValueType::HashZipmap
            | ValueType::ListZiplist
            | ValueType::SetIntset
            | ValueType::SortedSetZiplist
            | ValueType::HashZiplist
            | ValueType::HashListpack
            | ValueType::SortedSetListpack
            | ValueType::SetListpack
            | ValueType::HashExpiresListpack
            | ValueType::HashTemplateListpack
            | ValueType::HashTemplate
    )
}

fn of_whole<'a>(
    form: ValueType,
    bytes: &'a [u8],
    offset: u64,
    making: Making<'_>,
) -> Result<Option<Loaded<'a>>, RdbError> {
    let mut source = Source::new(bytes, offset);
    if matches!(form, ValueType::HashTemplateListpack | ValueType::HashTemplate) {
        let mut hash = Vec::new();
        Templates::default().rewrite(form.number(), &mut source, &mut hash)?;
        if !source.is_at_end() {
            return Err(source.corrupt(BEHIND_THE_END));
        }
        let mut loader = HashLoader::new(ValueType::Hash);
        loader.feed(&mut Source::new(&hash, offset), making)?;
        return loader.finish(offset);
    }
    if form == ValueType::HashExpiresListpack {
        // The first time, which stands among the others as well.
        source.time_ms()?;
    }
    let text = source.text()?;
    if !source.is_at_end() {
        return Err(source.corrupt(BEHIND_THE_END));
    }
    let text = text.into_bytes()?;
    let loaded = match form {
        ValueType::HashZipmap => hash::of_zipmap(&text, making),
        ValueType::HashZiplist => hash::of_ziplist(&text, making),
        ValueType::HashListpack => hash::of_listpack(text, making),
        ValueType::HashExpiresListpack => hash::of_expires_listpack(&text, making),
        ValueType::ListZiplist => list::of_ziplist(&text, making),
        ValueType::SetIntset => set::of_intset(text, making),
        ValueType::SetListpack => set::of_listpack(text, making),
        ValueType::SortedSetZiplist => sorted_set::of_ziplist(&text, making),
        ValueType::SortedSetListpack => sorted_set::of_listpack(text, making),
        _ => Ok(Some(Loaded::string(text))),
    };
    loaded.map_err(|reason| RdbError::Corrupt { offset, reason })
}

const BEHIND_THE_END: &str = "bytes behind the end of a value";

/// A value that is being read part by part, each of which ends where [`super::scan::Scanner`] has ended it.
pub struct ValueLoader {
    decoder: Decoder,
    /// Where the next part begins in the file.
    offset: u64,
}

enum Decoder {
    /// A form that comes whole: the value, once that has happened.
    Whole(ValueType, Option<Option<Loaded<'static>>>),
    List(ListLoader),
    Set(SetLoader),
    Hash(HashLoader),
    SortedSet(SortedSetLoader),
    Stream(StreamLoader),
}

impl ValueLoader {
    /// Nothing of the value has come.
    pub fn new(form: ValueType, making: Making<'_>) -> ValueLoader {
        let decoder = match form.data_type() {
            _ if is_whole(form) => Decoder::Whole(form, None),
            DataType::String => unreachable!("a string comes whole"),
            DataType::List => Decoder::List(ListLoader::new(form, making)),
            DataType::Set => Decoder::Set(SetLoader::default()),
            DataType::Hash => Decoder::Hash(HashLoader::new(form)),
            DataType::SortedSet => Decoder::SortedSet(SortedSetLoader::new(form)),
            DataType::Stream => Decoder::Stream(StreamLoader::new(form)),
        };
        ValueLoader { decoder, offset: 0 }
    }

    /// Reads the next part, which begins at this place of the file.
    ///
    /// # Errors
    /// `Incomplete` if the part ends inside of an element, `Corrupt` if it cannot be a part of such a value.
    /// The loader is good for nothing then.
    pub fn feed(&mut self, bytes: &[u8], offset: u64, making: Making<'_>) -> Result<(), RdbError> {
        let mut source = Source::new(bytes, offset);
        match &mut self.decoder {
            Decoder::Whole(form, value @ None) => {
                let loaded = of_whole(*form, bytes, offset, making)?;
                *value = Some(loaded.map(Loaded::into_owned));
                return Ok(());
            }
            Decoder::Whole(..) => {}
            Decoder::List(loader) => loader.feed(&mut source)?,
            Decoder::Set(loader) => loader.feed(&mut source, making)?,
            Decoder::Hash(loader) => loader.feed(&mut source, making)?,
            Decoder::SortedSet(loader) => loader.feed(&mut source, making)?,
            Decoder::Stream(loader) => loader.feed(&mut source, making)?,
        }
        self.offset = source.offset();
        if source.is_at_end() { Ok(()) } else { Err(source.corrupt(BEHIND_THE_END)) }
    }

    /// The value, of which all parts have come; `None` for a collection without elements.
    ///
    /// # Errors
    /// `Incomplete` if something is missing, `Corrupt` if the parts contradict each other.
    pub fn finish(self, making: Making<'_>) -> Result<Option<Loaded<'static>>, RdbError> {
        match self.decoder {
            Decoder::Whole(_, value) => value.ok_or(RdbError::Incomplete { needed: 1 }),
            Decoder::List(loader) => loader.finish(making),
            Decoder::Set(loader) => loader.finish(),
            Decoder::Hash(loader) => loader.finish(self.offset),
            Decoder::SortedSet(loader) => loader.finish(making),
            Decoder::Stream(loader) => Ok(Some(Loaded::Object(Box::new(Object::Stream(loader.finish()?))))),
        }
    }
}
