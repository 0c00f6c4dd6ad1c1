//! What a worker counts, and what it reports of itself for INFO.

use shards::error_counts::ErrorCounts;

use crate::metrics::rates::Rates;
use crate::metrics::turns::{Lateness, TurnTimes};

/// What a worker can be asked about its counters.
#[derive(Clone, Copy, Debug)]
pub enum StatsQuestion {
    /// Report them.
    Report,
    /// Set them to zero (CONFIG RESETSTAT).
    Reset,
}

/// Counters of one worker, for INFO.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused because of maxclients or protected mode.
    pub rejected: u64,
    /// Commands processed.
    pub commands: u64,
    /// Bytes received from clients.
    pub input_bytes: u64,
    /// Bytes sent to clients.
    pub output_bytes: u64,
    /// Receives that have brought something.
    pub reads: u64,
    /// Sends that have ended.
    pub writes: u64,
    /// What was done a second lately.
    pub rates: Rates,
    /// Commands that another shard executed.
    pub remote_commands: u64,
    /// Transactions over several shards.
    pub transactions: u64,
    /// Connections closed because of client-output-buffer-limit.
    pub output_limit_closed: u64,
    /// Connections closed because of client-query-buffer-limit.
    pub query_limit_closed: u64,
    /// How long the turns took.
    pub turns: TurnTimes,
    /// How late turns came.
    pub lateness: Lateness,
}

/// One worker's share of INFO.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Counters since the start or CONFIG RESETSTAT.
    pub stats: Stats,
    /// Connected clients.
    pub clients: usize,
    /// Slots that its shard owns.
    pub slots: usize,
    /// Slots that have left it since the start.
    pub slots_left: u64,
    /// The longest output that waits for one client, in bytes.
    pub output_bytes_max: usize,
    /// The longest input that waits for one client, in bytes.
    pub input_bytes_max: usize,
    /// For each database: keys, and those with an expire.
    pub keyspace: Vec<(usize, usize)>,
    /// Lookups that found their key.
    pub keyspace_hits: u64,
    /// Lookups that did not.
    pub keyspace_misses: u64,
    /// Keys removed because their time had come.
    pub expired_keys: u64,
    /// The same of fields of hashes.
    pub expired_fields: u64,
    /// Keys removed for want of memory.
    pub evicted_keys: u64,
    /// Keys of FLUSHALL ASYNC and FLUSHDB ASYNC that are still to be freed.
    pub lazyfree_pending: usize,
    /// Errors replied since the start or CONFIG RESETSTAT.
    pub errors: ErrorCounts,
    /// Changes of keys since the start.
    pub changes: u64,
    /// Memory that connections hold, in bytes.
    pub clients_bytes: usize,
    /// Clients that wait in a blocking command.
    pub blocked_clients: usize,
    /// Clients that track.
    pub tracking_clients: usize,
    /// Keys that are remembered for them.
    pub tracked_keys: usize,
    /// Pairs of such a key and a client.
    pub tracked_items: usize,
    /// Clients that subscribe to anything.
    pub subscribers: usize,
}
