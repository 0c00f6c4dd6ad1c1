//! Calls on sockets, carried out by the kernel through the worker's ring.
#![expect(unsafe_code, reason = "the kernel reads and writes memory that the ring's entries name")]

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::fd::{BorrowedFd, IntoRawFd};

use io_uring::{opcode, types};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use super::{SocketCall, SocketCalls};
use crate::io::ring::{ClientRing, Op};
use crate::io::under_way::UnderWay;

/// The calls of one worker's links that are under way.
#[derive(Debug, Default)]
pub(in crate::io) struct RingSockets {
    under_way: UnderWay<Kept>,
}

/// A call with what the kernel needs for it.
#[derive(Debug)]
struct Kept {
    call: SocketCall,
    /// Of a connect.
    address: Option<SockAddr>,
    timeout: types::Timespec,
}

/// The calls and the ring that carries them out.
pub(in crate::io) struct SocketsOnRing<'a> {
    /// The calls.
    pub(in crate::io) sockets: &'a mut RingSockets,
    /// The ring.
    pub(in crate::io) ring: &'a mut ClientRing,
}

impl SocketCalls for SocketsOnRing<'_> {
    fn open(&mut self, address: SocketAddr, source: Option<IpAddr>) -> io::Result<i32> {
        // Not SOCK_NONBLOCK: on such a socket io_uring answers EAGAIN instead of waiting.
        let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), None)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = source {
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        Ok(socket.into_raw_fd())
    }

    fn begin(&mut self, index: u32, call: Box<SocketCall>) {
        let kept = Kept { call: *call, address: None, timeout: types::Timespec::new() };
        let kept = self.sockets.under_way.keep(index, Box::new(kept));
        // SAFETY: `under_way` keeps what the entries name, at its place and untouched, until the call is
        // taken out, which happens when it has completed. The time-out is read when it is submitted, which is
        // before that.
        unsafe {
            match &mut kept.call {
                SocketCall::Connect { socket, address, timeout } => {
                    let address = kept.address.insert(SockAddr::from(*address));
                    kept.timeout = types::Timespec::from(*timeout);
                    let connect =
                        opcode::Connect::new(types::Fd(*socket), address.as_ptr().cast(), address.len())
                            .build();
                    let timeout = opcode::LinkTimeout::new(&raw const kept.timeout).build();
                    self.ring.begin_within(connect, timeout, Op::Socket, index);
                }
                SocketCall::Send { socket, buffer, from } => {
                    let (memory, flags) = (&buffer[*from..], libc::MSG_NOSIGNAL | libc::MSG_WAITALL);
                    let send = opcode::Send::new(types::Fd(*socket), memory.as_ptr(), memory.len() as u32);
                    self.ring.begin(send.flags(flags).build(), Op::Socket, index);
                }
                SocketCall::Receive { socket, buffer } => {
                    let (memory, len) = (buffer.as_mut_ptr(), buffer.len() as u32);
                    let receive = opcode::Recv::new(types::Fd(*socket), memory, len).build();
                    self.ring.begin(receive, Op::Socket, index);
                }
                SocketCall::Close { socket } => {
                    self.ring.begin(opcode::Close::new(types::Fd(*socket)).build(), Op::Socket, index);
                }
            }
        }
    }

    fn cancel(&mut self, index: u32) {
        self.ring.cancel(Op::Socket, index);
    }

    fn shut_down(&mut self, socket: i32) {
        // Not by the ring: there a thread of the kernel looks the descriptor up at some later time, when the
        // number may be that of another socket. SAFETY: the link's descriptor is open: its close begins only
        // when nothing else of it is under way.
        let socket = unsafe { BorrowedFd::borrow_raw(socket) };
        // A socket that is not connected, or not any more, has nothing to be shut down.
        let _ = SockRef::from(&socket).shutdown(Shutdown::Both);
    }
}

impl RingSockets {
    /// A call has completed: the call.
    pub(in crate::io) fn completed(&mut self, index: u32) -> Option<SocketCall> {
        self.under_way.take(index).map(|kept| kept.call)
    }
}
