//! The numbers by which files and payloads name the forms of values.
//!
//! This file must not know how a form is read.

use super::error::Refused;
use super::version::Dialect;
use crate::object::DataType;

/// A form of a value that is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// 0: a string.
    String,
    /// 1: a list, element by element.
    List,
    /// 2: a set, member by member.
    Set,
    /// 3: a sorted set with its scores as text.
    SortedSetText,
    /// 4: a hash, field by field.
    Hash,
    /// 5: a sorted set with binary scores.
    SortedSet,
    /// 9: a hash as a zipmap.
    HashZipmap,
    /// 10: a list as a ziplist.
    ListZiplist,
    /// 11: a set as an intset.
    SetIntset,
    /// 12: a sorted set as a ziplist.
    SortedSetZiplist,
    /// 13: a hash as a ziplist.
    HashZiplist,
    /// 14: a list, node by node, each a ziplist.
    ListQuicklist,
    /// 15: a stream as of Redis 5.0.
    Stream1,
    /// 16: a hash as a listpack.
    HashListpack,
    /// 17: a sorted set as a listpack.
    SortedSetListpack,
    /// 18: a list, node by node, each a listpack or one element.
    ListQuicklist2,
    /// 19: a stream as of Redis 7.0.
    Stream2,
    /// 20: a set as a listpack.
    SetListpack,
    /// 21: a stream as of Redis 7.2.
    Stream3,
    /// 22 of Valkey: a hash, field by field, each with its expire.
    HashExpiresValkey,
    /// 24: a hash, field by field, each with its expire relative to the first of them.
    HashExpires,
    /// 25: a hash with expires as a listpack.
    HashExpiresListpack,
    /// 26: a stream as of Redis 8.6.
    Stream4,
    /// 27: a stream as of Redis 8.8.
    Stream5,
    /// 29: a hash as a listpack of values, with the names of its fields before it.
    HashTemplateListpack,
    /// 31: a hash as the names of its fields and its values.
    HashTemplate,
}

impl ValueType {
    /// The form that this byte names in a file of this dialect.
    ///
    /// # Errors
    /// What the byte names that is not read. Modules have no form of their own here: see [`MODULE_2`].
    pub fn of(number: u8, dialect: Dialect) -> Result<ValueType, Refused> {
        let foreign = |name| Err(Refused::ForeignType { number, name });
        Ok(match (number, dialect) {
            (0, _) => ValueType::String,
            (1, _) => ValueType::List,
            (2, _) => ValueType::Set,
            (3, _) => ValueType::SortedSetText,
            (4, _) => ValueType::Hash,
            (5, _) => ValueType::SortedSet,
            (6, _) => return foreign("module of a release candidate of Redis 4.0"),
            (MODULE_2, _) => return foreign("module"),
            (9, _) => ValueType::HashZipmap,
            (10, _) => ValueType::ListZiplist,
            (11, _) => ValueType::SetIntset,
            (12, _) => ValueType::SortedSetZiplist,
            (13, _) => ValueType::HashZiplist,
            (14, _) => ValueType::ListQuicklist,
            (15, _) => ValueType::Stream1,
            (16, _) => ValueType::HashListpack,
            (17, _) => ValueType::SortedSetListpack,
            (18, _) => ValueType::ListQuicklist2,
            (19, _) => ValueType::Stream2,
            (20, _) => ValueType::SetListpack,
            (21, _) => ValueType::Stream3,
            (22, Dialect::Valkey) => ValueType::HashExpiresValkey,
            (22 | 23, Dialect::Redis) => return foreign("hash of a release candidate of Redis 7.4"),
            (23, Dialect::Valkey) => return foreign("path hash"),
            (24, _) => ValueType::HashExpires,
            (25, _) => ValueType::HashExpiresListpack,
            (26, _) => ValueType::Stream4,
            (27, _) => ValueType::Stream5,
            (28, _) => return foreign("array"),
            (29, Dialect::Redis) => ValueType::HashTemplateListpack,
            (31, Dialect::Redis) => ValueType::HashTemplate,
            (30 | 32, Dialect::Redis) => return foreign("hash of a template that stands elsewhere"),
            (33, Dialect::Redis) => return foreign("rate limit"),
            _ => return Err(Refused::UnknownType(number)),
        })
    }

    /// The byte that names the form.
    pub const fn number(self) -> u8 {
        match self {
            ValueType::String => 0,
            ValueType::List => 1,
            ValueType::Set => 2,
            ValueType::SortedSetText => 3,
            ValueType::Hash => 4,
            ValueType::SortedSet => 5,
            ValueType::HashZipmap => 9,
            ValueType::ListZiplist => 10,
            ValueType::SetIntset => 11,
            ValueType::SortedSetZiplist => 12,
            ValueType::HashZiplist => 13,
            ValueType::ListQuicklist => 14,
            ValueType::Stream1 => 15,
            ValueType::HashListpack => 16,
            ValueType::SortedSetListpack => 17,
            ValueType::ListQuicklist2 => 18,
            ValueType::Stream2 => 19,
            ValueType::SetListpack => 20,
            ValueType::Stream3 => 21,
            ValueType::HashExpiresValkey => 22,
            ValueType::HashExpires => 24,
            ValueType::HashExpiresListpack => 25,
            ValueType::Stream4 => 26,
            ValueType::Stream5 => 27,
            ValueType::HashTemplateListpack => 29,
            ValueType::HashTemplate => 31,
        }
    }

    /// The type that users know the value by.
    pub const fn data_type(self) -> DataType {
        match self {
            ValueType::String => DataType::String,
            ValueType::List
            | ValueType::ListZiplist
            | ValueType::ListQuicklist
            | ValueType::ListQuicklist2 => DataType::List,
            ValueType::Set | ValueType::SetIntset | ValueType::SetListpack => DataType::Set,
            ValueType::SortedSet
            | ValueType::SortedSetText
            | ValueType::SortedSetZiplist
            | ValueType::SortedSetListpack => DataType::SortedSet,
            ValueType::Hash
            | ValueType::HashZipmap
            | ValueType::HashZiplist
            | ValueType::HashListpack
            | ValueType::HashExpiresValkey
            | ValueType::HashExpires
            | ValueType::HashExpiresListpack
            | ValueType::HashTemplateListpack
            | ValueType::HashTemplate => DataType::Hash,
            ValueType::Stream1
            | ValueType::Stream2
            | ValueType::Stream3
            | ValueType::Stream4
            | ValueType::Stream5 => DataType::Stream,
        }
    }
}

/// The type byte of a module's value: it names its module, which is refused by that name.
pub const MODULE_2: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_read_or_refused_by_name() {
        for dialect in [Dialect::Redis, Dialect::Valkey] {
            for number in 0..=u8::MAX {
                match ValueType::of(number, dialect) {
                    Ok(form) => assert_eq!(form.number(), number),
                    Err(Refused::ForeignType { number: named, .. } | Refused::UnknownType(named)) => {
                        assert_eq!(named, number);
                    }
                    Err(other) => panic!("{number}: {other}"),
                }
            }
        }
        assert!(ValueType::of(22, Dialect::Redis).is_err());
        assert_eq!(ValueType::of(22, Dialect::Valkey), Ok(ValueType::HashExpiresValkey));
    }
}
