//! One client that sends a deep pipeline does not keep others waiting for its end. Nothing is timed: what
//! others read of a counter, which the pipeline increments, tells how far that has come when they are
//! answered.

use std::sync::Barrier;
use std::thread;

use testkit::client::encode_into;
use testkit::{Client, Server, Value};

use crate::scene::{alone, start, with_shards};

const COMMANDS: usize = 200_000;
/// Clients that ask one thing at a time.
const ASKERS: usize = 4;
/// Bytes of a value in every second command, or in its reply.
const VALUE_LEN: usize = 500;
/// What one client gets of a turn at most, in bytes of requests: those of a worker's provided buffers
/// (`BUFFERS` of `BUFFER_BYTES`). So the pipeline takes many turns. Whoever has asked before a turn begins is
/// answered in it.
const TURN_INPUT_BYTES_MAX: usize = 1 << 20;
/// In bytes of replies: `STEP_OUTPUT_BYTES`, and as many in the place of what is sent meanwhile
/// (`SEND_BYTES_MAX`).
const TURN_OUTPUT_BYTES_MAX: usize = 2 << 20;
/// A client that is answered in one turn may have asked again too late for the next one.
const TURNS_PER_ANSWER_MAX: usize = 2;

/// Sends a pipeline of which every second command increments the counter, and lets others ask for it one at a
/// time until all is done. Returns how many answers each of them has got in the midst of it.
fn answers_meanwhile(server: &Server, other: &[&str]) -> Vec<usize> {
    let begun = Barrier::new(ASKERS + 1);
    let mut bytes = Vec::new();
    for _ in 0..COMMANDS / 2 {
        encode_into(&mut bytes, &["INCR", "counter"]);
        encode_into(&mut bytes, other);
    }
    thread::scope(|scope| {
        let askers: Vec<_> = (0..ASKERS)
            .map(|_| {
                let (mut client, begun) = (server.client(), &begun);
                scope.spawn(move || {
                    assert_eq!(client.ask("PING"), Value::simple("PONG"));
                    begun.wait();
                    counts_seen(&mut client)
                })
            })
            .collect();
        let mut sender = server.client();
        begun.wait();
        let replies = sender.try_exchange(&bytes, COMMANDS).expect("all are answered");
        let counts = replies.iter().step_by(2).zip(1..);
        counts.for_each(|(reply, count)| assert_eq!(*reply, Value::Int(count)));
        askers.into_iter().map(|asker| asker.join().expect("every question is answered")).collect()
    })
}

/// Asks until the pipeline is through.
fn counts_seen(client: &mut Client) -> usize {
    let mut seen = 0;
    loop {
        let count: usize = client.ask("GET counter").text().parse().unwrap_or(0);
        if count == COMMANDS / 2 {
            return seen;
        }
        seen += usize::from(count > 0);
    }
}

/// Lets the pipeline run on 1 and 2 shards. A turn takes at most so many bytes of the
/// values in it.
fn others_are_answered(other: &[&str], turn_bytes_max: usize) {
    let answers_min = COMMANDS / 2 * VALUE_LEN / turn_bytes_max / TURNS_PER_ANSWER_MAX;
    with_shards(&[1, 2], |shards| {
        let server = start(shards, &format!("--client-workers {shards}"));
        assert_eq!(server.client().cmd(&["SET", "big", &"v".repeat(VALUE_LEN)]), Value::ok());
        let answers = answers_meanwhile(&server, other);
        println!("answers to each client in the midst of the pipeline, {answers_min} at least: {answers:?}");
        assert!(answers.iter().all(|&answers| answers >= answers_min), "{answers:?}");
    });
}

#[test]
fn others_are_answered_in_the_midst_of_a_pipeline_of_many_bytes() {
    let _alone = alone();
    let value = "v".repeat(VALUE_LEN);
    others_are_answered(&["SET", "another", &value], TURN_INPUT_BYTES_MAX);
}

#[test]
fn others_are_answered_in_the_midst_of_a_pipeline_with_replies_of_many_bytes() {
    let _alone = alone();
    others_are_answered(&["GET", "big"], TURN_OUTPUT_BYTES_MAX);
}
