//! Many publishers and subscribers at once: every message comes once, and in one order for all.

use std::collections::HashMap;
use std::thread;

use testkit::{Client, Server, Value};

use crate::pubsub::{CROWD, SHARDS, crowd, get, push};
use crate::scene::{start, with_shards};

/// What one publisher sends, in order: its own number and a number that grows.
#[derive(Clone, Copy)]
struct Plan {
    publishers: usize,
    messages: usize,
    channels: usize,
}

const PLAN: Plan = Plan { publishers: 4, messages: 400, channels: 5 };

/// Publishes in pipelines of random length, to random channels; each message has `receivers` receivers.
fn publish(server: &Server, publisher: usize, receivers: usize) {
    let mut random = fastrand::Rng::with_seed(publisher as u64);
    let mut client = server.client();
    let mut sent = 0;
    while sent < PLAN.messages {
        let count = random.usize(1..40).min(PLAN.messages - sent);
        let mut channel = random.usize(..PLAN.channels);
        let mut commands = Vec::new();
        for number in sent..sent + count {
            // Runs of one channel and changes of channels both happen.
            if random.u8(..4) == 0 {
                channel = random.usize(..PLAN.channels);
            }
            commands.push(["PUBLISH".into(), format!("channel:{channel}"), format!("{publisher} {number}")]);
        }
        for reply in client.pipeline(&commands) {
            assert_eq!(reply, Value::Int(receivers as i64));
        }
        sent += count;
    }
}

/// Takes in all messages; returns them by channel. Checks that those of each publisher come in order, each
/// once.
fn take_in(client: &mut Client) -> HashMap<String, Vec<String>> {
    let mut next = [0; PLAN.publishers];
    let mut of_channel: HashMap<String, Vec<String>> = HashMap::new();
    for _ in 0..PLAN.publishers * PLAN.messages {
        let message = client.recv();
        let parts: Vec<String> = message.as_slice().unwrap().iter().map(Value::text).collect();
        let [.., channel, payload] = &parts[..] else { panic!("{message}") };
        let (publisher, number) = payload.split_once(' ').unwrap();
        let (publisher, number): (usize, usize) = (publisher.parse().unwrap(), number.parse().unwrap());
        assert_eq!(number, next[publisher], "the next message of publisher {publisher}");
        next[publisher] += 1;
        of_channel.entry(channel.clone()).or_default().push(payload.clone());
    }
    of_channel
}

#[test]
fn all_messages_come_once_in_the_order_of_their_publisher_and_alike_at_all_subscribers() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut subscribers: Vec<Client> = crowd(&server).into_iter().map(|(_, client)| client).collect();
        for (index, client) in subscribers.iter_mut().enumerate() {
            if index % 3 == 0 {
                client.ask("PSUBSCRIBE channel:*");
            } else {
                (0..PLAN.channels)
                    .for_each(|channel| _ = client.ask(&format!("SUBSCRIBE channel:{channel}")));
            }
        }
        let server = &server;
        let seen: Vec<_> = thread::scope(|scope| {
            let readers: Vec<_> =
                subscribers.iter_mut().map(|client| scope.spawn(move || take_in(client))).collect();
            for publisher in 0..PLAN.publishers {
                scope.spawn(move || publish(server, publisher, CROWD));
            }
            readers.into_iter().map(|reader| reader.join().unwrap()).collect()
        });
        assert_eq!(seen[0].values().map(Vec::len).sum::<usize>(), PLAN.publishers * PLAN.messages);
        for other in &seen[1..] {
            assert!(*other == seen[0], "two subscribers saw the messages of a channel in different orders");
        }
        // Nothing comes twice.
        for client in &mut subscribers {
            client.send_raw("PUNSUBSCRIBE channel:*\r\n");
            assert_eq!(client.recv().as_slice().unwrap()[0], Value::bulk("punsubscribe"));
        }
    });
}

#[test]
fn subscribing_and_publishing_at_once_loses_nothing_that_was_acknowledged() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let server = &server;
        thread::scope(|scope| {
            for worker in 0..4 {
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(worker);
                    let mut subscriber = server.client_resp3();
                    let mut publisher = server.client();
                    for round in 0..300 {
                        let channel = format!("{worker}:{}", random.u8(..5));
                        let acknowledgement = push(true, &["subscribe", &channel, ":1"]);
                        assert_eq!(subscriber.ask(&format!("SUBSCRIBE {channel}")), acknowledgement);
                        let round = round.to_string();
                        assert_eq!(publisher.cmd(&["PUBLISH", &channel, &round]), Value::Int(1));
                        // Answered: the message is in the output, before whatever comes next.
                        subscriber.send_raw(format!("UNSUBSCRIBE {channel}\r\n"));
                        get(true, &mut subscriber, &["message", &channel, &round]);
                        get(true, &mut subscriber, &["unsubscribe", &channel, ":0"]);
                        assert_eq!(publisher.cmd(&["PUBLISH", &channel, &round]), Value::Int(0));
                    }
                });
            }
        });
    });
}
