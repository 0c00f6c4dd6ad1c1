//! What one client wants to be told of, and what CLIENT TRACKING changes of that.

use std::collections::BTreeSet;

use shards::copies::Tracker;

/// What a client wants to be told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrackingMode {
    /// The keys that it reads.
    Reads,
    /// The keys that commands behind CLIENT CACHING YES read (OPTIN).
    OptIn,
    /// The keys that it reads, but for those of commands behind CLIENT CACHING NO (OPTOUT).
    OptOut,
    /// All keys with certain prefixes (BCAST).
    Prefixes,
}

/// CLIENT TRACKING of one client that is on.
#[derive(Clone, Debug)]
pub struct ClientTracking {
    /// What it is told of.
    pub mode: TrackingMode,
    /// Who is told in its place.
    pub redirect: Option<Tracker>,
    /// That one is found to be gone.
    pub is_redirect_broken: bool,
    /// It is not told of its own changes (NOLOOP).
    pub is_noloop: bool,
    /// CLIENT CACHING was the command before, or comes before the transaction that runs.
    pub is_caching_said: bool,
    /// Of [`TrackingMode::Prefixes`].
    pub prefixes: BTreeSet<Vec<u8>>,
}

/// What CLIENT TRACKING changes.
#[derive(Clone, Debug)]
pub enum TrackingChange {
    /// OFF.
    Off,
    /// ON. Prefixes come to those that are there.
    On {
        /// What the client wants to be told of.
        mode: TrackingMode,
        /// NOLOOP.
        is_noloop: bool,
        /// PREFIX; with BCAST at least one, which may be empty.
        prefixes: Vec<Vec<u8>>,
    },
}

impl TrackingChange {
    /// What comes of it for a client.
    pub fn apply(
        self,
        before: Option<Box<ClientTracking>>,
        redirect: Option<Tracker>,
    ) -> Option<Box<ClientTracking>> {
        let TrackingChange::On { mode, is_noloop, prefixes: more } = self else { return None };
        let (is_caching_said, mut prefixes) =
            before.map_or_else(Default::default, |before| (before.is_caching_said, before.prefixes));
        prefixes.extend(more);
        let is_redirect_broken = false;
        Some(Box::new(ClientTracking {
            mode,
            redirect,
            is_redirect_broken,
            is_noloop,
            is_caching_said,
            prefixes,
        }))
    }
}

impl ClientTracking {
    /// Whether the client wants to hear of a change of a key that it has read; `is_own`: it has changed it
    /// itself.
    pub fn wants_change(&self, is_own: bool) -> bool {
        // One that has changed to prefixes hears of these alone.
        self.mode != TrackingMode::Prefixes && !(self.is_noloop && is_own)
    }

    /// Whether the keys of the command that runs are remembered, if it reads.
    pub fn remembers(&self) -> bool {
        match self.mode {
            TrackingMode::Reads => true,
            TrackingMode::OptIn => self.is_caching_said,
            TrackingMode::OptOut => !self.is_caching_said,
            TrackingMode::Prefixes => false,
        }
    }
}
