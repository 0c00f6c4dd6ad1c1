//! Client-side caching (CLIENT TRACKING): what clients have asked for, and which clients of a worker track.
//!
//! Which keys a client has read is known to the shards of the keys; how clients learn that their copies are
//! not valid any more is the business of `worker/invalidations.rs`. These files must not know workers,
//! sockets or hops' ways.

pub mod clients;
pub mod kept;
pub mod mode;
