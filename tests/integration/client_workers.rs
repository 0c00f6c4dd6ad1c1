//! `client-workers`: clients are served by as many workers as the directive, or the load, says, and move from
//! worker to worker while they talk when that changes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use testkit::client::{encode, encode_into};
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

/// What a client asks for in one round, and what it is told.
type Round = (Vec<Vec<String>>, Vec<Value>);

fn round(lines: &[(String, Value)]) -> Round {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    lines.iter().map(|(line, reply)| (words(line), reply.clone())).unzip()
}

/// The manners of talking: in pipelines whose keys lie on all shards; in commands of several shards; in
/// transactions with commands of the session; and in commands that block.
const MANNERS: [fn(usize, i64) -> Round; 4] = [
    |talker, number| {
        let count = |part| (format!("INCR count:{talker}:{part}"), Value::Int(number));
        let mut lines: Vec<_> = (0..8).map(count).collect();
        lines.push((format!("ECHO {number}"), Value::bulk(number.to_string())));
        round(&lines)
    },
    |talker, number| {
        let keys = |part: &str| (0..4).map(|at| format!(" {at}:{talker}{part}")).collect::<String>();
        let read = Value::array((0..4).map(|_| Value::bulk(number.to_string())));
        round(&[
            (format!("MSET{}", keys(&format!(" {number}"))), Value::ok()),
            (format!("MGET{}", keys("")), read),
            (format!("INCR count:{talker}:0"), Value::Int(number)),
        ])
    },
    |talker, number| {
        let queued = || Value::simple("QUEUED");
        let done = [Value::Int(number), Value::simple("PONG"), Value::Int(number)];
        round(&[
            ("MULTI".to_owned(), Value::ok()),
            (format!("INCR count:{talker}:0"), queued()),
            ("PING".to_owned(), queued()),
            (format!("INCR count:{talker}:1"), queued()),
            ("EXEC".to_owned(), Value::array(done)),
        ])
    },
    |talker, number| {
        let served = ["list".to_owned() + &talker.to_string(), number.to_string()].map(Value::bulk);
        round(&[
            (format!("RPUSH list{talker} {number}"), Value::Int(1)),
            (format!("BLPOP none{talker} list{talker} 0"), Value::array(served)),
            (format!("INCR count:{talker}:0"), Value::Int(number)),
        ])
    },
];

/// Counts up in one of the manners until it is told to stop. Some clients wait for the replies of a round,
/// others are never without commands under way. Returns how far it has come.
fn talk(client: &mut Client, talker: usize, stop: &AtomicBool) -> i64 {
    let manner = MANNERS[talker % MANNERS.len()];
    let rounds_under_way = 1 + talker / MANNERS.len() % 3;
    let (mut number, mut under_way) = (0, VecDeque::new());
    loop {
        while under_way.len() < rounds_under_way && !stop.load(Ordering::Relaxed) {
            number += 1;
            let (commands, replies) = manner(talker, number);
            let mut bytes = Vec::new();
            commands.iter().for_each(|words| encode_into(&mut bytes, words));
            client.send_raw(bytes);
            under_way.push_back((commands, replies));
        }
        let Some((commands, replies)) = under_way.pop_front() else { return number };
        for (words, expected) in commands.iter().zip(replies) {
            assert_eq!(client.recv(), expected, "talker {talker}: {}", words.join(" "));
        }
    }
}

fn clients(server: &Server, count: usize) -> Vec<Client> {
    (0..count).map(|_| server.client()).collect()
}

/// Waits until the first `count` workers serve all clients, to about equal shares.
fn await_shares(asker: &mut Client, count: usize) {
    let share = (TALKERS + 1) / count;
    let mut last = Vec::new();
    eventually("the clients are where they should be", || {
        last = clients_of_workers(asker);
        let (serving, others) = last.split_at(count);
        others.iter().all(|&clients| clients == 0)
            && serving.iter().sum::<usize>() == TALKERS + 1
            // A difference of twice two and an eighth of a share is left alone.
            && serving.iter().max() <= serving.iter().min().map(|least| least + 4 + share / 4).as_ref()
    });
}

/// Changes the number of workers that take clients again and again, while all clients talk, and so many
/// threads have the processors.
fn move_talkers(busy_threads: usize) {
    let server = start(SHARDS, "");
    let mut talkers = clients(&server, TALKERS);
    let mut asker = server.client();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = &stop;
        for _ in 0..busy_threads {
            scope.spawn(move || while !stop.load(Ordering::Relaxed) {});
        }
        let talks: Vec<_> = talkers
            .iter_mut()
            .enumerate()
            .map(|(talker, client)| scope.spawn(move || (talker, talk(client, talker, stop))))
            .collect();
        let moved = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for count in CHANGES {
                assert_eq!(asker.ask(&format!("CONFIG SET client-workers {count}")), Value::ok());
                await_shares(&mut asker, count);
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
    // Those that say nothing more move as well.
    for count in [1, SHARDS] {
        assert_eq!(asker.ask(&format!("CONFIG SET client-workers {count}")), Value::ok());
        await_shares(&mut asker, count);
    }
    assert!(!server.log().contains("had no place"), "{}", server.log());
}

#[test]
fn clients_move_to_the_workers_that_take_clients_and_lose_nothing() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    let _alone = alone();
    move_talkers(0);
}

#[test]
fn busy_clients_move_where_they_should_on_a_machine_without_time() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    let _alone = alone();
    move_talkers(2 * thread::available_parallelism().map_or(1, usize::from));
}

#[test]
fn a_client_that_does_not_read_goes_on_where_it_is_and_moves_when_it_has_read() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    // More than sockets hold, and less than what stops a client.
    const VALUE_BYTES: usize = 14 << 20;
    let server = start(SHARDS, "");
    let mut asker = server.client();
    let value = vec![b'v'; VALUE_BYTES];
    assert_eq!(asker.cmd(&[b"SET", &b"big"[..], &value]), Value::ok());
    let mut silent = clients(&server, 6);
    for client in &mut silent {
        client.send_raw(encode(&["GET", "big"]));
    }
    assert_eq!(asker.ask("CONFIG SET client-workers 1"), Value::ok());
    eventually("the asker alone has moved, or was there", || {
        let clients = clients_of_workers(&mut asker);
        clients.iter().sum::<usize>() == 7 && clients[0] < 7
    });
    for (number, client) in silent.iter_mut().enumerate() {
        client.send_raw(encode(&["SET", &format!("told:{number}"), "yes"]));
    }
    for number in 0..silent.len() {
        eventually("what it sends is done", || {
            asker.ask(&format!("GET told:{number}")) == Value::bulk("yes")
        });
    }
    assert!(clients_of_workers(&mut asker)[0] < 7);
    for client in &mut silent {
        assert!(client.recv() == Value::bulk(&value), "the value");
        assert_eq!(client.recv(), Value::ok());
    }
    eventually("they have moved", || clients_of_workers(&mut asker) == [7, 0, 0]);
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
