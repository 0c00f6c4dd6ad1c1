//! SCAN under a seeded scheduler, over keys whose slots move and of which some are lent to transactions: a
//! key that is there from the first call to the last is seen.

use std::collections::BTreeSet;

use super::super::node::{Events, Node, Request};
use super::super::{START_MS, elements, lookup};
use super::for_each_seed;
use crate::args::OwnedArgs;
use crate::random::Random;
use crate::slot::{ShardId, SlotId};

const KEYS: usize = 40;
/// Steps of one call after which a simulation is taken to go in circles.
const STEPS_MAX: usize = 20_000;

fn send(node: &mut Node, connection: usize, line: &str) {
    let args: OwnedArgs = line.split(' ').collect();
    node.request(connection, lookup(args.as_args()), args);
}

fn a_walk_sees_all(seed: u64) -> Events {
    let mut random = Random::new(seed);
    let shards = 2 + random.below(3);
    let mut node = Node::new(shards, 512 << 20);
    node.set_now(START_MS);
    node.slow_down(&mut random, [1, 4, 30][seed as usize % 3]);
    let mut connect = |random: &mut Random| node.connect(ShardId(random.below(shards) as u16));
    let [walker, writer, mover] = [0; 3].map(|_| connect(&mut random));
    let names: Vec<String> = (0..KEYS).map(|number| format!("k{}", seed as usize + number)).collect();
    names.iter().for_each(|name| send(&mut node, writer, &format!("SET {name} v")));
    while node.step_at_random(&mut random) {}
    let (mut seen, mut cursor) = (BTreeSet::new(), "0".to_owned());
    loop {
        send(&mut node, walker, &format!("SCAN {cursor} COUNT {}", 1 + random.below(2 * KEYS)));
        let mut steps = 0;
        let reply = loop {
            if let Some(finished) = node.take_reply(walker) {
                break finished.reply;
            }
            let (one, other) = (&names[random.below(KEYS)], &names[random.below(KEYS)]);
            match random.below(12) {
                0 => {
                    let to = ShardId(random.below(shards) as u16);
                    node.ask(mover, Request::MoveSlot(SlotId::of(one.as_bytes()), to));
                }
                2 if random.one_in(4) => node.deal(1 + random.below(shards), &names),
                // The value of the one becomes that of the other: both are lent, and are there before and
                // after.
                1 => send(&mut node, writer, &format!("COPY {one} {other} REPLACE")),
                _ => _ = node.step_at_random(&mut random),
            }
            for connection in [writer, mover] {
                while node.take_reply(connection).is_some() {}
            }
            steps += 1;
            assert!(steps < STEPS_MAX, "a walk does not come back");
        };
        let mut words = elements(&reply).into_iter();
        cursor = words.next().expect("a cursor");
        seen.extend(words);
        if cursor == "0" {
            break;
        }
    }
    let missed: Vec<&String> = names.iter().filter(|name| !seen.contains(*name)).collect();
    assert!(missed.is_empty(), "the walk has passed over {missed:?}");
    while node.step_at_random(&mut random) {}
    assert!(node.is_quiet(), "walks or transactions are left behind");
    node.events()
}

#[test]
fn a_walk_sees_every_key_while_slots_move() {
    let test = "walks::a_walk_sees_every_key_while_slots_move";
    if let Some(events) = for_each_seed(test, 200, a_walk_sees_all) {
        assert!(events.moves > 500 && events.transactions > 500 && events.parked > 10, "{events:?}");
    }
}
