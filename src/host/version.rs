//! What this program calls itself.

/// The version of this program.
pub const SHOAL_VERSION: &str = env!("CARGO_PKG_VERSION");
/// The version of Redis that clients are told.
pub const REDIS_VERSION: &str = "7.2.4";
