//! What a worker remembers of its part of the snapshots that are under way (`snapshots`). This file must not
//! know the worker.

use shards::snapshot::SNAPSHOTS_MAX;

/// One worker's part of the snapshots that are under way. One per worker.
#[derive(Default)]
pub(super) struct SnapshotParts {
    pub(super) parts: [SnapshotPart; SNAPSHOTS_MAX],
    /// The node is about to end: nothing more is executed for clients.
    pub(super) holds_clients: bool,
    /// So many times this worker has told that FLUSHALL has removed all keys.
    pub(super) told_flushes: u64,
}

/// Its part of one of them.
#[derive(Clone, Copy, Default)]
pub(super) struct SnapshotPart {
    /// Bytes on their way to the file.
    pub(super) sent_bytes: usize,
    /// The one that has the file knows that all tables have been walked through.
    pub(super) has_told: bool,
    /// It shall end.
    pub(super) is_ending: bool,
}
