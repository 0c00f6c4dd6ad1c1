//! Which worker serves which client: new ones are taken to a worker that takes clients, and others are handed
//! over when the number of those workers changes or one has clearly more than its share.
//!
//! How many workers take clients is decided by the first one's cron ([`crate::node::client_workers`]).

use std::time::Instant;

use shards::slot::ShardId;

use super::Worker;
use crate::host::clock;
use crate::host::cpu_use::{self, OwnCpuUse};
use crate::mesh::Hop;
use crate::node::client_workers::Policy;
use crate::session::client::Client;
use crate::session::hand_over::{HandOver, Travelling};

/// Clients that a worker begins to hand over in one period of its cron. Each costs two rounds of questions to
/// all workers.
const HANDED_OVER_MAX: usize = 64;

/// What a worker keeps for this. One per worker with a shard.
#[derive(Default)]
pub(super) struct ClientBalance {
    /// What the thread has used of the processor; none where the kernel does not tell.
    own: Option<OwnCpuUse>,
    /// The last reading of that: when, and for how long the thread had had something to do, in nanoseconds.
    read: Option<(Instant, u128)>,
    /// The first worker decides how many workers take clients.
    policy: Policy,
    /// The last look at a processor that a further worker would use: when, which worker, and how long it had
    /// been idle, in nanoseconds.
    looked: Option<(Instant, ShardId, u128)>,
    /// Where the search for clients to be handed over goes on.
    next: u32,
}

/// A part of a period in thousandths.
fn thousandths(part_ns: u128, since: Instant, now: Instant) -> u32 {
    let period_ns = now.saturating_duration_since(since).as_nanos().max(1);
    (part_ns * 1000 / period_ns).min(1000) as u32
}

impl ClientBalance {
    /// For the thread that calls.
    pub(super) fn of_this_thread() -> ClientBalance {
        ClientBalance { own: OwnCpuUse::open().ok(), ..ClientBalance::default() }
    }

    /// For how much of the time since the last call the thread had something to do, in thousandths.
    fn load(&mut self, now: Instant) -> u32 {
        let Some(own) = &self.own else { return 0 };
        let wanted_ns = own.read().wanted().as_nanos();
        let before = self.read.replace((now, wanted_ns));
        before.map_or(0, |(since, before_ns)| thousandths(wanted_ns.saturating_sub(before_ns), since, now))
    }

    /// For how much of the time since the last call for the same worker a processor had nothing to do, in
    /// thousandths.
    fn spare(&mut self, worker: ShardId, cpu: Option<usize>, now: Instant) -> Option<u32> {
        let idle_ns = cpu_use::idle_time(cpu)?.as_nanos();
        let before = self.looked.replace((now, worker, idle_ns));
        let (since, _, before_ns) = before.filter(|&(_, of, _)| of == worker)?;
        Some(thousandths(idle_ns.saturating_sub(before_ns), since, now))
    }
}

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
        let wanted = usize::from(self.config.client_workers);
        let count = if wanted > 0 {
            wanted.min(node.shards)
        } else {
            let loads: Vec<u32> = node.client_workers.loads().collect();
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
