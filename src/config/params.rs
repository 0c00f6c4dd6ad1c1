//! The table of all directives, each declared once: name, kind, default, whether CONFIG SET may change it, and
//! what it does here.
//!
//! Names, defaults and bounds are those of Redis 7.2. Everything that reads or writes directives (files, the
//! command line, CONFIG GET, SET and REWRITE) is derived from this table. It must not know where words come from.

use std::fmt::Display;
use std::str::FromStr;

use shards::evict::{EvictionPolicy, Order};

use super::kind::{Kind, Reason};
use super::{Allowed, Config, LogLevel, OutputLimit, special};

/// What a directive does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It has effect.
    Live,
    /// It is kept and shown; nothing uses it yet.
    Later,
    /// It is kept and shown, and can have no effect for this reason.
    Meaningless(&'static str),
}

/// Where the value lies.
#[derive(Clone, Copy)]
enum Store {
    /// In a field of its own. Both functions deal in canonical text.
    Field { get: fn(&Config) -> Vec<u8>, set: fn(&mut Config, &[u8]) },
    /// As text in `Config::kept`.
    Kept,
}

/// One directive.
#[derive(Clone, Copy)]
pub(super) struct Directive {
    pub(super) name: &'static str,
    /// An older name.
    pub(super) alias: Option<&'static str>,
    pub(super) kind: Kind,
    /// The canonical text of the default.
    pub(super) default: &'static str,
    pub(super) class: Class,
    /// CONFIG SET may not change it.
    pub(super) immutable: bool,
    /// CONFIG SET may change it only as far as `enable-protected-configs` allows.
    pub(super) protected: bool,
    /// CONFIG GET shows it only to who asks for exactly this name.
    pub(super) hidden: bool,
    store: Store,
}

impl Directive {
    /// The value as CONFIG GET shows it.
    pub(super) fn get(&self, config: &Config) -> Vec<u8> {
        match self.store {
            Store::Field { get, .. } => get(config),
            Store::Kept => {
                config.kept.get(self.name).cloned().unwrap_or_else(|| self.default.as_bytes().to_vec())
            }
        }
    }

    /// Checks the words of a new value and sets it. On error nothing is changed.
    pub(super) fn set(&self, config: &mut Config, words: &[&[u8]]) -> Result<(), Reason> {
        let text = self.kind.parse(&self.get(config), words)?;
        match self.store {
            Store::Field { set, .. } => set(config, &text),
            Store::Kept if text == self.default.as_bytes() => {
                config.kept.remove(self.name);
            }
            Store::Kept => {
                config.kept.insert(self.name, text);
            }
        }
        Ok(())
    }

    /// The value differs from the built-in default.
    pub(super) fn is_changed(&self, config: &Config) -> bool {
        self.get(config) != self.get(&Config::default())
    }

    const fn alias(self, alias: &'static str) -> Directive {
        Directive { alias: Some(alias), ..self }
    }

    const fn immutable(self) -> Directive {
        Directive { immutable: true, ..self }
    }

    const fn protected(self) -> Directive {
        Directive { protected: true, ..self }
    }

    const fn hidden(self) -> Directive {
        Directive { hidden: true, ..self }
    }
}

/// The directive that has this name or alias, in any case, and which of the two was meant.
pub(super) fn lookup(name: &[u8]) -> Option<(&'static Directive, &'static str)> {
    DIRECTIVES.iter().find_map(|directive| {
        let names = [Some(directive.name), directive.alias];
        let meant = names.into_iter().flatten().find(|known| name.eq_ignore_ascii_case(known.as_bytes()))?;
        Some((directive, meant))
    })
}

const fn row(name: &'static str, kind: Kind, default: &'static str, class: Class, store: Store) -> Directive {
    Directive {
        name,
        alias: None,
        kind,
        default,
        class,
        immutable: false,
        protected: false,
        hidden: false,
        store,
    }
}

const fn live(name: &'static str, kind: Kind, default: &'static str, store: Store) -> Directive {
    row(name, kind, default, Class::Live, store)
}

const fn later(name: &'static str, kind: Kind, default: &'static str) -> Directive {
    row(name, kind, default, Class::Later, Store::Kept)
}

const fn meaningless(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    reason: &'static str,
) -> Directive {
    row(name, kind, default, Class::Meaningless(reason), Store::Kept)
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

const BOOL: Kind = Kind::Bool;
const TEXT: Kind = Kind::Text;
const PORT: Kind = int(0, 65535);
/// C's `int` from zero.
const COUNT: Kind = int(0, i32::MAX as i64);
/// C's `long` from zero.
const LONG: Kind = int(0, i64::MAX);
const MEMORY: Kind = memory(0, i64::MAX as u64);
const PROTECTED_ACTION: Kind = Kind::OneOf(PROTECTED_ACTIONS);
const SYSLOG_FACILITY: Kind =
    Kind::OneOf(&["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"]);
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
    EvictionPolicy::Volatile(Order::Lru),
    EvictionPolicy::Volatile(Order::Lfu),
    EvictionPolicy::Volatile(Order::Random),
    EvictionPolicy::Volatile(Order::Ttl),
    EvictionPolicy::AllKeys(Order::Lru),
    EvictionPolicy::AllKeys(Order::Lfu),
    EvictionPolicy::AllKeys(Order::Random),
    EvictionPolicy::None,
];

/// The name of a policy of `maxmemory-policy`.
pub(super) fn policy_name(policy: EvictionPolicy) -> &'static str {
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

const fn int(min: i64, max: i64) -> Kind {
    Kind::Int { min, max }
}

const fn memory(min: u64, max: u64) -> Kind {
    Kind::Memory { min, max }
}

const NO_IO_THREADS: &str = "every worker does its own input and output; their number is set by shards";
const NO_TICK: &str = "there is no periodic job whose rate it could set";
const NO_DEFRAG: &str = "the allocator here is not jemalloc and is not defragmented";
const NO_CPULIST: &str =
    "workers run on the CPUs that the process may use; limit these with taskset or cgroups";
const NO_MODULES: &str = "modules cannot be loaded";

/// All directives, by topic. CONFIG GET replies in this order.
pub(super) static DIRECTIVES: &[Directive] = &[
    // Shoal's own.
    live("shards", int(0, 1024), "0", number!(shards)).immutable(),
    live(
        "pipeline-order",
        Kind::OneOf(&["relaxed", "strict"]),
        "relaxed",
        choice!(pipeline_order_strict, "strict", "relaxed"),
    ),
    live("turn-clock", Kind::OneOf(&["wall", "cpu"]), "wall", choice!(turn_clock_cpu, "cpu", "wall")),
    // Network and clients.
    live("bind", Kind::SpecialWords(special::bind), "* -::*", BIND),
    live("port", PORT, "6379", number!(port)),
    live("unixsocket", TEXT, "", UNIXSOCKET).immutable(),
    live("unixsocketperm", Kind::Octal { max: 0o777 }, "0", UNIXSOCKETPERM).immutable(),
    live("tcp-backlog", COUNT, "511", number!(tcp_backlog)).immutable(),
    live("tcp-keepalive", COUNT, "300", number!(tcp_keepalive_s)),
    live("timeout", COUNT, "0", number!(timeout_s)),
    live("maxclients", int(1, u32::MAX as i64), "10000", number!(maxclients)),
    live("protected-mode", BOOL, "yes", choice!(protected_mode, "yes", "no")),
    live("requirepass", TEXT, "", REQUIREPASS),
    live(
        "client-output-buffer-limit",
        Kind::SpecialWords(special::output_limits),
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
    later("maxmemory-clients", Kind::MemoryOrPercent, "0"),
    later("bind-source-addr", TEXT, ""),
    later("socket-mark-id", int(0, u32::MAX as i64), "0").immutable(),
    live("tracking-table-max-keys", LONG, "1000000", number!(tracking_table_max_keys)),
    // The process.
    live("databases", int(1, u16::MAX as i64), "16", number!(databases)).immutable(),
    live("loglevel", Kind::OneOf(LOG_LEVELS), "notice", LOGLEVEL),
    live("logfile", TEXT, "", path!(logfile)).immutable(),
    later("syslog-enabled", BOOL, "no").immutable(),
    later("syslog-ident", TEXT, "redis").immutable(),
    later("syslog-facility", SYSLOG_FACILITY, "local0").immutable(),
    later("daemonize", BOOL, "no").immutable(),
    later("supervised", Kind::OneOf(&["upstart", "systemd", "auto", "no"]), "no").immutable(),
    later("pidfile", TEXT, "").immutable(),
    later("set-proc-title", BOOL, "yes").immutable(),
    later(
        "proc-title-template",
        Kind::Special(special::proc_title_template),
        "{title} {listen-addr} {server-mode}",
    ),
    later("locale-collate", TEXT, ""),
    later("shutdown-timeout", COUNT, "10"),
    later("shutdown-on-sigint", Kind::SpecialWords(special::shutdown_options), "default"),
    later("shutdown-on-sigterm", Kind::SpecialWords(special::shutdown_options), "default"),
    later("oom-score-adj", Kind::Special(special::oom_score_adj), "no"),
    later("oom-score-adj-values", Kind::SpecialWords(special::oom_score_adj_values), "0 200 800"),
    later("disable-thp", BOOL, "yes").immutable(),
    later("crash-log-enabled", BOOL, "yes"),
    meaningless("crash-memcheck-enabled", BOOL, "yes", "a crash report does not test the memory"),
    later("use-exit-on-panic", BOOL, "no").hidden(),
    meaningless("watchdog-period", COUNT, "0", "there is no software watchdog").hidden(),
    meaningless("always-show-logo", BOOL, "no", "there is no logo").immutable(),
    meaningless("ignore-warnings", TEXT, "", "no start-up warning stops this server"),
    meaningless("io-threads", int(1, 128), "1", NO_IO_THREADS).immutable(),
    meaningless("io-threads-do-reads", BOOL, "no", NO_IO_THREADS).immutable(),
    meaningless("hz", Kind::Clamped { min: 1, max: 500 }, "10", NO_TICK),
    meaningless("dynamic-hz", BOOL, "yes", NO_TICK),
    meaningless("activerehashing", BOOL, "yes", "tables always grow in small steps"),
    meaningless("server_cpulist", TEXT, "", NO_CPULIST).immutable(),
    meaningless("bio_cpulist", TEXT, "", NO_CPULIST).immutable(),
    meaningless("aof_rewrite_cpulist", TEXT, "", NO_CPULIST).immutable(),
    meaningless("bgsave_cpulist", TEXT, "", NO_CPULIST).immutable(),
    meaningless("jemalloc-bg-thread", BOOL, "yes", NO_DEFRAG),
    meaningless("activedefrag", BOOL, "no", NO_DEFRAG),
    meaningless("active-defrag-ignore-bytes", memory(1, i64::MAX as u64), "104857600", NO_DEFRAG),
    meaningless("active-defrag-threshold-lower", int(0, 1000), "10", NO_DEFRAG),
    meaningless("active-defrag-threshold-upper", int(0, 1000), "100", NO_DEFRAG),
    meaningless("active-defrag-cycle-min", int(1, 99), "1", NO_DEFRAG),
    meaningless("active-defrag-cycle-max", int(1, 99), "25", NO_DEFRAG),
    meaningless("active-defrag-max-scan-fields", int(1, i64::MAX), "1000", NO_DEFRAG),
    // Protection and ACL.
    later("aclfile", TEXT, "").immutable(),
    later("acllog-max-len", LONG, "128"),
    later("acl-pubsub-default", Kind::OneOf(&["allchannels", "resetchannels"]), "resetchannels"),
    later("enable-protected-configs", PROTECTED_ACTION, "no").immutable(),
    live("enable-debug-command", PROTECTED_ACTION, "no", ENABLE_DEBUG_COMMAND).immutable(),
    meaningless("enable-module-command", PROTECTED_ACTION, "no", NO_MODULES).immutable(),
    // TLS.
    later("tls-port", PORT, "0"),
    later("tls-cert-file", TEXT, ""),
    later("tls-key-file", TEXT, ""),
    later("tls-key-file-pass", TEXT, ""),
    later("tls-client-cert-file", TEXT, ""),
    later("tls-client-key-file", TEXT, ""),
    later("tls-client-key-file-pass", TEXT, ""),
    later("tls-dh-params-file", TEXT, ""),
    later("tls-ca-cert-file", TEXT, ""),
    later("tls-ca-cert-dir", TEXT, ""),
    later("tls-auth-clients", Kind::OneOf(&["no", "yes", "optional"]), "yes"),
    later("tls-replication", BOOL, "no"),
    later("tls-cluster", BOOL, "no"),
    later("tls-protocols", TEXT, ""),
    later("tls-ciphers", TEXT, ""),
    later("tls-ciphersuites", TEXT, ""),
    later("tls-prefer-server-ciphers", BOOL, "no"),
    later("tls-session-caching", BOOL, "yes"),
    later("tls-session-cache-size", COUNT, "20480"),
    later("tls-session-cache-timeout", COUNT, "300"),
    // Memory.
    live("maxmemory", memory(0, u64::MAX), "0", number!(maxmemory_bytes)),
    live("maxmemory-policy", Kind::OneOf(EVICTION_POLICY_NAMES), "noeviction", MAXMEMORY_POLICY),
    live("maxmemory-samples", int(1, i32::MAX as i64), "5", number!(maxmemory_samples)),
    live("maxmemory-eviction-tenacity", int(0, 100), "10", number!(maxmemory_eviction_tenacity)),
    later("active-expire-effort", int(1, 10), "1"),
    live("lfu-log-factor", COUNT, "10", number!(lfu_log_factor)),
    live("lfu-decay-time", COUNT, "1", number!(lfu_decay_time_min)),
    later("lazyfree-lazy-eviction", BOOL, "no"),
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
    later("busy-reply-threshold", LONG, "5000").alias("lua-time-limit"),
    later("lua-enable-deprecated-api", BOOL, "no").immutable().hidden(),
    later("slowlog-log-slower-than", int(-1, i64::MAX), "10000"),
    later("slowlog-max-len", LONG, "128"),
    later("latency-monitor-threshold", LONG, "0"),
    later("latency-tracking", BOOL, "yes"),
    later("latency-tracking-info-percentiles", Kind::SpecialWords(special::percentiles), "50 99 99.9"),
    live(
        "notify-keyspace-events",
        Kind::Special(special::notify_keyspace_events),
        "",
        NOTIFY_KEYSPACE_EVENTS,
    ),
    // Persistence.
    row("dir", Kind::Special(special::dir), "", Class::Later, DIR).protected(),
    later("dbfilename", Kind::Special(special::dbfilename), "dump.rdb").protected(),
    later("save", Kind::SpecialWords(special::save), "3600 1 300 100 60 10000"),
    later("stop-writes-on-bgsave-error", BOOL, "yes"),
    later("rdbcompression", BOOL, "yes"),
    later("rdbchecksum", BOOL, "yes").immutable(),
    later("rdb-del-sync-files", BOOL, "no"),
    later("rdb-save-incremental-fsync", BOOL, "yes"),
    later("rdb-key-save-delay", int(i32::MIN as i64, i32::MAX as i64), "0").hidden(),
    later("key-load-delay", int(i32::MIN as i64, i32::MAX as i64), "0").hidden(),
    later("loading-process-events-interval-bytes", int(1024, i32::MAX as i64), "2097152").hidden(),
    later("sanitize-dump-payload", Kind::OneOf(&["no", "yes", "clients"]), "no"),
    later("appendonly", BOOL, "no"),
    later("appendfilename", Kind::Special(special::appendfilename), "appendonly.aof").immutable(),
    later("appenddirname", Kind::Special(special::appenddirname), "appendonlydir").immutable(),
    later("appendfsync", Kind::OneOf(&["everysec", "always", "no"]), "everysec"),
    later("no-appendfsync-on-rewrite", BOOL, "no"),
    later("auto-aof-rewrite-percentage", COUNT, "100"),
    later("auto-aof-rewrite-min-size", MEMORY, "67108864"),
    later("aof-load-truncated", BOOL, "yes"),
    later("aof-use-rdb-preamble", BOOL, "yes"),
    later("aof-timestamp-enabled", BOOL, "no"),
    later("aof-rewrite-incremental-fsync", BOOL, "yes"),
    later("aof-disable-auto-gc", BOOL, "no"),
    // Replication.
    later("replicaof", Kind::SpecialWords(special::replicaof), "").alias("slaveof").immutable(),
    later("masteruser", TEXT, ""),
    later("masterauth", TEXT, ""),
    later("replica-serve-stale-data", BOOL, "yes").alias("slave-serve-stale-data"),
    later("replica-read-only", BOOL, "yes").alias("slave-read-only"),
    later("replica-lazy-flush", BOOL, "no").alias("slave-lazy-flush"),
    later("replica-ignore-maxmemory", BOOL, "yes").alias("slave-ignore-maxmemory"),
    later("replica-ignore-disk-write-errors", BOOL, "no"),
    later("replica-priority", COUNT, "100").alias("slave-priority"),
    later("replica-announced", BOOL, "yes"),
    later("replica-announce-ip", TEXT, "").alias("slave-announce-ip"),
    later("replica-announce-port", PORT, "0").alias("slave-announce-port"),
    later("repl-timeout", int(1, i32::MAX as i64), "60"),
    later("repl-ping-replica-period", int(1, i32::MAX as i64), "10").alias("repl-ping-slave-period"),
    later("repl-backlog-size", memory(1, i64::MAX as u64), "1048576"),
    later("repl-backlog-ttl", LONG, "3600"),
    later("repl-disable-tcp-nodelay", BOOL, "no"),
    later("repl-diskless-sync", BOOL, "yes"),
    later("repl-diskless-sync-delay", COUNT, "5"),
    later("repl-diskless-sync-max-replicas", COUNT, "0"),
    later("repl-diskless-load", Kind::OneOf(&["disabled", "on-empty-db", "swapdb"]), "disabled"),
    later("min-replicas-to-write", COUNT, "0").alias("min-slaves-to-write"),
    later("min-replicas-max-lag", COUNT, "10").alias("min-slaves-max-lag"),
    later("propagation-error-behavior", Kind::OneOf(&["ignore", "panic", "panic-on-replicas"]), "ignore"),
    // Cluster.
    later("cluster-enabled", BOOL, "no").immutable(),
    later("cluster-config-file", TEXT, "nodes.conf").immutable(),
    later("cluster-port", PORT, "0").immutable(),
    later("cluster-node-timeout", LONG, "15000"),
    later("cluster-require-full-coverage", BOOL, "yes"),
    later("cluster-allow-reads-when-down", BOOL, "no"),
    later("cluster-allow-pubsubshard-when-down", BOOL, "yes"),
    later("cluster-allow-replica-migration", BOOL, "yes"),
    later("cluster-migration-barrier", COUNT, "1"),
    later("cluster-replica-validity-factor", COUNT, "10").alias("cluster-slave-validity-factor"),
    later("cluster-replica-no-failover", BOOL, "no").alias("cluster-slave-no-failover"),
    later("cluster-link-sendbuf-limit", memory(0, u64::MAX), "0"),
    later("cluster-announce-ip", TEXT, ""),
    later("cluster-announce-hostname", Kind::Special(special::announced_hostname), ""),
    later("cluster-announce-human-nodename", Kind::Special(special::announced_nodename), ""),
    later("cluster-announce-port", PORT, "0"),
    later("cluster-announce-tls-port", PORT, "0"),
    later("cluster-announce-bus-port", PORT, "0"),
    later("cluster-preferred-endpoint-type", Kind::OneOf(&["ip", "hostname", "unknown-endpoint"]), "ip"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn every_name_and_alias_is_there_once() {
        let mut names = HashSet::new();
        for directive in DIRECTIVES {
            for name in [Some(directive.name), directive.alias].into_iter().flatten() {
                assert!(names.insert(name), "{name} is there twice");
                assert_eq!(lookup(name.to_uppercase().as_bytes()).map(|found| found.1), Some(name));
            }
        }
    }

    #[test]
    fn the_default_in_the_table_is_the_default_of_the_field_and_a_value_of_its_kind() {
        for directive in DIRECTIVES.iter().filter(|directive| directive.name != "dir") {
            let default = directive.default.as_bytes();
            assert_eq!(directive.get(&Config::default()).escape_ascii().to_string(), directive.default);
            let words: Vec<&[u8]> = match directive.kind.takes_words() {
                true => default.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect(),
                false => vec![default],
            };
            // `save` adds to what is there, `replicaof` has no spelling for its default.
            if !["save", "replicaof"].contains(&directive.name) {
                let parsed = directive.kind.parse(default, &words);
                assert_eq!(parsed.as_deref(), Ok(default), "{}", directive.name);
            }
        }
    }

    #[test]
    fn setting_a_value_to_its_default_leaves_an_equal_configuration() {
        let (directive, _) = lookup(b"maxmemory").unwrap();
        let mut config = Config::default();
        directive.set(&mut config, &[b"1gb"]).unwrap();
        assert!(directive.is_changed(&config) && directive.get(&config) == b"1073741824");
        directive.set(&mut config, &[b"0"]).unwrap();
        assert_eq!(config, Config::default());
    }

    #[test]
    fn live_values_arrive_in_their_fields() {
        let mut config = Config::default();
        for (name, words) in [
            ("bind", &["127.0.0.1", "-::1"][..]),
            ("unixsocket", &["/run/shoal.sock"]),
            ("unixsocketperm", &["700"]),
            ("client-query-buffer-limit", &["2mb"]),
            ("client-output-buffer-limit", &["pubsub", "2k", "1k", "9"]),
            ("loglevel", &["WARNING"]),
            ("pipeline-order", &["strict"]),
            ("turn-clock", &["cpu"]),
            ("protected-mode", &["no"]),
            ("logfile", &["a b"]),
        ] {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            lookup(name.as_bytes()).unwrap().0.set(&mut config, &words).unwrap();
        }
        assert_eq!(config.bind, ["127.0.0.1", "-::1"]);
        assert_eq!(config.unixsocket, Some(PathBuf::from("/run/shoal.sock")));
        assert_eq!(config.unixsocketperm, 0o700);
        assert_eq!(config.client_query_buffer_limit_bytes, 2 << 20);
        let limit = OutputLimit { hard_bytes: 2000, soft_bytes: 1000, soft_s: 9 };
        assert_eq!(config.client_output_buffer_limit[2], limit);
        assert_eq!(config.client_output_buffer_limit[..2], Config::default().client_output_buffer_limit[..2]);
        assert_eq!(config.loglevel, LogLevel::Warning);
        assert!(config.pipeline_order_strict && config.turn_clock_cpu && !config.protected_mode);
        assert_eq!(config.logfile, PathBuf::from("a b"));
    }
}
