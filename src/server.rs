//! The process: limits, listeners, workers, signals, shutdown. One per process.
//!
//! Everything that can fail at the start fails here, with a message for the operator, before the first client is
//! accepted.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc;

use glommio::{LocalExecutorBuilder, Placement};
use shards::shard::{Shard, ShardConfig};
use shards::slot::ShardId;
use shards::txn::slot_move::SlotMap;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::config::Config;
use crate::give_back::GiveBack;
use crate::memory::NodeMemory;
use crate::mesh::Mesh;
use crate::net::listener::{self, Listener};
use crate::net::ring::ClientRing;
use crate::node::{Node, SHOAL_VERSION};
use crate::pubsub::SubscriptionCounts;
use crate::registry::Registry;
use crate::tracking::TrackingCounts;
use crate::worker::{Worker, WorkerParts};
use crate::{allocator, clock, commands, sys};

/// Descriptors that the process needs besides those of its clients (Redis: CONFIG_MIN_RESERVED_FDS), and for each
/// worker: rings, event descriptors, listeners.
const RESERVED_FILES: u64 = 32;
const RESERVED_FILES_PER_WORKER: u64 = 24;
/// The locked memory that glommio asks for on each executor, in bytes.
const LOCKED_MEMORY_PER_WORKER_BYTES: u64 = 512 * 1024;
/// Memory of glommio's own I/O buffers on each worker, in bytes: clients do not use them.
const GLOMMIO_IO_MEMORY_BYTES: usize = 256 * 1024;
/// Entries of glommio's rings: clients do not use them.
const GLOMMIO_RING_ENTRIES: usize = 32;

/// Why the server could not start. The text is for the operator.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Starts a node and runs it until a signal ends it.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn run(mut config: Config, config_file: Option<PathBuf>) -> Result<(), StartError> {
    log::info!("oO0OoO0OoO0Oo Shoal is starting oO0OoO0OoO0Oo");
    let cpus = sys::allowed_cpus();
    let workers = worker_count(&config, &cpus);
    log::info!(
        "Shoal version={SHOAL_VERSION}, bits={}, pid={}, shards={workers}, just started",
        usize::BITS,
        std::process::id()
    );
    check_limits(&mut config, workers)?;
    check_io_uring()?;
    let mut signals = Signals::new([SIGTERM, SIGINT])
        .map_err(|error| StartError(format!("Could not listen for signals: {error}")))?;
    let mut listeners = open_listeners(&config, workers)?;
    let unix_path = config.unixsocket.clone();
    let config = Arc::new(config);
    // Shared by all workers until the process ends, so it is never freed.
    let node: &'static Node = Box::leak(Box::new(Node {
        registry: Registry::new(shards::commands::FAMILIES, commands::TOPICS),
        run_id: random_hex(),
        started_ms: clock::now_ms(),
        config_file,
        port: config.port,
        clients: AtomicU32::new(0),
        next_client_id: AtomicU64::new(1),
        memory: NodeMemory::new(workers),
        give_back: GiveBack::default(),
        subscriptions: SubscriptionCounts::new(workers),
        tracking: TrackingCounts::new(workers),
        stopping: AtomicBool::new(false),
    }));
    let hash_seeds = random_seeds();
    let slots = SlotMap::dealt_to(workers);
    let (ready, readiness) = mpsc::channel();
    let mut threads = Vec::new();
    for (number, mesh) in Mesh::new(workers).into_iter().enumerate() {
        let shard_config = ShardConfig {
            id: ShardId(number as u16),
            databases: config.databases,
            hash_seeds,
            random_seed: random_seeds()[0],
            string_len_max: config.proto_max_bulk_len_bytes as usize,
        };
        let parts = (Arc::clone(&config), slots.clone(), std::mem::take(&mut listeners[number]));
        let ready = ready.clone();
        // More workers than processors share them, as the operator has asked.
        let placement =
            if workers <= cpus.len() { Placement::Fixed(cpus[number]) } else { Placement::Unbound };
        let thread = LocalExecutorBuilder::new(placement)
            .name(&format!("shoal-{number}"))
            .io_memory(GLOMMIO_IO_MEMORY_BYTES)
            .ring_depth(GLOMMIO_RING_ENTRIES)
            .spawn(move || async move {
                let (config, slots, listeners) = parts;
                let shard = Shard::new(&shard_config);
                match Worker::new(WorkerParts { node, config, slots, mesh, shard, listeners }) {
                    Ok(worker) => {
                        let _ = ready.send(Ok(()));
                        worker.run().await;
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            })
            .map_err(|error| StartError(format!("Could not start worker {number}: {error}")))?;
        threads.push(thread);
    }
    drop(ready);
    if let Err(error) = node.give_back.start() {
        log::warn!("Could not start the thread that gives memory back to the system: {error}");
    }
    node.memory.publish_main(allocator::allocated_bytes());
    let started = (0..workers).try_for_each(|_| match readiness.recv() {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(StartError(format!("Could not set up a worker's io_uring: {error}"))),
        Err(_) => Err(StartError("A worker ended while it was being started".to_owned())),
    });
    match &started {
        Ok(()) => {
            if config.port != 0 {
                log::info!("Ready to accept connections tcp");
            }
            if let Some(path) = &unix_path {
                log::info!("Ready to accept connections unix, at {}", path.display());
            }
            wait_for_signal(node, &mut signals);
        }
        Err(_) => node.stopping.store(true, Ordering::Relaxed),
    }
    for thread in threads {
        if thread.join().is_err() {
            log::error!("A worker did not end in order");
        }
    }
    if let Some(path) = unix_path {
        log::info!("Removing the unix socket file.");
        // Somebody else may have removed it already.
        let _ = std::fs::remove_file(path);
    }
    log::warn!("Shoal is now ready to exit, bye bye...");
    started
}

/// One worker for each processor that the process may use, unless the configuration says otherwise.
fn worker_count(config: &Config, cpus: &[usize]) -> usize {
    if config.shards > 0 {
        return config.shards as usize;
    }
    let quota = sys::cgroup_cpus().map_or(usize::MAX, |quota| quota.ceil().max(1.0) as usize);
    cpus.len().min(quota).max(1)
}

/// Raises the limits of open files and locked memory, and lowers maxclients where that is not possible, as Redis does.
fn check_limits(config: &mut Config, workers: usize) -> Result<(), StartError> {
    let reserved = RESERVED_FILES + RESERVED_FILES_PER_WORKER * workers as u64;
    let wanted = u64::from(config.maxclients) + reserved;
    let before = sys::open_files_limit().map_or(wanted, |(soft, _)| soft);
    let reached = sys::raise_open_files_limit(wanted)
        .map_err(|error| StartError(format!("Unable to obtain the limit of open files: {error}")))?;
    if reached > before {
        log::info!(
            "Increased maximum number of open files to {reached} (it was originally set to {before})."
        );
    }
    if reached < wanted {
        let Some(possible) = reached.checked_sub(reserved).filter(|&possible| possible >= 1) else {
            return Err(StartError(format!(
                "Your current 'ulimit -n' of {reached} is not enough for the server to start. Please increase your open file limit to at least {wanted}. Exiting."
            )));
        };
        log::warn!(
            "You requested maxclients of {} requiring at least {wanted} max file descriptors.",
            config.maxclients
        );
        log::warn!("Server can't set maximum open files to {wanted} because of OS error.");
        log::warn!(
            "Current maximum open files is {reached}. maxclients has been reduced to {possible} to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'."
        );
        config.maxclients = possible as u32;
    }
    let reached = sys::raise_locked_memory_limit(LOCKED_MEMORY_PER_WORKER_BYTES)
        .map_err(|error| StartError(format!("Unable to obtain the limit of locked memory: {error}")))?;
    if reached < LOCKED_MEMORY_PER_WORKER_BYTES {
        return Err(StartError(format!(
            "The limit of locked memory (ulimit -l) is {} kB, and at least {} kB are needed for io_uring. Please increase it, for example with LimitMEMLOCK=8M in a systemd unit or --ulimit memlock=8388608 in a container. Exiting.",
            reached / 1024,
            LOCKED_MEMORY_PER_WORKER_BYTES / 1024
        )));
    }
    Ok(())
}

/// Tries io_uring before anything depends on it, so that its refusal can be explained.
fn check_io_uring() -> Result<(), StartError> {
    let Err(error) = ClientRing::new() else { return Ok(()) };
    let text = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "io_uring is not permitted here. In a container, allow the system calls io_uring_setup, io_uring_enter and io_uring_register in its seccomp profile (Docker: --security-opt seccomp=<profile>); on the host, set 'sysctl kernel.io_uring_disabled=0'".to_owned()
        }
        Some(libc::ENOSYS) => {
            "This kernel has no io_uring, or a seccomp profile hides it. Linux 5.19 or later is needed; in a container, allow the system calls io_uring_setup, io_uring_enter and io_uring_register".to_owned()
        }
        Some(libc::ENOMEM) => {
            "There is not enough locked memory for io_uring: increase 'ulimit -l'".to_owned()
        }
        _ => "io_uring cannot be used".to_owned(),
    };
    Err(StartError(format!("{text} ({error}). Exiting.")))
}

/// For each worker its listeners: own ones for TCP, a shared one for the Unix socket.
fn open_listeners(config: &Config, workers: usize) -> Result<Vec<Vec<Listener>>, StartError> {
    let mut all: Vec<Vec<Listener>> = (0..workers).map(|_| Vec::new()).collect();
    let addresses =
        if config.port == 0 { Vec::new() } else { listener::addresses(config).map_err(StartError)? };
    let mut opened = 0;
    for (address, optional) in addresses {
        match listen_everywhere(address, config.tcp_backlog, &mut all) {
            Ok(()) => opened += 1,
            Err(error) if optional || is_unsupported(&error) => {
                log::warn!("Could not create server TCP listening socket {address}: {error}");
            }
            Err(error) => {
                let text = format!("Could not create server TCP listening socket {address}: bind: {error}");
                return Err(StartError(format!(
                    "{text}. Failed listening on port {} (TCP), aborting.",
                    config.port
                )));
            }
        }
    }
    let unix = listener::unix(config)
        .map_err(|error| StartError(format!("Failed opening Unix socket: bind: {error}")))?;
    if let Some(unix) = unix {
        for listeners in &mut all {
            let shared = unix.share();
            listeners
                .push(shared.map_err(|error| StartError(format!("Failed opening Unix socket: {error}")))?);
        }
    } else if opened == 0 {
        return Err(StartError("Configured to not listen anywhere, exiting.".to_owned()));
    }
    Ok(all)
}

fn listen_everywhere(address: SocketAddr, backlog: u32, all: &mut [Vec<Listener>]) -> io::Result<()> {
    let mut opened = Vec::new();
    for worker in 0..all.len() {
        opened.push(listener::tcp(address, backlog, worker == 0)?);
    }
    for (listeners, listener) in all.iter_mut().zip(opened) {
        listeners.push(listener);
    }
    Ok(())
}

/// Errors of an address family that this machine does not have.
fn is_unsupported(error: &io::Error) -> bool {
    let codes = [libc::EAFNOSUPPORT, libc::EPROTONOSUPPORT, libc::ESOCKTNOSUPPORT, libc::EPFNOSUPPORT];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn wait_for_signal(node: &Node, signals: &mut Signals) {
    if let Some(signal) = signals.forever().next() {
        let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
        log::warn!("Received {name} scheduling shutdown...");
    }
    log::warn!("User requested shutdown...");
    node.stopping.store(true, Ordering::Relaxed);
}

fn random_seeds() -> [u64; 4] {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).expect("the kernel's random numbers are always there after boot");
    std::array::from_fn(|index| {
        let word = &bytes[index * 8..][..8];
        word.iter().fold(0, |seed, &byte| seed << 8 | u64::from(byte))
    })
}

fn random_hex() -> String {
    let seeds = random_seeds();
    let hex: String = seeds.iter().map(|seed| format!("{seed:016x}")).collect();
    hex[..40].to_owned()
}
