//! Puts data into a server before it is measured, and holds idle connections. Plain blocking sockets.
//! It must not know which server it talks to.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::resp::{ReplyScanner, Template};
use crate::rows::Fill;

/// Commands that are sent in one go, at most.
const BATCH: u64 = 500;

/// Bytes of commands in one go: no more begin beyond them. The server's own buffers stay small, whose memory
/// a row may be about.
const BATCH_BYTES: usize = 64 * 1024;

/// Commands whose replies are still to come when more are sent: the server has work while the next ones are
/// written, and the replies of so many, one line each, fit into any socket's buffers, so neither side waits
/// for the other for ever.
const AHEAD: u64 = 2 * BATCH;

/// A prime that divides no count of a fill, so that its multiples reach every number below the count once.
const STRIDE: u64 = 7_368_787;

/// Sends the fill's command once for each number. The numbers come in an order that looks random, as they do
/// to a server in use: trees that are filled in order are not like others.
///
/// # Errors
/// What the socket says; `InvalidData` for an error reply.
pub fn fill(address: SocketAddr, fill: Fill) -> io::Result<()> {
    let template = Template::new(fill.command);
    let mut line = Line::connect(address)?;
    let mut next = 0;
    let mut out = Vec::new();
    while next < fill.count {
        out.clear();
        let batch_end = fill.count.min(next + BATCH);
        while next < batch_end && out.len() < BATCH_BYTES {
            let number = fill.first + next * STRIDE % fill.count;
            template.write(&mut out, || number);
            line.missing += 1;
            next += 1;
        }
        line.stream.write_all(&out)?;
        line.read_replies_down_to(AHEAD)?;
    }
    line.read_replies_down_to(0)
}

/// A connection that may have more than one command under way.
struct Line {
    stream: TcpStream,
    scanner: ReplyScanner,
    /// Replies that are still to come.
    missing: u64,
}

impl Line {
    fn connect(address: SocketAddr) -> io::Result<Line> {
        let stream = TcpStream::connect(address)?;
        // The last commands of a fill are not to wait for an acknowledgement of those before them.
        stream.set_nodelay(true)?;
        Ok(Line { stream, scanner: ReplyScanner::default(), missing: 0 })
    }

    /// Reads until no more than `few` replies are missing. An error reply is an error.
    fn read_replies_down_to(&mut self, few: u64) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        while self.missing > few {
            let len = self.stream.read(&mut buffer)?;
            if len == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection"));
            }
            let complete = self.scanner.feed(&buffer[..len])?;
            if let Some(text) = self.scanner.first_error() {
                return Err(io::Error::new(ErrorKind::InvalidData, format!("the server replied: {text}")));
            }
            self.missing = self.missing.saturating_sub(complete);
        }
        Ok(())
    }
}

/// Opens `count` connections, each of which has had one reply and is silent since.
///
/// # Errors
/// What the sockets say; `InvalidData` for an error reply, as for too many clients.
pub fn open_idle_connections(address: SocketAddr, count: u64) -> io::Result<Vec<TcpStream>> {
    let mut ping = Vec::new();
    Template::new(&["PING"]).write(&mut ping, || 0);
    let open = |_| {
        let mut line = Line::connect(address)?;
        line.stream.write_all(&ping)?;
        line.missing = 1;
        line.read_replies_down_to(0)?;
        Ok(line.stream)
    };
    (0..count).map(open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    /// Answers every command with `reply`; in the end gives all that came.
    fn server(reply: &'static [u8]) -> (SocketAddr, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
            while let Ok(len @ 1..) = stream.read(&mut buffer) {
                text.extend_from_slice(&buffer[..len]);
                let commands = buffer[..len].iter().filter(|&&byte| byte == b'*').count();
                if stream.write_all(&reply.repeat(commands)).is_err() {
                    break;
                }
            }
            String::from_utf8(text).unwrap()
        });
        (address, serving)
    }

    #[test]
    fn every_number_is_sent_once_and_every_reply_is_waited_for() {
        let (address, serving) = server(b"+OK\r\n");
        let count = 3 * AHEAD + 7;
        fill(address, Fill::of(&["__rand_int__"], count).from(5)).unwrap();
        let text = serving.join().unwrap();
        let mut numbers: Vec<u64> = text.lines().filter_map(|line| line.parse().ok()).collect();
        assert!(!numbers.is_sorted(), "in an order that looks random");
        numbers.sort_unstable();
        assert_eq!(numbers, (5..5 + count).collect::<Vec<_>>());
    }

    #[test]
    fn an_error_reply_ends_a_fill() {
        let (address, _serving) = server(b"-ERR no\r\n");
        let error = fill(address, Fill::of(&["__rand_int__"], 1)).unwrap_err();
        assert!(error.to_string().contains("ERR no"));
    }
}
