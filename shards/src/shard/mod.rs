//! A shard: databases, time and the execution of commands on them. One per core, owned by its worker.

mod blocked_on_keys;
mod caching;
mod evict;
mod loading;
pub mod look_ahead;
mod participant;
mod put_aside;
mod snapshots;

#[cfg(test)]
mod tests;
mod txn_state;

use crate::args::Args;
use crate::caller::Caller;
use crate::command::registry::{CommandEntry, Registry};
use crate::command::{DataCommand, Handler};
use crate::ctx::Ctx;
use crate::db::Db;
use crate::effects::{EffectGroup, Stamp};
use crate::encoding::limits::Limits;
use crate::env::{Env, LazyFree};
use crate::event;
use crate::eviction::Evictor;
use crate::expires::is_over;
use crate::key::{DbIndex, OnlyKey};
use crate::keyspace::Keyspace;
use crate::notify::{Classes, Notice};
use crate::reply::Reply;
use crate::shard::txn_state::TxnState;
use crate::slot::{ShardId, SlotId, SlotSet};
use crate::spare::Trim;
use crate::txn::Exec;
use crate::watch::ClientId;

/// How long active expiry leaves a part alone in which it has met keys that a transaction holds.
const HELD_RETRY_MS: u64 = 10;

/// What a shard is told when it is made.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// Its number.
    pub id: ShardId,
    /// The number of databases (directive `databases`).
    pub databases: u16,
    /// Seeds of the keyed hash; the same for all shards of a process, and unknown to clients.
    pub hash_seeds: [u64; 4],
    /// Seed of all random choices; another one for each shard.
    pub random_seed: u64,
    /// proto-max-bulk-len in bytes.
    pub string_len_max: usize,
    /// All commands of the process.
    pub registry: &'static Registry,
}

/// One per core: the data of the slots that the core owns, and the commands on them.
pub struct Shard {
    id: ShardId,
    dbs: Vec<Db>,
    env: Env,
    evictor: Evictor,
    txn: TxnState,
    is_expiring: bool,
    registry: &'static Registry,
}

/// One command as a shard is asked to run it.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The command's row.
    pub command: &'static DataCommand,
    /// The command's only key, when it has one and has been routed.
    pub key: Option<OnlyKey>,
    /// The client that sent it.
    pub caller: Caller,
    /// The arguments.
    pub args: Args<'a>,
}

impl Shard {
    /// An empty shard.
    pub fn new(config: &ShardConfig) -> Shard {
        let env = Env::new(config.hash_seeds, config.random_seed, config.string_len_max);
        let dbs = (0..config.databases).map(|_| Db::default()).collect();
        Shard {
            id: config.id,
            dbs,
            env,
            evictor: Evictor::default(),
            txn: TxnState::default(),
            is_expiring: true,
            registry: config.registry,
        }
    }

    /// Its number.
    #[inline]
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// The command that these arguments call by its name, which `rename-command` may have changed: for
    /// whatever on this shard calls commands without being a client.
    pub fn command(&self, args: Args<'_>) -> Option<&'static CommandEntry> {
        self.registry.called(args)
    }

    /// Tells the shard the time, in milliseconds since 1970. Called once a turn: all commands of a turn see
    /// the same time. The clock of the host may step back; the shard follows it, as Redis does.
    pub fn set_now(&mut self, now_ms: u64) {
        self.env.now_ms = now_ms;
    }

    /// The time, in milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.env.now_ms
    }

    /// Runs one command to its end. An error becomes the reply.
    #[inline]
    pub fn execute(&mut self, call: Call<'_>, reply: &mut Reply) {
        self.execute_as(call.command.run, call, reply);
    }

    /// The same with another body than that of the command.
    #[inline]
    pub(crate) fn execute_as(&mut self, run: Handler, call: Call<'_>, reply: &mut Reply) {
        self.execute_open(run, call, reply);
        self.close_effects();
        self.serve_news();
    }

    /// Closes the group of effects of what has happened on this shard alone.
    #[inline]
    fn close_effects(&mut self) {
        if self.env.effects.is_listening() {
            let stamp = self.own_stamp();
            self.env.effects.close(stamp);
        }
    }

    /// The same as a part of a transaction, whose end closes the group of effects.
    #[inline]
    pub(crate) fn execute_open(&mut self, run: Handler, call: Call<'_>, reply: &mut Reply) {
        let mark = reply.mark();
        let dirty = self.env.dirty;
        let Caller { client, db, touch, .. } = call.caller;
        self.env.tracking.running = client;
        let keys = Keyspace::new(&mut self.dbs, db, &mut self.env, touch);
        let mut ctx = Ctx { reply, keys, only_key: call.key, client };
        if let Err(error) = run(&mut ctx, call.args) {
            reply.truncate(mark);
            reply.error(&error);
        }
        if call.caller.keeps_copies {
            self.remember_keys(call);
        }
        self.env.tracking.running = ClientId::default();
        if self.env.effects.is_listening() && !self.env.effects.take_said() && self.env.dirty > dirty {
            self.env.effects.push(db, call.args.to_owned());
        }
    }

    /// Runs one command of a transaction, or what a shard does of it, and closes its group of effects.
    pub(crate) fn execute_stamped(&mut self, run: Handler, call: Call<'_>, stamp: Stamp, reply: &mut Reply) {
        self.execute_open(run, call, reply);
        self.env.effects.close(stamp);
    }

    /// Runs EXEC at once: all its keys lie here, and no lock is held.
    pub(crate) fn execute_exec(&mut self, exec: &Exec, reply: &mut Reply) {
        let (is_broken, stamp) = (self.is_watch_broken(&exec.watched), self.own_stamp());
        self.execute_all(exec, is_broken, stamp, reply);
        self.unwatch(&exec.watched);
        self.serve_news();
    }

    /// Runs EXEC to its end: the replies of all its commands, or null when a watched key has changed.
    pub(crate) fn execute_all(
        &mut self,
        exec: &Exec,
        is_watch_broken: bool,
        stamp: Stamp,
        reply: &mut Reply,
    ) {
        reply.set_resp3(exec.resp3);
        if is_watch_broken {
            return reply.null_array();
        }
        reply.array(exec.calls.len());
        for call in &exec.calls {
            reply.set_resp3(call.caller.resp3);
            self.execute_open(call.command.run, call.as_call(), reply);
        }
        self.env.effects.close(stamp);
    }

    /// The stamp of what happens on this shard alone.
    fn own_stamp(&self) -> Stamp {
        Stamp { clock: self.latest_txid().clock(), source: u64::from(self.id.0) }
    }

    /// Starts or ends the recording of effects.
    pub fn listen_to_effects(&mut self, listening: bool) {
        self.env.effects.listen(listening);
    }

    /// The effects since the last call, in groups that belong together.
    pub fn take_effects(&mut self) -> Vec<EffectGroup> {
        self.env.effects.take()
    }

    /// Chooses which events are noted for [`Shard::take_notices`].
    pub fn ask_for_notices(&mut self, classes: Classes) {
        self.env.notices.ask_for(classes);
    }

    /// True when [`Shard::take_notices`] has something.
    #[inline]
    pub fn has_notices(&self) -> bool {
        !self.env.notices.is_empty()
    }

    /// The events since the last call, in the order in which they happened. Whoever asks for them fetches
    /// them after each command, and once a turn.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        self.env.notices.take()
    }

    /// Gives back notices that were taken and cannot be told yet: they come first the next time.
    pub(crate) fn put_notices_back(&mut self, early: Vec<Notice>) {
        self.env.notices.put_back(early);
    }

    /// Does something while walks stop at these slots, of which keys are lent.
    fn walk_around(&mut self, lent: Vec<(DbIndex, SlotId)>, work: impl FnOnce(&mut Shard)) {
        self.env.lent = lent;
        work(self);
        self.env.lent.clear();
    }

    /// 64 random bits.
    pub(crate) fn random_bits(&mut self) -> u64 {
        self.env.random.bits()
    }

    /// The keys as a transaction moves them.
    pub(crate) fn keyspace(&mut self, db: DbIndex) -> Keyspace<'_> {
        Keyspace::new(&mut self.dbs, db, &mut self.env, false)
    }

    fn dbs_mut(&mut self) -> &mut [Db] {
        &mut self.dbs
    }

    pub(crate) fn env_mut(&mut self) -> &mut Env {
        &mut self.env
    }

    /// The keys as a client sees them whose lookups count as use.
    #[cfg(test)]
    fn reading_keyspace(&mut self, db: DbIndex) -> Keyspace<'_> {
        Keyspace::new(&mut self.dbs, db, &mut self.env, true)
    }

    /// Frees a part of what FLUSHALL ASYNC has removed: about `budget` entries, see
    /// [`crate::garbage::Garbage::free_some`]. The worker calls it once a turn, and does not sleep while it
    /// says that more is left.
    pub fn free_some(&mut self, budget: usize) -> bool {
        self.env.garbage.free_some(budget)
    }

    /// Whether [`Shard::expire_some`] does anything (DEBUG SET-ACTIVE-EXPIRE).
    pub fn set_active_expire(&mut self, is_expiring: bool) {
        self.is_expiring = is_expiring;
    }

    /// Removes keys and fields of hashes whose time is over and that nobody asks for, in the order of their
    /// times as far as that is cheap: about `budget` of them, a big value counting as several. True when the
    /// budget was used up, so that it is worth going on at once (Redis: activeExpireCycle). Keys that a
    /// transaction holds wait until it is over.
    pub fn expire_some(&mut self, budget: usize) -> bool {
        let mut used = 0;
        if !self.is_expiring {
            return false;
        }
        for db in 0..self.dbs.len() {
            while used < budget
                && let Some((slot, part)) = self.dbs[db].due_part(self.env.now_ms)
            {
                used += 1 + self.expire_part(DbIndex(db as u16), slot, part, budget - used);
            }
            while used < budget
                && let Some((slot, part)) = self.dbs[db].due_fields_part(self.env.now_ms)
            {
                used += 1 + self.expire_fields_of_part(DbIndex(db as u16), slot, part, budget - used);
            }
        }
        self.close_effects();
        used >= budget
    }

    /// Removes the entries of one part whose time is over. Returns how much of the budget it has used.
    fn expire_part(&mut self, db: DbIndex, slot: SlotId, part: u32, budget: usize) -> usize {
        let now_ms = self.env.now_ms;
        let (mut used, mut passed) = (0, 0);
        while used < budget {
            let Some(table) = self.dbs[db.index()].table(slot) else { break };
            let Some(place) = table.due_place(part, passed, now_ms) else { break };
            let entry = table.word(place).entry();
            if entry.expire_ms().is_none_or(|at_ms| !is_over(at_ms, now_ms)) || self.is_held(db, entry.key())
            {
                (used, passed) = (used + 1, passed + 1);
                continue;
            }
            let entry = self.keyspace(db).take_out(slot, place);
            used += entry.view().freeing_cost();
            self.env.expired_keys += 1;
            self.env.removed(db, entry.view().key(), event::EXPIRED);
        }
        let not_before_ms = if passed > 0 { now_ms.saturating_add(HELD_RETRY_MS) } else { 0 };
        self.dbs[db.index()].put_off(slot, part, not_before_ms);
        used
    }

    /// Removes fields whose time is over from the hashes of one part. Returns how much of the budget it has
    /// used.
    fn expire_fields_of_part(&mut self, db: DbIndex, slot: SlotId, part: u32, budget: usize) -> usize {
        let now_ms = self.env.now_ms;
        let (mut used, mut passed) = (0, 0);
        while used < budget {
            let Some(table) = self.dbs[db.index()].table(slot) else { break };
            let Some(place) = table.due_fields_place(part, passed, now_ms) else { break };
            let entry = table.word(place).entry();
            if entry.fields_expire_ms().is_none_or(|at_ms| !is_over(at_ms, now_ms))
                || self.is_held(db, entry.key())
            {
                (used, passed) = (used + 1, passed + 1);
                continue;
            }
            let name = entry.key().to_vec();
            let mut keys = self.keyspace(db);
            let key = keys.key_in_slot(&name, slot);
            used += 1 + keys.expire_fields(&key, budget - used);
        }
        let not_before_ms = if passed > 0 { now_ms.saturating_add(HELD_RETRY_MS) } else { 0 };
        self.dbs[db.index()].put_off_fields(slot, part, not_before_ms);
        used
    }

    /// True while [`Shard::free_some`] has work.
    #[inline]
    pub fn has_garbage(&self) -> bool {
        !self.env.garbage.is_empty()
    }

    /// Gives back memory that was needed for a while and is not needed any more: of queues and tables, not of
    /// the data.
    pub fn trim(&mut self) {
        self.trim_txns();
        self.env.watches.trim();
        self.env.awaited.trim();
        self.env.tracking.trim();
        self.env.notices.trim();
        self.env.garbage.trim();
        self.env.lent.trim();
    }

    /// Changes proto-max-bulk-len, in bytes.
    pub fn set_string_len_max(&mut self, bytes: usize) {
        self.env.string_len_max = bytes;
    }

    /// Changes which removals leave the freeing of big values to later turns.
    pub fn set_lazy_free(&mut self, lazy_free: LazyFree) {
        self.env.lazy_free = lazy_free;
    }

    /// Changes when packed collections are converted.
    pub fn set_limits(&mut self, limits: Limits) {
        self.env.limits = limits;
    }

    /// How many slots it owns.
    pub fn slot_count(&self) -> usize {
        self.env().owned.count()
    }

    /// Changes how values are written for others: in this version, or with `None` in the first that holds
    /// them, and with long strings compressed or not.
    pub fn set_rdb(&mut self, version: Option<u16>, compression: bool) {
        (self.env.rdb_version, self.env.rdb_compression) = (version, compression);
    }

    /// Tells the shard which slots it owns. All, until it is told.
    pub(crate) fn set_owned(&mut self, owned: SlotSet) {
        self.env.owned = owned;
    }

    /// Sets the counters to zero (CONFIG RESETSTAT).
    pub fn reset_stats(&mut self) {
        self.env.keyspace_hits = 0;
        self.env.keyspace_misses = 0;
        self.env.expired_keys = 0;
        self.env.expired_fields = 0;
        self.env.evicted_keys = 0;
    }

    /// The databases.
    pub fn dbs(&self) -> &[Db] {
        &self.dbs
    }

    /// Counters and what the databases share.
    pub fn env(&self) -> &Env {
        &self.env
    }
}
