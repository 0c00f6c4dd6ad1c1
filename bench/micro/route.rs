//! What finding a key's hash slot costs, for the usual lengths of keys, with and without a hash tag.

use divan::{Bencher, black_box};
use shards::slot::SlotId;

fn main() {
    divan::main();
}

#[divan::bench(args = [4, 16, 64, 250])]
fn slot_of_a_key(bencher: Bencher<'_, '_>, len: usize) {
    let key: Vec<u8> = (0..len).map(|index| b'a' + (index % 26) as u8).collect();
    bencher.bench_local(|| SlotId::of(black_box(&key)));
}

#[divan::bench]
fn slot_of_a_key_with_a_hash_tag() -> SlotId {
    SlotId::of(black_box(b"{user:1000}.following"))
}
