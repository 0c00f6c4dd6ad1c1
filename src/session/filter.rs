//! Which clients CLIENT LIST and CLIENT KILL mean.

use std::sync::Arc;

use shards::args::Args;
use shards::error::CommandError;

use crate::session::client::Client;

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

    /// The kind of this name, in any case.
    ///
    /// # Errors
    /// When there is none.
    pub fn parse(word: &[u8]) -> Result<ClientKind, CommandError> {
        let kinds: [(&[u8], ClientKind); 5] = [
            (b"normal", ClientKind::Normal),
            (b"slave", ClientKind::Replica),
            (b"replica", ClientKind::Replica),
            (b"pubsub", ClientKind::Pubsub),
            (b"master", ClientKind::Primary),
        ];
        let found = kinds.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
        found
            .map(|&(_, kind)| kind)
            .ok_or_else(|| CommandError::quoting("ERR Unknown client type '", word, "'"))
    }
}

/// Which clients are meant; all conditions must hold.
#[derive(Clone, Debug)]
pub struct ClientFilter {
    /// In ascending order.
    pub ids: Option<Arc<[u64]>>,
    /// Of this kind.
    pub kind: Option<ClientKind>,
    peer: Option<Vec<u8>>,
    local: Option<Vec<u8>>,
    user: Option<Vec<u8>>,
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

    /// The options of CLIENT KILL.
    ///
    /// # Errors
    /// When an option or a value is not known.
    pub fn parse_kill(args: Args<'_>) -> Result<ClientFilter, CommandError> {
        let mut filter = ClientFilter::default();
        let mut at = 2;
        while at < args.len() {
            if at + 1 >= args.len() {
                return Err(CommandError::Syntax);
            }
            let (option, value) = (args.get(at), args.get(at + 1));
            match option {
                option if option.eq_ignore_ascii_case(b"id") => {
                    let id = shards::num::parse_i64(value)
                        .ok_or_else(|| CommandError::other("ERR client-id should be greater than 0"))?;
                    if id < 1 {
                        return Err(CommandError::other("ERR client-id should be greater than 0"));
                    }
                    filter.ids = Some(Arc::from([id as u64]));
                }
                option if option.eq_ignore_ascii_case(b"type") => {
                    filter.kind = Some(ClientKind::parse(value)?)
                }
                option if option.eq_ignore_ascii_case(b"addr") => filter.peer = Some(value.to_vec()),
                option if option.eq_ignore_ascii_case(b"laddr") => filter.local = Some(value.to_vec()),
                option if option.eq_ignore_ascii_case(b"user") => {
                    if value != b"default" {
                        return Err(CommandError::quoting("ERR No such user '", value, "'"));
                    }
                    filter.user = Some(value.to_vec());
                }
                option if option.eq_ignore_ascii_case(b"skipme") => {
                    filter.skip_me = match value {
                        value if value.eq_ignore_ascii_case(b"yes") => true,
                        value if value.eq_ignore_ascii_case(b"no") => false,
                        _ => return Err(CommandError::Syntax),
                    };
                }
                _ => return Err(CommandError::Syntax),
            }
            at += 2;
        }
        Ok(filter)
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
