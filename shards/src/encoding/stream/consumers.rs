//! The consumers of a group: by name for clients, by number for the pending entries that they own.
//!
//! A pending entry names its owner by four bytes, and changing the owner moves an id from one consumer's list
//! to the other's. This file must not know what delivering and claiming do.

use super::id::StreamId;
use super::runs::{self, Runs};

/// A consumer of one group. Valid until that consumer is deleted; its number may then be given to another
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(u32);

/// A consumer and the ids of its pending entries.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    seen_ms: u64,
    active_ms: Option<u64>,
    pub(super) pending: Runs<StreamId, ()>,
}

impl Consumer {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The Unix time in milliseconds at which a command last named it (XINFO: seen-time).
    pub fn seen_ms(&self) -> u64 {
        self.seen_ms
    }

    /// The Unix time in milliseconds at which it last got an entry (XINFO: active-time). None if never.
    pub fn active_ms(&self) -> Option<u64> {
        self.active_ms
    }

    /// Milliseconds since a command last named it (XINFO: idle).
    pub fn idle_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.seen_ms)
    }

    /// Milliseconds since it last got an entry (XINFO: inactive). None if it never did.
    pub fn inactive_ms(&self, now_ms: u64) -> Option<u64> {
        self.active_ms.map(|active_ms| now_ms.saturating_sub(active_ms))
    }

    /// The number of its pending entries.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The ids of its pending entries in their order.
    pub fn pending_ids(&self) -> impl DoubleEndedIterator<Item = StreamId> {
        self.pending.iter().map(|(id, ())| *id)
    }

    /// The same, from this id on.
    pub fn pending_ids_from(&self, id: StreamId) -> impl Iterator<Item = StreamId> {
        self.pending.range(id..).map(|(id, ())| *id)
    }

    /// Its ids from `from` to `to`, both included.
    pub(super) fn pending_range(&self, from: StreamId, to: StreamId) -> runs::Iter<'_, StreamId, ()> {
        self.pending.range(from..=to)
    }

    /// Sets the times as they were saved.
    pub fn load_times(&mut self, seen_ms: u64, active_ms: Option<u64>) {
        (self.seen_ms, self.active_ms) = (seen_ms, active_ms);
    }

    pub(super) fn touch_active(&mut self, now_ms: u64) {
        self.active_ms = Some(now_ms);
    }

    pub(super) fn touch_seen(&mut self, now_ms: u64) {
        self.seen_ms = now_ms;
    }
}

/// All consumers of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Consumers {
    /// By number. Boxed, so that growing moves eight bytes for each.
    slots: Vec<Option<Box<Consumer>>>,
    /// Numbers in the order of names.
    by_name: Vec<ConsumerId>,
    /// Numbers that are not in use.
    free: Vec<ConsumerId>,
}

impl Consumers {
    pub(super) fn find(&self, name: &[u8]) -> Option<ConsumerId> {
        self.place(name).ok().map(|place| self.by_name[place])
    }

    /// The consumer with this number. Panics if it has been deleted.
    pub(super) fn get(&self, id: ConsumerId) -> &Consumer {
        self.slots[id.0 as usize].as_ref().expect("numbers are those of living consumers")
    }

    /// The consumer with this number. Panics if it has been deleted.
    pub(super) fn get_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.slots[id.0 as usize].as_mut().expect("numbers are those of living consumers")
    }

    /// In the order of names.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.by_name.iter().map(|&id| self.get(id))
    }

    /// Creates a consumer; none if the name is taken.
    pub(super) fn create(&mut self, name: &[u8], now_ms: u64) -> Option<ConsumerId> {
        let Err(place) = self.place(name) else { return None };
        let consumer =
            Consumer { name: name.into(), seen_ms: now_ms, active_ms: None, pending: Runs::default() };
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            ConsumerId(u32::try_from(self.slots.len() - 1).expect("memory ends before 32 bits of consumers"))
        });
        self.slots[id.0 as usize] = Some(Box::new(consumer));
        self.by_name.insert(place, id);
        Some(id)
    }

    /// Takes out a consumer with the ids that it owns.
    pub(super) fn remove(&mut self, name: &[u8]) -> Option<Consumer> {
        let id = self.by_name.remove(self.place(name).ok()?);
        self.free.push(id);
        self.slots[id.0 as usize].take().map(|consumer| *consumer)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let arrays = self.slots.capacity() * size_of::<Option<Box<Consumer>>>()
            + (self.by_name.capacity() + self.free.capacity()) * size_of::<ConsumerId>();
        let of_one = |consumer: &Consumer| {
            size_of::<Consumer>() + consumer.name.len() + consumer.pending.memory_bytes()
        };
        arrays + self.iter().map(of_one).sum::<usize>()
    }

    /// Frees up to `budget` consumers and ids and returns how many. What is left is only good for being
    /// freed.
    pub(super) fn free_some(&mut self, budget: usize) -> usize {
        self.by_name.clear();
        let mut freed = 0;
        while freed < budget {
            let Some(slot) = self.slots.last_mut() else { break };
            let ids = slot.as_mut().map_or(0, |consumer| consumer.pending.free_some(budget - freed));
            freed += ids;
            if ids == 0 {
                self.slots.pop();
                freed += 1;
            }
        }
        freed
    }

    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.by_name.binary_search_by(|&id| self.get(id).name().cmp(name))
    }
}
