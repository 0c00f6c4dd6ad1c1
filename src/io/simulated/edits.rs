//! What faults do to a file that is changed as a whole: there is the old one or the new one, and nothing in
//! between.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use shards::random::Random;

use super::World;
use super::files::{Fault, FileChances, Unsynced};
use crate::io::Owner;
use crate::io::disk::{FileCall, FileOutcome, FileRequest, OpenMode};
use crate::io::edit::{EditPlan, FileEdit, OLD_FILE_BYTES_MAX};

const ME: Owner = Owner(1);
const OLD: &[u8] = b"the old file";
const NEW: &[u8] = b"the old file, changed as a whole";

/// A machine with the old file on its disk.
fn world(seed: u64) -> World {
    let mut world = World::new(seed, 1);
    let ended = edit(&mut world, |_| OLD.to_vec()).run(&mut world, usize::MAX);
    ended.expect("it ends").unwrap();
    let delay_max = Duration::from_millis(2);
    world.machines[0].files.chances = FileChances { short_in: 2, interrupted_in: 4, delay_max };
    world
}

struct Running(FileEdit);

fn edit(world: &mut World, change: impl FnOnce(&[u8]) -> Vec<u8> + 'static) -> Running {
    let plan = EditPlan {
        path: PathBuf::from("/conf"),
        temporary: PathBuf::from("/temporary"),
        permissions: 0o600,
        change: Box::new(change),
    };
    Running(FileEdit::start(plan, ME, &mut world.machines[0].disk))
}

fn changed(world: &mut World) -> Running {
    edit(world, |old| [old, &NEW[OLD.len()..]].concat())
}

impl Running {
    /// Goes on for so many steps at most. How the change has ended, if it has; nothing is under way then.
    fn run(&mut self, world: &mut World, steps: usize) -> Option<io::Result<()>> {
        let mut ended = None;
        for _ in 0..steps {
            let goes_on = world.step();
            let disk = &mut world.machines[0].disk;
            while let Some(done) = disk.next_done() {
                ended = ended.take().or(self.0.take(done, disk));
            }
            if !goes_on && disk.pending() == 0 {
                assert!(ended.is_some(), "nothing is under way, and no end was told");
                break;
            }
        }
        ended
    }
}

fn content(world: &World) -> Option<&[u8]> {
    world.machines[0].files.content("/conf")
}

#[test]
fn a_loss_of_power_at_any_moment_leaves_the_old_file_or_the_new_one_and_the_new_one_once_the_end_is_told() {
    let (mut old, mut new, mut told) = (0, 0, 0);
    for seed in 0..2000 {
        let mut world = world(seed);
        let steps = Random::new(seed).below(40);
        let ended = changed(&mut world).run(&mut world, steps);
        let unsynced = if seed % 2 == 0 { Unsynced::Forgotten } else { Unsynced::Torn };
        world.power_loss(0, unsynced);
        match content(&world) {
            Some(OLD) => {
                assert!(ended.is_none(), "seed {seed}: the end was told too early");
                old += 1;
            }
            Some(NEW) => new += 1,
            other => panic!("seed {seed}: {other:?}"),
        }
        told += usize::from(ended.is_some());
    }
    assert!(old > 100 && new > told && told > 100, "{old} {new} {told}");
}

#[test]
fn what_fails_leaves_the_old_file_nothing_else_and_no_open_descriptor() {
    type Hit = fn(&FileCall) -> bool;
    let hits: [(Hit, i32); 7] = [
        (|call| matches!(call, FileCall::Open { flags, .. } if flags & libc::O_CREAT == 0), libc::EACCES),
        (|call| matches!(call, FileCall::Read { .. }), libc::EIO),
        (|call| matches!(call, FileCall::Open { flags, .. } if flags & libc::O_CREAT != 0), libc::EROFS),
        (|call| matches!(call, FileCall::Write { .. }), libc::ENOSPC),
        (|call| matches!(call, FileCall::SetPermissions { .. }), libc::EPERM),
        (|call| matches!(call, FileCall::Sync { data_only: false, .. }), libc::EIO),
        (|call| matches!(call, FileCall::Rename { .. }), libc::EROFS),
    ];
    for seed in 0..50 {
        for (at, (is_hit, errno)) in hits.into_iter().enumerate() {
            let mut world = world(seed);
            world.machines[0].files.faults.push(Fault { is_hit, errno, times: 1 });
            let ended = changed(&mut world).run(&mut world, usize::MAX).expect("it ends");
            assert_eq!(ended.unwrap_err().raw_os_error(), Some(errno), "fault {at}");
            assert_eq!(content(&world), Some(OLD), "fault {at}");
            assert_eq!(world.machines[0].files.content("/temporary"), None, "fault {at}");
            assert_eq!(world.machines[0].files.open_descriptors(), 0, "fault {at}");
            changed(&mut world).run(&mut world, usize::MAX).expect("it ends").unwrap();
            assert_eq!(content(&world), Some(NEW), "fault {at}");
        }
    }
}

#[test]
fn a_full_disk_keeps_the_old_file() {
    let mut world = world(1);
    world.machines[0].files.capacity_bytes = OLD.len() + 5;
    let ended = changed(&mut world).run(&mut world, usize::MAX).expect("it ends");
    assert_eq!(ended.unwrap_err().raw_os_error(), Some(libc::ENOSPC));
    assert_eq!((content(&world), world.machines[0].files.content("/temporary")), (Some(OLD), None));
    world.power_loss(0, Unsynced::Torn);
    assert_eq!(content(&world), Some(OLD));
}

#[test]
fn a_file_that_is_too_large_is_left_as_it_is() {
    let mut world = World::new(1, 1);
    let mut ended = |request| world.ended(0, request).result.unwrap();
    let open = FileRequest::Open { path: PathBuf::from("/conf"), mode: OpenMode::Create };
    let FileOutcome::Opened(file) = ended(open) else { panic!("a file is opened by that") };
    let len_bytes = OLD_FILE_BYTES_MAX as u64 + 1;
    ended(FileRequest::Truncate { file, len_bytes });
    ended(FileRequest::Close { file });
    let ended = changed(&mut world).run(&mut world, usize::MAX).expect("it ends");
    assert_eq!(ended.unwrap_err().raw_os_error(), Some(libc::EFBIG));
    assert_eq!(content(&world).map(<[u8]>::len), Some(len_bytes as usize));
}
