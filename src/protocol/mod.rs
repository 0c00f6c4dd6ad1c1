//! Requests of RESP and inline requests: bytes of a connection -> arguments of commands.
//!
//! This module must not know sockets, sessions or commands. It never panics on what a client sends, and never
//! allocates more than [`BLOB_GROWTH_BYTES_MIN`] on the word of a length prefix.
//!
//! # How the net layer uses it
//!
//! Each connection has one [`QueryBuffer`], each worker one [`Argv`]. When bytes have come:
//!
//! ```
//! use shoal::protocol::{Argv, RequestLimits, NextRequest, QueryBuffer};
//!
//! let mut query = QueryBuffer::default(); // one per connection
//! let mut argv = Argv::default(); // one per worker
//! let limits = RequestLimits { bulk_bytes_max: 512 << 20, authenticated: true };
//!
//! let received = b"*1\r\n$4\r\nPING\r\nECHO 'a b'\r\n*1\r\n$4\r\nPI"; // what the kernel put into a shared buffer
//! let mut names = Vec::new();
//! let mut requests = query.receive(received, &mut argv);
//! loop {
//!     match requests.next(&limits) {
//!         NextRequest::Request(args) => names.push(args[0].to_vec()), // `break` here stops: see below
//!         NextRequest::Empty => {} // nothing runs, and nothing is replied
//!         NextRequest::Incomplete => break,
//!         NextRequest::Error(error) => panic!("send {:?}, then close", error.reply()),
//!     }
//! }
//! drop(requests); // now the kernel may have its buffer back: the unfinished rest has been copied
//! assert_eq!(names, [b"PING", b"ECHO"]);
//! assert_eq!(query.buffered_bytes(), 6);
//! ```
//!
//! * RequestLimits are an argument of each `next`, because AUTH and CONFIG SET in the middle of a pipeline
//!   change them for what follows.
//! * A [`NextRequest::Request`] has at least one argument; those without any are [`NextRequest::Empty`]. It
//!   borrows from `requests`, so it must be executed, or copied with `Args::to_owned`, before the next.
//! * To stop (back-pressure), drop the [`Requests`] early: all that was not parsed is kept in the query
//!   buffer. Until the connection goes on, the caller should not receive more. It goes on by `receive(&[],
//!   ...)`, or with new bytes; order is kept.
//! * After [`NextRequest::Error`] the reply is sent after the replies of the requests before it, and the
//!   connection is closed; what else the client sent is dropped.
//! * Before each `receive` the caller asks [`QueryBuffer::completes_over`], and after it compares
//!   [`QueryBuffer::buffered_bytes`] with client-query-buffer-limit.
//! * An idle connection costs `size_of::<QueryBuffer>()` and nothing on the heap.
//!
//! # Where the bytes are
//!
//! While nothing is pending, requests are parsed where they were received, without a copy. Only the
//! unfinished tail is copied into the query buffer, and the state of its parse is kept, so that one byte per
//! packet costs linear time. When more comes, it is appended in small steps until that request is complete;
//! then parsing goes on in the received bytes. The query buffer holds everything since the start of the
//! unfinished request, since spans point there, but not the bytes of big arguments.
//!
//! An argument of at least `BLOB_LEN_MIN` bytes gets its own allocation, a `Blob`, as soon as its length is
//! known. Its memory grows with the bytes that have come. The caller may pass its bytes to `receive` like
//! any others (one copy), or read from the socket straight into it:
//!
//! ```
//! # use shoal::protocol::{Argv, RequestLimits, NextRequest, QueryBuffer};
//! # let (mut query, mut argv) = (QueryBuffer::default(), Argv::default());
//! # let limits = RequestLimits { bulk_bytes_max: 512 << 20, authenticated: true };
//! # let mut value = vec![b'x'; 100_000];
//! # assert!(matches!(query.receive(b"*2\r\n$4\r\nECHO\r\n$100000\r\n", &mut argv).next(&limits), NextRequest::Incomplete));
//! // After NextRequest::Incomplete, when it is worth a system call of its own:
//! while let Some(mut loan) = query.lend_blob() {
//!     // The kernel may own `loan.bytes` now; at most `loan.room` bytes are appended to it.
//!     loan.bytes.extend(value.drain(..loan.room.min(value.len()).min(4096)));
//!     query.return_blob(loan);
//! }
//! // The argument is complete: what follows comes by `receive` again.
//! assert!(matches!(query.receive(b"\r\n", &mut argv).next(&limits), NextRequest::Request(args) if args[1].len() == 100_000));
//! ```

mod ahead;
mod inline;
mod query_buffer;
mod request;

pub use ahead::ParsedAhead;
pub use query_buffer::{BlobLoan, NextRequest, QueryBuffer, Requests};
pub use request::{Argv, BLOB_GROWTH_BYTES_MIN, LINE_BYTES_MAX, ProtocolError, RequestLimits};
