//! What waits for the kernel: the ring of a worker, its listeners, the sockets of its clients, and everything
//! else that a worker waits for in that ring: files, links to other nodes, timers.
//!
//! Files, links and timers are state machines without a system call in them. They hand calls to whoever
//! carries them out (`disk::FileCalls`, `links::SocketCalls`), which is the ring, or in tests a simulation
//! with faults.

mod buffers;
#[cfg(test)]
mod conformance;
pub mod disk;
pub mod edit;
pub mod errands;
pub mod links;
pub mod listener;
mod numbered;
pub mod ring;
#[cfg(test)]
pub(crate) mod simulated;
pub mod socket;
pub mod timers;
mod under_way;

/// Who is told of what has ended: a number that the asker gives with its request and that only the worker
/// understands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Owner(pub u32);

/// What a completion says: a number, or the error behind its negated errno.
fn io_result(result: i32) -> std::io::Result<usize> {
    usize::try_from(result).map_err(|_| std::io::Error::from_raw_os_error(result.saturating_neg()))
}
