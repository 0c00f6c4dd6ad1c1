//! What can be asked of a disk, and how it ends.

use std::io;
use std::path::PathBuf;

use crate::io::Owner;
use crate::io::numbered::Number;

/// Files that are made may be read by the group and by others, as the process's mask allows (Redis: 0644).
const NEW_FILE_MODE: u32 = 0o644;
/// Those that nobody else may read.
const PRIVATE_FILE_MODE: u32 = 0o600;

/// A request that was made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OpId(pub(super) Number);

/// An open file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileId(pub(super) Number);

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenMode {
    /// To be read; it has to exist.
    Read,
    /// To be read and written; it has to exist.
    ReadWrite,
    /// The same, and it is made if it does not exist.
    Create,
    /// The same, and what it had is gone.
    Replace,
    /// The same, and it must not exist.
    CreateNew,
    /// The same, and nobody else may read it.
    CreatePrivate,
}

/// What can be asked. Paths that are not absolute begin at the working directory of the moment when they are
/// used.
#[derive(Debug)]
pub enum FileRequest {
    /// Ends with [`FileOutcome::Opened`].
    Open {
        /// Which file.
        path: PathBuf,
        /// What for.
        mode: OpenMode,
    },
    /// Reads up to `len` bytes, fewer only at the end of the file.
    Read {
        /// From this file.
        file: FileId,
        /// From this place.
        offset: u64,
        /// Where to; what it has is thrown away.
        buffer: Vec<u8>,
        /// Bytes at most.
        len: usize,
    },
    /// Writes the whole buffer. After an error some of it may have been written.
    Write {
        /// To this file.
        file: FileId,
        /// To this place.
        offset: u64,
        /// The bytes.
        buffer: Vec<u8>,
    },
    /// Forces what was asked to be written before to the disk (fdatasync). After an error the kernel has
    /// forgotten what it could not write: the file is not to be trusted, whatever a later sync says.
    Sync {
        /// Which file.
        file: FileId,
    },
    /// The same, and all that is known of the file besides: its permissions and times (fsync).
    SyncWhole {
        /// Which file.
        file: FileId,
    },
    /// Sets who may do what with the file, whatever the process's mask says.
    SetPermissions {
        /// Which file.
        file: FileId,
        /// Those of fchmod(2).
        mode: u32,
    },
    /// Cuts the file, or lengthens it by zeros.
    Truncate {
        /// Which file.
        file: FileId,
        /// Its length from then on.
        len_bytes: u64,
    },
    /// Ends with [`FileOutcome::Size`].
    Size {
        /// Of which file.
        file: FileId,
    },
    /// The file is closed when all that was asked of it has ended, and cannot be asked for anything any more.
    Close {
        /// Which file.
        file: FileId,
    },
    /// Replaces what had the new name.
    Rename {
        /// The name that goes.
        from: PathBuf,
        /// The name that comes.
        to: PathBuf,
    },
    /// Removes a file's name.
    Remove {
        /// The name.
        path: PathBuf,
    },
    /// Makes a directory.
    MakeDirectory {
        /// Its name.
        path: PathBuf,
    },
    /// Forces what has happened to the names in a directory to the disk.
    SyncDirectory {
        /// Its name.
        path: PathBuf,
    },
}

/// How a request has ended well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileOutcome {
    /// All that was asked for is done.
    Complete,
    /// The file is open.
    Opened(FileId),
    /// The length of the file in bytes.
    Size(u64),
}

/// The end of a request. Each one that was made has one, also when it was refused or taken back.
#[derive(Debug)]
pub struct FileDone {
    /// Which.
    pub op: OpId,
    /// Whose.
    pub owner: Owner,
    /// How.
    pub result: io::Result<FileOutcome>,
    /// The buffer of a read, with what was read, or of a write, as it was given.
    pub buffer: Vec<u8>,
    /// So many bytes of it were written or read, also when the rest has failed.
    pub moved_bytes: usize,
}

impl FileRequest {
    /// The buffer that is given back with the end.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        match self {
            FileRequest::Read { buffer, .. } | FileRequest::Write { buffer, .. } => buffer,
            _ => Vec::new(),
        }
    }
}

impl OpenMode {
    /// Those of openat(2).
    pub(super) fn flags(self) -> i32 {
        let flags = match self {
            OpenMode::Read => libc::O_RDONLY,
            OpenMode::ReadWrite => libc::O_RDWR,
            OpenMode::Create => libc::O_RDWR | libc::O_CREAT,
            OpenMode::Replace => libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC,
            OpenMode::CreateNew | OpenMode::CreatePrivate => libc::O_RDWR | libc::O_CREAT | libc::O_EXCL,
        };
        flags | libc::O_CLOEXEC
    }

    /// The permissions of a file that is made.
    pub(super) fn permissions(self) -> u32 {
        if self == OpenMode::CreatePrivate { PRIVATE_FILE_MODE } else { NEW_FILE_MODE }
    }
}
