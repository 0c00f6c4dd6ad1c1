//! Lines of the log: those that clients can cause must not fill the disk, and which are written can be
//! chosen.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;

use testkit::port::PortLease;
use testkit::{Client, Server, TempDir, Value};

use crate::bare::Bare;
use crate::scene::{alone, eventually, is_oracle, last_words, shoal, skip_if, start, with_shards};
use crate::sys;

/// Lines with `text` in the log of a server.
fn lines(server: &Server, text: &str) -> usize {
    server.log().lines().filter(|line| line.contains(text)).count()
}

/// One line, and one more if a minute has just ended.
#[track_caller]
fn is_told_once(server: &Server, text: &str) {
    assert!((1..=2).contains(&lines(server, text)), "{text:?} in {}", server.log());
}

#[test]
fn somebody_who_sends_http_again_and_again_leaves_one_line() {
    with_shards(&[1, 2], |shards| {
        // Without the password, too.
        let server = start(shards, "--requirepass secret");
        for _ in 0..60 {
            let mut client = server.client();
            client.send_raw("POST / HTTP/1.1\r\n\r\n");
            last_words(&mut client);
        }
        is_told_once(&server, "Possible SECURITY ATTACK detected.");
    });
}

#[test]
fn lines_that_were_left_out_are_told_of_at_the_end() {
    if skip_if(is_oracle(), "Redis does not count them") {
        return;
    }
    let lease = PortLease::take().unwrap();
    let port = lease.port().to_string();
    let words = ["--port", &port, "--bind", "127.0.0.1", "--shards", "2"];
    let mut server = Bare::spawn(TempDir::new().unwrap(), &words);
    server.wait_until_ready();
    for _ in 0..4 {
        let mut client = Client::connect(("127.0.0.1", lease.port())).unwrap();
        client.send_raw("POST / HTTP/1.1\r\n\r\n");
        last_words(&mut client);
    }
    sys::signal(server.pid(), libc::SIGTERM);
    server.wait();
    let log = server.log();
    let told = "# Possible SECURITY ATTACK detected: 3 more lines like it were left out";
    // A minute may have ended meanwhile.
    assert!(log.contains(told) || log.contains(" (left out since the last such line: "), "{log}");
}

#[test]
fn clients_over_the_limit_of_their_query_buffers_leave_one_line() {
    if skip_if(is_oracle(), "Redis writes a line for each client") {
        return;
    }
    with_shards(&[1, 2], |shards| {
        let server = start(shards, "--client-query-buffer-limit 1mb");
        for _ in 0..8 {
            let mut stream = TcpStream::connect(server.addr()).unwrap();
            // The server closes while more is on its way.
            let _ = stream.write_all(b"*2\r\n$3\r\nGET\r\n$8000000\r\n");
            let _ = stream.write_all(&vec![b'x'; 8_000_000]);
            last_words_of_raw(stream);
        }
        is_told_once(&server, "Closing client that reached max query buffer length");
        let info = server.client().ask("INFO stats").text();
        assert!(info.contains("client_query_buffer_limit_disconnections:8\r\n"), "{info}");
    });
}

/// Waits for the end of a connection, by close or by reset.
fn last_words_of_raw(mut stream: TcpStream) {
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
}

/// A server that may raise its limit of descriptors for clients, up to 2000; none where the limit of this
/// process does not allow so many connections.
fn server_with_few_descriptors(shards: usize) -> Option<Server> {
    if skip_if(sys::raise_descriptor_limit() < 3_000, "the hard limit of open files is below 3000") {
        return None;
    }
    let limited = ["prlimit", "--nofile=300:2000"];
    Some(shoal(shards).wrapper(limited).args(["--maxclients", "100"]).start())
}

#[test]
fn verbose_tells_of_each_connection_that_comes_and_each_that_its_client_closes() {
    with_shards(&[1, 2], |shards| {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("socket");
        let path = path.to_str().unwrap();
        let server = shoal(shards).args(["--loglevel", "verbose", "--unixsocket", path]).start();
        let mut client = server.client();
        client.ask("CLIENT SETNAME closes");
        let info = client.ask("CLIENT INFO").text();
        let word = |name: &str| info.split(' ').find(|word| word.starts_with(name)).unwrap().to_owned();
        assert_eq!(lines(&server, &format!("- Accepted {}", &word("addr=")["addr=".len()..])), 1);
        drop(client);
        let closed = format!("- Client closed connection {} {}", word("id="), word("addr="));
        eventually("its end is told", || lines(&server, &closed) == 1);
        assert!(server.log().lines().any(|line| line.contains(&closed) && line.contains(" name=closes ")));
        // Whom the server has closed has not closed itself.
        let mut client = server.client();
        client.ask("CLIENT SETNAME quits");
        client.send_raw("QUIT\r\n");
        last_words(&mut client);
        drop(client);
        drop(UnixStream::connect(path).unwrap());
        eventually("the client on the Unix socket has gone", || lines(&server, "flags=U") == 1);
        assert_eq!(lines(&server, &format!("- Accepted connection to {path}")), 1);
        assert_eq!(lines(&server, "name=quits"), 0, "{}", server.log());
        server.client().ask("CONFIG SET loglevel notice");
        let before = lines(&server, "Accepted");
        assert_eq!(server.client().ask("PING"), Value::simple("PONG"));
        assert_eq!(lines(&server, "Accepted"), before);
    });
}

#[test]
fn clients_that_are_newly_allowed_are_served_without_a_line() {
    let _alone = alone();
    with_shards(&[1, 2], |shards| {
        let Some(server) = server_with_few_descriptors(shards) else { return };
        assert_eq!(server.client().ask("CONFIG SET maxclients 1000"), Value::ok());
        let mut clients: Vec<Client> = (0..400).map(|_| server.client()).collect();
        for client in &mut clients {
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
        }
        assert_eq!(lines(&server, "Accepting client connection"), 0, "{}", server.log());
    });
}

#[test]
fn a_server_without_descriptors_says_so_once_and_accepts_when_it_has_some_again() {
    if skip_if(is_oracle(), "Redis writes a line for each attempt") {
        return;
    }
    let _alone = alone();
    with_shards(&[1, 2], |shards| {
        let Some(server) = server_with_few_descriptors(shards) else { return };
        let set_limit = |limit: usize| {
            let pid = server.pid().to_string();
            let status =
                Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={limit}:")]).status();
            assert!(status.unwrap().success());
        };
        let mut first = server.client();
        assert_eq!(first.ask("CONFIG SET maxclients 1000"), Value::ok());
        set_limit(300);
        let mut clients: Vec<Client> = (0..400).map(|_| server.client()).collect();
        eventually("it says so", || lines(&server, "Accepting client connection: Too many open files") > 0);
        assert_eq!(first.ask("PING"), Value::simple("PONG"));
        set_limit(2000);
        for client in &mut clients {
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
        }
        is_told_once(&server, "Accepting client connection");
    });
}

/// A server with a filter of its log in the environment, and with clients that are closed when they are idle.
fn server_with_filter(variable: &str, level: &str) -> Server {
    shoal(2).wrapper(["env", variable]).args(["--timeout", "1", "--loglevel", level]).start()
}

#[test]
fn a_filter_of_the_environment_chooses_lines_by_module() {
    if skip_if(is_oracle(), "Redis has no such filter") {
        return;
    }
    for variable in ["SHOAL_LOG=shoal::worker=debug", "RUST_LOG=shoal::worker=debug"] {
        let server = server_with_filter(variable, "warning");
        let _idle = server.client();
        eventually("the worker tells", || lines(&server, " - Closing idle client") > 0);
        assert_eq!(lines(&server, "Ready to accept connections"), 0, "{}", server.log());
    }
    let server = server_with_filter("SHOAL_LOG=shoal::server=off", "debug");
    let _idle = server.client();
    eventually("the worker tells", || lines(&server, " - Closing idle client") > 0);
    assert_eq!(lines(&server, "Ready to accept connections"), 0, "{}", server.log());
}

#[test]
fn the_level_is_that_of_the_modules_that_no_filter_names() {
    if skip_if(is_oracle(), "Redis has no such filter") {
        return;
    }
    let server = server_with_filter("SHOAL_LOG=shoal::worker=warn", "notice");
    assert_eq!(lines(&server, "Ready to accept connections"), 1, "{}", server.log());
    let server = server_with_filter("SHOAL_LOG=shoal::server=warn", "notice");
    assert_eq!(server.client().ask("CONFIG SET loglevel verbose"), Value::ok());
    let _idle = server.client();
    eventually("the worker tells", || lines(&server, " - Closing idle client") > 0);
}

#[test]
fn a_filter_that_is_not_understood_is_told_in_one_line_and_ignored() {
    if skip_if(is_oracle(), "Redis has no such filter") {
        return;
    }
    let server = server_with_filter("SHOAL_LOG=shoal=loud", "notice");
    let log = server.log();
    let line = log.lines().find(|line| line.contains("SHOAL_LOG")).unwrap_or_else(|| panic!("{log}"));
    for shown in [" # ", "is ignored", "MODULE=LEVEL", "'loud'"] {
        assert!(line.contains(shown), "{shown} in {line}");
    }
    assert_eq!(lines(&server, "SHOAL_LOG"), 1, "{log}");
    assert_eq!(lines(&server, "Ready to accept connections"), 1, "{log}");
}
