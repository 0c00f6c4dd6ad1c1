//! A plain blocking RESP client for tests: commands, pipelines, and raw bytes for the odd cases. It must not
//! know any command but HELLO.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::value::Value;

/// How long a read, a write or a connect may take before it fails.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(20);

/// Commands of at least this many bytes in all are written by a thread of their own while the replies are
/// read: a server that waits for its reader would otherwise wait for ever.
const WRITE_BYTES_UNTHREADED_MAX: usize = 32 * 1024;

/// One connection.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<Stream>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Client {
    /// Connects by TCP.
    ///
    /// # Errors
    /// When the address is wrong or nobody answers in [`TIMEOUT_DEFAULT`].
    pub fn connect(addr: impl ToSocketAddrs) -> io::Result<Client> {
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, "no address");
        for addr in addr.to_socket_addrs()? {
            match Client::connect_one(addr) {
                Ok(client) => return Ok(client),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn connect_one(addr: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&addr, TIMEOUT_DEFAULT)?;
        stream.set_nodelay(true)?;
        Client::over(Stream::Tcp(stream))
    }

    /// Connects to a unix socket.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect_unix(path: impl AsRef<Path>) -> io::Result<Client> {
        Client::over(Stream::Unix(UnixStream::connect(path)?))
    }

    fn over(stream: Stream) -> io::Result<Client> {
        stream.set_timeout(TIMEOUT_DEFAULT)?;
        Ok(Client { reader: BufReader::new(stream) })
    }

    /// Sets the bound of every later read and write.
    ///
    /// # Panics
    /// When `timeout` is zero.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.stream().set_timeout(timeout).expect("the timeout is not zero");
    }

    /// Sends one command and returns its reply.
    ///
    /// # Panics
    /// When the connection fails; see [`Client::try_cmd`].
    #[track_caller]
    pub fn cmd<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        self.try_cmd(args).unwrap_or_else(|error| panic!("{}: {error}", command_line(args)))
    }

    /// Sends one command and returns its reply.
    ///
    /// # Errors
    /// When the connection fails or times out, or the reply is not RESP.
    pub fn try_cmd<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Value> {
        self.try_send_raw(&encode(args))?;
        self.try_recv()
    }

    /// Sends the words of `line`, split at white space, as one command.
    ///
    /// # Panics
    /// When the connection fails.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> Value {
        self.cmd(&line.split_ascii_whitespace().collect::<Vec<_>>())
    }

    /// Asks for RESP2 or RESP3 by HELLO and returns the reply.
    ///
    /// # Panics
    /// When the connection fails.
    #[track_caller]
    pub fn hello(&mut self, version: u8) -> Value {
        self.ask(&format!("HELLO {version}"))
    }

    /// Sends all commands at once and returns their replies, in order.
    ///
    /// # Panics
    /// When the connection fails; see [`Client::try_pipeline`].
    #[track_caller]
    pub fn pipeline<A: AsRef<[u8]>, C: AsRef<[A]>>(&mut self, commands: &[C]) -> Vec<Value> {
        self.try_pipeline(commands)
            .unwrap_or_else(|error| panic!("a pipeline of {}: {error}", commands.len()))
    }

    /// Sends all commands at once and returns their replies, in order. The pipeline may be of any size:
    /// replies are read while it is written.
    ///
    /// # Errors
    /// When the connection fails or times out, or a reply is not RESP.
    pub fn try_pipeline<A: AsRef<[u8]>, C: AsRef<[A]>>(&mut self, commands: &[C]) -> io::Result<Vec<Value>> {
        let mut bytes = Vec::new();
        for command in commands {
            encode_into(&mut bytes, command.as_ref());
        }
        self.try_exchange(&bytes, commands.len())
    }

    /// Sends bytes as they are and reads `replies` replies while they are written.
    ///
    /// # Errors
    /// When the connection fails or times out, or a reply is not RESP.
    pub fn try_exchange(&mut self, bytes: &[u8], replies: usize) -> io::Result<Vec<Value>> {
        if bytes.len() <= WRITE_BYTES_UNTHREADED_MAX {
            self.try_send_raw(bytes)?;
            return (0..replies).map(|_| self.try_recv()).collect();
        }
        let mut writer = self.stream().duplicate()?;
        std::thread::scope(|scope| {
            let written = scope.spawn(move || writer.write_all(bytes));
            let values = (0..replies).map(|_| self.try_recv()).collect();
            written.join().expect("a write does not panic")?;
            values
        })
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    /// When the connection fails.
    #[track_caller]
    pub fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send_raw(bytes.as_ref()).unwrap_or_else(|error| panic!("sending: {error}"));
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection fails or times out.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Reads the next reply.
    ///
    /// # Panics
    /// When the connection fails or the reply is not RESP.
    #[track_caller]
    pub fn recv(&mut self) -> Value {
        self.try_recv().unwrap_or_else(|error| panic!("waiting for a reply: {error}"))
    }

    /// Reads the next reply.
    ///
    /// # Errors
    /// `UnexpectedEof` when the server closed the connection, `WouldBlock` or `TimedOut` after the timeout,
    /// `InvalidData` when the bytes are not RESP.
    pub fn try_recv(&mut self) -> io::Result<Value> {
        Value::read(&mut self.reader)
    }

    /// Reads exactly `len` bytes as they come.
    ///
    /// # Errors
    /// When the connection fails, times out or ends before.
    pub fn try_recv_raw(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads until the server closes the connection and returns what came; a reset counts as an end.
    ///
    /// # Panics
    /// When the connection is still open after the timeout.
    #[track_caller]
    pub fn recv_until_closed(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Ok(_) => bytes,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => bytes,
            Err(error) => {
                panic!("the connection does not close: {error}; came so far: {}", bytes.escape_ascii())
            }
        }
    }

    /// Half-closes the connection: nothing more will be sent, replies can still be read.
    ///
    /// # Panics
    /// When the connection is gone.
    pub fn shutdown_write(&mut self) {
        match self.stream() {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
        .expect("the connection is open");
    }

    /// This side's address, as CLIENT LIST shows it; none for a unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self.stream() {
            Stream::Tcp(stream) => stream.local_addr().ok(),
            Stream::Unix(_) => None,
        }
    }

    fn stream(&self) -> &Stream {
        self.reader.get_ref()
    }
}

impl Stream {
    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))
            }
            Stream::Unix(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))
            }
        }
    }

    fn duplicate(&self) -> io::Result<Stream> {
        Ok(match self {
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone()?),
            Stream::Unix(stream) => Stream::Unix(stream.try_clone()?),
        })
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One command as an array of bulk strings.
pub fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_into(&mut bytes, args);
    bytes
}

/// Appends one command as an array of bulk strings.
pub fn encode_into<A: AsRef<[u8]>>(bytes: &mut Vec<u8>, args: &[A]) {
    bytes.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        let arg = arg.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
}

/// A command as a line that redis-cli reads back to the same bytes: plain words as they are, others quoted.
pub fn command_line<A: AsRef<[u8]>>(args: &[A]) -> String {
    let word = |arg: &A| {
        let arg = arg.as_ref();
        let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
        match str::from_utf8(arg) {
            Ok(text) if !arg.is_empty() && arg.iter().all(plain) => text.to_owned(),
            _ => crate::value::quoted(arg),
        }
    };
    args.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        assert_eq!(encode(&["GET", ""]), b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
    }

    #[test]
    fn a_command_line_quotes_what_redis_cli_would_split() {
        let args: [&[u8]; 5] = [b"SET", b"a b", b"", b"x\xff", b"{tag}1"];
        assert_eq!(command_line(&args), r#"SET "a b" "" "x\xff" {tag}1"#);
    }
}
