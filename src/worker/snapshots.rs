//! What every worker does for snapshots: its shard goes on with its part a little in each turn, and what has
//! been written goes to the worker that has the file.

use std::time::Duration;

use shards::slot::ShardId;
use shards::snapshot::SnapshotId;

use super::Worker;
use crate::host::clock;
use crate::mesh::Hop;
use crate::persistence::hop::SnapshotHop;
use crate::persistence::save::AHEAD_BYTES_MAX;
use crate::worker::snapshot_parts::SnapshotPart;

/// How long a worker writes in one turn, besides what is about to be changed. Clients wait for so long more,
/// and a turn without any costs some microseconds.
const TIME_PER_TURN: Duration = Duration::from_micros(250);
/// Entries visited between two looks at the clock.
const ENTRIES_PER_STEP: usize = 64;
/// Bytes of one piece: so much is worth a hop and a write.
const PIECE_BYTES: usize = 128 << 10;
/// Nothing more is executed for clients while so many bytes wait for the disk here: what they change has to
/// be written before, and a disk that is slower than they are would have memory filled with it.
const WAITING_BYTES_MAX: usize = 16 << 20;

impl Worker {
    fn snapshot_part(&mut self, id: SnapshotId) -> &mut SnapshotPart {
        &mut self.snapshots.parts[usize::from(id.number())]
    }

    /// True when the next turn should begin at once: there is something to write and room for it.
    pub(super) fn has_snapshot_work(&self) -> bool {
        let shard = self.router.shard();
        SnapshotId::all().any(|id| {
            let part = self.snapshots.parts[usize::from(id.number())];
            let has_room = part.sent_bytes + shard.snapshot_bytes() < AHEAD_BYTES_MAX;
            shard.is_snapshot_under_way(id) && has_room && (!part.has_told || part.is_ending)
        })
    }

    /// True while clients have to wait: for the disk, or for the end of the node.
    #[inline]
    pub(super) fn is_snapshot_behind(&self) -> bool {
        let shard = self.router.shard();
        self.snapshots.holds_clients || (shard.has_snapshots() && shard.snapshot_bytes() >= WAITING_BYTES_MAX)
    }

    /// Tells the one that has the file when FLUSHALL has run here. Once a turn.
    #[inline]
    pub(super) fn tell_of_flush(&mut self) {
        let flushes = self.router.shard().env().flushes;
        if self.snapshots.told_flushes != flushes {
            self.snapshots.told_flushes = flushes;
            let control = self.node.control();
            if control.index() < self.mesh.workers() {
                self.send_snapshot_hop(control, SnapshotHop::Flushed);
            }
        }
    }

    /// Goes on with all snapshots that are under way. Once a turn.
    pub(super) fn write_snapshots(&mut self) {
        for id in SnapshotId::all() {
            if self.router.shard().is_snapshot_under_way(id) {
                self.write_snapshot(id);
            }
        }
    }

    fn write_snapshot(&mut self, id: SnapshotId) {
        let begin = clock::moment();
        let SnapshotPart { sent_bytes, has_told, is_ending } = *self.snapshot_part(id);
        let shard = self.router.shard_mut();
        while !shard.has_written_snapshot(id)
            && sent_bytes + shard.snapshot_bytes() < AHEAD_BYTES_MAX
            && begin.elapsed() < TIME_PER_TURN
            && !shard.lends_all()
        {
            shard.write_snapshot(id, ENTRIES_PER_STEP, PIECE_BYTES.max(shard.snapshot_bytes() + 1));
        }
        let has_walked = shard.has_written_snapshot(id);
        if is_ending && has_walked {
            let piece = shard.end_snapshot(id);
            let changes = shard.env().dirty;
            *self.snapshot_part(id) = SnapshotPart::default();
            return self.send_snapshot_hop(self.node.control(), SnapshotHop::Ended { id, piece, changes });
        }
        let has_piece = shard.snapshot_bytes() >= PIECE_BYTES;
        if has_piece || (has_walked && !has_told) {
            let piece = shard.take_snapshot_piece(id);
            let part = self.snapshot_part(id);
            part.sent_bytes += piece.bytes.len();
            part.has_told |= has_walked;
            self.send_snapshot_hop(self.node.control(), SnapshotHop::Piece { id, piece, has_walked });
        }
    }

    /// Sends a hop about a snapshot, to this worker as well as to another.
    pub(super) fn send_snapshot_hop(&mut self, to: ShardId, hop: SnapshotHop) {
        if to == self.id {
            self.take_snapshot_hop(self.id, hop);
        } else {
            self.mesh.send(to, Hop::Snapshot(Box::new(hop)));
        }
    }

    /// Takes one.
    pub(super) fn take_snapshot_hop(&mut self, from: ShardId, hop: SnapshotHop) {
        match hop {
            SnapshotHop::Piece { .. } | SnapshotHop::Ended { .. } => self.take_snapshot_piece(from, hop),
            SnapshotHop::Hold(holds) => self.snapshots.holds_clients = holds,
            SnapshotHop::Flushed => self.all_keys_are_gone(),
            SnapshotHop::Due(point) => self.save_point_reached(point),
            SnapshotHop::Taken { id, bytes } => {
                let part = self.snapshot_part(id);
                part.sent_bytes = part.sent_bytes.saturating_sub(bytes);
            }
            SnapshotHop::GiveUp { id } => self.router.shard_mut().give_snapshot_up(id),
            SnapshotHop::End { id } => {
                if self.router.shard().is_snapshot_under_way(id) {
                    self.snapshot_part(id).is_ending = true;
                }
            }
        }
    }
}
