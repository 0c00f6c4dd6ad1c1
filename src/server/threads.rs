//! The workers' threads: started one after the other, each awaited by an owner that learns when it fails, and
//! ended.
//!
//! No worker listens before all of them stand, so a start that fails has served nobody. Rings count against
//! the locked memory of the user. glommio registers buffers that nobody uses here if there is room for them,
//! and the last workers might then find none for their rings: so, once the first worker stands, the limit is
//! kept low and raised in steps that are too small for the buffers.

use std::fmt;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use glommio::{ExecutorJoinHandle, GlommioError, LocalExecutorBuilder, Placement};
use shards::router::slot_move::SlotMap;
use shards::shard::{Shard, ShardConfig};

use crate::config::Config;
use crate::host::signals;
use crate::host::sys;
use crate::io::listener::Listener;
use crate::io::ring::{ClientRing, LOCKED_BYTES_OF_RING};
use crate::mesh::Mesh;
use crate::node::Node;
use crate::session::command::SessionCommands;
use crate::worker::duty::ControlDuty;
use crate::worker::{Worker, WorkerParts};

/// The least limit of locked memory with which glommio makes an executor, in bytes.
pub const LOCKED_BYTES_MIN: u64 = 512 * 1024;
/// Locked memory of the three rings of a glommio executor, in bytes: one page for the queues of each and one
/// for its entries.
const LOCKED_BYTES_OF_EXECUTOR: u64 = 3 * 2 * 4096;
/// By so much the limit is raised when it is reached: more than an executor's rings take, and together with
/// what was left less than its rings and its buffers, which are at least 3 times 64 KB.
const LOCKED_BYTES_STEP: u64 = 128 * 1024;
/// Memory of glommio's own I/O buffers on each worker, in bytes: the least that it takes, as nobody uses
/// them.
const GLOMMIO_IO_MEMORY_BYTES: usize = 64 * 1024;
/// Entries of glommio's rings, which nobody uses: no more pages are needed for less.
const GLOMMIO_RING_ENTRIES: usize = 32;
/// glommio arms this timer before it runs the worker, its only task. Were it over by then, because the thread
/// has lost its core meanwhile, the executor would believe that all tasks have had their time, and sleep,
/// with the worker not begun.
const GLOMMIO_PREEMPT_TIMER: Duration = Duration::from_hours(24 * 365);
/// How often the start looks for a signal that ends it.
const SIGNAL_LOOK_PERIOD: Duration = Duration::from_millis(50);

/// The locked memory that the workers of so many shards and the control worker may need, in bytes.
pub fn locked_bytes(shards: usize) -> u64 {
    LOCKED_BYTES_MIN + (shards as u64 + 1) * (LOCKED_BYTES_OF_EXECUTOR + LOCKED_BYTES_OF_RING)
}

/// What a worker is made of on its own thread.
pub struct Seed {
    /// What the process shares.
    pub node: &'static Node,
    /// What session commands do.
    pub session_commands: &'static SessionCommands,
    /// The configuration at the start.
    pub config: Arc<Config>,
    /// The slot map at the start.
    pub slots: SlotMap,
    /// The worker's end of the mesh.
    pub mesh: Mesh,
    /// How its shard is made.
    pub shard: ShardConfig,
    /// Its listening sockets.
    pub listeners: Vec<Listener>,
    /// The processor that its thread is bound to.
    pub cpu: Option<usize>,
    /// For the control worker alone.
    pub control: Option<ControlDuty>,
}

/// Why there are no workers.
#[derive(Debug)]
pub enum Failure {
    /// A signal has asked for the end.
    Stopped,
    /// There is no memory for a worker's rings, or no more of it may be locked.
    Memory {
        /// The worker, from 0.
        worker: usize,
    },
    /// Whatever else keeps a worker from starting.
    Other {
        /// The worker, from 0.
        worker: usize,
        /// What the system says.
        reason: String,
    },
}

/// All workers' threads.
pub struct WorkerThreads {
    threads: Vec<ExecutorJoinHandle<()>>,
    /// A worker waits for its word, and ends when it is dropped unspoken. The control worker's is the first.
    gates: Vec<Sender<()>>,
    /// Nothing comes, until the control worker's thread has ended.
    control: Option<Receiver<()>>,
}

/// Tries whether a ring can be made, before anything depends on it. A step of locked memory is to stay free,
/// for the first executor: glommio ends the process if it cannot make the ring by which it gets to know the
/// kernel. All that may be locked is allowed then, as other processes of the user may be starting at the same
/// moment.
///
/// # Errors
/// Those of `io_uring_setup`; the caller explains them to the operator.
pub fn try_ring() -> io::Result<()> {
    let (_, hard) = sys::locked_memory_limit()?;
    sys::set_locked_memory_limit(hard.saturating_sub(LOCKED_BYTES_STEP))?;
    let tried = ClientRing::new().map(drop);
    sys::set_locked_memory_limit(hard)?;
    tried
}

/// Makes a ring for clients, and lets it take as much locked memory as the user may have.
///
/// # Errors
/// Those of `io_uring_setup`.
fn make_ring() -> io::Result<ClientRing> {
    loop {
        match ClientRing::new() {
            Err(error) if is_out_of_memory(&error) && raise_locked_memory_limit() => {}
            made => return made,
        }
    }
}

fn is_out_of_memory(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOMEM)
}

/// Raises the limit of locked memory by a step. False when it cannot be raised.
fn raise_locked_memory_limit() -> bool {
    let Ok((soft, _)) = sys::locked_memory_limit() else { return false };
    let wanted = soft.saturating_add(LOCKED_BYTES_STEP);
    sys::set_locked_memory_limit(wanted).is_ok_and(|reached| reached > soft)
}

/// Starts a thread for each seed, and waits until all workers stand. None of them serves before
/// [`WorkerThreads::open`]. The first seed is the control worker's: so as many workers as stand when another
/// one finds no room are shards that do.
///
/// # Errors
/// When a worker cannot be made, or a signal asks for the end. Then all threads have ended.
pub fn start(seeds: Vec<Seed>) -> Result<WorkerThreads, Failure> {
    let mut workers = WorkerThreads { threads: Vec::new(), gates: Vec::new(), control: None };
    for seed in seeds {
        let (worker, is_control) = (seed.shard.id.index(), seed.control.is_some());
        // The seed stays here until the executor stands: one that cannot be made is tried again.
        let seed = Arc::new(Mutex::new(Some(seed)));
        if let Err(failure) = workers.add(worker, is_control, &seed) {
            workers.end();
            return Err(failure);
        }
        if is_control {
            // A limit that cannot be lowered leaves less to the last workers.
            let _ = sys::set_locked_memory_limit(LOCKED_BYTES_MIN);
        }
    }
    Ok(workers)
}

impl WorkerThreads {
    fn add(
        &mut self,
        worker: usize,
        is_control: bool,
        seed: &Arc<Mutex<Option<Seed>>>,
    ) -> Result<(), Failure> {
        let name = if is_control { "shoal-control".to_owned() } else { format!("shoal-{worker}") };
        loop {
            let (ready, readiness) = channel();
            let (gate, opened) = channel();
            let (end, ended) = channel();
            let seed = Arc::clone(seed);
            // glommio would look into /sys for a processor to be bound to, which need not be there.
            let thread = LocalExecutorBuilder::new(Placement::Unbound)
                .name(&name)
                .io_memory(GLOMMIO_IO_MEMORY_BYTES)
                .ring_depth(GLOMMIO_RING_ENTRIES)
                .preempt_timer(GLOMMIO_PREEMPT_TIMER)
                .spawn(move || run(seed, ready, opened, end))
                .map_err(|error| Failure::of(worker, error))?;
            match await_ready(&readiness) {
                Ready::Yes => {
                    self.threads.push(thread);
                    self.gates.push(gate);
                    self.control = self.control.take().or(is_control.then_some(ended));
                    return Ok(());
                }
                Ready::Stopped => {
                    self.threads.push(thread);
                    return Err(Failure::Stopped);
                }
                Ready::Failed(error) => {
                    self.threads.push(thread);
                    return Err(Failure::of_io(worker, &error));
                }
                // Its sender is gone unused: there is no executor, and the thread's result says why.
                Ready::Never => match Failure::of_thread(worker, thread.join()) {
                    Failure::Memory { .. } if raise_locked_memory_limit() => {}
                    failure => return Err(failure),
                },
            }
        }
    }

    /// Lets the workers of the shards serve.
    pub fn open(&mut self) {
        for gate in self.gates.drain(1..) {
            // A worker that has gone needs no word.
            let _ = gate.send(());
        }
    }

    /// Lets the control worker work, which may end the node at once.
    pub fn open_control(&mut self) {
        for gate in self.gates.drain(..) {
            let _ = gate.send(());
        }
    }

    /// Waits for the end of the control worker's thread, with which that of the node begins, or at most so
    /// long. True when it has ended.
    pub fn has_control_ended(&self, limit: Duration) -> bool {
        let Some(control) = &self.control else { return true };
        control.recv_timeout(limit) != Err(RecvTimeoutError::Timeout)
    }

    /// Waits until all threads have ended: of themselves, when the node stops, or because they may never
    /// serve.
    pub fn end(mut self) {
        self.gates.clear();
        for thread in self.threads {
            if thread.join().is_err() {
                log::error!("A worker did not end in order");
            }
        }
    }
}

/// What becomes of a worker that is being started.
enum Ready {
    Yes,
    Failed(io::Error),
    /// Its thread has ended without a word.
    Never,
    Stopped,
}

fn await_ready(readiness: &Receiver<io::Result<()>>) -> Ready {
    loop {
        match readiness.recv_timeout(SIGNAL_LOOK_PERIOD) {
            _ if signals::asked().is_some() => return Ready::Stopped,
            Ok(Ok(())) => return Ready::Yes,
            Ok(Err(error)) => return Ready::Failed(error),
            Err(RecvTimeoutError::Disconnected) => return Ready::Never,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// The life of a worker's thread, inside its executor. Whoever waits for its end has the other side of
/// `_end`.
async fn run(
    seed: Arc<Mutex<Option<Seed>>>,
    ready: Sender<io::Result<()>>,
    opened: Receiver<()>,
    _end: Sender<()>,
) {
    let ring = make_ring();
    let seed = seed.lock().unwrap_or_else(PoisonError::into_inner).take();
    let seed = seed.expect("a seed is taken by the one thread whose executor stands");
    if let Some(cpu) = seed.cpu
        && let Err(error) = sys::pin_to_cpu(cpu)
    {
        log::warn!("A worker runs without being bound to processor {cpu}: {error}");
    }
    match ring {
        Ok(ring) => {
            let Seed { node, session_commands, config, slots, mesh, shard, listeners, control, .. } = seed;
            let shard = Shard::new(&shard);
            let worker = Worker::new(WorkerParts {
                node,
                session_commands,
                config,
                slots,
                mesh,
                shard,
                listeners,
                ring,
                control,
            });
            // Who waits for the word is there until the thread has ended.
            let _ = ready.send(Ok(()));
            if opened.recv().is_ok() {
                worker.run();
            }
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    }
}

impl Failure {
    fn of_io(worker: usize, error: &io::Error) -> Failure {
        match is_out_of_memory(error) {
            true => Failure::Memory { worker },
            false => Failure::Other { worker, reason: error.to_string() },
        }
    }

    fn of(worker: usize, error: GlommioError<()>) -> Failure {
        match error {
            GlommioError::IoError(error) => Failure::of_io(worker, &error),
            GlommioError::EnhancedIoError { source, .. } => Failure::of_io(worker, &source),
            error => Failure::Other { worker, reason: error.to_string() },
        }
    }

    fn of_thread(worker: usize, result: Result<(), GlommioError<()>>) -> Failure {
        match result {
            Ok(()) => Failure::Other { worker, reason: "its thread has ended".to_owned() },
            Err(error) => Failure::of(worker, error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Stopped => f.write_str("The start was ended by a signal"),
            Failure::Memory { worker } => {
                write!(f, "There is not enough locked memory for the io_uring of worker {worker}")
            }
            Failure::Other { worker, reason } => write!(f, "Could not start worker {worker}: {reason}"),
        }
    }
}
