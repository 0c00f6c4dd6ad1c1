//! Everything that waits has an owner that ends it, and every key lies where it belongs: checked on the whole
//! node between two steps.
//!
//! - A request without its reply is with a transaction, in a blocking command, parked on a shard, on its way
//!   as a hop, in a walk, asks all workers, or waits for a slot that is being moved.
//! - A transaction has participants, and each whose word is missing knows of it, or the lock or the word is
//!   on its way.
//! - A lock belongs to a transaction that its coordinator knows, or word of its end is on its way.
//! - A published message that is not with all its subscribers is on its way, or with its sequencer, and each
//!   worker whose word is missing there has the message or its word on the way.
//! - A blocked client of a shard is in a blocking command, or word of the end is on its way; and a
//!   client that waits is blocked at some shard.
//! - A shard has only keys of its own slots: what it was lent has gone home, and what it has lent comes home
//!   before the slot leaves.

use super::Node;
use super::net::Hop;
use crate::db::Db;
use crate::router::Router;
use crate::slot::ShardId;
use crate::txn::{Ticket, TxId, TxnMessage};

impl Node {
    /// Panics with the name of what waits for nobody.
    pub fn assert_that_all_have_owners(&self) {
        for (index, connection) in self.net.connections.iter().enumerate() {
            for seq in connection.replies.awaited_places() {
                let ticket = Ticket { worker: connection.worker, connection: index as u32, seq };
                assert!(self.is_owned(ticket), "nobody will reply to {ticket:?}");
            }
        }
        self.assert_that_messages_go_on();
        for (at, worker) in self.routers.iter().enumerate() {
            let at = ShardId(at as u16);
            for slot in worker.shard().dbs().iter().flat_map(Db::slots_with_keys) {
                assert!(worker.shard().env().owned.contains(slot), "{at:?} has keys of {slot:?}");
            }
            for (txid, missing) in worker.coordinator().unanswered() {
                assert!(!missing.is_empty(), "nobody takes {txid:?} on");
                for shard in missing {
                    let knows = self.shard(shard).locking().any(|(of, _)| of == txid);
                    assert!(knows || self.is_under_way(txid, at, shard), "{shard:?} has forgotten {txid:?}");
                }
            }
            for (txid, coordinator) in worker.shard().locking() {
                let knows = self.routers[coordinator.index()].coordinator().knows(txid);
                assert!(
                    knows || self.is_under_way(txid, coordinator, at),
                    "the locks of {txid:?} at {at:?} are for ever"
                );
            }
            for (client, ticket) in worker.shard().waiting() {
                let mut blocked = self.routers[ticket.worker.index()].coordinator().blocked();
                let is_there = blocked.any(|(of, its, _)| (of, its) == (client, ticket));
                let is_ending = self.is_any_moving() || self.is_any_message(ticket.worker, at, |_| true);
                assert!(is_there || is_ending, "{client:?} has gone and waits at {at:?}");
            }
            for (client, ticket, waits) in worker.coordinator().blocked() {
                let at_any = |shard: &ShardId| {
                    self.shard(*shard).waiting().any(|waiting| waiting == (client, ticket))
                        || self.is_any_message(at, *shard, |_| true)
                };
                let mut shards = (0..self.routers.len()).map(|shard| ShardId(shard as u16));
                let is_served = worker.shard().has_served();
                assert!(
                    !waits || is_served || self.is_any_moving() || shards.any(|shard| at_any(&shard)),
                    "no shard knows that {client:?} waits"
                );
            }
        }
    }

    fn is_owned(&self, ticket: Ticket) -> bool {
        let worker = &self.routers[ticket.worker.index()];
        let is_on_its_way = |hop: &Hop| match hop {
            Hop::Command(_, of) | Hop::Reply(of, _) => *of == ticket,
            Hop::Message(hop) => hop.publisher() == Some(ticket),
            Hop::Txn(_) | Hop::Move(_) | Hop::Credit(_) | Hop::Notices(_) | Hop::Ask(_) | Hop::Answer(_) => {
                false
            }
        };
        worker.coordinator().tickets().any(|of| of == ticket)
            || worker.coordinator().blocked().any(|(_, of, _)| of == ticket)
            || worker.open_tickets().any(|of| of == ticket)
            || self.inquiries.iter().any(|(of, ..)| *of == ticket)
            || self.routers.iter().any(|worker| worker.shard().parked_tickets().any(|of| of == ticket))
            || self.messages.iter().any(|messages| messages.under_way().any(|(_, of, _)| of == ticket))
            || self.net.queues.iter().flatten().any(is_on_its_way)
            // It may be the move of a slot that is awaited.
            || self.is_any_moving()
    }

    fn is_any_moving(&self) -> bool {
        let is_move = |hop: &Hop| matches!(hop, Hop::Move(_));
        self.routers.iter().any(Router::is_moving) || self.net.queues.iter().flatten().any(is_move)
    }

    /// True while a message about a transaction is on its way between its coordinator and a participant.
    fn is_under_way(&self, txid: TxId, coordinator: ShardId, participant: ShardId) -> bool {
        self.is_any_message(coordinator, participant, |message| message.txid() == Some(txid))
    }

    /// True while such a message is on its way between a coordinator and a shard, or still to be sent by that
    /// shard.
    fn is_any_message(&self, one: ShardId, other: ShardId, is_it: impl Fn(&TxnMessage) -> bool) -> bool {
        let between = [self.net.queue(one, other), self.net.queue(other, one)];
        let mut hops = between.into_iter().flat_map(|queue| &self.net.queues[queue]);
        hops.any(|hop| matches!(hop, Hop::Txn(message) if is_it(message)))
            || self.shard(other).unsent().any(|(to, message)| *to == one && is_it(message))
    }
}
