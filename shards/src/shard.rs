//! A shard: databases, time and the execution of commands on them. One per core, owned by its worker.

use crate::args::Args;
use crate::command::DataCommand;
use crate::ctx::Ctx;
use crate::db::{Db, DbIndex, Env, Sweep, expire_some};
use crate::effects::{Group, Stamp};
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::slot::{ShardId, SlotId, SlotSet};
use crate::txn::Exec;
use crate::txn::participant::TxnState;
use crate::watch::ClientId;

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
}

/// One per core: the data of the slots that the core owns, and the commands on them.
pub struct Shard {
    /// Its number.
    pub id: ShardId,
    dbs: Vec<Db>,
    env: Env,
    pub(crate) txn: TxnState,
    sweep: Sweep,
}

/// One command as a shard is asked to run it.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The command's row.
    pub command: &'static DataCommand,
    /// The client's database.
    pub db: DbIndex,
    /// The slot of the command's only key, when it has one.
    pub slot: Option<SlotId>,
    /// The client that sent it.
    pub client: ClientId,
    /// False under CLIENT NO-TOUCH.
    pub touch: bool,
    /// The arguments.
    pub args: Args<'a>,
}

impl Shard {
    /// An empty shard.
    pub fn new(config: &ShardConfig) -> Shard {
        let env = Env::new(config.hash_seeds, config.random_seed, config.string_len_max);
        let dbs = (0..config.databases).map(|_| Db::default()).collect();
        Shard { id: config.id, dbs, env, txn: TxnState::default(), sweep: Sweep::default() }
    }

    /// Tells the shard the time, in milliseconds since 1970. Called once a turn: all commands of a turn see the same
    /// time. The clock of the host may step back; the shard follows it, as Redis does.
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
        self.execute_open(call, reply);
        if self.env.effects.is_listening() {
            let stamp = self.own_stamp();
            self.env.effects.close(stamp);
        }
    }

    /// The same as a part of a transaction, whose end closes the group of effects.
    #[inline]
    pub(crate) fn execute_open(&mut self, call: Call<'_>, reply: &mut Reply) {
        let mark = reply.mark();
        let dirty = self.env.dirty;
        let keys = Keyspace::new(&mut self.dbs, call.db, &mut self.env, call.touch);
        let mut ctx = Ctx { reply, keys, slot: call.slot, client: call.client };
        if let Err(error) = (call.command.run)(&mut ctx, call.args) {
            reply.truncate(mark);
            reply.error(&error);
        }
        if self.env.effects.is_listening() && !self.env.effects.take_said() && self.env.dirty > dirty {
            self.env.effects.push(call.db, call.args.to_owned());
        }
    }

    /// Runs one command of a transaction and closes its group of effects.
    pub(crate) fn execute_stamped(&mut self, call: Call<'_>, stamp: Stamp, reply: &mut Reply) {
        self.execute_open(call, reply);
        self.env.effects.close(stamp);
    }

    /// Runs EXEC at once: all its keys lie here, and no lock is held.
    pub fn execute_exec(&mut self, exec: &Exec, reply: &mut Reply) {
        let (is_broken, stamp) = (self.is_watch_broken(&exec.watched), self.own_stamp());
        self.execute_all(exec, is_broken, stamp, reply);
        self.unwatch(&exec.watched);
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
            self.execute_open(call.as_call(), reply);
        }
        self.env.effects.close(stamp);
    }

    /// The stamp of what happens on this shard alone.
    pub(crate) fn own_stamp(&self) -> Stamp {
        Stamp { clock: self.latest_txid().clock(), source: u64::from(self.id.0) }
    }

    /// Starts or ends the recording of effects.
    pub fn listen_to_effects(&mut self, listening: bool) {
        self.env.effects.listen(listening);
    }

    /// The effects since the last call, in groups that belong together.
    pub fn take_effects(&mut self) -> Vec<Group> {
        self.env.effects.take()
    }

    /// The keys as a transaction moves them.
    pub(crate) fn keyspace(&mut self, db: DbIndex) -> Keyspace<'_> {
        Keyspace::new(&mut self.dbs, db, &mut self.env, false)
    }

    pub(crate) fn dbs_mut(&mut self) -> &mut [Db] {
        &mut self.dbs
    }

    pub(crate) fn env_mut(&mut self) -> &mut Env {
        &mut self.env
    }

    /// Frees a part of what FLUSHALL ASYNC has removed: about `budget` entries, see [`crate::garbage::Garbage::free_some`]. The worker
    /// calls it once a turn, and does not sleep while it says that more is left.
    pub fn free_some(&mut self, budget: usize) -> bool {
        self.env.garbage.free_some(budget)
    }

    /// Removes expired keys that nobody asks for: looks at about `budget` entries, going round. Returns true when so many
    /// of them had expired that it is worth going on at once (Redis: activeExpireCycle).
    pub fn expire_some(&mut self, budget: usize) -> bool {
        let (looked_at, removed) = expire_some(&mut self.dbs, &mut self.sweep, &mut self.env, budget);
        removed * 10 > looked_at
    }

    /// True while [`Shard::free_some`] has work.
    #[inline]
    pub fn has_garbage(&self) -> bool {
        !self.env.garbage.is_empty()
    }

    /// Changes proto-max-bulk-len, in bytes.
    pub fn set_string_len_max(&mut self, bytes: usize) {
        self.env.string_len_max = bytes;
    }

    /// Sets the counters to zero (CONFIG RESETSTAT).
    pub fn reset_stats(&mut self) {
        self.env.keyspace_hits = 0;
        self.env.keyspace_misses = 0;
        self.env.expired_keys = 0;
    }

    /// Tells the shard which slots are its own. All are before it is told.
    pub fn set_owned(&mut self, owned: SlotSet) {
        self.env.owned = owned;
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
