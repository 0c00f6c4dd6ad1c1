//! When two replies count as equal: when their bytes do, except for the commands of one table. This file must not know
//! how replies were got.

use testkit::Value;

use crate::argument::{BIG_KEYS, ODD, SMALL_KEYS};

/// Why and how the replies of a command are not compared byte by byte.
struct Tolerance {
    command: &'static str,
    /// Holds for the command without arguments only.
    alone: bool,
    how: How,
    #[expect(dead_code, reason = "for the reader: every exception has its reason beside it")]
    reason: &'static str,
}

enum How {
    /// Positive integers may differ by this much; all else is compared.
    Within(i64),
    /// Errors are compared; other replies only by their type.
    TypeOnly,
    /// Compared, after both servers were made to look at every key.
    AfterSweep,
}

/// All exceptions.
const TOLERANCES: &[Tolerance] = &[
    Tolerance {
        command: "TTL",
        alone: false,
        how: How::Within(10),
        reason: "seconds pass between the two servers' EXPIRE and TTL; enough for a machine that stalls",
    },
    Tolerance { command: "PTTL", alone: false, how: How::Within(10_000), reason: "as TTL, in milliseconds" },
    Tolerance {
        command: "HELLO",
        alone: false,
        how: How::TypeOnly,
        reason: "names the server, its version and the client's id",
    },
    Tolerance {
        command: "COMMAND",
        alone: true,
        how: How::TypeOnly,
        reason: "lists the server's own commands in no order; another test holds them against Redis",
    },
    Tolerance {
        command: "DBSIZE",
        alone: false,
        how: How::AfterSweep,
        reason: "Redis counts a key whose time is over until somebody looks at it or a timer finds it",
    },
];

fn tolerance(args: &[Vec<u8>]) -> Option<&'static Tolerance> {
    let name = args.first()?;
    TOLERANCES.iter().find(|tolerance| {
        name.eq_ignore_ascii_case(tolerance.command.as_bytes()) && (!tolerance.alone || args.len() == 1)
    })
}

/// What a connection has queued since MULTI, so that the elements of EXEC's reply are compared as the replies of their
/// commands. One for each connection.
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

/// Whether two replies to this command are the same.
fn is_same(args: &[Vec<u8>], expected: &Value, got: &Value) -> bool {
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
        Some(How::AfterSweep) | None => false,
    }
}

/// A command to send before this one, so that both servers are in the same state; its reply is not compared.
pub(crate) fn prelude(args: &[Vec<u8>]) -> Option<Vec<&'static [u8]>> {
    match tolerance(args)?.how {
        How::AfterSweep => Some([&[&b"EXISTS"[..]], SMALL_KEYS, BIG_KEYS, ODD].concat()),
        How::Within(_) | How::TypeOnly => None,
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
        assert!(!is_same_for("TTL", Value::Int(100), Value::Int(200)));
        assert!(!is_same_for("TTL", Value::Int(-1), Value::Int(-2)));
        assert!(!is_same_for("STRLEN", Value::Int(100), Value::Int(101)));
        assert!(!is_same_for("GET", Value::NullBulk, Value::Null));
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
    fn hello_is_compared_by_type_but_its_errors_by_text() {
        assert!(is_same_for("HELLO", Value::Map(vec![]), Value::Map(vec![(Value::Null, Value::Null)])));
        assert!(!is_same_for("HELLO", Value::Map(vec![]), Value::Array(vec![])));
        assert!(!is_same_for("HELLO", Value::error("NOPROTO a"), Value::error("NOPROTO b")));
    }
}
