//! The text of INFO: what all workers have reported, added up, in Redis's sections.
//!
//! This file must not know who asks, nor how the reports have come.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::host::version::{REDIS_VERSION, SHOAL_VERSION};
use crate::host::{clock, sys};
use crate::metrics::report::Report;
use crate::metrics::turns::TurnTimes;
use crate::node::Node;
use crate::pubsub::SubscriptionKind;

/// What the sections are made of.
pub struct Whole<'a> {
    /// What the process used when it was asked, in bytes.
    pub used_bytes: u64,
    /// What the process shares.
    pub node: &'static Node,
    /// The time, in milliseconds since 1970.
    pub now_ms: u64,
    /// The configuration.
    pub config: &'a Config,
    /// Of all workers, in their order.
    pub reports: &'a [Report],
}

impl Whole<'_> {
    fn sum(&self, value: impl Fn(&Report) -> u64) -> u64 {
        self.reports.iter().map(value).sum()
    }

    /// How many names of a kind have subscribers, wherever those are.
    fn subscribed(&self, kind: SubscriptionKind) -> usize {
        self.node.subscriptions.distinct(kind).len()
    }

    /// How many errors of each code were replied.
    fn errors_by_code(&self) -> BTreeMap<&str, i64> {
        let mut by_code = BTreeMap::new();
        for (code, count) in self.reports.iter().flat_map(|report| &report.errors.by_code) {
            *by_code.entry(&**code).or_default() += *count;
        }
        by_code.retain(|_, count| *count > 0);
        by_code
    }

    fn max(&self, value: impl Fn(&Report) -> usize) -> usize {
        self.reports.iter().map(value).max().unwrap_or(0)
    }
}

type Section = fn(&Whole<'_>, &mut String);

/// The sections in Redis's order, with their names in lower case.
const SECTIONS: &[(&str, Section)] = &[
    ("server", server),
    ("clients", clients),
    ("memory", memory),
    ("persistence", persistence),
    ("stats", stats),
    ("replication", replication),
    ("cpu", cpu),
    ("modules", modules),
    ("errorstats", errorstats),
    ("cluster", cluster),
    ("keyspace", keyspace),
    ("workers", workers),
];

/// The sections whose names, in lower case, are wanted.
pub fn text(whole: &Whole<'_>, is_wanted: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for (_, write) in SECTIONS.iter().filter(|(name, _)| is_wanted(name)) {
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        write(whole, &mut text);
    }
    text
}

fn lines(title: &str, fields: &[(&str, String)], text: &mut String) {
    text.push_str(&format!("# {title}\r\n"));
    for (name, value) in fields {
        text.push_str(&format!("{name}:{value}\r\n"));
    }
}

/// Redis's LRU clock: seconds, in so many bits.
const LRU_CLOCK_MASK: u64 = (1 << 24) - 1;

fn server(whole: &Whole<'_>, text: &mut String) {
    let uptime_s = whole.now_ms.saturating_sub(whole.node.started_ms) / 1000;
    let file = whole.node.config_file.as_ref().map(|path| path.display().to_string());
    let executable = std::env::current_exe().map(|path| path.display().to_string());
    let fields = [
        ("redis_version", REDIS_VERSION.to_owned()),
        ("server_name", "shoal".to_owned()),
        ("shoal_version", SHOAL_VERSION.to_owned()),
        ("redis_git_sha1", "00000000".to_owned()),
        ("redis_git_dirty", "0".to_owned()),
        ("redis_mode", "standalone".to_owned()),
        ("os", sys::os_name()),
        ("arch_bits", usize::BITS.to_string()),
        ("monotonic_clock", "POSIX clock_gettime".to_owned()),
        ("multiplexing_api", "io_uring".to_owned()),
        ("process_id", std::process::id().to_string()),
        ("process_supervised", whole.node.supervisor.to_owned()),
        ("run_id", whole.node.run_id.clone()),
        ("tcp_port", whole.node.port.to_string()),
        ("server_time_usec", clock::now().as_micros().to_string()),
        ("uptime_in_seconds", uptime_s.to_string()),
        ("uptime_in_days", (uptime_s / 86400).to_string()),
        ("hz", "10".to_owned()),
        ("configured_hz", "10".to_owned()),
        ("lru_clock", ((whole.now_ms / 1000) & LRU_CLOCK_MASK).to_string()),
        ("executable", executable.unwrap_or_default()),
        ("config_file", file.unwrap_or_default()),
        ("io_threads_active", "0".to_owned()),
        ("shards", whole.node.shards.to_string()),
    ];
    lines("Server", &fields, text);
}

fn clients(whole: &Whole<'_>, text: &mut String) {
    let fields = [
        ("connected_clients", whole.sum(|report| report.clients as u64).to_string()),
        ("cluster_connections", "0".to_owned()),
        ("maxclients", whole.config.maxclients.to_string()),
        ("client_recent_max_input_buffer", whole.max(|report| report.input_bytes_max).to_string()),
        ("client_recent_max_output_buffer", whole.max(|report| report.output_bytes_max).to_string()),
        ("blocked_clients", whole.sum(|report| report.blocked_clients as u64).to_string()),
        ("tracking_clients", whole.sum(|report| report.tracking_clients as u64).to_string()),
        ("pubsub_clients", whole.sum(|report| report.subscribers as u64).to_string()),
    ];
    lines("Clients", &fields, text);
}

fn memory(whole: &Whole<'_>, text: &mut String) {
    let used = whole.used_bytes;
    let (peak, resident) = (whole.node.memory.peak_bytes(), sys::resident_bytes());
    let limit = whole.config.maxmemory_bytes;
    let part = |value: u64, of: u64| value as f64 / of.max(1) as f64;
    let machine = sys::machine_memory_bytes();
    let clients = whole.sum(|report| report.clients_bytes as u64);
    let fields = [
        ("used_memory", used.to_string()),
        ("used_memory_human", human(used)),
        ("used_memory_rss", resident.to_string()),
        ("used_memory_rss_human", human(resident)),
        ("used_memory_peak", peak.to_string()),
        ("used_memory_peak_human", human(peak)),
        ("used_memory_peak_perc", format!("{:.2}%", 100.0 * part(used, peak))),
        ("total_system_memory", machine.to_string()),
        ("total_system_memory_human", human(machine)),
        // There are no scripts and no functions.
        ("used_memory_lua", "0".to_owned()),
        ("used_memory_vm_eval", "0".to_owned()),
        ("used_memory_lua_human", human(0)),
        ("used_memory_scripts_eval", "0".to_owned()),
        ("number_of_cached_scripts", "0".to_owned()),
        ("number_of_functions", "0".to_owned()),
        ("number_of_libraries", "0".to_owned()),
        ("used_memory_vm_functions", "0".to_owned()),
        ("used_memory_vm_total", "0".to_owned()),
        ("used_memory_vm_total_human", human(0)),
        ("used_memory_functions", "0".to_owned()),
        ("used_memory_scripts", "0".to_owned()),
        ("used_memory_scripts_human", human(0)),
        ("maxmemory", limit.to_string()),
        ("maxmemory_human", human(limit)),
        ("maxmemory_policy", whole.config.maxmemory_policy_name().to_owned()),
        ("mem_fragmentation_ratio", format!("{:.2}", part(resident, used))),
        ("mem_fragmentation_bytes", (resident as i64 - used as i64).to_string()),
        ("mem_not_counted_for_evict", "0".to_owned()),
        ("mem_replication_backlog", "0".to_owned()),
        ("mem_total_replication_buffers", "0".to_owned()),
        ("mem_clients_slaves", "0".to_owned()),
        ("mem_clients_normal", clients.to_string()),
        ("mem_cluster_links", "0".to_owned()),
        ("mem_aof_buffer", "0".to_owned()),
        ("mem_allocator", "mimalloc".to_owned()),
        ("active_defrag_running", "0".to_owned()),
        ("lazyfree_pending_objects", whole.sum(|report| report.lazyfree_pending as u64).to_string()),
    ];
    lines("Memory", &fields, text);
}

/// Bytes with a unit, as Redis prints them.
fn human(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        _ if bytes < 1024.0 => format!("{bytes}B"),
        _ if bytes < 1024.0 * 1024.0 => format!("{:.2}K", bytes / 1024.0),
        _ if bytes < 1024.0 * 1024.0 * 1024.0 => format!("{:.2}M", bytes / (1024.0 * 1024.0)),
        _ => format!("{:.2}G", bytes / (1024.0 * 1024.0 * 1024.0)),
    }
}

fn persistence(whole: &Whole<'_>, text: &mut String) {
    let owned = |(name, value): (&'static str, &str)| (name, value.to_owned());
    let saves = whole.node.saves.report();
    let (keys, keys_total) = saves.keys;
    let percent = if keys_total == 0 { 0.0 } else { keys as f64 * 100.0 / keys_total as f64 };
    let current_s = match saves.in_background {
        true => (whole.now_ms.saturating_sub(saves.began_ms) / 1000).to_string(),
        false => "-1".to_owned(),
    };
    let load = whole.node.load.progress();
    let (keys_loaded, keys_expired) = whole.node.load.last();
    let mut fields = vec![("loading", u8::from(load.is_some()).to_string())];
    fields.extend(BEFORE_SAVES.map(owned));
    fields.extend([
        ("current_fork_perc", format!("{percent:.2}")),
        ("current_save_keys_processed", keys.to_string()),
        ("current_save_keys_total", keys_total.to_string()),
        (
            "rdb_changes_since_last_save",
            whole.node.saves.changes_of(whole.sum(|report| report.changes)).to_string(),
        ),
        ("rdb_bgsave_in_progress", u8::from(saves.in_background).to_string()),
        ("rdb_last_save_time", saves.last_save_s.to_string()),
        ("rdb_last_bgsave_status", if saves.has_failed { "err" } else { "ok" }.to_owned()),
        ("rdb_last_bgsave_time_sec", saves.last_duration_s.to_string()),
        ("rdb_current_bgsave_time_sec", current_s),
        ("rdb_saves", saves.count.to_string()),
        ("rdb_last_keys_left_out", saves.left_out.to_string()),
        ("rdb_last_cow_size", "0".to_owned()),
        ("rdb_last_load_keys_expired", keys_expired.to_string()),
        ("rdb_last_load_keys_loaded", keys_loaded.to_string()),
    ]);
    fields.extend(BEHIND_SAVES.map(owned));
    if let Some(load) = load {
        let (percent, eta_s) = load.estimate(whole.now_ms / 1000);
        fields.extend([
            ("loading_start_time", load.started_s.to_string()),
            ("loading_total_bytes", load.total_bytes.to_string()),
            ("loading_rdb_used_mem", load.writer_used_bytes.to_string()),
            ("loading_loaded_bytes", load.loaded_bytes.to_string()),
            ("loading_loaded_perc", format!("{percent:.2}")),
            ("loading_eta_seconds", eta_s.to_string()),
        ]);
    }
    lines("Persistence", &fields, text);
}

const BEFORE_SAVES: [(&str, &str); 4] = [
    ("async_loading", "0"),
    ("current_cow_peak", "0"),
    ("current_cow_size", "0"),
    ("current_cow_size_age", "0"),
];

const BEHIND_SAVES: [(&str, &str); 12] = [
    ("aof_enabled", "0"),
    ("aof_rewrite_in_progress", "0"),
    ("aof_rewrite_scheduled", "0"),
    ("aof_last_rewrite_time_sec", "-1"),
    ("aof_current_rewrite_time_sec", "-1"),
    ("aof_last_bgrewrite_status", "ok"),
    ("aof_rewrites", "0"),
    ("aof_rewrites_consecutive_failures", "0"),
    ("aof_last_write_status", "ok"),
    ("aof_last_cow_size", "0"),
    ("module_fork_in_progress", "0"),
    ("module_fork_last_cow_size", "0"),
];

fn stats(whole: &Whole<'_>, text: &mut String) {
    let zero = || "0".to_owned();
    let rate = |at: usize| whole.sum(|report| report.stats.rates.per_s()[at]);
    let kbps = |at: usize| format!("{:.2}", rate(at) as f64 / 1024.0);
    let errors: i64 = whole.reports.iter().map(|report| report.errors.total).sum();
    let denied = whole.errors_by_code().get("WRONGPASS").copied().unwrap_or(0);
    let fields = [
        ("total_connections_received", whole.sum(|report| report.stats.connections).to_string()),
        ("total_commands_processed", whole.sum(|report| report.stats.commands).to_string()),
        ("instantaneous_ops_per_sec", rate(0).to_string()),
        ("total_net_input_bytes", whole.sum(|report| report.stats.input_bytes).to_string()),
        ("total_net_output_bytes", whole.sum(|report| report.stats.output_bytes).to_string()),
        ("total_net_repl_input_bytes", zero()),
        ("total_net_repl_output_bytes", zero()),
        ("instantaneous_input_kbps", kbps(1)),
        ("instantaneous_output_kbps", kbps(2)),
        ("instantaneous_input_repl_kbps", "0.00".to_owned()),
        ("instantaneous_output_repl_kbps", "0.00".to_owned()),
        ("rejected_connections", whole.sum(|report| report.stats.rejected).to_string()),
        ("sync_full", zero()),
        ("sync_partial_ok", zero()),
        ("sync_partial_err", zero()),
        ("expired_keys", whole.sum(|report| report.expired_keys).to_string()),
        ("expired_fields", whole.sum(|report| report.expired_fields).to_string()),
        ("evicted_keys", whole.sum(|report| report.evicted_keys).to_string()),
        ("evicted_clients", zero()),
        ("keyspace_hits", whole.sum(|report| report.keyspace_hits).to_string()),
        ("keyspace_misses", whole.sum(|report| report.keyspace_misses).to_string()),
        ("pubsub_channels", whole.subscribed(SubscriptionKind::Channel).to_string()),
        ("pubsub_patterns", whole.subscribed(SubscriptionKind::Pattern).to_string()),
        ("pubsubshard_channels", whole.subscribed(SubscriptionKind::ShardChannel).to_string()),
        ("latest_fork_usec", zero()),
        ("total_forks", zero()),
        ("migrate_cached_sockets", zero()),
        ("slave_expires_tracked_keys", zero()),
        ("active_defrag_hits", zero()),
        ("active_defrag_misses", zero()),
        ("active_defrag_key_hits", zero()),
        ("active_defrag_key_misses", zero()),
        ("total_active_defrag_time", zero()),
        ("current_active_defrag_time", zero()),
        ("tracking_total_keys", whole.sum(|report| report.tracked_keys as u64).to_string()),
        ("tracking_total_items", whole.sum(|report| report.tracked_items as u64).to_string()),
        ("tracking_total_prefixes", whole.node.tracking.prefixes().len().to_string()),
        ("unexpected_error_replies", zero()),
        ("total_error_replies", errors.max(0).to_string()),
        ("dump_payload_sanitizations", zero()),
        ("total_reads_processed", whole.sum(|report| report.stats.reads).to_string()),
        ("total_writes_processed", whole.sum(|report| report.stats.writes).to_string()),
        ("io_threaded_reads_processed", zero()),
        ("io_threaded_writes_processed", zero()),
        (
            "client_query_buffer_limit_disconnections",
            whole.sum(|report| report.stats.query_limit_closed).to_string(),
        ),
        (
            "client_output_buffer_limit_disconnections",
            whole.sum(|report| report.stats.output_limit_closed).to_string(),
        ),
        ("acl_access_denied_auth", denied.to_string()),
        ("acl_access_denied_cmd", zero()),
        ("acl_access_denied_key", zero()),
        ("acl_access_denied_channel", zero()),
        ("shoal_remote_commands", whole.sum(|report| report.stats.remote_commands).to_string()),
        ("shoal_cross_shard_transactions", whole.sum(|report| report.stats.transactions).to_string()),
    ];
    lines("Stats", &fields, text);
}

fn replication(whole: &Whole<'_>, text: &mut String) {
    let fields = [
        ("role", "master".to_owned()),
        ("connected_slaves", "0".to_owned()),
        ("master_failover_state", "no-failover".to_owned()),
        ("master_replid", whole.node.run_id.clone()),
        ("master_replid2", "0".repeat(whole.node.run_id.len())),
        ("master_repl_offset", "0".to_owned()),
        ("second_repl_offset", "-1".to_owned()),
        ("repl_backlog_active", "0".to_owned()),
        ("repl_backlog_size", whole.config.value_of("repl-backlog-size")),
        ("repl_backlog_first_byte_offset", "0".to_owned()),
        ("repl_backlog_histlen", "0".to_owned()),
    ];
    lines("Replication", &fields, text);
}

fn cpu(_whole: &Whole<'_>, text: &mut String) {
    let (user, system) = sys::cpu_time();
    let seconds = |time: std::time::Duration| format!("{:.6}", time.as_secs_f64());
    // There are no child processes.
    let none = || seconds(std::time::Duration::ZERO);
    let fields = [
        ("used_cpu_sys", seconds(system)),
        ("used_cpu_user", seconds(user)),
        ("used_cpu_sys_children", none()),
        ("used_cpu_user_children", none()),
    ];
    lines("CPU", &fields, text);
}

fn modules(_whole: &Whole<'_>, text: &mut String) {
    lines("Modules", &[], text);
}

fn errorstats(whole: &Whole<'_>, text: &mut String) {
    text.push_str("# Errorstats\r\n");
    for (code, count) in whole.errors_by_code() {
        text.push_str(&format!("errorstat_{code}:count={count}\r\n"));
    }
}

fn cluster(_whole: &Whole<'_>, text: &mut String) {
    lines("Cluster", &[("cluster_enabled", "0".to_owned())], text);
}

fn keyspace(whole: &Whole<'_>, text: &mut String) {
    let databases = whole.reports.first().map_or(0, |report| report.keyspace.len());
    text.push_str("# Keyspace\r\n");
    for db in 0..databases {
        let keys = whole.sum(|report| report.keyspace[db].0 as u64);
        let expires = whole.sum(|report| report.keyspace[db].1 as u64);
        if keys > 0 {
            text.push_str(&format!("db{db}:keys={keys},expires={expires},avg_ttl=0\r\n"));
        }
    }
}

/// Shoal's own section: how long the turns of each worker took and how late they came, and all durations of
/// those of the shards as a histogram.
fn workers(whole: &Whole<'_>, text: &mut String) {
    let client_workers = &whole.node.client_workers;
    let ((spreads, gathers), moves) = (client_workers.changes(), whole.sum(|report| report.slots_left));
    text.push_str(&format!(
        "# Workers\r\nactive_workers:{}\r\nclient_workers:{}\r\nspreads:{spreads}\r\ngathers:{gathers}\r\n\
         slot_moves:{moves}\r\n",
        client_workers.active(),
        client_workers.count(),
    ));
    let loads: Vec<u32> = client_workers.loads().map(|load| load.wanted).collect();
    let mut all = TurnTimes::default();
    for (worker, report) in whole.reports.iter().enumerate() {
        let (turns, lateness) = (report.stats.turns.summary(), report.stats.lateness.summary());
        if worker == whole.node.control().index() {
            text.push_str(&format!("control_worker:{turns},{lateness}\r\n"));
        } else {
            all.add(&report.stats.turns);
            let (clients, slots, load) = (report.clients, report.slots, f64::from(loads[worker]) / 1000.0);
            text.push_str(&format!(
                "worker{worker}:{turns},{lateness},clients={clients},slots={slots},load={load:.3}\r\n"
            ));
        }
    }
    text.push_str(&format!("turns_by_us:{}\r\n", all.buckets()));
}
