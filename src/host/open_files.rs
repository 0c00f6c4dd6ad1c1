//! Descriptors: how many clients the limit of open files allows, at the start and at CONFIG SET maxclients.

use std::io;

use crate::host::sys;

/// Descriptors that the process needs besides those of its clients (Redis: CONFIG_MIN_RESERVED_FDS), and for
/// each worker: rings, event descriptors, listeners.
const RESERVED: u64 = 32;
const RESERVED_PER_WORKER: u64 = 24;

/// What came of an attempt to make room for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// The limit before.
    pub before: u64,
    /// The limit that all clients would need.
    pub wanted: u64,
    /// The limit that there is.
    pub reached: u64,
    /// Clients for which that suffices, at most as many as were asked for.
    pub clients: u32,
}

/// Raises the limit of open files for `maxclients` clients, as far as that is allowed (Redis:
/// adjustOpenFilesLimit).
///
/// # Errors
/// When the system does not tell the limit.
pub fn make_room(maxclients: u32, workers: usize) -> io::Result<OpenFiles> {
    let reserved = RESERVED + RESERVED_PER_WORKER * workers as u64;
    let wanted = u64::from(maxclients) + reserved;
    let (before, _) = sys::open_files_limit()?;
    let reached = sys::raise_open_files_limit(wanted)?;
    let clients = u64::from(maxclients).min(reached.saturating_sub(reserved)) as u32;
    Ok(OpenFiles { before, wanted, reached, clients })
}
