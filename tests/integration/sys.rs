//! What tests ask of the kernel and the standard library has no call for: restrictions that a thread puts on
//! itself and that the servers it starts inherit. It must not know what is tested.
#![expect(unsafe_code, reason = "seccomp filters and network namespaces have no safe interface")]

use std::io;
use std::net::Ipv4Addr;

/// Sends a signal to a process that the test started.
pub(crate) fn signal(pid: u32, signal: libc::c_int) {
    // SAFETY: kill takes plain numbers.
    let outcome = unsafe { libc::kill(pid as libc::pid_t, signal) };
    assert_eq!(outcome, 0, "kill {pid}: {}", io::Error::last_os_error());
}

/// Raises this process's limit of open files to its hard limit, and returns that.
pub(crate) fn raise_descriptor_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a whole struct on this stack.
    let outcome = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    assert_eq!(outcome, 0, "getrlimit: {}", io::Error::last_os_error());
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: as above.
    let outcome = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
    assert_eq!(outcome, 0, "setrlimit: {}", io::Error::last_os_error());
    limit.rlim_max
}

/// Makes `io_uring_setup` fail with EPERM for the calling thread and the processes it starts, as the seccomp
/// profiles of container runtimes do.
pub(crate) fn forbid_io_uring() -> io::Result<()> {
    const fn step(code: u32, value: u32, when_true: u8, when_false: u8) -> libc::sock_filter {
        libc::sock_filter { code: code as u16, jt: when_true, jf: when_false, k: value }
    }
    // The number of the system call is the first word of what a filter sees.
    let filter = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_io_uring_setup as u32, 0, 1),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: PR_SET_NO_NEW_PRIVS takes four plain numbers.
    let outcome = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if outcome != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the program and its filter live until the call returns; the kernel copies them.
    match unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Moves the calling thread, and the processes it starts, into a network of its own whose only interface has
/// the address 127.0.0.1 and the returned one, which is not a loopback address. Needs the right to do so.
pub(crate) fn enter_private_network() -> io::Result<Ipv4Addr> {
    // SAFETY: a network namespace concerns only the sockets that this thread opens from now on.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let address = Ipv4Addr::new(10, 77, 0, 1);
    configure(&socket, "lo", libc::SIOCSIFFLAGS, |request| {
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    })?;
    configure(&socket, "lo:1", libc::SIOCSIFADDR, |request| request.ifr_ifru.ifru_addr = inet(address))?;
    Ok(address)
}

fn configure(
    socket: &std::net::UdpSocket,
    interface: &str,
    order: libc::Ioctl,
    fill: impl FnOnce(&mut libc::ifreq),
) -> io::Result<()> {
    // SAFETY: ifreq is plain data, for which zero bytes are a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *place = byte as libc::c_char;
    }
    fill(&mut request);
    // SAFETY: both orders read one ifreq, which lives on this stack.
    match unsafe { libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(socket), order, &request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn inet(address: Ipv4Addr) -> libc::sockaddr {
    let mut data = [0; 14];
    for (place, byte) in data[2..6].iter_mut().zip(address.octets()) {
        *place = byte as libc::c_char;
    }
    libc::sockaddr { sa_family: libc::AF_INET as libc::sa_family_t, sa_data: data }
}
