//! Keyspace notifications: for every command exactly the events of redis-server, in its order, for each key on any number
//! of shards.

use std::collections::BTreeMap;

use testkit::{Client, Kind, Server, Value};

use crate::scene::{dialogue, is_oracle, shoal, skip_if, start, with_shards};

const SHARDS: [usize; 3] = [1, 2, 3];
/// All classes, those that `A` leaves out included.
const EVERYTHING: &str = "KEAnm";

/// Commands on an empty server, separated by `|`, that Redis 7.0 knows.
const CASES: &[&str] = &[
    // Strings.
    "SET k 1|SET k 2|GET k|GET missing",
    "SET k 1 EX 100|SET k 2 PX 100000|SET k 3 EXAT 33177117420|SET k 4 PXAT 33177117420000|SET k 5 KEEPTTL|SET k 6",
    "SET k 1 NX|SET k 2 NX|SET k 3 XX|SET other 4 XX|SET k 5 GET|SET other 6 GET|SET new 1 NX EX 10",
    "SET k 1 PXAT 1|GET k|SET k 2 PXAT 1|SET k 3",
    "SETEX k 100 v|PSETEX k 100000 v|SETNX k 1|SETNX other 1|GETSET k 2|GETSET new 1",
    "SET k 1|GETDEL k|GETDEL k",
    "SET k 1|GETEX k|GETEX k EX 100|GETEX k PERSIST|GETEX k PERSIST|GETEX missing|GETEX k PXAT 1|GET k",
    "MSET a 1 b 2 a 3|MGET a b c|MSETNX a 1 x 2|MSETNX x 1 y 2",
    "APPEND k a|APPEND k b|STRLEN k|STRLEN missing|GETRANGE k 0 1|GETRANGE missing 0 1|SUBSTR missing 0 1",
    "SETRANGE k 3 x|SETRANGE k 0 y|SETRANGE k 9 |SETRANGE other 0 ",
    "INCR k|INCRBY k 5|DECR k|DECRBY k 2|INCRBYFLOAT k 1.5|INCR k|INCRBYFLOAT new 2",
    "SET k x|INCR k|LPUSH l a|INCR l|APPEND l x|GET l",
    "SETBIT k 7 1|SETBIT k 7 1|SETBIT k 7 0|GETBIT k 7|GETBIT missing 7|BITCOUNT missing|BITPOS missing 1",
    "BITFIELD k SET u8 0 7|BITFIELD k SET u8 0 7 INCRBY u8 8 1|BITFIELD k GET u8 0|BITFIELD missing GET u8 0",
    "BITFIELD_RO missing GET u8 0|BITFIELD k INCRBY u2 0 1 OVERFLOW FAIL INCRBY u2 0 9",
    "SET a 1|SET b 2|BITOP AND d a b|BITOP NOT d a|BITOP OR d x y|BITOP OR d x y",
    "SET a ohmy|SET b mytext|LCS a b|LCS a missing",
    // Any type.
    "SET a 1|SET b 2|DEL a x b a|UNLINK a|SET a 1|UNLINK a",
    "SET a 1|EXISTS a a x|TOUCH a x|TYPE a|TYPE x|TTL a|TTL x|PTTL x|EXPIRETIME x|PEXPIRETIME a",
    "SET k 1|EXPIRE k 100|PEXPIRE k 100000|EXPIREAT k 33177117420|PEXPIREAT k 33177117420000|PERSIST k|PERSIST k",
    "SET k 1|EXPIRE k 100 NX|EXPIRE k 100 NX|EXPIRE k 10 GT|EXPIRE missing 1|EXPIRE k -1|EXPIRE k 10",
    "SET k 1|EXPIREAT k 1|SET k 1|PEXPIREAT k 1|PERSIST k",
    "SET a 1|RENAME a b|RENAME x y|SET a 2|RENAME a b|RENAME b b|SET a 1|RENAMENX a b|RENAMENX a c",
    "SET a 1 EX 100|SET b 1|RENAME a b|TTL b",
    "SET a 1|COPY a b|COPY a b|COPY a b REPLACE|COPY x y|COPY a a DB 1|COPY a b DB 1 REPLACE",
    "SET a 1|MOVE a 1|SET a 2|MOVE a 1|MOVE x 1|SELECT 1|GET a|GET b|DEL a|SELECT 0",
    "SET a 1|SWAPDB 0 1|SELECT 1|DEL a|SELECT 0|SET b 1|FLUSHDB|SET b 1|FLUSHALL|GET b",
    "SET k 1|OBJECT ENCODING k|OBJECT ENCODING x|OBJECT REFCOUNT x|OBJECT IDLETIME x|RANDOMKEY|KEYS *|SCAN 0|DBSIZE",
    "SET k 1|WATCH k missing|MULTI|GET k|SET k 2|INCR k|DEL k missing|EXEC|MULTI|SET k 1|DISCARD|UNWATCH",
    "SET a 1|SET b 1|MULTI|RENAME a c|MSET b 2 d 3|GET missing|DEL a b c d|EXEC",
    // Lists.
    "LPUSH k a b|RPUSH k c d|LPUSHX k x|RPUSHX k y|LPUSHX missing x|RPUSHX missing y",
    "RPUSH k a b c|LPOP k|RPOP k|LPOP k|LPOP k|RPOP missing",
    "RPUSH k a b c d|LPOP k 2|RPOP k 0|RPOP k 5|LPOP k 0|RPUSH k a|RPOP k 1",
    "RPUSH k a b c|LSET k 0 x|LINSERT k BEFORE x y|LINSERT k AFTER nope z|LINSERT missing AFTER a b|LINDEX k 0",
    "RPUSH k a b a b|LREM k 1 a|LREM k 0 x|LREM k 0 b|LREM k 0 a|LREM missing 0 a",
    "RPUSH k a b c|LTRIM k 0 1|LTRIM k 0 -1|LTRIM k 5 9|LTRIM missing 0 1|LRANGE k 0 -1|LLEN k|LPOS missing a",
    "RPUSH a 1 2 3|LMOVE a b LEFT RIGHT|LMOVE a b RIGHT LEFT|LMOVE a b LEFT LEFT|LMOVE a b LEFT LEFT",
    "RPUSH a 1 2 3|LMOVE a a LEFT RIGHT|LMOVE a a RIGHT RIGHT|RPOPLPUSH a a|RPOPLPUSH a b|RPOPLPUSH missing b",
    "RPUSH a 1|RPOPLPUSH a b|RPUSH a 1|LMOVE a a LEFT LEFT|SET s x|LMOVE a s LEFT LEFT",
    "RPUSH a 1 2 3|RPUSH b 4|LMPOP 3 x a b LEFT|LMPOP 2 a b RIGHT COUNT 9|LMPOP 2 a b RIGHT COUNT 9|LMPOP 2 a b LEFT",
    // Sets.
    "SADD k a b|SADD k a|SADD k c a|SREM k x|SREM k a x|SREM k b c x|SREM k b|SCARD k|SMEMBERS k|SISMEMBER k a",
    "SMISMEMBER missing a|SRANDMEMBER missing|SRANDMEMBER missing 3|SSCAN missing 0|SADD k a|SRANDMEMBER k",
    "SADD k a b c|SPOP k|SPOP k 1|SPOP k 0|SPOP k 7|SPOP k|SPOP k 2|SADD k a|SPOP k",
    "SADD a 1 2|SMOVE a b 1|SMOVE a b 9|SMOVE a b 2|SMOVE a b 2|SADD a 1|SMOVE a b 1|SMOVE b b 1|SMOVE b b 9",
    "SADD a 1 2|SADD b 2 3|SINTER a b|SUNION a x|SDIFF a b|SINTERCARD 2 a b|SINTERCARD 2 a x",
    "SADD a 1 2|SADD b 2 3|SINTERSTORE d a b|SUNIONSTORE d a b|SDIFFSTORE d a b|SDIFFSTORE d a a|SINTERSTORE d a x",
    "SADD a 1|SET d x|SUNIONSTORE d a y|SUNIONSTORE d x y|SUNIONSTORE a a a",
    // Hashes.
    "HSET k f 1|HSET k f 2 g 3|HMSET k h 4|HSETNX k f 1|HSETNX k i 1|HSETNX new i 1|HGET k f|HGET missing f",
    "HINCRBY k f 1|HINCRBY k f 2|HINCRBYFLOAT k f 1.5|HINCRBYFLOAT new f 1|HINCRBY k f 1",
    "HSET k a 1 b 2|HDEL k x|HDEL k a x|HDEL k b x|HDEL k b|HLEN k|HKEYS k|HVALS k|HGETALL k|HEXISTS k a|HMGET k a",
    "HSTRLEN missing a|HRANDFIELD missing|HRANDFIELD missing 2|HSCAN missing 0",
    // Sorted sets.
    "ZADD k 1 a 2 b|ZADD k 1 a|ZADD k 3 a|ZADD k XX 1 x|ZADD k NX 1 a|ZADD k CH 5 a|ZADD k INCR 1 a|ZADD k INCR 0 a",
    "ZADD k XX INCR 1 x|ZADD new INCR 1 x|ZINCRBY k 1 a|ZINCRBY k 0 a|ZADD k GT 0 a|ZADD missing XX 1 a",
    "ZADD k 1 a 2 b 3 c|ZREM k x|ZREM k a x|ZREM k b c x|ZREM k a|ZSCORE k a|ZMSCORE k a|ZCARD k|ZRANK k a|ZREVRANK k a",
    "ZADD k 1 a 2 b 3 c 4 d|ZPOPMIN k|ZPOPMAX k|ZPOPMIN k 0|ZPOPMAX k 5|ZPOPMIN k|ZADD k 1 a|ZPOPMAX k",
    "ZADD a 1 a 2 b 3 c|ZMPOP 2 x a MIN|ZMPOP 2 x a MAX COUNT 1|ZMPOP 2 a x MIN COUNT 9|ZMPOP 2 a x MAX",
    "ZADD k 1 a 2 b 3 c|ZREMRANGEBYSCORE k 5 9|ZREMRANGEBYSCORE k 1 1|ZREMRANGEBYSCORE k 1 9|ZREMRANGEBYSCORE k 1 9",
    "ZADD k 1 a 2 b 3 c|ZREMRANGEBYRANK k 5 9|ZREMRANGEBYRANK k 0 0|ZREMRANGEBYRANK k 0 9",
    "ZADD k 0 a 0 b 0 c|ZREMRANGEBYLEX k [x [y|ZREMRANGEBYLEX k [a [a|ZREMRANGEBYLEX k - +|ZLEXCOUNT k - +",
    "ZADD a 1 a 2 b|ZADD b 1 b|ZUNIONSTORE d 2 a b|ZINTERSTORE d 2 a b|ZDIFFSTORE d 2 a b|ZDIFFSTORE d 2 a a|ZDIFFSTORE d 2 a a",
    "ZADD a 1 a 2 b|ZINTERSTORE d 2 a x|ZUNIONSTORE d 2 x y|ZUNION 2 a x|ZINTER 2 a x|ZDIFF 2 x a|ZINTERCARD 2 a x",
    "ZADD a 1 a 2 b|ZRANGESTORE d a 0 0|ZRANGESTORE d a 5 9|ZRANGESTORE d a 5 9|ZRANGESTORE d x 0 1|ZRANGE x 0 1",
    "ZRANDMEMBER missing|ZSCAN missing 0|ZCOUNT missing 0 1|ZREVRANGE missing 0 1|ZRANGEBYSCORE missing 0 1",
];

/// Commands that Redis 7.0 lacks.
const VALKEY_CASES: &[&str] = &[
    "HSET k a 1 b 2|HEXPIRE k 100 FIELDS 1 a|HEXPIRE k 100 FIELDS 1 x|HPEXPIRE k 100000 FIELDS 2 a b|HPERSIST k FIELDS 1 a",
    "HSET k a 1 b 2|HPERSIST k FIELDS 1 a|HEXPIREAT k 1 FIELDS 1 a|HPEXPIREAT k 1 FIELDS 1 b|HGET k b",
];

/// A server with someone who is told of everything.
struct Watched {
    server: Server,
    client: Client,
    witness: Client,
}

/// A channel and what came by it.
type Told = (String, String);

impl Watched {
    fn new(server: Server) -> Watched {
        let (mut client, mut witness) = (server.client(), server.client());
        assert_eq!(client.cmd(&["CONFIG", "SET", "notify-keyspace-events", EVERYTHING]), Value::ok());
        witness.ask("PSUBSCRIBE __key*__:* end");
        witness.recv();
        Watched { server, client, witness }
    }

    /// Runs the commands of a case on an empty server.
    fn run(&mut self, case: &str) {
        self.client.ask("FLUSHALL");
        for line in case.split('|') {
            self.client.cmd(&line.split(' ').collect::<Vec<_>>());
        }
    }

    fn next(&mut self) -> Told {
        let message = self.witness.recv();
        let parts = message.as_slice().unwrap();
        (parts[2].text(), parts[3].text())
    }

    /// What was told until now, by a server that has one thread for everything.
    fn told(&mut self) -> Vec<Told> {
        assert_eq!(self.client.ask("PUBLISH end end"), Value::Int(1));
        let mut told = Vec::new();
        loop {
            match self.next() {
                (channel, _) if channel == "end" => return told,
                other => told.push(other),
            }
        }
    }
}

/// What was told of each key, in order. Events of keys on several shards may come in any order.
fn of_keys(told: &[Told]) -> BTreeMap<&str, Vec<&Told>> {
    let mut keys: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
    for notice in told {
        let (channel, payload) = notice;
        let (kind, name) = channel.split_once("__:").unwrap();
        keys.entry(if kind.starts_with("__keyspace") { name } else { payload }).or_default().push(notice);
    }
    keys
}

fn compare(cases: &[&str], mut oracle: Watched) {
    let mut expected = Vec::new();
    for case in cases {
        oracle.run(case);
        expected.push(oracle.told());
    }
    with_shards(&SHARDS, |shards| {
        let mut watched = Watched::new(start(shards, ""));
        for (case, expected) in cases.iter().zip(&expected) {
            watched.run(case);
            if shards == 1 {
                assert_eq!(watched.told(), *expected, "{case}");
                continue;
            }
            let told: Vec<Told> = expected.iter().map(|_| watched.next()).collect();
            assert_eq!(of_keys(&told), of_keys(expected), "{case}");
        }
        // Nothing more comes.
        assert_eq!(watched.told(), []);
    });
}

#[test]
fn every_command_tells_what_redis_tells_in_its_order() {
    compare(CASES, Watched::new(Server::builder(Kind::Redis).start()));
}

#[test]
fn times_of_fields_tell_what_valkey_tells() {
    if skip_if(testkit::binary::valkey().is_none(), "Valkey is not installed") {
        return;
    }
    compare(VALKEY_CASES, Watched::new(Server::builder(Kind::Valkey).start()));
}

#[test]
fn only_what_is_asked_for_is_told_and_config_set_changes_it_at_once() {
    with_shards(&SHARDS, |shards| {
        let mut watched = Watched::new(shoal(shards).args(["--notify-keyspace-events", "KEA"]).start());
        let told_of = |watched: &mut Watched, letters: &str| {
            watched.client.cmd(&["CONFIG", "SET", "notify-keyspace-events", letters]);
            watched.run("SET {k}1 1 EX 100|RPUSH {k}2 a|GET {k}3|DEL {k}1 {k}2");
            // Behind all events of the same shard.
            watched.client.cmd(&["CONFIG", "SET", "notify-keyspace-events", "Es"]);
            watched.client.ask("SADD {k}end a");
            let mut told = Vec::new();
            loop {
                match watched.next() {
                    (_, key) if key == "{k}end" => return told.join(" "),
                    (channel, payload) => told.push(format!("{channel}={payload}")),
                }
            }
        };
        for (letters, expected) in [
            ("", ""),
            ("A", ""),
            ("K$", "__keyspace@0__:{k}1=set"),
            ("El", "__keyevent@0__:rpush={k}2"),
            ("Em", "__keyevent@0__:keymiss={k}3"),
            ("Kn", "__keyspace@0__:{k}1=new __keyspace@0__:{k}2=new"),
            ("Eg", "__keyevent@0__:expire={k}1 __keyevent@0__:del={k}1 __keyevent@0__:del={k}2"),
            ("KE", ""),
            ("Ex", ""),
        ] {
            assert_eq!(told_of(&mut watched, letters), expected, "{letters}");
        }
        assert_eq!(watched.server.client().ask("PING"), Value::simple("PONG"));
    });
}

#[test]
fn keys_that_expire_and_keys_that_are_evicted_are_told_once_each() {
    if skip_if(is_oracle(), "redis-server evicts by its own measure of memory") {
        return;
    }
    with_shards(&SHARDS, |shards| {
        let mut watched = Watched::new(start(shards, "--maxmemory-policy allkeys-random"));
        watched.client.cmd(&["CONFIG", "SET", "notify-keyspace-events", "Exe"]);
        for index in 0..100 {
            watched.client.cmd(&["SET", &format!("k{index}"), "v", "PX", "1"]);
        }
        let mut expired: Vec<String> = (0..100)
            .map(|_| {
                let (channel, key) = watched.next();
                assert_eq!(channel, "__keyevent@0__:expired");
                key
            })
            .collect();
        expired.sort_unstable();
        expired.dedup();
        assert_eq!(expired.len(), 100);
        for index in 0..50 {
            watched.client.cmd(&["SET", &format!("k{index}"), "v"]);
        }
        watched.client.ask("CONFIG SET maxmemory 1");
        for _ in 0..50 {
            assert_eq!(watched.next().0, "__keyevent@0__:evicted");
        }
        assert_eq!(watched.client.ask("DBSIZE"), Value::Int(0));
    });
}

#[test]
fn a_client_learns_of_its_own_changes_behind_the_reply() {
    if skip_if(crate::scene::is_redis_70(), "Redis 7.0 tells it before the reply") {
        return;
    }
    with_shards(&[1], |shards| {
        let server = start(shards, "--notify-keyspace-events E$");
        let mut client = server.client_resp3();
        client.ask("SUBSCRIBE __keyevent@0__:set");
        client.send_raw("SET k 1\r\nPING\r\n");
        assert_eq!(client.recv(), Value::ok());
        let parts = ["message", "__keyevent@0__:set", "k"].map(Value::bulk);
        assert_eq!(client.recv(), Value::Push(parts.to_vec()));
        assert_eq!(client.recv(), Value::simple("PONG"));
    });
}

#[test]
fn config_get_shows_the_letters_in_redis_order() {
    with_shards(&[1], |shards| {
        let server = start(shards, "");
        let mut client = server.client();
        dialogue(
            &mut client,
            &[
                ("CONFIG SET notify-keyspace-events mnExK", "OK"),
                ("CONFIG GET notify-keyspace-events", "1) \"notify-keyspace-events\"\n2) \"xnKEm\""),
                (
                    "CONFIG SET notify-keyspace-events q",
                    "(error) ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
                ),
            ],
        );
    });
}
