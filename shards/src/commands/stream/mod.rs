//! Streams, by topic: the handlers, their tests, and in files of their own, because they are long, the rows.
//!
//! A stream is always an object ([`crate::encoding::stream`]), and stays when it is empty.

mod add;
mod claim;
mod edit;
#[cfg(test)]
mod effect_tests;
pub(super) mod entry_rows;
mod group;
mod group_effects;
pub(super) mod group_rows;
mod info;
mod pending;
mod range;
mod read;
#[cfg(test)]
mod tests;
mod value;
