//! How a worker's router reaches the world: the other workers by the mesh, the clients by the table of their
//! reply queues.
//!
//! What it decides is in [`shards::router`]; nothing is decided here.

use shards::args::Blob;
use shards::notify::Notice;
use shards::reply::Reply;
use shards::router::reply_queue::ReplyQueue;
use shards::router::slot_move::MoveMessage;
use shards::router::wire::{Sight, TakenReplies, Wire};
use shards::shard::{Call, Shard};
use shards::slot::ShardId;
use shards::txn::{Ticket, TxnMessage};

use super::budget::WorkerMemory;
use crate::host::clock;
use crate::mesh::{Hop, Mesh, RemoteCommand};
use crate::metrics::report::Stats;
use crate::node::Node;
use crate::node::memory::thread_bytes;
use crate::pubsub::Subscribers;
use crate::pubsub::keyspace::KeyspaceChannels;
use crate::session::client::LargeReply;
use crate::session::clients::{Clients, EncodedPush};

/// What the desk needs beside the clients and the mesh. One per worker.
pub(super) struct Office {
    pub(super) id: ShardId,
    pub(super) node: &'static Node,
    pub(super) stats: Stats,
    pub(super) memory: WorkerMemory,
    pub(super) pubsub: Subscribers,
    /// Where keyspace notifications go, as the configuration says.
    pub(super) keyspace_channels: KeyspaceChannels,
    /// The push that is being made; kept for its memory.
    pub(super) encoded: EncodedPush,
    /// Replies that had no place, which no reply should be: so many are in the log, or have been left out of
    /// it.
    pub(super) lost_replies: u64,
}

impl Office {
    pub(super) fn new(id: ShardId, node: &'static Node) -> Office {
        Office {
            id,
            node,
            stats: Stats::default(),
            memory: WorkerMemory::default(),
            pubsub: Subscribers::default(),
            keyspace_channels: KeyspaceChannels::default(),
            encoded: EncodedPush::default(),
            lost_replies: 0,
        }
    }
}

/// The world of a worker as its router sees it, for the time of one call.
pub(super) struct Desk<'a> {
    pub(super) clients: &'a mut Clients,
    pub(super) mesh: &'a mut Mesh,
    pub(super) office: &'a mut Office,
}

impl Desk<'_> {
    /// There is no place for a reply, in other words a defect in the server: every reply has one, and a
    /// connection is kept while it awaits any. Builds with assertions stop. Others write it into the log and
    /// go on: nobody waits in a place that is not there, so to stop would cost all clients their data for
    /// nothing.
    #[cold]
    fn reply_is_lost(&mut self, ticket: Ticket) {
        debug_assert!(false, "a reply without a place: {ticket:?}");
        let lost_replies = &mut self.office.lost_replies;
        *lost_replies += 1;
        // At most 64 lines, however often it happens.
        if lost_replies.is_power_of_two() {
            log::error!("A reply had no place ({ticket:?}); this worker has lost {lost_replies}");
        }
    }
}

impl Wire for Desk<'_> {
    #[inline]
    fn replies(&mut self, connection: u32) -> &mut ReplyQueue {
        &mut self.clients.at(connection).replies
    }

    #[inline]
    fn fill(&mut self, ticket: Ticket, bytes: &[u8], blobs: &[(usize, Blob)]) {
        if !self.clients.fill(ticket.connection, ticket.seq, bytes, blobs) {
            self.reply_is_lost(ticket);
        }
    }

    fn owes(&mut self, shard: ShardId, ticket: Ticket, bytes: usize) -> bool {
        let Some(client) = self.clients.get_mut(ticket.connection) else { return false };
        client.got_large_reply(LargeReply { shard, seq: ticket.seq, bytes });
        self.clients.look_at(ticket.connection);
        true
    }

    fn look_at(&mut self, connection: u32) {
        self.clients.look_at(connection);
    }

    #[inline]
    fn command(&mut self, to: ShardId, ticket: Ticket, call: Call<'_>) -> usize {
        self.office.stats.remote_commands += 1;
        self.mesh.command(to, RemoteCommand::new(ticket.seq, &call), call.args)
    }

    fn txn(&mut self, to: ShardId, message: TxnMessage) {
        self.mesh.send(to, Hop::Txn(Box::new(message)));
    }

    fn moving(&mut self, to: ShardId, message: MoveMessage) {
        self.mesh.send(to, Hop::Move(message));
    }

    fn taken(&mut self, to: ShardId, taken: TakenReplies) {
        self.mesh.send(to, Hop::Credit(taken));
    }

    #[inline]
    fn has_room_for_replies(&self, to: ShardId) -> bool {
        self.mesh.has_room_for_replies(to)
    }

    #[inline]
    fn reply_buffer(&mut self, to: ShardId, resp3: bool) -> &mut Reply {
        self.mesh.reply_buffer(to, resp3)
    }

    #[inline]
    fn end_reply(&mut self, ticket: Ticket) {
        self.mesh.end_reply(ticket);
    }

    fn tell(&mut self, shard: &mut Shard, notices: Vec<Notice>) {
        let before = thread_bytes();
        self.publish(notices);
        if self.office.memory.is_limited {
            shard.add_told_bytes(thread_bytes() - before);
        }
    }

    #[inline]
    fn make_room(&mut self, shard: &mut Shard) {
        self.office.make_room(shard);
    }

    fn clock_ms(&mut self) -> u64 {
        clock::now_ms()
    }

    #[inline]
    fn saw(&mut self, sight: Sight<'_>) {
        if let Sight::Transaction = sight {
            self.office.stats.transactions += 1;
        }
    }
}
