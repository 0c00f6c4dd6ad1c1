//! A server that is not given what it needs: io_uring, open files, locked memory. It copes, or it says what to do.

use std::thread;

use testkit::{Kind, Server, Value};

use crate::scene::{alone, is_oracle, last_words, shoal, skip_if, with_shards};
use crate::sys;

#[test]
fn without_io_uring_the_server_says_so_and_what_to_do() {
    if skip_if(is_oracle(), "redis-server does not use io_uring") {
        return;
    }
    with_shards(&[1, 2], |shards| {
        // The filter stays with the thread, and goes to the server that it starts.
        let exit = thread::spawn(move || {
            sys::forbid_io_uring().expect("any process may restrict itself");
            shoal(shards).spawn_expecting_failure()
        });
        let exit = exit.join().unwrap();
        assert!(exit.status.code().is_some_and(|code| code != 0), "{:?}", exit.status);
        let output = exit.output.to_lowercase();
        assert!(output.contains("io_uring"), "{output}");
        assert!(output.contains("seccomp"), "what to do about it: {output}");
        assert!(output.contains("kernel.io_uring_disabled"), "what to do about it: {output}");
        assert!(!output.contains("panicked"), "{output}");
    });
}

#[test]
fn the_filter_of_these_tests_forbids_nothing_else() {
    // Without this, the test above could pass because the server cannot start at all.
    let oracle = thread::spawn(|| {
        sys::forbid_io_uring().expect("any process may restrict itself");
        Server::builder(Kind::Redis).start()
    });
    assert_eq!(oracle.join().unwrap().client().ask("PING"), Value::simple("PONG"));
}

#[test]
fn a_low_hard_limit_of_open_files_lowers_maxclients() {
    with_shards(&[1, 2], |shards| {
        let server = shoal(shards).wrapper(["prlimit", "--nofile=200:200"]).start();
        let mut client = server.client();
        let reply = client.ask("CONFIG GET maxclients");
        let allowed: usize = reply.as_slice().unwrap()[1].text().parse().unwrap();
        assert!((1..200).contains(&allowed), "{allowed}");
        let log = server.log();
        let expected = format!(
            "Current maximum open files is 200. maxclients has been reduced to {allowed} to compensate for low ulimit. \
             If you need higher maxclients increase 'ulimit -n'."
        );
        assert!(log.contains("You requested maxclients of 10000 requiring at least"), "{log}");
        assert!(log.contains(&expected), "{expected} in {log}");
        if is_oracle() {
            assert_eq!(allowed, 200 - 32);
        }
    });
}

#[test]
fn a_server_with_few_descriptors_refuses_the_client_after_the_last() {
    let _alone = alone();
    with_shards(&[1, 2], |shards| {
        let server = shoal(shards).wrapper(["prlimit", "--nofile=200:200"]).start();
        let mut clients = Vec::new();
        // The bound of maxclients is what stops us, so a descriptor is left to tell the next one.
        let refusal = loop {
            let mut client = server.client();
            match client.try_cmd(&["PING"]) {
                Ok(reply) if reply == Value::simple("PONG") => clients.push(client),
                Ok(reply) => break reply.text(),
                Err(error) => panic!("client {} is neither served nor refused: {error}", clients.len()),
            }
            assert!(clients.len() < 200);
        };
        assert_eq!(refusal, "ERR max number of clients reached");
        assert_eq!(last_words(&mut server.client()), format!("-{refusal}\r\n"));
        assert_eq!(clients[0].ask("PING"), Value::simple("PONG"));
    });
}

#[test]
fn a_hopeless_limit_of_open_files_is_an_error() {
    with_shards(&[1, 2], |shards| {
        let exit = shoal(shards).wrapper(["prlimit", "--nofile=16:16"]).spawn_expecting_failure();
        assert!(exit.status.code().is_some_and(|code| code != 0), "{:?}: {}", exit.status, exit.output);
        assert!(exit.output.contains("Your current 'ulimit -n' of 16 is not enough"), "{}", exit.output);
        assert!(exit.output.contains("Please increase your open file limit to at least"), "{}", exit.output);
    });
}

#[test]
fn a_low_soft_limit_of_open_files_is_raised() {
    if skip_if(sys::raise_descriptor_limit() < 1_000, "the hard limit of open files is below 1000") {
        return;
    }
    with_shards(&[1, 2], |shards| {
        let args = ["--maxclients", "500"];
        let server = shoal(shards).wrapper(["prlimit", "--nofile=100:"]).args(args).start();
        let reply = server.client().ask("CONFIG GET maxclients");
        assert_eq!(reply, Value::array([Value::bulk("maxclients"), Value::bulk("500")]));
        assert!(server.log().contains("Increased maximum number of open files to"), "{}", server.log());
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let soft: usize = line.split_ascii_whitespace().nth(3).unwrap().parse().unwrap();
        assert!(soft > 500, "{line}");
    });
}

#[test]
fn without_lockable_memory_the_server_runs_or_says_what_is_missing() {
    with_shards(&[1, 2], |shards| {
        let builder = || shoal(shards).wrapper(["prlimit", "--memlock=0:0"]);
        match builder().try_start() {
            Ok(server) => {
                let mut client = server.client();
                let value = "v".repeat(1 << 20);
                assert_eq!(client.cmd(&["SET", "key", &value]), Value::ok());
                assert_eq!(client.cmd(&["GET", "key"]), Value::bulk(&value));
            }
            Err(_) => {
                let exit = builder().spawn_expecting_failure();
                assert!(exit.status.code().is_some_and(|code| code != 0), "{:?}", exit.status);
                let output = exit.output.to_lowercase();
                assert!(output.contains("ulimit -l") || output.contains("memlock"), "{output}");
                assert!(!output.contains("panicked"), "{output}");
            }
        }
    });
}
