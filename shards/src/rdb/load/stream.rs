//! Streams out of their bytes: nodes, counters, then the groups with what is pending in them.
//!
//! A node is a listpack in Redis's own layout, as the stream keeps it: it is validated whole and taken as it
//! is. Groups, consumers and ids come in their order, as Redis and Valkey write them: what does not is
//! refused, so that nobody can make inserting them expensive. The reasons of errors are Redis's words where
//! it has some.
//!
//! Two things of younger forms have no place here. An entry that a consumer has given back (Redis 8.8) is
//! pending for nobody; here it is pending for a consumer without a name since 1970, so that it is claimed by
//! whoever asks first. What producers have added under ids of their own (Redis 8.6) is left out.

use crate::encoding::stream::{ConsumerId, Counters, Group, Pending, Stream, StreamId};
use crate::rdb::error::RdbError;
use crate::rdb::loaded::Making;
use crate::rdb::source::Source;
use crate::rdb::value_type::ValueType;

/// Whose pending entries are that nobody has.
const NOBODY: &[u8] = b"";

/// A stream that is being read. A part ends behind a whole item of any loop: a node, a pending entry, an id
/// of a consumer, a consumer, a group, and so on.
#[derive(Debug)]
pub(super) struct StreamLoader {
    form: ValueType,
    stream: Stream,
    next: Next,
    groups_left: u64,
    group: GroupParts,
    scratch: Vec<u8>,
}

/// What comes next. Each is followed by at least a byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    NodeCount,
    /// So many nodes.
    Nodes(u64),
    Counters,
    GroupHead,
    /// So many entries that are pending in the group.
    Pending(u64),
    ConsumerCount,
    ConsumerHead,
    /// So many ids of entries that are pending for the consumer.
    ConsumerIds(u64),
    NackedCount,
    Nacked(u64),
    /// How long and how many ids of producers are kept, and how many producers there are.
    ProducerLimits,
    ProducerHead(u64),
    /// So many ids of a producer, and so many producers behind it.
    ProducerIds(u64, u64),
    ProducerCounters,
    Nothing,
}

/// The group that is being read, which is the last of the stream's.
#[derive(Debug, Default)]
struct GroupParts {
    name: Vec<u8>,
    /// What is pending, in order: when it was delivered, and how often. Their owners come later.
    pending: Vec<(StreamId, u64, u64)>,
    /// How many of them have an owner.
    owned: usize,
    consumers_left: u64,
    consumer: Option<ConsumerId>,
    consumer_name: Vec<u8>,
    /// The last id of a consumer, or of those that nobody has.
    last_id: Option<StreamId>,
}

/// Which of the forms it is, by Redis's count.
fn number_of(form: ValueType) -> u8 {
    match form {
        ValueType::Stream1 => 1,
        ValueType::Stream2 => 2,
        ValueType::Stream3 => 3,
        ValueType::Stream4 => 4,
        _ => 5,
    }
}

impl StreamLoader {
    /// Nothing of the stream has come.
    pub(super) fn new(form: ValueType) -> StreamLoader {
        StreamLoader {
            form,
            stream: Stream::default(),
            next: Next::NodeCount,
            groups_left: 0,
            group: GroupParts::default(),
            scratch: Vec::new(),
        }
    }

    /// Reads a part to its end.
    pub(super) fn feed(&mut self, source: &mut Source<'_>, _making: Making<'_>) -> Result<(), RdbError> {
        while !source.is_at_end() && self.next != Next::Nothing {
            self.next = self.step(source)?;
        }
        Ok(())
    }

    /// The stream, of which all parts have come.
    pub(super) fn finish(self) -> Result<Stream, RdbError> {
        match self.next {
            Next::Nothing => Ok(self.stream),
            _ => Err(RdbError::Incomplete { needed: 1 }),
        }
    }

    fn is_at_least(&self, number: u8) -> bool {
        number_of(self.form) >= number
    }

    /// Reads an item, and says what follows it.
    fn step(&mut self, source: &mut Source<'_>) -> Result<Next, RdbError> {
        Ok(match self.next {
            Next::NodeCount => nodes_or_counters(source.length()?),
            Next::Nodes(left) => {
                self.node(source)?;
                nodes_or_counters(left - 1)
            }
            Next::Counters => {
                self.counters(source)?;
                self.groups_left = source.length()?;
                self.behind_a_group()
            }
            Next::GroupHead => {
                self.group_head(source)?;
                pending_or_consumers(source.length()?)
            }
            Next::Pending(left) => {
                self.group.pending(source)?;
                pending_or_consumers(left - 1)
            }
            Next::ConsumerCount => {
                self.group.consumers_left = source.length()?;
                self.behind_a_consumer(source)?
            }
            Next::ConsumerHead => {
                self.consumer_head(source)?;
                let ids = source.length()?;
                self.ids_or_consumer(ids, source)?
            }
            Next::ConsumerIds(left) => {
                self.consumer_id(source)?;
                self.ids_or_consumer(left - 1, source)?
            }
            Next::NackedCount => {
                let ids = source.length()?;
                self.prepare_nobody(ids);
                self.nacked_or_group(ids, source)?
            }
            Next::Nacked(left) => {
                self.consumer_id(source)?;
                self.nacked_or_group(left - 1, source)?
            }
            Next::ProducerLimits => {
                source.length()?;
                source.length()?;
                producers_or_counters(source.length()?)
            }
            Next::ProducerHead(left) => {
                source.text()?;
                ids_or_producer(source.length()?, left - 1)
            }
            Next::ProducerIds(left, producers) => {
                source.text()?;
                id(source)?;
                ids_or_producer(left - 1, producers)
            }
            Next::ProducerCounters => {
                source.length()?;
                source.length()?;
                Next::Nothing
            }
            Next::Nothing => Next::Nothing,
        })
    }

    fn node(&mut self, source: &mut Source<'_>) -> Result<(), RdbError> {
        let start = *source;
        let key = source.text()?.read(&mut self.scratch)?;
        let Some(master) = <&[u8; 16]>::try_from(key).ok().map(raw_id) else {
            return Err(start.corrupt("Stream node key entry is not the size of a stream ID"));
        };
        let bytes = source.text()?.into_bytes()?.into_owned();
        match self.stream.log.load_block(master, bytes) {
            true => Ok(()),
            false => Err(start.corrupt("Stream listpack integrity check failed.")),
        }
    }

    fn counters(&mut self, source: &mut Source<'_>) -> Result<(), RdbError> {
        let start = *source;
        let len = source.length()?;
        let last_id = id(source)?;
        let mut counters = Counters {
            len,
            last_id,
            first_id: StreamId::MIN,
            max_deleted_id: StreamId::MIN,
            entries_added: len,
        };
        if self.is_at_least(2) {
            counters.first_id = id(source)?;
            counters.max_deleted_id = id(source)?;
            counters.entries_added = source.length()?;
        }
        if len != self.stream.log.counters().len {
            return Err(start.corrupt("Stream length inconsistent with rax entries"));
        }
        // Counting goes on from there.
        if i64::try_from(counters.entries_added).is_err() || !self.stream.log.load_counters(counters) {
            return Err(start.corrupt("Stream metadata contradicts its entries"));
        }
        Ok(())
    }

    fn group_head(&mut self, source: &mut Source<'_>) -> Result<(), RdbError> {
        let start = *source;
        let name = source.text()?.read(&mut self.scratch)?;
        let last_id = id(source)?;
        let entries_read = match number_of(self.form) >= 2 {
            // -1 says that it is not known.
            true => Some(source.length()? as i64).filter(|&read| read >= 0),
            false => self.stream.log.added_up_to(last_id).map(|read| read as i64),
        };
        if self.stream.groups.iter().next_back().is_some_and(|before| before.name() >= name) {
            return Err(start.corrupt("Duplicated consumer group name, or one out of order"));
        }
        self.stream.groups.create(name, last_id, entries_read);
        self.group.name.clear();
        self.group.name.extend_from_slice(name);
        self.group.pending.clear();
        (self.group.owned, self.group.consumer) = (0, None);
        Ok(())
    }

    /// The group that is being read.
    fn group_mut(&mut self) -> &mut Group {
        self.stream.groups.get_mut(&self.group.name).expect("its head has been read")
    }

    fn consumer_head(&mut self, source: &mut Source<'_>) -> Result<(), RdbError> {
        let start = *source;
        let name = source.text()?.into_bytes()?;
        let seen_ms = time(source)?;
        let active_ms = match self.is_at_least(3) {
            true => u64::try_from(source.time_ms()?).ok(),
            false => Some(seen_ms),
        };
        if self.group.consumer.is_some() && *self.group.consumer_name >= *name {
            return Err(start.corrupt("Duplicate stream consumer detected, or one out of order"));
        }
        let group = self.group_mut();
        let consumer = group.create_consumer(&name, seen_ms).expect("it comes behind all others");
        group.consumer_mut(consumer).load_times(seen_ms, active_ms);
        (self.group.consumer, self.group.last_id) = (Some(consumer), None);
        self.group.consumer_name = name.into_owned();
        Ok(())
    }

    /// An id of an entry that is pending for the consumer.
    fn consumer_id(&mut self, source: &mut Source<'_>) -> Result<(), RdbError> {
        let start = *source;
        let id = raw_id(&source.array()?);
        if self.group.last_id.replace(id).is_some_and(|before| before >= id) {
            return Err(start.corrupt(
                "Duplicated consumer PEL entry loading a stream consumer group, or one out of order",
            ));
        }
        let consumer = self.group.consumer.expect("a consumer's ids come behind it");
        let Ok(place) = self.group.pending.binary_search_by_key(&id, |(id, ..)| *id) else {
            return Err(start.corrupt("Consumer entry not found in group global PEL"));
        };
        let (_, delivered_ms, deliveries) = self.group.pending[place];
        let delivered_ms = if matches!(self.next, Next::Nacked(_)) { 0 } else { delivered_ms };
        if !self.group_mut().load_pending(id, Pending { delivered_ms, deliveries, consumer }) {
            return Err(start.corrupt("Two consumers have the same entry of a group's PEL"));
        }
        self.group.owned += 1;
        Ok(())
    }

    /// Makes the consumer of so many entries that nobody has, if there are any and there is none of its name.
    fn prepare_nobody(&mut self, ids: u64) {
        self.group.last_id = None;
        if ids > 0 {
            let group = self.group_mut();
            let consumer = group.find_consumer(NOBODY).or_else(|| group.create_consumer(NOBODY, 0));
            self.group.consumer = consumer;
        }
    }

    fn ids_or_consumer(&mut self, ids: u64, source: &Source<'_>) -> Result<Next, RdbError> {
        if ids > 0 { Ok(Next::ConsumerIds(ids)) } else { self.behind_a_consumer(source) }
    }

    fn nacked_or_group(&mut self, ids: u64, source: &Source<'_>) -> Result<Next, RdbError> {
        if ids > 0 { Ok(Next::Nacked(ids)) } else { self.behind_the_owners(source) }
    }

    /// What follows a consumer, or the number of consumers.
    fn behind_a_consumer(&mut self, source: &Source<'_>) -> Result<Next, RdbError> {
        if let Some(left) = self.group.consumers_left.checked_sub(1) {
            self.group.consumers_left = left;
            return Ok(Next::ConsumerHead);
        }
        if self.is_at_least(5) { Ok(Next::NackedCount) } else { self.behind_the_owners(source) }
    }

    /// What follows all that says who owns what is pending in a group.
    fn behind_the_owners(&mut self, source: &Source<'_>) -> Result<Next, RdbError> {
        if self.group.owned != self.group.pending.len() {
            return Err(source.corrupt("NACK without consumer"));
        }
        Ok(self.behind_a_group())
    }

    fn behind_a_group(&mut self) -> Next {
        if let Some(left) = self.groups_left.checked_sub(1) {
            self.groups_left = left;
            return Next::GroupHead;
        }
        // Memory in proportion to the largest group is of no use any more.
        self.group = GroupParts::default();
        if self.is_at_least(4) { Next::ProducerLimits } else { Next::Nothing }
    }
}

impl GroupParts {
    fn pending(&mut self, source: &mut Source<'_>) -> Result<(), RdbError> {
        let start = *source;
        let id = raw_id(&source.array()?);
        let delivered_ms = time(source)?;
        let deliveries = source.length()?;
        if self.pending.last().is_some_and(|(before, ..)| *before >= id) {
            return Err(start
                .corrupt("Duplicated global PEL entry loading stream consumer group, or one out of order"));
        }
        self.pending.push((id, delivered_ms, deliveries));
        Ok(())
    }
}

fn nodes_or_counters(nodes: u64) -> Next {
    if nodes > 0 { Next::Nodes(nodes) } else { Next::Counters }
}

fn pending_or_consumers(pending: u64) -> Next {
    if pending > 0 { Next::Pending(pending) } else { Next::ConsumerCount }
}

fn producers_or_counters(producers: u64) -> Next {
    if producers > 0 { Next::ProducerHead(producers) } else { Next::ProducerCounters }
}

fn ids_or_producer(ids: u64, producers: u64) -> Next {
    if ids > 0 { Next::ProducerIds(ids, producers) } else { producers_or_counters(producers) }
}

/// An id as two lengths.
fn id(source: &mut Source<'_>) -> Result<StreamId, RdbError> {
    Ok(StreamId::new(source.length()?, source.length()?))
}

/// An id as it is in a key of Redis's radix trees.
fn raw_id(bytes: &[u8; 16]) -> StreamId {
    let (ms, seq) = bytes.split_at(8);
    let number = |half: &[u8]| u64::from_be_bytes(half.try_into().expect("a half has eight bytes"));
    StreamId::new(number(ms), number(seq))
}

/// A time in milliseconds since 1970, as which one before counts.
fn time(source: &mut Source<'_>) -> Result<u64, RdbError> {
    Ok(source.time_ms()?.max(0) as u64)
}
