//! The password: what may be said before it, its exact refusals, and what stays of it after RESET.

use std::io::ErrorKind;

use testkit::{Client, Value};

use crate::scene::{dialogue, is_oracle, is_redis_70, last_words, start, with_shards};

const NOAUTH: &str = "(error) NOAUTH Authentication required.";
const WRONGPASS: &str = "(error) WRONGPASS invalid username-password pair or user is disabled.";
const NOAUTH_HELLO: &str = "(error) NOAUTH HELLO must be called with the client already authenticated, otherwise the \
HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";

#[test]
fn nothing_but_auth_hello_and_quit_is_done_before_the_password() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "--requirepass secret");
        dialogue(
            &mut server.client(),
            &[
                ("PING", NOAUTH),
                ("GET key", NOAUTH),
                ("MSET a 1 b 2 c 3", NOAUTH),
                ("DBSIZE", NOAUTH),
                ("CLIENT LIST", NOAUTH),
                ("COMMAND COUNT", NOAUTH),
                ("SELECT 1", NOAUTH),
                // The command is looked up and its arity checked first.
                ("nosuch a", "(error) ERR unknown command 'nosuch', with args beginning with: 'a' "),
                ("GET", "(error) ERR wrong number of arguments for 'get' command"),
                ("CLIENT nosuch", "(error) ERR unknown subcommand 'nosuch'. Try CLIENT HELP."),
                ("HELLO", NOAUTH_HELLO),
                ("HELLO 3", NOAUTH_HELLO),
                ("HELLO 3 SETNAME me", NOAUTH_HELLO),
                ("HELLO 4", "(error) NOPROTO unsupported protocol version"),
                ("RESET", "RESET"),
                ("QUIT", "OK"),
            ],
        );
    });
}

#[test]
fn auth_takes_a_password_with_or_without_the_user_name() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--requirepass secret");
        for auth in ["AUTH secret", "AUTH default secret"] {
            dialogue(
                &mut server.client(),
                &[
                    ("AUTH bad", WRONGPASS),
                    ("AUTH secre", WRONGPASS),
                    ("AUTH secrets", WRONGPASS),
                    ("AUTH default bad", WRONGPASS),
                    ("AUTH nobody secret", WRONGPASS),
                    ("AUTH", "(error) ERR wrong number of arguments for 'auth' command"),
                    ("AUTH a b c", "(error) ERR syntax error"),
                    ("PING", NOAUTH),
                    (auth, "OK"),
                    ("PING", "PONG"),
                    ("SET key 1", "OK"),
                    // A failed attempt does not take away what an earlier one gave.
                    ("AUTH bad", WRONGPASS),
                    ("GET key", "\"1\""),
                ],
            );
        }
    });
}

#[test]
fn auth_without_a_password_set_is_explained() {
    let server = start(2, "");
    dialogue(
        &mut server.client(),
        &[
            (
                "AUTH x",
                "(error) ERR AUTH <password> called without any password configured for the default user. Are you \
                 sure your configuration is correct?",
            ),
            ("AUTH default anything", "OK"),
            ("AUTH nobody x", WRONGPASS),
        ],
    );
}

/// The value of a field in HELLO's reply, a map in RESP3 and an array in RESP2.
fn hello_field(reply: &Value, name: &str) -> Value {
    let name = Value::bulk(name);
    let found = match reply {
        Value::Map(pairs) => pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value),
        Value::Array(values) => values.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| &pair[1]),
        _ => None,
    };
    found.unwrap_or_else(|| panic!("no {name} in {reply}")).clone()
}

#[test]
fn hello_authenticates_names_and_switches_at_once() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "--requirepass secret");
        let mut client = server.client();
        dialogue(&mut client, &[("HELLO 3 AUTH default bad SETNAME me", WRONGPASS), ("PING", NOAUTH)]);
        let hello = client.ask("HELLO 3 AUTH default secret SETNAME me");
        assert_eq!(hello_field(&hello, "proto"), Value::Int(3));
        assert_eq!(client.ask("CLIENT GETNAME"), Value::bulk("me"));
        assert_eq!(client.ask("GET none"), Value::Null, "RESP3 is spoken");
        assert_eq!(client.ask("RESET"), Value::simple("RESET"));
        dialogue(&mut client, &[("CLIENT GETNAME", NOAUTH), ("AUTH secret", "OK")]);
        assert_eq!(client.ask("CLIENT GETNAME"), Value::NullBulk, "RESET took the name and RESP3 away");
    });
}

#[test]
fn hello_s_reply_has_redis_s_fields_in_both_protocols() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        for proto in [3, 2] {
            let mut client = server.client();
            let reply = client.hello(proto);
            let names: Vec<String> = match &reply {
                Value::Map(pairs) if proto == 3 => pairs.iter().map(|(key, _)| key.text()).collect(),
                Value::Array(values) if proto == 2 => {
                    values.chunks_exact(2).map(|pair| pair[0].text()).collect()
                }
                _ => panic!("HELLO {proto}: {reply}"),
            };
            assert_eq!(names, ["server", "version", "proto", "id", "mode", "role", "modules"]);
            assert_eq!(hello_field(&reply, "proto"), Value::Int(i64::from(proto)));
            assert_eq!(hello_field(&reply, "id"), client.ask("CLIENT ID"));
            assert_eq!(hello_field(&reply, "mode"), Value::bulk("standalone"));
            assert_eq!(hello_field(&reply, "role"), Value::bulk("master"));
            assert_eq!(hello_field(&reply, "modules"), Value::Array(Vec::new()));
            if !is_oracle() {
                // Clients choose their behaviour by these two.
                assert_eq!(hello_field(&reply, "server"), Value::bulk("redis"));
                assert_eq!(hello_field(&reply, "version"), Value::bulk("7.2.4"));
            }
        }
    });
}

#[test]
fn hello_refuses_with_redis_s_texts_and_changes_nothing() {
    let server = start(2, "--requirepass secret");
    let name = "(error) ERR Client names cannot contain spaces, newlines or special characters.";
    let mut client = server.client();
    dialogue(
        &mut client,
        &[
            ("HELLO 1", "(error) NOPROTO unsupported protocol version"),
            ("HELLO 4 AUTH default secret", "(error) NOPROTO unsupported protocol version"),
            ("HELLO abc", "(error) ERR Protocol version is not an integer or out of range"),
            ("HELLO 2 AUTH default", "(error) ERR Syntax error in HELLO option 'AUTH'"),
            ("HELLO 2 SETNAME", "(error) ERR Syntax error in HELLO option 'SETNAME'"),
            ("HELLO 2 nosuch", "(error) ERR Syntax error in HELLO option 'nosuch'"),
            ("PING", NOAUTH),
        ],
    );
    let reply = client.cmd(&["HELLO", "3", "AUTH", "default", "secret", "SETNAME", "a b"]);
    assert_eq!(reply.to_string(), name);
    // Redis 7.0 still let the password count, Redis 7.2 reads all options first.
    let reply = if is_redis_70() { "(nil) as a bulk string" } else { NOAUTH };
    dialogue(&mut client, &[("GET none", reply)]);
}

#[test]
fn hello_without_a_version_keeps_the_protocol() {
    let server = start(2, "");
    let mut client = server.client_resp3();
    assert_eq!(hello_field(&client.ask("HELLO"), "proto"), Value::Int(3));
    let mut client = server.client();
    assert_eq!(hello_field(&client.ask("HELLO"), "proto"), Value::Int(2));
}

#[test]
fn before_the_password_only_small_requests_are_read() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--requirepass secret");
        for (request, reply) in [
            ("*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n"),
            ("*1\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n"),
        ] {
            let mut client = server.client();
            client.send_raw(request);
            assert_eq!(last_words(&mut client), reply, "{request:?}");
        }
        // The largest request that is read.
        let mut args = vec!["ECHO".to_owned(), "x".repeat(16_384)];
        args.resize(10, String::new());
        let mut client = server.client();
        assert_eq!(client.cmd(&args).text(), "ERR wrong number of arguments for 'echo' command");
        // With the password the limits are gone, on the same connection.
        assert_eq!(client.ask("AUTH secret"), Value::ok());
        args.resize(11, String::new());
        args[0] = "DEL".to_owned();
        args[1] = "x".repeat(16_385);
        assert_eq!(client.cmd(&args), Value::Int(0));
        // RESET makes the client a stranger again.
        assert_eq!(client.ask("RESET"), Value::simple("RESET"));
        client.send_raw("*11\r\n");
        assert_eq!(last_words(&mut client), "-ERR Protocol error: unauthenticated multibulk length\r\n");
    });
}

#[test]
fn a_pipeline_is_judged_command_by_command() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "--requirepass secret");
        let mut client: Client = server.client();
        client.send_raw(
            "SET a 1\r\nAUTH secret\r\nSET a 2\r\nSET b 3\r\nMGET a b\r\nRESET\r\nGET a\r\nQUIT\r\n",
        );
        let expected = "-NOAUTH Authentication required.\r\n+OK\r\n+OK\r\n+OK\r\n*2\r\n$1\r\n2\r\n$1\r\n3\r\n+RESET\r\n\
                        -NOAUTH Authentication required.\r\n+OK\r\n";
        assert_eq!(last_words(&mut client), expected);
    });
}

#[test]
fn a_stranger_that_does_not_read_is_closed_before_its_errors_fill_memory() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--requirepass secret");
        // What the kernel takes for a client that does not read is some megabytes, and each request makes 35
        // bytes.
        let requests = "GET x\r\n".repeat(20_000);
        let mut client = server.client();
        let end = (0..1000).find_map(|_| client.try_send_raw(requests.as_bytes()).err());
        let kind = end.expect("it is closed before it has sent 140 MB").kind();
        assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind}");
        assert_eq!(server.client().ask("AUTH secret"), Value::ok());
    });
}
