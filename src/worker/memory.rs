//! How much memory the node uses, and keeping it within `maxmemory`: who evicts when, and when a write is
//! refused.
//!
//! Each worker counts what its thread allocates and frees, and publishes the count once a turn; the sum of
//! all is what the node uses. Over the limit, the shard that is about to run a command makes room first, as
//! Redis does; every worker goes on with that at the end of its turns, in bounded steps. A shard that has
//! nothing left to evict calls for the others, and the write goes on. It is refused, where it was received
//! and before anything of it runs on any shard, only when no shard has a key that may go. Which key goes is
//! decided in `shards::shard::evict`.

use std::time::Duration;

use shards::error::CommandError;
use shards::eviction::{Eviction, EvictionConfig, Meter};
use shards::shard::Shard;
use shards::slot::ShardId;

use crate::config::Config;
use crate::host::allocator;
use crate::host::clock;
use crate::mesh::Hop;
use crate::node::memory::{MemoryHop, thread_bytes};
use crate::worker::Worker;
use crate::worker::budget::{Balance, KEYS_PER_COMMAND_MIN, WorkerMemory, command_keys};
use crate::worker::desk::Office;

/// Evictions of a turn, those before its commands and those at its end together, while the node stays over
/// its limit.
const KEYS_PER_TURN: usize = 250;
/// What tells of changes is left out of account up to this part of the limit, all shards' workers together:
/// the node may be over its limit by no more than that. The control worker, which has few clients, leaves
/// nothing out.
const TOLD_PART_MAX: u64 = 4;
/// What tells of changes counts after one or two periods of so many milliseconds: long enough for a message
/// to reach the worker of its client and to be sent, and no longer, since at a high rate of messages the room
/// of those that have been sent would be filled by keys.
const TOLD_PERIOD_MS: u64 = 10;
/// They take no longer: an eviction is a dozen cache misses, and how long that takes depends on the machine.
const TIME_PER_TURN: Duration = Duration::from_micros(250);
/// Evictions between two looks at the clock.
const KEYS_PER_STEP: usize = 16;
/// A worker that is ahead of its share of evictions leaves to the others what is over the limit by less than
/// this part of it. More than the workers' buffers vary by within a turn, and less than the 2 % within which
/// the limit is kept.
const LEFT_TO_OTHERS_PART: u64 = 128;

const OOM_TEXT: &str = "OOM command not allowed when used memory > 'maxmemory'.";

impl Worker {
    /// Takes over what the configuration says about memory.
    pub(super) fn configure_memory(&mut self, config: &Config) {
        self.office.memory = WorkerMemory {
            is_limited: config.maxmemory_bytes > 0 && self.loading.is_none(),
            command_keys: command_keys(config.maxmemory_eviction_tenacity),
            balance: self.office.memory.balance,
            ..WorkerMemory::default()
        };
        self.router.shard_mut().set_meter(Meter::Thread(thread_bytes));
        let told_bytes_max = self.told_bytes_max(config.maxmemory_bytes);
        self.router.shard_mut().set_eviction(EvictionConfig {
            limit_bytes: config.maxmemory_bytes,
            told_bytes_max,
            policy: config.maxmemory_policy,
            samples: config.maxmemory_samples as usize,
        });
        self.router.shard_mut().set_lfu(config.lfu_log_factor, config.lfu_decay_time_min);
        self.begin_turn_memory();
    }

    /// This worker's share of what may be left out of account.
    fn told_bytes_max(&self, maxmemory_bytes: u64) -> u64 {
        if self.is_control() { 0 } else { maxmemory_bytes / TOLD_PART_MAX / self.shards_alike() as u64 }
    }

    /// Learns what the others use; at the beginning of a turn.
    #[inline]
    pub(super) fn begin_turn_memory(&mut self) {
        if self.office.memory.is_limited {
            if self.now_ms.wrapping_sub(self.office.memory.told_since_ms) >= TOLD_PERIOD_MS {
                self.office.memory.told_since_ms = self.now_ms;
                self.router.shard_mut().age_told_bytes();
            }
            self.router.shard_mut().set_elsewhere_bytes(self.node.memory.elsewhere_bytes(self.id));
            self.office.memory.turn_keys = KEYS_PER_TURN;
            self.office.memory.turn_time = TIME_PER_TURN;
            let (all_keys, share) = self.node.memory.evictions(self.id);
            self.office.memory.balance.look(all_keys, share);
            let is_ahead = self.office.memory.balance.is_ahead();
            self.office.memory.left_to_others_bytes =
                if is_ahead { self.config.maxmemory_bytes / LEFT_TO_OTHERS_PART } else { 0 };
        }
    }

    /// Publishes what this worker uses, and goes on evicting if the node is over its limit; at the end of a
    /// turn.
    #[inline]
    pub(super) fn end_turn_memory(&mut self) {
        if self.office.memory.is_limited {
            self.go_on_evicting();
        }
        self.publish_memory();
    }

    fn publish_memory(&self) {
        self.node.memory.publish(self.id, thread_bytes(), self.router.shard().told_bytes());
    }

    /// Runs what tells clients of changes of keys. What this takes does not count against the limit for one
    /// or two periods of `TOLD_PERIOD_MS`, by which it has been sent if its clients read: otherwise the
    /// messages about evicted keys would evict further keys, where names are long and clients many.
    #[inline]
    pub(super) fn telling<R>(&mut self, tell: impl FnOnce(&mut Worker) -> R) -> R {
        if !self.office.memory.is_limited {
            return tell(self);
        }
        let before = thread_bytes();
        let result = tell(self);
        self.router.shard_mut().add_told_bytes(thread_bytes() - before);
        result
    }

    fn go_on_evicting(&mut self) {
        let was_evicting = std::mem::take(&mut self.office.memory.is_evicting);
        let over_bytes = self.router.shard().over_bytes();
        if over_bytes == 0 {
            self.office.memory.is_exhausted = false;
        } else if over_bytes <= self.office.memory.left_to_others_bytes {
            // One that sleeps must wake up for that. In some turns this worker is no longer ahead.
            self.office.memory.is_evicting = true;
            self.office.memory.calls_for_others |= !was_evicting;
        } else {
            // So that a turn whose commands have used up everything gets on, too.
            let budget = self.office.memory.turn_keys.max(KEYS_PER_STEP);
            self.office.evict(self.router.shard_mut(), self.office.memory.left_to_others_bytes, budget);
        }
        let evictable =
            if self.office.memory.is_exhausted { 0 } else { self.router.shard().evictable_keys() };
        let Balance { own_keys, new_keys, .. } = self.office.memory.balance;
        self.node.memory.publish_evictions(self.id, evictable, own_keys.wrapping_add(new_keys));
        if std::mem::take(&mut self.office.memory.calls_for_others) {
            for worker in self.others_that_may_evict().collect::<Vec<_>>() {
                self.mesh.send(ShardId(worker as u16), Hop::Memory(MemoryHop::MakeRoom));
            }
        }
    }

    /// Takes up what another worker says of memory.
    pub(super) fn take_memory(&mut self, hop: MemoryHop) {
        match hop {
            // A worker evicts at the end of every turn, and one that takes up a hop has a turn.
            MemoryHop::MakeRoom => {}
        }
    }

    fn others_that_may_evict(&self) -> impl Iterator<Item = usize> {
        let own = self.id.index();
        (0..self.node.shards).filter(move |&worker| worker != own && self.node.memory.may_evict(worker))
    }

    /// Whether a command may be started while the node may be over its limit; `denies_oom` says that one of
    /// those to be run has [`shards::command::flags::DENYOOM`]. To be asked once, where the request was
    /// received, before any shard does anything.
    ///
    /// # Errors
    /// OOM, when the node is over its limit and no shard has a key that may be evicted.
    #[inline]
    pub(super) fn admit_memory(&mut self, denies_oom: bool) -> Result<(), CommandError> {
        if self.office.memory.is_limited && self.router.shard().over_bytes() > 0 {
            return self.admit_over_limit(denies_oom);
        }
        Ok(())
    }

    #[cold]
    fn admit_over_limit(&mut self, denies_oom: bool) -> Result<(), CommandError> {
        // While others have keys that may go, which of them goes is left to the shards that run commands.
        let others = self.others_that_may_evict().next().is_some();
        if !others
            && self.office.evict_for_command(self.router.shard_mut()) == Eviction::Nothing
            && denies_oom
        {
            return Err(CommandError::other(OOM_TEXT));
        }
        Ok(())
    }

    /// Has memory given back to the system if this worker has freed much. Called by the cron.
    pub(crate) fn give_back(&mut self) {
        let memory = &self.node.memory;
        if self.freed.look(thread_bytes(), self.node.shards, || memory.used_bytes()) {
            allocator::collect_own_pages();
            self.node.give_back.ask();
        }
    }
}

impl Office {
    /// Evicts keys of this shard if the node is over its limit; before a command runs here.
    #[inline]
    pub(super) fn make_room(&mut self, shard: &mut Shard) {
        if self.memory.is_limited && shard.over_bytes() > self.memory.left_to_others_bytes {
            self.evict_for_command(shard);
        }
    }

    fn evict_for_command(&mut self, shard: &mut Shard) -> Eviction {
        let WorkerMemory { turn_keys, command_keys, kept_over_bytes, left_to_others_bytes, .. } = self.memory;
        if command_keys == usize::MAX {
            return self.evict(shard, left_to_others_bytes, usize::MAX);
        }
        if turn_keys > 0 {
            return self.evict(shard, left_to_others_bytes, command_keys.min(turn_keys));
        }
        // The turn has evicted its share. Its other commands only make up for what they add, so that a turn
        // of many commands does not become long.
        if shard.over_bytes() <= kept_over_bytes {
            return Eviction::More;
        }
        self.evict(shard, kept_over_bytes.max(left_to_others_bytes), command_keys.min(KEYS_PER_COMMAND_MIN))
    }

    /// Evicts until the node is over its limit by at most `over_bytes_max`, in steps while the turn has time
    /// for it.
    fn evict(&mut self, shard: &mut Shard, over_bytes_max: u64, budget: usize) -> Eviction {
        let before = shard.env().evicted_keys;
        let (begin, mut left) = (clock::moment(), budget);
        let outcome = loop {
            let step = if self.memory.command_keys == usize::MAX { left } else { left.min(KEYS_PER_STEP) };
            let outcome = shard.evict_down_to(over_bytes_max, step);
            left -= step;
            if outcome != Eviction::More || left == 0 || begin.elapsed() >= self.memory.turn_time {
                break outcome;
            }
        };
        let evicted = shard.env().evicted_keys.saturating_sub(before);
        let memory = &mut self.memory;
        memory.balance.new_keys += evicted;
        let had_turn_keys = memory.turn_keys > 0;
        memory.turn_time = memory.turn_time.saturating_sub(begin.elapsed());
        memory.turn_keys =
            if memory.turn_time.is_zero() { 0 } else { memory.turn_keys.saturating_sub(evicted as usize) };
        if had_turn_keys && memory.turn_keys == 0 {
            memory.kept_over_bytes = shard.over_bytes();
        }
        match outcome {
            Eviction::Enough => memory.is_exhausted = false,
            Eviction::More => memory.is_evicting = true,
            Eviction::Nothing => {
                memory.is_exhausted = true;
                memory.calls_for_others = true;
            }
        }
        outcome
    }
}
