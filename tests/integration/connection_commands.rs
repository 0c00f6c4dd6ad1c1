//! Commands about the connection itself: PING, ECHO, SELECT, QUIT, RESET.

use testkit::Value;
use testkit::client::encode_into;

use crate::scene::{dialogue, is_redis_70, last_words, start, with_shards};

#[test]
fn ping_and_echo_answer_what_they_are_given() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        dialogue(
            &mut server.client(),
            &[
                ("PING", "PONG"),
                ("ping", "PONG"),
                ("PING hello", "\"hello\""),
                ("PING a b", "(error) ERR wrong number of arguments for 'ping' command"),
                ("ECHO hello", "\"hello\""),
                ("ECHO", "(error) ERR wrong number of arguments for 'echo' command"),
                ("ECHO a b", "(error) ERR wrong number of arguments for 'echo' command"),
            ],
        );
        assert_eq!(server.client_resp3().ask("PING"), Value::simple("PONG"));
    });
}

#[test]
fn select_chooses_one_of_sixteen_databases_for_this_connection() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let mut other = server.client();
        for db in 0..16 {
            assert_eq!(client.ask(&format!("SELECT {db}")), Value::ok());
            for index in 0..=db {
                assert_eq!(client.ask(&format!("SET key:{index} {db}")), Value::ok());
            }
            assert_eq!(client.ask("DBSIZE"), Value::Int(db + 1));
            assert!(client.ask("CLIENT INFO").text().contains(&format!(" db={db} ")));
        }
        assert_eq!(other.ask("DBSIZE"), Value::Int(1), "another connection is still in database 0");
        for db in 0..16 {
            assert_eq!(other.ask(&format!("SELECT {db}")), Value::ok());
            assert_eq!(other.ask("GET key:0"), Value::bulk(db.to_string()));
        }
        dialogue(
            &mut client,
            &[
                ("SELECT 16", "(error) ERR DB index is out of range"),
                ("SELECT -1", "(error) ERR DB index is out of range"),
                ("SELECT abc", "(error) ERR value is not an integer or out of range"),
                ("SELECT 99999999999999999999", "(error) ERR value is not an integer or out of range"),
                ("SELECT", "(error) ERR wrong number of arguments for 'select' command"),
                ("GET key:15", "\"15\""),
                ("SELECT 7", "OK"),
                ("FLUSHDB", "OK"),
                ("DBSIZE", "(integer) 0"),
                ("SELECT 6", "OK"),
                ("DBSIZE", "(integer) 7"),
                ("FLUSHALL", "OK"),
                ("SELECT 15", "OK"),
                ("DBSIZE", "(integer) 0"),
            ],
        );
    });
}

#[test]
fn select_inside_a_pipeline_changes_the_commands_after_it() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for round in 0..300 {
            let db = (round * 7 % 16).to_string();
            encode_into(&mut bytes, &["SELECT", &db]);
            let key = format!("key:{}", round % 11);
            encode_into(&mut bytes, &["SET", &key, &db]);
            encode_into(&mut bytes, &["GET", &key]);
            expected.extend([Value::ok(), Value::ok(), Value::bulk(&db)]);
        }
        let replies = server.client().try_exchange(&bytes, expected.len()).unwrap();
        assert_eq!(replies, expected);
    });
}

#[test]
fn the_number_of_databases_can_be_set() {
    let server = start(2, "--databases 3");
    dialogue(
        &mut server.client(),
        &[
            ("SELECT 2", "OK"),
            ("SELECT 3", "(error) ERR DB index is out of range"),
            ("CONFIG GET databases", "1) \"databases\"\n2) \"3\""),
        ],
    );
}

#[test]
fn quit_is_answered_and_ends_the_connection() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        for quit in ["QUIT", "quit", "QUIT now please"] {
            let mut client = server.client();
            client.send_raw(format!("SET key 1\r\n{quit}\r\nSET key 2\r\n"));
            assert_eq!(last_words(&mut client), "+OK\r\n+OK\r\n", "{quit}");
            assert_eq!(server.client().ask("GET key"), Value::bulk("1"), "what follows QUIT is not executed");
        }
    });
}

#[test]
fn reset_makes_the_connection_as_good_as_new() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client_resp3();
        // Redis 7.0 forgot this switch at RESET.
        let no_evict = if is_redis_70() { "CLIENT NO-EVICT off" } else { "CLIENT NO-EVICT on" };
        let id = client.ask("CLIENT ID");
        dialogue(
            &mut client,
            &[
                ("SELECT 5", "OK"),
                ("CLIENT SETNAME name", "OK"),
                (no_evict, "OK"),
                ("RESET", "RESET"),
                ("CLIENT GETNAME", "(nil) as a bulk string"),
                ("RESET now", "(error) ERR wrong number of arguments for 'reset' command"),
            ],
        );
        let info = client.ask("CLIENT INFO").text();
        for field in [" name= ", " db=0 ", " flags=N ", " resp=2"] {
            assert!(info.contains(field), "{field} in {info}");
        }
        assert_eq!(client.ask("CLIENT ID"), id, "it is still the same connection");
    });
}

#[test]
fn reset_turns_replies_on_again() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        client.send_raw("CLIENT REPLY OFF\r\nECHO unheard\r\nRESET\r\nECHO heard\r\nQUIT\r\n");
        assert_eq!(last_words(&mut client), "+RESET\r\n$5\r\nheard\r\n+OK\r\n");
    });
}
