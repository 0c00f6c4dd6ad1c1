//! The data commands, one file for each family: rows, handlers and tests of a command lie together.
//!
//! One family never calls another.

use crate::command::DataCommand;

/// All data commands, family by family.
pub const FAMILIES: &[&[DataCommand]] = &[];
