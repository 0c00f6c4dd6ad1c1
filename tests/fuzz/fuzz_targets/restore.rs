//! RESTORE against foreign payloads; `restore_check.rs` says what must hold.
#![no_main]

#[path = "../restore_check.rs"]
mod restore_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| restore_check::check(input));
