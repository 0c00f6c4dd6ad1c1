//! Requests that have been taken apart and have not run (`look_ahead`). This file must not know the worker.

use shards::command::registry::CommandEntry;
use shards::key::OnlyKey;
use shards::shard::look_ahead::ExpectedKey;
use shards::spare::Trim;

use crate::io::ring::Received;
use crate::protocol::ParsedAhead;

/// What has been taken apart and has not run. One per worker; empty between turns. Its memory is bounded by
/// the requests that fit into `REQUESTS_AHEAD` and one more buffer.
#[derive(Default)]
pub(super) struct Ahead {
    pub(super) parsed: ParsedAhead,
    pub(super) requests: Vec<Request>,
    pub(super) portions: Vec<Portion>,
    pub(super) expected: Vec<ExpectedKey>,
}

/// What has come for one client in one buffer.
pub(super) struct Portion {
    pub(super) client: u32,
    pub(super) received: Received,
    /// Where its requests end.
    pub(super) requests_end: usize,
}

/// A request in the buffer of its portion.
pub(super) struct Request {
    /// The command that it calls, if there is such a one.
    pub(super) entry: Option<&'static CommandEntry>,
    pub(super) key: Option<OnlyKey>,
    /// Where it begins and ends in the buffer, in bytes.
    pub(super) start: u32,
    pub(super) end: u32,
    /// Where its arguments end.
    pub(super) arguments_end: u32,
}

impl Trim for Ahead {
    fn trim(&mut self) {
        self.parsed.trim();
        self.requests.trim();
        self.portions.trim();
        self.expected.trim();
    }
}

/// The keys of the hops that are taken up next, as many as are fetched together; kept for its memory. One
/// per worker.
#[derive(Default)]
pub(super) struct HopsAhead {
    /// All of them.
    pub(super) keys: Vec<OnlyKey>,
    /// Those whose look-ups have begun.
    pub(super) expected: Vec<ExpectedKey>,
}

impl Trim for HopsAhead {
    fn trim(&mut self) {
        self.keys.trim();
        self.expected.trim();
    }
}
