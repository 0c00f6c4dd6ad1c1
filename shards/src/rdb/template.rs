//! Hashes of a template, which Redis 8.10 writes, made ordinary hashes of.
//!
//! ```text
//!  in a file, before the keys:  | id | fields | field ... |
//!  29: | names | string |   30: | string |       the string is a listpack of an id and the values
//!  31: | names | value ... |   32: | id | value ... |
//!  names: | 0 | string |, a listpack of the fields, or | 1 | fields | field ... |
//! ```
//!
//! 29 and 31 bring the names of their fields along, and are what DUMP gives; the id in 29 means nothing. 30
//! and 32 name a template of their file. Fields stand in the order of their lengths, and of their bytes where
//! these are equal.

use std::collections::HashMap;

use super::error::RdbError;
use super::sink::Sink;
use super::source::Source;
use crate::encoding::listpack::{self, Listpack, Value};

/// The numbers of the four forms.
const LISTPACK: u8 = 29;
const LISTPACK_OF_FILE: u8 = 30;
const FIELDS: u8 = 31;
const FIELDS_OF_FILE: u8 = 32;

/// The fields that hashes have in common.
type Fields = Vec<Box<[u8]>>;

/// The templates of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Templates {
    by_id: HashMap<u64, Fields>,
}

/// Whether this is the number of one of the forms.
pub(super) fn is_form(number: u8) -> bool {
    matches!(number, LISTPACK | LISTPACK_OF_FILE | FIELDS | FIELDS_OF_FILE)
}

impl Templates {
    /// Reads a template of the file.
    pub(super) fn read(&mut self, source: &mut Source<'_>) -> Result<(), RdbError> {
        let start = *source;
        let id = source.length()?;
        let fields = read_fields(source)?;
        if self.by_id.insert(id, fields).is_some() {
            return Err(start.corrupt("Duplicate hash template ID"));
        }
        Ok(())
    }

    /// Reads a hash of one of the forms, and puts it behind what is in `out` as an ordinary one, field by
    /// field.
    pub(super) fn rewrite(
        &self,
        number: u8,
        source: &mut Source<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), RdbError> {
        let start = *source;
        let unknown = || start.corrupt("Unknown hash template ID");
        let mut own = Fields::new();
        if matches!(number, LISTPACK | FIELDS) {
            own = read_names(source)?;
        }
        let mut sink = Sink::new(out, false);
        if matches!(number, FIELDS | FIELDS_OF_FILE) {
            let fields = if number == FIELDS {
                &own
            } else {
                self.by_id.get(&source.length()?).ok_or_else(unknown)?
            };
            sink.length(fields.len() as u64);
            for field in fields {
                sink.raw_text(field);
                let value = *source;
                source.text()?;
                sink.bytes(value.up_to(source));
            }
            return Ok(());
        }
        let pack = source.text()?.into_bytes()?;
        let wrong = || start.corrupt("Template listpack integrity check failed.");
        let count = listpack::validate(&pack).map_err(|listpack::Corrupt| wrong())?;
        let mut values = Listpack::new(&pack).iter();
        let Some(Value::Int(id)) = values.next() else { return Err(wrong()) };
        let of_file = || u64::try_from(id).ok().and_then(|id| self.by_id.get(&id));
        let fields = if number == LISTPACK { &own } else { of_file().ok_or_else(unknown)? };
        if fields.len() != count - 1 {
            return Err(wrong());
        }
        sink.length(fields.len() as u64);
        for (field, value) in fields.iter().zip(values) {
            sink.raw_text(field);
            match value {
                Value::Int(int) => sink.int_text(int),
                Value::Str(text) => sink.raw_text(text),
            }
        }
        Ok(())
    }
}

/// The fields that a hash brings along.
fn read_names(source: &mut Source<'_>) -> Result<Fields, RdbError> {
    let start = *source;
    match source.byte()? {
        0 => {
            let pack = source.text()?.into_bytes()?;
            let wrong = |listpack::Corrupt| start.corrupt("Template listpack integrity check failed.");
            listpack::validate(&pack).map_err(wrong)?;
            let mut text = itoa::Buffer::new();
            let fields = Listpack::new(&pack).iter().map(|field| field.bytes(&mut text).into());
            in_order(fields.collect(), &start)
        }
        1 => read_fields(source),
        _ => Err(start.corrupt("names of fields in an unknown form")),
    }
}

fn read_fields(source: &mut Source<'_>) -> Result<Fields, RdbError> {
    let start = *source;
    let mut fields = Fields::new();
    for _ in 0..source.length()? {
        fields.push(source.text()?.into_bytes()?.into());
    }
    in_order(fields, &start)
}

fn in_order(fields: Fields, start: &Source<'_>) -> Result<Fields, RdbError> {
    if fields.is_empty() || !fields.is_sorted_by(|a, b| (a.len(), a) < (b.len(), b)) {
        return Err(start.corrupt("fields of a hash template out of order"));
    }
    Ok(fields)
}
