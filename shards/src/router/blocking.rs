//! The coordinator's side of blocking commands: the clients of its worker that wait.
//!
//! A blocking command runs first at once, where all its keys lie here, or as a gathered transaction. When it
//! finds nothing, the shards of its keys learn, with the return of what they have lent, that the client waits
//! ([`crate::shard::blocked_on_keys`]), so no change of a key gets lost between the two. Later a shard wakes
//! the client, and the command is run again as a transaction under the number with which that shard has
//! locked its keys already.
//!
//! One place decides what becomes of a client, this one: a command that has ended here, by its timeout, by
//! CLIENT UNBLOCK or with its connection, is run no more, even if its locks are on their way. So at most one
//! reply is made, and nothing is taken for a client that is known to be gone.

use crate::blocking::Block;
use crate::error::CommandError;
use crate::reply::Reply;
use crate::router::blocked_calls::{BlockedCall, Ending, is_awaited};
use crate::router::coordinator::{Coordinator, Txn};
use crate::router::route::Owners;
use crate::router::slot_move::MOVING;
use crate::shard::Shard;
use crate::slot::{ShardId, SlotId};
use crate::txn::blocked_client::{BlockedClient, Wake};
use crate::txn::{Keys, Outbox, OwnedCall, Ticket, TxnMessage, Work};
use crate::watch::ClientId;

impl Coordinator {
    /// Starts a blocking command as a transaction. Its reply comes by [`Coordinator::handle`], or by what
    /// ends it.
    pub(super) fn start_blocking(
        &mut self,
        call: OwnedCall,
        ticket: Ticket,
        owners: Owners<'_>,
        shard: &Shard,
        out: &mut Outbox,
    ) {
        let client = call.caller.client;
        let work = Work::Command(call.clone());
        let (waits, is_tried, deadline_ms) = (false, true, u64::MAX);
        self.blocked.of_client.insert(client, BlockedCall { ticket, call, waits, is_tried, deadline_ms });
        let txn = Txn::blocking(client, ticket, work);
        self.attempt(txn, owners, shard, out);
    }

    /// A blocking command has found nothing on this worker's own shard, where all its keys lie: its client
    /// waits.
    pub(super) fn wait_here(&mut self, mut call: OwnedCall, block: Block, ticket: Ticket, shard: &mut Shard) {
        let client = call.caller.client;
        if let Some(args) = &block.args {
            call.args = args.clone();
        }
        let mut positions = Vec::new();
        call.command.spec.key_positions(call.args.as_args(), &mut positions);
        let (mut keys, mut awaited) = (Keys::default(), Keys::default());
        for position in positions {
            let key = call.args.as_args().get(position.index);
            keys.push(call.caller.db, key);
            if is_awaited(position.flags) {
                awaited.push(call.caller.db, key);
            }
        }
        let Block { wanted, wakes_on_removal, .. } = block;
        let blocked = BlockedClient { client, ticket, wanted, wakes_on_removal, keys, awaited };
        shard.wait(blocked, Some(Box::new(call.clone())));
        let (waits, is_tried, deadline_ms) = (false, false, u64::MAX);
        self.blocked.of_client.insert(client, BlockedCall { ticket, call, waits, is_tried, deadline_ms });
        self.blocked.waits(client, block, shard.now_ms());
    }

    /// A shard has woken a client: its command runs again under the number of the wake, if the client is
    /// still there and nobody else has woken it.
    pub(super) fn woken(
        &mut self,
        from: ShardId,
        wake: Wake,
        owners: Owners<'_>,
        shard: &Shard,
        out: &mut Outbox,
    ) {
        let Wake { txid, client, ticket, keys } = wake;
        let blocked = self.blocked.of_client.get_mut(&client);
        let blocked = blocked.filter(|blocked| blocked.ticket == ticket && !blocked.is_tried);
        let Some(blocked) = blocked.filter(|blocked| blocked.waits) else {
            return out.push((from, TxnMessage::Cancel(txid, None)));
        };
        blocked.is_tried = true;
        let work = Work::Command(blocked.call.clone());
        let mut txn = Txn::blocking(client, ticket, work);
        let mut locks = Outbox::new();
        self.lock_for_command(&mut txn, txid, owners, &mut locks);
        let is_moving = txn.participants.iter().any(|part| part.shard == MOVING);
        let locked = txn.participants.iter().find(|part| part.shard == from).map(|part| part.keys.len());
        if is_moving || locked != Some(keys) {
            // A slot is on its way, or has come since: under a number of this coordinator then.
            out.push((from, TxnMessage::Cancel(txid, None)));
            return self.attempt(txn, owners, shard, out);
        }
        out.extend(locks.into_iter().filter(|(to, _)| *to != from));
        self.begin(txid, txn);
    }

    /// Ends a blocking command without its having run. Returns its ticket and reply, unless the client is in
    /// none. With `only_waiting` a command is left alone that is still looking at its keys for the first
    /// time.
    ///
    /// [`Coordinator::take_replies`] comes before: what has been taken for the client is its.
    pub(super) fn end_blocking(
        &mut self,
        client: ClientId,
        ending: Ending,
        only_waiting: bool,
        owners: Owners<'_>,
        out: &mut Outbox,
    ) -> Option<(Ticket, Reply)> {
        if only_waiting && !self.is_waiting(client) {
            return None;
        }
        let BlockedCall { ticket, call, .. } = self.blocked.remove(client)?;
        // This worker's shard serves a client alone, also while one of its slots is about to leave.
        let mut told = vec![self.shard];
        out.push((self.shard, TxnMessage::Unwait(client, ticket)));
        let mut positions = Vec::new();
        call.command.spec.key_positions(call.args.as_args(), &mut positions);
        for position in positions {
            let slot = SlotId::of(call.args.as_args().get(position.index));
            let owner = (owners.owner)(slot);
            if owner == MOVING {
                self.blocked.unwait_later.push((slot, client, ticket));
            } else if !told.contains(&owner) {
                told.push(owner);
                out.push((owner, TxnMessage::Unwait(client, ticket)));
            }
        }
        let mut reply = Reply::new(call.caller.resp3);
        match ending {
            Ending::Error => {
                let text = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
                reply.error(&CommandError::other(text));
            }
            Ending::Timeout | Ending::Closed => reply.null_array(),
        }
        Some((ticket, reply))
    }

    /// Whether a deferred transaction of this client's command is not needed. When its slots have stayed here
    /// ([`crate::router::slot_move`]), this worker's shard serves the client by itself, and nobody else may.
    ///
    /// [`Coordinator::take_replies`] comes before: what has been taken for the client is its.
    pub(super) fn is_left_to_shard(
        &mut self,
        client: Option<ClientId>,
        ticket: Ticket,
        shard: &mut Shard,
    ) -> bool {
        let is_left = client.filter(|&client| shard.look_again_at(client, ticket));
        is_left.inspect(|&client| self.blocked.is_tried_no_more(client)).is_some()
    }

    /// A slot has arrived: those are told who could not be.
    pub(super) fn unwait_arrived(&mut self, owners: Owners<'_>, out: &mut Outbox) {
        for (slot, client, ticket) in std::mem::take(&mut self.blocked.unwait_later) {
            let owner = (owners.owner)(slot);
            if owner == MOVING {
                self.blocked.unwait_later.push((slot, client, ticket));
            } else {
                out.push((owner, TxnMessage::Unwait(client, ticket)));
            }
        }
    }

    /// Lets this worker's shard serve whoever it can, and takes the replies as [`Coordinator::take_replies`]
    /// does. Messages go to `out`.
    pub(crate) fn take_served(
        &mut self,
        shard: &mut Shard,
        out: &mut Outbox,
    ) -> impl Iterator<Item = (Ticket, Reply)> + use<> {
        shard.serve_news();
        shard.take_wakes(out);
        self.take_replies(shard)
    }

    /// Takes the replies of clients that this worker's shard has served already, with their tickets.
    pub(super) fn take_replies(
        &mut self,
        shard: &mut Shard,
    ) -> impl Iterator<Item = (Ticket, Reply)> + use<> {
        let served = shard.take_served();
        served.iter().for_each(|(client, ..)| _ = self.blocked.remove(*client));
        served.into_iter().map(|(_, ticket, reply)| (ticket, reply))
    }

    /// The clients whose time is over.
    pub(super) fn timed_out(&self, now_ms: u64) -> Vec<ClientId> {
        let due = self.blocked.deadlines.range(..=(now_ms, ClientId(u64::MAX)));
        due.map(|&(_, client)| client).collect()
    }

    /// When the time of the next waiting client is over, in milliseconds since 1970.
    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        self.blocked.deadlines.first().map(|&(deadline_ms, _)| deadline_ms)
    }

    /// True for a client that waits.
    pub(super) fn is_waiting(&self, client: ClientId) -> bool {
        self.blocked.of_client.get(&client).is_some_and(|blocked| blocked.waits)
    }

    /// The clients in blocking commands, with their tickets and whether the shards of their keys are to know
    /// of them.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn blocked(&self) -> impl Iterator<Item = (ClientId, Ticket, bool)> {
        self.blocked
            .of_client
            .iter()
            .map(|(&client, blocked)| (client, blocked.ticket, blocked.waits && !blocked.is_tried))
    }

    /// How many clients wait.
    pub(super) fn waiting_clients(&self) -> usize {
        self.blocked.of_client.values().filter(|blocked| blocked.waits).count()
    }
}
