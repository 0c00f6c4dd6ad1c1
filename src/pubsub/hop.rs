//! What workers say to each other of publishing and subscribing.
//!
//! What they do about it is the business of `worker/publish.rs`. This file must not know the mesh.

use std::sync::Arc;

use shards::txn::Ticket;

use super::{Name, OwnedMessage, SubscriptionKind};

/// What one worker tells another of a published message.
pub enum PubSubHop {
    /// Put it in order, and send the number of its receivers for this ticket.
    Publish(Ticket, Arc<OwnedMessage>),
    /// It is for your subscribers. Under a number its sequencer wants to know how many they are.
    Deliver(Option<u64>, Arc<OwnedMessage>),
    /// The one that you have sent under this number has so many receivers here.
    Delivered(u64, usize),
    /// That of this ticket has so many receivers in all.
    Published(Ticket, usize),
}

/// What a worker can be asked about its subscribers.
#[derive(Clone)]
pub enum PubSubQuestion {
    /// The channels or patterns of a kind that you have subscribers of, and that match if there is something
    /// to match.
    Names(SubscriptionKind, Option<Vec<u8>>),
    /// How many subscribers you have of each of these names.
    Subscribers(SubscriptionKind, Arc<Vec<Vec<u8>>>),
}

/// What it answers.
pub enum PubSubAnswer {
    /// Channels or patterns.
    Names(Vec<Name>),
    /// Numbers of subscribers.
    Counts(Vec<usize>),
}
