//! Histories of few clients on few keys: is there one order of all that they did that explains every reply?

use super::{Churn, Scene, for_each_seed};
use crate::slot::SlotId;
use crate::testing::history::serial_order;
use crate::testing::model::Model;
use crate::testing::node::Events;

fn pairs(scene: &mut Scene) -> String {
    let count = 1 + scene.random.below(3);
    (0..count).map(|_| format!(" {} {}", scene.key(), scene.random.below(100))).collect()
}

fn some_keys(scene: &mut Scene) -> String {
    let count = 1 + scene.random.below(3);
    (0..count).map(|_| format!(" {}", scene.key())).collect()
}

/// Two keys that are not the same.
fn two_keys(scene: &mut Scene) -> (String, String) {
    let one = scene.random.below(scene.keys.len());
    let other = (one + 1 + scene.random.below(scene.keys.len() - 1)) % scene.keys.len();
    (scene.keys[one].clone(), scene.keys[other].clone())
}

/// In every second scene several keys share a slot: what is asked of them in a pipeline waits for nothing.
fn put_into_few_slots(scene: &mut Scene) {
    if scene.random.one_in(2) {
        let slots = 1 + scene.random.below(scene.keys.len() - 1);
        scene.put_into_slots(slots);
    }
}

/// A command of any kind on few keys; some of them with expires.
fn any_command(scene: &mut Scene, expires: bool) -> String {
    let (key, value) = (scene.key(), scene.random.below(100));
    match scene.random.below(if expires { 30 } else { 24 }) {
        0 | 1 => format!("GET {key}"),
        2 | 3 => format!("SET {key} {value}"),
        4 => format!("INCR {key}"),
        5 => format!("APPEND {key} {value}"),
        6 => format!("GETSET {key} {value}"),
        7 => format!("DEL{}", some_keys(scene)),
        8 => format!("EXISTS{}", some_keys(scene)),
        9..=11 => format!("MGET{}", some_keys(scene)),
        12..=14 => format!("MSET{}", pairs(scene)),
        15 | 16 => format!("MSETNX{}", pairs(scene)),
        17 => {
            let operation = ["AND", "OR", "XOR"][scene.random.below(3)];
            format!("BITOP {operation} {key} {} {}", scene.key(), scene.key())
        }
        18 => format!("LCS {key} {} LEN", scene.key()),
        19 => format!("GETDEL {key}"),
        20 => {
            let (from, to) = two_keys(scene);
            format!("RENAME {from} {to}")
        }
        21 => {
            let (from, to) = two_keys(scene);
            format!("COPY {from} {to} REPLACE")
        }
        22 | 23 => any_command_on_all(scene, expires),
        24 | 25 => format!("SET {key} {value} PX {}", 1 + scene.random.below(8)),
        26 => format!("SET {key} {value} PXAT {}", scene.now_ms + 1 + scene.random.below(8) as u64),
        27 => format!("PEXPIRE {key} {}", 1 + scene.random.below(8)),
        28 => [format!("PERSIST {key}"), format!("GETEX {key} PX 3")][scene.random.below(2)].clone(),
        _ => format!("PTTL {key}"),
    }
}

/// DBSIZE counts keys that have expired unnoticed, which is no part of the model.
fn any_command_on_all(scene: &mut Scene, expires: bool) -> String {
    let lines = ["FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "SWAPDB 1 2", "DBSIZE", "DBSIZE", "DBSIZE"];
    lines[scene.random.below(if expires { 4 } else { lines.len() })].into()
}

/// Commands that are all for one shard each when their keys have few slots, so that in a pipeline none waits
/// for another.
fn quick_commands(scene: &mut Scene) -> Vec<String> {
    let count = 2 + scene.random.below(3);
    (0..count).map(|_| quick_command(scene)).collect()
}

fn quick_command(scene: &mut Scene) -> String {
    let (key, value) = (scene.key(), scene.random.below(100));
    let name = ["DEL", "EXISTS", "MGET", "MGET"][scene.random.below(4)];
    match scene.random.below(8) {
        0 => format!("SET {key} {value}"),
        1 => format!("APPEND {key} {value}"),
        2 => format!("INCR {key}"),
        3 | 4 => format!("{name} {key}"),
        _ => {
            let slot = SlotId::of(key.as_bytes());
            let keys = scene.keys.iter().filter(|other| SlotId::of(other.as_bytes()) == slot);
            let (words, pairs): (Vec<String>, Vec<String>) =
                keys.map(|key| (key.clone(), format!("{key} {value}"))).unzip();
            match scene.random.below(3) {
                0 => format!("MSET {}", pairs.join(" ")),
                _ => format!("{name} {}", words.join(" ")),
            }
        }
    }
}

/// A script of single commands, watched and unwatched transactions in several databases.
fn any_script(scene: &mut Scene, expires: bool) -> Vec<String> {
    let mut script = any_loud_script(scene, expires);
    if scene.random.one_in(12) {
        // Nobody hears of the first command, or of all of it; what is done is the same. To skip the reply to
        // MULTI says nothing.
        let is_off = scene.random.one_in(2);
        script.insert(0, if is_off { "REPLY OFF" } else { "REPLY SKIP" }.into());
        script.extend(is_off.then(|| "REPLY ON".into()));
    }
    script
}

/// The same, with all replies.
fn any_loud_script(scene: &mut Scene, expires: bool) -> Vec<String> {
    let mut script = Vec::new();
    match scene.random.below(8) {
        0 if scene.random.one_in(5) => {
            let mark = scene.random.below(100);
            script.push([format!("SURVEY {mark}"), "PING".into()][scene.random.below(2)].clone());
            script.push(any_command(scene, expires));
        }
        0 | 1 => script.push(any_command(scene, expires)),
        2 => script.extend(quick_commands(scene)),
        3 => {
            script.push(format!("SELECT {}", scene.random.below(2)));
            script.push(any_command(scene, expires));
        }
        4 => {
            // A watch that was given up must not be taken for the next one of the same key.
            let keys = some_keys(scene);
            script.extend([format!("WATCH{keys}"), any_command(scene, expires), "UNWATCH".into()]);
            if scene.random.one_in(2) {
                script.extend([format!("WATCH{keys}"), "MULTI".into()]);
                script.extend([any_command(scene, expires), "EXEC".into()]);
            }
        }
        _ => {
            if !scene.random.one_in(3) {
                script.push(format!("WATCH{}", some_keys(scene)));
                (0..scene.random.below(2)).for_each(|_| script.push(any_command(scene, expires)));
            }
            script.push("MULTI".into());
            for _ in 0..1 + scene.random.below(4) {
                if scene.random.one_in(5) {
                    script.push(format!("SELECT {}", scene.random.below(2)));
                }
                if scene.random.one_in(6) {
                    // It touches no keys, but has its place among the replies; for the second all workers are
                    // asked.
                    let mark = scene.random.below(100);
                    script.push([format!("SURVEY {mark}"), "PING".into()][scene.random.below(2)].clone());
                }
                script.push(any_command(scene, expires));
            }
            script.push(if scene.random.one_in(10) { "DISCARD" } else { "EXEC" }.into());
        }
    }
    script
}

fn judge(scene: &Scene) -> Events {
    assert!(serial_order::<Model>(&scene.judged()).is_some(), "no order explains:\n{}", scene.told());
    scene.events()
}

fn any_commands_have_a_serial_order(seed: u64) -> Events {
    let (key_count, client_count) = (3 + (seed % 4) as usize, 4 + (seed / 4 % 5) as usize);
    let mut scene = Scene::new(seed, 2..=4, key_count, client_count, 30 + (seed / 20 % 31) as usize);
    put_into_few_slots(&mut scene);
    scene.play(|scene, _| vec![any_command(scene, false)]);
    scene.read_all(1, true);
    judge(&scene)
}

#[test]
fn histories_are_strictly_serialisable() {
    let test = "serial::histories_are_strictly_serialisable";
    let events = for_each_seed(test, 1000, any_commands_have_a_serial_order);
    if let Some(events) = events {
        // A simulation in which nobody is in anybody's way shows nothing.
        assert!(events.transactions > 8000, "{events:?}");
        assert!(events.refused > 500 && events.lent_in_vain > 100 && events.parked > 2000, "{events:?}");
    }
}

fn transactions_have_a_serial_order(seed: u64) -> Events {
    let (key_count, client_count) = (2 + (seed % 4) as usize, 3 + (seed / 4 % 4) as usize);
    let mut scene = Scene::new(seed, 1..=4, key_count, client_count, 20 + (seed / 20 % 21) as usize);
    put_into_few_slots(&mut scene);
    let (moves, closing) = ([0, 10, 25, 60][scene.random.below(4)], [0, 0, 60][scene.random.below(3)]);
    let deals = [0, 0, 60][scene.random.below(3)];
    scene.churn = Churn { moves, deals, closing, ..Churn::default() };
    scene.play(|scene, _| any_script(scene, false));
    scene.read_all(2, true);
    judge(&scene)
}

#[test]
fn transactions_and_watches_are_strictly_serialisable_while_slots_move() {
    let test = "serial::transactions_and_watches_are_strictly_serialisable_while_slots_move";
    let events = for_each_seed(test, 1500, transactions_have_a_serial_order);
    if let Some(events) = events {
        assert!(events.transactions > 10_000 && events.direct_execs > 500, "{events:?}");
        assert!(events.broken_watches > 500 && events.closed_busy > 100, "{events:?}");
        assert!(events.refused > 500 && events.lent_in_vain > 100 && events.parked > 2000, "{events:?}");
        assert!(events.moves > 2000 && events.refused_moves > 100, "{events:?}");
        assert!(events.awaited_slot > 500 && events.deferred > 500, "{events:?}");
        assert!(events.held_replies > 1000 && events.unwanted > 1000, "{events:?}");
        assert!(events.one_key_at_once > 150 && events.one_slot_at_once > 300, "{events:?}");
    }
}

fn expiring_keys_have_a_serial_order(seed: u64) -> Events {
    let (key_count, client_count) = (2 + (seed % 3) as usize, 3 + (seed / 4 % 4) as usize);
    let mut scene = Scene::new(seed, 1..=4, key_count, client_count, 20 + (seed / 20 % 16) as usize);
    put_into_few_slots(&mut scene);
    let (moves, eviction) = ([0, 25][scene.random.below(2)], [0, 0, 60][scene.random.below(3)]);
    let expiry = [0, 5][scene.random.below(2)];
    let deals = [0, 0, 60][scene.random.below(3)];
    scene.churn = Churn { moves, deals, ticks: 30, ticks_max: 8, expiry, eviction, closing: 0 };
    if eviction > 0 {
        scene.node.listen_to_effects();
    }
    scene.play(|scene, _| any_script(scene, true));
    scene.read_all(2, false);
    judge(&scene)
}

#[test]
fn keys_that_expire_or_are_evicted_go_at_their_time_and_break_watches() {
    let test = "serial::keys_that_expire_or_are_evicted_go_at_their_time_and_break_watches";
    let events = for_each_seed(test, 1500, expiring_keys_have_a_serial_order);
    if let Some(events) = events {
        assert!(events.expired > 1000 && events.broken_watches > 500, "{events:?}");
        assert!(events.moves > 500 && events.awaited_slot > 100, "{events:?}");
    }
}
