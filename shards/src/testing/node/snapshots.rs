//! Snapshots of a simulated node: each worker's shard writes a part of each, in small steps at random times.

use crate::random::Random;
use crate::shard::Shard;
use crate::snapshot::SnapshotId;

/// The most entries that one step visits.
const STEP_ENTRIES_MAX: usize = 6;

/// How far a worker has come with a snapshot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// It has not begun or has ended.
    None,
    /// It writes.
    Writes,
    /// It has written all that it had, and the others have not.
    HasWritten,
    /// All have written, and it will end.
    Ends,
}

/// The parts of one snapshot, by worker.
struct File {
    progress: Vec<Progress>,
    written: Vec<Vec<u8>>,
    keys: u64,
}

/// What snapshots have written, and how far they have come.
pub struct SnapshotFiles {
    files: Vec<File>,
}

/// A snapshot that has ended.
pub struct Written {
    /// What each worker has written.
    pub parts: Vec<Vec<u8>>,
    /// How many keys they say that is.
    pub keys: u64,
}

impl SnapshotFiles {
    pub(super) fn new(workers: usize) -> SnapshotFiles {
        let file =
            |_| File { progress: vec![Progress::None; workers], written: vec![Vec::new(); workers], keys: 0 };
        SnapshotFiles { files: SnapshotId::all().map(file).collect() }
    }

    /// A snapshot begins: its command is about to be sent.
    pub fn begin(&mut self, id: SnapshotId) {
        self.files[usize::from(id.number())].progress.fill(Progress::Writes);
    }

    /// Takes what a snapshot that was begun has written, when it has ended everywhere.
    pub fn take_ended(&mut self, id: SnapshotId) -> Option<Written> {
        let file = &mut self.files[usize::from(id.number())];
        if file.progress.iter().any(|&progress| progress != Progress::None) {
            return None;
        }
        let parts: Vec<Vec<u8>> = file.written.iter_mut().map(std::mem::take).collect();
        let keys = std::mem::take(&mut file.keys);
        Some(Written { parts, keys })
    }

    /// True when a worker has something to do for a snapshot.
    pub(super) fn has_work(&self, shard: &Shard) -> bool {
        SnapshotId::all().any(|id| {
            let progress = self.files[usize::from(id.number())].progress[shard.id().index()];
            shard.is_snapshot_under_way(id) && matches!(progress, Progress::Writes | Progress::Ends)
        })
    }

    /// One worker goes on with one snapshot.
    pub(super) fn step(&mut self, worker: usize, shard: &mut Shard, random: &mut Random) {
        let number = random.below(self.files.len());
        let id = SnapshotId::new(number as u8).expect("a file for each number");
        let file = &mut self.files[number];
        if !shard.is_snapshot_under_way(id) {
            return;
        }
        shard.write_snapshot(id, 1 + random.below(STEP_ENTRIES_MAX), 1 + random.below(100));
        let has_written = shard.has_written_snapshot(id);
        let piece = match file.progress[worker] {
            Progress::Ends if has_written => {
                file.progress[worker] = Progress::None;
                shard.end_snapshot(id)
            }
            Progress::Writes if has_written => {
                file.progress[worker] = Progress::HasWritten;
                shard.take_snapshot_piece(id)
            }
            _ => shard.take_snapshot_piece(id),
        };
        file.written[worker].extend(piece.bytes);
        file.keys += piece.keys;
        if file.progress.iter().all(|&progress| progress == Progress::HasWritten) {
            file.progress.fill(Progress::Ends);
        }
    }
}
