//! What a few commands do, said as plainly as possible: the specification against which simulated histories
//! are judged.
//!
//! Databases of ordered maps, one operation at a time. It shares no code with the commands that it describes.
//!
//! *Time.* Each key has a clock, and the tick of a clock is an operation of its own. All clocks tick at the
//! same moment, but a command that is under way then may see one key before it and another one behind it:
//! each shard looks at the time when it runs its part. What has expired is gone at once; when it is really
//! removed is nobody's business.

use std::collections::BTreeMap;

use super::START_MS;
use super::history::Spec;

pub(super) type Words = Vec<String>;

/// The number of databases that are simulated.
pub(super) const DBS: usize = 3;

/// What can happen to the keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Call {
    /// A command in a database.
    Command(usize, Words),
    /// A client watches keys, each in its database.
    Watch(usize, Vec<(usize, String)>),
    /// A client watches nothing any more (UNWATCH, DISCARD).
    Unwatch(usize),
    /// A client's commands, each in its database, as one.
    Exec(usize, Vec<(usize, Words)>),
    /// The clock of a key shows so many milliseconds since 1970.
    Clock(String, u64),
    /// A key goes for want of memory.
    Evicted(usize, String),
}

impl Call {
    /// The words of a command, those of EXEC included.
    pub(super) fn commands(&self) -> impl Iterator<Item = &Words> {
        let (one, several) = match self {
            Call::Command(_, words) => (Some(words), &[][..]),
            Call::Exec(_, calls) => (None, &calls[..]),
            _ => (None, &[][..]),
        };
        one.into_iter().chain(several.iter().map(|(_, words)| words))
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Value {
    bytes: Vec<u8>,
    expire_ms: Option<u64>,
}

/// All keys, and who watches them.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Model {
    dbs: [BTreeMap<String, Value>; DBS],
    clocks: BTreeMap<String, u64>,
    /// By client, database and key: whether it has changed.
    watches: BTreeMap<(usize, usize, String), bool>,
}

impl Spec for Model {
    type Call = Call;

    fn apply(&mut self, call: &Call) -> Vec<u8> {
        match call {
            Call::Command(db, words) => return self.command(*db, words),
            Call::Watch(client, keys) => {
                for (db, key) in keys {
                    self.watches.entry((*client, *db, key.clone())).or_default();
                }
                return ok();
            }
            Call::Unwatch(client) => {
                self.unwatch(*client);
                return ok();
            }
            Call::Exec(client, calls) => return self.exec(*client, calls),
            Call::Clock(key, now_ms) => {
                self.clocks.insert(key.clone(), *now_ms);
                (0..DBS).for_each(|db| self.expire(db, key));
            }
            Call::Evicted(db, key) => _ = self.remove(*db, key),
        }
        Vec::new()
    }
}

impl Model {
    fn exec(&mut self, client: usize, calls: &[(usize, Words)]) -> Vec<u8> {
        if self.unwatch(client) {
            return b"*-1\r\n".to_vec();
        }
        let replies: Vec<u8> = calls.iter().flat_map(|(db, words)| self.command(*db, words)).collect();
        [format!("*{}\r\n", calls.len()).as_bytes(), &replies].concat()
    }

    /// True when a key that the client watched has changed.
    fn unwatch(&mut self, client: usize) -> bool {
        let mut is_broken = false;
        self.watches.retain(|(watching, ..), changed| {
            is_broken |= *watching == client && *changed;
            *watching != client
        });
        is_broken
    }

    fn command(&mut self, db: usize, words: &[String]) -> Vec<u8> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["SELECT", _] => ok(),
            ["PING"] => b"+PONG\r\n".to_vec(),
            ["SURVEY", text] => bulk(Some(text.as_bytes())),
            ["GET", key] => bulk(self.get(db, key)),
            ["SET", key, value] => self.set(db, key, value, None),
            ["SET", key, value, "PX", ms] => self.set(db, key, value, Some(self.now_ms(key) + number(ms))),
            ["SET", key, value, "PXAT", at_ms] => self.set(db, key, value, Some(number(at_ms))),
            ["GETSET", key, value] => {
                let old = bulk(self.get(db, key));
                self.set(db, key, value, None);
                old
            }
            ["GETDEL", key] => {
                let old = bulk(self.get(db, key));
                self.remove(db, key);
                old
            }
            ["GETEX", key, "PX", ms] => {
                let value = bulk(self.get(db, key));
                self.set_expire(db, key, Some(self.now_ms(key) + number(ms)));
                value
            }
            ["INCR", key] => self.increment(db, key, 1),
            ["INCRBY", key, by] => self.increment(db, key, by.parse().expect("an integer")),
            ["APPEND", key, value] => {
                let Value { mut bytes, expire_ms } = self.dbs[db].get(key).cloned().unwrap_or_default();
                bytes.extend_from_slice(value.as_bytes());
                let len = bytes.len();
                self.put(db, key, Value { bytes, expire_ms });
                int(len)
            }
            ["PEXPIRE", key, ms] => {
                let at_ms = self.now_ms(key) + number(ms);
                int(usize::from(self.set_expire(db, key, Some(at_ms))))
            }
            ["PERSIST", key] => {
                let expires = self.dbs[db].get(key).is_some_and(|value| value.expire_ms.is_some());
                int(usize::from(expires && self.set_expire(db, key, None)))
            }
            ["PTTL", key] => match self.dbs[db].get(key) {
                None => b":-2\r\n".to_vec(),
                Some(Value { expire_ms: None, .. }) => b":-1\r\n".to_vec(),
                Some(Value { expire_ms: Some(at_ms), .. }) => int((at_ms - self.now_ms(key)) as usize),
            },
            _ => self.command_on_several(db, &words),
        }
    }

    fn command_on_several(&mut self, db: usize, words: &[&str]) -> Vec<u8> {
        match *words {
            ["DEL", ref keys @ ..] => int(keys.iter().filter(|&&key| self.remove(db, key)).count()),
            ["EXISTS", ref keys @ ..] => {
                int(keys.iter().filter(|&&key| self.dbs[db].contains_key(key)).count())
            }
            ["MGET", ref keys @ ..] => {
                let values = keys.iter().flat_map(|&key| bulk(self.get(db, key)));
                format!("*{}\r\n", keys.len()).into_bytes().into_iter().chain(values).collect()
            }
            ["MSET", ref pairs @ ..] => self.set_all(db, pairs),
            ["MSETNX", ref pairs @ ..] => {
                let is_free = pairs.iter().step_by(2).all(|&key| !self.dbs[db].contains_key(key));
                if is_free {
                    self.set_all(db, pairs);
                }
                int(usize::from(is_free))
            }
            ["BITOP", operation, to, a, b] => self.combine(db, operation, to, a, b),
            ["LCS", a, b, "LEN"] => int(common_len(&self.bytes(db, a), &self.bytes(db, b))),
            ["RENAME", from, to] => match self.take(db, from) {
                None => b"-ERR no such key\r\n".to_vec(),
                Some(value) => {
                    self.put(db, to, value);
                    ok()
                }
            },
            ["COPY", from, to, "REPLACE"] => match self.dbs[db].get(from).cloned() {
                None => int(0),
                Some(value) => {
                    self.put(db, to, value);
                    int(1)
                }
            },
            ["MOVE", key, to] => {
                let to = number(to) as usize;
                let moves = !self.dbs[to].contains_key(key);
                match self.dbs[db].get(key).cloned().filter(|_| moves) {
                    None => int(0),
                    Some(value) => {
                        self.remove(db, key);
                        self.put(to, key, value);
                        int(1)
                    }
                }
            }
            _ => self.command_on_all(db, words),
        }
    }

    fn command_on_all(&mut self, db: usize, words: &[&str]) -> Vec<u8> {
        match *words {
            ["DBSIZE"] => int(self.dbs[db].len()),
            ["KEYS", "*"] => {
                let keys: Vec<u8> = self.dbs[db].keys().flat_map(|key| bulk(Some(key.as_bytes()))).collect();
                [format!("*{}\r\n", self.dbs[db].len()).as_bytes(), &keys].concat()
            }
            ["FLUSHDB"] => {
                self.flush(db);
                ok()
            }
            ["FLUSHALL"] => {
                (0..DBS).for_each(|db| self.flush(db));
                ok()
            }
            ["SWAPDB", one, other] => {
                let (one, other) = (number(one) as usize, number(other) as usize);
                let mut keys: Vec<String> =
                    self.dbs[one].keys().chain(self.dbs[other].keys()).cloned().collect();
                keys.retain(|_| one != other);
                self.dbs.swap(one, other);
                for key in keys {
                    self.changed(one, &key);
                    self.changed(other, &key);
                }
                ok()
            }
            _ => panic!("the model does not know {words:?}"),
        }
    }

    fn now_ms(&self, key: &str) -> u64 {
        self.clocks.get(key).copied().unwrap_or(START_MS)
    }

    fn get(&self, db: usize, key: &str) -> Option<&[u8]> {
        self.dbs[db].get(key).map(|value| &value.bytes[..])
    }

    fn bytes(&self, db: usize, key: &str) -> Vec<u8> {
        self.get(db, key).unwrap_or_default().to_vec()
    }

    /// Marks the watches of a key.
    fn changed(&mut self, db: usize, key: &str) {
        let of_key = self.watches.iter_mut().filter(|((_, of, name), _)| *of == db && name == key);
        of_key.for_each(|(_, changed)| *changed = true);
    }

    /// Every change of a value or an expire ends here, or in `take`.
    fn put(&mut self, db: usize, key: &str, value: Value) {
        self.dbs[db].insert(key.to_owned(), value);
        self.changed(db, key);
        self.expire(db, key);
    }

    fn take(&mut self, db: usize, key: &str) -> Option<Value> {
        let value = self.dbs[db].remove(key)?;
        self.changed(db, key);
        Some(value)
    }

    fn remove(&mut self, db: usize, key: &str) -> bool {
        self.take(db, key).is_some()
    }

    fn expire(&mut self, db: usize, key: &str) {
        let now_ms = self.now_ms(key);
        if self.dbs[db].get(key).and_then(|value| value.expire_ms).is_some_and(|at_ms| at_ms < now_ms) {
            self.remove(db, key);
        }
    }

    fn flush(&mut self, db: usize) {
        let keys: Vec<String> = self.dbs[db].keys().cloned().collect();
        keys.iter().for_each(|key| _ = self.remove(db, key));
    }

    fn set(&mut self, db: usize, key: &str, value: &str, expire_ms: Option<u64>) -> Vec<u8> {
        self.put(db, key, Value { bytes: value.as_bytes().to_vec(), expire_ms });
        ok()
    }

    fn set_all(&mut self, db: usize, pairs: &[&str]) -> Vec<u8> {
        pairs.chunks(2).for_each(|pair| _ = self.set(db, pair[0], pair[1], None));
        ok()
    }

    fn set_expire(&mut self, db: usize, key: &str, expire_ms: Option<u64>) -> bool {
        // A time that is not to come deletes.
        if expire_ms.is_some_and(|at_ms| at_ms <= self.now_ms(key)) {
            return self.remove(db, key);
        }
        let value = self.dbs[db].get(key).cloned();
        let is_there = value.is_some();
        value.into_iter().for_each(|value| self.put(db, key, Value { expire_ms, ..value }));
        is_there
    }

    fn increment(&mut self, db: usize, key: &str, by: i64) -> Vec<u8> {
        let old = self.dbs[db].get(key).cloned();
        let expire_ms = old.as_ref().and_then(|value| value.expire_ms);
        let text = old.map_or("0".into(), |value| String::from_utf8_lossy(&value.bytes).into_owned());
        let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        match number.and_then(|number| number.checked_add(by)) {
            Some(next) => {
                self.put(db, key, Value { bytes: next.to_string().into_bytes(), expire_ms });
                format!(":{next}\r\n").into_bytes()
            }
            None if number.is_some() => b"-ERR increment or decrement would overflow\r\n".to_vec(),
            None => b"-ERR value is not an integer or out of range\r\n".to_vec(),
        }
    }

    fn combine(&mut self, db: usize, operation: &str, to: &str, a: &str, b: &str) -> Vec<u8> {
        let (a, b) = (self.bytes(db, a), self.bytes(db, b));
        let byte = |bytes: &[u8], at: usize| bytes.get(at).copied().unwrap_or(0);
        let combined: Vec<u8> = (0..a.len().max(b.len()))
            .map(|at| match operation {
                "AND" => byte(&a, at) & byte(&b, at),
                "OR" => byte(&a, at) | byte(&b, at),
                _ => byte(&a, at) ^ byte(&b, at),
            })
            .collect();
        let len = combined.len();
        match len {
            0 => _ = self.remove(db, to),
            _ => self.put(db, to, Value { bytes: combined, expire_ms: None }),
        }
        int(len)
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

fn ok() -> Vec<u8> {
    b"+OK\r\n".to_vec()
}

fn int(value: usize) -> Vec<u8> {
    format!(":{value}\r\n").into_bytes()
}

fn bulk(value: Option<&[u8]>) -> Vec<u8> {
    match value {
        None => b"$-1\r\n".to_vec(),
        Some(bytes) => [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat(),
    }
}

fn common_len(a: &[u8], b: &[u8]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for &left in a {
        let mut diagonal = 0;
        for (at, &right) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if left == right { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[b.len()]
}
