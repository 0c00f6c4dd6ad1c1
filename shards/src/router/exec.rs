//! EXEC, WATCH and UNWATCH: the way of the whole to the shards, and the commands of the session among those
//! of a transaction.

use std::collections::BTreeMap;

use crate::args::Args;
use crate::caller::Caller;
use crate::command::registry::SessionNumber;
use crate::commands::watch::WATCH;
use crate::reply::Reply;
use crate::router::progress::{Audience, ExecPlan, Next, Progress};
use crate::router::route::Method;
use crate::router::session::Replied;
use crate::router::slot_move::MOVING;
use crate::router::step::Step;
use crate::router::wire::{Sight, Wire};
use crate::router::{Open, Router};
use crate::shard::Call;
use crate::slot::{ShardId, SlotId};
use crate::txn::{Exec, Keys, Ticket, TxnMessage, Watched};
use crate::watch::ClientId;

/// The session of a transaction's client, with the router of its worker.
pub trait ExecSession {
    /// The router that has begun the transaction.
    fn router(&mut self) -> &mut Router;

    /// The client as it is at this moment.
    fn audience(&mut self) -> Audience;

    /// Runs a command of the session, which writes its reply, or has it come for the place of the
    /// transaction's.
    fn run(&mut self, number: SessionNumber, args: Args<'_>, reply: &mut Reply) -> Replied;
}

/// Takes a transaction up again if something has come for the place of its reply, which has this number, and
/// runs the commands of the session whose turn it is. Returns the reply to all of it at the end
/// ([`Router::end_exec`]). Until then the transaction waits for more, and its connection is looked at when
/// that has come.
pub fn go_on_with_exec(session: &mut impl ExecSession, connection: u32, seq: u32) -> Option<Reply> {
    let ticket = Ticket { worker: session.router().id, connection, seq };
    let (mut progress, arrived) = session.router().take_exec(ticket)?;
    let mut next = progress.go_on(arrived, session.audience());
    loop {
        match next {
            Next::Run(number, args) => {
                let replied = session.run(number, args.as_args(), progress.output());
                progress.has_run(session.audience(), replied == Replied::Pushed);
                if replied == Replied::Later {
                    break;
                }
                next = progress.next(session.audience());
            }
            Next::End => return Some(progress.output),
        }
    }
    session.router().open.insert(ticket, Open::Exec(progress));
    None
}

impl Router {
    /// EXEC, behind all requests of its connection that came before. `watched`: what the client watches, and
    /// from now on no more.
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
        // Where commands of the connection can change CLIENT REPLY, the transaction itself leaves out what is
        // not wanted.
        let wanted = wanted || !is_data_only;
        let connection = caller.at.index;
        let is_here = self.is_here(&exec);
        if is_here {
            wire.saw(Sight::DirectExec);
        }
        if is_here && is_data_only && wanted {
            self.shard.execute_exec(&exec, wire.replies(connection).writer());
            return Step::Done;
        }
        let seq = wire.replies(connection).reserve(wanted);
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

    /// Takes a transaction out to go on with it, if something has come for its place. With what has come.
    fn take_exec(&mut self, ticket: Ticket) -> Option<(Box<Progress>, Reply)> {
        let Some(Open::Exec(progress)) = self.open.get_mut(&ticket) else { return None };
        let arrived = progress.take_arrived()?;
        match self.open.remove(&ticket) {
            Some(Open::Exec(progress)) => Some((progress, arrived)),
            _ => None,
        }
    }

    /// A transaction has come to its end ([`go_on_with_exec`]): this is its reply.
    pub fn end_exec<W: Wire>(&mut self, connection: u32, seq: u32, reply: &Reply, wire: &mut W) {
        let ticket = Ticket { worker: self.id, connection, seq };
        wire.fill(ticket, reply.bytes(), reply.blobs());
    }

    /// WATCH, behind all requests of its connection that came before: `args` with its name and keys, which
    /// are added to what the client watches.
    pub fn watch<W: Wire>(
        &mut self,
        args: Args<'_>,
        caller: Caller,
        watched: &mut Keys,
        wanted: bool,
        wire: &mut W,
    ) -> Step {
        for key in args.iter_from(1) {
            watched.push(caller.db, key);
        }
        let call = Call { command: &WATCH, key: None, caller, args };
        if self.has_all_slots() && wanted {
            self.shard.execute(call, wire.replies(caller.at.index).writer());
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

    /// True while a client's watches are still to be forgotten, when the slots of their keys have arrived.
    /// Its connection is looked at again then.
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
