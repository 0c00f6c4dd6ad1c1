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
    /// Save unless told otherwise, load what is in the file, and answer when that is done (DEBUG RELOAD).
    Reload(ReloadOptions),
    /// End, and answer if that fails (SHUTDOWN).
    Shutdown(ShutdownOptions),
    /// Do not end (SHUTDOWN ABORT).
    AbortShutdown,
}

/// How DEBUG RELOAD goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReloadOptions {
    /// Save before.
    pub saves: bool,
    /// The keys that are there go before the file is loaded.
    pub flushes: bool,
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
