//! Values of each type as commands see them, whichever encoding holds them: between `encoding` and
//! `commands`.
//!
//! What is here knows keys and the keyspace, but no arguments and no replies.

pub(crate) mod description;
pub(crate) mod hash;
pub(crate) mod list;
pub(crate) mod set;
pub(crate) mod sorted_set;
pub(crate) mod stream;
