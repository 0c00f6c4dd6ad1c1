//! The worker without slots and without a core of its own: it costs nothing while nobody needs it, and
//! whoever is handed to it is served as anywhere.

use std::thread;
use std::time::Duration;

use testkit::{Client, Server, Value};

use crate::scene::{alone, dialogue, eventually, is_oracle, skip_if, start, with_shards};

/// The fields of INFO's section about workers.
fn worker_lines(client: &mut Client) -> Vec<String> {
    let info = client.ask("INFO workers").text();
    info.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_owned()).collect()
}

/// How often the threads of this name have gone to sleep.
fn sleeps(server: &Server, name: &str) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    let files = threads.map(|thread| thread.unwrap().path());
    let named = files.filter(|path| std::fs::read_to_string(path.join("comm")).unwrap().starts_with(name));
    let count = |path: std::path::PathBuf| {
        let status = std::fs::read_to_string(path.join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    named.map(count).sum()
}

#[test]
fn without_clients_it_sleeps_until_it_is_called() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    let _alone = alone();
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let moment = Duration::from_millis(1500);
        // The first time it rests of itself, then behind a question that has woken it.
        for _ in 0..2 {
            eventually("it rests", || {
                let before = sleeps(&server, "shoal-control");
                thread::sleep(moment);
                sleeps(&server, "shoal-control") == before
            });
            let (before, of_shard) = (sleeps(&server, "shoal-control"), sleeps(&server, "shoal-0"));
            assert!(worker_lines(&mut client).iter().any(|name| name == "control_worker"));
            assert!(sleeps(&server, "shoal-control") > before, "it has answered");
            eventually("the worker of a shard ticks", || sleeps(&server, "shoal-0") > of_shard + 3);
        }
        assert!(!server.log().contains("has not had a turn"), "{}", server.log());
    });
}

#[test]
fn info_tells_of_it_beside_the_workers_of_the_shards() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        let counts = ["active_workers", "client_workers", "spreads", "gathers", "slot_moves"];
        let mut expected = counts.map(str::to_owned).to_vec();
        expected.extend((0..shards).map(|worker| format!("worker{worker}")));
        expected.extend(["control_worker".to_owned(), "turns_by_us".to_owned()]);
        assert_eq!(worker_lines(&mut client), expected);
        assert!(client.ask("INFO server").text().contains(&format!("\r\nshards:{shards}\r\n")));
    });
}

#[test]
fn it_never_owns_a_slot() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    with_shards(&[1, 3], |shards| {
        let server = start(shards, "--enable-debug-command yes");
        let mut client = server.client();
        let refusal = format!("ERR there is no shard {shards}: they are 0 to {}", shards - 1);
        for worker in [0, shards] {
            assert_eq!(client.ask(&format!("DEBUG HANDOVER {worker}")), Value::ok());
            assert_eq!(client.ask(&format!("DEBUG SLOT-MOVE 7 {shards}")), Value::error(&refusal));
            assert_eq!(client.ask(&format!("DEBUG SLOT-MOVE 7 {}", shards - 1)), Value::ok());
        }
    });
}

#[test]
fn its_clients_are_served_as_those_of_other_workers() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    with_shards(&[1, 2, 3], |shards| {
        let server = start(shards, "--enable-debug-command yes");
        let mut client = server.client();
        assert_eq!(client.ask(&format!("DEBUG HANDOVER {shards}")), Value::ok());
        dialogue(
            &mut client,
            &[
                ("SET a 1", "OK"),
                ("MSET b 2 c 3 d 4", "OK"),
                ("MGET a b c d e", "1) \"1\"\n2) \"2\"\n3) \"3\"\n4) \"4\"\n5) (nil) as a bulk string"),
                ("DBSIZE", "(integer) 4"),
                ("RANDOMKEY x", "(error) ERR wrong number of arguments for 'randomkey' command"),
                ("BITOP OR to a b c", "(integer) 1"),
                ("RPUSH list 3 1 2", "(integer) 3"),
                ("MSET w_1 30 w_2 20 w_3 10", "OK"),
                ("SORT list BY w_*", "1) \"3\"\n2) \"2\"\n3) \"1\""),
                ("BLPOP list none 0", "1) \"list\"\n2) \"3\""),
                ("BLPOP none nothing 0.01", "(nil) as an array"),
                ("WATCH a b", "OK"),
                ("MULTI", "OK"),
                ("INCR a", "QUEUED"),
                ("DBSIZE", "QUEUED"),
                ("CLIENT NO-TOUCH on", "QUEUED"),
                ("GET b", "QUEUED"),
                ("EXEC", "1) (integer) 2\n2) (integer) 9\n3) OK\n4) \"2\""),
                ("CONFIG SET maxmemory 100mb", "OK"),
                ("PUBLISH channel message", "(integer) 0"),
                ("SWAPDB 0 1", "OK"),
                ("DBSIZE", "(integer) 0"),
                ("SELECT 1", "OK"),
                ("SCAN 0 COUNT 1000 MATCH w_1", "1) \"0\"\n2) 1) \"w_1\""),
                ("EXISTS a b c d", "(integer) 4"),
                ("FLUSHALL", "OK"),
                ("KEYS *", "(empty array)"),
                ("XREAD STREAMS", "(error) ERR wrong number of arguments for 'xread' command"),
                ("MULTI", "OK"),
                ("SET x y", "QUEUED"),
                ("FLUSHDB", "QUEUED"),
                ("EXEC", "1) OK\n2) OK"),
                ("GET x", "(nil) as a bulk string"),
            ],
        );
        let mut other = server.client();
        assert_eq!(client.ask("WATCH x"), Value::ok());
        assert_eq!(other.ask("SELECT 1"), Value::ok());
        assert_eq!(other.ask("SET x 1"), Value::ok());
        assert_eq!(client.ask("MULTI"), Value::ok());
        assert_eq!(client.ask("PING"), Value::simple("QUEUED"));
        assert_eq!(client.ask("EXEC"), Value::NullArray);
    });
}

#[test]
fn a_flush_of_its_client_is_told_to_those_who_keep_copies() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    with_shards(&[1, 2, 3], |shards| {
        let server = start(shards, "--enable-debug-command yes");
        let mut client = server.client();
        assert_eq!(client.ask(&format!("DEBUG HANDOVER {shards}")), Value::ok());
        let mut readers: Vec<Client> = (0..4).map(|_| server.client_resp3()).collect();
        for flush in ["FLUSHALL", "FLUSHDB"] {
            for reader in &mut readers {
                assert_eq!(reader.ask("CLIENT TRACKING on"), Value::ok());
                assert_eq!(reader.ask("GET key"), Value::Null);
            }
            assert_eq!(client.ask(flush), Value::ok());
            for reader in &mut readers {
                let told = Value::Push(vec![Value::bulk("invalidate"), Value::Null]);
                assert_eq!(reader.recv(), told, "{flush} on {shards} shards");
                assert_eq!(reader.ask("PING"), Value::simple("PONG"));
            }
        }
    });
}

#[test]
fn a_command_that_holds_up_all_shards_does_not_hold_it_up() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    with_shards(&[1, 3], |shards| {
        let mut server = start(shards, "--enable-debug-command yes");
        let mut client = server.client();
        assert_eq!(client.ask(&format!("DEBUG HANDOVER {shards}")), Value::ok());
        assert_eq!(client.ask("PING"), Value::simple("PONG"));
        let mut sleeper = server.client();
        sleeper.send_raw("DEBUG SLEEP 60\r\n");
        eventually("no shard answers", || {
            let mut probe = server.client();
            probe.set_timeout(Duration::from_millis(300));
            probe.try_cmd(&["PING"]).is_err()
        });
        for _ in 0..20 {
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
        }
        crate::sys::signal(server.pid(), libc::SIGKILL);
        server.wait_for_exit(crate::scene::PATIENCE).expect("it has been killed");
    });
}
