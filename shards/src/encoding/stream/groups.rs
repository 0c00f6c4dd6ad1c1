//! Consumer groups: what was delivered to whom and not acknowledged yet, and how far a group is behind.
//!
//! A group knows the entries of its stream only where [`Log`] is handed in. Time is handed in as Unix time in
//! milliseconds. Semantics are those of Redis 7.2.7, whose lag is right after XDEL and XTRIM where earlier
//! versions were wrong. This file must not know commands and replies; claiming is in `claim.rs`.

use super::consumers::{Consumer, ConsumerId, Consumers};
use super::id::StreamId;
use super::log::Log;
use super::runs::Runs;

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When it was last delivered or claimed, Unix time in milliseconds.
    pub delivered_ms: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// Who owns it.
    pub consumer: ConsumerId,
}

impl Pending {
    /// Milliseconds since it was last delivered.
    pub fn idle_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.delivered_ms)
    }
}

/// A consumer group.
#[derive(Clone, Debug)]
pub struct Group {
    name: Box<[u8]>,
    last_id: StreamId,
    entries_read: Option<i64>,
    pub(super) pending: Runs<StreamId, Pending>,
    pub(super) consumers: Consumers,
}

impl Group {
    fn new(name: &[u8], last_id: StreamId, entries_read: Option<i64>) -> Group {
        let (pending, consumers) = (Runs::default(), Consumers::default());
        Group { name: name.into(), last_id, entries_read, pending, consumers }
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The last id that was delivered: what is greater is new.
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// How many entries the group has read, from the first that the stream ever had. None if that is not
    /// known.
    pub fn entries_read(&self) -> Option<i64> {
        self.entries_read
    }

    /// Moves the group to another place (XGROUP SETID, RDB).
    pub fn set_last_id(&mut self, last_id: StreamId, entries_read: Option<i64>) {
        (self.last_id, self.entries_read) = (last_id, entries_read);
    }

    /// Moves the group forward, never back, and leaves the number of entries read as it is (XCLAIM LASTID).
    pub fn raise_last_id(&mut self, last_id: StreamId) {
        self.last_id = self.last_id.max(last_id);
    }

    /// How many entries of the stream are not delivered yet (XINFO: lag). None if that cannot be known.
    pub fn lag(&self, log: &Log) -> Option<i64> {
        let counters = log.counters();
        if counters.entries_added == 0 || log.is_empty() {
            return Some(0);
        }
        if self.last_id < counters.first_id && counters.max_deleted_id < counters.first_id {
            return Some(counters.len as i64);
        }
        let read = match self.entries_read {
            Some(read) if !log.has_deleted_from(self.last_id) => read,
            _ => log.added_up_to(self.last_id)? as i64,
        };
        Some((counters.entries_added as i64).wrapping_sub(read))
    }

    /// The consumer with this name.
    pub fn find_consumer(&self, name: &[u8]) -> Option<ConsumerId> {
        self.consumers.find(name)
    }

    /// The consumer with this number. Panics if it has been deleted.
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers.get(id)
    }

    /// The consumer with this number, to be changed. Panics if it has been deleted.
    pub fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.consumers.get_mut(id)
    }

    /// All consumers in the order of their names.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.consumers.iter()
    }

    /// Creates a consumer (XGROUP CREATECONSUMER); none if the name is taken.
    pub fn create_consumer(&mut self, name: &[u8], now_ms: u64) -> Option<ConsumerId> {
        self.consumers.create(name, now_ms)
    }

    /// The consumer that a command names, which is created if it is new, and whether it was. Its idle time
    /// begins again.
    pub fn see_consumer(&mut self, name: &[u8], now_ms: u64) -> (ConsumerId, bool) {
        if let Some(id) = self.consumers.create(name, now_ms) {
            return (id, true);
        }
        let id = self.consumers.find(name).expect("a name that cannot be created is there");
        self.consumers.get_mut(id).touch_seen(now_ms);
        (id, false)
    }

    /// Deletes a consumer with its pending entries, and returns how many those were. None if there is no such
    /// consumer. Time is linear in that number.
    pub fn delete_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let consumer = self.consumers.remove(name)?;
        for id in consumer.pending_ids() {
            self.pending.remove(id);
        }
        Some(consumer.pending_len())
    }

    /// Notes that an entry of the stream goes to a consumer (XREADGROUP with `>`, entry by entry in order).
    /// With `no_ack` it does not become pending, and the consumer's active time stays. An entry that is
    /// pending already, because the group was moved back, changes its owner.
    pub fn deliver(&mut self, log: &Log, id: StreamId, to: ConsumerId, no_ack: bool, now_ms: u64) {
        if id > self.last_id {
            self.entries_read = match self.entries_read {
                Some(read) if self.last_id >= log.first_id() && !log.has_deleted_from(self.last_id) => {
                    Some(read.wrapping_add(1))
                }
                _ if log.counters().entries_added > 0 => log.added_up_to(id).map(|read| read as i64),
                read => read,
            };
            self.last_id = id;
        }
        if no_ack {
            return;
        }
        let pending = Pending { delivered_ms: now_ms, deliveries: 1, consumer: to };
        if let Some(before) = self.pending.insert(id, pending) {
            self.consumers.get_mut(before.consumer).pending.remove(id);
        }
        let consumer = self.consumers.get_mut(to);
        consumer.pending.insert(id, ());
        consumer.touch_active(now_ms);
    }

    /// The first pending entry of a consumer from `from` on: a consumer reads its history with this, step by
    /// step.
    pub fn next_pending_of(&self, consumer: ConsumerId, from: StreamId) -> Option<StreamId> {
        self.consumers.get(consumer).pending_range(from, StreamId::MAX).next().map(|(id, ())| *id)
    }

    /// Notes that a pending entry is delivered to its owner again (XREADGROUP with an id).
    pub fn redeliver(&mut self, id: StreamId, now_ms: u64) {
        if let Some(pending) = self.pending.get_mut(id) {
            pending.delivered_ms = now_ms;
            pending.deliveries = pending.deliveries.wrapping_add(1);
        }
    }

    /// Acknowledges an entry (XACK). False if it was not pending.
    pub fn acknowledge(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(id) else { return false };
        self.consumers.get_mut(pending.consumer).pending.remove(id);
        true
    }

    /// The pending entry with this id.
    pub fn pending(&self, id: StreamId) -> Option<&Pending> {
        self.pending.get(id)
    }

    /// The number of pending entries.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The least and the greatest pending id.
    pub fn pending_bounds(&self) -> Option<(StreamId, StreamId)> {
        Some((self.pending.first()?.0, self.pending.last()?.0))
    }

    /// Pending entries with ids from `from` to `to`, both included, in their order, that were idle for
    /// `idle_ms_min` at least (XPENDING).
    pub fn pending_range(
        &self,
        from: StreamId,
        to: StreamId,
        idle_ms_min: u64,
        now_ms: u64,
    ) -> impl Iterator<Item = (StreamId, &Pending)> {
        let is_idle = move |pending: &Pending| pending.idle_ms(now_ms) >= idle_ms_min;
        self.pending
            .range(from..=to)
            .map(|(id, pending)| (*id, pending))
            .filter(move |(_, pending)| is_idle(pending))
    }

    /// The same for the entries of one consumer.
    pub fn pending_range_of(
        &self,
        consumer: ConsumerId,
        from: StreamId,
        to: StreamId,
        idle_ms_min: u64,
        now_ms: u64,
    ) -> impl Iterator<Item = (StreamId, &Pending)> {
        let ids = self.consumers.get(consumer).pending_range(from, to);
        ids.map(|(id, ())| (*id, self.pending.get(*id).expect("a consumer's ids are pending in its group")))
            .filter(move |(_, pending)| pending.idle_ms(now_ms) >= idle_ms_min)
    }

    /// Makes an entry pending as it was saved (RDB). False if it is pending already.
    pub fn load_pending(&mut self, id: StreamId, pending: Pending) -> bool {
        if self.pending.get(id).is_some() {
            return false;
        }
        self.pending.insert(id, pending);
        self.consumers.get_mut(pending.consumer).pending.insert(id, ());
        true
    }

    /// Bytes of memory held, the group itself included. Linear in the number of consumers.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Group>() + self.name.len() + self.pending.memory_bytes() + self.consumers.memory_bytes()
    }

    /// Frees up to about `budget` pending entries and consumers and returns how many. Zero when nothing is
    /// left. The group is only good for being freed from then on.
    pub fn free_some(&mut self, budget: usize) -> usize {
        let freed = self.pending.free_some(budget);
        freed + self.consumers.free_some(budget.saturating_sub(freed))
    }

    /// Panics if an invariant is broken.
    #[cfg(test)]
    pub(super) fn check(&self) {
        self.pending.check();
        let mut owned: Vec<StreamId> = Vec::new();
        for consumer in self.consumers() {
            consumer.pending.check();
            let id = self.find_consumer(consumer.name()).expect("consumers are found by their names");
            for pending in consumer.pending_ids() {
                assert_eq!(self.pending(pending).map(|pending| pending.consumer), Some(id));
                owned.push(pending);
            }
        }
        owned.sort();
        assert!(owned.into_iter().eq(self.pending.iter().map(|(id, _)| *id)), "each entry has one owner");
        assert!(self.consumers().is_sorted_by(|a, b| a.name() < b.name()));
    }
}

/// The groups of a stream.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// In the order of names.
    #[expect(clippy::vec_box, reason = "creating a group among thousands moves eight bytes for each")]
    groups: Vec<Box<Group>>,
}

impl Groups {
    /// The number of groups.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// There are no groups.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The group with this name.
    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        self.place(name).ok().map(|place| &*self.groups[place])
    }

    /// The group with this name, to be changed.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.place(name).ok().map(|place| &mut *self.groups[place])
    }

    /// All groups in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Group> + DoubleEndedIterator {
        self.groups.iter().map(|group| &**group)
    }

    /// Creates a group; none if the name is taken.
    pub fn create(
        &mut self,
        name: &[u8],
        last_id: StreamId,
        entries_read: Option<i64>,
    ) -> Option<&mut Group> {
        let Err(place) = self.place(name) else { return None };
        self.groups.insert(place, Box::new(Group::new(name, last_id, entries_read)));
        Some(&mut self.groups[place])
    }

    /// Groups that are this one.
    pub fn of(group: Box<Group>) -> Groups {
        Groups { groups: vec![group] }
    }

    /// Takes a group out, to be freed at once or by [`Group::free_some`].
    pub fn remove(&mut self, name: &[u8]) -> Option<Box<Group>> {
        self.place(name).ok().map(|place| self.groups.remove(place))
    }

    /// Bytes of memory held beside the structure itself. Linear in the number of groups and consumers.
    pub fn memory_bytes(&self) -> usize {
        let boxes = self.groups.capacity() * size_of::<Box<Group>>();
        boxes + self.iter().map(Group::memory_bytes).sum::<usize>()
    }

    pub(super) fn free_some(&mut self, budget: usize) -> usize {
        let mut freed = 0;
        while freed < budget {
            let Some(group) = self.groups.last_mut() else { break };
            let some = group.free_some(budget - freed);
            freed += some;
            if some == 0 {
                self.groups.pop();
                freed += 1;
            }
        }
        freed
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.groups.binary_search_by(|group| group.name().cmp(name))
    }
}
