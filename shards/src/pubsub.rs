//! Who of one worker's connections subscribes to what, and the messages for them.
//!
//! A subscription lives only at the worker of its connection. How a message finds all workers that have
//! subscribers is the business of `router/publish.rs`. This file must not know workers, connections or hops.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::args::{ArgValue, Args, OwnedArgs};
use crate::glob;
use crate::reply::Reply;
use crate::spare::{Trim, shrink_emptied};

/// The name of a channel, or a pattern. Shared between the table of subscribers, the connections and answers
/// to questions.
pub type Name = Arc<[u8]>;

/// What can be subscribed to. Channels and shard channels of one name have nothing to do with each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubscriptionKind {
    /// SUBSCRIBE.
    Channel,
    /// PSUBSCRIBE: all channels that match.
    Pattern,
    /// SSUBSCRIBE.
    ShardChannel,
}

/// How many kinds there are.
const KINDS: usize = 3;

impl SubscriptionKind {
    /// All of them.
    pub const ALL: [SubscriptionKind; KINDS] =
        [SubscriptionKind::Channel, SubscriptionKind::Pattern, SubscriptionKind::ShardChannel];

    /// The first word of an acknowledgement.
    fn word(self, is_subscribed: bool) -> &'static [u8] {
        match (self, is_subscribed) {
            (SubscriptionKind::Channel, true) => b"subscribe",
            (SubscriptionKind::Channel, false) => b"unsubscribe",
            (SubscriptionKind::Pattern, true) => b"psubscribe",
            (SubscriptionKind::Pattern, false) => b"punsubscribe",
            (SubscriptionKind::ShardChannel, true) => b"ssubscribe",
            (SubscriptionKind::ShardChannel, false) => b"sunsubscribe",
        }
    }
}

/// What one connection subscribes to.
#[derive(Debug, Default)]
pub struct Subscriptions {
    names: [BTreeSet<Name>; KINDS],
}

impl Subscriptions {
    /// How many of a kind.
    pub fn count(&self, kind: SubscriptionKind) -> usize {
        self.names[kind as usize].len()
    }

    /// None of any kind.
    pub fn is_empty(&self) -> bool {
        self.names.iter().all(BTreeSet::is_empty)
    }

    /// All of a kind.
    pub fn names(&self, kind: SubscriptionKind) -> Vec<Name> {
        self.names[kind as usize].iter().cloned().collect()
    }

    /// The count in an acknowledgement: channels and patterns are counted together, shard channels alone.
    fn acknowledged(&self, kind: SubscriptionKind) -> usize {
        match kind {
            SubscriptionKind::Channel | SubscriptionKind::Pattern => {
                self.count(SubscriptionKind::Channel) + self.count(SubscriptionKind::Pattern)
            }
            SubscriptionKind::ShardChannel => self.count(SubscriptionKind::ShardChannel),
        }
    }

    /// Writes what SUBSCRIBE and its kin reply for each name; none when there was nothing to unsubscribe
    /// from.
    pub fn acknowledge(
        &self,
        kind: SubscriptionKind,
        is_subscribed: bool,
        name: Option<&[u8]>,
        reply: &mut Reply,
    ) {
        reply.push(3);
        reply.bulk(kind.word(is_subscribed));
        match name {
            Some(name) => reply.bulk(name),
            None => reply.null(),
        }
        reply.len_int(self.acknowledged(kind));
    }
}

/// The subscriptions of all connections of one worker, by name. One per worker.
#[derive(Default)]
pub struct Subscribers {
    /// The numbers of the connections, in order.
    subscribers: [HashMap<Name, Vec<u32>>; KINDS],
    /// Pairs of a name and a connection.
    total: usize,
    /// Connections that subscribe to anything.
    clients: usize,
}

impl Trim for Subscribers {
    fn trim(&mut self) {
        self.subscribers.iter_mut().for_each(HashMap::trim);
    }
}

impl Subscribers {
    /// Subscribes a connection, and tells `begin` of a name that no other connection of this worker
    /// subscribes to. True when it was not subscribed.
    pub fn subscribe(
        &mut self,
        kind: SubscriptionKind,
        name: &[u8],
        index: u32,
        subscriptions: &mut Subscriptions,
        begin: impl FnOnce(&Name),
    ) -> bool {
        if subscriptions.names[kind as usize].contains(name) {
            return false;
        }
        self.clients += usize::from(subscriptions.is_empty());
        let own = &mut subscriptions.names[kind as usize];
        let of_kind = &mut self.subscribers[kind as usize];
        let name =
            of_kind.get_key_value(name).map_or_else(|| Name::from(name), |(name, _)| Name::clone(name));
        own.insert(Name::clone(&name));
        let subscribers = of_kind.entry(Name::clone(&name)).or_default();
        if subscribers.is_empty() {
            begin(&name);
        }
        if let Err(at) = subscribers.binary_search(&index) {
            subscribers.insert(at, index);
        }
        self.total += 1;
        true
    }

    /// Ends a subscription of a connection, and tells `end` when it was the last one to that name. True when
    /// there was one.
    pub fn unsubscribe(
        &mut self,
        kind: SubscriptionKind,
        name: &[u8],
        index: u32,
        subscriptions: &mut Subscriptions,
        end: impl FnOnce(&[u8]),
    ) -> bool {
        if !subscriptions.names[kind as usize].remove(name) {
            return false;
        }
        let of_kind = &mut self.subscribers[kind as usize];
        if let Some(subscribers) = of_kind.get_mut(name) {
            if let Ok(at) = subscribers.binary_search(&index) {
                subscribers.remove(at);
            }
            if subscribers.is_empty() {
                of_kind.remove(name);
                shrink_emptied(of_kind);
                end(name);
            }
        }
        self.total -= 1;
        self.clients -= usize::from(subscriptions.is_empty());
        true
    }

    /// How many connections subscribe to anything.
    pub fn clients(&self) -> usize {
        self.clients
    }

    /// How many subscriptions there are.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The names of a kind that have subscribers, and match if there is something to match.
    pub fn names(&self, kind: SubscriptionKind, pattern: Option<&[u8]>) -> Vec<Name> {
        let is_wanted = |name: &&Name| pattern.is_none_or(|pattern| glob::matches(pattern, name));
        self.subscribers[kind as usize].keys().filter(is_wanted).cloned().collect()
    }

    /// The connections that subscribe to exactly this.
    pub fn subscribers(&self, kind: SubscriptionKind, name: &[u8]) -> &[u32] {
        self.subscribers[kind as usize].get(name).map_or(&[], Vec::as_slice)
    }

    /// The patterns that a channel matches, with the connections that subscribe to them.
    pub fn matching<'a>(&'a self, channel: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u32])> {
        let patterns = self.subscribers[SubscriptionKind::Pattern as usize].iter();
        patterns
            .filter(move |(pattern, _)| glob::matches(pattern, channel))
            .map(|(pattern, subscribers)| (&**pattern, subscribers.as_slice()))
    }

    /// Hands a message to all connections that it is for. `push_to` gives it to some of them, by the pattern
    /// that they have subscribed to if it is by one, and tells how many have got it. Returns how many have in
    /// all; who subscribes to the channel and to patterns that match counts for each.
    pub fn deliver(
        &self,
        message: Message<'_>,
        mut push_to: impl FnMut(&[u32], Option<&[u8]>) -> usize,
    ) -> usize {
        let mut receivers = push_to(self.subscribers(message.kind, message.channel), None);
        if message.kind == SubscriptionKind::Channel {
            for (pattern, subscribers) in self.matching(message.channel) {
                receivers += push_to(subscribers, Some(pattern));
            }
        }
        receivers
    }
}

/// What is published.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// A channel or a shard channel.
    pub kind: SubscriptionKind,
    /// Its name.
    pub channel: &'a [u8],
    /// A big payload is shared, not copied.
    pub payload: ArgValue<'a>,
}

impl Message<'_> {
    /// Writes the message as a subscriber gets it: by the pattern that it has subscribed to, if it is by one.
    pub fn write(&self, pattern: Option<&[u8]>, reply: &mut Reply) {
        match (pattern, self.kind) {
            (Some(pattern), _) => {
                reply.push(4);
                reply.bulk(b"pmessage");
                reply.bulk(pattern);
            }
            (None, SubscriptionKind::ShardChannel) => {
                reply.push(3);
                reply.bulk(b"smessage");
            }
            (None, _) => {
                reply.push(3);
                reply.bulk(b"message");
            }
        }
        reply.bulk(self.channel);
        match self.payload {
            ArgValue::Bytes(bytes) => reply.bulk(bytes),
            ArgValue::Blob(blob) => reply.bulk_blob(blob),
        }
    }

    /// A copy for other workers.
    pub fn to_owned(&self) -> OwnedMessage {
        let copied_bytes = self.channel.len() + self.payload.copied_bytes();
        let mut parts = OwnedArgs::with_capacity(2, copied_bytes);
        parts.push(self.channel);
        parts.push_value(self.payload);
        OwnedMessage { kind: self.kind, parts }
    }
}

/// A message on its way to other workers.
#[derive(Debug)]
pub struct OwnedMessage {
    kind: SubscriptionKind,
    /// The channel and the payload.
    parts: OwnedArgs,
}

impl OwnedMessage {
    /// The message.
    pub fn as_message(&self) -> Message<'_> {
        let parts: Args<'_> = self.parts.as_args();
        Message { kind: self.kind, channel: parts.get(0), payload: parts.value(1) }
    }

    /// Bytes of memory held.
    pub fn bytes_held(&self) -> usize {
        self.parts.bytes_held()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::SubscriptionKind::{Channel, Pattern, ShardChannel};
    use super::*;

    fn count(names: &Cell<[i32; KINDS]>, kind: SubscriptionKind, more: i32) {
        let mut counts = names.get();
        counts[kind as usize] += more;
        names.set(counts);
    }

    #[test]
    fn a_name_lives_as_long_as_somebody_subscribes_to_it() {
        let (mut subscribers, mut first, mut second) =
            (Subscribers::default(), Subscriptions::default(), Subscriptions::default());
        let distinct = Cell::new([0; KINDS]);
        assert!(subscribers.subscribe(Channel, b"a", 9, &mut first, |_| count(&distinct, Channel, 1)));
        assert!(!subscribers.subscribe(Channel, b"a", 9, &mut first, |_| count(&distinct, Channel, 1)));
        assert!(subscribers.subscribe(Channel, b"a", 3, &mut second, |_| count(&distinct, Channel, 1)));
        assert!(subscribers.subscribe(ShardChannel, b"a", 3, &mut second, |_| count(
            &distinct,
            ShardChannel,
            1
        )));
        assert_eq!(subscribers.subscribers(Channel, b"a"), [3, 9]);
        assert_eq!((subscribers.total(), subscribers.names(Pattern, None).len()), (3, 0));
        assert_eq!((distinct.get(), subscribers.clients()), ([1, 0, 1], 2));
        assert!(subscribers.unsubscribe(Channel, b"a", 9, &mut first, |_| count(&distinct, Channel, -1)));
        assert!(!subscribers.unsubscribe(Channel, b"a", 9, &mut first, |_| count(&distinct, Channel, -1)));
        assert!(subscribers.unsubscribe(Channel, b"a", 3, &mut second, |_| count(&distinct, Channel, -1)));
        assert_eq!(subscribers.names(Channel, None).len(), 0);
        assert_eq!((subscribers.total(), first.is_empty(), second.is_empty()), (1, true, false));
        assert_eq!((distinct.get(), subscribers.clients()), ([0, 0, 1], 1));
    }

    #[test]
    fn patterns_are_found_by_channels_and_names_by_patterns() {
        let (mut subscribers, mut own) = (Subscribers::default(), Subscriptions::default());
        for pattern in [&b"n*"[..], b"*s", b"x?"] {
            subscribers.subscribe(Pattern, pattern, 1, &mut own, |_| ());
        }
        let mut found: Vec<&[u8]> = subscribers.matching(b"news").map(|(pattern, _)| pattern).collect();
        found.sort_unstable();
        assert_eq!(found, [&b"*s"[..], b"n*"]);
        subscribers.subscribe(Channel, b"news", 1, &mut own, |_| ());
        assert_eq!(subscribers.names(Channel, Some(b"n?ws")).len(), 1);
        assert_eq!(subscribers.names(Channel, Some(b"n?w")).len(), 0);
        assert_eq!(own.acknowledged(Channel), 4);
    }

    #[test]
    fn a_message_is_a_push_in_resp3_and_an_array_in_resp2() {
        let message = Message { kind: Channel, channel: b"c", payload: ArgValue::Bytes(b"hi") };
        let written = |resp3, message: Message<'_>, pattern: Option<&[u8]>| {
            let mut reply = Reply::new(resp3);
            message.to_owned().as_message().write(pattern, &mut reply);
            String::from_utf8(reply.bytes().to_vec()).unwrap()
        };
        assert_eq!(written(false, message, None), "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
        let text = ">4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nc\r\n$2\r\nhi\r\n";
        assert_eq!(written(true, message, Some(b"*")), text);
        let sharded = Message { kind: ShardChannel, ..message };
        assert_eq!(written(true, sharded, None), ">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
    }
}
