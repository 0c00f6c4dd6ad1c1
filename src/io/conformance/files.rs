//! Files.

use super::*;

#[test]
fn a_file_that_was_written_synced_and_renamed_is_read_back() {
    on_both(|seat| {
        let directory = seat.stand.root().join("aof");
        assert_eq!(
            seat.outcome(FileRequest::MakeDirectory { path: directory.clone() }),
            FileOutcome::Complete
        );
        let file = seat.open("aof/temp", OpenMode::CreateNew);
        let content = bytes(1_500_000, 0);
        let written = seat.ended(write(file, 0, content.clone()));
        assert_eq!((written.moved_bytes, written.buffer == content), (content.len(), true));
        assert_eq!(written.owner, ME);
        assert_eq!(seat.outcome(FileRequest::Sync { file }), FileOutcome::Complete);
        assert_eq!(seat.outcome(FileRequest::Size { file }), FileOutcome::Size(content.len() as u64));
        let (from, to) = (directory.join("temp"), directory.join("base"));
        assert_eq!(seat.outcome(FileRequest::Rename { from: from.clone(), to }), FileOutcome::Complete);
        assert_eq!(seat.outcome(FileRequest::SyncDirectory { path: directory }), FileOutcome::Complete);
        assert_eq!(seat.outcome(FileRequest::Close { file }), FileOutcome::Complete);
        assert!(seat.content("aof/base") == content);
        assert_eq!(seat.errno(FileRequest::Remove { path: from }), libc::ENOENT);
    });
}

#[test]
fn a_read_ends_where_the_file_ends() {
    on_both(|seat| {
        let file = seat.open("a", OpenMode::Create);
        seat.outcome(write(file, 0, b"0123456789".to_vec()));
        let read = |offset, len| FileRequest::Read { file, offset, buffer: vec![9; 40], len };
        for (offset, len, expected) in
            [(0, 10, "0123456789"), (8, 10, "89"), (2, 3, "234"), (20, 5, ""), (0, 0, "")]
        {
            let done = seat.ended(read(offset, len));
            assert_eq!((done.result.unwrap(), &*done.buffer), (FileOutcome::Complete, expected.as_bytes()));
            assert_eq!(done.moved_bytes, expected.len());
        }
    });
}

#[test]
fn requests_of_one_file_are_done_in_their_order() {
    on_both(|seat| {
        let file = seat.open("a", OpenMode::Create);
        let len = 600_000;
        let ops = [
            seat.start(write(file, 0, bytes(len, 1))),
            seat.start(write(file, 10, bytes(len, 2))),
            seat.start(FileRequest::Truncate { file, len_bytes: 20 }),
            seat.start(write(file, 20, b"end".to_vec())),
            seat.start(FileRequest::Size { file }),
            seat.start(FileRequest::Close { file }),
        ];
        let last = ops[ops.len() - 1];
        seat.until("closed", |seat| seat.done.iter().any(|done| done.op == last).then_some(()));
        assert_eq!(seat.done.iter().map(|done| done.op).collect::<Vec<_>>(), ops);
        assert_eq!(seat.done[4].result.as_ref().unwrap(), &FileOutcome::Size(23));
        seat.done.clear();
        let expected = [&bytes(10, 1)[..], &bytes(10, 2), b"end"].concat();
        assert_eq!(seat.content("a"), expected);
    });
}

#[test]
fn a_sync_lets_later_writes_go_on_and_ends_before_the_file_is_closed() {
    on_both(|seat| {
        let file = seat.open("a", OpenMode::Create);
        let first = seat.start(write(file, 0, bytes(300_000, 1)));
        let sync = seat.start(FileRequest::Sync { file });
        let second = seat.start(write(file, 300_000, bytes(10, 2)));
        let close = seat.start(FileRequest::Close { file });
        seat.until("closed", |seat| seat.done.iter().any(|done| done.op == close).then_some(()));
        let at = |op| seat.done.iter().position(|done| done.op == op).unwrap();
        assert!(at(first) < at(sync) && at(first) < at(second) && at(close) == 3);
        assert!(seat.done.iter().all(|done| done.result.is_ok()));
    });
}

#[test]
fn what_cannot_be_done_says_why() {
    on_both(|seat| {
        let root = seat.stand.root();
        let open = |name: &str, mode| FileRequest::Open { path: root.join(name), mode };
        assert_eq!(seat.errno(open("none", OpenMode::Read)), libc::ENOENT);
        assert_eq!(seat.errno(open("none/a", OpenMode::Create)), libc::ENOENT);
        let file = seat.open("a", OpenMode::CreateNew);
        assert_eq!(seat.errno(open("a", OpenMode::CreateNew)), libc::EEXIST);
        let (from, to) = (root.join("none"), root.join("b"));
        assert_eq!(seat.errno(FileRequest::Rename { from, to }), libc::ENOENT);
        assert_eq!(seat.errno(FileRequest::SyncDirectory { path: root.join("none") }), libc::ENOENT);
        assert_eq!(seat.errno(FileRequest::SyncDirectory { path: root.join("a") }), libc::ENOTDIR);
        let nul = seat.ended(open("a\0b", OpenMode::Read)).result.unwrap_err();
        assert_eq!(nul.kind(), ErrorKind::InvalidInput);
        let close = seat.start(FileRequest::Close { file });
        // It is closed from the moment when that was asked for.
        let refused = seat.ended(write(file, 0, b"late".to_vec()));
        assert_eq!(refused.result.unwrap_err().raw_os_error(), Some(libc::EBADF));
        assert_eq!((&*refused.buffer, refused.moved_bytes), (&b"late"[..], 0));
        seat.end_of(close).result.unwrap();
        assert_eq!(seat.errno(FileRequest::Size { file }), libc::EBADF);
        assert_eq!(seat.errno(FileRequest::Close { file }), libc::EBADF);
        assert_eq!(seat.content("a"), b"");
    });
}

#[test]
fn every_request_ends_once_also_when_it_is_taken_back() {
    on_both(|seat| {
        let file = seat.open("a", OpenMode::Create);
        let mut ops = Vec::new();
        for step in 0..40 {
            ops.push(seat.start(write(file, step * 1000, bytes(1_000_000, step as u8))));
            ops.push(seat.start(FileRequest::Sync { file }));
            if step % 16 == 0 {
                seat.turn();
            }
        }
        ops.push(seat.start(FileRequest::Close { file }));
        for op in ops.iter().rev().step_by(2) {
            seat.stand.disk().cancel(*op);
        }
        seat.until("ended", |seat| (seat.stand.disk().pending() == 0).then_some(()));
        seat.take();
        let mut ended: Vec<_> = seat.done.iter().map(|done| done.op).collect();
        ended.sort();
        ops.sort();
        assert_eq!(ended, ops);
        let is_cancelled = |done: &&FileDone| {
            done.result.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::ECANCELED))
        };
        assert!(seat.done.iter().filter(is_cancelled).count() > 10);
        assert!(seat.done.iter().all(|done| done.result.is_ok() || is_cancelled(&done)));
        let is_whole = |done: &FileDone| done.buffer.is_empty() || done.buffer.len() == 1_000_000;
        assert!(seat.done.iter().all(is_whole));
        assert_eq!(seat.stand.disk().under_way(), 0);
    });
}

#[test]
fn more_than_the_bound_is_refused_and_taken_when_there_is_room() {
    on_both(|seat| {
        let file = seat.open("a", OpenMode::Create);
        let large = REQUESTED_BYTES_MAX - 10;
        let read = |len| FileRequest::Read { file, offset: 0, buffer: Vec::new(), len };
        let first = seat.start(read(large));
        assert!(seat.stand.disk().has_room(10) && !seat.stand.disk().has_room(11));
        assert_eq!(seat.errno(read(11)), libc::EAGAIN);
        seat.end_of(first).result.unwrap();
        // A single one may be of any size.
        seat.outcome(read(2 * REQUESTED_BYTES_MAX));
        let many: Vec<_> = (0..1030).map(|_| seat.start(FileRequest::Size { file })).collect();
        let close = seat.start(FileRequest::Close { file });
        let refused = many.iter().filter(|&&op| seat.end_of(op).result.is_err()).count();
        assert_eq!(refused, 6);
        seat.end_of(close).result.unwrap();
    });
}

#[test]
fn files_are_truncated_also_by_kernels_whose_rings_cannot() {
    let test = |seat: &mut Seat<'_>| {
        let file = seat.open("a", OpenMode::Create);
        seat.start(write(file, 0, b"0123456789".to_vec()));
        assert_eq!(seat.outcome(FileRequest::Truncate { file, len_bytes: 4 }), FileOutcome::Complete);
        assert_eq!(seat.outcome(FileRequest::Truncate { file, len_bytes: 6 }), FileOutcome::Complete);
        let read_only = seat.open("a", OpenMode::Read);
        assert_eq!(seat.errno(FileRequest::Truncate { file: read_only, len_bytes: 0 }), libc::EINVAL);
        assert_eq!(seat.content("a"), b"0123\0\0");
    };
    on_ring(test, |stand| stand.errands.files.truncates_aside = true);
    on_ring(test, |_| {});
}
