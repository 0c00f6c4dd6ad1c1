//! Data that a connection gets without having asked for it just now: pushes. The way to a connection of this worker for
//! messages, and for whatever else is told to clients of their own accord.
//!
//! A push goes behind all replies that the connection still awaits, so it never comes before the reply to a command that
//! was sent before; only a command that blocks is not waited for. A push that comes of a connection's own command
//! goes behind the reply to that command (Redis 7.2). This file must not know what is pushed.

use shards::reply::Reply;

use crate::session::connection::Connection;
use crate::worker::Worker;

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
