//! `workers-by-load`, and `DEBUG SLOTS-DEAL`, by which slots are gathered on few shards and spread over many
//! while clients go on.
//!
//! When it is time for that is decided in `src/node/client_workers.rs`, where loads are made up; here no load
//! is, since what a machine has to spare is not the test's to say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::{Client, Value};

use crate::scene::{alone, eventually, is_oracle, skip_if, start};

const SHARDS: usize = 3;
const SLOTS: usize = 16_384;
const KEYS: usize = 3_000;
/// Batches of SETs and GETs of which each is of all keys of a writer.
const WRITERS: usize = 4;

/// A number that INFO has for each worker with a shard.
fn of_workers(client: &mut Client, name: &str) -> Vec<usize> {
    let text = client.ask("INFO workers").text();
    let number = |line: &str| {
        let line =
            line.strip_prefix("worker").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))?;
        line.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('=')?.trim().parse().ok())
    };
    text.lines().filter_map(number).collect()
}

/// A number of INFO.
fn of_node(client: &mut Client, name: &str) -> usize {
    let text = client.ask("INFO workers").text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.expect("a field").trim().parse().expect("a number")
}

fn dealt_to(shards: usize) -> Vec<usize> {
    let of = |shard| (0..SLOTS).filter(|slot| slot * shards / SLOTS == shard).count();
    (0..SHARDS).map(of).collect()
}

fn await_slots(client: &mut Client, shards: usize) {
    eventually("the slots are where they should be", || of_workers(client, "slots") == dealt_to(shards));
    assert_eq!(client.ask("DEBUG SLOTS").as_slice().map(<[Value]>::len), Some(shards));
}

#[test]
fn a_node_with_nothing_to_do_has_one_active_worker_and_spreads_when_it_is_told_to() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    let server = start(SHARDS, "--workers-by-load yes --client-workers 0 --enable-debug-command yes");
    let mut clients: Vec<Client> = (0..2 * SHARDS).map(|_| server.client()).collect();
    let mut client = server.client();
    let active = |client: &mut Client| ["active_workers", "client_workers"].map(|name| of_node(client, name));
    assert_eq!((active(&mut client), of_workers(&mut client, "slots")), ([1, 1], dealt_to(1)));
    eventually("the clients are there", || of_workers(&mut client, "clients") == [2 * SHARDS + 1, 0, 0]);
    assert_eq!(client.ask("SET k v"), Value::ok());
    assert_eq!(client.ask("CONFIG SET workers-by-load no"), Value::ok());
    await_slots(&mut client, SHARDS);
    eventually("all take clients", || !of_workers(&mut client, "clients").contains(&0));
    assert_eq!(active(&mut client), [SHARDS, SHARDS]);
    assert_eq!(["spreads", "gathers"].map(|name| of_node(&mut client, name)), [1, 0]);
    assert_eq!(of_node(&mut client, "slot_moves"), SLOTS - dealt_to(SHARDS)[0]);
    assert!(server.log().contains("are spread over 3 of 3 workers"), "{}", server.log());
    assert_eq!(client.ask("CONFIG SET client-workers 2"), Value::ok());
    eventually("fewer take clients", || of_node(&mut client, "client_workers") == 2);
    // A slot that is moved by hand stays where it is, now that the load decides nothing.
    assert_eq!(client.ask("DEBUG SLOT-MOVE 0 2"), Value::ok());
    for client in &mut clients {
        assert_eq!(client.ask("GET k"), Value::bulk("v"));
    }
    assert_eq!(of_workers(&mut client, "slots")[2], dealt_to(SHARDS)[2] + 1);
}

/// Counts all of its keys up, each time in one pipeline that begins with what watches and blocks nothing.
fn write(client: &mut Client, writer: usize, stop: &AtomicBool) -> i64 {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let keys = (0..KEYS / WRITERS).map(|key| format!("{{{writer}:{key}}}"));
        let commands: Vec<Vec<String>> =
            keys.flat_map(|key| [vec!["INCR".into(), key.clone()], vec!["GET".into(), key]]).collect();
        for pair in client.pipeline(&commands).chunks(2) {
            assert_eq!(pair, [Value::Int(number), Value::bulk(number.to_string())]);
        }
    }
    number
}

#[test]
fn slots_are_gathered_and_spread_while_clients_write_and_nothing_is_lost() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    let _alone = alone();
    let server = start(SHARDS, "--enable-debug-command yes");
    let mut client = server.client();
    for wrong in ["0", "4", "-1", "x", "", "1 2"] {
        assert!(client.ask(&format!("DEBUG SLOTS-DEAL {wrong}")).is_error(), "{wrong}");
    }
    let mut writers: Vec<Client> = (0..WRITERS).map(|_| server.client()).collect();
    let mut waiter = server.client();
    waiter.send_raw("BLPOP awaited 0\r\n");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        let writes: Vec<_> = writers
            .iter_mut()
            .enumerate()
            .map(|(writer, client)| scope.spawn(move || write(client, writer, stop)))
            .collect();
        let dealt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            assert_eq!(client.ask("SET lives 1 EX 1000"), Value::ok());
            assert_eq!(client.ask("WATCH watched"), Value::ok());
            for shards in [1, SHARDS, 2, SHARDS, 1, 2, 1] {
                assert_eq!(client.ask(&format!("DEBUG SLOTS-DEAL {shards}")), Value::ok());
                await_slots(&mut client, shards);
            }
            // One takes the place of the other.
            for shards in [SHARDS, 1, 2, 1, SHARDS] {
                assert_eq!(client.ask(&format!("DEBUG SLOTS-DEAL {shards}")), Value::ok());
            }
            await_slots(&mut client, SHARDS);
        }));
        stop.store(true, Ordering::Relaxed);
        for (writer, writing) in writes.into_iter().enumerate() {
            let number = writing.join().expect("every reply is as it should be");
            assert_eq!(client.ask(&format!("GET {{{writer}:0}}")), Value::bulk(number.to_string()));
        }
        if let Err(panic) = dealt {
            std::panic::resume_unwind(panic);
        }
    });
    let ttl = client.ask("TTL lives");
    assert!(matches!(ttl, Value::Int(1..=1000)), "{ttl}");
    let mut other = server.client();
    assert_eq!(other.ask("SET watched 1"), Value::ok());
    assert_eq!([client.ask("MULTI"), client.ask("GET lives")], [Value::ok(), Value::simple("QUEUED")]);
    assert!(client.ask("EXEC").is_null(), "the watch has gone along");
    assert_eq!(other.ask("RPUSH awaited x"), Value::Int(1));
    assert_eq!(waiter.recv(), Value::array([Value::bulk("awaited"), Value::bulk("x")]));
    assert_eq!(other.ask("DBSIZE"), Value::Int(KEYS as i64 + 2));
    assert!(!server.log().contains("had no place"), "{}", server.log());
}
