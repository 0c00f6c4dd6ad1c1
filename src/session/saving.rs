//! What clients ask of the worker that has the files, and what it answers: SAVE, BGSAVE.

use shards::error::CommandError;

use crate::config::ShutdownOptions;

/// What the worker that has the files is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SaveQuestion {
    /// Save, and answer when it has ended (SAVE).
    Now,
    /// Begin to save (BGSAVE).
    Begin,
    /// Save no more (BGSAVE CANCEL).
    Cancel,
    /// End, and answer if that fails (SHUTDOWN).
    Shutdown(ShutdownOptions),
    /// Do not end (SHUTDOWN ABORT).
    AbortShutdown,
}

/// What it answers, alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SaveAnswer {
    /// It is done.
    Done,
    /// It has begun, or will: in these words.
    Said(&'static str),
    /// It was refused, or has failed.
    Refused(CommandError),
}
