//! What CLIENT REPLY OFF and SKIP leave out, and what may stand in a transaction: the same scenes against the
//! server under test and against redis-server, byte for byte.

use testkit::client::encode;
use testkit::{Kind, Server, Value};

use crate::scene::{eventually, is_oracle, last_words, shoal, skip_if, start, with_shards};

/// What stands between CLIENT REPLY and the end of a scene: commands of the connection and the server, with
/// some on keys.
const COMMANDS: &[&str] = &[
    "PING",
    "PING a",
    "ECHO a",
    "GET x",
    "SET x 1",
    "MGET a b c d",
    "DBSIZE",
    "SCAN 0 MATCH none COUNT 100",
    "BLPOP none 0.01",
    "NOSUCH",
    "GET",
    "CLIENT",
    "CLIENT NOSUCH",
    "CLIENT GETNAME",
    "CLIENT SETNAME me",
    "CLIENT REPLY ON",
    "CLIENT REPLY OFF",
    "CLIENT REPLY SKIP",
    "CLIENT REPLY FOO",
    "CLIENT TRACKING ON",
    "CLIENT CACHING YES",
    "CLIENT GETREDIR",
    "CLIENT KILL ID 99999",
    "CLIENT UNBLOCK 99999",
    "CLIENT LIST ID 0 -1",
    "CLIENT TRACKING ON REDIRECT 99999",
    "SUBSCRIBE c d",
    "UNSUBSCRIBE",
    "UNSUBSCRIBE c",
    "PSUBSCRIBE p*",
    "PUNSUBSCRIBE",
    "SSUBSCRIBE s",
    "SUNSUBSCRIBE s",
    "PUBLISH c m",
    "SPUBLISH s m",
    "PUBSUB CHANNELS",
    "PUBSUB NUMPAT",
    "PUBSUB NUMSUB c",
    "SELECT 1",
    "SELECT 99",
    "AUTH a b",
    "HELLO 2",
    "HELLO 3",
    "HELLO 4",
    "RESET",
    "QUIT",
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH x",
    "UNWATCH",
    "CONFIG SET maxmemory-samples 5",
    "CONFIG SET nosuch 1",
    "CONFIG RESETSTAT",
    "DEBUG SET-ACTIVE-EXPIRE 1",
    "FLUSHALL",
];

/// Where a command can stand: `X` is the command, `R` is CLIENT REPLY with a mode.
const SCENES: &[&[&str]] = &[
    &["R", "X", "PING"],
    &["SUBSCRIBE z", "R", "X", "PING"],
    &["R", "MULTI", "X", "INCR n", "EXEC", "PING"],
    &["MULTI", "R", "X", "PING", "EXEC", "PING"],
    &["MULTI", "X", "INCR n", "R", "EXEC", "PING"],
    &["MULTI", "INCR n", "R", "X", "INCR n", "CLIENT REPLY ON", "INCR n", "EXEC", "PING"],
];

/// What every scene ends with: RESET is allowed everywhere and turns replies on.
const END: &[&str] = &["RESET", "PING", "QUIT"];

fn scenes() -> Vec<Vec<&'static str>> {
    let mut scenes = Vec::new();
    for resp3 in [false, true] {
        for mode in ["CLIENT REPLY ON", "CLIENT REPLY OFF", "CLIENT REPLY SKIP"] {
            for &command in COMMANDS {
                for &scene in SCENES {
                    // Redis never closes a client that has nothing to be sent (see DIFFERENCES.md).
                    let is_silent_end = command == "QUIT" && mode != "CLIENT REPLY ON";
                    // Redis remembers a SKIP beside the OFF behind it in one transaction.
                    let is_skip_and_off = command == "CLIENT REPLY OFF" && mode == "CLIENT REPLY SKIP";
                    if is_silent_end || (is_skip_and_off && scene.len() == 9) {
                        continue;
                    }
                    let line = |&line: &&'static str| match line {
                        "X" => command,
                        "R" => mode,
                        line => line,
                    };
                    let hello = resp3.then_some("HELLO 3");
                    scenes.push(hello.into_iter().chain(scene.iter().map(line)).collect());
                }
            }
        }
    }
    scenes
}

/// All that a new client gets for these lines, sent at once. What differs between two servers anyway is made
/// alike.
fn played(server: &Server, lines: &[&str]) -> String {
    let mut client = server.client();
    let id = client.ask("CLIENT ID").as_int().unwrap();
    let mut bytes = Vec::new();
    for line in lines.iter().chain(END) {
        bytes.extend(encode(&line.split(' ').collect::<Vec<_>>()));
    }
    client.send_raw(&bytes);
    let text = String::from_utf8_lossy(&client.recv_until_closed()).into_owned();
    let version = |text: &str| {
        let at = text.find("version\r\n")? + "version\r\n".len();
        let end = at + text[at..].find("$5\r\nproto")?;
        Some(text[at..end].to_owned())
    };
    let text = version(&text).map_or(text.clone(), |version| text.replace(&version, "VERSION "));
    text.replace(&format!(":{id}\r\n"), ":ID ").replace("\r\n", " ")
}

#[test]
fn every_command_under_off_and_skip_in_and_out_of_a_transaction_is_answered_as_by_redis() {
    if skip_if(is_oracle(), "it is compared with redis-server itself") {
        return;
    }
    let options = ["--enable-debug-command", "yes"];
    let redis = Server::builder(Kind::Redis).args(options).start();
    let mut admin = redis.client();
    let scenes = scenes();
    let expected = scenes.iter().map(|lines| {
        admin.ask("FLUSHALL");
        played(&redis, lines)
    });
    let expected: Vec<String> = expected.collect();
    with_shards(&[1, 3], |shards| {
        let server = shoal(shards).args(options).start();
        let mut admin = server.client();
        for (lines, expected) in scenes.iter().zip(&expected) {
            admin.ask("FLUSHALL");
            assert_eq!(played(&server, lines), *expected, "{}", lines.join("; "));
        }
    });
}

#[test]
fn a_client_that_wants_no_replies_is_closed_without_a_word() {
    if skip_if(is_oracle(), "Redis leaves it open and deaf") {
        return;
    }
    let server = start(1, "");
    for end in ["QUIT\r\n", "*1\r\nnonsense\r\n", "CLIENT KILL TYPE normal SKIPME no\r\nPING\r\n"] {
        for mode in ["OFF", "SKIP"] {
            let mut client = server.client();
            client.send_raw(format!("CLIENT REPLY {mode}\r\n{end}"));
            assert_eq!(last_words(&mut client), "", "{mode} {end}");
        }
    }
}

#[test]
fn pushes_of_others_pass_off_and_a_skip_that_waits() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut other = server.client();
        for mode in ["OFF", "SKIP"] {
            let mut client = server.client_resp3();
            for line in
                ["SUBSCRIBE c", "PSUBSCRIBE c*", "SSUBSCRIBE s", "CLIENT TRACKING ON", "GET k", "GET l"]
            {
                client.ask(line);
            }
            client.send_raw(format!("CLIENT REPLY {mode}\r\nPUBLISH own m\r\nGET m\r\n"));
            if mode == "SKIP" {
                assert_eq!(client.recv(), Value::Null);
                client.send_raw("CLIENT REPLY SKIP\r\n");
            }
            eventually("the last reading is tracked", || {
                other.ask("INFO stats").text().contains("tracking_total_keys:3\r\n")
            });
            for line in ["PUBLISH c x", "SPUBLISH s y", "SET k 1", "FLUSHALL"] {
                other.ask(line);
            }
            let expected = ["message c x", "pmessage c* c x", "smessage s y", "invalidate k", "invalidate"];
            let mut came: Vec<String> = expected.iter().map(|_| words(&client.recv())).collect();
            came.sort_unstable_by_key(|push| expected.iter().position(|expected| expected == push));
            assert_eq!(came, expected, "{mode}");
            client.send_raw("PING\r\nCLIENT REPLY ON\r\n");
            assert_eq!(client.recv(), Value::ok(), "{mode}");
        }
    });
}

/// The words of a push, one after the other.
fn words(push: &Value) -> String {
    let mut words = Vec::new();
    let Value::Push(parts) = push else { panic!("no push: {push}") };
    for part in parts {
        words.extend(
            part.as_slice()
                .unwrap_or(std::slice::from_ref(part))
                .iter()
                .filter(|word| !word.is_null())
                .map(Value::text),
        );
    }
    words.join(" ")
}
