//! The data commands, one file for each family: rows, handlers and tests of a command lie together.
//!
//! One family never calls another.

pub mod bitfield;
pub mod bitmap;
pub mod expire;
pub mod generic;
pub mod keyspace;

use crate::command::DataCommand;

/// All data commands, family by family.
pub const FAMILIES: &[&[DataCommand]] = &[
    // One line for each family.
    bitfield::COMMANDS,
    bitmap::COMMANDS,
    expire::COMMANDS,
    generic::COMMANDS,
    keyspace::COMMANDS,
];
