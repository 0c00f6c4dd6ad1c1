//! What must hold for RESTORE: whatever stands under a right checksum is refused or becomes a value that
//! every command of its type can read and change. Shared by the fuzz target and by the test that runs its
//! corpus.

use shards::args::OwnedArgs;
use shards::caller::Caller;
use shards::command::registry::Registry;
use shards::commands::FAMILIES;
use shards::key::{DbIndex, OnlyKey};
use shards::rdb::dump;
use shards::rdb::version::WriteVersion;
use shards::reply::Reply;
use shards::shard::{Call, Shard, ShardConfig};
use shards::slot::{ShardId, SlotId};
use shards::watch::ClientId;
use std::sync::LazyLock;

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::new(FAMILIES, &[]));

/// Commands on the key `x`, whatever its type is.
const LINES: [&str; 25] = [
    "TYPE x",
    "OBJECT ENCODING x",
    "GET x",
    "APPEND x 1",
    "LRANGE x 0 -1",
    "LPUSH x a",
    "LPOP x",
    "SMEMBERS x",
    "SADD x b 7",
    "SPOP x",
    "ZRANGE x 0 -1 WITHSCORES",
    "ZADD x 4 z",
    "ZRANK x a",
    "HGETALL x",
    "HSET x f 2",
    "HTTL x FIELDS 1 g",
    "XRANGE x - +",
    "XREVRANGE x + -",
    "XADD x * f v",
    "XINFO STREAM x FULL",
    "XPENDING x g",
    "XAUTOCLAIM x g carol 0 0",
    "XTRIM x MAXLEN 1",
    "DUMP x",
    "DEL x",
];

/// Checks an input of the fuzzer: a byte that chooses the version, then what stands before the footer.
pub(crate) fn check(input: &[u8]) {
    let Some((&choice, body)) = input.split_first() else { return };
    let versions = WriteVersion::ALL;
    let mut payload = body.to_vec();
    dump::seal(&mut payload, versions[usize::from(choice) % versions.len()]);
    let mut shard = Shard::new(&ShardConfig {
        id: ShardId(0),
        databases: 1,
        hash_seeds: [1, 2, 3, 4],
        random_seed: 5,
        string_len_max: 512 << 20,
        registry: &REGISTRY,
    });
    shard.set_now(1_700_000_000_000);
    let reply = run(&mut shard, &[b"RESTORE", b"x", b"0", &payload]);
    if reply.bytes().starts_with(b"+") {
        for line in LINES {
            run(&mut shard, &line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
        }
    }
}

fn run(shard: &mut Shard, words: &[&[u8]]) -> Reply {
    let args: OwnedArgs = words.iter().copied().collect();
    let entry = shard.command(args.as_args()).expect("the commands are there");
    let shards::command::registry::Command::Data(command) = entry.command else {
        unreachable!("there are no others")
    };
    let key_at = entry.spec().single_key().unwrap_or(1);
    let key = Some(OnlyKey::at(key_at, SlotId::of(b"x")));
    let caller = Caller { db: DbIndex(0), ..Caller::new(ClientId(1)) };
    let mut reply = Reply::new(false);
    shard.execute(Call { command, key, caller, args: args.as_args() }, &mut reply);
    reply
}
