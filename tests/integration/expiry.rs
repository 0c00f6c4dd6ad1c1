//! Expiry as a client sees it: by the server's own clock, a key is gone from its millisecond on, for every command.

use testkit::{Client, Value};

use crate::scene::{dialogue, eventually, start, with_shards};

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
fn times_are_set_changed_and_taken_away() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for key in ["a", "b", "c", "d"] {
            let line = |text: &str| text.replace("KEY", key);
            dialogue(
                &mut client,
                &[
                    (&line("TTL KEY"), "(integer) -2"),
                    (&line("EXPIRE KEY 100"), "(integer) 0"),
                    (&line("SET KEY v"), "OK"),
                    (&line("TTL KEY"), "(integer) -1"),
                    (&line("EXPIRE KEY 100"), "(integer) 1"),
                    (&line("TTL KEY"), "(integer) 100"),
                    (&line("EXPIRE KEY 200 NX"), "(integer) 0"),
                    (&line("EXPIRE KEY 50 GT"), "(integer) 0"),
                    (&line("EXPIRE KEY 200 GT"), "(integer) 1"),
                    (&line("EXPIRE KEY 300 LT"), "(integer) 0"),
                    (&line("PEXPIRE KEY 50000 XX"), "(integer) 1"),
                    (&line("TTL KEY"), "(integer) 50"),
                    (&line("PERSIST KEY"), "(integer) 1"),
                    (&line("PERSIST KEY"), "(integer) 0"),
                    (&line("EXPIRE KEY abc"), "(error) ERR value is not an integer or out of range"),
                    (
                        &line("EXPIRE KEY 9223372036854775807"),
                        "(error) ERR invalid expire time in 'expire' command",
                    ),
                    (
                        &line("EXPIRE KEY 1 NX XX"),
                        "(error) ERR NX and XX, GT or LT options at the same time are not compatible",
                    ),
                    (&line("EXPIRE KEY 1 nosuch"), "(error) ERR Unsupported option nosuch"),
                    (&line("EXPIRE KEY 0"), "(integer) 1"),
                    (&line("EXISTS KEY"), "(integer) 0"),
                ],
            );
        }
    });
}
