//! The rows about what collections take in memory, about commands over very large ones, and about what the
//! other core sees of such a command.

use testkit::Kind;

use super::{
    Against, CPU_MS, CommandWords, Fill, Goal, ITEM_BYTES, KEY, PROBE_P99, Row, Work, at_most_of_both, own,
};

const MILLION: u64 = 1_000_000;
const HUNDRED_THOUSAND: u64 = 100_000;

/// A member or field of a large collection, 16 bytes.
const MEMBER: &str = "mem:__rand_int__";
const _: () = assert!(MEMBER.len() == 16);

const SMALL_HASH: CommandWords = &[
    "HSET",
    KEY,
    "f1",
    "value-0001",
    "f2",
    "value-0002",
    "f3",
    "value-0003",
    "f4",
    "value-0004",
    "f5",
    "value-0005",
];
const FIVE: [&str; 5] = ["value-0001", "value-0002", "value-0003", "value-0004", "value-0005"];
const SMALL_LIST: CommandWords = &["RPUSH", KEY, FIVE[0], FIVE[1], FIVE[2], FIVE[3], FIVE[4]];
const SMALL_SET: CommandWords = &["SADD", KEY, FIVE[0], FIVE[1], FIVE[2], FIVE[3], FIVE[4]];
const SMALL_INTEGERS: CommandWords = &["SADD", KEY, "100001", "100002", "100003", "100004", "100005"];
const SMALL_SORTED_SET: CommandWords =
    &["ZADD", KEY, "101", FIVE[0], "102", FIVE[1], "103", FIVE[2], "104", FIVE[3], "105", FIVE[4]];

/// Few enough that the default limits of Redis and Valkey keep such a hash packed.
const MIDDLE_FIELDS: usize = 100;
const MIDDLE_HASHES: u64 = 50_000;
/// `field-000` to `field-099`, all in one text.
const MIDDLE_NAMES: [u8; 9 * MIDDLE_FIELDS] = {
    let mut text = [0; 9 * MIDDLE_FIELDS];
    let mut at = 0;
    while at < text.len() {
        let (number, digits) = (at / 9, b"field-000");
        text[at] = match at % 9 {
            7 => b'0' + (number / 10) as u8,
            8 => b'0' + (number % 10) as u8,
            place => digits[place],
        };
        at += 1;
    }
    text
};
const MIDDLE_HASH: [&str; 2 + 2 * MIDDLE_FIELDS] = {
    let mut words = ["value-00000000000001"; 2 + 2 * MIDDLE_FIELDS];
    words[0] = "HSET";
    words[1] = KEY;
    let mut field = 0;
    let mut rest: &'static [u8] = &MIDDLE_NAMES;
    while field < MIDDLE_FIELDS {
        let (name, more) = rest.split_at(9);
        words[2 + 2 * field] = match str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => unreachable!(),
        };
        rest = more;
        field += 1;
    }
    words
};

const BIG_HASH: CommandWords = &["HSET", "big", MEMBER, "value-0001"];
const BIG_SET: CommandWords = &["SADD", "big", MEMBER];
const BIG_SORTED_SET: CommandWords = &["ZADD", "big", "__rand_int__", MEMBER];

const MEMORY_GOALS: &[Goal] = &at_most_of_both(ITEM_BYTES, 0.90);

const MIDDLE_GOALS: &[Goal] = &[own(ITEM_BYTES, 34.0)];

const fn small(name: &'static str, command: CommandWords) -> Row {
    let work = Work::BytesPerItem { fill: Fill::of(command, MILLION), keys: MILLION, items: MILLION };
    Row { name, shards: 1, work, goals: MEMORY_GOALS }
}

const fn large(name: &'static str, command: CommandWords) -> Row {
    let work = Work::BytesPerItem { fill: Fill::of(command, MILLION), keys: 1, items: MILLION };
    Row { name, shards: 1, work, goals: MEMORY_GOALS }
}

const LONG_GOALS: &[Goal] =
    &[Goal { column: CPU_MS.name, against: Against::Server(Kind::Redis), at_most: 1.0 }];

const fn long(name: &'static str, command: CommandWords, fills: &'static [Fill]) -> Row {
    Row { name, shards: 1, work: Work::LongCommand { command, fills }, goals: LONG_GOALS }
}

/// Keys with `{b}` lie on the first of two shards, keys with `{a}` on the second (slots 3300 and 15495).
const PROBED: Fill = Fill::of(&["SET", "{a}:__rand_int__", "value-0001"], 1000);
const PROBE: CommandWords = &["GET", "{a}:__rand_int__"];
const STALLING: &[Fill] = &[
    PROBED,
    Fill::of(&["SADD", "{b}set", MEMBER], MILLION),
    Fill::of(&["ZADD", "{b}zset", "__rand_int__", MEMBER], MILLION),
];
const ALONE: &str = "stall, GET on the other core, alone";
/// A stall would be a hundred times as long and more.
const STALL_GOALS: &[Goal] = &[Goal { column: PROBE_P99.name, against: Against::Row(ALONE), at_most: 2.0 }];

const fn stall(name: &'static str, long: Option<CommandWords>, goals: &'static [Goal]) -> Row {
    Row { name, shards: 2, work: Work::BesideLong { probe: PROBE, long, fills: STALLING }, goals }
}

/// Rows of one kind stand together.
pub(super) const ROWS: &[Row] = &[
    small("memory, 1 M hashes of 5 fields (2 bytes) with values of 10 bytes", SMALL_HASH),
    small("memory, 1 M lists of 5 elements of 10 bytes", SMALL_LIST),
    small("memory, 1 M sets of 5 integers of 6 digits", SMALL_INTEGERS),
    small("memory, 1 M sets of 5 members of 10 bytes", SMALL_SET),
    small("memory, 1 M sorted sets of 5 members of 10 bytes", SMALL_SORTED_SET),
    Row {
        name: "memory, 50 k hashes of 100 fields of 9 bytes with values of 20",
        shards: 1,
        work: Work::BytesPerItem {
            fill: Fill::of(&MIDDLE_HASH, MIDDLE_HASHES),
            keys: MIDDLE_HASHES,
            items: MIDDLE_HASHES * MIDDLE_FIELDS as u64,
        },
        goals: MIDDLE_GOALS,
    },
    large("memory, 1 hash of 1 M fields of 16 bytes with values of 10", BIG_HASH),
    large("memory, 1 set of 1 M members of 16 bytes", BIG_SET),
    large("memory, 1 sorted set of 1 M members of 16 bytes", BIG_SORTED_SET),
    long("long, HGETALL of 1 M fields", &["HGETALL", "big"], &[Fill::of(BIG_HASH, MILLION)]),
    long("long, SMEMBERS of 1 M members", &["SMEMBERS", "big"], &[Fill::of(BIG_SET, MILLION)]),
    long(
        "long, ZRANGE 0 -1 of 1 M members",
        &["ZRANGE", "big", "0", "-1"],
        &[Fill::of(BIG_SORTED_SET, MILLION)],
    ),
    long(
        "long, ZUNIONSTORE of 2 sets of 100 k, half of them common",
        &["ZUNIONSTORE", "to", "2", "one", "two"],
        &[
            Fill::of(&["ZADD", "one", "__rand_int__", MEMBER], HUNDRED_THOUSAND),
            Fill::of(&["ZADD", "two", "__rand_int__", MEMBER], HUNDRED_THOUSAND).from(HUNDRED_THOUSAND / 2),
        ],
    ),
    long(
        "long, SORT of a list of 100 k numbers",
        &["SORT", "list"],
        &[Fill::of(&["RPUSH", "list", "__rand_int__"], HUNDRED_THOUSAND)],
    ),
    stall(ALONE, None, &[]),
    stall("stall, GET on the other core, beside SMEMBERS of 1 M", Some(&["SMEMBERS", "{b}set"]), STALL_GOALS),
    stall(
        "stall, GET on the other core, beside ZUNIONSTORE of 1 M",
        Some(&["ZUNIONSTORE", "{b}to", "1", "{b}zset"]),
        STALL_GOALS,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_hash_of_100_has_as_many_fields_of_the_length_that_its_row_tells() {
        let fields: HashSet<&str> = MIDDLE_HASH[2..].iter().copied().step_by(2).collect();
        assert_eq!(fields.len(), MIDDLE_FIELDS);
        assert!(fields.iter().all(|field| field.len() == 9 && field.starts_with("field-0")), "{fields:?}");
        assert!(MIDDLE_HASH[3..].iter().step_by(2).all(|value| value.len() == 20));
    }
}
