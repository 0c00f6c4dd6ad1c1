//! Streams against foreign blocks and against a vector; `stream_check.rs` says what must hold.
#![no_main]

#[path = "../program.rs"]
mod program;
#[path = "../stream_check.rs"]
mod stream_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| stream_check::check(input));
