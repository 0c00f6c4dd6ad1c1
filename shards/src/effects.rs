//! Effects: what writes have done, as commands that do the same again wherever and whenever they are run.
//!
//! An effect is the deterministic form of a change: absolute times, results instead of increments of floats,
//! a DEL for a key that expired or was evicted. They are the only source of what others learn of writes (the
//! append-only file, replicas). A command that changed something is its own effect unless its handler says
//! better ([`crate::keyspace::Keyspace::effect`]). Nothing is recorded, and nothing is paid but a comparison,
//! while nobody listens.
//!
//! *Order.* Effects come in groups; a group is one command, or one whole transaction. Each shard gives its
//! groups out in the order in which they happened. Between shards [`Stamp`]s decide: sorted by stamp, groups
//! that touch the same key are in the order in which they happened, wherever they ran. Parts of one
//! transaction that ran on several shards bear the same stamp and belong together.
//!
//! Why that is so: the stamp's clock is the Lamport clock of the transactions' numbers. A grant tells the
//! coordinator the clock of the participant, so the run of a transaction is later than all that its keys have
//! seen before; and the order to run, or the return of lent entries, moves the participant's clock past it,
//! so all that its keys see afterwards is later still. This file must not know commands or tables.

use crate::args::OwnedArgs;
use crate::key::DbIndex;

/// The place of a group of effects in the order of all groups of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Stamp {
    /// Lamport clock.
    pub clock: u64,
    /// The transaction's number, or the shard's for a command that ran on its own: parts of one transaction
    /// are together, and independent groups have some order.
    pub source: u64,
}

/// One change, as a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effect {
    /// The database that it is to be run in.
    pub db: DbIndex,
    /// The command and its arguments.
    pub args: OwnedArgs,
}

/// What belongs together: all of it happens or nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EffectGroup {
    /// Where it belongs among the groups of all shards.
    pub stamp: Stamp,
    /// In the order in which they happened.
    pub effects: Vec<Effect>,
}

/// The recorder of one shard.
#[derive(Debug, Default)]
pub struct Effects {
    listening: bool,
    /// Groups that nobody has fetched yet. Whoever listens fetches them in each turn.
    groups: Vec<EffectGroup>,
    /// What has happened since the last group was closed.
    open: Vec<Effect>,
    /// The running command has said what its effect is.
    said: bool,
}

impl Effects {
    /// True while somebody wants to know.
    #[inline]
    pub fn is_listening(&self) -> bool {
        self.listening
    }

    /// Starts or ends the recording. What had not been fetched is forgotten at the end.
    pub fn listen(&mut self, listening: bool) {
        *self = Effects { listening, ..Effects::default() };
    }

    /// Records a change.
    pub fn push(&mut self, db: DbIndex, args: OwnedArgs) {
        if self.listening {
            self.open.push(Effect { db, args });
        }
    }

    /// Records the effect of the running command, which is then not recorded as it was sent.
    #[inline]
    pub fn say<'a>(&mut self, db: DbIndex, args: impl IntoIterator<Item = &'a [u8]>) {
        if self.listening {
            self.said = true;
            self.open.push(Effect { db, args: args.into_iter().collect() });
        }
    }

    /// The command that runs next runs on other shards as well, one of which records it.
    pub fn leave_to_others(&mut self) {
        self.said = self.listening;
    }

    /// True when the command that has just run has said what its effect is. Asked once for each command.
    pub fn take_said(&mut self) -> bool {
        std::mem::take(&mut self.said)
    }

    /// Closes the group of all that was recorded since the last one, if that is anything.
    pub fn close(&mut self, stamp: Stamp) {
        if !self.open.is_empty() {
            self.groups.push(EffectGroup { stamp, effects: std::mem::take(&mut self.open) });
        }
    }

    /// The groups since the last call.
    pub fn take(&mut self) -> Vec<EffectGroup> {
        std::mem::take(&mut self.groups)
    }
}
