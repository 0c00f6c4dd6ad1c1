//! Workers whose turn comes late: what clients see of it, what the log and INFO say.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use testkit::{Client, ServerBuilder, TempDir, Value};

use crate::scene::{eventually, is_oracle, shoal, skip_if, start, with_shards};

/// A client that waits for longer waits for a worker that sleeps. Redis's clients would wait for ever.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a thread loses its processor: longer than any timer of a worker or its runtime.
const LOST_MS: u32 = 120;

/// A library that takes the processor from a thread now and then.
struct Thief {
    library: PathBuf,
    /// Where it lies, until the test ends.
    _dir: TempDir,
}

impl Thief {
    fn new() -> Thief {
        let dir = TempDir::new().unwrap();
        let (source, library) = (dir.path().join("slow_enter.c"), dir.path().join("slow_enter.so"));
        std::fs::write(&source, include_str!("slow_enter.c")).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl");
        assert!(compiler.status().expect("cc, which the build needs too").success());
        Thief { library, _dir: dir }
    }

    /// The server, of whose calls of the kernel that do not wait one in so many is followed by a loss of
    /// time.
    fn robs(&self, server: ServerBuilder, one_in: u32) -> ServerBuilder {
        let preload = format!("LD_PRELOAD={}", self.library.display());
        let (ms, one_in) = (format!("SLOW_MS={LOST_MS}"), format!("SLOW_ONE_IN={one_in}"));
        server.wrapper(["env", &preload, &ms, &one_in])
    }
}

#[test]
fn a_thread_that_loses_its_processor_at_the_wrong_moment_does_not_sleep_for_ever() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    let thief = Thief::new();
    with_shards(&[1, 2, 3], |shards| {
        let server = thief.robs(shoal(shards), 10).start();
        for round in 0..60 {
            // By the kernel's choice of a worker, and over all of them.
            let mut client = Client::connect(server.addr()).unwrap();
            client.set_timeout(ANSWER_TIMEOUT);
            assert_eq!(client.ask("PING"), Value::simple("PONG"), "round {round}");
            assert_eq!(client.ask("DBSIZE"), Value::Int(0), "round {round}");
        }
    });
}

#[test]
fn a_thread_that_loses_its_processor_at_every_moment_starts_and_ends() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    let thief = Thief::new();
    with_shards(&[1, 3], |shards| {
        let server = thief.robs(shoal(shards), 1).start();
        let mut client = server.client();
        client.set_timeout(ANSWER_TIMEOUT);
        assert_eq!(client.ask("SET key value"), Value::ok());
        assert_eq!(client.ask("DBSIZE"), Value::Int(1));
    });
}

#[test]
fn a_turn_that_does_not_come_for_a_second_is_in_the_log_and_in_info() {
    if skip_if(is_oracle(), "it has no workers") {
        return;
    }
    let server = start(2, "--enable-debug-command yes");
    let mut client = server.client();
    let late = |info: Value, worker: usize| {
        let text = info.text();
        let line = text.lines().find(|line| line.starts_with(&format!("worker{worker}:"))).unwrap();
        let number = line.split(',').find_map(|field| field.strip_prefix("late_turns=")).unwrap();
        number.parse::<u64>().unwrap()
    };
    // On a loaded machine the main thread may be late, too, and then it does not judge.
    eventually("both lines of both workers are in the log", || {
        assert_eq!(client.ask("DEBUG SLEEP 3"), Value::ok());
        let log = server.log();
        let has = |worker: i32, text: &str| log.contains(&format!("Worker {worker} {text}"));
        [0, 1]
            .into_iter()
            .all(|worker| has(worker, "has not had a turn for ") && has(worker, "has turns again"))
    });
    for worker in [0, 1] {
        assert!(late(client.ask("INFO workers"), worker) >= 1, "worker {worker} counts it");
    }
}
