//! One call on a socket, and who carries it out.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// A call, with the memory that it reads and writes. Sockets and results are numbers as the kernel gives
/// them.
#[derive(Debug)]
pub enum SocketCall {
    /// The result is 0, or `-ECANCELED` when the time is over.
    Connect {
        /// Of ours.
        socket: i32,
        /// Of the other.
        address: SocketAddr,
        /// How long it may take.
        timeout: Duration,
    },
    /// Sends the buffer from `from` on. The result is a number of bytes.
    Send {
        /// Of ours.
        socket: i32,
        /// The bytes, and those before.
        buffer: Vec<u8>,
        /// So much is sent.
        from: usize,
    },
    /// Receives into the buffer. The result is a number of bytes, 0 when the other sends no more.
    Receive {
        /// Of ours.
        socket: i32,
        /// It is as long as it may be filled.
        buffer: Vec<u8>,
    },
    /// Gives the socket back.
    Close {
        /// Of ours.
        socket: i32,
    },
}

/// Who carries calls out. Each call that was begun comes back once, with its result, a number or a negated
/// errno: `Links::completed` takes it.
pub trait SocketCalls {
    /// Makes a socket that can be connected with an address, from one of our own addresses if one is named.
    ///
    /// # Errors
    /// Those of socket(2) and bind(2).
    fn open(&mut self, address: SocketAddr, source: Option<IpAddr>) -> io::Result<i32>;

    /// Begins a call. Its index has no other call under way.
    fn begin(&mut self, index: u32, call: Box<SocketCall>);

    /// Asks to end a call early. It may be too late for that.
    fn cancel(&mut self, index: u32);

    /// Nothing is sent or received on a socket any more, which ends the calls that wait for that.
    fn shut_down(&mut self, socket: i32);
}
