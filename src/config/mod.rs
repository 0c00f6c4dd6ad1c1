//! The configuration: one immutable value that every worker holds, replaced as a whole by CONFIG SET.
//!
//! Names, defaults and units are those of redis.conf 7.2 unless a field says otherwise. This file must not know
//! how directives are written in files or replies.

use std::path::PathBuf;

/// When a client that does not read is closed (directive client-output-buffer-limit). Zero means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    /// Closed at once over this, in bytes.
    pub hard_bytes: u64,
    /// Closed when over this for `soft_s`, in bytes.
    pub soft_bytes: u64,
    /// How long the soft limit may be exceeded, in seconds.
    pub soft_s: u64,
}

/// All settings of a node. One value per process at a time; every worker holds a reference.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The number of workers; 0 means one for each CPU that the process may use.
    pub shards: u16,
    /// TCP port; 0 means no TCP.
    pub port: u16,
    /// Addresses to listen on. One that starts with `-` is left out when it cannot be had.
    pub bind: Vec<String>,
    /// Path of the Unix socket.
    pub unixsocket: Option<PathBuf>,
    /// Its permissions; 0 leaves them to the umask.
    pub unixsocketperm: u32,
    /// Length of the queue of connections that wait to be accepted.
    pub tcp_backlog: u32,
    /// Idle time before keep-alive probes, in seconds; 0 means none.
    pub tcp_keepalive_s: u32,
    /// Idle clients are closed after so many seconds; 0 means never.
    pub timeout_s: u32,
    /// The most clients at a time.
    pub maxclients: u32,
    /// Refuse clients from elsewhere while there is no password.
    pub protected_mode: bool,
    /// The default user's password; empty means none.
    pub requirepass: Vec<u8>,
    /// Limits for normal clients, replicas, and pub/sub clients.
    pub client_output_buffer_limit: [OutputLimit; 3],
    /// The most a client may have sent without its being executed, in bytes.
    pub client_query_buffer_limit_bytes: u64,
    /// The longest argument and the longest string, in bytes.
    pub proto_max_bulk_len_bytes: u64,
    /// The number of databases.
    pub databases: u16,
    /// Shoal's own: `strict` makes every command of a pipeline wait for the one before it.
    pub pipeline_order_strict: bool,
    /// The least serious log line that is written: `debug`, `verbose`, `notice`, `warning`, `nothing`.
    pub loglevel: LogLevel,
    /// The log's file; standard output when empty.
    pub logfile: PathBuf,
}

/// Redis's log levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Much.
    Verbose,
    /// What an operator wants to know.
    Notice,
    /// What is wrong.
    Warning,
    /// Nothing at all.
    Nothing,
}

impl Default for Config {
    fn default() -> Config {
        let limit = |hard_mb: u64, soft_mb: u64, soft_s| OutputLimit {
            hard_bytes: hard_mb << 20,
            soft_bytes: soft_mb << 20,
            soft_s,
        };
        Config {
            shards: 0,
            port: 6379,
            bind: vec!["*".into(), "-::*".into()],
            unixsocket: None,
            unixsocketperm: 0,
            tcp_backlog: 511,
            tcp_keepalive_s: 300,
            timeout_s: 0,
            maxclients: 10_000,
            protected_mode: true,
            requirepass: Vec::new(),
            client_output_buffer_limit: [limit(0, 0, 0), limit(256, 64, 60), limit(32, 8, 60)],
            client_query_buffer_limit_bytes: 1 << 30,
            proto_max_bulk_len_bytes: 512 << 20,
            databases: 16,
            pipeline_order_strict: false,
            loglevel: LogLevel::Notice,
            logfile: PathBuf::new(),
        }
    }
}
