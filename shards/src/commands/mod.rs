//! The data commands, one file for each family: rows, handlers and tests of a command lie together.
//!
//! One family never calls another.

mod counter;
mod string;
mod string_range;
mod string_rows;

use crate::command::DataCommand;

/// All data commands, family by family.
pub const FAMILIES: &[&[DataCommand]] = &[string_rows::COMMANDS, string_range::COMMANDS, counter::COMMANDS];
