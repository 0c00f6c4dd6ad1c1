//! Commands that a shard puts aside: for want of credit, or until the next turn. What lets them go on is in
//! [`crate::txn::credit`]; here they meet the locks of transactions, for which commands wait as well.
//!
//! The commands of one connection wait in one place: with the first of them, for a lock or here.

use crate::reply::{Reply, ReplyMark};
use crate::shard::txn_state::Parked;
use crate::shard::{Call, Shard};
use crate::slot::{ShardId, SlotId};
use crate::txn::{OwnedCall, Ticket};

/// Replies to commands that had been parked are made until they have so many bytes; the other commands wait
/// for credit and for the next turn: a lock for which many have waited must not make one long turn.
const COMPLETED_BYTES_MAX: usize = 1 << 20;

impl Shard {
    /// True while no connection has to wait for credit.
    #[inline]
    pub(crate) fn nobody_waits(&self) -> bool {
        self.txn.credits.is_idle()
    }

    /// True when a command has to wait for credit. One that waits for a lock has all that come after it
    /// behind it.
    pub(crate) fn makes_wait(&self, ticket: Ticket) -> bool {
        let source = (ticket.worker, ticket.connection);
        self.txn.credits.makes_wait(source) && self.txn.locks.behind(source).is_none()
    }

    /// Puts a command aside that shall not run in this turn, behind those of its connection that wait
    /// already.
    #[cold]
    pub(crate) fn put_aside(&mut self, call: Call<'_>, ticket: Ticket) {
        let source = (ticket.worker, ticket.connection);
        let parked = Parked { call: call.to_owned(), ticket };
        match self.txn.locks.behind(source) {
            Some(place) => self.txn.locks.park(place, source, parked),
            None => self.txn.credits.put_aside(source, parked),
        }
    }

    /// [`Shard::submit`] for a connection that owes the reply if it is large.
    #[inline]
    pub(crate) fn submit_owing(&mut self, call: Call<'_>, ticket: Ticket, reply: &mut Reply) -> bool {
        let (start, bytes_before) = (reply.mark(), reply.total_len());
        let has_run = self.submit(call, || ticket, reply);
        if has_run {
            self.owe_reply(call, ticket, reply, start, bytes_before);
        }
        has_run
    }

    /// What was written since `start` is the reply of a command that its connection may owe.
    #[inline]
    fn owe_reply(
        &mut self,
        call: Call<'_>,
        ticket: Ticket,
        reply: &mut Reply,
        start: ReplyMark,
        bytes_before: usize,
    ) {
        // The replies of a walk are read on the way.
        if !call.command.spec.walks {
            reply.share_since(start);
            self.owe(ticket, reply.total_len() - bytes_before);
        }
    }

    /// A reply of so many bytes was made for the connection of a ticket: it is owed until it is taken.
    #[inline]
    pub(crate) fn owe(&mut self, ticket: Ticket, bytes: usize) {
        self.txn.credits.owe((ticket.worker, ticket.connection), bytes);
    }

    /// So many bytes of the large replies to a connection are on their way to its client. When the client has
    /// gone, what waits is answered by nothing.
    pub fn taken(&mut self, worker: ShardId, connection: u32, bytes: usize, is_gone: bool) {
        let source = (worker, connection);
        if is_gone {
            let in_vain = self.txn.credits.give_up(source);
            self.txn.completed.extend(in_vain.into_iter().map(|parked| (parked.ticket, Reply::default())));
        }
        self.txn.credits.taken(source, bytes);
    }

    /// How many connections have commands that waited for credit and can go on.
    #[inline]
    pub(crate) fn ready_connections(&self) -> usize {
        self.txn.credits.ready()
    }

    /// The next connection, of this worker, that has such commands.
    pub(crate) fn next_ready_connection(&mut self) -> Option<(ShardId, u32)> {
        self.txn.credits.next_ready()
    }

    /// Has the commands of such a connection go on later.
    pub(crate) fn go_on_later(&mut self, worker: ShardId, connection: u32) {
        self.txn.credits.go_on_later((worker, connection));
    }

    /// The connections with commands that wait for credit, or have waited for it and can go on, and that
    /// concern a key of such a slot; and how many of their commands have to run until the last of these has.
    pub(crate) fn waiting_for(&self, is_meant: impl Fn(SlotId) -> bool) -> Vec<((ShardId, u32), usize)> {
        self.txn.credits.connections_with(|parked| parked.concerns(&is_meant))
    }

    /// The next command of a connection that has waited for credit and can go on, or need not wait: to be
    /// given to [`Shard::go_on_with`].
    pub(crate) fn take_ready(
        &mut self,
        worker: ShardId,
        connection: u32,
        by_force: bool,
    ) -> Option<(Ticket, OwnedCall)> {
        let source = (worker, connection);
        // What waits for a lock is waited for by all that come after it.
        let by_force = by_force || self.txn.locks.behind(source).is_some();
        let Parked { call, ticket } = self.txn.credits.take_next(source, by_force)?;
        Some((ticket, call))
    }

    /// True when the next command of a connection would wait for a lock: then it takes no room.
    pub(crate) fn is_behind_lock(&self, worker: ShardId, connection: u32) -> bool {
        self.txn.locks.behind((worker, connection)).is_some()
    }

    /// Runs such a command unless a lock is in its way, as [`Shard::submit_owing`] does. The reply has a
    /// buffer of its own.
    pub(crate) fn go_on_with(&mut self, call: Call<'_>, ticket: Ticket, reply: &mut Reply) -> bool {
        let start = reply.mark();
        let has_run = self.submit_among_locks(call, ticket, reply);
        if has_run {
            self.owe_reply(call, ticket, reply, start, 0);
        }
        has_run
    }

    /// Runs a command that was parked, unless it has to wait again.
    pub(super) fn run_freed(&mut self, call: &OwnedCall, ticket: Ticket) {
        if self.makes_wait(ticket) || self.txn.completed_bytes >= COMPLETED_BYTES_MAX {
            return self.put_aside(call.as_call(), ticket);
        }
        let mut reply = Reply::new(call.caller.resp3);
        if self.go_on_with(call.as_call(), ticket, &mut reply) {
            self.txn.completed_bytes += reply.total_len();
            self.txn.completed.push((ticket, reply));
        }
    }
}

impl Parked {
    /// True when one of its keys lies in such a slot.
    pub(super) fn concerns(&self, is_meant: impl Fn(SlotId) -> bool) -> bool {
        let (call, mut positions) = (self.call.as_call(), Vec::new());
        call.command.spec.key_positions(call.args, &mut positions);
        positions.iter().any(|position| is_meant(SlotId::of(call.args.get(position.index))))
    }
}

impl Call<'_> {
    /// The form that can wait.
    pub(crate) fn to_owned(self) -> OwnedCall {
        let Call { command, key, caller, args } = self;
        OwnedCall { command, key, caller, args: args.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;
    use crate::caller::Caller;
    use crate::testing::Sandbox;
    use crate::txn::credit::CREDIT_BYTES;

    const TICKET: Ticket = Ticket { worker: ShardId(1), connection: 5, seq: 0 };

    #[test]
    fn a_client_that_owes_too_much_waits_and_goes_on_in_order_when_it_has_taken_the_replies() {
        let mut sandbox = Sandbox::new();
        let append = crate::commands::FAMILIES
            .iter()
            .copied()
            .flatten()
            .find(|row| row.spec.name == "append")
            .unwrap();
        let shard = sandbox.shard_mut();
        let submit = |shard: &mut Shard, connection, seq, text: &str| {
            let args: OwnedArgs = ["APPEND", "key", text].into_iter().collect();
            let args = args.as_args();
            let call = Call { command: append, key: None, caller: Caller::default(), args };
            shard.submit(call, || Ticket { connection, seq, ..TICKET }, &mut Reply::default())
        };
        assert!(submit(shard, 5, 0, "a"));
        shard.owe(TICKET, CREDIT_BYTES);
        assert!(!submit(shard, 5, 1, "c") && !submit(shard, 5, 2, "d") && submit(shard, 6, 0, "b"));
        assert_eq!(shard.ready_connections(), 0);
        shard.taken(ShardId(1), 5, CREDIT_BYTES, false);
        assert!(!submit(shard, 5, 3, "e"), "it must not overtake what waits");
        assert_eq!(shard.next_ready_connection(), Some((ShardId(1), 5)));
        let mut seqs = Vec::new();
        while let Some((ticket, call)) = shard.take_ready(ShardId(1), 5, false) {
            assert!(shard.go_on_with(call.as_call(), ticket, &mut Reply::default()));
            seqs.push(ticket.seq);
        }
        assert!(seqs == [1, 2, 3] && shard.nobody_waits());
        shard.owe(TICKET, CREDIT_BYTES);
        assert!(!submit(shard, 5, 4, "x"));
        shard.taken(ShardId(1), 5, CREDIT_BYTES, true);
        let answered: Vec<_> = shard.take_completed().iter().map(|(ticket, _)| ticket.seq).collect();
        assert!(answered == [4] && shard.nobody_waits());
        assert_eq!(sandbox.run("GET key"), "abcde");
    }
}
