//! Streams as bytes: nodes as they are, counters, then the groups with what is pending in them.
//!
//! Two forms are written, that of Redis 7.0 and that of 7.2, which has the active times of consumers.

use super::pieces::Budget;
use crate::encoding::stream::{Consumer, Group, Stream, StreamId};
use crate::rdb::sink::Sink;
use crate::rdb::value_type::ValueType;

/// How much of a stream has been written.
#[derive(Debug, Default)]
pub(super) struct StreamCursor {
    place: Place,
}

/// What is written next.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    NodeCount,
    /// The nodes from this id on.
    Nodes(StreamId),
    Counters,
    Group(usize),
    /// What is pending in this group from an id on.
    Pending(usize, StreamId),
    /// This consumer of this group.
    Consumer(usize, usize),
    /// What is pending for this consumer of this group from an id on.
    ConsumerIds(usize, usize, StreamId),
    End,
}

impl StreamCursor {
    /// Writes about `budget_bytes` more, and says whether that was the last of it.
    pub(super) fn write_some(
        &mut self,
        stream: &Stream,
        form: ValueType,
        budget_bytes: usize,
        sink: &mut Sink<'_>,
    ) -> bool {
        let budget = Budget::new(budget_bytes, sink);
        while !matches!(self.place, Place::End) {
            if budget.is_used(sink) {
                return false;
            }
            self.place = write_from(self.place, stream, form, budget, sink);
        }
        true
    }
}

/// Writes what stands at a place, or as much of it as there is budget for, and says what follows.
fn write_from(place: Place, stream: &Stream, form: ValueType, budget: Budget, sink: &mut Sink<'_>) -> Place {
    match place {
        Place::NodeCount => {
            sink.length(stream.log.block_count() as u64);
            Place::Nodes(StreamId::MIN)
        }
        Place::Nodes(from) => {
            for (master, bytes) in stream.log.blocks_from(from) {
                if budget.is_used(sink) {
                    return Place::Nodes(master);
                }
                sink.raw_text(&raw_id(master));
                sink.text(bytes);
            }
            Place::Counters
        }
        Place::Counters => {
            write_counters(stream, sink);
            sink.length(stream.groups.len() as u64);
            Place::Group(0)
        }
        Place::Group(at) => {
            let Some(group) = stream.groups.iter().nth(at) else { return Place::End };
            sink.text(group.name());
            write_id(group.last_id(), sink);
            sink.length(group.entries_read().unwrap_or(-1) as u64);
            sink.length(group.pending_len() as u64);
            Place::Pending(at, StreamId::MIN)
        }
        Place::Pending(at, from) => {
            let group = nth_group(stream, at);
            for (id, pending) in group.pending_range(from, StreamId::MAX, 0, 0) {
                if budget.is_used(sink) {
                    return Place::Pending(at, id);
                }
                sink.bytes(&raw_id(id));
                sink.time_ms(pending.delivered_ms as i64);
                sink.length(pending.deliveries);
            }
            sink.length(group.consumers().len() as u64);
            Place::Consumer(at, 0)
        }
        Place::Consumer(at, number) => {
            let Some(consumer) = nth_group(stream, at).consumers().nth(number) else {
                return Place::Group(at + 1);
            };
            write_consumer(consumer, form, sink);
            Place::ConsumerIds(at, number, StreamId::MIN)
        }
        Place::ConsumerIds(at, number, from) => {
            let consumer = nth_group(stream, at).consumers().nth(number).expect("it has been begun");
            for id in consumer.pending_ids_from(from) {
                if budget.is_used(sink) {
                    return Place::ConsumerIds(at, number, id);
                }
                sink.bytes(&raw_id(id));
            }
            Place::Consumer(at, number + 1)
        }
        Place::End => Place::End,
    }
}

fn nth_group(stream: &Stream, at: usize) -> &Group {
    stream.groups.iter().nth(at).expect("it has been begun")
}

fn write_counters(stream: &Stream, sink: &mut Sink<'_>) {
    let counters = stream.log.counters();
    sink.length(counters.len);
    write_id(counters.last_id, sink);
    write_id(counters.first_id, sink);
    write_id(counters.max_deleted_id, sink);
    sink.length(counters.entries_added);
}

fn write_consumer(consumer: &Consumer, form: ValueType, sink: &mut Sink<'_>) {
    sink.text(consumer.name());
    sink.time_ms(consumer.seen_ms() as i64);
    if form == ValueType::Stream3 {
        // -1 says that it never got an entry.
        sink.time_ms(consumer.active_ms().map_or(-1, |active_ms| active_ms as i64));
    }
    sink.length(consumer.pending_len() as u64);
}

/// An id as two lengths.
fn write_id(id: StreamId, sink: &mut Sink<'_>) {
    sink.length(id.ms);
    sink.length(id.seq);
}

/// An id as it is in a key of Redis's radix trees.
fn raw_id(id: StreamId) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}
