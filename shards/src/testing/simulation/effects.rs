//! From the effects of all shards a second key space is made: it must be the same, and whole at every moment.

use crate::caller::Caller;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Churn, Scene, for_each_seed, text};
use crate::effects::{Effect, EffectGroup, Stamp};
use crate::key::DbIndex;
use crate::reply::Reply;
use crate::shard::{Call, Shard, ShardConfig};
use crate::slot::ShardId;
use crate::testing::node::Events;
use crate::testing::{START_MS, lookup, registry};
use crate::watch::ClientId;

/// Keys with their databases, values and expires.
type Snapshot = BTreeMap<(usize, String), (String, Option<u64>)>;

fn snapshot(shard: &Shard) -> Snapshot {
    let mut all = Snapshot::new();
    for (db, keys) in shard.dbs().iter().enumerate() {
        for entry in keys.entries() {
            let value = text(entry.string().bytes(&mut itoa::Buffer::new()));
            all.insert((db, text(entry.key())), (value, entry.expire_ms()));
        }
    }
    all
}

/// What the whole node holds. Every key lies where it belongs.
fn snapshot_of_node(scene: &Scene) -> Snapshot {
    let mut all = Snapshot::new();
    for id in (0..scene.node.shard_count()).map(|id| ShardId(id as u16)) {
        for ((db, key), value) in snapshot(scene.node.shard(id)) {
            assert_eq!(scene.node.owner(key.as_bytes()), id, "{key} is on the wrong shard");
            assert!(all.insert((db, key), value).is_none(), "a key is on two shards");
        }
    }
    for id in scene.node.shard_count()..scene.node.worker_count() {
        let kept = snapshot(scene.node.shard(ShardId(id as u16)));
        assert!(kept.is_empty(), "the control worker keeps what it was lent");
    }
    all
}

/// All groups in their order, those of one stamp as one.
fn in_order(effects: &[Vec<EffectGroup>]) -> Vec<EffectGroup> {
    let mut groups: Vec<EffectGroup> = effects.iter().flatten().cloned().collect();
    groups.sort_by_key(|group| group.stamp);
    let mut whole: Vec<EffectGroup> = Vec::new();
    for group in groups {
        match whole.last_mut().filter(|last| last.stamp == group.stamp) {
            // What a shard does on its own has the stamp of what it did before.
            Some(last) if group.stamp.source >= FIRST_TRANSACTION => last.effects.extend(group.effects),
            _ => whole.push(group),
        }
    }
    whole
}

/// Below are the numbers of shards.
const FIRST_TRANSACTION: u64 = 1 << 16;

/// A shard that does what it is told, at a time at which nothing has expired.
struct Replica(Shard);

impl Replica {
    fn new() -> Replica {
        let (id, hash_seeds) = (ShardId(0), [9, 9, 9, 9]);
        let config = ShardConfig {
            id,
            databases: 16,
            hash_seeds,
            random_seed: 1,
            string_len_max: 512 << 20,
            registry: registry(),
        };
        let mut shard = Shard::new(&config);
        shard.set_now(START_MS);
        Replica(shard)
    }

    fn run(&mut self, Effect { db, args }: &Effect) -> Vec<u8> {
        let command = lookup(args.as_args());
        let mut reply = Reply::default();
        let caller = Caller { db: *db, ..Caller::new(ClientId(0)) };
        let call = Call { command, key: None, caller, args: args.as_args() };
        self.0.execute(call, &mut reply);
        assert!(!reply.bytes().starts_with(b"-"), "{:?} fails: {}", words(args), text(reply.bytes()));
        reply.bytes().to_vec()
    }
}

fn words(args: &crate::args::OwnedArgs) -> Vec<String> {
    args.as_args().iter_from(0).map(text).collect()
}

/// What a transaction writes bears a mark of its own: all marks must come, and come together.
fn assert_marks_are_together(groups: &[EffectGroup], marks: &HashMap<String, usize>) {
    let mut found: HashMap<&str, (Stamp, usize)> = HashMap::new();
    for group in groups {
        for effect in &group.effects {
            for word in effect.args.as_args().iter_from(0) {
                let Some((mark, _)) = str::from_utf8(word).ok().and_then(|word| marks.get_key_value(word))
                else {
                    continue;
                };
                let (stamp, count) = found.entry(mark).or_insert((group.stamp, 0));
                assert_eq!(*stamp, group.stamp, "the effects of one transaction have several stamps");
                *count += 1;
            }
        }
    }
    for (mark, (_, count)) in found {
        assert_eq!(count, marks[mark], "a part of a transaction is missing: {mark}");
    }
}

/// Any write, in any database, alone or in a transaction.
fn any_write(scene: &mut Scene) -> String {
    let (key, other, value) = (scene.key(), scene.key(), scene.random.below(100));
    let soon = 1 + scene.random.below(20);
    match scene.random.below(25) {
        0 => format!("SET {key} {value}"),
        1 => format!("SET {key} {value} PX {soon}"),
        2 => format!("SET {key} {value} PXAT {}", scene.now_ms + soon as u64),
        3 => format!("SET {key} {value} KEEPTTL"),
        4 => format!("SET {key} {value} NX GET"),
        5 => format!("PSETEX {key} {soon} {value}"),
        6 => format!("INCRBYFLOAT {key} 0.{value}"),
        7 => format!("INCR {key}"),
        8 => format!("APPEND {key} {value}"),
        9 => format!("GETEX {key} PX {soon}"),
        10 => format!("GETEX {key} PERSIST"),
        11 => format!("GETDEL {key}"),
        12 => format!("PEXPIRE {key} {soon}"),
        13 => format!("PERSIST {key}"),
        14 => format!("MSETNX {key} {value} {other} {value}"),
        15 => format!("MSET {key} {value} {other} {value}"),
        16 => format!("BITOP XOR {key} {key} {other}"),
        17 => format!("DEL {key} {other}"),
        18 => format!("RENAME {key} {other}"),
        19 => format!("COPY {key} {other} REPLACE"),
        20 => format!("MOVE {key} 2"),
        21 => format!("SETRANGE {key} 3 {value}"),
        22 => format!("MGET {key} {other}"),
        23 => format!("EXISTS {key} {other}"),
        _ => ["FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "SWAPDB 1 2", "KEYS *"][scene.random.below(5)].into(),
    }
}

pub(super) fn write_script(scene: &mut Scene, marks: &mut HashMap<String, usize>) -> Vec<String> {
    let mark = format!("mark{}.", marks.len());
    let (key, other) = (scene.key(), scene.key());
    match scene.random.below(6) {
        0 => {
            marks.insert(mark.clone(), 2);
            vec![format!("MSET {key}:1 {mark} {other}:2 {mark}")]
        }
        1 | 2 => {
            marks.insert(mark.clone(), 3);
            let mut script = Vec::new();
            script.extend(scene.random.one_in(2).then(|| format!("WATCH {key}")));
            script.push("MULTI".into());
            script.push(format!("SET {key} {mark}"));
            (0..scene.random.below(4)).for_each(|_| script.push(any_write(scene)));
            script.push(format!("SELECT {}", scene.random.below(2)));
            script.push(format!("MSET {other} {mark} {key} {mark}"));
            script.push("EXEC".into());
            script
        }
        3 => vec![format!("SELECT {}", scene.random.below(2)), any_write(scene)],
        _ => vec![any_write(scene)],
    }
}

fn effects_make_the_same_key_space(seed: u64) -> Events {
    let mut scene = Scene::new(seed, 2..=5, 3 + (seed % 6) as usize, 8, 160);
    scene.node.listen_to_effects();
    let eviction = [0, 60][seed as usize % 2];
    let (ticks, ticks_max, expiry) = (40, 1000, 15);
    scene.churn = Churn { moves: 25, deals: 200, ticks, ticks_max, expiry, eviction, closing: 200 };
    let mut marks = HashMap::new();
    scene.play(|scene, _| write_script(scene, &mut marks));
    scene.collect_effects();
    let groups = in_order(&scene.effects);
    assert_marks_are_together(&groups, &marks);
    let mut replica = Replica::new();
    groups.iter().flat_map(|group| &group.effects).for_each(|effect| _ = replica.run(effect));
    let (made, there) = (snapshot(&replica.0), snapshot_of_node(&scene));
    if made != there {
        let made_set: HashSet<_> = made.iter().collect();
        let there_set: HashSet<_> = there.iter().collect();
        let mut story = format!(
            "made but not there: {:?}\nthere but not made: {:?}\n",
            made_set.difference(&there_set).collect::<Vec<_>>(),
            there_set.difference(&made_set).collect::<Vec<_>>()
        );
        for EffectGroup { stamp, effects } in &groups {
            let lines: Vec<_> = effects.iter().map(|effect| (effect.db.0, words(&effect.args))).collect();
            story += &format!("{} {}: {lines:?}\n", stamp.clock, stamp.source);
        }
        panic!("the effects make another key space\n{story}\n{}", scene.told());
    }
    scene.events()
}

#[test]
fn a_second_key_space_can_be_made_from_the_effects() {
    let test = "effects::a_second_key_space_can_be_made_from_the_effects";
    let events = for_each_seed(test, 400, effects_make_the_same_key_space);
    if let Some(events) = events {
        assert!(events.transactions > 10_000 && events.direct_execs > 100, "{events:?}");
        assert!(events.expired > 1500 && events.moves > 2000 && events.deferred > 500, "{events:?}");
        assert!(events.broken_watches > 200 && events.closed_busy > 100, "{events:?}");
    }
}

/// What is on all accounts together.
const TOTAL: i64 = 6000;

/// Transfers between accounts by EXEC, by watched EXEC and by MSET, and readers of all of them.
fn transfer_or_sum(scene: &mut Scene) -> Vec<String> {
    let accounts = scene.keys.join(" ");
    let (from, to, amount) = (scene.key(), scene.key(), scene.random.below(50));
    let (take, give) = (format!("INCRBY {from} -{amount}"), format!("INCRBY {to} {amount}"));
    match scene.random.below(6) {
        0 => vec![format!("MGET {accounts}")],
        1 => vec!["MULTI".to_owned(), format!("MGET {accounts}"), "EXEC".to_owned()],
        2 => vec![format!("WATCH {from}"), "MULTI".to_owned(), take, give, "EXEC".to_owned()],
        _ => vec!["MULTI".to_owned(), take, give, "EXEC".to_owned()],
    }
}

fn sum_of(reply: &[u8]) -> i64 {
    let text = text(reply);
    let values = text.split("\r\n").filter(|line| !line.starts_with(['*', '$']));
    values.filter_map(|value| value.parse::<i64>().ok()).sum()
}

fn every_prefix_of_the_effects_is_whole(seed: u64) -> Events {
    let mut scene = Scene::new(seed, 2..=6, 6, 20, 600);
    scene.node.listen_to_effects();
    scene.churn = Churn { moves: 25, deals: 200, closing: 150, ..Churn::default() };
    let start: String = scene.keys.iter().map(|key| format!(" {key} {}", TOTAL / 6)).collect();
    scene.send(0, &format!("MSET{start}"));
    while scene.node.step_at_random(&mut scene.random) {}
    scene.receive();
    scene.play(|scene, _| transfer_or_sum(scene));
    for done in scene.history.iter().filter(|done| done.returned > 0) {
        let reads = done.call.commands().any(|words| words[0] == "MGET");
        if reads && done.reply != b"*-1\r\n" {
            assert_eq!(sum_of(&done.reply), TOTAL, "half a transfer: {:?}", done);
        }
    }
    scene.collect_effects();
    let mut replica = Replica::new();
    let args = format!("MGET {}", scene.keys.join(" ")).split(' ').collect();
    let read = Effect { db: DbIndex(0), args };
    for EffectGroup { effects, .. } in in_order(&scene.effects) {
        effects.iter().for_each(|effect| _ = replica.run(effect));
        assert_eq!(sum_of(&replica.run(&read)), TOTAL, "a prefix with half a transfer: {effects:?}");
    }
    assert_eq!(snapshot(&replica.0), snapshot_of_node(&scene));
    scene.events()
}

#[test]
fn every_prefix_of_the_effects_holds_whole_transactions() {
    let test = "effects::every_prefix_of_the_effects_holds_whole_transactions";
    let events = for_each_seed(test, 60, every_prefix_of_the_effects_is_whole);
    if let Some(events) = events {
        assert!(events.transactions > 10_000 && events.direct_execs > 100, "{events:?}");
        assert!(events.moves > 500 && events.deferred > 500 && events.broken_watches > 100, "{events:?}");
    }
}
