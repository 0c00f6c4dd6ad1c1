//! Commands with keys on several shards, seen from outside: all or nothing, at one moment, whatever else
//! runs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use testkit::{Client, Server, Value};

use crate::scene::{alone, dialogue, start, with_shards};

const SHARDS: [usize; 3] = [1, 2, 3];
/// Keys that lie on different slots, enough of them that every shard has some.
const KEYS: usize = 8;

fn keys(family: &str) -> Vec<String> {
    (0..KEYS).map(|index| format!("{family}:{index}")).collect()
}

/// `name key value key value ...` with the same value for all keys.
fn same_value(name: &str, keys: &[String], value: &str) -> Vec<String> {
    let mut args = vec![name.to_owned()];
    for key in keys {
        args.extend([key.clone(), value.to_owned()]);
    }
    args
}

fn with_name(name: &str, keys: &[String]) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(keys.iter().cloned()).collect()
}

/// The one value that all elements of an MGET reply have.
fn common_value(reply: &Value) -> &Value {
    let values = reply.as_slice().expect("MGET returns an array");
    assert!(values.iter().all(|value| *value == values[0]), "a mix: {reply}");
    &values[0]
}

/// Runs `readers` until all `writers` are done; both get a client and their number.
fn race(
    server: &Server,
    writers: usize,
    write: impl Fn(&mut Client, usize) + Sync,
    readers: usize,
    read: impl Fn(&mut Client, usize) + Sync,
) {
    let writers_left = AtomicUsize::new(writers);
    thread::scope(|scope| {
        for number in 0..writers {
            let (write, writers_left) = (&write, &writers_left);
            scope.spawn(move || {
                let _done = Countdown(writers_left);
                write(&mut server.client(), number);
            });
        }
        for number in 0..readers {
            let (read, writers_left) = (&read, &writers_left);
            scope.spawn(move || {
                let mut client = server.client();
                while writers_left.load(Ordering::Relaxed) > 0 {
                    read(&mut client, number);
                }
            });
        }
    });
}

/// Counts down when dropped, so that a writer that panics does not leave the readers running.
struct Countdown<'a>(&'a AtomicUsize);

impl Drop for Countdown<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn a_reader_never_sees_half_of_an_mset() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let keys = keys("set");
        let mget = with_name("MGET", &keys);
        race(
            &server,
            6,
            |client, number| {
                let mut own = keys.clone();
                // Each writer names the keys in another order, as would end in a deadlock of naive locks.
                own.rotate_left(number);
                if number % 2 == 1 {
                    own.reverse();
                }
                for round in 0..400 {
                    let value = format!("{number}:{round}");
                    assert_eq!(client.cmd(&same_value("MSET", &own, &value)), Value::ok());
                }
            },
            4,
            |client, _| {
                common_value(&client.cmd(&mget));
            },
        );
        assert!(!common_value(&server.client().cmd(&mget)).is_null());
    });
}

#[test]
fn pipelined_multi_key_commands_are_atomic_too() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let keys = keys("pipe");
        let mget = with_name("MGET", &keys);
        race(
            &server,
            4,
            |client, number| {
                for round in 0..20 {
                    let commands: Vec<Vec<String>> = (0..40)
                        .map(|index| match index % 2 {
                            0 => same_value("MSET", &keys, &format!("{number}:{round}:{index}")),
                            _ => mget.clone(),
                        })
                        .collect();
                    for (index, reply) in client.pipeline(&commands).iter().enumerate() {
                        match index % 2 {
                            0 => assert_eq!(*reply, Value::ok()),
                            _ => assert!(!common_value(reply).is_null()),
                        }
                    }
                }
            },
            3,
            |client, _| {
                common_value(&client.cmd(&mget));
            },
        );
    });
}

#[test]
fn msetnx_sets_all_or_nothing_and_one_racer_wins() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        for round in 0..60 {
            let keys = keys(&format!("nx:{round}"));
            let wins = AtomicUsize::new(0);
            thread::scope(|scope| {
                for number in 0..6 {
                    let (server, keys, wins) = (&server, &keys, &wins);
                    scope.spawn(move || {
                        let mut client = server.client();
                        let mut own = keys.clone();
                        own.rotate_left(number);
                        let reply = client.cmd(&same_value("MSETNX", &own, &number.to_string()));
                        match reply {
                            Value::Int(1) => wins.fetch_add(1, Ordering::Relaxed),
                            Value::Int(0) => 0,
                            other => panic!("MSETNX: {other}"),
                        };
                        // Who is told that others won finds all their keys.
                        assert!(!common_value(&client.cmd(&with_name("MGET", keys))).is_null());
                    });
                }
            });
            assert_eq!(wins.into_inner(), 1, "round {round}");
        }
    });
}

#[test]
fn msetnx_with_one_key_there_sets_none_of_the_others() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for present in 0..KEYS {
            let keys = keys(&format!("some:{present}"));
            assert_eq!(client.cmd(&["SET", &keys[present], "old"]), Value::ok());
            assert_eq!(client.cmd(&same_value("MSETNX", &keys, "new")), Value::Int(0));
            assert_eq!(client.cmd(&with_name("EXISTS", &keys)), Value::Int(1));
            assert_eq!(client.cmd(&["GET", &keys[present]]), Value::bulk("old"));
        }
    });
}

#[test]
fn del_and_mset_of_the_same_keys_never_show_a_part() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let keys = keys("del");
        let all = KEYS as i64;
        race(
            &server,
            4,
            |client, number| {
                for round in 0..300 {
                    if (number + round) % 2 == 0 {
                        assert_eq!(client.cmd(&same_value("MSET", &keys, "1")), Value::ok());
                    } else {
                        let name = ["DEL", "UNLINK"][round / 2 % 2];
                        let reply = client.cmd(&with_name(name, &keys));
                        assert!([Value::Int(0), Value::Int(all)].contains(&reply), "{name}: {reply}");
                    }
                }
            },
            4,
            |client, number| {
                let name = ["EXISTS", "TOUCH"][number % 2];
                let reply = client.cmd(&with_name(name, &keys));
                assert!([Value::Int(0), Value::Int(all)].contains(&reply), "{name}: {reply}");
            },
        );
    });
}

#[test]
fn flushall_takes_all_keys_of_all_shards_at_one_moment() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let keys = keys("flush");
        let all = KEYS as i64;
        race(
            &server,
            3,
            |client, number| {
                for round in 0..150 {
                    if (number + round) % 3 == 0 {
                        assert_eq!(client.ask(["FLUSHALL", "FLUSHDB"][round % 2]), Value::ok());
                    } else {
                        assert_eq!(client.cmd(&same_value("MSET", &keys, "1")), Value::ok());
                    }
                }
            },
            3,
            |client, _| {
                let reply = client.cmd(&with_name("EXISTS", &keys));
                assert!([Value::Int(0), Value::Int(all)].contains(&reply), "EXISTS: {reply}");
            },
        );
    });
}

#[test]
fn single_key_commands_between_multi_key_ones_are_not_lost() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let counters = keys("counter");
        let others = keys("between");
        race(
            &server,
            6,
            |client, number| {
                for round in 0..500 {
                    let key = &counters[(number + round) % KEYS];
                    assert!(client.cmd(&["INCR", key]).as_int().is_some());
                    if round % 10 == 0 {
                        assert_eq!(client.cmd(&same_value("MSET", &others, "x")), Value::ok());
                    }
                }
            },
            2,
            |client, _| {
                // Names the counters and the others together, so that each INCR may meet its lock.
                let keys: Vec<String> = counters.iter().chain(&others).cloned().collect();
                assert!(client.cmd(&with_name("MGET", &keys)).as_slice().is_some());
            },
        );
        let reply = server.client().cmd(&with_name("MGET", &counters));
        let sum: usize =
            reply.as_slice().unwrap().iter().map(|value| value.text().parse::<usize>().unwrap()).sum();
        assert_eq!(sum, 6 * 500);
    });
}

#[test]
fn a_client_reads_its_own_writes_across_all_shards() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut noise = server.client();
                while !stop.load(Ordering::Relaxed) {
                    noise.cmd(&same_value("MSET", &keys("noise"), "x"));
                }
            });
            let mut client = server.client();
            for round in 0..200 {
                let keys = keys(&format!("own:{}", round % 7));
                let value = round.to_string();
                assert_eq!(client.cmd(&same_value("MSET", &keys, &value)), Value::ok());
                for key in &keys {
                    assert_eq!(client.cmd(&["GET", key]), Value::bulk(&value));
                    assert_eq!(client.cmd(&["SET", key, "single"]), Value::ok());
                }
                let reply = client.cmd(&with_name("MGET", &keys));
                assert_eq!(*common_value(&reply), Value::bulk("single"));
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn counts_over_many_shards_count_repeated_names_as_redis_does() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        dialogue(
            &mut server.client(),
            &[
                ("MSET a 1 b 2 c 3 d 4 a 5", "OK"),
                ("GET a", "\"5\""),
                ("EXISTS a a b nosuch c c c", "(integer) 6"),
                ("TOUCH a a b nosuch", "(integer) 3"),
                ("MGET a nosuch a d", "1) \"5\"\n2) (nil) as a bulk string\n3) \"5\"\n4) \"4\""),
                ("DEL a a b nosuch", "(integer) 2"),
                ("UNLINK c c d", "(integer) 2"),
                ("DBSIZE", "(integer) 0"),
                ("MSETNX e 1 e 2", "(integer) 1"),
                ("GET e", "\"2\""),
                ("MSETNX f 1 e 3", "(integer) 0"),
                ("EXISTS f", "(integer) 0"),
            ],
        );
    });
}

#[test]
fn bitop_and_lcs_take_keys_from_different_shards() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for round in 0..12 {
            let name = |part: &str| format!("{part}:{round}");
            let (a, b, c, d) = (name("a"), name("b"), name("c"), name("d"));
            let ask = |line: &str| line.replace("A", &a).replace("B", &b).replace("C", &c).replace("D", &d);
            assert_eq!(client.cmd(&["MSET", &a, "abcdef", &b, "abxdeg", &c, "\x0f"]), Value::ok());
            let mut check = |words: &[&str], expected: &str| {
                let args: Vec<String> = words
                    .iter()
                    .map(|word| if word.len() == 1 { ask(word) } else { (*word).into() })
                    .collect();
                assert_eq!(client.cmd(&args).to_string(), expected, "{args:?}");
            };
            check(&["bitop", "and", "D", "A", "B"], "(integer) 6");
            check(&["get", "D"], "\"ab`def\"");
            check(&["bitop", "xor", "D", "A", "B", "C"], "(integer) 6");
            check(&["get", "D"], "\"\\x0f\\x00\\x1b\\x00\\x00\\x01\"");
            check(&["bitop", "or", "D", "A", "nosuch"], "(integer) 6");
            check(&["bitop", "not", "D", "C"], "(integer) 1");
            check(&["get", "D"], "\"\\xf0\"");
            check(&["bitop", "and", "D", "nosuch", "neither"], "(integer) 0");
            check(&["exists", "D"], "(integer) 0");
            check(&["lcs", "A", "B"], "\"abde\"");
            check(&["lcs", "A", "B", "LEN"], "(integer) 4");
            check(&["lcs", "A", "nosuch"], "\"\"");
        }
    });
}
