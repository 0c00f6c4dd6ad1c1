//! The way of a published message to all its subscribers.
//!
//! Each channel has a *sequencer*: one worker, chosen by the channel's name. PUBLISH goes there. The
//! sequencer delivers the message to its own subscribers and sends it to every other worker that has any
//! subscription; each of them delivers it and says how many have received it, and the sum is the publisher's
//! reply. So
//!
//! - all subscribers see the messages of a channel in one order, that of its sequencer;
//! - when PUBLISH is answered, every subscriber's output has the message;
//! - a connection's messages come in order, also those to several channels: it may have many on their way to
//!   one sequencer, but waits for them before it uses another one. It also waits for the replies to other
//!   commands that it has sent before, so that who gets a message finds what its publisher has written.
//!
//! Hops from one worker to another arrive in the order sent: the order of a channel rests on that. This file
//! knows no shard: a worker that has none takes part, and can be sequencer only if it is among the first so
//! many.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::pubsub::{Message, OwnedMessage};
use crate::router::session::ReplyPlace;
use crate::router::wire::{MessageWire, Publishing};
use crate::slot::ShardId;
use crate::spare::Trim;
use crate::txn::Ticket;

/// What has become of a PUBLISH.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Published {
    /// So many have got the message. No place was reserved for the reply, which is not written yet.
    AtOnce(usize),
    /// So many have got it, and this is the place of the reply: the publisher may be one of them, and what it
    /// is told comes behind it.
    InPlace(Receipt),
    /// The message is on its way, and the reply comes later: into a place of its own, or as a part for that
    /// of EXEC.
    Later,
}

/// The reply to the PUBLISH of a connection of this worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// Its place.
    pub publisher: Ticket,
    /// How many have got the message.
    pub receivers: usize,
}

/// What a worker has to do with messages, whoever publishes them. One per worker.
pub struct Messages {
    id: ShardId,
    /// The first so many workers are sequencers.
    sequencers: usize,
    /// What this worker has put in order and others are delivering.
    deliveries: Deliveries,
}

impl Trim for Messages {
    fn trim(&mut self) {
        self.deliveries.trim();
    }
}

impl Messages {
    /// Those of one worker, in a node whose first so many workers are sequencers.
    pub fn new(id: ShardId, sequencers: usize) -> Messages {
        Messages { id, sequencers, deliveries: Deliveries::default() }
    }

    /// The worker that puts the messages of a channel in order.
    fn sequencer(&self, channel: &[u8]) -> ShardId {
        // FNV-1a: the same on all workers, and its quality is enough for a handful of them.
        let hash = channel.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        ShardId(((hash >> 32) % self.sequencers as u64) as u16)
    }

    /// Whether a message to this channel has to come behind what its publisher awaits. Where nobody
    /// subscribes there is none.
    pub fn is_behind<W: MessageWire>(&self, connection: u32, channel: &[u8], wire: &mut W) -> bool {
        wire.awaited(connection) > 0
            && wire.subscribed_workers().next().is_some()
            && Messages::awaits_more(connection, self.sequencer(channel), wire)
    }

    /// Whether a connection awaits other replies than those to messages on the way to this sequencer.
    fn awaits_more<W: MessageWire>(connection: u32, to: ShardId, wire: &mut W) -> bool {
        let Publishing { sequencer, awaited } = wire.publishing(connection).copied().unwrap_or_default();
        wire.awaited(connection) > awaited as usize || (awaited > 0 && sequencer != Some(to))
    }

    /// PUBLISH of a connection of this worker, which does not wait for what it comes behind
    /// ([`Messages::is_behind`]). Inside EXEC, too, the connection is one that awaits nothing else.
    pub fn publish<W: MessageWire>(
        &mut self,
        connection: u32,
        place: ReplyPlace,
        message: Message<'_>,
        wire: &mut W,
    ) -> Published {
        if wire.subscribed_workers().next().is_none() {
            return Published::AtOnce(0);
        }
        let sequencer = self.sequencer(message.channel);
        let is_for_here = sequencer == self.id && !self.has_subscribers_elsewhere(wire);
        let publisher = match place {
            // When it was looked at what the message comes behind, nobody subscribed: whoever has come since
            // comes after it.
            ReplyPlace::Queue if Messages::awaits_more(connection, sequencer, wire) => {
                return Published::AtOnce(0);
            }
            ReplyPlace::Queue if is_for_here && !wire.is_subscribed(connection) => {
                return Published::AtOnce(wire.deliver_here(message));
            }
            // What the publisher gets of its own message comes behind the place of the reply.
            ReplyPlace::Queue => wire.reserve(connection),
            ReplyPlace::Exec(seq) => Ticket { worker: self.id, connection, seq },
        };
        let receivers = if is_for_here {
            Some(wire.deliver_here(message))
        } else {
            self.send(publisher, sequencer, message, wire)
        };
        match (receivers, place) {
            (None, _) => Published::Later,
            (Some(receivers), ReplyPlace::Queue) => Published::InPlace(Receipt { publisher, receivers }),
            (Some(receivers), ReplyPlace::Exec(_)) => Published::AtOnce(receivers),
        }
    }

    fn has_subscribers_elsewhere<W: MessageWire>(&self, wire: &W) -> bool {
        wire.subscribed_workers().any(|worker| worker != self.id)
    }

    /// Sends a message to its sequencer, on behalf of a connection. Returns the number of receivers if it is
    /// there already: the sequencer is here, and those who had subscribers elsewhere have just lost them.
    fn send<W: MessageWire>(
        &mut self,
        publisher: Ticket,
        sequencer: ShardId,
        message: Message<'_>,
        wire: &mut W,
    ) -> Option<usize> {
        let message = Arc::new(message.to_owned());
        if sequencer != self.id {
            wire.publish(sequencer, publisher, message);
        } else if let Some(receivers) = self.put_in_order(publisher, &message, wire) {
            return Some(receivers);
        }
        if let Some(publishing) = wire.publishing(publisher.connection) {
            *publishing = Publishing { sequencer: Some(sequencer), awaited: publishing.awaited + 1 };
        }
        None
    }

    /// Puts a message of any worker behind all others of its channel. Returns the number of receivers if no
    /// other worker has to be waited for.
    fn put_in_order<W: MessageWire>(
        &mut self,
        publisher: Ticket,
        message: &Arc<OwnedMessage>,
        wire: &mut W,
    ) -> Option<usize> {
        let receivers = wire.deliver_here(message.as_message());
        let others: Vec<ShardId> = wire.subscribed_workers().filter(|&worker| worker != self.id).collect();
        if others.is_empty() {
            return Some(receivers);
        }
        let number = self.deliveries.begin(publisher, others.len(), receivers);
        for worker in others {
            wire.deliver(worker, number, Arc::clone(message));
        }
        None
    }

    /// Takes a message that this worker has to put in order. As with the next ones, returns a reply if it is
    /// for a connection of this worker.
    pub fn take_publish<W: MessageWire>(
        &mut self,
        publisher: Ticket,
        message: &Arc<OwnedMessage>,
        wire: &mut W,
    ) -> Option<Receipt> {
        let receivers = self.put_in_order(publisher, message, wire)?;
        self.tell_publisher(Receipt { publisher, receivers }, wire)
    }

    /// Takes a message for the subscribers of this worker, and says how many have got it.
    pub fn take_message<W: MessageWire>(
        &mut self,
        from: ShardId,
        number: u64,
        message: &OwnedMessage,
        wire: &mut W,
    ) {
        let receivers = wire.deliver_here(message.as_message());
        wire.delivered(from, number, receivers);
    }

    /// Another worker has delivered a message that this one has put in order.
    pub fn take_delivered<W: MessageWire>(
        &mut self,
        number: u64,
        receivers: usize,
        wire: &mut W,
    ) -> Option<Receipt> {
        let (publisher, receivers) = self.deliveries.delivered(number, receivers)?;
        self.tell_publisher(Receipt { publisher, receivers }, wire)
    }

    fn tell_publisher<W: MessageWire>(&mut self, answer: Receipt, wire: &mut W) -> Option<Receipt> {
        if answer.publisher.worker == self.id {
            return Some(self.take_published(answer, wire));
        }
        wire.published(answer.publisher, answer.receivers);
        None
    }

    /// A message of a connection of this worker is with all its subscribers.
    pub fn take_published<W: MessageWire>(&mut self, answer: Receipt, wire: &mut W) -> Receipt {
        if let Some(publishing) = wire.publishing(answer.publisher.connection) {
            publishing.awaited = publishing.awaited.saturating_sub(1);
        }
        answer
    }
}

/// What a simulation looks at between two steps.
#[cfg(any(test, feature = "testing"))]
impl Messages {
    /// What is on its way to other workers: the number, the publisher, and how many workers have not said
    /// that they have it.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = (u64, Ticket, usize)> {
        let Deliveries { first, list } = &self.deliveries;
        let numbered = (*first..).zip(list);
        let numbered = numbered.filter(|(_, delivering)| delivering.left > 0);
        numbered.map(|(number, delivering)| (number, delivering.publisher, delivering.left))
    }
}

/// A published message that other workers are delivering.
struct Delivering {
    publisher: Ticket,
    /// Workers that have not said how many receivers they have.
    left: usize,
    receivers: usize,
}

/// The messages that a worker has put in order and that are on their way to others. Its length is bounded by
/// the replies that connections may await.
#[derive(Default)]
struct Deliveries {
    first: u64,
    list: VecDeque<Delivering>,
}

impl Trim for Deliveries {
    fn trim(&mut self) {
        self.list.trim();
    }
}

impl Deliveries {
    /// Begins one that `left` other workers take part in. Returns its number.
    fn begin(&mut self, publisher: Ticket, left: usize, receivers: usize) -> u64 {
        self.list.push_back(Delivering { publisher, left, receivers });
        self.first + self.list.len() as u64 - 1
    }

    /// A worker has delivered to so many receivers. When it was the last: whom to tell, and how many they are
    /// in all.
    fn delivered(&mut self, number: u64, receivers: usize) -> Option<(Ticket, usize)> {
        let index = number.checked_sub(self.first)? as usize;
        let delivering = self.list.get_mut(index)?;
        delivering.receivers += receivers;
        delivering.left = delivering.left.checked_sub(1).expect("each worker delivers once");
        let done = (delivering.left == 0).then_some((delivering.publisher, delivering.receivers));
        while self.list.front().is_some_and(|delivering| delivering.left == 0) {
            self.list.pop_front();
            self.first += 1;
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKET: Ticket = Ticket { worker: ShardId(1), connection: 2, seq: 3 };

    #[test]
    fn a_delivery_ends_with_its_last_worker_in_whatever_order() {
        let mut deliveries = Deliveries::default();
        let first = deliveries.begin(TICKET, 2, 1);
        let second = deliveries.begin(TICKET, 1, 0);
        assert_eq!(deliveries.delivered(second, 5), Some((TICKET, 5)));
        assert_eq!(deliveries.delivered(first, 2), None);
        assert_eq!(deliveries.delivered(first, 3), Some((TICKET, 6)));
        assert_eq!((deliveries.list.len(), deliveries.begin(TICKET, 1, 0)), (0, 2));
        assert_eq!(deliveries.delivered(first, 1), None);
    }

    #[test]
    fn all_workers_agree_on_sequencers_and_each_of_them_is_one() {
        let channels: Vec<Vec<u8>> = (0..64).map(|name| format!("channel{name}").into_bytes()).collect();
        let seen_by = |worker| {
            let messages = Messages::new(ShardId(worker), 3);
            channels.iter().map(|channel| messages.sequencer(channel)).collect::<Vec<_>>()
        };
        // The last one is no sequencer, and knows who is.
        assert_eq!(seen_by(0), seen_by(3));
        let mut chosen = seen_by(0);
        chosen.sort();
        chosen.dedup();
        assert_eq!(chosen, [ShardId(0), ShardId(1), ShardId(2)]);
    }
}
