//! What all workers of the process share: facts that do not change, and a few counters off the data path.

pub(crate) mod distinct_names;
pub mod give_back;
pub mod watchdog;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use shards::command::registry::Registry;

use crate::node::give_back::GiveBack;
use crate::node::watchdog::Pulses;
use crate::pubsub::SubscriptionCounts;
use crate::session::command::SessionCommands;
use crate::worker::memory::NodeMemory;
use crate::worker::tracking::TrackingCounts;

/// The version of this program.
pub const SHOAL_VERSION: &str = env!("CARGO_PKG_VERSION");
/// The version of Redis that clients are told.
pub const REDIS_VERSION: &str = "7.2.4";

/// One per process.
pub struct Node {
    /// The command table.
    pub registry: Registry,
    /// What the session commands in it do.
    pub session_commands: SessionCommands,
    /// 40 hexadecimal digits, new at each start.
    pub run_id: String,
    /// When the process was started, in milliseconds since 1970.
    pub started_ms: u64,
    /// The file that the configuration came from.
    pub config_file: Option<std::path::PathBuf>,
    /// The TCP port that is listened on; 0 for none.
    pub port: u16,
    /// How many workers there are.
    pub workers: usize,
    /// Connected clients, all workers together: maxclients is about their sum.
    pub clients: AtomicU32,
    /// The id of the next client.
    pub next_client_id: AtomicU64,
    /// How much memory the process uses, and where keys could be evicted.
    pub memory: NodeMemory,
    /// Gives freed memory back to the system.
    pub give_back: GiveBack,
    /// How many subscriptions each worker has.
    pub subscriptions: SubscriptionCounts,
    /// How many clients of each worker track.
    pub tracking: TrackingCounts,
    /// What the workers' threads do.
    pub pulses: Pulses,
    /// Set when the node shall stop.
    pub stopping: AtomicBool,
}

#[cfg(test)]
impl Node {
    /// A node that is not running.
    pub(crate) fn for_tests(registry: Registry) -> Node {
        Node {
            registry,
            session_commands: SessionCommands::default(),
            run_id: "0".repeat(40),
            started_ms: 0,
            config_file: None,
            port: 0,
            workers: 1,
            clients: AtomicU32::new(0),
            next_client_id: AtomicU64::new(1),
            memory: NodeMemory::new(1),
            give_back: GiveBack::default(),
            subscriptions: SubscriptionCounts::new(1),
            tracking: TrackingCounts::new(1),
            pulses: Pulses::new(1),
            stopping: AtomicBool::new(false),
        }
    }
}
