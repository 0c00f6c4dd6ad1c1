//! The participant's side of a transaction, and the way in for commands that may meet a lock.

use std::collections::{HashMap, VecDeque};

use super::locks::{Fingerprint, LockTable, Outcome, Scope};
use super::{Lent, OwnedCall, Part, Ticket, TxId, TxnMessage};
use crate::command::flags;
use crate::command::keys::{KeyPosition, RO};
use crate::db::DbIndex;
use crate::reply::Reply;
use crate::shard::{Call, Shard};
use crate::slot::ShardId;

/// The connection that a ticket belongs to.
type Source = (ShardId, u32);

/// A single-shard command that waits for a lock.
struct Parked {
    call: OwnedCall,
    ticket: Ticket,
}

/// A transaction as its participant knows it.
struct ActivePart {
    coordinator: ShardId,
    part: Part,
    granted: bool,
}

/// What a shard remembers of transactions. One per shard.
#[derive(Default)]
pub struct TxnState {
    locks: LockTable<Parked, Source>,
    parts: HashMap<TxId, ActivePart>,
    /// The largest number seen here.
    latest: TxId,
    /// Replies of commands that had been parked.
    completed: Vec<(Ticket, Reply)>,
    positions: Vec<KeyPosition>,
}

impl Shard {
    /// Runs a command whose keys all lie on this shard, unless one of them is locked or an earlier command of the
    /// same connection waits here: then it is parked and its reply comes later, by [`Shard::take_completed`].
    /// Returns true when it has run.
    #[inline]
    pub fn submit(&mut self, call: Call<'_>, ticket: impl FnOnce() -> Ticket, reply: &mut Reply) -> bool {
        if self.txn.locks.is_idle() {
            self.execute(call, reply);
            return true;
        }
        self.submit_among_locks(call, ticket(), reply)
    }

    #[cold]
    fn submit_among_locks(&mut self, call: Call<'_>, ticket: Ticket, reply: &mut Reply) -> bool {
        match self.wait_place(call, ticket) {
            None => {
                self.execute(call, reply);
                true
            }
            Some(place) => {
                let resp3 = reply.is_resp3();
                let Call { command, db, slot, client, touch, args } = call;
                let call = OwnedCall { command, db, slot, client, touch, resp3, args: args.to_owned() };
                let source = (ticket.worker, ticket.connection);
                self.txn.locks.park(place, source, Parked { call, ticket });
                false
            }
        }
    }

    /// Where a command would have to wait, if at all.
    fn wait_place(&mut self, call: Call<'_>, ticket: Ticket) -> Option<Option<Fingerprint>> {
        if let Some(place) = self.txn.locks.behind((ticket.worker, ticket.connection)) {
            return Some(place);
        }
        let positions = self.take_positions(call);
        let blocked = self
            .claims(call, &positions)
            .find_map(|(key, write)| self.txn.locks.blocks(key, write).then_some(Some(key)));
        self.txn.positions = positions;
        blocked
    }

    /// The places of a command's keys, in memory that is to be put back to `TxnState::positions`.
    fn take_positions(&mut self, call: Call<'_>) -> Vec<KeyPosition> {
        let mut positions = std::mem::take(&mut self.txn.positions);
        positions.clear();
        call.command.spec.key_positions(call.args, &mut positions);
        positions
    }

    /// The keys of a command, each with whether it may be written.
    fn claims(&self, call: Call<'_>, positions: &[KeyPosition]) -> impl Iterator<Item = (Fingerprint, bool)> {
        let may_write = call.command.spec.has(flags::WRITE);
        positions.iter().map(move |position| {
            let key = self.fingerprint(call.db, call.args.get(position.index));
            (key, may_write && position.flags & RO == 0)
        })
    }

    /// The largest transaction number seen here.
    pub fn latest_txid(&self) -> TxId {
        self.txn.latest
    }

    /// True while no transaction over several shards holds or awaits anything here.
    pub fn has_no_locks(&self) -> bool {
        self.txn.locks.is_idle()
    }

    /// True while a transaction holds this key, so that it must stay as it is: it must neither expire nor be evicted.
    #[inline]
    pub(crate) fn is_held(&self, db: DbIndex, key: &[u8]) -> bool {
        !self.txn.locks.is_idle() && self.txn.locks.blocks(self.fingerprint(db, key), true)
    }

    /// The replies of commands that had been parked and have run since the last call.
    pub fn take_completed(&mut self) -> Vec<(Ticket, Reply)> {
        std::mem::take(&mut self.txn.completed)
    }

    /// Handles a message to this shard as a participant. The answers go to `out`, all to `coordinator`s.
    pub fn handle_txn(&mut self, from: ShardId, message: TxnMessage, out: &mut super::Outbox) {
        match message {
            TxnMessage::Lock(txid, part) => self.lock(from, txid, part, out),
            TxnMessage::Run(txid) => {
                let Some(active) = self.txn.parts.remove(&txid) else { return };
                let mut reply = Reply::default();
                if let Part::Run(call) | Part::Whole(call) = &active.part {
                    reply.set_resp3(call.resp3);
                    self.execute(call.as_call(), &mut reply);
                }
                out.push((active.coordinator, TxnMessage::Done(txid, reply)));
                self.release(txid, out);
            }
            TxnMessage::Cancel(txid, None) => {
                let has_lent = |active: &ActivePart| active.granted && matches!(active.part, Part::Lend(..));
                if self.txn.parts.get(&txid).is_none_or(has_lent) {
                    return;
                }
                self.txn.parts.remove(&txid);
                self.release(txid, out);
            }
            TxnMessage::Cancel(txid, Some(lent)) | TxnMessage::Restore(txid, lent) => {
                let Some(active) = self.txn.parts.remove(&txid) else { return };
                if let Part::Lend(db, _) = active.part {
                    self.take_back(db, lent);
                }
                self.release(txid, out);
            }
            TxnMessage::Granted(..) | TxnMessage::Refused(..) | TxnMessage::Done(..) => {
                debug_assert!(false, "a message for a coordinator");
            }
        }
    }

    fn lock(&mut self, coordinator: ShardId, txid: TxId, part: Part, out: &mut super::Outbox) {
        let scope = match &part {
            Part::Run(call) => {
                let positions = self.take_positions(call.as_call());
                let keys = self.claims(call.as_call(), &positions).collect();
                self.txn.positions = positions;
                Scope::keys(keys)
            }
            // A lent entry is away, so even a reader needs it alone.
            Part::Lend(db, keys) => {
                let keys = keys.as_args().iter_from(0);
                Scope::keys(keys.map(|key| (self.fingerprint(*db, key), true)).collect())
            }
            Part::Whole(_) => Scope::Whole,
        };
        self.txn.latest = self.txn.latest.max(txid);
        match self.txn.locks.request(txid, scope) {
            Outcome::Refused => out.push((coordinator, TxnMessage::Refused(txid, self.txn.latest))),
            Outcome::Waiting => {
                self.txn.parts.insert(txid, ActivePart { coordinator, part, granted: false });
            }
            Outcome::Granted => {
                self.txn.parts.insert(txid, ActivePart { coordinator, part, granted: false });
                self.granted(txid, out);
            }
        }
    }

    fn granted(&mut self, txid: TxId, out: &mut super::Outbox) {
        let Some(mut active) = self.txn.parts.remove(&txid) else { return };
        active.granted = true;
        let lent = match &active.part {
            Part::Lend(db, keys) => Some(self.lend(*db, keys.as_args().iter_from(0))),
            Part::Run(_) | Part::Whole(_) => None,
        };
        out.push((active.coordinator, TxnMessage::Granted(txid, lent)));
        self.txn.parts.insert(txid, active);
    }

    /// Takes the entries of some keys out of this shard: for the owner that lends, and for the coordinator that gives
    /// back. A key that is named twice is lent once.
    pub(super) fn lend<'k>(&mut self, db: DbIndex, keys: impl Iterator<Item = &'k [u8]>) -> Lent {
        let mut space = self.keyspace(db);
        keys.filter_map(|key| space.remove(&space.key(key))).collect()
    }

    /// Puts entries back, or in: the opposite of `lend`.
    pub(super) fn take_back(&mut self, db: DbIndex, lent: Lent) {
        let mut space = self.keyspace(db);
        for entry in lent {
            space.insert_as_is(entry);
        }
    }

    /// Releases a transaction's locks, runs what waited for them, and grants whoever comes next.
    fn release(&mut self, txid: TxId, out: &mut super::Outbox) {
        let mut freed = VecDeque::new();
        self.txn.locks.release(txid, &mut freed);
        for parked in &freed {
            self.txn.locks.unpark((parked.ticket.worker, parked.ticket.connection));
        }
        for Parked { call, ticket } in freed {
            let mut reply = Reply::new(call.resp3);
            if self.submit_among_locks(call.as_call(), ticket, &mut reply) {
                self.txn.completed.push((ticket, reply));
            }
        }
        while let Some(next) = self.txn.locks.next_granted() {
            self.granted(next, out);
        }
    }

    fn fingerprint(&self, db: DbIndex, key: &[u8]) -> Fingerprint {
        Fingerprint(self.env().hasher.hash_one(key) ^ u64::from(db.0).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}

impl OwnedCall {
    /// The borrowed form that a shard runs.
    pub fn as_call(&self) -> Call<'_> {
        let &OwnedCall { command, db, slot, client, touch, .. } = self;
        Call { command, db, slot, client, touch, args: self.args.as_args() }
    }
}
