//! MULTI, EXEC and DISCARD as a client sees them: what is queued, what aborts, what the replies are, on how
//! many shards the keys may lie. WATCH and what concerns the session have files of their own.

use testkit::client::encode_into;
use testkit::{Client, Server, Value};

use crate::scene::{alone, dialogue, start, with_shards};

const SHARDS: [usize; 3] = [1, 2, 3];
pub(crate) const EXECABORT: &str = "(error) EXECABORT Transaction discarded because of previous errors.";
const NIL_REPLY: &[u8] = b"*-1\r\n";

/// Each line between MULTI and EXEC must be queued; the reply of EXEC.
#[track_caller]
pub(crate) fn transaction(client: &mut Client, lines: &[&str]) -> Value {
    assert_eq!(client.ask("MULTI"), Value::ok());
    for line in lines {
        assert_eq!(client.ask(line), Value::simple("QUEUED"), "{line}");
    }
    client.ask("EXEC")
}

/// A transaction of these lines and what EXEC's elements look like.
#[track_caller]
fn transaction_dialogue(client: &mut Client, lines: &[(&str, &str)]) {
    let commands: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
    let reply = transaction(client, &commands);
    let elements = reply.as_slice().unwrap_or_else(|| panic!("EXEC: {reply}"));
    assert_eq!(elements.len(), lines.len(), "EXEC: {reply}");
    for (element, (line, expected)) in elements.iter().zip(lines) {
        assert_eq!(element.to_string(), *expected, "the reply to {line}");
    }
}

fn enough_keys(family: &str) -> Vec<String> {
    (0..8).map(|index| format!("{family}:{index}")).collect()
}

#[test]
fn commands_are_queued_and_answered_together() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let mut other = server.client();
        for round in 0..8 {
            let key = format!("key:{round}");
            assert_eq!(client.ask("MULTI"), Value::ok());
            dialogue(
                &mut client,
                &[
                    (&format!("SET {key} 1"), "QUEUED"),
                    (&format!("INCRBY {key} 41"), "QUEUED"),
                    (&format!("GET {key}"), "QUEUED"),
                    ("PING", "QUEUED"),
                ],
            );
            assert_eq!(other.ask(&format!("EXISTS {key}")), Value::Int(0), "nothing has run yet");
            let expected =
                Value::array([Value::ok(), Value::Int(42), Value::bulk("42"), Value::simple("PONG")]);
            assert_eq!(client.ask("EXEC"), expected);
            assert_eq!(other.ask(&format!("GET {key}")), Value::bulk("42"));
        }
    });
}

#[test]
fn an_empty_transaction_is_an_empty_array() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        for mut client in [server.client(), server.client_resp3()] {
            assert_eq!(transaction(&mut client, &[]), Value::array([]));
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
        }
    });
}

#[test]
fn discard_drops_what_was_queued() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        dialogue(
            &mut server.client(),
            &[
                ("SET a 1", "OK"),
                ("MULTI", "OK"),
                ("SET a 2", "QUEUED"),
                ("SET b 2", "QUEUED"),
                ("DISCARD", "OK"),
                ("MGET a b", "1) \"1\"\n2) (nil) as a bulk string"),
                ("MULTI", "OK"),
                ("DISCARD", "OK"),
                ("EXEC", "(error) ERR EXEC without MULTI"),
            ],
        );
    });
}

#[test]
fn exec_discard_and_multi_out_of_place_are_errors() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        dialogue(
            &mut client,
            &[
                ("EXEC", "(error) ERR EXEC without MULTI"),
                ("DISCARD", "(error) ERR DISCARD without MULTI"),
                ("MULTI x", "(error) ERR wrong number of arguments for 'multi' command"),
                ("DISCARD x", "(error) ERR wrong number of arguments for 'discard' command"),
                (
                    "EXEC x",
                    "(error) EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
                ),
                ("UNWATCH x", "(error) ERR wrong number of arguments for 'unwatch' command"),
                ("WATCH", "(error) ERR wrong number of arguments for 'watch' command"),
                ("MULTI", "OK"),
                ("MULTI", "(error) ERR MULTI calls can not be nested"),
                ("WATCH a", "(error) ERR WATCH inside MULTI is not allowed"),
                ("SET a 1", "QUEUED"),
                // Neither of the two has spoilt it.
                ("EXEC", "1) OK"),
            ],
        );
    });
}

#[test]
fn what_cannot_be_queued_aborts_the_transaction() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let mistakes = [
            (
                "NOSUCHCOMMAND x y",
                "(error) ERR unknown command 'NOSUCHCOMMAND', with args beginning with: 'x' 'y' ",
            ),
            ("GET", "(error) ERR wrong number of arguments for 'get' command"),
            ("MSET a", "(error) ERR wrong number of arguments for 'mset' command"),
            ("INCR a b", "(error) ERR wrong number of arguments for 'incr' command"),
            ("CLIENT NOSUCH", "(error) ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP."),
            ("CONFIG GET", "(error) ERR wrong number of arguments for 'config|get' command"),
            ("WATCH", "(error) ERR wrong number of arguments for 'watch' command"),
            ("DISCARD x", "(error) ERR wrong number of arguments for 'discard' command"),
        ];
        for (line, error) in mistakes {
            dialogue(
                &mut client,
                &[
                    ("MULTI", "OK"),
                    ("SET before 1", "QUEUED"),
                    (line, error),
                    ("SET after 1", "QUEUED"),
                    ("EXEC", EXECABORT),
                    ("EXISTS before after", "(integer) 0"),
                    ("EXEC", "(error) ERR EXEC without MULTI"),
                ],
            );
        }
        dialogue(
            &mut client,
            &[
                ("MULTI", "OK"),
                ("NOSUCHCOMMAND", "(error) ERR unknown command 'NOSUCHCOMMAND', with args beginning with: "),
                ("DISCARD", "OK"),
                ("MULTI", "OK"),
                ("SET a 1", "QUEUED"),
                ("EXEC", "1) OK"),
                ("MULTI", "OK"),
                ("SET a 2", "QUEUED"),
                (
                    "EXEC x",
                    "(error) EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
                ),
                ("EXEC", "(error) ERR EXEC without MULTI"),
                ("GET a", "\"1\""),
            ],
        );
    });
}

#[test]
fn errors_of_commands_leave_the_others_alone() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let not_an_integer = "(error) ERR value is not an integer or out of range";
        transaction_dialogue(
            &mut server.client(),
            &[
                ("SET a abc", "OK"),
                ("INCR a", not_an_integer),
                ("SET b 1 EX 0", "(error) ERR invalid expire time in 'set' command"),
                ("SET b 1 XX NX", "(error) ERR syntax error"),
                ("MSETNX b 1 a 2", "(integer) 0"),
                ("MSETNX b 1 c 2", "(integer) 1"),
                ("INCRBY c 5", "(integer) 7"),
                ("BITOP NOT d a b", "(error) ERR BITOP NOT must be called with a single source key."),
                ("SELECT 99", "(error) ERR DB index is out of range"),
                ("MGET a b c", "1) \"abc\"\n2) \"1\"\n3) \"7\""),
            ],
        );
    });
}

#[test]
fn commands_over_several_shards_run_inside_a_transaction() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for round in 0..5 {
            let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| format!("{name}:{round}"));
            transaction_dialogue(
                &mut client,
                &[
                    (&format!("MSET {a} 1 {b} 2 {c} 3"), "OK"),
                    (&format!("INCR {b}"), "(integer) 3"),
                    (
                        &format!("MGET {c} {b} {a} {d}"),
                        "1) \"3\"\n2) \"3\"\n3) \"1\"\n4) (nil) as a bulk string",
                    ),
                    (&format!("MSETNX {d} x {a} y"), "(integer) 0"),
                    (&format!("BITOP OR {d} {a} {b}"), "(integer) 1"),
                    (&format!("GET {d}"), "\"3\""),
                    (&format!("LCS {d} {b} LEN"), "(integer) 1"),
                    (&format!("DEL {a} {c} nosuch"), "(integer) 2"),
                    (&format!("EXISTS {a} {b} {c} {d}"), "(integer) 2"),
                    (&format!("UNLINK {b} {d}"), "(integer) 2"),
                ],
            );
            assert_eq!(client.ask("DBSIZE"), Value::Int(0));
        }
    });
}

#[test]
fn commands_for_all_shards_run_inside_a_transaction() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let keys = enough_keys("all");
        let mset: Vec<String> = keys.iter().map(|key| format!("{key} 1")).collect();
        transaction_dialogue(
            &mut client,
            &[
                (&format!("MSET {}", mset.join(" ")), "OK"),
                ("DBSIZE", "(integer) 8"),
                ("SET one:more 1", "OK"),
                ("DBSIZE", "(integer) 9"),
                ("FLUSHDB", "OK"),
                ("DBSIZE", "(integer) 0"),
                ("SET only 1", "OK"),
                ("RANDOMKEY", "\"only\""),
                ("KEYS *", "1) \"only\""),
                ("SELECT 3", "OK"),
                ("DBSIZE", "(integer) 0"),
                ("SET three 3", "OK"),
                ("SWAPDB 0 3", "OK"),
                ("KEYS *", "1) \"only\""),
                ("SELECT 0", "OK"),
                ("KEYS *", "1) \"three\""),
                ("FLUSHALL ASYNC", "OK"),
                ("RANDOMKEY", "(nil) as a bulk string"),
                ("DBSIZE", "(integer) 0"),
            ],
        );
        let mut found = Vec::new();
        transaction(&mut client, &[&format!("MSET {}", mset.join(" "))]);
        let mut cursor = "0".to_owned();
        loop {
            let reply = transaction(&mut client, &[&format!("SCAN {cursor} COUNT 2")]);
            let scan = reply.as_slice().unwrap()[0].as_slice().unwrap().to_vec();
            found.extend(scan[1].as_slice().unwrap().iter().map(Value::text));
            cursor = scan[0].text();
            if cursor == "0" {
                break;
            }
        }
        found.sort();
        found.dedup();
        assert_eq!(found, keys);
    });
}

#[test]
fn select_inside_a_transaction_moves_the_session() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        transaction_dialogue(
            &mut client,
            &[
                ("SET a zero", "OK"),
                ("SELECT 1", "OK"),
                ("SET a one", "OK"),
                ("SELECT 99", "(error) ERR DB index is out of range"),
                ("GET a", "\"one\""),
                ("SELECT 0", "OK"),
                ("GET a", "\"zero\""),
                ("SELECT 1", "OK"),
            ],
        );
        assert_eq!(client.ask("GET a"), Value::bulk("one"));
        dialogue(
            &mut client,
            &[
                ("MULTI", "OK"),
                ("SELECT 5", "QUEUED"),
                ("DISCARD", "OK"),
                ("GET a", "\"one\""),
                ("MOVE a 2", "(integer) 1"),
                ("SELECT 2", "OK"),
                ("GET a", "\"one\""),
            ],
        );
    });
}

fn pipelined_transaction() -> (Vec<u8>, Vec<Value>) {
    let (mut bytes, mut expected) = (Vec::new(), Vec::new());
    let queued = || Value::simple("QUEUED");
    for round in 0..3 {
        let [a, b, c] = ["a", "b", "c"].map(|name| format!("{name}:{round}"));
        encode_into(&mut bytes, &["SET", &a, "before"]);
        encode_into(&mut bytes, &["MULTI"]);
        encode_into(&mut bytes, &["MSET", &a, "1", &b, "2\r\n3", &c, "4"]);
        encode_into(&mut bytes, &["APPEND", &c, "!"]);
        encode_into(&mut bytes, &["MGET", &c, &b, &a]);
        encode_into(&mut bytes, &["EXEC"]);
        encode_into(&mut bytes, &["GET", &c]);
        let all = Value::array([Value::bulk("4!"), Value::bulk("2\r\n3"), Value::bulk("1")]);
        expected.extend([Value::ok(), Value::ok(), queued(), queued(), queued()]);
        expected.extend([Value::array([Value::ok(), Value::Int(2), all]), Value::bulk("4!")]);
    }
    (bytes, expected)
}

#[test]
fn a_pipelined_transaction_is_read_in_one_packet_and_byte_by_byte() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let (bytes, expected) = pipelined_transaction();
        assert_eq!(client.try_exchange(&bytes, expected.len()).unwrap(), expected);
        for byte in &bytes {
            client.send_raw([*byte]);
        }
        let replies: Vec<Value> = expected.iter().map(|_| client.recv()).collect();
        assert_eq!(replies, expected);
    });
}

#[test]
fn many_transactions_in_one_pipeline_keep_their_order() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let keys = enough_keys("order");
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for round in 0..500_i64 {
            let (one, other) = (&keys[round as usize % 8], &keys[(round as usize + 3) % 8]);
            encode_into(&mut bytes, &["MULTI"]);
            encode_into(&mut bytes, &["SET", one, &round.to_string()]);
            encode_into(&mut bytes, &["SET", other, &round.to_string()]);
            encode_into(&mut bytes, &["MGET", one, other]);
            encode_into(&mut bytes, &["EXEC"]);
            encode_into(&mut bytes, &["INCR", other]);
            let queued = Value::simple("QUEUED");
            expected.extend([Value::ok(), queued.clone(), queued.clone(), queued]);
            let both = Value::array([Value::bulk(round.to_string()), Value::bulk(round.to_string())]);
            expected.extend([Value::array([Value::ok(), Value::ok(), both]), Value::Int(round + 1)]);
        }
        let replies = client.try_exchange(&bytes, expected.len()).unwrap();
        for (index, (reply, expected)) in replies.iter().zip(&expected).enumerate() {
            assert_eq!(reply, expected, "reply {index}");
        }
    });
}

#[test]
fn a_thousand_commands_are_one_transaction() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let mut commands = vec![vec!["MULTI".to_owned()]];
        commands.extend((0..1_000).map(|index| vec!["INCR".to_owned(), format!("key:{}", index % 250)]));
        commands.push(vec!["EXEC".to_owned()]);
        for round in 0..3 {
            let replies = client.pipeline(&commands);
            assert!(replies[1..=1_000].iter().all(|reply| *reply == Value::simple("QUEUED")));
            let expected = (0..1_000).map(|index| Value::Int(round * 4 + index / 250 + 1));
            assert_eq!(replies[1_001], Value::array(expected));
        }
    });
}

#[test]
fn big_values_pass_through_a_transaction() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for len in [32_767, 32_768, 40_000, 1 << 20] {
            let [a, b, c] = ["a", "b", "c"].map(|name| format!("{name}:{len}"));
            let (x, y) = ("x".repeat(len), "y".repeat(len));
            let commands: Vec<Vec<&str>> = vec![
                vec!["MULTI"],
                vec!["SET", &a, &x],
                vec!["MSET", &b, &y, &c, "small"],
                vec!["GETSET", &a, &y],
                vec!["MGET", &c, &a, &b],
                vec!["APPEND", &b, &x],
                vec!["ECHO", &x],
                vec!["EXEC"],
            ];
            let replies = client.pipeline(&commands);
            let elements =
                replies[7].as_slice().unwrap_or_else(|| panic!("EXEC: {:.200}", replies[7].to_string()));
            let bulk = |text: &str| Value::bulk(text);
            let expected = [
                Value::ok(),
                Value::ok(),
                bulk(&x),
                Value::array([bulk("small"), bulk(&y), bulk(&y)]),
                Value::Int(2 * len as i64),
                bulk(&x),
            ];
            for (index, expected) in expected.iter().enumerate() {
                assert!(elements[index] == *expected, "element {index} with values of {len}");
            }
            assert!(client.cmd(&["GET", &b]) == bulk(&format!("{y}{x}")));
        }
    });
}

/// Sets a limit that everything is over.
fn run_out_of_memory(client: &mut Client) {
    assert_eq!(client.ask("CONFIG SET maxmemory 1"), Value::ok());
}

#[test]
fn a_write_without_memory_aborts_its_transaction() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "--maxmemory-policy noeviction");
        let mut client = server.client();
        let mut other = server.client();
        let oom = "(error) OOM command not allowed when used memory > 'maxmemory'.";
        dialogue(&mut client, &[("SET a 1", "OK"), ("SET b 1", "OK")]);
        run_out_of_memory(&mut other);
        dialogue(
            &mut client,
            &[
                ("SET a 2", oom),
                ("MULTI", "OK"),
                ("SET a 2", oom),
                ("EXEC", EXECABORT),
                // A queue takes memory too, so not even a read is queued.
                ("MULTI", "OK"),
                ("GET a", oom),
                ("EXEC", EXECABORT),
                ("MULTI", "OK"),
                ("DISCARD", "OK"),
                ("MULTI", "OK"),
                ("EXEC", "(empty array)"),
            ],
        );
        dialogue(&mut other, &[("CONFIG SET maxmemory 0", "OK")]);
        dialogue(&mut client, &[("MULTI", "OK"), ("GET a", "QUEUED"), ("MSET a 2 b 2", "QUEUED")]);
        run_out_of_memory(&mut other);
        dialogue(
            &mut client,
            &[(
                "EXEC",
                "(error) EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.",
            )],
        );
        dialogue(&mut other, &[("CONFIG SET maxmemory 0", "OK")]);
        dialogue(&mut client, &[("MULTI", "OK"), ("GET a", "QUEUED"), ("DEL b", "QUEUED")]);
        run_out_of_memory(&mut other);
        dialogue(
            &mut client,
            &[("EXEC", "1) \"1\"\n2) (integer) 1"), ("MGET a b", "1) \"1\"\n2) (nil) as a bulk string")],
        );
    });
}

#[test]
fn memory_that_ends_inside_a_transaction_does_not_stop_it() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "--maxmemory-policy noeviction");
        let mut client = server.client();
        // All or nothing: EXEC was let in, so its writes are no longer refused.
        transaction_dialogue(
            &mut client,
            &[
                ("SET a 1", "OK"),
                ("CONFIG SET maxmemory 1", "OK"),
                ("SET b 1", "OK"),
                ("MGET a b", "1) \"1\"\n2) \"1\""),
            ],
        );
        assert!(client.ask("SET c 1").is_error());
    });
}

#[test]
fn transactions_of_many_clients_are_executed_whole() {
    let _alone = alone();
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let keys = enough_keys("whole");
        std::thread::scope(|scope| {
            for number in 0..6 {
                let (server, keys) = (&server, &keys);
                scope.spawn(move || append_and_check(server, keys, number));
            }
        });
        // Every transaction appended to all keys, so all keys have the same history.
        let mut client = server.client();
        let values: Vec<Value> = keys.iter().map(|key| client.cmd(&["GET", key])).collect();
        assert_eq!(values[0].as_bytes().unwrap().len(), 6 * 150);
        assert!(values.iter().all(|value| *value == values[0]), "histories differ");
    });
}

fn append_and_check(server: &Server, keys: &[String], number: usize) {
    let mut client = server.client();
    let mark = char::from(b'a' + number as u8).to_string();
    for round in 0..150 {
        let mut own = keys.to_vec();
        // Another order for each client and round, as would end in a deadlock of naive locks.
        own.rotate_left((number + round) % keys.len());
        let mut commands = vec![vec!["MULTI".to_owned()]];
        commands.extend(own.iter().map(|key| vec!["APPEND".to_owned(), key.clone(), mark.clone()]));
        commands.push(vec!["EXEC".to_owned()]);
        let replies = client.pipeline(&commands);
        let lens = replies.last().unwrap().as_slice().expect("EXEC without WATCH succeeds");
        assert!(lens.iter().all(|len| *len == lens[0]), "a mix: {lens:?}");
    }
}

#[test]
fn the_nil_of_an_aborted_exec_follows_the_protocol() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut other = server.client();
        for key in enough_keys("nil") {
            for (mut client, nil) in [(server.client(), NIL_REPLY), (server.client_resp3(), b"_\r\n")] {
                assert_eq!(client.cmd(&["WATCH", &key]), Value::ok());
                assert_eq!(other.cmd(&["APPEND", &key, "x"]).as_int().map(|len| len > 0), Some(true));
                client.send_raw(format!("MULTI\r\nGET {key}\r\nEXEC\r\n"));
                let expected = [b"+OK\r\n+QUEUED\r\n", nil].concat();
                assert_eq!(client.try_recv_raw(expected.len()).unwrap(), expected);
            }
        }
    });
}
