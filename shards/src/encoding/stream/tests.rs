//! Behaviours of whole streams. Where numbers are asserted that are not obvious, redis-server 7.0.15 gave
//! them, or Valkey 9.1.2 where it says so.

use std::collections::BTreeMap;

use super::*;
use crate::random::Random;

const LIMITS: BlockLimits = BlockLimits { bytes_max: 4096, entries_max: 4 };

fn id(text: &str) -> StreamId {
    StreamId::parse(text.as_bytes(), 0).unwrap()
}

fn add(log: &mut Log, text: &str) {
    let fields: [(&[u8], &[u8]); 1] = [(b"a", b"1")];
    log.append(NewId::Exact(id(text)), 0, fields.iter().copied(), LIMITS).unwrap();
}

/// A stream with the entries `1-0` to `len-0`.
fn stream(len: u64) -> Stream {
    let mut stream = Stream::default();
    (1..=len).for_each(|ms| add(&mut stream.log, &ms.to_string()));
    stream
}

fn ids(log: &Log) -> String {
    let ids: Vec<String> =
        log.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id.to_string()).collect();
    ids.join(" ")
}

fn approximate(keep: Keep, limit: u64) -> StreamTrim {
    StreamTrim { keep, approximate: true, limit }
}

fn exact(keep: Keep) -> StreamTrim {
    StreamTrim { keep, approximate: false, limit: 0 }
}

#[test]
fn a_block_is_full_by_its_entries_or_its_bytes() {
    let blocks = |bytes_max, entries_max| {
        let (mut log, fields) = (Log::default(), [(b"name".as_slice(), b"0123456789".as_slice())]);
        for ms in 1..=100 {
            let new = NewId::Exact(StreamId::new(ms, 0));
            log.append(new, 0, fields.iter().copied(), BlockLimits { bytes_max, entries_max }).unwrap();
        }
        log.check();
        log.block_count()
    };
    assert_eq!(blocks(0, 0), 1);
    assert_eq!(blocks(0, 30), 4);
    assert_eq!(blocks(100, 0), 25);
    assert_eq!(blocks(1, 0), 100);
    assert_eq!(blocks(100, 2), 50);
}

#[test]
fn a_block_never_reaches_its_limit_of_bytes_by_what_is_added() {
    let mut log = stream(1).log;
    let block_bytes = log.blocks().next().unwrap().1.len() as u64;
    let fields: [(&[u8], &[u8]); 1] = [(b"a", b"1")];
    let mut add_with = |bytes_max| {
        log.append(NewId::Auto, 0, fields.iter().copied(), BlockLimits { bytes_max, entries_max: 0 })
            .unwrap();
        log.block_count()
    };
    assert_eq!(add_with(block_bytes + 2), 2);
    assert_eq!(add_with(block_bytes + 3), 2);
}

#[test]
fn an_id_that_is_not_greater_adds_nothing() {
    let mut log = stream(3).log;
    let fields: [(&[u8], &[u8]); 1] = [(b"a", b"1")];
    let mut append = |new| log.append(new, 2, fields.iter().copied(), LIMITS);
    assert_eq!(append(NewId::Exact(id("3-0"))), Err(AppendError::NotGreater));
    assert_eq!(append(NewId::At(2)), Err(AppendError::NotGreater));
    assert_eq!(append(NewId::Auto), Ok(id("3-1")));
    assert_eq!(append(NewId::Exact(StreamId::MAX)), Ok(StreamId::MAX));
    assert_eq!(append(NewId::Auto), Err(AppendError::Exhausted));
    assert_eq!(log.len(), 5);
}

#[test]
fn deleting_remembers_the_greatest_id_and_finds_the_new_first() {
    let mut log = stream(9).log;
    assert_eq!(log.delete([id("2"), id("1"), id("1"), id("1-5"), id("7")]), 3);
    assert_eq!(ids(&log), "3-0 4-0 5-0 6-0 8-0 9-0");
    let counters = log.counters();
    assert_eq!((counters.first_id, counters.max_deleted_id), (id("3"), id("7")));
    assert_eq!((counters.len, counters.entries_added, counters.last_id), (6, 9, id("9")));
    assert_eq!(log.delete((5..=9).map(|ms| StreamId::new(ms, 0))), 4);
    assert_eq!(log.block_count(), 1, "blocks without live entries are gone");
    log.check();
    assert_eq!(log.delete([id("3"), id("4")]), 2);
    assert_eq!((log.first_id(), log.block_count(), log.memory_bytes()), (StreamId::MIN, 0, 0));
    assert_eq!(log.last_id(), id("9"));
}

#[test]
fn approximate_trimming_removes_whole_blocks_within_the_limit() {
    let mut log = stream(18).log;
    let mut trimmed = |trim| (log.trim(trim), log.len(), log.block_count());
    assert_eq!(trimmed(approximate(Keep::Len(15), 0)), (0, 18, 5));
    assert_eq!(trimmed(approximate(Keep::Len(14), 0)), (4, 14, 4));
    assert_eq!(trimmed(approximate(Keep::Len(1), 3)), (0, 14, 4));
    assert_eq!(trimmed(approximate(Keep::Len(1), 4)), (4, 10, 3));
    assert_eq!(trimmed(approximate(Keep::From(id("12")), 0)), (0, 10, 3));
    assert_eq!(trimmed(approximate(Keep::From(id("13")), 0)), (4, 6, 2));
    log.delete([id("13")]);
    let mut trimmed = |trim| (log.trim(trim), log.len(), log.block_count());
    assert_eq!(trimmed(approximate(Keep::Len(2), 3)), (3, 2, 1), "only live entries count");
    assert_eq!(trimmed(exact(Keep::Len(1))), (1, 1, 1));
    assert_eq!(trimmed(approximate(Keep::Len(0), 0)), (1, 0, 0));
    log.check();
}

#[test]
fn exact_trimming_cuts_within_a_block() {
    let mut log = stream(10).log;
    assert_eq!(log.trim(exact(Keep::From(id("6-0")))), 5);
    assert_eq!(ids(&log), "6-0 7-0 8-0 9-0 10-0");
    assert_eq!(log.trim(exact(Keep::Len(3))), 2);
    assert_eq!(ids(&log), "8-0 9-0 10-0");
    assert_eq!((log.first_id(), log.counters().max_deleted_id), (id("8"), StreamId::MIN));
    assert_eq!(log.trim(exact(Keep::Len(3))), 0);
    log.check();
}

#[test]
fn a_block_goes_when_trimming_leaves_only_deleted_entries_in_it() {
    let mut log = stream(5).log;
    log.delete([id("4")]);
    assert_eq!(log.trim(exact(Keep::From(id("4")))), 3);
    assert_eq!((ids(&log).as_str(), log.block_count()), ("5-0", 1));
    log.check();
}

#[test]
fn the_last_id_cannot_be_set_below_what_is_known() {
    let mut log = stream(9).log;
    log.delete([id("9"), id("5")]);
    assert_eq!(log.set_last_id(id("20"), Some(20), Some(id("20-1"))), Err(SetIdError::BelowGivenDeleted));
    assert_eq!(log.set_last_id(id("8"), None, None), Err(SetIdError::BelowDeleted));
    assert_eq!(log.set_last_id(id("20"), Some(6), Some(StreamId::MIN)), Err(SetIdError::AddedBelowLen));
    assert_eq!(log.set_last_id(id("9"), None, None), Ok(()));
    assert_eq!(log.set_last_id(id("20"), Some(70), Some(id("10"))), Ok(()));
    let counters = log.counters();
    assert_eq!((counters.last_id, counters.entries_added, counters.max_deleted_id), (id("20"), 70, id("10")));
    let mut log = stream(3).log;
    assert_eq!(log.set_last_id(id("2-5"), None, None), Err(SetIdError::BelowLastEntry));
}

#[test]
fn saved_blocks_and_counters_are_loaded_again() {
    let mut log = stream(11).log;
    log.delete([id("1"), id("6")]);
    let blocks: Vec<(StreamId, Vec<u8>)> =
        log.blocks().map(|(master, bytes)| (master, bytes.to_vec())).collect();
    let mut loaded = Log::default();
    assert!(blocks.iter().all(|(master, bytes)| loaded.load_block(*master, bytes.clone())));
    assert!(!loaded.load_block(blocks[2].0, blocks[2].1.clone()), "blocks come in order");
    assert!(!loaded.load_block(id("90"), b"no listpack".to_vec()));
    assert!(!loaded.load_counters(Counters { len: 8, ..log.counters() }));
    assert!(!loaded.load_counters(Counters { last_id: id("10"), ..log.counters() }));
    assert!(!loaded.load_counters(Counters { entries_added: 8, ..log.counters() }));
    assert!(loaded.load_counters(log.counters()));
    assert_eq!((ids(&loaded), loaded.counters()), (ids(&log), log.counters()));
    loaded.check();
}

/// A foreign block filed under `1-0`, with the field `a`: the entries `1-0` to `3-0`, each with this element
/// for flags.
fn foreign_block(flags: &[u8]) -> Vec<u8> {
    let mut elements = b"\x03\x01\0\x01\x01\x01\x81a\x02\0\x01".to_vec();
    for ms in 0..3 {
        elements.extend_from_slice(flags);
        elements.extend([ms, 1, 0, 1, b'0' + ms, 1, 4, 1]);
    }
    let total = (elements.len() + 7) as u32;
    [&total.to_le_bytes()[..], &[0xff, 0xff], &elements, &[0xff]].concat()
}

#[test]
fn a_foreign_block_is_trimmed_though_its_flags_take_more_bytes_than_they_need() {
    let in_16_bits = [0xf1, 2, 0, 3];
    for keep in [Keep::Len(1), Keep::From(id("3"))] {
        let mut log = Log::default();
        assert!(log.load_block(id("1"), foreign_block(&in_16_bits)));
        let counters = Counters { last_id: id("3"), entries_added: 3, ..log.counters() };
        assert!(log.load_counters(counters));
        assert_eq!(log.trim(exact(keep)), 2);
        assert_eq!(ids(&log), "3-0", "{keep:?}");
        log.check();
    }
}

#[test]
fn an_id_is_never_given_below_a_deleted_entry_of_a_loaded_block() {
    let mut saved = stream(3).log;
    assert_eq!(saved.delete([id("3")]), 1);
    let blocks: Vec<(StreamId, Vec<u8>)> =
        saved.blocks().map(|(master, bytes)| (master, bytes.to_vec())).collect();
    let mut loaded = Log::default();
    assert!(blocks.into_iter().all(|(master, bytes)| loaded.load_block(master, bytes)));
    assert!(loaded.load_counters(Counters { last_id: id("2"), ..saved.counters() }));
    assert_eq!(loaded.last_id(), id("3"));
    add(&mut loaded, "3-1");
    assert_eq!(ids(&loaded), "1-0 2-0 3-1");
    loaded.check();
}

/// Redis's radix tree, as XINFO STREAM shows it.
#[test]
fn nodes_of_the_radix_tree_are_counted_as_redis_makes_them() {
    let nodes = |ids: &[(u64, u64)]| {
        let (mut log, fields) = (Log::default(), [(b"a".as_slice(), b"1".as_slice())]);
        for &(ms, seq) in ids {
            let limits = BlockLimits { bytes_max: 0, entries_max: 1 };
            log.append(NewId::Exact(StreamId::new(ms, seq)), 0, fields.iter().copied(), limits).unwrap();
        }
        log.radix_tree_nodes()
    };
    assert_eq!(nodes(&[]), 1);
    assert_eq!(nodes(&[(1, 0)]), 2);
    assert_eq!(nodes(&[(1, 0), (1, 1)]), 4);
    assert_eq!(nodes(&[(1, 0), (2, 0)]), 6);
    assert_eq!(nodes(&[(1, 0), (2, 0), (2, 1), (300, 7)]), 11);
    let wide = [(1_700_000_000_000, 0), (1_700_000_000_000, 256)];
    assert_eq!(nodes(&[&[(1, 0), (2, 0), (2, 1), (255, 1), (256, 0), (300, 7)], &wide[..]].concat()), 24);
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn freeing_goes_in_steps_until_nothing_is_left() {
    let mut stream = stream(4000);
    let group = stream.groups.create(b"g", StreamId::MIN, None).unwrap();
    let (consumer, _) = group.see_consumer(b"c", 0);
    for entry in stream.log.range(StreamId::MIN, StreamId::MAX) {
        group.deliver(&stream.log, entry.id, consumer, false, 0);
    }
    assert!(stream.memory_bytes() > 200_000);
    let mut steps = 1;
    while stream.free_some(500) {
        steps += 1;
    }
    // 1000 blocks, twice 4000 pending ids, a consumer and a group; steps end with a whole run.
    assert!((15..=19).contains(&steps), "{steps} steps");
    assert!(stream.memory_bytes() < 3000, "{} bytes", stream.memory_bytes());
}

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn random_fields(random: &mut Random) -> Fields {
    let texts: [&[u8]; 8] = [b"a", b"b", b"1", b"-77", b"007", b"", b"9999999999", &[b'x'; 100]];
    (0..1 + random.below(3))
        .map(|_| (texts[random.below(4)].to_vec(), texts[random.below(8)].to_vec()))
        .collect()
}

fn read<'a>(entries: impl Iterator<Item = StreamEntry<'a>>) -> Vec<(StreamId, Fields)> {
    let text = |item: Item<'_>| item.bytes(&mut itoa::Buffer::new()).to_vec();
    let fields =
        |entry: &StreamEntry<'_>| entry.fields().map(|(name, value)| (text(name), text(value))).collect();
    entries.map(|entry| (entry.id, fields(&entry))).collect()
}

#[test]
fn a_random_history_of_entries_agrees_with_a_btree_map() {
    for seed in 0..if cfg!(miri) { 2 } else { 60 } {
        let mut random = Random::new(seed);
        let limits = BlockLimits {
            bytes_max: [0, 1, 150, 4096][random.below(4)],
            entries_max: [0, 1, 3, 20][random.below(4)],
        };
        let (mut log, mut model): (Log, BTreeMap<StreamId, Fields>) = Default::default();
        let any_id = |random: &mut Random| StreamId::new(random.below(80) as u64, random.below(3) as u64);
        for step in 0..500 {
            match random.below(10) {
                0..=4 => {
                    let fields = random_fields(&mut random);
                    let new = [NewId::Auto, NewId::At(log.last_id().ms), NewId::Exact(any_id(&mut random))];
                    let pairs = fields.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
                    match log.append(new[random.below(3)], step / 8, pairs, limits) {
                        Ok(id) => assert_eq!(model.insert(id, fields), None, "seed {seed}"),
                        Err(error) => assert_eq!(error, AppendError::NotGreater, "seed {seed}"),
                    }
                }
                5 | 6 => {
                    let gone: Vec<StreamId> = (0..3).map(|_| any_id(&mut random)).collect();
                    let expected = gone.iter().filter(|id| model.remove(id).is_some()).count();
                    assert_eq!(log.delete(gone), expected as u64, "seed {seed}");
                }
                7 if random.one_in(3) => {
                    let keep = match random.one_in(2) {
                        true => Keep::Len(log.len().saturating_sub(random.below(8) as u64)),
                        false => Keep::From(any_id(&mut random)),
                    };
                    let stays = |model: &BTreeMap<StreamId, Fields>| match keep {
                        Keep::Len(len) => model.len() as u64 <= len,
                        Keep::From(id) => model.first_key_value().is_none_or(|(first, _)| *first >= id),
                    };
                    let approximate = random.one_in(2);
                    let mut removed = log.trim(StreamTrim { keep, approximate, limit: 0 });
                    while removed > 0 {
                        assert!(!stays(&model), "seed {seed}: too much is gone");
                        model.pop_first();
                        removed -= 1;
                    }
                    assert!(approximate || stays(&model), "seed {seed}: too much is left");
                }
                _ => {
                    let (from, to) = (any_id(&mut random), any_id(&mut random));
                    let mut expected: Vec<(StreamId, Fields)> = match from <= to {
                        true => model.range(from..=to).map(|(id, fields)| (*id, fields.clone())).collect(),
                        false => Vec::new(),
                    };
                    assert_eq!(read(log.range(from, to)), expected, "seed {seed} {from} {to}");
                    expected.reverse();
                    assert_eq!(read(log.range_back(from, to)), expected, "seed {seed} {from} {to}");
                    assert_eq!(log.contains(from), model.contains_key(&from), "seed {seed}");
                }
            }
            log.check();
            assert_eq!(log.len(), model.len() as u64, "seed {seed}");
        }
    }
}
