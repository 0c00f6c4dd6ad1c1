//! The way of a published message to all its subscribers, and SUBSCRIBE and its kin.
//!
//! Each channel has a *sequencer*: one worker, chosen by the channel's name. PUBLISH goes there. The sequencer delivers the
//! message to its own subscribers and sends it to every other worker that has any subscription; each of them delivers it
//! and says how many have received it, and the sum is the publisher's reply. So
//!
//! - all subscribers see the messages of a channel in one order, that of its sequencer;
//! - when PUBLISH is answered, every subscriber's output has the message;
//! - a connection's messages come in order, also those to several channels: it may have many on their way to
//!   one sequencer, but waits for them before it uses another one. It also waits for the replies to other commands that
//!   it has sent before, so that who gets a message finds what its publisher has written.
//!
//! Subscribing is local: who publishes after it was acknowledged finds this worker's count of subscriptions above zero
//! ([`crate::node::counts::SubscriptionCounts`]).

use std::sync::Arc;

use shards::args::Args;
use shards::reply::Reply;
use shards::router::step::Waiting;
use shards::slot::ShardId;
use shards::txn::Ticket;

use crate::mesh::Hop;
use crate::pubsub::hop::{PubSubAnswer, PubSubHop, PubSubQuestion};
use crate::pubsub::{Message, OwnedMessage, PubSubFlow, SubscriptionKind, Subscriptions};
use crate::session::ReplyMode;
use crate::session::client::Client;
use crate::session::order::Publishing;
use crate::worker::Worker;
use crate::worker::desk::{Desk, Office};
use crate::worker::session_commands::{Replied, ReplyPlace};

impl Worker {
    /// The worker that puts the messages of a channel in order: one with a shard, so that the control worker stays free.
    fn sequencer(&self, channel: &[u8]) -> ShardId {
        // FNV-1a: the same on all workers, and its quality is enough for a handful of them.
        let hash = channel.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        ShardId(((hash >> 32) % self.node.shards as u64) as u16)
    }

    /// Does what a command about channels and their subscribers asks for.
    pub(super) fn follow_pubsub(
        &mut self,
        index: u32,
        flow: PubSubFlow,
        args: Args<'_>,
        place: ReplyPlace,
        reply: &mut Reply,
    ) -> Replied {
        match (flow, place) {
            (PubSubFlow::Subscribe(kind), _) => {
                self.subscribe(index, kind, args, reply);
                Replied::Pushed
            }
            (PubSubFlow::Unsubscribe(kind), _) => {
                self.unsubscribe(index, kind, args, reply);
                Replied::Pushed
            }
            (PubSubFlow::Publish(kind), ReplyPlace::Queue) => {
                self.publish(index, kind, args, reply);
                Replied::Written
            }
            (PubSubFlow::Publish(kind), ReplyPlace::Exec(seq)) => {
                let ticket = Ticket { worker: self.id, connection: index, seq };
                let Some(receivers) = self.publish_with_ticket(ticket, kind, args) else {
                    return Replied::Later;
                };
                reply.len_int(receivers);
                Replied::Written
            }
        }
    }

    /// Whether a message to this channel has to come behind what its publisher awaits. Where nobody subscribes there is none.
    pub(super) fn is_message_behind(&mut self, index: u32, channel: &[u8]) -> bool {
        self.clients.at(index).replies.awaited() > 0
            && !self.node.subscriptions.is_empty()
            && self.awaits_more_than_messages(index, self.sequencer(channel))
    }

    /// Whether a client awaits other replies than those to messages on the way to this sequencer.
    fn awaits_more_than_messages(&mut self, index: u32, to: ShardId) -> bool {
        let Client { replies, publishing, .. } = self.clients.at(index);
        let Publishing { sequencer, awaited } = *publishing;
        replies.awaited() > awaited as usize || (awaited > 0 && sequencer != Some(to))
    }

    /// PUBLISH and SPUBLISH. The reply is written, or its place is reserved.
    pub(super) fn publish(&mut self, index: u32, kind: SubscriptionKind, args: Args<'_>, reply: &mut Reply) {
        let message = Message { kind, channel: args.get(1), payload: args.value(2) };
        if self.node.subscriptions.is_empty() {
            return reply.int(0);
        }
        let sequencer = self.sequencer(message.channel);
        if self.awaits_more_than_messages(index, sequencer) {
            // It did not wait, so nobody subscribed when it was looked at, and whoever has come since comes after it.
            return reply.int(0);
        }
        let is_for_here = sequencer == self.id && !self.has_subscribers_elsewhere();
        let Client { session, replies, .. } = self.clients.at(index);
        if is_for_here && !session.is_subscribed() {
            return reply.len_int(self.deliver_message(message));
        }
        // What the publisher gets of its own message comes behind the place of the reply.
        let seq = replies.reserve(session.reply_mode == ReplyMode::On);
        let ticket = Ticket { worker: self.id, connection: index, seq };
        let receivers = if is_for_here {
            Some(self.deliver_message(message))
        } else {
            self.send_message(ticket, sequencer, message)
        };
        if let Some(receivers) = receivers {
            self.deliver(ticket, &receivers_reply(receivers));
        }
        let Client { replies, waiting, .. } = self.clients.at(index);
        if self.config.pipeline_order_strict && replies.awaited() > 0 {
            *waiting = Waiting::Reply;
        }
    }

    /// PUBLISH and SPUBLISH inside EXEC, for the place of its reply. Returns the number of receivers if it is there
    /// already.
    fn publish_with_ticket(
        &mut self,
        ticket: Ticket,
        kind: SubscriptionKind,
        args: Args<'_>,
    ) -> Option<usize> {
        let message = Message { kind, channel: args.get(1), payload: args.value(2) };
        let sequencer = self.sequencer(message.channel);
        if self.node.subscriptions.is_empty() {
            return Some(0);
        }
        if sequencer == self.id && !self.has_subscribers_elsewhere() {
            return Some(self.deliver_message(message));
        }
        self.send_message(ticket, sequencer, message)
    }

    fn has_subscribers_elsewhere(&self) -> bool {
        self.node.subscriptions.workers().any(|worker| worker != self.id)
    }

    /// Sends a message to its sequencer, on behalf of a client. Returns the number of receivers if
    /// it is there already: the sequencer is here, and those who had subscribers elsewhere have just lost them.
    fn send_message(&mut self, ticket: Ticket, sequencer: ShardId, message: Message<'_>) -> Option<usize> {
        let message = Arc::new(message.to_owned());
        if sequencer != self.id {
            let bytes = message.bytes_held();
            self.mesh.send_sized(sequencer, Hop::PubSub(PubSubHop::Publish(ticket, message)), bytes);
        } else if let Some(receivers) = self.put_in_order(ticket, &message) {
            return Some(receivers);
        }
        let publishing = &mut self.clients.at(ticket.connection).publishing;
        *publishing = Publishing { sequencer: Some(sequencer), awaited: publishing.awaited + 1 };
        None
    }

    /// Puts a message of any worker behind all others of its channel. Returns the number of receivers if no other worker
    /// has to be waited for.
    fn put_in_order(&mut self, publisher: Ticket, message: &Arc<OwnedMessage>) -> Option<usize> {
        let receivers = self.deliver_message(message.as_message());
        let others: Vec<ShardId> =
            self.node.subscriptions.workers().filter(|&worker| worker != self.id).collect();
        if others.is_empty() {
            return Some(receivers);
        }
        let number = self.deliveries.begin(publisher, others.len(), receivers);
        for worker in others {
            let hop = Hop::PubSub(PubSubHop::Deliver(Some(number), Arc::clone(message)));
            self.mesh.send_sized(worker, hop, message.bytes_held());
        }
        None
    }

    /// Takes what another worker says of a published message.
    pub(crate) fn take_pubsub(&mut self, from: ShardId, hop: PubSubHop) {
        match hop {
            PubSubHop::Publish(ticket, message) => self.take_publish(ticket, &message),
            PubSubHop::Deliver(number, message) => self.take_message(from, number, &message),
            PubSubHop::Delivered(number, receivers) => self.take_delivered(number, receivers),
            PubSubHop::Published(ticket, receivers) => self.take_published(ticket, receivers),
        }
    }

    /// Answers a question about the subscribers of this worker.
    pub(crate) fn answer_pubsub(&self, question: &PubSubQuestion) -> PubSubAnswer {
        match question {
            PubSubQuestion::Names(kind, pattern) => {
                PubSubAnswer::Names(self.office.pubsub.names(*kind, pattern.as_deref()))
            }
            PubSubQuestion::Subscribers(kind, names) => {
                let count = |name: &Vec<u8>| self.office.pubsub.subscribers(*kind, name).len();
                PubSubAnswer::Counts(names.iter().map(count).collect())
            }
        }
    }

    /// Takes a message that this worker has to put in order.
    fn take_publish(&mut self, publisher: Ticket, message: &Arc<OwnedMessage>) {
        if let Some(receivers) = self.put_in_order(publisher, message) {
            self.tell_publisher(publisher, receivers);
        }
    }

    /// Takes a message for the subscribers of this worker, and says how many they are if a sequencer asks.
    fn take_message(&mut self, from: ShardId, number: Option<u64>, message: &OwnedMessage) {
        let Some(number) = number else {
            // A keyspace notification.
            self.telling(|worker| worker.deliver_message(message.as_message()));
            return;
        };
        let receivers = self.deliver_message(message.as_message());
        self.mesh.send(from, Hop::PubSub(PubSubHop::Delivered(number, receivers)));
    }

    /// Another worker has delivered a message that this one has put in order.
    fn take_delivered(&mut self, number: u64, receivers: usize) {
        if let Some((publisher, receivers)) = self.deliveries.delivered(number, receivers) {
            self.tell_publisher(publisher, receivers);
        }
    }

    fn tell_publisher(&mut self, publisher: Ticket, receivers: usize) {
        if publisher.worker == self.id {
            self.take_published(publisher, receivers);
        } else {
            self.mesh.send(publisher.worker, Hop::PubSub(PubSubHop::Published(publisher, receivers)));
        }
    }

    /// A message of a connection of this worker is with all its subscribers.
    fn take_published(&mut self, publisher: Ticket, receivers: usize) {
        let Some(client) = self.clients.get_mut(publisher.connection) else {
            return self.at_desk().1.reply_is_lost(publisher);
        };
        client.publishing.awaited = client.publishing.awaited.saturating_sub(1);
        self.deliver(publisher, &receivers_reply(receivers));
    }

    /// Delivers a message to the subscribers of this worker. Returns how many they are.
    pub(crate) fn deliver_message(&mut self, message: Message<'_>) -> usize {
        self.at_desk().1.deliver_message(message)
    }

    // --- Subscribing -----------------------------------------------------------------------------------------

    /// SUBSCRIBE and its kin. It waits for all commands before it: what the connection has published before is not
    /// for it.
    fn subscribe(&mut self, index: u32, kind: SubscriptionKind, args: Args<'_>, reply: &mut Reply) {
        let Client { session, has_left, .. } = self.clients.at(index);
        // A transaction that a killed client has begun goes on, and subscribes to nothing.
        if *has_left {
            return;
        }
        let distinct = self.node.subscriptions.distinct(kind);
        let mut own = session.subscriptions.take().unwrap_or_default();
        for name in args.iter_from(1) {
            self.office.pubsub.subscribe(kind, name, index, &mut own, |name| distinct.add(name));
            own.acknowledge(kind, true, Some(name), reply);
        }
        self.keep_subscriptions(index, own);
    }

    /// UNSUBSCRIBE and its kin: the names given, or all.
    fn unsubscribe(&mut self, index: u32, kind: SubscriptionKind, args: Args<'_>, reply: &mut Reply) {
        let distinct = self.node.subscriptions.distinct(kind);
        let mut own = self.clients.at(index).session.subscriptions.take().unwrap_or_default();
        for name in args.iter_from(1) {
            self.office.pubsub.unsubscribe(kind, name, index, &mut own, |name| distinct.remove(name));
            own.acknowledge(kind, false, Some(name), reply);
        }
        if args.len() == 1 {
            let names = own.names(kind);
            for name in &names {
                self.office.pubsub.unsubscribe(kind, name, index, &mut own, |name| distinct.remove(name));
                own.acknowledge(kind, false, Some(name), reply);
            }
            if names.is_empty() {
                own.acknowledge(kind, false, None, reply);
            }
        }
        self.keep_subscriptions(index, own);
    }

    /// Ends all subscriptions of a connection without a word: RESET, or it is gone.
    pub(crate) fn forget_subscriptions(&mut self, index: u32) {
        let Some(mut own) = self.clients.at(index).session.subscriptions.take() else { return };
        for kind in SubscriptionKind::ALL {
            let distinct = self.node.subscriptions.distinct(kind);
            for name in own.names(kind) {
                self.office.pubsub.unsubscribe(kind, &name, index, &mut own, |name| distinct.remove(name));
            }
        }
        self.keep_subscriptions(index, own);
    }

    fn keep_subscriptions(&mut self, index: u32, own: Box<Subscriptions>) {
        self.clients.at(index).session.subscriptions = (!own.is_empty()).then_some(own);
        self.node.subscriptions.set(self.id, self.office.pubsub.total());
    }
}

impl Desk<'_> {
    /// Delivers a message to the subscribers of this worker. Returns how many they are; who subscribes to the channel and
    /// to patterns that match counts for each.
    pub(super) fn deliver_message(&mut self, message: Message<'_>) -> usize {
        let Desk { clients, office: Office { pubsub, encoded, .. }, .. } = self;
        let mut receivers = 0;
        let mut push_to = |subscribers: &[u32], pattern: Option<&[u8]>| {
            encoded.clear();
            let write = |reply: &mut Reply| message.write(pattern, reply);
            let pushed = subscribers.iter().filter(|&&index| clients.push(index, encoded, &write));
            receivers += pushed.count();
        };
        push_to(pubsub.subscribers(message.kind, message.channel), None);
        if message.kind == SubscriptionKind::Channel {
            for (pattern, subscribers) in pubsub.matching(message.channel) {
                push_to(subscribers, Some(pattern));
            }
        }
        receivers
    }
}

/// The reply to PUBLISH.
fn receivers_reply(receivers: usize) -> Reply {
    let mut reply = Reply::default();
    reply.len_int(receivers);
    reply
}
