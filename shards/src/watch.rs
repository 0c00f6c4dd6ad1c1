//! WATCH: which clients want to know whether a key has changed.
//!
//! The watches of a key are kept by the shard that owns it. A change marks them; EXEC asks, under its locks,
//! whether one of its client's watches is marked (Redis: touchWatchedKey, isWatchedKeyExpired). This file
//! must not know transactions or connections.

use std::collections::HashMap;

use crate::key::DbIndex;
use crate::slot::{SlotId, SlotSet};
use crate::spare::Trim;

/// A client, by the number that CLIENT ID shows. Unique in the process and never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ClientId(pub u64);

/// One client's watch of one key.
#[derive(Clone, Copy, Debug)]
struct Watch {
    client: ClientId,
    /// The key was there when it was watched, but its time was over: that it goes is no change.
    was_expired: bool,
    changed: bool,
}

/// Room for so many watched keys is kept while none is watched.
const KEPT_KEYS_MAX: usize = 64;

/// A watched key.
type WatchedKey = (DbIndex, Box<[u8]>);

/// The watches of the keys of one shard. One per shard, and on the way between two shards the part of a slot
/// that moves.
#[derive(Debug, Default)]
pub struct Watches {
    keys: HashMap<WatchedKey, Vec<Watch>>,
}

impl Trim for Watches {
    fn trim(&mut self) {
        self.keys.trim();
    }
}

impl Watches {
    /// True while no key is watched: all that writes pay then.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Watches a key for a client. A second watch of the same key changes nothing. `was_expired`: the key is
    /// there, but its time is over.
    pub fn add(&mut self, db: DbIndex, key: &[u8], client: ClientId, was_expired: bool) {
        let watches = self.keys.entry((db, key.into())).or_default();
        if !watches.iter().any(|watch| watch.client == client) {
            watches.push(Watch { client, was_expired, changed: false });
        }
    }

    /// Forgets a client's watch of a key.
    pub fn remove(&mut self, db: DbIndex, key: &[u8], client: ClientId) {
        let key = (db, key.into());
        if let Some(watches) = self.keys.get_mut(&key) {
            watches.retain(|watch| watch.client != client);
            if watches.is_empty() {
                self.keys.remove(&key);
            }
        }
        if self.keys.is_empty() && self.keys.capacity() > KEPT_KEYS_MAX {
            self.keys = HashMap::new();
        }
    }

    /// A key has changed. `is_removal`: it has gone by itself, because its time was over or for want of
    /// memory, which for a key whose time was over when it was watched is no change.
    pub fn touch(&mut self, db: DbIndex, key: &[u8], is_removal: bool) {
        let Some(watches) = self.keys.get_mut(&(db, key.into())) else { return };
        for watch in watches {
            if !std::mem::take(&mut watch.was_expired) || !is_removal {
                watch.changed = true;
            }
        }
    }

    /// A whole database is replaced by another one, or by none. `was_there`: it held the key, expired or not.
    /// `comes`: the other one holds it, and whether its time is over there (Redis: touchAllWatchedKeysInDb).
    pub fn replaced(&mut self, db: DbIndex, key: &[u8], was_there: bool, comes: Option<bool>) {
        if !was_there && comes.is_none() {
            return;
        }
        let Some(watches) = self.keys.get_mut(&(db, key.into())) else { return };
        for watch in watches {
            match comes {
                // An expired key that goes is no change.
                None if watch.was_expired => watch.was_expired = false,
                // Nor is it one that stays expired, or that was not there and is as good as not there now.
                Some(true) if watch.was_expired => {}
                Some(true) if !was_there => watch.was_expired = true,
                _ => watch.changed = true,
            }
        }
    }

    /// Whether EXEC of a client must not run because of this key. `is_expired_now`: the key is there, but its
    /// time is over. A watch that is not known counts as changed.
    pub fn is_changed(&self, db: DbIndex, key: &[u8], client: ClientId, is_expired_now: bool) -> bool {
        let watches = self.keys.get(&(db, key.into()));
        let watch = watches.and_then(|watches| watches.iter().find(|watch| watch.client == client));
        watch.is_none_or(|watch| watch.changed || (is_expired_now && !watch.was_expired))
    }

    /// The watched keys of a database, each once.
    pub fn keys_of(&self, db: DbIndex) -> Vec<Box<[u8]>> {
        self.keys.keys().filter(|(of, _)| *of == db).map(|(_, key)| key.clone()).collect()
    }

    /// Takes out the watches of the keys of slots that leave for another shard.
    pub fn take_slots(&mut self, slots: &SlotSet) -> Watches {
        let all = std::mem::take(&mut self.keys).into_iter();
        let (gone, stay) = all.partition(|((_, key), _)| slots.contains(SlotId::of(key)));
        self.keys = stay;
        Watches { keys: gone }
    }

    /// Puts in what another shard has taken out.
    pub fn put(&mut self, other: Watches) {
        self.keys.extend(other.keys);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DB: DbIndex = DbIndex(0);
    const CLIENT: ClientId = ClientId(1);

    fn watching(was_expired: bool) -> Watches {
        let mut watches = Watches::default();
        watches.add(DB, b"k", CLIENT, was_expired);
        watches
    }

    #[test]
    fn keys_that_nobody_watches_any_more_leave_no_room_for_as_many() {
        let mut watches = Watches::default();
        let names: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
        names.iter().for_each(|name| watches.add(DB, name.as_bytes(), CLIENT, false));
        names.iter().for_each(|name| watches.remove(DB, name.as_bytes(), CLIENT));
        assert!(watches.is_empty() && watches.keys.capacity() <= KEPT_KEYS_MAX);
    }

    #[test]
    fn a_change_marks_the_watches_of_its_key_in_its_database_only() {
        let mut watches = watching(false);
        watches.touch(DB, b"other", false);
        watches.touch(DbIndex(1), b"k", false);
        assert!(!watches.is_changed(DB, b"k", CLIENT, false));
        watches.touch(DB, b"k", false);
        assert!(watches.is_changed(DB, b"k", CLIENT, false));
        // Watching it again does not forget the change.
        watches.add(DB, b"k", CLIENT, false);
        assert!(watches.is_changed(DB, b"k", CLIENT, false));
        watches.remove(DB, b"k", CLIENT);
        assert!(watches.is_empty());
        assert!(watches.is_changed(DB, b"k", CLIENT, false), "a watch that is not known");
    }

    #[test]
    fn a_key_that_expires_has_changed_unless_its_time_was_over_when_it_was_watched() {
        assert!(watching(false).is_changed(DB, b"k", CLIENT, true));
        let mut watches = watching(false);
        watches.touch(DB, b"k", true);
        assert!(watches.is_changed(DB, b"k", CLIENT, false));
        let mut watches = watching(true);
        assert!(!watches.is_changed(DB, b"k", CLIENT, true));
        watches.touch(DB, b"k", true);
        assert!(!watches.is_changed(DB, b"k", CLIENT, false));
        // It is gone now: what comes next is a change.
        watches.touch(DB, b"k", false);
        assert!(watches.is_changed(DB, b"k", CLIENT, false));
    }

    #[test]
    fn replacing_a_database_changes_what_a_client_could_see_of_its_keys() {
        // Was it there when it was watched, but expired; is it there now; what comes; is that a change; and
        // is it when the key is found expired afterwards.
        for (was_expired, was_there, comes, changed, changed_if_expired) in [
            (false, true, None, true, true),
            (false, false, None, false, true),
            (false, false, Some(false), true, true),
            (false, true, Some(false), true, true),
            (false, false, Some(true), false, false),
            (false, true, Some(true), true, true),
            (true, true, None, false, true),
            (true, true, Some(true), false, false),
            (true, true, Some(false), true, true),
        ] {
            let mut watches = watching(was_expired);
            watches.replaced(DB, b"k", was_there, comes);
            let is_changed = |is_expired| watches.is_changed(DB, b"k", CLIENT, is_expired);
            let case = (was_expired, was_there, comes);
            assert_eq!((is_changed(false), is_changed(true)), (changed, changed_if_expired), "{case:?}");
        }
    }

    #[test]
    fn the_watches_of_a_slot_can_be_moved() {
        let mut watches = watching(false);
        watches.add(DB, b"other", CLIENT, false);
        watches.touch(DB, b"k", false);
        let mut moved = Watches::default();
        moved.put(watches.take_slots(&[SlotId::of(b"k")].into_iter().collect()));
        assert!(moved.is_changed(DB, b"k", CLIENT, false));
        assert_eq!(watches.keys_of(DB), [Box::from(&b"other"[..])]);
        assert_eq!(moved.keys_of(DB), [Box::from(&b"k"[..])]);
    }
}
