//! Listening sockets: one for each address and worker (SO_REUSEPORT), one Unix socket for all.
//!
//! Also what is set on accepted sockets. This file must not know connections or workers.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};

use crate::config::Config;

/// A socket that accepts clients.
#[derive(Debug)]
pub struct Listener {
    /// The socket.
    pub socket: OwnedFd,
    /// True for the Unix socket.
    pub is_unix: bool,
}

/// The addresses of the `bind` directive. An optional one (`-`) that cannot be resolved is left out.
///
/// # Errors
/// An address that is no IP address and no known name.
pub fn addresses(config: &Config) -> Result<Vec<(SocketAddr, bool)>, String> {
    let mut found = Vec::new();
    for address in &config.bind {
        let optional = address.starts_with('-');
        let name = address.trim_start_matches('-');
        let ip = match name {
            "*" => Some(IpAddr::from([0, 0, 0, 0])),
            "::*" => Some(IpAddr::from([0u16; 8])),
            name => name.parse().ok().or_else(|| {
                let mut resolved = (name, config.port).to_socket_addrs().ok()?;
                resolved.next().map(|address| address.ip())
            }),
        };
        match ip {
            Some(ip) => found.push((SocketAddr::new(ip, config.port), optional)),
            None if optional => {}
            None => return Err(format!("Could not resolve the bind address '{name}'")),
        }
    }
    Ok(found)
}

/// Opens a listening TCP socket. Every worker opens its own on the same address; `first` asks whether
/// somebody else has the port already, which SO_REUSEPORT would hide.
///
/// # Errors
/// Those of the operating system.
pub fn tcp(address: SocketAddr, backlog: u32, first: bool) -> io::Result<Listener> {
    let open = |reuse_port: bool| {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), None)?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if reuse_port {
            socket.set_reuse_port(true)?;
        }
        socket.bind(&address.into())?;
        Ok::<_, io::Error>(socket)
    };
    if first {
        drop(open(false)?);
    }
    let socket = open(true)?;
    socket.listen(backlog.min(i32::MAX as u32) as i32)?;
    Ok(Listener { socket: socket.into(), is_unix: false })
}

/// Opens the Unix socket; a file left behind by an earlier run is replaced, as Redis does.
///
/// # Errors
/// Those of the operating system.
pub fn unix(config: &Config) -> io::Result<Option<Listener>> {
    let Some(path) = &config.unixsocket else { return Ok(None) };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM.cloexec(), None)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    socket.listen(config.tcp_backlog.min(i32::MAX as u32) as i32)?;
    if config.unixsocketperm != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(config.unixsocketperm))?;
    }
    Ok(Some(Listener { socket: socket.into(), is_unix: true }))
}

/// An accepted socket's addresses as CLIENT LIST shows them, and whether the client is on this machine.
#[derive(Debug)]
pub struct Addresses {
    /// `ip:port`, `[ip6]:port`, or `path:0` for a Unix socket.
    pub peer: String,
    /// The same of our side.
    pub local: String,
    /// A Unix socket or a loopback address.
    pub is_local: bool,
}

/// Prepares an accepted socket: no delay, keep-alive probes. Returns its addresses.
pub fn accepted(socket: &OwnedFd, config: &Config, is_unix: bool) -> Addresses {
    if is_unix {
        let path = config.unixsocket.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let name = format!("{path}:0");
        return Addresses { peer: name.clone(), local: name, is_local: true };
    }
    let socket = SockRef::from(socket);
    // A socket that is gone already refuses these; its first receive will say so.
    let _ = socket.set_tcp_nodelay(true);
    if config.tcp_keepalive_s > 0 {
        let idle = Duration::from_secs(u64::from(config.tcp_keepalive_s));
        let interval = Duration::from_secs(u64::from((config.tcp_keepalive_s / 3).max(1)));
        let keepalive = TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(3);
        let _ = socket.set_tcp_keepalive(&keepalive);
    }
    let address = |address: io::Result<socket2::SockAddr>| address.ok().and_then(|found| found.as_socket());
    let (peer, local) = (address(socket.peer_addr()), address(socket.local_addr()));
    let show = |address: Option<SocketAddr>| address.map_or_else(|| "?:0".to_owned(), |it| it.to_string());
    let is_local = peer.is_some_and(|peer| match peer.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
    });
    Addresses { peer: show(peer), local: show(local), is_local }
}

/// Sends a refusal to a socket that will be closed at once, as far as it takes it without waiting.
pub fn refuse(socket: &OwnedFd, text: &[u8]) {
    let socket = SockRef::from(socket);
    let _ = socket.set_nonblocking(true);
    // A client that is gone gets no refusal.
    let _ = socket.send(text);
}

impl Listener {
    /// A second descriptor of the same socket, for another worker.
    ///
    /// # Errors
    /// Too many open files.
    pub fn share(&self) -> io::Result<Listener> {
        Ok(Listener { socket: self.socket.try_clone()?, is_unix: self.is_unix })
    }

    /// Accepts nothing more, at once: a request to accept that the kernel still holds would otherwise keep
    /// the port in use for some time after the process has ended.
    pub fn close(&self) {
        // A Unix socket that is shared may have been closed by another worker already.
        let _ = SockRef::from(&self.socket).shutdown(std::net::Shutdown::Both);
    }

    /// The socket's number.
    pub fn fd(&self) -> i32 {
        self.socket.as_raw_fd()
    }
}
