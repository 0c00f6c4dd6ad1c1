//! What waits for the kernel: the ring of a worker, and its listeners.

pub mod listener;
pub mod ring;
