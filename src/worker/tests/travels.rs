//! Clients that go from worker to worker: who meets them at each moment.

use std::sync::Arc;

use shards::copies::{ConnectionId, Tracker};

use super::{Worker, call, check, client, read, workers};
use crate::config::{Allowed, Config};
use crate::session::order::DepartureStage;

/// Turns within which a client has gone, and all has been told.
const TURNS_MAX: usize = 20;

/// So many workers, whose clients may be handed over, and a client of the first one that speaks RESP3.
fn travel(count: usize) -> (Vec<Worker>, u32, u64) {
    let mut workers = workers(count);
    let config = Arc::new(Config { enable_debug_command: Allowed::ToAll, ..Config::default() });
    workers.iter_mut().for_each(|worker| worker.config = Arc::clone(&config));
    let traveller = client(&mut workers[0]);
    call(&mut workers[0], traveller, "HELLO 3");
    read(&mut workers[0], traveller);
    let id = workers[0].clients.at(traveller).session.id;
    (workers, traveller, id)
}

fn turns(workers: &mut [Worker]) {
    for _ in 0..TURNS_MAX {
        workers.iter_mut().for_each(Worker::turn);
    }
}

/// What has come for a client after turns of all workers.
fn told(workers: &mut [Worker], at: usize, client: u32) -> String {
    turns(workers);
    read(&mut workers[at], client)
}

fn ask(workers: &mut [Worker], at: usize, client: u32, command: &str) -> String {
    call(&mut workers[at], client, command);
    told(workers, at, client)
}

/// The number of the client on this worker.
fn at(worker: &Worker, id: u64) -> Option<u32> {
    worker.clients.present().find(|client| client.session.id == id).map(|client| client.index)
}

fn stage(worker: &mut Worker, client: u32) -> Option<DepartureStage> {
    worker.clients.get(client)?.departure.as_ref().map(|departure| departure.stage)
}

/// Takes turns until the client has come so far.
fn until(workers: &mut [Worker], client: u32, wanted: Option<DepartureStage>) {
    for turn in 0.. {
        if stage(&mut workers[0], client) == wanted {
            return;
        }
        assert!(turn < TURNS_MAX, "{wanted:?} does not come");
        workers.iter_mut().rev().for_each(Worker::turn);
    }
}

const STAGES: [Option<DepartureStage>; 3] =
    [Some(DepartureStage::Announced), Some(DepartureStage::Fenced), None];

#[test]
fn the_reply_to_a_hand_over_comes_when_the_client_is_there() {
    let (mut workers, traveller, id) = travel(2);
    call(&mut workers[0], traveller, "DEBUG HANDOVER 1");
    until(&mut workers, traveller, Some(DepartureStage::Fenced));
    assert_eq!(workers[0].clients.at(traveller).replies.ready().bytes(), b"");
    turns(&mut workers);
    assert!(at(&workers[0], id).is_none());
    let there = at(&workers[1], id).expect("it has come");
    assert_eq!(read(&mut workers[1], there), "+OK");
    assert_eq!(ask(&mut workers, 1, there, "DEBUG HANDOVER 1"), "+OK");
    call(&mut workers[1], there, "CLIENT REPLY SKIP");
    call(&mut workers[1], there, "DEBUG HANDOVER 0");
    turns(&mut workers);
    let back = at(&workers[0], id).expect("it is back");
    assert_eq!(ask(&mut workers, 0, back, "PING"), "+PONG");
}

#[test]
fn who_cannot_be_spared_has_the_reply_at_once_and_goes_later() {
    let (mut workers, traveller, id) = travel(2);
    assert_eq!(ask(&mut workers, 0, traveller, "CLIENT TRACKING ON"), "+OK");
    assert_eq!(ask(&mut workers, 0, traveller, "DEBUG HANDOVER 1"), "+OK");
    assert_eq!(ask(&mut workers, 0, traveller, "MULTI"), "+OK");
    assert_eq!(ask(&mut workers, 0, traveller, "CLIENT TRACKING OFF"), "+QUEUED");
    assert_eq!(ask(&mut workers, 0, traveller, "DEBUG HANDOVER 1"), "+QUEUED");
    call(&mut workers[0], traveller, "EXEC");
    turns(&mut workers);
    let there = at(&workers[1], id).expect("it has come");
    assert_eq!(read(&mut workers[1], there), "*2 +OK +OK");
}

#[test]
fn a_client_that_does_not_become_ready_to_go_stays_and_is_told() {
    let (mut workers, traveller, id) = travel(2);
    // A reply that does not come.
    let seq = workers[0].clients.at(traveller).replies.reserve(true);
    call(&mut workers[0], traveller, "DEBUG HANDOVER 1");
    workers[0].clients.at(traveller).query.receive(b"PING\r\n", &mut crate::protocol::Argv::default());
    turns(&mut workers);
    assert_eq!(stage(&mut workers[0], traveller), Some(DepartureStage::Wanted));
    workers[0].refuse_hand_over(traveller);
    assert!(workers[0].clients.fill(traveller, seq, b"+late\r\n", &[]));
    workers[0].execute_received(traveller, b"");
    let got = told(&mut workers, 0, traveller);
    assert!(got.starts_with("+late -ERR the connection stays where it is: "), "{got}");
    assert!(at(&workers[0], id).is_some());
    assert_eq!(ask(&mut workers, 0, traveller, "PING"), "+PONG");
}

#[test]
fn the_worker_that_a_killed_client_would_have_gone_to_knows_it_before_the_kill_is_answered() {
    let (mut workers, traveller, id) = travel(2);
    let killer = client(&mut workers[1]);
    call(&mut workers[0], traveller, "DEBUG HANDOVER 1");
    until(&mut workers, traveller, Some(DepartureStage::Announced));
    // That worker answers the kill before it hears of the client.
    call(&mut workers[1], killer, &format!("CLIENT KILL ID {id}"));
    workers[1].turn();
    assert!(workers[1].expected.iter().any(|coming| coming.is_awaited(id)));
    workers[0].turn();
    // The other one has answered. Whoever sees that may ask this one before it takes anything else.
    assert!(!workers[1].expected.iter().any(|coming| coming.is_awaited(id)));
    assert!(workers[1].find_client(shards::watch::ClientId(id)).is_none());
    assert_eq!(told(&mut workers, 1, killer), ":1");
    assert!(workers[1].expected.is_empty());
}

#[test]
fn who_was_killed_on_its_way_is_in_no_list_when_the_kill_is_answered() {
    for wanted in STAGES {
        for killed_by in 0..3 {
            let (mut workers, traveller, id) = travel(3);
            let killer = client(&mut workers[killed_by]);
            let looking = client(&mut workers[2]);
            call(&mut workers[0], traveller, "DEBUG HANDOVER 1");
            until(&mut workers, traveller, wanted);
            call(&mut workers[killed_by], killer, &format!("CLIENT KILL ID {id}"));
            for _ in 0..TURNS_MAX {
                if !workers[killed_by].clients.at(killer).replies.ready().is_empty() {
                    break;
                }
                workers.iter_mut().rev().for_each(Worker::turn);
            }
            check(&mut workers[killed_by], killer, "PING", ":1 +PONG");
            for worker in [1, 2] {
                let meant = workers[worker].expected.iter().filter(|coming| coming.is_awaited(id)).count();
                assert_eq!((meant, at(&workers[worker], id)), (0, None), "{wanted:?}, killed by {killed_by}");
            }
            let list = ask(&mut workers, 2, looking, &format!("CLIENT LIST ID {id}"));
            assert_eq!(list, "$0", "{wanted:?}, killed by {killed_by}");
            let again = ask(&mut workers, 2, looking, &format!("CLIENT KILL ID {id}"));
            assert_eq!(again, ":0", "{wanted:?}, killed by {killed_by}");
            assert!(workers.iter().all(|worker| worker.expected.is_empty() && at(worker, id).is_none()));
        }
    }
}

#[test]
fn a_client_on_its_way_is_found_to_be_redirected_to() {
    for wanted in STAGES {
        for asked_on in 0..3 {
            let (mut workers, traveller, id) = travel(3);
            let (reader, writer) = (client(&mut workers[asked_on]), client(&mut workers[0]));
            call(&mut workers[0], traveller, "DEBUG HANDOVER 1");
            until(&mut workers, traveller, wanted);
            call(&mut workers[asked_on], reader, &format!("CLIENT TRACKING ON REDIRECT {id}"));
            assert_eq!(told(&mut workers, asked_on, reader), "+OK", "{wanted:?}, asked on {asked_on}");
            assert_eq!(ask(&mut workers, asked_on, reader, "GET key"), "$-1");
            assert_eq!(ask(&mut workers, 0, writer, "SET key 1"), "+OK");
            let there = at(&workers[1], id).expect("it has come");
            let got = told(&mut workers, 1, there);
            assert_eq!(got, "+OK >2 $10 invalidate *1 $3 key", "{wanted:?}, asked on {asked_on}");
        }
    }
}

#[test]
fn what_a_client_is_told_in_the_place_of_others_follows_it_from_worker_to_worker() {
    for wanted in STAGES {
        for redirected_on in 0..3 {
            let (mut workers, traveller, id) = travel(3);
            let (reader, writer) = (client(&mut workers[redirected_on]), client(&mut workers[0]));
            let on = format!("CLIENT TRACKING ON BCAST REDIRECT {id}");
            assert_eq!(ask(&mut workers, redirected_on, reader, &on), "+OK");
            call(&mut workers[0], traveller, "DEBUG HANDOVER 1");
            until(&mut workers, traveller, wanted);
            for number in 0..3 {
                call(&mut workers[0], writer, &format!("SET key{number} 1"));
                workers[0].turn();
            }
            turns(&mut workers);
            let there = at(&workers[1], id).expect("it has come");
            let got = told(&mut workers, 1, there);
            let keys: Vec<bool> = (0..3).map(|number| got.contains(&format!("key{number}"))).collect();
            assert_eq!(keys, [true; 3], "{wanted:?}, redirected on {redirected_on}: {got}");
            assert!(got.contains("+OK"), "{got}");
            call(&mut workers[1], there, "DEBUG HANDOVER 2");
            turns(&mut workers);
            let there = at(&workers[2], id).expect("it has gone on");
            ask(&mut workers, 0, writer, "SET last 1");
            let got = told(&mut workers, 2, there);
            assert_eq!(got, "+OK >2 $10 invalidate *1 $4 last", "{wanted:?}, redirected on {redirected_on}");
            let redirecting = workers[redirected_on].clients.at(reader).session.tracking.as_ref();
            let redirect = redirecting.and_then(|tracking| tracking.redirect);
            let now_at = ConnectionId { worker: workers[2].id, index: there };
            assert_eq!(redirect, Some(Tracker { client: shards::watch::ClientId(id), at: now_at }));
        }
    }
}

#[test]
fn a_redirection_to_a_client_that_was_killed_on_its_way_is_broken() {
    for wanted in STAGES {
        let (mut workers, traveller, id) = travel(3);
        let (reader, writer) = (client(&mut workers[2]), client(&mut workers[0]));
        call(&mut workers[2], reader, "HELLO 3");
        told(&mut workers, 2, reader);
        let on = format!("CLIENT TRACKING ON BCAST REDIRECT {id}");
        assert_eq!(ask(&mut workers, 2, reader, &on), "+OK");
        call(&mut workers[0], traveller, "DEBUG HANDOVER 1");
        until(&mut workers, traveller, wanted);
        assert_eq!(ask(&mut workers, 0, writer, &format!("CLIENT KILL ID {id}")), ":1");
        for key in ["a", "b"] {
            assert_eq!(ask(&mut workers, 0, writer, &format!("SET {key} 1")), "+OK");
            let broken = format!(">2 $21 tracking-redir-broken :{id}");
            assert_eq!(told(&mut workers, 2, reader), broken, "{wanted:?}, {key}");
        }
        assert!(workers[2].tracking.end_search(reader).is_none());
    }
}

#[test]
fn what_waits_for_exec_counts_among_the_bytes_that_travel() {
    let (mut workers, traveller, _) = travel(1);
    let worker = &mut workers[0];
    check(worker, traveller, "WATCH key", "+OK");
    check(worker, traveller, "MULTI", "+OK");
    let before = worker.clients.at(traveller).session.bytes_held();
    check(worker, traveller, &format!("SET key {}", "v".repeat(100_000)), "+QUEUED");
    let after = worker.clients.at(traveller).session.bytes_held();
    assert!(before > 0 && after > before + 100_000, "{before} {after}");
}
