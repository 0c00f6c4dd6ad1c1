//! What a worker has of a load (`loading`). This file must not know the worker.

use std::time::Duration;

use shards::loading::ShardLoad;

use crate::io::timers::TimerId;
use crate::persistence::load::Load;

/// A worker's state while the node loads. One per worker, and none when it does not.
#[derive(Default)]
pub(super) struct Loading {
    pub(super) shard: ShardLoad,
    /// No more batches come.
    pub(super) is_last: bool,
    pub(super) is_fault_told: bool,
    /// Commands that were allowed before are still under way.
    pub(super) is_beginning: bool,
    /// On the control worker.
    pub(super) file: Option<Box<FileLoad>>,
}

/// The file that the control worker goes through.
pub(super) struct FileLoad {
    /// None when all of it is in the tables, and the workers open.
    pub(super) load: Option<Load>,
    /// When it began, by the clock that nothing sets.
    pub(super) began: Duration,
    /// When it was told last how far it has come, and how far that was, in bytes.
    pub(super) told: (Duration, u64),
    pub(super) timer: Option<TimerId>,
    /// Workers that have not said that they refuse, or later that they serve.
    pub(super) awaited: usize,
    pub(super) has_more: bool,
    /// The keys that the shards have are to go first.
    pub(super) flushes: bool,
    /// No slot is on its way: all have owners until the end of the load.
    pub(super) is_settled: bool,
}

impl Loading {
    /// The next turn should begin at once.
    pub(super) fn has_work(&self) -> bool {
        self.shard.has_work() || self.file.as_ref().is_some_and(|file| file.has_more)
    }
}
