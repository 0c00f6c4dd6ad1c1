//! Who calls a command, as far as the command and its shards have to know: a client, a replica's stream or a
//! script.

use crate::copies::ConnectionId;
use crate::key::DbIndex;
use crate::watch::ClientId;

/// The client of a command, as it is at that command. Copied along wherever the command goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Caller {
    /// Its number, unique in the node.
    pub client: ClientId,
    /// Where the client's connection is.
    pub at: ConnectionId,
    /// Its database.
    pub db: DbIndex,
    /// It speaks RESP3.
    pub resp3: bool,
    /// Keys that it reads count as used; false under CLIENT NO-TOUCH.
    pub touch: bool,
    /// It keeps copies of what this command reads (CLIENT TRACKING).
    pub keeps_copies: bool,
}

impl Caller {
    /// A client whose commands count as uses of their keys, in database 0 and with RESP2.
    pub fn new(client: ClientId) -> Caller {
        Caller { client, touch: true, ..Caller::default() }
    }
}
