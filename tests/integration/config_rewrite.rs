//! CONFIG REWRITE as an operator uses it: what CONFIG SET has changed is there when the server starts anew
//! from the file, and so is what was set back to its default.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;

use testkit::port::PortLease;
use testkit::{Client, TempDir, Value};

use crate::bare::Bare;

/// What a directive is set to: the first of these that it takes and that changes it.
const CANDIDATES: [&str; 25] = [
    "3600",
    "511",
    "100",
    "9",
    "yes",
    "no",
    "50mb",
    "5%",
    "a \"b\" \\ '",
    "KEA",
    "60 1 30 2",
    "50 99.5",
    "nosave now",
    "1 2 3",
    "normal 1048576 0 5",
    "strict",
    "cpu",
    "verbose",
    "allkeys-lru",
    "local",
    "allchannels",
    "swapdb",
    "{title} {port}",
    "hostname",
    "name",
];

/// Directives that this test needs as they are.
const KEPT: [&str; 2] = ["bind", "requirepass"];

/// Starts a server from a file with this text, on a port of its own: the kernel may keep the last one for a
/// moment.
fn start(text: &str) -> (Bare, Client, PortLease) {
    let lease = PortLease::take().unwrap();
    let folder = TempDir::new().unwrap();
    let text = format!("port {}\n{text}", lease.port());
    std::fs::write(folder.path().join("my.conf"), text).unwrap();
    let mut server = Bare::spawn(folder, &["my.conf"]);
    server.wait_until_ready();
    let client = Client::connect((Ipv4Addr::LOCALHOST, lease.port())).unwrap();
    (server, client, lease)
}

/// What CONFIG GET shows of everything but directory and port, which are other ones for each server of this
/// test.
fn settings(client: &mut Client) -> BTreeMap<String, String> {
    let reply = client.ask("CONFIG GET *");
    let words = reply.as_slice().unwrap();
    let pairs = words.chunks(2).map(|pair| (pair[0].text(), pair[1].text()));
    pairs.filter(|(name, _)| name != "dir" && name != "port").collect()
}

/// Rewrites the file and gives its text without the lines of directory and port.
fn rewritten(client: &mut Client, folder: &Path) -> String {
    assert_eq!(client.ask("CONFIG REWRITE"), Value::ok());
    let text = std::fs::read_to_string(folder.join("my.conf")).unwrap();
    let is_kept = |line: &&str| !line.starts_with("dir ") && !line.starts_with("port ");
    text.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_was_changed_and_what_was_set_back_is_there_after_the_next_start() {
    let (server, mut client, _port) = start("bind 127.0.0.1\n");
    let before = settings(&mut client);
    for name in before.keys().filter(|name| !KEPT.contains(&name.as_str())) {
        for value in CANDIDATES {
            let _ = client.cmd(&["CONFIG", "SET", name, value]);
            if settings(&mut client)[name] != before[name] {
                break;
            }
        }
    }
    let changed = settings(&mut client);
    let names: Vec<&String> = before.keys().filter(|name| before[*name] != changed[*name]).collect();
    assert!(names.len() > 40, "these could be changed: {names:?}");
    let text = rewritten(&mut client, server.folder());
    drop(server);

    let (server, mut client, _port) = start(&text);
    assert_eq!(settings(&mut client), changed, "from\n{text}");
    for name in names {
        let set = client.cmd(&["CONFIG", "SET", name, &before[name]]);
        assert_eq!(set, Value::ok(), "{name} as it was");
    }
    assert_eq!(settings(&mut client), before);
    let text = rewritten(&mut client, server.folder());
    drop(server);

    let (_server, mut client, _port) = start(&text);
    assert_eq!(settings(&mut client), before, "from\n{text}");
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_and_the_next_try_makes_it() {
    let (server, mut client, _port) = start("bind 127.0.0.1\n");
    let path = server.folder().join("my.conf");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let refused = Value::Error("ERR Rewriting config file: Is a directory".into());
    assert_eq!(client.ask("CONFIG REWRITE"), refused);
    client.ask("MULTI");
    client.ask("CONFIG REWRITE");
    client.ask("CONFIG SET timeout 7");
    assert_eq!(client.ask("EXEC").as_slice().unwrap(), [refused, Value::ok()]);
    std::fs::remove_dir(&path).unwrap();
    let text = rewritten(&mut client, server.folder());
    assert!(text.contains("timeout 7\n"), "{text}");
    let left = std::fs::read_dir(server.folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains("rewrite")).collect();
    assert!(left.is_empty(), "{left:?}");
}
