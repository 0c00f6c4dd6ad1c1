//! DUMP and RESTORE: values of every type and encoding go to redis-server and Valkey and back unchanged, and
//! RESTORE refuses, tells and wakes as Redis does.

use testkit::{Client, Kind, Server, Value};

use crate::scene::{eventually, shoal, with_shards};

const DEBUGGING: [&str; 2] = ["--enable-debug-command", "yes"];

/// Values of every type and encoding that redis-server 7.0 knows. Scores are whole numbers, since its digests
/// of fractions are others.
fn fill(client: &mut Client) {
    for line in [
        "SET int 12",
        "SET small -1",
        "SET middle 30000",
        "SET wide -2000000000",
        "SET large 9223372036854775807",
        "SET text hello",
        "SETRANGE zeros 100000 x",
        "APPEND raw abc",
        "PFADD hll a b c",
        "RPUSH list a 1 -2 300 70000 -5000000000 b",
        "SADD ints 1 2 3",
        "SADD wide-ints 1 -70000",
        "SADD widest-ints 1 -5000000000",
        "SADD strings a b 1 c",
        "ZADD sorted 1 a -3 b 7 12 inf top -inf bottom 1 c",
        "HSET hash f v 1 2 g w",
        "XADD stream 1-1 f v",
        "XADD stream 1-2 f w",
        "XADD stream 5-0 other 12 more x",
        "XADD stream 6-0 f v",
        "XADD stream 7-0 f v",
        "XDEL stream 1-2",
        "XGROUP CREATE stream unread 0",
        "XGROUP CREATE stream 12 0 ENTRIESREAD 1",
        "XGROUP CREATECONSUMER stream 12 idle",
        "XREADGROUP GROUP 12 alice COUNT 2 STREAMS stream >",
        "XREADGROUP GROUP 12 bob COUNT 1 STREAMS stream >",
        "XREADGROUP GROUP 12 bob COUNT 1 STREAMS stream 0",
        "XDEL stream 5-0",
        "XADD bare 9-9 f v",
        "XDEL bare 9-9",
        "XGROUP CREATE bare g $",
    ] {
        assert!(!client.ask(line).is_error(), "{line}");
    }
    client.cmd(&["SET", "empty", ""]);
    client.cmd(&["SET", "repeated", &"ab".repeat(5000)]);
    client.cmd(&["SET", "binary", &String::from_utf8((0..128).collect()).unwrap()]);
    client.cmd(&["RPUSH", "with-empty", "", "x"]);
    client.cmd(&["RPUSH", "plain", &"x".repeat(70_000), "y"]);
    for at in 0..700 {
        let text = format!("{at:0100}");
        client.cmd(&["RPUSH", "large-list", &text]);
        client.cmd(&["SADD", "large-set", &text]);
        client.cmd(&["SADD", "large-ints", &at.to_string()]);
        client.cmd(&["ZADD", "large-sorted", &(at * 7 % 700).to_string(), &text]);
        client.cmd(&["HSET", "large-hash", &at.to_string(), &text]);
        client.cmd(&["XADD", "large-stream", &format!("{}-1", at + 1), "f", &text]);
    }
}

fn keys(client: &mut Client) -> Vec<String> {
    let mut keys: Vec<_> = client.ask("KEYS *").as_slice().unwrap().iter().map(Value::text).collect();
    keys.sort();
    keys
}

fn digest(client: &mut Client, key: &str) -> Value {
    client.cmd(&["DEBUG", "DIGEST-VALUE", key])
}

/// What a stream is beside its entries, without times that the servers count each by its own clock.
fn stream_facts(client: &mut Client, key: &str) -> Vec<String> {
    let mut facts = vec![client.cmd(&["XINFO", "GROUPS", key]).to_string()];
    let streams = client.cmd(&["XINFO", "STREAM", key]).to_string();
    facts.push(streams.split("radix-tree").next().unwrap().to_owned());
    facts.push(
        client
            .cmd(&["XINFO", "STREAM", key])
            .to_string()
            .split("last-generated-id")
            .nth(1)
            .unwrap()
            .to_owned(),
    );
    for group in ["12", "unread", "g"] {
        let pending = client.cmd(&["XPENDING", key, group, "-", "+", "100"]);
        for entry in pending.as_slice().unwrap_or_default() {
            let entry = entry.as_slice().unwrap();
            facts.push(format!("{group}: {} {} {}", entry[0], entry[1], entry[3]));
        }
        let consumers = client.cmd(&["XINFO", "CONSUMERS", key, group]);
        for consumer in consumers.as_slice().unwrap_or_default() {
            let consumer = consumer.as_slice().unwrap();
            facts.push(format!("{group}: {} {}", consumer[1], consumer[3]));
        }
    }
    facts
}

fn oracles() -> Vec<(&'static str, Server)> {
    let mut oracles = vec![("redis-server", Server::builder(Kind::Redis).args(DEBUGGING).start())];
    if testkit::binary::valkey().is_some() {
        oracles.push(("Valkey", Server::builder(Kind::Valkey).args(DEBUGGING).start()));
    }
    oracles
}

/// Takes every key from one server to another, and compares what both have then.
fn carry_over(name: &str, from: &mut Client, to: &mut Client) {
    for key in keys(from) {
        let payload = from.cmd(&["DUMP", &key]);
        let payload = payload.as_bytes().unwrap();
        let reply = to.cmd(&[b"RESTORE", key.as_bytes(), b"0", payload, b"REPLACE"]);
        assert_eq!(reply, Value::ok(), "{name}, {key}: {}", payload.escape_ascii());
        assert_eq!(digest(to, &key), digest(from, &key), "{name}, {key}");
        let encodings = [&mut *from, &mut *to].map(|client| client.cmd(&["OBJECT", "ENCODING", &key]).text());
        // What is a listpack to 7.2 is something else to 7.0, and what was appended to is made anew.
        if name.contains("Valkey") && encodings[0] != "raw" {
            assert_eq!(encodings[0], encodings[1], "{name}, {key}");
        }
        if key == "stream" || key == "bare" {
            assert_eq!(stream_facts(from, &key), stream_facts(to, &key), "{name}, {key}");
        }
    }
    assert_eq!(keys(from), keys(to));
    assert_eq!(from.ask("DEBUG DIGEST"), to.ask("DEBUG DIGEST"), "{name}");
}

#[test]
fn values_go_to_other_servers_and_come_from_them_unchanged() {
    for (name, server) in oracles() {
        for compression in ["yes", "no"] {
            let ours = shoal(2).args(DEBUGGING).args(["--rdbcompression", compression]).start();
            let (ours, theirs) = (&mut ours.client(), &mut server.client());
            theirs.ask("FLUSHALL");
            theirs.cmd(&["CONFIG", "SET", "rdbcompression", compression]);
            fill(theirs);
            carry_over(&format!("from {name}"), theirs, ours);
            theirs.ask("FLUSHALL");
            let versions: &[&str] = if name == "Valkey" { &["auto", "11", "80"] } else { &["auto", "10"] };
            for version in versions {
                ours.cmd(&["CONFIG", "SET", "rdb-version", version]);
                carry_over(&format!("to {name} in version {version}"), ours, theirs);
                ours.ask("FLUSHALL");
                carry_over(&format!("back from {name}"), theirs, ours);
            }
        }
    }
}

#[test]
fn small_values_have_the_bytes_that_redis_gives_them() {
    let compression = ["--rdbcompression", "no"];
    let ours = shoal(1).args(compression).start();
    let theirs = Server::builder(Kind::Redis).args(compression).start();
    let (ours, theirs) = (&mut ours.client(), &mut theirs.client());
    fill(ours);
    fill(theirs);
    for key in keys(ours) {
        // What lies in tables has no order, streams have times in them, nodes of long lists end elsewhere,
        // and an element as large as a node is one here.
        let tables = ["strings", "large-set", "large-hash", "large-ints"];
        if !tables.iter().chain(&["large-list", "plain", "stream"]).any(|other| *other == key) {
            assert_eq!(ours.cmd(&["DUMP", &key]), theirs.cmd(&["DUMP", &key]), "{key}");
        }
    }
}

#[test]
fn times_of_fields_go_to_valkey_and_come_back() {
    if testkit::binary::valkey().is_none() {
        return println!("skipped: there is no Valkey");
    }
    let (ours, theirs) = (shoal(1).start(), Server::builder(Kind::Valkey).start());
    let (ours, theirs) = (&mut ours.client(), &mut theirs.client());
    for line in [
        "HSET h f v g 1 i w",
        "HPEXPIREAT h 33177117420000 FIELDS 1 f",
        "HPEXPIREAT h 33177117420001 FIELDS 1 g",
    ] {
        ours.ask(line);
    }
    let state = |client: &mut Client| {
        ["HPEXPIRETIME h FIELDS 3 f g i", "HMGET h f g i", "HLEN h"].map(|line| client.ask(line))
    };
    let before = state(ours);
    assert!(ours.ask("CONFIG SET rdb-version 11") == Value::ok() && ours.ask("DUMP h").is_error());
    for version in ["auto", "12", "80"] {
        ours.cmd(&["CONFIG", "SET", "rdb-version", version]);
        let payload = ours.ask("DUMP h");
        let payload = payload.as_bytes().unwrap();
        ours.cmd(&[&b"RESTORE"[..], b"h", b"0", payload, b"REPLACE"]);
        assert_eq!(state(ours), before, "{version}");
    }
    let payload = ours.ask("DUMP h");
    assert_eq!(theirs.cmd(&[&b"RESTORE"[..], b"h", b"0", payload.as_bytes().unwrap()]), Value::ok());
    assert_eq!(state(theirs), before);
    let payload = theirs.ask("DUMP h");
    ours.ask("DEL h");
    assert_eq!(ours.cmd(&[&b"RESTORE"[..], b"h", b"0", payload.as_bytes().unwrap()]), Value::ok());
    assert_eq!(state(ours), before);
}

/// Sends the same to both, the payload in the place of `PAYLOAD`, and compares the replies.
fn compare(ours: &mut Client, theirs: &mut Client, payload: &[u8], line: &str) {
    let args: Vec<&[u8]> = line
        .split(' ')
        .map(|word| match word {
            "PAYLOAD" => payload,
            "FLIPPED" => &payload[1..],
            word => word.as_bytes(),
        })
        .collect();
    assert_eq!(ours.cmd(&args), theirs.cmd(&args), "{line}");
}

#[test]
fn errors_come_in_the_order_of_redis() {
    let (ours, theirs) = (shoal(2).start(), Server::builder(Kind::Redis).start());
    let (ours, theirs) = (&mut ours.client(), &mut theirs.client());
    theirs.ask("SET from hello");
    let payload = theirs.ask("DUMP from").as_bytes().unwrap().to_vec();
    theirs.ask("FLUSHALL");
    for line in [
        "RESTORE",
        "RESTORE a",
        "RESTORE a 0",
        "DUMP",
        "DUMP a b",
        "DUMP a",
        "SET a 1",
        "RESTORE a 0 x foo",
        "RESTORE a x bad",
        "RESTORE b x bad",
        "RESTORE b -1 bad",
        "RESTORE b 0 bad",
        "RESTORE b 0 FLIPPED",
        "RESTORE b 0 PAYLOAD IDLETIME",
        "RESTORE b 0 PAYLOAD IDLETIME -1",
        "RESTORE b 0 PAYLOAD IDLETIME x",
        "RESTORE b 0 PAYLOAD FREQ",
        "RESTORE b 0 PAYLOAD FREQ 256",
        "RESTORE b 0 PAYLOAD FREQ -1",
        "RESTORE b 0 PAYLOAD FREQ x",
        "RESTORE b 0 PAYLOAD FREQ 1 IDLETIME 1",
        "RESTORE b 0 PAYLOAD IDLETIME 1 FREQ 1",
        "RESTORE b 0 PAYLOAD REPLACE FOO IDLETIME x",
        "EXISTS b",
        "RESTORE b 0 PAYLOAD IDLETIME 10 IDLETIME 20",
        "OBJECT IDLETIME b",
        "RESTORE c 0 PAYLOAD FREQ 3 freq 5",
        "RESTORE a 1 PAYLOAD ABSTTL",
        "RESTORE d 1 PAYLOAD ABSTTL",
        "EXISTS d",
        "RESTORE a 1 PAYLOAD REPLACE ABSTTL",
        "EXISTS a",
        "RESTORE a 9223372036854775807 PAYLOAD",
        "EXISTS a",
        "RESTORE a 9223372036854775807 PAYLOAD ABSTTL",
        "PEXPIRETIME a",
        "RESTORE a 99999999999999999999 PAYLOAD REPLACE",
        "RESTORE a 0 PAYLOAD replace absttl",
        "TTL a",
        "GET a",
        "RESTORE-ASKING e 0 PAYLOAD",
        "GET e",
        "DUMP e",
    ] {
        compare(ours, theirs, &payload, line);
    }
}

#[test]
fn restore_tells_the_events_that_redis_tells() {
    let payloads = {
        let server = Server::builder(Kind::Redis).start();
        let client = &mut server.client();
        client.ask("SET from hello");
        client.ask("DUMP from").as_bytes().unwrap().to_vec()
    };
    let told = |server: &Server| {
        let (client, listener) = (&mut server.client(), &mut server.client());
        client.ask("CONFIG SET notify-keyspace-events KEAnm");
        listener.ask("PSUBSCRIBE __keyevent@0__:*");
        for line in [
            "RESTORE a 0 PAYLOAD",
            "RESTORE a 0 PAYLOAD REPLACE",
            "RESTORE a 0 PAYLOAD",
            "RESTORE b 100000 PAYLOAD",
            "RESTORE c 1 PAYLOAD ABSTTL",
            "RESTORE b 1 PAYLOAD ABSTTL REPLACE",
            "DUMP a",
            "DUMP none",
            "SET last 1",
        ] {
            let args: Vec<&[u8]> = line
                .split(' ')
                .map(|word| if word == "PAYLOAD" { &payloads } else { word.as_bytes() })
                .collect();
            client.cmd(&args);
        }
        let mut events = Vec::new();
        while events.last().is_none_or(|event: &String| !event.ends_with("last")) {
            let message = listener.recv();
            let message = message.as_slice().unwrap();
            events.push(format!("{} {}", message[2].text(), message[3].text()));
        }
        events
    };
    let expected = told(&Server::builder(Kind::Redis).start());
    with_shards(&[1, 3], |shards| assert_eq!(told(&shoal(shards).start()), expected));
}

#[test]
fn a_restored_value_wakes_who_waits_for_it_and_breaks_watches() {
    with_shards(&[1, 3], |shards| {
        let server = shoal(shards).start();
        let client = &mut server.client();
        client.ask("RPUSH from a b");
        client.ask("XADD stream 5-5 f v");
        let [list, stream] =
            ["DUMP from", "DUMP stream"].map(|line| client.ask(line).as_bytes().unwrap().to_vec());
        let (pops, reads) = (&mut server.client(), &mut server.client());
        pops.send_raw(b"BLPOP k 0\r\n");
        reads.send_raw(b"XREAD BLOCK 0 STREAMS s 1-1\r\n");
        eventually("both wait", || client.ask("INFO clients").text().contains("blocked_clients:2"));
        client.cmd(&[&b"RESTORE"[..], b"k", b"0", &list]);
        client.cmd(&[&b"RESTORE"[..], b"s", b"0", &stream]);
        assert_eq!(pops.recv(), Value::array(["k", "a"].map(Value::bulk)));
        assert!(reads.recv().to_string().contains("5-5"));

        client.ask("WATCH w");
        server.client().cmd(&[&b"RESTORE"[..], b"w", b"0", &list]);
        client.ask("MULTI");
        client.ask("PING");
        assert!(client.ask("EXEC").is_null());
    });
}

#[test]
fn debug_object_shows_what_redis_shows() {
    let args = [&DEBUGGING[..], &["--rdbcompression", "no"]].concat();
    let (ours, theirs) = (shoal(2).args(&args).start(), Server::builder(Kind::Redis).args(&args).start());
    let (ours, theirs) = (&mut ours.client(), &mut theirs.client());
    fill(ours);
    fill(theirs);
    // Without the place in memory and the clock.
    let shown = |client: &mut Client, key: &str| {
        let text = client.cmd(&["DEBUG", "OBJECT", key]).text();
        let words = text.split(' ').skip(2).filter(|word| !word.starts_with("lru")).map(str::to_owned);
        assert!(
            text.starts_with("Value at:0x") && text.contains(" lru:") && text.contains(" lru_seconds_idle:"),
            "{text}"
        );
        words.collect::<Vec<_>>()
    };
    for key in keys(ours) {
        // Lists and sets of this length are packed since 7.2, nodes of long lists end elsewhere, and an
        // element as large as a node is one here.
        if !["list", "with-empty", "strings", "plain", "large-list"].contains(&&*key) {
            assert_eq!(shown(ours, &key), shown(theirs, &key), "{key}");
        }
    }
    let fast = ours.ask("DEBUG OBJECT large-list FAST").text();
    assert!(
        fast.contains(" ql_nodes:") && !fast.contains("serializedlength") && !fast.contains("uncompressed"),
        "{fast}"
    );
    for line in ["DEBUG OBJECT none", "DEBUG OBJECT", "DEBUG OBJECT a b c"] {
        assert_eq!(
            ours.ask(line).to_string().to_lowercase(),
            theirs.ask(line).to_string().to_lowercase(),
            "{line}"
        );
    }
}
