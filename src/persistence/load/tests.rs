//! Files of a simulated disk on their way into shards.

use std::path::Path;
use std::time::Duration;

use shards::loading::{LoadOptions, LoadStep, ShardLoad};
use shards::shard::{Shard, ShardConfig};

use super::*;
use crate::commands;
use crate::io::disk::FileCall;
use crate::io::simulated::World;
use crate::io::simulated::files::{Fault, FileChances};

const ME: Owner = Owner(7);
const PATH: &str = "/dump.rdb";
const MAGIC: &[u8] = b"REDIS0010";

/// A file of these items, with a checksum of 0, which nobody checks.
fn file(items: &[u8]) -> Vec<u8> {
    [MAGIC, items, b"\xff\0\0\0\0\0\0\0\0"].concat()
}

/// Strings of so many bytes.
fn strings(keys: usize, len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..keys {
        let key = format!("key:{number:08}");
        bytes.extend([0, key.len() as u8]);
        bytes.extend(key.as_bytes());
        bytes.push(0x80);
        bytes.extend((len as u32).to_be_bytes());
        bytes.extend(std::iter::repeat_n(b'v', len));
    }
    bytes
}

/// A node that loads, without workers.
struct Rig {
    world: World,
    load: Load,
    shards: Vec<(Shard, ShardLoad)>,
    /// Batches that a shard has not been given.
    held: Vec<(usize, Box<LoadBatch>)>,
    /// The shards take nothing.
    is_stuck: bool,
    has_told_end: bool,
}

impl Rig {
    fn new(seed: u64, shards: usize, content: &[u8]) -> Rig {
        let mut world = World::new(seed, 1);
        let disk = &mut world.machines[0].disk;
        disk.start(ME, FileRequest::Open { path: PATH.into(), mode: OpenMode::Create });
        while world.step() {}
        let disk = &mut world.machines[0].disk;
        let FileOutcome::Opened(file) = disk.next_done().unwrap().result.unwrap() else { panic!("it opens") };
        disk.start(ME, FileRequest::Write { file, offset: 0, buffer: content.to_vec() });
        disk.start(ME, FileRequest::Close { file });
        while world.step() {}
        let disk = &mut world.machines[0].disk;
        while disk.next_done().is_some() {}
        let plan = LoadPlan { path: PATH.into(), shards, databases: 16, checks: true, now_s: 0 };
        let load = Load::start(plan, ME, disk);
        let (registry, _) = commands::registry(Vec::new()).unwrap();
        let registry = Box::leak(Box::new(registry));
        let shard = |number| {
            let config = ShardConfig {
                id: ShardId(number as u16),
                databases: 16,
                hash_seeds: [1, 2, 3, 4],
                random_seed: 5,
                string_len_max: 512 << 20,
                registry,
            };
            (Shard::new(&config), ShardLoad::new(LoadOptions::default()))
        };
        let shards = (0..shards).map(shard).collect();
        Rig { world, load, shards, held: Vec::new(), is_stuck: false, has_told_end: false }
    }

    /// Goes on until it is over, or until nothing happens any more.
    fn run(&mut self) {
        loop {
            let is_moving = self.world.step();
            let disk = &mut self.world.machines[0].disk;
            while let Some(done) = disk.next_done() {
                self.load.take(done, disk);
            }
            let (count, held) = (self.shards.len(), &mut self.held);
            let owner = |slot: SlotId| ShardId((slot.index() * count / 16384) as u16);
            let progress = self.load.step(owner, |shard, batch, _| held.push((shard.index(), batch)), disk);
            self.has_told_end |= progress == Progress::Scanned;
            let has_worked = !self.is_stuck && self.put_in();
            if self.load.is_over() || (!is_moving && !has_worked && progress == Progress::Waits) {
                return;
            }
        }
    }

    fn put_in(&mut self) -> bool {
        let mut has_worked = false;
        for (number, batch) in self.held.drain(..) {
            let (shard, load) = &mut self.shards[number];
            load.push(batch);
            while let LoadStep::Done(batch) = shard.load_some(load, usize::MAX) {
                self.load.taken(ShardId(number as u16), batch);
            }
            if let Some(fault) = load.fault() {
                self.load.found(fault.clone());
            }
            has_worked = true;
        }
        if std::mem::take(&mut self.has_told_end) {
            for (_, load) in &self.shards {
                self.load.ended(load.counts().clone());
            }
            has_worked = true;
        }
        has_worked
    }

    fn keys(&self) -> usize {
        self.shards.iter().flat_map(|(shard, _)| shard.dbs()).map(|db| db.len()).sum()
    }

    fn outcome(mut self) -> Loaded {
        self.run();
        assert!(self.load.is_over());
        while self.world.step() {}
        assert_eq!(self.world.machines[0].files.open_descriptors(), 0);
        self.load.outcome()
    }

    #[track_caller]
    fn failure(self) -> String {
        let failure = self.outcome().expect_err("the file is not as it should be");
        assert_eq!(failure.path, Path::new(PATH));
        failure.lines().join("\n")
    }
}

#[test]
fn a_file_arrives_whole_whatever_the_disk_does() {
    let content = file(&[strings(20_000, 60), strings(0, 0)].concat());
    for seed in 0..12 {
        let mut rig = Rig::new(seed, 1 + seed as usize % 3, &content);
        rig.world.machines[0].files.chances =
            FileChances { short_in: 3, interrupted_in: 5, delay_max: Duration::from_millis(2) };
        rig.run();
        assert_eq!((rig.keys(), rig.load.keys()), (20_000, 20_000), "seed {seed}");
        assert_eq!(rig.load.progress(), (content.len() as u64, content.len() as u64, 0));
        assert_eq!(rig.outcome().unwrap().0.loaded, 20_000);
    }
}

#[test]
fn shards_that_take_nothing_stop_the_reading_and_the_memory() {
    let content = file(&strings(200_000, 60));
    let mut rig = Rig::new(1, 2, &content);
    rig.is_stuck = true;
    rig.run();
    let held: usize = rig.held.iter().map(|(_, batch)| batch.held_bytes()).sum();
    assert!((CREDIT_BYTES..4 * CREDIT_BYTES).contains(&held), "{held} bytes are on their way");
    let window = rig.load.window.len() + rig.load.ahead_bytes;
    assert!((AHEAD_BYTES..AHEAD_BYTES + 2 * READ_BYTES).contains(&window), "{window} bytes are read ahead");
    rig.is_stuck = false;
    assert_eq!(rig.outcome().unwrap().0.loaded, 200_000);
}

#[test]
fn a_file_that_was_read_to_its_end_before_it_was_gone_through_is_whole() {
    let mut rig = Rig::new(1, 1, &file(&strings(22_000, 60)));
    rig.is_stuck = true;
    rig.run();
    assert!(rig.load.is_at_end && rig.load.ahead.len() > 1, "the end is behind what the scanner sees");
    rig.is_stuck = false;
    assert_eq!(rig.outcome().unwrap().0.loaded, 22_000);
}

#[test]
fn an_error_of_the_disk_is_told_with_its_place() {
    let mut rig = Rig::new(1, 2, &file(&strings(20_000, 60)));
    let is_hit = |call: &FileCall| matches!(call, FileCall::Read { offset, .. } if *offset >= 500_000);
    rig.world.machines[0].files.faults.push(Fault { is_hit, errno: libc::EIO, times: 1 });
    let text = rig.failure();
    assert!(text.starts_with("Fatal error: can't read the RDB file /dump.rdb at offset 524288: "), "{text}");
}

#[test]
fn a_file_that_cannot_be_opened_is_told() {
    let mut rig = Rig::new(1, 1, b"");
    let is_hit = |call: &FileCall| matches!(call, FileCall::Open { .. });
    rig.world.machines[0].files.faults.push(Fault { is_hit, errno: libc::EACCES, times: 1 });
    let text = rig.failure();
    assert!(text.starts_with("Fatal error: can't open the RDB file /dump.rdb for reading: "), "{text}");
}

#[test]
fn a_file_that_ends_anywhere_is_told_with_its_last_key() {
    let whole = file(&strings(50, 20));
    for len in 0..whole.len() {
        let text = Rig::new(len as u64, 1, &whole[..len]).failure();
        let end = format!("Internal error in RDB reading offset {len} -> Unexpected EOF reading RDB file");
        assert!(text.contains("Short read or OOM loading DB") && text.contains(&end), "{len}: {text}");
    }
}

#[test]
fn a_length_that_the_file_does_not_have_is_not_waited_for() {
    let mut items = strings(3, 10);
    items.extend(b"\x00\x01k\x81\x00\x00\x00\xff\xff\xff\xff\xff");
    items.extend(strings(100_000, 60));
    let mut rig = Rig::new(1, 1, &file(&items));
    rig.run();
    assert!(rig.load.read_bytes <= 2 * READ_BYTES as u64, "{} bytes were read", rig.load.read_bytes);
    let text = rig.failure();
    assert!(text.contains("Unexpected EOF reading RDB file (key 'k')"), "{text}");
}

#[test]
fn of_two_faults_the_first_in_the_file_is_told() {
    // A second one is between the values, and is met first.
    let mut items = strings(10, 5);
    items.extend(b"\x10\x01h\x08\x08\0\0\0\x02\0\x81a\xff");
    items.extend(strings(0, 0));
    items.push(77);
    items.extend(b"\x01k");
    let text = Rig::new(1, 2, &file(&items)).failure();
    assert!(text.contains("integrity check failed. (key 'h' in DB 0)"), "{text}");
}

#[test]
fn what_is_wrong_is_said_in_the_words_of_redis() {
    let twice = [strings(1, 3), strings(1, 3)].concat();
    for (content, expected) in [
        (file(&twice), "RDB has duplicated key 'key:00000000' in DB 0"),
        (
            file(b"\xfe\x10"),
            "FATAL: Data file was created with a Redis server configured to handle more than 16 \
            databases. Exiting",
        ),
        (b"REDIX0010".to_vec(), "Wrong signature trying to load DB from file"),
        (b"REDIS0099".to_vec(), "Can't handle RDB format version 99"),
        (file(&[77, 1, b'k']), "-> Unknown RDB encoding type 77 (key 'k')"),
        ([MAGIC, b"\xff\x01\0\0\0\0\0\0\0"].concat(), "but got (1). Aborting now."),
    ] {
        let text = Rig::new(1, 2, &content).failure();
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_value_of_many_elements_goes_to_one_shard_in_parts() {
    let count = 200_000u32;
    let mut items = vec![1, 1, b'l', 0x80];
    items.extend(count.to_be_bytes());
    (0..count).for_each(|number| items.extend(format!("\x08{number:08}").bytes()));
    items.extend(strings(10, 10));
    let mut rig = Rig::new(1, 3, &file(&items));
    rig.run();
    assert_eq!(rig.keys(), 11);
    assert!(rig.load.window.capacity() <= WINDOW_KEPT_BYTES);
    assert_eq!(rig.outcome().unwrap().0.loaded, 11);
}

#[test]
fn a_long_string_is_waited_for_in_full_and_leaves_no_memory_behind() {
    let items = [strings(1, 9 << 20), strings(0, 0)].concat();
    let mut rig = Rig::new(1, 1, &file(&[items, b"\xfe\x01".to_vec(), strings(30_000, 60)].concat()));
    rig.run();
    assert_eq!(rig.keys(), 30_001);
    assert!(rig.load.window.capacity() <= WINDOW_KEPT_BYTES, "{}", rig.load.window.capacity());
}

#[test]
fn empty_collections_are_left_out_and_named() {
    let mut items = Vec::new();
    for number in 0..12 {
        items.extend(format!("\x01\x03k{number:02}\x00").bytes());
    }
    let (counts, _) = Rig::new(1, 2, &file(&items)).outcome().unwrap();
    assert_eq!((counts.loaded, counts.skipped, counts.skipped_names.len()), (0, 12, 10));
}

#[test]
fn libraries_of_functions_are_kept_up_to_a_bound() {
    let (_, facts) = Rig::new(1, 1, &file(b"\xf5\x03abc\xf5\x02de")).outcome().unwrap();
    assert_eq!(facts.functions, [b"abc"[..].into(), b"de"[..].into()]);
    let mut items = vec![0xf5, 0x80];
    items.extend((FUNCTIONS_BYTES_MAX as u32 + 1).to_be_bytes());
    items.extend(vec![b'x'; FUNCTIONS_BYTES_MAX + 1]);
    assert!(Rig::new(1, 1, &file(&items)).failure().contains("more than 16 MB"));
}
