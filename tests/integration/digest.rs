//! DEBUG DIGEST and DEBUG DIGEST-VALUE: equal data have the digests that redis-server and Valkey give them,
//! whichever shards and encodings hold them.

use testkit::{Client, Kind, Server, Value};

use crate::scene::{shoal, with_shards};

const SHARDS: [usize; 3] = [1, 2, 3];

const DEBUGGING: [&str; 2] = ["--enable-debug-command", "yes"];

/// Values of every type and encoding. Scores are whole numbers: redis-server 7.0 takes fractions in another
/// form.
const VALUES: &[&str] = &[
    "SET int 12",
    "SET negative -9223372036854775808",
    "SET zeros 012",
    "SETRANGE big 100000 x",
    "APPEND raw 12",
    "PFADD hll a b c",
    "RPUSH list a 1 -2 b a",
    "RPUSH numbers 1 2 3",
    "SADD ints 1 2 30000 -5000000000",
    "SADD strings a b 1",
    "ZADD sorted 1 a -3 b 7 12 inf top -inf bottom",
    "ZADD one 12345678 m",
    "ZADD huge 100000000000000000000 m",
    "HSET hash f v 1 2 g w",
    "XADD stream 1-1 f v",
    "XADD stream 1-2 f w",
    "XADD stream 5-0 other 12 more x",
    "XADD stream 6-0 f v",
    "XDEL stream 1-2",
    "XADD bare 9-9 f v",
    "XDEL bare 9-9",
    "XGROUP CREATE stream g 0",
    "XREADGROUP GROUP g c COUNT 1 STREAMS stream >",
];

/// The same in the encodings of large values.
fn fill_large(client: &mut Client) {
    for at in 0..700 {
        let text = format!("{at:0100}");
        client.cmd(&["RPUSH", "large-list", &text]);
        client.cmd(&["SADD", "large-set", &text]);
        client.cmd(&["SADD", "large-ints", &at.to_string()]);
        client.cmd(&["ZADD", "large-sorted", &(at * 7 % 700).to_string(), &text]);
        client.cmd(&["HSET", "large-hash", &at.to_string(), &text]);
        client.cmd(&["XADD", "large-stream", &format!("{at}-1"), "f", &text]);
    }
}

/// Several databases; in one of them keys with a time to live.
fn fill(client: &mut Client) {
    for db in ["0", "3", "11"] {
        client.cmd(&["SELECT", db]);
        for line in VALUES {
            assert!(!client.ask(line).is_error(), "{line}");
        }
        client.cmd(&["SET", "empty", ""]);
        client.cmd(&["RPUSH", "with-empty", "", "a", ""]);
        client.cmd(&["HSET", "of-empty", "", ""]);
    }
    for key in ["int", "list", "strings", "sorted", "hash", "stream"] {
        assert_eq!(client.cmd(&["EXPIRE", key, "100000"]), Value::Int(1), "{key}");
    }
    client.ask("SELECT 5");
    fill_large(client);
}

fn keys(client: &mut Client) -> Vec<String> {
    let mut keys: Vec<_> = client.ask("KEYS *").as_slice().unwrap().iter().map(Value::text).collect();
    keys.sort();
    keys
}

/// The digests of all values of all databases, and of everything.
fn digests(client: &mut Client) -> Vec<(String, Value)> {
    let mut all = vec![("DEBUG DIGEST".into(), client.ask("DEBUG DIGEST"))];
    for db in ["0", "3", "5", "11"] {
        client.cmd(&["SELECT", db]);
        for key in keys(client) {
            let digest = client.cmd(&["DEBUG", "DIGEST-VALUE", &key]);
            all.push((format!("{key} in database {db}"), digest));
        }
    }
    all
}

fn with_oracles(look: impl Fn(&str, &mut Client)) {
    let start = |kind| Server::builder(kind).args(DEBUGGING).start();
    look("redis-server", &mut start(Kind::Redis).client());
    if testkit::binary::valkey().is_some() {
        look("Valkey", &mut start(Kind::Valkey).client());
    }
}

#[test]
fn digests_are_those_of_redis_and_valkey_on_any_number_of_shards() {
    with_oracles(|name, oracle| {
        fill(oracle);
        let expected = digests(oracle);
        with_shards(&SHARDS, |shards| {
            let server = shoal(shards).args(DEBUGGING).start();
            let client = &mut server.client();
            fill(client);
            for (ours, theirs) in digests(client).into_iter().zip(&expected) {
                assert_eq!(ours, *theirs, "{name}, {shards} shards");
            }
        });
    });
}

#[test]
fn a_digest_of_several_values_and_of_nothing() {
    with_shards(&SHARDS, |shards| {
        let server = shoal(shards).args(DEBUGGING).start();
        let client = &mut server.client();
        let nothing = Value::simple(&"0".repeat(40));
        assert_eq!(client.ask("DEBUG DIGEST"), nothing);
        assert_eq!(client.ask("DEBUG DIGEST-VALUE"), Value::array([]));
        client.ask("MSET a hello b 5 c hello");
        let of = |client: &mut Client, line: &str| client.ask(line).as_slice().unwrap().to_vec();
        let one = of(client, "DEBUG DIGEST-VALUE a");
        let several = of(client, "debug digest-value a none c b");
        assert_eq!(several[..3], [one[0].clone(), nothing.clone(), one[0].clone()]);
        assert_ne!(several[3], one[0]);
        // Inside a transaction as well, behind what it has changed.
        for line in ["MULTI", "SET a other", "DEBUG DIGEST-VALUE a", "DEL a b c", "DEBUG DIGEST"] {
            client.ask(line);
        }
        let replies = client.ask("EXEC");
        let replies = replies.as_slice().unwrap();
        assert_ne!(replies[1].as_slice().unwrap()[0], one[0]);
        assert_eq!(replies[3], nothing);
        for line in ["DEBUG DIGEST x", "DEBUG DIGESTS"] {
            let text = client.ask(line).to_string();
            let name = line.split(' ').nth(1).unwrap();
            assert!(
                text.contains(&format!("wrong number of arguments for '{name}'. Try DEBUG HELP.")),
                "{text}"
            );
        }
    });
}

#[test]
fn digests_are_shown_to_those_who_may_debug() {
    let server = shoal(1).start();
    let refused = server.client().ask("DEBUG DIGEST").to_string();
    assert!(refused.contains("DEBUG command not allowed"), "{refused}");
}

#[test]
fn what_is_over_has_no_digest() {
    with_shards(&SHARDS, |shards| {
        let server = shoal(shards).args(DEBUGGING).start();
        let client = &mut server.client();
        client.ask("DEBUG SET-ACTIVE-EXPIRE 0");
        client.ask("SET a 1 PX 1");
        client.ask("HSET h f v");
        client.ask("HPEXPIRE h 1 FIELDS 1 f");
        let nothing = Value::simple(&"0".repeat(40));
        crate::scene::eventually("both are over", || client.ask("DEBUG DIGEST") == nothing);
        assert_eq!(client.ask("DEBUG DIGEST-VALUE a h"), Value::array([nothing.clone(), nothing]));
    });
}

#[test]
fn a_time_to_live_of_a_field_counts() {
    let server = shoal(1).args(DEBUGGING).start();
    let client = &mut server.client();
    client.ask("HSET h f v g w");
    let before = client.ask("DEBUG DIGEST-VALUE h");
    client.ask("HEXPIRE h 1000 FIELDS 1 f");
    let after = client.ask("DEBUG DIGEST-VALUE h");
    assert_ne!(before, after);
    client.ask("HPERSIST h FIELDS 1 f");
    assert_eq!(client.ask("DEBUG DIGEST-VALUE h"), before);
}
