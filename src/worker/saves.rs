//! Which save is under way, for whom, and whether the node ends behind it (`saving`, `shutdown`). This file
//! must not know the worker.

use shards::txn::Ticket;

use crate::config::ShutdownOptions;
use crate::persistence::save::Save;
use crate::session::saving::ReloadOptions;

/// What the control worker has of a save. One per worker; the others have none.
#[derive(Default)]
pub(super) struct Saving {
    pub(super) save: Option<Save>,
    /// The caller of the cut, until its reply has come.
    pub(super) cutter: Option<u32>,
    /// The client of SAVE.
    pub(super) awaited_by: Option<Ticket>,
    /// Another save begins when the one under way has ended.
    pub(super) saves_again: bool,
    /// The client of DEBUG RELOAD.
    pub(super) reload: Option<(Ticket, ReloadOptions)>,
    /// The node ends when what is under way has ended.
    pub(super) shutdown: Option<Shutdown>,
}

/// An end of the node that waits for a save.
#[derive(Clone, Copy)]
pub(super) struct Shutdown {
    pub(super) options: ShutdownOptions,
    /// The client of SHUTDOWN; none for a signal.
    pub(super) asked_by: Option<Ticket>,
}

/// What a save has saved that the end of the node waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ForEnd {
    /// Everything.
    All,
    /// What there was at its cut, and there were changes since.
    Behind,
    /// Nothing.
    Nothing,
}

/// Why a save ends that was under way when the node was to end.
pub(super) const FOR_SHUTDOWN: &str = "the server shuts down";
