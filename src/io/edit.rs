//! A file that is changed as a whole: read, and replaced by what shall be there instead. After a crash there
//! is the old file or the new one, and once the end is told it is the new one.
//!
//! The new content goes into another file of the same directory, which is forced to the disk and then gets
//! the old one's name; at last the directory is forced to the disk. This is a state machine over [`Disk`],
//! with one request under way at a time. It must not know what the file is for.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::Owner;
use super::disk::{Disk, FileDone, FileId, FileOutcome, FileRequest, OpId, OpenMode};

/// Bytes of one read of the old file.
const READ_BYTES: usize = 64 << 10;
/// The largest file that is changed in this way: it is in memory as a whole, and so is its successor.
pub const OLD_FILE_BYTES_MAX: usize = 64 << 20;

/// Makes the new content out of the old one, which is empty when there was no file.
pub type NewContent = Box<dyn FnOnce(&[u8]) -> Vec<u8>>;

/// Which file is to be changed, and how.
pub struct EditPlan {
    /// The file. It is not a symbolic link, which would be replaced.
    pub path: PathBuf,
    /// A name in the same directory that no file has.
    pub temporary: PathBuf,
    /// Who may do what with the new file. Until it has all of its content, nobody else may read it.
    pub permissions: u32,
    /// How.
    pub change: NewContent,
}

/// One change of a file.
pub struct FileEdit {
    owner: Owner,
    path: PathBuf,
    temporary: PathBuf,
    permissions: u32,
    change: Option<NewContent>,
    stage: Stage,
    /// The request whose end leads to the next stage.
    op: OpId,
}

/// What is under way.
enum Stage {
    OpeningOld,
    /// With what has been read.
    Reading(FileId, Vec<u8>),
    /// With what is to be written.
    OpeningNew(Vec<u8>),
    Writing(FileId),
    SettingPermissions(FileId),
    Syncing(FileId),
    Closing,
    Renaming,
    SyncingDirectory,
    /// The new file goes, for this reason.
    Removing(io::Error),
    /// Nothing: the end was told.
    Over,
}

impl FileEdit {
    /// Begins a change. The ends of the owner's requests are to be handed to [`FileEdit::take`].
    pub fn start(plan: EditPlan, owner: Owner, disk: &mut Disk) -> FileEdit {
        let EditPlan { path, temporary, permissions, change } = plan;
        let op = disk.start(owner, FileRequest::Open { path: path.clone(), mode: OpenMode::Read });
        let (change, stage) = (Some(change), Stage::OpeningOld);
        FileEdit { owner, path, temporary, permissions, change, stage, op }
    }

    /// Takes the end of a request. Returns how the change has ended, if it has: when it has failed the old
    /// file is there as it was, unless nothing but the sync of the directory has failed.
    pub fn take(&mut self, done: FileDone, disk: &mut Disk) -> Option<io::Result<()>> {
        // The other requests of the owner close files whose content is of no more interest.
        if done.op != self.op {
            return None;
        }
        match (std::mem::replace(&mut self.stage, Stage::Over), done.result) {
            (Stage::OpeningOld, Ok(FileOutcome::Opened(file))) => {
                self.read(file, Vec::new(), done.buffer, disk)
            }
            (Stage::OpeningOld, Err(error)) if error.kind() == ErrorKind::NotFound => {
                self.make_new(&[], disk);
            }
            (Stage::Reading(file, mut old), Ok(_)) => {
                old.extend_from_slice(&done.buffer);
                let (is_whole, is_too_large) =
                    (done.moved_bytes < READ_BYTES, old.len() > OLD_FILE_BYTES_MAX);
                if !is_whole && !is_too_large {
                    self.read(file, old, done.buffer, disk);
                    return None;
                }
                disk.start(self.owner, FileRequest::Close { file });
                if is_too_large {
                    return Some(Err(io::Error::from_raw_os_error(libc::EFBIG)));
                }
                self.make_new(&old, disk);
            }
            (Stage::Reading(file, _), Err(error)) => {
                disk.start(self.owner, FileRequest::Close { file });
                return Some(Err(error));
            }
            (Stage::OpeningNew(buffer), Ok(FileOutcome::Opened(file))) => {
                self.go_on(Stage::Writing(file), FileRequest::Write { file, offset: 0, buffer }, disk);
            }
            (Stage::Writing(file), Ok(_)) => {
                let request = FileRequest::SetPermissions { file, mode: self.permissions };
                self.go_on(Stage::SettingPermissions(file), request, disk);
            }
            (Stage::SettingPermissions(file), Ok(_)) => {
                self.go_on(Stage::Syncing(file), FileRequest::SyncWhole { file }, disk);
            }
            (Stage::Syncing(file), Ok(_)) => self.go_on(Stage::Closing, FileRequest::Close { file }, disk),
            (Stage::Closing, Ok(_)) => {
                let request = FileRequest::Rename { from: self.temporary.clone(), to: self.path.clone() };
                self.go_on(Stage::Renaming, request, disk);
            }
            (Stage::Renaming, Ok(_)) => {
                let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let path = parent.unwrap_or(Path::new(".")).to_path_buf();
                self.go_on(Stage::SyncingDirectory, FileRequest::SyncDirectory { path }, disk);
            }
            (Stage::Writing(file) | Stage::SettingPermissions(file) | Stage::Syncing(file), Err(error)) => {
                disk.start(self.owner, FileRequest::Close { file });
                self.remove(error, disk);
            }
            (Stage::Closing | Stage::Renaming, Err(error)) => self.remove(error, disk),
            (Stage::SyncingDirectory, result) => return Some(result.map(|_| ())),
            (Stage::Removing(error), _) => return Some(Err(error)),
            (_, Err(error)) => return Some(Err(error)),
            (Stage::OpeningOld | Stage::OpeningNew(_) | Stage::Over, Ok(outcome)) => {
                unreachable!("no file was opened by that: {outcome:?}")
            }
        }
        None
    }

    fn go_on(&mut self, stage: Stage, request: FileRequest, disk: &mut Disk) {
        self.op = disk.start(self.owner, request);
        self.stage = stage;
    }

    fn read(&mut self, file: FileId, old: Vec<u8>, buffer: Vec<u8>, disk: &mut Disk) {
        let request = FileRequest::Read { file, offset: old.len() as u64, buffer, len: READ_BYTES };
        self.go_on(Stage::Reading(file, old), request, disk);
    }

    fn make_new(&mut self, old: &[u8], disk: &mut Disk) {
        let change = self.change.take().expect("the old file is read once");
        let content = change(old);
        let request = FileRequest::Open { path: self.temporary.clone(), mode: OpenMode::CreatePrivate };
        self.go_on(Stage::OpeningNew(content), request, disk);
    }

    /// What was begun leaves nothing behind.
    fn remove(&mut self, error: io::Error, disk: &mut Disk) {
        self.go_on(Stage::Removing(error), FileRequest::Remove { path: self.temporary.clone() }, disk);
    }
}
