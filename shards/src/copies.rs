//! Which clients hold copies of which keys of a shard, and what they have to be told (CLIENT TRACKING).
//!
//! What is remembered when, and why no copy stays that is older than a change, is in `shard/caching.rs`. This
//! file must not know connections, protocols or modes of tracking.

use std::collections::{BTreeMap, HashMap};

use crate::random::Random;
use crate::slot::{SLOT_COUNT, ShardId, SlotId, SlotSet};
use crate::spare::Trim;
use crate::watch::ClientId;

/// Where a client's connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConnectionId {
    /// Its worker.
    pub worker: ShardId,
    /// Its number there, which another connection may have later.
    pub index: u32,
}

/// A client that keeps copies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tracker {
    /// The client.
    pub client: ClientId,
    /// Its connection.
    pub at: ConnectionId,
}

/// A change that clients have to be told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TrackingNote {
    /// The client's copy of the key is not valid any more.
    Changed {
        /// The client.
        tracker: Tracker,
        /// The key.
        key: Box<[u8]>,
        /// The client whose command did it; nobody's (0) for keys that were forgotten for want of room, and
        /// for what happens between commands.
        by: ClientId,
    },
    /// No copy of anything is valid any more.
    Flushed,
}

/// A changed key, and the client whose command has changed it: nobody (0) when it has gone by itself.
pub type ChangedByClient = (Box<[u8]>, ClientId);

/// The remembered keys of some slots.
type KeysOfSlots = BTreeMap<SlotId, BTreeMap<Box<[u8]>, Vec<Tracker>>>;

/// What is remembered of slots on their way to another shard.
#[derive(Debug, Default)]
pub struct TrackedSlots {
    slots: KeysOfSlots,
}

/// The remembered keys of one shard, and the notes that nobody has fetched yet. One per shard.
#[derive(Debug, Default)]
pub struct TrackedKeys {
    slots: KeysOfSlots,
    keys: usize,
    items: usize,
    /// 0 for no limit.
    pub(crate) keys_max: usize,
    is_broadcasting: bool,
    /// Changes have to be looked at: something is remembered, or somebody is told of all keys.
    is_on: bool,
    /// The client whose command runs; 0 for none.
    pub(crate) running: ClientId,
    /// Another shard tells of the flush that runs.
    pub(crate) is_flush_told_elsewhere: bool,
    pub(crate) notes: Vec<TrackingNote>,
    pub(crate) changed: Vec<ChangedByClient>,
    /// What is read while the entries of other shards are here, each with the number of changes before.
    pub(crate) away: Vec<(Box<[u8]>, Tracker, usize)>,
}

impl Trim for TrackedKeys {
    fn trim(&mut self) {
        self.notes.trim();
        self.changed.trim();
        self.away.trim();
    }
}

impl TrackedKeys {
    /// Changes have to be told to [`TrackedKeys::changed`]: all that writes pay while nobody tracks.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// The number of remembered keys.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// The number of pairs of a key and a client.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Whether all changed keys are noted, whoever has copies of them.
    #[inline]
    pub(crate) fn set_broadcasting(&mut self, is_broadcasting: bool) {
        if self.is_broadcasting != is_broadcasting {
            self.is_broadcasting = is_broadcasting;
            self.update();
        }
    }

    fn update(&mut self) {
        self.is_on = self.keys > 0 || self.is_broadcasting;
    }

    /// Remembers that a client has a copy of a key.
    pub fn remember(&mut self, key: &[u8], tracker: Tracker) {
        let keys = self.slots.entry(SlotId::of(key)).or_default();
        let trackers = match keys.get_mut(key) {
            Some(trackers) => trackers,
            None => {
                self.keys += 1;
                keys.entry(key.into()).or_default()
            }
        };
        if !trackers.contains(&tracker) {
            trackers.push(tracker);
            self.items += 1;
        }
        self.update();
    }

    /// A key has changed. `is_removal`: it has gone by itself, because its time was over or for want of
    /// memory.
    #[cold]
    pub fn changed(&mut self, key: &[u8], is_removal: bool, by: ClientId) {
        if self.is_broadcasting {
            self.changed.push((key.into(), if is_removal { ClientId::default() } else { by }));
        }
        self.invalidate(key, by);
    }

    fn invalidate(&mut self, key: &[u8], by: ClientId) {
        let slot = SlotId::of(key);
        let Some(keys) = self.slots.get_mut(&slot) else { return };
        let Some((key, trackers)) = keys.remove_entry(key) else { return };
        if keys.is_empty() {
            self.slots.remove(&slot);
        }
        self.keys -= 1;
        self.items -= trackers.len();
        let note = |tracker| TrackingNote::Changed { tracker, key: key.clone(), by };
        self.notes.extend(trackers.into_iter().map(note));
        self.update();
    }

    /// All keys are gone, or all of one database: nothing is remembered any more.
    pub fn flushed(&mut self) {
        (self.keys, self.items) = (0, 0);
        self.slots.clear();
        self.update();
        if !self.is_flush_told_elsewhere {
            self.notes.push(TrackingNote::Flushed);
        }
    }

    /// True while more keys are remembered than there should be.
    #[inline]
    pub fn is_over_limit(&self) -> bool {
        self.keys_max > 0 && self.keys > self.keys_max
    }

    /// Forgets up to `budget` keys while they are too many; their clients are told as of a change (Redis:
    /// trackingLimitUsedSlots).
    pub(crate) fn forget_some(&mut self, budget: usize, random: &mut Random) {
        for _ in 0..budget {
            if !self.is_over_limit() {
                return;
            }
            let start = SlotId::new(random.below(SLOT_COUNT) as u16);
            let slot = self.slots.range(start..).chain(self.slots.range(..start)).next();
            let Some(key) = slot.and_then(|(_, keys)| keys.keys().next()).cloned() else { return };
            self.invalidate(&key, ClientId::default());
        }
    }

    /// Takes out what is remembered of slots that leave for another shard.
    pub fn take_slots(&mut self, slots: &SlotSet) -> TrackedSlots {
        if self.slots.is_empty() {
            return TrackedSlots::default();
        }
        let all = std::mem::take(&mut self.slots).into_iter();
        let (gone, stay): (KeysOfSlots, KeysOfSlots) = all.partition(|(slot, _)| slots.contains(*slot));
        self.slots = stay;
        let (keys, items) = counts(&gone);
        self.keys -= keys;
        self.items -= items;
        self.update();
        TrackedSlots { slots: gone }
    }

    /// Puts in what another shard has taken out.
    pub fn put(&mut self, other: TrackedSlots) {
        let (keys, items) = counts(&other.slots);
        self.keys += keys;
        self.items += items;
        self.slots.extend(other.slots);
        self.update();
    }
}

fn counts(slots: &KeysOfSlots) -> (usize, usize) {
    let keys = slots.values().map(BTreeMap::len).sum();
    (keys, slots.values().flat_map(BTreeMap::values).map(Vec::len).sum())
}

/// A key that a transaction elsewhere has read.
#[derive(Clone, Debug)]
pub struct AwayRead {
    pub(crate) key: Box<[u8]>,
    pub(crate) tracker: Tracker,
    /// It has changed the key afterwards.
    pub(crate) is_before_change: bool,
}

/// What a transaction has read for clients that keep copies, by keys. Empty for most.
pub(crate) type AwayReads = HashMap<Box<[u8]>, Vec<AwayRead>>;
