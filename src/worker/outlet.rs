//! The connections of a worker as far as pushes are concerned, and one push in either protocol.
//!
//! This file must not know what is pushed, nor the worker.

use std::collections::VecDeque;

use shards::reply::Reply;
use shards::spare::Trim;

use crate::session::connection::Connection;
use crate::session::order::Closing;

/// One push, encoded for a protocol when the first connection needs it.
#[derive(Default)]
pub(super) struct EncodedPush {
    replies: [Reply; 2],
}

impl EncodedPush {
    /// Forgets it, for the next one.
    pub(super) fn clear(&mut self) {
        self.replies.iter_mut().for_each(Reply::clear);
    }

    fn of(&mut self, resp3: bool, write: &impl Fn(&mut Reply)) -> &Reply {
        let reply = &mut self.replies[usize::from(resp3)];
        if reply.is_empty() {
            reply.set_resp3(resp3);
            write(reply);
        }
        reply
    }
}

impl Trim for EncodedPush {
    fn trim(&mut self) {
        self.clear();
        self.replies.iter_mut().for_each(Reply::trim);
    }
}

impl Trim for Held {
    fn trim(&mut self) {
        self.replies.iter_mut().for_each(Reply::trim);
    }
}

/// Pushes to the connection that is being worked on, in either protocol. Empty between two commands.
#[derive(Default)]
pub(super) struct Held {
    pub(super) replies: [Reply; 2],
}

impl Held {
    pub(super) fn add(&mut self, encoded: &mut EncodedPush, write: &impl Fn(&mut Reply)) {
        for resp3 in [false, true] {
            let reply = encoded.of(resp3, write);
            self.replies[usize::from(resp3)].append(reply.bytes(), reply.blobs());
        }
    }
}

/// The connections of a worker, as far as pushes are concerned. Borrowed from the worker beside its other parts.
pub(super) struct Outlet<'a> {
    /// By their numbers; none for one that is being worked on.
    pub(super) connections: &'a mut [Option<Box<Connection>>],
    /// Those to be looked at before the turn ends.
    pub(super) dirty: &'a mut VecDeque<u32>,
    /// For the one that is being worked on.
    pub(super) held: &'a mut Held,
}

impl Outlet<'_> {
    /// Pushes what `write` writes. True unless the client has gone: one that is only being sent the rest counts, as in
    /// Redis, and gets nothing.
    pub(super) fn push(
        &mut self,
        index: u32,
        encoded: &mut EncodedPush,
        write: &impl Fn(&mut Reply),
    ) -> bool {
        match self.connections.get_mut(index as usize) {
            None => false,
            Some(None) => {
                self.held.add(encoded, write);
                true
            }
            Some(Some(connection)) if connection.closing == Some(Closing::Now) => false,
            Some(Some(connection)) if connection.closing.is_some() => true,
            Some(Some(connection)) => {
                connection.push(encoded.of(connection.session.resp3, write));
                if !connection.is_dirty {
                    connection.is_dirty = true;
                    self.dirty.push_back(index);
                }
                true
            }
        }
    }
}
