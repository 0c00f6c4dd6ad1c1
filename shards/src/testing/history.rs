//! Is a history strictly serialisable? Is there one order of its operations, one after the other, in which
//! each gives the reply that it gave, and which agrees with time: what had ended before another began comes
//! before it?
//!
//! The search of Wing and Gong (JPDC 1993) with the memory of Lowe (CCPE 2017): a set of operations done,
//! together with the state that they led to, is tried once. Operations of one connection also keep the order
//! that the server promises for pipelines, as each operation says. The file knows no command: what operations
//! do is for the specification to say.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

/// What operations do when they come one at a time.
pub(super) trait Spec: Clone + Default + Eq + Hash {
    /// An operation.
    type Call: Debug;

    /// Does it and says what it replies.
    fn apply(&mut self, call: &Self::Call) -> Vec<u8>;
}

/// An operation that is done.
#[derive(Clone, Debug)]
pub(super) struct Operation<C> {
    pub(super) call: C,
    /// Nothing when nobody wanted to know: then it may have been any.
    pub(super) reply: Vec<u8>,
    /// When it began and when it had ended; what ends at 3 ends before what begins at 4.
    pub(super) invoked: u64,
    pub(super) returned: u64,
    /// Indices of earlier operations that it must not overtake, whatever their times.
    pub(super) after: Vec<usize>,
}

/// A set of operations, by index. Bounds a history to 128 operations.
type Set = u128;

/// An order of the history's operations that explains it, or none.
pub(super) fn serial_order<S: Spec>(history: &[Operation<S::Call>]) -> Option<Vec<usize>> {
    assert!(history.len() < Set::BITS as usize, "a history this long does not fit a set");
    let after =
        |operation: &Operation<S::Call>| operation.after.iter().fold(0, |set, &index| set | 1 << index);
    let mut search = Search {
        history,
        after: history.iter().map(after).collect(),
        tried: HashSet::new(),
        order: Vec::new(),
    };
    search.complete(0, &S::default()).then_some(search.order)
}

struct Search<'a, S: Spec> {
    history: &'a [Operation<S::Call>],
    after: Vec<Set>,
    tried: HashSet<(Set, S)>,
    order: Vec<usize>,
}

impl<S: Spec> Search<'_, S> {
    /// Completes `order`, which has done `done` and led to `state`. False when that cannot be.
    fn complete(&mut self, done: Set, state: &S) -> bool {
        let left = |&index: &usize| done & 1 << index == 0;
        let history = self.history;
        // Whatever begins later than this has to wait for the one that ends here.
        let Some(end) = (0..history.len()).filter(left).map(|index| history[index].returned).min() else {
            return true;
        };
        for index in (0..history.len()).filter(left) {
            let operation = &history[index];
            if operation.invoked > end || self.after[index] & !done != 0 {
                continue;
            }
            let mut next = state.clone();
            let reply = next.apply(&operation.call);
            if !operation.reply.is_empty() && reply != operation.reply {
                continue;
            }
            let done = done | 1 << index;
            if !self.tried.insert((done, next.clone())) {
                continue;
            }
            self.order.push(index);
            if self.complete(done, &next) {
                return true;
            }
            self.order.pop();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::model::{Call, Model};

    /// An operation: what is done, its reply and when it began and ended. `EXEC@2 SET a 1 ; GET b` is of
    /// client 2, and so are `WATCH@2 a b` and `UNWATCH@2`.
    type Line = (&'static str, &'static str, u64, u64);

    fn operation(&(call, reply, invoked, returned): &Line) -> Operation<Call> {
        Operation {
            call: parsed(call),
            reply: encoded(reply).into_bytes(),
            invoked,
            returned,
            after: Vec::new(),
        }
    }

    fn parsed(line: &str) -> Call {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect();
        let (head, rest) = line.split_once(' ').unwrap_or((line, ""));
        let Some((name, client)) = head.split_once('@') else { return Call::Command(0, words(line)) };
        let client = client.parse().unwrap();
        match name {
            "WATCH" => Call::Watch(client, rest.split(' ').map(|key| (0, key.to_owned())).collect()),
            "EXEC" => Call::Exec(client, rest.split(" ; ").map(|line| (0, words(line))).collect()),
            _ => Call::Unwatch(client),
        }
    }

    fn encoded(reply: &str) -> String {
        match reply.strip_prefix('*') {
            Some("-1") => "*-1\r\n".to_owned(),
            Some(values) => {
                let values: Vec<String> = values.split(' ').map(encoded).collect();
                format!("*{}\r\n{}", values.len(), values.concat())
            }
            None if reply.starts_with(['+', ':']) => format!("{reply}\r\n"),
            None if reply == "nil" => "$-1\r\n".to_owned(),
            None => format!("${}\r\n{reply}\r\n", reply.len()),
        }
    }

    fn order(lines: &[Line]) -> Option<Vec<usize>> {
        serial_order::<Model>(&lines.iter().map(operation).collect::<Vec<_>>())
    }

    #[test]
    fn operations_at_the_same_time_may_be_ordered_as_it_fits() {
        let read_sees = |value| [("SET a 1", "+OK", 1, 9), ("GET a", value, 2, 3)];
        assert_eq!(order(&read_sees("1")), Some(vec![0, 1]));
        assert_eq!(order(&read_sees("nil")), Some(vec![1, 0]));
        assert_eq!(order(&read_sees("2")), None);
    }

    #[test]
    fn a_search_goes_back_from_a_choice_that_was_wrong() {
        let lines = [
            ("SET a 1", "+OK", 1, 9),
            ("SET a 2", "+OK", 1, 9),
            ("SET a 3", "+OK", 1, 9),
            ("GET a", "3", 10, 11),
            ("GET a", "2", 1, 9),
            ("INCR a", ":2", 1, 9),
        ];
        assert!(order(&lines).is_some());
        let [.., wrong] = lines;
        assert_eq!(order(&[&lines[..5], &[(wrong.0, ":5", 1, 9)]].concat()), None);
    }

    #[test]
    fn a_lost_update_is_found() {
        assert!(order(&[("INCR a", ":1", 1, 5), ("INCR a", ":2", 2, 4), ("GET a", "2", 6, 7)]).is_some());
        assert!(order(&[("INCR a", ":1", 1, 5), ("INCR a", ":1", 2, 4)]).is_none());
        assert!(order(&[("INCR a", ":1", 1, 5), ("INCR a", ":2", 2, 4), ("GET a", "1", 6, 7)]).is_none());
    }

    #[test]
    fn a_fractured_read_is_found() {
        let read_sees = |values| [("MSET a 1 b 1", "+OK", 1, 9), ("MGET a b", values, 2, 8)];
        assert!(order(&read_sees("*1 1")).is_some());
        assert!(order(&read_sees("*nil nil")).is_some());
        assert!(order(&read_sees("*1 nil")).is_none());
        assert!(order(&read_sees("*nil 1")).is_none());
        // The same by two single reads, one after the other.
        let reads = |a, b| [("MSET a 1 b 1", "+OK", 1, 9), ("GET a", a, 2, 3), ("GET b", b, 4, 5)];
        assert!(order(&reads("nil", "1")).is_some());
        assert!(order(&reads("1", "nil")).is_none());
    }

    #[test]
    fn a_msetnx_that_is_not_atomic_is_found() {
        assert!(order(&[("MSETNX a 1 b 1", ":1", 1, 5), ("MSETNX b 2 a 2", ":0", 1, 5)]).is_some());
        assert!(order(&[("MSETNX a 1 b 1", ":1", 1, 5), ("MSETNX b 2 a 2", ":1", 1, 5)]).is_none());
        assert!(order(&[("MSETNX a 1 b 1", ":0", 1, 5), ("MSETNX b 2 a 2", ":0", 1, 5)]).is_none());
        assert!(
            order(&[("SET a 7", "+OK", 1, 2), ("MSETNX a 1 b 1", ":0", 3, 4), ("GET b", "1", 5, 6)])
                .is_none()
        );
    }

    #[test]
    fn an_order_that_contradicts_time_is_found() {
        assert!(order(&[("SET a 1", "+OK", 1, 3), ("GET a", "nil", 3, 4)]).is_some());
        assert!(order(&[("SET a 1", "+OK", 1, 3), ("GET a", "nil", 4, 5)]).is_none());
        // Serialisable, but not strictly: each sees the other's write undone.
        let late = [("SET a 1", "+OK", 1, 2), ("SET b 1", "+OK", 3, 4), ("MGET a b", "*nil 1", 1, 9)];
        assert!(order(&late).is_none());
    }

    #[test]
    fn write_skew_is_found() {
        // Each copies what it read of the other's key; one must see the other's work.
        let skew = |first, second| {
            [
                ("MSET a x b yy", "+OK", 1, 2),
                ("BITOP OR a b b", first, 3, 9),
                ("BITOP OR b a a", second, 3, 9),
                ("MGET a b", "*yy x", 10, 11),
            ]
        };
        assert!(order(&skew(":2", ":1")).is_none());
        let [start, first, _, _] = skew(":2", ":2");
        let seen = ("MGET a b", "*yy yy", 10, 11);
        assert!(order(&[start, first, ("BITOP OR b a a", ":2", 3, 9), seen]).is_some());
    }

    #[test]
    fn a_torn_exec_is_found() {
        let read_sees = |values| [("EXEC@1 SET a 1 ; SET b 1", "*+OK +OK", 1, 9), ("MGET a b", values, 2, 8)];
        assert!(order(&read_sees("*1 1")).is_some());
        assert!(order(&read_sees("*nil nil")).is_some());
        assert!(order(&read_sees("*1 nil")).is_none());
        assert!(order(&read_sees("*nil 1")).is_none());
        // What it reads itself is of one moment too.
        let reader_sees = |values| [("MSET a 1 b 1", "+OK", 1, 9), ("EXEC@1 GET a ; GET b", values, 2, 8)];
        assert!(order(&reader_sees("*1 1")).is_some());
        assert!(order(&reader_sees("*nil 1")).is_none());
        // And it sees what it has done.
        assert!(order(&[("EXEC@1 SET a 1 ; INCR a", "*+OK :2", 1, 2)]).is_some());
        assert!(order(&[("EXEC@1 SET a 1 ; INCR a", "*+OK :1", 1, 2)]).is_none());
        // Half of one that was closed in the middle.
        assert!(order(&[("EXEC@1 SET a 1 ; SET b 1", "*+OK +OK", 1, 2), ("GET b", "nil", 3, 4)]).is_none());
    }

    #[test]
    fn an_exec_that_ran_although_its_watched_key_had_changed_is_found() {
        let history = |exec| {
            [
                ("WATCH@1 a", "+OK", 1, 2),
                ("SET a 5", "+OK", 3, 4),
                ("EXEC@1 SET b 1", exec, 5, 6),
                ("GET b", if exec == "*-1" { "nil" } else { "1" }, 7, 8),
            ]
        };
        assert!(order(&history("*-1")).is_some());
        assert!(order(&history("*+OK")).is_none());
        // Two that increment the same way: one has to give in.
        let both = |second| {
            [
                ("WATCH@1 a", "+OK", 1, 2),
                ("WATCH@2 a", "+OK", 1, 2),
                ("EXEC@1 SET a 1", "*+OK", 3, 9),
                ("EXEC@2 SET a 1", second, 3, 9),
            ]
        };
        assert!(order(&both("*-1")).is_some());
        assert!(order(&both("*+OK")).is_none());
    }

    #[test]
    fn an_exec_that_gives_in_without_need_is_found() {
        let watch = ("WATCH@1 a", "+OK", 1, 2);
        let gives_in = ("EXEC@1 SET b 1", "*-1", 5, 6);
        assert!(order(&[watch, gives_in]).is_none());
        assert!(order(&[watch, ("SET b 5", "+OK", 3, 4), gives_in]).is_none());
        assert!(order(&[watch, ("DEL a", ":0", 3, 4), gives_in]).is_none(), "nothing was changed");
        // Before it was watched, behind EXEC, and when it is watched no more.
        assert!(order(&[("SET a 5", "+OK", 0, 0), watch, gives_in]).is_none());
        assert!(order(&[watch, gives_in, ("SET a 5", "+OK", 7, 8)]).is_none());
        assert!(order(&[watch, ("SET a 5", "+OK", 3, 3), ("UNWATCH@1", "+OK", 4, 4), gives_in]).is_none());
        let first = ("EXEC@1 SET a 1", "*+OK", 3, 3);
        assert!(order(&[watch, first, gives_in]).is_none(), "the first EXEC has ended the watch");
        // At the same time it may be.
        assert!(order(&[watch, ("SET a 5", "+OK", 3, 9), gives_in]).is_some());
    }

    #[test]
    fn a_key_that_is_seen_behind_its_time_is_found() {
        let tick = |now_ms, at| Operation {
            call: Call::Clock("a".into(), now_ms),
            reply: Vec::new(),
            invoked: at,
            returned: at,
            after: Vec::new(),
        };
        let start_ms = crate::testing::START_MS;
        let set = operation(&("SET a 1 PX 5", "+OK", 1, 1));
        let read_sees = |value, at| operation(&("GET a", value, at, at));
        let is_possible = |history: &[Operation<Call>]| serial_order::<Model>(history).is_some();
        assert!(is_possible(&[set.clone(), tick(start_ms + 5, 2), read_sees("1", 3)]));
        assert!(!is_possible(&[set.clone(), tick(start_ms + 5, 2), read_sees("nil", 3)]));
        assert!(is_possible(&[set.clone(), tick(start_ms + 6, 2), read_sees("nil", 3)]));
        assert!(!is_possible(&[set.clone(), tick(start_ms + 6, 2), read_sees("1", 3)]));
        // That it goes is a change for those who watch it.
        let watch = operation(&("WATCH@1 a", "+OK", 2, 2));
        let exec = |reply| operation(&("EXEC@1 GET b", reply, 4, 4));
        let history = |reply| [set.clone(), watch.clone(), tick(start_ms + 6, 3), exec(reply)];
        assert!(is_possible(&history("*-1")));
        assert!(!is_possible(&history("*nil")));
    }

    #[test]
    fn a_connection_that_overtakes_itself_is_found() {
        let lines = [("SET a 1", "+OK", 1, 9), ("GET a", "nil", 2, 9)];
        let mut history: Vec<_> = lines.iter().map(operation).collect();
        assert!(serial_order::<Model>(&history).is_some());
        history[1].after = vec![0];
        assert!(serial_order::<Model>(&history).is_none());
    }
}
