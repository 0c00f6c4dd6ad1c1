//! The data commands, one file for each family: rows, handlers and tests of a command lie together.
//!
//! One family never calls another, but for the geo commands: what they work on are sorted sets.

pub mod bitfield;
pub mod bitmap;
pub mod counter;
pub mod expire;
mod expire_condition;
pub mod generic;
mod geo;
mod hash;
mod hash_ex;
pub mod hash_ex_rows;
pub mod hash_expire;
pub mod hash_rows;
mod hash_sample;
mod hash_value;
mod hyperloglog;
pub mod hyperloglog_rows;
pub mod keyspace;
mod list;
mod list_blocking;
mod list_edit;
mod list_move;
mod list_range;
pub mod list_rows;
mod list_value;
pub mod memory;
pub mod object;
pub mod rename;
pub mod scan;
mod set;
mod set_algebra;
mod set_random;
pub mod set_rows;
mod set_value;
mod sort;
mod sort_options;
pub mod sort_rows;
pub mod sorted_set;
pub mod stream;
mod string;
pub mod string_range;
pub mod string_rows;
pub mod watch;

use crate::command::DataCommand;

/// All data commands, family by family.
pub const FAMILIES: &[&[DataCommand]] = &[
    // One line for each family.
    bitfield::COMMANDS,
    bitmap::COMMANDS,
    counter::COMMANDS,
    expire::COMMANDS,
    generic::COMMANDS,
    geo::rows::COMMANDS,
    hash_ex_rows::COMMANDS,
    hash_expire::COMMANDS,
    hash_rows::COMMANDS,
    hyperloglog_rows::COMMANDS,
    keyspace::COMMANDS,
    list_blocking::COMMANDS,
    list_rows::COMMANDS,
    memory::COMMANDS,
    object::COMMANDS,
    rename::COMMANDS,
    scan::COMMANDS,
    sorted_set::blocking::COMMANDS,
    sort_rows::COMMANDS,
    sorted_set::combine_rows::COMMANDS,
    sorted_set::member_rows::COMMANDS,
    sorted_set::range_rows::COMMANDS,
    set_rows::COMMANDS,
    stream::entry_rows::COMMANDS,
    stream::group_rows::COMMANDS,
    string_range::COMMANDS,
    string_rows::COMMANDS,
];
