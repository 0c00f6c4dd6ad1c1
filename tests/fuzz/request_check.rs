//! What must hold for every stream of bytes that a client can send, however it is cut into packets. Shared by
//! the fuzz target and by the test that runs its corpus.

use shoal::protocol::{Argv, BLOB_GROWTH_BYTES_MIN, NextRequest, ProtocolError, QueryBuffer, RequestLimits};

/// The client has authenticated.
const AUTHENTICATED: u8 = 1;
/// The lengths of the packets are in units of 1 KB.
const BIG_PACKETS: u8 = 2;
/// Big arguments are read straight into their own memory.
const LEND_BLOBS: u8 = 4;
/// The caller stops after each request and goes on later.
const STOP_AFTER_EACH: u8 = 8;

/// What a stream was understood as.
#[derive(Default, Debug, PartialEq)]
struct Outcome {
    requests: Vec<Vec<Vec<u8>>>,
    error: Option<ProtocolError>,
    /// Nothing was left over.
    idle: bool,
}

/// Checks an input of the fuzzer: a byte of flags, three lengths of packets, which take turns, then the
/// stream, in which byte 1 followed by n stands for n KB of filling.
///
/// Requests and errors must not depend on how the stream is cut, nor on how the caller takes them; memory
/// must be bounded by what was sent; nothing may panic.
pub(crate) fn check(input: &[u8]) {
    let [flags, packets @ .., _, _] = &[input, &[0; 6]].concat()[..6] else { unreachable!("six bytes") };
    let stream = expand(input.get(4..).unwrap_or_default());
    let unit = if flags & BIG_PACKETS != 0 { 1024 } else { 1 };
    let mut lens = packets.iter().map(|&len| usize::from(len).max(1) * unit).cycle();

    let whole = run(flags & AUTHENTICATED, &stream, || usize::MAX);
    let cut = run(*flags, &stream, || lens.next().expect("a cycle does not end"));
    assert_eq!(whole, cut);
}

/// Resolves the filling, which lets small inputs reach big arguments and overlong lines.
fn expand(packed: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut rest = packed.iter();
    while let Some(&byte) = rest.next() {
        match byte {
            1 => stream.resize(stream.len() + 1024 * usize::from(*rest.next().unwrap_or(&0)), b'7'),
            _ => stream.push(byte),
        }
    }
    stream
}

/// Lets a connection receive the stream in packets of the lengths that `packet_len` gives.
fn run(flags: u8, stream: &[u8], mut packet_len: impl FnMut() -> usize) -> Outcome {
    let limits = RequestLimits { bulk_bytes_max: 512 << 20, authenticated: flags & AUTHENTICATED != 0 };
    let mut query = QueryBuffer::default();
    let mut argv = Argv::default();
    let mut outcome = Outcome::default();
    let mut at = 0;
    while at < stream.len() && outcome.error.is_none() {
        let packet = &stream[at..][..packet_len().min(stream.len() - at)];
        if flags & LEND_BLOBS != 0
            && let Some(mut loan) = query.lend_blob()
        {
            let read = loan.room.min(packet.len());
            assert!(read > 0 && loan.bytes.capacity() - loan.bytes.len() >= loan.room);
            loan.bytes.extend_from_slice(&packet[..read]);
            query.return_blob(loan);
            at += read;
        } else {
            at += packet.len();
            let mut received = packet;
            while take(&mut query, &mut argv, received, &limits, flags, &mut outcome) {
                received = &[];
            }
        }
        let memory_bytes_max = 8 * at + BLOB_GROWTH_BYTES_MIN + 4096;
        assert!(query.memory_bytes() <= memory_bytes_max, "{} after {at}", query.memory_bytes());
        assert!(query.buffered_bytes() <= at);
        if query.is_idle() {
            assert_eq!(query.memory_bytes(), 0);
        }
    }
    take(&mut query, &mut argv, &[], &limits, 0, &mut outcome);
    outcome.idle = query.is_idle();
    outcome
}

/// Takes requests; true when it stopped early.
fn take(
    query: &mut QueryBuffer,
    argv: &mut Argv,
    received: &[u8],
    limits: &RequestLimits,
    flags: u8,
    outcome: &mut Outcome,
) -> bool {
    let mut requests = query.receive(received, argv);
    loop {
        match requests.next(limits) {
            NextRequest::Request(args) => {
                assert!(args.len() > 0);
                outcome.requests.push(args.iter_from(0).map(<[u8]>::to_vec).collect());
                if flags & STOP_AFTER_EACH != 0 {
                    return true;
                }
            }
            NextRequest::Empty => {}
            NextRequest::Incomplete => return false,
            NextRequest::Error(error) => {
                outcome.error = Some(error);
                return false;
            }
        }
    }
}
