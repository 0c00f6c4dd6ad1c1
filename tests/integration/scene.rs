//! What every scene of these tests is made of: the server under test with a number of shards, a written
//! dialogue with it, waits that end, and reasons for leaving a test out. It must not know any command.

use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{Client, Server, ServerBuilder};

/// How long a state may take to come about.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The server under test with `shards` workers, not yet started.
pub(crate) fn shoal(shards: usize) -> ServerBuilder {
    testkit::shoal!().shards(shards)
}

/// The server under test, started with further arguments that are separated by spaces in `args`.
#[track_caller]
pub(crate) fn start(shards: usize, args: &str) -> Server {
    shoal(shards).args(args.split_ascii_whitespace()).start()
}

/// Runs `test` once for each number of shards; once only for a server that has no shards.
pub(crate) fn with_shards(counts: &[usize], test: impl Fn(usize)) {
    let counts = if is_oracle() { &counts[..1] } else { counts };
    for &shards in counts {
        println!("with {shards} shards");
        test(shards);
    }
}

/// What the program under test prints for `--version`.
fn version() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let output = Command::new(testkit::binary::shoal(option_env!("CARGO_BIN_EXE_shoal")))
            .arg("--version")
            .output()
            .expect("the binary under test can be started");
        String::from_utf8_lossy(&output.stdout).into_owned()
    })
}

/// `SHOAL_BIN` names a redis-server or valkey-server: the expectations themselves are under test.
pub(crate) fn is_oracle() -> bool {
    version().starts_with("Redis server") || version().starts_with("Valkey server")
}

/// `SHOAL_BIN` names a redis-server that lacks what Redis 7.2 added.
pub(crate) fn is_redis_70() -> bool {
    version().starts_with("Redis server v=7.0.")
}

/// Passes `condition` on, with a line that says why the calling test does nothing when it is true.
pub(crate) fn skip_if(condition: bool, reason: &str) -> bool {
    if condition {
        println!("skipped: {reason}");
    }
    condition
}

/// Tests that need much memory, many descriptors or all cores hold this, so that no two of them run at once.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static HEAVY: Mutex<()> = Mutex::new(());
    HEAVY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends each line and compares the reply, as redis-cli would print it, with what stands beside the line.
#[track_caller]
pub(crate) fn dialogue(client: &mut Client, lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        assert_eq!(client.ask(line).to_string(), *expected, "the reply to {line}");
    }
}

/// Waits until `reached` holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "this did not happen: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The number of entries of CLIENT LIST, the asking client included.
#[track_caller]
pub(crate) fn client_count(client: &mut Client) -> usize {
    client.ask("CLIENT LIST").text().lines().count()
}

/// Open descriptors of a server.
pub(crate) fn descriptors(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("the server runs").count()
}

/// Everything that comes until the server closes, as text.
#[track_caller]
pub(crate) fn last_words(client: &mut Client) -> String {
    String::from_utf8_lossy(&client.recv_until_closed()).into_owned()
}
