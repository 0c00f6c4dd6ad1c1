//! What the server says of subscriptions beside the vocabulary of [`shards::pubsub`]: which channels keyspace
//! notifications go to.

pub mod hop;
pub mod keyspace;

pub use shards::pubsub::{Message, Name, OwnedMessage, Subscribers, SubscriptionKind, Subscriptions};

/// What comes after a command about channels and their subscribers. Each makes the reply.
#[derive(Clone, Copy, Debug)]
pub enum PubSubFlow {
    /// The arguments are subscribed to.
    Subscribe(SubscriptionKind),
    /// The arguments, or all, are subscribed to no longer.
    Unsubscribe(SubscriptionKind),
    /// The second argument is published to the channel or shard channel that is the first.
    Publish(SubscriptionKind),
}
