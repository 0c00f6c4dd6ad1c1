//! `DEBUG SLOT-MOVE slot shard`: a slot with all its keys goes to another shard while clients use it. Nothing
//! is lost or comes twice, no order changes, and WATCH, SCAN, expiry and transactions do not notice.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::{Client, Server, Value};

use crate::scene::{alone, dialogue, eventually, is_oracle, skip_if, start};

/// Whether a shoal without slot moves fails these tests.
const MUST_MOVE_SLOTS: bool = true;
const SLOTS: usize = 16_384;

/// Whether this server can move slots; a panic when it must be able to and is not.
pub(crate) fn answers_slots(client: &mut Client) -> bool {
    let reply = client.ask("DEBUG SLOTS");
    assert!(!(reply.is_error() && MUST_MOVE_SLOTS), "DEBUG SLOTS: {reply}");
    !skip_if(reply.is_error(), "this server does not move slots")
}

/// The slot of a key, by the CRC16 of the Redis Cluster specification (CCITT, XMODEM); keys here have no hash
/// tags.
pub(crate) fn slot_of(key: &str) -> usize {
    let crc = key.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| match crc & 0x8000 {
            0 => crc << 1,
            _ => crc << 1 ^ 0x1021,
        })
    });
    usize::from(crc) % SLOTS
}

/// Moves one slot.
#[track_caller]
pub(crate) fn move_slot(client: &mut Client, slot: usize, shard: usize) {
    let reply = client.ask(&format!("DEBUG SLOT-MOVE {slot} {shard}"));
    assert_eq!(reply, Value::ok(), "slot {slot} to shard {shard}");
}

/// Moves the slots of some keys, and some others, to shards that differ from round to round.
pub(crate) fn mover_round(client: &mut Client, keys: &[String], shards: usize, round: usize) {
    for (index, key) in keys.iter().enumerate() {
        move_slot(client, slot_of(key), (round + index) % shards);
    }
    for index in 0..4 {
        move_slot(client, (round * 997 + index * 4_099) % SLOTS, round % shards);
    }
}

fn keys(family: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{family}:{index}")).collect()
}

/// A server that can move slots.
fn mobile(shards: usize) -> Option<Server> {
    if skip_if(is_oracle(), "only shoal has shards") {
        return None;
    }
    let server = start(shards, "--enable-debug-command yes");
    answers_slots(&mut server.client()).then_some(server)
}

/// Runs `work` while the slots of `keys` go round the shards.
fn while_moving(server: &Server, keys: &[String], shards: usize, work: impl FnOnce()) {
    /// Set when dropped, so that a panic ends the moving, too.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let moving = scope.spawn(|| {
            let mut client = server.client();
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) || round == 0 {
                mover_round(&mut client, keys, shards, round);
                round += 1;
            }
        });
        {
            let _stop = Stop(&stop);
            work();
        }
        moving.join().expect("slots can be moved");
    });
}

#[test]
fn slots_have_their_place_and_nonsense_is_refused() {
    let Some(server) = mobile(2) else { return };
    let mut client = server.client();
    assert_eq!(client.ask("SET k v"), Value::ok());
    for shard in [0, 1, 1, 0] {
        move_slot(&mut client, slot_of("k"), shard);
        dialogue(&mut client, &[("GET k", "\"v\""), ("DBSIZE", "(integer) 1"), ("SET k v", "OK")]);
    }
    for wrong in ["16384 0", "-1 0", "0 2", "0 -1", "x 0", "0 x", "0", "", "0 0 0"] {
        assert!(client.ask(&format!("DEBUG SLOT-MOVE {wrong}")).is_error(), "{wrong}");
    }
    assert_eq!(client.ask("GET k"), Value::bulk("v"));
}

#[test]
fn commands_of_a_pipeline_keep_their_order_while_their_slots_move() {
    let _alone = alone();
    for shards in [2, 4] {
        let Some(server) = mobile(shards) else { return };
        let keys = keys("counter", 24);
        while_moving(&server, &keys, shards, || {
            thread::scope(|scope| {
                for number in 0..4 {
                    let (server, keys) = (&server, &keys);
                    scope.spawn(move || count_in_order(server, &keys[number * 6..][..6]));
                }
            });
        });
        let mut client = server.client();
        assert_eq!(client.ask("DBSIZE"), Value::Int(24));
        assert!(keys.iter().all(|key| client.cmd(&["GET", key]) == Value::bulk("2000")));
    }
}

/// Increments keys that nobody else does, in long pipelines: each reply is known.
fn count_in_order(server: &Server, keys: &[String]) {
    let mut client = server.client();
    for round in 0..10 {
        let commands: Vec<[&str; 2]> =
            (0..200 * keys.len()).map(|index| ["INCR", &*keys[index % keys.len()]]).collect();
        for (index, reply) in client.pipeline(&commands).iter().enumerate() {
            let expected = round * 200 + (index / keys.len()) as i64 + 1;
            assert_eq!(*reply, Value::Int(expected), "{:?}", commands[index]);
        }
    }
}

#[test]
fn a_watch_goes_with_its_slot() {
    for shards in [2, 3] {
        let Some(server) = mobile(shards) else { return };
        let (mut client, mut other) = (server.client(), server.client());
        for round in 0..30 {
            let key = format!("watched:{round}");
            let slot = slot_of(&key);
            for (change, expected) in [(false, "1) OK"), (true, "(nil) as an array")] {
                dialogue(&mut client, &[(&format!("SET {key} 1"), "OK"), (&format!("WATCH {key}"), "OK")]);
                move_slot(&mut other, slot, round % shards);
                if change {
                    assert_eq!(other.cmd(&["APPEND", &key, "2"]), Value::Int(2));
                }
                move_slot(&mut other, slot, (round + 1) % shards);
                let set = format!("SET {key} 3");
                dialogue(&mut client, &[("MULTI", "OK"), (&set, "QUEUED"), ("EXEC", expected)]);
            }
        }
    }
}

#[test]
fn a_scan_finds_every_key_while_slots_move() {
    let _alone = alone();
    for shards in [2, 4] {
        let Some(server) = mobile(shards) else { return };
        let keys = keys("scanned", 2_000);
        let mset: Vec<String> = std::iter::once("MSET".to_owned())
            .chain(keys.iter().flat_map(|key| [key.clone(), "1".to_owned()]))
            .collect();
        assert_eq!(server.client().cmd(&mset), Value::ok());
        while_moving(&server, &keys[..64], shards, || {
            let mut client = server.client();
            for _ in 0..5 {
                let found = scan(&mut client);
                let missing: Vec<&String> = keys.iter().filter(|key| !found.contains(*key)).collect();
                assert!(missing.is_empty(), "SCAN missed {missing:?}");
                assert_eq!(client.ask("DBSIZE"), Value::Int(2_000));
            }
        });
    }
}

fn scan(client: &mut Client) -> HashSet<String> {
    let (mut found, mut cursor) = (HashSet::new(), "0".to_owned());
    // Each call goes on by a slot at least.
    for _ in 0..=SLOTS + 2_000 {
        let reply = client.cmd(&["SCAN", &cursor, "COUNT", "50"]);
        let parts = reply.as_slice().unwrap_or_else(|| panic!("SCAN: {reply}"));
        found.extend(parts[1].as_slice().unwrap().iter().map(Value::text));
        cursor = parts[0].text();
        if cursor == "0" {
            return found;
        }
    }
    panic!("SCAN does not end");
}

#[test]
fn times_go_with_their_slot() {
    let _alone = alone();
    let Some(server) = mobile(2) else { return };
    let keys = keys("timed", 200);
    while_moving(&server, &keys, 2, || {
        let mut client = server.client();
        for (index, key) in keys.iter().enumerate() {
            let ttl_ms = if index % 2 == 0 { "150" } else { "100000000" };
            assert_eq!(client.cmd(&["SET", key, "1", "PX", ttl_ms]), Value::ok());
        }
        eventually("half of the keys are gone", || client.ask("DBSIZE") == Value::Int(100));
        for key in keys.iter().skip(1).step_by(2) {
            assert!(client.cmd(&["PTTL", key]).as_int().unwrap() > 50_000_000, "{key}");
        }
    });
}

#[test]
fn big_values_and_databases_go_with_their_slot() {
    let Some(server) = mobile(2) else { return };
    let mut client = server.client();
    let value = "v".repeat(100_000);
    for (db, key) in [(0, "big:1"), (3, "big:1"), (15, "big:2")] {
        assert_eq!(client.ask(&format!("SELECT {db}")), Value::ok());
        assert_eq!(client.cmd(&["SET", key, &value]), Value::ok());
    }
    for shard in [1, 0, 1] {
        for key in ["big:1", "big:2"] {
            move_slot(&mut client, slot_of(key), shard);
        }
        for (db, key, other) in [(0, "big:1", "big:2"), (3, "big:1", "big:2"), (15, "big:2", "big:1")] {
            assert_eq!(client.ask(&format!("SELECT {db}")), Value::ok());
            assert!(client.cmd(&["GET", key]) == Value::bulk(&value), "{key} in database {db}");
            assert_eq!(client.cmd(&["EXISTS", other]), Value::Int(0));
        }
    }
}

#[test]
fn the_slot_of_a_key_is_that_of_the_cluster_specification() {
    // The specification's own example, and what redis-cli shows in a cluster.
    assert_eq!(slot_of("123456789"), 0x31c3);
    assert_eq!(slot_of("foo"), 12_182);
}
