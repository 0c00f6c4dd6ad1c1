//! The coordinator's side of transactions: one per worker, for the connections of that worker.

use std::collections::HashMap;
use std::sync::Arc;

use crate::args::{Args, OwnedArgs};
use crate::blocking::Block;
use crate::command::keys::KeyPosition;
use crate::effects::Stamp;
use crate::event::Change;
use crate::expires::is_over;
use crate::notify::Notice;
use crate::reply::Reply;
use crate::router::blocked_calls::{BlockedCalls, is_awaited};
use crate::router::merge::{Parts, merge};
use crate::router::route::{Method, Owners, key_stride};
use crate::router::slot_move::MOVING;
use crate::shard::Shard;
use crate::slot::{ShardId, SlotId, SlotSet};
use crate::spare::Trim;
use crate::txn::blocked_client::{BlockedClient, Blocking};
use crate::txn::{
    Exec, Grant, Keys, Lent, Outbox, OwnedCall, Part, Return, Ticket, TxId, TxnMessage, Watched, Work,
};
use crate::watch::ClientId;

/// A transaction under way: one attempt at its locks.
pub(crate) struct Txn {
    ticket: Ticket,
    work: Work,
    method: Method,
    /// The client whose blocking command it is.
    blocking: Option<ClientId>,
    /// In the order in which their keys appear.
    pub(crate) participants: Vec<Participant>,
    /// Of a `Split`: for each key, in the order of the command, its participant.
    part_of_key: Vec<usize>,
    /// The latest clock of those who have granted.
    clock: u64,
    /// A watched key has changed.
    is_watch_broken: bool,
    /// When the time of the first watched key is over, in milliseconds since 1970.
    watch_ends_ms: u64,
}

pub(crate) struct Participant {
    pub(crate) shard: ShardId,
    granted: bool,
    /// Of a `Gather`: its keys.
    pub(crate) keys: Keys,
    /// Those of them that a client waits for whose blocking command finds nothing.
    awaited: Keys,
    /// What it has lent.
    lent: Option<Lent>,
    /// Its reply, of a `Split` or `All`.
    reply: Option<Reply>,
}

/// One per worker.
pub(crate) struct Coordinator {
    pub(crate) shard: ShardId,
    clock: u64,
    txns: HashMap<TxId, Txn>,
    /// Transactions with a key in a slot that is on its way: they begin again when it has arrived.
    deferred: Vec<Txn>,
    /// Clients in blocking commands.
    pub(super) blocked: BlockedCalls,
    /// Slots that have left this shard and arrived.
    arrived: Vec<SlotId>,
    /// The keys of the command at hand; kept for its memory.
    positions: Vec<KeyPosition>,
}

impl Trim for Coordinator {
    fn trim(&mut self) {
        self.txns.trim();
        self.deferred.trim();
        self.arrived.trim();
        self.positions.clear();
        self.positions.trim();
        self.blocked.trim();
    }
}

impl Coordinator {
    /// The coordinator of the worker that owns `shard`.
    pub(super) fn new(shard: ShardId) -> Coordinator {
        let (deferred, arrived) = (Vec::new(), Vec::new());
        let (txns, positions, blocked) = (HashMap::new(), Vec::new(), BlockedCalls::default());
        Coordinator { shard, clock: 0, txns, deferred, blocked, arrived, positions }
    }

    /// The number of transactions under way.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn transactions(&self) -> usize {
        self.txns.len() + self.deferred.len()
    }

    /// The number of those that wait for a slot to arrive.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn deferred(&self) -> usize {
        self.deferred.len()
    }

    /// The tickets of transactions that are under way or wait for a slot.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.txns.values().chain(&self.deferred).map(|txn| txn.ticket)
    }

    /// The transactions of clients that are under way, each with the participants whose word is missing: to
    /// grant or to have done.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = (TxId, Vec<ShardId>)> {
        self.txns.iter().filter(|(_, txn)| !matches!(txn.work, Work::Move(..))).map(|(&txid, txn)| {
            let missing = |part: &&Participant| !part.granted || part.reply.is_none();
            (txid, txn.participants.iter().filter(missing).map(|part| part.shard).collect())
        })
    }

    /// True for a transaction under way.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn knows(&self, txid: TxId) -> bool {
        self.txns.contains_key(&txid)
    }

    /// Starts a command over several shards. The result comes by [`Coordinator::handle`], with `ticket`.
    pub(super) fn start(
        &mut self,
        method: Method,
        call: OwnedCall,
        ticket: Ticket,
        owners: Owners<'_>,
        shard: &Shard,
        out: &mut Outbox,
    ) {
        self.attempt(Txn::new(ticket, Work::Command(call), method), owners, shard, out);
    }

    /// Starts EXEC, over one shard or several. The reply is that of EXEC: an array, or null when a watched
    /// key has changed.
    pub(super) fn start_exec(
        &mut self,
        exec: Box<Exec>,
        ticket: Ticket,
        owners: Owners<'_>,
        shard: &Shard,
        out: &mut Outbox,
    ) {
        self.attempt(Txn::new(ticket, Work::Exec(exec), Method::Gather), owners, shard, out);
    }

    /// Starts to hand slots of this worker's shard to another shard; [`crate::router::slot_move`] says when.
    /// The end is told by [`Coordinator::take_arrived`].
    pub(super) fn start_move(
        &mut self,
        slots: &[SlotId],
        to: ShardId,
        owners: Owners<'_>,
        shard: &Shard,
        out: &mut Outbox,
    ) {
        // Nobody waits for its reply.
        let ticket = Ticket { worker: self.shard, connection: 0, seq: 0 };
        self.attempt(Txn::new(ticket, Work::Move(slots.into(), to), Method::Gather), owners, shard, out);
    }

    /// The slots that have left and arrived since the last call.
    pub(super) fn take_arrived(&mut self) -> Vec<SlotId> {
        std::mem::take(&mut self.arrived)
    }

    /// A slot that was on its way has arrived: transactions that wait for one try again.
    pub(super) fn resume(&mut self, owners: Owners<'_>, shard: &mut Shard, out: &mut Outbox) {
        self.unwait_arrived(owners, out);
        for txn in std::mem::take(&mut self.deferred) {
            if !self.is_left_to_shard(txn.blocking, txn.ticket, shard) {
                self.attempt(txn, owners, shard, out);
            }
        }
    }

    /// Asks for all locks, under a new number and by the slot map as it is now.
    pub(super) fn attempt(&mut self, mut txn: Txn, owners: Owners<'_>, shard: &Shard, out: &mut Outbox) {
        if txn.blocking.is_some_and(|client| !self.blocked.is_wanted(client, txn.ticket)) {
            return;
        }
        self.clock = self.clock.max(shard.latest_txid().clock()) + 1;
        let txid = TxId(self.clock << 16 | u64::from(self.shard.0));
        txn.participants.clear();
        (txn.clock, txn.is_watch_broken, txn.watch_ends_ms) = (0, false, u64::MAX);
        let sent = out.len();
        match &txn.work {
            Work::Command(_) => self.lock_for_command(&mut txn, txid, owners, out),
            Work::Exec(_) => self.lock_for_exec(&mut txn, txid, owners, out),
            Work::Move(slots, to) => {
                txn.participants = vec![Participant::new(self.shard), Participant::new(*to)];
                out.push((self.shard, TxnMessage::Lock(txid, Part::Depart(Arc::clone(slots)))));
                out.push((*to, TxnMessage::Lock(txid, Part::Arrive(Arc::clone(slots)))));
            }
        }
        // Only the answers of participants take a transaction on: without one it would never end.
        assert!(!txn.participants.is_empty(), "a transaction has a participant");
        if txn.participants.iter().any(|part| part.shard == MOVING) {
            out.truncate(sent);
            self.deferred.push(txn);
        } else {
            self.txns.insert(txid, txn);
        }
    }

    /// Begins a transaction whose locks have been asked for under this number.
    pub(crate) fn begin(&mut self, txid: TxId, txn: Txn) {
        self.clock = self.clock.max(txid.clock());
        self.txns.insert(txid, txn);
    }

    /// All shards, to lend what they have to this worker's; and that one also if it has no slots, so that it
    /// is lent nothing while it has still to run its part of a command for all workers.
    fn everybody(&self, owners: Owners<'_>) -> Vec<Participant> {
        let mut all = among(owners.shard_count);
        if self.shard.index() >= owners.shard_count {
            all.push(Participant::new(self.shard));
        }
        all
    }

    pub(super) fn lock_for_command(
        &mut self,
        txn: &mut Txn,
        txid: TxId,
        owners: Owners<'_>,
        out: &mut Outbox,
    ) {
        let Work::Command(call) = &txn.work else { return };
        self.positions.clear();
        call.command.spec.key_positions(call.args.as_args(), &mut self.positions);
        let lock = |part| TxnMessage::Lock(txid, part);
        if txn.method == Method::All {
            let is_for_workers = call.command.spec.on_all_workers;
            txn.participants = among(if is_for_workers { owners.worker_count } else { owners.shard_count });
            // This one, where the reply is made, if it has slots.
            let teller = if self.shard.index() < owners.shard_count { self.shard } else { ShardId(0) };
            let part = || Part::Whole(call.clone(), teller);
            out.extend(txn.participants.iter().map(|to| (to.shard, lock(part()))));
            return;
        }
        if txn.method == Method::GatherAll {
            txn.participants = self.everybody(owners);
            let part = || Part::LendAll(Watched::default());
            out.extend(txn.participants.iter().map(|to| (to.shard, lock(part()))));
            return;
        }
        txn.part_of_key.clear();
        for position in &self.positions {
            let key = call.args.as_args().get(position.index);
            let part = part_of(&mut txn.participants, owners.of(key));
            let db = position.db.unwrap_or(call.caller.db);
            txn.participants[part].keys.push(db, key);
            if txn.blocking.is_some() && is_awaited(position.flags) {
                txn.participants[part].awaited.push(db, key);
            }
            txn.part_of_key.push(part);
        }
        if txn.participants.is_empty() {
            // Wrong arguments can hide all keys: the handler says what is wrong, here.
            part_of(&mut txn.participants, self.shard);
        }
        if txn.method == Method::Split {
            let calls = split(call, &self.positions, &txn.part_of_key, txn.participants.len());
            let shards = txn.participants.iter().map(|part| part.shard);
            out.extend(shards.zip(calls.map(|call| lock(Part::Run(call)))));
        } else {
            let part = |part: &Participant| Part::Lend(part.keys.clone(), Watched::default());
            out.extend(txn.participants.iter().map(|to| (to.shard, lock(part(to)))));
        }
    }

    fn lock_for_exec(&mut self, txn: &mut Txn, txid: TxId, owners: Owners<'_>, out: &mut Outbox) {
        let Work::Exec(exec) = &txn.work else { return };
        let mut for_all_shards = false;
        for call in &exec.calls {
            for_all_shards |= call.command.spec.is_for_all_shards(call.args.as_args());
            self.positions.clear();
            call.command.spec.key_positions(call.args.as_args(), &mut self.positions);
            for position in &self.positions {
                let key = call.args.as_args().get(position.index);
                let part = part_of(&mut txn.participants, owners.of(key));
                txn.participants[part].keys.push(position.db.unwrap_or(call.caller.db), key);
            }
        }
        if for_all_shards {
            txn.participants =
                if owners.shard_count > 1 { self.everybody(owners) } else { among(owners.shard_count) };
        }
        let client = exec.watched.client;
        let mut watched: Vec<Watched> = Vec::new();
        for (db, key) in exec.watched.keys.iter() {
            let part = part_of(&mut txn.participants, owners.of(key));
            watched.resize_with(txn.participants.len(), || Watched { client, ..Watched::default() });
            watched[part].keys.push(db, key);
        }
        if txn.participants.is_empty() {
            part_of(&mut txn.participants, self.shard);
        }
        watched.resize_with(txn.participants.len(), || Watched { client, ..Watched::default() });
        txn.method = match txn.participants.len() {
            1 => Method::Single,
            _ if for_all_shards => Method::GatherAll,
            _ => Method::Gather,
        };
        for (participant, watched) in txn.participants.iter().zip(watched) {
            let part = match txn.method {
                Method::Single => Part::Exec(exec.clone()),
                Method::GatherAll => Part::LendAll(watched),
                _ => Part::Lend(participant.keys.clone(), watched),
            };
            out.push((participant.shard, TxnMessage::Lock(txid, part)));
        }
    }

    /// Handles a message to this coordinator. A finished transaction's ticket and reply are returned.
    pub(super) fn handle(
        &mut self,
        from: ShardId,
        message: TxnMessage,
        owners: Owners<'_>,
        shard: &mut Shard,
        out: &mut Outbox,
    ) -> Option<(Ticket, Reply)> {
        match message {
            TxnMessage::Granted(txid, grant) => self.granted(from, txid, grant, shard, out),
            TxnMessage::Refused(txid, latest) => {
                self.refused(from, txid, latest, owners, shard, out);
                None
            }
            TxnMessage::Done(txid, reply) => self.done(from, txid, reply, shard),
            TxnMessage::Wake(wake) => {
                self.woken(from, wake, owners, shard, out);
                None
            }
            TxnMessage::Read(client, ticket, reply) => {
                let is_wanted = self.blocked.is_wanted(client, ticket);
                is_wanted.then(|| {
                    self.blocked.has_run(client);
                    (ticket, reply)
                })
            }
            // To go on would lose locks or lent keys. Whoever delivers asks `TxnMessage::is_for_coordinator`.
            TxnMessage::Lock(..)
            | TxnMessage::Cancel(..)
            | TxnMessage::Run(..)
            | TxnMessage::Restore(..)
            | TxnMessage::Unwatch(_)
            | TxnMessage::Unwait(..) => unreachable!("a message for a participant"),
        }
    }

    /// A participant refuses its lock: the others give theirs up, and the transaction begins again.
    fn refused(
        &mut self,
        from: ShardId,
        txid: TxId,
        latest: TxId,
        owners: Owners<'_>,
        shard: &Shard,
        out: &mut Outbox,
    ) {
        self.clock = self.clock.max(latest.clock());
        let Some(mut txn) = self.txns.remove(&txid) else { return };
        let mut cancels = Outbox::new();
        for part in txn.participants.iter_mut().filter(|part| part.shard != from) {
            cancels.push((part.shard, TxnMessage::Cancel(txid, part.lent.take())));
        }
        if let Work::Move(..) = txn.work {
            // The new lock comes first: between the two a client would be woken for a key of a slot, and the
            // key would be away when the slot leaves.
            self.attempt(txn, owners, shard, out);
            out.append(&mut cancels);
        } else {
            out.append(&mut cancels);
            self.attempt(txn, owners, shard, out);
        }
    }

    fn granted(
        &mut self,
        from: ShardId,
        txid: TxId,
        grant: Grant,
        shard: &mut Shard,
        out: &mut Outbox,
    ) -> Option<(Ticket, Reply)> {
        let Some(txn) = self.txns.get_mut(&txid) else {
            // Cancelled meanwhile: what was lent goes home.
            out.extend(grant.lent.map(|lent| (from, TxnMessage::Cancel(txid, Some(lent)))));
            return None;
        };
        let part = txn.participants.iter().position(|part| part.shard == from);
        let part =
            part.expect("only who was asked for a lock grants it, and what it has lent must not be dropped");
        txn.participants[part].granted = true;
        txn.participants[part].lent = grant.lent;
        txn.clock = txn.clock.max(grant.clock);
        txn.is_watch_broken |= grant.is_watch_broken;
        txn.watch_ends_ms = txn.watch_ends_ms.min(grant.watch_ends_ms.unwrap_or(u64::MAX));
        if !txn.participants.iter().all(|part| part.granted) {
            return None;
        }
        // Later than all that the keys have seen.
        let clock = txn.clock.max(self.clock) + 1;
        self.clock = clock;
        if let Work::Move(slots, to) = &txn.work {
            let (lent, to) = (shard.depart(slots), *to);
            let come = Return { lent, clock, ..Return::default() };
            let gone = Return { clock, ..Return::default() };
            out.push((to, TxnMessage::Restore(txid, Box::new(come))));
            out.push((shard.id(), TxnMessage::Restore(txid, Box::new(gone))));
            return None;
        }
        if matches!(txn.method, Method::Gather | Method::GatherAll) {
            let txn = self.txns.remove(&txid)?;
            return self.run_gathered(txid, clock, txn, shard, out);
        }
        out.extend(txn.participants.iter().map(|part| (part.shard, TxnMessage::Run(txid, clock))));
        None
    }

    fn done(
        &mut self,
        from: ShardId,
        txid: TxId,
        reply: Reply,
        shard: &mut Shard,
    ) -> Option<(Ticket, Reply)> {
        let txn = self.txns.get_mut(&txid)?;
        if let Work::Move(slots, _) = &txn.work {
            self.arrived.extend_from_slice(slots);
            self.txns.remove(&txid);
            return None;
        }
        txn.participants.iter_mut().find(|part| part.shard == from)?.reply = Some(reply);
        if txn.participants.iter().any(|part| part.reply.is_none()) {
            return None;
        }
        let Txn { ticket, work, participants, part_of_key, .. } = self.txns.remove(&txid)?;
        let mut replies: Vec<Reply> = participants.into_iter().filter_map(|part| part.reply).collect();
        match work {
            Work::Command(call) => {
                let mut reply = Reply::new(call.caller.resp3);
                let parts = Parts { replies: &replies, part_of_key: &part_of_key };
                merge(&call.command.spec, &parts, || shard.random_bits(), &mut reply);
                Some((ticket, reply))
            }
            Work::Exec(_) | Work::Move(..) => Some((ticket, replies.pop()?)),
        }
    }
}

impl Coordinator {
    /// Runs the commands on the coordinator's shard with every entry present, and sends the entries home.
    /// None for a blocking command whose client has ceased to want it, or waits from now on.
    fn run_gathered(
        &mut self,
        txid: TxId,
        clock: u64,
        txn: Txn,
        shard: &mut Shard,
        out: &mut Outbox,
    ) -> Option<(Ticket, Reply)> {
        let Txn { ticket, work, method, blocking, mut participants, .. } = txn;
        // Meanwhile it may have become late.
        let is_watch_broken = txn.is_watch_broken || is_over(txn.watch_ends_ms, shard.now_ms());
        let mut slots: Vec<Option<SlotSet>> = Vec::with_capacity(participants.len());
        for part in &mut participants {
            let lent = part.lent.take().unwrap_or_default();
            slots.push(lent.slots.as_ref().map(|lent| lent.slots.clone()));
            shard.take_back(lent);
        }
        shard.start_away(method == Method::GatherAll);
        let noted_before = shard.env().notices.len();
        let mut reply = Reply::default();
        let stamp = Stamp { clock, source: txid.0 };
        let is_wanted = blocking.is_none_or(|client| self.blocked.is_wanted(client, ticket));
        shard.env_mut().block = None;
        match &work {
            Work::Command(call) if is_wanted => {
                reply.set_resp3(call.caller.resp3);
                shard.execute_stamped(call.command.run, call.as_call(), stamp, &mut reply);
            }
            Work::Exec(exec) => shard.execute_all(exec, is_watch_broken, stamp, &mut reply),
            Work::Command(_) | Work::Move(..) => {}
        }
        let noted = shard.env_mut().notices.split_off(noted_before);
        let notices = notices_of(noted, shard, &participants, &slots);
        let mut reads = shard.take_away_reads();
        let mut changed = shard.end_away();
        let client = work.client();
        let mut outcome = Outcome::Nothing;
        let mut result = Some((ticket, reply));
        if let Some(client) = blocking.filter(|_| is_wanted) {
            (outcome, result) = self.outcome(client, ticket, result, shard);
        }
        let is_only = participants.len() == 1;
        for ((part, slots), notices) in participants.iter_mut().zip(slots).zip(notices) {
            let slots = slots.map(|slots| shard.lend_slots(slots));
            let lent = Lent { entries: shard.lend(&part.keys), slots };
            let wait = outcome.for_participant(part, is_only);
            let mut back = Return { lent, clock, client, wait, notices, ..Return::default() };
            for (db, key) in part.keys.iter() {
                // A key that several participants were asked for does not exist: each key has one owner.
                let change = changed.remove(&(db, key.into()));
                let key_reads = reads.remove(key).unwrap_or_default();
                if part.shard == shard.id() {
                    // Who watches keys of the coordinator's own shard has been told already.
                    let change = change.filter(|&change| change != Change::Aside);
                    let change = change.map(|change| (key, change == Change::Removal));
                    shard.replay(&key_reads, change, client);
                    continue;
                }
                back.reads.extend(key_reads);
                match change {
                    Some(Change::Removal) => back.expired.push(db, key),
                    Some(Change::Value) => back.changed.push(db, key),
                    Some(Change::Aside) => back.aside.push(db, key),
                    None => {}
                }
            }
            out.push((part.shard, TxnMessage::Restore(txid, Box::new(back))));
        }
        result.filter(|_| is_wanted)
    }

    /// What a blocking command has come to, with its reply.
    fn outcome(
        &mut self,
        client: ClientId,
        ticket: Ticket,
        result: Option<(Ticket, Reply)>,
        shard: &mut Shard,
    ) -> (Outcome, Option<(Ticket, Reply)>) {
        let Some(block) = shard.env_mut().block.take() else {
            let outcome =
                if self.blocked.has_run(client) { Outcome::Ends(client, ticket) } else { Outcome::Nothing };
            return (outcome, result);
        };
        let Block { wanted, wakes_on_removal, .. } = *block;
        if !self.blocked.waits(client, *block, shard.now_ms()) {
            return (Outcome::Nothing, None);
        }
        let (keys, awaited) = (Keys::default(), Keys::default());
        let blocked = BlockedClient { client, ticket, wanted, wakes_on_removal, keys, awaited };
        (Outcome::Waits(Box::new(blocked), self.blocked.reading_call(client)), None)
    }
}

/// What a transaction has noted, for each participant what has happened to its keys. What has happened to
/// those of the shard where it has run stays there.
fn notices_of(
    noted: Vec<Notice>,
    shard: &mut Shard,
    participants: &[Participant],
    lent_slots: &[Option<SlotSet>],
) -> Vec<Vec<Notice>> {
    let mut of_parts: Vec<Vec<Notice>> = participants.iter().map(|_| Vec::new()).collect();
    if noted.is_empty() {
        return of_parts;
    }
    let slots_of = |(part, lent): (&Participant, &Option<SlotSet>)| match lent {
        _ if part.shard == shard.id() => SlotSet::none(),
        Some(slots) => slots.clone(),
        None => part.keys.iter().map(|(_, key)| SlotId::of(key)).collect(),
    };
    let slots: Vec<SlotSet> = participants.iter().zip(lent_slots).map(slots_of).collect();
    for notice in noted {
        let slot = SlotId::of(&notice.key);
        match slots.iter().position(|slots| slots.contains(slot)) {
            Some(part) => of_parts[part].push(notice),
            None => shard.env_mut().notices.append(vec![notice]),
        }
    }
    of_parts
}

impl Work {
    /// The client that has sent it; nobody (0) for a slot that moves.
    fn client(&self) -> ClientId {
        match self {
            Work::Command(call) => call.caller.client,
            Work::Exec(exec) => exec.watched.client,
            Work::Move(..) => ClientId::default(),
        }
    }
}

/// What a transaction means for the client whose blocking command it runs.
enum Outcome {
    Nothing,
    /// It waits from now on; without the keys, and with the command if it takes nothing.
    Waits(Box<BlockedClient>, Option<Box<OwnedCall>>),
    /// It had waited.
    Ends(ClientId, Ticket),
}

impl Outcome {
    /// `is_only`: no other participant has keys of the command.
    fn for_participant(&self, part: &mut Participant, is_only: bool) -> Option<Blocking> {
        match self {
            Outcome::Nothing => None,
            Outcome::Waits(..) if part.awaited.is_empty() => None,
            Outcome::Waits(blocked, reading) => {
                let (keys, awaited) = (part.keys.clone(), std::mem::take(&mut part.awaited));
                let blocked = Box::new(BlockedClient { keys, awaited, ..BlockedClient::clone(blocked) });
                Some(Blocking::Begin(blocked, reading.clone().filter(|_| is_only)))
            }
            Outcome::Ends(client, ticket) => Some(Blocking::End(*client, *ticket)),
        }
    }
}

impl Txn {
    /// The blocking command of a client.
    pub(crate) fn blocking(client: ClientId, ticket: Ticket, work: Work) -> Txn {
        Txn { blocking: Some(client), ..Txn::new(ticket, work, Method::Gather) }
    }

    fn new(ticket: Ticket, work: Work, method: Method) -> Txn {
        Txn {
            ticket,
            work,
            method,
            blocking: None,
            participants: Vec::new(),
            part_of_key: Vec::new(),
            clock: 0,
            is_watch_broken: false,
            watch_ends_ms: u64::MAX,
        }
    }
}

/// The number of a shard among the participants; it becomes one if it was none.
fn part_of(participants: &mut Vec<Participant>, shard: ShardId) -> usize {
    participants.iter().position(|part| part.shard == shard).unwrap_or_else(|| {
        participants.push(Participant::new(shard));
        participants.len() - 1
    })
}

/// The first so many workers.
fn among(count: usize) -> Vec<Participant> {
    (0..count).map(|shard| Participant::new(ShardId(shard as u16))).collect()
}

impl Participant {
    fn new(shard: ShardId) -> Participant {
        let (keys, awaited) = (Keys::default(), Keys::default());
        Participant { shard, granted: false, keys, awaited, lent: None, reply: None }
    }
}

/// The command of each participant: the name, the arguments before the first key, and its own keys with what
/// belongs to them.
fn split(
    call: &OwnedCall,
    positions: &[KeyPosition],
    part_of_key: &[usize],
    part_count: usize,
) -> impl Iterator<Item = OwnedCall> {
    let args: Args<'_> = call.args.as_args();
    let first = positions.first().map_or(args.len(), |position| position.index);
    let stride = key_stride(positions, args.len());
    let places = || {
        let keys = positions.iter().zip(part_of_key);
        keys.flat_map(|(key, &part)| (key.index..key.index + stride).map(move |index| (index, part)))
    };
    let copied = |range: std::ops::Range<usize>| range.map(|index| args.value(index).copied_bytes()).sum();
    let mut sizes: Vec<(usize, usize)> = vec![(first, copied(0..first)); part_count];
    for (index, part) in places() {
        sizes[part].0 += 1;
        sizes[part].1 += args.value(index).copied_bytes();
    }
    let room = |(count, bytes)| OwnedArgs::with_capacity(count, bytes);
    let mut split: Vec<OwnedArgs> = sizes.into_iter().map(room).collect();
    for part in &mut split {
        (0..first).for_each(|index| part.push_value(args.value(index)));
    }
    for (index, part) in places() {
        split[part].push_value(args.value(index));
    }
    let OwnedCall { command, caller, .. } = *call;
    let call = move |args| OwnedCall { command, key: None, caller, args };
    split.into_iter().map(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Caller;
    use crate::commands::FAMILIES;
    use crate::shard::ShardConfig;

    /// The key "a" lies on shard 1, all others on shard 2.
    const OWNERS: Owners<'static> = Owners {
        owner: &|slot| if slot == SlotId::of(b"a") { ShardId(1) } else { ShardId(2) },
        shard_count: 3,
        worker_count: 3,
    };

    /// The messages of a transaction on the shards 1 and 2, coordinated by worker 0, up to its first locks.
    fn started(line: &str, method: Method) -> (Coordinator, Shard, Outbox) {
        let (id, hash_seeds) = (ShardId(0), [1, 2, 3, 4]);
        let shard = Shard::new(&ShardConfig {
            id,
            databases: 1,
            hash_seeds,
            random_seed: 1,
            string_len_max: 512 << 20,
            registry: crate::testing::registry(),
        });
        let args: OwnedArgs = line.split(' ').collect();
        let mut rows = FAMILIES.iter().copied().flatten();
        let command = rows.find(|row| row.spec.name.as_bytes() == &args.as_args()[0]).unwrap();
        let call = OwnedCall { command, key: None, caller: Caller::new(ClientId(1)), args };
        let ticket = Ticket { worker: id, connection: 0, seq: 0 };
        let (mut coordinator, mut out) = (Coordinator::new(id), Outbox::new());
        coordinator.start(method, call, ticket, OWNERS, &shard, &mut out);
        (coordinator, shard, out)
    }

    fn words<'a>(words: impl Iterator<Item = &'a [u8]>) -> String {
        words.map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
    }

    /// The number of the transaction that all these locks belong to, and what each participant locks.
    fn locks(out: &Outbox) -> (TxId, Vec<(u16, String)>) {
        let lock = |(to, message): &(ShardId, TxnMessage)| match message {
            TxnMessage::Lock(txid, Part::Run(call)) => {
                (*txid, (to.0, words(call.args.as_args().iter_from(0))))
            }
            TxnMessage::Lock(txid, Part::Lend(keys, _)) => {
                (*txid, (to.0, words(keys.iter().map(|(_, key)| key))))
            }
            _ => panic!("only keys are locked"),
        };
        let (txids, parts): (Vec<TxId>, Vec<_>) = out.iter().map(lock).unzip();
        assert!(txids.iter().all(|&txid| txid == txids[0]));
        (txids[0], parts)
    }

    #[test]
    fn each_participant_gets_its_keys_and_what_belongs_to_them() {
        let (_, _, out) = started("mset a 1 b 2 a 3 c 4", Method::Split);
        assert_eq!(locks(&out).1, [(1, "mset a 1 a 3".into()), (2, "mset b 2 c 4".into())]);
        let (_, _, out) = started("msetnx b 2 a 1 c 3", Method::Gather);
        assert_eq!(locks(&out).1, [(2, "b c".into()), (1, "a".into())]);
    }

    #[test]
    fn a_command_whose_keys_cannot_be_found_has_a_participant_all_the_same() {
        for (line, method) in [("blmpop 0 0 left", Method::Gather), ("mset", Method::Split)] {
            let (coordinator, shard, out) = started(line, method);
            assert_eq!((coordinator.transactions(), locks(&out).1.len()), (1, 1), "{line}");
            assert_eq!(locks(&out).1[0].0, shard.id().0, "{line}");
        }
    }

    #[test]
    fn a_refused_transaction_starts_again_above_every_number_that_was_seen() {
        let (mut coordinator, mut shard, mut out) = started("mset a 1 b 2", Method::Split);
        let (txid, parts) = locks(&out);
        out.clear();
        let latest = TxId(700 << 16 | 9);
        let refused = TxnMessage::Refused(txid, latest);
        assert!(coordinator.handle(ShardId(1), refused, OWNERS, &mut shard, &mut out).is_none());
        assert!(
            matches!(out.remove(0), (ShardId(2), TxnMessage::Cancel(cancelled, None)) if cancelled == txid)
        );
        let (next, next_parts) = locks(&out);
        assert!(next > latest);
        assert_eq!(next_parts, parts);
        // The second refusal of the same attempt changes nothing.
        out.clear();
        coordinator.handle(ShardId(2), TxnMessage::Refused(txid, latest), OWNERS, &mut shard, &mut out);
        assert_eq!((out.len(), coordinator.transactions()), (0, 1));
    }

    #[test]
    fn entries_that_arrive_after_a_refusal_go_home() {
        let (mut coordinator, mut shard, mut out) = started("msetnx a 1 b 2", Method::Gather);
        let (txid, _) = locks(&out);
        coordinator.handle(ShardId(1), TxnMessage::Refused(txid, txid), OWNERS, &mut shard, &mut out);
        out.clear();
        let granted = TxnMessage::Granted(
            txid,
            Grant { lent: Some(Lent::default()), is_watch_broken: false, watch_ends_ms: None, clock: 0 },
        );
        assert!(coordinator.handle(ShardId(2), granted, OWNERS, &mut shard, &mut out).is_none());
        assert!(
            matches!(out[..], [(ShardId(2), TxnMessage::Cancel(cancelled, Some(_)))] if cancelled == txid)
        );
    }
}
