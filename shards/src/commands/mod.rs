//! The data commands, one file for each family: rows, handlers and tests of a command lie together.
//!
//! One family never calls another.

mod counter;
mod string;
mod string_range;
mod string_rows;
pub mod bitfield;
pub mod bitmap;
pub mod expire;
pub mod generic;
pub mod keyspace;

use crate::command::DataCommand;

/// All data commands, family by family.
    // One line for each family.
    bitfield::COMMANDS,
    bitmap::COMMANDS,
    expire::COMMANDS,
    generic::COMMANDS,
    keyspace::COMMANDS,
];
pub const FAMILIES: &[&[DataCommand]] = &[
pub const FAMILIES: &[&[DataCommand]] = &[string_rows::COMMANDS, string_range::COMMANDS, counter::COMMANDS];
