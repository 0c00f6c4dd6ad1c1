//! CLIENT TRACKING with REDIRECT: what a client would be told goes to another one, wherever that is.
//!
//! Who redirects remembers where the other client was last. A worker that does not have it sends the word
//! back, and then all workers are asked for it: one that is handed over from worker to worker
//! (`hand_over.rs`) is with one of them or expected by one at any moment, so what is found nowhere has gone,
//! and is never looked for again. What comes meanwhile is kept for it, and so it is with a worker that
//! expects it. Nothing has to be told to those who redirect when a client goes to another worker.

use shards::copies::{ConnectionId, Tracker};
use shards::reply::Reply;
use shards::slot::ShardId;
use shards::watch::ClientId;

use crate::session::Session;
use crate::tracking::clients::{Sought, TrackingHop};
use crate::tracking::kept::Copies;
use crate::worker::Worker;
use crate::worker::invalidations::{HOP_BYTES, push_copies};

impl Worker {
    /// Where a client is that this worker has, or that is about to be handed to it. The number of one that
    /// has not come is not known: it is any.
    pub(super) fn find_client(&self, client: ClientId) -> Option<ConnectionId> {
        let mut found = self.clients.present().filter(|present| present.session.id == client.0);
        let at = found.next().map(|present| self.at(present.index));
        let is_expected = || self.expected.iter().any(|coming| coming.is_awaited(client.0));
        at.or_else(|| is_expected().then(|| self.at(0)))
    }

    /// The client has been found to which invalidations for this connection shall go.
    pub(super) fn redirect_found(&mut self, index: u32, at: ConnectionId) {
        let Some(asking) = self.clients.get_mut(index) else { return };
        if let Some(later) = asking.session.tracking_later.take() {
            let (client, change) = *later;
            self.set_tracking(index, change, Some(Tracker { client, at }));
        }
    }

    /// Tells a client in the place of one of this worker.
    pub(super) fn redirect(&mut self, from: Tracker, to: Tracker, copies: &Copies) {
        if self.tracking.keep_for_search(from, to.client, copies) {
            return;
        }
        if to.at.worker != self.id {
            let keys = copies.iter().flat_map(|keys| keys.iter());
            let bytes = HOP_BYTES + keys.map(|key| key.len() + HOP_BYTES).sum::<usize>();
            let copies = copies.clone();
            self.send_tracking(to.at.worker, TrackingHop::Redirected { to, from, copies }, bytes);
        } else if !self.tell_redirected(to, copies) {
            self.is_not_there(from, to, copies.clone());
        }
    }

    /// Tells a client of this worker in the place of another one.
    pub(super) fn take_redirected(&mut self, to: Tracker, from: Tracker, copies: Copies) {
        if !self.tell_redirected(to, &copies) {
            self.send_tracking(from.at.worker, TrackingHop::NotHere { to, from, copies }, HOP_BYTES);
        }
    }

    /// The same. False when it is not here.
    fn tell_redirected(&mut self, to: Tracker, copies: &Copies) -> bool {
        if let Some(told) = self.present_client(to.client, to.at.index) {
            push_copies(told, copies, true);
            self.clients.look_at(to.at.index);
            return true;
        }
        let coming = self.expected.iter_mut().find(|coming| coming.is_awaited(to.client.0));
        coming.map(|coming| coming.copies.add(copies.clone())).is_some()
    }

    /// The client to which one of this worker redirects is not where it was thought to be.
    pub(super) fn is_not_there(&mut self, from: Tracker, to: Tracker, copies: Copies) {
        let Some((redirect, is_broken)) = self.redirect_of(from, to.client) else { return };
        if is_broken {
            return self.redirect_is_broken(from);
        }
        if redirect.at != to.at {
            // It has been found since.
            return self.redirect(from, redirect, &copies);
        }
        if self.tracking.keep_for_search(from, to.client, &copies) {
            return;
        }
        if let Some(at) = self.find_client(to.client) {
            self.redirect_is_at(from, to.client, at);
            return self.redirect(from, Tracker { client: to.client, at }, &copies);
        }
        let others = self.mesh.workers() - 1;
        if others == 0 {
            return self.redirect_is_broken(from);
        }
        let number = self.tracking.begin_search(from, to.client, others, copies);
        for worker in (0..self.mesh.workers()).map(|worker| ShardId(worker as u16)) {
            if worker != self.id {
                self.send_tracking(worker, TrackingHop::Seek(to.client, from, number), HOP_BYTES);
            }
        }
    }

    /// A worker has answered a search.
    pub(super) fn sought(&mut self, from: Tracker, number: u64, at: Option<ConnectionId>) {
        let Sought::Over(client, kept) = self.tracking.sought(from, number, at.is_some()) else { return };
        if let Some(at) = at {
            self.redirect_is_at(from, client, at);
            let to = Tracker { client, at };
            kept.into_all().iter().for_each(|copies| self.redirect(from, to, copies));
        } else if self.redirect_of(from, client).is_some() {
            kept.into_all().iter().for_each(|_| self.redirect_is_broken(from));
        }
    }

    /// A client of this worker tracks in another way: what was kept for the one that it has redirected to is
    /// told as it is wanted now.
    pub(super) fn redirect_has_changed(&mut self, index: u32) {
        let Some((_, kept)) = self.tracking.end_search(index) else { return };
        let session = &self.clients.at(index).session;
        let Some(redirect) = session.tracking.as_ref().map(|tracking| tracking.redirect) else { return };
        let from = Tracker { client: ClientId(session.id), at: self.at(index) };
        kept.into_all().iter().for_each(|copies| self.tell_at(from, redirect, copies));
    }

    /// Where a client of this worker redirects to, if it is to this client, and whether that is known to have
    /// gone.
    fn redirect_of(&mut self, from: Tracker, to: ClientId) -> Option<(Tracker, bool)> {
        let client = self.present_client(from.client, from.at.index)?;
        let tracking = client.session.tracking.as_ref()?;
        let redirect = tracking.redirect.filter(|redirect| redirect.client == to)?;
        Some((redirect, tracking.is_redirect_broken))
    }

    fn redirect_is_at(&mut self, from: Tracker, client: ClientId, at: ConnectionId) {
        let Some(redirecting) = self.present_client(from.client, from.at.index) else { return };
        if let Some(tracking) = &mut redirecting.session.tracking
            && tracking.redirect.is_some_and(|redirect| redirect.client == client)
        {
            tracking.redirect = Some(Tracker { client, at });
        }
    }

    fn redirect_is_broken(&mut self, client: Tracker) {
        let Some(told) = self.present_client(client.client, client.at.index) else { return };
        let Session { ref mut tracking, resp3, .. } = told.session;
        let Some(tracking) = tracking else { return };
        let Some(redirect) = tracking.redirect else { return };
        tracking.is_redirect_broken = true;
        if resp3 {
            let mut push = Reply::new(true);
            push.push(2);
            push.bulk(b"tracking-redir-broken");
            push.int(redirect.client.0 as i64);
            told.push(&push);
            self.clients.look_at(client.at.index);
        }
    }
}
