//! Listpacks: sequences of strings and integers in one byte string, in Redis's format.
//!
//! ```text
//!  0             4                 6
//!  | total bytes | element count   | elements ... | 0xff |
//! ```
//!
//! Both numbers are little-endian; a count of 65535 means that the elements must be counted. A *position* is
//! the place of an element in bytes from the start of the listpack. [`Listpack`] reads, [`new`], [`insert`]
//! and their like write, [`validate`] checks foreign bytes; everything else takes a listpack to be valid, and
//! may panic, but nothing worse, if it is not.
//!
//! This module must not know what the elements mean: a field and its value are two elements.

mod edit;
pub(crate) mod element;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use edit::from_elements;
pub use edit::{append, insert, merge, new, prepend, remove, remove_range, replace};
pub(crate) use element::Encoded;
pub use element::{Value, Wanted};
pub use read::{BYTES_MAX, Corrupt, EMPTY, HEADER_LEN, Iter, Listpack, has_room, validate};
