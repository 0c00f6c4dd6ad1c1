//! Files that are changed as a whole.

use super::*;
use crate::io::edit::{EditPlan, FileEdit};

/// Changes a file of the root to its old content and more. Returns how it has ended.
fn edit(seat: &mut Seat<'_>, name: &str, more: &'static [u8]) -> std::io::Result<()> {
    let root = seat.stand.root();
    let plan = EditPlan {
        path: root.join(name),
        temporary: root.join("temporary"),
        permissions: 0o640,
        change: Box::new(move |old| [old, more].concat()),
    };
    let mut edit = FileEdit::start(plan, ME, seat.stand.disk());
    let mut ended = None;
    seat.until("ended", |seat| {
        for done in std::mem::take(&mut seat.done) {
            ended = ended.take().or(edit.take(done, seat.stand.disk()));
        }
        (ended.is_some() && seat.stand.disk().pending() == 0).then_some(())
    });
    ended.expect("it has ended")
}

#[test]
fn a_file_is_made_and_then_changed_and_nothing_else_is_left() {
    on_both(|seat| {
        edit(seat, "a", b"one").unwrap();
        edit(seat, "a", b" two").unwrap();
        assert_eq!(seat.content("a"), b"one two");
        let temporary = seat.stand.root().join("temporary");
        assert_eq!(seat.errno(FileRequest::Remove { path: temporary }), libc::ENOENT);
    });
}

#[test]
fn a_file_of_several_reads_is_whole() {
    on_both(|seat| {
        for len in [64 << 10, 150_000] {
            let file = seat.open("a", OpenMode::Replace);
            seat.outcome(write(file, 0, bytes(len, 3)));
            seat.outcome(FileRequest::Close { file });
            edit(seat, "a", b"end").unwrap();
            assert!(seat.content("a") == [&bytes(len, 3)[..], b"end"].concat());
        }
    });
}

#[test]
fn a_file_that_cannot_be_changed_says_why() {
    on_both(|seat| {
        let missing = edit(seat, "none/a", b"x").unwrap_err();
        assert_eq!(missing.raw_os_error(), Some(libc::ENOENT));
        edit(seat, "a", b"one").unwrap();
        let file = seat.open("temporary", OpenMode::CreateNew);
        seat.outcome(FileRequest::Close { file });
        let taken = edit(seat, "a", b" two").unwrap_err();
        assert_eq!((taken.raw_os_error(), seat.content("a")), (Some(libc::EEXIST), b"one".to_vec()));
        let path = seat.stand.root().join("d");
        seat.outcome(FileRequest::MakeDirectory { path });
        assert!(edit(seat, "d", b"x").is_err());
    });
}
