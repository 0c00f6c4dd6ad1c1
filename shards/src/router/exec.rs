//! MULTI ... EXEC, WATCH and UNWATCH: the way of the whole to the shards.
//!
//! The data commands of a transaction run together on one shard ([`crate::txn`]). Commands of the session among them (PING,
//! CONFIG GET, INFO) touch no keys; whoever holds the connection runs them when the data commands have run, and only if
//! those have: [`Progress`] says which comes next, and puts the replies into their places. They are numbers here.

use std::collections::BTreeMap;

use crate::args::{Args, Blob, OwnedArgs};
use crate::caller::Caller;
use crate::command::DataCommand;
use crate::commands::watch::WATCH;
use crate::reply::{Reply, ReplyMark};
use crate::router::coordinator::Method;
use crate::router::slot_move::MOVING;
use crate::router::step::Step;
use crate::router::wire::{Places, Sight, Wire};
use crate::router::{Open, Router};
use crate::shard::Call;
use crate::slot::{ShardId, SlotId};
use crate::txn::{Exec, Keys, OwnedCall, Ticket, TxnMessage, Watched};
use crate::watch::ClientId;

/// A command of a transaction that is under way.
#[derive(Debug)]
enum Item {
    /// Its reply is the next element of what the shards have replied.
    Data,
    /// It runs where the connection is.
    Session(u16, OwnedArgs),
}

/// A queued command.
#[derive(Clone, Copy, Debug)]
pub enum Queued {
    /// On keys.
    Data(&'static DataCommand),
    /// Of the session, by its number.
    Session(u16),
}

/// The queued commands, each with the caller as it is when its turn comes.
pub struct ExecPlan {
    items: Vec<Item>,
    exec: Exec,
}

impl ExecPlan {
    /// The plan for a queue. What a command of the session will change of the caller for those behind it says `foresee`.
    pub fn new(
        queue: impl IntoIterator<Item = (Queued, OwnedArgs)>,
        mut caller: Caller,
        mut foresee: impl FnMut(u16, Args<'_>, &mut Caller),
    ) -> ExecPlan {
        let watched = Watched { client: caller.client, ..Watched::default() };
        let mut exec = Exec { resp3: caller.resp3, watched, ..Exec::default() };
        let mut items = Vec::new();
        for (queued, args) in queue {
            items.push(match queued {
                Queued::Data(command) => {
                    exec.calls.push(OwnedCall { command, slot: None, caller, args });
                    Item::Data
                }
                Queued::Session(number) => {
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

    fn is_data_only(&self) -> bool {
        self.items.iter().all(|item| matches!(item, Item::Data))
    }
}

/// A transaction with commands of the session among its commands.
#[derive(Debug)]
pub struct Progress {
    items: std::vec::IntoIter<Item>,
    /// What has come for its place: first the reply of the data commands, then those to commands of the session that had to
    /// be waited for.
    arrived: Option<Reply>,
    /// The reply of the data commands, and how far it has been used.
    data: Option<(Reply, ReplyMark)>,
    output: Reply,
    /// Where the reply of the command that runs now begins.
    mark: ReplyMark,
    /// The client had left already when the command began that runs now: it gets no more of it.
    is_over: bool,
}

/// What comes next in a transaction.
#[derive(Debug)]
pub enum Next {
    /// Nothing, before more has come for its place.
    Later,
    /// This command of the session.
    Run(u16, OwnedArgs),
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
    fn new(items: Vec<Item>, resp3: bool) -> Progress {
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

    /// Whether the client gets what is written now: with CLIENT REPLY OFF among the commands of a transaction it gets the
    /// elements before it alone, as in Redis.
    fn wants(&self, audience: Audience) -> bool {
        audience.is_on && !self.is_over
    }

    /// Takes what has come, and says how it goes on.
    pub fn go_on(&mut self, audience: Audience) -> Next {
        let Some(arrived) = self.arrived.take() else { return Next::Later };
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

    /// The next command of the session, when the one before has its reply. The replies of data commands before it are put into
    /// their places.
    pub fn next(&mut self, audience: Audience) -> Next {
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
    pub fn output(&mut self) -> &mut Reply {
        &mut self.output
    }

    /// Drops what the command that runs now has written.
    pub fn truncate(&mut self) {
        self.output.truncate(self.mark);
    }

    /// The command of the session has run. What it has written is dropped if the client does not get it, unless it is a push.
    pub fn has_run(&mut self, audience: Audience, is_push: bool) {
        if !is_push && !self.wants(audience) {
            self.truncate();
        }
    }
}

impl Router {
    /// EXEC, behind all requests of its connection that came before ([`Router::is_behind`]). `watched`: what the client
    /// watches, and from now on no more.
    pub fn exec<W: Wire>(
        &mut self,
        plan: ExecPlan,
        caller: Caller,
        watched: &mut Keys,
        wanted: bool,
        wire: &mut W,
    ) -> Step {
        let is_data_only = plan.is_data_only();
        let ExecPlan { items, mut exec } = plan;
        exec.watched.keys = std::mem::take(watched);
        // Where commands of the connection can change CLIENT REPLY, the transaction itself leaves out what is not wanted.
        let wanted = wanted || !is_data_only;
        let connection = caller.at.index;
        let is_here = self.is_here(&exec);
        if is_here {
            wire.saw(Sight::DirectExec);
        }
        if is_here && is_data_only && wanted {
            self.shard.execute_exec(&exec, wire.places(connection).writer());
            return Step::Done;
        }
        let seq = wire.places(connection).reserve(wanted);
        let ticket = Ticket { worker: self.id, connection, seq };
        if !is_data_only {
            self.open.insert(ticket, Open::Exec(Box::new(Progress::new(items, caller.resp3))));
        }
        if is_here {
            let mut reply = Reply::default();
            self.shard.execute_exec(&exec, &mut reply);
            self.deliver(ticket, &reply, wire);
        } else {
            wire.saw(Sight::Transaction);
            self.with_coordinator(|coordinator, owners, shard, out| {
                coordinator.start_exec(Box::new(exec), ticket, owners, shard, out);
            });
            self.send_outbox(wire);
        }
        if is_data_only { Step::Reply } else { Step::Exec(seq) }
    }

    /// True when a transaction concerns this worker's shard alone, and no lock of another can be in its way.
    fn is_here(&mut self, exec: &Exec) -> bool {
        if !self.shard.has_no_locks() {
            return false;
        }
        if self.shard_count == 1 {
            return true;
        }
        let Router { slots, positions, id, .. } = self;
        let is_own = |key: &[u8]| slots.owner(SlotId::of(key)) == *id;
        exec.watched.keys.iter().all(|(_, key)| is_own(key))
            && exec.calls.iter().all(|call| {
                let (spec, args) = (&call.command.spec, call.args.as_args());
                positions.clear();
                spec.key_positions(args, positions);
                !spec.is_for_all_shards(args)
                    && positions.iter().all(|position| is_own(args.get(position.index)))
            })
    }

    /// Takes a transaction out to go on with it, if something has come for its place. It is put back when it has to wait for
    /// more.
    pub fn take_exec(&mut self, connection: u32, seq: u32) -> Option<Box<Progress>> {
        let ticket = Ticket { worker: self.id, connection, seq };
        match self.open.get(&ticket) {
            Some(Open::Exec(progress)) if progress.arrived.is_some() => {}
            _ => return None,
        }
        match self.open.remove(&ticket) {
            Some(Open::Exec(progress)) => Some(progress),
            _ => None,
        }
    }

    /// Puts back a transaction that waits for the reply to a command of the session.
    pub fn put_exec_back(&mut self, connection: u32, seq: u32, progress: Box<Progress>) {
        let ticket = Ticket { worker: self.id, connection, seq };
        self.open.insert(ticket, Open::Exec(progress));
    }

    /// A transaction that was taken out has come to its end: its reply goes into its place.
    pub fn end_exec<W: Wire>(&mut self, connection: u32, seq: u32, progress: &Progress, wire: &mut W) {
        let ticket = Ticket { worker: self.id, connection, seq };
        wire.fill(ticket, progress.output.bytes(), progress.output.blobs());
    }

    /// WATCH: `args` with its name and keys, which are added to what the client watches.
    pub fn watch<W: Wire>(
        &mut self,
        args: Args<'_>,
        caller: Caller,
        watched: &mut Keys,
        wanted: bool,
        wire: &mut W,
    ) -> Step {
        if self.is_behind(caller.at.index, wire) {
            return Step::AfterReplies;
        }
        for key in args.iter_from(1) {
            watched.push(caller.db, key);
        }
        let call = Call { command: &WATCH, slot: None, caller, args };
        if self.shard_count == 1 && wanted {
            self.shard.execute(call, wire.places(caller.at.index).writer());
            return Step::Done;
        }
        self.start_txn(Method::Split, call, wanted, wire)
    }

    /// Forgets what a client watches.
    pub fn unwatch<W: Wire>(&mut self, client: ClientId, watched: &mut Keys, wire: &mut W) {
        if !watched.is_empty() {
            self.unwatch_keys(&Watched { client, keys: std::mem::take(watched) });
            self.send_outbox(wire);
        }
    }

    /// Puts into the outbox what the owners of watched keys are told.
    pub(super) fn unwatch_keys(&mut self, watched: &Watched) {
        let client = watched.client;
        let mut of_shard: BTreeMap<ShardId, Keys> = BTreeMap::new();
        for (db, key) in watched.keys.iter() {
            of_shard.entry(self.slots.owner(SlotId::of(key))).or_default().push(db, key);
        }
        if let Some(keys) = of_shard.remove(&MOVING) {
            self.unwatch_later.push(Watched { client, keys });
        }
        let unwatch = |(shard, keys)| (shard, TxnMessage::Unwatch(Watched { client, keys }));
        self.outbox.extend(of_shard.into_iter().map(unwatch));
    }
}
