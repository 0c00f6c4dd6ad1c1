//! How many bytes of large replies this shard may make for one connection before its worker says that they
//! are on their way to the client, and the commands that wait for that.
//!
//! A worker sends the commands of a connection to other shards before it knows how large the replies will be.
//! Short ones need no account: a connection awaits a limited number of replies. A large one is owed by its
//! connection until the worker has *taken* it: sent it, or found room for it within the bound of the
//! connection's output. A connection that owes [`CREDIT_BYTES`] has its further commands put aside here, in
//! their order, whoever sends them and however long it takes; so a client that does not read has nothing more
//! executed for it. Commands also wait here, for the next turn, while a batch of replies is full.
//!
//! Why nobody waits for ever: of the replies that a connection awaits, the shard that owes the first one has
//! made only replies before it, which can be sent as soon as the client reads, and are taken then. This file
//! must not know what commands do, nor locks.

use std::collections::{HashMap, VecDeque};

use crate::slot::ShardId;
use crate::spare::Trim;

/// The connection that a command came from: its worker, and its number there.
pub(crate) type Source = (ShardId, u32);

/// A reply with more bytes than this is large: it is owed until it is taken. 1024 replies of this size, which
/// is what a connection may await, make the 16 MB that may wait to be sent to it.
pub const LARGE_REPLY_BYTES: usize = 16 << 10;
/// A connection that owes so many bytes to a shard has nothing executed there. Enough for a shard to go on
/// making replies while those before travel to the connection's worker.
pub const CREDIT_BYTES: usize = 1 << 20;

/// What one connection owes, and its commands that wait.
struct Account<P> {
    owed_bytes: usize,
    waiting: VecDeque<P>,
    /// It is in [`Credits::ready`].
    is_ready: bool,
}

impl<P> Account<P> {
    fn has_credit(&self) -> bool {
        self.owed_bytes < CREDIT_BYTES
    }

    fn makes_wait(&self) -> bool {
        !self.has_credit() || !self.waiting.is_empty()
    }
}

/// One per shard. `P` is a command that waits.
pub(crate) struct Credits<P> {
    /// Connections that owe something or have commands waiting.
    accounts: HashMap<Source, Account<P>>,
    /// How many of them make their next command wait.
    waiting_accounts: usize,
    /// Those with commands that can go on.
    ready: VecDeque<Source>,
}

impl<P> Default for Credits<P> {
    fn default() -> Credits<P> {
        Credits { accounts: HashMap::new(), waiting_accounts: 0, ready: VecDeque::new() }
    }
}

impl<P> Credits<P> {
    /// True while every command can run that comes.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting_accounts == 0
    }

    /// True when the next command of this connection has to wait.
    pub(crate) fn makes_wait(&self, source: Source) -> bool {
        !self.is_idle() && self.accounts.get(&source).is_some_and(Account::makes_wait)
    }

    /// Changes an account and what follows from it; with `lists` its commands go on as soon as they can.
    fn change<R>(&mut self, source: Source, lists: bool, change: impl FnOnce(&mut Account<P>) -> R) -> R {
        let new = || Account { owed_bytes: 0, waiting: VecDeque::new(), is_ready: false };
        let account = self.accounts.entry(source).or_insert_with(new);
        self.waiting_accounts -= usize::from(account.makes_wait());
        let result = change(account);
        self.waiting_accounts += usize::from(account.makes_wait());
        if lists && account.has_credit() && !account.waiting.is_empty() && !account.is_ready {
            account.is_ready = true;
            self.ready.push_back(source);
        }
        if account.owed_bytes == 0 && account.waiting.is_empty() && !account.is_ready {
            self.accounts.remove(&source);
        }
        result
    }

    /// A reply of so many bytes was made for a connection.
    #[inline]
    pub(crate) fn owe(&mut self, source: Source, bytes: usize) {
        if bytes > LARGE_REPLY_BYTES {
            self.change(source, true, |account| account.owed_bytes += bytes);
        }
    }

    /// So many bytes of its large replies are taken.
    pub(crate) fn taken(&mut self, source: Source, bytes: usize) {
        let take = |account: &mut Account<P>| {
            account.owed_bytes = account.owed_bytes.saturating_sub(bytes);
        };
        self.change(source, true, take);
    }

    /// Puts a command aside, behind those of its connection that wait already.
    pub(crate) fn put_aside(&mut self, source: Source, command: P) {
        self.change(source, true, |account| account.waiting.push_back(command));
    }

    /// Gives up what a connection has waiting, in order.
    pub(crate) fn give_up(&mut self, source: Source) -> VecDeque<P> {
        self.change(source, true, |account| std::mem::take(&mut account.waiting))
    }

    /// How many connections have commands that can go on.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The next of them.
    pub(crate) fn next_ready(&mut self) -> Option<Source> {
        let source = self.ready.pop_front()?;
        if let Some(account) = self.accounts.get_mut(&source) {
            account.is_ready = false;
        }
        Some(source)
    }

    /// Has a connection's commands go on later, after those of the others.
    pub(crate) fn go_on_later(&mut self, source: Source) {
        self.change(source, true, |_| ());
    }

    /// The next command of a connection, if it has credit or, `by_force`, although it has none.
    pub(crate) fn take_next(&mut self, source: Source, by_force: bool) -> Option<P> {
        let account = self.accounts.get(&source)?;
        if !by_force && !account.has_credit() {
            return None;
        }
        // Whoever asks goes on asking, so the connection need not be listed.
        self.change(source, false, |account| account.waiting.pop_front())
    }

    /// The connections that have commands waiting, with credit or without, of which one fits; and how many of
    /// their commands have been taken when the last that fits has.
    pub(crate) fn connections_with(&self, fits: impl Fn(&P) -> bool) -> Vec<(Source, usize)> {
        let last = |(&source, account): (&Source, &Account<P>)| {
            let at = account.waiting.iter().rposition(&fits)?;
            Some((source, at + 1))
        };
        let mut found: Vec<(Source, usize)> = self.accounts.iter().filter_map(last).collect();
        // A table with random seeds has an order of its own each time, and a shard is to do the same again.
        found.sort_unstable();
        found
    }

    /// The commands that wait.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &P> {
        self.accounts.values().flat_map(|account| &account.waiting)
    }
}

impl<P> Trim for Credits<P> {
    fn trim(&mut self) {
        self.accounts.trim();
        self.ready.trim();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Source = (ShardId(1), 7);
    const OTHER: Source = (ShardId(2), 7);

    /// The commands of the connections that can go on, in the order in which they do.
    fn going_on(credits: &mut Credits<u32>) -> Vec<u32> {
        let mut commands = Vec::new();
        while let Some(source) = credits.next_ready() {
            commands.extend(std::iter::from_fn(|| credits.take_next(source, false)));
        }
        commands
    }

    #[test]
    fn who_owes_too_much_waits_in_order_until_enough_is_taken_and_nobody_else_does() {
        let mut credits = Credits::default();
        credits.owe(ONE, LARGE_REPLY_BYTES);
        assert!(credits.accounts.is_empty(), "a short reply is not owed");
        credits.owe(ONE, CREDIT_BYTES - 1);
        assert!(credits.is_idle() && !credits.makes_wait(ONE));
        credits.owe(ONE, LARGE_REPLY_BYTES + 1);
        assert!(credits.makes_wait(ONE) && !credits.makes_wait(OTHER));
        (1..=3).for_each(|command| credits.put_aside(ONE, command));
        assert!(going_on(&mut credits).is_empty());
        credits.taken(ONE, LARGE_REPLY_BYTES);
        assert!(going_on(&mut credits).is_empty());
        credits.taken(ONE, 1);
        assert!(credits.makes_wait(ONE), "what waits is not overtaken");
        assert_eq!(going_on(&mut credits), [1, 2, 3]);
        assert!(credits.is_idle());
        credits.taken(ONE, CREDIT_BYTES);
        assert!(credits.accounts.is_empty());
    }

    #[test]
    fn a_command_that_only_waits_for_room_goes_on_later_behind_those_of_others() {
        let mut credits = Credits::default();
        credits.put_aside(ONE, 1);
        credits.put_aside(OTHER, 2);
        assert!(!credits.is_idle());
        assert_eq!((credits.ready(), credits.next_ready()), (2, Some(ONE)));
        credits.go_on_later(ONE);
        assert_eq!(going_on(&mut credits), [2, 1]);
        assert!(credits.is_idle() && credits.accounts.is_empty());
    }

    #[test]
    fn a_slot_that_leaves_and_a_client_that_has_gone_do_not_wait_for_credit() {
        let mut credits = Credits::default();
        credits.owe(ONE, CREDIT_BYTES);
        (1..=3).for_each(|command| credits.put_aside(ONE, command));
        assert_eq!(credits.connections_with(|&command| command == 2), [(ONE, 2)]);
        assert_eq!(credits.connections_with(|&command| command > 3), []);
        assert_eq!((credits.take_next(ONE, false), credits.take_next(ONE, true)), (None, Some(1)));
        assert_eq!(credits.waiting().copied().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(credits.give_up(ONE), [2, 3]);
        credits.taken(ONE, CREDIT_BYTES);
        assert!(credits.is_idle() && credits.accounts.is_empty());
        credits.taken(OTHER, 5);
        assert!(credits.accounts.is_empty(), "what was not owed leaves no account");
    }
}
