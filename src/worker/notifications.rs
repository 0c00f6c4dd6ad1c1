//! Keyspace notifications: what happens to keys, published to `__keyspace@<db>__:<key>` and
//! `__keyevent@<db>__:<event>`.
//!
//! The shard notes events ([`shards::notify`]); its worker publishes them when the command that has made them
//! is over, in their order, and straight to all workers that have subscriptions. They need no sequencer: what
//! happens to a key is told by the key's owner, in the order in which it happened. What a transaction over
//! several shards does to keys that were lent for it, or a client that has waited for keys of another worker,
//! is told by their owners as well, when the keys have come home: for a client that sees its own changes so,
//! the reply comes first and the notification some hops later, as after a command that another worker has
//! run. What happens to a key on its way to another shard is told when all workers have heard what the old
//! owner told ([`shards::router::slot_move::SlotMoves::may_tell`]): its router decides that.

use std::sync::Arc;

use shards::args::ArgValue;
use shards::notify::Notice;
use shards::router::wire::MessageWire;
use shards::slot::ShardId;

use crate::mesh::Hop;
use crate::pubsub::hop::PubSubHop;
use crate::pubsub::keyspace::KeyspaceChannels;
use crate::pubsub::{Message, SubscriptionKind};
use crate::worker::Worker;
use crate::worker::desk::Desk;

impl Worker {
    /// Publishes what has happened to keys of this worker's shard since the last call.
    #[inline]
    pub(super) fn publish_notices(&mut self) {
        if self.router.shard().has_notices() {
            let (router, mut desk) = self.at_desk();
            router.tell_notices(&mut desk);
        }
    }
}

impl Desk<'_> {
    /// Publishes what has happened to keys.
    pub(super) fn publish(&mut self, notices: Vec<Notice>) {
        let (id, node) = (self.office.id, self.office.node);
        let mut others: Vec<ShardId> = node.subscriptions.workers().collect();
        let is_own = others.contains(&id);
        others.retain(|&worker| worker != id);
        if !is_own && others.is_empty() {
            return;
        }
        let KeyspaceChannels { of_keys, of_events } = self.office.keyspace_channels;
        for Notice { db, key, event } in notices {
            let name = event.name.as_bytes();
            for (is_wanted, kind, what, payload) in
                [(of_keys, "keyspace", &key[..], name), (of_events, "keyevent", name, &key[..])]
            {
                if is_wanted {
                    let channel = [format!("__{kind}@{}__:", db.0).as_bytes(), what].concat();
                    self.publish_to(&others, &channel, payload);
                }
            }
        }
    }

    /// Delivers a message to the subscribers of this worker and of these others.
    fn publish_to(&mut self, others: &[ShardId], channel: &[u8], payload: &[u8]) {
        let message = Message { kind: SubscriptionKind::Channel, channel, payload: ArgValue::Bytes(payload) };
        self.deliver_here(message);
        if others.is_empty() {
            return;
        }
        let message = Arc::new(message.to_owned());
        for &worker in others {
            let hop = Hop::PubSub(PubSubHop::Deliver(None, Arc::clone(&message)));
            self.mesh.send_sized(worker, hop, message.bytes_held());
        }
    }
}
