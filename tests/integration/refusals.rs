//! Directives that protect the server or decide what it is: they work, or the server does not start and says
//! why.

use testkit::port::PortLease;
use testkit::{Client, TempDir, Value};

use crate::bare::Bare;
use crate::scene::{dialogue, eventually, is_oracle, skip_if, start};

/// A folder with a configuration file.
fn folder(text: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("redis.conf"), text).unwrap();
    folder
}

#[test]
fn a_server_that_cannot_protect_as_it_was_asked_does_not_start() {
    if skip_if(is_oracle(), "redis-server does what these lines ask") {
        return;
    }
    for line in [
        "user default off",
        "user alice on >secret ~* +@all",
        "aclfile /etc/redis/users.acl",
        "replicaof 127.0.0.1 1",
        "cluster-enabled yes",
        "appendonly yes",
        "tls-port 6380",
        "min-replicas-to-write 1",
        "loadmodule /usr/lib/module.so",
    ] {
        let (code, output) = Bare::run(folder(&format!("port 0\n{line}\n")), &["redis.conf"]);
        assert_ne!(code, 0, "{line}: {output}");
        assert!(output.contains("redis.conf, at line 2\n>>> '"), "{line}: {output}");
        assert!(output.contains("Remove the line to start without it."), "{line}: {output}");
    }
    let (code, output) = Bare::run(TempDir::new().unwrap(), &["--port", "0", "--appendonly", "yes"]);
    assert_ne!(code, 0, "{output}");
    assert!(output.contains("at argument 3\n>>> 'appendonly \"yes\"'"), "{output}");
}

#[test]
fn the_same_is_refused_while_the_server_runs() {
    if skip_if(is_oracle(), "redis-server does what is asked") {
        return;
    }
    let server = start(2, "");
    let mut client = server.client();
    for (name, value) in [("appendonly", "yes"), ("min-replicas-to-write", "1"), ("tls-port", "1")] {
        let reply = client.cmd(&["CONFIG", "SET", name, value]).to_string();
        let expected =
            format!("(error) ERR CONFIG SET failed (possibly related to argument '{name}') - This version ");
        assert!(reply.starts_with(&expected), "{name}: {reply}");
    }
    dialogue(
        &mut client,
        &[
            ("CONFIG SET appendonly no", "OK"),
            ("CONFIG SET min-replicas-to-write 0", "OK"),
            ("CONFIG SET repl-timeout 7", "OK"),
            ("CONFIG GET repl-timeout", "1) \"repl-timeout\"\n2) \"7\""),
        ],
    );
    assert_eq!(client.cmd(&["CONFIG", "SET", "save", ""]), Value::ok());
    let told = "Configuration without effect: repl-timeout, because there is no replication.";
    eventually("the log tells what has no effect", || server.log().contains(told));
}

#[test]
fn commands_are_renamed_and_taken_away() {
    let lease = PortLease::take().unwrap();
    let port = lease.port();
    let text = format!(
        "port {port}\nrename-command FLUSHALL \"\"\nrename-command GET Fetch\nrename-command CONFIG \"\"\n\
         rename-command SHUTDOWN stop\n"
    );
    let mut server = Bare::spawn(folder(&text), &["redis.conf"]);
    server.wait_until_ready();
    let mut client = Client::connect((std::net::Ipv4Addr::LOCALHOST, port)).unwrap();
    dialogue(
        &mut client,
        &[
            ("SET a 1", "OK"),
            ("FETCH a", "\"1\""),
            ("GET a", "(error) ERR unknown command 'GET', with args beginning with: 'a' "),
            ("flushall", "(error) ERR unknown command 'flushall', with args beginning with: "),
            (
                "CONFIG GET port",
                "(error) ERR unknown command 'CONFIG', with args beginning with: 'GET' 'port' ",
            ),
            ("fetch", "(error) ERR wrong number of arguments for 'get' command"),
            ("COMMAND GETKEYS fetch a", "1) \"a\""),
            ("COMMAND GETKEYS get a", "(error) ERR Invalid command specified"),
            ("COMMAND INFO get flushall", "1) (nil) as a bulk string\n2) (nil) as a bulk string"),
            ("MULTI", "OK"),
            ("FLUSHALL", "(error) ERR unknown command 'FLUSHALL', with args beginning with: "),
            ("EXEC", "(error) EXECABORT Transaction discarded because of previous errors."),
        ],
    );
    assert_eq!(client.ask("COMMAND INFO fetch").as_slice().unwrap()[0].as_slice().unwrap()[0].text(), "get");
}

#[test]
fn a_rename_that_cannot_be_is_an_error_with_its_line() {
    for (line, reason) in [
        ("rename-command NOSUCH x", "No such command in rename-command"),
        ("rename-command get SET", "Target command name already exists"),
    ] {
        let (code, output) = Bare::run(folder(&format!("port 0\n{line}\n")), &["redis.conf"]);
        assert_ne!(code, 0, "{output}");
        assert!(output.contains(&format!("at line 2\n>>> '{line}'\n{reason}")), "{output}");
    }
}

#[test]
fn a_server_in_the_background_leaves_its_number_and_takes_it_away() {
    let lease = PortLease::take().unwrap();
    let port = lease.port();
    let text = format!("port {port}\ndaemonize yes\nlogfile own.log\npidfile own.pid\n");
    let folder = folder(&text);
    let (log, pid_file) = (folder.path().join("own.log"), folder.path().join("own.pid"));
    let mut starter = Bare::spawn(folder, &["redis.conf"]);
    assert!(starter.wait().success(), "{}", starter.log());
    let mut client = None;
    eventually("the server in the background answers", || {
        client = Client::connect((std::net::Ipv4Addr::LOCALHOST, port)).ok();
        client.is_some()
    });
    let mut client = client.expect("it was connected");
    let info = client.ask("INFO server").text();
    let pid = info.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap().trim();
    let written = std::fs::read_to_string(&pid_file).unwrap_or_default();
    let stream = std::fs::read_link(format!("/proc/{pid}/fd/1"));
    let killed = std::process::Command::new("kill").arg(pid).status().unwrap();
    assert!(killed.success());
    assert_ne!(pid, starter.pid().to_string());
    assert_eq!(written.trim(), pid);
    // It has left the streams of whoever has started it.
    assert_eq!(stream.unwrap().to_str(), Some("/dev/null"));
    // Nobody may be there to take note of its end.
    let has_ended = || !std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
    eventually("the process ends", has_ended);
    assert!(!pid_file.exists());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.to_lowercase().contains("ready to accept connections"), "{log}");
}
