//! What the server knows of a client besides its socket. One per connection.
//!
//! This file must not know sockets or buffers.

pub mod change;
pub mod client;
pub mod clients;
pub mod command;
pub mod filter;
pub mod hand_over;
pub mod inquiry;
pub mod order;

use shards::caller::Caller;
use shards::command::registry::CommandEntry;
use shards::copies::ConnectionId;
use shards::key::DbIndex;
use shards::router::session::{QueuedCommands, ReplyMode};
use shards::txn::Keys;
use shards::watch::ClientId;

use crate::pubsub::{SubscriptionKind, Subscriptions};
use crate::tracking::mode::{ClientTracking, TrackingChange};

/// The state of a logical client.
#[derive(Debug, Default)]
pub struct Session {
    /// Unique in the process, growing with time.
    pub id: u64,
    /// SELECTed database.
    pub db: DbIndex,
    /// HELLO 3 was sent.
    pub resp3: bool,
    /// AUTH has succeeded, or there is no password.
    pub authenticated: bool,
    /// CLIENT SETNAME.
    pub name: Vec<u8>,
    /// CLIENT SETINFO lib-name.
    pub lib_name: Vec<u8>,
    /// CLIENT SETINFO lib-ver.
    pub lib_ver: Vec<u8>,
    /// CLIENT REPLY.
    pub reply_mode: ReplyMode,
    /// CLIENT NO-EVICT on.
    pub no_evict: bool,
    /// CLIENT NO-TOUCH on.
    pub no_touch: bool,
    /// The commands since MULTI.
    pub queue: Option<Box<QueuedCommands>>,
    /// How many commands the transaction has that runs now, if one does.
    pub running: Option<usize>,
    /// The keys of WATCH.
    pub watched: Keys,
    /// What it subscribes to; none when that is nothing.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// CLIENT TRACKING, if it is on.
    pub tracking: Option<Box<ClientTracking>>,
    /// CLIENT TRACKING with REDIRECT while the other client is being looked for.
    pub tracking_later: Option<Box<(ClientId, TrackingChange)>>,
    /// The last command; none before the first, and when it is unknown.
    pub last_command: Option<&'static CommandEntry>,
    /// When the connection was accepted, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it last sent something or was sent something, in milliseconds since 1970.
    pub active_ms: u64,
    /// Commands processed.
    pub commands: u64,
}

impl Session {
    /// What a command has to know of this client, whose connection is `at`.
    #[inline]
    pub fn caller(&self, at: ConnectionId) -> Caller {
        let &Session { id, db, resp3, no_touch, .. } = self;
        Caller { client: ClientId(id), at, db, resp3, touch: !no_touch, keeps_copies: self.keeps_copies() }
    }

    /// Bytes that it holds beside its struct, but for what the client subscribes to and tracks: the queue of
    /// MULTI and what is watched, above all.
    pub fn bytes_held(&self) -> usize {
        let names = self.name.capacity() + self.lib_name.capacity() + self.lib_ver.capacity();
        let queue = self.queue.as_ref().map_or(0, |queue| queue.memory_bytes());
        names + queue + self.watched.bytes_held()
    }

    /// The client is a subscriber.
    #[inline]
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions.is_some()
    }

    /// How many subscriptions of a kind the client has.
    pub fn subscription_count(&self, kind: SubscriptionKind) -> usize {
        self.subscriptions.as_ref().map_or(0, |subscriptions| subscriptions.count(kind))
    }

    /// Whether the client keeps copies of what the next command reads.
    #[inline]
    pub fn keeps_copies(&self) -> bool {
        self.tracking.as_ref().is_some_and(|tracking| tracking.remembers())
    }

    /// A command is over for which CLIENT CACHING was meant, or could have been.
    pub fn forget_caching(&mut self) {
        if let Some(tracking) = &mut self.tracking {
            tracking.is_caching_said = false;
        }
    }

    /// A request without arguments: nothing runs, but what was said for the next request is over (Redis:
    /// resetClient).
    pub fn pass_empty_request(&mut self) {
        self.reply_mode.begin_command();
        self.reply_mode.end_command(false);
        if self.queue.is_none() {
            self.forget_caching();
        }
    }

    /// Back to the state after accepting (RESET). Statistics, the id and the library's name stay.
    pub fn reset(&mut self, authenticated: bool) {
        self.db = DbIndex(0);
        self.resp3 = false;
        self.authenticated = authenticated;
        self.name.clear();
        // SKIP holds for RESET itself (Redis: clearClientConnectionState).
        if self.reply_mode != ReplyMode::SkipThis {
            self.reply_mode = ReplyMode::On;
        }
        self.no_evict = false;
        self.no_touch = false;
        self.queue = None;
    }
}
