//! Calls on files, carried out by the kernel through the worker's ring.
#![expect(unsafe_code, reason = "the kernel reads and writes memory that the ring's entries name")]

use std::fs::{File, Permissions};
use std::io::{self, PipeReader, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;

use io_uring::{opcode, squeue, types};

use super::{FileCall, FileCalls};
use crate::io::ring::{ClientRing, Op};
use crate::io::under_way::UnderWay;

/// Directories that are made may be entered by the group and by others, as the process's mask allows (Redis:
/// dirCreateIfMissing).
const NEW_DIRECTORY_MODE: libc::mode_t = 0o755;

/// The calls of one worker's disk that are under way.
#[derive(Debug, Default)]
pub(in crate::io) struct RingFiles {
    under_way: UnderWay<Kept>,
    /// Truncates beside the ring also where the kernel could do it in the ring: for tests.
    pub(in crate::io) truncates_aside: bool,
}

/// A call with what the kernel needs for it.
#[derive(Debug)]
struct Kept {
    call: Box<FileCall>,
    statx: MaybeUninit<libc::statx>,
    /// Where the result of a call comes from that the kernel's ring does not have.
    aside: Option<Aside>,
}

/// A call that the ring does not make: a thread of its own makes it and writes the result into a pipe that
/// the ring reads, or it has been made already.
#[derive(Debug)]
struct Aside {
    reader: Option<PipeReader>,
    answer: [u8; 4],
}

/// The calls and the ring that carries them out.
pub(in crate::io) struct RingCalls<'a> {
    /// The calls.
    pub(in crate::io) files: &'a mut RingFiles,
    /// The ring.
    pub(in crate::io) ring: &'a mut ClientRing,
}

impl FileCalls for RingCalls<'_> {
    fn begin(&mut self, index: u32, call: Box<FileCall>) {
        let has_truncate = self.ring.has_truncate() && !self.files.truncates_aside;
        let kept = Box::new(Kept { call, statx: MaybeUninit::zeroed(), aside: None });
        let kept = self.files.under_way.keep(index, kept);
        let entry = kept.entry(has_truncate);
        // SAFETY: `under_way` keeps what the entry names, at its place and untouched, until the call is taken
        // out, which happens when it has completed.
        unsafe { self.ring.begin(entry, Op::File, index) };
    }

    fn cancel(&mut self, index: u32) {
        // What a thread does it does, and what comes behind it in the file waits for that.
        if self.files.under_way.get(index).is_some_and(|kept| kept.aside.is_none()) {
            self.ring.cancel(Op::File, index);
        }
    }
}

impl RingFiles {
    /// A call has completed: the call and its result.
    pub(in crate::io) fn completed(&mut self, index: u32, result: i32) -> Option<(Box<FileCall>, i32)> {
        let Kept { mut call, statx, aside } = *self.under_way.take(index)?;
        if let FileCall::Size { len_bytes, .. } = &mut *call
            && result >= 0
        {
            // SAFETY: the kernel has filled it; zeros would do too.
            *len_bytes = unsafe { statx.assume_init() }.stx_size;
        }
        let Some(Aside { reader, answer }) = aside else { return Some((call, result)) };
        let has_answer = reader.is_none() || result == answer.len() as i32;
        let result = if has_answer { i32::from_ne_bytes(answer) } else { result.min(-libc::EIO) };
        Some((call, result))
    }
}

impl Kept {
    fn entry(&mut self, has_truncate: bool) -> squeue::Entry {
        let here = types::Fd(libc::AT_FDCWD);
        match &mut *self.call {
            FileCall::Open { path, flags, mode } => {
                opcode::OpenAt::new(here, path.as_ptr()).flags(*flags).mode(*mode).build()
            }
            FileCall::Read { descriptor, offset, buffer, from } => {
                let memory = &mut buffer[*from..];
                let read =
                    opcode::Read::new(types::Fd(*descriptor), memory.as_mut_ptr(), memory.len() as u32);
                read.offset(*offset + *from as u64).build()
            }
            FileCall::Write { descriptor, offset, buffer, from, to } => {
                let memory = &buffer[*from..*to];
                let write = opcode::Write::new(types::Fd(*descriptor), memory.as_ptr(), memory.len() as u32);
                write.offset(*offset + *from as u64).build()
            }
            // The ring has no such call, and it needs no disk.
            FileCall::SetPermissions { descriptor, mode } => {
                self.aside = Some(Aside::at_once(set_permissions(*descriptor, *mode)));
                opcode::Nop::new().build()
            }
            FileCall::Sync { descriptor, data_only } => {
                let flags = if *data_only { types::FsyncFlags::DATASYNC } else { types::FsyncFlags::empty() };
                opcode::Fsync::new(types::Fd(*descriptor)).flags(flags).build()
            }
            FileCall::Truncate { descriptor, len_bytes } if has_truncate => {
                opcode::Ftruncate::new(types::Fd(*descriptor), *len_bytes).build()
            }
            FileCall::Truncate { descriptor, len_bytes } => {
                let aside = self.aside.insert(Aside::truncate(*descriptor, *len_bytes));
                match &aside.reader {
                    None => opcode::Nop::new().build(),
                    Some(reader) => {
                        let (memory, len) = (aside.answer.as_mut_ptr(), aside.answer.len() as u32);
                        opcode::Read::new(types::Fd(reader.as_raw_fd()), memory, len).build()
                    }
                }
            }
            FileCall::Size { descriptor, .. } => {
                let statx = self.statx.as_mut_ptr().cast();
                let statx = opcode::Statx::new(types::Fd(*descriptor), c"".as_ptr(), statx);
                statx.flags(libc::AT_EMPTY_PATH).mask(libc::STATX_SIZE).build()
            }
            // Closing the last descriptor of a large file that has no name frees its blocks: not in the
            // worker's turn.
            FileCall::Close { descriptor } => {
                opcode::Close::new(types::Fd(*descriptor)).build().flags(squeue::Flags::ASYNC)
            }
            FileCall::Rename { from, to } => {
                opcode::RenameAt::new(here, from.as_ptr(), here, to.as_ptr()).build()
            }
            FileCall::Remove { path } => opcode::UnlinkAt::new(here, path.as_ptr()).build(),
            FileCall::MakeDirectory { path } => {
                opcode::MkDirAt::new(here, path.as_ptr()).mode(NEW_DIRECTORY_MODE).build()
            }
        }
    }
}

impl Aside {
    /// The ring truncates since Linux 6.9. Before, a thread made for the purpose does it: it happens after a
    /// failed write and when a file is loaded whose end is torn, and may take as long as the disk does.
    fn truncate(descriptor: i32, len_bytes: u64) -> Aside {
        let begun = || -> io::Result<PipeReader> {
            // SAFETY: it is open as long as its disk has not closed it, which no request of the file
            // overtakes.
            let file = File::from(unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned()?);
            let (reader, mut writer) = io::pipe()?;
            std::thread::Builder::new().name("truncate".to_owned()).spawn(move || {
                let answer = answer_of(file.set_len(len_bytes));
                // Whoever does not read any more has gone.
                let _ = writer.write_all(&answer);
            })?;
            Ok(reader)
        };
        match begun() {
            Ok(reader) => Aside { reader: Some(reader), answer: [0; 4] },
            Err(error) => Aside::at_once(Err(error)),
        }
    }

    /// A call that has been made already.
    fn at_once(result: io::Result<()>) -> Aside {
        Aside { reader: None, answer: answer_of(result) }
    }
}

fn set_permissions(descriptor: i32, mode: u32) -> io::Result<()> {
    // SAFETY: it is open as long as its disk has not closed it, which no request of the file overtakes.
    let file = File::from(unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned()?);
    file.set_permissions(Permissions::from_mode(mode))
}

/// A result as the ring would tell it.
fn answer_of(result: io::Result<()>) -> [u8; 4] {
    let errno = result.map_or_else(|error| -error.raw_os_error().unwrap_or(libc::EIO), |()| 0);
    errno.to_ne_bytes()
}
