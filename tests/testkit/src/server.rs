//! A server process for one test: started on a free port in a folder of its own, waited for, and stopped by
//! its process id. This file must not know what is tested.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::binary;
use crate::client::Client;
use crate::port::PortLease;
use crate::process;
use crate::temp_dir::TempDir;

/// How long a server may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a server may take to go after SIGTERM before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Shards of a test's server that does not ask for another number. Each takes locked memory, of which a
/// normal user has 8 MB for the servers of all tests that run at once.
pub const SHARDS_OF_TESTS: usize = 2;
/// Lines of the log that a failed test shows.
const LOG_LINES_SHOWN: usize = 40;

/// Which server to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The server under test. When `SHOAL_BIN` names a redis-server or valkey-server, that runs in its place,
    /// without the options that only shoal has.
    Shoal,
    /// The real Redis: the oracle.
    Redis,
    /// Valkey: the rival.
    Valkey,
    /// kevy: the rival that is nearest in kind, with a thread for each core. Only benchmarks run it.
    Kevy,
}

/// A signal that asks a server to stop in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGTERM, as from systemd or kill.
    Term,
    /// SIGINT, as from Ctrl-C.
    Int,
}

/// How to start a server.
#[derive(Clone, Debug)]
pub struct ServerBuilder {
    kind: Kind,
    built_binary: Option<String>,
    wrapper: Vec<OsString>,
    args: Vec<OsString>,
    shards: Option<usize>,
    all_workers_take_clients: bool,
    unix_socket: bool,
}

/// A server that did not stay: how it ended and what it wrote.
#[derive(Debug)]
pub struct Exit {
    /// The exit status.
    pub status: ExitStatus,
    /// Standard output and standard error, in the order they were written.
    pub output: String,
}

/// A running server. Stopped, and its folder removed, at drop.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: PortLease,
    unix_path: Option<PathBuf>,
    log_path: PathBuf,
    dir: TempDir,
}

impl ServerBuilder {
    /// The binary that cargo built for the calling test; the macro [`crate::shoal`] fills it in.
    #[must_use]
    pub fn built_binary(mut self, path: Option<&str>) -> ServerBuilder {
        self.built_binary = path.map(str::to_owned);
        self
    }

    /// Number of workers (`--shards`, kevy's `--threads`); without it, the server's default. Ignored for
    /// other servers.
    #[must_use]
    pub fn shards(mut self, count: usize) -> ServerBuilder {
        self.shards = Some(count);
        self
    }

    /// Leaves it to shoal which workers have slots and take clients, as when a user starts it. Otherwise all
    /// of those that [`ServerBuilder::shards`] asks for do, so that the few clients of a test are served by
    /// every one of them, and their keys lie on all.
    #[must_use]
    pub fn default_client_workers(mut self) -> ServerBuilder {
        self.all_workers_take_clients = false;
        self
    }

    /// Appends arguments of the command line, as `["--maxclients", "10"]`. A `--bind` among them replaces the
    /// default, the IPv4 loopback address.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> ServerBuilder {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Listens on a unix socket in the server's folder as well.
    #[must_use]
    pub fn unix_socket(mut self) -> ServerBuilder {
        self.unix_socket = true;
        self
    }

    /// Pins the whole process to these cores, as taskset takes them: `"1"`, `"0,1"`, `"2-3"`.
    #[must_use]
    pub fn cpus(self, list: &str) -> ServerBuilder {
        self.wrapper(["taskset", "--cpu-list", list])
    }

    /// Starts the server through a program that ends by executing its remaining arguments in its own place,
    /// as `["prlimit", "--nofile=64"]` does; the process id stays the server's.
    #[must_use]
    pub fn wrapper<A: AsRef<OsStr>>(mut self, program: impl IntoIterator<Item = A>) -> ServerBuilder {
        self.wrapper.extend(program.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Panics
    /// When it cannot be started or does not answer in time; the message holds its log.
    #[track_caller]
    pub fn start(self) -> Server {
        let kind = self.kind;
        self.try_start().unwrap_or_else(|error| panic!("{kind:?} does not start: {error}"))
    }

    /// Starts the server and waits until it answers PING, be it with an error (a password is needed).
    ///
    /// # Errors
    /// When the binary is missing, the server ends, or does not answer in time; the message holds its log.
    pub fn try_start(self) -> io::Result<Server> {
        let mut server = self.spawn()?;
        match server.wait_until_ready() {
            Ok(()) => Ok(server),
            Err(error) => Err(io::Error::new(error.kind(), format!("{error}\n{}", server.log_tail()))),
        }
    }

    /// Starts the server and does not wait for it: it may not be listening yet, or be loading its data.
    ///
    /// # Panics
    /// When it cannot be started at all.
    #[must_use]
    pub fn start_without_waiting(self) -> Server {
        self.spawn().unwrap_or_else(|error| panic!("cannot be started: {error}"))
    }

    /// Starts the server where it must refuse to run, and returns how it ended.
    ///
    /// # Panics
    /// When it cannot be started at all, or still runs after a bounded time.
    #[track_caller]
    pub fn spawn_expecting_failure(self) -> Exit {
        let mut server = self.spawn().unwrap_or_else(|error| panic!("cannot be started: {error}"));
        match server.wait_for_exit(START_TIMEOUT) {
            Some(status) => Exit { status, output: server.log() },
            None => panic!("the server runs although it should have refused to\n{}", server.log_tail()),
        }
    }

    fn spawn(self) -> io::Result<Server> {
        let binary = match self.kind {
            Kind::Shoal => binary::shoal(self.built_binary.as_deref()),
            Kind::Redis => binary::redis(),
            Kind::Valkey => binary::valkey().ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::NotFound,
                    "no valkey-server: set VALKEY_SERVER or make .venv-valkey",
                )
            })?,
            Kind::Kevy => binary::kevy().ok_or_else(|| {
                io::Error::new(io::ErrorKind::NotFound, "no kevy: set KEVY_SERVER or make bench-kevy")
            })?,
        };
        let dir = TempDir::new()?;
        let port = PortLease::take()?;
        let unix_path = self.unix_socket.then(|| dir.path().join("socket"));
        let log_path = dir.path().join("output.log");
        let log = File::create(&log_path)?;
        let words = self.command_words(&binary, port.port(), unix_path.as_deref());
        let child = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(dir.path())
            // What the tests expect in the log must not depend on the environment of whoever runs them.
            .env_remove("SHOAL_LOG")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", words[0].display())))?;
        Ok(Server { child, port, unix_path, log_path, dir })
    }

    fn command_words(&self, binary: &Path, port: u16, unix_path: Option<&Path>) -> Vec<OsString> {
        let mut words = self.wrapper.clone();
        words.push(binary.into());
        words.extend(["--port".into(), port.to_string().into()]);
        if !self.args.iter().any(|arg| arg == "--bind") {
            words.extend(["--bind".into(), Ipv4Addr::LOCALHOST.to_string().into()]);
        }
        let shards = self.shards.map(|count| OsString::from(count.to_string()));
        match (self.kind, shards) {
            (Kind::Kevy, shards) => {
                words.push("--no-aof".into());
                words.extend(shards.into_iter().flat_map(|count| ["--threads".into(), count]));
            }
            (Kind::Shoal, shards) if !is_oracle(binary) => {
                words.extend(["--save", ""].map(OsString::from));
                if let Some(count) = shards {
                    words.extend(["--shards".into(), count.clone()]);
                    if self.all_workers_take_clients {
                        words.extend(["--workers-by-load".into(), "no".into()]);
                        words.extend(["--client-workers".into(), count]);
                    }
                }
            }
            _ => words.extend(["--save", "", "--appendonly", "no"].map(OsString::from)),
        }
        if let Some(path) = unix_path {
            words.extend(["--unixsocket".into(), path.into()]);
        }
        words.extend(self.args.iter().cloned());
        words
    }
}

/// A server that does not know shoal's own options.
fn is_oracle(binary: &Path) -> bool {
    let name = binary.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.starts_with("redis-server") || name.starts_with("valkey-server")
}

impl Server {
    /// How to start a server of this kind: nothing is saved to disk, and it listens on a free port of the
    /// loopback address.
    pub fn builder(kind: Kind) -> ServerBuilder {
        ServerBuilder {
            kind,
            built_binary: None,
            wrapper: Vec::new(),
            args: Vec::new(),
            shards: None,
            all_workers_take_clients: true,
            unix_socket: false,
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port.port()
    }

    /// The TCP address on the loopback interface.
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port()))
    }

    /// The unix socket, when the builder asked for one.
    pub fn unix_path(&self) -> Option<&Path> {
        self.unix_path.as_deref()
    }

    /// The server's working folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A new connection by TCP.
    ///
    /// # Panics
    /// When the server does not accept it.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.addr())
            .unwrap_or_else(|error| panic!("cannot connect: {error}\n{}", self.log_tail()))
    }

    /// A new connection that speaks RESP3.
    ///
    /// # Panics
    /// When the server does not accept it or refuses HELLO 3.
    #[track_caller]
    pub fn client_resp3(&self) -> Client {
        let mut client = self.client();
        let hello = client.hello(3);
        assert!(!hello.is_error(), "HELLO 3: {hello}");
        client
    }

    /// All that the server wrote to standard output and standard error so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log_path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// User and system time of all its threads so far. Resolution: 10 ms.
    ///
    /// # Panics
    /// When the server has gone.
    pub fn cpu_time(&self) -> Duration {
        process::cpu_time(self.pid()).expect("a child that was not waited for is in /proc")
    }

    /// Resident memory in bytes (VmRSS).
    ///
    /// # Panics
    /// When the server has gone.
    pub fn resident_bytes(&self) -> u64 {
        process::resident_bytes(self.pid()).expect("the server runs")
    }

    /// True until the process ends.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal and waits for the end; none when the server still runs after a bounded time.
    ///
    /// # Panics
    /// When the server has gone before.
    pub fn stop(&mut self, signal: StopSignal) -> Option<ExitStatus> {
        let signal = match signal {
            StopSignal::Term => Signal::TERM,
            StopSignal::Int => Signal::INT,
        };
        assert!(self.is_running(), "the server ended before it was asked to\n{}", self.log_tail());
        process::send_signal(self.pid(), signal).expect("our own child can be signalled");
        self.wait_for_exit(STOP_TIMEOUT)
    }

    /// Waits until the process ends, at most `timeout`.
    pub fn wait_for_exit(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(POLL_INTERVAL),
                _ => return None,
            }
        }
    }

    fn wait_until_ready(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended with {status}")));
            }
            let error = match self.ping() {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if Instant::now() >= deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("it does not answer: {error}")));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn ping(&self) -> io::Result<()> {
        let mut client = Client::connect(self.addr())?;
        client.set_timeout(START_TIMEOUT / 4);
        let reply = client.try_cmd(&["PING"])?;
        // The server has closed this connection when a second request fails: no test counts it.
        let _ = client.try_cmd(&["QUIT"]).and_then(|_| client.try_cmd(&["PING"]));
        // While a server loads its data it answers -LOADING.
        if reply.text().starts_with("LOADING") { Err(io::Error::other("still loading")) } else { Ok(()) }
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
        format!("--- the server's last {} lines ---\n{}", shown.len(), shown.join("\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.is_running() {
            // Errors here mean that it is gone already, which is what we want.
            let _ = process::send_signal(self.pid(), Signal::TERM);
            if self.wait_for_exit(STOP_TIMEOUT).is_none() {
                let _ = self.child.kill();
                let _ = self.child.wait();
            }
        }
        if std::thread::panicking() {
            eprintln!("{}", self.log_tail());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(builder: &ServerBuilder, binary: &str) -> String {
        let words = builder.command_words(Path::new(binary), 7, None);
        words.join(OsStr::new(" ")).into_string().expect("plain words")
    }

    #[test]
    fn every_server_is_told_in_its_own_words_to_save_nothing_and_how_many_threads_to_run() {
        let of = |kind| Server::builder(kind).shards(2);
        let plain = of(Kind::Shoal).default_client_workers();
        assert_eq!(words(&plain, "shoal"), "shoal --port 7 --bind 127.0.0.1 --save  --shards 2");
        assert_eq!(
            words(&of(Kind::Shoal), "shoal"),
            format!("{} --workers-by-load no --client-workers 2", words(&plain, "shoal"))
        );
        let saves_nothing = "--port 7 --bind 127.0.0.1 --save  --appendonly no";
        assert_eq!(words(&of(Kind::Shoal), "redis-server"), format!("redis-server {saves_nothing}"));
        assert_eq!(words(&of(Kind::Valkey), "valkey-server"), format!("valkey-server {saves_nothing}"));
        assert_eq!(words(&of(Kind::Kevy), "kevy"), "kevy --port 7 --bind 127.0.0.1 --no-aof --threads 2");
    }
}
