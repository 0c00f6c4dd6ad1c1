//! What a worker waits for besides its clients and the other workers: who has asked for it, and what follows.

use std::time::Duration;

use super::Worker;
use crate::host::clock;
use crate::io::Owner;
use crate::io::errands::News;
use crate::io::ring::TICK_PERIOD_MS;
use crate::worker::control::LEFT_OUT_LINES;
use crate::worker::loading::{LOADING, LOADING_LINES};
use crate::worker::rewriting::REWRITING;
use crate::worker::saving::SAVING;

/// The timer of clients in blocking commands.
const BLOCKED_CLIENTS: Owner = Owner(0);

impl Worker {
    /// Hands what has happened to whoever has asked for it.
    pub(super) fn take_errands(&mut self) {
        while let Some((owner, news)) = self.errands.take() {
            match (owner, news) {
                // The turn looks after them.
                (BLOCKED_CLIENTS, _) => self.blocked_timer = None,
                (LEFT_OUT_LINES, _) => self.tell_left_out(),
                (SAVING, News::Disk(done)) => self.take_saved(done),
                (REWRITING, News::Disk(done)) => self.take_rewritten(done),
                (LOADING, News::Disk(done)) => self.take_read(done),
                (LOADING_LINES, _) => self.tell_progress(),
                (Owner(_), news) => log::error!("Nobody has asked for {news:?}"),
            }
        }
    }

    /// Sees to it that the ring ends a wait when a client has waited long enough. What is further away than a
    /// tick is left to ticks: a timer is set only for what would be late.
    pub(super) fn set_blocked_timer(&mut self) {
        // A command that waits may have read the clock since the turn began.
        let now_ms = self.router.shard().now_ms();
        let deadline_ms = self.router.next_deadline_ms();
        let near = deadline_ms.filter(|&deadline_ms| deadline_ms.saturating_sub(now_ms) < TICK_PERIOD_MS);
        if self.blocked_timer.map(|(set_ms, _)| set_ms) == near {
            return;
        }
        if let Some((_, timer)) = self.blocked_timer.take() {
            self.errands.timers.cancel(timer);
        }
        if let Some(deadline_ms) = near {
            // One that shows the deadline already may be before it, and has to be looked at again.
            let wait_ms = deadline_ms.saturating_sub(now_ms).max(1);
            let due = clock::monotonic() + Duration::from_millis(wait_ms);
            let timer = self.errands.timers.set(BLOCKED_CLIENTS, due);
            self.blocked_timer = Some((deadline_ms, timer));
            self.errands.submit(&mut self.ring);
        }
    }
}
