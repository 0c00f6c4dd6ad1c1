//! Keys that clients wait for in blocking commands: who waits for which key of one shard, and which of these
//! keys are worth a look.
//!
//! Clients of one key are in the order in which they came: the first one is served first (Redis:
//! `blocking_keys`, `ready_keys`). A change of an awaited key makes it *ready*, with a number that tells this
//! change from others; a client that has been tried at a number is not tried at it again. This file must not
//! know commands or transactions.

use std::collections::{HashMap, VecDeque};

use crate::key::DbIndex;
use crate::slot::{SlotId, SlotSet};
use crate::spare::Trim;
use crate::watch::ClientId;

/// Room for so many awaited keys is kept while none is awaited, or ready.
const KEPT_KEYS_MAX: usize = 64;

/// A key in its database.
type AwaitedKey = (DbIndex, Box<[u8]>);

/// Who waits for one key.
#[derive(Debug, Default)]
struct Queue {
    /// The first comes first.
    clients: Vec<ClientId>,
    /// The number of the latest change, if it has not been looked at.
    signal: Option<u64>,
}

/// The awaited keys of one shard. One per shard.
#[derive(Debug, Default)]
pub struct BlockingKeys {
    queues: HashMap<AwaitedKey, Queue>,
    /// The keys with a signal, in the order in which they became ready. Each at most once.
    ready: VecDeque<AwaitedKey>,
    signals: u64,
    /// Something has happened since the last look.
    has_news: bool,
}

/// A key that has changed, and the number of the change.
#[derive(Debug)]
pub struct Ready {
    /// Its database.
    pub db: DbIndex,
    /// Its name.
    pub key: Box<[u8]>,
    /// The number of the change.
    pub signal: u64,
}

/// Keys that leave for another shard with those who wait for them.
pub type KeysOfSlots = Vec<(DbIndex, Box<[u8]>, Vec<ClientId>)>;

impl Trim for BlockingKeys {
    fn trim(&mut self) {
        self.queues.trim();
        self.ready.trim();
    }
}

impl BlockingKeys {
    /// True while nobody waits for any key: all that writes pay then.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// True when there is something to look at that has not been looked at.
    #[inline]
    pub fn has_news(&self) -> bool {
        self.has_news
    }

    /// Has the ready keys looked at once more: what was in the way of some may have gone.
    pub fn look_again(&mut self) {
        self.has_news = !self.ready.is_empty();
    }

    /// The number of the latest change.
    pub fn latest_signal(&self) -> u64 {
        self.signals
    }

    /// A client waits for a key, behind those who do already.
    pub fn add(&mut self, db: DbIndex, key: &[u8], client: ClientId) {
        let queue = self.queues.entry((db, key.into())).or_default();
        // A command may name a key twice.
        if queue.clients.last() != Some(&client) {
            queue.clients.push(client);
        }
    }

    /// A client waits for a key no more.
    pub fn remove(&mut self, db: DbIndex, key: &[u8], client: ClientId) {
        let key = (db, key.into());
        let Some(queue) = self.queues.get_mut(&key) else { return };
        if let Some(place) = queue.clients.iter().position(|&waiting| waiting == client) {
            queue.clients.remove(place);
        }
        if queue.clients.is_empty() {
            self.queues.remove(&key);
        }
        if self.queues.is_empty() && self.queues.capacity() > KEPT_KEYS_MAX {
            self.queues = HashMap::new();
        }
    }

    /// The client at a place in the queue of a key.
    pub fn client_at(&self, db: DbIndex, key: &[u8], place: usize) -> Option<ClientId> {
        self.queues.get(&(db, Box::from(key)))?.clients.get(place).copied()
    }

    /// A key has changed.
    pub fn signal(&mut self, db: DbIndex, key: &[u8]) {
        let key = (db, key.into());
        let Some(queue) = self.queues.get_mut(&key) else { return };
        self.signals += 1;
        self.has_news = true;
        if queue.signal.replace(self.signals).is_none() {
            self.ready.push_back(key);
        }
    }

    /// All keys may have changed, or all of one database.
    pub fn signal_all(&mut self, db: Option<DbIndex>) {
        let all = self.queues.keys().filter(|(of, _)| db.is_none_or(|db| *of == db));
        let mut all: Vec<AwaitedKey> = all.cloned().collect();
        all.sort_unstable();
        for (db, key) in all {
            self.signal(db, &key);
        }
    }

    /// The next key that is ready. From now on it is not, until it changes again or is put back.
    pub fn next_ready(&mut self) -> Option<Ready> {
        self.has_news = false;
        while let Some(key) = self.ready.pop_front() {
            // A key that nobody waits for any more has no queue.
            if let Some(signal) = self.queues.get_mut(&key).and_then(|queue| queue.signal.take()) {
                let (db, key) = key;
                return Some(Ready { db, key, signal });
            }
        }
        if self.ready.capacity() > KEPT_KEYS_MAX {
            self.ready = VecDeque::new();
        }
        None
    }

    /// A ready key cannot be looked at now: it stays ready.
    pub fn put_back(&mut self, ready: Ready) {
        let Ready { db, key, signal } = ready;
        let key = (db, key);
        if let Some(queue) = self.queues.get_mut(&key)
            && queue.signal.is_none()
        {
            queue.signal = Some(signal);
            self.ready.push_back(key);
        }
    }

    /// Takes out the keys of slots that leave for another shard.
    pub fn take_slots(&mut self, slots: &SlotSet) -> KeysOfSlots {
        let leaves = |key: &AwaitedKey| slots.contains(SlotId::of(&key.1));
        let gone = self.queues.extract_if(|key, _| leaves(key));
        let gone = gone.map(|((db, key), queue)| (db, key, queue.clients)).collect();
        self.ready.retain(|key| !leaves(key));
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DB: DbIndex = DbIndex(0);

    fn ready(keys: &mut BlockingKeys) -> Vec<(String, u64)> {
        std::iter::from_fn(|| keys.next_ready())
            .map(|ready| (String::from_utf8_lossy(&ready.key).into_owned(), ready.signal))
            .collect()
    }

    #[test]
    fn keys_that_nobody_awaits_any_more_leave_no_room_for_as_many() {
        let mut keys = BlockingKeys::default();
        let names: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
        names.iter().for_each(|name| keys.add(DB, name.as_bytes(), ClientId(1)));
        names.iter().for_each(|name| keys.signal(DB, name.as_bytes()));
        names.iter().for_each(|name| keys.remove(DB, name.as_bytes(), ClientId(1)));
        assert!(ready(&mut keys).is_empty());
        assert!(keys.queues.capacity() <= KEPT_KEYS_MAX && keys.ready.capacity() <= KEPT_KEYS_MAX);
    }

    #[test]
    fn a_key_becomes_ready_once_however_often_it_changes_and_only_if_somebody_waits() {
        let mut keys = BlockingKeys::default();
        keys.signal(DB, b"a");
        assert!(!keys.has_news());
        keys.add(DB, b"a", ClientId(1));
        keys.add(DB, b"b", ClientId(1));
        keys.signal(DB, b"b");
        keys.signal(DB, b"a");
        keys.signal(DB, b"b");
        keys.signal(DbIndex(1), b"a");
        assert!(keys.has_news());
        assert_eq!(ready(&mut keys), [("b".into(), 3), ("a".into(), 2)]);
        assert!(!keys.has_news());
        keys.signal_all(Some(DB));
        assert_eq!(ready(&mut keys), [("a".into(), 4), ("b".into(), 5)]);
    }

    #[test]
    fn a_key_that_is_put_back_stays_ready_without_being_news() {
        let mut keys = BlockingKeys::default();
        keys.add(DB, b"a", ClientId(1));
        keys.signal(DB, b"a");
        let first = keys.next_ready().unwrap();
        keys.put_back(first);
        assert!(!keys.has_news());
        keys.look_again();
        assert!(keys.has_news());
        let first = keys.next_ready().unwrap();
        // A newer change wins.
        keys.signal(DB, b"a");
        keys.put_back(first);
        assert_eq!(ready(&mut keys), [("a".into(), 2)]);
        keys.look_again();
        assert!(!keys.has_news());
    }

    #[test]
    fn clients_are_served_in_their_order_and_the_last_one_takes_the_key_along() {
        let mut keys = BlockingKeys::default();
        for client in [3, 1, 1, 2] {
            keys.add(DB, b"a", ClientId(client));
        }
        keys.signal(DB, b"a");
        keys.remove(DB, b"a", ClientId(3));
        assert_eq!(keys.client_at(DB, b"a", 0), Some(ClientId(1)));
        assert_eq!(keys.client_at(DB, b"a", 1), Some(ClientId(2)));
        assert_eq!(keys.client_at(DB, b"a", 2), None);
        keys.remove(DB, b"a", ClientId(1));
        keys.remove(DB, b"a", ClientId(2));
        assert!(keys.is_empty());
        assert!(keys.next_ready().is_none());
    }

    #[test]
    fn the_keys_of_a_slot_leave_with_those_who_wait_for_them() {
        let mut keys = BlockingKeys::default();
        keys.add(DB, b"a", ClientId(1));
        keys.add(DB, b"b", ClientId(2));
        keys.signal(DB, b"a");
        let gone = keys.take_slots(&[SlotId::of(b"a")].into_iter().collect());
        assert_eq!(gone, [(DB, Box::from(&b"a"[..]), vec![ClientId(1)])]);
        assert!(keys.next_ready().is_none());
        assert_eq!(keys.client_at(DB, b"b", 0), Some(ClientId(2)));
    }
}
