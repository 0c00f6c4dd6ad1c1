//! The router: what decides where a command runs, what it waits for, and what is woken when that has come.
//! One per worker.
//!
//! It holds the worker's shard, its coordinator and its slot map, and knows no connection: a request comes
//! with its caller, and its reply goes to a place that a [`Ticket`] names. All that leaves it goes through
//! the [`Wire`] of whoever calls. The server's worker and the simulation both hold routers, so what is
//! simulated is what runs. In parts:
//!
//! - here: from a command to its shard, or to a transaction; replies, walks, messages of transactions;
//! - [`exec`]: EXEC and WATCH; `waits`: blocking commands; `moving`: slots that change hands, and what may be
//!   told of their keys; `walk`: SCAN from shard to shard; `remote`: commands of other workers' clients, and
//!   of those who wait for credit;
//! - [`route`], [`coordinator`], [`blocking`], [`slot_move`], `dealing`, `merge`: what each of these decides
//!   by itself;
//! - [`publish`]: the order of published messages, which needs no shard;
//! - [`reply_queue`]: the replies of one client in order;
//! - [`session`], [`barrier`]: what the router and whoever runs the commands of the session agree on;
//! - [`step`]: what comes back to the caller, and who is taken up again; [`progress`]: EXEC with commands of
//!   the session.
//!
//! This file must not know what any command does.

mod awaiting_slot;
pub mod barrier;
pub mod blocked_calls;
pub mod blocking;
mod blocking_commands;
pub mod coordinator;
pub(crate) mod dealing;
pub mod exec;
mod merge;
pub mod moving;
pub mod progress;
pub mod publish;
mod remote;
pub mod reply_queue;
pub mod route;
pub mod session;
pub mod slot_move;
mod split;
pub mod step;
#[cfg(test)]
mod tests;
mod walk;
pub mod wire;

use std::collections::HashMap;
use std::num::NonZeroU16;

use crate::args::{Args, Blob};
use crate::command::Plan;
use crate::command::keys::KeyPosition;
use crate::key::{DbIndex, OnlyKey};
use crate::reply::Reply;
use crate::router::awaiting_slot::AwaitingSlot;
use crate::router::coordinator::Coordinator;
use crate::router::dealing::Dealing;
use crate::router::progress::Progress;
use crate::router::route::{Method, Owners, Route, follows_all, is_of_one_slot, route};
use crate::router::slot_move::{MOVING, SlotMap, SlotMoves};
use crate::router::step::Step;
use crate::router::walk::Walk;
use crate::router::wire::{Sight, TakenReplies, Wire};
use crate::shard::look_ahead::ExpectedKey;
use crate::shard::{Call, Shard};
use crate::slot::{ShardId, SlotId};
use crate::spare::Trim;
use crate::txn::credit::LARGE_REPLY_BYTES;
use crate::txn::{Outbox, OwnedCall, Ticket, TxnMessage, Watched};

/// One per worker.
pub struct Router {
    id: ShardId,
    shard_count: usize,
    shard: Shard,
    coordinator: Coordinator,
    slots: SlotMoves,
    /// The worker that deals slots has one while it does.
    dealing: Option<Box<Dealing>>,
    /// No more slots are dealt for a while.
    is_dealing_paused: bool,
    outbox: Outbox,
    /// Requests to which several replies come one after the other, by the places of their own replies. A
    /// connection waits for its request, so there is one at most for each.
    open: HashMap<Ticket, Open>,
    /// Walks that have come to a slot that is on its way.
    walks_later: Vec<(Ticket, Box<Walk>)>,
    /// Watches to be forgotten when the slots of their keys have arrived.
    unwatch_later: Vec<Watched>,
    /// Connections whose request, or what they watch, concerns a slot that is on its way.
    awaiting_slot: AwaitingSlot,
    /// The keys of the command at hand; kept for its memory.
    positions: Vec<KeyPosition>,
    /// Replies that are thrown away, or copied at once; kept for its memory.
    scratch: Reply,
}

/// What takes the replies for a place that are only a part of its own.
enum Open {
    /// A walk from shard to shard.
    Walk(Box<Walk>),
    /// A transaction with commands of the session among its commands.
    Exec(Box<Progress>),
}

/// A reply that was made outside of the usual path.
struct Made {
    ticket: Ticket,
    reply: Reply,
    /// It is owed to this shard if it is large ([`crate::txn::credit`]).
    is_owed: bool,
}

impl Made {
    /// One that nobody owes.
    fn free((ticket, reply): (Ticket, Reply)) -> Made {
        Made { ticket, reply, is_owed: false }
    }

    /// That of a command that has waited on the shard.
    fn owed((ticket, reply): (Ticket, Reply)) -> Made {
        Made { ticket, reply, is_owed: true }
    }
}

impl Trim for Router {
    fn trim(&mut self) {
        self.shard.trim();
        self.coordinator.trim();
        self.outbox.trim();
        self.open.trim();
        self.walks_later.trim();
        self.unwatch_later.trim();
        self.awaiting_slot.trim();
        self.positions.clear();
        self.positions.trim();
        self.scratch.trim();
    }
}

impl Router {
    /// The router of the worker that has this shard, among so many of both, with the slot map that all begin
    /// with. Workers that are more than the shards are numbered behind them, and own no slots: what they have
    /// as their shard is a place for gathered transactions.
    pub fn new(mut shard: Shard, shard_count: usize, worker_count: usize, map: SlotMap) -> Router {
        let id = shard.id();
        shard.set_owned(map.owned_by(id));
        Router {
            id,
            shard_count,
            shard,
            coordinator: Coordinator::new(id),
            slots: SlotMoves::new(id, worker_count, map),
            dealing: None,
            is_dealing_paused: false,
            outbox: Outbox::new(),
            open: HashMap::new(),
            walks_later: Vec::new(),
            unwatch_later: Vec::new(),
            awaiting_slot: AwaitingSlot::default(),
            positions: Vec::new(),
            scratch: Reply::default(),
        }
    }

    /// True when every slot lies on this worker's shard, for good.
    fn has_all_slots(&self) -> bool {
        self.shard_count == 1 && self.id.index() == 0
    }

    /// The worker's shard.
    #[inline]
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// The same, to be changed.
    #[inline]
    pub fn shard_mut(&mut self) -> &mut Shard {
        &mut self.shard
    }

    /// Who owns which slot, as far as this worker knows.
    pub fn map(&self) -> &SlotMap {
        self.slots.map()
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> usize {
        self.shard_count
    }

    /// Runs a command on keys, or starts it: where its keys are, in its row's way (`plan`). With `wanted`
    /// false nobody gets the reply. The connection is that of the caller.
    #[inline]
    pub fn run<W: Wire>(&mut self, call: Call<'_>, plan: Plan, wanted: bool, wire: &mut W) -> Step {
        if let Some(index) = plan.only_key(call.args.len()) {
            let key = call.key.unwrap_or_else(|| OnlyKey::at(index, SlotId::of(call.args.get(index))));
            let owner = self.slots.owner(key.slot);
            return self.run_on_shard(owner, Call { key: Some(key), ..call }, wanted, wire);
        }
        self.run_by_plan(call, plan, wanted, wire)
    }

    /// Looks at a command that will be run soon: if its only key lies here, the look-up of it begins
    /// ([`Shard::expect_key`]). Returns the key, which the call may have with it. The arity must have been
    /// checked.
    #[inline]
    pub fn expect(
        &self,
        db: DbIndex,
        plan: Plan,
        args: Args<'_>,
        expected: &mut Vec<ExpectedKey>,
    ) -> Option<OnlyKey> {
        let index = plan.only_key(args.len())?;
        let bytes = args.get(index);
        let key = OnlyKey::at(index, SlotId::of(bytes));
        if self.slots.owner(key.slot) != self.id {
            return Some(key);
        }
        Some(self.shard.expect_key(db, key, bytes, expected))
    }

    /// The same for a command that another worker has sent, with its only key and that one's slot.
    #[inline]
    pub fn expect_remote(
        &self,
        db: DbIndex,
        key: Option<(NonZeroU16, SlotId)>,
        args: Args<'_>,
        expected: &mut Vec<ExpectedKey>,
    ) -> Option<OnlyKey> {
        let (argument, slot) = key?;
        let key = OnlyKey { argument, slot, hash: None };
        Some(self.shard.expect_key(db, key, args.get(usize::from(argument.get())), expected))
    }

    fn run_by_plan<W: Wire>(&mut self, call: Call<'_>, plan: Plan, wanted: bool, wire: &mut W) -> Step {
        if follows_all(plan)
            && wire.replies(call.caller.at.index).awaited() > 0
            && !is_of_one_slot(&call.command.spec, plan, call.args, &mut self.positions)
        {
            return Step::AfterReplies;
        }
        if call.command.spec.may_block(call.args) {
            return self.run_blocking(call, wanted, wire);
        }
        let owner = |slot| self.slots.owner(slot);
        match route(&call.command.spec, plan, call.args, owner, self.shard_count, &mut self.positions) {
            Route::Txn(method) => self.start_txn(method, call, wanted, wire),
            Route::Walk => {
                let (call, ticket) = self.reserve(call, wanted, wire);
                self.walk_on(ticket, Box::new(Walk::new(call)), wire);
                Step::Reply
            }
            Route::Shard(shard) => self.run_on_shard(shard.unwrap_or(self.id), call, wanted, wire),
        }
    }

    /// Runs a command on the one shard that has its keys: at once here, or by a hop.
    #[inline]
    fn run_on_shard<W: Wire>(&mut self, shard: ShardId, call: Call<'_>, wanted: bool, wire: &mut W) -> Step {
        let connection = call.caller.at.index;
        if shard != self.id {
            if shard == MOVING {
                return self.await_slot(connection);
            }
            let seq = wire.replies(connection).reserve(wanted);
            let bytes = wire.command(shard, Ticket { worker: self.id, connection, seq }, call);
            wire.replies(connection).asked(bytes);
            return Step::Done;
        }
        wire.make_room(&mut self.shard);
        let replies = wire.replies(connection);
        // Only commands whose replies are awaited can wait for credit, and for them those that come later.
        if self.shard.has_no_locks() && (self.shard.nobody_waits() || replies.awaited() == 0) {
            if wanted {
                self.shard.execute(call, replies.writer());
            } else {
                self.shard.execute(call, &mut self.scratch);
                self.scratch.clear();
            }
            return Step::Done;
        }
        self.submit(call, wanted, wire);
        Step::Done
    }

    /// Runs a command on this worker's shard, or lets it wait there.
    #[cold]
    fn submit<W: Wire>(&mut self, call: Call<'_>, wanted: bool, wire: &mut W) {
        let connection = call.caller.at.index;
        let replies = wire.replies(connection);
        // A place behind the replies that are there; it is given up when the command runs at once.
        replies.writer();
        let ticket = Ticket { worker: self.id, connection, seq: replies.next_seq() };
        self.scratch.set_resp3(call.caller.resp3);
        if self.shard.submit(call, || ticket, &mut self.scratch) {
            if wanted {
                replies.writer().append(self.scratch.bytes(), self.scratch.blobs());
            }
            self.scratch.clear();
        } else {
            replies.reserve(wanted);
            wire.saw(Sight::Parked);
        }
    }

    /// The command with its own copy of the arguments, and the place of its reply.
    fn reserve<W: Wire>(&self, call: Call<'_>, wanted: bool, wire: &mut W) -> (OwnedCall, Ticket) {
        let connection = call.caller.at.index;
        let seq = wire.replies(connection).reserve(wanted);
        (call.to_owned(), Ticket { worker: self.id, connection, seq })
    }

    /// Starts a command over several shards.
    fn start_txn<W: Wire>(&mut self, method: Method, call: Call<'_>, wanted: bool, wire: &mut W) -> Step {
        let (call, ticket) = self.reserve(call, wanted, wire);
        wire.saw(Sight::Transaction);
        self.with_coordinator(|coordinator, owners, shard, out| {
            coordinator.start(method, call, ticket, owners, shard, out);
        });
        self.send_outbox(wire);
        Step::Reply
    }

    fn with_coordinator<R>(
        &mut self,
        act: impl FnOnce(&mut Coordinator, Owners<'_>, &mut Shard, &mut Outbox) -> R,
    ) -> R {
        let Router { coordinator, slots, shard, outbox, shard_count, .. } = self;
        act(
            coordinator,
            Owners {
                owner: &|slot| slots.owner(slot),
                shard_count: *shard_count,
                worker_count: slots.worker_count(),
            },
            shard,
            outbox,
        )
    }

    /// Asks one shard after the other, as long as they are here.
    fn walk_on<W: Wire>(&mut self, ticket: Ticket, mut walk: Box<Walk>, wire: &mut W) {
        loop {
            let (shard, call) = walk.ask(|slot| self.slots.owner(slot));
            if shard == MOVING {
                return self.walks_later.push((ticket, walk));
            }
            if shard != self.id {
                wire.command(shard, ticket, call.as_call());
                self.open.insert(ticket, Open::Walk(walk));
                return;
            }
            let mut answer = Reply::new(call.caller.resp3);
            if !self.shard.submit(call.as_call(), || ticket, &mut answer) {
                wire.saw(Sight::Parked);
                self.open.insert(ticket, Open::Walk(walk));
                return;
            }
            if let Some(reply) = walk.answered(answer.bytes(), |slot| self.slots.owner(slot)) {
                return wire.fill(ticket, reply.bytes(), reply.blobs());
            }
        }
    }

    /// Takes a reply of another worker's shard for a place of this worker.
    #[inline]
    pub fn take_reply<W: Wire>(
        &mut self,
        from: ShardId,
        ticket: Ticket,
        bytes: &[u8],
        blobs: &[(usize, Blob)],
        wire: &mut W,
    ) {
        if !self.open.is_empty() && self.take_part(ticket, bytes, blobs, wire) {
            // What is read on the way nobody owes.
            return;
        }
        wire.fill(ticket, bytes, blobs);
        let len = bytes.len() + blobs.iter().map(|(_, blob)| blob.len()).sum::<usize>();
        if len > LARGE_REPLY_BYTES && !wire.owes(from, ticket, len) {
            self.say_taken(
                from,
                TakenReplies { connection: ticket.connection, bytes: len, is_gone: false },
                wire,
            );
        }
    }

    /// Takes a reply for a place if it is only a part of the one that belongs there.
    fn take_part<W: Wire>(
        &mut self,
        ticket: Ticket,
        bytes: &[u8],
        blobs: &[(usize, Blob)],
        wire: &mut W,
    ) -> bool {
        match self.open.get_mut(&ticket) {
            None => return false,
            Some(Open::Exec(progress)) => {
                progress.arrives(bytes, blobs);
                wire.look_at(ticket.connection);
                return true;
            }
            Some(Open::Walk(_)) => {}
        }
        if let Some(Open::Walk(mut walk)) = self.open.remove(&ticket) {
            match walk.answered(bytes, |slot| self.slots.owner(slot)) {
                Some(reply) => wire.fill(ticket, reply.bytes(), reply.blobs()),
                None => self.walk_on(ticket, walk, wire),
            }
        }
        true
    }

    /// Delivers a reply that was made outside of the usual path and that nobody owes: the answer to a
    /// question to all workers, for example.
    pub fn deliver<W: Wire>(&mut self, ticket: Ticket, reply: &Reply, wire: &mut W) {
        if ticket.worker != self.id {
            wire.reply_buffer(ticket.worker, reply.is_resp3()).append(reply.bytes(), reply.blobs());
            wire.end_reply(ticket);
        } else if self.open.is_empty() || !self.take_part(ticket, reply.bytes(), reply.blobs(), wire) {
            wire.fill(ticket, reply.bytes(), reply.blobs());
        }
    }

    fn deliver_made<W: Wire>(&mut self, made: impl IntoIterator<Item = Made>, wire: &mut W) {
        for Made { ticket, reply, is_owed } in made {
            if is_owed && ticket.worker == self.id {
                self.take_reply(self.id, ticket, reply.bytes(), reply.blobs(), wire);
            } else {
                self.deliver(ticket, &reply, wire);
            }
        }
    }

    /// Takes a message of a transaction.
    pub fn take_txn<W: Wire>(&mut self, from: ShardId, message: TxnMessage, wire: &mut W) {
        let mut made = Vec::new();
        self.handle_txn(from, message, &mut made, wire);
        self.drain_outbox(&mut made, wire);
        self.deliver_made(made, wire);
    }

    /// Sends the messages of transactions, and delivers what comes of those to this worker.
    fn send_outbox<W: Wire>(&mut self, wire: &mut W) {
        let mut made = Vec::new();
        self.drain_outbox(&mut made, wire);
        self.deliver_made(made, wire);
    }

    /// Sends the messages of transactions, handling those to this worker at once.
    fn drain_outbox<W: Wire>(&mut self, made: &mut Vec<Made>, wire: &mut W) {
        while !self.outbox.is_empty() {
            for (to, message) in std::mem::take(&mut self.outbox) {
                if to == self.id {
                    self.handle_txn(to, message, made, wire);
                } else {
                    wire.txn(to, message);
                }
            }
        }
    }

    fn handle_txn<W: Wire>(
        &mut self,
        from: ShardId,
        message: TxnMessage,
        made: &mut Vec<Made>,
        wire: &mut W,
    ) {
        wire.saw(Sight::Message(&message));
        if message.is_for_coordinator() {
            let finished = self.with_coordinator(|coordinator, owners, shard, out| {
                coordinator.handle(from, message, owners, shard, out)
            });
            made.extend(finished.map(Made::free));
        } else {
            self.shard.handle_txn(from, message, &mut self.outbox);
            made.extend(self.shard.take_completed().into_iter().map(Made::owed));
        }
    }
}

/// What a simulation looks at between two steps.
#[cfg(any(test, feature = "testing"))]
impl Router {
    /// The worker's coordinator.
    pub(crate) fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }

    /// The requests to which several replies come, and the walks that wait for a slot.
    pub(crate) fn open_tickets(&self) -> impl Iterator<Item = Ticket> {
        self.open.keys().copied().chain(self.walks_later.iter().map(|&(ticket, _)| ticket))
    }

    /// Nothing is under way and nothing waits.
    pub(crate) fn is_quiet(&self) -> bool {
        self.shard.has_no_locks()
            && self.shard.nobody_waits()
            && self.coordinator.transactions() == 0
            && !self.slots.is_busy()
            && self.dealing.is_none()
            && self.outbox.is_empty()
            && self.open.is_empty()
            && self.walks_later.is_empty()
            && self.unwatch_later.is_empty()
    }
}
