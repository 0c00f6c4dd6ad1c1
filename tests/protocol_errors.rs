//! Holds the request parser against a real redis-server: well-formed and broken streams must be understood as
//! the same requests and errors. Needs redis-server 7.0 on the PATH. Knows nothing of shoal beyond its
//! parser.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shards::args::Args;
use shoal::protocol::{Argv, NextRequest, QueryBuffer, RequestLimits};
use testkit::TempDir;

/// A redis-server of this test, killed at its end.
struct Redis {
    process: Child,
    port: u16,
    /// No password, so that every client counts as authenticated.
    authenticated: bool,
    _folder: TempDir,
}

impl Redis {
    fn start(authenticated: bool) -> Redis {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .expect("a port is free")
            .port();
        let folder = TempDir::new().expect("a folder can be made");
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--requirepass", if authenticated { "" } else { "secret" }])
            // Whatever it writes goes with the folder.
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server can be started");
        let redis = Redis { process, port, authenticated, _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        redis
    }

    /// All that Redis replies to a client that sends `stream` and no more.
    fn replies(&self, stream: &[u8]) -> Vec<u8> {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("it listens");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
        socket.write_all(stream).expect("Redis reads");
        // Fails when Redis has already closed the connection because of an error.
        let _ = socket.shutdown(Shutdown::Write);
        let mut replies = Vec::new();
        socket.read_to_end(&mut replies).expect("Redis replies, then closes");
        replies
    }

    fn check(&self, stream: &[u8]) {
        let ours = expected_replies(stream, self.authenticated);
        let theirs = self.replies(stream);
        assert!(
            ours == theirs,
            "authenticated {}, stream {}\n  ours {}\n theirs {}",
            self.authenticated,
            stream[..stream.len().min(2000)].escape_ascii(),
            ours.escape_ascii(),
            theirs.escape_ascii()
        );
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.process.kill().expect("it was started");
        self.process.wait().expect("it was started");
    }
}

/// What Redis should reply if it understands the stream as our parser does. All requests are ECHO or unknown.
fn expected_replies(stream: &[u8], authenticated: bool) -> Vec<u8> {
    let limits = RequestLimits { bulk_bytes_max: 512 << 20, authenticated };
    let (mut query, mut argv, mut replies) = (QueryBuffer::default(), Argv::default(), Vec::new());
    let mut requests = query.receive(stream, &mut argv);
    loop {
        match requests.next(&limits) {
            NextRequest::Request(args) => reply(args, authenticated, &mut replies),
            NextRequest::Empty => {}
            NextRequest::Incomplete => return replies,
            NextRequest::Error(error) => {
                replies.extend(error.reply());
                return replies;
            }
        }
    }
}

fn reply(args: Args<'_>, authenticated: bool, replies: &mut Vec<u8>) {
    let line = match args[0].eq_ignore_ascii_case(b"echo") {
        true if args.len() != 2 => b"-ERR wrong number of arguments for 'echo' command".to_vec(),
        true if !authenticated => b"-NOAUTH Authentication required.".to_vec(),
        true => {
            replies.extend(format!("${}\r\n", args[1].len()).into_bytes());
            replies.extend(&args[1]);
            replies.extend(b"\r\n");
            return;
        }
        false => {
            let mut quoted = Vec::new();
            for arg in args.iter_from(1) {
                if quoted.len() >= 128 {
                    break;
                }
                let text = [b"'", c_string(arg, 128 - quoted.len()), b"' "].concat();
                quoted.extend(text);
            }
            let name = c_string(&args[0], 128);
            [b"-ERR unknown command '", name, b"', with args beginning with: ", &quoted].concat()
        }
    };
    replies.extend(line.into_iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    replies.extend(b"\r\n");
}

/// What printf's `%.*s` prints.
fn c_string(bytes: &[u8], len_max: usize) -> &[u8] {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    &text[..text.len().min(len_max)]
}

const ECHO: &[u8] = b"*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n";

/// Every protocol error of Redis 7, and what looks like one and is none.
fn odd_streams() -> Vec<Vec<u8>> {
    let mut streams: Vec<Vec<u8>> = Vec::new();
    for count in [
        "abc",
        "",
        "+1",
        "01",
        "1 ",
        " 1",
        "-0",
        "-01",
        "00",
        "-",
        "0",
        "-1",
        "-9223372036854775808",
        "-9223372036854775809",
        "2147483647",
        "2147483648",
        "9223372036854775808",
        "99999999999999999999",
        "11",
        "10",
    ] {
        streams.push([format!("*{count}\r\n").as_bytes(), ECHO].concat());
        streams.push([format!("*1\r\n${count}\r\n").as_bytes(), ECHO].concat());
    }
    for stream in [
        &b"*1\r\n:4\r\n"[..],
        b"*1\r\n\r\n",
        b"*1\r\nECHO\r\n",
        b"*1\r\n\xff4\r\n",
        b"*1\r\n\x004\r\n",
        b"*1\r\nx",
        b"*1\r\nx\r",
        b"*1\r\n$4\r",
        b"*1\r",
        b"*1\n$4\nECHO\n",
        b"*2\rx$4\rxECHOxx$1\rxyzz",
        b"*1\r\n$4\r\nECHO\r",
        b"*1\r\n$536870912\r\n",
        b"*1\r\n$536870913\r\n",
        b"*1\r\n$16384\r\n",
        b"*1\r\n$16385\r\n",
        b"\n\r\n \t\r\n",
        b"\r\r\n",
        b"ECHO \"a\r\n",
        b"ECHO \"a\"b\r\n",
        b"ECHO 'a\\'b'\r\n",
        b"ECHO \"\\x4a\\xZZ\\n\\q\"\r\n",
        b"ECHO a\0b\r\nECHO a\r\n",
        b"ECHO\x0ba\r\n",
        b"ECHO \x0ba\r\r\n",
        b"\"\" x\n",
        b"*1\r\n$0\r\n\r\n",
    ] {
        streams.push([stream, ECHO].concat());
        streams.push([ECHO, stream].concat());
    }
    // At the limits of a line: the longest that may go on, and one byte more.
    for start in ["ECHO ", "*", "*1\r\n$", "*1\r\nx"] {
        let line_start = start.rfind('\n').map_or(0, |end| end + 1);
        for len in [65536, 65537] {
            let mut stream = start.as_bytes().to_vec();
            stream.resize(line_start + len, b'1');
            streams.push(stream);
        }
    }
    let mut fits = b"ECHO ".to_vec();
    fits.resize(65536, b'x');
    fits.push(b'\n');
    streams.push(fits);
    for len in [16384, 16385, 32767, 32768, 100_000] {
        let head = format!("*2\r\n$4\r\nECHO\r\n${len}\r\n");
        let stream = [head.as_bytes(), &vec![b'x'; len], b"\r\n", ECHO].concat();
        streams.push(stream);
    }
    streams
}

#[test]
fn odd_requests_are_understood_as_by_redis() {
    let redis = Redis::start(true);
    for stream in odd_streams() {
        redis.check(&stream);
    }
}

#[test]
fn what_a_client_may_send_before_it_authenticates_is_as_in_redis() {
    let redis = Redis::start(false);
    // Redis reads 16 KB at a time. When it refuses a longer stream early, its reply can be lost in the reset.
    for stream in odd_streams().iter().filter(|stream| stream.len() < 16384) {
        redis.check(stream);
    }
}

/// Numbers that look random and are the same for the same seed (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % bound
    }

    fn byte(&mut self) -> u8 {
        const TELLING: &[u8] = b"*$\r\n\r\n 0123-+\"\"''\\\\xnaE\t\x0b\0\xff";
        TELLING[self.below(TELLING.len())]
    }

    fn stream(&mut self) -> Vec<u8> {
        let mut stream = Vec::new();
        for _ in 0..=self.below(3) {
            let mut arg = Vec::new();
            for _ in 0..self.below(14) {
                arg.push(self.byte());
            }
            match self.below(2) {
                0 => {
                    let head = format!("*2\r\n$4\r\nECHO\r\n${}\r\n", arg.len());
                    stream.extend([head.as_bytes(), &arg, b"\r\n"].concat());
                }
                _ => stream.extend([b"ECHO ", &arg[..], b"\r\n"].concat()),
            }
        }
        for _ in 0..self.below(4) {
            let at = self.below(stream.len());
            match self.below(3) {
                0 => stream[at] = self.byte(),
                1 => stream.insert(at, self.byte()),
                _ if stream.len() > 1 => drop(stream.remove(at)),
                _ => {}
            }
        }
        stream
    }
}

#[test]
fn damaged_requests_are_understood_as_by_redis() {
    let redis = Redis::start(true);
    for seed in 1..=4000 {
        let stream = Random(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15)).stream();
        redis.check(&stream);
    }
}
