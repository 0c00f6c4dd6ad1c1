//! Clients that are taken to the workers that shall serve them.

use std::sync::Arc;

use shards::slot::ShardId;

use super::{Worker, call, client, read, stream, workers};
use crate::config::Config;

/// Turns within which a client has gone.
const TURNS_MAX: usize = 20;

/// Workers of which so many take clients.
fn serving(count: usize, of: usize) -> Vec<Worker> {
    let mut workers = workers(of);
    let config = Arc::new(Config { client_workers: count as u16, ..Config::default() });
    workers[0].node.client_workers.set_count(count);
    workers.iter_mut().for_each(|worker| worker.config = Arc::clone(&config));
    workers
}

/// A client that is counted at its worker.
fn seated(worker: &mut Worker) -> u32 {
    let index = client(worker);
    worker.clients.at(index).seat = worker.node.client_workers.seat(worker.id);
    index
}

fn turns(workers: &mut [Worker]) {
    for _ in 0..TURNS_MAX {
        workers.iter_mut().for_each(Worker::turn);
    }
}

#[test]
fn a_surplus_is_given_up_once_however_late_it_arrives() {
    let mut workers = serving(2, 2);
    for _ in 0..10 {
        seated(&mut workers[0]);
    }
    // The other worker has no turn meanwhile.
    for _ in 0..5 {
        workers[0].balance();
        workers[0].turn();
    }
    let leaving = workers[0].clients.present().filter(|client| client.departure.is_some()).count();
    assert_eq!(leaving, 5);
    turns(&mut workers);
    assert_eq!([0, 1].map(|at: usize| workers[at].client_count), [5, 5]);
}

#[test]
fn one_that_stays_after_all_is_counted_where_it_is() {
    let mut workers = serving(1, 2);
    let stays = seated(&mut workers[1]);
    // A reply that does not come.
    workers[1].clients.at(stays).replies.reserve(true);
    workers[1].balance();
    assert!(workers[1].clients.at(stays).departure.is_some());
    let surplus = |workers: &[Worker]| workers[0].node.client_workers.surplus(ShardId(1));
    assert_eq!(surplus(&workers), 0);
    workers[1].refuse_hand_over(stays);
    assert_eq!(surplus(&workers), 1);
}

#[test]
fn a_client_that_is_always_in_a_command_goes_between_two() {
    let mut workers = serving(1, 2);
    let (busy, other) = (seated(&mut workers[1]), stream(&mut workers[1]));
    let id = workers[1].clients.at(busy).session.id;
    call(&mut workers[1], busy, "BLPOP list 0");
    // What comes behind it waits, and begins with a command that lets it wait again.
    workers[1].execute_received(busy, b"BLPOP none list 0\r\nPING\r\n");
    turns(&mut workers);
    workers[1].balance();
    turns(&mut workers);
    assert!(workers[1].clients.at(busy).departure.is_none(), "it is in a command");
    call(&mut workers[1], other, "RPUSH list one");
    turns(&mut workers);
    let there = workers[0].clients.present().find(|client| client.session.id == id);
    let there = there.expect("it has gone").index;
    assert_eq!(read(&mut workers[0], there), "*2 $4 list $3 one");
    call(&mut workers[1], other, "RPUSH list two");
    turns(&mut workers);
    assert_eq!(read(&mut workers[0], there), "*2 $4 list $3 two +PONG");
}
