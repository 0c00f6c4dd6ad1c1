//! What writing a reply costs: the encodings that GET, INCR, MGET and an error need. Knows no command.

use divan::{Bencher, black_box};
use shards::error::CommandError;
use shards::reply::Reply;

fn main() {
    divan::main();
}

/// Writes into one buffer over and over, as a connection does.
fn written(bencher: Bencher<'_, '_>, write: impl Fn(&mut Reply)) {
    let mut reply = Reply::new(false);
    bencher.bench_local(|| {
        reply.clear();
        write(&mut reply);
        black_box(reply.bytes().len())
    });
}

#[divan::bench(args = [0, 64, 1024, 16 * 1024])]
fn bulk(bencher: Bencher<'_, '_>, len: usize) {
    let value = vec![b'v'; len];
    written(bencher, |reply| reply.bulk(black_box(&value)));
}

#[divan::bench(args = [1, 1_234_567, i64::MIN])]
fn int(bencher: Bencher<'_, '_>, value: i64) {
    written(bencher, |reply| reply.int(black_box(value)));
}

#[divan::bench]
fn null(bencher: Bencher<'_, '_>) {
    written(bencher, Reply::null);
}

#[divan::bench]
fn array_of_ten_bulks(bencher: Bencher<'_, '_>) {
    let value = [b'v'; 64];
    written(bencher, |reply| {
        reply.array(10);
        for _ in 0..10 {
            reply.bulk(black_box(&value));
        }
    });
}

#[divan::bench]
fn error(bencher: Bencher<'_, '_>) {
    written(bencher, |reply| reply.error(black_box(&CommandError::WrongType)));
}
