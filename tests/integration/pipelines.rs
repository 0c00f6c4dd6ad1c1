//! Commands that arrive in odd portions: byte by byte, a hundred thousand at once, or from many connections
//! at once for keys of all shards. Every reply must be the right one, in its place.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;

use testkit::client::{encode, encode_into};
use testkit::{Client, Server, Value};

use crate::scene::{alone, eventually, start, with_shards};

fn send_byte_by_byte(client: &mut Client, bytes: &[u8]) {
    // The client has TCP_NODELAY, so each write leaves as a packet of its own.
    for byte in bytes {
        client.send_raw([*byte]);
    }
}

#[test]
fn one_byte_per_packet_makes_whole_commands() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        for index in 0..20 {
            let (key, value) = (format!("key:{index}"), format!("value\r\n{index}"));
            send_byte_by_byte(&mut client, &encode(&["SET", &key, &value]));
            assert_eq!(client.recv(), Value::ok());
            send_byte_by_byte(&mut client, &encode(&["MGET", &key, "none"]));
            assert_eq!(client.recv(), Value::array([Value::bulk(&value), Value::NullBulk]));
        }
        send_byte_by_byte(&mut client, b"ECHO \"a b\"\r\n\r\nPING\n*1\r\n$4\r\nPING\r\n");
        assert_eq!(client.recv(), Value::bulk("a b"));
        assert_eq!(client.recv(), Value::simple("PONG"));
        assert_eq!(client.recv(), Value::simple("PONG"));
    });
}

#[test]
fn commands_split_at_every_place_are_read_alike() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let mut witnesses: Vec<Client> = (0..4).map(|_| server.client()).collect();
        let mut commands = encode(&["SET", "key", "a\r\nb"]);
        commands.extend_from_slice(b"GET key\r\n");
        commands.extend(encode(&["STRLEN", "key"]));
        for cut in 1..commands.len() {
            client.send_raw(&commands[..cut]);
            // A reply to a later request on the same worker tells that the first part has been read alone.
            for witness in &mut witnesses {
                assert_eq!(witness.ask("PING"), Value::simple("PONG"));
            }
            client.send_raw(&commands[cut..]);
            let replies = [client.recv(), client.recv(), client.recv()];
            assert_eq!(replies, [Value::ok(), Value::bulk("a\r\nb"), Value::Int(4)], "cut at {cut}");
        }
    });
}

#[test]
fn a_hundred_thousand_commands_are_written_before_a_reply_is_read() {
    let _alone = alone();
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let commands: Vec<[String; 2]> =
            (0..100_000).map(|index| ["INCR".to_owned(), format!("counter:{}", index % 997)]).collect();
        let mut bytes = Vec::new();
        for command in &commands {
            encode_into(&mut bytes, command);
        }
        // 3.6 MB of commands, 0.5 MB of replies: the server must go on reading although nobody reads its
        // replies.
        client.send_raw(&bytes);
        for index in 0..100_000 {
            assert_eq!(client.recv(), Value::Int(index / 997 + 1), "reply {index}");
        }
        assert_eq!(client.ask("PING"), Value::simple("PONG"));
    });
}

/// Replies of twice as many bytes as are kept for one client, and behind them more requests than the kernel's
/// buffers take: the server must take them in although it executes nothing more for this client.
#[test]
fn a_pipeline_with_more_replies_than_are_kept_is_written_before_a_reply_is_read() {
    const READS: usize = 1_600;
    const PINGS: usize = 200_000;
    let _alone = alone();
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let value = "v".repeat(20_000);
        assert_eq!(client.cmd(&["SET", "k", &value]), Value::ok());
        let mut bytes = Vec::new();
        (0..READS).for_each(|_| encode_into(&mut bytes, &["GET", "k"]));
        (0..PINGS).for_each(|_| encode_into(&mut bytes, &["PING", &value[..40]]));
        client.send_raw(&bytes);
        for index in 0..READS {
            assert_eq!(client.recv(), Value::bulk(&value), "reply {index}");
        }
        for index in 0..PINGS {
            assert_eq!(client.recv(), Value::bulk(&value[..40]), "reply {index}");
        }
    });
}

#[test]
fn a_pipeline_with_errors_and_inline_commands_is_answered_in_order() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for index in 0..2_000 {
            let key = format!("key:{index}");
            encode_into(&mut bytes, &["SET", &key, &key]);
            expected.push(Value::ok());
            encode_into(&mut bytes, &["INCR", &key]);
            expected.push(Value::error("ERR value is not an integer or out of range"));
            bytes.extend_from_slice(format!("ECHO {index}\r\n").as_bytes());
            expected.push(Value::bulk(index.to_string()));
            encode_into(&mut bytes, &["GET"]);
            expected.push(Value::error("ERR wrong number of arguments for 'get' command"));
            encode_into(&mut bytes, &["MGET", &key, &format!("key:{}", index / 2)]);
            expected.push(Value::array([Value::bulk(&key), Value::bulk(format!("key:{}", index / 2))]));
        }
        let replies = client.try_exchange(&bytes, expected.len()).unwrap();
        for (index, (reply, expected)) in replies.iter().zip(&expected).enumerate() {
            assert_eq!(reply, expected, "reply {index}");
        }
    });
}

/// One connection of a burst: its own keys, all slots, every reply known beforehand.
fn burst_of_one_connection(server: &Server, number: usize) {
    const COMMANDS: usize = 6_000;
    let mut client = server.client();
    let (mut bytes, mut expected) = (Vec::new(), Vec::new());
    for index in 0..COMMANDS {
        let key = format!("burst:{number}:{}", index % 500);
        match index / 500 % 3 {
            0 => {
                encode_into(&mut bytes, &["SET", &key, &format!("{number}:{index}")]);
                expected.push(Value::ok());
            }
            1 => {
                encode_into(&mut bytes, &["GET", &key]);
                expected.push(Value::bulk(format!("{number}:{}", index - 500)));
            }
            _ => {
                let mut value = format!("{number}:{}", index - 1_000);
                value.push_str("+++");
                encode_into(&mut bytes, &["APPEND", &key, "+++"]);
                expected.push(Value::Int(value.len() as i64));
            }
        }
    }
    let replies = client.try_exchange(&bytes, COMMANDS).unwrap();
    for (index, (reply, expected)) in replies.iter().zip(&expected).enumerate() {
        assert_eq!(reply, expected, "connection {number}, reply {index}");
    }
}

#[test]
fn a_burst_that_fills_the_inboxes_loses_and_swaps_nothing() {
    let _alone = alone();
    with_shards(&[1, 2, 3], |shards| {
        let server = start(shards, "");
        thread::scope(|scope| {
            for number in 0..24 {
                let server = &server;
                scope.spawn(move || burst_of_one_connection(server, number));
            }
        });
        assert_eq!(server.client().ask("DBSIZE"), Value::Int(24 * 500));
    });
}

#[test]
fn big_and_small_replies_of_many_connections_keep_their_order() {
    let _alone = alone();
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let big: Vec<String> = (0..8).map(|digit: usize| digit.to_string().repeat(200_000)).collect();
        for (index, value) in big.iter().enumerate() {
            assert_eq!(server.client().cmd(&["SET", &format!("big:{index}"), value]), Value::ok());
        }
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let commands: Vec<Vec<String>> = (0..100)
                        .map(|index| match index % 2 {
                            0 => vec!["GET".into(), format!("big:{}", index % 8)],
                            _ => vec!["ECHO".into(), index.to_string()],
                        })
                        .collect();
                    for (index, reply) in server.client().pipeline(&commands).iter().enumerate() {
                        let echo = index.to_string();
                        let expected = if index % 2 == 0 { &big[index % 8] } else { &echo };
                        assert!(reply.as_bytes() == Some(expected.as_bytes()), "reply {index}");
                    }
                });
            }
        });
    });
}

#[test]
fn a_client_without_replies_goes_on_behind_a_jam_of_its_own_making() {
    // Its commands make so many messages for another worker that nothing more is executed for a while. No
    // reply is sent to it by whose end the worker would come back to it.
    let server = start(2, "--notify-keyspace-events KEA");
    thread::scope(|scope| {
        let subscribers: Vec<TcpStream> = (0..16)
            .map(|_| {
                let mut stream = TcpStream::connect(server.addr()).unwrap();
                stream.write_all(b"PSUBSCRIBE __key*\r\n").unwrap();
                let reading = stream.try_clone().unwrap();
                scope.spawn(move || std::io::copy(&mut &reading, &mut std::io::sink()));
                stream
            })
            .collect();
        eventually("all have subscribed", || {
            server.client().ask("CLIENT LIST TYPE pubsub").text().lines().count() == 16
        });
        for round in 0..6 {
            let mut client = server.client();
            client.send_raw("CLIENT REPLY OFF\r\n");
            client.send_raw(format!("SET t{round} v\r\n").repeat(100_000));
            client.send_raw("CLIENT REPLY ON\r\n");
            assert_eq!(client.recv(), Value::simple("OK"));
            assert_eq!(client.ask("ECHO done"), Value::bulk("done"));
        }
        for stream in subscribers {
            // The server has closed those that have not kept up.
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
}
