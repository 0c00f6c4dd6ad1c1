//! Tests of what waits of a connection, however it is cut into packets.

use shards::args::{ArgValue, BLOB_LEN_MIN};

use super::super::request::{BLOB_GROWTH_BYTES_MIN, LINE_BYTES_MAX};
use super::*;

const LIMITS: RequestLimits = RequestLimits { bulk_bytes_max: 512 << 20, authenticated: true };

type Command = Vec<Vec<u8>>;

fn encode(command: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut encoded = format!("*{}\r\n", command.len()).into_bytes();
    for arg in command {
        encoded.extend(format!("${}\r\n", arg.as_ref().len()).into_bytes());
        encoded.extend(arg.as_ref());
        encoded.extend(b"\r\n");
    }
    encoded
}

/// One connection, and what it has sent so far.
#[derive(Default)]
struct Client {
    query: QueryBuffer,
    argv: Argv,
    commands: Vec<Command>,
}

impl Client {
    fn send(&mut self, packet: &[u8]) -> Result<(), ProtocolError> {
        let mut requests = self.query.receive(packet, &mut self.argv);
        loop {
            match requests.next(&LIMITS) {
                NextRequest::Request(args) => {
                    self.commands.push(args.iter_from(0).map(<[u8]>::to_vec).collect());
                }
                NextRequest::Empty => {}
                NextRequest::Incomplete => return Ok(()),
                NextRequest::Error(error) => return Err(error),
            }
        }
    }

    fn blob_bytes(&self) -> usize {
        let partial = self.query.partial.as_ref().expect("a request is unfinished");
        partial.parser.blob.as_ref().expect("a blob is being received").bytes.len()
    }
}

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 27) as usize % bound
    }

    fn command(&mut self) -> Command {
        let argc = 1 + self.below(6);
        (0..argc)
            .map(|_| {
                let len = match self.below(12) {
                    0 => BLOB_LEN_MIN - 2 + self.below(4),
                    1 => self.below(100_000),
                    2 => 0,
                    _ => self.below(80),
                };
                let byte = self.below(256) as u8;
                vec![byte; len]
            })
            .collect()
    }

    fn packet_len(&mut self) -> usize {
        let bound = [2, 10, 100, 5000, 70_000][self.below(5)];
        1 + self.below(bound)
    }
}

#[test]
fn commands_come_out_as_they_went_in_however_they_are_cut() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let commands: Vec<Command> = (0..1 + random.below(8)).map(|_| random.command()).collect();
        let stream: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
        let mut client = Client::default();
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let (packet, after) = rest.split_at(random.packet_len().min(rest.len()));
            client.send(packet).unwrap();
            rest = after;
        }
        assert!(client.commands == commands, "seed {seed}");
        assert!(client.query.is_idle(), "seed {seed}");
        assert_eq!(client.query.memory_bytes(), 0, "seed {seed}");
    }
}

#[test]
fn whole_requests_are_not_copied() {
    let received = encode(&["GET", "key"]).repeat(3);
    let (mut query, mut argv) = (QueryBuffer::default(), Argv::default());
    let mut requests = query.receive(&received, &mut argv);
    for _ in 0..3 {
        let NextRequest::Request(args) = requests.next(&LIMITS) else { panic!("there are three requests") };
        assert!(received.as_ptr_range().contains(&args[1].as_ptr()));
    }
    assert!(matches!(requests.next(&LIMITS), NextRequest::Incomplete));
    drop(requests);
    assert_eq!(query.memory_bytes(), 0);
}

#[test]
fn after_the_unfinished_request_parsing_goes_on_where_bytes_were_received() {
    let pipeline = encode(&["GET", "key"]).repeat(2000);
    let (mut query, mut argv) = (QueryBuffer::default(), Argv::default());
    let (first, second) = pipeline.split_at(10);
    assert!(matches!(query.receive(first, &mut argv).next(&LIMITS), NextRequest::Incomplete));
    let mut requests = query.receive(second, &mut argv);
    let mut in_place = 0;
    while let NextRequest::Request(args) = requests.next(&LIMITS) {
        in_place += usize::from(second.as_ptr_range().contains(&args[1].as_ptr()));
    }
    assert_eq!(in_place, 1999);
}

#[test]
fn what_was_not_taken_is_kept_in_order() {
    let mut client = Client::default();
    let pipeline: Vec<u8> = ["a", "b", "c"].iter().flat_map(|key| encode(&["GET", key])).collect();
    let (first, second) = pipeline.split_at(pipeline.len() - 4);
    let mut requests = client.query.receive(first, &mut client.argv);
    assert!(matches!(requests.next(&LIMITS), NextRequest::Request(args) if &args[1] == b"a"));
    drop(requests);
    assert_eq!(client.query.buffered_bytes(), 2 * pipeline.len() / 3 - 4);
    client.send(second).unwrap();
    assert_eq!(client.commands, [[b"GET".to_vec(), b"b".to_vec()], [b"GET".to_vec(), b"c".to_vec()]]);
    assert_eq!(client.query.memory_bytes(), 0);
}

#[test]
fn stopping_after_the_last_request_leaves_no_memory_behind() {
    let (mut query, mut argv) = (QueryBuffer::default(), Argv::default());
    assert!(matches!(query.receive(b"PI", &mut argv).next(&LIMITS), NextRequest::Incomplete));
    assert!(matches!(query.receive(b"NG\r\n", &mut argv).next(&LIMITS), NextRequest::Request(_)));
    assert!(query.is_idle());
    assert_eq!(query.memory_bytes(), 0);
}

#[test]
fn a_line_has_the_same_limit_however_it_is_cut() {
    for (start, end, error) in [
        ("ECHO ", "\n", ProtocolError::TooBigInlineRequest),
        ("*", "\r\n", ProtocolError::TooBigMultibulkCount),
        ("*1\r\n$", "\r\n", ProtocolError::TooBigBulkCount),
    ] {
        for (len, too_long) in [(LINE_BYTES_MAX, false), (LINE_BYTES_MAX + 1, true)] {
            let mut stream = start.as_bytes().to_vec();
            stream.resize(start.find('$').unwrap_or(0) + len, b'1');
            stream.extend(end.as_bytes());
            for cut in [1, 1000, stream.len()] {
                let mut client = Client::default();
                let outcome = stream.chunks(cut).try_for_each(|packet| client.send(packet));
                assert_eq!(outcome == Err(error), too_long, "{start:?} {len} in packets of {cut}");
            }
        }
    }
}

#[test]
fn bytes_dropped_without_a_look_are_kept() {
    let command = [&b"SET"[..], b"key", &[b'v'; 50_000], b"EX", b"10"];
    for looked_at in [0, 10, 1000] {
        let mut client = Client::default();
        let stream = encode(&command);
        let (first, rest) = stream.split_at(looked_at);
        client.send(first).unwrap();
        for packet in rest.chunks(20_000) {
            drop(client.query.receive(packet, &mut client.argv));
        }
        client.send(b"").unwrap();
        assert!(client.commands == [command], "looked at {looked_at}");
    }
}

#[test]
fn arguments_that_were_parsed_are_not_looked_at_again() {
    let mut client = Client::default();
    client.send(b"*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1").unwrap();
    client.query.bytes[..5].fill(b'!');
    client.send(b"\r\nb\r\n").unwrap();
    assert_eq!(client.commands, [[&b"MGET"[..], b"a", b"b"]]);
}

#[test]
fn limits_may_change_between_two_requests() {
    let long = encode(&[&b"ECHO"[..], &[b'x'; 20_000]]);
    let received = [encode(&["AUTH", "secret"]), long.clone(), long].concat();
    let (mut query, mut argv) = (QueryBuffer::default(), Argv::default());
    let anonymous = RequestLimits { authenticated: false, ..LIMITS };
    let mut requests = query.receive(&received, &mut argv);
    assert!(matches!(requests.next(&anonymous), NextRequest::Request(_)));
    assert!(matches!(requests.next(&LIMITS), NextRequest::Request(_)));
    assert!(matches!(
        requests.next(&anonymous),
        NextRequest::Error(ProtocolError::UnauthenticatedBulkLength)
    ));
}

#[test]
fn an_error_comes_after_the_requests_before_it_and_stays() {
    let (mut query, mut argv) = (QueryBuffer::default(), Argv::default());
    let mut requests = query.receive(b"PING\r\n*1\r\n!\r\nPING\r\n", &mut argv);
    assert!(matches!(requests.next(&LIMITS), NextRequest::Request(_)));
    for _ in 0..2 {
        assert!(matches!(requests.next(&LIMITS), NextRequest::Error(ProtocolError::ExpectedDollar(b'!'))));
    }
    drop(requests);
    assert_eq!(query.memory_bytes(), 0);
    assert_eq!(
        ProtocolError::ExpectedDollar(0xff).reply(),
        b"-ERR Protocol error: expected '$', got '\xff'\r\n"
    );
}

#[test]
fn an_announced_length_takes_no_memory_until_bytes_come() {
    let mut client = Client::default();
    client.send(b"*2147483647\r\n$4\r\nECHO\r\n$536870912\r\n").unwrap();
    assert!(client.query.memory_bytes() < BLOB_GROWTH_BYTES_MIN + 1000);
    for round in 1..=64 {
        client.send(&[b'x'; 100_000]).unwrap();
        assert_eq!(client.blob_bytes(), round * 100_000);
        assert!(client.query.memory_bytes() < 2 * round * 100_000 + BLOB_GROWTH_BYTES_MIN + 1000);
    }
    assert!(client.query.buffered_bytes() < 64 * 100_000 + 100);
    assert_eq!(client.query.blob_missing_bytes(), 536_870_912 - 64 * 100_000);
}

#[test]
fn what_counts_against_the_limit_is_the_argument_that_is_not_complete() {
    let mut client = Client::default();
    let small = encode(&[&b"DEL"[..]; 50_000]);
    for packet in small[..small.len() - 1].chunks(10_000) {
        client.send(packet).unwrap();
        assert!(client.query.buffered_bytes() < 20, "{} bytes", client.query.buffered_bytes());
    }
    client.send(&small[small.len() - 1..]).unwrap();
    assert_eq!(client.commands.pop().map(|command| command.len()), Some(50_000));

    client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n").unwrap();
    client.send(&[b'v'; 99_000]).unwrap();
    assert_eq!(client.query.buffered_bytes(), 99_000);
    assert!(!client.query.completes_over(999, 1), "it is not complete");
    assert!(client.query.completes_over(1000, 100_001) && !client.query.completes_over(1000, 100_002));
}

#[test]
fn a_big_argument_is_a_blob_that_outlives_the_request() {
    let stream = encode(&[&b"SET"[..], b"key", &[b'v'; BLOB_LEN_MIN], &[b'w'; BLOB_LEN_MIN - 1]]);
    for cut in [stream.len(), BLOB_LEN_MIN / 2] {
        let (mut query, mut argv) = (QueryBuffer::default(), Argv::default());
        let mut kept = None;
        for packet in stream.chunks(cut) {
            if let NextRequest::Request(args) = query.receive(packet, &mut argv).next(&LIMITS) {
                let ArgValue::Blob(blob) = args.value(2) else { panic!("long enough for a blob") };
                assert!(matches!(args.value(3), ArgValue::Bytes(_)));
                kept = Some(blob.clone());
            }
        }
        let mut blob = kept.expect("the request is complete");
        assert_eq!(std::sync::Arc::get_mut(&mut blob).expect("nobody else holds it").len(), BLOB_LEN_MIN);
    }
}

#[test]
fn a_lent_blob_is_filled_without_a_copy() {
    let mut client = Client::default();
    client.send(b"*2\r\n$4\r\nECHO\r\n$3000000\r\nabc").unwrap();
    let mut missing = 3_000_000 - 3;
    while let Some(mut loan) = client.query.lend_blob() {
        assert!(client.query.lend_blob().is_none());
        assert!(loan.room > 0 && loan.room <= missing);
        let (place, capacity) = (loan.bytes.as_ptr(), loan.bytes.capacity());
        loan.bytes.resize(loan.bytes.len() + loan.room, b'x');
        assert_eq!((loan.bytes.as_ptr(), loan.bytes.capacity()), (place, capacity));
        missing -= loan.room;
        client.query.return_blob(loan);
        assert_eq!(client.query.blob_missing_bytes(), missing);
    }
    assert_eq!(missing, 0);
    client.send(b"\r\nPING\r\n").unwrap();
    assert_eq!(client.commands[0][1].len(), 3_000_000);
    assert_eq!(&client.commands[0][1][..4], b"abcx");
    assert_eq!(client.commands[1], [b"PING"]);
}

#[test]
#[should_panic(expected = "the lent blob comes back")]
fn nothing_is_received_while_a_blob_is_lent() {
    let mut client = Client::default();
    client.send(b"*1\r\n$50000\r\n").unwrap();
    let _loan = client.query.lend_blob();
    let _ = client.send(b"x");
}

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<QueryBuffer>() <= 64);
}
