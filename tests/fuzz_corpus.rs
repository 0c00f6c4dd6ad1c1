//! Runs the inputs that fuzzing has found worth keeping, so that a regression shows without a fuzzer.

use std::{fs, path::Path};

#[path = "fuzz/hyperloglog_check.rs"]
mod hyperloglog_check;
#[path = "fuzz/intset_check.rs"]
mod intset_check;
#[path = "fuzz/listpack_check.rs"]
mod listpack_check;
#[path = "fuzz/program.rs"]
mod program;
#[path = "fuzz/rdb_check.rs"]
mod rdb_check;
#[path = "fuzz/request_check.rs"]
mod request_check;
#[path = "fuzz/restore_check.rs"]
mod restore_check;
#[path = "fuzz/sorted_pack_check.rs"]
mod sorted_pack_check;
#[path = "fuzz/stream_check.rs"]
mod stream_check;

#[test]
fn requests_do_not_depend_on_packets_and_memory_is_bounded_by_what_was_sent() {
    replay("request", request_check::check);
}

#[test]
fn listpacks_and_quicklists_refuse_foreign_bytes_or_agree_with_plain_vectors() {
    replay("listpack", listpack_check::check);
}

#[test]
fn intsets_refuse_foreign_bytes_or_agree_with_a_tree() {
    replay("intset", intset_check::check);
}

#[test]
fn small_sorted_sets_refuse_foreign_bytes_or_agree_with_a_sorted_vector() {
    replay("sorted_pack", sorted_pack_check::check);
}

#[test]
fn streams_refuse_foreign_blocks_or_agree_with_a_vector() {
    replay("stream", stream_check::check);
}

#[test]
fn rdb_files_and_values_are_refused_or_hold_together_through_any_window() {
    replay("rdb", rdb_check::check);
}

#[test]
fn payloads_of_restore_are_refused_or_make_values_that_every_command_can_read() {
    replay("restore", restore_check::check);
}

#[test]
fn hyperloglogs_written_by_clients_are_refused_or_keep_their_registers() {
    replay("hyperloglog", hyperloglog_check::check);
}

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(corpus).expect("the corpus is a folder") {
        let path = entry.expect("the folder can be read").path();
        eprintln!("{}", path.display()); // names the input at fault when one fails
        check(&fs::read(path).expect("an input can be read"));
        inputs += 1;
    }
    assert!(inputs >= 20, "the corpus has only {inputs} inputs");
}
