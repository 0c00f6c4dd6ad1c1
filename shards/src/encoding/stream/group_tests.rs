//! Behaviours of consumer groups. Lags and numbers of entries read are what Valkey 9.1.2 says, except where
//! Redis 7.2.7 knows a lag that Valkey does not.

use std::collections::BTreeMap;

use super::*;
use crate::random::Random;

fn id(text: &str) -> StreamId {
    StreamId::parse(text.as_bytes(), 0).unwrap()
}

/// A stream with the entries `1-0` to `len-0` and a group `g` at its beginning.
fn stream(len: u64) -> Stream {
    let mut stream = Stream::default();
    (1..=len).for_each(|ms| add(&mut stream.log, ms));
    stream.groups.create(b"g", StreamId::MIN, None).unwrap();
    stream
}

fn add(log: &mut Log, ms: u64) {
    let fields: [(&[u8], &[u8]); 1] = [(b"a", b"1")];
    let limits = BlockLimits { bytes_max: 4096, entries_max: 100 };
    log.append(NewId::Exact(StreamId::new(ms, 0)), 0, fields.iter().copied(), limits).unwrap();
}

/// XREADGROUP GROUP g `consumer` COUNT `count` STREAMS s >.
fn read(stream: &mut Stream, consumer: &str, count: usize, now_ms: u64) -> String {
    let group = stream.groups.get_mut(b"g").unwrap();
    let (consumer, _) = group.see_consumer(consumer.as_bytes(), now_ms);
    let mut ids = Vec::new();
    for entry in stream.log.range(group.last_id().next().unwrap(), StreamId::MAX).take(count) {
        group.deliver(&stream.log, entry.id, consumer, false, now_ms);
        ids.push(entry.id.to_string());
    }
    group.check();
    ids.join(" ")
}

fn group(stream: &mut Stream) -> &mut Group {
    stream.groups.get_mut(b"g").unwrap()
}

/// Every pending entry as `id consumer deliveries`.
fn pending(stream: &Stream) -> String {
    let group = stream.groups.get(b"g").unwrap();
    let text = |(id, pending): (StreamId, &Pending)| {
        let name = String::from_utf8_lossy(group.consumer(pending.consumer).name()).into_owned();
        format!("{id} {name} {}", pending.deliveries)
    };
    group.pending_range(StreamId::MIN, StreamId::MAX, 0, 0).map(text).collect::<Vec<_>>().join(", ")
}

fn read_and_lag(stream: &Stream) -> (Option<i64>, Option<i64>) {
    let group = stream.groups.get(b"g").unwrap();
    (group.entries_read(), group.lag(&stream.log))
}

#[test]
fn the_lag_is_what_is_not_read_yet() {
    let mut stream = stream(5);
    assert_eq!(read_and_lag(&stream), (None, Some(5)));
    read(&mut stream, "c", 2, 0);
    assert_eq!(read_and_lag(&stream), (Some(2), Some(3)));
    add(&mut stream.log, 6);
    assert_eq!(read_and_lag(&stream), (Some(2), Some(4)));
    stream.log.trim(StreamTrim { keep: Keep::Len(5), approximate: false, limit: 0 });
    read(&mut stream, "c", 9, 0);
    assert_eq!(read_and_lag(&stream), (Some(6), Some(0)));
}

#[test]
fn the_lag_is_unknown_while_deleted_entries_lie_ahead() {
    let mut stream = stream(5);
    read(&mut stream, "c", 2, 0);
    stream.log.delete([id("3")]);
    assert_eq!(read_and_lag(&stream), (Some(2), None));
    read(&mut stream, "c", 1, 0);
    assert_eq!(read_and_lag(&stream), (None, None), "4-0 is somewhere inside");
    stream.log.trim(StreamTrim { keep: Keep::From(id("5")), approximate: false, limit: 0 });
    assert_eq!(read_and_lag(&stream), (None, Some(1)), "all that is left is behind the deleted one");
    read(&mut stream, "c", 1, 0);
    assert_eq!(read_and_lag(&stream), (Some(5), Some(0)), "the last entry has a known place");
    stream.log.delete([id("5")]);
    assert_eq!(read_and_lag(&stream), (Some(5), Some(0)));
}

#[test]
fn a_group_in_the_middle_of_a_stream_has_no_lag_until_it_comes_to_the_end() {
    let mut stream = stream(5);
    group(&mut stream).set_last_id(id("3"), None);
    assert_eq!(read_and_lag(&stream), (None, None));
    group(&mut stream).set_last_id(id("3"), Some(3));
    assert_eq!(read_and_lag(&stream), (Some(3), Some(2)));
    group(&mut stream).set_last_id(id("9"), None);
    assert_eq!(read_and_lag(&stream), (None, None), "an id of the future");
    group(&mut stream).set_last_id(id("5"), None);
    assert_eq!(read_and_lag(&stream), (None, Some(0)));
    group(&mut stream).set_last_id(id("1"), None);
    assert_eq!(read_and_lag(&stream), (None, Some(4)), "the first entry has a known place");
}

/// Redis 7.2.7 (pull request 13473); Valkey 9.1.2 says 0 here, because 3 entries were added and 3 read.
#[test]
fn a_group_that_trimming_overtook_is_behind_by_all_that_is_left() {
    let mut stream = stream(3);
    group(&mut stream).set_last_id(id("1"), Some(3));
    stream.log.trim(StreamTrim { keep: Keep::Len(2), approximate: false, limit: 0 });
    assert_eq!(read_and_lag(&stream), (Some(3), Some(2)));
    stream.log.trim(StreamTrim { keep: Keep::Len(0), approximate: false, limit: 0 });
    assert_eq!(read_and_lag(&stream), (Some(3), Some(0)));
}

#[test]
fn reading_makes_entries_pending_until_they_are_acknowledged() {
    let mut stream = stream(4);
    assert_eq!(read(&mut stream, "b", 2, 10), "1-0 2-0");
    assert_eq!(read(&mut stream, "a", 9, 20), "3-0 4-0");
    assert_eq!(read(&mut stream, "a", 9, 30), "");
    assert_eq!(pending(&stream), "1-0 b 1, 2-0 b 1, 3-0 a 1, 4-0 a 1");
    let group = group(&mut stream);
    assert!(group.acknowledge(id("2")) && !group.acknowledge(id("2")) && !group.acknowledge(id("7")));
    assert_eq!(group.pending_bounds(), Some((id("1"), id("4"))));
    let shares = |group: &Group| -> Vec<usize> { group.consumers().map(Consumer::pending_len).collect() };
    assert_eq!(shares(group), [2, 1], "in the order of names");
    let (a, b) = (group.find_consumer(b"a").unwrap(), group.find_consumer(b"b").unwrap());
    assert_eq!((group.consumer(a).seen_ms(), group.consumer(a).active_ms()), (30, Some(20)));
    assert_eq!((group.consumer(a).idle_ms(32), group.consumer(a).inactive_ms(32)), (2, Some(12)));
    assert_eq!(group.next_pending_of(b, StreamId::MIN), Some(id("1")));
    assert_eq!(group.next_pending_of(b, id("1-1")), None);
    group.redeliver(id("1"), 50);
    assert_eq!(pending(&stream), "1-0 b 2, 3-0 a 1, 4-0 a 1");
    assert_eq!(self::group(&mut stream).delete_consumer(b"a"), Some(2));
    assert_eq!(self::group(&mut stream).delete_consumer(b"a"), None);
    assert_eq!(pending(&stream), "1-0 b 2");
    stream.groups.get(b"g").unwrap().check();
}

#[test]
fn without_acknowledgements_nothing_becomes_pending() {
    let mut stream = stream(2);
    let group = stream.groups.get_mut(b"g").unwrap();
    let (consumer, created) = group.see_consumer(b"c", 5);
    assert!(created && !group.see_consumer(b"c", 5).1);
    group.deliver(&stream.log, id("1"), consumer, true, 6);
    assert_eq!((group.last_id(), group.entries_read(), group.pending_len()), (id("1"), Some(1), 0));
    assert_eq!(group.consumer(consumer).inactive_ms(9), None);
}

#[test]
fn a_group_that_is_set_back_gives_pending_entries_to_who_reads_them() {
    let mut stream = stream(3);
    read(&mut stream, "a", 3, 0);
    group(&mut stream).redeliver(id("2"), 0);
    group(&mut stream).set_last_id(StreamId::MIN, None);
    assert_eq!(read(&mut stream, "b", 2, 7), "1-0 2-0");
    assert_eq!(pending(&stream), "1-0 b 1, 2-0 b 1, 3-0 a 1");
}

fn claim(to: ConsumerId) -> Claim {
    Claim { to, idle_ms_min: 0, delivered_ms: 90, deliveries: None, keep_deliveries: false, force: false }
}

#[test]
fn claiming_changes_owner_time_and_count() {
    let mut stream = stream(5);
    read(&mut stream, "a", 3, 10);
    stream.log.delete([id("3")]);
    let group = stream.groups.get_mut(b"g").unwrap();
    let (b, _) = group.see_consumer(b"b", 50);
    let mut claimed = |text: &str, claim| group.claim(&stream.log, id(text), claim, 100);
    assert_eq!(claimed("1", Claim { idle_ms_min: 91, ..claim(b) }), Claimed::No);
    assert_eq!(claimed("1", Claim { idle_ms_min: 90, ..claim(b) }), Claimed::Yes);
    assert_eq!(claimed("2", Claim { deliveries: Some(7), keep_deliveries: true, ..claim(b) }), Claimed::Yes);
    assert_eq!(claimed("3", claim(b)), Claimed::Dropped);
    assert_eq!(claimed("3", Claim { force: true, ..claim(b) }), Claimed::No, "there is no such entry");
    assert_eq!(claimed("4", claim(b)), Claimed::No);
    assert_eq!(claimed("4", Claim { force: true, idle_ms_min: 999, ..claim(b) }), Claimed::Yes);
    assert_eq!(claimed("5", Claim { force: true, keep_deliveries: true, ..claim(b) }), Claimed::Yes);
    assert_eq!(group.pending(id("1")).unwrap().delivered_ms, 90);
    assert_eq!(group.consumer(b).active_ms(), Some(100));
    group.check();
    assert_eq!(pending(&stream), "1-0 b 2, 2-0 b 7, 4-0 b 2, 5-0 b 1");
}

#[test]
fn claiming_by_a_walk_drops_what_is_deleted_and_says_where_to_go_on() {
    let mut stream = stream(40);
    read(&mut stream, "a", 40, 10);
    stream.log.delete([id("2"), id("40")]);
    let group = stream.groups.get_mut(b"g").unwrap();
    let (b, _) = group.see_consumer(b"b", 50);
    let walk = AutoClaim { to: b, idle_ms_min: 0, from: StreamId::MIN, count: 3, keep_deliveries: false };
    let done = group.auto_claim(&stream.log, walk, 100);
    assert_eq!((done.claimed, done.dropped), (vec![id("1"), id("3")], vec![id("2")]));
    assert_eq!(done.cursor, id("4"));
    // The first of the others are not idle, and it looks at ten for each that it may claim.
    (4..=23).for_each(|ms| group.redeliver(StreamId::new(ms, 0), 60));
    let walk = AutoClaim { idle_ms_min: 50, from: id("4"), count: 1, ..walk };
    let done = group.auto_claim(&stream.log, walk, 100);
    assert_eq!(done, AutoClaimed { cursor: id("14"), ..AutoClaimed::default() });
    let walk = AutoClaim { from: id("39-0"), count: 9, keep_deliveries: true, ..walk };
    let done = group.auto_claim(&stream.log, walk, 100);
    let expected = AutoClaimed { cursor: StreamId::MIN, claimed: vec![id("39")], dropped: vec![id("40")] };
    assert_eq!(done, expected);
    assert_eq!(group.pending(id("39")).map(|pending| pending.deliveries), Some(1));
    assert_eq!(group.pending(id("3")).map(|pending| pending.deliveries), Some(2));
    group.check();
}

#[test]
fn pending_entries_are_listed_by_range_consumer_and_idle_time() {
    let mut stream = stream(6);
    read(&mut stream, "a", 3, 10);
    read(&mut stream, "b", 3, 50);
    group(&mut stream).redeliver(id("2"), 90);
    let group = group(&mut stream);
    let b = group.find_consumer(b"b").unwrap();
    let all = |from: &str, to: &str, idle_ms_min| -> Vec<u64> {
        group.pending_range(id(from), id(to), idle_ms_min, 100).map(|(id, _)| id.ms).collect()
    };
    assert_eq!(all("0", "9", 0), [1, 2, 3, 4, 5, 6]);
    assert_eq!(all("2", "4", 0), [2, 3, 4]);
    assert_eq!(all("0", "9", 51), [1, 3]);
    assert_eq!(all("4", "2", 0), []);
    let of_b =
        |from: &str, idle_ms_min| group.pending_range_of(b, id(from), id("9"), idle_ms_min, 100).count();
    assert_eq!((of_b("0", 0), of_b("5", 0), of_b("0", 50), of_b("0", 51)), (3, 2, 3, 0));
}

#[test]
fn groups_are_found_by_name_and_listed_in_order() {
    let mut groups = Groups::default();
    for name in ["b", "a", "c"] {
        assert!(groups.create(name.as_bytes(), StreamId::MIN, None).is_some());
    }
    assert!(groups.create(b"a", StreamId::MIN, None).is_none());
    assert!(groups.remove(b"b").is_some() && groups.remove(b"b").is_none());
    assert!(groups.iter().map(Group::name).eq([b"a", b"c"]));
    assert!(groups.get(b"c").is_some() && groups.get(b"d").is_none());
}

#[test]
fn a_deleted_consumers_number_is_given_to_the_next_one() {
    let mut stream = stream(3);
    read(&mut stream, "a", 1, 0);
    read(&mut stream, "b", 1, 0);
    let group = group(&mut stream);
    let a = group.find_consumer(b"a").unwrap();
    group.delete_consumer(b"a");
    assert_eq!(group.create_consumer(b"z", 9), Some(a));
    assert_eq!(group.create_consumer(b"z", 9), None);
    assert_eq!((group.consumer(a).name(), group.consumer(a).pending_len()), (b"z".as_slice(), 0));
    group.check();
}

#[test]
fn a_random_history_of_a_group_agrees_with_a_btree_map() {
    for seed in 0..if cfg!(miri) { 2 } else { 60 } {
        let mut random = Random::new(seed);
        let mut stream = stream(60);
        // Owner, time and number of deliveries.
        let mut model: BTreeMap<StreamId, (usize, u64, u64)> = BTreeMap::new();
        let names: [&[u8]; 4] = [b"a", b"b", b"c", b"d"];
        for now_ms in 0..400 {
            let any_id = StreamId::new(1 + random.below(60) as u64, 0);
            let to = random.below(4);
            let group = stream.groups.get_mut(b"g").unwrap();
            let (consumer, _) = group.see_consumer(names[to], now_ms);
            let there = stream.log.contains(any_id);
            match random.below(12) {
                0..=4 if there => {
                    group.deliver(&stream.log, any_id, consumer, false, now_ms);
                    model.insert(any_id, (to, now_ms, 1));
                }
                5 | 6 => {
                    assert_eq!(group.acknowledge(any_id), model.remove(&any_id).is_some(), "seed {seed}")
                }
                7 | 8 => {
                    let mut how = claim(consumer);
                    (how.idle_ms_min, how.force) = (random.below(100) as u64, random.one_in(2));
                    let known = model.get(&any_id).copied();
                    let idle = known.is_none_or(|(_, at_ms, _)| now_ms - at_ms >= how.idle_ms_min);
                    let expected = match (there, known) {
                        (false, known) => known.map_or(Claimed::No, |_| Claimed::Dropped),
                        (true, None) if !how.force => Claimed::No,
                        (true, _) => {
                            if idle {
                                Claimed::Yes
                            } else {
                                Claimed::No
                            }
                        }
                    };
                    how.delivered_ms = now_ms;
                    assert_eq!(group.claim(&stream.log, any_id, how, now_ms), expected, "seed {seed}");
                    match expected {
                        Claimed::Yes => {
                            model.insert(any_id, (to, now_ms, known.map_or(1, |(_, _, count)| count) + 1));
                        }
                        Claimed::Dropped => drop(model.remove(&any_id)),
                        Claimed::No => {}
                    }
                }
                9 if random.one_in(6) => {
                    let owned = model.values().filter(|(owner, ..)| *owner == to).count();
                    assert_eq!(group.delete_consumer(names[to]), Some(owned), "seed {seed}");
                    model.retain(|_, (owner, ..)| *owner != to);
                }
                10 if random.one_in(6) => drop(stream.log.delete([any_id])),
                _ => {
                    let idle_ms_min = random.below(50) as u64;
                    let found: Vec<StreamId> = group
                        .pending_range_of(consumer, any_id, StreamId::MAX, idle_ms_min, now_ms)
                        .map(|(id, _)| id)
                        .collect();
                    let is_found = |entry: &(&StreamId, &(usize, u64, u64))| {
                        entry.1.0 == to && now_ms - entry.1.1 >= idle_ms_min
                    };
                    let expected = model.range(any_id..).filter(is_found).map(|(id, _)| *id);
                    assert!(expected.eq(found), "seed {seed}");
                }
            }
            let group = stream.groups.get(b"g").unwrap();
            group.check();
            let seen = group.pending_range(StreamId::MIN, StreamId::MAX, 0, now_ms).map(|(id, pending)| {
                let name = group.consumer(pending.consumer).name();
                (
                    id,
                    (
                        names.iter().position(|other| *other == name).unwrap(),
                        pending.delivered_ms,
                        pending.deliveries,
                    ),
                )
            });
            assert!(seen.eq(model.iter().map(|(id, pending)| (*id, *pending))), "seed {seed} step {now_ms}");
        }
    }
}
