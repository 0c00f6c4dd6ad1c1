//! Values of tens and hundreds of megabytes, in both directions, on one shard and across shards.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use testkit::{Server, Value};

use crate::scene::{PATIENCE, alone, dialogue, eventually, start, with_shards};

const MB: usize = 1 << 20;
/// The largest value that Redis takes by default (proto-max-bulk-len).
const VALUE_LEN_MAX: usize = 512 * MB;

/// Megabyte `index` of the test value: no two are alike, so a swap or a shift shows.
fn megabyte(index: usize, into: &mut [u8]) {
    for (word, place) in into.chunks_exact_mut(8).enumerate() {
        place.copy_from_slice(&((index as u64) << 32 | word as u64).to_le_bytes());
    }
}

/// SET without ever holding the value: the test itself must not need much memory.
fn set_in_pieces(server: &Server, key: &str, len: usize) {
    let mut stream = BufReader::new(TcpStream::connect(server.addr()).unwrap());
    stream.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${len}\r\n", key.len());
    stream.get_mut().write_all(head.as_bytes()).unwrap();
    let mut piece = vec![0; MB];
    for index in 0..len / MB {
        megabyte(index, &mut piece);
        stream.get_mut().write_all(&piece).unwrap();
    }
    stream.get_mut().write_all(b"\r\n").unwrap();
    let mut reply = String::new();
    stream.read_line(&mut reply).unwrap();
    assert_eq!(reply, "+OK\r\n");
    read_in_pieces(&mut stream, key, len);
}

/// GET on an open connection, compared piece by piece.
fn read_in_pieces(stream: &mut BufReader<TcpStream>, key: &str, len: usize) {
    stream.get_mut().write_all(format!("GET {key}\r\nPING\r\n").as_bytes()).unwrap();
    let mut head = String::new();
    stream.read_line(&mut head).unwrap();
    assert_eq!(head, format!("${len}\r\n"));
    let (mut piece, mut expected) = (vec![0; MB], vec![0; MB]);
    for index in 0..len / MB {
        stream.read_exact(&mut piece).unwrap();
        megabyte(index, &mut expected);
        assert!(piece == expected, "megabyte {index} is not what was set");
    }
    let mut tail = [0; 9];
    stream.read_exact(&mut tail).unwrap();
    assert_eq!(&tail, b"\r\n+PONG\r\n");
}

#[test]
fn a_value_of_512_mb_goes_in_and_out_and_its_memory_comes_back() {
    let _alone = alone();
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        assert_eq!(client.ask("SET small 1"), Value::ok());
        let before = server.resident_bytes();
        // With two shards, one of the keys is likely to be remote to its connection; both must work alike.
        for key in ["huge:1", "huge:5"] {
            set_in_pieces(&server, key, VALUE_LEN_MAX);
            let mut stream = BufReader::new(TcpStream::connect(server.addr()).unwrap());
            stream.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
            read_in_pieces(&mut stream, key, VALUE_LEN_MAX);
            assert_eq!(client.cmd(&["STRLEN", key]), Value::Int(VALUE_LEN_MAX as i64));
            assert_eq!(client.cmd(&["DEL", key]), Value::Int(1));
        }
        eventually("the memory is returned", || server.resident_bytes() < before + 64 * MB as u64);
        assert_eq!(client.ask("GET small"), Value::bulk("1"));
    });
}

#[test]
fn a_value_of_64_mb_is_changed_in_place_and_read_in_parts() {
    let _alone = alone();
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let len = 64 * MB;
        for key in ["large:1", "large:2", "large:3", "large:4"] {
            set_in_pieces(&server, key, len);
            let mut client = server.client();
            let ask = |line: &str| line.replace("KEY", key);
            dialogue(
                &mut client,
                &[
                    (&ask("APPEND KEY tail"), "(integer) 67108868"),
                    (&ask("GETRANGE KEY -6 -1"), "\"\\x00\\x00tail\""),
                    (&ask("SETRANGE KEY 67108868 more"), "(integer) 67108872"),
                    (&ask("SETRANGE KEY 0 head"), "(integer) 67108872"),
                    (&ask("GETRANGE KEY 0 8"), "\"head\\x00\\x00\\x00\\x00\\x01\""),
                    (&ask("GETRANGE KEY 67108864 -1"), "\"tailmore\""),
                    (&ask("SETRANGE KEY 67108872 x"), "(integer) 67108873"),
                    (&ask("STRLEN KEY"), "(integer) 67108873"),
                ],
            );
            let mut middle = vec![0; MB];
            megabyte(33, &mut middle);
            let range = [33 * MB, 34 * MB - 1].map(|offset| offset.to_string());
            let reply = client.cmd(&["GETRANGE", key, &range[0], &range[1]]);
            assert!(reply.as_bytes() == Some(&middle[..]), "megabyte 33 has changed");
            assert_eq!(client.cmd(&["DEL", key]), Value::Int(1));
        }
    });
}

#[test]
fn one_command_carries_64_mb_to_keys_on_all_shards_and_back() {
    let _alone = alone();
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let keys: Vec<String> = (0..8).map(|index| format!("part:{index}")).collect();
        let values: Vec<Vec<u8>> = (0..8).map(|index| vec![b'a' + index; 8 * MB]).collect();
        let mut mset: Vec<&[u8]> = vec![b"MSET"];
        let mut mget: Vec<&[u8]> = vec![b"MGET"];
        for (key, value) in keys.iter().zip(&values) {
            mset.extend([key.as_bytes(), value]);
            mget.push(key.as_bytes());
        }
        assert_eq!(client.cmd(&mset), Value::ok());
        let reply = client.cmd(&mget);
        let parts = reply.as_slice().expect("MGET returns an array");
        for (index, (part, value)) in parts.iter().zip(&values).enumerate() {
            assert!(part.as_bytes() == Some(value), "part {index} is not what was set");
        }
    });
}

#[test]
fn a_big_value_that_is_replaced_while_it_is_sent_arrives_whole() {
    let _alone = alone();
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "");
        let (old, new) = ("o".repeat(16 * MB), "n".repeat(16 * MB));
        let mut writer = server.client();
        for key in ["swap:1", "swap:2", "swap:3"] {
            assert_eq!(writer.cmd(&["SET", key, &old]), Value::ok());
            let mut reader = server.client();
            // Asked for but not read: most of the reply waits in the server while the key changes.
            reader.send_raw(format!("GET {key}\r\n"));
            reader.send_raw(format!("STRLEN {key}\r\n"));
            let begin = reader.try_recv_raw(1_000).unwrap();
            assert_eq!(writer.cmd(&["SETRANGE", key, "8000000", "CHANGED"]), Value::Int(16 * MB as i64));
            assert_eq!(writer.cmd(&["SET", key, &new]), Value::ok());
            assert_eq!(writer.cmd(&["DEL", key]), Value::Int(1));
            let head = format!("${}\r\n", old.len());
            assert!(begin.starts_with(head.as_bytes()));
            let rest = reader.try_recv_raw(head.len() + old.len() + 2 - begin.len()).unwrap();
            let sent: Vec<u8> = begin[head.len()..].iter().chain(&rest[..rest.len() - 2]).copied().collect();
            assert!(sent == old.as_bytes(), "the reply was changed under way");
        }
    });
}
