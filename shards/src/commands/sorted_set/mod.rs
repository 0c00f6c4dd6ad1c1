//! Sorted sets, by topic: the handlers, their tests, and in files of their own, because they are long, the
//! rows.
//!
//! A small set is packed inside its key's entry ([`crate::encoding::sorted_pack`]), a large one an object
//! ([`crate::encoding::sorted_set`]). [`crate::values::sorted_set`] hides which.

pub(super) mod add;
pub(super) mod blocking;
mod combine;
pub(super) mod combine_rows;
mod member;
pub(super) mod member_rows;
mod pop;
mod range;
pub(super) mod range_rows;
mod remove_range;
pub(super) mod reply;
mod sample;
mod source;
#[cfg(test)]
mod tests;
