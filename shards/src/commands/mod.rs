//! The data commands, one file for each family: rows, handlers and tests of a command lie together.
//!
//! One family never calls another.

pub mod bitfield;
pub mod bitmap;
pub mod counter;
pub mod expire;
pub mod generic;
pub mod keyspace;
pub mod object;
pub mod rename;
pub mod scan;
mod set;
mod set_algebra;
mod set_random;
pub mod set_rows;
mod set_value;
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
    keyspace::COMMANDS,
    object::COMMANDS,
    rename::COMMANDS,
    scan::COMMANDS,
    set_rows::COMMANDS,
    string_range::COMMANDS,
    string_rows::COMMANDS,
];
