//! Questions that concern every worker, and their answers: CLIENT LIST and KILL, CONFIG SET, INFO.
//!
//! The worker of the asking connection sends the question to all workers, itself included, collects the answers in
//! the order of the workers, and writes the reply.
//!
//! What all workers hold alike (the configuration) changes in one order: the worker of the asking connection sends a
//! [`NodeChange`] to the *sequencer of changes*, and this one checks it against what holds there, makes what shall hold
//! from now on, and passes it on to all. Hops of two workers keep their order, so every worker takes the changes in the
//! order of the sequencer, and none is made from what another one has replaced. Each worker answers the asking one.

use std::sync::Arc;
use std::time::Duration;

use shards::args::OwnedArgs;
use shards::copies::ConnectionId;
use shards::error::CommandError;
use shards::reply::Reply;
use shards::router::blocked::Ending;
use shards::slot::ShardId;
use shards::watch::ClientId;

use crate::config::Config;
use crate::metrics::report::Report;
use crate::pubsub::{Name, SubscriptionKind};
use crate::session::filter::ClientFilter;
use crate::session::hand_over::Expected;

/// The worker that puts changes of what all workers hold in order.
pub const CHANGE_SEQUENCER: ShardId = ShardId(0);

/// A change of what all workers hold alike, or a look at it that must not come between two changes.
#[derive(Clone)]
pub enum NodeChange {
    /// CONFIG SET, whole.
    Config {
        /// Its arguments.
        args: OwnedArgs,
        /// The client is on this machine.
        is_local: bool,
    },
    /// CONFIG REWRITE: two of them write one file.
    RewriteConfig,
    /// Remove expired keys that nobody asks for, or leave them (DEBUG SET-ACTIVE-EXPIRE).
    ActiveExpire(bool),
}

/// What a worker can be asked.
#[derive(Clone)]
pub enum Question {
    /// To the sequencer of changes alone.
    Change(NodeChange),
    /// Your clients that match, as CLIENT LIST lines.
    ClientList(ClientFilter),
    /// Close your clients that match.
    ClientKill(ClientFilter),
    /// Whether you have the client of this number.
    FindClient(ClientId),
    /// End the blocking command of your client of this number.
    ClientUnblock(ClientId, Ending),
    /// Use this configuration from now on. Only the sequencer of changes says so, and the next one likewise.
    SetConfig(Arc<Config>),
    /// The channels or patterns of a kind that you have subscribers of, and that match if there is something to match.
    Names(SubscriptionKind, Option<Vec<u8>>),
    /// How many subscribers you have of each of these names.
    Subscribers(SubscriptionKind, Arc<Vec<Vec<u8>>>),
    /// Your counters.
    Report,
    /// Set your counters to zero (CONFIG RESETSTAT).
    ResetStats,
    /// Remove expired keys that nobody asks for, or leave them. Only the sequencer of changes says so.
    SetActiveExpire(bool),
    /// Do nothing for so long (DEBUG SLEEP).
    Sleep(Duration),
    /// To one of you: list this client, which will come.
    Expect(Arc<Expected>),
    /// Say that you have taken all that was sent to you before this.
    Fence,
}

impl Question {
    /// Whether it has to come behind everything that its client has asked for before: what it changes may concern the keys or
    /// the receivers of a command that is still on its way to another worker.
    pub fn waits(&self) -> bool {
        matches!(self, Question::Change(_) | Question::ClientKill(_) | Question::ClientUnblock(..))
    }
}

/// What a worker answers.
pub enum Answer {
    /// Ids of clients and their CLIENT LIST lines.
    Clients(Vec<(u64, String)>),
    /// The ids of clients that were closed.
    Killed(Vec<u64>),
    /// Where the client is, if it is here.
    Found(Option<ConnectionId>),
    /// Whether the client was found in one.
    Unblocked(bool),
    /// Channels or patterns.
    Names(Vec<Name>),
    /// Numbers of subscribers.
    Counts(Vec<usize>),
    /// Counters.
    Report(Box<Report>),
    /// Done.
    Done,
    /// The sequencer of changes has done it alone, or has refused it: nobody else will answer.
    Ended(Result<(), CommandError>),
}

/// Writes the reply from all answers, in the order of the workers.
pub type Finish = Box<dyn FnOnce(Vec<Answer>, &mut Reply)>;

/// A question whose answers are still coming in.
pub struct Inquiry {
    answers: Vec<Option<Answer>>,
    finish: Finish,
    /// The asking client speaks RESP3.
    resp3: bool,
}

impl Inquiry {
    /// A question to so many workers.
    pub fn new(workers: usize, resp3: bool, finish: Finish) -> Inquiry {
        Inquiry { answers: (0..workers).map(|_| None).collect(), finish, resp3 }
    }

    /// Takes an answer in; true when it was the last.
    pub fn answered(&mut self, from: ShardId, answer: Answer) -> bool {
        let is_the_only_one = matches!(answer, Answer::Ended(_));
        self.answers[from.index()] = Some(answer);
        is_the_only_one || self.answers.iter().all(Option::is_some)
    }

    /// The reply, once all have answered.
    pub fn finish(self) -> Reply {
        let mut reply = Reply::new(self.resp3);
        (self.finish)(self.answers.into_iter().flatten().collect(), &mut reply);
        reply
    }
}

/// Writes the reply to a [`NodeChange`].
pub fn finish_change(answers: Vec<Answer>, reply: &mut Reply) {
    match answers
        .into_iter()
        .find_map(|answer| if let Answer::Ended(Err(error)) = answer { Some(error) } else { None })
    {
        Some(error) => reply.error(&error),
        None => reply.ok(),
    }
}
