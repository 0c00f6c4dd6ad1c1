//! What faults of a disk and losses of power do to a save: the file before it is there or the new one, whole,
//! and the new one once the end is told.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use shards::commands::snapshot::FileForm;
use shards::random::Random;
use shards::rdb::error::RdbError;
use shards::rdb::scan::{Checksum, Scanned, Scanner};
use shards::slot::ShardId;
use shards::snapshot::{SnapshotId, SnapshotPiece};

use super::{FileFacts, Save, SaveError, SavePlan, Saved};
use crate::io::Owner;
use crate::io::disk::FileCall;
use crate::io::simulated::World;
use crate::io::simulated::files::{Fault, FileChances, Unsynced};
use crate::persistence::hop::SnapshotHop;
use crate::persistence::rdb_file::RdbFilePlan;

const ME: Owner = Owner(3);
const PATH: &str = "/dump.rdb";
const TEMPORARY: &str = "/temp-7.rdb";
const WORKERS: usize = 3;

/// How a save ends.
type Ended = Result<Saved, SaveError>;

/// Workers that have keys, and the save that gets them.
struct Scene {
    save: Save,
    random: Random,
    /// Keys that each worker has still to send, and how many it has sent.
    left: [u32; WORKERS],
    sent: [u32; WORKERS],
    /// Each worker's last piece ends inside of a value, of which this is the rest.
    open: [Option<Vec<u8>>; WORKERS],
    has_told: [bool; WORKERS],
    is_ending: [bool; WORKERS],
    given_up: bool,
    keys: u32,
    is_cut: bool,
}

/// A key as a string: its type, its name, its value.
fn record(worker: usize, number: u32) -> Vec<u8> {
    let name = format!("{worker}:{number}");
    let mut bytes = vec![0xfe, 0, 0, name.len() as u8];
    bytes.extend(name.bytes());
    bytes.extend([5, b'v', b'a', b'l', b'u', b'e']);
    bytes
}

impl Scene {
    fn new(world: &mut World, seed: u64, keys: u32) -> Scene {
        let plan = SavePlan {
            file: RdbFilePlan {
                path: PathBuf::from(PATH),
                temporary: PathBuf::from(TEMPORARY),
                has_checksum: true,
                syncs_between: true,
            },
            form: FileForm::Oldest,
            facts: FileFacts { aux: vec![("redis-ver", "7.2.4".to_owned())], ..FileFacts::default() },
            refuses_loss: false,
        };
        let id = SnapshotId::all().next().expect("there is a first one");
        let disk = &mut world.machines[0].disk;
        Scene {
            save: Save::start(id, plan, WORKERS, ME, disk, Instant::now()),
            random: Random::new(seed),
            left: [keys; WORKERS],
            sent: [0; WORKERS],
            open: Default::default(),
            has_told: [false; WORKERS],
            is_ending: [false; WORKERS],
            given_up: false,
            keys,
            is_cut: false,
        }
    }

    /// One worker does what is next.
    fn act(&mut self, world: &mut World) {
        let disk = &mut world.machines[0].disk;
        if !self.is_cut {
            self.is_cut = true;
            let of_worker = format!(":{}\r\n:0\r\n:5\r\n", self.keys);
            return self.save.cut(format!("*9\r\n{}", of_worker.repeat(WORKERS)).as_bytes(), disk);
        }
        let worker = self.random.below(WORKERS);
        let id = self.save.id();
        let mut piece = SnapshotPiece { is_whole: true, ..SnapshotPiece::default() };
        if let Some(rest) = self.open[worker].take() {
            piece.bytes = rest;
            piece.keys = 1;
        } else if self.left[worker] > 0 {
            self.left[worker] -= 1;
            self.sent[worker] += 1;
            piece.bytes = record(worker, self.sent[worker]);
            if self.random.one_in(3) {
                self.open[worker] = Some(piece.bytes.split_off(6));
                piece.is_whole = false;
            } else {
                piece.keys = 1;
            }
        }
        if self.given_up {
            piece.bytes.clear();
            piece.is_whole = true;
        }
        let has_walked = self.left[worker] == 0 && self.open[worker].is_none();
        let from = ShardId(worker as u16);
        if has_walked && self.is_ending[worker] {
            self.is_ending[worker] = false;
            self.save.take_hop(from, SnapshotHop::Ended { id, piece, changes: 5 }, disk);
        } else if !piece.bytes.is_empty() || piece.keys > 0 || (has_walked && !self.has_told[worker]) {
            self.has_told[worker] |= has_walked;
            self.save.take_hop(from, SnapshotHop::Piece { id, piece, has_walked }, disk);
        }
        for (to, hop) in std::mem::take(&mut self.save.out) {
            match hop {
                SnapshotHop::End { .. } => self.is_ending[to.index()] = true,
                SnapshotHop::GiveUp { .. } => self.given_up = true,
                _ => {}
            }
        }
    }

    /// Goes on for so many steps at most. How the save has ended, if it has.
    fn run(&mut self, world: &mut World, steps: usize) -> Option<Ended> {
        for _ in 0..steps {
            if self.random.one_in(2) {
                self.act(world);
            } else {
                world.step();
            }
            let disk = &mut world.machines[0].disk;
            while let Some(done) = disk.next_done() {
                self.save.take_done(done, disk);
            }
            if let Some(ended) = self.save.take_end() {
                return Some(ended);
            }
        }
        None
    }
}

const OLD_KEYS: u32 = 2;
const NEW_KEYS: u32 = 40;

/// A machine with a file of a save before.
fn world(seed: u64) -> World {
    let mut world = World::new(seed, 1);
    Scene::new(&mut world, seed, OLD_KEYS).run(&mut world, 100_000).expect("it ends").expect("nothing fails");
    let delay_max = Duration::from_millis(2);
    world.machines[0].files.chances = FileChances { short_in: 3, interrupted_in: 5, delay_max };
    world
}

/// How many keys the file has, which must be whole.
fn keys_in_file(world: &World) -> u32 {
    let bytes = world.machines[0].files.content(PATH).expect("there is always a file");
    let (mut scanner, mut at, mut keys) = (Scanner::new(true), 0, 0);
    loop {
        let (passed, scanned) = match scanner.next(&bytes[at..]) {
            Ok(found) => found,
            Err(RdbError::Incomplete { .. }) => panic!("the file is cut short at {at} of {}", bytes.len()),
            Err(error) => panic!("the file is damaged: {error:?}"),
        };
        at += passed;
        match scanned {
            Scanned::Key(_) => keys += 1,
            Scanned::End(checksum) => {
                assert_eq!((checksum, at), (Checksum::Right, bytes.len()));
                return keys;
            }
            _ => {}
        }
    }
}

#[test]
fn pieces_of_all_workers_become_one_file_with_all_keys() {
    for seed in 0..100 {
        let mut world = world(seed);
        let ended = Scene::new(&mut world, seed, NEW_KEYS).run(&mut world, 100_000).expect("it ends");
        let saved = ended.expect("nothing fails");
        assert_eq!((saved.keys, saved.changes, saved.changes_behind), (3 * u64::from(NEW_KEYS), 15, 0));
        assert_eq!(keys_in_file(&world), 3 * NEW_KEYS);
        assert!(world.machines[0].files.content(TEMPORARY).is_none());
        assert_eq!(world.machines[0].files.open_descriptors(), 0);
    }
}

#[test]
fn a_loss_of_power_leaves_the_file_before_or_the_new_one_and_the_new_one_once_the_end_is_told() {
    let (mut old, mut new, mut told) = (0, 0, 0);
    for seed in 0..600 {
        let mut world = world(seed);
        let steps = Random::new(seed).below(1500);
        let ended = Scene::new(&mut world, seed, NEW_KEYS).run(&mut world, steps);
        let unsynced = if seed % 2 == 0 { Unsynced::Forgotten } else { Unsynced::Torn };
        world.power_loss(0, unsynced);
        match keys_in_file(&world) / 3 {
            OLD_KEYS => {
                assert!(ended.is_none(), "seed {seed}: the end was told too early");
                old += 1;
            }
            NEW_KEYS => new += 1,
            keys => panic!("seed {seed}: {keys} keys of each worker"),
        }
        told += usize::from(ended.is_some());
    }
    assert!(old > 50 && new >= told && told > 50, "{old} {new} {told}");
}

#[test]
fn what_fails_leaves_the_file_before_and_nothing_else() {
    type Hit = fn(&FileCall) -> bool;
    let hits: [(Hit, i32); 5] = [
        (|call| matches!(call, FileCall::Open { flags, .. } if flags & libc::O_CREAT != 0), libc::EROFS),
        (|call| matches!(call, FileCall::Write { .. }), libc::EIO),
        (|call| matches!(call, FileCall::Sync { data_only: false, .. }), libc::EIO),
        (|call| matches!(call, FileCall::Close { .. }), libc::EIO),
        (|call| matches!(call, FileCall::Rename { .. }), libc::EISDIR),
    ];
    for seed in 0..40 {
        for (at, (is_hit, errno)) in hits.into_iter().enumerate() {
            let mut world = world(seed);
            world.machines[0].files.faults.push(Fault { is_hit, errno, times: 1 });
            let ended = Scene::new(&mut world, seed, NEW_KEYS).run(&mut world, 100_000).expect("it ends");
            match ended {
                Err(SaveError::Disk(error)) => assert_eq!(error.raw_os_error(), Some(errno), "fault {at}"),
                other => panic!("fault {at}: {other:?}"),
            }
            assert_eq!(keys_in_file(&world), 3 * OLD_KEYS, "fault {at}");
            assert!(world.machines[0].files.content(TEMPORARY).is_none(), "fault {at}");
            let again = Scene::new(&mut world, seed, NEW_KEYS).run(&mut world, 100_000).expect("it ends");
            assert!(again.is_ok() && keys_in_file(&world) == 3 * NEW_KEYS, "fault {at}");
        }
    }
}

#[test]
fn a_full_disk_keeps_the_file_before() {
    for seed in 0..40 {
        let mut world = world(seed);
        let files = &mut world.machines[0].files;
        files.capacity_bytes = files.content(PATH).expect("there is one").len() + 300;
        let ended = Scene::new(&mut world, seed, NEW_KEYS).run(&mut world, 100_000).expect("it ends");
        match ended {
            Err(SaveError::Disk(error)) => assert_eq!(error.kind(), ErrorKind::StorageFull),
            other => panic!("{other:?}"),
        }
        assert_eq!(keys_in_file(&world), 3 * OLD_KEYS);
    }
}

#[test]
fn a_save_that_is_given_up_or_lacks_a_key_becomes_no_file() {
    for seed in 0..40 {
        let mut world = world(seed);
        let mut scene = Scene::new(&mut world, seed, NEW_KEYS);
        assert!(scene.run(&mut world, 100).is_none());
        scene.save.give_up("nobody wants it", &mut world.machines[0].disk);
        let ended = scene.run(&mut world, 100_000).expect("it ends");
        assert!(matches!(ended, Err(SaveError::GivenUp(_))), "{ended:?}");
        let mut scene = Scene::new(&mut world, seed, NEW_KEYS);
        scene.left[1] -= 1;
        let ended = scene.run(&mut world, 100_000).expect("it ends");
        assert!(matches!(ended, Err(SaveError::Defect(_))), "{ended:?}");
        assert_eq!(keys_in_file(&world), 3 * OLD_KEYS);
    }
}
