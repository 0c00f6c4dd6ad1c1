//! What other workers send to this one, and what it sends to them: commands and their replies, messages of
//! transactions. What they send of another subject is taken up by one function of the subject's file.

use shards::key::OnlyKey;
use shards::reply::Reply;
use shards::router::Router;
use shards::router::wire::TakenReplies;
use shards::shard::Call;
use shards::slot::ShardId;
use shards::txn::Ticket;

use super::ahead::HopsAhead;
use super::desk::Desk;
use super::{BATCHES_PER_TURN, Worker};
use crate::mesh::{Batch, Delivery, Hop};

/// Hops whose keys are fetched before the first of them is taken up.
const HOPS_AHEAD: usize = 64;

impl Worker {
    /// The router, and what it is to be handed.
    #[inline]
    pub(super) fn at_desk(&mut self) -> (&mut Router, Desk<'_>) {
        let Worker { router, clients, mesh, office, .. } = self;
        (router, Desk { clients, mesh, office })
    }

    /// Delivers a reply that was made outside of the usual path: the answer to a question, for example.
    pub(super) fn deliver(&mut self, ticket: Ticket, reply: &Reply) {
        let (router, mut desk) = self.at_desk();
        router.deliver(ticket, reply, &mut desk);
    }

    pub(super) fn take_inboxes(&mut self) {
        self.mesh.see_arrivals();
        let mut next = 0;
        while let Some(from) = self.mesh.next_inbox(next) {
            next = from.index() + 1;
            for _ in 0..BATCHES_PER_TURN {
                let Some(mut batch) = self.mesh.next_batch(from) else { break };
                // What came by another worker was sent after this turn had begun: an expire must not be seen
                // late.
                self.tell_time();
                self.take_batch(from, &mut batch);
                self.mesh.recycle(batch);
            }
        }
    }

    fn take_batch(&mut self, from: ShardId, batch: &mut Batch) {
        self.see_broadcasting();
        let mut reader = batch.read();
        let mut ahead = std::mem::take(&mut self.hops_ahead);
        loop {
            let HopsAhead { keys, expected } = &mut ahead;
            keys.clear();
            expected.clear();
            for (remote, args) in reader.upcoming(HOPS_AHEAD) {
                keys.extend(self.router.expect_remote(remote.caller.db, remote.key, args, expected));
            }
            self.router.shard().fetch(expected);
            let mut keys = keys.iter().copied();
            for _ in 0..HOPS_AHEAD {
                let Some(delivery) = reader.next() else {
                    self.hops_ahead = ahead;
                    self.publish_notices();
                    self.tell_trackers();
                    return;
                };
                self.take_delivery(from, delivery, &mut keys);
            }
        }
    }

    #[inline]
    fn take_delivery(
        &mut self,
        from: ShardId,
        delivery: Delivery<'_>,
        keys: &mut impl Iterator<Item = OnlyKey>,
    ) {
        match delivery {
            Delivery::Command(remote, args) => {
                let key = remote.key.and_then(|_| keys.next());
                let (router, mut desk) = self.at_desk();
                router.execute_remote(Call { key, ..remote.call(args) }, remote.ticket(), &mut desk);
            }
            Delivery::Reply(ticket, bytes, blobs) => {
                let (router, mut desk) = self.at_desk();
                router.take_reply(from, ticket, bytes, blobs, &mut desk);
            }
            Delivery::Other(Hop::Txn(message)) => {
                let (router, mut desk) = self.at_desk();
                router.take_txn(from, *message, &mut desk);
            }
            Delivery::Other(Hop::Move(message)) => {
                let (router, mut desk) = self.at_desk();
                router.take_move(from, message, &mut desk);
            }
            Delivery::Other(Hop::Inquiry(hop)) => self.take_inquiry(from, hop),
            Delivery::Other(Hop::PubSub(hop)) => self.take_pubsub(from, hop),
            Delivery::Other(Hop::Tracking(hop)) => self.take_tracking(from, *hop),
            Delivery::Other(Hop::HandOver(hand_over)) => self.take_hand_over(hand_over),
            Delivery::Other(Hop::Credit(taken)) => {
                let (router, mut desk) = self.at_desk();
                router.take_taken(from, taken, &mut desk);
            }
            Delivery::Other(Hop::Log(hop)) => self.take_log(hop),
            Delivery::Other(Hop::Memory(hop)) => self.take_memory(hop),
            Delivery::Other(Hop::Command(_) | Hop::Reply { .. }) => {
                unreachable!("handed out with what belongs to them")
            }
        }
    }

    /// Tells a shard, which may be this worker's own, that large replies that it has made are on their way.
    pub(super) fn say_taken(&mut self, shard: ShardId, taken: TakenReplies) {
        let (router, mut desk) = self.at_desk();
        router.say_taken(shard, taken, &mut desk);
    }

    /// Goes on with commands that had to wait for credit, or for room in a batch. Once a turn.
    pub(super) fn run_ready(&mut self) {
        let (router, mut desk) = self.at_desk();
        router.run_ready(&mut desk);
        self.publish_notices();
        self.tell_trackers();
    }
}
