//! Client-side caching: what clients have asked for (CLIENT TRACKING), and how they learn that their copies are not valid
//! any more.
//!
//! Which keys a client has read is known to the shards of the keys ([`shards::shard::tracking`]); all else is known to the client's
//! own worker: mode, prefixes, redirection. A shard's worker fetches what the shard has noted after each command and sends
//! it to the workers of the clients, where it goes behind all replies that the client awaits. Who tracks by prefixes
//! (BCAST) is told at the end of a turn, of all keys that have changed in it, as Redis does once per event loop cycle;
//! shards note changed keys while any worker has such clients ([`TrackingCounts`]).
//!
//! A message for another connection (REDIRECT) goes to that connection's worker. If the connection has gone, the word
//! comes back, and the client that has asked for it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shards::copies::{ChangedByClient, ConnectionId, Tracker, TrackingNote};
use shards::reply::Reply;
use shards::slot::ShardId;
use shards::watch::ClientId;

use crate::config::Config;
use crate::mesh::Hop;
use crate::node::distinct_names::DistinctNames;
use crate::session::Session;
use crate::session::connection::{Closing, Connection};
use crate::worker::Worker;

/// Where a RESP2 connection gets invalidations from: a channel that nothing can be published to by this way but them.
const CHANNEL: &[u8] = b"__redis__:invalidate";
/// Remembered keys that a turn forgets while they are too many.
const FORGOTTEN_KEYS_PER_TURN: usize = 256;
/// Bytes of a hop beside its keys, and of a key beside its text.
const HOP_BYTES: usize = 64;

/// What a client wants to be told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The keys that it reads.
    Reads,
    /// The keys that commands behind CLIENT CACHING YES read (OPTIN).
    OptIn,
    /// The keys that it reads, but for those of commands behind CLIENT CACHING NO (OPTOUT).
    OptOut,
    /// All keys with certain prefixes (BCAST).
    Prefixes,
}

/// CLIENT TRACKING of one client that is on.
#[derive(Clone, Debug)]
pub struct Tracking {
    /// What it is told of.
    pub mode: Mode,
    /// Who is told in its place.
    pub redirect: Option<Tracker>,
    /// That one is found to be gone.
    pub is_redirect_broken: bool,
    /// It is not told of its own changes (NOLOOP).
    pub is_noloop: bool,
    /// CLIENT CACHING was the command before, or comes before the transaction that runs.
    pub is_caching_said: bool,
    /// Of [`Mode::Prefixes`].
    pub prefixes: BTreeSet<Vec<u8>>,
}

/// What CLIENT TRACKING changes.
#[derive(Clone, Debug)]
pub enum Change {
    /// OFF.
    Off,
    /// ON. Prefixes come to those that are there.
    On {
        /// What the client wants to be told of.
        mode: Mode,
        /// NOLOOP.
        is_noloop: bool,
        /// PREFIX; with BCAST at least one, which may be empty.
        prefixes: Vec<Vec<u8>>,
    },
}

impl Change {
    /// What comes of it for a client.
    pub fn apply(self, before: Option<Box<Tracking>>, redirect: Option<Tracker>) -> Option<Box<Tracking>> {
        let Change::On { mode, is_noloop, prefixes: more } = self else { return None };
        let (is_caching_said, mut prefixes) =
            before.map_or_else(Default::default, |before| (before.is_caching_said, before.prefixes));
        prefixes.extend(more);
        let is_redirect_broken = false;
        Some(Box::new(Tracking { mode, redirect, is_redirect_broken, is_noloop, is_caching_said, prefixes }))
    }
}

impl Tracking {
    /// Whether the keys of the command that runs are remembered, if it reads.
    pub fn remembers(&self) -> bool {
        match self.mode {
            Mode::Reads => true,
            Mode::OptIn => self.is_caching_said,
            Mode::OptOut => !self.is_caching_said,
            Mode::Prefixes => false,
        }
    }
}

impl Session {
    /// Whether the client keeps copies of what the next command reads.
    #[inline]
    pub fn keeps_copies(&self) -> bool {
        self.tracking.as_ref().is_some_and(|tracking| tracking.remembers())
    }

    /// A command is over for which CLIENT CACHING was meant, or could have been.
    pub fn forget_caching(&mut self) {
        if let Some(tracking) = &mut self.tracking {
            tracking.is_caching_said = false;
        }
    }
}

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

    fn add(&mut self, index: u32, id: ClientId, tracking: &Tracking, counts: &TrackingCounts) {
        self.all.insert(index, TrackingClient { id, is_noloop: tracking.is_noloop });
        for prefix in &tracking.prefixes {
            let clients = self.prefixes.entry(prefix.clone()).or_default();
            if clients.is_empty() {
                counts.distinct_prefixes.add(&Arc::from(&prefix[..]));
            }
            clients.insert(index);
        }
    }

    fn remove(&mut self, index: u32, tracking: &Tracking, counts: &TrackingCounts) {
        self.all.remove(&index);
        for prefix in &tracking.prefixes {
            if let Some(clients) = self.prefixes.get_mut(prefix) {
                clients.remove(&index);
                if clients.is_empty() {
                    self.prefixes.remove(prefix);
                    counts.distinct_prefixes.remove(prefix);
                }
            }
        }
    }

    /// Of a key that has changed several times in a turn the first change counts, as in Redis.
    fn changed(&mut self, keys: &[ChangedByClient]) {
        if !self.prefixes.is_empty() {
            for (key, by) in keys {
                self.changed.entry(key.clone()).or_insert(*by);
            }
        }
    }

    /// Who has to be told of which keys of this turn: for each prefix, in order, all keys, and for each of its clients all
    /// but its own.
    fn take_broadcasts(&mut self) -> Vec<(u32, ClientId, Copies)> {
        let changed = std::mem::take(&mut self.changed);
        let mut broadcasts = Vec::new();
        for (prefix, clients) in &self.prefixes {
            let keys = changed.range(Box::from(&prefix[..])..).take_while(|(key, _)| key.starts_with(prefix));
            let keys: Vec<(&Box<[u8]>, ClientId)> = keys.map(|(key, by)| (key, *by)).collect();
            let all: Arc<[Box<[u8]>]> = keys.iter().map(|(key, _)| (*key).clone()).collect();
            for (&index, &TrackingClient { id, is_noloop }) in
                clients.iter().filter_map(|index| self.all.get_key_value(index))
            {
                let of_others = || keys.iter().filter(|(_, by)| *by != id).map(|(key, _)| (*key).clone());
                let copies = if is_noloop { of_others().collect() } else { Arc::clone(&all) };
                if !copies.is_empty() {
                    broadcasts.push((index, id, Some(copies)));
                }
            }
        }
        broadcasts
    }
}

/// What is not valid any more: copies of these keys, or all.
type Copies = Option<Arc<[Box<[u8]>]>>;

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
    /// The client that yours has redirected to has gone.
    RedirectBroken(Tracker),
}

/// What the process shares: how many clients of each worker track, so that messages go only where they are.
#[derive(Debug)]
pub struct TrackingCounts {
    clients: Vec<AtomicUsize>,
    prefixes: Vec<AtomicUsize>,
    /// Workers with any prefixes.
    broadcasting: AtomicUsize,
    /// The prefixes of all workers.
    distinct_prefixes: DistinctNames,
}

impl TrackingCounts {
    /// None, for so many workers.
    pub fn new(workers: usize) -> TrackingCounts {
        let none = || (0..workers).map(|_| AtomicUsize::new(0)).collect();
        TrackingCounts {
            clients: none(),
            prefixes: none(),
            broadcasting: AtomicUsize::new(0),
            distinct_prefixes: DistinctNames::default(),
        }
    }

    /// The prefixes that any client tracks by.
    pub fn prefixes(&self) -> &DistinctNames {
        &self.distinct_prefixes
    }

    /// Told by the worker itself, before CLIENT TRACKING is answered. Who changes a key after that answer was seen sees it
    /// here: hence sequential consistency.
    fn set(&self, worker: ShardId, clients: &TrackingClients) {
        self.clients[worker.index()].store(clients.all.len(), Ordering::SeqCst);
        let prefixes = clients.prefixes.len();
        let before = self.prefixes[worker.index()].swap(prefixes, Ordering::SeqCst);
        match (before, prefixes) {
            (0, 1..) => _ = self.broadcasting.fetch_add(1, Ordering::SeqCst),
            (1.., 0) => _ = self.broadcasting.fetch_sub(1, Ordering::SeqCst),
            _ => {}
        }
    }

    /// True when changed keys have to be noted.
    #[inline]
    pub fn is_broadcasting(&self) -> bool {
        self.broadcasting.load(Ordering::SeqCst) > 0
    }

    fn workers(counts: &[AtomicUsize]) -> impl Iterator<Item = ShardId> {
        let with_any = counts.iter().enumerate().filter(|(_, count)| count.load(Ordering::SeqCst) > 0);
        with_any.map(|(worker, _)| ShardId(worker as u16))
    }
}

/// How many keys one of so many shards may remember: the directive is for all together.
pub fn keys_max_of_shard(config: &Config, shards: usize) -> usize {
    let keys_max = usize::try_from(config.tracking_table_max_keys).unwrap_or(usize::MAX);
    keys_max.div_ceil(shards.max(1))
}

impl Worker {
    // --- What clients ask for ----------------------------------------------------------------------------------

    /// Changes what a client is told of.
    pub(crate) fn set_tracking(
        &mut self,
        connection: &mut Connection,
        change: Change,
        redirect: Option<Tracker>,
    ) {
        let Connection { index, has_left, ref mut session, .. } = *connection;
        let before = session.tracking.take();
        if let Some(before) = &before {
            self.tracking.remove(index, before, &self.node.tracking);
        }
        // A transaction that a killed client has begun goes on, and tracks nothing.
        session.tracking = change.apply(before, redirect).filter(|_| !has_left);
        if let Some(tracking) = &session.tracking {
            self.tracking.add(index, ClientId(session.id), tracking, &self.node.tracking);
        }
        self.node.tracking.set(self.id, &self.tracking);
        self.see_broadcasting();
    }

    /// The client is told of nothing any more: RESET, or it is gone.
    pub(crate) fn end_tracking(&mut self, connection: &mut Connection) {
        if connection.session.tracking.is_some() {
            self.set_tracking(connection, Change::Off, None);
        }
    }

    /// The client has been found to which invalidations for this connection shall go.
    pub(crate) fn redirect_found(&mut self, connection: &mut Connection, at: ConnectionId) {
        if let Some(later) = connection.session.tracking_later.take() {
            let (client, change) = *later;
            self.set_tracking(connection, change, Some(Tracker { client, at }));
        }
    }

    /// Has the shard note changed keys as long as anybody of the node wants to know. Called before commands run that were
    /// sent after the last call.
    #[inline]
    pub(crate) fn see_broadcasting(&mut self) {
        self.shard.set_broadcasting(self.node.tracking.is_broadcasting());
    }

    /// Where a client of this worker is.
    pub(crate) fn find_client(&self, client: ClientId) -> Option<ConnectionId> {
        let mut found = self.clients().filter(|connection| connection.session.id == client.0);
        found.next().map(|connection| ConnectionId { worker: self.id, index: connection.index })
    }

    // --- What clients are told -----------------------------------------------------------------------------------

    /// Tells clients what this worker's shard has noted since the last call. `at_hand` is a connection that is being worked
    /// on, and whose command has its reply.
    #[inline]
    pub(crate) fn tell_trackers(&mut self, at_hand: Option<&mut Connection>) {
        if self.shard.has_tracking_notes() {
            self.telling(|worker| worker.tell_what_is_noted(at_hand));
        }
    }

    #[cold]
    fn tell_what_is_noted(&mut self, mut at_hand: Option<&mut Connection>) {
        if self.shard.has_served() {
            // What they have read comes before the word that it has changed.
            self.deliver_served();
        }
        let mut elsewhere: BTreeMap<ShardId, (Vec<TrackingNote>, usize)> = BTreeMap::new();
        let mut send = |worker: ShardId, note: TrackingNote| {
            let (notes, bytes) = elsewhere.entry(worker).or_default();
            *bytes += HOP_BYTES;
            notes.push(note);
        };
        let mut own = Vec::new();
        for note in self.shard.take_tracking_notes() {
            match note {
                TrackingNote::Changed { tracker, .. } if tracker.at.worker == self.id => own.push(note),
                TrackingNote::Changed { tracker, .. } => send(tracker.at.worker, note),
                TrackingNote::Flushed => {
                    let workers = TrackingCounts::workers(&self.node.tracking.clients);
                    workers.filter(|&worker| worker != self.id).for_each(|worker| send(worker, note.clone()));
                    own.push(note);
                }
            }
        }
        for (worker, (notes, bytes)) in elsewhere {
            self.send_tracking(worker, TrackingHop::Notes(notes), bytes);
        }
        self.tell_own(own, &mut at_hand);
    }

    fn tell_own(&mut self, notes: Vec<TrackingNote>, at_hand: &mut Option<&mut Connection>) {
        for note in notes {
            match note {
                TrackingNote::Changed { tracker, key, by } => {
                    // One that has changed to prefixes hears of these alone.
                    let is_wanted = |tracking: &Tracking| {
                        tracking.mode != Mode::Prefixes && !(tracking.is_noloop && by == tracker.client)
                    };
                    let copies = Some(Arc::from([key]));
                    self.tell_client(at_hand, tracker.client, tracker.at.index, &copies, is_wanted);
                }
                TrackingNote::Flushed => {
                    let all: Vec<_> =
                        self.tracking.all.iter().map(|(&index, client)| (index, client.id)).collect();
                    for (index, client) in all {
                        self.tell_client(at_hand, client, index, &None, |_| true);
                    }
                }
            }
        }
    }

    /// Tells those who track by prefixes what has changed since the last call. At the end of a turn, when no connection is
    /// being worked on.
    pub(crate) fn tell_of_prefixes(&mut self) {
        if self.shard.has_changed_keys() || !self.tracking.changed.is_empty() {
            self.telling(Worker::tell_of_changed_prefixes);
        }
    }

    fn tell_of_changed_prefixes(&mut self) {
        let changed = self.shard.take_changed_keys();
        if !changed.is_empty() {
            self.tracking.changed(&changed);
            let bytes = changed.iter().map(|(key, _)| key.len() + HOP_BYTES).sum();
            let changed = Arc::new(changed);
            let workers = TrackingCounts::workers(&self.node.tracking.prefixes);
            for worker in workers.filter(|&worker| worker != self.id).collect::<Vec<_>>() {
                self.send_tracking(worker, TrackingHop::Changed(Arc::clone(&changed)), bytes);
            }
        }
        if !self.tracking.changed.is_empty() {
            for (index, client, copies) in self.tracking.take_broadcasts() {
                self.tell_client(&mut None, client, index, &copies, |tracking| {
                    tracking.mode == Mode::Prefixes
                });
            }
        }
    }

    /// Forgets remembered keys that are too many.
    pub(crate) fn limit_tracking(&mut self) {
        if self.shard.env().tracking.is_over_limit() {
            self.shard.limit_tracking(FORGOTTEN_KEYS_PER_TURN);
        }
    }

    /// Takes what another worker has to say.
    pub(crate) fn take_tracking(&mut self, from: ShardId, hop: TrackingHop) {
        self.telling(|worker| worker.tell_what_others_say(from, hop));
    }

    fn tell_what_others_say(&mut self, from: ShardId, hop: TrackingHop) {
        match hop {
            TrackingHop::Notes(notes) => self.tell_own(notes, &mut None),
            TrackingHop::Changed(changed) => self.tracking.changed(&changed),
            TrackingHop::Redirected { to, from: client, copies } => {
                if !self.tell_redirected(&mut None, to, &copies) {
                    self.send_tracking(from, TrackingHop::RedirectBroken(client), HOP_BYTES);
                }
            }
            TrackingHop::RedirectBroken(client) => self.redirect_is_broken(&mut None, client),
        }
    }

    fn send_tracking(&mut self, worker: ShardId, hop: TrackingHop, bytes: usize) {
        self.mesh.send_sized(worker, Hop::Tracking(Box::new(hop)), bytes);
    }

    /// Tells a client, or whom it has redirected to, if it is still there and tracks as it is wanted.
    fn tell_client(
        &mut self,
        at_hand: &mut Option<&mut Connection>,
        client: ClientId,
        index: u32,
        copies: &Copies,
        is_wanted: impl FnOnce(&Tracking) -> bool,
    ) {
        let redirect = self.with_client(at_hand, client, index, |worker, connection| {
            let tracking = connection.session.tracking.as_ref().filter(|tracking| is_wanted(tracking))?;
            if tracking.redirect.is_none() {
                worker.push_copies(connection, copies, false);
            }
            tracking_redirect(connection)
        });
        let Some(to) = redirect.flatten() else { return };
        let from = Tracker { client, at: ConnectionId { worker: self.id, index } };
        if to.at.worker != self.id {
            let keys = copies.iter().flat_map(|keys| keys.iter());
            let bytes = HOP_BYTES + keys.map(|key| key.len() + HOP_BYTES).sum::<usize>();
            let copies = copies.clone();
            self.send_tracking(to.at.worker, TrackingHop::Redirected { to, from, copies }, bytes);
        } else if !self.tell_redirected(at_hand, to, copies) {
            self.redirect_is_broken(at_hand, from);
        }
    }

    /// Tells a client in the place of another one. False when it has gone.
    fn tell_redirected(
        &mut self,
        at_hand: &mut Option<&mut Connection>,
        to: Tracker,
        copies: &Copies,
    ) -> bool {
        let told = self.with_client(at_hand, to.client, to.at.index, |worker, connection| {
            worker.push_copies(connection, copies, true);
        });
        told.is_some()
    }

    fn redirect_is_broken(&mut self, at_hand: &mut Option<&mut Connection>, client: Tracker) {
        self.with_client(at_hand, client.client, client.at.index, |worker, connection| {
            let Session { ref mut tracking, resp3, .. } = connection.session;
            let Some(tracking) = tracking else { return };
            let Some(redirect) = tracking.redirect else { return };
            tracking.is_redirect_broken = true;
            if resp3 {
                let mut push = Reply::new(true);
                push.push(2);
                push.bulk(b"tracking-redir-broken");
                push.int(redirect.client.0 as i64);
                connection.push(&push);
                worker.mark_dirty(connection);
            }
        });
    }

    /// Pushes an invalidation. A connection that speaks RESP2 can get it only as a subscriber, and only in the place of
    /// another one.
    fn push_copies(&mut self, connection: &mut Connection, copies: &Copies, is_redirected: bool) {
        let session = &connection.session;
        let mut push = Reply::new(session.resp3);
        if session.resp3 {
            push.push(2);
            push.bulk(b"invalidate");
        } else if is_redirected && session.is_subscribed() {
            push.push(3);
            push.bulk(b"message");
            push.bulk(CHANNEL);
        } else {
            return;
        }
        match copies {
            Some(keys) => {
                push.array(keys.len());
                keys.iter().for_each(|key| push.bulk(key));
            }
            None => push.null(),
        }
        connection.push(&push);
        self.mark_dirty(connection);
    }

    /// Does something with a client of this worker, unless it has gone.
    fn with_client<R>(
        &mut self,
        at_hand: &mut Option<&mut Connection>,
        client: ClientId,
        index: u32,
        act: impl FnOnce(&mut Worker, &mut Connection) -> R,
    ) -> Option<R> {
        let is_there = |connection: &Connection| {
            connection.session.id == client.0 && connection.closing != Some(Closing::Now)
        };
        if let Some(connection) = at_hand.as_deref_mut().filter(|connection| connection.index == index) {
            return is_there(connection).then(|| act(self, connection));
        }
        let mut connection = self.take_out(index)?;
        let result = is_there(&connection).then(|| act(self, &mut connection));
        self.put_back(connection);
        result
    }
}

fn tracking_redirect(connection: &Connection) -> Option<Tracker> {
    connection.session.tracking.as_ref()?.redirect
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_prefixes(prefixes: &[&str], is_noloop: bool) -> Tracking {
        let prefixes = prefixes.iter().map(|prefix| prefix.as_bytes().to_vec()).collect();
        let change = Change::On { mode: Mode::Prefixes, is_noloop, prefixes };
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
        let counts = TrackingCounts::new(1);
        let (loud, quiet) = (by_prefixes(&["a", "b"], false), by_prefixes(&["a"], true));
        clients.add(1, ClientId(11), &loud, &counts);
        clients.changed(&changed(&[("a2", 12), ("c", 11)]));
        clients.add(2, ClientId(12), &quiet, &counts);
        assert_eq!(counts.prefixes().len(), 2);
        // Who has changed a key first counts.
        clients.changed(&changed(&[("b", 12), ("a2", 11), ("a1", 11)]));
        let words = |text: &str| text.to_owned();
        assert_eq!(told(&mut clients), [(1, words("a1 a2")), (2, words("a1")), (1, words("b"))]);
        assert_eq!(told(&mut clients), []);
        clients.changed(&changed(&[("a1", 12)]));
        assert_eq!(told(&mut clients), [(1, words("a1"))]);
        clients.remove(1, &loud, &counts);
        clients.remove(2, &quiet, &counts);
        clients.changed(&changed(&[("a1", 12)]));
        assert_eq!((clients.len(), counts.prefixes().len(), clients.changed.len()), (0, 0, 0));
    }

    #[test]
    fn workers_with_prefixes_are_counted_once() {
        let counts = TrackingCounts::new(2);
        let mut clients = TrackingClients::default();
        counts.set(ShardId(1), &clients);
        assert!(!counts.is_broadcasting());
        let tracking = by_prefixes(&["a", "b"], false);
        clients.add(1, ClientId(11), &tracking, &counts);
        counts.set(ShardId(1), &clients);
        counts.set(ShardId(1), &clients);
        assert!(counts.is_broadcasting());
        assert_eq!(TrackingCounts::workers(&counts.clients).collect::<Vec<_>>(), [ShardId(1)]);
        clients.remove(1, &tracking, &counts);
        counts.set(ShardId(1), &clients);
        assert!(!counts.is_broadcasting());
    }

    #[test]
    fn the_limit_is_divided_among_shards() {
        for (keys_max, shards, expected) in [(0, 3, 0), (1, 3, 1), (9, 3, 3), (10, 3, 4)] {
            let config = Config { tracking_table_max_keys: keys_max, ..Config::default() };
            assert_eq!(keys_max_of_shard(&config, shards), expected);
        }
    }
}
