//! Every signal that can be caught, treated as redis-server treats it.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use testkit::{Client, Server, Value};

use crate::scene::{PATIENCE, eventually, is_oracle, shoal, skip_if, start, with_shards};
use crate::sys;

/// What the server leaves of itself when it dies of a signal must not be a core file in the folder of the
/// tests.
fn start_without_core(shards: usize, args: &[&str]) -> Server {
    shoal(shards).wrapper(["prlimit", "--core=0:0"]).args(args).start()
}

#[track_caller]
fn dies_of(server: &mut Server, signal: libc::c_int) {
    sys::signal(server.pid(), signal);
    let status = server.wait_for_exit(PATIENCE).unwrap_or_else(|| panic!("it survives signal {signal}"));
    assert_eq!(status.signal(), Some(signal), "{status:?}: {}", server.log());
}

#[test]
fn a_closed_terminal_a_timer_and_a_broken_pipe_end_nothing() {
    with_shards(&[1, 3], |shards| {
        let mut server = start(shards, "");
        let mut client = server.client();
        assert_eq!(client.ask("SET key value"), Value::ok());
        for signal in [libc::SIGHUP, libc::SIGALRM, libc::SIGPIPE] {
            sys::signal(server.pid(), signal);
            for _ in 0..20 {
                assert_eq!(client.ask("GET key"), Value::bulk("value"), "after signal {signal}");
            }
            assert!(server.is_running(), "signal {signal}: {}", server.log());
        }
    });
}

#[test]
fn a_crash_is_told_in_the_log_before_the_process_dies_of_it() {
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT] {
        let mut server = start_without_core(2, &[]);
        dies_of(&mut server, signal);
        let expected = format!("crashed by signal: {signal}");
        assert!(server.log().contains(&expected), "{expected} in {}", server.log());
        let pid = std::process::id();
        assert!(server.log().contains(&format!("Killed by PID: {pid}")), "{}", server.log());
    }
}

#[test]
fn a_crash_is_told_in_the_log_file() {
    let mut server = start_without_core(2, &["--logfile", "shoal.log"]);
    dies_of(&mut server, libc::SIGSEGV);
    let log = std::fs::read_to_string(server.dir().join("shoal.log")).unwrap();
    assert!(log.contains("crashed by signal: 11"), "{log}");
}

#[test]
fn other_signals_do_what_they_do_by_default() {
    for signal in [libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2, libc::SIGXCPU, libc::SIGPROF, libc::SIGIO] {
        dies_of(&mut start_without_core(2, &[]), signal);
    }
    let mut server = start(2, "");
    for signal in [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH] {
        sys::signal(server.pid(), signal);
        assert_eq!(server.client().ask("PING"), Value::simple("PONG"), "after signal {signal}");
    }
    assert!(server.is_running());
}

#[test]
fn a_second_interrupt_ends_a_server_that_a_command_holds_up() {
    if skip_if(is_oracle(), "the first signal ends Redis's DEBUG SLEEP, so there is no time for a second one")
    {
        return;
    }
    with_shards(&[1, 2], |shards| {
        for first in [libc::SIGINT, libc::SIGTERM] {
            let mut server = start(shards, "--enable-debug-command yes");
            let mut sleeper = server.client();
            sleeper.send_raw("DEBUG SLEEP 60\r\n");
            eventually("nobody is served", || {
                let mut client = server.client();
                client.set_timeout(Duration::from_millis(300));
                client.try_cmd(&["PING"]).is_err()
            });
            sys::signal(server.pid(), first);
            eventually("the first signal is told", || server.log().contains("scheduling shutdown..."));
            assert!(server.is_running(), "{}", server.log());
            sys::signal(server.pid(), libc::SIGINT);
            let status = server.wait_for_exit(PATIENCE).expect("the second signal ends it");
            assert_eq!(status.code(), Some(1), "{}", server.log());
            assert!(server.log().contains("You insist... exiting now."), "{}", server.log());
        }
    });
}

#[test]
fn memory_that_the_system_refuses_is_told_with_what_to_do() {
    let mut server =
        shoal(2).wrapper(["prlimit", "--core=0:0", "--as=600000000"]).args(["--maxmemory", "0"]).start();
    let value = "v".repeat(30_000_000);
    for number in 0..60 {
        let Ok(mut client) = Client::connect(server.addr()) else { break };
        if client.try_cmd(&["SET", &format!("key:{number}"), &value]).is_err() {
            break;
        }
    }
    let status = server.wait_for_exit(PATIENCE).expect("without memory it cannot go on");
    let log = server.log();
    assert!(!status.success(), "{log}");
    assert!(log.contains("Out Of Memory allocating "), "{log}");
    assert!(log.contains("crashed by signal: "), "{log}");
    // Redis ends by a fault that it causes itself.
    if !is_oracle() {
        assert_eq!(status.signal(), Some(libc::SIGABRT), "{log}");
        assert!(log.contains(" bytes resident"), "what is used: {log}");
        assert!(log.contains("Set maxmemory to less than it may use") && log.contains("ulimit -v"), "{log}");
    }
}
