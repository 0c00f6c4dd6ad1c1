//! The way of a client from one worker to another, as far as both have to know of it at the same moment.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a client that is handed over still goes, or has been killed or closed on its way. Each of both
/// workers may end it, before it answers whoever has asked for that; and whoever has seen the answer finds it
/// ended with both: hence sequential consistency. One for each client on its way.
#[derive(Debug, Default)]
pub struct Journey {
    is_over: AtomicBool,
}

impl Journey {
    /// The client has gone, as far as anybody is told.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// It has gone.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}
