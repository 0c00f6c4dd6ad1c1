//! What parsing requests costs: single ones, a pipeline of 16, one that comes in two pieces, and an inline
//! one.

use divan::{Bencher, black_box};
use shoal::protocol::{Argv, NextRequest, QueryBuffer, RequestLimits};

const LIMITS: RequestLimits = RequestLimits { bulk_bytes_max: 512 << 20, authenticated: true };

fn main() {
    divan::main();
}

fn encoded(args: &[&str]) -> Vec<u8> {
    let bulks: String = args.iter().map(|arg| format!("${}\r\n{arg}\r\n", arg.len())).collect();
    format!("*{}\r\n{bulks}", args.len()).into_bytes()
}

fn get() -> Vec<u8> {
    encoded(&["GET", "key:000000000042"])
}

fn set() -> Vec<u8> {
    encoded(&["SET", "key:000000000042", &"v".repeat(64)])
}

/// Parses what came in `pieces`, as one connection does; returns the number of arguments.
fn parsed(bencher: Bencher<'_, '_>, pieces: &[&[u8]]) {
    let (mut query, mut argv) = (QueryBuffer::default(), Argv::default());
    bencher.bench_local(|| {
        let mut args = 0;
        for piece in pieces {
            let mut requests = query.receive(black_box(piece), &mut argv);
            while let NextRequest::Request(request) = requests.next(&LIMITS) {
                args += request.len();
            }
        }
        args
    });
}

#[divan::bench]
fn one_get(bencher: Bencher<'_, '_>) {
    parsed(bencher, &[&get()]);
}

#[divan::bench]
fn one_set(bencher: Bencher<'_, '_>) {
    parsed(bencher, &[&set()]);
}

#[divan::bench]
fn pipeline_of_16_sets(bencher: Bencher<'_, '_>) {
    parsed(bencher, &[&set().repeat(16)]);
}

#[divan::bench]
fn set_in_two_pieces(bencher: Bencher<'_, '_>) {
    let set = set();
    let (first, second) = set.split_at(set.len() / 2);
    parsed(bencher, &[first, second]);
}

#[divan::bench]
fn inline_get(bencher: Bencher<'_, '_>) {
    parsed(bencher, &[b"GET key:000000000042\r\n"]);
}
