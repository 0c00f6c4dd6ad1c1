//! SAVE, BGSAVE, save points and the end of a server that saves: what the file has, judged by redis-server,
//! and what happens when it cannot be written.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use testkit::{Client, Kind, Server, StopSignal, Value};

use crate::scene::{eventually, shoal, with_shards};
use crate::sys::signal;

/// A server of Redis that starts with this file.
fn redis_with(file: &Path) -> Server {
    let directory = file.parent().expect("a file lies in a directory").to_str().expect("a plain name");
    let name = file.file_name().and_then(|name| name.to_str()).expect("a plain name");
    Server::builder(Kind::Redis).args(["--dir", directory, "--dbfilename", name]).start()
}

fn persistence(client: &mut Client, field: &str) -> String {
    let info = client.ask("INFO persistence").to_string();
    let line = info
        .split("\\r\\n")
        .flat_map(|line| line.split("\r\n"))
        .find(|line| line.strip_prefix(field).is_some_and(|rest| rest.starts_with(':')));
    line.map(|line| line[field.len() + 1..].to_owned()).unwrap_or_else(|| panic!("no {field} in {info}"))
}

fn wait_for_save(client: &mut Client, count: u64) {
    eventually("the save has ended", || {
        persistence(client, "rdb_bgsave_in_progress") == "0"
            && persistence(client, "rdb_saves").parse::<u64>().is_ok_and(|saves| saves >= count)
    });
}

/// Keys of all types, small and large, in two databases; some are to expire.
fn fill(client: &mut Client) {
    for db in [0, 3] {
        client.cmd(&["SELECT", &db.to_string()]);
        for number in 0..300 {
            client.cmd(&["SET", &format!("string:{number}"), &"value ".repeat(number)]);
        }
        client.cmd(&["PEXPIREAT", "string:7", "33177117420000"]);
        for size in [3, 600] {
            let members: Vec<String> = (0..size).map(|number| format!("member:{number}")).collect();
            let of = |command: &str, key: &str, words: Vec<String>| {
                let mut all = vec![command.to_owned(), format!("{key}:{size}")];
                all.extend(words);
                all
            };
            let pairs: Vec<String> = members
                .iter()
                .enumerate()
                .flat_map(|(number, member)| [number.to_string(), member.clone()])
                .collect();
            client.cmd(&of("RPUSH", "list", members.clone()));
            client.cmd(&of("SADD", "set", members.clone()));
            client.cmd(&of("SADD", "numbers", (0..size).map(|number| number.to_string()).collect()));
            client.cmd(&of("HSET", "hash", pairs.clone()));
            client.cmd(&of("ZADD", "sorted", pairs));
        }
    }
    client.cmd(&["SELECT", "0"]);
}

/// What tells whether two servers have the same: each key with its type, expire and value.
fn told(client: &mut Client) -> Vec<String> {
    let mut all = Vec::new();
    for db in ["0", "3"] {
        client.cmd(&["SELECT", db]);
        let keys = client.cmd(&["KEYS", "*"]).to_string();
        let mut keys: Vec<String> =
            keys.split('"').filter(|word| word.contains(':')).map(str::to_owned).collect();
        keys.sort();
        for key in keys {
            let kind = client.cmd(&["TYPE", &key]).to_string();
            let value = match kind.as_str() {
                text if text.contains("string") => client.cmd(&["GET", &key]),
                text if text.contains("list") => client.cmd(&["LRANGE", &key, "0", "-1"]),
                text if text.contains("zset") => client.cmd(&["ZRANGE", &key, "0", "-1", "WITHSCORES"]),
                text if text.contains("hash") => client.cmd(&["HMGET", &key, "0", "1", "2", "299", "599"]),
                _ => client.cmd(&["SORT", &key, "ALPHA"]),
            };
            let expire = client.cmd(&["PEXPIRETIME", &key]);
            all.push(format!("{db} {key} {kind} {expire} {value}"));
        }
    }
    client.cmd(&["SELECT", "0"]);
    all
}

#[test]
fn redis_server_has_the_same_keys_when_it_starts_with_a_file_of_ours() {
    with_shards(&[1, 2, 3, 7], |shards| {
        let server = shoal(shards).start();
        let mut client = server.client();
        fill(&mut client);
        assert_eq!(client.ask("BGSAVE"), Value::simple("Background saving started"));
        wait_for_save(&mut client, 1);
        let redis = redis_with(&server.dir().join("dump.rdb"));
        let (ours, theirs) = (told(&mut client), told(&mut redis.client()));
        assert!(ours.len() > 600, "{}", ours.len());
        assert!(ours == theirs, "they differ first at {:?}", ours.iter().zip(&theirs).find(|(a, b)| a != b));
        assert_eq!(client.ask("SAVE"), Value::ok());
        assert_eq!(persistence(&mut client, "rdb_changes_since_last_save"), "0");
    });
}

#[test]
fn a_file_holds_one_moment_whatever_is_written_meanwhile() {
    with_shards(&[1, 2, 3], |shards| {
        let server = shoal(shards).start();
        let mut client = server.client();
        let accounts: Vec<String> = (0..400).map(|number| format!("account:{number}")).collect();
        for account in &accounts {
            client.cmd(&["SET", account, "1000"]);
        }
        let address = server.addr();
        thread::scope(|scope| {
            for writer in 0..3usize {
                let accounts = &accounts;
                scope.spawn(move || {
                    let mut client = Client::connect(address).unwrap();
                    for round in 0..600usize {
                        let from = &accounts[(round * 7 + writer * 131) % accounts.len()];
                        let to = &accounts[(round * 13 + writer * 17 + 5) % accounts.len()];
                        client.pipeline(&[
                            vec!["MULTI"],
                            vec!["DECRBY", from.as_str(), "10"],
                            vec!["INCRBY", to.as_str(), "10"],
                            vec!["EXEC"],
                        ]);
                    }
                });
            }
            for save in 1..=4 {
                assert_eq!(client.ask("BGSAVE"), Value::simple("Background saving started"));
                wait_for_save(&mut client, save);
                let redis = redis_with(&server.dir().join("dump.rdb"));
                let mut words = vec!["MGET".to_owned()];
                words.extend(accounts.iter().cloned());
                let values = redis.client().cmd(&words).to_string();
                let numbers = values.lines().filter_map(|line| line.split('"').nth(1));
                let sum: i64 = numbers.map(|number| number.parse::<i64>().unwrap()).sum();
                assert_eq!(sum, 1000 * accounts.len() as i64, "half a transfer is in the file: {values}");
            }
        });
    });
}

#[test]
fn a_save_that_cannot_be_written_refuses_writes_until_one_can() {
    with_shards(&[1, 2], |shards| {
        let server = shoal(shards).args(["--save", "3600 1000000"]).start();
        let mut client = server.client();
        client.cmd(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "yes"]);
        client.cmd(&["SET", "key", "value"]);
        let hidden = server.dir().join("hidden");
        fs::create_dir(server.dir().join("dump.rdb")).unwrap();
        assert_eq!(client.ask("BGSAVE"), Value::simple("Background saving started"));
        eventually("the save has failed", || persistence(&mut client, "rdb_last_bgsave_status") == "err");
        for refused in ["SET key other", "PING", "DEL key"] {
            let reply = client.ask(refused).to_string();
            assert!(
                reply.contains("MISCONF Redis is configured to save RDB snapshots"),
                "{refused}: {reply}"
            );
        }
        assert_eq!(client.ask("MULTI"), Value::ok());
        assert!(client.ask("SET key other").to_string().contains("MISCONF"));
        assert!(client.ask("EXEC").to_string().contains("EXECABORT"));
        assert_eq!(client.cmd(&["GET", "key"]), Value::bulk("value"));
        let left: Vec<_> =
            fs::read_dir(server.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("temp-")), "{left:?}");
        fs::rename(server.dir().join("dump.rdb"), hidden).unwrap();
        assert_eq!(client.ask("BGSAVE"), Value::simple("Background saving started"));
        wait_for_save(&mut client, 1);
        assert_eq!(client.cmd(&["SET", "key", "other"]), Value::ok());
        assert_eq!(client.ask("PING"), Value::simple("PONG"));
    });
}

#[test]
fn a_server_with_save_points_saves_at_its_end_and_one_without_does_not() {
    with_shards(&[1, 3], |shards| {
        for (points, saves) in [("3600 1", true), ("", false)] {
            for stop in [StopSignal::Term, StopSignal::Int] {
                let mut server = shoal(shards).args(["--save", points]).start();
                server.client().cmd(&["SET", "key", "value"]);
                let status = server.stop(stop).expect("it ends");
                assert_eq!(status.code(), Some(0));
                let file = server.dir().join("dump.rdb");
                assert_eq!(file.exists(), saves, "save {points:?}: {}", server.log());
                if saves {
                    assert_eq!(redis_with(&file).client().cmd(&["GET", "key"]), Value::bulk("value"));
                }
            }
        }
    });
}

#[test]
fn shutdown_does_as_it_is_told() {
    with_shards(&[1, 2], |shards| {
        for (command, saves) in [("SHUTDOWN NOSAVE", false), ("SHUTDOWN SAVE", true), ("SHUTDOWN", false)] {
            let mut server = shoal(shards).start();
            let mut client = server.client();
            client.cmd(&["SET", "key", "value"]);
            client.send_raw(format!("{command}\r\n"));
            assert_eq!(client.recv_until_closed(), b"");
            assert_eq!(
                server.wait_for_exit(Duration::from_secs(20)).and_then(|status| status.code()),
                Some(0)
            );
            assert_eq!(server.dir().join("dump.rdb").exists(), saves, "{command}");
        }
        let mut server = shoal(shards).start();
        let mut client = server.client();
        client.cmd(&["SET", "key", "value"]);
        client.pipeline(&[["BGSAVE"], ["PING"]]);
        client.send_raw("SHUTDOWN NOSAVE\r\n");
        server.wait_for_exit(Duration::from_secs(20)).expect("it ends");
        let files = fs::read_dir(server.dir()).unwrap().map(|entry| entry.unwrap().file_name());
        assert!(!files.into_iter().any(|name| name.to_string_lossy().starts_with("temp-")), "a file is left");
        let server = shoal(shards).start();
        let mut client = server.client();
        assert_eq!(client.ask("SHUTDOWN ABORT"), Value::error("ERR No shutdown in progress."));
        for wrong in ["SHUTDOWN NOSAVE SAVE", "SHUTDOWN ABORT NOW", "SHUTDOWN what"] {
            assert_eq!(client.ask(wrong), Value::error("ERR syntax error"));
        }
    });
}

#[test]
fn a_server_that_cannot_save_at_its_end_goes_on() {
    with_shards(&[1, 2], |shards| {
        let mut server = shoal(shards).args(["--save", "3600 1"]).start();
        let mut client = server.client();
        fs::create_dir(server.dir().join("dump.rdb")).unwrap();
        client.cmd(&["SET", "key", "value"]);
        assert_eq!(client.ask("SHUTDOWN"), Value::error("ERR Errors trying to SHUTDOWN. Check logs."));
        assert_eq!(client.cmd(&["GET", "key"]), Value::bulk("value"), "{}", server.log());
        signal(server.pid(), libc::SIGTERM);
        eventually("it has tried again", || server.log().matches("can't exit").count() == 2);
        assert_eq!(client.cmd(&["GET", "key"]), Value::bulk("value"));
        fs::remove_dir(server.dir().join("dump.rdb")).unwrap();
        assert_eq!(server.stop(StopSignal::Term).and_then(|status| status.code()), Some(0));
        assert!(server.dir().join("dump.rdb").exists());
    });
}

#[test]
fn a_save_point_that_is_reached_saves() {
    with_shards(&[1, 2], |shards| {
        let server = shoal(shards).args(["--save", "1 10"]).start();
        let mut client = server.client();
        for number in 0..10 {
            client.cmd(&["SET", "key", &number.to_string()]);
        }
        wait_for_save(&mut client, 1);
        assert!(server.log().contains("10 changes in 1 seconds. Saving..."), "{}", server.log());
        assert!(server.dir().join("dump.rdb").exists());
    });
}

/// A directory in which nothing can be made is one for everybody but root.
#[test]
fn the_file_gets_permissions_as_redis_gives_them() {
    let server = shoal(2).start();
    let mut client = server.client();
    client.cmd(&["SET", "key", "value"]);
    assert_eq!(client.ask("SAVE"), Value::ok());
    let mode = fs::metadata(server.dir().join("dump.rdb")).unwrap().permissions().mode();
    assert_eq!(Permissions::from_mode(mode).mode() & 0o7133, 0, "nobody else may write it: {mode:o}");
}

#[test]
fn a_file_of_one_number_of_shards_is_loaded_on_another() {
    let mut counts = [1, 3, 7, 2].into_iter();
    let server = shoal(counts.next().unwrap()).args(["--enable-debug-command", "yes"]).start();
    let mut client = server.client();
    fill(&mut client);
    client.cmd(&["XADD", "stream", "5-1", "field", "value"]);
    client.cmd(&["XGROUP", "CREATE", "stream", "group", "0"]);
    client.cmd(&["XREADGROUP", "GROUP", "group", "consumer", "STREAMS", "stream", ">"]);
    client.cmd(&["HSET", "times", "field", "value", "other", "value"]);
    client.cmd(&["HPEXPIREAT", "times", "33177117420000", "FIELDS", "1", "field"]);
    let digest = client.ask("DEBUG DIGEST");
    assert_eq!(client.ask("SAVE"), Value::ok());
    let mut file = fs::read(server.dir().join("dump.rdb")).unwrap();
    for shards in counts {
        let directory = testkit::TempDir::new().unwrap();
        fs::write(directory.path().join("dump.rdb"), &file).unwrap();
        let directory = directory.path().to_str().unwrap();
        let server = shoal(shards).args(["--enable-debug-command", "yes", "--dir", directory]).start();
        let mut client = server.client();
        eventually("the file is loaded", || persistence(&mut client, "loading") == "0");
        assert_eq!(client.ask("DEBUG DIGEST"), digest, "{shards} shards");
        assert_eq!(client.ask("SAVE"), Value::ok());
        file = fs::read(Path::new(directory).join("dump.rdb")).unwrap();
    }
}

#[test]
fn debug_reload_brings_back_what_was_there() {
    with_shards(&[1, 2, 3], |shards| {
        let server = shoal(shards).args(["--enable-debug-command", "yes"]).start();
        let mut client = server.client();
        fill(&mut client);
        let digest = client.ask("DEBUG DIGEST");
        assert_eq!(client.ask("DEBUG RELOAD"), Value::ok());
        assert_eq!(client.ask("DEBUG DIGEST"), digest);
        client.cmd(&["SET", "string:1", "another value"]);
        client.cmd(&["SET", "of:its:own", "value"]);
        assert_eq!(client.ask("DEBUG RELOAD NOSAVE NOFLUSH MERGE"), Value::ok());
        assert_eq!(client.cmd(&["GET", "string:1"]), Value::bulk("value "));
        assert_eq!(client.cmd(&["GET", "of:its:own"]), Value::bulk("value"));
        assert_eq!(client.ask("DEBUG RELOAD NOSAVE"), Value::ok());
        assert_eq!(client.ask("DEBUG DIGEST"), digest);
        let wrong = client.ask("DEBUG RELOAD WHAT").to_string();
        assert!(wrong.contains("only supports the MERGE, NOFLUSH and NOSAVE options"), "{wrong}");
    });
}

#[test]
fn libraries_of_functions_go_from_file_to_file() {
    let redis = Server::builder(Kind::Redis).start();
    let mut client = redis.client();
    let code = "#!lua name=mylib\nredis.register_function('f', function() return 1 end)";
    assert_eq!(client.cmd(&["FUNCTION", "LOAD", code]), Value::bulk("mylib"));
    assert_eq!(client.ask("SAVE"), Value::ok());
    let directory = redis.dir().to_str().unwrap().to_owned();
    let server = shoal(2).args(["--dir", &directory]).start();
    let mut client = server.client();
    eventually("the file is loaded", || persistence(&mut client, "loading") == "0");
    client.cmd(&["SET", "key", "value"]);
    assert_eq!(client.ask("SAVE"), Value::ok());
    let again = redis_with(&redis.dir().join("dump.rdb"));
    let mut client = again.client();
    assert_eq!(client.cmd(&["FCALL", "f", "0"]).to_string(), "(integer) 1");
    assert_eq!(client.cmd(&["GET", "key"]), Value::bulk("value"));
}

#[test]
fn a_file_is_loaded_while_slots_were_being_dealt() {
    with_shards(&[2, 3], |shards| {
        let server = shoal(shards).args(["--enable-debug-command", "yes"]).start();
        let mut client = server.client();
        fill(&mut client);
        let digest = client.ask("DEBUG DIGEST");
        for round in 0..12usize {
            let dealt = client.cmd(&["DEBUG", "SLOTS-DEAL", &(1 + round % shards).to_string()]);
            assert_eq!(dealt, Value::ok());
            thread::sleep(Duration::from_millis([0, 3, 20][round % 3]));
            assert_eq!(client.ask("DEBUG RELOAD"), Value::ok(), "round {round}");
            assert_eq!(client.ask("DEBUG DIGEST"), digest, "round {round}");
        }
    });
}

#[test]
fn what_a_version_has_no_place_for_is_left_out_and_counted_once() {
    with_shards(&[1, 2, 3], |shards| {
        let server = shoal(shards).args(["--rdb-version", "10"]).start();
        let mut client = server.client();
        for number in 0..3 {
            let key = format!("hash:{number}");
            client.cmd(&["HSET", &key, "field", "value"]);
            client.cmd(&["HPEXPIREAT", &key, "33177117420000", "FIELDS", "1", "field"]);
        }
        assert_eq!(client.ask("SAVE"), Value::ok());
        assert_eq!(persistence(&mut client, "rdb_last_keys_left_out"), "3");
        let redis = redis_with(&server.dir().join("dump.rdb"));
        assert_eq!(redis.client().cmd(&["HGET", "hash:1", "field"]), Value::bulk("value"));
        client.cmd(&["CONFIG", "SET", "rdb-version-loss", "refuse"]);
        let refused = client.ask("SAVE").to_string();
        assert!(refused.contains("rdb-version-loss says that nothing may be left out"), "{refused}");
        client.cmd(&["CONFIG", "SET", "rdb-version", "auto"]);
        assert_eq!(client.ask("SAVE"), Value::ok());
        assert_eq!(persistence(&mut client, "rdb_last_keys_left_out"), "0");
    });
}

#[test]
fn flushall_removes_the_keys_from_the_file_too() {
    with_shards(&[1, 2, 3], |shards| {
        let server = shoal(shards).args(["--save", "3600 1"]).start();
        let mut client = server.client();
        let mut saves = 0;
        for flush in [&["FLUSHALL"][..], &["MULTI", "FLUSHALL ASYNC", "SET a b", "DEL a", "EXEC"]] {
            fill(&mut client);
            assert_eq!(client.ask("SAVE"), Value::ok());
            client.ask("BGSAVE");
            flush.iter().for_each(|line| drop(client.ask(line)));
            saves += 1;
            eventually("the file has no keys", || {
                let size = fs::metadata(server.dir().join("dump.rdb")).unwrap().len();
                persistence(&mut client, "rdb_bgsave_in_progress") == "0" && size < 200
            });
            let redis = redis_with(&server.dir().join("dump.rdb"));
            assert_eq!(redis.client().ask("DBSIZE").to_string(), "(integer) 0");
        }
        assert!(persistence(&mut client, "rdb_saves").parse::<u64>().unwrap() >= 2 * saves);
    });
}
