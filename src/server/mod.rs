//! The process: limits, listeners, workers, signals, shutdown. One per process.
//!
//! Everything that can fail at the start fails here, with a message for the operator, before the first client
//! is accepted.

pub mod process;
pub mod threads;
mod watchdog;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use shards::command::registry::Registry;
use shards::router::slot_move::SlotMap;
use shards::shard::ShardConfig;
use shards::slot::ShardId;

use self::process::PidFile;
use self::threads::{Failure, Seed, WorkerThreads};
use self::watchdog::Watchdog;
use crate::config::Config;
use crate::host::allocator;
use crate::host::cgroup;
use crate::host::clock;
use crate::host::open_files::{self, OpenFiles};
use crate::host::signals::{self, Signals};
use crate::host::sys;
use crate::host::version::SHOAL_VERSION;
use crate::io::listener::{self, Listener};
use crate::mesh::Mesh;
use crate::node::Node;
use crate::node::client_workers::ClientWorkers;
use crate::node::counts::{SubscriptionCounts, TrackingCounts};
use crate::node::functions::Functions;
use crate::node::give_back::GiveBack;
use crate::node::loading::LoadState;
use crate::node::memory::NodeMemory;
use crate::node::pulses::Pulses;
use crate::node::saves::Saves;
use crate::session::command::SessionCommands;
use crate::worker::duty::ControlDuty;

/// An address that is in use is tried again for so long.
const ADDRESS_IN_USE_WAIT_MAX: Duration = Duration::from_secs(1);
/// The time between two tries.
const ADDRESS_IN_USE_PAUSE: Duration = Duration::from_millis(20);
/// How locked memory is granted.
const LOCKED_MEMORY_ADVICE: &str = "It is raised, for example, with LimitMEMLOCK=64M in a systemd unit, a \
    'memlock' line in /etc/security/limits.conf or --ulimit memlock=67108864 in a container";

/// The last line of a start whose file could not be loaded (Redis: loadDataFromDisk).
const LOADING_FAILED_TEXT: &str = "Fatal error loading the DB, check server logs. Exiting.";

/// Somebody has said that the node ends.
static IS_END_TOLD: AtomicBool = AtomicBool::new(false);

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
pub fn run(
    mut config: Config,
    config_file: Option<PathBuf>,
    commands: (Registry, SessionCommands),
) -> Result<(), StartError> {
    let signals = Signals::install(&config.logfile)
        .map_err(|error| StartError(format!("Could not listen for signals: {error}")))?;
    log::info!("oO0OoO0OoO0Oo Shoal is starting oO0OoO0OoO0Oo");
    let cpus = sys::allowed_cpus();
    let shards = shard_count(&config, &cpus);
    log::info!(
        "Shoal version={SHOAL_VERSION}, bits={}, pid={}, shards={shards}, just started",
        usize::BITS,
        std::process::id()
    );
    check_limits(&mut config, shards)?;
    check_io_uring(shards)?;
    let (listeners, addresses) = open_listeners(&config, shards)?;
    // Not before the port is ours: the file may be that of a server that has it.
    let pid_file = PidFile::write(&config);
    let unix_path = config.unixsocket.clone();
    if config.kept("set-proc-title") != Some(b"no") {
        sys::set_process_title(&process_title(&addresses, &config));
    }
    let config = Arc::new(config);
    let mut control = control_duty(&config, signals, addresses, unix_path.clone());
    let is_loading = control.load.is_some();
    let tell_ready = if is_loading { None } else { control.tell_ready.take() };
    let seeds = seeds(config, config_file, commands, listeners, &cpus, control);
    let node = seeds[0].node;
    if is_loading {
        // Nobody may be served before.
        node.load.begin(node.started_ms / 1000);
    }
    let started = threads::start(seeds);
    if let Err(error) = node.give_back.start() {
        log::warn!("Could not start the thread that gives memory back to the system: {error}");
    }
    node.memory.publish_main(allocator::allocated_bytes());
    let outcome = match started {
        Ok(mut threads) => {
            threads.open();
            if let Some(tell) = tell_ready {
                tell();
            }
            threads.open_control();
            wait_for_end(&threads, Watchdog::new(&node.pulses, node.shards), node);
            node.stopping.store(true, Ordering::Relaxed);
            threads.end();
            outcome_of_load(node)
        }
        Err(Failure::Stopped) => {
            tell_of_signal();
            Ok(())
        }
        Err(failure @ Failure::Memory { .. }) => Err(StartError(locked_memory_text(shards, &failure))),
        Err(failure) => Err(StartError(format!("{failure}. Exiting."))),
    };
    if let Some(path) = unix_path {
        log::info!("Removing the unix socket file.");
        // Somebody else may have removed it already.
        let _ = std::fs::remove_file(path);
    }
    drop(pid_file);
    crate::host::log::tell_all_left_out();
    log::warn!("Shoal is now ready to exit, bye bye...");
    outcome
}

/// How a node ends that has run: well, unless its file could not be loaded.
fn outcome_of_load(node: &Node) -> Result<(), StartError> {
    match node.load.has_failed() {
        true => Err(StartError(LOADING_FAILED_TEXT.to_owned())),
        false => Ok(()),
    }
}

/// What the control worker does at the start and at the end.
fn control_duty(
    config: &Arc<Config>,
    signals: Signals,
    addresses: Vec<SocketAddr>,
    unix_path: Option<PathBuf>,
) -> ControlDuty {
    let (load, config) = (file_to_load(config), Arc::clone(config));
    let tell_ready = move || {
        tell_where(&addresses, unix_path.as_deref());
        process::tell_ready(&config);
    };
    ControlDuty { signals, tell_of_end, load, tell_ready: Some(Box::new(tell_ready)) }
}

/// What the workers are made of: the control worker, and one for each set of listeners.
fn seeds(
    config: Arc<Config>,
    config_file: Option<PathBuf>,
    (registry, session_commands): (Registry, SessionCommands),
    listeners: Vec<Vec<Listener>>,
    cpus: &[usize],
    control: ControlDuty,
) -> Vec<Seed> {
    let shards = listeners.len();
    let workers = shards + 1;
    // A file is loaded by all of them, each into its own shard.
    let active = if control.load.is_some() { shards } else { config.active_workers_at_start(shards) };
    // Shared by all workers until the process ends, so it is never freed.
    let session_commands: &'static SessionCommands = Box::leak(Box::new(session_commands));
    let node: &'static Node = Box::leak(Box::new(Node {
        registry,
        run_id: random_hex(),
        started_ms: clock::now_ms(),
        config_file,
        port: config.port,
        supervisor: process::supervisor_name(),
        shards,
        clients: AtomicU32::new(0),
        cpus: (0..shards).map(|worker| (shards <= cpus.len()).then(|| cpus[worker])).collect(),
        client_workers: ClientWorkers::new(shards, active, config.client_workers_of(active)),
        next_client_id: AtomicU64::new(1),
        memory: NodeMemory::new(workers),
        give_back: GiveBack::default(),
        subscriptions: SubscriptionCounts::new(workers),
        tracking: TrackingCounts::new(workers),
        saves: Saves::new(workers, clock::now_ms()),
        pulses: Pulses::new(workers),
        load: LoadState::default(),
        functions: Functions::default(),
        stopping: AtomicBool::new(false),
    }));
    let hash_seeds = random_seeds();
    let slots = SlotMap::dealt_to(active);
    let seed = |(number, mesh): (usize, Mesh), listeners, cpu, control| Seed {
        node,
        session_commands,
        config: Arc::clone(&config),
        slots: slots.clone(),
        mesh,
        shard: ShardConfig {
            id: ShardId(number as u16),
            databases: config.databases,
            hash_seeds,
            random_seed: random_seeds()[0],
            string_len_max: config.proto_max_bulk_len_bytes as usize,
            registry: &node.registry,
        },
        listeners,
        cpu,
        control,
    };
    let mut ends: Vec<(usize, Mesh)> = Mesh::new(workers).into_iter().enumerate().collect();
    let control = ends.pop().map(|end| seed(end, Vec::new(), None, Some(control)));
    let of_shards = ends.into_iter().zip(listeners).map(|(end, listeners)| {
        // More of them than processors share these, as the operator has asked.
        let cpu = node.cpus[end.0];
        seed(end, listeners, cpu, None)
    });
    control.into_iter().chain(of_shards).collect()
}

/// One shard for each processor that the process may use, unless the configuration says otherwise.
fn shard_count(config: &Config, cpus: &[usize]) -> usize {
    if config.shards > 0 {
        return config.shards as usize;
    }
    let quota = cgroup::cpus().map_or(usize::MAX, |quota| quota.ceil().max(1.0) as usize);
    cpus.len().min(quota).max(1)
}

/// Raises the limits of open files and locked memory, and lowers maxclients where that is not possible, as
/// Redis does.
fn check_limits(config: &mut Config, shards: usize) -> Result<(), StartError> {
    let OpenFiles { before, wanted, reached, clients } = open_files::make_room(config.maxclients, shards + 1)
        .map_err(|error| StartError(format!("Unable to obtain the limit of open files: {error}")))?;
    if reached > before {
        log::info!(
            "Increased maximum number of open files to {reached} (it was originally set to {before})."
        );
    }
    if reached < wanted {
        if clients == 0 {
            return Err(StartError(format!(
                "Your current 'ulimit -n' of {reached} is not enough for the server to start. Please \
                    increase your open file limit to at least {wanted}. Exiting."
            )));
        }
        log::warn!(
            "You requested maxclients of {} requiring at least {wanted} max file descriptors.",
            config.maxclients
        );
        log::warn!("Server can't set maximum open files to {wanted} because of OS error.");
        log::warn!(
            "Current maximum open files is {reached}. maxclients has been reduced to {clients} to compensate \
                for low ulimit. If you need higher maxclients increase 'ulimit -n'."
        );
        config.maxclients = clients;
    }
    check_locked_memory(shards)
}

/// Tells how much locked memory may be needed where that is more than there may be.
fn check_locked_memory(shards: usize) -> Result<(), StartError> {
    let unknown = |error| StartError(format!("Unable to obtain the limit of locked memory: {error}"));
    let (soft, hard) = sys::locked_memory_limit().map_err(unknown)?;
    let (needed, allowed) = (threads::locked_bytes(shards), soft.max(hard));
    if allowed < needed && !sys::may_lock_without_limit() {
        log::warn!(
            "{shards} workers and the control worker may need up to {} kB of locked memory, and 'ulimit -l' \
                allows {} kB. {LOCKED_MEMORY_ADVICE}.",
            needed / 1024,
            allowed / 1024,
        );
    }
    let least = threads::LOCKED_BYTES_MIN.max(soft);
    let reached = sys::set_locked_memory_limit(least).map_err(unknown)?;
    if reached < threads::LOCKED_BYTES_MIN {
        return Err(StartError(format!(
            "The limit of locked memory (ulimit -l) is {} kB, and at least {} kB are needed for io_uring. \
                {LOCKED_MEMORY_ADVICE}. Exiting.",
            reached / 1024,
            threads::LOCKED_BYTES_MIN / 1024
        )));
    }
    Ok(())
}

/// What a start says that finds too little locked memory for a worker. So many workers as stood fit now;
/// other processes of the same user count too.
fn locked_memory_text(shards: usize, failure: &Failure) -> String {
    let allowed = sys::locked_memory_limit().map_or(0, |(_, hard)| hard);
    let fewer = match failure {
        Failure::Memory { worker } if (1..shards).contains(worker) => {
            format!(", or use fewer shards (--shards {worker})")
        }
        _ => String::new(),
    };
    let needed_kb = threads::locked_bytes(shards) / 1024;
    format!(
        "{failure}: {shards} workers and the control worker need up to {needed_kb} kB, and 'ulimit -l' \
            allows {} kB to all processes of this user. Raise it to {needed_kb} kB{fewer}. \
            {LOCKED_MEMORY_ADVICE}. Exiting.",
        allowed / 1024,
    )
}

/// Tries io_uring before anything depends on it, so that its refusal can be explained.
fn check_io_uring(shards: usize) -> Result<(), StartError> {
    let Err(error) = threads::try_ring() else { return Ok(()) };
    let text = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "io_uring is not permitted here. In a container, allow the system calls io_uring_setup, \
                io_uring_enter and io_uring_register in its seccomp profile (Docker: --security-opt \
                seccomp=<profile>); on the host, set 'sysctl kernel.io_uring_disabled=0'"
                .to_owned()
        }
        Some(libc::ENOSYS) => {
            "This kernel has no io_uring, or a seccomp profile hides it. Linux 5.19 or later is needed; in a \
                container, allow the system calls io_uring_setup, io_uring_enter and \
                io_uring_register"
                .to_owned()
        }
        Some(libc::ENOMEM) => {
            return Err(StartError(locked_memory_text(shards, &Failure::Memory { worker: 0 })));
        }
        _ => "io_uring cannot be used".to_owned(),
    };
    Err(StartError(format!("{text} ({error}). Exiting.")))
}

/// For each shard's worker its listeners: own ones for TCP, a shared one for the Unix socket. Then the TCP
/// addresses.
fn open_listeners(
    config: &Config,
    shards: usize,
) -> Result<(Vec<Vec<Listener>>, Vec<SocketAddr>), StartError> {
    let mut all: Vec<Vec<Listener>> = (0..shards).map(|_| Vec::new()).collect();
    let addresses =
        if config.port == 0 { Vec::new() } else { listener::addresses(config).map_err(StartError)? };
    let mut opened = Vec::new();
    for (address, optional) in addresses {
        match listen_everywhere(address, config.tcp_backlog, &mut all) {
            Ok(()) => opened.push(address),
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
    } else if opened.is_empty() {
        return Err(StartError("Configured to not listen anywhere, exiting.".to_owned()));
    }
    Ok((all, opened))
}

/// Opens a socket for each worker. The address may be in use for a moment although its server has gone: the
/// kernel closes the listeners of an io_uring some time after a process that was killed, and a supervisor may
/// be faster.
fn listen_everywhere(address: SocketAddr, backlog: u32, all: &mut [Vec<Listener>]) -> io::Result<()> {
    let begin = clock::moment();
    let mut opened = Vec::new();
    while opened.len() < all.len() {
        match listener::tcp(address, backlog, opened.is_empty()) {
            Ok(listener) => opened.push(listener),
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse && begin.elapsed() < ADDRESS_IN_USE_WAIT_MAX =>
            {
                std::thread::sleep(ADDRESS_IN_USE_PAUSE);
            }
            Err(error) => return Err(error),
        }
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

/// As Redis's default for `proc-title-template` has it.
fn process_title(addresses: &[SocketAddr], config: &Config) -> String {
    let at = match (addresses.first(), &config.unixsocket) {
        (Some(address), _) if address.ip().is_unspecified() => format!("*:{}", address.port()),
        (Some(address), _) => address.to_string(),
        (None, Some(path)) => format!("unixsocket:{}", path.display()),
        (None, None) => String::new(),
    };
    format!("shoal {at}")
}

/// The file that the node starts with, if it is there. What else keeps it from being read is found out when
/// that is tried.
fn file_to_load(config: &Config) -> Option<PathBuf> {
    if config.dbfilename.is_empty() {
        return None;
    }
    let path = config.rdb_path();
    let is_absent = path.metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    (!is_absent).then_some(path)
}

/// Says that clients may come, and where to.
fn tell_where(addresses: &[SocketAddr], unix_path: Option<&Path>) {
    if !addresses.is_empty() {
        let addresses: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
        log::info!("Ready to accept connections tcp, at {}", addresses.join(", "));
    }
    if let Some(path) = unix_path {
        log::info!("Ready to accept connections unix, at {}", path.display());
    }
}

/// The main thread's life while the node runs: it looks after the workers while it waits for the control
/// worker's end. A signal that the control worker has not seen from one look to the next it sees itself.
fn wait_for_end(threads: &WorkerThreads, mut watchdog: Watchdog, node: &Node) {
    let mut was_asked = false;
    while !threads.has_control_ended(watchdog.look()) && !was_asked {
        was_asked = signals::is_unheard();
    }
    if !node.load.has_failed() {
        tell_of_end(node.load.is_under_way());
    }
}

/// Says once that a node ends that has run, or that was loading.
fn tell_of_end(was_loading: bool) {
    if IS_END_TOLD.swap(true, Ordering::Relaxed) {
        return;
    }
    if was_loading {
        log::warn!("Received shutdown signal during loading, exiting now.");
    } else {
        tell_of_signal();
        process::tell_stopping();
    }
}

fn tell_of_signal() {
    if let Some(signal) = signals::asked() {
        log::warn!("Received {} scheduling shutdown...", signals::name(signal));
    }
    log::warn!("User requested shutdown...");
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
