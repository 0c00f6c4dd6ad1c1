//! What all workers know of saves: when the last one was, how it ended, how far the present one is.
//!
//! Written by the control worker, which has the file; each worker tells its own number of changes. Read by
//! whoever reports, and by who decides that it is time for the next one. This file must not know files.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use shards::slot::ShardId;

/// One per process.
#[derive(Debug)]
pub struct Saves {
    /// Changes since the start, of each worker's shard.
    changes: Vec<AtomicU64>,
    /// Those before the cut of the last save that went well.
    saved_changes: AtomicU64,
    last_save_s: AtomicU64,
    began_ms: AtomicU64,
    is_background: AtomicBool,
    keys: AtomicU64,
    keys_total: AtomicU64,
    has_failed: AtomicBool,
    last_try_s: AtomicU64,
    last_duration_s: AtomicI64,
    count: AtomicU64,
    left_out: AtomicU64,
}

/// What INFO says of saves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SavesReport {
    /// Changes since the cut of the last save that went well.
    pub changes: u64,
    /// One is under way that no client waits for.
    pub in_background: bool,
    /// When the present one has begun, in milliseconds since 1970; 0 when there is none.
    pub began_ms: u64,
    /// When the last one went well, or the process was started, in seconds since 1970.
    pub last_save_s: u64,
    /// Keys that the present one has written, and those that it will have.
    pub keys: (u64, u64),
    /// The last one in the background has failed.
    pub has_failed: bool,
    /// How long the last one in the background took, in seconds; -1 when there was none.
    pub last_duration_s: i64,
    /// How many have gone well.
    pub count: u64,
    /// Of so many keys the last one has left something out that its version has no place for.
    pub left_out: u64,
}

impl Saves {
    /// None, of so many workers, in a process that was started at this time.
    pub fn new(workers: usize, started_ms: u64) -> Saves {
        Saves {
            changes: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            saved_changes: AtomicU64::new(0),
            last_save_s: AtomicU64::new(started_ms / 1000),
            began_ms: AtomicU64::new(0),
            is_background: AtomicBool::new(false),
            keys: AtomicU64::new(0),
            keys_total: AtomicU64::new(0),
            has_failed: AtomicBool::new(false),
            last_try_s: AtomicU64::new(0),
            last_duration_s: AtomicI64::new(-1),
            count: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// A worker tells how many changes its shard has made.
    pub fn set_changes(&self, worker: ShardId, changes: u64) {
        self.changes[worker.index()].store(changes, Ordering::Relaxed);
    }

    /// Changes since the cut of the last save that went well, as the workers have told them.
    pub fn changes(&self) -> u64 {
        let all: u64 = self.changes.iter().map(|changes| changes.load(Ordering::Relaxed)).sum();
        self.changes_of(all)
    }

    /// The same when there have been so many since the start.
    pub fn changes_of(&self, all: u64) -> u64 {
        all.saturating_sub(self.saved_changes.load(Ordering::Relaxed))
    }

    /// The changes so far are as good as saved: what was loaded is what the file has.
    pub fn forget_changes(&self, changes: u64) {
        self.saved_changes.store(changes, Ordering::Relaxed);
    }

    /// One begins.
    pub fn begin(&self, now_ms: u64, is_background: bool) {
        self.began_ms.store(now_ms, Ordering::Relaxed);
        self.is_background.store(is_background, Ordering::Relaxed);
        self.last_try_s.store(now_ms / 1000, Ordering::Relaxed);
        self.set_progress((0, 0));
    }

    /// How far it is: keys, and how many there will be.
    pub fn set_progress(&self, (keys, total): (u64, u64)) {
        self.keys.store(keys, Ordering::Relaxed);
        self.keys_total.store(total, Ordering::Relaxed);
    }

    /// It has gone well, with so many changes before its cut and so many keys of which something was left
    /// out.
    pub fn succeeded(&self, now_ms: u64, changes: u64, left_out: u64) {
        self.saved_changes.store(changes, Ordering::Relaxed);
        self.last_save_s.store(now_ms / 1000, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.left_out.store(left_out, Ordering::Relaxed);
        self.end(now_ms, Some(false));
    }

    /// It has ended otherwise. `has_failed` says how that is to be shown, unless it was not wanted any more.
    pub fn end(&self, now_ms: u64, has_failed: Option<bool>) {
        let began_ms = self.began_ms.swap(0, Ordering::Relaxed);
        if self.is_background.swap(false, Ordering::Relaxed) {
            let took_s = now_ms.saturating_sub(began_ms) / 1000;
            self.last_duration_s.store(took_s as i64, Ordering::Relaxed);
        }
        if let Some(has_failed) = has_failed {
            self.has_failed.store(has_failed, Ordering::Relaxed);
        }
    }

    /// What INFO says.
    pub fn report(&self) -> SavesReport {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        SavesReport {
            changes: self.changes(),
            in_background: self.is_background.load(Ordering::Relaxed),
            began_ms: load(&self.began_ms),
            last_save_s: load(&self.last_save_s),
            keys: (load(&self.keys), load(&self.keys_total)),
            has_failed: self.has_failed.load(Ordering::Relaxed),
            last_duration_s: self.last_duration_s.load(Ordering::Relaxed),
            count: load(&self.count),
            left_out: load(&self.left_out),
        }
    }

    /// True when the last one in the background has failed.
    #[inline]
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// True while one is under way.
    pub fn is_under_way(&self) -> bool {
        self.began_ms.load(Ordering::Relaxed) != 0
    }

    /// When the last one was tried, in seconds since 1970; 0 for never.
    pub fn last_try_s(&self) -> u64 {
        self.last_try_s.load(Ordering::Relaxed)
    }
}
