//! Which worker serves which client: new ones are taken to a worker that takes clients, and others are handed
//! over when the number of those workers changes or one has clearly more than its share. Busy clients go as
//! well as idle ones: they stop between two commands, at the latest when the one that they are in has ended.
//!
//! How many workers take clients is decided by the first one's cron ([`crate::node::client_workers`]).

use std::time::Instant;

use shards::slot::ShardId;

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
        let now = clock::moment();
        let load = self.client_balance.load(now);
        let client_workers = &self.node.client_workers;
        client_workers.set_load(self.id, load);
        if self.id == ShardId(0) {
            self.decide_client_workers(now);
        }
        self.client_balance.surplus = client_workers.surplus(self.id).min(HANDED_OVER_MAX);
        self.hand_some_over();
    }

    fn decide_client_workers(&mut self, now: Instant) {
        let node = self.node;
        let before = node.client_workers.count();
        let count = if !self.config.client_workers_by_load {
            self.config.client_workers_of(node.shards)
        } else {
            let loads: Vec<Load> = node.client_workers.loads().collect();
            let mut policy = std::mem::take(&mut self.client_balance.policy);
            let spare = |worker: ShardId| self.client_balance.spare(worker, node.cpus[worker.index()], now);
            let count = policy.decide(before, &loads, spare);
            self.client_balance.policy = policy;
            count
        };
        if count != before {
            log::debug!("{count} of {} workers take clients now ({before} before)", node.shards);
            node.client_workers.set_count(count);
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
