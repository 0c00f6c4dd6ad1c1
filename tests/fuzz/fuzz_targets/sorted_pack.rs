//! Small sorted sets against foreign bytes and against a sorted vector; `sorted_pack_check.rs` says what must
//! hold.
#![no_main]

#[path = "../program.rs"]
mod program;
#[path = "../sorted_pack_check.rs"]
mod sorted_pack_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| sorted_pack_check::check(input));
