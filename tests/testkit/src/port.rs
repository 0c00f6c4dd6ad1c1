//! TCP ports that nobody else takes while a test holds them. This file must not know who listens.
//!
//! A port picked by binding port 0 is not enough: servers with SO_REUSEPORT would share it silently when
//! another test got the same one. So ports come from a range that the kernel does not use for outgoing
//! connections, and each is held by a file lock, which all test processes of the machine respect and which
//! dies with its holder.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the usual range of outgoing connections (32768 up), and so is each port + 10000, the cluster bus.
const PORT_MIN: u16 = 12_000;
const PORT_COUNT: u16 = 10_000;

/// A port that belongs to the holder of this value.
#[derive(Debug)]
pub struct PortLease {
    port: u16,
    _lock: File,
}

impl PortLease {
    /// Takes a free port.
    ///
    /// # Errors
    /// When lock files cannot be made or no port of the range is free.
    pub fn take() -> io::Result<PortLease> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let folder = lock_folder()?;
        // Different processes start at different places, so that they seldom try the same ports.
        let start = std::process::id().wrapping_mul(7919);
        for _ in 0..PORT_COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let port = PORT_MIN + (start.wrapping_add(step) % u32::from(PORT_COUNT)) as u16;
            let Ok(lock) = File::create(folder.join(port.to_string())) else { continue };
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(PortLease { port, _lock: lock });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "no free port for a test"))
    }

    /// The port's number.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn lock_folder() -> io::Result<PathBuf> {
    // One folder per user: others could not lock our files, and SO_REUSEPORT shares a port only within a
    // user.
    let user = rustix::process::getuid().as_raw();
    let folder = std::env::temp_dir().join(format!("shoal-test-ports-{user}"));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_leases_never_share_a_port() {
        let leases: Vec<PortLease> = (0..50).map(|_| PortLease::take().unwrap()).collect();
        let mut ports: Vec<u16> = leases.iter().map(PortLease::port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 50);
    }

    #[test]
    fn a_held_port_is_refused_to_other_holders() {
        let lease = PortLease::take().unwrap();
        let again = File::create(lock_folder().unwrap().join(lease.port().to_string())).unwrap();
        assert!(again.try_lock().is_err());
    }
}
