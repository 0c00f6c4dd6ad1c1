//! The request parser against whatever clients may send; `request_check.rs` says what must hold.
#![no_main]

#[path = "../request_check.rs"]
mod request_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| request_check::check(input));
