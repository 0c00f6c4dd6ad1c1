//! The shard's side of blocking commands: clients that wait for its keys are served when one of these has
//! changed.
//!
//! A client whose keys all lie on the shard of its own worker is served here: its command is run again. So is
//! a client of another worker whose keys all lie here and whose command takes nothing from them (XREAD): many
//! readers of one stream do not wait for each other, and what is read for a client that has gone is lost to
//! nobody. Any other is *woken*: the shard locks the client's keys under a number of its own, lends their
//! entries to the client's coordinator, and tells it to run the command as a transaction under that number
//! ([`crate::router::blocking`]). So nobody takes in between what the client was woken for; the coordinator,
//! which knows whether the client is still there and whether another shard has woken it too, lets the command
//! run once; and what is lent to a client that has gone comes back untouched.
//!
//! *Order.* The clients of a key are tried in the order in which they came, and nobody behind a client that
//! has been woken is tried before its transaction is over. What a client does not take is offered to the next
//! one.

use crate::blocking::Block;
use crate::blocking_keys::Ready;
use crate::key::DbIndex;
use crate::object::DataType;
use crate::reply::Reply;
use crate::shard::txn_state::BlockedState;
use crate::shard::{Call, Shard};
#[cfg(any(test, feature = "testing"))]
use crate::slot::ShardId;
use crate::slot::{SlotId, SlotSet};
use crate::txn::blocked_client::{BlockedClient, Blocking, LentBlocked, Wake};
use crate::txn::{Keys, Outbox, OwnedCall, Part, Ticket, TxId, TxnMessage, Watched};
use crate::watch::ClientId;

/// The numbers of shards that wake clients have this bit, so that they differ from those of the worker's
/// coordinator.
const WAKE_BIT: u64 = 1 << 15;

impl Shard {
    /// Runs a command that may have to wait, all of whose keys lie here and are not locked. What it would
    /// wait for is returned; then the reply is that of the timeout.
    pub(crate) fn execute_blocking(&mut self, call: Call<'_>, reply: &mut Reply) -> Option<Box<Block>> {
        let block = self.try_blocking(call, reply);
        self.serve_news();
        block
    }

    fn try_blocking(&mut self, call: Call<'_>, reply: &mut Reply) -> Option<Box<Block>> {
        self.env_mut().block = None;
        self.execute_open(call.command.run, call, reply);
        self.close_effects();
        self.env_mut().block.take()
    }

    /// A client waits from now on. `call`: its command, if all its keys lie here and it is a client of this
    /// worker or the command takes nothing.
    pub fn wait(&mut self, blocked: BlockedClient, call: Option<Box<OwnedCall>>) {
        let client = blocked.client;
        self.unwait(client, None);
        for (db, key) in blocked.awaited.iter() {
            self.env_mut().awaited.add(db, key, client);
        }
        let tried = self.env().awaited.latest_signal();
        self.blocked().of_client.insert(client, BlockedState { blocked, call, tried, wake: None });
    }

    /// A client waits no more: in its command of this ticket, or in any. One that was woken goes on holding
    /// its locks until its transaction is over.
    pub(super) fn unwait(&mut self, client: ClientId, ticket: Option<Ticket>) {
        let of_client = &mut self.blocked().of_client;
        let waits = |waiting: &BlockedState| ticket.is_none_or(|ticket| waiting.blocked.ticket == ticket);
        if !of_client.get(&client).is_some_and(waits) {
            return;
        }
        let Some(BlockedState { blocked, wake, .. }) = of_client.remove(&client) else { return };
        if let Some(txid) = wake {
            self.blocked().woken.remove(&txid);
        }
        for (db, key) in blocked.awaited.iter() {
            self.env_mut().awaited.remove(db, key, client);
        }
    }

    /// True when [`Shard::take_served`] or [`Shard::take_wakes`] have something.
    #[inline]
    pub fn has_served(&self) -> bool {
        let blocked = self.blocked_ref();
        !blocked.served.is_empty() || !blocked.wakes.is_empty()
    }

    /// The clients that were served here since the last call, with their replies.
    pub(crate) fn take_served(&mut self) -> Vec<(ClientId, Ticket, Reply)> {
        std::mem::take(&mut self.blocked().served)
    }

    /// Moves the messages to the coordinators of clients that were woken to `out`.
    pub(crate) fn take_wakes(&mut self, out: &mut Outbox) {
        out.append(&mut self.blocked().wakes);
    }

    /// The clients that wait here, with the tickets of their commands.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (ClientId, Ticket)> {
        self.blocked_ref().of_client.iter().map(|(&client, waiting)| (client, waiting.blocked.ticket))
    }

    /// The messages about clients that were woken or have read, which are still to be sent.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn unsent(&self) -> impl Iterator<Item = &(ShardId, TxnMessage)> {
        self.blocked_ref().wakes.iter()
    }

    /// How many clients wait here.
    pub fn waiting_clients(&self) -> usize {
        self.blocked_ref().of_client.len()
    }

    /// Serves the clients of keys that have changed.
    #[inline]
    pub(crate) fn serve_news(&mut self) {
        if self.env().awaited.has_news() {
            self.serve();
        }
    }

    #[cold]
    fn serve(&mut self) {
        let mut held = Vec::new();
        // Serving a client may make more keys ready: BLMOVE.
        while let Some(ready) = self.env_mut().awaited.next_ready() {
            if !self.serve_key(&ready) {
                held.push(ready);
            }
        }
        for ready in held {
            self.env_mut().awaited.put_back(ready);
        }
    }

    /// Tries the clients of one key. False when there may be more to do and something is in the way.
    fn serve_key(&mut self, ready: &Ready) -> bool {
        let &Ready { db, ref key, signal } = ready;
        let mut place = 0;
        while let Some(client) = self.env().awaited.client_at(db, key, place) {
            if self.is_held(db, key) {
                return false;
            }
            let there = self.data_type(db, key);
            let Some(waiting) = self.blocked().of_client.get_mut(&client) else { return true };
            if waiting.wake.is_some() {
                return false;
            }
            let BlockedClient { wanted, wakes_on_removal, .. } = waiting.blocked;
            if waiting.tried >= signal || (there != Some(wanted) && !wakes_on_removal) {
                place += 1;
                continue;
            }
            let is_direct = waiting.call.is_some();
            if self.is_any_leaving(client) {
                return false;
            }
            self.note_try(client, signal);
            if !is_direct || self.is_any_held(client) {
                self.wake(client);
                return false;
            }
            if !self.run_again(client) {
                place += 1;
            }
        }
        true
    }

    fn data_type(&mut self, db: DbIndex, key: &[u8]) -> Option<DataType> {
        let space = self.keyspace(db);
        space.view(&space.key(key)).map(|entry| entry.data_type())
    }

    fn note_try(&mut self, client: ClientId, signal: u64) {
        if let Some(waiting) = self.blocked().of_client.get_mut(&client) {
            waiting.tried = signal;
        }
    }

    /// True when one of the client's keys lies in a slot that is about to leave this shard: no lock may touch
    /// it any more. The end of the move has the client looked at again.
    fn is_any_leaving(&self, client: ClientId) -> bool {
        let waiting = self.blocked_ref().of_client.get(&client);
        waiting.is_some_and(|waiting| {
            let mut slots = waiting.blocked.keys.iter().map(|(_, key)| SlotId::of(key));
            slots.any(|slot| self.is_leaving(slot))
        })
    }

    fn is_any_held(&self, client: ClientId) -> bool {
        let waiting = self.blocked_ref().of_client.get(&client);
        waiting.is_some_and(|waiting| waiting.blocked.keys.iter().any(|(db, key)| self.is_held(db, key)))
    }

    /// Runs the command of a client that waits here. True when it has got its reply.
    fn run_again(&mut self, client: ClientId) -> bool {
        let waiting = self.blocked().of_client.get_mut(&client);
        let Some((call, ticket)) =
            waiting.and_then(|waiting| Some((waiting.call.take()?, waiting.blocked.ticket)))
        else {
            return false;
        };
        let mut reply = Reply::new(call.caller.resp3);
        if self.try_blocking(call.as_call(), &mut reply).is_none() {
            self.unwait(client, None);
            if ticket.worker == self.id {
                self.blocked().served.push((client, ticket, reply));
            } else {
                let read = TxnMessage::Read(client, ticket, reply);
                self.blocked().wakes.push((ticket.worker, read));
            }
            return true;
        }
        if let Some(waiting) = self.blocked().of_client.get_mut(&client) {
            waiting.call = Some(call);
        }
        false
    }

    /// Looks again at a client that this shard serves by itself. False for one that it does not so serve, or
    /// that does not wait in the command of this ticket.
    pub(crate) fn look_again_at(&mut self, client: ClientId, ticket: Ticket) -> bool {
        let waiting = self.blocked_ref().of_client.get(&client);
        let is_direct = |waiting: &&BlockedState| waiting.call.is_some() && waiting.blocked.ticket == ticket;
        let Some(waiting) = waiting.filter(is_direct) else { return false };
        let awaited = waiting.blocked.awaited.clone();
        awaited.iter().for_each(|(db, key)| self.env_mut().awaited.signal(db, key));
        true
    }

    /// Locks the keys of a client and has its coordinator run its command.
    fn wake(&mut self, client: ClientId) {
        let txid = TxId((self.latest_txid().clock() + 1) << 16 | WAKE_BIT | u64::from(self.id.0));
        let Some(waiting) = self.blocked().of_client.get_mut(&client) else { return };
        waiting.wake = Some(txid);
        let (ticket, keys) = (waiting.blocked.ticket, waiting.blocked.keys.clone());
        let mut wakes = std::mem::take(&mut self.blocked().wakes);
        wakes.push((ticket.worker, TxnMessage::Wake(Wake { txid, client, ticket, keys: keys.len() })));
        self.blocked().woken.insert(txid, client);
        self.lock(ticket.worker, txid, Part::Lend(keys, Watched::default()), &mut wakes);
        self.blocked().wakes = wakes;
    }

    /// A transaction is over here: if it was that of a client that was woken, this client may be woken again.
    pub(super) fn end_wake(&mut self, txid: TxId) {
        if self.blocked_ref().woken.is_empty() {
            return;
        }
        if let Some(client) = self.blocked().woken.remove(&txid)
            && let Some(waiting) = self.blocked().of_client.get_mut(&client)
        {
            waiting.wake = None;
        }
    }

    /// What a participant is told of a client with the return of what it has lent.
    pub(super) fn take_wait(&mut self, wait: Option<Blocking>) {
        match wait {
            Some(Blocking::Begin(blocked, reading)) => self.wait(*blocked, reading),
            Some(Blocking::End(client, ticket)) => self.unwait(client, Some(ticket)),
            None => {}
        }
    }

    /// Takes out those who wait for keys of slots that leave for another shard. From now on they have to be
    /// woken, since not all their keys are here.
    pub(super) fn take_blocked(&mut self, slots: &SlotSet) -> LentBlocked {
        let queues = self.env_mut().awaited.take_slots(slots);
        let mut clients = Vec::new();
        self.blocked().of_client.retain(|_, waiting| {
            let BlockedClient { keys, awaited, .. } = &mut waiting.blocked;
            let (gone, stay) = split(keys, slots);
            if gone.is_empty() {
                return true;
            }
            let (gone_awaited, stay_awaited) = split(awaited, slots);
            waiting.call = None;
            clients.push(BlockedClient { keys: gone, awaited: gone_awaited, ..waiting.blocked.clone() });
            (waiting.blocked.keys, waiting.blocked.awaited) = (stay, stay_awaited);
            !waiting.blocked.keys.is_empty()
        });
        LentBlocked { queues, clients }
    }

    /// Puts in what another shard has taken out.
    pub(super) fn put_blocked(&mut self, lent: LentBlocked) {
        let LentBlocked { queues, clients } = lent;
        for blocked in clients {
            let client = blocked.client;
            let tried = self.env().awaited.latest_signal();
            let here = self.blocked().of_client.get_mut(&client);
            match here {
                // Of two commands of a client the later one waits.
                Some(here) if here.blocked.ticket != blocked.ticket => {
                    if (blocked.ticket.seq.wrapping_sub(here.blocked.ticket.seq) as i32) < 0 {
                        continue;
                    }
                    self.unwait(client, None);
                    self.blocked()
                        .of_client
                        .insert(client, BlockedState { blocked, call: None, tried, wake: None });
                }
                Some(here) => {
                    blocked.keys.iter().for_each(|(db, key)| here.blocked.keys.push(db, key));
                    blocked.awaited.iter().for_each(|(db, key)| here.blocked.awaited.push(db, key));
                }
                None => {
                    self.blocked()
                        .of_client
                        .insert(client, BlockedState { blocked, call: None, tried, wake: None });
                }
            }
        }
        for (db, key, clients) in queues {
            let waits = |client: &ClientId| {
                let waiting = self.blocked_ref().of_client.get(client);
                waiting.is_some_and(|waiting| waiting.blocked.awaited.contains(db, &key))
            };
            let clients: Vec<ClientId> = clients.into_iter().filter(waits).collect();
            clients.into_iter().for_each(|client| self.env_mut().awaited.add(db, &key, client));
        }
    }
}

/// The keys in these slots, and the others.
fn split(keys: &Keys, slots: &SlotSet) -> (Keys, Keys) {
    let (mut inside, mut outside) = (Keys::default(), Keys::default());
    for (db, key) in keys.iter() {
        let to = if slots.contains(SlotId::of(key)) { &mut inside } else { &mut outside };
        to.push(db, key);
    }
    (inside, outside)
}
