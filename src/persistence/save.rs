//! One save: a snapshot of all shards that becomes an RDB file.
//!
//! It begins with the cut, a command on all workers. Then each worker sends what its shard has written, and
//! is told when that is in the file: more than [`AHEAD_BYTES_MAX`] of a worker are never on their way. When
//! all shards have come to the end of their tables each is told to end the snapshot; the file is finished
//! when the last one has. At the cut the shards say how many keys there are, and a file with another number
//! takes nobody's place.
//!
//! A state machine over [`Disk`]; what is sent to workers is left in `out`. It must not know the worker.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use shards::commands::snapshot::{CutReply, FileForm};
use shards::rdb::frame;
use shards::rdb::sink::Sink;
use shards::rdb::version::WriteVersion;
use shards::slot::ShardId;
use shards::snapshot::{SnapshotId, SnapshotPiece};

use crate::io::Owner;
use crate::io::disk::{Disk, FileDone};
use crate::node::functions::Libraries;
use crate::persistence::hop::SnapshotHop;
use crate::persistence::rdb_file::{RdbFile, RdbFileNews, RdbFilePlan};

/// Bytes of pieces of one worker that may be on their way to the file or wait for the disk. What a worker
/// writes in a turn is a tenth of it.
pub const AHEAD_BYTES_MAX: usize = 1 << 20;

/// How often a long save is told of in the log.
const PROGRESS_PERIOD: Duration = Duration::from_secs(5);

/// What a file says of itself before its keys.
#[derive(Clone, Debug, Default)]
pub struct FileFacts {
    /// Names and values, in their order.
    pub aux: Vec<(&'static str, String)>,
    /// Libraries of functions, each as its whole code.
    pub functions: Libraries,
}

/// How a save goes into a file.
#[derive(Clone, Debug)]
pub struct SavePlan {
    /// The file.
    pub file: RdbFilePlan,
    /// In which version.
    pub form: FileForm,
    /// What it says of itself.
    pub facts: FileFacts,
    /// A value that the version cannot hold in full ends the save, instead of being written without what has
    /// no place.
    pub refuses_loss: bool,
}

/// How a save has ended well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Saved {
    /// Bytes of the file.
    pub bytes: u64,
    /// Keys in it.
    pub keys: u64,
    /// Keys of which something was left out, since the version has no place for it.
    pub left_out: u64,
    /// Changes before the cut.
    pub changes: u64,
    /// Changes that shards have made between the cut and the end of the snapshot.
    pub changes_behind: u64,
}

/// Why a save has failed.
#[derive(Debug)]
pub enum SaveError {
    /// The disk.
    Disk(io::Error),
    /// Something has no place in the version, and nothing may be left out.
    WouldLose {
        /// How many keys were found with such values before it ended.
        keys: u64,
    },
    /// The cut was refused, or the file has another number of keys than there were.
    Defect(String),
    /// It is not wanted any more.
    GivenUp(&'static str),
}

/// One worker's part.
#[derive(Clone, Copy, Default)]
struct Part {
    has_walked: bool,
    has_ended: bool,
    /// Of how many keys its shard has left something out so far.
    left_out: u64,
}

/// A save that is under way.
pub struct Save {
    id: SnapshotId,
    plan: SavePlan,
    file: RdbFile,
    parts: Vec<Part>,
    /// Pieces in the order of their writes that have not ended: whose, and how long. The first is the head of
    /// the file, which is nobody's.
    writing: VecDeque<(Option<ShardId>, usize)>,
    /// The worker whose last piece ends inside of a value: nobody else's may come before its next one.
    exclusive: Option<ShardId>,
    /// Pieces that wait for it, or for the cut's reply.
    waiting: VecDeque<(ShardId, SnapshotPiece)>,
    cut: Option<CutReply>,
    is_ending: bool,
    /// The shards have ended, and the file is being finished.
    is_finishing: bool,
    keys: u64,
    left_out: u64,
    /// Changes until the snapshot has ended on each shard.
    changes_at_end: u64,
    failed: Option<SaveError>,
    is_file_over: bool,
    in_place_bytes: Option<u64>,
    began: Instant,
    told: Instant,
    /// What is to be sent to workers.
    pub out: Vec<(ShardId, SnapshotHop)>,
}

impl Save {
    /// Begins a save, whose cut is about to be asked for.
    pub fn start(
        id: SnapshotId,
        plan: SavePlan,
        workers: usize,
        owner: Owner,
        disk: &mut Disk,
        now: Instant,
    ) -> Save {
        let file = RdbFile::start(plan.file.clone(), owner, disk);
        Save {
            id,
            plan,
            file,
            parts: vec![Part::default(); workers],
            writing: VecDeque::new(),
            exclusive: None,
            waiting: VecDeque::new(),
            cut: None,
            is_ending: false,
            is_finishing: false,
            keys: 0,
            left_out: 0,
            changes_at_end: 0,
            failed: None,
            is_file_over: false,
            in_place_bytes: None,
            began: now,
            told: now,
            out: Vec::new(),
        }
    }

    /// Which snapshot it is.
    pub fn id(&self) -> SnapshotId {
        self.id
    }

    /// Keys in the file so far, and those that there will be.
    pub fn progress(&self) -> (u64, u64) {
        (self.keys, self.cut.map_or(0, |cut| cut.keys))
    }

    /// When it has begun.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// The cut was made, or refused: its reply.
    pub fn cut(&mut self, reply: &[u8], disk: &mut Disk) {
        let Some(cut) = CutReply::parse(reply) else {
            let text = String::from_utf8_lossy(reply).trim_end().to_owned();
            // No shard has begun.
            self.parts.fill(Part { has_walked: true, has_ended: true, left_out: 0 });
            return self.fail(SaveError::Defect(format!("the cut was refused: {text}")), disk);
        };
        self.cut = Some(cut);
        if self.failed.is_some() {
            // The shards have begun behind the word that it was given up.
            return self.tell_all(|id| SnapshotHop::GiveUp { id });
        }
        let version = match self.plan.form {
            FileForm::Only(version) => version,
            FileForm::Oldest if cut.fields_expire => WriteVersion::Redis12,
            FileForm::Oldest => WriteVersion::Redis10,
        };
        let mut head = Vec::new();
        let mut sink = Sink::new(&mut head, false);
        frame::header(&mut sink, version);
        for (name, value) in &self.plan.facts.aux {
            frame::aux(&mut sink, name.as_bytes(), value.as_bytes());
        }
        for code in self.plan.facts.functions.iter() {
            frame::function(&mut sink, code);
        }
        self.write(None, head, disk);
        self.write_waiting(disk);
    }

    /// Takes what a worker has sent.
    pub fn take_hop(&mut self, from: ShardId, hop: SnapshotHop, disk: &mut Disk) {
        match hop {
            SnapshotHop::Piece { piece, has_walked, .. } => {
                self.take_piece(from, piece, disk);
                self.parts[from.index()].has_walked |= has_walked;
            }
            SnapshotHop::Ended { piece, changes, .. } => {
                self.changes_at_end += changes;
                self.take_piece(from, piece, disk);
                self.parts[from.index()].has_ended = true;
            }
            SnapshotHop::Due(_)
            | SnapshotHop::Flushed
            | SnapshotHop::Hold(_)
            | SnapshotHop::Taken { .. }
            | SnapshotHop::GiveUp { .. }
            | SnapshotHop::End { .. } => unreachable!("they are of no save"),
        }
        if !self.is_ending && self.parts.iter().all(|part| part.has_walked) {
            self.is_ending = true;
            self.tell_all(|id| SnapshotHop::End { id });
        }
        if self.is_ending && self.parts.iter().all(|part| part.has_ended) {
            self.all_have_ended(disk);
        }
    }

    fn tell_all(&mut self, hop: impl Fn(SnapshotId) -> SnapshotHop) {
        let everybody = (0..self.parts.len()).map(|worker| ShardId(worker as u16));
        self.out.extend(everybody.map(|worker| (worker, hop(self.id))));
    }

    fn take_piece(&mut self, from: ShardId, piece: SnapshotPiece, disk: &mut Disk) {
        self.keys += piece.keys;
        let left_out = &mut self.parts[from.index()].left_out;
        *left_out = piece.left_out.max(*left_out);
        self.left_out = self.parts.iter().map(|part| part.left_out).sum();
        let may_be_written = self.cut.is_some() && self.exclusive.is_none_or(|worker| worker == from);
        // What a worker sends keeps its order.
        if !may_be_written {
            return self.waiting.push_back((from, piece));
        }
        self.write_piece(from, piece, disk);
        self.write_waiting(disk);
        if self.plan.refuses_loss && self.left_out > 0 && self.failed.is_none() {
            self.fail(SaveError::WouldLose { keys: self.left_out }, disk);
        }
    }

    fn write_piece(&mut self, from: ShardId, piece: SnapshotPiece, disk: &mut Disk) {
        self.exclusive = (!piece.is_whole).then_some(from);
        if !piece.bytes.is_empty() {
            self.write(Some(from), piece.bytes, disk);
        }
    }

    fn write_waiting(&mut self, disk: &mut Disk) {
        while let Some(at) =
            self.waiting.iter().position(|(from, _)| self.exclusive.is_none_or(|worker| worker == *from))
        {
            let (from, piece) = self.waiting.remove(at).expect("it was found there");
            self.write_piece(from, piece, disk);
        }
    }

    fn write(&mut self, from: Option<ShardId>, bytes: Vec<u8>, disk: &mut Disk) {
        let len = bytes.len();
        if self.failed.is_some() {
            return self.taken(from, len);
        }
        self.writing.push_back((from, len));
        self.file.write(bytes, disk);
    }

    /// Bytes of a worker are no longer on their way.
    fn taken(&mut self, from: Option<ShardId>, bytes: usize) {
        if let Some(worker) = from {
            self.out.push((worker, SnapshotHop::Taken { id: self.id, bytes }));
        }
    }

    /// It shall not become a file. It ends when all shards have put their marks right.
    pub fn give_up(&mut self, reason: &'static str, disk: &mut Disk) {
        if !self.is_finishing {
            self.fail(SaveError::GivenUp(reason), disk);
        }
    }

    fn fail(&mut self, error: SaveError, disk: &mut Disk) {
        if self.failed.is_some() {
            return;
        }
        self.failed = Some(error);
        self.file.give_up(io::Error::other("the save has ended"), disk);
        for (from, bytes) in std::mem::take(&mut self.writing) {
            self.taken(from, bytes);
        }
        for (from, piece) in std::mem::take(&mut self.waiting) {
            self.taken(Some(from), piece.bytes.len());
        }
        self.exclusive = None;
        self.tell_all(|id| SnapshotHop::GiveUp { id });
    }

    fn all_have_ended(&mut self, disk: &mut Disk) {
        if self.is_finishing {
            return;
        }
        self.is_finishing = true;
        let expected = self.cut.map_or(0, |cut| cut.keys);
        if self.failed.is_none() && (self.keys != expected || !self.waiting.is_empty()) {
            let text = format!("{} keys were written, and there were {expected}", self.keys);
            self.fail(SaveError::Defect(text), disk);
        }
        if self.failed.is_none() {
            self.finish_when_written(disk);
        }
    }

    fn finish_when_written(&mut self, disk: &mut Disk) {
        if self.is_finishing && self.failed.is_none() && self.writing.is_empty() {
            self.file.finish(disk);
        }
    }

    /// Takes the end of a request to the disk.
    pub fn take_done(&mut self, done: FileDone, disk: &mut Disk) {
        match self.file.take(done, disk) {
            RdbFileNews::Nothing => {}
            RdbFileNews::Written => {
                if let Some((from, bytes)) = self.writing.pop_front() {
                    self.taken(from, bytes);
                    self.finish_when_written(disk);
                }
            }
            RdbFileNews::InPlace(bytes) => (self.is_file_over, self.in_place_bytes) = (true, Some(bytes)),
            RdbFileNews::Failed(error) => {
                self.is_file_over = true;
                self.fail(SaveError::Disk(error), disk);
            }
        }
    }

    /// How it has ended, once nothing of it is under way any more.
    pub fn take_end(&mut self) -> Option<Result<Saved, SaveError>> {
        if !self.is_file_over || !self.parts.iter().all(|part| part.has_ended) {
            return None;
        }
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let (bytes, cut) = (self.in_place_bytes?, self.cut?);
        let changes_behind = self.changes_at_end.saturating_sub(cut.changes);
        let (keys, left_out, changes) = (self.keys, self.left_out, cut.changes);
        Some(Ok(Saved { bytes, keys, left_out, changes, changes_behind }))
    }

    /// A line for the log, now and then: how far it has come.
    pub fn progress_line(&mut self, now: Instant) -> Option<String> {
        let (keys, all) = self.progress();
        if now.saturating_duration_since(self.told) < PROGRESS_PERIOD || all == 0 {
            return None;
        }
        self.told = now;
        let seconds = now.saturating_duration_since(self.began).as_secs_f64();
        let megabytes = self.file.len_bytes() as f64 / f64::from(1 << 20);
        Some(format!(
            "Saving: {:.1}% of {all} keys, {megabytes:.1} MB, {:.1} MB/s",
            keys as f64 * 100.0 / all as f64,
            megabytes / seconds.max(0.001)
        ))
    }
}
