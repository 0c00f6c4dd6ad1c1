//! What workers ask of each other and answer: one hop each, and for each subject one variant, whose own hops
//! stand in a file of the subject.

use std::num::NonZeroU16;

use shards::args::Args;
use shards::caller::Caller;
use shards::command::DataCommand;
use shards::copies::ConnectionId;
use shards::key::OnlyKey;
use shards::router::slot_move::MoveMessage;
use shards::router::wire::TakenReplies;
use shards::shard::Call;
use shards::slot::SlotId;
use shards::txn::{Ticket, TxnMessage};

use crate::host::log::LogHop;
use crate::node::memory::MemoryHop;
use crate::pubsub::hop::PubSubHop;
use crate::session::hand_over::HandOver;
use crate::session::inquiry::InquiryHop;
use crate::tracking::clients::TrackingHop;

/// A hop: what one worker asks of another, or answers.
pub enum Hop {
    /// Run a command on your shard and send its reply for this ticket.
    Command(RemoteCommand),
    /// The reply for a ticket: so many bytes and blobs of the batch's replies.
    Reply {
        /// Whose reply it is.
        ticket: Ticket,
        /// End of its bytes in the batch's replies.
        end: usize,
        /// End of its blobs in the batch's replies.
        blobs_end: usize,
    },
    /// A transaction's message.
    Txn(Box<TxnMessage>),
    /// About a slot that changes hands.
    Move(MoveMessage),
    /// A question, or an answer.
    Inquiry(InquiryHop),
    /// About a published message.
    PubSub(PubSubHop),
    /// About clients that keep copies.
    Tracking(Box<TrackingHop>),
    /// About the credit of a connection: large replies are on their way to its client.
    Credit(TakenReplies),
    /// A client of mine that comes to you, or that does not.
    HandOver(HandOver),
    /// About the log.
    Log(LogHop),
    /// About the memory of the node.
    Memory(MemoryHop),
}

/// Commands are most of what is sent, so nothing else may make a hop larger than one; what would is boxed.
const _: () = assert!(size_of::<Hop>() == size_of::<RemoteCommand>());

/// A command in a batch. Its arguments lie in the batch's arrays, from the end of the command before it.
#[derive(Clone, Copy)]
pub struct RemoteCommand {
    /// The place of its reply.
    pub seq: u32,
    /// Which command.
    pub command: &'static DataCommand,
    /// Its only key, when it has one: which argument it is, and its slot.
    pub key: Option<(NonZeroU16, SlotId)>,
    /// The client that sent it.
    pub caller: Caller,
    pub(super) spans_end: u32,
    pub(super) bytes_end: u32,
    pub(super) blobs_end: u32,
}

impl RemoteCommand {
    /// Whose reply it makes.
    #[inline]
    pub fn ticket(&self) -> Ticket {
        let ConnectionId { worker, index } = self.caller.at;
        Ticket { worker, connection: index, seq: self.seq }
    }

    /// What it runs, with the arguments that have come along.
    #[inline]
    pub fn call<'a>(&self, args: Args<'a>) -> Call<'a> {
        let &RemoteCommand { command, key, caller, .. } = self;
        let key = key.map(|(argument, slot)| OnlyKey { argument, slot, hash: None });
        Call { command, key, caller, args }
    }

    /// A hop that runs `call`, whose arguments go along (`Mesh::command`).
    #[inline]
    pub fn new(seq: u32, call: &Call<'_>) -> RemoteCommand {
        let &Call { command, key, caller, .. } = call;
        let key = key.map(|key| (key.argument, key.slot));
        RemoteCommand { seq, command, key, caller, spans_end: 0, bytes_end: 0, blobs_end: 0 }
    }
}
