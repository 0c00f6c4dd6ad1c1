//! What one slot's hash table costs: lookups that find their key and that do not, and adding and taking out.
//! Sizes are those of a lightly used slot, of a hundred thousand keys in a node (6 a slot) up to a hundred
//! million (6000).

use ahash::RandomState;
use divan::{Bencher, black_box};
use shards::entry::{Entry, NewValue};
use shards::table::Table;

const SIZES: [usize; 4] = [1, 6, 600, 6000];

fn main() {
    divan::main();
}

fn key(number: usize) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

fn hasher() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

fn add(table: &mut Table, key: &[u8]) {
    let hasher = hasher();
    let entry = Entry::new(key, NewValue::Bytes(&[b'v'; 64]), None);
    table.insert(hasher.hash_one(key), entry, |key| hasher.hash_one(key));
}

fn table_of(size: usize) -> Table {
    let mut table = Table::default();
    (0..size).for_each(|number| add(&mut table, &key(number)));
    table
}

/// Looks up `keys` in turn, each with the hash of the key, as a command does.
fn look_up(bencher: Bencher<'_, '_>, table: &Table, keys: &[Vec<u8>]) {
    let hasher = hasher();
    let mut keys = keys.iter().cycle();
    bencher.bench_local(|| {
        let key = keys.next().map_or(&[][..], |key| key);
        table.find(hasher.hash_one(black_box(key)), key).is_some()
    });
}

#[divan::bench(args = SIZES)]
fn find_a_key_that_is_there(bencher: Bencher<'_, '_>, size: usize) {
    let keys: Vec<_> = (0..size).map(key).collect();
    look_up(bencher, &table_of(size), &keys);
}

#[divan::bench(args = SIZES)]
fn find_a_key_that_is_not_there(bencher: Bencher<'_, '_>, size: usize) {
    let keys: Vec<_> = (size..2 * size).map(key).collect();
    look_up(bencher, &table_of(size), &keys);
}

#[divan::bench(args = SIZES)]
fn add_and_take_out_a_key(bencher: Bencher<'_, '_>, size: usize) {
    let (mut table, new) = (table_of(size), key(size));
    let hash = hasher().hash_one(&new[..]);
    bencher.bench_local(|| {
        add(&mut table, &new);
        table.find(hash, &new).map(|place| table.remove(place)).is_some()
    });
}
