//! A node in one thread: several workers' routers, clients' connections, and between each pair of workers a
//! queue that delivers when it is told to.
//!
//! The routers are those of the server ([`crate::router`]), and so are the reply queues and what is done
//! between two commands of the session in a transaction. Here are only the requests of clients (`dispatch`),
//! what clients read (`connection`), what lies between workers (`net`), and the choice of what happens next,
//! which is random ([`Node::step_at_random`]): the next hop of some pair arrives, some connection goes on,
//! some gates open, or some worker goes on with a snapshot, looks after the slots that leave it, the clients that wait, the commands
//! that have waited for credit, or what there is to tell of keys. Connections can publish and subscribe
//! (`messages`). It does not know what any command does.

mod connection;
mod dispatch;
mod events;
mod messages;
mod net;
mod owners;
mod snapshots;

use std::collections::VecDeque;

use crate::args::OwnedArgs;
use crate::caller::Caller;
use crate::command::DataCommand;
use crate::copies::ConnectionId;
use crate::effects::EffectGroup;
use crate::key::{DbIndex, OnlyKey};
use crate::notify::{Classes, Notice};
use crate::random::Random;
use crate::reply::Reply;
use crate::router::Router;
use crate::router::blocked_calls::Ending;
use crate::router::moving::DEALER;
use crate::router::publish::Messages;
use crate::router::slot_move::SlotMap;
use crate::router::step::Waiting;
use crate::router::wire::TakenReplies;
use crate::shard::{Call, Shard, ShardConfig};
use crate::slot::{ShardId, SlotId};
use crate::testing::commands::{lookup, registry};
use crate::txn::Ticket;

use connection::{Connection, Life, Untold, client_of};
pub use connection::{Finished, Request, SessionCommand, Told};
pub use events::Events;
use net::{Desk, Hop, Net};
pub use snapshots::SnapshotFiles;

/// Steps between two looks at what waits. To look costs as much as some steps.
const STEPS_PER_LOOK: u64 = 7;
/// A look after moves that do not get on comes once in so many chances: often enough for slow ones to be
/// given up, and seldom enough for others to come to their end.
const STEPS_PER_MOVES_LOOK: usize = 60;

/// Routers, connections and what is on its way between them.
pub struct Node {
    routers: Vec<Router>,
    messages: Vec<Messages>,
    shard_count: usize,
    net: Net,
    /// How slow each queue is: it delivers once in so many times that it is chosen.
    slowness: Vec<usize>,
    /// Clients that have asked all workers, each with how many have not answered and what they are replied.
    inquiries: Vec<(Ticket, usize, Box<[u8]>)>,
    /// What the snapshots have written that are under way or have ended.
    pub snapshots: SnapshotFiles,
}

/// One of the things that can happen next.
enum Choice {
    Arrive(usize),
    GoOn(usize),
    OpenGates,
    Drop(usize),
    AdvanceMoves(usize),
    WriteSnapshot(usize),
    LookAfterMoves(usize),
    Serve(usize),
    RunReady(usize),
    Tell(usize),
}

/// What each worker has to do with messages, when the first so many put them in order.
fn sequencers_among(workers: usize, sequencers: usize) -> Vec<Messages> {
    (0..workers).map(|worker| Messages::new(ShardId(worker as u16), sequencers)).collect()
}

impl Node {
    /// A node of this many empty shards, with 16 databases and the given proto-max-bulk-len in bytes.
    pub fn new(shard_count: usize, string_len_max: usize) -> Node {
        Node::of(shard_count, shard_count, string_len_max)
    }

    /// The same with a worker more, behind the others, that has clients and owns no slot.
    pub fn with_control_worker(shard_count: usize, string_len_max: usize) -> Node {
        Node::of(shard_count, shard_count + 1, string_len_max)
    }

    fn of(shard_count: usize, worker_count: usize, string_len_max: usize) -> Node {
        let map = SlotMap::dealt_to(shard_count);
        let router = |index: usize| {
            let id = ShardId(index as u16);
            let config = ShardConfig {
                id,
                databases: 16,
                hash_seeds: [1, 2, 3, 4],
                random_seed: index as u64,
                string_len_max,
                registry: registry(),
            };
            Router::new(Shard::new(&config), shard_count, worker_count, map.clone())
        };
        Node {
            routers: (0..worker_count).map(router).collect(),
            messages: sequencers_among(worker_count, shard_count),
            shard_count,
            net: Net::new(worker_count),
            slowness: vec![1; worker_count * worker_count],
            inquiries: Vec::new(),
            snapshots: SnapshotFiles::new(worker_count),
        }
    }

    /// Lets a worker's router act.
    fn with<R>(&mut self, worker: ShardId, act: impl FnOnce(&mut Router, &mut Desk<'_>) -> R) -> R {
        let router = &mut self.routers[worker.index()];
        let deferred = router.coordinator().deferred();
        let result = act(router, &mut Desk { net: &mut self.net, at: worker });
        self.net.events.deferred += router.coordinator().deferred().saturating_sub(deferred);
        while let Some((at, shard, taken)) = self.net.in_vain.pop() {
            let desk = &mut Desk { net: &mut self.net, at };
            self.routers[at.index()].say_taken(shard, taken, desk);
        }
        result
    }

    fn worker_of(&self, connection: usize) -> ShardId {
        self.net.connections[connection].worker
    }

    /// Makes some pairs of workers slow, each by a factor of its own.
    pub fn slow_down(&mut self, random: &mut Random, factor_max: usize) {
        self.slowness.fill_with(|| 1 + random.below(factor_max));
    }

    /// From now on no more replies are made for a worker while so many hops are on their way to it.
    pub fn limit_room(&mut self, hops: usize) {
        self.net.room = hops;
    }

    /// From now on what is replied is held back by a gate, once in so many steps.
    pub fn hold_replies(&mut self, once_in: usize) {
        self.net.gates.once_in = once_in;
    }

    /// From now on, before anybody has published, only the first so many workers put messages in order.
    pub fn limit_sequencers(&mut self, sequencers: usize) {
        self.messages = sequencers_among(self.routers.len(), sequencers);
    }

    /// Tells all shards the time, in milliseconds since 1970: the server's workers read the same clock before
    /// all that they do. Returns the step in which it happens.
    pub fn set_now(&mut self, now_ms: u64) -> u64 {
        self.net.steps += 1;
        self.net.now_ms = now_ms;
        self.routers.iter_mut().for_each(|router| router.shard_mut().set_now(now_ms));
        self.net.steps
    }

    /// The number of shards.
    pub fn shard_count(&self) -> usize {
        self.shard_count
    }

    /// The number of workers: one more when there is a control worker.
    pub fn worker_count(&self) -> usize {
        self.routers.len()
    }

    /// A shard of the node.
    pub fn shard(&self, id: ShardId) -> &Shard {
        self.routers[id.index()].shard()
    }

    /// The same, to be changed.
    pub fn shard_mut(&mut self, id: ShardId) -> &mut Shard {
        self.routers[id.index()].shard_mut()
    }

    /// Deals the slots of these keys to the first so many shards.
    pub fn deal(&mut self, shards: usize, keys: &[String]) {
        let slots = keys.iter().map(|key| SlotId::of(key.as_bytes())).collect();
        self.routers[DEALER.index()].begin_to_deal(shards, slots);
    }

    /// The shard that owns a key, as the first worker knows it.
    pub fn owner(&self, key: &[u8]) -> ShardId {
        self.routers[0].map().owner(SlotId::of(key))
    }

    /// What GET of a key replies this moment at its owner, whatever is on its way there. None while a
    /// transaction holds the key: GET would wait for it.
    pub fn peek(&mut self, key: &str) -> Option<Reply> {
        let args: OwnedArgs = ["GET", key].into_iter().collect();
        let at = ConnectionId { worker: ShardId(0), index: u32::MAX };
        let caller = Caller { at, ..Caller::new(client_of(usize::MAX)) };
        let command = lookup(args.as_args());
        let only_key = Some(OnlyKey::at(1, SlotId::of(key.as_bytes())));
        let owner = self.owner(key.as_bytes());
        let shard = self.shard_mut(owner);
        let mut reply = Reply::default();
        shard.execute(Call { command, key: only_key, caller, args: args.as_args() }, &mut reply);
        (!shard.is_held(caller.db, key.as_bytes())).then_some(reply)
    }

    /// What has happened so far.
    pub fn events(&self) -> Events {
        let expired = self.routers.iter().map(|router| router.shard().env().expired_keys as usize).sum();
        Events { expired, ..self.net.events }
    }

    /// Starts the recording of effects on all shards.
    pub fn listen_to_effects(&mut self) {
        self.routers.iter_mut().for_each(|router| router.shard_mut().listen_to_effects(true));
    }

    /// The effects since the last call, each shard's in its order.
    pub fn take_effects(&mut self) -> Vec<Vec<EffectGroup>> {
        self.routers.iter_mut().map(|router| router.shard_mut().take_effects()).collect()
    }

    /// From now on this worker has a client that is told of what happens to keys, for these letters of
    /// `notify-keyspace-events`.
    pub fn subscribe(&mut self, worker: ShardId, letters: &[u8]) {
        self.net.witness = Some(worker);
        let classes = Classes::of_letters(letters);
        self.routers.iter_mut().for_each(|router| router.shard_mut().ask_for_notices(classes));
    }

    /// What that client has been told since the last call, in the order in which it came there.
    pub fn take_witnessed(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.net.witnessed)
    }

    /// A new connection to a worker; the number that names it.
    pub fn connect(&mut self, worker: ShardId) -> usize {
        let index = self.net.connections.len();
        self.net.connections.push(Connection::new(index, worker));
        index
    }

    /// The client goes away. What has been taken up goes on, as on the server, but for a blocking command.
    /// Returns how many requests, the last ones, never will be taken up.
    pub fn close(&mut self, index: usize) -> usize {
        let worker = self.worker_of(index);
        if self.net.connections[index].waiting.is_blocked() {
            self.with(worker, |router, desk| router.stop_waiting(client_of(index), desk));
        }
        let connection = &mut self.net.connections[index];
        let mut left = std::mem::take(&mut connection.requests).len();
        if connection.waiting.begins_later() {
            connection.waiting = Waiting::No;
            left += 1;
        }
        connection.queue = None;
        connection.life = Life::Closed;
        self.forget_subscriptions(index);
        let connection = &mut self.net.connections[index];
        self.net.events.closed_busy += usize::from(connection.replies.awaited() > 0);
        let untold = std::mem::take(&mut connection.untold);
        self.say_taken(index, untold, true);
        left
    }

    /// Chooses the protocol version of replies to requests that are taken up from now on.
    pub fn set_resp3(&mut self, connection: usize, resp3: bool) {
        let connection = &mut self.net.connections[connection];
        connection.resp3 = resp3;
        connection.replies.set_resp3(resp3);
    }

    /// Chooses the database of requests that are taken up from now on.
    pub fn set_db(&mut self, connection: usize, db: DbIndex) {
        self.net.connections[connection].db = db;
    }

    /// The client sends a command on keys.
    pub fn request(&mut self, connection: usize, command: &'static DataCommand, args: OwnedArgs) {
        self.ask(connection, Request::Data(command, args));
    }

    /// The client sends a request of any kind.
    pub fn ask(&mut self, connection: usize, request: Request) {
        self.net.connections[connection].requests.push_back(request);
    }

    /// The client reads its next reply, if it has come and all before it have. One that it does not want is
    /// nothing, and is there when it has come.
    pub fn take_reply(&mut self, index: usize) -> Option<Finished> {
        let connection = &mut self.net.connections[index];
        let finished = connection.read(self.net.gates.opened)?;
        let untold = connection.take_read_untold();
        self.say_taken(index, untold, false);
        Some(finished)
    }

    /// True when a client has read all that there is for it, and awaits nothing more.
    pub fn has_read_all(&mut self, index: usize) -> bool {
        self.net.connections[index].has_read_all()
    }

    /// Bytes of large replies of a shard that have come for a connection and that its client has not read.
    pub fn unread_bytes(&self, index: usize, shard: ShardId) -> usize {
        let untold = self.net.connections[index].untold.iter().filter(|untold| untold.shard == shard);
        untold.map(|untold| untold.bytes).sum()
    }

    /// Tells shards of large replies that a client has read, or never will.
    fn say_taken(&mut self, index: usize, untold: Vec<Untold>, is_gone: bool) {
        for Untold { shard, bytes, .. } in untold {
            let taken = TakenReplies { connection: index as u32, bytes, is_gone };
            self.with(self.worker_of(index), |router, desk| router.say_taken(shard, taken, desk));
        }
    }

    /// Ends the blocking command of a connection, as its timeout, CLIENT UNBLOCK or CLIENT KILL do. False
    /// when it is in none.
    pub fn end_blocking(&mut self, index: usize, ending: Ending, only_waiting: bool) -> bool {
        let Connection { worker, life, .. } = self.net.connections[index];
        life != Life::Dropped
            && self.with(worker, |router, desk| {
                router.end_blocking(client_of(index), ending, only_waiting, desk)
            })
    }

    /// Ends the blocking command of a connection whose client has gone. False when it is in none.
    pub fn stop_waiting(&mut self, index: usize) -> bool {
        let Connection { worker, life, .. } = self.net.connections[index];
        life != Life::Dropped && self.with(worker, |router, desk| router.stop_waiting(client_of(index), desk))
    }

    /// How many clients wait in blocking commands.
    pub fn waiting_clients(&self) -> usize {
        self.routers.iter().map(Router::waiting_clients).sum()
    }

    /// True when no lock is held, nothing is under way and nothing waits.
    pub fn is_quiet(&self) -> bool {
        self.assert_that_all_have_owners();
        self.net.queues.iter().all(VecDeque::is_empty)
            && self.routers.iter().all(Router::is_quiet)
            && self.messages.iter().all(|messages| messages.under_way().next().is_none())
    }

    /// Does one of the things that can happen next. False when nothing can.
    pub fn step_at_random(&mut self, random: &mut Random) -> bool {
        let mut choices: Vec<Choice> = Vec::new();
        let queues = (0..self.net.queues.len()).filter(|&queue| !self.net.queues[queue].is_empty());
        choices.extend(queues.map(Choice::Arrive));
        for (index, connection) in self.net.connections.iter().enumerate() {
            if connection.can_go_on() {
                choices.push(Choice::GoOn(index));
            } else if connection.life == Life::Closed && connection.replies.awaited() == 0 {
                choices.push(Choice::Drop(index));
            }
        }
        choices.extend(self.net.gates.are_closed().then_some(Choice::OpenGates));
        let routers = || self.routers.iter().enumerate();
        choices.extend(
            routers().filter(|(_, router)| router.is_moving()).map(|(at, _)| Choice::AdvanceMoves(at)),
        );
        let may_write = |router: &Router| self.snapshots.has_work(router.shard());
        choices.extend(
            routers().filter(|(_, router)| may_write(router)).map(|(at, _)| Choice::WriteSnapshot(at)),
        );
        let has_moves = |router: &Router| router.is_moving() || router.is_dealing();
        choices.extend(
            routers().filter(|(_, router)| has_moves(router)).map(|(at, _)| Choice::LookAfterMoves(at)),
        );
        choices.extend(routers().filter(|(_, router)| router.has_served()).map(|(at, _)| Choice::Serve(at)));
        choices.extend(
            routers().filter(|(_, router)| router.can_run_ready()).map(|(at, _)| Choice::RunReady(at)),
        );
        let has_notices = |router: &Router| router.shard().has_notices();
        choices.extend(routers().filter(|(_, router)| has_notices(router)).map(|(at, _)| Choice::Tell(at)));
        if choices.is_empty() {
            return false;
        }
        self.net.steps += 1;
        self.net.gates.choose(random);
        let id = |worker: usize| ShardId(worker as u16);
        match choices[random.below(choices.len())] {
            Choice::GoOn(index) => self.go_on(index),
            Choice::OpenGates if random.one_in(4) => {
                let opened = self.net.gates.open(random);
                self.net.connections.iter_mut().for_each(|connection| connection.replies.open(opened));
            }
            Choice::Drop(index) => {
                self.net.connections[index].life = Life::Dropped;
                self.unwatch(index);
            }
            Choice::AdvanceMoves(worker) => self.with(id(worker), |router, desk| router.advance_moves(desk)),
            Choice::WriteSnapshot(worker) => {
                self.snapshots.step(worker, self.routers[worker].shard_mut(), random);
            }
            Choice::LookAfterMoves(worker) if random.one_in(STEPS_PER_MOVES_LOOK) => {
                self.with(id(worker), |router, desk| router.look_after_moves(desk));
            }
            Choice::Serve(worker) => self.with(id(worker), |router, desk| router.serve_blocked(desk)),
            Choice::Tell(worker) => self.with(id(worker), |router, desk| router.tell_notices(desk)),
            Choice::RunReady(worker) => self.with(id(worker), |router, desk| router.run_ready(desk)),
            Choice::Arrive(queue) if random.one_in(self.slowness[queue]) => {
                self.arrive(id(queue / self.routers.len()), id(queue % self.routers.len()));
            }
            Choice::Arrive(_) | Choice::OpenGates | Choice::LookAfterMoves(_) => {}
        }
        if self.net.steps.is_multiple_of(STEPS_PER_LOOK) {
            self.assert_that_all_have_owners();
        }
        true
    }

    fn arrive(&mut self, from: ShardId, to: ShardId) {
        let queue = self.net.queue(from, to);
        let Some(hop) = self.net.queues[queue].pop_front() else { return };
        match hop {
            Hop::Notices(notices) => self.net.witnessed.extend(notices),
            Hop::Ask(ticket) => self.net.send(to, from, Hop::Answer(ticket)),
            Hop::Answer(ticket) => self.answered(ticket),
            Hop::Command(call, ticket) => {
                self.with(to, |router, desk| router.execute_remote(call.as_call(), ticket, desk));
            }
            Hop::Reply(ticket, reply) => self.with(to, |router, desk| {
                router.take_reply(from, ticket, reply.bytes(), reply.blobs(), desk);
            }),
            Hop::Txn(message) => self.with(to, |router, desk| router.take_txn(from, *message, desk)),
            Hop::Move(message) => self.with(to, |router, desk| router.take_move(from, message, desk)),
            Hop::Credit(taken) => self.with(to, |router, desk| router.take_taken(from, taken, desk)),
            Hop::Message(hop) => self.take_message_hop(from, to, hop),
        }
    }
}
