//! Client-side caching: who is told that which copies are not valid any more, in both protocols, with readers
//! and writers on any worker.

use std::collections::BTreeSet;

use testkit::{Client, Server, Value};

use crate::scene::{client_count, dialogue, eventually, is_oracle, skip_if, start, with_shards};
use crate::slot_moves::{answers_slots, move_slot, slot_of};

const SHARDS: [usize; 3] = [1, 2, 3];
/// So many connections are on every worker, as good as certainly.
const CROWD: usize = 9;

fn bulks<'a>(keys: impl IntoIterator<Item = &'a str>) -> Value {
    Value::array(keys.into_iter().map(Value::bulk))
}

/// What a RESP3 client gets.
fn invalidate(keys: &[&str]) -> Value {
    Value::Push(vec![Value::bulk("invalidate"), bulks(keys.iter().copied())])
}

fn invalidate_all() -> Value {
    Value::Push(vec![Value::bulk("invalidate"), Value::Null])
}

/// What a RESP2 subscriber gets.
fn message(keys: Value) -> Value {
    Value::array([Value::bulk("message"), Value::bulk("__redis__:invalidate"), keys])
}

/// The keys of a push or message.
#[track_caller]
pub(crate) fn keys_of(told: &Value) -> Vec<String> {
    let (Value::Push(parts) | Value::Array(parts)) = told else { panic!("no invalidation: {told}") };
    let keys = parts.last().and_then(Value::as_slice).unwrap_or_else(|| panic!("no keys: {told}"));
    keys.iter().map(Value::text).collect()
}

/// The keys that a client is told of, one after the other, until they are so many.
#[track_caller]
fn told_keys(client: &mut Client, count: usize) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    while keys.len() < count {
        for key in keys_of(&client.recv()) {
            assert!(keys.insert(key.clone()), "{key} comes twice");
        }
    }
    keys
}

/// A RESP3 client that has sent these lines, all with the reply OK.
#[track_caller]
pub(crate) fn reader(server: &Server, lines: &[&str]) -> Client {
    let mut client = server.client_resp3();
    for line in lines {
        assert_eq!(client.ask(line), Value::ok(), "{line}");
    }
    client
}

fn names(family: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{family}{index}")).collect()
}

/// A command with many keys.
pub(crate) fn words<'a>(command: &'a str, keys: &'a [String]) -> Vec<&'a str> {
    std::iter::once(command).chain(keys.iter().map(String::as_str)).collect()
}

fn mset(client: &mut Client, keys: &[String], value: &str) {
    let pairs = keys.iter().flat_map(|key| [key.as_str(), value]);
    assert_eq!(client.cmd(&std::iter::once("MSET").chain(pairs).collect::<Vec<_>>()), Value::ok());
}

#[test]
fn a_key_that_was_read_is_invalidated_once_by_its_first_change() {
    let changes = [
        "SET k 2",
        "DEL k",
        "APPEND k x",
        "EXPIRE k 100",
        "RENAME k other",
        "COPY new k REPLACE",
        "MOVE k 5",
    ];
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        let mut readers: Vec<Client> = (0..CROWD).map(|_| reader(&server, &["CLIENT TRACKING ON"])).collect();
        for change in changes {
            dialogue(&mut writer, &[("FLUSHALL", "OK"), ("MSET k 1 new 2 untouched 3", "OK")]);
            for client in &mut readers {
                assert_eq!(client.recv(), invalidate_all());
                assert_eq!(client.ask("GET k"), Value::bulk("1"));
                assert_eq!(client.ask("STRLEN k"), Value::Int(1));
                assert_eq!(client.ask("GET untouched"), Value::bulk("3"));
            }
            assert!(!writer.ask(change).is_error());
            writer.ask("SET k again");
            for client in &mut readers {
                assert_eq!(client.recv(), invalidate(&["k"]), "{change}");
            }
        }
        writer.ask("FLUSHALL");
        for client in &mut readers {
            assert_eq!(client.recv(), invalidate_all(), "nothing comes between");
        }
    });
}

#[test]
fn a_missing_key_is_tracked_as_well_and_databases_are_not_told_apart() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = reader(&server, &["CLIENT TRACKING ON"]);
        dialogue(&mut client, &[("GET missing", "(nil)")]);
        dialogue(&mut server.client(), &[("SELECT 3", "OK"), ("SET missing 1", "OK")]);
        assert_eq!(client.recv(), invalidate(&["missing"]));
    });
}

#[test]
fn the_own_change_comes_behind_its_reply_unless_noloop() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        for key in names("k", 8) {
            let key = key.as_str();
            let mut client = reader(&server, &["CLIENT TRACKING ON"]);
            assert_eq!(client.cmd(&["GET", key]), Value::Null);
            assert_eq!(client.cmd(&["SET", key, "1"]), Value::ok());
            assert_eq!(client.recv(), invalidate(&[key]));

            let mut client = reader(&server, &["CLIENT TRACKING ON NOLOOP"]);
            assert_eq!(client.cmd(&["GET", key]), Value::bulk("1"));
            assert_eq!(client.cmd(&["SET", key, "2"]), Value::ok());
            // Its own change has made it forgotten all the same.
            assert_eq!(writer.cmd(&["SET", key, "3"]), Value::ok());
            assert_eq!(client.cmd(&["GET", key]), Value::bulk("3"));
            assert_eq!(writer.cmd(&["SET", key, "4"]), Value::ok());
            assert_eq!(client.recv(), invalidate(&[key]));
            assert_eq!(client.cmd(&["GET", key]), Value::bulk("4"));
        }
    });
}

#[test]
fn keys_of_several_shards_are_read_and_changed_together() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        let keys = names("k", 30);
        let all: BTreeSet<String> = keys.iter().cloned().collect();
        let mut readers: Vec<Client> = (0..CROWD).map(|_| reader(&server, &["CLIENT TRACKING ON"])).collect();
        for reading in ["MGET", "EXISTS", "TOUCH", "SUNION", "PFCOUNT"] {
            for client in &mut readers {
                // The values are of another type, if there are any: also an error is a reading.
                client.cmd(&words(reading, &keys));
            }
            mset(&mut writer, &keys, reading);
            for client in &mut readers {
                assert_eq!(told_keys(client, keys.len()), all, "{reading}");
            }
        }
        assert_eq!(writer.cmd(&words("DEL", &keys)), Value::Int(30));
    });
}

#[test]
fn optin_and_optout_follow_client_caching_for_one_command_or_transaction() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        for (mode, word, is_tracked_without) in [("OPTIN", "YES", false), ("OPTOUT", "NO", true)] {
            let mut client = reader(&server, &[&format!("CLIENT TRACKING ON {mode}")]);
            let caching = format!("CLIENT CACHING {word}");
            let cases: [(&[&str], bool); 9] = [
                (&["GET k"], false),
                (&[&caching, "GET k"], true),
                (&[&caching, "PING", "GET k"], false),
                (&[&caching, "CLIENT GETNAME", "GET k"], true),
                (&[&caching, "MULTI", "GET k", "GET other", "EXEC"], true),
                (&[&caching, "MULTI", "PING", "GET k", "EXEC"], true),
                (&[&caching, "MULTI", "DISCARD", "GET k"], false),
                (&["MULTI", "GET k", "EXEC"], false),
                (&["MULTI", &caching, "GET k", "EXEC"], true),
            ];
            for (lines, is_said) in cases {
                for line in lines {
                    assert!(!client.ask(line).is_error(), "{line}");
                }
                writer.ask("SET k 1");
                if is_said != is_tracked_without {
                    assert_eq!(client.recv(), invalidate(&["k"]), "{lines:?}");
                }
                // Of the key nothing is left; what comes next is a reply.
                client.ask(&caching);
                writer.ask("SET k 2");
                assert_eq!(client.ask("PING"), Value::simple("PONG"), "{lines:?}");
            }
        }
    });
}

#[test]
fn a_command_that_is_refused_or_unknown_uses_up_the_word_of_client_caching() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = reader(&server, &["CLIENT TRACKING ON OPTIN"]);
        let cases: [(&[&str], bool); 14] = [
            (&["NOSUCH"], false),
            (&["GET"], false),
            (&["CLIENT"], false),
            (&["CLIENT NOSUCH"], false),
            (&["CONFIG NOSUCH"], false),
            (&["SUBSCRIBE"], false),
            (&["EXEC"], false),
            (&["CLIENT CACHING"], true),
            (&["CLIENT CACHING FOO"], true),
            (&["CLIENT ID x"], true),
            (&["CLIENT UNBLOCK 99999"], true),
            (&["MULTI", "NOSUCH", "EXEC"], false),
            (&["MULTI", "MULTI", "DISCARD"], false),
            (&["MULTI", "CLIENT ID", "EXEC"], false),
        ];
        for (lines, is_said) in cases {
            client.ask("CLIENT CACHING YES");
            lines.iter().for_each(|line| _ = client.ask(line));
            let shown = client.ask("CLIENT TRACKINGINFO").to_string();
            assert_eq!(shown.contains("caching-yes"), is_said, "{lines:?}: {shown}");
        }
        // It holds for a whole transaction, whose commands see it.
        client.ask("CLIENT CACHING YES");
        for line in ["MULTI", "PING", "CLIENT TRACKINGINFO"] {
            client.ask(line);
        }
        assert!(client.ask("EXEC").to_string().contains("caching-yes"));
        assert!(!client.ask("CLIENT TRACKINGINFO").to_string().contains("caching-yes"));
    });
}

#[test]
fn prefixes_are_told_of_all_changes_whoever_reads() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        let mut crowd: Vec<(Client, &[&str])> = (0..CROWD)
            .map(|index| match index % 3 {
                0 => (reader(&server, &["CLIENT TRACKING ON BCAST"]), &["a:", "b:", "x"][..]),
                1 => (reader(&server, &["CLIENT TRACKING ON BCAST PREFIX a: PREFIX b:"]), &["a:", "b:"][..]),
                _ => (reader(&server, &["CLIENT TRACKING ON BCAST PREFIX b: NOLOOP"]), &["b:"][..]),
            })
            .collect();
        let keys = [names("a:", 20), names("b:", 20), names("x", 5)].concat();
        for round in 0..3 {
            mset(&mut writer, &keys, &round.to_string());
            for (client, prefixes) in &mut crowd {
                let is_wanted = |key: &&String| prefixes.iter().any(|prefix| key.starts_with(prefix));
                let wanted: BTreeSet<String> = keys.iter().filter(is_wanted).cloned().collect();
                assert_eq!(told_keys(client, wanted.len()), wanted);
            }
        }
        for (client, _) in &mut crowd {
            assert_eq!(client.ask("CLIENT TRACKING OFF"), Value::ok());
        }
        mset(&mut writer, &keys, "unseen");
        for (client, _) in &mut crowd {
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
        }
    });
}

#[test]
fn a_turns_changes_come_as_one_sorted_array_for_each_prefix() {
    let server = start(1, "");
    let mut client = reader(&server, &["CLIENT TRACKING ON BCAST PREFIX a PREFIX b"]);
    server.client().ask("MSET b2 1 a3 1 c 1 a1 1 b1 1 a3 2");
    assert_eq!(client.recv(), invalidate(&["a1", "a3"]));
    assert_eq!(client.recv(), invalidate(&["b1", "b2"]));
    assert_eq!(client.ask("SET a own"), Value::ok());
    assert_eq!(client.recv(), invalidate(&["a"]));
    assert_eq!(client.ask("CLIENT TRACKING ON BCAST NOLOOP PREFIX c"), Value::ok());
    assert_eq!(client.ask("SET a own"), Value::ok());
    server.client().ask("SET c 1");
    assert_eq!(client.recv(), invalidate(&["c"]));
}

#[test]
fn expiry_and_eviction_invalidate() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        let mut default = reader(&server, &["CLIENT TRACKING ON"]);
        let mut broadcast = reader(&server, &["CLIENT TRACKING ON BCAST NOLOOP"]);
        writer.ask("SET k v PX 40");
        assert_eq!(broadcast.recv(), invalidate(&["k"]));
        assert_eq!(default.ask("GET k"), Value::bulk("v"));
        assert_eq!(default.recv(), invalidate(&["k"]));
        assert_eq!(broadcast.recv(), invalidate(&["k"]));

        let keys = names("key", 20);
        let all: BTreeSet<String> = keys.iter().cloned().collect();
        mset(&mut writer, &keys, "v");
        assert_eq!(told_keys(&mut broadcast, keys.len()), all);
        default.cmd(&words("MGET", &keys));
        dialogue(
            &mut writer,
            &[("CONFIG SET maxmemory-policy allkeys-random", "OK"), ("CONFIG SET maxmemory 1", "OK")],
        );
        writer.ask("SET more v");
        assert_eq!(told_keys(&mut default, keys.len()), all);
        assert_eq!(told_keys(&mut broadcast, keys.len()), all);
    });
}

#[test]
fn a_flush_tells_everybody_once() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        let modes = ["", "OPTIN", "BCAST PREFIX nothing", "NOLOOP"];
        let mut crowd: Vec<Client> = (0..CROWD + 3)
            .map(|index| reader(&server, &[&format!("CLIENT TRACKING ON {}", modes[index % modes.len()])]))
            .collect();
        for flush in ["FLUSHALL", "FLUSHDB", "FLUSHALL ASYNC", "FLUSHDB SYNC"] {
            writer.ask(flush);
            for client in &mut crowd {
                assert_eq!(client.recv(), invalidate_all(), "{flush}");
            }
            for line in ["MULTI", "SET a 1", flush, "SET b 1"] {
                writer.ask(line);
            }
            assert!(!writer.ask("EXEC").is_error());
            for client in &mut crowd {
                assert_eq!(client.recv(), invalidate_all(), "{flush} in MULTI");
            }
        }
        // NOLOOP does not spare one from a flush, which comes behind its reply.
        let mut own = reader(&server, &["CLIENT TRACKING ON NOLOOP"]);
        assert_eq!(own.ask("FLUSHALL"), Value::ok());
        assert_eq!(own.recv(), invalidate_all());
        for client in &mut crowd {
            assert_eq!(client.recv(), invalidate_all());
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
        }
    });
}

/// The number of the connection.
#[track_caller]
fn id(client: &mut Client) -> i64 {
    match client.ask("CLIENT ID") {
        Value::Int(id) => id,
        other => panic!("CLIENT ID: {other}"),
    }
}

#[test]
fn invalidations_can_be_redirected_to_a_subscriber_or_a_resp3_client() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        for index in 0..CROWD {
            let mut old = server.client();
            let mut new = server.client_resp3();
            let (old_id, new_id) = (id(&mut old), id(&mut new));
            old.ask("SUBSCRIBE __redis__:invalidate");
            let key = format!("k{index}");
            let key = key.as_str();
            for resp3 in [false, true] {
                let mut client = if resp3 { server.client_resp3() } else { server.client() };
                let on = |id: i64| format!("CLIENT TRACKING ON REDIRECT {id}");
                assert_eq!(client.ask(&on(old_id)), Value::ok());
                dialogue(&mut client, &[("CLIENT GETREDIR", &format!("(integer) {old_id}"))]);
                client.cmd(&["GET", key]);
                writer.cmd(&["SET", key, "1"]);
                assert_eq!(old.recv(), message(bulks([key])));
                assert_eq!(client.ask(&on(new_id)), Value::ok());
                client.cmd(&["GET", key]);
                writer.cmd(&["SET", key, "2"]);
                assert_eq!(new.recv(), invalidate(&[key]));
                writer.ask("FLUSHALL");
                // Redis takes the null of the protocol of the client that redirects.
                let null = if is_oracle() && !resp3 { Value::NullBulk } else { Value::Null };
                assert_eq!(new.recv(), Value::Push(vec![Value::bulk("invalidate"), null]));
                assert_eq!(client.ask("CLIENT TRACKING OFF"), Value::ok());
            }
            let mut client = server.client();
            let on = format!("CLIENT TRACKING ON BCAST PREFIX {key} REDIRECT {old_id}");
            assert_eq!(client.ask(&on), Value::ok());
            writer.cmd(&["SET", key, "3"]);
            assert_eq!(old.recv(), message(bulks([key])));
            writer.ask("FLUSHALL");
            assert_eq!(old.recv(), message(Value::NullBulk));
            // One that subscribes to nothing gets nothing.
            let mut mute = server.client();
            let on = format!("CLIENT TRACKING ON BCAST PREFIX other REDIRECT {}", id(&mut mute));
            assert_eq!(server.client().ask(&on), Value::ok());
            writer.ask("SET other 1");
            dialogue(&mut mute, &[("PING", "PONG")]);
        }
    });
}

#[test]
fn a_client_can_redirect_to_itself() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client_resp3();
        let on = format!("CLIENT TRACKING ON REDIRECT {}", id(&mut client));
        assert_eq!(client.ask(&on), Value::ok());
        client.ask("GET k");
        server.client().ask("SET k 1");
        assert_eq!(client.recv(), invalidate(&["k"]));
        client.ask("GET k");
        assert_eq!(client.ask("SET k 2"), Value::ok());
        assert_eq!(client.recv(), invalidate(&["k"]));
    });
}

#[test]
fn a_redirection_that_is_broken_is_told_and_shown() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        for _ in 0..CROWD {
            let mut client = server.client_resp3();
            let own = id(&mut client);
            let mut target = server.client();
            let gone = id(&mut target);
            let on = format!("CLIENT TRACKING ON REDIRECT {gone}");
            assert_eq!(client.ask(&on), Value::ok());
            let before = client_count(&mut writer);
            drop(target);
            eventually("the connection is gone", || client_count(&mut writer) < before);
            client.ask("GET k");
            writer.ask("SET k 1");
            let broken = Value::Push(vec![Value::bulk("tracking-redir-broken"), Value::Int(gone)]);
            assert_eq!(client.recv(), broken);
            let info = client.ask("CLIENT TRACKINGINFO").to_string();
            assert!(info.contains("broken_redirect"), "{info}");
            let list = writer.ask(&format!("CLIENT LIST ID {own}")).text();
            assert!(list.contains("flags=tR ") && list.contains(&format!(" redir={gone} ")), "{list}");
            assert_eq!(client.ask("CLIENT TRACKING ON"), Value::ok());
            client.ask("GET k");
            writer.ask("SET k 2");
            assert_eq!(client.recv(), invalidate(&["k"]));
        }
    });
}

#[test]
fn nonsense_is_refused_with_the_texts_of_redis() {
    let on_first = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.";
    let optin_first = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.";
    let no_mode = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled";
    let cases: &[(&str, &str)] = &[
        ("CLIENT GETREDIR", "-1"),
        ("CLIENT CACHING YES", no_mode),
        ("CLIENT TRACKING maybe", "ERR syntax error"),
        ("CLIENT TRACKING ON nonsense", "ERR syntax error"),
        ("CLIENT TRACKING ON PREFIX", "ERR syntax error"),
        ("CLIENT TRACKING ON PREFIX a", "ERR PREFIX option requires BCAST mode to be enabled"),
        ("CLIENT TRACKING ON BCAST OPTIN", "ERR OPTIN and OPTOUT are not compatible with BCAST"),
        ("CLIENT TRACKING ON OPTIN OPTOUT", "ERR You can't specify both OPTIN mode and OPTOUT mode"),
        ("CLIENT TRACKING ON REDIRECT x", "ERR value is not an integer or out of range"),
        ("CLIENT TRACKING ON REDIRECT 0", "ERR The client ID you want redirect to does not exist"),
        (
            "CLIENT TRACKING ON REDIRECT 99999 nonsense",
            "ERR The client ID you want redirect to does not exist",
        ),
        ("CLIENT TRACKING ON nonsense REDIRECT 99999", "ERR syntax error"),
        ("CLIENT TRACKING maybe REDIRECT 99999", "ERR The client ID you want redirect to does not exist"),
        ("CLIENT TRACKING", "ERR wrong number of arguments for 'client|tracking' command"),
        ("CLIENT TRACKING OFF", "OK"),
        ("CLIENT TRACKING ON OPTIN", "OK"),
        ("CLIENT GETREDIR", "0"),
        ("CLIENT CACHING NO", "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."),
        ("CLIENT CACHING maybe", "ERR syntax error"),
        ("CLIENT CACHING YES", "OK"),
        ("CLIENT TRACKING ON OPTOUT", optin_first),
        ("CLIENT TRACKING ON BCAST", on_first),
        ("CLIENT TRACKING ON", "OK"),
        (
            "CLIENT CACHING YES",
            "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
        ),
        ("CLIENT TRACKING OFF", "OK"),
        (
            "CLIENT TRACKING ON BCAST PREFIX ab PREFIX a",
            "ERR Prefix 'ab' overlaps with another provided prefix 'a'. Prefixes for a single client must not overlap.",
        ),
        ("CLIENT TRACKING ON BCAST PREFIX ab PREFIX b", "OK"),
        (
            "CLIENT TRACKING ON BCAST PREFIX a",
            "ERR Prefix 'a' overlaps with an existing prefix 'ab'. Prefixes for a single client must not overlap.",
        ),
        ("CLIENT TRACKING ON", on_first),
        ("CLIENT TRACKING OFF PREFIX x OPTIN", "OK"),
    ];
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        for mut client in [server.client(), server.client_resp3()] {
            for (line, expected) in cases {
                let reply = client.ask(line);
                let text = match &reply {
                    Value::Int(number) => number.to_string(),
                    other => other.text(),
                };
                assert_eq!(text, *expected, "{line}");
            }
            let own = id(&mut client);
            let twice = format!("CLIENT TRACKING ON REDIRECT {own} REDIRECT {own}");
            let text = "ERR A client can only redirect to a single other client";
            assert_eq!(client.ask(&twice), Value::error(text));
        }
    });
}

#[test]
fn what_is_on_is_shown() {
    let cases = [
        ("OFF", ["off"].as_slice(), -1, [].as_slice(), "N"),
        ("ON", &["on"], 0, &[], "t"),
        ("ON NOLOOP", &["on", "noloop"], 0, &[], "t"),
        ("ON OPTIN NOLOOP", &["on", "optin", "noloop"], 0, &[], "t"),
        ("ON OPTOUT", &["on", "optout"], 0, &[], "t"),
        ("ON BCAST", &["on", "bcast"], 0, &[""], "tB"),
        ("ON BCAST PREFIX b NOLOOP PREFIX a", &["on", "bcast", "noloop"], 0, &["a", "b"], "tB"),
    ];
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        for (options, flags, redirect, prefixes, letters) in cases {
            let (mut old, mut new) = (server.client(), server.client_resp3());
            for client in [&mut old, &mut new] {
                assert_eq!(client.ask(&format!("CLIENT TRACKING {options}")), Value::ok());
                let list = client.ask("CLIENT INFO").text();
                assert!(list.contains(&format!(" flags={letters} ")), "{options}: {list}");
                assert!(list.contains(&format!(" redir={redirect} ")), "{options}: {list}");
            }
            let fields = ["flags", "redirect", "prefixes"].map(Value::bulk);
            let flags: Vec<Value> = flags.iter().map(Value::bulk).collect();
            let prefixes = bulks(prefixes.iter().copied());
            let [a, b, c] = fields;
            let (resp2, resp3) = (Value::Array(flags.clone()), Value::Set(flags));
            let expected = [a.clone(), resp2, b.clone(), Value::Int(redirect), c.clone(), prefixes.clone()];
            assert_eq!(old.ask("CLIENT TRACKINGINFO"), Value::array(expected));
            let expected = vec![(a, resp3), (b, Value::Int(redirect)), (c, prefixes)];
            assert_eq!(new.ask("CLIENT TRACKINGINFO"), Value::Map(expected));
        }
        let mut client = reader(&server, &["CLIENT TRACKING ON OPTIN", "CLIENT CACHING YES"]);
        assert!(client.ask("CLIENT TRACKINGINFO").to_string().contains("caching-yes"));
        client.ask("PING");
        assert!(!client.ask("CLIENT TRACKINGINFO").to_string().contains("caching-yes"));
    });
}

/// A number that INFO shows.
#[track_caller]
fn info(client: &mut Client, name: &str) -> usize {
    let text = client.ask("INFO everything").text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn info_counts_clients_keys_items_and_prefixes() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut witness = server.client();
        let counts = |witness: &mut Client| {
            ["tracking_clients", "tracking_total_keys", "tracking_total_items", "tracking_total_prefixes"]
                .map(|name| info(witness, name))
        };
        let keys = names("k", 12);
        let mut readers: Vec<Client> = (0..4).map(|_| reader(&server, &["CLIENT TRACKING ON"])).collect();
        for client in &mut readers {
            client.cmd(&words("MGET", &keys));
            client.ask("GET k0");
        }
        let broadcast: Vec<Client> =
            (0..4).map(|_| reader(&server, &["CLIENT TRACKING ON BCAST PREFIX a PREFIX b"])).collect();
        assert_eq!(counts(&mut witness), [8, 12, 48, 2]);
        witness.ask("SET k0 1");
        assert_eq!(counts(&mut witness), [8, 11, 44, 2]);
        for mut client in broadcast {
            assert_eq!(client.ask("RESET"), Value::simple("RESET"));
        }
        assert_eq!(counts(&mut witness), [4, 11, 44, 0]);
        drop(readers);
        // What they have read stays until it changes.
        eventually("they are gone", || counts(&mut witness) == [0, 11, 44, 0]);
        witness.ask("FLUSHALL");
        assert_eq!(counts(&mut witness), [0, 0, 0, 0]);
    });
}

#[test]
fn reset_and_off_end_it_and_hello_does_not() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        for end in ["RESET", "CLIENT TRACKING OFF"] {
            for mode in ["", "BCAST"] {
                let mut client = reader(&server, &[&format!("CLIENT TRACKING ON {mode}")]);
                client.ask("GET k");
                client.ask(end);
                client.hello(3);
                dialogue(&mut client, &[("CLIENT GETREDIR", "(integer) -1")]);
                writer.ask("SET k 1");
                dialogue(&mut client, &[("PING", "PONG"), ("GET k", "\"1\"")]);
            }
        }
        // Over RESP2 nothing can be told, but it is remembered.
        let mut client = server.client();
        assert_eq!(client.ask("CLIENT TRACKING ON"), Value::ok());
        assert_eq!(client.ask("MGET a b"), Value::array([Value::NullBulk, Value::NullBulk]));
        writer.ask("SET a 1");
        dialogue(&mut client, &[("PING", "PONG")]);
        client.hello(3);
        writer.ask("SET b 1");
        assert_eq!(client.recv(), invalidate(&["b"]));
    });
}

#[test]
fn transactions_are_tracked_like_their_commands_and_told_behind_their_reply() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        let run = |client: &mut Client, lines: &[&str]| {
            client.ask("MULTI");
            for line in lines {
                assert_eq!(client.ask(line), Value::simple("QUEUED"));
            }
            let reply = client.ask("EXEC");
            assert!(matches!(reply, Value::Array(_)), "{lines:?}: {reply}");
        };
        // Keys of one shard, and of several.
        let sets = [names("{t}", 6), names("k", 6)];
        for keys in &sets {
            let [a, b, c, ..] = &keys[..] else { panic!("there are six") };
            let (get_a, get_b, set_a) = (format!("GET {a}"), format!("GET {b}"), format!("SET {a} 1"));
            let (set_b, get_c, move_c) =
                (format!("SET {b} 1"), format!("GET {c}"), format!("RENAME {b} {c}"));
            for _ in 0..4 {
                let mut client = reader(&server, &["CLIENT TRACKING ON"]);
                run(&mut client, &[&get_a, &get_b]);
                run(&mut writer, &[&set_a, &set_b]);
                let both: BTreeSet<String> = [a.clone(), b.clone()].into();
                assert_eq!(told_keys(&mut client, 2), both);
                // Read and then changed: told. Changed and then read: remembered.
                run(&mut client, &[&get_a, &set_a, &set_b, &get_b]);
                assert_eq!(client.recv(), invalidate(&[a]));
                run(&mut writer, &[&get_c, &move_c, &set_a]);
                assert_eq!(client.recv(), invalidate(&[b]));
                run(&mut client, &[&get_c, "PING", &get_a]);
                run(&mut writer, &[&set_b, &move_c, "PING"]);
                assert_eq!(client.recv(), invalidate(&[c]));
                run(&mut writer, &["FLUSHALL"]);
                assert_eq!(client.recv(), invalidate_all());
            }
        }
    });
}

#[test]
fn a_transaction_that_a_watch_has_broken_reads_nothing() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut writer = server.client();
        let mut client = reader(&server, &["CLIENT TRACKING ON", "WATCH x", "MULTI"]);
        client.ask("GET k");
        client.ask("GET other");
        writer.ask("SET x 1");
        assert_eq!(client.ask("EXEC"), Value::Null);
        writer.ask("SET k 1");
        assert_eq!(info(&mut writer, "tracking_total_keys"), 0);
        assert_eq!(client.ask("PING"), Value::simple("PONG"));
    });
}

#[test]
fn too_many_remembered_keys_are_forgotten_with_an_invalidation() {
    const LIMIT: usize = 9;
    with_shards(&SHARDS, |shards| {
        let server = start(shards, &format!("--tracking-table-max-keys {LIMIT}"));
        let mut witness = server.client();
        let keys = names("k", 200);
        let mut client = reader(&server, &["CLIENT TRACKING ON"]);
        client.cmd(&words("EXISTS", &keys));
        // In Redis the next commands do it.
        let mut told = told_keys(&mut client, keys.len() - LIMIT - shards);
        eventually("the rest is forgotten", || info(&mut witness, "tracking_total_keys") <= LIMIT + shards);
        // What is left is remembered: each key is told of once.
        let left = info(&mut witness, "tracking_total_keys");
        mset(&mut witness, &keys, "v");
        while told.len() < keys.len() {
            for key in keys_of(&client.recv()) {
                assert!(told.insert(key.clone()), "{key} comes twice, of {left} left");
            }
        }
        // It can be changed.
        dialogue(&mut witness, &[("CONFIG SET tracking-table-max-keys 0", "OK")]);
        client.cmd(&words("EXISTS", &keys));
        assert_eq!(info(&mut witness, "tracking_total_keys"), keys.len());
        dialogue(&mut witness, &[("CONFIG SET tracking-table-max-keys 100", "OK")]);
        eventually("it is 100", || info(&mut witness, "tracking_total_keys") <= 100 + shards);
        told_keys(&mut client, keys.len() - 100 - shards);
    });
}

#[test]
fn what_is_remembered_goes_with_a_slot() {
    if skip_if(is_oracle(), "only shoal has shards") {
        return;
    }
    for shards in [2, 3] {
        let server = start(shards, "--enable-debug-command yes");
        let mut mover = server.client();
        if !answers_slots(&mut mover) {
            return;
        }
        let mut writer = server.client();
        let keys = names("k", 6);
        let mut readers: Vec<Client> = (0..CROWD).map(|_| reader(&server, &["CLIENT TRACKING ON"])).collect();
        for round in 0..shards * 2 {
            for key in &keys {
                for client in &mut readers {
                    client.cmd(&["GET", key]);
                }
                move_slot(&mut mover, slot_of(key), round % shards);
                assert_eq!(writer.cmd(&["SET", key, &round.to_string()]), Value::ok());
                for client in &mut readers {
                    assert_eq!(client.recv(), invalidate(&[key]));
                }
            }
        }
        assert_eq!(info(&mut writer, "tracking_total_items"), 0);
    }
}
