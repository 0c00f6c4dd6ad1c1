//! What workers ask each other about clients, and which of them CLIENT LIST and CLIENT KILL mean. How that is
//! written in a command is known to `commands/client`.

use std::sync::Arc;

use shards::copies::ConnectionId;
use shards::router::blocked_calls::Ending;
use shards::watch::ClientId;

use crate::session::client::Client;

/// What a worker can be asked about its clients.
#[derive(Clone)]
pub enum ClientQuestion {
    /// Those that match, as CLIENT LIST lines.
    List(ClientFilter),
    /// Close those that match.
    Kill(ClientFilter),
    /// Whether the one of this number is yours.
    Find(ClientId),
    /// End the blocking command of yours of this number.
    Unblock(ClientId, Ending),
}

/// What it answers.
pub enum ClientAnswer {
    /// Their ids and their CLIENT LIST lines.
    Lines(Vec<(u64, String)>),
    /// The ids of those that were closed.
    Killed(Vec<u64>),
    /// Where the client is, if it is here.
    Found(Option<ConnectionId>),
    /// Whether the client was found in one.
    Unblocked(bool),
}

/// What kind of client a connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientKind {
    /// An ordinary client.
    Normal,
    /// The link to the primary.
    Primary,
    /// The link to a replica.
    Replica,
    /// A subscriber.
    Pubsub,
}

impl ClientKind {
    fn of(is_subscribed: bool) -> ClientKind {
        if is_subscribed { ClientKind::Pubsub } else { ClientKind::Normal }
    }
}

/// Which clients are meant; all conditions must hold.
#[derive(Clone, Debug)]
pub struct ClientFilter {
    /// In ascending order.
    pub ids: Option<Arc<[u64]>>,
    /// Of this kind.
    pub kind: Option<ClientKind>,
    /// With this address.
    pub peer: Option<Vec<u8>>,
    /// That has come to this address of the server.
    pub local: Option<Vec<u8>>,
    /// Logged in as this user.
    pub user: Option<Vec<u8>>,
    /// Leave the asking client alone (CLIENT KILL).
    pub skip_me: bool,
}

impl Default for ClientFilter {
    fn default() -> ClientFilter {
        ClientFilter { ids: None, kind: None, peer: None, local: None, user: None, skip_me: true }
    }
}

impl ClientFilter {
    /// CLIENT KILL with one address alone, which spares nobody.
    pub fn of_peer(peer: &[u8]) -> ClientFilter {
        ClientFilter { peer: Some(peer.to_vec()), skip_me: false, ..ClientFilter::default() }
    }

    /// True when the client is meant.
    pub fn matches(&self, client: &Client) -> bool {
        let Client { session, peer, local, .. } = client;
        self.matches_one(session.id, session.is_subscribed(), peer, local, session.authenticated)
    }

    /// True when a client is meant of which this is known.
    pub fn matches_one(
        &self,
        id: u64,
        is_subscribed: bool,
        peer: &str,
        local: &str,
        authenticated: bool,
    ) -> bool {
        self.ids.as_ref().is_none_or(|ids| ids.binary_search(&id).is_ok())
            && self.kind.is_none_or(|kind| kind == ClientKind::of(is_subscribed))
            && self.peer.as_ref().is_none_or(|wanted| wanted == peer.as_bytes())
            && self.local.as_ref().is_none_or(|wanted| wanted == local.as_bytes())
            && (self.user.is_none() || authenticated)
    }
}
