//! How values are written, as whoever saves decides.

use crate::rdb::version::WriteVersion;

/// How values are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaveOptions {
    /// In which version.
    pub version: WriteVersion,
    /// Whether long strings are compressed (rdbcompression).
    pub compress: bool,
    /// Expires of fields that the version cannot hold are left out, and so are the fields whose time is over
    /// at this time, in milliseconds since 1970. With `None` such a hash cannot be written.
    pub drop_field_expires_at_ms: Option<u64>,
}

/// The version has no form for a hash whose fields have expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CannotHold;
