//! HyperLogLogs that clients have written themselves; `hyperloglog_check.rs` says what must hold.
#![no_main]

#[path = "../hyperloglog_check.rs"]
mod hyperloglog_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| hyperloglog_check::check(input));
