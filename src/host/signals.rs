//! Signals, each treated as Redis does.
//!
//! SIGTERM and SIGINT ask for an orderly end, and a SIGINT after either of them ends the process at once.
//! SIGHUP, SIGPIPE and SIGALRM are ignored. A crash leaves lines in the log before the process dies of it.
//! Every other signal does what the system does by default. Handlers call only what is safe in one: atomics,
//! open, write, _exit. This file must not know workers.
#![expect(unsafe_code, reason = "handlers of signals, which only the C library can set")]

use std::ffi::{CStr, CString};
use std::fmt::{self, Write as _};
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use libc::c_int;
use signal_hook::low_level;

use crate::host::version::SHOAL_VERSION;

/// Signals that are ignored (Redis: setupSignalHandlers, removeSigSegvHandlers).
const IGNORED: [c_int; 3] = [libc::SIGHUP, libc::SIGPIPE, libc::SIGALRM];
/// Signals that ask for an orderly end.
const ENDING: [c_int; 2] = [libc::SIGTERM, libc::SIGINT];
/// Signals of a crash, with their names.
const CRASHES: [(c_int, &str); 5] = [
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGABRT, "SIGABRT"),
];
/// Bytes of a line that a handler writes: it has no memory but its stack. What is longer is cut off.
const HANDLER_LINE_BYTES_MAX: usize = 512;

/// The first signal that has asked for the end; 0 for none.
static ASKED: AtomicI32 = AtomicI32::new(0);
/// Somebody looks after the end that it has asked for.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
/// The log file; empty for the standard output.
static LOG_FILE: OnceLock<CString> = OnceLock::new();
/// What was done about each of `CRASHES` before: the standard library tells of stacks that have overflowed.
static BEFORE: OnceLock<[libc::sigaction; CRASHES.len()]> = OnceLock::new();

/// What shows that a signal has come that ends the process: whoever waits for one watches its descriptor.
#[derive(Debug)]
pub struct Signals {
    /// Gets a byte with each of them.
    wakes: UnixStream,
}

impl Signals {
    /// Sets all handlers. To be called once, before other threads are started.
    ///
    /// # Errors
    /// Those of the operating system, and a name of the log file that contains a NUL byte.
    pub fn install(logfile: &Path) -> io::Result<Signals> {
        let logfile = CString::new(logfile.as_os_str().as_bytes())?;
        LOG_FILE.get_or_init(|| logfile);
        for signal in IGNORED {
            set(signal, &action(libc::SIG_IGN, 0))?;
        }
        let mut before = [action(libc::SIG_DFL, 0); CRASHES.len()];
        for (place, (signal, _)) in before.iter_mut().zip(CRASHES) {
            *place = current(signal)?;
        }
        BEFORE.get_or_init(|| before);
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) = crashed;
        for (signal, _) in CRASHES {
            set(signal, &action(handler as libc::sighandler_t, libc::SA_SIGINFO | libc::SA_ONSTACK))?;
        }
        let (wakes, waker) = UnixStream::pair()?;
        wakes.set_nonblocking(true)?;
        for signal in ENDING {
            // SAFETY: `ask` does only what is safe in a handler.
            unsafe { low_level::register(signal, move || ask(signal)) }?;
            low_level::pipe::register(signal, waker.try_clone()?)?;
        }
        Ok(Signals { wakes })
    }

    /// Takes what has made the descriptor readable, so that it is so again with the next signal, and tells
    /// which signal has asked for the end, if one has.
    pub fn take(&mut self) -> Option<c_int> {
        // Whatever it brings, the answer is in `ASKED`.
        let _ = self.wakes.read(&mut [0; 16]);
        asked()
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.wakes.as_raw_fd()
    }
}

/// The signal that has asked for the end.
pub fn asked() -> Option<c_int> {
    Some(ASKED.load(Ordering::Relaxed)).filter(|&signal| signal != 0)
}

/// Says that somebody looks after the end that a signal has asked for: it may take its time.
pub fn taken() {
    IS_TAKEN.store(true, Ordering::Relaxed);
}

/// True when a signal has asked for the end, and nobody looks after it.
pub fn is_unheard() -> bool {
    asked().is_some() && !IS_TAKEN.load(Ordering::Relaxed)
}

/// The node goes on although a signal has asked for its end: the next one asks anew.
pub fn forget() {
    ASKED.store(0, Ordering::Relaxed);
    IS_TAKEN.store(false, Ordering::Relaxed);
}

/// The name of a signal that asks for the end.
pub fn name(signal: c_int) -> &'static str {
    if signal == libc::SIGINT { "SIGINT" } else { "SIGTERM" }
}

/// The handler of `ENDING`. Whoever interrupts twice does not want to wait for a long command (Redis:
/// sigShutdownHandler).
fn ask(signal: c_int) {
    let first = ASKED.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    if !first && signal == libc::SIGINT {
        say(format_args!("You insist... exiting now."));
        low_level::exit(1);
    }
}

/// The handler of `CRASHES`: says which it is, and lets the process die of it as if there were no handler.
extern "C" fn crashed(signal: c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    let index = CRASHES.iter().position(|&(known, _)| known == signal);
    let name = index.map_or("?", |index| CRASHES[index].1);
    // SAFETY: the kernel hands a valid struct to a handler that was set with SA_SIGINFO.
    let info = unsafe { &*info };
    say(format_args!(
        "Shoal {SHOAL_VERSION} crashed by signal: {signal} ({name}), si_code: {}",
        info.si_code
    ));
    let is_sent = info.si_code <= 0;
    // SAFETY: the fields of the struct that the kernel fills for signals of this origin.
    unsafe {
        match is_sent {
            true => say(format_args!("Killed by PID: {}, UID: {}", info.si_pid(), info.si_uid())),
            false => say(format_args!("Accessing address: {:p}", info.si_addr())),
        }
    }
    let before = index.and_then(|index| Some(BEFORE.get()?[index]));
    // A fault comes again when the handler returns, and then the standard library says whether a stack has
    // overflowed.
    let next = before.filter(|_| !is_sent).unwrap_or_else(|| action(libc::SIG_DFL, 0));
    if set(signal, &next).is_err() {
        low_level::exit(1);
    }
    if is_sent {
        // Delivered when the handler returns.
        let _ = low_level::raise(signal);
    }
}

fn action(handler: libc::sighandler_t, flags: c_int) -> libc::sigaction {
    // SAFETY: an all-zero struct is valid: no flags, no signal blocked.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    action
}

fn set(signal: c_int, action: &libc::sigaction) -> io::Result<()> {
    // SAFETY: reads one struct, whose handler is one of this file's, of the C library's or of the standard
    // library's.
    match unsafe { libc::sigaction(signal, action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn current(signal: c_int) -> io::Result<libc::sigaction> {
    let mut current = action(libc::SIG_DFL, 0);
    // SAFETY: writes one struct.
    match unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut current) } {
        0 => Ok(current),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A line of the log that needs no memory but the stack.
struct Line {
    bytes: [u8; HANDLER_LINE_BYTES_MAX],
    len: usize,
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // One byte is left for the line's end.
        let room = HANDLER_LINE_BYTES_MAX - 1 - self.len;
        let len = text.len().min(room);
        self.bytes[self.len..][..len].copy_from_slice(&text.as_bytes()[..len]);
        self.len += len;
        Ok(())
    }
}

/// Writes a line to the log, without a lock and without memory of the allocator, where neither can be relied
/// on (Redis: serverLogFromHandler, whose form it has). Before [`Signals::install`] it goes to the standard
/// output.
pub fn say(text: fmt::Arguments<'_>) {
    let mut line = Line { bytes: [0; HANDLER_LINE_BYTES_MAX], len: 0 };
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call fills the struct that it is given.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut now) };
    let _ = write!(line, "{}:signal-handler ({}) {text}", std::process::id(), now.tv_sec);
    line.bytes[line.len] = b'\n';
    let bytes = &line.bytes[..=line.len];
    let logfile: &CStr = LOG_FILE.get().map_or(c"", CString::as_c_str);
    // SAFETY: the name ends in NUL, and the bytes live until the calls return. A line that cannot be written
    // is lost.
    unsafe {
        let file = match logfile.is_empty() {
            true => libc::STDOUT_FILENO,
            false => libc::open(
                logfile.as_ptr(),
                libc::O_APPEND | libc::O_CREAT | libc::O_WRONLY | libc::O_CLOEXEC,
                0o644,
            ),
        };
        libc::write(file, bytes.as_ptr().cast(), bytes.len());
        if !logfile.is_empty() && file >= 0 {
            libc::close(file);
        }
    }
}
