//! The end of the node, at the control worker: a signal or SHUTDOWN asks for it, and what has to be saved is
//! saved before.
//!
//! From the moment at which such a save begins no worker executes anything more for clients, so nobody is
//! told of a change that is not in the file. If it fails the node goes on, and says so, as Redis does.

use std::sync::atomic::Ordering;

use shards::error::CommandError;
use shards::slot::ShardId;
use shards::txn::Ticket;

use super::Worker;
use crate::config::ShutdownOptions;
use crate::host::signals;
use crate::persistence::hop::SnapshotHop;
use crate::session::inquiry::Answer;
use crate::session::saving::SaveAnswer;
use crate::worker::saves::{FOR_SHUTDOWN, ForEnd, Shutdown};

/// How Redis words that it goes on.
const FAILED: &str = "ERR Errors trying to SHUTDOWN. Check logs.";

impl Worker {
    /// A signal has asked for the end.
    pub(super) fn signal_asks_for_end(&mut self, signal: i32) {
        let options = match signal {
            libc::SIGINT => self.config.shutdown_on_sigint,
            _ => self.config.shutdown_on_sigterm,
        };
        if self.saving.shutdown.is_none() {
            self.begin_shutdown(Shutdown { options, asked_by: None });
        }
    }

    /// SHUTDOWN. The answer comes only when the node goes on.
    pub(super) fn client_asks_for_end(
        &mut self,
        ticket: Ticket,
        options: ShutdownOptions,
    ) -> Option<SaveAnswer> {
        if self.saving.shutdown.is_some() {
            return Some(SaveAnswer::Refused(CommandError::other(FAILED)));
        }
        self.begin_shutdown(Shutdown { options, asked_by: Some(ticket) });
        None
    }

    /// SHUTDOWN ABORT.
    pub(super) fn abort_shutdown(&mut self) -> SaveAnswer {
        if self.saving.shutdown.is_none() {
            return SaveAnswer::Refused(CommandError::other("ERR No shutdown in progress."));
        }
        log::info!("Shutdown manually aborted.");
        self.give_save_up("the shutdown was aborted");
        SaveAnswer::Done
    }

    fn begin_shutdown(&mut self, shutdown: Shutdown) {
        let was_loading = self.node.load.is_under_way();
        if let Some(control) = &self.control {
            (control.duty.tell_of_end)(was_loading);
        }
        // What has been loaded by now is not all of the file, and must not come into its place.
        let saves = !was_loading && shutdown.options.saves.unwrap_or(!self.config.save_points.is_empty());
        if !saves {
            // What it has written is removed before the worker ends.
            self.give_save_up(FOR_SHUTDOWN);
            return self.end_node();
        }
        log::info!("Saving the final RDB snapshot before exiting.");
        self.saving.shutdown = Some(shutdown);
        self.hold_all_clients(true);
        if self.saving.save.is_some() {
            log::warn!("There is a child saving an .rdb. Killing it!");
            // The end of that one begins the last one.
            self.give_save_up(FOR_SHUTDOWN);
        } else {
            self.begin_save(false);
        }
    }

    fn hold_all_clients(&mut self, holds: bool) {
        for worker in (0..self.mesh.workers()).map(|worker| ShardId(worker as u16)) {
            self.send_snapshot_hop(worker, SnapshotHop::Hold(holds));
        }
    }

    /// A save has ended while the node waits to end. `outcome` is none for one that was given up for it.
    pub(super) fn shutdown_goes_on(&mut self, outcome: Option<ForEnd>) {
        let Some(shutdown) = self.saving.shutdown else { return };
        match outcome {
            // What other workers had under way when clients were held was made behind the cut.
            None | Some(ForEnd::Behind) => self.begin_save(false),
            Some(ForEnd::All) => self.end_node(),
            Some(ForEnd::Nothing) if shutdown.options.force => {
                log::warn!("Error trying to save the DB, but force option specified. Exiting anyway.");
                self.end_node();
            }
            Some(ForEnd::Nothing) => {
                log::warn!("Error trying to save the DB, can't exit.");
                self.saving.shutdown = None;
                self.hold_all_clients(false);
                signals::forget();
                self.watch_signals();
                if let Some(ticket) = shutdown.asked_by {
                    let refused = SaveAnswer::Refused(CommandError::other(FAILED));
                    self.send_answer(ticket, Answer::Save(refused));
                }
            }
        }
    }

    fn end_node(&mut self) {
        self.node.stopping.store(true, Ordering::Relaxed);
    }
}
