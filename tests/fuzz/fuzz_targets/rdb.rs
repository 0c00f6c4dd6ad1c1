//! RDB files and the values in them against foreign bytes; `rdb_check.rs` says what must hold.
#![no_main]

#[path = "../rdb_check.rs"]
mod rdb_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| rdb_check::check(input));
