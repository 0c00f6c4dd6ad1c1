//! Memory that the server takes for a while: how much of it one client can make it take, and that it gives it
//! back.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use fastrand::Rng;
use testkit::client::{encode, encode_into};
use testkit::{Client, Server, Value};

use crate::scene::{PATIENCE, alone, client_count, eventually, is_oracle, shoal, skip_if, with_shards};
use crate::slot_moves::slot_of;

/// What the process has allocated, in bytes.
fn used_bytes(client: &mut Client) -> usize {
    field(client, "INFO memory", "used_memory:")
}

/// The most that it ever had.
fn peak_bytes(client: &mut Client) -> usize {
    field(client, "INFO memory", "used_memory_peak:")
}

fn field(client: &mut Client, command: &str, name: &str) -> usize {
    let text = client.ask(command).text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.expect("INFO tells it").trim().parse().unwrap()
}

/// A connection that reads nothing by itself.
fn connection(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What a worker may keep for the next time: empty batches, and buffers and tables of usual sizes.
const KEPT_BYTES_MAX: usize = 2 << 20;
const LISTS: usize = 4;
const LIST_ELEMENTS: usize = 20_000;

/// An element of one of some lists of 2 MB each, whose keys lie on several shards. Too short to be shared
/// when it is read.
fn element(list: usize) -> String {
    format!("{list}").repeat(100)
}

fn fill_lists(client: &mut Client) {
    for list in 0..LISTS {
        let (key, element) = (format!("list:{list}"), element(list));
        let mut command = vec!["RPUSH", &key];
        command.extend(std::iter::repeat_n(element.as_str(), LIST_ELEMENTS / 20));
        for _ in 0..20 {
            client.cmd(&command);
        }
    }
}

fn list_reply(list: usize) -> Vec<u8> {
    let element = element(list);
    let mut reply = format!("*{LIST_ELEMENTS}\r\n").into_bytes();
    for _ in 0..LIST_ELEMENTS {
        reply.extend(format!("${}\r\n{element}\r\n", element.len()).into_bytes());
    }
    reply
}

#[test]
fn what_all_cores_make_for_a_client_that_does_not_read_has_a_bound_in_bytes() {
    if skip_if(is_oracle(), "Redis executes on and keeps all replies in memory") {
        return;
    }
    // 200 MB for each client.
    const COMMANDS: usize = 100;
    const CLIENTS: usize = 2;
    // For each client 16 MB and a reply that wait to be sent, and for each of three shards a megabyte and a
    // reply, in buffers that have grown by doubling; as much again for what a batch and a place hold at the
    // same time.
    const BYTES_MAX: usize = 2 * CLIENTS * 2 * (16 + 2 + 3 * (1 + 2)) * (1 << 20);
    let _alone = alone();
    with_shards(&[1, 2, 3], |shards| {
        let server = shoal(shards).args(["--client-output-buffer-limit", "normal 0 0 0"]).start();
        let mut other = server.client();
        fill_lists(&mut other);
        let before = used_bytes(&mut other);
        let mut commands = Vec::new();
        for index in 0..COMMANDS {
            encode_into(&mut commands, &["LRANGE", &format!("list:{}", index % LISTS), "0", "-1"]);
        }
        let mut lazy: Vec<_> = (0..CLIENTS).map(|_| connection(&server)).collect();
        lazy.iter_mut().for_each(|stream| stream.write_all(&commands).unwrap());
        // Long enough for a server without a bound to execute everything; others are served meanwhile on
        // every shard.
        for round in 0..3_000 {
            let key = format!("other:{round}");
            assert_eq!(other.cmd(&["SET", &key, "1"]), Value::ok());
            assert_eq!(other.cmd(&["DEL", &key]).as_int(), Some(1));
        }
        let growth = peak_bytes(&mut other).saturating_sub(before);
        assert!(growth < BYTES_MAX, "{growth} bytes were held for {CLIENTS} clients");
        let expected: Vec<_> = (0..LISTS).map(list_reply).collect();
        let mut received = vec![0; expected[0].len()];
        for stream in &mut lazy[..1] {
            for index in 0..COMMANDS {
                stream.read_exact(&mut received).unwrap();
                assert!(received == expected[index % LISTS], "reply {index}");
            }
        }
        let growth = peak_bytes(&mut other).saturating_sub(before);
        assert!(growth < BYTES_MAX, "{growth} bytes were held while one of {CLIENTS} clients read");
        drop(lazy);
        eventually("the clients are gone", || client_count(&mut other) == 1);
        is_given_back(&mut other, before, shards);
    });
}

/// Waits until the server has no more memory than before, but for what its workers keep.
fn is_given_back(client: &mut Client, before: usize, shards: usize) {
    let mut used = 0;
    let kept = before + shards * KEPT_BYTES_MAX;
    eventually("memory is given back", || {
        used = used_bytes(client);
        println!("{used} bytes are used, {before} were before");
        used <= kept
    });
}

/// Keys for the reads of the test below: what each holds follows from its number.
const VALUES: usize = 40;

fn value_len(number: usize) -> usize {
    [10, 1000, 17_000, 30_000, 40_000, 300_000][number % 6]
}

fn value_of(number: usize) -> Vec<u8> {
    vec![b'a' + (number % 26) as u8; value_len(number)]
}

/// Appends a command and the bytes of its reply.
fn one_of_many(random: &mut Rng, commands: &mut Vec<u8>, replies: &mut Vec<u8>) {
    let bulk = |replies: &mut Vec<u8>, value: &[u8]| {
        replies.extend(format!("${}\r\n", value.len()).into_bytes());
        replies.extend(value);
        replies.extend(b"\r\n");
    };
    let number = random.usize(..VALUES);
    match random.u8(..20) {
        0 => {
            let numbers: Vec<_> = (0..3).map(|_| random.usize(..VALUES)).collect();
            let mut command = vec!["MGET".to_owned()];
            command.extend(numbers.iter().map(|number| format!("value:{number}")));
            encode_into(commands, &command);
            replies.extend(b"*3\r\n");
            numbers.iter().for_each(|&number| bulk(replies, &value_of(number)));
        }
        1 => {
            encode_into(commands, &["MULTI"]);
            encode_into(commands, &["GET".to_owned(), format!("value:{number}")]);
            encode_into(commands, &["EXEC"]);
            replies.extend(b"+OK\r\n+QUEUED\r\n*1\r\n");
            bulk(replies, &value_of(number));
        }
        2 => {
            encode_into(commands, &["PING"]);
            replies.extend(b"+PONG\r\n");
        }
        3 => {
            encode_into(
                commands,
                &["SETRANGE".to_owned(), format!("value:{number}"), "0".to_owned(), String::new()],
            );
            replies.extend(format!(":{}\r\n", value_len(number)).into_bytes());
        }
        4 => {
            encode_into(
                commands,
                &["LRANGE".to_owned(), format!("short:{}", number % 8), "0".into(), "-1".into()],
            );
            replies.extend(b"*1000\r\n");
            (0..1000).for_each(|_| bulk(replies, b"0123456789"));
        }
        _ => {
            encode_into(commands, &["GET".to_owned(), format!("value:{number}")]);
            bulk(replies, &value_of(number));
        }
    }
}

#[test]
fn clients_that_read_by_fits_and_starts_get_all_replies_in_order_and_nobody_waits_for_ever() {
    if skip_if(is_oracle(), "one core has no mesh") {
        return;
    }
    const CLIENTS: u64 = 10;
    const COMMANDS: usize = 800;
    let _alone = alone();
    with_shards(&[2, 3, 7], |shards| {
        let server = shoal(shards).start();
        let mut other = server.client();
        for number in 0..VALUES {
            let set = other.cmd(&[b"SET".to_vec(), format!("value:{number}").into(), value_of(number)]);
            assert_eq!(set, Value::ok());
        }
        for list in 0..8 {
            let key = format!("short:{list}");
            let mut command = vec!["RPUSH", &key];
            command.extend(std::iter::repeat_n("0123456789", 1000));
            other.cmd(&command);
        }
        let before = used_bytes(&mut other);
        thread::scope(|scope| {
            for number in 0..CLIENTS {
                let mut stream = connection(&server);
                scope.spawn(move || {
                    let mut random = Rng::with_seed(number);
                    let (mut commands, mut replies) = (Vec::new(), Vec::new());
                    (0..COMMANDS).for_each(|_| one_of_many(&mut random, &mut commands, &mut replies));
                    let mut writer = stream.try_clone().unwrap();
                    let writing = thread::spawn(move || writer.write_all(&commands));
                    // A third of them leave in the middle.
                    let wanted = if number % 3 == 0 { replies.len() / 3 } else { replies.len() };
                    let (mut at, mut buffer) = (0, vec![0; 1 << 20]);
                    while at < wanted {
                        let len = random.usize(1..=buffer.len()).min(wanted - at);
                        let len = stream.read(&mut buffer[..len]).unwrap();
                        assert!(len > 0, "client {number}: the end after {at} bytes");
                        assert!(buffer[..len] == replies[at..at + len], "client {number}: reply at {at}");
                        at += len;
                        if random.u8(..8) == 0 {
                            thread::sleep(std::time::Duration::from_millis(random.u64(..20)));
                        }
                    }
                    // A writer that is left with half of its commands ends with an error.
                    let _ = stream.shutdown(Shutdown::Both);
                    let _ = writing.join().unwrap();
                });
            }
        });
        eventually("the clients are gone", || client_count(&mut other) == 1);
        is_given_back(&mut other, before, shards);
    });
}

#[test]
fn a_slot_leaves_although_a_client_that_does_not_read_waits_for_it() {
    if skip_if(is_oracle(), "one core has no slots to move") {
        return;
    }
    let _alone = alone();
    let server = shoal(2).args(["--enable-debug-command", "yes"]).start();
    let mut other = server.client();
    fill_lists(&mut other);
    let mut commands = Vec::new();
    for index in 0..40 {
        encode_into(&mut commands, &["LRANGE", &format!("list:{}", index % LISTS), "0", "-1"]);
    }
    // One of them is on a worker for which the slot lies elsewhere.
    let mut lazy: Vec<_> = (0..4).map(|_| connection(&server)).collect();
    lazy.iter_mut().for_each(|stream| stream.write_all(&commands).unwrap());
    for round in 0..500 {
        assert_eq!(other.cmd(&["SET", &format!("other:{round}"), "1"]), Value::ok());
    }
    for slot in 0..LISTS {
        let slot = slot_of(&format!("list:{slot}")).to_string();
        for shard in ["0", "1", "0"] {
            assert_eq!(other.cmd(&["DEBUG", "SLOT-MOVE", &slot, shard]), Value::ok());
        }
    }
    let expected: Vec<_> = (0..LISTS).map(list_reply).collect();
    let mut received = vec![0; expected[0].len()];
    for stream in &mut lazy {
        for index in 0..40 {
            stream.read_exact(&mut received).unwrap();
            assert!(received == expected[index % LISTS], "reply {index}");
        }
    }
}

#[test]
fn one_command_with_very_many_keys_leaves_no_memory_behind() {
    if skip_if(is_oracle(), "Redis frees what it needs for one command") {
        return;
    }
    let _alone = alone();
    with_shards(&[1, 2], |shards| {
        let server = shoal(shards).start();
        let mut other = server.client();
        other.ask("PING");
        let before = used_bytes(&mut other);
        for name in ["EXISTS", "UNLINK", "WATCH", "MGET", "PFCOUNT"] {
            let mut command = vec![name.to_owned()];
            command.extend((0..300_000).map(|number| format!("key:{number}")));
            let mut client = server.client();
            client.send_raw(encode(&command));
            let reply = client.recv();
            assert!(!reply.is_error(), "{name}: {reply}");
            drop(client);
            eventually("the client is gone", || client_count(&mut other) == 1);
            println!("after {name}");
            is_given_back(&mut other, before, shards);
        }
    });
}

#[test]
fn memory_that_was_freed_goes_back_to_the_system() {
    if skip_if(is_oracle(), "Redis's allocator does it in its own time") {
        return;
    }
    const KEYS: usize = 40_000;
    let _alone = alone();
    for drop_all in ["FLUSHALL", "FLUSHALL ASYNC", "DEL", "PEXPIRE", "maxmemory"] {
        with_shards(&[1, 2], |shards| {
            let server = shoal(shards).start();
            let mut client = server.client();
            // With maxmemory all keys go: of small ones that stay here and there each holds up a page.
            let value = "v".repeat(2000);
            let keys: Vec<String> = (0..KEYS).map(|number| format!("key:{number}")).collect();
            for some in keys.chunks(1000) {
                client.pipeline(&some.iter().map(|key| ["SET", key, &value]).collect::<Vec<_>>());
            }
            let full = server.resident_bytes();
            match drop_all {
                "DEL" => {
                    for some in keys.chunks(1000) {
                        client.pipeline(&some.iter().map(|key| ["DEL", key]).collect::<Vec<_>>());
                    }
                }
                "PEXPIRE" => {
                    for some in keys.chunks(1000) {
                        client.pipeline(&some.iter().map(|key| ["PEXPIRE", key, "1"]).collect::<Vec<_>>());
                    }
                }
                "maxmemory" => {
                    client.ask("CONFIG SET maxmemory-policy allkeys-random");
                    assert_eq!(client.ask("CONFIG SET maxmemory 1mb"), Value::ok());
                }
                command => assert_eq!(client.ask(command), Value::ok()),
            }
            let what = format!("after {drop_all} less than half of {full} bytes are resident");
            eventually(&what, || server.resident_bytes() < full / 2);
        });
    }
}
