//! A client's connection in a simulated node: what it can ask for, and what it gets.
//!
//! Its reply queue is that of the server ([`crate::router::reply_queue`]). Beside it stands when each request
//! was taken up and when its reply was made, in steps of the node; and what the client reads is held against
//! that: every reply at its turn, a push behind the replies that it belongs behind and no others, and nothing
//! before its gate has opened.

use std::collections::VecDeque;

use crate::args::{Args, OwnedArgs};
use crate::command::DataCommand;
use crate::command::registry::{Command, SessionNumber};
use crate::key::DbIndex;
use crate::pubsub::{SubscriptionKind, Subscriptions};
use crate::reply::Reply;
use crate::router::barrier::Barrier;
use crate::router::reply_queue::ReplyQueue;
use crate::router::session::{QueuedCommands, ReplyMode};
use crate::router::step::Waiting;
use crate::router::wire::Publishing;
use crate::slot::{ShardId, SlotId};
use crate::txn::Keys;
use crate::watch::ClientId;

/// What a client asks for.
pub enum Request {
    /// A command on keys.
    Data(&'static DataCommand, OwnedArgs),
    /// A command that touches no keys.
    Session(SessionCommand, OwnedArgs),
    /// MULTI
    Multi,
    /// EXEC
    Exec,
    /// DISCARD
    Discard,
    /// WATCH, with its name and keys.
    Watch(OwnedArgs),
    /// UNWATCH
    Unwatch,
    /// DEBUG SLOT-MOVE
    MoveSlot(SlotId, ShardId),
}

impl Request {
    /// What MULTI queues, with its arguments.
    pub(super) fn queueable(&self) -> Option<(Command, &OwnedArgs)> {
        match self {
            Request::Data(command, args) => Some((Command::Data(command), args)),
            Request::Session(command, args) => Some((Command::Session(command.number()), args)),
            _ => None,
        }
    }

    /// What it comes behind, when it is not on keys.
    pub(super) fn barrier(&self) -> Barrier {
        match self {
            Request::Exec | Request::Watch(_) => Barrier::Everything,
            Request::Session(command, _) => command.barrier(),
            _ => Barrier::Nothing,
        }
    }

    /// Its arguments, if it has any.
    pub(super) fn args(&self) -> Args<'_> {
        match self {
            Request::Data(_, args) | Request::Session(_, args) | Request::Watch(args) => args.as_args(),
            _ => Args::new(&[], &[], &[]),
        }
    }
}

/// The commands of a session that connections know. Behind MULTI they are elements of the reply of EXEC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionCommand {
    /// SELECT
    Select,
    /// PING
    Ping,
    /// CLIENT REPLY, with one argument. Never behind MULTI: half a reply would be no reply that can be read.
    Reply,
    /// Asks all workers, as CLIENT LIST does, and replies its argument when all have answered.
    Survey,
    /// PUBLISH and SPUBLISH
    Publish(SubscriptionKind),
    /// SUBSCRIBE and its kin
    Subscribe(SubscriptionKind),
    /// UNSUBSCRIBE and its kin, with names
    Unsubscribe(SubscriptionKind),
}

impl SessionCommand {
    /// All of them, in the order of their numbers.
    const ALL: [SessionCommand; 12] = [
        SessionCommand::Select,
        SessionCommand::Ping,
        SessionCommand::Reply,
        SessionCommand::Survey,
        SessionCommand::Publish(SubscriptionKind::Channel),
        SessionCommand::Publish(SubscriptionKind::ShardChannel),
        SessionCommand::Subscribe(SubscriptionKind::Channel),
        SessionCommand::Subscribe(SubscriptionKind::Pattern),
        SessionCommand::Subscribe(SubscriptionKind::ShardChannel),
        SessionCommand::Unsubscribe(SubscriptionKind::Channel),
        SessionCommand::Unsubscribe(SubscriptionKind::Pattern),
        SessionCommand::Unsubscribe(SubscriptionKind::ShardChannel),
    ];

    pub(super) fn number(self) -> SessionNumber {
        let at = SessionCommand::ALL.iter().position(|&command| command == self);
        SessionNumber(at.expect("it is one of all") as u16)
    }

    pub(super) fn of_number(number: SessionNumber) -> SessionCommand {
        SessionCommand::ALL[usize::from(number.0)]
    }

    fn barrier(self) -> Barrier {
        match self {
            SessionCommand::Publish(_) => Barrier::OtherThanMessages,
            SessionCommand::Subscribe(_) | SessionCommand::Unsubscribe(_) => Barrier::Everything,
            SessionCommand::Select
            | SessionCommand::Ping
            | SessionCommand::Reply
            | SessionCommand::Survey => Barrier::Nothing,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Open,
    /// The client has gone; what is under way goes on.
    Closed,
    /// Nothing is left of it on any shard.
    Dropped,
}

/// A large reply that a shard has made for a connection and that its client has not read.
#[derive(Clone, Copy)]
pub(super) struct Untold {
    pub(super) shard: ShardId,
    pub(super) seq: u32,
    pub(super) bytes: usize,
}

/// A message that a subscriber has got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// In which step.
    pub at: u64,
    /// What it has subscribed to, when that was a pattern.
    pub pattern: Option<Vec<u8>>,
    /// The channel.
    pub channel: Vec<u8>,
    /// What was published.
    pub payload: Vec<u8>,
}

/// A request that is done: when it went to its shards and when its reply came, in steps, and the reply.
pub struct Finished {
    /// When it went to its shards.
    pub invoked: u64,
    /// When its reply came. The client may have read it later: behind others, or when a gate had opened.
    pub returned: u64,
    /// The reply; nothing when the client did not want any.
    pub reply: Reply,
}

/// A request that was taken up and whose reply the client has not read.
struct Asked {
    /// The first place that its reply can have. The last is before that of the next request.
    from: u32,
    invoked: u64,
    returned: Option<u64>,
    is_wanted: bool,
    /// The gate that its reply waits for.
    gate: u64,
}

/// A push that the client has not read.
struct Pushed {
    /// How many replies the client reads before it.
    behind: usize,
    bytes: Vec<u8>,
}

/// A client's connection, bound to a worker.
pub(super) struct Connection {
    pub(super) worker: ShardId,
    pub(super) db: DbIndex,
    pub(super) resp3: bool,
    pub(super) mode: ReplyMode,
    /// Behind MULTI.
    pub(super) queue: Option<QueuedCommands>,
    pub(super) watched: Keys,
    pub(super) requests: VecDeque<Request>,
    pub(super) replies: ReplyQueue,
    pub(super) waiting: Waiting<Request>,
    /// Its router has said that what it waits for may have come.
    pub(super) is_looked_at: bool,
    /// Large replies that the client has not read.
    pub(super) untold: Vec<Untold>,
    pub(super) subscriptions: Subscriptions,
    pub(super) publishing: Publishing,
    /// Messages that the client has got and that nobody has looked at.
    pub(super) told: Vec<Told>,
    pub(super) life: Life,
    /// In the order of the requests.
    asked: VecDeque<Asked>,
    pushed: VecDeque<Pushed>,
    /// What was sent to the client and it has not read.
    sent: VecDeque<Reply>,
    /// How many replies the client has read.
    read: usize,
}

impl Connection {
    /// The connection of this number, to a worker. The numbers of its places are about to begin again.
    pub(super) fn new(index: usize, worker: ShardId) -> Connection {
        Connection {
            worker,
            db: DbIndex::default(),
            resp3: false,
            mode: ReplyMode::default(),
            queue: None,
            watched: Keys::default(),
            requests: VecDeque::new(),
            replies: ReplyQueue::starting_at(u32::MAX - index as u32 % 32),
            waiting: Waiting::No,
            is_looked_at: false,
            untold: Vec::new(),
            subscriptions: Subscriptions::default(),
            publishing: Publishing::default(),
            told: Vec::new(),
            life: Life::Open,
            asked: VecDeque::new(),
            pushed: VecDeque::new(),
            sent: VecDeque::new(),
            read: 0,
        }
    }

    pub(super) fn can_go_on(&self) -> bool {
        let has_requests = !self.requests.is_empty();
        self.waiting.is_worth_a_look(self.replies.awaited(), self.is_looked_at, has_requests)
    }

    /// A request is taken up in this step. With a gate its reply is held, and what comes behind it.
    pub(super) fn begin_request(&mut self, step: u64, gate: Option<u64>) {
        self.mode.begin_command();
        gate.inspect(|&gate| _ = self.replies.hold(gate));
        self.asked.push_back(Asked {
            from: self.replies.next_seq(),
            invoked: step,
            returned: None,
            is_wanted: self.mode.is_wanted(),
            gate: gate.unwrap_or(0),
        });
    }

    /// It has begun or run, or it is put off.
    pub(super) fn end_request(&mut self, step: u64) {
        let is_put_off = self.waiting.begins_later();
        let last = self.replies.awaited_places().last();
        if is_put_off {
            self.asked.pop_back();
        } else if let Some(asked) = self.asked.back_mut() {
            // CLIENT REPLY decides about its own reply.
            asked.is_wanted = self.mode.is_wanted();
            if last.is_none_or(|seq| is_before(seq, asked.from)) {
                asked.returned.get_or_insert(step);
            }
        }
        self.mode.end_command(is_put_off);
    }

    /// The reply for a place comes in this step, and is held by a gate if there is one. One that is nothing
    /// is not read. Returns whether the client wanted it.
    pub(super) fn answer(&mut self, seq: u32, step: u64, gate: Option<u64>, is_nothing: bool) -> bool {
        let asked = self.asked.iter_mut().rev().find(|asked| !is_before(seq, asked.from));
        let asked = asked.expect("no reply comes when that of a later request was read");
        assert!(asked.returned.is_none(), "two replies for one request");
        asked.returned = Some(step);
        asked.gate = asked.gate.max(gate.unwrap_or(0));
        let is_wanted = asked.is_wanted;
        asked.is_wanted &= !is_nothing;
        is_wanted
    }

    /// Pushes a message: behind the replies to all requests that were taken up, but for that of a blocking
    /// command.
    pub(super) fn push(&mut self, message: &Reply) {
        let is_blocked = self.waiting.is_blocked();
        let passes = |last: &Asked| is_blocked && last.is_wanted && last.returned.is_none();
        let passed = usize::from(self.asked.back().is_some_and(passes));
        let wanted = self.asked.iter().filter(|asked| asked.is_wanted).count();
        let bytes = message.bytes().to_vec();
        self.pushed.push_back(Pushed { behind: self.read + wanted - passed, bytes });
        self.replies.push(is_blocked, message);
    }

    /// The client reads what was sent to it, up to the next reply, if that has come. All gates up to `opened`
    /// are open.
    pub(super) fn read(&mut self, opened: u64) -> Option<Finished> {
        self.send();
        while let Some(push) = self.sent.pop_front_if(|element| element.bytes().starts_with(b">")) {
            let Pushed { behind, bytes } = self.pushed.pop_front().expect("somebody has pushed it");
            assert_eq!(push.bytes(), bytes, "pushes come in their order");
            assert_eq!(
                self.read, behind,
                "a push comes behind the replies that were before it, and no others"
            );
        }
        let Some(asked) = self.asked.front() else {
            assert!(self.sent.is_empty(), "a reply that nobody has asked for");
            return None;
        };
        let reply = if asked.is_wanted { self.sent.pop_front()? } else { Reply::default() };
        // What is not wanted is done when it comes.
        let returned = if asked.is_wanted { asked.returned.expect("it was made") } else { asked.returned? };
        assert!(!asked.is_wanted || asked.gate <= opened, "a reply comes before its gate is open");
        self.read += usize::from(asked.is_wanted);
        let invoked = asked.invoked;
        self.asked.pop_front();
        Some(Finished { invoked, returned, reply })
    }

    /// Sends what can be sent, element by element.
    fn send(&mut self) {
        let ready = self.replies.ready();
        if ready.is_empty() {
            return;
        }
        let (bytes, blobs) = ready.take();
        let mut all = Reply::default();
        all.append(&bytes, &blobs);
        let (mut start, mut left) = (Reply::default().mark(), all.total_len());
        while left > 0 {
            let (end, mut element) = (all.element_end(start), Reply::default());
            element.append_part(&all, start, end);
            left -= element.total_len();
            self.sent.push_back(element);
            start = end;
        }
    }

    /// True when the client has read all that there is for it, and awaits nothing more.
    pub(super) fn has_read_all(&mut self) -> bool {
        self.send();
        self.asked.is_empty() && self.pushed.is_empty() && self.sent.is_empty()
    }

    /// The large replies among what the client has read.
    pub(super) fn take_read_untold(&mut self) -> Vec<Untold> {
        let next = self.asked.front().map(|asked| asked.from);
        self.untold.extract_if(.., |untold| next.is_none_or(|next| is_before(untold.seq, next))).collect()
    }
}

/// The order of places. Their numbers wrap around.
fn is_before(seq: u32, other: u32) -> bool {
    (seq.wrapping_sub(other) as i32) < 0
}

/// Connections are numbered once and for all, as clients are.
pub(super) fn client_of(index: usize) -> ClientId {
    ClientId(index as u64)
}
