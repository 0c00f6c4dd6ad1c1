//! The participant's side of a transaction, and the way in for commands that may meet a lock.

use std::collections::{HashMap, VecDeque};

use crate::command::flags;
use crate::command::keys::{KeyPosition, RO};
use crate::effects::Stamp;
use crate::entry::Entry;
use crate::event::Change;
use crate::key::DbIndex;
use crate::reply::Reply;
use crate::shard::txn_state::{ActivePart, BlockedOnKeys, Parked};
use crate::shard::{Call, Shard};
use crate::slot::{ShardId, SlotId, SlotSet};
use crate::spare::Trim;
use crate::txn::blocked_client::LentBlocked;
use crate::txn::locks::{Fingerprint, LockOutcome, Scope};
use crate::txn::{
    Grant, Keys, Lent, LentSlots, Outbox, OwnedCall, Part, Return, Ticket, TxId, TxnMessage, Watched,
};
use crate::walk::first_slot;

impl Shard {
    /// Runs a command whose keys all lie on this shard, unless one of them is locked, an earlier command of
    /// the same connection waits here, or the connection has no credit: then it is parked and its reply comes
    /// later, by [`Shard::take_completed`] or [`Shard::take_ready`]. Returns true when it has run.
    #[inline]
    pub fn submit(&mut self, call: Call<'_>, ticket: impl FnOnce() -> Ticket, reply: &mut Reply) -> bool {
        if self.has_no_locks() && self.nobody_waits() {
            self.execute(call, reply);
            return true;
        }
        let ticket = ticket();
        if self.makes_wait(ticket) {
            self.put_aside(call, ticket);
            return false;
        }
        self.submit_among_locks(call, ticket, reply)
    }

    #[cold]
    pub(super) fn submit_among_locks(&mut self, call: Call<'_>, ticket: Ticket, reply: &mut Reply) -> bool {
        if self.has_no_locks() {
            self.execute(call, reply);
            return true;
        }
        match self.wait_place(call, ticket) {
            None if call.command.spec.walks => {
                let lent = self.lent_keys().map(|(db, key)| (db, SlotId::of(key))).collect();
                self.walk_around(lent, |shard| shard.execute(call, reply));
                true
            }
            None => {
                self.execute(call, reply);
                true
            }
            Some(place) => {
                let source = (ticket.worker, ticket.connection);
                let parked = Parked { call: call.to_owned(), ticket };
                self.txn.locks.park(place, source, parked);
                false
            }
        }
    }

    /// Where a command would have to wait, if at all.
    fn wait_place(&mut self, call: Call<'_>, ticket: Ticket) -> Option<Option<Fingerprint>> {
        if let Some(place) = self.txn.locks.behind((ticket.worker, ticket.connection)) {
            return Some(place);
        }
        if call.command.spec.walks {
            return self.wait_place_of_walk(call);
        }
        let positions = self.take_positions(call);
        let blocked = self
            .claims(call, &positions)
            .find_map(|(key, write)| self.txn.locks.blocks(key, write).then_some(Some(key)));
        self.txn.positions = positions;
        blocked
    }

    /// A command that walks over slots must not begin in one of which a key is away.
    fn wait_place_of_walk(&self, call: Call<'_>) -> Option<Option<Fingerprint>> {
        if self.txn.locks.is_whole_granted() {
            return Some(None);
        }
        let slot = first_slot(call.args);
        let mut lent = self.lent_keys();
        let (db, key) = lent.find(|&(db, key)| db == call.caller.db && SlotId::of(key) == slot)?;
        Some(Some(self.fingerprint(db, key)))
    }

    /// The keys that are lent to transactions, whether they were there or not.
    fn lent_keys(&self) -> impl Iterator<Item = (DbIndex, &[u8])> {
        let granted = self.txn.parts.values().filter(|active| active.granted);
        granted
            .flat_map(|active| match &active.part {
                Part::Lend(keys, _) => Some(keys.iter()),
                _ => None,
            })
            .flatten()
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
            let db = position.db.unwrap_or(call.caller.db);
            let key = self.fingerprint(db, call.args.get(position.index));
            (key, may_write && position.flags & RO == 0)
        })
    }

    /// The largest transaction number seen here.
    pub(crate) fn latest_txid(&self) -> TxId {
        self.txn.latest
    }

    /// True while no transaction over several shards holds or awaits anything here.
    #[inline]
    pub(crate) fn has_no_locks(&self) -> bool {
        self.txn.locks.is_idle()
    }

    /// Gives back memory that transactions and clients without credit have needed and nobody needs any more.
    pub(super) fn trim_txns(&mut self) {
        self.txn.locks.trim();
        self.txn.parts.trim();
        self.txn.credits.trim();
        self.txn.completed.trim();
        self.txn.positions.clear();
        self.txn.positions.trim();
        self.txn.unwatched.trim();
        self.txn.blocked.trim();
    }

    /// True while a transaction holds this key, so that it must stay as it is: it must neither expire nor be
    /// evicted.
    #[inline]
    pub(crate) fn is_held(&self, db: DbIndex, key: &[u8]) -> bool {
        !self.txn.locks.is_idle() && self.txn.locks.blocks(self.fingerprint(db, key), true)
    }

    /// True from the moment on at which a slot's way to another shard has begun, until it has left.
    pub(crate) fn is_leaving(&self, slot: SlotId) -> bool {
        !self.txn.locks.is_idle() && self.txn.locks.is_claimed(Fingerprint::of_slot(slot))
    }

    /// The transactions that hold or await locks here, with their coordinators.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn locking(&self) -> impl Iterator<Item = (TxId, ShardId)> {
        self.txn.parts.iter().map(|(&txid, active)| (txid, active.coordinator))
    }

    /// The tickets of commands that wait for a lock or for credit here.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn parked_tickets(&self) -> impl Iterator<Item = Ticket> {
        self.txn.locks.parked().chain(self.txn.credits.waiting()).map(|parked| parked.ticket)
    }

    /// The replies of commands that had been parked and have run since the last call.
    pub fn take_completed(&mut self) -> Vec<(Ticket, Reply)> {
        self.txn.completed_bytes = 0;
        std::mem::take(&mut self.txn.completed)
    }

    /// Handles a message to this shard as a participant. The answers go to `out`, all to `coordinator`s.
    pub(crate) fn handle_txn(&mut self, from: ShardId, message: TxnMessage, out: &mut Outbox) {
        // A grant never comes before the news that it belongs to.
        self.take_wakes(out);
        self.handle_message(from, message, out);
        self.take_wakes(out);
    }

    fn handle_message(&mut self, from: ShardId, message: TxnMessage, out: &mut Outbox) {
        match message {
            TxnMessage::Lock(txid, part) => self.lock(from, txid, part, out),
            TxnMessage::Run(txid, clock) => {
                let Some(active) = self.txn.parts.remove(&txid) else { return };
                let mut reply = Reply::default();
                if let Part::Run(call) | Part::Whole(call, _) = &active.part {
                    reply.set_resp3(call.caller.resp3);
                    let is_one_of_many =
                        matches!(active.part, Part::Whole(_, teller) if teller != self.id);
                    if is_one_of_many {
                        self.env_mut().effects.leave_to_others();
                    }
                    self.env_mut().tracking.is_flush_told_elsewhere = is_one_of_many;
                    let combined = call.command.spec.combined;
                    let run = combined.map_or(call.command.run, |combined| combined.part);
                    self.execute_stamped(run, call.as_call(), Stamp { clock, source: txid.0 }, &mut reply);
                    self.env_mut().tracking.is_flush_told_elsewhere = false;
                }
                self.advance_clock(clock);
                out.push((active.coordinator, TxnMessage::Done(txid, reply)));
                self.release(txid, out);
            }
            TxnMessage::Cancel(txid, None) => {
                if self.txn.parts.get(&txid).is_none_or(ActivePart::has_lent) {
                    return;
                }
                self.txn.parts.remove(&txid);
                self.release(txid, out);
            }
            TxnMessage::Cancel(txid, Some(lent)) => {
                if self.txn.parts.remove(&txid).is_some() {
                    self.take_back(lent);
                    self.release(txid, out);
                }
            }
            TxnMessage::Restore(txid, back) => {
                let Return { lent, changed, expired, aside, reads, notices, client, wait, clock } = *back;
                let Some(active) = self.txn.parts.remove(&txid) else { return };
                self.take_back(lent);
                self.env_mut().notices.append(notices);
                self.signal_changed(&changed, false);
                self.signal_changed(&expired, true);
                let (changed, expired) = (changed.iter(), expired.iter());
                let changed = changed.map(|(_, key)| (key, false)).chain(expired.map(|(_, key)| (key, true)));
                self.replay(&reads, changed, client);
                aside.iter().for_each(|(db, key)| self.env_mut().awaited.signal(db, key));
                self.take_wait(wait);
                if let Part::Lend(_, watched) | Part::LendAll(watched) = &active.part {
                    self.unwatch(watched);
                }
                self.advance_clock(clock);
                if let Part::Arrive(slots) = &active.part {
                    slots.iter().for_each(|&slot| self.env_mut().owned.insert(slot));
                    out.push((active.coordinator, TxnMessage::Done(txid, Reply::default())));
                }
                self.release(txid, out);
            }
            TxnMessage::Unwatch(watched) => {
                self.unwatch(&watched);
                let mut parts = self.txn.parts.values();
                // The coordinator's own slots stay where they are.
                if parts.any(|active| active.has_lent_slots() && active.coordinator != self.id) {
                    self.txn.unwatched.push(watched);
                }
            }
            TxnMessage::Unwait(client, ticket) => {
                self.unwait(client, Some(ticket));
                self.env_mut().awaited.look_again();
                self.serve_news();
            }
            TxnMessage::Granted(..)
            | TxnMessage::Refused(..)
            | TxnMessage::Done(..)
            | TxnMessage::Wake(_)
            // To go on would lose keys that were lent. Whoever delivers asks
            // `TxnMessage::is_for_coordinator`.
            | TxnMessage::Read(..) => unreachable!("a message for a coordinator"),
        }
    }

    pub(crate) fn lock(&mut self, coordinator: ShardId, txid: TxId, part: Part, out: &mut Outbox) {
        let scope = self.scope_of(&part);
        self.txn.latest = self.txn.latest.max(txid);
        match self.txn.locks.request(txid, scope) {
            LockOutcome::Refused => out.push((coordinator, TxnMessage::Refused(txid, self.txn.latest))),
            LockOutcome::Waiting => {
                self.txn.parts.insert(txid, ActivePart { coordinator, part, granted: false });
            }
            LockOutcome::Granted => {
                self.txn.parts.insert(txid, ActivePart { coordinator, part, granted: false });
                self.granted(txid, out);
            }
        }
    }

    /// What a part locks. An entry that is lent is away, so even a reader needs it alone; a watched key is
    /// only read.
    fn scope_of(&mut self, part: &Part) -> Scope {
        let mut claims = Vec::new();
        match part {
            Part::Run(call) => self.claim(call, &mut claims),
            Part::Exec(exec) => {
                if exec.calls.iter().any(|call| call.command.spec.is_for_all_shards(call.args.as_args())) {
                    return Scope::Whole;
                }
                for call in &exec.calls {
                    self.claim(call, &mut claims);
                }
                claims.extend(exec.watched.keys.iter().map(|(db, key)| (self.fingerprint(db, key), false)));
            }
            Part::Lend(keys, watched) => {
                claims.extend(keys.iter().map(|(db, key)| (self.fingerprint(db, key), true)));
                claims.extend(watched.keys.iter().map(|(db, key)| (self.fingerprint(db, key), false)));
            }
            Part::Whole(..) | Part::LendAll(_) => return Scope::Whole,
            Part::Depart(slots) | Part::Arrive(slots) => {
                claims.extend(slots.iter().map(|&slot| (Fingerprint::of_slot(slot), true)));
            }
        }
        Scope::keys(claims)
    }

    fn claim(&mut self, call: &OwnedCall, claims: &mut Vec<(Fingerprint, bool)>) {
        let positions = self.take_positions(call.as_call());
        claims.extend(self.claims(call.as_call(), &positions));
        self.txn.positions = positions;
    }

    fn granted(&mut self, txid: TxId, out: &mut Outbox) {
        let Some(mut active) = self.txn.parts.remove(&txid) else { return };
        active.granted = true;
        let clock = self.txn.latest.clock();
        let mut grant = Grant { lent: None, is_watch_broken: false, watch_ends_ms: None, clock };
        if let Part::Lend(_, watched) | Part::LendAll(watched) = &active.part {
            grant.is_watch_broken = self.is_watch_broken(watched);
            grant.watch_ends_ms = self.first_expiry_ms(watched);
        }
        match &active.part {
            Part::Run(_) | Part::Whole(..) | Part::Depart(_) | Part::Arrive(_) => {}
            Part::Exec(exec) => {
                let mut reply = Reply::default();
                self.execute_exec(exec, &mut reply);
                out.push((active.coordinator, TxnMessage::Done(txid, reply)));
                return self.release(txid, out);
            }
            Part::Lend(keys, _) => {
                grant.lent = Some(Lent { entries: self.lend(keys), slots: None });
            }
            Part::LendAll(_) => {
                let is_away = active.coordinator != self.id;
                let slots = is_away.then(|| self.lend_slots(self.env().owned.clone()));
                grant.lent = Some(Lent { entries: Vec::new(), slots });
            }
        }
        out.push((active.coordinator, TxnMessage::Granted(txid, grant)));
        self.txn.parts.insert(txid, active);
    }

    /// Takes entries out of this shard: for the owner that lends, and for the coordinator that gives back. A
    /// key that is named twice is lent once. One whose time is over goes as it is: it is removed where the
    /// transaction runs. A database that is not there has no entries: the handler will refuse its number
    /// (COPY with DB).
    pub(crate) fn lend(&mut self, keys: &Keys) -> Vec<(DbIndex, Entry)> {
        let db_count = self.dbs().len();
        let take = |(db, key): (DbIndex, _)| {
            if db.index() >= db_count {
                return None;
            }
            let mut space = self.keyspace(db);
            let key = space.key(key);
            space.take_as_is(&key).map(|entry| (db, entry))
        };
        keys.iter().filter_map(take).collect()
    }

    /// Takes whole slots out of this shard, with all their keys and watches.
    pub(crate) fn lend_slots(&mut self, slots: SlotSet) -> LentSlots {
        self.finish_big_of_snapshots();
        let mut tables = Vec::new();
        for (index, db) in self.dbs_mut().iter_mut().enumerate().filter(|(_, db)| !db.is_empty()) {
            let leaving = db.slots_with_keys().filter(|&slot| slots.contains(slot)).collect::<Vec<_>>();
            tables.extend(leaving.into_iter().map(|slot| (DbIndex(index as u16), slot, db.take_slot(slot))));
        }
        let watches = self.env_mut().watches.take_slots(&slots);
        let tracked = self.env_mut().tracking.take_slots(&slots);
        let names = self.env_mut().snapshots.names();
        LentSlots { slots, tables, names, watches, tracked, blocked: LentBlocked::default() }
    }

    /// Takes slots out of this shard, for good.
    pub(crate) fn depart(&mut self, slots: &[SlotId]) -> Lent {
        for &slot in slots {
            self.env_mut().owned.remove(slot);
            self.save_slot_in_snapshots(slot);
        }
        let slots: SlotSet = slots.iter().copied().collect();
        let blocked = self.take_blocked(&slots);
        Lent { entries: Vec::new(), slots: Some(LentSlots { blocked, ..self.lend_slots(slots) }) }
    }

    /// True when no transaction holds or awaits a key of the slot and no command for it is parked here.
    pub(crate) fn is_slot_quiet(&self, slot: SlotId) -> bool {
        let touches = |parked: &Parked| parked.concerns(|concerned| concerned == slot);
        !self.txn.locks.is_slot_claimed(slot)
            && !self.txn.locks.parked().chain(self.txn.credits.waiting()).any(touches)
    }

    /// Puts entries and slots back, or in: the opposite of `lend` and `lend_slots`.
    pub(crate) fn take_back(&mut self, lent: Lent) {
        for (db, entry) in lent.entries {
            self.keyspace(db).insert_as_is(entry);
        }
        let Some(LentSlots { tables, names, watches, tracked, blocked, .. }) = lent.slots else { return };
        self.env_mut().snapshots.set_names(names);
        for (db, slot, table) in tables {
            self.dbs_mut()[db.index()].put_slot(slot, table);
        }
        self.env_mut().watches.put(watches);
        self.env_mut().tracking.put(tracked);
        self.put_blocked(blocked);
        // What has changed while they were away nobody has noted.
        self.env_mut().awaited.signal_all(None);
        for watched in std::mem::take(&mut self.txn.unwatched) {
            self.unwatch(&watched);
        }
    }

    /// This shard begins to run a transaction on what others have lent: with `all`, everything of everybody.
    pub(crate) fn start_away(&mut self, all: bool) {
        self.env_mut().away = (!all).then(Vec::new);
        self.txn.owned = all.then(|| std::mem::replace(&mut self.env_mut().owned, SlotSet::all()));
    }

    /// Ends it, and returns the keys that were changed, for their owners.
    pub(crate) fn end_away(&mut self) -> HashMap<(DbIndex, Box<[u8]>), Change> {
        if let Some(owned) = self.txn.owned.take() {
            self.env_mut().owned = owned;
        }
        let mut changed = HashMap::new();
        for (db, key, change) in self.env_mut().away.take().into_iter().flatten() {
            let strongest = changed.entry((db, key)).or_insert(change);
            *strongest = change.max(*strongest);
        }
        changed
    }

    /// The first time of those of these keys that are not over yet, in milliseconds since 1970.
    fn first_expiry_ms(&mut self, watched: &Watched) -> Option<u64> {
        let expiry_ms = |(db, key)| {
            let space = self.keyspace(db);
            space.view(&space.key(key)).and_then(|entry| entry.expire_ms())
        };
        watched.keys.iter().filter_map(expiry_ms).min()
    }

    pub(crate) fn is_watch_broken(&mut self, watched: &Watched) -> bool {
        let mut keys = watched.keys.iter();
        keys.any(|(db, key)| {
            let space = self.keyspace(db);
            space.is_watch_broken(&space.key(key), watched.client)
        })
    }

    pub(crate) fn unwatch(&mut self, watched: &Watched) {
        for (db, key) in watched.keys.iter() {
            self.env_mut().watches.remove(db, key, watched.client);
        }
    }

    /// Tells those who watch keys of this shard that a transaction elsewhere has changed them, or that their
    /// time was over.
    fn signal_changed(&mut self, changed: &Keys, is_expiry: bool) {
        for (db, key) in changed.iter() {
            self.env_mut().watches.touch(db, key, is_expiry);
            self.env_mut().awaited.signal(db, key);
        }
    }

    /// What happens here from now on is later than the effects with this clock.
    fn advance_clock(&mut self, clock: u64) {
        self.txn.latest = self.txn.latest.max(TxId((clock + 1) << 16));
    }

    /// Releases a transaction's locks, serves clients that wait for keys, runs what waited for the locks, and
    /// grants whoever comes next.
    fn release(&mut self, txid: TxId, out: &mut Outbox) {
        let mut freed = VecDeque::new();
        self.txn.locks.release(txid, &mut freed);
        self.end_wake(txid);
        self.env_mut().awaited.look_again();
        self.serve_news();
        for parked in &freed {
            self.txn.locks.unpark((parked.ticket.worker, parked.ticket.connection));
        }
        for Parked { call, ticket } in freed {
            self.run_freed(&call, ticket);
        }
        while let Some(next) = self.txn.locks.next_granted() {
            // It may be that of a client that has just been woken.
            self.take_wakes(out);
            self.granted(next, out);
        }
    }

    pub(super) fn blocked(&mut self) -> &mut BlockedOnKeys {
        &mut self.txn.blocked
    }

    pub(super) fn blocked_ref(&self) -> &BlockedOnKeys {
        &self.txn.blocked
    }

    fn fingerprint(&self, db: DbIndex, key: &[u8]) -> Fingerprint {
        let hash = self.env().hasher.hash_one(key) ^ u64::from(db.0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Fingerprint::new(hash, SlotId::of(key))
    }
}

impl OwnedCall {
    /// The borrowed form that a shard runs.
    pub(crate) fn as_call(&self) -> Call<'_> {
        let &OwnedCall { command, key, caller, .. } = self;
        Call { command, key, caller, args: self.args.as_args() }
    }
}
