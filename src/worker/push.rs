//! Data that a connection gets without having asked for it just now: pushes. The way to a connection of this worker for
//! messages, and for whatever else is told to clients of their own accord.
//!
//! A push goes behind all replies that the connection still awaits, so it never comes before the reply to a command that
//! was sent before; only a command that blocks is not waited for. A push that comes of a connection's own command
//! goes behind the reply to that command (Redis 7.2). This file must not know what is pushed.

use std::collections::VecDeque;

use shards::reply::Reply;
use shards::spare::Trim;

use crate::session::connection::{Closing, Connection};
use crate::worker::Worker;

/// One push, encoded for a protocol when the first connection needs it.
#[derive(Default)]
pub struct Encoded {
    replies: [Reply; 2],
}

impl Encoded {
    /// Forgets it, for the next one.
    pub fn clear(&mut self) {
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

impl Trim for Encoded {
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
pub struct Held {
    replies: [Reply; 2],
}

impl Held {
    fn add(&mut self, encoded: &mut Encoded, write: &impl Fn(&mut Reply)) {
        for resp3 in [false, true] {
            let reply = encoded.of(resp3, write);
            self.replies[usize::from(resp3)].append(reply.bytes(), reply.blobs());
        }
    }
}

/// The connections of a worker, as far as pushes are concerned. Borrowed from the worker beside its other parts.
pub struct Outlet<'a> {
    /// By their numbers; none for one that is being worked on.
    pub connections: &'a mut [Option<Box<Connection>>],
    /// Those to be looked at before the turn ends.
    pub dirty: &'a mut VecDeque<u32>,
    /// For the one that is being worked on.
    pub held: &'a mut Held,
}

impl Outlet<'_> {
    /// Pushes what `write` writes. True unless the client has gone: one that is only being sent the rest counts, as in
    /// Redis, and gets nothing.
    pub fn push(&mut self, index: u32, encoded: &mut Encoded, write: &impl Fn(&mut Reply)) -> bool {
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

impl Connection {
    /// Appends a push, encoded for the protocol that the client speaks, unless the connection is being closed. It has to
    /// be looked at afterwards.
    pub(crate) fn push(&mut self, encoded: &Reply) {
        if self.closing.is_some() {
            return;
        }
        let is_before_awaited = self.waiting.is_blocked();
        self.replies.push(is_before_awaited, encoded);
    }
}

impl Worker {
    /// Gives the connection that is being worked on what was pushed to it meanwhile. Called after each command.
    #[inline]
    pub(crate) fn push_held(&mut self, connection: &mut Connection) {
        if !self.held.replies[0].is_empty() {
            self.push_what_is_held(connection);
        }
    }

    #[cold]
    fn push_what_is_held(&mut self, connection: &mut Connection) {
        connection.push(&self.held.replies[usize::from(connection.session.resp3)]);
        self.held.replies.iter_mut().for_each(Reply::clear);
        self.mark_dirty(connection);
    }
}
