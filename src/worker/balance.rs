//! Which worker serves which client: new ones are taken to a worker that takes clients, and others are handed
//! over when the number of those workers changes or one has clearly more than its share.
//!
//! How many workers take clients is decided by the first one's cron ([`crate::node::client_workers`]).

use std::time::Instant;

use shards::slot::ShardId;

use super::Worker;
use crate::host::clock;
use crate::mesh::Hop;
use crate::node::client_workers::Load;
use crate::session::client::Client;
use crate::session::hand_over::{HandOver, Travelling};

/// Clients that a worker begins to hand over in one period of its cron. Each costs two rounds of questions to
/// all workers.
const HANDED_OVER_MAX: usize = 64;

impl Worker {
    /// Takes a client that has just been accepted to the worker that shall serve it.
    pub(super) fn place(&mut self, client: Client) {
        let to = self.node.client_workers.place(self.id);
        if to == self.id {
            let index = self.take_in(client);
            return self.clients.at(index).drive_receive(&mut self.ring);
        }
        let travelling = Box::new(Travelling::of(client));
        let bytes = travelling.bytes_held();
        self.mesh.send_sized(to, Hop::HandOver(HandOver::Comes(travelling)), bytes);
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
        client_workers.set_clients(self.id, self.client_count);
        if self.id == ShardId(0) {
            self.decide_client_workers(now);
        }
        let (mut surplus, takers) = client_workers.surplus(self.id);
        surplus = surplus.min(HANDED_OVER_MAX);
        for (to, room) in takers {
            let count = surplus.min(room);
            surplus -= self.hand_some_over(to, count);
        }
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

    /// Begins to hand over so many clients that nothing keeps here. Returns how many they are.
    fn hand_some_over(&mut self, to: ShardId, count: usize) -> usize {
        let (mut left, end) = (count, self.clients.end());
        for _ in 0..end {
            if left == 0 {
                break;
            }
            let index = self.client_balance.next % end;
            self.client_balance.next = index + 1;
            let is_free = self.clients.get(index).is_some_and(Client::may_be_moved);
            if is_free {
                self.move_client(index, to);
                left -= 1;
            }
        }
        count - left
    }
}
