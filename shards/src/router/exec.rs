//! EXEC, WATCH and UNWATCH: the way of the whole to the shards.

use std::collections::BTreeMap;

use crate::args::Args;
use crate::caller::Caller;
use crate::commands::watch::WATCH;
use crate::reply::Reply;
use crate::router::progress::{ExecPlan, Progress};
use crate::router::route::Method;
use crate::router::slot_move::MOVING;
use crate::router::step::Step;
use crate::router::wire::{Places, Sight, Wire};
use crate::router::{Open, Router};
use crate::shard::Call;
use crate::slot::{ShardId, SlotId};
use crate::txn::{Exec, Keys, Ticket, TxnMessage, Watched};
use crate::watch::ClientId;

impl Router {
    /// EXEC, behind all requests of its connection that came before ([`Router::is_behind`]). `watched`: what the client
    /// watches, and from now on no more.
    pub fn exec<W: Wire>(
        &mut self,
        plan: ExecPlan,
        caller: Caller,
        watched: &mut Keys,
        wanted: bool,
        wire: &mut W,
    ) -> Step {
        let is_data_only = plan.is_data_only();
        let ExecPlan { items, mut exec } = plan;
        exec.watched.keys = std::mem::take(watched);
        // Where commands of the connection can change CLIENT REPLY, the transaction itself leaves out what is not wanted.
        let wanted = wanted || !is_data_only;
        let connection = caller.at.index;
        let is_here = self.is_here(&exec);
        if is_here {
            wire.saw(Sight::DirectExec);
        }
        if is_here && is_data_only && wanted {
            self.shard.execute_exec(&exec, wire.places(connection).writer());
            return Step::Done;
        }
        let seq = wire.places(connection).reserve(wanted);
        let ticket = Ticket { worker: self.id, connection, seq };
        if !is_data_only {
            self.open.insert(ticket, Open::Exec(Box::new(Progress::new(items, caller.resp3))));
        }
        if is_here {
            let mut reply = Reply::default();
            self.shard.execute_exec(&exec, &mut reply);
            self.deliver(ticket, &reply, wire);
        } else {
            wire.saw(Sight::Transaction);
            self.with_coordinator(|coordinator, owners, shard, out| {
                coordinator.start_exec(Box::new(exec), ticket, owners, shard, out);
            });
            self.send_outbox(wire);
        }
        if is_data_only { Step::Reply } else { Step::Exec(seq) }
    }

    /// True when a transaction concerns this worker's shard alone, and no lock of another can be in its way.
    fn is_here(&mut self, exec: &Exec) -> bool {
        if !self.shard.has_no_locks() {
            return false;
        }
        if self.has_all_slots() {
            return true;
        }
        let Router { slots, positions, id, .. } = self;
        let is_own = |key: &[u8]| slots.owner(SlotId::of(key)) == *id;
        exec.watched.keys.iter().all(|(_, key)| is_own(key))
            && exec.calls.iter().all(|call| {
                let (spec, args) = (&call.command.spec, call.args.as_args());
                positions.clear();
                spec.key_positions(args, positions);
                !spec.is_for_all_shards(args)
                    && positions.iter().all(|position| is_own(args.get(position.index)))
            })
    }

    /// Takes a transaction out to go on with it, if something has come for its place. It is put back when it has to wait for
    /// more.
    pub fn take_exec(&mut self, connection: u32, seq: u32) -> Option<Box<Progress>> {
        let ticket = Ticket { worker: self.id, connection, seq };
        match self.open.get(&ticket) {
            Some(Open::Exec(progress)) if progress.can_go_on() => {}
            _ => return None,
        }
        match self.open.remove(&ticket) {
            Some(Open::Exec(progress)) => Some(progress),
            _ => None,
        }
    }

    /// Puts back a transaction that waits for the reply to a command of the session.
    pub fn put_exec_back(&mut self, connection: u32, seq: u32, progress: Box<Progress>) {
        let ticket = Ticket { worker: self.id, connection, seq };
        self.open.insert(ticket, Open::Exec(progress));
    }

    /// A transaction that was taken out has come to its end: its reply goes into its place.
    pub fn end_exec<W: Wire>(&mut self, connection: u32, seq: u32, progress: &Progress, wire: &mut W) {
        let ticket = Ticket { worker: self.id, connection, seq };
        wire.fill(ticket, progress.output.bytes(), progress.output.blobs());
    }

    /// WATCH: `args` with its name and keys, which are added to what the client watches.
    pub fn watch<W: Wire>(
        &mut self,
        args: Args<'_>,
        caller: Caller,
        watched: &mut Keys,
        wanted: bool,
        wire: &mut W,
    ) -> Step {
        if self.is_behind(caller.at.index, wire) {
            return Step::AfterReplies;
        }
        for key in args.iter_from(1) {
            watched.push(caller.db, key);
        }
        let call = Call { command: &WATCH, key: None, caller, args };
        if self.has_all_slots() && wanted {
            self.shard.execute(call, wire.places(caller.at.index).writer());
            return Step::Done;
        }
        self.start_txn(Method::Split, call, wanted, wire)
    }

    /// Forgets what a client watches.
    pub fn unwatch<W: Wire>(&mut self, client: ClientId, watched: &mut Keys, wire: &mut W) {
        if !watched.is_empty() {
            self.unwatch_keys(&Watched { client, keys: std::mem::take(watched) });
            self.send_outbox(wire);
        }
    }

    /// True while a client's watches are still to be forgotten, when the slots of their keys have arrived. Its connection is
    /// looked at again then.
    pub fn will_unwatch(&mut self, client: ClientId, connection: u32) -> bool {
        let will = self.unwatch_later.iter().any(|watched| watched.client == client);
        if will {
            self.awaiting_slot.add(connection);
        }
        will
    }

    /// Puts into the outbox what the owners of watched keys are told.
    pub(super) fn unwatch_keys(&mut self, watched: &Watched) {
        let client = watched.client;
        let mut of_shard: BTreeMap<ShardId, Keys> = BTreeMap::new();
        for (db, key) in watched.keys.iter() {
            of_shard.entry(self.slots.owner(SlotId::of(key))).or_default().push(db, key);
        }
        if let Some(keys) = of_shard.remove(&MOVING) {
            self.unwatch_later.push(Watched { client, keys });
        }
        let unwatch = |(shard, keys)| (shard, TxnMessage::Unwatch(Watched { client, keys }));
        self.outbox.extend(of_shard.into_iter().map(unwatch));
    }
}
