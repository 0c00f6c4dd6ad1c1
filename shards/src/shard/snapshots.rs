//! Snapshots of a shard: how they begin, go on and end. What they are is in [`crate::snapshot`].

use crate::shard::Shard;
use crate::slot::SlotId;
use crate::snapshot::{SnapshotId, SnapshotPiece};

impl Shard {
    /// Goes on with a snapshot: visits about `entries_max` entries, but no more once `bytes_max` bytes are to
    /// be taken. The worker calls it once a turn, and does not sleep before [`Shard::has_written_snapshot`].
    /// While a transaction has all slots lent there is nothing to visit here, and the walk waits.
    pub fn write_snapshot(&mut self, id: SnapshotId, entries_max: usize, bytes_max: usize) {
        if self.lends_all() {
            return;
        }
        let (snapshots, mut tables) = self.env.snapshots_and_tables(&mut self.dbs);
        snapshots.walk(id, &mut tables, entries_max, bytes_max);
    }

    /// True while a transaction has all slots lent.
    pub fn lends_all(&self) -> bool {
        self.txn.locks.is_whole_granted()
    }

    /// True while any snapshot is under way.
    #[inline]
    pub fn has_snapshots(&self) -> bool {
        self.env.snapshots.is_active()
    }

    /// Takes what has been written of a snapshot since the last call.
    pub fn take_snapshot_piece(&mut self, id: SnapshotId) -> SnapshotPiece {
        self.env.snapshots.take(id)
    }

    /// Bytes of snapshots that are to be taken.
    pub fn snapshot_bytes(&self) -> usize {
        self.env.snapshots.bytes()
    }

    /// True when all that the shard had at the cut has been written. Entries of others that are lent to it
    /// may still have to be, until it is so on all shards.
    pub fn has_written_snapshot(&self, id: SnapshotId) -> bool {
        self.env.snapshots.has_walked(id)
    }

    /// True while this snapshot is under way.
    pub fn is_snapshot_under_way(&self, id: SnapshotId) -> bool {
        self.env.snapshots.is_under_way(id)
    }

    /// Gives a snapshot up: see [`crate::snapshot::Snapshots::give_up`].
    pub fn give_snapshot_up(&mut self, id: SnapshotId) {
        self.env.snapshots.give_up(id);
    }

    /// Ends a snapshot that all shards have written, or given up and walked through to the end. Returns what
    /// has not been taken.
    pub fn end_snapshot(&mut self, id: SnapshotId) -> SnapshotPiece {
        self.env.snapshots.end(id)
    }

    /// Tables are about to leave the shard for the time of a transaction.
    pub(super) fn finish_big_of_snapshots(&mut self) {
        if self.env.snapshots.is_active() {
            let (snapshots, mut tables) = self.env.snapshots_and_tables(&mut self.dbs);
            snapshots.finish_big(&mut tables);
        }
    }

    /// A slot is about to leave the shard for good. Whoever moves slots for the sake of balance lets them be
    /// while a snapshot is under way: to write a large one at once takes long.
    pub(super) fn save_slot_in_snapshots(&mut self, slot: SlotId) {
        if self.env.snapshots.is_active() {
            let (snapshots, mut tables) = self.env.snapshots_and_tables(&mut self.dbs);
            snapshots.save_slot(slot, &mut tables);
        }
    }
}
