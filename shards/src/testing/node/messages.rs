//! Published messages in a simulated node: who publishes, who subscribes, and what subscribers are told.
//!
//! The order of messages is the router's ([`crate::router::publish`]).

use std::sync::Arc;

use super::Node;
use super::connection::{Life, Told};
use super::net::{Desk, Hop, MessageHop};
use crate::args::{ArgValue, Args};
use crate::pubsub::{Message, OwnedMessage, SubscriptionKind};
use crate::reply::Reply;
use crate::router::publish::{Messages, Published, Receipt};
use crate::router::session::{Replied, ReplyPlace};
use crate::router::wire::{MessageWire, Publishing};
use crate::slot::ShardId;
use crate::txn::Ticket;

impl MessageWire for Desk<'_> {
    fn awaited(&mut self, connection: u32) -> usize {
        self.net.connections[connection as usize].replies.awaited()
    }

    fn publishing(&mut self, connection: u32) -> Option<&mut Publishing> {
        Some(&mut self.net.connections[connection as usize].publishing)
    }

    fn is_subscribed(&mut self, connection: u32) -> bool {
        !self.net.connections[connection as usize].subscriptions.is_empty()
    }

    fn reserve(&mut self, connection: u32) -> Ticket {
        let publisher = &mut self.net.connections[connection as usize];
        let seq = publisher.replies.reserve(publisher.mode.is_wanted());
        Ticket { worker: self.at, connection, seq }
    }

    fn subscribed_workers(&self) -> impl Iterator<Item = ShardId> {
        let of_workers = self.net.subscribed.iter().enumerate();
        of_workers.filter(|(_, subscribed)| subscribed.total > 0).map(|(worker, _)| ShardId(worker as u16))
    }

    fn deliver_here(&mut self, message: Message<'_>) -> usize {
        let net = &mut *self.net;
        let payload = match message.payload {
            ArgValue::Bytes(bytes) => bytes.to_vec(),
            ArgValue::Blob(blob) => blob.to_vec(),
        };
        let receivers = net.subscribed[self.at.index()].by_name.deliver(message, |subscribers, pattern| {
            let told = Told {
                at: net.steps,
                pattern: pattern.map(<[u8]>::to_vec),
                channel: message.channel.to_vec(),
                payload: payload.clone(),
            };
            // As in RESP3, whatever the connection speaks: so the client knows it from a reply.
            let mut encoded = Reply::new(true);
            message.write(pattern, &mut encoded);
            let mut receivers = 0;
            for &subscriber in subscribers {
                let connection = &mut net.connections[subscriber as usize];
                assert_eq!(connection.worker, self.at, "a subscription lives where its connection is");
                if connection.life == Life::Open {
                    connection.told.push(told.clone());
                    connection.push(&encoded);
                    receivers += 1;
                }
            }
            receivers
        });
        net.events.told += receivers;
        receivers
    }

    fn publish(&mut self, to: ShardId, publisher: Ticket, message: Arc<OwnedMessage>) {
        self.net.send(self.at, to, Hop::Message(MessageHop::Publish(publisher, message)));
    }

    fn deliver(&mut self, to: ShardId, number: u64, message: Arc<OwnedMessage>) {
        self.net.send(self.at, to, Hop::Message(MessageHop::Deliver(number, message)));
    }

    fn delivered(&mut self, to: ShardId, number: u64, receivers: usize) {
        self.net.send(self.at, to, Hop::Message(MessageHop::Delivered(number, receivers)));
    }

    fn published(&mut self, publisher: Ticket, receivers: usize) {
        self.net.send(self.at, publisher.worker, Hop::Message(MessageHop::Published(publisher, receivers)));
    }
}

impl Node {
    /// The messages that a subscriber has got since the last call, in their order.
    pub fn take_told(&mut self, connection: usize) -> Vec<Told> {
        std::mem::take(&mut self.net.connections[connection].told)
    }

    /// Lets a worker's part in the order of messages act.
    pub(super) fn with_messages<R>(
        &mut self,
        worker: ShardId,
        act: impl FnOnce(&mut Messages, &mut Desk<'_>) -> R,
    ) -> R {
        act(&mut self.messages[worker.index()], &mut Desk { net: &mut self.net, at: worker })
    }

    /// PUBLISH. The reply is written, or its place is reserved, or it comes as a part for a transaction.
    pub(super) fn publish(
        &mut self,
        index: usize,
        kind: SubscriptionKind,
        args: Args<'_>,
        place: ReplyPlace,
        reply: &mut Reply,
    ) -> Replied {
        let message = Message { kind, channel: args.get(1), payload: args.value(2) };
        let worker = self.worker_of(index);
        let published =
            self.with_messages(worker, |messages, desk| messages.publish(index as u32, place, message, desk));
        let is_later = published == Published::Later;
        self.net.events.published += usize::from(is_later);
        self.net.events.published_at_once += usize::from(!is_later);
        match (published, place) {
            (Published::AtOnce(receivers), _) => reply.len_int(receivers),
            (Published::InPlace(answer), _) => self.answer_publisher(answer),
            (Published::Later, ReplyPlace::Exec(_)) => return Replied::Later,
            (Published::Later, ReplyPlace::Queue) => {}
        }
        Replied::Written
    }

    fn answer_publisher(&mut self, Receipt { publisher, receivers }: Receipt) {
        let mut reply = Reply::default();
        reply.len_int(receivers);
        self.with(publisher.worker, |router, desk| router.deliver(publisher, &reply, desk));
    }

    pub(super) fn take_message_hop(&mut self, from: ShardId, to: ShardId, hop: MessageHop) {
        let answer = self.with_messages(to, |messages, desk| match hop {
            MessageHop::Publish(publisher, message) => messages.take_publish(publisher, &message, desk),
            MessageHop::Deliver(number, message) => {
                messages.take_message(from, number, &message, desk);
                None
            }
            MessageHop::Delivered(number, receivers) => messages.take_delivered(number, receivers, desk),
            MessageHop::Published(publisher, receivers) => {
                Some(messages.take_published(Receipt { publisher, receivers }, desk))
            }
        });
        answer.into_iter().for_each(|answer| self.answer_publisher(answer));
    }

    /// SUBSCRIBE and its kin.
    pub(super) fn subscribe_to(
        &mut self,
        index: usize,
        kind: SubscriptionKind,
        args: Args<'_>,
        reply: &mut Reply,
    ) {
        let connection = &mut self.net.connections[index];
        // What a client that has gone has begun goes on, and subscribes to nothing.
        if connection.life != Life::Open {
            return reply.ok();
        }
        let subscribed = &mut self.net.subscribed[connection.worker.index()];
        let own = &mut connection.subscriptions;
        for name in args.iter_from(1) {
            subscribed.by_name.subscribe(kind, name, index as u32, own, |_| ());
        }
        subscribed.total = subscribed.by_name.total();
        reply.ok();
    }

    /// UNSUBSCRIBE and its kin.
    pub(super) fn unsubscribe_from(
        &mut self,
        index: usize,
        kind: SubscriptionKind,
        args: Args<'_>,
        reply: &mut Reply,
    ) {
        args.iter_from(1).for_each(|name| self.end_subscription(index, kind, name));
        reply.ok();
    }

    /// The client has gone.
    pub(super) fn forget_subscriptions(&mut self, index: usize) {
        for kind in SubscriptionKind::ALL {
            for name in self.net.connections[index].subscriptions.names(kind) {
                self.end_subscription(index, kind, &name);
            }
        }
    }

    fn end_subscription(&mut self, index: usize, kind: SubscriptionKind, name: &[u8]) {
        let connection = &mut self.net.connections[index];
        let subscribed = &mut self.net.subscribed[connection.worker.index()];
        subscribed.by_name.unsubscribe(kind, name, index as u32, &mut connection.subscriptions, |_| ());
        subscribed.total = subscribed.by_name.total();
    }

    /// Panics with the number of a message for which somebody waits in vain.
    pub(super) fn assert_that_messages_go_on(&self) {
        for (at, messages) in self.messages.iter().enumerate() {
            let at = ShardId(at as u16);
            for (number, publisher, left) in messages.under_way() {
                let others = (0..self.messages.len()).map(|worker| ShardId(worker as u16));
                let with_word_on_its_way = others.filter(|&worker| {
                    let goes = |from, to, is_it: fn(&MessageHop) -> Option<u64>| {
                        let mut hops = self.net.queues[self.net.queue(from, to)].iter();
                        hops.any(|hop| matches!(hop, Hop::Message(hop) if is_it(hop) == Some(number)))
                    };
                    let to_deliver = |hop: &MessageHop| match hop {
                        MessageHop::Deliver(number, _) => Some(*number),
                        _ => None,
                    };
                    let delivered = |hop: &MessageHop| match hop {
                        MessageHop::Delivered(number, _) => Some(*number),
                        _ => None,
                    };
                    goes(at, worker, to_deliver) || goes(worker, at, delivered)
                });
                assert_eq!(with_word_on_its_way.count(), left, "message {number} of {publisher:?} at {at:?}");
            }
        }
    }
}
