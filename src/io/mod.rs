//! What waits for the kernel: the ring of a worker, its listeners and the sockets of its clients.

pub mod listener;
pub mod ring;
pub mod socket;
