//! Publishing and subscribing: what subscribers get, what publishers are told, and what a subscriber may do,
//! in both protocols and with subscribers on every worker.

use testkit::{Client, Server, Value};

use crate::scene::{
    client_count, dialogue, eventually, is_redis_70, last_words, skip_if, start, with_shards,
};

pub(crate) const SHARDS: [usize; 3] = [1, 2, 3];
/// So many connections are on every worker, as good as certainly.
pub(crate) const CROWD: usize = 16;

/// A push of these texts; a text that starts with `:` is an integer.
pub(crate) fn push(resp3: bool, parts: &[&str]) -> Value {
    let part = |part: &&str| match part.strip_prefix(':') {
        Some(number) => Value::Int(number.parse().unwrap()),
        None => Value::bulk(part),
    };
    let parts = parts.iter().map(part).collect();
    if resp3 { Value::Push(parts) } else { Value::Array(parts) }
}

/// Every second one speaks RESP3.
pub(crate) fn crowd(server: &Server) -> Vec<(bool, Client)> {
    let connect = |index| match index % 2 {
        0 => (false, server.client()),
        _ => (true, server.client_resp3()),
    };
    (0..CROWD).map(connect).collect()
}

#[track_caller]
pub(crate) fn get(resp3: bool, client: &mut Client, parts: &[&str]) {
    assert_eq!(client.recv(), push(resp3, parts));
}

#[test]
fn each_name_is_acknowledged_with_the_number_of_subscriptions() {
    let lines: &[(&str, &[&[&str]])] = &[
        (
            "SUBSCRIBE a b a",
            &[&["subscribe", "a", ":1"], &["subscribe", "b", ":2"], &["subscribe", "a", ":2"]],
        ),
        ("PSUBSCRIBE p* q*", &[&["psubscribe", "p*", ":3"], &["psubscribe", "q*", ":4"]]),
        ("SSUBSCRIBE a s", &[&["ssubscribe", "a", ":1"], &["ssubscribe", "s", ":2"]]),
        ("UNSUBSCRIBE b x", &[&["unsubscribe", "b", ":3"], &["unsubscribe", "x", ":3"]]),
        ("UNSUBSCRIBE", &[&["unsubscribe", "a", ":2"]]),
        ("PUNSUBSCRIBE p*", &[&["punsubscribe", "p*", ":1"]]),
        ("PUNSUBSCRIBE", &[&["punsubscribe", "q*", ":0"]]),
        ("SUNSUBSCRIBE s", &[&["sunsubscribe", "s", ":1"]]),
        ("SUNSUBSCRIBE", &[&["sunsubscribe", "a", ":0"]]),
    ];
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        for resp3 in [false, true] {
            let mut client = if resp3 { server.client_resp3() } else { server.client() };
            for (line, acknowledgements) in lines {
                client.send_raw(format!("{line}\r\n"));
                acknowledgements.iter().for_each(|parts| get(resp3, &mut client, parts));
            }
            let null = if resp3 { Value::Null } else { Value::NullBulk };
            for kind in ["unsubscribe", "punsubscribe", "sunsubscribe"] {
                let parts = vec![Value::bulk(kind), null.clone(), Value::Int(0)];
                let expected = if resp3 { Value::Push(parts) } else { Value::Array(parts) };
                assert_eq!(client.ask(kind), expected);
            }
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
        }
    });
}

#[test]
fn a_message_reaches_the_subscribers_on_all_workers_and_the_publisher_learns_how_many() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut subscribers = crowd(&server);
        for (resp3, client) in &mut subscribers {
            assert_eq!(client.ask("SUBSCRIBE news"), push(*resp3, &["subscribe", "news", ":1"]));
        }
        for (_, mut publisher) in crowd(&server) {
            assert_eq!(publisher.ask("PUBLISH news hello"), Value::Int(CROWD as i64));
            assert_eq!(publisher.ask("PUBLISH olds hello"), Value::Int(0));
        }
        for (resp3, client) in &mut subscribers {
            for _ in 0..CROWD {
                get(*resp3, client, &["message", "news", "hello"]);
            }
            assert_eq!(client.ask("UNSUBSCRIBE"), push(*resp3, &["unsubscribe", "news", ":0"]));
        }
        assert_eq!(server.client().ask("PUBLISH news hello"), Value::Int(0));
    });
}

#[test]
fn who_subscribes_to_a_channel_and_to_patterns_gets_the_message_for_each() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        for (resp3, mut client) in crowd(&server) {
            client.ask("SUBSCRIBE news");
            client.ask("PSUBSCRIBE n?ws");
            client.ask("PSUBSCRIBE [a-m]*");
            assert_eq!(server.client().ask("PUBLISH news 1"), Value::Int(2));
            get(resp3, &mut client, &["message", "news", "1"]);
            get(resp3, &mut client, &["pmessage", "n?ws", "news", "1"]);
            assert_eq!(server.client().ask("PUBLISH all 2"), Value::Int(1));
            get(resp3, &mut client, &["pmessage", "[a-m]*", "all", "2"]);
            drop(client);
            eventually("it is forgotten", || server.client().ask("PUBSUB NUMPAT") == Value::Int(0));
        }
    });
}

#[test]
fn shard_channels_are_apart_from_channels_and_patterns() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut publisher = server.client();
        for (resp3, mut client) in crowd(&server) {
            client.ask("SSUBSCRIBE c");
            assert_eq!(publisher.ask("PUBLISH c channel"), Value::Int(0));
            assert_eq!(publisher.ask("SPUBLISH c shard"), Value::Int(1));
            get(resp3, &mut client, &["smessage", "c", "shard"]);
            client.ask("PSUBSCRIBE *");
            assert_eq!(publisher.ask("SPUBLISH c again"), Value::Int(1));
            get(resp3, &mut client, &["smessage", "c", "again"]);
            drop(client);
            let empty = "(empty array)";
            eventually("it is forgotten", || publisher.ask("PUBSUB SHARDCHANNELS").to_string() == empty);
        }
    });
}

#[test]
fn a_subscriber_in_resp2_may_do_little_and_in_resp3_everything() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        client.ask("SUBSCRIBE a");
        let refused = |name: &str| {
            format!(
                "(error) ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
            )
        };
        for (line, name) in
            [("GET a", "get"), ("CLIENT ID", "client|id"), ("MULTI", "multi"), ("PUBLISH a 1", "publish")]
        {
            dialogue(&mut client, &[(line, &refused(name))]);
        }
        assert_eq!(client.ask("PING"), push(false, &["pong", ""]));
        assert_eq!(client.ask("PING hello"), push(false, &["pong", "hello"]));
        client.ask("UNSUBSCRIBE");
        assert_eq!(client.ask("PING"), Value::simple("PONG"));
        client.ask("SSUBSCRIBE a");
        dialogue(&mut client, &[("SET a 1", &refused("set"))]);
        assert_eq!(client.ask("RESET"), Value::simple("RESET"));
        assert_eq!(client.ask("GET a"), Value::NullBulk);
        client.ask("SUBSCRIBE a");
        client.send_raw("QUIT\r\n");
        assert_eq!(last_words(&mut client), "+OK\r\n");
        let mut client = server.client_resp3();
        client.ask("SUBSCRIBE a");
        assert_eq!(client.ask("GET a"), Value::Null);
        assert_eq!(client.ask("PING"), Value::simple("PONG"));
        client.hello(2);
        dialogue(&mut client, &[("GET a", &refused("get")), ("HELLO 3", &refused("hello"))]);
    });
}

#[test]
fn a_subscription_ends_with_reset_and_with_the_connection() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut asker = server.client();
        let is_counted = |asker: &mut Client, count: i64| {
            let counted = asker.ask("PUBSUB NUMSUB a").as_slice().unwrap()[1] == Value::Int(count);
            counted && asker.ask("PUBSUB NUMPAT") == Value::Int(count.min(1))
        };
        for (_, mut client) in crowd(&server) {
            client.ask("SUBSCRIBE a");
            client.ask("PSUBSCRIBE a*");
            client.ask("SSUBSCRIBE a");
            assert!(is_counted(&mut asker, 1));
            assert_eq!(client.ask("RESET"), Value::simple("RESET"));
            assert!(is_counted(&mut asker, 0));
            assert_eq!(asker.ask("SPUBLISH a 1"), Value::Int(0));
        }
        let mut clients = crowd(&server);
        clients.iter_mut().for_each(|(_, client)| {
            client.ask("SUBSCRIBE a");
            client.ask("PSUBSCRIBE a*");
        });
        assert!(is_counted(&mut asker, CROWD as i64));
        clients.truncate(CROWD / 2);
        eventually("half of them are gone", || is_counted(&mut asker, CROWD as i64 / 2));
        assert_eq!(asker.ask("CLIENT KILL TYPE pubsub"), Value::Int(CROWD as i64 / 2));
        assert_eq!(asker.ask("PUBLISH a 1"), Value::Int(0));
        eventually("nobody is left", || client_count(&mut asker) == 1);
        assert!(is_counted(&mut asker, 0));
    });
}

#[test]
fn a_client_gets_its_own_message_behind_the_reply() {
    if skip_if(is_redis_70(), "Redis 7.0 sends it before the reply") {
        return;
    }
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        // Other workers have subscribers as well, or not.
        let mut others = crowd(&server);
        for with_others in [false, true] {
            if with_others {
                others.iter_mut().for_each(|(_, client)| _ = client.ask("SUBSCRIBE others"));
            }
            for name in ["a", "b", "c", "d", "e"] {
                let mut client = server.client_resp3();
                client.ask(&format!("SUBSCRIBE {name}"));
                client.send_raw(format!("PUBLISH {name} 1\r\nECHO x\r\nPUBLISH {name} 2\r\n"));
                assert_eq!(client.recv(), Value::Int(1));
                let mut rest: Vec<Value> = (0..4).map(|_| client.recv()).collect();
                // Where the message goes over other workers, ECHO need not wait for it.
                let of_replies = |value: &Value| !matches!(value, Value::Push(_));
                let (replies, messages): (Vec<_>, Vec<_>) = rest.drain(..).partition(of_replies);
                assert_eq!(replies, [Value::bulk("x"), Value::Int(1)]);
                let message = |text| push(true, &["message", name, text]);
                assert_eq!(messages, [message("1"), message("2")]);
            }
        }
    });
}

#[test]
fn a_transaction_publishes_and_subscribes() {
    if skip_if(is_redis_70(), "Redis 7.0 sends own messages inside the reply of EXEC") {
        return;
    }
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut witness = server.client();
        witness.ask("SUBSCRIBE a");
        for (resp3, mut client) in crowd(&server) {
            client.ask("MULTI");
            for line in ["SET k 1", "SUBSCRIBE a b", "PUBLISH a x", "GET k", "UNSUBSCRIBE b", "PUBLISH a y"] {
                assert_eq!(client.ask(line), Value::simple("QUEUED"));
            }
            client.send_raw("EXEC\r\nPING\r\n");
            // The header, a reply, and then two acknowledgements where one reply was announced: as in Redis.
            let header = String::from_utf8(client.try_recv_raw(4).unwrap()).unwrap();
            assert_eq!(header, "*6\r\n");
            assert_eq!(client.recv(), Value::ok());
            get(resp3, &mut client, &["subscribe", "a", ":1"]);
            get(resp3, &mut client, &["subscribe", "b", ":2"]);
            assert_eq!(client.recv(), Value::Int(2));
            assert_eq!(client.recv(), Value::bulk("1"));
            get(resp3, &mut client, &["unsubscribe", "b", ":1"]);
            assert_eq!(client.recv(), Value::Int(2));
            get(resp3, &mut client, &["message", "a", "x"]);
            get(resp3, &mut client, &["message", "a", "y"]);
            let pong = if resp3 { Value::simple("PONG") } else { push(false, &["pong", ""]) };
            assert_eq!(client.recv(), pong);
            get(false, &mut witness, &["message", "a", "x"]);
            get(false, &mut witness, &["message", "a", "y"]);
            client.ask("RESET");
        }
    });
}

#[test]
fn a_message_is_not_for_who_subscribes_behind_it() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut others = crowd(&server);
        others.iter_mut().for_each(|(_, client)| _ = client.ask("PSUBSCRIBE *"));
        for name in ["a", "b", "c", "d", "e", "f"] {
            let mut client = server.client_resp3();
            client.send_raw(format!("PUBLISH {name} early\r\nSUBSCRIBE {name}\r\nPUBLISH {name} late\r\n"));
            assert_eq!(client.recv(), Value::Int(CROWD as i64));
            get(true, &mut client, &["subscribe", name, ":1"]);
            let rest = [client.recv(), client.recv()];
            assert!(rest.contains(&Value::Int(CROWD as i64 + 1)), "{rest:?}");
            assert!(rest.contains(&push(true, &["message", name, "late"])), "{rest:?}");
        }
    });
}

#[test]
fn who_gets_a_message_finds_what_was_written_before_it() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut subscriber = server.client_resp3();
        subscriber.ask("SUBSCRIBE ready");
        let mut publisher = server.client();
        for round in 0..200 {
            publisher.send_raw(format!("SET key:{round} {round}\r\nPUBLISH ready {round}\r\n"));
            get(true, &mut subscriber, &["message", "ready", &round.to_string()]);
            assert_eq!(subscriber.ask(&format!("GET key:{round}")), Value::bulk(round.to_string()));
            assert_eq!((publisher.recv(), publisher.recv()), (Value::ok(), Value::Int(1)));
        }
    });
}

#[test]
fn pubsub_tells_of_all_workers_and_of_each_name_once() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut asker = server.client();
        let mut clients = crowd(&server);
        for (index, (_, client)) in clients.iter_mut().enumerate() {
            client.ask("SUBSCRIBE all");
            client.ask(&format!("SUBSCRIBE part:{}", index % 2));
            client.ask("PSUBSCRIBE p*");
            client.ask(&format!("PSUBSCRIBE q{}", index % 2));
            client.ask("SSUBSCRIBE all");
        }
        let names = |asker: &mut Client, line: &str| {
            let reply = asker.ask(line);
            let mut names: Vec<String> = reply.as_slice().unwrap().iter().map(Value::text).collect();
            names.sort_unstable();
            names.join(" ")
        };
        assert_eq!(names(&mut asker, "PUBSUB CHANNELS"), "all part:0 part:1");
        assert_eq!(names(&mut asker, "PUBSUB CHANNELS *1"), "part:1");
        assert_eq!(names(&mut asker, "PUBSUB SHARDCHANNELS"), "all");
        assert_eq!(names(&mut asker, "PUBSUB SHARDCHANNELS p*"), "");
        let numbers = "1) \"all\"\n2) (integer) 16\n3) \"part:1\"\n4) (integer) 8\n5) \"p*\"\n6) (integer) 0";
        dialogue(
            &mut asker,
            &[
                ("PUBSUB NUMPAT", "(integer) 3"),
                ("PUBSUB NUMSUB all part:1 p*", numbers),
                ("PUBSUB NUMSUB", "(empty array)"),
                (
                    "PUBSUB SHARDNUMSUB all part:1",
                    "1) \"all\"\n2) (integer) 16\n3) \"part:1\"\n4) (integer) 0",
                ),
                ("PUBSUB NOSUCH", "(error) ERR unknown subcommand 'NOSUCH'. Try PUBSUB HELP."),
                (
                    "PUBSUB CHANNELS a b",
                    "(error) ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.",
                ),
            ],
        );
        let info = asker.ask("INFO stats").text();
        for field in ["pubsub_channels:3", "pubsub_patterns:3", "pubsubshard_channels:1"] {
            assert!(info.lines().any(|line| line == field), "{field} is not in {info}");
        }
    });
}

#[test]
fn what_a_client_publishes_to_itself_comes_before_its_reset_and_its_end() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        for (end, expected) in [("RESET", "+RESET\r\n"), ("QUIT", "+OK\r\n")] {
            for channel in 0..16 {
                let mut client = server.client_resp3();
                client.ask(&format!("SUBSCRIBE c{channel}"));
                client.send_raw(format!("PUBLISH c{channel} m\r\n{end}\r\nQUIT\r\n"));
                let came = last_words(&mut client);
                let at = came.find("message").unwrap_or_else(|| panic!("no message before {end}: {came}"));
                assert!(came[at..].contains(expected), "{end}: {came}");
            }
        }
    });
}

#[test]
fn names_are_counted_as_soon_as_their_first_subscription_is_acknowledged_and_their_last_one_has_ended() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut clients: Vec<Client> = (0..12).map(|_| server.client_resp3()).collect();
        let mut asked = 0;
        // Another client, of whatever worker, is asked after each step.
        let mut count = |clients: &mut [Client]| {
            asked = (asked + 5) % clients.len();
            let info = clients[asked].ask("INFO stats").text();
            let field =
                |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.parse::<i64>().ok());
            let names = ["pubsub_channels:", "pubsub_patterns:", "pubsubshard_channels:"];
            let numbers = names.map(|name| field(name).unwrap());
            assert_eq!(clients[asked].ask("PUBSUB NUMPAT"), Value::Int(numbers[1]));
            numbers
        };
        for round in 0..3 {
            for index in 0..clients.len() {
                clients[index].ask(&format!("SUBSCRIBE all own:{index}"));
                for line in ["PSUBSCRIBE all", "SSUBSCRIBE all"] {
                    clients[index].ask(line);
                }
                clients[index].recv();
                assert_eq!(count(&mut clients), [index as i64 + 2, 1, 1], "round {round}");
            }
            let last = clients.len() - 1;
            for index in 0..=last {
                match round {
                    0 => {
                        clients[index].ask("UNSUBSCRIBE");
                        clients[index].recv();
                        clients[index].ask("PUNSUBSCRIBE all");
                        clients[index].ask("SUNSUBSCRIBE");
                    }
                    1 => _ = clients[index].ask("RESET"),
                    _ => {
                        let id = clients[index].ask("CLIENT ID");
                        let reply = clients[(index + 1) % (last + 1)]
                            .ask(&format!("CLIENT KILL ID {}", id.as_int().unwrap()));
                        assert_eq!(reply, Value::Int(1));
                        clients[index] = server.client_resp3();
                    }
                }
                let is_any = i64::from(index < last);
                assert_eq!(
                    count(&mut clients),
                    [(last - index) as i64 + is_any, is_any, is_any],
                    "round {round}"
                );
                clients[index].hello(3);
            }
        }
    });
}

#[test]
fn client_list_shows_subscriptions() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut asker = server.client();
        let mut clients = crowd(&server);
        for (_, client) in &mut clients {
            for line in ["SUBSCRIBE a", "PSUBSCRIBE a", "PSUBSCRIBE b", "SSUBSCRIBE a", "SSUBSCRIBE b"] {
                client.ask(line);
            }
            client.ask("SSUBSCRIBE c");
        }
        let list = asker.ask("CLIENT LIST TYPE pubsub").text();
        assert_eq!(list.lines().count(), CROWD);
        for line in list.lines() {
            assert!(line.contains(" flags=P db=0 sub=1 psub=2 ssub=3 "), "{line}");
        }
        assert_eq!(asker.ask("CLIENT LIST TYPE normal").text().lines().count(), 1);
        assert!(asker.ask("CLIENT INFO").text().contains(" flags=N db=0 sub=0 psub=0 ssub=0 "));
    });
}

#[test]
fn client_reply_off_holds_back_no_messages() {
    with_shards(&SHARDS, |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        client.send_raw("CLIENT REPLY OFF\r\nSUBSCRIBE a\r\nPING\r\n");
        get(false, &mut client, &["subscribe", "a", ":1"]);
        assert_eq!(server.client().ask("PUBLISH a hi"), Value::Int(1));
        get(false, &mut client, &["message", "a", "hi"]);
        client.send_raw("PING\r\nUNSUBSCRIBE\r\n");
        get(false, &mut client, &["unsubscribe", "a", ":0"]);
    });
}

#[test]
fn a_subscriber_that_does_not_read_is_disconnected_and_nobody_else() {
    with_shards(&SHARDS, |shards| {
        let limit = "pubsub 8388608 0 0";
        let server = crate::scene::shoal(shards).args(["--client-output-buffer-limit", limit]).start();
        let mut deaf: Vec<Client> = (0..4).map(|_| server.client()).collect();
        deaf.iter_mut().for_each(|client| _ = client.ask("SUBSCRIBE a"));
        let mut reader = server.client();
        reader.ask("SUBSCRIBE a");
        let payload = vec![b'x'; 1 << 20];
        let mut publisher = server.client();
        // The kernel takes in some megabytes for each.
        let mut rounds = 0;
        loop {
            rounds += 1;
            let receivers = publisher.cmd(&[&b"PUBLISH"[..], b"a", &payload]).as_int().unwrap();
            assert_eq!(reader.recv().as_slice().unwrap()[2], Value::bulk(&payload));
            if receivers == 1 {
                break;
            }
            assert!(rounds < 200, "{receivers} receivers");
        }
        for client in &mut deaf {
            client.recv_until_closed();
        }
    });
}
