//! One call on files, and who carries it out.

use std::ffi::CString;

/// A call, with the memory that it reads and writes. Descriptors and results are numbers as the kernel gives
/// them.
#[derive(Debug)]
pub enum FileCall {
    /// The result is a descriptor.
    Open {
        /// Which file.
        path: CString,
        /// Those of openat(2).
        flags: i32,
        /// Who may do what with a file that is made, as far as the process's mask allows.
        mode: u32,
    },
    /// Reads into the buffer from `from` to its end, from the same place behind `offset`. The result is a
    /// number of bytes, 0 at the end of the file.
    Read {
        /// Of the file.
        descriptor: i32,
        /// Where the buffer's first byte lies in the file.
        offset: u64,
        /// It is as long as it may be filled.
        buffer: Vec<u8>,
        /// So much is filled.
        from: usize,
    },
    /// Writes the bytes of the buffer from `from` to `to`, to the same place behind `offset`. The result is a
    /// number of bytes.
    Write {
        /// Of the file.
        descriptor: i32,
        /// Where the buffer's first byte goes.
        offset: u64,
        /// The bytes, and more.
        buffer: Vec<u8>,
        /// So much is written.
        from: usize,
        /// So far it goes.
        to: usize,
    },
    /// Sets who may do what with the file, whatever the process's mask says.
    SetPermissions {
        /// Of the file.
        descriptor: i32,
        /// Those of fchmod(2).
        mode: u32,
    },
    /// Forces what was written to the disk.
    Sync {
        /// Of the file or directory.
        descriptor: i32,
        /// Not what is needless to find the data again.
        data_only: bool,
    },
    /// Cuts the file, or lengthens it by zeros.
    Truncate {
        /// Of the file.
        descriptor: i32,
        /// Its length from then on.
        len_bytes: u64,
    },
    /// Asks for the length, which is in the call when it comes back.
    Size {
        /// Of the file.
        descriptor: i32,
        /// The answer.
        len_bytes: u64,
    },
    /// Gives the descriptor back.
    Close {
        /// Of the file.
        descriptor: i32,
    },
    /// Replaces what had the new name.
    Rename {
        /// The name that goes.
        from: CString,
        /// The name that comes.
        to: CString,
    },
    /// Removes a file's name.
    Remove {
        /// The name.
        path: CString,
    },
    /// Makes a directory.
    MakeDirectory {
        /// Its name.
        path: CString,
    },
}

/// Who carries calls out. Each call that was begun comes back once, with its result, a number or a negated
/// errno: `Disk::completed` takes it.
pub trait FileCalls {
    /// Begins a call. Its index has no other call under way.
    fn begin(&mut self, index: u32, call: Box<FileCall>);

    /// Asks to end a call early, with `ECANCELED`. It may be too late for that.
    fn cancel(&mut self, index: u32);
}
