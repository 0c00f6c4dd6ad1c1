//! Requests that are taken apart before it is their turn, so that what they will need can be fetched
//! meanwhile.
//!
//! Only what is simple is taken: requests that have come whole, on a connection of which nothing else waits.
//! All else is left to [`super::QueryBuffer`], which begins where this has ended; so nothing has to be put
//! back. This file must not know connections or what requests mean.

use std::ops::Range;

use shards::args::Args;
use shards::spare::Trim;

use super::request::{Argv, Parsed, RequestLimits, RequestParser};

/// The arguments of several requests, one after the other. One per worker; empty between turns.
#[derive(Default, Debug)]
pub struct ParsedAhead {
    argv: Argv,
}

impl ParsedAhead {
    /// Parses the request with which `buffer` begins, if it is there to its end, no inline request and
    /// without a big argument. Returns how many bytes it has; its arguments are those behind the ones of the
    /// request before it, and may be none.
    #[inline]
    pub fn push(&mut self, buffer: &[u8], limits: &RequestLimits) -> Option<usize> {
        let before = self.argv.spans.len();
        match RequestParser::default().parse(buffer, &mut self.argv, limits) {
            Parsed::Complete { consumed, inline: false } if self.argv.blobs.is_empty() => Some(consumed),
            _ => {
                self.argv.forget_behind(before);
                None
            }
        }
    }

    /// How many arguments there are.
    #[inline]
    pub fn arguments(&self) -> usize {
        self.argv.spans.len()
    }

    /// The arguments of one request, of those that there are. `buffer` is what it was parsed from.
    #[inline]
    pub fn args<'a>(&'a self, buffer: &'a [u8], arguments: Range<usize>) -> Args<'a> {
        Args::new(buffer, &self.argv.spans[arguments], &[])
    }

    /// Forgets all.
    #[inline]
    pub fn clear(&mut self) {
        self.argv.spans.clear();
    }
}

impl Trim for ParsedAhead {
    fn trim(&mut self) {
        self.argv.trim();
    }
}
