//! redis-cli: single commands, commands from its input, mass insertion by `--pipe`, formatted replies in both
//! protocols, and the options with which it connects.

use testkit::{Server, Value, client};

use crate::program::{self, Outcome};

fn start() -> Server {
    testkit::shoal!().shards(2).start()
}

/// redis-cli with the server's port, these arguments and this input.
fn cli_with_input(server: &Server, args: &[&str], stdin: &[u8]) -> Outcome {
    let port = server.port().to_string();
    let args: Vec<&str> = ["-p", &port].into_iter().chain(args.iter().copied()).collect();
    program::run("redis-cli", &args, stdin)
}

/// Standard output of redis-cli run with a line of arguments.
fn cli(server: &Server, line: &str) -> String {
    let outcome = cli_with_input(server, &line.split_ascii_whitespace().collect::<Vec<_>>(), b"");
    assert_eq!(outcome.stderr, "", "redis-cli {line}");
    outcome.text()
}

#[test]
fn replies_are_shown_raw_and_formatted() {
    let server = start();
    assert_eq!(cli(&server, "SET a 1"), "OK\n");
    assert_eq!(cli(&server, "GET a"), "1\n");
    assert_eq!(cli(&server, "--no-raw GET a"), "\"1\"\n");
    assert_eq!(cli(&server, "--no-raw INCR a"), "(integer) 2\n");
    assert_eq!(cli(&server, "--no-raw MGET a b"), "1) \"2\"\n2) (nil)\n");
    assert_eq!(
        cli(&server, "--no-raw INCR a b"),
        "(error) ERR wrong number of arguments for 'incr' command\n"
    );
    assert_eq!(cli(&server, "--csv MGET a b"), "\"2\",NULL\n");
    assert_eq!(cli(&server, "-r 5 INCR b"), "1\n2\n3\n4\n5\n");
}

#[test]
fn resp3_types_are_shown_as_such() {
    let server = start();
    assert_eq!(cli(&server, "-3 --no-raw GET a"), "(nil)\n");
    assert_eq!(cli(&server, "SET a ohmytext"), "OK\n");
    assert_eq!(cli(&server, "SET b mynewtext"), "OK\n");
    let expected = "1# \"matches\" => 1) 1) 1) (integer) 4\n            2) (integer) 7\n         2) 1) (integer) 5\n            \
                    2) (integer) 8\n   2) 1) 1) (integer) 2\n         2) (integer) 3\n      2) 1) (integer) 0\n         \
                    2) (integer) 1\n2# \"len\" => (integer) 6\n";
    let shown = cli(&server, "-3 --no-raw LCS a b IDX");
    assert_eq!(words(&shown), words(expected));
    let hello = cli(&server, "-3 --no-raw HELLO");
    assert!(hello.contains("\"proto\" => (integer) 3\n"), "{hello}");
    assert!(hello.contains("\"role\" => \"master\"\n"), "{hello}");
}

fn words(text: &str) -> Vec<&str> {
    text.split_ascii_whitespace().collect()
}

#[test]
fn an_error_is_an_exit_status_with_e() {
    let server = start();
    let outcome = cli_with_input(&server, &["-e", "INCR", "a", "b"], b"");
    assert!(!outcome.success);
    assert_eq!(outcome.stderr.trim(), "ERR wrong number of arguments for 'incr' command");
}

#[test]
fn commands_come_from_standard_input() {
    let server = start();
    let outcome = cli_with_input(&server, &[], b"SET a \"x y\\x00z\"\nSTRLEN a\nSELECT 3\nDBSIZE\nNOPE\n");
    let text = outcome.text();
    assert!(text.starts_with("OK\n5\nOK\n0\nERR unknown command 'NOPE'"), "{text}");
}

#[test]
fn the_last_argument_comes_from_standard_input_with_x() {
    let server = start();
    let value: Vec<u8> = (0..3_000_000_u32).map(|index| (index % 251) as u8).collect();
    assert_eq!(cli_with_input(&server, &["-x", "SET", "big"], &value).text(), "OK\n");
    assert_eq!(server.client().ask("GET big"), Value::bulk(&value));
    let shown = cli_with_input(&server, &["GET", "big"], b"").stdout;
    assert!(shown.strip_suffix(b"\n") == Some(&value), "GET shows the {} bytes that SET took", value.len());
}

#[test]
fn a_database_a_password_and_a_unix_socket_are_chosen_by_option() {
    let server = testkit::shoal!().shards(2).args(["--requirepass", "secret"]).unix_socket().start();
    assert_eq!(cli(&server, "--no-auth-warning -a secret -n 3 SET a 3"), "OK\n");
    assert_eq!(cli(&server, "--no-auth-warning -a secret EXISTS a"), "0\n");
    assert_eq!(cli(&server, "--no-auth-warning --user default -a secret -n 3 GET a"), "3\n");
    assert_eq!(cli(&server, "GET a").trim(), "NOAUTH Authentication required.");
    let wrong = cli_with_input(&server, &["-a", "wrong", "--no-auth-warning", "PING"], b"");
    assert!(
        wrong.stderr.contains("WRONGPASS invalid username-password pair or user is disabled."),
        "{wrong:?}"
    );
    let socket = server.unix_path().expect("asked for").to_str().expect("a plain path");
    let outcome = program::run(
        "redis-cli",
        &["-s", socket, "--no-auth-warning", "-a", "secret", "-n", "3", "GET", "a"],
        b"",
    );
    assert_eq!(outcome.text(), "3\n");
}

#[test]
fn mass_insertion_stores_everything() {
    const KEYS: usize = 50_000;
    let server = start();
    let mut input = Vec::new();
    for index in 0..KEYS {
        let (key, value) = (format!("key:{index}"), format!("value {index}"));
        client::encode_into(&mut input, &["SET", &key, &value]);
    }
    let outcome = cli_with_input(&server, &["--pipe"], &input);
    assert!(outcome.success);
    let text = outcome.text();
    assert!(text.ends_with(&format!("errors: 0, replies: {KEYS}\n")), "{text}");
    let mut client = server.client();
    assert_eq!(client.ask("DBSIZE"), Value::Int(KEYS as i64));
    let gets: Vec<[String; 2]> = (0..KEYS).map(|index| ["GET".into(), format!("key:{index}")]).collect();
    let values = client.pipeline(&gets);
    let wrong =
        values.iter().enumerate().find(|(index, value)| **value != Value::bulk(format!("value {index}")));
    assert_eq!(wrong, None);
}

#[test]
fn mass_insertion_takes_inline_commands_and_counts_errors() {
    let server = start();
    let outcome =
        cli_with_input(&server, &["--pipe"], b"SET a x\r\nINCR a\r\nMSET b 1 c 2 d 3\r\nINCR b\r\n");
    let text = outcome.text();
    assert!(text.ends_with("errors: 1, replies: 4\n"), "{text}");
    assert!(outcome.stderr.contains("ERR value is not an integer or out of range"), "{outcome:?}");
    assert_eq!(server.client().ask("GET b"), Value::bulk("2"));
}

#[test]
fn big_keys_are_found_by_length_and_by_memory() {
    let server = start();
    let mut client = server.client();
    client.cmd(&["SET", "large", &"x".repeat(100_000)]);
    client.ask("SET small x");
    client.ask("RPUSH list a b c");
    let text = cli(&server, "--memkeys");
    assert!(text.contains("Sampled 3 keys in the keyspace!"), "{text}");
    let biggest = text.lines().find(|line| line.starts_with("Biggest string found")).unwrap_or_default();
    let bytes: u64 = biggest
        .split_ascii_whitespace()
        .find_map(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no number of bytes in {text}"));
    assert!(biggest.contains("large") && (100_000..140_000).contains(&bytes), "{biggest}");
    let text = cli(&server, "--bigkeys");
    assert!(text.contains("Biggest   list found"), "{text}");
}
