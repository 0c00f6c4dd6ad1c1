//! Where the server listens and to whom it speaks: addresses, unix socket, ports in use, protected mode.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::thread;

use testkit::port::PortLease;
use testkit::{Client, TempDir, Value};

use crate::bare::Bare;
use crate::scene::{is_oracle, last_words, shoal, skip_if, start, with_shards};
use crate::sys;

/// An address that no machine has (RFC 5737, TEST-NET-2).
const NOBODYS: &str = "198.51.100.7";

const REFUSAL: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is \
set for the default user. In this mode connections are only accepted from the loopback interface. If you want to \
connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode \
sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same \
host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG \
REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis \
configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started \
the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication \
password for the default user. NOTE: You only need to do one of the above things in order for the server to start \
accepting connections from the outside.\r\n";

fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

fn ping_at(address: impl std::net::ToSocketAddrs) -> Value {
    Client::connect(address).expect("somebody listens").ask("PING")
}

#[test]
fn every_bind_address_is_served_by_every_worker() {
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "--bind 127.0.0.1 127.0.0.2 127.0.0.3 --protected-mode no");
        for last in 1..=3 {
            for _ in 0..10 {
                let reply = ping_at((Ipv4Addr::new(127, 0, 0, last), server.port()));
                assert_eq!(reply, Value::simple("PONG"));
            }
        }
        assert!(Client::connect((Ipv4Addr::new(127, 0, 0, 4), server.port())).is_err());
    });
}

#[test]
fn the_log_names_the_addresses_and_the_port() {
    if skip_if(is_oracle(), "Redis names the port alone, in the line of its mode") {
        return;
    }
    let server = shoal(2).args(["--bind", "127.0.0.1 127.0.0.2"]).unix_socket().start();
    let port = server.port();
    let path = server.unix_path().unwrap().display();
    let (log, tcp) = (server.log(), format!("tcp, at 127.0.0.1:{port}, 127.0.0.2:{port}\n"));
    assert!(log.contains(&format!("Ready to accept connections {tcp}")), "{log}");
    assert!(log.contains(&format!("Ready to accept connections unix, at {path}\n")), "{log}");
}

#[test]
fn addresses_may_stand_in_one_argument() {
    let server = shoal(2).args(["--bind", "127.0.0.1 127.0.0.2", "--protected-mode", "no"]).start();
    assert_eq!(ping_at((Ipv4Addr::new(127, 0, 0, 2), server.port())), Value::simple("PONG"));
}

#[test]
fn ipv6_is_served_and_shown_in_brackets() {
    if skip_if(!has_ipv6(), "this machine has no IPv6 loopback address") {
        return;
    }
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--bind 127.0.0.1 ::1");
        let mut client = Client::connect((Ipv6Addr::LOCALHOST, server.port())).unwrap();
        let info = client.ask("CLIENT INFO").text();
        let own = client.local_addr().unwrap();
        assert!(info.contains(&format!(" addr={own} laddr=[::1]:{} ", server.port())), "{own}: {info}");
        assert_eq!(server.client().ask("PING"), Value::simple("PONG"));
    });
}

#[test]
fn an_optional_address_that_is_not_there_is_left_out() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, &format!("--bind 127.0.0.1 -{NOBODYS}"));
        assert_eq!(server.client().ask("PING"), Value::simple("PONG"));
    });
}

#[test]
fn all_interfaces_are_served_by_the_default_patterns() {
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--bind * -::*");
        assert_eq!(server.client().ask("PING"), Value::simple("PONG"));
        if !skip_if(!has_ipv6(), "this machine has no IPv6 loopback address") {
            assert_eq!(ping_at((Ipv6Addr::LOCALHOST, server.port())), Value::simple("PONG"));
        }
    });
}

#[test]
fn an_address_that_is_not_there_is_an_error() {
    with_shards(&[1, 2], |shards| {
        for bind in [vec![NOBODYS], vec!["127.0.0.1", NOBODYS]] {
            let exit = shoal(shards).args(["--bind"]).args(bind).spawn_expecting_failure();
            assert!(!exit.status.success());
            assert!(exit.output.contains(NOBODYS), "{}", exit.output);
            assert!(exit.output.contains("Cannot assign requested address"), "{}", exit.output);
        }
    });
}

#[test]
fn a_server_that_would_listen_nowhere_ends() {
    let exit = shoal(2).args(["--bind", &format!("-{NOBODYS}")]).spawn_expecting_failure();
    assert!(!exit.status.success());
    assert!(exit.output.contains("Configured to not listen anywhere, exiting."), "{}", exit.output);
}

#[test]
fn a_port_in_use_is_an_error() {
    with_shards(&[1, 2], |shards| {
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = holder.local_addr().unwrap().port().to_string();
        let exit = shoal(shards).args(["--port", &port]).spawn_expecting_failure();
        assert!(!exit.status.success());
        assert!(exit.output.contains("Address already in use"), "{}", exit.output);
        assert!(exit.output.contains(&format!("Failed listening on port {port} (")), "{}", exit.output);
    });
}

#[test]
fn a_port_whose_server_was_killed_can_be_used_at_once() {
    // The kernel closes the sockets that an io_uring accepts on only after the process has gone.
    let lease = PortLease::take().unwrap();
    let port = lease.port();
    for _ in 0..5 {
        let words = ["--port", &port.to_string(), "--bind", "127.0.0.1"];
        let mut server = Bare::spawn(TempDir::new().unwrap(), &words);
        server.wait_until_ready();
        let clients: Vec<TcpStream> = (0..50)
            .map(|_| {
                let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                client.write_all(b"PING\r\n").unwrap();
                client.read_exact(&mut [0; 7]).unwrap();
                client
            })
            .collect();
        drop(clients);
        // Killed, and waited for.
        drop(server);
    }
}

#[test]
fn a_second_server_on_the_same_port_is_an_error_and_leaves_the_first_alone() {
    // Both use SO_REUSEPORT and run under the same user, so the kernel alone would not object.
    with_shards(&[1, 2], |shards| {
        let first = start(shards, "");
        let exit = shoal(shards).args(["--port", &first.port().to_string()]).spawn_expecting_failure();
        assert!(!exit.status.success());
        assert!(exit.output.contains("Address already in use"), "{}", exit.output);
        for _ in 0..20 {
            assert_eq!(first.client().ask("PING"), Value::simple("PONG"));
        }
    });
}

#[test]
fn a_port_can_be_used_again_at_once_after_a_stop() {
    with_shards(&[1, 2], |shards| {
        let lease = PortLease::take().unwrap();
        let port = lease.port().to_string();
        for _ in 0..3 {
            let folder = TempDir::new().unwrap();
            let mut server = Bare::spawn(folder, &words(shards, &["--port", &port, "--bind", "127.0.0.1"]));
            server.wait_until_ready();
            let mut client = Client::connect((Ipv4Addr::LOCALHOST, lease.port())).unwrap();
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
            // The server closes first, so its end of the connection stays in TIME_WAIT.
            sys::signal(server.pid(), libc::SIGTERM);
            assert!(server.wait().success());
        }
    });
}

/// A command line for a server that keeps nothing.
fn words<'a>(shards: usize, args: &[&'a str]) -> Vec<&'a str> {
    let mut words = args.to_vec();
    words.extend(match (is_oracle(), shards) {
        (true, _) => ["--save", ""],
        (false, 1) => ["--shards", "1"],
        (false, _) => ["--shards", "2"],
    });
    words
}

#[test]
fn a_unix_socket_alone_is_served_with_its_permissions() {
    with_shards(&[1, 2], |shards| {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("socket");
        let args = ["--port", "0", "--unixsocket", path.to_str().unwrap(), "--unixsocketperm", "700"];
        let mut server = Bare::spawn(folder, &words(shards, &args));
        server.wait_until_ready();
        let metadata = std::fs::metadata(&path).unwrap();
        assert!(metadata.file_type().is_socket());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o700);
        let mut clients: Vec<Client> = (0..10).map(|_| Client::connect_unix(&path).unwrap()).collect();
        for (index, client) in clients.iter_mut().enumerate() {
            let key = format!("key:{index}");
            assert_eq!(client.cmd(&["SET", &key, "1"]), Value::ok());
        }
        let keys: Vec<String> = (0..10).map(|index| format!("key:{index}")).collect();
        let mut mget = vec!["MGET"];
        mget.extend(keys.iter().map(String::as_str));
        assert_eq!(clients[0].cmd(&mget), Value::array(vec![Value::bulk("1"); 10]));
        let info = clients[0].ask("CLIENT INFO").text();
        let path = path.display();
        assert!(info.contains(&format!(" addr={path}:0 laddr={path}:0 ")), "{info}");
        assert!(info.contains(" flags=U "), "{info}");
        // All connections of a unix socket have the same address; the asker spares itself.
        let kill = ["CLIENT", "KILL", "ADDR", &format!("{path}:0")];
        assert_eq!(clients[0].cmd(&kill), Value::Int(9));
        assert_eq!(clients[0].ask("PING"), Value::simple("PONG"));
    });
}

#[test]
fn a_unix_socket_serves_beside_tcp_and_replaces_a_stale_file() {
    with_shards(&[1, 2], |shards| {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("stale");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "closing a listener leaves the file");
        let server = start(shards, &format!("--unixsocket {}", path.display()));
        let mut client = Client::connect_unix(&path).unwrap();
        assert_eq!(client.ask("SET key 1"), Value::ok());
        assert_eq!(server.client().ask("GET key"), Value::bulk("1"));
    });
}

#[test]
fn a_unix_socket_that_cannot_be_made_is_an_error() {
    let exit = shoal(2).args(["--unixsocket", "/nonexistent/folder/socket"]).spawn_expecting_failure();
    assert!(!exit.status.success());
    assert!(exit.output.contains("Failed opening Unix socket: bind: No such file or directory"));
}

#[test]
fn nowhere_to_listen_at_all_is_an_error() {
    let (code, output) = Bare::run(TempDir::new().unwrap(), &words(2, &["--port", "0"]));
    assert_ne!(code, 0, "{output}");
    assert!(output.contains("Configured to not listen anywhere, exiting."), "{output}");
}

/// Runs `scene` where the machine has a second address that is not a loopback address.
fn with_outside_address(scene: impl FnOnce(Ipv4Addr) + Send) {
    // The thread takes the network with it, so that the other tests keep theirs.
    thread::scope(|scope| {
        let outcome = scope.spawn(move || match sys::enter_private_network() {
            Ok(address) => scene(address),
            Err(error) => {
                skip_if(true, &format!("a network of its own needs the rights of root: {error}"));
            }
        });
        outcome.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

#[test]
fn protected_mode_refuses_clients_from_outside_with_redis_s_text() {
    with_outside_address(|address| {
        with_shards(&[1, 2], |shards| {
            let server = start(shards, &format!("--bind 127.0.0.1 {address}"));
            for _ in 0..6 {
                let mut outsider = Client::connect((address, server.port())).unwrap();
                assert_eq!(last_words(&mut outsider), REFUSAL);
            }
            assert_eq!(server.client().ask("PING"), Value::simple("PONG"));
        });
    });
}

#[test]
fn protected_mode_ends_with_a_password_or_when_turned_off() {
    with_outside_address(|address| {
        with_shards(&[1, 2], |shards| {
            let server = start(shards, &format!("--bind 127.0.0.1 {address} --requirepass secret"));
            let reply = ping_at((address, server.port()));
            assert_eq!(reply, Value::error("NOAUTH Authentication required."));
            let server = start(shards, &format!("--bind 127.0.0.1 {address} --protected-mode no"));
            assert_eq!(ping_at((address, server.port())), Value::simple("PONG"));
        });
    });
}
