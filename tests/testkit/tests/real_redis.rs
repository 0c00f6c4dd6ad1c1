//! The test kit against the real redis-server: what is learnt about a server here is what tests rely on.

use testkit::{Kind, Server, StopSignal, Value};

fn redis() -> Server {
    Server::builder(Kind::Redis).start()
}

#[test]
fn replies_of_both_protocols_are_read() {
    let server = redis();
    let mut client = server.client();
    assert_eq!(client.ask("SET a 1"), Value::ok());
    assert_eq!(client.ask("MGET a b"), Value::array([Value::bulk("1"), Value::NullBulk]));
    assert_eq!(client.ask("NOPE").text(), "ERR unknown command 'NOPE', with args beginning with: ");
    let mut client = server.client_resp3();
    assert_eq!(client.ask("GET b"), Value::Null);
    assert!(matches!(client.hello(3), Value::Map(_)));
}

#[test]
fn a_pipeline_larger_than_all_socket_buffers_does_not_deadlock() {
    let server = redis();
    let value = "x".repeat(1 << 20);
    let mut commands = vec![vec!["SET", "a", &value]];
    commands.extend(std::iter::repeat_n(vec!["GET", "a"], 40));
    commands.push(vec!["ECHO", &value]);
    let replies = server.client().pipeline(&commands);
    assert_eq!(replies.len(), 42);
    assert_eq!(replies[41], Value::bulk(&value));
}

#[test]
fn a_unix_socket_is_served_beside_tcp() {
    let server = Server::builder(Kind::Redis).unix_socket().start();
    let mut client = testkit::Client::connect_unix(server.unix_path().unwrap()).unwrap();
    assert_eq!(client.ask("PING"), Value::simple("PONG"));
}

#[test]
fn a_server_that_wants_a_password_is_ready() {
    let server = Server::builder(Kind::Redis).args(["--requirepass", "secret"]).start();
    assert_eq!(server.client().ask("PING").text(), "NOAUTH Authentication required.");
}

#[test]
fn a_server_is_stopped_by_a_signal_and_its_folder_vanishes() {
    let mut server = redis();
    let dir = server.dir().to_path_buf();
    assert!(server.log().contains("Ready to accept connections"));
    assert!(server.resident_bytes() > 1 << 20);
    let status = server.stop(StopSignal::Term);
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
    drop(server);
    assert!(!dir.exists());
}

#[test]
fn a_refusal_to_start_is_reported_with_its_output() {
    let exit = Server::builder(Kind::Redis).args(["--no-such-directive", "1"]).spawn_expecting_failure();
    assert!(!exit.status.success());
    assert!(exit.output.contains("no-such-directive"), "{}", exit.output);
    let error = Server::builder(Kind::Redis).args(["--no-such-directive", "1"]).try_start().unwrap_err();
    assert!(error.to_string().contains("no-such-directive"), "{error}");
}

#[test]
fn a_wrapper_and_a_core_keep_the_process_id() {
    let server = Server::builder(Kind::Redis).wrapper(["prlimit", "--nofile=200"]).cpus("0").start();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    assert!(status.contains("Name:\tredis-server"), "{status}");
    assert!(status.lines().any(|line| line == "Cpus_allowed_list:\t0"), "{status}");
}

#[test]
fn cpu_time_grows_with_work() {
    let server = redis();
    let before = server.cpu_time();
    let mut client = server.client();
    client.ask("SETBIT a 80000000 1");
    for _ in 0..20 {
        client.ask("BITCOUNT a");
    }
    assert!(server.cpu_time() > before);
}
