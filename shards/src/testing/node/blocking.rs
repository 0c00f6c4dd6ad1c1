//! Blocking commands, as the server's `blocking` runs and ends them.

use super::{Connection, Life, Node, Request, Waiting};
use crate::args::OwnedArgs;
use crate::command::DataCommand;
use crate::reply::Reply;
use crate::router::blocking::Ending;
use crate::slot::{ShardId, SlotId};

impl Node {
    /// Runs a command that may wait.
    pub(super) fn run_blocking(&mut self, index: usize, command: &'static DataCommand, args: OwnedArgs) {
        if self.connections[index].awaited > 0 {
            self.connections[index].waiting = Waiting::Barrier(Request::Data(command, args));
            return;
        }
        let call = self.call(index, command, None, args);
        let ticket = self.reserve(index);
        self.connections[index].waiting = Waiting::Reply;
        let mut positions = Vec::new();
        command.spec.key_positions(call.args.as_args(), &mut positions);
        let worker = &mut self.workers[ticket.worker.index()];
        let mut slots = positions.iter().map(|key| SlotId::of(call.args.as_args().get(key.index)));
        let is_here =
            worker.shard.has_no_locks() && slots.all(|slot| worker.slots.owner(slot) == ticket.worker);
        if !is_here {
            self.events.transactions += 1;
            self.with_coordinator(ticket.worker, |coordinator, owners, shard, out| {
                coordinator.start_blocking(call, ticket, owners, shard, out);
            });
            return self.send_outbox(ticket.worker);
        }
        let mut reply = Reply::new(call.caller.resp3);
        match worker.shard.execute_blocking(call.as_call(), &mut reply) {
            None => self.fill(ticket, reply),
            Some(block) => worker.coordinator.wait_here(call, *block, ticket, &mut worker.shard),
        }
    }

    /// Delivers what a worker's shard has done for clients that wait, and ends the commands whose time is over.
    pub(super) fn serve_blocked(&mut self, worker: usize) {
        let id = ShardId(worker as u16);
        self.deliver_served(id);
        let worker = &self.workers[worker];
        for client in worker.coordinator.timed_out(worker.shard.now_ms()) {
            self.end_blocking(client.0 as usize, Ending::Timeout, true);
        }
    }

    /// True when [`Node::serve_blocked`] has work on a worker.
    pub(super) fn has_served(&self, worker: usize) -> bool {
        let worker = &self.workers[worker];
        let deadline_ms = worker.coordinator.next_deadline_ms();
        worker.shard.has_served()
            || worker.shard.env().awaited.has_news()
            || deadline_ms.is_some_and(|deadline_ms| deadline_ms <= worker.shard.now_ms())
    }

    fn deliver_served(&mut self, id: ShardId) {
        let served =
            self.with_coordinator(id, |coordinator, _, shard, out| coordinator.take_served(shard, out));
        for (ticket, reply) in served {
            self.deliver(id, ticket, reply);
        }
        self.send_outbox(id);
    }

    /// Ends the blocking command of a connection, as its timeout, CLIENT UNBLOCK or its end do. False when it is in none.
    pub fn end_blocking(&mut self, index: usize, ending: Ending, only_waiting: bool) -> bool {
        let Connection { worker, life, .. } = self.connections[index];
        if life == Life::Dropped {
            return false;
        }
        self.deliver_served(worker);
        let ended = self.with_coordinator(worker, |coordinator, owners, _, out| {
            coordinator.end_blocking(super::dispatch::client_of(index), ending, only_waiting, owners, out)
        });
        self.send_outbox(worker);
        if let Some((ticket, reply)) = ended {
            self.deliver(worker, ticket, reply);
            return true;
        }
        false
    }

    /// How many clients wait in blocking commands.
    pub fn waiting_clients(&self) -> usize {
        self.workers.iter().map(|worker| worker.coordinator.waiting_clients()).sum()
    }
}
