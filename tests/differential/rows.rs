//! The commands of the differential test, one row each. A command is added by adding its row; a second row
//! for a command gives it a second shape. This file must not know how arguments are drawn.

use crate::argument::Arg::{
    BigKey, BigValue, Bit, BitOffset, ByteOffset, Command, Database, Field, FieldOffset, FieldType, Float,
    Index, Integer, Key, OneOf, Options, SmallKey, Times, Ttl, Value, Word,
};
use crate::argument::Row;
use crate::argument::Unit::{Millis, Seconds, UnixMillis, UnixSeconds};

type Sequence = &'static [crate::argument::Arg];

const EX: Sequence = &[Word("EX"), Ttl(Seconds)];
const PX: Sequence = &[Word("PX"), Ttl(Millis)];
const EXAT: Sequence = &[Word("EXAT"), Ttl(UnixSeconds)];
const PXAT: Sequence = &[Word("PXAT"), Ttl(UnixMillis)];
const EXPIRE_CONDITIONS: &[Sequence] = &[&[Word("NX")], &[Word("XX")], &[Word("GT")], &[Word("LT")]];
const FLUSH_MODES: &[Sequence] = &[&[Word("ASYNC")], &[Word("SYNC")]];
const LCS_OPTIONS: &[Sequence] =
    &[&[Word("LEN")], &[Word("IDX")], &[Word("IDX"), Word("WITHMATCHLEN")], &[Word("MINMATCHLEN"), Index]];
/// Bounded: redis-server tries to reply whatever is asked for.
const HRANDFIELD_COUNTS: &[Sequence] = &[
    &[],
    &[Word("0")],
    &[Word("3")],
    &[Word("-5")],
    &[Word("100"), Word("WITHVALUES")],
    &[Word("-2"), Word("WITHVALUES")],
    &[Word("2"), Value],
];
/// The end of a range with its unit, or none: BITCOUNT refuses a start without an end.
const BIT_RANGE: &[Sequence] = &[
    &[],
    &[Index, Index],
    &[Index, Index, Word("BYTE")],
    &[Index, Index, Word("BIT")],
    &[Index],
    &[Index, Index, Value],
];
const FIELD_GET: Sequence = &[Word("GET"), FieldType, FieldOffset];
const FIELD_SET: Sequence = &[Word("SET"), FieldType, FieldOffset, Integer];
const FIELD_INCRBY: Sequence = &[Word("INCRBY"), FieldType, FieldOffset, Integer];
const FIELD_OVERFLOW: Sequence =
    &[Word("OVERFLOW"), OneOf(&[&[Word("WRAP")], &[Word("SAT")], &[Word("FAIL")], &[Value]])];
/// Members of sets: few, so that sets meet, of both kinds.
const MEMBER: crate::argument::Arg = OneOf(&[
    &[Word("1")],
    &[Word("2")],
    &[Word("-3")],
    &[Word("a")],
    &[Word("b")],
    &[Word("c d")],
    &[Integer],
    &[Value],
]);

/// Few, so that they meet again.
const ELEMENTS: &[Sequence] = &[&[Word("a")], &[Word("b")], &[Word("7")], &[Word("-300")], &[Value]];
const LIST_ENDS: &[Sequence] =
    &[&[Word("LEFT")], &[Word("RIGHT")], &[Word("left")], &[Word("RIGHT")], &[Word("LEFT")], &[Value]];
/// The timeout of a blocking command.
const WAIT: crate::argument::Arg =
    OneOf(&[&[Word("0.001")], &[Word("0.002")], &[Word("1e-3")], &[Word("-1")], &[Word("soon")]]);
const LPOS_OPTIONS: &[Sequence] =
    &[&[Word("RANK"), Index], &[Word("COUNT"), Index], &[Word("MAXLEN"), Index]];
/// Few members and scores, so that commands meet. The scores are those that both versions of Redis print
/// alike.
const SORTED_MEMBER: crate::argument::Arg = OneOf(&[
    &[Word("1")],
    &[Word("2")],
    &[Word("30")],
    &[Word("-4")],
    &[Word("+5")],
    &[Word("")],
    &[Word("\u{1}")],
    &[Word("...")],
]);
const SCORE: crate::argument::Arg = OneOf(&[
    &[Word("0")],
    &[Word("1")],
    &[Word("-2")],
    &[Word("2.5")],
    &[Word("7")],
    &[Word("inf")],
    &[Word("-inf")],
]);
const SCORE_BOUND: crate::argument::Arg =
    OneOf(&[&[SCORE], &[Word("(0")], &[Word("(2.5")], &[Word("(-2")], &[Word("+inf")], &[Word("(inf")]]);
const LEX_BOUND: crate::argument::Arg = OneOf(&[
    &[Word("-")],
    &[Word("+")],
    &[Word("[1")],
    &[Word("(1")],
    &[Word("[30")],
    &[Word("(+5")],
    &[Word("[")],
]);
/// Keys of sets whose members all have the score 0: with other scores a range by member depends on Redis's
/// dice.
const LEX_KEY: crate::argument::Arg = Word("lex");
const ADD_OPTIONS: &[Sequence] =
    &[&[Word("NX")], &[Word("XX")], &[Word("GT")], &[Word("LT")], &[Word("CH")], &[Word("INCR")]];
const WITH_SCORES: Sequence = &[Word("WITHSCORES")];
const LIMIT: Sequence = &[Word("LIMIT"), Index, Index];
/// Sets to be combined, with a number that may be wrong.
const SETS: crate::argument::Arg = OneOf(&[
    &[Word("1"), SmallKey],
    &[Word("2"), SmallKey, SmallKey],
    &[Word("3"), SmallKey, SmallKey, SmallKey],
    &[Word("2"), SmallKey],
    &[Word("0"), SmallKey],
]);
const AGGREGATES: &[Sequence] = &[
    &[Word("WEIGHTS"), SCORE],
    &[Word("WEIGHTS"), SCORE, SCORE],
    &[Word("AGGREGATE"), Word("SUM")],
    &[Word("AGGREGATE"), Word("MIN")],
    &[Word("AGGREGATE"), Word("MAX")],
];
const ENDS: crate::argument::Arg = OneOf(&[&[Word("MIN")], &[Word("MAX")]]);

/// Positions in Sicily, on both sides of the date line, at the edges of the map, antipodes, and beyond the
/// map.
const POSITION: crate::argument::Arg = OneOf(&[
    &[Word("13.361389"), Word("38.115556")],
    &[Word("15.087269"), Word("37.502669")],
    &[Word("15"), Word("37")],
    &[Word("179.9"), Word("10")],
    &[Word("-179.9"), Word("10.5")],
    &[Word("180"), Word("85.05112878")],
    &[Word("-180"), Word("-85.05112878")],
    &[Word("0"), Word("85")],
    &[Word("90"), Word("84.5")],
    &[Word("0"), Word("0")],
    &[Word("10"), Word("20")],
    &[Word("-170"), Word("-20")],
    &[Word("180.5"), Word("-86")],
    &[Float, Float],
]);
/// So few that no set has seven: from there on Redis gives members at the same distance in the order of its
/// sort.
const GEO_MEMBER: crate::argument::Arg = OneOf(&[&[Word("1")], &[Word("2")], &[Word("30")], &[Word("-4")]]);
/// Mostly keys that only these commands use, so that sets grow.
const GEO_KEY: crate::argument::Arg = OneOf(&[
    &[Word("geo")],
    &[Word("geo")],
    &[Word("geo2")],
    &[Word("geo2")],
    &[Word("{geo}3")],
    &[SmallKey],
]);
const GEO_UNIT: crate::argument::Arg =
    OneOf(&[&[Word("M")], &[Word("KM")], &[Word("KM")], &[Word("FT")], &[Word("MI")], &[Value]]);
const LENGTH: crate::argument::Arg = OneOf(&[
    &[Word("0")],
    &[Word("100")],
    &[Word("200.5")],
    &[Word("3000")],
    &[Word("3000")],
    &[Word("12000")],
    &[Word("30000")],
    &[Float],
]);
const GEO_OPTIONS: &[Sequence] = &[
    &[Word("WITHCOORD")],
    &[Word("WITHDIST")],
    &[Word("WITHHASH")],
    &[Word("ASC")],
    &[Word("DESC")],
    &[Word("COUNT"), Word("2")],
    &[Word("COUNT"), Word("1"), Word("ANY")],
    &[Word("ANY")],
    &[Word("COUNT"), Index],
];
const GEO_STORE_OPTIONS: &[Sequence] =
    &[&[Word("ASC")], &[Word("DESC")], &[Word("COUNT"), Word("2")], &[Word("COUNT"), Word("2"), Word("ANY")]];
const GEO_STORE: crate::argument::Arg = OneOf(&[
    &[Word("STORE"), GEO_KEY],
    &[Word("STOREDIST"), GEO_KEY],
    &[Word("STORE"), SmallKey, Word("STOREDIST"), GEO_KEY],
    &[Word("STORE"), GEO_KEY, Word("WITHDIST")],
]);
const GEO_FROM: crate::argument::Arg = OneOf(&[
    &[Word("FROMMEMBER"), GEO_MEMBER],
    &[Word("FROMLONLAT"), POSITION],
    &[Word("FROMLONLAT"), POSITION],
    &[Value],
]);
const GEO_BY: crate::argument::Arg = OneOf(&[
    &[Word("BYRADIUS"), LENGTH, GEO_UNIT],
    &[Word("BYBOX"), LENGTH, LENGTH, GEO_UNIT],
    &[Word("BYBOX"), LENGTH, LENGTH, GEO_UNIT],
    &[Value],
]);
const HLL_KEY: crate::argument::Arg =
    OneOf(&[&[Word("hll")], &[Word("hll")], &[Word("hll2")], &[Word("{a}hll")], &[SmallKey]]);
/// Keys that only SORT's rows know: redis-server 7.0 converts a sorted set that it sorts, and replies with a
/// set that it does not sort in the order of its dice.
const NUMBERS: crate::argument::Arg = Word("numbers");
const MEMBERS: crate::argument::Arg = Word("members");
const RANKED: crate::argument::Arg = Word("ranked");
const TO_SORT: crate::argument::Arg = OneOf(&[&[NUMBERS], &[MEMBERS], &[RANKED], &[Word("nosuch")]]);
/// Integers only, and what is none is no number at all: redis-server 7.0 refuses to sort any other number
/// when an earlier command has read one that is too large (`errno` stays as it was).
const SORT_ELEMENT: crate::argument::Arg =
    OneOf(&[&[Word("1")], &[Word("2")], &[Word("30")], &[Word("-4")], &[Word("500")]]);
const SORT_WEIGHT: crate::argument::Arg =
    OneOf(&[&[Word("w_1")], &[Word("w_2")], &[Word("w_30")], &[Word("w_-4")], &[Word("w_500")]]);
const SORT_HASH: crate::argument::Arg = OneOf(&[&[Word("h_1")], &[Word("h_2")], &[Word("h_30")]]);
const SORT_BY_KEY: crate::argument::Arg = OneOf(&[&[Word("BY"), Word("w_*")], &[Word("BY"), Word("h_*->f")]]);
/// BY with ALPHA is left out: the order of equal texts is that of the C library's sort.
const SORT_BY_NUMBER: &[Sequence] = &[
    &[Word("BY"), Word("w_*")],
    &[Word("BY"), Word("h_*->f")],
    &[Word("GET"), Word("w_*")],
    &[Word("GET"), Word("#")],
    &[Word("GET"), Word("h_*->f")],
    LIMIT,
    &[Word("ASC")],
    &[Word("DESC")],
];
const SORT_BY_TEXT: &[Sequence] =
    &[&[Word("DESC")], LIMIT, &[Word("GET"), Word("w_*")], &[Word("GET"), Word("nostar")]];
const SORT_NOTHING: &[Sequence] =
    &[&[Word("DESC")], LIMIT, &[Word("ALPHA")], &[Word("GET"), Word("w_*")], &[Value]];
/// Mostly keys that only these commands use: others overwrite a stream before a group has read it.
const STREAM_KEY: crate::argument::Arg =
    OneOf(&[&[Word("log")], &[Word("log")], &[Word("log")], &[Word("log2")], &[Word("{log}3")], &[Key]]);
/// Ids of entries: few milliseconds, so that commands meet and a stream grows for long.
const ENTRY_ID: crate::argument::Arg = OneOf(&[
    &[Word("1-1")],
    &[Word("1-2")],
    &[Word("2-1")],
    &[Word("2-3")],
    &[Word("3")],
    &[Word("5-1")],
    &[Word("9-2")],
    &[Word("0-0")],
    &[Word("0")],
]);
/// Never `*`: what that makes depends on the clock.
const NEW_ID: crate::argument::Arg = OneOf(&[
    &[Word("1-*")],
    &[Word("2-*")],
    &[Word("2-*")],
    &[Word("3-*")],
    &[Word("9-*")],
    &[Word("9-*")],
    &[ENTRY_ID],
]);
const ID_BOUND: crate::argument::Arg = OneOf(&[
    &[ENTRY_ID],
    &[Word("-")],
    &[Word("+")],
    &[Word("(2-1")],
    &[Word("(1-1")],
    &[Word("(0-0")],
    &[Word("(+")],
]);
const COUNT: Sequence = &[Word("COUNT"), Index];
const ENTRY_FIELDS: crate::argument::Arg = Times(1, 3, &[Field, Value]);
const TRIMMING: crate::argument::Arg = OneOf(&[
    &[Word("MAXLEN"), Word("5")],
    &[Word("MAXLEN"), Word("="), Word("2")],
    &[Word("MAXLEN"), Word("~"), Word("3")],
    &[Word("MAXLEN"), Word("~"), Word("1"), Word("LIMIT"), Index],
    &[Word("MAXLEN"), Index],
    &[Word("MINID"), ENTRY_ID],
    &[Word("MINID"), Word("~"), ENTRY_ID],
    &[Word("LIMIT"), Index],
]);
const GROUP: crate::argument::Arg = OneOf(&[&[Word("g")], &[Word("g")], &[Word("streams")]]);
/// Those that commands may create by naming them. XGROUP CREATECONSUMER has names of its own, because Redis
/// 7.0 creates nobody who gets nothing.
const CONSUMER: crate::argument::Arg = OneOf(&[&[Word("c")], &[Word("d")], &[Word("streams")]]);
const STREAMS: crate::argument::Arg = OneOf(&[
    &[Word("STREAMS"), STREAM_KEY, ENTRY_ID],
    &[Word("STREAMS"), STREAM_KEY, STREAM_KEY, ENTRY_ID, ENTRY_ID],
    &[Word("STREAMS"), STREAM_KEY, STREAM_KEY, STREAM_KEY, Word("$"), ENTRY_ID, Word("0")],
]);
const GROUP_STREAMS: crate::argument::Arg = OneOf(&[
    &[Word("STREAMS"), STREAM_KEY, Word(">")],
    &[Word("STREAMS"), STREAM_KEY, ENTRY_ID],
    &[Word("STREAMS"), STREAM_KEY, STREAM_KEY, Word(">"), Word(">")],
    &[Word("STREAMS"), STREAM_KEY, Word("$")],
]);
const GROUP_START: crate::argument::Arg = OneOf(&[&[Word("0")], &[Word("$")], &[ENTRY_ID]]);
const CLAIM_OPTIONS: &[Sequence] =
    &[&[Word("FORCE")], &[Word("JUSTID")], &[Word("RETRYCOUNT"), Index], &[Word("LASTID"), ENTRY_ID]];

const PATTERNS: &[Sequence] =
    &[&[Word("*")], &[Word("?")], &[Word("[a-c]")], &[Word("*a*")], &[Word("{a}[^1]")], &[Key], &[Value]];

/// All rows.
#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    // Strings.
    Row { name: "APPEND", weight: 20, args: &[Key, Value] },
    Row { name: "DECR", weight: 12, args: &[Key] },
    Row { name: "DECRBY", weight: 12, args: &[Key, Integer] },
    Row { name: "GET", weight: 40, args: &[Key] },
    Row { name: "GETDEL", weight: 10, args: &[Key] },
    Row { name: "GETEX", weight: 20, args: &[Key, Options(&[EX, PX, EXAT, PXAT, &[Word("PERSIST")]])] },
    Row { name: "GETRANGE", weight: 20, args: &[Key, Index, Index] },
    Row { name: "GETSET", weight: 10, args: &[Key, Value] },
    Row { name: "INCR", weight: 15, args: &[Key] },
    Row { name: "INCRBY", weight: 15, args: &[Key, Integer] },
    Row { name: "INCRBYFLOAT", weight: 40, args: &[Key, Float] },
    Row { name: "LCS", weight: 12, args: &[SmallKey, SmallKey, Options(LCS_OPTIONS)] },
    Row { name: "MGET", weight: 20, args: &[Times(1, 6, &[Key])] },
    Row { name: "MSET", weight: 20, args: &[Times(1, 5, &[Key, Value])] },
    Row { name: "MSETNX", weight: 20, args: &[Times(1, 4, &[Key, Value])] },
    Row { name: "PSETEX", weight: 8, args: &[Key, Ttl(Millis), Value] },
    Row { name: "SET", weight: 40, args: &[Key, Value] },
    Row { name: "SET", weight: 40, args: &[Key, Value, Options(&[
        EX, PX, EXAT, PXAT, &[Word("NX")], &[Word("XX")], &[Word("GET")], &[Word("KEEPTTL")],
        &[Word("NX"), Word("GET")], &[Word("XX"), Word("GET")],
    ])] },
    Row { name: "SET", weight: 3, args: &[BigKey, BigValue] },
    Row { name: "SETEX", weight: 8, args: &[Key, Ttl(Seconds), Value] },
    Row { name: "SETNX", weight: 10, args: &[Key, Value] },
    Row { name: "SETRANGE", weight: 15, args: &[Key, ByteOffset, Value] },
    Row { name: "STRLEN", weight: 12, args: &[Key] },
    Row { name: "SUBSTR", weight: 8, args: &[Key, Index, Index] },
    // Bitmaps.
    Row { name: "BITCOUNT", weight: 15, args: &[Key, OneOf(BIT_RANGE)] },
    Row { name: "BITFIELD", weight: 25, args: &[
        Key, Times(0, 4, &[OneOf(&[FIELD_GET, FIELD_SET, FIELD_INCRBY, FIELD_INCRBY, FIELD_OVERFLOW])]),
    ] },
    Row { name: "BITFIELD_RO", weight: 8, args: &[Key, Times(0, 3, &[OneOf(&[FIELD_GET, FIELD_GET, FIELD_GET, FIELD_SET])])] },
    Row { name: "BITOP", weight: 20, args: &[
        OneOf(&[&[Word("AND")], &[Word("OR")], &[Word("XOR")]]), SmallKey, Times(1, 4, &[SmallKey]),
    ] },
    Row { name: "BITOP", weight: 8, args: &[OneOf(&[&[Word("NOT")], &[Value]]), SmallKey, Times(1, 2, &[SmallKey])] },
    Row { name: "BITOP", weight: 2, args: &[
        OneOf(&[&[Word("AND")], &[Word("OR")], &[Word("XOR")]]), BigKey, Times(1, 3, &[Key]),
    ] },
    Row { name: "BITPOS", weight: 15, args: &[Key, Bit, OneOf(BIT_RANGE)] },
    Row { name: "GETBIT", weight: 10, args: &[Key, BitOffset] },
    Row { name: "SETBIT", weight: 15, args: &[Key, BitOffset, Bit] },
    // HyperLogLogs.
    Row { name: "GET", weight: 4, args: &[HLL_KEY] },
    Row { name: "OBJECT", weight: 2, args: &[Word("ENCODING"), HLL_KEY] },
    Row { name: "PFADD", weight: 20, args: &[HLL_KEY, Times(0, 6, &[OneOf(&[&[Value], &[Index]])])] },
    Row { name: "PFCOUNT", weight: 10, args: &[HLL_KEY] },
    Row { name: "PFCOUNT", weight: 8, args: &[Times(1, 4, &[HLL_KEY])] },
    Row { name: "PFDEBUG", weight: 4, args: &[OneOf(&[&[Word("DECODE")], &[Word("ENCODING")], &[Word("TODENSE")], &[Value]]), HLL_KEY] },
    Row { name: "PFMERGE", weight: 8, args: &[HLL_KEY, Times(1, 3, &[HLL_KEY])] },
    // Lists.
    Row { name: "LINDEX", weight: 10, args: &[Key, Index] },
    Row { name: "LINSERT", weight: 20, args: &[Key, OneOf(&[&[Word("BEFORE")], &[Word("after")], &[Value]]), OneOf(ELEMENTS), OneOf(ELEMENTS)] },
    Row { name: "LLEN", weight: 6, args: &[Key] },
    Row { name: "LMOVE", weight: 15, args: &[SmallKey, SmallKey, OneOf(LIST_ENDS), OneOf(LIST_ENDS)] },
    Row { name: "LMPOP", weight: 10, args: &[Word("2"), SmallKey, SmallKey, OneOf(LIST_ENDS), Options(&[&[Word("COUNT"), Index]])] },
    Row { name: "LMPOP", weight: 3, args: &[Index, Times(1, 3, &[SmallKey]), OneOf(LIST_ENDS), Times(0, 2, &[Value])] },
    Row { name: "LPOP", weight: 15, args: &[Key, Options(&[&[Index]])] },
    Row { name: "LPOS", weight: 20, args: &[Key, OneOf(ELEMENTS), Options(LPOS_OPTIONS)] },
    Row { name: "LPUSH", weight: 40, args: &[Key, Times(1, 6, &[OneOf(ELEMENTS)])] },
    Row { name: "LPUSHX", weight: 6, args: &[Key, Times(1, 3, &[Value])] },
    Row { name: "LRANGE", weight: 30, args: &[Key, Index, Index] },
    Row { name: "LREM", weight: 15, args: &[Key, Index, OneOf(ELEMENTS)] },
    Row { name: "LSET", weight: 15, args: &[Key, Index, Value] },
    Row { name: "LTRIM", weight: 10, args: &[Key, Index, Index] },
    Row { name: "RPOP", weight: 10, args: &[Key, Options(&[&[Index]])] },
    Row { name: "RPOPLPUSH", weight: 10, args: &[SmallKey, SmallKey] },
    Row { name: "RPUSH", weight: 40, args: &[Key, Times(1, 6, &[OneOf(ELEMENTS)])] },
    Row { name: "RPUSHX", weight: 6, args: &[Key, Times(1, 3, &[Value])] },
    // What waits waits so shortly; inside MULTI not at all.
    Row { name: "BLMOVE", weight: 4, args: &[SmallKey, SmallKey, OneOf(LIST_ENDS), OneOf(LIST_ENDS), WAIT] },
    Row { name: "BLMPOP", weight: 4, args: &[WAIT, Word("2"), SmallKey, SmallKey, OneOf(LIST_ENDS), Options(&[&[Word("COUNT"), Index]])] },
    Row { name: "BLPOP", weight: 4, args: &[Times(1, 3, &[SmallKey]), WAIT] },
    Row { name: "BRPOP", weight: 4, args: &[Times(1, 3, &[SmallKey]), WAIT] },
    Row { name: "BRPOPLPUSH", weight: 4, args: &[SmallKey, SmallKey, WAIT] },
    // Hashes.
    Row { name: "HDEL", weight: 15, args: &[SmallKey, Times(1, 3, &[Field])] },
    Row { name: "HEXISTS", weight: 6, args: &[SmallKey, Field] },
    Row { name: "HGET", weight: 12, args: &[SmallKey, Field] },
    Row { name: "HGETALL", weight: 12, args: &[SmallKey] },
    Row { name: "HINCRBY", weight: 12, args: &[SmallKey, Field, Integer] },
    Row { name: "HINCRBYFLOAT", weight: 12, args: &[SmallKey, Field, Float] },
    Row { name: "HKEYS", weight: 6, args: &[SmallKey] },
    Row { name: "HLEN", weight: 8, args: &[SmallKey] },
    Row { name: "HMGET", weight: 8, args: &[SmallKey, Times(1, 4, &[Field])] },
    Row { name: "HMSET", weight: 6, args: &[SmallKey, Times(1, 4, &[Field, Value])] },
    Row { name: "HRANDFIELD", weight: 6, args: &[SmallKey, OneOf(HRANDFIELD_COUNTS)] },
    Row { name: "HSCAN", weight: 8, args: &[
        SmallKey, Word("0"), Word("COUNT"), Word("1000"), Options(&[&[Word("MATCH"), OneOf(PATTERNS)]]),
    ] },
    Row { name: "HSET", weight: 40, args: &[SmallKey, Times(1, 5, &[Field, Value])] },
    Row { name: "HSETNX", weight: 8, args: &[SmallKey, Field, Value] },
    Row { name: "HSTRLEN", weight: 6, args: &[SmallKey, Field] },
    Row { name: "HVALS", weight: 6, args: &[SmallKey] },
    // Sets. SPOP is not among them: spoilt, it would take other members from each server.
    Row { name: "SADD", weight: 40, args: &[Key, Times(1, 5, &[MEMBER])] },
    Row { name: "SCARD", weight: 8, args: &[Key] },
    Row { name: "SDIFF", weight: 10, args: &[Times(1, 4, &[Key])] },
    Row { name: "SDIFFSTORE", weight: 10, args: &[SmallKey, Times(1, 4, &[Key])] },
    Row { name: "SINTER", weight: 10, args: &[Times(1, 3, &[Key])] },
    Row { name: "SINTERCARD", weight: 10, args: &[
        OneOf(&[&[Word("1"), Key], &[Word("2"), Key, Key], &[Word("3"), Key, Key], &[Value, Key]]),
        Options(&[&[Word("LIMIT"), Index]]),
    ] },
    Row { name: "SINTERSTORE", weight: 10, args: &[SmallKey, Times(1, 3, &[Key])] },
    Row { name: "SISMEMBER", weight: 8, args: &[Key, MEMBER] },
    Row { name: "SMEMBERS", weight: 15, args: &[Key] },
    Row { name: "SMISMEMBER", weight: 8, args: &[Key, Times(1, 4, &[MEMBER])] },
    Row { name: "SMOVE", weight: 15, args: &[SmallKey, SmallKey, MEMBER] },
    Row { name: "SRANDMEMBER", weight: 8, args: &[Key, OneOf(&[&[], &[Word("0")], &[Word("9")], &[Word("-3")], &[Word("x")]])] },
    Row { name: "SREM", weight: 20, args: &[Key, Times(1, 4, &[MEMBER])] },
    Row { name: "SSCAN", weight: 6, args: &[
        Key, Word("0"), Options(&[&[Word("MATCH"), OneOf(PATTERNS)], &[Word("COUNT"), Index]]),
    ] },
    Row { name: "SUNION", weight: 10, args: &[Times(1, 4, &[Key])] },
    Row { name: "SUNIONSTORE", weight: 10, args: &[SmallKey, Times(1, 4, &[Key])] },
    // Keys.
    Row { name: "COPY", weight: 15, args: &[
        SmallKey, SmallKey, Options(&[&[Word("REPLACE")], &[Word("DB"), Database]]),
    ] },
    Row { name: "DEL", weight: 12, args: &[Times(1, 5, &[Key])] },
    Row { name: "EXISTS", weight: 12, args: &[Times(1, 5, &[Key])] },
    Row { name: "EXPIRE", weight: 15, args: &[Key, Ttl(Seconds), Options(EXPIRE_CONDITIONS)] },
    Row { name: "EXPIREAT", weight: 8, args: &[Key, Ttl(UnixSeconds), Options(EXPIRE_CONDITIONS)] },
    Row { name: "EXPIRETIME", weight: 8, args: &[Key] },
    Row { name: "KEYS", weight: 6, args: &[OneOf(PATTERNS)] },
    Row { name: "MOVE", weight: 10, args: &[SmallKey, Database] },
    Row { name: "OBJECT", weight: 25, args: &[Word("ENCODING"), Key] },
    Row { name: "OBJECT", weight: 2, args: &[Word("IDLETIME"), Key] },
    Row { name: "OBJECT", weight: 2, args: &[Word("REFCOUNT"), Key] },
    Row { name: "OBJECT", weight: 1, args: &[Word("HELP")] },
    Row { name: "PERSIST", weight: 8, args: &[Key] },
    Row { name: "PEXPIRE", weight: 15, args: &[Key, Ttl(Millis), Options(EXPIRE_CONDITIONS)] },
    Row { name: "PEXPIREAT", weight: 8, args: &[Key, Ttl(UnixMillis), Options(EXPIRE_CONDITIONS)] },
    Row { name: "PEXPIRETIME", weight: 8, args: &[Key] },
    Row { name: "PTTL", weight: 12, args: &[Key] },
    Row { name: "RANDOMKEY", weight: 3, args: &[] },
    Row { name: "RENAME", weight: 12, args: &[SmallKey, SmallKey] },
    Row { name: "RENAMENX", weight: 12, args: &[SmallKey, SmallKey] },
    Row { name: "SCAN", weight: 10, args: &[
        Word("0"), Word("COUNT"), Word("1000"),
        Options(&[&[Word("MATCH"), OneOf(PATTERNS)], &[Word("TYPE"), OneOf(&[&[Word("string")], &[Word("list")], &[Value]])]]),
    ] },
    Row { name: "TOUCH", weight: 8, args: &[Times(1, 5, &[Key])] },
    Row { name: "TTL", weight: 12, args: &[Key] },
    Row { name: "TYPE", weight: 8, args: &[Key] },
    Row { name: "UNLINK", weight: 8, args: &[Times(1, 5, &[Key])] },
    // Members on the earth.
    Row { name: "GEOADD", weight: 30, args: &[GEO_KEY, Times(1, 3, &[POSITION, GEO_MEMBER])] },
    Row { name: "GEOADD", weight: 8, args: &[GEO_KEY, Options(&[&[Word("NX")], &[Word("XX")], &[Word("CH")]]), POSITION, GEO_MEMBER] },
    Row { name: "GEODIST", weight: 8, args: &[GEO_KEY, GEO_MEMBER, GEO_MEMBER, Options(&[&[GEO_UNIT]])] },
    Row { name: "GEOHASH", weight: 6, args: &[GEO_KEY, Times(0, 3, &[GEO_MEMBER])] },
    Row { name: "GEOPOS", weight: 6, args: &[GEO_KEY, Times(0, 3, &[GEO_MEMBER])] },
    Row { name: "GEORADIUS", weight: 6, args: &[GEO_KEY, POSITION, LENGTH, GEO_UNIT, Options(GEO_OPTIONS)] },
    Row { name: "GEORADIUS", weight: 4, args: &[GEO_KEY, POSITION, LENGTH, GEO_UNIT, Options(GEO_STORE_OPTIONS), GEO_STORE] },
    Row { name: "GEORADIUSBYMEMBER", weight: 6, args: &[GEO_KEY, GEO_MEMBER, LENGTH, GEO_UNIT, Options(GEO_OPTIONS)] },
    Row { name: "GEORADIUSBYMEMBER", weight: 4, args: &[GEO_KEY, GEO_MEMBER, LENGTH, GEO_UNIT, GEO_STORE, Options(GEO_STORE_OPTIONS)] },
    Row { name: "GEORADIUSBYMEMBER_RO", weight: 4, args: &[GEO_KEY, GEO_MEMBER, LENGTH, GEO_UNIT, Options(GEO_OPTIONS)] },
    Row { name: "GEORADIUS_RO", weight: 4, args: &[GEO_KEY, POSITION, LENGTH, GEO_UNIT, Options(GEO_OPTIONS)] },
    Row { name: "GEOSEARCH", weight: 20, args: &[GEO_KEY, GEO_FROM, GEO_BY, Options(GEO_OPTIONS)] },
    Row { name: "GEOSEARCHSTORE", weight: 8, args: &[GEO_KEY, GEO_KEY, GEO_BY, GEO_FROM, Options(&[&[Word("STOREDIST")], &[Word("DESC")], &[Word("COUNT"), Word("2")]])] },
    Row { name: "ZRANGE", weight: 4, args: &[GEO_KEY, Word("0"), Word("-1"), Word("WITHSCORES")] },
    // Sorted sets.
    Row { name: "ZADD", weight: 40, args: &[Key, Times(1, 4, &[SCORE, SORTED_MEMBER])] },
    Row { name: "ZADD", weight: 15, args: &[Key, Options(ADD_OPTIONS), Times(1, 2, &[SCORE, SORTED_MEMBER])] },
    Row { name: "ZADD", weight: 10, args: &[LEX_KEY, Times(1, 4, &[Word("0"), SORTED_MEMBER])] },
    Row { name: "ZCARD", weight: 6, args: &[Key] },
    Row { name: "ZCOUNT", weight: 6, args: &[Key, SCORE_BOUND, SCORE_BOUND] },
    Row { name: "ZDIFF", weight: 4, args: &[SETS, Options(&[WITH_SCORES])] },
    Row { name: "ZDIFFSTORE", weight: 4, args: &[SmallKey, SETS] },
    Row { name: "ZINCRBY", weight: 8, args: &[Key, SCORE, SORTED_MEMBER] },
    Row { name: "ZINTER", weight: 5, args: &[SETS, Options(AGGREGATES), Options(&[WITH_SCORES])] },
    Row { name: "ZINTERCARD", weight: 4, args: &[SETS, Options(&[&[Word("LIMIT"), Index]])] },
    Row { name: "ZINTERSTORE", weight: 4, args: &[SmallKey, SETS, Options(AGGREGATES)] },
    Row { name: "ZLEXCOUNT", weight: 4, args: &[LEX_KEY, LEX_BOUND, LEX_BOUND] },
    Row { name: "BZMPOP", weight: 4, args: &[WAIT, SETS, ENDS, Options(&[&[Word("COUNT"), Index]])] },
    Row { name: "BZPOPMAX", weight: 4, args: &[Times(1, 3, &[Key]), WAIT] },
    Row { name: "BZPOPMIN", weight: 4, args: &[Times(1, 3, &[Key]), WAIT] },
    Row { name: "ZMPOP", weight: 4, args: &[SETS, ENDS, Options(&[&[Word("COUNT"), Index]])] },
    Row { name: "ZMSCORE", weight: 4, args: &[Key, Times(1, 3, &[SORTED_MEMBER])] },
    Row { name: "ZPOPMAX", weight: 4, args: &[Key, Options(&[&[Index]])] },
    Row { name: "ZPOPMIN", weight: 4, args: &[Key, Options(&[&[Index]])] },
    Row { name: "ZRANDMEMBER", weight: 2, args: &[Key, Word("0"), Options(&[WITH_SCORES])] },
    Row { name: "ZRANGE", weight: 10, args: &[Key, Index, Index, Options(&[WITH_SCORES, &[Word("REV")], LIMIT])] },
    Row { name: "ZRANGE", weight: 8, args: &[Key, SCORE_BOUND, SCORE_BOUND, Word("BYSCORE"), Options(&[WITH_SCORES, &[Word("REV")], LIMIT])] },
    Row { name: "ZRANGE", weight: 6, args: &[LEX_KEY, LEX_BOUND, LEX_BOUND, Word("BYLEX"), Options(&[&[Word("REV")], LIMIT])] },
    Row { name: "ZRANGEBYLEX", weight: 4, args: &[LEX_KEY, LEX_BOUND, LEX_BOUND, Options(&[LIMIT])] },
    Row { name: "ZRANGEBYSCORE", weight: 4, args: &[Key, SCORE_BOUND, SCORE_BOUND, Options(&[WITH_SCORES, LIMIT])] },
    Row { name: "ZRANGESTORE", weight: 4, args: &[SmallKey, SmallKey, Index, Index, Options(&[&[Word("REV")]])] },
    Row { name: "ZRANGESTORE", weight: 4, args: &[SmallKey, SmallKey, SCORE_BOUND, SCORE_BOUND, Word("BYSCORE"), Options(&[LIMIT])] },
    Row { name: "ZRANK", weight: 4, args: &[Key, SORTED_MEMBER] },
    Row { name: "ZREM", weight: 8, args: &[Key, Times(1, 3, &[SORTED_MEMBER])] },
    Row { name: "ZREMRANGEBYLEX", weight: 2, args: &[LEX_KEY, LEX_BOUND, LEX_BOUND] },
    Row { name: "ZREMRANGEBYRANK", weight: 2, args: &[Key, Index, Index] },
    Row { name: "ZREMRANGEBYSCORE", weight: 2, args: &[Key, SCORE_BOUND, SCORE_BOUND] },
    Row { name: "ZREVRANGE", weight: 4, args: &[Key, Index, Index, Options(&[WITH_SCORES])] },
    Row { name: "ZREVRANGEBYLEX", weight: 4, args: &[LEX_KEY, LEX_BOUND, LEX_BOUND, Options(&[LIMIT])] },
    Row { name: "ZREVRANGEBYSCORE", weight: 4, args: &[Key, SCORE_BOUND, SCORE_BOUND, Options(&[WITH_SCORES, LIMIT])] },
    Row { name: "ZREVRANK", weight: 4, args: &[Key, SORTED_MEMBER] },
    Row { name: "ZSCAN", weight: 4, args: &[Key, Word("0"), Word("COUNT"), Word("1000"), Options(&[&[Word("MATCH"), OneOf(PATTERNS)]])] },
    Row { name: "ZSCORE", weight: 6, args: &[Key, SORTED_MEMBER] },
    Row { name: "ZUNION", weight: 5, args: &[SETS, Options(AGGREGATES), Options(&[WITH_SCORES])] },
    Row { name: "ZUNIONSTORE", weight: 4, args: &[SmallKey, SETS, Options(AGGREGATES)] },
    // Streams.
    Row { name: "XACK", weight: 6, args: &[STREAM_KEY, GROUP, Times(1, 3, &[ENTRY_ID])] },
    Row { name: "XADD", weight: 45, args: &[STREAM_KEY, NEW_ID, ENTRY_FIELDS] },
    Row { name: "XADD", weight: 20, args: &[STREAM_KEY, Options(&[&[Word("NOMKSTREAM")], &[TRIMMING]]), NEW_ID, ENTRY_FIELDS] },
    Row { name: "XAUTOCLAIM", weight: 5, args: &[STREAM_KEY, GROUP, CONSUMER, Word("0"), ID_BOUND, Options(&[&[Word("COUNT"), Word("2")], &[Word("JUSTID")]])] },
    Row { name: "XCLAIM", weight: 8, args: &[STREAM_KEY, GROUP, CONSUMER, Word("0"), Times(1, 3, &[ENTRY_ID]), Options(CLAIM_OPTIONS)] },
    Row { name: "XDEL", weight: 8, args: &[STREAM_KEY, Times(1, 3, &[ENTRY_ID])] },
    Row { name: "XGROUP", weight: 12, args: &[Word("CREATE"), STREAM_KEY, GROUP, GROUP_START, Options(&[&[Word("MKSTREAM")], &[Word("ENTRIESREAD"), Index]])] },
    Row { name: "XGROUP", weight: 3, args: &[Word("CREATECONSUMER"), STREAM_KEY, GROUP, OneOf(&[&[Word("e")], &[Word("f")]])] },
    Row { name: "XGROUP", weight: 2, args: &[Word("DELCONSUMER"), STREAM_KEY, GROUP, CONSUMER] },
    Row { name: "XGROUP", weight: 2, args: &[Word("DESTROY"), STREAM_KEY, GROUP] },
    Row { name: "XGROUP", weight: 4, args: &[Word("SETID"), STREAM_KEY, GROUP, GROUP_START, Options(&[&[Word("ENTRIESREAD"), Index]])] },
    Row { name: "XINFO", weight: 10, args: &[Word("STREAM"), STREAM_KEY] },
    Row { name: "XLEN", weight: 6, args: &[STREAM_KEY] },
    Row { name: "XPENDING", weight: 6, args: &[STREAM_KEY, GROUP] },
    Row { name: "XPENDING", weight: 6, args: &[STREAM_KEY, GROUP, ID_BOUND, ID_BOUND, Index, Options(&[&[CONSUMER]])] },
    Row { name: "XRANGE", weight: 12, args: &[STREAM_KEY, ID_BOUND, ID_BOUND, Options(&[COUNT])] },
    Row { name: "XREAD", weight: 12, args: &[Options(&[COUNT]), STREAMS] },
    Row { name: "XREADGROUP", weight: 20, args: &[Word("GROUP"), GROUP, CONSUMER, Options(&[COUNT, &[Word("NOACK")]]), GROUP_STREAMS] },
    Row { name: "XREADGROUP", weight: 4, args: &[Word("COUNT"), Word("2"), Word("GROUP"), Word("g"), Word("c"), GROUP_STREAMS] },
    Row { name: "XREVRANGE", weight: 10, args: &[STREAM_KEY, ID_BOUND, ID_BOUND, Options(&[COUNT])] },
    Row { name: "XSETID", weight: 3, args: &[STREAM_KEY, ENTRY_ID, Options(&[&[Word("ENTRIESADDED"), Index], &[Word("MAXDELETEDID"), ENTRY_ID]])] },
    Row { name: "XTRIM", weight: 8, args: &[STREAM_KEY, TRIMMING] },
    // Transactions, beside those that the stream makes in one piece: often in the wrong place.
    Row { name: "MULTI", weight: 1, args: &[] },
    Row { name: "EXEC", weight: 4, args: &[] },
    Row { name: "DISCARD", weight: 2, args: &[] },
    Row { name: "WATCH", weight: 6, args: &[Times(1, 3, &[Key])] },
    Row { name: "UNWATCH", weight: 3, args: &[] },
    // Databases.
    Row { name: "DBSIZE", weight: 8, args: &[] },
    Row { name: "FLUSHALL", weight: 1, args: &[Options(FLUSH_MODES)] },
    Row { name: "FLUSHDB", weight: 2, args: &[Options(FLUSH_MODES)] },
    Row { name: "SWAPDB", weight: 2, args: &[Database, Database] },
    Row { name: "SELECT", weight: 10, args: &[Database] },
    // Connections. AUTH and HELLO meet a server without a password.
    Row { name: "AUTH", weight: 1, args: &[OneOf(&[&[Value], &[Word("default"), Value], &[Value, Value]])] },
    Row { name: "CLIENT", weight: 1, args: &[Word("GETNAME")] },
    Row { name: "CLIENT", weight: 1, args: &[Word("SETNAME"), Value] },
    Row { name: "CLIENT", weight: 1, args: &[Word("GETREDIR")] },
    Row { name: "CLIENT", weight: 1, args: &[Word("TRACKINGINFO")] },
    Row { name: "CLIENT", weight: 1, args: &[Word("TRACKING"), OneOf(&[&[Word("OFF")], &[Value]])] },
    Row { name: "CLIENT", weight: 1, args: &[Word("CACHING"), OneOf(&[&[Word("YES")], &[Word("NO")], &[Value]])] },
    Row { name: "CLIENT", weight: 1, args: &[Word("NO-EVICT"), OneOf(&[&[Word("ON")], &[Word("OFF")], &[Value]])] },
    Row { name: "ECHO", weight: 4, args: &[Value] },
    Row { name: "HELLO", weight: 3, args: &[
        OneOf(&[&[Word("2")], &[Word("3")], &[Value]]),
        OneOf(&[&[], &[Word("SETNAME"), Value], &[Word("AUTH"), Word("default"), Value]]),
    ] },
    // Nobody subscribes: who does has more replies than commands.
    Row { name: "PUBLISH", weight: 4, args: &[Key, Value] },
    Row { name: "PUBSUB", weight: 1, args: &[Word("CHANNELS"), Options(&[&[OneOf(PATTERNS)]])] },
    Row { name: "PUBSUB", weight: 1, args: &[Word("NUMPAT")] },
    Row { name: "PUBSUB", weight: 1, args: &[Word("NUMSUB"), Times(1, 3, &[Key])] },
    Row { name: "PUBSUB", weight: 1, args: &[Word("SHARDCHANNELS"), Options(&[&[OneOf(PATTERNS)]])] },
    Row { name: "PUBSUB", weight: 1, args: &[Word("SHARDNUMSUB"), Times(1, 3, &[Key])] },
    Row { name: "SPUBLISH", weight: 4, args: &[Key, Value] },
    Row { name: "PING", weight: 4, args: &[Options(&[&[Value]])] },
    Row { name: "RESET", weight: 1, args: &[] },
    // The server about commands.
    Row { name: "COMMAND", weight: 12, args: &[Word("GETKEYS"), Command] },
    Row { name: "COMMAND", weight: 8, args: &[Word("GETKEYSANDFLAGS"), Command] },
    // What is no command.
    Row { name: "NOSUCHCOMMAND", weight: 2, args: &[Times(0, 3, &[Value])] },
    Row { name: "", weight: 1, args: &[Times(0, 2, &[Value])] },
    Row { name: "CLIENT", weight: 1, args: &[Word("NOSUCHSUBCOMMAND"), Times(0, 2, &[Value])] },
    Row { name: "COMMAND", weight: 1, args: &[Word("NOSUCHSUBCOMMAND"), Times(0, 2, &[Value])] },
    // SORT.
    Row { name: "RPUSH", weight: 8, args: &[NUMBERS, Times(1, 3, &[SORT_ELEMENT])] },
    Row { name: "SADD", weight: 8, args: &[MEMBERS, Times(1, 3, &[SORT_ELEMENT])] },
    Row { name: "ZADD", weight: 8, args: &[RANKED, SCORE, SORT_ELEMENT] },
    Row { name: "DEL", weight: 4, args: &[OneOf(&[&[NUMBERS], &[MEMBERS], &[RANKED], &[SORT_WEIGHT], &[SORT_HASH]])] },
    Row { name: "RPUSH", weight: 1, args: &[NUMBERS, Word("x")] },
    Row { name: "SET", weight: 10, args: &[SORT_WEIGHT, SORT_ELEMENT] },
    Row { name: "SET", weight: 1, args: &[SORT_WEIGHT, Word("x")] },
    Row { name: "HSET", weight: 8, args: &[SORT_HASH, Word("f"), SORT_ELEMENT] },
    Row { name: "SORT", weight: 10, args: &[NUMBERS, Options(SORT_BY_NUMBER)] },
    Row { name: "SORT", weight: 15, args: &[TO_SORT, SORT_BY_KEY, Options(SORT_BY_NUMBER)] },
    Row { name: "SORT", weight: 8, args: &[TO_SORT, Word("ALPHA"), Options(SORT_BY_TEXT)] },
    Row { name: "SORT", weight: 8, args: &[OneOf(&[&[NUMBERS], &[RANKED]]), Word("BY"), Word("nosort"), Options(SORT_NOTHING)] },
    Row { name: "SORT", weight: 10, args: &[TO_SORT, SORT_BY_KEY, Options(SORT_BY_NUMBER), Word("STORE"), SmallKey] },
    Row { name: "SORT", weight: 4, args: &[TO_SORT, SORT_BY_KEY, Word("STORE"), NUMBERS] },
    Row { name: "SORT", weight: 4, args: &[MEMBERS, Word("BY"), Word("nosort"), Options(SORT_NOTHING), Word("STORE"), SmallKey] },
    Row { name: "SORT_RO", weight: 8, args: &[TO_SORT, SORT_BY_KEY, Options(SORT_BY_NUMBER)] },
];

/// Rows whose replies are errors by design.
pub(crate) fn is_always_an_error(row: &Row) -> bool {
    row.name.is_empty()
        || row.name == "NOSUCHCOMMAND"
        || matches!(row.args.first(), Some(Word("NOSUCHSUBCOMMAND")))
}
