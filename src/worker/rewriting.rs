//! CONFIG REWRITE, at the sequencer of changes: the file is written by the ring while the worker goes on, and
//! the reply comes when the new file is on the disk.
//!
//! One change of the file is under way at a time. Who asks meanwhile is served by the next one, all together,
//! with what holds when that begins: so a thousand of them write the file twice.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use shards::txn::Ticket;

use super::Worker;
use crate::config;
use crate::host::log::LineLimit;
use crate::io::Owner;
use crate::io::disk::FileDone;
use crate::io::edit::{EditPlan, FileEdit};
use crate::session::inquiry::Answer;
use crate::worker::rewrites::Rewrites;

/// Permissions of a file that was not there before (Redis: rewriteConfigOverwriteFile).
const NEW_FILE_MODE: u32 = 0o644;

static DONE_LINES: LineLimit =
    LineLimit::new(module_path!(), log::Level::Info, "CONFIG REWRITE executed with success");
static FAILED_LINES: LineLimit = LineLimit::new(module_path!(), log::Level::Warn, "CONFIG REWRITE failed");

/// Whose requests to the disk these are.
pub(super) const REWRITING: Owner = Owner(1);

impl Worker {
    /// CONFIG REWRITE for this ticket. Returns the answer if it is there at once: there is no file.
    pub(super) fn rewrite_config(&mut self, ticket: Ticket) -> Option<Answer> {
        let Some(file) = self.node.config_file.as_deref() else {
            return Some(Answer::Ended(Err(config::without_file())));
        };
        self.rewrites.waiting.push(ticket);
        if self.rewrites.edit.is_none() {
            self.begin_rewriting(file);
        }
        None
    }

    fn begin_rewriting(&mut self, file: &Path) {
        self.rewrites.served = std::mem::take(&mut self.rewrites.waiting);
        // A symbolic link stays one. Where there is no file yet, its name is all there is.
        let path = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
        let permissions = path.metadata().map_or(NEW_FILE_MODE, |found| found.permissions().mode() & 0o7777);
        let number = getrandom::u64().expect("the kernel's random numbers are always there after boot");
        let temporary = path.with_file_name(format!(".shoal-rewrite-{number:016x}"));
        let config = Arc::clone(&self.config);
        let change = Box::new(move |old: &[u8]| config::rewritten(&config, old));
        let plan = EditPlan { path, temporary, permissions, change };
        self.rewrites.edit = Some(FileEdit::start(plan, REWRITING, &mut self.errands.disk));
    }

    /// Takes the end of a request to the disk that was made for it.
    pub(super) fn take_rewritten(&mut self, done: FileDone) {
        let Rewrites { edit, served, .. } = &mut self.rewrites;
        let Some(ended) = edit.as_mut().and_then(|edit| edit.take(done, &mut self.errands.disk)) else {
            return;
        };
        *edit = None;
        tell(&ended);
        let outcome = ended.map_err(|error| config::rewrite_failed(&error));
        for ticket in std::mem::take(served) {
            self.send_answer(ticket, Answer::Ended(outcome.clone()));
        }
        if let Some(file) = self.node.config_file.as_deref().filter(|_| !self.rewrites.waiting.is_empty()) {
            self.begin_rewriting(file);
        }
    }
}

fn tell(ended: &io::Result<()>) {
    match ended {
        Ok(()) => {
            if let Some(left_out) = DONE_LINES.admit() {
                log::info!("CONFIG REWRITE executed with success.{left_out}");
            }
        }
        Err(error) => {
            if let Some(left_out) = FAILED_LINES.admit() {
                log::warn!("CONFIG REWRITE failed: {error}{left_out}");
            }
        }
    }
}
