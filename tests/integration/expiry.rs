//! Expiry as a client sees it: by the server's own clock, a key is gone as soon as its millisecond is over,
//! for every command.

use std::thread;
use std::time::{Duration, Instant};

use testkit::{Client, Value};

use crate::scene::{PATIENCE, dialogue, eventually, is_redis_70, start, with_shards};

/// The server's clock in milliseconds.
fn server_time_ms(client: &mut Client) -> i64 {
    let time = client.ask("TIME");
    let parts: Vec<i64> = time.as_slice().unwrap().iter().map(|part| part.text().parse().unwrap()).collect();
    parts[0] * 1_000 + parts[1] / 1_000
}

#[test]
fn a_key_is_there_before_its_time_and_never_after() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for ttl_ms in 1..=50 {
            let key = format!("key:{ttl_ms}");
            let before = server_time_ms(&mut client);
            assert_eq!(client.cmd(&["SET", &key, "v"]), Value::ok());
            assert_eq!(client.cmd(&["PEXPIRE", &key, &ttl_ms.to_string()]), Value::Int(1));
            let after = server_time_ms(&mut client);
            eventually("the key expires", || {
                let asked = server_time_ms(&mut client);
                let value = client.cmd(&["GET", &key]);
                let answered = server_time_ms(&mut client);
                match &value {
                    Value::Bulk(_) => {
                        assert!(asked <= after + ttl_ms, "seen {} ms late", asked - after - ttl_ms)
                    }
                    Value::NullBulk => assert!(answered >= before + ttl_ms, "gone before its time"),
                    other => panic!("GET: {other}"),
                }
                value.is_null()
            });
        }
    });
}

/// Asks without a pause until there is nothing.
fn await_null(client: &mut Client, line: &str) {
    let begun = Instant::now();
    while !client.ask(line).is_null() {
        assert!(begun.elapsed() < PATIENCE, "{line} goes on finding something");
    }
}

/// Whoever has set a time must be able to count on it, to the last fraction of a millisecond.
#[test]
fn a_key_lives_at_least_as_long_as_it_was_given() {
    const LIFE: Duration = Duration::from_millis(3);
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for _ in 0..40 {
            let begun = Instant::now();
            assert_eq!(client.ask("SET k v PX 3"), Value::ok());
            await_null(&mut client, "GET k");
            assert!(begun.elapsed() >= LIFE, "a key has lived {:?}", begun.elapsed());
            if is_redis_70() {
                continue;
            }
            let begun = Instant::now();
            client.ask("HSET h f v");
            assert!(!client.ask("HPEXPIRE h 3 FIELDS 1 f").is_error());
            await_null(&mut client, "HGET h f");
            assert!(begun.elapsed() >= LIFE, "a field has lived {:?}", begun.elapsed());
        }
    });
}

#[test]
fn an_expired_key_is_nowhere() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for round in 0..10 {
            let key = format!("key:{round}");
            assert_eq!(client.cmd(&["SET", &key, "v", "PX", "5"]), Value::ok());
            let over = server_time_ms(&mut client) + 5;
            eventually("its time is over", || server_time_ms(&mut client) > over);
            let line = |text: &str| text.replace("KEY", &key);
            dialogue(
                &mut client,
                &[
                    (&line("EXISTS KEY KEY"), "(integer) 0"),
                    (&line("TTL KEY"), "(integer) -2"),
                    (&line("PTTL KEY"), "(integer) -2"),
                    (&line("TYPE KEY"), "none"),
                    (&line("STRLEN KEY"), "(integer) 0"),
                    (&line("TOUCH KEY"), "(integer) 0"),
                    (&line("DEL KEY"), "(integer) 0"),
                    (&line("PERSIST KEY"), "(integer) 0"),
                    (&line("EXPIRE KEY 100"), "(integer) 0"),
                    (&line("MSETNX KEY 1 other:KEY 1"), "(integer) 1"),
                    (&line("TTL KEY"), "(integer) -1"),
                ],
            );
        }
    });
}

#[test]
fn expired_keys_leave_the_database_without_being_touched() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for index in 0..500 {
            assert_eq!(client.cmd(&["SET", &format!("key:{index}"), "v", "PX", "30"]), Value::ok());
        }
        assert_eq!(client.ask("SET stays v"), Value::ok());
        eventually("only one key is left", || client.ask("DBSIZE") == Value::Int(1));
    });
}

#[test]
fn expired_fields_leave_their_hash_without_being_touched() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for index in 0..500 {
            let field = format!("field:{index}");
            let hset = [
                "HSETEX",
                if index % 2 == 0 { "even" } else { "odd" },
                "PX",
                "30",
                "FIELDS",
                "1",
                &field,
                "v",
            ];
            assert_eq!(client.cmd(&hset), Value::Int(1));
        }
        assert_eq!(client.ask("HSET even stays v"), Value::Int(1));
        eventually("only one hash is left", || client.ask("DBSIZE") == Value::Int(1));
        eventually("all fields but one are gone", || {
            client.ask("INFO stats").text().contains("expired_fields:500\r\n")
        });
        assert_eq!(client.ask("HLEN even"), Value::Int(1));
    });
}

#[test]
fn active_expiry_can_be_switched_off_and_on() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "--enable-debug-command yes");
        let mut client = server.client();
        assert_eq!(client.ask("DEBUG SET-ACTIVE-EXPIRE 0"), Value::ok());
        for index in 0..50 {
            assert_eq!(client.cmd(&["SET", &format!("key:{index}"), "v", "PX", "1"]), Value::ok());
        }
        // Longer than it takes to find them.
        thread::sleep(Duration::from_millis(350));
        assert_eq!(client.ask("DBSIZE"), Value::Int(50));
        assert_eq!(client.ask("EXISTS key:7"), Value::Int(0));
        assert_eq!(client.ask("DEBUG set-active-expire 1"), Value::ok());
        eventually("the keys go", || client.ask("DBSIZE") == Value::Int(0));
    });
}

#[test]
fn debug_needs_permission() {
    let refused = "(error) ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.";
    for (args, reply) in [
        ("", refused),
        ("--enable-debug-command no", refused),
        ("--enable-debug-command local", "OK"),
        ("--enable-debug-command yes", "OK"),
    ] {
        dialogue(&mut start(2, args).client(), &[("DEBUG SLEEP 0", reply)]);
    }
    dialogue(
        &mut start(2, "--enable-debug-command local").client(),
        &[
            ("DEBUG ERROR MINE", "(error) MINE"),
            (
                "DEBUG nosuch",
                "(error) ERR unknown subcommand or wrong number of arguments for 'nosuch'. Try DEBUG HELP.",
            ),
            (
                "DEBUG SLEEP",
                "(error) ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP.",
            ),
            ("DEBUG", "(error) ERR wrong number of arguments for 'debug' command"),
            (
                "CONFIG SET enable-debug-command yes",
                "(error) ERR CONFIG SET failed (possibly related to argument 'enable-debug-command') - can't set immutable config",
            ),
        ],
    );
}

/// Asserts a TTL that counts down from `seconds`; half a minute may have passed on a busy machine.
#[track_caller]
fn assert_ttl(client: &mut Client, key: &str, seconds: i64) {
    let ttl = client.cmd(&["TTL", key]).as_int().expect("TTL is an integer");
    assert!((seconds - 30..=seconds).contains(&ttl), "{ttl} for {seconds}");
    let pttl = client.cmd(&["PTTL", key]).as_int().expect("PTTL is an integer");
    assert!((seconds * 1_000 - 30_000..=seconds * 1_000).contains(&pttl), "{pttl} for {seconds} s");
}

/// Sends each line for `key` and compares its integer reply.
#[track_caller]
fn steps(client: &mut Client, key: &str, lines: &[(&str, i64)]) {
    for (line, expected) in lines {
        assert_eq!(client.ask(&line.replace("KEY", key)), Value::Int(*expected), "{line}");
    }
}

#[test]
fn times_are_set_changed_and_taken_away() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for key in ["a", "b", "c", "d"] {
            steps(&mut client, key, &[("TTL KEY", -2), ("EXPIRE KEY 100", 0), ("APPEND KEY v", 1)]);
            steps(&mut client, key, &[("TTL KEY", -1), ("PTTL KEY", -1), ("EXPIRE KEY 100", 1)]);
            assert_ttl(&mut client, key, 100);
            steps(
                &mut client,
                key,
                &[("EXPIRE KEY 200 NX", 0), ("EXPIRE KEY 50 GT", 0), ("EXPIRE KEY 500 GT", 1)],
            );
            assert_ttl(&mut client, key, 500);
            steps(&mut client, key, &[("EXPIRE KEY 900 LT", 0), ("PEXPIRE KEY 200000 XX", 1)]);
            assert_ttl(&mut client, key, 200);
            steps(&mut client, key, &[("PERSIST KEY", 1), ("PERSIST KEY", 0), ("TTL KEY", -1)]);
            steps(&mut client, key, &[("EXPIRE KEY 0", 1), ("EXISTS KEY", 0), ("TTL KEY", -2)]);
            steps(&mut client, key, &[("APPEND KEY v", 1), ("PEXPIRE KEY -5", 1), ("EXISTS KEY", 0)]);
        }
    });
}

#[test]
fn wrong_times_and_options_are_refused() {
    let server = start(2, "");
    dialogue(
        &mut server.client(),
        &[
            ("SET key v", "OK"),
            ("EXPIRE key abc", "(error) ERR value is not an integer or out of range"),
            ("EXPIRE key 9223372036854775807", "(error) ERR invalid expire time in 'expire' command"),
            ("PEXPIRE key 9223372036854775807", "(error) ERR invalid expire time in 'pexpire' command"),
            ("SET key v EX 0", "(error) ERR invalid expire time in 'set' command"),
            (
                "EXPIRE key 1 NX XX",
                "(error) ERR NX and XX, GT or LT options at the same time are not compatible",
            ),
            ("EXPIRE key 1 GT LT", "(error) ERR GT and LT options at the same time are not compatible"),
            ("EXPIRE key 1 nosuch", "(error) ERR Unsupported option nosuch"),
            ("TTL key", "(integer) -1"),
        ],
    );
}
