//! Clients that leave in the middle: half-closed, reset, or gone with a command half sent. Replies that were
//! asked for must still come, and nothing of the client may stay behind.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use socket2::SockRef;
use testkit::client::encode_into;
use testkit::{Server, Value};

use crate::scene::{client_count, descriptors, eventually, start, with_shards};

/// Keys enough to reach every shard many times.
const KEYS: usize = 5_000;

#[test]
fn a_half_closed_client_gets_all_replies_and_then_the_end() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let (mut commands, mut expected) = (Vec::new(), Vec::new());
        for index in 0..KEYS {
            let (key, value) = (format!("key:{index}"), format!("{index:06}"));
            encode_into(&mut commands, &["SET", &key, &value]);
            encode_into(&mut commands, &["GET", &key]);
            expected.extend_from_slice(format!("+OK\r\n$6\r\n{value}\r\n").as_bytes());
        }
        client.send_raw(&commands);
        client.shutdown_write();
        assert!(client.recv_until_closed() == expected, "replies are lost, swapped or changed");
    });
}

#[test]
fn a_client_half_closed_inside_a_command_gets_the_replies_before_it() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        client.send_raw("PING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n*2\r\n$3\r\nGET\r\n$10\r\nabc");
        client.shutdown_write();
        assert_eq!(client.recv_until_closed(), b"+PONG\r\n$2\r\nhi\r\n");
        let mut other = server.client();
        eventually("the connection is gone", || client_count(&mut other) == 1);
    });
}

/// Sends `bytes` and leaves with a reset, without reading anything.
fn send_and_reset(server: &Server, bytes: &[u8]) {
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    stream.write_all(bytes).unwrap();
}

#[test]
fn a_reset_inside_a_pipeline_leaves_nothing_behind() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut witness = server.client();
        eventually("only the witness is connected", || client_count(&mut witness) == 1);
        let before = descriptors(&server);
        let mut commands = Vec::new();
        for index in 0..500 {
            encode_into(&mut commands, &["SET", &format!("key:{index}"), "value"]);
            encode_into(&mut commands, &["GET", &format!("key:{}", index / 2)]);
        }
        commands.extend_from_slice(b"*3\r\n$3\r\nSET\r\n$100000\r\nhalf a key");
        for _ in 0..100 {
            send_and_reset(&server, &commands);
            assert_eq!(witness.ask("PING"), Value::simple("PONG"));
        }
        eventually("all reset connections are gone", || client_count(&mut witness) == 1);
        eventually("their descriptors are closed", || descriptors(&server) <= before);
        assert_eq!(witness.ask("EXISTS half"), Value::Int(0));
    });
}

#[test]
fn a_reset_while_big_replies_are_under_way_gives_their_memory_back() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut witness = server.client();
        let value = "v".repeat(1 << 20);
        for index in 0..4 {
            assert_eq!(witness.cmd(&["SET", &format!("big:{index}"), &value]), Value::ok());
        }
        let before = server.resident_bytes();
        let mut commands = Vec::new();
        for index in 0..40 {
            encode_into(&mut commands, &["GET", &format!("big:{}", index % 4)]);
        }
        for _ in 0..20 {
            send_and_reset(&server, &commands);
        }
        eventually("all reset connections are gone", || client_count(&mut witness) == 1);
        eventually("their replies are freed", || server.resident_bytes() < before + (48 << 20));
        assert_eq!(witness.cmd(&["GET", "big:3"]), Value::bulk(&value));
    });
}
