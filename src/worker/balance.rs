//! Which worker serves which client, and how many have slots: new clients are taken to a worker that takes
//! clients, and others are handed over when the number of those workers changes or one has clearly more than
//! its share. Busy clients go as well as idle ones: they stop between two commands, at the latest when the
//! one that they are in has ended.
//!
//! How many workers are active is decided by the first one's cron ([`crate::node::client_workers`]), which
//! also has the slots dealt to them.

use std::sync::Arc;
use std::time::Instant;

use shards::router::moving::DEALER;
use shards::slot::{SLOT_COUNT, ShardId};

use super::Worker;
use crate::host::clock;
use crate::node::client_workers::Load;
use crate::session::client::Client;

/// Clients that a worker begins to hand over in one period of its cron. Each costs two rounds of questions to
/// all workers.
const HANDED_OVER_MAX: usize = 64;

impl Worker {
    /// Takes a client that has just been accepted to the worker that shall serve it.
    pub(super) fn place(&mut self, mut client: Client) {
        let to = self.node.client_workers.place(self.id);
        client.seat = self.node.client_workers.seat(to);
        if to == self.id {
            let index = self.take_in(client);
            return self.clients.at(index).drive_receive(&mut self.ring);
        }
        self.send_client(to, client);
    }

    /// Tells how busy this worker is, and hands clients over that others should serve. Called by the cron.
    pub(super) fn balance(&mut self) {
        if self.is_control() || self.node.shards == 1 {
            return;
        }
        let (router, mut desk) = self.at_desk();
        router.look_after_moves(&mut desk);
        self.take_share_of_limits();
        let now = clock::moment();
        let load = self.client_balance.load(now);
        let client_workers = &self.node.client_workers;
        client_workers.set_load(self.id, load.unwrap_or_default());
        if self.id == DEALER {
            self.decide_active_workers(now, load.is_some());
        }
        self.client_balance.surplus = client_workers.surplus(self.id).min(HANDED_OVER_MAX);
        self.hand_some_over();
    }

    /// What is limited for all shards together is so in proportion to their slots.
    fn take_share_of_limits(&mut self) {
        let slots = self.router.shard().slot_count();
        if slots != self.client_balance.slots {
            self.client_balance.slots = slots;
            let config = Arc::clone(&self.config);
            self.configure_shard();
            self.configure_memory(&config);
        }
    }

    /// How many shards there would be if all had as many slots as this worker's.
    pub(super) fn shards_alike(&self) -> usize {
        match self.router.shard().slot_count() {
            0 => self.node.shards,
            slots => (SLOT_COUNT + slots / 2) / slots,
        }
    }

    fn decide_active_workers(&mut self, now: Instant, is_load_known: bool) {
        let node = self.node;
        // A slot that leaves is written before, whole: the walk of a save does so in smaller steps. And what is
        // loaded is on its way to the shards that had the slots when it began.
        if self.loading.is_some() || node.saves.is_under_way() {
            return;
        }
        let before = node.client_workers.active();
        let active = if self.config.workers_by_load && is_load_known {
            let loads: Vec<Load> = node.client_workers.loads().collect();
            let mut policy = std::mem::take(&mut self.client_balance.policy);
            let spare = |worker: ShardId| self.client_balance.spare(worker, node.cpus[worker.index()], now);
            let active = policy.decide(before, &loads, spare);
            self.client_balance.policy = policy;
            active
        } else {
            node.shards
        };
        if active != before {
            let what = if active > before { "spread over" } else { "gathered on" };
            log::info!("Keys and clients are {what} {active} of {} workers (before: {before})", node.shards);
            node.client_workers.set_active(active);
            self.client_balance.dealing_since = Some(now);
            let (router, mut desk) = self.at_desk();
            router.deal_slots(active, &mut desk);
        }
        node.client_workers.set_count(self.config.client_workers_of(active));
    }

    /// Slots that leave, and those that are dealt. Called in each turn while there are any.
    pub(super) fn advance_moves(&mut self) {
        let (router, mut desk) = self.at_desk();
        router.advance_moves(&mut desk);
        if !self.router.is_dealing()
            && let Some(since) = self.client_balance.dealing_since.take()
        {
            let (slots, ms) = (self.router.shard().slot_count(), since.elapsed().as_millis());
            log::debug!("All slots are where they should be after {ms} ms; the first shard has {slots}");
        }
    }

    /// Begins to hand over clients that are not in the middle of a command. The others are offered when they
    /// have come to its end ([`Worker::offer`]).
    fn hand_some_over(&mut self) {
        let end = self.clients.end();
        for _ in 0..end {
            if self.client_balance.surplus == 0 {
                break;
            }
            let index = self.client_balance.next % end;
            self.client_balance.next = index + 1;
            self.offer(index);
        }
    }

    /// Begins to hand a client over that is not in the middle of a command, if there are more clients here
    /// than there should be.
    #[cold]
    pub(super) fn offer(&mut self, index: u32) {
        if !self.clients.get(index).is_some_and(Client::may_be_moved) {
            return;
        }
        match self.node.client_workers.taker(self.id) {
            Some(to) => {
                self.client_balance.surplus -= 1;
                self.move_client(index, to);
            }
            None => self.client_balance.surplus = 0,
        }
    }
}
