//! What all workers hold alike changes in one order, whoever changes it.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use testkit::port::PortLease;
use testkit::{Client, Server, TempDir, Value};

use crate::bare::Bare;
use crate::scene::{is_oracle, start, with_shards};

/// Clients of a server that have been accepted; the kernel spreads them over its workers.
fn clients(server: &Server, count: usize) -> Vec<Client> {
    let connected = (0..count).map(|_| {
        let mut client = server.client();
        client.ask("PING");
        client
    });
    connected.collect()
}

fn value(client: &mut Client, name: &str) -> String {
    client.ask(&format!("CONFIG GET {name}")).as_slice().unwrap()[1].text()
}

/// Has each of `lines` sent by a client of its own, all at once. All must be done.
fn at_once(clients: &mut [Client], lines: &[String]) {
    let barrier = Barrier::new(lines.len());
    thread::scope(|scope| {
        for (client, line) in clients.iter_mut().zip(lines) {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                assert_eq!(client.ask(line), Value::ok(), "{line}");
            });
        }
    });
}

#[test]
fn of_several_config_sets_at_once_none_is_lost() {
    with_shards(&[3], |shards| {
        let server = start(shards, "");
        let mut writers = clients(&server, 12);
        let mut readers = clients(&server, 12);
        let names = ["maxmemory-samples", "lfu-decay-time", "lfu-log-factor", "timeout"];
        for round in 1..=60 {
            writers.rotate_left(1);
            let lines: Vec<String> = names.iter().map(|name| format!("CONFIG SET {name} {round}")).collect();
            at_once(&mut writers, &lines);
            for reader in &mut readers {
                for name in names {
                    assert_eq!(value(reader, name), round.to_string(), "{name} in round {round}");
                }
            }
        }
    });
}

#[test]
fn of_several_values_of_one_directive_all_workers_hold_the_same() {
    with_shards(&[3], |shards| {
        let server = start(shards, "");
        let mut writers = clients(&server, 12);
        let mut readers = clients(&server, 12);
        for round in 0..60 {
            writers.rotate_left(1);
            let lines: Vec<String> =
                (1..=4).map(|number| format!("CONFIG SET hz {}", round % 100 + number)).collect();
            at_once(&mut writers, &lines);
            let seen: BTreeSet<String> = readers.iter_mut().map(|reader| value(reader, "hz")).collect();
            assert_eq!(seen.len(), 1, "{seen:?} in round {round}");
        }
    });
}

#[test]
fn a_password_that_was_set_beside_something_else_holds_on_every_worker() {
    with_shards(&[3], |shards| {
        let server = start(shards, "");
        let mut writers = clients(&server, 12);
        for round in 0..30 {
            writers.rotate_left(1);
            let lines =
                ["CONFIG SET requirepass secret", "CONFIG SET maxmemory-samples 7"].map(str::to_owned);
            at_once(&mut writers, &lines);
            for mut stranger in clients(&server, 12) {
                let refused = Value::error("NOAUTH Authentication required.");
                assert_eq!(stranger.ask("GET x"), refused, "in round {round}");
            }
            assert_eq!(writers[0].cmd(&["CONFIG", "SET", "requirepass", ""]), Value::ok());
        }
    });
}

#[test]
fn a_refused_config_set_is_answered_with_its_reason_and_changes_nothing() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        for mut client in clients(&server, 8) {
            let before = value(&mut client, "timeout");
            let reply = client.ask("CONFIG SET timeout 7 maxclients 0");
            assert!(reply.text().contains("argument must be between 1 and"), "{reply}");
            let replies = client.pipeline(&[
                &["MULTI"][..],
                &["CONFIG", "SET", "timeout", "x"],
                &["CONFIG", "SET", "lfu-decay-time", "3"],
                &["CONFIG", "REWRITE"],
                &["EXEC"],
            ]);
            let elements = replies[4].as_slice().unwrap();
            assert!(elements[0].is_error() && elements[2].is_error(), "{elements:?}");
            assert_eq!(elements[1], Value::ok());
            assert_eq!(value(&mut client, "timeout"), before);
        }
    });
}

#[test]
fn a_config_set_in_a_pipeline_stays_between_the_commands_before_and_behind_it() {
    with_shards(&[4], |shards| {
        let server = start(shards, "");
        let mut subscriber = server.client();
        subscriber.ask("PSUBSCRIBE __keyspace@*");
        for mut client in clients(&server, 8) {
            for round in 0..5 {
                let keys: Vec<String> = (0..16).map(|number| format!("k{round}:{number}")).collect();
                let mut pipeline: Vec<Vec<&str>> = keys.iter().map(|key| vec!["SET", key, "1"]).collect();
                pipeline.push("CONFIG SET notify-keyspace-events KA".split(' ').collect());
                pipeline.push(vec!["DEL", &keys[0]]);
                pipeline.push(vec!["CONFIG", "SET", "notify-keyspace-events", ""]);
                pipeline.extend(keys.iter().map(|key| vec!["SET", key, "2"]));
                client.pipeline(&pipeline);
                let told = subscriber.recv();
                let told: Vec<String> = told.as_slice().unwrap()[2..].iter().map(Value::text).collect();
                assert_eq!(told, [format!("__keyspace@0__:{}", keys[0]), "del".to_owned()]);
            }
        }
    });
}

#[test]
fn a_rewritten_file_has_what_was_set_before_on_whatever_worker() {
    let folder = TempDir::new().unwrap();
    let port = PortLease::take().unwrap();
    let number = port.port().to_string();
    std::fs::write(folder.path().join("node.conf"), "maxmemory-samples 5\n").unwrap();
    let words = ["node.conf", "--port", &number, "--bind", "127.0.0.1"];
    let shards: &[&str] = if is_oracle() { &[] } else { &["--shards", "3"] };
    let mut process = Bare::spawn(folder, &[&words[..], shards].concat());
    process.wait_until_ready();
    let connect = |_| Client::connect(("127.0.0.1", port.port())).unwrap();
    let mut writers: Vec<Client> = (0..12).map(connect).collect();
    for round in 11..=40 {
        writers.rotate_left(1);
        assert_eq!(writers[0].ask(&format!("CONFIG SET maxmemory-samples {round}")), Value::ok());
        at_once(&mut writers[1..], &["CONFIG REWRITE".to_owned(), "CONFIG REWRITE".to_owned()]);
        let text = std::fs::read_to_string(process.folder().join("node.conf")).unwrap();
        assert!(text.contains(&format!("maxmemory-samples {round}\n")), "{text}");
    }
}
