//! Large values that are more than a string, and the types that users know them by.
//!
//! A small collection is a packed string of bytes inside its key's entry ([`crate::entry`]); a large one is
//! an [`Object`] behind a pointer. This file must not know keys, tables or commands.

use crate::encoding::member_table::{self, Fields, Members};
use crate::encoding::quicklist::Quicklist;
use crate::encoding::sorted_set::{self, SortedSet};
use crate::encoding::stream::Stream;

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataType {
    /// Bytes.
    String,
    /// Strings in the order in which they were put.
    List,
    /// Strings, each once.
    Set,
    /// Strings with scores, in the order of these.
    SortedSet,
    /// Fields with values.
    Hash,
    /// Entries with ids, and groups of consumers.
    Stream,
}

impl DataType {
    /// The name that TYPE and SCAN know.
    pub const fn name(self) -> &'static str {
        match self {
            DataType::String => "string",
            DataType::List => "list",
            DataType::Set => "set",
            DataType::SortedSet => "zset",
            DataType::Hash => "hash",
            DataType::Stream => "stream",
        }
    }
}

/// A large value. None is ever empty but a stream: a key without elements does not exist.
#[derive(Clone, Debug)]
pub enum Object {
    /// OBJECT ENCODING quicklist.
    List(Quicklist),
    /// OBJECT ENCODING hashtable.
    Set(Members),
    /// OBJECT ENCODING skiplist.
    SortedSet(SortedSet),
    /// OBJECT ENCODING hashtable.
    Hash(Fields),
    /// OBJECT ENCODING stream.
    Stream(Stream),
}

/// About the memory that one allocation takes to be freed, as a small entry does.
const BYTES_PER_ALLOCATION: usize = 512;

impl Object {
    /// Its type.
    pub const fn data_type(&self) -> DataType {
        match self {
            Object::List(_) => DataType::List,
            Object::Set(_) => DataType::Set,
            Object::SortedSet(_) => DataType::SortedSet,
            Object::Hash(_) => DataType::Hash,
            Object::Stream(_) => DataType::Stream,
        }
    }

    /// The name that OBJECT ENCODING shows.
    pub const fn encoding_name(&self) -> &'static str {
        match self {
            Object::List(_) => "quicklist",
            Object::Set(_) | Object::Hash(_) => "hashtable",
            Object::SortedSet(_) => "skiplist",
            Object::Stream(_) => "stream",
        }
    }

    /// Bytes of memory that it holds, itself included.
    pub fn memory_bytes(&self) -> usize {
        let held = match self {
            Object::List(list) => list.memory_bytes(),
            Object::Set(members) => members.memory_bytes(),
            Object::SortedSet(set) => set.memory_bytes(),
            Object::Hash(fields) => fields.memory_bytes(),
            Object::Stream(stream) => stream.memory_bytes(),
        };
        held + size_of::<Object>()
    }

    /// About how long it takes to free it, in units of what a small entry takes.
    pub fn freeing_cost(&self) -> usize {
        self.memory_bytes() / BYTES_PER_ALLOCATION
    }

    /// Takes it apart, so that it can be freed in steps.
    pub fn into_remains(self) -> Remains {
        match self {
            Object::List(list) => Remains::List(list),
            Object::Set(members) => Remains::Table(members.into_remains()),
            Object::Hash(fields) => Remains::Table(fields.into_remains()),
            Object::SortedSet(set) => Remains::SortedSet(set.into_remains()),
            Object::Stream(stream) => Remains::Stream(stream),
        }
    }
}

/// What is left of an object that is being freed in steps.
pub enum Remains {
    /// Of a list.
    List(Quicklist),
    /// Of a set or a hash.
    Table(member_table::Remains),
    /// Of a sorted set.
    SortedSet(sorted_set::Remains),
    /// Of a stream.
    Stream(Stream),
}

impl Remains {
    /// Frees about `budget` allocations, and says whether anything is left.
    pub fn free_some(&mut self, budget: usize) -> bool {
        match self {
            Remains::List(list) => list.free_some(budget),
            Remains::Table(table) => table.free_some(budget) >= budget,
            Remains::SortedSet(set) => set.free_some(budget),
            Remains::Stream(stream) => stream.free_some(budget),
        }
    }
}
