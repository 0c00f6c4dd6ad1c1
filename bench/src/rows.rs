//! Every row of the comparison, in one table: what is measured, on how many shards, which columns it gives,
//! and the goals it is held against. A new row is a new entry here; only a new *kind* of work needs code in
//! `measure`.

mod collections;
mod default_set;

use testkit::Kind;

use crate::resp::NUMBER_PLACE;

/// The servers, in the order in which they run and are printed. The first is ours.
pub const SERVERS: [Kind; 4] = [Kind::Shoal, Kind::Redis, Kind::Valkey, Kind::Kevy];

/// The name of a server in the output.
pub fn server_name(server: Kind) -> &'static str {
    match server {
        Kind::Shoal => "shoal",
        Kind::Redis => "redis-server",
        Kind::Valkey => "Valkey",
        Kind::Kevy => "kevy",
    }
}

/// Connections of every load but the idle one (redis-benchmark's own default).
pub const CONNECTIONS: usize = 50;

/// Keys that a load chooses from, unless its row says otherwise.
const KEYS: u64 = 100_000;

/// So many that neither the keys nor the tables fit into a processor's caches.
const MANY_KEYS: u64 = 1_000_000;

/// So many that most look-ups miss the cache of address translations, too. A gigabyte and more.
const VERY_MANY_KEYS: u64 = 10_000_000;

/// Rows of more keys are left out of a quick run: to fill a server takes far longer there than to measure it.
const KEYS_OF_QUICK_RUN_MAX: u64 = MANY_KEYS;

/// Keys whose memory is measured.
const KEYS_WEIGHED: u64 = 1_000_000;

/// One command as its arguments; [`NUMBER_PLACE`] in them becomes twelve digits.
pub type CommandWords = &'static [&'static str];

/// 16 bytes, once the number is in.
const KEY: &str = "key:__rand_int__";
const _: () = assert!(KEY.len() == 16 && NUMBER_PLACE.len() == 12);

/// 64 bytes.
const VALUE: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ+-";
const _: () = assert!(VALUE.len() == 64);

const GET: CommandWords = &["GET", KEY];
const DEL: CommandWords = &["DEL", KEY];
const SET: CommandWords = &["SET", KEY, VALUE];

/// Ten keys in ten slots.
const MGET_10: CommandWords = &["MGET", KEY, KEY, KEY, KEY, KEY, KEY, KEY, KEY, KEY, KEY];
const MSET_10: CommandWords = &[
    "MSET", KEY, VALUE, KEY, VALUE, KEY, VALUE, KEY, VALUE, KEY, VALUE, KEY, VALUE, KEY, VALUE, KEY, VALUE,
    KEY, VALUE, KEY, VALUE,
];

/// Who sends a closed loop.
#[derive(Clone, Copy, Debug)]
pub struct Clients {
    /// How many redis-benchmarks, each with as many connections and requests as the others.
    pub generators: usize,
    /// Connections of each.
    pub connections: usize,
}

const FIFTY: Clients = Clients { generators: 1, connections: CONNECTIONS };
const ONE: Clients = Clients { generators: 1, connections: 1 };
/// So many that on two cores, which the server shares with them, it always has commands to execute: one
/// redis-benchmark has no more processor time than a core has, and spends about as much of it for a command
/// as a server.
const SATURATING: Clients = Clients { generators: 3, connections: CONNECTIONS };

/// Keys that the clients of a measured load never name.
const OTHER_KEY: &str = "txn:__rand_int__";

/// A group of commands that is sent beside a measured load.
#[derive(Clone, Copy, Debug)]
pub struct Background {
    /// Sent together; their replies are waited for.
    pub commands: &'static [CommandWords],
    /// Groups a second, all connections together: a bound that is kept unless the server is too slow for it.
    pub rate_per_s: u64,
}

/// Few enough that they alone take but a small part of a core.
const GROUPS_PER_S: u64 = 400;

/// Transactions whose keys lie on any slots, and so nearly always on both of two shards.
const TRANSACTIONS: Background = Background {
    commands: &[
        &["MULTI"],
        &["SET", OTHER_KEY, VALUE],
        &["SET", OTHER_KEY, VALUE],
        &["GET", OTHER_KEY],
        &["GET", OTHER_KEY],
        &["EXEC"],
    ],
    rate_per_s: GROUPS_PER_S,
};

/// The same commands without a transaction: what their mere execution costs the others.
const SAME_COMMANDS: Background = Background {
    commands: &[
        &["PING"],
        &["SET", OTHER_KEY, VALUE],
        &["SET", OTHER_KEY, VALUE],
        &["GET", OTHER_KEY],
        &["GET", OTHER_KEY],
        &["PING"],
    ],
    rate_per_s: GROUPS_PER_S,
};

/// Clients on single keys beside whom transactions run.
pub const CONNECTIONS_BESIDE: usize = 100;

/// Data that a server holds before it is measured: the command, once for each of `count` numbers from `first`
/// up, in an order that looks random.
#[derive(Clone, Copy, Debug)]
pub struct Fill {
    /// What is sent.
    pub command: CommandWords,
    /// The lowest number.
    pub first: u64,
    /// How often.
    pub count: u64,
}

impl Fill {
    /// Numbers from 0 up.
    pub const fn of(command: CommandWords, count: u64) -> Fill {
        Fill { command, first: 0, count }
    }

    /// The same with other numbers.
    pub const fn from(self, first: u64) -> Fill {
        Fill { first, ..self }
    }
}

const STRINGS: Fill = Fill::of(SET, KEYS);

/// What is measured.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the line of each variant tells what its fields are")]
pub enum Work {
    /// redis-benchmark: each connection sends `pipeline` commands, waits for all the replies, and sends
    /// again.
    ClosedLoop { command: CommandWords, pipeline: u32, clients: Clients, fill: Fill },
    /// redis-benchmark with [`CONNECTIONS_BESIDE`] connections and one command at a time, while others send
    /// something else.
    Beside { command: CommandWords, others: Option<Background>, fill: Fill },
    /// Our own generator: commands leave at a fixed rate over all connections.
    OpenLoop { command: CommandWords, rate_per_s: u64, fill: Fill },
    /// redis-benchmark's own default commands: as a closed loop, and in all at most `requests_max` of them.
    DefaultSet { command: CommandWords, pipeline: u32, fills: &'static [Fill], requests_max: u64 },
    /// One connection sends a command that takes long, again and again.
    LongCommand { command: CommandWords, fills: &'static [Fill] },
    /// A probing client on the second shard's core, while a long command runs on the first shard without a
    /// pause.
    BesideLong { probe: CommandWords, long: Option<CommandWords>, fills: &'static [Fill] },
    /// Growth of the resident set by the fill, per key.
    BytesPerKey { fill: Fill },
    /// Growth of the resident set by the fill, for each of the `items` that it makes; they lie in `keys`
    /// keys.
    BytesPerItem { fill: Fill, keys: u64, items: u64 },
    /// A node that nobody talks to.
    IdleNode,
    /// Growth of the resident set by connections that have said PING once and are silent since, per
    /// connection.
    IdleConnections { count: u64 },
}

/// One figure that a row gives. Lower is better, except for rates.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The heading, unit last.
    pub name: &'static str,
    /// Digits after the point.
    pub decimals: usize,
    /// Print shoal's ratio to the others.
    pub ratio: bool,
}

const fn figure(name: &'static str, decimals: usize) -> Column {
    Column { name, decimals, ratio: false }
}

const fn compared(name: &'static str, decimals: usize) -> Column {
    Column { name, decimals, ratio: true }
}

const CPU_US: Column = compared("CPU us/op", 2);
const IDLE_CPU: Column = figure("CPU % of a core", 2);
const RESIDENT: Column = compared("resident MB", 1);
const KEY_BYTES: Column = compared("bytes/key", 1);
const ITEM_BYTES: Column = compared("bytes each", 1);
const CPU_MS: Column = compared("CPU ms/op", 2);
const PROBE_P99: Column = compared("p99 us", 0);
const CONNECTION_BYTES: Column = compared("bytes/connection", 0);

/// What processes that have nothing to do with the measurement took of the machine meanwhile. The last column
/// of every row.
const OTHERS: Column = figure("others, % of a core", 0);

const CLOSED_LOOP_COLUMNS: &[Column] =
    &[compared("requests/s", 0), figure("p50 us", 0), figure("p99 us", 0), CPU_US, OTHERS];
const LONG_COLUMNS: &[Column] = &[CPU_MS, compared("wall ms/op", 2), figure("commands", 0), OTHERS];
const STALL_COLUMNS: &[Column] = &[
    figure("p50 us", 0),
    PROBE_P99,
    figure("p99.9 us", 0),
    figure("max us", 0),
    figure("long commands/s", 1),
    figure("connections apart", 0),
    OTHERS,
];
const WALL_US: Column = compared("wall us/op", 2);
const BESIDE_COLUMNS: &[Column] =
    &[WALL_US, figure("p50 us", 0), figure("p99 us", 0), CPU_US, figure("groups/s beside", 0), OTHERS];
const OPEN_LOOP_COLUMNS: &[Column] = &[
    figure("replies/s", 0),
    figure("p50 us", 0),
    compared("p99 us", 0),
    compared("p99.9 us", 0),
    CPU_US,
    figure("sent late, p99 us", 0),
    OTHERS,
];

impl Work {
    /// The figures that this work gives, in the order of `measure`'s result.
    pub fn columns(&self) -> &'static [Column] {
        match self {
            Work::ClosedLoop { .. } | Work::DefaultSet { .. } => CLOSED_LOOP_COLUMNS,
            Work::LongCommand { .. } => LONG_COLUMNS,
            Work::BesideLong { .. } => STALL_COLUMNS,
            Work::Beside { .. } => BESIDE_COLUMNS,
            Work::OpenLoop { .. } => OPEN_LOOP_COLUMNS,
            Work::BytesPerKey { .. } => &[KEY_BYTES, OTHERS],
            Work::BytesPerItem { .. } => &[ITEM_BYTES, OTHERS],
            Work::IdleNode => &[IDLE_CPU, RESIDENT, OTHERS],
            Work::IdleConnections { .. } => &[CONNECTION_BYTES, OTHERS],
        }
    }

    /// The title of the table that rows of this kind share.
    pub fn title(&self) -> &'static str {
        match self {
            Work::ClosedLoop { .. } => {
                "Closed loop (redis-benchmark, 64-byte values; where not said, 50 connections and 100 k keys)"
            }
            Work::Beside { .. } => {
                "A hundred clients on single keys, beside others (redis-benchmark, 64-byte values, 100 k keys)"
            }
            Work::OpenLoop { .. } => {
                "Open loop (fixed rate, 50 connections, latency from the scheduled send time)"
            }
            Work::DefaultSet { .. } => {
                "redis-benchmark's default set (1 shard, 50 connections, 3 bytes of data, 100 k numbers)"
            }
            Work::LongCommand { .. } => "Commands over large values (1 shard, one connection)",
            Work::BesideLong { .. } => {
                "Beside a long command on the first of 2 shards (1000 GETs a second on the second)"
            }
            Work::BytesPerKey { .. } => "Memory of data (growth of the resident set)",
            Work::BytesPerItem { .. } => {
                "Memory of collections (growth of the resident set; for each small one, for each member of a large one)"
            }
            Work::IdleNode => "Idle node",
            Work::IdleConnections { .. } => "Idle connections (growth of the resident set)",
        }
    }
}

/// What a row should reach.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// The name of the column.
    pub column: &'static str,
    /// What the figure is held against.
    pub against: Against,
    /// Met when the median is at most this.
    pub at_most: f64,
}

/// What a goal's figure is held against.
#[derive(Clone, Copy, Debug)]
pub enum Against {
    /// Nothing: shoal's own figure counts.
    Nothing,
    /// Another server's figure in the same row.
    Server(Kind),
    /// Shoal's own figure in the row of this name.
    Row(&'static str),
}

const fn cpu_ratio(against: Kind, at_most: f64) -> Goal {
    Goal { column: CPU_US.name, against: Against::Server(against), at_most }
}

/// At most so much of each rival, and so of the best one.
const fn at_most_of_all(column: Column, at_most: f64) -> [Goal; 3] {
    [
        Goal { column: column.name, against: Against::Server(Kind::Redis), at_most },
        Goal { column: column.name, against: Against::Server(Kind::Valkey), at_most },
        Goal { column: column.name, against: Against::Server(Kind::Kevy), at_most },
    ]
}

/// At most so much of redis-server and of Valkey, and so of the better one.
const fn at_most_of_both(column: Column, at_most: f64) -> [Goal; 2] {
    [
        Goal { column: column.name, against: Against::Server(Kind::Redis), at_most },
        Goal { column: column.name, against: Against::Server(Kind::Valkey), at_most },
    ]
}

const fn own(column: Column, at_most: f64) -> Goal {
    Goal { column: column.name, against: Against::Nothing, at_most }
}

const ONE_SHARD_P1: &[Goal] = &at_most_of_all(CPU_US, 0.82);
const ONE_SHARD_P16: &[Goal] =
    &[cpu_ratio(Kind::Redis, 0.60), cpu_ratio(Kind::Valkey, 0.75), cpu_ratio(Kind::Kevy, 0.75)];
const ONE_SHARD_MANY_KEYS: &[Goal] = &[cpu_ratio(Kind::Redis, 0.45), cpu_ratio(Kind::Valkey, 0.70)];
const TWO_SHARDS_P1: &[Goal] = &[cpu_ratio(Kind::Redis, 1.30), cpu_ratio(Kind::Valkey, 0.60)];
const TWO_SHARDS_P16: &[Goal] = &[cpu_ratio(Kind::Valkey, 0.60)];
const SATURATED: &[Goal] = &[cpu_ratio(Kind::Redis, 1.10)];
/// Twenty times as much while every command on a key of another core waits for the replies of those before
/// it.
const ONE_CONNECTION: &[Goal] = &[own(CPU_US, 1.2)];
const ONE_SHARD_TEN_KEYS: &[Goal] = &[cpu_ratio(Kind::Redis, 0.90)];
const TWO_SHARDS_MSET: &[Goal] =
    &[Goal { column: CPU_US.name, against: Against::Row("1 shard, P=1, MSET of 10 keys"), at_most: 3.0 }];
const TWO_SHARDS_MGET: &[Goal] =
    &[Goal { column: CPU_US.name, against: Against::Row("1 shard, P=1, MGET of 10 keys"), at_most: 3.0 }];

const ALONE: &str = "2 shards, SET, alone";
/// A loss of ten percent of the throughput.
const BESIDE: &[Goal] = &[Goal { column: WALL_US.name, against: Against::Row(ALONE), at_most: 1.0 / 0.9 }];

/// One row, measured on every server.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Unique; `--rows` looks for a part of it.
    pub name: &'static str,
    /// Workers of shoal and io-threads of Valkey. With one, server and generator have a core each; with two,
    /// both share both cores.
    pub shards: usize,
    /// What is measured.
    pub work: Work,
    /// What it should reach.
    pub goals: &'static [Goal],
}

impl Row {
    /// False for rows that take minutes, however short the load is.
    pub fn is_for_quick_runs(&self) -> bool {
        !matches!(self.work, Work::ClosedLoop { fill, .. } if fill.count > KEYS_OF_QUICK_RUN_MAX)
    }
}

const fn closed(
    name: &'static str,
    shards: usize,
    pipeline: u32,
    command: CommandWords,
    goals: &'static [Goal],
) -> Row {
    closed_by(name, shards, FIFTY, pipeline, command, goals)
}

const fn closed_by(
    name: &'static str,
    shards: usize,
    clients: Clients,
    pipeline: u32,
    command: CommandWords,
    goals: &'static [Goal],
) -> Row {
    Row { name, shards, work: Work::ClosedLoop { command, pipeline, clients, fill: STRINGS }, goals }
}

/// With a pipeline, so that the look-ups and not the sockets are what a command costs.
const fn closed_over(
    name: &'static str,
    shards: usize,
    command: CommandWords,
    keys: u64,
    goals: &'static [Goal],
) -> Row {
    let fill = Fill::of(SET, keys);
    Row { name, shards, work: Work::ClosedLoop { command, pipeline: 16, clients: FIFTY, fill }, goals }
}

const fn beside(name: &'static str, others: Option<Background>, goals: &'static [Goal]) -> Row {
    Row { name, shards: 2, work: Work::Beside { command: SET, others, fill: STRINGS }, goals }
}

const fn open(name: &'static str, shards: usize, rate_per_s: u64, command: CommandWords) -> Row {
    Row { name, shards, work: Work::OpenLoop { command, rate_per_s, fill: STRINGS }, goals: &[] }
}

/// All rows. Rows of one kind stand together: they are printed as one table.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    [STRING_ROWS, default_set::ROWS, collections::ROWS].into_iter().flatten()
}

/// Numbers that a load of redis-benchmark's default set chooses from.
pub const DEFAULT_SET_NUMBERS: u64 = default_set::NUMBERS;

/// Strings, and the node itself.
const STRING_ROWS: &[Row] = &[
    closed("1 shard, P=1, GET", 1, 1, GET, ONE_SHARD_P1),
    closed("1 shard, P=1, SET", 1, 1, SET, ONE_SHARD_P1),
    closed("1 shard, P=16, GET", 1, 16, GET, ONE_SHARD_P16),
    closed("1 shard, P=16, SET", 1, 16, SET, ONE_SHARD_P16),
    closed("2 shards, P=1, GET", 2, 1, GET, TWO_SHARDS_P1),
    closed("2 shards, P=1, SET", 2, 1, SET, TWO_SHARDS_P1),
    closed("2 shards, P=16, GET", 2, 16, GET, TWO_SHARDS_P16),
    closed("2 shards, P=16, SET", 2, 16, SET, TWO_SHARDS_P16),
    closed_over("1 shard, P=16, GET, 1 M keys", 1, GET, MANY_KEYS, ONE_SHARD_MANY_KEYS),
    closed_over("1 shard, P=16, SET, 1 M keys", 1, SET, MANY_KEYS, ONE_SHARD_MANY_KEYS),
    closed_over("2 shards, P=16, GET, 1 M keys", 2, GET, MANY_KEYS, &[]),
    closed_over("2 shards, P=16, SET, 1 M keys", 2, SET, MANY_KEYS, &[]),
    closed_over("1 shard, P=16, GET, 10 M keys", 1, GET, VERY_MANY_KEYS, &[]),
    closed_over("1 shard, P=16, SET, 10 M keys", 1, SET, VERY_MANY_KEYS, &[]),
    closed_over("2 shards, P=16, GET, 10 M keys", 2, GET, VERY_MANY_KEYS, &[]),
    closed_over("2 shards, P=16, SET, 10 M keys", 2, SET, VERY_MANY_KEYS, &[]),
    closed_by("2 shards, P=1, GET, saturated", 2, SATURATING, 1, GET, SATURATED),
    closed_by("2 shards, P=1, SET, saturated", 2, SATURATING, 1, SET, SATURATED),
    closed_by("2 shards, 1 connection, P=100, DEL of one key", 2, ONE, 100, DEL, ONE_CONNECTION),
    closed("1 shard, P=1, MSET of 10 keys", 1, 1, MSET_10, ONE_SHARD_TEN_KEYS),
    closed("1 shard, P=1, MGET of 10 keys", 1, 1, MGET_10, ONE_SHARD_TEN_KEYS),
    closed("2 shards, P=1, MSET of 10 keys", 2, 1, MSET_10, TWO_SHARDS_MSET),
    closed("2 shards, P=1, MGET of 10 keys", 2, 1, MGET_10, TWO_SHARDS_MGET),
    beside(ALONE, None, &[]),
    beside("2 shards, SET, beside 400 groups/s without transaction", Some(SAME_COMMANDS), &[]),
    beside("2 shards, SET, beside 400 transactions/s on other keys", Some(TRANSACTIONS), BESIDE),
    open("1 shard, 30 k/s, GET", 1, 30_000, GET),
    open("1 shard, 30 k/s, SET", 1, 30_000, SET),
    open("2 shards, 15 k/s, GET", 2, 15_000, GET),
    open("2 shards, 15 k/s, SET", 2, 15_000, SET),
    Row {
        name: "1 M keys, 16-byte key, 64-byte value",
        shards: 1,
        work: Work::BytesPerKey { fill: Fill::of(SET, KEYS_WEIGHED) },
        goals: &[own(KEY_BYTES, 110.0)],
    },
    Row {
        name: "1 M keys, 16-byte key, 64-byte value, 2 shards",
        shards: 2,
        work: Work::BytesPerKey { fill: Fill::of(SET, KEYS_WEIGHED) },
        goals: &[own(KEY_BYTES, 108.0)],
    },
    // 0.5 % for each of the two workers.
    Row {
        name: "idle node, 2 workers",
        shards: 2,
        work: Work::IdleNode,
        goals: &[own(IDLE_CPU, 1.0), own(RESIDENT, 24.0)],
    },
    Row {
        name: "10 000 idle connections",
        shards: 2,
        work: Work::IdleConnections { count: 10_000 },
        goals: &[own(CONNECTION_BYTES, 4096.0)],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_goal_names_a_column_of_its_row() {
        for row in rows() {
            for goal in row.goals {
                let column = row.work.columns().iter().find(|column| column.name == goal.column);
                let column = column.unwrap_or_else(|| panic!("{}: no column {}", row.name, goal.column));
                match goal.against {
                    Against::Nothing => {}
                    Against::Server(_) => {
                        assert!(column.ratio, "{}: no ratio of {}", row.name, goal.column);
                    }
                    Against::Row(name) => {
                        let other = rows().find(|other| other.name == name);
                        let other = other.unwrap_or_else(|| panic!("{}: no row {name}", row.name));
                        assert_eq!(other.work.title(), row.work.title(), "the same columns");
                    }
                }
            }
        }
    }

    #[test]
    fn a_quick_run_leaves_out_what_takes_long_to_fill_and_nothing_else() {
        let left_out = rows().filter(|row| !row.is_for_quick_runs());
        assert_eq!(left_out.filter(|row| row.name.ends_with("10 M keys")).count(), 4);
        assert!(rows().all(|row| row.is_for_quick_runs() || row.name.ends_with("10 M keys")));
    }

    #[test]
    fn rows_have_names_of_their_own_and_stand_with_their_kind() {
        let names: HashSet<_> = rows().map(|row| row.name).collect();
        assert_eq!(names.len(), rows().count());
        let mut titles: Vec<_> = rows().map(|row| row.work.title()).collect();
        titles.dedup();
        let unique: HashSet<_> = titles.iter().collect();
        assert_eq!(unique.len(), titles.len());
    }
}
