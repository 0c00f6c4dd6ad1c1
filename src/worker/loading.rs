//! What a worker does while the node loads a file. The worker of a shard puts in what it is handed, a bounded
//! piece in each turn; the control worker goes through the file and says when all may serve.
//!
//! From [`LoadHop::Begin`], or the start, to [`LoadHop::Open`] a worker refuses what is about keys
//! (`Worker::admit_while_loading`), and does nothing to them by itself: no expiry, no eviction, no slot that
//! moves. The control worker tells nobody that the node is ready before all have opened, so who hears it is
//! served by any of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shards::command::flags;
use shards::command::registry::{Command, CommandEntry};
use shards::error::CommandError;
use shards::loading::{LoadCounts, LoadOptions, LoadStep, ShardLoad};
use shards::slot::ShardId;

use super::Worker;
use crate::host::clock;
use crate::io::Owner;
use crate::io::disk::FileDone;
use crate::mesh::Hop;
use crate::persistence::load::{Load, LoadPlan, Progress};
use crate::persistence::load_hop::LoadHop;
use crate::session::client::Client;
use crate::worker::loads::{FileLoad, Loading};

/// Whose requests to the disk these are.
pub(super) const LOADING: Owner = Owner(10);
/// The timer of the lines that tell how far a load has come.
pub(super) const LOADING_LINES: Owner = Owner(11);
/// How often it is told.
const LINES_PERIOD: Duration = Duration::from_secs(5);

/// A worker puts in for so long in a turn: its clients, which hear that the node loads, wait no longer.
const TIME_PER_TURN: Duration = Duration::from_micros(500);
/// Bytes of keys and values between two looks at the clock.
const BYTES_PER_STEP: usize = 16 << 10;

const LOADING_TEXT: &str = "LOADING Redis is loading the dataset in memory";

impl Worker {
    /// On the control worker, at the start: loads the file that is there, if one is.
    pub(super) fn load_at_start(&mut self) {
        let path = self.control.as_mut().and_then(|control| control.duty.load.take());
        if let Some(path) = path {
            self.begin_load(path, LoadOptions::default(), false);
        }
    }

    /// On the control worker: loads a file into the shards, whose keys go first or stay. Clients that wait
    /// for replies get them before; those in blocking commands wait on.
    pub(super) fn begin_load(&mut self, path: PathBuf, options: LoadOptions, flushes: bool) {
        let plan = LoadPlan {
            path,
            shards: self.node.shards,
            databases: self.config.databases,
            checks: self.config.rdb_checksum,
            now_s: self.now_ms / 1000,
        };
        self.node.load.begin(plan.now_s);
        let (load, now) = (Load::start(plan, LOADING, &mut self.errands.disk), clock::monotonic());
        let file = FileLoad {
            load: Some(load),
            began: now,
            told: (now, 0),
            timer: Some(self.errands.timers.set(LOADING_LINES, now + LINES_PERIOD)),
            awaited: self.mesh.workers(),
            has_more: false,
            flushes,
            is_settled: false,
        };
        let file = Some(Box::new(file));
        self.router.pause_dealing(true);
        self.loading = Some(Box::new(Loading { file, is_beginning: true, ..Loading::default() }));
        self.tell_all(|| LoadHop::Begin(options));
    }

    fn tell_all(&mut self, hop: impl Fn() -> LoadHop) {
        for peer in (0..self.mesh.workers()).map(|peer| ShardId(peer as u16)) {
            if peer != self.id {
                self.mesh.send(peer, Hop::Load(hop()));
            }
        }
    }

    fn tell_control(&mut self, hop: LoadHop) {
        self.mesh.send(self.node.control(), Hop::Load(hop));
    }

    /// Takes what another worker has to say of the load.
    pub(super) fn take_load(&mut self, from: ShardId, hop: LoadHop) {
        match hop {
            LoadHop::Begin(options) => {
                self.router.pause_dealing(true);
                let shard = ShardLoad::new(options);
                self.loading = Some(Box::new(Loading { shard, is_beginning: true, ..Loading::default() }));
                self.configure_memory(&Arc::clone(&self.config));
            }
            LoadHop::Flush => self.router.shard_mut().flush_for_load(),
            LoadHop::Batch(batch) => {
                if let Some(loading) = &mut self.loading {
                    loading.shard.push(batch);
                }
            }
            LoadHop::End => {
                if let Some(loading) = &mut self.loading {
                    loading.is_last = true;
                }
            }
            LoadHop::Open => {
                self.serve_again();
                self.tell_control(LoadHop::Opened);
            }
            LoadHop::Begun | LoadHop::Opened => self.with_file(|file| file.awaited -= 1),
            LoadHop::Taken(batch) => self.with_load(|load| load.taken(from, batch)),
            LoadHop::Found(fault) => self.with_load(|load| load.found(*fault)),
            LoadHop::Ended(counts) => self.with_load(|load| load.ended(*counts)),
        }
    }

    fn with_file(&mut self, change: impl FnOnce(&mut FileLoad)) {
        if let Some(file) = self.loading.as_mut().and_then(|loading| loading.file.as_mut()) {
            change(file);
            file.has_more = true;
        }
    }

    fn with_load(&mut self, change: impl FnOnce(&mut Load)) {
        self.with_file(|file| {
            if let Some(load) = &mut file.load {
                change(load);
            }
        });
    }

    /// Takes the end of a request to the disk.
    pub(super) fn take_read(&mut self, done: FileDone) {
        let file = self.loading.as_mut().and_then(|loading| loading.file.as_mut());
        if let Some(file) = file
            && let Some(load) = &mut file.load
        {
            load.take(done, &mut self.errands.disk);
            file.has_more = true;
        }
    }

    /// Goes on with the load, once a turn.
    #[cold]
    pub(super) fn go_on_loading(&mut self) {
        let Some(mut loading) = self.loading.take() else { return };
        if loading.is_beginning && self.has_nothing_under_way() && !self.router.has_moves_under_way() {
            loading.is_beginning = false;
            match &mut loading.file {
                Some(file) => file.awaited -= 1,
                None => self.tell_control(LoadHop::Begun),
            }
        }
        if let Some(file) = &mut loading.file {
            if self.drive(file) {
                return self.end_loading();
            }
        } else {
            self.put_in(&mut loading);
        }
        self.loading = Some(loading);
    }

    /// Puts in what there is, for a while.
    fn put_in(&mut self, loading: &mut Loading) {
        let begin = clock::moment();
        while loading.shard.has_work() && begin.elapsed() < TIME_PER_TURN {
            let step = self.router.shard_mut().load_some(&mut loading.shard, BYTES_PER_STEP);
            if let LoadStep::Done(batch) = step {
                self.tell_control(LoadHop::Taken(batch));
            }
        }
        if let Some(fault) = loading.shard.fault().filter(|_| !loading.is_fault_told) {
            loading.is_fault_told = true;
            self.tell_control(LoadHop::Found(Box::new(fault.clone())));
        }
        if loading.is_last && !loading.shard.has_work() {
            loading.is_last = false;
            self.tell_control(LoadHop::Ended(Box::new(loading.shard.counts().clone())));
        }
    }

    /// Goes on with the file. True when all of it is in the tables and all other workers serve.
    fn drive(&mut self, file: &mut FileLoad) -> bool {
        file.has_more = false;
        if file.awaited > 0 {
            return false;
        }
        // Those that were moving when the load began arrive in a later turn.
        file.is_settled = file.is_settled || self.has_settled();
        if !file.is_settled {
            return false;
        }
        if std::mem::take(&mut file.flushes) {
            self.tell_all(|| LoadHop::Flush);
        }
        let Some(load) = &mut file.load else { return true };
        let Worker { router, mesh, errands, .. } = self;
        let map = router.map();
        let progress = load.step(
            |slot| map.owner(slot),
            |shard, batch, bytes| mesh.send_sized(shard, Hop::Load(LoadHop::Batch(batch)), bytes),
            &mut errands.disk,
        );
        file.has_more = progress == Progress::More;
        let (total_bytes, loaded_bytes, writer_used_bytes) = load.progress();
        self.node.load.advance(total_bytes, loaded_bytes, writer_used_bytes);
        if progress == Progress::Scanned {
            for shard in 0..self.node.shards {
                self.mesh.send(ShardId(shard as u16), Hop::Load(LoadHop::End));
            }
        }
        if load.is_over() {
            self.end_load(file);
        }
        false
    }

    /// None of this worker's clients waits for a command on keys, but in one that blocks.
    fn has_nothing_under_way(&self) -> bool {
        let asks = |client: &Client| self.inquiries.keys().any(|ticket| ticket.connection == client.index);
        let is_idle = |client: &Client| client.replies.awaited() == 0 || client.waiting.is_blocked();
        self.clients.iter().all(|client| is_idle(client) || asks(client))
    }

    fn has_settled(&self) -> bool {
        self.router.map().ranges().all(|(_, _, owner)| owner.index() < self.node.shards)
    }

    /// All shards have done what they could.
    fn end_load(&mut self, file: &mut FileLoad) {
        if let Some(timer) = file.timer.take() {
            self.errands.timers.cancel(timer);
        }
        match file.load.take().map(Load::outcome) {
            Some(Ok((counts, facts))) => {
                tell_counts(&counts);
                if !facts.functions.is_empty() {
                    let len = facts.functions.len();
                    let (libraries, are) = if len == 1 { ("library", "is") } else { ("libraries", "are") };
                    log::info!("{len} function {libraries} {are} kept and not run");
                }
                self.node.functions.set(facts.functions);
                let seconds = (clock::monotonic() - file.began).as_secs_f64();
                log::info!("DB loaded from disk: {seconds:.3} seconds");
                self.node.load.loaded(counts.loaded, counts.expired);
                file.awaited = self.mesh.workers() - 1;
                self.tell_all(|| LoadHop::Open);
            }
            Some(Err(failure)) => {
                failure.lines().iter().for_each(|line| log::warn!("{line}"));
                self.node.load.fail();
                self.node.stopping.store(true, Ordering::Relaxed);
            }
            None => {}
        }
    }

    /// Everything has been loaded, and all other workers serve: so does this one.
    fn end_loading(&mut self) {
        self.serve_again();
        self.node.load.end();
        self.reload_has_ended();
        if let Some(tell) = self.control.as_mut().and_then(|control| control.duty.tell_ready.take()) {
            tell();
        }
    }

    /// Serves from now on.
    pub(super) fn serve_again(&mut self) {
        self.loading = None;
        self.router.pause_dealing(false);
        self.configure_memory(&Arc::clone(&self.config));
    }

    /// Tells how far the load has come, now and then.
    pub(super) fn tell_progress(&mut self) {
        let now = clock::monotonic();
        let file = self.loading.as_mut().and_then(|loading| loading.file.as_mut());
        let Some(file) = file else { return };
        file.timer = Some(self.errands.timers.set(LOADING_LINES, now + LINES_PERIOD));
        let Some(load) = &file.load else { return };
        let (total_bytes, loaded_bytes, _) = load.progress();
        let (before, bytes_before) = std::mem::replace(&mut file.told, (now, loaded_bytes));
        let mb = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let rate = mb(loaded_bytes - bytes_before) / (now - before).as_secs_f64().max(0.001);
        let Some(progress) = self.node.load.progress() else { return };
        let (percent, eta_s) = progress.estimate(clock::now().as_secs());
        let (loaded, total) = (mb(loaded_bytes), mb(total_bytes));
        let keys = load.keys();
        log::info!(
            "Loading: {percent:.2}% ({loaded:.2} of {total:.2} Mb, {keys} keys, {rate:.2} Mb/s), about \
                {eta_s} seconds left"
        );
    }

    /// The node ends: nothing more is read.
    pub(super) fn give_up_loading(&mut self) {
        let file = self.loading.take().and_then(|loading| loading.file);
        if let Some(mut load) = file.and_then(|file| file.load) {
            load.give_up(&mut self.errands.disk);
        }
    }

    /// Whether a command runs while the node loads: what needs the keys does not (Redis: processCommand).
    #[cold]
    pub(super) fn admit_while_loading(
        &mut self,
        index: u32,
        entry: &CommandEntry,
    ) -> Result<(), CommandError> {
        let (session, commands) = (&self.clients.at(index).session, self.session_commands);
        let spec_of = |command: &Command| match command {
            Command::Data(command) => &command.spec,
            &Command::Session(number) => &commands.get(number).spec,
        };
        let is_refused = |command: &Command| !spec_of(command).has(flags::LOADING);
        let runs_refused = || session.queue.as_ref().is_some_and(|queue| queue.any(is_refused));
        if is_refused(&entry.command) || (entry.spec().has(flags::RUNS_QUEUE) && runs_refused()) {
            return Err(CommandError::other(LOADING_TEXT));
        }
        Ok(())
    }
}

/// Tells what was loaded, in Redis's words.
fn tell_counts(counts: &LoadCounts) {
    let LoadCounts { loaded, expired, skipped, skipped_names } = counts;
    for key in skipped_names {
        log::info!("rdbLoadObject skipping empty key: {key}");
    }
    match skipped {
        0 => log::info!("Done loading RDB, keys loaded: {loaded}, keys expired: {expired}."),
        _ => log::info!(
            "Done loading RDB, keys loaded: {loaded}, keys expired: {expired}, empty keys skipped: {skipped}."
        ),
    }
}
