//! Numbers as clients may write them, at the edges of every type, given to every command that reads a float:
//! the replies are those of redis-server and, where Redis has become newer than that, of Valkey.
//!
//! Both are asked. Where they disagree, [`Reader::Timeout`] follows Valkey and all else redis-server, each
//! for the reason that stands there. Without Valkey the timeouts that redis-server 7.0 counts wrongly are
//! left out.

use testkit::{Client, Kind, Server, Value, client};

use crate::scene::{shoal, with_shards};

/// What reads the number.
#[derive(Clone, Copy, PartialEq)]
enum Reader {
    /// Seconds to wait. Redis 7.0 lets what 64 bits cannot count overflow and calls it negative; Redis 7.2
    /// and Valkey say that it is out of range.
    Timeout,
    /// A double. Valkey reads no hexadecimal numbers, and no blanks before the bound of a range; Redis does.
    Double,
    /// An element to be sorted. Redis 7.0 does not reset `errno`, so an earlier overflow refuses everything;
    /// Valkey takes denormals and reads no hexadecimal numbers, no blanks and no empty text.
    Weight,
}

/// A command that reads a number where it says `X`, and what is there before it.
struct Place {
    reader: Reader,
    before: &'static [&'static str],
    command: &'static str,
}

const fn timeout(command: &'static str) -> Place {
    Place { reader: Reader::Timeout, before: &["MULTI"], command }
}

const fn double(before: &'static [&'static str], command: &'static str) -> Place {
    Place { reader: Reader::Double, before, command }
}

const fn weight(before: &'static [&'static str], command: &'static str) -> Place {
    Place { reader: Reader::Weight, before, command }
}

const SCORED: &[&str] = &["ZADD z -inf a -5 b 0 c 1 d 5 e inf f"];
const FINITE: &[&str] = &["ZADD z 1 a 5 b"];
const POINTS: &[&str] = &["GEOADD g 1 1 m 2 2 n"];

const PLACES: &[Place] = &[
    timeout("BLPOP l X"),
    timeout("BRPOP l k X"),
    timeout("BRPOPLPUSH l k X"),
    timeout("BLMOVE l k LEFT RIGHT X"),
    timeout("BLMPOP X 1 l LEFT"),
    timeout("BZPOPMIN l X"),
    timeout("BZPOPMAX l X"),
    timeout("BZMPOP X 1 l MIN"),
    double(&[], "ZADD z X a"),
    double(FINITE, "ZADD z CH X a"),
    double(FINITE, "ZADD z INCR X a"),
    double(SCORED, "ZADD z INCR X f"),
    double(FINITE, "ZINCRBY z X a"),
    double(SCORED, "ZINCRBY z X a"),
    double(SCORED, "ZRANGEBYSCORE z X +inf"),
    double(SCORED, "ZRANGEBYSCORE z (X +inf"),
    double(SCORED, "ZREVRANGEBYSCORE z X -inf"),
    double(SCORED, "ZRANGE z -inf X BYSCORE"),
    double(SCORED, "ZRANGESTORE y z -inf (X BYSCORE"),
    double(SCORED, "ZCOUNT z X (X"),
    double(SCORED, "ZREMRANGEBYSCORE z X X"),
    double(SCORED, "ZUNIONSTORE y 1 z WEIGHTS X"),
    double(FINITE, "ZUNION 1 z WEIGHTS X WITHSCORES"),
    double(FINITE, "ZINTER 2 z z WEIGHTS 1 X WITHSCORES"),
    double(&[], "INCRBYFLOAT k X"),
    double(&["SET k X"], "INCRBYFLOAT k 1"),
    double(&[], "HINCRBYFLOAT h f X"),
    double(&["HSET h f X"], "HINCRBYFLOAT h f 1"),
    double(&[], "GEOADD g X 1 m"),
    double(&[], "GEOADD g 1 X m"),
    double(POINTS, "GEOSEARCH g FROMLONLAT X 1 BYRADIUS 200 km ASC"),
    double(POINTS, "GEOSEARCH g FROMLONLAT 1 X BYRADIUS 200 km ASC"),
    double(POINTS, "GEOSEARCH g FROMLONLAT 1 1 BYRADIUS X km ASC"),
    double(POINTS, "GEOSEARCH g FROMLONLAT 1 1 BYBOX X 1 km ASC"),
    double(POINTS, "GEOSEARCHSTORE y g FROMLONLAT 1 1 BYBOX 1 X km"),
    double(POINTS, "GEORADIUS g X 1 200 km ASC"),
    double(POINTS, "GEORADIUS g 1 1 X m ASC"),
    double(POINTS, "GEORADIUSBYMEMBER g m X mi ASC"),
    weight(&["RPUSH l 2 X 1"], "SORT l"),
    weight(&["RPUSH l a b c", "SET w_a X", "SET w_b 1", "SET w_c -1"], "SORT l BY w_* DESC"),
];

/// Texts for one number each.
fn texts() -> Vec<Vec<u8>> {
    let written: &[&[u8]] = &[
        b"nan",
        b"NaN",
        b"-nan",
        b"+nan",
        b"nan(1)",
        b"nan()",
        b"inf",
        b"-inf",
        b"+inf",
        b"INF",
        b"infinity",
        b"-Infinity",
        b"infi",
        b"infinityx",
        // Around the largest double, and beyond it up to the largest long double.
        b"1e308",
        b"1.7976931348623157e308",
        b"1.7976931348623158e308",
        b"1.7976931348623159e308",
        b"-1.8e308",
        b"1e309",
        b"-1e309",
        b"1e4932",
        b"-1e4932",
        b"1.18973149535723176502e4932",
        b"1.2e4932",
        b"1e4933",
        b"-1e4933",
        b"1e5000",
        b"1e99999999999999999999",
        // Around the smallest normal double, the smallest one, and the smallest long double.
        b"2.2250738585072014e-308",
        b"2.2250738585072011e-308",
        b"1e-310",
        b"4.9e-324",
        b"5e-324",
        b"2e-324",
        b"2.4703282292062327e-324",
        b"2.4703282292062328e-324",
        b"1e-400",
        b"-1e-400",
        b"1e-4932",
        b"1e-4950",
        b"3.6e-4951",
        b"1e-4951",
        b"1e-5000",
        b"0e-5000",
        b"0e5000",
        b"0x10",
        b"0x1p3",
        b"0X1.8P-2",
        b"0x",
        b"0x.",
        b"0x1.",
        b"0x.1",
        b"0x1p",
        b"0x1p+",
        b"0x1p1024",
        b"0x1p-1074",
        b"0x1p-1075",
        b"0x1p16383",
        b"0x1p16384",
        b"0x1p-16445",
        b"0x1p-16446",
        b"-0x1",
        b"+0x1",
        b"0x1g",
        b"0b1",
        b" 1",
        b"1 ",
        b"\t1",
        b"1\t",
        b"\n1",
        b"1\n",
        b"\r1",
        b"\x0b1",
        b"\x0c1",
        b"\xa01",
        b" ",
        b"",
        b"1\x000",
        b"\x001",
        b"1\x00",
        b"1e",
        b"1e+",
        b"e1",
        b"1e1.5",
        b"+1",
        b"-1",
        b"++1",
        b"+-1",
        b"+",
        b"-",
        b".5",
        b"5.",
        b".",
        b"+.5",
        b"-5.",
        b"..5",
        b"1..2",
        b"1.5",
        b"1,5",
        b"1_0",
        b"00001",
        b"-00",
        b"-0",
        b"+0",
        b"-0.0",
        b"1f",
        b"1L",
        b"1E5",
        b"1e+05",
        b"1e-05",
        b"(1",
        b"1)",
        b"0.1",
        b"0.3",
        b"-0.0001",
        b"0.0000001",
        b"123456789.123456789",
        b"1e17",
        b"1e21",
        b"1e23",
        // Around what 64 bits can count, in milliseconds and in seconds.
        b"9223372036854775807",
        b"9223372036854775808",
        b"-9223372036854775808",
        b"9223372036854775.807",
        b"9223372036854775.808",
        b"9223372036854774",
        b"9.3e15",
        b"7e15",
        b"18446744073709551616",
    ];
    let nines = |count| "9".repeat(count).into_bytes();
    let zeros = |before: &str, count, after: &str| [before, &"0".repeat(count), after].concat().into_bytes();
    let long = [
        nines(30),
        nines(40),
        nines(308),
        nines(310),
        nines(4932),
        nines(4933),
        zeros("1", 308, ""),
        zeros("1", 309, ""),
        zeros("0.", 320, "1"),
        zeros("0.", 400, "1"),
        zeros("1.", 300, "1"),
        zeros("", 400, "1"),
        // As long a text as Redis reads as a long double, and one byte longer.
        zeros("1.", 5117, ""),
        zeros("1.", 5118, ""),
    ];
    written.iter().map(|text| text.to_vec()).chain(long).collect()
}

/// The words of a line, with the text in the place of `X`.
fn words(line: &str, text: &[u8]) -> Vec<Vec<u8>> {
    let word = |word: &str| match word {
        "X" => text.to_vec(),
        "(X" => [b"(", text].concat(),
        plain => plain.as_bytes().to_vec(),
    };
    line.split(' ').map(word).collect()
}

/// What a server replies in the end, with doubles spelt alike: Redis 7.0 prints 17 digits, newer ones fewer.
fn reply(client: &mut Client, place: &Place, text: &[u8]) -> Value {
    let mut commands = vec![words("FLUSHALL", text)];
    // redis-server resets `errno` here, see `Reader::Weight`.
    commands.push(words("INCRBYFLOAT reset 1", text));
    commands.extend(place.before.iter().map(|line| words(line, text)));
    commands.push(words(place.command, text));
    // A blocking command in a transaction does not wait: so the reply tells whether the timeout was
    // understood.
    if place.reader == Reader::Timeout {
        commands.push(words("EXEC", text));
    }
    let last = client.pipeline(&commands).pop().expect("there are commands");
    spelt_alike(last)
}

fn spelt_alike(value: Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.into_iter().map(spelt_alike).collect()),
        Value::Bulk(bytes) => match str::from_utf8(&bytes).ok().and_then(|text| text.parse::<f64>().ok()) {
            Some(double) => Value::Double(format!("{double:e}")),
            None => Value::Bulk(bytes),
        },
        other => other,
    }
}

/// Which servers know the right reply.
fn knows(kind: Kind, reader: Reader, text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    let is_hexadecimal = text.len() > 1 && text[..2].eq_ignore_ascii_case(b"0x");
    let is_indented = text.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'..=b'\r'));
    match (kind, reader) {
        // From here on the milliseconds since 1970 at which the wait ends overflow.
        (Kind::Redis, Reader::Timeout) => {
            let seconds = str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
            !(is_hexadecimal || seconds.is_some_and(|seconds| seconds > 7e15))
        }
        (Kind::Valkey, Reader::Timeout) => true,
        (Kind::Valkey, Reader::Double) => !is_hexadecimal && !is_indented,
        (Kind::Valkey, Reader::Weight) => false,
        (_, Reader::Double | Reader::Weight) => true,
        (Kind::Shoal | Kind::Kevy, Reader::Timeout) => false,
    }
}

#[test]
fn every_command_reads_floats_as_redis_and_valkey_do() {
    let texts = texts();
    let valkey = Server::builder(Kind::Valkey).try_start();
    if let Err(error) = &valkey {
        println!("only redis-server is asked: {error}");
    }
    let oracles = [Ok(Server::builder(Kind::Redis).start()), valkey];
    let oracles = [Kind::Redis, Kind::Valkey].into_iter().zip(oracles);
    let mut oracles: Vec<_> = oracles
        .filter_map(|(kind, server)| server.ok().map(|server| (kind, server.client(), server)))
        .collect();
    let expected: Vec<Vec<_>> = PLACES
        .iter()
        .map(|place| {
            let of_text = |text: &Vec<u8>| {
                let asked = oracles.iter_mut().filter(|(kind, ..)| knows(*kind, place.reader, text));
                asked.map(|(kind, client, _)| (*kind, reply(client, place, text))).collect::<Vec<_>>()
            };
            texts.iter().map(of_text).collect()
        })
        .collect();
    with_shards(&[1, 3], |shards| {
        let server = shoal(shards).start();
        let mut client = server.client();
        let mut differences = Vec::new();
        for (place, expected) in PLACES.iter().zip(&expected) {
            for (text, expected) in texts.iter().zip(expected) {
                let got = reply(&mut client, place, text);
                for (kind, expected) in expected.iter().filter(|(_, expected)| *expected != got) {
                    let line = client::command_line(&words(place.command, &text[..text.len().min(60)]));
                    differences.push(format!("{line}: {kind:?} says {expected}, but the reply is {got}"));
                }
            }
        }
        assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    });
}

#[test]
fn debug_sleep_takes_any_text_and_goes_on() {
    with_shards(&[1, 3], |shards| {
        let server = shoal(shards).args(["--enable-debug-command", "yes"]).start();
        let mut client = server.client();
        // What Redis cannot count in microseconds of 64 bits it does not sleep at all.
        for text in [
            "nan",
            "-nan",
            "NAN(1)",
            "inf",
            "-inf",
            "infinity",
            "1e19",
            "1e300",
            "1e400",
            "1e4932",
            "-1e4932",
            "-1",
            "-0",
            "1e-400",
            "5e-324",
            "0x1p-20",
            "0x1p1024",
            "",
            " ",
            "x",
            "0.001x",
            " 0.001",
            "0",
            "9223372036854775807",
        ] {
            assert_eq!(client.cmd(&["DEBUG", "SLEEP", text]), Value::ok(), "{text:?}");
        }
        assert_eq!(client.ask("PING").to_string(), "PONG");
    });
}
