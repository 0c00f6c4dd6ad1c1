//! `client-workers`: clients are served by as many workers as the directive, or the load, says, and move from
//! worker to worker while they talk when that changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use testkit::{Client, Server, Value};

use crate::scene::{alone, eventually, is_oracle, skip_if, start};

const SHARDS: usize = 3;
const TALKERS: usize = 24;
/// Changes of the directive while the clients talk.
const CHANGES: [usize; 8] = [1, 3, 2, 1, 2, 3, 1, 3];

/// How many clients each worker has, as INFO says.
fn clients_of_workers(client: &mut Client) -> Vec<usize> {
    let text = client.ask("INFO workers").text();
    let clients = |line: &str| {
        let rest = line
            .strip_prefix("worker")
            .filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))?;
        rest.split(',').find_map(|field| field.strip_prefix("clients=")?.trim().parse().ok())
    };
    text.lines().filter_map(clients).collect()
}

/// Counts up, in pipelines whose keys lie on all shards, until it is told to stop. Returns how far it has
/// come.
fn talk(client: &mut Client, talker: usize, stop: &AtomicBool) -> i64 {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let commands: Vec<Vec<String>> = (0..8)
            .map(|part| vec!["INCR".to_owned(), format!("count:{talker}:{part}")])
            .chain([vec!["ECHO".to_owned(), number.to_string()]])
            .collect();
        let replies = client.pipeline(&commands);
        let (echo, counts) = replies.split_last().expect("as many replies as commands");
        assert!(counts.iter().all(|count| *count == Value::Int(number)), "talker {talker}: {counts:?}");
        assert_eq!(*echo, Value::bulk(number.to_string()));
    }
    number
}

fn clients(server: &Server, count: usize) -> Vec<Client> {
    (0..count).map(|_| server.client()).collect()
}

#[test]
fn clients_move_to_the_workers_that_take_clients_and_lose_nothing() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    let _alone = alone();
    let server = start(SHARDS, "");
    let mut talkers = clients(&server, TALKERS);
    let mut asker = server.client();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        let talks: Vec<_> = talkers
            .iter_mut()
            .enumerate()
            .map(|(talker, client)| scope.spawn(move || (talker, talk(client, talker, stop))))
            .collect();
        let moved = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for count in CHANGES {
                assert_eq!(asker.ask(&format!("CONFIG SET client-workers {count}")), Value::ok());
                // A busy client goes when it has taken its replies, which may be late on a loaded machine.
                thread::sleep(Duration::from_millis(400));
            }
        }));
        stop.store(true, Ordering::Relaxed);
        for talk in talks {
            let (talker, number) = talk.join().expect("every reply is as it should be");
            assert!(number > 0);
            assert_eq!(asker.ask(&format!("GET count:{talker}:0")), Value::bulk(number.to_string()));
        }
        if let Err(panic) = moved {
            std::panic::resume_unwind(panic);
        }
    });
    for (count, expected) in [(1, [TALKERS + 1, 0, 0]), (SHARDS, [9, 8, 8])] {
        assert_eq!(asker.ask(&format!("CONFIG SET client-workers {count}")), Value::ok());
        eventually("the clients are where they should be", || {
            let clients = clients_of_workers(&mut asker);
            let is_near = |(have, wanted): (&usize, &usize)| have.abs_diff(*wanted) <= 5;
            clients.iter().sum::<usize>() == TALKERS + 1
                && (count > 1 || clients == expected)
                && clients.iter().zip(&expected).all(is_near)
        });
    }
    assert!(!server.log().contains("had no place"), "{}", server.log());
}

#[test]
fn one_worker_takes_all_clients_while_there_is_little_to_do() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    let server = start(SHARDS, "--workers-by-load yes --client-workers 0");
    let mut idle = clients(&server, TALKERS);
    let mut asker = server.client();
    eventually("the first worker has them all", || clients_of_workers(&mut asker) == [TALKERS + 1, 0, 0]);
    assert!(asker.ask("INFO workers").text().contains("client_workers:1\r\n"));
    for client in &mut idle {
        assert_eq!(client.ask("PING"), Value::simple("PONG"));
    }
}
