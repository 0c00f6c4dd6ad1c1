//! What commands do to the groups of a stream, as others are told: which entry is pending for whom and since
//! when, and how far a group has come. The forms are Redis's (streamPropagateXCLAIM, streamPropagateGroupID).

use crate::args::OwnedArgs;
use crate::encoding::stream::{Group, Pending, StreamId};
use crate::key::Key;
use crate::keyspace::Keyspace;

/// The effects of one command on one group, collected while its stream is being changed.
pub(super) struct GroupEffects<'a> {
    key: Key<'a>,
    group: &'a [u8],
    /// Nothing is written down while nobody listens.
    is_listening: bool,
    is_changed: bool,
    effects: Vec<OwnedArgs>,
}

impl<'a> GroupEffects<'a> {
    /// None yet.
    pub(super) fn new(keys: &Keyspace<'_>, key: Key<'a>, group: &'a [u8]) -> GroupEffects<'a> {
        let is_listening = keys.env().effects.is_listening();
        GroupEffects { key, group, is_listening, is_changed: false, effects: Vec::new() }
    }

    /// A consumer was created, and no pending entry tells it.
    pub(super) fn created(&mut self, consumer: &[u8]) {
        self.is_changed = true;
        if self.is_listening {
            let args = [&b"XGROUP"[..], b"CREATECONSUMER", self.key.bytes, self.group, consumer];
            self.effects.push(args.into_iter().collect());
        }
    }

    /// An entry is pending like this. If it is not in the stream, this tells that it is no longer pending.
    pub(super) fn pending(&mut self, group: &Group, id: StreamId, pending: Pending) {
        self.is_changed = true;
        if !self.is_listening {
            return;
        }
        let consumer = group.consumer(pending.consumer).name();
        let (id, last_id) = (id.to_string(), group.last_id().to_string());
        let (time, count) = (pending.delivered_ms.to_string(), pending.deliveries.to_string());
        let head = [&b"XCLAIM"[..], self.key.bytes, self.group, consumer, b"0", id.as_bytes()];
        let state = [&b"TIME"[..], time.as_bytes(), b"RETRYCOUNT", count.as_bytes()];
        let tail = [&b"FORCE"[..], b"JUSTID", b"LASTID", last_id.as_bytes()];
        self.effects.push(head.into_iter().chain(state).chain(tail).collect());
    }

    /// The group has come to another place.
    pub(super) fn moved(&mut self, group: &Group) {
        self.is_changed = true;
        if self.is_listening {
            let last_id = group.last_id().to_string();
            let read = group.entries_read().unwrap_or(-1).to_string();
            let head = [&b"XGROUP"[..], b"SETID", self.key.bytes, self.group, last_id.as_bytes()];
            self.effects.push(head.into_iter().chain([&b"ENTRIESREAD"[..], read.as_bytes()]).collect());
        }
    }

    /// Tells them.
    pub(super) fn say(self, keys: &mut Keyspace<'_>) {
        if self.is_changed {
            keys.changed_without_event();
        }
        for args in &self.effects {
            keys.effect(args.as_args().iter_from(0));
        }
    }
}
