//! Intsets against foreign bytes and against a tree; `intset_check.rs` says what must hold.
#![no_main]

#[path = "../intset_check.rs"]
mod intset_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| intset_check::check(input));
