//! Many connections, too many of them, and those that do nothing.

use std::net::TcpStream;
use std::thread;

use testkit::{Client, Value};

use crate::scene::{
    alone, client_count, descriptors, dialogue, eventually, last_words, skip_if, start, with_shards,
};
use crate::sys;

const REFUSED: &str = "-ERR max number of clients reached\r\n";

#[test]
fn ten_thousand_idle_connections_leave_the_server_responsive_and_are_forgotten() {
    let _alone = alone();
    // The test and the server each need a descriptor per connection, and some for themselves.
    let possible = (sys::raise_descriptor_limit() as usize).saturating_sub(1_000);
    skip_if(
        possible < 10_000,
        &format!("only {possible} connections of 10000, the hard limit of open files"),
    );
    let count = possible.min(10_000);
    with_shards(&[1, 2], |shards| {
        let server = start(shards, &format!("--maxclients {}", count + 100));
        let mut witness = server.client();
        // The connection that the start of the server was waited for with may still be counted for a moment.
        eventually("the witness is alone", || client_count(&mut witness) == 1);
        let before = descriptors(&server);
        let crowd: Vec<TcpStream> = (0..count).map(|_| TcpStream::connect(server.addr()).unwrap()).collect();
        eventually("the witness and the crowd are connected", || {
            witness.ask("INFO clients").text().contains(&format!("connected_clients:{}\r\n", count + 1))
        });
        for index in 0..100 {
            let key = format!("key:{index}");
            assert_eq!(witness.cmd(&["SET", &key, "1"]), Value::ok());
            assert_eq!(server.client().cmd(&["GET", &key]), Value::bulk("1"));
        }
        drop(crowd);
        eventually("all descriptors are closed", || descriptors(&server) <= before);
        eventually("all clients are forgotten", || client_count(&mut witness) == 1);
    });
}

#[test]
fn one_client_too_many_is_told_so_and_disconnected() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "--maxclients 5");
        let mut clients: Vec<Client> = (0..5).map(|_| server.client()).collect();
        // The connection that the start of the server was waited for with may still be counted for a moment.
        eventually("all five are served", || {
            clients.iter_mut().all(|client| match client.try_cmd(&["PING"]) {
                Ok(reply) if reply == Value::simple("PONG") => true,
                _ => {
                    *client = server.client();
                    false
                }
            })
        });
        for _ in 0..10 {
            assert_eq!(last_words(&mut server.client()), REFUSED);
        }
        for client in &mut clients {
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
        }
        clients.pop();
        eventually("a place is free again", || {
            let reply = server.client().try_cmd(&["PING"]);
            reply.is_ok_and(|reply| reply == Value::simple("PONG"))
        });
    });
}

#[test]
fn refused_connections_are_counted() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--maxclients 1");
        let mut client = server.client();
        eventually("the only client is served", || {
            let served = client.try_cmd(&["PING"]).is_ok_and(|reply| reply == Value::simple("PONG"));
            if !served {
                client = server.client();
            }
            served
        });
        let count = |client: &mut Client| -> u64 {
            let stats = client.ask("INFO stats").text();
            let line = stats.lines().find_map(|line| line.strip_prefix("rejected_connections:"));
            line.unwrap_or_else(|| panic!("no rejected_connections in {stats}")).parse().unwrap()
        };
        let before = count(&mut client);
        for _ in 0..7 {
            assert_eq!(last_words(&mut server.client()), REFUSED);
        }
        assert_eq!(count(&mut client), before + 7);
    });
}

#[test]
fn an_idle_client_is_disconnected_after_the_timeout_and_a_busy_one_is_not() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--timeout 1");
        let mut busy = server.client();
        let mut idle: Vec<Client> = (0..8).map(|_| server.client()).collect();
        for client in &mut idle {
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
        }
        thread::scope(|scope| {
            let ends: Vec<_> = idle.iter_mut().map(|client| scope.spawn(|| last_words(client))).collect();
            while !ends.iter().all(thread::ScopedJoinHandle::is_finished) {
                assert_eq!(busy.ask("PING"), Value::simple("PONG"));
                thread::sleep(std::time::Duration::from_millis(20));
            }
            for end in ends {
                assert_eq!(end.join().unwrap(), "");
            }
        });
        assert_eq!(client_count(&mut busy), 1);
    });
}

#[test]
fn limits_of_clients_can_be_read_back() {
    let server = start(2, "--maxclients 77 --timeout 12 --tcp-keepalive 42 --tcp-backlog 99");
    dialogue(
        &mut server.client(),
        &[
            ("CONFIG GET maxclients", "1) \"maxclients\"\n2) \"77\""),
            ("CONFIG GET timeout", "1) \"timeout\"\n2) \"12\""),
            ("CONFIG GET tcp-keepalive", "1) \"tcp-keepalive\"\n2) \"42\""),
            ("CONFIG GET tcp-backlog", "1) \"tcp-backlog\"\n2) \"99\""),
        ],
    );
}

/// The kernel's timer of the server's end of a connection, from proc_net_tcp(5): 02 is the keepalive timer.
fn server_timer(server_port: u16, client_port: u16) -> Option<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let (local, remote) = (format!(":{server_port:04X}"), format!(":{client_port:04X}"));
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let found = fields.get(1)?.ends_with(&local) && fields.get(2)?.ends_with(&remote);
        found.then(|| fields[5][..2].to_owned())
    })
}

#[test]
fn keepalive_is_on_for_every_connection_unless_it_is_turned_off() {
    with_shards(&[1, 2], |shards| {
        for (args, timer) in [("", "02"), ("--tcp-keepalive 60", "02"), ("--tcp-keepalive 0", "00")] {
            let server = start(shards, args);
            for _ in 0..6 {
                let mut client = server.client();
                assert_eq!(client.ask("PING"), Value::simple("PONG"));
                let port = client.local_addr().unwrap().port();
                // A retransmission timer (01) may run until the last packet is acknowledged.
                eventually("the connection's timer", || {
                    server_timer(server.port(), port).as_deref() == Some(timer)
                });
            }
        }
    });
}
