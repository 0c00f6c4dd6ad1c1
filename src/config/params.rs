//! The table of all directives, each declared once: name, kind, default, whether CONFIG SET may change it,
//! and what it does here.
//!
//! Names, defaults and bounds are those of Redis 7.2. Everything that reads or writes directives (files, the
//! command line, CONFIG GET, SET and REWRITE) is derived from this table. It must not know where words come
//! from.

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::str::FromStr;

use shards::commands::snapshot::FileForm;
use shards::eviction::{EvictionOrder, EvictionPolicy};
use shards::rdb::version::WriteVersion;

use super::directive::{Directive, Store, idle, live, refused};
use super::kind::ValueKind;
use super::settings::{Allowed, Config, OutputLimit, SavePoint, ShutdownOptions, Supervision};
use super::special;
use crate::host::log::LogLevel;

/// Why lines about users are refused.
pub(super) const NO_ACL: &str = "This version has no users but the default one, and would serve everybody as \
    that one; requirepass gives it a password.";

/// The directive that has this name or alias, in any case, and which of the two was meant.
pub(super) fn lookup(name: &[u8]) -> Option<(&'static Directive, &'static str)> {
    DIRECTIVES.iter().find_map(|directive| {
        let names = [Some(directive.name), directive.alias];
        let meant = names.into_iter().flatten().find(|known| name.eq_ignore_ascii_case(known.as_bytes()))?;
        Some((directive, meant))
    })
}

/// A value from canonical text, whose kind has checked that it fits.
fn parsed<N: FromStr>(text: &[u8]) -> N {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.expect("the directive's kind has checked the bounds of the field's type")
}

fn shown(value: impl Display) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// A field that holds a number.
macro_rules! number {
    ($($field:ident).+) => {
        Store::Field {
            get: |config| shown(config.$($field).+),
            set: |config, text| config.$($field).+ = parsed(text),
        }
    };
}

/// A field that holds a bool; the first word is the text of `true`.
macro_rules! choice {
    ($($field:ident).+, $yes:literal, $no:literal) => {
        Store::Field {
            get: |config| if config.$($field).+ { $yes.into() } else { $no.into() },
            set: |config, text| config.$($field).+ = text == $yes.as_bytes(),
        }
    };
}

/// A field that holds a path; the empty path is no path.
macro_rules! path {
    ($field:ident) => {
        Store::Field {
            get: |config| special::path_bytes(&config.$field),
            set: |config, text| config.$field = special::path_from(text),
        }
    };
}

/// A field that says how the node ends.
macro_rules! shutdown_options {
    ($field:ident) => {
        Store::Field {
            get: |config| shutdown_words(config.$field),
            set: |config, text| config.$field = shutdown_of(text),
        }
    };
}

fn shutdown_words(options: ShutdownOptions) -> Vec<u8> {
    let ShutdownOptions { saves, now, force } = options;
    let words =
        [(saves == Some(true), "save"), (saves == Some(false), "nosave"), (now, "now"), (force, "force")];
    let words: Vec<&str> = words.iter().filter(|(is_said, _)| *is_said).map(|(_, word)| *word).collect();
    if words.is_empty() { b"default".to_vec() } else { words.join(" ").into_bytes() }
}

fn shutdown_of(text: &[u8]) -> ShutdownOptions {
    let has = |word: &[u8]| text.split(|&byte| byte == b' ').any(|said| said == word);
    let saves = if has(b"save") { Some(true) } else { has(b"nosave").then_some(false) };
    ShutdownOptions { saves, now: has(b"now"), force: has(b"force") }
}

const BIND: Store = Store::Field {
    get: |config| config.bind.join(" ").into_bytes(),
    set: |config, text| {
        let addresses = String::from_utf8_lossy(text);
        config.bind = addresses.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    },
};

const UNIXSOCKET: Store = Store::Field {
    get: |config| config.unixsocket.as_deref().map(special::path_bytes).unwrap_or_default(),
    set: |config, text| config.unixsocket = (!text.is_empty()).then(|| special::path_from(text)),
};

const UNIXSOCKETPERM: Store = Store::Field {
    get: |config| format!("{:o}", config.unixsocketperm).into_bytes(),
    set: |config, text| {
        let octal = std::str::from_utf8(text).ok().and_then(|text| u32::from_str_radix(text, 8).ok());
        config.unixsocketperm = octal.expect("the kind has checked that it is octal");
    },
};

const REQUIREPASS: Store = Store::Field {
    get: |config| config.requirepass.clone(),
    set: |config, text| config.requirepass = text.to_vec(),
};

const NOTIFY_KEYSPACE_EVENTS: Store = Store::Field {
    get: |config| config.notify_keyspace_events.clone(),
    set: |config, text| config.notify_keyspace_events = text.to_vec(),
};

const DIR: Store = Store::Field {
    get: |config| match config.dir.as_os_str().is_empty() {
        true => special::path_bytes(&std::env::current_dir().unwrap_or_default()),
        false => special::path_bytes(&config.dir),
    },
    set: |config, text| config.dir = special::path_from(text),
};

const DBFILENAME: Store = Store::Field {
    get: |config| config.dbfilename.clone(),
    set: |config, text| config.dbfilename = text.to_vec(),
};

const SAVE: Store = Store::Field {
    get: |config| {
        let points = config.save_points.iter();
        let points: Vec<_> = points.map(|point| format!("{} {}", point.seconds, point.changes)).collect();
        points.join(" ").into_bytes()
    },
    set: |config, text| {
        let numbers: Vec<u64> =
            text.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).map(parsed).collect();
        let points = numbers.chunks_exact(2).map(|pair| SavePoint { seconds: pair[0], changes: pair[1] });
        config.save_points = points.collect();
    },
};

const RDB_VERSION: Store = Store::Field {
    get: |config| match config.rdb_version {
        FileForm::Oldest => b"auto".to_vec(),
        FileForm::Only(version) => version.number().to_string().into_bytes(),
    },
    set: |config, text| {
        let named = |version: &WriteVersion| version.number().to_string().as_bytes() == text;
        let version = WriteVersion::ALL.into_iter().find(named);
        config.rdb_version = version.map_or(FileForm::Oldest, FileForm::Only);
    },
};

const OUTPUT_LIMITS: Store = Store::Field {
    get: |config| {
        let [normal, replica, pubsub] = config
            .client_output_buffer_limit
            .map(|limit| format!("{} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_s));
        format!("normal {normal} slave {replica} pubsub {pubsub}").into_bytes()
    },
    set: |config, text| {
        let fields: Vec<&[u8]> = text.split(|&byte| byte == b' ').collect();
        for (limit, fields) in config.client_output_buffer_limit.iter_mut().zip(fields.chunks_exact(4)) {
            *limit = OutputLimit {
                hard_bytes: parsed(fields[1]),
                soft_bytes: parsed(fields[2]),
                soft_s: parsed(fields[3]),
            };
        }
    },
};

const PROTECTED_ACTIONS: &[&str] = &["no", "yes", "local"];

const ENABLE_DEBUG_COMMAND: Store = Store::Field {
    get: |config| PROTECTED_ACTIONS[config.enable_debug_command as usize].into(),
    set: |config, text| {
        config.enable_debug_command = match text {
            b"yes" => Allowed::ToAll,
            b"local" => Allowed::ToLocal,
            _ => Allowed::No,
        };
    },
};

const LOG_LEVELS: &[&str] = &["debug", "verbose", "notice", "warning", "nothing"];

const LOGLEVEL: Store = Store::Field {
    get: |config| LOG_LEVELS[config.loglevel as usize].into(),
    set: |config, text| {
        config.loglevel = match text {
            b"debug" => LogLevel::Debug,
            b"verbose" => LogLevel::Verbose,
            b"notice" => LogLevel::Notice,
            b"warning" => LogLevel::Warning,
            _ => LogLevel::Nothing,
        };
    },
};

const SYSLOG_IDENT: Store = Store::Field {
    get: |config| config.syslog_ident.clone(),
    set: |config, text| config.syslog_ident = text.to_vec(),
};

const SYSLOG_FACILITY: Store = Store::Field {
    get: |config| SYSLOG_FACILITIES[usize::from(config.syslog_facility)].into(),
    set: |config, text| {
        let at = SYSLOG_FACILITIES.iter().position(|name| name.as_bytes() == text);
        config.syslog_facility = at.expect("the kind has checked that it is a name") as u8;
    },
};

const SUPERVISIONS: &[&str] = &["upstart", "systemd", "auto", "no"];

const SUPERVISED: Store = Store::Field {
    get: |config| SUPERVISIONS[config.supervised as usize].into(),
    set: |config, text| {
        config.supervised = match text {
            b"upstart" => Supervision::Upstart,
            b"systemd" => Supervision::Systemd,
            b"auto" => Supervision::Auto,
            _ => Supervision::No,
        };
    },
};

const BOOL: ValueKind = ValueKind::Bool;
const TEXT: ValueKind = ValueKind::Text;
const PORT: ValueKind = int(0, 65535);
/// C's `int` from zero.
const COUNT: ValueKind = int(0, i32::MAX as i64);
/// C's `long` from zero.
const LONG: ValueKind = int(0, i64::MAX);
const MEMORY: ValueKind = memory(0, i64::MAX as u64);
const PROTECTED_ACTION: ValueKind = ValueKind::OneOf(PROTECTED_ACTIONS);
const SYSLOG_FACILITIES: &[&str] =
    &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];
const EVICTION_POLICY_NAMES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
];
/// In the order of their names.
const EVICTION_POLICIES: [EvictionPolicy; 8] = [
    EvictionPolicy::Volatile(EvictionOrder::Lru),
    EvictionPolicy::Volatile(EvictionOrder::Lfu),
    EvictionPolicy::Volatile(EvictionOrder::Random),
    EvictionPolicy::Volatile(EvictionOrder::Ttl),
    EvictionPolicy::AllKeys(EvictionOrder::Lru),
    EvictionPolicy::AllKeys(EvictionOrder::Lfu),
    EvictionPolicy::AllKeys(EvictionOrder::Random),
    EvictionPolicy::None,
];

impl Config {
    /// The value of a directive of the table, as CONFIG GET shows it.
    pub fn value_of(&self, name: &'static str) -> String {
        let (directive, _) = lookup(name.as_bytes()).expect("a name of the table");
        String::from_utf8_lossy(&directive.get(self)).into_owned()
    }

    /// The name of the policy of eviction.
    pub fn maxmemory_policy_name(&self) -> &'static str {
        policy_name(self.maxmemory_policy)
    }
}

/// The name of a policy of `maxmemory-policy`.
fn policy_name(policy: EvictionPolicy) -> &'static str {
    let named = EVICTION_POLICIES.iter().zip(EVICTION_POLICY_NAMES);
    let found = named.into_iter().find(|(known, _)| **known == policy);
    found.expect("every policy that is made from a name has one").1
}

const MAXMEMORY_POLICY: Store = Store::Field {
    get: |config| policy_name(config.maxmemory_policy).into(),
    set: |config, text| {
        let at = EVICTION_POLICY_NAMES.iter().position(|name| name.as_bytes() == text);
        config.maxmemory_policy = EVICTION_POLICIES[at.expect("the kind has checked that it is a name")];
    },
};

const fn int(min: i64, max: i64) -> ValueKind {
    ValueKind::Int { min, max }
}

const fn memory(min: u64, max: u64) -> ValueKind {
    ValueKind::Memory { min, max }
}

const NO_IO_THREADS: &str = "every worker does its own input and output; their number is set by shards";
const NO_TICK: &str = "there is no periodic job whose rate it could set";
const NO_DEFRAG: &str = "the allocator here is not jemalloc and is not defragmented";
const NO_CPULIST: &str =
    "workers run on the CPUs that the process may use; limit these with taskset or cgroups";
const NO_MODULES: &str = "modules cannot be loaded";
const NO_LINKS: &str = "the server makes no connections of its own";
const NO_TITLE: &str = "the title of the process is its name and where it listens";
const NO_USERS: &str = "there are no users but the default one";
const NO_TLS: &str = "there is no TLS";
const NO_SCRIPTS: &str = "there are no scripts";
const NO_LOAD_PAUSES: &str = "clients are answered all the time while a file is loaded";
const NO_SAVING: &str = "nothing is saved to disk";
const NO_PAYLOADS: &str = "serialized values are always checked whole";
const NO_REPLICAS: &str = "there is no replication";
const NO_CLUSTER: &str = "there is no cluster mode";

const NO_CLIENT_EVICTION: &str =
    "This version does not close clients for the memory that they take together.";
const NO_SOCKET_MARK: &str = "This version does not mark its sockets, on which a firewall may rely.";
const NO_TLS_PORT: &str = "This version has no TLS, so clients would be refused or served in plain text.";
const NO_APPENDONLY: &str =
    "This version has no append-only file, so all keys are lost when the server ends.";
const NO_FSYNC: &str = "This version writes nothing to disk, so no write is safe when it is answered.";
const NO_REPLICAOF: &str =
    "This version cannot be a replica; it would be a primary that has none of the keys and takes writes.";
const NO_MIN_REPLICAS: &str =
    "This version has no replicas, so it cannot refuse writes for want of copies of them.";
const NO_CLUSTER_MODE: &str = "This version has no cluster mode; it would be a node of its own.";
/// All directives, by topic. CONFIG GET replies in this order.
pub(super) static DIRECTIVES: &[Directive] = &[
    // Shoal's own.
    live("shards", int(0, 1024), "0", number!(shards)).immutable(),
    live("client-workers", int(0, 1024), "0", number!(client_workers)),
    live("workers-by-load", BOOL, "yes", choice!(workers_by_load, "yes", "no")),
    live(
        "pipeline-order",
        ValueKind::OneOf(&["relaxed", "strict"]),
        "relaxed",
        choice!(pipeline_order_strict, "strict", "relaxed"),
    ),
    live("turn-clock", ValueKind::OneOf(&["wall", "cpu"]), "wall", choice!(turn_clock_cpu, "cpu", "wall")),
    // Network and clients.
    live("bind", ValueKind::SpecialWords(special::bind), "* -::*", BIND),
    live("port", PORT, "6379", number!(port)),
    live("unixsocket", TEXT, "", UNIXSOCKET).immutable(),
    live("unixsocketperm", ValueKind::Octal { max: 0o777 }, "0", UNIXSOCKETPERM).immutable(),
    live("tcp-backlog", COUNT, "511", number!(tcp_backlog)).immutable(),
    live("tcp-keepalive", COUNT, "300", number!(tcp_keepalive_s)),
    live("timeout", COUNT, "0", number!(timeout_s)),
    live("maxclients", int(1, u32::MAX as i64), "10000", number!(maxclients)),
    live("protected-mode", BOOL, "yes", choice!(protected_mode, "yes", "no")),
    live("requirepass", TEXT, "", REQUIREPASS),
    live(
        "client-output-buffer-limit",
        ValueKind::SpecialWords(special::output_limits),
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        OUTPUT_LIMITS,
    ),
    live(
        "client-query-buffer-limit",
        memory(1 << 20, i64::MAX as u64),
        "1073741824",
        number!(client_query_buffer_limit_bytes),
    ),
    live(
        "proto-max-bulk-len",
        memory(1 << 20, i64::MAX as u64),
        "536870912",
        number!(proto_max_bulk_len_bytes),
    ),
    refused("maxmemory-clients", ValueKind::MemoryOrPercent, &["0"], NO_CLIENT_EVICTION),
    idle("bind-source-addr", TEXT, "", NO_LINKS),
    refused("socket-mark-id", int(0, u32::MAX as i64), &["0"], NO_SOCKET_MARK).immutable(),
    live("tracking-table-max-keys", LONG, "1000000", number!(tracking_table_max_keys)),
    // The process.
    live("databases", int(1, u16::MAX as i64), "16", number!(databases)).immutable(),
    live("loglevel", ValueKind::OneOf(LOG_LEVELS), "notice", LOGLEVEL),
    live("logfile", TEXT, "", path!(logfile)).immutable(),
    live("syslog-enabled", BOOL, "no", choice!(syslog_enabled, "yes", "no")).immutable(),
    live("syslog-ident", TEXT, "redis", SYSLOG_IDENT).immutable(),
    live("syslog-facility", ValueKind::OneOf(SYSLOG_FACILITIES), "local0", SYSLOG_FACILITY).immutable(),
    live("daemonize", BOOL, "no", choice!(daemonize, "yes", "no")).immutable(),
    live("supervised", ValueKind::OneOf(SUPERVISIONS), "no", SUPERVISED).immutable(),
    live("pidfile", TEXT, "", path!(pidfile)).immutable(),
    live("set-proc-title", BOOL, "yes", Store::Kept).immutable(),
    idle(
        "proc-title-template",
        ValueKind::Special(special::proc_title_template),
        "{title} {listen-addr} {server-mode}",
        NO_TITLE,
    ),
    idle("locale-collate", TEXT, "", "texts are compared byte by byte"),
    idle("shutdown-timeout", COUNT, "10", "there are no replicas to wait for"),
    live(
        "shutdown-on-sigint",
        ValueKind::SpecialWords(special::shutdown_options),
        "default",
        shutdown_options!(shutdown_on_sigint),
    ),
    live(
        "shutdown-on-sigterm",
        ValueKind::SpecialWords(special::shutdown_options),
        "default",
        shutdown_options!(shutdown_on_sigterm),
    ),
    idle(
        "oom-score-adj",
        ValueKind::Special(special::oom_score_adj),
        "no",
        "the system's choice of what to end for want of memory is left alone",
    ),
    idle(
        "oom-score-adj-values",
        ValueKind::SpecialWords(special::oom_score_adj_values),
        "0 200 800",
        "the system's choice of what to end for want of memory is left alone",
    ),
    idle("disable-thp", BOOL, "yes", "the memory of keys is never in transparent huge pages").immutable(),
    idle("crash-log-enabled", BOOL, "yes", "a crash leaves one line and no report"),
    idle("crash-memcheck-enabled", BOOL, "yes", "a crash report does not test the memory"),
    idle("use-exit-on-panic", BOOL, "no", "a server that finds itself broken always aborts").hidden(),
    idle("watchdog-period", COUNT, "0", "there is no software watchdog").hidden(),
    idle("always-show-logo", BOOL, "no", "there is no logo").immutable(),
    idle("ignore-warnings", TEXT, "", "no start-up warning stops this server"),
    idle("io-threads", int(1, 128), "1", NO_IO_THREADS).immutable(),
    idle("io-threads-do-reads", BOOL, "no", NO_IO_THREADS).immutable(),
    idle("hz", ValueKind::Clamped { min: 1, max: 500 }, "10", NO_TICK),
    idle("dynamic-hz", BOOL, "yes", NO_TICK),
    idle("activerehashing", BOOL, "yes", "tables always grow in small steps"),
    idle("server_cpulist", TEXT, "", NO_CPULIST).immutable(),
    idle("bio_cpulist", TEXT, "", NO_CPULIST).immutable(),
    idle("aof_rewrite_cpulist", TEXT, "", NO_CPULIST).immutable(),
    idle("bgsave_cpulist", TEXT, "", NO_CPULIST).immutable(),
    idle("jemalloc-bg-thread", BOOL, "yes", NO_DEFRAG),
    idle("activedefrag", BOOL, "no", NO_DEFRAG),
    idle("active-defrag-ignore-bytes", memory(1, i64::MAX as u64), "104857600", NO_DEFRAG),
    idle("active-defrag-threshold-lower", int(0, 1000), "10", NO_DEFRAG),
    idle("active-defrag-threshold-upper", int(0, 1000), "100", NO_DEFRAG),
    idle("active-defrag-cycle-min", int(1, 99), "1", NO_DEFRAG),
    idle("active-defrag-cycle-max", int(1, 99), "25", NO_DEFRAG),
    idle("active-defrag-max-scan-fields", int(1, i64::MAX), "1000", NO_DEFRAG),
    // Protection and ACL.
    refused("aclfile", TEXT, &[""], NO_ACL).immutable(),
    idle("acllog-max-len", LONG, "128", NO_USERS),
    idle(
        "acl-pubsub-default",
        ValueKind::OneOf(&["allchannels", "resetchannels"]),
        "resetchannels",
        NO_USERS,
    ),
    live("enable-protected-configs", PROTECTED_ACTION, "no", Store::Kept).immutable(),
    live("enable-debug-command", PROTECTED_ACTION, "no", ENABLE_DEBUG_COMMAND).immutable(),
    idle("enable-module-command", PROTECTED_ACTION, "no", NO_MODULES).immutable(),
    // TLS.
    refused("tls-port", PORT, &["0"], NO_TLS_PORT),
    idle("tls-cert-file", TEXT, "", NO_TLS),
    idle("tls-key-file", TEXT, "", NO_TLS),
    idle("tls-key-file-pass", TEXT, "", NO_TLS),
    idle("tls-client-cert-file", TEXT, "", NO_TLS),
    idle("tls-client-key-file", TEXT, "", NO_TLS),
    idle("tls-client-key-file-pass", TEXT, "", NO_TLS),
    idle("tls-dh-params-file", TEXT, "", NO_TLS),
    idle("tls-ca-cert-file", TEXT, "", NO_TLS),
    idle("tls-ca-cert-dir", TEXT, "", NO_TLS),
    idle("tls-auth-clients", ValueKind::OneOf(&["no", "yes", "optional"]), "yes", NO_TLS),
    idle("tls-replication", BOOL, "no", NO_TLS),
    idle("tls-cluster", BOOL, "no", NO_TLS),
    idle("tls-protocols", TEXT, "", NO_TLS),
    idle("tls-ciphers", TEXT, "", NO_TLS),
    idle("tls-ciphersuites", TEXT, "", NO_TLS),
    idle("tls-prefer-server-ciphers", BOOL, "no", NO_TLS),
    idle("tls-session-caching", BOOL, "yes", NO_TLS),
    idle("tls-session-cache-size", COUNT, "20480", NO_TLS),
    idle("tls-session-cache-timeout", COUNT, "300", NO_TLS),
    // Memory.
    live("maxmemory", memory(0, u64::MAX), "0", number!(maxmemory_bytes)),
    live("maxmemory-policy", ValueKind::OneOf(EVICTION_POLICY_NAMES), "noeviction", MAXMEMORY_POLICY),
    live("maxmemory-samples", int(1, i32::MAX as i64), "5", number!(maxmemory_samples)),
    live("maxmemory-eviction-tenacity", int(0, 100), "10", number!(maxmemory_eviction_tenacity)),
    idle(
        "active-expire-effort",
        int(1, 10),
        "1",
        "keys that expire are found by an index of their times, without sampling",
    ),
    live("lfu-log-factor", COUNT, "10", number!(lfu_log_factor)),
    live("lfu-decay-time", COUNT, "1", number!(lfu_decay_time_min)),
    idle("lazyfree-lazy-eviction", BOOL, "no", "what is evicted is freed at once, to make room"),
    live("lazyfree-lazy-expire", BOOL, "no", choice!(lazy_free.expire, "yes", "no")),
    live("lazyfree-lazy-server-del", BOOL, "no", choice!(lazy_free.server_del, "yes", "no")),
    live("lazyfree-lazy-user-del", BOOL, "no", choice!(lazy_free.user_del, "yes", "no")),
    live("lazyfree-lazy-user-flush", BOOL, "no", choice!(lazy_free.user_flush, "yes", "no")),
    // Encodings.
    live("hash-max-listpack-entries", LONG, "512", number!(limits.hash_entries_max))
        .alias("hash-max-ziplist-entries"),
    live("hash-max-listpack-value", MEMORY, "64", number!(limits.hash_value_bytes_max))
        .alias("hash-max-ziplist-value"),
    live("list-max-listpack-size", int(i32::MIN as i64, i32::MAX as i64), "-2", number!(limits.list_fill))
        .alias("list-max-ziplist-size"),
    live("list-compress-depth", COUNT, "0", number!(limits.list_compress_depth)),
    live("set-max-intset-entries", LONG, "512", number!(limits.set_intset_entries_max)),
    live("set-max-listpack-entries", LONG, "128", number!(limits.set_entries_max)),
    live("set-max-listpack-value", LONG, "64", number!(limits.set_value_bytes_max)),
    live("zset-max-listpack-entries", LONG, "128", number!(limits.sorted_set_entries_max))
        .alias("zset-max-ziplist-entries"),
    live("zset-max-listpack-value", MEMORY, "64", number!(limits.sorted_set_value_bytes_max))
        .alias("zset-max-ziplist-value"),
    live("hll-sparse-max-bytes", MEMORY, "3000", number!(limits.hll_sparse_bytes_max)),
    live("stream-node-max-bytes", MEMORY, "4096", number!(limits.stream_node_bytes_max)),
    live("stream-node-max-entries", LONG, "100", number!(limits.stream_node_entries_max)),
    // Scripts, slow commands, latency, events.
    idle("busy-reply-threshold", LONG, "5000", NO_SCRIPTS).alias("lua-time-limit"),
    idle("lua-enable-deprecated-api", BOOL, "no", NO_SCRIPTS).immutable().hidden(),
    idle("slowlog-log-slower-than", int(-1, i64::MAX), "10000", "there is no slow log"),
    idle("slowlog-max-len", LONG, "128", "there is no slow log"),
    idle("latency-monitor-threshold", LONG, "0", "there is no latency monitor"),
    idle("latency-tracking", BOOL, "yes", "there is no latency monitor"),
    idle(
        "latency-tracking-info-percentiles",
        ValueKind::SpecialWords(special::percentiles),
        "50 99 99.9",
        "there is no latency monitor",
    ),
    live(
        "notify-keyspace-events",
        ValueKind::Special(special::notify_keyspace_events),
        "",
        NOTIFY_KEYSPACE_EVENTS,
    ),
    // Persistence.
    live("dir", ValueKind::Special(special::dir), "", DIR).protected(),
    live("dbfilename", ValueKind::Special(special::dbfilename), "dump.rdb", DBFILENAME).protected(),
    live("save", ValueKind::SpecialWords(special::save), "3600 1 300 100 60 10000", SAVE),
    live("stop-writes-on-bgsave-error", BOOL, "yes", choice!(stop_writes_on_bgsave_error, "yes", "no")),
    live("rdbcompression", BOOL, "yes", choice!(rdb_compression, "yes", "no")),
    live("rdbchecksum", BOOL, "yes", choice!(rdb_checksum, "yes", "no")).immutable(),
    live("rdb-version", ValueKind::OneOf(&["auto", "10", "11", "12", "80"]), "auto", RDB_VERSION),
    live(
        "rdb-version-loss",
        ValueKind::OneOf(&["drop", "refuse"]),
        "drop",
        choice!(rdb_version_refuses_loss, "refuse", "drop"),
    ),
    idle("rdb-del-sync-files", BOOL, "no", NO_SAVING),
    live("rdb-save-incremental-fsync", BOOL, "yes", choice!(rdb_save_incremental_fsync, "yes", "no")),
    idle("rdb-key-save-delay", int(i32::MIN as i64, i32::MAX as i64), "0", NO_SAVING).hidden(),
    idle("key-load-delay", int(i32::MIN as i64, i32::MAX as i64), "0", NO_LOAD_PAUSES).hidden(),
    idle("loading-process-events-interval-bytes", int(1024, i32::MAX as i64), "2097152", NO_LOAD_PAUSES)
        .hidden(),
    idle("sanitize-dump-payload", ValueKind::OneOf(&["no", "yes", "clients"]), "no", NO_PAYLOADS),
    refused("appendonly", BOOL, &["no"], NO_APPENDONLY),
    idle("appendfilename", ValueKind::Special(special::appendfilename), "appendonly.aof", NO_SAVING)
        .immutable(),
    idle("appenddirname", ValueKind::Special(special::appenddirname), "appendonlydir", NO_SAVING).immutable(),
    refused("appendfsync", ValueKind::OneOf(&["everysec", "always", "no"]), &["everysec", "no"], NO_FSYNC),
    idle("no-appendfsync-on-rewrite", BOOL, "no", NO_SAVING),
    idle("auto-aof-rewrite-percentage", COUNT, "100", NO_SAVING),
    idle("auto-aof-rewrite-min-size", MEMORY, "67108864", NO_SAVING),
    idle("aof-load-truncated", BOOL, "yes", NO_SAVING),
    idle("aof-use-rdb-preamble", BOOL, "yes", NO_SAVING),
    idle("aof-timestamp-enabled", BOOL, "no", NO_SAVING),
    idle("aof-rewrite-incremental-fsync", BOOL, "yes", NO_SAVING),
    idle("aof-disable-auto-gc", BOOL, "no", NO_SAVING),
    // Replication.
    refused("replicaof", ValueKind::SpecialWords(special::replicaof), &[""], NO_REPLICAOF)
        .alias("slaveof")
        .immutable(),
    idle("masteruser", TEXT, "", NO_REPLICAS),
    idle("masterauth", TEXT, "", NO_REPLICAS),
    idle("replica-serve-stale-data", BOOL, "yes", NO_REPLICAS).alias("slave-serve-stale-data"),
    idle("replica-read-only", BOOL, "yes", NO_REPLICAS).alias("slave-read-only"),
    idle("replica-lazy-flush", BOOL, "no", NO_REPLICAS).alias("slave-lazy-flush"),
    idle("replica-ignore-maxmemory", BOOL, "yes", NO_REPLICAS).alias("slave-ignore-maxmemory"),
    idle("replica-ignore-disk-write-errors", BOOL, "no", NO_REPLICAS),
    idle("replica-priority", COUNT, "100", NO_REPLICAS).alias("slave-priority"),
    idle("replica-announced", BOOL, "yes", NO_REPLICAS),
    idle("replica-announce-ip", TEXT, "", NO_REPLICAS).alias("slave-announce-ip"),
    idle("replica-announce-port", PORT, "0", NO_REPLICAS).alias("slave-announce-port"),
    idle("repl-timeout", int(1, i32::MAX as i64), "60", NO_REPLICAS),
    idle("repl-ping-replica-period", int(1, i32::MAX as i64), "10", NO_REPLICAS)
        .alias("repl-ping-slave-period"),
    idle("repl-backlog-size", memory(1, i64::MAX as u64), "1048576", NO_REPLICAS),
    idle("repl-backlog-ttl", LONG, "3600", NO_REPLICAS),
    idle("repl-disable-tcp-nodelay", BOOL, "no", NO_REPLICAS),
    idle("repl-diskless-sync", BOOL, "yes", NO_REPLICAS),
    idle("repl-diskless-sync-delay", COUNT, "5", NO_REPLICAS),
    idle("repl-diskless-sync-max-replicas", COUNT, "0", NO_REPLICAS),
    idle(
        "repl-diskless-load",
        ValueKind::OneOf(&["disabled", "on-empty-db", "swapdb"]),
        "disabled",
        NO_REPLICAS,
    ),
    refused("min-replicas-to-write", COUNT, &["0"], NO_MIN_REPLICAS).alias("min-slaves-to-write"),
    idle("min-replicas-max-lag", COUNT, "10", NO_REPLICAS).alias("min-slaves-max-lag"),
    idle(
        "propagation-error-behavior",
        ValueKind::OneOf(&["ignore", "panic", "panic-on-replicas"]),
        "ignore",
        NO_REPLICAS,
    ),
    // Cluster.
    refused("cluster-enabled", BOOL, &["no"], NO_CLUSTER_MODE).immutable(),
    idle("cluster-config-file", TEXT, "nodes.conf", NO_CLUSTER).immutable(),
    idle("cluster-port", PORT, "0", NO_CLUSTER).immutable(),
    idle("cluster-node-timeout", LONG, "15000", NO_CLUSTER),
    idle("cluster-require-full-coverage", BOOL, "yes", NO_CLUSTER),
    idle("cluster-allow-reads-when-down", BOOL, "no", NO_CLUSTER),
    idle("cluster-allow-pubsubshard-when-down", BOOL, "yes", NO_CLUSTER),
    idle("cluster-allow-replica-migration", BOOL, "yes", NO_CLUSTER),
    idle("cluster-migration-barrier", COUNT, "1", NO_CLUSTER),
    idle("cluster-replica-validity-factor", COUNT, "10", NO_CLUSTER).alias("cluster-slave-validity-factor"),
    idle("cluster-replica-no-failover", BOOL, "no", NO_CLUSTER).alias("cluster-slave-no-failover"),
    idle("cluster-link-sendbuf-limit", memory(0, u64::MAX), "0", NO_CLUSTER),
    idle("cluster-announce-ip", TEXT, "", NO_CLUSTER),
    idle("cluster-announce-hostname", ValueKind::Special(special::announced_hostname), "", NO_CLUSTER),
    idle("cluster-announce-human-nodename", ValueKind::Special(special::announced_nodename), "", NO_CLUSTER),
    idle("cluster-announce-port", PORT, "0", NO_CLUSTER),
    idle("cluster-announce-tls-port", PORT, "0", NO_CLUSTER),
    idle("cluster-announce-bus-port", PORT, "0", NO_CLUSTER),
    idle(
        "cluster-preferred-endpoint-type",
        ValueKind::OneOf(&["ip", "hostname", "unknown-endpoint"]),
        "ip",
        NO_CLUSTER,
    ),
];
