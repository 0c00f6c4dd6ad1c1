//! Blocking commands: how they begin, how they wait, and what ends them.
//!
//! A command all whose keys lie here runs at once; every other one is a transaction. One that finds nothing
//! makes its client wait, and [`crate::router::blocking`] knows the rest. Nothing else of the connection is
//! executed meanwhile (Redis: blockClient).

use crate::reply::Reply;
use crate::router::blocked_calls::Ending;
use crate::router::step::Step;
use crate::router::wire::{Sight, Wire};
use crate::router::{Made, Router};
use crate::shard::Call;
use crate::slot::SlotId;
use crate::txn::Ticket;
use crate::watch::ClientId;

impl Router {
    /// Runs a command that may wait.
    pub(super) fn run_blocking<W: Wire>(&mut self, call: Call<'_>, wanted: bool, wire: &mut W) -> Step {
        // Its timeout counts from now on, not from the beginning of the turn (Redis: mstime).
        self.shard.set_now(wire.clock_ms());
        if !self.are_keys_here(call) {
            let (call, ticket) = self.reserve(call, wanted, wire);
            wire.saw(Sight::Transaction);
            self.with_coordinator(|coordinator, owners, shard, out| {
                coordinator.start_blocking(call, ticket, owners, shard, out);
            });
            self.send_outbox(wire);
            return Step::Blocked;
        }
        wire.make_room(&mut self.shard);
        let mut reply = Reply::new(call.caller.resp3);
        let Some(block) = self.shard.execute_blocking(call, &mut reply) else {
            if wanted {
                wire.replies(call.caller.at.index).writer().append(reply.bytes(), reply.blobs());
            }
            return Step::Done;
        };
        let (call, ticket) = self.reserve(call, wanted, wire);
        self.coordinator.wait_here(call, *block, ticket, &mut self.shard);
        Step::Blocked
    }

    /// True when all keys of a command lie on this worker's shard, and no lock can be in its way.
    fn are_keys_here(&mut self, call: Call<'_>) -> bool {
        self.positions.clear();
        call.command.spec.key_positions(call.args, &mut self.positions);
        let mut slots = self.positions.iter().map(|position| SlotId::of(call.args.get(position.index)));
        self.shard.has_no_locks() && slots.all(|slot| self.slots.owner(slot) == self.id)
    }

    /// True when [`Router::serve_blocked`] has something to do.
    #[inline]
    pub fn has_served(&self) -> bool {
        self.shard.has_served()
            || self.shard.env().awaited.has_news()
            || self.next_deadline_ms().is_some_and(|deadline_ms| deadline_ms <= self.shard.now_ms())
    }

    /// When the time of the next waiting client is over, in milliseconds since 1970.
    #[inline]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.coordinator.next_deadline_ms()
    }

    /// How many clients of this worker wait.
    pub fn waiting_clients(&self) -> usize {
        self.coordinator.waiting_clients()
    }

    /// Delivers what the shard has done for clients that wait, and ends the commands whose time is over. Once
    /// a turn.
    pub fn serve_blocked<W: Wire>(&mut self, wire: &mut W) {
        self.deliver_served(wire);
        for client in self.coordinator.timed_out(self.shard.now_ms()) {
            self.end_blocking(client, Ending::Timeout, true, wire);
        }
    }

    /// Delivers the replies of clients that the shard has served.
    pub fn deliver_served<W: Wire>(&mut self, wire: &mut W) {
        let served = self.coordinator.take_served(&mut self.shard, &mut self.outbox);
        self.deliver_made(served.map(Made::free), wire);
        self.send_outbox(wire);
    }

    /// Ends the blocking command of a client, if it is in one. See
    /// [`crate::router::coordinator::Coordinator::end_blocking`].
    pub fn end_blocking<W: Wire>(
        &mut self,
        client: ClientId,
        ending: Ending,
        only_waiting: bool,
        wire: &mut W,
    ) -> bool {
        self.deliver_served(wire);
        self.end(client, ending, only_waiting, wire)
    }

    /// The connection of a client in a blocking command is being closed, or its client has gone: it waits no
    /// more. What the shard has done for it already stays done; but the command ends before the shard looks
    /// at its keys once more, or sends word that it should, so nothing more is taken for it.
    pub fn stop_waiting<W: Wire>(&mut self, client: ClientId, wire: &mut W) -> bool {
        let served = self.coordinator.take_replies(&mut self.shard);
        self.deliver_made(served.map(Made::free), wire);
        self.end(client, Ending::Closed, false, wire)
    }

    fn end<W: Wire>(&mut self, client: ClientId, ending: Ending, only_waiting: bool, wire: &mut W) -> bool {
        let ended: Option<(Ticket, Reply)> = self.with_coordinator(|coordinator, owners, _, out| {
            coordinator.end_blocking(client, ending, only_waiting, owners, out)
        });
        self.send_outbox(wire);
        let is_ended = ended.is_some();
        self.deliver_made(ended.map(Made::free), wire);
        is_ended
    }
}
