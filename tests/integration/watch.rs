//! WATCH: which changes make EXEC answer nil, which do not, and when a watch is forgotten. Each change is
//! made by another client, on every number of shards.

use testkit::{Client, Server, Value};

use crate::scene::{dialogue, eventually, start, with_shards};

const SHARDS: [usize; 3] = [1, 2, 3];

/// What EXEC says after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Nil: the change touched what was watched.
    Aborts,
    /// The transaction runs.
    Runs,
}

use Then::{Aborts, Runs};

/// Before WATCH; what is watched; what another client does; what EXEC says. Commands are separated by `|`,
/// and a session starts in database 0.
type Case = (&'static str, &'static str, &'static str, Then);

const CASES: &[Case] = &[
    // Changes of a value, be it to the same.
    ("", "k", "", Runs),
    ("SET k 1", "k", "SET k 2", Aborts),
    ("SET k 1", "k", "SET k 1", Aborts),
    ("SET k 1", "k", "GET k", Runs),
    ("SET k 1", "k", "SET other 1", Runs),
    ("SET k 1", "k", "TOUCH k", Runs),
    ("", "k", "SET k 1", Aborts),
    ("SET k 1", "k", "DEL k", Aborts),
    ("SET k 1", "k", "UNLINK k", Aborts),
    ("SET k 1", "k", "GETDEL k", Aborts),
    ("SET k 1", "k", "DEL k|SET k 1", Aborts),
    ("", "k", "SET k 1|DEL k", Aborts),
    ("", "k", "DEL k", Runs),
    ("SET k 1", "k", "INCR k", Aborts),
    ("SET k x", "k", "INCR k", Runs),
    ("SET k 1", "k", "APPEND k 2", Aborts),
    ("SET k 1", "k", "SETRANGE k 0 2", Aborts),
    ("SET k 1", "k", "GETSET k 2", Aborts),
    ("SET k 1", "k", "SETBIT k 7 0", Aborts),
    ("SET k 1", "k", "SETBIT k 7 1", Runs),
    ("SET k 1", "k", "BITFIELD k SET u8 0 7", Aborts),
    ("SET k 1", "k", "BITFIELD k GET u8 0", Runs),
    ("SET k 1", "k", "BITFIELD_RO k GET u8 0", Runs),
    ("SET k 1", "k", "GETRANGE k 0 -1", Runs),
    // Commands that do nothing.
    ("SET k 1", "k", "SETNX k 2", Runs),
    ("", "k", "SETNX k 2", Aborts),
    ("SET k 1", "k", "SET k 2 NX", Runs),
    ("", "k", "SET k 2 XX", Runs),
    ("SET k 1", "k", "SET k 2 XX GET", Aborts),
    ("SET k 1", "k", "MSETNX other 1 k 2", Runs),
    ("", "k", "SETRANGE k 5 \"\"", Runs),
    ("SET k 1", "k", "SETRANGE k 5 \"\"", Runs),
    ("SET k 1", "k", "NOSUCHCOMMAND k", Runs),
    ("SET k 1", "k", "SET k", Runs),
    // Several keys, several shards.
    ("", "k", "MSET a 1 b 2 k 3", Aborts),
    ("", "k", "MSET a 1 b 2 c 3", Runs),
    ("", "k", "MSETNX a 1 k 2", Aborts),
    ("SET a 1", "k", "BITOP NOT k a", Aborts),
    ("SET k 1", "k", "BITOP NOT a k", Runs),
    ("SET k 1", "k", "BITOP AND k nosuch neither", Aborts),
    ("", "k", "BITOP AND k nosuch neither", Runs),
    ("SET k 1", "k", "DEL a b k", Aborts),
    ("MSET a 1 k 1", "k", "LCS a k", Runs),
    ("MSET k 1 a 1", "k a nosuch", "SET nosuch 1", Aborts),
    ("MSET k 1 a 1", "k a nosuch", "SET b 1", Runs),
    ("MSET k 1 a 1", "k k", "SET k 1", Aborts),
    // Times.
    ("SET k 1", "k", "EXPIRE k 100", Aborts),
    ("SET k 1", "k", "PEXPIRE k 100000", Aborts),
    ("SET k 1", "k", "EXPIRE k -1", Aborts),
    ("SET k 1", "k", "EXPIRE k 100 XX", Runs),
    ("", "k", "EXPIRE k 100", Runs),
    ("SET k 1 EX 100", "k", "PERSIST k", Aborts),
    ("SET k 1", "k", "PERSIST k", Runs),
    ("SET k 1", "k", "GETEX k EX 100", Aborts),
    ("SET k 1", "k", "GETEX k", Runs),
    ("SET k 1 EX 100", "k", "GETEX k PERSIST", Aborts),
    ("SET k 1", "k", "EXPIREAT k 4000000000", Aborts),
    ("SET k 1", "k", "PEXPIREAT k 4000000000000", Aborts),
    ("SET k 1", "k", "TTL k|EXPIRETIME k|TYPE k|STRLEN k|OBJECT ENCODING k", Runs),
    // Names.
    ("SET k 1", "k", "RENAME k other", Aborts),
    ("SET other 1", "k", "RENAME other k", Aborts),
    ("MSET k 1 other 1", "k", "RENAMENX other k", Runs),
    ("SET other 1", "k", "RENAMENX other k", Aborts),
    ("", "k", "RENAME nosuch k", Runs),
    ("SET k 1", "k", "RENAME k k", Runs),
    ("SET k 1", "k", "COPY k other", Runs),
    ("SET other 1", "k", "COPY other k", Aborts),
    ("MSET k 1 other 1", "k", "COPY other k", Runs),
    ("MSET k 1 other 1", "k", "COPY other k REPLACE", Aborts),
    // Databases.
    ("SET k 1", "k", "SELECT 1|SET k 1", Runs),
    ("SET k 1", "k", "MOVE k 1", Aborts),
    ("SET k 1|SELECT 1|SET k 1|SELECT 0", "k", "MOVE k 1", Runs),
    ("SELECT 1|SET k 1|SELECT 0", "k", "SELECT 1|MOVE k 0", Aborts),
    ("SET k 1", "k", "COPY k k DB 1", Runs),
    ("SELECT 1|SET k 1|SELECT 0", "k", "SELECT 1|COPY k k DB 0", Aborts),
    ("SET k 1", "k", "FLUSHDB", Aborts),
    ("SET k 1", "k", "FLUSHDB ASYNC", Aborts),
    ("SET k 1", "k", "FLUSHALL", Aborts),
    ("SET k 1", "k", "FLUSHALL ASYNC", Aborts),
    ("", "k", "FLUSHALL", Runs),
    ("SET other 1", "k", "FLUSHDB", Runs),
    ("SET k 1", "k", "SELECT 1|FLUSHDB", Runs),
    ("SET k 1", "k", "SELECT 1|FLUSHALL", Aborts),
    ("SET k 1", "k", "SWAPDB 0 1", Aborts),
    ("SET k 1", "k", "SWAPDB 1 0", Aborts),
    ("", "k", "SWAPDB 0 1", Runs),
    ("SELECT 1|SET k 1|SELECT 0", "k", "SWAPDB 0 1", Aborts),
    ("SET k 1", "k", "SWAPDB 1 2", Runs),
    ("SET k 1", "k", "SWAPDB 0 0", Runs),
];

fn ask_all(client: &mut Client, commands: &str) {
    for command in commands.split('|').filter(|command| !command.is_empty()) {
        let words: Vec<&str> =
            command.split(' ').map(|word| if word == "\"\"" { "" } else { word }).collect();
        client.cmd(&words);
    }
}

/// MULTI, a command that tells whether it ran, EXEC: what EXEC did.
#[track_caller]
fn exec(client: &mut Client) -> Then {
    assert_eq!(client.ask("MULTI"), Value::ok());
    assert_eq!(client.ask("ECHO ran"), Value::simple("QUEUED"));
    match client.ask("EXEC") {
        Value::NullArray => Aborts,
        reply => {
            assert_eq!(reply, Value::array([Value::bulk("ran")]));
            Runs
        }
    }
}

/// The case's keys with a prefix, so that each round has them on other shards.
fn renamed(commands: &str, prefix: &str) -> String {
    let keys = ["k", "a", "b", "c", "other", "nosuch", "neither"];
    let word = |word: &str| if keys.contains(&word) { format!("{prefix}{word}") } else { word.to_owned() };
    let command = |command: &str| command.split(' ').map(word).collect::<Vec<_>>().join(" ");
    commands.split('|').map(command).collect::<Vec<_>>().join("|")
}

fn wrong_cases(server: &Server, prefix: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (before, watched, change, expected) in CASES {
        let [before, watched, change] = [before, watched, change].map(|text| renamed(text, prefix));
        let (mut client, mut other) = (server.client(), server.client());
        assert_eq!(client.ask("FLUSHALL"), Value::ok());
        ask_all(&mut client, &before);
        assert_eq!(client.ask(&format!("WATCH {watched}")), Value::ok());
        ask_all(&mut other, &change);
        let got = exec(&mut client);
        if got != *expected {
            wrong.push(format!("{before:?}, WATCH {watched}, {change:?}: {got:?}"));
        }
    }
    wrong
}

#[test]
fn exec_answers_nil_after_exactly_the_changes_that_redis_counts() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        for prefix in ["", "p:", "q3:"] {
            let wrong = wrong_cases(&server, prefix);
            assert!(wrong.is_empty(), "prefix {prefix:?}:\n{}", wrong.join("\n"));
        }
    });
}

#[test]
fn the_own_change_of_a_watched_key_aborts() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        assert_eq!(client.ask("WATCH k"), Value::ok());
        assert_eq!(client.ask("SET k 1"), Value::ok());
        assert_eq!(exec(&mut client), Aborts);
        assert_eq!(exec(&mut client), Runs);
        // What happens inside the transaction itself is no change.
        dialogue(
            &mut client,
            &[
                ("WATCH k other", "OK"),
                ("MULTI", "OK"),
                ("MSET k 2 other 3", "QUEUED"),
                ("EXEC", "1) OK"),
                ("GET k", "\"2\""),
            ],
        );
    });
}

#[test]
fn a_watch_is_forgotten_by_whatever_ends_it() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut other = server.client();
        for (round, end) in [
            "UNWATCH",
            "MULTI|DISCARD",
            "MULTI|EXEC",
            "MULTI|NOSUCHCOMMAND|EXEC",
            "MULTI|EXEC x",
            "RESET",
            "MULTI|RESET",
            "EXEC x",
        ]
        .iter()
        .enumerate()
        {
            let key = format!("key:{round}");
            let mut client = server.client();
            assert_eq!(client.ask(&format!("WATCH {key} another")), Value::ok());
            assert_eq!(other.ask(&format!("SET {key} 1")), Value::ok());
            ask_all(&mut client, end);
            assert_eq!(exec(&mut client), Runs, "{end}");
        }
        // These do not end it.
        for (round, middle) in
            ["MULTI x", "DISCARD", "EXEC", "WATCH", "UNWATCH x", "SELECT 1", "HELLO 2"].iter().enumerate()
        {
            let key = format!("stays:{round}");
            let mut client = server.client();
            assert_eq!(client.ask(&format!("WATCH {key}")), Value::ok());
            ask_all(&mut client, middle);
            assert_eq!(other.ask(&format!("SET {key} 1")), Value::ok());
            assert_eq!(exec(&mut client), Aborts, "{middle}");
        }
    });
}

#[test]
fn unwatch_inside_a_transaction_is_queued_and_too_late() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let (mut client, mut other) = (server.client(), server.client());
        dialogue(&mut client, &[("WATCH k", "OK"), ("MULTI", "OK"), ("UNWATCH", "QUEUED")]);
        dialogue(&mut other, &[("SET k 1", "OK")]);
        dialogue(&mut client, &[("EXEC", "(nil) as an array"), ("WATCH k", "OK")]);
        dialogue(&mut client, &[("MULTI", "OK"), ("UNWATCH", "QUEUED"), ("EXEC", "1) OK")]);
    });
}

#[test]
fn a_change_between_multi_and_exec_aborts_too() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let (mut client, mut other) = (server.client(), server.client());
        for round in 0..8 {
            let key = format!("key:{round}");
            dialogue(
                &mut client,
                &[(&format!("WATCH {key}"), "OK"), ("MULTI", "OK"), (&format!("SET {key} mine"), "QUEUED")],
            );
            assert_eq!(other.cmd(&["MSET", &key, "theirs", "else", "x"]), Value::ok());
            assert_eq!(client.ask("EXEC"), Value::NullArray);
            assert_eq!(client.cmd(&["GET", &key]), Value::bulk("theirs"));
        }
    });
}

#[test]
fn an_aborted_transaction_that_could_not_be_queued_says_execabort() {
    let server = start(2, "");
    let (mut client, mut other) = (server.client(), server.client());
    dialogue(&mut client, &[("WATCH k", "OK")]);
    dialogue(&mut other, &[("SET k 1", "OK")]);
    client.send_raw("MULTI\r\nGET\r\nEXEC\r\n");
    let replies = [client.recv(), client.recv(), client.recv()];
    assert_eq!(replies[2], Value::error("EXECABORT Transaction discarded because of previous errors."));
}

#[test]
fn a_watch_belongs_to_the_database_it_was_made_in() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut other = server.client();
        for (round, (db, expected)) in [(0, Aborts), (1, Runs), (2, Aborts)].into_iter().enumerate() {
            let key = format!("key:{round}");
            let mut client = server.client();
            dialogue(
                &mut client,
                &[
                    (&format!("WATCH {key}"), "OK"),
                    ("SELECT 2", "OK"),
                    (&format!("WATCH {key}"), "OK"),
                    ("SELECT 1", "OK"),
                ],
            );
            ask_all(&mut other, &format!("SELECT {db}|SET {key} 1"));
            assert_eq!(exec(&mut client), expected, "changed in database {db}");
        }
    });
}

#[test]
fn a_watched_key_whose_time_ends_aborts() {
    with_shards(&SHARDS, |shards| {
        // Found by the command, or found by the server: EXEC must see it in both cases.
        for active in ["0", "1"] {
            let server = start(shards, "--enable-debug-command yes");
            let (mut client, mut other) = (server.client(), server.client());
            assert_eq!(other.ask(&format!("DEBUG SET-ACTIVE-EXPIRE {active}")), Value::ok());
            for round in 0..4 {
                let key = format!("key:{round}");
                assert_eq!(client.cmd(&["SET", &key, "1", "PX", "100"]), Value::ok());
                assert_eq!(client.cmd(&["WATCH", &key, "another"]), Value::ok());
                // On a machine that stalls its time may have been over before WATCH, which is another case.
                if client.cmd(&["EXISTS", &key]) == Value::Int(0) {
                    assert_eq!(client.ask("UNWATCH"), Value::ok());
                    continue;
                }
                // Another key with a later end tells the time without touching the watched one.
                assert_eq!(other.cmd(&["SET", "clock", "1", "PX", "150"]), Value::ok());
                eventually("the time is over", || other.ask("EXISTS clock") == Value::Int(0));
                assert_eq!(exec(&mut client), Aborts, "active expiry {active}");
            }
        }
    });
}

#[test]
fn a_key_watched_after_its_time_is_as_good_as_none() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "--enable-debug-command yes");
        let (mut client, mut other) = (server.client(), server.client());
        assert_eq!(other.ask("DEBUG SET-ACTIVE-EXPIRE 0"), Value::ok());
        for (round, (change, expected)) in
            [("", Runs), ("GET", Runs), ("DEL", Runs), ("APPEND", Aborts), ("INCR", Aborts)]
                .into_iter()
                .enumerate()
        {
            let key = format!("key:{round}");
            assert_eq!(client.cmd(&["SET", &key, "1", "PX", "5"]), Value::ok());
            assert_eq!(other.cmd(&["SET", "clock", "1", "PX", "40"]), Value::ok());
            eventually("the time is over", || other.ask("EXISTS clock") == Value::Int(0));
            assert_eq!(client.cmd(&["WATCH", &key]), Value::ok());
            match change {
                "" => {}
                "APPEND" => assert_eq!(other.cmd(&["APPEND", &key, "1"]), Value::Int(1)),
                _ => assert!(!other.cmd(&[change, &key]).is_error()),
            }
            assert_eq!(exec(&mut client), expected, "{change:?}");
        }
    });
}

#[test]
fn an_evicted_key_aborts() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "--maxmemory-policy allkeys-lru");
        let (mut client, mut other) = (server.client(), server.client());
        for round in 0..4 {
            assert_eq!(client.cmd(&["SET", &format!("key:{round}"), "1"]), Value::ok());
            assert_eq!(client.cmd(&["WATCH", &format!("key:{round}")]), Value::ok());
            assert_eq!(other.ask("CONFIG SET maxmemory 1"), Value::ok());
            eventually("all keys are evicted", || other.ask("DBSIZE") == Value::Int(0));
            assert_eq!(other.ask("CONFIG SET maxmemory 0"), Value::ok());
            assert_eq!(exec(&mut client), Aborts);
            assert_eq!(exec(&mut client), Runs);
        }
    });
}

#[test]
fn watched_keys_of_clients_that_left_disturb_nobody() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut stays = server.client();
        for round in 0..50 {
            let mut leaves = server.client();
            assert_eq!(leaves.cmd(&["WATCH", "a", "b", "c", &format!("key:{round}")]), Value::ok());
            match round % 3 {
                0 => drop(leaves),
                1 => assert_eq!(leaves.ask("QUIT"), Value::ok()),
                _ => {
                    assert_eq!(leaves.ask("MULTI"), Value::ok());
                    drop(leaves);
                }
            }
            assert_eq!(stays.ask(&format!("MSET a {round} b 1 c 1 key:{round} 1")), Value::ok());
            assert_eq!(stays.ask("WATCH a b c"), Value::ok());
            assert_eq!(exec(&mut stays), Runs, "round {round}");
        }
    });
}

#[test]
fn many_clients_watch_one_key_and_one_of_them_wins() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        for round in 0..10 {
            let key = format!("prize:{round}");
            let mut clients: Vec<Client> = (0..20).map(|_| server.client()).collect();
            for client in &mut clients {
                assert_eq!(client.cmd(&["WATCH", &key, "ticket"]), Value::ok());
                assert_eq!(client.ask("MULTI"), Value::ok());
                assert_eq!(client.cmd(&["APPEND", &key, "x"]), Value::simple("QUEUED"));
            }
            for client in &mut clients {
                client.send_raw("EXEC\r\n");
            }
            let won = clients.iter_mut().filter_map(|client| match client.recv() {
                Value::NullArray => None,
                reply => Some(reply),
            });
            assert_eq!(won.collect::<Vec<_>>(), [Value::array([Value::Int(1)])], "round {round}");
        }
    });
}
