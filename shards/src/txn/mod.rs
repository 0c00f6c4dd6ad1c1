//! Transactions over several shards: strictly serialisable, all or nothing, without deadlock.
//!
//! A command whose keys lie on several shards is a transaction. The worker that received it is its
//! *coordinator*; every shard that owns one of its keys is a *participant*.
//!
//! 1. The coordinator sends `Lock` to all participants at once. A participant grants it as soon as no earlier
//!    transaction holds or awaits a key in conflict ([`locks`]).
//! 2. When all have granted, and not before, the coordinator lets it run. The commands that split by key
//!    (MSET, MGET, DEL, ...) run where the keys are: `Run`, answered by `Done`. All others are *gathered*:
//!    with its grant a participant lends the entries themselves, by pointer; the coordinator's shard runs the
//!    ordinary handler on them, in one go, and gives them back with `Restore`. So a handler never knows that
//!    a key came from elsewhere. A transaction whose keys turn out to lie on one shard goes there as a whole
//!    (`Part::Exec`) and runs at its grant. One that holds a command for all shards (FLUSHALL, SCAN) has all
//!    slots gathered, table by table; so has a command that reads keys which its arguments do not name (SORT
//!    with BY).
//! 3. A participant releases the locks when its part has run or the entries are back. First it runs the
//!    single-key commands that waited for them, then it grants the locks to whoever comes next.
//!
//! Why it is serialisable: every key is locked on every shard before anything runs on any (strong strict
//! two-phase locking), and single-key commands wait while their key is locked. Why it cannot deadlock: a
//! transaction only ever waits for one with a smaller number. One that would have to wait for a larger number
//! is refused; its coordinator cancels it everywhere and starts again with a larger number, which no client
//! notices. The alternative, one worker that puts all transactions in order (Calvin; Thomson et al., SIGMOD
//! 2012), needs no refusal but one more hop for each transaction, and makes one core a bottleneck.
//!
//! Why nobody starves: the largest number is never refused, and a refused transaction takes a number larger
//! than all that the refusing shard has seen. Readers share a key, so a stream of them could keep it locked
//! for ever: one that comes while a writing command is parked waits behind the holders that this command
//! waits for.
//!
//! *Blocking commands* wait at the shards of their keys ([`wait`]) and are run again by their coordinator
//! ([`crate::router::blocking`]), as transactions like any other.
//!
//! All this is put to the test by `testing::simulation`.
//!
//! Everything here is deterministic and does no I/O: messages come in, messages go out, in order for each
//! pair of shards. Numbers are Lamport clocks with the shard's number below, so they need no shared counter.

pub mod blocked_client;
pub mod call;
pub mod credit;
pub mod locks;

use std::sync::Arc;

pub use crate::txn::call::{Exec, Keys, OwnedCall, Ticket, TxId, Watched};

use crate::copies::{AwayRead, TrackedSlots};
use crate::entry::Entry;
use crate::key::DbIndex;
use crate::notify::Notice;
use crate::reply::Reply;
use crate::slot::{ShardId, SlotId, SlotSet};
use crate::snapshot::DatabaseNames;
use crate::table::Table;
use crate::txn::blocked_client::{Blocking, LentBlocked, Wake};
use crate::watch::{ClientId, Watches};

/// What a transaction does.
#[derive(Debug)]
pub enum Work {
    /// One command over several shards.
    Command(OwnedCall),
    /// Several commands.
    Exec(Box<Exec>),
    /// Slots leave the coordinator's shard for this one.
    Move(Arc<[SlotId]>, ShardId),
}

/// What a participant locks, and what it does once all have granted.
#[derive(Debug)]
pub enum Part {
    /// Lock the keys of this command, then run it here.
    Run(OwnedCall),
    /// Lock the whole shard, then run this here.
    /// The shard of this number tells what comes of it on all of them: its effect, and the word to clients
    /// that keep copies.
    Whole(OwnedCall, ShardId),
    /// Lock the keys of all commands, then run them here. The only part of its transaction: it does not wait
    /// for the word of the coordinator.
    Exec(Box<Exec>),
    /// Lock these keys, lend their entries to the coordinator, and say whether a watched key has changed.
    Lend(Keys, Watched),
    /// Lock the whole shard, lend all it has to the coordinator unless that is this shard's own, and say
    /// whether a watched key has changed.
    LendAll(Watched),
    /// The slots leave this shard. Nothing else concerns them any more ([`crate::router::slot_move`]), so the
    /// lock only keeps away those who lock the whole shard.
    Depart(Arc<[SlotId]>),
    /// The slots come to this shard, by `Restore`, which is answered by `Done`.
    Arrive(Arc<[SlotId]>),
}

/// What is away from its shard for the time of a transaction, by pointer.
#[derive(Default)]
pub struct Lent {
    /// Entries that know their keys; keys that do not exist have none.
    pub entries: Vec<(DbIndex, Entry)>,
    /// Of a [`Part::LendAll`]: all slots with all that is in them.
    pub slots: Option<LentSlots>,
}

/// Whole slots on their way to another shard.
#[derive(Default)]
pub struct LentSlots {
    /// Which.
    pub slots: SlotSet,
    /// Their tables, without those that have no keys.
    pub tables: Vec<(DbIndex, SlotId, Table)>,
    /// Which databases they were of at the cuts of snapshots.
    pub names: DatabaseNames,
    /// Who watches keys in them.
    pub watches: Watches,
    /// Who has copies of keys in them.
    pub tracked: TrackedSlots,
    /// Who waits for keys in them, when they leave for good.
    pub blocked: LentBlocked,
}

/// A participant's word that its part is locked.
pub struct Grant {
    /// What a `Part::Lend` or `Part::LendAll` lends.
    pub lent: Option<Lent>,
    /// A watched key has changed: the transaction must not run.
    pub is_watch_broken: bool,
    /// Behind this moment it must not either, in milliseconds since 1970: the time of a watched key is over
    /// then.
    pub watch_ends_ms: Option<u64>,
    /// The participant's clock: the transaction's effects come later.
    pub clock: u64,
}

/// The end of a transaction for a participant that has lent something.
#[derive(Default)]
pub struct Return {
    /// What was lent, as it is now.
    pub lent: Lent,
    /// The keys of this participant that were changed meanwhile. The coordinator's own shard knows.
    pub changed: Keys,
    /// Those that were removed because their time was over.
    pub expired: Keys,
    /// Those at which only clients that wait for them have to look.
    pub aside: Keys,
    /// What has been read for clients that keep copies.
    pub reads: Vec<AwayRead>,
    /// What has happened to keys of this participant, in order, for it to tell. What has happened to those of
    /// the coordinator's own shard is noted there already.
    pub notices: Vec<Notice>,
    /// The client whose transaction it was.
    pub client: ClientId,
    /// What becomes of the client whose blocking command it was.
    pub wait: Option<Blocking>,
    /// The clock of the transaction's effects.
    pub clock: u64,
}

/// What coordinators and participants tell each other. Delivered in order for each pair of shards.
pub enum TxnMessage {
    /// To a participant: lock this part; answered by `Granted` or `Refused`, for a [`Part::Exec`] by `Done`
    /// or `Refused`.
    Lock(TxId, Part),
    /// To the coordinator: the part is locked.
    Granted(TxId, Grant),
    /// To the coordinator: a later transaction holds a key. Holds the largest number seen, to be exceeded.
    Refused(TxId, TxId),
    /// To a participant: forget it. With what was lent, which comes back; or without, and then one that has
    /// lent something goes on waiting for it: the coordinator returns it when the `Granted` arrives that it
    /// has crossed.
    Cancel(TxId, Option<Lent>),
    /// To a participant: run the part, answer `Done`, release. With the clock of the transaction's effects.
    Run(TxId, u64),
    /// To the coordinator: the part has run; its reply.
    Done(TxId, Reply),
    /// To a participant: what was lent comes back; release.
    Restore(TxId, Box<Return>),
    /// To the owner of keys: the client watches them no more (UNWATCH, DISCARD, a closed connection).
    Unwatch(Watched),
    /// To the coordinator of a client that waits: one of its keys has changed.
    Wake(Wake),
    /// To the coordinator of a client that waits: the reply to its command of this ticket, which takes
    /// nothing and has been run where its keys are.
    Read(ClientId, Ticket, Reply),
    /// To the owner of keys: the client waits no more in the command of this ticket.
    Unwait(ClientId, Ticket),
}

impl TxnMessage {
    /// The transaction that it is about, if it is about one.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn txid(&self) -> Option<TxId> {
        match self {
            TxnMessage::Lock(txid, _)
            | TxnMessage::Granted(txid, _)
            | TxnMessage::Refused(txid, _)
            | TxnMessage::Cancel(txid, _)
            | TxnMessage::Run(txid, _)
            | TxnMessage::Done(txid, _)
            | TxnMessage::Restore(txid, _)
            | TxnMessage::Wake(Wake { txid, .. }) => Some(*txid),
            TxnMessage::Unwatch(_) | TxnMessage::Read(..) | TxnMessage::Unwait(..) => None,
        }
    }

    /// True for what participants tell the coordinator.
    pub fn is_for_coordinator(&self) -> bool {
        matches!(
            self,
            TxnMessage::Granted(..)
                | TxnMessage::Refused(..)
                | TxnMessage::Done(..)
                | TxnMessage::Wake(_)
                | TxnMessage::Read(..)
        )
    }
}

/// Messages on their way out, each with its receiver.
pub type Outbox = Vec<(ShardId, TxnMessage)>;
