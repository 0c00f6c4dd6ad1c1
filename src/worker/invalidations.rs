//! Client-side caching: what clients have asked for (CLIENT TRACKING), and how they learn that their copies
//! are not valid any more.
//!
//! Which keys a client has read is known to the shards of the keys ([`shards::copies`]); all else is known to
//! the client's own worker: mode, prefixes, redirection. A shard's worker fetches what the shard has noted
//! after each command and sends it to the workers of the clients, where it goes behind all replies that the
//! client awaits. Who tracks by prefixes (BCAST) is told at the end of a turn, of all keys that have changed
//! in it, as Redis does once per event loop cycle; shards note changed keys while any worker has such clients
//! ([`crate::node::counts::TrackingCounts`]).
//!
//! A message for another connection (REDIRECT) goes to that connection's worker (`redirection.rs`).
//!
//! The data commands of a transaction run as the client that they will find, before the commands of the
//! session among them do (`transactions.rs`). So what comes for the client while the transaction is under way
//! is kept, and told at its end, when it is known what the client tracks, in which protocol it is told, and
//! in whose place. Prefixes that may be tracked by from one of the commands on count from the start.

use std::collections::BTreeMap;
use std::sync::Arc;

use shards::copies::{Tracker, TrackingNote};
use shards::reply::Reply;
use shards::slot::ShardId;
use shards::watch::ClientId;

use crate::mesh::Hop;
use crate::session::client::Client;
use crate::session::order::Closing;
use crate::tracking::clients::TrackingHop;
use crate::tracking::kept::{Copies, KeptInExec};
use crate::tracking::mode::{ClientTracking, TrackingChange, TrackingMode};
use crate::worker::Worker;

/// Where a RESP2 connection gets invalidations from: a channel that nothing can be published to by this way
/// but them.
const CHANNEL: &[u8] = b"__redis__:invalidate";
/// Remembered keys that a turn forgets while they are too many.
const FORGOTTEN_KEYS_PER_TURN: usize = 256;
/// Bytes of a hop beside its keys, and of a key beside its text.
pub(super) const HOP_BYTES: usize = 64;

impl Worker {
    // --- What clients ask
    // for ----------------------------------------------------------------------------------

    /// Changes what a client is told of.
    pub(crate) fn set_tracking(&mut self, index: u32, change: TrackingChange, redirect: Option<Tracker>) {
        let Client { has_left, ref mut session, .. } = *self.clients.at(index);
        let distinct = self.node.tracking.prefixes();
        let before = session.tracking.take();
        if let Some(before) = &before {
            if let Some(kept) = self.tracking.in_exec(index, ClientId(session.id)) {
                kept.tracked(before);
            }
            self.tracking.remove(index, before, |prefix| distinct.remove(prefix));
        }
        // A transaction that a killed client has begun goes on, and tracks nothing.
        session.tracking = change.apply(before, redirect).filter(|_| !has_left);
        if let Some(tracking) = &session.tracking {
            let begin = |prefix: &[u8]| distinct.add(&Arc::from(prefix));
            self.tracking.add(index, ClientId(session.id), tracking, begin);
        }
        self.say_who_tracks();
        self.redirect_has_changed(index);
    }

    /// Tells all workers what this one's clients want to hear of.
    fn say_who_tracks(&mut self) {
        let (clients, prefixes) = self.tracking.concerned();
        self.node.tracking.set(self.id, clients, prefixes);
        self.see_broadcasting();
    }

    /// A client's transaction is about to begin that may change what the client is told of, and how: what
    /// comes for it is kept until [`Worker::tell_what_was_kept`].
    pub(super) fn keep_what_comes(&mut self, index: u32, may_have_prefixes: bool) {
        let session = &self.clients.at(index).session;
        let (id, before) = (ClientId(session.id), session.tracking.clone());
        self.tracking.begin_exec(index, KeptInExec::new(id, before, may_have_prefixes));
        self.say_who_tracks();
    }

    /// The transaction of a client is over. Its reply is in its place, and what has come meanwhile goes
    /// behind it.
    pub(super) fn tell_what_was_kept(&mut self, index: u32) {
        let Some(kept) = self.tracking.end_exec(index) else { return };
        self.say_who_tracks();
        let from = Tracker { client: kept.id, at: self.at(index) };
        let told = kept.into_told(self.clients.at(index).session.tracking.as_deref());
        self.telling(|worker| {
            told.into_iter().for_each(|(redirect, copies)| worker.tell_at(from, redirect, &copies));
        });
    }

    /// The client is told of nothing any more: RESET, or it is gone.
    pub(crate) fn end_tracking(&mut self, index: u32) {
        if self.clients.at(index).session.tracking.is_some() {
            self.set_tracking(index, TrackingChange::Off, None);
        }
    }

    /// Has the shard note changed keys as long as anybody of the node wants to know. Called before commands
    /// run that were sent after the last call.
    #[inline]
    pub(crate) fn see_broadcasting(&mut self) {
        self.router.shard_mut().set_broadcasting(self.node.tracking.is_broadcasting());
    }

    // --- What clients are
    // told -----------------------------------------------------------------------------------

    /// Tells clients what this worker's shard has noted since the last call. The command that has done it has
    /// its reply, or the place of it.
    #[inline]
    pub(crate) fn tell_trackers(&mut self) {
        if self.router.shard().has_tracking_notes() {
            self.telling(Worker::tell_what_is_noted);
        }
    }

    #[cold]
    fn tell_what_is_noted(&mut self) {
        if self.router.shard().has_served() {
            // What they have read comes before the word that it has changed.
            let (router, mut desk) = self.at_desk();
            router.deliver_served(&mut desk);
        }
        let mut elsewhere: BTreeMap<ShardId, (Vec<TrackingNote>, usize)> = BTreeMap::new();
        let mut send = |worker: ShardId, note: TrackingNote| {
            let (notes, bytes) = elsewhere.entry(worker).or_default();
            *bytes += HOP_BYTES;
            notes.push(note);
        };
        let mut own = Vec::new();
        for note in self.router.shard_mut().take_tracking_notes() {
            match note {
                TrackingNote::Changed { tracker, .. } if tracker.at.worker == self.id => own.push(note),
                TrackingNote::Changed { tracker, .. } => send(tracker.at.worker, note),
                TrackingNote::Flushed => {
                    let workers = self.node.tracking.with_clients();
                    workers.filter(|&worker| worker != self.id).for_each(|worker| send(worker, note.clone()));
                    own.push(note);
                }
            }
        }
        for (worker, (notes, bytes)) in elsewhere {
            self.send_tracking(worker, TrackingHop::Notes(notes), bytes);
        }
        self.tell_own(own);
    }

    fn tell_own(&mut self, notes: Vec<TrackingNote>) {
        for note in notes {
            match note {
                TrackingNote::Changed { tracker, key, by } => {
                    let (client, index) = (tracker.client, tracker.at.index);
                    if let Some(kept) = self.tracking.in_exec(index, client) {
                        kept.add_change(key, by);
                        continue;
                    }
                    let is_wanted = |tracking: &ClientTracking| tracking.wants_change(by == client);
                    self.tell_client(client, index, &Some(Arc::from([key])), is_wanted);
                }
                TrackingNote::Flushed => {
                    for (index, client) in self.tracking.all() {
                        match self.tracking.in_exec(index, client) {
                            Some(kept) => kept.add_flush(),
                            None => self.tell_client(client, index, &None, |_| true),
                        }
                    }
                }
            }
        }
    }

    /// Tells those who track by prefixes what has changed since the last call. At the end of a turn, when no
    /// connection is being worked on.
    pub(crate) fn tell_of_prefixes(&mut self) {
        if self.router.shard().has_changed_keys() || self.tracking.has_changed() {
            self.telling(Worker::tell_of_changed_prefixes);
        }
    }

    fn tell_of_changed_prefixes(&mut self) {
        let changed = self.router.shard_mut().take_changed_keys();
        if !changed.is_empty() {
            self.tracking.changed(&changed);
            let bytes = changed.iter().map(|(key, _)| key.len() + HOP_BYTES).sum();
            let changed = Arc::new(changed);
            let workers = self.node.tracking.with_prefixes();
            for worker in workers.filter(|&worker| worker != self.id).collect::<Vec<_>>() {
                self.send_tracking(worker, TrackingHop::Changed(Arc::clone(&changed)), bytes);
            }
        }
        if self.tracking.has_changed() {
            for (index, client, copies) in self.tracking.take_broadcasts() {
                self.tell_client(client, index, &copies, |tracking| tracking.mode == TrackingMode::Prefixes);
            }
        }
    }

    /// Forgets remembered keys that are too many.
    pub(crate) fn limit_tracking(&mut self) {
        if self.router.shard().env().tracking.is_over_limit() {
            self.router.shard_mut().limit_tracking(FORGOTTEN_KEYS_PER_TURN);
        }
    }

    /// Takes what another worker has to say.
    pub(crate) fn take_tracking(&mut self, from: ShardId, hop: TrackingHop) {
        self.telling(|worker| worker.tell_what_others_say(from, hop));
    }

    fn tell_what_others_say(&mut self, from: ShardId, hop: TrackingHop) {
        match hop {
            TrackingHop::Notes(notes) => self.tell_own(notes),
            TrackingHop::Changed(changed) => self.tracking.changed(&changed),
            TrackingHop::Redirected { to, from, copies } => self.take_redirected(to, from, copies),
            TrackingHop::NotHere { to, from, copies } => self.is_not_there(from, to, copies),
            TrackingHop::Seek(client, redirecting, number) => {
                let found = TrackingHop::Sought(redirecting, number, self.find_client(client));
                self.send_tracking(from, found, HOP_BYTES);
            }
            TrackingHop::Sought(redirecting, number, at) => self.sought(redirecting, number, at),
        }
    }

    pub(super) fn send_tracking(&mut self, worker: ShardId, hop: TrackingHop, bytes: usize) {
        self.mesh.send_sized(worker, Hop::Tracking(Box::new(hop)), bytes);
    }

    /// Tells a client, or whom it has redirected to, if it is still there and tracks as it is wanted.
    fn tell_client(
        &mut self,
        client: ClientId,
        index: u32,
        copies: &Copies,
        is_wanted: impl FnOnce(&ClientTracking) -> bool,
    ) {
        let Some(told) = self.present_client(client, index) else { return };
        let Some(tracking) = told.session.tracking.as_ref().filter(|tracking| is_wanted(tracking)) else {
            return;
        };
        let redirect = tracking.redirect;
        self.tell_at(Tracker { client, at: self.at(index) }, redirect, copies);
    }

    /// Tells a client of this worker, or the other one in its place.
    pub(super) fn tell_at(&mut self, from: Tracker, redirect: Option<Tracker>, copies: &Copies) {
        if let Some(to) = redirect {
            self.redirect(from, to, copies);
        } else if let Some(told) = self.present_client(from.client, from.at.index) {
            push_copies(told, copies, false);
            self.clients.look_at(from.at.index);
        }
    }

    /// A client of this worker, unless it has gone.
    pub(super) fn present_client(&mut self, client: ClientId, index: u32) -> Option<&mut Client> {
        let is_present =
            |found: &&mut Client| found.session.id == client.0 && found.closing != Some(Closing::Now);
        self.clients.get_mut(index).filter(is_present)
    }
}

/// Pushes an invalidation. A client that speaks RESP2 can get it only as a subscriber, and only in the place
/// of another one.
pub(super) fn push_copies(client: &mut Client, copies: &Copies, is_redirected: bool) {
    let session = &client.session;
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
    client.push(&push);
}
