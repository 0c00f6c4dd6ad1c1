//! The clients of one worker that track, and what workers tell each other of copies that are not valid any
//! more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use shards::copies::{ChangedByClient, ConnectionId, Tracker, TrackingNote};
use shards::watch::ClientId;

use crate::config::Config;
use crate::tracking::kept::{Copies, KeptCopies, KeptInExec};
use crate::tracking::mode::ClientTracking;

/// A client of this worker that tracks.
#[derive(Clone, Copy, Debug)]
struct TrackingClient {
    id: ClientId,
    is_noloop: bool,
}

/// The clients of one worker that track. One per worker.
#[derive(Debug, Default)]
pub struct TrackingClients {
    /// By the numbers of their connections.
    all: BTreeMap<u32, TrackingClient>,
    /// Those that track by prefixes, by prefix.
    prefixes: BTreeMap<Vec<u8>, BTreeSet<u32>>,
    /// The keys of the node that have changed in this turn, as far as is known here.
    changed: BTreeMap<Box<[u8]>, ClientId>,
    /// Those that track or may track, with a transaction under way that may change what they are told and
    /// how: what has come for them meanwhile.
    in_exec: BTreeMap<u32, KeptInExec>,
    /// Those that redirect to a client that is not where it was: one search for each.
    searches: BTreeMap<u32, Search>,
    /// The number of the last search.
    last_search: u64,
}

/// The search for the client to which another one redirects. All other workers are asked.
#[derive(Debug)]
struct Search {
    /// So that an answer is not taken for one to a later search.
    number: u64,
    /// Who redirects.
    from: ClientId,
    /// To whom.
    to: ClientId,
    /// How many workers have not answered.
    awaited: usize,
    /// What it has to be told.
    kept: KeptCopies,
}

/// What an answer means to a search.
#[derive(Debug)]
pub enum Sought {
    /// Nothing: others have not answered, or the search is over.
    GoesOn,
    /// This client was found, or nobody has it: here is what has been kept for it.
    Over(ClientId, KeptCopies),
}

impl TrackingClients {
    /// How many they are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Nobody tracks.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A client tracks. `begin` is told of each prefix that no other client of this worker has.
    pub fn add(&mut self, index: u32, id: ClientId, tracking: &ClientTracking, mut begin: impl FnMut(&[u8])) {
        self.all.insert(index, TrackingClient { id, is_noloop: tracking.is_noloop });
        for prefix in &tracking.prefixes {
            let clients = self.prefixes.entry(prefix.clone()).or_default();
            if clients.is_empty() {
                begin(prefix);
            }
            clients.insert(index);
        }
    }

    /// A client does so no longer. `end` is told of each prefix that no other client of this worker has.
    pub fn remove(&mut self, index: u32, tracking: &ClientTracking, mut end: impl FnMut(&[u8])) {
        self.all.remove(&index);
        for prefix in &tracking.prefixes {
            if let Some(clients) = self.prefixes.get_mut(prefix) {
                clients.remove(&index);
                if clients.is_empty() {
                    self.prefixes.remove(prefix);
                    end(prefix);
                }
            }
        }
    }

    /// By how many prefixes any of them tracks.
    pub fn prefix_count(&self) -> usize {
        self.prefixes.len()
    }

    /// How many clients have to be told of a flush, at most; and by how many prefixes any of them tracks, or
    /// may track before long.
    pub fn concerned(&self) -> (usize, usize) {
        let may_have_prefixes = self.in_exec.values().filter(|kept| kept.may_have_prefixes).count();
        (self.all.len() + self.in_exec.len(), self.prefixes.len() + may_have_prefixes)
    }

    /// The numbers of their connections, and who they are; with those whose transaction may have them track.
    pub fn all(&self) -> Vec<(u32, ClientId)> {
        let tracking = self.all.iter().map(|(&index, client)| (index, client.id));
        let in_exec = self.in_exec.iter().map(|(&index, kept)| (index, kept.id));
        tracking.chain(in_exec.filter(|(index, _)| !self.all.contains_key(index))).collect()
    }

    /// A client's transaction has begun that may change what the client is told and how.
    pub fn begin_exec(&mut self, index: u32, kept: KeptInExec) {
        self.in_exec.insert(index, kept);
    }

    /// It is over: what has come meanwhile.
    pub fn end_exec(&mut self, index: u32) -> Option<KeptInExec> {
        self.in_exec.remove(&index)
    }

    /// Where what comes for the client is kept, if its transaction is under way.
    pub fn in_exec(&mut self, index: u32, id: ClientId) -> Option<&mut KeptInExec> {
        self.in_exec.get_mut(&index).filter(|kept| kept.id == id)
    }

    /// Keys have changed in this turn, as far as anybody here tracks by prefixes.
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Of a key that has changed several times in a turn the first change counts, as in Redis.
    pub fn changed(&mut self, keys: &[ChangedByClient]) {
        if !self.prefixes.is_empty() || self.in_exec.values().any(|kept| kept.may_have_prefixes) {
            for (key, by) in keys {
                self.changed.entry(key.clone()).or_insert(*by);
            }
        }
    }

    /// Who has to be told of which keys of this turn: for each prefix, in order, all keys, and for each of
    /// its clients all but its own.
    pub fn take_broadcasts(&mut self) -> Vec<(u32, ClientId, Copies)> {
        let changed = std::mem::take(&mut self.changed);
        for kept in self.in_exec.values_mut().filter(|kept| kept.may_have_prefixes) {
            changed.iter().for_each(|(key, by)| kept.add_changed(key, *by));
        }
        let mut broadcasts = Vec::new();
        for (prefix, clients) in &self.prefixes {
            let keys = changed.range(Box::from(&prefix[..])..).take_while(|(key, _)| key.starts_with(prefix));
            let keys: Vec<(&Box<[u8]>, ClientId)> = keys.map(|(key, by)| (key, *by)).collect();
            let all: Arc<[Box<[u8]>]> = keys.iter().map(|(key, _)| (*key).clone()).collect();
            for (&index, &TrackingClient { id, is_noloop }) in
                clients.iter().filter_map(|index| self.all.get_key_value(index))
            {
                if self.in_exec.contains_key(&index) {
                    continue;
                }
                let of_others = || keys.iter().filter(|(_, by)| *by != id).map(|(key, _)| (*key).clone());
                let copies = if is_noloop { of_others().collect() } else { Arc::clone(&all) };
                if !copies.is_empty() {
                    broadcasts.push((index, id, Some(copies)));
                }
            }
        }
        broadcasts
    }

    /// Begins to look for the client to which this one redirects, by asking so many workers. Returns the
    /// search's number.
    pub fn begin_search(&mut self, from: Tracker, to: ClientId, awaited: usize, copies: Copies) -> u64 {
        self.last_search += 1;
        let (number, mut kept) = (self.last_search, KeptCopies::default());
        kept.add(copies);
        let search = Search { number, from: from.client, to, awaited, kept };
        self.searches.insert(from.at.index, search);
        number
    }

    /// Keeps what the client to which this one redirects has to be told, if it is being looked for.
    pub fn keep_for_search(&mut self, from: Tracker, to: ClientId, copies: &Copies) -> bool {
        let search = self.searches.get_mut(&from.at.index);
        let search = search.filter(|search| (search.from, search.to) == (from.client, to));
        search.map(|search| search.kept.add(copies.clone())).is_some()
    }

    /// A worker has answered.
    pub fn sought(&mut self, from: Tracker, number: u64, is_found: bool) -> Sought {
        let index = from.at.index;
        let search = self.searches.get_mut(&index).filter(|search| search.number == number);
        let Some(search) = search else { return Sought::GoesOn };
        search.awaited -= 1;
        if search.awaited > 0 && !is_found {
            return Sought::GoesOn;
        }
        self.end_search(index).map_or(Sought::GoesOn, |(to, kept)| Sought::Over(to, kept))
    }

    /// Ends the search for the client to which this one redirects, if there is one: whom it was for, and what
    /// has been kept.
    pub fn end_search(&mut self, index: u32) -> Option<(ClientId, KeptCopies)> {
        self.searches.remove(&index).map(|Search { to, kept, .. }| (to, kept))
    }
}

/// What workers tell each other of tracking.
pub enum TrackingHop {
    /// Tell these clients of yours.
    Notes(Vec<TrackingNote>),
    /// These keys of my shard have changed; tell those who track by prefixes.
    Changed(Arc<Vec<ChangedByClient>>),
    /// Tell this client of yours in the place of another one.
    Redirected {
        /// Whom.
        to: Tracker,
        /// For whom.
        from: Tracker,
        /// What.
        copies: Copies,
    },
    /// The same, back: that client is not there.
    NotHere {
        /// Whom.
        to: Tracker,
        /// For whom.
        from: Tracker,
        /// What.
        copies: Copies,
    },
    /// Is this client yours, to which one of mine redirects? The number is that of the search.
    Seek(ClientId, Tracker, u64),
    /// Where it is, if it is mine.
    Sought(Tracker, u64, Option<ConnectionId>),
}

/// How many keys one of so many shards may remember: the directive is for all together.
pub fn keys_max_of_shard(config: &Config, shards: usize) -> usize {
    let keys_max = usize::try_from(config.tracking_table_max_keys).unwrap_or(usize::MAX);
    keys_max.div_ceil(shards.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracking::mode::{TrackingChange, TrackingMode};

    fn by_prefixes(prefixes: &[&str], is_noloop: bool) -> ClientTracking {
        let prefixes = prefixes.iter().map(|prefix| prefix.as_bytes().to_vec()).collect();
        let change = TrackingChange::On { mode: TrackingMode::Prefixes, is_noloop, prefixes };
        *change.apply(None, None).unwrap()
    }

    fn changed(keys: &[(&str, u64)]) -> Vec<ChangedByClient> {
        keys.iter().map(|&(key, by)| (key.as_bytes().into(), ClientId(by))).collect()
    }

    /// The connection, and the keys that it is told of.
    fn told(clients: &mut TrackingClients) -> Vec<(u32, String)> {
        let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        let words =
            |copies: Copies| copies.unwrap().iter().map(|key| text(key)).collect::<Vec<_>>().join(" ");
        let broadcasts = clients.take_broadcasts().into_iter();
        broadcasts.map(|(index, _, copies)| (index, words(copies))).collect()
    }

    #[test]
    fn each_prefix_is_told_of_its_keys_in_order_and_noloop_of_those_of_others() {
        let mut clients = TrackingClients::default();
        let (loud, quiet) = (by_prefixes(&["a", "b"], false), by_prefixes(&["a"], true));
        let mut begun = Vec::new();
        clients.add(1, ClientId(11), &loud, |prefix| begun.push(prefix.to_vec()));
        clients.changed(&changed(&[("a2", 12), ("c", 11)]));
        clients.add(2, ClientId(12), &quiet, |prefix| begun.push(prefix.to_vec()));
        assert_eq!(begun, [b"a", b"b"]);
        assert_eq!(clients.prefix_count(), 2);
        // Who has changed a key first counts.
        clients.changed(&changed(&[("b", 12), ("a2", 11), ("a1", 11)]));
        let words = |text: &str| text.to_owned();
        assert_eq!(told(&mut clients), [(1, words("a1 a2")), (2, words("a1")), (1, words("b"))]);
        assert_eq!(told(&mut clients), []);
        clients.changed(&changed(&[("a1", 12)]));
        assert_eq!(told(&mut clients), [(1, words("a1"))]);
        let mut ended = Vec::new();
        clients.remove(1, &loud, |prefix| ended.push(prefix.to_vec()));
        assert_eq!(ended, [b"b"]);
        clients.remove(2, &quiet, |prefix| ended.push(prefix.to_vec()));
        assert_eq!(ended, [b"b", b"a"]);
        clients.changed(&changed(&[("a1", 12)]));
        assert_eq!((clients.len(), clients.prefix_count(), clients.changed.len()), (0, 0, 0));
    }

    #[test]
    fn the_limit_is_divided_among_shards() {
        for (keys_max, shards, expected) in [(0, 3, 0), (1, 3, 1), (9, 3, 3), (10, 3, 4)] {
            let config = Config { tracking_table_max_keys: keys_max, ..Config::default() };
            assert_eq!(keys_max_of_shard(&config, shards), expected);
        }
    }
}
