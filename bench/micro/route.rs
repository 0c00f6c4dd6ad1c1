//! What finding a key's hash slot costs, for the usual lengths of keys.

use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// CRC16/XMODEM modulo 16384 (Redis Cluster specification), the hash that routes every key.
#[divan::bench(args = [4, 16, 64, 250])]
fn slot_of_a_key(bencher: Bencher<'_, '_>, len: usize) {
    let key: Vec<u8> = (0..len).map(|index| b'a' + (index % 26) as u8).collect();
    bencher.bench_local(|| crc16::State::<crc16::XMODEM>::calculate(black_box(&key)) % 16384);
}
