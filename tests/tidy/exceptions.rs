//! What breaks a rule of `tests/tidy.rs` and is known to. The lists may only shrink: an entry that is no
//! longer needed, or could be lower, fails as well. `tests/tidy/print_exceptions.sh` prints this file as it
//! has to be for the sources as they are.
//!
//! `UPWARDS`: a file and the one of a higher layer that it imports. `CIRCLES`: all files of a circle.
//! `BETWEEN_FAMILIES`: a file of commands and the one of another family that it imports. `ABROAD`: a file
//! that implements a type of another folder. `OPEN_FIELDS`: a type and its field. `RESERVED_WORDS`,
//! `NAMED_COMMANDS`: a file and the word in it. `NAMED_BUT_ABSENT`: what ARCHITECTURE.md names. `WIDE_LINES`:
//! a file.

pub(crate) const ABROAD: &[&[&str]] = &[];
pub(crate) const NAMED_BUT_ABSENT: &[&[&str]] = &[];
pub(crate) const OPEN_FIELDS: &[&[&str]] = &[];
pub(crate) const LONG_FILES: &[(&str, usize)] = &[
    ("shards/src/router/coordinator.rs", 770),
    ("shards/src/table.rs", 750),
    ("tests/integration/tracking.rs", 750),
];
pub(crate) const LONG_FUNCTIONS: &[(&str, usize)] = &[
    ("shards/src/encoding/stream/group_tests.rs a_random_history_of_a_group_agrees_with_a_btree_map", 90),
    ("shards/src/shard/participant.rs handle_message", 80),
    ("tests/integration/numbers.rs texts", 160),
    ("tests/protocol_errors.rs odd_streams", 80),
];
pub(crate) const UPWARDS: &[&[&str]] = &[];
pub(crate) const WIDE_LINES: &[&[&str]] = &[&["src/protocol/mod.rs"]];
pub(crate) const BETWEEN_FAMILIES: &[&[&str]] = &[
    &["shards/src/commands/geo/member.rs", "shards/src/commands/sorted_set/add.rs"],
    &["shards/src/commands/geo/search.rs", "shards/src/commands/sorted_set/reply.rs"],
];
pub(crate) const CIRCLES: &[&[&str]] = &[];
pub(crate) const NAMED_COMMANDS: &[&[&str]] = &[];
pub(crate) const RESERVED_WORDS: &[&[&str]] = &[&["src/commands/config.rs", "Mutex"]];
