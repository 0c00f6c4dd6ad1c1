//! What workers tell each other of a snapshot that goes into a file: each sends what its shard has written to
//! the worker that has the file. One variant of the mesh's hop.

use shards::snapshot::{SnapshotId, SnapshotPiece};

use crate::config::SavePoint;

/// About a snapshot.
#[derive(Debug)]
pub enum SnapshotHop {
    /// To the one that has the file: what your sender's shard has written.
    Piece {
        /// Of which snapshot.
        id: SnapshotId,
        /// What.
        piece: SnapshotPiece,
        /// The shard has come to the end of its tables.
        has_walked: bool,
    },
    /// To the one that has the file: the last piece. The snapshot has ended on your sender's shard.
    Ended {
        /// Which.
        id: SnapshotId,
        /// What is left of it.
        piece: SnapshotPiece,
        /// How many changes the shard has made since it was made.
        changes: u64,
    },
    /// To the one that has the file: FLUSHALL has removed all keys.
    Flushed,
    /// To the one that has the file: a save point is reached.
    Due(SavePoint),
    /// To all, when the node is about to end: execute nothing more for clients; or go on, it does not.
    Hold(bool),
    /// From the one that has the file: so many bytes of your pieces are no longer on their way.
    Taken {
        /// Of which snapshot.
        id: SnapshotId,
        /// How many.
        bytes: usize,
    },
    /// From the one that has the file: it will not become one. Go through your tables to the end and send
    /// nothing.
    GiveUp {
        /// Which.
        id: SnapshotId,
    },
    /// From the one that has the file: all shards have come to the end of their tables, end it.
    End {
        /// Which.
        id: SnapshotId,
    },
}
