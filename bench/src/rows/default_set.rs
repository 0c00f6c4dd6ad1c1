//! The rows of redis-benchmark's default set on lists, sets, hashes and sorted sets: its keys, its arguments
//! and its three bytes of data. Pops never find an empty key: so much is put in before, and no more is taken
//! out.

use super::{CPU_US, CommandWords, Fill, Goal, Row, Work, at_most_of_both};

/// redis-benchmark's data, three bytes.
const DATA: &str = "VXK";
/// `-r`: members, fields and keys that a load chooses from.
pub(super) const NUMBERS: u64 = 100_000;
/// Elements that a row that pops begins with: about a second at the highest rate known.
const POPPED: u64 = 1_000_000;
/// Elements of one command that fills a list.
const CHUNK: u64 = 100;

const RPUSH_CHUNK: [&str; 2 + CHUNK as usize] = {
    let mut words = [DATA; 2 + CHUNK as usize];
    words[0] = "RPUSH";
    words[1] = "mylist";
    words
};

const SADD: CommandWords = &["SADD", "myset", "element:__rand_int__"];
const HSET: CommandWords = &["HSET", "myhash", "element:__rand_int__", DATA];
const ZADD: CommandWords = &["ZADD", "myzset", "__rand_int__", "element:__rand_int__"];
const K: &str = "key:__rand_int__";
const MSET: CommandWords =
    &["MSET", K, DATA, K, DATA, K, DATA, K, DATA, K, DATA, K, DATA, K, DATA, K, DATA, K, DATA, K, DATA];

const NOTHING: &[Fill] = &[];
const LIST: &[Fill] = &[Fill::of(&RPUSH_CHUNK, NUMBERS / CHUNK)];
const LONG_LIST: &[Fill] = &[Fill::of(&RPUSH_CHUNK, POPPED / CHUNK)];
const SET: &[Fill] = &[Fill::of(SADD, NUMBERS)];
const LARGE_SET: &[Fill] = &[Fill::of(SADD, POPPED)];
const HASH: &[Fill] = &[Fill::of(HSET, NUMBERS)];
const SORTED_SET: &[Fill] = &[Fill::of(ZADD, NUMBERS)];
const LARGE_SORTED_SET: &[Fill] = &[Fill::of(ZADD, POPPED)];
const STRINGS: &[Fill] = &[Fill::of(&["SET", K, DATA], NUMBERS)];

const GOALS: &[Goal] = &at_most_of_both(CPU_US, 0.90);

const fn row(
    name: &'static str,
    pipeline: u32,
    command: CommandWords,
    fills: &'static [Fill],
    requests_max: u64,
) -> Row {
    Row { name, shards: 1, work: Work::DefaultSet { command, pipeline, fills, requests_max }, goals: GOALS }
}

const fn steady(name: &'static str, pipeline: u32, command: CommandWords, fills: &'static [Fill]) -> Row {
    row(name, pipeline, command, fills, u64::MAX)
}

const fn pop(name: &'static str, pipeline: u32, command: CommandWords, fills: &'static [Fill]) -> Row {
    row(name, pipeline, command, fills, POPPED)
}

/// So many requests at most that warming up, a tenth of them, takes no longer than for short replies.
const fn lrange(name: &'static str, pipeline: u32, command: CommandWords) -> Row {
    row(name, pipeline, command, LIST, 400_000)
}

/// One shard, each command with and without a pipeline.
pub(super) const ROWS: &[Row] = &[
    steady("set, P=1, LPUSH", 1, &["LPUSH", "mylist", DATA], NOTHING),
    steady("set, P=1, RPUSH", 1, &["RPUSH", "mylist", DATA], NOTHING),
    pop("set, P=1, LPOP", 1, &["LPOP", "mylist"], LONG_LIST),
    pop("set, P=1, RPOP", 1, &["RPOP", "mylist"], LONG_LIST),
    steady("set, P=1, SADD", 1, SADD, SET),
    steady("set, P=1, HSET", 1, HSET, HASH),
    pop("set, P=1, SPOP", 1, &["SPOP", "myset"], LARGE_SET),
    steady("set, P=1, ZADD", 1, ZADD, SORTED_SET),
    pop("set, P=1, ZPOPMIN", 1, &["ZPOPMIN", "myzset"], LARGE_SORTED_SET),
    lrange("set, P=1, LRANGE_100", 1, &["LRANGE", "mylist", "0", "99"]),
    lrange("set, P=1, LRANGE_300", 1, &["LRANGE", "mylist", "0", "299"]),
    lrange("set, P=1, LRANGE_500", 1, &["LRANGE", "mylist", "0", "499"]),
    lrange("set, P=1, LRANGE_600", 1, &["LRANGE", "mylist", "0", "599"]),
    steady("set, P=1, MSET", 1, MSET, STRINGS),
    steady("set, P=16, LPUSH", 16, &["LPUSH", "mylist", DATA], NOTHING),
    steady("set, P=16, RPUSH", 16, &["RPUSH", "mylist", DATA], NOTHING),
    pop("set, P=16, LPOP", 16, &["LPOP", "mylist"], LONG_LIST),
    pop("set, P=16, RPOP", 16, &["RPOP", "mylist"], LONG_LIST),
    steady("set, P=16, SADD", 16, SADD, SET),
    steady("set, P=16, HSET", 16, HSET, HASH),
    pop("set, P=16, SPOP", 16, &["SPOP", "myset"], LARGE_SET),
    steady("set, P=16, ZADD", 16, ZADD, SORTED_SET),
    pop("set, P=16, ZPOPMIN", 16, &["ZPOPMIN", "myzset"], LARGE_SORTED_SET),
    lrange("set, P=16, LRANGE_100", 16, &["LRANGE", "mylist", "0", "99"]),
    lrange("set, P=16, LRANGE_300", 16, &["LRANGE", "mylist", "0", "299"]),
    lrange("set, P=16, LRANGE_500", 16, &["LRANGE", "mylist", "0", "499"]),
    lrange("set, P=16, LRANGE_600", 16, &["LRANGE", "mylist", "0", "599"]),
    steady("set, P=16, MSET", 16, MSET, STRINGS),
];
