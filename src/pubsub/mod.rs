//! Who of one worker's connections subscribes to what, and the messages for them.
//!
//! A subscription lives only at the worker of its connection. How a message finds all workers that have subscribers
//! is in [`crate::worker::publish`]. This file must not know workers, sockets or hops.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shards::args::{ArgValue, Args, OwnedArgs};
use shards::glob;
use shards::reply::Reply;
use shards::slot::ShardId;
use shards::spare::Trim;
use shards::txn::Ticket;

use crate::node::distinct_names::{DistinctNames, give_back};

/// The name of a channel, or a pattern. Shared between the registry, the connections and answers to questions.
pub type Name = Arc<[u8]>;

/// What can be subscribed to. Channels and shard channels of one name have nothing to do with each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// SUBSCRIBE.
    Channel,
    /// PSUBSCRIBE: all channels that match.
    Pattern,
    /// SSUBSCRIBE.
    ShardChannel,
}

/// How many kinds there are.
const KINDS: usize = 3;

impl Kind {
    /// All of them.
    pub const ALL: [Kind; KINDS] = [Kind::Channel, Kind::Pattern, Kind::ShardChannel];

    /// The first word of an acknowledgement.
    fn word(self, is_subscribed: bool) -> &'static [u8] {
        match (self, is_subscribed) {
            (Kind::Channel, true) => b"subscribe",
            (Kind::Channel, false) => b"unsubscribe",
            (Kind::Pattern, true) => b"psubscribe",
            (Kind::Pattern, false) => b"punsubscribe",
            (Kind::ShardChannel, true) => b"ssubscribe",
            (Kind::ShardChannel, false) => b"sunsubscribe",
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
    pub fn count(&self, kind: Kind) -> usize {
        self.names[kind as usize].len()
    }

    /// None of any kind.
    pub fn is_empty(&self) -> bool {
        self.names.iter().all(BTreeSet::is_empty)
    }

    /// All of a kind.
    pub fn names(&self, kind: Kind) -> Vec<Name> {
        self.names[kind as usize].iter().cloned().collect()
    }

    /// The count in an acknowledgement: channels and patterns are counted together, shard channels alone.
    fn acknowledged(&self, kind: Kind) -> usize {
        match kind {
            Kind::Channel | Kind::Pattern => self.count(Kind::Channel) + self.count(Kind::Pattern),
            Kind::ShardChannel => self.count(Kind::ShardChannel),
        }
    }

    /// Writes what SUBSCRIBE and its kin reply for each name; none when there was nothing to unsubscribe from.
    pub fn acknowledge(&self, kind: Kind, is_subscribed: bool, name: Option<&[u8]>, reply: &mut Reply) {
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
pub struct Registry {
    /// The numbers of the connections, in order.
    subscribers: [HashMap<Name, Vec<u32>>; KINDS],
    /// Pairs of a name and a connection.
    total: usize,
    /// Connections that subscribe to anything.
    clients: usize,
}

impl Trim for Registry {
    fn trim(&mut self) {
        self.subscribers.iter_mut().for_each(HashMap::trim);
    }
}

impl Registry {
    /// Subscribes a connection, and tells `counts` of a name that no other connection of this worker subscribes to. True when
    /// it was not subscribed.
    pub fn subscribe(
        &mut self,
        kind: Kind,
        name: &[u8],
        index: u32,
        subscriptions: &mut Subscriptions,
        counts: &SubscriptionCounts,
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
            counts.distinct(kind).add(&name);
        }
        if let Err(at) = subscribers.binary_search(&index) {
            subscribers.insert(at, index);
        }
        self.total += 1;
        true
    }

    /// Ends a subscription of a connection, and tells `counts` when it was the last one to that name. True when there was
    /// one.
    pub fn unsubscribe(
        &mut self,
        kind: Kind,
        name: &[u8],
        index: u32,
        subscriptions: &mut Subscriptions,
        counts: &SubscriptionCounts,
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
                give_back(of_kind);
                counts.distinct(kind).remove(name);
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
    pub fn names(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Name> {
        let is_wanted = |name: &&Name| pattern.is_none_or(|pattern| glob::matches(pattern, name));
        self.subscribers[kind as usize].keys().filter(is_wanted).cloned().collect()
    }

    /// The connections that subscribe to exactly this.
    pub fn subscribers(&self, kind: Kind, name: &[u8]) -> &[u32] {
        self.subscribers[kind as usize].get(name).map_or(&[], Vec::as_slice)
    }

    /// The patterns that a channel matches, with the connections that subscribe to them.
    pub fn matching<'a>(&'a self, channel: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u32])> {
        let patterns = self.subscribers[Kind::Pattern as usize].iter();
        patterns
            .filter(move |(pattern, _)| glob::matches(pattern, channel))
            .map(|(pattern, subscribers)| (&**pattern, subscribers.as_slice()))
    }
}

/// What is published.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// A channel or a shard channel.
    pub kind: Kind,
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
            (None, Kind::ShardChannel) => {
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
    kind: Kind,
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

/// A published message that other workers are delivering.
struct Delivering {
    publisher: Ticket,
    /// Workers that have not said how many receivers they have.
    left: usize,
    receivers: usize,
}

/// The messages that a worker has put in order and that are on their way to others. Its length is bounded by the
/// replies that connections may await.
#[derive(Default)]
pub struct Deliveries {
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
    pub fn begin(&mut self, publisher: Ticket, left: usize, receivers: usize) -> u64 {
        self.list.push_back(Delivering { publisher, left, receivers });
        self.first + self.list.len() as u64 - 1
    }

    /// A worker has delivered to so many receivers. When it was the last: whom to tell, and how many they are in all.
    pub fn delivered(&mut self, number: u64, receivers: usize) -> Option<(Ticket, usize)> {
        let index = number.checked_sub(self.first)? as usize;
        let delivering = self.list.get_mut(index)?;
        delivering.receivers += receivers;
        delivering.left -= 1;
        let done = (delivering.left == 0).then_some((delivering.publisher, delivering.receivers));
        while self.list.front().is_some_and(|delivering| delivering.left == 0) {
            self.list.pop_front();
            self.first += 1;
        }
        done
    }
}

/// What the process shares: how many subscriptions each worker has, so that messages go only where subscribers are, and how
/// many names have subscribers, for those who ask.
#[derive(Debug)]
pub struct SubscriptionCounts {
    of_worker: Vec<AtomicUsize>,
    distinct: [DistinctNames; KINDS],
}

impl SubscriptionCounts {
    /// None, for so many workers.
    pub fn new(workers: usize) -> SubscriptionCounts {
        let of_worker = (0..workers).map(|_| AtomicUsize::new(0)).collect();
        SubscriptionCounts { of_worker, distinct: Default::default() }
    }

    /// The names of a kind that have subscribers, wherever those are.
    pub fn distinct(&self, kind: Kind) -> &DistinctNames {
        &self.distinct[kind as usize]
    }

    /// Told by the worker itself, before it acknowledges a subscription. Whoever publishes after an acknowledgement
    /// was seen sees it here: hence sequential consistency.
    pub fn set(&self, worker: ShardId, count: usize) {
        self.of_worker[worker.index()].store(count, Ordering::SeqCst);
    }

    /// True when a worker has any.
    pub fn has_any(&self, worker: ShardId) -> bool {
        self.of_worker[worker.index()].load(Ordering::SeqCst) > 0
    }

    /// The workers that have any.
    pub fn workers(&self) -> impl Iterator<Item = ShardId> {
        (0..self.of_worker.len()).map(|worker| ShardId(worker as u16)).filter(|&worker| self.has_any(worker))
    }

    /// No worker has any.
    pub fn is_empty(&self) -> bool {
        self.workers().next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKET: Ticket = Ticket { worker: ShardId(1), connection: 2, seq: 3 };

    #[test]
    fn a_name_lives_as_long_as_somebody_subscribes_to_it() {
        let (mut registry, mut first, mut second) =
            (Registry::default(), Subscriptions::default(), Subscriptions::default());
        let counts = &SubscriptionCounts::new(1);
        let distinct = || Kind::ALL.map(|kind| counts.distinct(kind).len());
        assert!(registry.subscribe(Kind::Channel, b"a", 9, &mut first, counts));
        assert!(!registry.subscribe(Kind::Channel, b"a", 9, &mut first, counts));
        assert!(registry.subscribe(Kind::Channel, b"a", 3, &mut second, counts));
        assert!(registry.subscribe(Kind::ShardChannel, b"a", 3, &mut second, counts));
        assert_eq!(registry.subscribers(Kind::Channel, b"a"), [3, 9]);
        assert_eq!((registry.total(), registry.names(Kind::Pattern, None).len()), (3, 0));
        assert_eq!((distinct(), registry.clients()), ([1, 0, 1], 2));
        assert!(registry.unsubscribe(Kind::Channel, b"a", 9, &mut first, counts));
        assert!(!registry.unsubscribe(Kind::Channel, b"a", 9, &mut first, counts));
        assert!(registry.unsubscribe(Kind::Channel, b"a", 3, &mut second, counts));
        assert_eq!(registry.names(Kind::Channel, None).len(), 0);
        assert_eq!((registry.total(), first.is_empty(), second.is_empty()), (1, true, false));
        assert_eq!((distinct(), registry.clients()), ([0, 0, 1], 1));
    }

    #[test]
    fn patterns_are_found_by_channels_and_names_by_patterns() {
        let (mut registry, mut own) = (Registry::default(), Subscriptions::default());
        let counts = &SubscriptionCounts::new(1);
        for pattern in [&b"n*"[..], b"*s", b"x?"] {
            registry.subscribe(Kind::Pattern, pattern, 1, &mut own, counts);
        }
        let mut found: Vec<&[u8]> = registry.matching(b"news").map(|(pattern, _)| pattern).collect();
        found.sort_unstable();
        assert_eq!(found, [&b"*s"[..], b"n*"]);
        registry.subscribe(Kind::Channel, b"news", 1, &mut own, counts);
        assert_eq!(registry.names(Kind::Channel, Some(b"n?ws")).len(), 1);
        assert_eq!(registry.names(Kind::Channel, Some(b"n?w")).len(), 0);
        assert_eq!(own.acknowledged(Kind::Channel), 4);
    }

    #[test]
    fn a_message_is_a_push_in_resp3_and_an_array_in_resp2() {
        let message = Message { kind: Kind::Channel, channel: b"c", payload: ArgValue::Bytes(b"hi") };
        let written = |resp3, message: Message<'_>, pattern: Option<&[u8]>| {
            let mut reply = Reply::new(resp3);
            message.to_owned().as_message().write(pattern, &mut reply);
            String::from_utf8(reply.bytes().to_vec()).unwrap()
        };
        assert_eq!(written(false, message, None), "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
        let text = ">4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nc\r\n$2\r\nhi\r\n";
        assert_eq!(written(true, message, Some(b"*")), text);
        let sharded = Message { kind: Kind::ShardChannel, ..message };
        assert_eq!(written(true, sharded, None), ">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
    }

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
}
