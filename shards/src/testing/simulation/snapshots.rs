//! Snapshots while everything else happens: each holds what was there at its cut, all of it and nothing else.
//!
//! A cut is a command on all workers. Here it notes what its shard has at that moment, before anything is
//! written, so that what comes out by and by can be held against it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use super::effects::write_script;
use super::{Churn, Scene, for_each_seed, text};
use crate::args::{Args, OwnedArgs};
use crate::command::{Arity, CommandSpec, DataCommand, ResponsePolicy};
use crate::ctx::Ctx;
use crate::entry::EntryRef;
use crate::error::CommandError;
use crate::key::DbIndex;
use crate::num;
use crate::slot::ShardId;
use crate::snapshot::{SnapshotId, SnapshotWriter, Usage};
use crate::testing::node::Events;

/// What keys were there at a cut: for each, a line that says all of it.
type Keys = BTreeMap<(usize, String), String>;

/// What was there at the cuts of one simulation, by number; the handler of a command knows no simulation, so
/// it is found by the number that the command bears.
static CUTS: Mutex<BTreeMap<u64, Keys>> = Mutex::new(BTreeMap::new());

/// CUT snapshot number: begins a snapshot.
static CUT: DataCommand = DataCommand::new(
    |ctx, args| cut(ctx, args),
    CommandSpec {
        name: "cut",
        arity: Arity::Exactly(3),
        on_all_shards: true,
        on_all_workers: true,
        response_policy: Some(ResponsePolicy::AggSum),
        ..CommandSpec::BASE
    },
);

fn cut(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let number = |at| num::parse_i64(args.get(at)).expect("a number") as u64;
    let mut cuts = CUTS.lock().expect("no holder of the lock panics");
    let keys = cuts.entry(number(2)).or_default();
    for (db, tables) in ctx.keys.dbs().iter().enumerate() {
        for entry in tables.entries() {
            let is_first = keys.insert((db, text(entry.key())), told(entry)).is_none();
            assert!(is_first, "two shards have a key at one cut");
        }
    }
    let id = SnapshotId::new(number(1) as u8).expect("a snapshot's number");
    let count = ctx.keys.begin_snapshot(id, Box::new(Lines::default()));
    ctx.reply.int(count as i64);
    Ok(())
}

/// All that is kept of an entry, but for its use.
fn told(entry: EntryRef<'_>) -> String {
    let mut text = itoa::Buffer::new();
    format!("{} {:?}", entry.string().bytes(&mut text).escape_ascii(), entry.expire_ms())
}

/// Writes a line for each key. One that is big is told in three pieces.
#[derive(Default)]
struct Lines {
    pieces: usize,
}

impl SnapshotWriter for Lines {
    fn select(&mut self, db: DbIndex, out: &mut Vec<u8>) {
        out.extend(format!("db {}\n", db.index()).bytes());
    }

    fn write(&mut self, entry: EntryRef<'_>, _: Usage, out: &mut Vec<u8>) {
        out.extend(format!("{} {}\n", text(entry.key()), told(entry)).bytes());
    }

    fn begin(&mut self, entry: EntryRef<'_>, _: Usage, out: &mut Vec<u8>) {
        self.pieces = 3;
        out.extend(format!("{} ", text(entry.key())).bytes());
    }

    fn go_on(&mut self, entry: EntryRef<'_>, out: &mut Vec<u8>) -> bool {
        let (all, piece) = (told(entry) + "\n", 3 - self.pieces);
        self.pieces -= 1;
        let len = all.len();
        out.extend(&all.as_bytes()[len * piece / 3..len * (piece + 1) / 3]);
        self.pieces == 0
    }

    fn left_out(&self) -> u64 {
        0
    }
}

/// What has been written.
fn read(parts: &[Vec<u8>]) -> Keys {
    let mut keys = Keys::new();
    for part in parts {
        let mut db = usize::MAX;
        for line in text(part).lines() {
            let (word, rest) = line.split_once(' ').expect("a line has two words");
            if word == "db" {
                db = rest.parse().expect("a database's number");
            } else {
                let is_first = keys.insert((db, word.to_owned()), rest.to_owned()).is_none();
                assert!(is_first, "{word} of database {db} is written twice");
            }
        }
    }
    keys
}

/// One client that begins snapshots, and what they have to be.
struct Photographer {
    connection: usize,
    seed: u64,
    /// The number of the cut of each snapshot that is under way.
    cuts: [Option<u64>; crate::snapshot::SNAPSHOTS_MAX],
    begun: u64,
    checked: usize,
}

impl Photographer {
    /// Begins another snapshot now and then, and looks at those that have ended.
    fn act(&mut self, scene: &mut Scene, once_in: usize) {
        for id in SnapshotId::all() {
            let at = usize::from(id.number());
            if self.cuts[at].is_none() && scene.random.one_in(once_in) {
                self.begun += 1;
                let number = self.seed << 20 | self.begun;
                CUTS.lock().expect("no holder of the lock panics").insert(number, Keys::new());
                self.cuts[at] = Some(number);
                scene.node.snapshots.begin(id);
                let args: OwnedArgs =
                    ["CUT", &id.number().to_string(), &number.to_string()].into_iter().collect();
                scene.node.request(self.connection, &CUT, args);
            }
            if let Some(number) = self.cuts[at]
                && let Some(written) = scene.node.snapshots.take_ended(id)
            {
                self.cuts[at] = None;
                let wanted = CUTS.lock().expect("no holder of the lock panics").remove(&number);
                let (wanted, found) = (wanted.expect("a cut was made"), read(&written.parts));
                assert_eq!(written.keys, wanted.len() as u64, "keys counted wrongly");
                assert!(wanted == found, "{}", difference(&wanted, &found));
                self.checked += 1;
            }
        }
        while scene.node.take_reply(self.connection).is_some() {}
    }
}

fn difference(wanted: &Keys, found: &Keys) -> String {
    let mut story = String::from("a snapshot is not what was there at its cut\n");
    for (key, value) in wanted.iter().filter(|&(key, value)| found.get(key) != Some(value)) {
        writeln!(story, "{key:?} was {value:?}, written {:?}", found.get(key)).expect("memory is there");
    }
    for (key, value) in found.iter().filter(|&(key, _)| !wanted.contains_key(key)) {
        writeln!(story, "{key:?} was not there, written {value:?}").expect("memory is there");
    }
    story
}

fn snapshots_are_of_one_moment(seed: u64) -> Events {
    let mut scene = Scene::new(seed, 1..=5, 4 + (seed % 30) as usize, 8, 200);
    scene.node.listen_to_effects();
    let eviction = [0, 60][seed as usize % 2];
    scene.churn =
        Churn { moves: 25, ticks: 40, ticks_max: 1000, expiry: 15, eviction, closing: 200, deals: 60 };
    let worker = ShardId(scene.random.below(scene.node.worker_count()) as u16);
    let connection = scene.node.connect(worker);
    let mut photographer = Photographer { connection, seed, cuts: Default::default(), begun: 0, checked: 0 };
    let mut marks = Default::default();
    scene.play(|scene, _| {
        photographer.act(scene, 8);
        write_script(scene, &mut marks)
    });
    while scene.node.step_at_random(&mut scene.random) {}
    photographer.act(&mut scene, usize::MAX);
    assert_eq!(photographer.cuts, [None; 3], "a snapshot does not end");
    Events { snapshots: photographer.checked, ..scene.events() }
}

#[test]
fn a_snapshot_holds_what_was_there_at_its_cut() {
    let test = "snapshots::a_snapshot_holds_what_was_there_at_its_cut";
    let events = for_each_seed(test, 300, snapshots_are_of_one_moment);
    if let Some(events) = events {
        assert!(events.snapshots > 1000 && events.moves > 1000, "{events:?}");
        assert!(events.transactions > 5000 && events.expired > 1000, "{events:?}");
    }
}
