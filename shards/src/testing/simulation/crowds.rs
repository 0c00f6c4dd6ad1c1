//! Many clients, whose histories are too long to be searched: sums, pairs and counts must be right.

use super::{Churn, Scene, for_each_seed};
use crate::slot::ShardId;
use crate::testing::history::Operation;
use crate::testing::model::Call;
use crate::testing::node::Events;

/// The sum of the two accounts of a pair, always.
const SUM: usize = 1000;

/// Transfers between the accounts of pairs, readers of several pairs, pairs of flags that come and go
/// together, and a counter. Accounts are the first keys, flags the ones behind them, the counter is the last.
fn transfer_or_look(scene: &mut Scene) -> String {
    let pair_count = (scene.keys.len() - 1) / 4;
    let one = 2 * scene.random.below(pair_count);
    let other = 2 * scene.random.below(pair_count);
    let account = |index: usize| scene.keys[index].clone();
    let flag = |index: usize| scene.keys[2 * pair_count + index].clone();
    let amount = scene.random.below(SUM + 1);
    match scene.random.below(10) {
        0..=2 => {
            let transfer =
                |at: usize| format!(" {} {amount} {} {}", account(at), account(at + 1), SUM - amount);
            format!("MSET{}{}", transfer(one), transfer(other))
        }
        3..=5 => {
            let [a, b, c, d] = [one, one + 1, other, other + 1].map(account);
            format!("MGET {d} {a} {b} {c}")
        }
        6 => format!("MSETNX {} 1 {} 1", flag(one), flag(one + 1)),
        7 => format!("DEL {} {}", flag(one + 1), flag(one)),
        8 => format!("EXISTS {} {}", flag(one), flag(one + 1)),
        _ => format!("INCR {}", scene.keys[4 * pair_count]),
    }
}

fn sums_never_change(seed: u64) -> Events {
    let pair_count = 2 + (seed % 5) as usize;
    let mut scene = Scene::new(seed, 2..=8, 4 * pair_count + 1, 40, 2000);
    scene.churn = Churn {
        moves: [0, 50][seed as usize % 2],
        deals: [0, 500][seed as usize / 2 % 2],
        ..Churn::default()
    };
    scene.play(|scene, _| vec![transfer_or_look(scene)]);
    scene.read_all(1, true);
    for reply in scene.replies("MGET") {
        let [d, a, b, c] = values(&reply)[..] else { panic!("four values, not {reply}") };
        for (one, other) in [(a, b), (c, d)] {
            let sum = one.zip(other).map(|(one, other)| one + other);
            assert!(sum == Some(SUM) || (one, other) == (None, None), "half a transfer: {reply}");
        }
    }
    for reply in scene.replies("EXISTS").chain(scene.replies("DEL")) {
        assert!([":0\r\n", ":2\r\n"].contains(&reply.as_str()), "half a pair: {reply}");
    }
    let mut counts: Vec<_> = scene.replies("INCR").collect();
    counts.sort_by_key(|reply| reply[1..].trim_end().parse::<usize>().ok());
    let expected: Vec<_> = (1..=counts.len()).map(|count| format!(":{count}\r\n")).collect();
    assert_eq!(counts, expected, "updates are lost");
    let found = scene.replies("GET").filter(|reply| reply != "$-1\r\n").count();
    assert_eq!(scene.replies("DBSIZE").last(), Some(format!(":{found}\r\n")), "entries on the wrong shard");
    scene.events()
}

/// The bulk strings of an array reply, as numbers.
fn values(reply: &str) -> Vec<Option<usize>> {
    let mut lines = reply.split("\r\n").skip(1);
    let mut values = Vec::new();
    while let Some(header) = lines.next().filter(|line| !line.is_empty()) {
        values.push((header != "$-1").then(|| lines.next()?.parse().ok()).flatten());
    }
    values
}

#[test]
fn crowds_never_see_half_a_transaction() {
    let events = for_each_seed("crowds::crowds_never_see_half_a_transaction", 30, sums_never_change);
    if let Some(events) = events {
        assert!(events.transactions > 40_000 && events.moves > 500, "{events:?}");
        assert!(events.refused > 1000 && events.lent_in_vain > 50 && events.parked > 1000, "{events:?}");
    }
}

/// A crowd that does nothing but read two keys together, and one client that sets one of them.
fn a_writer_among_readers_gets_its_turn(seed: u64) -> Events {
    const READERS: usize = 12;
    let mut scene = Scene::new(seed, 2..=2, 20, READERS + 1, (READERS + 1) * 50);
    let on = |shard| scene.keys.iter().find(|&key| scene.node.owner(key.as_bytes()) == ShardId(shard));
    let (Some(set), Some(other)) = (on(0).cloned(), on(1).cloned()) else { panic!("keys on both shards") };
    scene.play(|scene, client| match client {
        0 => vec![format!("SET {set} {}", scene.history.len())],
        _ => vec![format!("MGET {set} {other}")],
    });
    let is_set = |done: &&Operation<Call>| matches!(&done.call, Call::Command(_, words) if words[0] == "SET");
    let (sets, reads): (Vec<_>, Vec<_>) = scene.history.iter().partition(is_set);
    for set in sets {
        let overtaking =
            |read: &&&Operation<Call>| set.invoked < read.invoked && read.returned < set.returned;
        let count = reads.iter().filter(overtaking).count();
        assert!(count <= 4 * READERS, "{count} readers overtook a writer:\n{}", scene.told());
    }
    scene.events()
}

#[test]
fn readers_do_not_keep_a_writer_out() {
    let test = "crowds::readers_do_not_keep_a_writer_out";
    for_each_seed(test, 100, a_writer_among_readers_gets_its_turn);
}

/// What a client read when it read the counter just before.
fn last_read(scene: &Scene, client: usize) -> Option<usize> {
    let last = scene.clients[client].all.last().map(|&at| &scene.history[at])?;
    let is_read = matches!(&last.call, Call::Command(_, words) if words[0] == "MGET");
    let read = std::str::from_utf8(&last.reply).ok().filter(|_| is_read)?;
    values(read).first().map(|value| value.unwrap_or(0))
}

/// Clients that count two counters up together, by what they have read and watch.
fn counters_lose_no_update(seed: u64) -> Events {
    let mut scene = Scene::new(seed, 2..=4, 4, 12, 1200);
    scene.churn = Churn { moves: 30, deals: 400, closing: 100, ..Churn::default() };
    let [one, other, ..] = [0, 1, 2, 3].map(|key| scene.keys[key].clone());
    scene.clients.iter_mut().for_each(|client| client.depth = 1);
    scene.play(|scene, client| match last_read(scene, client) {
        Some(count) => {
            let next = count + 1;
            ["MULTI", &format!("SET {one} {next}"), &format!("INCR {other}"), "EXEC"]
                .map(str::to_owned)
                .into()
        }
        None => vec![format!("WATCH {one} {other}"), format!("MGET {one} {other}")],
    });
    let is_done =
        |done: &&Operation<Call>| matches!(done.call, Call::Exec(..)) && done.reply.starts_with(b"*2");
    let count = scene.history.iter().filter(is_done).count();
    scene.read_all(1, false);
    let last: Vec<_> = scene.replies("GET").take(2).collect();
    let expected = format!("${}\r\n{count}\r\n", count.to_string().len());
    assert_eq!(last, [expected.clone(), expected], "updates are lost");
    scene.events()
}

#[test]
fn optimistic_counters_lose_no_update() {
    let events = for_each_seed("crowds::optimistic_counters_lose_no_update", 60, counters_lose_no_update);
    if let Some(events) = events {
        assert!(events.broken_watches > 2000 && events.moves > 500, "{events:?}");
        assert!(events.direct_execs > 100 && events.deferred > 100 && events.closed_busy > 100, "{events:?}");
    }
}
