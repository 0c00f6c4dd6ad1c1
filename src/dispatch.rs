//! From a parsed request to its execution: the admission checks in one written order, then the way to the shard.
//!
//! The only caller of handlers on behalf of connections. It compares no command names: what a command is and where
//! its keys are comes from its row.

use shards::args::Args;
use shards::command::DataCommand;
use shards::error::CommandError;
use shards::shard::Call;
use shards::slot::{ShardId, SlotId};
use shards::txn::coordinator::Method;
use shards::txn::{OwnedCall, Ticket};

use crate::inquiry::{Finish, Inquiry, Question};
use crate::mesh::{RemoteCommand};
use crate::net::connection::{Closing, Connection, Waiting};
use crate::registry::{Command, Entry, Plan, SessionCommand};
use crate::session::ReplyMode;
use crate::session_ctx::{Flow, SessionCtx};
use crate::worker::{Worker, barrier};

use shards::command::flags;

impl Worker {
    /// Executes one request of a connection, or starts it: the reply may come later.
    #[inline]
    pub(crate) fn dispatch(&mut self, connection: &mut Connection, args: Args<'_>) {
        self.stats.commands += 1;
        connection.session.commands += 1;
        if connection.session.reply_mode == ReplyMode::SkipNext {
            connection.session.reply_mode = ReplyMode::SkipThis;
        }
        // The table lives as long as the process, but behind an `Arc`: a clone of it is kept on the stack.
        let node = std::sync::Arc::clone(&self.node);
        match self.admit(&node.registry, connection, args) {
            Ok(entry) => match entry.command {
                Command::Data(command) => self.route(connection, entry, command, args),
                Command::Session(command) => self.run_session(connection, command, args),
            },
            Err(error) => self.reply_error(connection, &error),
        }
        if connection.session.reply_mode == ReplyMode::SkipThis {
            connection.session.reply_mode = ReplyMode::On;
        }
    }
}
