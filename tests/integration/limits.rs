//! The limits that protect the server from its clients: output buffers, query buffers and argument lengths.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use testkit::client::encode_into;
use testkit::{Server, Value};

use crate::scene::{
    PATIENCE, alone, client_count, dialogue, eventually, is_oracle, last_words, shoal, skip_if, start,
    with_shards,
};

/// Bytes of a value of which a few replies exceed any limit of these tests.
const VALUE_LEN: usize = 100_000;
/// GETs whose replies, 60 MB, cannot hide in the buffers of the sockets.
const GETS: usize = 600;

/// Starts with a limit for normal clients, and with four keys on different slots.
fn server_with_output_limit(shards: usize, limit: &str) -> Server {
    let server = shoal(shards).args(["--client-output-buffer-limit", limit]).start();
    let mut client = server.client();
    for index in 0..4 {
        assert_eq!(client.cmd(&["SET", &format!("key:{index}"), &"v".repeat(VALUE_LEN)]), Value::ok());
    }
    server
}

fn gets() -> Vec<u8> {
    let mut commands = Vec::new();
    for index in 0..GETS {
        encode_into(&mut commands, &["GET", &format!("key:{}", index % 4)]);
    }
    commands
}

/// How many bytes come from a connection before it ends, by close or by reset.
fn bytes_until_end(stream: &mut TcpStream) -> usize {
    let mut buffer = vec![0; 1 << 16];
    let mut count = 0;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return count,
            Ok(some) => count += some,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return count,
            Err(error) => panic!("the connection does not end: {error}"),
        }
    }
}

fn a_reader_that_stops_is_disconnected(limit: &str) {
    with_shards(&[1, 2], |shards| {
        let server = server_with_output_limit(shards, limit);
        let mut witness = server.client();
        let mut lazy = TcpStream::connect(server.addr()).unwrap();
        lazy.set_read_timeout(Some(PATIENCE)).unwrap();
        lazy.write_all(&gets()).unwrap();
        eventually("the reader is disconnected", || client_count(&mut witness) == 1);
        assert!(bytes_until_end(&mut lazy) < GETS * VALUE_LEN, "it got everything in spite of the limit");
        assert_eq!(witness.ask("STRLEN key:3"), Value::Int(VALUE_LEN as i64));
    });
}

#[test]
fn a_client_that_never_reads_is_disconnected_at_the_hard_limit() {
    a_reader_that_stops_is_disconnected("normal 1mb 0 0");
}

#[test]
fn a_client_that_never_reads_is_disconnected_after_the_soft_limits_time() {
    a_reader_that_stops_is_disconnected("normal 0 1mb 1");
}

#[test]
fn the_limit_does_not_touch_a_client_that_reads() {
    with_shards(&[1, 2], |shards| {
        let server = server_with_output_limit(shards, "normal 8mb 4mb 60");
        let mut client = server.client();
        for _ in 0..3 {
            for index in 0..GETS {
                let reply = client.cmd(&["GET", &format!("key:{}", index % 4)]);
                assert_eq!(reply.as_bytes().map(<[u8]>::len), Some(VALUE_LEN));
            }
        }
    });
}

#[test]
fn without_a_limit_a_client_that_does_not_read_holds_up_nobody_and_loses_nothing() {
    let _alone = alone();
    with_shards(&[1, 2], |shards| {
        let server = server_with_output_limit(shards, "normal 0 0 0");
        let mut lazy: Vec<_> = (0..3).map(|_| server.client()).collect();
        for client in &mut lazy {
            client.send_raw(gets());
        }
        // Others are served on every shard all the while.
        thread::scope(|scope| {
            for number in 0..8 {
                let mut other = server.client();
                scope.spawn(move || {
                    for index in 0..200 {
                        let key = format!("other:{number}:{index}");
                        assert_eq!(other.cmd(&["SET", &key, &key]), Value::ok());
                        assert_eq!(other.cmd(&["GET", &key]), Value::bulk(&key));
                    }
                });
            }
        });
        let expected = Value::bulk("v".repeat(VALUE_LEN));
        for client in &mut lazy {
            for index in 0..GETS {
                assert!(client.recv() == expected, "reply {index}");
            }
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
        }
    });
}

/// The most memory that a server ever had resident, in bytes (VmHWM).
fn peak_bytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn a_client_that_stops_reading_stops_being_read() {
    if skip_if(is_oracle(), "Redis executes on and keeps all replies in memory") {
        return;
    }
    // Replies of 400 MB in all, each too short to be shared with the value in the keyspace.
    const REPLIES: usize = 40_000;
    const BYTES_MAX: u64 = 128 << 20;
    let _alone = alone();
    with_shards(&[1, 2], |shards| {
        let server = server_with_output_limit(shards, "normal 0 0 0");
        let mut other = server.client();
        let value = "v".repeat(10_000);
        let mut commands = Vec::new();
        for index in 0..4 {
            assert_eq!(other.cmd(&["SET", &format!("short:{index}"), &value]), Value::ok());
        }
        for index in 0..REPLIES {
            encode_into(&mut commands, &["GET", &format!("short:{}", index % 4)]);
        }
        let before = peak_bytes(&server);
        let mut stream = TcpStream::connect(server.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut writer = stream.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || writer.write_all(&commands).unwrap());
            // Long enough for a server without a bound to execute everything that has arrived.
            for _ in 0..20_000 {
                assert_eq!(other.ask("PING"), Value::simple("PONG"));
            }
            let reply = format!("$10000\r\n{value}\r\n");
            let mut received = vec![0; reply.len()];
            for index in 0..REPLIES {
                stream.read_exact(&mut received).unwrap();
                assert!(received == reply.as_bytes(), "reply {index}");
            }
        });
        let growth = peak_bytes(&server) - before;
        assert!(growth < BYTES_MAX, "{growth} bytes of replies were held for one client");
    });
}

#[test]
fn the_output_limits_can_be_read_back() {
    let server = shoal(2).args(["--client-output-buffer-limit", "normal", "1mb", "512kb", "1"]).start();
    let expected = "1) \"client-output-buffer-limit\"\n2) \"normal 1048576 524288 1 slave 268435456 67108864 60 \
                    pubsub 33554432 8388608 60\"";
    dialogue(&mut server.client(), &[("CONFIG GET client-output-buffer-limit", expected)]);
}

/// Writes until the server refuses more or `count` pieces are written.
fn write_pieces(stream: &mut TcpStream, piece: &[u8], count: usize) {
    for _ in 0..count {
        if stream.write_all(piece).is_err() {
            return;
        }
    }
}

#[test]
fn a_command_over_the_query_buffer_limit_closes_the_connection() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--client-query-buffer-limit 1mb");
        let mut witness = server.client();
        for head in ["*2\r\n$4\r\nECHO\r\n$4000000\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000000\r\n"] {
            let mut stream = TcpStream::connect(server.addr()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            write_pieces(&mut stream, &[b'x'; 100_000], 30);
            assert_eq!(bytes_until_end(&mut stream), 0, "nothing is answered after {head:?}");
        }
        eventually("the connections are gone", || client_count(&mut witness) == 1);
        let log = server.log();
        assert!(log.contains("Closing client that reached max query buffer length"), "{log}");
    });
}

#[test]
fn the_query_buffer_limit_counts_one_argument_and_its_line_end() {
    const LIMIT: usize = 1 << 20;
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--client-query-buffer-limit 1mb");
        let set = |len: usize| {
            [
                &b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n"[..],
                format!("${len}\r\n").as_bytes(),
                &vec![b'x'; len],
                b"\r\n",
            ]
            .concat()
        };
        // Redis counts what comes in one packet with the end of an argument, so nothing else comes with it
        // here.
        for (len, is_served) in
            [(LIMIT - 3, true), (LIMIT - 2, true), (LIMIT - 1, false), (LIMIT, false), (LIMIT + 1, false)]
        {
            let mut stream = TcpStream::connect(server.addr()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let bytes = set(len);
            for piece in bytes.chunks(100_000) {
                // A server that has closed already takes no more.
                let _ = stream.write_all(piece);
            }
            if is_served {
                let mut reply = [0; 5];
                stream.read_exact(&mut reply).unwrap();
                assert_eq!(&reply, b"+OK\r\n", "a value {} bytes below the limit", LIMIT - len);
            } else {
                assert_eq!(bytes_until_end(&mut stream), 0, "a value of {len} bytes");
            }
        }
        // Arguments that are complete do not count, however many there are.
        for (count, len) in [(100_000, 20), (100, 30_000), (50, 33_000)] {
            let keys: Vec<String> = (0..count).map(|number| format!("{number:len$}")).collect();
            let words: Vec<&str> = std::iter::once("DEL").chain(keys.iter().map(String::as_str)).collect();
            assert_eq!(server.client().try_pipeline(&[words]).unwrap(), [Value::Int(0)], "{count} keys");
        }
    });
}

#[test]
fn a_pipeline_longer_than_the_query_buffer_limit_is_served() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--client-query-buffer-limit 1mb");
        let commands = "*1\r\n$4\r\nPING\r\n".repeat(200_000);
        let replies = server.client().try_exchange(commands.as_bytes(), 200_000).unwrap();
        assert!(replies.iter().all(|reply| *reply == Value::simple("PONG")));
    });
}

#[test]
fn an_argument_over_proto_max_bulk_len_is_a_protocol_error() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--proto-max-bulk-len 1mb");
        let mut client = server.client();
        client.send_raw("PING\r\n*2\r\n$4\r\nECHO\r\n$1048577\r\n");
        assert_eq!(last_words(&mut client), "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n");
        let mut client = server.client();
        let largest = "x".repeat(1 << 20);
        for key in ["key:1", "key:2", "key:3"] {
            assert_eq!(client.cmd(&["SET", key, &largest]), Value::ok());
            let too_long = "(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)";
            dialogue(
                &mut client,
                &[
                    (&format!("APPEND {key} x"), too_long),
                    (&format!("SETRANGE {key} 1048576 x"), too_long),
                    (&format!("SETRANGE {key} 1048575 y"), "(integer) 1048576"),
                    (
                        &format!("SETBIT {key} 8388608 1"),
                        "(error) ERR bit offset is not an integer or out of range",
                    ),
                    (&format!("SETBIT {key} 8388607 1"), "(integer) 1"),
                    (&format!("STRLEN {key}"), "(integer) 1048576"),
                ],
            );
        }
    });
}
