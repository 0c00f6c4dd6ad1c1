//! What clients are told of keys that they keep copies of, at each moment of a transaction and of a
//! hand-over.

use shards::router::slot_move::SlotMap;
use shards::slot::{ShardId, SlotId};

use super::{TURNS_MAX, Worker, call, check, client, read, workers};

/// Two workers, and a key of each.
fn two() -> (Vec<Worker>, [&'static str; 2]) {
    let (keys, slots) = (["a", "b", "c", "d", "e", "f"], SlotMap::dealt_to(2));
    let of = |shard| {
        let is_of = |key: &&&str| slots.owner(SlotId::of(key.as_bytes())) == ShardId(shard);
        *keys.iter().find(is_of).expect("each shard has one of them")
    };
    (workers(2), [of(0), of(1)])
}

/// A client of this worker that speaks RESP3.
fn new_client(worker: &mut Worker) -> u32 {
    let index = client(worker);
    call(worker, index, "HELLO 3");
    read(worker, index);
    index
}

fn queue(worker: &mut Worker, client: u32, commands: &[&str]) {
    check(worker, client, "MULTI", "+OK");
    commands.iter().for_each(|command| check(worker, client, command, "+QUEUED"));
}

/// All that has come for a client, after turns of all workers.
fn told(workers: &mut [Worker], at: usize, client: u32) -> String {
    for _ in 0..TURNS_MAX {
        workers.iter_mut().for_each(Worker::turn);
    }
    read(&mut workers[at], client)
}

fn id(worker: &mut Worker, client: u32) -> u64 {
    worker.clients.at(client).session.id
}

#[test]
fn a_change_that_comes_before_the_transaction_has_turned_tracking_on_is_told_behind_its_reply() {
    let all_sorts = [
        ("CLIENT TRACKING ON", "GET", true),
        ("CLIENT TRACKING ON NOLOOP", "GET", true),
        ("CLIENT TRACKING ON OPTIN", "GET", false),
        ("CLIENT TRACKING ON OPTOUT", "STRLEN", true),
        ("CLIENT TRACKING ON BCAST", "GET", true),
        ("CLIENT TRACKING ON BCAST PREFIX none", "GET", false),
    ];
    for (on, get, is_told) in all_sorts {
        for owner in 0..2 {
            let (mut workers, keys) = two();
            let key = keys[owner];
            let reader = new_client(&mut workers[0]);
            queue(&mut workers[0], reader, &[on, &format!("{get} {key}")]);
            call(&mut workers[0], reader, "EXEC");
            // What it reads is run, and changed at once by another client, before the first command of the
            // session is.
            if owner == 1 {
                workers.iter_mut().for_each(Worker::turn);
            }
            let writer = client(&mut workers[owner]);
            call(&mut workers[owner], writer, &format!("SET {key} 1"));
            if owner == 1 {
                workers[1].turn();
            }
            let got = told(&mut workers, 0, reader);
            let (reply, push) = (format!("*2 +OK {}", if get == "GET" { "_" } else { ":0" }), invalid(key));
            let expected = if is_told { format!("{reply} {push}") } else { reply };
            assert_eq!(got, expected, "{on}, key of worker {owner}");
            call(&mut workers[owner], writer, &format!("SET {key} 2"));
            let later = if is_told && on.contains("BCAST") { push } else { String::new() };
            assert_eq!(told(&mut workers, 0, reader), later, "{on}, key of worker {owner}");
        }
    }
}

fn invalid(key: &str) -> String {
    format!(">2 $10 invalidate *1 $1 {key}")
}

#[test]
fn a_flush_in_the_middle_of_a_transaction_that_turns_tracking_on_is_told() {
    let (mut workers, [here, _]) = two();
    let reader = new_client(&mut workers[0]);
    let flusher = client(&mut workers[0]);
    // The answer of the other worker comes together with its word that all keys can be flushed.
    queue(&mut workers[0], reader, &["CONFIG RESETSTAT", "CLIENT TRACKING ON", &format!("GET {here}")]);
    call(&mut workers[0], reader, "EXEC");
    workers[0].settle();
    call(&mut workers[0], flusher, "FLUSHALL");
    let got = told(&mut workers, 0, reader);
    assert_eq!(got, "*3 +OK +OK _ >2 $10 invalidate _");
}

#[test]
fn what_the_transaction_changes_of_protocol_and_subscriptions_counts_for_what_it_reads() {
    let (mut workers, [_, there]) = two();
    let channel = "__redis__:invalidate";
    // One tracks in RESP2, where it can be told nothing, and learns RESP3. The other redirects to itself and
    // subscribes.
    for line in ["HELLO 3", "SUBSCRIBE __redis__:invalidate"] {
        let reader = client(&mut workers[0]);
        let redirect = format!("CLIENT TRACKING ON REDIRECT {}", id(&mut workers[0], reader));
        let on = if line == "HELLO 3" { "CLIENT TRACKING ON" } else { &redirect };
        call(&mut workers[0], reader, on);
        assert_eq!(told(&mut workers, 0, reader), "+OK");
        queue(&mut workers[0], reader, &[line, &format!("GET {there}")]);
        call(&mut workers[0], reader, "EXEC");
        workers.iter_mut().for_each(Worker::turn);
        let writer = client(&mut workers[1]);
        call(&mut workers[1], writer, &format!("SET {there} 1"));
        workers[1].turn();
        let got = told(&mut workers, 0, reader);
        let in_resp2 = format!("*3 $7 message ${} {channel} *1 $1 {there}", channel.len());
        let expected = if line == "HELLO 3" { invalid(there) } else { in_resp2 };
        assert!(got.ends_with(&expected), "{line}: {got}");
        call(&mut workers[1], writer, &format!("DEL {there}"));
        told(&mut workers, 0, reader);
    }
}

#[test]
fn what_a_transaction_changes_itself_is_told_although_it_turns_tracking_off_at_last() {
    for (commands, expected) in [
        (
            ["CLIENT TRACKING ON", "GET key", "SET key 2", "CLIENT TRACKING OFF"],
            " >2 $10 invalidate *1 $3 key",
        ),
        (["CLIENT TRACKING ON", "GET key", "FLUSHALL", "CLIENT TRACKING OFF"], " >2 $10 invalidate _"),
        (["CLIENT TRACKING ON BCAST", "GET key", "SET key 2", "CLIENT TRACKING OFF"], ""),
        (["CLIENT TRACKING ON NOLOOP", "GET key", "SET key 2", "CLIENT TRACKING OFF"], ""),
    ] {
        let mut workers = workers(1);
        let reader = new_client(&mut workers[0]);
        queue(&mut workers[0], reader, &commands);
        call(&mut workers[0], reader, "EXEC");
        assert_eq!(told(&mut workers, 0, reader), format!("*4 +OK _ +OK +OK{expected}"), "{commands:?}");
    }
}

#[test]
fn nothing_is_kept_and_no_changes_are_noted_when_the_transaction_is_over() {
    let (mut workers, [here, _]) = two();
    let reader = new_client(&mut workers[0]);
    let commands = ["CLIENT TRACKING ON BCAST", "CLIENT TRACKING OFF", &format!("SET {here} 1")];
    queue(&mut workers[0], reader, &commands);
    call(&mut workers[0], reader, "EXEC");
    assert!(workers[0].node.tracking.is_broadcasting());
    assert_eq!(told(&mut workers, 0, reader), "*3 +OK +OK +OK");
    assert!(!workers[0].node.tracking.is_broadcasting());
    assert_eq!(workers[0].node.tracking.with_clients().count(), 0);
    assert!(workers[0].tracking.end_exec(reader).is_none());
}

#[test]
fn a_client_that_was_killed_in_its_transaction_tracks_nothing() {
    let (mut workers, [_, there]) = two();
    let (reader, killer) = (new_client(&mut workers[0]), client(&mut workers[0]));
    queue(&mut workers[0], reader, &["CLIENT TRACKING ON BCAST", &format!("SET {there} 1")]);
    call(&mut workers[0], reader, "EXEC");
    workers[0].turn();
    let kill = format!("CLIENT KILL ID {}", id(&mut workers[0], reader));
    call(&mut workers[0], killer, &kill);
    assert_eq!(told(&mut workers, 0, killer), ":1");
    assert!(workers[0].clients.get(reader).is_none());
    assert_eq!(workers[0].node.tracking.with_clients().count(), 0);
    assert!(!workers[0].node.tracking.is_broadcasting());
}
