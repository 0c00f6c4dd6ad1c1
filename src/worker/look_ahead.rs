//! The requests of a turn are taken apart before the first of them runs, so that what their keys need is
//! fetched from memory for all of them together ([`shards::shard::look_ahead`]).
//!
//! What has come for several clients is held back until there is enough of it, or until anything else has
//! completed. Then the requests run in the order in which they have come, as if nothing had been held back:
//! nothing that decides over them is looked at ahead but where their only keys are. What is not a simple
//! request waits for its turn in its buffer, and so does all behind it.

use shards::command::flags;
use shards::command::registry::Command;

use super::Worker;
use super::ahead::{Portion, Request};
use crate::io::ring::Received;
use crate::protocol::{ParsedAhead, RequestLimits};

/// Requests that are looked at before the first of them runs, unless more have come in one buffer: a few
/// hundred lines of the processor's first cache, which has some five hundred.
const REQUESTS_AHEAD: usize = 64;

impl Worker {
    /// Takes the requests in a buffer apart, if they can be. The client must be there.
    ///
    /// # Errors
    /// The buffer comes back when the client's requests have to be executed one by one.
    pub(super) fn look_ahead(&mut self, index: u32, received: Received) -> Result<(), Received> {
        let Worker { clients, router, node, config, ahead, .. } = self;
        let client = clients.at(index);
        if !client.can_look_ahead() {
            return Err(received);
        }
        let limits = RequestLimits { bulk_bytes_max: config.proto_max_bulk_len_bytes, authenticated: true };
        let db = client.session.db;
        let mut start = 0;
        while let Some(len) = {
            let buffer = &received[start..];
            if buffer.is_empty() { None } else { ahead.parsed.push(buffer, &limits) }
        } {
            let first = ahead.requests.last().map_or(0, |request| request.arguments_end as usize);
            let args = ahead.parsed.args(&received[start..], first..ahead.parsed.arguments());
            // A request without arguments counts, and is taken in its turn.
            if args.len() == 0 {
                break;
            }
            let end = start + len;
            let entry = node.registry.called(args);
            let mut key = None;
            if let Some(entry) = entry
                && matches!(entry.command, Command::Data(_))
                && entry.spec().arity.accepts(args.len())
            {
                key = router.expect(db, entry.plan, args, &mut ahead.expected);
            }
            let arguments_end = ahead.parsed.arguments() as u32;
            ahead.requests.push(Request { entry, key, start: start as u32, end: end as u32, arguments_end });
            start = end;
            // Whoever it is then may send other requests.
            if entry.is_some_and(|entry| entry.spec().has(flags::NO_AUTH)) {
                break;
            }
        }
        client.is_ahead = true;
        ahead.portions.push(Portion { client: index, received, requests_end: ahead.requests.len() });
        if ahead.requests.len() >= REQUESTS_AHEAD {
            self.catch_up();
        }
        Ok(())
    }

    /// Executes what has been taken apart.
    #[inline]
    pub(super) fn catch_up(&mut self) {
        if !self.ahead.portions.is_empty() {
            self.execute_ahead();
        }
    }

    fn execute_ahead(&mut self) {
        let mut ahead = std::mem::take(&mut self.ahead);
        self.router.shard().fetch(&ahead.expected);
        let (mut first, mut argument) = (0, 0);
        for Portion { client, received, requests_end } in ahead.portions.drain(..) {
            let requests = &ahead.requests[first..requests_end];
            first = requests_end;
            let at = self.execute_portion(client, &received, requests, &ahead.parsed, argument);
            argument = requests.last().map_or(argument, |request| request.arguments_end as usize);
            if at < received.len() {
                self.execute_received(client, &received[at..]);
            }
            self.clients.look_at(client);
            self.ring.give_back(received);
        }
        ahead.parsed.clear();
        ahead.requests.clear();
        ahead.expected.clear();
        self.ahead = ahead;
    }

    /// Executes requests of a client until one has to wait. Returns where the rest begins, in bytes.
    fn execute_portion(
        &mut self,
        index: u32,
        received: &[u8],
        requests: &[Request],
        parsed: &ParsedAhead,
        first_argument: usize,
    ) -> usize {
        let client = self.clients.at(index);
        client.is_ahead = false;
        client.session.active_ms = self.now_ms;
        let output_bytes_max = client.output_bytes_of_turn();
        let mut argument = first_argument;
        for request in requests {
            if !self.goes_on(index, output_bytes_max) {
                return request.start as usize;
            }
            let end = request.arguments_end as usize;
            let args = parsed.args(&received[request.start as usize..], argument..end);
            argument = end;
            self.dispatch_found(index, request.entry, request.key, args);
        }
        requests.last().map_or(0, |request| request.end as usize)
    }
}
