//! The data commands, one file for each family: rows, handlers and tests of a command lie together.
//!
//! One family never calls another, but for the geo commands: what they work on are sorted sets.

pub mod bitfield;
pub mod bitmap;
pub mod counter;
pub mod debug;
mod dump;
pub mod expire;
pub mod generic;
mod geo;
mod hash;
mod hyperloglog;
pub mod keyspace;
mod list;
pub mod memory;
pub mod object;
pub mod rename;
pub mod scan;
mod set;
pub mod snapshot;
mod sort;
pub mod sorted_set;
pub mod stream;
mod string;
pub mod watch;

use crate::command::DataCommand;

/// All data commands, family by family.
pub const FAMILIES: &[&[DataCommand]] = &[
    // One line for each family.
    bitfield::COMMANDS,
    bitmap::COMMANDS,
    counter::COMMANDS,
    dump::COMMANDS,
    expire::COMMANDS,
    generic::COMMANDS,
    geo::rows::COMMANDS,
    hash::ex_rows::COMMANDS,
    hash::expire_rows::COMMANDS,
    hash::rows::COMMANDS,
    hyperloglog::rows::COMMANDS,
    keyspace::COMMANDS,
    list::blocking::COMMANDS,
    list::rows::COMMANDS,
    memory::COMMANDS,
    object::COMMANDS,
    rename::COMMANDS,
    scan::COMMANDS,
    sorted_set::blocking::COMMANDS,
    sort::rows::COMMANDS,
    sorted_set::combine_rows::COMMANDS,
    sorted_set::member_rows::COMMANDS,
    sorted_set::range_rows::COMMANDS,
    set::rows::COMMANDS,
    stream::entry_rows::COMMANDS,
    stream::group_rows::COMMANDS,
    string::range::COMMANDS,
    string::rows::COMMANDS,
];
