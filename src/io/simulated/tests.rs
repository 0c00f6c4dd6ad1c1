//! What the simulated world does to those who live in it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::World;
use super::files::{Fault, FileChances, Unsynced};
use crate::io::Owner;
use crate::io::disk::{FileCall, FileDone, FileId, FileOutcome, FileRequest, OpenMode};
use crate::io::links::{LinkEvent, LinkId, What};

const ME: Owner = Owner(1);
const LONG: Duration = Duration::from_secs(1000);

fn ended(world: &mut World, request: FileRequest) -> FileDone {
    world.ended(0, request)
}

fn errno(world: &mut World, request: FileRequest) -> Option<i32> {
    ended(world, request).result.err().map(|error| error.raw_os_error().unwrap())
}

fn open(world: &mut World, path: &str, mode: OpenMode) -> FileId {
    match ended(world, FileRequest::Open { path: PathBuf::from(path), mode }).result.unwrap() {
        FileOutcome::Opened(file) => file,
        other => panic!("{other:?}"),
    }
}

fn write(world: &mut World, file: FileId, offset: u64, bytes: &[u8]) {
    ended(world, FileRequest::Write { file, offset, buffer: bytes.to_vec() }).result.unwrap();
}

fn sync(world: &mut World, file: FileId) {
    ended(world, FileRequest::Sync { file }).result.unwrap();
}

fn sync_directory(world: &mut World, path: &str) {
    ended(world, FileRequest::SyncDirectory { path: PathBuf::from(path) }).result.unwrap();
}

fn rename(world: &mut World, from: &str, to: &str) {
    ended(world, FileRequest::Rename { from: PathBuf::from(from), to: PathBuf::from(to) }).result.unwrap();
}

fn content<'a>(world: &'a World, path: &str) -> Option<&'a [u8]> {
    world.machines[0].files.content(path)
}

#[test]
fn a_loss_of_power_forgets_what_was_not_synced() {
    let mut world = World::new(1, 1);
    let file = open(&mut world, "/a", OpenMode::Create);
    write(&mut world, file, 0, b"synced");
    sync(&mut world, file);
    sync_directory(&mut world, "/");
    write(&mut world, file, 6, b" not");
    write(&mut world, file, 0, b"S");
    let other = open(&mut world, "/b", OpenMode::Create);
    write(&mut world, other, 0, b"b");
    sync(&mut world, other);
    assert_eq!(content(&world, "/a"), Some(&b"Synced not"[..]));
    world.power_loss(0, Unsynced::Forgotten);
    assert_eq!(content(&world, "/a"), Some(&b"synced"[..]));
    // Its bytes are on the disk, and no directory says where.
    assert_eq!(content(&world, "/b"), None);
    assert_eq!(errno(&mut world, FileRequest::Size { file }), Some(libc::EBADF));
}

#[test]
fn a_rename_holds_when_its_directory_is_synced() {
    for is_synced in [false, true] {
        let mut world = World::new(2, 1);
        for (path, bytes) in [("/dump", &b"old"[..]), ("/temp", b"new")] {
            let file = open(&mut world, path, OpenMode::Create);
            write(&mut world, file, 0, bytes);
            sync(&mut world, file);
        }
        sync_directory(&mut world, "/");
        rename(&mut world, "/temp", "/dump");
        if is_synced {
            sync_directory(&mut world, "/");
        }
        assert_eq!(content(&world, "/dump"), Some(&b"new"[..]));
        world.power_loss(0, Unsynced::Forgotten);
        let (dump, temp) = if is_synced { ("new", None) } else { ("old", Some(&b"new"[..])) };
        assert_eq!(content(&world, "/dump"), Some(dump.as_bytes()));
        assert_eq!(content(&world, "/temp"), temp);
    }
}

#[test]
fn a_rename_between_directories_needs_both_of_them_synced() {
    // Which directories are synced, and where the file is found afterwards.
    for (synced, found) in [
        (&[][..], &["/x/a"][..]),
        (&["/y"], &["/x/a", "/y/a"]),
        (&["/x"], &[]),
        (&["/x", "/y"], &["/y/a"]),
        (&["/y", "/x"], &["/y/a"]),
    ] {
        let mut world = World::new(3, 1);
        for path in ["/x", "/y"] {
            ended(&mut world, FileRequest::MakeDirectory { path: PathBuf::from(path) }).result.unwrap();
        }
        let file = open(&mut world, "/x/a", OpenMode::Create);
        write(&mut world, file, 0, b"a");
        sync(&mut world, file);
        ["/", "/x", "/y"].iter().for_each(|path| sync_directory(&mut world, path));
        rename(&mut world, "/x/a", "/y/a");
        synced.iter().for_each(|path| sync_directory(&mut world, path));
        world.power_loss(0, Unsynced::Forgotten);
        let is_found = |path: &&str| content(&world, path) == Some(&b"a"[..]);
        let found_now: Vec<_> = ["/x/a", "/y/a"].into_iter().filter(is_found).collect();
        assert_eq!(found_now, found, "{synced:?}");
    }
}

#[test]
fn what_lies_in_a_directory_that_was_not_synced_is_lost_with_it() {
    let mut world = World::new(4, 1);
    ended(&mut world, FileRequest::MakeDirectory { path: PathBuf::from("/d") }).result.unwrap();
    let file = open(&mut world, "/d/a", OpenMode::Create);
    sync(&mut world, file);
    sync_directory(&mut world, "/d");
    world.power_loss(0, Unsynced::Forgotten);
    assert_eq!(content(&world, "/d/a"), None);
}

#[test]
fn a_torn_file_keeps_what_was_synced_and_a_prefix_of_the_rest() {
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..300 {
        let mut world = World::new(seed, 1);
        let file = open(&mut world, "/a", OpenMode::Create);
        write(&mut world, file, 0, b"0123");
        sync(&mut world, file);
        sync_directory(&mut world, "/");
        write(&mut world, file, 4, b"4567");
        write(&mut world, file, 8, b"89");
        // The last one is under way when it happens.
        let buffer = b"ab".to_vec();
        world.machines[0].disk.start(ME, FileRequest::Write { file, offset: 10, buffer });
        world.power_loss(0, Unsynced::Torn);
        let kept = content(&world, "/a").unwrap();
        assert!(kept.len() >= 4 && b"0123456789ab".starts_with(kept), "seed {seed}: {kept:?}");
        lengths.insert(kept.len());
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), (4..=12).collect::<Vec<_>>());
}

#[test]
fn a_sync_covers_what_was_written_before_it_and_not_what_goes_on_beside_it() {
    let mut is_late_lost = false;
    for seed in 0..50 {
        let mut world = World::new(seed, 1);
        world.machines[0].files.chances.delay_max = Duration::from_millis(3);
        let file = open(&mut world, "/a", OpenMode::Create);
        sync_directory(&mut world, "/");
        write(&mut world, file, 0, b"before");
        let disk = &mut world.machines[0].disk;
        let sync = disk.start(ME, FileRequest::Sync { file });
        disk.start(ME, FileRequest::Write { file, offset: 6, buffer: b" beside".to_vec() });
        let mut done = Vec::new();
        while !done.iter().any(|done: &FileDone| done.op == sync) {
            world.step();
            done.extend(std::iter::from_fn(|| world.machines[0].disk.next_done()));
        }
        world.power_loss(0, Unsynced::Forgotten);
        assert_eq!(content(&world, "/a"), Some(&b"before"[..]));
        is_late_lost |= done.len() > 1;
    }
    assert!(is_late_lost, "a write was never done before the sync that it did not wait for");
}

#[test]
fn a_full_disk_takes_what_it_has_room_for_and_more_when_there_is_room_again() {
    let mut world = World::new(5, 1);
    let file = open(&mut world, "/a", OpenMode::Create);
    write(&mut world, file, 0, b"0123456789");
    world.machines[0].files.capacity_bytes = 14;
    let failed = ended(&mut world, FileRequest::Write { file, offset: 10, buffer: b"abcdefgh".to_vec() });
    assert_eq!(failed.result.unwrap_err().raw_os_error(), Some(libc::ENOSPC));
    assert_eq!((failed.moved_bytes, &*failed.buffer), (4, &b"abcdefgh"[..]));
    assert_eq!(content(&world, "/a"), Some(&b"0123456789abcd"[..]));
    // As whoever keeps a log does it: no half entry stays.
    ended(&mut world, FileRequest::Truncate { file, len_bytes: 10 }).result.unwrap();
    assert_eq!(errno(&mut world, FileRequest::Write { file, offset: 10, buffer: vec![b'x'; 4] }), None);
    world.machines[0].files.capacity_bytes = 100;
    assert_eq!(
        errno(&mut world, FileRequest::Write { file, offset: 10, buffer: b"abcdefgh".to_vec() }),
        None
    );
    assert_eq!(content(&world, "/a"), Some(&b"0123456789abcdefgh"[..]));
}

#[test]
fn short_and_interrupted_calls_are_continued() {
    for seed in 0..50 {
        let mut world = World::new(seed, 1);
        let delay_max = Duration::from_millis(1);
        world.machines[0].files.chances = FileChances { short_in: 2, interrupted_in: 3, delay_max };
        let file = open(&mut world, "/a", OpenMode::Create);
        let bytes: Vec<u8> = (0..5000).map(|at| (at % 251) as u8).collect();
        write(&mut world, file, 0, &bytes);
        let read = ended(&mut world, FileRequest::Read { file, offset: 1000, buffer: Vec::new(), len: 3000 });
        assert_eq!(read.buffer, bytes[1000..4000]);
        // One that is interrupted for ever is not begun for ever.
        world.machines[0].files.chances.interrupted_in = 1;
        assert_eq!(errno(&mut world, FileRequest::Sync { file }), Some(libc::EINTR));
    }
}

#[test]
fn a_sync_that_fails_has_lost_what_it_should_have_written_whatever_later_ones_say() {
    let mut world = World::new(6, 1);
    let file = open(&mut world, "/a", OpenMode::Create);
    sync_directory(&mut world, "/");
    write(&mut world, file, 0, b"lost");
    let is_hit = |call: &FileCall| matches!(call, FileCall::Sync { .. });
    world.machines[0].files.faults.push(Fault { is_hit, errno: libc::EIO, times: 1 });
    assert_eq!(errno(&mut world, FileRequest::Sync { file }), Some(libc::EIO));
    assert_eq!(content(&world, "/a"), Some(&b"lost"[..]));
    sync(&mut world, file);
    world.power_loss(0, Unsynced::Forgotten);
    assert_eq!(content(&world, "/a"), Some(&b""[..]));
}

#[test]
fn a_directory_is_closed_also_when_its_sync_fails() {
    let mut world = World::new(7, 1);
    let is_hit = |call: &FileCall| matches!(call, FileCall::Sync { .. });
    world.machines[0].files.faults.push(Fault { is_hit, errno: libc::EIO, times: 1 });
    let path = PathBuf::from("/");
    assert_eq!(errno(&mut world, FileRequest::SyncDirectory { path: path.clone() }), Some(libc::EIO));
    assert_eq!(world.machines[0].files.open_descriptors(), 0);
    assert_eq!(errno(&mut world, FileRequest::SyncDirectory { path }), None);
    assert_eq!(world.machines[0].files.open_descriptors(), 0);
}

#[test]
fn a_disk_that_has_become_read_only_says_so_until_it_has_not() {
    let mut world = World::new(8, 1);
    let file = open(&mut world, "/a", OpenMode::Create);
    let is_hit = |call: &FileCall| matches!(call, FileCall::Write { .. } | FileCall::Rename { .. });
    world.machines[0].files.faults.push(Fault { is_hit, errno: libc::EROFS, times: 3 });
    for _ in 0..2 {
        let failed = ended(&mut world, FileRequest::Write { file, offset: 0, buffer: b"kept".to_vec() });
        assert_eq!(failed.result.unwrap_err().raw_os_error(), Some(libc::EROFS));
        assert_eq!(failed.buffer, b"kept");
    }
    let (from, to) = (PathBuf::from("/a"), PathBuf::from("/b"));
    assert_eq!(errno(&mut world, FileRequest::Rename { from, to }), Some(libc::EROFS));
    write(&mut world, file, 0, b"kept");
}

struct Pair {
    world: World,
    ours: LinkId,
    theirs: LinkId,
    events: Vec<(usize, LinkEvent)>,
}

fn ip(world: &World, machine: usize) -> IpAddr {
    world.machines[machine].ip
}

impl Pair {
    fn new(seed: u64) -> Pair {
        let mut world = World::new(seed, 2);
        world.network.chances.delay_max = Duration::from_millis(20);
        let address = SocketAddr::new(ip(&world, 1), 6379);
        world.network.listen(address);
        let ours = world.machines[0].links.connect(ME, address, None, LONG);
        let socket = loop {
            assert!(world.step());
            if let Some(socket) = world.network.accept(address) {
                break socket;
            }
        };
        let theirs = world.machines[1].links.adopt(ME, socket);
        let mut pair = Pair { world, ours, theirs, events: Vec::new() };
        assert!(matches!(pair.next(), (0, What::Connected)));
        pair
    }

    /// What happens next on either side, if anything does before the time of a timer on the first.
    fn within(&mut self, time: Duration) -> Option<(usize, What)> {
        let timer = self.world.machines[0].timers.set(ME, self.world.now + time);
        let mut due = None;
        while self.events.is_empty() && due.is_none() {
            for (number, machine) in self.world.machines.iter_mut().enumerate() {
                let events = std::iter::from_fn(|| machine.links.next_event());
                self.events.extend(events.map(|event| (number, event)));
            }
            if self.events.is_empty() {
                assert!(self.world.step());
                due = self.world.machines[0].timers.next_due(self.world.now);
            }
        }
        self.world.machines[0].timers.cancel(timer);
        if self.events.is_empty() {
            return None;
        }
        let (machine, event) = self.events.remove(0);
        Some((machine, event.what))
    }

    fn next(&mut self) -> (usize, What) {
        self.within(LONG).expect("something happens")
    }

    fn send_from_first(&mut self, bytes: &[u8]) {
        assert!(self.world.machines[0].links.send(self.ours, bytes));
        self.world.machines[1].links.receive(self.theirs, 100);
    }
}

#[test]
fn a_split_holds_up_what_is_sent_until_it_heals() {
    for seed in 0..20 {
        let mut pair = Pair::new(seed);
        let (a, b) = (ip(&pair.world, 0), ip(&pair.world, 1));
        pair.world.network.set_split(a, b, true);
        pair.send_from_first(b"PING");
        assert!(matches!(pair.next(), (0, What::Sent)));
        assert!(pair.within(Duration::from_secs(60)).is_none());
        pair.world.network.set_split(a, b, false);
        match pair.next() {
            (1, What::Received(bytes)) => assert_eq!(bytes, b"PING"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_cut_is_told_to_both_ends() {
    let mut pair = Pair::new(1);
    let (ours, theirs) = (pair.ours, pair.theirs);
    pair.world.machines[0].links.receive(ours, 100);
    pair.world.machines[1].links.receive(theirs, 100);
    assert!(pair.within(Duration::from_secs(1)).is_none());
    let (a, b) = (ip(&pair.world, 0), ip(&pair.world, 1));
    pair.world.network.cut(a, b);
    let mut machines = Vec::new();
    for _ in 0..2 {
        match pair.next() {
            (machine, What::Failed(error)) => {
                assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET));
                machines.push(machine);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(machines, [0, 1]);
}

#[test]
fn a_machine_without_power_breaks_its_links_and_can_be_connected_to_again() {
    let mut pair = Pair::new(2);
    let ours = pair.ours;
    pair.world.machines[0].links.receive(ours, 100);
    assert!(pair.within(Duration::from_secs(1)).is_none());
    pair.world.power_loss(1, Unsynced::Forgotten);
    assert!(matches!(pair.next(), (0, What::Failed(_))));
    pair.world.machines[0].links.close(ours);
    let address = SocketAddr::new(ip(&pair.world, 1), 6379);
    let refused = pair.world.machines[0].links.connect(ME, address, None, LONG);
    match pair.next() {
        (0, What::Failed(error)) => assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED)),
        other => panic!("{other:?}"),
    }
    pair.world.machines[0].links.close(refused);
    pair.world.network.listen(address);
    pair.world.machines[0].links.connect(ME, address, None, LONG);
    assert!(matches!(pair.next(), (0, What::Connected)));
}

#[test]
fn a_sender_has_to_wait_for_a_receiver_that_does_not_receive() {
    let mut pair = Pair::new(3);
    let ours = pair.ours;
    assert!(pair.world.machines[0].links.send(ours, &[7; 200_000]));
    assert!(pair.within(Duration::from_secs(60)).is_none());
    let theirs = pair.theirs;
    let mut received = 0;
    while received < 200_000 {
        pair.world.machines[1].links.receive(theirs, 10_000);
        match pair.next() {
            (1, What::Received(bytes)) => received += bytes.len(),
            (0, What::Sent) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_same_seed_does_the_same_again() {
    let run = |seed: u64| {
        let mut pair = Pair::new(seed);
        pair.world.network.chances.short_in = 2;
        pair.send_from_first(&[1; 90]);
        let mut told = Vec::new();
        for _ in 0..3 {
            let (machine, what) = pair.next();
            told.push(format!("{:?} {machine} {what:?}", pair.world.now));
            let theirs = pair.theirs;
            pair.world.machines[1].links.receive(theirs, 100);
        }
        told
    };
    assert_eq!(run(11), run(11));
    assert_ne!(run(11), run(12));
}
