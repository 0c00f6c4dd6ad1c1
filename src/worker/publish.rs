//! Published messages, as a worker carries them, and SUBSCRIBE and its kin.
//!
//! The order of messages is the business of [`shards::router::publish`]; here is what it needs of this
//! worker: its clients, their subscriptions, and its end of the mesh. Subscribing is local: who publishes
//! after it was acknowledged finds this worker's count of subscriptions above zero
//! ([`crate::node::counts::SubscriptionCounts`]).

use std::sync::Arc;

use shards::args::Args;
use shards::reply::Reply;
use shards::router::publish::{Messages, Published, Receipt};
use shards::router::session::{Replied, ReplyPlace};
use shards::router::wire::{MessageWire, Publishing};
use shards::slot::ShardId;
use shards::txn::Ticket;

use crate::mesh::Hop;
use crate::pubsub::hop::{PubSubAnswer, PubSubHop, PubSubQuestion};
use crate::pubsub::{Message, OwnedMessage, PubSubFlow, SubscriptionKind, Subscriptions};
use crate::session::client::Client;
use crate::worker::Worker;
use crate::worker::desk::{Desk, Office};

impl MessageWire for Desk<'_> {
    fn awaited(&mut self, connection: u32) -> usize {
        self.clients.at(connection).replies.awaited()
    }

    fn publishing(&mut self, connection: u32) -> Option<&mut Publishing> {
        self.clients.get_mut(connection).map(|client| &mut client.publishing)
    }

    fn is_subscribed(&mut self, connection: u32) -> bool {
        self.clients.at(connection).session.is_subscribed()
    }

    fn reserve(&mut self, connection: u32) -> Ticket {
        let Client { session, replies, .. } = self.clients.at(connection);
        let seq = replies.reserve(session.reply_mode.is_wanted());
        Ticket { worker: self.office.id, connection, seq }
    }

    fn subscribed_workers(&self) -> impl Iterator<Item = ShardId> {
        self.office.node.subscriptions.workers()
    }

    fn deliver_here(&mut self, message: Message<'_>) -> usize {
        let Desk { clients, office: Office { pubsub, encoded, .. }, .. } = self;
        pubsub.deliver(message, |subscribers, pattern| {
            encoded.clear();
            let write = |reply: &mut Reply| message.write(pattern, reply);
            subscribers.iter().filter(|&&index| clients.push(index, encoded, &write)).count()
        })
    }

    fn publish(&mut self, to: ShardId, publisher: Ticket, message: Arc<OwnedMessage>) {
        let bytes = message.bytes_held();
        self.mesh.send_sized(to, Hop::PubSub(PubSubHop::Publish(publisher, message)), bytes);
    }

    fn deliver(&mut self, to: ShardId, number: u64, message: Arc<OwnedMessage>) {
        let bytes = message.bytes_held();
        self.mesh.send_sized(to, Hop::PubSub(PubSubHop::Deliver(Some(number), message)), bytes);
    }

    fn delivered(&mut self, to: ShardId, number: u64, receivers: usize) {
        self.mesh.send(to, Hop::PubSub(PubSubHop::Delivered(number, receivers)));
    }

    fn published(&mut self, publisher: Ticket, receivers: usize) {
        self.mesh.send(publisher.worker, Hop::PubSub(PubSubHop::Published(publisher, receivers)));
    }
}

impl Worker {
    pub(super) fn messages(&mut self) -> (&mut Messages, Desk<'_>) {
        let Worker { messages, clients, mesh, office, .. } = self;
        (messages, Desk { clients, mesh, office })
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
            (PubSubFlow::Publish(kind), place) => self.publish(index, kind, args, place, reply),
        }
    }

    /// PUBLISH and SPUBLISH. The reply is written, or its place is reserved, or it comes as a part for a
    /// transaction.
    pub(super) fn publish(
        &mut self,
        index: u32,
        kind: SubscriptionKind,
        args: Args<'_>,
        place: ReplyPlace,
        reply: &mut Reply,
    ) -> Replied {
        let message = Message { kind, channel: args.get(1), payload: args.value(2) };
        let (messages, mut desk) = self.messages();
        match (messages.publish(index, place, message, &mut desk), place) {
            (Published::AtOnce(receivers), _) => {
                reply.len_int(receivers);
                return Replied::Written;
            }
            (Published::Later, ReplyPlace::Exec(_)) => return Replied::Later,
            (Published::InPlace(answer), _) => self.answer_publisher(answer),
            (Published::Later, ReplyPlace::Queue) => {}
        }
        self.keep_strict_order(index);
        Replied::Written
    }

    fn answer_publisher(&mut self, Receipt { publisher, receivers }: Receipt) {
        let mut reply = Reply::default();
        reply.len_int(receivers);
        self.deliver(publisher, &reply);
    }

    /// Takes what another worker says of a published message.
    pub(super) fn take_pubsub(&mut self, from: ShardId, hop: PubSubHop) {
        match hop {
            PubSubHop::Publish(ticket, message) => self.take_publish(ticket, &message),
            PubSubHop::Deliver(number, message) => self.take_message(from, number, &message),
            PubSubHop::Delivered(number, receivers) => self.take_delivered(number, receivers),
            PubSubHop::Published(ticket, receivers) => self.take_published(ticket, receivers),
        }
    }

    /// Answers a question about the subscribers of this worker.
    pub(super) fn answer_pubsub(&self, question: &PubSubQuestion) -> PubSubAnswer {
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
        let (messages, mut desk) = self.messages();
        let answer = messages.take_publish(publisher, message, &mut desk);
        answer.into_iter().for_each(|answer| self.answer_publisher(answer));
    }

    /// Takes a message for the subscribers of this worker, and says how many they are if a sequencer asks.
    fn take_message(&mut self, from: ShardId, number: Option<u64>, message: &OwnedMessage) {
        if let Some(number) = number {
            let (messages, mut desk) = self.messages();
            messages.take_message(from, number, message, &mut desk);
        } else {
            // A keyspace notification.
            self.telling(|worker| worker.deliver_message(message.as_message()));
        }
    }

    /// Another worker has delivered a message that this one has put in order.
    fn take_delivered(&mut self, number: u64, receivers: usize) {
        let (messages, mut desk) = self.messages();
        let answer = messages.take_delivered(number, receivers, &mut desk);
        answer.into_iter().for_each(|answer| self.answer_publisher(answer));
    }

    /// A message of a connection of this worker is with all its subscribers.
    fn take_published(&mut self, publisher: Ticket, receivers: usize) {
        let (messages, mut desk) = self.messages();
        let answer = messages.take_published(Receipt { publisher, receivers }, &mut desk);
        self.answer_publisher(answer);
    }

    /// Delivers a message to the subscribers of this worker. Returns how many they are.
    fn deliver_message(&mut self, message: Message<'_>) -> usize {
        self.messages().1.deliver_here(message)
    }

    // ---
    // Subscribing -----------------------------------------------------------------------------------------

    /// SUBSCRIBE and its kin. It waits for all commands before it: what the connection has published before
    /// is not for it.
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
