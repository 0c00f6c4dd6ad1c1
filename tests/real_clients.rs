//! The clients that people use, against the real binary, with several workers: redis-cli, redis-benchmark,
//! redis-py, RQ and the crate `redis`, in RESP2 and RESP3. Each test asserts what the client got, not only
//! that it ended well. redis-cli and redis-benchmark are those of the PATH; redis-py and RQ are installed by
//! `tests/real_clients/install.sh`.

#[path = "real_clients/program.rs"]
mod program;
#[path = "real_clients/redis_benchmark.rs"]
mod redis_benchmark;
#[path = "real_clients/redis_cli.rs"]
mod redis_cli;
#[path = "real_clients/redis_py.rs"]
mod redis_py;
#[path = "real_clients/rq.rs"]
mod rq;
#[path = "real_clients/rust_redis.rs"]
mod rust_redis;
