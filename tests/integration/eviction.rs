//! `maxmemory` as clients and operators see it: what is refused, what goes, and how much memory is used meanwhile.

use testkit::{Client, Value};

use crate::scene::{alone, dialogue, eventually, is_oracle, skip_if, start, with_shards};

const OOM: &str = "(error) OOM command not allowed when used memory > 'maxmemory'.";

/// A field of INFO as a number.
#[track_caller]
fn info(client: &mut Client, field: &str) -> u64 {
    let text = client.ask("INFO").text();
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("INFO has {field}")).trim().parse().expect("a number")
}

/// Sets `count` keys of 1000 bytes, whose names begin with `name`, with more arguments of SET.
fn fill(client: &mut Client, name: &str, count: usize, more: &[&str]) -> usize {
    let value = "v".repeat(1000);
    let set = |index| client.cmd(&[&["SET", &format!("{name}:{index}"), &value], more].concat());
    (0..count).map(set).filter(|reply| *reply == Value::ok()).count()
}

#[test]
fn without_a_policy_writes_are_refused_and_everything_else_is_not() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        dialogue(
            &mut client,
            &[
                ("MSET a 1 b 2 c 3 d 4", "OK"),
                ("CONFIG SET maxmemory 1", "OK"),
                ("SET a 2", OOM),
                ("SET e 2", OOM),
                ("APPEND a 2", OOM),
                ("MSET a 1 b 1 c 1 d 1", OOM),
                ("MSETNX e 1 f 1", OOM),
                ("BITOP OR e a b", OOM),
                ("GET a", "\"1\""),
                ("GETDEL d", "\"4\""),
                ("EXPIRE c 100", "(integer) 1"),
                ("DEL b nosuch", "(integer) 1"),
                ("DBSIZE", "(integer) 2"),
                ("CONFIG SET maxmemory 0", "OK"),
                ("SET a 2", "OK"),
            ],
        );
    });
}

#[test]
fn a_write_is_refused_when_no_key_may_go() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        dialogue(
            &mut client,
            &[
                ("MSET a 1 b 2 c 3", "OK"),
                ("CONFIG SET maxmemory 1 maxmemory-policy volatile-lru", "OK"),
                ("SET d 2", OOM),
                ("DBSIZE", "(integer) 3"),
                ("CONFIG SET maxmemory-policy allkeys-lru", "OK"),
            ],
        );
        eventually("all keys go", || client.ask("DBSIZE") == Value::Int(0));
        eventually("writes are refused", || client.ask("SET a 1").to_string() == OOM);
        dialogue(
            &mut client,
            &[("EXISTS a", "(integer) 0"), ("CONFIG SET maxmemory 0", "OK"), ("SET a 1", "OK")],
        );
    });
}

#[test]
fn every_policy_keeps_the_limit_and_the_keys_that_it_must() {
    let _alone = alone();
    for policy in [
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
    ] {
        println!("{policy}");
        with_shards(&[1, 3], |shards| {
            let server = start(shards, "");
            let mut client = server.client();
            assert_eq!(fill(&mut client, "stays", 100, &[]), 100);
            let limit = info(&mut client, "used_memory") + 2_000_000;
            client.ask(&format!("CONFIG SET maxmemory {limit} maxmemory-policy {policy}"));
            assert_eq!(fill(&mut client, "key", 6_000, &["EX", "1000"]), 6_000);
            eventually("the limit is kept", || info(&mut client, "used_memory") <= limit + limit / 50);
            let keys = client.ask("DBSIZE").as_int().expect("an integer");
            assert!((500..4_000).contains(&keys), "{keys}");
            assert!(info(&mut client, "evicted_keys") >= 2_100);
            if policy.starts_with("volatile") {
                let all: Vec<String> = (0..100).map(|index| format!("stays:{index}")).collect();
                let mut exists = vec!["EXISTS"];
                exists.extend(all.iter().map(String::as_str));
                assert_eq!(client.cmd(&exists), Value::Int(100));
            }
        });
    }
}

#[test]
fn a_limit_that_is_lowered_takes_effect_without_a_further_command_on_keys() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "--maxmemory-policy allkeys-random");
        let mut client = server.client();
        assert_eq!(fill(&mut client, "key", 5_000, &[]), 5_000);
        let limit = info(&mut client, "used_memory") - 2_500_000;
        client.ask(&format!("CONFIG SET maxmemory {limit}"));
        eventually("keys go", || info(&mut client, "used_memory") <= limit);
        assert!(client.ask("DBSIZE").as_int() < Some(3_500));
        assert_eq!(info(&mut client, "maxmemory"), limit);
    });
}

#[test]
fn used_memory_follows_what_keys_take() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        client.ask("SET a 1");
        let before = info(&mut client, "used_memory");
        let value = "v".repeat(1 << 20);
        (0..20).for_each(|index| _ = client.cmd(&["SET", &format!("key:{index}"), &value]));
        let filled = info(&mut client, "used_memory") - before;
        assert!((20 << 20..25 << 20).contains(&filled), "{filled}");
        client.ask("FLUSHALL SYNC");
        eventually("it is freed", || info(&mut client, "used_memory") < before + (1 << 20));
        assert!(info(&mut client, "used_memory_peak") >= before + filled);
    });
}

#[test]
fn a_shard_that_has_nothing_left_has_the_others_evict() {
    if skip_if(is_oracle(), "Redis has no shards") {
        return;
    }
    let server = start(2, "");
    let mut client = server.client();
    // One slot holds all that may go, and the other shard's slot gets what is written.
    let limit = info(&mut client, "used_memory") + 5_000_000;
    assert_eq!(fill(&mut client, "{a}", 3_000, &["EX", "1000"]), 3_000);
    client.ask(&format!("CONFIG SET maxmemory {limit} maxmemory-policy volatile-lru"));
    for tag in ["{b}", "{c}", "{d}", "{e}"] {
        assert_eq!(fill(&mut client, tag, 800, &[]), 800);
    }
    eventually("the limit is kept", || info(&mut client, "used_memory") <= limit + limit / 50);
    assert!(info(&mut client, "evicted_keys") > 0);
    assert!(client.ask("DBSIZE").as_int() >= Some(3_200));
}
