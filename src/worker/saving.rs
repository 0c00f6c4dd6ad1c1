//! Saves, at the control worker: it has the file, and no long command of a client holds it up.

use std::fmt::Write as _;

use shards::args::OwnedArgs;
use shards::commands::snapshot::{CUT, CutArgs};
use shards::error::CommandError;
use shards::loading::LoadOptions;
use shards::router::step::Step;
use shards::shard::Call;
use shards::slot::ShardId;
use shards::snapshot::SnapshotId;
use shards::txn::Ticket;

use super::Worker;
use crate::config::{Config, SavePoint};
use crate::host::clock;
use crate::host::version::REDIS_VERSION;
use crate::io::Owner;
use crate::io::disk::FileDone;
use crate::node::functions::Libraries;
use crate::persistence::hop::SnapshotHop;
use crate::persistence::rdb_file::RdbFilePlan;
use crate::persistence::save::{FileFacts, Save, SaveError, SavePlan, Saved};
use crate::persistence::save_points;
use crate::session::Session;
use crate::session::client::Client;
use crate::session::inquiry::Answer;
use crate::session::order::Closing;
use crate::session::saving::{SaveAnswer, SaveQuestion};
use crate::worker::saves::{FOR_SHUTDOWN, ForEnd};

/// Whose requests to the disk these are.
pub(super) const SAVING: Owner = Owner(3);

/// The worker that sees when a save point is reached: the control worker may rest.
const WATCHER: ShardId = ShardId(0);

const IN_PROGRESS: &str = "ERR Background save already in progress";

impl Worker {
    /// Answers a client that asks for a save, unless the answer comes when it has ended.
    pub(super) fn answer_save(&mut self, ticket: Ticket, question: SaveQuestion) -> Option<Answer> {
        let is_under_way = self.saving.save.is_some();
        let answer = match question {
            SaveQuestion::Cancel if is_under_way => {
                self.give_save_up("a client has cancelled it");
                SaveAnswer::Said("Background saving cancelled")
            }
            SaveQuestion::Cancel => SaveAnswer::Refused(CommandError::other(
                "ERR Background saving is currently not in progress or scheduled",
            )),
            SaveQuestion::Shutdown(options) => {
                return self.client_asks_for_end(ticket, options).map(Answer::Save);
            }
            SaveQuestion::AbortShutdown => self.abort_shutdown(),
            _ if is_under_way || self.loading.is_some() => {
                SaveAnswer::Refused(CommandError::other(IN_PROGRESS))
            }
            SaveQuestion::Begin => {
                self.begin_save(true);
                SaveAnswer::Said("Background saving started")
            }
            SaveQuestion::Reload(options) => {
                self.saving.reload = Some((ticket, options));
                if options.saves {
                    self.begin_save(false);
                } else {
                    self.load_again();
                }
                return None;
            }
            SaveQuestion::Now => {
                self.saving.awaited_by = Some(ticket);
                self.begin_save(false);
                return None;
            }
        };
        Some(Answer::Save(answer))
    }

    /// Has the control worker begin a save if a save point is reached: at each cron of the one worker that
    /// looks after it. Each worker tells how many changes its shard has made.
    pub(super) fn save_if_due(&mut self) {
        let saves = &self.node.saves;
        saves.set_changes(self.id, self.router.shard().env().dirty);
        let control = self.node.control();
        if self.id != WATCHER || control.index() >= self.mesh.workers() || self.config.save_points.is_empty()
        {
            return;
        }
        let now_s = self.now_ms / 1000;
        if let Some(point) =
            save_points::due(&self.config.save_points, &saves.report(), saves.last_try_s(), now_s)
        {
            self.send_snapshot_hop(control, SnapshotHop::Due(point));
        }
    }

    /// FLUSHALL has removed all keys. With save points the file has none of them either, and a save in the
    /// background that is under way is none any more (Redis: flushAllDataAndResetRDB).
    pub(super) fn all_keys_are_gone(&mut self) {
        if self.saving.shutdown.is_some() || self.loading.is_some() {
            return;
        }
        let saves = !self.config.save_points.is_empty();
        if self.saving.save.is_none() {
            if saves {
                self.begin_save(true);
            }
            return;
        }
        self.saving.saves_again = saves;
        if self.node.saves.report().in_background {
            self.give_save_up("FLUSHALL has removed the keys");
        }
    }

    /// A save point is reached.
    pub(super) fn save_point_reached(&mut self, point: SavePoint) {
        if self.saving.save.is_none() {
            log::info!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
            self.begin_save(true);
        }
    }

    pub(super) fn begin_save(&mut self, is_background: bool) {
        let id = SnapshotId::all().next().expect("there is a first snapshot");
        let (cut, mut plan) = plan(&self.config, id, self.node.memory.used_bytes());
        plan.facts.functions = self.node.functions.get();
        self.node.saves.begin(self.now_ms, is_background);
        if is_background {
            log::info!("Background saving started by pid {}", std::process::id());
        }
        let disk = &mut self.errands.disk;
        self.saving.save = Some(Save::start(id, plan, self.mesh.workers(), SAVING, disk, clock::moment()));
        let session = Session { authenticated: true, ..Session::default() };
        let cutter = self.take_in(Client::without_socket(session));
        self.saving.cutter = Some(cutter);
        let args: OwnedArgs = cut.words().iter().map(String::as_bytes).collect();
        let caller = self.caller(cutter);
        let call = Call { command: &CUT, key: None, caller, args: args.as_args() };
        let (router, mut desk) = self.at_desk();
        let step = router.run(call, CUT.spec.plan(), true, &mut desk);
        assert!(matches!(step, Step::Reply | Step::Done), "a new caller has nothing to wait for");
    }

    /// DEBUG RELOAD: the file is there, and takes the place of the keys.
    fn load_again(&mut self) {
        let Some((_, options)) = self.saving.reload else { return };
        // Without a flush keys of the file are there already; and what a client that has gone had begun may
        // come behind the flush.
        let may_replace = LoadOptions { may_replace: true, ..LoadOptions::default() };
        self.begin_load(self.config.rdb_path(), may_replace, options.flushes);
    }

    /// A file has been loaded.
    pub(super) fn reload_has_ended(&mut self) {
        if self.saving.reload.is_some() {
            log::warn!("DB reloaded by DEBUG RELOAD");
            self.answer_reload(SaveAnswer::Done);
        }
    }

    fn answer_reload(&mut self, answer: SaveAnswer) {
        if let Some((ticket, _)) = self.saving.reload.take() {
            self.send_answer(ticket, Answer::Save(answer));
        }
    }

    /// It shall end without a file.
    pub(super) fn give_save_up(&mut self, reason: &'static str) {
        if let Some(save) = &mut self.saving.save {
            save.give_up(reason, &mut self.errands.disk);
        }
        self.go_on_with_save();
    }

    /// Looks whether the cut has been made. Once a turn.
    pub(super) fn see_cut(&mut self) {
        let Some(cutter) = self.saving.cutter else { return };
        let client = self.clients.at(cutter);
        if client.replies.awaited() > 0 || client.replies.ready_bytes() == 0 {
            return;
        }
        let (reply, _) = client.replies.ready().take();
        client.closing = Some(Closing::Now);
        self.clients.look_at(cutter);
        self.saving.cutter = None;
        if let Some(save) = &mut self.saving.save {
            save.cut(&reply, &mut self.errands.disk);
        }
        self.go_on_with_save();
    }

    /// Takes what a worker's shard has written.
    pub(super) fn take_snapshot_piece(&mut self, from: ShardId, hop: SnapshotHop) {
        if let Some(save) = &mut self.saving.save {
            save.take_hop(from, hop, &mut self.errands.disk);
        }
        self.go_on_with_save();
    }

    /// Takes the end of a request to the disk that was made for it.
    pub(super) fn take_saved(&mut self, done: FileDone) {
        if let Some(save) = &mut self.saving.save {
            save.take_done(done, &mut self.errands.disk);
        }
        self.go_on_with_save();
    }

    fn go_on_with_save(&mut self) {
        while let Some(save) = &mut self.saving.save
            && !save.out.is_empty()
        {
            for (to, hop) in std::mem::take(&mut save.out) {
                self.send_snapshot_hop(to, hop);
            }
        }
        let Some(save) = &mut self.saving.save else { return };
        self.node.saves.set_progress(save.progress());
        let now = clock::moment();
        if let Some(line) = save.progress_line(now) {
            log::info!("{line}");
        }
        if let Some(ended) = save.take_end() {
            self.saving.save = None;
            self.save_has_ended(ended);
        }
    }

    fn save_has_ended(&mut self, ended: Result<Saved, SaveError>) {
        let saves = &self.node.saves;
        let (now_ms, waiting) = (self.now_ms, self.saving.awaited_by.take());
        let for_end = match &ended {
            Ok(saved) if saved.changes_behind == 0 => Some(ForEnd::All),
            Ok(_) => Some(ForEnd::Behind),
            Err(SaveError::GivenUp(FOR_SHUTDOWN)) => None,
            Err(_) => Some(ForEnd::Nothing),
        };
        let answer = match ended {
            Ok(saved) => {
                saves.succeeded(now_ms, saved.changes, saved.left_out);
                log::info!("DB saved on disk");
                if saved.left_out > 0 {
                    log::warn!("{}", told_loss(saved.left_out));
                }
                SaveAnswer::Done
            }
            Err(error) => {
                let text = told_failure(&error);
                log::warn!("{text}");
                // What the version cannot hold is no fault of the disk: no write is refused for it. And who
                // waits for a save learns of its failure himself.
                let is_fault = matches!(error, SaveError::Disk(_) | SaveError::Defect(_));
                let has_failed = (is_fault && self.node.saves.report().in_background).then_some(true);
                saves.end(now_ms, has_failed);
                SaveAnswer::Refused(CommandError::other(format!("ERR {text}")))
            }
        };
        match (waiting, &answer) {
            (Some(ticket), _) => self.send_answer(ticket, Answer::Save(answer)),
            _ if self.saving.shutdown.is_some() || self.saving.reload.is_some() => {}
            (None, SaveAnswer::Done) => log::info!("Background saving terminated with success"),
            (None, _) => log::warn!("Background saving error"),
        }
        if self.saving.shutdown.is_some() {
            return self.shutdown_goes_on(for_end);
        }
        if std::mem::take(&mut self.saving.saves_again) && self.saving.reload.is_none() {
            return self.begin_save(true);
        }
        match for_end {
            Some(ForEnd::All | ForEnd::Behind) => self.load_again(),
            _ => self.answer_reload(SaveAnswer::Refused(CommandError::other("ERR"))),
        }
    }
}

fn told_loss(keys: u64) -> String {
    format!(
        "{keys} hashes were saved without the expires of their fields, for which the version of the file \
            (rdb-version) has no place"
    )
}

fn told_failure(error: &SaveError) -> String {
    let mut text = String::from("Saving the DB on disk has failed: ");
    let written = match error {
        SaveError::Disk(error) => write!(text, "{error}"),
        SaveError::WouldLose { keys } => write!(
            text,
            "{keys} or more hashes have fields that expire, for which the version of the file (rdb-version) \
                has no place, and rdb-version-loss says that nothing may be left out"
        ),
        SaveError::Defect(defect) => write!(text, "{defect}; this is a defect of the server"),
        SaveError::GivenUp(reason) => write!(text, "{reason}"),
    };
    written.expect("there is memory for a line");
    text
}

/// How a save goes into its file, as the configuration says.
fn plan(config: &Config, id: SnapshotId, used_bytes: u64) -> (CutArgs, SavePlan) {
    let form = config.rdb_version;
    let cut = CutArgs {
        id,
        form,
        compresses: config.rdb_compression,
        tells_usage: config.maxmemory_policy.keeps_usage(),
    };
    let path = config.rdb_path();
    let file = RdbFilePlan {
        temporary: path.with_file_name(format!("temp-{}.rdb", std::process::id())),
        path,
        has_checksum: config.rdb_checksum,
        syncs_between: config.rdb_save_incremental_fsync,
    };
    let facts = FileFacts {
        aux: vec![
            ("redis-ver", REDIS_VERSION.to_owned()),
            ("redis-bits", usize::BITS.to_string()),
            ("ctime", clock::now().as_secs().to_string()),
            ("used-mem", used_bytes.to_string()),
            ("aof-base", "0".to_owned()),
        ],
        functions: Libraries::default(),
    };
    (cut, SavePlan { file, form, facts, refuses_loss: config.rdb_version_refuses_loss })
}
