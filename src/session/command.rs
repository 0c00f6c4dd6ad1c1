//! A session command: its row and its body, what it may touch while it runs, and what it can ask the worker
//! to do afterwards.

use std::sync::Arc;

use shards::args::Args;
use shards::caller::Caller;
use shards::command::registry::{SessionNumber, SessionRow};
use shards::command::{CommandSpec, DataCommand};
use shards::error::CommandError;
use shards::key::DbIndex;
use shards::reply::Reply;
use shards::router::barrier::Barrier;
use shards::slot::{ShardId, SlotId};

use crate::config::Config;
use crate::node::Node;
use crate::pubsub::PubSubFlow;
use crate::session::client::Client;
use crate::session::inquiry::{Finish, Question};
use crate::session::order::TransactionFlow;
use crate::tracking::mode::{ClientTracking, TrackingChange, TrackingMode};

/// The body of a session command.
pub type SessionHandler = fn(&mut SessionCtx<'_>, Args<'_>) -> Result<Flow, CommandError>;

/// Changes what is foreseen as the session command with these arguments will. What it will refuse changes
/// nothing.
pub type Foresight = fn(&mut Foreseen<'_>, Args<'_>);

/// A command that works on the connection, the server or the table of commands: it runs on the connection's
/// own worker.
#[derive(Debug)]
pub struct SessionCommand {
    /// What the command is.
    pub spec: CommandSpec,
    /// What it does.
    pub run: SessionHandler,
    /// What it comes behind. It is looked at once, before the command runs.
    pub barrier: Barrier,
    /// What it will change for the commands behind it in a transaction, which are sent to their shards before
    /// it runs.
    pub foresees: Option<Foresight>,
    /// Its subcommands. A container has at least one; it runs itself only when called without any argument.
    pub subcommands: &'static [SessionCommand],
    /// What the shards do of it, by the argument behind its name, although COMMAND shows no subcommands of
    /// it. Other arguments are its own business.
    pub unlisted: &'static [DataCommand],
}

impl SessionCommand {
    /// A command with this body and this row. It waits for nothing, and changes nothing for the commands
    /// behind it in a transaction.
    pub const fn new(run: SessionHandler, spec: CommandSpec) -> SessionCommand {
        SessionCommand {
            spec,
            run,
            barrier: Barrier::Nothing,
            foresees: None,
            subcommands: &[],
            unlisted: &[],
        }
    }

    /// It runs when all commands before it have their replies.
    pub const fn after_replies(self) -> SessionCommand {
        SessionCommand { barrier: Barrier::Everything, ..self }
    }

    /// The same with the arguments for which this holds.
    pub const fn after_replies_for(self, holds: fn(Args<'_>) -> bool) -> SessionCommand {
        SessionCommand { barrier: Barrier::EverythingFor(holds), ..self }
    }

    /// It publishes its second argument to its first, behind all commands before it and in the order of the
    /// messages before it.
    pub const fn in_order_of_messages(self) -> SessionCommand {
        SessionCommand { barrier: Barrier::OtherThanMessages, ..self }
    }

    /// Inside MULTI it is foreseen what it will change.
    pub const fn foresees(self, foresees: Foresight) -> SessionCommand {
        SessionCommand { foresees: Some(foresees), ..self }
    }

    /// It is a container of these.
    pub const fn with_subcommands(self, subcommands: &'static [SessionCommand]) -> SessionCommand {
        SessionCommand { subcommands, ..self }
    }

    /// With one of these as its second argument it is theirs.
    pub const fn with_unlisted(self, unlisted: &'static [DataCommand]) -> SessionCommand {
        SessionCommand { unlisted, ..self }
    }
}

/// All session commands and their subcommands, by the numbers under which the registry knows them. One per
/// process, immutable.
#[derive(Debug, Default)]
pub struct SessionCommands {
    by_number: Vec<&'static SessionCommand>,
}

impl SessionCommands {
    /// Numbers the commands of all topics. With what the registry has to know of them, in their order.
    pub fn numbered(topics: &[&'static [SessionCommand]]) -> (SessionCommands, Vec<SessionRow>) {
        let mut commands = SessionCommands::default();
        let rows = topics.iter().copied().flatten().map(|command| commands.add(command)).collect();
        (commands, rows)
    }

    /// The command of this number.
    ///
    /// # Panics
    /// When no such number was given out.
    #[inline]
    pub fn get(&self, number: SessionNumber) -> &'static SessionCommand {
        self.by_number[usize::from(number.0)]
    }

    fn add(&mut self, command: &'static SessionCommand) -> SessionRow {
        let number = u16::try_from(self.by_number.len()).expect("there are a few hundred commands");
        self.by_number.push(command);
        let subcommands = command.subcommands.iter().map(|subcommand| self.add(subcommand)).collect();
        let (spec, unlisted) = (&command.spec, command.unlisted);
        SessionRow { spec, number: SessionNumber(number), subcommands, unlisted }
    }
}

/// The world of one running session command.
pub struct SessionCtx<'a> {
    /// Where the reply goes.
    pub reply: &'a mut Reply,
    /// The client.
    pub client: &'a mut Client,
    /// What the process shares.
    pub node: &'static Node,
    /// The configuration.
    pub config: &'a Arc<Config>,
    /// The time of this turn, in milliseconds since 1970.
    pub now_ms: u64,
}

/// What the next command of a transaction will find, as far as it can be known before the transaction runs.
pub struct Foreseen<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The client.
    caller: Caller,
    /// What the client is told of changes.
    tracking: Option<Box<ClientTracking>>,
    /// It is told of any before, behind or at one of the commands.
    has_tracked: bool,
    /// The same, of those of keys with certain prefixes.
    has_prefixes: bool,
}

impl Foreseen<'_> {
    /// What the first command finds.
    pub fn new(config: &Config, caller: Caller, tracking: Option<Box<ClientTracking>>) -> Foreseen<'_> {
        let mut foreseen = Foreseen { config, caller, tracking, has_tracked: false, has_prefixes: false };
        foreseen.see_tracking();
        foreseen
    }

    /// Whether the client is told of changes before, behind or at any of the commands, and whether of those
    /// of keys with certain prefixes.
    pub fn tracks(&self) -> (bool, bool) {
        (self.has_tracked, self.has_prefixes)
    }

    /// As whom the next command is called.
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// The next commands have this database.
    pub fn select(&mut self, db: DbIndex) {
        self.caller.db = db;
    }

    /// The replies to the next commands are in RESP3, or in RESP2.
    pub fn set_resp3(&mut self, resp3: bool) {
        self.caller.resp3 = resp3;
    }

    /// Keys count as used when the next commands read them, or do not.
    pub fn set_touch(&mut self, touch: bool) {
        self.caller.touch = touch;
    }

    /// Changes what the client is told of changes, and by that which keys of the next commands are
    /// remembered.
    pub fn track(&mut self, change: impl FnOnce(&mut Option<Box<ClientTracking>>)) {
        change(&mut self.tracking);
        self.caller.keeps_copies = self.tracking.as_ref().is_some_and(|tracking| tracking.remembers());
        self.see_tracking();
    }

    fn see_tracking(&mut self) {
        if let Some(tracking) = &self.tracking {
            self.has_tracked = true;
            self.has_prefixes |= tracking.mode == TrackingMode::Prefixes;
        }
    }
}

/// What comes after a session command: what any of them may ask for, and one variant for each subject.
pub enum Flow {
    /// Nothing: the reply is written.
    Done,
    /// The connection is closed when its replies have been sent.
    Close,
    /// The session is as new: nothing is watched, subscribed to or tracked any more. The reply is written.
    Reset,
    /// All workers are asked; `Finish` writes the reply.
    Ask(Question, Finish),
    /// About MULTI and WATCH.
    Transaction(TransactionFlow),
    /// About channels and their subscribers.
    PubSub(PubSubFlow),
    /// What the client is told of changes. The reply is written.
    Track(TrackingChange),
    /// About the slots of this node.
    Slots(SlotFlow),
    /// The client goes to another worker, as soon as it can be spared, which makes the reply.
    HandOver(ShardId),
}

/// What comes after a command about slots.
pub enum SlotFlow {
    /// The slot moves to the shard, which makes the reply.
    Move(SlotId, ShardId),
    /// All slots are dealt to the first so many shards. The reply is written.
    Deal(usize),
    /// The slot map is shown.
    Show,
}

#[cfg(test)]
pub(crate) mod testing {
    //! A session command run alone: its reply, or its error as a reply.

    use std::sync::Arc;

    use shards::args::Args;
    use shards::command::registry::Registry;
    use shards::reply::Reply;

    use super::{SessionCommand, SessionCtx};
    use crate::config::Config;
    use crate::node::Node;
    use crate::session::Session;
    use crate::session::client::Client;

    /// Runs a command of `registry` for a client that has just connected.
    pub(crate) fn reply_of(
        registry: Registry,
        command: &SessionCommand,
        args: Args<'_>,
        resp3: bool,
    ) -> Reply {
        let node: &'static Node = Box::leak(Box::new(Node::for_tests(registry)));
        let mut client = Client::without_socket(Session::default());
        let config = Arc::new(Config::default());
        let mut reply = Reply::new(resp3);
        let mut ctx = SessionCtx { reply: &mut reply, client: &mut client, node, config: &config, now_ms: 0 };
        let result = (command.run)(&mut ctx, args);
        if let Err(error) = result {
            reply.error(&error);
        }
        reply
    }
}
