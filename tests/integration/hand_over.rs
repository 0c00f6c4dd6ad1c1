//! `DEBUG HANDOVER worker`: a connection goes from worker to worker, the control worker included, while it
//! talks. No reply is lost, comes twice or out of order; what the session holds goes along; and every client
//! is in CLIENT LIST once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::{Client, Server, Value};

use crate::scene::{alone, client_count, eventually, is_oracle, last_words, skip_if, start, with_shards};
use crate::tracking::keys_of;

const SHARDS: [usize; 3] = [1, 2, 3];
/// Clients that talk at the same time.
const TALKERS: usize = 6;
/// Pipelines that each of them sends, with three hand-overs in each.
const ROUNDS: usize = 25;
/// Read and written by ways of its own.
const BIG_BYTES: usize = 300_000;

fn server(shards: usize) -> Server {
    start(shards, "--enable-debug-command yes --notify-keyspace-events KEA")
}

fn skipped() -> bool {
    skip_if(is_oracle(), "it has no workers")
}

/// Hands the client to a worker, where it is when this returns, unless it subscribes to anything or tracks
/// keys.
#[track_caller]
fn hand_over(client: &mut Client, worker: usize) {
    assert_eq!(client.ask(&format!("DEBUG HANDOVER {worker}")), Value::ok());
}

fn id_of(client: &mut Client) -> i64 {
    match client.ask("CLIENT ID") {
        Value::Int(id) => id,
        other => panic!("CLIENT ID: {other}"),
    }
}

/// Sets a flag when dropped, so that a panic ends what runs beside it, too.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A pipeline of a talker, and its replies.
struct Script {
    commands: Vec<Vec<String>>,
    replies: Vec<Value>,
}

impl Script {
    fn new() -> Script {
        Script { commands: Vec::new(), replies: Vec::new() }
    }

    fn say(&mut self, command: &str, reply: Value) {
        self.commands.push(command.split(' ').map(str::to_owned).collect());
        self.replies.push(reply);
    }
}

/// One round of one talker: data commands on several shards, transactions, session commands and big values,
/// with hand-overs among them.
fn round(talker: usize, round: usize, workers: usize) -> Script {
    let mut script = Script::new();
    let key = |name: &str| format!("{name}:{talker}");
    let number = Value::Int(round as i64 + 1);
    let to = |step: usize| format!("DEBUG HANDOVER {}", (talker + round * 2 + step) % workers);
    let big = "x".repeat(BIG_BYTES + talker + round);
    script.say(&format!("SET {} {round}", key("a")), Value::ok());
    script.say(&format!("INCR {}", key("counter")), number.clone());
    script.say(&to(0), Value::ok());
    script.say(&format!("GET {}", key("a")), Value::bulk(round.to_string()));
    script.say(&format!("ECHO {round}"), Value::bulk(round.to_string()));
    script.say(&format!("WATCH {}", key("a")), Value::ok());
    script.say("MULTI", Value::ok());
    script.say(&format!("INCR {}", key("b")), Value::simple("QUEUED"));
    script.say("CLIENT GETNAME", Value::simple("QUEUED"));
    script.say(&to(1), Value::simple("QUEUED"));
    script.say(&format!("GET {}", key("counter")), Value::simple("QUEUED"));
    let name = if round == 0 { Value::NullBulk } else { Value::bulk(key("name")) };
    let counter = Value::bulk((round + 1).to_string());
    script.say("EXEC", Value::array([number.clone(), name, Value::ok(), counter]));
    script.say(&format!("CLIENT SETNAME {}", key("name")), Value::ok());
    script.say(&format!("SET {} {big}", key("big")), Value::ok());
    script.say(&format!("MSET {} 1 {} 2 {} 3", key("x"), key("y"), key("z")), Value::ok());
    script.say(&format!("GET {}", key("big")), Value::bulk(&big));
    script.say(&to(2), Value::ok());
    script.say(&format!("STRLEN {}", key("big")), Value::Int(big.len() as i64));
    script.say(&format!("DEL {} {} {}", key("x"), key("y"), key("z")), Value::Int(3));
    script.say("NOSUCH", Value::error("ERR unknown command 'NOSUCH', with args beginning with: "));
    script.say(&format!("INCR {}", key("last")), number);
    script
}

fn talk(client: &mut Client, talker: usize, workers: usize) {
    for number in 0..ROUNDS {
        let Script { commands, replies } = round(talker, number, workers);
        let got = client.pipeline(&commands);
        assert_eq!(got.len(), replies.len());
        for (at, (got, expected)) in got.iter().zip(&replies).enumerate() {
            assert!(got == expected, "talker {talker}, round {number}, reply {at}: {}", commands[at][0]);
        }
    }
}

/// A client that keeps subscribing, hearing its own publisher, and unsubscribing, handed over in between.
fn publish_and_subscribe(server: &Server, workers: usize) {
    let (mut publisher, mut subscriber) = (server.client(), server.client());
    for number in 0..ROUNDS {
        hand_over(&mut subscriber, number % workers);
        subscriber.send_raw("SUBSCRIBE news\r\n");
        let push = |parts: [Value; 3]| Value::array(parts);
        let subscribed = push([Value::bulk("subscribe"), Value::bulk("news"), Value::Int(1)]);
        assert_eq!(subscriber.recv(), subscribed);
        // It waits until the client does not subscribe any more, or the messages would be lost.
        for message in 0..3 {
            hand_over(&mut publisher, (number + message) % workers);
            let text = format!("{number}.{message}");
            assert_eq!(publisher.ask(&format!("PUBLISH news {text}")), Value::Int(1));
            assert_eq!(
                subscriber.recv(),
                push([Value::bulk("message"), Value::bulk("news"), Value::bulk(&text)])
            );
        }
        let unsubscribed = push([Value::bulk("unsubscribe"), Value::bulk("news"), Value::Int(0)]);
        assert_eq!(subscriber.ask("UNSUBSCRIBE news"), unsubscribed);
        assert_eq!(publisher.ask("PUBLISH news nobody"), Value::Int(0));
    }
}

/// A client that waits in a blocking command again and again, on worker after worker.
fn wait_and_push(server: &Server, workers: usize) {
    let (mut waiter, mut pusher) = (server.client(), server.client());
    let id = id_of(&mut waiter);
    for number in 0..ROUNDS {
        waiter.send_raw(format!("DEBUG HANDOVER {}\r\nBLPOP queue none 0\r\n", number % workers));
        assert_eq!(waiter.recv(), Value::ok());
        eventually("it waits", || pusher.ask(&format!("CLIENT LIST ID {id}")).text().contains(" flags=b "));
        hand_over(&mut pusher, (number + 1) % workers);
        let text = number.to_string();
        assert_eq!(pusher.ask(&format!("RPUSH queue {text}")), Value::Int(1));
        assert_eq!(waiter.recv(), Value::array([Value::bulk("queue"), Value::bulk(&text)]));
    }
}

/// A client that tracks a key for a while on each worker.
fn track(server: &Server, workers: usize) {
    let (mut reader, mut writer) = (server.client_resp3(), server.client());
    for number in 0..ROUNDS {
        hand_over(&mut reader, number % workers);
        assert_eq!(reader.ask("CLIENT TRACKING on"), Value::ok());
        reader.ask("GET tracked");
        hand_over(&mut writer, (number + 1) % workers);
        assert_eq!(writer.ask(&format!("SET tracked {number}")), Value::ok());
        let keys = Value::array([Value::bulk("tracked")]);
        assert_eq!(reader.recv(), Value::Push(vec![Value::bulk("invalidate"), keys]));
        assert_eq!(reader.ask("CLIENT TRACKING off"), Value::ok());
    }
}

/// A watched key is watched on whatever worker.
fn watch(server: &Server, workers: usize) {
    let (mut watcher, mut writer) = (server.client(), server.client());
    for number in 0..ROUNDS {
        assert_eq!(watcher.ask("WATCH watched other"), Value::ok());
        hand_over(&mut watcher, number % workers);
        let is_changed = number % 2 == 0;
        if is_changed {
            assert_eq!(writer.ask(&format!("SET watched {number}")), Value::ok());
        }
        assert_eq!(watcher.ask("MULTI"), Value::ok());
        hand_over_queued(&mut watcher, (number + 1) % workers);
        assert_eq!(watcher.ask("ECHO done"), Value::simple("QUEUED"));
        let expected = match is_changed {
            true => Value::NullArray,
            false => Value::array([Value::ok(), Value::bulk("done")]),
        };
        assert_eq!(watcher.ask("EXEC"), expected, "round {number}");
        // One that comes behind must not be forgotten with the one before.
        assert_eq!(watcher.ask("WATCH other"), Value::ok());
        watcher.send_raw(format!("UNWATCH\r\nDEBUG HANDOVER {}\r\nWATCH other\r\n", (number + 2) % workers));
        for _ in 0..3 {
            assert_eq!(watcher.recv(), Value::ok());
        }
        assert_eq!(writer.ask(&format!("SET other {number}")), Value::ok());
        assert_eq!(watcher.ask("MULTI"), Value::ok());
        assert_eq!(watcher.ask("EXEC"), Value::NullArray, "round {number}");
    }
}

fn hand_over_queued(client: &mut Client, worker: usize) {
    assert_eq!(client.ask(&format!("DEBUG HANDOVER {worker}")), Value::simple("QUEUED"));
}

/// Asks for the talkers in CLIENT LIST until it is told to stop: each is there once.
fn list(server: &Server, ids: &[i64], stop: &AtomicBool) -> usize {
    let mut client = server.client();
    let words: Vec<String> = ids.iter().map(i64::to_string).collect();
    let mut looks = 0;
    while !stop.load(Ordering::Relaxed) {
        let text = client.ask("CLIENT LIST").text();
        for word in &words {
            let start = format!("id={word} ");
            let found = text.lines().filter(|line| line.starts_with(&start)).count();
            assert_eq!(found, 1, "client {word} in {text}");
        }
        looks += 1;
    }
    looks
}

#[test]
fn clients_that_are_handed_over_while_they_talk_lose_nothing() {
    if skipped() {
        return;
    }
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let (server, workers) = (server(shards), shards + 1);
        let mut clients: Vec<Client> = (0..TALKERS).map(|_| server.client()).collect();
        let ids: Vec<i64> = clients.iter_mut().map(id_of).collect();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let looks = scope.spawn(|| list(&server, &ids, &stop));
            let _stop = Stop(&stop);
            thread::scope(|scope| {
                for (talker, client) in clients.iter_mut().enumerate() {
                    scope.spawn(move || talk(client, talker, workers));
                }
                scope.spawn(|| publish_and_subscribe(&server, workers));
                scope.spawn(|| wait_and_push(&server, workers));
                scope.spawn(|| track(&server, workers));
                scope.spawn(|| watch(&server, workers));
            });
            stop.store(true, Ordering::Relaxed);
            assert!(looks.join().expect("every client is listed once") > 0);
        });
        let mut client = server.client();
        for talker in 0..TALKERS {
            let last = client.ask(&format!("GET last:{talker}"));
            assert_eq!(last, Value::bulk(ROUNDS.to_string()));
        }
        let connected = |client: &mut Client| client.ask("INFO clients").text();
        let expected = format!("connected_clients:{}\r\n", TALKERS + 1);
        eventually("the clients that have gone are not counted", || {
            connected(&mut client).contains(&expected)
        });
        assert!(!server.log().contains("had no place"), "{}", server.log());
    });
}

#[test]
fn a_client_that_is_just_handed_over_is_killed_once() {
    if skipped() {
        return;
    }
    with_shards(&SHARDS, |shards| {
        let (server, workers) = (server(shards), shards + 1);
        let mut killer = server.client();
        for number in 0..30 {
            let mut client = server.client();
            let id = id_of(&mut client);
            let travels: String =
                (0..200).map(|step| format!("DEBUG HANDOVER {}\r\n", (number + step) % workers)).collect();
            client.send_raw(travels);
            hand_over(&mut killer, number % workers);
            assert_eq!(killer.ask(&format!("CLIENT KILL ID {id}")), Value::Int(1));
            assert_eq!(killer.ask(&format!("CLIENT LIST ID {id}")).text(), "");
            assert_eq!(last_words(&mut client).replace("+OK\r\n", ""), "");
        }
    });
}

#[test]
fn a_client_that_has_closed_its_sending_side_gets_its_replies_from_whatever_worker() {
    if skipped() {
        return;
    }
    with_shards(&SHARDS, |shards| {
        let server = server(shards);
        for worker in 0..=shards {
            let mut client = server.client();
            client
                .send_raw(format!("SET key {worker}\r\nDEBUG HANDOVER {worker}\r\nGET key\r\nECHO end\r\n"));
            client.shutdown_write();
            assert_eq!(last_words(&mut client), format!("+OK\r\n+OK\r\n$1\r\n{worker}\r\n$3\r\nend\r\n"));
        }
    });
}

#[test]
fn replies_that_nobody_reads_go_along() {
    if skipped() {
        return;
    }
    with_shards(&SHARDS, |shards| {
        let (server, workers) = (server(shards), shards + 1);
        let mut client = server.client();
        let value = "v".repeat(1 << 20);
        assert_eq!(client.cmd(&["SET", "key", &value]), Value::ok());
        let rounds = 24;
        let asked: String =
            (0..rounds).map(|round| format!("GET key\r\nDEBUG HANDOVER {}\r\n", round % workers)).collect();
        client.send_raw(asked);
        // Far more than a socket holds is on its way before the first reply is read.
        eventually("it has asked for much", || {
            let info = server.client().ask("INFO stats").text();
            !info.contains("keyspace_hits:0\r\n")
        });
        for _ in 0..rounds {
            assert_eq!(client.recv(), Value::bulk(&value));
            assert_eq!(client.recv(), Value::ok());
        }
        assert_eq!(client.ask("PING"), Value::simple("PONG"));
    });
}

/// A client with more unsent than its socket holds, which it does not read, that asks to be handed over and
/// then for more.
fn who_does_not_read(server: &Server, worker: usize) -> (Client, Value) {
    let mut client = server.client();
    let value = "v".repeat(1 << 20);
    assert_eq!(client.cmd(&["SET", "big", &value]), Value::ok());
    client.send_raw("GET big\r\n".repeat(UNREAD));
    client.send_raw(format!("DEBUG HANDOVER {worker}\r\nINCR done\r\n"));
    (client, Value::bulk(&value))
}

/// Values of a megabyte: more than a socket holds, and less than would keep commands from being executed.
const UNREAD: usize = 15;

#[test]
fn a_client_that_does_not_read_stays_after_a_while_and_goes_on() {
    if skipped() {
        return;
    }
    let (shards, control) = (2, 2);
    let (server, workers) = (server(shards), shards + 1);
    let witness = &mut server.client();
    let mut clients: Vec<_> = (0..workers).map(|worker| who_does_not_read(&server, worker)).collect();
    // One that goes away instead is seen to be gone.
    drop(who_does_not_read(&server, control));
    eventually("it is not there", || client_count(witness) == workers + 1);
    let expected = Value::bulk(workers.to_string());
    eventually("what comes behind is executed", || witness.ask("GET done") == expected);
    for (worker, (client, value)) in clients.iter_mut().enumerate() {
        for _ in 0..UNREAD {
            assert_eq!(client.recv(), *value);
        }
        let reply = client.recv();
        let is_refusal = reply.text().starts_with("ERR the connection stays where it is: ");
        // No client begins on the control worker; others may be where they want to go.
        assert!(is_refusal || (worker != control && reply == Value::ok()), "{reply}");
        assert!(matches!(client.recv(), Value::Int(_)));
        // It can be handed over when it reads.
        hand_over(client, worker);
        assert_eq!(client.ask("PING"), Value::simple("PONG"));
    }
}

#[test]
fn what_is_redirected_to_a_client_follows_it_to_other_workers() {
    if skipped() {
        return;
    }
    with_shards(&SHARDS, |shards| {
        let (server, workers) = (server(shards), shards + 1);
        let (mut target, mut writer) = (server.client_resp3(), server.client());
        let on = format!("CLIENT TRACKING ON REDIRECT {}", id_of(&mut target));
        let mut readers: Vec<Client> = (0..TALKERS).map(|_| server.client()).collect();
        for (number, reader) in readers.iter_mut().enumerate() {
            hand_over(reader, number % workers);
            assert_eq!(reader.ask(&on), Value::ok());
        }
        for round in 0..ROUNDS {
            for (number, reader) in readers.iter_mut().enumerate() {
                assert!(!reader.ask(&format!("GET key{number}")).is_error());
            }
            let travels = 1 + round % 3;
            let asked = (0..travels).map(|step| format!("DEBUG HANDOVER {}\r\n", (round + step) % workers));
            target.send_raw(asked.collect::<String>());
            for number in 0..TALKERS {
                assert_eq!(writer.ask(&format!("SET key{number} {round}")), Value::ok());
            }
            let mut told = [false; TALKERS];
            let mut replies = 0;
            while replies < travels || told.contains(&false) {
                match target.recv() {
                    push @ Value::Push(_) => {
                        for key in keys_of(&push) {
                            let number: usize = key.trim_start_matches("key").parse().expect("a number");
                            assert!(!std::mem::replace(&mut told[number], true), "{key} comes twice");
                        }
                    }
                    reply => {
                        assert_eq!(reply, Value::ok());
                        replies += 1;
                    }
                }
            }
        }
        for reader in &mut readers {
            let info = reader.ask("CLIENT TRACKINGINFO").to_string();
            assert!(!info.contains("broken_redirect"), "{info}");
        }
    });
}

#[test]
fn only_workers_that_there_are_take_clients_and_only_where_debug_is_allowed() {
    if skipped() {
        return;
    }
    with_shards(&SHARDS, |shards| {
        let server = server(shards);
        let mut client = server.client();
        let refusal =
            |worker: i64| Value::error(&format!("ERR there is no worker {worker}: they are 0 to {shards}"));
        for worker in [shards as i64 + 1, -1, 65_536] {
            assert_eq!(client.ask(&format!("DEBUG HANDOVER {worker}")), refusal(worker));
        }
        assert!(client.ask("DEBUG HANDOVER x").is_error());
        assert_eq!(client.ask("PING"), Value::simple("PONG"));
        let refused = start(shards, "").client().ask("DEBUG HANDOVER 0");
        assert!(refused.text().contains("DEBUG command not allowed"), "{refused}");
    });
}
