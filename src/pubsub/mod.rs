//! What the server says of subscriptions beside the vocabulary of [`shards::pubsub`]: which channels keyspace notifications
//! go to.

pub mod keyspace;

pub use shards::pubsub::{Message, Name, OwnedMessage, Subscribers, SubscriptionKind, Subscriptions};
