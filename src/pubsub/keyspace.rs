//! Which channels keyspace notifications go to.
//!
//! What they say is known to the shards, and they are published by `worker/notifications.rs`.

use shards::notify::Classes;

use crate::config::Config;

/// What `notify-keyspace-events` asks for besides classes of events.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyspaceChannels {
    /// `K`: a channel for each key.
    pub of_keys: bool,
    /// `E`: a channel for each event.
    pub of_events: bool,
}

impl KeyspaceChannels {
    /// As the configuration says.
    pub fn of(config: &Config) -> KeyspaceChannels {
        let letters = &config.notify_keyspace_events;
        KeyspaceChannels { of_keys: letters.contains(&b'K'), of_events: letters.contains(&b'E') }
    }

    /// The classes of events that the shard has to note: none when there is no channel for them.
    pub fn classes(self, config: &Config) -> Classes {
        match self {
            KeyspaceChannels { of_keys: false, of_events: false } => Classes::default(),
            _ => Classes::of_letters(&config.notify_keyspace_events),
        }
    }
}
