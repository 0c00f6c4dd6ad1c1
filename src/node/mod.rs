//! What all workers of the process share: facts that do not change, and a few counters off the data path.

pub mod client_workers;
pub mod counts;
pub(crate) mod distinct_names;
pub mod functions;
pub mod give_back;
pub mod journey;
pub mod loading;
pub mod memory;
pub mod pulses;
pub mod saves;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

use shards::command::registry::Registry;
use shards::slot::ShardId;

use crate::node::client_workers::ClientWorkers;
use crate::node::counts::{SubscriptionCounts, TrackingCounts};
use crate::node::functions::Functions;
use crate::node::give_back::GiveBack;
use crate::node::loading::LoadState;
use crate::node::memory::NodeMemory;
use crate::node::pulses::Pulses;
use crate::node::saves::Saves;

/// One per process.
pub struct Node {
    /// The command table.
    pub registry: Registry,
    /// 40 hexadecimal digits, new at each start.
    pub run_id: String,
    /// When the process was started, in milliseconds since 1970.
    pub started_ms: u64,
    /// The file that the configuration came from.
    pub config_file: Option<std::path::PathBuf>,
    /// The TCP port that is listened on; 0 for none.
    pub port: u16,
    /// Who supervises the process, as INFO says it.
    pub supervisor: &'static str,
    /// How many shards there are, each with a worker of its number.
    pub shards: usize,
    /// Connected clients, all workers together: maxclients is about their sum.
    pub clients: AtomicU32,
    /// The processor that each shard's worker is bound to, if it is.
    pub cpus: Vec<Option<usize>>,
    /// Which workers have slots and take clients.
    pub client_workers: ClientWorkers,
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
    /// When the last save was, and how far the present one is.
    pub saves: Saves,
    /// What the workers' threads do.
    pub pulses: Pulses,
    /// What is being loaded from a file.
    pub load: LoadState,
    /// Libraries of functions that came with one.
    pub functions: Functions,
    /// Set when the node shall stop.
    pub stopping: AtomicBool,
}

impl Node {
    /// How many workers there are: one for each shard, and the control worker.
    pub fn workers(&self) -> usize {
        self.shards + 1
    }

    /// The control worker's number. Its shard owns no slot, ever.
    pub fn control(&self) -> ShardId {
        ShardId(self.shards as u16)
    }
}

#[cfg(test)]
impl Node {
    /// A node that is not running.
    pub(crate) fn for_tests(registry: Registry) -> Node {
        Node {
            registry,
            run_id: "0".repeat(40),
            started_ms: 0,
            config_file: None,
            port: 0,
            supervisor: "no",
            shards: 1,
            clients: AtomicU32::new(0),
            cpus: vec![None],
            client_workers: ClientWorkers::new(1, 1, 1),
            next_client_id: AtomicU64::new(1),
            memory: NodeMemory::new(2),
            give_back: GiveBack::default(),
            subscriptions: SubscriptionCounts::new(2),
            tracking: TrackingCounts::new(2),
            saves: Saves::new(8, 0),
            pulses: Pulses::new(2),
            load: LoadState::default(),
            functions: Functions::default(),
            stopping: AtomicBool::new(false),
        }
    }
}
