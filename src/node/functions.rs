//! Libraries of functions that came with a file: the node does not run them, and keeps them for the next
//! file, so that nothing is lost on the way through it. One per process.

use std::sync::{Arc, Mutex, PoisonError};

/// The most that is kept of them together, in bytes. A library is a text that somebody has written: some
/// kilobytes.
pub const FUNCTIONS_BYTES_MAX: usize = 16 << 20;

/// The code of libraries, in the order of their file.
pub type Libraries = Arc<Vec<Box<[u8]>>>;

/// The libraries of the node. The lock is taken when a file has been loaded and when one is written.
#[derive(Debug, Default)]
pub struct Functions {
    libraries: Mutex<Libraries>,
}

impl Functions {
    /// What there is.
    pub fn get(&self) -> Libraries {
        Arc::clone(&self.libraries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts others in their place.
    pub fn set(&self, libraries: Vec<Box<[u8]>>) {
        *self.libraries.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(libraries);
    }
}
