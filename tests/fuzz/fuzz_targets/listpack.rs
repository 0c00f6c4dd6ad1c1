//! Listpacks and quicklists against foreign bytes and against plain collections; `listpack_check.rs` says
//! what must hold.
#![no_main]

#[path = "../listpack_check.rs"]
mod listpack_check;
#[path = "../program.rs"]
mod program;

libfuzzer_sys::fuzz_target!(|input: &[u8]| listpack_check::check(input));
