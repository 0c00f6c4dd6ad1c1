//! Whole files: those of other servers, and small ones made here, through windows of every size.

use std::collections::BTreeMap;

use shards::encoding::listpack::{self, Value};
use shards::rdb::crc64::crc64;
use shards::rdb::error::{RdbError, Refused};
use shards::rdb::frame::{self, Usage};
use shards::rdb::load::ValueLoader;
use shards::rdb::scan::{Checksum, PART_BYTES, Scanned, Scanner};
use shards::rdb::sink::Sink;
use shards::rdb::value_type::ValueType;
use shards::rdb::version::WriteVersion;

use crate::golden::{dumps, expected};
use crate::model::{Model, entry, options, save, with_making};

/// A key as a file has it.
#[derive(Debug, PartialEq)]
struct Found {
    expire_ms: Option<u64>,
    usage: Usage,
    /// The bytes of the value, as many as there are parts.
    parts: Vec<Vec<u8>>,
    form: ValueType,
}

/// What a file says.
#[derive(Debug, Default, PartialEq)]
struct Contents {
    keys: BTreeMap<(u64, Vec<u8>), Found>,
    notes: Vec<String>,
}

/// Goes through a file with a window that grows by so many bytes whenever it is too small.
fn scan(file: &[u8], growth: usize) -> Result<Contents, RdbError> {
    let (mut scanner, mut contents) = (Scanner::new(true), Contents::default());
    let (mut start, mut end) = (0, 0);
    let (mut last, mut has_templates) = ((0, Vec::new()), false);
    loop {
        let (passed, scanned) = match scanner.next(&file[start..end]) {
            Err(RdbError::Incomplete { needed }) => {
                assert!(needed > (end - start) as u64, "more is asked for than there is");
                if end == file.len() {
                    return Err(RdbError::Incomplete { needed });
                }
                end = (end + growth).min(file.len());
                continue;
            }
            other => other?,
        };
        let mut note = |text: String| contents.notes.push(text);
        match scanned {
            Scanned::Key(key) => {
                last = (key.db, key.key.to_vec());
                let (expire_ms, usage, form) = (key.expire_ms, key.usage, key.form);
                let is_verbatim = &file[key.offset as usize..][..key.value.len()] == key.value;
                assert!(is_verbatim || has_templates);
                let found = Found { expire_ms, usage, parts: vec![key.value.to_vec()], form };
                assert!(contents.keys.insert(last.clone(), found).is_none());
            }
            Scanned::Part { bytes, offset, .. } => {
                assert!(!bytes.is_empty());
                assert_eq!(&file[offset as usize..][..bytes.len()], bytes);
                contents.keys.get_mut(&last).unwrap().parts.push(bytes.to_vec());
            }
            Scanned::End(checksum) => {
                note(format!("end {checksum:?} {}", file.len() - start - passed));
                return Ok(contents);
            }
            Scanned::Aux { name, value } => {
                note(format!("aux {} {}", name.escape_ascii(), value.escape_ascii()));
            }
            Scanned::Function(code) => note(format!("function {}", code.escape_ascii())),
            other => {
                has_templates |= matches!(other, Scanned::HashTemplate);
                note(format!("{other:?}"));
            }
        }
        start += passed;
        end = end.max(start);
        assert_eq!(scanner.offset(), start as u64);
    }
}

fn model(found: &Found) -> Model {
    with_making(|making| {
        let mut loader = ValueLoader::new(found.form, making);
        found.parts.iter().for_each(|part| loader.feed(part, 0, making).unwrap());
        Model::of(entry(loader.finish(making).unwrap().unwrap()).view().value())
    })
}

/// A file with this between its first bytes and its end.
fn file(version: WriteVersion, write: impl FnOnce(&mut Sink<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut sink = Sink::new(&mut out, true);
    frame::header(&mut sink, version);
    write(&mut sink);
    frame::end(&mut sink);
    let checksum = crc64(&out);
    frame::checksum(&mut Sink::new(&mut out, true), checksum);
    out
}

#[test]
fn files_of_other_servers_are_read_through_any_window() {
    let files = [
        ("redis-7.0.15", &include_bytes!("redis-7.0.15.rdb")[..]),
        ("valkey-9.1.2", &include_bytes!("valkey-9.1.2.rdb")[..]),
    ];
    for (server, file) in files {
        let contents = scan(file, usize::MAX / 2).unwrap();
        let notes = &contents.notes;
        assert!(notes[0].starts_with("Version"), "{notes:?}");
        let name = if server.starts_with("redis") { "aux redis-ver 7.0.15" } else { "aux valkey-ver 9.1.2" };
        assert_eq!(notes[1], name);
        assert!(notes.iter().any(|note| note.starts_with("function #!lua name=lib\\nredis.register")));
        assert!(notes.contains(&"SelectDb(3)".to_owned()));
        assert!(notes.contains(&"ResizeDb { keys: 5, expires: 1 }".to_owned()), "{notes:?}");
        assert_eq!(notes.last().unwrap(), "end Right 0");

        let key = |db: u64, key: &str| &contents.keys[&(db, key.as_bytes().to_vec())];
        assert_eq!(key(3, "expires").expire_ms, Some(4_000_000_000_123));
        match (server, key(3, "last").usage) {
            ("redis-7.0.15", Usage::Frequency(_)) | ("valkey-9.1.2", Usage::IdleSeconds(_)) => {}
            (_, other) => panic!("{server}: {other:?}"),
        }
        assert_eq!(model(key(3, "12345")), Model::String(b"integer key".to_vec()));
        assert_eq!(model(key(3, &"long key ".repeat(5))), Model::String(b"compressed key".to_vec()));
        assert_eq!(key(3, "stream").form.number(), if server.starts_with("redis") { 19 } else { 21 });
        let mut checked = 0;
        for (number, dump) in dumps().iter().filter(|dump| dump.server == "redis-7.0.15").enumerate() {
            if let Some(found) = contents.keys.get(&(0, format!("key:{number}").into_bytes())) {
                assert_eq!(model(found), expected(dump.commands));
                checked += 1;
            }
        }
        assert!(checked > 20);

        for growth in [1, 2, 7, 100, 1000] {
            assert_eq!(scan(file, growth).unwrap(), contents, "{server}, {growth}");
        }
        for len in 0..file.len() {
            assert!(matches!(scan(&file[..len], 4096), Err(RdbError::Incomplete { .. })), "{len}");
        }
    }
}

#[test]
fn a_large_value_comes_in_parts_that_end_between_elements() {
    let texts: Vec<Vec<u8>> = (0..60_000).map(|at| format!("element number {at}").into_bytes()).collect();
    let long = vec![b'x'; PART_BYTES * 3];
    let models = [
        Model::List(texts.iter().cloned().chain([long.clone(), b"behind".to_vec()]).collect()),
        Model::Set(texts.iter().cloned().collect()),
        Model::Hash(texts.iter().map(|text| (text.clone(), (text.clone(), Some(7)))).collect()),
        Model::SortedSet(texts.iter().enumerate().map(|(at, text)| (at as f64, text.clone())).collect()),
    ];
    for model in models {
        let (form, bytes) = model.spelled_out();
        let loaded = with_making(|making| {
            entry(shards::rdb::load::load_value(form, &bytes, 0, making).unwrap().unwrap())
        });
        for version in [WriteVersion::Redis12, WriteVersion::Valkey80] {
            let (form, bytes) = save(&loaded, options(version, false), 10_000);
            let file = file(version, |sink| {
                frame::key(sink, b"large", None, Usage::Unknown, form);
                sink.bytes(&bytes);
                frame::key(sink, b"small", None, Usage::Unknown, ValueType::String);
                sink.text(b"text");
            });
            for growth in [3_000, 100_000, 10_000_000] {
                let contents = scan(&file, growth).unwrap();
                let large = &contents.keys[&(0, b"large".to_vec())];
                assert!(large.parts.len() > 2, "{} parts", large.parts.len());
                let size_max = large.parts.iter().map(Vec::len).max().unwrap();
                assert!(size_max < PART_BYTES * 5, "{size_max}");
                assert_eq!(self::model(large), model, "{version:?}");
                assert_eq!(contents.keys.len(), 2);
            }
        }
    }
}

#[test]
fn a_changed_file_is_told_by_its_checksum() {
    let good = file(WriteVersion::Redis10, |sink| {
        frame::aux(sink, b"redis-bits", b"64");
        frame::function(sink, b"#!lua name=x");
        frame::database(sink, 0, 1, 0);
        frame::key(sink, b"key", Some(5), Usage::IdleSeconds(300), ValueType::String);
        sink.text(b"some text that changes");
    });
    let contents = scan(&good, 10).unwrap();
    assert_eq!(contents.notes.last().unwrap(), "end Right 0");
    assert_eq!(contents.keys[&(0, b"key".to_vec())].expire_ms, Some(5));
    let at = good.windows(4).position(|window| window == b"text").unwrap();
    let mut changed = good.clone();
    changed[at] = b'n';
    assert!(scan(&changed, 10).unwrap().notes.last().unwrap().starts_with("end Wrong"));
    let mut unchecked = changed.clone();
    let len = unchecked.len();
    unchecked[len - 8..].fill(0);
    assert_eq!(scan(&unchecked, 10).unwrap().notes.last().unwrap(), "end Disabled 0");
    let tail = [&good[..], b"*1\r\n"].concat();
    assert_eq!(scan(&tail, 10).unwrap().notes.last().unwrap(), "end Right 4");

    let mut scanner = Scanner::new(false);
    let (mut at, mut end) = (0, None);
    while end.is_none() {
        let (passed, scanned) = scanner.next(&changed[at..]).unwrap();
        at += passed;
        end = if let Scanned::End(checksum) = scanned { Some(checksum) } else { None };
    }
    assert_eq!(end, Some(Checksum::Unchecked));
}

/// Files before version 5 have no checksum, and those of the first versions have times in seconds.
#[test]
fn files_of_the_first_versions_are_read() {
    let file = b"REDIS0002\xfe\x00\xfd\x10\x00\x00\x00\x00\x03key\x05value\xff";
    let contents = scan(file, 3).unwrap();
    let found = &contents.keys[&(0, b"key".to_vec())];
    assert_eq!((found.expire_ms, model(found)), (Some(16_000), Model::String(b"value".to_vec())));
    assert_eq!(contents.notes.last().unwrap(), "end Absent 0");
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let refused = |rest: &[u8]| {
        let file = [b"REDIS0010\xfe\x00", rest].concat();
        match scan(&file, 1).unwrap_err() {
            RdbError::Refused { what, .. } => what.to_string(),
            other => panic!("{other}"),
        }
    };
    for (rest, text) in [
        (&b"\x06\x03key"[..], "Values of type 6 (module of a release candidate of Redis 4.0) are not read"),
        (b"\x1c\x03key\x00", "Values of type 28 (array) are not read"),
        (b"\x63\x03key", "Unknown RDB encoding type 99"),
        (b"\xf6\x03lib", "Pre-release function format not supported."),
        (b"\xf3\x01abcd\x02\x05\x00\x00\x03key\x01v", "The key has metadata of modules, which are not read"),
    ] {
        assert_eq!(refused(rest), text);
    }
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let six = |letter: u8| letters.iter().position(|&other| other == letter).unwrap() as u64;
    let id = b"ReJSON-RL".iter().fold(0, |id, &letter| id << 6 | six(letter)) << 10 | 3;
    let id = [&[0x81][..], &id.to_be_bytes()].concat();
    let value = [&b"\x07\x03key"[..], &id].concat();
    let text = "The RDB file contains module data I can't load: no matching module type 'ReJSON-RL'";
    assert_eq!(refused(&value), text);
    let aux = [&b"\xf7"[..], &id].concat();
    let text = "The RDB file contains AUX module data I can't load: no matching module 'ReJSON-RL'";
    assert_eq!(refused(&aux), text);

    let mut scanner = Scanner::new(true);
    let file = [&b"REDIS0010"[..], &value].concat();
    scanner.next(&file).unwrap();
    assert!(scanner.next(&file[9..]).is_err());
    assert_eq!(scanner.key(), Some(&b"key"[..]), "the message can name the key");
    for magic in [&b"VKCS\x01\x01\x00\x00RDB"[..], b"REDIS0016", b"VALKEY099", b"#!/bin/sh\n"] {
        let error = scan(magic, 1).unwrap_err();
        let is_refused = matches!(
            error,
            RdbError::Refused { what: Refused::Envelope | Refused::Version(_) | Refused::Magic, .. }
        );
        assert!(is_refused, "{error}");
    }
}

/// The magic decides what 22, 242 and 243 mean.
#[test]
fn numbers_of_two_meanings_have_that_of_their_file() {
    let value = b"\x01\x01f\x01v\x10\x00\x00\x00\x00\x00\x00\x00";
    let rest = [&b"\xf3\x03job\x01\x00\x05\x16\x03key"[..], value, &[0xff], &[0; 8]].concat();
    let contents = scan(&[b"VALKEY080", &rest[..]].concat(), 1).unwrap();
    let fields = [(b"f".to_vec(), (b"v".to_vec(), Some(16)))];
    assert_eq!(model(&contents.keys[&(0, b"key".to_vec())]), Model::Hash(fields.into()));
    assert!(contents.notes[1].starts_with("SlotImport"), "{:?}", contents.notes);
    let error = scan(&[b"REDIS0012\x16\x03key", &value[..]].concat(), 1).unwrap_err();
    assert!(error.to_string().contains("release candidate of Redis 7.4"), "{error}");
    let error = scan(b"VALKEY081\xf2\x00", 1).unwrap_err();
    assert!(error.to_string().contains("commands between the keys"), "{error}");
}

#[test]
fn hashes_of_a_template_are_given_as_ordinary_ones() {
    let packed = listpack::new(&[Value::Int(7), Value::Str(b"Edijs"), Value::Int(42)]);
    let mut rest = Vec::new();
    let mut sink = Sink::new(&mut rest, false);
    sink.bytes(b"\xf2\x07\x02\x03age\x04name\xfe\x00");
    sink.bytes(b"\x1e\x06packed");
    sink.raw_text(&packed);
    sink.bytes(b"\x20\x06fields\x07\x03abc\xc0\x2a");
    sink.bytes(b"\x1f\x03own\x01\x02\x01f\x02gg\x01v\x01w");
    sink.bytes(b"\x00\x06string\x01s");
    let file = [b"REDIS0015", &rest[..], &[0xff], &[0; 8]].concat();
    for growth in [1, 1000] {
        let contents = scan(&file, growth).unwrap();
        assert_eq!(contents.notes[1], "HashTemplate");
        let hash = |fields: [(&str, &str); 2]| {
            let pair =
                |(field, value): (&str, &str)| (field.as_bytes().to_vec(), (value.as_bytes().to_vec(), None));
            Model::Hash(fields.map(pair).into())
        };
        let found = |key: &str| model(&contents.keys[&(0, key.as_bytes().to_vec())]);
        assert_eq!(found("packed"), hash([("age", "Edijs"), ("name", "42")]));
        assert_eq!(found("fields"), hash([("age", "abc"), ("name", "42")]));
        assert_eq!(found("own"), hash([("f", "v"), ("gg", "w")]));
        assert_eq!(found("string"), Model::String(b"s".to_vec()));
    }
    for (rest, reason) in [
        (&b"\xf2\x07\x02\x04name\x03age"[..], "out of order"),
        (b"\xf2\x07\x00", "out of order"),
        (b"\xf2\x07\x01\x01a\xf2\x07\x01\x01b", "Duplicate hash template ID"),
        (b"\xf2\x07\x01\x01a\x20\x03key\x08\x01v", "Unknown hash template ID"),
    ] {
        let error = scan(&[b"REDIS0015", rest].concat(), 1).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

/// A stream of the version that `number` stands for, of two nodes, with groups that have something pending.
fn stream(number: u8) -> Vec<u8> {
    let version = [15, 19, 21, 26, 27].iter().position(|&other| other == number).unwrap() + 1;
    let mut out = Vec::new();
    let mut sink = Sink::new(&mut out, false);
    let lengths = |sink: &mut Sink<'_>, count: usize| (0..count).for_each(|at| sink.length(at as u64 * 100));
    sink.length(2);
    (0..2).for_each(|_| [&[7; 16][..], b"listpack"].into_iter().for_each(|text| sink.raw_text(text)));
    lengths(&mut sink, if version == 1 { 3 } else { 8 });
    sink.length(2);
    for pending in [0, 3] {
        sink.raw_text(b"group");
        lengths(&mut sink, if version == 1 { 2 } else { 3 });
        sink.length(pending);
        for _ in 0..pending {
            sink.bytes(&[1; 24]);
            sink.length(5);
        }
        sink.length(2);
        for pending in [0, pending] {
            sink.raw_text(b"consumer");
            sink.bytes(&[2; 16][..if version < 3 { 8 } else { 16 }]);
            sink.length(pending);
            (0..pending).for_each(|_| sink.bytes(&[1; 16]));
        }
        if version == 5 {
            sink.length(1);
            sink.bytes(&[1; 16]);
        }
    }
    if version >= 4 {
        lengths(&mut sink, 2);
        sink.length(2);
        for ids in [0, 2] {
            sink.raw_text(b"producer");
            sink.length(ids);
            for _ in 0..ids {
                sink.raw_text(b"id");
                lengths(&mut sink, 2);
            }
        }
        lengths(&mut sink, 2);
    }
    out
}

#[test]
fn the_end_of_a_stream_of_any_version_is_found() {
    for number in [15, 19, 21, 26, 27] {
        let stream = stream(number);
        let file = file(WriteVersion::Redis12, |sink| {
            let form = ValueType::of(number, WriteVersion::Redis12.read().dialect).unwrap();
            frame::key(sink, b"stream", None, Usage::Unknown, form);
            sink.bytes(&stream);
            frame::key(sink, b"behind", None, Usage::Unknown, ValueType::String);
            sink.text(b"text");
        });
        for growth in [1, 1000] {
            let contents = scan(&file, growth).unwrap();
            assert_eq!(contents.keys[&(0, b"stream".to_vec())].parts, [&stream[..]], "{number}");
            assert_eq!(model(&contents.keys[&(0, b"behind".to_vec())]), Model::String(b"text".to_vec()));
        }
    }
}
