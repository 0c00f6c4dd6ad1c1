//! All settings of a node, with their defaults.
//!
//! Names, defaults and units are those of redis.conf 7.2 unless a field says otherwise. This file must not
//! know how directives are written in files or replies.

use std::collections::BTreeMap;
use std::path::PathBuf;

use shards::commands::snapshot::FileForm;
use shards::encoding::limits::Limits;
use shards::env::LazyFree;
use shards::eviction::EvictionPolicy;

use super::special::path_from;
use crate::host::log::LogLevel;

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
    /// Who may use DEBUG.
    pub enable_debug_command: Allowed,
    /// Limits for normal clients, replicas, and pub/sub clients.
    pub client_output_buffer_limit: [OutputLimit; 3],
    /// The most a client may have sent without its being executed, in bytes.
    pub client_query_buffer_limit_bytes: u64,
    /// The longest argument and the longest string, in bytes.
    pub proto_max_bulk_len_bytes: u64,
    /// The most memory that the node may use before it evicts or refuses, in bytes; 0 for no limit.
    pub maxmemory_bytes: u64,
    /// Which keys are evicted.
    pub maxmemory_policy: EvictionPolicy,
    /// Keys looked at for one eviction.
    pub maxmemory_samples: u32,
    /// How long one command may evict: 0 hardly at all, 100 until the node is within its limit.
    pub maxmemory_eviction_tenacity: u32,
    /// How hard it is for an LFU counter to grow.
    pub lfu_log_factor: u32,
    /// An LFU counter loses one in so many minutes; 0 for never.
    pub lfu_decay_time_min: u32,
    /// The number of databases.
    pub databases: u16,
    /// When big values are freed in later turns: the directives lazyfree-lazy-user-del, -server-del, -expire
    /// and -user-flush.
    pub lazy_free: LazyFree,
    /// When packed collections are converted: hash-max-listpack-entries and its like.
    pub limits: Limits,
    /// How many keys the node remembers for clients that keep copies; 0 for any number.
    pub tracking_table_max_keys: u64,
    /// Which keyspace notifications are sent: letters, as CONFIG GET shows them.
    pub notify_keyspace_events: Vec<u8>,
    /// How many workers take clients at most (`client-workers`); 0 for all.
    pub client_workers: u16,
    /// The load decides how many workers have slots and clients (`workers-by-load`).
    pub workers_by_load: bool,
    /// Shoal's own: `strict` makes every command of a pipeline wait for the one before it.
    pub pipeline_order_strict: bool,
    /// Shoal's own: the turns of workers are measured by the CPU time of their threads, which costs a system
    /// call each.
    pub turn_clock_cpu: bool,
    /// The least serious log line that is written: `debug`, `verbose`, `notice`, `warning`, `nothing`.
    pub loglevel: LogLevel,
    /// The log's file; standard output when empty.
    pub logfile: PathBuf,
    /// The working directory; empty means the one in which the process was started.
    pub dir: PathBuf,
    /// The name of the RDB file, in `dir`.
    pub dbfilename: Vec<u8>,
    /// When to save without being asked.
    pub save_points: Vec<SavePoint>,
    /// Long strings are compressed in RDB files.
    pub rdb_compression: bool,
    /// RDB files have a checksum, which is looked at when they are read.
    pub rdb_checksum: bool,
    /// The disk is made to write while an RDB file comes, not only at its end.
    pub rdb_save_incremental_fsync: bool,
    /// How SIGINT ends the node.
    pub shutdown_on_sigint: ShutdownOptions,
    /// How SIGTERM ends the node.
    pub shutdown_on_sigterm: ShutdownOptions,
    /// Writes are refused while the last save in the background has failed.
    pub stop_writes_on_bgsave_error: bool,
    /// Shoal's own: the version in which RDB files are written (`rdb-version`).
    pub rdb_version: FileForm,
    /// Shoal's own: a value that the version cannot hold in full ends a save (`rdb-version-loss refuse`).
    pub rdb_version_refuses_loss: bool,
    /// Log lines go to the system's log too.
    pub syslog_enabled: bool,
    /// The name under which they go there.
    pub syslog_ident: Vec<u8>,
    /// The facility: 0 for `user`, and one more than the number of `local0` to `local7`.
    pub syslog_facility: u8,
    /// The server runs in the background.
    pub daemonize: bool,
    /// Who is to be told that the server is ready.
    pub supervised: Supervision,
    /// The file that holds the number of the process; none when empty, but for a server in the background.
    pub pidfile: PathBuf,
    /// Directives of Redis that this server accepts and does not use: name and value as CONFIG GET shows it.
    /// One that is not here has its default.
    pub(crate) kept: BTreeMap<&'static str, Vec<u8>>,
    /// Lines of `sentinel`, which only a file can hold, in order, as words.
    pub file_only: Vec<Vec<Vec<u8>>>,
}

/// How the node ends: what SHUTDOWN says, and the directives for signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownOptions {
    /// Whether it saves before; if nothing is said, when there are save points.
    pub saves: Option<bool>,
    /// It does not wait for replicas.
    pub now: bool,
    /// It ends also when saving fails.
    pub force: bool,
}

/// A save begins when so many changes have been made and so much time has gone by since the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// More seconds than this.
    pub seconds: u64,
    /// So many changes at least.
    pub changes: u64,
}

impl SavePoint {
    /// Redis's.
    pub const DEFAULT: [SavePoint; 3] = [
        SavePoint { seconds: 3600, changes: 1 },
        SavePoint { seconds: 300, changes: 100 },
        SavePoint { seconds: 60, changes: 10_000 },
    ];
}

/// Who may do what needs a directive's permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Nobody.
    No,
    /// Everybody.
    ToAll,
    /// Clients over a loopback address or the Unix socket.
    ToLocal,
}

impl Allowed {
    /// Whether a client may, by whether it is a local one.
    pub fn includes(self, is_local: bool) -> bool {
        match self {
            Allowed::No => false,
            Allowed::ToAll => true,
            Allowed::ToLocal => is_local,
        }
    }
}

impl Config {
    /// Where the RDB file is: `dbfilename` in `dir`.
    pub fn rdb_path(&self) -> PathBuf {
        self.dir.join(path_from(&self.dbfilename))
    }

    /// How many of so many workers with slots take clients.
    pub fn client_workers_of(&self, active: usize) -> usize {
        match usize::from(self.client_workers) {
            0 => active,
            count => count.min(active),
        }
    }

    /// How many of the workers of so many shards have slots at the start.
    pub fn active_workers_at_start(&self, shards: usize) -> usize {
        if self.workers_by_load { 1 } else { shards }
    }

    /// The value of a directive without a field, if it was set.
    pub(crate) fn kept(&self, name: &str) -> Option<&[u8]> {
        self.kept.get(name).map(Vec::as_slice)
    }
}

/// Which program has started the server and waits for it to be ready (directive supervised).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervision {
    /// Upstart.
    Upstart,
    /// systemd.
    Systemd,
    /// Whichever of the two the environment shows.
    Auto,
    /// None.
    No,
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
            enable_debug_command: Allowed::No,
            client_output_buffer_limit: [limit(0, 0, 0), limit(256, 64, 60), limit(32, 8, 60)],
            client_query_buffer_limit_bytes: 1 << 30,
            proto_max_bulk_len_bytes: 512 << 20,
            maxmemory_bytes: 0,
            maxmemory_policy: EvictionPolicy::None,
            maxmemory_samples: 5,
            maxmemory_eviction_tenacity: 10,
            lfu_log_factor: 10,
            lfu_decay_time_min: 1,
            databases: 16,
            lazy_free: LazyFree::default(),
            limits: Limits::default(),
            tracking_table_max_keys: 1_000_000,
            notify_keyspace_events: Vec::new(),
            client_workers: 0,
            workers_by_load: true,
            pipeline_order_strict: false,
            turn_clock_cpu: false,
            loglevel: LogLevel::Notice,
            logfile: PathBuf::new(),
            dir: PathBuf::new(),
            dbfilename: b"dump.rdb".to_vec(),
            save_points: SavePoint::DEFAULT.to_vec(),
            rdb_compression: true,
            rdb_checksum: true,
            rdb_save_incremental_fsync: true,
            shutdown_on_sigint: ShutdownOptions::default(),
            shutdown_on_sigterm: ShutdownOptions::default(),
            stop_writes_on_bgsave_error: true,
            rdb_version: FileForm::Oldest,
            rdb_version_refuses_loss: false,
            syslog_enabled: false,
            syslog_ident: b"redis".to_vec(),
            syslog_facility: 1,
            daemonize: false,
            supervised: Supervision::No,
            pidfile: PathBuf::new(),
            kept: BTreeMap::new(),
            file_only: Vec::new(),
        }
    }
}
