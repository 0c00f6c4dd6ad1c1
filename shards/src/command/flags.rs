//! Command flags, key flags and ACL categories as bit masks, with the names that COMMAND INFO prints.
//!
//! Source: Redis 7 `server.h` and `COMMAND INFO`. Plain integers, because rows are `static`.

/// May change the keyspace.
pub const WRITE: u64 = 1 << 0;
/// Reads keys and changes none.
pub const READONLY: u64 = 1 << 1;
/// Refused when memory is over `maxmemory`, since it may need more.
pub const DENYOOM: u64 = 1 << 2;
/// An administrator's command.
pub const ADMIN: u64 = 1 << 3;
/// Belongs to pub/sub.
pub const PUBSUB: u64 = 1 << 4;
/// Not allowed from scripts.
pub const NOSCRIPT: u64 = 1 << 5;
/// May block the client.
pub const BLOCKING: u64 = 1 << 6;
/// Allowed while the data set is being loaded.
pub const LOADING: u64 = 1 << 7;
/// Allowed on a replica whose data is stale.
pub const STALE: u64 = 1 << 8;
/// Not shown to MONITOR.
pub const SKIP_MONITOR: u64 = 1 << 9;
/// Not entered in the slow log.
pub const SKIP_SLOWLOG: u64 = 1 << 10;
/// ASKING is implied (cluster).
pub const ASKING: u64 = 1 << 11;
/// Constant or logarithmic time.
pub const FAST: u64 = 1 << 12;
/// Allowed before AUTH.
pub const NO_AUTH: u64 = 1 << 13;
/// May be replicated though it writes no key.
pub const MAY_REPLICATE: u64 = 1 << 14;
/// Refused inside MULTI.
pub const NO_MULTI: u64 = 1 << 15;
/// The key positions depend on the arguments.
pub const MOVABLE_KEYS: u64 = 1 << 16;
/// Allowed while the node is busy with a script (Redis: `allow_busy`).
pub const ALLOW_BUSY: u64 = 1 << 17;
/// Refused while a replica loads a data set beside the old one that it still serves (Redis: async loading).
pub const NO_ASYNC_LOADING: u64 = 1 << 18;
/// Takes keys but may be called without any, as EVAL with 0 keys.
pub const NO_MANDATORY_KEYS: u64 = 1 << 19;
/// Refused unless the configuration enables it, as DEBUG. Not printed by COMMAND INFO.
pub const PROTECTED: u64 = 1 << 20;

/// Inside MULTI it is not queued but runs at once, as EXEC. Not printed by COMMAND INFO.
pub const RUNS_IN_MULTI: u64 = 1 << 21;
/// Runs the commands that MULTI has queued: EXEC. Not printed by COMMAND INFO.
pub const RUNS_QUEUE: u64 = 1 << 22;

/// Allowed for a subscriber that speaks RESP2. Not printed by COMMAND INFO.
pub const FOR_SUBSCRIBERS: u64 = 1 << 23;

/// Refused like a write while writes are refused because they cannot be saved: PING, by which others see how
/// the node is. Not printed by COMMAND INFO.
pub const TELLS_OF_DISK: u64 = 1 << 24;

/// Flag bits and the names that COMMAND INFO gives them, in Redis's order. Redis hides `may_replicate`.
pub const NAMES: &[(u64, &str)] = &[
    (WRITE, "write"),
    (READONLY, "readonly"),
    (DENYOOM, "denyoom"),
    (ADMIN, "admin"),
    (PUBSUB, "pubsub"),
    (NOSCRIPT, "noscript"),
    (BLOCKING, "blocking"),
    (LOADING, "loading"),
    (STALE, "stale"),
    (SKIP_MONITOR, "skip_monitor"),
    (SKIP_SLOWLOG, "skip_slowlog"),
    (ASKING, "asking"),
    (FAST, "fast"),
    (NO_AUTH, "no_auth"),
    (NO_MANDATORY_KEYS, "no_mandatory_keys"),
    (NO_ASYNC_LOADING, "no_async_loading"),
    (NO_MULTI, "no_multi"),
    (MOVABLE_KEYS, "movablekeys"),
    (ALLOW_BUSY, "allow_busy"),
];

/// ACL categories, in the order in which Redis 7 prints them.
pub mod acl {
    /// Keyspace-wide or type-independent commands.
    pub const KEYSPACE: u64 = 1 << 0;
    /// Commands that read.
    pub const READ: u64 = 1 << 1;
    /// Commands that write.
    pub const WRITE: u64 = 1 << 2;
    /// Sets.
    pub const SET: u64 = 1 << 3;
    /// Sorted sets.
    pub const SORTEDSET: u64 = 1 << 4;
    /// Lists.
    pub const LIST: u64 = 1 << 5;
    /// Hashes.
    pub const HASH: u64 = 1 << 6;
    /// Strings.
    pub const STRING: u64 = 1 << 7;
    /// Bitmaps.
    pub const BITMAP: u64 = 1 << 8;
    /// HyperLogLog.
    pub const HYPERLOGLOG: u64 = 1 << 9;
    /// Geo.
    pub const GEO: u64 = 1 << 10;
    /// Streams.
    pub const STREAM: u64 = 1 << 11;
    /// Pub/sub.
    pub const PUBSUB: u64 = 1 << 12;
    /// Administration.
    pub const ADMIN: u64 = 1 << 13;
    /// Constant or logarithmic time.
    pub const FAST: u64 = 1 << 14;
    /// Everything that is not fast.
    pub const SLOW: u64 = 1 << 15;
    /// May block.
    pub const BLOCKING: u64 = 1 << 16;
    /// Can do harm or disclose much.
    pub const DANGEROUS: u64 = 1 << 17;
    /// Connections.
    pub const CONNECTION: u64 = 1 << 18;
    /// MULTI and its kin.
    pub const TRANSACTION: u64 = 1 << 19;
    /// Scripts.
    pub const SCRIPTING: u64 = 1 << 20;

    /// Category bits and their names without the `@`.
    pub const NAMES: &[(u64, &str)] = &[
        (KEYSPACE, "keyspace"),
        (READ, "read"),
        (WRITE, "write"),
        (SET, "set"),
        (SORTEDSET, "sortedset"),
        (LIST, "list"),
        (HASH, "hash"),
        (STRING, "string"),
        (BITMAP, "bitmap"),
        (HYPERLOGLOG, "hyperloglog"),
        (GEO, "geo"),
        (STREAM, "stream"),
        (PUBSUB, "pubsub"),
        (ADMIN, "admin"),
        (FAST, "fast"),
        (SLOW, "slow"),
        (BLOCKING, "blocking"),
        (DANGEROUS, "dangerous"),
        (CONNECTION, "connection"),
        (TRANSACTION, "transaction"),
        (SCRIPTING, "scripting"),
    ];

    /// The categories that follow from the command's flags, given its `explicit` ones: what scripts do to
    /// keys is not known from the command (Redis: setImplicitACLCategories).
    pub const fn implied(flags: u64, explicit: u64) -> u64 {
        let mut categories = 0;
        if flags & super::WRITE != 0 && explicit & SCRIPTING == 0 {
            categories |= WRITE;
        }
        if flags & super::READONLY != 0 && explicit & SCRIPTING == 0 {
            categories |= READ;
        }
        if flags & super::ADMIN != 0 {
            categories |= ADMIN | DANGEROUS;
        }
        if flags & super::PUBSUB != 0 {
            categories |= PUBSUB;
        }
        if flags & super::FAST != 0 {
            categories |= FAST;
        } else {
            categories |= SLOW;
        }
        if flags & super::BLOCKING != 0 {
            categories |= BLOCKING;
        }
        categories
    }
}
