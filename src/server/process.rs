//! The process as whoever starts it sees it: its working directory, whether it runs in the background, the
//! file with its number, and the word to a supervisor that it is ready. It must not know workers or clients.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use signal_hook::consts::SIGSTOP;

use crate::config::{Config, Supervision};
use crate::host::log as logging;
use crate::host::sys;

/// Where a server in the background leaves its number when the configuration names no file.
const DEFAULT_PID_FILE: &str = "/var/run/shoal.pid";

/// The environment variable by which systemd says where it listens.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// The environment variable by which Upstart shows that it has started the process.
const UPSTART_JOB: &str = "UPSTART_JOB";

/// Who waits for the server to be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervisor {
    /// It reads datagrams.
    Systemd,
    /// It waits for the process to stop itself, and wakes it.
    Upstart,
}

static SUPERVISOR: OnceLock<Option<Supervisor>> = OnceLock::new();

/// Opens the log, and makes the process what the configuration says, before it has a second thread. Called
/// once.
///
/// # Errors
/// A text for the operator, who still sees the standard error.
pub fn settle(config: &Config) -> Result<(), String> {
    if !config.dir.as_os_str().is_empty() {
        env::set_current_dir(&config.dir)
            .map_err(|error| format!("Can't chdir to '{}': {error}", config.dir.display()))?;
    }
    // Kept with its whole path: the working directory may be another one later.
    let logfile = match config.logfile.as_os_str().is_empty() {
        true => PathBuf::new(),
        false => std::path::absolute(&config.logfile).unwrap_or_else(|_| config.logfile.clone()),
    };
    logging::init(config.loglevel, &logfile)
        .map_err(|error| format!("Can't open the log file {}: {error}", logfile.display()))?;
    if config.syslog_enabled {
        sys::open_syslog(&config.syslog_ident, config.syslog_facility);
        logging::copy_to_syslog();
    }
    let supervisor = supervisor(config.supervised, |name| env::var_os(name).is_some());
    let _ = SUPERVISOR.set(supervisor);
    if config.daemonize && supervisor.is_none() {
        sys::run_in_background().map_err(|error| format!("Can't run in the background: {error}"))?;
    }
    Ok(())
}

/// Who supervises the process, as far as the configuration and the environment say so (Redis:
/// redisIsSupervised).
fn supervisor(wanted: Supervision, is_set: impl Fn(&str) -> bool) -> Option<Supervisor> {
    match wanted {
        Supervision::Upstart | Supervision::Auto if is_set(UPSTART_JOB) => Some(Supervisor::Upstart),
        Supervision::Systemd | Supervision::Auto if is_set(NOTIFY_SOCKET) => Some(Supervisor::Systemd),
        _ => None,
    }
}

/// The word that INFO has for who supervises the process.
pub fn supervisor_name() -> &'static str {
    match SUPERVISOR.get().copied().flatten() {
        Some(Supervisor::Systemd) => "systemd",
        Some(Supervisor::Upstart) => "upstart",
        None => "no",
    }
}

/// Says that a supervisor was asked for and none was found; that the server accepts clients, if there is one.
pub fn tell_ready(config: &Config) {
    match SUPERVISOR.get().copied().flatten() {
        Some(Supervisor::Systemd) => tell_systemd("STATUS=Ready to accept connections\nREADY=1\n"),
        Some(Supervisor::Upstart) => {
            // A process that cannot stop itself goes on, and Upstart waits.
            let _ = signal_hook::low_level::raise(SIGSTOP);
        }
        None if matches!(config.supervised, Supervision::Systemd | Supervision::Upstart) => {
            log::warn!(
                "A supervisor was asked for, and the environment has neither NOTIFY_SOCKET of systemd nor \
                    UPSTART_JOB of Upstart: nobody is told that the server is ready."
            );
        }
        None => {}
    }
}

/// Says that the server is about to end.
pub fn tell_stopping() {
    if SUPERVISOR.get().copied().flatten() == Some(Supervisor::Systemd) {
        tell_systemd("STOPPING=1\n");
    }
}

fn tell_systemd(text: &str) {
    let sent = env::var_os(NOTIFY_SOCKET).map_or(Ok(()), |name| send(name.as_bytes(), text));
    if let Err(error) = sent {
        log::warn!("Could not tell systemd {}: {error}", text.trim_end());
    }
}

/// Sends one datagram to a socket that has a path or, behind an `@`, an abstract name.
fn send(name: &[u8], text: &str) -> io::Result<()> {
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(Path::new(std::ffi::OsStr::from_bytes(name)))?,
    };
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address)?;
    Ok(())
}

/// The file with the number of the process; removed when dropped.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes the file, if there shall be one. That it cannot be written is told and no reason to end, as in
    /// Redis.
    pub fn write(config: &Config) -> Option<PidFile> {
        let is_in_background = config.daemonize && SUPERVISOR.get().copied().flatten().is_none();
        let path = match (config.pidfile.as_os_str().is_empty(), is_in_background) {
            (false, _) => &config.pidfile,
            (true, true) => Path::new(DEFAULT_PID_FILE),
            (true, false) => return None,
        };
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        match std::fs::write(&path, format!("{}\n", std::process::id())) {
            Ok(()) => Some(PidFile(path)),
            Err(error) => {
                log::warn!("Failed to write PID file {}: {error}", path.display());
                None
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        log::info!("Removing the pid file.");
        // Somebody else may have removed it already.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_is_who_was_asked_for_and_shows_itself() {
        let found = |wanted, name: &str| supervisor(wanted, |is_set| is_set == name);
        assert_eq!(found(Supervision::No, NOTIFY_SOCKET), None);
        assert_eq!(found(Supervision::Systemd, NOTIFY_SOCKET), Some(Supervisor::Systemd));
        assert_eq!(found(Supervision::Systemd, UPSTART_JOB), None);
        assert_eq!(found(Supervision::Upstart, UPSTART_JOB), Some(Supervisor::Upstart));
        assert_eq!(found(Supervision::Auto, NOTIFY_SOCKET), Some(Supervisor::Systemd));
        assert_eq!(found(Supervision::Auto, UPSTART_JOB), Some(Supervisor::Upstart));
        assert_eq!(found(Supervision::Auto, ""), None);
    }

    #[test]
    fn a_datagram_arrives_by_path_and_by_abstract_name() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("shoal-test-{}", std::process::id());
        let by_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        send(path.as_os_str().as_bytes(), "READY=1\n").unwrap();
        send(format!("@{name}").as_bytes(), "READY=1\n").unwrap();
        for socket in [by_path, by_name] {
            let mut buffer = [0; 64];
            let len = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], b"READY=1\n");
        }
    }
}
