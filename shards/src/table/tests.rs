//! Tests of tables.

use super::*;
use crate::entry::{Expire, NewValue};
use std::collections::BTreeMap;

/// A weak hash, so that equal tags and long clusters happen.
fn weak(key: &[u8]) -> u64 {
    key.iter().fold(5, |hash: u64, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn strong(key: &[u8]) -> u64 {
    let hash = weak(key);
    (hash ^ hash >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) ^ hash >> 32
}

fn random_work(steps: u64, keys: u64, hash_of: fn(&[u8]) -> u64) {
    let mut table = Table::default();
    let mut model = BTreeMap::new();
    let mut state = 1u64;
    for step in 0..steps {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let key = format!("key:{}", (state >> 33) % keys);
        let hash = hash_of(key.as_bytes());
        let place = table.find(hash, key.as_bytes());
        assert_eq!(place.is_some(), model.contains_key(&key), "{key}");
        // Grow in the first half, shrink in the second.
        let grow = (state >> 20) % 10 < if step < steps / 2 { 7 } else { 3 };
        match place {
            None if grow => {
                let entry = Entry::new(key.as_bytes(), NewValue::Int(step as i64), None);
                let place = table.insert(hash, entry, hash_of);
                assert_eq!(table.word(place).entry().key(), key.as_bytes());
                model.insert(key, step);
            }
            Some(place) if !grow => {
                assert_eq!(table.remove(place).view().key(), key.as_bytes());
                model.remove(&key);
            }
            _ => {}
        }
        assert_eq!(table.len(), model.len());
    }
    let mut seen: Vec<_> = table.iter().map(|entry| entry.key().to_vec()).collect();
    seen.sort();
    assert!(seen.iter().map(Vec::as_slice).eq(model.keys().map(String::as_bytes)));
    let mut taken: Vec<_> = table.into_entries().map(|entry| entry.view().key().to_vec()).collect();
    taken.sort();
    assert_eq!(taken, seen);
}

#[test]
fn a_table_agrees_with_a_model_while_it_grows_and_shrinks() {
    if cfg!(miri) {
        random_work(200, 15, weak);
        random_work(300, 1_000, strong);
        return;
    }
    random_work(40_000, 40, weak);
    random_work(60_000, 3_000, strong);
    random_work(400_000, 60_000, strong);
}

#[test]
fn equal_hashes_are_told_apart_by_the_key() {
    if cfg!(miri) {
        // Few enough for one part: equal hashes cannot be split.
        return random_work(80, 12, |_| u64::MAX);
    }
    random_work(4_000, 60, |_| u64::MAX);
}

/// Walks through a table in steps; between two of them `change` happens. Returns how often each key was seen.
fn walk(
    table: &mut Table,
    limit: usize,
    mut change: impl FnMut(&mut Table, usize),
) -> BTreeMap<Vec<u8>, usize> {
    let mut seen: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let (mut position, mut steps) = (ScanPosition::default(), 0);
    loop {
        let mut visited = 0;
        let (count, next) = table.scan(position, limit, |entry| {
            *seen.entry(entry.key().to_vec()).or_default() += 1;
            visited += 1;
        });
        assert_eq!(count, visited);
        let Some(next) = next else { return seen };
        assert_eq!(ScanPosition::from_bits(next.to_bits()), next);
        assert!(next.to_bits() >> ScanPosition::BITS == 0);
        position = next;
        steps += 1;
        change(table, steps);
    }
}

fn insert_number(table: &mut Table, number: usize, hash_of: fn(&[u8]) -> u64) {
    let key = number.to_string();
    table.insert(hash_of(key.as_bytes()), Entry::new(key.as_bytes(), NewValue::Int(0), None), hash_of);
}

#[test]
fn a_walk_through_a_table_that_stays_as_it_is_sees_every_entry_once() {
    for (keys, limit) in [(0, 5), (1, 1), (8, 3), (50, 1), (3_000, 10), (20_000, 7), (20_000, 1_000_000)] {
        let keys = if cfg!(miri) { keys.min(120) } else { keys };
        let mut table = Table::default();
        (0..keys).for_each(|number| insert_number(&mut table, number, strong));
        let seen = walk(&mut table, limit, |_, _| {});
        assert_eq!((seen.len(), seen.values().sum::<usize>()), (keys, keys), "{keys} keys, {limit} a step");
    }
}

#[test]
fn a_walk_sees_what_is_there_all_the_time_while_the_table_grows_splits_and_shrinks() {
    let scale = if cfg!(miri) { 50 } else { 1 };
    let stay = 2_000 / scale;
    for (others, limit) in [(0..60_000 / scale, 17), (0..3_000 / scale, 1), (0..60_000 / scale, 200)] {
        let mut table = Table::default();
        (0..stay).for_each(|number| insert_number(&mut table, number, strong));
        let (mut next, mut gone) = (stay, stay);
        let end = stay + others.len();
        let seen = walk(&mut table, limit, |table, step| {
            // Grow first, then shrink, and again.
            for _ in 0..900 / scale {
                if step / 40 % 2 == 0 && next < end {
                    insert_number(table, next, strong);
                    next += 1;
                } else if gone < next {
                    let key = gone.to_string();
                    let place = table.find(strong(key.as_bytes()), key.as_bytes()).unwrap();
                    table.remove(place);
                    gone += 1;
                }
            }
        });
        let missed = (0..stay).filter(|number| !seen.contains_key(number.to_string().as_bytes()));
        assert_eq!(missed.count(), 0, "{limit} a step");
    }
}

#[test]
fn equal_tags_are_not_cut_apart() {
    let mut table = Table::default();
    let keys = if cfg!(miri) { 20 } else { 50 };
    (0..keys).for_each(|number| insert_number(&mut table, number, |_| u64::MAX));
    let (seen, next) = table.scan(ScanPosition::default(), 1, |_| {});
    assert_eq!((seen, next), (keys, None));
}

#[test]
fn a_walk_begins_a_part_again_when_the_table_has_been_empty_meanwhile() {
    let mut table = Table::default();
    let (keys, limit) = if cfg!(miri) { (120, 6) } else { (20_000, 1_000) };
    (0..keys).for_each(|number| insert_number(&mut table, number, strong));
    let mut is_new = false;
    let seen = walk(&mut table, limit, |table, step| {
        if step == 12 {
            *table = Table::default();
            (keys..keys + 100).for_each(|number| insert_number(table, number, strong));
            is_new = true;
        }
    });
    assert!(is_new && seen.len() <= keys + 100);
}

#[test]
fn every_number_is_a_position() {
    let mut table = Table::default();
    let (keys, rounds) = if cfg!(miri) { (100, 20) } else { (20_000, 1_000) };
    (0..keys).for_each(|number| insert_number(&mut table, number, strong));
    let mut state = 1u64;
    for _ in 0..rounds {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        for bits in [state, state >> 14, state >> 40, state << 20] {
            let position = ScanPosition::from_bits(bits);
            assert_eq!(ScanPosition::from_bits(position.to_bits()), position);
            table.scan(position, 3, |_| {});
        }
    }
}

#[test]
fn an_empty_table_is_four_words_and_holds_no_memory() {
    assert!(size_of::<Table>() <= 32);
    assert_eq!(Table::default().memory_bytes(), 0);
}

#[test]
fn entries_are_found_by_their_times_and_at_random_until_the_table_is_dropped_or_taken_apart() {
    let keys = if cfg!(miri) { 60 } else { 10_000 };
    let mut table = Table::default();
    for number in 0..keys {
        let key = number.to_string();
        let expire_ms = (number % 2 == 1).then_some(number);
        let entry = Entry::new(key.as_bytes(), NewValue::Bytes(key.as_bytes()), expire_ms);
        table.insert(strong(key.as_bytes()), entry, strong);
    }
    assert!(table.parts() > 1);
    let mut random = Random::new(3);
    for _ in 0..20 {
        let place = table.random_place(&mut random).unwrap();
        // The entry moves in memory.
        table.word_mut(place).with_entry(|entry| {
            let text = "x".repeat(entry.view().key().len() * 40);
            entry.replace(NewValue::Bytes(text.as_bytes()), Expire::Keep);
        });
        let key = table.word(place).entry().key().to_vec();
        let found = table.find(strong(&key), &key).unwrap();
        assert_eq!(table.word(found).entry().string().len(), key.len() * 40);
        let expiring = table.random_expiring_place(&mut random).unwrap();
        assert!(table.word(expiring).entry().expire_ms().is_some());
    }
    let mut due = 0;
    for part in 0..table.parts() as u32 {
        while let Some(place) = table.due_place(part, 0, keys / 2) {
            let entry = table.remove(place);
            assert!(entry.view().expire_ms().unwrap() <= keys / 2);
            due += 1;
        }
    }
    assert_eq!((due, table.len() as u64), (keys / 4, keys - keys / 4));
    assert_eq!(table.exact_expires().len(), table.parts());
    let mut entries = table.into_entries();
    assert_eq!(entries.by_ref().take(5).count(), 5);
    drop(entries);
}

#[test]
fn an_array_fills_its_block_at_every_size() {
    let mut capacity = 0;
    while capacity < 2 * PART_ENTRIES_MAX {
        let next = larger(capacity);
        assert!(next > capacity && next <= capacity + 3.max(capacity / 8 + 1), "{next} after {capacity}");
        assert_eq!((next * 8 + 8) % 16, 0, "{next} words");
        capacity = next;
    }
}

#[test]
#[cfg_attr(miri, ignore = "it counts bytes, and Miri's parts have other sizes")]
fn tables_stay_dense() {
    // 16384 slots and a million keys: 61 in a slot, more or less.
    for keys in [61u64, 1000, 6000] {
        let mut bytes = 0;
        let mut entries = 0;
        for table_index in 0..50u64 {
            let mut table = Table::default();
            for index in 0..keys + table_index % 20 {
                let key = format!("{table_index}:{index}");
                let entry = Entry::new(key.as_bytes(), NewValue::Int(0), None);
                table.insert(strong(key.as_bytes()), entry, strong);
            }
            bytes += table.memory_bytes();
            entries += table.len();
        }
        let per_key = bytes as f64 / entries as f64;
        assert!(per_key < 10.0, "{keys} keys: {per_key} bytes of table for each");
    }
}
