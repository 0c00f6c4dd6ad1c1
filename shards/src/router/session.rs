//! The session of a client as far as the router has a say in it: where the replies to its own commands go
//! (PING, SUBSCRIBE), whether anybody gets replies, and what MULTI has queued.
//!
//! The rest of a session is the business of whoever holds the router. This file must not know any command.

use crate::args::{Args, OwnedArgs};
use crate::caller::Caller;
use crate::command::registry::{Command, SessionNumber};
use crate::error::CommandError;
use crate::router::progress::ExecPlan;

/// Where the reply to a command of the session goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyPlace {
    /// Into the client's queue. One that comes later has a place of its own there.
    Queue,
    /// Into the reply of the transaction that has this place. One that comes later comes as a part for that.
    Exec(u32),
}

/// What has become of the reply to a command of the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replied {
    /// It is written, or has a place of its own.
    Written,
    /// It is written, and consists of pushes, which CLIENT REPLY OFF does not hold back.
    Pushed,
    /// It comes as a part for the transaction.
    Later,
}

/// CLIENT REPLY.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReplyMode {
    /// Replies are sent.
    #[default]
    On,
    /// No replies.
    Off,
    /// No reply to the next command.
    SkipNext,
    /// No reply to the command that runs now.
    SkipThis,
}

impl ReplyMode {
    /// The client gets the reply to the command that runs now.
    #[inline]
    pub fn is_wanted(self) -> bool {
        self == ReplyMode::On
    }

    /// A command begins.
    #[inline]
    pub fn begin_command(&mut self) {
        if *self == ReplyMode::SkipNext {
            *self = ReplyMode::SkipThis;
        }
    }

    /// It has begun or run, or it is put off and begins later.
    #[inline]
    pub fn end_command(&mut self, is_put_off: bool) {
        if *self == ReplyMode::SkipThis {
            *self = if is_put_off { ReplyMode::SkipNext } else { ReplyMode::On };
        }
    }

    /// Replies are sent from now on.
    pub fn switch_on(&mut self) {
        // In a transaction this is not the command that an earlier SKIP is about: that comes behind EXEC.
        if *self != ReplyMode::SkipNext {
            *self = ReplyMode::On;
        }
    }

    /// None are sent from now on.
    pub fn switch_off(&mut self) {
        *self = ReplyMode::Off;
    }

    /// The next one is not sent.
    pub fn skip(&mut self) {
        if *self != ReplyMode::Off {
            *self = ReplyMode::SkipNext;
        }
    }
}

/// What MULTI has queued.
#[derive(Debug, Default)]
pub struct QueuedCommands {
    /// In order.
    commands: Vec<(Command, OwnedArgs)>,
    /// Bytes of the arguments.
    bytes: usize,
    /// The flags of all of them together.
    flags: u64,
    /// One of the commands could not be queued.
    is_refused: bool,
}

impl QueuedCommands {
    /// Queues a command with its flags ([`crate::command::flags`]).
    pub fn push(&mut self, command: Command, flags: u64, args: OwnedArgs) {
        self.bytes += args.bytes_held();
        self.flags |= flags;
        self.commands.push((command, args));
    }

    /// A command that should have been queued could not be: EXEC will refuse.
    pub fn refuse(&mut self) {
        self.is_refused = true;
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// True when one of them is a command of the session.
    pub fn has_session_commands(&self) -> bool {
        self.commands.iter().any(|(command, _)| matches!(command, Command::Session(_)))
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Bytes of the arguments. They count towards client-query-buffer-limit, as in Redis.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of memory that they hold.
    pub fn memory_bytes(&self) -> usize {
        self.bytes + self.commands.capacity() * size_of::<(Command, OwnedArgs)>()
    }

    /// There is such a command among them.
    pub fn any(&self, is_it: impl Fn(&Command) -> bool) -> bool {
        self.commands.iter().any(|(command, _)| is_it(command))
    }

    /// True when one of the commands has one of these flags.
    pub fn has(&self, flags: u64) -> bool {
        self.flags & flags != 0
    }

    /// What EXEC makes of them, each with the caller as it will be. What a command of the session will change
    /// of the caller for those behind it says `foresee`.
    pub fn plan(
        self,
        caller: Caller,
        foresee: impl FnMut(SessionNumber, Args<'_>, &mut Caller),
    ) -> Result<ExecPlan, CommandError> {
        if self.is_refused {
            let text = "EXECABORT Transaction discarded because of previous errors.";
            return Err(CommandError::other(text));
        }
        Ok(ExecPlan::new(self.commands, caller, foresee))
    }
}
