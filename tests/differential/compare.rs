//! When two replies count as equal: when their bytes do, except for the commands of one table. This file must
//! not know how replies were got.

use testkit::Value;

use crate::argument::{BIG_KEYS, ODD, SMALL_KEYS};

/// Why and how the replies of a command are not compared byte by byte.
struct Tolerance {
    command: &'static str,
    when: When,
    how: How,
    #[expect(dead_code, reason = "for the reader: every exception has its reason beside it")]
    reason: &'static str,
}

/// With which arguments a tolerance holds.
enum When {
    Always,
    /// Without any.
    Alone,
    /// With this first one, in any case.
    First(&'static [u8]),
    /// With any but this first one.
    NotFirst(&'static [u8]),
    /// With this first one, and somewhere BY and a pattern without a star.
    FirstUnsorted(&'static [u8]),
}

enum How {
    /// Positive integers may differ by this much; all else is compared.
    Within(i64),
    /// Errors are compared; other replies only by their type.
    TypeOnly,
    /// Compared, but the elements of the innermost arrays may come in any order, and twice.
    AnyOrder,
    /// Compared, but where the one server says the first of a pair the other may say the second.
    NewerName(&'static [(&'static str, &'static str)]),
    /// Compared, but the pairs of maps and of the innermost arrays may come in any order.
    PairsInAnyOrder,
    /// Compared, but doubles may be spelt differently.
    AnySpelling,
    /// As `AnyOrder` and `AnySpelling` together.
    AnyOrderAndSpelling,
    /// Compared, but the times in milliseconds that entries have been pending for may differ.
    AnyIdleTime,
    /// Compared, after both servers were made to look at every key.
    AfterSweep,
}

const SCORES: &str = "Redis 7.0 prints 17 digits of a score, Redis 7.2 and shoal the fewest that are enough";

/// All exceptions.
const TOLERANCES: &[Tolerance] = &[
    Tolerance {
        command: "TTL",
        when: When::Always,
        how: How::Within(300),
        reason: "seconds pass between the two servers' EXPIRE and TTL when the machine stalls; the times of a stream are \
                 at least 1000 apart",
    },
    Tolerance {
        command: "PTTL",
        when: When::Always,
        how: How::Within(300_000),
        reason: "as TTL, in milliseconds",
    },
    Tolerance {
        command: "EXPIRETIME",
        when: When::Always,
        how: How::Within(300),
        reason: "EXPIRE counts from each server's own now",
    },
    Tolerance {
        command: "PEXPIRETIME",
        when: When::Always,
        how: How::Within(300_000),
        reason: "as EXPIRETIME",
    },
    Tolerance { command: "KEYS", when: When::Always, how: How::AnyOrder, reason: "keys have no order" },
    Tolerance {
        command: "SCAN",
        when: When::First(b"0"),
        how: How::AnyOrder,
        reason: "keys have no order; Redis may show one twice while its table grows",
    },
    Tolerance {
        command: "SCAN",
        when: When::NotFirst(b"0"),
        how: How::TypeOnly,
        reason: "a cursor means something to the server only that gave it out",
    },
    Tolerance {
        command: "HGETALL",
        when: When::Always,
        how: How::PairsInAnyOrder,
        reason: "the fields of a large hash have no order",
    },
    Tolerance { command: "HKEYS", when: When::Always, how: How::AnyOrder, reason: "as HGETALL" },
    Tolerance { command: "HRANDFIELD", when: When::Always, how: How::TypeOnly, reason: "it is random" },
    Tolerance { command: "HSCAN", when: When::Always, how: How::PairsInAnyOrder, reason: "as HGETALL" },
    Tolerance { command: "HVALS", when: When::Always, how: How::AnyOrder, reason: "as HGETALL" },
    Tolerance { command: "SDIFF", when: When::Always, how: How::AnyOrder, reason: "members have no order" },
    Tolerance { command: "SINTER", when: When::Always, how: How::AnyOrder, reason: "members have no order" },
    Tolerance {
        command: "SMEMBERS",
        when: When::Always,
        how: How::AnyOrder,
        reason: "members have no order",
    },
    Tolerance { command: "SRANDMEMBER", when: When::Always, how: How::TypeOnly, reason: "it is random" },
    Tolerance {
        command: "SSCAN",
        when: When::Always,
        how: How::TypeOnly,
        reason: "a small set is scanned at once since Redis 7.2 only, and a cursor means something to its server only",
    },
    Tolerance {
        command: "SORT",
        when: When::FirstUnsorted(b"members"),
        how: How::TypeOnly,
        reason: "an argument at random says not to sort a set, and members have no order",
    },
    Tolerance {
        command: "SORT_RO",
        when: When::FirstUnsorted(b"members"),
        how: How::TypeOnly,
        reason: "as SORT",
    },
    Tolerance { command: "SUNION", when: When::Always, how: How::AnyOrder, reason: "members have no order" },
    Tolerance { command: "RANDOMKEY", when: When::Always, how: How::TypeOnly, reason: "it is random" },
    Tolerance {
        command: "OBJECT",
        when: When::First(b"REFCOUNT"),
        how: How::TypeOnly,
        reason: "Redis shares small integers, but not those that COPY has made",
    },
    Tolerance {
        command: "OBJECT",
        when: When::First(b"IDLETIME"),
        how: How::TypeOnly,
        reason: "Redis tells when any key was used last that has the same small integer",
    },
    Tolerance {
        command: "OBJECT",
        when: When::First(b"ENCODING"),
        how: How::NewerName(&[("quicklist", "listpack"), ("hashtable", "listpack"), ("hashtable", "intset")]),
        reason: "since Redis 7.2 small lists and sets are listpacks, and our SDIFFSTORE always encodes by what is left",
    },
    Tolerance {
        command: "XPENDING",
        when: When::Always,
        how: How::AnyIdleTime,
        reason: "it tells for how many milliseconds entries are pending, at each server's own time",
    },
    Tolerance {
        command: "HELLO",
        when: When::Always,
        how: How::TypeOnly,
        reason: "names the server, its version and the client's id",
    },
    Tolerance {
        command: "COMMAND",
        when: When::Alone,
        how: How::TypeOnly,
        reason: "lists the server's own commands in no order; another test holds them against Redis",
    },
    Tolerance {
        command: "DBSIZE",
        when: When::Always,
        how: How::AfterSweep,
        reason: "Redis counts a key whose time is over until somebody looks at it or a timer finds it",
    },
    Tolerance { command: "ZADD", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZDIFF", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZINCRBY", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZINTER", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZMPOP", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZMSCORE", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZPOPMAX", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZPOPMIN", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZRANGE", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZRANGEBYSCORE", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZREVRANGE", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZREVRANGEBYSCORE", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance {
        command: "ZRANDMEMBER",
        when: When::Always,
        how: How::TypeOnly,
        reason: "its row asks for none, but an argument left out asks for one at random",
    },
    Tolerance { command: "ZSCORE", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZUNION", when: When::Always, how: How::AnySpelling, reason: SCORES },
    Tolerance { command: "ZSCAN", when: When::Always, how: How::AnyOrderAndSpelling, reason: SCORES },
];

fn tolerance(args: &[Vec<u8>]) -> Option<&'static Tolerance> {
    let name = args.first()?;
    let is_first = |word: &[u8]| args.get(1).is_some_and(|first| first.eq_ignore_ascii_case(word));
    let is_no_order = |pair: &[Vec<u8>]| pair[0].eq_ignore_ascii_case(b"BY") && !pair[1].contains(&b'*');
    TOLERANCES.iter().find(|tolerance| {
        name.eq_ignore_ascii_case(tolerance.command.as_bytes())
            && match tolerance.when {
                When::Always => true,
                When::Alone => args.len() == 1,
                When::First(word) => is_first(word),
                When::NotFirst(word) => !is_first(word),
                When::FirstUnsorted(word) => is_first(word) && args.windows(2).any(is_no_order),
            }
    })
}

/// The value with the elements of its innermost arrays in order, each once.
fn in_order(value: &Value) -> Value {
    match value {
        Value::Array(values) => {
            let mut values: Vec<Value> = values.iter().map(in_order).collect();
            if values.iter().all(|value| !matches!(value, Value::Array(_))) {
                values.sort_by_key(|value| format!("{value:?}"));
                values.dedup();
            }
            Value::Array(values)
        }
        Value::Set(values) => match in_order(&Value::Array(values.clone())) {
            Value::Array(values) => Value::Set(values),
            other => other,
        },
        other => other.clone(),
    }
}

/// The value with the pairs of its innermost arrays and of its maps in order.
fn pairs_in_order(value: &Value) -> Value {
    let sorted = |mut pairs: Vec<(Value, Value)>| {
        pairs.sort_by_key(|pair| format!("{pair:?}"));
        Value::Map(pairs)
    };
    match value {
        Value::Map(pairs) => sorted(pairs.clone()),
        Value::Array(values) if values.iter().any(|value| matches!(value, Value::Array(_))) => {
            Value::Array(values.iter().map(pairs_in_order).collect())
        }
        Value::Array(values) if values.len() % 2 == 0 => {
            sorted(values.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
        }
        other => other.clone(),
    }
}

/// The value with everything that reads as a double as Rust prints it.
fn spelt_alike(value: &Value) -> Value {
    let double = |text: &str| text.parse::<f64>().ok().map(|double| format!("{double:e}"));
    match value {
        Value::Array(values) => Value::Array(values.iter().map(spelt_alike).collect()),
        Value::Double(text) => Value::Double(double(text).unwrap_or_else(|| text.clone())),
        Value::Bulk(bytes) => {
            let text = std::str::from_utf8(bytes).unwrap_or_default();
            double(text).map_or_else(|| value.clone(), |text| Value::Bulk(text.into_bytes()))
        }
        other => other.clone(),
    }
}

/// The value with zero as the time that any entry of XPENDING has been pending for: the third of its four
/// elements.
fn without_idle_times(value: &Value) -> Value {
    match value {
        Value::Array(values) => match values.as_slice() {
            [id @ Value::Bulk(_), consumer, Value::Int(0..), count @ Value::Int(_)] => {
                Value::Array(vec![id.clone(), consumer.clone(), Value::Int(0), count.clone()])
            }
            values => Value::Array(values.iter().map(without_idle_times).collect()),
        },
        other => other.clone(),
    }
}

/// What a connection has queued since MULTI, so that the elements of EXEC's reply are compared as the replies
/// of their commands. One for each connection.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    commands: Vec<Vec<Vec<u8>>>,
}

impl Queue {
    /// Whether two replies to this command of the connection are the same.
    pub(crate) fn is_same(&mut self, args: &[Vec<u8>], expected: &Value, got: &Value) -> bool {
        if *expected == Value::simple("QUEUED") {
            let prelude = prelude(args).map(|words| words.iter().map(|word| word.to_vec()).collect());
            self.commands.extend(prelude);
            self.commands.push(args.to_vec());
            return expected == got;
        }
        let is = |name: &str| args.first().is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()));
        let ends = is("EXEC") || is("DISCARD") || is("RESET");
        let commands = if ends { std::mem::take(&mut self.commands) } else { Vec::new() };
        match (expected, got) {
            (Value::Array(expected), Value::Array(got)) if is("EXEC") && expected.len() == got.len() => {
                expected.len() == commands.len()
                    && commands
                        .iter()
                        .zip(expected.iter().zip(got))
                        .all(|(args, (expected, got))| is_same(args, expected, got))
            }
            _ => is_same(args, expected, got),
        }
    }
}

/// What Redis 7.2 refuses and the server beside us, which may be older, takes: a number of keys that is none
/// for COMMAND GETKEYS, the least number as the rank of LPOS.
fn is_newer(args: &[Vec<u8>]) -> bool {
    const COUNTING_KEYS: &[&[u8]] =
        &[b"LMPOP", b"SINTERCARD", b"ZDIFF", b"ZINTER", b"ZINTERCARD", b"ZMPOP", b"ZUNION", b"ZDIFFSTORE"];
    let is = |at: usize, name: &[u8]| args.get(at).is_some_and(|word| word.eq_ignore_ascii_case(name));
    let counts = |at: usize| COUNTING_KEYS.iter().any(|name| is(at, name)) || is(at, b"ZINTERSTORE");
    let least = || args.iter().any(|word| word.as_slice() == i64::MIN.to_string().as_bytes());
    (is(0, b"COMMAND") && (counts(2) || is(2, b"ZUNIONSTORE"))) || (is(0, b"LPOS") && least())
}

/// Whether two replies to this command are the same.
fn is_same(args: &[Vec<u8>], expected: &Value, got: &Value) -> bool {
    if is_newer(args) {
        return true;
    }
    if expected == got {
        return true;
    }
    match tolerance(args).map(|tolerance| &tolerance.how) {
        Some(How::Within(distance_max)) => match (expected, got) {
            (Value::Int(expected), Value::Int(got)) => {
                *expected > 0 && *got > 0 && expected.abs_diff(*got) <= distance_max.unsigned_abs()
            }
            _ => false,
        },
        Some(How::TypeOnly) => {
            !expected.is_error() && std::mem::discriminant(expected) == std::mem::discriminant(got)
        }
        Some(How::AnyOrder) => in_order(expected) == in_order(got),
        Some(How::NewerName(names)) => {
            names.iter().any(|(older, newer)| *expected == Value::bulk(older) && *got == Value::bulk(newer))
        }
        Some(How::PairsInAnyOrder) => {
            std::mem::discriminant(expected) == std::mem::discriminant(got)
                && pairs_in_order(expected) == pairs_in_order(got)
        }
        Some(How::AnySpelling) => spelt_alike(expected) == spelt_alike(got),
        Some(How::AnyIdleTime) => without_idle_times(expected) == without_idle_times(got),
        Some(How::AnyOrderAndSpelling) => in_order(&spelt_alike(expected)) == in_order(&spelt_alike(got)),
        Some(How::AfterSweep) | None => false,
    }
}

/// A command to send before this one, so that both servers are in the same state; its reply is not compared.
pub(crate) fn prelude(args: &[Vec<u8>]) -> Option<Vec<&'static [u8]>> {
    match tolerance(args)?.how {
        How::AfterSweep => Some([&[&b"EXISTS"[..]], SMALL_KEYS, BIG_KEYS, ODD].concat()),
        How::Within(_)
        | How::TypeOnly
        | How::AnyOrder
        | How::NewerName(_)
        | How::PairsInAnyOrder
        | How::AnySpelling
        | How::AnyIdleTime
        | How::AnyOrderAndSpelling => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_same_for(command: &str, expected: Value, got: Value) -> bool {
        is_same(&[command.as_bytes().to_vec()], &expected, &got)
    }

    #[test]
    fn only_remaining_times_are_compared_with_tolerance() {
        assert!(is_same_for("ttl", Value::Int(100), Value::Int(101)));
        assert!(!is_same_for("TTL", Value::Int(1000), Value::Int(2000)));
        assert!(!is_same_for("TTL", Value::Int(-1), Value::Int(-2)));
        assert!(!is_same_for("STRLEN", Value::Int(100), Value::Int(101)));
        assert!(!is_same_for("GET", Value::NullBulk, Value::Null));
    }

    #[test]
    fn keys_are_compared_in_any_order() {
        let array = |keys: &[i64]| Value::Array(keys.iter().copied().map(Value::Int).collect());
        assert!(is_same_for("KEYS", array(&[1, 2]), array(&[2, 1])));
        assert!(!is_same_for("KEYS", array(&[1, 2]), array(&[1, 3])));
        assert!(!is_same_for("MGET", array(&[1, 2]), array(&[2, 1])));
        let scan = |cursor, keys| Value::Array(vec![Value::Int(cursor), array(keys)]);
        let args = [b"scan".to_vec(), b"0".to_vec()];
        assert!(is_same(&args, &scan(0, &[1, 2, 1]), &scan(0, &[2, 1])));
        assert!(!is_same(&args, &scan(0, &[1]), &scan(5, &[1])));
    }

    #[test]
    fn pairs_are_compared_in_any_order_but_stay_pairs() {
        let array = |values: &[i64]| Value::Array(values.iter().copied().map(Value::Int).collect());
        assert!(is_same_for("HGETALL", array(&[1, 2, 3, 4]), array(&[3, 4, 1, 2])));
        assert!(!is_same_for("HGETALL", array(&[1, 2, 3, 4]), array(&[1, 4, 3, 2])));
        let map = |pairs: &[(i64, i64)]| {
            Value::Map(pairs.iter().map(|&(key, value)| (Value::Int(key), Value::Int(value))).collect())
        };
        assert!(is_same_for("HGETALL", map(&[(1, 2), (3, 4)]), map(&[(3, 4), (1, 2)])));
        assert!(!is_same_for("HGETALL", map(&[(1, 2)]), array(&[1, 2])));
        let scan = |cursor, pairs| Value::Array(vec![Value::Int(cursor), array(pairs)]);
        assert!(is_same_for("HSCAN", scan(0, &[1, 2, 3, 4]), scan(0, &[3, 4, 1, 2])));
        assert!(!is_same_for("HSCAN", scan(0, &[1, 2]), scan(5, &[1, 2])));
    }

    #[test]
    fn scores_are_compared_as_numbers() {
        let bulk = |text: &str| Value::Bulk(text.as_bytes().to_vec());
        assert!(is_same_for("ZSCORE", bulk("0.10000000000000001"), bulk("0.1")));
        assert!(is_same_for("ZRANGE", Value::Double("1e3".to_owned()), Value::Double("1000".to_owned())));
        assert!(!is_same_for("ZSCORE", bulk("0.10000000000000001"), bulk("0.2")));
        assert!(!is_same_for("ZSCORE", bulk("0.1"), Value::Double("0.1".to_owned())));
        assert!(!is_same_for("GET", bulk("0.10"), bulk("0.1")));
    }

    #[test]
    fn the_elements_of_exec_are_compared_as_the_replies_of_what_was_queued() {
        let args =
            |line: &str| -> Vec<Vec<u8>> { line.split(' ').map(|word| word.as_bytes().to_vec()).collect() };
        let exec = |lines: &[&str], expected: &[Value], got: &[Value]| {
            let (mut queue, queued) = (Queue::default(), Value::simple("QUEUED"));
            assert!(queue.is_same(&args("MULTI"), &Value::ok(), &Value::ok()));
            assert!(lines.iter().all(|line| queue.is_same(&args(line), &queued, &queued)));
            let array = |values: &[Value]| Value::Array(values.to_vec());
            queue.is_same(&args("exec"), &array(expected), &array(got))
        };
        let [one, two] = [Value::Int(100), Value::Int(101)];
        assert!(exec(&["GET a", "TTL a"], &[one.clone(), one.clone()], &[one.clone(), two.clone()]));
        assert!(!exec(&["TTL a", "GET a"], &[one.clone(), one.clone()], &[one.clone(), two.clone()]));
        assert!(!exec(&["TTL a"], &[one.clone(), one.clone()], &[one.clone(), two.clone()]));
        // What is sent before DBSIZE is queued, too.
        assert!(exec(
            &["DBSIZE", "TTL a"],
            &[one.clone(), one.clone(), one.clone()],
            &[one.clone(), one.clone(), two]
        ));
        let mut queue = Queue::default();
        assert!(!queue.is_same(&args("GET a"), &Value::simple("QUEUED"), &one));
    }

    #[test]
    fn pending_entries_are_compared_but_for_how_long_they_are_pending() {
        let bulk = |text: &str| Value::Bulk(text.as_bytes().to_vec());
        let entry = |id: &str, idle_ms, deliveries| {
            Value::Array(vec![bulk(id), bulk("c"), Value::Int(idle_ms), Value::Int(deliveries)])
        };
        let is_same = |expected: Value, got: Value| {
            is_same_for("XPENDING", Value::Array(vec![expected]), Value::Array(vec![got]))
        };
        assert!(is_same(entry("1-1", 0, 2), entry("1-1", 7, 2)));
        assert!(!is_same(entry("1-1", 0, 2), entry("1-1", 7, 3)));
        assert!(!is_same(entry("1-1", 0, 2), entry("1-2", 7, 2)));
        assert!(!is_same(entry("1-1", 0, 2), entry("1-1", -1, 2)));
        assert!(!is_same(Value::Int(1), Value::Int(2)), "the number of pending entries");
    }

    #[test]
    fn hello_is_compared_by_type_but_its_errors_by_text() {
        assert!(is_same_for("HELLO", Value::Map(vec![]), Value::Map(vec![(Value::Null, Value::Null)])));
        assert!(!is_same_for("HELLO", Value::Map(vec![]), Value::Array(vec![])));
        assert!(!is_same_for("HELLO", Value::error("NOPROTO a"), Value::error("NOPROTO b")));
    }
}
