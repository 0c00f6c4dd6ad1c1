//! Blocking commands of this worker's connections: how they begin, how they wait, and what ends them.
//!
//! A command all whose keys lie here runs at once; every other one is a transaction. One that finds nothing makes its
//! connection wait, and [`shards::router::blocking`] knows the rest. Nothing else of the connection is executed meanwhile
//! (Redis: blockClient).

use shards::args::Args;
use shards::command::DataCommand;
use shards::reply::Reply;
use shards::router::blocking::Ending;
use shards::router::coordinator::Owners;
use shards::shard::Call;
use shards::slot::SlotId;
use shards::txn::Ticket;
use shards::watch::ClientId;

use crate::session::ReplyMode;
use crate::session::order::{Closing, Waiting};
use crate::worker::Worker;

impl Worker {
    /// Runs a command that may wait. It waits for all commands before it, and the connection for it.
    pub(crate) fn run_blocking(&mut self, index: u32, command: &'static DataCommand, args: Args<'_>) {
        if self.waits_for_replies(index, args) {
            return;
        }
        // Its timeout counts from now on, not from the beginning of the turn (Redis: mstime).
        self.tell_time();
        if !self.are_keys_here(command, args) {
            return self.start_blocking(index, command, args);
        }
        self.make_room();
        let at = self.at(index);
        let client = self.clients.at(index);
        let wanted = client.session.reply_mode == ReplyMode::On;
        let mut reply = Reply::new(client.session.resp3);
        let call = Call { command, slot: None, caller: client.session.caller(at), args };
        match self.shard.execute_blocking(call, &mut reply) {
            None if wanted => client.replies.writer().append(reply.bytes(), reply.blobs()),
            None => {}
            Some(block) => {
                let Some((call, ticket)) = self.hold_for_reply(index, command, args) else { return };
                self.clients.at(index).waiting = Waiting::Blocked;
                self.coordinator.wait_here(call, *block, ticket, &mut self.shard);
            }
        }
    }

    /// True when all keys of a command lie on this worker's shard, and no lock can be in its way.
    fn are_keys_here(&mut self, command: &'static DataCommand, args: Args<'_>) -> bool {
        self.positions.clear();
        command.spec.key_positions(args, &mut self.positions);
        let mut slots = self.positions.iter().map(|position| SlotId::of(args.get(position.index)));
        self.shard.has_no_locks() && slots.all(|slot| self.slots.owner(slot) == self.id)
    }

    fn start_blocking(&mut self, index: u32, command: &'static DataCommand, args: Args<'_>) {
        let Some((call, ticket)) = self.hold_for_reply(index, command, args) else { return };
        self.clients.at(index).waiting = Waiting::Blocked;
        self.stats.transactions += 1;
        let owners = Owners { owner: &|slot| self.slots.owner(slot), shard_count: self.node.shards };
        self.coordinator.start_blocking(call, ticket, owners, &self.shard, &mut self.outbox);
        self.send_outbox();
    }

    /// Delivers what the shard has done for clients that wait, and ends the commands whose time is over. Once a turn.
    pub(crate) fn serve_blocked(&mut self) {
        self.deliver_served();
        for client in self.coordinator.timed_out(self.now_ms) {
            self.end_blocking(client, Ending::Timeout, true);
        }
    }

    /// Delivers the replies of clients that the shard has served.
    pub(crate) fn deliver_served(&mut self) {
        let served = self.coordinator.take_served(&mut self.shard, &mut self.outbox);
        self.deliver_all(served);
        self.send_outbox();
    }

    /// Ends the blocking command of a client, if it is in one. See [`shards::router::coordinator::Coordinator::end_blocking`].
    pub(crate) fn end_blocking(&mut self, client: ClientId, ending: Ending, only_waiting: bool) -> bool {
        self.deliver_served();
        let ended = self.end(client, ending, only_waiting);
        if let Some((ticket, reply)) = &ended {
            self.deliver(*ticket, reply);
        }
        ended.is_some()
    }

    fn end(&mut self, client: ClientId, ending: Ending, only_waiting: bool) -> Option<(Ticket, Reply)> {
        let owners = Owners { owner: &|slot| self.slots.owner(slot), shard_count: self.node.shards };
        let ended = self.coordinator.end_blocking(client, ending, only_waiting, owners, &mut self.outbox);
        self.send_outbox();
        ended
    }

    /// A connection that waits is being closed, or its client has gone: it waits no more. What the shard has done for it
    /// already stays done; but the command ends before the shard looks at its keys once more, or sends word that it
    /// should, so nothing more is taken for it.
    pub(crate) fn stop_waiting(&mut self, index: u32) {
        let served = self.coordinator.take_replies(&mut self.shard);
        self.deliver_all(served);
        let client = ClientId(self.clients.at(index).session.id);
        if let Some((ticket, reply)) = self.end(client, Ending::Closed, false) {
            self.deliver(ticket, &reply);
        }
        self.clients.at(index).closing = Some(Closing::Now);
    }
}
