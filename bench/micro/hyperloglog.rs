//! What HyperLogLogs cost: adding an element, estimating, and merging, with sparse values and dense ones.

use divan::{Bencher, black_box};
use shards::encoding::hyperloglog::{self as hll, Union};

/// Redis's default of hll-sparse-max-bytes.
const SPARSE_BYTES_MAX: usize = 3000;
/// Elements of a value that is sparse, and of one that is dense.
const SIZES: [u64; 2] = [500, 100_000];

fn main() {
    divan::main();
}

/// A value of so many elements, others for each `set`.
fn value(set: u64, size: u64) -> Vec<u8> {
    let elements: Vec<_> = (0..size).map(|number| (set << 32 | number).to_le_bytes()).collect();
    hll::create(elements.iter().map(|element| &element[..]), SPARSE_BYTES_MAX)
}

#[divan::bench(args = SIZES)]
fn add_an_element_that_changes_nothing(bencher: Bencher<'_, '_>, size: u64) {
    let (mut value, element) = (value(1, size), (1_u64 << 32).to_le_bytes());
    bencher.bench_local(|| hll::add(&mut value, [black_box(&element[..])], SPARSE_BYTES_MAX));
}

#[divan::bench(args = SIZES)]
fn estimate(bencher: Bencher<'_, '_>, size: u64) {
    let value = value(1, size);
    bencher.bench_local(|| hll::count(black_box(&value)));
}

#[divan::bench(args = SIZES)]
fn estimate_a_union_of_two(bencher: Bencher<'_, '_>, size: u64) {
    let values = [value(1, size), value(2, size)];
    bencher.bench_local(|| {
        let mut union = Union::default();
        for value in &values {
            union.merge(black_box(value)).expect("own values are whole");
        }
        union.count()
    });
}

#[divan::bench(args = SIZES)]
fn merge_two_into_one_of_them(bencher: Bencher<'_, '_>, size: u64) {
    let (mut target, source) = (value(1, size), value(2, size));
    bencher.bench_local(|| {
        let mut union = Union::default();
        for value in [&target, &source] {
            union.merge(black_box(value)).expect("own values are whole");
        }
        union.store(&mut target, SPARSE_BYTES_MAX)
    });
}
