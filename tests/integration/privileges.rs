//! A server that is not given what it needs: io_uring, open files, locked memory. It copes, or it says what
//! to do.

use std::thread;

use testkit::{Client, Kind, Server, TempDir, Value};

use crate::bare::Bare;
use crate::scene::{alone, eventually, is_oracle, last_words, shoal, skip_if, with_shards};
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
        assert!(open_files_limit(&server) > 500);
    });
}

#[test]
fn more_clients_than_there_can_be_descriptors_are_not_promised() {
    with_shards(&[1, 2], |shards| {
        let server = shoal(shards).wrapper(["prlimit", "--nofile=400:400"]).start();
        let mut client = server.client();
        let maxclients = |client: &mut Client| {
            client.ask("CONFIG GET maxclients").as_slice().unwrap()[1].text().parse::<usize>().unwrap()
        };
        let before = maxclients(&mut client);
        let reply = client.ask("CONFIG SET maxclients 5000");
        if reply == Value::ok() {
            assert!(open_files_limit(&server) > 5000, "they are promised without descriptors for them");
            return;
        }
        let expected = format!(
            "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to \
             handle the specified number of clients, try with {before}"
        );
        assert_eq!(reply, Value::error(&expected));
        assert_eq!(maxclients(&mut client), before);
        for possible in [before - 1, before] {
            assert_eq!(client.ask(&format!("CONFIG SET maxclients {possible}")), Value::ok());
        }
        let reply = client.ask(&format!("CONFIG SET maxclients {}", before + 1));
        assert_eq!(reply, Value::error(&expected));
    });
}

#[test]
fn more_clients_raise_the_limit_of_open_files() {
    if skip_if(sys::raise_descriptor_limit() < 3_000, "the hard limit of open files is below 3000") {
        return;
    }
    let server = shoal(2).wrapper(["prlimit", "--nofile=300:"]).args(["--maxclients", "100"]).start();
    assert_eq!(server.client().ask("CONFIG SET maxclients 2000"), Value::ok());
    assert!(open_files_limit(&server) > 2000);
}

/// The soft limit of open files of a server.
fn open_files_limit(server: &Server) -> usize {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_ascii_whitespace().nth(3).unwrap().parse().unwrap()
}

/// A program that starts its arguments without the right to lock as much memory as it likes, if it has that
/// right.
fn without_the_right_to_lock(limit_bytes: u64) -> Vec<String> {
    let is_root = std::process::Command::new("setpriv").args(["--bounding-set=-ipc_lock", "true"]).status();
    let mut words: Vec<String> = Vec::new();
    if is_root.is_ok_and(|status| status.success()) {
        words.extend(["setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock"].map(str::to_owned));
    }
    words.extend(["prlimit".to_owned(), format!("--memlock={limit_bytes}:{limit_bytes}")]);
    words
}

#[test]
fn sixty_four_workers_find_room_in_8_mb_of_locked_memory() {
    if skip_if(is_oracle(), "redis-server has one thread and locks no memory") {
        return;
    }
    let _alone = alone();
    // Servers of other tests count too, so a few workers less than fit alone.
    let server = shoal(48).wrapper(without_the_right_to_lock(8 << 20)).start();
    assert_eq!(server.client().ask("DBSIZE"), Value::Int(0));
    assert!(!server.log().contains("registering buffers"), "{}", server.log());
}

#[test]
fn a_start_that_finds_too_little_locked_memory_ends_and_says_what_to_do() {
    if skip_if(is_oracle(), "redis-server locks no memory") {
        return;
    }
    for _ in 0..4 {
        let builder = || shoal(60).wrapper(without_the_right_to_lock(2 << 20));
        // Before Linux 6.14 rings do not count.
        if builder().try_start().is_ok() {
            continue;
        }
        let exit = builder().spawn_expecting_failure();
        assert_eq!(exit.status.code(), Some(1), "{}", exit.output);
        let warning = "60 workers and the control worker may need up to 6612 kB of locked memory, and 'ulimit -l' allows 2048 kB";
        assert!(exit.output.contains(warning), "{}", exit.output);
        let error = "There is not enough locked memory for the io_uring of worker ";
        assert_eq!(exit.output.matches(error).count(), 1, "{}", exit.output);
        assert!(exit.output.contains("Raise it to 6612 kB"), "{}", exit.output);
        assert!(!exit.output.contains("panicked"), "{}", exit.output);
    }
}

#[test]
fn a_signal_ends_a_server_that_is_still_starting() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let words = ["--port", "0", "--unixsocket", "socket", "--shards", "100"];
        let words = if is_oracle() { &words[..4] } else { &words[..] };
        let mut server = Bare::spawn(TempDir::new().unwrap(), words);
        eventually("it has begun to start", || server.log().contains("just started"));
        sys::signal(server.pid(), signal);
        assert_eq!(server.wait().code(), Some(0), "{}", server.log());
        assert!(server.log().contains("Received SIG"), "{}", server.log());
    }
}

#[test]
fn a_machine_without_sys_is_no_obstacle() {
    let words = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /sys && exec \"$@\"", "sh"];
    let is_possible = std::process::Command::new(words[0]).args(&words[1..]).arg("true").status();
    if skip_if(!is_possible.is_ok_and(|status| status.success()), "a mount needs the rights of root") {
        return;
    }
    with_shards(&[1, 2], |shards| {
        let server = shoal(shards).wrapper(words).start();
        assert_eq!(server.client().ask("DBSIZE"), Value::Int(0));
        assert!(!server.log().contains("panicked"), "{}", server.log());
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
