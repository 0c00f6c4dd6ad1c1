//! Members on the earth: sorted sets whose scores are positions ([`crate::encoding::geohash`]), so all
//! commands of sorted sets work on them too. The handlers, their tests and the rows.

mod member;
mod notation;
pub(super) mod rows;
mod search;
#[cfg(test)]
mod tests;
