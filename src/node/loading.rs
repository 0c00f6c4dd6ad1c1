//! What is being loaded, as INFO and the main thread see it. The control worker writes it, once a turn.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One per process.
#[derive(Debug, Default)]
pub struct LoadState {
    /// Something is being loaded, and most commands are refused.
    is_under_way: AtomicBool,
    /// It could not be loaded: the node ends.
    has_failed: AtomicBool,
    /// When it began, in seconds since 1970.
    started_s: AtomicU64,
    /// The length of the file; 0 when that is not known.
    total_bytes: AtomicU64,
    /// How much of it has been passed.
    loaded_bytes: AtomicU64,
    /// What its writer used, as the file says.
    writer_used_bytes: AtomicU64,
    /// Keys that the last load has put in.
    keys_loaded: AtomicU64,
    /// Keys that it has left out because their time was over.
    keys_expired: AtomicU64,
}

/// A load under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LoadProgress {
    /// When it began, in seconds since 1970.
    pub started_s: u64,
    /// The length of the file; 0 when that is not known.
    pub total_bytes: u64,
    /// How much of it has been passed.
    pub loaded_bytes: u64,
    /// What its writer used, as the file says.
    pub writer_used_bytes: u64,
}

impl LoadState {
    /// A load begins.
    pub fn begin(&self, started_s: u64) {
        self.started_s.store(started_s, Ordering::Relaxed);
        self.total_bytes.store(0, Ordering::Relaxed);
        self.loaded_bytes.store(0, Ordering::Relaxed);
        self.writer_used_bytes.store(0, Ordering::Relaxed);
        self.is_under_way.store(true, Ordering::Release);
    }

    /// How far it has come.
    pub fn advance(&self, total_bytes: u64, loaded_bytes: u64, writer_used_bytes: u64) {
        self.total_bytes.store(total_bytes, Ordering::Relaxed);
        self.loaded_bytes.store(loaded_bytes, Ordering::Relaxed);
        self.writer_used_bytes.store(writer_used_bytes, Ordering::Relaxed);
    }

    /// Everything is in the tables: so many keys, without so many whose time was over.
    pub fn loaded(&self, keys_loaded: u64, keys_expired: u64) {
        self.keys_loaded.store(keys_loaded, Ordering::Relaxed);
        self.keys_expired.store(keys_expired, Ordering::Relaxed);
    }

    /// All workers serve.
    pub fn end(&self) {
        self.is_under_way.store(false, Ordering::Release);
    }

    /// It has failed.
    pub fn fail(&self) {
        self.has_failed.store(true, Ordering::Release);
    }

    /// Something is being loaded.
    pub fn is_under_way(&self) -> bool {
        self.is_under_way.load(Ordering::Acquire)
    }

    /// Something could not be loaded.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// How far the load has come that is under way.
    pub fn progress(&self) -> Option<LoadProgress> {
        self.is_under_way().then(|| LoadProgress {
            started_s: self.started_s.load(Ordering::Relaxed),
            total_bytes: self.total_bytes.load(Ordering::Relaxed),
            loaded_bytes: self.loaded_bytes.load(Ordering::Relaxed),
            writer_used_bytes: self.writer_used_bytes.load(Ordering::Relaxed),
        })
    }

    /// How many keys the last load has put in, and how many it has left out because their time was over.
    pub fn last(&self) -> (u64, u64) {
        (self.keys_loaded.load(Ordering::Relaxed), self.keys_expired.load(Ordering::Relaxed))
    }
}

impl LoadProgress {
    /// The part that has been loaded, in percent, and the seconds that the rest will take, at `now_s` (Redis:
    /// genRedisInfoString).
    pub fn estimate(&self, now_s: u64) -> (f64, u64) {
        let LoadProgress { started_s, total_bytes, loaded_bytes, writer_used_bytes } = *self;
        let is_known = total_bytes > 0;
        // What the writer used is a bad estimate of the length of its file, and the only one for a pipe.
        let whole = if is_known { total_bytes } else { writer_used_bytes };
        let percent = if whole == 0 { 0.0 } else { loaded_bytes as f64 / whole as f64 * 100.0 };
        let rest_bytes = whole.saturating_sub(loaded_bytes).max(u64::from(!is_known));
        let elapsed_s = now_s.saturating_sub(started_s);
        let eta_s = match elapsed_s {
            // Too early to tell.
            0 => 1,
            _ => (u128::from(elapsed_s) * u128::from(rest_bytes) / (u128::from(loaded_bytes) + 1)) as u64,
        };
        (if is_known { percent } else { percent.min(99.99) }, eta_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_as_the_part_before_it_has_taken_for_each_byte() {
        let progress =
            LoadProgress { started_s: 100, total_bytes: 1000, loaded_bytes: 249, writer_used_bytes: 0 };
        assert_eq!(progress.estimate(100).1, 1);
        assert_eq!(progress.estimate(110), (24.9, 30));
        // Of a pipe nobody knows the length.
        let pipe = LoadProgress { total_bytes: 0, writer_used_bytes: 200, ..progress };
        assert_eq!(pipe.estimate(110), (99.99, 0));
        assert_eq!(LoadProgress { writer_used_bytes: 0, ..pipe }.estimate(110).0, 0.0);
        let huge = LoadProgress { total_bytes: u64::MAX, loaded_bytes: 0, ..progress };
        assert_eq!(huge.estimate(110).0, 0.0);
    }
}
