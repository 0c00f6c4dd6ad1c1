//! From a request of a connection to its shards, as the server's `dispatch` and `transactions` go.

use std::collections::BTreeMap;

use super::{Connection, Hop, Node, Request, Waiting, Worker};
use crate::args::OwnedArgs;
use crate::caller::Caller;
use crate::command::DataCommand;
use crate::commands::watch::WATCH;
use crate::copies::ConnectionId;
use crate::error::CommandError;
use crate::reply::Reply;
use crate::router::coordinator::Method;
use crate::router::route::{Route, route};
use crate::router::slot_move::{MOVING, MoveMessage};
use crate::slot::{ShardId, SlotId};
use crate::testing::full_name;
use crate::txn::{Exec, Keys, OwnedCall, Ticket, TxnMessage, Watched};
use crate::walk::Walk;
use crate::watch::ClientId;

impl Node {
    /// Takes up the next request of a connection, or the one that had to wait.
    pub(super) fn go_on(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let request = match std::mem::replace(&mut connection.waiting, Waiting::No) {
            Waiting::Barrier(request) | Waiting::Slot(request, _) => Some(request),
            Waiting::No | Waiting::Reply => connection.requests.pop_front(),
        };
        if let Some(request) = request {
            self.dispatch(index, request);
        }
    }

    fn dispatch(&mut self, index: usize, request: Request) {
        let connection = &mut self.connections[index];
        match (request, &mut connection.queue) {
            (Request::Data(command, args), Some(queue)) => {
                queue.push((command, connection.db, args));
                self.reply(index, |reply| reply.simple("QUEUED"));
            }
            (Request::Data(command, args), None) => self.route(index, command, args),
            (Request::Select(db), _) => {
                connection.db = db;
                self.reply(index, Reply::ok);
            }
            (Request::Multi, queue) => {
                *queue = Some(Vec::new());
                self.reply(index, Reply::ok);
            }
            (Request::Exec, _) => self.exec(index),
            (Request::Discard, queue) => {
                *queue = None;
                self.unwatch(index);
                self.reply(index, Reply::ok);
            }
            (Request::Watch(args), _) => self.watch(index, args),
            (Request::Unwatch, _) => {
                self.unwatch(index);
                self.reply(index, Reply::ok);
            }
            (Request::MoveSlot(slot, to), _) => {
                let ticket = self.reserve(index);
                self.connections[index].waiting = Waiting::Reply;
                self.take_move(ticket.worker, ticket.worker, MoveMessage::Move(slot, to, ticket));
            }
        }
    }

    /// Replies at once.
    fn reply(&mut self, index: usize, write: impl FnOnce(&mut Reply)) {
        let mut reply = Reply::new(self.connections[index].resp3);
        write(&mut reply);
        let ticket = self.reserve(index);
        self.fill(ticket, reply);
    }

    fn route(&mut self, index: usize, command: &'static DataCommand, args: OwnedArgs) {
        let connection = &mut self.connections[index];
        let borrowed = args.as_args();
        if !command.spec.arity.accepts(borrowed.len()) {
            return self
                .reply(index, |reply| reply.error(&CommandError::WrongArity(full_name(command).into())));
        }
        if command.spec.may_block(borrowed) {
            return self.run_blocking(index, command, args);
        }
        let slots = &self.workers[connection.worker.index()].slots;
        let mut positions = Vec::new();
        let (spec, shard_count) = (&command.spec, self.workers.len());
        let owner = |slot| slots.owner(slot);
        let way = route(spec, spec.plan(), borrowed, owner, shard_count, &mut positions);
        let must_wait = match way {
            Route::Txn(_) | Route::Walk => true,
            Route::Shard(_, slot) => slot.is_none() && command.spec.has_keys(),
        };
        match way {
            _ if must_wait && connection.awaited > 0 => {
                connection.waiting = Waiting::Barrier(Request::Data(command, args));
            }
            Route::Txn(method) => self.start_txn(index, method, command, args),
            Route::Walk => {
                let ticket = self.reserve(index);
                self.connections[index].waiting = Waiting::Reply;
                let call = self.call(index, command, None, args);
                self.walk_on(ticket, Walk::new(call));
            }
            Route::Shard(Some(MOVING), _) => {
                self.events.awaited_slot += 1;
                connection.waiting = Waiting::Slot(Request::Data(command, args), false);
            }
            Route::Shard(shard, slot) => {
                let ticket = self.reserve(index);
                let call = self.call(index, command, slot, args);
                self.run_on_shard(ticket, shard.unwrap_or(ticket.worker), call);
            }
        }
    }

    pub(super) fn call(
        &self,
        index: usize,
        command: &'static DataCommand,
        slot: Option<SlotId>,
        args: OwnedArgs,
    ) -> OwnedCall {
        OwnedCall { command, slot, caller: self.caller(index), args }
    }

    fn caller(&self, index: usize) -> Caller {
        let Connection { worker, db, resp3, .. } = self.connections[index];
        let at = ConnectionId { worker, index: index as u32 };
        Caller { at, db, resp3, ..Caller::new(client_of(index)) }
    }

    fn run_on_shard(&mut self, ticket: Ticket, shard: ShardId, call: OwnedCall) {
        if shard == ticket.worker {
            self.submit(shard, &call, ticket);
        } else {
            self.send(ticket.worker, shard, Hop::Command(call, ticket));
        }
    }

    fn start_txn(&mut self, index: usize, method: Method, command: &'static DataCommand, args: OwnedArgs) {
        self.events.transactions += 1;
        let ticket = self.reserve(index);
        self.connections[index].waiting = Waiting::Reply;
        let call = self.call(index, command, None, args);
        self.with_coordinator(ticket.worker, |coordinator, owners, shard, out| {
            coordinator.start(method, call, ticket, owners, shard, out);
        });
        self.send_outbox(ticket.worker);
    }

    /// Asks the next shard of a walk.
    pub(super) fn walk_on(&mut self, ticket: Ticket, mut walk: Walk) {
        let Worker { slots, walks, walks_later, .. } = &mut self.workers[ticket.worker.index()];
        let (shard, call) = walk.ask(|slot| slots.owner(slot));
        let call = call.clone();
        if shard == MOVING {
            self.events.awaited_slot += 1;
            return walks_later.push((ticket, walk));
        }
        walks.push((ticket, walk));
        self.run_on_shard(ticket, shard, call);
    }

    /// EXEC: at once when all lies on the connection's own worker and no lock can be in its way.
    fn exec(&mut self, index: usize) {
        if self.connections[index].awaited > 0 {
            self.connections[index].waiting = Waiting::Barrier(Request::Exec);
            return;
        }
        let Some(queue) = self.connections[index].queue.take() else {
            return self.reply(index, |reply| reply.error(&CommandError::other("ERR EXEC without MULTI")));
        };
        let caller = self.caller(index);
        let call =
            |(command, db, args)| OwnedCall { command, slot: None, caller: Caller { db, ..caller }, args };
        let resp3 = caller.resp3;
        let calls = queue.into_iter().map(call).collect();
        let exec = Exec { resp3, calls, watched: self.take_watched(index) };
        let is_here = self.is_here(self.connections[index].worker, &exec);
        let ticket = self.reserve(index);
        if is_here {
            self.events.direct_execs += 1;
            let mut reply = Reply::default();
            self.workers[ticket.worker.index()].shard.execute_exec(&exec, &mut reply);
            return self.fill(ticket, reply);
        }
        self.events.transactions += 1;
        self.connections[index].waiting = Waiting::Reply;
        self.with_coordinator(ticket.worker, |coordinator, owners, shard, out| {
            coordinator.start_exec(Box::new(exec), ticket, owners, shard, out);
        });
        self.send_outbox(ticket.worker);
    }

    /// True when a transaction concerns a worker's shard alone, and no lock of another can be in its way.
    fn is_here(&self, worker: ShardId, exec: &Exec) -> bool {
        let Worker { shard, slots, .. } = &self.workers[worker.index()];
        if !shard.has_no_locks() || self.workers.len() == 1 {
            return shard.has_no_locks();
        }
        let is_own = |key: &[u8]| slots.owner(SlotId::of(key)) == worker;
        let is_own_call = |call: &OwnedCall| {
            let mut positions = Vec::new();
            call.command.spec.key_positions(call.args.as_args(), &mut positions);
            !call.command.spec.is_for_all_shards(call.args.as_args())
                && positions.iter().all(|position| is_own(call.args.as_args().get(position.index)))
        };
        exec.watched.keys.iter().all(|(_, key)| is_own(key)) && exec.calls.iter().all(is_own_call)
    }

    fn watch(&mut self, index: usize, args: OwnedArgs) {
        let connection = &mut self.connections[index];
        if connection.awaited > 0 {
            connection.waiting = Waiting::Barrier(Request::Watch(args));
            return;
        }
        for key in args.as_args().iter_from(1) {
            connection.watched.push(connection.db, key);
        }
        self.start_txn(index, Method::Split, &WATCH, args);
    }

    /// Forgets what a connection watches.
    pub(super) fn unwatch(&mut self, index: usize) {
        let watched = self.take_watched(index);
        if !watched.keys.is_empty() {
            let worker = self.connections[index].worker;
            self.unwatch_keys(worker, &watched);
            self.send_outbox(worker);
        }
    }

    /// Puts into the outbox what the owners of watched keys are told.
    pub(super) fn unwatch_keys(&mut self, worker: ShardId, watched: &Watched) {
        let client = watched.client;
        let Worker { slots, outbox, unwatch_later, .. } = &mut self.workers[worker.index()];
        let mut of_shard: BTreeMap<ShardId, Keys> = BTreeMap::new();
        for (db, key) in watched.keys.iter() {
            of_shard.entry(slots.owner(SlotId::of(key))).or_default().push(db, key);
        }
        if let Some(keys) = of_shard.remove(&MOVING) {
            unwatch_later.push(Watched { client, keys });
        }
        let unwatch = |(shard, keys)| (shard, TxnMessage::Unwatch(Watched { client, keys }));
        outbox.extend(of_shard.into_iter().map(unwatch));
    }

    fn take_watched(&mut self, index: usize) -> Watched {
        Watched { client: client_of(index), keys: std::mem::take(&mut self.connections[index].watched) }
    }
}

/// Connections are numbered once and for all, as clients are.
pub(super) fn client_of(index: usize) -> ClientId {
    ClientId(index as u64)
}
