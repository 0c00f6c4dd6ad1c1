//! How busy a worker's thread and the processors are, for `balance`. This file must not know the worker.

use std::time::Instant;

use shards::slot::ShardId;

use crate::host::cpu_use::{self, OwnCpuUse};
use crate::node::client_workers::{Load, Policy};

/// What a worker keeps for the moving of clients. One per worker with a shard.
#[derive(Default)]
pub(super) struct ClientBalance {
    /// What the thread has used of the processor; none where the kernel does not tell.
    own: Option<OwnCpuUse>,
    /// The last reading of that: when, for how long the thread had had something to do, and for how long it
    /// had run, in nanoseconds.
    read: Option<(Instant, u128, u128)>,
    /// The first worker decides how many workers are active.
    pub(super) policy: Policy,
    /// The last look at a processor that a further worker would use: when, which worker, and how long it had
    /// been idle, in nanoseconds.
    looked: Option<(Instant, ShardId, u128)>,
    /// How many clients this worker may begin to hand over before it looks at the counts again.
    pub(super) surplus: usize,
    /// Where the search for clients to be handed over goes on.
    pub(super) next: u32,
    /// How many slots this worker's shard had when its share of the limits was told to it.
    pub(super) slots: usize,
    /// When the dealing of slots that is under way has begun.
    pub(super) dealing_since: Option<Instant>,
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

    /// How busy the thread was since the last call; none where the kernel does not tell.
    pub(super) fn load(&mut self, now: Instant) -> Option<Load> {
        let used = self.own.as_ref()?.read();
        let (wanted_ns, ran_ns) = (used.wanted().as_nanos(), used.ran.as_nanos());
        if ran_ns == 0 {
            return None;
        }
        let (since, wanted_before, ran_before) =
            self.read.replace((now, wanted_ns, ran_ns)).unwrap_or((now, wanted_ns, ran_ns));
        Some(Load {
            wanted: thousandths(wanted_ns.saturating_sub(wanted_before), since, now),
            ran: thousandths(ran_ns.saturating_sub(ran_before), since, now),
            told: 0,
        })
    }

    /// For how much of the time since the last call for the same worker a processor had nothing to do, in
    /// thousandths.
    pub(super) fn spare(&mut self, worker: ShardId, cpu: Option<usize>, now: Instant) -> Option<u32> {
        let idle_ns = cpu_use::idle_time(cpu)?.as_nanos();
        let before = self.looked.replace((now, worker, idle_ns));
        let (since, _, before_ns) = before.filter(|&(_, of, _)| of == worker)?;
        Some(thousandths(idle_ns.saturating_sub(before_ns), since, now))
    }
}
