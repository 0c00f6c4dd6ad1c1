//! What reading an integer argument costs: short and long ones, and text that is none.

use divan::black_box;
use shards::num::parse_i64;

fn main() {
    divan::main();
}

#[divan::bench(args = ["7", "-12345", "9223372036854775807", "12a", "not a number"])]
fn parse_integer(text: &str) -> Option<i64> {
    parse_i64(black_box(text.as_bytes()))
}
