//! Puts data into a server before it is measured, and holds idle connections. Plain blocking sockets.
//! It must not know which server it talks to.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::resp::{ReplyScanner, Template};
use crate::rows::Fill;

/// Commands sent before their replies are read: few enough that neither side's socket buffer fills up.
const BATCH: u64 = 500;

/// A prime that divides no count of a fill, so that its multiples reach every number below the count once.
const STRIDE: u64 = 7_368_787;

/// Sends the fill's command once for each number. The numbers come in an order that looks random, as they do
/// to a server in use: trees that are filled in order are not like others.
///
/// # Errors
/// What the socket says; `InvalidData` for an error reply.
pub fn fill(address: SocketAddr, fill: Fill) -> io::Result<()> {
    let template = Template::new(fill.command);
    let mut stream = TcpStream::connect(address)?;
    let mut next = 0;
    let mut out = Vec::new();
    while next < fill.count {
        let batch = BATCH.min(fill.count - next);
        out.clear();
        for index in next..next + batch {
            let number = fill.first + index * STRIDE % fill.count;
            template.write(&mut out, || number);
        }
        stream.write_all(&out)?;
        expect_replies(&mut stream, batch)?;
        next += batch;
    }
    Ok(())
}

/// Opens `count` connections, each of which has had one reply and is silent since.
///
/// # Errors
/// What the sockets say; `InvalidData` for an error reply, as for too many clients.
pub fn open_idle_connections(address: SocketAddr, count: u64) -> io::Result<Vec<TcpStream>> {
    let mut ping = Vec::new();
    Template::new(&["PING"]).write(&mut ping, || 0);
    let open = |_| {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(&ping)?;
        expect_replies(&mut stream, 1)?;
        Ok(stream)
    };
    (0..count).map(open).collect()
}

fn expect_replies(stream: &mut TcpStream, mut missing: u64) -> io::Result<()> {
    let mut scanner = ReplyScanner::default();
    let mut buffer = [0; 16 * 1024];
    while missing > 0 {
        let len = stream.read(&mut buffer)?;
        if len == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        let complete = scanner.feed(&buffer[..len])?;
        if let Some(text) = scanner.first_error() {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("the server replied: {text}")));
        }
        missing = missing.saturating_sub(complete);
    }
    Ok(())
}
