//! Keyspace notifications: for every command exactly the events of redis-server, in its order, for each key
//! on any number of shards.

use std::collections::BTreeMap;

use testkit::{Client, Kind, Server, Value};

use crate::scene::{dialogue, eventually, is_oracle, is_redis_70, shoal, skip_if, start, with_shards};

const SHARDS: [usize; 3] = [1, 2, 3];
/// All classes, those that `A` leaves out included.
const EVERYTHING: &str = "KEAnm";

/// Commands on an empty server, separated by `|`, that Redis 7.0 knows. One that begins with `@` is another
/// client's, which waits in it until a later command serves it.
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
    // Sorted lists, sets and sorted sets.
    "RPUSH l 3 1 2|SORT l|SORT_RO l|SORT missing|SORT_RO missing|SORT l STORE d|SORT l STORE d|SORT l STORE l",
    "RPUSH l 3 1 2|SORT l LIMIT 5 5 STORE d|SORT l STORE d|SORT l LIMIT 5 5 STORE d|SORT missing STORE d|SORT missing STORE l",
    "RPUSH l 3 1 2|SET d v|SORT l STORE d|SET d v|SORT missing STORE d|SET s v|SORT s|SORT s STORE d|SORT l ALPHA STORE s",
    "RPUSH l 3 1 2|SET w_1 3|SORT l BY w_* GET g_* GET #|SORT l BY w_* GET g_* STORE d|SORT l BY nosort GET h_*->f",
    "SADD s 2 1|SORT s STORE d|EXPIRE d 100|SORT s BY nosort STORE d|ZADD z 2 a 1 b|SORT z BY nosort DESC STORE d",
    // HyperLogLogs.
    "PFADD h a b|PFADD h a|PFADD h c|PFADD empty|PFADD empty|PFADD h|PFCOUNT h|PFCOUNT h|PFADD h d|PFCOUNT h",
    "PFADD h a|PFCOUNT missing|PFCOUNT h missing empty|PFADD h b|PFCOUNT h h|PFDEBUG TODENSE h|PFDEBUG ENCODING h|PFCOUNT h",
    "PFADD a x|PFADD b y|PFMERGE d a b|PFMERGE d a b|PFMERGE d missing|PFMERGE new missing|PFMERGE other|PFMERGE a",
    "SET k v|PFADD k a|PFCOUNT k|PFADD a x|PFMERGE k a|PFMERGE d k|PFCOUNT a k|EXPIRE a 100|PFADD a y|PEXPIREAT a 1|PFADD a z",
    // Places.
    "GEOADD g 13.36 38.11 P|GEOADD g 15.08 37.50 C|GEOADD g 15.08 37.50 C|GEOADD g 15.1 37.5 C|GEOADD g NX 15.2 37.5 C",
    "GEOADD g 13.36 38.11 P|GEOADD g XX 15.2 37.5 X|GEOADD missing XX 1 1 a|GEOADD g CH 1 1 P 2 2 new|SET k v|GEOADD k 1 1 a",
    "GEOADD g 13.36 38.11 P|GEOPOS g P x|GEOPOS missing P|GEODIST g P C|GEODIST missing P C|GEOHASH g P|GEOHASH missing P",
    "GEORADIUS missing 15 37 200 km|GEORADIUS_RO missing 15 37 200 km|GEORADIUSBYMEMBER missing P 200 km",
    "GEORADIUSBYMEMBER_RO missing P 1 km|GEOSEARCH missing FROMLONLAT 15 37 BYRADIUS 1 m|GEOSEARCH missing FROMMEMBER x BYRADIUS 1 m",
    "GEOADD g 13.36 38.11 P|GEORADIUS g 15 37 200 km STORE d|GEORADIUS g 15 37 200 km STORE d|GEORADIUS g 15 37 1 m STORE d",
    "GEOADD g 13.36 38.11 P|GEORADIUS g 15 37 1 m STORE d|GEORADIUSBYMEMBER g P 200 km STOREDIST d|GEORADIUS missing 1 1 1 m STORE d",
    "GEOADD g 13.36 38.11 P|GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 200 km|GEOSEARCHSTORE d g FROMMEMBER P BYBOX 9 9 km STOREDIST",
    "GEOADD g 13.36 38.11 P|SET d v|GEOSEARCHSTORE d g FROMMEMBER P BYBOX 9 9 km|GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 1 m",
    "GEOADD g 13.36 38.11 P 1 1 x|GEOSEARCHSTORE d missing FROMLONLAT 1 1 BYRADIUS 1 m|GEOSEARCHSTORE g g FROMMEMBER P BYRADIUS 1 km",
    // Streams. They stay when they are empty.
    "XADD s 1-1 a 1|XADD s 2-1 a 1|XADD missing NOMKSTREAM 1-1 a 1|XADD s 2-1 a 1|XADD s 0-0 a 1|SET k v|XADD k 1-1 a 1",
    "XADD s 1-1 a 1|XADD s MAXLEN 2 2-1 a 1|XADD s MAXLEN 2 3-1 a 1|XADD s MINID 9 4-1 a 1|XADD s MAXLEN 0 5-1 a 1",
    "XADD a MAXLEN 0 1-1 a 1|XADD b MINID 9 1-1 a 1|XADD c MAXLEN ~ 0 1-1 a 1|XADD c MAXLEN ~ 5 2-1 a 1",
    "XADD s 1-1 a 1|XADD s 2-1 a 1|XTRIM s MAXLEN 5|XTRIM s MINID 2-1|XTRIM s MAXLEN 0|XTRIM s MAXLEN 0|XTRIM missing MAXLEN 0",
    "XADD s 1-1 a 1|XADD s 2-1 a 1|XDEL s 5-5|XDEL s 1-1 1-1|XDEL s 1-1 2-1|XDEL s 2-1|XDEL missing 1-1|XADD s 3-1 a 1|DEL s",
    "XADD s 1-1 a 1|XSETID s 5-0|XSETID s 5-0 ENTRIESADDED 9 MAXDELETEDID 2-0|XSETID s 0-1|XSETID missing 5-0",
    "XGROUP CREATE s g 0|XGROUP CREATE s g $ MKSTREAM|XGROUP CREATE s g 0|XGROUP CREATE s h 0|XGROUP SETID s g 0|XGROUP SETID s x 0",
    "XGROUP CREATE s g 0 MKSTREAM|XGROUP CREATECONSUMER s g c|XGROUP CREATECONSUMER s g c|XGROUP CREATECONSUMER s x c",
    "XGROUP CREATE s g 0 MKSTREAM|XGROUP CREATECONSUMER s g c|XGROUP DELCONSUMER s g c|XGROUP DELCONSUMER s g c|XGROUP DESTROY s g",
    "XADD s 1-1 a 1|XGROUP DESTROY s g|XGROUP DESTROY missing g|XGROUP SETID missing g 0|XGROUP DELCONSUMER missing g c",
    "XADD s 1-1 a 1|XADD s 2-1 a 1|XGROUP CREATE s g 0|XREADGROUP GROUP g c COUNT 1 STREAMS s >|XREADGROUP GROUP g c STREAMS s >",
    "XADD s 1-1 a 1|XGROUP CREATE s g 0|XREADGROUP GROUP g c STREAMS s >|XREADGROUP GROUP g c STREAMS s 0|XACK s g 1-1|XACK s g 1-1",
    "XADD s 1-1 a 1|XGROUP CREATE s g 0|XREADGROUP GROUP g c NOACK STREAMS s >|XREADGROUP GROUP g d STREAMS s 0|XACK s x 1-1",
    "XADD {x}s 1-1 a 1|XADD {x}t 1-1 a 1|XGROUP CREATE {x}s g 0|XGROUP CREATE {x}t g 0|XREADGROUP GROUP g c STREAMS {x}s {x}t > >",
    "XADD s 1-1 a 1|XREADGROUP GROUP g c STREAMS s >|XREADGROUP GROUP g c STREAMS missing >|XREADGROUP GROUP g c STREAMS s missing > >",
    "XADD s 1-1 a 1|XGROUP CREATE s g 0|XREADGROUP GROUP g c STREAMS s >|XCLAIM s g d 0 1-1|XCLAIM s g d 0 1-1|XCLAIM s g c 0 1-1 LASTID 7-7",
    "XADD s 1-1 a 1|XGROUP CREATE s g 0|XREADGROUP GROUP g c STREAMS s >|XDEL s 1-1|XCLAIM s g c 0 1-1|XCLAIM missing g d 0 1-1",
    "XADD s 1-1 a 1|XGROUP CREATE s g 0|XREADGROUP GROUP g c STREAMS s >|XAUTOCLAIM s g d 0 0|XAUTOCLAIM s g d 0 0 JUSTID",
    "XADD s 1-1 a 1|XGROUP CREATE s g 0|XREADGROUP GROUP g c STREAMS s >|XDEL s 1-1|XAUTOCLAIM s g c 0 0|XAUTOCLAIM missing g d 0 0",
    "XREAD STREAMS missing 0|XREAD STREAMS missing $|XLEN missing|XRANGE missing - +|XREVRANGE missing + -|XACK missing g 1-1",
    "XPENDING missing g|XPENDING missing g - + 1|XINFO STREAM missing|XINFO GROUPS missing|XINFO CONSUMERS missing g",
    "XADD s 1-1 a 1|XREAD STREAMS s 0|XREAD STREAMS s $|XREAD STREAMS s missing 0 0|XREAD BLOCK 1 STREAMS s missing $ $|XLEN s|XPENDING s g",
    "XADD s 1-1 a 1|EXPIRE s 100|XADD s 2-1 a 1|COPY s t|RENAME s u|XDEL u 1-1 2-1|PEXPIREAT u 1|XADD u MAXLEN 1 9-9 a 1",
    "MULTI|XADD s 1-1 a 1|XADD s MAXLEN 1 2-1 a 1|XGROUP CREATE s g 0|XREADGROUP GROUP g c STREAMS s >|XREAD STREAMS missing 0|EXEC",
    // Commands that may wait and need not, or wait in vain.
    "RPUSH l a b|BLPOP l 0|BLPOP l 0|BLPOP missing 0.01|BRPOP missing l 0.01|RPUSH l a|BLPOP missing l 0|RPUSH l a|BRPOP x l 0",
    "RPUSH a 1 2 3|BLMOVE a b LEFT RIGHT 0|BLMOVE a a LEFT RIGHT 0|BRPOPLPUSH a b 0|BRPOPLPUSH missing b 0.01|BLMOVE x b LEFT LEFT 0.01",
    "RPUSH a 1 2 3|BLMPOP 0 2 missing a LEFT|BLMPOP 0 2 a missing RIGHT COUNT 9|BLMPOP 0.01 2 missing a RIGHT|SET k v|BLPOP k 0",
    "ZADD z 1 a 2 b 3 c|BZPOPMIN z 0|BZPOPMAX z 0|BZPOPMIN missing z 0|BZPOPMIN missing 0.01|BZPOPMAX z 0.01",
    "ZADD z 1 a 2 b|BZMPOP 0 2 missing z MIN|BZMPOP 0 2 z missing MAX COUNT 5|BZMPOP 0.01 2 z missing MAX",
    "RPUSH l a|MULTI|BLPOP l 0|BLPOP l 0|BLMOVE l m LEFT LEFT 0|BZPOPMIN z 0|XREAD BLOCK 0 STREAMS s $|EXEC",
    // Commands that wait until they are served.
    "@BLPOP l 0|RPUSH l a",
    "@BLPOP l 0|RPUSH l a b",
    "@BRPOP l 0|LPUSH l a",
    "@BLPOP x l 0|LPUSH l a b|LPUSH x a",
    "@BLPOP l 0|@BLPOP l 0|RPUSH l a b c",
    "@BLPOP l 0|MULTI|RPUSH l a|DEL l|RPUSH l b|EXEC",
    "@BLPOP l 0|MULTI|RPUSH l a|SET k 1|EXEC",
    "@BLMOVE a b LEFT RIGHT 0|RPUSH a 1",
    "@BLMOVE a b LEFT RIGHT 0|RPUSH b 1|RPUSH a 1 2",
    "@BLMOVE a a LEFT RIGHT 0|RPUSH a 1 2",
    "@BLMOVE a b LEFT RIGHT 0|@BLPOP b 0|RPUSH a 1",
    "@BRPOPLPUSH a b 0|RPUSH a 1",
    "@BRPOPLPUSH a b 0|SET b x|RPUSH a 1",
    "@BLMPOP 0 2 a b LEFT COUNT 2|RPUSH b 1 2 3",
    "@BLMPOP 0 2 a b RIGHT COUNT 9|RPUSH b 1 2 3",
    "@BZPOPMIN z 0|ZADD z 1 a",
    "@BZPOPMIN z 0|ZADD z 1 a 2 b",
    "@BZPOPMAX y z 0|ZADD z 1 a 2 b",
    "@BZMPOP 0 2 y z MIN COUNT 2|ZADD z 1 a 2 b 3 c",
    "@BZMPOP 0 2 y z MAX COUNT 9|ZADD z 1 a 2 b 3 c",
    "@BZPOPMIN z 0|ZADD a 1 x|ZUNIONSTORE z 1 a",
    "@BZPOPMIN z 0|ZADD a 1 x|ZRANGESTORE z a 0 -1",
    "@BZPOPMIN z 0|GEOADD z 1 1 a",
    "@BLPOP l 0|RPUSH m a|RENAME m l",
    "@BLPOP l 0|RPUSH m a|COPY m l",
    "@BLPOP l 0|RPUSH m 1|SORT m STORE l",
    "@BLPOP l 0|RPUSH m a|LMOVE m l LEFT LEFT",
    "@BLPOP l 0|RPUSH m a|RPOPLPUSH m l",
    "@XREAD BLOCK 0 STREAMS s $|XADD s 1-1 a 1",
    "XGROUP CREATE s g $ MKSTREAM|XGROUP CREATECONSUMER s g c|@XREADGROUP GROUP g c BLOCK 0 STREAMS s >|XADD s 1-1 a 1",
];

/// What Redis 7.0 lacks or does otherwise than 7.2.
const VALKEY_CASES: &[&str] = &[
    "HSET k a 1 b 2|HEXPIRE k 100 FIELDS 1 a|HEXPIRE k 100 FIELDS 1 x|HPEXPIRE k 100000 FIELDS 2 a b|HPERSIST k FIELDS 1 a",
    "HSET k a 1 b 2|HPERSIST k FIELDS 1 a|HEXPIREAT k 1 FIELDS 1 a|HPEXPIREAT k 1 FIELDS 1 b|HGET k b",
    "HSET h a 1 b 2|HEXPIREAT h 1 FIELDS 2 a b|HSET h a 1|HEXPIRE h 0 FIELDS 1 x|HEXPIRE h 0 FIELDS 2 a x",
    "HSET h a 1 b 2|HEXPIRE h 100 FIELDS 1 a|HEXPIRE h 100 NX FIELDS 1 a|HEXPIRE h 10 GT FIELDS 1 a|HPERSIST h FIELDS 2 a b",
    "HSET h a 1 b 2|HEXPIRE h 100 FIELDS 1 a|HSET h a 2|HINCRBY h b 1|HINCRBYFLOAT h b 1|HSETNX h c 1|HDEL h a b c",
    "HTTL missing FIELDS 1 a|HEXPIRETIME missing FIELDS 1 a|HPERSIST missing FIELDS 1 a|HEXPIRE missing 1 FIELDS 1 a",
    "HSETEX h FIELDS 1 a 1|HSETEX h FIELDS 1 a 1|HSETEX h EX 100 FIELDS 2 a 2 b 3|HSETEX h KEEPTTL FIELDS 1 a 4",
    "HSETEX h FXX FIELDS 1 a 1|HSETEX h XX FIELDS 1 a 1|HSETEX h NX FIELDS 1 a 1|HSETEX h FNX EX 9 FIELDS 1 a 4|HSETEX h FXX FIELDS 1 a 2",
    "HSETEX h EX 100 FIELDS 1 a 1|HSETEX h PXAT 1 FIELDS 1 x 1|HSETEX h PXAT 1 FIELDS 1 a 1|HSETEX h PXAT 1 FIELDS 2 a 1 b 2",
    "HSET h a 1 b 2|HGETEX h FIELDS 1 a|HGETEX h EX 100 FIELDS 2 a x|HGETEX h EX 100 FIELDS 1 x|HGETEX h PERSIST FIELDS 2 a b",
    "HSET h a 1 b 2 c 3|HGETEX h PXAT 1 FIELDS 1 a|HGETEX h PXAT 1 FIELDS 1 x|HGETEX h EX 0 FIELDS 2 b c|HGETEX h FIELDS 1 b",
    "HGETEX missing EX 1 FIELDS 1 a|HGETEX missing PERSIST FIELDS 1 a|HGETEX missing PXAT 1 FIELDS 1 a|HGETDEL missing FIELDS 1 a",
    "HSET h a 1 b 2 c 3|HGETDEL h FIELDS 1 a|HGETDEL h FIELDS 1 a|HGETDEL h FIELDS 3 a b c|HGETDEL h FIELDS 1 a",
    "HSET h a 1|MULTI|HSETEX h EX 10 FIELDS 1 a 1|HGETEX h PERSIST FIELDS 1 a|HGETDEL h FIELDS 1 a|EXEC",
    "HSET h a 1|HEXPIRE h 100 FIELDS 1 a|COPY h i|RENAME h j|HTTL j FIELDS 1 a|DEL i j",
    // A consumer is there as soon as it has asked.
    "XADD s 1-1 a 1|XGROUP CREATE s g $|XREADGROUP GROUP g c STREAMS s >|XREADGROUP GROUP g d NOACK STREAMS s >|XREADGROUP GROUP g c STREAMS s >",
    "XADD s 1-1 a 1|XGROUP CREATE s g 0|XCLAIM s g c 100000 1-1|XCLAIM s g d 0 9-9|XCLAIM s g e 0 9-9 FORCE|XAUTOCLAIM s g f 100000 0",
    "XGROUP CREATE s g $ MKSTREAM|@XREADGROUP GROUP g c BLOCK 0 STREAMS s >|XADD s 1-1 a 1",
    "XGROUP CREATE s g $ MKSTREAM|@XREADGROUP GROUP g c NOACK BLOCK 0 STREAMS s >|XADD s 1-1 a 1",
    "XGROUP CREATE s g $ MKSTREAM|@XREADGROUP GROUP g c BLOCK 0 STREAMS s >|DEL s",
    "XGROUP CREATE s g $ MKSTREAM|@XREADGROUP GROUP g c BLOCK 0 STREAMS s >|XGROUP DESTROY s g",
    // Whoever waits looks again.
    "@XREAD BLOCK 0 STREAMS s t $ $|XADD t MAXLEN 0 1-1 a 1|XADD t 2-1 a 1",
    "@XREAD BLOCK 0 STREAMS s $|XADD s MAXLEN 0 2-1 a 1|XADD s 3-1 a 1",
];

/// A server with someone who is told of everything.
struct Watched {
    server: Server,
    client: Client,
    witness: Client,
    /// Ends what the witness is told, and is never in a transaction.
    publisher: Client,
    /// Clients in blocking commands.
    waiting: Vec<Client>,
}

/// A channel and what came by it.
type Told = (String, String);

impl Watched {
    fn new(server: Server) -> Watched {
        let [mut client, mut witness, publisher] = [(); 3].map(|()| server.client());
        assert_eq!(client.cmd(&["CONFIG", "SET", "notify-keyspace-events", EVERYTHING]), Value::ok());
        witness.ask("PSUBSCRIBE __key*__:* end");
        witness.recv();
        Watched { server, client, witness, publisher, waiting: Vec::new() }
    }

    /// Runs one command, or lets somebody else wait in it.
    fn run(&mut self, line: &str) {
        let Some(line) = line.strip_prefix('@') else {
            self.client.cmd(&line.split(' ').collect::<Vec<_>>());
            return;
        };
        let mut waiter = self.server.client();
        waiter.send_raw(format!("{line}\r\n"));
        self.waiting.push(waiter);
        let blocked = format!("blocked_clients:{}\r\n", self.waiting.len());
        eventually(&blocked, || self.client.ask("INFO clients").text().contains(&blocked));
    }

    /// Runs the commands of a case on an empty server, and `look` after each.
    fn run_all(&mut self, case: &str, mut look: impl FnMut(&mut Watched)) {
        self.client.ask("FLUSHALL");
        for line in case.split('|') {
            self.run(line);
            look(self);
        }
        for mut waiter in self.waiting.drain(..) {
            waiter.recv();
        }
    }

    fn next(&mut self) -> Told {
        let message = self.witness.recv();
        let parts = message.as_slice().unwrap();
        (parts[2].text(), parts[3].text())
    }

    /// What was told until now, by a server that has one thread for everything.
    fn told(&mut self) -> Vec<Told> {
        assert_eq!(self.publisher.ask("PUBLISH end end"), Value::Int(1));
        let mut told = Vec::new();
        loop {
            match self.next() {
                (channel, _) if channel == "end" => return told,
                other => told.push(other),
            }
        }
    }
}

/// What was told of each key, in order.
fn of_keys(told: &[Told]) -> BTreeMap<&str, Vec<&Told>> {
    let mut keys: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
    for notice in told {
        let (channel, payload) = notice;
        let (kind, name) = channel.split_once("__:").unwrap();
        keys.entry(if kind.starts_with("__keyspace") { name } else { payload }).or_default().push(notice);
    }
    keys
}

/// Compares what is told after each command: of each key the same in the same order, wherever it lies and
/// whoever has changed it. What comes of keys on different shards may overtake each other.
fn compare(cases: &[&str], mut oracle: Watched) {
    let mut expected: Vec<Vec<Vec<Told>>> = Vec::new();
    for case in cases {
        let mut of_case = Vec::new();
        oracle.run_all(case, |oracle| of_case.push(oracle.told()));
        expected.push(of_case);
    }
    with_shards(&SHARDS, |shards| {
        let mut watched = Watched::new(start(shards, ""));
        for (case, expected) in cases.iter().zip(&expected) {
            let mut lines = case.split('|').zip(expected);
            watched.run_all(case, |watched| {
                let (line, expected) = lines.next().unwrap();
                if shards == 1 {
                    assert_eq!(watched.told(), *expected, "{line} of {case}");
                    return;
                }
                let told: Vec<Told> = expected.iter().map(|_| watched.next()).collect();
                assert_eq!(of_keys(&told), of_keys(expected), "{line} of {case}");
            });
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
fn what_redis_7_0_does_not_know_tells_what_valkey_tells() {
    if skip_if(testkit::binary::valkey().is_none(), "Valkey is not installed")
        || skip_if(is_redis_70(), "this is about what Redis 7.0 lacks")
    {
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
            watched.run_all("SET {k}1 1 EX 100|RPUSH {k}2 a|GET {k}3|DEL {k}1 {k}2", |_| ());
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
fn fields_that_end_by_themselves_are_told_in_steps_and_the_hash_goes_with_the_last() {
    if skip_if(is_oracle(), "Redis 7.0 has no times of fields") {
        return;
    }
    const FIELDS: usize = 1000;
    with_shards(&SHARDS, |shards| {
        let mut watched = Watched::new(start(shards, ""));
        watched.client.cmd(&["CONFIG", "SET", "notify-keyspace-events", "Ehg"]);
        watched.client.ask("HSET part stays v");
        for (key, left) in [("whole", 0), ("part", 1)] {
            let count = FIELDS.to_string();
            let head = ["HSETEX", key, "PX", "1", "FIELDS", &count].map(str::to_owned);
            let pairs = (0..FIELDS).flat_map(|index| [format!("f{index}"), "v".to_owned()]);
            let args: Vec<String> = head.into_iter().chain(pairs).collect();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            assert_eq!(watched.client.cmd(&args), Value::Int(1));
            eventually("the fields have gone", || watched.client.cmd(&["HLEN", key]) == Value::Int(left));
        }
        watched.client.ask("DEL part");
        let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let has_gone = |events: &Vec<String>| events.last().is_some_and(|event| event == "del");
        while told.values().filter(|events| has_gone(events)).count() < 2 {
            let (channel, key) = watched.next();
            told.entry(key).or_default().push(channel.replace("__keyevent@0__:", ""));
        }
        for events in told.values_mut() {
            let steps = events.iter().filter(|event| *event == "hexpired").count();
            assert!((1..=FIELDS).contains(&steps), "{events:?}");
            events.dedup();
            assert_eq!(*events, ["hset", "hexpire", "hexpired", "del"]);
        }
    });
}

#[test]
fn a_client_learns_of_its_own_changes_behind_the_reply() {
    if skip_if(is_redis_70(), "Redis 7.0 tells it before the reply") {
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
