//! Large sets and large hashes: tables of byte strings without an allocation for each.
mod fields;
mod members;
mod page;
mod remains;
mod segments;
mod table;

pub use fields::{Field, FieldExpire, Fields};
pub use members::Members;
pub use remains::Remains;

#[cfg(test)]
mod tests;
