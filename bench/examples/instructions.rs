//! Runs one operation of the pure code many times, for callgrind.sh to count its instructions.
//!
//! `instructions OPERATION COUNT`; without arguments it prints the operations. Everything that happens
//! besides the operation happens as often for a small COUNT as for a large one, so the difference of two runs
//! is the operation's.

use shards::caller::Caller;
use std::hint::black_box;
use std::process::ExitCode;

use shards::args::OwnedArgs;
use shards::command::DataCommand;
use shards::command::registry::Registry;
use shards::commands::FAMILIES;
use shards::key::{DbIndex, OnlyKey};
use shards::reply::Reply;
use shards::shard::look_ahead::ExpectedKey;
use shards::shard::{Call, Shard, ShardConfig};
use shards::slot::{ShardId, SlotId};
use shards::watch::ClientId;
use shoal::protocol::{Argv, NextRequest, QueryBuffer, RequestLimits};

const OPERATIONS: [&str; 5] = ["get", "get-miss", "set", "parse-get", "parse-set"];

/// Keys in the shard, a small part of them in each slot, as in a node.
const KEYS: usize = 10_000;

const LIMITS: RequestLimits = RequestLimits { bulk_bytes_max: 512 << 20, authenticated: true };

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let result = match &words[..] {
        [] => {
            println!("{}", OPERATIONS.join("\n"));
            Ok(())
        }
        [operation, count] => match count.parse() {
            Ok(count) => run(operation, count),
            Err(_) => Err(format!("{count} is not a count")),
        },
        _ => Err("usage: instructions OPERATION COUNT".to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("instructions: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run(operation: &str, count: usize) -> Result<(), String> {
    match operation {
        "get" => execute(&requests("GET", 0, &[]), count, b"$64\r\n"),
        "get-miss" => execute(&requests("GET", KEYS, &[]), count, b"$-1\r\n"),
        "set" => execute(&requests("SET", 0, &["v".repeat(64)]), count, b"+OK\r\n"),
        "parse-get" => parse("*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000042\r\n", count),
        "parse-set" => parse(
            &format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000042\r\n$64\r\n{}\r\n", "v".repeat(64)),
            count,
        ),
        _ => Err(format!("no operation {operation}; there are: {}", OPERATIONS.join(" "))),
    }
}

/// One request for each key from number `first` on.
fn requests(command: &str, first: usize, rest: &[String]) -> Vec<OwnedArgs> {
    let request = |number: usize| {
        let key = format!("key:{number:012}");
        [command, &key].into_iter().chain(rest.iter().map(String::as_str)).collect()
    };
    (first..first + KEYS).map(request).collect()
}

/// Executes `count` of the requests on a shard that holds the keys; each includes the hash slot of its key.
/// The last reply must begin with `expected`.
fn execute(requests: &[OwnedArgs], count: usize, expected: &[u8]) -> Result<(), String> {
    let config = ShardConfig {
        id: ShardId(0),
        databases: 16,
        hash_seeds: [1, 2, 3, 4],
        random_seed: 1,
        string_len_max: LIMITS.bulk_bytes_max as usize,
        registry: Box::leak(Box::new(Registry::new(FAMILIES, &[]))),
    };
    let mut shard = Shard::new(&config);
    shard.set_now(1_700_000_000_000);
    let (mut reply, mut ahead) = (Reply::new(false), Vec::with_capacity(1));
    for request in &self::requests("SET", 0, &["w".repeat(64)]) {
        execute_one(&mut shard, command_named("set")?, request, &mut ahead, &mut reply);
    }
    let command = command_named(&String::from_utf8_lossy(requests[0].as_args().get(0)).to_lowercase())?;
    for request in requests.iter().cycle().take(count) {
        execute_one(&mut shard, command, request, &mut ahead, &mut reply);
    }
    match reply.bytes().starts_with(expected) {
        true => Ok(()),
        false => Err(format!("unexpected reply: {}", String::from_utf8_lossy(reply.bytes()))),
    }
}

fn execute_one(
    shard: &mut Shard,
    command: &'static DataCommand,
    request: &OwnedArgs,
    ahead: &mut Vec<ExpectedKey>,
    reply: &mut Reply,
) {
    reply.clear();
    ahead.clear();
    let args = request.as_args();
    // As a worker does it, which looks at a request before it runs.
    let bytes = args.get(1);
    let key = Some(shard.expect_key(DbIndex(0), OnlyKey::at(1, SlotId::of(bytes)), bytes, ahead));
    shard.execute(Call { command, key, caller: Caller::new(ClientId(1)), args }, reply);
    black_box(reply.bytes());
}

fn command_named(name: &str) -> Result<&'static DataCommand, String> {
    let mut commands = FAMILIES.iter().flat_map(|family| family.iter());
    commands.find(|command| command.spec.name == name).ok_or_else(|| format!("there is no command {name}"))
}

/// Parses `request` `count` times.
fn parse(request: &str, count: usize) -> Result<(), String> {
    let (mut query, mut argv) = (QueryBuffer::default(), Argv::default());
    for _ in 0..count {
        let mut requests = query.receive(black_box(request.as_bytes()), &mut argv);
        while let NextRequest::Request(args) = requests.next(&LIMITS) {
            black_box(args.len());
        }
    }
    Ok(())
}
