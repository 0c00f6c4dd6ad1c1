//! What a few commands do, said as plainly as possible: the specification against which simulated histories are judged.
//!
//! One ordered map, one command at a time. It shares no code with the commands that it describes.

use std::collections::BTreeMap;

use super::history::Spec;

/// The keys and their values.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Model(BTreeMap<String, Vec<u8>>);

impl Spec for Model {
    type Call = Vec<String>;

    fn apply(&mut self, call: &Vec<String>) -> Vec<u8> {
        let words: Vec<&str> = call.iter().map(String::as_str).collect();
        match words[..] {
            ["GET", key] => bulk(self.0.get(key)),
            ["SET", key, value] => {
                self.put(key, value);
                ok()
            }
            ["GETSET", key, value] => {
                let old = bulk(self.0.get(key));
                self.put(key, value);
                old
            }
            ["INCR", key] => self.increment(key),
            ["APPEND", key, value] => {
                let bytes = self.0.entry(key.to_owned()).or_default();
                bytes.extend_from_slice(value.as_bytes());
                int(bytes.len())
            }
            ["DEL", ref keys @ ..] => int(keys.iter().filter(|&&key| self.0.remove(key).is_some()).count()),
            ["EXISTS", ref keys @ ..] => int(keys.iter().filter(|&&key| self.0.contains_key(key)).count()),
            ["MGET", ref keys @ ..] => {
                let values = keys.iter().flat_map(|&key| bulk(self.0.get(key)));
                format!("*{}\r\n", keys.len()).into_bytes().into_iter().chain(values).collect()
            }
            ["MSET", ref pairs @ ..] => {
                self.put_all(pairs);
                ok()
            }
            ["MSETNX", ref pairs @ ..] => {
                let is_free = pairs.iter().step_by(2).all(|&key| !self.0.contains_key(key));
                if is_free {
                    self.put_all(pairs);
                }
                int(usize::from(is_free))
            }
            ["BITOP", operation, to, a, b] => self.combine(operation, to, a, b),
            ["LCS", a, b, "LEN"] => int(common_len(&self.value(a), &self.value(b))),
            ["DBSIZE"] => int(self.0.len()),
            ["FLUSHALL"] => {
                self.0.clear();
                ok()
            }
            _ => panic!("the model does not know {words:?}"),
        }
    }
}

impl Model {
    fn put(&mut self, key: &str, value: &str) {
        self.0.insert(key.to_owned(), value.as_bytes().to_vec());
    }

    fn put_all(&mut self, pairs: &[&str]) {
        pairs.chunks(2).for_each(|pair| self.put(pair[0], pair[1]));
    }

    fn value(&self, key: &str) -> Vec<u8> {
        self.0.get(key).cloned().unwrap_or_default()
    }

    fn increment(&mut self, key: &str) -> Vec<u8> {
        let text = self.0.get(key).map_or("0".into(), |bytes| String::from_utf8_lossy(bytes).into_owned());
        let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
        match number.and_then(|number| number.checked_add(1)) {
            Some(next) => {
                self.put(key, &next.to_string());
                format!(":{next}\r\n").into_bytes()
            }
            None if number.is_some() => b"-ERR increment or decrement would overflow\r\n".to_vec(),
            None => b"-ERR value is not an integer or out of range\r\n".to_vec(),
        }
    }

    fn combine(&mut self, operation: &str, to: &str, a: &str, b: &str) -> Vec<u8> {
        let (a, b) = (self.value(a), self.value(b));
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
            0 => _ = self.0.remove(to),
            _ => _ = self.0.insert(to.to_owned(), combined),
        }
        int(len)
    }
}

fn ok() -> Vec<u8> {
    b"+OK\r\n".to_vec()
}

fn int(value: usize) -> Vec<u8> {
    format!(":{value}\r\n").into_bytes()
}

fn bulk(value: Option<&Vec<u8>>) -> Vec<u8> {
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
