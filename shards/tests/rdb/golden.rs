//! What DUMP of other servers gives, and what is made of it.

use std::collections::BTreeMap;

use shards::rdb::dump;
use shards::rdb::value_type::ValueType;
use shards::rdb::version::{Dialect, WriteVersion};

use crate::model::{Model, Text, load, options, save};

/// A line of `dumps.txt`.
pub(crate) struct Dump {
    pub(crate) server: &'static str,
    pub(crate) commands: &'static str,
    pub(crate) payload: Vec<u8>,
}

impl Dump {
    /// The form and the bytes of the value.
    pub(crate) fn value(&self) -> (ValueType, &[u8]) {
        let (version, body) = dump::open(&self.payload).expect("the payload is as the server gave it");
        let (number, value) = body.split_first().unwrap();
        (ValueType::of(*number, version.dialect).unwrap(), value)
    }
}

pub(crate) fn dumps() -> Vec<Dump> {
    let line = |line: &'static str| {
        let [server, commands, hex] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let payload = (0..hex.len()).step_by(2).map(byte).collect();
        Dump { server, commands, payload }
    };
    include_str!("dumps.txt").lines().map(line).collect()
}

/// The words of a command, with what some of them stand for.
fn words(command: &str) -> Vec<Text> {
    let expand = |word: &str| -> Vec<Text> {
        if let Some((count, text)) = word.strip_prefix('*').and_then(|rest| rest.split_once(':')) {
            return vec![text.bytes().cycle().take(count.parse().unwrap()).collect()];
        }
        let Some(rest) = word.strip_prefix('@') else { return vec![word.into()] };
        let each = |at: usize| -> Vec<String> {
            match &rest[..1] {
                "h" => vec![format!("f{at}"), format!("v{at}")],
                "z" => vec![format!("{at}.5"), format!("m{at}")],
                "e" => vec![format!("e{at}")],
                _ => vec![at.to_string()],
            }
        };
        (0..rest[1..].parse().unwrap()).flat_map(each).map(String::into_bytes).collect()
    };
    command.split(' ').flat_map(expand).collect()
}

/// What the commands leave in their key.
pub(crate) fn expected(commands: &str) -> Model {
    let mut commands = commands.split('&');
    let words = words(commands.next().unwrap());
    let args = words[2..].to_vec();
    let pairs = || args.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    let mut model = match &words[0][..] {
        b"SET" => Model::String(args[0].clone()),
        b"RPUSH" => Model::List(args),
        b"SADD" => Model::Set(args.into_iter().collect()),
        b"HSET" => {
            Model::Hash(pairs().map(|(field, value)| (field, (value, None))).collect::<BTreeMap<_, _>>())
        }
        _ => {
            let score = |text: &Text| std::str::from_utf8(text).unwrap().parse::<f64>().unwrap();
            let mut items: Vec<_> = pairs().map(|(text, member)| (score(&text), member)).collect();
            items.sort_by(|a, b| a.partial_cmp(b).unwrap());
            Model::SortedSet(items)
        }
    };
    // HPEXPIREAT k time FIELDS count field ...
    if let (Some(command), Model::Hash(fields)) = (commands.next(), &mut model) {
        let words: Vec<&str> = command.split(' ').collect();
        for field in &words[5..] {
            fields.get_mut(field.as_bytes()).unwrap().1 = Some(words[2].parse().unwrap());
        }
    }
    model
}

#[test]
fn what_other_servers_dump_is_read() {
    let dumps = dumps();
    assert!(dumps.len() > 60);
    for dump in &dumps {
        let (form, bytes) = dump.value();
        let entry = load(form, bytes).unwrap_or_else(|error| panic!("{}: {error}", dump.commands));
        let found = Model::of(entry.expect("it is not empty").view().value());
        assert_eq!(found, expected(dump.commands), "{} of {}", dump.commands, dump.server);
    }
}

/// What is written in one piece is what the servers write, but for the order of tables, the bytes of what is
/// compressed, and where nodes of long lists end.
#[test]
fn what_is_dumped_is_what_other_servers_dump() {
    let mut compared = 0;
    for dump in &dumps() {
        let (form, bytes) = dump.value();
        let (version, _) = dump::open(&dump.payload).unwrap();
        let version = match version.dialect {
            Dialect::Redis => WriteVersion::Redis10,
            Dialect::Valkey => WriteVersion::Valkey80,
        };
        let entry = load(form, bytes).unwrap().unwrap();
        // Who compresses small strings decides otherwise: only what is long is compressed by all.
        let is_compressed = bytes[0] == 0xc3;
        let (own_form, own_bytes) = save(&entry, options(version, is_compressed), usize::MAX);
        assert_eq!(own_form, form, "{} of {}", dump.commands, dump.server);
        let is_any_order = ["@i", "@h", "@e2", "*", "a b 1", "0.1", "g w"];
        if is_any_order.iter().any(|word| dump.commands.contains(word)) {
            continue;
        }
        compared += 1;
        let mut sealed = [&[form.number()][..], &own_bytes].concat();
        dump::seal(&mut sealed, version);
        assert_eq!(sealed, dump.payload, "{} of {}", dump.commands, dump.server);
    }
    assert!(compared > 20, "{compared}");
}
