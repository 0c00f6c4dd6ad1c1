//! Files, without a thread that waits for them: requests that begin here and whose end is told later.
//!
//! What may be asked, in which order it is done, and what a request is made of: large transfers go in pieces,
//! short ones are continued, a directory is opened to be synced. The calls themselves are `FileCalls`, the
//! ring's or those of a simulation with faults; so what is simulated is what runs. This file must not know
//! what the files are for.
//!
//! **Order.** Requests of one file are done one after the other as they were asked for; only a sync lets what
//! comes behind it go on (`lane.rs`). Requests that concern names (open, rename, remove, directories) are one
//! such sequence too. Between two files, or a file and a name, there is no order: who needs one waits for the
//! end of the first.

mod call;
mod lane;
mod on_ring;
mod request;

use std::collections::VecDeque;
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use shards::spare::Trim;

pub use call::{FileCall, FileCalls};
use lane::{Class, Lane};
pub(super) use on_ring::{RingCalls, RingFiles};
pub use request::{FileDone, FileId, FileOutcome, FileRequest, OpId, OpenMode};

use super::numbered::{Number, Numbered};
use super::{Owner, io_result};

/// Calls under way at once at most. The kernel has a few threads for what cannot be done at once, and does no
/// more for more; and the completion queue has room for clients beside them.
const UNDER_WAY_MAX: usize = 64;
/// Requests that may wait or be under way. A journal, its rewrite and some snapshots have a few each.
const REQUESTS_MAX: usize = 1024;
/// Bytes of their buffers together. Who writes more has to wait for what the disk has taken; a single request
/// of any size is taken when there is no other.
pub const REQUESTED_BYTES_MAX: usize = 64 << 20;
/// Bytes of one call. What the kernel has in its cache it copies in the worker's turn: so much takes some 50
/// microseconds. And between two calls a request can be ended.
const PIECE_BYTES_MAX: usize = 256 << 10;
/// How often a call that was interrupted is begun again without having moved a byte.
const RETRIES_MAX: u8 = 16;

/// One per worker.
#[derive(Debug, Default)]
pub struct Disk {
    requests: Numbered<Pending>,
    files: Numbered<File>,
    /// The sequence of what concerns names.
    names: Lane,
    /// Requests whose next call may begin.
    ready: VecDeque<Number>,
    /// Requests whose call under way is to be ended.
    to_cancel: Vec<Number>,
    under_way: usize,
    requested_bytes: usize,
    done: VecDeque<FileDone>,
}

#[derive(Debug)]
struct File {
    descriptor: i32,
    lane: Lane,
    closing: bool,
}

/// A request that has not ended.
#[derive(Debug)]
struct Pending {
    owner: Owner,
    /// `None` is the sequence of names.
    file: Option<FileId>,
    /// The next call. While it is under way who carries it out has it.
    call: Option<Box<FileCall>>,
    /// Bytes that a read or write is to move.
    len: usize,
    moved: usize,
    directory: Option<Directory>,
    /// A close is under way: it is not ended early, or the descriptor would stay open.
    is_closing: bool,
    cancelled: bool,
    retries: u8,
}

/// How far the sync of a directory has come.
#[derive(Debug)]
enum Directory {
    Opening,
    Syncing(i32),
    /// With how the sync has ended.
    Closing(io::Result<FileOutcome>),
}

/// What follows a call.
enum Step {
    Again(Box<FileCall>),
    End(io::Result<FileOutcome>, Vec<u8>),
}

/// A request that can be made: of which file, beside what, by which call, for how many bytes.
struct Prepared {
    file: Option<FileId>,
    class: Class,
    call: FileCall,
    len: usize,
    directory: Option<Directory>,
}

impl Disk {
    /// Makes a request. A refusal is an end like any other: of `EAGAIN` if too much is asked for already, of
    /// `EBADF` if the file has been closed.
    pub fn start(&mut self, owner: Owner, request: FileRequest) -> OpId {
        let mut pending = Pending {
            owner,
            file: None,
            call: None,
            len: 0,
            moved: 0,
            directory: None,
            is_closing: false,
            cancelled: false,
            retries: 0,
        };
        let Prepared { file, class, call, len, directory } = match self.prepare(request) {
            Ok(prepared) => prepared,
            Err((error, buffer)) => {
                // A number that is of no other request, before or after.
                let number = self.requests.insert(pending);
                self.requests.remove(number);
                self.done.push_back(FileDone {
                    op: OpId(number),
                    owner,
                    result: Err(error),
                    buffer,
                    moved_bytes: 0,
                });
                return OpId(number);
            }
        };
        (pending.file, pending.call, pending.directory) = (file, Some(Box::new(call)), directory);
        pending.len = len;
        self.requested_bytes += len;
        let number = self.requests.insert(pending);
        if let Some(open) = file.and_then(|file| self.files.get_mut(file.0)) {
            open.closing = class == Class::Last;
        }
        if let Some(lane) = self.lane(file) {
            lane.push(number, class);
        }
        self.advance(file);
        OpId(number)
    }

    /// True while a request of so many bytes would be taken.
    pub fn has_room(&self, bytes: usize) -> bool {
        let fits = self.requested_bytes == 0 || self.requested_bytes + bytes <= REQUESTED_BYTES_MAX;
        fits && self.requests.len() < REQUESTS_MAX
    }

    /// Takes a request back. It ends with `ECANCELED`, unless it was too late for that. What has begun may
    /// take its time.
    pub fn cancel(&mut self, op: OpId) {
        let OpId(number) = op;
        let Some(pending) = self.requests.get_mut(number) else { return };
        // A file that is to be closed is closed, and so is a directory that was opened for its sync.
        if pending.is_closing || matches!(pending.call.as_deref(), Some(FileCall::Close { .. })) {
            return;
        }
        pending.cancelled = true;
        let (file, is_under_way) = (pending.file, pending.call.is_none());
        if is_under_way {
            self.to_cancel.push(number);
            return;
        }
        if self.lane(file).is_some_and(|lane| lane.remove(number)) {
            let call = self.requests.get_mut(number).and_then(|pending| pending.call.take());
            self.end(number, Err(cancelled()), call.map_or_else(Vec::new, |call| buffer_of(*call)));
            self.advance(file);
        }
    }

    /// True when calls can be begun, or are to be ended early.
    #[inline]
    pub fn has_queued(&self) -> bool {
        (!self.ready.is_empty() && self.under_way < UNDER_WAY_MAX) || !self.to_cancel.is_empty()
    }

    /// Requests that have not ended.
    pub fn pending(&self) -> usize {
        self.requests.len()
    }

    /// Calls that have been begun and have not come back.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// Begins what may begin.
    pub fn submit(&mut self, calls: &mut impl FileCalls) {
        for number in std::mem::take(&mut self.to_cancel) {
            if self.requests.get(number).is_some_and(|pending| pending.call.is_none() && !pending.is_closing)
            {
                calls.cancel(number.index());
            }
        }
        while self.under_way < UNDER_WAY_MAX
            && let Some(number) = self.ready.pop_front()
        {
            let pending = self.requests.get_mut(number).expect("what is ready has not ended");
            let call = pending.call.take().expect("what is ready has a call");
            if pending.cancelled && pending.directory.is_none() {
                self.end(number, Err(cancelled()), buffer_of(*call));
                continue;
            }
            pending.is_closing = matches!(*call, FileCall::Close { .. });
            self.under_way += 1;
            calls.begin(number.index(), call);
        }
    }

    /// A call has come back.
    pub fn completed(&mut self, index: u32, call: Box<FileCall>, result: i32) {
        self.under_way -= 1;
        let number =
            self.requests.number_at(index).expect("a request has not ended while its call is under way");
        let pending = self.requests.get_mut(number).expect("this is its number");
        let is_open = matches!(*call, FileCall::Open { .. }) && pending.directory.is_none();
        let closed = pending.file.filter(|_| matches!(*call, FileCall::Close { .. }));
        match pending.step(call, result) {
            Step::Again(call) => {
                pending.call = Some(call);
                self.ready.push_back(number);
            }
            Step::End(Ok(_), _) if is_open => {
                let file = File { descriptor: result, lane: Lane::default(), closing: false };
                let file = FileId(self.files.insert(file));
                self.end(number, Ok(FileOutcome::Opened(file)), Vec::new());
            }
            Step::End(result, buffer) => {
                self.end(number, result, buffer);
                // Its number is gone after any attempt: Linux has closed it also when it tells of an error.
                closed.and_then(|file| self.files.remove(file.0));
            }
        }
    }

    /// True when a request has ended and has not been taken, or calls can be begun.
    #[inline]
    pub fn has_news(&self) -> bool {
        !self.done.is_empty() || self.has_queued()
    }

    /// Takes the end of a request, in the order in which they came.
    pub fn next_done(&mut self) -> Option<FileDone> {
        self.done.pop_front()
    }

    /// Gives back memory that an unusual number of requests has needed.
    pub fn trim(&mut self) {
        self.requests.trim();
        self.files.trim();
        self.ready.trim();
        self.done.trim();
    }

    fn prepare(&self, request: FileRequest) -> Result<Prepared, (io::Error, Vec<u8>)> {
        let bytes = match &request {
            FileRequest::Read { len, .. } => *len,
            FileRequest::Write { buffer, .. } => buffer.len(),
            _ => 0,
        };
        // What gives something back is taken always.
        if !self.has_room(bytes) && !matches!(request, FileRequest::Close { .. }) {
            return Err((io::Error::from_raw_os_error(libc::EAGAIN), request.into_buffer()));
        }
        match self.prepared(&request, bytes) {
            Ok(mut prepared) => {
                if let FileCall::Read { buffer, .. } | FileCall::Write { buffer, .. } = &mut prepared.call {
                    let read_bytes = prepared.len.min(PIECE_BYTES_MAX);
                    let is_read = matches!(request, FileRequest::Read { .. });
                    *buffer = request.into_buffer();
                    if is_read {
                        buffer.clear();
                        buffer.resize(read_bytes, 0);
                    }
                }
                Ok(prepared)
            }
            Err(error) => Err((error, request.into_buffer())),
        }
    }

    /// The call of a request, without its buffer.
    fn prepared(&self, request: &FileRequest, len: usize) -> io::Result<Prepared> {
        let (file, class, call) = match request {
            FileRequest::Open { path, mode } => {
                let (flags, mode) = (mode.flags(), mode.permissions());
                (None, Class::Ordinary, FileCall::Open { path: c_path(path)?, flags, mode })
            }
            &FileRequest::Read { file, offset, .. } => {
                let descriptor = self.descriptor(file)?;
                (
                    Some(file),
                    Class::Ordinary,
                    FileCall::Read { descriptor, offset, buffer: Vec::new(), from: 0 },
                )
            }
            &FileRequest::Write { file, offset, .. } => {
                let (descriptor, buffer, to) = (self.descriptor(file)?, Vec::new(), len.min(PIECE_BYTES_MAX));
                (Some(file), Class::Ordinary, FileCall::Write { descriptor, offset, buffer, from: 0, to })
            }
            &FileRequest::Sync { file } => {
                let descriptor = self.descriptor(file)?;
                (Some(file), Class::Sync, FileCall::Sync { descriptor, data_only: true })
            }
            &FileRequest::SyncWhole { file } => {
                let descriptor = self.descriptor(file)?;
                (Some(file), Class::Sync, FileCall::Sync { descriptor, data_only: false })
            }
            &FileRequest::SetPermissions { file, mode } => {
                let descriptor = self.descriptor(file)?;
                (Some(file), Class::Ordinary, FileCall::SetPermissions { descriptor, mode })
            }
            &FileRequest::Truncate { file, len_bytes } => {
                let descriptor = self.descriptor(file)?;
                (Some(file), Class::Ordinary, FileCall::Truncate { descriptor, len_bytes })
            }
            &FileRequest::Size { file } => {
                let descriptor = self.descriptor(file)?;
                (Some(file), Class::Ordinary, FileCall::Size { descriptor, len_bytes: 0 })
            }
            &FileRequest::Close { file } => {
                (Some(file), Class::Last, FileCall::Close { descriptor: self.descriptor(file)? })
            }
            FileRequest::Rename { from, to } => {
                (None, Class::Ordinary, FileCall::Rename { from: c_path(from)?, to: c_path(to)? })
            }
            FileRequest::Remove { path } => (None, Class::Ordinary, FileCall::Remove { path: c_path(path)? }),
            FileRequest::MakeDirectory { path } => {
                (None, Class::Ordinary, FileCall::MakeDirectory { path: c_path(path)? })
            }
            FileRequest::SyncDirectory { path } => {
                let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
                (None, Class::Ordinary, FileCall::Open { path: c_path(path)?, flags, mode: 0 })
            }
        };
        let directory = matches!(request, FileRequest::SyncDirectory { .. }).then_some(Directory::Opening);
        Ok(Prepared { file, class, call, len, directory })
    }

    fn descriptor(&self, file: FileId) -> io::Result<i32> {
        let open = self.files.get(file.0).filter(|file| !file.closing);
        open.map(|file| file.descriptor).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))
    }

    fn lane(&mut self, file: Option<FileId>) -> Option<&mut Lane> {
        match file {
            None => Some(&mut self.names),
            Some(file) => self.files.get_mut(file.0).map(|file| &mut file.lane),
        }
    }

    /// What may begin in a sequence is ready.
    fn advance(&mut self, file: Option<FileId>) {
        while let Some(number) = self.lane(file).and_then(Lane::next) {
            self.ready.push_back(number);
        }
    }

    fn end(&mut self, number: Number, result: io::Result<FileOutcome>, buffer: Vec<u8>) {
        let pending = self.requests.remove(number).expect("it has not ended");
        self.requested_bytes -= pending.len;
        let (op, owner, moved_bytes) = (OpId(number), pending.owner, pending.moved);
        self.done.push_back(FileDone { op, owner, result, buffer, moved_bytes });
        if let Some(lane) = self.lane(pending.file) {
            lane.ended(number);
        }
        self.advance(pending.file);
    }
}

impl Pending {
    /// What follows a call with this result.
    fn step(&mut self, mut call: Box<FileCall>, result: i32) -> Step {
        // Linux has closed a descriptor also when it says that it was interrupted.
        let is_close = matches!(*call, FileCall::Close { .. });
        let is_interrupted = [-libc::EINTR, -libc::EAGAIN].contains(&result);
        if is_interrupted && !is_close && self.retries < RETRIES_MAX && !self.cancelled {
            self.retries += 1;
            return Step::Again(call);
        }
        // What is taken back is interrupted if the kernel has begun it: it has done nothing then.
        let is_taken_back = is_interrupted && !is_close && self.cancelled;
        let result = if is_taken_back { -libc::ECANCELED } else { result };
        if self.directory.is_some() {
            return self.step_directory(&call, result);
        }
        let result = io_result(result);
        let (len, cancelled_early) = (self.len, self.cancelled);
        match (&mut *call, result) {
            (FileCall::Write { from, to, .. }, Ok(bytes)) => {
                self.moved += bytes;
                (*from, *to) = (self.moved, len.min(self.moved + PIECE_BYTES_MAX));
                self.retries = 0;
                if self.moved == len {
                    return Step::End(Ok(FileOutcome::Complete), buffer_of(*call));
                }
                if bytes == 0 {
                    return Step::End(Err(io::ErrorKind::WriteZero.into()), buffer_of(*call));
                }
            }
            (FileCall::Read { buffer, from, .. }, Ok(bytes)) => {
                self.moved += bytes;
                *from = self.moved;
                self.retries = 0;
                if bytes == 0 || self.moved == len {
                    buffer.truncate(self.moved);
                    return Step::End(Ok(FileOutcome::Complete), buffer_of(*call));
                }
                buffer.resize(len.min(self.moved + PIECE_BYTES_MAX), 0);
            }
            (FileCall::Size { len_bytes, .. }, Ok(_)) => {
                return Step::End(Ok(FileOutcome::Size(*len_bytes)), Vec::new());
            }
            (_, Ok(_)) => return Step::End(Ok(FileOutcome::Complete), Vec::new()),
            (FileCall::Read { buffer, .. }, Err(error)) => {
                buffer.truncate(self.moved);
                return Step::End(Err(error), buffer_of(*call));
            }
            (_, Err(error)) => return Step::End(Err(error), buffer_of(*call)),
        }
        if cancelled_early {
            if let FileCall::Read { buffer, .. } = &mut *call {
                buffer.truncate(self.moved);
            }
            return Step::End(Err(cancelled()), buffer_of(*call));
        }
        Step::Again(call)
    }

    /// The same in the sync of a directory, whose descriptor is closed whatever happens.
    fn step_directory(&mut self, call: &FileCall, result: i32) -> Step {
        let state = self.directory.take();
        let (next, state) = match (state, io_result(result)) {
            (Some(Directory::Opening), Ok(descriptor)) => {
                let descriptor = descriptor as i32;
                (FileCall::Sync { descriptor, data_only: false }, Directory::Syncing(descriptor))
            }
            (Some(Directory::Syncing(descriptor)), result) => {
                (FileCall::Close { descriptor }, Directory::Closing(result.map(|_| FileOutcome::Complete)))
            }
            (Some(Directory::Closing(synced)), _) => return Step::End(synced, Vec::new()),
            (_, Err(error)) => return Step::End(Err(error), Vec::new()),
            (None, Ok(_)) => unreachable!("{call:?} is of a directory"),
        };
        self.directory = Some(state);
        Step::Again(Box::new(next))
    }
}

fn buffer_of(call: FileCall) -> Vec<u8> {
    match call {
        FileCall::Read { buffer, .. } | FileCall::Write { buffer, .. } => buffer,
        _ => Vec::new(),
    }
}

fn cancelled() -> io::Error {
    io::Error::from_raw_os_error(libc::ECANCELED)
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const ME: Owner = Owner(1);

    /// Calls that come back when a test says so.
    #[derive(Default)]
    struct Held(VecDeque<(u32, Box<FileCall>)>);

    impl FileCalls for Held {
        fn begin(&mut self, index: u32, call: Box<FileCall>) {
            self.0.push_back((index, call));
        }

        fn cancel(&mut self, _: u32) {}
    }

    impl Held {
        fn complete(&mut self, disk: &mut Disk, result: i32) {
            let (index, call) = self.0.pop_front().expect("a call is under way");
            disk.completed(index, call, result);
            disk.submit(self);
        }
    }

    #[test]
    fn a_disk_with_as_many_calls_as_it_may_have_asks_for_no_turn_and_begins_the_rest_later() {
        let (mut disk, mut calls) = (Disk::default(), Held::default());
        let mut files = Vec::new();
        for descriptor in 0..UNDER_WAY_MAX as i32 + 2 {
            disk.start(ME, FileRequest::Open { path: PathBuf::from("a"), mode: OpenMode::Create });
            disk.submit(&mut calls);
            calls.complete(&mut disk, descriptor);
            match disk.next_done().unwrap().result.unwrap() {
                FileOutcome::Opened(file) => files.push(file),
                other => panic!("{other:?}"),
            }
        }
        for &file in &files {
            disk.start(ME, FileRequest::Sync { file });
        }
        assert!(disk.has_queued());
        disk.submit(&mut calls);
        assert_eq!((disk.under_way(), disk.pending()), (UNDER_WAY_MAX, files.len()));
        assert!(!disk.has_news(), "a worker that asks would never sleep");
        while disk.under_way() > 0 {
            calls.complete(&mut disk, 0);
        }
        assert_eq!(std::iter::from_fn(|| disk.next_done()).count(), files.len());
    }

    #[test]
    fn a_request_that_was_taken_back_and_is_interrupted_ends_as_one_that_was_taken_back() {
        let path = PathBuf::from("a");
        let requests = |file| {
            [
                FileRequest::Write { file, offset: 0, buffer: b"some".to_vec() },
                FileRequest::Read { file, offset: 0, buffer: Vec::new(), len: 4 },
                FileRequest::Sync { file },
                FileRequest::Rename { from: path.clone(), to: path.clone() },
                FileRequest::SyncDirectory { path: path.clone() },
            ]
        };
        for errno in [libc::EINTR, libc::EAGAIN] {
            for at in 0..5 {
                let (mut disk, mut calls) = (Disk::default(), Held::default());
                disk.start(ME, FileRequest::Open { path: path.clone(), mode: OpenMode::Create });
                disk.submit(&mut calls);
                calls.complete(&mut disk, 3);
                let FileOutcome::Opened(file) = disk.next_done().unwrap().result.unwrap() else { panic!() };
                let op = disk.start(ME, requests(file).into_iter().nth(at).unwrap());
                disk.submit(&mut calls);
                disk.cancel(op);
                calls.complete(&mut disk, -errno);
                let done = disk.next_done().unwrap();
                assert_eq!(done.result.unwrap_err().raw_os_error(), Some(libc::ECANCELED), "request {at}");
                assert_eq!(disk.pending(), 0);
            }
        }
    }

    #[test]
    fn a_large_write_goes_in_pieces_and_a_short_one_is_continued() {
        let (mut disk, mut calls) = (Disk::default(), Held::default());
        disk.start(ME, FileRequest::Open { path: PathBuf::from("a"), mode: OpenMode::Create });
        disk.submit(&mut calls);
        calls.complete(&mut disk, 3);
        let FileOutcome::Opened(file) = disk.next_done().unwrap().result.unwrap() else { panic!() };
        let buffer = vec![7; PIECE_BYTES_MAX + 100];
        disk.start(ME, FileRequest::Write { file, offset: 50, buffer });
        disk.submit(&mut calls);
        let pieces = [(0, PIECE_BYTES_MAX), (PIECE_BYTES_MAX - 1, PIECE_BYTES_MAX + 100)];
        for ((from, to), moved) in pieces.into_iter().zip([PIECE_BYTES_MAX as i32 - 1, 101]) {
            match &*calls.0[0].1 {
                FileCall::Write { descriptor: 3, offset: 50, from: f, to: t, .. } => {
                    assert_eq!((*f, *t), (from, to));
                }
                other => panic!("{other:?}"),
            }
            calls.complete(&mut disk, moved);
        }
        let done = disk.next_done().unwrap();
        assert_eq!((done.result.unwrap(), done.moved_bytes), (FileOutcome::Complete, PIECE_BYTES_MAX + 100));
    }
}
