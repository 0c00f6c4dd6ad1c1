//! What EXEC is made of, and how far one has come that has commands of the session among its commands.
//!
//! The data commands of a transaction run together on one shard ([`crate::txn`]). Commands of the session
//! among them (PING, CONFIG GET, INFO) touch no keys; whoever holds the connection runs them when the data
//! commands have run, and only if those have: [`Progress`] says which comes next, and puts the replies into
//! their places. They are numbers here.

use crate::args::{Args, Blob, OwnedArgs};
use crate::caller::Caller;
use crate::command::registry::{Command, SessionNumber};
use crate::reply::{Reply, ReplyMark};
use crate::txn::{Exec, OwnedCall, Watched};

/// A command of a transaction that is under way.
#[derive(Debug)]
pub(super) enum Item {
    /// Its reply is the next element of what the shards have replied.
    Data,
    /// It runs where the connection is.
    Session(SessionNumber, OwnedArgs),
}

/// The queued commands, each with the caller as it is when its turn comes.
pub struct ExecPlan {
    pub(super) items: Vec<Item>,
    pub(super) exec: Exec,
}

impl ExecPlan {
    /// The plan for a queue. What a command of the session will change of the caller for those behind it says
    /// `foresee`.
    pub(super) fn new(
        queue: Vec<(Command, OwnedArgs)>,
        mut caller: Caller,
        mut foresee: impl FnMut(SessionNumber, Args<'_>, &mut Caller),
    ) -> ExecPlan {
        let watched = Watched { client: caller.client, ..Watched::default() };
        let mut exec = Exec { resp3: caller.resp3, watched, ..Exec::default() };
        let mut items = Vec::new();
        for (command, args) in queue {
            items.push(match command {
                Command::Data(command) => {
                    exec.calls.push(OwnedCall { command, key: None, caller, args });
                    Item::Data
                }
                Command::Session(number) => {
                    foresee(number, args.as_args(), &mut caller);
                    Item::Session(number, args)
                }
            });
        }
        ExecPlan { items, exec }
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn is_data_only(&self) -> bool {
        self.items.iter().all(|item| matches!(item, Item::Data))
    }
}

/// A transaction with commands of the session among its commands.
#[derive(Debug)]
pub(super) struct Progress {
    items: std::vec::IntoIter<Item>,
    /// What has come for its place: first the reply of the data commands, then those to commands of the
    /// session that had to be waited for.
    arrived: Option<Reply>,
    /// The reply of the data commands, and how far it has been used.
    data: Option<(Reply, ReplyMark)>,
    pub(super) output: Reply,
    /// Where the reply of the command that runs now begins.
    mark: ReplyMark,
    /// The client had left already when the command began that runs now: it gets no more of it.
    is_over: bool,
}

/// What comes next in a transaction.
#[derive(Debug)]
pub(super) enum Next {
    /// This command of the session.
    Run(SessionNumber, OwnedArgs),
    /// All commands have run, or none does: this is the reply.
    End,
}

/// The client of a transaction, as it is at that moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Audience {
    /// It gets replies (CLIENT REPLY).
    pub is_on: bool,
    /// Its connection is being closed: it has killed itself, and gets what the command before that replies.
    pub is_leaving: bool,
}

impl Progress {
    pub(super) fn new(items: Vec<Item>, resp3: bool) -> Progress {
        let output = Reply::new(resp3);
        let (items, mark) = (items.into_iter(), output.mark());
        Progress { items, arrived: None, data: None, output, mark, is_over: false }
    }

    /// Something has come for its place.
    pub(super) fn arrives(&mut self, bytes: &[u8], blobs: &[(usize, Blob)]) {
        let mut arrived = Reply::default();
        arrived.append(bytes, blobs);
        self.arrived = Some(arrived);
    }

    /// What has come for its place, with which it can go on.
    pub(super) fn take_arrived(&mut self) -> Option<Reply> {
        self.arrived.take()
    }

    /// Whether the client gets what is written now: with CLIENT REPLY OFF among the commands of a transaction
    /// it gets the elements before it alone, as in Redis.
    fn wants(&self, audience: Audience) -> bool {
        audience.is_on && !self.is_over
    }

    /// Takes what has come, and says how it goes on.
    pub(super) fn go_on(&mut self, arrived: Reply, audience: Audience) -> Next {
        let wants = self.wants(audience);
        if self.data.is_some() {
            if wants {
                self.output.append(arrived.bytes(), arrived.blobs());
            }
            return self.next(audience);
        }
        if arrived.bytes().starts_with(b"*") && !arrived.bytes().starts_with(b"*-") {
            if wants {
                self.output.array(self.items.len());
            }
            let start = arrived.behind_header();
            self.data = Some((arrived, start));
            return self.next(audience);
        }
        // A watched key has changed: nothing runs.
        if wants {
            self.output.append(arrived.bytes(), arrived.blobs());
        }
        Next::End
    }

    /// The next command of the session, when the one before has its reply. The replies of data commands
    /// before it are put into their places.
    pub(super) fn next(&mut self, audience: Audience) -> Next {
        while let Some(item) = self.items.next() {
            self.is_over = audience.is_leaving;
            match item {
                Item::Data => self.copy_element(self.wants(audience)),
                Item::Session(number, args) => {
                    self.mark = self.output.mark();
                    return Next::Run(number, args);
                }
            }
        }
        Next::End
    }

    fn copy_element(&mut self, is_wanted: bool) {
        if let Some((data, at)) = &mut self.data {
            let end = data.element_end(*at);
            if is_wanted {
                self.output.append_part(data, *at, end);
            }
            *at = end;
        }
    }

    /// Where the command that runs now writes its reply.
    pub(super) fn output(&mut self) -> &mut Reply {
        &mut self.output
    }

    /// Drops what the command that runs now has written.
    fn truncate(&mut self) {
        self.output.truncate(self.mark);
    }

    /// The command of the session has run. What it has written is dropped if the client does not get it,
    /// unless it is a push.
    pub(super) fn has_run(&mut self, audience: Audience, is_push: bool) {
        if !is_push && !self.wants(audience) {
            self.truncate();
        }
    }
}
