//! An RDB file that is being written: into a temporary file of the same directory, which is forced to the
//! disk and then gets the name of the one before. After a crash there is the old file or the new one.
//!
//! What is written comes in pieces. A state machine over [`Disk`]; it must not know where pieces come from.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use shards::rdb::crc64::Crc64;
use shards::rdb::frame;
use shards::rdb::sink::Sink;

use crate::io::Owner;
use crate::io::disk::{Disk, FileDone, FileId, FileOutcome, FileRequest, OpId, OpenMode};

/// With `rdb-save-incremental-fsync` the kernel is made to write whenever so many bytes have come (Redis:
/// REDIS_AUTOSYNC_BYTES), so that the last sync does not take long.
const SYNC_BYTES: u64 = 4 << 20;

/// Which file, and how.
#[derive(Clone, Debug)]
pub struct RdbFilePlan {
    /// Its name when it is whole.
    pub path: PathBuf,
    /// Its name until then, in the same directory.
    pub temporary: PathBuf,
    /// `rdbchecksum`: whether a checksum is written.
    pub has_checksum: bool,
    /// `rdb-save-incremental-fsync`.
    pub syncs_between: bool,
}

/// What has become of requests of a file.
#[derive(Debug)]
pub enum RdbFileNews {
    /// Nothing that concerns anybody else.
    Nothing,
    /// The oldest piece that was not written has been.
    Written,
    /// It has the name of the file before it, and is on the disk. It has so many bytes.
    InPlace(u64),
    /// It could not be written, and the temporary file is gone as far as that was possible.
    Failed(io::Error),
}

/// One file.
pub struct RdbFile {
    owner: Owner,
    plan: RdbFilePlan,
    crc: Crc64,
    file: Option<FileId>,
    /// Pieces that have come before the file was open.
    early: VecDeque<Vec<u8>>,
    /// Where the next piece goes.
    offset: u64,
    /// What has been written behind the last sync.
    unsynced_bytes: u64,
    /// Pieces whose writes have not ended, in order.
    writes: VecDeque<OpId>,
    stage: Stage,
    /// The request whose end leads to the next stage.
    op: OpId,
}

#[derive(Debug)]
enum Stage {
    Opening,
    /// Pieces may come.
    Writing,
    Syncing,
    Closing,
    Renaming,
    SyncingDirectory,
    /// The temporary file goes, for this reason.
    Removing(io::Error),
    Over,
}

impl RdbFile {
    /// Begins a file. The ends of the owner's requests are to be handed to [`RdbFile::take`].
    pub fn start(plan: RdbFilePlan, owner: Owner, disk: &mut Disk) -> RdbFile {
        let request = FileRequest::Open { path: plan.temporary.clone(), mode: OpenMode::Replace };
        let op = disk.start(owner, request);
        RdbFile {
            owner,
            plan,
            crc: Crc64::default(),
            file: None,
            early: VecDeque::new(),
            offset: 0,
            unsynced_bytes: 0,
            writes: VecDeque::new(),
            stage: Stage::Opening,
            op,
        }
    }

    /// Bytes that have come.
    pub fn len_bytes(&self) -> u64 {
        self.offset + self.early.iter().map(|piece| piece.len() as u64).sum::<u64>()
    }

    /// Writes a piece behind those before it. When it has been written [`RdbFileNews::Written`] tells.
    pub fn write(&mut self, piece: Vec<u8>, disk: &mut Disk) {
        if self.plan.has_checksum {
            self.crc.update(&piece);
        }
        match (&self.stage, self.file) {
            (Stage::Writing, Some(file)) => self.write_to(file, piece, disk),
            (Stage::Opening, _) => self.early.push_back(piece),
            // It has failed, and what comes is of no more interest.
            _ => {}
        }
    }

    fn write_to(&mut self, file: FileId, piece: Vec<u8>, disk: &mut Disk) {
        let len = piece.len() as u64;
        let request = FileRequest::Write { file, offset: self.offset, buffer: piece };
        self.writes.push_back(disk.start(self.owner, request));
        self.offset += len;
        self.unsynced_bytes += len;
        if self.plan.syncs_between && self.unsynced_bytes >= SYNC_BYTES {
            self.unsynced_bytes = 0;
            disk.start(self.owner, FileRequest::Sync { file });
        }
    }

    /// Nothing more comes: the end is written, and the file takes its place. All pieces have been told to be
    /// written.
    pub fn finish(&mut self, disk: &mut Disk) {
        let mut end = Vec::new();
        frame::end(&mut Sink::new(&mut end, false));
        if self.plan.has_checksum {
            self.crc.update(&end);
        }
        let checksum = if self.plan.has_checksum { self.crc.value() } else { 0 };
        frame::checksum(&mut Sink::new(&mut end, false), checksum);
        let (Stage::Writing, Some(file)) = (&self.stage, self.file) else { return };
        self.write_to(file, end, disk);
        self.go_on(Stage::Syncing, FileRequest::SyncWhole { file }, disk);
    }

    /// The file is not wanted any more. [`RdbFileNews::Failed`] with this reason tells when it is gone.
    pub fn give_up(&mut self, reason: io::Error, disk: &mut Disk) {
        match self.stage {
            Stage::Writing => self.fail(reason, disk),
            // The end of what is under way sees to it.
            Stage::Opening => self.stage = Stage::Removing(reason),
            _ => {}
        }
    }

    /// Takes the end of a request.
    pub fn take(&mut self, done: FileDone, disk: &mut Disk) -> RdbFileNews {
        if self.writes.front() == Some(&done.op) {
            self.writes.pop_front();
            if let (Err(error), Stage::Writing | Stage::Syncing) = (done.result, &self.stage) {
                self.fail(error, disk);
            }
            return RdbFileNews::Written;
        }
        if done.op != self.op {
            // A sync between pieces. One that fails has lost something for good.
            if let (Err(error), Stage::Writing | Stage::Syncing) = (done.result, &self.stage) {
                self.fail(error, disk);
            }
            return RdbFileNews::Nothing;
        }
        match (std::mem::replace(&mut self.stage, Stage::Over), done.result) {
            (Stage::Opening, Ok(FileOutcome::Opened(file))) => {
                (self.file, self.stage) = (Some(file), Stage::Writing);
                for piece in std::mem::take(&mut self.early) {
                    self.write_to(file, piece, disk);
                }
            }
            (Stage::Syncing, Ok(_)) => {
                let file = self.file.take().expect("what was synced is open");
                self.go_on(Stage::Closing, FileRequest::Close { file }, disk);
            }
            (Stage::Closing, Ok(_)) => {
                let request =
                    FileRequest::Rename { from: self.plan.temporary.clone(), to: self.plan.path.clone() };
                self.go_on(Stage::Renaming, request, disk);
            }
            (Stage::Renaming, Ok(_)) => {
                let parent = self.plan.path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let path = parent.unwrap_or(Path::new(".")).to_path_buf();
                self.go_on(Stage::SyncingDirectory, FileRequest::SyncDirectory { path }, disk);
            }
            (Stage::SyncingDirectory, Ok(_)) => return RdbFileNews::InPlace(self.offset),
            (Stage::Removing(reason), Ok(FileOutcome::Opened(file))) => {
                self.file = Some(file);
                self.fail(reason, disk);
            }
            (Stage::Removing(reason), _) => return RdbFileNews::Failed(reason),
            (Stage::Opening | Stage::SyncingDirectory, Err(error)) => return RdbFileNews::Failed(error),
            (_, Err(error)) => self.fail(error, disk),
            (Stage::Opening | Stage::Writing | Stage::Over, Ok(outcome)) => {
                unreachable!("nothing was asked for that ends so: {outcome:?}")
            }
        }
        RdbFileNews::Nothing
    }

    fn go_on(&mut self, stage: Stage, request: FileRequest, disk: &mut Disk) {
        self.op = disk.start(self.owner, request);
        self.stage = stage;
    }

    /// What was begun leaves nothing behind.
    fn fail(&mut self, reason: io::Error, disk: &mut Disk) {
        self.early.clear();
        if let Some(file) = self.file.take() {
            disk.start(self.owner, FileRequest::Close { file });
        }
        self.go_on(Stage::Removing(reason), FileRequest::Remove { path: self.plan.temporary.clone() }, disk);
    }
}
