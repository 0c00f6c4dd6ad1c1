//! Commands of other workers' clients on this worker's shard, and those that have waited for credit or for
//! room ([`crate::txn::credit`]).

use crate::reply::Reply;
use crate::router::wire::{Sight, TakenReplies, Wire};
use crate::router::{Made, Router};
use crate::shard::Call;
use crate::slot::ShardId;
use crate::txn::Ticket;

/// Bytes of replies that the commands of one connection make in a turn when they had to wait for credit or
/// room.
const READY_BYTES_MAX: usize = 1 << 20;

impl Router {
    /// Runs a command of another worker's connection; its reply goes into the batch for that worker.
    #[inline]
    pub fn execute_remote<W: Wire>(&mut self, call: Call<'_>, ticket: Ticket, wire: &mut W) {
        let worker = ticket.worker;
        if !wire.has_room_for_replies(worker) {
            wire.saw(Sight::Parked);
            return self.shard.put_aside(call, ticket);
        }
        wire.make_room(&mut self.shard);
        let reply = wire.reply_buffer(worker, call.caller.resp3);
        if self.shard.submit_owing(call, ticket, reply) {
            wire.end_reply(ticket);
        } else {
            wire.saw(Sight::Parked);
        }
    }

    /// True when [`Router::run_ready`] may have something to do.
    #[inline]
    pub fn has_ready(&self) -> bool {
        self.shard.ready_connections() > 0 || self.slots.is_busy()
    }

    /// True when it has.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn can_run_ready(&self) -> bool {
        self.shard.ready_connections() > 0 || !self.held_up_by_credit().is_empty()
    }

    /// The connections whose commands hold up a slot that is to leave, with how many of them do, those before
    /// the last included.
    fn held_up_by_credit(&self) -> Vec<((ShardId, u32), usize)> {
        if !self.slots.is_busy() {
            return Vec::new();
        }
        self.shard.waiting_for(|slot| self.slots.is_to_leave(slot))
    }

    /// Goes on with commands that had to wait for credit, or for room in a batch. Once a turn.
    pub fn run_ready<W: Wire>(&mut self, wire: &mut W) {
        // A slot that leaves waits for the commands that concern it, but not for clients that do not read.
        for ((worker, connection), commands) in self.held_up_by_credit() {
            self.run_ready_of(worker, connection, commands, wire);
        }
        for _ in 0..self.shard.ready_connections() {
            let Some((worker, connection)) = self.shard.next_ready_connection() else { break };
            self.run_ready_of(worker, connection, 0, wire);
        }
    }

    /// Goes on with the commands of one connection; so many of them need no credit.
    fn run_ready_of<W: Wire>(&mut self, worker: ShardId, connection: u32, forced: usize, wire: &mut W) {
        let mut left_bytes = READY_BYTES_MAX;
        for taken in 0.. {
            let has_room = left_bytes > 0 && (worker == self.id || wire.has_room_for_replies(worker));
            if !has_room && !self.shard.is_behind_lock(worker, connection) {
                return self.shard.go_on_later(worker, connection);
            }
            let by_force = taken < forced;
            let Some((ticket, call)) = self.shard.take_ready(worker, connection, by_force) else { return };
            wire.saw(Sight::Ready);
            wire.make_room(&mut self.shard);
            let mut reply = Reply::new(call.caller.resp3);
            if self.shard.go_on_with(call.as_call(), ticket, &mut reply) {
                left_bytes = left_bytes.saturating_sub(reply.total_len());
                self.deliver_made([Made::owed((ticket, reply))], wire);
            }
        }
    }

    /// Tells a shard, which may be this worker's own, that large replies that it has made are on their way.
    pub fn say_taken<W: Wire>(&mut self, shard: ShardId, taken: TakenReplies, wire: &mut W) {
        if shard == self.id {
            self.take_taken(shard, taken, wire);
        } else {
            wire.taken(shard, taken);
        }
    }

    /// Takes the word of a worker that large replies for its client are on their way.
    pub fn take_taken<W: Wire>(&mut self, from: ShardId, taken: TakenReplies, wire: &mut W) {
        let TakenReplies { connection, bytes, is_gone } = taken;
        self.shard.taken(from, connection, bytes, is_gone);
        if is_gone {
            let completed = self.shard.take_completed();
            self.deliver_made(completed.into_iter().map(Made::owed), wire);
        }
    }
}
